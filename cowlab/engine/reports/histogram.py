"""How many pages of which look are in each of many cells: what `pagemap` tells page by page, counted for millions.

A look says what matters of a page in one byte: the kind of its frame and whether one, two or more map it, or why it has
no frame. Chunks of 512 pages that are alike are counted by one look; the others are looked up in a table of bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ...units import PAGE_SIZE
from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Words, every, some
from ..stores.frames import COUNT_SHIFT, Frames
from ..stores.page_table import FRAME_SHIFT, SWAPPED, ZERO, has_frame
from ..stores.words import arange, bincount, cumsum, flatnonzero, repeat
from .pagemap import SWAP_CACHE, uniform

if TYPE_CHECKING:
    from ..machine import Machine
    from ..mapping import Mapping

Bytes = NDArray[np.uint8]

LOOKS = 24
"""There are so many: (kind of frame) * 4 + (its mappers, 3 for more), and those without a frame."""
UNTOUCHED, ZERO_PAGE, SWAPPED_OUT, OUTSIDE = range(20, 24)
STATES = 16
_NONE = 255  # beyond the last page
_BLOCK = 64  # chunks that are looked up at once: their words stay in the processor's cache
_OFFSETS = arange(CHUNK)


def pages(machine: Machine, mappings: Sequence[Mapping], scale: int, states: Bytes) -> Words:
    """(cells, 16): pages of each state in each cell of `scale` pages, mapping after mapping; `scale` is a power of two.

    `states` has the state, from 0 to 15, that each look counts as.
    """
    if not mappings:
        return np.zeros((0, STATES), np.int64)
    counts = _Counts(scale, [mapping.pages for mapping in mappings])
    head = np.concatenate([mapping.table.head for mapping in mappings], axis=1)
    seen, whole, holes = _Looks(machine.frames, states), uniform(machine.frames, head[0], head[2]), _holes(mappings)
    for begin, stop in holes:
        whole[begin >> SHIFT : -(-stop // CHUNK)] = False
    counts.add_whole(whole, seen.of(head[0, whole]))
    if not every(whole):
        found = seen.of_chunks(head[:, ~whole])
        for begin, stop in holes:
            moved = int(np.count_nonzero(whole[: begin >> SHIFT])) << SHIFT
            found.reshape(-1)[begin - moved : stop - moved] = states[OUTSIDE]
        counts.add_single(~whole, found)
    return counts.all


def frames(machine: Machine, stop: int, scale: int, states: Bytes) -> Words:
    """The same of frames [0, stop)."""
    table, chunks = machine.frames.words, -(-stop // CHUNK)
    table.reserve(chunks)
    first, row = table.first[:chunks], table.row[:chunks]
    counts = _Counts(scale, [stop])
    whole = row == 0
    counts.add_whole(whole, _look_up(states, first[whole]))
    if not every(whole):
        counts.add_single(~whole, _look_up(states, table.pool.words[row[~whole]]))
    return counts.all


class _Counts:
    """Adds up the pages of strips, strip after strip, in cells: whole chunks of them, and pages one by one."""

    def __init__(self, scale: int, pages: Sequence[int]) -> None:
        cells = [-(-n // scale) for n in pages]
        chunks = [-(-n // CHUNK) for n in pages]
        self.all = np.zeros((sum(cells), STATES), np.int64)
        self._width = min(scale, CHUNK)  # pages of a chunk that fall into one cell
        self._parts = arange(CHUNK // self._width)
        begin = cumsum(cells) - cells
        self._cell = np.concatenate([(arange(n) * CHUNK) // scale + at for n, at in zip(chunks, begin, strict=True)])
        self._missing = np.zeros(len(self._cell), np.int64)  # pages that the last chunk of a strip lacks
        if len(self._cell):  # every mapping has pages; of the frames none may be asked for
            self._missing[cumsum(chunks) - 1] = np.array(chunks, np.int64) * CHUNK - pages

    def add_whole(self, chunks: NDArray[np.bool_], states: Bytes) -> None:
        """Chunks of pages that are all in one state."""
        place = self._cells(chunks) * STATES + repeat(states, len(self._parts))
        self.all += bincount(place, minlength=self.all.size).reshape(self.all.shape) * self._width
        missing = self._missing[chunks]
        for n in flatnonzero(missing):
            there = np.clip(CHUNK - missing[n] - self._parts * self._width, 0, self._width)
            parts = place[n * len(self._parts) : (n + 1) * len(self._parts)]
            np.subtract.at(self.all.reshape(-1), parts, self._width - there)

    def add_single(self, chunks: NDArray[np.bool_], states: Bytes) -> None:
        """Chunks, (chunks, 512), of pages that are each in a state of its own."""
        missing = self._missing[chunks]
        for n in flatnonzero(missing):
            states[n, CHUNK - missing[n] :] = _NONE
        cells = self._cells(chunks)
        for state in range(STATES):
            if np.count_nonzero(here := states == state):
                pages = _trues_in_rows(here.reshape(-1, self._width))
                self.all[:, state] += bincount(cells, pages, len(self.all))

    def _cells(self, chunks: NDArray[np.bool_]) -> Words:
        """The cell of each part of these chunks. Parts beyond the end of a strip have no pages, so any cell will do."""
        cells = self._cell[chunks]
        if len(self._parts) > 1:
            cells = np.minimum(cells[:, None] + self._parts, len(self.all) - 1).reshape(-1)
        return cells


class _Looks:
    """The states of pages, by their entries: of those with a frame, a byte in a small table.

    The table has 512 bytes for each chunk of frames that is not uniform, and 512 equal ones for each state, which the
    uniform chunks share. So a frame's byte stands at its number plus what `_moved` says of its chunk.
    """

    def __init__(self, memory: Frames, states: Bytes) -> None:
        table = memory.words
        dense = flatnonzero(table.row)
        block = _look_up(states, table.first).astype(np.int64)
        block[dense] = STATES + arange(len(dense))
        singles = _look_up(states, table.pool.words[table.row[dense]])
        self._bytes = np.concatenate([repeat(np.arange(STATES, dtype=np.uint8), CHUNK), singles.reshape(-1)])
        self._moved = (block - arange(len(block))) << SHIFT
        self._pool, self._states = table.pool, states

    def of(self, entries: Words) -> Bytes:
        """The state of each entry; for a uniform chunk on a uniform one, the first entry is enough."""
        frame, mapped = entries >> FRAME_SHIFT, has_frame(entries)
        if bare := not every(mapped):
            frame[~mapped] = 0
        found: Bytes = self._bytes[frame + self._moved[frame >> SHIFT]]
        if bare:
            rest = entries[~mapped]
            look = np.where(rest & ZERO, ZERO_PAGE, np.where(rest & SWAPPED, SWAPPED_OUT, UNTOUCHED))
            found[~mapped] = self._states[look]
        return found

    def of_chunks(self, head: Words) -> Bytes:
        """(chunks, 512): the state of each page of chunks of entries."""
        found = np.empty((head.shape[1], CHUNK), np.uint8)
        for start in range(0, len(found), _BLOCK):
            first, step, row = head[:, start : start + _BLOCK]
            entries = self._pool.words[row]
            if some(plain := row == 0):
                entries[plain] = first[plain, None] + step[plain, None] * _OFFSETS
            found[start : start + _BLOCK] = self.of(entries.reshape(-1)).reshape(-1, CHUNK)
        return found


def _look_up(states: Bytes, words: Words) -> Bytes:
    """The states of frames, by their words."""
    flat, found = words.reshape(-1), np.empty(words.shape, np.uint8)
    for start in range(0, len(flat), _BLOCK * CHUNK):
        part = flat[start : start + _BLOCK * CHUNK]
        kind, mappers = part & fr.KIND, part >> COUNT_SHIFT
        if some(cached := part & fr.CACHED):
            kind[(cached != 0) & (mappers == 0)] = SWAP_CACHE
        found.reshape(-1)[start : start + len(part)] = states[kind << 2 | np.minimum(mappers, 3)]
    return found


def _holes(mappings: Sequence[Mapping]) -> list[tuple[int, int]]:
    """Where nothing is mapped, as [start, stop) among the pages of all chunks of all mappings."""
    found, at = [], 0
    for mapping in mappings:
        if mapping.size < mapping.pages * PAGE_SIZE:
            edges = [0, *(edge for area in mapping.areas for edge in (area.start, area.stop)), mapping.pages]
            found += [(at + a, at + b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        at += len(mapping.table) << SHIFT
    return found


def _trues_in_rows(mask: NDArray[np.bool_]) -> Words:
    """How many are true in each row, of at most 512. Eight bytes at a time, each of which counts up to 64."""
    if mask.shape[1] % 8:
        return cast(Words, mask.sum(axis=1, dtype=np.int64))
    eights: NDArray[np.uint64] = mask.view(np.uint64).sum(axis=1)
    return cast(Words, eights.view(np.uint8).reshape(-1, 8).sum(axis=1, dtype=np.int64))
