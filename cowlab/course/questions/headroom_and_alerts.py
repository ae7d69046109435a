"""The questions of the lesson "Headroom and alerts". The engine works out each right answer when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from ... import scenarios, trace
from ...cluster import Node, Pod, Refused
from ...engine import Error, Machine, OutOfMemory, ProcessKilled
from ...monitor import Monitor, committed_rules, working_set_above
from ...units import format_size, pages_in, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "headroom_and_alerts"

Result = TypeVar("Result")

PAGE = "committed above 1.20 x headroom"
JOBS = {"swap": "0 B", "ticks": 8}
"""What the lesson's bursty jobs have: no swap, and eight seconds."""

TARGET = 1.0
"""Milliseconds in which the store of `six_services` has to answer."""

TOUCHED = 32
"""Pages that one request to that store touches."""


# Predictions ----------------------------------------------------------------------------------------------------------


def data_at_the_page(size: str = "300 MiB", ram: str = "4 GiB", reserve: str = "512 MiB") -> Prediction:
    """A healthy fork tree grows until the alert that wakes somebody: how much data is in memory then?"""
    promised, room = (
        format_size(_at_the_page(size, ram, reserve)[1]),
        format_size(parse_size(ram) - parse_size(reserve)),
    )
    return Prediction(
        f"A machine has {ram}; {reserve} of it are kept for the system. A process that holds {size} forks children, "
        f"one a second, until the alert fires that wakes somebody: promises beyond 1.20 x headroom. Nobody writes. How "
        "much data is in memory at that moment?",
        {
            promised: "That is what is promised. A promise takes no memory: the children share all pages of their "
            "parent as long as nobody writes.",
            room: "That is the headroom itself. The alert compares promises with it, and not use: it fires with "
            "nearly all of the machine free.",
            format_size(parse_size(size)): "Yes: the one copy that all share. The alert is right about the promises "
            "and says nothing about use.",
        },
        answer=lambda: format_size(_at_the_page(size, ram, reserve)[2]),
        lesson=LESSON,
    )


def factor_where_bursts_meet() -> Estimate:
    """Jobs whose bursts come at the same time: at which overcommit factor is the first killed?"""

    def explain(guess: float, answer: float) -> str:
        steady = first_kill(bursts=False)
        if guess >= 0.9 * steady:
            return (
                f"That is the factor of jobs that use their mean all the time: {steady}. The mean is the same here, "
                "but memory has to hold the sum at the worst moment, and then all use all."
            )
        if guess > 1.1 * answer:
            return "That would do where the bursts come at different times and even out. Here none evens out another."
        if guess < 0.9 * answer:
            return "Too careful: all promises together fit as long as their sum is less than RAM."
        return "Yes: all use all of their promise at once, so no more can be promised than there is."

    return Estimate(
        "Jobs are promised 8 MiB each, on 256 MiB of RAM without swap. Each uses 40% of its promise on average: a "
        "fifth of it most of the time, and all of it in a burst. All bursts come at the same second, as with jobs "
        "that start at the full hour. At which overcommit factor (promises, in per cent of RAM) is the first killed?",
        "%",
        answer=lambda: first_kill(correlated=True),
        explain=explain,
        lesson=LESSON,
    )


def who_is_placed() -> Prediction:
    """Two nodes, one of which is full of requests, and the other of use: which takes a pod more?"""
    return Prediction(
        "Two nodes have 8 GiB for pods. On the first, three pods request 2.5 GiB each, and each uses 100 MiB. On the "
        "second, three pods request 500 MiB each, and each uses 2.5 GiB. A new pod requests 1 GiB. Which takes it?",
        {
            "the first": "That is the node where nearly all memory is free. But the scheduler does not see use: 7.5 "
            "GiB are requested there, and another 1 GiB does not fit beside it.",
            "the second": "Yes. Its pods request 1.5 GiB together, and only requests count, though its memory is "
            "nearly all in use.",
            "both": "On the second it fits by requests. On the first it does not: requested memory is taken, whether "
            "it is used or not.",
            "neither": "Use is not asked. By requests the second node has most of its memory left.",
        },
        answer=_who_is_placed,
        lesson=LESSON,
    )


# Six services ---------------------------------------------------------------------------------------------------------


def six_services() -> Quiz:
    """For each of six services: overcommit, limits, swap?"""
    return Quiz(web_workers(), store(), nightly_job(), sidecar(), hourly_jobs(), controller())


