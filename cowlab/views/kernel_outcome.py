"""What a kernel says of a trace: this machine's, or where it cannot be asked, another's that was recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import linux
from ..scenarios import Scenario

RECORDED = Path(__file__).parent / "recorded"

Entry = dict[str, Any]
Trace = dict[str, Any]


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


def ask_kernel(x: Trace, expected: list[Entry]) -> Outcome:
    """What the kernel says; where that differs from `expected`, what it says twice."""
    try:
        run = linux.run(x, pages="none", expected=expected)
    except (linux.Unavailable, linux.TooLarge) as reason:
        return _recorded(x, str(reason))
    return Outcome(run.entries, run.kernel, run.date, run.timings)


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
