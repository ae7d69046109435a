"""Measures on this machine what `engine.costs.Costs` says in general: the command `cowlab calibrate`.

A bare interpreter, started for it, takes the faults and forks (`inside` below): the notebook is never forked, and its
memory is not in the figures. It maps 48 MiB at most, the OOM killer takes it first, and it ends with the call.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Any, TextIO

# The bare interpreter runs this file too, and finds neither cowlab nor numpy: they are imported where they are needed.
if TYPE_CHECKING:
    from ..engine.reports.costs import Costs

__all__ = ["calibrate", "main", "measure", "run"]

ROUNDS = 15
FAULT_PAGES = 4096  # 16 MiB; a copy takes as much again
FORK_PAGES = 12288  # 48 MiB
PAGE, ENTRIES = 4096, 512  # bytes in a page, entries in a leaf page table
BAR = 30  # characters

NOTE = """\
kept: not measured. To time a device, its pages must first leave the page cache, which takes root and disturbs others;
loading and relocating depend on the program. fork is that of a small process, here a bare Python."""

Progress = Callable[[int, int], None]
"""Called with rounds done, rounds in all."""
Round = dict[str, float]


def calibrate(progress: Progress | None = None) -> Costs:
    """The costs of this machine: what can be measured is, medians of 15 rounds; the rest keeps its default.

    Takes a few seconds. Raises `linux.Unavailable` (a `cowlab.Error`) where it cannot run, `linux.Crashed` if it was
    ended.
    """
    from ..engine.reports.costs import Costs

    return Costs(**measure(progress))


def measure(progress: Progress | None = None) -> dict[str, int]:
    """Nanoseconds of each event that can be measured here, by its name in `Costs`. Raises as `calibrate` does."""
    _check()
    rounds: list[Round] = []
    with _bare_interpreter() as (lines, said):
        for line in lines:
            rounds.append(json.loads(line))
            if progress:
                progress(len(rounds), ROUNDS)
        if len(rounds) < ROUNDS:
            from . import Crashed

            raise Crashed(f"The interpreter that measured ended after {len(rounds)} of {ROUNDS} rounds. {said()}")
    return _figures(rounds)


def _check() -> None:
    """Raise Unavailable where nothing can be measured."""
    from . import Unavailable, available, host

    instead = "Without measuring, Costs() has figures of a typical machine."
    if reason := available():
        raise Unavailable(f"{reason} {instead}")
    if (limit := host.memory_limit()).size < FORK_PAGES * PAGE:
        raise Unavailable(f"Measuring takes 48 MiB, and may take {limit.size >> 20} MiB: {limit.reason}. {instead}")


def _figures(rounds: list[Round]) -> dict[str, int]:
    """From the medians of what was timed, what each event costs; at least 1 ns, as noise can make it less than 0."""
    timed = {key: median(one[key] for one in rounds) for key in rounds[0]}
    small, large, own = timed.pop("fork small"), timed.pop("fork large"), timed.pop("own pages")
    timed["fork_table"] = (large - small) * ENTRIES / FORK_PAGES
    timed["fork"] = small - own / ENTRIES * timed["fork_table"]
    return {name: max(1, round(nanoseconds)) for name, nanoseconds in timed.items()}


@contextmanager
def _bare_interpreter() -> Iterator[tuple[IO[str], Callable[[], str]]]:
    """Its output, line by line, and what it said in case it failed. After the block it and its children are gone."""
    import signal
    import subprocess
    import tempfile

    def said() -> str:
        log.seek(0)
        return log.read().decode(errors="replace").strip() or "It said nothing: it was killed from outside."

    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, "--inside", str(os.getpid())],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # one kill reaches all of it
        )
        assert process.stdout
        try:
            yield process.stdout, said
        finally:
            with contextlib.suppress(ProcessLookupError):  # it is not waited for yet, so its number is still its own
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.read()  # ends when the last of its children, which all hold the pipe, is gone
            process.stdout.close()
            process.wait()


# ---- the command -----------------------------------------------------------------------------------------------------


def main(args: argparse.Namespace) -> int:
    """Run `cowlab calibrate [--save FILE]`; its exit status."""
    return run(sys.stdout, args.save)


def run(out: TextIO, save: Path | None = None) -> int:
    """Print progress and a table; write the costs to `save`, which `Costs.from_dict(json.load(...))` reads again.

    Exit code: 0 measured, 1 measured and not saved, 2 cannot run here.
    """
    from ..engine.errors import Error
    from ..engine.reports.costs import Costs

    try:
        measured = measure(_bar(out) if out.isatty() else _lines(out))
    except Error as reason:
        print(f"The costs cannot be measured here. {reason}", file=out)
        return 2
    print(_table(measured), file=out)
    return _save(Costs(**measured), save, out) if save else 0


def _save(costs: Costs, file: Path, out: TextIO) -> int:
    try:
        file.write_text(json.dumps(costs.to_dict(), indent=2) + "\n")
    except OSError as error:
        print(f"The costs were not saved: {error}. Name a file in a folder that exists and can be written.", file=out)
        return 1
    print(f"Saved in {file}. To use them: Costs.from_dict(json.load(open({str(file)!r})))", file=out)
    return 0


def _table(measured: dict[str, int]) -> str:
    """Each event with its default and what was measured."""
    from ..engine.reports.costs import EVENTS, Costs

    lines = [f"{'event':<12}{'default':>10}{'measured':>10}  what it is"]
    for name, default in Costs().to_dict().items():
        here = format_time(measured[name]) if name in measured else "kept"
        lines.append(f"{name:<12}{format_time(default):>10}{here:>10}  {EVENTS[name]}")
    return "\n".join([*lines, NOTE])


def format_time(nanoseconds: int) -> str:
    """A time for people, with two or three digits."""
    for unit, size in (("ms", 1_000_000), ("µs", 1000)):
        if nanoseconds >= size:
            amount = nanoseconds / size
            return f"{amount:.{0 if amount >= 10 else 1}f} {unit}"
    return f"{nanoseconds} ns"


def _bar(out: TextIO) -> Progress:
    """A bar that grows in place."""

    def show(done: int, total: int) -> None:
        filled = BAR * done // total
        end = "\n" if done == total else ""
        print(f"\r{'█' * filled}{'░' * (BAR - filled)} {done}/{total} rounds", end=end, file=out, flush=True)

    return show


def _lines(out: TextIO) -> Progress:
    """A line at each fifth."""

    def show(done: int, total: int) -> None:
        if 5 * done // total > 5 * (done - 1) // total:
            print(f"{done}/{total} rounds", file=out, flush=True)

    return show


# ---- what the bare interpreter does ----------------------------------------------------------------------------------

PR_SET_PDEATHSIG, SIGKILL = 1, 9


def inside(parent: int) -> None:
    """Print what each round took, a line of JSON a round."""
    guard(parent)
    for _ in range(ROUNDS):
        print(json.dumps(one_round()), flush=True)


def guard(parent: int) -> None:
    """End with `parent`, be the OOM killer's first choice, and let no garbage collection come between."""
    import ctypes
    import gc

    words = [ctypes.c_ulong(word) for word in (SIGKILL, 0, 0, 0)]
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, *words) or os.getppid() != parent:  # it ended before
        os._exit(1)
    Path("/proc/self/oom_score_adj").write_text("1000")
    gc.disable()
    gc.freeze()


