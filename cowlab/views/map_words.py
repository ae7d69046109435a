"""The memory map in words: every page of every process, and the physical frames.

It is the textual twin of the picture, for readers who do not see it, and for a comparison letter by letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine import Machine, Mapping
from ..engine.reports import pagemap
from ..engine.stores.words import arange, bincount, cumsum, flatnonzero, repeat
from ..units import PAGE_SIZE, count, format_size
from . import pages
from .palette import FILE, LEAKED, MORE, PRIVATE, STATES, TWO, UNTOUCHED
from .process_table import Measures, measure
from .words import page_range

Words = NDArray[np.int64]
Run = tuple[int, int, int, int]  # pages [start, stop) of this state, with so many mappers

MOST_RUNS = 12  # of pages that are alike are told one by one; of more, only how many pages are in each state
MOST_COUNTS = 6  # different numbers of mappers of frames are told one by one
MOST_STRETCHES = 1_000_000  # are put in order: it takes 0.1 s


def in_words(machine: Machine) -> str:
    """All that the map shows of `machine`, in lines. Equal machines give equal texts."""
    told: list[tuple[list[str], str, str]] = []  # names, parent, mappings: of processes that are alike
    mappings = _mappings(machine)
    for process in machine.processes:
        parent = process.parent.name if process.parent else ""
        text = "; ".join(mappings[process.name]) or "nothing mapped"
        if told and told[-1][1:] == (parent, text):
            told[-1][0].append(process.name)
        else:
            told.append(([process.name], parent, text))
    lines = [f"{_titled(names)}: {text}." for names, _, text in told]
    return "\n".join([f"{headline(measure(machine))}.", *lines, f"{_frames(machine)}."])


def headline(measures: Measures) -> str:
    """A machine in one sentence without its full stop."""
    if not measures.rows:
        return "No process is alive, and no memory is in use" if not measures.data else "No process is alive"
    processes = count(len(measures.rows), "process", "processes")
    data, tables = format_size(measures.data), format_size(measures.page_tables)
    rss = format_size(measures.total("RSS"))
    return f"{processes}: RSS adds up to {rss}; {data} of data and {tables} of page tables are in use"


def word(state: int, mappers: int = 0) -> str:
    """What a page in this state is; "shared by 5" where the mappers are known."""
    if state == MORE and mappers:
        return f"shared by {mappers:,}"
    mapped = f" ({count(mappers, 'mapper', 'mappers')})" if state == FILE and mappers else ""
    return STATES[state].word + mapped


def _titled(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} processes, alike)"


# Pages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretches:
    """Arrays, an item for each stretch of pages that are alike, of one mapping; `looks`: state | mappers << 8."""

    start: Words
    pages: Words
    looks: Words

    def __str__(self) -> str:
        runs = self._runs() if len(self.start) <= MOST_STRETCHES else []
        return _listed(runs) if 0 < len(runs) <= MOST_RUNS else self._tally()

    def _runs(self) -> list[Run]:
        """The stretches in order, neighbours of one look joined."""
        order = np.argsort(self.start)
        start, looks = self.start[order], self.looks[order]
        first = flatnonzero(np.diff(looks, prepend=-1))
        stops = [*start[first[1:]].tolist(), int(self.pages.sum())]
        found = zip(start[first].tolist(), stops, looks[first].tolist(), strict=True)
        return [(begin, stop, look & 255, look >> 8) for begin, stop, look in found]

    def _tally(self) -> str:
        pages_of = bincount(self.looks & 255, self.pages, len(STATES)).tolist()
        told = ", ".join(f"{n:,} {word(state)}" for state, n in enumerate(pages_of) if n)
        return f"of {count(int(self.pages.sum()), 'page', 'pages')} {told}"


def _listed(runs: list[Run]) -> str:
    return ", ".join(f"{page_range(start, stop)} {word(state, mappers)}" for start, stop, state, mappers in runs)


def _mappings(machine: Machine) -> dict[str, list[str]]:
    """{process: "mapping: its pages" of each of its mappings}"""
    found: dict[str, list[str]] = {process.name: [] for process in machine.processes}
    for process, mapping, stretches in _stretches(machine):
        found[process].append(f"{mapping}: {stretches}")
    return found


def _stretches(machine: Machine) -> Iterator[tuple[str, str, Stretches]]:
    """(process, mapping, its stretches) of each mapping."""
    if pages.scale_for(machine) == 1:
        for strip in pages.strips(machine, 1):
            looks = strip.records[:, 0].astype(np.int64)
            one = np.ones(strip.pages, np.int64)
            yield strip.process, strip.mapping, Stretches(arange(strip.pages), one, looks & 255 | looks >> 16 << 8)
        return
    mappings = [mapping for process in machine.processes for mapping in process.mappings.values() if mapping.size]
    number, start, size, looks = _together(machine, mappings)
    for n, mapping in enumerate(mappings):
        own = slice(*np.searchsorted(number, (n, n + 1)))
        yield mapping.process.name, mapping.name, Stretches(start[own], size[own], looks[own])


def _together(machine: Machine, mappings: list[Mapping]) -> tuple[Words, Words, Words, Words]:
    """(number of the mapping, start, pages, look) of all stretches, those of a mapping together."""
    found = pagemap.stretches(machine, mappings)
    looks = pages.codes_of(found.seen) | found.seen.mappers << 8
    if any(mapping.size < mapping.pages * PAGE_SIZE for mapping in mappings):
        found, looks = _with_holes(mappings, found, looks)
    if (np.diff(found.mapping) < 0).any():
        order = np.argsort(found.mapping, kind="stable")
        return found.mapping[order], found.start[order], found.pages[order], looks[order]
    return found.mapping, found.start, found.pages, looks


def _with_holes(
    mappings: list[Mapping], found: pagemap.Stretches, codes: NDArray[np.int64]
) -> tuple[pagemap.Stretches, NDArray[np.int64]]:
    """A hole may begin within a stretch of pages without entries: those are looked at one by one."""
    torn = np.array([mapping.size < mapping.pages * PAGE_SIZE for mapping in mappings], np.bool_)[found.mapping]
    torn &= codes == UNTOUCHED
    number, start = (repeat(part[torn], found.pages[torn]) for part in (found.mapping, found.start))
    length = found.pages[torn]
    start = start + arange(len(start)) - repeat(cumsum(length) - length, length)
    single = np.full(len(start), UNTOUCHED, np.int64)
    for n in np.unique(number):
        whole = np.full(mappings[n].pages, UNTOUCHED, np.int64)
        pages.mark_holes(whole, mappings[n], 0)
        single[number == n] = whole[start[number == n]]
    parts = ((found.mapping, number), (found.start, start), (found.pages, np.ones_like(start)), (codes, single))
    mapping, begin, length, joined = (np.concatenate([old[~torn], new]) for old, new in parts)
    return found._replace(mapping=mapping, start=begin, pages=length), joined


# Frames ---------------------------------------------------------------------------------------------------------


def _frames(machine: Machine) -> str:
    length, kind, mappers = pagemap.frames(machine, pagemap.frames_touched(machine))
    states = pages.frame_codes(kind, mappers)
    told = [_frames_in(state, mappers[states == state], length[states == state]) for state in (MORE, TWO, PRIVATE)]
    told += [_frames_in(FILE, mappers[states == FILE] * 0, length[states == FILE])]
    told += [f"{machine.frames.tables:,} page tables"] if machine.frames.tables else []
    told += [_frames_in(LEAKED, mappers[states == LEAKED], length[states == LEAKED])]
    told += [f"{machine.frames.free:,} free"]
    return f"Physical frames: {', '.join(part for part in told if part)}"


def _frames_in(state: int, mappers: Words, length: Words) -> str:
    """The frames in one state, by their mappers, most first; "" if there are none."""
    if not len(length):
        return ""
    counts = np.unique(mappers)[::-1].tolist()
    if state != MORE or len(counts) > MOST_COUNTS:
        return f"{int(length.sum()):,} {word(state)}"
    return ", ".join(f"{int(length[mappers == n].sum()):,} {word(state, n)}" for n in counts)
