"""A machine: RAM, a commit account, and processes that share it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..arguments import check_flag, is_number, whole
from ..units import PAGE_SIZE, count, format_pages, pages_in
from . import calls, kinds
from .errors import OutOfMemory
from .many.access import Rules
from .process import Process, check_adj
from .reports import checks, procfs
from .reports.costs import Costs
from .reports.state import state
from .rules import commit, oom, replacement
from .rules.cgroup import Group, Groups
from .rules.page import Tally
from .rules.shortage import Shortage
from .stores.chunks import Pool
from .stores.frames import KIND, Frames
from .stores.page_cache import Backing
from .stores.swap import Swap

MOST_RAM = 1 << 40  # pages: 4 PiB, what x86-64 can address with five levels of page tables


@dataclass(frozen=True)
class Event:
    """What one call did, of one kind: `count` pages (or processes) of `pages` [start, stop).

    For scattered pages `pages` is the smallest range that holds them. `time` is in seconds of the machine's clock.
    """

    time: float
    kind: str
    process: str
    mapping: str
    pages: tuple[int, int]
    count: int


class Machine:
    """A machine with `ram` of memory, all of it free.

    `overcommit` is "heuristic" (0), "always" (1) or "never" (2), with `overcommit_ratio` per cent of RAM or
    `overcommit_kbytes`. `copy_on_write=False` copies everything at fork. `page_tables=False` counts page tables
    without giving them frames. `min_free` is kept back, and sets the watermarks (vm.min_free_kbytes); `swappiness` is
    0 to 200 (vm.swappiness). `costs` says what events take in time (costs.py).

    `on_read`, `on_write`, `on_fork`, `on_unmap`, `on_protect` replace a rule of `faults.py`, `commit_policy` that of
    `commit.py`, `oom_policy` that of `oom.py`; `evict_policy`, a function or a name, chooses pages (replacement.py).
    `check=True` checks all invariants after every call (slow: for tests, and for rules of one's own).
    """

    def __init__(
        self,
        ram: int | str = "16 GiB",
        swap: int | str = "0 B",
        overcommit: str | int = "heuristic",
        overcommit_ratio: int = 50,
        *,
        overcommit_kbytes: int = 0,
        copy_on_write: bool = True,
        page_tables: bool = True,
        check: bool = False,
        min_free: int | str = "0 B",
        swappiness: int = 60,
        costs: Costs | None = None,
        commit_policy: commit.CommitPolicy | None = None,
        oom_policy: oom.OomPolicy | None = None,
        evict_policy: replacement.EvictPolicy | str | None = None,
        **rules: Callable[..., None] | None,
    ) -> None:
        frames = pages_in(ram, "ram")
        if not 0 < frames <= MOST_RAM:
            raise ValueError(f"ram {ram!r} is {format_pages(frames)}: a machine has from one page to 4 PiB")
        self.account = commit.open_account(frames, swap, overcommit, overcommit_ratio, overcommit_kbytes)
        self.clock_ns = 0
        self.cgroups = Groups(self)
        self.frames = Frames(frames, Pool(), self._charge, poison=check_flag("check", check))
        self.swap = Swap(self.account.swap, self.frames, self._charge_swap)
        self.copy_on_write = check_flag("copy_on_write", copy_on_write)
        self.page_tables = check_flag("page_tables", page_tables)
        self.check = check
        self.rules = _replaced(rules)
        self.commit_policy = _callable("commit_policy", commit_policy) or commit.commit_policy
        self.oom_policy: oom.OomPolicy = _callable("oom_policy", oom_policy) or oom.oom_policy
        self.evict_policy = replacement.parse_policy(evict_policy)
        if self.evict_policy:
            self.frames.keep_births()
        self.swappiness = whole("swappiness", swappiness, "give a whole number from 0 to 200 (60 is usual)", 0, 200)
        self.costs = _costs(costs)
        self.shortage = Shortage(self, _min_free(min_free, frames))
        self.reclaim = self.shortage.reclaim
        self.log: list[Event] = []
        self.files: dict[str, Backing] = {}
        self.init = Process(self, "init", None, self.cgroups.root)
        self._living: dict[str, Process] = {}
        self._numbers: dict[str, int] = {}  # the number last used in made-up names, by what stands before it
        self._callbacks: list[Callable[[Machine], object]] = []
        self._counters = dict.fromkeys(_COUNTERS, 0)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_callbacks": []}  # nobody follows a copy

    def __repr__(self) -> str:
        free, total = format_pages(self.frames.free), format_pages(self.frames.total)
        return f"<Machine: {count(len(self._living), 'process', 'processes')}, {free} of {total} free>"

    # Processes --------------------------------------------------------------------------------------------------

    def spawn(self, name: str | None = None, cgroup: Group | str | None = None, oom_score_adj: int = 0) -> Process:
        """A new process that holds nothing, a child of init, in `cgroup` (else in the root group)."""
        group, adj = self.cgroups.find(cgroup), check_adj(oom_score_adj)
        process = self.add_process(self.new_name(name, "process "), self.init, group)
        process._oom_score_adj = adj
        self.record("spawn", process.name, "", (0, 0), 1)
        self.changed()
        return process

    def kill(self, process: Process) -> None:
        """End `process`, as SIGKILL does."""
        if not isinstance(process, Process) or process.machine is not self or process is self.init:
            raise ValueError(f"kill({process!r}): give a process of this machine, one of machine.processes")
        process.require_alive()
        self.end(process, "killed", "kill")
        self.changed()

    @property
    def processes(self) -> list[Process]:
        """The living processes, in the order in which they were made."""
        return list(self._living.values())

    def __getitem__(self, name: str) -> Process:
        """The living process of that name."""
        if not isinstance(name, str) or name not in self._living:
            raise KeyError(f"no process {name!r} is alive; alive are {', '.join(self._living) or 'none'}")
        return self._living[name]

    # Groups -----------------------------------------------------------------------------------------------------

    def cgroup(
        self,
        path: str,
        *,
        max: int | str | None = None,
        high: int | str | None = None,
        low: int | str | None = None,
        min: int | str | None = None,
        swap_max: int | str | None = None,
        oom_group: bool = False,
    ) -> Group:
        """Make a group, as mkdir does: its parent must exist. `cgroups[path]` finds one that was made."""
        limits = {"max": max, "high": high, "low": low, "min": min, "swap_max": swap_max}
        group = self.cgroups.make(path, limits, oom_group)
        self.changed()
        return group

    # Files ------------------------------------------------------------------------------------------------------

    def file(self, name: str, cached: bool = True) -> str:
        """Make a file known before it is mapped; its name.

        A `cached` file's pages are in memory from the first mmap on; those of another lie on disk, and each comes in
        by a major fault when it is touched.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(f"file name {name!r} is not a name: use text, such as 'data'")
        check_flag("cached", cached)
        if name in self.files:
            raise ValueError(f"file {name!r} exists already: say how it is cached before it is first mapped")
        self.files[name] = Backing(self.frames, self.swap, name, cached)
        return name

    def open_file(self, name: str) -> Backing:
        """The file of that name; a new one is cached."""
        if name not in self.files:
            self.files[name] = Backing(self.frames, self.swap, name)
        return self.files[name]

    def backings(self) -> list[Backing]:
        """Files and shared objects, in the order in which they are met."""
        met = dict.fromkeys(self.files.values())
        for process in self.processes:
            met.update({m.backing: None for m in process.mappings.values() if m.backing and len(m.areas)})
        return list(met)

    # Time, and what is told ---------------------------------------------------------------------------------------

    @property
    def clock(self) -> float:
        """Seconds since the machine started. Time passes through what calls cost (costs.py), and through `advance`."""
        return self.clock_ns / 1e9

    def pressure(self) -> dict[str, dict[str, float]]:
        """Time that processes waited for memory, as in /proc/pressure/memory; see pressure.py."""
        return self.cgroups.root.pressure()

    @property
    def oom_reports(self) -> list[oom.Report]:
        """What the OOM killer did, oldest first; `print` one to read it as in the kernel's log."""
        return list(self.shortage.killer.reports)

    def advance(self, seconds: float) -> None:
        """Let time pass: `seconds` more on the clock."""
        if not is_number(seconds, 0, 1e18):
            raise ValueError(f"advance({seconds!r}): give seconds, a number of 0 or more")
        self.clock_ns += round(seconds * 1e9)
        self.changed()

    def on_change(self, callback: Callable[[Machine], object]) -> Callable[[], None]:
        """Call `callback(machine)` after each call that may have changed something; a function that ends this."""
        if not callable(callback):
            raise ValueError(f"on_change({callback!r}): give a function that takes the machine")
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def meminfo(self) -> dict[str, int]:
        """{field: KiB}, as /proc/meminfo."""
        return procfs.meminfo(self)

    @property
    def in_use(self) -> int:
        """Bytes of memory in use: data, the page cache included, and page tables. What is swapped out is not in it."""
        return (self.frames.used + self.frames.tables) * PAGE_SIZE

    def vmstat(self) -> dict[str, int]:
        """{counter: number of events since the machine started}, as /proc/vmstat. pgfault counts major faults too."""
        return procfs.vmstat(self)

    def state(self) -> dict[str, Any]:
        """All that can be told apart by using the machine, as a value: equal for machines that would act alike.

        Frames are named in the order in which the processes map them, so that two machines are equal whatever frames
        they took.
        """
        return state(self)

    # What the rest of the engine uses ---------------------------------------------------------------------------

    def new_name(self, name: object, prefix: str) -> str:
        """`name`, checked, or one made of `prefix` and the next number."""
        if name is None:
            number = self._numbers.get(prefix, 0) + 1
            while f"{prefix}{number}" in self._living:
                number += 1
            self._numbers[prefix] = number
            return f"{prefix}{number}"
        if not isinstance(name, str) or not name:
            raise ValueError(f"name {name!r} is not a name: use text, such as 'worker 1'")
        if name in self._living or name == self.init.name:
            raise ValueError(f"a process {name!r} is alive: names are unique among the living, take another")
        return name

    def add_process(self, name: str, parent: Process, group: Group) -> Process:
        """A living process of that name, checked before, that holds nothing."""
        process = Process(self, name, parent, group)
        group.processes.append(process)
        parent.children.append(process)
        self._living[name] = process
        return process

    def end(self, process: Process, reason: str, kind: str) -> None:
        """Unmap all that `process` has, and let init have its children (exit_mmap, forget_original_parent)."""
        pages = process.rss // 4096
        for mapping in process.mappings.values():
            if len(mapping.areas):
                self.account.committed -= mapping.areas.promised
                calls.unmap_pages(mapping, 0, mapping.pages)
                calls.forget(mapping)
            mapping.table.release()
        process.space.count_tables(-process.space.tables)
        process.mappings.clear()
        for child in process.children:
            child.parent = self.init
        self.init.children += process.children
        process.children = []
        if process.parent:
            process.parent.children.remove(process)
        process.cgroup.processes.remove(process)
        process.alive, process.exit_reason = False, reason
        del self._living[process.name]
        self.record(kind, process.name, "", (0, 0), pages)

    def count_faults(self, process: Process, tally: Tally) -> None:
        """Add the faults of one call to the machine's counters, and what they took to its clock."""
        counters = self._counters
        files = tally.major - tally.swap_in
        counters["pgfault"] += tally.minor + tally.major
        counters["pgmajfault"] += tally.major
        counters["pgreuse"] += tally.reuse
        if tally.major:
            counters["pswpin"] += tally.swap_in
            counters["workingset_refault_anon"] += tally.swap_in
            counters["workingset_refault_file"] += tally.refault
            counters["pgpgin"] += tally.major * 4
        costs = self.costs
        waited = tally.swap_in * costs.swap_in + tally.refault * costs.file_read  # a first read is no pressure
        took = costs.of_faults(tally.minor, tally.swap_in, files, tally.zero_fill, tally.copy, tally.reuse)
        self.spend(took - waited)
        self.stall(process, waited)

    def count_kill(self) -> None:
        """One process more was killed by the OOM killer."""
        self._counters["oom_kill"] += 1

    def spend(self, ns: int) -> None:
        """Let `ns` nanoseconds pass."""
        self.clock_ns += ns

    def stall(self, process: kinds.Process, ns: int) -> None:
        """Let `process` wait for memory for `ns` nanoseconds: that is pressure in its group and those above."""
        if ns <= 0:
            return
        start, self.clock_ns = self.clock_ns, self.clock_ns + ns
        for group in process.cgroup.upward():
            group.stalls.stall(start, self.clock_ns)

    def counters(self) -> dict[str, int]:
        """What was counted so far; procfs.vmstat adds what reclaim counts."""
        return dict(self._counters)

    def record(self, kind: str, process: str, mapping: str, pages: tuple[int, int], count: int) -> None:
        """Add what a call did to the log."""
        self.log.append(Event(self.clock, kind, process, mapping, pages, count))

    def refuse(self, process: str, mapping: str, pages: int, message: str) -> OutOfMemory:
        """The error for a refused promise, which the log has too."""
        self.record("refuse", process, mapping, (0, 0), pages)
        return OutOfMemory(errno.ENOMEM, message)

    def changed(self) -> None:
        """After each call: let kswapd work, check, and tell."""
        if self.frames.free < self.shortage.low:
            self.shortage.balance()
        if self.check:
            checks.check(self)
        if self._callbacks:
            for callback in list(self._callbacks):
                callback(self)

    def _charge(self, word: int, pages: int) -> None:
        self.cgroups.of(word).charge(word & KIND, pages)

    def _charge_swap(self, word: int, pages: int) -> None:
        self.cgroups.of(word).charge_swap(pages)


_COUNTERS = (
    "pgfault",
    "pgmajfault",
    "pgreuse",
    "pgpgin",
    "pswpin",
    "workingset_refault_anon",
    "workingset_refault_file",
    "oom_kill",
)


def _min_free(size: int | str, frames: int) -> int:
    pages = pages_in(size, "min_free")
    if pages > frames // 2:
        raise ValueError(f"min_free {size!r} is more than half of RAM: keep less back")
    return pages


def _costs(costs: object) -> Costs:
    if costs is None:
        return Costs()
    if not isinstance(costs, Costs):
        raise ValueError(f"costs={costs!r} is not a Costs: use cowlab.Costs(...), or what calibrate gives")
    return costs


def _replaced(rules: dict[str, Callable[..., None] | None]) -> Rules:
    """The page rules, with those of `rules` in place of the model's own."""
    known = Rules.__dataclass_fields__
    for name in rules:
        if name not in known:
            raise TypeError(f"Machine has no argument {name!r}; rules that can be replaced: {', '.join(known)}")
    return Rules(**{name: rule for name, rule in rules.items() if _callable(name, rule)})  # type: ignore[arg-type]


def _callable(name: str, rule: Any) -> Any:
    if rule is not None and not callable(rule):
        raise ValueError(f"{name}={rule!r} is not a function")
    return rule
