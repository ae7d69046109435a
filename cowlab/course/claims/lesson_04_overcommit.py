"""What the lesson "What is promised" claims, in figures."""

from __future__ import annotations

from ... import scenarios, trace
from ...engine import OutOfMemory, Process, ProcessKilled
from ...units import format_size, pages_in
from ..questions.overcommit import fresh_process, granted
from .definition import Claim


def _asked(times: int = 5, request: str = "12 GiB", mode: int = 0) -> Process:
    """A process that has asked for 12 GiB five times."""
    process = fresh_process(mode)
    granted(process, request, times)
    return process


def _largest(mode: int) -> str:
    """The largest of the lesson's requests that is granted to a fresh process."""
    requests = ["4 GiB", "7 GiB", "8 GiB", "16 GiB", "17 GiB", "64 GiB"]
    return [request for request in requests if granted(fresh_process(mode), request, 1)][-1]


def _row(request: str) -> str:
    """That request in the three modes, as the lesson's table has it."""
    answers = ("granted" if granted(fresh_process(mode), request, 1) else "refused" for mode in (0, 1, 2))
    return " ".join([request, *answers])


def _written_when_killed() -> str:
    process = _asked()
    try:
        for mapping in process.mappings.values():
            mapping.write()
    except ProcessKilled:
        pass
    return format_size(process.machine.oom_reports[0].killed[0].rss * 4096)


def _limit(ratio: int) -> str:
    return format_size(fresh_process(2, overcommit_ratio=ratio).machine.meminfo()["CommitLimit"] * 1024)


def _tree_in_mode_2() -> int:
    """How many of 51 processes are there, where a parent forks 50 that write nothing."""
    made = scenarios.headroom(size="300 MiB", processes=51, ram="4 GiB")
    machine = trace.machine_after(made, overcommit=2)
    return len(machine.processes)


def _free_before_a_grant() -> str:
    """What is free when a request for 12 GiB is granted."""
    process = fresh_process()
    heap = process.mmap("16 GiB")
    heap.write(0, heap.pages - pages_in("40 MiB"))
    free = process.machine.meminfo()["MemFree"]
    return format_size(free * 1024) if granted(process, "12 GiB", 1) else "nothing is granted"


def _refused_fork() -> str:
    """How much is free when mode 0 refuses the fork of a heap that has grown beyond RAM."""
    process = fresh_process()
    heap = process.mmap("24 GiB", prot="r")
    for start in (0, heap.pages // 2):
        heap.protect("rw", start, start + heap.pages // 2)
    heap.write(0)
    try:
        process.fork()
    except OutOfMemory:
        return format_size(process.machine.meminfo()["MemFree"] * 1024)
    return "the fork is granted"


def _promised(mode: int) -> float:
    """GiB promised after 100 requests for 1 GiB."""
    return _asked(100, "1 GiB", mode).machine.meminfo()["Committed_AS"] / 2**20


CLAIMS = [
    Claim("beyond_ram", "Five requests for 12 GiB on 16 GiB of RAM map {}.", lambda: format_size(_asked().vsz)),
    Claim("beyond_ram_part", "That is {} of RAM.", lambda: _asked().vsz / 2**34, "{:.0%}"),
    Claim("killed_at", "The process is killed {}.", _written_when_killed, "with {} of 60 GiB written"),
    Claim(
        "request_in_limit", "A request below the limit, and the answers of modes 0, 1 and 2: {}.", lambda: _row("7 GiB")
    ),
    Claim("request_at_limit", "A request for the limit: {}.", lambda: _row("8 GiB")),
    Claim("request_ram", "A request for all of RAM: {}.", lambda: _row("16 GiB")),
    Claim("request_beyond", "A request beyond RAM: {}.", lambda: _row("17 GiB")),
    Claim("largest_0", "In mode 0 the largest that is granted is {}.", lambda: _largest(0)),
    Claim(
        "small_0",
        "In mode 0, {} of 100 requests for 1 GiB are granted.",
        lambda: granted(fresh_process(0), "1 GiB", 100),
        beside=" 0 {}\n",
    ),
    Claim(
        "small_2",
        "In mode 2, {} of 100 requests for 1 GiB are granted.",
        lambda: granted(fresh_process(2), "1 GiB", 100),
        beside=" 2 {}\n",
    ),
    Claim("limit_50", "The limit is {} at a ratio of 50.", lambda: _limit(50)),
    Claim("limit_80", "It is {} at a ratio of 80.", lambda: _limit(80)),
    Claim(
        "tree_in_mode_2",
        "In mode 2 a harmless tree is cut: {}.",
        _tree_in_mode_2,
        "{} of 51 processes",
        beside="mode 2: {}",
    ),
    Claim(
        "granted_when_full", "With {} free a request for 12 GiB is granted.", _free_before_a_grant, beside="free: {}"
    ),
    Claim("over_limit", "In mode 0, {} are promised.", lambda: _promised(0), "{:.0f} GiB", beside=" 0 {} 8 GiB"),
    Claim("in_limit", "In mode 2, {} are promised.", lambda: _promised(2), "{:.0f} GiB", beside=" 2 {} 8 GiB"),
    Claim(
        "fork_refused", "With {} free mode 0 refuses the fork of a heap beyond RAM.", _refused_fork, beside="free: {}"
    ),
]
