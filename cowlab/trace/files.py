"""Traces in files, as JSON."""

from __future__ import annotations

import gzip
import json
from os import PathLike
from pathlib import Path
from typing import Any

from .checking import validate
from .operations import Trace


def save(x: Trace, path: str | PathLike[str]) -> None:
    """Write a trace as JSON (compressed if the name ends in .gz)."""
    text = json.dumps(validate(x), indent=1)
    if str(path).endswith(".gz"):
        Path(path).write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        Path(path).write_text(text + "\n", encoding="utf-8")


def load(path: str | PathLike[str]) -> dict[str, Any]:
    """Read a trace that `save` wrote. Raises ValueError if it is not one."""
    data = Path(path).read_bytes()
    try:
        return validate(json.loads(gzip.decompress(data) if str(path).endswith(".gz") else data))
    except (json.JSONDecodeError, UnicodeDecodeError, gzip.BadGzipFile) as error:
        raise ValueError(f"{str(path)!r} is not a trace in JSON: {error}") from None
