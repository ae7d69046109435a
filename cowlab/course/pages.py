"""Questions that are answered on the map: which page will it be?"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, NamedTuple

from ..engine import Machine
from ..views.memory_map import MemoryMap, Message
from .ask import Ask, Outcome, reason

FIRST = "Click a page of the map (or go there with the arrows and press Enter), then commit."


class Place(NamedTuple):
    """A page of a process."""

    process: str
    mapping: str
    page: int

    def __str__(self) -> str:
        return f"page {self.page} of {self.mapping} in {self.process}"


class PagePrediction(Ask):
    """A page to point at on a map of `machine`, before the run.

        PagePrediction(
            "The child writes page 3. Which page will be copied?",
            machine,
            answer=lambda machine: copied_pages(machine, lambda: machine["child"]["heap"].write(3)),
            explain=lambda place, right: "Yes: ..." if place in right else "No: ...",
        )

    `answer(machine)` does what the question is about, and returns the pages that are right, `Place`s; `explain(place,
    right)` gives the words for exactly this page. The machine shown is left as it is until the commitment. Then the
    run is done on it, before the reader's eyes. Raises ValueError if `answer` returns no page.
    """

    def __init__(
        self,
        question: str,
        machine: Machine,
        answer: Callable[[Machine], Collection[Place]],
        explain: Callable[[Place, Collection[Place]], str],
        lesson: str | None = None,
    ) -> None:
        self.machine = machine
        self._before = pickle.dumps(machine, pickle.HIGHEST_PROTOCOL)
        self._answer, self._explain = answer, explain
        self._chosen: Place | None = None
        self._map = MemoryMap(machine, act=self._acted, actions=["write"], title="Before the run")
        super().__init__(question, self._map, lesson)
        self._remind(FIRST)

    @property
    def text(self) -> str:
        return f"{self._before_in_words}\n{self.question}\n____ a page"

    @cached_property
    def _before_in_words(self) -> str:
        return MemoryMap(pickle.loads(self._before), follow=False).description

    def forms(self) -> dict[str, Any]:
        """The question, and the map before the run."""
        picture = MemoryMap(pickle.loads(self._before), follow=False, title="Before the run").picture()
        return {"text/plain": self.text, "image/png": base64.b64encode(picture).decode()}

    @property
    def answer(self) -> Collection[Place]:
        """The pages that are right, from a run on a machine of its own."""
        return self._run(pickle.loads(self._before))

    @property
    def solution(self) -> str:
        """The right pages, and why it is those."""
        right = self.answer
        return f"{_either(right)}. {reason(self._explain(next(iter(right)), right))}"

    def choose(self, answer: Place) -> None:
        mapping = self.machine[answer.process][answer.mapping]
        if not 0 <= answer.page < mapping.pages:
            raise ValueError(f"{answer.mapping} has pages 0 to {mapping.pages - 1}, and no page {answer.page}")
        self._chosen = answer

    def given(self) -> Place:
        if self._chosen is None:
            raise ValueError(f"{FIRST} A wrong prediction teaches more than none.")
        return self._chosen

    def judge(self, given: Place) -> Outcome:
        right = self._run(self.machine)
        self._map.title = "After the run"
        self._map.show(self.machine, f"It was {_either(right)}.", step=True)
        lines = [("You predicted", str(given)), ("The engine says", _either(right))]
        return Outcome(given in right, lines, self._explain(given, right))

    def _run(self, machine: Machine) -> Collection[Place]:
        right = self._answer(machine)
        if not right:
            raise ValueError(f"{self.question!r}: the run gives no page: let `answer` return those that are right")
        return right

    def _acted(self, message: Message) -> str:
        """A page was clicked: it is chosen, and nothing is written."""
        if self.committed is not None:
            return f"You have committed to {self.committed}."
        start, stop = int(message["start"]), int(message["stop"])
        if stop - start != 1:
            raise ValueError("choose one page, not several")
        self.choose(Place(str(message["process"]), str(message["mapping"]), start))
        self._remind(f"You chose {self._chosen}. Click another to change that, then commit.")
        return f"You chose {self._chosen}."


def copied_pages(machine: Machine, run: Callable[[], object]) -> list[Place]:
    """The pages that `run`, which uses `machine`, copies; for writes of a page each, since a call is logged as one."""
    done = len(machine.log)
    run()
    return [
        Place(event.process, event.mapping, page)
        for event in machine.log[done:]
        if event.kind == "copy"
        for page in range(*event.pages)
    ]


def _either(places: Collection[Place]) -> str:
    return " or ".join(map(str, places))
