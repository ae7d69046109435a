"""What the lesson "The first write copies" tells a reader to do, done literally on the model."""

from __future__ import annotations

import pytest

from cowlab import Machine, goals, scenarios
from cowlab.views import Lab
from helpers.labs import status


@pytest.fixture
def last_lab() -> Lab:
    goal = goals.all_of(goals.copies_at_most(0), goals.last_owner_reuses("parent"))
    return Lab(scenarios.fork_sharing, size="64 KiB", children=2, written_percent=0, goal=goal)


def test_the_last_goal_is_reached_where_both_children_end_first(last_lab: Lab) -> None:
    assert status(last_lab) == "open"
    last_lab.exit("child 1")
    last_lab.exit("child 2")
    last_lab.write("parent", "heap", 0, 16)
    assert status(last_lab) == "reached"
    assert last_lab.machine["parent"].reuses == 16


def test_the_last_goal_is_lost_where_the_parent_writes_at_once_and_can_be_had_again(last_lab: Lab) -> None:
    last_lab.write("parent", "heap", 0)
    assert status(last_lab) == "lost"
    last_lab.back()
    assert status(last_lab) == "open"


def test_one_child_that_ends_is_not_enough(last_lab: Lab) -> None:
    last_lab.exit("child 1")
    last_lab.write("parent", "heap", 0)
    assert status(last_lab) == "lost"


def test_dontneed_gives_memory_back_and_keeps_mapping_and_promise() -> None:
    machine = Machine()
    heap = machine.spawn("program").mmap("64 MiB", name="heap")
    heap.write()
    promised = machine.meminfo()["Committed_AS"]
    heap.dontneed()
    assert (heap.rss, heap.size) == (0, 64 << 20)
    assert machine.meminfo()["Committed_AS"] == promised
    assert heap.write(0).zeroed == 1


ORDERS = [
    (("parent writes", "child writes", "child exits"), {"parent": "copy", "child": "reuse"}),
    (("parent writes", "child exits", "child writes"), {"parent": "copy"}),
    (("child writes", "parent writes", "child exits"), {"child": "copy", "parent": "reuse"}),
    (("child writes", "child exits", "parent writes"), {"child": "copy", "parent": "reuse"}),
    (("child exits", "parent writes", "child writes"), {"parent": "reuse"}),
    (("child exits", "child writes", "parent writes"), {"parent": "reuse"}),
]
"""The six orders, and what each write costs; a child that has exited writes nothing."""


@pytest.mark.parametrize(("order", "costs"), ORDERS, ids=lambda each: ", ".join(each))
def test_who_writes_while_others_map_the_frame_copies_and_the_last_owner_reuses(order, costs) -> None:
    parent = Machine().spawn("parent")
    parent.mmap("4 KiB", name="heap").write()
    child = parent.fork("child")
    for event in order:
        who, act = event.split()
        process = {"parent": parent, "child": child}[who]
        if act == "exits":
            process.exit()
        elif process.alive:
            cost = process["heap"].write(0)
            assert (cost.minor, cost.copied, cost.reused) == (1, costs[who] == "copy", costs[who] == "reuse")
    assert parent.copies + child.copies == list(costs.values()).count("copy")
