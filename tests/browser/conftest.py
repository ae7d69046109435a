"""One JupyterLab and one Chromium for all browser tests; without a Chromium or Playwright they skip and say why.

What is shared ends with this folder: while Playwright runs, so does an event loop, which other tests do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from .jupyter import CHROMIUM, QUIET, JupyterLab, Notebook, write_notebook
from .parts import Lab

WINDOW = {"width": 1280, "height": 1000}
CELL = "from cowlab import scenarios\nfrom cowlab.views import Lab\nlab = Lab({})\nlab"

Open = Callable[..., Notebook]
OpenLab = Callable[..., Lab]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    reason = "playwright is not installed: pip install playwright"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def jupyterlab(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """A JupyterLab on an empty folder; it starts only if there is a browser for it."""
    server = JupyterLab(tmp_path_factory.mktemp("jupyterlab"))
    yield server
    server.close()


@pytest.fixture(scope="package")
def opened() -> list[Notebook]:
    """All notebooks that are open."""
    return []


@pytest.fixture(scope="package")
def open_file(chromium: Any, jupyterlab: JupyterLab, opened: list[Notebook]) -> Open:
    """Opens a notebook of the folder in a window of its own; further arguments are the window's."""

    def open_file(name: str, **window: Any) -> Notebook:
        context = chromium.new_context(**{"viewport": WINDOW, **window})
        opened.append(Notebook(context.new_page(), jupyterlab.address(name)))
        return opened[-1]

    return open_file


@pytest.fixture(scope="package")
def open_cells(open_file: Open, jupyterlab: JupyterLab) -> Open:
    """Writes a notebook with these cells, and opens it."""
    numbers = count(1)

    def open_cells(*cells: str, **window: Any) -> Notebook:
        name = f"notebook_{next(numbers)}.ipynb"
        write_notebook(jupyterlab.folder / name, list(cells))
        return open_file(name, **window)

    return open_cells


@pytest.fixture(scope="package")
def open_lab(open_cells: Open) -> OpenLab:
    """Opens and runs a notebook with one lab: open_lab("scenarios.fork_sharing, children=2")."""

    def open_lab(arguments: str, **window: Any) -> Lab:
        notebook = open_cells(CELL.format(arguments), **window)
        notebook.run_all()
        return Lab(notebook)

    return open_lab


@pytest.fixture(scope="package")
def fork_lab(open_lab: OpenLab) -> Lab:
    """A lab that tests share; `lab` gives it back its start."""
    return open_lab("scenarios.fork_sharing")


@pytest.fixture
def lab(fork_lab: Lab) -> Lab:
    """A parent with 16 pages and three children; each child has written its first four pages."""
    fork_lab.set(size="64 KiB", children=3, written_percent=25, copy_on_write=True)
    return fork_lab


@pytest.fixture(autouse=True)
def _no_error_in_the_console(opened: list[Notebook]) -> Iterator[None]:
    """Whatever a test does, the browser's console stays without an error."""
    yield
    errors = [error for notebook in opened for error in notebook.errors]
    for notebook in opened:
        notebook.errors.clear()
    assert errors == []
