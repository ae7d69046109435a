"""Opens the course in JupyterLab, in the foreground, for this machine alone."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import secrets
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from .lesson_files import FIRST_LESSON, CourseError, course_folder
from .stop_signals import stop_signals

HOST = "127.0.0.1"
NOTIFICATIONS = "@jupyterlab/apputils-extension:notification"
DOCUMENTS = "@jupyterlab/docmanager-extension:plugin"
# Defaults of this server only: what people chose in their own JupyterLab stays as it is.
SETTINGS = {
    NOTIFICATIONS: {"fetchNews": "false", "checkForUpdates": False},
    DOCUMENTS: {"defaultViewers": {"markdown": "Markdown Preview"}},  # documents are to be read, not edited
}


Page = Callable[[Path], str]
"""What to open in a folder of lessons: a path on the server. Raises CourseError if it is not there."""


def main(into: Path | None = None, port: int | None = None, browser: bool = True) -> int:
    """Open the course and serve it until Ctrl-C or SIGTERM; return the exit status."""
    return open_page(landing_page, into, port, browser)


def open_page(
    page: Page,
    into: Path | None = None,
    port: int | None = None,
    browser: bool = True,
    options: Mapping[str, object] | None = None,
) -> int:
    """Open one page of the course and serve it until Ctrl-C or SIGTERM; `options` are further ones of the server."""
    try:
        _require_jupyterlab()
        folder, news = course_folder(into)
        opened = page(folder)
        chosen = choose_port(port)
    except CourseError as error:
        print(f"cowlab: {error}", file=sys.stderr)
        return 2
    for number in stop_signals():
        signal.signal(number, _leave)  # until the server has handlers of its own
    token = secrets.token_hex(24)
    if news:
        print(news)
    print("cowlab: JupyterLab is starting; Ctrl-C ends it. The course is at\n")
    print(f"    {address(opened, chosen, token)}\n")
    sys.stdout.flush()
    own = {"ServerApp.default_url": opened, "ServerApp.open_browser": browser and can_open_browser()}
    serve(folder, chosen, token, {**own, **(options or {})})
    return 0


def address(page: str, port: int, token: str) -> str:
    """Where a browser finds a page."""
    return f"http://{HOST}:{port}{page}?token={token}"


def landing_page(folder: Path) -> str:
    """The first lesson, where there is one."""
    first = lessons_in(folder) / FIRST_LESSON
    return f"/lab/tree/{page_of(first, folder)}" if first.is_file() else "/lab"


def lessons_in(folder: Path) -> Path:
    """Where the lessons are in the folder that is served: in the repository, or in a copy."""
    return folder if (folder / FIRST_LESSON).is_file() else folder / "notebooks"


def page_of(file: Path, folder: Path) -> str:
    """A file as the server calls it."""
    return quote(file.relative_to(folder).as_posix())


def choose_port(wanted: int | None) -> int:
    """The wanted port if it can be had, or any free one."""
    with socket.socket() as probe:
        if os.name == "posix":
            # Else a server that has just ended would still count as there.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise CourseError(_why_not(wanted, error)) from error
        return int(probe.getsockname()[1])


def _why_not(port: int | None, error: OSError) -> str:
    advice = "try another --port, or leave it out and a free one is chosen"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program: {advice}"
    return f"cannot serve on port {port} ({error.strerror}): {advice}"


def can_open_browser() -> bool:
    """Whether a browser would get a window: a browser in text mode would take the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def serve(folder: Path, port: int, token: str, further: Mapping[str, object]) -> None:
    """Run JupyterLab on `folder` in this process until it is told to end; `further` options come last."""
    with tempfile.TemporaryDirectory(prefix="cowlab-") as scratch:
        own_settings = _keep_apart(Path(scratch))
        from .server import CourseServer

        options = server_options(folder, port, token)
        options["LabApp.user_settings_dir"] = own_settings
        options["KernelManager.transport_encryption"] = _encryption()
        options["LabApp.workspaces_dir"] = os.path.join(scratch, "workspaces")
        options |= further
        CourseServer.launch_instance([f"--{name}={value}" for name, value in options.items()])


def _encryption() -> str:
    """Encrypt between server and kernel where that works; a kernel without it prints a warning."""
    import zmq

    return "auto" if zmq.has("curve") else "disabled"


def _leave(number: int, frame: object) -> NoReturn:
    sys.exit()


def _keep_apart(scratch: Path) -> str:
    """Give the server a configuration of its own; return where the user keeps settings of JupyterLab.

    What is configured for another server (a password, an address, a disabled extension) stays there.
    """
    from jupyter_core.paths import jupyter_config_dir

    user_settings = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    user_settings = user_settings or os.path.join(jupyter_config_dir(), "lab", "user-settings")
    defaults = scratch / "config" / "labconfig" / "default_setting_overrides.json"
    defaults.parent.mkdir(parents=True)
    defaults.write_text(json.dumps(SETTINGS))
    os.environ.pop("JUPYTER_NO_CONFIG", None)
    os.environ.pop("JUPYTER_CONFIG_PATH", None)
    os.environ["JUPYTER_CONFIG_DIR"] = str(scratch / "config")
    os.environ["JUPYTER_RUNTIME_DIR"] = str(scratch / "runtime")
    # A kernel called python3 in the user's home may be another Python, one without cowlab.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # So that `cowlab verify` works in a terminal of JupyterLab, also where no environment was activated.
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    return user_settings


def server_options(folder: Path, port: int, token: str) -> dict[str, object]:
    """The course's server: what it must be whatever a configuration file says."""
    return {
        "ServerApp.ip": HOST,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.base_url": "/",
        "ServerApp.certfile": "",
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "ServerApp.root_dir": folder,
        "ServerApp.jpserver_extensions": "{'jupyterlab': True}",
        "ServerApp.kernel_websocket_connection_class": "cowlab.program.server.PromptConnection",
        "Application.log_level": "ERROR",
        # Ctrl-C ends the course also while a cell computes.
        "KernelManager.shutdown_wait_time": 1.0,
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
        # It would start npm to look for language servers.
        "LanguageServerManager.autodetect": False,
    }


def _require_jupyterlab() -> None:
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError("JupyterLab is not installed here: run `python -m pip install jupyterlab`")
