"""Lesson 1 in a real JupyterLab and a real Chromium, as a reader would use it."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")

REPO = Path(__file__).parents[2]
LESSON = REPO / "notebooks" / "01_fork_sharing.ipynb"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
MENU = ".lm-MenuBar-itemLabel"
START_SECONDS = 60
RUN_MS = 120_000
SLIDER = '.jupyter-widgets:has(> .widget-label:text-is("{}")) [role="slider"]'

SCROLL = """panel => {
    panel.scrollTop += 300;
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
WATCH_PICTURE = """() => {
    window.seen = [];
    const picture = document.querySelector('img.widget-image');
    new MutationObserver(() => picture.decode().then(() => window.seen.push(performance.now())))
        .observe(picture, {attributes: true, attributeFilter: ['src']});
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab with a copy of the lesson."""
    folder = tmp_path_factory.mktemp("lesson")
    shutil.copy(LESSON, folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(8)
    log = (folder / "server.log").open("wb")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
            *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
            "--ServerApp.kernel_websocket_connection_class=cowlab._jupyter.PromptConnection",
        ],
        cwd=folder,
        env=_environment(folder),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={token}", server)
        yield f"http://127.0.0.1:{port}/doc/tree/{LESSON.name}?token={token}"
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def _environment(folder: Path) -> dict[str, str]:
    """A Jupyter of its own, that asks nothing, with this repository's cowlab and this Python's kernel."""
    overrides = folder / "config" / "labconfig"
    overrides.mkdir(parents=True)
    news = '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'
    (overrides / "default_setting_overrides.json").write_text(news)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(REPO),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    """Ask until the server answers; a refused connection comes back at once, so each round waits for the process."""
    for _ in range(START_SECONDS * 4):
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            try:
                server.wait(0.25)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError("JupyterLab ended before it answered") from None
    raise AssertionError(f"JupyterLab did not answer within {START_SECONDS} s")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as p:
        chromium = p.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def page(browser, address: str) -> Iterator[object]:
    """The lesson, opened and run to its end; the console's errors are in page.errors."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(RUN_MS)
    page.errors = []
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_selector('[data-status="idle"]', state="attached")
    page.first_picture = _scroll_to(page, '.jp-OutputArea img[src^="data:image/png"]').is_visible()
    _run_all(page)
    yield page
    page.close()


def _run_all(page) -> None:
    page.locator(MENU, has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    _scroll_to(page, "img.widget-image")
    page.wait_for_selector('[data-status="idle"]', state="attached")


def _scroll_to(page, selector: str):
    """Cells outside the window are not in the page: turn the wheel until what is looked for is there."""
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("e => e.scrollTop = 0")
    for _ in range(80):
        if page.locator(selector).count():
            found = page.locator(selector).first
            found.scroll_into_view_if_needed()
            return found
        panel.evaluate(SCROLL)
    raise AssertionError(f"nothing in the lesson is {selector}")


def _picture(page) -> str:
    return _scroll_to(page, "img.widget-image").get_attribute("src")


def _press(page, slider: str, key: str, times: int = 1) -> None:
    """Keys on a slider, as fast as they go."""
    _scroll_to(page, "img.widget-image")
    page.locator(SLIDER.format(slider)).first.focus()
    for _ in range(times):
        page.keyboard.press(key)


def test_opened_without_being_run_the_lesson_shows_its_picture(page) -> None:
    assert page.first_picture


def test_a_slider_moved_by_key_changes_the_picture(page) -> None:
    _scroll_to(page, "img.widget-image")
    page.evaluate(WATCH_PICTURE)
    _press(page, "children", "ArrowRight")
    page.wait_for_function("window.seen.length > 0")


def test_of_fifty_rapid_moves_the_last_stays_on_the_screen(page) -> None:
    _press(page, "children", "Home")
    _press(page, "children", "ArrowRight", times=50)
    page.wait_for_function("document.body.innerText.includes('child 1 to child 50, each')")
    status = page.locator('[role="status"]', has_text="After operation").first
    assert "of 103" in status.inner_text()


def test_a_step_back_and_forth_shows_the_operation(page) -> None:
    _press(page, "children", "Home")
    page.wait_for_function("document.body.innerText.includes('After operation 3 of 3')")
    page.get_by_role("button", name="back").first.press("Enter")
    page.wait_for_function("document.body.innerText.includes('After operation 2 of 3: parent maps heap')")
    page.get_by_role("button", name="step").first.press("Enter")
    page.wait_for_function("document.body.innerText.includes('After operation 3 of 3: parent writes')")


def test_a_prediction_is_made_by_keyboard_and_kept_beside_the_outcome(page) -> None:
    _scroll_to(page, '.widget-radio-box input[type="radio"]').focus()
    page.keyboard.press("Space")
    assert "The engine says" not in page.locator(".jp-Notebook").inner_text()
    page.get_by_role("button", name="Commit").first.press("Enter")
    page.wait_for_function("document.body.innerText.includes('You predicted')")
    assert "The engine says" in page.locator(".jp-Notebook").inner_text()


def test_the_console_has_no_error(page) -> None:
    assert page.errors == []
