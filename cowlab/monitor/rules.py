"""Rules, the alerts that they give, and how far a rule is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..arguments import is_number
from ..engine import Error
from .samples import Sample


@dataclass(frozen=True)
class Rule:
    """Fires when `value(sample)` has been greater than `above` for `for_seconds`.

    The time runs from the first sample above; one that is not starts it anew. A rule that fired stays so until a value
    is at most `clear` (at most `above`; the default is `above`), and only then can it fire again: with some distance
    between the two, a value that swings around `above` is one alert and not many.

    `severity` is "warn" or "page" (wake somebody). `advice` says what to do. `groups` are paths that it needs watched.
    """

    name: str
    value: Callable[[Sample], float]
    above: float
    clear: float | None = None
    for_seconds: float = 0.0
    severity: Literal["warn", "page"] = "warn"
    advice: str = field(kw_only=True)
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"rule name {self.name!r} is not a name: use text, such as 'nearly full'")
        what = f"rule {self.name!r}"
        if not callable(self.value):
            raise ValueError(f"{what}: value={self.value!r} is not a function; give one that takes a sample")
        check_number(what, "above", self.above)
        if self.clear is not None:
            check_number(what, "clear", self.clear)
            if self.clear > self.above:
                raise ValueError(f"{what}: clear={self.clear!r} is more than above={self.above!r}; give at most that")
        check_number(what, "for_seconds", self.for_seconds, 0)
        if self.severity not in ("warn", "page"):
            raise ValueError(f"{what}: severity={self.severity!r}; give 'warn' or 'page'")
        if not isinstance(self.advice, str) or not self.advice:
            raise ValueError(f"{what}: advice={self.advice!r}; say in a sentence what to do when it fires")
        if isinstance(self.groups, str):
            raise ValueError(f"{what}: groups={self.groups!r} is one path; give a tuple, such as ({self.groups!r},)")


@dataclass
class Alert:
    """A rule that fired: when (seconds of the machine's clock), at what value, and what to do."""

    rule: str
    severity: str
    time: float
    value: float
    advice: str
    cleared_at: float | None = None  # seconds; None while it lasts

    def __str__(self) -> str:
        end = "" if self.cleared_at is None else f" Cleared at {self.cleared_at:g} s."
        return f"{self.time:g} s, {self.severity}: {self.rule}, at {self.value:.4g}. {self.advice}{end}"


class RuleError(Error):
    """The function of a rule raised an error (which is the `__cause__`), or gave no number."""


class Watch:
    """A rule, and how far it is."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.clear = rule.above if rule.clear is None else rule.clear
        self.since: float | None = None  # the first of the samples above, without a break
        self.alert: Alert | None = None  # that has not cleared

    def see(self, time: float, value: float) -> Alert | None:
        """Take the next value; the alert, if it fires now."""
        rule = self.rule
        if self.alert:
            if value <= self.clear:
                self.alert.cleared_at, self.alert, self.since = time, None, None
            return None
        if not value > rule.above:
            self.since = None
            return None
        self.since = time if self.since is None else self.since
        if time - self.since + 2 * math.ulp(time) < rule.for_seconds:  # times are rounded
            return None
        self.alert = Alert(rule.name, rule.severity, time, value, rule.advice)
        return self.alert

    def value_of(self, sample: Sample) -> float:
        """What the rule's function gives. Raises RuleError if it gives no number."""
        what = f"rule {self.rule.name!r} stopped at {sample.time:g} s: its function"
        try:
            value = self.rule.value(sample)
        except Exception as error:
            raise RuleError(f"{what} raised {error!r}. Mend it, and make a new monitor with it") from error
        if isinstance(value, bool | np.bool_):
            raise RuleError(f"{what} gave {value}. Return the value to compare, and let `above` say from where on")
        if not is_number(value):
            raise RuleError(f"{what} gave {value!r}. Return a number")
        return float(value)


def check_number(what: str, name: str, number: float, least: float = -math.inf) -> None:
    """`number` must be a finite number, and at least `least`."""
    if not is_number(number) or not math.isfinite(number):
        raise ValueError(f"{what}: {name}={number!r}; give a finite number")
    if number < least:
        raise ValueError(f"{what}: {name}={number!r}; give {least:g} or more")
