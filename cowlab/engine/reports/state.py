"""The state of a machine as a value, equal for machines that would act alike.

Frames are renamed by the order in which page tables first name them, so that it does not matter which frames a
machine took, nor how its tables are stored; swap slots likewise. When pages were last used is not part of it.
Everything is kept in runs: stretches of pages with equal flags on frames that follow each other, as long as can be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...units import PAGE_SIZE
from ..areas import Family
from ..stores.chunks import CHUNK, SHIFT, Table, Words
from ..stores.frames import Frames
from ..stores.page_cache import Backing
from ..stores.page_table import FLAGS, FRAME_SHIFT, NEXT_FRAME, Mask, has_frame, is_swapped
from ..stores.words import arange, cumsum, flatnonzero, repeat

if TYPE_CHECKING:
    from ..machine import Machine
    from ..mapping import Mapping
    from ..process import Process
    from ..rules.cgroup import Group


def state(machine: Machine) -> dict[str, Any]:
    """All that can be told apart by using `machine`; see Machine.state."""
    account = machine.account
    backings = machine.backings()
    tables: list[tuple[Table, int]] = [(m.table, m.pages) for p in machine.processes for m in p.mappings.values()]
    tables += [(backing.table, backing.pages) for backing in backings]
    entries, contents = _name_frames(machine, tables)
    families: dict[Family, int] = {}
    return {
        "clock": machine.clock,
        "ram": machine.frames.total,
        "copy_on_write": machine.copy_on_write,
        "page_tables": machine.page_tables,
        "account": (account.mode, account.limit, account.swap, account.committed),
        "frames": (machine.frames.used, machine.frames.tables),
        "vmstat": machine.vmstat(),
        "processes": [_process(p, families, backings, entries) for p in machine.processes],
        "backings": [_backing(backing, entries) for backing in backings],
        "contents": contents,
        "groups": {path: _group(group) for path, group in machine.cgroups.items()},
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "limits": dict(group.limits),
        "oom_group": group.oom_group,
        "charged": list(group.charged),
        "swapped": group.swapped,
        "peak": group.peak,
        "events": (group.events(), group.events_local()),
        "processes": [process.name for process in group.processes],
    }


def _process(
    process: Process, families: dict[Family, int], backings: list[Backing], entries: dict[Table, Any]
) -> dict[str, Any]:
    return {
        "name": process.name,
        "parent": process.parent.name if process.parent else None,
        "oom_score_adj": process.oom_score_adj,
        "counters": (process.minor_faults, process.major_faults, process.copies, process.reuses),
        "page_tables": process.page_tables // PAGE_SIZE,
        "mappings": [_mapping(m, families, backings, entries) for m in process.mappings.values()],
    }


def _mapping(
    mapping: Mapping, families: dict[Family, int], backings: list[Backing], entries: dict[Table, Any]
) -> dict[str, Any]:
    areas = [
        (area.start, area.stop, area.prot, area.promised, _family(area.family, families)) for area in mapping.areas
    ]
    return {
        "name": mapping.name,
        "kind": mapping.kind,
        "gib": mapping.table.gib,
        "pages": mapping.pages,
        "areas": areas,
        "backing": backings.index(mapping.backing) if mapping.backing and areas else None,
        "leaves": flatnonzero(mapping.table.leaves).tolist(),
        "entries": entries[mapping.table],
    }


def _family(family: Family | None, families: dict[Family, int]) -> tuple[int, bool] | None:
    if family is None:
        return None
    return families.setdefault(family, len(families)), family.inherited


def _backing(backing: Backing, entries: dict[Table, Any]) -> dict[str, Any]:
    return {
        "name": backing.name,
        "cached": backing.cached,
        "pages": backing.pages,
        "mappings": len(backing.mappings),
        "entries": entries[backing.table],
    }


def _runs(table: Table, words: int, steps: bool) -> Words:
    """Rows (start, length, first word) of the longest runs of `table`'s first `words` words.

    With `steps`, words that map a frame run on if their frames follow each other; else only equal words do.
    """
    chunks = arange(-(-words // CHUNK))
    dense = table.row[chunks] != 0
    if not steps:
        dense |= table.step[chunks] != 0
    whole = chunks[~dense]
    single = ((chunks[dense] << SHIFT)[:, None] + arange(CHUNK)).reshape(-1)
    single = single[single < words]
    starts = np.concatenate([whole << SHIFT, single])
    lengths = np.concatenate([np.minimum(CHUNK, words - (whole << SHIFT)), np.ones_like(single)])
    first = np.concatenate([table.first[whole], table.get(single)])
    order = np.argsort(starts)
    numbered = has_frame(first[order]) | is_swapped(first[order])
    step = NEXT_FRAME * numbered if steps else np.zeros(len(order), np.int64)
    return _merge(np.stack([starts, lengths, first], axis=1)[order], step)


def _merge(rows: Words, step: Words) -> Words:
    """Join rows (start, length, first, ...) of which the next goes on where the one before ends."""
    if not len(rows):
        return rows
    goes_on = (rows[1:, 0] == rows[:-1, 0] + rows[:-1, 1]) & (rows[1:, 2] == rows[:-1, 2] + step[:-1] * rows[:-1, 1])
    goes_on &= (rows[1:, 3:] == rows[:-1, 3:]).all(axis=1)
    begins = np.concatenate([[True], ~goes_on]).nonzero()[0]  # numpy's own type of index, which reduceat insists on
    merged = rows[begins]
    merged[:, 1] = np.add.reduceat(rows[:, 1], begins)
    return merged


@dataclass(frozen=True)
class _Store:
    """Where entries' numbers point: frames, or swap slots. Their names begin at `base`."""

    base: int
    entries: Callable[[Words], Mask]  # which entries point there
    store: Frames
    links: Table | None  # of slots: which frame holds the page too


