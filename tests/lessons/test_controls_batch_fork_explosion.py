"""Each control of the labs in the lesson on workers that explode changes what the lesson says, in its direction."""

from __future__ import annotations

import pytest

from cowlab import Machine, scenarios
from cowlab.units import parse_size
from cowlab.views import Lab
from helpers.labs import rising, stops
from helpers.machines import promised, victims


@pytest.fixture
def lab() -> Lab:
    """The first lab of the lesson: few workers, little data."""
    return Lab(scenarios.batch_explosion, data="16 MiB", workers=5, written_percent=50, ram="16 GiB")


@pytest.fixture
def night() -> Lab:
    """The second: the batch in full."""
    return Lab(scenarios.batch_explosion, ram="64 GiB")


def moved(lab: Lab, name: str, values: list) -> list[Machine]:
    machines = []
    for value in values:
        lab.set(**{name: value})
        machines.append(lab.machine)
    return machines


def test_the_lab_has_these_controls_and_no_others(lab: Lab) -> None:
    assert list(lab.controls) == ["data", "workers", "written_percent", "ram", "swap", "in_rounds"]


def test_a_fork_moves_what_is_promised_and_a_write_what_is_in_use(lab: Lab) -> None:
    lab.go(3)
    for _ in range(5):
        before = promised(lab.machine), lab.machine.meminfo()["AnonPages"]
        lab.step()
        assert promised(lab.machine) - before[0] == parse_size("16 MiB")
        assert lab.machine.meminfo()["AnonPages"] == before[1]
    for _ in range(5):
        before = promised(lab.machine), lab.machine.meminfo()["AnonPages"]
        lab.step()
        assert promised(lab.machine) == before[0]
        assert lab.machine.meminfo()["AnonPages"] - before[1] == 8 * 1024


def test_more_written_uses_more_and_promises_the_same(lab: Lab) -> None:
    machines = moved(lab, "written_percent", list(range(101)))
    assert rising([machine.in_use for machine in machines])
    assert len({promised(machine) for machine in machines}) == 1
    assert len({sum(process.rss for process in machine.processes) for machine in machines}) == 1


@pytest.mark.parametrize("name", ["workers", "data"])
def test_both_follow_more_workers_and_more_data(lab: Lab, name: str) -> None:
    values = list(range(0, 201, 10)) if name == "workers" else stops(lab, name)[:4]
    machines = moved(lab, name, values)
    assert rising([machine.in_use for machine in machines])
    assert rising([promised(machine) for machine in machines])


def test_all_at_once_or_one_by_one_ends_the_same(lab: Lab) -> None:
    for percent in [0, 1, 50, 100]:
        lab.set(data="128 MiB", written_percent=percent, in_rounds=False)
        one_by_one = lab.machine.in_use, promised(lab.machine), len(lab.machine.processes)
        lab.set(in_rounds=True)
        assert (lab.machine.in_use, promised(lab.machine), len(lab.machine.processes)) == one_by_one
    assert len(lab.operations) > 1 + 2 * len(lab.machine.processes)  # and there are turns to see


def test_where_memory_ends_as_many_are_left_either_way() -> None:
    lab = Lab(scenarios.batch_explosion, ram="16 GiB", workers=20)
    alone = victims(lab.machine)
    lab.set(in_rounds=True)
    assert len(victims(lab.machine)) == len(alone) > 0


def test_in_the_night_memory_ends_at_worker_31(night: Lab) -> None:
    night.go(103 + 30)
    assert victims(night.machine) == []
    night.step()
    assert night.operations[night.position - 1]["pid"] == "worker 31"
    assert victims(night.machine)[0] == "worker 100"


def test_the_more_is_written_the_more_die(night: Lab) -> None:
    deaths = [len(victims(machine)) for machine in moved(night, "written_percent", list(range(0, 101, 5)))]
    assert rising(deaths)
    assert deaths[6] == 0 < deaths[7]  # 30% fit, 35% do not


def test_the_more_workers_and_the_more_data_the_more_die(night: Lab) -> None:
    assert rising([len(victims(machine)) for machine in moved(night, "workers", list(range(0, 201, 20)))])
    night.set(workers=100)
    assert rising([len(victims(machine)) for machine in moved(night, "data", stops(night, "data"))])


def test_more_swap_saves_some_and_not_all(night: Lab) -> None:
    deaths = [len(victims(machine)) for machine in moved(night, "swap", stops(night, "swap"))]
    assert rising(deaths[::-1])
    assert deaths[-1] > 0


def test_with_more_ram_fewer_die_until_nobody_does(night: Lab) -> None:
    machines = moved(night, "ram", stops(night, "ram"))
    assert rising([len(victims(machine)) for machine in machines][::-1])
    assert victims(machines[-2]) == victims(machines[-1]) == []
