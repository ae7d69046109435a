"""Many pages at once: they fall into batches that look alike, and `faults.py` runs once on each.

A call covers a selection of pages, which falls into runs (selection.py): single pages, and whole chunks of 512. The
words of a run are compared; those that look alike to every rule make up a *batch*. The rule runs on a stand-in for them
(stand_in.py), and its effect is done to the words of all (effects.py). Batches with the same effect are joined.

This is exact, since pages of one mapping never share a frame or a slot (a frame has one place in its family), so that
what happens to one page does not change the look of another. The exception is a read fault, which maps neighbours:
`reading` asks first for the pages that fault first in each window. What else falls apart into single pages is said in
access.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..areas import Area
from ..kinds import Mapping
from ..rules.page import WINDOW
from ..stores import frames as fr
from ..stores.chunks import CHUNK, SHIFT, Where, Words, distinct, every, some
from ..stores.page_cache import SHADOW
from ..stores.page_table import FLAGS, FRAME_SHIFT, NEXT_FRAME, PRESENT, SWAPPED, ZERO, has_frame, is_swapped
from ..stores.words import arange
from .batchable import Verdict
from .selection import Mask, Run, Scatter, Selection
from .stand_in import BEHIND, IDLE, LOOK, MAPPERS, NAMED, Decision, Effect, StandIn, tried


class OneByOne(Exception):
    """These pages have to be treated one by one."""


@dataclass(slots=True)
class Batch:
    """Pages that a rule does the same to, and their entries before."""

    run: Run
    entries: Words
    effect: Effect
    enters: bool  # entries change
    touches: bool  # the frames that they map change
    frames: Where | None = None  # that they map, and the word of all these frames, where they are in a row
    word: int | None = None
    around: Run | None = None  # neighbours that are mapped with them
    heads: int = CHUNK  # of each whole chunk the pages that fault; the others are their neighbours

    @property
    def pages(self) -> int:
        return len(self.run) * self.run.weight

    def as_pages(self) -> Batch:
        """The same, page by page."""
        run = self.run.as_pages()
        return Batch(run, run.words_of(run.table), self.effect, self.enters, self.touches)


class Rule:
    """A rule that may run in batches, on the pages of one area; at fork with the child's mapping."""

    def __init__(
        self, rule: Callable[..., None], verdict: Verdict, mapping: Mapping, area: Area, child: Mapping | None = None
    ) -> None:
        self.rule, self.verdict, self.mapping, self.area, self.child = rule, verdict, mapping, area, child
        owner = mapping.space.group.owner, child.space.group.owner if child else None
        kind = mapping.backing.kind if mapping.backing else None
        self._place: tuple[object, ...] = mapping.private, kind, area.prot, owner

    def decide(self, look: int, around: bool | None = None) -> Decision:
        """What the rule does to a page of that look; `around`: in a read, has it neighbours that are mapped with it?

        Raises OneByOne if that cannot be said.
        """
        key = look, around, self._place
        decided = self.verdict.decided
        if key not in decided:
            decided[key] = self._try(look, around)
        decision: Decision | None = decided[key]
        if decision is None:
            raise OneByOne
        return decision

    def _try(self, look: int, around: bool | None) -> Decision | None:
        mapping, area = self.mapping, self.area
        near = StandIn(mapping, area, PRESENT << BEHIND, around=True) if around else around is not None
        page = StandIn(mapping, area, look, around=near)
        if self.child is None:
            return tried(self.rule, look, page)
        if not look & FLAGS:
            return IDLE  # fork asks of no page that is not there
        return tried(self.rule, look, page, StandIn(self.child, area, 0, page.memory))

    def batches(self, run: Run, entries: Words | None = None, around: bool | None = None) -> list[Batch]:
        """The batches that make up `run`; `around`: each page has neighbours that a read fault maps with it."""
        if entries is None:
            entries = run.words_of(run.table)
        if run.whole and (row := _in_a_row(run, entries)):
            look, frames, word = row
            return [Batch(run, entries, *self.decide(look, around), frames, word)]
        looks = look_of(run, entries)
        if isinstance(looks, int):
            return [Batch(run, entries, *self.decide(looks, around))]
        parts: dict[Effect, tuple[Mask, bool, bool]] = {}
        for look in _each(looks):
            effect, enters, touches = self.decide(look, around)
            mask = looks == look
            if effect in parts:
                before = parts[effect]
                mask, enters, touches = mask | before[0], enters or before[1], touches or before[2]
            parts[effect] = mask, enters, touches
        return [
            Batch(run.pick(mask), chosen(entries, mask), effect, enters, touches)
            for effect, (mask, enters, touches) in parts.items()
        ]


