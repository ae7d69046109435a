"""A lab on a screen that is touched."""

from __future__ import annotations

import pytest

from .conftest import OpenLab
from .parts import Lab


@pytest.fixture(scope="module")
def lab(open_lab: OpenLab) -> Lab:
    return open_lab("scenarios.fork_sharing, size='64 KiB'", has_touch=True)


def tap(lab: Lab, process: str, page: int) -> None:
    lab.page.touchscreen.tap(*lab.map.place(process, "heap", page))


def test_a_tap_writes(lab: Lab) -> None:
    tap(lab, "child 1", 9)
    lab.map.says("child 1 writes page 9 of heap: 1 page copied.")
    lab.map.agrees()


def test_a_tap_reads_once_the_switch_says_so(lab: Lab) -> None:
    lab.map.button("Read").tap()
    tap(lab, "child 1", 10)
    lab.map.says("child 1 reads page 10 of heap: no fault.")
    lab.map.button("Write").tap()


def test_two_taps_take_a_range(lab: Lab) -> None:
    switch = lab.map.root.get_by_role("group", name="A tap takes")
    switch.locator("[data-value=range]").tap()
    tap(lab, "child 2", 14)
    lab.map.says("Range from page 14 of heap in child 2: tap its other end.")
    tap(lab, "child 2", 11)
    lab.map.says("child 2 writes pages 11 to 14 of heap: 4 pages copied.")
    lab.map.agrees()
    switch.locator("[data-value=page]").tap()


def test_what_is_to_be_tapped_is_large_enough_for_a_finger(lab: Lab) -> None:
    for button in [*lab.map.root.locator(".cowlab-tools button").all(), *lab.bar.root.locator("button").all()]:
        if button.is_visible():
            box = button.bounding_box()
            assert min(box["width"], box["height"]) >= 44, button.inner_text()
