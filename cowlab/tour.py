"""`cowlab tour`: the worked examples of the course in a terminal. Every figure is read off a machine of the engine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from . import engine, scenarios, trace
from .units import PAGE_SIZE, format_size

BAR_WIDTH = 40


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
    for example in (zygote, explosion, explosion_without_room):
        lines, written = example(bar)
        pages += written
        print("\n".join(lines), end="\n\n", file=stream, flush=True)
    seconds = time.perf_counter() - start
    print(f"{pages:,} page faults simulated, page by page, in {seconds:.2f} s.", file=stream)


# The examples -----------------------------------------------------------------------------------------------------


def zygote(bar: str) -> tuple[list[str], int]:
    """50 tabs from one zygote, against 50 processes of their own."""
    ops = scenarios.zygote()
    usual = _defaults(scenarios.zygote)
    tabs, written = usual["tabs"], usual["written_percent"]
    labels = {"fork": f"{tabs} tabs forked", "write": f"each tab wrote {written}%"}
    machine, moments = _moments(ops, labels, first="zygote loaded")
    alone = _independent(ops, f"{tabs} processes, no fork")
    lines = _title(f"A zygote of {usual['size']} forks {tabs} tabs")
    lines += _table([*moments, alone], bar)
    after = moments[-1].used
    lines += [
        f"The forks took page tables alone. After the writes the tabs use {alone.used / after:.1f} times less than",
        f"processes of their own: {format_size(after)} instead of {format_size(alone.used)}.",
    ]
    return lines, _faults(machine)


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
    """The same on 64 GiB: where RAM ends."""
    ram = "64 GiB"
    ops = scenarios.batch_explosion(ram=ram)
    machine = engine.Machine(**ops["machine"])
    done, refused = _run_until_refused(machine, ops["ops"])
    lines = _title(f"The same on {ram} of RAM")
    lines += _table([_moment(machine, "when RAM ended")], bar)
    if refused is None:
        return [*lines, "It fits."], _faults(machine)
    op = ops["ops"][done]
    wrote = sum(before["op"] == "write" for before in ops["ops"][:done]) - 1
    own = machine[op["pid"]].copies * PAGE_SIZE
    lines += [
        f"All forks were granted. {wrote} workers wrote all of their data; {op['pid']} had written {format_size(own)}",
        "when no frame was free. Here the model stops; Linux would have the OOM killer choose a process.",
    ]
    return lines, _faults(machine)


# What they are made of --------------------------------------------------------------------------------------------


def _moments(ops: dict[str, Any], labels: dict[str, str], first: str) -> tuple[engine.Machine, list[Moment]]:
    """Run a scenario; a moment after its data is loaded, and after each block of forks and of writes."""
    machine = engine.Machine(**ops["machine"])
    trace.run(machine, ops["ops"][:3])
    moments = [_moment(machine, first)]
    for kind, label in labels.items():
        trace.run(machine, [op for op in ops["ops"][3:] if op["op"] == kind])
        moments.append(_moment(machine, label))
    return machine, moments


def _run_until_refused(
    machine: engine.Machine, ops: Iterable[dict[str, Any]]
) -> tuple[int, engine.OutOfMemory | None]:
    """Run operations; how many were done, and what ended them."""
    done = 0
    for op in ops:
        try:
            trace.apply(machine, op)
        except engine.OutOfMemory as refused:
            return done, refused
        done += 1
    return done, None


def _defaults(scenario: scenarios.Scenario[...]) -> dict[str, Any]:
    return {parameter.name: parameter.default for parameter in scenarios.parameters(scenario)}


def _independent(ops: dict[str, Any], when: str) -> Moment:
    """As many processes as the scenario forks, each with memory of its own."""
    machine = engine.Machine(**ops["machine"])
    pages = next(op["pages"] for op in ops["ops"] if op["op"] == "mmap")
    for op in ops["ops"]:
        if op["op"] == "fork":
            machine.spawn(op["child"]).mmap(pages * PAGE_SIZE).write()
    return _moment(machine, when)


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
