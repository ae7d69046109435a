"""The monitor: closed forms by hand for rules and rates, then machines that are healthy, page, or meet a limit."""

import math
import time

import numpy as np
import pytest

import cowlab
from cowlab.engine.reports.costs import EVENTS, Costs
from cowlab.monitor import (
    Alert,
    Monitor,
    Rule,
    RuleError,
    committed_rules,
    near_limit,
    pressure_above,
    sustained_paging,
    working_set_above,
)
from cowlab.monitor.series import MOST_AT_ONCE

MIB = 1 << 20
FREE = Costs(**dict.fromkeys(EVENTS, 0))  # no call takes time: only `advance` does


def machine(**settings):
    return cowlab.Machine(**{"ram": "1 GiB", "costs": FREE, "page_tables": False} | settings)


def course_rules(reserve):
    return [*committed_rules(reserve), working_set_above(), pressure_above(), sustained_paging()]


def alerts_of(values, **rule):
    """(fired at, value, cleared at) of a rule whose value at second i is values[i]."""
    rule = {"above": 10, "advice": "Look."} | rule
    with Monitor(m := machine(), rules=[Rule("by hand", lambda sample: values[round(sample.time)], **rule)]) as monitor:
        m.advance(len(values) - 1)
    assert monitor.errors == []
    return [(alert.time, alert.value, alert.cleared_at) for alert in monitor.alerts]


# ---- rules: hand-made series


def test_a_rule_fires_above_its_threshold_and_not_at_it():
    assert alerts_of([10, 10, 11, 12]) == [(2, 11, None)]


def test_it_clears_at_its_threshold_and_can_fire_again():
    assert alerts_of([11, 12, 10, 9, 20]) == [(0, 11, 2), (4, 20, None)]


def test_with_hysteresis_it_stays_until_the_lower_threshold_is_reached():
    assert alerts_of([11, 9, 11, 8, 11, 7, 9, 10, 11], clear=7) == [(0, 11, 5), (8, 11, None)]


def test_for_seconds_is_counted_from_the_first_sample_above():
    assert alerts_of([0, 11, 12, 13, 14, 0], for_seconds=3) == [(4, 14, 5)]
    assert alerts_of([0, 11, 12, 13, 0, 0], for_seconds=3) == []


def test_a_sample_not_above_starts_the_time_anew_even_if_it_is_over_clear():
    assert alerts_of([11, 11, 10, 11, 11, 11], clear=2, for_seconds=2) == [(5, 11, None)]


def test_after_clearing_the_whole_time_must_pass_again():
    assert alerts_of([11, 11, 0, 11, 11, 0], for_seconds=1) == [(1, 11, 2), (4, 11, 5)]


def test_times_that_binary_numbers_cannot_hold_are_no_sample_late():
    for start in range(20):
        m = machine()
        over = Rule("over", lambda sample: sample.time, start / 10 - 0.01, for_seconds=0.3, advice="Look.")
        monitor = Monitor(m, every=0.1, rules=[over])
        m.advance(5)
        assert [alert.time for alert in monitor.alerts] == [pytest.approx((start + 3) / 10)]


def test_infinity_is_a_value():
    assert alerts_of([0, math.inf, -math.inf]) == [(1, math.inf, 2)]


def test_an_alert_says_when_what_and_what_to_do():
    m = machine()
    monitor = Monitor(m, rules=[Rule("too late", lambda sample: sample.time, 1.5, severity="page", advice="Hurry.")])
    m.advance(2)
    assert monitor.alerts == monitor.firing == [Alert("too late", "page", 2.0, 2.0, "Hurry.")]
    assert str(monitor.alerts[0]) == "2 s, page: too late, at 2. Hurry."
    event = m.log[-1]
    assert (event.kind, event.mapping, event.time, event.count) == ("alert", "too late", 2.0, 1)


def test_an_alert_that_is_over_says_so():
    m = machine()
    monitor = Monitor(m, rules=[Rule("early", lambda sample: 7 - sample.time, 5.5, advice="Wait.")])
    m.advance(2)
    assert monitor.firing == []
    assert str(monitor.alerts[0]) == "0 s, warn: early, at 7. Wait. Cleared at 2 s."


# ---- samples


def test_the_first_sample_is_of_now_and_then_one_follows_each_interval():
    m = machine()
    m.advance(0.25)
    monitor = Monitor(m, every=0.5)
    m.advance(0.4)
    m.advance(1.2)
    assert monitor.series["time"].tolist() == [0.25, 0.75, 1.25, 1.75]


