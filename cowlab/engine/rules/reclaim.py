"""Reclaim: taking frames from pages that were not used lately.

A walk over the page tables finds every page that is charged to the group in question (or to any), and sorts them by
age: that is one *generation*. Pages go from its oldest end, batch by batch; one that was used since the walk is left
for the next one (mm/vmscan.c; Documentation/admin-guide/mm/multigen_lru.rst). Clean file pages are dropped, dirty ones
written back first; anonymous and shared pages go to swap, if there is room.

Totals, faults and contents follow Linux; which page goes, and how many at once, is the model's own choice, and
`Machine(evict_policy=mine)` replaces it (replacement.py has some).

>>> import cowlab
>>> machine = cowlab.Machine(ram="64 MiB", swap="64 MiB")
>>> heap = machine.spawn().mmap("80 MiB")
>>> heap.write().minor                              # more than RAM holds: the oldest pages make room
20480
>>> machine.vmstat()["pswpout"] > 4096, heap.process.swap // 2**20 >= 16
(True, True)
>>> heap.read(0).major                              # the first page went first
1
"""

from __future__ import annotations

import numpy as np

from ..kinds import Group, Machine
from ..many.page_out import PageOut
from ..many.rmap import Units, walk
from ..stores import frames as fr
from ..stores.chunks import CHUNK
from ..stores.words import arange, cumsum, flatnonzero
from . import replacement

MOST_AT_ONCE = 1 << 15
"""Pages in a batch, at most (128 MiB); it is a 64th of RAM, or of the group's limit, where that is less."""


class Generation:
    """The units that one walk found, by kind, oldest first; how far each kind is consumed."""

    def __init__(self, units: Units) -> None:
        self.made = units.machine.frames.now
        self.size = len(units)
        units = units.pick(np.argsort(units.ages, kind="stable"))
        file = units.kinds == fr.FILE
        self.units = {"file": units.pick(file), "anon": units.pick(~file), "cached": units.pick(units.cached)}
        self.at = dict.fromkeys(self.units, 0)

    def left(self, kind: str) -> bool:
        """Are there more of `kind`?"""
        return self.at[kind] < len(self.units[kind])

    def take(self, kind: str, pages: int) -> Units:
        """The next units of `kind`, as many as hold `pages` pages."""
        at = self.at[kind]
        units = self.units[kind].pick(slice(at, at + pages))
        n = int(np.searchsorted(cumsum(units.weights), pages)) + 1 if pages > 0 else 0
        self.at[kind] = at + min(n, len(units))
        return units.pick(slice(n))


