"""Practice: the same seed asks the same, the engine has an answer to each draw, and wrong answers get their reasons."""

from __future__ import annotations

import io

import pytest

from cowlab import Machine
from cowlab.course import Estimate, Prediction, drills, practice
from cowlab.course.pages import PagePrediction, Place
from cowlab.course.questions import fork_sharing
from cowlab.program.lesson_files import CourseError
from helpers.draws import answer, drawn

FEW = 25  # questions of each drill
MAKERS = [pytest.param(make, id=make.__name__) for makers in practice.drills().values() for make in makers]


def printed(*arguments: object) -> str:
    stream = io.StringIO()
    assert practice.main(*arguments, stream=stream) == 0
    return stream.getvalue()


# ---- the command


def test_without_a_number_it_lists_what_there_is() -> None:
    text = printed()
    assert "01  Fork shares memory" in text
    for number in drills.BY_LESSON:
        assert f"\n  {number}" in text
    assert "what is its PSS then?" in text


def test_a_lesson_asks_what_its_module_lists_and_the_general_ones() -> None:
    assert practice.drills()["01"] == fork_sharing.practice
    assert practice.drills()["02"][-2:] == drills.BY_LESSON["02"]


@pytest.mark.parametrize("number", list(practice.drills()))
def test_the_same_seed_asks_the_same_and_the_answers_come_on_request_only(number: str) -> None:
    asked = printed(number, 7)
    assert asked == printed(number, 7)
    assert asked != printed(number, 8)
    assert "Answer" not in asked
    answered = printed(number, 7, True)
    assert answered.count("   Answer: ") == len(practice.drills()[number])
    assert [line for line in answered.splitlines() if len(line) > 110] == []


def test_a_number_may_be_written_without_its_zero() -> None:
    assert printed("5", 3) == printed("05", 3)


@pytest.mark.parametrize("lesson", ["10", "99", "fork", "", "-1", "5.0"])
def test_a_lesson_without_practice_is_refused_with_those_that_have_some(capsys, lesson: str) -> None:
    assert practice.main(lesson) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"no practice for lesson {lesson!r}: there is for 01, " in said.err
    with pytest.raises(CourseError):
        practice.questions(lesson)


# ---- the drills


@pytest.mark.parametrize("make", MAKERS)
def test_the_engine_has_an_answer_to_each_draw_and_the_explanations_know_it(make: drills.Drill) -> None:
    for ask in drawn(make)[:FEW]:
        if isinstance(ask, Prediction):
            says_yes = [choice for choice, why in ask.choices.items() if why.startswith("Yes")]
            assert says_yes == [answer(ask)]
        elif isinstance(ask, Estimate):
            assert ask._explain(answer(ask), answer(ask)).startswith("Yes")
            assert not ask._explain(answer(ask) * 3 + 1, answer(ask)).startswith("Yes")
        else:
            assert isinstance(ask, PagePrediction)
            assert answer(ask)


@pytest.mark.parametrize("make", MAKERS)
def test_draws_differ_and_have_a_docstring_to_be_listed_by(make: drills.Drill) -> None:
    assert len({ask.text for ask in drawn(make)[:FEW]}) > 10
    assert make.__doc__


@pytest.mark.parametrize("make", [drills.granted_or_refused, drills.victim, drills.dies_of_a_leak])
def test_each_choice_is_right_now_and_then(make: drills.Drill) -> None:
    asked = [ask for ask in drawn(make)[:FEW] if isinstance(ask, Prediction)]
    assert {answer(ask) for ask in asked} == set(asked[0].choices)


def test_all_six_orders_are_asked_for_and_none_has_two_copies() -> None:
    pages = 10
    costs = {order: drills.writes._cost_of(order, pages) for order in drills.writes.ORDERS}
    assert len(costs) == 6
    assert {cost["copies"] for cost in costs.values()} == {0, pages}
    assert {cost["faults"] for cost in costs.values()} == {pages, 2 * pages}


@pytest.mark.parametrize(
    ("guess", "reason"),
    [
        (32, "Yes."),
        (62, "what is promised"),
        (2, "so after the forks"),
        (30, "the copies alone"),
        (3, "one set of copies for all"),
    ],
)
def test_a_wrong_number_of_gib_gets_the_reason_that_is_its_own(guess: float, reason: str) -> None:
    assert drills.explosions._gib_in_memory(data=2, workers=30, percent=50) == pytest.approx(32, rel=0.001)
    assert reason in drills.explosions._about_gib(guess, data=2, workers=30, percent=50)


@pytest.mark.parametrize(
    ("guess", "reason"),
    [(32.5, "Yes."), (40, "its RSS"), (30, "its USS"), (10, "before the writes"), (2.5, "its part")],
)
def test_a_wrong_pss_gets_the_reason_that_is_its_own(guess: float, reason: str) -> None:
    assert fork_sharing._pss_of_a_child("40 MiB", 3, 75) == pytest.approx(32.5)
    assert reason in fork_sharing._about_pss(guess, size=40, children=3, percent=75)


def test_the_promises_that_a_question_speaks_of_were_granted() -> None:
    for ask in drawn(drills.granted_or_refused):
        assert isinstance(ask, Prediction)
        assert answer(ask) in ask.choices  # raises OutOfMemory if the promises before could not be had


def test_a_wrong_page_gets_the_reason_that_is_its_own() -> None:
    for ask in drawn(drills.copied_page):
        assert isinstance(ask, PagePrediction)
        (right,) = answer(ask)
        assert right.process == "parent"
        assert "goes to whoever writes" in ask._explain(Place("child", "heap", right.page), [right])
        private = [n for n in range(ask.machine["parent"]["heap"].pages) if _alone(ask.machine, n)]
        assert len(private) == 2
        assert "alone on the old one" in ask._explain(Place("parent", "heap", private[0]), [right])


def _alone(machine: Machine, page: int) -> bool:
    return bool(machine["parent"]["heap"].mapcounts(page, page + 1)[0] == 1)
