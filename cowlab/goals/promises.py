"""Goals on promises: what is asked for, and what is refused."""

from __future__ import annotations

from ..engine import Machine
from ..units import format_pages, format_size
from . import facts
from .definition import Goal, Hint

NEVER = 2  # vm.overcommit_memory


def no_refusal() -> Goal:
    """Memory has been promised, and no request was refused. A refusal is final, whatever is asked for afterwards."""
    hints = [
        Hint(lambda machine: not _has_asked(machine), "Nobody has asked for memory yet."),
        Hint(_has_asked, _say_promised),
        Hint(
            lambda machine: _adds_up(machine) and _has_asked(machine), "In mode 2 promises are added up, used or not."
        ),
        Hint(
            lambda machine: _adds_up(machine) and _has_asked(machine),
            "A fork promises all writable private memory again. Ask for less, map read-only what nobody writes, or "
            "raise overcommit_ratio.",
        ),
        Hint(
            lambda machine: not _adds_up(machine) and bool(_refused(machine)),
            "In mode 0 one request alone must not exceed RAM and swap: ask for less at once.",
        ),
    ]
    text = "Ask for memory, and let no request be refused."
    return Goal(text, lambda machine: _has_asked(machine) and not _refused(machine), hints, _refused)


def _has_asked(machine: Machine) -> bool:
    return bool(facts.events(machine, "mmap", "refuse"))


def _adds_up(machine: Machine) -> bool:
    return machine.account.mode == NEVER


def _refused(machine: Machine) -> str | None:
    """The first refusal, in words."""
    refused = facts.events(machine, "refuse")
    if not refused:
        return None
    first = refused[0]
    what = f"for {first.mapping}" if first.mapping else "at a fork"
    return f"{first.process} asked for {format_pages(first.count)} {what}, and was refused."


def _say_promised(machine: Machine) -> str:
    info = machine.meminfo()
    promised, limit = (format_size(info[field] * facts.KIB) for field in ("Committed_AS", "CommitLimit"))
    return f"{promised} are promised{f', of at most {limit}' if _adds_up(machine) else ''}."
