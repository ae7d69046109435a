"""Links of lessons and documents lead somewhere, in the repository and in a copy of the lessons."""

from __future__ import annotations

from pathlib import Path

import pytest
from links import dead, links_of

from cowlab.program.lesson_files import copy_lessons
from helpers.paths import ROOT

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.fixture(scope="module")
def copy(unpacked_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a learner has who installed the package."""
    folder = tmp_path_factory.mktemp("learner") / "course"
    copy_lessons(unpacked_wheel / "cowlab" / "notebooks", folder)
    return folder


@pytest.mark.parametrize("file", [*LESSONS, *PAGES], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_in_the_repository(file: Path) -> None:
    assert dead(file) == []


def test_in_a_copy(copy: Path) -> None:
    files = sorted([*copy.rglob("*.ipynb"), *copy.rglob("*.md")])
    assert {file.name for file in files} >= {lesson.name for lesson in LESSONS} | {"trust.md", "glossary.md"}
    assert {file.name: dead(file) for file in files if dead(file)} == {}


def test_no_link_leads_out_of_a_copy(copy: Path) -> None:
    files = [*copy.rglob("*.ipynb"), *copy.rglob("*.md")]
    places = [(file.parent / link).resolve() for file in files for link in links_of(file) if ":" not in link]
    assert [place for place in places if not place.is_relative_to(copy.resolve())] == []


def test_every_lesson_links_to_the_documents() -> None:
    assert [lesson.name for lesson in LESSONS if "../docs/trust.md" not in links_of(lesson)] == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One `word`\n\n```sh\n# Two\n```\n")
    good = "[a](other.md) [b](other.md#One-word) [c](https://example.org/nothing) [d](#Here)"
    page.write_text(f'# Here\n\n{good} [e](none.md) [f](other.md#Two) [g](#There) <img src="none.png">')
    assert dead(page) == ["none.md", "other.md#Two", "#There", "none.png"]
