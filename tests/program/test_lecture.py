"""`cowlab lecture`: what it asks of the course's server, and what it says where it cannot show slides."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cowlab.program import cli, launch, lecture
from helpers.paths import NOTEBOOKS

BEGINS = ("slide", "subslide")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each server that would have run."""
    options: list[dict[str, Any]] = []
    monkeypatch.setattr(launch, "serve", lambda folder, port, token, further: options.append(further))
    monkeypatch.setattr(launch, "stop_signals", list)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(lecture, "_quieten", lambda: None)
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    return options


def test_it_opens_the_slides_of_the_lesson(served: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lecture", "3", "--no-browser"]) == 0
    assert served[0]["ServerApp.default_url"].endswith("/03_zygote_savings.ipynb")
    assert "/voila/render/" in capsys.readouterr().out
    assert served[0]["ServerApp.open_browser"] is False


def test_its_options_may_stand_before_the_command_or_after_it(served: list[dict[str, Any]]) -> None:
    port = str(launch.choose_port(None))
    for arguments in (["--port", port, "lecture", "03"], ["lecture", "03", "--port", port, "--theme", "dark"]):
        assert cli.main(arguments) == 0
    assert [one["VoilaConfiguration.theme"] for one in served] == ["light", "dark"]


def test_the_template_is_found_before_others(served: list[dict[str, Any]]) -> None:
    cli.main(["lecture", "03"])
    first, other = os.environ["JUPYTER_PATH"].split(os.pathsep)
    template = Path(first) / "nbconvert" / "templates" / served[0]["VoilaConfiguration.template"]
    assert (template / "index.html.j2").is_file()
    assert other == "elsewhere"


def test_a_lesson_that_is_not_there_is_refused_with_those_that_are(
    served: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["lecture", "44"]) == 2
    said = capsys.readouterr().err
    assert "there is no lesson '44'" in said
    assert "00, 01, 02" in said
    assert served == []


def test_without_voila_it_says_what_to_install(
    served: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "voila" else name)
    assert cli.main(["lecture", "03"]) == 2
    assert "cowlab[teach]" in capsys.readouterr().err
    assert served == []


def slides(path: Path) -> list[list[dict[str, Any]]]:
    """The cells of each slide, as slides.js groups them."""
    found: list[list[dict[str, Any]]] = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        kind = cell["metadata"].get("slideshow", {}).get("slide_type", "-")
        if kind in BEGINS:
            found.append([])
        if kind != "skip":
            found[-1].append(cell)
    return found


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
class TestTheSlidesOf:
    def test_each_section_is_a_slide(self, path: Path) -> None:
        starts = [cells[0] for cells in slides(path)]
        headed = [cell for cell in starts if "".join(cell["source"]).startswith(("# ", "## "))]
        kinds = {cell["metadata"]["slideshow"]["slide_type"] for cell in headed}
        assert kinds == {"slide"}
        assert len(headed) >= 3

    def test_each_section_tells_the_speaker_something(self, path: Path) -> None:
        """What to ask, what is usually answered, what to point at: not what the slide says already."""
        silent = []
        for cells in slides(path):
            notes = [cell["metadata"].get("slideshow", {}).get("notes", "") for cell in cells]
            if cells[0]["metadata"]["slideshow"]["slide_type"] == "slide" and not any(len(note) > 20 for note in notes):
                silent.append("".join(cells[0]["source"])[:40])
        assert silent == []

    def test_each_lab_has_a_slide_of_its_own(self, path: Path) -> None:
        """It is as high as the screen."""
        crowded = []
        for cells in slides(path):
            labs = [cell for cell in cells if "Lab(" in "".join(cell["source"]) and cell["cell_type"] == "code"]
            words = sum(len("".join(cell["source"]).split()) for cell in cells if cell["cell_type"] == "markdown")
            if labs and (len(labs) > 1 or words > 40):
                crowded.append("".join(labs[0]["source"])[:60])
        assert crowded == []
