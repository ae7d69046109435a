"""`cowlab tour`: the worked examples of the course in a terminal. Every figure is read off a machine of the engine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from .. import engine, scenarios, trace
from ..scenarios.sharing import LOADED_PERCENT, RELOCATED_PERCENT, started
from ..units import PAGE_SIZE, format_pages, format_size, pages_in

BAR_WIDTH = 40
CODE_PERCENT = 40  # of a zygote: 120 MiB of 300 are code, the rest is heap
Ops = list[dict[str, Any]]


@dataclass(frozen=True)
class Moment:
    """What a machine has at one moment, in bytes."""

    when: str
    promised: int
    data: int
    tables: int

    @property
    def used(self) -> int:
        return self.data + self.tables


def main(stream: TextIO = sys.stdout) -> None:
    """Print the tour. On a terminal the bars are blocks, elsewhere plain text."""
    start = time.perf_counter()
    bar = "█" if stream.isatty() and (stream.encoding or "").lower().startswith("utf") else "#"
    pages = 0
    for example in (zygote, leaking_pod, explosion, explosion_without_room):
        lines, written = example(bar)
        pages += written
        print("\n".join(lines), end="\n\n", file=stream, flush=True)
    seconds = time.perf_counter() - start
    print(f"{pages:,} page faults simulated, page by page, in {seconds:.2f} s.", file=stream)


# The examples -----------------------------------------------------------------------------------------------------


def zygote(bar: str) -> tuple[list[str], int]:
    """50 tabs from one zygote, against 50 processes of their own."""
    made = scenarios.zygote()
    usual = _defaults(scenarios.zygote)
    tabs, written = usual["tabs"], usual["written_percent"]
    labels = {"fork": f"{tabs} tabs forked", "write": f"each tab wrote {written}%"}
    machine, moments = _moments(made, labels, first="zygote loaded")
    alone = _independent(made, f"{tabs} processes, no fork")
    lines = _title(f"A zygote of {usual['size']} forks {tabs} tabs")
    lines += _table([*moments, alone], bar)
    after = moments[-1].used
    lines += [
        f"The forks took page tables alone. After the writes the tabs use {alone.used / after:.1f} times less than",
        f"processes of their own: {format_size(after)} instead of {format_size(alone.used)}.",
        *_with_code(usual["size"]),
        *_starts(made, usual["size"]),
    ]
    return lines, _faults(machine)


def _with_code(size: str) -> list[str]:
    """The saving where a part of the zygote is code: independent processes share the pages of a file too."""
    made = scenarios.zygote(code_percent=CODE_PERCENT)
    machine = trace.run(trace.machine_of(made), made["ops"])
    after, alone = _moment(machine, "").used, _independent(made, "").used
    code = _percent(CODE_PERCENT, size)
    return [
        f"That is the popular figure, all memory being heap. Where {code} of it are code, mapped",
        f"from a file, processes of their own share that too: {format_size(after)} instead of {format_size(alone)}, "
        f"{alone / after:.1f} times less.",
    ]


def _starts(made: dict[str, Any], size: str) -> list[str]:
    """How long a tab takes to start, from scratch and from the zygote, on the machine's clock."""
    scratch, later = _split(made["ops"])
    child = later[0]["child"]
    machine = trace.run(trace.machine_of(made), scratch)
    loaded = machine.clock
    trace.run(machine, [later[0], *(op for op in later if op["pid"] == child)])
    own = machine[child].copies * PAGE_SIZE
    return [
        f"A start from scratch takes {loaded * 1000:.0f} ms: {_percent(LOADED_PERCENT, size)} are loaded, "
        f"{_percent(RELOCATED_PERCENT, size)} relocated, {size} written.",
        f"One from the zygote takes {(machine.clock - loaded) * 1000:.0f} ms: "
        f"page tables are copied, and {format_size(own)} of pages as they are written.",
    ]


def leaking_pod(bar: str) -> tuple[list[str], int]:
    """A node with groups: the pod that leaks dies at its own limit."""
    usual = _defaults(scenarios.cgroup_isolation)
    made = scenarios.cgroup_isolation()
    machine = trace.machine_of(made)
    outcome = trace.run_through(machine, made["ops"])
    node = machine.frames.total * PAGE_SIZE
    lines = _title(f"One leaking pod on a node of {usual['ram']}")
    lines += _groups(machine, bar)
    report = machine.oom_reports[0]
    dead = ", ".join(task.name for task in report.killed)
    living = ", ".join(process.name for process in machine.processes)
    lines += [
        f"{dead} died, of {format_pages(report.killed[0].rss)}, when group {report.group} was at its limit of "
        f"{format_pages(report.limit)}; {outcome.skipped} of its operations were left.",
        f"Alive are {living}: the node never had more than {format_size(machine.cgroups['/'].peak)} of "
        f"{format_size(node)} in use.",
    ]
    return lines, _faults(machine)


def _groups(machine: engine.Machine, bar: str) -> list[str]:
    """A row a group: what it has, had at the most, and may have; what happened to it; a bar of its peak."""
    heads = [f"{name:>11}" for name in ("in use", "peak", "limit")]
    lines = [f"{'group':<18}{''.join(heads)}   {'events':<25}peak"]
    for path, group in machine.cgroups.items():
        if path == "/":
            continue
        limit = format_size(group.max) if group.max is not None else "none"
        sizes = "".join(f"{text:>11}" for text in (format_size(group.current), format_size(group.peak), limit))
        events = ", ".join(f"{name} {count}" for name, count in group.events().items() if count) or "none"
        blocks = bar * max(1, round(BAR_WIDTH * group.peak / (machine.frames.total * PAGE_SIZE)))
        lines.append(f"{path:<18}{sizes}   {events:<25}{blocks}")
    return lines


