"""An operation as data: which there are, the fields that each has, and what a name in one stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import engine

Op = Mapping[str, Any]
Entry = dict[str, Any]
Trace = Mapping[str, Any] | Sequence[Op]

VERSION = 2

_RANGE = "start stop pages"
_LIMITS = " ".join(engine.cgroup.LIMITS)
FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # operation: fields that it must have, fields that it may have
    name: (frozenset(needed.split()), frozenset(optional.split()))
    for name, needed, optional in (
        ("spawn", "pid", "group oom_score_adj"),
        ("mmap", "pid region pages kind", "prot populate file"),
        ("fork", "pid child", "group"),
        ("read", "pid region", _RANGE),
        ("write", "pid region value", _RANGE),
        ("munmap", "pid region", _RANGE),
        ("dontneed", "pid region", _RANGE),
        ("protect", "pid region prot", _RANGE),
        ("exit", "pid", ""),
        ("kill", "pid", ""),
        ("loop", "pid region passes access", f"{_RANGE} value"),
        ("load", "pid bytes", "relocated"),
        ("file", "file cached", ""),
        ("group", "path", f"{_LIMITS} oom_group"),
        ("limit", "path", f"{_LIMITS} oom_group"),
        ("remove", "path", ""),
        ("attach", "pid group", ""),
        ("move", "pid group", ""),
        ("oom_score_adj", "pid adj", ""),
        ("advance", "seconds", ""),
    )
}


def steps(op: Op) -> list[Op]:
    """What a loop consists of, a read or a write a pass; any other operation is its own only step."""
    if op["op"] != "loop":
        return [op]
    step = {key: op[key] for key in ("pid", "region", "start", "stop", "pages") if key in op}
    value = {"value": op.get("value", 1)} if op["access"] == "write" else {}
    return [{"op": op["access"], **step, **value}] * int(op["passes"])


def group_path(name: str) -> str:
    """The path that a group's name stands for: "g0" is "/g0". Raises ValueError if it is none."""
    path = name if name.startswith("/") else f"/{name}"
    if path != "/" and (path.endswith("/") or "//" in path):
        raise ValueError(f"group {name!r}: give a path from the root, such as '/pods/a'")
    return path


def limits_in(op: Op) -> dict[str, Any]:
    """The limits that `group` or `limit` gives."""
    return {name: op[name] for name in engine.cgroup.LIMITS if name in op}
