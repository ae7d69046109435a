"""The lab's picture: each process's page table, the physical frames, and what is really in use.

Pages are drawn to scale, with a line between cells: where a cell stands for many pages, it shows its mix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..units import PAGE_SIZE, format_size
from . import words
from .marks import Box, Sheet, text_width
from .observation import Group, Memory
from .palette import BY_MORE, BY_TWO, INK, LEGEND, PRIVATE, QUIET, RULE, TABLE, USED, look_of
from .process_table import ROW, draw_table, table_height

HEIGHT = 470  # without the table
CELLS = 32  # cells in a row of pages at most
MOST_ALONE = 7  # processes up to this number have a row each; of more, those alike share one
MOST_ROWS = 8

LEFT, STRIP, STRIP_END = 16, 172, 612
GRID, GRID_END = 654, 984
TOP, BOTTOM = 400, 118  # of rows and of the grid of frames
SIDES = (28, 24, 21, 18, 16, 14, 12, 10.5, 9.4, 8.2, 7.5, 7, 6.4, 6, 5.6, 5.2, 4.8, 4.4, 4)


class Picture:
    """A picture that is drawn again and again. `table=True` has the table of measures below, for paper."""

    def __init__(self, table: bool = False) -> None:
        self.table = table
        self.sheet = Sheet()

    def png(self, memory: Memory, title: str = "") -> bytes:
        """The picture of `memory` as a PNG."""
        self.sheet.clear(-table_height(memory) if self.table else 0, HEIGHT)
        draw(self.sheet, memory, title)
        if self.table:
            draw_table(self.sheet, memory, -ROW)
        return self.sheet.png(fast=not self.table)


def draw(sheet: Sheet, memory: Memory, title: str = "") -> None:
    """Draw `memory` on the upper HEIGHT of a sheet."""
    sheet.write(LEFT, HEIGHT - 22, title or f"{words.headline(memory)}.", size=12, bold=True)
    scale = pages_in_a_cell(memory)
    cell = "1 page, 4 KiB" if scale == 1 else f"{scale:,} pages, {format_size(scale * PAGE_SIZE)}"
    sheet.write(LEFT, TOP + 16, f"Page tables (a cell is {cell})", size=11, colour=QUIET)
    _draw_rows(sheet, _rows(memory), scale)
    _draw_frames(sheet, memory, scale)
    _draw_legend(sheet, BOTTOM - 30)
    _draw_bars(sheet, memory)


def pages_in_a_cell(memory: Memory) -> int:
    """How many pages a cell stands for."""
    most = max((group.pages for group in memory.groups), default=0)
    return max(1, -(-most // CELLS))


# Page tables ----------------------------------------------------------------------------------------------


def _rows(memory: Memory) -> list[Group]:
    if memory.processes > MOST_ALONE:
        return list(memory.groups)
    return [replace(group, names=(name,)) for group in memory.groups for name in group.names]


def _draw_rows(sheet: Sheet, rows: Sequence[Group], scale: int) -> None:
    shown = rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS - 1]
    height = min(68, (TOP - BOTTOM) / max(1, min(len(rows), MOST_ROWS)))
    longest = max((group.pages for group in rows), default=0)
    page_width = (STRIP_END - STRIP) / max(1, longest)
    for number, group in enumerate(shown):
        top = TOP - number * height
        _draw_title(sheet, group, top - (height - 9) / 2)
        _draw_strip(sheet, group, scale, page_width, (top - height + 9, top))
    if len(shown) < len(rows):
        left_out = sum(len(group.names) for group in rows[len(shown) :])
        sheet.write(LEFT, TOP - len(shown) * height - 14, f"and {left_out} more, not drawn", colour=QUIET)


def _draw_title(sheet: Sheet, group: Group, middle: float) -> None:
    if len(group.names) == 1:
        sheet.write(LEFT, middle, _shortened(group.title, 11), size=11)
    else:
        sheet.write(LEFT, middle + 8, _shortened(group.title, 10))
        sheet.write(LEFT, middle - 9, f"{len(group.names)} alike", size=9, colour=QUIET)


def _shortened(title: str, size: float) -> str:
    """The title, cut where the strip begins."""
    while text_width(title, size) > STRIP - LEFT - 6:
        title = title.rstrip("…")[:-1] + "…"
    return title


def _draw_strip(sheet: Sheet, group: Group, scale: int, page_width: float, edges: tuple[float, float]) -> None:
    bottom, top = edges
    first = 0
    for _, runs in group.regions:
        for run in runs:
            left, right = (STRIP + (first + page) * page_width for page in (run.start, run.stop))
            sheet.fill(look_of(run.mappers), (left, bottom, right, top))
            _label(sheet, (left, bottom, right, top), run.mappers)
        first += runs[-1].stop
    cells = [STRIP + page * page_width for page in [*range(0, first, scale), first]]
    sheet.rule(((x, bottom), (x, top)) for x in cells)
    if first:
        sheet.rule(((cells[0], y), (cells[-1], y)) for y in edges)
    else:
        sheet.write(STRIP, (bottom + top) / 2, "nothing mapped", colour=QUIET)


def _label(sheet: Sheet, box: Box, mappers: int) -> None:
    """What the run is, if the text fits."""
    left, bottom, right, top = box
    for text in (words.state_of(mappers), str(mappers) if mappers else ""):
        if text_width(text, 10) + 12 < right - left:
            look = look_of(mappers)
            middle = ((left + right) / 2, (bottom + top) / 2)
            sheet.write(*middle, text, colour=look.text, align="center", on=look)
            return


# Physical frames ------------------------------------------------------------------------------------------


def _draw_frames(sheet: Sheet, memory: Memory, scale: int) -> None:
    """Frames of one state lie together; empty cells are what the same pages would take with nothing shared."""
    one, two, more = memory.frames_by()
    tables = memory.table_frames
    used = one + two + more + tables
    unshared = memory.total.rss // PAGE_SIZE + tables
    sheet.write(GRID, TOP + 16, f"Physical frames: {used:,} in use", size=11, colour=QUIET)
    cells = -(-max(used, unshared) // scale)
    side, columns = _cell_side(cells)
    position = 0
    for frames, look in ((more, BY_MORE), (two, BY_TWO), (one, PRIVATE), (tables, TABLE)):
        sheet.fill(look, *_wrapped(position, position + frames, columns * scale, side, scale))
        position += frames
    _draw_grid(sheet, cells, columns, side)


def _cell_side(cells: int) -> tuple[float, int]:
    """The largest cell with which so many cells fit into the grid, and the columns that gives."""
    width, height = GRID_END - GRID, TOP - BOTTOM
    for side in SIDES:
        columns = int(width / side)
        if columns * int(height / side) >= cells:
            return side, columns
    return 3, width // 3


def _wrapped(start: int, stop: int, row: int, side: float, scale: int) -> list[Box]:
    """Frames [start, stop) of a line that is wrapped into rows, as boxes."""
    boxes = []
    while start < stop:
        end = min(stop, (start // row + 1) * row)
        top = TOP - start // row * side
        left, right = (GRID + n * side / scale for n in (start % row, start % row + end - start))
        boxes.append((left, top - side, right, top))
        start = end
    return boxes


def _draw_grid(sheet: Sheet, cells: int, columns: int, side: float) -> None:
    """Lines around each cell; a line goes as far as there are cells on either side of it."""
    full, rest = divmod(cells, columns)
    for row in range(full + (rest > 0) + 1 if cells else 0):
        reach = columns if row <= full and full else rest
        reach = rest if row > full else reach
        sheet.rule([((GRID, TOP - row * side), (GRID + reach * side, TOP - row * side))])
    for column in range(min(columns, cells) + 1 if cells else 0):
        rows = full + (rest > 0 and column <= rest)
        sheet.rule([((GRID + column * side, TOP - rows * side), (GRID + column * side, TOP))])


# Legend and bars ------------------------------------------------------------------------------------------


def _draw_legend(sheet: Sheet, y: float) -> None:
    x = float(LEFT)
    for look in LEGEND:
        swatch = (x, y - 8, x + 24, y + 8)
        sheet.fill(look, swatch)
        sheet.frame(swatch, RULE)
        sheet.write(x + 32, y, look.word)
        x += 32 + text_width(look.word, 10) + 24


def _draw_bars(sheet: Sheet, memory: Memory) -> None:
    """RSS added up against what is really in use, to one scale."""
    scale = (GRID_END - 110 - STRIP) / max(memory.total.rss, memory.in_use, 1)
    rss, data, tables = (STRIP + n * scale for n in (memory.total.rss, memory.data, memory.in_use))
    sheet.write(LEFT, 50, "RSS added up", size=11)
    sheet.frame((STRIP, 39, rss, 61), INK)
    sheet.write(rss + 10, 50, format_size(memory.total.rss), size=12, bold=True)
    sheet.write(LEFT, 20, "really in use", size=11)
    sheet.fill(USED, (STRIP, 9, data, 31))
    sheet.fill(TABLE, (data, 9, tables, 31))
    text = format_size(memory.in_use)
    sheet.write(tables + 10, 20, text, size=12, bold=True)
    end = tables + 10 + text_width(text, 12, bold=True)
    if end + 18 + text_width(words.in_use(memory), 10) < GRID_END:
        sheet.write(end + 18, 20, words.in_use(memory), colour=QUIET)
