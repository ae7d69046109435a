"""One process of a trace: it does the conductor's orders one at a time, and measures them.

Nothing here may disturb what is measured. After a fork the interpreter's own memory is under copy-on-write too, so
every access is rehearsed on a page of its own: then the interpreter has its pages back before the faults are counted.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import struct
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import call
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Message = dict[str, Any]

PAGE = 4096
BLOCK = 64  # pages of a list touched at a time: so few that numpy's temporary array comes from a cache, not from malloc

# The same numbers on every architecture with pages of 4 KiB that numpy is built for.
PROT = {"": 0, "r": 1, "rw": 3}
MAP_SHARED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE = 0x1, 0x2, 0x20, 0x4000
MAP_POPULATE, MAP_FIXED_NOREPLACE = 0x8000, 0x100000
KINDS = {
    "private": MAP_PRIVATE | MAP_ANONYMOUS,
    "noreserve": MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
    "shared": MAP_SHARED | MAP_ANONYMOUS,
    "file-private": MAP_PRIVATE,
    "file-shared": MAP_SHARED,
}
MADV_DONTNEED = 4
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


# ---- what the conductor and a process say to each other --------------------------------------------------------------


def send(channel: socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send `message` (four bytes of length, then JSON), and open files with it."""
    data = json.dumps(message).encode()
    socket.send_fds(channel, [struct.pack(">I", len(data))], descriptors)
    channel.sendall(data)


