"""The first lesson: its shape, that no result is typed into it, and that it shows itself without being run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[1] / "notebooks" / "01_fork_sharing.ipynb"
SECTIONS = [
    "A question from real life",
    "A machine that copies",
    "Predict",
    "See it",
    "Explain it",
    "Put numbers on it",
    "On your own kernel",
    "What people get wrong",
    "Check yourself",
    "What to remember",
    "Go further",
]


@pytest.fixture(scope="module")
def notebook() -> dict:
    return json.loads(LESSON.read_text())


def prose(notebook: dict) -> str:
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")


def code(notebook: dict) -> list[dict]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def position(notebook: dict, text: str) -> int:
    """The first cell that has `text`."""
    return next(n for n, cell in enumerate(notebook["cells"]) if text in "".join(cell["source"]))


def outputs(notebook: dict) -> str:
    return json.dumps([cell["outputs"] for cell in code(notebook)])


def test_the_sections_come_in_their_order(notebook: dict) -> None:
    assert re.findall(r"^## (.+)$", prose(notebook), re.M) == SECTIONS


def test_the_prediction_comes_before_what_it_predicts(notebook: dict) -> None:
    asked = position(notebook, "questions.data_after_forks")
    assert asked < position(notebook, "fork_three(parent)\ndisplay(guess") < position(notebook, "Lab(scenarios")


def test_no_number_with_a_unit_is_typed_into_the_text(notebook: dict) -> None:
    typed = re.findall(r"\d[\d.,]*\s*(?:[KMG]i?B|%|times|pages|ms|frames|processes)", prose(notebook))
    assert typed == []


def test_no_cell_gives_an_answer_away(notebook: dict) -> None:
    sources = "\n".join("".join(cell["source"]) for cell in code(notebook))
    assert "Prediction(" not in sources
    assert "Yes" not in sources


def test_the_third_child_is_refused_on_the_machine_that_copies(notebook: dict) -> None:
    cell = next(cell for cell in code(notebook) if "def fork_three" in "".join(cell["source"]))
    text = "".join(cell["outputs"][0]["text"])
    assert "child 2 is there\nchild 3 is refused." in text
    assert "RAM are" in text


def test_rss_adds_up_to_15_gib_while_0_3_are_in_use(notebook: dict) -> None:
    assert "51 processes: RSS adds up to 15 GiB, 0.3 GiB are in use" in outputs(notebook)


def test_the_rule_is_shown_from_the_engine_and_never_pasted(notebook: dict) -> None:
    sources = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "inspect.getsource(faults.on_fork)" in sources
    assert "def on_fork" not in sources
    assert "def on_fork" in outputs(notebook)


def test_it_was_saved_as_run_from_top_to_bottom(notebook: dict) -> None:
    assert [cell["execution_count"] for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert "ename" not in outputs(notebook)


def test_merely_opened_it_shows_its_pictures(notebook: dict) -> None:
    pictures = [
        output for cell in code(notebook) for output in cell["outputs"] if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 2
    assert all(output["data"]["text/plain"] for output in pictures)


def test_its_metadata_is_the_same_on_every_machine(notebook: dict) -> None:
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in notebook["cells"])


def test_at_most_three_things_to_remember_each_with_a_cell_to_change(notebook: dict) -> None:
    cells = notebook["cells"][position(notebook, "## What to remember") : position(notebook, "## Go further")]
    changeable = [cell for cell in cells if "# change th" in "".join(cell["source"])]
    assert len(re.findall(r"^\*\*\d\. ", prose({"cells": cells}), re.M)) == len(changeable) == 3


def test_it_draws_nothing_into_output_or_interact(notebook: dict) -> None:
    sources = "\n".join("".join(cell["source"]) for cell in code(notebook))
    assert not re.search(r"\b(Output|interact\w*)\(", sources)
