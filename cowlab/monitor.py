"""Watch a machine: what it uses over simulated time, as numpy arrays, and alerts by rules that say what to do.

    from cowlab.monitor import Monitor, Rule, committed_rules

    def used_share(sample):
        return sample.used / sample.total

    full = Rule("nearly full", used_share, above=0.9, clear=0.8, for_seconds=10, advice="Look for the largest process.")
    with Monitor(machine, every=1.0, rules=[full, *committed_rules("2 GiB")]) as monitor:
        ...                        # use the machine; its clock moves with what calls cost, and by machine.advance
    monitor.series["used"]         # bytes, one entry for each of monitor.series["time"]
    for alert in monitor.alerts:
        print(alert)

A monitor sees what an operator of a real machine sees (meminfo, vmstat, pressure, RSS, groups), and nothing else.

An alert on promises (`committed_rules`) is about what may happen. Processes that forked from one share their memory,
and each has the whole of it promised again: such a tree can fire it with next to nothing in use. Rules on what does
happen (`working_set_above`, `pressure_above`, `sustained_paging`) are quiet then. Compare them before acting.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from .engine import Error, Machine, Process
from .engine.cgroup import Group
from .units import PAGE_SIZE, format_size, parse_size

__all__ = [
    "Alert",
    "GroupSample",
    "Monitor",
    "Rule",
    "RuleError",
    "Sample",
    "committed_rules",
    "near_limit",
    "pressure_above",
    "sustained_paging",
    "working_set_above",
]

MOST_AT_ONCE = 1000
"""Samples that one call on the machine adds at most; `Monitor` says which, if it passes more instants."""

_SECOND = 10**9  # nanoseconds

_RATES: dict[str, tuple[tuple[str, ...], float]] = {
    "page_in": (("pgpgin",), 1024),
    "page_out": (("pgpgout",), 1024),
    "swap_in": (("pswpin",), PAGE_SIZE),
    "swap_out": (("pswpout",), PAGE_SIZE),
    "major_faults": (("pgmajfault",), 1),
    "refaults": (("workingset_refault_anon", "workingset_refault_file"), 1),
    "stalled": (("stalled",), 100 / 1e6),  # microseconds a second, in per cent
}
"""Rates a second by name: the counters that are added up, and what one of their units counts."""

_COUNTERS = tuple(counter for counters, _ in _RATES.values() for counter in counters)

_GAUGES = ("used", "committed", "available", "rss")  # bytes

_AVERAGES = ("some_avg10", "full_avg10")  # per cent


# What a rule sees -------------------------------------------------------------------------------------------------


class GroupSample(NamedTuple):
    """A watched group at one time. A group that was removed has 0 bytes and no limit."""

    current: int  # bytes charged
    max: int | None  # bytes that it may have; None: no limit
    some_avg10: float  # per cent of the last 10 s in which a process of it waited for memory


class Sample(NamedTuple):
    """A machine at one time. Sizes are bytes, rates are a second, since the sample before."""

    time: float  # seconds of the machine's clock
    total: int  # MemTotal
    used: int  # MemTotal - MemFree
    committed: int  # Committed_AS: what is promised
    available: int  # MemAvailable: what new work could have without swapping
    rss: int  # summed over all living processes; shared pages count once for each
    pss: int | None  # the same, shared pages divided by their mappers; None unless asked for
    page_in: float  # bytes a second read from disk and swap
    page_out: float  # bytes a second written to disk and swap
    swap_in: float  # bytes a second read from swap
    swap_out: float  # bytes a second written to swap
    major_faults: float  # a second
    refaults: float  # pages a second read back that had been evicted
    stalled: float  # per cent of the time since the sample before in which a process waited for memory
    some_avg10: float  # per cent: pressure of the last 10 s, as /proc/pressure/memory has it
    full_avg10: float  # per cent: the same, for times in which all processes waited
    processes: Mapping[str, int]  # RSS of the watched processes; 0 where none of the name is alive
    groups: Mapping[str, GroupSample]  # the watched groups by path


# Rules and alerts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Fires when `value(sample)` has been greater than `above` for `for_seconds`.

    The time runs from the first sample above; one that is not starts it anew. A rule that fired stays so until a value
    is at most `clear` (at most `above`; the default is `above`), and only then can it fire again: with some distance
    between the two, a value that swings around `above` is one alert and not many.

    `severity` is "warn" or "page" (wake somebody). `advice` says what to do. `groups` are paths that it needs watched.
    """

    name: str
    value: Callable[[Sample], float]
    above: float
    clear: float | None = None
    for_seconds: float = 0.0
    severity: Literal["warn", "page"] = "warn"
    advice: str = field(kw_only=True)
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"rule name {self.name!r} is not a name: use text, such as 'nearly full'")
        what = f"rule {self.name!r}"
        if not callable(self.value):
            raise ValueError(f"{what}: value={self.value!r} is not a function; give one that takes a sample")
        _check_number(what, "above", self.above)
        if self.clear is not None:
            _check_number(what, "clear", self.clear)
            if self.clear > self.above:
                raise ValueError(f"{what}: clear={self.clear!r} is more than above={self.above!r}; give at most that")
        _check_number(what, "for_seconds", self.for_seconds, 0)
        if self.severity not in ("warn", "page"):
            raise ValueError(f"{what}: severity={self.severity!r}; give 'warn' or 'page'")
        if not isinstance(self.advice, str) or not self.advice:
            raise ValueError(f"{what}: advice={self.advice!r}; say in a sentence what to do when it fires")
        if isinstance(self.groups, str):
            raise ValueError(f"{what}: groups={self.groups!r} is one path; give a tuple, such as ({self.groups!r},)")


