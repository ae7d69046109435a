"""What a lesson asks: predictions to commit to before the experiment, and questions whose answers explain.

    Prediction(
        "How much is in use after the fork?",
        {"twice as much": "Only if fork copied.", "as much as before": "Fork shares the pages."},
        answer=lambda: "twice as much" if run_the_engine() > 1.5 else "as much as before",
    )

The engine says which answer is right: it runs when the reader commits, and not before. Nothing is revealed until then,
and a lesson goes on without a commitment. Without a front end a question is its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets as widgets

__all__ = ["Estimate", "Prediction", "Question", "Quiz"]

BOX = widgets.Layout(
    border="1px solid var(--jp-border-color1, #9aa1ad)", padding="10px 16px", margin="6px 0", max_width="60em"
)
GOOD, OTHER = "#2f855a", "#c2541a"


class _Ask(widgets.VBox):
    """A question, a way to answer, a button, and room for what comes of it."""

    button_text = "Commit"

    def __init__(self, question: str, field: Any) -> None:
        self.question = question
        self.field = field
        self.committed: Any = None
        """The answer that the reader committed to; None before."""
        self._button = widgets.Button(description=self.button_text, button_style="primary")
        self._button.on_click(lambda _: self.commit())
        self._result = widgets.HTML()
        title = widgets.HTML(f'<div style="font-size:1.1em;font-weight:600;line-height:1.4">{escape(question)}</div>')
        super().__init__([title, field, self._button, self._result], layout=BOX)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.question}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget for a front end; the question and its choices for everybody else."""
        bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
        bundle["text/plain"] = self.text
        bundle["text/html"] = self.html
        return bundle

    @property
    def text(self) -> str:
        """The question and what may be answered, in lines: never the answer."""
        raise NotImplementedError

    @property
    def html(self) -> str:
        """As `text`, for a page without widgets."""
        return f"<pre>{escape(self.text)}</pre>"

    def commit(self) -> None:
        """Take what the reader has chosen for their answer, and show what comes of it."""
        raise NotImplementedError

    def _show(self, right: bool, lines: list[tuple[str, str]], explanation: str) -> None:
        rows = "".join(
            f'<tr><td style="padding-right:1.5em;opacity:.8">{escape(label)}</td><td><b>{escape(said)}</b></td></tr>'
            for label, said in lines
        )
        style = f"border-left:4px solid {GOOD if right else OTHER};padding-left:12px;line-height:1.45"
        self._result.value = f'<div role="status" style="{style}"><table>{rows}</table>{escape(explanation)}</div>'

    def _remind(self, text: str) -> None:
        self._result.value = f'<div role="status">{escape(text)}</div>'


class Prediction(_Ask):
    """A choice to commit to once, before the experiment.

    `choices` is {answer: explanation}, an explanation for each, right or wrong; `answer` is the right one, or a
    function that works it out when it is asked for. After the commitment both stay on screen, with the explanation for
    exactly the answer that was chosen.
    """

    again = False
    """May the reader answer a second time?"""

    def __init__(self, question: str, choices: Mapping[str, str], answer: str | Callable[[], str]) -> None:
        if len(choices) < 2:
            raise ValueError(f"{question!r} has {len(choices)} choices: give at least two, each with its explanation")
        self.choices = dict(choices)
        self._answer = answer
        radio = widgets.RadioButtons(options=list(choices), value=None, layout=widgets.Layout(width="auto"))
        super().__init__(question, radio)

    @property
    def text(self) -> str:
        return "\n".join([self.question, *(f"( ) {choice}" for choice in self.choices)])

    @property
    def html(self) -> str:
        choices = "".join(f"<li>{escape(choice)}</li>" for choice in self.choices)
        return f"<p><b>{escape(self.question)}</b></p><ul>{choices}</ul>"

    @property
    def answer(self) -> str:
        """The right choice. Raises ValueError if the engine's answer is none of the choices."""
        answer = self._answer() if callable(self._answer) else self._answer
        if answer not in self.choices:
            raise ValueError(f"{self.question!r}: the answer is {answer!r}, which is none of {', '.join(self.choices)}")
        return answer

    def choose(self, choice: str) -> None:
        """Choose, as a click would. Raises ValueError for what is no choice."""
        if choice not in self.choices:
            raise ValueError(f"{choice!r} is no choice here: choose one of {', '.join(map(repr, self.choices))}")
        self.field.value = choice

    def commit(self) -> None:
        if self.field.value is None:
            self._remind("Choose first: a wrong prediction teaches more than none.")
            return
        if self.committed is not None and not self.again:
            return
        self.committed = self.field.value
        self._reveal(self.answer)

    def _reveal(self, answer: str) -> None:
        self._button.disabled = self.field.disabled = True
        right = self.committed == answer
        self._show(
            right, [("You predicted", self.committed), ("The engine says", answer)], self.choices[self.committed]
        )


class Question(Prediction):
    """A question at the end: each answer is explained, and the reader may answer again."""

    button_text = "Answer"
    again = True

    def _reveal(self, answer: str) -> None:
        right = self.committed == answer
        self._show(right, [("Right" if right else "Not so", self.committed)], self.choices[self.committed])


class Quiz(widgets.VBox):
    """Questions one below the other."""

    def __init__(self, *questions: Question) -> None:
        self.questions = questions
        super().__init__(list(questions))

    def __repr__(self) -> str:
        return f"<Quiz of {len(self.questions)} questions>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
        bundle["text/plain"] = "\n\n".join(f"{n}. {ask.text}" for n, ask in enumerate(self.questions, 1))
        bundle["text/html"] = "".join(ask.html for ask in self.questions)
        return bundle


class Estimate(_Ask):
    """A number to commit to once. `explain(estimate, answer)` gives the words for exactly this estimate.

    An estimate within `within` (a part of the answer) counts as right. `answer` is a number, or a function that works
    it out.
    """

    def __init__(
        self,
        question: str,
        unit: str,
        answer: float | Callable[[], float],
        explain: Callable[[float, float], str],
        within: float = 0.1,
    ) -> None:
        self.unit = unit
        self._answer, self._explain, self._within = answer, explain, within
        field = widgets.BoundedFloatText(
            value=0, min=0, max=1e12, description=unit, layout=widgets.Layout(width="16em")
        )
        super().__init__(question, field)

    @property
    def text(self) -> str:
        return f"{self.question}\n____ {self.unit}"

    @property
    def answer(self) -> float:
        """The right number."""
        return self._answer() if callable(self._answer) else self._answer

    def choose(self, number: float) -> None:
        """Fill in a number, as a reader would."""
        self.field.value = number

    def commit(self) -> None:
        if self.committed is not None:
            return
        self.committed = self.field.value
        answer = self.answer
        self._button.disabled = self.field.disabled = True
        right = abs(self.committed - answer) <= self._within * abs(answer)
        lines = [
            ("You predicted", f"{self.committed:,g} {self.unit}"),
            ("The engine says", f"{answer:,.3g} {self.unit}"),
        ]
        self._show(right, lines, self._explain(self.committed, answer))
