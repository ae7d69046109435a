"""Runs a trace on this machine's kernel, with real processes, and reports what the model reports.

    from cowlab import linux, scenarios
    run = linux.run(scenarios.zygote.small())
    run.entries            # what `cowlab.replay` gives for the same trace, as the kernel says it
    run.pages["tab 1"]["heap"]    # one byte of flags a page: MAPPED | EXCLUSIVE | SWAPPED | FILE

The processes belong to a fresh interpreter (`interpreter/`), so the notebook is never forked. They cannot harm the
machine: the model runs the trace first, and what would take too much memory is refused; they have an address-space
limit; the kernel's OOM killer takes them first; and they end with the call that started them, however it ends.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .. import trace
from ..engine.errors import Error
from ..units import PAGE_SIZE, format_size
from . import host

__all__ = [
    "EXCLUSIVE",
    "FILE",
    "MAPPED",
    "SWAPPED",
    "Crashed",
    "Kernel",
    "Run",
    "TooLarge",
    "Unavailable",
    "available",
    "file_window",
    "replay",
    "run",
]

Operation = dict[str, Any]
Trace = list[Operation] | dict[str, Any]
Entry = dict[str, Any]
When = Literal["end", "each", "none"]
Pages = dict[str, dict[str, NDArray[np.uint8]]]
"""{process: {region: flags, one byte a page}}."""

MAPPED, EXCLUSIVE, SWAPPED, FILE = 1, 2, 4, 8
"""Flags of a page (/proc/PID/pagemap): it has an entry; this process alone maps its frame; it is in swap; its frame
belongs to a file or to shared memory. A zero page is MAPPED alone."""

GROUP_OPERATIONS = ("group", "limit", "remove", "attach", "move")
FILE_PAGES = 600
ADDRESS_SPACE = 1 << 30  # for the interpreter itself, beside what the trace maps
MOST_RUNS = 4

PROGRAM = "import sys; sys.path += sys.argv[1:3]; from interpreter.conductor import main; main()"
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Unavailable(Error):
    """This machine cannot run a trace; the message says why."""


class TooLarge(Error):
    """The trace would take more memory than a lesson may take of this machine."""


class Crashed(Error):
    """The trace did not come to its end: the OOM killer or a fault ended one of its processes."""


@dataclass(frozen=True)
class Run:
    """What the kernel said of a trace, operation by operation."""

    entries: list[Entry]
    """As of `cowlab.replay`."""
    pages: Pages
    """Every page that the living processes map, after the last operation."""
    kernel: str
    date: str
    """The day it ran, as in 2026-11-24."""
    seconds: float
    """Start of the interpreter and all else included."""
    timings: list[float]
    """Seconds that each operation took by itself; for spawn and fork the interpreter's own memory included."""
    history: list[Pages] = field(default_factory=list)
    """`pages` after each operation, with run(pages="each")."""


def available() -> str | None:
    """None if traces run on this machine, else a sentence that says why not."""
    return host.obstacle()


def run(x: Trace, pages: When = "end", expected: list[Entry] | None = None) -> Run:
    """Run a list of operations, or a trace with machine settings, on this kernel.

    `pages` says when to look at every page: at the end, after each operation ("each"), or never ("none"). Of the
    machine settings none can be set on a real machine, and all are ignored, but for copy_on_write=False, which Linux
    cannot do (ValueError). An access that the kernel would punish with a signal is not made, and its entry says EFAULT,
    as the model's does. `advance` and `load` pass no time here. Every process keeps the oom_score_adj 1000, so that the
    kernel would take it first: what a trace sets from 0 on changes nothing, below 0 it is refused. Memory groups, files
    that are not cached, and more than one file are refused too (ValueError).

    A major fault, which no trace has a reason for, means that the kernel was reclaiming: then it runs again, four times
    at most. With `expected`, the model's entries, it runs until the kernel says just that, or the same thing twice.

    Raises ValueError for a malformed trace, Unavailable, TooLarge and Crashed.
    """
    ops = checked(x)
    began = time.perf_counter()
    with Kernel() as kernel:
        result, _ = kernel.steady(ops, expected, pages) if expected is not None else kernel.undisturbed(ops, pages)
    return replace(result, seconds=time.perf_counter() - began)


