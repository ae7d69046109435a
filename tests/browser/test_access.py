"""Accessibility as axe-core checks it, of what is ours on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .jupyter import DARK, LIGHT, Notebook
from .parts import Lab

TABS = ["Processes", "Machine", "Timeline", "Log", "Code and trace", "On your machine"]


@pytest.fixture(scope="module", params=[LIGHT, DARK], autouse=True)
def theme(request: pytest.FixtureRequest, fork_lab: Lab) -> Iterator[None]:
    fork_lab.notebook.theme(request.param)
    yield
    fork_lab.notebook.theme(LIGHT)


def grave(notebook: Notebook, selector: str) -> list[str]:
    """What is serious or critical in an element, as axe says it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found: Any = axe.Axe().run(notebook.page, context={"include": [selector]}).response["violations"]
    return [
        f"{one['impact']}: {one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_the_lab_has_no_grave_violation(lab: Lab) -> None:
    assert grave(lab.notebook, ".cowlab-lab") == []


@pytest.mark.parametrize("title", TABS)
def test_no_tab_has_a_grave_violation(lab: Lab, title: str) -> None:
    lab.tab(title)
    assert grave(lab.notebook, ".cowlab-lab .jupyter-widget-tab") == []


def test_the_look_inside_a_fault_has_no_grave_violation(lab: Lab) -> None:
    lab.map.stage.focus()
    lab.page.keyboard.press("i")
    lab.map.inside.wait_for()
    found = grave(lab.notebook, ".cowlab-map")
    lab.page.keyboard.press("Escape")
    lab.map.inside.wait_for(state="hidden")
    assert found == []


def test_the_help_has_no_grave_violation(lab: Lab) -> None:
    lab.map.button("Help").click()
    found = grave(lab.notebook, ".cowlab-help")
    lab.page.keyboard.press("Escape")
    assert found == []
