"""numpy's arrays of integers, always of 64 bits.

In a browser's Python (wasm32) numpy's own integers have 32. There `arange`, `flatnonzero` and `cumsum` would make page
numbers and sums that overflow without an error, as soon as they are shifted to entries or added up over hundreds of
GiB, and `bincount` and `repeat` refuse counts of 64 bits. So all of the package takes these from here, and says the
type in `np.array` and `np.full`; tests/test_words.py finds what does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def arange(start: int, stop: int | None = None, step: int = 1) -> NDArray[np.int64]:
    return np.arange(start, stop, step, dtype=np.int64) if stop is not None else np.arange(start, dtype=np.int64)


def flatnonzero(mask: ArrayLike) -> NDArray[np.int64]:
    return np.flatnonzero(mask).astype(np.int64, copy=False)


def cumsum(counts: ArrayLike) -> NDArray[np.int64]:
    return np.cumsum(counts, dtype=np.int64)


def bincount(numbers: NDArray[Any], weights: ArrayLike | None = None, minlength: int = 0) -> NDArray[np.int64]:
    """As numpy's, with whole numbers as weights."""
    return np.bincount(numbers.astype(np.intp, copy=False), weights, minlength).astype(np.int64, copy=False)


def repeat(items: NDArray[Any], times: ArrayLike, axis: int | None = None) -> NDArray[Any]:
    return np.repeat(items, np.asarray(times, np.intp), axis)
