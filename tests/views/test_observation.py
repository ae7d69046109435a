"""What the pictures show, against what the machine says page by page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowlab import Machine, scenarios, trace
from cowlab.views.observation import Run, observe


def machine_of(made: dict, stop: int | None = None) -> Machine:
    return trace.run(Machine(**made["machine"]), made["ops"][:stop])


@given(
    children=st.integers(0, 9),
    written=st.integers(0, 100),
    stop=st.integers(0, 22),
    copy_on_write=st.booleans(),
)
def test_one_page_of_each_stretch_speaks_for_all(children: int, written: int, stop: int, copy_on_write: bool) -> None:
    made = scenarios.fork_sharing(
        size="64 KiB", children=children, written_percent=written, copy_on_write=copy_on_write
    )
    machine = machine_of(made, stop)
    assert observe(machine, made["ops"][:stop]) == observe(machine)


def test_frames_are_counted_once_however_many_map_them() -> None:
    memory = observe(machine_of(scenarios.fork_sharing(size="128 KiB", children=3, written_percent=25)))
    assert memory.frames == {1: 4 * 8, 4: 24}
    assert memory.data == (32 + 24) * 4096
    assert memory.total.rss == 4 * 128 * 1024


def test_processes_alike_are_one_group_and_the_parent_is_by_itself() -> None:
    memory = observe(machine_of(scenarios.fork_sharing(children=3), stop=-1))
    assert [group.title for group in memory.groups] == ["parent", "child 1 to child 2", "child 3"]


def test_equal_figures_on_different_pages_are_not_alike() -> None:
    machine = Machine()
    parent = machine.spawn("parent")
    parent.mmap("64 KiB", name="heap").write()
    for n in range(2):
        parent.fork(f"child {n}")["heap"].write(n)
    assert [group.title for group in observe(machine).groups] == ["parent", "child 0", "child 1"]


def test_pages_never_touched_have_no_mapper() -> None:
    machine = Machine()
    machine.spawn("one").mmap("16 KiB", name="heap").write(1)
    (group,) = observe(machine).groups
    assert group.regions == (("heap", (Run(0, 1, 0), Run(1, 2, 1), Run(2, 4, 0))),)


@pytest.mark.parametrize("kind", ["shared", "file-private", "file-shared"])
def test_a_read_that_maps_neighbours_is_seen_with_operations_too(kind: str) -> None:
    ops = [
        {"op": "spawn", "pid": "A"},
        {"op": "mmap", "pid": "A", "region": "r", "pages": 64, "kind": kind},
        {"op": "write", "pid": "A", "region": "r", "start": 0, "stop": 64, "value": 1},
        {"op": "fork", "pid": "A", "child": "B"},
        {"op": "read", "pid": "B", "region": "r", "start": 20, "stop": 21},
    ]
    machine = trace.run(Machine(), ops)
    assert observe(machine, ops) == observe(machine)
