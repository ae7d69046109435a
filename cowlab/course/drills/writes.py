"""Lesson 2: what writes cost after a fork."""

from __future__ import annotations

import random
from itertools import permutations

from ...engine import Machine
from .. import Estimate
from ..pages import PagePrediction, Place, copied_pages
from .drill import EXACT, LESSON

ORDERS = list(permutations(["the parent writes all of them", "the child writes all of them", "the child exits"]))


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
        lesson=LESSON,
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
        lesson=LESSON,
    )


def _about_copied(place: Place, written: list[int], right: bool) -> str:
    if right:
        return "Yes: the child still maps its frame, so the parent, who writes, gets a copy."
    if place.process == "child":
        return "The copy goes to whoever writes, and here the parent does. The child's pages stay where they are."
    if place.page not in written:
        return "Nobody writes this page now. A page that is shared stays so until somebody writes it."
    return "The child has written this page, and has a frame of its own for it. So the parent is alone on the old one."
