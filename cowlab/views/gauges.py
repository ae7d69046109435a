"""Gauges: how full RAM and swap are, what is promised, and how long processes waited for memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ..engine import Machine
from ..units import PAGE_SIZE, format_pages
from .marks import Box, Sheet
from .palette import INK, QUIET, Look
from .piece import Piece
from .piece_sheet import LEFT, RIGHT, Scroll

MODES = (
    "mode 0, heuristic: only a single request larger than RAM and swap is refused",
    "mode 1, always: nothing is refused",
    "mode 2, never: what would pass the limit, less a reserve, is refused",
)


@dataclass(frozen=True)
class Gauge:
    """A bar of `whole`, filled with `parts` one after another: each a fill (its name in STYLE) and an amount.

    `value` is the reading in words. `limit` is where a mark stands, `binds` whether it holds anybody back.
    """

    title: str
    value: str
    how_to_read: str
    whole: float
    parts: tuple[tuple[str, float], ...]
    limit: float | None = None
    binds: bool = True

    @property
    def filled(self) -> float:
        return sum(amount for _, amount in self.parts)


def gauges(machine: Machine) -> Iterator[Gauge]:
    """What the gauges of `machine` read now."""
    yield _ram(machine)
    yield _committed(machine)
    if machine.account.swap:
        yield _swap(machine)
    yield _pressure(machine)


def _ram(machine: Machine) -> Gauge:
    frames = machine.frames
    return Gauge(
        "RAM",
        f"{format_pages(frames.used)} data and {format_pages(frames.tables)} page tables; "
        f"{format_pages(frames.free)} of {format_pages(frames.total)} free",
        "Solid: data. Striped: page tables. Empty: free.",
        frames.total * PAGE_SIZE,
        (("data", frames.used * PAGE_SIZE), ("tables", frames.tables * PAGE_SIZE)),
    )


def _committed(machine: Machine) -> Gauge:
    account = machine.account
    binds = account.mode == 2
    limit, committed = account.limit * PAGE_SIZE, account.committed * PAGE_SIZE
    return Gauge(
        "Committed",
        f"{format_pages(account.committed)} promised; limit {format_pages(account.limit)}"
        f"{'' if binds else ', which does not bind'} ({MODES[account.mode]})",
        "What processes may write without asking again, in memory or not; the upright line is the limit.",
        max(limit, committed, 1),
        (("promised", committed),),
        limit,
        binds,
    )


def _swap(machine: Machine) -> Gauge:
    swap = machine.swap
    used = swap.total - swap.free
    return Gauge(
        "Swap",
        f"{format_pages(used)} of {format_pages(swap.total)} used",
        "Pages that are on disk: the process that touches one waits for it.",
        swap.total * PAGE_SIZE,
        (("data", used * PAGE_SIZE),),
    )


def _pressure(machine: Machine) -> Gauge:
    some = machine.pressure()["some"]
    return Gauge(
        "Pressure",
        f"{some['avg10']:.2f} % of the last 10 s, {some['avg60']:.2f} % of the last 60 s; "
        f"{some['total'] / 1e6:,.3f} s in all",
        "The share of time in which a process waited for memory; the bar shows that of the last 10 s.",
        100,
        (("waited", some["avg10"]),),
    )


# As HTML --------------------------------------------------------------------------------------------------------

STYLE = """<style>
.cowlab-gauges { display: grid; grid-template-columns: repeat(auto-fit, minmax(20em, 1fr)); gap: 10px 24px; }
.cowlab-gauges p { margin: 2px 0 0 0; }
.cowlab-bar { position: relative; display: flex; height: 20px; overflow: hidden; box-sizing: border-box;
  border: 1px solid var(--jp-content-font-color2, #777); border-radius: 3px; }
.cowlab-bar span { height: 100%; flex: none; }
.cowlab-bar .data { background: #3f86c8; }
.cowlab-bar .tables { background: repeating-linear-gradient(135deg, #6c6f78 0 4px, #b9bcc5 4px 8px); }
.cowlab-bar .promised { background: repeating-linear-gradient(90deg, #8a6bbf 0 7px, #a78fd0 7px 9px); }
.cowlab-bar .waited { background: #c2541a; }
.cowlab-bar .limit { position: absolute; top: 0; width: 0; border-left: 3px solid currentColor; margin-left: -3px; }
.cowlab-bar .loose { border-left-style: dashed; }
</style>"""


def bar(gauge: Gauge) -> str:
    """The bar of a gauge as HTML; it needs STYLE."""
    spans = [
        f'<span class="{name}" style="width:{100 * amount / gauge.whole:.3f}%"></span>' for name, amount in gauge.parts
    ]
    if gauge.limit is not None:
        loose = "" if gauge.binds else " loose"
        spans.append(f'<span class="limit{loose}" style="left:{100 * gauge.limit / gauge.whole:.3f}%"></span>')
    return (
        f'<div class="cowlab-bar" role="meter" aria-label="{escape(gauge.title)}" '
        f'aria-valuetext="{escape(gauge.value)}" aria-valuemin="0" '
        f'aria-valuemax="{gauge.whole:.15g}" aria-valuenow="{gauge.filled:.15g}">'
        f"{''.join(spans)}</div>"
    )


def _html(gauge: Gauge) -> str:
    return (
        f"<div><div><b>{escape(gauge.title)}</b>: {escape(gauge.value)}</div>{bar(gauge)}"
        f'<p class="cowlab-quiet">{escape(gauge.how_to_read)}</p></div>'
    )


# Drawn ----------------------------------------------------------------------------------------------------------

HIGH = 20  # of a drawn bar
FILLS = {
    name: Look("", fill, fill, text, text, "none", hatch)
    for name, fill, text, hatch in (
        ("data", "#3f86c8", INK, ""),
        ("tables", "#6c6f78", "#ffffff", "///"),
        ("promised", "#8a6bbf", "#ffffff", "||"),
        ("waited", "#c2541a", INK, ""),
    )
}
"""The fills of bars on paper, by the names that they have in STYLE."""


def draw_bar(sheet: Sheet, gauge: Gauge, box: Box) -> None:
    """The bar of a gauge in a box."""
    left, bottom, right, top = box
    unit, x = (right - left) / gauge.whole, left
    for name, amount in gauge.parts:
        if amount:
            sheet.fill(FILLS[name], (x, bottom, x + amount * unit, top))
            x += amount * unit
    sheet.frame(box, QUIET)
    if gauge.limit is not None:
        mark = left + gauge.limit * unit
        sheet.line((mark, bottom - 3), (mark, top + 3), 2.2, dashed=not gauge.binds)


class Gauges(Piece):
    """Gauges of a machine: RAM, what is committed, swap if it has any, and pressure."""

    TITLE = "Gauges"
    HOW_TO_READ = "Each bar is full where nothing is left; above it stands what it reads."

    def html(self) -> str:
        return f'{STYLE}<div class="cowlab-gauges">{"".join(map(_html, self._gauges))}</div>'

    def words(self) -> str:
        return "\n".join(f"{gauge.title}: {gauge.value}." for gauge in self._gauges)

    def sheet(self) -> Sheet:
        scroll = Scroll(self.TITLE, self.HOW_TO_READ)
        for gauge in self._gauges:
            scroll.text(f"{gauge.title}: {gauge.value}")
            scroll.skip(4)
            draw_bar(scroll.sheet, gauge, (LEFT, scroll.y - HIGH, RIGHT, scroll.y))
            scroll.skip(HIGH + 4)
            scroll.text(gauge.how_to_read, size=9, colour=QUIET)
            scroll.skip(14)
        return scroll.sheet

    def draw(self) -> None:
        assert self.machine
        self._gauges = list(gauges(self.machine))
        super().draw()