def test_instants_are_not_missed_by_rounding():
    m = machine()
    monitor = Monitor(m, every=0.1)
    for _ in range(1000):
        m.advance(0.1)
    assert len(monitor.series["time"]) == 1001
    assert monitor.series["time"][-1] == pytest.approx(100)


def test_sizes_are_those_of_meminfo_and_of_the_processes():
    m = machine(ram="1 GiB")
    monitor = Monitor(m, processes=["parent", "late"], pss=True)
    parent = m.spawn("parent")
    parent.mmap("64 MiB", name="heap").write()
    child = parent.fork("late")
    child["heap"].write(0, 1024)  # 4 MiB
    m.advance(1)
    parent.exit()
    m.advance(1)
    series = monitor.series
    assert {name: (series[name] // MIB).tolist() for name in series if series[name].dtype == np.int64} == {
        "used": [0, 68, 64],
        "available": [1024, 956, 960],
        "committed": [0, 128, 64],
        "rss": [0, 128, 64],
        "pss": [0, 68, 64],
        "rss:parent": [0, 64, 0],
        "rss:late": [0, 64, 64],
    }


def test_several_instants_in_one_call_have_what_it_left_behind():
    m = machine(costs=Costs(**dict.fromkeys(EVENTS, 0) | {"zero": 1_000_000}))
    monitor = Monitor(m)
    m.spawn().mmap("16 MiB").write()  # 4,096 pages, a millisecond each
    assert monitor.series["time"].tolist() == [0, 1, 2, 3, 4]
    assert monitor.series["used"].tolist() == [0, *[16 * MIB] * 4]


def test_series_are_read_only_and_stay_as_they_are():
    m = machine()
    monitor = Monitor(m)
    before = monitor.series["time"]
    m.advance(500)
    assert before.tolist() == [0]
    with pytest.raises(ValueError):
        before[0] = 7
    assert len({len(values) for values in monitor.series.values()}) == 1


def test_stop_ends_it_and_can_be_said_twice():
    m = machine()
    with Monitor(m) as monitor:
        m.advance(2)
        monitor.stop()
    m.advance(2)
    monitor.stop()
    assert len(monitor.series["time"]) == 3


def test_a_monitor_changes_nothing_on_the_machine():
    plain, watched = machine(), machine()
    Monitor(watched, every=0.01, pss=True)
    for m in (plain, watched):
        m.spawn("a").mmap("8 MiB", name="heap").write()
        m["a"].fork("b")["heap"].write(0, 7)
        m.advance(1)
    assert plain.state() == watched.state() and plain.log == watched.log


# ---- rates


def test_rates_add_up_to_what_was_counted():
    m = machine(ram="16 MiB", swap="64 MiB", costs=Costs())
    monitor = Monitor(m, every=0.01)
    heap = m.spawn().mmap("24 MiB")
    for _ in range(3):
        heap.write()
    m.advance(1)
    counts, series = m.vmstat(), monitor.series
    seconds = np.diff(series["time"])
    for name, counter, unit in (
        ("page_in", "pgpgin", 1024),
        ("page_out", "pgpgout", 1024),
        ("swap_in", "pswpin", 4096),
        ("swap_out", "pswpout", 4096),
        ("major_faults", "pgmajfault", 1),
        ("refaults", "workingset_refault_anon", 1),
    ):
        assert counts[counter] > 1000
        assert (series[name][1:] * seconds).sum() == pytest.approx(counts[counter] * unit)
    assert (series["stalled"][1:] * seconds).sum() / 100 * 1e6 == pytest.approx(m.pressure()["some"]["total"])
    assert series["stalled"].max() <= 100 + 1e-9


def test_a_rate_counts_to_the_call_that_caused_it():
    """The read ends within the first second; a long rest in one call does not spread it over the rest."""
    m = machine()
    monitor = Monitor(m)
    m.file("data", cached=False)
    m.spawn().mmap("4 MiB", "file-private", file="data").read()
    m.advance(60)
    assert monitor.series["page_in"][1] == m.vmstat()["pgpgin"] * 1024 > 0
    assert not monitor.series["page_in"][2:].any()


def test_within_a_call_rates_are_even():
    m = machine(costs=Costs(**dict.fromkeys(EVENTS, 0) | {"file_read": 10_000_000}))
    monitor = Monitor(m)
    m.file("data", cached=False)
    m.spawn().mmap("1 MiB", "file-private", file="data").read()
    m.advance(10)
    faults, end = m.vmstat()["pgmajfault"], m.vmstat()["pgmajfault"] * 0.01
    expected = [min(1, max(0, end - second)) / end * faults for second in range(len(monitor.series["time"]) - 1)]
    assert end > 2
    assert monitor.series["major_faults"][1:] == pytest.approx(expected)


# ---- a healthy fork tree: promises are not use


def fork_tree(children, reserve):
    """A zygote of 300 MiB on 16 GiB that forks `children` times; a minute of it, watched."""
    m = cowlab.Machine(ram="16 GiB")
    monitor = Monitor(m, rules=course_rules(reserve))
    zygote = m.spawn("zygote")
    zygote.mmap("300 MiB", name="heap").write()
    for _ in range(children):
        zygote.fork()
    m.advance(60)
    return monitor


@pytest.mark.parametrize(
    ("children", "reserve", "fired"),
    [
        (50, "2 GiB", []),  # 51 x 300 MiB = 15,300 MiB of 14,336: 1.067
        (51, "2 GiB", []),  # 15,600: 1.088
        (52, "2 GiB", ["warn"]),  # 15,900: 1.109
        (50, "3 GiB", ["warn"]),  # of 13,312: 1.149
        (50, "4 GiB", ["warn", "page"]),  # of 12,288: 1.245
    ],
)
def test_the_committed_rules_fire_on_a_healthy_fork_tree_and_no_other_does(children, reserve, fired):
    monitor = fork_tree(children, reserve)
    assert [alert.severity for alert in monitor.alerts] == fired
    assert all(alert.rule.startswith("committed") and alert.cleared_at is None for alert in monitor.alerts)


def test_of_15_gib_promised_a_third_of_one_is_in_use():
    monitor = fork_tree(50, "3 GiB")
    last = {name: values[-1] for name, values in monitor.series.items()}
    assert last["committed"] == 51 * 300 * MIB == last["rss"]
    assert 300 * MIB < last["used"] < 350 * MIB  # the pages once, and page tables
    assert last["some_avg10"] == last["swap_out"] == 0
    assert monitor.alerts[0].value == pytest.approx(51 * 300 / (13 * 1024))


def test_the_same_promises_kept_do_fill_ram():
    m = cowlab.Machine(ram="16 GiB")
    monitor = Monitor(m, rules=course_rules("2 GiB"))
    zygote = m.spawn("zygote")
    zygote.mmap("300 MiB", name="heap").write()
    for child in [zygote.fork() for _ in range(50)]:
        child["heap"].write()
    m.advance(1)
    assert [alert.rule for alert in monitor.alerts] == ["working set above 90% of RAM"]


# ---- machines in trouble


def test_a_machine_that_pages_fires_paging_pressure_and_working_set():
    m = cowlab.Machine(ram="64 MiB", swap="256 MiB")
    rules = [sustained_paging(1000, 2), pressure_above(10, 2), working_set_above(), *committed_rules("0 B")]
    monitor = Monitor(m, every=0.1, rules=rules)
    heap = m.spawn().mmap("96 MiB")
    for _ in range(4):
        heap.write()
    for _ in range(60):
        m.advance(1)
    fired = {alert.rule: alert for alert in monitor.alerts}
    assert set(fired) == {rule.name for rule in rules}  # 96 MiB on 64 are more than 1.20 of it, too
    paging, pressure = (fired[rule.name] for rule in rules[:2])
    assert 2 <= paging.time < 3 and paging.value > 10_000  # pages a second: both ways, 100 us and 4 us each
    assert paging.cleared_at == pytest.approx(7.9, abs=0.5)  # when the work was done
    assert pressure.cleared_at > paging.cleared_at + 5  # an average of 10 s takes its time
    assert [alert.rule for alert in monitor.firing] == [rule.name for rule in rules[2:]]


def test_a_short_burst_is_not_sustained():
    m = cowlab.Machine(ram="64 MiB", swap="256 MiB")
    monitor = Monitor(m, every=0.1, rules=[sustained_paging(1000, 30), pressure_above(10, 30)])
    m.spawn().mmap("96 MiB").write()
    m.advance(60)
    assert monitor.series["page_out"].max() > 1000 * 4096
    assert monitor.alerts == []


def test_a_group_near_its_limit():
    m = machine()
    m.cgroup("/pods")
    pod = m.cgroup("/pods/a", max="100 MiB")
    monitor = Monitor(m, rules=[near_limit(pod)])
    heap = m.spawn(cgroup=pod).mmap("128 MiB")
    for stop in (90, 91, 86, 85):  # MiB; it fires above 90, and clears at 85
        heap.write(0, stop * 256)
        heap.munmap(stop * 256, 91 * 256) if stop < 90 else None
        m.advance(1)
    assert monitor.series["group:/pods/a"].tolist() == [size * MIB for size in (0, 90, 91, 86, 85)]
    assert monitor.alerts == [
        Alert("/pods/a above 90% of its limit", "warn", 2, 0.91, near_limit("/pods/a").advice, cleared_at=4)
    ]


def test_a_group_without_limit_is_near_none_and_a_removed_one_is_empty():
    m = machine()
    group = m.cgroup("/a")
    process = m.spawn(cgroup=group)
    process.mmap("900 MiB").write()
    monitor = Monitor(m, rules=[near_limit("/a")])
    m.advance(1)
    process.exit()
    group.remove()
    m.advance(1)
    assert monitor.alerts == monitor.errors == []
    assert monitor.series["group:/a"].tolist() == [900 * MIB, 900 * MIB, 0]


def test_pressure_of_one_group():
    m = cowlab.Machine(ram="1 GiB", swap="1 GiB")
    slow, quiet = m.cgroup("/slow", max="16 MiB"), m.cgroup("/quiet")
    monitor = Monitor(m, every=0.5, rules=[pressure_above(10, 0, slow), pressure_above(10, 0, quiet)])
    heap = m.spawn(cgroup=slow).mmap("32 MiB")
    for _ in range(4):
        heap.write()
        m.advance(0.5)
    assert [alert.rule for alert in monitor.alerts] == ["pressure above 10 % in /slow"]
    assert monitor.series["pressure:/slow"].max() > 10
    assert not monitor.series["pressure:/quiet"].any()


def test_a_killed_process_is_sampled_as_gone():
    m = machine(ram="64 MiB")
    monitor = Monitor(m, processes=["leaky"])
    leaky = m.spawn("leaky")
    leaky.mmap("48 MiB").write()
    m.advance(1)
    with pytest.raises(cowlab.engine.ProcessKilled):
        leaky.mmap("48 MiB").write()
    m.advance(1)
    assert monitor.series["rss:leaky"].tolist() == [0, 48 * MIB, 0]


# ---- rules that fail


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda sample: sample.nothing, "its function raised AttributeError"),
        (lambda sample: 1 / 0, "its function raised ZeroDivisionError"),
        (lambda: 1, "its function raised TypeError"),
        (lambda sample: None, "gave None. Return a number"),
        (lambda sample: "7", "gave '7'. Return a number"),
        (lambda sample: math.nan, "gave nan. Return a number"),
        (lambda sample: sample.used >= 0, "gave True. Return the value to compare"),
        (lambda sample: np.array([1, 2]), "Return a number"),
    ],
)
def test_a_rule_that_fails_is_stopped_and_named_and_disturbs_nothing(value, message):
    m = machine()
    good = Rule("good", lambda sample: sample.time, 1.5, advice="Look.")
    monitor = Monitor(m, rules=[Rule("bad", value, 1, advice="Look."), good])
    m.advance(1)
    m.advance(1)
    assert [alert.rule for alert in monitor.alerts] == ["good"]
    [error] = monitor.errors
    assert isinstance(error, RuleError) and isinstance(error, cowlab.Error)
    assert str(error).startswith("rule 'bad' stopped at 0 s: ") and message in str(error)
    assert repr(monitor) == "<Monitor: 3 samples, 1 alerts, failed rules: 1>"


