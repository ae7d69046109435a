"""The table of VSZ, RSS, PSS and USS, and why adding up a column may lie: as HTML, as text, and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from ..engine import Machine
from ..units import format_size
from .marks import Sheet
from .observation import Figures, Memory, observe
from .palette import QUIET

COLUMNS = (
    ("VSZ", "mapped, touched or not"),
    ("RSS", "in memory and mapped here; shared pages count in full"),
    ("PSS", "as RSS, but a page with n mappers counts as 1/n"),
    ("USS", "private: what its exit would give back"),
)
ROW = 24  # height of a drawn row
LEFT = 16
EDGES = (612, 736, 860, 984)  # right edges of the drawn columns


@dataclass(frozen=True)
class Line:
    """A row of the table: a title, and one text a column."""

    title: str
    cells: tuple[str, ...]
    strong: bool = False


class ProcessTable:
    """The processes of `machine` as a table, as they are when it is made. Processes with equal figures share a line."""

    def __init__(self, machine: Machine) -> None:
        self.memory = observe(machine, pages=False)

    def __repr__(self) -> str:
        return as_text(self.memory)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": as_text(self.memory), "text/html": as_html(self.memory)}


def table_lines(memory: Memory) -> list[Line]:
    """A line for each process or group alike, then the sums, then what is really in use."""
    found = [Line(_title(names), _cells(figures)) for names, figures in _alike(memory)]
    found.append(Line(f"added up ({memory.processes:,})", _cells(memory.total), strong=True))
    used = format_size(memory.in_use)
    tables = f"{format_size(memory.data)} data + {format_size(memory.page_tables)} page tables"
    found.append(Line("really in use", (f"{used} = {tables}",), strong=True))
    return found


def _alike(memory: Memory) -> list[tuple[tuple[str, ...], Figures]]:
    """Neighbours with equal figures together, wherever their pages lie; parents by themselves."""
    found: list[tuple[tuple[str, ...], Figures]] = []
    for number, group in enumerate(memory.groups):
        if found and found[-1][1] == group.figures and memory.groups[number - 1].parent == group.parent:
            found[-1] = (found[-1][0] + group.names, group.figures)
        else:
            found.append((group.names, group.figures))
    return found


def _title(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}, each"


def _cells(figures: Figures) -> tuple[str, ...]:
    return tuple(format_size(n) for n in (figures.vsz, figures.rss, figures.pss, figures.uss))


def as_text(memory: Memory) -> str:
    """The table in plain text, columns aligned."""
    rows = [Line("", tuple(name for name, _ in COLUMNS)), *table_lines(memory)]
    first = max(len(row.title) for row in rows)
    widths = [max(len(row.cells[n]) for row in rows[:-1]) for n in range(len(COLUMNS))]
    text = [
        f"{row.title:<{first}}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row.cells, widths, strict=True))
        for row in rows[:-1]
    ]
    return "\n".join([*text, f"{rows[-1].title:<{first}}  {rows[-1].cells[0]}"])


def as_html(memory: Memory) -> str:
    """The table in HTML, in the page's own colours."""
    heads = "".join(
        f'<th scope="col" title="{escape(help)}" style="text-align:right">{name}</th>' for name, help in COLUMNS
    )
    rows = "".join(_html_row(row) for row in table_lines(memory))
    return (
        '<table class="cowlab-table" style="font-variant-numeric:tabular-nums;font-size:1.05em">'
        f'<thead><tr><th scope="col" style="text-align:left">process</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _html_row(row: Line) -> str:
    span = f' colspan="{len(COLUMNS)}"' if len(row.cells) == 1 else ""
    weight = "font-weight:600;border-top:1px solid currentColor;" if row.strong else ""
    cells = "".join(f'<td{span} style="{weight}text-align:right">{escape(cell)}</td>' for cell in row.cells)
    title = f'<th scope="row" style="{weight}text-align:left;white-space:nowrap">{escape(row.title)}</th>'
    return f"<tr>{title}{cells}</tr>"


# Drawn, for paper and for notebooks that were not run ------------------------------------------------------


def table_height(memory: Memory) -> int:
    """How much room the drawn table takes."""
    return ROW * (len(table_lines(memory)) + 2)


def draw_table(sheet: Sheet, memory: Memory, y: float) -> None:
    """Draw the table, its head at height `y`, the rest below."""
    for edge, (name, _) in zip(EDGES, COLUMNS, strict=True):
        sheet.write(edge, y, name, size=11, colour=QUIET, align="right")
    for row in table_lines(memory):
        y -= ROW
        if row.strong:
            sheet.rule([((LEFT, y + ROW / 2), (EDGES[-1], y + ROW / 2))])
        sheet.write(LEFT, y, row.title, size=11, bold=row.strong)
        for edge, cell in zip(EDGES if len(row.cells) > 1 else EDGES[-1:], row.cells, strict=True):
            sheet.write(edge, y, cell, size=11, bold=row.strong, align="right")
