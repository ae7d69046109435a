"""The table of processes: what Linux measures of each, why adding up a column may lie, and two machines side by side.

As HTML, as text, and drawn. All of them are made from `Measures`, which a machine gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ..engine import Machine, Process
from ..engine.reports import procfs
from ..units import PAGE_SIZE, format_size
from .marks import Sheet, text_width
from .palette import QUIET
from .piece import Piece
from .piece_sheet import LEFT, MOST_ROWS, RIGHT, Scroll, shortened

ROW = 24  # height of a drawn row
EDGES = (612, 736, 860, RIGHT)  # right edges of the columns below a map


@dataclass(frozen=True)
class Column:
    """A measure of processes: its name, what it means, and how it is written.

    Where a sum of it counts shared pages again for each process, `honest` names the column whose sum does not.
    """

    name: str
    help: str
    write: Callable[[int], str] = format_size
    honest: str = ""
    adds: bool = True


def _count(number: int) -> str:
    return f"{number:,}"


COLUMNS = (
    Column("VSZ", "Mapped, touched or not: addresses, not memory."),
    Column("RSS", "In memory and mapped here; a shared page counts in full for each process.", honest="PSS"),
    Column("PSS", "As RSS, but a page that n processes map counts as 1/n: this column can be added up."),
    Column("USS", "In memory, and mapped here alone: what the process's exit would give back."),
    Column("swap", "Private memory on disk; a shared page counts in full for each process.", honest="SwapPss"),
    Column("SwapPss", "As swap, but a page that n processes share counts as 1/n."),
    Column("minor", "Faults so far that needed no disk: the process did not wait for one.", _count),
    Column("major", "Faults so far that waited for a disk: swap, or a file that was not in memory.", _count),
    Column("oom_score", "When memory is gone, the OOM killer takes the process with the highest.", str, adds=False),
)
MEMORY = tuple(column.name for column in COLUMNS[:4])
SWAP = ("swap", "SwapPss")


@dataclass(frozen=True)
class Row:
    """The figures of one process: bytes or counts, by the name of the column."""

    name: str
    parent: str
    values: Mapping[str, int]


@dataclass(frozen=True)
class Measures:
    """What is known of the processes of one machine; `data` and `page_tables` are the bytes really in use."""

    rows: tuple[Row, ...]
    data: int
    page_tables: int
    columns: tuple[str, ...] = MEMORY

    def total(self, column: str) -> int:
        """A column added up."""
        return sum(row.values[column] for row in self.rows)


def rounding(rss: int, processes: int) -> int:
    """The most bytes that PSS leaves out: less than 1/4096 byte a page, and less than a byte a process, as in Linux."""
    return rss // PAGE_SIZE // 4096 + processes


def measure(machine: Machine) -> Measures:
    """The figures of `machine` now; the columns for swap only if it has swap. Each page is looked at once."""
    columns = tuple(c.name for c in COLUMNS if machine.account.swap or c.name not in SWAP)
    rows = []
    for process in machine.processes:
        values = _values(process)
        rows.append(Row(process.name, _parent(process), {name: values[name] for name in columns}))
    return Measures(tuple(rows), machine.frames.used * PAGE_SIZE, machine.frames.tables * PAGE_SIZE, columns)


def _values(process: Process) -> dict[str, int]:
    pages, swap = procfs.totals(process), process.swap
    return {
        "VSZ": process.vsz,
        "RSS": pages["Rss"],
        "PSS": pages["Pss"],
        "USS": pages["Uss"],
        "swap": swap,
        "SwapPss": sum(fields["SwapPss"] for fields in process.smaps().values()) * 1024 if swap else 0,
        "minor": process.minor_faults,
        "major": process.major_faults,
        "oom_score": process.oom_score,
    }


def _parent(process: Process) -> str:
    return process.parent.name if process.parent else ""


def _measures(source: Machine | Measures) -> Measures:
    if isinstance(source, Machine):
        return measure(source)
    return source


# Lines ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of the table: for each column a text.

    `differs`: the columns that the line above has otherwise; `lies`: those whose sum counts pages more than once.
    """

    title: str
    cells: tuple[str, ...]
    label: str = ""
    strong: bool = False
    differs: frozenset[int] = frozenset()
    lies: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Table:
    """The lines, one or two (two machines) for each process, alike ones together; and what is to be known of it."""

    columns: tuple[Column, ...]
    blocks: tuple[tuple[Line, ...], ...]
    notes: tuple[str, ...]

    @property
    def lines(self) -> list[Line]:
        return [line for block in self.blocks for line in block]


