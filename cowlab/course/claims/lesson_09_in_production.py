"""What the lesson "In production" claims, in figures. Those of real incidents come from their sources."""

from __future__ import annotations

from collections.abc import Callable

from ...engine import Machine
from ...units import format_size
from ..questions.in_production import (
    VALUES_A_PAGE,
    after_loops,
    copied_by_writes,
    gigabytes,
    given_back,
    notebook_with_children,
    pages_of,
    snapshot,
)
from .definition import Claim

MEASURED = "measured for this course: CPython 3.11, Linux 6.18, November 2026"
PROBED = "measured for this course with a program in C: Linux 6.18, November 2026"
REDIS = 'Redis documentation, "Diagnosing latency issues", 2022'
IPYKERNEL = 'ipython/ipykernel #935, "Changing memory calculation methodology from RSS to PSS", 2022'
FRAPPE = 'frappe/frappe #21474, "perf: Freeze GC before forking Gunicorn workers", 2023'
THP = 'Kirill A. Shutemov, "thp: change CoW semantics for anon-THP", commit 3917c80280c9 of Linux, 2020'

RECORDED = {"texts": 18_924, "array": 100, "collect": 20_204, "frozen": 200, "large pages": 156}
"""KiB that became a child's own as the lesson's scripts ran, for machines that cannot run them: see MEASURED."""

RATIOS = {"fork": 0.12, "touch": 292}
"""Large pages by small ones: the time of a fork, and the memory that one byte takes which is written every 2 MiB."""

LARGE_PAGES, WRITES = 64 << 20, 32
"""Bytes that were mapped with pages of 2 MiB, and writes of one byte each, one a large page."""


def _copied(percent: int) -> float:
    """The part of a store that is copied as so many per cent of its values are overwritten at random."""
    heap, _ = snapshot("256 MiB")
    return heap.write(pages=pages_of(heap.pages * VALUES_A_PAGE, percent)).copied / heap.pages


def _fork(size: int = 24 * 10**9) -> tuple[float, float]:
    """MB of page tables, and milliseconds for each GB, of a fork."""
    machine = Machine(ram="64 GiB")
    store = machine.spawn("store")
    store.mmap(size // 4096 * 4096, name="values").write()
    before = machine.clock
    child = store.fork()
    return child.page_tables / 1e6, (machine.clock - before) / (size / 1e9) * 1000


def _sum(measure: str) -> str:
    return gigabytes(sum(getattr(process, measure) for process in notebook_with_children().processes))


def _says(figure: float | str) -> Callable[[], float | str]:
    """A figure that a source says."""
    return lambda: figure


CLAIMS = [
    Claim(
        "spread_10", "Where a tenth of the values is written at random, {} is copied.", lambda: _copied(10), "{:.0%}"
    ),
    Claim("spread_5", "Of a twentieth, {} is copied.", lambda: _copied(5), "{:.0%}"),
    Claim(
        "looped",
        "Eight workers that loop over 100 MiB have {}.",
        lambda: format_size(after_loops("100 MiB", 8).in_use),
    ),
    Claim("fork_tables", "Page tables of 24 GB take {}.", lambda: _fork()[0], "{:.0f} MB"),
    Claim("fork_time", "A fork takes {} for each GB.", lambda: _fork()[1], "{:.1f} ms", MEASURED),
    Claim("redis_tables", "The page tables of 24 GB take {}.", _says("48 MB"), source=REDIS),
    Claim(
        "redis_fork",
        "A fork takes {} for each GB, on two physical machines and a virtual one (VMware).",
        _says("9.0 to 13.1 ms"),
        source=REDIS,
    ),
    Claim(
        "redis_fork_xen",
        "On virtual machines with Xen it took up to {} for each GB.",
        _says("424 ms"),
        source=REDIS,
    ),
    Claim(
        "stream_anywhere",
        "As many writes as there are pages, anywhere at random, copy {} of them.",
        lambda: copied_by_writes(1),
        "{:.0%}",
        beside=" 1 100% {}",
    ),
    Claim(
        "stream_few",
        "If all of them go to a twentieth of the pages, they copy {}.",
        lambda: copied_by_writes(1, part=0.05),
        "{:.0%}",
        beside=" 63% 63% {}",
    ),
    Claim("frappe_before", "The PSS of 24 workers adds up to {} MB.", _says(1791.518), source=FRAPPE),
    Claim("frappe_after", "With gc.freeze() before the fork it is {} MB.", _says(1236.89), source=FRAPPE),
    Claim("frappe_saved", "That is {} less.", lambda: 1 - 1236.89 / 1791.518, "{:.0%}", FRAPPE),
    Claim(
        "frappe_each",
        "Of each worker, {} are no longer copied.",
        lambda: (1791.518 - 1236.89) / 24,
        "{:.1f} MB",
        FRAPPE,
    ),
    Claim("display_rss", "RSS adds up to {} GB.", _says(11.59), source=IPYKERNEL),
    Claim("display_pss", "PSS adds up to {} GB.", _says(1.08), source=IPYKERNEL),
    Claim("model_rss", "In the model RSS adds up to {}.", lambda: _sum("rss")),
    Claim("model_pss", "In the model PSS adds up to {}.", lambda: _sum("pss")),
    Claim(
        "huge_before",
        f"Up to Linux 5.7, {WRITES} writes to {format_size(LARGE_PAGES)} in large pages, one in each, copied {{}}.",
        lambda: format_size(LARGE_PAGES),
        source=THP,
    ),
    Claim("huge_since", "Since Linux 5.8 they copy {}.", _says("128 KiB"), source=PROBED),
    Claim("recorded_texts", "A loop over texts copied {} KiB.", lambda: RECORDED["texts"], source=MEASURED),
    Claim("recorded_array", "Reading an array copied {} KiB.", lambda: RECORDED["array"], source=MEASURED),
    Claim("recorded_collect", "A collection copied {} KiB.", lambda: RECORDED["collect"], source=MEASURED),
    Claim("recorded_frozen", "After gc.freeze() it copied {} KiB.", lambda: RECORDED["frozen"], source=MEASURED),
    Claim(
        "recorded_large_fork",
        "A fork with large pages took {} of the time that it took with small ones.",
        lambda: RATIOS["fork"],
        "{:.0%}",
        source=MEASURED,
    ),
    Claim(
        "recorded_large_touch",
        "One byte written every 2 MiB took {} times as much memory with large pages.",
        lambda: RATIOS["touch"],
        source=MEASURED,
    ),
    Claim("freed_90", "Of nine tenths freed at random, {} can be given back.", lambda: given_back(90), "{:.1%}"),
]