def _stores(machine: Machine) -> tuple[_Store, _Store]:
    swap = machine.swap
    return _Store(0, has_frame, machine.frames, None), _Store(1 << 48, is_swapped, swap.slots, swap.cache)


def _name_frames(machine: Machine, tables: list[tuple[Table, int]]) -> tuple[dict[Table, Any], Any]:
    """For each table its runs (page, length, name of the first frame or slot, or -1, flags); and what frames and slots
    hold, by name, in runs (name, length, value, word)."""
    runs = [_runs(table, pages, steps=True) for table, pages in tables]
    rows = np.concatenate([np.zeros((0, 3), np.int64), *runs])
    owner = repeat(arange(len(runs)), [len(part) for part in runs])
    plain = rows[:, 2] != 0
    named, owners, contents = [], [], []
    for store in _stores(machine):
        mine = store.entries(rows[:, 2])
        plain &= ~mine
        pages, of, pieces = _cut(rows[mine], owner[mine], _cuts(store, rows[mine]))
        names, held = _names(store, pieces[:, 0], pieces[:, 1])
        named.append(np.stack([pages, pieces[:, 1], names, pieces[:, 2]], axis=1))
        owners.append(of)
        contents.append(held)
    others = rows[plain]
    named.append(np.stack([others[:, 0], others[:, 1], np.full(len(others), -1, np.int64), others[:, 2]], axis=1))
    owners.append(owner[plain])
    everything, owner = np.concatenate(named), np.concatenate(owners)
    result = {}
    for i, (table, _) in enumerate(tables):
        mine = everything[owner == i]
        mine = mine[np.argsort(mine[:, 0])]
        result[table] = [tuple(row) for row in _merge(mine, (mine[:, 2] >= 0).astype(np.int64)).tolist()]
    return result, contents


def _cuts(store: _Store, rows: Words) -> Words:
    """Numbers at which runs of entries, of words or of contents begin or end."""
    first = rows[:, 2] >> FRAME_SHIFT
    parts = [first, first + rows[:, 1]]
    for table in (store.store.words, store.store.values, *([store.links] if store.links else [])):
        parts.append(_runs(table, len(table) * CHUNK, steps=False)[:, 0])
    return np.unique(np.concatenate(parts))


def _cut(rows: Words, owner: Words, cuts: Words) -> tuple[Words, Words, Words]:
    """Cut runs of entries at `cuts`: first pages, owners, and (first frame, length, flags) of the pieces."""
    first = rows[:, 2] >> FRAME_SHIFT
    low, high = np.searchsorted(cuts, first), np.searchsorted(cuts, first + rows[:, 1])
    counts = high - low
    run = repeat(arange(len(rows)), counts)
    position = arange(len(run)) - repeat(cumsum(counts) - counts, counts) + low[run]
    frame = cuts[position]
    length = cuts[np.minimum(position + 1, len(cuts) - 1)] - frame
    flags = rows[run, 2] & FLAGS
    return rows[run, 0] + frame - first[run], owner[run], np.stack([frame, length, flags], axis=1)


def _names(store: _Store, frame: Words, length: Words) -> tuple[Words, Any]:
    """New names for pieces of frames, in the order in which they are first met, and what the frames hold."""
    distinct, met, index = np.unique(frame, return_index=True, return_inverse=True)
    order = np.argsort(met)
    sizes = length[met]
    names = np.zeros(len(distinct), np.int64)
    names[order] = cumsum(sizes[order]) - sizes[order] + store.base
    values, words = store.store.values.get(distinct), store.store.words.get(distinct)
    cached = (store.links.get(distinct) != 0).astype(np.int64) if store.links else np.zeros_like(names)
    rows = np.stack([names, sizes, values, words, cached], axis=1)[order]
    contents = [tuple(row) for row in _merge(rows, np.zeros(len(rows), np.int64)).tolist()]
    return names[index], contents
