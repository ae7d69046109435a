"""A trace is run: each operation becomes a call of the machine."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .. import engine
from ..units import PAGE_SIZE
from .checking import validate
from .operations import Op, Trace, group_path, limits_in, steps


def machine_of(x: Trace, **further: Any) -> engine.Machine:
    """The machine that a trace asks for, before its first operation; `further` settings go before the trace's."""
    settings = x.get("machine", {}) if isinstance(x, Mapping) else {}
    return engine.Machine(**{**settings, **further})


def machine_after(x: Trace, **further: Any) -> engine.Machine:
    """The machine that a trace leaves, whatever is refused and whoever dies on the way."""
    machine = machine_of(x, **further)
    run_through(machine, x["ops"] if isinstance(x, Mapping) else x)
    return machine


def apply(machine: engine.Machine, op: Op) -> Any:
    """Run one operation, as a call of the machine; what the call returns (for a loop a list). Raises what it raises."""
    kind = op["op"]
    if kind in _MACHINE_CALLS:
        return _MACHINE_CALLS[kind](machine, op)
    if kind == "loop":
        return [apply(machine, step) for step in steps(op)]
    process = _process(machine, op["pid"])
    return _PROCESS_CALLS.get(kind, _on_pages)(process, op)


def _process(machine: engine.Machine, pid: str) -> engine.Process:
    try:
        return machine[pid]
    except KeyError as error:
        raise engine.NoSuchProcess(errno.ESRCH, str(error)) from None


def _group(machine: engine.Machine, name: str) -> engine.Group:
    """The group of that name; it is made, with those above it, if it is not there."""
    path = group_path(name)
    if path not in machine.cgroups:
        _group(machine, path.rpartition("/")[0] or "/")
        machine.cgroup(path)
    return machine.cgroups[path]


def _group_of(machine: engine.Machine, op: Op) -> engine.Group | None:
    return _group(machine, op["group"]) if "group" in op else None


def _make_group(machine: engine.Machine, op: Op) -> engine.Group:
    path = group_path(op["path"])
    _group(machine, path.rpartition("/")[0] or "/")
    return machine.cgroup(path, **limits_in(op), oom_group=op.get("oom_group", False))


def _limit(machine: engine.Machine, op: Op) -> None:
    group = _group(machine, op["path"])
    if "oom_group" in op:
        group.oom_group = op["oom_group"]
    group.set_limits(**limits_in(op))


def _mmap(process: engine.Process, op: Op) -> engine.Mapping:
    size, populate = int(op["pages"]) * PAGE_SIZE, op.get("populate", False)
    return process.mmap(size, op["kind"], op["region"], op.get("prot", "rw"), populate, file=op.get("file"))


def _attach(process: engine.Process, op: Op) -> None:
    _group(process.machine, op["group"]).attach(process)


def _set_adj(process: engine.Process, op: Op) -> None:
    process.oom_score_adj = op["adj"]


_MACHINE_CALLS: dict[str, Callable[[engine.Machine, Op], Any]] = {
    "spawn": lambda machine, op: machine.spawn(op["pid"], _group_of(machine, op), op.get("oom_score_adj", 0)),
    "group": _make_group,
    "limit": _limit,
    "remove": lambda machine, op: _group(machine, op["path"]).remove(),
    "file": lambda machine, op: machine.file(op["file"], op["cached"]),
    "advance": lambda machine, op: machine.advance(op["seconds"]),
}
_PROCESS_CALLS: dict[str, Callable[[engine.Process, Op], Any]] = {
    "fork": lambda process, op: process.fork(op["child"], _group_of(process.machine, op)),
    "exit": lambda process, op: process.exit(),
    "kill": lambda process, op: process.machine.kill(process),
    "mmap": _mmap,
    "load": lambda process, op: process.load(op["bytes"], op.get("relocated", 0)),
    "attach": _attach,
    "move": _attach,
    "oom_score_adj": _set_adj,
}


def _on_pages(process: engine.Process, op: Op) -> Any:
    if op["region"] not in process.mappings:  # its mmap was refused: there is nothing at that address
        if op["op"] == "munmap":
            return None
        number = errno.EFAULT if op["op"] in ("read", "write") else errno.ENOMEM
        raise engine.SegmentationFault(number, f"{op['pid']!r} has no region {op['region']!r}: its mmap was refused")
    mapping = process.mappings[op["region"]]
    where = {"pages": op["pages"]} if "pages" in op else {"start": op["start"], "stop": op["stop"]}
    if op["op"] == "write":
        return mapping.write(**where, value=int(op["value"]))
    if op["op"] == "protect":
        return mapping.protect(op["prot"], **where)
    call: Callable[..., Any] = getattr(mapping, op["op"])
    return call(**where)


def run(machine: engine.Machine, ops: Iterable[Op]) -> engine.Machine:
    """Apply operations to `machine` without observing; the machine. What an operation raises ends the run."""
    for op in ops:
        apply(machine, op)
    return machine


class Outcome(NamedTuple):
    """How operations fared that were run to the end, whatever happened."""

    done: int
    """Operations that were done."""
    failed: dict[int, engine.Error]
    """What was raised, by the operation's index: a refusal, or the caller's death."""
    skipped: int
    """Operations of processes that were dead, or never came to be."""


def run_through(machine: engine.Machine, ops: Iterable[Op]) -> Outcome:
    """Apply operations to `machine` without observing, and go on after what is refused, and after processes die."""
    done, skipped = 0, 0
    failed: dict[int, engine.Error] = {}
    for index, op in enumerate(ops):
        try:
            apply(machine, op)
        except engine.NoSuchProcess:
            skipped += 1
        except engine.Error as error:
            failed[index] = error
        else:
            done += 1
    return Outcome(done, failed, skipped)


def peak(x: Trace) -> int:
    """The most memory that a trace has in use at once, in bytes, data and page tables, on a machine that holds it all.

    Copy on write is on, as in the kernel. Groups keep their limits.
    """
    checked = validate(x)
    machine = engine.Machine(ram="1 PiB", overcommit="always")
    most = 0
    for op in checked["ops"]:
        with contextlib.suppress(engine.Error):  # refused here and on the kernel: it takes no memory
            apply(machine, op)
        most = max(most, machine.in_use)
    return most
