"""Swap: slots that hold pages which are not in memory, and the swap cache.

A slot counts the entries that name it, as a frame counts its mappers: a page that k processes shared takes one slot
(mm/swapfile.c, swap_map). A page that comes back while others still name its slot stays in the swap cache, so that
their faults find it in memory (mm/swap_state.c). The slot is free when nobody names it.

Simplified: Linux may keep the slot of a page that was read back, to drop it again without a write.

>>> import cowlab
>>> machine = cowlab.Machine(ram="64 MiB", swap="64 MiB")
>>> group = machine.cgroup("/a")
>>> parent = machine.spawn(cgroup=group)
>>> faults = parent.mmap("4 KiB", name="heap").write()
>>> child = parent.fork()
>>> group.high = 0; group.high = None               # reclaim all that the group has
>>> group.swap_current                              # one slot, though two processes name it
4096
>>> parent["heap"].read().major, child["heap"].read().minor
(1, 1)
"""

from __future__ import annotations

from typing import cast

import numpy as np

from . import frames as fr
from .chunks import CHUNK, SHIFT, Table, Where, Words, compact, expand, some
from .frames import Frames
from .page_table import FRAME_SHIFT, NEXT_FRAME, PRESENT
from .words import arange, flatnonzero


class Swap:
    """The swap area of a machine: `slots` are kept as frames are, each charged to the group of its page.

    `cache` says for each slot which frame holds its page in memory, `slot_of` the reverse.
    """

    def __init__(self, pages: int, frames: Frames, charge: fr.Charge) -> None:
        self.frames = frames
        self.slots = Frames(pages, frames.pool, charge)
        self.cache = Table(frames.pool, len(self.slots.words))
        self.slot_of = Table(frames.pool, len(frames.words))
        self.in_cache = 0  # frames of the swap cache

    @property
    def total(self) -> int:
        """Slots that there are."""
        return self.slots.total

    @property
    def free(self) -> int:
        """Slots that hold nothing."""
        return self.slots.free

    # One slot ---------------------------------------------------------------------------------------------------

    def cached_frame(self, slot: int) -> int | None:
        """The frame that holds the page of `slot` in memory, or None."""
        word = self.cache.at(slot)
        return word >> FRAME_SHIFT if word else None

    def read(self, slot: int) -> int:
        """Read the page of `slot` into a free frame, which nobody maps yet; the frame."""
        owner = self.slots.word(slot) & fr.OWNER
        frame = self.frames.allocate(owner | fr.DIRTY, self.slots.values.at(slot))
        self.frames.ages.put(frame, self.frames.now + 1)  # used at the touch that reads it
        self._link(np.array([slot], np.int64), np.array([frame], np.int64))
        return frame

    def drop(self, slot: int) -> None:
        """An entry less names `slot`. The last one frees it, and its page leaves the swap cache."""
        self.drop_pages(np.array([slot], np.int64))

    # Many slots: pages, or whole chunks -------------------------------------------------------------------------

    def cached(self, slots: Where, whole: bool) -> Words:
        """For each slot the word `frame << 8 | PRESENT` of the frame that holds its page in memory, or 0."""
        return self.cache.at_all(slots, whole)

    def read_pages(self, slots: Words) -> None:
        """As `read`, for slots whose pages are charged to one group."""
        owner = self.slots.word(int(slots[0])) & fr.OWNER
        frames = self.frames.allocate_pages(len(slots), owner | fr.DIRTY, None)
        self.frames.values.set(frames, self.slots.values.get(slots))
        self._link(slots, frames)

    def read_chunks(self, slots: Where) -> None:
        """As `read_pages`, for whole chunks of slots."""
        numbers = expand(slots)
        owner = self.slots.word(int(numbers[0]) << SHIFT) & fr.OWNER
        frames = self.frames.allocate_chunks(len(numbers), owner | fr.DIRTY | fr.CACHED, None)
        self.frames.values.copy_chunks(frames, slots, self.slots.values)
        self._reserve()
        self.in_cache += len(numbers) * CHUNK
        self.cache.fill(slots, expand(frames) << (FRAME_SHIFT + SHIFT) | PRESENT, NEXT_FRAME)
        self.slot_of.fill(frames, numbers << (FRAME_SHIFT + SHIFT) | PRESENT, NEXT_FRAME)

    def drop_pages(self, slots: Words) -> None:
        """As `drop`, for each of `slots`, none of them twice."""
        self.slots.change(slots, False, 0, 0, -1)
        gone = slots[self.slots.words.get(slots) == 0]
        self.forget(gone)

    def drop_chunks(self, slots: Where) -> None:
        """As `drop_pages`, for whole chunks of slots."""
        self.slots.change(slots, True, 0, 0, -1)
        numbers = expand(slots)
        gone = numbers[self.slots.words.first[slots] == 0]
        if len(gone) and some(self.cached(gone, True)):
            self._forget_chunks(gone[self.cached(gone, True) != 0])

    def discard(self, slots: Words) -> None:
        """Free `slots`, which no entry names: those of a shared object."""
        if len(slots):
            self.slots.release(slots, self.slots.words.get(slots))

    def forget(self, slots: Words) -> None:
        """The pages of `slots` leave the swap cache; a frame that nobody maps is free."""
        links = self.cached(slots, False)
        if not some(links):
            return
        frames = links[links != 0] >> FRAME_SHIFT
        self.in_cache -= len(frames)
        self.cache.set(slots[links != 0], 0)
        self.slot_of.set(frames, 0)
        words = self.frames.words.get(frames) & ~fr.CACHED
        self.frames.words.set(frames, words)
        if some(unused := words < fr.MAPPER):
            self.frames.release(frames[unused], words[unused])

    def _forget_chunks(self, slots: Words) -> None:
        frames = compact(self.cached(slots, True) >> (FRAME_SHIFT + SHIFT))
        self.in_cache -= len(slots) * CHUNK
        self.cache.fill(slots, 0)
        self.slot_of.fill(frames, 0)
        words = self.frames.words.first[frames] & ~fr.CACHED
        self.frames.words.first[frames] = words
        if some(unused := words < fr.MAPPER):
            self.frames.release_chunks(expand(frames)[unused], words[unused])

    # Swapping out -----------------------------------------------------------------------------------------------

    def write_pages(self, frames: Words, words: Words) -> Words:
        """Slots for `frames`, which have these words, as many entries naming each as map the frame; the slots."""
        slots = self._allocate(words, lambda n, owner: self.slots.allocate_pages(n, owner, None))
        named = np.where(words & fr.KIND == fr.ANON, -fr.MAPPER, 0)  # a shared object names its slot itself
        self.slots.words.set(slots, words & (fr.OWNER | named))
        self._reserve()
        self.slots.values.set(slots, self.frames.values.get(frames))
        return slots

    def write_chunks(self, frames: Where, words: Words) -> Words:
        """As `write_pages`, for whole chunks, which the swap area has room for."""
        slots = self._allocate(words, lambda n, owner: expand(self.slots.allocate_chunks(n, owner, None)))
        self.slots.words.fill(slots, words & (fr.OWNER | -fr.MAPPER))
        self._reserve()
        self.slots.values.copy_chunks(slots, frames, self.frames.values)
        return slots

    def _allocate(self, words: Words, allocate: fr.Allocate) -> Words:
        """Slots in the order of `words`, each charged as its frame is."""
        owners = words & fr.OWNER
        slots = np.zeros(len(words), np.int64)
        for owner in np.unique(owners).tolist():
            slots[owners == owner] = allocate(int(np.count_nonzero(owners == owner)), owner)
        return slots

    def uncache(self, frames: Words, whole: bool) -> Words:
        """Take `frames` (or whole chunks of them) out of the swap cache: they are about to be freed; their slots."""
        if whole:
            slots = self.slot_of.first[frames] >> (FRAME_SHIFT + SHIFT)
            self.cache.fill(slots, 0)
            self.slot_of.fill(frames, 0)
            self.in_cache -= len(frames) * CHUNK
        else:
            slots = self.slot_of.get(frames) >> FRAME_SHIFT
            self.cache.set(slots, 0)
            self.slot_of.set(frames, 0)
            self.in_cache -= len(frames)
        return cast(Words, slots)

    def _link(self, slots: Words, frames: Words) -> None:
        self._reserve()
        self.in_cache += len(frames)
        self.cache.set(slots, frames << FRAME_SHIFT | PRESENT)
        self.slot_of.set(frames, slots << FRAME_SHIFT | PRESENT)
        self.frames.words.set(frames, self.frames.words.get(frames) | fr.CACHED)

    def tidy(self) -> None:
        """After a call that was cut within chunks: chunks that are alike again are kept as such."""
        self.frames.words.tidy()
        self.slots.words.tidy()
        self.cache.tidy()  # those of zeros
        self.slot_of.tidy()

    def _reserve(self) -> None:
        """The tables are as long as those of slots and frames."""
        self.cache.reserve(len(self.slots.words))
        self.slot_of.reserve(len(self.frames.words))

    def cached_chunks(self) -> Words:
        """The chunks of frames that are in the swap cache as wholes."""
        self._reserve()
        whole = (self.cache.row == 0) & (self.cache.first != 0)
        return cast(Words, self.cache.first[whole] >> (FRAME_SHIFT + SHIFT))

    def cached_pages(self) -> Words:
        """The other frames that are in the swap cache."""
        chunks = flatnonzero(self.cache.row)
        words = self.cache.get(((chunks << SHIFT)[:, None] + arange(CHUNK)).reshape(-1))
        return cast(Words, words[words != 0] >> FRAME_SHIFT)
