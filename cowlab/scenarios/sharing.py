"""Copy-on-write: when memory is taken, what a fork shares, and what sharing saves."""

from __future__ import annotations

from typing import Annotated

from ..units import pages_in
from .definition import Range, Size, Switch, Trace, scenario
from .operations import Ops, filled, forks, mmap, numbered, part, read, trace_of, write, writes

LOADED_PERCENT, RELOCATED_PERCENT = 40, 2
"""Of a zygote's size: what it reads from its program's files as it starts (120 MiB of 300), and what of this the
dynamic linker writes to (6 MiB of 300; Chromium, docs/linux/zygote.md, has 6 MB). The clock has the time of it."""


@scenario(small={"size": "8 MiB"})
def first_write(
    size: Annotated[
        str,
        Size(
            ("64 KiB", "128 KiB", "1 MiB", "8 MiB", "64 MiB", "1 GiB", "8 GiB"),
            help="memory that a process maps: it is promised, and nothing more",
        ),
    ] = "128 KiB",
    read_percent: Annotated[int, Range(0, 100, unit="%", help="the part of its pages that it reads first")] = 50,
    written_percent: Annotated[int, Range(0, 100, unit="%", help="the part of its pages that it then writes")] = 25,
) -> Trace:
    """A process maps memory, reads some of it and writes some: only a page's first write takes a frame.

    Shows: a mapping is a promise, the zero page answers reads, and a page that was read first takes two faults.
    """
    pages = pages_in(size)
    ops: Ops = [{"op": "spawn", "pid": "process"}, mmap("process", "heap", pages)]
    ops += [read("process", "heap", part(pages, read_percent))] if read_percent else []
    ops += [write("process", "heap", part(pages, written_percent), 1)] if written_percent else []
    return trace_of(ops, ram="16 GiB")


@scenario(small={"size": "8 MiB", "children": 3, "written_percent": 25})
def fork_sharing(
    size: Annotated[
        str,
        Size(
            ("64 KiB", "128 KiB", "256 KiB", "1 MiB", "4 MiB", "16 MiB", "64 MiB", "300 MiB", "1 GiB", "2 GiB"),
            help="memory that the parent has written before it forks",
        ),
    ] = "128 KiB",
    children: Annotated[int, Range(0, 50, unit="children", help="how often the parent forks")] = 3,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of its pages that each child writes afterwards")
    ] = 25,
    copy_on_write: Annotated[bool, Switch(help="off: fork copies every page at once")] = True,
) -> Trace:
    """A parent writes its memory and forks; then each child writes a part of what it got.

    Shows: a fork shares all pages, and each write to a shared page copies that page alone.
    """
    pages = pages_in(size)
    names = numbered("child", children)
    ops = filled("parent", "heap", pages) + forks("parent", names) + writes(names, "heap", part(pages, written_percent))
    return trace_of(ops, ram="16 GiB", copy_on_write=copy_on_write)


@scenario(small={"size": "16 MiB", "tabs": 8})
def zygote(
    size: Annotated[
        str,
        Size(
            ("1 MiB", "16 MiB", "64 MiB", "100 MiB", "200 MiB", "300 MiB", "500 MiB", "1 GiB"),
            help="what the zygote has loaded and set up before the first tab",
        ),
    ] = "300 MiB",
    tabs: Annotated[int, Range(0, 100, unit="tabs", help="how many processes the zygote forks")] = 50,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of the zygote's heap that each tab writes")
    ] = 11,
    copy_on_write: Annotated[bool, Switch(help="off: fork copies every page at once")] = True,
    code_percent: Annotated[
        int, Range(0, 90, unit="%", help="the part of its memory that is program code, mapped from a file")
    ] = 0,
) -> Trace:
    """A zygote loads what all tabs need, once, and forks each tab; a tab then writes some of it.

    Shows: what a fork saves in memory and in time. With all of it heap that is the popular figure. With 40% of it code
    (120 MiB of 300), it is the honest one: processes that do not fork share the pages of a file as well.
    """
    names = numbered("tab", tabs)
    code = part(pages_in(size), code_percent)
    heap = pages_in(size) - code
    ops = started("zygote", heap, code) + forks("zygote", names)
    ops += [read(name, "code", code) for name in names if code]
    ops += writes(names, "heap", part(heap, written_percent))
    return trace_of(ops, ram="64 GiB", copy_on_write=copy_on_write)


def started(pid: str, heap: int, code: int) -> Ops:
    """A process that started from scratch: it has loaded its program, run through its code, and filled its heap."""
    size = (heap + code) * 4096
    loaded, relocated = (size * percent // 100 for percent in (LOADED_PERCENT, RELOCATED_PERCENT))
    ops: Ops = [{"op": "spawn", "pid": pid}, {"op": "load", "pid": pid, "bytes": loaded, "relocated": relocated}]
    if code:
        ops += [mmap(pid, "code", code, "file-private", prot="r", file="program"), read(pid, "code", code)]
    return [*ops, mmap(pid, "heap", heap), write(pid, "heap", heap, 1)]
