"""What the lesson "Headroom and alerts" advises, done literally on the model, and what it advises against."""

from __future__ import annotations

from contextlib import suppress

import pytest

from cowlab import Machine, ProcessKilled, scenarios, trace
from cowlab.cluster import Node, Pod
from cowlab.course.questions import headroom_and_alerts as questions
from cowlab.monitor import Monitor, committed_rules, pressure_above, sustained_paging, working_set_above


def watched(**tree) -> Monitor:
    made = scenarios.headroom(**tree)
    machine = Machine(**made["machine"])
    monitor = Monitor(machine, rules=[*committed_rules("512 MiB"), working_set_above(), pressure_above()])
    trace.run_through(machine, made["ops"])
    machine.advance(60)
    return monitor


def test_an_alert_on_use_is_quiet_on_a_healthy_tree_and_rings_for_one_that_writes() -> None:
    assert {alert.rule.split()[0] for alert in watched().alerts} == {"committed"}
    assert "working set above 90% of RAM" in {alert.rule for alert in watched(written_percent=25).alerts}


def test_an_alert_on_use_rings_where_promises_are_not_even_exceeded() -> None:
    assert [alert.rule for alert in watched(processes=13, independent=True).alerts] == ["working set above 90% of RAM"]


def time_left(pause: float, every: float) -> float | None:
    """Seconds from the alert on use to the first kill, as one process writes more after each pause; None: no alert."""
    machine = Machine(ram="1 GiB", overcommit="always")
    monitor = Monitor(machine, every, [working_set_above(0.8)])
    heap = machine.spawn("grows").mmap("2 GiB")
    for percent in range(1, 100):
        with suppress(ProcessKilled):
            heap.write(0, heap.pages * percent // 100)
        if machine.oom_reports:
            return machine.clock - monitor.alerts[0].time if monitor.alerts else None
        machine.advance(pause)
    raise AssertionError("nobody was killed")


def test_the_faster_the_growth_the_less_time_an_alert_on_use_leaves() -> None:
    left = [time_left(pause, every=1) or 0 for pause in (60, 10, 1)]
    assert left == sorted(left, reverse=True)
    assert left[0] > 10 * left[2]
    assert time_left(60, every=60) is not None
    assert time_left(1, every=60) is None  # over within the minute


def test_how_much_lies_in_swap_says_nothing_about_who_waits() -> None:
    def working(heap: str, percent: int) -> tuple[int, float, bool]:
        machine = Machine(ram="64 MiB", swap="256 MiB", overcommit="always")
        job = machine.spawn("job").mmap(heap)
        job.write()
        job.read(0, job.pages * percent // 100)
        monitor = Monitor(machine, rules=[sustained_paging(), pressure_above()])
        for _ in range(60):
            job.read(0, job.pages * percent // 100)
            machine.advance(1)
        return job.process.swap, float(monitor.series["stalled"].mean()), bool(monitor.alerts)

    (cold, idle, quiet), (few, busy, rings) = working("256 MiB", 10), working("72 MiB", 100)
    assert cold > 10 * few > 0
    assert (idle, quiet) == (0, False)
    assert busy > 50
    assert rings


@pytest.mark.parametrize(
    "question",
    [
        questions.web_workers,
        questions.store,
        questions.nightly_job,
        questions.sidecar,
        questions.hourly_jobs,
        questions.controller,
    ],
)
def test_of_each_service_exactly_one_choice_does_what_is_asked(question) -> None:
    asked = question()
    assert asked.choices[asked.answer].startswith("Yes")
    assert [choice for choice, why in asked.choices.items() if not why.startswith("No")] == [asked.answer]


def test_mode_2_refuses_most_workers_and_swap_leaves_the_alert_on() -> None:
    outcomes = dict(questions._web())
    workers, _ = outcomes["set overcommit to mode 2, so that promises fit"]
    assert workers < 10
    assert outcomes["add 4 GiB of swap"] == (50, False)


def test_a_limit_keeps_a_leak_from_both_services() -> None:
    assert questions.killed_by_leak(shipper_max="256 MiB") == ({"shipper"}, False)


def test_without_the_limit_the_largest_dies_and_minus_1000_only_moves_it_to_the_next() -> None:
    assert questions.killed_by_leak()[0] == {"database"}
    assert questions.killed_by_leak(adj=-1000)[0] == {"server"}


def test_swap_ends_in_the_leaks_death_after_the_services_were_swapped_out() -> None:
    assert questions.killed_by_leak(swap="4 GiB") == ({"shipper"}, True)


def test_a_request_to_a_store_beyond_ram_misses_its_target_on_any_swap() -> None:
    on_ssd, on_network = questions.request_time("ssd"), questions.request_time("network")
    assert questions.TARGET < on_ssd < on_network
    assert questions.request_time(None) is None


def test_a_store_that_fits_answers_in_time() -> None:
    assert questions.request_time(None, ram="64 MiB") == 0


def test_memory_that_is_not_needed_again_costs_no_later_fault() -> None:
    assert questions.later_faults("1 GiB", "heuristic") == 0
    assert questions.later_faults("0 B", "heuristic") is None
    assert questions.later_faults("0 B", "always") is None


@pytest.mark.parametrize(("mode", "end"), [("heuristic", "killed"), ("always", "killed"), ("never", "refused")])
def test_only_mode_2_refuses_at_the_start(mode: str, end: str) -> None:
    assert questions.how_it_ends(mode) == end


def test_who_keeps_to_the_request_stays_as_others_take_more() -> None:
    node = questions.two_nodes()["the second"]
    late = node.admit(Pod("late", request="1 GiB"))
    late.grow("1 GiB")
    node.machine.advance(60)
    assert (late.phase, late.restarts) == ("Running", 0)
    assert {event.pod for event in node.events if event.kind == "oom_kill"} <= {"pod 1", "pod 2", "pod 3"}
    assert any(event.kind == "oom_kill" for event in node.events)


def test_the_scheduler_asks_for_requests_and_not_for_use() -> None:
    idle, busy = Node("4 GiB"), Node("4 GiB")
    idle.admit(Pod("idle", request="3.5 GiB"))
    busy.admit(Pod("busy", request="100 MiB", uses="3.5 GiB"))
    assert questions.who_is_placed().answer == "the second"
    assert idle.requested > busy.requested
    assert idle.available > busy.available
