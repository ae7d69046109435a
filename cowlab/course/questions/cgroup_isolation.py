"""The questions of the lesson "Limits that contain a failure". The engine works out each right answer when asked."""

from __future__ import annotations

import math
from bisect import bisect_left
from contextlib import suppress

from ... import scenarios, trace
from ...engine import Machine, Mapping, OutOfMemory, Process, ProcessKilled
from ...units import format_size, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "cgroup_isolation"

WORKERS = 16
"""Processes of the leaking pod, in most of the lesson."""
STEADY = {"system": "1 GiB", "steady 1": "300 MiB", "steady 2": "300 MiB", "steady 3": "300 MiB", "steady 4": "300 MiB"}
"""What runs beside the leaking pod, in `who_dies_first`."""
NODE = "10 GiB"


def first_victim(limited: bool = False) -> Prediction:
    """A pod of many processes leaks on a node: who dies first, without limits, or with them?"""
    limits = "Now every pod has a limit of 8 GiB." if limited else "No pod has a limit."
    return Prediction(
        f"{_node()} {limits} Who is killed first?",
        _with_limits() if limited else _without_limits(),
        answer=lambda: _kind_of_victim(limited=limited, leakers=WORKERS),
        lesson=LESSON,
    )


def _node() -> str:
    return (
        f"A node has {NODE}. 2 GiB of it are reserved for the system, whose one process uses 1 GiB. Two steady pods "
        f"use 300 MiB each. A third pod has {WORKERS} worker processes, which leak in turn, 256 MiB at a time."
    )


def _without_limits() -> dict[str, str]:
    return {
        "the system": "Yes. When memory ends the leak is spread over many processes, and none of them has as much as "
        "the system's. The killer looks at processes, and not at pods.",
        "a worker of the leaking pod": "The pod is by far the largest. But the killer looks at processes, and each "
        "worker has less than the system's process.",
        "a steady pod": "These are the smallest of all: the killer takes the largest. With still more workers they "
        "would have their turn, too.",
        "all of the leaking pod": "Without a group that is to die as one, a kill takes one process. And it is not one "
        "of this pod: the killer looks at processes, and each worker has less than the system's.",
    }


def _with_limits() -> dict[str, str]:
    return {
        "the system": "No: it is the largest, but the limit that was met is that of the leaking pod. The killer "
        "looks at processes of that group alone.",
        "a worker of the leaking pod": "Yes: the largest of those in the group whose limit was met. The other workers "
        "live and leak on, until the limit is met again.",
        "a steady pod": "No: it has a limit of its own and is far below it. The leak is charged to another group.",
        "all of the leaking pod": "That is what many believe of a container at its limit. It is so only where "
        "memory.oom.group says so. It is off unless somebody switches it on, and then one process dies.",
    }


