"""How tests are spread over processes (pytest-xdist)."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

BROWSER = "tests/browser/"
LONG = [
    "tests/lessons/test_lessons_without_kernel.py",
    BROWSER,
    "tests/engine/test_twins.py",
    "tests/program/test_launch.py",
    "tests/lessons/test_controls_on_kernel.py",
]
"""What takes longest, and so comes first: else a process would be left with it when the others are done."""


class ByFile(LoadFileScheduling):
    """A file goes to one process as a whole: its tests share what was dear to make.

    So do all browser tests, which share a JupyterLab and a Chromium.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)


def longest_first(nodeid: str) -> int:
    """A key to sort tests by; those that are not long keep their order."""
    return next((place for place, begin in enumerate(LONG) if nodeid.startswith(begin)), len(LONG))
