"""The invariants of a machine, counted anew from its page tables.

`Machine(check=True)` checks them after every call.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Words
from ..stores.page_cache import Backing
from ..stores.page_table import DIRTY, FRAME_SHIFT, GIB_SHIFT, WRITABLE, has_frame, is_swapped
from ..stores.words import arange, bincount, flatnonzero

if TYPE_CHECKING:
    from ..machine import Machine
    from ..mapping import Mapping


class Broken(AssertionError):
    """An invariant of the machine does not hold: a rule that was replaced is wrong, or the model is."""


def check(machine: Machine) -> None:
    """Raise Broken at the first invariant that does not hold."""
    mappings = [m for process in machine.processes for m in process.mappings.values()]
    touched = [_touched(m) for m in mappings]
    entries = [m.table.get(pages) for m, pages in zip(mappings, touched, strict=True)]
    _check_map_counts(machine, entries)
    _check_frames(machine, machine.backings())
    for mapping, pages, words in zip(mappings, touched, entries, strict=True):
        _check_areas(mapping)
        _check_protection(mapping, pages, words)
        _check_entries(mapping, pages, words)
    _check_tables(machine)
    _check_account(machine, mappings)
    _check_swap(machine, mappings, entries)
    _check_groups(machine)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Broken(message)


def _touched(mapping: Mapping) -> Words:
    """The pages of the chunks that have any entry."""
    table = mapping.table
    chunks = flatnonzero((table.first != 0) | (table.row != 0))
    return ((chunks << SHIFT)[:, None] + arange(CHUNK)).reshape(-1)


def _all_words(machine: Machine) -> Words:
    frames = machine.frames
    size = min(frames.total, len(frames.words) * CHUNK)
    return frames.words.get(arange(size))


def _check_map_counts(machine: Machine, entries: list[Words]) -> None:
    words = _all_words(machine)
    named = np.concatenate([np.zeros(0, np.int64), *[e[has_frame(e)] >> FRAME_SHIFT for e in entries]])
    _require(bool((named < len(words)).all()), "an entry names a frame that does not exist")
    mappers = bincount(named, minlength=len(words))
    wrong = flatnonzero(mappers != words >> fr.COUNT_SHIFT)
    if len(wrong):
        frame = int(wrong[0])
        raise Broken(
            f"frame {frame} says {words[frame] >> fr.COUNT_SHIFT} mappers, and {mappers[frame]} entries map it"
        )
    lost = (words & fr.KIND == 0) & (words != 0)
    _require(not lost.any(), "a free frame has flags")
    mapped_free = (mappers > 0) & (words & fr.KIND == 0)
    _require(not mapped_free.any(), "an entry maps a frame that is free (dangling)")


def _check_frames(machine: Machine, backings: list[Backing]) -> None:
    """Free, data and page tables make up RAM; no anonymous frame without a mapper; backings hold what is counted."""
    frames, words = machine.frames, _all_words(machine)
    kinds = words & fr.KIND
    _require(int(np.count_nonzero(kinds)) == frames.used, f"{frames.used} frames are counted as used: leaked or lost")
    lonely = (kinds == fr.ANON) & (words < fr.MAPPER) & (words & fr.CACHED == 0)
    _require(not lonely.any(), "an anonymous frame has no mapper (leaked)")
    several = (words & fr.EXCLUSIVE != 0) & (words >= 2 * fr.MAPPER)
    _require(not several.any(), "a frame that is exclusive has several mappers")
    for kind in (fr.FILE, fr.SHMEM):
        held = sum(len(b.held()) for b in backings if b.kind == kind)
        counted = frames.cached[kind]
        _require(held == counted == int(np.count_nonzero(kinds == kind)), "frames of files are counted wrongly")
    _require(0 <= frames.free <= frames.total, "more frames in use than RAM has")


def _check_protection(mapping: Mapping, pages: Words, entries: Words) -> None:
    """Entries lie in areas, and are writable only where their area is."""
    name = f"{mapping.process.name}/{mapping.name}"
    pages, entries = pages[entries != 0], entries[entries != 0]
    areas = [(area.start, area.stop, area.writable) for area in mapping.areas]
    start, stop, writable = np.array(areas or [(0, 0, False)], np.int64).T
    area = np.searchsorted(start, pages, side="right") - 1
    _require(bool(((area >= 0) & (pages < stop[area])).all()), f"{name}: an entry outside every area")
    allowed = (writable[area] != 0) | (entries & WRITABLE == 0)
    _require(bool(allowed.all()), f"{name}: writable entry, read-only area")


def _check_entries(mapping: Mapping, pages: Words, entries: Words) -> None:
    """Entries map frames of the right kind; a private one is writable only on an exclusive frame."""
    name = f"{mapping.process.name}/{mapping.name}"
    mapped = entries[has_frame(entries)]
    words = mapping.frames.words.get(mapped >> FRAME_SHIFT)
    anon = words & fr.KIND == fr.ANON
    counts = int(anon.sum()), int((~anon).sum())
    _require(counts == (mapping.anon, mapping.other), f"{name}: resident pages {counts} are counted wrongly")
    writable = mapped & WRITABLE != 0
    _require(bool((mapped[writable & anon] & DIRTY).all()), f"{name}: anonymous page writable and clean")
    if mapping.private:
        alone = words & (fr.KIND | fr.EXCLUSIVE) == fr.ANON | fr.EXCLUSIVE
        _require(bool(alone[writable].all()), f"{name}: a private page is writable and not exclusive")
    leaves = np.unique(pages[entries != 0] >> SHIFT)
    _require(bool(mapping.table.leaves[leaves].all()), f"{name}: entries without a leaf table")


def _check_areas(mapping: Mapping) -> None:
    areas = mapping.areas.list
    _require(all(area.start < area.stop for area in areas), f"{mapping.name}: an empty area")
    _require(all(a.stop <= b.start for a, b in pairwise(areas)), f"{mapping.name}: areas overlap")


def _check_tables(machine: Machine) -> None:
    total = 0
    for process in machine.processes:
        count = len(process.space.uppers)
        for mapping in process.mappings.values():
            table = mapping.table
            count += int(np.count_nonzero(table.leaves)) + int(np.count_nonzero(table.middles))
            of_leaves = np.unique(flatnonzero(table.leaves) >> (GIB_SHIFT - SHIFT))
            _require(bool(table.middles[of_leaves].all()), f"{mapping.name}: a leaf without a middle table")
        _require(count == process.space.tables, f"{process.name}: {count} page tables, {process.space.tables} counted")
        total += count
    _require(machine.frames.tables == (total if machine.page_tables else 0), "frames of page tables counted wrongly")


def _check_account(machine: Machine, mappings: list[Mapping]) -> None:
    shared = sum(b.promised for b in machine.backings())
    committed = shared + sum(m.areas.promised for m in mappings)
    _require(committed == machine.account.committed, f"{machine.account.committed} pages committed, not {committed}")


def _check_swap(machine: Machine, mappings: list[Mapping], entries: list[Words]) -> None:
    """A slot is in use while entries, or a shared object, name it; the swap cache and its frames name each other."""
    swap = machine.swap
    size = min(swap.total, len(swap.slots.words) * CHUNK)
    words = swap.slots.words.get(arange(size))
    named = np.concatenate([np.zeros(0, np.int64), *[e[is_swapped(e)] >> FRAME_SHIFT for e in entries]])
    _require(bool((named < size).all()), "an entry names a slot that does not exist")
    counts = bincount(named, minlength=size)
    _require(bool((counts == words >> fr.COUNT_SHIFT).all()), "a slot is named more or less often than it counts")
    held = sum(len(b.swapped_pages()) for b in machine.backings())
    used = int(np.count_nonzero(words & fr.KIND))
    _require(used == swap.slots.used == int(np.count_nonzero(counts)) + held, "a slot is in use that nobody names")
    for mapping, mine in zip(mappings, entries, strict=True):
        counted = int(np.count_nonzero(is_swapped(mine)))
        _require(counted == mapping.swapped, f"{mapping.name}: {counted} pages are swapped, not {mapping.swapped}")
    links = swap.cache.get(arange(min(size, len(swap.cache) * CHUNK)))
    slots = flatnonzero(links)
    frames = links[slots] >> FRAME_SHIFT
    _require(bool((words[slots] >> fr.COUNT_SHIFT > 0).all()), "the swap cache holds a page of a free slot")
    _require(bool((swap.slot_of.get(frames) >> FRAME_SHIFT == slots).all()), "swap cache: frame and slot disagree")
    flagged = flatnonzero(_all_words(machine) & fr.CACHED)
    _require(bool(np.array_equal(np.sort(frames), flagged)), "frames are marked as of the swap cache that are not")


def _check_groups(machine: Machine) -> None:
    """What groups are charged is what frames, page tables and slots say."""
    groups, size = machine.cgroups, len(machine.cgroups.by_number)
    sums = {group: [0, 0, 0, 0, 0] for group in groups.values()}
    for store, column in ((machine.frames, None), (machine.swap.slots, 4)):
        words = store.words.get(arange(min(store.total, len(store.words) * CHUNK)))
        for kind in (fr.ANON, fr.FILE, fr.SHMEM):
            owners = fr.group_of(words[words & fr.KIND == kind])
            for number, pages in enumerate(bincount(owners, minlength=size).tolist()):
                for group in groups.by_number[number].upward() if pages else ():
                    sums[group][kind if column is None else column] += pages
    for process in machine.processes:
        for group, tables in process.space.charged.items():
            for each in (each for each in group.upward() if each in sums):
                sums[each][fr.TABLES] += tables
    for group, (tables, anon, file, shmem, slots) in sums.items():
        counted = [*group.charged, group.swapped]
        _require(
            counted == [tables, anon, file, shmem, slots],
            f"group {group.path} is charged {counted}, and holds {[tables, anon, file, shmem, slots]}",
        )
        _require(group.usage == sum(group.charged), f"group {group.path}: kinds do not add up to its usage")
