"""The timeline: memory in use over a run, by process, with its limits and what happened; drawn, and in words."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from ..engine import Machine
from ..units import count, format_size
from .history import History, Moment, Recorder, Sample, history, sampling
from .marks import Sheet, text_width
from .palette import INK, LINE, PAPER, QUIET, STATES, TABLE, Look
from .piece import Piece
from .piece_sheet import shortened
from .sheet_png import Paper

__all__ = ["History", "Moment", "Sample", "Timeline", "draw", "history", "sampling"]


def _on_paper(fill: str, hatch: str = "", text: str = "#ffffff") -> Look:
    """A look for pictures, which are on light paper everywhere."""
    return Look("", fill, fill, text, text, "none", hatch)


LOOKS = tuple(
    _on_paper(fill, hatch)
    for fill, hatch in (
        ("#174a7e", ""),
        ("#c2541a", "///"),
        ("#3f86c8", ".."),
        ("#7a4a9c", "\\\\\\"),
        ("#a87c0c", "xx"),
        ("#2f7d5b", "---"),
        ("#a33b56", "++"),
    )
)
"""Of processes: neighbours differ in lightness and in texture."""
OTHERS, NOBODY, LABEL = _on_paper("#8f8a7a"), _on_paper("#c9c3b2", "///", INK), _on_paper(PAPER, text=INK)
LETTERS = {"fork": "F", "copy": "C", "refuse": "R", "alert": "A", "kill": "K"}

LEFT, RIGHT, LEGEND, END = 100, 720, 744, 984
BOTTOM, HEIGHT = 44, 240  # of the areas
ROW = 18  # of a row of moments, and of the legend
NEAR = 10  # letters closer than this are drawn as one


@dataclass(frozen=True)
class Series:
    """One area: its name, its look, and its bytes at each sample."""

    name: str
    look: Look
    bytes: NDArray[np.int64]


def series(past: History) -> list[Series]:
    """The areas from the bottom up: the processes that were largest, the others, data that nobody maps, page tables.

    At each sample they add up to the memory in use.
    """
    names = list(dict.fromkeys(name for sample in past.samples for name in sample.pss))
    table = {name: np.array([sample.pss.get(name, 0) for sample in past.samples], np.int64) for name in names}
    largest = sorted(names, key=lambda name: -int(table[name].max()))[: len(LOOKS)]
    shown = [name for name in names if name in largest]
    areas = [Series(name, look, table[name]) for name, look in zip(shown, LOOKS, strict=False)]
    if others := [table[name] for name in names if name not in largest]:
        areas.append(Series(f"{len(others):,} others", OTHERS, np.sum(others, axis=0)))
    nobody = np.array([sample.elsewhere for sample in past.samples], np.int64)
    if nobody.any():
        areas.append(Series("mapped by nobody", NOBODY, nobody))
    tables = np.array([sample.page_tables for sample in past.samples], np.int64)
    return [*areas, Series("page tables", STATES[TABLE], tables)]


# The picture ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """From operations (or seconds) and bytes to the sheet."""

    first: float
    last: float
    top: float

    def x(self, at: float) -> float:
        return LEFT + (RIGHT - LEFT) * (at - self.first) / (self.last - self.first)

    def y(self, size: float) -> float:
        return BOTTOM + HEIGHT * size / self.top


def draw(past: History, position: int, over: str = "operations") -> Sheet:
    """`past` on a sheet, with a line at `position`."""
    kinds = [kind for kind in LETTERS if any(moment.kind == kind for moment in past.moments)]
    above = BOTTOM + HEIGHT + 10
    sheet = Sheet(0, above + ROW * len(kinds) + 32)
    sheet.write(16, sheet.top - 16, headline(past, position), size=12, bold=True)
    edges = _edges(past, over)
    scale = Scale(edges[0], edges[-1], _top(past))
    _draw_axes(sheet, scale, over)
    areas = series(past)
    _draw_areas(sheet, areas, [scale.x(edge) for edge in edges], scale)
    _draw_limits(sheet, past, scale)
    for row, kind in enumerate(kinds):
        _draw_moments(sheet, [m for m in past.moments if m.kind == kind], above + ROW * (row + 0.5), scale, over)
    now = scale.x(_at(past.at(position), over) if over == "time" else position)
    sheet.line((now, BOTTOM - 6), (now, above), 1.8)
    _draw_legend(sheet, areas, past, position)
    return sheet


def _at(sample: Sample | Moment, over: str) -> float:
    return sample.time if over == "time" else sample.position


def _edges(past: History, over: str) -> list[float]:
    """Where each sample's step begins, and the end. Over operations a sample stands in the middle of its step."""
    at = [float(_at(sample, over)) for sample in past.samples]
    if over == "time":
        return [*at, at[-1] + max(0.02 * (at[-1] - at[0]), 1e-9)]
    middles = [(one + other) / 2 for one, other in pairwise(at)]
    return [at[0] - 0.5, *middles, at[-1] + 0.5]


