"""Tables of 64-bit words in chunks of 512: how the model holds millions of pages in kilobytes.

512 words are what one leaf page table holds (2 MiB of memory). Most chunks are *uniform*: their words are one
arithmetic progression, `first + step * i`, and two numbers stand for all 512 (frames that follow each other, map
counts that are equal). A chunk whose words differ is *dense*: a row of a pool that all tables of a machine share.
A chunk turns dense when it must, and is uniform again when it is filled as a whole.

docs/design.md tells why, with the measurements.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from .words import arange, flatnonzero

CHUNK = 512
SHIFT = 9  # i >> SHIFT is the chunk of word i
MASK = CHUNK - 1

Words = NDArray[np.int64]
Where = slice | NDArray[np.int64]
"""Chunk numbers: an array, or a slice where they follow each other (numpy is then ten times faster)."""

_OFFSETS = arange(CHUNK)
_PROGRESSIONS: dict[int, Words] = {}  # step * i for each of the few steps that there are

# count_nonzero is several times faster than the methods any() and all() on the short arrays that chunks make.


def some(mask: Words | NDArray[np.bool_]) -> bool:
    """Is any of them true, or not 0?"""
    return bool(np.count_nonzero(mask))


def every(mask: Words | NDArray[np.bool_]) -> bool:
    """Are all of them true, or not 0?"""
    return bool(np.count_nonzero(mask) == len(mask))


def compact(numbers: Words) -> Where:
    """`numbers` as a slice if each follows the one before it, else unchanged."""
    n = len(numbers)
    if not n:
        return numbers
    first = numbers.item(0)
    if numbers.item(-1) - first == n - 1 and (n < 3 or every(numbers[1:] - numbers[:-1] == 1)):
        return slice(first, first + n)
    return numbers


def distinct(numbers: Words) -> Words:
    """The distinct ones of sorted `numbers`."""
    new = np.empty(len(numbers), np.bool_)
    new[:1] = True
    np.not_equal(numbers[1:], numbers[:-1], out=new[1:])
    return numbers if every(new) else numbers[new]


def expand(where: Where) -> Words:
    """The chunk numbers as an array."""
    return arange(where.start, where.stop) if isinstance(where, slice) else where


_FEW_ROWS, _MANY_ROWS = 512, 16384
"""Rows of a new pool (2 MiB), and of one that has grown once (64 MiB). The host backs them with memory as they are
used, so that the second costs nothing until then, and saves most pools from being copied again."""


class Pool:
    """Rows of 512 words, shared by the dense chunks of all tables of a machine. Row 0 is never used."""

    def __init__(self) -> None:
        self.words: Words = np.empty((_FEW_ROWS, CHUNK), np.int64)
        self.flat: Words = self.words.reshape(-1)
        self._top = 1
        self._spare: list[int] = []

    def __getstate__(self) -> dict[str, object]:
        """For a copy of a machine: the rows in use, without `flat`, which is another look at them."""
        return {**self.__dict__, "words": self.words[: self._top].copy(), "flat": None}

    def __setstate__(self, kept: dict[str, object]) -> None:
        self.__dict__.update(kept)
        self.flat = self.words.reshape(-1)

    def take(self, n: int) -> Words:
        """`n` row numbers. May move `words` and `flat`: fetch those afterwards."""
        keep = max(0, len(self._spare) - n)
        rows, self._spare = self._spare[keep:], self._spare[:keep]
        top = self._top + n - len(rows)
        rows.extend(range(self._top, top))
        self._top = top
        if top > len(self.words):
            self._grow(top)
        return np.array(rows, np.int64)

    def take_one(self) -> int:
        """One row number; as `take`."""
        if self._spare:
            return self._spare.pop()
        self._top += 1
        if self._top > len(self.words):
            self._grow(self._top)
        return self._top - 1

    def give(self, rows: Words) -> None:
        self._spare.extend(rows.tolist())

    def _grow(self, rows: int) -> None:
        larger = np.empty((max(rows, len(self.words) * 2, _MANY_ROWS), CHUNK), np.int64)
        larger[: len(self.words)] = self.words
        self.words, self.flat = larger, larger.reshape(-1)


class Table:
    """A table of words in chunks. All words of a new table are 0."""

    __slots__ = ("dense", "first", "head", "pool", "row", "step", "stepped")

    def __init__(self, pool: Pool, chunks: int) -> None:
        self.pool = pool
        self.head: Words = np.zeros((3, chunks), np.int64)
        self.first, self.step, self.row = self.head
        self.dense = 0  # chunks that are; while there is none, no row is looked at
        self.stepped = False  # was a step other than 0 ever set? Until then `step` is not touched

    def __len__(self) -> int:
        return len(self.first)

    def __getstate__(self) -> dict[str, object]:
        """For a copy of a machine: without the three parts of the head, which are other looks at it."""
        names = {name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())}
        return {name: getattr(self, name) for name in names - {"first", "step", "row"}}

    def __setstate__(self, kept: dict[str, object]) -> None:
        for name, value in kept.items():
            setattr(self, name, value)
        self.first, self.step, self.row = self.head

    def reserve(self, chunks: int) -> None:
        """Make room for at least `chunks` chunks."""
        if chunks > len(self):
            head = np.zeros((3, max(chunks, 2 * len(self))), np.int64)
            head[:, : len(self)] = self.head
            self.head = head
            self.first, self.step, self.row = head

    # One word ---------------------------------------------------------------------------------------------------

    def at(self, i: int) -> int:
        """Word `i`."""
        row = self.row.item(i >> SHIFT)
        if row:
            return int(self.pool.flat.item((row << SHIFT) + (i & MASK)))
        return int(self.first.item(i >> SHIFT) + self.step.item(i >> SHIFT) * (i & MASK))

    def put(self, i: int, word: int) -> None:
        """Set word `i`; its chunk turns dense."""
        row = self.row.item(i >> SHIFT) or self._densify_one(i >> SHIFT)
        self.pool.flat[(row << SHIFT) + (i & MASK)] = word

    def _densify_one(self, chunk: int) -> int:
        row, step = self.pool.take_one(), self.step.item(chunk)
        if step not in _PROGRESSIONS:
            _PROGRESSIONS[step] = _OFFSETS * step
        np.add(_PROGRESSIONS[step], self.first[chunk : chunk + 1], out=self.pool.words[row])
        self.row[chunk] = row
        self.dense += 1
        return row

    # Many words -------------------------------------------------------------------------------------------------

    def get(self, index: Words) -> Words:
        """The words at `index`, any numbers in any order. Changes nothing."""
        chunk, offset = index >> SHIFT, index & MASK
        if not self.dense:
            return cast(Words, self.first[chunk] + self.step[chunk] * offset)
        row = self.row[chunk]
        if every(row):
            return cast(Words, self.pool.flat[(row << SHIFT) + offset])
        words: Words = self.first[chunk] + self.step[chunk] * offset
        dense = row.nonzero()[0]
        words[dense] = self.pool.flat[(row[dense] << SHIFT) + offset[dense]]
        return words

    def at_all(self, where: Where, whole: bool) -> Words:
        """The words at `where`; if `whole`, the first ones of these uniform chunks."""
        return cast(Words, self.first[where]) if whole else self.get(expand(where))

    def slots(self, index: Words) -> Words:
        """Where the words at `index` stand in `pool.flat`; their chunks turn dense.

        Fetch `pool.flat` after the last call of `slots` for one step: turning dense may move it.
        """
        chunk = index >> SHIFT
        row = self.row[chunk]
        if not every(row):
            low = int(chunk.min())
            sparse = np.zeros(int(chunk.max()) - low + 1, np.bool_)
            sparse[chunk[row == 0] - low] = True
            self._densify(flatnonzero(sparse) + low)
            row = self.row[chunk]
        return cast(Words, (row << SHIFT) + (index & MASK))

    def set(self, index: Words, words: Words | int) -> None:
        """Set the words at `index`; their chunks turn dense."""
        slots = self.slots(index)
        self.pool.flat[slots] = words

    # Whole chunks -----------------------------------------------------------------------------------------------

    def fill(self, chunks: Where, first: Words | int, step: Words | int = 0) -> None:
        """Make `chunks` uniform: word i of each is `first + step * i`."""
        if self.dense and some(rows := self.row[chunks]):
            self.pool.give(rows[rows > 0])
            self.dense -= int(np.count_nonzero(rows))
            self.row[chunks] = 0
        self.first[chunks] = first
        if self.stepped or not isinstance(step, int) or step:
            self.stepped = True
            self.step[chunks] = step

    def tidy(self) -> None:
        """Make dense chunks uniform again whose words are all equal."""
        if not self.dense:
            return
        chunks = self.row.nonzero()[0]
        rows = self.row[chunks]
        close = self.pool.words[rows, 0] == self.pool.words[rows, -1]  # few are: only these are looked at whole
        chunks, words = chunks[close], self.pool.words[rows[close]]
        alike = (words == words[:, :1]).all(axis=1)
        if some(alike):
            self.fill(chunks[alike], words[alike, 0])

    def copy_chunks(self, to: Where, source: Where, table: Table | None = None) -> None:
        """Give the chunks `to` the words of the chunks `source`, of another `table` if given."""
        table = table or self
        self.fill(to, table.first[source], table.step[source] if table.stepped else 0)
        if table.dense and some(rows := table.row[source]):
            dense = rows > 0
            fresh = self.pool.take(int(np.count_nonzero(dense)))
            self.pool.words[fresh] = self.pool.words[rows[dense]]
            self.row[expand(to)[dense]] = fresh
            self.dense += len(fresh)

    def _densify(self, chunks: Words) -> None:
        """Give `chunks` rows of their own, with the words that their progressions stand for."""
        rows = self.pool.take(len(chunks))
        first, step, where = self.first[chunks][:, None], self.step[chunks], compact(rows)
        if every(step == step[0]) and isinstance(where, slice):  # the usual case, without temporary arrays
            np.add(first, _OFFSETS * step[0], out=self.pool.words[where])
        else:
            self.pool.words[rows] = first + step[:, None] * _OFFSETS
        self.row[chunks] = rows
        self.dense += len(chunks)

    def release(self) -> None:
        """Give all rows back; all words are 0 again."""
        if self.dense:
            self.pool.give(self.row[self.row > 0])
        self.dense, self.stepped = 0, False
        self.head[:] = 0
