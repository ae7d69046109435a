"""The list of a lesson's figures on a page: opened and followed by keyboard alone, readable in both themes."""

from __future__ import annotations

import pytest

from cowlab.course import claims

from .conftest import Open
from .jupyter import DARK, LIGHT, Notebook
from .test_access import grave

CELLS = """\
import os
os.environ["COWLAB_REPORT_TO"] = "https://tracker.test/issues/new"
from cowlab.views import Claims
Claims("01_fork_sharing")"""
LIST = ".cowlab-claims"


@pytest.fixture(scope="module")
def notebook(open_cells: Open) -> Notebook:
    notebook = open_cells(CELLS)
    notebook.run_all()
    notebook.page.locator(LIST).wait_for()
    return notebook


def test_it_is_opened_and_a_link_followed_by_keyboard(notebook: Notebook) -> None:
    page = notebook.page
    page.context.route("https://tracker.test/**", lambda route: route.fulfill(body="the form"))
    links = page.locator(f"{LIST} a")
    assert not links.first.is_visible()
    page.locator(f"{LIST} summary").focus()
    page.keyboard.press("Enter")
    links.first.wait_for()
    page.keyboard.press("Tab")
    assert links.first.evaluate("link => link === document.activeElement")
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    opened.value.wait_for_url("https://tracker.test/issues/new?title=Mistake%20in%20eager_refusal*")
    opened.value.close()
    assert page.locator(".jp-Notebook").is_visible()


def test_each_link_says_which_figure_it_is_of(notebook: Notebook) -> None:
    for claim in claims.claims_of("01_fork_sharing"):
        name = f"report a mistake in: {claim.name}"
        assert notebook.page.get_by_role("link", name=name, exact=True, include_hidden=True).count() == 1


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_it_has_no_grave_violation(notebook: Notebook, theme: str) -> None:
    notebook.theme(theme)
    notebook.page.locator(LIST).evaluate("list => list.open = true")
    assert grave(notebook, LIST) == []
