"""Writing a file whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Leave the old file or the new one, never half of one, and nothing beside it.

    `mode` says who may read the new one, less what the umask takes away. Two programs may write at the same time: each
    has a part of its own, and the last to finish wins.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.touch(mode, exist_ok=False)
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
