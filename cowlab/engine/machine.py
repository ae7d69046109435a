"""A machine: RAM, a commit account, and processes that share it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..units import format_pages, pages_in
from . import calls, checks, commit, procfs
from .access import Rules
from .backing import Backing
from .chunks import Pool
from .errors import OutOfMemory
from .frames import Frames
from .page import Tally
from .process import Process
from .state import state

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
    `overcommit_kbytes`. `swap` counts in the account. `copy_on_write=False` copies everything at fork.
    `page_tables=False` counts page tables without giving them frames. `on_read`, `on_write`, `on_fork`, `on_unmap`,
    `on_protect` and `commit_policy` replace a rule of `faults.py` or `commit.py`. `check=True` checks all invariants
    after every call (slow: for tests, and for rules of one's own).
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
        commit_policy: commit.CommitPolicy | None = None,
        **rules: Callable[..., None] | None,
    ) -> None:
        frames = pages_in(ram, "ram")
        if not 0 < frames <= MOST_RAM:
            raise ValueError(f"ram {ram!r} is {format_pages(frames)}: a machine has from one page to 4 PiB")
        for name, flag in (("copy_on_write", copy_on_write), ("page_tables", page_tables), ("check", check)):
            if not isinstance(flag, bool):
                raise ValueError(f"{name}={flag!r} is not True or False")
        self.account = commit.open_account(frames, swap, overcommit, overcommit_ratio, overcommit_kbytes)
        self.frames = Frames(frames, Pool(), poison=check)
        self.copy_on_write = copy_on_write
        self.page_tables = page_tables
        self.check = check
        self.rules = _replaced(rules)
        self.commit_policy = _callable("commit_policy", commit_policy) or commit.commit_policy
        self.clock = 0.0
        self.log: list[Event] = []
        self.files: dict[str, Backing] = {}
        self.init = Process(self, "init", None)
        self._living: dict[str, Process] = {}
        self._numbers: dict[str, int] = {}  # the number last used in made-up names, by what stands before it
        self._callbacks: list[Callable[[Machine], object]] = []
        self._faults = {"pgfault": 0, "pgmajfault": 0, "pgreuse": 0}

    def __repr__(self) -> str:
        free, total = format_pages(self.frames.free), format_pages(self.frames.total)
        return f"<Machine: {len(self._living)} processes, {free} of {total} free>"

    # Processes --------------------------------------------------------------------------------------------------

    def spawn(self, name: str | None = None) -> Process:
        """A new process that holds nothing, a child of init."""
        process = self.add_process(self.new_name(name, "process "), self.init)
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

    # Files ------------------------------------------------------------------------------------------------------

    def file(self, name: str, cached: bool = True) -> str:
        """Make a file known before it is mapped; its name.

        A `cached` file's pages are in memory from the first mmap on; those of another lie on disk, and each comes in
        by a major fault when it is touched.
        """
        if not isinstance(name, str) or not name:
            raise ValueError(f"file name {name!r} is not a name: use text, such as 'data'")
        if not isinstance(cached, bool):
            raise ValueError(f"cached={cached!r} is not True or False")
        if name in self.files:
            raise ValueError(f"file {name!r} exists already: say how it is cached before it is first mapped")
        self.files[name] = Backing(self.frames, name, cached)
        return name

    def open_file(self, name: str) -> Backing:
        """The file of that name; a new one is cached."""
        if name not in self.files:
            self.files[name] = Backing(self.frames, name)
        return self.files[name]

    # Time, and what is told ---------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass: `seconds` more on the clock."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 1e18:
            raise ValueError(f"advance({seconds!r}): give seconds, a number of 0 or more")
        self.clock += seconds
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

    def vmstat(self) -> dict[str, int]:
        """{counter: number of events since the machine started}, as /proc/vmstat. pgfault counts major faults too."""
        return dict(self._faults)

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

    def add_process(self, name: str, parent: Process) -> Process:
        """A living process of that name, checked before, that holds nothing."""
        process = Process(self, name, parent)
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
                calls.release_backing(mapping)
            mapping.table.release()
        process.space.count_tables(-process.space.tables)
        process.mappings.clear()
        for child in process.children:
            child.parent = self.init
        self.init.children += process.children
        process.children = []
        if process.parent:
            process.parent.children.remove(process)
        process.alive, process.exit_reason = False, reason
        del self._living[process.name]
        self.record(kind, process.name, "", (0, 0), pages)

    def count_faults(self, tally: Tally) -> None:
        """Add the faults of one call to the machine's counters."""
        self._faults["pgfault"] += tally.minor + tally.major
        self._faults["pgmajfault"] += tally.major
        self._faults["pgreuse"] += tally.reuse

    def record(self, kind: str, process: str, mapping: str, pages: tuple[int, int], count: int) -> None:
        """Add what a call did to the log."""
        self.log.append(Event(self.clock, kind, process, mapping, pages, count))

    def refuse(self, process: str, mapping: str, pages: int, message: str) -> OutOfMemory:
        """The error for a refused promise, which the log has too."""
        self.record("refuse", process, mapping, (0, 0), pages)
        return OutOfMemory(errno.ENOMEM, message)

    def changed(self) -> None:
        """After each call: check, and tell."""
        if self.check:
            checks.check(self)
        if self._callbacks:
            for callback in list(self._callbacks):
                callback(self)


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
