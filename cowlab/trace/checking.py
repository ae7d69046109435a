"""A trace is checked whole before its first operation runs; what is wrong is named by the operation's index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import engine
from ..arguments import check_flag, is_number, is_whole, whole
from ..units import parse_size
from .operations import FIELDS, VERSION, Op, Trace, group_path, limits_in

MACHINE_FIELDS = frozenset(
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
_NAMES = ("pid", "region", "child", "file", "path", "group")
_MOST_GROUPS = engine.cgroup.MOST_GROUPS - 1  # beside the root


def validate(x: Trace) -> dict[str, Any]:
    """`x` as {"version", "machine", "ops"}. Raises ValueError that names the operation that is wrong, by its index."""
    if isinstance(x, Mapping):
        version, machine, ops = x.get("version", VERSION), x.get("machine", {}), x.get("ops")
        unknown = set(x) - {"version", "machine", "ops", "seed", "expect"}
        if unknown:
            raise ValueError(f"trace has the key {min(map(str, unknown))!r}: a trace has version, machine and ops")
    else:
        version, machine, ops = VERSION, {}, x
    if not is_whole(version, 1, VERSION):
        raise ValueError(f"trace of version {version!r}: this cowlab reads versions 1 and 2")
    if not isinstance(machine, Mapping) or not set(machine) <= MACHINE_FIELDS:
        raise ValueError(f"machine {machine!r}: give a dict with some of {', '.join(sorted(MACHINE_FIELDS))}")
    if not isinstance(machine.get("evict_policy", ""), str | None):
        raise ValueError(f"evict_policy {machine['evict_policy']!r}: a trace is data, give the name of a policy")
    if isinstance(ops, (str, bytes)) or not isinstance(ops, Sequence):
        raise ValueError(f"trace {str(x)[:80]!r} has no list of operations: give a list of dicts, or a dict with 'ops'")
    engine.Machine(**machine)  # refuses settings that mean nothing
    Checker().check_all(ops)
    return {"version": version, "machine": dict(machine), "ops": [dict(op) for op in ops]}


class Checker:
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
        if not isinstance(op, Mapping) or not isinstance(op.get("op"), str) or op["op"] not in FIELDS:
            raise ValueError(f"an operation is a dict with 'op' one of {', '.join(FIELDS)}")
        needed, optional = FIELDS[op["op"]]
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
        check_flag("populate", op.get("populate", False))
        whole("pages", op["pages"], "give a number of pages, 1 or more", least=1)
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
        if "value" in op:
            whole("value", op["value"], "give a whole number of 0 to 2**64 - 1", 0, (1 << 64) - 1)
        if "prot" in op:
            engine.mapping.check_prot(op["prot"])

    def _loop(self, op: Op) -> None:
        self._access(op)
        whole("passes", op["passes"], "give a number of passes, 1 or more", least=1)
        if op["access"] not in ("read", "write"):
            raise ValueError(f"access {op['access']!r} is not 'read' or 'write'")
        if "value" in op and op["access"] == "read":
            raise ValueError("a loop that reads stores no value")

    def _range(self, op: Op, length: int) -> None:
        if "pages" in op:
            pages = op["pages"]
            if "start" in op or "stop" in op:
                raise ValueError("give either start and stop, or pages")
            if isinstance(pages, (str, bytes)) or not isinstance(pages, Sequence) or not all(map(is_whole, pages)):
                raise ValueError(f"pages {str(pages)[:60]} is not a list of page numbers")
        elif not is_whole(op.get("start")) or not is_whole(op.get("stop")):
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
        engine.cgroup.check_limits(limits_in(op))
        check_flag("oom_group", op.get("oom_group", False))

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
        if not is_number(op["seconds"], 0, 1e9):
            raise ValueError(f"seconds={op['seconds']!r}: give a number from 0 to 1e9")

    def _file(self, op: Op) -> None:
        check_flag("cached", op["cached"])
        if op["file"] in self.files:
            raise ValueError(f"file {op['file']!r} is in use already: say how it is cached before it is first mapped")
        self.files.add(op["file"])
