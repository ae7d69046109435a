"""A lecture in a real browser: slides, a lab that is alive on them, and notes in a second window."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.paths import ROOT

from .jupyter import PATIENCE_MS

PROJECTOR = {"width": 1280, "height": 720}
CELLS = [
    ("markdown", "# A short lecture\n\nIt has a lab.", {"slide_type": "slide", "notes": "Say hello.\nThen wait."}),
    ("code", "from cowlab import scenarios\nfrom cowlab.views import Lab", {"slide_type": "skip"}),
    ("markdown", "## See it\n\nA page is written.", {"slide_type": "slide", "notes": "Ask who copies."}),
    ("code", "print('six times seven is', 6 * 7)", {}),
    ("code", "lab = Lab(scenarios.fork_sharing, children=2, written_percent=0)\nlab", {"slide_type": "subslide"}),
    ("markdown", "## What to remember\n\nThe writer copies: [trust](docs/trust.md).", {"slide_type": "slide"}),
]


def write_lecture(path: Path) -> None:
    cells = [
        {"cell_type": kind, "id": f"cell{number}", "metadata": {"slideshow": slideshow}, "source": source}
        | ({"execution_count": None, "outputs": []} if kind == "code" else {})
        for number, (kind, source, slideshow) in enumerate(CELLS)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path.parent.mkdir(parents=True)
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(made))


@pytest.fixture(scope="module")
def address(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`cowlab lecture` on a lesson of our own, beside those of the course."""
    pytest.importorskip("voila", reason="voila is not installed: pip install 'cowlab[teach]'")
    folder = tmp_path_factory.mktemp("lecture") / "course"
    write_lecture(folder / "90_short.ipynb")
    command = [sys.executable, "-m", "cowlab", "lecture", "90", "--no-browser", "--into", str(folder)]
    variables = {"PYTHONPATH": str(ROOT), "COWLAB_PROGRESS": str(folder / "progress.json")}
    with (folder / "server.log").open("wb") as log:
        running = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert running.stdout is not None
    found = next(filter(None, (re.search(r"http://\S+", line) for line in running.stdout)))
    yield found[0]
    running.terminate()
    assert running.wait(60) == 0
    assert "DeprecationWarning" not in (folder / "server.log").read_text()


