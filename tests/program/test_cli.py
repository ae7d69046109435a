"""The `cowlab` command: what it accepts and refuses, and that a part is imported only when asked for."""

import importlib
import subprocess
import sys
import types

import pytest

import cowlab
from cowlab.program import cli


def fake_part(monkeypatch, name, main):
    """Put a module with this `main` in the place of cowlab.<name>."""
    part = types.SimpleNamespace(main=main)
    room, _, module = f"cowlab.{name}".rpartition(".")
    monkeypatch.setitem(sys.modules, f"cowlab.{name}", part)
    monkeypatch.setattr(importlib.import_module(room), module, part, raising=False)


def refusal(capsys, *arguments):
    """What the command says of arguments that it refuses."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_python_m_cowlab_is_the_command():
    shown = subprocess.run([sys.executable, "-m", "cowlab", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"cowlab {cowlab.__version__}\n"


def test_importing_cowlab_needs_neither_jupyter_nor_matplotlib():
    code = "import cowlab, cowlab.program.cli, sys; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    packages = {name.partition(".")[0] for name in shown.stdout.split()}
    assert "cowlab" in packages
    assert packages.isdisjoint({"jupyter_core", "jupyter_server", "jupyterlab", "ipywidgets", "matplotlib"})


def test_without_arguments_it_opens_the_course(monkeypatch):
    asked = []
    fake_part(monkeypatch, "program.launch", lambda *options: asked.append(options) or 0)
    assert cli.main([]) == 0
    assert cli.main(["--port", "8899", "--no-browser"]) == 0
    assert asked == [(None, None, True), (None, 8899, False)]


def test_tour_writes_to_the_terminal(monkeypatch):
    streams = []
    fake_part(monkeypatch, "program.tour", streams.append)
    assert cli.main(["tour"]) == 0
    assert streams == [sys.stdout]


def test_verify_passes_its_options_on_and_returns_its_status(monkeypatch):
    asked = []
    fake_part(monkeypatch, "linux.verify", lambda **options: asked.append(options) or 1)
    assert cli.main(["verify"]) == 1
    assert cli.main(["verify", "--traces", "5", "--seed", "7"]) == 1
    assert asked == [{"traces": 200, "seed": 0}, {"traces": 5, "seed": 7}]


def test_practice_passes_its_options_on_and_returns_its_status(monkeypatch):
    asked = []
    fake_part(monkeypatch, "course.practice", lambda *options: asked.append(options) or 2)
    assert cli.main(["practice"]) == 2
    assert cli.main(["practice", "05", "--seed", "7", "--answer"]) == 2
    assert asked == [(None, 0, False), ("05", 7, True)]


def test_check_returns_its_status(monkeypatch):
    fake_part(monkeypatch, "program.check", lambda: 1)
    assert cli.main(["check"]) == 1


def test_ctrl_c_ends_a_part_without_a_traceback(monkeypatch):
    def interrupted(**options):
        raise KeyboardInterrupt

    fake_part(monkeypatch, "linux.verify", interrupted)
    assert cli.main(["verify"]) == 130


def test_a_reader_that_leaves_early_is_no_error_message():
    code = (
        "import sys, types; from cowlab.program import cli\n"
        "def main(stream):\n"
        "    for number in range(100_000): print(number, file=stream)\n"
        "sys.modules['cowlab.program.tour'] = types.SimpleNamespace(main=main)\n"
        "import cowlab.program; cowlab.program.tour = sys.modules['cowlab.program.tour']\n"
        "sys.exit(cli.main(['tour']))"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    command.stdout.readline()
    command.stdout.close()
    assert command.stderr.read() == b""
    assert command.wait() == 1


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "²"])
def test_a_port_that_is_none_is_refused(capsys, port):
    assert f"a port is a number from 1 to 65535, not '{port}'" in refusal(capsys, f"--port={port}")


@pytest.mark.parametrize("traces", ["0", "-3", "many"])
def test_verify_refuses_a_number_of_traces_that_means_nothing(capsys, traces):
    assert f"a number from 1 up, not '{traces}'" in refusal(capsys, "verify", f"--traces={traces}")


@pytest.mark.parametrize("seed", ["x", "1.5", ""])
def test_practice_refuses_a_seed_that_is_no_number(capsys, seed):
    assert "--seed: invalid int value" in refusal(capsys, "practice", "05", f"--seed={seed}")


def test_an_unknown_command_is_refused_with_those_that_exist(capsys):
    assert "tour" in refusal(capsys, "tuor")


def test_options_of_the_course_are_refused_with_another_command(capsys):
    assert "open the course, not `cowlab tour`" in refusal(capsys, "--no-browser", "tour")
