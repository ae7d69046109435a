"""Each belief that people hold: where a reader meets it as an answer of their own, and is told why it is wrong.

The beliefs were seen outside of classrooms: in issue reports, post-mortems and books.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib import import_module

import ipywidgets
import pytest

from cowlab.course import Prediction
from helpers.paths import NOTEBOOKS

ASKING = ("Prediction", "Question", "Quiz")
# (belief, lesson, a part of the question, the answer of whoever believes it, a part of what it is told)
BELIEFS = [
    ("fork doubles memory", "01_fork_sharing", "three children. Nobody writes", "1.17 GiB", "a fork copies no page"),
    ("RSS adds up", "01_fork_sharing", "What does RSS add up to", "300 MiB", "in full in every process"),
    ("malloc fails when memory is gone", "04_overcommit", "first to be refused", "request 2", "mode 0 does not add up"),
    (
        "fork cannot fail while memory is free",
        "04_overcommit",
        "It forks. What happens?",
        "the fork is granted: no page is copied",
        "all promises together have a limit",
    ),
    (
        "CommitLimit always limits",
        "04_overcommit",
        "Committed_AS is 40 GiB",
        "the next request will be refused",
        "limits in mode 2 alone",
    ),
    (
        "the killer takes whoever asked",
        "06_oom_killer",
        "and works on it all the time",
        "the process that leaks is killed",
        "It looks at size, and not at who asked",
    ),
    (
        "at its limit the whole container dies",
        "07_cgroup_isolation",
        "Now every pod has a limit",
        "all of the leaking pod",
        "memory.oom.group says so",
    ),
    (
        "a read of a shared page copies it",
        "02_first_write_copy",
        "The child only reads",
        "one for every page",
        "a read copies nothing",
    ),
    (
        "workers that only read share for ever",
        "09_in_production",
        "data-loader workers",
        "workers that write nothing",
        "Python does it for them",
    ),
    (
        "once shared, every later write copies",
        "02_first_write_copy",
        "The child writes it, and then the parent",
        "two, one for each",
        "nobody else maps the old frame any more",
    ),
    (
        "the child gets the copy",
        "02_first_write_copy",
        "The parent writes it, before",
        "the child has the new one, the parent the old one",
        "copies for whoever writes",
    ),
    (
        "a fork is instant at any size",
        "05_batch_fork_explosion",
        "How long does this fork take",
        "as long as before",
        "an entry of the page tables for each page",
    ),
    (
        "free() gives memory back",
        "09_in_production",
        "How much does RSS fall",
        "by nine tenths",
        "Only a page on which nothing is left",
    ),
    (
        "a page fault is an error",
        "02_first_write_copy",
        "major page faults 0",
        "an access went wrong",
        "a page fault is no error",
    ),
    (
        "a page fault is a disk read",
        "02_first_write_copy",
        "major page faults 0",
        "a page was read from disk",
        "a major one",
    ),
    (
        "shared pages are charged to every group",
        "07_cgroup_isolation",
        "charged to /b",
        "64 MiB",
        "a page is charged once",
    ),
    (
        "a limit protects the host's account of promises",
        "04_overcommit",
        "By how much does Committed_AS of the host grow",
        "1 GiB",
        "says nothing about promises",
    ),
    (
        "memory.high is a soft kill",
        "07_cgroup_isolation",
        "What happens beyond 256 MiB",
        "the program is killed, after a warning",
        "It kills nobody",
    ),
    (
        "the scheduler sees usage",
        "08_headroom_and_alerts",
        "Two nodes have 8 GiB for pods",
        "the first",
        "the scheduler does not see use",
    ),
    (
        "with 2 MiB pages one write copies 2 MiB",
        "09_in_production",
        "switch 2 MiB pages off",
        "all of it",
        "copies one small page",
    ),
]


def asked(lesson: str) -> Iterator[Prediction]:
    """Every question with choices that the lesson asks."""
    questions = import_module(f"cowlab.course.questions.{lesson.partition('_')[2]}")
    notebook = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for source in code:
        for call in _calls(source, questions):
            yield from _flat(eval(call, {"questions": questions, "size": "300 MiB"}))


def saved(lesson: str) -> str:
    """What the lesson shows as it was saved."""
    notebook = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "\n".join("".join(output.get("data", {}).get("text/plain", "")) for output in outputs)


def _calls(source: str, questions: object) -> Iterator[str]:
    """The calls in a cell that make questions, of numbers and texts alone."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            made = getattr(questions, node.func.attr, None)
            if names <= {"questions", "size"} and made and made.__annotations__.get("return") in ASKING:
                yield ast.unparse(node)


def _flat(made: object) -> Iterator[Prediction]:
    if isinstance(made, Prediction):
        yield made
    elif isinstance(made, ipywidgets.VBox):
        for child in made.children:
            yield from _flat(child)


@pytest.mark.parametrize(("belief", "lesson", "question", "answer", "told"), BELIEFS, ids=[one[0] for one in BELIEFS])
def test_a_belief_is_met_as_ones_own_answer_and_explained(
    belief: str, lesson: str, question: str, answer: str, told: str
) -> None:
    (ask,) = [one for one in asked(lesson) if question in one.question]
    assert ask.text in saved(lesson)
    assert answer in ask.choices
    assert answer != ask.answer
    assert told in ask.choices[answer]
    explanations = list(ask.choices.values())
    assert len(set(explanations)) == len(explanations)
