"""Questions with choices, each of which is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

from ..readable import Readable
from .ask import Ask, Outcome, in_lines, reason


class Prediction(Ask):
    """A choice to commit to once, before the experiment.

    `choices` is {answer: explanation}, an explanation for each, right or wrong; `answer` is the right one, or a
    function that works it out when it is asked for. After the commitment both stay on screen, with the explanation for
    exactly the answer that was chosen.
    """

    def __init__(
        self,
        question: str,
        choices: Mapping[str, str],
        answer: str | Callable[[], str],
        lesson: str | None = None,
    ) -> None:
        if len(choices) < 2:
            raise ValueError(f"{question!r} has {len(choices)} choices: give at least two, each with its explanation")
        self.choices = dict(choices)
        self._answer = answer
        radio = widgets.RadioButtons(options=list(choices), value=None, layout=widgets.Layout(width="auto"))
        super().__init__(question, radio, lesson)

    @property
    def text(self) -> str:
        return "\n".join([self.question, *(f"( ) {choice}" for choice in self.choices)])

    @property
    def html(self) -> str:
        choices = "".join(f"<li>{escape(choice)}</li>" for choice in self.choices)
        return f"<p><b>{in_lines(self.question)}</b></p><ul>{choices}</ul>"

    @property
    def answer(self) -> str:
        """The right choice. Raises ValueError if the engine's answer is none of the choices."""
        answer = self._answer() if callable(self._answer) else self._answer
        if answer not in self.choices:
            raise ValueError(f"{self.question!r}: the answer is {answer!r}, which is none of {', '.join(self.choices)}")
        return answer

    @property
    def solution(self) -> str:
        """The right choice, and what each of the others gets wrong."""
        right = self.answer
        others = [f"Not {choice!r}: {why}" for choice, why in self.choices.items() if choice != right]
        return "\n".join([f"{right}. {reason(self.choices[right])}", *others])

    def choose(self, answer: str) -> None:
        if answer not in self.choices:
            raise ValueError(f"{answer!r} is no choice here: choose one of {', '.join(map(repr, self.choices))}")
        self.field.value = answer

    def given(self) -> str:
        if self.field.value is None:
            raise ValueError("Choose first: a wrong prediction teaches more than none.")
        return str(self.field.value)

    def judge(self, given: str) -> Outcome:
        answer = self.answer
        lines = [("You predicted", given), ("The engine says", answer)]
        return Outcome(given == answer, lines, self.choices[given])


class Question(Prediction):
    """A question at the end: each answer is explained, and the reader may answer again."""

    button_text = "Answer"
    again = True

    def judge(self, given: str) -> Outcome:
        right = given == self.answer
        return Outcome(right, [("Right" if right else "Not so", given)], self.choices[given])


class Quiz(Readable, widgets.VBox):
    """Questions one below the other."""

    def __init__(self, *questions: Ask) -> None:
        self.questions = questions
        super().__init__(list(questions))

    def __repr__(self) -> str:
        return f"<Quiz of {len(self.questions)} questions>"

    def forms(self) -> dict[str, Any]:
        """All questions and their choices."""
        text = "\n\n".join(f"{n}. {ask.text}" for n, ask in enumerate(self.questions, 1))
        return {"text/plain": text, "text/html": "".join(ask.html for ask in self.questions)}
