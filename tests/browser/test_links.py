"""A link from a lesson to a document, clicked."""

from __future__ import annotations

from cowlab.program.lesson_files import copy_lessons
from helpers.paths import ROOT

from .conftest import Open
from .jupyter import JupyterLab


def test_a_link_to_a_document_shows_it_as_a_page(open_file: Open, jupyterlab: JupyterLab) -> None:
    copy_lessons(ROOT / "notebooks", jupyterlab.folder / "course")
    lesson = open_file("course/01_fork_sharing.ipynb")
    lesson.scroll_to("a:text('How much to trust this')").click()
    lesson.page.locator(".jp-MarkdownViewer h1", has_text="How much to trust this").wait_for()
