"""The questions of the lesson "In production". The engine works out each right answer when it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ... import scenarios, trace
from ...engine import Machine, Mapping, Process
from ...engine.stores.words import arange
from ...units import PAGE_SIZE, format_size, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "in_production"

VALUES_A_PAGE = 40
"""Values of a store on one page, if each takes about 100 bytes."""


# Predictions ----------------------------------------------------------------------------------------------------------


def copied_by_a_snapshot(size: str = "256 MiB", percent: int = 10) -> Prediction:
    """A part of the values is overwritten, at random, while a child saves a snapshot: how much memory is copied?"""
    whole = parse_size(size)
    part, nearly_all = format_size(whole * percent // 100), format_size(_copied(size, percent))
    return Prediction(
        f"A store holds {size} of values of about 100 bytes each, {VALUES_A_PAGE} on a page. It forks a child that "
        f"saves a snapshot. Meanwhile clients overwrite {percent}% of the values, spread at random. How much memory is "
        "copied?",
        {
            "0 B": "The child only reads, but the store writes. Each first write to a page that both map copies it.",
            part: f"That is {percent}% of the memory, which would be right if the values lay side by side. They are "
            "spread, and a page is copied as soon as one of its values is written.",
            nearly_all: "Yes. Few pages are so lucky that none of their values is written, and one is enough "
            "to copy the page.",
            format_size(whole): "Nearly: that is all of it. A few pages had none of their values written.",
        },
        answer=lambda: format_size(_copied(size, percent)),
        lesson=LESSON,
    )


def readers_of_objects(objects: str = "100 MiB", workers: int = 8) -> Estimate:
    """Workers loop over Python objects that they share, and change nothing: how much is in use then?"""
    megabytes = parse_size(objects) / 2**20

    def explain(guess: float, answer: float) -> str:
        if guess <= 1.2 * megabytes:
            return (
                "That would be so if the workers only read. Python writes as it reads: each object has a count of "
                "its references, which goes up and down as the loop looks at it, and it lies on the object's page."
            )
        if guess < 0.9 * answer:
            return f"More: each of the {workers} workers has its own counts, so each copies every page of objects."
        if guess > 1.1 * answer:
            return f"Less: the parent has the pages once, and each of the {workers} workers copies them once."
        return f"Yes: the pages once for the parent, and copied once for each of the {workers} workers."

    return Estimate(
        f"A Python program holds {objects} of small objects in lists, and forks {workers} workers. Each worker loops "
        "over all of them and changes none. How much memory is in use then?",
        "MiB",
        answer=lambda: after_loops(objects, workers).in_use / 2**20,
        explain=explain,
        lesson=LESSON,
    )


def dashboard() -> Prediction:
    """A notebook with ten children: what does a display that adds up RSS show?"""
    machine = notebook_with_children()
    rss, pss = _sums(machine)
    return Prediction(
        "A notebook holds 1 GB (1,000,000,000 bytes) and starts ten processes with fork, which do nothing. What "
        "does a display show that adds up RSS?",
        {
            gigabytes(pss): "That is what is in use, and what PSS adds up to. RSS counts the pages of the notebook "
            "again in each child.",
            gigabytes(2 * pss): "That would be one copy. Nothing is copied, and RSS still counts the shared pages "
            "in each of the eleven processes.",
            gigabytes(rss): "Yes: eleven processes, each of which maps all of it.",
        },
        answer=lambda: gigabytes(_sums(notebook_with_children())[0]),
        lesson=LESSON,
    )


# At the end -----------------------------------------------------------------------------------------------------------


def check_yourself() -> Quiz:
    """Three questions at the end."""
    return Quiz(_data_loader(), _freed_cache(), _huge_pages())


def _data_loader() -> Question:
    return Question(
        "A training run loads 2 GiB of annotations as Python dictionaries and forks eight data-loader workers. Memory "
        "grows all through the first epoch, until the machine with 16 GiB kills. Nothing leaks. What helps?",
        {
            "more RAM for a second copy": "No: each worker ends up with its own copy of all it has looked at, so "
            "it takes nine times the data, and not twice.",
            "gc.freeze() before the fork": "No: that keeps the garbage collector from writing to the objects. The loop "
            "itself counts references, and it goes on doing so.",
            "the annotations in one array of bytes": "Yes: an array has one count for all its elements. Reading "
            "them writes nothing, and the pages stay shared.",
            "workers that write nothing": "No: they write nothing already. Python does it for them.",
        },
        answer=_what_helps,
        lesson=LESSON,
    )


def _freed_cache() -> Question:
    return Question(
        "A Python service empties most of its cache: nine of ten objects are freed, spread at random, with 40 on a "
        "page. Its allocator gives every page back to the kernel on which nothing is left. How much does RSS fall?",
        {
            "by nine tenths": "No: that is what was freed. Only a page on which nothing is left can be given back.",
            "hardly": "Yes: nearly each page still has one object or more on it. One is enough to keep the page.",
            "by about half": "No: it would need pages with very few objects, or objects that are freed side by side.",
        },
        answer=_fall_after_free,
        lesson=LESSON,
    )


def _huge_pages() -> Question:
    return Question(
        "A guide from 2015 says: switch 2 MiB pages off, for after a fork each write copies 2 MiB. Your servers run "
        "Linux 6. What is left of the reason?",
        {
            "all of it": "No: that was changed with Linux 5.8. A write splits the large mapping of whoever writes, and "
            "copies one small page.",
            "the mapping of the writer is split, and small pages are copied": "Yes. So much memory as in the guide is "
            "not copied any more. What the split costs in time is worth measuring.",
            "nothing: Linux has no 2 MiB pages for private memory now": "No: it has, and uses them where a program or "
            "the system asks for it. What has changed is the write after a fork.",
        },
        answer="the mapping of the writer is split, and small pages are copied",  # the model has no such pages
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def pages_of(values: int, percent: int, a_page: int = VALUES_A_PAGE, seed: int = 0) -> NDArray[np.int64]:
    """The pages that are touched if so many per cent of `values` are, at random; the same for the same seed."""
    chosen = np.random.default_rng(seed).choice(values, values * percent // 100, replace=False)
    return np.unique(chosen // a_page)


def snapshot(size: str) -> tuple[Mapping, Process]:
    """The memory of a store, and the child that saves it."""
    store = Machine(ram="16 GiB").spawn("store")
    heap = store.mmap(size, name="values")
    heap.write()
    return heap, store.fork("snapshot")


def copied_by_writes(a_page: float, part: float = 1, size: str = "256 MiB", seed: int = 0) -> float:
    """The part of a store that is copied by so many writes for each of its pages, at random into a part of them."""
    heap, _ = snapshot(size)
    written = np.random.default_rng(seed).integers(round(heap.pages * part), size=round(heap.pages * a_page))
    return heap.write(pages=written).copied / heap.pages


def _copied(size: str, percent: int) -> int:
    """Bytes that are copied as so many per cent of the values are overwritten during a snapshot."""
    heap, _ = snapshot(size)
    return heap.write(pages=pages_of(heap.pages * VALUES_A_PAGE, percent)).copied * PAGE_SIZE


def after_loops(objects: str, workers: int) -> Machine:
    """A machine on which each worker has looped over the parent's Python objects: it wrote the count in each."""
    machine = Machine(ram="64 GiB")
    parent = machine.spawn("parent")
    parent.mmap(objects, name="objects").write()
    for _ in range(workers):
        parent.fork()["objects"].write()
    return machine


