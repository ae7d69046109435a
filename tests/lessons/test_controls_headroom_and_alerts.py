"""Each control of the labs in the lesson "Headroom and alerts" changes what the lesson says, in its direction."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cowlab import goals, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import status, stops
from helpers.machines import data, kills, promised


@pytest.fixture
def tree() -> Lab:
    return Lab(scenarios.headroom, written_percent=30, goal=goals.nothing_killed())


@pytest.fixture
def jobs() -> Lab:
    goal = goals.all_of(goals.nothing_killed(), goals.processes_in_memory(40, "job", within="256 MiB"))
    return Lab(scenarios.bursty, overcommit_percent=150, correlated=True, goal=goal)


def test_each_lab_has_these_controls_and_no_others(tree: Lab, jobs: Lab) -> None:
    assert list(tree.controls) == ["size", "processes", "written_percent", "independent", "ram"]
    assert list(jobs.controls) == [
        *["ram", "swap", "promise", "overcommit_percent", "mean_percent", "bursts", "correlated", "ticks", "seed"]
    ]


# The tree ---------------------------------------------------------------------------------------------------------


def test_the_bar_leads_back_to_before_the_first_kill(tree: Lab) -> None:
    assert kills(tree.machine)
    before = promised(tree.machine)
    while kills(tree.machine):
        tree.back()
    assert promised(tree.machine) > before  # who died is promised nothing
    assert promised(tree.machine) == 51 * parse_size("300 MiB")


def test_less_written_uses_less_and_promises_stay(tree: Lab) -> None:
    used = []
    for percent in range(26):
        tree.set(written_percent=percent)
        used.append(data(tree.machine))
        assert (promised(tree.machine), kills(tree.machine)) == (51 * parse_size("300 MiB"), 0)
    assert all(less < more for less, more in pairwise(used))
    tree.set(written_percent=26)
    assert kills(tree.machine)


def test_more_written_never_kills_fewer(tree: Lab) -> None:
    victims = []
    for percent in range(20, 101, 10):
        tree.set(written_percent=percent)
        victims.append(kills(tree.machine))
    assert victims == sorted(victims)


def test_the_same_promises_are_an_overload_where_nobody_shares(tree: Lab) -> None:
    tree.set(written_percent=0, independent=True)
    assert kills(tree.machine) == 51 - 13
    assert status(tree) == "lost"
    tree.set(processes=13)
    assert status(tree) == "reached"
    tree.set(processes=14)
    assert status(tree) == "lost"


def test_more_processes_are_promised_more(tree: Lab) -> None:
    tree.set(written_percent=0)
    for processes in range(1, 101):
        tree.set(processes=processes)
        assert (promised(tree.machine), data(tree.machine)) == (
            processes * parse_size("300 MiB"),
            parse_size("300 MiB"),
        )


def test_a_larger_size_kills_no_fewer_and_more_ram_no_more(tree: Lab) -> None:
    sizes, rams = [], []
    for size in stops(tree, "size"):
        tree.set(size=size)
        sizes.append(kills(tree.machine))
    tree.set(size="300 MiB")
    for ram in stops(tree, "ram"):
        tree.set(ram=ram)
        rams.append(kills(tree.machine))
    assert sizes[0] == 0 < sizes[-1]
    assert sizes == sorted(sizes)
    assert rams == sorted(rams, reverse=True)
    assert rams[-1] == 0


# The jobs ---------------------------------------------------------------------------------------------------------

WAYS = [
    ({}, "lost"),
    ({"correlated": False}, "reached"),
    ({"bursts": False}, "reached"),
    ({"mean_percent": 20}, "reached"),
    ({"swap": "1 GiB"}, "reached"),
    ({"swap": "128 MiB"}, "lost"),
    ({"overcommit_percent": 90}, "open"),  # nobody dies, but these are not forty jobs
    ({"overcommit_percent": 400}, "lost"),
]


@pytest.mark.parametrize(("values", "expected"), WAYS, ids=lambda each: str(each))
def test_the_goal_can_be_reached_in_more_than_one_way(jobs: Lab, values, expected: str) -> None:
    jobs.set(**values)
    assert status(jobs) == expected


def test_swap_spares_the_jobs_and_they_wait(jobs: Lab) -> None:
    jobs.set(swap="1 GiB")
    assert kills(jobs.machine) == 0
    waited = jobs.machine.pressure()["some"]["total"]
    jobs.set(swap="32 MiB", correlated=False)
    assert waited > jobs.machine.pressure()["some"]["total"] == 0


def test_a_higher_factor_never_kills_fewer_where_bursts_meet(jobs: Lab) -> None:
    victims = []
    for percent in range(90, 200, 20):
        jobs.set(swap="0 B", ticks=6, overcommit_percent=percent)
        victims.append(kills(jobs.machine))
    assert victims[0] == 0 < victims[-1]
    assert victims == sorted(victims)


def test_no_control_leads_to_a_lab_that_fails(jobs: Lab) -> None:
    jobs.set(ticks=2)
    for values in [{"promise": "64 MiB"}, {"ram": "1 GiB"}, {"mean_percent": 100}, {"ticks": 5}, {"seed": 999}]:
        jobs.set(**values)
        assert status(jobs) in ("reached", "open", "lost")
