"""Draws random traces that are legal and repeatable on a real kernel, for `cowlab verify`.

A *book* says what each page of a region allows, so that no access is drawn that would kill the process. Left out, as
nothing repeatable can be said of it: write-back, pages past the end of the file, files with other than single pages.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Operation = dict[str, Any]
Span = tuple[int, int]

ANONYMOUS = ("private", "noreserve", "shared")
FILES = ("file-private", "file-shared")
FILE_PAGES = 600
SIZES = (1, 2, 3, 15, 16, 17, 31, 32, 33, 40, 64, 100, 256, 511, 512, 513, 530, 600, 1024, 1030)
EDGES = (16, 512)  # fault-around windows and leaf page tables end at multiples of these
MOST_PROCESSES, MOST_REGIONS = 5, 4

HOLE, NONE, READ, WRITE = 0, 1, 2, 3  # what a page allows
PROT = {"": NONE, "r": READ, "rw": WRITE}


@dataclass
class Book:
    """What each page of one process's region allows."""

    kind: str
    pages: NDArray[np.int8]

    def copy(self) -> Book:
        return Book(self.kind, self.pages.copy())


def random_trace(seed: int, files: bool = True) -> list[Operation]:
    """The operations that `seed` stands for, always the same; without file mappings if not `files`."""
    return _Draw(seed, files).trace()


class _Draw:
    def __init__(self, seed: int, files: bool) -> None:
        self.random = random.Random(seed)
        self.kinds = ANONYMOUS + FILES * files
        self.ops: list[Operation] = []
        self.books: dict[str, dict[str, Book]] = {}  # of the living: {process: {region: book}}
        self.processes = self.regions = self.value = 0
        self.weights: dict[Callable[[str], None], float] = {
            self.write: 7,
            self.read: 6,
            self.fork: 2.5,
            self.mmap: 1,
            self.munmap: 1,
            self.dontneed: 2,
            self.protect: 3,
            self.exit: 1,
            self.spawn: 0.2,
        }

    def trace(self) -> list[Operation]:
        """Between 15 and 40 operations, fewer if every process has ended."""
        length = self.random.randint(15, 40)
        self.spawn("")
        self.mmap("A")
        while len(self.ops) < length and self.books:
            (draw,) = self.random.choices(list(self.weights), list(self.weights.values()))
            draw(self.random.choice(list(self.books)))  # may add nothing, where it would not be legal
        return self.ops

    # ---- processes and regions

    def spawn(self, _: str) -> None:
        if len(self.books) < MOST_PROCESSES:
            self.ops.append({"op": "spawn", "pid": self.new_process({})})

    def fork(self, pid: str) -> None:
        if len(self.books) < MOST_PROCESSES:
            child = self.new_process({name: book.copy() for name, book in self.books[pid].items()})
            self.ops.append({"op": "fork", "pid": pid, "child": child})

    def new_process(self, books: dict[str, Book]) -> str:
        name = f"{chr(ord('A') + self.processes % 26)}{self.processes // 26 or ''}"
        self.processes += 1
        self.books[name] = books
        return name

    def exit(self, pid: str) -> None:
        if len(self.books) > 1 or self.random.random() < 0.1:
            del self.books[pid]
            self.ops.append({"op": "exit", "pid": pid})

    def mmap(self, pid: str) -> None:
        if len(self.books[pid]) >= MOST_REGIONS:
            return
        kind = self.random.choice(self.kinds)
        size = self.random.choice(SIZES) if self.random.random() < 0.7 else self.random.randint(1, 64)
        pages = min(size, FILE_PAGES) if kind in FILES else size
        op: Operation = {"op": "mmap", "pid": pid, "region": f"r{self.regions}", "pages": pages, "kind": kind}
        if self.random.random() < 0.3:
            op["prot"] = self.random.choice(["r", "rw"])
        if self.random.random() < 0.2:
            op["populate"] = True
        self.regions += 1
        self.books[pid][op["region"]] = Book(kind, np.full(pages, PROT[op.get("prot", "rw")], np.int8))
        self.ops.append(op)

    # ---- accesses

    def read(self, pid: str) -> None:
        self.access({"op": "read", "pid": pid}, READ)

    def write(self, pid: str) -> None:
        self.value += 1
        self.access({"op": "write", "pid": pid, "value": self.value}, WRITE)

    def access(self, op: Operation, least: int) -> None:
        """A range or a list of pages that all allow it, if there is any."""
        for region, book in self.shuffled(op["pid"]):
            allowed = np.flatnonzero(book.pages >= least)
            if len(allowed):
                self.ops.append({**op, "region": region, **self.pages_among(allowed)})
                return

    def pages_among(self, allowed: NDArray[np.int64]) -> Operation:
        if self.random.random() < 0.4:
            count = min(len(allowed), self.random.choice([1, 1, 2, 5, 20, 100, 600]))
            return {"pages": self.random.sample(allowed.tolist(), count)}
        runs = np.split(allowed, np.flatnonzero(np.diff(allowed) > 1) + 1)
        run = self.random.choice(runs)
        start, stop = self.span(int(run[0]), int(run[-1]) + 1)
        return {"start": start, "stop": stop}

    # ---- changes of ranges, which may have holes

    def munmap(self, pid: str) -> None:
        for region, book in self.shuffled(pid):
            start, stop = self.span(0, len(book.pages))
            book.pages[start:stop] = HOLE
            self.ops.append({"op": "munmap", "pid": pid, "region": region, "start": start, "stop": stop})
            return

    def dontneed(self, pid: str) -> None:
        for region, book in self.shuffled(pid):
            start, stop = self.span(0, len(book.pages))
            self.ops.append({"op": "dontneed", "pid": pid, "region": region, "start": start, "stop": stop})
            return

    def protect(self, pid: str) -> None:
        """Over a hole, the kernel changes the pages before it."""
        for region, book in self.shuffled(pid):
            none = [] if book.kind in ("shared", "file-shared") else [""]
            prot = self.random.choice(["r", "r", "rw", "rw", "rw", *none])
            start, stop = self.span(0, len(book.pages))
            holes = np.flatnonzero(book.pages[start:stop] == HOLE)
            book.pages[start : start + int(holes[0]) if len(holes) else stop] = PROT[prot]
            op = {"op": "protect", "pid": pid, "region": region, "start": start, "stop": stop, "prot": prot}
            self.ops.append(op)
            return

    # ---- choices

    def shuffled(self, pid: str) -> list[tuple[str, Book]]:
        books = list(self.books[pid].items())
        self.random.shuffle(books)
        return books

    def span(self, low: int, high: int) -> Span:
        """A range within [low, high), often along an edge."""
        first, second = self.point(low, high), self.point(low, high)
        if first == second:
            return (first, first + 1) if first < high else (first - 1, first)
        return min(first, second), max(first, second)

    def point(self, low: int, high: int) -> int:
        """A place between pages, in [low, high]."""
        how = self.random.random()
        if how < 0.25:
            return low
        if how < 0.5:
            return high
        if how < 0.75:
            return self.random.randint(low, high)
        edge = self.random.choice(EDGES)
        near = self.random.randint(low // edge, -(-high // edge)) * edge + self.random.choice([-1, 0, 0, 1])
        return min(max(near, low), high)