class Reclaim:
    """What a machine does to free frames."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.generations: dict[Group, Generation] = {}
        self.page_out = PageOut(machine)

    def forget(self) -> None:
        """Pages have new mappers: what the last walks found does not hold any more."""
        self.generations.clear()

    def free(self, domain: Group, need: int) -> int:
        """Take about `need` pages, at least one if there is one, from what is charged to `domain`; how many."""
        freed = self._free(domain, need, break_low=False)
        if not freed and (low := self._low_groups(domain)):
            before = [group.usage for group in low]
            freed = self._free(domain, need, break_low=True)
            for group, usage in zip(low, before, strict=True):
                if group.usage < min(usage, group.limits["low"] or 0):
                    group.count_event("low")
        return freed

    def batch(self, domain: Group) -> int:
        """Pages that are taken at once."""
        size = self.machine.frames.total if domain.parent is None else domain.limits["max"] or domain.usage
        return max(1, min(size // 64, MOST_AT_ONCE))

    def _free(self, domain: Group, need: int, break_low: bool) -> int:
        if self.machine.evict_policy is not None:
            return self._by_policy(domain, need, break_low)
        if self._kind(domain) == "cached" and (freed := self.page_out.drop_unmapped(domain)):
            return freed
        if not self._anything(domain):
            return 0
        want = self.batch(domain)
        for anew in (False, True):
            if anew or domain not in self.generations:
                self.generations[domain] = Generation(walk(self.machine, domain, chunks=want >= CHUNK))
            generation = self.generations[domain]
            if not anew and self._files_came(generation, domain, want):
                continue
            while (units := self._next(generation, want, self._kind(domain))) is not None:
                if freed := self.page_out.shrink(self._allowed(units, domain, break_low)):
                    return freed
        return 0

    def _kind(self, domain: Group) -> str:
        """What may leave anonymous memory: without free slots only pages of the swap cache, which have theirs; and so
        in a group, where swappiness is 0 (mm/vmscan.c, get_scan_count)."""
        group_without_swap = domain.parent is not None and not self.machine.swappiness
        room = domain.swap_room(self.machine.swap.free)
        return "anon" if room and not group_without_swap else "cached"

    def _files_came(self, generation: Generation, domain: Group, want: int) -> bool:
        """Did pages of files come in since the walk, so that a new one pays before more is swapped?"""
        if generation.left("file") or domain.charged[fr.FILE] < want:
            return False
        since = self.machine.frames.now - generation.made
        return self.machine.swappiness == 0 or since > generation.size // 4

    def _anything(self, domain: Group) -> bool:
        """Is a walk worth while?"""
        swap = self.machine.swap
        return bool(domain.charged[fr.FILE] or swap.in_cache or (swap.total and self._kind(domain) == "anon"))

    def _next(self, generation: Generation, want: int, kind: str) -> Units | None:
        """The oldest units, of file pages and of anonymous ones (`kind`) as swappiness says; None if all are taken."""
        anon, file = generation.left(kind), generation.left("file")
        if not (anon or file):
            return None
        share = round(want * self.machine.swappiness / 200) if anon and file else want * anon
        return generation.take(kind, share).and_then(generation.take("file", want - share))

    def _by_policy(self, domain: Group, need: int, break_low: bool) -> int:
        """Let the policy choose among all pages, each time anew."""
        units = walk(self.machine, domain, chunks=False)
        if self._kind(domain) == "cached":
            units = units.pick((units.kinds == fr.FILE) | units.cached)
        while len(units):
            chosen = replacement.choose(self.machine, units, need)
            if not len(chosen):
                return 0
            if freed := self.page_out.shrink(self._allowed(units.pick(chosen), domain, break_low)):
                return freed
            units = units.pick(np.delete(arange(len(units)), chosen))
        return 0

    # Protection -------------------------------------------------------------------------------------------------

    def _low_groups(self, domain: Group) -> list[Group]:
        """The groups below `domain` that memory.low protects now."""
        groups = self.machine.cgroups.values()
        return [g for g in groups if g.limits["low"] and g is not domain and domain.holds(g) and g.usage]

    def _allowed(self, units: Units, domain: Group, break_low: bool) -> Units:
        """Those of `units` that the protection of their groups leaves."""
        if len(self.machine.cgroups) == 1:
            return units
        owners, weights = units.owners, units.weights
        kept, spare = [np.zeros(0, np.int64)], dict[Group, int]()
        for owner in np.unique(owners).tolist():
            mine = flatnonzero(owners == owner)
            above = self._floors(self.machine.cgroups.of(owner), domain, break_low, spare)
            if above:
                mine = mine[cumsum(weights[mine]) <= min(spare[group] for group in above)]
            for group in above:
                spare[group] -= int(weights[mine].sum())
            kept.append(mine)
        return units.pick(np.concatenate(kept))

    def _floors(self, group: Group, domain: Group, break_low: bool, spare: dict[Group, int]) -> list[Group]:
        """The groups from `group` up to below `domain` that have a floor; `spare` gets the pages above each."""
        found = []
        for each in group.upward():
            if each is domain:
                break
            floor = max(each.limits["min"] or 0, 0 if break_low else each.limits["low"] or 0)
            if floor:
                found.append(each)
                spare.setdefault(each, max(0, each.usage - floor))
        return found
