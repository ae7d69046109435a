"""Each lesson, run alone where Linux may not be asked: nothing fails, what is recorded says so, all else is as ever."""

from __future__ import annotations

import os
import re
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.paths import NOTEBOOKS

LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
NONE_ASKS = {"00_welcome", "07_cgroup_isolation"}
PATIENCE = 120  # seconds for a cell
COMPARES = re.compile(r"^Comparison\(", re.M)
ASKS = re.compile(r"^Comparison\(|\breason :?= linux\.available\(\)", re.M)
NOT_RUN = "Not run here: The kernel is not asked on this machine: COWLAB_KERNEL is set to 'off'."
DRAWN = {"image/png", "application/vnd.jupyter.widget-view+json"}

Cell = tuple[str, str, str]
"""The source, what it put out as saved, and what it put out here."""


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem)
def lesson(request: pytest.FixtureRequest) -> str:
    return request.param.stem


@pytest.fixture(scope="module")
def cells(lesson: str, tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """The code cells of a lesson, run from top to bottom."""
    saved = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", 4)
    run = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", 4)
    progress = tmp_path_factory.mktemp("progress") / "progress.json"
    client = NotebookClient(run, timeout=PATIENCE, resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.execute(env={**os.environ, "COWLAB_KERNEL": "off", "COWLAB_PROGRESS": str(progress)})
    pairs = zip(saved.cells, run.cells, strict=True)
    return [(one.source, shown(one), shown(other)) for one, other in pairs if one.cell_type == "code"]


def shown(cell: Any) -> str:
    """All that a cell put out in words; a stream comes in pieces."""
    texts = [output.get("text", "") for output in cell.outputs]
    for output in cell.outputs:
        texts += ["".join(text) for kind, text in sorted(output.get("data", {}).items()) if kind not in DRAWN]
    return "".join(texts)


def test_a_cell_that_asks_the_kernel_says_that_it_did_not(lesson: str, cells: list[Cell]) -> None:
    asking = [text for source, _, text in cells if ASKS.search(source)]
    assert (asking == []) == (lesson in NONE_ASKS)
    assert [text for text in asking if not text.rstrip().endswith(NOT_RUN)] == []


def test_a_comparison_says_of_which_kernel_and_day_it_is(lesson: str, cells: list[Cell]) -> None:
    compared = [(before, text) for source, before, text in cells if COMPARES.search(source)]
    assert len(compared) == (lesson not in NONE_ASKS)
    for before, text in compared:
        verdict, origin, _ = text.splitlines()
        assert verdict == before
        assert re.fullmatch(r"Recorded on another machine: Linux \d+\.\d+\S*, 20\d\d-\d\d-\d\d", origin)


def test_whatever_does_not_ask_the_kernel_puts_out_what_was_saved(cells: list[Cell]) -> None:
    rest = [(before, text) for source, before, text in cells if not ASKS.search(source)]
    assert [(before, text) for before, text in rest if before != text] == []


def test_recorded_figures_lead_to_what_was_saved(cells: list[Cell]) -> None:
    for _, before, text in (cell for cell in cells if ASKS.search(cell[0])):
        lines = [line for line in text.splitlines() if NOT_RUN not in line and not line.startswith("Recorded on")]
        assert [line for line in lines if line not in before.splitlines()] == []