def one_round() -> Round:
    """Nanoseconds of each event, once; forks as they are timed (`_figures` makes events of them)."""
    with region(FAULT_PAGES) as memory:
        found = {"fault": read(memory) / FAULT_PAGES}  # maps the shared zero page
    with region(FAULT_PAGES) as memory:
        found["zero"] = write(memory) / FAULT_PAGES
        found["copy"] = in_child(lambda: write(memory)) / FAULT_PAGES
        found["reuse"] = write(memory) / FAULT_PAGES  # the child has exited: the last owner writes
    found |= {"fork small": fork(), "own pages": own_pages()}
    with region(FORK_PAGES) as memory:
        write(memory)
        found["fork large"] = fork()
    if os.access("/bin/true", os.X_OK):
        found["exec"] = start("/bin/true")
    return found


def region(pages: int) -> mmap.mmap:
    """Private anonymous memory, in pages of 4 KiB."""
    memory = mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages knows no advice about them
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return memory


def write(memory: mmap.mmap) -> int:
    """Write one byte of each page, in a loop in C; the nanoseconds that took."""
    data = b"\1" * (len(memory) // PAGE)
    began = time.perf_counter_ns()
    memory[::PAGE] = data
    return time.perf_counter_ns() - began


def read(memory: mmap.mmap) -> int:
    """Read one byte of each page likewise."""
    began = time.perf_counter_ns()
    memory[::PAGE]
    return time.perf_counter_ns() - began


def in_child(task: Callable[[], int]) -> int:
    """What `task` returns in a forked process that then exits, and is gone."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(theirs, str(task()).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    answer = os.read(ours, 32)
    os.close(ours)
    os.waitpid(child, 0)
    return int(answer)


def fork() -> int:
    """Nanoseconds until fork has returned in the parent."""
    began = time.perf_counter_ns()
    child = os.fork()
    if child == 0:
        os._exit(0)
    taken = time.perf_counter_ns() - began
    os.waitpid(child, 0)
    return taken


def own_pages() -> int:
    """Anonymous pages of this interpreter, which each of its forks copies the entries of."""
    status: dict[str, Any] = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024 // PAGE


def start(program: str) -> int:
    """Nanoseconds to start a program and see it end."""
    began = time.perf_counter_ns()
    os.waitpid(os.posix_spawn(program, [program], {}), 0)
    return time.perf_counter_ns() - began


if __name__ == "__main__" and sys.argv[1:2] == ["--inside"]:
    inside(int(sys.argv[2]))