def replay(x: Trace) -> list[Entry]:
    """The entries of `run`: the kernel's twin of `cowlab.replay`."""
    return run(x, pages="none").entries


def file_window() -> int:
    """Pages that one read fault of a freshly written file maps here: 16, or more if the page cache has large folios.

    Kernel: filemap_map_pages, fault_around_bytes. Raises Unavailable, also where there is no place for a file.
    """
    with Kernel() as kernel:
        return kernel.file_window()


def has_major_fault(entries: list[Entry]) -> bool:
    """Whether a process had to wait for the disk."""
    return any(np.any(entry.get("major", 0)) for entry in entries)


# ---- what is refused before anything starts --------------------------------------------------------------------------


def checked(x: Trace) -> list[Operation]:
    """The operations of `x`, if they are well formed and may run on this machine now."""
    if reason := available():
        raise Unavailable(reason)
    valid = trace.validate(x)
    if valid["machine"].get("copy_on_write", True) is False:
        raise ValueError("copy_on_write=False cannot run on Linux, which always copies on write: use the model for it")
    ops: list[Operation] = valid["ops"]
    files = {op.get("file", "file") for op in ops if is_of_file(op)}
    for index, op in enumerate(ops):
        if reason := no_twin(op, files):
            raise ValueError(
                f"operation {index} ({op['op']}) has no twin on a real kernel: only the model can do it. {reason}"
            )
    check_size(trace.peak(x))
    return ops


def no_twin(op: Operation, files: set[str]) -> str | None:
    """Why real processes cannot do an operation, or must not, in a trace that uses `files`; None if they can."""
    if op["op"] in GROUP_OPERATIONS or "group" in op:
        return "Memory groups take privileges, and would be left behind."
    if min(op.get("adj", 0), op.get("oom_score_adj", 0)) < 0:
        return "An oom_score_adj below 0 takes privileges, and would have the kernel spare this process before others."
    if op["op"] == "file" and not op["cached"]:
        return "Whether a page of a file is in the kernel's cache cannot be set for certain."
    if is_of_file(op) and len(files) > 1:
        return "There is one file for all file mappings of a trace."
    return None


def is_of_file(op: Operation) -> bool:
    """Does it map, or speak of, a file?"""
    return op["op"] == "file" or str(op.get("kind", "")).startswith("file")


def check_size(peak: int) -> None:
    """TooLarge if a trace that takes `peak` bytes (data and page tables) may not run on this machine now."""
    limit = host.memory_limit()
    if peak > limit.size:
        raise TooLarge(
            f"This trace takes {format_size(peak)} of memory by the model's count, and may take "
            f"{format_size(limit.size)}: {limit.reason}. Run the scenario's small version: scenarios.NAME.small()."
        )


def uses_file(ops: list[Operation]) -> bool:
    """Whether a file is mapped."""
    return any(op["op"] == "mmap" and is_of_file(op) for op in ops)


def job_for(ops: list[Operation], pages: str) -> dict[str, Any]:
    """What the conductor must know to run `ops`."""
    mapped = [op["pages"] for op in ops if op["op"] == "mmap"]
    file_pages = [op["pages"] for op in ops if op["op"] == "mmap" and op["kind"].startswith("file")]
    folder = host.file_folder() if file_pages else None
    if file_pages and folder is None:
        kinds = ", ".join(host.FILE_SYSTEMS)
        raise Unavailable(f"Found no folder to write a file in that lies on one of {kinds}: on others Linux differs.")
    return {
        "ops": ops,
        "pages": pages,
        "address_space": min(sum(mapped) * PAGE_SIZE + ADDRESS_SPACE, (1 << 63) - 1),
        "folder": str(folder) if folder else None,
        "file_pages": max([FILE_PAGES, *file_pages]),
    }


# ---- the interpreter that runs them ----------------------------------------------------------------------------------


