"""Predictions and questions: nothing is revealed before the commitment, and then exactly what was asked for."""

from __future__ import annotations

import ast
import inspect
import json
import random
from importlib import import_module
from pkgutil import iter_modules

import pytest

from cowlab import Machine
from cowlab.course import (
    Drawn,
    Estimate,
    Prediction,
    Question,
    Quiz,
    drills,
    progress,
    questions,
)
from cowlab.course.estimate import number_in
from cowlab.course.pages import PagePrediction, Place, copied_pages
from cowlab.course.questions import fork_sharing

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


# ---- numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [("600", 600), (" 0.5 ", 0.5), ("1,200", 1200), ("600 MiB", 600), ("1.5 GiB", 1536), ("512KiB", 0.5), ("-3", -3)],
)
def test_a_number_may_be_written_with_its_unit(text: str, number: float) -> None:
    assert number_in(text, "MiB") == number


@pytest.mark.parametrize("text", ["", "many", "1,5", "3 pages", "1 2", "½", "1e3", "12 MB"])
def test_what_is_no_number_in_that_unit_is_asked_for_again(text: str) -> None:
    ask = Estimate("How much?", "MiB", answer=forbidden, explain=lambda guess, answer: "")
    ask.field.value = text
    ask.commit()
    assert ask.committed is None
    assert "number of MiB" in result(ask)


def test_zero_may_be_predicted_and_is_no_answer_by_itself() -> None:
    ask = Estimate("How many copies?", "copies", answer=0, explain=lambda guess, answer: "None.")
    assert ask.commit() is None
    ask.choose(0)
    outcome = ask.commit()
    assert outcome
    assert outcome.right


@pytest.mark.parametrize(("guess", "right"), [(105, True), (95, True), (111, False), (89, False)])
def test_an_estimate_is_right_within_a_part_of_the_answer(guess: float, right: bool) -> None:
    ask = Estimate("How much?", "MiB", answer=100, explain=lambda guess, answer: "", within=0.1)
    ask.choose(guess)
    assert ask.judge(ask.given()).right == right


def test_the_solution_is_the_answer_with_its_reason_and_what_others_get_wrong() -> None:
    choices = {"copies": "That it does at a write.", "shares": "Yes: it shares."}
    assert Prediction("What does fork do?", choices, "shares").solution == (
        "shares. It shares.\nNot 'copies': That it does at a write."
    )
    estimate = Estimate("How much?", "MiB", 1200, lambda guess, answer: f"Yes. {guess:g}.")
    assert estimate.solution == "1,200 MiB. 1200."


# ---- pages


def family() -> Machine:
    """A parent and a child that share four pages."""
    machine = Machine(ram="1 MiB")
    parent = machine.spawn("parent")
    parent.mmap("16 KiB", name="heap").write()
    parent.fork("child")
    return machine


def which_page() -> PagePrediction:
    return PagePrediction(
        "The child writes page 2. Which page is copied?",
        family(),
        answer=lambda machine: copied_pages(machine, lambda: machine["child"]["heap"].write(2)),
        explain=lambda place, right: "Yes." if place in right else f"Not {place}.",
    )


def click(ask: PagePrediction, process: str, start: int, stop: int | None = None) -> None:
    """Send what the browser sends for a click."""
    where = {"process": process, "mapping": "heap", "start": start, "stop": stop or start + 1}
    ask.field._receive(ask.field, {"type": "act", "op": "write", **where}, [])


def test_a_click_on_the_map_is_the_answer_and_writes_nothing() -> None:
    ask = which_page()
    before = ask.machine.state()
    click(ask, "parent", 2)
    click(ask, "child", 3)
    assert ask.machine.state() == before
    assert ask.given() == Place("child", "heap", 3)
    assert "page 3 of heap in child" in result(ask)


def test_after_the_commitment_the_run_is_done_on_the_map_and_explained() -> None:
    ask = which_page()
    click(ask, "parent", 2)
    outcome = ask.commit()
    assert outcome
    assert not outcome.right
    for text in ("page 2 of heap in parent", "page 2 of heap in child", "Not page 2 of heap in parent."):
        assert text in result(ask)
    assert ask.machine["child"].copies == 1
    click(ask, "child", 2)
    assert ask.committed == Place("parent", "heap", 2)
    assert ask.machine["child"].copies == 1


def test_the_page_that_is_copied_is_right() -> None:
    ask = which_page()
    ask.choose(Place("child", "heap", 2))
    outcome = ask.commit()
    assert outcome
    assert outcome.right


def test_a_page_has_to_be_chosen_and_only_one(monkeypatch) -> None:
    ask = which_page()
    assert ask.commit() is None
    assert "Click a page" in result(ask)
    told = []
    monkeypatch.setattr(ask.field, "send", lambda message, buffers=None: told.append(message))
    click(ask, "child", 1, 3)
    assert told[-1]["error"]
    assert "one page" in told[-1]["text"]
    assert ask.commit() is None
    with pytest.raises(ValueError, match="no page 4"):
        ask.choose(Place("child", "heap", 4))


