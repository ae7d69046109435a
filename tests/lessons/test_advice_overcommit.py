"""What the lesson "What is promised" tells a reader to do or to expect, done literally on the model."""

from __future__ import annotations

import pytest

from cowlab import Machine, OutOfMemory, goals, scenarios
from cowlab.course.questions import overcommit as questions
from cowlab.course.questions.overcommit import granted
from cowlab.engine import Account, Request
from cowlab.engine.rules import commit
from cowlab.units import pages_in
from cowlab.views import Lab
from helpers.labs import status


@pytest.fixture
def lab() -> Lab:
    """The second lab of the lesson."""
    goal = goals.all_of(goals.no_refusal(), goals.nothing_killed())
    return Lab(scenarios.overcommit, request="1 GiB", requests=20, written_percent=100, goal=goal)


@pytest.fixture
def last() -> Lab:
    """The last lab of the lesson."""
    enough = goals.Goal(
        "Have 10 GiB or more promised.", lambda machine: machine.meminfo()["Committed_AS"] >= 10 * 2**20
    )
    goal = goals.all_of(goals.no_refusal(), goals.nothing_killed(), enough)
    return Lab(scenarios.overcommit, mode=2, request="1 GiB", requests=20, written_percent=100, goal=goal)


def process(mode: int | str = 0, **settings: object):
    return Machine(ram="16 GiB", overcommit=mode, **settings).spawn("process")


# ---- the goals


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "lost"),
        ({"mode": 1}, "lost"),
        ({"mode": 2}, "lost"),
        ({"written_percent": 79}, "reached"),
        ({"requests": 15}, "reached"),
        ({"requests": 15, "mode": 2}, "lost"),
        ({"requests": 7, "mode": 2}, "reached"),
        ({"ram": "64 GiB"}, "reached"),
        ({"ram": "64 GiB", "mode": 1}, "reached"),
        ({"ram": "64 GiB", "mode": 2}, "reached"),
    ],
)
def test_the_goal_of_the_second_lab(lab: Lab, values: dict, expected: str) -> None:
    lab.set(**values)
    assert status(lab) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "lost"),
        ({"requests": 7}, "open"),
        ({"ram": "64 GiB"}, "reached"),
        ({"mode": 0}, "lost"),
        ({"mode": 0, "requests": 12}, "reached"),
        ({"mode": 1, "written_percent": 50}, "reached"),
    ],
)
def test_the_goal_of_the_last_lab_has_a_way_in_each_mode(last: Lab, values: dict, expected: str) -> None:
    last.set(**values)
    assert status(last) == expected


# ---- the advice


def test_mode_0_catches_one_request_beyond_ram_and_nothing_else() -> None:
    assert granted(process(), "17 GiB", 1) == 0
    assert granted(process(), "16 GiB", 100) == 100


@pytest.mark.parametrize("mode", [0, 1])
def test_a_program_that_maps_far_more_than_it_touches_can_say_so_itself(mode: int) -> None:
    sparse = process(mode)
    heap = sparse.mmap("64 GiB", "noreserve")
    heap.write(0, 1000)
    sparse.fork()
    assert sparse.machine.meminfo()["Committed_AS"] == 0


def test_in_mode_2_saying_so_is_not_listened_to() -> None:
    with pytest.raises(OutOfMemory):
        process(2).mmap("64 GiB", "noreserve")


def test_mode_1_lets_it_map_without_saying_so() -> None:
    assert granted(process(0), "64 GiB", 1) == 0
    assert granted(process(1), "64 GiB", 1) == 1


@pytest.mark.parametrize("ratio", [50, 80, 95])
def test_in_mode_2_with_a_limit_below_ram_all_that_is_granted_can_be_written(ratio: int) -> None:
    asks = process(2, overcommit_ratio=ratio)
    assert granted(asks, "256 MiB", 100) > 0
    for mapping in asks.mappings.values():
        mapping.write()
    assert asks.machine.oom_reports == []


def test_in_mode_2_a_limit_of_twice_the_default_grants_twice_as_much() -> None:
    assert granted(process(2, overcommit_ratio=95), "1 GiB", 100) == 15
    assert granted(process(2), "1 GiB", 100) == 7


def test_a_limit_on_a_group_counts_pages_and_leaves_promises_alone() -> None:
    machine = Machine(ram="16 GiB", overcommit="never")
    group = machine.cgroup("/container", max="1 GiB")
    machine.spawn("inside", "/container").mmap("7 GiB")
    assert group.current == 0
    assert granted(machine.spawn("outside"), "1 GiB", 1) == 0


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("free", ["16 GiB", "1 GiB", "8 KiB"])
def test_no_mode_asks_what_is_free(mode: int, free: str) -> None:
    """The same request with the same promises gets the same answer, however much has been written."""
    asks = process(mode)
    heap = asks.mmap("6 GiB", "private") if mode == 2 else asks.mmap("16 GiB")
    heap.write(0, max(0, min(heap.pages, pages_in("15 GiB") - pages_in(free))))
    assert granted(asks, "1 GiB", 1) == 1
    assert granted(asks, "12 GiB", 1) == (mode != 2)


def test_an_area_of_half_of_ram_forks_in_mode_0_whatever_else_is_in_use() -> None:
    machine = Machine(ram="16 GiB")
    machine.spawn("others").mmap("7 GiB").write()
    database = machine.spawn("database")
    database.mmap("8 GiB", name="cache").write()
    database.fork("snapshot")
    assert machine.oom_reports == []


def test_a_rule_of_ones_own_can_be_given() -> None:
    seen: list[Request] = []

    def mine(request: Request) -> bool:
        seen.append(request)
        return request.pages < 10

    machine = Machine(commit_policy=mine)
    asks = machine.spawn()
    asks.mmap("4 KiB")
    assert granted(asks, "1 MiB", 1) == 0
    assert [request.pages for request in seen] == [1, 256]


def test_the_three_requests_to_the_real_kernel_get_different_answers_by_the_rule() -> None:
    """In modes 0 and 1: else the lesson's comparison with the kernel could not fail."""
    for mode, expected in [(0, [True, True, False]), (1, [True, True, True])]:
        account = Account(1_000_000, 500_000, mode)
        asked = [256, 1_500_000, 1_500_001]
        assert [commit.commit_policy(Request(account, pages, 0)) for pages in asked] == expected


# ---- the questions


def test_each_question_has_an_answer_and_its_explanation_says_so() -> None:
    for ask in [questions.requests_beyond_ram(), *questions.check_yourself().questions]:
        for choice, explanation in ask.choices.items():
            assert explanation.startswith("Yes") == (choice == ask.answer), ask.question


@pytest.mark.parametrize(
    ("guess", "said"), [(7, "Yes"), (20, "modes 0 and 1"), (16, "not RAM"), (8, "Nearly"), (3, "half of RAM")]
)
def test_an_estimate_gets_the_words_for_it(guess: int, said: str) -> None:
    ask = questions.granted_in_mode_2()
    ask.choose(guess)
    outcome = ask.commit()
    assert outcome
    assert said in outcome.explanation
    assert outcome.right == (said == "Yes")
