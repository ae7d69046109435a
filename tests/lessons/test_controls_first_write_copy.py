"""Each control of the labs in the lesson "The first write copies" changes what the lesson says, in its direction."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cowlab import goals, scenarios
from cowlab.views import Lab
from helpers.labs import stops


@pytest.fixture
def alone() -> Lab:
    return Lab(scenarios.first_write)


@pytest.fixture
def two() -> Lab:
    return Lab(scenarios.fork_sharing, size="64 KiB", children=1, goal=goals.last_owner_reuses("parent"))


def test_each_lab_has_these_controls_and_no_others(alone: Lab, two: Lab) -> None:
    assert list(alone.controls) == ["size", "read_percent", "written_percent"]
    assert list(two.controls) == ["size", "children", "written_percent", "copy_on_write"]


# One process ------------------------------------------------------------------------------------------------------


def test_reading_more_first_costs_faults_and_no_memory(alone: Lab) -> None:
    seen = []
    for percent in range(101):
        alone.set(read_percent=percent)
        seen.append((alone.machine["process"].minor_faults, alone.machine["process"].rss))
    assert len({rss for _, rss in seen}) == 1
    assert all(fewer <= more for (fewer, _), (more, _) in pairwise(seen))
    assert seen[100][0] - seen[0][0] == 32  # a fault more for each page that was read


def test_writing_more_takes_a_frame_for_each_page(alone: Lab) -> None:
    for percent in range(101):
        alone.set(written_percent=percent)
        assert alone.machine["process"].rss == -(-32 * percent // 100) * 4096


def test_a_larger_mapping_promises_more_and_the_part_that_is_written_is_in_memory(alone: Lab) -> None:
    for size in stops(alone, "size"):
        alone.set(size=size)
        process = alone.machine["process"]
        assert process.rss == process.vsz // 4


def test_a_read_page_takes_two_faults_and_an_untouched_one_takes_one(alone: Lab) -> None:
    process = alone.machine["process"]
    faults = process.minor_faults
    assert "zero page" in alone.read("process", "heap", 20)
    alone.write("process", "heap", 20)
    assert process.minor_faults == faults + 2
    alone.write("process", "heap", 21)
    assert process.minor_faults == faults + 3


def test_back_twice_has_nothing_touched(alone: Lab) -> None:
    alone.back()
    assert alone.machine["process"].rss == 0
    alone.back()
    assert alone.machine["process"].minor_faults == 0


# Parent and child -------------------------------------------------------------------------------------------------


def test_the_steps_beside_the_lab_lead_where_they_say(two: Lab) -> None:
    assert two.goal
    assert two.goal.judge(two.machine).status == "open"
    assert "reused" in two.write("parent", "heap", 0)
    assert two.goal.judge(two.machine).status == "reached"
    assert "no fault" in two.write("parent", "heap", 0)
    assert "copied" in two.write("parent", "heap", 15)
    two.exit("child 1")
    copies = two.machine["parent"].copies
    two.write("parent", "heap", 0, 16)
    assert two.machine["parent"].copies == copies


def test_children_that_write_more_copy_more(two: Lab) -> None:
    for percent in range(101):
        two.set(written_percent=percent)
        assert two.machine["child 1"].copies == -(-16 * percent // 100)


def test_more_children_make_more_copies_and_more_page_tables(two: Lab) -> None:
    for children in range(1, 51):
        two.set(children=children)
        assert sum(process.copies for process in two.machine.processes) == 4 * children
        assert two.machine.meminfo()["PageTables"] == 12 * (children + 1)


def test_a_larger_size_has_more_to_copy(two: Lab) -> None:
    for size in stops(two, "size"):
        two.set(size=size)
        assert two.machine["child 1"].copies * 4096 == two.machine["parent"].rss // 4


def test_without_copy_on_write_no_later_write_faults(two: Lab) -> None:
    two.set(copy_on_write=False)
    assert "no fault" in two.write("parent", "heap", 15)
    two.set(copy_on_write=True)
    assert "copied" in two.write("parent", "heap", 15)
