"""Series over the machine's clock: when a sample is due, rates between samples, and columns that grow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from .samples import RATES

MOST_AT_ONCE = 1000
"""Samples that one call on the machine adds at most; `Monitor` says which, if it passes more instants."""

SECOND = 10**9  # nanoseconds


class Clock:
    """The instants at which samples are due, in nanoseconds: whole ones, so that they do not drift."""

    def __init__(self, start: int, every: int) -> None:
        self.every = every
        self.due = start + every

    def passed(self, now: int) -> list[int]:
        """The instants from the one that was due until `now`, at most MOST_AT_ONCE; then the next is due."""
        first, last = self.due, (now - self.due) // self.every
        self.due += (last + 1) * self.every
        steps: Iterable[int] = range(last + 1)
        if last >= MOST_AT_ONCE:
            steps = (last * number // (MOST_AT_ONCE - 1) for number in range(MOST_AT_ONCE))
        return [first + step * self.every for step in steps]


class Rates:
    """Rates between instants, from counters that are known after each call: within a call they count evenly."""

    def __init__(self, now: int, counters: np.ndarray) -> None:
        self.last = now, counters  # the end of the latest call
        self.sampled = now, counters  # the latest instant, and what the counters were then

    def at(self, instants: list[int], now: int, counters: np.ndarray) -> dict[str, np.ndarray]:
        """{name: rate a second at each instant, since the instant before}, for instants of the call that ended now."""
        before, counted = self.last
        parts = np.array([(instant - before) / (now - before) for instant in instants], np.float64)
        reached = counted + parts[:, None] * (counters - counted)
        grown = np.diff(reached, axis=0, prepend=self.sampled[1][None])
        ends = [self.sampled[0], *instants]
        seconds = np.array([(end - start) / SECOND for start, end in pairwise(ends)], np.float64)
        self.sampled = instants[-1], reached[-1]
        return dict(zip(RATES, _per_rate(grown / seconds[:, None]), strict=True))


def _per_rate(counts: np.ndarray) -> Iterator[np.ndarray]:
    """The columns of counters, added up to those of rates."""
    column = 0
    for counters, unit in RATES.values():
        yield counts[:, column : column + len(counters)].sum(axis=1) * unit
        column += len(counters)


class Table:
    """Columns of equal length, with room for as many rows again whenever they are full."""

    def __init__(self, columns: Mapping[str, type]) -> None:
        self.rows = 0
        types: dict[type, type] = {int: np.int64, float: np.float64}
        self._arrays: dict[str, np.ndarray] = {name: np.empty(64, dtype=types[kind]) for name, kind in columns.items()}

    def add(self, rows: int, values: Mapping[str, Any]) -> None:
        """Add rows, with an array or one value for all of them for each column."""
        stop = self.rows + rows
        if stop > len(self._arrays["time"]):
            size = max(stop, 2 * self.rows)
            self._arrays = {name: _longer(array, self.rows, size) for name, array in self._arrays.items()}
        for name, array in self._arrays.items():
            array[self.rows : stop] = values[name]
        self.rows = stop

    def views(self) -> dict[str, np.ndarray]:
        """The filled part of each column, not to be written."""
        views = {name: array[: self.rows] for name, array in self._arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return views


def _longer(array: np.ndarray, filled: int, size: int) -> np.ndarray:
    longer = np.empty(size, dtype=array.dtype)
    longer[:filled] = array[:filled]
    return longer
