"""The bar's marks: of very many copies some are left out, and of kills none."""

from __future__ import annotations

from cowlab.views.playback import Mark
from cowlab.views.scrub_bar import MOST_MARKS, ScrubBar


def bar() -> ScrubBar:
    return ScrubBar(go=lambda position: None, cancel=lambda: None)


def test_few_marks_are_all_shown_in_their_order() -> None:
    shown = bar()
    shown.mark([Mark(1, "fork", "a"), Mark(2, "kill", "b"), Mark(3, "copy", "c")])
    assert shown.marks == [[1, "F", "fork", "a"], [2, "K", "kill", "b"], [3, "C", "copy", "c"]]


def test_among_very_many_copies_each_kill_is_still_there() -> None:
    shown = bar()
    kills = [Mark(position, "kill", "victim") for position in range(1, 5000, 777)]
    shown.mark(kills + [Mark(position, "copy", "writer") for position in range(0, 5000, 2)])
    assert [mark for mark in shown.marks if mark[2] == "kill"] == [[m.position, "K", "kill", "victim"] for m in kills]
    assert len(shown.marks) <= MOST_MARKS + len(kills)
    assert shown.marks == sorted(shown.marks)
