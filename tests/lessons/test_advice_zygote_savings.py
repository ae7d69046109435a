"""What the lesson "What a zygote saves" tells a reader to do, done literally on the model."""

from __future__ import annotations

import pytest

from cowlab import goals, scenarios
from cowlab.course.questions.zygote_savings import from_scratch, from_zygote, saved, start_times
from cowlab.views import Lab
from helpers.labs import status


@pytest.fixture
def lab() -> Lab:
    goal = goals.processes_in_memory(60, "tab", within="1 GiB", each="300 MiB")
    return Lab(scenarios.zygote, tabs=60, written_percent=11, goal=goal)


def test_the_goal_is_not_reached_at_the_start(lab: Lab) -> None:
    assert status(lab) == "open"


def test_the_first_way_is_to_write_less(lab: Lab) -> None:
    lab.set(written_percent=3)
    assert status(lab) == "reached"


def test_the_second_way_is_to_have_more_of_it_in_a_file(lab: Lab) -> None:
    lab.set(code_percent=90)
    assert status(lab) == "reached"


@pytest.mark.parametrize("values", [{"size": "100 MiB"}, {"tabs": 30}, {"copy_on_write": False}])
def test_holding_less_having_fewer_or_copying_is_no_way(lab: Lab, values: dict) -> None:
    lab.set(**values)
    assert status(lab) == "open"


@pytest.mark.parametrize("percent", [0, 11, 25, 50, 75, 98, 100])
def test_the_formula_of_the_lesson_is_what_the_engine_counts(percent: int) -> None:
    formula = 1 - (1 + 50 * percent / 100) / 50
    assert saved(from_scratch("300 MiB", 50), from_zygote("300 MiB", 50, percent)) == pytest.approx(formula, abs=0.005)


def test_a_zygote_whose_tabs_write_everything_costs_more_than_none() -> None:
    assert saved(from_scratch("300 MiB", 50), from_zygote("300 MiB", 50, 100)) < 0


def test_what_is_loaded_before_the_fork_is_there_once() -> None:
    before = from_zygote("300 MiB", 20, 0)
    after = from_zygote("150 MiB", 20, 0)
    for process in after.processes:
        process.mmap("150 MiB", name="loaded after the fork").write()
    assert before.in_use < after.in_use / 8


def test_more_code_means_less_saved_of_memory() -> None:
    gained = [
        from_scratch("300 MiB", 20, code).in_use - from_zygote("300 MiB", 20, 11, code).in_use
        for code in range(0, 91, 10)
    ]
    assert gained == sorted(gained, reverse=True)


@pytest.mark.parametrize("code_percent", [0, 20, 40])
def test_a_start_from_the_zygote_is_more_than_five_times_as_fast(code_percent: int) -> None:
    scratch, zygote = start_times(11, code_percent)
    assert zygote * 5 < scratch