def test_its_text_and_its_picture_are_the_map_before_the_run_also_afterwards() -> None:
    ask = which_page()
    before = ask._repr_mimebundle_()
    assert "pages 0 to 3 shared by 2" in before["text/plain"]
    assert before["text/plain"].endswith("The child writes page 2. Which page is copied?\n____ a page")
    ask.choose(Place("child", "heap", 1))
    ask.commit()
    after = ask._repr_mimebundle_()
    assert after["text/plain"] == before["text/plain"]
    assert after["image/png"] == before["image/png"]


def test_the_solution_of_a_page_leaves_the_machine_alone() -> None:
    ask = which_page()
    before = ask.machine.state()
    assert ask.solution.startswith("page 2 of heap in child.")
    assert ask.machine.state() == before


def test_a_run_that_gives_no_page_is_an_error() -> None:
    ask = PagePrediction("Which?", family(), answer=lambda machine: [], explain=lambda place, right: "")
    with pytest.raises(ValueError, match="gives no page"):
        _ = ask.answer


# ---- again, with other numbers


def numbered(rng: random.Random) -> Prediction:
    return Prediction(f"What does fork {rng.randrange(1000)} do?", CHOICES, answer="shares", lesson="test")


def test_the_same_seed_draws_the_same_questions() -> None:
    one, two = Drawn(numbered, seed=7), Drawn(numbered, seed=7)
    assert one.ask.text == two.ask.text != Drawn(numbered, seed=8).ask.text
    one.again()
    two.again()
    assert one.ask.text == two.ask.text


def test_the_button_asks_with_other_numbers_and_can_be_answered_anew() -> None:
    drawn = Drawn(numbered)
    drawn.ask.choose("copies")
    drawn.ask.commit()
    before = drawn.ask.text
    drawn._button.click()
    assert drawn.ask.text != before
    assert drawn.ask.committed is None
    assert drawn.children == (drawn.ask, drawn._button)


def test_a_question_without_chance_in_it_cannot_be_drawn_again() -> None:
    drawn = Drawn(lambda rng: Prediction("What does fork do?", CHOICES, answer="shares"))
    with pytest.raises(ValueError, match="makes one question only"):
        drawn.again()


def test_what_makes_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="let it return a Prediction"):
        Drawn(lambda rng: "What does fork do?")


def test_all_draws_of_a_question_are_one_in_the_progress() -> None:
    drawn = Drawn(lambda rng: Prediction(f"{rng.choice('abcdefgh')}?", CHOICES, "shares", lesson="test"), seed=1)
    first = drawn.ask.key
    drawn.again()
    assert drawn.ask.question != first
    assert drawn.ask.key == first


# ---- progress


def test_what_a_person_commits_to_is_kept(file) -> None:
    ask = fork_sharing.data_after_forks()
    ask.choose("300 MiB")
    ask._button.click()
    assert json.loads(file.read_text())["lessons"] == {"fork_sharing": {progress.key_of(ask.question): True}}


def test_of_a_question_that_is_answered_again_the_last_answer_is_kept() -> None:
    ask = Question("What does fork do?", CHOICES, answer="shares", lesson="test")
    for choice, right in (("shares", True), ("copies", False)):
        ask.choose(choice)
        ask._button.click()
        assert progress.load().lessons == {"test": {"What does fork do?": right}}


def test_what_a_program_commits_to_is_not_kept(file) -> None:
    ask = fork_sharing.data_after_forks()
    ask.choose("300 MiB")
    ask.commit()
    ask._button.click()  # too late: the answer was given
    assert not file.exists()


def test_a_button_without_an_answer_keeps_nothing(file) -> None:
    fork_sharing.data_after_forks()._button.click()
    assert not file.exists()


def test_a_question_knows_the_lesson_that_asks() -> None:
    assert fork_sharing.check_yourself().questions[0].lesson == "fork_sharing"
    assert Drawn(drills.victim).ask.lesson == "drills"
    assert Prediction("What does fork do?", CHOICES, answer="shares").lesson is None
    assert Prediction("What does fork do?", CHOICES, answer="shares", lesson="mine").lesson == "mine"


ASKING = [
    import_module(f"{room.__name__}.{found.name}")
    for room in (questions, drills)
    for found in iter_modules(room.__path__)
]


@pytest.mark.parametrize("module", ASKING, ids=lambda module: module.__name__)
def test_every_question_of_a_module_names_its_lesson(module) -> None:
    assert getattr(module, "LESSON", "drills") == (
        "drills" if module.__package__ == drills.__name__ else module.__name__.rpartition(".")[2]
    )
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
            "Prediction",
            "Question",
            "Estimate",
            "PagePrediction",
        }:
            assert "LESSON" in [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "lesson"]


def test_a_question_of_no_lesson_is_answered_and_not_kept(file) -> None:
    ask = Prediction("What does fork do?", CHOICES, answer="shares")
    ask.choose("shares")
    ask._button.click()
    assert ask.committed == "shares"
    assert not file.exists()


def test_the_reader_is_told_where_progress_cannot_be_kept(file, monkeypatch) -> None:
    file.parent.mkdir()
    file.write_text("{")
    ask = Question("What does fork do?", CHOICES, answer="shares", lesson="test")
    ask.choose("shares")
    ask._button.click()
    assert "Right" in result(ask)
    assert "damaged" in result(ask)
    monkeypatch.setenv("COWLAB_PROGRESS", str(file / "below a file"))
    ask._button.click()
    assert "Right" in result(ask)
    assert "could not be kept" in result(ask)
