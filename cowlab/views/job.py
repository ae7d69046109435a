"""Work in slices, so that a long run shows how far it is, and can be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

SLICE = 0.03
"""Seconds of work before the kernel looks whether the learner has moved on."""
FIRST_SLICE = 0.1
"""The same for the beginning: what is done within that time is done at once, and shows no progress."""


class Job:
    """One piece of work at a time: a generator whose every step takes about SLICE. A new one takes the old one's place.

    In a kernel the first step is done at once and the others in turns of its event loop; where no loop runs, or when
    `wait` is asked for, all of them are done before `start` returns.
    """

    def __init__(self) -> None:
        self._work: Iterator[object] | None = None

    @property
    def running(self) -> bool:
        return self._work is not None

    def start(self, work: Iterator[object], wait: bool = False) -> None:
        """Do `work`, instead of what was under way."""
        self._work = work
        if wait or not running_loop():
            for _ in work:
                pass
            self._work = None
        else:
            self._step(work)

    def cancel(self) -> None:
        """Do no more of it."""
        self._work = None

    def _step(self, work: Iterator[object]) -> None:
        if work is not self._work:
            return  # another took its place
        try:
            next(work)
        except StopIteration:
            self._work = None if self._work is work else self._work
            return
        loop = running_loop()
        assert loop
        loop.call_later(0, self._step, work)


class Later:
    """Makes `call` once, when it was not asked for again for `seconds`; `now` makes it at once if it is due."""

    def __init__(self, call: Callable[[], object], seconds: float) -> None:
        self.call, self.seconds = call, seconds
        self.due = False
        self._handle: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        self.due = True
        if self._handle:
            self._handle.cancel()
        if loop := running_loop():
            self._handle = loop.call_later(self.seconds, self.now)

    def now(self) -> None:
        """Make the call if it is due."""
        if self.due:
            self.due = False
            self.call()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs here, as in a kernel; None in a script or a test."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # Python's way to say that none runs
        return None
