"""Reads and writes of many pages: in batches that look alike where that is exact, else page by page.

Both stop before the page that finds no free frame, have room made for it, and go on.

Page by page go: a single page; a machine with a policy for eviction, which sees each touch; a rule that may do more
than look at its page (batchable.py) or tells pages of a batch apart, and one of a learner's for pages named twice;
pages that are charged to another group when they are swapped in, or that a shared object has in a slot; the pages at
an unaligned start of an area that is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..areas import Area
from ..errors import Error
from ..kinds import Mapping, NoFreeFrame
from ..rules import faults
from ..rules.page import WINDOW, Page, Tally
from ..stores.chunks import CHUNK, SHIFT, Words, expand, some
from ..stores.frames import ANON, OWNER
from ..stores.page_table import FRAME_SHIFT, GIB_SHIFT, PRESENT, WRITABLE, ZERO, is_swapped
from ..stores.words import cumsum, flatnonzero, repeat
from . import ages
from .batchable import OWN, batched
from .batches import Batch, OneByOne, Rule, reading
from .effects import Work, whole_or_pages
from .selection import Range, Scatter, Selection

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


MOST_ORDERED = 4096
"""Of more scattered pages that a call fills or copies, the order of use is not kept: all count as used at once."""


def touch(mapping: Mapping, area: Area, selection: Selection, write: bool, value: int | None, tally: Tally) -> None:
    """Read or write the pages of `selection`, all in `area`. Where frames lack, make room (shortage.py) and go on."""
    rule = mapping.rules.on_write if write else mapping.rules.on_read
    verdict = None if len(selection) == 1 or mapping.process.machine.evict_policy else batched(rule)
    if verdict is None or (rule not in OWN and selection.again):
        _one_by_one(mapping, area, selection, write, value, tally)
        return
    if not write and mapping.backing is not None:
        selection = _read_shifted_window(mapping, area, selection, tally)
    access = _Access(mapping, area, Rule(rule, verdict, mapping, area), write, value, tally)
    while len(selection):
        selection = access.go_on(selection)


class _Access:
    """A read or write of many pages, in batches."""

    def __init__(self, mapping: Mapping, area: Area, rule: Rule, write: bool, value: int | None, tally: Tally) -> None:
        self.mapping, self.area, self.rule = mapping, area, rule
        self.write, self.value, self.tally = write, value, tally

    def go_on(self, selection: Selection) -> Selection:
        """Treat as many pages as frames suffice for, or one, for which room is made; the pages that are left."""
        batches = self._batches(selection)
        if batches is None:
            head, rest = selection.cut(len(selection))
        else:
            fits = fitting(self.mapping, selection, batches)
            if fits == len(selection):
                self._do(selection, batches)
                return selection.cut(fits)[1]
            head, rest = selection.cut(self._with_room(selection, fits))
            batches = self._batches(head) if len(head) else None  # anew: making room may have taken pages of it
        if batches is not None:
            self._do(head, batches)
            return rest
        if not len(head):
            head, rest = selection.cut(1)
        _one_by_one(self.mapping, self.area, head, self.write, self.value, self.tally)
        return rest

    def _batches(self, selection: Selection) -> list[Batch] | None:
        """The batches of `selection`; None if it has to go page by page."""
        if _special(self.mapping, selection):
            return None
        try:
            if not self.write and self.mapping.backing is not None:
                batches = reading(self.rule, selection)
            else:
                batches = [b for run in selection.runs(self.mapping) for b in self.rule.batches(run)]
        except OneByOne:
            return None
        needed = WRITABLE if self.write else PRESENT  # else the processor takes the same fault again: see _one_by_one
        return batches if all(batch.effect.entry & needed for batch in batches) else None

    def _with_room(self, selection: Selection, fits: int) -> int:
        """How many pages of `selection` frames suffice for; where for none, a batch is reclaimed first.

        On large machines a range is cut between chunks, as long as reclaim helps, so that these stay whole.
        """
        machine = self.mapping.process.machine
        whole = isinstance(selection, Range) and machine.reclaim.batch(machine.cgroups.root) >= CHUNK
        cut = _to_chunk(selection, fits) if whole else fits
        if cut or not machine.shortage.reclaim_ahead(self.mapping.process):
            return cut or fits
        batches = self._batches(selection)
        if batches is None:
            return 0
        fits = fitting(self.mapping, selection, batches)
        return (_to_chunk(selection, fits) if whole else fits) or fits

    def _do(self, selection: Selection, batches: list[Batch]) -> None:
        """Read or write pages that frames suffice for."""
        tally = self.tally
        before = tally.zero_fill + tally.copy
        done = []
        for batch in batches:
            for part in whole_or_pages(batch):
                Work(part, self.area, selection, self.value).do(tally)
                done.append(part.run)
            if batch.around is not None and batch.effect.other is not None:
                run = batch.around
                near = Batch(run, run.words_of(run.table), batch.effect.other, enters=True, touches=False)
                Work(near, self.area).do(tally)
        tally.touched += len(selection)
        fresh = tally.zero_fill + tally.copy - before
        if fresh != len(selection) or isinstance(selection, Range) or fresh <= MOST_ORDERED:
            ages.mark(self.mapping, selection, done if self.write else None)
        else:  # a new frame each, marked when it was taken
            self.mapping.frames.now += fresh


def _to_chunk(selection: Selection, pages: int) -> int:
    """How many of the first `pages` pages reach to the end of a chunk, or of the selection."""
    if pages == len(selection) or not isinstance(selection, Range):
        return pages
    return max(0, (selection.start + pages) // CHUNK * CHUNK - selection.start)


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
    if not mapping.swapped or len(mapping.process.machine.cgroups.by_number) == 1:
        return False
    entries = mapping.table.get(selection.pages())
    words = mapping.swap.slots.words.get(entries[is_swapped(entries)] >> FRAME_SHIFT)
    return some(words & OWNER != mapping.space.group.owner | ANON)


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


# How far frames suffice ------------------------------------------------------------------------------------------


def fitting(mapping: Mapping, selection: Selection, batches: list[Batch]) -> int:
    """How many pages of `selection`, from its first on, the free frames suffice for."""
    room = max(0, mapping.space.room)
    tables = any(batch.effect.table for batch in batches)
    need = sum(batch.effect.taken * batch.pages for batch in batches)
    if tables:
        need += mapping.space.table_frames(mapping.table.missing_tables(selection.chunks))
    if need <= room:
        return len(selection)
    parts = _tables_needed(mapping, selection) if tables and mapping.space.tables_take_frames else []
    parts += [_needs(batch, selection) for batch in batches if batch.effect.taken]
    sizes = [len(at) for at, _, _ in parts]
    position = np.concatenate([at for at, _, _ in parts])
    each = repeat(np.array([taken for _, taken, _ in parts], np.int64), sizes)
    weight = repeat(np.array([weight for _, _, weight in parts], np.int64), sizes)
    order = np.argsort(position, kind="stable")
    total = cumsum((each * weight)[order])
    first = int(np.searchsorted(total, room, side="right"))  # the first that does not fit as a whole
    i = order[first]
    left = room - (int(total[first - 1]) if first else 0)
    return int(position[i]) + left // int(each[i])


def _needs(batch: Batch, selection: Selection) -> tuple[Words, int, int]:
    """When the words of a batch are touched first, the frames that each page takes, and how many pages a word is."""
    run = batch.run
    pages = run.numbers() << SHIFT if run.whole else run.numbers()
    return selection.positions(pages), batch.effect.taken, run.weight


def _tables_needed(mapping: Mapping, selection: Selection) -> list[tuple[Words, int, int]]:
    """The same for leaves, middle and upper tables that are missing."""
    table, chunks = mapping.table, selection.chunks
    numbers = expand(chunks)
    middles, uppers = table.missing_upper_levels(chunks)
    of_middles = selection.first_in(middles, GIB_SHIFT)
    above = (middles + table.gib) >> SHIFT
    of_uppers = np.array([of_middles[above == upper].min() for upper in uppers], np.int64)
    of_leaves = selection.first_in(numbers[~table.leaves[chunks]], SHIFT)
    return [(at, 1, 1) for at in (of_leaves, of_middles, of_uppers)]


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
