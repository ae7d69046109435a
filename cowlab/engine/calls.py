"""The system calls on a mapping's pages: what is shared by `Mapping` and `Process`, with checks already done."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from .areas import Area
from .errors import SegmentationFault
from .many import access as access_rules
from .many.selection import Range, Selection
from .many.sweep import sweep
from .rules.page import Faults, Tally
from .stores.chunks import Words

if TYPE_CHECKING:
    from .mapping import Mapping
    from .process import Process

P = ParamSpec("P")
R = TypeVar("R")


def system_call(call: Callable[P, R]) -> Callable[P, R]:
    """Mark a method as a system call: the process must be alive; afterwards the machine checks itself and tells."""

    @functools.wraps(call)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        process: Process = args[0].process  # type: ignore[attr-defined]
        process.require_alive()
        try:
            return call(*args, **kwargs)
        finally:
            process.machine.changed()

    return wrapper


def access(mapping: Mapping, targets: Words | list[tuple[Area, Range]], write: bool, value: int | None) -> Faults:
    """Read or write checked pages; the faults. What was touched before the caller was killed is counted."""
    tally = Tally()
    pairs: Iterable[tuple[Area, Selection]]
    if isinstance(targets, np.ndarray):
        pairs = access_rules.by_area(mapping, targets) if len(targets) else ()
        span = (int(targets.min()), int(targets.max()) + 1) if len(targets) else (0, 0)
    else:
        pairs = targets
        span = (targets[0][1].start, targets[-1][1].stop) if targets else (0, 0)
    machine = mapping.process.machine
    kills = machine.shortage.killer.kills
    try:
        for area, selection in pairs:
            access_rules.touch(mapping, area, selection, write, value, tally)
    finally:
        if machine.shortage.killer.kills != kills:
            machine.swap.tidy()
        count(mapping, tally, span)
    return tally.faults()


def count(mapping: Mapping, tally: Tally, span: tuple[int, int]) -> None:
    """Add what a call did to the counters of its process and its machine, and to the log."""
    if not (tally.minor or tally.major):
        return  # without a fault nothing was done but loads and stores
    process, machine = mapping.process, mapping.process.machine
    process.minor_faults += tally.minor
    process.major_faults += tally.major
    process.copies += tally.copy
    process.reuses += tally.reuse
    machine.count_faults(process, tally)
    for kind, n in tally.effects():
        if n:
            machine.record(kind, process.name, mapping.name, span, n)


def munmap(mapping: Mapping, start: int, stop: int) -> None:
    """Unmap pages [start, stop) as far as they are mapped (mm/vma.c, do_vmi_munmap)."""
    stop = min(stop, mapping.pages)
    before = mapping.areas.pages
    if start >= stop or not mapping.areas.any_in(start, stop):
        return
    promised = mapping.areas.promised
    unmap_pages(mapping, start, stop)
    mapping.areas.remove(start, stop)
    mapping.space.drop_tables(mapping, start, stop)
    mapping.process.machine.account.committed -= promised - mapping.areas.promised
    if not len(mapping.areas):
        forget(mapping)
    _record(mapping, "munmap", start, stop, before - mapping.areas.pages)


def forget(mapping: Mapping) -> None:
    """The mapping is gone: shared memory goes with its last mapping, a file stays in the cache."""
    del mapping.lineage[mapping]
    backing = mapping.backing
    if backing and not backing.mappings and backing.name is None:
        backing.release()
        mapping.process.machine.account.committed -= backing.promised


def unmap_pages(mapping: Mapping, start: int, stop: int) -> None:
    """Clear the entries of [start, stop), by the rule `on_unmap`."""
    cleared = [
        sweep(mapping.rules.on_unmap, mapping, area, max(area.start, start), min(area.stop, stop))
        for area in mapping.areas.within(start, stop)
    ]
    if all(cleared):
        mapping.table.clear(start, min(stop, mapping.pages))


Stretches = list[tuple[int, int]]


def dontneed(mapping: Mapping, stretches: Stretches) -> None:
    """MADV_DONTNEED of each [start, stop): every area drops its pages (mm/madvise.c, madvise_dontneed_single_vma)."""
    holes = []
    for start, stop in stretches:
        dropped = 0
        for area in mapping.areas.within(start, stop):
            first, last = max(area.start, start), min(area.stop, stop)
            unmap_pages(mapping, first, last)
            mapping.space.drop_covered_leaves(mapping, first, last)
            dropped += last - first
        if dropped:
            _record(mapping, "dontneed", start, min(stop, mapping.pages), dropped)
        if dropped < stop - start:
            holes.append((start, stop))
    if holes:
        raise SegmentationFault(errno.ENOMEM, _hole(mapping, *holes[0], "every mapped page was dropped"))


def protect(mapping: Mapping, prot: str, stretches: Stretches) -> None:
    """mprotect of each [start, stop), up to the first hole (mm/mprotect.c, mprotect_fixup)."""
    reached = []
    for start, stop in stretches:
        reached.append((start, mapping.areas.first_hole(start, stop)))
        if reached[-1][1] < stop:
            break
    _promise_writes(mapping, prot, reached)
    for (start, stop), (_, end) in zip(stretches, reached, strict=False):
        _protect_up_to(mapping, prot, start, end)
        if end < stop:
            raise SegmentationFault(errno.ENOMEM, _hole(mapping, start, stop, "the pages before it were changed"))


def _protect_up_to(mapping: Mapping, prot: str, start: int, end: int) -> None:
    """Change pages [start, end), all of them mapped, area by area."""
    position, changed = start, 0
    while position < end:
        area = mapping.areas.at(position)
        assert area
        last = min(area.stop, end)
        if area.prot != prot:
            mapping.areas.split(position)
            mapping.areas.split(last)
            area = mapping.areas.at(position)
            assert area
            _change(mapping, area, prot)
            changed += last - position
        position = last
    if changed:
        _record(mapping, "protect", start, end, changed)


def _promise_writes(mapping: Mapping, prot: str, stretches: Stretches) -> None:
    """Ask for all that becomes writable before anything changes."""
    if prot != "rw" or not mapping.process.may_promise(mapping.kind):
        return
    asked = [
        min(area.stop, stop) - max(area.start, start)
        for start, stop in stretches
        for area in mapping.areas.within(start, stop)
        if area.prot != prot and not area.promised
    ]
    mapping.process.promise(asked, f"protect of {mapping.name!r}", mapping.name)


def _change(mapping: Mapping, area: Area, prot: str) -> None:
    """Give a whole area another protection; its promise, its entries and its neighbours follow."""
    area.prot = prot
    if prot == "rw":
        area.promised = area.promised or mapping.process.may_promise(mapping.kind)
    elif area.promised and area.family is None and mapping.backing is None:
        area.promised = False  # never written: the promise is given back
        mapping.process.machine.account.committed -= len(area)
    sweep(mapping.rules.on_protect, mapping, area, area.start, area.stop)
    mapping.areas.join(area)


def _hole(mapping: Mapping, start: int, stop: int, effect: str) -> str:
    hole = mapping.areas.first_hole(start, stop)
    return (
        f"pages [{start}, {stop}) of {mapping.name!r} in {mapping.process.name!r} have a hole at page {hole}; "
        f"{effect}. Name only pages that are mapped"
    )


def _record(mapping: Mapping, kind: str, start: int, stop: int, n: int) -> None:
    mapping.process.machine.record(kind, mapping.process.name, mapping.name, (start, stop), n)
