"""The memory map on paper: for whoever sees a notebook without running it.

A still shows what the map in the browser shows: every page of every process, the physical frames in their order, and
what is really in use. A cell is a page; where there are too many, it stands for a power of two of pages, and shows
their mix. Processes that follow one another and look the same are drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..engine import Machine
from ..engine.stores.words import flatnonzero
from ..units import PAGE_SIZE, count, format_size
from .map_words import headline, in_words, word
from .marks import WIDTH, Box, Sheet, text_width
from .palette import (
    COPIED,
    DANGLING,
    DIFFERS,
    FILE,
    FREE,
    HOLE,
    INK,
    LEAKED,
    MORE,
    PRIVATE,
    QUIET,
    RULE,
    SHARED,
    STATES,
    SWAPPED,
    TABLE,
    TWO,
    UNTOUCHED,
    WRONG,
    ZERO,
)
from .piece_sheet import shortened
from .process_table import ROW, Measures, draw_table, table_height
from .still_view import COLUMNS, LEVELS, Block, Cells, Shares, View, views

__all__ = ["in_words", "still", "still_pair"]

MARGIN, GAP = 16, 8
MOST_TABLE = 30  # lines of the table

BOTTOM_UP = (
    *(MORE, TWO, SHARED, PRIVATE, COPIED, FILE, ZERO, SWAPPED, TABLE),
    *(LEAKED, DANGLING, WRONG, UNTOUCHED, FREE, HOLE),
)
"""States in a mixed cell: it fills like a glass, with what is empty on top."""


def still(machine: Machine, title: str = "", table: bool = True) -> Sheet:
    """A picture of `machine`. With `table` it has the measures of the processes below.

    A table of more than MOST_TABLE lines is left out.
    """
    view = views([machine])[0]
    table = table and table_height(view.measures) <= MOST_TABLE * ROW
    place = Place(MARGIN, 172, 612)
    body = max(120.0, place.height(view))
    legend = 66 + body + 28
    bars = legend + 24 * len(_legend(view.states))
    height = bars + 54
    sheet = Sheet(-height - (table_height(view.measures) if table else 0), 0)
    sheet.write(MARGIN, -22, title or f"{headline(view.measures)}.", size=12, bold=True)
    draw_pages(sheet, view, place, -44)
    draw_frames(sheet, view, (654, -66 - body, WIDTH - MARGIN, -44))
    _draw_legend(sheet, view.states, -legend)
    _draw_bars(sheet, view.measures, -bars)
    if table:
        draw_table(sheet, view.measures, -height - ROW)
    return sheet


def still_pair(machines: Sequence[Machine], labels: Sequence[str]) -> Sheet:
    """Two machines side by side, a cell of both for equally many pages. Where they differ there is an outline.

    Raises ValueError unless there are two of each.
    """
    if len(machines) != 2 or len(labels) != 2:
        raise ValueError(f"a pair has two machines and two labels, not {len(machines)} and {len(labels)}")
    sides = views(machines)
    places = [Place(left, left + 112, left + 472, 9) for left in (MARGIN, WIDTH - MARGIN - 472)]
    states = sides[0].states | sides[1].states
    rows = max(place.height(view) for place, view in zip(places, sides, strict=True))
    grid = 88 + rows + 24
    legend = grid + 22 + 150 + 28
    sheet = Sheet(-legend - 24 * len(_legend(states)), 0)
    for place, view, label in zip(places, sides, labels, strict=True):
        sheet.write(place.left, -22, label, size=12, bold=True)
        sheet.write(place.left, -44, _in_use(view.measures), size=9)
        draw_pages(sheet, view, place, -66)
        draw_frames(sheet, view, (place.left, -grid - 22 - 150, place.right, -grid))
    _draw_legend(sheet, states, -legend)
    return sheet


# Pages ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where page tables are drawn: names of `size` from `left` on, cells from `cells` to `right`."""

    left: float
    cells: float
    right: float
    size: float = 11

    def line(self, view: View) -> float:
        """The height of a line of cells."""
        lines = sum(block.lines for block in view.blocks)
        return 36 if lines <= 4 else 24 if lines <= 10 else 16

    def height(self, view: View) -> float:
        """The height of all blocks."""
        hidden = 20 if view.hidden else 0
        return sum(self.block(block, self.line(view)) for block in view.blocks) + hidden

    def block(self, block: Block, line: float) -> float:
        """The height of a block and of the gap below it."""
        gaps = GAP + 3 * (len(block.mappings) - 1)
        return max(block.lines * line, 32 if len(block.names) > 1 else 0) + max(gaps, GAP)


