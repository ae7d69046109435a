"""What all questions have in common: a field, a button, and an answer that is worked out after the commitment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from ..readable import Readable
from . import progress

BOX = widgets.Layout(
    border="1px solid var(--jp-border-color1, #9aa1ad)", padding="10px 16px", margin="6px 0", max_width="60em"
)
GOOD, OTHER = "#2f855a", "#c2541a"


@dataclass(frozen=True)
class Outcome:
    """What came of an answer: whether it was right, (label, words) to show beside each other, and why it is so."""

    right: bool
    lines: Sequence[tuple[str, str]]
    explanation: str


class Ask(Readable, widgets.VBox):
    """A question, a field to answer in, a button, and room for what comes of it.

    What the reader answers is kept as progress in `lesson`, if one is named: a module of `course/questions/`. What a
    program answers (`choose`, `commit`) is not.
    """

    button_text = "Commit"
    again = False
    """May the reader answer a second time?"""

    def __init__(self, question: str, field: Any, lesson: str | None = None) -> None:
        self.question = question
        self.field = field
        self.lesson = lesson
        self.key = progress.key_of(question)
        """What the question is called in the file of the reader's progress."""
        self.committed: Any = None
        """The answer that the reader committed to; None before."""
        self._button = widgets.Button(description=self.button_text, button_style="primary")
        self._button.on_click(lambda _: self._clicked())
        self._result = widgets.HTML()
        title = widgets.HTML(f'<div style="font-size:1.1em;font-weight:600;line-height:1.4">{in_lines(question)}</div>')
        super().__init__([title, field, self._button, self._result], layout=BOX)

    # What each kind of question says of itself ----------------------------------------------------------------------

    def choose(self, answer: Any) -> None:
        """Fill in an answer, as a reader would. Raises ValueError for what cannot be one."""
        raise NotImplementedError(f"{type(self).__name__} cannot be answered by a program: define choose")

    def given(self) -> Any:
        """What the reader has filled in. Raises ValueError, with what to do, if that is no answer yet."""
        raise NotImplementedError(f"{type(self).__name__} does not say what was answered: define given")

    def judge(self, given: Any) -> Outcome:
        """Have the engine work out the answer, and compare."""
        raise NotImplementedError(f"{type(self).__name__} does not judge answers: define judge")

    @property
    def solution(self) -> str:
        """The right answer with its explanation, for those who ask for it in a terminal."""
        raise NotImplementedError(f"{type(self).__name__} has no solution: define it")

    @property
    def text(self) -> str:
        """The question and what may be answered, in lines: never the answer."""
        raise NotImplementedError(f"{type(self).__name__} has no textual twin: define text")

    @property
    def html(self) -> str:
        """As `text`, for a page without widgets."""
        return f"<pre>{escape(self.text)}</pre>"

    # Answering ------------------------------------------------------------------------------------------------------

    def commit(self) -> Outcome | None:
        """Take what is filled in for the answer, and show what comes of it.

        None if nothing is filled in yet, or if an answer was given before that counts.
        """
        if self.committed is not None and not self.again:
            return None
        try:
            given = self.given()
        except ValueError as what_to_do:
            self._remind(str(what_to_do))
            return None
        outcome = self.judge(given)
        self.committed = given
        self._button.disabled = self.field.disabled = not self.again
        self._show(outcome)
        return outcome

    def _clicked(self) -> None:
        """A person pressed the button: only this counts as progress."""
        outcome = self.commit()
        if outcome and self.lesson:
            self._result.value += _note(progress.record(self.lesson, self.key, outcome.right))

    def _show(self, outcome: Outcome) -> None:
        rows = "".join(
            f'<tr><td style="padding-right:1.5em;opacity:.8">{escape(label)}</td><td><b>{escape(said)}</b></td></tr>'
            for label, said in outcome.lines
        )
        colour = GOOD if outcome.right else OTHER
        style = f"border-left:4px solid {colour};padding-left:12px;line-height:1.45"
        told = f"<table>{rows}</table>{in_lines(outcome.explanation)}"
        self._result.value = f'<div role="status" style="{style}">{told}</div>'

    def _remind(self, text: str) -> None:
        self._result.value = f'<div role="status">{escape(text)}</div>'

    # Without a front end --------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.question}>"

    def forms(self) -> dict[str, Any]:
        """The question and its choices."""
        return {"text/plain": self.text, "text/html": self.html}


def in_lines(text: str) -> str:
    """Text for a page, its line breaks kept."""
    return escape(text).replace("\n", "<br>")


def reason(explanation: str) -> str:
    """The explanation of a right answer without its "Yes", for those who gave no answer."""
    rest = re.sub(r"^Yes[.:,]\s*", "", explanation)
    return rest[:1].upper() + rest[1:]


def _note(text: str) -> str:
    return f'<div role="status" style="opacity:.8">{escape(text)}</div>' if text else ""
