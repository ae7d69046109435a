"""How tests are spread over processes (pytest-xdist)."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling


class ByFile(LoadFileScheduling):
    """A file goes to one process as a whole: its tests share what was dear to make.

    So do all browser tests, which share a JupyterLab and a Chromium.
    """

    def _split_scope(self, nodeid: str) -> str:
        browser = "tests/browser/"
        return browser if nodeid.startswith(browser) else super()._split_scope(nodeid)
