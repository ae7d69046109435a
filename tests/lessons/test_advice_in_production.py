"""What the lesson "In production" advises, done literally on the model, and what it advises against."""

from __future__ import annotations

import math

import pytest

from cowlab import Machine
from cowlab.course import claims
from cowlab.course.claims.lesson_09_in_production import RATIOS, RECORDED
from cowlab.course.questions import in_production as questions
from cowlab.units import parse_size

ASKED = [
    questions.copied_by_a_snapshot,
    questions.readers_of_objects,
    questions.dashboard,
    questions._data_loader,
    questions._freed_cache,
    questions._huge_pages,
]


@pytest.mark.parametrize("question", ASKED, ids=lambda each: each.__name__)
def test_exactly_the_right_answer_is_explained_as_right(question) -> None:
    asked = question()
    if hasattr(asked, "choices"):
        assert [choice for choice, why in asked.choices.items() if why.startswith("Yes")] == [asked.answer]
    else:
        assert asked.judge(asked.answer).explanation.startswith("Yes")
        for guess in (asked.answer / 9, asked.answer * 0.7, asked.answer * 2):
            assert not asked.judge(guess).explanation.startswith("Yes")


def test_spread_writes_take_the_store_again_and_writes_side_by_side_take_their_part() -> None:
    heap, _ = questions.snapshot("64 MiB")
    spread = heap.write(pages=questions.pages_of(heap.pages * questions.VALUES_A_PAGE, 10)).copied
    heap, _ = questions.snapshot("64 MiB")
    side_by_side = heap.write(0, heap.pages // 10).copied
    assert spread > 0.97 * heap.pages
    assert side_by_side == heap.pages // 10


@pytest.mark.parametrize("a_page", [0.1, 0.5, 1, 2, 4])
def test_a_page_is_copied_once_however_often_it_is_written(a_page: float) -> None:
    assert questions.copied_by_writes(a_page) == pytest.approx(1 - math.exp(-a_page), abs=0.01)
    assert questions.copied_by_writes(a_page, part=0.05) <= min(a_page, 0.0501)


def test_the_store_makes_the_copies_and_memory_falls_back_when_the_child_ends() -> None:
    heap, child = questions.snapshot("1 MiB")
    machine = child.machine
    before = machine.frames.anon
    heap.write(0, 100)
    assert (heap.process.copies, child.copies) == (100, 0)
    assert machine.frames.anon == before + 100
    child.exit()
    assert machine.frames.anon == before == heap.pages


def test_when_a_process_ends_the_pss_of_the_others_grows_and_the_sum_stays() -> None:
    machine = questions.notebook_with_children(children=3)
    before = [process.pss for process in machine.processes]
    machine.processes[-1].exit()
    after = [process.pss for process in machine.processes]
    assert after[0] > before[0]
    assert sum(after) == pytest.approx(sum(before), rel=1e-5)  # smaps rounds down
    assert [process.uss for process in machine.processes] == [0, 0, 0]


def test_values_that_fill_a_page_are_copied_in_their_part() -> None:
    heap, _ = questions.snapshot("64 MiB")
    assert heap.write(pages=questions.pages_of(heap.pages, 10, a_page=1)).copied == heap.pages // 10


def test_room_for_the_store_twice_is_enough_for_a_snapshot_and_less_is_not() -> None:
    for ram, killed in (("130 MiB", False), ("120 MiB", True)):
        machine = Machine(ram=ram)
        store = machine.spawn("store")
        heap = store.mmap("64 MiB", name="values")
        heap.write()
        store.fork("snapshot")
        for page in range(heap.pages):
            if store.alive and not machine.oom_reports:
                heap.write(page)
        assert bool(machine.oom_reports) == killed


def test_one_array_keeps_all_workers_alive_where_objects_kill() -> None:
    assert questions.kills("16 GiB", 0) == 0
    assert questions.kills("16 GiB", 100) > 0
    assert questions.kills("18 GiB", 100) > 0  # a second copy is not enough


def test_each_worker_that_loops_has_its_own_copy() -> None:
    machine = questions.after_loops("100 MiB", 8)
    assert machine.meminfo()["AnonPages"] * 1024 == 9 * parse_size("100 MiB")


def test_pss_adds_up_to_what_is_in_use_and_rss_to_eleven_times_that() -> None:
    machine = questions.notebook_with_children()
    used = machine.meminfo()["AnonPages"] * 1024
    assert sum(process.pss for process in machine.processes) == pytest.approx(used, rel=1e-6)
    assert sum(process.rss for process in machine.processes) == 11 * used


def test_few_pages_are_empty_after_most_objects_are_freed() -> None:
    assert questions.given_back(50) < questions.given_back(90) < 0.1 < questions.given_back(99)
    assert questions.given_back(90, a_page=1) == pytest.approx(0.9, abs=0.01)


def test_the_recorded_figures_say_what_the_lesson_says() -> None:
    assert RECORDED["texts"] > 10 * RECORDED["array"]
    assert RECORDED["collect"] > 10 * RECORDED["frozen"]
    assert parse_size(claims.text("huge_since")) // 1024 <= RECORDED["large pages"] < 2048
    assert parse_size(claims.text("huge_before")) == 64 << 20
    assert RATIOS["fork"] < 0.5
    assert RATIOS["touch"] > 100


def test_the_model_of_a_fork_lies_within_what_redis_says_of_physical_machines() -> None:
    low, high = (float(word) for word in claims.text("redis_fork").removesuffix(" ms").split(" to "))
    assert low <= float(claims.text("fork_time").removesuffix(" ms")) <= high


def test_a_snapshot_that_has_ended_costs_no_copy() -> None:
    heap, child = questions.snapshot("1 MiB")
    child.exit()
    assert heap.write().copied == 0
