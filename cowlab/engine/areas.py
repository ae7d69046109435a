"""The areas of a mapping (Linux: VMAs), how they split and join.

A mapping is a list of areas, ordered, without overlap, with holes where pages were unmapped. Each area has a
protection, a mark *promised* (VM_ACCOUNT: it counts in Committed_AS) and a *family* (anon_vma: set by the first write
fault in private memory; it decides what fork copies and which areas join).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass


class Family:
    """Who may share private frames with whom (Linux: struct anon_vma). Two families are the same if identical."""

    __slots__ = ("inherited",)

    def __init__(self, inherited: bool = False) -> None:
        self.inherited = inherited  # made by fork


@dataclass(slots=True, eq=False)
class Area:
    """Pages [start, stop) of a mapping that the kernel treats alike."""

    start: int
    stop: int
    prot: str
    promised: bool
    family: Family | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def writable(self) -> bool:
        return self.prot == "rw"

    @property
    def readable(self) -> bool:
        return self.prot != ""


class Areas:
    """The areas of one mapping, in page order."""

    __slots__ = ("list",)

    def __init__(self, areas: list[Area]) -> None:
        self.list = areas

    def __iter__(self) -> Iterator[Area]:
        return iter(self.list)

    def __len__(self) -> int:
        return len(self.list)

    @property
    def pages(self) -> int:
        """Pages that are mapped."""
        return sum(area.stop - area.start for area in self.list)

    @property
    def promised(self) -> int:
        """Pages that the commit account holds for them."""
        return sum(area.stop - area.start for area in self.list if area.promised)

    def at(self, page: int) -> Area | None:
        """The area that holds `page`, or None."""
        if len(self.list) == 1:  # the usual case
            area = self.list[0]
            return area if area.start <= page < area.stop else None
        i = bisect_right(self.list, page, key=_start) - 1
        return self.list[i] if i >= 0 and page < self.list[i].stop else None

    def within(self, start: int, stop: int) -> list[Area]:
        """The areas that hold a page of [start, stop)."""
        return [area for area in self.list if area.start < stop and area.stop > start]

    def first_hole(self, start: int, stop: int) -> int:
        """The first page of [start, stop) that is not mapped; `stop` if there is none."""
        for area in self.within(start, stop):
            if area.start > start:
                break
            start = area.stop
        return min(start, stop)

    def any_in(self, start: int, stop: int) -> bool:
        """Is any page of [start, stop) mapped?"""
        return any(area.start < stop and area.stop > start for area in self.list)

    # Changing them ----------------------------------------------------------------------------------------------

    def remove(self, start: int, stop: int) -> None:
        """Unmap pages [start, stop): areas split at its ends."""
        self.split(start)
        self.split(stop)
        self.list = [area for area in self.list if area.stop <= start or area.start >= stop]

    def split(self, page: int) -> None:
        """Let an area begin at `page`, if one holds it. Both parts keep the family."""
        area = self.at(page)
        if area and area.start < page:
            right = Area(page, area.stop, area.prot, area.promised, area.family)
            self.list.insert(self.list.index(area) + 1, right)
            area.stop = page

    def found_family(self, area: Area) -> None:
        """Give `area` a family at its first write fault: a neighbour's, or a new one (mm/rmap.c, anon_vma_prepare)."""
        for near in (self._right_of(area), self._left_of(area)):
            if near and near.family and not near.family.inherited:
                area.family = near.family
                return
        area.family = Family()

    def join(self, area: Area) -> Area:
        """Join `area`, whose protection has changed, to neighbours that fit (mm/vma.c, vma_merge); what it is now."""
        left, right = self._left_of(area), self._right_of(area)
        if left and _fits(left, area):
            family = left.family or area.family
            self.list.remove(left)
            area.start, area.family = left.start, family
        if right and _fits(area, right):
            self.list.remove(right)
            area.stop, area.family = right.stop, area.family or right.family
        return area

    def _left_of(self, area: Area) -> Area | None:
        i = self.list.index(area)
        return self.list[i - 1] if i and self.list[i - 1].stop == area.start else None

    def _right_of(self, area: Area) -> Area | None:
        i = self.list.index(area) + 1
        return self.list[i] if i < len(self.list) and self.list[i].start == area.stop else None

    def copy_for_child(self) -> Areas:
        """The same areas in the child of a fork: each that had a family gets one of its own."""
        return Areas([Area(a.start, a.stop, a.prot, a.promised, Family(True) if a.family else None) for a in self.list])


def _start(area: Area) -> int:
    return area.start


def _fits(left: Area, right: Area) -> bool:
    """May two areas that touch be one?"""
    if left.prot != right.prot or left.promised != right.promised:
        return False
    if left.family is right.family:
        return True
    one = left.family or right.family
    return not (left.family and right.family) and one is not None and not one.inherited
