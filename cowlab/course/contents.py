"""What the course consists of, read from the notebooks in a folder: nothing of it is written down a second time."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import progress

LESSON = re.compile(
    r"(\d\d)_\w+\.ipynb", re.ASCII
)  # not JupyterLab's copies, nor the `.new` ones beside changed lessons
_ASKS = re.compile(r"^(?!\( \) )(?:\d+\. )?(.+)\n(?=\( \) |____ )", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """A lesson as its notebook tells it.

    `after` ends the sentence "After this lesson you can ..."; `modules` are those of `course/questions/` that it asks
    from; `questions` are the keys of all that it asks, as saved in its outputs (none if it was never run).
    """

    file: Path
    number: str
    title: str
    after: str = ""
    modules: tuple[str, ...] = ()
    questions: frozenset[str] = frozenset()


def lessons(folder: Path) -> list[Lesson]:
    """The lessons in a folder, in their order; 00 is the welcome page, and none."""
    named = [(LESSON.fullmatch(path.name), path) for path in folder.iterdir()]
    return [_read(file) for file in sorted(path for match, path in named if match and match[1] != "00")]


def _read(file: Path) -> Lesson:
    """One notebook; a file that is none is listed under its name."""
    number = file.name[:2]
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        return Lesson(file, number, _title(text, file), _after(text), _modules(code), _questions(code))
    except (ValueError, KeyError, TypeError):
        return Lesson(file, number, f"{file.name} (cannot be read: it is no notebook)")


def _title(text: str, file: Path) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else file.stem


def _after(text: str) -> str:
    """To the end of its sentence: a full stop, and then a space or the end of the line."""
    found = re.search(r"After this lesson you can (.+?)\.(?:\s|$)", text, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _modules(code: list[dict[str, Any]]) -> tuple[str, ...]:
    source = "\n".join("".join(cell["source"]) for cell in code)
    found = re.findall(r"^from cowlab\.(?:course\.)?questions import (\w+(?:, \w+)*)", source, re.MULTILINE)
    return tuple(name for line in found for name in line.split(", "))


def _questions(code: list[dict[str, Any]]) -> frozenset[str]:
    """A question is saved as its line, and then a line for each choice: `( ) choice`, or `____ unit`."""
    outputs = [output.get("data", {}) for cell in code for output in cell["outputs"]]
    texts = ["".join(data.get("text/plain", "")) for data in outputs]
    return frozenset(progress.key_of(question) for text in texts for question in _ASKS.findall(text))
