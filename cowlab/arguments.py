"""Checks of arguments that all parts share. To Python True is the number 1: here it never is one."""

from __future__ import annotations

import math
import operator
from numbers import Integral, Real
from typing import TypeGuard


def is_whole(value: object, least: int | None = None, most: int | None = None) -> TypeGuard[int]:
    """A whole number, also one of numpy, from `least` to `most`?"""
    if not isinstance(value, int | Integral) or isinstance(value, bool):
        return False
    number = operator.index(value)  # numpy's numbers take microseconds to compare with Python's
    return (least is None or number >= least) and (most is None or number <= most)


def is_number(value: object, least: float = -math.inf, most: float = math.inf) -> TypeGuard[float]:
    """A number from `least` to `most`? NaN is none."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(least <= value <= most)  # type: ignore[operator]


def whole(name: str, value: object, hint: str, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int, if it is a whole number from `least` to `most`. Else raises ValueError with `hint`."""
    if not is_whole(value, least, most):
        raise ValueError(f"{name}={value!r}: {hint}")
    return operator.index(value)


def check_flag(name: str, value: object) -> bool:
    """`value`, which must be True or False itself: "no" would count as true, and 0 for a number."""
    if not isinstance(value, bool):
        raise ValueError(f"{name}={value!r} is not True or False")
    return value
