"""What can be seen of a page while a rule works on it, and at which line of its text the rule stands."""

from __future__ import annotations

import inspect
import linecache
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, NamedTuple

from ..areas import Area
from ..kinds import Mapping
from ..rules.page import Tally
from ..stores import frames as fr
from ..stores.page_table import DIRTY, FRAME_SHIFT, PRESENT, SWAPPED, WRITABLE, ZERO


class Place(NamedTuple):
    """Where a decision is taken: a function, a line of its file by number (from 1), and that line."""

    function: str
    number: int
    line: str
    file: str


@dataclass(frozen=True)
class Sight:
    """What can be seen of one page and its surroundings at one moment.

    The entry: `present`, `writable`, `dirty`; it maps `frame`, or the `zero` page, or names a swap `slot`. The frame:
    its `kind` ("anonymous", "file", "shared memory", or "" for none), its `mappers`, whether it is `exclusive` and in
    the swap cache (`cached`). The area: its `prot`, None where there is no area, and whether it has a `family`. Frames:
    `tables` page-table pages of the process, `free` frames of the machine, `room` of them for this process. `tally` is
    what the call has counted so far.
    """

    present: bool
    writable: bool
    dirty: bool
    zero: bool
    frame: int | None
    slot: int | None
    kind: str
    mappers: int
    exclusive: bool
    cached: bool
    prot: str | None
    family: bool
    tables: int
    free: int
    room: int
    tally: Tally


def see(mapping: Mapping, area: Area | None, entry: int, tally: Tally) -> Sight:
    """A page that has this entry, in `area`; `tally` is what the call has counted so far."""
    mapped = bool(entry & PRESENT) and not entry & ZERO
    frame = entry >> FRAME_SHIFT if mapped else None
    word = 0 if frame is None else mapping.frames.word(frame)
    return Sight(
        present=bool(entry & PRESENT),
        writable=bool(entry & WRITABLE),
        dirty=bool(entry & DIRTY),
        zero=bool(entry & ZERO),
        frame=frame,
        slot=entry >> FRAME_SHIFT if entry & SWAPPED else None,
        kind=("", "anonymous", "file", "shared memory")[word & fr.KIND],
        mappers=word >> fr.COUNT_SHIFT,
        exclusive=bool(word & fr.EXCLUSIVE),
        cached=bool(word & fr.CACHED),
        prot=area.prot if area else None,
        family=area is not None and area.family is not None,
        tables=mapping.space.tables,
        free=mapping.frames.free,
        room=mapping.space.room,
        tally=replace(tally),
    )


def place_of(caller: FrameType) -> Place:
    """Where this frame of Python's stack stands."""
    code = caller.f_code
    line = linecache.getline(code.co_filename, caller.f_lineno, caller.f_globals).strip()
    return Place(code.co_name, caller.f_lineno, line, os.path.basename(code.co_filename))


def first_line(rule: Callable[..., Any]) -> Place:
    """The line that begins `rule`."""
    code = getattr(inspect.unwrap(rule), "__code__", None)
    if code is None:  # an object that can be called
        return Place(getattr(rule, "__name__", type(rule).__name__), 0, "", "")
    line = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    return Place(code.co_name, code.co_firstlineno, line, os.path.basename(code.co_filename))


def line_with(function: Callable[..., Any], text: str) -> Place:
    """The first line of `function` that has `text` in it."""
    lines, first = inspect.getsourcelines(function)
    number = next(i for i, line in enumerate(lines) if text in line)
    file = os.path.basename(inspect.getsourcefile(function) or "")
    return Place(function.__name__, first + number, lines[number].strip(), file)
