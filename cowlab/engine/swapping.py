"""Swap-in for many pages at once: the fast twin of `swap_in` in faults.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from . import frames as fr
from .chunks import SHIFT, Words, compact, expand, some
from .page import Tally
from .page_table import ALONE, DIRTY, FRAME_SHIFT, PRESENT, WRITABLE, is_swapped
from .runs import Mask, Run, Selection

if TYPE_CHECKING:
    from .mapping import Mapping


def swapped_runs(mapping: Mapping, selection: Selection) -> list[Run]:
    """The pages of `selection` that are swapped out."""
    if not mapping.swapped:
        return []
    runs = [(run, is_swapped(run.words_of(run.table))) for run in selection.runs(mapping)]
    return [run.pick(swapped) for run, swapped in runs if some(swapped)]


def need(mapping: Mapping, selection: Selection, write: bool) -> int:
    """Frames that bringing the swapped pages of `selection` in would take, with the copies that a write makes then."""
    runs = selection.runs(mapping)
    return sum(int(needs(run, run.words_of(run.table), write).sum()) * run.weight for run in runs)


def needs(run: Run, entries: Words, write: bool) -> Words:
    """The same for each word of `run`, a page of it: a frame to read it, unless it is cached, and one for a copy."""
    frames = np.zeros(len(run), np.int64)
    swapped = is_swapped(entries)
    if some(swapped):
        entries = entries[swapped]
        links = run.mapping.swap.cached(run.frames_in(entries), run.whole)
        frames[swapped] = links == 0
        if write:
            frames[swapped] += ~_last(run, entries, links)
    return frames


def _last(run: Run, entries: Words, links: Words) -> Mask:
    """Which pages, whose slots these `entries` name, nobody else can see, in memory or in their slot."""
    words = run.mapping.swap.slots.words.at_all(run.frames_in(entries), run.whole)
    mapped = np.zeros(len(entries), np.bool_)
    cached = links != 0
    if some(cached):
        mapped[cached] = run.frame_words(run.frames_in(links[cached])) >= fr.MAPPER
    return cast(Mask, (entries & ALONE != 0) | ((words >> fr.COUNT_SHIFT == 1) & ~mapped))


def one_owner(mapping: Mapping, selection: Selection) -> bool:
    """Are all swapped pages of `selection` charged to the process's own group?"""
    if not mapping.swapped or len(mapping.process.machine.cgroups.by_number) == 1:
        return True
    slots = mapping.table.get(selection.pages())
    words = mapping.swap.slots.words.get(slots[is_swapped(slots)] >> FRAME_SHIFT)
    return not some(words & fr.OWNER != mapping.space.group.owner | fr.ANON)


def swap_in(part: Run, writable: bool, tally: Tally) -> Run:
    """Bring in the swapped pages of `part`, in an area that is `writable` or not; the run, perhaps of pages now."""
    swap, mapping = part.mapping.swap, part.mapping
    entries = part.words_of(part.table)
    links = swap.cached(part.frames_in(entries), part.whole)
    unread = links == 0
    if part.whole and some(unread) and not part.frames.can_allocate_chunks(int(np.count_nonzero(unread))):
        return swap_in(part.as_pages(), writable, tally)
    entries = entries.copy()
    slots = part.frames_in(entries)
    if some(unread):
        if part.whole:
            swap.read_chunks(compact(expand(slots)[unread]))
        else:
            swap.read_pages(expand(slots)[unread])
    n, read = len(part) * part.weight, int(np.count_nonzero(unread)) * part.weight
    tally.swap_in += read
    tally.major += read
    tally.minor += n - read
    _map(part, entries, swap.cached(slots, part.whole), writable)
    mapping.swapped -= n
    mapping.anon += n
    return part


def _map(part: Run, entries: Words, links: Words, writable: bool) -> None:
    """Let the entries map the frames that hold the pages of their slots, and the slots lose them."""
    swap = part.mapping.swap
    frames = part.frames_in(links)
    part.set_frame_words(frames, part.frame_words(frames) + fr.MAPPER)
    if part.whole:
        swap.drop_chunks(compact(entries >> (FRAME_SHIFT + SHIFT)))
    else:
        swap.drop_pages(entries >> FRAME_SHIFT)
    words = part.frame_words(frames)
    alone = (entries & ALONE != 0) | ((words & fr.CACHED == 0) & (words < 2 * fr.MAPPER))
    part.set_frame_words(frames, np.where(alone, words | fr.EXCLUSIVE, words))
    part.map(frames, np.where(alone & writable, PRESENT | WRITABLE | DIRTY, PRESENT | DIRTY))