def chosen(words: Words, mask: Mask) -> Words:
    """`words[mask]`, without a copy where the mask is all true."""
    return words if every(mask) else words[mask]


def _each(looks: Words) -> Iterator[int]:
    """The distinct ones; there are few."""
    while len(looks):
        look = looks.item(0)
        yield look
        looks = looks[looks != look]


# What a rule can see of pages -----------------------------------------------------------------------------------


def _in_a_row(run: Run, entries: Words) -> tuple[int, Where | None, int | None] | None:
    """The look of whole chunks whose frames follow each other and have one word, these frames, and the word; of chunks
    without frames the look alone. None if they are not so: this is a short cut, look_of has all cases."""
    step = entries.item(1) - entries.item(0) if len(entries) > 1 else CHUNK * NEXT_FRAME
    if step & FLAGS or run.mapping.backing or not every(entries[1:] - entries[:-1] == step):
        return None
    first = entries.item(0)
    if not first:
        return 0, None, None
    if step != CHUNK * NEXT_FRAME or first & (PRESENT | ZERO) != PRESENT:
        return None
    start = first >> FRAME_SHIFT + SHIFT
    frames = slice(start, start + len(entries))
    words = run.frame_words(frames)
    word = words.item(0)
    if not every(words == word):
        return None
    return first & FLAGS | _look_of_word(word), frames, word


def look_of(run: Run, entries: Words) -> Words | int:
    """The look of each page, or the one that all have (stand_in.py says how it is written)."""
    flags = entries & FLAGS
    backing = run.mapping.backing
    if backing is not None:
        behind = run.words_of(backing.table) & (PRESENT | SWAPPED | SHADOW)
        flags = flags | behind << BEHIND
    first = flags.item(0)
    if not every(flags == first):
        return flags | _frames_look(run, entries)
    if first & SWAPPED:
        return _one(flags | _slots_look(run, entries))
    if first & FLAGS and has_frame(flags[:1])[0]:
        words = run.frame_words(run.frames_in(entries))
        if every(words == words.item(0)):
            return first | _look_of_word(words.item(0))
        return _one(flags | _look_of_words(words))
    return first


def _one(looks: Words) -> Words | int:
    first = looks.item(0)
    return first if every(looks == first) else looks


def _look_of_word(word: int) -> int:
    """The look of a frame with this word."""
    return (word & LOOK) << FRAME_SHIFT | min(word >> fr.COUNT_SHIFT, 2) << MAPPERS


def _look_of_words(words: Words) -> Words:
    """The same for many: numpy takes as long for one word as for a hundred, and most calls have one."""
    looks: Words = (words & LOOK) << FRAME_SHIFT | np.minimum(words >> fr.COUNT_SHIFT, 2) << MAPPERS
    return looks


def _frames_look(run: Run, entries: Words) -> Words:
    """The look of the frames, or slots, that entries of all sorts name."""
    looks: Words = np.zeros_like(entries)
    for mask, look in ((has_frame(entries), _mapped_look), (is_swapped(entries), _slots_look)):
        if some(mask):
            looks[mask] = look(run, entries[mask])
    return looks