@dataclass
class Alert:
    """A rule that fired: when (seconds of the machine's clock), at what value, and what to do."""

    rule: str
    severity: str
    time: float
    value: float
    advice: str
    cleared_at: float | None = None  # seconds; None while it lasts

    def __str__(self) -> str:
        end = "" if self.cleared_at is None else f" Cleared at {self.cleared_at:g} s."
        return f"{self.time:g} s, {self.severity}: {self.rule}, at {self.value:.4g}. {self.advice}{end}"


class RuleError(Error):
    """The function of a rule raised an error (which is the `__cause__`), or gave no number."""


class _Watch:
    """A rule, and how far it is."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.clear = rule.above if rule.clear is None else rule.clear
        self.since: float | None = None  # the first of the samples above, without a break
        self.alert: Alert | None = None  # that has not cleared

    def see(self, time: float, value: float) -> Alert | None:
        """Take the next value; the alert, if it fires now."""
        rule = self.rule
        if self.alert:
            if value <= self.clear:
                self.alert.cleared_at, self.alert, self.since = time, None, None
            return None
        if not value > rule.above:
            self.since = None
            return None
        self.since = time if self.since is None else self.since
        if time - self.since + 2 * math.ulp(time) < rule.for_seconds:  # times are rounded
            return None
        self.alert = Alert(rule.name, rule.severity, time, value, rule.advice)
        return self.alert

    def value_of(self, sample: Sample) -> float:
        """What the rule's function gives. Raises RuleError if it gives no number."""
        what = f"rule {self.rule.name!r} stopped at {sample.time:g} s: its function"
        try:
            value = self.rule.value(sample)
        except Exception as error:
            raise RuleError(f"{what} raised {error!r}. Mend it, and make a new monitor with it") from error
        if isinstance(value, (bool, np.bool_)):
            raise RuleError(f"{what} gave {value}. Return the value to compare, and let `above` say from where on")
        if not _is_number(value) or math.isnan(value):
            raise RuleError(f"{what} gave {value!r}. Return a number")
        return float(value)


