"""The pages and frames of a machine as cells of a map: a state for each page, or the mix of states of many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine import Machine, Mapping
from ..engine.reports import histogram, pagemap
from ..engine.stores.words import arange, bincount, cumsum, flatnonzero, repeat
from .palette import (
    COPIED,
    DANGLING,
    FILE,
    FREE,
    HOLE,
    LEAKED,
    MORE,
    PRIVATE,
    SWAPPED,
    TWO,
    UNTOUCHED,
    WRONG,
    ZERO,
)

Codes = NDArray[np.uint8]
Records = NDArray[np.uint32] | NDArray[np.uint8]

MOST_CELLS = 100_000  # with a cell for each page
MOST_MIXED = 16_384  # with a cell for many: more would be smaller than what a screen shows
NEAR = 256  # cells between two that changed, up to which sending those between costs less than another message part
CODES = 16
NO_FRAME = 0xFFFFFFFF
WRITABLE, DIRTY, DIFFERENT, EXCLUSIVE = 1, 2, 4, 8
"""Flags of a cell."""


@dataclass(frozen=True)
class Strip:
    """The cells of one mapping, `scale` pages in each.

    `records` at scale 1: uint32 (cells, 2), state | flags << 8 | mappers << 16, and the frame or NO_FRAME; at a larger
    scale: uint8 (cells, 16), the share of each state among the cell's pages, in 255ths.
    """

    process: str
    mapping: str
    kind: str
    pages: int
    scale: int
    records: Records

    @property
    def codes(self) -> Codes:
        """The state of each page. Only at scale 1."""
        return (self.records[:, 0] & 255).astype(np.uint8)


@dataclass(frozen=True)
class Grid:
    """The physical frames: cells for the first `shown` of them, as in a Strip, and how many hold what."""

    scale: int
    shown: int
    used: int
    tables: int
    free: int
    total: int
    records: Records


def scale_for(machine: Machine) -> int:
    """How many pages a cell stands for: one, up to 100,000 pages; beyond, a power of two."""
    pages = sum(mapping.pages for process in machine.processes for mapping in process.mappings.values())
    return scale_of(max(pages, machine.frames.used))


def scale_of(pages: int) -> int:
    """The same for so many pages."""
    if pages <= MOST_CELLS:
        return 1
    return 1 << max(1, (-(-pages // MOST_MIXED) - 1).bit_length())


def strips(machine: Machine, scale: int | None = None, midway: bool = False) -> list[Strip]:
    """The pages of every mapping of every process, in order. `midway` in a fault, map counts are not checked."""
    scale = scale or scale_for(machine)
    found = [(process, mapping) for process in machine.processes for mapping in process.mappings.values()]
    found = [(process, mapping) for process, mapping in found if mapping.size]
    mappings = [mapping for _, mapping in found]
    records = _single(mappings, midway) if scale == 1 else _mixed(machine, mappings, scale)
    return [
        Strip(process.name, mapping.name, mapping.kind, mapping.pages, scale, cells)
        for (process, mapping), cells in zip(found, records, strict=True)
    ]


def grid(machine: Machine, scale: int, shown: int, midway: bool = False) -> Grid:
    """The first `shown` frames, and the figures of all. `midway` in a fault, a frame without a mapper is a new copy."""
    memory = machine.frames
    nobody = COPIED if midway else LEAKED
    if scale == 1:
        length, kind, mappers = pagemap.frames(machine, shown)
        codes = frame_codes(kind, mappers)
        codes[codes == LEAKED] = nobody
        records: Records = np.empty((shown, 2), np.uint32)
        records[:, 0] = repeat(codes | np.minimum(mappers, 0xFFFF) << 16, length)
        records[:, 1] = arange(shown)
    else:
        records = shares_of(histogram.frames(machine, shown, scale, _states(nobody=nobody, free=FREE, cached=SWAPPED)))
    return Grid(scale, shown, memory.used + memory.tables, memory.tables, memory.free, memory.total, records)


def window(mapping: Mapping, start: int, stop: int) -> Records:
    """Records of the pages [start, stop) of one mapping, at scale 1."""
    return _records(mapping, pagemap.pages(mapping, start, stop), start)


def changed(before: Records | None, now: Records) -> list[tuple[int, int]]:
    """The ranges [first, last) of cells that differ, a few of them: those that are near each other count as one.

    Cells beyond the end of `before` are new. The browser keeps the others when a strip grows or shrinks.
    """
    differ = np.ones(len(now), np.bool_)
    if before is not None:
        kept = min(len(before), len(now))
        words = before[:kept].view(np.uint64) != now[:kept].view(np.uint64)  # one word a cell, or two
        differ[:kept] = words[:, 0] | words[:, -1]
    cells = flatnonzero(differ)
    if not len(cells):
        return []
    gaps = flatnonzero(np.diff(cells) > NEAR)
    return list(zip(cells[[0, *gaps + 1]].tolist(), (cells[[*gaps, -1]] + 1).tolist(), strict=True))


# A cell for each page -------------------------------------------------------------------------------------------


def _single(mappings: list[Mapping], midway: bool) -> list[Records]:
    looks = [pagemap.pages(mapping) for mapping in mappings]
    records = [_records(mapping, seen, 0) for mapping, seen in zip(mappings, looks, strict=True)]
    if not midway:
        _mark_wrong_counts(records, looks)
    return records


def _records(mapping: Mapping, seen: pagemap.Seen, start: int) -> Records:
    codes = codes_of(seen)
    mark_holes(codes, mapping, start)
    flags = seen.writable * WRITABLE | seen.dirty * DIRTY | seen.exclusive * EXCLUSIVE
    records = np.empty((len(codes), 2), np.uint32)
    records[:, 0] = codes | flags << 8 | np.minimum(seen.mappers, 0xFFFF) << 16
    records[:, 1] = np.where(seen.frame < 0, NO_FRAME, seen.frame)
    return records


def codes_of(seen: pagemap.Seen) -> NDArray[np.int64]:
    """The state of each page, from its entry and its frame."""
    by_count = np.minimum(seen.mappers, 3) + (PRIVATE - 1)
    codes: NDArray[np.int64] = np.where(seen.kind == pagemap.ANONYMOUS, by_count, FILE)
    codes[(seen.kind == pagemap.ANONYMOUS) & (seen.mappers == 0)] = WRONG
    codes[seen.kind == pagemap.NOTHING] = DANGLING
    codes[~seen.present] = UNTOUCHED
    codes[seen.zero] = ZERO
    codes[seen.swapped] = SWAPPED
    return codes


def mark_holes(codes: NDArray[np.int64], mapping: Mapping, start: int) -> None:
    """Mark, among the states of the pages from `start` on, those outside the mapping's areas."""
    end = 0
    for area in [*mapping.areas, None]:
        stop = area.start if area else start + len(codes)
        codes[max(0, end - start) : max(0, stop - start)] = HOLE
        end = area.stop if area else 0