def _mapped_look(run: Run, entries: Words) -> Words:
    return _look_of_words(run.frame_words(run.frames_in(entries)))


def _slots_look(run: Run, entries: Words) -> Words:
    """Of pages that are swapped out: of the frame in the swap cache, if any, and how often the slot is named."""
    swap, slots = run.mapping.swap, run.frames_in(entries)
    named: Words = np.minimum(swap.slots.words.at_all(slots, run.whole) >> fr.COUNT_SHIFT, 2) << NAMED
    links = swap.cached(slots, run.whole)
    cached = links != 0
    if some(cached):
        named[cached] |= _mapped_look(run, links[cached])
    return named


# Reads of files and shared memory -------------------------------------------------------------------------------


def reading(rule: Rule, selection: Selection) -> list[Batch]:
    """The batches of a read of pages with something behind them: a fault maps its neighbours too.

    In each window the page that is touched first, of those that fault, maps all that is in memory; then each page that
    is not in memory takes a fault of its own.
    """
    found = []
    for run in selection.runs(rule.mapping):
        entries = run.words_of(run.table)
        missing = entries & (PRESENT | SWAPPED) == 0
        if not every(missing):
            found += rule.batches(run.pick(~missing), entries[~missing])
        if some(missing):
            part = run.pick(missing)
            found += _chunks_read(rule, part) if run.whole else _windows_read(rule, part, selection)
    return found


def _chunks_read(rule: Rule, run: Run) -> list[Batch]:
    """Of whole chunks: those in memory are mapped window by window, those that are not page by page."""
    batches = []
    for batch in rule.batches(run, around=False):
        behind = look_of(batch.run, batch.entries)
        assert isinstance(behind, int)
        if behind >> BEHIND & PRESENT:
            effect, enters, touches = rule.decide(behind, around=True)
            near = effect.other
            if near is None or near._replace(tally=effect.tally, other=near) != effect:
                raise OneByOne  # the rule maps neighbours in another way
            batch = Batch(batch.run, batch.entries, effect, enters, touches, heads=CHUNK // WINDOW)
        batches.append(batch)
    return batches


def _windows_read(rule: Rule, run: Run, selection: Selection) -> list[Batch]:
    """Of single pages, none of them in the window that an area's unaligned start shifts."""
    mapping, area = rule.mapping, rule.area
    backing = mapping.backing
    pages = run.numbers()
    assert backing
    first = _first_touched(pages, selection)
    grid = distinct(pages // WINDOW)[:, None] * WINDOW + arange(WINDOW)
    grid = grid[(grid >= area.start) & (grid < area.stop)]
    free = (backing.table.get(grid) & PRESENT != 0) & (mapping.table.get(grid) & (PRESENT | SWAPPED) == 0)
    near = grid[free & ~np.isin(grid, first)]
    alone = ~np.isin(first // WINDOW, near // WINDOW)
    rest = pages[~np.isin(pages, first) & ~np.isin(pages, near)]
    batches = []
    for numbers in (first[alone], rest):
        if len(numbers):
            batches += rule.batches(Run(mapping, numbers, False), around=False)
    for batch in rule.batches(Run(mapping, first[~alone], False), around=True) if not every(alone) else ():
        if not batch.effect.other or not batch.effect.other.entry & PRESENT:
            raise OneByOne  # the rule leaves the neighbours to faults of their own
        windows = batch.run.numbers() // WINDOW
        batch.around = Run(mapping, near[np.isin(near // WINDOW, windows)], False)
        batches.append(batch)
    return batches


def _first_touched(pages: Words, selection: Selection) -> Words:
    """Of these (sorted) pages the one of each window that is touched first, in the order of the access."""
    order = pages
    if isinstance(selection, Scatter):
        order = selection.order[np.isin(selection.order, pages)]
    _, at = np.unique(order // WINDOW, return_index=True)
    return np.sort(order[at])
