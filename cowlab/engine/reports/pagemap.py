"""What is behind each page and in each frame, for many at once: for views, which never look into tables themselves.

Linux tells the same page by page, in /proc/PID/pagemap, /proc/kpagecount and /proc/kpageflags
(Documentation/admin-guide/mm/pagemap.rst).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Table, Words, every
from ..stores.frames import COUNT_SHIFT, Frames
from ..stores.page_table import DIRTY, FRAME_SHIFT, PRESENT, SWAPPED, WRITABLE, ZERO, has_frame
from ..stores.words import arange, cumsum, flatnonzero, repeat

if TYPE_CHECKING:
    from ..machine import Machine
    from ..mapping import Mapping

NOTHING, ANONYMOUS, FILE, SHARED_MEMORY, SWAP_CACHE = range(5)
"""Kinds of frame. SWAP_CACHE: anonymous, mapped by nobody, and kept because its slot is still in use."""


class Seen(NamedTuple):
    """Arrays, an item for each page (or stretch of pages that are alike) that was looked at."""

    present: NDArray[np.bool_]  # the entry maps a frame
    zero: NDArray[np.bool_]  # the entry maps the shared zero page
    swapped: NDArray[np.bool_]  # the entry names a swap slot
    writable: NDArray[np.bool_]
    dirty: NDArray[np.bool_]
    frame: Words  # its number; -1 where there is none
    kind: Words  # of the frame
    mappers: Words  # entries that map the frame, as the frame counts them
    exclusive: NDArray[np.bool_]


class Stretches(NamedTuple):
    """Pages that are alike, `pages` of them from `start` on, of mapping number `mapping`; then what they are."""

    mapping: Words
    start: Words
    pages: Words
    seen: Seen


def pages(mapping: Mapping, start: int = 0, stop: int | None = None) -> Seen:
    """Each page of [start, stop) of a mapping; pages outside its areas have no entry."""
    return _seen(mapping.frames, _entries(mapping.table, start, mapping.pages if stop is None else stop))


def stretches(machine: Machine, mappings: Sequence[Mapping]) -> Stretches:
    """All pages of `mappings`, of which there may be millions: stretches of 512 where these are alike, else of one."""
    tables = [mapping.table for mapping in mappings]
    if not tables:
        none = np.zeros(0, np.int64)
        return Stretches(none, none, none, _seen(machine.frames, none))
    number = repeat(arange(len(tables)), [len(table) for table in tables])
    chunk = np.concatenate([arange(len(table)) for table in tables])
    first, row = (np.concatenate([getattr(table, part) for table in tables]) for part in ("first", "row"))
    alike = uniform(machine.frames, first, row)
    length = np.array([mapping.pages for mapping in mappings], np.int64)
    start = chunk << SHIFT
    whole = Stretches(number[alike], start[alike], np.minimum(CHUNK, (length[number] - start)[alike]), ())  # type: ignore[arg-type]
    if alike.all():
        return whole._replace(seen=_seen(machine.frames, first))
    single, at, entries = _page_by_page(machine, tables, number[~alike], chunk[~alike])
    inside = at < length[single]
    single, at, entries = single[inside], at[inside], entries[inside]
    return Stretches(
        np.concatenate([whole.mapping, single]),
        np.concatenate([whole.start, at]),
        np.concatenate([whole.pages, np.ones_like(at)]),
        _seen(machine.frames, np.concatenate([first[alike], entries])),
    )


def frame(machine: Machine, number: int) -> tuple[int, int]:
    """(kind, mappers) of one frame."""
    _, kind, mappers = frames(machine, number + 1)
    return int(kind[-1]), int(mappers[-1])


def pages_on(mapping: Mapping, number: int) -> list[int]:
    """The pages of a mapping that are on frame `number`."""
    found = []
    for chunk in flatnonzero(mapping.table.row | (mapping.table.first >> (FRAME_SHIFT + SHIFT) == number >> SHIFT)):
        seen = pages(mapping, int(chunk) << SHIFT, min(mapping.pages, (int(chunk) + 1) << SHIFT))
        found += ((int(chunk) << SHIFT) + flatnonzero(seen.frame == number)).tolist()
    return found


def frames(machine: Machine, stop: int) -> tuple[Words, Words, Words]:
    """Frames [0, stop) in stretches that are alike: (pages in the stretch, kind, mappers), in the order of frames."""
    table, chunks = machine.frames.words, -(-stop // CHUNK)
    table.reserve(chunks)
    first, row = table.first[:chunks], table.row[:chunks]
    size = np.where(row == 0, CHUNK, 1).astype(np.int64)
    words = repeat(first, np.where(row == 0, 1, CHUNK))
    length = repeat(size, np.where(row == 0, 1, CHUNK))
    if table.dense:
        words[length == 1] = table.pool.words[row[row > 0]].reshape(-1)
    begin = cumsum(length) - length
    inside = begin < stop
    words, length = words[inside], np.minimum(length, stop - begin)[inside]
    only_cached = (words & fr.CACHED != 0) & (words >> COUNT_SHIFT == 0)
    return length, np.where(only_cached, SWAP_CACHE, words & fr.KIND), words >> COUNT_SHIFT


def frames_touched(machine: Machine) -> int:
    """One more than the highest frame that was ever in use, up to 512 too many."""
    table = machine.frames.words
    used = flatnonzero((table.first != 0) | (table.row != 0))
    if not len(used):
        return 0
    last = int(used[-1])
    row = int(table.row[last])
    within = flatnonzero(table.pool.words[row]) if row else np.array([CHUNK - 1], np.int64)
    return min(machine.frames.total, (last << SHIFT) + (int(within[-1]) + 1 if len(within) else 0))


def uniform(memory: Frames, first: Words, row: Words) -> NDArray[np.bool_]:
    """Which chunks of entries are uniform, and on uniform frames."""
    alike: NDArray[np.bool_] = row == 0
    if memory.words.dense:
        mapped = alike & has_frame(first)
        alike[mapped] = memory.words.row[first[mapped] >> (FRAME_SHIFT + SHIFT)] == 0
    return alike


def _page_by_page(machine: Machine, tables: Sequence[Table], number: Words, chunk: Words) -> tuple[Words, Words, Words]:
    """(mapping, page, entry) of each page of these chunks."""
    at = ((chunk << SHIFT)[:, None] + arange(CHUNK)).reshape(-1)
    which = repeat(number, CHUNK)
    cuts = flatnonzero(np.diff(number)) + 1
    parts = np.split(at, cuts * CHUNK)
    owners = number[np.concatenate([[0], cuts])]
    return which, at, np.concatenate([tables[n].get(part) for n, part in zip(owners, parts, strict=True)])


def _entries(table: Table, start: int, stop: int) -> Words:
    """The entries of pages [start, stop): chunk by chunk, which for many pages is faster than one by one."""
    chunks = slice(start >> SHIFT, -(-stop // CHUNK))
    entries: Words = table.first[chunks, None] + table.step[chunks, None] * arange(CHUNK)
    row = table.row[chunks]
    entries[row > 0] = table.pool.words[row[row > 0]]
    from_there = start - (chunks.start << SHIFT)
    return entries.reshape(-1)[from_there : from_there + stop - start]


def _seen(memory: Frames, entries: Words) -> Seen:
    present = has_frame(entries)
    frame = np.where(present, entries >> FRAME_SHIFT, -1)
    if every(present):
        words = memory.words.get(frame)
    else:
        words = np.zeros_like(entries)
        words[present] = memory.words.get(frame[present])
    flags = entries & (PRESENT | ZERO | SWAPPED | WRITABLE | DIRTY)
    return Seen(
        present,
        flags & ZERO != 0,
        flags & SWAPPED != 0,
        flags & WRITABLE != 0,
        flags & DIRTY != 0,
        frame,
        words & fr.KIND,
        words >> COUNT_SHIFT,
        words & fr.EXCLUSIVE != 0,
    )
