"""The questions of the lesson "What a zygote saves". The engine works out each right answer when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ... import trace
from ...engine import Machine, Process, ProcessKilled
from ...scenarios.sharing import started
from ...units import PAGE_SIZE, format_size, pages_in, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "zygote_savings"

WRITTEN_PERCENT = 11
"""The part of the zygote's heap that each tab of the lesson writes."""

ROOMY = "256 GiB"
"""RAM of a machine that holds all that the questions are about."""


def tabs_that_fit(size: str = "300 MiB", ram: str = "4 GiB") -> Estimate:
    """How many tabs fit into RAM if they come from a zygote?"""
    whole, room = parse_size(size), parse_size(ram)
    scratch = room // whole

    def explain(guess: float, answer: float) -> str:
        own = format_size(whole * WRITTEN_PERCENT // 100)
        if guess < 2 * scratch:
            return (
                f"That is about as many as fit from scratch. But a tab from the zygote takes no {size}: it takes the "
                f"{own} that it writes, and page tables."
            )
        if guess > 2 * answer:
            return (
                f"Sharing is not free of charge: each tab writes {own}, and a page that it writes is its own. It "
                "has page tables of its own as well."
            )
        if guess < answer * 0.9:
            return f"More fit. Count the zygote once ({size}), and for each tab the {own} that it writes."
        if guess > answer * 1.1:
            return f"Nearly. The zygote itself takes {size}, and each tab has page tables beside its {own}."
        return f"Yes: the zygote once ({size}), and for each tab the {own} that it writes, and its page tables."

    return Estimate(
        f"A zygote holds {size} on a machine with {ram}. Each tab that it forks writes {WRITTEN_PERCENT}% of that. How "
        "many tabs fit before memory ends?",
        "tabs",
        lambda: tabs_until_a_kill(size, ram),
        explain,
        lesson=LESSON,
    )


def after_the_writes(size: str = "300 MiB", tabs: int = 50) -> Prediction:
    """What is in use once each tab has written its part?"""
    uses = (
        from_scratch(size, tabs).in_use,
        from_zygote(size, tabs, WRITTEN_PERCENT).in_use,
        from_zygote(size, tabs, 0).in_use,
    )
    scratch, written, fresh = map(format_size, uses)
    one = format_size(uses[2] + pages_in(size) * WRITTEN_PERCENT // 100 * PAGE_SIZE)
    return Prediction(
        f"A zygote of {size} forks {tabs} tabs. Each of them writes {WRITTEN_PERCENT}% of its pages. How much memory "
        "is in use then?",
        {
            scratch: f"That is what {tabs} tabs take that start from scratch. A write copies the page that is written, "
            "and no other: most pages stay shared.",
            written: "Yes: the zygote once, and for each tab the pages that it wrote, and its page tables.",
            one: "That is one set of copies for all tabs together. But each tab writes something of its own, so "
            "each gets its own copies.",
            fresh: "That is so right after the forks. Each write to a shared page takes a frame more.",
        },
        answer=lambda: format_size(from_zygote(size, tabs, WRITTEN_PERCENT).in_use),
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Three questions at the end."""
    return Quiz(_code_heavy(), _loaded_late(), _one_more())


def _code_heavy() -> Question:
    return Question(
        "The workers of a service hold 200 MiB each. Of that, 80% are code and libraries, mapped from files. The rest "
        "is heap, and a worker rewrites nearly all of it in its first minute. Twenty workers run. What does a zygote "
        "save?",
        {
            "most of the memory": "No: code that is mapped from files is shared without a zygote too, and the heap is "
            "copied as it is written. There is hardly a page left for the zygote to save.",
            "little memory, but time at the start": "Yes: the code is shared anyway and the heap is soon copied. But a "
            "worker does not have to load, relocate and fill anything before it can begin.",
            "neither memory nor time": "Not quite: a worker from the zygote begins with everything loaded. A fork "
            "takes much less time than a start from scratch.",
        },
        answer=_saving_of_code_heavy,
        lesson=LESSON,
    )


def _loaded_late() -> Question:
    return Question(
        "A zygote loads half of the data that each worker needs. Each of the fifty workers loads the other half "
        "itself, after the fork. Nobody writes to any of it later. How much of the memory is saved, against fifty "
        "workers from scratch?",
        {
            "about half": "Yes: what was loaded before the fork is there once. What was loaded after it is there "
            "once for each worker, though it is the same data.",
            "nearly all": "No: sharing comes from the fork, not from equal content. What the workers loaded afterwards "
            "lies in frames of their own. Load it in the zygote.",
            "nothing": "No: the half that the zygote loaded is never written, so it stays shared.",
        },
        answer=_saving_of_loaded_late,
        lesson=LESSON,
    )


def _one_more() -> Question:
    return Question(
        "Fifty tabs from one zygote are open, and each has written its part. One of them is closed. Which figure "
        "said beforehand how much memory becomes free, but for page tables?",
        {
            "its RSS": "No: RSS counts all that it maps, most of which the others map as well. That stays.",
            "its PSS": "No: PSS counts its share of the shared pages too. These stay, and the others' shares grow.",
            "its USS": "Yes: the pages that nobody else maps, here those that the tab has written.",
        },
        answer=_given_back,
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def from_scratch(size: str, tabs: int, code_percent: int = 0) -> Machine:
    """A machine on which each tab was started by itself: it loaded its program, and filled its heap."""
    machine = Machine(ram=ROOMY)
    for number in range(1, tabs + 1):
        trace.run(machine, started(f"tab {number}", *_heap_and_code(size, code_percent)))
    return machine


def from_zygote(size: str, tabs: int, written_percent: int, code_percent: int = 0) -> Machine:
    """A machine on which a zygote was started and forked each tab, which ran its code and wrote its part."""
    machine = Machine(ram=ROOMY)
    trace.run(machine, started("zygote", *_heap_and_code(size, code_percent)))
    for number in range(1, tabs + 1):
        use(machine["zygote"].fork(f"tab {number}"), written_percent)
    return machine


def start_times(written_percent: int, code_percent: int, size: str = "300 MiB") -> tuple[float, float]:
    """Milliseconds until a tab is ready: started from scratch, and from a zygote."""
    machine = from_zygote(size, 0, written_percent, code_percent)
    loaded = machine.clock
    use(machine["zygote"].fork(), written_percent)
    return loaded * 1000, (machine.clock - loaded) * 1000


def use(tab: Process, written_percent: int) -> None:
    """Run through the code, and write a part of the heap."""
    for mapping in tab.mappings.values():
        mapping.read()
    heap = tab["heap"]
    heap.write(0, -(-heap.pages * written_percent // 100))


def saved(scratch: Machine, zygote: Machine) -> float:
    """The part of the memory that the zygote saves."""
    return 1 - zygote.in_use / scratch.in_use


def tabs_until_a_kill(size: str = "300 MiB", ram: str = "4 GiB") -> int:
    """How many tabs a zygote forks, each writing its part, before the OOM killer comes."""
    machine = Machine(ram=ram)
    trace.run(machine, started("zygote", pages_in(size), 0))
    return _count(machine, lambda: use(machine["zygote"].fork(), WRITTEN_PERCENT))


def tabs_from_scratch_until_a_kill(size: str = "300 MiB", ram: str = "4 GiB") -> int:
    """How many tabs that start from scratch fit before the OOM killer comes."""
    machine = Machine(ram=ram)
    numbers = iter(range(1_000_000))
    return _count(machine, lambda: trace.run(machine, started(f"tab {next(numbers)}", pages_in(size), 0)))


def _count(machine: Machine, open_tab: Callable[[], object]) -> int:
    """How often a tab can be opened before somebody is killed."""
    tabs = 0
    while not machine.oom_reports:
        with suppress(ProcessKilled):  # the new tab may be the one that has to go
            open_tab()
        tabs += 1
    return tabs - 1  # the last one was too many


def _heap_and_code(size: str, code_percent: int) -> tuple[int, int]:
    """Pages of heap and of code."""
    code = -(-pages_in(size) * code_percent // 100)
    return pages_in(size) - code, code


def _saving_of_code_heavy() -> str:
    written, code = 95, 80
    part = saved(from_scratch("200 MiB", 20, code), from_zygote("200 MiB", 20, written, code))
    scratch, forked = start_times(written, code, "200 MiB")
    if part > 0.5:
        return "most of the memory"
    return "little memory, but time at the start" if forked < scratch / 2 else "neither memory nor time"


def _saving_of_loaded_late() -> str:
    machine = from_zygote("150 MiB", 50, 0)
    for process in machine.processes[1:]:
        process.mmap("150 MiB", name="loaded after the fork").write()
    part = saved(from_scratch("300 MiB", 50), machine)
    return "nothing" if part < 0.25 else "about half" if part < 0.75 else "nearly all"


def _given_back() -> str:
    machine = from_zygote("300 MiB", 50, WRITTEN_PERCENT)
    tab = machine["tab 50"]
    figures = {"its RSS": tab.rss, "its PSS": tab.pss, "its USS": tab.uss}
    before = machine.meminfo()["AnonPages"]
    tab.exit()
    freed = (before - machine.meminfo()["AnonPages"]) * 1024
    return min(figures, key=lambda name: abs(figures[name] - freed))
