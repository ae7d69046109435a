"""The state of a machine as a value, equal for machines that would act alike.

Frames are renamed by the order in which page tables first name them, so that it does not matter which frames a
machine took, nor how its tables are stored. Everything is kept in runs: stretches of pages with equal flags on frames
that follow each other, as long as can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..units import PAGE_SIZE
from .address_space import Family
from .backing import Backing
from .chunks import CHUNK, SHIFT, Table, Words
from .page_table import FRAME_SHIFT, NEXT_FRAME, has_frame

if TYPE_CHECKING:
    from .machine import Machine
    from .mapping import Mapping
    from .process import Process


def state(machine: Machine) -> dict[str, Any]:
    """All that can be told apart by using `machine`; see Machine.state."""
    account = machine.account
    backings = _backings(machine)
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
    }


def _backings(machine: Machine) -> list[Backing]:
    """Files and shared objects, in the order in which they are met."""
    met = dict.fromkeys(machine.files.values())
    for process in machine.processes:
        met.update({m.backing: None for m in process.mappings.values() if m.backing and len(m.areas)})
    return list(met)


def _process(
    process: Process, families: dict[Family, int], backings: list[Backing], entries: dict[Table, Any]
) -> dict[str, Any]:
    return {
        "name": process.name,
        "parent": process.parent.name if process.parent else None,
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
        "leaves": np.flatnonzero(mapping.table.leaves).tolist(),
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
        "mappings": backing.mappings,
        "entries": entries[backing.table],
    }


def _runs(table: Table, words: int, steps: bool) -> Words:
    """Rows (start, length, first word) of the longest runs of `table`'s first `words` words.

    With `steps`, words that map a frame run on if their frames follow each other; else only equal words do.
    """
    chunks = np.arange(-(-words // CHUNK))
    dense = table.row[chunks] != 0
    if not steps:
        dense |= table.step[chunks] != 0
    whole = chunks[~dense]
    single = ((chunks[dense] << SHIFT)[:, None] + np.arange(CHUNK)).reshape(-1)
    single = single[single < words]
    starts = np.concatenate([whole << SHIFT, single])
    lengths = np.concatenate([np.minimum(CHUNK, words - (whole << SHIFT)), np.ones_like(single)])
    first = np.concatenate([table.first[whole], table.get(single)])
    order = np.argsort(starts)
    step = NEXT_FRAME * has_frame(first[order]) if steps else np.zeros(len(order), np.int64)
    return _merge(np.stack([starts, lengths, first], axis=1)[order], step)


def _merge(rows: Words, step: Words) -> Words:
    """Join rows (start, length, first, ...) of which the next goes on where the one before ends."""
    if not len(rows):
        return rows
    goes_on = (rows[1:, 0] == rows[:-1, 0] + rows[:-1, 1]) & (rows[1:, 2] == rows[:-1, 2] + step[:-1] * rows[:-1, 1])
    goes_on &= (rows[1:, 3:] == rows[:-1, 3:]).all(axis=1)
    begins = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    merged = rows[begins]
    merged[:, 1] = np.add.reduceat(rows[:, 1], begins)
    return merged


def _name_frames(machine: Machine, tables: list[tuple[Table, int]]) -> tuple[dict[Table, Any], Any]:
    """For each table its runs (page, length, name of the first frame or -1, flags); for the frames, by name, their
    runs (name, length, value, word)."""
    runs = [_runs(table, pages, steps=True) for table, pages in tables]
    rows = np.concatenate([np.zeros((0, 3), np.int64), *runs])
    owner = np.repeat(np.arange(len(runs)), [len(part) for part in runs])
    mapped = has_frame(rows[:, 2])
    cuts = _cuts(machine, rows[mapped])
    pages, owners, pieces = _cut(rows[mapped], owner[mapped], cuts)
    names, contents = _names(machine, pieces[:, 0], pieces[:, 1])
    named = np.stack([pages, pieces[:, 1], names, pieces[:, 2]], axis=1)
    others = rows[~mapped & (rows[:, 2] != 0)]
    plain = np.stack([others[:, 0], others[:, 1], np.full(len(others), -1), others[:, 2]], axis=1)
    plain_owner = owner[~mapped & (rows[:, 2] != 0)]
    result = {}
    for i, (table, _) in enumerate(tables):
        mine = np.concatenate([named[owners == i], plain[plain_owner == i]])
        mine = mine[np.argsort(mine[:, 0])]
        result[table] = [tuple(row) for row in _merge(mine, (mine[:, 2] >= 0).astype(np.int64)).tolist()]
    return result, contents


def _cuts(machine: Machine, rows: Words) -> Words:
    """Frames at which runs of entries, of frames' words or of their contents begin or end."""
    first = rows[:, 2] >> FRAME_SHIFT
    frames, parts = machine.frames, [first, first + rows[:, 1]]
    for table in (frames.words, frames.values):
        parts.append(_runs(table, len(table) * CHUNK, steps=False)[:, 0])
    return np.unique(np.concatenate(parts))


def _cut(rows: Words, owner: Words, cuts: Words) -> tuple[Words, Words, Words]:
    """Cut runs of entries at `cuts`: first pages, owners, and (first frame, length, flags) of the pieces."""
    first = rows[:, 2] >> FRAME_SHIFT
    low, high = np.searchsorted(cuts, first), np.searchsorted(cuts, first + rows[:, 1])
    counts = high - low
    run = np.repeat(np.arange(len(rows)), counts)
    position = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts) + low[run]
    frame = cuts[position]
    length = cuts[np.minimum(position + 1, len(cuts) - 1)] - frame
    flags = rows[run, 2] & (NEXT_FRAME - 1)
    return rows[run, 0] + frame - first[run], owner[run], np.stack([frame, length, flags], axis=1)


def _names(machine: Machine, frame: Words, length: Words) -> tuple[Words, Any]:
    """New names for pieces of frames, in the order in which they are first met, and what the frames hold."""
    distinct, met, index = np.unique(frame, return_index=True, return_inverse=True)
    order = np.argsort(met)
    sizes = length[met]
    names = np.zeros(len(distinct), np.int64)
    names[order] = np.cumsum(sizes[order]) - sizes[order]
    table = machine.frames
    rows = np.stack([names, sizes, table.values.get(distinct), table.words.get(distinct)], axis=1)[order]
    contents = [tuple(row) for row in _merge(rows, np.zeros(len(rows), np.int64)).tolist()]
    return names[index], contents
