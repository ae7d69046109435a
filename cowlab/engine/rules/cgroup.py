"""The memory controller of cgroup v2: a tree of groups, each with what is charged to it and what it may have.

A page is charged when it is made, to the group of the process that makes it, and to every group above. It stays
charged there until it is freed: fork and attach move no charge (mm/memcontrol.c;
Documentation/admin-guide/cgroup-v2.rst, "Memory").

>>> import cowlab
>>> machine = cowlab.Machine(ram="1 GiB")
>>> group = machine.cgroup("/a", max="64 MiB")
>>> process = machine.spawn(cgroup=group)
>>> faults = process.mmap("32 MiB").write()
>>> group.stat()["anon"] // 2**20
32
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from ...arguments import check_flag
from ...units import PAGE_SIZE, count, format_pages, pages_in
from .. import kinds
from ..errors import GroupBusy
from ..reports.pressure import Pressure
from ..stores.frames import ANON, FILE, GROUP_SHIFT, GROUPS, SHMEM, TABLES

if TYPE_CHECKING:
    from ..machine import Machine
    from ..process import Process

LIMITS = ("max", "high", "low", "min", "swap_max")
_EVENTS = ("low", "high", "max", "oom", "oom_kill", "oom_group_kill")
MOST_GROUPS = GROUPS


class Limit:
    """One limit of a group: reads as bytes, or None for none; takes a size, also as text."""

    def __init__(self, meaning: str) -> None:
        self.__doc__ = meaning

    def __set_name__(self, group: type[Group], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, group: None, kind: type[Group]) -> Limit: ...

    @overload
    def __get__(self, group: Group, kind: type[Group]) -> int | None: ...

    def __get__(self, group: Group | None, kind: type[Group]) -> Limit | int | None:
        if group is None:
            return self
        pages = group.limits[self.name]
        return None if pages is None else pages * PAGE_SIZE

    def __set__(self, group: Group, size: int | str | None) -> None:
        group.set_limits(**{self.name: size})


class Group:
    """A group of processes with limits in common. Made by `Machine.cgroup`; `Machine.cgroups` finds it by its path.

    Limits are bytes, or None for none: `max` (reclaim, then the OOM killer), `high` (reclaim, and slower), `low` and
    `min` (not reclaimed below it: as far as possible, or at all), `swap_max`. They can be set, also as text.
    """

    def __init__(self, machine: Machine, path: str, parent: Group | None, number: int) -> None:
        self.machine = machine
        self.path = path
        self.parent = parent
        self.children: list[Group] = []
        self.processes: list[Process] = []  # in the order in which they came
        self.numbers = [number]  # in frames' words: its own, and those of removed children
        self.charged = [0, 0, 0, 0]  # pages, of this group and those below: page tables, and frames by kind
        self.usage = 0  # their sum
        self.most = 0
        self.swapped = 0  # swap slots
        self.limits: dict[str, int | None] = dict.fromkeys(LIMITS)  # pages
        self.capped = False  # has it `max` or `high`?
        self._oom_group = False
        self._events, self._local = dict.fromkeys(_EVENTS, 0), dict.fromkeys(_EVENTS, 0)
        self.stalls = Pressure(machine.clock_ns)
        self.overrun = 0  # pages above `high` that its processes have been slowed down for

    def __repr__(self) -> str:
        processes = count(len(self.processes), "process", "processes")
        return f"<Group {self.path!r}: {format_pages(self.usage)}, {processes}>"

    # What it has ------------------------------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """Bytes charged to this group and those below it (memory.current), page tables among them."""
        return self.usage * PAGE_SIZE

    @property
    def peak(self) -> int:
        """The most bytes that were ever charged (memory.peak)."""
        return self.most * PAGE_SIZE

    @property
    def swap_current(self) -> int:
        """Bytes swapped out (memory.swap.current)."""
        return self.swapped * PAGE_SIZE

    def stat(self) -> dict[str, int]:
        """Bytes by kind (memory.stat): "anon", "file" (with "shmem", as in Linux), "shmem", "pagetables"."""
        charged = self.charged
        pages = {
            "anon": charged[ANON],
            "file": charged[FILE] + charged[SHMEM],
            "shmem": charged[SHMEM],
            "pagetables": charged[TABLES],
        }
        return {field: n * PAGE_SIZE for field, n in pages.items()}

    def events(self) -> dict[str, int]:
        """How often what happened here and below (memory.events)."""
        return dict(self._events)

    def events_local(self) -> dict[str, int]:
        """How often what happened to this very group (memory.events.local)."""
        return dict(self._local)

    def pressure(self) -> dict[str, dict[str, float]]:
        """Time that its processes waited for memory, as in memory.pressure; see Machine.pressure."""
        return self.stalls.report(self.machine.clock_ns)

    # What it may have -------------------------------------------------------------------------------------------

    max = Limit("Bytes that it may have; beyond, pages are reclaimed, and then a process of it is killed (memory.max).")
    high = Limit("Bytes beyond which pages are reclaimed and processes slowed down; nobody is killed (memory.high).")
    low = Limit("Bytes that are reclaimed only if nothing else is left (memory.low).")
    min = Limit("Bytes that are never reclaimed (memory.min).")
    swap_max = Limit("Bytes that may be swapped out; 0: no swap (memory.swap.max).")

    @property
    def oom_group(self) -> bool:
        """Does an OOM kill of one process kill the whole group (memory.oom.group)?"""
        return self._oom_group

    @oom_group.setter
    def oom_group(self, on: bool) -> None:
        check_flag("oom_group", on)
        self._require_limits()
        self._oom_group = on

    def set_limits(self, **sizes: int | str | None) -> None:
        """Set limits by name.

        A `high` below what is used reclaims; a `max` reclaims, then kills, until it holds or nobody may be killed.
        """
        pages = check_limits(sizes)
        self._require_limits()
        self.take_limits(pages)
        self.machine.shortage.enforce(self)
        self.machine.changed()

    def attach(self, process: Process) -> None:
        """Move `process` here, as a write to cgroup.procs: what is charged stays where it is."""
        self._require_here()
        if getattr(process, "machine", None) is not self.machine or process is self.machine.init:
            raise ValueError(f"attach({process!r}): give a process of this machine, one of machine.processes")
        process.require_alive()
        if process.cgroup is self:
            return
        process.cgroup.processes.remove(process)
        self.enter(process)
        self.machine.record("attach", process.name, "", (0, 0), 1)
        self.machine.changed()

    def remove(self) -> None:
        """As rmdir: refused with processes or children; what is still charged is handed to the parent."""
        self._require_here()
        if self.parent is None:
            raise ValueError("the root group cannot be removed")
        if self.processes or self.children:
            inside = [process.name for process in self.processes] + [child.path for child in self.children]
            raise GroupBusy(errno.EBUSY, f"group {self.path!r} holds {', '.join(inside)}: move or remove these first")
        self.machine.cgroups.forget(self)
        self.machine.changed()

    # What the rest of the engine uses ---------------------------------------------------------------------------

    def take_limits(self, pages: dict[str, int | None]) -> None:
        """Have these limits, checked before."""
        self.limits.update(pages)
        self.capped = self.limits["max"] is not None or self.limits["high"] is not None
        self.overrun = 0

    @property
    def owner(self) -> int:
        """The bits that say in a frame's word that it is charged here."""
        return self.numbers[0] << GROUP_SHIFT

    def enter(self, process: Process) -> None:
        """Have `process` as a member."""
        self.processes.append(process)
        process.space.group = self

    def upward(self) -> Iterator[Group]:
        """This group and those above it, up to the root."""
        group: Group | None = self
        while group is not None:
            yield group
            group = group.parent

    def members(self) -> list[Process]:
        """The processes of this group, then of those below it, in the order in which Linux walks them."""
        return [*self.processes, *(process for child in self.children for process in child.members())]

    def holds(self, group: kinds.Group) -> bool:
        """Is `group` this one, or below it?"""
        return any(each is self for each in group.upward())

    def charge(self, kind: int, pages: int) -> None:
        """`pages` more here and above; fewer if negative."""
        group: Group | None = self
        while group is not None:
            group.charged[kind] += pages
            group.usage += pages
            group.most = max(group.most, group.usage)
            if pages < 0 and group.overrun and group.usage <= (group.limits["high"] or 0):
                group.overrun = 0
            group = group.parent

    def charge_swap(self, pages: int) -> None:
        """`pages` more swap slots here and above."""
        for group in self.upward():
            group.swapped += pages

    def room(self) -> int | None:
        """Pages that may be charged before `max` or `high` is met, here or above; None without limits."""
        room = None
        group: Group | None = self
        while group is not None:
            if group.capped:
                left = group._left()
                room = left if room is None else min(room, left)
            group = group.parent
        return room

    def _left(self) -> int:
        limit, high = self.limits["max"], self.limits["high"]
        if high is None:
            return limit - self.usage if limit is not None else 0
        soft = high + self.overrun
        return (soft if limit is None else min(limit, soft)) - self.usage

    def swap_room(self, free: int) -> int:
        """Of `free` swap slots, how many this group's pages may take."""
        for group in self.upward():
            if (limit := group.limits["swap_max"]) is not None:
                free = min(free, max(0, limit - group.swapped))
        return free

    def count_event(self, event: str) -> None:
        """Count an event of this group, here and above. The machine as a whole has none of its own, as in Linux."""
        if self.parent is None and event != "oom_kill":
            return
        self._local[event] += 1
        for group in self.upward():
            group._events[event] += 1

    def _require_here(self) -> None:
        if self.machine.cgroups.get(self.path) is not self:
            raise ValueError(f"group {self.path!r} was removed: use one of machine.cgroups")

    def _require_limits(self) -> None:
        self._require_here()
        if self.parent is None:
            raise ValueError("the root group has no limits: make a group below it")


