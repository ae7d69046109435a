"""The bar under which a trace is played: back, play, step, and a line with a mark for each thing that happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .playback import Mark

HERE = Path(__file__).parent
LETTERS = {"fork": "F", "copy": "C", "refusal": "!", "alert": "A", "kill": "K"}
COMMON = ("fork", "copy")
MOST_MARKS = 400  # of what is common; more would cover each other


class ScrubBar(anywidget.AnyWidget):
    """Shows where in a trace one is, and calls `go(position)` when the learner moves. Keys: the arrows, Home, End."""

    _esm = HERE / "scrub_bar.js"
    _css = HERE / "scrub_bar.css"
    position = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    where = traitlets.Unicode().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    marks: traitlets.List[Any] = traitlets.List().tag(sync=True)
    busy = traitlets.Unicode().tag(sync=True)

    def __init__(self, go: Callable[[int], None], cancel: Callable[[], None]) -> None:
        super().__init__()
        self._go, self._cancel = go, cancel
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return f"<ScrubBar: {self.position} of {self.total} operations>"

    def mark(self, marks: list[Mark]) -> None:
        """Show these marks; of very many forks and copies, some."""
        common = [mark for mark in marks if mark.kind in COMMON]
        rare = [mark for mark in marks if mark.kind not in COMMON]
        shown = common[:: -(-len(common) // MOST_MARKS) or 1] + rare
        self.marks = [
            [mark.position, LETTERS[mark.kind], mark.kind, mark.process]
            for mark in sorted(shown, key=lambda mark: mark.position)
        ]

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        if message.get("type") == "go":
            self._go(max(0, min(self.total, int(message["to"]))))
        elif message.get("type") == "cancel":
            self._cancel()
