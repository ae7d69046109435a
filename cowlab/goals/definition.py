"""What a goal is: a sentence, a check, hints in layers, and when an attempt is lost."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ..arguments import whole
from ..engine import Machine
from . import deaths

Check = Callable[[Machine], bool]
Status = Literal["reached", "open", "lost"]

BOOL = (bool, np.bool_)  # what a comparison gives, also of arrays' elements


class Hint(NamedTuple):
    """`say`, a sentence or a function that makes one of the machine, is a hint where `when` is true."""

    when: Check
    say: str | Callable[[Machine], str]


@dataclass(frozen=True)
class Verdict:
    """What a goal says of a machine."""

    status: Status
    message: str
    """For the learner, to be read after the goal's text."""
    hint: str | None = None
    """A hint that fits the present state."""
    more: bool = False
    """Whether a more concrete hint can be had: judge again, with the next level."""
    broken: bool = False
    """Whether a function of the goal failed: then the message (or the hint) says which, where and how."""


@dataclass(frozen=True)
class Goal:
    """What to reach, and hints on the way, the most general first.

    `reached(machine)` is True or False. `lost(machine)` is None, or a sentence that says why this attempt can no longer
    succeed. Raises ValueError for parts that are none of these.
    """

    text: str
    reached: Check
    hints: Sequence[Hint] = ()
    lost: Callable[[Machine], str | None] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text:
            raise ValueError(f"text={self.text!r}: say in a sentence what is to be reached")
        if not callable(self.reached):
            raise ValueError(f"reached={self.reached!r}: give a function that takes the machine")
        if self.lost is not None and not callable(self.lost):
            raise ValueError(f"lost={self.lost!r}: give a function that takes the machine, or None")
        object.__setattr__(self, "hints", tuple(_as_hint(hint) for hint in self.hints))  # the way of frozen dataclasses

    def judge(self, machine: Machine, finished: bool = True, level: int = 1) -> Verdict:
        """How the machine stands to this goal.

        While the attempt is not `finished`, what holds now may still end, and is "open". `level` chooses among the
        hints that fit: 1 is the most general, 2 the next, and so on up to the last; 0 is none. A function of the goal
        that fails is told in the verdict; the status is then "open", unless only the hint failed. On a machine that
        stopped, since nobody could be killed (Deadlock), every goal is lost.
        """
        level = whole("level", level, "give 0 for no hint, 1 for the first, 2 for the next", least=0)
        if stop := deaths.stop(machine):
            return Verdict("lost", _lost(stop), deaths.way_on(machine) if level else None)
        try:
            status, message = self._status(machine, finished)
        except _Broken as failure:
            return Verdict("open", str(failure), broken=True)
        if status == "reached" or not level:
            return Verdict(status, message)
        try:
            hint, more = self._hint(machine, level)
        except _Broken as failure:
            return Verdict(status, message, str(failure), broken=True)
        return Verdict(status, message, hint, more)

    def _status(self, machine: Machine, finished: bool) -> tuple[Status, str]:
        holds = _ask("reached", self.reached, machine, BOOL, "True or False")
        if holds and finished:
            return "reached", "Reached."
        why = _ask("lost", self.lost, machine, (str, type(None)), "a sentence or None") if self.lost else None
        if why:
            return "lost", _lost(why)
        return "open", "So far so good." if holds else "Not reached yet."

    def _hint(self, machine: Machine, level: int) -> tuple[str | None, bool]:
        """The hint of that level, or the last; and whether there are more."""
        fitting = [hint for hint in self.hints if _ask("when", hint.when, machine, BOOL, "True or False")]
        if not fitting:
            return None, False
        say = fitting[min(level, len(fitting)) - 1].say
        return say if isinstance(say, str) else _ask("say", say, machine, (str,), "text"), level < len(fitting)


def all_of(*goals: Goal) -> Goal:
    """Reached if all of `goals` are; lost if one of them is. Its hints are those of the goals that are still open."""
    if not goals:
        raise ValueError("all_of() has no goals: give at least one")

    def still_open(machine: Machine) -> list[Goal]:
        return [goal for goal in goals if not goal.reached(machine)]

    def say_open(machine: Machine) -> str:
        return f"Still open: {' '.join(goal.text for goal in still_open(machine))}"

    def lost(machine: Machine) -> str | None:
        reasons = [goal.lost(machine) for goal in goals if goal.lost]
        return next((why for why in reasons if why), None)

    first = Hint(lambda machine: 0 < len(still_open(machine)) < len(goals), say_open)
    rest = [_while_open(goal, hint) for goal in goals for hint in goal.hints]
    return Goal(" ".join(goal.text for goal in goals), lambda m: not still_open(m), [first, *rest], lost)


def _while_open(goal: Goal, hint: Hint) -> Hint:
    return Hint(lambda machine: not goal.reached(machine) and hint.when(machine), hint.say)


def _lost(why: str) -> str:
    return f"This attempt can no longer succeed. {why} Go back to before that, or start again."


def _as_hint(hint: Any) -> Hint:
    if not isinstance(hint, tuple) or len(hint) != 2 or not callable(hint[0]):
        raise ValueError(f"hint {hint!r}: give Hint(when, say), where `when` is a function of the machine")
    if not isinstance(hint[1], str) and not callable(hint[1]):
        raise ValueError(f"hint {hint!r}: `say` is a sentence, or a function of the machine that makes one")
    return Hint(*hint)


class _Broken(Exception):
    """A function of a goal failed; the message says which, where and how."""


def _ask(role: str, function: Callable[[Machine], Any], machine: Machine, kinds: tuple[type, ...], wanted: str) -> Any:
    """What a goal's function says. Teachers and learners write these, so whatever goes wrong must not end the lab."""
    try:
        answer = function(machine)
    except Exception as error:
        what = traceback.format_exception_only(error)[-1].strip()
        raise _Broken(f"This goal cannot be judged: its function {role!r}{_line_of(error)} raised {what}") from error
    if not isinstance(answer, kinds):
        raise _Broken(f"This goal cannot be judged: its function {role!r} returned {answer!r} instead of {wanted}.")
    return answer


def _line_of(error: Exception) -> str:
    """Where in its author's code a goal failed: the first line that is not in this file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    return f", line {frames[0].lineno}," if frames else ""