# The course's rules -----------------------------------------------------------------------------------------------


def committed_rules(reserve: int | str) -> list[Rule]:
    """Committed_AS against the headroom, MemTotal - `reserve`: warn above 1.10 times it, page above 1.20 times.

    They are about promises, and fire on healthy fork trees too.
    """
    kept = parse_size(reserve, "reserve")

    def committed_to_headroom(sample: Sample) -> float:
        headroom = sample.total - kept
        if headroom <= 0:
            total = format_size(sample.total)
            raise ValueError(f"a reserve of {format_size(kept)} leaves nothing of {total}: keep less")
        return sample.committed / headroom

    warn = "More is promised than fits. See if it is used: MemAvailable, pressure. If not, forks may just share it."
    page = "Far more is promised than fits. If MemAvailable falls too, start nothing new and find who grows."
    return [
        Rule("committed above 1.10 x headroom", committed_to_headroom, 1.10, 1.05, severity="warn", advice=warn),
        Rule("committed above 1.20 x headroom", committed_to_headroom, 1.20, 1.15, severity="page", advice=page),
    ]


def sustained_paging(pages_per_second: float = 1000, for_seconds: float = 30) -> Rule:
    """Pages in and out, to disk and swap, without a break; clears at half as many.

    The first reading of a file counts too: `for_seconds` is there for that, and for a burst in which what nobody needs
    is swapped out. `Sample.refaults` has only the pages that were missed.
    """
    _check_number("sustained_paging", "pages_per_second", pages_per_second, 0)

    def paging(sample: Sample) -> float:
        return (sample.page_in + sample.page_out) / PAGE_SIZE

    advice = "What is in use does not fit into RAM. Run less at once, or find the process with the most major faults."
    name = f"more than {pages_per_second:g} pages/s in and out"
    return Rule(name, paging, pages_per_second, pages_per_second / 2, for_seconds, "page", advice=advice)


def near_limit(group: Group | str, share: float = 0.9, for_seconds: float = 0) -> Rule:
    """A group uses more than `share` of its `max`; clears 0.05 below. Without a limit it is at 0.

    What is charged may be pages of files, which are dropped before anybody is killed: `Group.stat` says how much.
    """
    path = _path(group)
    _check_share("near_limit", "share", share)

    def share_of_limit(sample: Sample) -> float:
        watched = sample.groups[path]
        return 0.0 if watched.max is None else watched.current / max(watched.max, 1)

    advice = f"Raise the limit of {path}, or find what grows in it: at its limit it reclaims pages, then kills."
    name = f"{path} above {share:.0%} of its limit"
    return Rule(name, share_of_limit, share, max(0, share - 0.05), for_seconds, advice=advice, groups=(path,))


def pressure_above(percent: float = 10, for_seconds: float = 10, group: Group | str | None = None) -> Rule:
    """Some process waited for memory for more than `percent` of the last 10 s (avg10); clears at half of it.

    On the whole machine, or in `group`.
    """
    _check_number("pressure_above", "percent", percent, 0)
    path = None if group is None else _path(group)

    def pressure(sample: Sample) -> float:
        return sample.some_avg10 if path is None else sample.groups[path].some_avg10

    where, groups = ("", ()) if path is None else (f" in {path}", (path,))
    advice = "Work waits for memory. Give it more, or run less of it at once; refaults and swap-ins say what is missed."
    name = f"pressure above {percent:g} %{where}"
    return Rule(name, pressure, percent, percent / 2, for_seconds, "page", advice=advice, groups=groups)


def working_set_above(share_of_ram: float = 0.9, for_seconds: float = 0) -> Rule:
    """More than this share of RAM is not available (MemAvailable): it could be had by swapping or killing only.

    Clears 0.05 below.
    """
    _check_share("working_set_above", "share_of_ram", share_of_ram)

    def share_in_use(sample: Sample) -> float:
        return 1 - sample.available / sample.total

    advice = "RAM is nearly used up. Stop or move something, before pages are swapped or a process is killed."
    name, clear = f"working set above {share_of_ram:.0%} of RAM", max(0, share_of_ram - 0.05)
    return Rule(name, share_in_use, share_of_ram, clear, for_seconds, advice=advice)