def test_the_error_of_a_rule_has_its_cause():
    monitor = Monitor(machine(), rules=[Rule("bad", lambda sample: 1 / 0, 1, advice="Look.")])
    assert isinstance(monitor.errors[0].__cause__, ZeroDivisionError)


def test_a_reserve_that_leaves_nothing_is_a_failed_rule():
    monitor = Monitor(machine(ram="1 GiB"), rules=committed_rules("2 GiB"))
    assert len(monitor.errors) == 2
    assert "a reserve of 2 GiB leaves nothing of 1 GiB: keep less" in str(monitor.errors[0])


def test_a_rule_that_uses_the_machine_does_not_call_itself():
    m = machine()
    monitor = Monitor(m, rules=[Rule("busy", lambda sample: m.advance(0.5) or 0.0, 1, advice="Look.")])
    m.advance(1)
    m.advance(1)
    assert monitor.errors == []
    assert (np.diff(monitor.series["time"]) > 0).all()


# ---- bad input


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda m: Monitor("machine"), "give a Machine"),
        (lambda m: Monitor(m, every=0), "every=0; give 1e-06 or more"),
        (lambda m: Monitor(m, every=math.inf), "every=inf; give a finite number"),
        (lambda m: Monitor(m, every="1"), "give a finite number"),
        (lambda m: Monitor(m, pss=1), "not True or False"),
        (lambda m: Monitor(m, rules=[committed_rules(0)]), "put a star before a list of rules"),
        (lambda m: Monitor(m, rules=near_limit("/")), r"give a list, such as \["),
        (lambda m: Monitor(m, rules=[len]), "is not a Rule; use Rule"),
        (lambda m: Monitor(m, rules=[near_limit("/"), near_limit("/")]), "give each a name of its own"),
        (lambda m: Monitor(m, groups=["/a"]), "group '/a' is none of this machine: make it first; it has /"),
        (lambda m: Monitor(m, rules=[near_limit("/a")]), "group '/a' is none of this machine"),
        (lambda m: Monitor(m, groups=[3]), "or its path, such as '/pods/a'"),
        (lambda m: Monitor(m, groups="/a"), r"give a list, such as \['/a'\]"),
        (lambda m: Monitor(m, processes="zygote"), r"give a list, such as \['zygote'\]"),
        (lambda m: Monitor(m, processes=[7]), "7 is no process"),
        (lambda m: Rule("", len, 1, advice="Look."), "is not a name"),
        (lambda m: Rule("r", 3, 1, advice="Look."), "is not a function"),
        (lambda m: Rule("r", len, "1", advice="Look."), "rule 'r': above='1'; give a finite number"),
        (lambda m: Rule("r", len, 1, clear=2, advice="Look."), "clear=2 is more than above=1; give at most that"),
        (lambda m: Rule("r", len, 1, for_seconds=-1, advice="Look."), "for_seconds=-1; give 0 or more"),
        (lambda m: Rule("r", len, 1, severity="panic", advice="Look."), "give 'warn' or 'page'"),
        (lambda m: Rule("r", len, 1, advice=""), "say in a sentence what to do"),
        (lambda m: Rule("r", len, 1, advice="Look.", groups="/a"), "give a tuple"),
        (lambda m: committed_rules("2 GB"), "did you mean '2 GiB'"),
        (lambda m: near_limit("a"), "or its path, such as '/pods/a'"),
        (lambda m: near_limit("/a", share=90), "share=90; give a share, such as 0.9 for 90 %"),
        (lambda m: working_set_above(0), "give a share"),
        (lambda m: sustained_paging(-1), "pages_per_second=-1; give 0 or more"),
        (lambda m: pressure_above(True), "percent=True; give a finite number"),
    ],
)
def test_bad_input_says_what_to_do(build, message):
    with pytest.raises(ValueError, match=message):
        build(machine())


