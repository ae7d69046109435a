"""Reclaim: taking frames from pages that were not used lately.

A walk over the page tables finds every page that is charged to the group in question (or to any), and sorts them by
age: that is one *generation*. Pages go from its oldest end, batch by batch; one that was used since the walk is left
for the next one (mm/vmscan.c; Documentation/admin-guide/mm/multigen_lru.rst). Clean file pages are dropped, dirty ones
written back first; anonymous and shared pages go to swap, if there is room.

Totals, faults and contents follow Linux; which page goes, and how many at once, is the model's own choice, and
`Machine(evict_policy=mine)` replaces it (evict.py has some).

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
from ..many.page_out import Eviction
from ..many.rmap import Survey
from ..stores import frames as fr
from ..stores.chunks import CHUNK, Words, distinct
from ..stores.words import cumsum
from . import replacement as evict

MOST_AT_ONCE = 1 << 15
"""Pages in a batch, at most (128 MiB); it is a 64th of RAM, or of the group's limit, where that is less."""


class Generation:
    """The pages that one walk found, by kind, oldest first; how far each kind is consumed."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.made = survey.machine.frames.now
        file, order = survey.kinds == fr.FILE, np.argsort(survey.ages, kind="stable")
        cached = survey.words & fr.CACHED != 0
        self.units = {"file": order[file[order]], "anon": order[~file[order]], "cached": order[cached[order]]}
        self.at = dict.fromkeys(self.units, 0)

    def left(self, kind: str) -> bool:
        """Are there more of `kind`?"""
        return self.at[kind] < len(self.units[kind])

    def take(self, kind: str, pages: int) -> Words:
        """The next units of `kind`, as many as hold `pages` pages."""
        units: Words = self.units[kind]
        at = self.at[kind]
        weight = self.survey.weights[units[at : at + pages]]
        n = int(np.searchsorted(cumsum(weight), pages)) + 1
        self.at[kind] = min(at + n, len(units))
        return units[at : at + n]


class Reclaim:
    """What a machine does to free frames."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.generations: dict[Group, Generation] = {}
        self.eviction = Eviction(machine)

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
        if self._kind(domain) == "cached" and (freed := self.eviction.drop_unmapped(domain)):
            return freed
        if not self._anything(domain):
            return 0
        want = self.batch(domain)
        for walk in (False, True):
            if walk or domain not in self.generations:
                self.generations[domain] = Generation(Survey(self.machine, domain, chunks=want >= CHUNK))
            generation = self.generations[domain]
            if not walk and self._files_came(generation, domain, want):
                continue
            while (units := self._next(generation, want, self._kind(domain))) is not None:
                survey = generation.survey
                if freed := self.eviction.evict(survey, self._allowed(survey, units, domain, break_low)):
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
        return self.machine.swappiness == 0 or since > len(generation.survey.frames) // 4

    def _anything(self, domain: Group) -> bool:
        """Is a walk worth while?"""
        swap = self.machine.swap
        return bool(domain.charged[fr.FILE] or swap.in_cache or (swap.total and self._kind(domain) == "anon"))

    def _next(self, generation: Generation, want: int, kind: str) -> Words | None:
        """The oldest units, of file pages and of anonymous ones (`kind`) as swappiness says; None if all are taken."""
        anon, file = generation.left(kind), generation.left("file")
        if not (anon or file):
            return None
        share = round(want * self.machine.swappiness / 200) if anon and file else want * anon
        parts = [generation.take(kind, share)] if share else []
        parts += [generation.take("file", want - share)] if want > share else []
        return np.concatenate(parts)

    def _by_policy(self, domain: Group, need: int, break_low: bool) -> int:
        """Let the policy choose among all pages, each time anew."""
        survey = Survey(self.machine, domain, chunks=False)
        if self._kind(domain) == "cached":
            survey.keep((survey.kinds == fr.FILE) | (survey.words & fr.CACHED != 0))
        while len(survey.frames):
            chosen = evict.choose(self.machine, survey, need)
            if not len(chosen):
                return 0
            allowed = self._allowed(survey, chosen, domain, break_low)
            if freed := self.eviction.evict(survey, allowed):
                return freed
            rest = np.ones(len(survey.frames), np.bool_)
            rest[chosen] = False
            survey.keep(rest)
        return 0

    # Protection -------------------------------------------------------------------------------------------------

    def _low_groups(self, domain: Group) -> list[Group]:
        """The groups below `domain` that memory.low protects now."""
        groups = self.machine.cgroups.values()
        return [g for g in groups if g.limits["low"] and g is not domain and domain.holds(g) and g.usage]

    def _allowed(self, survey: Survey, units: Words, domain: Group, break_low: bool) -> Words:
        """Those of `units` that the protection of their groups leaves."""
        if len(self.machine.cgroups) == 1:
            return units
        owners = survey.owners[units]
        kept, spare = [units[:0]], dict[Group, int]()
        for owner in distinct(np.sort(owners)).tolist():
            mine = units[owners == owner]
            above = self._floors(self.machine.cgroups.of(owner), domain, break_low, spare)
            if above:
                mine = mine[cumsum(survey.weights[mine]) <= min(spare[group] for group in above)]
            for group in above:
                spare[group] -= int(survey.weights[mine].sum())
            kept.append(mine)
        return np.concatenate(kept)

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
