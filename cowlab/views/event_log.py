"""The log of a machine in words: what happened last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from ..arguments import whole
from ..engine import Event, Machine
from . import words
from .marks import Sheet
from .palette import INK, QUIET
from .piece import Piece
from .piece_sheet import LEFT, MOST_ROWS, RIGHT, Scroll

MARKS = {
    "spawn": "S",
    "fork": "F",
    "exit": "E",
    "kill": "K",
    "oom_kill": "K",
    "attach": "G",
    "mmap": "M",
    "munmap": "U",
    "dontneed": "D",
    "protect": "P",
    "zero_map": "0",
    "zero_fill": "Z",
    "copy": "C",
    "reuse": "T",
    "file_map": "L",
    "swap_in": "I",
    "swap_out": "O",
    "throttle": "W",
    "refuse": "R",
    "alert": "A",
}
"""A letter for each kind of event; "kill" and "oom_kill" share theirs, since the sentence tells them apart."""

GRAVE_COLOUR = "#c2541a"
GRAVE = ("kill", "oom_kill", "refuse", "alert", "throttle")
REPEATED = ("swap_out", "throttle")  # one call may log many of them, a batch each
STYLE = """<style>
.cowlab-log { margin: 0; padding-left: 4em; font-variant-numeric: tabular-nums; }
.cowlab-log b { display: inline-block; width: 1.5em; margin-right: .5em; text-align: center; box-sizing: border-box;
  border: 1px solid var(--jp-content-font-color2, #777); border-radius: 3px; line-height: 1.3; }
.cowlab-log b.grave { border-width: 2px; border-color: #c2541a; }
</style>"""


def last_events(log: Sequence[Event], n: int) -> list[tuple[int, Event]]:
    """The last `n` events, each with its number in the log, from 1; repeated batches of one process are one event."""
    found: list[tuple[int, Event]] = []
    for number in range(len(log), 0, -1):
        event = log[number - 1]
        if found and _goes_on(event, found[-1][1]):
            found[-1] = (number, replace(event, count=event.count + found[-1][1].count))
        elif len(found) == n:
            break
        else:
            found.append((number, event))
    return found[::-1]


def _goes_on(event: Event, after: Event) -> bool:
    return event.kind == after.kind and event.kind in REPEATED and event.process == after.process


class EventLog(Piece):
    """The last `events` events of a machine's log, newest last; refusals, kills and alerts among them."""

    TITLE = "What happened"
    HOW_TO_READ = "The newest stands last; a thick edge marks that somebody was refused, held up or killed."

    def __init__(self, machine: Machine | None = None, *, events: int = 12, follow: bool = True) -> None:
        self.events = whole("events", events, "give the number of events to show, 1 or more", least=1)
        super().__init__(machine, follow=follow)

    def html(self) -> str:
        items = [
            f'<li value="{number}">{_mark(event)}{escape(sentence(event))}</li>' for number, event in self._last_events
        ]
        if not items:
            return "<p>Nothing happened yet.</p>"
        return f'{STYLE}<ol class="cowlab-log" aria-label="{escape(self.TITLE)}">{"".join(items)}</ol>'

    def words(self) -> str:
        lines = [f"{number}. [{MARKS[event.kind]}] {sentence(event)}" for number, event in self._last_events]
        return "\n".join(lines) or "Nothing happened yet."

    def sheet(self) -> Sheet:
        scroll = Scroll(self.TITLE, self.HOW_TO_READ)
        if (earlier := len(self._last_events) - MOST_ROWS) > 0:
            scroll.text(f"{earlier:,} earlier ones, not drawn", colour=QUIET)
        for number, event in self._last_events[-MOST_ROWS:]:
            _draw_event(scroll, number, event)
        if not self._last_events:
            scroll.text("Nothing happened yet.")
        scroll.skip(12)
        return scroll.sheet

    def draw(self) -> None:
        assert self.machine
        self._last_events = last_events(self.machine.log, self.events)
        super().draw()


def _mark(event: Event) -> str:
    grave = ' class="grave"' if event.kind in GRAVE else ""
    return f'<b{grave} aria-hidden="true">{MARKS[event.kind]}</b>'


def _draw_event(scroll: Scroll, number: int, event: Event) -> None:
    """Its number, its letter in a box, and its sentence."""
    middle, colour = scroll.y - 10, GRAVE_COLOUR if event.kind in GRAVE else INK
    scroll.sheet.write(LEFT + 44, middle, f"{number:,}.", align="right")
    scroll.sheet.write(LEFT + 64, middle, MARKS[event.kind], bold=True, align="center")
    scroll.sheet.frame((LEFT + 54, middle - 9, LEFT + 74, middle + 9), colour, 2 if event.kind in GRAVE else 0.8)
    scroll.text(sentence(event), edges=(LEFT + 86, RIGHT))
    scroll.skip(6)


def sentence(event: Event) -> str:
    """The event in words, with its time if the clock has moved."""
    return f"{_time(event.time)}{words.event(event)}."


def _time(seconds: float) -> str:
    if not seconds:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.3f} {unit}: "
    return f"{seconds * 1e6:.1f} µs: "
