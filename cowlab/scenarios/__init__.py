"""Scenarios: experiments as plain functions. Each takes a few ranged parameters and returns a trace.

    from cowlab import scenarios, replay
    trace = scenarios.zygote(tabs=20)
    replay(trace)                        # on the model
    scenarios.zygote.small()             # the same experiment, small enough for the kernel of this machine
    scenarios.parameters(scenarios.zygote)

A lab makes its controls from the parameters, so nothing else defines an experiment. Where a scenario ends in kills or
swapping, its small version has the same operations on a machine that holds them, as a real one does; groups are the
model's alone.
"""

from .bursts import bursty, first_kill
from .definition import Parameter, Range, Scenario, Size, Switch, parameters, scenario
from .promises import batch_explosion, headroom, overcommit
from .sharing import first_write, fork_sharing, zygote
from .shortage import cgroup_isolation, oom_victim, paging

__all__ = [
    "Parameter",
    "Range",
    "Scenario",
    "Size",
    "Switch",
    "batch_explosion",
    "bursty",
    "cgroup_isolation",
    "first_kill",
    "first_write",
    "fork_sharing",
    "headroom",
    "oom_victim",
    "overcommit",
    "paging",
    "parameters",
    "scenario",
    "zygote",
]
