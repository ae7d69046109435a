"""One mapping's page table: an entry a page, and the table pages that the entries need.

An entry is one word, as in hardware:

    frame << 8 | ZERO | DIRTY | WRITABLE | PRESENT        (0: the page is not mapped)

A ZERO entry maps the shared zero page, which has no frame number here.

Table pages (x86-64, 4 KiB each): a leaf for each 2 MiB with a touched page, a middle table (PMD) for each GiB with a
leaf, an upper one (PUD) for each 512 GiB; the root is not counted. Mappings begin on GiB boundaries, so leaves and
middle tables belong to one mapping, and the upper ones to the process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chunks import CHUNK, SHIFT, Pool, Table, Words

PRESENT, WRITABLE, DIRTY, ZERO = 1, 2, 4, 8
FRAME_SHIFT = 8
NEXT_FRAME = 1 << FRAME_SHIFT
"""What is added to an entry to name the frame that follows."""

GIB_SHIFT = 18  # pages in a GiB


def entry_for(frame: int, writable: bool, dirty: bool) -> int:
    """The entry that maps `frame`."""
    return frame << FRAME_SHIFT | PRESENT | WRITABLE * writable | DIRTY * dirty


def has_frame(entries: Words) -> NDArray[np.bool_]:
    """Which entries map a frame: present, and not the zero page."""
    return (entries & (PRESENT | ZERO)) == PRESENT


class PageTable(Table):
    """Entries of one mapping of `pages` pages whose page 0 lies at GiB number `gib` of the address space."""

    __slots__ = ("gib", "leaves", "middles", "uppers")

    def __init__(self, pool: Pool, pages: int, gib: int, uppers: set[int], head: Words | None = None) -> None:
        chunks = -(-pages // CHUNK)
        super().__init__(pool, chunks, head)
        self.gib = gib
        self.leaves: NDArray[np.bool_] = np.zeros(chunks, np.bool_)
        self.middles: NDArray[np.bool_] = np.zeros(-(-chunks // CHUNK), np.bool_)
        self.uppers = uppers  # of the process: numbers of the 512 GiB ranges that have a table

    def missing_tables(self, chunks: NDArray[np.int64] | slice) -> int:
        """Table pages that touching `chunks` would add."""
        leaves = self.leaves[chunks]
        if leaves.all():
            return 0
        middles, uppers = self._upper_levels(chunks)
        return int(leaves.size - np.count_nonzero(leaves)) + len(middles) + len(uppers)

    def add_tables(self, chunks: NDArray[np.int64] | slice) -> int:
        """Add the table pages that touching `chunks` needs; how many were missing."""
        missing = self.missing_tables(chunks)
        if missing:
            middles, uppers = self._upper_levels(chunks)
            self.leaves[chunks] = True
            self.middles[middles] = True
            self.uppers |= uppers
        return missing

    def _upper_levels(self, chunks: NDArray[np.int64] | slice) -> tuple[NDArray[np.int64], set[int]]:
        """The middle tables, and the upper ones, that touching `chunks` would add."""
        if isinstance(chunks, slice):
            touched = np.arange(chunks.start >> SHIFT, ((chunks.stop - 1) >> SHIFT) + 1)
        else:
            touched = np.unique(chunks >> SHIFT)
        middles = touched[~self.middles[touched]]
        return middles, set(((middles + self.gib) >> SHIFT).tolist()) - self.uppers

    def drop_leaves(self, start: int, stop: int) -> int:
        """Remove the leaves of chunks [start, stop); how many there were."""
        dropped = int(np.count_nonzero(self.leaves[start:stop]))
        self.leaves[start:stop] = False
        return dropped

    def drop_middles(self, start: int, stop: int) -> int:
        """Remove the middle tables of this mapping's GiBs [start, stop); how many there were."""
        dropped = int(np.count_nonzero(self.middles[start:stop]))
        self.middles[start:stop] = False
        return dropped

    def tables_over(self, spans: list[tuple[int, int]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which leaves and middle tables stand over these spans of pages."""
        leaves, middles = np.zeros_like(self.leaves), np.zeros_like(self.middles)
        for start, stop in spans:
            for mine, wanted, size in ((self.leaves, leaves, CHUNK), (self.middles, middles, 1 << GIB_SHIFT)):
                where = slice(start // size, -(-stop // size))
                wanted[where] = mine[where]
        return leaves, middles

    def uppers_over(self, middles: NDArray[np.bool_]) -> set[int]:
        """The 512 GiB ranges in which these middle tables lie."""
        return set(((np.flatnonzero(middles) + self.gib) >> SHIFT).tolist())

    def clear(self, start: int, stop: int) -> None:
        """Set the entries of pages [start, stop) to 0."""
        first, last = -(-start // CHUNK), stop >> SHIFT
        if first >= last:
            self.set(np.arange(start, stop), 0)
            return
        self.fill(slice(first, last), 0)
        self.set(np.concatenate([np.arange(start, first << SHIFT), np.arange(last << SHIFT, stop)]), 0)
