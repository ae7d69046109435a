"""Lesson 7: among whom the killer chooses, and which group pays for a page."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ...engine import Machine
from ...units import format_size, pages_in, parse_size
from .. import Prediction
from ..questions.cgroup_isolation import leak_in_turn
from .drill import LESSON

ONE, ALL, CACHE = "one worker of the job", "all workers of the job", "the cache"
NEVER, BEFORE, AFTER = "stays", "exits before the child writes", "exits after the child has written"


# Who dies -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Node:
    """A cache, and a job that leaks beside it; sizes in GiB. `limit` is the job's, None without one."""

    ram: int
    cache: int
    workers: int
    limit: int | None
    oom_group: bool

    @property
    def left(self) -> int:
        """What the job can have before the node's memory ends."""
        return self.ram - self.cache

    @property
    def contained(self) -> bool:
        """Does the job meet its limit first?"""
        return self.limit is not None and self.limit < self.left

    @property
    def told(self) -> str:
        limit = "It has no limit" if self.limit is None else f"It has a limit of {self.limit} GiB"
        together = "on" if self.oom_group else "off"
        return (
            f"A node has {self.ram} GiB and no swap. A cache holds {self.cache} GiB, and never grows. A job beside it "
            f"has {self.workers} workers in a group of its own, which leak in turn. {limit}, and its memory.oom.group "
            f"is {together}. The cache has no limit, and everybody's oom_score_adj is 0. Who is killed first?"
        )


def dies_of_a_leak(rng: random.Random) -> Prediction:
    """A job leaks beside a cache, with a limit or without: who is killed first?"""
    node = _drawn_node(rng)
    return Prediction(node.told, _about_deaths(node), answer=lambda: _first_to_die(node), lesson=LESSON)


def _drawn_node(rng: random.Random) -> _Node:
    """No draw in which cache and workers are about equal when memory ends, or the limit is about what is left."""
    while True:
        ram, cache, workers = rng.choice([8, 10, 12, 16]), rng.randrange(1, 7), rng.choice([2, 4, 8])
        limit = rng.choice([None, ram - cache - 1, ram - cache - 2, ram - cache + 1, ram - 1])
        if ram - cache > 2 and limit != ram - cache and abs((ram - cache) / workers - cache) >= 0.5:
            return _Node(ram, cache, workers, limit, rng.random() < 0.5)


def _first_to_die(node: _Node) -> str:
    machine = Machine(ram=f"{node.ram} GiB", overcommit="always")
    machine.spawn("cache").mmap(f"{node.cache} GiB").write()
    job = machine.cgroup("/job", max=None if node.limit is None else f"{node.limit} GiB", oom_group=node.oom_group)
    leak_in_turn(machine, [machine.spawn(f"worker {number}", job) for number in range(1, node.workers + 1)])
    dead = machine.oom_reports[0].killed
    if dead[0].name == "cache":
        return CACHE
    return ONE if len(dead) == 1 else ALL


def _about_deaths(node: _Node) -> dict[str, str]:
    """{who: why it dies first, or does not}"""
    cache_dies = not node.contained and node.cache > node.left / node.workers
    each = f"{node.left / node.workers:g} GiB"
    why = _where(node)
    if cache_dies:
        workers = f"No. {why} The cache is the largest: each worker has about {each} by then."
        together = " That memory.oom.group is on would matter if a worker were chosen." if node.oom_group else ""
        return {
            ONE: workers,
            ALL: f"{workers}{together}",
            CACHE: f"Yes. {why} A worker has about {each} by then, and the cache {node.cache} GiB.",
        }
    cache = why if node.contained else f"{why} The cache has {node.cache} GiB, and each worker about {each} by then."
    if node.oom_group:
        return {
            ONE: "No: a worker is chosen, but memory.oom.group is on, so all of its group die with it.",
            ALL: f"Yes. {why} A worker is chosen, and as memory.oom.group is on, all of its group die with it.",
            CACHE: f"No. {cache}",
        }
    return {
        ONE: f"Yes. {why} A worker is chosen, and as memory.oom.group is off, it dies alone.",
        ALL: "No: memory.oom.group is off, so the worker that is chosen dies alone.",
        CACHE: f"No. {cache}",
    }