def in_use(machine: Machine) -> int:
    """`machine.in_use`, as lessons of 0.1 ask for it."""
    return machine.in_use


def notebook_with_children(size: int = 10**9, children: int = 10) -> Machine:
    """A notebook that holds so many bytes, and children that do nothing."""
    machine = Machine(ram="16 GiB")
    notebook = machine.spawn("notebook")
    notebook.mmap(-(-size // PAGE_SIZE) * PAGE_SIZE, name="data").write()
    for _ in range(children):
        notebook.fork()
    return machine


def gigabytes(size: int) -> str:
    """As the displays in question have it: 10**9 bytes."""
    return f"{size / 1e9:.2f} GB"


def _sums(machine: Machine) -> tuple[int, int]:
    """RSS and PSS, added up over all processes."""
    return sum(p.rss for p in machine.processes), sum(p.pss for p in machine.processes)


def _what_helps() -> str:
    """The choice with which nobody is killed."""
    written = {
        "gc.freeze() before the fork": 100,
        "the annotations in one array of bytes": 0,
        "workers that write nothing": 100,
    }
    killed = {choice: kills("16 GiB", percent) for choice, percent in written.items()}
    killed["more RAM for a second copy"] = kills("18 GiB", 100)
    (right,) = [choice for choice, count in killed.items() if not count]
    return right


def kills(ram: str, percent: int) -> int:
    """How many of eight data-loader workers are killed, each of which writes this part of 2 GiB."""
    made = scenarios.batch_explosion(data="2 GiB", workers=8, written_percent=percent, ram=ram, in_rounds=True)
    machine = trace.machine_after(made)
    return sum(event.kind == "oom_kill" for event in machine.log)


def given_back(percent_freed: int, a_page: int = VALUES_A_PAGE, pages: int = 25_600) -> float:
    """The part of RSS that falls as objects are freed at random, and every page is given back that has none left."""
    heap = Machine().spawn("service").mmap(pages * PAGE_SIZE, name="heap")
    heap.write()
    before = heap.rss
    kept = pages_of(pages * a_page, 100 - percent_freed, a_page)
    heap.dontneed(pages=np.setdiff1d(arange(pages), kept))
    return 1 - heap.rss / before


def _fall_after_free() -> str:
    part = given_back(90)
    return "hardly" if part < 0.1 else "by about half" if part < 0.7 else "by nine tenths"
