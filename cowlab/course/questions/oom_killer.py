"""The questions of the lesson "Who dies". The engine works out each right answer when it is asked for."""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from contextlib import suppress
from itertools import chain

from ... import scenarios, trace
from ...engine import Deadlock, Machine, ProcessKilled
from ...engine.rules import oom
from ...goals import Goal, alive, all_of, only_killed
from ...units import pages_in, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "oom_killer"

STATE = "2.5 GiB"  # what the service of `scenarios.oom_victim` keeps in memory
SERVICES = {"database": "1.8 GiB", "web": "1.2 GiB"}
"""What runs beside a program that leaks, in `killed_in_turn`."""


def first_victim() -> Prediction:
    """A service that asks for nothing, and a process that leaks: who dies?"""
    ram, leak = "4 GiB", "64 MiB"
    return Prediction(
        f"A machine has {ram} and no swap. A service keeps its state of {STATE} in memory, and works on it all the "
        f"time; it asks for nothing more. A process beside it takes {leak} more again and again, and never gives "
        "any back. At some moment no page is free. What happens?",
        {
            "the process that leaks is killed": "That is the belief that the killer takes whoever asked. It looks at "
            "size, and not at who asked. When memory ended the leaking process was still the smaller one.",
            "the service is killed": "Yes. The killer takes the process with the most memory, whoever asked for the "
            "last page. The service has done nothing wrong, and dies for the other's leak.",
            "the request is refused with an error": "No request was made. The process had been granted the memory "
            "before, and now touches it. A touch has no way to say no: it needs a frame, or somebody dies.",
            "both are killed": "One is enough: the frames of the one that dies are free at once, and the other goes "
            "on. It is killed too only if memory ends a second time.",
        },
        answer=_first_victim,
        lesson=LESSON,
    )


def highest_adj_that_saves() -> Estimate:
    """How far down must the service's oom_score_adj go?"""
    service, leaker = run().oom_reports[0].tasks
    return Estimate(
        f"When memory ends the service has badness {service.badness:,} and the leaking process {leaker.badness:,}. "
        f"The machine has {service.total:,} pages. You lower the service's oom_score_adj from 0, step by step. What "
        "is the first value at which it is spared?",
        "thousandths",
        answer=first_adj_that_saves,
        explain=_about_adj,
        within=0.001,
        lesson=LESSON,
    )


