"""The reader's progress: kept in a file of their own, whole or not at all, and its loss is no disaster."""

from __future__ import annotations

import json
import os
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS

from cowlab.course import progress
from cowlab.files import write_whole


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


def on_macos(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """As on a Mac, where XDG's variables are not set."""
    for name in ("COWLAB_PROGRESS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(platformdirs, "PlatformDirs", MacOS)


def test_on_macos_the_file_is_where_macs_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_macos(monkeypatch, tmp_path)
    assert progress.path() == tmp_path / "Library" / "Application Support" / "cowlab" / "progress.json"


def test_on_macos_an_old_file_is_still_found_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_macos(monkeypatch, tmp_path)
    old = tmp_path / ".local" / "share" / "cowlab" / "progress.json"
    old.parent.mkdir(parents=True)
    old.write_text('{"lessons": {"paging": {"How much?": false}}}')
    progress.record("paging", "Who pays?", right=True)
    assert progress.load().lessons == {"paging": {"How much?": False, "Who pays?": True}}
    assert progress.path() == old


def test_answers_are_for_their_owner_to_read(file: Path) -> None:
    progress.record("paging", "How much?", right=True)
    assert file.stat().st_mode & 0o077 == 0


def test_parts_of_two_writers_have_names_of_their_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    parts = []

    def beside(part: Path, whole: Path) -> None:
        """Another program writes the same file just before this one takes its place."""
        parts.append(part)
        if len(parts) == 1:
            write_whole(file, b"other")
        replace(part, whole)

    replace = os.replace
    monkeypatch.setattr(os, "replace", beside)
    write_whole(file, b"mine")
    assert len(set(parts)) == 2
    assert file.read_bytes() == b"mine"
    assert [path.name for path in file.parent.iterdir()] == ["progress.json"]


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