def receive(channel: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and the files that came with it; None when the other side is gone."""
    header, descriptors, _, _ = socket.recv_fds(channel, 4, 1)
    data = channel.recv(struct.unpack(">I", header)[0], socket.MSG_WAITALL) if header else b""
    return (json.loads(data) if data else None), descriptors


# ---- whose death is ours ---------------------------------------------------------------------------------------------


def control(option: int, value: int) -> None:
    """prctl(option, value)."""
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def die_with(parent: int) -> None:
    """From now on the kernel kills this process when `parent`, its parent, ends; 0: no longer."""
    control(PR_SET_PDEATHSIG, signal.SIGKILL if parent else 0)
    if parent and os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def limit_address_space(size: int) -> None:
    """RLIMIT_AS, here and in every child: a wrong trace cannot take the machine."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


# ---- accesses --------------------------------------------------------------------------------------------------------

Calls = Sequence[Callable[[], Any]]


class Faults:
    """Counts this process's page faults (getrusage).

    Between two counts runs no bytecode, only a loop in C: the interpreter specialises its code and fills its caches
    while it runs, and a write to a page that it still shares after a fork would be counted as the trace's. For the same
    reason a rehearsal comes right before: what it allocates and frees is where the calls then allocate.
    """

    MINOR, MAJOR = 8, 9  # words of struct rusage

    def __init__(self) -> None:
        self.before, self.after = (ctypes.c_long * 18)(), (ctypes.c_long * 18)()
        getrusage = ctypes.CDLL(None).getrusage
        self.start = partial(getrusage, resource.RUSAGE_SELF, self.before)
        self.stop = partial(getrusage, resource.RUSAGE_SELF, self.after)

    def of(self, calls: Calls, rehearsal: Calls) -> tuple[Message, Any]:
        """Make the calls: their minor and major faults, the seconds they took; and the last one's result."""
        # The first start may itself take faults.
        rehearsed: Calls = [self.start, self.start, *rehearsal, self.stop]
        counted: Calls = [self.start, self.start, *calls, self.stop]
        self.run(rehearsed)
        result, seconds = self.run(counted)
        minor, major = (self.after[i] - self.before[i] for i in (self.MINOR, self.MAJOR))
        return {"minor": minor, "major": major, "seconds": seconds}, result

    def run(self, calls: Calls) -> tuple[Any, float]:
        """The result of the last call but one, and the seconds that all took."""
        began = time.perf_counter()
        result, _ = deque(map(call, calls), maxlen=2)
        return result, time.perf_counter() - began


faults = Faults()
stage = mmap.mmap(-1, PAGE)  # for rehearsals; shared, so a child writes it without a copy
stage_address = ctypes.addressof(ctypes.c_char.from_buffer(stage))


def words_at(address: int, pages: int, stride: int = PAGE) -> Words:
    """The first word of each of `pages` pages from `address` on, as an array. Touches nothing."""
    interface = {"data": (address, False), "shape": (pages,), "strides": (stride,), "typestr": "<u8", "version": 3}
    return np.asarray(SimpleNamespace(__array_interface__=interface))


def rehearsal_words(pages: int) -> Words:
    """Up to 256 words of the stage. Their stride is not 0 or 8, for which numpy has code of its own."""
    return words_at(stage_address, min(pages, PAGE // 16), stride=16)


def access(order: Message) -> Message:
    """read, write: touch the pages, after a rehearsal that runs the same code."""
    touch = touch_list if "pages" in order else touch_range
    return touch(order, None if order["op"] == "read" else np.array(order["value"], np.uint64))


def touch_range(order: Message, value: Words | None) -> Message:
    """Neighbouring pages, in order."""
    words = words_at(order["address"], order["pages_in_all"])
    rehearsal = rehearsal_words(len(words))
    if value is not None:
        return faults.of([partial(words.__setitem__, ..., value)], [partial(rehearsal.__setitem__, ..., value)])[0]
    out = np.full(len(words), 0, np.uint64)
    first = out[: len(rehearsal)]
    counts, _ = faults.of([partial(out.__setitem__, ..., words)], [partial(first.__setitem__, ..., rehearsal)])
    return {**counts, "digest": digest(out)}


def touch_list(order: Message, value: Words | None) -> Message:
    """Scattered pages, in the list's order."""
    words = words_at(order["address"], order["pages_in_all"])
    rehearsal = rehearsal_words(len(words))
    pages = np.array(order["pages"], np.int64)
    blocks = [pages[i : i + BLOCK] for i in range(0, len(pages), BLOCK)]
    places = [np.zeros_like(block) for block in blocks]
    if value is not None:
        calls = [partial(words.__setitem__, block, value) for block in blocks]
        return faults.of(calls, [partial(rehearsal.__setitem__, place, value) for place in places])[0]
    calls = [partial(words.__getitem__, block) for block in blocks]
    counts, _ = faults.of(calls, [partial(rehearsal.__getitem__, place) for place in places])
    return {**counts, "digest": digest(words[pages])}  # they are mapped now: reading again takes no fault


def digest(values: Words) -> int:
    """Fold the values in order: d = (d × 1000003 + value) mod 2^64, from d = 0."""
    weights = np.full(len(values), 1000003, np.uint64)
    weights[:1] = 1
    return int((values[::-1] * np.multiply.accumulate(weights)).sum(dtype=np.uint64))


# ---- system calls ----------------------------------------------------------------------------------------------------


def map_region(order: Message) -> Message:
    """mmap at a fixed address; its faults are those of populate."""
    address, rest = order["address"], (order["prot"], order["flags"], order["file"], 0)
    refused = partial(libc.mmap, address, 0, *rest)
    counts, got = faults.of([partial(libc.mmap, address, order["length"], *rest)], [refused])
    if got == ctypes.c_size_t(-1).value:
        return {**counts, "errno": ctypes.get_errno()}
    if got != address:
        raise RuntimeError(f"mmap gave {got} where {address} was asked")
    return counts


def system_call(order: Message) -> Message:
    """munmap, dontneed, protect."""
    function, extra = {
        "munmap": (libc.munmap, ()),
        "dontneed": (libc.madvise, (MADV_DONTNEED,)),
        "protect": (libc.mprotect, (order.get("prot"),)),
    }[order["op"]]
    began = time.perf_counter()
    failed = function(order["address"], order["length"], *extra)
    seconds = time.perf_counter() - began
    return {"errno": ctypes.get_errno() if failed else 0, "seconds": seconds}


def fork(channel: socket.socket, descriptor: int) -> socket.socket:
    """Answers to the conductor in parent and child; returns the channel of whichever this now is."""
    own, parent = socket.socket(fileno=descriptor), os.getpid()
    began = time.perf_counter()
    try:
        child = os.fork()
    except OSError as error:
        child, refusal = -1, error.errno
    seconds = time.perf_counter() - began
    if child == 0:
        channel.close()
        die_with(parent)
        send(own, {"pid": os.getpid()})
        return own
    own.close()
    send(channel, {"seconds": seconds, "errno": refusal if child < 0 else 0})
    return channel


def guard(order: Message) -> Message:
    """Change whose death kills this process."""
    die_with(order["parent"])
    return {}


ORDERS: dict[str, Callable[[Message], Message]] = {
    "mmap": map_region,
    "read": access,
    "write": access,
    "munmap": system_call,
    "dontneed": system_call,
    "protect": system_call,
    "guard": guard,
}


def live(channel: socket.socket, parent: int, limit: int) -> NoReturn:
    """A process's whole life, from its fork to its exit: do what is ordered until the conductor is gone."""
    try:
        die_with(parent)
        limit_address_space(limit)
        while True:
            order, descriptors = receive(channel)
            if order is None or order["op"] == "exit":
                os._exit(0)
            if order["op"] == "fork":
                channel = fork(channel, descriptors[0])
            else:
                send(channel, ORDERS[order["op"]](order))
    except BaseException:
        traceback.print_exc()  # must not unwind into the conductor's code, which lies below in this stack
        os._exit(1)
