"""The model and the real kernel, side by side in one run, on the same work.

    python benchmarks/vs_kernel.py [--size "2 GiB"] [--repeat 7] [--json FILE]

The kernel's side runs in fresh interpreters: numpy touches one word a page of an anonymous mmap with huge pages off,
and forks with os.fork. Where there is no Linux, or not enough memory, only the model runs, and the output says so.
Figures are medians; `best` is the fastest run. Targets are printed beside them, and nothing fails.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import cowlab
from cowlab.units import PAGE_SIZE, parse_size

WORKERS = 100
FORKS = 5  # of one process; their median counts


@dataclass
class Row:
    """One measurement: seconds, or bytes for memory."""

    name: str
    model: float
    best: float
    kernel: float | None
    target: str
    met: bool


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_fresh_interpreter(what: str, size: int) -> dict[str, float]:
    """Run `what` of this file in an interpreter of its own; what it prints."""
    command = [sys.executable, __file__, "--inside", what, "--size", str(size)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# The kernel's side ----------------------------------------------------------------------------------------------


def kernel_can_run(size: int) -> bool:
    """Linux, with room for two copies."""
    if sys.platform != "linux":
        return False
    available = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvail"))
    return int(available.split()[1]) * 1024 > 2.5 * size


def inside_kernel(size: int) -> dict[str, float]:
    """Fork a process of `size` bytes a few times; then write every page in one more child."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    pages = np.frombuffer(memory, np.uint64)[:: PAGE_SIZE // 8]
    pages[:] = 1
    forks = [kernel_fork(lambda: None) for _ in range(FORKS)]
    read, write = os.pipe()
    kernel_fork(lambda: os.write(write, repr(timed(lambda: pages.fill(2))).encode()))
    return {"fork": statistics.median(forks), "copy": float(os.read(read, 100))}


def kernel_fork(work: Callable[[], object]) -> float:
    """Seconds of one os.fork, whose child does `work` and exits."""
    start = time.perf_counter()
    child = os.fork()
    seconds = time.perf_counter() - start
    if not child:
        work()
        os._exit(0)
    os.waitpid(child, 0)
    return seconds


# The model's side -----------------------------------------------------------------------------------------------


def written(size: int, ram: str = "512 GiB") -> tuple[cowlab.Machine, cowlab.Process]:
    machine = cowlab.Machine(ram)
    process = machine.spawn("parent")
    process.mmap(size, name="heap").write()
    return machine, process


def model_fork_and_copy(size: int) -> dict[str, float]:
    """The same: some forks, each child exits; then one child writes every page."""
    _, parent = written(size)
    forks = []
    for _ in range(FORKS):
        forks.append(timed(parent.fork))
        parent.children[0].exit()
    heap = parent.fork()["heap"]
    return {"fork": statistics.median(forks), "copy": timed(heap.write)}


def explosion(size: int) -> cowlab.Machine:
    """`WORKERS` workers over one data set, each writes every page."""
    machine, parent = written(size, "256 GiB")
    workers = [parent.fork() for _ in range(WORKERS)]
    for worker in workers:
        worker["heap"].write()
    return machine


def inside_explosion(size: int) -> dict[str, float]:
    """Time of the first run, and what it adds to the memory of an interpreter that has imported cowlab."""
    before = resident("VmRSS")
    seconds = timed(lambda: explosion(size))
    return {"seconds": seconds, "bytes": resident("VmHWM") - before}


def resident(field: str) -> int:
    if sys.platform != "linux":
        return 0
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def scattered() -> float:
    """Seconds a page: 20% of the pages of 300 MiB, in random order, in each of 50 children."""
    random = np.random.default_rng(1)
    _, parent = written(300 << 20)
    pages = parent["heap"].pages
    children = [parent.fork()["heap"] for _ in range(50)]
    orders = [random.permutation(pages)[: pages // 5] for _ in children]

    def work() -> None:
        for heap, order in zip(children, orders, strict=True):
            heap.write(pages=order)

    return timed(work) / sum(map(len, orders))


def clicks(processes: int) -> tuple[list[float], list[float]]:
    """Seconds of single writes that copy: the first in a child's 2 MiB block, and later ones in that block."""
    _, parent = written(300 << 20)
    children = [parent.fork()["heap"] for _ in range(processes)]
    first = [timed(lambda heap=heap: heap.write(7)) for heap in children[:200]]
    return first, [timed(lambda page=page: children[0].write(page)) for page in range(100, 300)]


# Together -------------------------------------------------------------------------------------------------------


def measure(size: int, repeat: int) -> list[Row]:
    model, kernel = [], []
    run_kernel = kernel_can_run(size)
    model_fork_and_copy(size)  # the first run pays for what Python and numpy set up once
    for _ in range(repeat):
        model.append(model_fork_and_copy(size))
        if run_kernel:
            kernel.append(in_fresh_interpreter("kernel", size))
    rows = []
    for what, factor in (("fork", 500), ("copy", 10_000)):
        times = [run[what] for run in model]
        real = statistics.median(run[what] for run in kernel) if kernel else None
        middle = statistics.median(times)
        met = real is None or real / middle >= factor
        name = f"{what} of {size / 2**30:g} GiB"
        rows.append(Row(name, middle, min(times), real, f"{factor:,} times faster", met))
    runs = [in_fresh_interpreter("explosion", size) for _ in range(repeat)]
    times = [run["seconds"] for run in runs]
    middle = statistics.median(times)
    rows.append(Row(f"{WORKERS} workers, every page", middle, min(times), None, "under 25 ms", middle < 25e-3))
    memory = statistics.median(run["bytes"] for run in runs)
    rows.append(Row("the same, memory (bytes)", memory, memory, None, "under 20 MB", memory < 20e6))
    times = [scattered() for _ in range(repeat)]
    middle = statistics.median(times)
    rows.append(Row("scattered write, a page", middle, min(times), None, "under 120 ns", middle < 120e-9))
    for processes in (200, 10_000):
        for kind, times in zip(("first", "later"), clicks(processes), strict=True):
            middle = statistics.median(times)
            name = f"one page, {kind}, {processes:,} processes"
            rows.append(Row(name, middle, min(times), None, "under 20 us", middle < 20e-6))
    return rows


def readable(name: str, amount: float | None) -> str:
    """An amount for people: bytes if the name says so, else seconds."""
    if amount is None:
        return "-"
    if "bytes" in name:
        return f"{amount / 1e6:,.1f} MB"
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if amount * factor >= 1:
            return f"{amount * factor:.3g} {unit}"
    return f"{amount * 1e9:.0f} ns"


def report(rows: list[Row]) -> str:
    lines = [f"{'':36}{'model':>10}{'best':>10}{'kernel':>10}{'ratio':>10}  target"]
    for row in rows:
        ratio = f"{row.kernel / row.model:,.0f}x" if row.kernel else "-"
        figures = "".join(f"{readable(row.name, amount):>10}" for amount in (row.model, row.best, row.kernel))
        lines.append(f"{row.name:36}{figures}{ratio:>10}  {row.target}: {'met' if row.met else 'MISSED'}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="2 GiB")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", choices=("kernel", "explosion"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = parse_size(int(arguments.size) if arguments.size.isdigit() else arguments.size)
    if arguments.inside:
        print(json.dumps({"kernel": inside_kernel, "explosion": inside_explosion}[arguments.inside](size)))
        return
    rows = measure(size, arguments.repeat)
    print(report(rows))
    if not kernel_can_run(size):
        print("The kernel's side was not run: it needs Linux and two and a half times the size in free memory.")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
