"""The questions of the lesson "Fork shares memory". The engine works out each right answer when it is asked for."""

from __future__ import annotations

import math
import random

from ... import scenarios, trace
from ...engine import Machine
from ...units import count, format_size, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "fork_sharing"

FORKS = 3


def data_after_forks(size: str = "300 MiB", ram: str = "1 GiB") -> Prediction:
    """Three forks with copy-on-write, and nobody writes: how much data is in memory?"""
    one, two, four = (format_size(n * parse_size(size)) for n in (1, 2, FORKS + 1))
    return Prediction(
        f"A process holds {one} and forks three children. Nobody writes. How much data is in memory then?",
        {
            four: "That is a copy for each child, as on the first machine. With copy-on-write a fork copies no "
            "page at all: four page tables lead to the same frames.",
            two: "That is one copy, which the three children would share. But nobody has written yet, so there "
            "is nothing to keep apart, and not even one copy is made. This is the belief that fork doubles "
            "memory.",
            one: "Yes. A fork copies no page: four page tables lead to the same frames.",
            "a child is refused again": "The copies were what did not fit. With copy-on-write a fork takes "
            "frames for page tables only, and those fit easily.",
        },
        answer=lambda: _data_after_forks(size, ram),
        lesson=LESSON,
    )


def rss_added_up(size: str = "300 MiB", children: int = 50) -> Prediction:
    """Many children that write nothing: what is the sum of RSS?"""
    one, two, all_of_them = (format_size(n * parse_size(size)) for n in (1, 2, children + 1))
    return Prediction(
        f"A process that holds {one} has forked {children} children, and nobody has written. What does RSS add "
        f"up to, over all {children + 1} processes?",
        {
            one: "That is what is in memory, and it is what PSS adds up to. RSS counts a shared page in full in "
            "every process, so each child shows as much as its parent.",
            two: "That would be the parent and one copy. But nothing is copied, and RSS counts the same frames "
            "once for each process that maps them.",
            all_of_them: "Yes. Each process counts every page that it maps, shared or not, so the same frames "
            "are counted once for each process.",
        },
        answer=lambda: _sum_of_rss(size, children),
        lesson=LESSON,
    )


def other_sums(rng: random.Random) -> Prediction:
    """`rss_added_up` with other numbers."""
    return rss_added_up(f"{rng.choice([50, 64, 100, 200, 300])} MiB", children=rng.randrange(5, 51))


