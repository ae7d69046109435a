"""What is seen of a trace, operation by operation: the entries that a real kernel's recorded traces have."""

from __future__ import annotations

import errno
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import engine
from .checking import validate
from .operations import Entry, Op, Trace, steps
from .running import apply, machine_of

DIGEST_FACTOR = 1000003


def replay(x: Trace) -> list[Entry]:
    """Run a trace on a fresh machine; one entry an operation, of the shape that traces of a real kernel have.

    An operation that fails says why in "error", and the run goes on. That is the errno's name, or, where there is none,
    "SIGKILL" (the caller died in an OOM kill) or "EDEADLK" (memory is gone and nobody may be killed). An operation of a
    process that is dead, or never came to be, says "ESRCH". Raises ValueError, before the first operation, if the trace
    is malformed.

    `spawn` and `exit` have no "error" (but `exit` of a process that was killed). A loop has "minor" and "major" as
    lists, a figure for each pass it began. Further fields, where they say something: "killed", the processes
    that the OOM killer killed meanwhile; "groups", from the first group on, {path: {"current", "anon", "file", "shmem",
    "pagetables", on a machine with swap "swap": bytes}}.
    """
    checked = validate(x)
    machine = machine_of(checked)
    return [observe(machine, op) for op in checked["ops"]]


def observe(machine: engine.Machine, op: Op) -> Entry:
    """Run one operation and say what it gave: see `replay`."""
    caller = _living(machine, op.get("pid"))
    logged = len(machine.log)
    faults = [_faults(caller)]
    error = None
    for step in steps(op):
        error = _error_of(machine, step)
        faults.append(_faults(caller))
        if error:
            break
    entry: Entry = {}
    if op["op"] not in ("spawn", "exit") or (error and _was_killed(machine, op["pid"])):
        entry["error"] = error
    entry |= _counted(op, faults if caller or op["op"] != "loop" else faults[:1])
    if op["op"] == "read":
        entry["digest"] = digest(_read_values(machine, op)) if error is None else 0
    if killed := [event.process for event in machine.log[logged:] if event.kind == "oom_kill"]:
        entry["killed"] = killed
    if len(machine.cgroups) > 1:
        entry["groups"] = {path: _charged(group) for path, group in machine.cgroups.items() if path != "/"}
    entry["smaps"] = {process.name: _smaps(process) for process in machine.processes}
    return entry


def _living(machine: engine.Machine, pid: Any) -> engine.Process | None:
    try:
        return machine[pid]
    except KeyError:
        return None


def _error_of(machine: engine.Machine, op: Op) -> str | None:
    """Run one operation: the name of what it raised, if anything."""
    try:
        apply(machine, op)
    except OSError as refused:
        return errno.errorcode[refused.errno or 0]
    except engine.ProcessKilled:
        return "SIGKILL"
    except engine.Deadlock:
        return "EDEADLK"
    return None


def _was_killed(machine: engine.Machine, pid: str) -> bool:
    return any(event.process == pid and event.kind == "oom_kill" for event in machine.log)


def _smaps(process: engine.Process) -> dict[str, dict[str, int]]:
    """The fields that recorded traces have, on machines with swap as well."""
    return {
        region: {field: fields[field] for field in engine.procfs.FIELDS} for region, fields in process.smaps().items()
    }


def _faults(process: engine.Process | None) -> tuple[int, int]:
    return (process.minor_faults, process.major_faults) if process else (0, 0)


def _counted(op: Op, faults: list[tuple[int, int]]) -> Entry:
    """The faults of an operation: its "minor" and "major", from what its process had before and after each step."""
    if op["op"] not in ("read", "write", "loop") and not (op["op"] == "mmap" and op.get("populate")):
        return {}
    pairs = list(pairwise(faults))
    minor, major = ([after[i] - before[i] for before, after in pairs] for i in (0, 1))
    return {"minor": minor, "major": major} if op["op"] == "loop" else {"minor": minor[0], "major": major[0]}


def _charged(group: engine.Group) -> dict[str, int]:
    """What is charged to a group, in bytes."""
    swap = {"swap": group.swap_current} if group.machine.account.swap else {}
    return {"current": group.current, **group.stat(), **swap}


def _read_values(machine: engine.Machine, op: Op) -> NDArray[np.uint64]:
    mapping = machine[op["pid"]][op["region"]]
    return mapping.values(pages=op["pages"]) if "pages" in op else mapping.values(op["start"], op["stop"])


def digest(values: NDArray[np.uint64]) -> int:
    """Values folded in order: d = (d * 1000003 + value) mod 2**64, from d = 0."""
    powers = np.full(len(values), DIGEST_FACTOR, np.uint64)
    if len(values):
        powers[0] = 1
    return int((values * np.cumprod(powers)[::-1]).sum(dtype=np.uint64))