# The monitor ------------------------------------------------------------------------------------------------------


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
        _check_number("Monitor", "every", every, 1e-6)
        if not isinstance(pss, bool):
            raise ValueError(f"pss={pss!r} is not True or False")
        self.machine = machine
        self.every = every
        self.alerts: list[Alert] = []
        self.errors: list[RuleError] = []
        self._watches = [_Watch(rule) for rule in _check_rules(rules or ())]
        self._processes = _unique(map(_name, _listed("processes", processes)))
        self._groups = self._check_groups(groups)
        self._pss = pss
        self._table = _Table(self._columns())
        self._clock = _Clock(_now(machine), round(every * _SECOND))
        self._rates = _Rates(_now(machine), _counters(machine))
        self._busy = False  # a rule may call the machine, which calls here
        self._add([_now(machine)], dict.fromkeys(_RATES, np.zeros(1)))
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
            times = np.array(instants, dtype=float) / _SECOND
            self._table.add(len(instants), self._row(sample) | rates | {"time": times})
            if self._watches:
                for values in zip(times.tolist(), *(rates[name].tolist() for name in _RATES), strict=True):
                    self._try_rules(sample._replace(**dict(zip(("time", *_RATES), values, strict=True))))
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
            **dict.fromkeys(_RATES, 0.0),
        )

    def _group(self, path: str) -> GroupSample:
        group = self.machine.cgroups.get(path)
        if group is None:
            return GroupSample(0, None, 0.0)
        return GroupSample(group.current, group.max, group.pressure()["some"]["avg10"])

    def _columns(self) -> Mapping[str, type]:
        """The names of the series, and of what type each is."""
        sizes = [*_GAUGES, *(["pss"] if self._pss else []), *(f"rss:{name}" for name in self._processes)]
        sizes += [f"group:{path}" for path in self._groups]
        shares = [*_RATES, *_AVERAGES, *(f"pressure:{path}" for path in self._groups)]
        return {"time": float} | dict.fromkeys(sizes, int) | dict.fromkeys(shares, float)

    def _row(self, sample: Sample) -> dict[str, Any]:
        """What all samples of one call have in common, by the name of the series."""
        names = (*_GAUGES, *_AVERAGES, *(["pss"] if self._pss else []))
        row = {name: getattr(sample, name) for name in names}
        row |= {f"rss:{name}": size for name, size in sample.processes.items()}
        for path, group in sample.groups.items():
            row |= {f"group:{path}": group.current, f"pressure:{path}": group.some_avg10}
        return row

    def _check_groups(self, groups: Iterable[Group | str]) -> tuple[str, ...]:
        needed = [path for watch in self._watches for path in watch.rule.groups]
        paths = _unique(map(_path, [*_listed("groups", groups), *needed]))
        for path in paths:
            if path not in self.machine.cgroups:
                known = ", ".join(self.machine.cgroups)
                raise ValueError(f"group {path!r} is none of this machine: make it first; it has {known}")
        return paths


