"""Compares the model with this machine's kernel on random traces: the command `cowlab verify`.

Trace number n of seed s is `random_trace(s + n)`, so the one that disagrees runs alone again with
`cowlab verify --traces 1 --seed S`.
"""

from __future__ import annotations

import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, TextIO

from .. import linux, trace
from . import host
from .random_trace import random_trace

__all__ = ["Difference", "Report", "difference", "main", "random_trace", "verify"]

WINDOW = 16  # pages that one read fault of a file maps, where the page cache has single pages
BAR = 30  # characters
LONGEST = 200  # characters of an operation

Operation = dict[str, Any]
Entry = dict[str, Any]
Model = Callable[[list[Operation]], list[Entry]]
Progress = Callable[[int, int, int], None]
"""Called with traces done, traces in all, traces that disagreed."""


@dataclass(frozen=True)
class Difference:
    """The first place where model and kernel say different things of one trace."""

    index: int
    """Of the operation."""
    path: str
    """The field, as in "smaps.A.r0.Pss"."""
    model: Any
    kernel: Any
    op: Operation | None = None
    seed: int | None = None
    """Of the trace."""

    def text(self) -> str:
        """For people to read."""
        return (
            f"First difference: trace {self.seed}, operation {self.index}: {str(self.op)[:LONGEST]}\n"
            f"  {self.path}: the model says {self.model!r}, the kernel {self.kernel!r}\n"
            f"  Again: cowlab verify --traces 1 --seed {self.seed}"
        )


@dataclass(frozen=True)
class Report:
    """How the model fared."""

    agreed: int
    disagreed: int
    left_out: int
    """Traces that the kernel did not answer twice alike in four runs."""
    kernel: str
    seconds: float
    seed: int
    """Of the first trace."""
    note: str | None
    """What was not drawn, and why."""
    first: Difference | None

    def text(self) -> str:
        """For people to read."""
        total = self.agreed + self.disagreed + self.left_out
        counts = f"{self.agreed} of {total} traces agree, {self.disagreed} disagree"
        lines = [f"Linux {self.kernel}: {counts}, in {self.seconds:.1f} s (seed {self.seed})."]
        if self.left_out:
            lines.append(f"{self.left_out} left out: the kernel itself did not answer them twice alike.")
        return "\n".join([*lines, *filter(None, [self.note]), *([self.first.text()] if self.first else [])])


def verify(traces: int = 200, seed: int = 0, progress: Progress | None = None, model: Model = trace.replay) -> Report:
    """Run `traces` random traces on the model and on the kernel, and compare them entry by entry.

    Raises `linux.Unavailable` where traces cannot run, ValueError for less than one trace.
    """
    if traces < 1:
        raise ValueError(f"{traces} traces compare nothing: give 1 or more")
    began, verdicts = time.perf_counter(), Counter[str]()
    first: Difference | None = None
    with linux.Kernel() as kernel:
        note = _no_files_because(kernel)
        for number in range(seed, seed + traces):
            ops = random_trace(number, files=note is None)
            verdict, found = compare(ops, model, kernel)
            verdicts[verdict] += 1
            if found and not first:
                first = replace(found, op=ops[found.index], seed=number)
            if progress:
                progress(verdicts.total(), traces, verdicts["disagreed"])
    counts = {verdict: verdicts[verdict] for verdict in ("agreed", "disagreed", "left_out")}
    seconds = time.perf_counter() - began
    return Report(**counts, kernel=platform.release(), seconds=seconds, seed=seed, note=note, first=first)


def _no_files_because(kernel: linux.Kernel) -> str | None:
    """Why file mappings cannot be compared here; None if they can."""
    if host.file_folder() is None:
        return "File mappings were left out: no writable folder lies on ext4 or its like."
    if (window := kernel.file_window()) > WINDOW:
        return (
            f"File mappings were left out: this page cache has large folios (one read fault maps {window} pages, "
            f"in the model {WINDOW})."
        )
    return None


def compare(ops: list[Operation], model: Model, kernel: linux.Kernel) -> tuple[str, Difference | None]:
    """The verdict ("agreed", "disagreed" or "left_out"), and the first difference."""
    expected = model(ops)
    run, settled = kernel.steady(ops, expected)
    if not settled:
        return "left_out", None
    found = difference(expected, run.entries)
    return ("disagreed" if found else "agreed"), found


def difference(model: list[Entry], kernel: list[Entry]) -> Difference | None:
    """The first difference of two lists of entries; None if they are equal."""
    for index, (ours, theirs) in enumerate(zip_longest(model, kernel)):
        if ours != theirs:
            return Difference(index, *_first_field(ours, theirs, ""))
    return None


def _first_field(model: Any, kernel: Any, path: str) -> tuple[str, Any, Any]:
    """(path, model's value, kernel's value) of the first field in which the two differ."""
    if isinstance(model, dict) and isinstance(kernel, dict):
        for key in [*kernel, *model]:
            if key not in model or key not in kernel or model[key] != kernel[key]:
                return _first_field(model.get(key), kernel.get(key), f"{path}.{key}" if path else key)
    return path, model, kernel


# ---- the command -----------------------------------------------------------------------------------------------------


def main(traces: int = 200, seed: int | None = None, stream: TextIO | None = None) -> int:
    """Print progress and a report; without a seed, draw one. Exit code: 0 all agreed, 1 not all, 2 cannot run here."""
    out = stream or sys.stdout
    first = random.SystemRandom().randrange(10**9) if seed is None else seed
    try:
        report = verify(traces, first, _bar(out) if out.isatty() else _lines(out))
    except linux.Unavailable as reason:
        print(f"The model cannot be compared with a kernel here. {reason}", file=out)
        return 2
    print(report.text(), file=out)
    return 1 if report.disagreed else 0


def _bar(out: TextIO) -> Progress:
    """A bar that grows in place."""

    def show(done: int, total: int, disagreed: int) -> None:
        filled = BAR * done // total
        end = "\n" if done == total else ""
        bar = "█" * filled + "░" * (BAR - filled)
        print(f"\r{bar} {done}/{total} traces, {disagreed} disagree", end=end, file=out, flush=True)

    return show


def _lines(out: TextIO) -> Progress:
    """A line at each tenth."""

    def show(done: int, total: int, disagreed: int) -> None:
        if 10 * done // total > 10 * (done - 1) // total:
            print(f"{done}/{total} traces, {disagreed} disagree", file=out, flush=True)

    return show
