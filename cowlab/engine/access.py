"""Reads and writes of many pages: the range form where it applies, else page by page.

Both forms stop before the page that finds no free frame, have room made for it, and go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import ages, faults, needs, ranges, swapping
from .address_space import Area, NoFreeFrame
from .chunks import CHUNK, Words, some
from .errors import Error
from .page import WINDOW, Page, Tally
from .page_table import FRAME_SHIFT, PRESENT, WRITABLE, ZERO, is_swapped
from .runs import Range, Scatter, Selection
from .words import flatnonzero

if TYPE_CHECKING:
    from .mapping import Mapping

PageRule = Callable[[Page], None]
ForkRule = Callable[[Page, Page], None]


@dataclass(frozen=True)
class Rules:
    """The page rules of a machine."""

    on_read: PageRule = faults.on_read
    on_write: PageRule = faults.on_write
    on_fork: ForkRule = faults.on_fork
    on_unmap: PageRule = faults.on_unmap
    on_protect: PageRule = faults.on_protect


DEFAULT_RULES = Rules()
MOST_ORDERED = 4096
"""Of more scattered pages that a call fills or copies, the order of use is not kept: all count as used at once."""


def touch(mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally) -> None:
    """Read or write the pages of `selection`, all in `area`. Where frames lack, make room (shortage.py) and go on."""
    if len(selection) == 1 or mapping.process.machine.evict_policy is not None:
        _one_by_one(mapping, area, selection, write, value, tally)
        return
    if not write and mapping.backing is not None and not mapping.page_by_page:
        selection = _read_shifted_window(mapping, area, selection, tally)
    while len(selection):
        if _special(mapping, selection):  # asked anew: making room may have taken pages of the selection
            _one_by_one(mapping, area, selection, write, value, tally)
            return
        head, selection = selection.cut(_with_room(mapping, selection, write))
        if len(head):
            (_one_by_one if mapping.page_by_page else _touch_range)(mapping, area, head, write, value, tally)
        else:
            one, selection = selection.cut(1)
            _one_by_one(mapping, area, one, write, value, tally)


def _with_room(mapping: Mapping, selection: Selection, write: bool) -> int:
    """How many pages of `selection` frames suffice for; where for none, a batch is reclaimed first.

    On large machines a range is cut between chunks, as long as reclaim helps, so that these stay whole.
    """
    fits = _fitting(mapping, selection, write)
    if fits == len(selection):
        return fits
    machine = mapping.process.machine
    whole = isinstance(selection, Range) and machine.reclaim.batch(machine.cgroups.root) >= CHUNK
    cut = _to_chunk(selection, fits) if whole else fits
    if cut or not machine.shortage.reclaim_ahead(mapping.process):
        return cut or fits
    fits = _fitting(mapping, selection, write)
    return (_to_chunk(selection, fits) if whole else fits) or fits


def _to_chunk(selection: Selection, pages: int) -> int:
    """How many of the first `pages` pages reach to the end of a chunk, or of the selection."""
    if pages == len(selection) or not isinstance(selection, Range):
        return pages
    return max(0, (selection.start + pages) // CHUNK * CHUNK - selection.start)


def _touch_range(
    mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally
) -> None:
    """Read or write pages that frames suffice for."""
    before = tally.zero_fill + tally.copy
    if write:
        if mapping.private and area.family is None:
            mapping.areas.found_family(area)
        ranges.write(mapping, selection, value, tally)
    else:
        ranges.read(mapping, area, selection, tally)
    tally.touched += len(selection)
    fresh = tally.zero_fill + tally.copy - before
    if fresh != len(selection) or isinstance(selection, Range) or fresh <= MOST_ORDERED:
        ages.mark(mapping, selection)
    else:  # a new frame each, marked when it was taken
        mapping.frames.now += fresh


def _one_by_one(
    mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally
) -> None:
    needed = WRITABLE if write else PRESENT
    frames = mapping.frames
    for number in selection.numbers():
        entry = _touch_page(mapping, area, number, write, tally)
        if not entry & needed:
            raise Error(_fault_again(mapping, number, write))
        if not entry & ZERO:
            frame = entry >> FRAME_SHIFT
            frames.now += 1
            frames.ages.put(frame, frames.now)
            if value is not None:
                frames.values.put(frame, value)
        tally.touched += 1


def _touch_page(mapping: Mapping, area: Area, number: int, write: bool, tally: Tally) -> int:
    """Let the rule handle one touch, as often as it takes until frames suffice; the entry."""
    rule = mapping.rules.on_write if write else mapping.rules.on_read
    while True:
        page = Page(mapping, area, number, tally)
        before = tally.minor, tally.major, tally.swap_in, tally.refault
        try:
            rule(page)
        except NoFreeFrame as lack:
            tally.minor, tally.major, tally.swap_in, tally.refault = before  # a fault that failed is not counted
            mapping.process.machine.shortage.make_room(mapping.process, lack, tally.touched)
        else:
            return page.entry


def _fault_again(mapping: Mapping, number: int, write: bool) -> str:
    rule, state = ("on_write", "writable") if write else ("on_read", "present")
    return (
        f"{rule} returned and page {number} of {mapping.name!r} is not {state}: the processor would take the same "
        f"fault again, for ever; the rule must end with an entry that is {state}"
    )


def _special(mapping: Mapping, selection: Selection) -> bool:
    """Is a page among them that a shared object has in a slot, or that is charged to another group?"""
    backing = mapping.backing
    if backing is not None and backing.name is None and backing.reclaimed:
        return some(is_swapped(backing.table.get(selection.pages())))
    return not swapping.one_owner(mapping, selection)


def _read_shifted_window(mapping: Mapping, area: Area, selection: Selection, tally: Tally) -> Selection:
    """Read the pages whose window an unaligned start of the area shifts (faults.py knows how); the rest."""
    aligned = -(-area.start // WINDOW) * WINDOW
    if isinstance(selection, Range):
        shifted = min(max(aligned - selection.start, 0), len(selection))
    else:
        shifted = len(selection) if bool((selection.order < aligned).any()) else 0
    head, rest = selection.cut(shifted)
    _one_by_one(mapping, area, head, False, None, tally)
    return rest


def _fitting(mapping: Mapping, selection: Selection, write: bool) -> int:
    """How many pages of `selection`, from its first on, the free frames suffice for."""
    free = max(0, mapping.space.room)
    tables = mapping.space.table_frames(mapping.table.missing_tables(selection.chunks))
    reads = mapping.swapped or (mapping.private and mapping.backing)
    most = 2 if reads else 1  # frames a page: one to read it, one for the copy
    if most * len(selection) + tables <= free:
        return len(selection)
    if isinstance(selection, Range):
        return needs.fitting(mapping, selection, write, free)
    if needs.need(mapping, selection, write) <= free:
        return len(selection)
    fits, too_many = 0, len(selection)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if needs.need(mapping, selection.cut(middle)[0], write) <= free:
            fits = middle
        else:
            too_many = middle
    return fits


def by_area(mapping: Mapping, pages: Words) -> Iterator[tuple[Area, Scatter]]:
    """Scattered pages, area by area; in the order given as far as it can matter."""
    for group in [pages] if len(mapping.areas) == 1 else _groups(mapping, pages):
        area = mapping.areas.at(int(group[0]))
        assert area
        yield area, Scatter(group)


def _groups(mapping: Mapping, pages: Words) -> list[Words]:
    starts = np.array([area.start for area in mapping.areas], np.int64)
    owner = np.searchsorted(starts, pages, side="right") - 1
    if 2 * len(pages) + mapping.table.missing_tables(Scatter(pages).chunks) <= mapping.space.room:
        _, first = np.unique(owner, return_index=True)
        return [pages[owner == owner[i]] for i in sorted(first.tolist())]
    return np.split(pages, flatnonzero(np.diff(owner)) + 1)  # RAM may end among them: one stretch after the other
