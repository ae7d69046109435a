"""Page replacement policies: which page goes when a frame is needed. Examples to compare, and a place for your own.

A policy gets the pages that may go and how many are wanted, and says which, by their positions, first first:

>>> import cowlab
>>> def newest(pages, wanted):
...     return (-pages.born).argsort()[:wanted]
>>> machine = cowlab.Machine(ram="12 KiB", swap="1 MiB", page_tables=False, evict_policy=newest)
>>> heap = machine.spawn().mmap("16 KiB")
>>> heap.write(0, 3).minor, heap.write(3).minor, heap.write(2).major
(3, 1, 1)

`Machine(evict_policy="lru")` takes one of these by name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..kinds import Machine
from ..stores import frames as fr
from ..stores.chunks import Words

if TYPE_CHECKING:
    from ..many.rmap import Units


@dataclass(frozen=True)
class Candidates:
    """Pages that may go. Arrays, one item a page.

    `frame`: its number; `born`, `used`: the touch, counted over the whole machine, by which it came into memory, and
    its last one; `mappers`; `anonymous`: is it private memory, or else of a file or shared object?
    """

    frame: Words
    born: Words
    used: Words
    mappers: Words
    anonymous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.frame)


EvictPolicy = Callable[[Candidates, int], Iterable[int]]


def fifo(pages: Candidates, wanted: int) -> Words:
    """First in, first out: the page that came into memory first, however often it was used since."""
    return pages.born.argsort(kind="stable")[:wanted]


def lru(pages: Candidates, wanted: int) -> Words:
    """Least recently used."""
    return pages.used.argsort(kind="stable")[:wanted]


class Clock:
    """Second chance: a hand goes round the frames; a page used since its last visit is passed over once."""

    def __init__(self) -> None:
        self.hand = 0  # the frame that it points at
        self.seen: dict[int, int] = {}  # by frame: the use that the hand has seen

    def __call__(self, pages: Candidates, wanted: int) -> list[int]:
        order = np.argsort(pages.frame)
        start = int(np.searchsorted(pages.frame[order], self.hand))
        queue = np.roll(order, -start).tolist()
        chosen: list[int] = []
        while queue and len(chosen) < min(wanted, len(pages)):
            page = queue.pop(0)
            frame, used = int(pages.frame[page]), int(pages.used[page])
            self.hand = frame + 1
            if self.seen.get(frame) == used:
                chosen.append(page)
            else:
                self.seen[frame] = used
                queue.append(page)
        return chosen


class Random:
    """Any page, as drawn from `seed`: the same run gives the same draws."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, pages: Candidates, wanted: int) -> Words:
        return self.random.permutation(len(pages))[:wanted]


POLICIES: dict[str, Callable[[], EvictPolicy]] = {
    "fifo": lambda: fifo,
    "lru": lambda: lru,
    "clock": Clock,
    "random": Random,
}


def parse_policy(policy: Any) -> EvictPolicy | None:
    """The policy given as a name, as a function, or not at all."""
    if isinstance(policy, str):
        if policy not in POLICIES:
            raise ValueError(f"evict_policy {policy!r} is unknown: use one of {', '.join(POLICIES)}, or a function")
        return POLICIES[policy]()
    if policy is not None and not callable(policy):
        raise ValueError(f"evict_policy={policy!r} is not a function, nor one of {', '.join(POLICIES)}")
    return policy  # type: ignore[no-any-return]


def choose(machine: Machine, units: Units, wanted: int) -> Words:
    """Which of `units`, all pages, the machine's policy lets go. Raises ValueError for an answer that means nothing."""
    assert machine.evict_policy and machine.frames.born
    born = machine.frames.born.get(units.frames)
    mappers, kinds = units.words >> fr.COUNT_SHIFT, units.kinds
    pages = Candidates(units.frames, born, units.ages, mappers, kinds == fr.ANON)
    answer = machine.evict_policy(pages, wanted)
    try:
        chosen = np.array([operator.index(page) for page in answer], np.int64)
    except TypeError:
        raise ValueError(f"evict_policy returned {answer!r}: return positions of pages, such as [0, 3]") from None
    if len(chosen) and not (chosen.min() >= 0 and chosen.max() < len(pages)):
        raise ValueError(f"evict_policy chose page {chosen.max()} of {len(pages)}: positions run from 0")
    return np.unique(chosen) if len(np.unique(chosen)) < len(chosen) else chosen
