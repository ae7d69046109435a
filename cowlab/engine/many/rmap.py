"""Which pages are in memory, how old each is, and who maps it (mm/rmap.c).

No table leads from a frame to its mappers. A frame has one place in its lineage: whoever maps it descends by fork from
the mapping whose fault made it, and has it at the same page number. So those that may map it are the mappings of one
lineage (Linux: anon_vma), and the frames of a file or shared object are mapped by its mappings (address_space), each
at the number of the page in the file. A walk over the page tables notes one place of each page; the others are looked
up when the page is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..kinds import Group, Machine, Mapping
from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Words, expand, some
from ..stores.page_cache import Backing
from ..stores.page_table import FRAME_SHIFT, PRESENT, has_frame
from ..stores.words import arange, flatnonzero, repeat
from .selection import Range

Mask = NDArray[np.bool_]
Home = Mapping | Backing
NOWHERE = -1
"""The home of pages of the swap cache that nobody maps."""


class Units:
    """Pages as a walk found them. A unit is a frame, or a whole chunk of frames that are alike.

    Arrays, one item a unit: `frames` (a frame, or a chunk of frames), `home` (where the walk found it, in `homes`: a
    mapping, or the file or shared object), `at` (page, or chunk, there), `whole`, `words` and `ages` (of its oldest
    page).
    """

    def __init__(self, machine: Machine, homes: list[Home], rows: Words) -> None:
        self.machine, self.homes, self.rows = machine, homes, rows
        self.frames: Words = rows[0]
        self.home: Words = rows[1]
        self.at: Words = rows[2]
        self.whole: Mask = rows[3] != 0
        self.words: Words = rows[4]
        self.ages: Words = rows[5]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def weights(self) -> Words:
        """The pages of each."""
        return np.where(self.whole, CHUNK, 1).astype(np.int64)

    @property
    def kinds(self) -> Words:
        return self.words & fr.KIND

    @property
    def cached(self) -> Mask:
        """Which are in the swap cache?"""
        return cast(Mask, self.words & fr.CACHED != 0)

    @property
    def owners(self) -> Words:
        """The bits that say whom each unit is charged to."""
        return self.words & (fr.OWNER & ~fr.KIND)

    def pick(self, which: Words | Mask | slice) -> Units:
        """Some of them, in this order."""
        return Units(self.machine, self.homes, self.rows[:, which])

    def and_then(self, others: Units) -> Units:
        """These, and others of the same walk."""
        return Units(self.machine, self.homes, np.concatenate([self.rows, others.rows], axis=1))

    def as_pages(self) -> Units:
        """The pages of these units, which are whole chunks."""
        return _units(self.machine, self.homes, _as_pages(self.rows[:3]), whole=False)

    def by_home(self) -> Iterator[tuple[Home, Words]]:
        """Each home, and the positions of its units."""
        for number in np.unique(self.home[self.home != NOWHERE]).tolist():
            yield self.homes[number], flatnonzero(self.home == number)

    def current(self, whole: bool) -> Mask:
        """Which of them, all pages or all `whole` chunks, are as they were at the walk: not used since, not freed, no
        mapper more or less, and in one piece for all of them."""
        words, ages = self.machine.frames.words, self.machine.frames.ages
        same = (words.at_all(self.frames, whole) == self.words) & (ages.at_all(self.frames, whole) == self.ages)
        if whole:
            same &= (words.row[self.frames] == 0) & (ages.row[self.frames] == 0)
            same[same] = self.pick(same).mappers(whole)[1] == 0
        return cast(Mask, same)

    def mappers(self, whole: bool) -> tuple[list[tuple[Mapping, Words]], Words]:
        """Each mapping that maps some of these current units, and their positions; how many of each were not found."""
        found, left = [], self.words >> fr.COUNT_SHIFT
        for home, units in self.by_home():
            for mapping in _candidates(home):
                units = units[left[units] > 0]
                if not len(units):
                    break
                here = units[_maps(mapping, self.frames[units], self.at[units], whole)]
                if len(here):
                    left[here] -= 1
                    found.append((mapping, here))
        return found, left


def _candidates(home: Home) -> Iterator[Mapping]:
    """Who may map what was found at `home`: first the mapping itself, most pages have no other."""
    if not isinstance(home, Backing):
        yield home
    for mapping in home.mappings if isinstance(home, Backing) else home.lineage:
        if mapping is not home:
            yield mapping


def _maps(mapping: Mapping, frames: Words, at: Words, whole: bool) -> Mask:
    """Which of `frames` (or chunks of them) does `mapping` have `at` these places?"""
    table, shift = mapping.table, FRAME_SHIFT + (SHIFT if whole else 0)
    near = at < len(table) << (0 if whole else SHIFT)  # mappings of a file have lengths of their own
    places = at[near]
    words = table.at_all(places, whole)
    maps = np.zeros(len(at), np.bool_)
    maps[near] = has_frame(words) & (words >> shift == frames[near])
    if whole:
        maps[near] &= table.row[places] == 0
    return maps


# The walk -------------------------------------------------------------------------------------------------------


def walk(machine: Machine, domain: Group, chunks: bool) -> Units:
    """The pages in memory that are charged to `domain` or below, as pages or, if `chunks`, in whole chunks."""
    mappings = [m for process in machine.processes for m in process.mappings.values() if m.anon]
    homes: list[Home] = [*machine.backings(), *mappings]
    inside = machine.cgroups.inside(domain)
    rows: dict[bool, list[Words]] = {True: [np.zeros((3, 0), np.int64)], False: [np.zeros((3, 0), np.int64)]}
    for number, whole, frames, at in _places(machine, homes):
        words = machine.frames.words.at_all(frames, whole)
        mine = inside[fr.group_of(words)]
        if number >= len(homes) - len(mappings):  # other frames that it maps were found in their file
            mine &= words & fr.KIND == fr.ANON
        if some(mine):
            rows[whole].append(np.stack([frames[mine], np.full(np.count_nonzero(mine), number, np.int64), at[mine]]))
    found, pages = _each_once(rows[True]), np.concatenate(rows[False], axis=1)
    alike = _alike(machine, found[0], pages[0]) if chunks else np.zeros(found.shape[1], np.bool_)
    singles = _each_once([pages, _as_pages(found[:, ~alike])])
    return _units(machine, homes, found[:, alike], whole=True).and_then(_units(machine, homes, singles, whole=False))


def _places(machine: Machine, homes: list[Home]) -> Iterator[tuple[int, bool, Words, Words]]:
    """Home by home, then in the swap cache: frames (or whole chunks of them), and where they are there."""
    for number, home in enumerate(homes):
        if isinstance(home, Backing):
            words = home.table.get(arange(home.pages))
            here = flatnonzero(words & PRESENT)
            yield number, False, words[here] >> FRAME_SHIFT, here
            continue
        for run in Range(0, home.pages).runs(home):
            entries = run.words_of(run.table)
            mapped = has_frame(entries)
            yield number, run.whole, expand(run.frames_in(entries[mapped])), run.pick(mapped).numbers()
    if machine.swap.total:
        for whole, frames in ((True, machine.swap.cached_chunks()), (False, machine.swap.cached_pages())):
            yield NOWHERE, whole, frames, frames


def _each_once(rows: list[Words]) -> Words:
    """Of rows (frame, home, at) the first of each frame, by frame."""
    together = np.concatenate(rows, axis=1)
    return together[:, np.unique(together[0], return_index=True)[1]]


def _alike(machine: Machine, chunks: Words, singles: Words) -> Mask:
    """Which chunks of frames can go as a whole: of one word, of ages in order, mapped whole by all."""
    frames, swap = machine.frames, machine.swap
    alike = (frames.words.row[chunks] == 0) & (frames.ages.row[chunks] == 0)
    cached = alike & (frames.words.first[chunks] & fr.CACHED != 0)
    if some(cached):
        slots = swap.slot_of.first[chunks[cached]] >> (FRAME_SHIFT + SHIFT)
        fine = swap.slot_of.row[chunks[cached]] == 0
        alike[cached] = fine & (swap.slots.words.row[slots] == 0) & (swap.cache.row[slots] == 0)
    return cast(Mask, alike & ~np.isin(chunks, singles >> SHIFT))


def _as_pages(rows: Words) -> Words:
    """Rows (frame, home, at) of chunks as rows of pages."""
    pages = repeat(rows, CHUNK, axis=1)
    pages[[0, 2]] = (pages[[0, 2]] << SHIFT) + np.tile(arange(CHUNK), rows.shape[1])
    return pages


def _units(machine: Machine, homes: list[Home], rows: Words, whole: bool) -> Units:
    words, ages = (table.at_all(rows[0], whole) for table in (machine.frames.words, machine.frames.ages))
    return Units(machine, homes, np.concatenate([rows, [np.full_like(words, whole), words, ages]]))
