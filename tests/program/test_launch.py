"""The course's own server, started for real: where it listens, who may read it, and how it ends."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import types
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cowlab.program import launch
from cowlab.program.lesson_files import FIRST_LESSON, CourseError
from helpers.paths import ROOT

PATIENCE = 60  # seconds, for a machine that is busy with something else


@dataclass
class Course:
    """A running `cowlab` and the address that it printed."""

    process: subprocess.Popen
    address: str
    printed_before_serving: bool

    @property
    def token(self):
        return urlsplit(self.address).query.removeprefix("token=")

    def ask(self, path, data=None, token=True):
        """Ask the server for a page, or post data to it; the status and the text of its answer."""
        headers = {"Authorization": f"token {self.token}"} if token else {}
        request = urllib.request.Request(f"http://{urlsplit(self.address).netloc}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


def read_address(process):
    """The address, from the command's output; fails if the command ends or is silent."""
    deadline = time.monotonic() + PATIENCE
    seen = ""
    while select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        if not (part := os.read(process.stdout.fileno(), 4096)):
            break
        seen += part.decode()
        if found := re.search(r"(http://\S+)\n", seen):
            return found[1]
    process.kill()
    raise AssertionError(f"no address in {seen!r}")


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex((launch.HOST, port)) == 0


def wait_until(condition, what):
    """Poll with a deadline, giving the processor away between two looks."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE} s still not: {what}"
        select.select([], [], [], 0.05)


def start(folder, home, *arguments, **variables):
    """Start the command as on a fresh machine: no terminal, no display, an empty home. No folder: the repository's."""
    stays_out = ("JUPYTER", "DISPLAY", "WAYLAND", "BROWSER")
    keep = {name: value for name, value in os.environ.items() if not name.startswith(stays_out)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cowlab", *(["--into", str(folder)] if folder else []), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=home,
        env=keep | {"HOME": str(home)} | variables,
    )
    address = read_address(process)
    port = urlsplit(address).port
    early = not answers(port)
    wait_until(lambda: answers(port) or process.poll() is not None, "serving")
    return Course(process, address, early)


def finish(course, number=signal.SIGTERM):
    """End it and return its exit status."""
    course.process.send_signal(number)
    course.process.communicate(timeout=PATIENCE)
    return course.process.returncode


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """One server for the tests that only look at it; its user has a hostile Jupyter configuration."""
    home = tmp_path_factory.mktemp("home")
    (home / ".jupyter").mkdir()
    (home / ".jupyter" / "jupyter_server_config.py").write_text("raise SystemExit('not for the course')")
    running = start(home / "course", home, "--no-browser")
    yield running
    assert finish(running) == 0


def test_the_address_is_printed_before_the_server_is_up(course):
    assert course.printed_before_serving
    pattern = rf"http://127\.0\.0\.1:\d+/lab/tree/{FIRST_LESSON}\?token=[0-9a-f]{{48}}"
    assert re.fullmatch(pattern, course.address)


def test_the_address_opens_jupyterlab(course):
    status, page = course.ask(urlsplit(course.address).path)
    assert status == 200
    assert "jupyter-config-data" in page


def test_the_first_lesson_is_served(course):
    status, lesson = course.ask(f"/api/contents/{FIRST_LESSON}")
    assert status == 200
    assert json.loads(lesson)["type"] == "notebook"


def test_in_the_repository_what_lessons_link_to_is_served_too(tmp_path):
    running = start(None, tmp_path, "--no-browser")
    assert urlsplit(running.address).path == f"/lab/tree/notebooks/{FIRST_LESSON}"
    assert running.ask(f"/api/contents/notebooks/{FIRST_LESSON}")[0] == 200
    assert running.ask("/api/contents/docs/trust.md")[0] == 200
    assert finish(running) == 0


def test_a_document_opens_as_a_page_and_not_as_its_source(course):
    _, answer = course.ask(f"/lab/api/settings/{launch.DOCUMENTS}")
    assert json.loads(answer)["schema"]["properties"]["defaultViewers"]["default"] == {"markdown": "Markdown Preview"}


def test_without_the_token_nothing_is_served(course):
    assert course.ask("/api/contents", token=False)[0] == 403


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_only_the_loopback_address_listens(course):
    with socket.socket() as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", urlsplit(course.address).port)) != 0


def test_there_is_no_news_prompt_and_no_check_for_updates(course):
    _, answer = course.ask(f"/lab/api/settings/{launch.NOTIFICATIONS}")
    properties = json.loads(answer)["schema"]["properties"]
    assert properties["fetchNews"]["default"] == "false"
    assert properties["checkForUpdates"]["default"] is False
    _, answer = course.ask("/lab/api/update")
    assert json.loads(answer)["notification"] is None
    _, answer = course.ask("/lab/api/news")
    assert json.loads(answer)["news"] == []


