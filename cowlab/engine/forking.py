"""Fork for many pages at once: the fast twin of `on_fork` in faults.py, and fork without copy on write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import frames as fr
from .chunks import Words, expand, some
from .page_table import NEXT_FRAME, has_frame, is_swapped
from .ranges import chosen
from .runs import Mask, Range, Run

if TYPE_CHECKING:
    from .address_space import Area
    from .mapping import Mapping


def fork(mapping: Mapping, child: Mapping, copied: list[Area]) -> None:
    """`on_fork` for each present page of the areas `copied`; `child` has the entries already."""
    for area in copied:
        for run in Range(area.start, area.stop).runs(mapping):
            entries = run.words_of(run.table)
            mapped = has_frame(entries)
            if some(mapped):
                words = _share(run.pick(mapped), chosen(entries, mapped))
                child.count_words(words, run.weight, mapping)
            _share_slots(run, entries, child)


def _share_slots(run: Run, entries: Words, child: Mapping) -> None:
    """The slots that `entries` name are named once more."""
    if not run.mapping.swap.slots.used or not some(swapped := is_swapped(entries)):
        return
    slots, words = run.frames_in(entries[swapped]), run.mapping.swap.slots.words
    if run.whole:
        words.first[slots] += fr.MAPPER
    else:
        words.set(expand(slots), words.get(expand(slots)) + fr.MAPPER)
    child.swapped += int(np.count_nonzero(swapped)) * run.weight


def _share(part: Run, entries: Words) -> Words:
    """The frames that `entries` map have one mapper more, and belong to nobody alone; their words."""
    frames = part.frames_in(entries)
    words = (part.frame_words(frames) & ~fr.EXCLUSIVE) + fr.MAPPER
    part.set_frame_words(frames, words)
    return words


def fork_eagerly(child: Mapping, copied: list[Area]) -> None:
    """Fork without copy on write: each anonymous frame is copied at once, and stays writable on both sides."""
    for area in copied:
        for run in Range(area.start, area.stop).runs(child):
            entries = run.words_of(run.table)
            anonymous = _where_anonymous(run, entries)
            if some(anonymous):
                _duplicate(run.pick(anonymous), entries[anonymous])
            others = has_frame(entries) & ~anonymous
            if some(others):
                child.other += len(_share(run.pick(others), entries[others])) * run.weight
            _share_slots(run, entries, child)


def _duplicate(part: Run, entries: Words) -> None:
    if part.whole and not part.frames.can_allocate_chunks(len(part)):
        part = part.as_pages()
        entries = part.words_of(part.table)
    new = part.new_anon(None)
    part.copy_values(new, part.frames_in(entries))
    part.map(new, entries & (NEXT_FRAME - 1))
    part.mapping.anon += len(part) * part.weight


def _where_anonymous(run: Run, entries: Words) -> Mask:
    """Which entries map an anonymous frame."""
    mapped = has_frame(entries)
    result = np.zeros(len(run), np.bool_)
    if some(mapped):
        result[mapped] = run.frame_words(run.frames_in(entries[mapped])) & fr.KIND == fr.ANON
    return result


def eager_pages(mapping: Mapping) -> int:
    """Anonymous frames that `mapping` maps in the areas that fork copies."""
    total = 0
    for area in mapping.areas:
        for run in Range(area.start, area.stop).runs(mapping) if area.family else ():
            total += int(np.count_nonzero(_where_anonymous(run, run.words_of(run.table)))) * run.weight
    return total
