"""Goals on how much memory is in use."""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import whole
from ..engine import Machine, Process
from ..units import PAGE_SIZE, count, format_size, parse_size
from . import deaths, facts
from .definition import Goal, Hint


def processes_in_memory(
    count: int = 60, name: str = "tab", within: int | str = "1 GiB", each: int | str = PAGE_SIZE
) -> Goal:
    """`count` processes called `name` (as "tab 1") live at once, and data and page tables take at most `within`.

    Those count that hold at least `each` (resident, or swapped out). Lost once the OOM killer took one of them.
    """
    facts.check_name(name)
    count = whole("count", count, "give a whole number of 1 or more", least=1)
    fit = _Fit(count, name, parse_size(within, "within"), parse_size(each, "each"))
    hints = [
        Hint(lambda machine: fit.holding(machine) < count, fit.say_missing),
        Hint(fit.too_much, fit.say_excess),
        Hint(fit.unrelated, "These processes were spawned one by one. Processes that one process forks share memory."),
        Hint(fit.unrelated, f"Let one process load what all need, and fork each {name} from it."),
        Hint(lambda machine: fit.too_much(machine) and fit.own(machine) > 0, fit.say_allowance),
        Hint(lambda machine: bool(fit.lost(machine)), deaths.shortage),
    ]
    return Goal(fit.text, fit.reached, hints, fit.lost)


@dataclass(frozen=True)
class _Fit:
    """So many processes of that name, in at most `limit` bytes, each with at least `least`."""

    count: int
    name: str
    limit: int
    least: int

    @property
    def text(self) -> str:
        processes = count(self.count, "process", "processes")
        each = f" that hold {format_size(self.least)} each" if self.least > PAGE_SIZE else ""
        most = format_size(self.limit)
        return f"Have {processes} {self.name!r}{each} alive, in at most {most} of data and page tables."

    def reached(self, machine: Machine) -> bool:
        return self.holding(machine) >= self.count and not self.too_much(machine) and not self.lost(machine)

    def lost(self, machine: Machine) -> str | None:
        taken = [victim for victim in facts.kills(machine) if facts.is_named(victim, self.name)]
        return deaths.killed(machine, taken[0]) if taken else None

    def those(self, machine: Machine) -> list[Process]:
        return [process for process in machine.processes if facts.is_named(process.name, self.name)]

    def holding(self, machine: Machine) -> int:
        return sum(process.rss + process.swap >= self.least for process in self.those(machine))

    def own(self, machine: Machine) -> int:
        """Bytes that their exit would give back."""
        return sum(process.uss for process in self.those(machine))

    def too_much(self, machine: Machine) -> bool:
        return machine.in_use > self.limit

    def unrelated(self, machine: Machine) -> bool:
        """Are there several that nobody forked?"""
        return self.too_much(machine) and sum(p.parent is machine.init for p in self.those(machine)) > 1

    def say_missing(self, machine: Machine) -> str:
        holding, wanted = self.holding(machine), count(self.count, "process", "processes")
        verb = "holds" if holding == 1 else "hold"
        return f"{holding} of {wanted} {self.name!r} {verb} {format_size(self.least)} or more."

    def say_excess(self, machine: Machine) -> str:
        return f"{facts.say_in_use(machine)} That is {format_size(machine.in_use - self.limit)} too much."

    def say_allowance(self, machine: Machine) -> str:
        own = self.own(machine)
        room = max(0, self.limit - machine.in_use + own) // self.count
        mean = format_size(own // len(self.those(machine)))
        return (
            f"Each {self.name} has {mean} of its own on average (USS), which nobody shares. Beside what is shared, "
            f"{format_size(room)} each would fit."
        )


def in_use_at_most(size: int | str) -> Goal:
    """At most `size` of data and page tables are in use, and more than nothing. Lost once the OOM killer made room."""
    limit = parse_size(size)

    def too_much(machine: Machine) -> bool:
        """And not lost yet."""
        return machine.in_use > limit and not facts.kills(machine)

    def say_excess(machine: Machine) -> str:
        return f"{facts.say_in_use(machine)} That is {format_size(machine.in_use - limit)} too much."

    hints = [
        Hint(lambda machine: not machine.in_use, "Nothing is in memory yet."),
        Hint(too_much, say_excess),
        Hint(too_much, _most_of_its_own),
        Hint(too_much, "Only what nobody else maps is given back, by exit, munmap or dontneed."),
        Hint(lambda machine: bool(facts.kills(machine)), deaths.shortage),
    ]
    return Goal(
        f"At the end, at most {format_size(limit)} are in use (data and page tables), and nobody was killed for it.",
        lambda machine: 0 < machine.in_use <= limit and not facts.kills(machine),
        hints,
        deaths.first_kill,
    )


def _most_of_its_own(machine: Machine) -> str:
    if not machine.processes:
        return "No process is alive: what is in use belongs to files."
    largest = max(machine.processes, key=lambda process: process.uss)
    return f"{largest.name} has most of its own: its exit would give back {format_size(largest.uss)} (USS)."
