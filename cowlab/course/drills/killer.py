"""Lesson 6: whom the OOM killer takes."""

from __future__ import annotations

import random

from ...engine import Machine
from ...engine.rules import oom
from ...units import format_size, parse_size
from .. import Prediction
from .drill import LESSON


def victim(rng: random.Random) -> Prediction:
    """Three processes with different sizes and adjustments: whom does the OOM killer take?"""
    ram = rng.choice([8, 16])
    sizes = rng.sample([256, 512, 1024, 1536, 2048, 3072], 3)
    adjustments = rng.sample([-1000, -500, 0, 0, 100, 300, 500], 3)
    processes = dict(zip(["web", "database", "batch"], zip(sizes, adjustments, strict=True), strict=True))
    told = "; ".join(
        f"{name} has {format_size(parse_size(f'{size} MiB'))} in memory and oom_score_adj {adj}"
        for name, (size, adj) in processes.items()
    )
    tasks = _tasks(ram, processes)
    chosen = oom.oom_policy(tasks)
    assert chosen
    return Prediction(
        f"A machine with {ram} GiB of RAM and no swap: {told}. Memory runs out. Whom does the OOM killer take?",
        {task.name: _about_victim(task, chosen, max(tasks, key=lambda task: task.rss)) for task in tasks},
        answer=lambda: _victim(ram, processes),
        lesson=LESSON,
    )


def _tasks(ram: int, processes: dict[str, tuple[int, int]]) -> list[oom.Task]:
    """The processes, {name: (MiB in memory, oom_score_adj)}, as the killer sees them."""
    machine = Machine(ram=f"{ram} GiB")
    for name, (size, adj) in processes.items():
        machine.spawn(name, oom_score_adj=adj).mmap(f"{size} MiB").write()
    return machine.shortage.killer.tasks(machine.cgroups.root)


def _victim(ram: int, processes: dict[str, tuple[int, int]]) -> str:
    chosen = oom.oom_policy(_tasks(ram, processes))
    assert chosen
    return chosen.name


def _about_victim(task: oom.Task, chosen: oom.Task, largest: oom.Task) -> str:
    """What is so of `task`, if it is guessed."""
    if task.oom_score_adj == oom.NEVER:
        return "No: oom_score_adj -1000 means that it is never taken, however large it is."
    points = (
        f"Its points are its pages, with its page tables ({task.rss + task.page_tables:,}), and "
        f"{task.oom_score_adj} thousandths of all pages of the machine ({task.total:,}): {task.badness:,}."
    )
    if task is chosen:
        return f"Yes. {points} No other that may be taken has more."
    why = "It is the largest, but size is not all." if task is largest else "Another has more points."
    return f"No. {points} {chosen.name} has {chosen.badness:,}. {why}"
