"""What a call did and cost, counted as it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Faults(NamedTuple):
    """What a call cost: faults by kind, and what they did. `major` ones waited for a disk.

    `zeroed` frames were filled with zeros, `copied` ones from another frame; `reused` ones were taken over in place.
    """

    minor: int
    major: int
    zeroed: int
    copied: int
    reused: int


@dataclass(slots=True)
class Tally:
    """Counts of one call, as it goes on."""

    minor: int = 0
    major: int = 0
    zero_map: int = 0
    zero_fill: int = 0
    copy: int = 0
    reuse: int = 0
    file_map: int = 0
    swap_in: int = 0
    refault: int = 0  # of files; a page that is swapped in was in memory before by nature
    touched: int = 0  # pages that the call is done with

    def add(self, counts: tuple[int, ...], times: int) -> None:
        """Add `times` the counts of another call, in the order of the fields above."""
        for name, n in zip(Tally.__slots__, counts, strict=True):
            if n:
                setattr(self, name, getattr(self, name) + n * times)

    def effects(self) -> tuple[tuple[str, int], ...]:
        """Kinds of event, and how many pages each befell."""
        return (
            ("zero_map", self.zero_map),
            ("zero_fill", self.zero_fill),
            ("copy", self.copy),
            ("reuse", self.reuse),
            ("file_map", self.file_map),
            ("swap_in", self.swap_in),
        )

    def faults(self) -> Faults:
        """What the caller is told."""
        return Faults(self.minor, self.major, self.zero_fill, self.copy, self.reuse)
