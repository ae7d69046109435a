"""Taking pages out of memory: every mapper loses the page, its content goes to disk or to a slot, its frame is free."""

from __future__ import annotations

import numpy as np

from ..kinds import Group, Machine, Mapping
from ..stores import frames as fr
from ..stores.chunks import CHUNK, Words, compact, every, some
from ..stores.page_cache import SHADOW, Backing
from ..stores.page_table import ALONE, DIRTY, FRAME_SHIFT, SWAPPED
from ..stores.words import flatnonzero
from .rmap import Units
from .selection import Run


class PageOut:
    """What takes units out of memory, and counts what that wrote, in pages."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.frames = machine.frames
        self.swap = machine.swap
        self.written = 0  # to the swap device
        self.written_back = 0  # to files
        self.stolen = 0  # taken

    def shrink(self, units: Units) -> int:
        """Take those of `units` that are as they were when they were found; how many pages were freed."""
        freed = 0
        for whole in (True, False):
            alike = units.pick(units.whole == whole)
            alike = alike.pick(alike.current(whole))
            file = alike.kinds == fr.FILE
            if some(file):
                freed += self._drop_files(alike.pick(file))
            if not every(file):
                freed += self._swap_out(alike.pick(~file), whole)
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
                freed += self._free(frames, words, whole)
        self.swap.tidy()
        self.stolen += freed
        return freed

    def _free(self, frames: Words, words: Words, whole: bool) -> int:
        """These frames, or chunks of them, are free; how many pages that is."""
        if not whole:
            self.frames.release(frames, words)
            return len(frames)
        self.frames.release_chunks(compact(frames), words)
        return len(frames) * CHUNK

    def _unmap(self, mapping: Mapping, at: Words) -> None:
        mapping.table.set(at, 0)
        mapping.other -= len(at)

    # Files ------------------------------------------------------------------------------------------------------

    def _drop_files(self, units: Units) -> int:
        """Drop pages of files; those that were written through a mapping are written back first (shrink_folio_list)."""
        dirty = units.words & fr.DIRTY != 0
        for mapping, here in units.mappers(whole=False)[0]:
            dirty[here] |= mapping.table.get(units.at[here]) & DIRTY != 0
            self._unmap(mapping, units.at[here])
        for file, here in units.by_home():
            assert isinstance(file, Backing)
            written = here[dirty[here]]
            file.disk.set(units.at[written], self.frames.values.get(units.frames[written]))
            file.table.set(units.at[here], SHADOW)
            file.reclaimed = True
        self.written_back += int(np.count_nonzero(dirty))
        return self._free(units.frames, units.words, whole=False)

    # Swap -------------------------------------------------------------------------------------------------------

    def _swap_out(self, units: Units, whole: bool) -> int:
        """Give each page a slot, one however many map it; its entries name the slot from here on (try_to_unmap)."""
        cached = units.cached
        old, new = units.pick(cached), units.pick(~cached)
        new = new.pick(self._with_room(new, whole))
        if whole and self.swap.free and not len(new) and not every(cached):  # room, but for no whole chunk
            return self._swap_out(units.pick(slice(1)).as_pages(), whole=False)
        if not len(old) + len(new):
            return 0
        slots = np.concatenate([self._old_slots(old, whole), self._new_slots(new, whole)])
        units = old.and_then(new)
        self._name_slots(units, slots, whole)
        return self._free(units.frames, units.words, whole)

    def _with_room(self, units: Units, whole: bool) -> Words:
        """Those of `units` that the swap area, and the swap limits of their groups, have room for: their positions."""
        weight, kept, free = CHUNK if whole else 1, [np.zeros(0, np.int64)], self.swap.free
        owners, left = units.owners, dict[Group, int]()
        for owner in np.unique(owners).tolist():
            mine, group = flatnonzero(owners == owner), self.machine.cgroups.of(owner)
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

    def _old_slots(self, units: Units, whole: bool) -> Words:
        """The slots that still hold pages of the swap cache: named again by those that mapped them, nothing written."""
        if not len(units):
            return units.frames
        slots, table, named = self.swap.uncache(units.frames, whole), self.swap.slots.words, units.words & -fr.MAPPER
        if whole:
            table.first[slots] += named
        else:
            table.set(slots, table.get(slots) + named)
        return slots

    def _new_slots(self, units: Units, whole: bool) -> Words:
        if not len(units):
            return units.frames
        self.written += len(units) * (CHUNK if whole else 1)
        return (self.swap.write_chunks if whole else self.swap.write_pages)(units.frames, units.words)

    def _name_slots(self, units: Units, slots: Words, whole: bool) -> None:
        """Entries of mappings, and a shared object's own, that named these units name their slots."""
        for mapping, here in units.mappers(whole)[0]:
            at = units.at[here]
            if not mapping.private:
                self._unmap(mapping, at)
                continue
            alone = np.where(units.words[here] & fr.EXCLUSIVE, ALONE, 0)
            run = Run(mapping, compact(at) if whole else at, whole)
            run.map(slots[here], SWAPPED | alone)
            mapping.anon -= len(at) * run.weight
            mapping.swapped += len(at) * run.weight
        for home, here in units.by_home():
            if isinstance(home, Backing):
                home.table.set(units.at[here], slots[here] << FRAME_SHIFT | SWAPPED)
                home.reclaimed = True
