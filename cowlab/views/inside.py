"""A look inside one fault: the same write, stopped at each decision, on copies of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine import Machine
from ..engine.reports import stepping
from .fault_steps import steps


class Inside:
    """The decisions of a write to one page. `copy` gives a machine in the state before it.

    `steps` are told to the browser; `until(n)` is a machine in the middle of the fault, to look at and throw away.
    Raises KeyError or SegmentationFault where there is no such page to write to.
    """

    def __init__(self, copy: Callable[[], Machine], process: str, mapping: str, page: int) -> None:
        self._copy = copy
        self.place: dict[str, Any] = {"process": process, "mapping": mapping, "start": page, "stop": page + 1}
        self.title = f"{process} writes page {page:,} of {mapping}"
        decisions = stepping.decisions(copy()[process][mapping], page)
        self.steps: list[dict[str, Any]] = steps(decisions, process, mapping, page)

    def until(self, at: int) -> Machine:
        """A machine that stopped at decision number `at`."""
        machine = self._copy()
        stepping.until(machine[self.place["process"]][self.place["mapping"]], self.place["start"], at)
        return machine
