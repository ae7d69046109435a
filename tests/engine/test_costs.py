"""What events cost: the figures add up, and figures that mean nothing are refused."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowlab import Machine
from cowlab.engine.reports.costs import DEVICES, EVENTS, Costs

COUNT = st.integers(0, 10_000)
SIMPLE = Costs(1, 2, 10, 30, 50, 20, 1000, 100, 2000, 200, 5000, 7, 70)
"""Figures that are told apart in a sum."""


def test_every_figure_has_words_and_the_same_name_everywhere():
    assert list(EVENTS) == [field.name for field in fields(Costs)]
    for figures in DEVICES.values():
        assert set(figures) == {"swap_in", "swap_out", "file_read", "file_write", "load_page"}


def test_the_defaults_lie_as_they_were_measured():
    costs = Costs()
    assert costs.fault < costs.reuse < costs.zero < costs.copy < costs.fork_table
    assert costs.copy * 30 < costs.swap_in
    assert costs.of_fork(512) == pytest.approx(11.4e6, rel=0.02)  # 1 GiB
    assert costs.relocate * 1536 == pytest.approx(20e6, rel=0.001)  # Chromium's 6 MB in 60 ms/GHz


def test_minor_faults_cost_what_they_do():
    assert SIMPLE.of_faults(0) == 0
    assert SIMPLE.of_faults(5) == 50
    assert SIMPLE.of_faults(6, zeroed=1, copied=2, reused=3) == 30 + 2 * 50 + 3 * 20
    assert SIMPLE.of_faults(10, zeroed=1, copied=2, reused=3) == 30 + 2 * 50 + 3 * 20 + 4 * 10


def test_a_major_fault_costs_the_read_more():
    assert SIMPLE.of_faults(0, major_swap=1) == 1000 + 10
    assert SIMPLE.of_faults(0, major_file=1) == 2000 + 10
    assert SIMPLE.of_faults(1, major_swap=2, major_file=3) == 10 + 2 * 1010 + 3 * 2010


def test_a_copy_within_a_major_fault_is_one_fault():
    assert SIMPLE.of_faults(0, major_file=1, copied=1) == 2000 + 50
    assert SIMPLE.of_faults(3, major_swap=1, copied=1) == 3 * 10 + 1000 + 50


def test_copies_without_faults_make_nothing_cheaper():
    assert SIMPLE.of_faults(0, copied=4) == 4 * 50


@given(COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)
def test_faults_cost_the_same_together_and_one_by_one(plain, swap, file, zeroed, copied, reused):
    minor = plain + zeroed + copied + reused
    costs = Costs()
    apart = plain * costs.fault + zeroed * costs.zero + copied * costs.copy + reused * costs.reuse
    apart += swap * (costs.swap_in + costs.fault) + file * (costs.file_read + costs.fault)
    assert costs.of_faults(minor, swap, file, zeroed, copied, reused) == apart


def test_fork_and_start_grow_with_their_size():
    assert SIMPLE.of_fork(0) == 1
    assert SIMPLE.of_fork(100) == 201
    assert SIMPLE.of_start(0, 0) == 5000
    assert SIMPLE.of_start(10, 3) == 5000 + 70 + 210


def test_a_device_changes_what_depends_on_it_alone():
    assert Costs.on("ssd") == Costs()
    network = Costs.on("network")
    assert network.swap_in == network.file_read == 1_000_000
    assert replace(network, **DEVICES["ssd"]) == Costs()


def test_an_unknown_device_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="no device 'tape': the devices are ssd, network"):
        Costs.on("tape")


@pytest.mark.parametrize("value", [-1, 1.5, "3", None, True])
def test_a_cost_is_a_whole_number(value):
    with pytest.raises(ValueError, match="zero=.* is not a cost: give whole nanoseconds, 0 or more"):
        Costs(zero=value)


def test_costs_survive_json():
    costs = Costs.on("network")
    assert Costs.from_dict(json.loads(json.dumps(costs.to_dict()))) == costs
    assert Costs.from_dict({"copy": 5}) == Costs(copy=5)


def test_an_unknown_cost_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="'cpoy' is not a cost: the costs are fork, fork_table, "):
        Costs.from_dict({"cpoy": 5})


def test_a_fork_that_copies_all_pages_takes_the_time_of_the_copies():
    def took(copy_on_write):
        machine = Machine(copy_on_write=copy_on_write)
        parent = machine.spawn()
        parent.mmap("4 MiB").write()
        before = machine.clock_ns
        parent.fork()
        return machine.clock_ns - before

    costs = Costs()
    assert took(False) - took(True) == 1024 * (costs.copy - costs.fault)
