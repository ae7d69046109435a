"""Goals on copies: how many a fork leads to, and when the last owner needs none."""

from __future__ import annotations

from ..arguments import whole
from ..engine import Event, Machine
from ..units import count, format_size
from . import facts
from .definition import Goal, Hint


def copies_at_most(most: int) -> Goal:
    """Somebody has forked, and at most `most` pages have been copied. Copies are never undone: one more, and it is
    lost."""
    most = whole("most", most, "give a whole number of 0 or more", least=0)

    def copied(machine: Machine) -> int:
        return sum(event.count for event in facts.events(machine, "copy"))

    def over(machine: Machine) -> bool:
        return copied(machine) > most

    def lost(machine: Machine) -> str | None:
        if not over(machine):
            return None
        last = _copied(facts.events(machine, "copy")[-1])
        copies = count(copied(machine), "page has been copied", "pages have been copied")
        return f"{copies}, and {count(most, 'was', 'were')} allowed. The last: {last}."

    hints = [
        Hint(lambda machine: not _forked(machine), "Nobody has forked yet: there is nothing to copy."),
        Hint(lambda machine: 0 < copied(machine) <= most, lambda m: f"Copies so far: {copied(m):,} of {most:,}."),
        Hint(lambda machine: not over(machine) and bool(_sharers(machine)), _say_sharers),
        Hint(over, "A page is copied when it is written while more than one process maps it."),
        Hint(over, "Write before the fork, or after the others have exited: the last owner reuses the frame."),
    ]
    allowed = f"at most {count(most, 'page', 'pages')}" if most else "no page"
    return Goal(f"Fork, and let {allowed} be copied.", lambda m: _forked(m) and not over(m), hints, lost)


def last_owner_reuses(name: str | None = None) -> Goal:
    """After a fork, `name` (or anybody) has written a page in place, since nobody else mapped its frame any more."""
    if name is not None:
        facts.check_name(name)
    who = name or "a process"

    def mine(machine: Machine, kind: str) -> list[Event]:
        """Since the first fork."""
        kinds = [event.kind for event in machine.log]
        since = machine.log[kinds.index("fork") :] if "fork" in kinds else []
        return [event for event in since if event.kind == kind and name in (None, event.process)]

    def lost(machine: Machine) -> str | None:
        gone = name is not None and facts.started(machine, name) and not facts.lives(machine, name)
        return f"{name} has ended, and writes nothing any more." if gone else None

    def say_copy(machine: Machine) -> str:
        last = mine(machine, "copy")[-1]
        left = "it. The frame it left has" if last.count == 1 else "them. The frames it left have"
        return f"{_copied(last)}: others still mapped {left} an owner less."

    hints = [
        Hint(lambda machine: not _forked(machine), "Nobody has forked yet: every page has one owner."),
        Hint(_forked, "A frame is reused when the process that writes it is the only one left that maps it."),
        Hint(lambda machine: bool(mine(machine, "copy")), say_copy),
        Hint(lambda machine: bool(_sharers(machine)), _say_sharers),
        Hint(_forked, f"Let all others write the page, drop it, or exit. Then let {who} write it."),
    ]
    text = f"After a fork, let {who} be the last owner of a page, and write it without a copy."
    return Goal(text, lambda machine: bool(mine(machine, "reuse")), hints, lost)


def _forked(machine: Machine) -> bool:
    return bool(facts.events(machine, "fork"))


def _sharers(machine: Machine) -> list[str]:
    """The processes that map pages which others map too, and how much that is."""
    return [f"{p.name} ({format_size(p.rss - p.uss)})" for p in machine.processes if p.rss > p.uss]


def _say_sharers(machine: Machine) -> str:
    return f"Who writes a page that others map, copies it. Shared now: {facts.listed(_sharers(machine))}."


def _copied(event: Event) -> str:
    return f"{event.process} copied {count(event.count, 'page', 'pages')} of {event.mapping}"
