"""A table of what a lesson computes: as HTML for a page, and as text for readers that run nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from numbers import Integral

NUMBER = re.compile(r"[-+]?\d([\d.,]*\d)?\s?\S*")  # with its unit, where it has one: "7", "-2%", "1.5 GiB"


class Rows:
    """A table of which every cell is written. A column that holds numbers stands to the right."""

    def __init__(self, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
        self.columns = columns
        self.lines = lines
        self.right = [any(map(NUMBER.fullmatch, cells)) for cells in zip(*lines, strict=True)]

    def __repr__(self) -> str:
        lines = [self.columns, *self.lines]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        forms = [f"{{:{'>' if right else '<'}{width}}}" for right, width in zip(self.right, widths, strict=True)]
        return "\n".join("  ".join(forms).format(*line).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        """In the look of the page: JupyterLab and its slides have one for tables, in each of their themes."""
        head = self._html_line(self.columns, "th")
        body = "".join(self._html_line(line, "td") for line in self.lines)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"

    def _html_line(self, line: Sequence[str], tag: str) -> str:
        """Each cell says its side itself: a notebook that is not trusted has no style sheets of its own."""
        sides = ["right" if right else "left" for right in self.right]
        cells = (
            f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in zip(sides, line, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"


def table(rows: Iterable[Mapping[str, object]]) -> Rows:
    """A table with a line for each of `rows`. A row gives, by the name of its column, what stands in each cell.

    table([{"written": "10%", "faults": 1638}, {"written": "50%", "faults": 8192}])

    Raises ValueError if there are no rows, or if one has other columns than the first.
    """
    given = list(rows)
    if not given:
        raise ValueError("a table without rows has no columns: give one row or more")
    columns = list(given[0])
    for number, row in enumerate(given, 1):
        if list(row) != columns:
            raise ValueError(f"row {number} has the columns {list(row)}, the first {columns}: give each row the same")
    return Rows(columns, [[_written(cell) for cell in row.values()] for row in given])


def _written(cell: object) -> str:
    """A whole number with its thousands apart; anything else as it is."""
    return f"{cell:,}" if isinstance(cell, Integral) and not isinstance(cell, bool) else str(cell)
