"""Lesson 8: what a node admits, and when an alert on promises goes off."""

from __future__ import annotations

import math
import random
from contextlib import suppress
from itertools import count

from ...cluster import Node, Pod, Refused
from ...engine import Machine
from ...monitor import Monitor, committed_rules
from .. import Estimate
from .drill import EXACT, LESSON, explained

EVICTION = 100  # MiB: the threshold of Kubernetes, and of `Node`
SEVERITY = {110: "warn", 120: "page"}
"""{per cent of headroom: the severity of the alert that goes off beyond it}"""


# Admission ------------------------------------------------------------------------------------------------------------


def pods_admitted(rng: random.Random) -> Estimate:
    """Pods with a request, a limit and a use: how many does a node admit?"""
    ram, reserved, request, use, limit = _drawn_pods(rng)
    return Estimate(
        f"A node has {ram} GiB. {reserved} MiB are reserved for the system and for Kubernetes, and the eviction "
        f"threshold is {EVICTION} MiB. Each pod requests {request} MiB, uses {use} MiB and has a limit of {limit} MiB. "
        "How many such pods does the node admit?",
        "pods",
        answer=lambda: _admitted(ram, reserved, request, use, limit),
        explain=lambda guess, _: _about_admission(guess, ram, reserved, request, use, limit),
        within=EXACT,
        lesson=LESSON,
    )


def _drawn_pods(rng: random.Random) -> tuple[int, int, int, int, int]:
    """GiB of RAM, and MiB that are reserved, requested, used, and the limit. Each way to count gives another number."""
    while True:
        ram, reserved = rng.choice([4, 8, 16, 32]), rng.randrange(400, 2100, 100)
        request = rng.randrange(150, 1050, 50)
        use, limit = request // rng.choice([2, 3, 5]), request * rng.choice([2, 3])
        allocatable = ram * 1024 - reserved - EVICTION
        ways = [allocatable // request, allocatable // use, allocatable // limit, ram * 1024 // request]
        if len({*ways, (ram * 1024 - reserved) // request}) == 5 and ways[2]:
            return ram, reserved, request, use, limit


def _admitted(ram: int, reserved: int, request: int, use: int, limit: int) -> int:
    node = Node(f"{ram} GiB", system_reserved=f"{reserved} MiB", eviction=f"{EVICTION} MiB")
    with suppress(Refused):
        for number in count(1):
            node.admit(Pod(f"pod {number}", request=f"{request} MiB", limit=f"{limit} MiB", uses=f"{use} MiB"))
    return len(node.pods)


def _about_admission(guess: float, ram: int, reserved: int, request: int, use: int, limit: int) -> str:
    """Why this guess is right or not."""
    capacity = ram * 1024
    allocatable = capacity - reserved - EVICTION
    rule = (
        f"{capacity:,} MiB less {reserved:,} reserved less the threshold of {EVICTION} leave {allocatable:,} MiB "
        f"allocatable, and requests of {request} MiB fit into that {allocatable // request} times."
    )
    known = [
        (capacity // request, "That takes all of the node. Pods get what is neither reserved nor the threshold."),
        ((capacity - reserved) // request, "That leaves out the eviction threshold, which is kept from pods too."),
        (allocatable // use, "That goes by use. The scheduler does not see it: it adds up requests."),
        (allocatable // limit, "That goes by limits. They may add up to more than the node: only requests must fit."),
    ]
    return explained(guess, allocatable // request, rule, known)


# Alerts ---------------------------------------------------------------------------------------------------------------


def children_until_the_alert(rng: random.Random) -> Estimate:
    """A healthy process forks: after how many children does an alert on promises go off?"""
    ram, reserve, size, percent = _drawn_machine(rng)
    return Estimate(
        f"A machine has {ram} GiB, of which {reserve} MiB are kept for the system; the rest is its headroom. A process "
        f"with {size} MiB of memory that it has written forks children, one a second, and nobody writes again. An "
        f"alert goes off when more is promised than {percent / 100:.2f} x headroom. How many children are there then?",
        "children",
        answer=lambda: _children(ram, reserve, size, percent),
        explain=lambda guess, _: _about_children(guess, ram, reserve, size, percent),
        within=EXACT,
        lesson=LESSON,
    )


def _drawn_machine(rng: random.Random) -> tuple[int, int, int, int]:
    """GiB of RAM, MiB of reserve and of the process, and the alert. Each way to count gives another number."""
    while True:
        ram, reserve = rng.choice([2, 4, 8]), rng.choice([256, 512, 768, 1024])
        size, percent = rng.randrange(50, 410, 10), rng.choice(list(SEVERITY))
        right = _fires(ram * 1024 - reserve, size, percent)
        others = [_fires(ram * 1024 - reserve, size, 100), _fires(ram * 1024, size, percent), right + 1, right - 1]
        if len({right, *others}) == 5:
            return ram, reserve, size, percent


def _fires(headroom: int, size: int, percent: int) -> int:
    """How many children of `size` there are as promises, the parent's among them, first exceed that."""
    return math.floor(headroom * percent / (100 * size))


def _children(ram: int, reserve: int, size: int, percent: int) -> int:
    machine = Machine(ram=f"{ram} GiB", overcommit="always")
    monitor = Monitor(machine, rules=committed_rules(f"{reserve} MiB"))
    parent = machine.spawn("parent")
    parent.mmap(f"{size} MiB", name="heap").write()
    while not any(alert.severity == SEVERITY[percent] for alert in monitor.alerts):
        parent.fork()
        machine.advance(1)
    return len(parent.children)


def _about_children(guess: float, ram: int, reserve: int, size: int, percent: int) -> str:
    """Why this guess is right or not."""
    headroom = ram * 1024 - reserve
    right = _fires(headroom, size, percent)
    rule = (
        f"The headroom is {headroom:,} MiB, and the alert waits for more than {headroom * percent / 100:,g} MiB. The "
        f"parent and {right} children are promised {(right + 1) * size:,} MiB, though {size} MiB are in memory."
    )
    known = [
        (right + 1, "That counts the parent too: so many processes there are."),
        (right - 1, "One more: with so many children the promises do not exceed it yet."),
        (_fires(headroom, size, 100), "So many promise more than the headroom itself. The alert waits for more."),
        (_fires(ram * 1024, size, percent), "That takes all RAM for headroom. What is kept for the system is none."),
    ]
    return explained(guess, right, rule, known)
