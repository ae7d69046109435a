"""The OOM killer: when memory is gone and reclaim frees nothing, a process has to die (mm/oom_kill.c).

>>> import cowlab
>>> machine = cowlab.Machine(ram="1 GiB", overcommit="always")
>>> small, large = machine.spawn("small"), machine.spawn("large")
>>> faults = large.mmap("700 MiB").write()
>>> faults = small.mmap("400 MiB").write()          # does not fit beside the large one
>>> large.exit_reason, machine.vmstat()["oom_kill"]
('oom-killed', 1)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...units import PAGE_SIZE, format_pages
from ..kinds import Group, Machine, Process

NEVER = -1000
"""The oom_score_adj of a process that is never chosen."""


@dataclass(frozen=True)
class Task:
    """A process as the killer sees it; sizes in pages. `total` is RAM and swap, or the limit that was hit."""

    process: Process = field(repr=False)
    name: str
    vsz: int
    rss: int
    swap: int
    page_tables: int
    oom_score_adj: int
    total: int

    @property
    def badness(self) -> int:
        """Points; see `badness`."""
        return badness(self)


def badness(task: Task) -> int:
    """How much killing `task` is worth, in pages (oom_badness). Shared pages count in full for every sharer."""
    return task.rss + task.swap + task.page_tables + task.oom_score_adj * (task.total // 1000)


OomPolicy = Callable[[Sequence[Task]], "Task | None"]


def oom_policy(tasks: Sequence[Task]) -> Task | None:
    """Whom to kill: the task with most points, of equal ones the later (select_bad_process); None if there is none."""
    chosen = None
    for task in tasks:
        if task.oom_score_adj != NEVER and (chosen is None or badness(task) >= badness(chosen)):
            chosen = task
    return chosen


def oom_score(task: Task) -> int:
    """/proc/PID/oom_score, from 0 to 2000 (proc_oom_score); `total` is RAM and swap."""
    if task.oom_score_adj == NEVER:
        return 0
    points = int(badness(task) * 1000 / task.total)  # C's division: towards 0; at least -999
    return (1000 + points) * 2 // 3


@dataclass(frozen=True)
class Report:
    """What happened at one OOM, as the kernel's log tells it. `str(report)` is that text.

    `caller` asked for `asked` pages when `group` (or the machine: "/") had `usage` of `limit` pages; its call was done
    with `done` pages. `killed` are the victims; none if nobody may be killed.
    """

    time: float
    caller: str
    asked: int
    done: int
    group: str
    usage: int
    limit: int
    tasks: tuple[Task, ...]
    groups: dict[str, str]
    killed: tuple[Task, ...]

    def __str__(self) -> str:
        stamp = f"[{self.time:12.6f}] "
        return "\n".join(stamp + line for line in self.lines())

    def lines(self) -> list[str]:
        """The report, line by line, without the time."""
        where = "the machine" if self.group == "/" else f"group {self.group}"
        rows = [f"{'task':<20}{'total_vm':>10}{'rss':>10}{'swapents':>10}{'pgtables':>10}{'adj':>7}{'badness':>10}"]
        rows += [
            f"{t.name:<20}{t.vsz:>10}{t.rss:>10}{t.swap:>10}{t.page_tables:>10}{t.oom_score_adj:>7}{t.badness:>10}"
            for t in self.tasks
        ]
        return [
            f"{self.caller} invoked oom-killer: {self.asked} more pages, after {self.done} of this call",
            f"{where}: usage {self.usage * 4} kB, limit {self.limit * 4} kB",
            "Tasks state (memory values in pages):",
            *rows,
            *(self._ends() or ["Out of memory and no killable processes"]),
        ]

    def _ends(self) -> list[str]:
        scope = "Out of memory" if self.group == "/" else "Memory cgroup out of memory"
        constraint = "CONSTRAINT_NONE" if self.group == "/" else f"CONSTRAINT_MEMCG,oom_memcg={self.group}"
        lines = []
        for t in self.killed:
            lines.append(f"oom-kill:constraint={constraint},task_memcg={self.groups[t.name]},task={t.name}")
            lines.append(
                f"{scope}: Killed process {t.name} total-vm:{t.vsz * 4}kB, rss:{t.rss * 4}kB, swap:{t.swap * 4}kB, "
                f"pgtables:{t.page_tables * 4}kB oom_score_adj:{t.oom_score_adj}"
            )
        return lines


class Killer:
    """What chooses and kills on one machine, and keeps the reports."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.reports: list[Report] = []

    @property
    def kills(self) -> int:
        """How often the killer was called."""
        return len(self.reports)

    def kill(self, domain: Group, caller: Process, asked: int, done: int) -> Report:
        """Kill a process of `domain` (and its group, if that is to die as one). The report says whom."""
        domain.count_event("oom")
        tasks = tuple(self.tasks(domain))
        chosen = self.machine.oom_policy(tasks)
        if chosen is not None and chosen not in tasks:
            raise ValueError(f"oom_policy returned {chosen!r}: return one of the tasks it was given, or None")
        killed = self._with_group(chosen, domain, tasks) if chosen else ()
        limit = self.machine.frames.total if domain.parent is None else domain.limits["max"] or 0
        frames = self.machine.frames
        usage = frames.used + frames.tables if domain.parent is None else domain.usage
        groups = {task.name: task.process.cgroup.path for task in tasks}
        report = Report(self.machine.clock, caller.name, asked, done, domain.path, usage, limit, tasks, groups, killed)
        self.reports.append(report)
        for task in killed:
            task.process.cgroup.count_event("oom_kill")
            self.machine.count_kill()
            self.machine.end(task.process, "oom-killed", "oom_kill")
        return report

    def tasks(self, domain: Group) -> list[Task]:
        """The processes of `domain`, in the order in which the killer looks at them."""
        machine = self.machine
        processes = machine.processes if domain.parent is None else domain.members()
        return [task_of(process, self.total(domain)) for process in processes]

    def total(self, domain: Group) -> int:
        """What points are measured by, in pages: RAM and swap, or the limit and the swap that the group may have."""
        swap, limit = self.machine.account.swap, domain.limits["max"]
        if limit is None:  # the machine, as the killer is called for a group only when it is at its limit
            return self.machine.frames.total + swap
        most = domain.limits["swap_max"]
        if not self.machine.swappiness:
            return limit
        return limit + (min(most, swap) if most is not None else swap)

    def _with_group(self, chosen: Task, domain: Group, tasks: Sequence[Task]) -> tuple[Task, ...]:
        """`chosen`, with all of the highest group between it and `domain` that is to die as one (oom_group)."""
        dying = None
        for group in chosen.process.cgroup.upward():
            if group.oom_group:
                dying = group
            if group is domain:
                break
        if dying is None:
            return (chosen,)
        dying.count_event("oom_group_kill")
        others = [t for t in tasks if dying.holds(t.process.cgroup) and t.oom_score_adj != NEVER and t is not chosen]
        return (chosen, *others)


def task_of(process: Process, total: int) -> Task:
    """`process` as the killer sees it."""
    return Task(
        process,
        process.name,
        process.vsz // PAGE_SIZE,
        process.rss // PAGE_SIZE,
        process.swap // PAGE_SIZE,
        process.space.tables,
        process.oom_score_adj,
        total,
    )


def nobody(report: Report) -> str:
    """The message of a deadlock."""
    where = "the machine" if report.group == "/" else f"group {report.group!r}"
    return (
        f"{report.caller!r} needs {format_pages(report.asked)} more, all memory of {where} "
        f"({format_pages(report.limit)}) is in use, and no process may be killed (oom_score_adj -1000). "
        f"Raise the limit, or let some process be killed.\n{report}"
    )
