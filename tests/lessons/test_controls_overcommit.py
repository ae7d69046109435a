"""Each control of the labs in the lesson "What is promised" changes what the lesson says, in its direction."""

from __future__ import annotations

import pytest

from cowlab import Machine, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import rising, stops
from helpers.machines import count, promised


@pytest.fixture
def both() -> Lab:
    """The first lab of the lesson: mode 0 and mode 2 side by side."""
    return Lab(scenarios.overcommit, compare={"mode": [0, 2]}, request="4 GiB", requests=5)


@pytest.fixture
def lab() -> Lab:
    """The second: one machine, on which all is written."""
    return Lab(scenarios.overcommit, request="1 GiB", requests=20, written_percent=100)


def in_memory(machine: Machine) -> int:
    return machine.meminfo()["AnonPages"]


def test_the_labs_have_these_controls_and_no_others(both: Lab, lab: Lab) -> None:
    assert list(both.controls) == ["request", "requests", "written_percent", "ram"]
    assert list(lab.controls) == ["mode", *both.controls]


# ---- side by side


def test_both_grant_the_first_request_and_the_right_one_refuses_the_second(both: Lab) -> None:
    both.go(2)
    assert [promised(machine) for machine in both.machines] == [parse_size("4 GiB")] * 2
    both.step()
    assert [promised(machine) for machine in both.machines] == [parse_size("8 GiB"), parse_size("4 GiB")]
    assert "refused" in both.message


def test_with_smaller_requests_the_right_machine_grants_several(both: Lab) -> None:
    both.set(request="1 GiB", requests=20)
    assert [count(machine, "mmap") for machine in both.machines] == [20, 7]


def test_a_larger_request_is_refused_on_the_left_only_beyond_ram(both: Lab) -> None:
    for request in stops(both, "request"):
        both.set(request=request)
        left, right = both.machines
        assert (count(left, "refuse") == 0) == (parse_size(request) <= parse_size("16 GiB"))
        assert promised(right) < parse_size("8 GiB")


def test_more_ram_moves_the_limit_on_the_right_and_nothing_below_it_on_the_left(both: Lab) -> None:
    refused = []
    for ram in stops(both, "ram"):
        both.set(ram=ram)
        left, right = both.machines
        assert count(left, "refuse") == (0 if parse_size(ram) >= parse_size("4 GiB") else 5)
        refused.append(count(right, "refuse"))
    assert rising(refused[::-1])
    assert refused[-1] == 0


def test_more_requests_promise_more_on_the_left_and_no_more_on_the_right(both: Lab) -> None:
    sums = []
    for requests in range(1, 21):
        both.set(requests=requests, written_percent=0)
        sums.append([promised(machine) for machine in both.machines])
    assert rising([left for left, _ in sums])
    assert {right for _, right in sums} == {parse_size("4 GiB")}


def test_what_is_written_is_in_memory_and_promises_stay(both: Lab) -> None:
    used, sums = [], set()
    for percent in range(0, 80, 5):
        both.set(written_percent=percent)
        used.append(in_memory(both.machines[0]))
        sums.add(promised(both.machines[0]))
    assert rising(used)
    assert sums == {parse_size("20 GiB")}


# ---- one machine


def test_before_the_writes_nothing_was_refused_though_the_limit_is_passed(lab: Lab) -> None:
    lab.go(21)
    meminfo = lab.machine.meminfo()
    assert count(lab.machine, "refuse") == 0
    assert meminfo["Committed_AS"] > 2 * meminfo["CommitLimit"]
    assert meminfo["AnonPages"] == 0


def test_memory_ends_at_the_sixteenth_write(lab: Lab) -> None:
    lab.go(21 + 15)
    assert count(lab.machine, "oom_kill") == 0
    lab.step()
    assert count(lab.machine, "oom_kill") == 1


@pytest.mark.parametrize(("mode", "refused", "killed"), [(0, 0, 1), (1, 0, 1), (2, 13, 0)])
def test_the_mode_chooses_between_a_refusal_and_a_kill(lab: Lab, mode: int, refused: int, killed: int) -> None:
    lab.set(mode=mode)
    assert count(lab.machine, "refuse") == refused
    assert count(lab.machine, "oom_kill") == killed


def test_who_writes_less_is_not_killed(lab: Lab) -> None:
    killed = []
    for percent in range(0, 101, 5):
        lab.set(written_percent=percent)
        killed.append(count(lab.machine, "oom_kill"))
    assert rising(killed)


def test_who_asks_less_often_is_not_killed(lab: Lab) -> None:
    killed = []
    for requests in range(1, 21):
        lab.set(requests=requests)
        killed.append(count(lab.machine, "oom_kill"))
    assert rising(killed)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_with_more_ram_all_is_granted_and_written_in_every_mode(lab: Lab, mode: int) -> None:
    lab.set(mode=mode, ram="64 GiB")
    assert count(lab.machine, "refuse") == count(lab.machine, "oom_kill") == 0
    assert in_memory(lab.machine) * 1024 == promised(lab.machine) == parse_size("20 GiB")