def _mark_wrong_counts(records: list[Records], looks: list[pagemap.Seen]) -> None:
    """A rule of one's own may forget a mapper: then a frame counts other than the entries that map it."""
    frames = np.concatenate([seen.frame[seen.present] for seen in looks] or [np.zeros(0, np.int64)])
    if not len(frames):
        return
    mappers = bincount(frames)
    if (mappers[frames] == np.concatenate([seen.mappers[seen.present] for seen in looks])).all():
        return  # as the engine's own rules leave it
    for cells, seen in zip(records, looks, strict=True):
        wrong = seen.present & (seen.kind != pagemap.NOTHING)
        wrong[wrong] = mappers[seen.frame[wrong]] != seen.mappers[wrong]
        cells[wrong, 0] = cells[wrong, 0] & ~np.uint32(255) | WRONG


def frame_codes(kind: NDArray[np.int64], mappers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state of each frame."""
    codes: NDArray[np.int64] = np.where(kind == pagemap.ANONYMOUS, np.minimum(mappers, 3) + (PRIVATE - 1), FILE)
    codes[(kind == pagemap.ANONYMOUS) & (mappers == 0)] = LEAKED
    codes[kind == pagemap.SWAP_CACHE] = SWAPPED
    codes[kind == pagemap.NOTHING] = FREE
    return codes


# A cell for many pages ------------------------------------------------------------------------------------------


def _mixed(machine: Machine, mappings: list[Mapping], scale: int) -> list[Records]:
    cells = [-(-mapping.pages // scale) for mapping in mappings]
    shares = shares_of(histogram.pages(machine, mappings, scale, _states(nobody=WRONG, free=DANGLING, cached=WRONG)))
    return [shares[stop - n : stop] for n, stop in zip(cells, cumsum(cells), strict=True)]


def _states(nobody: int, free: int, cached: int) -> Codes:
    """The state that each look is (`histogram.LOOKS`). The arguments are those of frames that count no mapper."""
    kinds = np.full((histogram.UNTOUCHED // 4, 4), FILE, np.uint8)
    kinds[pagemap.ANONYMOUS] = nobody, PRIVATE, TWO, MORE
    kinds[pagemap.NOTHING], kinds[pagemap.SWAP_CACHE] = free, cached
    return np.append(kinds, np.array([UNTOUCHED, ZERO, SWAPPED, HOLE], np.uint8))


def shares_of(counts: NDArray[np.int64]) -> Records:
    """Counts as shares in 255ths: each state that occurs has one at least, and the largest gives what that takes."""
    total, rows = counts.sum(axis=1), arange(len(counts))
    shares: Codes = (counts * (255 / np.maximum(total, 1))[:, None]).astype(np.uint8)
    shares += (counts > 0) & (shares == 0)
    shares[rows, counts.argmax(axis=1)] += (255 * (total > 0) - shares.sum(axis=1, dtype=np.int64)).astype(np.uint8)
    return shares
