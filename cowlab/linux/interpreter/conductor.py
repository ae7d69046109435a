"""The conductor of a trace: it says which process does what next, and looks at all of them after every operation.

It is the main program of the fresh interpreter that `cowlab.linux` starts. A line of JSON on standard input is a trace
to run, a line on standard output is what the kernel said. It maps nothing itself, and forks a process for each `spawn`.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import process as orders
from .observe import FIRST_ADDRESS, GIB, PAGE, Piece, Region, page_flags, pieces_in, read_smaps, summed
from .process import Message

REFUSED = Region(FIRST_ADDRESS, 0)
"""Stands for a region whose mmap was refused."""

PR_SET_CHILD_SUBREAPER, PR_SET_THP_DISABLE = 36, 41


class Died(Exception):
    """A process of the trace ended without being told to."""


@dataclass
class Process:
    """A living process of the trace, as the conductor knows it."""

    name: str
    pid: int
    parent: int
    channel: socket.socket
    regions: dict[str, Region] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)

    def ask(self, order: Message, descriptors: tuple[int, ...] = ()) -> Message:
        """Give an order and wait for the answer."""
        try:
            orders.send(self.channel, order, descriptors)
            answer, _ = orders.receive(self.channel)
        except ConnectionError:  # killed before it read the order
            answer = None
        if answer is None:
            raise Died(self.name)
        return answer

    def observe(self) -> Message:
        """The smaps fields of each region that is still mapped, summed over its pieces."""
        end = max((region.end for region in self.regions.values()), default=0)
        with self.watched():
            self.pieces = list(pieces_in(read_smaps(self.pid, end), end)) if end else []
        found = {name: self.within(region) for name, region in self.regions.items()}
        return {name: summed(pieces) for name, pieces in found.items() if pieces}

    def within(self, region: Region) -> list[Piece]:
        """The pieces of one region, as last observed."""
        return [piece for piece in self.pieces if region.address <= piece.start < region.end]

    def flags(self) -> dict[str, str]:
        """Flags of every page of every region that is still mapped."""
        mapped = {name: region for name, region in self.regions.items() if self.within(region)}
        with self.watched():
            return {name: page_flags(self.pid, region) for name, region in mapped.items()}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the process in /proc, where it may have ended meanwhile."""
        try:
            yield
        except (FileNotFoundError, ProcessLookupError):
            raise Died(self.name) from None

    def allows(self, region: Region, pages: NDArray[np.int64], letter: str) -> bool:
        """Whether all `pages` are mapped with permission `letter`; else an access would kill the process."""
        allowed = np.zeros(len(pages), bool)
        for piece in self.within(region):
            if letter in piece.prot:
                start, stop = ((edge - region.address) // PAGE for edge in (piece.start, piece.end))
                allowed |= (pages >= start) & (pages < stop)
        return bool(allowed.all())


class Conductor:
    """Runs one trace."""

    def __init__(self, job: Message) -> None:
        self.ops, self.wanted, self.limit = job["ops"], job["pages"], job["address_space"]
        self.living: dict[str, Process] = {}
        self.file = new_file(job["folder"], job["file_pages"]) if job["folder"] else None
        self.methods: dict[str, Callable[[Process, Message], tuple[Message, float]]] = {
            "fork": self.fork,
            "exit": self.exit,
            "kill": self.exit,
            "loop": self.loop,
            **dict.fromkeys(("load", "oom_score_adj"), self.nothing),
            "mmap": self.mmap,
            **dict.fromkeys(("read", "write"), self.access),
            **dict.fromkeys(("munmap", "dontneed", "protect"), self.change),
        }

    def run(self) -> Message:
        """Every operation, and what the kernel shows after it."""
        entries: list[Message] = []
        timings: list[float] = []
        states: list[Message] = []
        try:
            for op in self.ops:
                entry, seconds = self.perform(op)
                smaps = {name: process.observe() for name, process in self.living.items()}
                states += [self.flags()] if self.wanted == "each" else []
                entries.append({**entry, "smaps": smaps})
                timings.append(seconds)
            return {"entries": entries, "timings": timings, "states": states, "pages": self.flags()}
        except Died as death:
            return {"died": str(death), "index": min(len(entries), len(self.ops) - 1)}

    def flags(self) -> dict[str, dict[str, str]]:
        """Flags of every page of every living process, if they were asked for."""
        living = self.living.items() if self.wanted != "none" else ()
        return {name: process.flags() for name, process in living}

    def perform(self, op: Message) -> tuple[Message, float]:
        """The operation's entry without smaps, and the seconds it took."""
        kind = op["op"]
        if kind == "spawn":
            return self.spawn(op)
        if kind in ("advance", "file"):  # time passes by itself; the file is there
            return {"error": None}, 0.0
        process = self.living.get(op["pid"])
        if process is None:  # its fork was refused
            return failed("ESRCH", op), 0.0
        return self.methods[kind](process, op)

    def spawn(self, op: Message) -> tuple[Message, float]:
        """A process with nothing mapped."""
        ours, theirs = socket.socketpair()
        conductor, began = os.getpid(), time.perf_counter()
        pid = os.fork()
        if pid == 0:
            # What stays open here would hide the conductor's end from the others.
            for channel in (ours, *(process.channel for process in self.living.values())):
                channel.close()
            orders.live(theirs, conductor, self.limit)
        seconds = time.perf_counter() - began
        theirs.close()
        self.living[op["pid"]] = Process(op["pid"], pid, conductor, ours)
        return {}, seconds

    def fork(self, parent: Process, op: Message) -> tuple[Message, float]:
        """The parent forks; the child gets a channel of its own."""
        ours, theirs = socket.socketpair()
        answer = parent.ask({"op": "fork"}, (theirs.fileno(),))
        theirs.close()
        if answer["errno"]:
            ours.close()
        else:
            hello, _ = orders.receive(ours)
            if hello is None:
                raise Died(op["child"])
            self.living[op["child"]] = Process(op["child"], hello["pid"], parent.pid, ours, dict(parent.regions))
        return error_of(answer), answer["seconds"]

    def exit(self, process: Process, op: Message) -> tuple[Message, float]:
        """The process ends, by itself or killed; its children, who must outlive it, become the conductor's."""
        children = [other for other in self.living.values() if other.parent == process.pid]
        for child in children:
            child.ask({"op": "guard", "parent": 0})
        seconds = end(self.living.pop(op["pid"]), killed=op["op"] == "kill")
        for child in children:
            child.parent = os.getpid()
            child.ask({"op": "guard", "parent": child.parent})
        return {"error": None} if op["op"] == "kill" else {}, seconds

    def mmap(self, process: Process, op: Message) -> tuple[Message, float]:
        """Each region starts on the next free 1 GiB boundary, as in the model."""
        top = max((region.end for region in process.regions.values()), default=FIRST_ADDRESS)
        region = Region(-(-top // GIB) * GIB, op["pages"])
        populate = orders.MAP_POPULATE if op.get("populate") else 0
        answer = process.ask(
            {
                "op": "mmap",
                "address": region.address,
                "length": op["pages"] * PAGE,
                "prot": orders.PROT[op.get("prot", "rw")],
                "flags": orders.KINDS[op["kind"]] | orders.MAP_FIXED_NOREPLACE | populate,
                "file": self.file.fileno() if self.file and op["kind"].startswith("file") else -1,
            }
        )
        process.regions[op["region"]] = REFUSED if answer.get("errno") else region
        return {**error_of(answer), **{key: answer[key] for key in counts_of(op)}}, answer["seconds"]

    def access(self, process: Process, op: Message) -> tuple[Message, float]:
        """read, write; EFAULT where the access would kill the process, and nothing is touched."""
        region = process.regions[op["region"]]
        pages = np.array(op["pages"], np.int64) if "pages" in op else np.arange(op["start"], op["stop"])
        if not process.allows(region, pages, "w" if op["op"] == "write" else "r"):
            return failed("EFAULT", op), 0.0
        order = {"op": op["op"], "value": op.get("value")}
        if "pages" in op:
            order |= {"pages": op["pages"], "address": region.address, "pages_in_all": region.pages}
        else:
            order |= {"address": region.address + op["start"] * PAGE, "pages_in_all": len(pages)}
        answer = process.ask(order)
        return {"error": None, **{key: answer[key] for key in counts_of(op)}}, answer["seconds"]

    def loop(self, process: Process, op: Message) -> tuple[Message, float]:
        """Accesses, pass after pass; the faults of each as lists."""
        step, entries, seconds = {**op, "op": op["access"], "value": op.get("value", 1)}, [], 0.0
        for _ in range(op["passes"]):
            entry, took = self.access(process, step)
            entries.append(entry)
            seconds += took
            if entry["error"]:
                break
        return {"error": entries[-1]["error"], **{key: [e[key] for e in entries] for key in counts_of(op)}}, seconds

    def nothing(self, process: Process, op: Message) -> tuple[Message, float]:
        """What makes no difference to a real process of a trace."""
        return {"error": None}, 0.0

    def change(self, process: Process, op: Message) -> tuple[Message, float]:
        """munmap, dontneed, protect: a call for each stretch of pages, up to the first that fails."""
        region, answer, seconds = process.regions[op["region"]], {}, 0.0
        if region == REFUSED:  # a hole
            return {"error": None if op["op"] == "munmap" else "ENOMEM"}, 0.0
        for start, stop in stretches(op):
            order = {"op": op["op"], "address": region.address + start * PAGE, "length": (stop - start) * PAGE}
            answer = process.ask({**order, "prot": orders.PROT[op.get("prot", "")]})
            seconds += answer["seconds"]
            if answer["errno"]:
                break
        return error_of(answer), seconds

    def close(self) -> None:
        """End every process that is left, and wait until there is none; the file goes with its last descriptor."""
        for process in self.living.values():
            process.channel.close()
        wait_for_children()
        if self.file:
            self.file.close()


def counts_of(op: Message) -> tuple[str, ...]:
    """What an entry counts beside its error."""
    if op["op"] == "read":
        return "minor", "major", "digest"
    return ("minor", "major") if op["op"] in ("write", "loop") or op.get("populate") else ()


def failed(error: str, op: Message) -> Message:
    """The entry of an operation that was not done."""
    if op["op"] == "exit":
        return {}
    return {"error": error, **{key: [] if op["op"] == "loop" else 0 for key in counts_of(op)}}


def stretches(op: Message) -> list[tuple[int, int]]:
    """The ranges [start, stop) that an operation on a range, or on a list of pages, is about."""
    if "pages" not in op:
        return [(op["start"], op["stop"])] if op["start"] < op["stop"] else []
    pages = np.array(op["pages"], np.int64)
    groups = np.split(pages, np.flatnonzero(np.diff(pages) != 1) + 1) if len(pages) else []
    return [(int(group[0]), int(group[-1]) + 1) for group in groups]


def error_of(answer: Message) -> Message:
    """The entry's "error": null, or the errno's name."""
    number = answer.get("errno", 0)
    return {"error": errno.errorcode[number] if number else None}


def end(process: Process, killed: bool) -> float:
    """Tell a process to exit, or kill it; wait until it has ended, and its children have their new parent. The seconds
    that took."""
    handle = os.pidfd_open(process.pid)
    began = time.perf_counter()
    if killed:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    else:
        orders.send(process.channel, {"op": "exit"})
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()
    seconds = time.perf_counter() - began
    os.close(handle)
    process.channel.close()
    return seconds


def new_file(folder: str, pages: int) -> Any:
    """A file without a name, whose pages are single (written one by one), clean (synced) and cached."""
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (`close` above closes it)
    for page in range(pages):
        file.write(struct.pack("<Q", 1000 + page).ljust(PAGE, b"\0"))
    os.fsync(file.fileno())
    return file


def wait_for_children() -> None:
    """Until there is no child, own or adopted. SIGCHLD is ignored, so the kernel reaps them."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def run(job: Message) -> Message:
    """One trace; nothing is left of it afterwards."""
    conductor = Conductor(job)
    try:
        return conductor.run()
    finally:
        conductor.close()


def prepare(parent: int) -> None:
    """Make this interpreter fit to be forked and measured."""
    orders.die_with(parent)
    orders.control(PR_SET_CHILD_SUBREAPER, 1)
    orders.control(PR_SET_THP_DISABLE, 1)  # in every child too
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Path("/proc/self/oom_score_adj").write_text("1000")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()
    gc.freeze()


def main() -> None:
    """Run the traces of standard input until it ends. The last argument is the parent's process id."""
    prepare(int(sys.argv[-1]))
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
