"""Which rules may run once for many pages: those that touch nothing but their page.

A rule that counts its calls, draws, or looks at a page's number would go wrong without a sound if it ran once for a
thousand pages. So a rule is batched only if its code shows that it cannot: it is a plain function that uses its page
by the names in `ASKED`, constants, and functions of which the same holds; it computes nothing, stores nothing and keeps
nothing. In doubt, as with instructions that this file does not know, the rule runs page by page.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from ..rules import faults
from ..rules.page import Page

OWN = frozenset(rule for rule in vars(faults).values() if isinstance(rule, FunctionType))
"""The model's own rules: known to be fine, if the functions that they call are."""

DIFFERING = {"area", "frames", "mapping", "mappers", "neighbours", "number", "take_frame", "tally", "window"}
ASKED = {name for name in vars(Page) if name[0] != "_"} - DIFFERING
"""What a rule may ask its page, or do to it. What differs between pages that are alike is missing, and
`take_frame`, which does not say before that a frame is needed; `frame` and `entry` differ too, and can only be handed
on (stand_in.py, Handle)."""

HARMLESS = (
    "CACHE", "CALL", "COPY", "EXTENDED_ARG", "JUMP", "KW_NAMES", "LOAD_ATTR", "LOAD_CONST", "LOAD_FAST",
    "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_SMALL_INT", "NOP", "NOT_TAKEN", "POP_JUMP", "POP_TOP", "PRECALL", "PUSH_NULL",
    "RESUME", "RETURN", "STORE_FAST", "SWAP", "TO_BOOL", "UNARY_NOT",
)  # fmt: skip
"""Beginnings of names of instructions that load, call, branch and return, and change nothing but local names."""

Uses = list[tuple[dict[str, Any] | FunctionType, str, object]]
"""What a rule uses, and what it was when the rule was looked at: global names, by where they stand; the code of
each function."""

PLAIN = (bool, int, str, type(None))


class Verdict:
    """Whether `rule` may be batched, and what it does to a page of each look, as far as that was tried."""

    def __init__(self, rule: FunctionType) -> None:
        self.decided: dict[Any, Any] = {}
        self.uses: Uses = []
        self.batched = _is_plain(rule, self.uses, set())

    @property
    def holds(self) -> bool:
        """Does each function that the rule calls mean what it meant?"""
        return all(_meaning(place, name) is meaning for place, name, meaning in self.uses)


def _meaning(place: dict[str, Any] | FunctionType, name: str) -> object:
    """What is used under that name now; of a function that has got attributes nothing is as it was."""
    if isinstance(place, dict):
        return place.get(name)
    return place if place.__dict__ else getattr(place, name)


_verdict = lru_cache(64)(Verdict)


def batched(rule: Callable[..., None]) -> Verdict | None:
    """The verdict on `rule`, if it may run once for many pages."""
    if not isinstance(rule, FunctionType):
        return None
    verdict = _verdict(rule)
    if not verdict.holds:
        _verdict.cache_clear()
        verdict = _verdict(rule)
    return verdict if verdict.batched else None


def _is_plain(rule: object, uses: Uses, seen: set[object]) -> bool:
    """Does `rule` touch nothing but its page? What it uses is added to `uses`."""
    if (
        not isinstance(rule, FunctionType)
        or rule.__closure__
        or rule.__dict__
        or rule.__code__.co_flags & NOT_CALLED_AT_ONCE
    ):
        return False
    if rule in seen:
        return True
    seen.add(rule)
    uses += [(rule, name, getattr(rule, name)) for name in ("__code__", "__defaults__", "__kwdefaults__")]
    kept = (*(rule.__defaults__ or ()), *(rule.__kwdefaults__ or {}).values())
    if not all(type(value) in PLAIN for value in kept):
        return False
    if rule not in OWN and not _only_asks(rule.__code__):
        return False
    return all(_may_use(rule.__globals__, name, uses, seen) for name in _global_names(rule.__code__))


NOT_CALLED_AT_ONCE = 0x20 | 0x80 | 0x100 | 0x200
"""Flags of code that yields or awaits (inspect.CO_GENERATOR and the like)."""


def _only_asks(code: CodeType) -> bool:
    """Has the code harmless instructions alone, and names of its page?"""
    for step in dis.get_instructions(code):
        if not step.opname.startswith(HARMLESS) or "INTRINSIC" in step.opname:
            return False
        if step.opname.startswith(("LOAD_ATTR", "LOAD_METHOD")) and step.argval not in ASKED:
            return False
    return True


def _global_names(code: CodeType) -> set[str]:
    return {step.argval for step in dis.get_instructions(code) if step.opname.startswith("LOAD_GLOBAL")}


def _may_use(names: dict[str, Any], name: str, uses: Uses, seen: set[object]) -> bool:
    """Is `name` a constant, or a function of which the same holds?"""
    if name not in names:
        return False  # a built-in function
    meaning = names[name]
    uses.append((names, name, meaning))
    return type(meaning) in PLAIN or _is_plain(meaning, uses, seen)
