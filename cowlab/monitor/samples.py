"""What a rule sees: a machine at one time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..units import PAGE_SIZE

RATES: dict[str, tuple[tuple[str, ...], float]] = {
    "page_in": (("pgpgin",), 1024),
    "page_out": (("pgpgout",), 1024),
    "swap_in": (("pswpin",), PAGE_SIZE),
    "swap_out": (("pswpout",), PAGE_SIZE),
    "major_faults": (("pgmajfault",), 1),
    "refaults": (("workingset_refault_anon", "workingset_refault_file"), 1),
    "stalled": (("stalled",), 100 / 1e6),  # microseconds a second, in per cent
}
"""Rates a second by name: the counters that are added up, and what one of their units counts."""

COUNTERS = tuple(counter for counters, _ in RATES.values() for counter in counters)

GAUGES = ("used", "committed", "available", "rss")  # bytes

AVERAGES = ("some_avg10", "full_avg10")  # per cent


class GroupSample(NamedTuple):
    """A watched group at one time. A group that was removed has 0 bytes and no limit."""

    current: int  # bytes charged
    max: int | None  # bytes that it may have; None: no limit
    some_avg10: float  # per cent of the last 10 s in which a process of it waited for memory


class Sample(NamedTuple):
    """A machine at one time. Sizes are bytes, rates are a second, since the sample before."""

    time: float  # seconds of the machine's clock
    total: int  # MemTotal
    used: int  # MemTotal - MemFree
    committed: int  # Committed_AS: what is promised
    available: int  # MemAvailable: what new work could have without swapping
    rss: int  # summed over all living processes; shared pages count once for each
    pss: int | None  # the same, shared pages divided by their mappers; None unless asked for
    page_in: float  # bytes a second read from disk and swap
    page_out: float  # bytes a second written to disk and swap
    swap_in: float  # bytes a second read from swap
    swap_out: float  # bytes a second written to swap
    major_faults: float  # a second
    refaults: float  # pages a second read back that had been evicted
    stalled: float  # per cent of the time since the sample before in which a process waited for memory
    some_avg10: float  # per cent: pressure of the last 10 s, as /proc/pressure/memory has it
    full_avg10: float  # per cent: the same, for times in which all processes waited
    processes: Mapping[str, int]  # RSS of the watched processes; 0 where none of the name is alive
    groups: Mapping[str, GroupSample]  # the watched groups by path
