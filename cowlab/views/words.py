"""Operations, what came of them, and pages, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine import Event, Machine
from ..engine import Mapping as Region
from ..engine.reports import pagemap
from ..units import PAGE_SIZE, count, format_size, parse_size

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
        "loop": lambda: f"{op['pid']} goes {_times(op)} through {_pages(op)} of {op['region']}",
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


EVENTS = {
    "spawn": "{who} starts",
    "fork": "{who} forks: the child maps {n} too",
    "exit": "{who} exits, with {n} in memory",
    "kill": "{who} is killed, with {n} in memory",
    "oom_kill": "the OOM killer kills {who}, with {n} in memory",
    "attach": "{who} moves to another group",
    "mmap": "{who} maps {n} as {what}",
    "munmap": "{who} unmaps {n} of {what}{where}",
    "dontneed": "{who} drops {n} of {what}{where}",
    "protect": "{who} changes the protection of {n} of {what}{where}",
    "zero_map": "{who} reads {n} of {what} that nobody wrote: they are the zero page{where}",
    "zero_fill": "{who} gets {n} of zeros for {what}{where}",
    "copy": "{who} copies {n} of {what}{where}",
    "reuse": "{who} takes over {n} of {what}, which nobody else maps any more{where}",
    "file_map": "{who} maps {n} of {what} from the page cache{where}",
    "swap_in": "{who} brings back {n} of {what} from swap{where}",
    "swap_out": "{who} swaps out {n}, to have memory free",
    "throttle": "{who} waits: its group is above memory.high",
    "refuse": "{who} is refused {n}{for_what}",
    "alert": "alert: {what}",
}
"""What a machine's log says of each kind of event."""


def event(one: Event) -> str:
    """One event of a machine's log as a sentence without its full stop: "child 1 copies 2 pages of heap (...)"."""
    start, stop = one.pages
    where = ""
    if stop > start:
        where = f" ({'among ' if one.count < stop - start else ''}{page_range(start, stop)})"
    return EVENTS[one.kind].format(
        who="the kernel" if one.process == "init" else one.process,  # nobody's call: kswapd, or a limit that was set
        n=count(one.count, "page", "pages"),
        what=one.mapping,
        where=where,
        for_what=f" for {one.mapping}" if one.mapping else "",
    )


def _pages(op: Op) -> str:
    if "pages" in op:
        return count(len(op["pages"]), "scattered page", "scattered pages")
    return page_range(op["start"], op["stop"])


def _times(op: Op) -> str:
    return "once" if op["passes"] == 1 else f"{op['passes']:,} times"


def page_range(start: int, stop: int) -> str:
    """Pages [start, stop) as people write them."""
    if stop - start < 2:
        return f"page {start:,}" if stop > start else "no page"
    return f"pages {start:,} to {stop - 1:,}"


# What an operation did, and what a page is --------------------------------------------------------------------------

EFFECTS = {
    "zero_map": "{} of the zero page mapped",
    "zero_fill": "{} filled with zeros",
    "copy": "{} copied",
    "reuse": "{} reused in place",
    "file_map": "{} of the file mapped",
    "swap_out": "{} swapped out",
    "swap_in": "{} read back from swap",
}


def happened(op: Op, events: Sequence[Event]) -> str:
    """One sentence: what an operation did, by the events that it caused."""
    did = [EFFECTS[event.kind].format(count(event.count, "page", "pages")) for event in events if event.kind in EFFECTS]
    did += [f"{event.process} is killed, for memory is gone" for event in events if event.kind == "oom_kill"]
    if op["op"] in ("read", "write", "loop") and not did:
        did = ["no fault"]
    return f"{operation(op)}: {', '.join(did)}." if did else f"{operation(op)}."


def page(mapping: Region, number: int) -> str:
    """All there is to know of one page, a line for each thing."""
    process = mapping.process
    lines = [f"{process.name}, {mapping.name}, page {number:,}"]
    if mapping.areas.at(number) is None:
        return "\n".join([*lines, "not mapped: a touch is a segmentation fault"])
    seen = pagemap.pages(mapping, number, number + 1)
    lines.append(_behind(mapping, number, seen))
    lines.append(f"holds {mapping.values(number)[0]:,}")
    area = mapping.areas.at(number)
    allowed = {"rw": "may be read and written", "r": "may be read", "": "no access"}[area.prot if area else ""]
    marks = ["entry writable" if seen.writable[0] else "entry read-only", "dirty" if seen.dirty[0] else "clean"]
    return "\n".join([*lines, ", ".join([allowed, *(marks if seen.present[0] or seen.zero[0] else [])])])


def _behind(mapping: Region, number: int, seen: pagemap.Seen) -> str:
    if seen.swapped[0]:
        return "in swap: no frame"
    if seen.zero[0]:
        return "the shared zero page: no frame of its own"
    if not seen.present[0]:
        return "never touched, or dropped: no frame"
    if not seen.kind[0]:
        return f"frame {seen.frame[0]:,}, which is free: this entry dangles"
    others = _mappers(mapping, number, int(seen.frame[0]))
    named = f": {', '.join(others[:4])}{', …' if len(others) > 4 else ''}" if len(others) > 1 else ""
    return f"frame {seen.frame[0]:,}, mapped by {int(seen.mappers[0]):,}{named}"


def _mappers(mapping: Region, number: int, frame: int) -> list[str]:
    """Processes whose mapping of this name has this frame at this page, as fork leaves it."""
    found = []
    for process in mapping.process.machine.processes:
        theirs = process.mappings.get(mapping.name)
        if theirs is not None and number < theirs.pages and pagemap.pages(theirs, number, number + 1).frame[0] == frame:
            found.append(process.name)
    return found


def frame(machine: Machine, number: int) -> str:
    """All there is to know of one frame, a line for each thing. Raises ValueError for a frame that is not there."""
    if not 0 <= number < machine.frames.total:
        raise ValueError(f"frame {number:,} is not there: this machine has frames 0 to {machine.frames.total - 1:,}")
    kind, mappers = pagemap.frame(machine, number)
    if kind == pagemap.NOTHING:
        return f"frame {number:,}\nfree"
    what = {pagemap.ANONYMOUS: "private memory", pagemap.SWAP_CACHE: "kept for a slot of swap, mapped by nobody"}
    lines = [f"frame {number:,}", what.get(kind, "a page of a file or of shared memory")]
    found = [
        f"{process.name}, {mapping.name}, page {page:,}"
        for process in machine.processes
        for mapping in process.mappings.values()
        for page in pagemap.pages_on(mapping, number)
    ]
    listed = [*found[:MOST_NAMED], f"and {len(found) - MOST_NAMED:,} more"] if len(found) > MOST_NAMED else found
    return "\n".join([*lines, f"mapped by {mappers:,}", *listed])


MOST_NAMED = 6
