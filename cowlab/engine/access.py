"""Reads and writes of many pages: the range form where it applies, else page by page.

Both forms stop before the page that finds no free frame; what was touched up to there stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import faults, ranges
from .address_space import Area, NoFreeFrame
from .chunks import Words
from .errors import Error
from .page import WINDOW, Page, Tally
from .page_table import PRESENT, WRITABLE
from .runs import Range, Scatter, Selection

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


def touch(mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally) -> None:
    """Read or write the pages of `selection`, all in `area`. Raises NoFreeFrame where RAM ends."""
    if len(selection) == 1 or mapping.page_by_page or _on_disk(mapping, selection):
        _one_by_one(mapping, area, selection, write, value, tally)
        return
    if not write and mapping.backing is not None:
        selection = _read_shifted_window(mapping, area, selection, tally)
    while len(selection):
        head, selection = selection.cut(_fitting(mapping, selection, write))
        if len(head) and write:
            if mapping.private and area.family is None:
                mapping.areas.found_family(area)
            ranges.write(mapping, head, value, tally)
        elif len(head):
            ranges.read(mapping, head, tally)
        if len(selection):
            one, selection = selection.cut(1)
            _one_by_one(mapping, area, one, write, value, tally)


def _one_by_one(
    mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally
) -> None:
    rule = mapping.rules.on_write if write else mapping.rules.on_read
    needed = WRITABLE if write else PRESENT
    for number in selection.numbers():
        page = Page(mapping, area, number, tally)
        before = tally.minor, tally.major
        try:
            rule(page)
        except NoFreeFrame:
            tally.minor, tally.major = before  # a fault that failed is not counted
            raise
        if not page.entry & needed:
            raise Error(_fault_again(mapping, number, write))
        if value is not None:
            mapping.frames.values.put(page.frame, value)


def _fault_again(mapping: Mapping, number: int, write: bool) -> str:
    rule, state = ("on_write", "writable") if write else ("on_read", "present")
    return (
        f"{rule} returned and page {number} of {mapping.name!r} is not {state}: the processor would take the same "
        f"fault again, for ever; the rule must end with an entry that is {state}"
    )


def _on_disk(mapping: Mapping, selection: Selection) -> bool:
    """Is a page of a file among them that is not in memory?"""
    backing = mapping.backing
    if backing is None or backing.name is None or backing.cached:
        return False
    return not bool(backing.table.get(selection.pages()).all())


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
    free = mapping.frames.free
    tables = mapping.space.table_frames(mapping.table.missing_tables(selection.chunks))
    if len(selection) + tables <= free or ranges.need(mapping, selection, write) <= free:
        return len(selection)
    fits, too_many = 0, len(selection)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if ranges.need(mapping, selection.cut(middle)[0], write) <= free:
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
    starts = np.array([area.start for area in mapping.areas])
    owner = np.searchsorted(starts, pages, side="right") - 1
    if 2 * len(pages) + mapping.table.missing_tables(Scatter(pages).chunks) <= mapping.frames.free:
        _, first = np.unique(owner, return_index=True)
        return [pages[owner == owner[i]] for i in sorted(first.tolist())]
    return np.split(pages, np.flatnonzero(np.diff(owner)) + 1)  # RAM may end among them: one stretch after the other
