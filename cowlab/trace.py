"""Traces: operations as data. The model and the real kernel run the same trace and report the same observations.

A trace is a list of operations, or {"version": 2, "machine": {arguments of Machine}, "ops": [operations]}; each
operation is a dict, such as {"op": "write", "pid": "A", "region": "heap", "start": 0, "stop": 512, "value": 42}.
"""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import engine
from .units import PAGE_SIZE

Op = Mapping[str, Any]
Entry = dict[str, Any]
Trace = Mapping[str, Any] | Sequence[Op]

VERSION = 2
DIGEST_FACTOR = 1000003

_MACHINE_FIELDS = frozenset(
    {"ram", "swap", "overcommit", "overcommit_ratio", "overcommit_kbytes", "copy_on_write", "page_tables", "check"}
)
_RANGE = frozenset({"start", "stop", "pages"})
_FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # operation: fields that it must have, fields that it may have
    "spawn": (frozenset({"pid"}), frozenset()),
    "mmap": (frozenset({"pid", "region", "pages", "kind"}), frozenset({"prot", "populate"})),
    "fork": (frozenset({"pid", "child"}), frozenset()),
    "read": (frozenset({"pid", "region"}), _RANGE),
    "write": (frozenset({"pid", "region", "value"}), _RANGE),
    "munmap": (frozenset({"pid", "region"}), _RANGE),
    "dontneed": (frozenset({"pid", "region"}), _RANGE),
    "protect": (frozenset({"pid", "region", "prot"}), _RANGE),
    "exit": (frozenset({"pid"}), frozenset()),
}


# Checking -------------------------------------------------------------------------------------------------------


def validate(x: Trace) -> dict[str, Any]:
    """`x` as {"version", "machine", "ops"}. Raises ValueError that names the operation that is wrong, by its index."""
    if isinstance(x, Mapping):
        version, machine, ops = x.get("version", VERSION), x.get("machine", {}), x.get("ops")
        unknown = set(x) - {"version", "machine", "ops", "seed", "expect"}
        if unknown:
            raise ValueError(f"trace has the key {min(map(str, unknown))!r}: a trace has version, machine and ops")
    else:
        version, machine, ops = VERSION, {}, x
    if version not in (1, 2) or isinstance(version, bool):
        raise ValueError(f"trace of version {version!r}: this cowlab reads versions 1 and 2")
    if not isinstance(machine, Mapping) or not set(machine) <= _MACHINE_FIELDS:
        raise ValueError(f"machine {machine!r}: give a dict with some of {', '.join(sorted(_MACHINE_FIELDS))}")
    if isinstance(ops, (str, bytes)) or not isinstance(ops, Sequence):
        raise ValueError(f"trace {str(x)[:80]!r} has no list of operations: give a list of dicts, or a dict with 'ops'")
    engine.Machine(**machine)  # refuses settings that mean nothing
    _Checker().check_all(ops)
    return {"version": version, "machine": dict(machine), "ops": [dict(op) for op in ops]}


