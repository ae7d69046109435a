"""Traces: operations as data. The model and the real kernel run the same trace and report the same observations.

A trace is a list of operations, or {"version": 2, "machine": {arguments of Machine}, "ops": [operations]}; each
operation is a dict, such as {"op": "write", "pid": "A", "region": "heap", "start": 0, "stop": 512, "value": 42}.

| op | fields (those with ? may be left out) |
| --- | --- |
| spawn | pid, group?, oom_score_adj? |
| fork | pid, child, group? |
| mmap | pid, region, pages, kind, prot?, populate?, file? |
| read | pid, region, and start, stop or pages |
| write | the same, value |
| munmap, dontneed | as read |
| protect | as read, prot |
| exit, kill | pid |
| loop | as read, passes, access ("read" or "write"), value? (1): a working set gone through `passes` times |
| load | pid, bytes, relocated?: the time that starting a program takes (Process.load) |
| file | file, cached: whether a file's pages are in memory when it is first mapped |
| group | path, max?, high?, low?, min?, swap_max?, oom_group?: makes a group, as mkdir |
| limit | the same: sets what is given |
| remove | path |
| attach, or move | pid, group |
| oom_score_adj | pid, adj |
| advance | seconds |

Sizes are bytes or text ("8 GiB"). A group's name without a slash before it means one at the top: "g0" is "/g0". A group
that no `group` made is made, with those above it, where a process first enters it.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import engine
from ..units import PAGE_SIZE, parse_size

Op = Mapping[str, Any]
Entry = dict[str, Any]
Trace = Mapping[str, Any] | Sequence[Op]

VERSION = 2
DIGEST_FACTOR = 1000003

_MACHINE_FIELDS = frozenset(
    {
        "ram",
        "swap",
        "overcommit",
        "overcommit_ratio",
        "overcommit_kbytes",
        "copy_on_write",
        "page_tables",
        "check",
        "min_free",
        "swappiness",
        "evict_policy",
    }
)
_RANGE = "start stop pages"
_LIMITS = " ".join(engine.cgroup.LIMITS)
_FIELDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
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
_NAMES = ("pid", "region", "child", "file", "path", "group")
_MOST_GROUPS = engine.cgroup.MOST_GROUPS - 1  # beside the root


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
    if not isinstance(machine.get("evict_policy", ""), str | None):
        raise ValueError(f"evict_policy {machine['evict_policy']!r}: a trace is data, give the name of a policy")
    if isinstance(ops, (str, bytes)) or not isinstance(ops, Sequence):
        raise ValueError(f"trace {str(x)[:80]!r} has no list of operations: give a list of dicts, or a dict with 'ops'")
    engine.Machine(**machine)  # refuses settings that mean nothing
    _Checker().check_all(ops)
    return {"version": version, "machine": dict(machine), "ops": [dict(op) for op in ops]}


class _Checker:
    """Follows the names through a trace: who is alive, which regions each has, how long these are; groups and files.

    It cannot know whom the OOM killer will kill. So those it calls dead, and the groups it calls removed, are so in any
    run; the others may be.
    """

    def __init__(self) -> None:
        self.alive: dict[str, dict[str, int]] = {}
        self.member_of: dict[str, str] = {}  # the living: their groups
        self.groups: set[str] = set()
        self.made = 0  # groups, those removed too
        self.files: set[str] = set()

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
        for field in _NAMES:
            if field in op and (not isinstance(op[field], str) or not op[field]):
                raise ValueError(f"{field} {op[field]!r} is not a name: use text")
        if "pid" in op and op["op"] != "spawn":
            self._regions(op)  # it must be alive
        getattr(self, f"_{op['op']}", self._access)(op)

    # Processes

    def _spawn(self, op: Op) -> None:
        engine.process.check_adj(op.get("oom_score_adj", 0))
        self._add(op["pid"], {}, op.get("group", "/"))

    def _fork(self, op: Op) -> None:
        self._add(op["child"], dict(self._regions(op)), op.get("group", self.member_of[op["pid"]]))

    def _exit(self, op: Op) -> None:
        del self.alive[op["pid"]], self.member_of[op["pid"]]

    _kill = _exit

    def _load(self, op: Op) -> None:
        parse_size(op["bytes"], "bytes")
        parse_size(op.get("relocated", 0), "relocated")

    def _oom_score_adj(self, op: Op) -> None:
        engine.process.check_adj(op["adj"])

    def _regions(self, op: Op) -> dict[str, int]:
        if op["pid"] not in self.alive:
            raise ValueError(f"process {op['pid']!r} is not alive: spawn or fork it first")
        return self.alive[op["pid"]]

    def _add(self, pid: str, regions: dict[str, int], group: str) -> None:
        if pid in self.alive or pid == "init":
            raise ValueError(f"a process {pid!r} is alive already: take another name")
        self.member_of[pid] = self._enter(group)
        self.alive[pid] = regions

    # Memory

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
        if op["kind"].startswith("file"):
            self.files.add(op.get("file", "file"))
        elif "file" in op:
            raise ValueError(f"file {op['file']!r} means nothing for kind {op['kind']!r}")
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

    def _loop(self, op: Op) -> None:
        self._access(op)
        if not _is_whole(op["passes"]) or op["passes"] < 1:
            raise ValueError(f"passes {op['passes']!r} is not a number of passes, 1 or more")
        if op["access"] not in ("read", "write"):
            raise ValueError(f"access {op['access']!r} is not 'read' or 'write'")
        if "value" in op and op["access"] == "read":
            raise ValueError("a loop that reads stores no value")

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

    # Groups

    def _group(self, op: Op) -> None:
        path = group_path(op["path"])
        parent = path.rpartition("/")[0]
        if path in self.groups or path == "/":
            raise ValueError(f"group {path!r} exists already: take another path, or 'limit'")
        if parent and parent not in self.groups:
            raise ValueError(f"group {path!r} needs its parent {parent!r}: make that first")
        self._enter(path)
        self._limits(op)

    def _limit(self, op: Op) -> None:
        self._existing(op)
        self._limits(op)

    def _remove(self, op: Op) -> None:
        path = self._existing(op)
        inside = [*self.member_of.values(), *(group.rpartition("/")[0] for group in self.groups)]
        if path not in inside:  # else a run may have to refuse it
            self.groups.remove(path)

    def _attach(self, op: Op) -> None:
        self.member_of[op["pid"]] = self._enter(op["group"])

    _move = _attach

    def _limits(self, op: Op) -> None:
        engine.cgroup.check_limits(_sizes(op))
        if not isinstance(op.get("oom_group", False), bool):
            raise ValueError(f"oom_group {op['oom_group']!r} is not true or false")

    def _existing(self, op: Op) -> str:
        path = group_path(op["path"])
        if path not in self.groups:
            raise ValueError(f"there is no group {path!r}: make it first, with 'group'")
        return path

    def _enter(self, name: str) -> str:
        """The path of a group, which is there from now on, with those above it."""
        path = whole = group_path(name)
        while path and path != "/" and path not in self.groups:
            if self.made == _MOST_GROUPS:
                raise ValueError(f"a trace names at most {_MOST_GROUPS} groups")
            self.groups.add(path)
            self.made += 1
            path = path.rpartition("/")[0]
        return whole

    # The machine

    def _advance(self, op: Op) -> None:
        seconds = op["seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 1e9:
            raise ValueError(f"seconds {seconds!r}: give a number from 0 to 1e9")

    def _file(self, op: Op) -> None:
        if not isinstance(op["cached"], bool):
            raise ValueError(f"cached {op['cached']!r} is not true or false")
        if op["file"] in self.files:
            raise ValueError(f"file {op['file']!r} is in use already: say how it is cached before it is first mapped")
        self.files.add(op["file"])


def _is_whole(number: object) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def group_path(name: str) -> str:
    """The path that a group's name stands for: "g0" is "/g0". Raises ValueError if it is none."""
    path = name if name.startswith("/") else f"/{name}"
    if path != "/" and (path.endswith("/") or "//" in path):
        raise ValueError(f"group {name!r}: give a path from the root, such as '/pods/a'")
    return path


