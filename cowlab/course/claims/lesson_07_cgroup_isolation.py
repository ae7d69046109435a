"""What the lesson "Limits that contain a failure" claims, in figures."""

from __future__ import annotations

from ...engine import Machine, OutOfMemory
from ...units import format_size
from ..questions.cgroup_isolation import (
    killed,
    largest_limit_that_contains,
    leak_in_turn,
    moved_child,
    run,
    seconds_to_live,
)
from .definition import Claim

DELAYS = "mm/memcontrol.c in the source of Linux, mem_cgroup_handle_over_high and calculate_high_delay"


def _victims(leakers: int, limited: bool) -> str:
    """Who died, the workers of the leaking pod counted."""
    names = killed(leakers=leakers, limited=limited)
    others = [name for name in names if not name.startswith("leaky")]
    return ", ".join([*others, f"{len(names) - len(others)} of the leaking pod"])


def _group_at_its_limit() -> tuple[str, str]:
    """What the leaking pod and the whole node had at the most."""
    groups = run().cgroups
    return format_size(groups["/pods/leaky"].peak), format_size(groups["/"].peak)


def _charged(written_percent: int) -> tuple[str, str]:
    """What is charged to /a and to /b, where a child of a process in /a moved to /b and wrote a part."""
    parents, childs = moved_child()
    childs.read()
    if written_percent:
        childs.write(0, childs.pages * written_percent // 100)
    return format_size(parents.process.cgroup.current), format_size(childs.process.cgroup.current)


def _neighbour() -> str:
    """Whom a leak takes where the limit is that of the group above."""
    machine = Machine(ram="1 GiB", overcommit="always")
    machine.cgroup("/team", max="800 MiB")
    for name, size in [("quiet", "600 MiB"), ("leaky", "500 MiB")]:
        machine.spawn(name, machine.cgroup(f"/team/{name}")).mmap(size).write()
    return machine.oom_reports[0].killed[0].name


def _alive(oom_group: bool, parent: int = 0) -> str:
    """Who of a parent, with this oom_score_adj, and five workers lives after their container met its limit."""
    machine = Machine(ram="10 GiB")
    container = machine.cgroup("/container", max="1 GiB", oom_group=oom_group)
    machine.spawn("parent", container, oom_score_adj=parent)
    leak_in_turn(machine, [machine.spawn(f"worker {number}", container) for number in range(1, 6)])
    return ", ".join(process.name for process in machine.processes) or "none"


def _slowed_down() -> float:
    """Seconds that a process takes for 300 MiB with a memory.high of 256."""
    machine = Machine(ram="10 GiB")
    machine.spawn("job", machine.cgroup("/job", high="256 MiB")).mmap("300 MiB").write()
    return machine.clock


def _refused() -> str:
    """Who is refused memory after a pod with a small limit was promised nearly all, and touched nothing."""
    machine = Machine(ram="10 GiB", overcommit="never", overcommit_ratio=100)
    greedy = machine.spawn("greedy", machine.cgroup("/pod", max="64 MiB"))
    for _ in range(9):
        greedy.mmap("1 GiB")
    try:
        machine.spawn("neighbour").mmap("1 GiB")
    except OutOfMemory:
        return "neighbour"
    return "nobody"


CLAIMS = [
    Claim(
        "contained",
        "With limits of 8 GiB on 10 GiB, 2 GiB of them reserved, dies {}.",
        lambda: _victims(1, limited=True),
        beside=" 1 yes {}\n",
    ),
    Claim(
        "leaky_peak",
        "The leaking pod had at most {}.",
        lambda: _group_at_its_limit()[0],
        beside="at most so far {}; events",
    ),
    Claim(
        "node_peak",
        "The node had at most {} of 10 GiB in use.",
        lambda: _group_at_its_limit()[1],
        beside="at most so far {}",
    ),
    Claim(
        "luck",
        "Without limits, a leak of ten processes hits {}.",
        lambda: _victims(10, limited=False),
        beside=" 10 no {}\n",
    ),
    Claim(
        "system_hit",
        "A leak of eleven hits {}.",
        lambda: _victims(11, limited=False),
        beside=" 11 no {}\n",
    ),
    Claim(
        "all_hit",
        "A leak of fifty hits {}.",
        lambda: _victims(50, limited=False),
        beside=" 50 no {}\n",
    ),
    Claim(
        "fifty_contained",
        "With limits it hits {}.",
        lambda: _victims(50, limited=True),
        beside=" 50 yes {}\n",
    ),
    Claim(
        "neighbour",
        "Where the group above has the limit, a leak kills {}.",
        _neighbour,
        beside="team 800 MiB {} /team",
    ),
    Claim(
        "largest_limit",
        "Beside four steady pods the limit may be {}.",
        lambda: largest_limit_that_contains() / 1024,
        "{:.2f} GiB",
        beside="contains the leak: {}",
    ),
    Claim(
        "no_high",
        "Without memory.high a fast leak lives for {}.",
        lambda: seconds_to_live("512 MiB", None)[0],
        "{:.1f} s",
        beside="not set {}",
    ),
    Claim(
        "high_buys_time",
        "With memory.high at half of its limit it lives for {}.",
        lambda: seconds_to_live("512 MiB", "256 MiB")[0],
        "{:,.1f} s",
        DELAYS,
        beside="256 MiB {}",
    ),
    Claim(
        "high_slows",
        "300 MiB take {} with a memory.high of 256 MiB.",
        _slowed_down,
        "{:.0f} s",
        DELAYS,
        beside="time: {}",
    ),
    Claim(
        "one_dies",
        "At a limit without oom_group, alive are {}.",
        lambda: _alive(False),
        beside="oom_group False: alive are {}",
    ),
    Claim("all_die", "With oom_group, alive are {}.", lambda: _alive(True), beside="oom_group True: alive are {}"),
    Claim(
        "protected",
        "Where its parent is at -1000, alive are {}.",
        lambda: _alive(True, parent=-1000),
        beside="the parent at -1000: alive are {}\n",
    ),
    Claim(
        "free_rider",
        "A child in another group that reads all it shares is charged {}.",
        lambda: _charged(0)[1],
        beside="has read all 64 MiB 64.3 MiB {}\n",
    ),
    Claim(
        "first_toucher",
        "Its parent's group is charged {}.",
        lambda: _charged(0)[0],
        source="measured on a real kernel too: docs/trust.md",
        beside="has read all 64 MiB {}",
    ),
    Claim(
        "copier",
        "It is charged {} once it wrote a quarter.",
        lambda: _charged(25)[1],
        beside="wrote a quarter 64 MiB 64.3 MiB {}\n",
    ),
    Claim("promises", "A limit counts no promises: {} is refused.", _refused, beside="refused: ['{}']"),
]
