"""Sizes in bytes, pages and words: "300 MiB" <-> bytes <-> pages. The one place that knows the page size.

And numbers of things in words: "1 page", "2 pages".
"""

from __future__ import annotations

import math
import operator
import re
from fractions import Fraction

from .arguments import is_whole

PAGE_SIZE = 4096
"""Bytes in a page: x86-64's base page, the only size that the model has."""

_UNITS = {"B": 0, "KiB": 1, "MiB": 2, "GiB": 3, "TiB": 4, "PiB": 5, "EiB": 6}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", re.ASCII)
_DECIMAL = {"K": "KiB", "KB": "KiB", "M": "MiB", "MB": "MiB", "G": "GiB", "GB": "GiB", "T": "TiB", "TB": "TiB"}


def parse_size(size: int | str, what: str = "size") -> int:
    """Bytes in `size`: a whole number of bytes, or text with a binary unit such as "300 MiB".

    Raises ValueError for anything else; decimal units ("300 MB") are refused with what was probably meant.
    """
    if isinstance(size, str):
        return _parse_text(size, what)
    if not is_whole(size):
        raise ValueError(f"{what} {size!r} is not a size: give bytes as an int, or text such as '300 MiB'")
    if operator.index(size) < 0:
        raise ValueError(f"{what} {size!r} is negative: a size is 0 bytes or more")
    return operator.index(size)


def _parse_text(text: str, what: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{what} {text!r} is not a size: write a number and a unit, such as '300 MiB'")
    number, unit = match.groups()
    if unit in _UNITS:
        return math.ceil(Fraction(number) * (1 << 10 * _UNITS[unit]))  # a part of a byte needs the whole byte
    meant = _DECIMAL.get(unit.upper())
    hint = f"did you mean '{number} {meant}'?" if meant else f"the units are {', '.join(_UNITS)}"
    raise ValueError(f"{what} {text!r} has the unit {unit!r}, which is not a binary one: {hint}")


def pages_in(size: int | str, what: str = "size") -> int:
    """Pages that hold `size`, rounded up to whole pages."""
    return -(-parse_size(size, what) // PAGE_SIZE)


def format_size(size: int) -> str:
    """`size` bytes for people: the largest unit that leaves at least 1, with three digits at most."""
    for unit, power in reversed(_UNITS.items()):
        if size >= 1024**power and power:
            amount = size / 1024**power
            digits = 0 if amount == int(amount) or amount >= 100 else 1 if amount >= 10 else 2
            return f"{amount:,.{digits}f} {unit}"
    return f"{size} B"


def format_pages(pages: int) -> str:
    """`pages` pages as a size for people."""
    return format_size(pages * PAGE_SIZE)


def count(n: int, one: str, many: str) -> str:
    """A number of things in words: count(1, "page", "pages") is "1 page"."""
    return f"{n:,} {one if n == 1 else many}"
