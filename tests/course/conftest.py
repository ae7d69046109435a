"""What all tests of the course need."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's file of progress, of this test alone; its folder is not there yet."""
    file = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("COWLAB_PROGRESS", str(file))
    return file
