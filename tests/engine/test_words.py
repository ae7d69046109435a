"""Integers of 64 bits also where numpy's own have 32: the functions that make them, and that all is made by these."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cowlab
from cowlab.engine.stores import words

PACKAGE = Path(cowlab.__file__).parent
OURS = {"arange", "bincount", "cumsum", "flatnonzero", "repeat"}
TYPE_AT = {"array": 1, "asarray": 1, "full": 2, "fromiter": 1}
"""Functions of numpy that choose an integer by themselves if they are told none, and where they are told."""
OF_THIS_MACHINE = {"int", "np.int_", "np.intp", "np.long"}


def own_integers(source: str) -> Iterator[str]:
    """The calls that leave it to numpy how large an integer is."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        owner, _, name = ast.unparse(call.func).rpartition(".")
        takes_type = owner == "np" and name in TYPE_AT
        types = [keyword.value for keyword in call.keywords if keyword.arg == "dtype"]
        if takes_type or name == "astype":
            types += call.args[TYPE_AT.get(name, 0) :][:1]
        wants_type = takes_type or (name in OURS and owner not in ("", "words"))
        if (wants_type and not types) or any(ast.unparse(kind) in OF_THIS_MACHINE for kind in types):
            yield f"line {call.lineno}: {ast.unparse(call)}"


def test_nothing_leaves_the_size_of_integers_to_numpy() -> None:
    on_linux_alone = PACKAGE / "linux"
    read = [
        path for path in PACKAGE.rglob("*.py") if path != Path(words.__file__) and on_linux_alone not in path.parents
    ]
    found = {path.relative_to(PACKAGE): list(own_integers(path.read_text(encoding="utf-8"))) for path in read}
    assert len(found) > 100
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "call",
    [
        *("np.arange(9)", "np.cumsum(n)", "n.cumsum()", "np.bincount(n)", "np.repeat(n, n)", "n.repeat(2)"),
        *("np.flatnonzero(n)", "np.array([1])", "np.asarray(n)", "np.full(3, 1)"),
        *("np.array([1], int)", "np.zeros(3, dtype=int)", "n.astype(int)", "n[0].astype(np.intp)"),
    ],
)
def test_what_leaves_it_to_numpy_is_found(call: str) -> None:
    assert list(own_integers(call)) == [f"line 1: {call}"]


def test_what_does_not_is_not() -> None:
    told = (
        "arange(9), words.repeat(n, 2), np.array([1], np.int64), np.full(3, 1, np.bool_), np.arange(9, dtype=np.uint8)"
    )
    assert list(own_integers(told)) == []


def test_the_functions_are_numpys_and_give_64_bits() -> None:
    numbers = np.array([3, 1, 1], np.int32)
    for made, expected in (
        (words.arange(3), [0, 1, 2]),
        (words.arange(2, 5), [2, 3, 4]),
        (words.arange(5, 2, -1), [5, 4, 3]),
        (words.flatnonzero(numbers == 1), [1, 2]),
        (words.cumsum(numbers), [3, 4, 5]),
        (words.cumsum(numbers == 1), [0, 1, 2]),
        (words.bincount(numbers.astype(np.int64)), [0, 2, 0, 1]),
        (words.bincount(numbers, minlength=6), [0, 2, 0, 1, 0, 0]),
        (words.bincount(numbers, [1 << 40, 2, 3]), [0, 5, 0, 1 << 40]),
        (words.repeat(numbers.astype(np.int64), numbers.astype(np.int64)), [3, 3, 3, 1, 1]),
        (words.repeat(words.arange(2)[:, None], 2, axis=1), [[0, 0], [1, 1]]),
    ):
        assert made.tolist() == expected
        assert made.dtype == np.int64
