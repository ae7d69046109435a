"""A trace that ran on the model and on a kernel: what both said, observation by observation, and how long they took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .. import trace
from .kernel_outcome import Entry, Trace, ask_kernel

Replay = Callable[[Trace], list[Entry]]


@dataclass(frozen=True)
class Difference:
    """One observation in which the two differ."""

    operation: int
    path: tuple[str, ...]
    model: Any
    kernel: Any


class Compared:
    """What the model and a kernel say of a trace, and where the two differ. `replay` is the model."""

    def __init__(self, x: Trace, replay: Replay) -> None:
        self.operations = trace.validate(x)["ops"]
        self.entries = replay(x)
        self.outcome = ask_kernel(x, self.entries)
        self.timings = _time_model(x)
        self.observations = sum(1 for entry in self.outcome.entries for _ in _leaves(entry))
        self.differences = list(_differences(self.entries, self.outcome.entries))

    @property
    def verdict(self) -> str:
        """The outcome in a line, the same wherever it ran."""
        equal = self.observations - len(self.differences)
        return f"{equal:,} of {self.observations:,} observations equal the model's"


def _time_model(x: Trace) -> list[float]:
    """Seconds that the model takes for each operation, observing nothing."""
    checked = trace.validate(x)
    machine, timings = trace.machine_of(checked), []
    for op in checked["ops"]:
        began = time.perf_counter()
        trace.apply(machine, op)
        timings.append(time.perf_counter() - began)
    return timings


def _leaves(entry: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of each observation in an entry."""
    if isinstance(entry, dict):
        for key, value in entry.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, entry


def _differences(model: Sequence[Entry], kernel: Sequence[Entry]) -> Iterator[Difference]:
    for number, (ours, theirs) in enumerate(zip(model, kernel, strict=True)):
        mine, its = dict(_leaves(ours)), dict(_leaves(theirs))
        for path in [*its, *(path for path in mine if path not in its)]:
            pair = mine.get(path, "nothing"), its.get(path, "nothing")
            if pair[0] != pair[1]:
                yield Difference(number, path, *pair)