def _top(past: History) -> float:
    """The largest size that is drawn: RAM and groups' limits too, unless they are far above all that was used."""
    most = max(past.peak.in_use, 1)
    lines = [size for size in (past.ram, *past.limits.values()) if size <= 2.5 * most]
    return 1.08 * max([most, *lines])


def _draw_axes(sheet: Sheet, scale: Scale, over: str) -> None:
    for size in _ticks(scale.top, 2.0 ** math.ceil(math.log2(scale.top / 5))):
        sheet.rule([((LEFT, scale.y(size)), (RIGHT, scale.y(size)))])
        sheet.write(LEFT - 8, scale.y(size), format_size(int(size)), colour=QUIET, align="right")
    for at in _ticks(scale.last, _decimal_step((scale.last - scale.first) / 6, whole=over != "time")):
        sheet.write(scale.x(at), BOTTOM - 14, f"{at:,g}", colour=QUIET, align="center")
    sheet.write((LEFT + RIGHT) / 2, 10, "seconds" if over == "time" else over, colour=QUIET, align="center")


def _ticks(last: float, step: float) -> list[float]:
    return [n * step for n in range(int(last / step) + 1)]


def _decimal_step(least: float, whole: bool) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (or 0.1, 0.2, ...) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= least)
    return max(1.0, step) if whole else step


def _draw_areas(sheet: Sheet, areas: Sequence[Series], xs: Sequence[float], scale: Scale) -> None:
    below = np.zeros(len(xs) - 1)
    for area in areas:
        above = below + area.bytes
        if area.bytes.any():
            top, bottom = ([scale.y(size) for size in edge] for edge in (above, below))
            shape = _steps(xs, top) + _steps(xs, bottom)[::-1]
            sheet.area(area.look, shape)
        below = above


