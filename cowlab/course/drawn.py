"""A question that can be asked again, with other numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ..readable import Readable
from .ask import Ask

MOST_DRAWS = 100  # before it is believed that there is only one question


class Drawn(Readable, widgets.VBox):
    """A question with numbers drawn by chance, and a button that draws others.

        Drawn(questions.faults, seed=7)

    `make(rng)` makes the question from a random generator; the same `seed` draws the same questions. All of them count
    as one in the reader's progress. Raises ValueError if `make` is no such function.
    """

    def __init__(self, make: Callable[[random.Random], Ask], seed: int = 0) -> None:
        self._make, self._random = make, random.Random(seed)
        self.ask = self._draw()
        self._key = self.ask.key
        self._button = widgets.Button(description="Again, with other numbers", layout=widgets.Layout(width="auto"))
        self._button.on_click(lambda _: self.again())
        super().__init__([self.ask, self._button])

    def again(self) -> None:
        """Ask once more, with other numbers."""
        before = self.ask
        for _ in range(MOST_DRAWS):
            self.ask = self._draw()
            if self.ask.text != before.text:
                break
            self.ask.close()
        else:
            raise ValueError(f"{self._make!r} makes one question only: let its numbers depend on the generator")
        self.ask.key = self._key
        self.children = (self.ask, self._button)
        for widget in (*before.children, before):
            widget.close()

    def _draw(self) -> Ask:
        made = self._make(self._random)
        if not isinstance(made, Ask):
            raise ValueError(f"{self._make!r} made {made!r}: let it return a Prediction, an Estimate or the like")
        return made

    def __repr__(self) -> str:
        return f"<Drawn: {self.ask.question}>"

    def forms(self) -> dict[str, Any]:
        """The question that is asked now."""
        return self.ask.forms()
