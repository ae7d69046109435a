"""What the lesson "When workers over shared data explode" claims, in figures."""

from __future__ import annotations

from ... import scenarios
from ...engine import Machine, OutOfMemory, Process
from ...units import format_size, pages_in
from ..questions.batch_fork_explosion import batch, killed
from .definition import Claim

DATA = "2 GiB"
WORKERS = 100


def _loaded(ram: str = "64 GiB", kind: str = "private", **settings: object) -> Process:
    """A loader that has filled its data."""
    loader = Machine(ram=ram, **settings).spawn("loader")  # type: ignore[arg-type]
    loader.mmap(DATA, kind, name="data").write()
    return loader


def _meminfo(field: str, **values: object) -> int:
    """Bytes, at the end of the batch on a machine that holds all of it."""
    return batch(**values).meminfo()[field] * 1024  # type: ignore[arg-type]


def _data(**values: object) -> float:
    """GiB of data."""
    return _meminfo("AnonPages", **values) / 2**30


def _sum(measure: str, written: int) -> float:
    """GiB of RSS or PSS, added up over all processes, as so many workers have written all of their data."""
    loader = _loaded("256 GiB")
    for worker in [loader.fork() for _ in range(WORKERS)][:written]:
        worker["data"].write()
    total: int = sum(getattr(process, measure) for process in loader.machine.processes)
    return total / 2**30


def _swapping(percent: int = 50) -> Machine:
    """After the batch, on a machine with as much swap as RAM."""
    return batch(ram="64 GiB", swap="64 GiB", written_percent=percent)


def _fails() -> int | str:
    return scenarios.first_kill(scenarios.batch_explosion, "written_percent", ram="64 GiB") or "never"


def _formula() -> float:
    """The part that each worker may write on 64 GiB, solved for."""
    data, tables = pages_in(DATA), _meminfo("PageTables", written_percent=0) // 4096
    return (pages_in("64 GiB") - tables - data) / (WORKERS * data)


def _freed() -> str:
    """What the death of a worker gives back that has written nothing, while others share with it."""
    machine = batch(ram="64 GiB", written_percent=0)
    free = machine.meminfo()["MemFree"]
    machine.kill(machine["worker 100"])
    return format_size((machine.meminfo()["MemFree"] - free) * 1024)


def _wave() -> str:
    """The most that is in use with 30 at once."""
    loader = _loaded()
    for worker in [loader.fork() for _ in range(30)]:
        worker["data"].write()
    return format_size(loader.machine.in_use)


def _shared() -> str:
    loader = _loaded(kind="shared")
    for worker in [loader.fork() for _ in range(WORKERS)]:
        worker["data"].write()
    return format_size(loader.machine.in_use)


def _granted(ratio: int) -> Machine:
    """A machine in mode 2 that has refused a fork."""
    loader = _loaded(overcommit="never", overcommit_ratio=ratio)
    try:
        while True:
            loader.fork()
    except OutOfMemory:
        return loader.machine


def _free_at_refusal() -> str:
    return format_size(_granted(50).meminfo()["MemFree"] * 1024)


def _fork_time() -> float:
    """Seconds that a fork of the loader takes."""
    loader = _loaded()
    before = loader.machine.clock
    loader.fork()
    return loader.machine.clock - before


MEASURED = "cowlab/engine/reports/costs.py: measured on one virtual machine with Linux 6.18"
SSD = "cowlab/engine/reports/costs.py: faults as measured on one virtual machine, swap by the data sheet of an SSD"

CLAIMS = [
    Claim(
        "explosion_promised",
        "After the forks {} are promised.",
        lambda: _meminfo("Committed_AS", written_percent=0) / 2**30,
        "{:.0f} GiB",
    ),
    Claim("explosion_before", "Then {} of data are there.", lambda: _data(written_percent=0), "{:.0f} GiB"),
    Claim("explosion_after", "When all is written there are {}.", _data, "{:.0f} GiB"),
    Claim("explosion_tables", "Page tables take {}.", lambda: format_size(_meminfo("PageTables"))),
    Claim(
        "explosion_rss",
        "From the last fork to the end RSS adds up to {}.",
        lambda: _sum("rss", 0),
        "{:.0f} GiB",
        beside="405 MiB {}",
    ),
    Claim(
        "explosion_pss",
        "PSS adds up to {} after the last fork.",
        lambda: _sum("pss", 0),
        "{:.0f} GiB",
        beside="405 MiB 202 GiB {}",
    ),
    Claim(
        "explosion_pss_of_ten",
        "It adds up to {} when ten have written.",
        lambda: _sum("pss", 10),
        "{:.0f} GiB",
        beside="405 MiB 202 GiB {}",
    ),
    Claim("explosion_fails", "On 64 GiB the first is killed when each writes {}.", _fails, "{}%"),
    Claim("explosion_formula", "By the formula {} just fit.", _formula, "{:.1%}"),
    Claim(
        "explosion_killed",
        "If all 100 write all of it, {} are killed.",
        lambda: len(killed(batch(ram="64 GiB"))),
        beside="mark each record 30 {}",
    ),
    Claim("explosion_freed", "Such a kill gives back {}.", _freed),
    Claim("explosion_waves", "With 30 at once at most {} are in use.", _wave),
    Claim("explosion_shared", "With a shared mapping {} are in use.", _shared),
    Claim(
        "explosion_refused",
        "In mode 2, {}.",
        lambda: len(_granted(50).processes),  # the loader, and those that were granted
        "worker {} is refused",
    ),
    Claim("explosion_refused_free", "Then {} are free.", _free_at_refusal),
    Claim(
        "explosion_granted",
        "With a ratio of 90, {} are granted.",
        lambda: len(_granted(90).processes) - 1,
        "{} workers",
        beside="{}, 0 killed",
    ),
    Claim(
        "explosion_read_back",
        "With half of the RAM, and swap for the rest, {} pages are read back as half of the data is written.",
        lambda: _swapping().vmstat()["pgmajfault"],
        "{:,}",
    ),
    Claim(
        "explosion_unswapped",
        "In memory alone that takes {}.",
        lambda: batch(ram="128 GiB", written_percent=50).clock,
        "{:.0f} s",
        SSD,
    ),
    Claim("explosion_swapped", "With swap it takes {}.", lambda: _swapping().clock, "{:.0f} s", SSD),
    Claim(
        "explosion_swap_full",
        "If all of the data is written there, {} are killed.",
        lambda: len(killed(_swapping(100))),
        beside="100% {}",
    ),
    Claim("explosion_entries", "A fork copies {} entries for 1 GiB.", lambda: pages_in("1 GiB"), "{:,}"),
    Claim("explosion_fork", "A fork of 2 GiB takes {}.", lambda: _fork_time() * 1e3, "{:.1f} ms", MEASURED),
    Claim("explosion_forks", "100 of them take {}.", lambda: _fork_time() * WORKERS, "{:.2f} s", MEASURED),
]
