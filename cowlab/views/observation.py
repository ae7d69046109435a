"""What a picture shows of a machine: the runs of pages that fare alike, the frames by mappers, the figures.

Everything here comes from what the machine reports (smaps, map counts, meminfo), nothing from the engine's own tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine import Machine, Process
from ..engine import Mapping as Region
from ..units import PAGE_SIZE

KIB = 1024
ANONYMOUS = ("private", "noreserve")

Op = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """Pages [start, stop) of a region, all with the same number of mappers; 0 mappers: no frame."""

    start: int
    stop: int
    mappers: int

    @property
    def pages(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Figures:
    """One process's memory in bytes, by Linux's four measures, and its page tables."""

    vsz: int
    rss: int
    pss: int
    uss: int
    page_tables: int


@dataclass(frozen=True)
class Group:
    """Processes that follow one another and look the same: same parent, same figures, same map counts page by page."""

    names: tuple[str, ...]
    parent: str
    figures: Figures
    regions: tuple[tuple[str, tuple[Run, ...]], ...]

    @property
    def title(self) -> str:
        """One name, or "tab 1 to tab 50"."""
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}"

    @property
    def pages(self) -> int:
        """The length of its regions together, in pages."""
        return sum(runs[-1].stop for _, runs in self.regions if runs)


@dataclass(frozen=True)
class Memory:
    """A machine, seen from outside."""

    groups: tuple[Group, ...]
    frames: dict[int, int]
    """{mappers: frames of data that have so many}"""
    data_frames: int
    table_frames: int
    free_frames: int
    total: Figures
    """The processes' figures added up, column by column."""

    @property
    def processes(self) -> int:
        return sum(len(group.names) for group in self.groups)

    @property
    def data(self) -> int:
        """Bytes of data in memory, each frame once."""
        return self.data_frames * PAGE_SIZE

    @property
    def page_tables(self) -> int:
        """Bytes of page tables in memory."""
        return self.table_frames * PAGE_SIZE

    @property
    def in_use(self) -> int:
        return self.data + self.page_tables

    def frames_by(self) -> tuple[int, int, int]:
        """Frames of data with one mapper, with two, with more."""
        one, two = self.frames.get(1, 0), self.frames.get(2, 0)
        return one, two, sum(self.frames.values()) - one - two


def observe(machine: Machine, ops: Iterable[Op] | None = None, *, pages: bool = True) -> Memory:
    """Look at every page of every process of `machine`; without `pages`, at the figures alone.

    `ops` are the operations that made it what it is, all of them done: pages that no operation tells apart fare alike,
    so one page of each such stretch speaks for all, and 50 processes of 300 MiB take milliseconds.
    """
    cuts = None if ops is None else _cuts(ops)
    seen = [_look(process, cuts, pages) for process in machine.processes]
    entries: Counter[int] = Counter()
    for group in seen:
        for _, runs in group.regions:
            for run in runs:
                entries[run.mappers] += run.pages
    info = machine.meminfo()
    return Memory(
        groups=tuple(_grouped(seen)),
        frames={mappers: n // mappers for mappers, n in sorted(entries.items()) if mappers},
        data_frames=(info["AnonPages"] + info["Cached"]) * KIB // PAGE_SIZE,
        table_frames=info["PageTables"] * KIB // PAGE_SIZE,
        free_frames=info["MemFree"] * KIB // PAGE_SIZE,
        total=_added(group.figures for group in seen),
    )


def _look(process: Process, cuts: dict[str, set[int]] | None, pages: bool) -> Group:
    regions = tuple(
        (name, tuple(_runs(region, None if cuts is None else cuts.get(name))))
        for name, region in process.mappings.items()
        if pages and region.size
    )
    return Group((process.name,), _parent(process), _figures(process), regions)


def _parent(process: Process) -> str:
    return process.parent.name if process.parent else ""


def _figures(process: Process) -> Figures:
    fields = process.smaps().values()
    size, rss, clean, dirty = (
        sum(region[field] for region in fields) * KIB for field in ("Size", "Rss", "Private_Clean", "Private_Dirty")
    )
    return Figures(size, rss, process.pss, clean + dirty, process.page_tables)  # smaps rounds each Pss down to KiB


def _runs(region: Region, cuts: set[int] | None) -> list[Run]:
    """The region's pages, split where the number of mappers changes."""
    if cuts is None or region.kind not in ANONYMOUS:  # a read of a file maps neighbours that no operation names
        counts = region.mapcounts()
        changes = np.flatnonzero(np.diff(counts)) + 1
        pairs = [(start, int(counts[start])) for start in [0, *changes.tolist()]]
    else:
        starts = sorted(cut for cut in cuts | {0} if cut < region.pages)
        pairs = [(start, int(region.mapcounts(start)[0])) for start in starts]
    return _joined(pairs, region.pages)


def _joined(pairs: Sequence[tuple[int, int]], end: int) -> list[Run]:
    """Runs from (start, mappers) pairs; neighbours with equal mappers are one run."""
    kept = [pair for n, pair in enumerate(pairs) if n == 0 or pair[1] != pairs[n - 1][1]]
    stops = [start for start, _ in kept[1:]] + [end]
    return [Run(start, stop, mappers) for (start, mappers), stop in zip(kept, stops, strict=True)]


def _cuts(ops: Iterable[Op]) -> dict[str, set[int]]:
    """{region: the page numbers at which some operation starts or stops}."""
    cuts: dict[str, set[int]] = {}
    for op in ops:
        if "start" in op:
            cuts.setdefault(op["region"], set()).update((op["start"], op["stop"]))
        elif not isinstance(pages := op.get("pages", 0), int):
            cuts.setdefault(op["region"], set()).update(n for page in pages for n in (page, page + 1))
        elif op["op"] == "mmap":
            cuts.setdefault(op["region"], set())
    return cuts


def _grouped(seen: Sequence[Group]) -> list[Group]:
    groups: list[Group] = []
    for one in seen:
        if groups and replace(groups[-1], names=one.names) == one:
            groups[-1] = replace(one, names=groups[-1].names + one.names)
        else:
            groups.append(one)
    return groups


def _added(all_figures: Iterable[Figures]) -> Figures:
    rows = [(f.vsz, f.rss, f.pss, f.uss, f.page_tables) for f in all_figures]
    return Figures(*(sum(column) for column in zip(*rows, strict=True))) if rows else Figures(0, 0, 0, 0, 0)
