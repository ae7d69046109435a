"""Predictions and questions: nothing is revealed before the commitment, and then exactly what was asked for."""

from __future__ import annotations

import pytest

from cowlab.course import Estimate, Prediction, Question, Quiz
from cowlab.questions import fork_sharing

CHOICES = {"copies": "Because it copies.", "shares": "Because it shares."}


def forbidden() -> str:
    raise AssertionError("the engine ran before the reader committed")


def result(ask) -> str:
    return ask._result.value


def test_nothing_runs_and_nothing_is_revealed_before_the_commitment() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer=forbidden)
    bundle = ask._repr_mimebundle_()
    assert bundle["text/plain"] == "What does fork do?\n( ) copies\n( ) shares"
    assert "Because" not in str(bundle)
    assert result(ask) == ""
    assert ask.committed is None


def test_what_was_committed_stays_beside_the_outcome_with_its_own_explanation() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer=lambda: "shares")
    ask.choose("copies")
    ask.commit()
    for text in ("You predicted", "copies", "The engine says", "shares", "Because it copies."):
        assert text in result(ask)
    assert "Because it shares." not in result(ask)


def test_a_prediction_is_committed_to_once() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer="shares")
    ask.choose("copies")
    ask.commit()
    ask.choose("shares")
    ask.commit()
    assert ask.committed == "copies"
    assert ask._button.disabled


def test_a_commitment_without_a_choice_asks_for_one() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer=forbidden)
    ask.commit()
    assert ask.committed is None
    assert "Choose first" in result(ask)


def test_the_text_stays_the_same_after_the_commitment() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer="shares")
    before = ask.text
    ask.choose("shares")
    ask.commit()
    assert ask._repr_mimebundle_()["text/plain"] == before


def test_an_engine_that_answers_none_of_the_choices_is_an_error() -> None:
    ask = Prediction("What does fork do?", CHOICES, answer=lambda: "neither")
    with pytest.raises(ValueError, match="none of copies, shares"):
        _ = ask.answer


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of"):
        Prediction("What does fork do?", CHOICES, answer="shares").choose("both")
    with pytest.raises(ValueError, match="at least two"):
        Prediction("What does fork do?", {"it forks": "Yes."}, answer="it forks")


def test_a_question_may_be_answered_again() -> None:
    ask = Question("What does fork do?", CHOICES, answer="shares")
    ask.choose("copies")
    ask.commit()
    assert "Not so" in result(ask)
    ask.choose("shares")
    ask.commit()
    assert "Right" in result(ask)
    assert "Because it shares." in result(ask)


def test_a_quiz_shows_its_questions_in_text() -> None:
    quiz = Quiz(Question("One?", CHOICES, "shares"), Question("Two?", CHOICES, "shares"))
    assert quiz._repr_mimebundle_()["text/plain"].startswith("1. One?\n( ) copies")
    assert "0x" not in repr(quiz)


def test_an_estimate_is_explained_by_the_number_itself() -> None:
    ask = Estimate("How much?", "MiB", answer=lambda: 300, explain=lambda guess, answer: f"{guess / answer:g} times")
    assert ask.text == "How much?\n____ MiB"
    ask.choose(600)
    ask.commit()
    for text in ("600 MiB", "300 MiB", "2 times"):
        assert text in result(ask)


def test_question_and_choices_are_text_in_html() -> None:
    ask = Prediction("a < b?", {"<b>": "no", "yes": "yes"}, answer="yes")
    ask.choose("<b>")
    ask.commit()
    assert "&lt;b&gt;" in result(ask)
    assert "&lt;b&gt;" in ask.html


@pytest.mark.parametrize(
    "ask",
    [fork_sharing.data_after_forks(), fork_sharing.rss_added_up(), *fork_sharing.check_yourself().questions],
    ids=lambda ask: ask.question[:40],
)
def test_the_engine_answers_each_question_of_lesson_1_and_the_explanations_know_it(ask: Prediction) -> None:
    for choice, explanation in ask.choices.items():
        assert explanation.startswith("Yes") == (choice == ask.answer)


@pytest.mark.parametrize("size", ["1 MiB", "64 MiB", "200 MiB"])
def test_a_question_of_lesson_1_can_be_asked_with_other_sizes(size: str) -> None:
    assert fork_sharing.data_after_forks(size).answer.startswith(size.split()[0])
