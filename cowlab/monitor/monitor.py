"""The monitor itself: it looks after each call on the machine, samples what is due, and tries its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from ..arguments import check_flag
from ..engine import Machine, Process
from ..engine.rules.cgroup import Group
from .rules import Alert, Rule, RuleError, Watch, check_number
from .samples import AVERAGES, COUNTERS, GAUGES, RATES, GroupSample, Sample
from .series import SECOND, Clock, Rates, Table
from .standard_rules import path_of


class Monitor:
    """Samples `machine` every `every` seconds of its clock, from now on, and tries `rules` on each sample.

    `processes` are watched one by one (a Process, or a name that somebody may come to have), and so are `groups` (a
    Group or a path). `pss=True` samples PSS too, which takes far longer than all else.

    The first sample is of now, with rates of 0. Time passes within calls on the machine only, and the monitor looks
    after each. So where a call passes several instants, all have the sizes and averages that it left behind (to see
    pressure decay, advance in small steps), and its rates are spread evenly over its time. Each rate counts to the call
    that caused it. A call that passes more than 1,000 instants gets samples at 1,000, evenly spread, the first and the
    last among them: rates, and the time for which a rule holds, go by the clock and stay right.

    An alert also goes to the machine's log, as an event of kind "alert" with the name of the rule as its mapping. A
    rule that fails is not tried again, and disturbs neither the machine nor the other rules: see `errors`.
    """

    def __init__(
        self,
        machine: Machine,
        every: float = 1.0,
        rules: Iterable[Rule] | None = None,
        processes: Iterable[Process | str] = (),
        groups: Iterable[Group | str] = (),
        pss: bool = False,
    ) -> None:
        if not isinstance(machine, Machine):
            raise ValueError(f"Monitor({machine!r}): give a Machine")
        check_number("Monitor", "every", every, 1e-6)
        check_flag("pss", pss)
        self.machine = machine
        self.every = every
        self.alerts: list[Alert] = []
        self.errors: list[RuleError] = []
        self._watches = [Watch(rule) for rule in _check_rules(rules or ())]
        self._processes = _unique(map(_name, _listed("processes", processes)))
        self._groups = self._check_groups(groups)
        self._pss = pss
        self._table = Table(self._columns())
        self._clock = Clock(_now(machine), round(every * SECOND))
        self._rates = Rates(_now(machine), _counters(machine))
        self._busy = False  # a rule may call the machine, which calls here
        self._add([_now(machine)], dict.fromkeys(RATES, np.zeros(1)))
        self._forget: Callable[[], None] | None = machine.on_change(self._look)

    def __repr__(self) -> str:
        failed = f", failed rules: {len(self.errors)}" if self.errors else ""
        return f"<Monitor: {self._table.rows} samples, {len(self.alerts)} alerts{failed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Sample no more. What was sampled stays."""
        if self._forget:
            self._forget()
            self._forget = None

    @property
    def series(self) -> dict[str, np.ndarray]:
        """{name: values}, all of the same length; read-only, and not changed by later samples.

        "time" in seconds; in bytes (int64): "used", "committed", "available", "rss", "pss" if asked for, "rss:NAME" of
        a watched process, "group:PATH" (what is charged); the rates of `Sample` (float64); in per cent: "some_avg10",
        "full_avg10", "pressure:PATH" (some_avg10 of a watched group).
        """
        return self._table.views()

    @property
    def firing(self) -> list[Alert]:
        """The alerts that have not cleared."""
        return [alert for alert in self.alerts if alert.cleared_at is None]

    def _look(self, machine: Machine) -> None:
        """After each call on the machine."""
        if self._busy:
            return
        now, counters = _now(machine), _counters(machine)
        if now >= self._clock.due:
            instants = self._clock.passed(now)
            self._add(instants, self._rates.at(instants, now, counters))
        self._rates.last = now, counters

    def _add(self, instants: list[int], rates: dict[str, np.ndarray]) -> None:
        self._busy = True
        try:
            sample = self._sample()
            times = np.array(instants, dtype=float) / SECOND
            self._table.add(len(instants), self._row(sample) | rates | {"time": times})
            if self._watches:
                for values in zip(times.tolist(), *(rates[name].tolist() for name in RATES), strict=True):
                    self._try_rules(sample._replace(**dict(zip(("time", *RATES), values, strict=True))))
        finally:
            self._busy = False

    def _try_rules(self, sample: Sample) -> None:
        for watch in list(self._watches):
            try:
                alert = watch.see(sample.time, watch.value_of(sample))
            except RuleError as error:
                self.errors.append(error)
                self._watches.remove(watch)
                continue
            if alert:
                self.alerts.append(alert)
                self.machine.record("alert", "", alert.rule, (0, 0), 1)

    # What is sampled ----------------------------------------------------------------------------------------------

    def _sample(self) -> Sample:
        """The machine as it is now; time and rates are left at 0."""
        machine = self.machine
        info, pressure, living = machine.meminfo(), machine.pressure(), machine.processes
        rss = [process.rss for process in living]
        by_name = {process.name: size for process, size in zip(living, rss, strict=True)} if self._processes else {}
        return Sample(
            total=info["MemTotal"] * 1024,
            used=(info["MemTotal"] - info["MemFree"]) * 1024,
            committed=info["Committed_AS"] * 1024,
            available=info["MemAvailable"] * 1024,
            rss=sum(rss),
            pss=sum(process.pss for process in living) if self._pss else None,
            some_avg10=pressure["some"]["avg10"],
            full_avg10=pressure["full"]["avg10"],
            processes={name: by_name.get(name, 0) for name in self._processes},
            groups={path: self._group(path) for path in self._groups},
            time=0.0,
            **dict.fromkeys(RATES, 0.0),
        )

    def _group(self, path: str) -> GroupSample:
        group = self.machine.cgroups.get(path)
        if group is None:
            return GroupSample(0, None, 0.0)
        return GroupSample(group.current, group.max, group.pressure()["some"]["avg10"])

    def _columns(self) -> Mapping[str, type]:
        """The names of the series, and of what type each is."""
        sizes = [*GAUGES, *(["pss"] if self._pss else []), *(f"rss:{name}" for name in self._processes)]
        sizes += [f"group:{path}" for path in self._groups]
        shares = [*RATES, *AVERAGES, *(f"pressure:{path}" for path in self._groups)]
        return {"time": float} | dict.fromkeys(sizes, int) | dict.fromkeys(shares, float)

    def _row(self, sample: Sample) -> dict[str, Any]:
        """What all samples of one call have in common, by the name of the series."""
        names = (*GAUGES, *AVERAGES, *(["pss"] if self._pss else []))
        row = {name: getattr(sample, name) for name in names}
        row |= {f"rss:{name}": size for name, size in sample.processes.items()}
        for path, group in sample.groups.items():
            row |= {f"group:{path}": group.current, f"pressure:{path}": group.some_avg10}
        return row

    def _check_groups(self, groups: Iterable[Group | str]) -> tuple[str, ...]:
        needed = [path for watch in self._watches for path in watch.rule.groups]
        paths = _unique(map(path_of, [*_listed("groups", groups), *needed]))
        for path in paths:
            if path not in self.machine.cgroups:
                known = ", ".join(self.machine.cgroups)
                raise ValueError(f"group {path!r} is none of this machine: make it first; it has {known}")
        return paths


