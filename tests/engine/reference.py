"""The rules of memory, one page at a time, in plain Python.

This is the statement of the rules and the oracle for the tests: it agrees with every trace recorded on a real
kernel (tests/kernel). It shares no code with cowlab, keeps everything in dicts, and does not try to be fast.

    replay(ops)        what the kernel says of each operation of a trace
    Model(frames=100)  the machine behind it, with what traces do not show: values, map counts, counters, page
                       tables, frames in use, and the promises counted in Committed_AS (mode "heuristic")

Words: a *region* is what one mmap made: a list of *pieces* (Linux: VMAs) and a dict of page *entries*. An
entry points to a *frame*. A *family* (Linux: anon_vma) decides which pieces fork copies and which ones join.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

PRIVATE = ("private", "noreserve", "file-private")
FIELDS = ("Size", "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Anonymous")
LEVELS = (27, 18, 9)  # pages under one PUD page (as a power of 2), one PMD page, one leaf table


class Refused(Exception):
    """A call that fails with an errno; the name is its only argument."""


class OutOfFrames(Exception):
    """A touch, a fork or a file found no free frame."""


@dataclass(eq=False)
class Frame:
    kind: str  # "anon", "shm", "file", "zero"
    value: int = 0
    dirty: bool = False
    exclusive: bool = False  # anonymous, and no fork has copied an entry of it since it was made or reused
    mappers: int = 0


@dataclass(eq=False)
class Entry:
    frame: Frame
    writable: bool = False
    dirty: bool = False


@dataclass(eq=False)
class Family:
    inherited: bool = False


@dataclass(eq=False)
class Piece:
    start: int
    stop: int
    prot: str
    promised: bool
    family: Family | None = None

    def overlaps(self, start, stop):
        return self.start < stop and start < self.stop


@dataclass(eq=False)
class Content:
    """What lies behind a shared or file mapping: pages that live apart from any process."""

    kind: str
    promised: int = 0
    cached: bool = True
    pages: dict[int, Frame] = field(default_factory=dict)


@dataclass(eq=False)
class Region:
    kind: str
    pages: int
    first: int  # the page number of its page 0 in the address space
    content: Content | None
    pieces: list[Piece] = field(default_factory=list)
    entries: dict[int, Entry] = field(default_factory=dict)

    def piece(self, page):
        return next((piece for piece in self.pieces if piece.start <= page < piece.stop), None)


@dataclass(eq=False)
class Process:
    regions: dict[str, Region] = field(default_factory=dict)
    tables: set[tuple[int, int]] = field(default_factory=set)  # (level, number)
    next_first: int = 0
    done: Counter = field(default_factory=Counter)  # minor, zeroed, copied, reused


ZERO = Frame("zero")


class Model:
    def __init__(self, frames=None, page_tables=True, swap=0):
        self.frames, self.page_tables, self.swap = frames, page_tables, swap
        self.used = 0  # frames that hold data or a page table
        self.committed = 0  # pages promised
        self.done = Counter()  # by all processes, also those that are gone
        self.files: dict[str, Content] = {}
        self.processes: dict[str, Process] = {}

    # ---- system calls

    def spawn(self, pid):
        self.processes[pid] = Process()

    def mmap(self, pid, name, pages, kind="private", prot="rw", populate=False, file="file"):
        process = self.processes[pid]
        promised = kind in ("private", "file-private") and "w" in prot
        if promised or kind == "shared":
            self.check_promise(pages)
        content = self.open(file, pages) if kind.startswith("file") else None
        if kind == "shared":
            content = Content("shm", promised=pages)
        self.committed += pages if promised or kind == "shared" else 0
        region = Region(kind, pages, process.next_first, content, [Piece(0, pages, prot, promised)])
        process.regions[name] = region
        process.next_first += -(-pages >> 18) << 18
        if populate and prot:
            with suppress(OutOfFrames):
                self.populate(process, region, write=kind in PRIVATE and "w" in prot)

    def populate(self, process, region, write):
        for page in range(region.pages):
            if write or page not in region.entries:
                self.touch(process, region, page, write)

    def read(self, pid, name, pages):
        """Read these pages in this order; the values found."""
        process, region = self.checked(pid, name, pages, "r")
        for page in pages:
            self.touch(process, region, page, write=False)
        return [region.entries[page].frame.value for page in pages]

    def write(self, pid, name, pages, value=None):
        """Write these pages in this order; without a value their contents stay."""
        process, region = self.checked(pid, name, pages, "w")
        for page in pages:
            self.touch(process, region, page, write=True)
            if value is not None:
                region.entries[page].frame.value = value

    def munmap(self, pid, name, start, stop):
        process = self.processes[pid]
        region = process.regions[name]
        self.split(region, start, stop)
        gone = [piece for piece in region.pieces if piece.overlaps(start, stop)]
        for piece in gone:
            region.pieces.remove(piece)
            self.committed -= (piece.stop - piece.start) * piece.promised
            self.drop(region, piece.start, piece.stop)
        if gone and region.content and not region.pieces:
            self.close(region.content)
        self.free_tables(process, {table for table in process.tables if not pieces_under(process, *table)})

    def dontneed(self, pid, name, start, stop, over_holes=False):
        process = self.processes[pid]
        region = process.regions[name]
        for piece in region.pieces:
            first, last = max(piece.start, start), min(piece.stop, stop)
            if first < last:
                self.drop(region, first, last)
                first, last = region.first + first, region.first + last
                self.free_tables(process, {(9, leaf) for leaf in range(-(-first >> 9), last >> 9)})
        if not over_holes and any(region.piece(page) is None for page in range(start, stop)):
            raise Refused("ENOMEM")

    def protect(self, pid, name, start, stop, prot, over_holes=False):
        region = self.processes[pid].regions[name]
        hole = next((page for page in range(start, stop) if region.piece(page) is None), stop)
        hole = stop if over_holes else hole
        changed = [
            (max(piece.start, start), min(piece.stop, hole))
            for piece in region.pieces
            if piece.overlaps(start, hole) and piece.prot != prot
        ]
        for first, last in changed:
            if self.must_promise(region, region.piece(first), prot):
                self.check_promise(last - first)
        for first, last in changed:
            self.split(region, first, last)
            self.change(region, region.piece(first), prot)
            self.join(region, region.piece(first))
        if hole < stop:
            raise Refused("ENOMEM")

    def fork(self, pid, child_pid):
        parent = self.processes[pid]
        for region in parent.regions.values():
            for piece in region.pieces:
                if piece.promised:
                    self.check_promise(piece.stop - piece.start)
        tables = {table for table in parent.tables if any(piece.family for piece in pieces_under(parent, *table))}
        child = Process(next_first=parent.next_first, tables=tables)
        self.take(len(child.tables) * self.page_tables)
        for name, region in parent.regions.items():
            child.regions[name] = self.forked(region)
        self.processes[child_pid] = child

    def exit(self, pid):
        for name, region in self.processes[pid].regions.items():
            if region.pieces:
                self.munmap(pid, name, 0, region.pages)
        del self.processes[pid]

    # ---- one page

    def touch(self, process, region, page, write):
        """One access, as the hardware sees it: a present entry that allows it takes no fault."""
        entry = region.entries.get(page)
        if entry and (entry.writable or not write):
            entry.dirty |= write
            return
        self.make_tables(process, region.first + page)
        on_disk = region.content and region.content.kind == "file" and page not in region.content.pages
        if write:
            self.write_fault(process, region, page, entry)
        else:
            self.read_fault(process, region, page)
        self.count(process, "major" if on_disk else "minor")

    def count(self, process, kind):
        process.done[kind] += 1
        self.done[kind] += 1

    def read_fault(self, process, region, page):
        if region.content is None:
            region.entries[page] = Entry(ZERO)
            return
        piece, cached = region.piece(page), region.content.pages
        writable = region.kind == "shared" and "w" in piece.prot
        start = max(page // 16 * 16, piece.start)
        stop = min(start + 16, (page // 512 + 1) * 512, piece.stop)
        for near in range(start, stop):
            if near in cached and near not in region.entries:
                self.map(region, near, cached[near], writable)
        if page not in region.entries:
            self.map(region, page, self.find(process, region.content, page), writable)

    def write_fault(self, process, region, page, entry):
        if region.kind in PRIVATE:
            self.join_family(region, region.piece(page))
            self.own(process, region, page, entry)
            return
        entry = entry or self.map(region, page, self.find(process, region.content, page))
        entry.writable = entry.dirty = entry.frame.dirty = True

    def find(self, process, content, page):
        """A page of shared memory or of a file, made or brought in from the disk if need be."""
        if page not in content.pages:
            self.take()
            content.pages[page] = Frame("shm") if content.kind == "shm" else Frame("file", 1000 + page)
            if content.kind == "shm":
                self.count(process, "zeroed")
        return content.pages[page]

    def own(self, process, region, page, entry):
        """Give the writer a frame of its own: a fresh one, a copy, or the one it is the last to map."""
        source = entry.frame if entry else self.find(process, region.content, page) if region.content else ZERO
        if source.kind == "anon" and source.mappers == 1:
            self.count(process, "reused")
            source.exclusive = entry.writable = True
            return
        self.take()
        self.count(process, "zeroed" if source is ZERO else "copied")
        self.drop(region, page, page + 1)
        self.map(region, page, Frame("anon", source.value, exclusive=True), writable=True).dirty = True

    def map(self, region, page, frame, writable=False):
        frame.mappers += 1
        region.entries[page] = Entry(frame, writable)
        return region.entries[page]

    def drop(self, region, start, stop):
        for page in [page for page in region.entries if start <= page < stop]:
            entry = region.entries.pop(page)
            entry.frame.dirty |= entry.dirty
            entry.frame.mappers -= entry.frame is not ZERO
            if entry.frame.kind == "anon" and entry.frame.mappers == 0:
                self.used -= 1

    # ---- pieces

    def split(self, region, *cuts):
        for cut in cuts:
            piece = region.piece(cut)
            if piece and piece.start < cut:
                after = region.pieces.index(piece) + 1
                region.pieces.insert(after, Piece(cut, piece.stop, piece.prot, piece.promised, piece.family))
                piece.stop = cut

    def change(self, region, piece, prot):
        """Give a whole piece another protection, and its present entries what that allows."""
        pages = piece.stop - piece.start
        if self.must_promise(region, piece, prot):
            piece.promised = True
            self.committed += pages
        elif "w" not in prot and piece.promised and region.kind == "private" and not piece.family:
            piece.promised = False
            self.committed -= pages
        piece.prot = prot
        for page, entry in region.entries.items():
            if piece.start <= page < piece.stop:
                allowed = {"shared": True, "file-shared": entry.dirty}.get(region.kind, entry.frame.exclusive)
                entry.writable = "w" in prot and allowed

    def join(self, region, piece):
        """Join a changed piece to the neighbours that are like it now; to the left one if those differ."""
        left, right = region.piece(piece.start - 1), region.piece(piece.stop)
        left = left if left and alike(left, piece) else None
        right = right if right and alike(piece, right) else None
        if left and right and not alike(left, right):
            right = None
        for neighbour in (left, right):
            if neighbour:
                piece.start, piece.stop = min(piece.start, neighbour.start), max(piece.stop, neighbour.stop)
                piece.family = piece.family or neighbour.family
                region.pieces.remove(neighbour)

    def join_family(self, region, piece):
        if piece.family is None:
            near = (region.piece(piece.stop), region.piece(piece.start - 1))
            families = [other.family for other in near if other and other.family]
            piece.family = next((family for family in families if not family.inherited), Family())

    def forked(self, region):
        copy = Region(region.kind, region.pages, region.first, region.content)
        for piece in region.pieces:
            family = Family(inherited=True) if piece.family else None
            copy.pieces.append(Piece(piece.start, piece.stop, piece.prot, piece.promised, family))
            self.committed += (piece.stop - piece.start) * piece.promised
            if piece.family:
                self.share(region, copy, piece)
        return copy

    def share(self, region, copy, piece):
        for page, entry in region.entries.items():
            if piece.start <= page < piece.stop:
                entry.writable = entry.frame.exclusive = False
                entry.frame.mappers += entry.frame is not ZERO
                copy.entries[page] = Entry(entry.frame, dirty=entry.dirty)

    # ---- frames, page tables, promises

    def take(self, count=1):
        if self.frames is not None and self.used + count > self.frames:
            raise OutOfFrames
        self.used += count

    def make_tables(self, process, page):
        missing = {(level, page >> level) for level in LEVELS} - process.tables
        self.take(len(missing) * self.page_tables)
        process.tables |= missing

    def free_tables(self, process, unused):
        self.used -= len(unused & process.tables) * self.page_tables
        process.tables -= unused

    def check_promise(self, pages):
        if self.frames is not None and pages > self.frames + self.swap:
            raise Refused("ENOMEM")

    def must_promise(self, region, piece, prot):
        return "w" in prot and not piece.promised and region.kind in ("private", "file-private")

    def file(self, name, cached):
        self.files[name] = Content("file", cached=cached)

    def open(self, name, pages):
        """A file is as long as its longest mapping; all of it is in memory, unless it lies on disk."""
        content = self.files.setdefault(name, Content("file"))
        new = [page for page in range(pages if content.cached else 0) if page not in content.pages]
        self.take(len(new))
        content.pages.update((page, Frame("file", 1000 + page)) for page in new)
        return content

    def close(self, content):
        """Shared memory is gone with the last piece that maps it; a file stays."""
        users = [
            region
            for process in self.processes.values()
            for region in process.regions.values()
            if region.content is content and region.pieces
        ]
        if content.kind == "shm" and not users:
            self.committed -= content.promised
            self.used -= len(content.pages)

    # ---- what can be seen

    def checked(self, pid, name, pages, right):
        process = self.processes[pid]
        region = process.regions[name]
        pieces = [region.piece(page) for page in pages]
        if any(piece is None or right not in piece.prot for piece in pieces):
            raise Refused("EFAULT")
        return process, region

    def smaps(self):
        return {
            pid: {name: rows(region) for name, region in process.regions.items() if region.pieces}
            for pid, process in self.processes.items()
        }

    def values(self, pid, name, pages):
        """What a read would find, without touching anything."""
        return [self.value(self.processes[pid].regions[name], page) for page in pages]

    def value(self, region, page):
        if page in region.entries:
            return region.entries[page].frame.value
        if region.content and page in region.content.pages:
            return region.content.pages[page].value
        return 1000 + page if region.kind.startswith("file") else 0

    def mapcounts(self, pid, name, pages):
        entries = self.processes[pid].regions[name].entries
        return [entries[page].frame.mappers if page in entries else 0 for page in pages]


def pieces_under(process, level, number):
    """The pieces in the part of the address space that one page table serves."""
    start, stop = number << level, (number + 1) << level
    return [
        piece
        for region in process.regions.values()
        for piece in region.pieces
        if piece.overlaps(start - region.first, stop - region.first)
    ]


def alike(left, right):
    """Whether two pieces that touch may be one."""
    one, other = left.family, right.family
    fits = one is other or (one is None and not other.inherited) or (other is None and not one.inherited)
    return left.prot == right.prot and left.promised == right.promised and fits


def rows(region):
    """One region as /proc/PID/smaps shows it: each piece counted and rounded by itself, then all added."""
    total = dict.fromkeys(FIELDS, 0)
    for piece in region.pieces:
        total["Size"] += 4 * (piece.stop - piece.start)
        pss = 0
        for page, entry in region.entries.items():
            frame = entry.frame
            if piece.start <= page < piece.stop and frame is not ZERO:
                owner = "Shared" if frame.mappers > 1 else "Private"
                state = "Dirty" if entry.dirty or frame.dirty or frame.kind == "anon" else "Clean"
                total["Rss"] += 4
                total[f"{owner}_{state}"] += 4
                total["Anonymous"] += 4 * (frame.kind == "anon")
                pss += (4096 << 12) // frame.mappers
        total["Pss"] += pss >> 22
    return total


def replay(ops):
    """What the kernel says of each operation of a trace (version 1 or 2)."""
    model = Model()
    return [apply(model, op) for op in ops]


def apply(model, op):
    entry = {} if op["op"] in ("spawn", "exit") else {"error": None}
    process = model.processes.get(op["pid"])
    before = process.done["minor"] if process else 0
    try:
        entry |= run(model, op) or {}
    except Refused as refusal:
        entry["error"] = str(refusal)
    if op["op"] in ("read", "write") or op.get("populate"):
        entry |= {"minor": process.done["minor"] - before, "major": 0}
    return entry | {"smaps": model.smaps()}


def run(model, op):
    arguments = {key: value for key, value in op.items() if key not in ("op", "region")}
    if "region" in op:
        arguments["name"] = op["region"]
    if op["op"] == "fork":
        return model.fork(op["pid"], op["child"])
    if op["op"] not in ("read", "write"):
        return getattr(model, op["op"])(**arguments)
    pages = op["pages"] if "pages" in op else range(op["start"], op["stop"])
    if op["op"] == "write":
        return model.write(op["pid"], op["region"], pages, op["value"])
    return {"digest": digest(model.read(op["pid"], op["region"], pages))}


def digest(values):
    total = 0
    for value in values:
        total = (total * 1000003 + value) % 2**64
    return total