def _steps(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    """The upper edge of steps: one from each x to the next, at its y."""
    return [(x, y) for n, y in enumerate(ys) for x in (xs[n], xs[n + 1])]


def _draw_limits(sheet: Sheet, past: History, scale: Scale) -> None:
    names: dict[int, list[str]] = {past.ram: ["RAM"]}
    for path, size in past.limits.items():
        names.setdefault(size, []).append(f"max of {path}")
    labelled = -math.inf
    for size, of in sorted(names.items()):
        y = scale.y(size)
        if size > scale.top:
            continue
        sheet.line((LEFT, y), (RIGHT, y), 1.2, dashed=True)
        if y - labelled > 16:  # else it would cover the label below
            labelled = y
            more = f" and {len(of) - 1:,} more" if len(of) > 1 else ""
            sheet.write(LEFT + 10, y, f"{of[0]}{more}: {format_size(size)}", size=9, on=LABEL)


def _draw_moments(sheet: Sheet, moments: Sequence[Moment], y: float, scale: Scale, over: str) -> None:
    """A row of letters, those close together as one."""
    kind = moments[0].kind
    sheet.write(LEFT - 8, y, kind, colour=QUIET, align="right")
    sheet.rule([((LEFT, y), (RIGHT, y))])
    last = -math.inf
    for moment in moments:
        x = scale.x(_at(moment, over))
        if x - last >= NEAR:
            last = x
            sheet.write(x, y, LETTERS[kind], size=10, bold=True, align="center", on=LABEL)


def _draw_legend(sheet: Sheet, areas: Sequence[Series], past: History, position: int) -> None:
    """The areas as they lie, and what each has at the line."""
    now = past.samples.index(past.at(position))
    y = float(BOTTOM + HEIGHT - 8)
    for area in reversed(areas):
        swatch = (LEGEND, y - 7, LEGEND + 20, y + 7)
        sheet.fill(area.look, swatch)
        sheet.frame(swatch, LINE)
        size = format_size(int(area.bytes[now]))
        sheet.write(LEGEND + 28, y, shortened(area.name, 10, END - LEGEND - 44 - text_width(size, 10)))
        sheet.write(END, y, size, align="right")
        y -= ROW + 4


# In words ---------------------------------------------------------------------------------------------------------


def headline(past: History, position: int) -> str:
    """The picture in one sentence."""
    now, peak = past.at(position), past.peak
    return (
        f"{format_size(now.in_use)} in use after operation {now.position:,}; at most {format_size(peak.in_use)}, "
        f"after operation {peak.position:,} of {past.operations:,}."
    )


def described(past: History, position: int) -> str:
    """All that the picture shows: the areas at the line, the limits, and what happened."""
    now = past.samples.index(past.at(position))
    lines = [headline(past, position)]
    lines += [f"{area.name}: {format_size(int(area.bytes[now]))}." for area in series(past)]
    limits = {"RAM": past.ram, **{f"max of {path}": size for path, size in past.limits.items()}}
    lines.append(f"Limits: {', '.join(f'{name} {format_size(size)}' for name, size in limits.items())}.")
    lines += [_happened(past.moments, kind) for kind in LETTERS]
    return "\n".join(line for line in lines if line)


def _happened(moments: Sequence[Moment], kind: str) -> str:
    found = [moment for moment in moments if moment.kind == kind]
    if not found:
        return ""
    shown = "; ".join(f"{moment.position:,}: {moment.text}" for moment in found[:3])
    return f"{kind} ({count(len(found), 'operation', 'operations')}): {shown}{'; ...' if len(found) > 3 else ''}."


# The widget -------------------------------------------------------------------------------------------------------


class Timeline(Piece):
    """Memory over a run, by process. Alone it writes down what its machine does from now on.

    Timeline(machine)                                            # a sample at each change that is drawn
    Timeline().show(machine, history(trace), position=7)         # a whole run, with a line at one operation
    """

    TITLE = "Timeline"
    HOW_TO_READ = "The areas are each process's share (PSS) and the page tables: together they are the memory in use."

    def __init__(self, machine: Machine | None = None, *, over: str = "operations", follow: bool = True) -> None:
        if over not in ("operations", "time"):
            raise ValueError(f"over={over!r}: give 'operations' or 'time'")
        self.over = over
        self._paper = Paper()
        self._given: History | None = None
        self._position: int | None = None
        self._recorder: Recorder | None = None
        super().__init__(machine, follow=follow)

    def show(self, machine: Machine, past: History | None = None, position: int | None = None) -> None:
        """Show `past`, a run, with a line after `position` operations (else at its end); without it, what this timeline
        wrote down of `machine` itself."""
        if past is not None and not isinstance(past, History):
            raise TypeError(f"Timeline shows a History, not {past!r}: give what history(trace) returns")
        self.take(machine)
        self._given, self._position = past, position
        self.redraw()

    def parts(self) -> list[widgets.Widget]:
        self._image = widgets.HTML(layout=widgets.Layout(width="100%"))  # an Image would have no alt
        return [self._image]

    def draw(self) -> None:
        assert self.machine
        if self._given is None:
            self._write_down()
        png = base64.b64encode(self._paper.png(self.sheet(), fast=True)).decode()
        alt = escape(headline(self.history, self.position))
        size = "width: 100%; max-width: 1200px"
        self._image.value = f'<img alt="{alt}" style="{size}" src="data:image/png;base64,{png}">'
        self._text = self.words()

    def _write_down(self) -> None:
        """A sample more of the machine, the first if it is another than before."""
        if self._recorder is None or self._recorder.machine is not self.machine:
            assert self.machine
            self._recorder = Recorder(self.machine)
        samples = self._recorder.samples
        position = samples[-1].position + 1 if samples else 0
        self._recorder.note(position)
        self._recorder.sample(position)
        self._recorder.thin_out()

    @property
    def history(self) -> History:
        """The run that is shown."""
        if self._given is not None:
            return self._given
        if self._recorder is None:
            raise ValueError("this timeline has no machine yet: give one with show(machine)")
        return self._recorder.history()

    @property
    def position(self) -> int:
        """Where the line stands."""
        return self.history.operations if self._position is None else self._position

    def sheet(self) -> Sheet:
        return draw(self.history, self.position, self.over)

    def words(self) -> str:
        return described(self.history, self.position)

    def pictures(self) -> dict[str, str]:
        if self.machine is None:
            return {}
        return {"image/png": base64.b64encode(self.picture()).decode()}
