"""What tests ask of a lab, and of the figures that it gives as a control moves."""

from __future__ import annotations

from itertools import pairwise

from cowlab.goals import Goal
from cowlab.views import Lab


def status(lab: Lab, goal: Goal | None = None) -> str:
    """What the lab's goal, or another one, says of its machine."""
    judge = goal or lab.goal
    assert judge
    return judge.judge(lab.machine).status


def stops(lab: Lab, name: str) -> list[str]:
    """The sizes that a control can be set to."""
    return list(lab.controls[name].parameter.values.stops)


def rising(figures: list[int]) -> bool:
    """Do they never fall, and rise somewhere?"""
    return all(a <= b for a, b in pairwise(figures)) and figures[0] < figures[-1]
