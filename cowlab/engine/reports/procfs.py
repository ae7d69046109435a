"""What Linux would report: /proc/PID/smaps and status, /proc/meminfo and vmstat.

Fields have Linux's names and arithmetic (fs/proc/task_mmu.c, smaps_pte_entry; Documentation/filesystems/proc.rst).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...units import PAGE_SIZE
from ..many.selection import Range, Run
from ..stores import frames as fr
from ..stores.chunks import Words
from ..stores.page_table import DIRTY, has_frame, is_swapped
from ..stores.words import arange

if TYPE_CHECKING:
    from ..areas import Area
    from ..machine import Machine
    from ..mapping import Mapping
    from ..process import Process

PAGE_KIB = PAGE_SIZE // 1024
PSS_SHIFT = 12  # Pss is added up in fixed point with 12 bits after the point

FIELDS = (
    "Size",
    "Rss",
    "Pss",
    "Shared_Clean",
    "Shared_Dirty",
    "Private_Clean",
    "Private_Dirty",
    "Anonymous",
)
SWAP_FIELDS = ("Swap", "SwapPss")
"""On a machine with swap; a page that is swapped out counts in these alone."""


def area_smaps(mapping: Mapping, area: Area) -> dict[str, int]:
    """One area: pages by field, and Pss in bytes << 12, not rounded."""
    counts = dict.fromkeys(FIELDS + (SWAP_FIELDS if mapping.swap.total else ()), 0)
    counts["Size"] = len(area)
    if mapping.backing and mapping.backing.name is None and mapping.backing.reclaimed:
        words = mapping.backing.table.get(arange(area.start, area.stop))
        counts["Swap"] = int(np.count_nonzero(is_swapped(words)))  # in the object's slots: nobody's SwapPss
    if not mapping.anon + mapping.other + mapping.swapped:
        return counts
    for run in Range(area.start, area.stop).runs(mapping):
        entries = run.words_of(run.table)
        if mapping.swapped:
            _add_swap(counts, run, entries[is_swapped(entries)])
        mapped = has_frame(entries)
        if mapped.any():
            entries = entries if mapped.all() else entries[mapped]
            words = run.frame_words(run.frames_in(entries))
            _add(counts, entries & DIRTY != 0, words, run.weight)
    return counts


def _add_swap(counts: dict[str, int], run: Run, entries: Words) -> None:
    named = run.mapping.swap.slots.words.at_all(run.frames_in(entries), run.whole) >> fr.COUNT_SHIFT
    counts["Swap"] += len(entries) * run.weight
    counts["SwapPss"] += int(((PAGE_SIZE << PSS_SHIFT) // named).sum()) * run.weight


def _add(counts: dict[str, int], dirty_entry: np.ndarray, words: np.ndarray, weight: int) -> None:
    mappers = words >> fr.COUNT_SHIFT
    dirty = dirty_entry | (words & fr.DIRTY != 0)
    shared = mappers > 1
    n, n_dirty, n_shared = len(words), int(np.count_nonzero(dirty)), int(np.count_nonzero(shared))
    both = int(np.count_nonzero(dirty & shared))
    counts["Rss"] += n * weight
    counts["Pss"] += int(((PAGE_SIZE << PSS_SHIFT) // mappers).sum()) * weight
    counts["Shared_Dirty"] += both * weight
    counts["Shared_Clean"] += (n_shared - both) * weight
    counts["Private_Dirty"] += (n_dirty - both) * weight
    counts["Private_Clean"] += (n - n_shared - n_dirty + both) * weight
    counts["Anonymous"] += int(np.count_nonzero(words & fr.KIND == fr.ANON)) * weight


def smaps(mapping: Mapping) -> dict[str, int]:
    """One mapping's fields in KiB, summed over its areas; each area's Pss is rounded down first."""
    total = dict.fromkeys(FIELDS + (SWAP_FIELDS if mapping.swap.total else ()), 0)
    for area in mapping.areas:
        for field, amount in area_smaps(mapping, area).items():
            total[field] += amount >> (PSS_SHIFT + 10) if field.endswith("Pss") else amount * PAGE_KIB
    return total


def process_smaps(process: Process) -> dict[str, dict[str, int]]:
    """The mappings of which any part is still mapped."""
    return {name: smaps(mapping) for name, mapping in process.mappings.items() if len(mapping.areas)}


def totals(process: Process) -> dict[str, int]:
    """The process as a whole, in bytes: "Rss", "Pss" (rounded once, as in smaps_rollup), "Uss"."""
    pss = uss = 0
    for mapping in process.mappings.values():
        for area in mapping.areas:
            counts = area_smaps(mapping, area)
            pss += counts["Pss"]
            uss += counts["Private_Clean"] + counts["Private_Dirty"]
    return {"Rss": process.rss, "Pss": pss >> PSS_SHIFT, "Uss": uss * PAGE_SIZE}


def status(process: Process) -> dict[str, int]:
    """The memory lines of /proc/PID/status, in KiB."""
    anon = sum(mapping.anon for mapping in process.mappings.values())
    shmem = sum(mapping.other for mapping in process.mappings.values() if mapping.kind == "shared")
    files = sum(mapping.other for mapping in process.mappings.values()) - shmem
    pages = {
        "VmSize": process.vsz // PAGE_SIZE,
        "VmRSS": anon + files + shmem,
        "RssAnon": anon,
        "RssFile": files,
        "RssShmem": shmem,
        "VmSwap": process.swap // PAGE_SIZE,
        "VmPTE": process.page_tables // PAGE_SIZE,
    }
    return {field: n * PAGE_KIB for field, n in pages.items()}


def meminfo(machine: Machine) -> dict[str, int]:
    """/proc/meminfo, in KiB. Cached holds shared memory too, as in Linux."""
    frames, account = machine.frames, machine.account
    tables = frames.tables if machine.page_tables else sum(p.page_tables // PAGE_SIZE for p in machine.processes)
    pages = {
        "MemTotal": frames.total,
        "MemFree": frames.free,
        "MemAvailable": available(machine),
        "Cached": frames.cached[fr.FILE] + frames.cached[fr.SHMEM],
        "SwapTotal": account.swap,
        "SwapFree": machine.swap.free,
        "AnonPages": frames.anon,
        "Shmem": frames.cached[fr.SHMEM],
        "PageTables": tables,
        "CommitLimit": account.limit,
        "Committed_AS": account.committed,
    }
    return {field: n * PAGE_KIB for field, n in pages.items()}


def available(machine: Machine) -> int:
    """Pages that new work could have without swapping (mm/show_mem.c, si_mem_available): free, and files in the cache,
    less what the low watermark keeps."""
    frames, low = machine.frames, machine.shortage.low
    files = frames.cached[fr.FILE]
    return max(0, frames.free - low + files - min(files // 2, low))


def vmstat(machine: Machine) -> dict[str, int]:
    """/proc/vmstat: counts since the machine started; pgpgin and pgpgout are in KiB."""
    out, counts = machine.reclaim.page_out, machine.counters()
    counts["pswpout"] = out.written
    counts["pgpgout"] = (out.written + out.written_back) * PAGE_KIB
    counts["pgsteal"] = out.stolen
    return counts
