"""What stands behind a mapping that is not private memory: a shared object, or a file in the page cache.

Linux keeps both as an `address_space` whose pages are found by their number; shared anonymous memory is a file of
tmpfs without a name (mm/shmem.c, shmem_zero_setup).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from .chunks import CHUNK, SHIFT, Table, Words, expand
from .frames import DIRTY, FILE, OWNER, SHMEM, Frames
from .page_table import FRAME_SHIFT, NEXT_FRAME, PRESENT, SWAPPED
from .swap import Swap
from .words import arange, flatnonzero

FIRST_VALUE = 1000
"""Page i of a file holds FIRST_VALUE + i."""


SHADOW = 1 << 6
"""The mark of a page that was in memory and was reclaimed: when it comes back, that is a refault."""


class Backing:
    """The pages of one shared object (`name` is None) or of one file.

    `table` holds, for each page that is in memory, the word `frame << 8 | PRESENT`; for one that was swapped out
    (shared memory) `slot << 8 | SWAPPED`, for one that was dropped (a file) SHADOW. `disk` is what a file holds on
    disk. A file that is not `cached` is not read when it is mapped: its pages come into memory when they are touched,
    each by a major fault. `mappings` are its mappings, in all processes, the oldest first; shared memory goes with the
    last of them, a file stays in the cache.
    """

    def __init__(self, frames: Frames, swap: Swap, name: str | None = None, cached: bool = True) -> None:
        self.frames = frames
        self.swap = swap
        self.name = name
        self.cached = cached
        self.pages = 0
        self.mappings: dict[Any, None] = {}
        self.reclaimed = False  # was a page of it ever taken out of memory?
        self.promised = 0  # pages of this object in the commit account
        self.table = Table(frames.pool, 1)
        self.disk = Table(frames.pool, 1)

    @property
    def kind(self) -> int:
        return SHMEM if self.name is None else FILE

    def frame(self, page: int) -> int | None:
        """The frame that holds `page`, or None if it is not in memory."""
        word = self.table.at(page)
        return word >> FRAME_SHIFT if word & PRESENT else None

    def held(self) -> Words:
        """The frames that hold its pages."""
        words = self.table.get(arange(self.pages))
        return cast(Words, words[words & PRESENT != 0] >> FRAME_SHIFT)

    def swapped_pages(self) -> Words:
        """Its pages that are swapped out."""
        return flatnonzero(self.table.get(arange(self.pages)) & SWAPPED)

    def lengthen(self, pages: int, owner: int) -> None:
        """Make the object at least `pages` long; a cached file's new pages come into memory, charged to `owner`."""
        if pages <= self.pages:
            return
        old, self.pages = self.pages, pages
        self.table.reserve(-(-pages // CHUNK))
        if self.name is not None:
            self._write_disk(-(-old // CHUNK), -(-pages // CHUNK))
            if self.cached:
                self._bring_in(old, pages, owner)

    def _write_disk(self, first: int, last: int) -> None:
        """Chunks [first, last) of the file exist on disk: page i holds FIRST_VALUE + i."""
        self.disk.reserve(last)
        chunks = arange(first, last)
        self.disk.fill(chunks, FIRST_VALUE + (chunks << SHIFT), 1)

    def _bring_in(self, start: int, stop: int, owner: int) -> None:
        first, last = -(-start // CHUNK), stop >> SHIFT
        before, self.frames.now = self.frames.now, self.frames.now + stop - start
        if last > first and self.frames.can_allocate_chunks(last - first):
            self.create_chunks(arange(first, last), owner)
        else:
            first = last = stop >> SHIFT
        self.create_pages(arange(start, min(stop, first << SHIFT)), owner)
        self.create_pages(arange(max(start, last << SHIFT), stop), owner)
        self._age(start, stop, before + 1 - start)

    def _age(self, start: int, stop: int, base: int) -> None:
        """Pages [start, stop) came in one after the other: page i was used at touch number `base + i`."""
        first, last = -(-start // CHUNK), stop >> SHIFT
        chunks = arange(first, max(first, last))
        uniform = chunks[self.table.row[chunks] == 0]
        self.frames.ages.fill(self.table.first[uniform] >> (FRAME_SHIFT + SHIFT), base + (uniform << SHIFT), 1)
        pages = arange(start, stop)
        pages = pages[~np.isin(pages >> SHIFT, uniform)]
        self.frames.ages.set(self.table.get(pages) >> FRAME_SHIFT, base + pages)

    def create(self, page: int, owner: int) -> int:
        """Bring `page` into memory, charged to `owner` (the bits of a group); its frame.

        The caller has seen that a frame is free.
        """
        word = self.table.at(page)
        owner |= self.kind
        if word & SWAPPED:  # it stays charged to the group that its slot is charged to
            owner = self.swap.slots.word(word >> FRAME_SHIFT) & OWNER | DIRTY
        frame = self.frames.allocate(owner, self.value(page))
        self.frames.ages.put(frame, self.frames.now + 1)  # used at the touch that brings it in
        if word & SWAPPED:
            self.swap.discard(np.array([word >> FRAME_SHIFT], np.int64))
        self.table.put(page, frame << FRAME_SHIFT | PRESENT)
        return frame

    def create_pages(self, pages: Words, owner: int) -> None:
        """As `create`, for many pages, none of them swapped out."""
        if not len(pages):
            return
        frames = self.frames.allocate_pages(len(pages), owner | self.kind)
        if self.name is not None:
            self.frames.values.set(frames, self.disk.get(pages))
        self.table.set(pages, frames << FRAME_SHIFT | PRESENT)

    def create_chunks(self, chunks: Words, owner: int) -> None:
        """As `create_pages`, for whole chunks."""
        if self.name is None:
            frames = self.frames.allocate_chunks(len(chunks), owner | self.kind)
        else:
            frames = self.frames.allocate_chunks(len(chunks), owner | self.kind, None)
            self.frames.values.copy_chunks(frames, chunks, self.disk)
        self.table.fill(chunks, expand(frames) << (SHIFT + FRAME_SHIFT) | PRESENT, NEXT_FRAME)

    def value(self, page: int) -> int:
        """What `page`, which is not in memory, holds."""
        if self.name is not None:
            return self.disk.at(page)
        word = self.table.at(page)
        return self.swap.slots.values.at(word >> FRAME_SHIFT) if word & SWAPPED else 0

    def values_of(self, pages: Words) -> Words:
        """What `pages` hold, in memory or not."""
        words = self.table.get(pages)
        values = np.zeros(len(pages), np.int64) if self.name is None else self.disk.get(pages)
        for flag, table in ((PRESENT, self.frames.values), (SWAPPED, self.swap.slots.values)):
            here = words & flag != 0
            values[here] = table.get(words[here] >> FRAME_SHIFT)
        return values

    def release(self) -> None:
        """Free all frames and slots: the last mapping of a shared object is gone."""
        words = self.table.get(arange(self.pages))
        frames = words[words & PRESENT != 0] >> FRAME_SHIFT
        if len(frames):
            self.frames.release(frames, self.frames.words.get(frames))
        self.swap.discard(words[words & SWAPPED != 0] >> FRAME_SHIFT)
        self.table.release()
