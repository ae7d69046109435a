"""What stands behind a mapping that is not private memory: a shared object, or a file in the page cache.

Linux keeps both as an `address_space` whose pages are found by their number; shared anonymous memory is a file of
tmpfs without a name (mm/shmem.c, shmem_zero_setup).
"""

from __future__ import annotations

import numpy as np

from .chunks import CHUNK, SHIFT, Table, Words, expand
from .frames import FILE, SHMEM, Frames
from .page_table import FRAME_SHIFT, NEXT_FRAME, PRESENT

FIRST_VALUE = 1000
"""Page i of a file holds FIRST_VALUE + i."""


class Backing:
    """The pages of one shared object (`name` is None) or of one file.

    `table` holds, for each page that is in memory, the word `frame << 8 | PRESENT`. A file that is not `cached` lies
    on disk: its pages come into memory when they are touched, each by a major fault. `mappings` counts the mappings,
    in all processes; shared memory goes with the last of them, a file stays in the cache.
    """

    def __init__(self, frames: Frames, name: str | None = None, cached: bool = True) -> None:
        self.frames = frames
        self.name = name
        self.cached = cached
        self.pages = 0
        self.mappings = 0
        self.promised = 0  # pages of this object in the commit account
        self.table = Table(frames.pool, 1)

    @property
    def kind(self) -> int:
        return SHMEM if self.name is None else FILE

    def frame(self, page: int) -> int | None:
        """The frame that holds `page`, or None if it is not in memory."""
        word = self.table.at(page)
        return word >> FRAME_SHIFT if word else None

    def lengthen(self, pages: int) -> None:
        """Make the object at least `pages` long; a cached file's new pages come into memory."""
        if pages <= self.pages:
            return
        old, self.pages = self.pages, pages
        self.table.reserve(-(-pages // CHUNK))
        if self.name is not None and self.cached:
            self._bring_in(old, pages)

    def _bring_in(self, start: int, stop: int) -> None:
        first, last = -(-start // CHUNK), stop >> SHIFT
        if last > first and self.frames.can_allocate_chunks(last - first):
            self.create_chunks(np.arange(first, last))
        else:
            first = last = stop >> SHIFT
        self.create_pages(np.arange(start, min(stop, first << SHIFT)))
        self.create_pages(np.arange(max(start, last << SHIFT), stop))

    def create(self, page: int) -> int:
        """Bring `page` into memory; its frame. The caller has seen that one is free."""
        frame = self.frames.allocate(self.kind, self.value(page))
        self.table.put(page, frame << FRAME_SHIFT | PRESENT)
        return frame

    def create_pages(self, pages: Words) -> None:
        """As `create`, for many pages."""
        if not len(pages):
            return
        frames = self.frames.allocate_pages(len(pages), self.kind)
        if self.name is not None:
            self.frames.values.set(frames, FIRST_VALUE + pages)
        self.table.set(pages, frames << FRAME_SHIFT | PRESENT)

    def create_chunks(self, chunks: Words) -> None:
        """As `create`, for whole chunks."""
        first, step = (FIRST_VALUE + (chunks << SHIFT), 1) if self.name is not None else (0, 0)
        frames = self.frames.allocate_chunks(len(chunks), self.kind, first, step)
        self.table.fill(chunks, expand(frames) << (SHIFT + FRAME_SHIFT) | PRESENT, NEXT_FRAME)

    def value(self, page: int) -> int:
        """What `page` holds when it comes into memory."""
        return 0 if self.name is None else FIRST_VALUE + page

    def release(self) -> None:
        """Free all frames: the last mapping of a shared object is gone."""
        words = self.table.get(np.arange(self.pages))
        frames = words[words != 0] >> FRAME_SHIFT
        if len(frames):
            self.frames.release(frames)
        self.table.release()
