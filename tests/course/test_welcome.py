"""The welcome page: the lessons as they are on disk, the reader's progress, and nothing saved that is private."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cowlab.course import contents, progress, welcome
from cowlab.program import check
from helpers.paths import NOTEBOOKS, ROOT

PAGE = json.loads((NOTEBOOKS / "00_welcome.ipynb").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a lesson that asks three questions, and with files that are no lessons."""
    made = tmp_path / "lessons"
    made.mkdir()
    asks = "How much is 3 MiB?\n( ) much\n( ) little", "1. Who?\n( ) I\n( ) you\n\n2. How many of 5?\n____ pages"
    outputs = [{"output_type": "execute_result", "data": {"text/plain": [text]}} for text in asks]
    cells = [
        {
            "cell_type": "markdown",
            "source": ["# Of numbers\n", "\n", "After this lesson you can add\n", "up. You may go."],
        },
        {"cell_type": "code", "source": ["from cowlab.questions import numbers as questions"], "outputs": outputs},
    ]
    (made / "02_numbers.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    (made / "01_broken.ipynb").write_text("{", encoding="utf-8")
    for name in ("00_welcome.ipynb", "02_numbers-Copy1.ipynb", "02_numbers.new.ipynb", "notes.txt"):
        (made / name).write_text("{}", encoding="utf-8")
    return made


# ---- what is on disk


def test_a_lesson_is_read_from_its_notebook(folder: Path) -> None:
    broken, lesson = contents.lessons(folder)
    assert (lesson.number, lesson.title, lesson.after) == ("02", "Of numbers", "add up")
    assert lesson.modules == ("numbers",)
    assert lesson.questions == {progress.key_of(text) for text in ("How much is 8 GiB?", "Who?", "How many of 9?")}
    assert broken.title == "01_broken.ipynb (cannot be read: it is no notebook)"


def test_all_that_the_lessons_of_the_course_ask_is_found() -> None:
    first = contents.lessons(NOTEBOOKS)[0]
    assert first.title == "Fork shares memory"
    assert first.modules == ("fork_sharing",)
    assert len(first.questions) == 5
    for lesson in contents.lessons(NOTEBOOKS):
        assert lesson.after
        assert lesson.modules
        assert len(lesson.questions) >= 4


def test_the_list_has_links_and_what_one_can_do_afterwards(folder: Path) -> None:
    listed = welcome.LessonList(folder)
    assert "**[02 Of numbers](02_numbers.ipynb)**: afterwards you can add up." in listed._repr_markdown_()
    assert repr(listed).endswith("02 Of numbers: afterwards you can add up.")


# ---- progress


def test_the_table_counts_what_the_lesson_asks_and_the_reader_answered(folder: Path) -> None:
    progress.record("numbers", progress.key_of("Who?"), right=True)
    progress.record("numbers", progress.key_of("How many of 7?"), right=False)
    progress.record("numbers", "What it no longer asks?", right=True)
    progress.record("others", progress.key_of("How much is 1 B?"), right=True)
    table = welcome.ProgressTable(folder)
    assert "<td>02 Of numbers</td><td>2 of 3</td><td>1</td>" in table._table.value
    progress.record("numbers", progress.key_of("How much is 1 B?"), right=True)
    table.children[-1].click()
    assert "<td>3 of 3</td><td>2</td>" in table._table.value


def test_where_progress_is_kept_is_said_and_what_is_wrong_with_it(folder: Path, file: Path) -> None:
    assert str(file) in welcome.ProgressTable(folder)._table.value
    file.parent.mkdir()
    file.write_text("{")
    assert "is damaged" in welcome.ProgressTable(folder)._table.value
    assert file.read_text() == "{"


def test_what_is_saved_says_nothing_of_the_reader(folder: Path) -> None:
    before = welcome.ProgressTable(folder)._repr_mimebundle_()
    progress.record("numbers", progress.key_of("Who?"), right=True)
    after = welcome.ProgressTable(folder)._repr_mimebundle_()
    assert set(before) == set(after) == {"text/plain", "application/vnd.jupyter.widget-view+json"}
    assert before["text/plain"] == after["text/plain"]


# ---- the installation


def test_the_installation_is_a_verdict_and_a_table() -> None:
    shown = welcome.Installation()
    assert repr(shown) == check.ALL_WELL
    assert "<td>ok</td><td>numpy</td>" in shown._table.value
    assert welcome.WAITING in shown._table.value


def test_a_browser_that_answers_is_told() -> None:
    shown = welcome.Installation()
    shown._page.alive = True
    assert welcome.LIVE in shown._table.value
    assert welcome.WAITING not in shown._table.value


# ---- the page


def test_the_page_lists_the_lessons_that_there_are() -> None:
    saved = json.dumps(PAGE, ensure_ascii=False)
    for lesson in contents.lessons(NOTEBOOKS):
        assert f"[{lesson.number} {lesson.title}]({lesson.file.name})" in saved


def test_the_page_was_saved_as_run_and_looks_the_same_everywhere() -> None:
    code = [cell for cell in PAGE["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert str(Path.home()) not in json.dumps(PAGE)
    assert check.ALL_WELL in json.dumps(PAGE)


def test_the_keys_on_the_page_are_those_of_the_maps_own_help() -> None:
    script = (ROOT / "cowlab" / "views" / "memory_map.js").read_text(encoding="utf-8")
    text = "\n".join("".join(cell["source"]) for cell in PAGE["cells"])
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", text, re.M)
    keys = [(key, does) for key, does in rows if key not in ("key", "---")]
    assert len(keys) > 10
    assert [key for key, does in keys if not re.search(rf'"?{re.escape(key)}"?[:,] "{re.escape(does)}"', script)] == []
