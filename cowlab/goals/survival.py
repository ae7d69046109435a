"""Goals on who lives and who dies when memory ends."""

from __future__ import annotations

from ..engine import Machine
from ..engine.rules import oom
from ..units import format_size
from . import deaths, facts
from .definition import Goal, Hint


def alive(name: str) -> Goal:
    """Process `name` is alive, and has been ever since it was started: one that died has lost its state."""
    facts.check_name(name)

    def is_first(machine: Machine) -> bool:
        return facts.next_victim(machine) == name

    def is_spared(machine: Machine) -> bool:
        return facts.lives(machine, name) and not is_first(machine)

    def was_killed(machine: Machine) -> bool:
        return name in facts.kills(machine)

    hints = [
        Hint(lambda machine: not facts.started(machine, name), lambda machine: _nobody(machine, name)),
        Hint(is_first, f"If memory ended now, {name} would die: the OOM killer takes the highest badness."),
        Hint(is_first, _badness),
        Hint(is_first, lambda machine: _how_to_spare(machine, name)),
        Hint(is_spared, facts.say_room),
        Hint(is_spared, _badness),
        Hint(was_killed, lambda machine: deaths.reason(machine, name)),
        Hint(was_killed, lambda machine: deaths.remedy(machine, name)),
    ]
    return Goal(
        f"Keep {name} alive.",
        lambda machine: facts.lives(machine, name) and not facts.deaths(machine, name),
        hints,
        lambda machine: deaths.ended(machine, name),
    )


def nothing_killed() -> Goal:
    """The OOM killer has killed nobody, and pages have been touched: a machine at rest reaches nothing."""

    def rests(machine: Machine) -> bool:
        return not facts.events(machine, "zero_map", "zero_fill", "copy", "file_map", "oom_kill")

    def has_killed(machine: Machine) -> bool:
        return bool(facts.kills(machine))

    hints = [
        Hint(rests, "Nobody has touched a page yet."),
        Hint(lambda machine: not rests(machine) and not has_killed(machine), facts.say_room),
        Hint(lambda machine: not rests(machine) and not has_killed(machine), _badness),
        Hint(has_killed, lambda machine: deaths.reason(machine, facts.kills(machine)[0])),
        Hint(has_killed, deaths.shortage),
    ]
    return Goal(
        "The OOM killer kills nobody.",
        lambda machine: not rests(machine) and not has_killed(machine),
        hints,
        deaths.first_kill,
    )


def only_killed(name: str) -> Goal:
    """The OOM killer has killed `name`, and nobody else. "leaky" stands for "leaky 1" and "leaky 2", too."""
    facts.check_name(name)

    def others(machine: Machine) -> list[str]:
        return [victim for victim in facts.kills(machine) if not facts.is_named(victim, name)]

    def waits(machine: Machine) -> bool:
        return not facts.kills(machine)

    hints = [
        Hint(waits, lambda machine: f"Nobody has been killed. {facts.say_room(machine)}"),
        Hint(waits, _badness),
        Hint(waits, lambda machine: _limit(machine, name)),
        Hint(lambda machine: bool(others(machine)), lambda machine: deaths.reason(machine, others(machine)[0])),
        Hint(lambda machine: bool(others(machine)), lambda machine: _limit(machine, name)),
    ]
    return Goal(
        f"The OOM killer kills {name}, and nobody else.",
        lambda machine: bool(facts.kills(machine)) and not others(machine),
        hints,
        lambda machine: deaths.killed(machine, others(machine)[0]) if others(machine) else None,
    )


# Hints ------------------------------------------------------------------------------------------------------------


def _nobody(machine: Machine, name: str) -> str:
    living = facts.listed([process.name for process in machine.processes])
    return f"There is no process {name!r} yet. Alive: {living}."


def _badness(machine: Machine) -> str:
    return f"Badness now, in pages: {facts.say_ranking(facts.tasks(machine))}."


def _how_to_spare(machine: Machine, name: str) -> str:
    """The oom_score_adj that would put another process first."""
    others = facts.ranking(task for task in facts.tasks(machine) if task.name != name)
    if not others:
        return f"Nobody but {name} may be killed now: -1000 would make this a deadlock."
    other, mine = others[0], next(task for task in facts.tasks(machine) if task.name == name)
    steps = (mine.badness - other.badness) // max(1, mine.total // 1000) + 1
    adj = max(oom.NEVER, mine.oom_score_adj - max(0, steps))
    return (
        f"With an oom_score_adj of {adj} or less for {name}, {other.name} would die first. Or put {other.name} in a "
        f"group with a limit (max): then it dies alone, at its limit."
    )


def _limit(machine: Machine, name: str) -> str:
    """What a limit does, or would do, to `name`."""
    groups = [group for process in machine.processes if facts.is_named(process.name, name)
              for group in process.cgroup.upward() if group.max is not None]  # fmt: skip
    if not groups:
        return f"Put {name} in a group with a limit (max): then nobody else can die for its memory."
    sizes = f"{format_size(groups[0].current)} of {format_size(groups[0].max or 0)}"
    return f"Group {groups[0].path} of {name} has {sizes}: with a lower limit, {name} meets it sooner."
