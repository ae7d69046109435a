"""Questions that ask for a number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import ipywidgets as widgets

from ..units import parse_size
from .ask import Ask, Outcome, reason

# 1200, 1,200 or 1.5, and a unit. 1,5 is none: it might mean another number than is read.
NUMBER = re.compile(r"(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*([^\d.,]*)", re.ASCII)


class Estimate(Ask):
    """A number to commit to once. `explain(estimate, answer)` gives the words for exactly this estimate.

    An estimate within `within` (a part of the answer) counts as right. `answer` is a number, or a function that works
    it out. The reader may write the unit too: "1.5 GiB" where MiB are asked for is 1536.
    """

    def __init__(
        self,
        question: str,
        unit: str,
        answer: float | Callable[[], float],
        explain: Callable[[float, float], str],
        within: float = 0.1,
        lesson: str | None = None,
    ) -> None:
        self.unit = unit
        self._answer, self._explain, self._within = answer, explain, within
        field = widgets.Text(placeholder="a number", description=unit, layout=widgets.Layout(width="16em"))
        field.style.description_width = "initial"  # a long unit is not cut off
        super().__init__(question, field, lesson)

    @property
    def text(self) -> str:
        return f"{self.question}\n____ {self.unit}"

    @property
    def answer(self) -> float:
        """The right number."""
        return self._answer() if callable(self._answer) else self._answer

    @property
    def solution(self) -> str:
        """The right number, and why it is that."""
        answer = self.answer
        return f"{_written(answer)} {self.unit}. {reason(self._explain(answer, answer))}"

    def choose(self, answer: float | str) -> None:
        number_in(str(answer), self.unit)
        self.field.value = str(answer)

    def given(self) -> float:
        return number_in(self.field.value, self.unit)

    def judge(self, given: float) -> Outcome:
        answer = self.answer
        right = abs(given - answer) <= self._within * abs(answer)
        lines = [("You predicted", f"{given:,g} {self.unit}"), ("The engine says", f"{_written(answer)} {self.unit}")]
        return Outcome(right, lines, self._explain(given, answer))


def number_in(text: str, unit: str) -> float:
    """The number that `text` gives, in `unit`. Raises ValueError for what is none, or in a unit that is another thing.

    >>> number_in("1,200", "pages"), number_in("1.5 GiB", "MiB")
    (1200.0, 1536.0)
    """
    match = NUMBER.fullmatch(text.strip())
    if not match:
        raise ValueError(f"Write a number of {unit} first: a wrong prediction teaches more than none.")
    number, own = float(match[1].replace(",", "")), match[2].strip()
    if own in ("", unit):
        return number
    try:
        return number * parse_size(f"1 {own}") / parse_size(f"1 {unit}")
    except ValueError as not_sizes:
        raise ValueError(f"{own!r} cannot be told in {unit}: write a number of {unit}.") from not_sizes


def _written(number: float) -> str:
    """A whole number in full, another one in three digits."""
    return f"{number:,.0f}" if number == math.floor(number) else f"{number:,.3g}"
