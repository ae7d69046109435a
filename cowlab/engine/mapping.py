"""A mapping: one mmap of a process, with its areas and its page table."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from errno import EFAULT
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..units import PAGE_SIZE
from . import calls
from .address_space import AddressSpace
from .areas import Area, Areas
from .errors import SegmentationFault
from .kinds import NoFreeFrame
from .many.selection import Range
from .rules.page import Faults
from .stores import frames
from .stores.chunks import Words, every, some
from .stores.frames import Frames
from .stores.page_cache import Backing
from .stores.page_table import FRAME_SHIFT, PageTable, Tables, has_frame, is_swapped
from .stores.words import arange, flatnonzero

if TYPE_CHECKING:
    from .process import Process

KINDS = ("private", "shared", "noreserve", "file-private", "file-shared")
PROTS = ("rw", "r", "")

Pages = Iterable[int] | NDArray[np.integer[Any]]


class Mapping:
    """One mapping of a process. Made by `Process.mmap` and copied by `Process.fork`.

    Calls take pages by number, from 0: `write()` (every page still mapped), `write(7)` (one page), `write(0, 512)`
    (pages 0 to 511), `write(pages=[3, 9])` (any pages, in that order).
    """

    def __init__(self, process: Process, name: str, kind: str, pages: int, areas: Areas, table: PageTable) -> None:
        self.process = process
        self.name = name
        self.kind = kind
        self.pages = pages  # its length when it was made
        self.space: AddressSpace = process.space
        self.frames: Frames = process.machine.frames
        self.rules = process.machine.rules
        self.private: bool = kind in ("private", "noreserve", "file-private")
        self.backing: Backing | None = None
        self.areas = areas
        self.table: PageTable = table
        self.anon = 0  # pages that map an anonymous frame
        self.other = 0  # pages that map a frame of a file or a shared object
        self.lineage: dict[Mapping, None] = {}  # who may map the same frames: by fork, or of the same file
        self.swap = process.machine.swap
        self.swapped = 0  # pages of its own that are swapped out

    def __repr__(self) -> str:
        return f"<Mapping {self.name!r} of {self.process.name!r}: {self.kind}, {self.size // 1024} KiB>"

    @property
    def size(self) -> int:
        """Bytes that are still mapped."""
        return self.areas.pages * PAGE_SIZE

    @property
    def rss(self) -> int:
        """Bytes that are in memory and mapped here (the zero page does not count)."""
        return (self.anon + self.other) * PAGE_SIZE

    # Calls ------------------------------------------------------------------------------------------------------

    @calls.system_call
    def read(self, start: int | None = None, stop: int | None = None, *, pages: Pages | None = None) -> Faults:
        """Load from each page of the range; what that cost.

        Raises SegmentationFault, before a page is touched, outside the mapping or where its protection forbids it;
        ProcessKilled or Deadlock where memory ends: the pages up to there were read.
        """
        return calls.access(self, self._targets(start, stop, pages, "r"), write=False, value=None)

    @calls.system_call
    def write(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        pages: Pages | None = None,
        value: int | None = None,
    ) -> Faults:
        """Store `value` (64 bits) into each page of the range; what that cost. Without a value the content stays.

        Raises as `read` does.
        """
        word = None if value is None else _parse_value(value)
        return calls.access(self, self._targets(start, stop, pages, "rw"), write=True, value=word)

    def values(
        self, start: int | None = None, stop: int | None = None, *, pages: Pages | None = None
    ) -> NDArray[np.uint64]:
        """What each page of the range holds, as a uint64 array. Touches nothing, whatever the protection.

        A page that was never touched holds 0, or what its file or shared object has there.
        """
        self.process.require_alive()
        targets = self._targets(start, stop, pages, "")
        if isinstance(targets, np.ndarray):
            return self._values_at(targets)
        parts = [self._values_at(selection.pages()) for _, selection in targets]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)

    @calls.system_call
    def munmap(self, start: int | None = None, stop: int | None = None, *, pages: Pages | None = None) -> None:
        """Unmap the range; holes in it are no error. The last mapper of a frame frees it."""
        for first, last in self._stretches(start, stop, pages):
            calls.munmap(self, first, last)

    @calls.system_call
    def dontneed(self, start: int | None = None, stop: int | None = None, *, pages: Pages | None = None) -> None:
        """Drop the pages of the range (MADV_DONTNEED): the mapping and its promise stay.

        Raises SegmentationFault (ENOMEM) over a hole, after every mapped page of the range was dropped.
        """
        calls.dontneed(self, self._stretches(start, stop, pages))

    @calls.system_call
    def protect(
        self, prot: str, start: int | None = None, stop: int | None = None, *, pages: Pages | None = None
    ) -> None:
        """Change the protection of the range to "rw", "r" or "" (mprotect).

        Raises OutOfMemory, and has changed nothing, if the new promise is refused; SegmentationFault (ENOMEM) over a
        hole, after the pages up to it were changed.
        """
        check_prot(prot)
        calls.protect(self, prot, self._stretches(start, stop, pages))

    def mapcounts(self, start: int | None = None, stop: int | None = None) -> NDArray[np.int64]:
        """How many page-table entries map the frame of each page; 0 where there is none, or the zero page."""
        self.process.require_alive()
        first, last = self._bounds(start, stop)
        if last > self.pages:
            raise SegmentationFault(EFAULT, self._outside(max(first, self.pages)))
        entries = self.table.get(arange(first, last))
        mapped = has_frame(entries)
        counts = np.zeros(len(entries), np.int64)
        counts[mapped] = self.frames.words.get(entries[mapped] >> FRAME_SHIFT) >> frames.COUNT_SHIFT
        return counts

    # Ranges -----------------------------------------------------------------------------------------------------

    def _targets(
        self, start: int | None, stop: int | None, pages: Pages | None, prot: str
    ) -> Words | list[tuple[Area, Range]]:
        """What an access covers: page numbers, or (area, range) pairs; checked whole before a page is touched."""
        if pages is not None:
            numbers = self._numbers(start, stop, pages)
            self._check_numbers(numbers, prot)
            return numbers
        if start is None and stop is None:
            areas, first, last = self.areas.list, 0, self.pages
        else:
            first, last = self._bounds(start, stop)
            area = self.areas.at(first)
            if area and first < last <= area.stop:
                self._check_prot(area, first, prot)
                return [(area, Range(first, last))]
            areas = self.areas.within(first, last)
            if (hole := self.areas.first_hole(first, last)) < last:
                raise SegmentationFault(EFAULT, self._outside(hole))
        for area in areas:
            self._check_prot(area, max(area.start, first), prot)
        return [(area, Range(max(area.start, first), min(area.stop, last))) for area in areas]

    def _numbers(self, start: int | None, stop: int | None, pages: Pages) -> Words:
        if start is not None or stop is not None:
            raise ValueError("give either a range (start, stop) or pages=, not both")
        numbers = _as_array(pages)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise ValueError(f"pages={str(pages)[:80]} is not a sequence of page numbers, such as [3, 9, 12]")
        if some(numbers < 0):
            raise ValueError(f"pages={str(pages)[:80]} has a negative one: pages are numbered from 0")
        return numbers.astype(np.int64)

    def _check_numbers(self, numbers: Words, prot: str) -> None:
        if len(numbers) and not len(self.areas):
            raise SegmentationFault(EFAULT, self._outside(int(numbers[0])))
        for page in numbers.tolist() if len(self.areas) > 1 else ():
            area = self.areas.at(page)
            if area is None:
                raise SegmentationFault(EFAULT, self._outside(page))
            self._check_prot(area, page, prot)
        if len(self.areas) == 1 and len(numbers):
            area = self.areas.list[0]
            for page in (int(numbers.min()), int(numbers.max())):
                if not area.start <= page < area.stop:
                    raise SegmentationFault(EFAULT, self._outside(page))
            self._check_prot(area, int(numbers[0]), prot)

    def _check_prot(self, area: Area, page: int, prot: str) -> None:
        if len(prot) > len(area.prot):
            what = "write to" if prot == "rw" else "read of"
            raise SegmentationFault(
                EFAULT,
                f"{what} page {page} of {self.name!r} in {self.process.name!r}, which is protected {area.prot!r}; "
                f"protect({prot!r}, ...) would allow it",
            )

    def _outside(self, page: int) -> str:
        mapped = ", ".join(f"[{area.start}, {area.stop})" for area in self.areas) or "none"
        return (
            f"page {page} of {self.name!r} in {self.process.name!r} is not mapped; mapped pages: {mapped}. "
            f"Touch one of those"
        )

    def _bounds(self, start: object, stop: object) -> tuple[int, int]:
        """Pages [start, stop) as ints. A start alone is one page, nothing at all the whole mapping."""
        if start is None and stop is None:
            return 0, self.pages
        first = _page_number(start, "start") if start is not None else 0
        last = first + 1 if stop is None else _page_number(stop, "stop")
        if last < first:
            raise ValueError(f"pages [{first}, {last}) are reversed: start must not be above stop")
        return first, last

    def _stretches(self, start: int | None, stop: int | None, pages: Pages | None) -> list[tuple[int, int]]:
        """The ranges that a call on a range or on scattered pages covers; without either, what is still mapped."""
        if pages is not None:
            numbers = self._numbers(start, stop, pages)
            groups = np.split(numbers, flatnonzero(np.diff(numbers) != 1) + 1) if len(numbers) else []
            return [(int(group[0]), int(group[-1]) + 1) for group in groups]
        if start is None and stop is None:
            return [(area.start, area.stop) for area in self.areas]
        first, last = self._bounds(start, stop)
        return [(first, last)] if first < last else []

    # What the rest of the engine uses ---------------------------------------------------------------------------

    def count_mapped(self, word: int, n: int) -> None:
        """`n` pages more map frames of the kind that `word` says."""
        if word & frames.KIND == frames.ANON:
            self.anon += n
        else:
            self.other += n

    def need_swap_in(self, slot: int, reads: int, copies: int) -> None:
        """Raise NoFreeFrame unless frames can be had: `reads` for the group that `slot` is charged to, `copies` for
        the process's own."""
        owner = self.process.machine.cgroups.of(self.swap.slots.word(slot))
        if owner is self.space.group:
            self.space.need_frames(reads + copies)
            return
        self.space.need_frames(copies)
        shared = next(group for group in owner.upward() if group.holds(self.space.group))
        for group, pages in ((owner, reads), (shared, reads + copies)):
            room, free = group.room(), self.frames.free - self.frames.reserve
            if pages and (free if room is None else min(room, free)) < pages:
                raise NoFreeFrame(pages, group)

    def tables_to_copy(self) -> Tables:
        """The leaves and middle tables that fork copies: over the areas with a family, also where they are empty."""
        copied = [(area.start, area.stop) for area in self.areas if area.family]
        return self.table.tables_over(copied, len(copied) == len(self.areas))

    def _values_at(self, numbers: Words) -> NDArray[np.uint64]:
        entries = self.table.get(numbers)
        mapped = has_frame(entries)
        swapped = is_swapped(entries)
        words = np.zeros(len(numbers), np.int64)
        words[mapped] = self.frames.values.get(entries[mapped] >> FRAME_SHIFT)
        words[swapped] = self.swap.slots.values.get(entries[swapped] >> FRAME_SHIFT)
        if self.backing is not None and not every(mapped | swapped):
            rest = ~(mapped | swapped)
            words[rest] = self.backing.values_of(numbers[rest])
        return words.view(np.uint64)


