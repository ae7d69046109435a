"""Lesson 3: what a zygote saves."""

from __future__ import annotations

import random

from ...engine import Machine
from ...units import format_size
from .. import Estimate, Prediction
from ..questions.zygote_savings import from_scratch, from_zygote
from .drill import LESSON, explained

MIB = 2**20


def saved_by_a_zygote(rng: random.Random) -> Estimate:
    """So many tabs come from a zygote, and write a part of it: how much memory does that save?"""
    size, tabs, percent = rng.randrange(100, 600, 100), rng.randrange(20, 55, 5), rng.choice([10, 20, 25, 40, 75])
    return Estimate(
        f"A zygote has {size} MiB in memory, all of it heap. It forks {tabs} tabs, and each of them writes {percent}% "
        f"of the pages. How much data is saved, against {tabs} such tabs that start from scratch, without a zygote?",
        "MiB",
        answer=lambda: _saved(size, tabs, percent) / MIB,
        explain=lambda guess, _: _about_saving(guess, size, tabs, percent),
        within=0.01,
        lesson=LESSON,
    )


def _about_saving(guess: float, size: int, tabs: int, percent: int) -> str:
    """Why this guess is right or not: MiB."""
    scratch, copies = size * tabs, size * tabs * percent / 100
    right = scratch - size - copies
    rule = (
        f"From scratch {tabs} tabs have {scratch:,} MiB. With a zygote there are its {size} MiB once, and the copies "
        f"of {percent}% for each tab: {size + copies:,g} MiB. The difference is {right:,g} MiB."
    )
    known = [
        (scratch - copies, "That leaves out the zygote itself, which is one process more."),
        (scratch - size, "That was so before the writes. Each page that a tab writes is copied for it."),
        (size + copies, "That is what is in memory with a zygote, and not what it saves."),
        (copies, "That is what the tabs copy, and not what they spare."),
        (scratch, "That is all that the tabs have from scratch. The zygote and the copies take a part of it."),
    ]
    return explained(guess, right, rule, known, within=0.01)


def saved_beside_code(rng: random.Random) -> Prediction:
    """A part of each worker is program code: how much of the memory does a zygote save then?"""
    size, workers = rng.randrange(100, 600, 100), rng.randrange(10, 55, 5)
    code, percent = rng.choice([20, 60, 80]), rng.choice([10, 25, 40])
    return Prediction(
        f"Each of {workers} workers has {size} MiB in memory: {code}% of it is program code, mapped from a file, and "
        f"the rest is heap, of which a worker writes {percent}%. They started from scratch. Now a zygote that has all "
        "of it forks them instead. How much data is saved?",
        _savings(size, workers, percent, code),
        answer=lambda: format_size(_saved(size, workers, percent, code)),
        lesson=LESSON,
    )


def _savings(size: int, workers: int, percent: int, code: int) -> dict[str, str]:
    """{saving: why it is so, or not}"""
    heap, times = size * (100 - code) // 100, workers * (100 - percent) / 100 - 1
    share = f"Of the heap, {heap} MiB, each worker spares what it does not write, and the zygote is one process more."
    reasons = {
        heap * times: f"Yes. {share} The code is shared from scratch too: there is one copy of the file in memory.",
        size * times: "No: that counts the code as heap. Programs that start from scratch share the pages of a file as "
        f"well, so a zygote cannot save them. {share}",
        heap * (workers - 1): "No: it is right to leave out the code, but that was so before the writes. Each worker "
        f"copies {percent}% of the heap.",
        (size - heap) * (workers - 1): "No: that is the code, had each worker a copy of its own. But it is mapped from "
        f"a file, and shared in any case. {share}",
    }
    return {format_size(round(saving * MIB)): why for saving, why in sorted(reasons.items())}


def _saved(size: int, processes: int, percent: int, code_percent: int = 0) -> int:
    """Bytes of data that a zygote saves."""
    scratch = from_scratch(f"{size} MiB", processes, code_percent)
    return _data(scratch) - _data(from_zygote(f"{size} MiB", processes, percent, code_percent))


def _data(machine: Machine) -> int:
    """Bytes in memory, without page tables."""
    info = machine.meminfo()
    return (info["AnonPages"] + info["Cached"]) * 1024
