"""Questions for endless practice: their numbers are drawn, and the engine works out the answers.

A drill is a function of a random generator that makes a question; `BY_LESSON` says to which lesson each belongs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import permutations

from .. import scenarios, trace
from ..course import Ask, Estimate, PagePrediction, Place, Prediction, copied_pages
from ..engine import Machine, OutOfMemory, oom
from ..engine.commit import MODES
from ..units import format_size, parse_size

Drill = Callable[[random.Random], Ask]
EXACT = 0.001  # a part of the answer, for counts
ORDERS = list(permutations(["the parent writes all of them", "the child writes all of them", "the child exits"]))


# Lesson 2: what writes cost -------------------------------------------------------------------------------------------


def faults_of_an_order(rng: random.Random) -> Estimate:
    """The two writes and the exit come in one of six orders: how many copies do the writes make, or faults?"""
    pages, order, what = rng.randrange(10, 1000, 10), rng.choice(ORDERS), rng.choice(["copies", "faults"])
    return Estimate(
        f"A parent has written {pages} pages, and forks a child. Then, in this order: {'; '.join(order)}. (Who has "
        f"exited writes nothing.) How many {what} are there in all?",
        what,
        answer=lambda: _cost_of(order, pages)[what],
        explain=lambda guess, answer: _about_orders(guess, answer, pages, what),
        within=EXACT,
    )


def _cost_of(order: tuple[str, ...], pages: int) -> dict[str, int]:
    """Copies and faults of the writes in this order."""
    parent = Machine().spawn("parent")
    parent.mmap(pages * 4096, name="heap").write()
    child = parent.fork("child")
    cost = {"copies": 0, "faults": 0}
    for event in order:
        writer = parent if event.startswith("the parent") else child
        if event == "the child exits":
            child.exit()
        elif writer.alive:
            faults = writer["heap"].write()
            cost["copies"] += faults.copied
            cost["faults"] += faults.minor
    return cost


def _about_orders(guess: float, answer: float, pages: int, what: str) -> str:
    rule = (
        "Who writes while the other still maps the page copies it; who writes as the last owner faults and reuses it."
    )
    if guess == answer:
        return f"Yes. {rule}"
    if what == "copies" and guess == 2 * pages:
        return f"That would be a copy for each of them. But the second to write finds itself alone on the frame. {rule}"
    if what == "copies" and guess == 0:
        return f"The first write came while both mapped the page, and they must not see each other's writes. {rule}"
    if what == "copies":
        return f"Ask of each write who maps the frame at that moment. {rule}"
    if guess < answer:
        return f"A fault comes with every first write after the fork, copy or not: the entry is read-only. {rule}"
    return f"Only the first write to a page after the fork faults, and only of a process that is alive. {rule}"


def copied_page(rng: random.Random) -> PagePrediction:
    """A child has written some pages; the parent now writes three: which of them is copied?"""
    pages = rng.randrange(6, 17, 2)
    written = sorted(rng.sample(range(pages), 3))
    shared = rng.choice(written)
    machine = Machine(ram="1 MiB")
    parent = machine.spawn("parent")
    parent.mmap(pages * 4096, name="heap").write()
    child = parent.fork("child")
    for page in range(pages):
        if page in written and page != shared:
            child["heap"].write(page)
    return PagePrediction(
        f"The parent now writes its pages {written[0]}, {written[1]} and {written[2]}. One of these writes copies: "
        "which page of the parent is copied?",
        machine,
        answer=lambda machine: copied_pages(machine, lambda: [machine["parent"]["heap"].write(n) for n in written]),
        explain=lambda place, right: _about_copied(place, written, place in right),
    )


def _about_copied(place: Place, written: list[int], right: bool) -> str:
    if right:
        return "Yes: the child still maps its frame, so the parent, who writes, gets a copy."
    if place.process == "child":
        return "The copy goes to whoever writes, and here the parent does. The child's pages stay where they are."
    if place.page not in written:
        return "Nobody writes this page now. A page that is shared stays so until somebody writes it."
    return "The child has written this page, and has a frame of its own for it. So the parent is alone on the old one."


# Lesson 4: promises ---------------------------------------------------------------------------------------------------


def granted_or_refused(rng: random.Random) -> Prediction:
    """A process asks for more memory in one of the three modes: does it get the promise?"""
    ram, mode = rng.choice([8, 16, 32]), rng.choice(list(MODES))
    if mode == "never":
        promised = rng.randrange(1, ram // 2 - 1)
        asked = max(1, ram // 2 - promised + rng.choice([-3, -1, 1, 3]))
    else:  # what is promised already may be anything: here more than there is
        promised, asked = ram + rng.randrange(1, 8), ram * rng.choice([2, 3, 5, 6]) // 4
    granted = _granted(ram, mode, promised, asked)
    rule = {
        "heuristic": "Mode 0 looks at one request alone, and refuses it if it exceeds RAM and swap by itself. What was "
        "promised before does not count.",
        "always": "Mode 1 refuses nothing.",
        "never": f"Mode 2 adds up what is promised. All promises together must stay below CommitLimit, here half of "
        f"RAM ({ram / 2:g} GiB), less a small reserve.",
    }[mode]
    return Prediction(
        f"A machine has {ram} GiB of RAM and no swap; vm.overcommit_memory is {MODES[mode]}, and overcommit_ratio is "
        f"50. {promised} GiB have been promised to other processes, which use nothing of it yet. A process "
        f"asks for {asked} GiB at once. What happens?",
        {
            "it is granted": f"Yes. {rule}" if granted else f"No, though nothing is in use yet. {rule}",
            "it is refused": f"No, though more is promised than there may be. {rule}" if granted else f"Yes. {rule}",
        },
        answer=lambda: "it is granted" if _granted(ram, mode, promised, asked) else "it is refused",
    )


def _granted(ram: int, mode: str, promised: int, asked: int) -> bool:
    """Does a process get `asked` GiB, when others have `promised`? They got it in requests of 1 GiB."""
    machine = Machine(ram=f"{ram} GiB", overcommit=mode)
    for _ in range(promised):
        machine.spawn().mmap("1 GiB")
    try:
        machine.spawn().mmap(f"{asked} GiB")
    except OutOfMemory:
        return False
    return True


# Lesson 5: used at the writes -----------------------------------------------------------------------------------------


def gib_after_writes(rng: random.Random) -> Estimate:
    """Workers write a part of the data set that they share: how much is in memory?"""
    data, workers, percent = rng.choice([1, 2, 4]), rng.randrange(10, 101, 10), rng.choice([5, 10, 25, 50, 100])
    return Estimate(
        f"A process loads {data} GiB of data and forks {workers} workers. Each worker then writes {percent}% of the "
        "pages. Memory is not short. How much data is in memory, all processes together?",
        "GiB",
        answer=lambda: _gib_in_memory(data, workers, percent),
        explain=lambda guess, _: _about_gib(guess, data, workers, percent),
        within=0.02,
    )


def _gib_in_memory(data: int, workers: int, percent: int) -> float:
    made = scenarios.batch_explosion(data=f"{data} GiB", workers=workers, written_percent=percent, ram="512 GiB")
    machine = trace.run(Machine(**made["machine"]), made["ops"])
    return machine.meminfo()["AnonPages"] / 2**20


def _about_gib(guess: float, data: int, workers: int, percent: int) -> str:
    copies = data * workers * percent / 100
    rule = (
        f"The {data} GiB stay, since the loader maps them. Each of {workers} workers has copies of {percent}% beside "
        f"them: {copies:g} GiB. Together {data + copies:g} GiB."
    )
    known = [
        (data + copies, "Yes."),
        (data * (workers + 1), "That is what is promised, a copy for each. A page that nobody writes stays shared."),
        (data, "That was so after the forks. Each page that a worker writes is copied for it."),
        (copies, "Those are the copies alone. The pages that they were copied from are in memory too."),
        (
            data * (1 + percent / 100),
            "That would be one set of copies for all. Each worker writes something of its own.",
        ),
    ]
    why = [why for number, why in known if math.isclose(guess, number, rel_tol=0.02)]
    return " ".join([*why[:1], rule])


# Lesson 6: whom the OOM killer takes ----------------------------------------------------------------------------------


def victim(rng: random.Random) -> Prediction:
    """Three processes with different sizes and adjustments: whom does the OOM killer take?"""
    ram = rng.choice([8, 16])
    sizes = rng.sample([256, 512, 1024, 1536, 2048, 3072], 3)
    adjustments = rng.sample([-1000, -500, 0, 0, 100, 300, 500], 3)
    processes = dict(zip(["web", "database", "batch"], zip(sizes, adjustments, strict=True), strict=True))
    told = "; ".join(
        f"{name} has {format_size(parse_size(f'{size} MiB'))} in memory and oom_score_adj {adj}"
        for name, (size, adj) in processes.items()
    )
    tasks = _tasks(ram, processes)
    chosen = oom.oom_policy(tasks)
    assert chosen
    return Prediction(
        f"A machine with {ram} GiB of RAM and no swap: {told}. Memory runs out. Whom does the OOM killer take?",
        {task.name: _about_victim(task, chosen, max(tasks, key=lambda task: task.rss)) for task in tasks},
        answer=lambda: _victim(ram, processes),
    )


def _tasks(ram: int, processes: dict[str, tuple[int, int]]) -> list[oom.Task]:
    """The processes, {name: (MiB in memory, oom_score_adj)}, as the killer sees them."""
    machine = Machine(ram=f"{ram} GiB")
    for name, (size, adj) in processes.items():
        machine.spawn(name, oom_score_adj=adj).mmap(f"{size} MiB").write()
    return machine.shortage.killer.tasks(machine.cgroups.root)


def _victim(ram: int, processes: dict[str, tuple[int, int]]) -> str:
    chosen = oom.oom_policy(_tasks(ram, processes))
    assert chosen
    return chosen.name


def _about_victim(task: oom.Task, chosen: oom.Task, largest: oom.Task) -> str:
    """What is so of `task`, if it is guessed."""
    if task.oom_score_adj == oom.NEVER:
        return "No: oom_score_adj -1000 means that it is never taken, however large it is."
    points = (
        f"Its points are its pages, with its page tables ({task.rss + task.page_tables:,}), and "
        f"{task.oom_score_adj} thousandths of all pages of the machine ({task.total:,}): {task.badness:,}."
    )
    if task is chosen:
        return f"Yes. {points} No other that may be taken has more."
    why = "It is the largest, but size is not all." if task is largest else "Another has more points."
    return f"No. {points} {chosen.name} has {chosen.badness:,}. {why}"


BY_LESSON: dict[str, list[Drill]] = {
    "02": [faults_of_an_order, copied_page],
    "04": [granted_or_refused],
    "05": [gib_after_writes],
    "06": [victim],
}
"""{number of a lesson: its drills}."""
