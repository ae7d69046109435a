"""Jobs whose use of memory comes in bursts, and how far a machine can be overcommitted with them."""

from __future__ import annotations

import bisect
import random
from typing import Annotated, Any

from .. import trace
from ..units import pages_in, parse_size
from .definition import Range, Scenario, Size, Switch, Trace, scenario
from .operations import Ops, mmap, numbered, part, trace_of, write

BASE_PERCENT = 20
"""Of its promise, what a bursty job uses between bursts; in a burst it uses all."""


@scenario(small={"ram": "1 GiB", "swap": "0 B", "promise": "16 MiB", "overcommit_percent": 20, "ticks": 6})
def bursty(
    ram: Annotated[str, Size(("256 MiB", "1 GiB", "4 GiB"), help="the machine's memory")] = "256 MiB",
    swap: Annotated[str, Size(("0 B", "32 MiB", "128 MiB", "1 GiB"), help="the machine's swap space")] = "32 MiB",
    promise: Annotated[str, Size(("8 MiB", "16 MiB", "32 MiB", "64 MiB"), help="what each job is promised")] = "8 MiB",
    overcommit_percent: Annotated[
        int, Range(20, 400, step=10, unit="%", help="the overcommit factor: the promises of all jobs, of RAM")
    ] = 150,
    mean_percent: Annotated[
        int, Range(20, 100, step=5, unit="%", help="what a job uses of its promise, averaged over time")
    ] = 40,
    bursts: Annotated[bool, Switch(help="off: each job uses its mean all the time")] = True,
    correlated: Annotated[bool, Switch(help="on: all jobs have their bursts at the same time")] = False,
    ticks: Annotated[int, Range(1, 100, unit="ticks", help="seconds that it goes on")] = 20,
    seed: Annotated[int, Range(0, 999, help="another seed, other bursts")] = 0,
) -> Trace:
    """Jobs that all use the same on average: steadily, in bursts of their own, or in bursts at the same time.

    Shows: how far a machine can be overcommitted depends on whether bursts meet. Independent ones even out, correlated
    ones end in stalls and kills at a factor at which steady jobs do well (`first_kill` finds it).
    """
    size = pages_in(promise)
    base = part(size, BASE_PERCENT if bursts else mean_percent)
    names = numbered("job", parse_size(ram) * overcommit_percent // (100 * parse_size(promise)))
    ops: Ops = []
    for name in names:
        ops += [{"op": "spawn", "pid": name}, mmap(name, "heap", size), write(name, "heap", base, 1)]
    chance = (mean_percent - BASE_PERCENT) / (100 - BASE_PERCENT)
    high: set[str] = set()
    for tick in range(ticks):
        burst = {name for name in names if bursts and _draw(seed, tick, "" if correlated else name) < chance}
        for name in names:
            if name in high - burst:
                ops += [_drop(name, base, size)]
            ops += [write(name, "heap", size if name in burst else base, tick + 2)]
        high = burst
        ops += [{"op": "advance", "seconds": 1}]
    return trace_of(ops, ram=ram, swap=swap)


def _draw(seed: int, tick: int, name: str) -> float:
    """A number in [0, 1) that only these three decide: with more jobs, the bursts of the others stay as they were."""
    return random.Random(f"{seed} {tick} {name}").random()


def _drop(name: str, start: int, stop: int) -> dict[str, Any]:
    """The memory of a burst is given back."""
    return {"op": "dontneed", "pid": name, "region": "heap", "start": start, "stop": stop}


def first_kill(scenario: Scenario[...], parameter: str, **values: Any) -> int | None:
    """The lowest value of a ranged parameter at which the OOM killer kills somebody; None if it never does.

    The other parameters have `values`. It is found by bisection, which takes for granted that what kills at one value
    kills at all higher ones.
    """
    ranges = {each.name: each.values for each in scenario.parameters if isinstance(each.values, Range)}
    if parameter not in ranges:
        raise ValueError(f"{scenario.name} has no ranged parameter {parameter!r}: it has {', '.join(ranges)}")
    span = ranges[parameter]
    tried = range(span.low, span.high + 1, span.step)
    at = bisect.bisect_left(tried, True, key=lambda value: _kills(scenario(**{**values, parameter: value})))
    return tried[at] if at < len(tried) else None


def _kills(made: Trace) -> bool:
    """Does the OOM killer kill anybody in this trace?"""
    machine = trace.machine_of(made)
    for op in made["ops"]:
        trace.run_through(machine, [op])
        if machine.oom_reports:
            return True
    return False
