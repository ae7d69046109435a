"""A slider with a name, as the browser makes it: for the mouse, a finger, the keyboard and a screen reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class Slider(anywidget.AnyWidget):
    """Chooses `value` from `options`, numbers or texts in their order. Keys: the arrows, Page Up and Down, Home, End.

    Raises ValueError for a value that is no option; then nothing has changed.
    """

    _esm = HERE / "slider.js"
    _css = HERE / "slider.css"
    label = traitlets.Unicode().tag(sync=True)
    options: traitlets.List[Any] = traitlets.List().tag(sync=True)
    value = traitlets.Any().tag(sync=True)

    def __init__(self, options: Sequence[int] | Sequence[str], value: int | str, label: str) -> None:
        super().__init__(options=list(options), value=value, label=label)

    def __repr__(self) -> str:
        return f"<Slider {self.label}: {self.value!r} of {self.options[0]!r} to {self.options[-1]!r}>"

    @traitlets.validate("value")
    def _is_an_option(self, proposal: Any) -> Any:
        if proposal["value"] not in self.options:
            first, last = self.options[0], self.options[-1]
            raise ValueError(
                f"{self.label} = {proposal['value']!r}: give one of {len(self.options)}, {first!r} to {last!r}"
            )
        return proposal["value"]
