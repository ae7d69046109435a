"""Scenarios: experiments as plain functions. Each takes a few ranged parameters and returns a trace.

    from cowlab import scenarios, replay
    trace = scenarios.zygote(tabs=20)
    replay(trace)                        # on the model
    scenarios.zygote.small()             # the same experiment, small enough for the kernel of this machine
    scenarios.parameters(scenarios.zygote)

A lab makes its controls from the parameters, so nothing else defines an experiment.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, ParamSpec

from .trace import VERSION
from .units import pages_in, parse_size

__all__ = [
    "Parameter",
    "Range",
    "Scenario",
    "Size",
    "Switch",
    "batch_explosion",
    "fork_sharing",
    "parameters",
    "scenario",
    "zygote",
]

Trace = dict[str, Any]
Values = ParamSpec("Values")

WRITTEN_BY_PARENT, WRITTEN_BY_CHILDREN = 1, 2
"""What pages hold: the parent's value, then that of the child number n, which is this + n."""


# What a parameter may be ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int
    step: int = 1
    unit: str = ""
    help: str = ""

    def check(self, name: str, value: object) -> int:
        """`value`, or ValueError that says what would do."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise ValueError(f"{name}={value!r}: give a whole number from {self.low} to {self.high}{unit}")
        return value


@dataclass(frozen=True)
class Size:
    """A size of memory from the first to the last of `stops`; a control moves from stop to stop."""

    stops: tuple[str, ...]
    unit: str = ""  # a size as text brings its own
    help: str = ""

    def check(self, name: str, value: object) -> str:
        """`value` as text or bytes, or ValueError that says what would do."""
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise ValueError(
                f"{name}={value!r}: give a size from {self.stops[0]} to {self.stops[-1]}, such as '300 MiB'"
            )
        if not parse_size(self.stops[0]) <= parse_size(value, name) <= parse_size(self.stops[-1]):
            raise ValueError(f"{name}={value!r}: give a size from {self.stops[0]} to {self.stops[-1]}")
        return value if isinstance(value, str) else f"{value} B"


@dataclass(frozen=True)
class Switch:
    """On or off."""

    unit: str = ""
    help: str = ""

    def check(self, name: str, value: object) -> bool:
        """`value`, or ValueError."""
        if not isinstance(value, bool):
            raise ValueError(f"{name}={value!r}: give True or False")
        return value


@dataclass(frozen=True)
class Parameter:
    """One parameter of a scenario: its name, its default, and what values it takes (a Range, a Size or a Switch)."""

    name: str
    default: Any
    values: Range | Size | Switch

    @property
    def unit(self) -> str:
        return self.values.unit

    @property
    def help(self) -> str:
        return self.values.help

    def check(self, value: object) -> Any:
        """`value` as the scenario takes it. Raises ValueError that says what would do."""
        return self.values.check(self.name, value)


class Scenario(Generic[Values]):
    """A function that makes a trace of its parameters, checked first. `small()` is its version for a real kernel."""

    def __init__(self, function: Callable[Values, Trace], small: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self._function = function
        self._small = small
        self.parameters = _read_signature(function)

    def __repr__(self) -> str:
        return f"<scenario {self.name}: {', '.join(parameter.name for parameter in self.parameters)}>"

    def __call__(self, *args: Values.args, **values: Values.kwargs) -> Trace:
        """The trace. Raises ValueError for a value out of its range, TypeError for an unknown parameter."""
        bound = inspect.signature(self._function).bind(*args, **values)
        known = {parameter.name: parameter for parameter in self.parameters}
        return self._function(**{name: known[name].check(value) for name, value in bound.arguments.items()})  # type: ignore[call-arg]

    def small(self) -> Trace:
        """The same experiment in at most 256 MiB, which any Linux machine can run: see `cowlab.linux`."""
        return self(**self._small)  # type: ignore[call-arg]


def scenario(small: dict[str, Any]) -> Callable[[Callable[Values, Trace]], Scenario[Values]]:
    """Make a function a scenario; `small` are the values of its small version."""
    return lambda function: Scenario(function, small)


def parameters(scenario: Scenario[...]) -> list[Parameter]:
    """The parameters of a scenario, in the order of its signature."""
    return list(scenario.parameters)


def _read_signature(function: Callable[..., Trace]) -> list[Parameter]:
    hints = typing.get_type_hints(function, include_extras=True)
    return [
        Parameter(name, parameter.default, hints[name].__metadata__[0])
        for name, parameter in inspect.signature(function).parameters.items()
    ]


# Operations, for those below --------------------------------------------------------------------------------------


def _trace(ops: list[dict[str, Any]], **machine: Any) -> Trace:
    return {"version": VERSION, "machine": machine, "ops": ops}


def _filled(pid: str, region: str, pages: int) -> list[dict[str, Any]]:
    """A process that has written every page of one region."""
    return [
        {"op": "spawn", "pid": pid},
        {"op": "mmap", "pid": pid, "region": region, "pages": pages, "kind": "private"},
        _write(pid, region, pages, WRITTEN_BY_PARENT),
    ]


def _write(pid: str, region: str, pages: int, value: int) -> dict[str, Any]:
    return {"op": "write", "pid": pid, "region": region, "start": 0, "stop": pages, "value": value}


def _forks_and_writes(parent: str, children: list[str], region: str, written: int) -> list[dict[str, Any]]:
    """First all forks, then each child writes its first `written` pages: promised first, used later."""
    forks = [{"op": "fork", "pid": parent, "child": child} for child in children]
    writes = [_write(child, region, written, WRITTEN_BY_CHILDREN + n) for n, child in enumerate(children)]
    return forks + (writes if written else [])


def _part(pages: int, percent: int) -> int:
    """That part of the pages, rounded up, so that no part but 0 is nothing."""
    return -(-pages * percent // 100)


# The experiments --------------------------------------------------------------------------------------------------


@scenario(small={"size": "8 MiB", "children": 3, "written_percent": 25})
def fork_sharing(
    size: Annotated[
        str,
        Size(
            ("64 KiB", "128 KiB", "256 KiB", "1 MiB", "4 MiB", "16 MiB", "64 MiB", "300 MiB", "1 GiB", "2 GiB"),
            help="memory that the parent has written before it forks",
        ),
    ] = "128 KiB",
    children: Annotated[int, Range(0, 50, unit="children", help="how often the parent forks")] = 3,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of its pages that each child writes afterwards")
    ] = 25,
    copy_on_write: Annotated[bool, Switch(help="off: fork copies every page at once")] = True,
) -> Trace:
    """A parent writes its memory and forks; then each child writes a part of what it got."""
    pages = pages_in(size)
    names = [f"child {number}" for number in range(1, children + 1)]
    ops = _filled("parent", "heap", pages)
    ops += _forks_and_writes("parent", names, "heap", _part(pages, written_percent))
    return _trace(ops, ram="16 GiB", copy_on_write=copy_on_write)


@scenario(small={"size": "16 MiB", "tabs": 8})
def zygote(
    size: Annotated[
        str,
        Size(
            ("1 MiB", "16 MiB", "64 MiB", "100 MiB", "200 MiB", "300 MiB", "500 MiB", "1 GiB"),
            help="what the zygote has loaded and set up before the first tab",
        ),
    ] = "300 MiB",
    tabs: Annotated[int, Range(0, 100, unit="tabs", help="how many processes the zygote forks")] = 50,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of the zygote's pages that each tab writes")
    ] = 11,
    copy_on_write: Annotated[bool, Switch(help="off: fork copies every page at once")] = True,
) -> Trace:
    """A zygote loads what all tabs need, once, and forks each tab; a tab then writes some of it."""
    pages = pages_in(size)
    names = [f"tab {number}" for number in range(1, tabs + 1)]
    ops = _filled("zygote", "heap", pages)
    ops += _forks_and_writes("zygote", names, "heap", _part(pages, written_percent))
    return _trace(ops, ram="64 GiB", copy_on_write=copy_on_write)


@scenario(small={"data": "16 MiB", "workers": 6})
def batch_explosion(
    data: Annotated[
        str,
        Size(
            ("16 MiB", "128 MiB", "512 MiB", "1 GiB", "2 GiB", "4 GiB"),
            help="the data set that the parent loads before it forks",
        ),
    ] = "2 GiB",
    workers: Annotated[int, Range(0, 200, unit="workers", help="how many processes share the data set")] = 100,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of the data that each worker writes, if only in passing")
    ] = 100,
    ram: Annotated[
        str,
        Size(("16 GiB", "32 GiB", "64 GiB", "128 GiB", "256 GiB", "512 GiB"), help="the machine's memory"),
    ] = "256 GiB",
) -> Trace:
    """Workers fork over one big data set: promised at the forks, used at the writes."""
    pages = pages_in(data)
    names = [f"worker {number}" for number in range(1, workers + 1)]
    ops = _filled("loader", "data", pages)
    ops += _forks_and_writes("loader", names, "data", _part(pages, written_percent))
    return _trace(ops, ram=ram)
