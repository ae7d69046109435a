"""What the documents promise: two commands that are one line each, and links that lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def shell_fences():
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def test_the_first_two_commands_of_the_readme_are_one_line_each():
    start, test = shell_fences()[:2]
    assert start.count("\n") == test.count("\n") == 1
    assert start.endswith("cowlab\n")
    assert test.endswith("pytest\n")


def test_the_two_commands_are_on_the_first_screen():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    end_of_second = readme.index(shell_fences()[1]) + len(shell_fences()[1])
    assert readme[:end_of_second].count("\n") <= 30


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_to_files_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    files = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [name for name in files if not (document.parent / name).exists()] == []
