"""`cowlab calibrate`: what it measures, what it prints and saves, and that nothing of it stays behind."""

import argparse
import io
import json
import subprocess
from pathlib import Path

import pytest

from cowlab import linux
from cowlab.engine.errors import Error
from cowlab.engine.reports.costs import Costs
from cowlab.linux import calibrate, host
from helpers.marks import needs_linux
from helpers.terminal import Terminal

FAULTS = ("fault", "zero", "copy", "reuse")
KEPT = ("swap_in", "swap_out", "file_read", "file_write", "load_page", "relocate")
ROUND = {"fault": 600.2, "zero": 1700, "copy": 2800, "reuse": 900, "exec": 700_000}
FORKS = {"fork small": 100_000, "own pages": 1024, "fork large": 580_000}


@pytest.fixture
def started(monkeypatch):
    """The process ids of what was started, each the leader of a session of its own."""
    pids, popen = [], subprocess.Popen

    def remember(*args, **kwargs):
        process = popen(*args, **kwargs)
        pids.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", remember)
    return pids


def in_session(leader):
    """The processes that belong to a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[3]) == leader:
            found.append(stat.parent.name)
    return found


# ---- measuring


@needs_linux
def test_the_figures_are_those_of_a_machine(started):
    seen = []
    costs = calibrate.calibrate(lambda done, total: seen.append((done, total)))
    for name in FAULTS:
        assert 0 < getattr(costs, name) < 1_000_000, name
    assert costs.fault < costs.copy
    assert costs.reuse < costs.copy
    assert 100 < costs.fork_table < 10_000_000
    assert 1000 < costs.fork < 100_000_000
    for name in KEPT:
        assert getattr(costs, name) == getattr(Costs(), name), name
    assert seen == [(done, calibrate.ROUNDS) for done in range(1, calibrate.ROUNDS + 1)]
    assert len(started) == 1
    assert in_session(started[0]) == []


@needs_linux
def test_an_interrupt_leaves_nothing_behind(started):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate.calibrate(interrupt)
    assert in_session(started[0]) == []


@needs_linux
def test_an_end_before_its_time_is_told(monkeypatch, started):
    monkeypatch.setattr(calibrate, "ROUNDS", calibrate.ROUNDS + 1)  # here, and not in the interpreter it starts
    with pytest.raises(linux.Crashed, match="ended after 15 of 16 rounds"):
        calibrate.measure()
    assert in_session(started[0]) == []


def test_forks_of_two_sizes_make_a_base_and_a_slope():
    rounds = [ROUND | FORKS] * 3 + [{key: 10 * value for key, value in (ROUND | FORKS).items()}]  # one disturbed
    figures = calibrate._figures(rounds)
    assert figures["fork_table"] == 480_000 // 24
    assert figures["fork"] == 100_000 - 2 * 20_000
    assert figures["fault"] == 600
    assert Costs(**figures).exec == 700_000


def test_noise_makes_no_cost_negative():
    figures = calibrate._figures([ROUND | FORKS | {"fork large": 90_000}])
    assert figures["fork_table"] == 1


def test_where_there_is_no_linux_it_says_why_and_what_instead(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(Error, match=r"^This is .*, not Linux: .* Without measuring, Costs\(\) has figures"):
        calibrate.calibrate()


@needs_linux
def test_where_memory_is_short_nothing_is_started(monkeypatch, started):
    monkeypatch.setattr(host, "memory_limit", lambda: host.Limit(30 << 20, "a quarter of the rest"))
    with pytest.raises(linux.Unavailable, match="takes 48 MiB, and may take 30 MiB: a quarter of the rest"):
        calibrate.calibrate()
    assert started == []


# ---- the command


@pytest.fixture
def measured(monkeypatch):
    """What a pretended measuring gives, in three rounds."""
    figures = {"fault": 512, "zero": 2_345, "copy": 4_000, "reuse": 1_000, "fork": 70_000, "fork_table": 30_500}

    def pretend(progress):
        for done in (1, 2, 3):
            progress(done, 3)
        return figures

    monkeypatch.setattr(calibrate, "measure", pretend)
    return figures


def test_a_table_shows_the_default_and_what_was_measured(measured):
    out = io.StringIO()
    assert calibrate.run(out) == 0
    lines = out.getvalue().splitlines()
    assert lines[:3] == ["1/3 rounds", "2/3 rounds", "3/3 rounds"]
    rows = {line.split()[0]: line.split()[1:5] for line in lines[3:]}
    assert rows["zero"] == ["1.7", "µs", "2.3", "µs"]
    assert rows["fault"] == ["700", "ns", "512", "ns"]
    assert rows["fork"] == ["47", "µs", "70", "µs"]
    for name in (*KEPT, "exec"):
        assert rows[name][2] == "kept", name
    assert lines[-2].startswith("kept: not measured.")


def test_a_terminal_gets_a_bar(measured):
    out = Terminal()
    assert calibrate.run(out) == 0
    assert "\r██████████░" in out.getvalue()
    assert f"{'█' * 30} 3/3 rounds\n" in out.getvalue()


def test_what_is_saved_is_read_again(measured, tmp_path, capsys):
    file = tmp_path / "costs.json"
    assert calibrate.main(argparse.Namespace(save=file)) == 0
    with file.open() as saved:
        assert Costs.from_dict(json.load(saved)) == Costs(**measured)
    assert f"Saved in {file}." in capsys.readouterr().out


def test_what_cannot_be_saved_is_said(measured, tmp_path):
    out = io.StringIO()
    assert calibrate.run(out, tmp_path / "missing" / "costs.json") == 1
    assert "The costs were not saved: " in out.getvalue()


def test_where_it_cannot_run_it_says_why_and_returns_2(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    out = io.StringIO()
    assert calibrate.run(out) == 2
    assert out.getvalue().startswith("The costs cannot be measured here. This is ")


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(0, "0 ns"), (999, "999 ns"), (1_700, "1.7 µs"), (22_016, "22 µs"), (1_000_000, "1.0 ms")]
)
def test_times_are_written_for_people(nanoseconds, text):
    assert calibrate.format_time(nanoseconds) == text
