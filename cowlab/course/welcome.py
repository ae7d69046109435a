"""What the first page of the course shows: the installation, the lessons, and how far the reader has come.

What is saved with the notebook is the same on every machine; what differs is shown when a cell is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

from ..program import check
from ..readable import Readable
from . import contents, progress
from .ask import in_lines
from .contents import Lesson

__all__ = ["Installation", "LessonList", "ProgressTable"]

HERE = Path()
LIVE = "live: the browser and Python talk to each other"
WAITING = "no word from the browser yet. If this stays, restart JupyterLab and reload the page"

STYLE = """<style>
.cowlab-facts { border-collapse: collapse; }
.cowlab-facts th, .cowlab-facts td { padding: 3px 14px 3px 0; text-align: left; font-weight: inherit; }
.cowlab-facts tr { border-top: 1px solid var(--jp-border-color2, #8888); }
</style>"""


class Installation(Readable, widgets.VBox):
    """What `cowlab check` finds, and whether widgets are live in this very page. Saved, it is the verdict alone."""

    def __init__(self) -> None:
        self.findings = check.look()
        self._table = widgets.HTML()
        self._page = _Page()
        self._page.observe(lambda _: self._draw(), "alive")
        super().__init__([self._table, self._page])
        self._draw()

    def _draw(self) -> None:
        rows = [(f.verdict, f.name, f.found) for f in self.findings]
        alive = self._page.alive
        rows.append(("ok" if alive else "…", "widgets in this page", LIVE if alive else WAITING))
        told = f"<p><b>{in_lines(self.verdict)}</b></p>"
        self._table.value = f"{told}{_table('the installation', ('', 'what', 'found'), rows)}"

    @property
    def verdict(self) -> str:
        """What follows from the findings."""
        return check.verdict(self.findings)

    def __repr__(self) -> str:
        return self.verdict


class _Page(anywidget.AnyWidget):
    """Nothing to see: its script answers from the browser, which shows that scripts of widgets run there."""

    _esm = "export default { render({ model }) { model.set('alive', true); model.save_changes(); } }"
    alive = traitlets.Bool(False).tag(sync=True)


class LessonList:
    """The lessons in `folder`, which is the notebook's own, with links and with what one can do after each."""

    def __init__(self, folder: Path = HERE) -> None:
        self.lessons = contents.lessons(folder)

    def _repr_markdown_(self) -> str:
        return "\n".join(
            f"- **[{lesson.number} {lesson.title}]({lesson.file.name})**: {_promise(lesson)}" for lesson in self.lessons
        )

    def __repr__(self) -> str:
        return "\n".join(f"{lesson.number} {lesson.title}: {_promise(lesson)}" for lesson in self.lessons)


class ProgressTable(Readable, widgets.VBox):
    """For each lesson, how many of its questions are answered, and how many of these are right.

    Saved, it says nothing of the reader.
    """

    def __init__(self, folder: Path = HERE) -> None:
        self._folder = folder
        self._table = widgets.HTML()
        button = widgets.Button(description="Look again", tooltip="Read the file of your progress again")
        button.on_click(lambda _: self.refresh())
        super().__init__([self._table, button])
        self.refresh()

    def refresh(self) -> None:
        """Show what the file of progress says now."""
        kept = progress.load()
        rows = [_progress_of(lesson, kept.lessons) for lesson in contents.lessons(self._folder)]
        table = _table("your progress", ("lesson", "answered", "right"), rows)
        where = f"This is kept in {progress.path()}, and sent nowhere. Delete the file to begin anew."
        self._table.value = f"{table}<p>{escape(kept.trouble or where)}</p>"

    def __repr__(self) -> str:
        return (
            "Run this cell to see your progress: for each lesson, the questions answered, and those answered rightly."
        )


def _promise(lesson: Lesson) -> str:
    return f"afterwards you can {lesson.after}." if lesson.after else "see for yourself."


def _progress_of(lesson: Lesson, kept: progress.Lessons) -> tuple[str, str, str]:
    """(title, answered, right). A question that the lesson no longer asks does not count."""
    answers = {key: right for name in lesson.modules for key, right in kept.get(name, {}).items()}
    known = {key: right for key, right in answers.items() if key in lesson.questions}
    answered = f"{len(known)} of {len(lesson.questions)}"
    return f"{lesson.number} {lesson.title}", answered, str(sum(known.values()))


def _table(name: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f'{STYLE}<table class="cowlab-facts" aria-label="{name}"><tr>{head}</tr>{body}</table>'