class Groups(dict[str, Group]):
    """The groups of a machine by path, "/" among them; and by the numbers that frames' words hold."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine
        self.root = Group(machine, "/", None, 0)
        self["/"] = self.root
        self.by_number: list[Group] = [self.root]
        self._spare: list[int] = []

    def make(self, path: str, limits: dict[str, Any], oom_group: bool) -> Group:
        """As mkdir: the parent must exist."""
        parent = self._parent_of(path)
        pages = check_limits(limits)
        check_flag("oom_group", oom_group)
        group = Group(self.machine, path, parent, self._new_number())
        group.take_limits(pages)
        group._oom_group = oom_group
        self.by_number[group.numbers[0]] = group
        parent.children.append(group)
        self[path] = group
        return group

    def of(self, word: int) -> Group:
        """The group that a frame with that word is charged to."""
        return self.by_number[word >> GROUP_SHIFT & GROUPS - 1]

    def inside(self, domain: kinds.Group) -> NDArray[np.bool_]:
        """For each number in frames' words: is it of `domain` or of a group below it?"""
        return np.array([domain.holds(group) for group in self.by_number], np.bool_)

    def find(self, cgroup: Group | str | None) -> Group:
        """A group given itself, by its path, or not at all: the root."""
        group = self.root if cgroup is None else self.get(cgroup) if isinstance(cgroup, str) else cgroup
        if not isinstance(group, Group) or self.get(group.path) is not group:
            raise ValueError(f"cgroup {cgroup!r} is none of this machine: it has {', '.join(self)}")
        return group

    def forget(self, group: Group) -> None:
        """Remove an empty group; its parent has its charges from here on."""
        parent = group.parent
        assert parent
        parent.children.remove(group)
        del self[group.path]
        for number in group.numbers:
            self.by_number[number] = parent
        charged = group.usage or group.swapped  # else the numbers stand in no word and can be used again
        (parent.numbers if charged else self._spare).extend(group.numbers)

    def _new_number(self) -> int:
        if self._spare:
            return self._spare.pop()
        if len(self.by_number) == MOST_GROUPS:
            raise ValueError(f"a machine has at most {MOST_GROUPS} groups: remove some")
        self.by_number.append(self.root)
        return len(self.by_number) - 1

    def _parent_of(self, path: object) -> Group:
        if not isinstance(path, str) or not path.startswith("/") or path.endswith("/") or "//" in path:
            raise ValueError(f"cgroup path {path!r}: give one from the root, such as '/pods/a'")
        if path in self:
            raise ValueError(f"group {path!r} exists already: take another path, or machine.cgroups[{path!r}]")
        parent = path.rpartition("/")[0] or "/"
        if parent not in self:
            raise ValueError(f"group {path!r} needs its parent {parent!r}: make that first")
        return self[parent]


def check_limits(sizes: dict[str, int | str | None]) -> dict[str, int | None]:
    """Limits in pages, from sizes in bytes or as text, rounded up to whole pages as all sizes are."""
    for name in sizes:
        if name not in LIMITS:
            raise ValueError(f"a group has no limit {name!r}: it has {', '.join(LIMITS)} and oom_group")
    return {name: None if size is None else pages_in(size, name) for name, size in sizes.items()}
