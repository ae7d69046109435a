"""What the lesson "Fork shares memory" claims, in figures."""

from __future__ import annotations

from ...engine import Machine, OutOfMemory
from ...units import format_size
from ..questions.fork_sharing import run
from .definition import Claim

SIZE = "300 MiB"


def _loaded(**settings: object) -> Machine:
    """A machine with a parent that has written 300 MiB."""
    machine = Machine(ram="1 GiB", **settings)  # type: ignore[arg-type]
    machine.spawn("parent").mmap(SIZE, name="heap").write()
    return machine


def _refused() -> str:
    """The child that does not fit on a machine that copies."""
    parent = _loaded(copy_on_write=False)["parent"]
    number = 0
    while True:
        number += 1
        try:
            parent.fork(f"child {number}")
        except OutOfMemory:
            return f"child {number} is refused"


def _crowd() -> Machine:
    return run(size=SIZE, children=50, written_percent=0)


def _rss_of_crowd() -> float:
    return sum(process.rss for process in _crowd().processes) / 2**30


def _tables(size: str) -> str:
    """The page tables of a child of that size."""
    parent = Machine().spawn("parent")
    parent.mmap(size, name="heap").write()
    return format_size(parent.fork("child").page_tables)


def _ten_children(percent: int) -> str:
    return format_size(run(size="64 MiB", children=10, written_percent=percent).in_use)


def _rss_of_ten(percent: int) -> str:
    machine = run(size="64 MiB", children=10, written_percent=percent)
    return format_size(sum(process.rss for process in machine.processes))


def _after_ten_forks() -> str:
    machine = _loaded()
    for _ in range(10):
        machine["parent"].fork()
    return format_size(machine.in_use)


CLAIMS = [
    Claim("eager_refusal", "Of three children of 300 MiB on 1 GiB that copies, {}.", _refused),
    Claim("crowd_rss", "The RSS of 300 MiB and 50 children {}.", _rss_of_crowd, "adds up to {:.0f} GiB"),
    Claim("crowd_in_use", "Of these, {}.", lambda: _crowd().in_use / 2**30, "{:.1f} GiB are in use"),
    Claim("child_tables", "The child of 300 MiB has page tables of {}.", lambda: _tables(SIZE)),
    Claim("child_tables_2_gib", "The child of 2 GiB has page tables of {}.", lambda: _tables("2 GiB")),
    Claim("rss_unwritten", "10 children of 64 MiB: RSS adds up to {} before they write.", lambda: _rss_of_ten(0)),
    Claim("rss_written", "It adds up to {} when all is written.", lambda: _rss_of_ten(100)),
    Claim("in_use_unwritten", "Then {} were in use before the writes.", lambda: _ten_children(0)),
    Claim("in_use_written", "And {} are in use after them.", lambda: _ten_children(100)),
    Claim("after_ten_forks", "After ten forks of 300 MiB, {} are in use.", _after_ten_forks),
]
