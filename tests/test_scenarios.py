"""Scenarios: typed, ranged parameters in, a trace out, and a small version that any Linux machine can run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cowlab import Machine, linux, replay, scenarios, trace
from cowlab.units import parse_size

ALL = (scenarios.fork_sharing, scenarios.zygote, scenarios.batch_explosion)
every_scenario = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
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


@every_scenario
def test_the_small_version_agrees_with_this_kernel(scenario) -> None:
    if reason := linux.available():
        pytest.skip(f"Linux: {reason}")
    assert linux.replay(scenario.small()) == replay(scenario.small())


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


def test_scenarios_import_neither_jupyter_nor_matplotlib() -> None:
    code = "import sys, cowlab.scenarios; print({'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
