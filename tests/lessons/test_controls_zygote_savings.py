"""Each control of the labs in the lesson "What a zygote saves" changes what the lesson says, in its direction."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cowlab import Machine, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import rising, stops


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios.zygote, size="1 MiB", tabs=4)


def own(machine: Machine) -> int:
    """Bytes that tabs have of their own."""
    return sum(process.uss for process in machine.processes if process.name != "zygote")


def test_the_lab_has_these_controls_and_no_others(lab: Lab) -> None:
    assert list(lab.controls) == ["size", "tabs", "written_percent", "copy_on_write", "code_percent"]


def test_each_tab_adds_page_tables_alone_until_it_writes(lab: Lab) -> None:
    lab.go(len(lab.operations) - 4)
    assert lab.machine.meminfo()["AnonPages"] == 1024
    for _ in range(4):
        before = lab.machine.meminfo()["AnonPages"]
        lab.step()
        assert (lab.machine.meminfo()["AnonPages"] - before) * 1024 == 29 * 4096  # 11% of 256 pages, rounded up


def test_more_tabs_use_more_and_each_the_same(lab: Lab) -> None:
    figures = []
    for tabs in range(1, 101):
        lab.set(tabs=tabs)
        figures.append(lab.machine.in_use)
    assert len({b - a for a, b in pairwise(figures)}) == 1
    assert rising(figures)


def test_more_written_uses_more_and_the_sum_of_rss_stays(lab: Lab) -> None:
    figures, sums = [], set()
    for percent in range(101):
        lab.set(written_percent=percent)
        figures.append(lab.machine.in_use)
        sums.add(sum(process.rss for process in lab.machine.processes))
    assert rising(figures)
    assert len(sums) == 1


def test_where_everything_is_written_nothing_is_shared(lab: Lab) -> None:
    lab.set(written_percent=100)
    assert all(process.uss == process.rss for process in lab.machine.processes)


def test_more_code_leaves_less_to_copy_and_code_stays_shared(lab: Lab) -> None:
    figures = []
    for percent in range(91):
        lab.set(code_percent=percent)
        figures.append(own(lab.machine))
        assert lab.machine.meminfo()["Cached"] * 1024 == -(-256 * percent // 100) * 4096  # once for all
    assert rising(figures[::-1])


def test_a_larger_zygote_uses_more(lab: Lab) -> None:
    figures = []
    for size in stops(lab, "size"):
        lab.set(size=size)
        figures.append(lab.machine.in_use)
        assert lab.machine["tab 1"].rss == parse_size(size)
    assert rising(figures)


def test_size_and_tabs_of_the_question_show_its_answer(lab: Lab) -> None:
    lab.set(size="300 MiB", tabs=50)
    assert f"{lab.machine.in_use / 2**30:.2f} GiB" == "1.93 GiB"
    assert sum(process.rss for process in lab.machine.processes) == 51 * parse_size("300 MiB")


def test_without_copy_on_write_no_memory_is_saved(lab: Lab) -> None:
    shared = lab.machine.in_use
    lab.set(copy_on_write=False)
    assert all(process.uss == process.rss for process in lab.machine.processes)
    assert lab.machine.meminfo()["AnonPages"] == 5 * 1024
    assert lab.machine.in_use > shared
