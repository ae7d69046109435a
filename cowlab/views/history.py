"""How memory was used over a run: samples of each process's PSS, and the moments at which something happened."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import trace
from ..arguments import whole
from ..engine import Deadlock, Error, GroupBusy, Machine, SegmentationFault
from ..engine.reports import procfs
from ..units import PAGE_SIZE
from . import words
from .process_table import rounding

TURNS = ("fork", "kill", "exit")  # operations after which memory may look quite different
KINDS = {"fork": "fork", "copy": "copy", "refuse": "refuse", "alert": "alert", "kill": "kill", "oom_kill": "kill"}
"""The events that a history keeps, and the kind of moment that each is."""

MOST_LIVE = 240  # samples that a recorder keeps; beyond, every second one goes


@dataclass(frozen=True)
class Sample:
    """Memory after `position` operations, in bytes. `data` and `page_tables` are what is in use; `pss` by process."""

    position: int
    time: float
    pss: Mapping[str, int]
    data: int
    page_tables: int

    @property
    def elsewhere(self) -> int:
        """Data in nobody's PSS: pages of files and of swap that are in memory though nobody maps them."""
        return self.data - sum(self.pss.values())

    @property
    def in_use(self) -> int:
        return self.data + self.page_tables


@dataclass(frozen=True)
class Moment:
    """Something that happened during the operation that led to `position`; `kind` is one of KINDS' values."""

    position: int
    time: float
    kind: str
    text: str


class Peak(NamedTuple):
    """The most memory in use, in bytes, and after which operation."""

    in_use: int
    position: int


@dataclass(frozen=True)
class History:
    """A run: samples and moments in order. `limits` are the groups' memory.max by path; `ram` too is in bytes.

    `peak` is the most that was in use after any operation, whether a sample was taken there or not.
    """

    samples: tuple[Sample, ...]
    moments: tuple[Moment, ...]
    peak: Peak
    ram: int
    limits: Mapping[str, int]

    @property
    def operations(self) -> int:
        """The position of the last sample."""
        return self.samples[-1].position

    def at(self, position: int) -> Sample:
        """The last sample taken up to `position`."""
        return next((s for s in reversed(self.samples) if s.position <= position), self.samples[0])


def shares(machine: Machine, data: int) -> dict[str, int]:
    """PSS by process. What its rounding drops is spread again, so that the sum is `data` if each page has a mapper."""
    totals = {process.name: procfs.totals(process) for process in machine.processes}
    pss = {name: total["Pss"] for name, total in totals.items()}
    rest = data - sum(pss.values())
    if 0 < rest <= rounding(sum(total["Rss"] for total in totals.values()), len(pss)):
        most = max(pss, key=lambda name: pss[name])
        pss = {name: size + rest // len(pss) for name, size in pss.items()}
        pss[most] += rest % len(pss)
    return pss


class Recorder:
    """Writes the history of a machine down, from now on."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.samples: list[Sample] = []
        self.moments: list[Moment] = []
        self.limits: dict[str, int] = {}
        self.peak = Peak(0, 0)
        self._read = len(machine.log)

    def sample(self, position: int) -> None:
        """Add a sample of the machine as it is now. Costs a look at every page table."""
        machine = self.machine
        data, tables = machine.frames.used * PAGE_SIZE, machine.frames.tables * PAGE_SIZE
        self.samples.append(Sample(position, machine.clock, shares(machine, data), data, tables))
        self.limits |= {path: group.max for path, group in machine.cgroups.items() if group.max is not None}

    def note(self, position: int) -> list[str]:
        """Note what is in use, and what the log has that is new: as moments, one of a kind; their kinds. Cheap."""
        if self.machine.in_use > self.peak.in_use:
            self.peak = Peak(self.machine.in_use, position)
        kinds: dict[str, Moment] = {}
        for event in self.machine.log[self._read :]:
            kind = KINDS.get(event.kind)
            if kind and kind not in kinds:
                kinds[kind] = Moment(position, event.time, kind, words.event(event))
        self._read = len(self.machine.log)
        self.moments += kinds.values()
        return list(kinds)

    def thin_out(self) -> None:
        """Drop every second sample if there are many, the last one never."""
        if len(self.samples) > MOST_LIVE:
            self.samples = self.samples[:-1][::2] + self.samples[-1:]

    def history(self) -> History:
        """What was written down so far."""
        ram = self.machine.frames.total * PAGE_SIZE
        return History(tuple(self.samples), tuple(self.moments), self.peak, ram, dict(self.limits))


Progress = tuple[int, int]  # operations done, and all of them


def sampling(x: trace.Trace, samples: int = 60) -> Generator[Progress, None, History]:
    """Run a trace on a machine of its own, a slice of work at each `next`; the value in the end is the History.

    At most `samples` samples: of the start, the end, after forks and deaths, and evenly in between. The run goes on
    after what is refused, and after processes die. Raises ValueError for a malformed trace.
    """
    samples = whole("samples", samples, "give a number of samples, 2 or more", least=2)
    checked = trace.validate(x)
    ops, recorder = checked["ops"], Recorder(trace.machine_of(checked))
    wanted = positions(ops, samples)
    spare = samples - len(wanted)
    recorder.sample(0)
    for position, op in enumerate(ops, 1):
        yield from _perform(recorder, op, position, len(ops))
        killed = "kill" in recorder.note(position)
        if position in wanted or (killed and spare > 0):
            spare -= position not in wanted
            recorder.sample(position)
        yield position, len(ops)
    return recorder.history()


def history(x: trace.Trace, samples: int = 60) -> History:
    """`sampling`, all at once."""
    run = sampling(x, samples)
    while True:
        try:
            next(run)
        except StopIteration as end:
            result: History = end.value
            return result


def _perform(recorder: Recorder, op: trace.Op, position: int, total: int) -> Iterable[Progress]:
    """Do an operation, a loop pass by pass. What is refused becomes a moment; the log has refusals and kills itself."""
    try:
        for step in trace.steps(op):
            trace.apply(recorder.machine, step)
            yield position - 1, total
    except (SegmentationFault, GroupBusy, Deadlock) as refused:
        recorder.moments.append(Moment(position, recorder.machine.clock, "refuse", str(refused)))
    except Error:  # a refused promise, the caller's death, or an operation of somebody dead: the run goes on
        return


def positions(ops: Sequence[Mapping[str, Any]], samples: int) -> set[int]:
    """Where to sample: at most `samples` positions of 0 to len(ops); if there are more, some are left for OOM kills."""
    if len(ops) < samples:
        return set(range(len(ops) + 1))
    planned = max(2, samples - samples // 5)
    turns = [position for position, op in enumerate(ops, 1) if op["op"] in TURNS]
    chosen = set(_evenly(turns, planned // 3))
    return chosen | set(_evenly(range(len(ops) + 1), planned - len(chosen)))


def _evenly(items: Sequence[int], n: int) -> list[int]:
    """At most `n` of `items`, the first and the last among them if `n` is 2 or more."""
    if len(items) <= n:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, n).round().astype(np.int64).tolist()]
