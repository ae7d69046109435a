"""Deaths in words: how the OOM killer came to take a process, and what would have spared it."""

from __future__ import annotations

from ..engine import Machine, oom
from ..units import format_pages
from . import facts


def killed(machine: Machine, name: str) -> str:
    """How the OOM killer came to take `name`."""
    report = report_of(machine, name)
    where = "the machine" if report.group == "/" else f"group {report.group}"
    who = "it" if report.caller == name else report.caller
    full = f"all memory of {where} ({format_pages(report.limit)}) was in use"
    return f"The OOM killer took {name} when {who} needed more and {full}."


def first_kill(machine: Machine) -> str | None:
    """How the OOM killer came to take the first whom it killed; None if it killed nobody."""
    victims = facts.kills(machine)
    return killed(machine, victims[0]) if victims else None


def ended(machine: Machine, name: str) -> str | None:
    """How `name` ended; None if it did not."""
    ends = facts.deaths(machine, name)
    if not ends:
        return None
    if ends[0].kind == "oom_kill":
        return killed(machine, name)
    return f"{name} has exited." if ends[0].kind == "exit" else f"{name} was killed by hand."


def reason(machine: Machine, name: str) -> str:
    """Why the killer chose `name`, and nobody else."""
    report = report_of(machine, name)
    if (chosen := report.killed[0].name) != name:
        return f"It took {chosen}, and with it all of its group (oom_group)."
    return f"The killer takes the highest badness, whoever asks. It saw, in pages: {facts.say_ranking(report.tasks)}."


def remedy(machine: Machine, name: str) -> str:
    """What would have spared `name`."""
    caller = report_of(machine, name).caller
    if caller == name:
        return f"{name} itself asked for more than there was: it must write less, or have more memory."
    return (
        f"{caller} asked for the last memory. Before that, give {name} a lower oom_score_adj, or put {caller} in a "
        f"group with a limit (max)."
    )


def shortage(machine: Machine) -> str:
    """How much memory lacked when the OOM killer first came."""
    report = machine.oom_reports[0]
    wanted = sum(task.rss + task.swap for task in report.tasks)
    return (
        f"{format_pages(report.usage)} of {format_pages(report.limit)} were in use; what the processes had adds up to "
        f"{format_pages(wanted)}, with shared pages counted for each. Write less, share more, or have more memory."
    )


def report_of(machine: Machine, name: str) -> oom.Report:
    """The first OOM that killed `name`."""
    return next(report for report in machine.oom_reports if any(task.name == name for task in report.killed))
