"""A process: its system calls, and what Linux would report of it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ..arguments import check_flag, is_whole
from ..units import PAGE_SIZE, format_pages, pages_in
from . import calls
from .address_space import AddressSpace
from .areas import Area, Areas
from .errors import Deadlock, Error, NoSuchProcess
from .kinds import NoFreeFrame
from .many import access, sweep
from .many.access import ForkRule
from .many.selection import Range
from .mapping import Mapping, check_kind, check_prot
from .reports import procfs
from .rules import oom
from .rules.commit import MODES, Request, explain
from .rules.page import Tally
from .stores.page_cache import Backing
from .stores.page_table import GIB_SHIFT, PageTable, Tables

if TYPE_CHECKING:
    from .machine import Machine
    from .rules.cgroup import Group

ADDRESS_SPACE = 1 << 35
"""Pages of user address space: 128 TiB (x86-64 with four levels of page tables)."""


class Process:
    """A process of a machine. Made by `Machine.spawn` and `Process.fork`.

    Once it is dead it still answers name, alive, parent, exit_reason and its counters; its memory is 0.
    """

    def __init__(self, machine: Machine, name: str, parent: Process | None, cgroup: Group) -> None:
        self.machine = machine
        self.name = name
        self.parent = parent
        self._oom_score_adj: int = parent._oom_score_adj if parent else 0
        self.children: list[Process] = []  # the living
        self.alive = True
        self.exit_reason: str | None = None  # "exited", "killed" or "oom-killed"
        self.space = AddressSpace(machine.frames, machine.page_tables, cgroup)
        self.minor_faults = self.major_faults = self.copies = self.reuses = 0

    def __repr__(self) -> str:
        state = f"{self.rss // 1024} KiB resident" if self.alive else self.exit_reason
        return f"<Process {self.name!r}: {state}>"

    def __getitem__(self, name: str) -> Mapping:
        """The mapping of that name."""
        self.require_alive()
        if not isinstance(name, str) or name not in self.mappings:
            raise KeyError(f"{self.name!r} has no mapping {name!r}; it has {', '.join(self.mappings) or 'none'}")
        return self.mappings[name]

    @property
    def process(self) -> Process:
        """Itself: the caller of its calls, as a mapping's process is of the mapping's."""
        return self

    @property
    def mappings(self) -> dict[str, Mapping]:
        """The mappings by name, in the order in which they were made."""
        return self.space.mappings

    @property
    def cgroup(self) -> Group:
        """The group whose limits hold for it, and that its pages are charged to; `Group.attach` moves it."""
        return self.space.group

    @property
    def oom_score_adj(self) -> int:
        """What the OOM killer adds to its badness, in thousandths of memory; -1000: it is never chosen."""
        return self._oom_score_adj

    @oom_score_adj.setter
    def oom_score_adj(self, adj: int) -> None:
        self.require_alive()
        self._oom_score_adj = check_adj(adj)
        self.machine.changed()

    @property
    def oom_score(self) -> int:
        """/proc/PID/oom_score: its badness against RAM and swap, from 0 to 2000."""
        machine = self.machine
        return oom.oom_score(oom.task_of(self, machine.frames.total + machine.account.swap)) if self.alive else 0

    def require_alive(self) -> None:
        """Raise NoSuchProcess if the process is dead."""
        if not self.alive:
            end = {"killed": "was killed", "oom-killed": "was killed by the OOM killer"}.get(
                str(self.exit_reason), "has exited"
            )
            raise NoSuchProcess(errno.ESRCH, f"process {self.name!r} {end}; use one that is in machine.processes")

    # System calls -----------------------------------------------------------------------------------------------

    @calls.system_call
    def mmap(
        self,
        size: int | str,
        kind: str = "private",
        name: str | None = None,
        prot: str = "rw",
        populate: bool = False,
        *,
        file: str | None = None,
    ) -> Mapping:
        """Map `size` bytes (rounded up to whole pages) of `kind`, from the next free 1 GiB boundary on.

        `prot` is "rw", "r" or "" (no access). `populate` touches every page at once. File kinds map `file`, by name,
        from its start. Raises OutOfMemory if the promise is refused, or a file's pages do not fit into RAM.
        """
        check_kind(kind)
        check_prot(prot)
        self._not_init("map memory")
        check_flag("populate", populate)
        pages = pages_in(size)
        if not pages:
            raise ValueError("size 0 is no mapping: ask for at least one byte")
        name = self._new_name(name)
        file = self._file_name(kind, file)
        self._check_room(pages, name)
        promised = self.may_promise(kind) and prot == "rw"
        asked = pages if promised or kind == "shared" else 0
        self.promise([asked] if asked else [], f"mmap of {name!r}", name)
        try:
            backing = self._backing(kind, file, pages)
        except NoFreeFrame:  # and nothing could be reclaimed
            self.machine.account.committed -= asked
            message = self._no_room(f"map {format_pages(pages)} of file {file!r}")
            raise self.machine.refuse(self.name, name, pages, message) from None
        areas = Areas([Area(0, pages, prot, promised)])
        table = PageTable(self.machine.frames.pool, pages, self.space.next_gib, self.space.uppers)
        mapping = Mapping(self, name, kind, pages, areas, table)
        self.space.adopt(mapping, backing)
        self.space.next_gib += -(-pages // (1 << GIB_SHIFT))
        self.machine.record("mmap", self.name, name, (0, pages), pages)
        if populate:
            self._populate(mapping)
        return mapping

    @calls.system_call
    def fork(self, name: str | None = None, cgroup: Group | str | None = None) -> Process:
        """A child with the same memory: page tables are copied, pages are shared until one side writes (copy on write).

        It is in the same group, or in `cgroup`; its page tables are charged to the group of this process.

        Raises OutOfMemory, and has changed nothing, if a promise is refused or the page tables do not fit. On a
        machine without copy on write the private pages are copied at once, or do not fit.
        """
        self._not_init("fork")
        name = self.machine.new_name(name, f"{self.name}.")
        group = self.cgroup if cgroup is None else self.machine.cgroups.find(cgroup)
        areas = [area for mapping in self.mappings.values() for area in mapping.areas if area.promised]
        tables = {mapping.name: mapping.tables_to_copy() for mapping in self.mappings.values()}
        asked = [len(area) for area in areas]
        self.promise(asked, f"fork of {self.name!r}", "")
        try:
            self._have_room(self._fork_needs(tables))
        except Error:
            self.machine.account.committed -= sum(asked)
            raise
        child = self.machine.add_process(name, self, group)
        shared = sum(copy_mapping(mapping, tables[mapping.name], child) for mapping in self.mappings.values())
        child.space.next_gib = self.space.next_gib
        self.machine.reclaim.forget()  # frames have new mappers
        copied = 0 if self.machine.copy_on_write else sum(mapping.anon for mapping in child.mappings.values())
        self.machine.spend(self.machine.costs.of_fork(child.space.tables, copied))
        self.machine.record("fork", self.name, "", (0, 0), shared)
        return child

    @calls.system_call
    def load(self, size: int | str, relocated: int | str = 0) -> None:
        """Start a program: the time that it takes to read `size` bytes of it, and to relocate the pages that hold
        `relocated` bytes. Memory is mapped and touched by calls of their own."""
        self._not_init("start programs")
        pages, moved = pages_in(size), pages_in(relocated, "relocated")
        self.machine.spend(self.machine.costs.of_start(pages, moved))

    @calls.system_call
    def exit(self) -> None:
        """End: all memory of its own is free, frames that others map stay with them."""
        self._not_init("exit")
        self.machine.end(self, "exited", "exit")

    # What Linux reports -----------------------------------------------------------------------------------------

    @property
    def vsz(self) -> int:
        """Bytes mapped, touched or not (VmSize)."""
        return sum(mapping.size for mapping in self.mappings.values())

    @property
    def rss(self) -> int:
        """Bytes in memory and mapped here (VmRSS); shared ones count in full."""
        return sum(mapping.rss for mapping in self.mappings.values())

    @property
    def pss(self) -> int:
        """Bytes in memory, each page divided by its mappers."""
        return procfs.totals(self)["Pss"]

    @property
    def uss(self) -> int:
        """Bytes in memory that nobody else maps: what its exit would free."""
        return procfs.totals(self)["Uss"]

    @property
    def swap(self) -> int:
        """Bytes of private memory that are swapped out (VmSwap)."""
        return sum(mapping.swapped for mapping in self.mappings.values()) * PAGE_SIZE

    @property
    def page_tables(self) -> int:
        """Bytes of page tables, the root not counted (VmPTE)."""
        return self.space.tables * PAGE_SIZE

    def smaps(self) -> dict[str, dict[str, int]]:
        """{mapping name: {field: KiB}} for the mappings of which any part is mapped, fields as in /proc/PID/smaps."""
        return procfs.process_smaps(self)

    def status(self) -> dict[str, int]:
        """{field: KiB}, as the memory lines of /proc/PID/status."""
        return procfs.status(self)

    # Promises ---------------------------------------------------------------------------------------------------

    def may_promise(self, kind: str) -> bool:
        """Does writable memory of this kind count in Committed_AS? Mode 2 ignores MAP_NORESERVE."""
        if kind == "noreserve":
            return self.machine.account.mode == MODES["never"]
        return kind in ("private", "file-private")

    def promise(self, asked: list[int], what: str, mapping: str) -> None:
        """Promise each of `asked` (pages, one request an area), or refuse all with OutOfMemory."""
        account = self.machine.account
        before, total_vm = account.committed, self.vsz // PAGE_SIZE
        for pages in asked:
            request = Request(account, pages, total_vm)
            if not self.machine.commit_policy(request):
                reason = explain(request)
                account.committed = before
                raise self.machine.refuse(self.name, mapping, pages, f"{what} in {self.name!r} refused: {reason}")
            account.committed += pages

    # Helpers ----------------------------------------------------------------------------------------------------

    def _not_init(self, what: str) -> None:
        if self is self.machine.init:
            raise ValueError(f"init does not {what}: it holds nothing; spawn a process")

    def _new_name(self, name: object) -> str:
        if name is None:
            number = len(self.mappings) + 1
            while f"mapping {number}" in self.mappings:
                number += 1
            return f"mapping {number}"
        if not isinstance(name, str) or not name:
            raise ValueError(f"name {name!r} is not a name: use text, such as 'heap'")
        if name in self.mappings:
            raise ValueError(f"{self.name!r} has a mapping {name!r} already: names are unique, take another")
        return name

    def _file_name(self, kind: str, file: object) -> str | None:
        if not kind.startswith("file"):
            if file is not None:
                raise ValueError(f"file={file!r} means nothing for kind {kind!r}: use 'file-private' or 'file-shared'")
            return None
        if file is not None and (not isinstance(file, str) or not file):
            raise ValueError(f"file={file!r} is not a name: use text, such as 'data'")
        return file if file is not None else "file"

    def _check_room(self, pages: int, name: str) -> None:
        """The mapping must fit into what is left of the address space."""
        left = ADDRESS_SPACE - (self.space.next_gib << GIB_SHIFT)
        if pages > left:
            message = (
                f"mmap of {name!r} in {self.name!r} asked for {format_pages(pages)}, and "
                f"{format_pages(max(0, left))} of the 128 TiB address space are left: ask for less"
            )
            raise self.machine.refuse(self.name, name, pages, message)

    def _backing(self, kind: str, file: str | None, pages: int) -> Backing | None:
        if kind == "shared":
            backing = Backing(self.machine.frames, self.machine.swap)
            backing.promised = pages
        elif file is not None:
            known = self.machine.files.get(file)
            if known is None or known.cached:
                self._need_frames_for(max(0, pages - (known.pages if known else 0)))
            backing = self.machine.open_file(file)
        else:
            return None
        backing.lengthen(pages, self.space.group.owner)
        self.machine.shortage.settle(self)
        return backing

    def _need_frames_for(self, pages: int) -> None:
        """Raise NoFreeFrame unless so many frames can be had, if need be by reclaim."""
        try:
            self.space.need_frames(pages)
        except NoFreeFrame as lack:
            if not self.machine.shortage.try_room(self, lack):
                raise

    def _have_room(self, frames: int) -> None:
        """Have room for what fork takes. An eager fork that does not fit is refused; for page tables room is made."""
        try:
            self.space.need_frames(frames)
        except NoFreeFrame as lack:
            what = f"fork, which takes {format_pages(frames)}"
            if not self.machine.copy_on_write:
                raise self.machine.refuse(self.name, "", frames, self._no_room(what)) from None
            self.machine.shortage.make_room_for_tables(self, lack, self._no_room(what))

    def _populate(self, mapping: Mapping) -> None:
        """MAP_POPULATE: touch every page. That RAM ends meanwhile is no error (mm/gup.c, __mm_populate)."""
        area = mapping.areas.list[0]
        write = mapping.private and area.writable
        tally = Tally()
        try:
            if area.readable:
                access.touch(mapping, area, Range(0, mapping.pages), write, None, tally)
        except Deadlock:
            self.machine.record("refuse", self.name, mapping.name, (0, mapping.pages), mapping.pages)
        finally:
            calls.count(mapping, tally, (0, mapping.pages))

    def _fork_needs(self, tables: dict[str, Tables]) -> int:
        """Frames that a fork takes: page tables, and without copy on write the private pages too."""
        uppers, pages = set[int](), 0
        for each in tables.values():
            uppers |= each.uppers
            pages += each.count
        need = self.space.table_frames(pages + len(uppers))
        if not self.machine.copy_on_write:
            need += sum(sweep.fork_needs(fork_rule(self.machine), mapping) for mapping in self.mappings.values())
        return need

    def _no_room(self, what: str) -> str:
        frames = self.machine.frames
        return (
            f"{self.name!r} asked to {what}; {format_pages(frames.free)} of {format_pages(frames.total)} RAM are free "
            f"({format_pages(frames.used)} data, {format_pages(frames.tables)} page tables). Free some memory, or take "
            f"a machine with more RAM"
        )


def copy_mapping(mapping: Mapping, tables: Tables, child: Process) -> int:
    """Give `child` a copy of `mapping` (kernel/fork.c, dup_mmap); the pages that it maps in the child.

    Only areas with a family are copied; the others start empty, and are filled by faults.
    """
    table = PageTable(mapping.frames.pool, mapping.pages, mapping.table.gib, child.space.uppers)
    areas = mapping.areas.copy_for_child()
    copy = Mapping(child, mapping.name, mapping.kind, mapping.pages, areas, table)
    child.space.adopt(copy, mapping.backing, mapping)
    copied = [area for area in mapping.areas if area.family]
    if copied:
        child.space.take_tables(table, tables, mapping.space.group)
    for area in copied:
        sweep.fork(fork_rule(child.machine), mapping, area, copy)
    return copy.anon + copy.other


def fork_rule(machine: Machine) -> ForkRule:
    """What copies a page at fork."""
    return machine.rules.on_fork if machine.copy_on_write else sweep.copy_at_once


def check_adj(adj: object) -> int:
    """`adj` as an oom_score_adj. Raises ValueError if it is none."""
    if not is_whole(adj, -1000, 1000):
        raise ValueError(f"oom_score_adj={adj!r}: give a whole number from -1000 (never chosen) to 1000")
    return adj