def draw_pages(sheet: Sheet, view: View, place: Place, top: float) -> None:
    """The page tables of all processes, their caption at height `top`."""
    sheet.write(place.left, top, f"Page tables: a cell is {_amount(view.scale, 'page')}", size=11, colour=QUIET)
    y, line = top - 22, place.line(view)
    for block in view.blocks:
        _draw_block(sheet, block, place, y, line)
        y -= place.block(block, line)
    if view.hidden:
        sheet.write(place.left, y - 6, f"and {view.hidden:,} more, not drawn", colour=QUIET)


def _amount(n: int, what: str) -> str:
    return f"{count(n, what, what + 's')}, {format_size(n * PAGE_SIZE)}"


def _draw_block(sheet: Sheet, block: Block, place: Place, top: float, line: float) -> None:
    middle = top - min(line, 24) / 2
    sheet.write(place.left, middle, shortened(block.title, place.size, place.cells - place.left - 8), size=place.size)
    if len(block.names) > 1:
        sheet.write(place.left, middle - 15, f"{len(block.names)} alike", size=9, colour=QUIET)
    if not block.mappings:
        sheet.write(place.cells, middle, "nothing mapped", colour=QUIET)
    for cells in block.mappings:
        taken = text_width(block.title, place.size) if cells is block.mappings[0] else 0
        _draw_name(sheet, cells.name, (place.left + taken + 12, place.cells - 6), top - min(line, 24) / 2)
        draw_cells(sheet, cells, (place.cells, top, place.right), line)
        top -= cells.lines * line + 3


def _draw_name(sheet: Sheet, name: str, edges: tuple[float, float], y: float) -> None:
    """The name of a mapping before its cells, as far as the process's own leaves room."""
    left, right = edges
    if right - left > 20:
        sheet.write(right, y, shortened(name, 9, right - left), size=9, colour=QUIET, align="right")


def draw_cells(sheet: Sheet, cells: Cells, place: tuple[float, float, float], line: float) -> None:
    """Cells in lines of COLUMNS: `place` is their left, their top, and the right end of a full line."""
    left, top, right = place
    width = (right - left) / COLUMNS
    told: set[str] = set()
    for start, stop, row in _runs(cells):
        y = top - row * line
        box = (left + start * width, y - line, left + stop * width, y)
        number = row * COLUMNS + start
        _draw_run(sheet, cells.shares[number], box)
        _draw_label(sheet, cells, number, box, told)
        if cells.differs[number]:
            _outline(sheet, box)
    for row in range(cells.lines):
        y, length = top - row * line, min(COLUMNS, len(cells.shares) - row * COLUMNS)
        sheet.rule(((x, y), (x, y - line)) for x in (left + n * width for n in range(1, length)))
        sheet.frame((left, y - line, left + length * width, y), RULE, 0.7)


def _runs(cells: Cells) -> Iterator[tuple[int, int, int]]:
    """(first column, end, line) of neighbours in a line that look the same."""
    looks = cells.looks
    for row in range(cells.lines):
        line = looks[row * COLUMNS : (row + 1) * COLUMNS]
        starts = [0, *(flatnonzero((line[1:] != line[:-1]).any(axis=1)) + 1).tolist()]
        for start, stop in zip(starts, [*starts[1:], len(line)], strict=True):
            yield start, stop, row


def _draw_run(sheet: Sheet, shares: Shares, box: Box) -> None:
    """A band for each state."""
    left, bottom, right, top = box
    heights = shares * (top - bottom) / LEVELS
    for state in BOTTOM_UP:
        if heights[state]:
            sheet.fill(STATES[state], (left, bottom, right, bottom + heights[state]))
            bottom += heights[state]


