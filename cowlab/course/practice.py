"""`cowlab practice`: questions in a terminal, their numbers drawn from a seed; the answers on request.

The questions are those functions of a random generator that a module of `cowlab.course.questions` lists under the name
`practice`, for the lesson that asks from this module, and the general ones of `cowlab.course.drills`.
"""

from __future__ import annotations

import importlib
import random
import sys
import textwrap
from typing import TextIO

from ..program.lesson_files import CourseError, find_lessons
from . import contents
from .contents import Lesson
from .drills import BY_LESSON, Drill

WIDTH = 100
INDENT = "   "


def main(lesson: str | None = None, seed: int = 0, answer: bool = False, stream: TextIO | None = None) -> int:
    """Print the questions for a lesson, or without one what there is to practise; return the exit status."""
    stream = stream or sys.stdout
    try:
        lines = overview() if lesson is None else questions(lesson, seed, answer)
    except CourseError as error:
        print(f"cowlab: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines), file=stream)
    return 0


def drills() -> dict[str, list[Drill]]:
    """{number of a lesson: what makes its questions}, for the lessons that have some."""
    found = {lesson.number: _own(lesson) for lesson in _lessons()}
    both = {number: [*found.get(number, []), *BY_LESSON.get(number, [])] for number in sorted({*found, *BY_LESSON})}
    return {number: makers for number, makers in both.items() if makers}


def overview() -> list[str]:
    """What there is to practise, in lines."""
    titles = {lesson.number: lesson.title for lesson in _lessons()}
    lines = ["Practice for the lessons:", ""]
    for number, makers in drills().items():
        lines.append(f"  {number}  {titles.get(number, '')}".rstrip())
        lines += [f"      {_doc(make)}" for make in makers]
    return [*lines, "", "cowlab practice NUMBER asks; --seed S draws other numbers, --answer shows the answers."]


def questions(lesson: str, seed: int = 0, answer: bool = False) -> list[str]:
    """The questions for a lesson in lines, each with its answer if wanted. Raises CourseError for no such lesson."""
    number, known = lesson.zfill(2), drills()
    if number not in known:
        raise CourseError(
            f"there is no practice for lesson {lesson!r}: there is for {', '.join(known)}, as in `cowlab practice "
            f"{next(iter(known))}`"
        )
    lines = [f"Practice for lesson {number}, seed {seed}.", ""]
    for position, make in enumerate(known[number], 1):
        ask = make(random.Random(seed))
        lines += _wrapped(ask.text, f"{position}. ")
        lines += ["", *_wrapped(f"Answer: {ask.solution}")] if answer else []
        lines.append("")
    other = "" if answer else " --answer shows the answers."
    return [*lines, f"--seed {seed + 1} draws other numbers.{other}"]


def _lessons() -> list[Lesson]:
    """The lessons that came with this package."""
    return contents.lessons(find_lessons()[0])


def _own(lesson: Lesson) -> list[Drill]:
    """What the modules list from which a lesson asks."""
    found: list[Drill] = []
    for name in lesson.modules:
        found += getattr(importlib.import_module(f"cowlab.course.questions.{name}"), "practice", [])
    return found


def _doc(make: Drill) -> str:
    """What a drill asks: the first line of its docstring."""
    return (make.__doc__ or make.__name__).strip().partition("\n")[0]


def _wrapped(text: str, first: str = INDENT) -> list[str]:
    """The lines of `text`, set in and broken where they are too long; before the very first stands `first`."""
    broken = [part for line in text.splitlines() for part in textwrap.wrap(line, WIDTH)]
    return [f"{first if number == 0 else INDENT}{line}" for number, line in enumerate(broken)]
