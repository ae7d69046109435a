"""The questions of the lesson "The first write copies". The engine works out each right answer when it is asked for."""

from __future__ import annotations

from ... import scenarios, trace
from ...engine import Machine, Mapping
from ...units import PAGE_SIZE, format_size, pages_in
from .. import Prediction, Question, Quiz

LESSON = "first_write_copy"

PART = 10
"""The snapshot's database writes one page in so many."""


def frames_taken(size: str = "128 KiB", read_percent: int = 50, written_percent: int = 25) -> Prediction:
    """A process reads a part of its memory, then writes a smaller one: how much is in memory?"""
    pages = pages_in(size)
    read, written = (pages * percent // 100 for percent in (read_percent, written_percent))
    mapped, both, touched, stored = (format_size(n * PAGE_SIZE) for n in (pages, read + written, read, written))
    return Prediction(
        f"A process maps {mapped}: {pages} pages. It reads the first {read}, then writes the first {written}. How "
        "much memory does it hold then?",
        {
            mapped: "That is what is mapped (VSZ). A mapping is a promise: no frame is taken for a page that was "
            "never touched.",
            both: "That counts a frame for each touch. But a read takes none, and a page has at most one frame "
            "of its own, however often it is touched.",
            touched: "That counts every page that was touched. But a page that was only read needs no frame of its "
            "own: it holds zeros, and one page of zeros, the zero page, serves all who read.",
            stored: "Yes. Only a page's first write takes a frame. Reads are answered by the zero page.",
        },
        answer=lambda: _in_memory(size, read_percent, written_percent),
        lesson=LESSON,
    )


def two_writes() -> Prediction:
    """The child writes a shared page, then the parent does: how many copies?"""
    return Prediction(
        "A parent and its child share a page. The child writes it, and then the parent writes it. How many copies "
        "are made, and for whom?",
        {
            "two, one for each": "That is the belief that a page which was once shared is copied at every later "
            "write. When the parent writes, nobody else maps the old frame any more: it may write in place.",
            "one, for the child": "Yes. The child wrote while two mapped the frame. When the parent writes, it is the "
            "last owner, and reuses the frame.",
            "one, for the parent": "That would be so if the parent wrote first. The copy goes to whoever writes while "
            "others still map the frame, and that was the child.",
            "none": "Then parent and child would see what the other wrote. Their memories have to stay apart, so "
            "one of the two writes must copy.",
        },
        answer=_copies_of_two_writes,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Questions at the end."""
    return Quiz(_parent_writes_first(), _snapshot(), _after_the_snapshot(), _calloc(), _ten_thousand_faults())


def _snapshot() -> Question:
    return Question(
        "A database forks a child that saves a snapshot. The child only reads. Meanwhile the database writes one page "
        f"in {PART}, and each of these three times. How many copies are made?",
        {
            "none": "No: the child must not see what the database writes now, or its snapshot would be a mixture.",
            f"one for each page in {PART}": "Yes: the first write to a page copies it. After that the database has a "
            "frame of its own, and writes without a fault.",
            f"three for each page in {PART}": "No: after the first write the page has a frame that the database "
            "shares with nobody. The second and third write go there, and do not even fault.",
            "one for every page": "No: pages that nobody writes stay shared. The child reads all of them, and a read "
            "copies nothing.",
        },
        answer=_copies_in_snapshot,
        lesson=LESSON,
    )


def _after_the_snapshot() -> Question:
    return Question(
        "The child of the last question ends. Now the database writes every one of its pages once. What does that "
        "cost?",
        {
            "nothing": "Not quite. The entries are still read-only, as the fork left them: nobody went through them "
            "when the child ended. Each such page faults once more, and the fault finds that nobody else is there.",
            "a fault for most pages, and no copy": "Yes: a page that was not written since the fork still has a "
            "read-only entry, so it faults. It has one owner, so it is reused. The pages written during "
            "the snapshot do not fault at all.",
            "a copy of every page": "No: nobody else maps these frames any more. The last owner writes in place.",
        },
        answer=_cost_after_snapshot,
        lesson=LESSON,
    )


def _calloc() -> Question:
    size = "1 GiB"
    return Question(
        f"A program takes {size} of memory that it knows to be zero, and adds up all of its numbers. It writes none. "
        "How much of it is in memory then?",
        {
            format_size(2**30): "No: a read of memory that was never written is answered by the zero page, one frame "
            "for all of them.",
            format_size(PAGE_SIZE): "Close: the zero page is one frame. But it belongs to the kernel, exists once for "
            "the whole machine, and counts in nobody's RSS.",
            "0 B": "Yes: each page faults once and then maps the zero page, which counts in nobody's RSS.",
        },
        answer=_read_of_zeros,
        lesson=LESSON,
    )


def _parent_writes_first() -> Question:
    return Question(
        "A parent and its child share a page. The parent writes it, before the child does anything. Who has a new "
        "frame afterwards, and who has the old one?",
        {
            "the child has the new one, the parent the old one": "No: this is how many books draw it. But the kernel "
            "copies for whoever writes, and that is the parent. The child goes on with the old frame, and never "
            "faults.",
            "the parent has the new one, the child the old one": "Yes: the copy is made for whoever writes. For the "
            "child nothing has changed.",
            "both have new ones": "No: one copy is enough to keep the two apart, and the old frame stays with the "
            "child.",
        },
        answer=_who_has_the_new_frame,
        lesson=LESSON,
    )


def _ten_thousand_faults() -> Question:
    return Question(
        "A program has run to its end. The system reports of it: minor page faults 10,000, major page faults 0. What "
        "happened 10,000 times?",
        {
            "an access went wrong": "No: a page fault is no error. It is how the kernel hears that a page is needed. "
            "Only where nothing is mapped, or the access is forbidden, does it end in a signal.",
            "a page was read from disk": "No: a fault that waits for a disk is a major one, and there was none.",
            "the kernel filled in, copied or reused a page": "Yes: first touches and first writes after a fork are "
            "minor faults. They belong to every program that runs, and take a microsecond or a few each.",
        },
        answer=_kind_of_faults,
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def _in_memory(size: str, read_percent: int, written_percent: int) -> str:
    made = scenarios.first_write(size=size, read_percent=read_percent, written_percent=written_percent)
    return format_size(trace.run(trace.machine_of(made), made["ops"])["process"].rss)


def forked(size: str) -> tuple[Mapping, Mapping]:
    """The heap of a parent that has written all of it, and that of its child."""
    heap = Machine().spawn("parent").mmap(size, name="heap")
    heap.write()
    return heap, heap.process.fork("child")["heap"]


def _copies_of_two_writes() -> str:
    parents, childs = forked("4 KiB")
    copies = childs.write(0).copied, parents.write(0).copied
    return {(1, 1): "two, one for each", (1, 0): "one, for the child", (0, 1): "one, for the parent"}.get(
        copies, "none"
    )


def _during_snapshot() -> tuple[Mapping, Mapping, int]:
    """The database's heap, the child's, and how many copies the database's writes took."""
    database, childs = forked("64 MiB")
    childs.read()
    copied = sum(database.write(0, database.pages // PART).copied for _ in range(3))
    return database, childs, copied


def _copies_in_snapshot() -> str:
    database, _, copied = _during_snapshot()
    tenth = database.pages // PART
    answers = {0: "none", tenth: f"one for each page in {PART}", 3 * tenth: f"three for each page in {PART}"}
    return answers.get(copied, "one for every page")


def _cost_after_snapshot() -> str:
    database, childs, _ = _during_snapshot()
    childs.process.exit()
    cost = database.write()
    if cost.copied:
        return "a copy of every page"
    return "a fault for most pages, and no copy" if cost.minor > database.pages // 2 else "nothing"


def _read_of_zeros() -> str:
    heap = Machine().spawn("program").mmap("1 GiB", name="heap")
    heap.read()
    return format_size(heap.rss)


def _who_has_the_new_frame() -> str:
    parents, childs = forked("4 KiB")
    new = "the parent" if parents.write(0).copied else "the child"
    assert childs.process.minor_faults == 0
    return f"{new} has the new one, {'the child' if new == 'the parent' else 'the parent'} the old one"


def _kind_of_faults() -> str:
    """A program that fills pages, forks, writes some again, and waits for its child."""
    program = Machine().spawn("program")
    heap = program.mmap(8000 * PAGE_SIZE, name="heap")
    heap.write()
    child = program.fork("child")
    heap.write(0, 1000)
    child.exit()
    heap.write(1000, 2000)
    assert program.alive and program.minor_faults == 10_000
    return "a page was read from disk" if program.major_faults else "the kernel filled in, copied or reused a page"
