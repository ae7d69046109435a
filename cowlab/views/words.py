"""Memory in words: what an operation does, and the textual twin of the lab's picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..units import PAGE_SIZE, format_size, parse_size
from .observation import Group, Memory, Run

Op = Mapping[str, Any]


def operation(op: Op) -> str:
    """One operation of a trace as a sentence without its full stop."""
    verb = {
        "spawn": lambda: f"{op['pid']} starts",
        "exit": lambda: f"{op['pid']} exits",
        "fork": lambda: f"{op['pid']} forks {op['child']}",
        "mmap": lambda: f"{op['pid']} maps {op['region']}, {format_size(op['pages'] * PAGE_SIZE)} ({op['kind']})",
        "protect": lambda: f"{op['pid']} protects {_pages(op)} of {op['region']} as {op['prot'] or 'no access'!r}",
        "munmap": lambda: f"{op['pid']} unmaps {_pages(op)} of {op['region']}",
        "dontneed": lambda: f"{op['pid']} drops {_pages(op)} of {op['region']}",
        "read": lambda: f"{op['pid']} reads {_pages(op)} of {op['region']}",
        "write": lambda: f"{op['pid']} writes {_pages(op)} of {op['region']}",
        "loop": lambda: f"{op['pid']} goes {op['passes']:,} times through {_pages(op)} of {op['region']}",
        "load": lambda: f"{op['pid']} loads a program of {format_size(parse_size(op['bytes']))}",
        "kill": lambda: f"{op['pid']} is killed",
        "oom_score_adj": lambda: f"{op['pid']} has oom_score_adj {op['adj']} from here on",
        "group": lambda: f"group {op['path']} is made",
        "limit": lambda: f"group {op['path']} gets other limits",
        "remove": lambda: f"group {op['path']} is removed",
        "attach": lambda: f"{op['pid']} moves to group {op['group']}",
        "move": lambda: f"{op['pid']} moves to group {op['group']}",
        "file": lambda: f"file {op['file']} exists",
        "advance": lambda: f"{op['seconds']:g} s pass",
    }
    return verb[op["op"]]()


def _pages(op: Op) -> str:
    if "pages" in op:
        return f"{len(op['pages']):,} scattered pages"
    return page_range(op["start"], op["stop"])


def page_range(start: int, stop: int) -> str:
    """Pages [start, stop) as people write them."""
    if stop - start < 2:
        return f"page {start:,}" if stop > start else "no page"
    return f"pages {start:,} to {stop - 1:,}"


def state_of(mappers: int) -> str:
    """What a page is, by its mappers."""
    return ("not in memory", "private")[mappers] if mappers < 2 else f"shared by {mappers}"


def headline(memory: Memory) -> str:
    """The picture in one sentence."""
    if not memory.groups:
        return "No process is alive, and no memory is in use"
    return (
        f"{count(memory.processes, 'process', 'processes')}: RSS adds up to {format_size(memory.total.rss)}; "
        f"{in_use(memory)} are in use"
    )


def in_use(memory: Memory) -> str:
    """Memory in use: data and page tables."""
    return f"{format_size(memory.data)} of data and {format_size(memory.page_tables)} of page tables"


def group(one: Group) -> str:
    """One line: what a process, or several alike, maps."""
    each = f" ({len(one.names)} processes, alike)" if len(one.names) > 1 else ""
    regions = "; ".join(f"{name}: {_runs(runs)}" for name, runs in one.regions) or "nothing mapped"
    return f"{one.title}{each}: {regions}"


def _runs(runs: tuple[Run, ...]) -> str:
    return ", ".join(f"{page_range(run.start, run.stop)} {state_of(run.mappers)}" for run in runs)


def frames(memory: Memory) -> str:
    """The physical frames, by mappers."""
    kinds = [f"{n:,} {state_of(mappers)}" for mappers, n in sorted(memory.frames.items(), reverse=True)]
    kinds += [f"{memory.table_frames:,} page tables", f"{memory.free_frames:,} free"]
    return f"Physical frames: {', '.join(kinds)}"


def picture(memory: Memory) -> str:
    """All that the picture shows, in lines."""
    return "\n".join([f"{headline(memory)}.", *(f"{group(one)}." for one in memory.groups), f"{frames(memory)}."])


def count(n: int, one: str, many: str) -> str:
    """ "1 process", "2 processes"."""
    return f"{n:,} {one if n == 1 else many}"
