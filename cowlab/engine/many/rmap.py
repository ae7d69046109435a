"""A walk over all page tables: which pages are in memory, how old each is, and who maps it.

Linux finds who maps a frame through its anon_vma or address_space (mm/rmap.c); the model notes it during the walk.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ..kinds import Group, Machine, Mapping
from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Words, distinct, expand, some
from ..stores.page_cache import Backing
from ..stores.page_table import FRAME_SHIFT, PRESENT, has_frame
from ..stores.words import arange, cumsum, flatnonzero, repeat
from .selection import Range


@dataclass(frozen=True)
class Part:
    """The links of some units to one holder: pages (or chunks) `at` there, and for each the position of its unit."""

    holder: Mapping | Backing
    at: Words
    unit: Words


class Survey:
    """The pages that are charged to `domain` or below. A unit is a frame, or a whole chunk of frames that are alike.

    Arrays, one item a unit: `frames` (a frame, or a chunk of frames), `whole`, `weights` (pages), `words` (of its
    frames), `kinds`, `owners`, `ages` (of its oldest page). Arrays, one item a link, in the order of units: `unit`,
    `holder` (index in `holders`: a mapping that maps it, or the backing that has it), `at` (page, or chunk, there).
    """

    def __init__(self, machine: Machine, domain: Group, chunks: bool) -> None:
        self.machine = machine
        self.holders: list[Mapping | Backing] = []
        self._inside = machine.cgroups.inside(domain)
        self._links: dict[bool, list[Words]] = {False: [], True: []}  # rows (frame, holder, at), for pages and chunks
        self._walk()
        whole, pages = (self._rows(kind) for kind in (True, False))
        alike = self._alike(whole[0], pages[0]) if chunks else np.zeros(whole.shape[1], np.bool_)
        self._note(whole[:, alike], np.concatenate([pages, _as_pages(whole[:, ~alike])], axis=1))

    def _walk(self) -> None:
        machine = self.machine
        for backing in machine.backings():
            words = backing.table.get(arange(backing.pages))
            here = flatnonzero(words & PRESENT)
            self._add(backing, False, words[here] >> FRAME_SHIFT, here)
        for process in machine.processes:
            for mapping in process.mappings.values():
                if mapping.anon + mapping.other:
                    self._walk_mapping(mapping)
        self._walk_swap_cache()

    def _walk_swap_cache(self) -> None:
        """Pages of the swap cache that nobody maps have no holder."""
        swap = self.machine.swap
        if not swap.total:
            return
        for whole, frames in ((True, swap.cached_chunks()), (False, swap.cached_pages())):
            frames = frames[self._is_inside(frames, whole)]
            self._links[whole].append(np.stack([frames, np.full_like(frames, -1), frames]))

    def _walk_mapping(self, mapping: Mapping) -> None:
        for run in Range(0, mapping.pages).runs(mapping):
            entries = run.words_of(run.table)
            mapped = has_frame(entries)
            part = run.pick(mapped)
            self._add(mapping, run.whole, expand(run.frames_in(entries[mapped])), part.numbers())

    def _add(self, holder: Mapping | Backing, whole: bool, frames: Words, at: Words) -> None:
        inside = self._is_inside(frames, whole)
        if inside.any():
            number = np.full(int(np.count_nonzero(inside)), len(self.holders), np.int64)
            self._links[whole].append(np.stack([frames[inside], number, at[inside]]))
        self.holders.append(holder)

    def _is_inside(self, frames: Words, whole: bool) -> NDArray[np.bool_]:
        """Which of `frames` (or whole chunks of them) are charged to the domain."""
        return self._inside[fr.group_of(self.machine.frames.words.at_all(frames, whole))]

    def _rows(self, whole: bool) -> Words:
        return np.concatenate([np.zeros((3, 0), np.int64), *self._links[whole]], axis=1)

    def _alike(self, chunks: Words, singles: Words) -> NDArray[np.bool_]:
        """Which chunks of frames can go as a whole: of one word, of ages in order, mapped whole by all."""
        frames = self.machine.frames
        alike = (frames.words.row[chunks] == 0) & (frames.ages.row[chunks] == 0)
        cached = alike & (frames.words.first[chunks] & fr.CACHED != 0)
        if some(cached):
            swap = self.machine.swap
            fine = swap.slot_of.row[chunks[cached]] == 0
            slots = swap.slot_of.first[chunks[cached]] >> (FRAME_SHIFT + SHIFT)
            alike[cached] = fine & (swap.slots.words.row[slots] == 0) & (swap.cache.row[slots] == 0)
        return cast(NDArray[np.bool_], alike & ~np.isin(chunks, distinct(np.sort(singles >> SHIFT))))

    def _note(self, whole: Words, pages: Words) -> None:
        chunk_units, pages_units = distinct(np.sort(whole[0])), distinct(np.sort(pages[0]))
        frames = self.machine.frames
        self.frames = np.concatenate([chunk_units, pages_units])
        self.whole = arange(len(self.frames)) < len(chunk_units)
        self.weights = np.where(self.whole, CHUNK, 1).astype(np.int64)
        self.words = np.concatenate([frames.words.first[chunk_units], frames.words.get(pages_units)])
        self.ages = np.concatenate([frames.ages.first[chunk_units], frames.ages.get(pages_units)])
        links = np.concatenate([whole, pages], axis=1)
        unit = np.concatenate(
            [np.searchsorted(chunk_units, whole[0]), len(chunk_units) + np.searchsorted(pages_units, pages[0])]
        )
        links, unit = links[:, links[1] >= 0], unit[links[1] >= 0]
        order = np.argsort(unit, kind="stable")
        self.unit, self.holder, self.at = unit[order], links[1][order], links[2][order]
        self.start = np.searchsorted(self.unit, arange(len(self.frames) + 1))

    @property
    def kinds(self) -> Words:
        return self.words & fr.KIND

    @property
    def owners(self) -> Words:
        """The bits that say whom each unit is charged to."""
        return self.words & (fr.OWNER & ~fr.KIND)

    def keep(self, units: NDArray[np.bool_]) -> None:
        """Forget the units where `units` is false."""
        number = cumsum(units) - 1
        links = units[self.unit]
        self.unit, self.holder, self.at = number[self.unit[links]], self.holder[links], self.at[links]
        self.frames, self.whole, self.weights = self.frames[units], self.whole[units], self.weights[units]
        self.words, self.ages = self.words[units], self.ages[units]
        self.start = np.searchsorted(self.unit, arange(len(self.frames) + 1))

    def parts(self, units: Words) -> list[Part]:
        """The links of `units`, holder by holder."""
        counts = self.start[units + 1] - self.start[units]
        unit = repeat(arange(len(units)), counts)
        link = repeat(self.start[units] - (cumsum(counts) - counts), counts) + arange(len(unit))
        order = np.argsort(self.holder[link], kind="stable")
        unit, link = unit[order], link[order]
        cuts = flatnonzero(np.diff(self.holder[link])) + 1
        groups = zip(np.split(unit, cuts), np.split(link, cuts), strict=True) if len(link) else ()
        return [Part(self.holders[int(self.holder[mine[0]])], self.at[mine], of) for of, mine in groups]

    def split(self, units: Words) -> Survey:
        """A survey of the pages of these `units`, which are whole chunks."""
        links = []
        for part in self.parts(units):
            holder = np.full(len(part.at), self.holders.index(part.holder), np.int64)
            links.append(_as_pages(np.stack([self.frames[units][part.unit], holder, part.at])))
        lonely = self.frames[units][self.start[units + 1] == self.start[units]]
        links.append(_as_pages(np.stack([lonely, np.full_like(lonely, -1), lonely])))
        pages = copy(self)
        pages._note(np.zeros((3, 0), np.int64), np.concatenate(links, axis=1))
        return pages

    def current(self, units: Words) -> NDArray[np.bool_]:
        """Which of `units` are as they were at the walk: not used since, not freed, no mapper more or less."""
        frames, whole = self.machine.frames, self.whole[units]
        at = self.frames[units]
        same = np.zeros(len(units), np.bool_)
        chunks, pages = at[whole], at[~whole]
        same[whole] = (frames.words.row[chunks] == 0) & (frames.ages.row[chunks] == 0)
        same[whole] &= (frames.words.first[chunks] == self.words[units[whole]]) & (
            frames.ages.first[chunks] == self.ages[units[whole]]
        )
        same[~whole] = (frames.words.get(pages) == self.words[units[~whole]]) & (
            frames.ages.get(pages) == self.ages[units[~whole]]
        )
        for part in self.parts(units):  # a mapper may have gone and another come
            same[part.unit] &= self._linked(part, units)
        return same

    def _linked(self, part: Part, units: Words) -> NDArray[np.bool_]:
        """Which of these links still hold: does the holder have the unit's frame there?"""
        table, frames = part.holder.table, self.frames[units][part.unit]
        whole = self.whole[units][part.unit]
        linked = np.zeros(len(whole), np.bool_)
        chunks, pages = part.at[whole], table.get(part.at[~whole])
        words = table.first[chunks]
        linked[whole] = (table.row[chunks] == 0) & has_frame(words)
        linked[whole] &= words >> (FRAME_SHIFT + SHIFT) == frames[whole]
        linked[~whole] = has_frame(pages) & (pages >> FRAME_SHIFT == frames[~whole])
        return linked


def _as_pages(rows: Words) -> Words:
    """Rows of chunks as rows of pages."""
    offsets = np.tile(arange(CHUNK), rows.shape[1])
    pages = repeat(rows, CHUNK, axis=1)
    pages[0] = (pages[0] << SHIFT) + offsets
    pages[2] = (pages[2] << SHIFT) + offsets
    return pages
