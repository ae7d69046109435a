"""The areas of a mapping (Linux: VMAs), how they split and join, and what one process has mapped.

A mapping is a list of areas, ordered, without overlap, with holes where pages were unmapped. Each area has a
protection, a mark *promised* (VM_ACCOUNT: it counts in Committed_AS) and a *family* (anon_vma: set by the first write
fault in private memory; it decides what fork copies and which areas join).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .stores.chunks import CHUNK, SHIFT
from .stores.frames import TABLES, Frames
from .stores.page_table import GIB_SHIFT, PageTable, Tables

if TYPE_CHECKING:
    from .mapping import Mapping
    from .rules.cgroup import Group
    from .stores.page_cache import Backing


class NoFreeFrame(Exception):
    """A call needs `frames` frames, charged to `group`, and so many cannot be had; see shortage.py."""

    def __init__(self, frames: int, group: Group) -> None:
        super().__init__(frames, group)
        self.frames, self.group = frames, group


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


class AddressSpace:
    """What one process has mapped, and the table pages that this takes.

    `uppers` are the numbers of the 512 GiB ranges that have an upper table; `tables` counts all table pages but the
    root, in whichever mapping. Where `tables_take_frames` is false they are counted and take no frame. Pages are
    charged to `group`; `charged` says which groups have the page tables.
    """

    def __init__(self, frames: Frames, tables_take_frames: bool, group: Group) -> None:
        self.frames = frames
        self.group = group
        self.charged: dict[Group, int] = {}
        self.tables_take_frames = tables_take_frames
        self.mappings: dict[str, Mapping] = {}
        self.uppers: set[int] = set()
        self.tables = 0
        self.next_gib = 0  # where the next mapping begins

    def adopt(self, mapping: Mapping, backing: Backing | None) -> None:
        """Have `mapping`, with what stands behind it."""
        self.mappings[mapping.name] = mapping
        mapping.backing = backing
        if backing and len(mapping.areas):
            backing.mappings += 1

    def take_tables(self, table: PageTable, tables: Tables, payer: Group) -> None:
        """Have the table pages of a mapping that fork copied, charged to the group of the process that forks."""
        table.leaves, table.middles = tables.leaves, tables.middles
        new = tables.uppers - self.uppers
        self.uppers |= new
        self.count_tables(tables.count + len(new), payer)

    def table_frames(self, tables: int) -> int:
        """Frames that `tables` table pages take."""
        return tables if self.tables_take_frames else 0

    @property
    def room(self) -> int:
        """Frames that can be had at once: free, above the min watermark, and within the limits of the groups."""
        free, allowed = self.frames.free - self.frames.reserve, self.group.room()
        return free if allowed is None else min(free, allowed)

    def need_frames(self, data: int, tables: int = 0) -> None:
        """Raise NoFreeFrame unless so many frames for data and for table pages can be had."""
        need = data + self.table_frames(tables)
        if need and self.room < need:
            raise NoFreeFrame(need, self.group)

    def count_tables(self, tables: int, payer: Group | None = None) -> None:
        """So many table pages more, charged to `payer` (else this process's group); fewer if negative."""
        self.tables += tables
        if not self.tables_take_frames or not tables:
            return
        self.frames.tables += tables
        if tables > 0:
            self._charge_tables(payer or self.group, tables)
        while tables < 0:  # which group each table is charged to is not kept: the last one charged is freed first
            group, n = next(reversed(self.charged.items()))
            freed = min(n, -tables)
            self._charge_tables(group, -freed)
            tables += freed

    def _charge_tables(self, group: Group, tables: int) -> None:
        group.charge(TABLES, tables)
        self.charged[group] = self.charged.get(group, 0) + tables
        if not self.charged[group]:
            del self.charged[group]

    def drop_tables(self, mapping: Mapping, start: int, stop: int) -> None:
        """After pages [start, stop) were unmapped: free each table in whose range nothing is mapped (free_pgtables)."""
        table, areas = mapping.table, mapping.areas
        dropped = table.drop_leaves(*_emptied(areas, start, stop, SHIFT))
        dropped += table.drop_middles(*_emptied(areas, start, stop, GIB_SHIFT))
        first, last = (table.gib + (page >> GIB_SHIFT) for page in (start, stop - 1))
        gone = {upper for upper in range(first >> SHIFT, (last >> SHIFT) + 1) if not self._maps_in(upper)} & self.uppers
        self.uppers -= gone
        self.count_tables(-dropped - len(gone))

    def drop_covered_leaves(self, mapping: Mapping, start: int, stop: int) -> None:
        """After MADV_DONTNEED of [start, stop) in one area: free the leaves that it covered whole (PT_RECLAIM)."""
        first, last = -(-start // CHUNK), stop >> SHIFT
        if first < last:
            self.count_tables(-mapping.table.drop_leaves(first, last))

    def _maps_in(self, upper: int) -> bool:
        """Is anything mapped in 512 GiB range number `upper`?"""
        first = upper << SHIFT
        for mapping in self.mappings.values():
            start, stop = ((gib - mapping.table.gib) << GIB_SHIFT for gib in (first, first + CHUNK))
            if mapping.areas.any_in(start, stop):
                return True
        return False


def _emptied(areas: Areas, start: int, stop: int, shift: int) -> tuple[int, int]:
    """The blocks of 2**shift pages that [start, stop) touches and in which nothing is mapped, half open."""
    first, last = start >> shift, (stop - 1) >> shift
    if areas.any_in(first << shift, (first + 1) << shift):
        first += 1
    if last >= first and areas.any_in(last << shift, (last + 1) << shift):
        last -= 1
    return first, max(first, last + 1)
