"""What one process has mapped, and the table pages that this takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .areas import Areas
from .kinds import NoFreeFrame
from .stores.chunks import CHUNK, SHIFT
from .stores.frames import TABLES, Frames
from .stores.page_table import GIB_SHIFT, PageTable, Tables

if TYPE_CHECKING:
    from .mapping import Mapping
    from .rules.cgroup import Group
    from .stores.page_cache import Backing


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

    def adopt(self, mapping: Mapping, backing: Backing | None, parent: Mapping | None = None) -> None:
        """Have `mapping`, with what stands behind it; at fork it is a copy of its parent's."""
        self.mappings[mapping.name] = mapping
        mapping.backing = backing
        if backing:
            mapping.lineage = backing.mappings
        elif parent:
            mapping.lineage = parent.lineage
        if len(mapping.areas):
            mapping.lineage[mapping] = None

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
