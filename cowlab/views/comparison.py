"""The same trace on the model and on a real kernel, observation by observation.

    Comparison(scenarios.fork_sharing.small())

Run here, its text says only what is true on every machine; a recorded result says so. The picture holds the kernel, the
date and the timings.
"""

from __future__ import annotations

from typing import Any

from .. import trace
from ..engine import Error
from . import comparison_picture, words
from .compared import Compared, Replay
from .kernel_outcome import Trace
from .marks import Sheet
from .pictures import Pictured

SHOWN = 5  # differences that an error prints


class Disagreement(Error):
    """The model and the kernel do not report the same. The message has the first entries that differ."""


class Comparison(Compared, Pictured):
    """Runs a trace on the model and on this machine's kernel, and compares all that they report.

    Where the kernel cannot run it, a recorded result is shown, marked with its kernel and date. `replay` is the model,
    or another that gives the same entries. Raises Disagreement if one observation differs, ValueError for a trace that
    this kernel cannot run and that was not recorded.
    """

    def __init__(self, x: Trace, *, replay: Replay = trace.replay) -> None:
        super().__init__(x, replay)
        if self.differences:
            raise Disagreement(self._complaint())

    def __repr__(self) -> str:
        if self.outcome.not_here is None:
            return self.verdict
        return f"{self.verdict}\n{self.outcome.origin}\nNot run here: {self.outcome.not_here}"

    def forms(self) -> dict[str, Any]:
        """The picture, and the verdict: what is true on every machine."""
        return {**super().forms(), "text/plain": repr(self)}

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