class Lecture:
    """The slides on a page; `elsewhere` are requests that left this machine."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: message.type == "error" and self._complain(message.text))
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", self._note)
        self._open(address)
        page.locator("#rendered_cells").wait_for(state="visible")
        self.map.wait_for(state="attached")

    def _open(self, address: str) -> None:
        """The address is printed before the server is up."""
        from playwright.sync_api import Error

        for _ in range(200):
            try:
                self.page.goto(address)
                return
            except Error as error:
                if "ERR_CONNECTION_REFUSED" not in error.message:
                    raise
                self.page.wait_for_timeout(100)
        raise AssertionError("the lecture's server did not answer")

    def _complain(self, text: str) -> None:
        if not text.startswith("Window name candidate"):  # JupyterLab says so of a second page on the same server
            self.errors.append(text)

    def _note(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.elsewhere.append(request.url)

    @property
    def map(self) -> Any:
        """The lab's own; those of the kernel's pages come later."""
        return self.page.locator(".cowlab-map").first

    @property
    def stage(self) -> Any:
        """What of the map takes keys."""
        return self.map.locator("[tabindex='0']").first

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    @property
    def where(self) -> str:
        return self.page.locator("#slide-where").inner_text()

    def go(self, number: int) -> None:
        self.page.locator("#slide-list").select_option(index=number - 1)
        self.page.wait_for_function(f"document.querySelector('#slide-where').textContent.startsWith('{number} /')")

    @property
    def text(self) -> str:
        """What is on the slide."""
        return self.page.locator("main").inner_text()


@pytest.fixture(scope="module")
def window(chromium: Any, address: str) -> Iterator[Lecture]:
    context = chromium.new_context(viewport=PROJECTOR)
    yield Lecture(context.new_page(), address)
    context.close()


@pytest.fixture
def lecture(window: Lecture) -> Lecture:
    window.go(2)
    window.go(1)
    return window


def test_a_slide_holds_its_own_cells_and_no_others(lecture: Lecture) -> None:
    assert lecture.where == "1 / 4"
    assert "A short lecture" in lecture.text
    assert "See it" not in lecture.text
    lecture.press("ArrowRight")
    assert "six times seven is 42" in lecture.text
    assert "A short lecture" not in lecture.text


@pytest.mark.parametrize(
    ("forth", "back"), [("ArrowRight", "ArrowLeft"), ("PageDown", "PageUp"), ("Space", "Shift+Space")]
)
def test_keys_turn_the_slides(lecture: Lecture, forth: str, back: str) -> None:
    lecture.press(forth)
    assert lecture.where == "2 / 4"
    lecture.press(back)
    assert lecture.where == "1 / 4"
    lecture.press(back)
    assert lecture.where == "1 / 4"
    lecture.press("End")
    assert lecture.where == "4 / 4"


def test_code_is_folded_until_it_is_asked_for(lecture: Lecture) -> None:
    lecture.go(2)
    assert "print(" not in lecture.text
    lecture.press("c")
    assert "print(" in lecture.text
    lecture.press("c")
    assert "print(" not in lecture.text


def test_the_lab_is_alive_and_its_kernel_answers(lecture: Lecture) -> None:
    lecture.go(3)
    lab = lecture.page.locator(".cowlab-lab")
    assert "0 copies" in lab.inner_text()
    lecture.stage.focus()
    lecture.press("Home")  # to the first page of the first process
    lecture.press("Enter")
    lecture.page.wait_for_function("document.querySelector('.cowlab-lab').innerText.includes('1 copies')")


def test_in_a_lab_the_arrow_keys_are_the_labs_and_the_page_keys_turn_the_slide(lecture: Lecture) -> None:
    lecture.go(3)
    lecture.stage.focus()
    lecture.press("ArrowRight")
    assert lecture.where == "3 / 4"
    lecture.press("Escape")
    lecture.press("ArrowRight")
    assert lecture.where == "4 / 4"
    lecture.go(3)
    lecture.stage.focus()
    lecture.press("PageDown")
    assert lecture.where == "4 / 4"


def test_type_and_marks_are_larger_than_in_a_notebook(lecture: Lecture) -> None:
    lecture.go(3)
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    assert lecture.page.locator(".slide-cell .jp-RenderedMarkdown p").first.evaluate(size) >= 22
    assert lecture.map.evaluate(size) >= 16
    unit = "element => Number(getComputedStyle(element).getPropertyValue('--cowlab-unit'))"
    assert lecture.map.evaluate(unit) >= 1.3


@pytest.mark.parametrize("size", [PROJECTOR, {"width": 1920, "height": 1080}], ids=lambda size: str(size["width"]))
def test_no_name_of_a_tab_is_cut_off(lecture: Lecture, size: dict[str, int]) -> None:
    lecture.page.set_viewport_size(size)
    lecture.go(3)
    room = "every => every.map((name) => [name.scrollWidth - name.clientWidth, name.scrollHeight - name.clientHeight])"
    missing = lecture.page.locator(".cowlab-lab .lm-TabBar-tabLabel").evaluate_all(room)
    lecture.page.set_viewport_size(PROJECTOR)
    assert len(missing) >= 5
    assert all(width <= 0 and height <= 0 for width, height in missing)


def test_the_speaker_has_notes_in_a_window_of_their_own_that_keeps_up(lecture: Lecture) -> None:
    with lecture.page.expect_popup() as opened:
        lecture.press("s")
    notes = opened.value
    assert "Say hello.\nThen wait." in notes.locator("body").inner_text()
    assert "Next: See it" in notes.locator("body").inner_text()
    lecture.page.bring_to_front()
    lecture.press("ArrowRight")
    assert "Ask who copies." in notes.locator("body").inner_text()
    notes.bring_to_front()
    notes.keyboard.press("ArrowRight")
    assert lecture.where == "3 / 4"
    assert "No notes for this slide." in notes.locator("body").inner_text()
    notes.close()
    assert "Say hello" not in lecture.text


def test_the_keys_are_said_on_request(lecture: Lecture) -> None:
    keys = lecture.page.locator("#slide-keys")
    assert not keys.is_visible()
    lecture.press("?")
    assert "speaker notes" in keys.inner_text()
    lecture.press("?")
    assert not keys.is_visible()


def test_an_address_with_a_number_opens_that_slide(lecture: Lecture) -> None:
    lecture.page.evaluate("location.hash = '#4'")
    lecture.page.wait_for_function("document.querySelector('#slide-where').textContent === '4 / 4'")
    assert "The writer copies" in lecture.text


def test_a_document_opens_beside_the_slides(lecture: Lecture) -> None:
    lecture.go(4)
    with lecture.page.context.expect_page() as opened:
        lecture.page.get_by_role("link", name="trust").click()
    beside = opened.value
    beside.locator(".jp-RenderedMarkdown h1").first.wait_for()
    assert "How much to trust this" in beside.locator(".jp-RenderedMarkdown h1").first.inner_text()
    beside.close()
    assert lecture.where == "4 / 4"


def test_nothing_is_fetched_from_elsewhere_and_nothing_fails(lecture: Lecture) -> None:
    assert lecture.elsewhere == []
    assert lecture.errors == []


def test_the_bar_has_no_grave_violation(lecture: Lecture) -> None:
    from .test_access import grave

    assert grave(lecture, "#slide-bar") == []  # type: ignore[arg-type]
