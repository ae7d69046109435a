"""Two machines side by side, under one bar."""

from __future__ import annotations

import pytest

from .conftest import OpenLab
from .parts import Lab

DIFFERS = "differs from the other side"


@pytest.fixture(scope="module")
def lab(open_lab: OpenLab) -> Lab:
    return open_lab("scenarios.fork_sharing, compare={'copy_on_write': [True, False]}, size='64 KiB'")


def test_each_side_is_a_map_of_its_machine_with_the_differences_marked(lab: Lab) -> None:
    assert [one.root.locator(".cowlab-title").inner_text() for one in lab.maps] == [
        "copy on write: True",
        "copy on write: False",
    ]
    for side in lab.maps:
        side.agrees()
        side.legend.get_by_text(DIFFERS).wait_for()


def test_what_is_done_on_one_side_is_done_on_both(lab: Lab) -> None:
    lab.map.click("child 1", "heap", 9)
    lab.map.says("child 1 writes page 9 of heap: 1 page copied.")
    for side in lab.maps:
        side.agrees()
    assert lab.notebook.ask("[machine['child 1'].copies for machine in lab.machines]") == [5, 0]


def test_one_bar_moves_both(lab: Lab) -> None:
    lab.bar.button("To the start").click()
    lab.bar.says("Before the first")
    for side in lab.maps:
        side.agrees()
    lab.bar.button("To the end").click()
    lab.bar.says("After operation 10 of 10")
    for side in lab.maps:
        side.agrees()


def test_where_nothing_differs_nothing_is_marked(lab: Lab) -> None:
    lab.set(children=0)
    for side in lab.maps:
        side.agrees()
        side.legend.get_by_text(DIFFERS).wait_for(state="detached")


def test_cells_are_large_enough_to_point_at(lab: Lab) -> None:
    lab.set(children=3)
    for side in lab.maps:
        side.agrees()
        (x, _), (right, _) = (side.place("child 1", "heap", page) for page in (0, 1))
        assert right - x >= 6
