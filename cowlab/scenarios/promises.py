"""Overcommit: what is promised, what is used, and when the difference is a danger."""

from __future__ import annotations

from typing import Annotated

from ..units import pages_in
from .definition import Range, Size, Switch, Trace, scenario
from .operations import Ops, filled, forks, mmap, numbered, part, trace_of, write, writes

ROUND = "16 MiB"
"""What each worker of `batch_explosion` writes before it is the next one's turn."""


@scenario(small={"request": "32 MiB", "requests": 3, "ram": "1 GiB"})
def overcommit(
    mode: Annotated[
        int, Range(0, 2, help="vm.overcommit_memory: 0 heuristic, 1 always grants, 2 never promises too much")
    ] = 0,
    request: Annotated[
        str,
        Size(
            ("32 MiB", "256 MiB", "1 GiB", "4 GiB", "8 GiB", "12 GiB", "16 GiB", "24 GiB", "64 GiB"),
            help="what the process asks for at once",
        ),
    ] = "12 GiB",
    requests: Annotated[int, Range(1, 20, unit="requests", help="how often it asks")] = 3,
    written_percent: Annotated[int, Range(0, 100, unit="%", help="the part of each that it then writes")] = 5,
    ram: Annotated[str, Size(("1 GiB", "4 GiB", "16 GiB", "64 GiB"), help="the machine's memory")] = "16 GiB",
) -> Trace:
    """A process asks for more memory than there is, in several requests, and writes a part of what it got.

    Shows: the same requests in the three modes. Mode 0 looks at one request only, and refuses what exceeds RAM and swap
    by itself; mode 1 refuses nothing; mode 2 adds up what is promised, whether it is used or not.
    """
    pages = pages_in(request)
    regions = numbered("request", requests)
    ops: Ops = [{"op": "spawn", "pid": "process"}]
    ops += [mmap("process", region, pages) for region in regions]
    ops += [write("process", region, part(pages, written_percent), 1) for region in regions if written_percent]
    return trace_of(ops, ram=ram, overcommit=mode)


@scenario(small={"size": "4 MiB", "processes": 8})
def headroom(
    size: Annotated[
        str,
        Size(("4 MiB", "64 MiB", "100 MiB", "300 MiB", "500 MiB", "1 GiB"), help="what each process has been promised"),
    ] = "300 MiB",
    processes: Annotated[int, Range(1, 100, unit="processes", help="how many there are, the parent too")] = 51,
    written_percent: Annotated[int, Range(0, 100, unit="%", help="the part that each child writes itself")] = 0,
    independent: Annotated[bool, Switch(help="on: nobody forks; each process writes memory of its own")] = False,
    ram: Annotated[str, Size(("1 GiB", "2 GiB", "4 GiB", "16 GiB"), help="the machine's memory")] = "4 GiB",
) -> Trace:
    """A fork tree that is promised 15 GiB on a machine with 4 GiB, and uses 0.3 GiB.

    Shows: promises (Committed_AS) say little. The tree is healthy until its children write; as many processes that do
    not share are a real overload, with the same promises.
    """
    pages = pages_in(size)
    if independent:
        ops = [op for name in numbered("process", processes) for op in filled(name, "heap", pages)]
    else:
        children = numbered("child", processes - 1)
        ops = filled("parent", "heap", pages) + forks("parent", children)
        ops += writes(children, "heap", part(pages, written_percent))
    return trace_of(ops, ram=ram)


@scenario(small={"data": "16 MiB", "workers": 6})
def batch_explosion(
    data: Annotated[
        str,
        Size(
            ("16 MiB", "128 MiB", "512 MiB", "1 GiB", "2 GiB", "4 GiB"),
            help="the data set that the parent loads before it forks",
        ),
    ] = "2 GiB",
    workers: Annotated[int, Range(0, 200, unit="workers", help="how many processes share the data set")] = 100,
    written_percent: Annotated[
        int, Range(0, 100, unit="%", help="the part of the data that each worker writes, if only in passing")
    ] = 100,
    ram: Annotated[
        str,
        Size(("16 GiB", "32 GiB", "64 GiB", "128 GiB", "256 GiB", "512 GiB"), help="the machine's memory"),
    ] = "256 GiB",
    swap: Annotated[str, Size(("0 B", "8 GiB", "64 GiB"), help="the machine's swap space")] = "0 B",
    in_rounds: Annotated[bool, Switch(help="on: they take turns, 16 MiB each; off: one after the other")] = False,
) -> Trace:
    """Workers fork over one big data set: promised at the forks, used at the writes.

    Shows: after the forks 202 GiB are promised and 2 GiB used; each write closes the gap. On 64 GiB it ends in kills.
    """
    names = numbered("worker", workers)
    pages = part(pages_in(data), written_percent)
    ops = filled("loader", "data", pages_in(data)) + forks("loader", names)
    step = pages_in(ROUND) if in_rounds else max(pages, 1)
    for start in range(0, pages, step):
        ops += writes(names, "data", min(start + step, pages), start)
    return trace_of(ops, ram=ram, swap=swap)