def tabled(first: Measures, second: Measures | None = None, labels: tuple[str, str] = ("", "")) -> Table:
    """The table of one machine, or of two: then with the columns that both know."""
    sides = (first,) if second is None else (first, second)
    columns = tuple(c for c in COLUMNS if all(c.name in side.columns for side in sides))
    blocks = [_block(_title(names), rows, columns, labels) for names, rows in _alike(sides)]
    blocks.append(tuple(_sums(side, columns, label) for side, label in zip(sides, labels, strict=False)))
    blocks.append(tuple(_in_use(side, label) for side, label in zip(sides, labels, strict=False)))
    named = zip(sides, labels, strict=False)
    notes = [f"{label}: {note}" if label else note for side, label in named for note in _notes(side)]
    if second is not None:
        notes.append("≠ marks a figure that differs from the line above it.")
    return Table(columns, tuple(blocks), tuple(notes))


Rows = tuple[Row | None, ...]  # of one process, a row for each machine; None: it is not there


def _alike(sides: tuple[Measures, ...]) -> list[tuple[tuple[str, ...], Rows]]:
    """Neighbours of one parent with equal figures together; parents by themselves."""
    found: list[tuple[tuple[str, ...], Rows]] = []
    by_name = [{row.name: row for row in side.rows} for side in sides]
    names = dict.fromkeys(row.name for side in sides for row in side.rows)
    for name in names:
        rows = tuple(rows.get(name) for rows in by_name)
        if found and _facts(found[-1][1]) == _facts(rows):
            found[-1] = (found[-1][0] + (name,), found[-1][1])
        else:
            found.append(((name,), rows))
    return found


def _facts(rows: Rows) -> list[object]:
    return [row and (row.parent, row.values) for row in rows]