def _draw_label(sheet: Sheet, cells: Cells, number: int, box: Box, told: set[str]) -> None:
    """What the run is, if it is one thing, the text fits, and it was not told before."""
    left, bottom, right, top = box
    state, mappers = int(cells.shares[number].argmax()), int(cells.mappers[number])
    if cells.shares[number, state] < LEVELS or top - bottom < 14:
        return
    look, size = STATES[state], 10 if top - bottom > 26 else 8
    for text in (word(state, mappers), look.word, str(mappers) if state == MORE and mappers else ""):
        if text in told:
            return
        if text and text_width(text, size) + 10 < right - left:
            middle = ((left + right) / 2, (bottom + top) / 2)
            sheet.write(*middle, text, size=size, colour=look.text_light, align="center", on=look)
            told.add(text)
            return


def _outline(sheet: Sheet, box: Box) -> None:
    """In two tones, one of which shows on any fill."""
    left, bottom, right, top = box
    sheet.frame((left + 2.6, bottom + 2.6, right - 2.6, top - 2.6), STATES[DIFFERS].text_light, 1)
    sheet.frame((left + 1, bottom + 1, right - 1, top - 1), STATES[DIFFERS].light, 1.6)


# Frames, legend and bars ----------------------------------------------------------------------------------------


def draw_frames(sheet: Sheet, view: View, box: Box) -> None:
    """The physical frames in their order, with a caption, in a box."""
    left, bottom, right, top = box
    used = (view.measures.data + view.measures.page_tables) // PAGE_SIZE
    sheet.write(left, top, f"Physical frames: {used:,} in use", size=11, colour=QUIET)
    line = min(22.0, (top - 22 - bottom - 34) / view.frames.lines)
    draw_cells(sheet, view.frames, (left, top - 22, right), line)
    y = top - 22 - line * view.frames.lines - 12
    sheet.write(left, y, f"a cell is {_amount(view.frame_scale, 'frame')}", size=9, colour=QUIET)
    if tables := view.measures.page_tables // PAGE_SIZE:
        sheet.write(left, y - 16, f"{count(tables, 'page table', 'page tables')}, not drawn", size=9, colour=QUIET)


def _legend(states: set[int]) -> list[list[int]]:
    """The states that are explained, in lines."""
    lines: list[list[int]] = [[]]
    x = 0.0
    for state in sorted(states):
        width = 32 + text_width(STATES[state].word, 10) + 22
        if x + width > WIDTH - 2 * MARGIN:
            lines.append([])
            x = 0
        lines[-1].append(state)
        x += width
    return lines


def _draw_legend(sheet: Sheet, states: set[int], y: float) -> None:
    for line in _legend(states):
        x = float(MARGIN)
        for state in line:
            swatch = (x, y - 8, x + 24, y + 8)
            if state == DIFFERS:
                _outline(sheet, swatch)
            else:
                sheet.fill(STATES[state], swatch)
                sheet.frame(swatch, RULE, 0.7)
            sheet.write(x + 32, y, STATES[state].word)
            x += 32 + text_width(STATES[state].word, 10) + 22
        y -= 24


def _in_use(measures: Measures) -> str:
    used = format_size(measures.data + measures.page_tables)
    return f"RSS adds up to {format_size(measures.total('RSS'))}; really in use are {used}"


def _draw_bars(sheet: Sheet, measures: Measures, y: float) -> None:
    """RSS added up against what is really in use, to one scale."""
    rss, data, tables = measures.total("RSS"), measures.data, measures.page_tables
    left, scale = 172, (WIDTH - MARGIN - 110 - 172) / max(rss, data + tables, 1)
    for row, (name, total) in enumerate((("RSS added up", rss), ("really in use", data + tables))):
        middle = y - 6 - 28 * row
        sheet.write(MARGIN, middle, name, size=11)
        sheet.write(left + total * scale + 10, middle, format_size(total), size=12, bold=True)
    sheet.frame((left, y - 16, left + rss * scale, y + 4), INK)
    sheet.fill(replace(STATES[TABLE], light=INK, hatch=""), (left, y - 44, left + data * scale, y - 24))
    sheet.fill(STATES[TABLE], (left + data * scale, y - 44, left + (data + tables) * scale, y - 24))
    end = left + (data + tables) * scale + 28 + text_width(format_size(data + tables), 12, bold=True)
    text = f"{format_size(data)} of data and {format_size(tables)} of page tables"
    if end + text_width(text, 10) < WIDTH - MARGIN:
        sheet.write(end, y - 34, text, colour=QUIET)