def check_kind(kind: object) -> None:
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown: use one of {', '.join(KINDS)}")


def check_prot(prot: object) -> None:
    if not isinstance(prot, str) or prot not in PROTS:
        raise ValueError(f"prot {prot!r} is unknown: use 'rw', 'r' or '' (no access)")


def _as_array(pages: Pages) -> NDArray[Any]:
    """`pages` as an array; page numbers too large for one are outside every mapping, as is the largest that fits."""
    if isinstance(pages, np.ndarray):
        return np.minimum(pages, _LARGEST) if pages.dtype == np.uint64 else pages
    if type(pages) is list and set(map(type, pages)) == {int} and min(pages) >= -_LARGEST and max(pages) <= _LARGEST:
        return np.array(pages, np.int64)  # the usual case
    listed = isinstance(pages, Iterable) and not isinstance(pages, (str, bytes, dict))
    numbers: list[Any] = list(pages) if listed else [None]
    if any(isinstance(number, bool) or not hasattr(number, "__index__") for number in numbers):
        raise ValueError(f"pages={str(pages)[:80]} is not a sequence of page numbers, such as [3, 9, 12]")
    return np.array([max(-1, min(operator.index(number), _LARGEST)) for number in numbers], np.int64)


_LARGEST = np.iinfo(np.int64).max


def _page_number(number: object, what: str) -> int:
    if type(number) is int:  # the usual case
        page = number
    elif isinstance(number, bool) or not hasattr(number, "__index__"):
        raise ValueError(f"{what}={number!r} is not a page number: pages are whole numbers from 0")
    else:
        page = operator.index(number)
    if page < 0:
        raise ValueError(f"{what}={page} is negative: pages are numbered from 0")
    return page


def _parse_value(value: object) -> int:
    """`value` as a word: 64 bits, kept with a sign."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= operator.index(value) < 1 << 64:
        raise ValueError(f"value={value!r} does not fit into 64 bits: give a whole number of 0 to 2**64 - 1")
    word = operator.index(value)
    return word - (1 << 64) if word >> 63 else word