class _Checker:
    """Follows the names through a trace: who is alive, which regions each has, how long these are."""

    def __init__(self) -> None:
        self.alive: dict[str, dict[str, int]] = {}

    def check_all(self, ops: Sequence[Op]) -> None:
        for index, op in enumerate(ops):
            try:
                self.check(op)
            except ValueError as error:
                raise ValueError(f"operation {index} of the trace, {str(op)[:120]}: {error}") from None

    def check(self, op: Op) -> None:
        if not isinstance(op, Mapping) or not isinstance(op.get("op"), str) or op["op"] not in _FIELDS:
            raise ValueError(f"an operation is a dict with 'op' one of {', '.join(_FIELDS)}")
        needed, optional = _FIELDS[op["op"]]
        missing, unknown = needed - set(op), set(op) - needed - optional - {"op"}
        if missing or unknown:
            wrong = f"lacks {', '.join(sorted(missing))}" if missing else f"has unknown {', '.join(map(str, unknown))}"
            raise ValueError(f"{op['op']} {wrong}; it takes {', '.join(sorted(needed | optional))}")
        for field in ("pid", "region", "child"):
            if field in op and (not isinstance(op[field], str) or not op[field]):
                raise ValueError(f"{field} {op[field]!r} is not a name: use text")
        getattr(self, f"_{op['op']}", self._access)(op)

    def _spawn(self, op: Op) -> None:
        self._add(op["pid"], {})

    def _fork(self, op: Op) -> None:
        self._add(op["child"], dict(self._regions(op)))

    def _exit(self, op: Op) -> None:
        self._regions(op)
        del self.alive[op["pid"]]

    def _mmap(self, op: Op) -> None:
        regions = self._regions(op)
        if op["region"] in regions:
            raise ValueError(f"{op['pid']!r} has a region {op['region']!r} already: take another name")
        engine.mapping.check_kind(op["kind"])
        engine.mapping.check_prot(op.get("prot", "rw"))
        if not isinstance(op.get("populate", False), bool):
            raise ValueError(f"populate {op['populate']!r} is not true or false")
        if not _is_whole(op["pages"]) or op["pages"] < 1:
            raise ValueError(f"pages {op['pages']!r} is not a number of pages, 1 or more")
        regions[op["region"]] = op["pages"]

    def _access(self, op: Op) -> None:
        """read, write, munmap, dontneed, protect: on a range, or on a list of pages."""
        regions = self._regions(op)
        if op["region"] not in regions:
            raise ValueError(f"{op['pid']!r} has no region {op['region']!r}: map it first")
        self._range(op, regions[op["region"]])
        if "value" in op and (not _is_whole(op["value"]) or not 0 <= op["value"] < 1 << 64):
            raise ValueError(f"value {op['value']!r} is not a whole number of 0 to 2**64 - 1")
        if "prot" in op:
            engine.mapping.check_prot(op["prot"])

    def _range(self, op: Op, length: int) -> None:
        if "pages" in op:
            pages = op["pages"]
            if "start" in op or "stop" in op:
                raise ValueError("give either start and stop, or pages")
            if isinstance(pages, (str, bytes)) or not isinstance(pages, Sequence) or not all(map(_is_whole, pages)):
                raise ValueError(f"pages {str(pages)[:60]} is not a list of page numbers")
        elif not _is_whole(op.get("start")) or not _is_whole(op.get("stop")):
            raise ValueError("give start and stop, page numbers, or a list of pages")
        else:
            start, stop = op["start"], op["stop"]
            if start > stop:
                raise ValueError(f"pages [{start}, {stop}) are reversed: start must not be above stop")
            pages = (start, stop - 1) if start < stop else (start,) if start != length else ()
        if len(pages) and not (min(pages) >= 0 and max(pages) < length):
            raise ValueError(f"pages are outside the region, which has pages [0, {length})")

    def _regions(self, op: Op) -> dict[str, int]:
        if op["pid"] not in self.alive:
            raise ValueError(f"process {op['pid']!r} is not alive: spawn or fork it first")
        return self.alive[op["pid"]]

    def _add(self, pid: str, regions: dict[str, int]) -> None:
        if pid in self.alive or pid == "init":
            raise ValueError(f"a process {pid!r} is alive already: take another name")
        self.alive[pid] = regions


def _is_whole(number: object) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


# Running --------------------------------------------------------------------------------------------------------


def apply(machine: engine.Machine, op: Op) -> Any:
    """Run one operation, as a call of the machine; what the call returns. Raises what it raises."""
    if op["op"] == "spawn":
        return machine.spawn(op["pid"])
    process = _process(machine, op["pid"])
    if op["op"] == "fork":
        return process.fork(op["child"])
    if op["op"] == "exit":
        return process.exit()
    if op["op"] == "mmap":
        size, populate = int(op["pages"]) * PAGE_SIZE, op.get("populate", False)
        return process.mmap(size, op["kind"], op["region"], op.get("prot", "rw"), populate)
    return _on_pages(process, op)


