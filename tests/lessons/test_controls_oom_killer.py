"""Each control of the labs in the lesson "Who dies" changes what the lesson says, in its direction."""

from __future__ import annotations

import pytest

from cowlab import goals, scenarios
from cowlab.course.questions import oom_killer as questions
from cowlab.views import Lab
from helpers.labs import status, stops
from helpers.machines import victims


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios.oom_victim, goal=goals.alive("service"), leak="256 MiB", rounds=8)


def test_the_lab_has_these_controls_and_no_others(lab: Lab) -> None:
    assert list(lab.controls) == ["service", "leak", "rounds", "service_adj", "leaker_adj", "ram"]


def test_before_the_kill_the_service_lives_and_has_the_higher_score(lab: Lab) -> None:
    assert (victims(lab.machine), status(lab)) == (["service"], "lost")
    while victims(lab.machine):
        lab.back()
    assert lab.machine["service"].oom_score > lab.machine["leaker"].oom_score


def test_a_lower_adjustment_of_the_service_moves_the_kill_to_the_leaker_once_and_for_all(lab: Lab) -> None:
    killed = []
    for adj in range(0, -1001, -100):
        lab.set(service_adj=adj)
        killed.append(victims(lab.machine))
    assert killed == [["service"]] * 3 + [["leaker"]] * 8
    assert status(lab) == "reached"


def test_a_higher_adjustment_of_the_leaker_does_the_same(lab: Lab) -> None:
    killed = []
    for adj in range(-1000, 1001, 100):
        lab.set(leaker_adj=adj)
        killed.append(victims(lab.machine))
    assert killed == [["service"]] * 13 + [["leaker"]] * 8


def test_both_at_their_lowest_stop_the_machine_and_the_bar_says_that_nobody_may_be_killed(lab: Lab) -> None:
    lab.set(service_adj=-1000, leaker_adj=-1000)
    assert (victims(lab.machine), status(lab), status(lab, questions.rescue())) == ([], "lost", "lost")
    assert lab.machine["service"].alive
    assert "no process may be killed" in lab.message


@pytest.mark.parametrize("ram", ["1 GiB", "2 GiB"])
def test_on_a_small_machine_the_service_lives_with_nothing(lab: Lab, ram: str) -> None:
    lab.set(ram=ram)
    assert (status(lab), status(lab, questions.rescue())) == ("reached", "open")
    assert lab.machine["service"].rss == 0


def test_more_ram_only_takes_the_leak_longer(lab: Lab) -> None:
    lab.set(ram="8 GiB")
    assert victims(lab.machine) == []
    lab.set(rounds=100)
    assert victims(lab.machine)


def test_a_smaller_service_is_not_the_largest_and_lives(lab: Lab) -> None:
    lab.set(rounds=20)
    killed = []
    for size in stops(lab, "service"):
        lab.set(service=size)
        killed.append(victims(lab.machine)[0])
    assert killed == ["leaker"] * 4 + ["service"] * 2


def test_smaller_leaks_and_fewer_rounds_end_before_memory_does(lab: Lab) -> None:
    for values in [{"leak": "64 MiB"}, {"leak": "4 MiB"}, {"leak": "256 MiB", "rounds": 5}]:
        lab.set(**values)
        assert victims(lab.machine) == []
    lab.set(rounds=6)
    assert victims(lab.machine) == ["service"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "lost"),
        ({"service_adj": -300}, "reached"),
        ({"service_adj": -1000}, "reached"),
        ({"leaker_adj": 300}, "reached"),
        ({"leaker_adj": 1000}, "reached"),
        ({"service_adj": -200, "leaker_adj": 100}, "reached"),
        ({"service_adj": -1000, "leaker_adj": -1000}, "lost"),  # the machine stops
        ({"service": "32 MiB", "rounds": 20}, "open"),  # nothing to lose
        ({"ram": "8 GiB"}, "open"),  # nobody dies yet
        ({"ram": "8 GiB", "rounds": 40}, "reached"),  # the leak has become the largest
    ],
    ids=str,
)
def test_the_stricter_goal_can_be_reached_in_several_ways(lab: Lab, values, expected: str) -> None:
    lab.set(**values)
    assert status(lab, questions.rescue()) == expected
