"""Lesson 1 as a reader meets it: opened, run, and its lab touched."""

from __future__ import annotations

import shutil

import pytest

from helpers.paths import ROOT

from .conftest import Open
from .jupyter import JupyterLab, Notebook
from .parts import Lab

LESSON = ROOT / "notebooks" / "01_fork_sharing.ipynb"


@pytest.fixture(scope="module")
def unrun(open_file: Open, jupyterlab: JupyterLab) -> Notebook:
    shutil.copy(LESSON, jupyterlab.folder)
    return open_file(LESSON.name)


@pytest.fixture(scope="module")
def lesson(unrun: Notebook) -> Notebook:
    unrun.run_all()
    return unrun


def test_opened_without_being_run_the_lesson_shows_its_picture(unrun: Notebook) -> None:
    assert unrun.scroll_to('.jp-OutputArea img[src^="data:image/png"]').is_visible()


def test_run_its_lab_is_a_map_that_agrees_with_the_engine(lesson: Notebook) -> None:
    lab = Lab(lesson)
    lab.map.agrees()
    lab.map.click("child 1", "heap", 20)
    lab.map.agrees()
    assert lesson.ask("lab.operations[-1]['op']") == "write"


def test_scrolled_away_and_back_the_lab_is_as_it_was(lesson: Notebook) -> None:
    lab = Lab(lesson)
    before = lab.map.pages("child 1")
    lesson.page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTop = 0")
    lab = Lab(lesson)
    lab.map.agrees()
    assert lab.map.pages("child 1") == before


def test_a_prediction_is_made_by_keyboard_and_kept_beside_the_outcome(lesson: Notebook) -> None:
    lesson.scroll_to('.widget-radio-box input[type="radio"]').focus()
    lesson.page.keyboard.press("Space")
    assert "The engine says" not in lesson.page.locator(".jp-Notebook").inner_text()
    lesson.page.get_by_role("button", name="Commit").first.press("Enter")
    lesson.until("document.body.innerText.includes('You predicted')")
    assert "The engine says" in lesson.page.locator(".jp-Notebook").inner_text()