def largest_limit() -> Estimate:
    """Up to which limit is the leak contained?"""
    return Estimate(
        f"The same node, {NODE}, and the system's process uses 1 GiB, but four steady pods use 300 MiB each. The limit "
        "of the leaking pod may be chosen freely. Up to which limit does the leak kill nobody but its own workers?",
        "GiB",
        answer=lambda: largest_limit_that_contains() / 2**10,
        explain=_about_limit,
        within=0.02,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Questions at the end."""
    return Quiz(_too_many_limits(), _beyond_high(), _time_to_look(), _who_pays_for_shared(), _who_pays())


def _too_many_limits() -> Question:
    return Question(
        f"A node has {NODE}. A cache holds 4 GiB in memory, and never grows. Beside it two pods leak, one process "
        "each, equally fast. All three have a limit of 8 GiB. Who is killed first?",
        {
            "one of the pods that leak": "No: neither ever gets near its limit. The machine's memory ends before, "
            "when each of the two has less than the cache.",
            "the cache": "Yes. The limits add up to more than the node has, so the node ends first. Then the killer "
            "looks at the whole machine, and the cache is the largest.",
            "both pods that leak": "No: no limit is met. The machine's memory ends first, and a kill takes one "
            "process.",
        },
        answer=_victim_of_two_leaks,
        lesson=LESSON,
    )


def _beyond_high() -> Question:
    return Question(
        "A group has a memory.high of 256 MiB, and no memory.max. There is no swap. Its one program goes on to take "
        "memory. What happens beyond 256 MiB?",
        {
            "the program is killed, after a warning": "No: memory.high is no gentle kill. It kills nobody, and sends "
            "nothing.",
            "its requests are refused": "No: a refusal comes from the account of promises. memory.high looks at pages "
            "that are touched, and touching cannot be refused.",
            "it is slowed down, and has more than 256 MiB": "Yes: each page beyond makes it sleep, longer and longer. "
            "It lives, and its group has more than memory.high says.",
        },
        answer=_what_high_does,
        lesson=LESSON,
    )


def _who_pays_for_shared() -> Question:
    return Question(
        "A process in group /a has written 64 MiB and forks a child, which moves to group /b and reads all of it. "
        "Nobody writes. How much data is charged to /b?",
        {
            "64 MiB": "No: a page is charged once, and not to every group that uses it. The first who touched it pays, "
            "and that was /a.",
            "32 MiB": "No: that is how PSS divides. A charge is never divided: the group of whoever touched it first "
            "pays for all of a page.",
            "0 B": "Yes: all of it is charged to /a, where it was touched first. /b would pay for copies that its "
            "child makes.",
        },
        answer=lambda: format_size(_charged_to_the_reader()),
        lesson=LESSON,
    )


def _time_to_look() -> Question:
    return Question(
        "A program of yours will leak some day, fast. You want ten minutes to look at it while it still lives, and it "
        "must never have more than 512 MiB. What do you set?",
        {
            "memory.max to 512 MiB": "No: that contains it, but the program dies within a second of the start of the "
            "leak, with all that there was to see.",
            "memory.max to 256 MiB": "No: that only kills it sooner.",
            "memory.high to 256 MiB and memory.max to 512 MiB": "Yes: beyond memory.high it is slowed down, more and "
            "more. It takes many minutes on its way to memory.max, and there it ends.",
            "memory.high to 256 MiB": "No: memory.high kills nobody. The program crawls on, beyond what it may have.",
        },
        answer=_the_one_that_gives_time,
        lesson=LESSON,
    )


def _who_pays() -> Question:
    return Question(
        "A process in group /a has written 64 MiB and forks a child, which moves to group /b. The child writes 16 of "
        "the 64 MiB, and the process in /a exits. How much data is charged to /a now?",
        {
            "0 B": "No: nobody is left in /a, but pages that it made are still in use, and they stay charged to it.",
            "16 MiB": "No: those are the copies that the child made, and they are charged to /b.",
            "48 MiB": "Yes: the pages that the child still shares were made in /a, and /a pays until they are free. "
            "The old versions of the other 16 went with their process.",
            "64 MiB": "No: of the pages that the child has copied the old versions were the parent's alone, and "
            "they are free since it exited.",
        },
        answer=lambda: format_size(charged_after_exit()["/a"]),
        lesson=LESSON,
    )


def _about_limit(guess: float, answer: float) -> str:
    """Why this guess is right or not: GiB."""
    known = [
        (8.0, "That leaves the reserve to the system, and nothing to the steady pods beside it."),
        (9.0, "That leaves no room for the steady pods."),
        (6.8, "That leaves the whole reserve to the system. It is safe, and more than was asked."),
    ]
    rule = (
        f"What the others use, {format_size(_used_by_others())}, has to fit beside the limit, with all page tables. So "
        f"it may be {answer:.2f} GiB. That is so as long as the others do not grow."
    )
    if math.isclose(guess, answer, rel_tol=0.02):
        return f"Yes. {rule}"
    wrong = [why for number, why in known if math.isclose(guess, number, rel_tol=0.01)]
    return " ".join([*wrong[:1], rule])


# What the engine says -------------------------------------------------------------------------------------------------


def run(**values: bool | int | str) -> Machine:
    """The machine after `scenarios.cgroup_isolation` with these values."""
    return trace.machine_after(scenarios.cgroup_isolation(**values))  # type: ignore[arg-type]


def killed(**values: bool | int | str) -> list[str]:
    """Whom the killer takes there, in turn."""
    return [task.name for report in run(**values).oom_reports for task in report.killed]


def _kind_of_victim(**values: bool | int | str) -> str:
    name = killed(**values)[0]
    kinds = {"leaky": "a worker of the leaking pod", "steady": "a steady pod", "system": "the system"}
    return kinds[name.partition(" ")[0]]


def who_dies_first(limit: str) -> str:
    """Whom the killer takes first on the node with four steady pods, as workers in a group with this limit leak."""
    machine = Machine(ram=NODE, overcommit="always")
    for name, size in STEADY.items():
        machine.spawn(name).mmap(size).write()
    pod = machine.cgroup("/leaky", max=limit)
    workers = [machine.spawn(f"worker {number}", pod) for number in range(1, WORKERS + 1)]
    leak_in_turn(machine, workers)
    return machine.oom_reports[0].killed[0].name


def leak_in_turn(machine: Machine, workers: list[Process], by: str = "64 MiB") -> None:
    """Each of the workers takes more, in turn, until somebody is killed."""
    with suppress(ProcessKilled):
        while not machine.oom_reports:
            for worker in workers:
                worker.mmap(by).write()
                if machine.oom_reports:
                    break


def largest_limit_that_contains() -> int:
    """MiB: the largest limit with which nobody outside the leaking pod is killed first."""
    limits = range(1, parse_size(NODE) // 2**20 + 1)
    return bisect_left(limits, True, key=lambda limit: not who_dies_first(f"{limit} MiB").startswith("worker"))


def _used_by_others() -> int:
    return sum(map(parse_size, STEADY.values()))


def _victim_of_two_leaks() -> str:
    machine = Machine(ram=NODE, overcommit="always")
    pods = {name: machine.cgroup(f"/{name}", max="8 GiB") for name in ("cache", "pod 1", "pod 2")}
    machine.spawn("cache", pods["cache"]).mmap("4 GiB").write()
    leak_in_turn(machine, [machine.spawn(name, pods[name]) for name in ("pod 1", "pod 2")])
    return "the cache" if machine.oom_reports[0].killed[0].name == "cache" else "one of the pods that leak"


def seconds_to_live(limit: str | None, high: str | None, most: str = "512 MiB") -> tuple[float, bool]:
    """How long a process lives that writes as fast as it can, and whether it ever has more than `most`.

    It writes 1 GiB. One that reaches the end lives for ever: infinity.
    """
    machine = Machine(ram=NODE)
    group = machine.cgroup("/job", max=limit, high=high)
    try:
        machine.spawn("job", group).mmap("1 GiB").write()
        seconds = math.inf
    except ProcessKilled:
        seconds = machine.clock
    return seconds, group.peak > parse_size(most)


def _the_one_that_gives_time() -> str:
    outcomes = {
        "memory.max to 512 MiB": seconds_to_live("512 MiB", None),
        "memory.max to 256 MiB": seconds_to_live("256 MiB", None),
        "memory.high to 256 MiB and memory.max to 512 MiB": seconds_to_live("512 MiB", "256 MiB"),
        "memory.high to 256 MiB": seconds_to_live(None, "256 MiB"),
    }
    (right,) = [choice for choice, (seconds, exceeds) in outcomes.items() if seconds >= 600 and not exceeds]
    return right


def moved_child() -> tuple[Mapping, Mapping]:
    """The heap of a parent in group /a, which has written all of it, and that of its child, which moved to /b."""
    machine = Machine()
    first, second = machine.cgroup("/a"), machine.cgroup("/b")
    heap = machine.spawn("parent", first).mmap("64 MiB", name="heap")
    heap.write()
    child = heap.process.fork("child")
    second.attach(child)
    return heap, child["heap"]


def charged_after_exit() -> dict[str, int]:
    """Bytes of data by group, after a child moved to another group, wrote a quarter, and its parent exited."""
    parents, childs = moved_child()
    childs.write(0, childs.pages // 4)
    parents.process.exit()
    groups = childs.process.machine.cgroups
    return {path: groups[path].stat()["anon"] for path in ("/a", "/b")}


def _what_high_does() -> str:
    machine = Machine(ram=NODE)
    group = machine.cgroup("/job", high="256 MiB")
    try:
        machine.spawn("program", group).mmap("300 MiB").write()
    except OutOfMemory:
        return "its requests are refused"
    except ProcessKilled:
        return "the program is killed, after a warning"
    assert any(event.kind == "throttle" for event in machine.log) and group.current > parse_size("256 MiB")
    return "it is slowed down, and has more than 256 MiB"


def _charged_to_the_reader() -> int:
    """Bytes of data charged to the group of a child that only reads what its parent wrote."""
    _, childs = moved_child()
    childs.read()
    return childs.process.cgroup.stat()["anon"]