def _sizes(op: Op) -> dict[str, Any]:
    """The limits that `group` or `limit` gives."""
    return {name: op[name] for name in engine.cgroup.LIMITS if name in op}


# Running --------------------------------------------------------------------------------------------------------


def apply(machine: engine.Machine, op: Op) -> Any:
    """Run one operation, as a call of the machine; what the call returns (for a loop a list). Raises what it raises."""
    kind = op["op"]
    if kind in _MACHINE_CALLS:
        return _MACHINE_CALLS[kind](machine, op)
    if kind == "loop":
        return [apply(machine, step) for step in steps(op)]
    process = _process(machine, op["pid"])
    return _PROCESS_CALLS.get(kind, _on_pages)(process, op)


def steps(op: Op) -> list[Op]:
    """What a loop consists of, a read or a write a pass; any other operation is its own only step."""
    if op["op"] != "loop":
        return [op]
    step = {key: op[key] for key in ("pid", "region", "start", "stop", "pages") if key in op}
    value = {"value": op.get("value", 1)} if op["access"] == "write" else {}
    return [{"op": op["access"], **step, **value}] * int(op["passes"])


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
    return machine.cgroup(path, **_sizes(op), oom_group=op.get("oom_group", False))


def _limit(machine: engine.Machine, op: Op) -> None:
    group = _group(machine, op["path"])
    if "oom_group" in op:
        group.oom_group = op["oom_group"]
    group.set_limits(**_sizes(op))


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


# Observing ------------------------------------------------------------------------------------------------------


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
    machine = engine.Machine(**checked["machine"])
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