def _process(machine: engine.Machine, pid: str) -> engine.Process:
    try:
        return machine[pid]
    except KeyError as error:
        raise engine.NoSuchProcess(errno.ESRCH, str(error)) from None


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


def replay(x: Trace) -> list[Entry]:
    """Run a trace on a fresh machine; one entry an operation, of the shape that traces of a real kernel have.

    An operation that the machine refuses has the errno's name as "error", and the run goes on. Raises ValueError,
    before the first operation, if the trace is malformed.
    """
    checked = validate(x)
    machine = engine.Machine(**checked["machine"])
    return [observe(machine, op) for op in checked["ops"]]


def observe(machine: engine.Machine, op: Op) -> Entry:
    """Run one operation and say what it gave: error, faults, digest, and smaps of all processes."""
    faults_before = _faults(machine, op)
    error = None
    try:
        apply(machine, op)
    except OSError as refused:
        error = errno.errorcode[refused.errno or 0]
    entry: Entry = {}
    if op["op"] not in ("spawn", "exit"):
        entry["error"] = error
    if op["op"] in ("read", "write") or (op["op"] == "mmap" and op.get("populate")):
        after = _faults(machine, op)
        entry["minor"], entry["major"] = after[0] - faults_before[0], after[1] - faults_before[1]
    if op["op"] == "read":
        entry["digest"] = digest(_read_values(machine, op)) if error is None else 0
    entry["smaps"] = {process.name: process.smaps() for process in machine.processes}
    return entry


def _faults(machine: engine.Machine, op: Op) -> tuple[int, int]:
    try:
        process = machine[op["pid"]]
    except KeyError:
        return 0, 0
    return process.minor_faults, process.major_faults


def _read_values(machine: engine.Machine, op: Op) -> NDArray[np.uint64]:
    mapping = machine[op["pid"]][op["region"]]
    return mapping.values(pages=op["pages"]) if "pages" in op else mapping.values(op["start"], op["stop"])


def digest(values: NDArray[np.uint64]) -> int:
    """Values folded in order: d = (d * 1000003 + value) mod 2**64, from d = 0."""
    powers = np.full(len(values), DIGEST_FACTOR, np.uint64)
    if len(values):
        powers[0] = 1
    return int((values * np.cumprod(powers)[::-1]).sum(dtype=np.uint64))


def peak(x: Trace) -> int:
    """The most memory that a trace has in use at once, in bytes, data and page tables, on a machine that holds it all.

    Copy on write is on, as in the kernel.
    """
    checked = validate(x)
    machine = engine.Machine(ram="1 PiB", overcommit="always")
    most = 0
    for op in checked["ops"]:
        try:
            apply(machine, op)
        except OSError:  # refused here and on the kernel: it takes no memory
            continue
        most = max(most, machine.frames.used + machine.frames.tables)
    return most * PAGE_SIZE


# Files ----------------------------------------------------------------------------------------------------------


def save(x: Trace, path: str | PathLike[str]) -> None:
    """Write a trace as JSON (compressed if the name ends in .gz)."""
    text = json.dumps(validate(x), indent=1)
    if str(path).endswith(".gz"):
        Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        Path(path).write_text(text + "\n", encoding="utf-8")


def load(path: str | PathLike[str]) -> dict[str, Any]:
    """Read a trace that `save` wrote. Raises ValueError if it is not one."""
    data = Path(path).read_bytes()
    try:
        return validate(json.loads(gzip.decompress(data) if str(path).endswith(".gz") else data))
    except (json.JSONDecodeError, UnicodeDecodeError, gzip.BadGzipFile) as error:
        raise ValueError(f"{str(path)!r} is not a trace in JSON: {error}") from None
