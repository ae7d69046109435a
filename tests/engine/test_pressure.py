"""Pressure stall information: closed forms by hand, and a loop that takes one period after the other."""

import copy
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cowlab.engine.reports.pressure import FACTORS, PERIOD, Pressure

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def averages(pressure, now):
    line = pressure.report(now)["some"]
    return [line["avg10"], line["avg60"], line["avg300"]]


def stalled_half(periods):
    """Each period is stalled for its first half."""
    pressure = Pressure()
    for number in range(periods):
        pressure.stall(number * PERIOD, number * PERIOD + SECOND)
    return pressure


# ---- closed forms


def test_without_a_stall_all_is_zero():
    line = {"avg10": 0.0, "avg60": 0.0, "avg300": 0.0, "total": 0}
    assert Pressure().report(0) == Pressure().report(DAY) == {"some": line, "full": line}


def test_the_first_period_counts_when_it_is_over():
    pressure = Pressure()
    pressure.stall(0, 500_000_000)  # a quarter of it
    assert averages(pressure, PERIOD - 1) == [0, 0, 0]
    # 25 per cent × (2048 − factor) / 2048, each rounded up to a 2048th, then cut off to two decimals
    assert averages(pressure, PERIOD) == [4.52, 0.81, 0.17]


def test_the_total_is_exact_at_once():
    pressure = Pressure()
    for start in range(0, 1_000_000, 1000):
        pressure.stall(start, start + 7)
    assert pressure.total == 7000
    assert pressure.report(1_000_000)["full"]["total"] == 7


def test_a_steady_share_is_what_the_averages_come_to():
    assert averages(stalled_half(100), 100 * PERIOD)[0] == 50
    assert averages(stalled_half(2000), 2000 * PERIOD) == [50, 50, 50]


def test_an_average_rises_as_its_window_says():
    after_60_s = averages(stalled_half(30), 30 * PERIOD)
    for average, factor in zip(after_60_s, FACTORS.values(), strict=True):
        assert average == pytest.approx(50 * (1 - (factor / 2048) ** 30), abs=0.15)


def test_idle_time_decays_at_once():
    pressure, end = stalled_half(2000), 2000 * PERIOD
    assert averages(pressure, end + PERIOD - 1) == [50, 50, 50]
    for idle in (1, 2, 5, 30, 150):
        for average, factor in zip(averages(pressure, end + idle * PERIOD), FACTORS.values(), strict=True):
            assert average == pytest.approx(50 * (factor / 2048) ** idle, abs=0.2)


def test_a_whole_period_is_a_hundred_per_cent():
    pressure = Pressure()
    pressure.stall(0, 3000 * PERIOD)
    assert averages(pressure, 3000 * PERIOD) == [100, 100, 100]
    assert pressure.report(3000 * PERIOD)["some"]["total"] == 6_000_000_000


def test_a_share_counts_in_whole_per_cents_as_in_the_kernel():
    pressure = Pressure()
    for number in range(100):
        pressure.stall(number * PERIOD, number * PERIOD + 19_999_999)  # a little less than 1 per cent
    assert averages(pressure, 100 * PERIOD) == [0, 0, 0]
    assert pressure.total == 1_999_999_900


def test_periods_begin_with_the_group():
    late = Pressure(opened=5 * SECOND)
    late.stall(5 * SECOND, 7 * SECOND)
    early = Pressure()
    early.stall(0, 2 * SECOND)
    assert late.report(8 * SECOND) == early.report(3 * SECOND)


def test_full_equals_some():
    report = stalled_half(3).report(7 * SECOND)
    assert report["full"] == report["some"]
    assert report["full"] is not report["some"]


# ---- order


def test_stalls_must_come_in_order():
    pressure = Pressure()
    pressure.stall(10, 20)
    before = copy.copy(pressure)
    for start, end in [(19, 30), (25, 24), (0, 5)]:
        with pytest.raises(ValueError, match="nor begin before 20 ns, when the last one ended"):
            pressure.stall(start, end)
    with pytest.raises(ValueError, match="a stall until 20 ns is in it already"):
        pressure.report(19)
    with pytest.raises(ValueError, match="nor begin before 7 ns"):
        Pressure(opened=7).stall(6, 8)
    assert pressure == before


def test_looking_changes_nothing():
    pressure = stalled_half(10)
    before = copy.copy(pressure)
    pressure.report(DAY)
    assert pressure == before


def test_days_take_no_time():
    began = time.perf_counter()
    pressure = Pressure()
    pressure.stall(0, 1000 * DAY)
    pressure.stall(5000 * DAY, 6000 * DAY)
    pressure.report(100_000 * DAY)
    assert time.perf_counter() - began < 1


# ---- the loop


def naive(stalls, now):
    """(avg10, avg60, avg300), each period's share taken as the kernel does, and folded in without rounding."""
    found = [0.0, 0.0, 0.0]
    for period in range(now // PERIOD):
        begin, end = period * PERIOD, (period + 1) * PERIOD
        stalled = sum(max(0, min(b, end) - max(a, begin)) for a, b in stalls)
        percent = stalled * 100 // PERIOD
        found = [(x * f + percent * (2048 - f)) / 2048 for x, f in zip(found, FACTORS.values(), strict=True)]
    return found


# Gaps and stalls in tenths of a period, often at its edges.
LENGTH = st.one_of(st.integers(0, 25), st.sampled_from([10, 20, 100, 400])).map(lambda tenths: tenths * PERIOD // 10)


@given(st.lists(st.tuples(LENGTH, LENGTH), max_size=12), LENGTH)
def test_it_agrees_with_a_loop_over_the_periods(lengths, after):
    pressure, stalls, clock = Pressure(), [], 0
    for gap, length in lengths:
        stalls.append((clock + gap, clock + gap + length))
        pressure.stall(*stalls[-1])
        clock += gap + length
    report = pressure.report(clock + after)["some"]
    assert report["total"] == sum(end - start for start, end in stalls) // 1000
    for average, expected in zip(averages(pressure, clock + after), naive(stalls, clock + after), strict=True):
        assert average == pytest.approx(expected, abs=0.5)  # 11 bits: up to 0.3 in a power, 0.1 in a long run


@given(st.lists(st.tuples(LENGTH, LENGTH), max_size=8))
def test_a_stall_in_two_halves_is_the_same(lengths):
    whole, halves, clock = Pressure(), Pressure(), 0
    for gap, length in lengths:
        start, end = clock + gap, clock + gap + length
        whole.stall(start, end)
        halves.stall(start, (start + end) // 2)
        halves.stall((start + end) // 2, end)
        clock = end
    assert whole.report(clock) == halves.report(clock)
