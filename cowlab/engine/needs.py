"""How far frames suffice for an access: what each page of it will take, counted before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import swapping
from .chunks import SHIFT, Words, expand
from .page_table import GIB_SHIFT
from .ranges import plan
from .runs import Range, Selection
from .words import cumsum

if TYPE_CHECKING:
    from .mapping import Mapping


def need(mapping: Mapping, selection: Selection, write: bool) -> int:
    """Frames, for data and page tables, that an access would take."""
    data = 0
    if write or mapping.backing is not None:
        data = sum(plan(run, write).need for run in selection.runs(mapping))
    if mapping.swapped:
        data += swapping.need(mapping, selection, write)
    return data + mapping.space.table_frames(mapping.table.missing_tables(selection.chunks))


def fitting(mapping: Mapping, selection: Range, write: bool, room: int) -> int:
    """How many pages of `selection`, from its first on, `room` frames suffice for."""
    at, frames, weights = _needs_of_tables(mapping, selection)
    for run in selection.runs(mapping):
        each = plan(run, write)
        needs = each.needs()
        if mapping.swapped:
            needs += swapping.needs(run, each.entries, write)
        at.append(run.numbers() << SHIFT if run.whole else run.numbers())
        frames.append(needs)
        weights.append(np.full(len(run), run.weight, np.int64))
    position, need, weight = (np.concatenate(parts) for parts in (at, frames, weights))
    order = np.argsort(position, kind="stable")
    total = cumsum((need * weight)[order])
    first = int(np.searchsorted(total, room, side="right"))  # the first that does not fit as a whole
    if first == len(order):
        return len(selection)
    i = order[first]
    left = room - (int(total[first - 1]) if first else 0)
    return int(position[i]) - selection.start + left // int(need[i])


def _needs_of_tables(mapping: Mapping, selection: Range) -> tuple[list[Words], list[Words], list[Words]]:
    """Where the access would add page tables: pages, and how many frames each place takes."""
    table, chunks = mapping.table, selection.chunks
    if not mapping.space.table_frames(table.missing_tables(chunks)):
        return [], [], []
    numbers = expand(chunks)
    missing = numbers[~table.leaves[chunks]]
    at = [np.maximum(missing << SHIFT, selection.start)]
    middles, uppers = table.missing_upper_levels(chunks)
    at.append(np.maximum(middles << GIB_SHIFT, selection.start))
    starts = [max((upper << SHIFT) - table.gib, 0) << GIB_SHIFT for upper in uppers]
    at.append(np.maximum(np.array(starts, np.int64), selection.start))
    return at, [np.ones(len(part), np.int64) for part in at], [np.ones(len(part), np.int64) for part in at]
