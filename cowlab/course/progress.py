"""Which questions the reader has answered: a small file of the reader's own, sent nowhere.

    record("fork_sharing", key_of("How much data is in memory?"), right=True)
    load().lessons    # {"fork_sharing": {"How much data is in memory?": True}}

The file is `progress.json` where the system keeps data of programs: in ~/.local/share/cowlab (or $XDG_DATA_HOME/cowlab)
on Linux, in ~/Library/Application Support/cowlab on macOS. COWLAB_PROGRESS names another.
Losing it is no disaster: only what was answered is forgotten. Reading it changes nothing.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..files import write_whole

Lessons = dict[str, dict[str, bool]]
"""{lesson: {question: was the last answer right?}}."""

_FIGURE = re.compile(r"\d(?:[\d.,]*\d)?(?:\s*(?:[KMGTPE]i)?B\b)?")


@dataclass(frozen=True)
class Progress:
    """What the file says; `trouble` is a sentence if it cannot be read, else empty."""

    lessons: Lessons
    trouble: str = ""


def path() -> Path:
    """Where the file is, or would be."""
    if named := os.environ.get("COWLAB_PROGRESS"):
        return Path(named)
    file = platformdirs.user_data_path("cowlab", appauthor=False) / "progress.json"
    before = _place_before()
    return before if before.exists() and not file.exists() else file


def _place_before() -> Path:
    """Where cowlab 0.1 kept the file on every system; one that is there stays in use."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "cowlab" / "progress.json"


def key_of(question: str) -> str:
    """What a question is called in the file: its last line without its figures, so that other figures are no other one.

    >>> key_of("A process holds 300 MiB and forks 50 children. What is in use?")
    'A process holds # and forks # children. What is in use?'
    """
    last = question.strip().rpartition("\n")[2]
    return _FIGURE.sub("#", " ".join(last.split()))


def load() -> Progress:
    """What was answered so far: nothing, if there is no file or one that cannot be read."""
    file = path()
    try:
        return Progress(_read(file))
    except OSError as error:
        return Progress({}, f"Your progress cannot be read: {error}.")
    except ValueError as error:
        return Progress({}, f"Your progress cannot be read: {file} is damaged ({error}).")


def record(lesson: str, question: str, right: bool) -> str:
    """Keep that a question of a lesson was answered. What the reader should know of it, as a sentence, or nothing.

    The last answer counts. A damaged file is moved aside, never overwritten.
    """
    file, news = path(), ""
    try:
        try:
            lessons = _read(file)
        except ValueError:
            lessons, news = {}, _move_aside(file)
        lessons.setdefault(lesson, {})[question] = right
        file.parent.mkdir(parents=True, exist_ok=True)
        # Of two notebooks that answer in the same instant one may be forgotten: one person clicks once at a time.
        text = json.dumps({"lessons": lessons}, indent=1, ensure_ascii=False) + "\n"
        write_whole(file, text.encode(), mode=0o600)
    except OSError as error:
        return f"Your answer counts, but your progress could not be kept: {error}. COWLAB_PROGRESS names another file."
    return news


def _read(file: Path) -> Lessons:
    """What the file holds; nothing if there is none. Raises OSError, and ValueError for what is not of this form."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return _checked(json.loads(text))


def _checked(content: object) -> Lessons:
    """The lessons in what the file holds. Raises ValueError."""
    lessons = content.get("lessons") if isinstance(content, dict) else None
    if not isinstance(lessons, dict):
        raise ValueError('it has no "lessons"')
    for lesson, answers in lessons.items():
        if not isinstance(answers, dict) or not all(isinstance(right, bool) for right in answers.values()):
            raise ValueError(f"what it says of {lesson!r} is no progress")
    return lessons


def _move_aside(file: Path) -> str:
    """Give a damaged file another name, one that is free; say so."""
    number = 1
    while (aside := file.with_name(f"{file.stem}.damaged{number}{file.suffix}")).exists():
        number += 1
    os.replace(file, aside)
    return f"Your progress was in a damaged file. It is {aside} now, and a new one was begun."