class _Clock:
    """The instants at which samples are due, in nanoseconds: whole ones, so that they do not drift."""

    def __init__(self, start: int, every: int) -> None:
        self.every = every
        self.due = start + every

    def passed(self, now: int) -> list[int]:
        """The instants from the one that was due until `now`, at most MOST_AT_ONCE; then the next is due."""
        first, last = self.due, (now - self.due) // self.every
        self.due += (last + 1) * self.every
        steps: Iterable[int] = range(last + 1)
        if last >= MOST_AT_ONCE:
            steps = (last * number // (MOST_AT_ONCE - 1) for number in range(MOST_AT_ONCE))
        return [first + step * self.every for step in steps]


class _Rates:
    """Rates between instants, from counters that are known after each call: within a call they count evenly."""

    def __init__(self, now: int, counters: np.ndarray) -> None:
        self.last = now, counters  # the end of the latest call
        self.sampled = now, counters  # the latest instant, and what the counters were then

    def at(self, instants: list[int], now: int, counters: np.ndarray) -> dict[str, np.ndarray]:
        """{name: rate a second at each instant, since the instant before}, for instants of the call that ended now."""
        before, counted = self.last
        parts = np.array([(instant - before) / (now - before) for instant in instants], float)
        reached = counted + parts[:, None] * (counters - counted)
        grown = np.diff(reached, axis=0, prepend=self.sampled[1][None])
        ends = [self.sampled[0], *instants]
        seconds = np.array([(end - start) / _SECOND for start, end in pairwise(ends)], float)
        self.sampled = instants[-1], reached[-1]
        return dict(zip(_RATES, _per_rate(grown / seconds[:, None]), strict=True))


def _per_rate(counts: np.ndarray) -> Iterator[np.ndarray]:
    """The columns of counters, added up to those of rates."""
    column = 0
    for counters, unit in _RATES.values():
        yield counts[:, column : column + len(counters)].sum(axis=1) * unit
        column += len(counters)


class _Table:
    """Columns of equal length, with room for as many rows again whenever they are full."""

    def __init__(self, columns: Mapping[str, type]) -> None:
        self.rows = 0
        types: dict[type, type] = {int: np.int64, float: np.float64}
        self._arrays: dict[str, np.ndarray] = {name: np.empty(64, dtype=types[kind]) for name, kind in columns.items()}

    def add(self, rows: int, values: Mapping[str, Any]) -> None:
        """Add rows, with an array or one value for all of them for each column."""
        stop = self.rows + rows
        if stop > len(self._arrays["time"]):
            size = max(stop, 2 * self.rows)
            self._arrays = {name: _longer(array, self.rows, size) for name, array in self._arrays.items()}
        for name, array in self._arrays.items():
            array[self.rows : stop] = values[name]
        self.rows = stop

    def views(self) -> dict[str, np.ndarray]:
        """The filled part of each column, not to be written."""
        views = {name: array[: self.rows] for name, array in self._arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return views


def _longer(array: np.ndarray, filled: int, size: int) -> np.ndarray:
    longer = np.empty(size, dtype=array.dtype)
    longer[:filled] = array[:filled]
    return longer


# Helpers ----------------------------------------------------------------------------------------------------------


def _now(machine: Machine) -> int:
    """Nanoseconds on the machine's clock."""
    return round(machine.clock * _SECOND)


def _counters(machine: Machine) -> np.ndarray:
    counts = machine.vmstat() | {"stalled": int(machine.pressure()["some"]["total"])}
    return np.array([counts[name] for name in _COUNTERS], dtype=float)


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


def _path(group: Group | str) -> str:
    path = group.path if isinstance(group, Group) else group
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"group {group!r}: give one of machine.cgroups, or its path, such as '/pods/a'")
    return path


def _is_number(value: object) -> bool:
    return isinstance(value, (float, int, numbers.Real)) and not isinstance(value, bool)


def _check_share(what: str, name: str, share: float) -> None:
    if not _is_number(share) or not 0 < share <= 1:
        raise ValueError(f"{what}: {name}={share!r}; give a share, such as 0.9 for 90 %")


def _check_number(what: str, name: str, number: float, least: float = -math.inf) -> None:
    """`number` must be a finite number, and at least `least`."""
    if not _is_number(number) or not math.isfinite(number):
        raise ValueError(f"{what}: {name}={number!r}; give a finite number")
    if number < least:
        raise ValueError(f"{what}: {name}={number!r}; give {least:g} or more")
