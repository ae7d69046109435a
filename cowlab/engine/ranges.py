"""The rules of `faults.py` for many pages at once: the fast twin of that text.

Each rule is written once, over the words of a run (runs.py): single pages, or whole chunks of 512 that are alike.
Where RAM may not suffice, access.py cuts a selection before the page that finds no free frame, and `faults.py` has the
last word on that page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import frames as fr
from . import swapping
from .backing import SHADOW
from .chunks import CHUNK, SHIFT, Where, Words, distinct, every, expand, some
from .page import WINDOW, Tally
from .page_table import DIRTY, NEXT_FRAME, PRESENT, SWAPPED, WRITABLE, ZERO, has_frame, is_swapped
from .runs import Mask, Range, Run, Scatter, Selection
from .words import arange

if TYPE_CHECKING:
    from .address_space import Area
    from .mapping import Mapping


# Reads and writes -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Plan:
    """What an access will do to one run: which of its pages get a new frame, a copy, their own frame again.

    `read` are pages of a file that must come from the disk before they are copied.
    """

    run: Run
    entries: Words
    fill: Mask
    copy: Mask
    reuse: Mask
    read: Mask | None = None

    @property
    def need(self) -> int:
        """Frames that it takes."""
        pages = int(np.count_nonzero(self.fill)) + int(np.count_nonzero(self.copy))
        if self.read is not None:
            pages += int(np.count_nonzero(self.read))
        return pages * self.run.weight

    def needs(self) -> Words:
        """Frames that it takes, for each page that a word stands for."""
        frames = self.fill.astype(np.int64) + self.copy
        return frames if self.read is None else frames + self.read

    def in_pages(self) -> Plan:
        """The same for single pages, if not so many whole chunks of frames are free."""
        if self.run.whole and self.need and not self.run.frames.can_allocate_chunks(self.need >> SHIFT):
            return plan(self.run.as_pages(), write=True)
        return self


def plan(run: Run, write: bool) -> Plan:
    """What `on_read` or `on_write` decides for each page of `run`."""
    entries = run.words_of(run.table)
    nothing, backing = np.zeros(len(run), np.bool_), run.mapping.backing
    missing = nothing if backing is None else run.words_of(backing.table) & PRESENT == 0
    if not run.mapping.private:
        return Plan(run, entries, missing, nothing, nothing)
    if not write:
        return Plan(run, entries, missing & (entries & PRESENT == 0), nothing, nothing)
    fill, copy, reuse = _plan_private_write(run, entries)
    read = None if backing is None else missing & copy & (entries & PRESENT == 0)
    return Plan(run, entries, fill, copy, reuse, read)


def _plan_private_write(run: Run, entries: Words) -> tuple[Mask, Mask, Mask]:
    """Where a write to private memory fills, copies and reuses."""
    flags = entries & (NEXT_FRAME - 1)
    if every(flags == flags[0]):
        words = run.frame_words(run.frames_in(entries)) if has_frame(flags[:1])[0] else flags
        if every(words == words[0]):  # all alike: decide for one
            alike = _decide(run, flags[:1], words[:1])
            return tuple(np.full(len(run), mask[0], np.bool_) for mask in alike)  # type: ignore[return-value]
        return _decide(run, flags, words)
    words = np.zeros_like(entries)
    mapped = has_frame(flags)
    words[mapped] = run.frame_words(run.frames_in(entries[mapped]))
    return _decide(run, flags, words)


def _decide(run: Run, flags: Words, words: Words) -> tuple[Mask, Mask, Mask]:
    """The rule of write_protected and write_missing, from flags of entries and words of the frames they map.

    Swapped pages are none of them: swapping.py brings those in.
    """
    readonly, mapped = flags & (WRITABLE | SWAPPED) == 0, has_frame(flags)
    once = mapped & (words & (fr.KIND | fr.CACHED) == fr.ANON) & (words < 2 * fr.MAPPER)
    from_file = run.mapping.backing is not None
    fill = readonly & (flags & ZERO != 0) if from_file else readonly & ~mapped
    return fill, readonly & ~once & ~fill, readonly & once


def write(mapping: Mapping, selection: Selection, value: int | None, tally: Tally) -> None:
    """`on_write` for all pages of `selection`, which frames suffice for."""
    done = 0
    for swapped in swapping.swapped_runs(mapping, selection):
        part = swapping.swap_in(swapped, True, tally)
        minor = tally.minor
        _write_private(plan(part, write=True).in_pages(), value, tally)
        tally.minor = minor  # in the same fault
        done += len(part) * part.weight
    if done == len(selection):
        return
    plans = [plan(run, write=True).in_pages() for run in selection.runs(mapping)]
    mapping.space.count_tables(mapping.table.add_tables(selection.chunks))
    for each in plans:
        (_write_private if mapping.private else _write_shared)(each, value, tally)


def _write_private(each: Plan, value: int | None, tally: Tally) -> None:
    run, mapping = each.run, each.run.mapping
    if value is not None:
        _store(run, each.entries, value)
    if some(each.fill):
        part = run.pick(each.fill)
        part.map(part.new_anon(value or 0), PRESENT | WRITABLE | DIRTY)
        tally.zero_fill += (n := len(part) * run.weight)
        tally.minor += n
        mapping.anon += n
    if some(each.copy):
        _copy(run.pick(each.copy), chosen(each.entries, each.copy), value, tally)
    if some(each.reuse):
        _reuse(run.pick(each.reuse), chosen(each.entries, each.reuse), value, tally)


def chosen(words: Words, mask: Mask) -> Words:
    """`words[mask]`, without a copy where the mask is all true."""
    return words if every(mask) else words[mask]


def _store(run: Run, entries: Words, value: int) -> None:
    """Put `value` into the pages that are writable without a fault."""
    writable = entries & WRITABLE != 0
    if some(writable):
        run.set_values(run.frames_in(entries[writable]), value)


def _copy(part: Run, entries: Words, value: int | None, tally: Tally) -> None:
    """write_protected and write_missing where they copy: a new frame; the old one loses its mapper if it had one."""
    mapping = part.mapping
    present = entries & PRESENT != 0
    words, major = entries, tally.major
    if not every(present):
        assert mapping.backing
        _bring_in(part.pick(~present), tally)
        words = np.where(present, entries, part.words_of(mapping.backing.table))
    old = part.frames_in(words)
    new = part.new_anon(value)
    if value is None:
        part.copy_values(new, old)
    if some(present):
        left = old if every(present) else part.frames_in(entries[present])
        mapping.count_words(part.frame_words(left), -part.weight, mapping)
        part.unmap_frames(left, None)  # an anonymous frame is dirty already, and a private entry of a file never is
    part.map(new, PRESENT | WRITABLE | DIRTY)
    n = len(part) * part.weight
    mapping.anon += n
    tally.copy += n
    tally.minor += n - (tally.major - major)


def _reuse(part: Run, entries: Words, value: int | None, tally: Tally) -> None:
    """write_protected where the last owner takes the frame over."""
    frames = part.frames_in(entries)
    part.set_frame_words(frames, part.frame_words(frames) | fr.EXCLUSIVE)
    part.set_entries(entries | WRITABLE | DIRTY)
    if value is not None:
        part.set_values(frames, value)
    n = len(part) * part.weight
    tally.reuse += n
    tally.minor += n


def _write_shared(each: Plan, value: int | None, tally: Tally) -> None:
    """write_shared, and the writes that take no fault."""
    run, entries = each.run, each.entries
    present = entries & PRESENT != 0
    first_write = present & (entries & WRITABLE == 0)
    if some(first_write):
        part = run.pick(first_write)
        frames = run.frames_in(entries[first_write])
        part.set_frame_words(frames, part.frame_words(frames) | fr.DIRTY)
        tally.minor += len(part) * run.weight
    if some(present):
        run.pick(present).set_entries(entries[present] | WRITABLE | DIRTY)
        if value is not None:
            run.set_values(run.frames_in(entries[present]), value)
    if not every(present):
        part = run.pick(~present)
        major = tally.major
        frames = _map_backing(part, WRITABLE | DIRTY, fr.DIRTY, tally)
        tally.minor += len(part) * run.weight - (tally.major - major)
        if value is not None:
            part.set_values(frames, value)


def _map_backing(part: Run, bits: int, flags: int, tally: Tally) -> Where:
    """Let entries that map nothing map their backing's frames, brought into memory where missing; the frames."""
    backing = part.mapping.backing
    assert backing
    _bring_in(part, tally)
    frames = part.frames_in(part.words_of(backing.table))
    part.set_frame_words(frames, (part.frame_words(frames) | flags) + fr.MAPPER)
    part.map(frames, PRESENT | bits)
    n = len(part) * part.weight
    part.mapping.other += n
    tally.file_map += n
    return frames