def pss_of_a_child(rng: random.Random) -> Estimate:
    """Each child writes a part of what it shares: what is its PSS then?"""
    size, children, percent = rng.choice([40, 80, 120, 200]), rng.choice([1, 3, 4, 7]), rng.choice([10, 20, 30, 50])
    return Estimate(
        f"A process has written {size} MiB, and forks {count(children, 'child', 'children')}. Each child then writes "
        f"the same {percent}% of the pages; the parent writes nothing. What is the PSS of a child?",
        "MiB",
        answer=lambda: _pss_of_a_child(f"{size} MiB", children, percent),
        explain=lambda guess, _: _about_pss(guess, size, children, percent),
        within=0.01,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Three questions at the end."""
    return Quiz(_killed_child(), _dashboard(), _growth())


def _killed_child() -> Question:
    return Question(
        "A database forks a child that saves a snapshot. While the child works, the database writes a tenth of "
        "its pages. Now you kill the child. What does that give back?",
        {
            "its RSS": "No: most of its pages are the database's as well, and those stay. RSS says what a "
            "process can see, not what its end would free.",
            "its USS and its page tables": "Yes. USS counts the pages that the child alone still maps: the old "
            "versions of those that the database has written since.",
            "nothing": "Not quite. Of each page that the database has written there are two versions now, and "
            "the old one belongs to the child alone.",
        },
        answer=_given_back_by_exit,
        lesson=LESSON,
    )


def _dashboard() -> Question:
    return Question(
        "You write a dashboard for a server whose workers are forked from one parent. Which measure may it add "
        "up over the processes?",
        {
            "VSZ": "No: VSZ counts what is mapped, whether it was ever touched, and again in each process.",
            "RSS": "No: RSS counts a shared page once for each process that maps it. Such a dashboard shows "
            "memory that is not there.",
            "PSS": "Yes: each page counts once in all, divided among those who map it. Only page tables are missing.",
            "USS": "No: USS leaves out the shared pages altogether, so the sum is too small by all that is shared.",
        },
        answer=_column_that_adds_up,
        lesson=LESSON,
    )


def _growth() -> Question:
    return Question(
        "A parent forks three children. Each child writes the same quarter of its pages; the parent writes "
        "nothing. By how much does the data in memory grow?",
        {
            "not at all": "No: a child that writes a shared page needs a page of its own, or the others would "
            "see what it wrote.",
            "by a quarter": "No: that would be one copy for all three. Each child writes something of its own, "
            "so each gets its own copies.",
            "by three quarters": "Yes: three children, and a quarter of the pages copied for each. The parent "
            "keeps the old pages.",
            "by as much again": "No: that would need a copy for the parent too, or more pages written. The "
            "parent has written nothing, so it keeps the old pages.",
        },
        answer=_growth_by_writes,
        lesson=LESSON,
    )


def _about_pss(guess: float, size: int, children: int, percent: int) -> str:
    """Why this guess is right or not: MiB, and the numbers of the question."""
    own, shared, sharers = size * percent / 100, size * (100 - percent) / 100, children + 1
    known = [
        (size, "That is its RSS: each page that it maps in full, shared or not."),
        (own, "That is its USS, the pages that it wrote. PSS has its part of the shared pages too."),
        (size / sharers, "That was its PSS before the writes. What it wrote is its own now, and counts in full."),
        (shared / sharers, "That is its part of the shared pages. What it wrote is its own, and counts in full."),
    ]
    rule = (
        f"What it wrote is its own and counts in full, {own:g} MiB. The other {shared:g} MiB are shared by "
        f"{sharers} processes, and count for {shared / sharers:g} MiB in each."
    )
    wrong = [why for number, why in known if math.isclose(guess, number, rel_tol=0.01)]
    right = math.isclose(guess, own + shared / sharers, rel_tol=0.01)
    return f"Yes. {rule}" if right else " ".join([*wrong[:1], rule])


# What the engine says -------------------------------------------------------------------------------------------------


def _data(machine: Machine) -> int:
    return machine.meminfo()["AnonPages"] * 1024


def run(**values: object) -> Machine:
    """The machine after `scenarios.fork_sharing` with these values."""
    made = scenarios.fork_sharing(**values)  # type: ignore[arg-type]
    return trace.run(trace.machine_of(made), made["ops"])


def _data_after_forks(size: str, ram: str) -> str:
    machine = Machine(ram=ram)
    parent = machine.spawn("parent")
    parent.mmap(size, name="heap").write()
    for _ in range(FORKS):
        parent.fork()
    return format_size(_data(machine))


def _sum_of_rss(size: str, children: int) -> str:
    machine = run(size=size, children=children, written_percent=0)
    return format_size(sum(process.rss for process in machine.processes))


def _pss_of_a_child(size: str, children: int, percent: int) -> float:
    machine = run(size=size, children=children, written_percent=percent)
    return machine["child 1"].pss / 2**20


def _given_back_by_exit() -> str:
    machine = Machine()
    database = machine.spawn("database")
    heap = database.mmap("300 MiB", name="heap")
    heap.write()
    child = database.fork("snapshot")
    heap.write(0, heap.pages // 10)
    before, rss, own = machine.meminfo()["MemFree"], child.rss, child.uss + child.page_tables
    child.exit()
    given_back = (machine.meminfo()["MemFree"] - before) * 1024
    return {rss: "its RSS", own: "its USS and its page tables", 0: "nothing"}[given_back]


def _column_that_adds_up() -> str:
    machine = run(size="64 MiB", children=10, written_percent=20)
    sums = {
        name: sum(getattr(process, name.lower()) for process in machine.processes)
        for name in ("VSZ", "RSS", "PSS", "USS")
    }
    return min(sums, key=lambda name: abs(sums[name] - _data(machine)))


def _growth_by_writes() -> str:
    machine = run(size="16 MiB", children=3, written_percent=25)
    quarters = round(4 * (_data(machine) / machine["parent"].rss - 1))
    return {0: "not at all", 1: "by a quarter", 3: "by three quarters", 4: "by as much again"}[quarters]


practice = [other_sums, pss_of_a_child]
"""For endless practice: functions of a random generator, each of which makes a question."""
