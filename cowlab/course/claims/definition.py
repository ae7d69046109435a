"""A claim, and where all of them are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Claim:
    """One figure that a lesson shows.

    `figure()` runs the model; `form` rounds it and gives its unit ("{:.0f} GiB"). `says` is the claim in a sentence,
    with {} for the figure. `source`: where the figure comes from in the world (author, title, year), or "the model".
    `beside` is the figure as {} with what the lesson shows beside it, where the figure alone could be another's: in a
    table the cells of its line, with one space between them.
    """

    name: str
    says: str
    figure: Callable[[], float | int | str]
    form: str = "{}"
    source: str = "the model"
    beside: str = "{}"

    @property
    def text(self) -> str:
        """The figure rounded and with its unit, computed now."""
        return self.form.format(self.figure())

    @property
    def shown(self) -> str:
        """The figure with what stands beside it, as the lesson prints both, computed now."""
        return self.beside.format(self.text)

    @property
    def sentence(self) -> str:
        """The claim with its figure, computed now, with single spaces."""
        return " ".join(self.says.format(self.text).split())


def lessons() -> list[str]:
    """The names of the lessons that have claims, such as "01_fork_sharing", in order."""
    here = [str(Path(__file__).parent)]
    names = [module.name for module in pkgutil.iter_modules(here) if module.name.startswith("lesson_")]
    return sorted(name.removeprefix("lesson_") for name in names)


def claims_of(lesson: str) -> list[Claim]:
    """The claims of one lesson. Raises ValueError for a lesson that has none."""
    if lesson not in lessons():
        raise ValueError(f"no lesson {lesson!r} has claims: there are {', '.join(lessons())}")
    found: list[Claim] = importlib.import_module(f"{__package__}.lesson_{lesson}").CLAIMS
    return found


def find(name: str) -> Claim:
    """The claim of that name. Raises KeyError if there is none."""
    for lesson in lessons():
        for claim in claims_of(lesson):
            if claim.name == name:
                return claim
    raise KeyError(f"there is no claim {name!r}: see claims_of(lesson)")


def text(name: str) -> str:
    """The figure of that claim, computed now and rounded as lessons show it."""
    return find(name).text
