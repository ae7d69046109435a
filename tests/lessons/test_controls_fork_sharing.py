"""Each control of the labs in the lesson "Fork shares memory" changes what the lesson says, in its direction."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cowlab import Machine, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import stops
from helpers.machines import data


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios.fork_sharing)


def rss(machine: Machine) -> int:
    return sum(process.rss for process in machine.processes)


def adds_up(machine: Machine) -> bool:
    """Is the sum of PSS the data in memory? Each process's is rounded down to bytes."""
    missing = data(machine) - sum(process.pss for process in machine.processes)
    return 0 <= missing < len(machine.processes)


def test_the_lab_has_these_controls_and_no_others(lab: Lab) -> None:
    assert list(lab.controls) == ["size", "children", "written_percent", "copy_on_write"]


def test_more_children_add_to_rss_and_not_to_data_where_nobody_writes(lab: Lab) -> None:
    for children in range(51):
        lab.set(children=children, written_percent=0)
        assert rss(lab.machine) == (children + 1) * data(lab.machine)
        assert data(lab.machine) == parse_size("128 KiB")
        assert adds_up(lab.machine)


def test_each_child_adds_page_tables(lab: Lab) -> None:
    tables = []
    for children in range(51):
        lab.set(children=children, written_percent=0)
        tables.append(lab.machine.meminfo()["PageTables"])
    assert {after - before for before, after in pairwise(tables)} == {tables[0]}


def test_what_is_written_is_in_use_and_rss_does_not_move(lab: Lab) -> None:
    pages, sums = parse_size("128 KiB") // 4096, set()
    for percent in range(101):
        lab.set(written_percent=percent)
        written = -(-pages * percent // 100)
        assert data(lab.machine) == (pages + 3 * written) * 4096
        assert sum(process.copies for process in lab.machine.processes) == 3 * written
        assert adds_up(lab.machine)
        sums.add(rss(lab.machine))
    assert len(sums) == 1


def test_a_larger_process_has_more_of_everything(lab: Lab) -> None:
    figures = []
    for size in stops(lab, "size"):
        lab.set(size=size)
        assert lab.machine["child 1"].rss == parse_size(size)
        figures.append((data(lab.machine), rss(lab.machine), lab.machine.meminfo()["PageTables"]))
    for smaller, larger in pairwise(figures):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True)) and smaller[0] < larger[0]


def test_without_copy_on_write_the_fork_copies_and_the_writes_copy_nothing(lab: Lab) -> None:
    lab.set(copy_on_write=False)
    assert data(lab.machine) == rss(lab.machine) == 4 * parse_size("128 KiB")
    lab.go(len(lab.operations) - 3)  # before anybody writes
    assert data(lab.machine) == 4 * parse_size("128 KiB")
    copied = sum(process.copies for process in lab.machine.processes)
    lab.go(len(lab.operations))
    assert sum(process.copies for process in lab.machine.processes) == copied


def test_where_all_is_written_both_machines_hold_the_same(lab: Lab) -> None:
    held = []
    for sharing in (True, False):
        lab.set(written_percent=100, copy_on_write=sharing)
        held.append((data(lab.machine), rss(lab.machine), adds_up(lab.machine)))
    assert held[0] == held[1]


def test_what_is_done_on_one_map_of_two_is_done_on_both(lab: Lab) -> None:
    both = Lab(scenarios.fork_sharing, compare={"copy_on_write": [True, False]}, children=2)
    before = [data(machine) for machine in both.machines]
    both.fork("parent")
    grown = [data(machine) - was for machine, was in zip(both.machines, before, strict=True)]
    assert grown == [0, parse_size("128 KiB")]
