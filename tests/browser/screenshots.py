"""Pictures of labs for the documents, light and dark: `PYTHONPATH=tests python -m browser.screenshots`.

Writes docs/images/lab-NAME-light.png and lab-NAME-dark.png, 1280 x 800, from a real JupyterLab.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from helpers.paths import ROOT

from .conftest import CELL
from .jupyter import CHROMIUM, DARK, LIGHT, QUIET, JupyterLab, Notebook, write_notebook
from .parts import Lab

LABS = {
    "fork_sharing": "scenarios.fork_sharing, children=3",
    "zygote": "scenarios.zygote, tabs=50",
    "batch_explosion": "scenarios.batch_explosion",
    "cgroup_isolation": "scenarios.cgroup_isolation",
}
WINDOW = {"width": 1280, "height": 800}
TO_THE_TOP = "lab => lab.scrollIntoView({block: 'start'})"
STILL = "root => root.getAnimations({subtree: true}).length === 0"  # the counters have ticked


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = JupyterLab(Path(folder))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            for name, arguments in LABS.items():
                write_notebook(server.folder / f"{name}.ipynb", [CELL.format(arguments)])
                page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
                take(Notebook(page, server.address(f"{name}.ipynb")), name)
                page.close()
        finally:
            browser.close()
            server.close()


def take(notebook: Notebook, name: str) -> None:
    """The lab of a notebook in both themes."""
    notebook.run_all()
    lab = Lab(notebook)
    for theme, ending in ((DARK, "dark"), (LIGHT, "light")):
        notebook.theme(theme)
        lab.root.evaluate(TO_THE_TOP)
        lab.map.until(STILL)
        save(notebook.page, ROOT / "docs" / "images" / f"lab-{name}-{ending}.png")


def save(page: Any, path: Path) -> None:
    """A screenshot with 256 colours, which suffice for flat fills and texts, and a third of the bytes."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
