"""What the rooms need to know of a machine, its groups, its processes and their mappings.

The classes themselves stand at the engine's door (machine.py, process.py, mapping.py, address_space.py, and cgroup.py
among the rules) and use the rooms. So that no room has to use the door, each takes whatever is of these kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, ValuesView
from collections.abc import Mapping as Map
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .areas import Areas
from .reports.costs import Costs
from .reports.pressure import Pressure
from .rules.commit import Account
from .stores.frames import Frames
from .stores.page_cache import Backing
from .stores.page_table import PageTable
from .stores.swap import Swap


class Group(Protocol):
    """A group of processes (cgroup.py): what it is charged, in pages, and what it may have."""

    path: str
    limits: dict[str, int | None]
    charged: list[int]
    usage: int
    overrun: int
    stalls: Pressure

    @property
    def parent(self) -> Group | None: ...
    @property
    def owner(self) -> int: ...
    @property
    def oom_group(self) -> bool: ...
    def upward(self) -> Iterator[Group]: ...
    def members(self) -> Sequence[Process]: ...
    def holds(self, group: Group) -> bool: ...
    def room(self) -> int | None: ...
    def swap_room(self, free: int) -> int: ...
    def count_event(self, event: str) -> None: ...


class Groups(Protocol):
    """The groups of a machine; `of` finds one by a frame's word."""

    @property
    def root(self) -> Group: ...
    @property
    def by_number(self) -> Sequence[Group]: ...
    def of(self, word: int) -> Group: ...
    def inside(self, domain: Group) -> NDArray[np.bool_]: ...
    def values(self) -> ValuesView[Group]: ...
    def __len__(self) -> int: ...


class Space(Protocol):
    """The address space of a process (address_space.py)."""

    tables: int
    tables_take_frames: bool

    @property
    def group(self) -> Group: ...
    @property
    def room(self) -> int: ...
    def table_frames(self, tables: int) -> int: ...
    def need_frames(self, data: int, tables: int = 0) -> None: ...
    def count_tables(self, tables: int) -> None: ...


class Process(Protocol):
    """A process (process.py)."""

    name: str
    alive: bool

    @property
    def machine(self) -> Machine: ...
    @property
    def space(self) -> Space: ...
    @property
    def cgroup(self) -> Group: ...
    @property
    def mappings(self) -> Map[str, Mapping]: ...
    @property
    def oom_score_adj(self) -> int: ...
    @property
    def vsz(self) -> int: ...
    @property
    def rss(self) -> int: ...
    @property
    def swap(self) -> int: ...


class Mapping(Protocol):
    """A mapping (mapping.py): its areas, its page table, and how many of its pages are where."""

    name: str
    pages: int
    private: bool
    areas: Areas
    table: PageTable
    backing: Backing | None
    frames: Frames
    swap: Swap
    anon: int
    other: int
    swapped: int

    @property
    def process(self) -> Process: ...
    @property
    def space(self) -> Space: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def lineage(self) -> Iterable[Mapping]: ...
    def count_mapped(self, word: int, n: int) -> None: ...
    def need_swap_in(self, slot: int, reads: int, copies: int) -> None: ...


class Rules(Protocol):
    """What handles a touch of a page: faults.py, or a learner's own."""

    @property
    def on_read(self) -> Callable[..., None]: ...
    @property
    def on_write(self) -> Callable[..., None]: ...


class Machine(Protocol):
    """A machine (machine.py)."""

    account: Account
    frames: Frames
    swap: Swap
    costs: Costs
    swappiness: int
    evict_policy: Callable[[Any, int], Iterable[int]] | None
    oom_policy: Callable[[Any], Any]

    @property
    def clock(self) -> float: ...
    @property
    def cgroups(self) -> Groups: ...
    @property
    def init(self) -> Process: ...
    @property
    def processes(self) -> Sequence[Process]: ...
    @property
    def reclaim(self) -> Reclaim: ...
    @property
    def shortage(self) -> Shortage: ...
    def backings(self) -> list[Backing]: ...
    def count_kill(self) -> None: ...
    def end(self, process: Any, reason: str, kind: str) -> None: ...
    def record(self, kind: str, process: str, mapping: str, pages: tuple[int, int], count: int) -> None: ...
    def stall(self, process: Process, ns: int) -> None: ...


class Reclaim(Protocol):
    """What frees frames (reclaim.py)."""

    def batch(self, domain: Group) -> int: ...


class Shortage(Protocol):
    """What makes room (shortage.py)."""

    def make_room(self, process: Process, lack: NoFreeFrame, done: int = 0) -> None: ...
    def reclaim_ahead(self, process: Process) -> bool: ...


class NoFreeFrame(Exception):
    """A call needs `frames` frames, charged to `group`, and so many cannot be had; see shortage.py."""

    def __init__(self, frames: int, group: Group) -> None:
        super().__init__(frames, group)
        self.frames, self.group = frames, group
