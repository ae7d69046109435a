"""Each control of the labs, moved on this machine's own kernel: it changes what that shows, as it does in the model.

The small version of each scenario runs with real processes, with one control after the other at several values, and
every observation is compared. What the kernel of a shared machine cannot follow is listed, with the reason.
"""

from __future__ import annotations

import functools
from itertools import pairwise
from typing import Any

import pytest

from cowlab import scenarios, trace
from cowlab.scenarios import Scenario, parameters
from cowlab.views import Comparison
from helpers.marks import SCENARIOS, needs_linux

MOVED: list[tuple[Scenario[...], str, list[Any]]] = [
    (scenarios.first_write, "size", ["64 KiB", "1 MiB", "8 MiB"]),
    (scenarios.first_write, "read_percent", [0, 50, 100]),
    (scenarios.first_write, "written_percent", [0, 25, 100]),
    (scenarios.fork_sharing, "size", ["64 KiB", "1 MiB", "16 MiB"]),
    (scenarios.fork_sharing, "children", [0, 1, 12]),
    (scenarios.fork_sharing, "written_percent", [0, 50, 100]),
    (scenarios.zygote, "size", ["1 MiB", "16 MiB"]),
    (scenarios.zygote, "tabs", [0, 1, 12]),
    (scenarios.zygote, "written_percent", [0, 11, 100]),
    (scenarios.zygote, "code_percent", [0, 10]),
    (scenarios.overcommit, "request", ["32 MiB", "256 MiB"]),
    (scenarios.overcommit, "requests", [1, 5]),
    (scenarios.overcommit, "written_percent", [0, 50]),
    (scenarios.batch_explosion, "data", ["16 MiB", "32 MiB"]),
    (scenarios.batch_explosion, "workers", [0, 1, 8]),
    (scenarios.batch_explosion, "written_percent", [0, 40, 100]),
    (scenarios.headroom, "processes", [1, 12]),
    (scenarios.headroom, "written_percent", [0, 50, 100]),
    (scenarios.headroom, "independent", [False, True]),
    (scenarios.oom_victim, "service", ["32 MiB", "48 MiB"]),
    (scenarios.oom_victim, "leak", ["4 MiB", "8 MiB"]),
    (scenarios.oom_victim, "rounds", [1, 10]),
    (scenarios.bursty, "promise", ["8 MiB", "16 MiB"]),
    (scenarios.bursty, "overcommit_percent", [20, 30]),
    (scenarios.bursty, "bursts", [False, True]),
    (scenarios.bursty, "correlated", [False, True]),
    (scenarios.bursty, "mean_percent", [20, 60]),
    (scenarios.bursty, "ticks", [2, 6]),
    (scenarios.bursty, "seed", [0, 1]),
]
MACHINE = "it says what machine it is, and a lesson changes nothing on yours"
JOBS = "with the promise it decides how many jobs there are, which overcommit_percent does too"
PRIVILEGE = "the kernel takes it from the privileged alone"
LARGE = "its values take more memory than a test may"
TURNS = "its turns are longer than the data of a small version"
GROUPS = "groups take privileges; tests/engine/test_charges.py has what was recorded of them"
PAGING = "it pages, which a test must not have your machine do; tests/engine/test_reclaim.py has what was recorded"
LEFT_OUT: dict[Scenario[...], dict[str, str]] = {
    scenarios.first_write: {},
    scenarios.fork_sharing: {"copy_on_write": "Linux cannot do without"},
    scenarios.zygote: {"copy_on_write": "Linux cannot do without"},
    scenarios.overcommit: {"mode": MACHINE, "ram": MACHINE},
    scenarios.batch_explosion: {"ram": MACHINE, "swap": MACHINE, "in_rounds": TURNS},
    scenarios.headroom: {"ram": MACHINE, "size": LARGE},
    scenarios.oom_victim: {"ram": MACHINE, "service_adj": PRIVILEGE, "leaker_adj": PRIVILEGE},
    scenarios.bursty: {"ram": JOBS, "swap": MACHINE},
    scenarios.cgroup_isolation: {parameter.name: GROUPS for parameter in parameters(scenarios.cgroup_isolation)},
    scenarios.paging: {parameter.name: PAGING for parameter in parameters(scenarios.paging)},
}


def test_no_control_of_a_scenario_is_forgotten() -> None:
    assert set(SCENARIOS) == set(LEFT_OUT)
    for scenario in SCENARIOS:
        moved = {name for each, name, _ in MOVED if each is scenario}
        assert moved | set(LEFT_OUT[scenario]) == {parameter.name for parameter in parameters(scenario)}
        assert not moved & set(LEFT_OUT[scenario])


@functools.cache  # each control takes its turn at the small version itself
def seen(scenario: Scenario[...], **values: Any) -> Any:
    """What model and kernel both observe."""
    comparison = Comparison(scenario(**values))  # raises Disagreement if one observation differs
    assert comparison.outcome.not_here is None
    assert comparison.observations > 0
    return comparison.outcome.entries


@needs_linux
@pytest.mark.parametrize(("scenario", "name", "values"), MOVED, ids=[f"{each.name}-{name}" for each, name, _ in MOVED])
def test_a_control_moves_the_kernel_as_it_moves_the_model(
    scenario: Scenario[...], name: str, values: list[Any]
) -> None:
    small = {parameter.name: parameter.default for parameter in parameters(scenario)} | scenario._small
    said = [seen(scenario, **{**small, name: value}) for value in values]
    assert all(a != b for a, b in pairwise(said))


def test_a_control_that_is_left_out_as_the_machines_own_changes_no_operation() -> None:
    for scenario, names in LEFT_OUT.items():
        for name in (name for name, reason in names.items() if reason is MACHINE):
            first, last = (
                trace.validate(scenario(**{**scenario._small, name: value}))["ops"] for value in _ends(scenario, name)
            )
            assert first == last, (scenario.name, name)


def _ends(scenario: Scenario[...], name: str) -> tuple[Any, Any]:
    (values,) = [parameter.values for parameter in parameters(scenario) if parameter.name == name]
    if isinstance(values, scenarios.Range):
        return values.low, values.high
    assert isinstance(values, scenarios.Size)
    return values.stops[0], values.stops[-1]
