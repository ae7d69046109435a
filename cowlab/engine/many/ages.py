"""Ages: when each frame was last used, counted in touches of the whole machine.

Linux learns it from the accessed bits of page-table entries, in a walk now and then, and sorts pages into
generations (mm/vmscan.c, walk_mm). The model keeps the order of last use exactly; reclaim.py walks from the oldest.
"""

from __future__ import annotations

from ..kinds import Mapping
from ..stores.chunks import SHIFT, some
from ..stores.page_table import FRAME_SHIFT, has_frame
from ..stores.words import flatnonzero
from .selection import Range, Run, Selection


def mark(mapping: Mapping, selection: Selection, runs: list[Run] | None = None) -> None:
    """The pages of `selection` (these `runs`, if known) were touched, one after the other, and are mapped now."""
    frames = mapping.frames
    base = frames.now + 1
    frames.now += len(selection)
    if isinstance(selection, Range):
        for run in runs or selection.runs(mapping):
            _mark_run(run, base - selection.start)
        return
    entries = mapping.table.get(selection.order)
    mapped = has_frame(entries)
    frames.ages.set(entries[mapped] >> FRAME_SHIFT, base + flatnonzero(mapped))  # of a page twice, the last counts


def _mark_run(run: Run, base: int) -> None:
    entries = run.words_of(run.table)
    mapped = has_frame(entries)
    if not some(mapped):
        return
    part = run.pick(mapped)
    frames = part.frames_in(entries if part is run else entries[mapped])
    if part.whole:
        run.frames.ages.fill(frames, (part.numbers() << SHIFT) + base, 1)
    else:
        run.frames.ages.set(frames, part.numbers() + base)  # type: ignore[arg-type]