def badness_of(rng: random.Random) -> Estimate:
    """Memory, swap, page tables and an adjustment: what is the badness?"""
    ram, adj = rng.choice([1, 2, 4, 8]), rng.choice([-500, -200, -100, 100, 200, 500])
    rss, swap = rng.randrange(100, 900, 50), rng.choice([0, 20, 40])
    return Estimate(
        f"A process has {rss} MiB in memory, {swap} MiB in swap, 1 MiB of page tables and oom_score_adj {adj}. RAM "
        f"and swap of the machine are {ram} GiB together. What is its badness?",
        "pages",
        answer=lambda: _task(rss, swap, ram, adj).badness,
        explain=lambda guess, _: _about_badness(guess, _task(rss, swap, ram, adj)),
        within=0.002,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Three questions at the end."""
    return Quiz(_three_processes(), _protected_database(), _remedy())


def rescue() -> Goal:
    """The service lives and has its state, and the process that leaks died alone.

    A service that has nothing to lose is no rescue. (Nor is a machine that stopped: there every goal is lost.)
    """
    has_its_state = Goal(f"It has its state of {STATE} in memory.", _has_its_state)
    return all_of(alive("service"), has_its_state, only_killed("leaker"))


def _has_its_state(machine: Machine) -> bool:
    return any(process.name == "service" and process.rss >= parse_size(STATE) for process in machine.processes)


def _three_processes() -> Question:
    return Question(
        "A machine has 8 GiB and no swap. A cache has 3 GiB in memory and oom_score_adj -400, a batch job 1 GiB and 0, "
        "a logger 200 MiB and 300. Memory ends as the batch job writes. Who is killed?",
        {
            "the cache": "No: it is the largest, but -400 takes four tenths of all memory off its badness, and that "
            "is more than it has.",
            "the batch job": "No: it asked, but that counts for nothing. Its badness is its memory, and the logger "
            "has more points with far less memory.",
            "the logger": "Yes: 300 adds three tenths of all memory to its badness, as if it had 2.4 GiB more.",
        },
        answer=_victim_of_three,
        lesson=LESSON,
    )


def _protected_database() -> Question:
    return Question(
        "A machine has 4 GiB. A database has 1.8 GiB in memory and oom_score_adj -1000, a web server 1.2 GiB. A "
        "small program leaks. Who is killed first?",
        {
            "the program that leaks": "No: when memory ends it has what the two others leave, and that is less than "
            "the web server has. It dies second, for it goes on.",
            "the web server": "Yes: -1000 takes the database out of the list, and the killer goes on to the next "
            "largest. The protection of one is paid by another.",
            "the database": "No: a process with -1000 is never chosen.",
            "nobody: the kernel panics": "No: that would need -1000 for all of them.",
        },
        answer=lambda: _said(killed_in_turn(database=-1000)[0]),
        lesson=LESSON,
    )


def _remedy() -> Question:
    return Question(
        "The same machine. What makes sure that the program that leaks is the first to die?",
        {
            "oom_score_adj 100 for the program that leaks": "No: it adds a tenth of memory to its badness, and the "
            "database still has more. Such a number is right for one size of its neighbours only.",
            "oom_score_adj -500 for the database": "No: then the web server is the next largest, and dies.",
            "oom_score_adj 1000 for the program that leaks": "Yes: that adds all of memory to its badness, and nobody "
            "without an adjustment can have more. It says who may die first, where -1000 says only who may not.",
            "oom_score_adj -1000 for all three": "No: then nobody can be killed, and Linux panics: "
            "'System is deadlocked on memory'. All processes are gone, both services among them.",
        },
        answer=_the_one_that_kills_the_leaker,
        lesson=LESSON,
    )


# Explanations ---------------------------------------------------------------------------------------------------------


def _about_adj(guess: float, answer: float) -> str:
    """Why this guess is right or not."""
    service, leaker = run().oom_reports[0].tasks
    rule = (
        f"The two are {service.badness - leaker.badness:,} points apart. A step of 1 is a thousandth of all pages, "
        f"{service.total // 1000:,} points, and {-answer:g} steps are the first that are more."
    )
    if guess == answer:
        return f"Yes. {rule}"
    if guess == -answer:
        return f"Right but for the sign: a positive value makes it more likely to die. {rule}"
    if guess == -1000:
        return f"That spares it in any case. Much less is enough. {rule}"
    if -guess >= 10000:
        return f"That is a number of pages. The adjustment is in thousandths of memory. {rule}"
    return rule


def _about_badness(guess: float, task: oom.Task) -> str:
    """Why this guess is right or not."""
    plain, adj = task.rss + task.swap + task.page_tables, task.oom_score_adj
    known = [
        (plain, "That leaves out the adjustment."),
        (plain + adj, "That adds the adjustment as pages. It is in thousandths of RAM and swap."),
        (plain + adj * plain // 1000, "That takes thousandths of the process. They are of RAM and swap."),
        (plain - adj * (task.total // 1000), "That has the wrong sign: a negative adjustment lowers badness."),
    ]
    rule = (
        f"Memory, swap and page tables are {plain:,} pages. A thousandth of RAM and swap is {task.total // 1000:,} "
        f"pages (rounded down), and {adj} of them make {adj * (task.total // 1000):,}. Together {task.badness:,}."
    )
    if math.isclose(guess, task.badness, rel_tol=0.002):
        return f"Yes. {rule}"
    nearest, why = min(known, key=lambda each: abs(guess - each[0]))
    return f"{why} {rule}" if math.isclose(guess, nearest, rel_tol=0.002) else rule


# What the engine says -------------------------------------------------------------------------------------------------


def killed_in_turn(leaks: str = "leaker", **adj: int) -> list[str]:
    """Whom the killer takes, in turn, as one of three processes leaks until it dies; "nobody" is the end, a deadlock.

    `adj` is {name: oom_score_adj}, 0 where it is not given.
    """
    machine = Machine(ram="4 GiB", overcommit="always")
    for name, size in {**SERVICES, "leaker": "4 KiB"}.items():
        machine.spawn(name, oom_score_adj=adj.get(name, 0)).mmap(size).write()
    with suppress(ProcessKilled, Deadlock):
        while True:
            machine[leaks].mmap("64 MiB").write()
    victims = [[task.name for task in report.killed] or ["nobody"] for report in machine.oom_reports]
    return list(chain.from_iterable(victims))


def first_adj_that_saves() -> int:
    """The highest oom_score_adj with which the service outlives the leak."""
    steps = range(-oom.NEVER + 1)
    return -bisect_left(steps, True, key=lambda step: _victims(service_adj=-step) == ["leaker"])


def run(**values: int) -> Machine:
    """A machine after `scenarios.oom_victim` with these values."""
    made = scenarios.oom_victim(**values)  # type: ignore[arg-type]
    return trace.machine_after(made)


def _victims(**values: int) -> list[str]:
    """Whom the killer takes there."""
    return [task.name for report in run(**values).oom_reports for task in report.killed]


def _first_victim() -> str:
    return {
        ("service",): "the service is killed",
        ("leaker",): "the process that leaks is killed",
        ("service", "leaker"): "both are killed",
    }[tuple(_victims())]


def _task(rss: int, swap: int, ram: int, adj: int) -> oom.Task:
    """A process of so many MiB on a machine of so many GiB, as the killer sees it."""
    machine = Machine(ram="64 KiB")
    in_memory, swapped, tables, total = (
        pages_in(size) for size in (f"{rss} MiB", f"{swap} MiB", "1 MiB", f"{ram} GiB")
    )
    return oom.Task(machine.spawn(), "process", in_memory, in_memory, swapped, tables, adj, total)


def _victim_of_three() -> str:
    machine = Machine(ram="8 GiB", overcommit="always")
    for name, size, adj in [("cache", "3 GiB", -400), ("batch job", "1 GiB", 0), ("logger", "200 MiB", 300)]:
        machine.spawn(name, oom_score_adj=adj).mmap(size).write()
    chosen = machine.oom_policy(machine.shortage.killer.tasks(machine.cgroups.root))
    assert chosen, "nobody is protected"
    return f"the {chosen.name}"


def _said(name: str) -> str:
    names = {"leaker": "the program that leaks", "web": "the web server", "database": "the database"}
    return names.get(name, "nobody: the kernel panics")


def _the_one_that_kills_the_leaker() -> str:
    """The only choice with which the leaking program is the first to die."""
    outcomes = {
        "oom_score_adj 100 for the program that leaks": killed_in_turn(leaker=100),
        "oom_score_adj -500 for the database": killed_in_turn(database=-500),
        "oom_score_adj 1000 for the program that leaks": killed_in_turn(leaker=1000),
        "oom_score_adj -1000 for all three": killed_in_turn(database=-1000, web=-1000, leaker=-1000),
    }
    (right,) = [choice for choice, killed in outcomes.items() if killed[0] == "leaker"]
    return right


practice = [badness_of]
"""For endless practice: functions of a random generator, each of which makes a question."""
