"""Physical frames: which are free, how many page-table entries map each, and what each holds.

Each frame has one word, as Linux's `struct page` has flags and a map count:

    map count << 21 | group << 5 | CACHED | DIRTY | EXCLUSIVE | kind        (kind: 0 free, ANON, FILE, SHMEM)

EXCLUSIVE is Linux's AnonExclusive: one process alone may write the frame in place. CACHED is its swap cache: the frame
was swapped in, and its slot still holds it for others. `group` is the number of the cgroup that the frame is charged
to. A second table says when each frame was last used (its age). Frames that hold page tables are counted, not
numbered. How words are stored is `chunks.Table`'s matter: the bulk calls come in two forms, on arrays of
frames and on whole chunks of 512 frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from .chunks import CHUNK, SHIFT, Pool, Table, Where, Words, compact, every, expand, some
from .words import arange

ANON, FILE, SHMEM = 1, 2, 3
TABLES = 0
"""What page tables are charged as; the other charges are those of the kinds of frame."""

KIND, EXCLUSIVE, DIRTY, CACHED = 3, 4, 8, 16
GROUP_SHIFT, COUNT_SHIFT = 5, 21
GROUPS = 1 << COUNT_SHIFT - GROUP_SHIFT
"""Numbers that there are for groups."""
MAPPER = 1 << COUNT_SHIFT
OWNER = (GROUPS - 1) << GROUP_SHIFT | KIND
"""What decides who is charged for a frame, and as what."""
_LEFT = -MAPPER | CACHED | KIND  # what decides whether an unmapped frame is free: the swap cache keeps its own
POISON = -0x2152411021524111
"""What a freed frame holds on a checked machine (0xDEADBEEFDEADBEEF), so that a dangling use shows."""


_ROOM = 1 << 17  # chunks in 256 GiB: tables of frames are made for at most this many, and grow beyond


class _Stack:
    """A stack of numbers that is pushed and popped in bulk."""

    def __init__(self) -> None:
        self.items: Words = np.empty(64, np.int64)
        self.size = 0

    def push(self, numbers: Words) -> None:
        end = self.size + len(numbers)
        if end > len(self.items):
            self.items = np.concatenate([self.items[: self.size], np.empty(end, np.int64)])
        self.items[self.size : end] = numbers
        self.size = end

    def push_one(self, number: int) -> None:
        if self.size == len(self.items):
            self.items = np.concatenate([self.items, np.empty(self.size, np.int64)])
        self.items[self.size] = number
        self.size += 1

    def pop(self, n: int) -> Words:
        """The `n` numbers pushed last, last first."""
        self.size -= n
        return self.items[self.size : self.size + n][::-1].copy()

    def pop_one(self) -> int:
        self.size -= 1
        return self.items.item(self.size)

    @property
    def live(self) -> Words:
        return self.items[: self.size]


def is_free(word: int) -> bool:
    """Is an anonymous frame with this word free: mapped by nobody, and not in the swap cache?"""
    return word & _LEFT == ANON


def group_of(words: Words) -> Words:
    """The numbers of the groups that frames with these words are charged to."""
    return cast(Words, words >> GROUP_SHIFT & GROUPS - 1)


Charge = Callable[[int, int], None]
Allocate = Callable[[int, int], Words]


class Frames:
    """The frames of one machine.

    `total` frames of RAM; each is free, holds data (`used`), or holds a page table (`tables`). `charge(word, n)` is
    told of `n` more frames with that owner and kind. `now` counts touches: a frame's age is the number of the last one.
    """

    def __init__(self, total: int, pool: Pool, charge: Charge, poison: bool = False) -> None:
        self.total = total
        self.charge = charge
        self._chunks = total >> SHIFT  # whole chunks of RAM; the rest is one short chunk at the end
        room = min(self._chunks + 1, _ROOM)  # zeros that the host backs with memory as they are used
        self.words = Table(pool, room)
        self.values = Table(pool, room)
        self.ages = Table(pool, room)
        self.now = 0
        self.born: Table | None = None  # when each frame was taken: for policies that ask (keep_births)
        self._stamps = [self.ages]
        self.reserve = 0  # free frames that are kept back (the min watermark)
        self.pool = pool
        self.used = 0
        self.tables = 0
        self.cached = {FILE: 0, SHMEM: 0}  # frames that files and shared memory hold, mapped or not
        self._poison = poison
        self._next = 0  # the lowest chunk that was never used
        self._whole = _Stack()  # chunks that were used and are wholly free again
        self._loose = _Stack()  # free frames of chunks that are partly used
        self._merge_at = CHUNK  # look for whole chunks among the loose frames when there are this many

    @property
    def free(self) -> int:
        """Frames that hold nothing."""
        return self.total - self.used - self.tables

    @property
    def anon(self) -> int:
        """Frames that hold private data of processes."""
        return self.used - self.cached[FILE] - self.cached[SHMEM]

    def keep_births(self) -> None:
        """Keep when each frame was taken, from here on."""
        self.born = Table(self.pool, len(self.words))
        self._stamps = [self.ages, self.born]

    # One frame --------------------------------------------------------------------------------------------------

    def allocate(self, word: int, value: int) -> int:
        """A free frame with that word, holding `value`; the caller has seen that one is free, and marks its age."""
        if not self._loose.size:
            self._open_chunk()
        frame = self._loose.pop_one()
        self._count(word, 1)
        self.words.put(frame, word)
        self.values.put(frame, value)
        if self.born:
            self.born.put(frame, self.now)
        return frame

    def word(self, frame: int) -> int:
        return self.words.at(frame)

    def mapcount(self, frame: int) -> int:
        """Page-table entries that map `frame`."""
        return self.words.at(frame) >> COUNT_SHIFT

    def map(self, frame: int) -> int:
        """One mapper more; the frame's word."""
        word = self.words.at(frame) + MAPPER
        self.words.put(frame, word)
        return word

    def unmap(self, frame: int, flags: int = 0) -> int:
        """One mapper less; `flags` are set; the frame's word. An anonymous frame that nobody maps is free."""
        word = (self.words.at(frame) | flags) - MAPPER
        self.words.put(frame, word)
        if is_free(word):
            self.release_one(frame, word)
        return word

    def release_one(self, frame: int, word: int) -> None:
        """`frame`, which has this word, is free."""
        self._count(word, -1)
        self.words.put(frame, 0)
        self.values.put(frame, POISON if self._poison else 0)
        self._loose.push_one(frame)

    # Many frames ------------------------------------------------------------------------------------------------

    def allocate_pages(self, n: int, word: int, value: int | None = 0) -> Words:
        """`n` free frames with that word, each holding `value`; the caller has seen that so many are free."""
        parts = []
        whole = min(n >> SHIFT, self._whole_chunks())
        if whole:
            chunks = expand(self.allocate_chunks(whole, word, value))
            parts.append(((chunks << SHIFT)[:, None] + arange(CHUNK)).reshape(-1))
            n -= len(chunks) * CHUNK
        while self._loose.size < n:
            n -= len(part := self._loose.pop(self._loose.size))
            parts.append(self._set(part, word, value))
            self._open_chunk()
        parts.append(self._set(self._loose.pop(n), word, value))
        return np.concatenate(parts)

    def allocate_chunks(self, n: int, word: int, value: int | Words | None = 0, step: int = 0) -> Where:
        """`n` wholly free chunks, their frames with that word, frame i of each holding `value + step * i`.

        The caller has seen that so many chunks are free; with value None it sets what they hold.
        """
        again = min(n, self._whole.size)
        where: Where = slice(self._next, self._next + n - again)
        self._next += n - again
        self._reserve(self._next)
        if again:
            where = compact(np.concatenate([np.sort(self._whole.pop(again)), expand(where)]))
        self._count(word, n * CHUNK)
        self.words.fill(where, word)
        for table in self._stamps:
            table.fill(where, self.now)
        if value is not None:
            self.values.fill(where, value, step)
        return where

    def can_allocate_chunks(self, n: int) -> bool:
        """Are there `n` wholly free chunks?"""
        if n <= self._whole_chunks():
            return n * CHUNK <= self.free
        if self._loose.size >= max(self._merge_at, CHUNK):
            self._merge()
        return n <= self._whole_chunks() and n * CHUNK <= self.free

    def change(self, at: Where, whole: bool, clear: int, flags: int, mappers: int, word: int | None = None) -> None:
        """Clear and set flags of frames (or of all frames of uniform chunks), none of them twice; `mappers` more each.

        Anonymous frames that nobody maps then are free. `word` is the one that all have, if that is known.
        """
        if whole and word is not None:
            word = (word & ~clear | flags) + mappers * MAPPER
            self.words.first[at] = word
            if mappers < 0 and is_free(word):
                self.release_chunks(at, np.array([word], np.int64))
            return
        if whole:
            words = (self.words.first[at] & ~clear | flags) + mappers * MAPPER
            self.words.first[at] = words
        else:
            slots = self.words.slots(expand(at))
            words = (self.pool.flat[slots] & ~clear | flags) + mappers * MAPPER
            self.pool.flat[slots] = words
        if mappers < 0 and some(gone := words & _LEFT == ANON):
            numbers, words = (at, words) if every(gone) else (expand(at)[gone], words[gone])
            if whole:
                self.release_chunks(numbers, words)
            else:
                self.release(expand(numbers), words)

    def release(self, frames: Words, words: Words) -> None:
        """`frames`, which have these words, are free."""
        self._uncount(words, 1)
        self._set(frames, 0, POISON if self._poison else 0)
        self._loose.push(np.sort(frames)[::-1])

    def release_chunks(self, chunks: Where, words: Words) -> None:
        """As `release`, for whole chunks; one word will do if they all have it."""
        numbers = expand(chunks)
        self._uncount(words, CHUNK if len(words) == len(numbers) else CHUNK * len(numbers))
        self.words.fill(chunks, 0)
        self.values.fill(chunks, POISON if self._poison else 0)
        self._whole.push(np.sort(numbers)[::-1])

    # Bookkeeping ------------------------------------------------------------------------------------------------

    def _count(self, word: int, n: int) -> None:
        """`n` more frames with the kind and the owner that `word` says; fewer if negative."""
        self.used += n
        if word & KIND != ANON:
            self.cached[word & KIND] += n
        self.charge(word, n)

    def _uncount(self, words: Words, weight: int) -> None:
        """Frames with these words, each `weight` of them, are in use no longer."""
        owners = words & OWNER
        if every(owners == owners[0]):
            self._count(owners.item(0), -len(owners) * weight)
            return
        for owner, n in zip(*np.unique(owners, return_counts=True), strict=True):
            self._count(int(owner), -int(n) * weight)

    def _set(self, frames: Words, word: int, value: int | None) -> Words:
        if word:
            self._count(word, len(frames))
            for table in self._stamps:
                table.set(frames, self.now)
        self.words.set(frames, word)
        if value is not None:
            self.values.set(frames, value)
        return frames

    def _whole_chunks(self) -> int:
        return self._whole.size + max(0, self._chunks - self._next)

    def _reserve(self, chunks: int) -> None:
        for table in (self.words, self.values, *self._stamps):
            table.reserve(chunks)

    def _open_chunk(self) -> None:
        """Make the frames of one more chunk loose, the lowest on top."""
        if self._whole.size:
            chunk, size = self._whole.pop_one(), CHUNK
        else:
            chunk = self._next
            size = min(CHUNK, self.total - (chunk << SHIFT))
            self._next += 1
            self._reserve(self._next)
        self._loose.push(arange((chunk << SHIFT) + size - 1, (chunk << SHIFT) - 1, -1))

    def _merge(self) -> None:
        """Find the chunks that are wholly free among the loose frames."""
        chunks, counts = np.unique(self._loose.live >> SHIFT, return_counts=True)
        whole = chunks[counts == CHUNK]
        loose = self._loose.live[~np.isin(self._loose.live >> SHIFT, whole)]
        self._loose.size = 0
        self._loose.push(loose)
        self.words.fill(whole, 0)
        self.values.fill(whole, 0)
        self._whole.push(whole[::-1])
        self._merge_at = len(loose) + CHUNK
