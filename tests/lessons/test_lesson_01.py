"""What is special to the first lesson; tests/lessons/test_lessons.py has what goes for all."""

from __future__ import annotations

import json

import pytest

from helpers.paths import NOTEBOOKS

LESSON = NOTEBOOKS / "01_fork_sharing.ipynb"


@pytest.fixture(scope="module")
def notebook() -> dict:
    return json.loads(LESSON.read_text(encoding="utf-8"))


def position(notebook: dict, text: str) -> int:
    """The first cell that has `text`."""
    return next(n for n, cell in enumerate(notebook["cells"]) if text in "".join(cell["source"]))


def outputs(notebook: dict) -> str:
    return json.dumps([cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"])


def test_a_machine_that_copies_comes_before_the_prediction(notebook: dict) -> None:
    sections = ["## A question from real life", "## A machine that copies", "## Predict"]
    places = [position(notebook, section) for section in sections]
    assert places == sorted(places)


def test_what_was_predicted_is_shown_beside_its_outcome(notebook: dict) -> None:
    asked = position(notebook, "questions.data_after_forks")
    assert asked < position(notebook, "fork_three(parent)\ndisplay(guess") < position(notebook, "Lab(scenarios")


def test_the_third_child_is_refused_on_the_machine_that_copies(notebook: dict) -> None:
    cell = notebook["cells"][position(notebook, "def fork_three")]
    text = "".join(cell["outputs"][0]["text"])
    assert "child 2 is there\nchild 3 is refused." in text
    assert "RAM are" in text


def test_rss_adds_up_to_15_gib_while_0_3_are_in_use(notebook: dict) -> None:
    assert "51 processes: RSS adds up to 15 GiB, 0.3 GiB are in use" in outputs(notebook)


def test_the_rule_of_fork_is_shown(notebook: dict) -> None:
    assert "inspect.getsource(cowlab.engine.faults.on_fork)" in "".join(
        "".join(cell["source"]) for cell in notebook["cells"]
    )
    assert "def on_fork" in outputs(notebook)
