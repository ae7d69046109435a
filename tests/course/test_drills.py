"""The drills of lessons 3, 7, 8 and 9: a formula of the question's own numbers agrees; each mistake has its reason."""

from __future__ import annotations

import math
import random
import re
from itertools import combinations

import pytest

from cowlab.course import Estimate, Prediction, drills
from cowlab.course.drills import groups, nodes, production, zygotes
from cowlab.units import format_size
from helpers.draws import answer, drawn

MIB = 2**20


def predictions(make: drills.Drill) -> list[Prediction]:
    asked = drawn(make)
    assert all(isinstance(ask, Prediction) for ask in asked)
    return asked  # type: ignore[return-value]


def estimates(make: drills.Drill) -> list[Estimate]:
    asked = drawn(make)
    assert all(isinstance(ask, Estimate) for ask in asked)
    return asked  # type: ignore[return-value]


def numbers(question: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", question)]


def told_apart(explain, right: float, wrong: dict[float, str]) -> None:
    """Each of the wrong numbers gets the words that are its own, and the right one a "Yes"."""
    assert explain(right, right).startswith("Yes. ")
    for number, words in wrong.items():
        assert words in explain(number, right), number
        assert not explain(number, right).startswith("Yes")
    reasons = [explain(number, right) for number in wrong]
    assert len(set(reasons)) == len(wrong)


# ---- lesson 3


def test_what_a_zygote_saves_is_what_is_not_written_less_one_zygote() -> None:
    for ask in estimates(drills.saved_by_a_zygote):
        size, tabs, percent, _ = numbers(ask.question)
        assert answer(ask) == pytest.approx(size * (tabs * (1 - percent / 100) - 1))


@pytest.mark.parametrize(("size", "tabs", "percent"), [(100, 20, 10), (300, 50, 40), (500, 25, 25), (200, 40, 75)])
def test_each_wrong_saving_has_its_reason(size: int, tabs: int, percent: int) -> None:
    copies = size * tabs * percent / 100
    wrong = {
        size * tabs - copies: "leaves out the zygote itself",
        size * tabs - size: "so before the writes",
        size + copies: "is in memory with a zygote",
        copies: "what the tabs copy",
        size * tabs: "all that the tabs have from scratch",
    }
    told_apart(lambda guess, _: zygotes._about_saving(guess, size, tabs, percent), size * tabs - copies - size, wrong)


def test_the_wrong_savings_are_apart_in_every_draw() -> None:
    for ask in estimates(drills.saved_by_a_zygote):
        size, tabs, percent, _ = numbers(ask.question)
        whole, copies = size * tabs, size * tabs * percent / 100
        given = [whole - size - copies, whole - copies, whole - size, size + copies, copies, whole]
        for one, other in combinations(given, 2):
            assert not math.isclose(one, other, rel_tol=0.01)


def test_a_zygote_saves_none_of_the_code() -> None:
    for ask in predictions(drills.saved_beside_code):
        workers, size, code, percent = numbers(ask.question)
        heap, times = size * (1 - code / 100), workers * (1 - percent / 100) - 1
        assert len(ask.choices) == 4
        assert answer(ask) == format_size(round(heap * times * MIB))
        assert "counts the code as heap" in ask.choices[format_size(round(size * times * MIB))]
        assert "before the writes" in ask.choices[format_size(round(heap * (workers - 1) * MIB))]
        assert "that is the code" in ask.choices[format_size(round((size - heap) * (workers - 1) * MIB))]


# ---- lesson 7


def test_a_limit_that_is_met_first_decides_among_whom_the_killer_chooses() -> None:
    for ask in predictions(drills.dies_of_a_leak):
        ram, cache, workers, *rest = numbers(ask.question)
        limit = rest[0] if "a limit of" in ask.question else math.inf
        met = limit < ram - cache
        assert len(ask.choices) == 3
        if not met and cache > (ram - cache) / workers:
            assert answer(ask) == groups.CACHE
            assert "the killer looks at everybody" in ask.choices[groups.ONE]
        else:
            assert answer(ask) == (groups.ALL if "memory.oom.group is on" in ask.question else groups.ONE)
            assert ("looks at the job's processes alone" in ask.choices[groups.CACHE]) == met
            assert "memory.oom.group" in ask.choices[groups.ONE]
            assert "memory.oom.group" in ask.choices[groups.ALL]


def test_both_ways_in_which_memory_ends_are_drawn() -> None:
    asked = [(answer(ask), ask.solution) for ask in predictions(drills.dies_of_a_leak)]
    answers = {(right, "is never met" in why, "no limit to meet" in why) for right, why in asked}
    assert {right for right, *_ in answers} == {groups.ONE, groups.ALL, groups.CACHE}
    assert len(answers) == 8  # with a limit that is met, one that is not, and none; the cache only in the last two


def test_a_group_pays_for_what_it_touched_first_until_that_is_free() -> None:
    for ask in predictions(drills.charged_to):
        size, percent = numbers(ask.question)
        written = size * percent / 100
        end = next(end for end in (groups.NEVER, groups.BEFORE, groups.AFTER) if f"The parent {end}." in ask.question)
        a, b = {
            groups.NEVER: (size, written),
            groups.AFTER: (size - written, written),
            groups.BEFORE: (size, 0),
        }[end]
        right = a if "charged to /a at the end" in ask.question else b
        assert answer(ask) == format_size(round(right * MIB))
        assert list(ask.choices) == [format_size(round(n * MIB)) for n in (size, size - written, written, 0)]
        assert len(set(ask.choices.values())) == 4


def test_all_ends_and_both_groups_are_asked_for() -> None:
    asked = {re.sub(r"\d+", "N", ask.question) for ask in predictions(drills.charged_to)}
    assert len(asked) == 6


# ---- lesson 8


def test_a_node_admits_as_many_requests_as_fit_into_what_is_allocatable() -> None:
    for ask in estimates(drills.pods_admitted):
        ram, reserved, eviction, request, use, limit = numbers(ask.question)
        assert answer(ask) == (ram * 1024 - reserved - eviction) // request
        wrong = {
            ram * 1024 // request: "takes all of the node",
            (ram * 1024 - reserved) // request: "leaves out the eviction threshold",
            (ram * 1024 - reserved - eviction) // use: "goes by use",
            (ram * 1024 - reserved - eviction) // limit: "goes by limits",
        }
        assert len(wrong) == 4
        told_apart(ask._explain, answer(ask), wrong)


def test_an_alert_goes_off_when_promises_exceed_its_part_of_the_headroom() -> None:
    for ask in estimates(drills.children_until_the_alert):
        ram, reserve, size, factor = numbers(ask.question)
        headroom = ram * 1024 - reserve
        right = next(n for n in range(1000) if (n + 1) * size > factor * headroom)
        assert answer(ask) == right
        wrong = {
            right + 1: "counts the parent too",
            right - 1: "One more",
            next(n for n in range(1000) if (n + 1) * size > headroom): "more than the headroom itself",
            next(n for n in range(1000) if (n + 1) * size > factor * ram * 1024): "takes all RAM for headroom",
        }
        assert len(wrong) == 4
        told_apart(ask._explain, answer(ask), wrong)


def test_promises_never_equal_what_the_alert_waits_for() -> None:
    for seed in range(1000):
        ram, reserve, size, percent = nodes._drawn_machine(random.Random(seed))
        assert (ram * 1024 - reserve) * percent % (100 * size)


# ---- lesson 9


def test_a_snapshot_costs_every_page_on_which_a_value_was_written() -> None:
    for ask in estimates(drills.copied_during_a_snapshot):
        size, a_page, percent = numbers(ask.question)
        side_by_side, at_random = size * percent / 100, size * (1 - (1 - percent / 100) ** a_page)
        spread = "at random" in ask.question
        right, other = (at_random, side_by_side) if spread else (side_by_side, at_random)
        assert answer(ask) == pytest.approx(right, rel=0.02)
        words = "if they lay side by side" if spread else "if they were spread at random"
        wrong = {other: words, 0: "The child only reads", size: "all of it", size + right: "what is in use then"}
        told_apart(ask._explain, answer(ask), {**wrong, size - answer(ask): "what stays shared"})


def test_counts_are_written_with_and_without_gc_freeze_and_headers_only_without() -> None:
    for ask in estimates(drills.data_of_workers):
        size, *_, workers, percent = numbers(ask.question)
        everything, looked_at = size * (1 + workers), size * (1 + workers * percent / 100)
        if "array" in ask.question:
            right, wrong = size, {everything: "for lists and dictionaries", looked_at: "for many objects"}
        elif "was called before" in ask.question:
            right, wrong = looked_at, {everything: "without gc.freeze()", size: "if only the collector wrote"}
        else:
            right, wrong = everything, {looked_at: "the counts alone", size: "if to read were not to write"}
        assert answer(ask) == pytest.approx(right)
        told_apart(ask._explain, answer(ask), wrong)
        if right > size and not math.isclose(right - size, size, rel_tol=0.02):
            assert "the copies alone" in ask._explain(right - size, answer(ask))


def test_all_three_kinds_of_data_are_drawn() -> None:
    asked = {
        kind for ask in estimates(drills.data_of_workers) for kind in production.TOLD.values() if kind in ask.question
    }
    assert asked == set(production.TOLD.values())