# ---- speed


def test_a_call_that_passes_very_many_instants_adds_a_thousand_samples():
    m = machine()
    monitor = Monitor(m, rules=[Rule("day", lambda sample: sample.time, 5e8, for_seconds=1e6, advice="Look.")])
    m.advance(1e9)
    times = monitor.series["time"]
    assert len(times) == 1 + MOST_AT_ONCE
    assert times[1] == 1 and times[-1] == 1e9
    assert np.ptp(np.diff(times[1:])) <= 1  # evenly spread, on whole intervals
    assert monitor.alerts[0].time == pytest.approx(5e8 + 1e6, abs=3e6)
    m.advance(1e18)
    assert len(monitor.series["time"]) == 1 + 2 * MOST_AT_ONCE
    m.advance(1)
    assert monitor.series["time"][-1] == m.clock


def test_many_samples_are_fast():
    m = machine()
    monitor = Monitor(m, rules=course_rules("128 MiB"))
    began = time.perf_counter()
    for _ in range(100):
        m.advance(MOST_AT_ONCE)
    assert len(monitor.series["time"]) == 1 + 100 * MOST_AT_ONCE
    assert time.perf_counter() - began < 20  # takes about 1 s


def test_watching_clicks_is_cheap():
    m = machine()
    Monitor(m)
    heap = m.spawn().mmap("1 MiB")
    heap.write()
    began = time.perf_counter()
    for _ in range(2000):
        heap.write(0)
    assert time.perf_counter() - began < 2  # takes about 0.05 s
