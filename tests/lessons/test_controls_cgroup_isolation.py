"""Each control of the labs in the lesson "Limits that contain a failure" changes what the lesson says."""

from __future__ import annotations

import pytest

from cowlab import goals, scenarios
from cowlab.views import Lab
from helpers.labs import status, stops
from helpers.machines import victims


@pytest.fixture
def both() -> Lab:
    goal = goals.only_killed("leaky")
    return Lab(scenarios.cgroup_isolation, compare={"limited": [True, False]}, goal=goal, leakers=16)


@pytest.fixture
def last() -> Lab:
    goal = goals.all_of(goals.alive("system"), goals.alive("steady 4"), goals.only_killed("leaky"))
    return Lab(scenarios.cgroup_isolation, goal=goal, steady_pods=4, leakers=16, reserved_percent=20)


def first_kill(lab: Lab, side: int = 0) -> float:
    """When the first kill came, on the machine's clock."""
    return lab.machines[side].oom_reports[0].time


def test_each_lab_has_these_controls_and_no_others(both: Lab, last: Lab) -> None:
    controls = ["ram", "reserved_percent", "steady_pods", "steady", "leak", "rounds", "leakers"]
    assert list(both.controls) == controls
    assert list(last.controls) == [*controls, "limited"]


def test_the_goal_is_about_the_side_with_limits_and_it_is_reached_at_first(both: Lab) -> None:
    assert status(both) == "reached"
    assert all(name.startswith("leaky") for name in victims(both.machines[0]))
    assert victims(both.machines[1])[0] == "system"


def test_the_bar_leads_back_to_before_any_kill(both: Lab) -> None:
    while victims(both.machines[0]) or victims(both.machines[1]):
        both.back()
    both.step()
    assert victims(both.machines[0])  # the limit is met before the machine's memory ends
    assert not victims(both.machines[1])


def test_with_one_process_both_sides_look_alike_and_from_eleven_on_the_system_dies(both: Lab) -> None:
    hit = []
    for leakers in (1, 5, 10, 11, 12, 30, 50):
        both.set(leakers=leakers)
        assert status(both) == "reached"
        hit.append("system" in victims(both.machines[1]))
    assert hit == [False] * 3 + [True] * 4
    both.set(leakers=1)
    assert victims(both.machines[0]) == victims(both.machines[1]) == ["leaky"]


def test_with_fifty_the_steady_pods_die_as_well(both: Lab) -> None:
    both.set(leakers=50)
    assert {"system", "steady 1", "steady 2"} <= set(victims(both.machines[1]))


def test_a_larger_reserve_lowers_the_limit_and_the_kill_comes_sooner(both: Lab) -> None:
    limits, kills = [], []
    for percent in range(20, 51, 5):
        both.set(reserved_percent=percent)
        limits.append(both.machine.cgroups["/pods/leaky"].max)
        kills.append(first_kill(both))
        assert status(both) == "reached"
    assert limits == sorted(limits, reverse=True)
    assert kills == sorted(kills, reverse=True)


def test_more_steady_pods_lose_the_goal_for_the_machine_ends_first(both: Lab) -> None:
    reached = []
    for pods in range(5):
        both.set(steady_pods=pods)
        reached.append(status(both) == "reached")
    assert reached == [True] * 4 + [False]
    assert both.machine.oom_reports[0].group == "/"


def test_smaller_steady_pods_bring_it_back(both: Lab) -> None:
    both.set(steady_pods=4)
    reached = []
    for size in stops(both, "steady"):
        both.set(steady=size)
        reached.append(status(both))
    assert reached == ["reached", "reached", "reached", "lost"]


@pytest.mark.parametrize("values", [{"leak": "64 MiB"}, {"rounds": 20}, {"ram": "64 GiB"}], ids=str)
def test_where_the_leak_ends_before_memory_does_nobody_dies(both: Lab, values) -> None:
    both.set(**values)
    assert victims(both.machines[0]) == victims(both.machines[1]) == []
    assert status(both) == "open"


def test_on_a_small_node_the_steady_pods_do_not_fit_beside_the_limit(both: Lab) -> None:
    both.set(ram="4 GiB")
    assert both.machine.oom_reports[0].group == "/"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "lost"),
        ({"reserved_percent": 22}, "lost"),
        ({"reserved_percent": 25}, "reached"),
        ({"reserved_percent": 50}, "reached"),
        ({"limited": False, "reserved_percent": 50}, "lost"),  # a reserve without limits is none
        ({"ram": "16 GiB"}, "open"),
        ({"ram": "16 GiB", "rounds": 100}, "reached"),
    ],
    ids=str,
)
def test_the_last_goal_needs_limits_that_fit(last: Lab, values, expected: str) -> None:
    last.set(**values)
    assert status(last) == expected


def test_the_hint_and_the_report_name_the_memory_that_ended(last: Lab) -> None:
    assert last.goal
    assert "all memory of the machine" in last.goal.judge(last.machine).message
    assert last.machine.oom_reports[0].group == "/"
