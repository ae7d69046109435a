"""What a scenario is: a function with typed, ranged parameters that returns a trace."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

from ..arguments import check_flag, is_whole, whole
from ..units import parse_size

Trace = dict[str, Any]
Values = ParamSpec("Values")


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
        unit = f" {self.unit}" if self.unit else ""
        hint = f"give a whole number from {self.low} to {self.high}{unit}"
        return whole(name, value, hint, self.low, self.high)


@dataclass(frozen=True)
class Size:
    """A size of memory from the first to the last of `stops`; a control moves from stop to stop."""

    stops: tuple[str, ...]
    unit: str = ""  # a size as text brings its own
    help: str = ""

    def check(self, name: str, value: object) -> str:
        """`value` as text or bytes, or ValueError that says what would do."""
        if not isinstance(value, str) and not is_whole(value):
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
        return check_flag(name, value)


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
