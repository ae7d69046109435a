"""Copying the lessons: new ones arrive, unchanged ones follow the course, a learner's work is kept."""

import hashlib
import json

import pytest

from cowlab.program import lesson_files
from cowlab.program.lesson_files import CourseError, copy_lessons, course_folder


@pytest.fixture
def course(tmp_path):
    """A course of one lesson and one picture."""
    source = tmp_path / "source"
    (source / "images").mkdir(parents=True)
    (source / "lesson.ipynb").write_text("one")
    (source / "images" / "map.png").write_text("picture")
    return source


@pytest.fixture
def copy(course, tmp_path):
    """A learner's copy of it."""
    copy_lessons(course, tmp_path / "copy")
    return tmp_path / "copy"


def files(folder):
    shown = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.name: path.read_text() for path in shown}


def test_a_first_copy_brings_every_file(copy):
    assert files(copy) == {"lesson.ipynb": "one", "map.png": "picture"}


def test_what_jupyter_leaves_behind_is_not_copied(course, tmp_path):
    (course / ".ipynb_checkpoints").mkdir()
    (course / ".ipynb_checkpoints" / "lesson-checkpoint.ipynb").write_text("old")
    copy_lessons(course, tmp_path / "copy")
    assert not (tmp_path / "copy" / ".ipynb_checkpoints").exists()


def test_a_second_copy_does_and_says_nothing(course, copy):
    assert copy_lessons(course, copy).line(copy) == ""


def test_an_unchanged_lesson_is_updated(course, copy):
    (course / "lesson.ipynb").write_text("two")
    assert copy_lessons(course, copy).updated == ["lesson.ipynb"]
    assert files(copy)["lesson.ipynb"] == "two"


def test_a_changed_lesson_of_the_same_course_is_left_alone(course, copy):
    (copy / "lesson.ipynb").write_text("mine")
    assert copy_lessons(course, copy).line(copy) == ""
    assert files(copy) == {"lesson.ipynb": "mine", "map.png": "picture"}


def test_a_changed_lesson_is_kept_and_the_new_one_offered_beside_it(course, copy, monkeypatch):
    (copy / "lesson.ipynb").write_text("mine")
    (course / "lesson.ipynb").write_text("two")
    monkeypatch.setattr(lesson_files, "__version__", "9.0")
    line = copy_lessons(course, copy).line(copy)
    assert "lesson.ipynb is yours and was kept, the new one is lesson.new.ipynb" in line
    assert "this is 9.0" in line
    assert "\n" not in line
    assert files(copy) == {"lesson.ipynb": "mine", "lesson.new.ipynb": "two", "map.png": "picture"}
    assert copy_lessons(course, copy).line(copy) == ""


def test_an_offer_that_was_thrown_away_is_not_made_again(course, copy):
    (copy / "lesson.ipynb").write_text("mine")
    (course / "lesson.ipynb").write_text("two")
    copy_lessons(course, copy)
    (copy / "lesson.new.ipynb").unlink()
    assert copy_lessons(course, copy).line(copy) == ""


def test_an_offer_that_was_worked_on_is_kept_too(course, copy):
    (copy / "lesson.ipynb").write_text("mine")
    (course / "lesson.ipynb").write_text("two")
    copy_lessons(course, copy)
    (copy / "lesson.new.ipynb").write_text("mine too")
    (course / "lesson.ipynb").write_text("three")
    copy_lessons(course, copy)
    lessons = {name: text for name, text in files(copy).items() if name != "map.png"}
    assert lessons == {"lesson.ipynb": "mine", "lesson.new.ipynb": "mine too", "lesson.new2.ipynb": "three"}


def test_an_untouched_offer_follows_the_course(course, copy):
    (copy / "lesson.ipynb").write_text("mine")
    for text in ("two", "three"):
        (course / "lesson.ipynb").write_text(text)
        copy_lessons(course, copy)
    assert files(copy) == {"lesson.ipynb": "mine", "lesson.new.ipynb": "three", "map.png": "picture"}


def test_a_deleted_lesson_comes_back_fresh(course, copy):
    (copy / "lesson.ipynb").unlink()
    assert copy_lessons(course, copy).added == ["lesson.ipynb"]


def test_a_file_that_was_there_before_the_course_is_kept(course, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "lesson.ipynb").write_text("mine")
    copy_lessons(course, tmp_path / "copy")
    assert files(tmp_path / "copy")["lesson.ipynb"] == "mine"
    assert files(tmp_path / "copy")["lesson.new.ipynb"] == "one"


