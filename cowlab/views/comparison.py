"""The same trace on the model and on a real kernel, observation by observation.

    Comparison(scenarios.fork_sharing.small())

Run here, its text says only what is true on every machine; a recorded result says so. The picture holds the kernel, the
date and the timings.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import linux, trace
from ..engine import Error, Machine
from ..scenarios import Scenario
from . import comparison_picture, words
from .marks import Sheet
from .pictures import Pictured

RECORDED = Path(__file__).parent / "recorded"
SHOWN = 5  # differences that an error prints

Entry = dict[str, Any]
Trace = dict[str, Any]
Replay = Callable[[Trace], Sequence[Entry]]


class Disagreement(Error):
    """The model and the kernel do not report the same. The message has the first entries that differ."""


@dataclass(frozen=True)
class Outcome:
    """What a kernel said of a trace."""

    entries: Sequence[Entry]
    kernel: str
    date: str
    timings: Sequence[float]
    """Seconds an operation."""
    not_here: str | None = None
    """None if it ran here just now; else why not: then this was recorded, on that kernel and day."""

    @property
    def origin(self) -> str:
        """Where it comes from, in a line."""
        how = "Run now on this machine" if self.not_here is None else "Recorded on another machine"
        return f"{how}: Linux {self.kernel}, {self.date}"


@dataclass(frozen=True)
class Difference:
    """One observation in which the two differ."""

    operation: int
    path: tuple[str, ...]
    model: Any
    kernel: Any


class Comparison(Pictured):
    """Runs a trace on the model and on this machine's kernel, and compares all that they report.

    Where the kernel cannot run it, a recorded result is shown, marked with its kernel and date. `replay` is the model,
    or another that gives the same entries. Raises Disagreement if one observation differs, ValueError for a trace that
    this kernel cannot run and that was not recorded.
    """

    def __init__(self, x: Trace, *, replay: Replay = trace.replay) -> None:
        self.operations = trace.validate(x)["ops"]
        self.entries = replay(x)
        self.outcome = _ask_kernel(x, self.entries)
        self.timings = _time_model(x)
        self.observations = sum(1 for entry in self.outcome.entries for _ in _leaves(entry))
        self.differences = list(_differences(self.entries, self.outcome.entries))
        if self.differences:
            raise Disagreement(self._complaint())

    @property
    def verdict(self) -> str:
        """The outcome in a line, the same wherever it ran."""
        equal = self.observations - len(self.differences)
        return f"{equal:,} of {self.observations:,} observations equal the model's"

    def __repr__(self) -> str:
        if self.outcome.not_here is None:
            return self.verdict
        return f"{self.verdict}\n{self.outcome.origin}\nNot run here: {self.outcome.not_here}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/png": base64.b64encode(self.picture()).decode()}

    @property
    def description(self) -> str:
        """All that the picture shows, in words and figures."""
        return comparison_picture.described(self)

    def drawn(self) -> Sheet:
        return comparison_picture.drawn(self)

    def _complaint(self) -> str:
        lines = [
            f"The model and Linux {self.outcome.kernel} disagree in {len(self.differences):,} of "
            f"{self.observations:,} observations. The first:"
        ]
        for found in self.differences[:SHOWN]:
            where = f"operation {found.operation} ({words.operation(self.operations[found.operation])})"
            lines.append(f"  {where}: {' / '.join(found.path)}: model {found.model}, kernel {found.kernel}")
        return "\n".join(lines)


# The two sides ----------------------------------------------------------------------------------------------


def _ask_kernel(x: Trace, expected: list[Entry]) -> Outcome:
    """What the kernel says; where that differs from `expected`, what it says twice."""
    try:
        run = linux.run(x, pages="none", expected=expected)
    except (linux.Unavailable, linux.TooLarge) as reason:
        return _recorded(x, str(reason))
    return Outcome(run.entries, run.kernel, run.date, run.timings)


def _time_model(x: Trace) -> list[float]:
    """Seconds that the model takes for each operation, observing nothing."""
    checked = trace.validate(x)
    machine, timings = Machine(**checked["machine"]), []
    for op in checked["ops"]:
        began = time.perf_counter()
        trace.apply(machine, op)
        timings.append(time.perf_counter() - began)
    return timings


# Differences ------------------------------------------------------------------------------------------------


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


# Recorded results -------------------------------------------------------------------------------------------


def record(scenario: Scenario[...], folder: Path = RECORDED) -> Path:
    """Run a scenario's small version on this machine's kernel and keep the result, for machines that cannot."""
    x = scenario.small()
    run = linux.run(x, pages="none")
    kept = {
        "trace": x,
        "kernel": run.kernel,
        "date": run.date,
        "timings": [round(seconds, 6) for seconds in run.timings],
        "entries": run.entries,
    }
    path = folder / f"{scenario.name}.json"
    path.write_text(json.dumps(kept, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


def _recorded(x: Trace, reason: str) -> Outcome:
    for path in sorted(RECORDED.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["trace"] == x:
            return Outcome(kept["entries"], kept["kernel"], kept["date"], kept["timings"], reason)
    raise ValueError(f"This kernel cannot run the trace, and no result of it was recorded: give a small one. {reason}")
