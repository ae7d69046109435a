"""Doing to each page of a batch what a rule did to the page that stood for them, by numpy, over the words of all."""

from __future__ import annotations

from ..areas import Area
from ..kinds import Mapping
from ..rules.page import OWNED, Tally
from ..stores import frames as fr
from ..stores.chunks import SHIFT, Where, expand
from ..stores.page_table import FLAGS, FRAME_SHIFT, PRESENT, SWAPPED, ZERO
from .batches import Batch
from .selection import Run, Selection
from .stand_in import Change, Effect


class Work:
    """One batch, and the frames of its pages: `frames[i]` are those that the effect's change number i is about."""

    def __init__(self, batch: Batch, area: Area, selection: Selection | None = None, value: int | None = None) -> None:
        self.batch, self.area, self.selection, self.value = batch, area, selection, value
        self.run, self.entries, self.effect = batch.run, batch.entries, batch.effect
        self.mapping: Mapping = batch.run.mapping
        self.frames: list[Where] = []

    def do(self, tally: Tally | None = None, child: Mapping | None = None) -> None:
        """Do it; `tally` counts what it cost, if anybody asks. `child` has the other side of a fork."""
        effect, run = self.effect, self.run
        if effect.family and self.area.family is None:
            self.mapping.areas.found_family(self.area)
        if effect.table:
            self.mapping.space.count_tables(self.mapping.table.add_tables(run.chunks))
        self._find_frames()  # before entries change: `self.entries` may be a look at the table itself
        slots = run.frames_in(self.entries) if effect.named or (effect.other and effect.other.named) else None
        if child and effect.other:
            self._enter(Run(child, run.at, run.whole), effect.other)
            self._count(child, effect.other)
            self._name(slots, effect.other)
        if self.batch.enters:
            self._enter(run, effect)
        self._count(self.mapping, effect)
        self._name(slots, effect)
        self._lose_mappers()
        if self.value is not None:
            run.set_values(self.frames[effect.entry >> FRAME_SHIFT], self.value)
        if tally is not None:
            self._add(tally)

    # Frames -----------------------------------------------------------------------------------------------------

    def _find_frames(self) -> None:
        """The frames of each change, taken if they are new; what was in memory has its new words, but for those that
        lose a mapper: they may be free then, and nothing may name them."""
        for i, change in enumerate(self.effect.frames):
            self.frames.append(self._frames_of(change, i))
            if change.origin not in ("zero", "copy") and change.mappers >= 0 and self._changes(change):
                self._change(self.frames[i], change)

    def _changes(self, change: Change) -> bool:
        if not change.origin:
            return self.batch.touches
        return bool(change.mappers or change.exclusive or change.dirty)

    def _frames_of(self, change: Change, i: int) -> Where:
        run, origin = self.run, change.origin
        if origin in ("", "cache", "slot"):
            return self._frames_named(origin)
        if origin in ("memory", "disk"):
            return self._frames_behind(origin)
        stored = self.value is not None and i == self.effect.entry >> FRAME_SHIFT
        word = OWNED & ~fr.EXCLUSIVE | change.exclusive | change.owner | change.mappers * fr.MAPPER
        new = run.take(word, None if stored or origin == "copy" else 0)
        if origin == "copy" and not stored:
            run.copy_values(new, self.frames[change.source])
        return new

    def _frames_named(self, origin: str) -> Where:
        """The frames that entries map; of swapped pages those in the swap cache, read into it if they are not there."""
        if not origin:
            return self.run.frames_in(self.entries) if self.batch.frames is None else self.batch.frames
        swap, slots = self.mapping.swap, self.run.frames_in(self.entries)
        if origin == "slot":
            swap.read_chunks(slots) if self.run.whole else swap.read_pages(expand(slots))
        frames = self.run.frames_in(swap.cached(slots, self.run.whole))
        if origin == "slot":
            self._mark(frames)
        return frames

    def _frames_behind(self, origin: str) -> Where:
        """The frames of the file or shared object, brought into memory if they are not there."""
        run, backing = self.run, self.mapping.backing
        assert backing
        if origin == "disk":
            owner = self.mapping.space.group.owner
            (backing.create_chunks if run.whole else backing.create_pages)(run.numbers(), owner)
        frames = run.frames_in(run.words_of(backing.table))
        if origin == "disk":
            self._mark(frames)
        return frames

    def _mark(self, frames: Where) -> None:
        """Frames that were read count as used at the touch that read them, also if that touch goes on to a copy."""
        if self.selection is None:
            return
        run, ages = self.run, self.run.frames.ages
        if run.whole:
            first = self.run.frames.now + 1 + self.selection.positions(run.numbers() << SHIFT)
            ages.fill(frames, first, 1)
        else:
            ages.set(expand(frames), self.run.frames.now + 1 + self.selection.positions(run.numbers()))

    def _lose_mappers(self) -> None:
        for frames, change in zip(self.frames, self.effect.frames, strict=True):
            if change.mappers < 0:
                self._change(frames, change)

    def _change(self, frames: Where, change: Change) -> None:
        clear = 0 if change.exclusive or change.mappers < 0 else fr.EXCLUSIVE
        word = None if change.origin else self.batch.word
        self.run.frames.change(frames, self.run.whole, clear, change.exclusive | change.dirty, change.mappers, word)

    # Entries, slots, counts -------------------------------------------------------------------------------------

    def _enter(self, run: Run, effect: Effect) -> None:
        """Set the entries, of these pages or of the child's."""
        handle, flags = effect.entry >> FRAME_SHIFT, effect.entry & FLAGS
        if handle:
            run.map(self.frames[handle], flags)
        elif not flags & SWAPPED and flags & (PRESENT | ZERO) != PRESENT:
            run.set_entries(flags)
        else:
            entries = self.entries
            if self.batch.word is None:
                entries = entries & ~FLAGS | flags
            elif entries.item(0) & FLAGS != flags:  # in a row: all have the same flags
                entries = entries + (flags - (entries.item(0) & FLAGS))
            (run.set_flags if run is self.run else run.set_numbers)(entries)

    def _count(self, mapping: Mapping, effect: Effect) -> None:
        n = self.batch.pages
        anon, other, swapped = effect.counts
        mapping.anon += anon * n
        mapping.other += other * n
        mapping.swapped += swapped * n

    def _name(self, slots: Where | None, effect: Effect) -> None:
        """Entries name `slots` more often, or less: one that nobody names is free."""
        if slots is None or not effect.named:
            return
        swap, whole = self.mapping.swap, self.run.whole
        if effect.named > 0:
            swap.slots.change(slots, whole, 0, 0, effect.named)
        elif whole:
            swap.drop_chunks(slots)
        else:
            swap.drop_pages(expand(slots))

    def _add(self, tally: Tally) -> None:
        pages, other = self.batch.pages, self.effect.other
        heads = len(self.run) * self.batch.heads if self.run.whole else pages
        tally.add(self.effect.tally, heads)
        if heads < pages and other:
            tally.add(other.tally, pages - heads)


def whole_or_pages(batch: Batch) -> list[Batch]:
    """The batch, or the same page by page, if it is of whole chunks and not so many whole chunks of frames are free."""
    taken = batch.effect.taken * len(batch.run)
    if batch.run.whole and taken and not batch.run.frames.can_allocate_chunks(taken):
        return [batch.as_pages()]
    return [batch]