def web_workers() -> Question:
    return Question(
        "A web server has a zygote of 300 MiB and 50 workers that it forked; a worker writes 5% of that. The machine "
        "has 4 GiB, no swap, and 512 MiB of reserve. The alert on promises beyond 1.20 x headroom rings every day. "
        "All 50 workers are needed. What do you do?",
        {
            "set overcommit to mode 2, so that promises fit": "No: mode 2 counts each worker's shared pages again, and "
            "refuses most of the forks, with memory free.",
            "add 4 GiB of swap": "No: the rule compares promises with RAM. Swap changes neither, and nothing here "
            "would ever be swapped.",
            "page on the working set, and keep promises as a note": "Yes. The tree uses what its workers write. An "
            "alert on use is quiet, and it will ring if they begin to write more.",
            "run so few workers that the alert is quiet": "No: that leaves most of the work undone to please a figure "
            "that says nothing about use here.",
        },
        answer=lambda: _the_one_that(_web, lambda outcome: outcome == (50, True)),
        lesson=LESSON,
    )


def store() -> Question:
    return Question(
        "A key-value store has three replicas, each on a machine of its own; clients go to another one if one is gone. "
        f"An answer must come within {TARGET:g} ms, and touches {TOUCHED} pages. One day the data of one replica "
        "exceeds its RAM by a fifth. What should its machine have?",
        {
            "swap on an SSD, as large as the data": "No: a page that was swapped out takes longer than everything "
            "else, and a request touches several. The replica stays alive, and answers too late.",
            "swap on a network volume": "No: that is the same, ten times slower. A replica that is slow is worse "
            "than one that is gone: clients keep coming to it.",
            "no swap, and an alert well before the end": "Yes: all that is in memory is fast. If the alert is not "
            "heeded, one replica dies at once, and clients go to the others.",
        },
        answer=lambda: _the_one_that(_store, lambda slowest: slowest is None or slowest <= TARGET),
        lesson=LESSON,
    )


def nightly_job() -> Question:
    return Question(
        "A nightly job fills 640 MiB on a machine with 512 MiB, then works for hours on a quarter of it. Nobody "
        "waits for it; it just must end. Which machine does it need?",
        {
            "one without swap: swap is slow": "No: the job is killed while it fills its memory. Swap is slow for pages "
            "that are needed again and again, and most of these are not.",
            "one with swap": "Yes: what it does not need again is written out once. After that the quarter that it "
            "works on stays in memory, and no touch of it waits.",
            "one with overcommit mode 1, which grants all": "No: a promise is granted, and the job is killed as "
            "it keeps it. No mode makes memory.",
        },
        answer=lambda: _the_one_that(_nightly, lambda majors: majors == 0),
        lesson=LESSON,
    )


def sidecar() -> Question:
    return Question(
        "On a machine with 4 GiB, without swap, a database uses 1.8 GiB, and a web server 1.5 GiB. Beside "
        "them runs a small program that ships logs. It needs 50 MiB, and after an update it leaks. What keeps both "
        "services alive?",
        {
            "oom_score_adj -1000 for the database": "No: now the killer cannot take the database, so it takes the next "
            "largest, the web server. The leak goes on.",
            "a limit of 256 MiB on the program that leaks": "Yes: it meets its own limit and dies alone there, to be "
            "started again. The machine never runs short.",
            "4 GiB of swap": "No: the leak then fills swap as well. On its way it pushes out the services' pages, and "
            "they wait for the disk, until the leak is the largest of all and dies at last.",
            "a limit of 2 GiB on the database": "No: that holds the one down who is not to blame. The leak takes "
            "the rest of the machine, and the largest dies.",
        },
        answer=lambda: _the_one_that(_sidecar, lambda outcome: outcome == ({"shipper"}, False)),
        lesson=LESSON,
    )


def hourly_jobs() -> Question:
    return Question(
        "Twenty teams share a machine for jobs. A job uses 40% of its promise on average. Steady jobs, or jobs whose "
        "bursts come at random, did well. Now all start at the full hour, when each uses all that it is promised. No "
        "swap. How much do you promise, at most?",
        {
            "2.4 times RAM: the mean fills it then": "No: that is right for steady jobs alone. Memory has to hold the "
            "sum at its highest, not the mean.",
            "1.5 times RAM: bursts even out": "No: independent bursts do. These meet, and nothing evens out.",
            "less than RAM": "Yes: bursts that meet leave nothing to overcommit. Or move the jobs apart: then the "
            "same machine takes more.",
        },
        answer=lambda: _the_one_that(_hourly, lambda killed: not killed),
        lesson=LESSON,
    )


