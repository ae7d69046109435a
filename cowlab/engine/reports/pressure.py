"""Pressure stall information: how much of the time tasks waited for memory, as /proc/pressure/memory says it.

The sums are those of kernel/sched/psi.c (update_averages, calc_avgs) in its fixed point, 11 bits behind the point, and
the report has the fields of Documentation/accounting/psi.rst.

>>> waiting = Pressure()
>>> for second in range(60):                        # half of each second is waited for
...     waiting.stall(second * 10**9, second * 10**9 + 5 * 10**8)
>>> report = waiting.report(60 * 10**9)["some"]
>>> report["total"], 49 < report["avg10"] < 51      # microseconds, per cent
(30000000, True)
"""

from __future__ import annotations

from dataclasses import dataclass

PERIOD = 2_000_000_000
"""Nanoseconds between two samples (PSI_FREQ; Linux adds one tick, so that it does not fall in step with others)."""

FACTORS = {"avg10": 1677, "avg60": 1981, "avg300": 2034}
"""What an average keeps of itself at each sample, of 2,048: exp(-2 s / 10 s), and so on for 60 s and 300 s."""

SHIFT = 11  # FSHIFT
ONE = 1 << SHIFT  # FIXED_1

Averages = tuple[int, ...]
Line = dict[str, float]


@dataclass
class Pressure:
    """Pressure of a machine or a group: feed it with `stall`, read it with `report`.

    Times are integer nanoseconds of the simulated clock. In this model operations take turns on one processor: while
    one waits, no other runs. So `full` (all that could run wait) equals `some` (at least one waits).
    """

    opened: int = 0
    """When the sampling period began that is still open; at first, when the machine or the group began."""
    stalled: int = 0
    """Nanoseconds of the open period that were stalled."""
    total: int = 0
    """Nanoseconds stalled since the beginning."""
    averages: Averages = (0,) * len(FACTORS)
    """Of the periods before the open one: per cent, times 2,048."""
    latest: int = 0
    """The end of the last stall."""

    def __post_init__(self) -> None:
        self.latest = max(self.latest, self.opened)

    def stall(self, start: int, end: int) -> None:
        """A task waited for memory from `start` to `end`; stalls come in the order of time and do not overlap.

        Kernel: psi_memstall_enter and psi_memstall_leave.
        """
        if not self.latest <= start <= end:
            raise ValueError(
                f"a stall from {start} to {end} ns: it cannot end before it begins, nor begin before {self.latest} ns, "
                "when the last one ended"
            )
        if end < self.opened + PERIOD:  # nearly every stall
            self.stalled += end - start
        else:
            self._stall_over_the_edge(start, end)
        self.total += end - start
        self.latest = end

    def report(self, now: int) -> dict[str, Line]:
        """{"some": {"avg10", "avg60", "avg300", "total"}, "full": the same}: per cent, cut off at two decimals as Linux
        prints them, and microseconds. Looking changes nothing.

        Like the kernel's, the averages know the periods that are over, and so lag by up to 2 s; the total does not.
        """
        if now < self.latest:
            raise ValueError(f"no report of {now} ns: a stall until {self.latest} ns is in it already")
        averages = self._averages_at(now)
        line: Line = {name: (avg * 100 >> SHIFT) / 100 for name, avg in zip(FACTORS, averages, strict=True)}
        line["total"] = self.total // 1000
        return {"some": line, "full": dict(line)}

    def _stall_over_the_edge(self, start: int, end: int) -> None:
        """A stall that ends after the open period: what falls into it, whole periods, what falls into the last."""
        self._close(start)
        first = min(end, self.opened + PERIOD)
        self.stalled += first - start
        self._close(first)
        whole, rest = divmod(end - first, PERIOD)
        self.averages = _sampled(self.averages, 100, whole)
        self.opened += whole * PERIOD
        self.stalled += rest

    def _close(self, now: int) -> None:
        """Close the periods that are over at `now`: the open one, and those after it, in which nobody waited."""
        self.averages = self._averages_at(now)
        if over := (now - self.opened) // PERIOD:
            self.opened += over * PERIOD
            self.stalled = 0

    def _averages_at(self, now: int) -> Averages:
        over = (now - self.opened) // PERIOD
        if not over:
            return self.averages
        return _decayed(_sampled(self.averages, self.stalled * 100 // PERIOD, 1), over - 1)


def _sampled(averages: Averages, percent: int, periods: int) -> Averages:
    """After so many periods that were each stalled for `percent`, a whole number as in calc_avgs."""
    return tuple(
        _approach(average, factor, percent << SHIFT, periods)
        for average, factor in zip(averages, FACTORS.values(), strict=True)
    )


def _approach(average: int, factor: int, sample: int, periods: int) -> int:
    """calc_load (include/linux/sched/loadavg.h), `periods` times: rounds towards the sample.

    It reaches the sample after 1,140 periods at most, and stays: so a stall of days costs no more than one of an hour.
    """
    for _ in range(periods):
        if average == sample:
            break
        average = _moved(average, factor, sample)
    return average


def _moved(average: int, factor: int, sample: int) -> int:
    up = ONE - 1 if sample >= average else 0
    return (average * factor + sample * (ONE - factor) + up) >> SHIFT


def _decayed(averages: Averages, periods: int) -> Averages:
    """After so many periods in which nobody waited, at once (calc_load_n with a sample of 0)."""
    if not periods:
        return averages
    powers = (_power(factor, periods) for factor in FACTORS.values())
    return tuple(_moved(average, power, 0) for average, power in zip(averages, powers, strict=True))


def _power(factor: int, exponent: int) -> int:
    """factor to the power of `exponent`, in fixed point (kernel/sched/loadavg.c, fixed_power_int)."""
    result = ONE
    while exponent:
        if exponent & 1:
            result = _product(result, factor)
        exponent >>= 1
        factor = _product(factor, factor)
    return result


def _product(a: int, b: int) -> int:
    return (a * b + ONE // 2) >> SHIFT
