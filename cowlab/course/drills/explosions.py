"""Lesson 5: promised at the fork, used at the writes."""

from __future__ import annotations

import random

from ... import scenarios, trace
from .. import Estimate
from .drill import LESSON, explained


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
        lesson=LESSON,
    )


def _gib_in_memory(data: int, workers: int, percent: int) -> float:
    made = scenarios.batch_explosion(data=f"{data} GiB", workers=workers, written_percent=percent, ram="512 GiB")
    machine = trace.run(trace.machine_of(made), made["ops"])
    return machine.meminfo()["AnonPages"] / 2**20


def _about_gib(guess: float, data: int, workers: int, percent: int) -> str:
    copies = data * workers * percent / 100
    rule = (
        f"The {data} GiB stay, since the loader maps them. Each of {workers} workers has copies of {percent}% beside "
        f"them: {copies:g} GiB. Together {data + copies:g} GiB."
    )
    known = [
        (data * (workers + 1), "That is what is promised, a copy for each. A page that nobody writes stays shared."),
        (data, "That was so after the forks. Each page that a worker writes is copied for it."),
        (copies, "Those are the copies alone. The pages that they were copied from are in memory too."),
        (
            data * (1 + percent / 100),
            "That would be one set of copies for all. Each worker writes something of its own.",
        ),
    ]
    return explained(guess, data + copies, rule, known, within=0.02)
