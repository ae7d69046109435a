"""One mapping's page table: an entry a page, and the table pages that the entries need.

An entry is one word, as in hardware:

    frame << 8 | ZERO | DIRTY | WRITABLE | PRESENT        (0: the page is not mapped)

A ZERO entry maps the shared zero page, which has no frame number here. An entry whose page is swapped out names its
slot instead:

    slot << 8 | ALONE | SWAPPED                       (ALONE: the frame was exclusive, and is so again)

Table pages (x86-64, 4 KiB each): a leaf for each 2 MiB with a touched page, a middle table (PMD) for each GiB with a
leaf, an upper one (PUD) for each 512 GiB; the root is not counted. Mappings begin on GiB boundaries, so leaves and
middle tables belong to one mapping, and the upper ones to the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from .chunks import CHUNK, SHIFT, Pool, Table, Where, Words, every
from .words import arange

Mask = NDArray[np.bool_]

PRESENT, WRITABLE, DIRTY, ZERO, SWAPPED, ALONE = 1, 2, 4, 8, 16, 32
FRAME_SHIFT = 8
NEXT_FRAME = 1 << FRAME_SHIFT
"""What is added to an entry to name the frame that follows."""

FLAGS = NEXT_FRAME - 1
"""The bits of an entry that say how its page is mapped."""

GIB_SHIFT = 18  # pages in a GiB


def entry_for(frame: int, writable: bool, dirty: bool) -> int:
    """The entry that maps `frame`."""
    return frame << FRAME_SHIFT | PRESENT | WRITABLE * bool(writable) | DIRTY * bool(dirty)


def has_frame(entries: Words) -> Mask:
    """Which entries map a frame: present, and not the zero page."""
    return cast(Mask, (entries & (PRESENT | ZERO)) == PRESENT)


def is_swapped(entries: Words) -> Mask:
    """Which entries name a swap slot."""
    return cast(Mask, (entries & SWAPPED) != 0)


@dataclass(frozen=True)
class Tables:
    """Table pages: which leaves and middle tables, how many these are, and in which 512 GiB ranges they lie."""

    leaves: Mask
    middles: Mask
    count: int
    uppers: set[int]


class PageTable(Table):
    """Entries of one mapping of `pages` pages whose page 0 lies at GiB number `gib` of the address space."""

    __slots__ = ("gib", "leaves", "middles", "pages", "uppers")

    def __init__(self, pool: Pool, pages: int, gib: int, uppers: set[int]) -> None:
        chunks = -(-pages // CHUNK)
        super().__init__(pool, chunks)
        self.gib, self.pages = gib, pages
        self.leaves: Mask = np.zeros(chunks, np.bool_)
        self.middles: Mask = np.zeros(-(-chunks // CHUNK), np.bool_)
        self.uppers = uppers  # of the process: numbers of the 512 GiB ranges that have a table

    def missing_tables(self, chunks: Where) -> int:
        """Table pages that touching `chunks` would add."""
        leaves = self.leaves[chunks]
        if every(leaves):
            return 0
        middles, uppers = self.missing_upper_levels(chunks)
        return int(leaves.size - np.count_nonzero(leaves)) + len(middles) + len(uppers)

    def add_tables(self, chunks: Where) -> int:
        """Add the table pages that touching `chunks` needs; how many were missing."""
        missing = self.missing_tables(chunks)
        if missing:
            middles, uppers = self.missing_upper_levels(chunks)
            self.leaves[chunks] = True
            self.middles[middles] = True
            self.uppers |= uppers
        return missing

    def missing_upper_levels(self, chunks: Where) -> tuple[Words, set[int]]:
        """The middle tables, and the upper ones, that touching `chunks` would add."""
        if isinstance(chunks, slice):
            touched = arange(chunks.start >> SHIFT, ((chunks.stop - 1) >> SHIFT) + 1)
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

    def tables_over(self, spans: list[tuple[int, int]], everything: bool) -> Tables:
        """The table pages that stand over these spans of pages; `everything` says that the spans are all there is."""
        leaves, middles = self.leaves.copy(), self.middles.copy()
        if not everything:
            leaves[:], middles[:] = False, False
            for start, stop in spans:
                for mine, wanted, size in ((self.leaves, leaves, CHUNK), (self.middles, middles, 1 << GIB_SHIFT)):
                    where = slice(start // size, -(-stop // size))
                    wanted[where] = mine[where]
        count = int(np.count_nonzero(leaves)) + int(np.count_nonzero(middles))
        return Tables(leaves, middles, count, self.uppers & self._uppers_over(spans))

    def _uppers_over(self, spans: list[tuple[int, int]]) -> set[int]:
        """The 512 GiB ranges that these spans of pages touch."""
        ends = [(self.gib + (start >> GIB_SHIFT), self.gib + ((stop - 1) >> GIB_SHIFT)) for start, stop in spans]
        return {upper for first, last in ends for upper in range(first >> SHIFT, (last >> SHIFT) + 1)}

    def clear(self, start: int, stop: int) -> None:
        """Give the rows of dense chunks back that lie whole in pages [start, stop), or reach to the end of the mapping,
        and whose entries are 0 by now."""
        last = -(-stop // CHUNK) if stop == self.pages else stop >> SHIFT
        if -(-start // CHUNK) < last:
            self.fill(slice(-(-start // CHUNK), last), 0)
