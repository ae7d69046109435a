"""What goals and their hints look at: the log, the figures, who would die next. And these in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..engine import Event, Machine, Task
from ..engine.rules import oom
from ..units import PAGE_SIZE, format_size

KIB = 1024
SHOWN = 5  # names in a list


# What has happened ------------------------------------------------------------------------------------------------


def events(machine: Machine, *kinds: str) -> list[Event]:
    """The log's events of these kinds, oldest first."""
    return [event for event in machine.log if event.kind in kinds]


def kills(machine: Machine) -> list[str]:
    """Whom the OOM killer killed, in order."""
    return [event.process for event in events(machine, "oom_kill")]


def deaths(machine: Machine, name: str) -> list[Event]:
    """The ends of processes of that name."""
    return [event for event in events(machine, "exit", "kill", "oom_kill") if event.process == name]


def lives(machine: Machine, name: str) -> bool:
    """Is a process of that name alive?"""
    return any(process.name == name for process in machine.processes)


def started(machine: Machine, name: str) -> bool:
    """Was there ever a process of that name?"""
    return lives(machine, name) or bool(deaths(machine, name))


def is_named(process: str, name: str) -> bool:
    """Is it `name`, or `name` and a number, as "tab 1" or "tab-1"? "table" is no "tab"."""
    return process.startswith(name) and not process[len(name) :][:1].isalpha()


# What is there now ------------------------------------------------------------------------------------------------


def data_and_tables(machine: Machine) -> tuple[int, int]:
    """Bytes of data and of page tables in memory."""
    info = machine.meminfo()
    return (info["AnonPages"] + info["Cached"]) * KIB, info["PageTables"] * KIB


def tasks(machine: Machine) -> list[Task]:
    """The processes as the OOM killer would see them if the machine's memory ended now."""
    info = machine.meminfo()
    total = (info["MemTotal"] + info["SwapTotal"]) * KIB // PAGE_SIZE
    return [oom.task_of(process, total) for process in machine.processes]


def next_victim(machine: Machine) -> str | None:
    """Whom the OOM killer would take if the machine's memory ended now."""
    chosen = machine.oom_policy(tasks(machine))
    return chosen.name if chosen else None


# In words ---------------------------------------------------------------------------------------------------------


def listed(names: Sequence[str]) -> str:
    """Up to five names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def say_in_use(machine: Machine) -> str:
    """Data and page tables."""
    data, tables = data_and_tables(machine)
    return f"{format_size(data)} of data and {format_size(tables)} of page tables are in use."


def say_room(machine: Machine) -> str:
    """How much is free."""
    info = machine.meminfo()
    free, total, swap = (format_size(info[field] * KIB) for field in ("MemFree", "MemTotal", "SwapFree"))
    return f"{free} of {total} RAM are free{f', and {swap} of swap' if info['SwapTotal'] else '; there is no swap'}."


def ranking(candidates: Iterable[Task]) -> list[Task]:
    """Who may be killed, the highest badness first."""
    return sorted((task for task in candidates if task.oom_score_adj != oom.NEVER), key=lambda task: -task.badness)


def say_ranking(candidates: Iterable[Task]) -> str:
    """Badness, the highest first."""
    return listed([f"{task.name} {task.badness:,}" for task in ranking(candidates)])


# Arguments --------------------------------------------------------------------------------------------------------


def check_name(name: object) -> None:
    """Raise ValueError if `name` is not one."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"name {name!r} is not a name: use text, such as 'database'")
