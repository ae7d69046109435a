"""How the model's memory and time grow: with what differs between processes, not with pages times processes.

    python benchmarks/growth.py [--plot docs/images/growth.png]

Each point is measured in a fresh interpreter: what the machine adds to its resident memory, and how long it took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from vs_kernel import resident

import cowlab

PROCESSES = (1, 10, 20, 40, 60, 80, 100)
PERCENT = (0, 1, 2, 5, 10, 20, 40, 60, 80, 100)
CHILDREN = 50


def contiguous(processes: int) -> int:
    """2 GiB written, then forked, and written whole in each child; entries that the processes have."""
    parent = cowlab.Machine("256 GiB").spawn("parent")
    heap = parent.mmap("2 GiB", name="heap")
    heap.write()
    for child in [parent.fork() for _ in range(processes)]:
        child["heap"].write()
    return heap.pages * (processes + 1)


def scattered(percent: int) -> int:
    """300 MiB forked into 50 children, each of which writes `percent` of the pages in random order."""
    random = np.random.default_rng(1)
    parent = cowlab.Machine("256 GiB").spawn("parent")
    heap = parent.mmap("300 MiB", name="heap")
    heap.write()
    for child in [parent.fork() for _ in range(CHILDREN)]:
        child["heap"].write(pages=random.permutation(heap.pages)[: heap.pages * percent // 100])
    return heap.pages * (CHILDREN + 1)


def inside(what: str, amount: int) -> dict[str, float]:
    np.random.default_rng(1)  # numpy loads this part on first use
    before, start = resident("VmRSS"), time.perf_counter()
    entries = {"contiguous": contiguous, "scattered": scattered}[what](amount)
    seconds = time.perf_counter() - start
    return {"amount": amount, "entries": entries, "bytes": resident("VmHWM") - before, "seconds": seconds}


def measure(what: str, amounts: tuple[int, ...]) -> list[dict[str, float]]:
    command = [sys.executable, __file__, "--inside", what]
    runs = [
        subprocess.run([*command, str(amount)], check=True, capture_output=True, text=True).stdout for amount in amounts
    ]
    return [json.loads(run) for run in runs]


def report(what: str, rows: list[dict[str, float]]) -> str:
    lines = [f"{what:>12}{'entries':>14}{'memory':>12}{'as dense':>12}{'time':>12}"]
    for row in rows:
        memory, dense, time_taken = row["bytes"] / 1e6, row["entries"] * 8 / 1e6, row["seconds"] * 1e3
        figures = f"{memory:>9.1f} MB{dense:>9.0f} MB{time_taken:>9.1f} ms"
        lines.append(f"{row['amount']:>12.0f}{row['entries']:>14,.0f}{figures}")
    return "\n".join(lines)


def plot(contiguous: list[dict[str, float]], scattered: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    titles = ("2 GiB, written whole by each of n children", f"300 MiB, {CHILDREN} children, scattered writes")
    labels = ("children", "pages that each child writes, %")
    for axis, rows, title, label in zip(axes, (contiguous, scattered), titles, labels, strict=True):
        amounts = [row["amount"] for row in rows]
        axis.plot(amounts, [row["bytes"] / 1e6 for row in rows], "o-", label="this model")
        axis.plot(amounts, [row["entries"] * 8 / 1e6 for row in rows], "--", label="8 bytes a page and process")
        axis.set(title=title, xlabel=label, ylabel="memory of the model, MB", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=140)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--inside", nargs=2, metavar=("WHAT", "AMOUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(inside(arguments.inside[0], int(arguments.inside[1]))))
        return
    points = measure("contiguous", PROCESSES), measure("scattered", PERCENT)
    print(report("children", points[0]), report("% written", points[1]), sep="\n\n")
    if arguments.plot:
        plot(*points, arguments.plot)


if __name__ == "__main__":
    main()
