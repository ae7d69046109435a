"""Lesson 9: what a snapshot copies, and what reading costs in Python."""

from __future__ import annotations

import random
from typing import Literal

from ...engine import Machine
from ...units import PAGE_SIZE
from .. import Estimate
from ..questions.in_production import pages_of, snapshot
from .drill import LESSON, explained

MIB = 2**20
Kind = Literal["plain", "frozen", "array"]

TOLD: dict[Kind, str] = {
    "plain": "objects, all of them lists and dictionaries. gc.freeze() was not called",
    "frozen": "objects, all of them lists and dictionaries. gc.freeze() was called before the forks",
    "array": "numbers in one large array. gc.freeze() was not called",
}


# Snapshots ------------------------------------------------------------------------------------------------------------


def copied_during_a_snapshot(rng: random.Random) -> Estimate:
    """Clients overwrite a part of a store while a child saves it: how much memory is copied?"""
    size, a_page = rng.choice([64, 128, 256, 512]), rng.choice([4, 8, 16, 20])
    spread = rng.random() < 0.75
    percent = rng.choice([1, 2, 5, 10] if spread else [5, 10])
    where = "spread at random" if spread else "which lie side by side"
    return Estimate(
        f"A store holds {size} MiB of values, {a_page} on a page, and forks a child that saves a snapshot. Until it is "
        f"saved, clients overwrite {percent}% of the values, {where}. How much memory is copied?",
        "MiB",
        answer=lambda: _copied(size, a_page, percent, spread),
        explain=lambda guess, answer: _about_copies(guess, answer, size, a_page, percent, spread),
        within=0.02,
        lesson=LESSON,
    )


def _copied(size: int, a_page: int, percent: int, spread: bool) -> float:
    """MiB that the store copies, as the child lives."""
    heap, _ = snapshot(f"{size} MiB")
    if spread:
        written = heap.write(pages=pages_of(heap.pages * a_page, percent, a_page))
    else:
        written = heap.write(0, -(-heap.pages * percent // 100))
    return written.copied * PAGE_SIZE / MIB


def _about_copies(guess: float, answer: float, size: int, a_page: int, percent: int, spread: bool) -> str:
    """Why this guess is right or not: MiB."""
    untouched = (1 - percent / 100) ** a_page
    side_by_side, at_random = size * percent / 100, size * (1 - untouched)
    if spread:
        rule = (
            f"A page is spared if none of its {a_page} values is written. {100 - percent}% of the values are not, and "
            f"{untouched:.0%} of the pages have none that is. The others are copied: {answer:.3g} MiB."
        )
        other = (side_by_side, "That would be so if they lay side by side. One value on a page is enough to copy it.")
    else:
        rule = f"They fill {percent}% of the pages, and no page is copied for one value alone: {answer:.3g} MiB."
        other = (at_random, "That would be so if they were spread at random. Here those written share their pages.")
    known = [
        other,
        (0, "The child only reads. But the store writes pages that the child still maps, and copies them."),
        (size, "That would be all of it. Pages on which nothing is written stay shared."),
        (size + answer, "That is what is in use then: the values as they were, and the copies. Count the copies."),
        (size - answer, "That is what stays shared. Count the copies."),
    ]
    return explained(guess, answer, rule, known, within=0.02)


# Python ---------------------------------------------------------------------------------------------------------------


def data_of_workers(rng: random.Random) -> Estimate:
    """Python workers look at a part of what they share, and collect garbage: how much data is in memory?"""
    size, workers = rng.randrange(100, 1000, 100), rng.randrange(4, 34, 2)
    percent, kind = rng.choice([5, 10, 20, 40, 60]), rng.choice(list(TOLD))
    return Estimate(
        f"A Python server holds {size} MiB of {TOLD[kind]}. It forks {workers} workers. Each looks at {percent}% of "
        "the data, side by side, and changes nothing; and its garbage collector goes through everything once. How much "
        "of this data is in memory, all processes together?",
        "MiB",
        answer=lambda: _in_memory(size, workers, percent, kind),
        explain=lambda guess, _: _about_workers(guess, size, workers, percent, kind),
        within=0.02,
        lesson=LESSON,
    )


def _in_memory(size: int, workers: int, percent: int, kind: Kind) -> float:
    """MiB: what the parent has, and what the workers copy as they look at it and collect."""
    machine = Machine(ram="64 GiB")
    parent = machine.spawn("parent")
    heap = parent.mmap(f"{size} MiB", name="data")
    heap.write()
    for _ in range(workers):
        data = parent.fork()["data"]
        if kind == "array":
            data.read()  # no counts, and no headers of the collector
            continue
        data.write(0, heap.pages * percent // 100)  # the counts of what it looks at
        if kind == "plain":
            data.write()  # the collector's headers
    return machine.meminfo()["AnonPages"] / 1024


def _about_workers(guess: float, size: int, workers: int, percent: int, kind: Kind) -> str:
    """Why this guess is right or not: MiB."""
    everything, looked_at = size * (1 + workers), size * (1 + workers * percent / 100)
    right, rule = {
        "plain": (
            everything,
            f"The collector writes into a header in front of each object, so each of {workers} workers copies every "
            f"page that holds objects: {size} MiB once for the parent, and once for each worker.",
        ),
        "frozen": (
            looked_at,
            "The collector passes over what was frozen. But a look changes the object's count, so each of "
            f"{workers} workers copies {percent}% of the pages: {size * percent / 100:g} MiB for each.",
        ),
        "array": (
            size,
            "An array has one count for all its numbers, and the collector has nothing to write in it: all of it stays "
            "shared.",
        ),
    }[kind]
    known: dict[Kind, list[tuple[float, str]]] = {
        "plain": [
            (looked_at, "That is the counts alone. The collector goes through everything, and writes too."),
            (size, "That would be so if to read were not to write. Counts and the collector's headers are written."),
        ],
        "frozen": [
            (everything, "That would be so without gc.freeze(): then the collector writes to every object."),
            (size, "That would be so if only the collector wrote. The counts of what is looked at are written too."),
        ],
        "array": [
            (everything, "That would be so for lists and dictionaries, to which the collector writes."),
            (looked_at, "That would be so for many objects, each with a count of its own."),
        ],
    }
    copies = (right - size, "Those are the copies alone. The parent's pages are in memory too.")
    return explained(guess, right, rule, [*known[kind], copies], within=0.02)