def start_kernel(course):
    """Start a kernel through the server; return the kernel's process."""
    assert course.ask("/api/kernels", b"{}")[0] == 201
    (kernel,) = Path(f"/proc/{course.process.pid}/task/{course.process.pid}/children").read_text().split()
    return int(kernel)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
def test_a_terminal_or_a_cell_finds_the_cowlab_command(course):
    variables = Path(f"/proc/{start_kernel(course)}/environ").read_bytes().split(b"\0")
    path = next(each for each in variables if each.startswith(b"PATH="))
    assert path.startswith(b"PATH=" + os.fsencode(sysconfig.get_path("scripts")))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_and_sigterm_end_it_and_its_kernels(tmp_path, number):
    running = start(tmp_path / "course", tmp_path, "--no-browser", TMPDIR=str(tmp_path))
    kernel = start_kernel(running)
    assert finish(running, number) == 0
    assert not Path(f"/proc/{kernel}").exists()
    assert list(tmp_path.glob("cowlab-*")) == []
    assert not (tmp_path / ".jupyter").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_it_ends_also_when_nobody_reads_its_output(tmp_path):
    running = start(tmp_path / "course", tmp_path, "--no-browser")
    running.process.stdout.close()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0
    assert list((tmp_path / "course").glob(".cowlab-*.html")) == []


NOSY_BROWSER = """#!{python}
import os, pathlib, sys, urllib.parse, urllib.request
page = pathlib.Path(urllib.request.url2pathname(urllib.parse.urlsplit(sys.argv[1]).path))
part = pathlib.Path("{seen}.part")
part.write_text(oct(page.stat().st_mode) + chr(10) + page.read_text())
os.rename(part, "{seen}")
"""


def test_the_browser_gets_a_page_that_only_its_owner_can_read(tmp_path):
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(NOSY_BROWSER.format(python=sys.executable, seen=seen))
    browser.chmod(0o755)
    running = start(tmp_path / "course", tmp_path, BROWSER=str(browser))
    wait_until(seen.exists, "the browser has been opened")
    assert finish(running) == 0
    mode, page = seen.read_text().split("\n", 1)
    assert mode == "0o100600"
    assert running.token in page
    assert list((tmp_path / "course").glob(".cowlab-*.html")) == []


def test_a_kernels_websocket_does_not_wait(monkeypatch):
    jupyter = pytest.importorskip("cowlab.program.server", reason="there is no Jupyter server")
    calls = []
    handler = types.SimpleNamespace(set_nodelay=calls.append)
    monkeypatch.setattr(jupyter.PromptConnection, "websocket_handler", handler)
    monkeypatch.setattr(jupyter.ZMQChannelsWebsocketConnection, "connect", lambda _: calls.append("on"))
    jupyter.PromptConnection.__new__(jupyter.PromptConnection).connect()
    assert calls == [True, "on"]


def test_a_taken_port_is_refused_with_what_to_try():
    with socket.socket() as taken:
        taken.bind((launch.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match=f"port {port} is taken .*: try another --port"):
            launch.choose_port(port)


def test_a_free_port_is_chosen():
    port = launch.choose_port(None)
    assert launch.choose_port(port) == port


def test_an_error_is_one_line(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert launch.main(into=tmp_path / "file") == 2
    assert capsys.readouterr().err == f"cowlab: {tmp_path / 'file'} is a file: name a folder with --into\n"


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "", False),
        ("linux", "DISPLAY", True),
        ("linux", "WAYLAND_DISPLAY", True),
        ("win32", "", True),
    ],
)
def test_a_browser_is_opened_only_where_it_gets_a_window(monkeypatch, platform, variable, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, ":0")
    monkeypatch.setattr(sys, "platform", platform)
    assert launch.can_open_browser() is expected


def test_the_wheel_holds_the_lessons_and_the_types(unpacked_wheel):
    packed = {path.name for path in (unpacked_wheel / "cowlab" / "notebooks").iterdir()}
    assert packed >= {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert FIRST_LESSON in packed
    assert not [name for name in packed if name.startswith(".")]
    assert (unpacked_wheel / "cowlab" / "py.typed").is_file()


def test_the_wheel_holds_all_that_slides_are_made_of(unpacked_wheel):
    here, packed = (each / "cowlab" / "program" / "lecture" / "nbconvert" for each in (ROOT, unpacked_wheel))
    names = {path.relative_to(here) for path in here.rglob("*") if path.is_file()}
    assert names
    assert {path.relative_to(packed) for path in packed.rglob("*") if path.is_file()} == names


def test_installed_without_the_repository_it_opens_a_copy(unpacked_wheel, tmp_path):
    folder = tmp_path / "learner"
    running = start(folder, tmp_path, "--no-browser", PYTHONPATH=str(unpacked_wheel))
    assert running.ask(f"/api/contents/{FIRST_LESSON}")[0] == 200
    assert running.ask("/api/contents/docs/trust.md")[0] == 200
    assert finish(running) == 0
    assert (folder / "docs" / "trust.md").read_bytes() == (ROOT / "docs" / "trust.md").read_bytes()
