"""A page rule over all pages of a range, in batches where that is exact: fork, unmap, protect."""

from __future__ import annotations

from collections.abc import Callable

from ..areas import Area
from ..kinds import Mapping
from ..rules.page import Page, Tally
from .batchable import batched
from .batches import Batch, OneByOne, Rule
from .effects import Work, whole_or_pages
from .selection import Range


def copy_at_once(page: Page, child: Page) -> None:
    """Fork without copy on write: an anonymous frame is copied, and stays writable on both sides. What is in a slot is
    shared all the same: whoever writes first copies."""
    if page.anonymous:
        child.map(child.copy_of(page.frame), page.writable, page.dirty)
        return
    if page.swapped:
        page.clear_exclusive()
    child.adopt(page.entry)


def sweep(rule: Callable[..., None], mapping: Mapping, area: Area, start: int, stop: int) -> bool:
    """Let `rule` handle each page of [start, stop) in `area`. Do the entries of all end up as 0?"""
    batches = _batches(rule, mapping, area, start, stop)
    if batches is None:
        for number in range(start, stop):
            rule(Page(mapping, area, number, Tally()))
        return False
    for batch in batches:
        Work(batch, area).do()
    return all(batch.effect.entry == 0 for batch in batches)


def fork(rule: Callable[..., None], mapping: Mapping, area: Area, child: Mapping) -> None:
    """Let `rule` copy each page of `area` that is there to `child`."""
    batches = _batches(rule, mapping, area, area.start, area.stop, child)
    if batches is not None:
        for batch in batches:
            for part in whole_or_pages(batch):
                Work(part, area).do(child=child)
        return
    for number in range(area.start, area.stop):
        page = Page(mapping, area, number, Tally())
        if page.present or page.swapped:
            rule(page, Page(child, area, number, Tally()))


def fork_needs(rule: Callable[..., None], mapping: Mapping) -> int:
    """Frames that copying all pages of `mapping` at fork takes."""
    parts = [_batches(rule, mapping, area, area.start, area.stop, mapping) for area in mapping.areas if area.family]
    return sum(batch.effect.taken * batch.pages for batches in parts for batch in batches or ())


def _batches(
    rule: Callable[..., None], mapping: Mapping, area: Area, start: int, stop: int, child: Mapping | None = None
) -> list[Batch] | None:
    """The batches of these pages; None if they have to go page by page."""
    verdict = batched(rule)
    if verdict is None:
        return None
    work = Rule(rule, verdict, mapping, area, child)
    try:
        batches = [batch for run in Range(start, stop).runs(mapping) for batch in work.batches(run)]
    except OneByOne:
        return None
    if rule is not copy_at_once and any(batch.effect.taken for batch in batches):
        return None  # only of a fork without copy on write was asked before whether frames suffice
    return batches
