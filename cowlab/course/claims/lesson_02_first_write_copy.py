"""What the lesson "The first write copies" claims, in figures."""

from __future__ import annotations

from ...engine import Machine, Mapping
from ...units import format_size
from ..questions.first_write_copy import forked
from .definition import Claim


def _heap(size: str) -> Mapping:
    return Machine().spawn("parent").mmap(size, name="heap")


def _first_writes() -> int:
    heap = _heap("1 GiB")
    return heap.write(0, heap.pages // 4).minor


def _read_first() -> int:
    heap = _heap("1 GiB")
    quarter = heap.pages // 4
    return heap.read(0, quarter).minor + heap.write(0, quarter).minor


def _in_memory() -> str:
    heap = _heap("1 GiB")
    heap.write(0, heap.pages // 4)
    return format_size(heap.rss)


def _reads_of_child() -> str:
    return str(forked("300 MiB")[1].read())


def _last_owner() -> str:
    parents, childs = forked("300 MiB")
    childs.process.exit()
    return str(parents.write())


def _microseconds(*writers: int) -> float:
    """The time of writes to one page: 0 is the parent's, 1 the child's."""
    heaps = forked("4 KiB")
    machine = heaps[0].process.machine
    before = machine.clock
    for writer in writers:
        heaps[writer].write(0)
    return (machine.clock - before) * 1e6


def _reuse_after_exit() -> float:
    parents, childs = forked("4 KiB")
    childs.process.exit()
    machine = parents.process.machine
    before = machine.clock
    parents.write(0)
    return (machine.clock - before) * 1e6


MEASURED = "cowlab/engine/reports/costs.py: measured on one virtual machine with Linux 6.18"

CLAIMS = [
    Claim("first_writes", "Who first writes a quarter of 1 GiB takes {} faults, one a page.", _first_writes, "{:,}"),
    Claim("read_first", "Who reads those pages first takes {} faults, two a page.", _read_first, "{:,}"),
    Claim("quarter_in_memory", "Of 1 GiB mapped and a quarter written, {} are in memory.", _in_memory),
    Claim("shared_reads", "A child that reads 300 MiB that it shares takes {}.", _reads_of_child),
    Claim("last_owner", "The last owner's writes to 300 MiB cost {}: no copy.", _last_owner),
    Claim("copy_time", "A write that copies takes {} µs.", lambda: _microseconds(0), "{:.1f}", MEASURED),
    Claim("reuse_time", "A write by the last owner takes {} µs.", _reuse_after_exit, "{:.1f}", MEASURED),
    Claim(
        "two_writes_time",
        "Two writes to a page that both share take {} µs, whoever writes first: a copy and a reuse.",
        lambda: _microseconds(1, 0),
        "{:.1f}",
        MEASURED,
    ),
]
