"""The picture of the present moment, saved from a lab's tab as a reader saves it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from .parts import Lab

MOMENT = "fork_sharing-operation-8"


@pytest.fixture
def pictures(lab: Lab) -> Any:
    """The group of buttons, one operation before the end."""
    lab.bar.button("One operation back").click()
    lab.bar.says("After operation 8 of 9")
    return lab.tab("Code and trace").get_by_role("group", name="Picture of this moment")


def saved(lab: Lab, pictures: Any, button: str) -> tuple[str, bytes]:
    """The name and the content of the file that the browser downloads, after Enter on a button."""
    with lab.page.expect_download() as download:
        pictures.get_by_role("button", name=button).press("Enter")
    pictures.get_by_role("status").filter(has_text=f"Saved as {MOMENT}").wait_for()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_as_png_by_keyboard(lab: Lab, pictures: Any) -> None:
    name, content = saved(lab, pictures, "Save as PNG")
    assert name == f"{MOMENT}.png"
    image = Image.open(io.BytesIO(content))
    image.load()
    assert image.width == 1600
    assert pictures.get_by_role("button", name="Save as PNG").evaluate("one => one === document.activeElement")


def test_as_svg_with_the_description_of_this_moment(lab: Lab, pictures: Any) -> None:
    name, content = saved(lab, pictures, "Save as SVG")
    assert name == f"{MOMENT}.svg"
    described = ElementTree.fromstring(content).findtext("{*}desc")
    assert described == lab.notebook.ask("lab.description")
    assert "After operation 8 of 9" in described
