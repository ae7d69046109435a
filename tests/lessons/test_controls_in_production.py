"""Each control of the labs in the lesson "In production" changes what the lesson says, in its direction."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cowlab import goals, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import status
from helpers.machines import data, kills


@pytest.fixture
def loader() -> Lab:
    goal = goals.all_of(goals.nothing_killed(), goals.processes_in_memory(8, "worker", within="4 GiB"))
    return Lab(scenarios.batch_explosion, data="2 GiB", workers=8, ram="16 GiB", in_rounds=True, goal=goal)


@pytest.fixture
def store() -> Lab:
    goal = goals.all_of(goals.copies_at_most(4), goals.last_owner_reuses("parent"))
    return Lab(scenarios.fork_sharing, size="64 KiB", children=1, written_percent=0, goal=goal)


def test_each_lab_has_these_controls_and_no_others(loader: Lab, store: Lab) -> None:
    assert list(loader.controls) == ["data", "workers", "written_percent", "ram", "swap", "in_rounds"]
    assert list(store.controls) == ["size", "children", "written_percent", "copy_on_write"]


# The data loader --------------------------------------------------------------------------------------------------


def test_memory_grows_all_the_way_as_of_a_leak(loader: Lab) -> None:
    assert status(loader) == "lost"
    seen = []
    for position in range(11, 800, 100):  # before the first kill
        loader.go(position)
        seen.append(data(loader.machine))
    assert all(less < more for less, more in pairwise(seen))
    assert kills(loader.machine) == 0


def test_six_workers_run_to_the_end_and_seven_do_not(loader: Lab) -> None:
    for workers in range(9):
        loader.set(workers=workers)
        assert (kills(loader.machine) > 0) == (workers > 6)


def test_the_goal_is_reached_up_to_twelve_per_cent_written(loader: Lab) -> None:
    for percent in range(0, 31, 3):
        loader.set(written_percent=percent)
        assert (status(loader) == "reached") == (percent <= 12)
    loader.set(written_percent=13)
    assert status(loader) == "open"


def test_more_written_uses_more(loader: Lab) -> None:
    used = []
    for percent in range(0, 81, 10):
        loader.set(written_percent=percent)
        used.append(data(loader.machine))
    assert used[0] == parse_size("2 GiB")
    assert all(less < more for less, more in pairwise(used))


def test_less_data_and_more_ram_kill_nobody(loader: Lab) -> None:
    loader.set(data="1 GiB")
    assert kills(loader.machine) == 0
    loader.set(data="2 GiB", ram="32 GiB")
    assert kills(loader.machine) == 0


def test_swap_lets_them_run_to_the_end(loader: Lab) -> None:
    loader.set(written_percent=88, swap="8 GiB")
    assert kills(loader.machine) == 0


def test_one_by_one_the_end_is_the_same(loader: Lab) -> None:
    loader.set(written_percent=50)
    used = data(loader.machine)
    loader.set(in_rounds=False)
    assert data(loader.machine) == used


# The store --------------------------------------------------------------------------------------------------------


def test_the_goal_is_reached_after_four_copies_and_the_end_of_the_snapshot(store: Lab) -> None:
    for page in (0, 5, 9, 12):
        assert "copied" in store.write("parent", "heap", page)
    assert status(store) == "open"
    store.exit("child 1")
    store.write("parent", "heap", 15)
    assert status(store) == "reached"


def test_a_fifth_copy_loses_it(store: Lab) -> None:
    store.write("parent", "heap", 0, 5)
    assert status(store) == "lost"


def test_more_children_and_larger_sizes_leave_the_goal_within_reach(store: Lab) -> None:
    for values in ({"children": 3}, {"size": "1 MiB"}, {"size": "128 KiB"}):
        store.set(**values)
        for process in store.machine.processes[1:]:
            store.exit(process.name)
        store.write("parent", "heap", 0)
        assert status(store) == "reached"


def test_children_that_write_use_up_the_copies(store: Lab) -> None:
    store.set(written_percent=25)
    assert status(store) == "open"
    store.set(written_percent=50)
    assert status(store) == "lost"


def test_a_machine_that_copies_at_the_fork_has_nothing_to_take_over(store: Lab) -> None:
    store.set(copy_on_write=False)
    store.exit("child 1")
    assert "no fault" in store.write("parent", "heap", 0)
    assert status(store) == "open"