def _bring_in(part: Run, tally: Tally) -> None:
    """Have the pages of `part` in memory: made, if shared memory; read from disk by a major fault each, if a file's."""
    backing = part.mapping.backing
    assert backing
    missing = part.words_of(backing.table) & PRESENT == 0
    if not some(missing):
        return
    numbers = part.numbers()[missing]
    if backing.name is None:
        tally.zero_fill += len(numbers) * part.weight
    else:
        tally.major += len(numbers) * part.weight
        tally.refault += int(np.count_nonzero(part.words_of(backing.table)[missing] & SHADOW)) * part.weight
    (backing.create_chunks if part.whole else backing.create_pages)(numbers, part.mapping.space.group.owner)


def read(mapping: Mapping, area: Area, selection: Selection, tally: Tally) -> None:
    """`on_read` for all pages of `selection`, all in `area`, which frames suffice for."""
    for swapped in swapping.swapped_runs(mapping, selection):
        swapping.swap_in(swapped, area.writable, tally)
    mapping.space.count_tables(mapping.table.add_tables(selection.chunks))
    for run in selection.runs(mapping):
        missing = run.words_of(run.table) & PRESENT == 0
        if not some(missing):
            continue
        part = run.pick(missing)
        if mapping.backing is None:
            part.set_entries(PRESENT | ZERO)
            tally.zero_map += (n := len(part) * run.weight)
            tally.minor += n
        elif run.whole:
            _read_chunks(part, tally)
        else:
            _read_windows(part, selection, tally)


