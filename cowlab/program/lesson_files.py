"""Where the lessons are, and how they and their documents get into a learner's folder.

A learner's work is never overwritten. In the repository docs/ lies beside notebooks/, in a copy among the lessons.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..__about__ import __version__
from ..files import write_whole

FIRST_LESSON = "00_welcome.ipynb"
COPIES = Path("cowlab-course")
# What was copied, as hashes: a file that still has its hash was not changed by the learner.
MANIFEST = ".cowlab-course.json"
_NOT_LESSONS = {".ipynb_checkpoints", "__pycache__"}
_PICTURE = re.compile(rb"\]\((images/[^)\s]+)\)")


class CourseError(Exception):
    """The course cannot be opened; says what to do."""


@dataclass
class Report:
    """What a copy did: names of the files, and the version that was here before."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    offered: list[tuple[str, str]] = field(default_factory=list)
    before: str | None = None

    def line(self, target: Path) -> str:
        """One line for the learner; empty if nothing happened."""
        parts = [f"{len(self.added)} added"] if self.added else []
        parts += [f"{len(self.updated)} updated"] if self.updated else []
        parts += [f"{name} is yours and was kept, the new one is {new}" for name, new in self.offered]
        if not parts:
            return ""
        if self.before in (None, __version__):
            return f"Files of the course in {target}: {'; '.join(parts)}."
        versions = f"came from cowlab {self.before}, this is {__version__}"
        return f"Files of the course in {target} {versions}: {'; '.join(parts)}."


def course_folder(into: Path | None) -> tuple[Path, str]:
    """The folder to open, and a line to print: the repository, or an up-to-date copy of its lessons.

    The whole repository, as a link out of the folder that is open leads nowhere.
    """
    source, in_clone = find_lessons()
    if into is None and in_clone:
        return source.parent, ""
    target = into or (Path() if Path(MANIFEST).is_file() else COPIES)
    try:
        return target.resolve(), copy_lessons(source, target).line(target)
    except OSError as error:
        advice = "name another folder with --into"
        raise CourseError(f"cannot copy the lessons to {target} ({error}): {advice}") from error


def find_lessons() -> tuple[Path, bool]:
    """The lessons that belong to this package, and whether that is a clone of the repository."""
    package = Path(__file__).resolve().parents[1]
    clone = package.parent / "notebooks"
    if clone.is_dir() and (package.parent / "pyproject.toml").is_file():
        return clone, True
    if (package / "notebooks").is_dir():
        return package / "notebooks", False
    raise CourseError(f"there are no lessons in {clone} or {package / 'notebooks'}: install cowlab again")


def copy_lessons(source: Path, target: Path) -> Report:
    """Bring `target` up to date with `source` and the documents beside it.

    A file that the learner changed stays as it is.
    """
    if target.exists() and not target.is_dir():
        raise CourseError(f"{target} is a file: name a folder with --into")
    version, hashes = _read_manifest(target)
    report = Report(before=version)
    for name, file in _files(source):
        _place(_relinked(name, file.read_bytes()), target, name, hashes, report)
    manifest = json.dumps({"version": __version__, "files": hashes}, indent=1)
    _write(target / MANIFEST, manifest.encode())
    return report


def _place(content: bytes, target: Path, name: str, hashes: dict[str, str], report: Report) -> None:
    """Put one file where it belongs, or beside the learner's own version of it."""
    new = _hash(content)
    for candidate in _candidates(name):
        path = target / candidate
        present = _hash(path.read_bytes()) if path.exists() else None
        copied = hashes.get(candidate)
        if present == new or (present is not None and present != copied and copied == new):
            # Here already, or changed by the learner since it came from this very version.
            hashes[candidate] = new
            return
        if present is None or present == copied:
            _write(path, content)
            # What was offered once and thrown away is not offered again.
            hashes[name] = hashes[candidate] = new
            _note(report, name, candidate, present is None)
            return


def _note(report: Report, name: str, placed: str, is_new: bool) -> None:
    if placed != name:
        report.offered.append((name, placed))
    elif is_new:
        report.added.append(name)
    else:
        report.updated.append(name)


def _candidates(name: str) -> Iterator[str]:
    """The file's own name, then names beside it: lesson.new.ipynb, lesson.new2.ipynb, ..."""
    yield name
    stem, suffix = os.path.splitext(name)
    yield f"{stem}.new{suffix}"
    number = 2
    while True:
        yield f"{stem}.new{number}{suffix}"
        number += 1


def _files(source: Path) -> list[tuple[str, Path]]:
    """Each file of the course, and its name in a copy."""
    lessons = [(path.relative_to(source), path) for path in source.rglob("*") if path.is_file()]
    documents = [(path.relative_to(source.parent), path) for path in _documents(source.parent / "docs")]
    files = sorted(lessons + documents)
    return [(name.as_posix(), path) for name, path in files if not _NOT_LESSONS.intersection(name.parts)]


def _documents(folder: Path) -> set[Path]:
    """The pages in `folder`, and the pictures that they show; others there belong to the README."""
    pages = set(folder.glob("*.md"))
    shown = (folder / os.fsdecode(name) for page in pages for name in _PICTURE.findall(page.read_bytes()))
    return pages.union(shown)


def _relinked(name: str, content: bytes) -> bytes:
    """The file with links that lead from a copy to where they led from the repository."""
    if name.endswith(".ipynb"):
        return content.replace(b"](../docs/", b"](docs/")
    if name.startswith("docs/") and name.endswith(".md"):
        return content.replace(b"](../notebooks/", b"](../")
    return content


def _read_manifest(target: Path) -> tuple[str | None, dict[str, str]]:
    path = target / MANIFEST
    if not path.exists():
        return None, {}
    try:
        manifest = json.loads(path.read_bytes())
        return manifest["version"], dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{path} is damaged: delete it, your lessons will be kept") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
