"""Taking pages out of memory: every mapper loses the page, its content goes to disk or to a slot, its frame is free."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..kinds import Group, Machine, Mapping
from ..stores import frames as fr
from ..stores.chunks import CHUNK, Words, compact, every, some
from ..stores.page_cache import SHADOW, Backing
from ..stores.page_table import ALONE, DIRTY, FRAME_SHIFT, SWAPPED
from ..stores.words import arange
from .rmap import Part, Survey
from .selection import Run


class Eviction:
    """What takes the pages of a survey out of memory, and counts what that wrote, in pages."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.frames = machine.frames
        self.swap = machine.swap
        self.written = 0  # to the swap device
        self.written_back = 0  # to files
        self.stolen = 0  # taken

    def evict(self, survey: Survey, units: Words) -> int:
        """Take those of `units` that are as they were at the survey; how many pages were freed."""
        units = units[survey.current(units)]
        freed = 0
        for whole in (True, False):
            alike = units[survey.whole[units] == whole]
            file = survey.kinds[alike] == fr.FILE
            if some(file):
                freed += self._drop_files(survey, alike[file])
            if not every(file):
                freed += self._swap_out(survey, alike[~file], whole)
        self.stolen += freed
        return freed

    def drop_unmapped(self, domain: Group) -> int:
        """Free the frames of the swap cache that nobody maps: their slots still hold the pages. How many there were."""
        freed, table = 0, self.frames.words
        if not self.swap.in_cache:
            return 0
        for whole, frames in ((True, self.swap.cached_chunks()), (False, self.swap.cached_pages())):
            words = table.at_all(frames, whole)
            idle = (words < fr.MAPPER) & self.machine.cgroups.inside(domain)[fr.group_of(words)]
            if whole:
                idle &= (table.row[frames] == 0) & (self.swap.slot_of.row[frames] == 0)
            if some(idle):
                frames, words = frames[idle], words[idle]
                self.swap.uncache(frames, whole)
                (self.frames.release_chunks if whole else self.frames.release)(frames, words)
                freed += len(frames) * (CHUNK if whole else 1)
        self.swap.tidy()
        self.stolen += freed
        return freed

    # Files ------------------------------------------------------------------------------------------------------

    def _drop_files(self, survey: Survey, units: Words) -> int:
        """Drop pages of files; those that were written through a mapping are written back first (shrink_folio_list)."""
        parts = survey.parts(units)
        dirty = survey.words[units] & fr.DIRTY != 0
        for part in parts:
            if not isinstance(part.holder, Backing):
                dirty[part.unit] |= part.holder.table.get(part.at) & DIRTY != 0
        for part in parts:
            if isinstance(part.holder, Backing):
                self._leave_file(part, part.holder, survey.frames[units], dirty)
            else:
                self._unmap(part, part.holder)
        self.written_back += int(np.count_nonzero(dirty))
        self.frames.release(survey.frames[units], survey.words[units])
        return len(units)

    def _leave_file(self, part: Part, file: Backing, frames: Words, dirty: NDArray[np.bool_]) -> None:
        written = dirty[part.unit]
        file.disk.set(part.at[written], self.frames.values.get(frames[part.unit[written]]))
        file.table.set(part.at, SHADOW)
        file.reclaimed = True

    def _unmap(self, part: Part, mapping: Mapping) -> None:
        mapping.table.set(part.at, 0)
        mapping.other -= len(part.at)

    # Swap -------------------------------------------------------------------------------------------------------

    def _swap_out(self, survey: Survey, units: Words, whole: bool) -> int:
        """Give each page a slot, one however many map it; its entries name the slot from here on (try_to_unmap)."""
        cached = survey.words[units] & fr.CACHED != 0
        fresh = self._with_room(survey, units[~cached], whole)
        if whole and self.swap.free and not len(fresh) and not every(cached):  # room, but for no whole chunk
            return self._as_pages(survey, units[:1])
        old, units = int(np.count_nonzero(cached)), np.concatenate([units[cached], fresh])
        if not len(units):
            return 0
        frames, words = survey.frames[units], survey.words[units]
        known = self._old_slots(frames[:old], words[:old], whole)
        slots = np.concatenate([known, self._new_slots(frames[old:], words[old:], whole)])
        for part in survey.parts(units):
            self._name_slots(part, slots[part.unit], words[part.unit], whole)
        if whole:
            self.frames.release_chunks(compact(frames), words)
        else:
            self.frames.release(frames, words)
        return len(units) * (CHUNK if whole else 1)

    def _as_pages(self, survey: Survey, units: Words) -> int:
        pages = survey.split(units)
        return self._swap_out(pages, arange(len(pages.frames)), whole=False)

    def _with_room(self, survey: Survey, units: Words, whole: bool) -> Words:
        """Those of `units` that the swap area, and the swap limits of their groups, have room for."""
        weight, kept, free = CHUNK if whole else 1, [units[:0]], self.swap.free
        owners, left = survey.owners[units], dict[Group, int]()
        for owner in np.unique(owners).tolist():
            mine, group = units[owners == owner], self.machine.cgroups.of(owner)
            for each in group.upward():
                left.setdefault(each, each.swap_room(self.swap.free))
            room = min(len(mine), free // weight, *(left[each] // weight for each in group.upward()))
            while whole and room and not self.swap.slots.can_allocate_chunks(room):
                room -= 1
            kept.append(mine[:room])
            free -= len(kept[-1]) * weight
            for each in group.upward():
                left[each] -= len(kept[-1]) * weight
        return np.concatenate(kept)

    def _old_slots(self, frames: Words, words: Words, whole: bool) -> Words:
        """The slots that still hold pages of the swap cache: named again by those that mapped them, nothing written."""
        if not len(frames):
            return frames
        slots, table, named = self.swap.uncache(frames, whole), self.swap.slots.words, words & -fr.MAPPER
        if whole:
            table.first[slots] += named
        else:
            table.set(slots, table.get(slots) + named)
        return slots

    def _new_slots(self, frames: Words, words: Words, whole: bool) -> Words:
        if not len(frames):
            return frames
        self.written += len(frames) * (CHUNK if whole else 1)
        return (self.swap.write_chunks if whole else self.swap.write_pages)(frames, words)

    def _name_slots(self, part: Part, slots: Words, words: Words, whole: bool) -> None:
        holder = part.holder
        if isinstance(holder, Backing):
            holder.table.set(part.at, slots << FRAME_SHIFT | SWAPPED)
            holder.reclaimed = True
        elif not holder.private:
            self._unmap(part, holder)
        else:
            alone = np.where(words & fr.EXCLUSIVE, ALONE, 0)
            run = Run(holder, compact(part.at) if whole else part.at, whole)
            run.map(compact(slots) if whole else slots, SWAPPED | alone)
            n = len(part.at) * run.weight
            holder.anon -= n
            holder.swapped += n