def _read_bits(mapping: Mapping, page: int) -> int:
    """A read fault maps shared memory writable at once, where its area is; a shared file wants to hear of the write."""
    area = mapping.areas.at(page)
    shared_memory = mapping.backing is not None and mapping.backing.name is None
    return WRITABLE if shared_memory and area is not None and area.writable else 0


def _read_chunks(part: Run, tally: Tally) -> None:
    """read_backing for whole chunks: one fault a window where the pages are in memory, one a page where not."""
    assert part.mapping.backing
    created = int(np.count_nonzero(part.words_of(part.mapping.backing.table) & PRESENT == 0))
    made = created if part.mapping.backing.name is None else 0  # pages of a file are major faults: see _bring_in
    tally.minor += made * CHUNK + (len(part) - created) * (CHUNK // WINDOW)
    if part.whole and created and not part.frames.can_allocate_chunks(created):
        part = part.as_pages()
    first = int(part.numbers()[0])
    _map_backing(part, _read_bits(part.mapping, first << SHIFT if part.whole else first), 0, tally)


def _read_windows(part: Run, selection: Selection, tally: Tally) -> None:
    """read_backing for single pages, none of them in the window that an area's unaligned start shifts.

    In each window the first page touched takes a fault, which maps all that is in memory; then each page that is not
    in memory takes its own.
    """
    mapping = part.mapping
    assert mapping.backing and not isinstance(part.at, slice)
    windows, grid, touched = _windows(mapping, part.at)
    in_memory = mapping.backing.table.get(grid) & PRESENT != 0
    mapped = mapping.table.get(grid) & (PRESENT | SWAPPED) != 0  # or swapped out: not free to be mapped
    created = touched & ~in_memory
    if mapping.backing.name is None:  # pages of a file are major faults: see _bring_in
        tally.minor += int(np.count_nonzero(created))
    first = _first_touched(windows, part.at, selection)
    tally.minor += int(np.count_nonzero(mapping.backing.table.get(first) & PRESENT))
    pages = grid[created | (in_memory & ~mapped)]
    _map_backing(Run(mapping, pages, False), _read_bits(mapping, int(pages[0])), 0, tally)


def _windows(mapping: Mapping, touched: Words) -> tuple[Words, Words, Mask]:
    """The windows of `touched` (sorted) pages, all their pages in the area, and which of these are touched."""
    area = mapping.areas.at(int(touched[0]))
    assert area
    windows = distinct(touched // WINDOW)
    grid = windows[:, None] * WINDOW + arange(WINDOW)
    marks = np.zeros(grid.shape, np.bool_)
    marks[np.searchsorted(windows, touched // WINDOW), touched % WINDOW] = True
    inside = (grid < area.stop) & (grid >= area.start)
    return windows, grid[inside], marks[inside]


def _first_touched(windows: Words, touched: Words, selection: Selection) -> Words:
    """The page of each window that is touched first, in the order of the access."""
    order = touched
    if isinstance(selection, Scatter):
        order = selection.order[np.isin(selection.order, touched)]
    _, at = np.unique(order // WINDOW, return_index=True)
    return order[at]


# Unmap, protect -------------------------------------------------------------------------------------------------


def unmap(mapping: Mapping, start: int, stop: int) -> None:
    """`on_unmap` for pages [start, stop)."""
    for run in Range(start, stop).runs(mapping):
        entries = run.words_of(run.table)
        mapped = has_frame(entries)
        if some(mapped):
            part = run.pick(mapped)
            entries = chosen(entries, mapped)
            frames = run.frames_in(entries)
            mapping.count_words(part.frame_words(frames), -run.weight, mapping)
            part.unmap_frames(frames, entries)
        _drop_slots(run)
        if not run.whole:
            run.set_entries(np.zeros(len(run), np.int64))
    first = -(-start // CHUNK)
    last = -(-stop // CHUNK) if stop == mapping.pages else stop >> SHIFT
    if first < last:
        mapping.table.fill(slice(first, last), 0)  # gives the rows of dense chunks back


def _drop_slots(run: Run) -> None:
    """The slots that entries of `run` name lose them."""
    entries = run.words_of(run.table)
    swapped = is_swapped(entries) if run.mapping.swapped else None
    if swapped is None or not some(swapped):
        return
    swap, slots = run.mapping.swap, run.frames_in(entries[swapped])
    if run.whole:
        swap.drop_chunks(slots)
    else:
        swap.drop_pages(expand(slots))
    run.mapping.swapped -= int(np.count_nonzero(swapped)) * run.weight


def protect(mapping: Mapping, start: int, stop: int, writable: bool) -> None:
    """`on_protect` for pages [start, stop), whose area is `writable` or not from here on."""
    for run in Range(start, stop).runs(mapping):
        entries = run.words_of(run.table)
        present = entries & PRESENT != 0
        allowed = present & _may_write(run, entries) if writable else np.zeros(len(run), np.bool_)
        changed = np.where(allowed, entries | WRITABLE, entries & ~WRITABLE)
        if some(changed != entries):
            run.set_entries(changed)


def _may_write(run: Run, entries: Words) -> Mask:
    """Which entries a change to "rw" lets be written without a fault."""
    mapping = run.mapping
    if not mapping.private:
        assert mapping.backing
        return np.ones(len(run), np.bool_) if mapping.backing.name is None else entries & DIRTY != 0
    mapped = has_frame(entries)
    result = np.zeros(len(run), np.bool_)
    if some(mapped):
        words = run.frame_words(run.frames_in(entries[mapped]))
        result[mapped] = words & (fr.KIND | fr.EXCLUSIVE) == fr.ANON | fr.EXCLUSIVE
    return result