def explosion(bar: str) -> tuple[list[str], int]:
    """100 workers over a data set, on a machine that holds it all."""
    usual = _defaults(scenarios.batch_explosion)
    labels = {"fork": f"{usual['workers']} workers forked", "write": "each wrote every page"}
    machine, moments = _moments(scenarios.batch_explosion(), labels, first="data set loaded")
    lines = _title(f"{usual['workers']} workers over a data set of {usual['data']}, {usual['ram']} of RAM")
    lines += _table(moments, bar)
    lines += ["Promised at the forks, used at the writes: nothing looks wrong until the workers write."]
    return lines, _faults(machine)


def explosion_without_room(bar: str) -> tuple[list[str], int]:
    """The same on 64 GiB: where RAM ends, and who dies for it."""
    ram = "64 GiB"
    made = scenarios.batch_explosion(ram=ram)
    machine = trace.machine_of(made)
    loading, later = _split(made["ops"])
    trace.run(machine, loading + [op for op in later if op["op"] == "fork"])
    moments = [_moment(machine, "workers forked")]
    outcome = trace.run_through(machine, [op for op in later if op["op"] == "write"])
    moments.append(_moment(machine, "after the kills"))
    lines = _title(f"The same on {ram} of RAM")
    lines += _table(moments, bar)
    lines += [
        f"All forks were granted. {outcome.done} workers wrote all of their data; then RAM was gone, and there were",
        *_kills(machine.oom_reports),
    ]
    return lines, _faults(machine)


def _kills(reports: list[engine.oom.Report]) -> list[str]:
    """Who died, who first, and why: badness is what a process has, shared or not; of equals the later one dies."""
    first = reports[0]
    killed = [task for report in reports for task in report.killed]
    victim, last = killed[0], killed[-1]
    total, equals = len(first.tasks), sum(task.badness == victim.badness for task in first.tasks)
    rows = {task.name: task for task in (first.tasks[0], first.tasks[1], victim)}
    return [
        f"{'':<4}{'process':<14}{'resident':>10}{'page tables':>13}{'badness':>15}",
        *(
            f"{'':<4}{task.name:<14}{format_pages(task.rss):>10}{format_pages(task.page_tables):>13}"
            f"{task.badness:>9,} pages{' <- killed first' if task is victim else ''}"
            for task in rows.values()
        ),
        f"Shared pages count in full for each, so {equals} of {total} were equal, and of equals the latest dies.",
        f"That freed {format_pages(victim.page_tables)}, the page tables of {victim.name}: its data was shared. So "
        f"{len(killed)} workers died for one write,",
        f"down to {last.name}, which was writing.",
    ]


# What they are made of --------------------------------------------------------------------------------------------


def _moments(made: dict[str, Any], labels: dict[str, str], first: str) -> tuple[engine.Machine, list[Moment]]:
    """Run a scenario; a moment after its data is loaded, and after each block of forks and of writes."""
    machine = trace.machine_of(made)
    loading, ops = _split(made["ops"])
    trace.run(machine, loading)
    moments = [_moment(machine, first)]
    for kind, label in labels.items():
        trace.run(machine, [op for op in ops if op["op"] == kind])
        moments.append(_moment(machine, label))
    return machine, moments


def _split(ops: Ops) -> tuple[Ops, Ops]:
    """The operations before the first fork, and those from it on."""
    first = next(index for index, op in enumerate(ops) if op["op"] == "fork")
    return ops[:first], ops[first:]


def _defaults(scenario: scenarios.Scenario[...]) -> dict[str, Any]:
    return {parameter.name: parameter.default for parameter in scenarios.parameters(scenario)}


def _independent(made: dict[str, Any], when: str) -> Moment:
    """As many processes as a zygote forks, each started from scratch."""
    machine = trace.machine_of(made)
    sizes = {op["region"]: op["pages"] for op in made["ops"] if op["op"] == "mmap"}
    for op in made["ops"]:
        if op["op"] == "fork":
            trace.run(machine, started(op["child"], sizes["heap"], sizes.get("code", 0)))
    return _moment(machine, when)


def _percent(percent: int, size: str) -> str:
    return format_pages(pages_in(size) * percent // 100)


def _moment(machine: engine.Machine, when: str) -> Moment:
    info = {field: kib * 1024 for field, kib in machine.meminfo().items()}
    return Moment(when, info["Committed_AS"], info["AnonPages"] + info["Cached"], info["PageTables"])


def _faults(machine: engine.Machine) -> int:
    return machine.vmstat()["pgfault"]


def _title(text: str) -> list[str]:
    return [text, "-" * len(text)]


def _table(moments: list[Moment], bar: str) -> list[str]:
    """A row a moment: promised, used (data and page tables), and a bar of what is used."""
    columns: list[tuple[str, Callable[[Moment], str]]] = [
        ("promised", lambda m: format_size(m.promised)),
        ("data", lambda m: format_size(m.data)),
        ("page tables", lambda m: format_size(m.tables)),
    ]
    most = max(moment.used for moment in moments)
    lines = [" " * 24 + "".join(f"{name:>13}" for name, _ in columns) + "   in use"]
    for moment in moments:
        figures = "".join(f"{show(moment):>13}" for _, show in columns)
        blocks = bar * max(1, round(BAR_WIDTH * moment.used / most))
        lines.append(f"{moment.when:<24}{figures}   {blocks} {format_size(moment.used)}")
    return lines