def _where(node: _Node) -> str:
    """Whose memory ends, and whom the killer looks at."""
    if node.contained:
        return (
            f"The job meets its limit of {node.limit} GiB while the node still has memory ({node.left} GiB beside the "
            f"cache), so the killer looks at the job's processes alone."
        )
    limit = "There is no limit to meet" if node.limit is None else f"The limit of {node.limit} GiB is never met"
    return f"{limit}: the node's memory ends with {node.left} GiB for the job, and the killer looks at everybody."


# Who pays -------------------------------------------------------------------------------------------------------------


def charged_to(rng: random.Random) -> Prediction:
    """A child in another group writes a part of what it shares: how much is charged to which group?"""
    size, percent = rng.randrange(100, 1000, 100), rng.choice([10, 20, 25, 40, 60, 75])
    group, end = rng.choice(["/a", "/b"]), rng.choice([NEVER, BEFORE, AFTER])
    return Prediction(
        f"A process in group /a has written {size} MiB, and forks a child, which moves to group /b. The child reads "
        f"all of it, and writes {percent}%. The parent {end}. How much data is charged to {group} at the end?",
        _about_charges(size, percent, group, end),
        answer=lambda: format_size(_charged(size, percent, end)[group]),
        lesson=LESSON,
    )


def _charged(size: int, percent: int, end: str) -> dict[str, int]:
    """{group: bytes of data that are charged to it}"""
    machine = Machine(ram="16 GiB")
    first, second = machine.cgroup("/a"), machine.cgroup("/b")
    parent = machine.spawn("parent", first)
    parent.mmap(f"{size} MiB", name="heap").write()
    child = parent.fork("child")
    second.attach(child)
    child["heap"].read()
    if end == BEFORE:
        parent.exit()
    child["heap"].write(0, pages_in(f"{size} MiB") * percent // 100)
    if end == AFTER:
        parent.exit()
    return {group.path: group.stat()["anon"] for group in (first, second)}


def _about_charges(size: int, percent: int, group: str, end: str) -> dict[str, str]:
    """{amount: why it is charged to `group`, or not}"""
    written = parse_size(f"{size} MiB") * percent // 100
    everything, nothing = parse_size(f"{size} MiB"), 0
    reasons = {"/a": _about_a, "/b": _about_b}[group](end)
    return dict(zip(map(format_size, (everything, everything - written, written, nothing)), reasons, strict=True))


def _about_a(end: str) -> tuple[str, str, str, str]:
    """Of all, what was not written, what was written, and nothing."""
    copies = "No: that is what the child has written. It made the copies, and they are charged to /b."
    nothing = "No: the group that touches a page first pays until it is free, whoever else reads it, moves or exits."
    if end == NEVER:
        return (
            "Yes. /a made every page, and the parent still uses all of them. The copies are charged to /b.",
            "No: the child has copied the rest for itself. The parent still has the old pages, and /a pays for them.",
            copies,
            nothing,
        )
    if end == AFTER:
        return (
            "No: of the pages that the child has copied, the old versions were the parent's alone, and went with it.",
            "Yes. The child still maps what it has not written. These pages were made in /a, which pays until they "
            "are free, though nobody is left in it.",
            copies,
            nothing,
        )
    reused = "The child was the last to map the pages, so its writes reuse them in place"
    return (
        f"Yes. {reused}: nothing is copied. The pages were made in /a, and stay charged to it.",
        f"No: that would be so if the writes copied. {reused}.",
        f"No: that would be charged to /b, if the writes copied. {reused}.",
        nothing,
    )


def _about_b(end: str) -> tuple[str, str, str, str]:
    """Of all, what was not written, what was written, and nothing."""
    everything = "No: that is the child's RSS. What it shares was made in /a, and stays charged to /a."
    shared = "No: that is what the child has not written. These pages were made in /a, and stay charged to /a."
    if end == BEFORE:
        reused = "The child was the last to map the pages, so its writes reuse them in place."
        return (
            everything,
            shared,
            f"No: that would be so if the writes copied. {reused}",
            f"Yes. {reused} Nothing was made in /b: all stays charged to /a, though nobody is left in it.",
        )
    return (
        everything,
        shared,
        "Yes. Others mapped these pages too, so the writes copied them. The copies were made in /b.",
        "No: that was so before the writes. A copy is charged to the group of the process that makes it.",
    )