def _title(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, each"


def _block(title: str, rows: Rows, columns: tuple[Column, ...], labels: tuple[str, str]) -> tuple[Line, ...]:
    lines: list[Line] = []
    for row, label in zip(rows, labels, strict=False):
        cells = tuple(column.write(row.values[column.name]) if row else "–" for column in columns)
        lines.append(Line(title, cells, label, differs=_differing(rows, columns) if lines else frozenset()))
    return tuple(lines)


def _differing(rows: Rows, columns: tuple[Column, ...]) -> frozenset[int]:
    facts = [[row.values[column.name] if row else None for column in columns] for row in rows]
    return frozenset(n for n, pair in enumerate(zip(*facts, strict=True)) if pair[0] != pair[1])


def _sums(side: Measures, columns: tuple[Column, ...], label: str) -> Line:
    cells = tuple(column.write(side.total(column.name)) if column.adds else "" for column in columns)
    lies = frozenset(n for n, c in enumerate(columns) if c.honest and side.total(c.name) > side.total(c.honest))
    title = "added up" if label else f"added up ({len(side.rows):,})"
    return Line(title, cells, label, strong=True, lies=lies)


def _in_use(side: Measures, label: str) -> Line:
    used, data, tables = map(format_size, (side.data + side.page_tables, side.data, side.page_tables))
    return Line("really in use", (f"{used} = {data} data + {tables} page tables",), label, strong=True)


def _notes(side: Measures) -> Iterable[str]:
    """What the sums are worth."""
    rss, rest = side.total("RSS"), side.data - side.total("PSS")
    if rss > side.total("PSS"):
        yield f"Do not add up RSS: {format_size(rss)} count shared pages again for each process."
    if rest <= rounding(rss, len(side.rows)):
        yield f"PSS can be added up: it gives the {format_size(side.data)} of data in use."
    else:
        more = format_size(rest // PAGE_SIZE * PAGE_SIZE)
        yield f"PSS can be added up; {more} of data more are in memory, and no process maps them."


# The table as HTML, and as text ---------------------------------------------------------------------------------

STYLE = """<style>
.cowlab-table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 1.05em; }
.cowlab-table caption { caption-side: bottom; text-align: left; padding-top: 6px; }
.cowlab-table th, .cowlab-table td { padding: 3px 12px; white-space: nowrap; }
.cowlab-table tbody th { text-align: left; font-weight: inherit; }
.cowlab-table thead th, .cowlab-table td { text-align: right; }
.cowlab-table tbody { border-top: 1px solid var(--jp-border-color2, #8888); }
.cowlab-table tr.strong { font-weight: 600; }
.cowlab-table del { opacity: .75; }
</style>"""


def as_html(
    source: Machine | Measures,
    other: Machine | Measures | None = None,
    labels: tuple[str, str] = ("", ""),
) -> str:
    """The table in HTML, in the page's own colours."""
    table = tabled(_measures(source), None if other is None else _measures(other), labels)
    both = other is not None
    heads = "".join(f'<th scope="col" title="{escape(c.help)}">{c.name}</th>' for c in table.columns)
    side = '<th scope="col" style="text-align:left">machine</th>' if both else ""
    body = "".join(_html_block(block, table.columns, both) for block in table.blocks)
    return (
        f'{STYLE}<div class="cowlab-scroll" role="region" aria-label="table of processes" tabindex="0">'
        '<table class="cowlab-table">'
        f"<caption>{'<br>'.join(map(escape, table.notes))}</caption>"
        f'<thead><tr><th scope="col" style="text-align:left">process</th>{side}{heads}</tr></thead>{body}</table></div>'
    )


def _html_block(block: tuple[Line, ...], columns: tuple[Column, ...], both: bool) -> str:
    """The lines of one process; its name stands once, before all of them."""
    rows = []
    for number, line in enumerate(block):
        heads = ""
        if number == 0:
            scope = f'scope="rowgroup" rowspan="{len(block)}"' if both else 'scope="row"'
            heads = f'<th {scope} style="text-align:left">{escape(line.title)}</th>'
        if both:
            heads += f'<th scope="row" style="text-align:left">{escape(line.label)}</th>'
        strong = ' class="strong"' if line.strong else ""
        rows.append(f"<tr{strong}>{heads}{_html_cells(line, len(columns))}</tr>")
    return f"<tbody>{''.join(rows)}</tbody>"


def _html_cells(line: Line, columns: int) -> str:
    if len(line.cells) == 1 < columns:
        return f'<td colspan="{columns}" style="text-align:left">{escape(line.cells[0])}</td>'
    cells = []
    for number, cell in enumerate(line.cells):
        text = f"{'≠ ' if number in line.differs else ''}{escape(cell)}"
        if number in line.lies:
            text = f'<del title="This sum counts shared pages again for each process.">{text}</del>'
        cells.append(f'<td style="text-align:right">{text}</td>')
    return "".join(cells)


def as_text(
    source: Machine | Measures,
    other: Machine | Measures | None = None,
    labels: tuple[str, str] = ("", ""),
) -> str:
    """The table in plain text, columns aligned."""
    table = tabled(_measures(source), None if other is None else _measures(other), labels)
    rows = [("", tuple(column.name for column in table.columns))]
    for line in table.lines:
        title = f"{line.title} ({line.label})" if line.label else line.title
        rows.append((title, tuple(f"{'≠ ' if n in line.differs else ''}{cell}" for n, cell in enumerate(line.cells))))
    first = max(len(title) for title, _ in rows)
    whole = [cells for _, cells in rows if len(cells) == len(table.columns)]
    widths = [max(map(len, cells)) for cells in zip(*whole, strict=True)]
    text = [f"{title:<{first}}  {_aligned(cells, widths)}".rstrip() for title, cells in rows]
    return "\n".join([*text, *table.notes])


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    if len(cells) < len(widths):
        return cells[0]
    return "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


# The widget -----------------------------------------------------------------------------------------------------


class ProcessTable(Piece):
    """The processes of a machine as a table. Those with equal figures share a line.

    ProcessTable(machine)                                        # keeps up with the machine
    ProcessTable(machine, follow=False)                          # stays as it is now
    ProcessTable().show(one, other, labels=("copy on write", "eager"))
    """

    TITLE = "Processes"
    HOW_TO_READ = (
        "A line for each process, a column for each of Linux's measures; PSS alone adds up to the memory in use."
    )
    other: Machine | Measures | None = None
    labels = ("", "")

    def show(
        self,
        machine: Machine,
        other: Machine | Measures | None = None,
        labels: tuple[str, str] = ("", ""),
    ) -> None:
        """Show `machine`; with `other` (a machine, or measures of a kernel) below each of its lines, marked where they
        differ."""
        self.take(machine, *([other] if isinstance(other, Machine) else []))
        self.other, self.labels = other, labels
        self.redraw()

    def html(self) -> str:
        return as_html(self._measured, self._other_measured, self.labels)

    def words(self) -> str:
        return as_text(self._measured, self._other_measured, self.labels)

    def sheet(self) -> Sheet:
        table = tabled(self._measured, self._other_measured, self.labels)
        return draw_whole(table, Scroll(self.TITLE, self.HOW_TO_READ))

    def draw(self) -> None:
        """Measure once, for all forms."""
        assert self.machine
        self._measured = measure(self.machine)
        self._other_measured = None if self.other is None else _measures(self.other)
        super().draw()


# Drawn, for paper and for notebooks that were not run ------------------------------------------------------------


def table_height(memory: Machine | Measures) -> int:
    """How much room the drawn table takes."""
    return ROW * (len(_drawn(memory).lines) + 2)


def draw_table(sheet: Sheet, memory: Machine | Measures, y: float) -> None:
    """Draw the measures of memory, the head at height `y`, the rest below."""
    table = _drawn(memory)
    for edge, column in zip(EDGES, table.columns, strict=True):
        sheet.write(edge, y, column.name, size=11, colour=QUIET, align="right")
    for line in table.lines:
        y -= ROW
        if line.strong:
            sheet.rule([((LEFT, y + ROW / 2), (EDGES[-1], y + ROW / 2))])
        sheet.write(LEFT, y, line.title, size=11, bold=line.strong)
        for edge, cell in zip(EDGES if len(line.cells) > 1 else EDGES[-1:], line.cells, strict=True):
            sheet.write(edge, y, cell, size=11, bold=line.strong, align="right")


def draw_whole(table: Table, scroll: Scroll) -> Sheet:
    """A table with all its columns and its notes."""
    number = len(table.columns)
    size, spacing = (10, 96) if number <= 7 else (9, 85)
    edges = [RIGHT - spacing * n for n in reversed(range(number))]
    for edge, column in zip(edges, table.columns, strict=True):
        scroll.sheet.write(edge, scroll.y - ROW / 2, column.name, size=size, colour=QUIET, align="right")
    scroll.skip(ROW)
    *processes, sums, in_use = table.blocks
    for block in processes[:MOST_ROWS]:
        _draw_block(scroll, block, edges, size)
    scroll.left_out(len(processes) - MOST_ROWS)
    for block in (sums, in_use):
        _draw_block(scroll, block, edges, size)
    scroll.skip(8)
    for note in table.notes:
        scroll.text(note, colour=QUIET)
    scroll.skip(8)
    return scroll.sheet


def _draw_block(scroll: Scroll, block: tuple[Line, ...], edges: Sequence[float], size: float) -> None:
    """The lines of one process. Of two machines each has a line, and the process's name stands above them."""
    scroll.sheet.rule([((LEFT, scroll.y), (RIGHT, scroll.y))])
    if block[0].label:
        scroll.text(block[0].title, bold=block[0].strong)
    for line in block:
        y, left = scroll.y - ROW / 2, LEFT + 14 if line.label else LEFT
        cells = list(zip(edges if len(line.cells) > 1 else edges[-1:], line.cells, strict=True))
        room = cells[0][0] - text_width(line.cells[0], size, line.strong) - left - 12
        title = shortened(line.label or line.title, 10, room, line.strong)
        scroll.sheet.write(left, y, title, bold=line.strong)
        for number, (edge, cell) in enumerate(cells):
            text = f"≠ {cell}" if number in line.differs else cell
            scroll.sheet.write(edge, y, text, size=size, bold=line.strong, align="right")
            if number in line.lies:
                start = edge - text_width(text, size, line.strong)
                scroll.sheet.line((start, y), (edge, y), 1.2)
        scroll.skip(ROW)


def _drawn(source: Machine | Measures) -> Table:
    """The table with the columns that are drawn."""
    found = _measures(source)
    rows = (Row(row.name, row.parent, {name: row.values[name] for name in MEMORY}) for row in found.rows)
    return tabled(Measures(tuple(rows), found.data, found.page_tables))
