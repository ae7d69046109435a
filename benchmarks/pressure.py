"""The model where memory is short: kills, swapping, and many groups.

    python benchmarks/pressure.py [--size "2 GiB"] [--repeat 5] [--json FILE]

The explosions have 100 workers over one data set of `--size`: on RAM of 128 times that they all fit; on RAM of 32 times
with swap of 4 times (64 GiB and 8 GiB, for 2 GiB) they do not, and write 16 MiB each in turn until kills make room.
Figures are medians, with the fastest and the slowest run. Targets, where there are any, are printed beside them, and
nothing fails.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from vs_kernel import readable, resident, timed

import cowlab
from cowlab import scenarios, trace
from cowlab.units import PAGE_SIZE, parse_size

WORKERS = 100
PODS = 1_000
PROCESSES = 1_000
CALLS = 300  # of each kind, each in another pod
KILLS = 50
THRASHING = 128 << 20  # RAM; the loop goes over a quarter more
CLICKS = 1_000  # touches of one page each


@dataclass
class Row:
    """One measurement: seconds, or bytes for memory. `target` is "" where there is none; then `met` is None."""

    name: str
    median: float
    best: float
    worst: float
    target: str
    met: bool | None


def row(name: str, amounts: list[float], target: str = "", most: float | None = None) -> Row:
    """What these runs took; `most` is the target as a number, for the median."""
    middle = statistics.median(amounts)
    return Row(name, middle, min(amounts), max(amounts), target, None if most is None else middle < most)


# The explosion --------------------------------------------------------------------------------------------------


def explosion(size: int, ram: int, swap: int, in_rounds: bool) -> tuple[float, cowlab.Machine]:
    """Seconds that the scenario takes with this RAM and swap, and the machine afterwards."""
    made = scenarios.batch_explosion(data=size, workers=WORKERS, in_rounds=in_rounds)
    machine = cowlab.trace.machine_of(made, ram=ram, swap=swap)
    return timed(lambda: trace.run_through(machine, made["ops"])), machine


def inside(what: str, size: int) -> dict[str, float]:
    """One run in this interpreter, with what it adds to the memory of one that has imported cowlab."""
    before = resident("VmRSS")
    if what == "fits":
        seconds, machine = explosion(size, 128 * size, 0, in_rounds=False)
    else:
        seconds, machine = explosion(size, 32 * size, 4 * size, in_rounds=True)
    vmstat = machine.vmstat()
    added = resident("VmHWM") - before
    return {"seconds": seconds, "bytes": added, "kills": vmstat["oom_kill"], "swapped": vmstat["pswpout"] * PAGE_SIZE}


def in_fresh_interpreter(what: str, size: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--inside", what, "--size", str(size)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def explosions(size: int, repeat: int) -> list[Row]:
    fits = [in_fresh_interpreter("fits", size) for _ in range(repeat)]
    ends = [in_fresh_interpreter("ends", size) for _ in range(repeat)]
    kills = f"{ends[0]['kills']:.0f} kills"
    return [
        row(f"{WORKERS} workers, all fits", [run["seconds"] for run in fits], "under 50 ms", 50e-3),
        row(f"{WORKERS} workers, to {kills}", [run["seconds"] for run in ends], "under 2 s", 2),
        row("the same, memory (bytes)", [run["bytes"] for run in ends]),
        row("the same, swapped out (bytes)", [run["swapped"] for run in ends]),
    ]


# Many groups ----------------------------------------------------------------------------------------------------


def node() -> list[cowlab.Process]:
    """One process in each of many groups with a limit; 4 MiB of its 32 MiB are written. Nothing is short."""
    machine = cowlab.Machine("64 GiB", swap="1 GiB")
    machine.cgroup("/pods")
    pods = []
    for number in range(PODS):
        process = machine.spawn(cgroup=machine.cgroup(f"/pods/{number}", max="64 MiB"))
        process.mmap("32 MiB", name="heap").write(0, 1024)
        pods.append(process)
    return pods


def calls_in_pods() -> list[Row]:
    """Simple calls, each timed by itself, in pods drawn at random."""
    pods = node()
    drawn = [pods[i] for i in np.random.default_rng(1).permutation(PODS)[:CALLS]]
    first = [timed(lambda heap=pod["heap"]: heap.write(2_000)) for pod in drawn]
    again = [timed(lambda heap=pod["heap"]: heap.write(2_001)) for pod in drawn]
    maps = [timed(lambda pod=pod: pod.mmap("1 MiB")) for pod in drawn]
    forks = [timed(pod.fork) for pod in drawn]
    copies = [timed(lambda heap=pod["heap"]: heap.write(7)) for pod in drawn]
    exits = [timed(pod.children[0].exit) for pod in drawn]
    names = ("one page, new table", "one page", "mmap", "fork", "one page, copied", "exit")
    found = zip(names, (first, again, maps, forks, copies, exits), strict=True)
    return [row(f"{PODS:,} pods: {name}", times, "under 1 ms", 1e-3) for name, times in found]


# Thrashing, and kills -------------------------------------------------------------------------------------------


def thrashing() -> list[Row]:
    """Seconds a page of a loop that never finds its page in memory: in one call, in random order, page by page."""
    machine = cowlab.Machine(THRASHING, swap=2 * THRASHING, overcommit="always")
    heap = machine.spawn().mmap(THRASHING * 5 // 4)
    heap.write()
    order = np.random.default_rng(1).permutation(heap.pages)
    passes = [timed(lambda: heap.write(value=2)) / heap.pages for _ in range(3)]
    clicks = [timed(lambda page=page: heap.write(page)) for page in range(CLICKS)]
    scattered = [timed(lambda: heap.write(pages=order)) / heap.pages for _ in range(3)]
    return [
        row("thrashing in order, a page", passes),
        row("thrashing, one page a call", clicks),
        row("thrashing in random order, a page", scattered),
    ]


def kills() -> Row:
    """Seconds of calls that lack memory and get it by one kill each, among many processes of a MiB."""
    machine = cowlab.Machine(2 * PROCESSES << 20, overcommit="always")
    for _ in range(PROCESSES):
        machine.spawn().mmap("1 MiB").write()
    hog = machine.spawn("hog", oom_score_adj=-1000).mmap(2 * PROCESSES << 20)
    at = free_pages(machine) - PROCESSES  # room for its page tables is left
    hog.write(0, at)
    before, times = machine.vmstat()["oom_kill"], []
    for _ in range(KILLS):
        start, at = at, at + free_pages(machine) + 1
        times.append(timed(lambda start=start, end=at: hog.write(start, end)))
    killed = machine.vmstat()["oom_kill"] - before
    return row(f"an OOM kill among {PROCESSES:,} processes", [seconds * KILLS / killed for seconds in times])


def free_pages(machine: cowlab.Machine) -> int:
    return machine.meminfo()["MemFree"] * 1024 // PAGE_SIZE


# Together -------------------------------------------------------------------------------------------------------


def report(rows: list[Row]) -> str:
    lines = [f"{'':36}{'median':>12}{'best':>12}{'worst':>12}  target"]
    for row in rows:
        figures = "".join(f"{readable(row.name, amount):>12}" for amount in (row.median, row.best, row.worst))
        met = "" if row.met is None else f"{row.target}: {'met' if row.met else 'MISSED'}"
        lines.append(f"{row.name:36}{figures}  {met}".rstrip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="2 GiB", help="the data set of the explosions, from 16 MiB to 4 GiB")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each explosion")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", choices=("fits", "ends"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = parse_size(int(arguments.size) if arguments.size.isdigit() else arguments.size)
    if arguments.inside:
        print(json.dumps(inside(arguments.inside, size)))
        return
    rows = [*explosions(size, arguments.repeat), *calls_in_pods(), *thrashing(), kills()]
    print(report(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
