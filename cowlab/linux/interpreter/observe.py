"""What the kernel shows of a process: /proc/PID/smaps and /proc/PID/pagemap."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PAGE = 4096
GIB = 1 << 30
FIRST_ADDRESS = 64 * GIB  # lower than the interpreter's own mappings, so that smaps lists the trace's first

FIELDS = ("Size", "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Anonymous")
HEADER = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ", re.M)
FIELD = re.compile(rb"^(" + "|".join(FIELDS).encode() + rb"): +(\d+) kB", re.M)

MAPPED, EXCLUSIVE, SWAPPED, FILE = 1, 2, 4, 8  # as cowlab.linux says
BIT_OF = {MAPPED: 63, EXCLUSIVE: 56, SWAPPED: 62, FILE: 61}  # of a word of pagemap


@dataclass(frozen=True)
class Region:
    """Where a region of the trace lies."""

    address: int
    pages: int

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.address + self.pages * PAGE


@dataclass(frozen=True)
class Piece:
    """One mapping (VMA) as the kernel lists it."""

    start: int
    end: int
    prot: str
    fields: dict[str, int]


def read_smaps(pid: int, end: int) -> bytes:
    """/proc/PID/smaps up to address `end`; what follows is the interpreter's, and slow to make.

    Raises ProcessLookupError, or FileNotFoundError, if the process has ended.
    """
    text = b""
    with open(f"/proc/{pid}/smaps", "rb", buffering=0) as file:
        while more := file.read(1 << 16):  # the kernel gives a few mappings a time
            text += more
            starts = HEADER.findall(more)
            if starts and int(starts[-1][0], 16) >= end:
                break
    if not text:
        raise ProcessLookupError(f"process {pid} has no memory any more")
    return text


def pieces_in(smaps: bytes, end: int) -> Iterator[Piece]:
    """The mappings that start in [FIRST_ADDRESS, end)."""
    headers = list(HEADER.finditer(smaps))
    stops = [header.start() for header in headers[1:]] + [len(smaps)]
    for header, stop in zip(headers, stops, strict=True):
        if FIRST_ADDRESS <= (start := int(header[1], 16)) < end:
            fields = {name.decode(): int(kib) for name, kib in FIELD.findall(smaps, header.end(), stop)}
            yield Piece(start, int(header[2], 16), header[3].decode(), fields)


def summed(pieces: list[Piece]) -> dict[str, int]:
    """The smaps fields of a region in several pieces."""
    return {key: sum(piece.fields[key] for piece in pieces) for key in FIELDS}


def page_flags(pid: int, region: Region) -> str:
    """One byte of flags a page, from pagemap; packed into text. Raises as `read_smaps` does."""
    with open(f"/proc/{pid}/pagemap", "rb") as file:
        file.seek(region.address // PAGE * 8)
        words = np.frombuffer(file.read(region.pages * 8), np.uint64)
    if len(words) < region.pages:
        raise ProcessLookupError(f"process {pid} has no memory any more")
    flags = np.zeros(region.pages, np.uint8)
    for flag, bit in BIT_OF.items():
        flags[(words & np.uint64(1 << bit)) != 0] |= flag
    flags[flags & (MAPPED | SWAPPED) == 0] = 0  # an empty entry of a file mapping has a mark of its own
    return base64.b64encode(zlib.compress(flags.tobytes(), 1)).decode()
