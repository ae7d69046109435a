"""What the pieces of the lab have in common: a title, how to read it, and keeping up with a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets

from ..engine import Machine
from .job import running_loop
from .marks import Sheet
from .pictures import Pictured

STYLE = """<style>
.cowlab-piece { color: var(--jp-content-font-color1, inherit); line-height: 1.4; font-size: 1.05em; }
.cowlab-piece h3 { margin: 0; font-size: 1.1em; font-weight: 600; }
.cowlab-piece p { margin: 2px 0 6px 0; }
.cowlab-quiet { color: var(--jp-content-font-color2, inherit); font-size: .95em; }
.cowlab-scroll { overflow-x: auto; max-width: 100%; }
</style>"""


class Soon:
    """Makes `call` once, at the end of this turn of the event loop, however often it is asked for in the turn.

    In a kernel a cell is one turn: 10,000 writes ask 10,000 times and are drawn once. Where no loop runs nothing would
    ever call, so it is only noted that the call is due (`stale`); `now` makes up for it.
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call
        self.stale = False
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that will call

    def __call__(self) -> None:
        self.stale = True
        loop = running_loop()
        if loop and loop is not self._loop:
            self._loop = loop
            loop.call_soon(self._turn_ends, loop)

    def now(self) -> None:
        """Make the call at once if it is due."""
        if self.stale:
            self.stale = False
            self.call()

    def cancel(self) -> None:
        """The call is due no longer."""
        self.stale = False

    def _turn_ends(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            self._loop = None
        self.now()


class Piece(Pictured, widgets.VBox):
    """A part of the lab that can be used alone: it shows `machine`, and with `follow` keeps up with it.

    A kind of piece has a TITLE, a sentence HOW_TO_READ, and says how it is drawn: `draw`, `words` and `sheet`.
    """

    TITLE = ""
    HOW_TO_READ = ""
    _unfollow: Sequence[Callable[[], None]] = ()  # what ends the following of each machine

    def __init__(self, machine: Machine | None = None, *, follow: bool = True) -> None:
        self.machine: Machine | None = None
        self.follow = follow
        self._text = f"{self.TITLE}: no machine yet. Give one with show(machine)."
        self._soon = Soon(self.draw)
        head = f"{STYLE}<h3>{escape(self.TITLE)}</h3><p class='cowlab-quiet'>{escape(self.HOW_TO_READ)}</p>"
        super().__init__([widgets.HTML(head), *self.parts()], layout=widgets.Layout(width="100%"))
        self.add_class("cowlab-piece")
        if machine is not None:
            self.show(machine)

    def show(self, machine: Machine) -> None:
        """Draw `machine` as it is now, and follow it from here on if this piece follows. Raises TypeError for none."""
        self.take(machine)
        self.redraw()

    def take(self, machine: Machine, *others: Machine) -> None:
        """Have `machine` as the one shown, and follow it and `others` instead of those before."""
        for each in (machine, *others):
            if not isinstance(each, Machine):
                name = type(self).__name__
                raise TypeError(f"{name} shows a machine, not {each!r}: give a cowlab.Machine, as in {name}(machine)")
        self._stop_following()
        self.machine = machine
        if self.follow:
            self._unfollow = [each.on_change(lambda _: self._soon()) for each in (machine, *others)]

    def _stop_following(self) -> None:
        for stop in self._unfollow:
            stop()
        self._unfollow = ()

    def redraw(self) -> None:
        """Draw now, which is then due no longer."""
        self._soon.cancel()
        self.draw()

    def close(self) -> None:
        """Leave the page, and follow the machine no longer."""
        self._stop_following()
        super().close()

    # What each kind of piece says of itself -------------------------------------------------------------------------

    def parts(self) -> list[widgets.Widget]:
        """The widgets below the title."""
        self.body = widgets.HTML(layout=widgets.Layout(width="100%"))
        return [self.body]

    def draw(self) -> None:
        """Show the machine as it is now, in all forms."""
        self.body.value = self.html()
        self._text = self.words()

    def html(self) -> str:
        """What is below the title, as HTML."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is drawn: define html, or parts and draw")

    def words(self) -> str:
        """The same in words and figures."""
        raise NotImplementedError(f"{type(self).__name__} has no textual twin: define words")

    def sheet(self) -> Sheet:
        """The same on a sheet, for a picture to keep."""
        raise NotImplementedError(f"{type(self).__name__} has no picture: define sheet")

    def pictures(self) -> dict[str, str]:
        """Further forms, by MIME type, for readers that run no widgets."""
        return {"text/html": self.body.value} if self.machine else {}

    # Without a front end --------------------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        """All that the piece shows, in words and figures."""
        self._soon.now()
        return self._text

    def drawn(self) -> Sheet:
        if self.machine is None:
            raise ValueError(self._text)
        self._soon.now()
        return self.sheet()

    def __repr__(self) -> str:
        return self.description

    def forms(self) -> dict[str, Any]:
        """Its words, and further forms."""
        return {"text/plain": self.description, **self.pictures()}