def controller() -> Question:
    return Question(
        "The control program of a plant takes 700 MiB as it starts, by day, with people around, and touches it "
        "little by little as it runs. On the machine with 1 GiB other programs have been promised 400 MiB, and use "
        "it. It may refuse to start. It must not be killed at night. Which mode?",
        {
            "mode 0, the heuristic": "No: it looks at one request alone. It grants this one, and somebody is killed "
            "when the pages are touched.",
            "mode 1, always": "No: it refuses nothing, so the failure comes at the touch, at night.",
            "mode 2, never": "Yes: the request is refused at the start, while somebody is there to read the message "
            "and can stop another program.",
        },
        answer=lambda: _the_one_that(_controller, lambda end: end == "refused"),
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def _at_the_page(size: str, ram: str, reserve: str) -> tuple[int, int, int]:
    """Processes, bytes promised, and bytes of data in memory, as a fork tree fires the alert that wakes somebody."""
    machine = Machine(ram=ram)
    monitor = Monitor(machine, rules=committed_rules(reserve))
    parent = machine.spawn("parent")
    parent.mmap(size, name="heap").write()
    while not any(alert.rule == PAGE for alert in monitor.alerts):
        parent.fork()
        machine.advance(1)
    info = machine.meminfo()
    return len(machine.processes), info["Committed_AS"] * 1024, info["AnonPages"] * 1024


def first_kill(**how: bool) -> int:
    """The factor of overcommit, in per cent, from which jobs with bursts are killed."""
    factor = scenarios.first_kill(scenarios.bursty, "overcommit_percent", **JOBS, **how)
    assert factor is not None, "no factor kills: this is what the lesson is about"
    return factor


def two_nodes() -> dict[str, Node]:
    """A node that is full of requests, and one that is full of use, each with 8 GiB for pods."""
    nodes = {}
    for name, request, uses in [("the first", "2.5 GiB", "100 MiB"), ("the second", "500 MiB", "2.5 GiB")]:
        nodes[name] = Node("10 GiB", system_reserved="1 GiB", kube_reserved="924 MiB")
        for number in (1, 2, 3):
            nodes[name].admit(Pod(f"pod {number}", request=request, uses=uses))
    return nodes


def _who_is_placed() -> str:
    takers = []
    for name, node in two_nodes().items():
        with suppress(Refused):
            node.admit(Pod("new", request="1 GiB"))
            takers.append(name)
    return {0: "neither", 1: takers[0] if takers else "", 2: "both"}[len(takers)]


def _the_one_that(outcomes: Callable[[], dict[str, Result]], is_right: Callable[[Result], bool]) -> str:
    """The only choice whose outcome is right."""
    (right,) = [choice for choice, outcome in outcomes().items() if is_right(outcome)]
    return right


def _web() -> dict[str, tuple[int, bool]]:
    """For each choice: how many workers run, and whether nobody is woken."""
    return {
        "set overcommit to mode 2, so that promises fit": _workers(mode="never"),
        "add 4 GiB of swap": _workers(swap="4 GiB"),
        "page on the working set, and keep promises as a note": _workers(on_use=True),
        "run so few workers that the alert is quiet": _workers(most=_quiet_workers()),
    }


def _workers(mode: str = "heuristic", swap: str = "0 B", on_use: bool = False, most: int = 50) -> tuple[int, bool]:
    """How many workers run, and whether no alert that wakes somebody fired."""
    machine = Machine(ram="4 GiB", swap=swap, overcommit=mode)
    rules = [working_set_above()] if on_use else [rule for rule in committed_rules("512 MiB") if rule.name == PAGE]
    monitor = Monitor(machine, rules=rules)
    made = scenarios.headroom(processes=most + 1, written_percent=5)
    trace.run_through(machine, made["ops"])
    machine.advance(60)
    return len(machine.processes) - 1, not monitor.alerts


def _quiet_workers() -> int:
    """So many that one more would fire the alert on promises."""
    return _at_the_page("300 MiB", "4 GiB", "512 MiB")[0] - 2  # less the parent, and the one that fired it


def _store() -> dict[str, float | None]:
    """For each choice: milliseconds of a request that touches pages not used lately; None if the replica is gone."""
    return {
        "swap on an SSD, as large as the data": request_time("ssd"),
        "swap on a network volume": request_time("network"),
        "no swap, and an alert well before the end": request_time(None),
    }


def request_time(device: str | None, ram: str = "40 MiB", data: str = "48 MiB") -> float | None:
    """Milliseconds of a request to a store whose data exceed RAM, with swap on `device`; None if it was killed."""
    costs = Machine().costs if device is None else Machine().costs.on(device)
    machine = Machine(ram=ram, swap="0 B" if device is None else data, overcommit="always", costs=costs)
    heap = machine.spawn("store").mmap(data, name="data")
    try:
        heap.write()
        before = machine.clock
        heap.read(0, TOUCHED)  # the pages that were written first were swapped out first
    except ProcessKilled:
        return None
    return (machine.clock - before) * 1000


def _nightly() -> dict[str, int | None]:
    """For each choice: major faults of the job's later work; None if it was killed, or refused."""
    return {
        "one without swap: swap is slow": later_faults(swap="0 B", overcommit="heuristic"),
        "one with swap": later_faults(swap="1 GiB", overcommit="heuristic"),
        "one with overcommit mode 1, which grants all": later_faults(swap="0 B", overcommit="always"),
    }


def later_faults(swap: str, overcommit: str) -> int | None:
    """Major faults as a job works on, which filled more than RAM and needs a quarter of it; None if it ended."""
    machine = Machine(ram="512 MiB", swap=swap, overcommit=overcommit)
    job = machine.spawn("job")
    try:
        parts = [job.mmap("64 MiB", name=f"part {number}") for number in range(10)]
        for part in parts:
            part.write()
        needed = pages_in("640 MiB") // 4
        for part in parts[-3:]:  # these it needs
            part.write(0, needed // 3)
        return sum(part.write(0, needed // 3).major for part in parts[-3:])
    except (OutOfMemory, ProcessKilled):
        return None


def _sidecar() -> dict[str, tuple[set[str], bool]]:
    """For each choice: who was killed first, and whether services were swapped out before."""
    return {
        "oom_score_adj -1000 for the database": killed_by_leak(adj=-1000),
        "a limit of 256 MiB on the program that leaks": killed_by_leak(shipper_max="256 MiB"),
        "4 GiB of swap": killed_by_leak(swap="4 GiB"),
        "a limit of 2 GiB on the database": killed_by_leak(database_max="2 GiB"),
    }


def killed_by_leak(
    adj: int = 0, shipper_max: str | None = None, database_max: str | None = None, swap: str = "0 B"
) -> tuple[set[str], bool]:
    """Whom the OOM killer took first, as a small program leaks beside two services; were these swapped out before?"""
    machine = Machine(ram="4 GiB", swap=swap, overcommit="always")
    limited = machine.cgroup("/database", max=database_max)
    services = [machine.spawn("database", limited, oom_score_adj=adj), machine.spawn("server")]
    for service, size in zip(services, ["1.8 GiB", "1.5 GiB"], strict=True):
        service.mmap(size).write()
    shipper = machine.spawn("shipper", machine.cgroup("/shipper", max=shipper_max))
    shipper.mmap("50 MiB").write()
    while not machine.oom_reports:
        swapped = any(service.swap for service in services)
        with suppress(ProcessKilled):
            shipper.mmap("64 MiB").write()
    return {task.name for task in machine.oom_reports[0].killed}, swapped


def _hourly() -> dict[str, bool]:
    """For each choice: is a job killed?"""
    factors = {
        "2.4 times RAM: the mean fills it then": 240,
        "1.5 times RAM: bursts even out": 150,
        "less than RAM": 90,
    }
    return {choice: factor >= first_kill(correlated=True) for choice, factor in factors.items()}


def _controller() -> dict[str, str]:
    """For each choice: how it ends."""
    modes = {"mode 0, the heuristic": "heuristic", "mode 1, always": "always", "mode 2, never": "never"}
    return {choice: how_it_ends(mode) for choice, mode in modes.items()}


def how_it_ends(mode: str) -> str:
    """What becomes of a program that asks for 700 MiB where 400 of 1,024 are in use: refused, killed, or it runs."""
    machine = Machine(ram="1 GiB", overcommit=mode)
    for number in range(4):
        machine.spawn(f"other {number}").mmap("100 MiB").write()
    try:
        heap = machine.spawn("control").mmap("700 MiB", name="heap")
        for start in range(0, heap.pages, 1000):
            heap.write(start, min(start + 1000, heap.pages))
    except Error as end:
        return "refused" if isinstance(end, OutOfMemory) else "killed"
    return "killed" if machine.oom_reports else "it runs"
