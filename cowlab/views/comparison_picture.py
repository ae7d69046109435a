"""The picture of a comparison: the final figures side by side, the timings, the kernel and the date."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ..units import format_size
from .compared import Compared
from .marks import Sheet
from .palette import INK, QUIET

ROW = 25
LEFT, RIGHT = 16, 984
EDGES = (330, 430, 545, 645, 760, 860)  # right edges of RSS, PSS, USS: the model's and the kernel's of each
MOST_ROWS = 8
Row = tuple[str, ...]


def drawn(compared: Compared) -> Sheet:
    """The comparison on a sheet."""
    figures, timings = _figure_rows(compared), _timing_rows(compared)
    head = _headline(compared)
    height = ROW * (len(head) + len(figures) + len(timings) + 5) + 30
    sheet = Sheet(-height, 0)
    y = _draw_head(sheet, head, compared)
    y = _draw_rows(sheet, y, ("", "RSS", "", "PSS", "", "USS", ""), EDGES, quiet=True)
    y = _draw_rows(sheet, y, ("at the end", *("model", "kernel") * 3, "equal"), (*EDGES, RIGHT), quiet=True)
    for row in figures:
        y = _draw_rows(sheet, y, row, (*EDGES, RIGHT))
    y = _draw_rows(sheet, y - 10, ("time to run", "model", "kernel"), (EDGES[3], EDGES[5]), quiet=True)
    for row in timings:
        y = _draw_rows(sheet, y, row, (EDGES[3], EDGES[5]))
    return sheet


def described(compared: Compared) -> str:
    """The same in words."""
    heads = ("RSS", "PSS", "USS")
    lines = [f"{compared.verdict}.", *_headline(compared), "At the end, model and kernel:"]
    for name, *cells, same in _figure_rows(compared):
        pairs = zip(heads, cells[::2], cells[1::2], strict=True)
        told = [f"{head} {one} and {other}" for head, one, other in pairs if one]
        lines.append(f"{name}: {', '.join([*told, f'equal: {same}'])}.")
    lines.append("Time to run, model and kernel:")
    return "\n".join([*lines, *(f"{kind}: {one} and {other}." for kind, one, other in _timing_rows(compared))])


def _headline(compared: Compared) -> list[str]:
    outcome = compared.outcome
    if outcome.not_here is None:
        return [outcome.origin]
    return [outcome.origin, *textwrap.wrap(f"Not run here: {outcome.not_here}", 100)]


def _draw_head(sheet: Sheet, head: Sequence[str], compared: Compared) -> float:
    y = -20.0
    sheet.write(LEFT, y, f"{compared.verdict}.", size=12, bold=True)
    for text in head:
        y -= ROW
        sheet.write(LEFT, y, text, size=11, colour=INK if text is head[0] else QUIET)
    return y - ROW - 8


def _draw_rows(sheet: Sheet, y: float, row: Row, edges: Sequence[float], quiet: bool = False) -> float:
    """One row of text, its first cell on the left, the others right-aligned; the next row's height."""
    colour = QUIET if quiet else INK
    sheet.write(LEFT, y, row[0], size=11, colour=colour)
    for edge, cell in zip(edges, row[1:], strict=False):
        sheet.write(edge, y, cell, size=11, colour=colour, align="right")
    if quiet and row[0]:
        sheet.rule([((LEFT, y - ROW / 2), (RIGHT, y - ROW / 2))])
    return y - ROW


def _figure_rows(compared: Compared) -> list[Row]:
    """A row for each process: RSS, PSS, USS of both, and whether all its fields are equal."""
    model, kernel = compared.entries[-1]["smaps"], compared.outcome.entries[-1]["smaps"]
    rows = []
    for name in list(kernel)[:MOST_ROWS]:
        pairs = zip(_measures(model[name]), _measures(kernel[name]), strict=True)
        same = "yes" if model[name] == kernel[name] else "NO"
        rows.append((name, *(format_size(kib * 1024) for pair in pairs for kib in pair), same))
    if len(kernel) > MOST_ROWS:
        rest = list(kernel)[MOST_ROWS:]
        same = "yes" if all(model[name] == kernel[name] for name in rest) else "NO"
        rows.append((f"{len(rest)} more", *[""] * 6, same))
    return rows


def _measures(regions: dict[str, dict[str, int]]) -> tuple[int, int, int]:
    """RSS, PSS and USS of a process, in KiB."""
    total: dict[str, int] = {}
    for fields in regions.values():
        for field, kib in fields.items():
            total[field] = total.get(field, 0) + kib
    private = total.get("Private_Clean", 0) + total.get("Private_Dirty", 0)
    return total.get("Rss", 0), total.get("Pss", 0), private


def _timing_rows(compared: Compared) -> list[Row]:
    """A row for each kind of operation that takes the kernel some time."""
    kinds: dict[str, list[int]] = {}
    for number, op in enumerate(compared.operations):
        if op["op"] in ("fork", "write", "read"):
            kinds.setdefault(op["op"], []).append(number)
    return [_timing_row(kind, numbers, compared) for kind, numbers in kinds.items()]


def _timing_row(kind: str, numbers: Sequence[int], compared: Compared) -> Row:
    times: list[Sequence[float]] = [compared.timings, compared.outcome.timings]
    title = f"{kind}, {len(numbers)} times" if len(numbers) > 1 else f"{kind}, once"
    return (title, *(_duration(sum(side[number] for number in numbers)) for side in times))


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.0f} µs"