def _now(machine: Machine) -> int:
    """Nanoseconds on the machine's clock."""
    return round(machine.clock * SECOND)


def _counters(machine: Machine) -> np.ndarray:
    counts = machine.vmstat() | {"stalled": int(machine.pressure()["some"]["total"])}
    return np.array([counts[name] for name in COUNTERS], dtype=float)


def _check_rules(rules: Iterable[Rule]) -> list[Rule]:
    checked: list[Rule] = []
    for rule in _listed("rules", rules):
        if not isinstance(rule, Rule):
            hint = "use Rule(...), or one of the course, such as working_set_above()"
            if isinstance(rule, list):
                hint = "put a star before a list of rules, as in [*committed_rules('2 GiB')]"
            raise ValueError(f"rules: {rule!r} is not a Rule; {hint}")
        if any(rule.name == other.name for other in checked):
            raise ValueError(f"two rules are named {rule.name!r}: give each a name of its own")
        checked.append(rule)
    return checked


def _listed(what: str, things: Any) -> list[Any]:
    if isinstance(things, (str, Rule)) or not isinstance(things, Iterable):
        raise ValueError(f"{what}={things!r}: give a list, such as [{things!r}]")
    return list(things)


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _name(process: Process | str) -> str:
    name = process.name if isinstance(process, Process) else process
    if not isinstance(name, str) or not name:
        raise ValueError(f"processes: {process!r} is no process: give one of machine.processes, or a name")
    return name
