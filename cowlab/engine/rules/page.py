"""One page of one mapping, as a fault handler sees it: what `faults.py` asks, and what it may do.

The questions read the page's entry and its frame; the actions are the primitives that the kernel's handlers are made
of. Each action that the kernel counts is counted here.
"""

from __future__ import annotations

from ..areas import Area
from ..kinds import Mapping
from ..stores import frames as fr
from ..stores.chunks import SHIFT
from ..stores.page_cache import SHADOW, Backing
from ..stores.page_table import ALONE, DIRTY, FRAME_SHIFT, PRESENT, SWAPPED, WRITABLE, ZERO, entry_for
from ..tally import Faults, Tally

__all__ = ["OWNED", "WINDOW", "Faults", "Page", "Tally"]

WINDOW = 16
"""Pages around a read fault that are mapped with it: fault_around_bytes, 64 KiB (mm/memory.c, do_fault_around)."""

OWNED = fr.DIRTY | fr.EXCLUSIVE | fr.ANON
"""The word of a frame that a fault takes for private memory: its process alone has it, and nobody maps it yet."""


class Page:
    """Page `number` of `mapping`, which lies in `area`."""

    __slots__ = ("area", "entry", "frames", "mapping", "number", "tally")

    def __init__(self, mapping: Mapping, area: Area, number: int, tally: Tally) -> None:
        self.mapping = mapping
        self.area = area
        self.number = number
        self.tally = tally
        self.frames: fr.Frames = mapping.frames
        self.entry: int = mapping.table.at(number)

    # Questions --------------------------------------------------------------------------------------------------

    @property
    def present(self) -> bool:
        """Does the entry map something? Then a read takes no fault."""
        return bool(self.entry & PRESENT)

    @property
    def writable(self) -> bool:
        """May the entry be written? Then a write takes no fault."""
        return bool(self.entry & WRITABLE)

    @property
    def dirty(self) -> bool:
        """Was the page written through this entry?"""
        return bool(self.entry & DIRTY)

    @property
    def frame(self) -> int:
        """The frame that the entry maps."""
        return self.entry >> FRAME_SHIFT

    @property
    def zero(self) -> bool:
        """Does the entry map the shared zero page?"""
        return bool(self.entry & ZERO)

    @property
    def anonymous(self) -> bool:
        """Does the entry map a frame that belongs to no file and no shared object?"""
        return not self.zero and self.present and self._word(self.frame) & fr.KIND == fr.ANON

    @property
    def mappers(self) -> int:
        """How many entries map this page's frame."""
        return self._word(self.frame) >> fr.COUNT_SHIFT

    @property
    def exclusive(self) -> bool:
        """Does the frame belong to this process alone (AnonExclusive)?"""
        return self.anonymous and bool(self._word(self.frame) & fr.EXCLUSIVE)

    @property
    def swapped(self) -> bool:
        """Does the entry name a swap slot?"""
        return bool(self.entry & SWAPPED)

    @property
    def alone(self) -> bool:
        """Can nobody else see the frame? It is anonymous, mapped once, and no swap slot still holds it for others."""
        if self.zero or not self.present:
            return False
        word = self._word(self.frame)
        return word & (fr.KIND | fr.CACHED) == fr.ANON and word < 2 * fr.MAPPER

    @property
    def shared(self) -> bool:
        """Is the mapping shared (MAP_SHARED)?"""
        return not self.mapping.private

    @property
    def backing(self) -> Backing | None:
        """The file or shared object behind the mapping; None for private anonymous memory."""
        return self.mapping.backing

    @property
    def shared_memory(self) -> bool:
        """Is the mapping backed by a shared object, not by a file?"""
        return self.backing is not None and self.backing.name is None

    @property
    def cached_frame(self) -> int | None:
        """The frame in which the file or shared object has this page in memory, or None."""
        return self.backing.frame(self.number) if self.backing else None

    @property
    def protected(self) -> bool:
        """Does the area forbid writing?"""
        return self.area.prot != "rw"

    # Actions ----------------------------------------------------------------------------------------------------

    def count_minor(self) -> None:
        """Count a fault that did not wait for a disk."""
        self.tally.minor += 1

    def need_table(self) -> None:
        """The page tables down to this page's entry exist from here on; they may need frames."""
        table, chunk = self.mapping.table, self.number >> SHIFT
        if not table.leaves[chunk]:
            chunks = slice(chunk, chunk + 1)
            self.mapping.space.need_frames(0, table.missing_tables(chunks))
            self.mapping.space.count_tables(table.add_tables(chunks))

    def need_family(self) -> None:
        """The area has a family from here on (anon_vma_prepare)."""
        if self.area.family is None:
            self.mapping.areas.found_family(self.area)

    def need_frame(self) -> None:
        """A frame can be had: one is free, and the groups may be charged for it."""
        self._need(1)

    def take_frame(self) -> int:
        """A frame that is free, charged to the process's group and owned by this page alone; it holds zeros."""
        return self._take(self._owner | OWNED)

    def zero_frame(self) -> int:
        """A free frame, filled with zeros."""
        self.need_frame()
        new = self.take_frame()
        self.tally.zero_fill += 1
        return new

    def copy_of(self, frame: int) -> int:
        """A free frame with the content of `frame`."""
        self.need_frame()
        new = self.take_frame()
        self._copy_value(new, frame)
        self.tally.copy += 1
        return new

    def need_room_to_copy(self) -> None:
        """Frames can be had for the copy and for the file's page: making room for one must not take the other."""
        self._need(1 if self.cached_frame is not None else 2)

    def backing_frame(self) -> int:
        """The frame of the file or object that holds this page, brought into memory if need be. Counts the fault."""
        frame = self.cached_frame
        if frame is not None:
            self.tally.minor += 1
            return frame
        word = self._behind
        if word & SWAPPED:
            self._need_read(word >> FRAME_SHIFT, 1, 0)
            self.tally.major += 1
            self.tally.swap_in += 1
        elif self.shared_memory:
            self._need(1)
            self.tally.minor += 1
            self.tally.zero_fill += 1
        else:
            self._need(1)
            self.tally.major += 1  # it waits for the disk
            self.tally.refault += bool(word & SHADOW)
        return self._bring_in()

    def swapped_frame(self, write: bool) -> int:
        """The frame that holds this swapped page, read from its slot unless the swap cache has it. Counts the fault.

        For a write that will have to copy, a frame for the copy must be free as well.
        """
        frame = self._cached()
        last = self._named() == 1 and (frame is None or self._word(frame) < fr.MAPPER)
        alone = bool(self.entry & ALONE) or last
        self._need_read(self.entry >> FRAME_SHIFT, int(frame is None), int(write and not alone))
        if frame is not None:
            self.tally.minor += 1
            return frame
        self.tally.major += 1
        self.tally.swap_in += 1
        return self._read()

    def map_swapped(self, frame: int) -> None:
        """Let the entry map `frame` instead of its slot; writable if nobody else can see the frame or its slot."""
        slot, alone = self.entry >> FRAME_SHIFT, bool(self.entry & ALONE)
        self._put_word(frame, self._word(frame) + fr.MAPPER)
        self._forget(slot)
        word = self._word(frame)
        alone = alone or (not word & fr.CACHED and word < 2 * fr.MAPPER)
        if alone:
            self._put_word(frame, word | fr.EXCLUSIVE)
        self._count(anon=1, swapped=-1)
        self._set(entry_for(frame, alone and not self.protected, dirty=True))

    def map(self, frame: int, writable: bool, dirty: bool) -> None:
        """Let the entry map `frame`."""
        self._set(entry_for(frame, writable, dirty))
        word = self._map(frame)
        self.tally.file_map += word & fr.KIND != fr.ANON

    def adopt(self, entry: int) -> None:
        """Let this page's entry be `entry`, copied from another process: its frame has one mapper more."""
        self._set(entry)
        if self.swapped:
            self._count(swapped=1)
            self._name(entry >> FRAME_SHIFT)
        elif not self.zero:
            self._map(self.frame)

    def map_zero(self) -> None:
        """Let the entry map the shared zero page, read-only."""
        self.tally.zero_map += 1
        self._set(PRESENT | ZERO)

    def unmap(self) -> None:
        """Clear the entry; its frame loses a mapper, and is free if it was anonymous and this the last one."""
        old = self.entry
        self._set(0)
        self.drop(old)

    def drop(self, entry: int) -> None:
        """The frame or slot that `entry` named loses it; a dirty entry leaves a dirty frame."""
        if entry & SWAPPED:
            self._count(swapped=-1)
            self._forget(entry >> FRAME_SHIFT)
        elif entry & PRESENT and not entry & ZERO:
            self._unmap(entry >> FRAME_SHIFT, fr.DIRTY if entry & DIRTY else 0)

    def reuse(self) -> None:
        """Take the frame over in place: it is exclusive from here on."""
        self.tally.reuse += 1
        self._put_word(self.frame, self._word(self.frame) | fr.EXCLUSIVE)
        self.set_writable(True)

    def set_writable(self, writable: bool) -> None:
        """Let the entry be written without a fault, or not."""
        self._set(self.entry | WRITABLE if writable else self.entry & ~WRITABLE)

    def set_dirty(self) -> None:
        """What the hardware does at a write through a writable entry."""
        if not self.entry & DIRTY:
            self._set(self.entry | DIRTY)

    def set_frame_dirty(self) -> None:
        """The frame itself is dirty: it stays so when this entry is gone."""
        self._put_word(self.frame, self._word(self.frame) | fr.DIRTY)

    def clear_exclusive(self) -> None:
        """The frame, or what the slot holds, belongs to this process alone no longer."""
        if self.swapped:
            self._set(self.entry & ~ALONE)
        elif not self.zero:
            self._put_word(self.frame, self._word(self.frame) & ~fr.EXCLUSIVE)

    def neighbours(self) -> list[tuple[Page, int]]:
        """What a read fault here maps as well: pages of the window that are in memory and not mapped, their frames."""
        pages = (Page(self.mapping, self.area, i, self.tally) for i in range(*self.window()) if i != self.number)
        found = [(page, page.cached_frame) for page in pages if not (page.present or page.swapped)]
        return [(page, frame) for page, frame in found if frame is not None]

    def window(self) -> tuple[int, int]:
        """The pages around this one that a read fault considers, half open."""
        first = max(self.number // WINDOW * WINDOW, self.area.start)
        return first, min(first + WINDOW, ((self.number >> SHIFT) + 1) << SHIFT, self.area.stop)

    # What they are made of: the stores. stand_in.py has the same for a page that stands for many ------------------

    @property
    def _owner(self) -> int:
        """The bits of a frame's word that charge it to the process's group."""
        return self.mapping.space.group.owner

    def _need(self, frames: int) -> None:
        self.mapping.space.need_frames(frames)

    def _set(self, entry: int) -> None:
        self.entry = entry
        self.mapping.table.put(self.number, entry)

    def _count(self, anon: int = 0, other: int = 0, swapped: int = 0) -> None:
        """The mapping has so many more pages of each sort."""
        mapping = self.mapping
        mapping.anon, mapping.other, mapping.swapped = (
            mapping.anon + anon,
            mapping.other + other,
            mapping.swapped + swapped,
        )

    def _word(self, frame: int) -> int:
        return self.frames.word(frame)

    def _put_word(self, frame: int, word: int) -> None:
        self.frames.words.put(frame, word)

    def _take(self, word: int) -> int:
        return self.frames.allocate(word, 0)

    def _copy_value(self, new: int, old: int) -> None:
        values = self.frames.values
        values.put(new, values.at(old))

    def _map(self, frame: int) -> int:
        """One mapper more; the frame's word."""
        word = self.frames.map(frame)
        self.mapping.count_mapped(word, 1)
        return word

    def _unmap(self, frame: int, flags: int) -> None:
        self.mapping.count_mapped(self.frames.unmap(frame, flags), -1)

    @property
    def _behind(self) -> int:
        """What the file or shared object has for this page; see page_cache.py."""
        assert self.backing
        return self.backing.table.at(self.number)

    def _bring_in(self) -> int:
        assert self.backing
        return self.backing.create(self.number, self._owner)

    def _need_read(self, slot: int, reads: int, copies: int) -> None:
        self.mapping.need_swap_in(slot, reads, copies)

    def _cached(self) -> int | None:
        """The frame in which the swap cache has this swapped page, or None."""
        return self.mapping.swap.cached_frame(self.entry >> FRAME_SHIFT)

    def _named(self) -> int:
        """How many entries name the slot of this swapped page."""
        return self.mapping.swap.slots.mapcount(self.entry >> FRAME_SHIFT)

    def _read(self) -> int:
        return self.mapping.swap.read(self.entry >> FRAME_SHIFT)

    def _name(self, slot: int) -> None:
        self.mapping.swap.slots.map(slot)

    def _forget(self, slot: int) -> None:
        self.mapping.swap.drop(slot)
