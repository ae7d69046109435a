"""A JupyterLab of its own, and one of its notebooks on a page of a real Chromium, as a reader uses them."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from helpers.paths import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
START_SECONDS = 60
END_SECONDS = 30
PATIENCE_MS = 60_000  # of each wait: a slow machine is no failure
NO_NEWS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"

IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
# Over the page's own connection: the kernel answers after all that the reader did before.
ASK = """async ([code, expressions]) => {
    const context = jupyterapp.shell.currentWidget.sessionContext;
    await context.ready;
    const content = {code, user_expressions: expressions, store_history: false, silent: true};
    window.asked = context.session.kernel.requestExecute(content);  // held, or the browser may forget that we wait
    return (await window.asked.done).content;
}"""
SCROLL_ON = """panel => {
    panel.scrollTop += 300;
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""


class JupyterLab:
    """A server on `folder` with this repository's cowlab and this Python's kernel, that asks nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._token = secrets.token_hex(8)
        self._port = _free_port()
        overrides = folder / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.parent.mkdir(parents=True)
        overrides.write_text(json.dumps(NO_NEWS))
        with (folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=folder, env=self._environment(), stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self._port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self._token}"),
            *(f"--ServerApp.root_dir={self.folder}", "--LabApp.expose_app_in_browser=True"),
            "--ServerApp.kernel_websocket_connection_class=cowlab.program.server.PromptConnection",
        ]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.folder / "settings"),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "COWLAB_PROGRESS": str(self.folder / "progress.json"),
        }

    def _wait(self) -> None:
        """Ask until the server answers; a refused connection comes back at once: each round waits for the process."""
        for _ in range(START_SECONDS * 4):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api?token={self._token}", timeout=5).close()
                return
            except OSError:
                try:
                    self._process.wait(0.25)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(f"JupyterLab ended:\n{(self.folder / 'server.log').read_text()}") from None
        raise AssertionError(f"JupyterLab did not answer within {START_SECONDS} s")

    def address(self, notebook: str) -> str:
        """Where to open a notebook of the folder."""
        return f"http://127.0.0.1:{self._port}/doc/tree/{notebook}?token={self._token}"

    def close(self) -> None:
        """End it.

        It ends its kernels and its loop. Then, seldom, a worker thread of anyio's is still waiting for that loop, and
        the interpreter for the thread, for ever.
        """
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook with these cells of Python."""
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    made = {
        "cells": [{**code, "id": f"cell{number}", "source": source} for number, source in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(made))


class Notebook:
    """A notebook that is open on a page; what the console complains of is in `errors`."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.until(IDLE)

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until a condition in JavaScript holds."""
        self.page.wait_for_function(condition, arg=argument)

    def within(self, milliseconds: int, condition: str, argument: Any = None) -> bool:
        """Does a condition in JavaScript come to hold in so many milliseconds?"""
        from playwright.sync_api import TimeoutError as TooLate

        try:
            self.page.wait_for_function(condition, arg=argument, timeout=milliseconds)
        except TooLate:
            return False
        return True

    def menu(self, *path: str) -> None:
        """Choose from a menu: menu("Run", "Run All Cells")."""
        self.page.locator(".lm-MenuBar-itemLabel").get_by_text(path[0], exact=True).click()
        for label in path[1:-1]:
            self.page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).hover()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(path[-1], exact=True).click()

    def run_all(self) -> None:
        """Run the notebook from the menu, to its end."""
        self.menu("Run", "Run All Cells")
        self.do("pass")  # its answer comes after those of all cells

    def theme(self, name: str) -> None:
        """Choose a theme, LIGHT or DARK, from the menu."""
        self.menu("Settings", "Theme", name)
        self.until("light => document.body.dataset.jpThemeLight === light", "true" if name == LIGHT else "false")
        self.until("document.getElementById('jupyterlab-splash') === null")

    def do(self, code: str) -> None:
        """Run code in the notebook's kernel, after what the reader did so far."""
        self._asked(code, {})

    def ask(self, expression: str) -> Any:
        """The value of an expression in the notebook's kernel, after what the reader did so far."""
        answer = self._asked("import json", {"value": f"json.dumps({expression}, default=int)"})["value"]
        assert answer["status"] == "ok", f"{expression}: {answer.get('evalue')}"
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def _asked(self, code: str, expressions: dict[str, str]) -> Any:
        answer = self.page.evaluate(ASK, [code, expressions])
        assert answer["status"] == "ok", f"{code}: {answer.get('evalue') or self._errors_of_cells()}"
        return answer["user_expressions"]

    def _errors_of_cells(self) -> list[str]:
        """What cells that failed say: after them the kernel does nothing more that was asked."""
        return self.page.locator('[data-mime-type="application/vnd.jupyter.error"]').all_inner_texts()

    def scroll_to(self, selector: str) -> Any:
        """Cells outside the window are not in the page: turn the wheel until what is looked for is there."""
        panel = self.page.locator(".jp-WindowedPanel-outer").first
        panel.evaluate("panel => panel.scrollTop = 0")
        for _ in range(80):
            if self.page.locator(selector).count():
                found = self.page.locator(selector).first
                found.scroll_into_view_if_needed()
                return found
            panel.evaluate(SCROLL_ON)
        raise AssertionError(f"nothing in the notebook is {selector}")
