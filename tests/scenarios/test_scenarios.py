"""Scenarios: typed, ranged parameters in, a trace out, and a small version that any Linux machine can run."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

import cowlab
from cowlab import Machine, linux, replay, scenarios, trace
from cowlab.units import parse_size
from helpers.machines import after, victims
from helpers.marks import SCENARIOS, every_scenario, needs_linux

SMALL_PEAK = 256 << 20


def extremes(parameter: scenarios.Parameter) -> list[object]:
    """The values at both ends of a parameter."""
    values = parameter.values
    if isinstance(values, scenarios.Range):
        return [values.low, values.high]
    return [values.stops[0], values.stops[-1]] if isinstance(values, scenarios.Size) else [False, True]


@every_scenario
def test_the_trace_is_well_formed_at_the_defaults(scenario) -> None:
    assert trace.validate(scenario())["ops"] == scenario()["ops"]


@every_scenario
def test_each_parameter_may_take_both_ends_of_its_range(scenario) -> None:
    for parameter in scenarios.parameters(scenario):
        for value in extremes(parameter):
            trace.validate(scenario(**{parameter.name: value}))


@every_scenario
def test_each_parameter_has_a_default_in_its_range_and_a_line_of_help(scenario) -> None:
    for parameter in scenarios.parameters(scenario):
        assert parameter.check(parameter.default) == parameter.default
        assert parameter.help
        assert "\n" not in parameter.help


@every_scenario
def test_the_small_version_has_the_same_shape_and_takes_at_most_256_mib(scenario) -> None:
    small = scenario.small()
    assert trace.peak(small) <= SMALL_PEAK
    assert {op["op"] for op in small["ops"]} == {op["op"] for op in scenario()["ops"]}


def test_all_scenarios_are_here() -> None:
    assert {scenario.name for scenario in SCENARIOS} == {
        "first_write",
        "fork_sharing",
        "zygote",
        "overcommit",
        "oom_victim",
        "cgroup_isolation",
        "headroom",
        "batch_explosion",
        "paging",
        "bursty",
    }


@every_scenario
def test_its_docstring_says_what_it_shows(scenario) -> None:
    assert "\n\n    Shows: " in scenario.__doc__


@needs_linux
@every_scenario
def test_the_small_version_agrees_with_this_kernel_or_is_about_groups(scenario) -> None:
    if scenario is scenarios.cgroup_isolation:
        with pytest.raises(ValueError, match="groups take privileges"):
            linux.replay(scenario.small())
    else:
        assert linux.replay(scenario.small()) == replay(scenario.small())


@needs_linux
def test_a_zygote_with_code_agrees_with_this_kernel() -> None:
    made = scenarios.zygote(size="16 MiB", tabs=4, code_percent=40)
    assert linux.replay(made) == replay(made)


# Values beside the default, such that every parameter is seen to move something of what a run ends with.
OTHERWISE = {
    "first_write": {"size": "1 MiB", "read_percent": 0, "written_percent": 90},
    "fork_sharing": {"size": "1 MiB", "children": 5, "written_percent": 90, "copy_on_write": False},
    "zygote": {"size": "64 MiB", "tabs": 5, "written_percent": 50, "copy_on_write": False, "code_percent": 40},
    "overcommit": {"mode": 2, "request": "4 GiB", "requests": 5, "written_percent": 20, "ram": "4 GiB"},
    "headroom": {"size": "64 MiB", "processes": 9, "written_percent": 20, "independent": True, "ram": "16 GiB"},
    "batch_explosion": {
        "data": "128 MiB",
        "workers": 10,
        "written_percent": 10,
        "ram": "512 GiB",
        "swap": "8 GiB",
        "in_rounds": True,
    },
    "oom_victim": {
        "service": "1 GiB",
        "leak": "16 MiB",
        "rounds": 10,
        "service_adj": -500,
        "leaker_adj": 500,
        "ram": "2 GiB",
    },
    "cgroup_isolation": {
        "ram": "4 GiB",
        "reserved_percent": 40,
        "steady_pods": 1,
        "steady": "100 MiB",
        "leak": "1 GiB",
        "rounds": 5,
        "leakers": 5,
        "limited": False,
    },
    "paging": {
        "heap": "12 MiB",
        "file": "8 MiB",
        "passes": 2,
        "writing": False,
        "swappiness": 200,
        "ram": "64 MiB",
        "swap": "0 B",
    },
    "bursty": {
        "ram": "1 GiB",
        "swap": "0 B",
        "promise": "32 MiB",
        "overcommit_percent": 100,
        "mean_percent": 80,
        "bursts": False,
        "correlated": True,
        "ticks": 5,
        "seed": 7,
    },
}
MOVES = [(scenario, parameter.name) for scenario in SCENARIOS for parameter in scenario.parameters]


def outcome(machine: Machine) -> dict[str, object]:
    """What can be read off a machine at the end of a scenario."""
    return {
        "meminfo": machine.meminfo(),
        "vmstat": machine.vmstat(),
        "clock": machine.clock,
        "log": [(event.kind, event.process, event.count) for event in machine.log],
        "killed": victims(machine),
        "peaks": {path: (group.peak, group.max) for path, group in machine.cgroups.items()},
        "values": [m.values(0, 1).tolist() for p in machine.processes for m in p.mappings.values()],
    }


@pytest.mark.parametrize(("scenario", "name"), MOVES, ids=[f"{s.name}-{name}" for s, name in MOVES])
def test_each_parameter_moves_something(scenario, name: str, defaults) -> None:
    assert outcome(after(scenario(**{name: OTHERWISE[scenario.name][name]}))) != defaults(scenario)


@pytest.fixture(scope="module")
def defaults():
    """What each scenario ends with at its defaults, computed once."""
    return functools.cache(lambda scenario: outcome(after(scenario())))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"children": -1}, "from 0 to 50"),
        ({"children": 51}, "from 0 to 50"),
        ({"children": 2.0}, "whole number"),
        ({"children": True}, "whole number"),
        ({"size": "1 KiB"}, "from 64 KiB to 2 GiB"),
        ({"size": "300 MB"}, "300 MiB"),
        ({"size": 1.5}, "give a size"),
        ({"copy_on_write": 1}, "True or False"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_would_do(values, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        scenarios.fork_sharing(**values)


def test_an_unknown_parameter_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="tabs"):
        scenarios.fork_sharing(tabs=3)


def test_a_size_may_be_any_between_the_stops_as_text_or_bytes() -> None:
    assert scenarios.fork_sharing(size="5 MiB")["ops"][1]["pages"] == 1280
    assert scenarios.fork_sharing(size=5 << 20)["ops"][1]["pages"] == 1280


def test_a_part_of_a_page_written_is_a_page() -> None:
    write = scenarios.fork_sharing(size="64 KiB", children=1, written_percent=1)["ops"][-1]
    assert (write["pid"], write["start"], write["stop"]) == ("child 1", 0, 1)


def test_nothing_written_is_no_operation() -> None:
    ops = scenarios.fork_sharing(children=3, written_percent=0)["ops"]
    assert [op["op"] for op in ops] == ["spawn", "mmap", "write", "fork", "fork", "fork"]


def test_a_zygote_of_300_mib_and_50_tabs_needs_2_gib_where_independent_processes_need_14_6() -> None:
    made = scenarios.zygote()
    machine = trace.run(Machine(**made["machine"]), made["ops"])
    in_use = machine.frames.used + machine.frames.tables
    alone = sum(process.rss + process.page_tables for process in machine.processes) // 4096
    assert 1.8 < in_use * 4096 / 2**30 < 2.2
    assert alone / in_use > 7


def test_the_explosion_is_promised_at_the_forks_and_used_at_the_writes() -> None:
    made = scenarios.batch_explosion()
    forked = trace.run(Machine(**made["machine"]), made["ops"][: 3 + 100])
    assert forked.meminfo()["Committed_AS"] == 101 * parse_size("2 GiB") // 1024
    assert forked.meminfo()["AnonPages"] == parse_size("2 GiB") // 1024
    assert trace.peak(made) / 2**30 == pytest.approx(202.4, abs=0.1)


def test_a_first_write_takes_a_frame_and_a_read_none() -> None:
    machine = after(scenarios.first_write(size="1 MiB", read_percent=50, written_percent=25))
    assert machine.meminfo()["Committed_AS"] == 1024
    assert machine.meminfo()["AnonPages"] == 256
    assert machine.vmstat()["pgfault"] == 128 + 64  # what was read and is then written takes two


def test_code_from_a_file_is_shared_with_a_zygote_and_without() -> None:
    machine = after(scenarios.zygote(code_percent=40, tabs=5))
    assert machine.meminfo()["Cached"] == 120 * 1024
    assert machine["tab 1"].rss == parse_size("300 MiB")
    assert machine["tab 1"].smaps()["code"]["Pss"] == pytest.approx(120 * 1024 / 6, abs=1)


def test_a_zygote_starts_from_stated_bytes() -> None:
    load = next(op for op in scenarios.zygote()["ops"] if op["op"] == "load")
    assert (load["bytes"], load["relocated"]) == (parse_size("120 MiB"), parse_size("6 MiB"))


@pytest.mark.parametrize(("mode", "granted"), [(0, 3), (1, 3), (2, 0)])
def test_the_same_requests_in_the_three_modes(mode: int, granted: int) -> None:
    machine = after(scenarios.overcommit(mode=mode))
    assert len(machine["process"].mappings) == granted
    assert machine.meminfo()["Committed_AS"] == granted * 12 * 2**20


def test_mode_0_refuses_a_single_request_beyond_ram_and_mode_1_does_not() -> None:
    assert not after(scenarios.overcommit(mode=0, request="24 GiB"))["process"].mappings
    assert len(after(scenarios.overcommit(mode=1, request="24 GiB"))["process"].mappings) == 3


def test_the_service_dies_for_anothers_leak_unless_told_otherwise() -> None:
    assert victims(after(scenarios.oom_victim())) == ["service"]
    assert victims(after(scenarios.oom_victim(service_adj=-500))) == ["leaker"]
    assert victims(after(scenarios.oom_victim(leaker_adj=500))) == ["leaker"]


def test_the_pod_at_its_limit_dies_alone() -> None:
    machine = after(scenarios.cgroup_isolation())
    assert victims(machine) == ["leaky"]
    assert machine.oom_reports[0].group == "/pods/leaky"
    assert machine.cgroups["/pods/leaky"].peak == parse_size("8 GiB")
    assert machine.cgroups["/system"].current // 2**20 == 1024 + 2  # and page tables


def test_without_limits_a_leak_in_many_processes_kills_the_system() -> None:
    assert victims(after(scenarios.cgroup_isolation(limited=False, leakers=20)))[0] == "system"
    assert {name.split()[0] for name in victims(after(scenarios.cgroup_isolation(leakers=20)))} == {"leaky"}


def test_promises_alone_do_no_harm() -> None:
    healthy = after(scenarios.headroom())
    assert healthy.meminfo()["Committed_AS"] / 2**20 == pytest.approx(15, abs=0.1)
    assert healthy.meminfo()["AnonPages"] == 300 * 1024
    assert victims(healthy) == []


def test_the_same_promises_used_are_an_overload() -> None:
    for values in ({"written_percent": 30}, {"independent": True}):
        assert victims(after(scenarios.headroom(**values)))


def test_a_working_set_larger_than_ram_thrashes_with_swap_and_kills_without() -> None:
    made = scenarios.paging(heap="48 MiB")
    loops = [entry["major"] for op, entry in zip(made["ops"], replay(made), strict=True) if op["op"] == "loop"]
    assert all(majors[0] > 0 for majors in loops)
    assert victims(after(scenarios.paging(heap="48 MiB", swap="0 B"))) == ["process"]
    assert victims(after(scenarios.paging(swap="0 B"))) == []  # the file gives way


def test_bursts_that_meet_stall_and_kill_where_others_do_not() -> None:
    steady, apart, together = (after(scenarios.bursty(**how)) for how in ({"bursts": False}, {}, {"correlated": True}))
    assert victims(steady) == victims(apart) == []
    assert victims(together)
    assert together.pressure()["some"]["total"] > apart.pressure()["some"]["total"]


def test_bursts_are_those_of_the_seed_and_leave_the_mean_use_about_alike() -> None:
    assert scenarios.bursty(seed=3) == scenarios.bursty(seed=3) != scenarios.bursty(seed=4)
    ops = scenarios.bursty(ticks=100)["ops"][3 * 48 :]  # after the jobs have started
    use = [op["stop"] for op in ops if op["op"] == "write"]
    assert sum(use) / len(use) / 2048 == pytest.approx(0.4, abs=0.02)


def test_with_more_jobs_the_bursts_of_the_others_stay() -> None:
    def of_job_1(percent: int) -> list[dict[str, object]]:
        ops = scenarios.bursty(overcommit_percent=percent)["ops"]
        return [op for op in ops if op.get("pid") == "job 1"]

    assert of_job_1(100) == of_job_1(200)


def test_the_factor_of_the_first_kill_falls_as_bursts_meet() -> None:
    values = {"swap": "0 B", "ticks": 8}
    ways = ({"bursts": False}, {"bursts": True}, {"correlated": True})
    steady, apart, together = (
        scenarios.first_kill(scenarios.bursty, "overcommit_percent", **values, **way) for way in ways
    )
    assert steady == 250  # of what is promised 40% is used: 250% of RAM fill it, and page tables do not fit
    assert together == 100  # all that is promised is used at once
    assert together < apart < steady


def test_a_scenario_without_kills_has_no_first_kill() -> None:
    assert scenarios.first_kill(scenarios.fork_sharing, "children") is None
    with pytest.raises(ValueError, match="no ranged parameter 'size'"):
        scenarios.first_kill(scenarios.fork_sharing, "size")


def test_in_rounds_all_workers_write_at_once() -> None:
    ops = scenarios.batch_explosion(data="128 MiB", workers=2, in_rounds=True)["ops"]
    turns = [(op["pid"], op["start"]) for op in ops if op["op"] == "write"][1:]
    assert turns[:4] == [("worker 1", 0), ("worker 2", 0), ("worker 1", 4096), ("worker 2", 4096)]
    assert len(turns) == 2 * 8


def test_the_explosion_on_64_gib_ends_in_kills() -> None:
    made = scenarios.batch_explosion(ram="64 GiB")
    machine = Machine(**made["machine"])
    with pytest.raises(cowlab.ProcessKilled, match="'worker 31' was killed"):
        trace.run(machine, made["ops"])
    assert victims(machine) == [f"worker {n}" for n in range(100, 30, -1)]


@pytest.mark.outside_browsers
def test_scenarios_import_neither_jupyter_nor_matplotlib() -> None:
    code = "import sys, cowlab.scenarios; print({'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
