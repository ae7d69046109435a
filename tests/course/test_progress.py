"""The reader's progress: kept in a file of their own, whole or not at all, and its loss is no disaster."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cowlab import progress


def test_nothing_is_known_before_the_first_answer_and_looking_makes_no_file(file: Path) -> None:
    assert progress.load() == progress.Progress({})
    assert not file.parent.exists()


def test_what_is_recorded_is_there_afterwards(file: Path) -> None:
    assert progress.record("fork_sharing", "How much?", right=False) == ""
    assert progress.record("fork_sharing", "Who pays?", right=True) == ""
    assert progress.record("paging", "How much?", right=True) == ""
    assert progress.load().lessons == {
        "fork_sharing": {"How much?": False, "Who pays?": True},
        "paging": {"How much?": True},
    }
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


def test_the_last_answer_counts() -> None:
    progress.record("paging", "How much?", right=True)
    progress.record("paging", "How much?", right=False)
    assert progress.load().lessons == {"paging": {"How much?": False}}


BROKEN = ["", "{", "[]", '"text"', "{}", '{"lessons": []}', '{"lessons": {"a": 1}}', '{"lessons": {"a": {"b": "yes"}}}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_file_is_said_and_reading_leaves_it_where_it_is(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    found = progress.load()
    assert found.lessons == {}
    assert "damaged" in found.trouble
    assert file.read_text() == content


@pytest.mark.parametrize("content", [*(text.encode() for text in BROKEN), b"\xff\xfe\x00"])
def test_a_damaged_file_is_moved_aside_at_the_next_answer(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    for number in (1, 2):
        file.write_bytes(content)
        said = progress.record("paging", "How much?", right=True)
        aside = file.with_name(f"progress.damaged{number}.json")
        assert str(aside) in said
        assert aside.read_bytes() == content
        assert progress.load() == progress.Progress({"paging": {"How much?": True}})


def test_a_file_that_cannot_be_written_is_said_and_is_no_error(file: Path) -> None:
    file.parent.write_text("a file, where a folder is needed")
    assert "could not be kept" in progress.record("paging", "How much?", right=True)
    assert "cannot be read" in progress.load().trouble
    assert file.parent.read_text() == "a file, where a folder is needed"


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress.record("paging", "How much?", right=True)
    before = file.read_text()

    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left" in progress.record("paging", "Who pays?", right=True)
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


def test_the_file_is_where_the_system_keeps_data_of_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COWLAB_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert progress.path() == tmp_path / "data" / "cowlab" / "progress.json"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert progress.path() == tmp_path / ".local" / "share" / "cowlab" / "progress.json"


def test_names_of_any_language_survive() -> None:
    progress.record("paging", "Wie groß ist die Menge – 记忆?", right=True)
    assert progress.load().lessons == {"paging": {"Wie groß ist die Menge – 记忆?": True}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 300 MiB?", "What is 1.5 GiB?"),
        ("One page in 10, of 1,000?", "One page in 8, of 20?"),
        ("A writes 5%.\nHow much?", "A writes 50%; then B exits.\nHow  much?"),
    ],
)
def test_a_question_with_other_figures_has_the_same_key(one: str, other: str) -> None:
    assert progress.key_of(one) == progress.key_of(other)


def test_other_questions_have_other_keys() -> None:
    assert progress.key_of("How much data?") != progress.key_of("How many pages?")


def test_the_file_can_be_read_by_people(file: Path) -> None:
    progress.record("paging", "How much?", right=True)
    assert json.loads(file.read_text()) == {"lessons": {"paging": {"How much?": True}}}
    assert file.read_text().count("\n") > 3