class Kernel:
    """A fresh interpreter that runs traces on this kernel, one after another; use it in a `with` block.

    Leave the block, by an error or a KeyboardInterrupt too, and every process it started is gone. Use it in one thread:
    the kernel ends it with the thread that started it. Runs what it is given: `run` above checks traces first.
    """

    def __enter__(self) -> Self:
        if reason := available():
            raise Unavailable(reason)
        self._log: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM, *_import_path(), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **ONE_THREAD},
            start_new_session=True,  # the notebook's interrupts do not reach it; one kill reaches all of it
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _kill_group(self._process.pid)
        assert self._process.stdin and self._process.stdout
        self._process.stdout.read()  # ends when the last of the processes, which all hold the pipe, is gone
        self._process.wait()
        self._process.stdout.close()
        self._process.stdin.close()
        self._log.close()

    def run(self, ops: list[Operation], pages: When = "end") -> Run:
        """Run well-formed operations once."""
        began, killed = time.perf_counter(), _oom_kills()
        answer = self._ask(job_for(ops, pages))
        if answer is None:
            raise Crashed(f"The interpreter that ran the trace ended. {self._cause(killed)}")
        if "died" in answer:
            op = ops[answer["index"]]
            where = f"operation {answer['index']} ({op['op']})"
            raise Crashed(f"Process {answer['died']!r} died during {where}. {self._cause(killed)}")
        return Run(
            entries=answer["entries"],
            pages=_unpack(answer["pages"]),
            kernel=platform.release(),
            date=date.today().isoformat(),
            seconds=time.perf_counter() - began,
            timings=answer["timings"],
            history=[_unpack(state) for state in answer["states"]],
        )

    def undisturbed(self, ops: list[Operation], pages: When = "end") -> tuple[Run, bool]:
        """Run until there is no major fault, four times at most: the last run, and whether there was none."""
        for _ in range(MOST_RUNS):
            result = self.run(ops, pages)
            if not has_major_fault(result.entries):
                return result, True
        return result, False

    def steady(self, ops: list[Operation], expected: list[Entry], pages: When = "none") -> tuple[Run, bool]:
        """Run until the entries are the expected ones, or the same twice in a row, without a major fault.

        The last run, and whether it settled within four: if not, the machine is too busy to tell. What is not expected
        counts only if a second interpreter, started for it, says it too: by a rare chance of how its memory lies, an
        interpreter takes a fault of its own among those of the trace, and takes it again each time.
        """
        result, settled = self._settle(ops, expected, pages)
        if result.entries != expected:
            with Kernel() as other:
                return other._settle(ops, expected, pages)
        return result, settled

    def _settle(self, ops: list[Operation], expected: list[Entry], pages: When) -> tuple[Run, bool]:
        last = expected
        for _ in range(MOST_RUNS):
            result = self.run(ops, pages)
            if result.entries == last and not has_major_fault(result.entries):
                return result, True
            last = result.entries
        return result, False

    def file_window(self) -> int:
        """See `cowlab.linux.file_window`."""
        ops: list[Operation] = [
            {"op": "spawn", "pid": "reader"},
            {"op": "mmap", "pid": "reader", "region": "file", "pages": FILE_PAGES, "kind": "file-private"},
            {"op": "read", "pid": "reader", "region": "file", "start": 0, "stop": 1},
        ]
        rss: int = self.run(ops, pages="none").entries[-1]["smaps"]["reader"]["file"]["Rss"]
        return rss * 1024 // PAGE_SIZE

    def _ask(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """One line there, one line back; None if it ended instead."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps(job, default=int).encode() + b"\n")  # int: numpy's numbers
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def _cause(self, killed_before: int) -> str:
        """What is known of an unexpected end."""
        if _oom_kills() > killed_before:
            return "The kernel's OOM killer was at work: this machine, or this memory group, has too little memory."
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()
        return f"It said:\n{said}" if said else "It said nothing: it was killed from outside."


def _import_path() -> tuple[str, str]:
    """Where the fresh interpreter finds numpy and `interpreter/`: it looks nowhere else, which makes it start fast."""
    return str(Path(np.__file__).parents[1]), str(Path(__file__).parent)


def _kill_group(leader: int) -> None:
    """Kill the interpreter and all its processes. It is not waited for yet, so its number is still its own."""
    with contextlib.suppress(ProcessLookupError):  # none is left
        os.killpg(leader, signal.SIGKILL)


def _oom_kills() -> int:
    """How many processes the OOM killer has killed since boot."""
    fields = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return int(fields.get("oom_kill", 0))


def _unpack(packed: dict[str, dict[str, str]]) -> Pages:
    """Flags of pages as arrays."""
    return {
        name: {
            region: np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8) for region, text in regions.items()
        }
        for name, regions in packed.items()
    }
