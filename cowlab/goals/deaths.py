"""Deaths in words: how the OOM killer came to take a process, and what would have spared it."""

from __future__ import annotations

from ..engine import Machine
from ..engine.rules import oom
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


def stop(machine: Machine) -> str | None:
    """How the machine stopped; None if it goes on. Where nobody may be killed, Linux panics (out_of_memory)."""
    report = _stopped(machine)
    if report is None:
        return None
    return (
        f"{report.caller} needed more, all memory of the machine ({format_pages(report.limit)}) was in use, and nobody "
        f"could be killed: the machine stopped. (Linux panics: its memory and all processes are gone.)"
    )


def way_on(machine: Machine) -> str:
    """What would have let a machine go on that stopped."""
    return (
        f"Somebody must be left whom the killer may take: give a process, such as {_stopper(machine)}, an "
        f"oom_score_adj above {oom.NEVER}. Or write less, or have more memory."
    )


def _stopper(machine: Machine) -> str:
    report = _stopped(machine)
    assert report, "asked of a machine that stopped"
    return report.caller


def _stopped(machine: Machine) -> oom.Report | None:
    """The OOM of the whole machine that killed nobody. (Where nobody may die in a group, the others go on.)"""
    return next((report for report in machine.oom_reports if report.group == "/" and not report.killed), None)


def report_of(machine: Machine, name: str) -> oom.Report:
    """The first OOM that killed `name`."""
    return next(report for report in machine.oom_reports if any(task.name == name for task in report.killed))
