"""The slider: it has one of its options, and says so when asked for another."""

from __future__ import annotations

import pytest

from cowlab.views.slider import Slider


def test_it_starts_where_it_is_told_and_tells_of_each_move() -> None:
    slider = Slider(range(0, 101, 25), 50, "written (%)")
    moves: list[int] = []
    slider.observe(lambda change: moves.append(change.new), "value")
    slider.value = 75
    slider.value = 75
    slider.value = 0
    assert moves == [75, 0]
    assert repr(slider) == "<Slider written (%): 0 of 0 to 100>"


@pytest.mark.parametrize("value", [10, 101, "50"])
def test_what_is_no_option_is_refused_and_changes_nothing(value: object) -> None:
    slider = Slider(range(0, 101, 25), 50, "written (%)")
    with pytest.raises(ValueError, match=r"written \(%\) = .*: give one of 5, 0 to 100"):
        slider.value = value
    assert slider.value == 50


def test_its_options_may_be_texts() -> None:
    slider = Slider(["1 MiB", "2 MiB"], "1 MiB", "size")
    slider.options = ["1 MiB", "1.5 MiB", "2 MiB"]
    slider.value = "1.5 MiB"
    assert slider.value == "1.5 MiB"