def test_a_damaged_list_of_copies_says_what_to_do(course, copy):
    (copy / lesson_files.MANIFEST).write_text(json.dumps([1, 2]))
    with pytest.raises(CourseError, match="is damaged: delete it, your lessons will be kept"):
        copy_lessons(course, copy)


def test_a_file_in_the_place_of_the_folder_says_what_to_do(course):
    with pytest.raises(CourseError, match="is a file: name a folder with --into"):
        copy_lessons(course, course / "lesson.ipynb")


def test_a_folder_that_cannot_be_made_says_what_to_do(course, monkeypatch):
    monkeypatch.setattr(lesson_files, "find_lessons", lambda: (course, False))
    with pytest.raises(CourseError, match="cannot copy the lessons .*: name another folder with --into"):
        course_folder(course / "lesson.ipynb" / "copy")


def test_a_clone_is_opened_as_a_whole(course, monkeypatch):
    monkeypatch.setattr(lesson_files, "find_lessons", lambda: (course, True))
    assert course_folder(None) == (course.parent, "")


# ---- documents, and the links to them


@pytest.fixture
def documents(course):
    """The course's documents: a page with a picture, and a picture of another page."""
    docs = course.parent / "docs"
    (docs / "images").mkdir(parents=True)
    (docs / "trust.md").write_text("![a curve](images/curve.png) [a lesson](../notebooks/lesson.ipynb)")
    (docs / "images" / "curve.png").write_text("curve")
    (docs / "images" / "readme.png").write_text("another")
    (course / "lesson.ipynb").write_text("[the page](../docs/trust.md)")
    return docs


def test_documents_come_along_with_what_they_show(course, documents, tmp_path):
    copy_lessons(course, tmp_path / "copy")
    copied = tmp_path / "copy" / "docs"
    assert sorted(path.name for path in copied.rglob("*") if path.is_file()) == ["curve.png", "trust.md"]


def test_links_lead_from_a_copy_to_where_they_led(course, documents, tmp_path):
    copy_lessons(course, tmp_path / "copy")
    assert files(tmp_path / "copy")["lesson.ipynb"] == "[the page](docs/trust.md)"
    assert files(tmp_path / "copy")["trust.md"].endswith("[a lesson](../lesson.ipynb)")
    assert copy_lessons(course, tmp_path / "copy").line(tmp_path) == ""


def copied_before_documents(course, target):
    """A copy by an earlier version: no documents, and lessons as they stand in the repository."""
    content = (course / "lesson.ipynb").read_bytes()
    target.mkdir()
    (target / "lesson.ipynb").write_bytes(content)
    hashes = {"lesson.ipynb": hashlib.sha256(content).hexdigest()}
    (target / lesson_files.MANIFEST).write_text(json.dumps({"version": "0.0", "files": hashes}))


def test_a_copy_of_an_earlier_version_gets_the_documents_and_the_links(course, documents, tmp_path):
    copied_before_documents(course, tmp_path / "copy")
    report = copy_lessons(course, tmp_path / "copy")
    assert report.updated == ["lesson.ipynb"]
    assert "docs/trust.md" in report.added
    assert files(tmp_path / "copy")["lesson.ipynb"] == "[the page](docs/trust.md)"


def test_a_lesson_changed_since_an_earlier_version_is_kept(course, documents, tmp_path):
    copied_before_documents(course, tmp_path / "copy")
    (tmp_path / "copy" / "lesson.ipynb").write_text("mine")
    assert copy_lessons(course, tmp_path / "copy").offered == [("lesson.ipynb", "lesson.new.ipynb")]
    assert files(tmp_path / "copy")["lesson.ipynb"] == "mine"
    assert files(tmp_path / "copy")["lesson.new.ipynb"] == "[the page](docs/trust.md)"


# ---- which folder


def test_without_a_clone_the_lessons_are_copied_beside_the_learner(course, tmp_path, monkeypatch):
    monkeypatch.setattr(lesson_files, "find_lessons", lambda: (course, False))
    monkeypatch.chdir(tmp_path)
    folder, line = course_folder(None)
    assert folder == tmp_path / "cowlab-course"
    assert line == "Files of the course in cowlab-course: 2 added."
    monkeypatch.chdir(folder)
    assert course_folder(None) == (folder, "")
