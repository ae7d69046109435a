"""Which pages a call covers, and how they fall into runs.

A call covers a *selection* of pages: a range, or scattered ones. It falls into *runs*: single pages, and whole chunks
of 512 pages whose entries and frames are uniform, so that one word stands for all of a chunk. batches.py and
effects.py work on the words of a run, and do not care which of the two they are.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ..kinds import Mapping
from ..stores.chunks import CHUNK, MASK, SHIFT, Table, Where, Words, compact, distinct, every, expand
from ..stores.page_table import FRAME_SHIFT, NEXT_FRAME, has_frame, is_swapped
from ..stores.words import arange, flatnonzero

if TYPE_CHECKING:
    from ..stores.frames import Frames
    from ..stores.page_table import PageTable

Mask = NDArray[np.bool_]
_OFFSETS = arange(CHUNK)


class Range:
    """Pages [start, stop), in page order."""

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    again = False  # is a page named twice?

    def cut(self, n: int) -> tuple[Range, Range]:
        """The first `n` pages, and the others."""
        return Range(self.start, self.start + n), Range(self.start + n, self.stop)

    def numbers(self) -> range:
        """The pages one after the other, as Python's numbers."""
        return range(self.start, self.stop)

    def positions(self, pages: Words) -> Words:
        """As which touch of the call, counted from 0, each of these pages is touched first."""
        return pages - self.start

    def first_in(self, blocks: Words, shift: int) -> Words:
        """As which touch the first page of each block of 2**shift pages is touched."""
        return cast(Words, np.maximum(blocks << shift, self.start) - self.start)

    def pages(self) -> Words:
        return arange(self.start, self.stop)

    @property
    def chunks(self) -> Where:
        return slice(self.start >> SHIFT, ((self.stop - 1) >> SHIFT) + 1)

    def runs(self, mapping: Mapping) -> list[Run]:
        """The runs that make up this range."""
        first, last = -(-self.start // CHUNK), self.stop >> SHIFT
        if first >= last:
            return [Run(mapping, self.pages(), False)]
        uniform = _uniform(mapping, first, last)
        if uniform is None and (self.start | self.stop) & MASK == 0:
            return [Run(mapping, slice(first, last), True)]
        edges = [arange(self.start, first << SHIFT), arange(last << SHIFT, self.stop)]
        if uniform is None:
            runs = [Run(mapping, slice(first, last), True)]
        else:
            edges.insert(1, _pages_of(flatnonzero(~uniform) + first))
            runs = [Run(mapping, compact(flatnonzero(uniform) + first), True)]
        return [run for run in [*runs, Run(mapping, np.concatenate(edges), False)] if len(run)]


class Scatter:
    """Pages in any order."""

    def __init__(self, pages: Words) -> None:
        self.order = pages

    def __len__(self) -> int:
        return len(self.order)

    def cut(self, n: int) -> tuple[Scatter, Scatter]:
        """The first `n` pages, and the others."""
        return (self, Scatter(self.order[:0])) if n == len(self) else (Scatter(self.order[:n]), Scatter(self.order[n:]))

    def numbers(self) -> list[int]:
        """The pages one after the other, as Python's numbers."""
        return cast(list[int], self.order.tolist())

    @cached_property
    def _first(self) -> tuple[Words, Words]:
        pages, position = np.unique(self.order, return_index=True)
        return pages, position.astype(np.int64)

    def positions(self, pages: Words) -> Words:
        """As which touch of the call, counted from 0, each of these pages is touched first."""
        known, position = self._first
        return position[np.searchsorted(known, pages)]

    def first_in(self, blocks: Words, shift: int) -> Words:
        """As which touch the first page of each block of 2**shift pages is touched."""
        known, position = self._first
        begin = np.searchsorted(known >> shift, blocks)
        return cast(Words, np.minimum.reduceat(position, begin)) if len(blocks) else blocks

    def pages(self) -> Words:
        return self.order

    @property
    def again(self) -> bool:
        """Is a page named twice?"""
        return len(self.sorted) < len(self.order)

    @cached_property
    def sorted(self) -> Words:
        """The pages in page order, each once: neighbours in memory are then neighbours in time."""
        return distinct(np.sort(self.order))

    @cached_property
    def chunks(self) -> Where:
        return distinct(self.sorted >> SHIFT)

    def runs(self, mapping: Mapping) -> list[Run]:
        """Single pages: whole chunks are not looked for."""
        return [Run(mapping, self.sorted, False)]


Selection = Range | Scatter


class Run:
    """Pages that are handled alike. `at`: page numbers, or, if `whole`, numbers of uniform chunks."""

    __slots__ = ("at", "frames", "mapping", "table", "weight", "whole")

    def __init__(self, mapping: Mapping, at: Where, whole: bool) -> None:
        self.mapping, self.at, self.whole = mapping, at, whole
        self.table: PageTable = mapping.table
        self.frames: Frames = mapping.frames
        self.weight = CHUNK if whole else 1  # pages that one word stands for

    def __len__(self) -> int:
        return self.at.stop - self.at.start if isinstance(self.at, slice) else len(self.at)

    @property
    def _pages(self) -> Words:
        assert not isinstance(self.at, slice)
        return self.at

    def numbers(self) -> Words:
        return arange(self.at.start, self.at.stop) if isinstance(self.at, slice) else self.at

    def pick(self, mask: Mask) -> Run:
        """The part of this run where `mask` is true."""
        if every(mask):
            return self
        at = self.numbers()[mask]
        return Run(self.mapping, compact(at) if self.whole else at, self.whole)

    @property
    def chunks(self) -> Where:
        """The chunks in which its pages lie."""
        return self.at if self.whole else distinct(self._pages >> SHIFT)

    def as_pages(self) -> Run:
        """The same pages, one by one."""
        return Run(self.mapping, _pages_of(self.numbers()), False) if self.whole else self

    def words_of(self, table: Table) -> Words:
        """The words that `table` (entries, or a backing's) has for these pages; may be a view of the table."""
        return table.first[self.at] if self.whole else table.get(self._pages)

    def frames_in(self, words: Words) -> Where:
        """The frames, or the chunks of frames, that entries name."""
        return compact(words >> (FRAME_SHIFT + SHIFT)) if self.whole else words >> FRAME_SHIFT

    def frame_words(self, frames: Where) -> Words:
        return self.frames.words.at_all(frames, self.whole)

    def set_values(self, frames: Where, value: int) -> None:
        if self.whole:
            self.frames.values.fill(frames, value)
        else:
            self.frames.values.set(expand(frames), value)

    def map(self, frames: Where, bits: Words | int) -> None:
        """Let the entries map `frames`, with `bits`."""
        if self.whole:
            self.table.fill(self.at, expand(frames) << (FRAME_SHIFT + SHIFT) | bits, NEXT_FRAME)
        else:
            self.table.set(self._pages, expand(frames) << FRAME_SHIFT | bits)

    def set_entries(self, entry: int) -> None:
        """Set all entries to one that names no frame."""
        if self.whole:
            self.table.fill(self.at, entry)
        else:
            self.table.set(self._pages, entry)

    def set_flags(self, entries: Words) -> None:
        """Set the entries to these, which name the same frames or slots as before."""
        if self.whole:
            self.table.first[self.at] = entries
        else:
            self.table.set(self._pages, entries)

    def set_numbers(self, entries: Words) -> None:
        """Set the entries to these, which name frames or slots that follow each other in each chunk."""
        if self.whole:
            self.table.fill(self.at, entries, NEXT_FRAME)
        else:
            self.table.set(self._pages, entries)

    def take(self, word: int, value: int | None) -> Where:
        """As many free frames with this word."""
        if self.whole:
            return self.frames.allocate_chunks(len(self), word, value)
        return self.frames.allocate_pages(len(self), word, value)

    def copy_values(self, to: Where, source: Where) -> None:
        values = self.frames.values
        if self.whole:
            values.copy_chunks(to, source)
        else:
            values.set(expand(to), values.get(expand(source)))


def _pages_of(chunks: Words) -> Words:
    return ((chunks << SHIFT)[:, None] + _OFFSETS).reshape(-1)


def _uniform(mapping: Mapping, first: int, last: int) -> Mask | None:
    """Which chunks [first, last) have uniform entries, on uniform frames, and a uniform backing; None for all."""
    tables = [mapping.table] if mapping.backing is None else [mapping.table, mapping.backing.table]
    slots = [mapping.swap.slots.words, mapping.swap.cache] if mapping.swapped else []
    if not any(table.dense for table in [*tables, *slots, mapping.frames.words]):
        return None
    uniform = np.ones(last - first, np.bool_)
    for table in tables:
        uniform &= table.row[first:last] == 0
        words = table.first[first:last]
        mapped = uniform & has_frame(words)
        uniform[mapped] = mapping.frames.words.row[words[mapped] >> (FRAME_SHIFT + SHIFT)] == 0
        if slots:
            uniform[uniform] &= _uniform_slots(mapping, words[uniform])
    return None if every(uniform) else uniform


def _uniform_slots(mapping: Mapping, words: Words) -> Mask:
    """Which of these words of uniform chunks, where they name slots, name uniform ones, cached in uniform frames."""
    uniform, swapped, swap = np.ones(len(words), np.bool_), is_swapped(words), mapping.swap
    slots = words[swapped] >> (FRAME_SHIFT + SHIFT)
    links = swap.cached(slots, True)
    fine = (swap.slots.words.row[slots] == 0) & (swap.cache.row[slots] == 0)
    fine[links != 0] &= mapping.frames.words.row[links[links != 0] >> (FRAME_SHIFT + SHIFT)] == 0
    uniform[swapped] = fine
    return uniform
