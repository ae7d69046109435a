"""What the lesson "Who dies" claims, in figures."""

from __future__ import annotations

from ...engine import Machine, Process
from ..questions.oom_killer import first_adj_that_saves, killed_in_turn, run
from .definition import Claim


def _points(name: str) -> int:
    """Badness of a process when memory ends in `oom_victim`."""
    return next(task.badness for task in run().oom_reports[0].tasks if task.name == name)


def _in_turn(**adj: int) -> str:
    return " then ".join(killed_in_turn(**adj))  # type: ignore[arg-type]


def _container() -> Machine:
    """A sleeper and a grower in a group at its limit."""
    machine = Machine()
    group = machine.cgroup("/container", max="96 MiB")
    machine.spawn("sleeper", group).mmap("70 MiB").write()
    machine.spawn("grower", group).mmap("60 MiB").write()
    return machine


def _sleeper() -> str:
    """Who asked, and who was killed."""
    report = _container().oom_reports[0]
    return f"{report.caller} asked, and {report.killed[0].name}"


def _points_in_group(name: str) -> int:
    return next(task.badness for task in _container().oom_reports[0].tasks if task.name == name)


def _freed_by_end_of(victim: str) -> float:
    """MiB that the end of a process frees, of a loader with five workers that share its data."""
    machine = Machine(ram="1 GiB")
    loader = machine.spawn("loader")
    loader.mmap("600 MiB", name="data").write()
    workers = [loader.fork(f"worker {number}") for number in range(1, 6)]
    freed = {process.name: _freed_by_end(machine, process) for process in [*reversed(workers), loader]}
    return freed[victim]


def _freed_by_end(machine: Machine, process: Process) -> float:
    """MiB."""
    before = machine.meminfo()["MemFree"]
    machine.kill(process)
    return (machine.meminfo()["MemFree"] - before) / 1024


CLAIMS = [
    Claim("service_points", "When memory ends the service has badness {}.", lambda: _points("service"), "{:,}"),
    Claim("leaker_points", "The leaking process has badness {}.", lambda: _points("leaker"), "{:,}"),
    Claim(
        "dies_for_another",
        "The leaking process calls the killer, which takes the {}: it asked for nothing.",
        lambda: run().oom_reports[0].killed[0].name,
        beside="Killed process {}",
    ),
    Claim(
        "first_adj",
        "The service is spared from an oom_score_adj of {} on.",
        first_adj_that_saves,
        beside=" {} 391,500 391,932 leaker",
    ),
    Claim("unprotected", "With no adjustment die: {}.", _in_turn, beside="nothing {}"),
    Claim(
        "protected_database",
        "With -1000 for the database die: {}.",
        lambda: _in_turn(database=-1000),
        beside="protect the database {}",
    ),
    Claim(
        "protected_services",
        "With -1000 for both services dies: {}.",
        lambda: _in_turn(database=-1000, web=-1000),
        beside="protect both services {}",
    ),
    Claim(
        "protected_everybody",
        "With -1000 for everybody dies: {}, and the engine raises Deadlock (Linux panics).",
        lambda: _in_turn(database=-1000, web=-1000, leaker=-1000),
        beside="protect everybody {}",
    ),
    Claim(
        "sleeper",
        "In a group at its limit {}.",
        _sleeper,
        "{} was killed",
        "measured on a real kernel too: docs/trust.md",
    ),
    Claim("sleeper_points", "The sleeper has badness {}.", lambda: _points_in_group("sleeper"), "{:,}"),
    Claim("grower_points", "The grower has badness {}.", lambda: _points_in_group("grower"), "{:,}"),
    Claim(
        "group_counts",
        "The group's file counts {} kill.",
        lambda: _container().cgroups["/container"].events()["oom_kill"],
        beside="oom_kill of the group: {}",
    ),
    Claim(
        "machine_counts",
        "The machine's counts {} kill too.",
        lambda: _container().vmstat()["oom_kill"],
        beside="oom_kill of the machine: {}",
    ),
    Claim(
        "freed_by_worker",
        "A worker that shares its data frees {}.",
        lambda: _freed_by_end_of("worker 5"),
        "{:.2f} MiB",
        beside="{} freed",
    ),
    Claim(
        "freed_by_last", "The last owner frees {}.", lambda: _freed_by_end_of("loader"), "{:.0f} MiB", beside="{} freed"
    ),
]
