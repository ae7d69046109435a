"""Pages and frames as cells: each state, and the mix of many, against what the machine says page by page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowlab import Machine, scenarios
from cowlab.views import pages
from cowlab.views.palette import (
    DANGLING,
    FILE,
    FREE,
    HOLE,
    LEAKED,
    MORE,
    PRIVATE,
    SWAPPED,
    TWO,
    UNTOUCHED,
    WRONG,
    ZERO,
)
from helpers.machines import after


def codes(machine: Machine) -> dict[str, list[int]]:
    return {f"{strip.process} {strip.mapping}": strip.codes.tolist() for strip in pages.strips(machine, 1)}


def test_each_state_of_a_page() -> None:
    machine = Machine(ram="1 MiB")
    parent = machine.spawn("parent")
    heap = parent.mmap("24 KiB", name="heap")
    heap.write(0, 3)
    heap.read(3)
    parent.mmap("4 KiB", kind="file-shared", name="data", file="data").read()
    child = parent.fork("child")
    parent.fork("third")["heap"].write(1)
    child["heap"].munmap(5)
    child["heap"].write(2)
    machine["third"]["heap"].write(2)
    assert codes(machine) == {
        "parent heap": [MORE, TWO, PRIVATE, ZERO, UNTOUCHED, UNTOUCHED],
        "parent data": [FILE],
        "child heap": [MORE, TWO, PRIVATE, ZERO, UNTOUCHED, HOLE],
        "child data": [UNTOUCHED],
        "third heap": [MORE, PRIVATE, PRIVATE, ZERO, UNTOUCHED, UNTOUCHED],
        "third data": [UNTOUCHED],
    }


def test_a_page_in_swap_has_no_frame() -> None:
    machine = Machine(ram="64 KiB", swap="64 KiB", page_tables=False)
    heap = machine.spawn("a").mmap("80 KiB", name="heap")
    heap.write()
    (strip,) = pages.strips(machine)
    swapped = strip.codes == SWAPPED
    assert np.count_nonzero(swapped) * 4096 == machine["a"].swap > 0
    assert (strip.records[swapped, 1] == pages.NO_FRAME).all()


def test_a_frame_that_only_the_swap_cache_holds_is_swapped_and_not_leaked() -> None:
    machine = Machine(ram="64 KiB", swap="1 MiB", page_tables=False)
    heap = machine.spawn("a").mmap("80 KiB", name="heap")
    heap.write()
    machine["a"].fork("b")
    heap.read(0, 4)
    heap.write(0, 2)
    codes = pages.grid(machine, 1, 16).records[:, 0] & 255
    assert np.count_nonzero(codes == SWAPPED) == 2
    assert LEAKED not in codes


def test_records_say_frame_mappers_and_flags() -> None:
    machine = Machine()
    a = machine.spawn("a")
    a.mmap("8 KiB", name="heap").write()
    a.fork("b")["heap"].write(1)
    strips = {strip.process: strip.records for strip in pages.strips(machine)}
    shared, own = strips["b"]
    assert shared[1] == strips["a"][0, 1]
    assert own[1] != strips["a"][1, 1]
    assert shared[0] >> 16 == 2
    assert own[0] >> 16 == 1
    assert int(own[0]) >> 8 & 255 == pages.WRITABLE | pages.DIRTY | pages.EXCLUSIVE
    assert not int(shared[0]) >> 8 & pages.WRITABLE


def test_the_faults_of_a_rule_of_ones_own_show() -> None:
    def no_drop(page):  # a handler that forgets the old frame's mapper
        page.need_family()
        if not page.present:
            page.need_table()
            page.map(page.zero_frame(), writable=True, dirty=True)
        elif not page.writable:
            page.map(page.copy_of(page.frame), writable=True, dirty=True)

    machine = Machine(on_write=no_drop)
    a = machine.spawn("a")
    a.mmap("8 KiB", name="heap").write()
    a.fork("b")["heap"].write(0)
    assert codes(machine) == {"a heap": [WRONG, TWO], "b heap": [PRIVATE, TWO]}
    a.exit()
    machine["b"].exit()
    grid = pages.grid(machine, 1, 4)
    assert LEAKED in (grid.records[:, 0] & 255) or machine.frames.used
    assert (grid.records[1:, 0] & 255).tolist().count(FREE) >= 2

    def freed(page):  # a handler that lets go of the frame and leaves the entry
        page.need_table()
        page.map(page.zero_frame(), writable=True, dirty=True)
        page.drop(page.entry)

    machine = Machine(on_write=freed)
    machine.spawn("a").mmap("4 KiB", name="heap").write()
    assert codes(machine) == {"a heap": [DANGLING]}


@pytest.mark.parametrize("scale", [2, 16, 256, 512, 2048])
@pytest.mark.parametrize("name", ["zygote", "paging", "fork_sharing", "cgroup_isolation"])
def test_a_cell_for_many_pages_shows_the_mix_of_what_each_is(name: str, scale: int) -> None:
    check_mix(after(getattr(scenarios, name).small()), scale)


def check_mix(machine: Machine, scale: int) -> None:
    for single, mixed in zip(pages.strips(machine, 1), pages.strips(machine, scale), strict=True):
        cells = -(-single.pages // scale)
        place = np.arange(single.pages) // scale * pages.CODES + single.codes
        counts = np.bincount(place, minlength=cells * pages.CODES).reshape(cells, pages.CODES)
        assert mixed.records.shape == counts.shape
        assert (mixed.records.sum(axis=1) == 255).all()
        assert ((mixed.records > 0) == (counts > 0)).all()
        share = counts / counts.sum(axis=1, keepdims=True)
        assert np.abs(mixed.records / 255 - share).max() < 16 / 255
    shown = pages.pagemap.frames_touched(machine)
    single, mixed = (pages.grid(machine, wide, shown) for wide in (1, scale))
    used = single.records[:, 0] & 255 != FREE
    assert np.count_nonzero(used) == machine.frames.used
    assert ((mixed.records[:, FREE] < 255).sum() > 0) == used.any()


step = st.tuples(
    st.sampled_from(["write", "read", "fork", "exit", "munmap", "dontneed"]),
    st.integers(0, 3),
    st.integers(0, 1500),
    st.integers(1, 900),
)


@given(st.lists(step, max_size=12), st.sampled_from([2, 64, 512, 1024]))
def test_random_histories_look_the_same_at_every_scale(history, scale) -> None:
    machine = Machine(ram="64 MiB")
    machine.spawn().mmap(1600 * 4096, name="heap")
    for kind, who, start, length in history:
        if not machine.processes:
            break
        process = machine.processes[who % len(machine.processes)]
        if kind == "fork" and len(machine.processes) < 4:
            process.fork()
        elif kind == "exit" and len(machine.processes) > 1:
            process.exit()
        elif kind in ("munmap", "dontneed") and not process["heap"].areas.first_hole(start, start + 1) > start:
            continue
        elif kind in ("write", "read", "munmap", "dontneed"):
            stop = min(1600, start + length, process["heap"].areas.first_hole(start, 1600))
            if start < stop:
                getattr(process["heap"], kind)(start, stop)
    check_mix(machine, scale)


def test_only_what_changed_is_found() -> None:
    before = np.zeros((1000, 2), np.uint32)
    now = before.copy()
    assert pages.changed(before, now) == []
    now[3, 1] = now[7, 0] = 1
    assert pages.changed(before, now) == [(3, 8)]
    now[800] = 1
    assert pages.changed(before, now) == [(3, 8), (800, 801)]
    assert pages.changed(None, now) == [(0, 1000)]


@pytest.mark.parametrize("width", [(2, np.uint32), (16, np.uint8)])
def test_a_strip_that_grew_or_shrank_keeps_the_cells_that_stay(width) -> None:
    before = np.zeros((100, width[0]), width[1])
    now = np.zeros((120, width[0]), width[1])
    assert pages.changed(before, now) == [(100, 120)]
    assert pages.changed(now, before) == []
    now[99, -1] = 1
    assert pages.changed(before, now) == [(99, 120)]
    assert pages.changed(before, now[:0]) == []
