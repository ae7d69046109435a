"""Operations that several scenarios are made of."""

from __future__ import annotations

from typing import Any

from ..trace import VERSION
from .definition import Trace

Ops = list[dict[str, Any]]

WRITTEN_BY_PARENT, WRITTEN_BY_CHILDREN = 1, 2
"""What pages hold: the parent's value, then that of the child number n, which is this + n."""


def trace_of(ops: Ops, **machine: Any) -> Trace:
    """A trace of these operations for a machine with these settings."""
    return {"version": VERSION, "machine": machine, "ops": ops}


def mmap(pid: str, region: str, pages: int, kind: str = "private", **more: Any) -> dict[str, Any]:
    """Map a region."""
    return {"op": "mmap", "pid": pid, "region": region, "pages": pages, "kind": kind, **more}


def write(pid: str, region: str, stop: int, value: int, start: int = 0) -> dict[str, Any]:
    """Write pages [start, stop)."""
    return {"op": "write", "pid": pid, "region": region, "start": start, "stop": stop, "value": value}


def read(pid: str, region: str, stop: int) -> dict[str, Any]:
    """Read pages [0, stop)."""
    return {"op": "read", "pid": pid, "region": region, "start": 0, "stop": stop}


def filled(pid: str, region: str, pages: int, **spawn: Any) -> Ops:
    """A process that has written every page of one region."""
    return [
        {"op": "spawn", "pid": pid, **spawn},
        mmap(pid, region, pages),
        write(pid, region, pages, WRITTEN_BY_PARENT),
    ]


def forks(parent: str, children: list[str]) -> Ops:
    """The parent forks each child."""
    return [{"op": "fork", "pid": parent, "child": child} for child in children]


def writes(children: list[str], region: str, stop: int, start: int = 0) -> Ops:
    """Each child writes pages [start, stop); nothing if there are none."""
    return [
        write(child, region, stop, WRITTEN_BY_CHILDREN + n, start) for n, child in enumerate(children) if stop > start
    ]


def numbered(name: str, count: int) -> list[str]:
    """ "tab 1", "tab 2", ..."""
    return [f"{name} {number}" for number in range(1, count + 1)]


def part(pages: int, percent: int) -> int:
    """That part of the pages, rounded up, so that no part but 0 is nothing."""
    return -(-pages * percent // 100)
