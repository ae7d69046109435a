"""Operations of traces, in few words."""

from __future__ import annotations

from typing import Any

Operation = dict[str, Any]


def spawn(pid: str = "A") -> Operation:
    return {"op": "spawn", "pid": pid}


def mmap(region: str = "heap", pages: int = 16, kind: str = "private", pid: str = "A", **more: Any) -> Operation:
    return {"op": "mmap", "pid": pid, "region": region, "pages": pages, "kind": kind, **more}


def fork(pid: str, child: str) -> Operation:
    return {"op": "fork", "pid": pid, "child": child}


def leave(pid: str) -> Operation:
    return {"op": "exit", "pid": pid}


def on(
    op: str, start: int | None = None, stop: int | None = None, pid: str = "A", region: str = "heap", **more: Any
) -> Operation:
    """An operation on a range of pages, or on a list of them."""
    where = {} if start is None else {"start": start, "stop": stop}
    return {"op": op, "pid": pid, "region": region, **where, **more}


def write(start: int | None = None, stop: int | None = None, value: int = 1, **more: Any) -> Operation:
    return on("write", start, stop, value=value, **more)


def read(start: int | None = None, stop: int | None = None, **more: Any) -> Operation:
    return on("read", start, stop, **more)
