"""A machine of more than 1 TiB: page numbers, entries and sums that do not fit into 32 bits.

From 32 GiB on a frame's number, shifted for an entry, takes more; from 200 GiB on, more and more does. In a browser's
Python numpy's own integers have 32 bits: scripts/pyodide runs this there.
"""

from __future__ import annotations

import pytest

from cowlab import Machine, Mapping
from cowlab.engine import pagemap
from cowlab.views import pages
from cowlab.views.map_words import in_words
from cowlab.views.palette import FREE, PRIVATE, SWAPPED, TWO, UNTOUCHED

GIB = 1 << 18  # pages
TIB = GIB << 10
FAR = [0, 1, 511, 512, 7 * GIB + 3, 32 * GIB, 200 * GIB + 511, 512 * GIB, 900 * GIB + 77, TIB - 513, TIB - 1]
"""Pages at both edges of chunks, and where numbers, entries and bytes pass 31 and 32 bits."""
COPIED = 299 * GIB
"""Pages that a process copies in one call, of [700 GiB, 999 GiB): one of FAR is among them."""


@pytest.fixture
def heap() -> Mapping:
    """A mapping of 1 TiB, all of it written."""
    heap = Machine(ram="1400 GiB").spawn("parent").mmap("1 TiB", name="heap")
    heap.write(value=5)
    return heap


@pytest.fixture
def forked(heap: Mapping) -> tuple[Mapping, Mapping]:
    """The same in a parent that has copied a range since, and in a child that has copied single pages before."""
    child = heap.process.fork("child")["heap"]
    assert child.write(pages=FAR, value=7).copied == len(FAR)
    assert heap.write(700 * GIB, 999 * GIB, value=9).copied == COPIED - 1
    return heap, child


def test_a_whole_write(heap: Mapping) -> None:
    assert heap.rss == 1 << 40
    assert heap.process.machine.frames.used == TIB
    assert heap.values(pages=FAR).tolist() == [5] * len(FAR)
    assert pagemap.pages(heap, TIB - 2, TIB).frame.tolist() == [TIB - 2, TIB - 1]


def test_scattered_writes() -> None:
    heap = Machine(ram="1 TiB").spawn("a").mmap("1 TiB", name="heap")
    assert heap.write(pages=FAR, value=3).minor == len(FAR)
    assert heap.write(pages=FAR[::-1], value=4).minor == 0
    assert heap.values(pages=[*FAR, TIB - 2]).tolist() == [4] * len(FAR) + [0]
    assert heap.mapcounts(TIB - 2, TIB).tolist() == [0, 1]
    assert heap.read(200 * GIB + 510, 200 * GIB + 513).minor == 2


def test_copies(forked: tuple[Mapping, Mapping]) -> None:
    parent, child = forked
    assert child.values(pages=FAR).tolist() == [7] * len(FAR)
    assert parent.values(pages=FAR).tolist() == [9 if page == 900 * GIB + 77 else 5 for page in FAR]
    private = COPIED + len(FAR) - 1  # by each
    assert parent.process.machine.frames.used == TIB + private
    assert parent.process.pss == child.process.pss == (private << 12) + (TIB - private << 11)
    smaps = parent.process.smaps()["heap"]
    assert (smaps["Size"], smaps["Rss"], smaps["Private_Dirty"]) == (TIB * 4, TIB * 4, private * 4)


def test_what_is_given_back(forked: tuple[Mapping, Mapping]) -> None:
    parent, child = forked
    child.dontneed(pages=FAR)
    child.munmap(600 * GIB, 1000 * GIB)
    assert child.rss >> 12 == 624 * GIB - len(FAR) + 1
    assert parent.process.machine.frames.used == TIB
    child.protect("r", 0, 100 * GIB)
    assert child.write(pages=[150 * GIB]).copied == 1
    child.process.exit()
    assert parent.process.machine.frames.used == TIB
    assert parent.write().reused == TIB - COPIED  # the others were its own, and writable, before the child went


def test_a_group_that_swaps_out() -> None:
    machine = Machine(ram="1 TiB", swap="1 TiB")
    group = machine.cgroup("/g", max="300 GiB")
    heap = machine.spawn("a", cgroup=group).mmap("1 TiB", name="heap")
    heap.write(0, 299 * GIB, value=6)
    heap.write(299 * GIB, 301 * GIB, value=7)
    assert group.swap_current == heap.process.swap > GIB << 12
    assert heap.rss + heap.process.swap == 301 * GIB << 12
    (records,) = (strip.records for strip in pages.strips(machine, GIB))
    assert records[[0, 200, 301]].argmax(axis=1).tolist() == [SWAPPED, PRIVATE, UNTOUCHED]
    assert heap.read(0, GIB).major == GIB
    assert heap.values(pages=[0, 300 * GIB]).tolist() == [6, 7]


def test_pages_on_the_map(forked: tuple[Mapping, Mapping]) -> None:
    parent, child = forked
    machine = parent.process.machine
    for strip in pages.strips(machine, GIB):
        states = strip.records.argmax(axis=1)
        assert states.tolist() == [PRIVATE if 700 <= cell < 999 else TWO for cell in range(1024)]
    grid = pages.grid(machine, GIB, machine.frames.total)
    frames = grid.records.argmax(axis=1)[[0, 800, 1023, 1024, 1200, 1399]]
    assert frames.tolist() == [TWO, PRIVATE, TWO, PRIVATE, PRIVATE, FREE]
    assert pages.window(child, TIB - 2, TIB)[:, 1].tolist() == [TIB - 2, TIB + len(FAR) - 1]
    assert pagemap.pages_on(parent, TIB - 2) == pagemap.pages_on(child, TIB - 2) == [TIB - 2]


def test_pages_in_words(forked: tuple[Mapping, Mapping]) -> None:
    private = COPIED + len(FAR) - 1
    pages_of = f"of 268,435,456 pages {private:,} private, {TIB - private:,} shared by 2."
    _, *processes, frames = in_words(forked[0].process.machine).splitlines()
    assert processes == [f"parent: heap: {pages_of}", f"child: heap: {pages_of}"]
    assert frames.startswith(f"Physical frames: {TIB - private:,} shared by 2, {2 * private:,} private, ")


def test_the_state_as_a_value(heap: Mapping) -> None:
    other = Machine(ram="1400 GiB").spawn("parent").mmap("1 TiB", name="heap")
    other.write(513 * GIB, TIB, value=5)
    other.write(0, 513 * GIB, value=5)
    assert heap.process.machine.state() == other.process.machine.state()
    other.write(TIB - 1, value=6)
    assert heap.process.machine.state() != other.process.machine.state()
