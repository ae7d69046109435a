"""The questions of the lesson "When workers over shared data explode". The engine works out each right answer."""

from __future__ import annotations

from ... import scenarios, trace
from ...engine import Machine
from ...scenarios.operations import filled
from ...units import format_size, pages_in, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "batch_fork_explosion"

KILLED = "workers are killed when they write"


def after_the_forks(data: str = "2 GiB", workers: int = 100, ram: str = "64 GiB") -> Prediction:
    """What is promised, and what is in memory, once all workers are there and none has written?"""
    one, everything = format_size(parse_size(data)), format_size((workers + 1) * parse_size(data))
    return Prediction(
        f"A loader fills {data} and forks {workers} workers, on a machine with {ram}. Nobody has written yet. How much "
        "has the kernel promised (Committed_AS), and how much data is in memory?",
        {
            f"{one} promised, {one} in memory": "Nothing was copied, that is so. But each worker may write all of its "
            "data, so the kernel promises all of it again at each fork.",
            f"{everything} promised, {one} in memory": "Yes: each fork promises the data again, and takes page tables "
            "alone. The promise falls due when the workers write.",
            f"{everything} promised, {everything} in memory": "That would be a copy for each worker, at the fork. "
            "Copies are made at the writes, and nobody has written.",
            "a fork is refused": "More is promised in all than there is. But in mode 0 the kernel looks at one request "
            f"alone, and {one} would fit.",
        },
        answer=lambda: _said_after_the_forks(data, workers, ram),
        lesson=LESSON,
    )


def part_that_fails(data: str = "2 GiB", workers: int = 100, ram: str = "64 GiB") -> Estimate:
    """How much may each worker write, until the first of them is killed?"""
    each = format_size(parse_size(data) * workers // 100)
    rule = (
        f"The data is there once, {data}. Each per cent that all {workers} workers write takes {each} more, and {ram} "
        "are there."
    )

    def explain(guess: float, answer: float) -> str:
        if guess == answer:
            return f"Yes. {rule}"
        if abs(guess - answer) <= 0.1 * answer:
            return f"Nearly: it is {answer:.0f} %. {rule}"
        if guess > 90:
            return f"That is when they write all of it, and long before that memory is gone. {rule}"
        if guess > answer:
            return f"Too late: at your part memory is gone already. {rule}"
        return f"They may write more than that. {rule}"

    return Estimate(
        f"{workers} workers share {data} on a machine with {ram}, without swap. Each writes the same part of the data. "
        "At which part is the first of them killed? (A whole number of per cent.)",
        "%",
        answer=lambda: _first_kill(data=data, workers=workers, ram=ram),
        explain=explain,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Questions at the end."""
    return Quiz(_model_server(), _what_a_kill_frees(), _what_prevents_it(), _time_of_a_fork())


def _model_server() -> Question:
    return Question(
        "A server loads a model of 3 GiB and forks 16 workers. Each of them comes to write a twentieth of it. The "
        "machine has 8 GiB and no swap, in mode 0. What happens?",
        {
            "all of it fits": "Yes: the model once, and for each worker a twentieth of it. That is less than 6 GiB, "
            "though 51 GiB are promised.",
            "a fork is refused": "No: 51 GiB are promised in all, but mode 0 looks at one request alone, and that is "
            "3 GiB.",
            KILLED: "No: add it up. The model is there once, and each worker copies a twentieth of it. Not the whole "
            "promise falls due.",
        },
        answer=_fate_of_model_server,
        lesson=LESSON,
    )


def _what_a_kill_frees() -> Question:
    return Question(
        "In the batch of this lesson, worker 31 needs memory, and the OOM killer takes worker 100, which has written "
        "nothing yet. Its RSS is 2 GiB. How much does this kill free?",
        {
            "its RSS": "No: all its pages are mapped by others as well, and stay. That is why the killer has to come "
            "again so often.",
            "its PSS": "No: PSS is its share of pages that others map too. When it dies these pages stay, and the "
            "others' shares grow.",
            "its page tables": "Yes: a few MiB. The killer counts shared pages in full (RSS), so it believes that it "
            "gets far more.",
        },
        answer=_freed_by_the_first_kill,
        lesson=LESSON,
    )


def _what_prevents_it() -> Question:
    return Question(
        "100 workers share 2 GiB on 64 GiB. Each first brings all of the data into another form, in place, and from "
        "then on only reads. Most of them are killed. Which change prevents it?",
        {
            "swap of 8 GiB": "No: 202 GiB are needed. Swap of that size moves the end by four workers.",
            "overcommit mode 1": "No: the mode decides which promises are refused, and here none was. It makes no "
            "memory for what is written.",
            "each worker loads the data itself": "No: then it is there a hundred times from the start, and nothing is "
            "shared at all.",
            "the loader changes the form, before it forks": "Yes: it is done once, and afterwards everybody only "
            "reads. What is written before the fork is shared by all.",
        },
        answer=_change_that_prevents_it,
        lesson=LESSON,
    )


def _time_of_a_fork() -> Question:
    return Question(
        "A small process forks in no time that anybody would notice. Then it loads 64 GiB, and forks again. Nobody "
        "writes. How long does this fork take?",
        {
            "as long as before": "No: that is the belief that a fork is instant at any size. It copies no page, but an "
            "entry of the page tables for each page that is in memory, and there are millions of them.",
            "thousands of times as long": "Yes: an entry is copied for each page in memory. The process stands still "
            "for that time, which is why a fork is felt in large databases.",
            "as long as it takes to copy 64 GiB": "No: entries are copied, and not pages. An entry is 8 bytes, a page "
            "4,096.",
        },
        answer=_how_long_a_fork_takes,
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def killed(machine: Machine) -> list[str]:
    """Whom the OOM killer killed, in order."""
    return [task.name for report in machine.oom_reports for task in report.killed]


def batch(overcommit: int = 0, **values: object) -> Machine:
    """The machine at the end of `scenarios.batch_explosion` with these values."""
    made = scenarios.batch_explosion(**values)  # type: ignore[arg-type]
    return trace.machine_after(made, overcommit=overcommit)


def _said_after_the_forks(data: str, workers: int, ram: str) -> str:
    machine = batch(data=data, workers=workers, ram=ram, written_percent=0)
    if any(event.kind == "refuse" for event in machine.log):
        return "a fork is refused"
    meminfo = machine.meminfo()
    promised, data_there = (format_size(meminfo[name] * 1024) for name in ("Committed_AS", "AnonPages"))
    return f"{promised} promised, {data_there} in memory"


def _first_kill(**values: object) -> int:
    """The part, in per cent, at which the first worker is killed. Raises ValueError if none is, whatever they write."""
    part = scenarios.first_kill(scenarios.batch_explosion, "written_percent", **values)
    if part is None:
        raise ValueError(f"nobody is killed with {values}: ask with less RAM or more workers")
    return part


def _fate_of_model_server() -> str:
    machine = Machine(ram="8 GiB")
    trace.run_through(machine, scenarios.batch_explosion(data="3 GiB", workers=16, written_percent=5)["ops"])
    if killed(machine):
        return KILLED
    return "a fork is refused" if len(machine.processes) < 17 else "all of it fits"


def _freed_by_the_first_kill() -> str:
    """The batch up to the write that ends in kills; then the first victim is ended by itself."""
    machine = batch(ram="64 GiB", written_percent=0)
    for number in range(1, 31):
        machine[f"worker {number}"]["data"].write()
    victim = machine["worker 100"]
    figures = {"its RSS": victim.rss, "its PSS": victim.pss, "its page tables": victim.page_tables}
    before = machine.meminfo()["MemFree"]
    machine.kill(victim)
    freed = (machine.meminfo()["MemFree"] - before) * 1024
    return min(figures, key=lambda name: abs(figures[name] - freed))


def _change_that_prevents_it() -> str:
    """The one change after which nobody is killed."""
    alone = Machine(ram="64 GiB")
    ops = [op for number in range(100) for op in filled(f"worker {number}", "data", pages_in("2 GiB"))]
    trace.run_through(alone, ops)
    changed = {
        "swap of 8 GiB": batch(ram="64 GiB", swap="8 GiB"),
        "overcommit mode 1": batch(ram="64 GiB", overcommit=1),
        "each worker loads the data itself": alone,
        "the loader changes the form, before it forks": batch(ram="64 GiB", written_percent=0),
    }
    (harmless,) = [change for change, machine in changed.items() if not killed(machine)]
    return harmless


def _how_long_a_fork_takes() -> str:
    """By the machine's clock: a fork of 64 KiB, one of 64 GiB, and a copy of all 64 GiB."""
    small, large = _seconds_of_a_fork("64 KiB"), _seconds_of_a_fork("64 GiB")
    if large > _seconds_of_a_fork("64 GiB", copy_on_write=False) / 2:
        return "as long as it takes to copy 64 GiB"
    return "thousands of times as long" if large > 1000 * small else "as long as before"


def _seconds_of_a_fork(size: str, copy_on_write: bool = True) -> float:
    machine = Machine(ram="192 GiB", copy_on_write=copy_on_write)
    process = machine.spawn("process")
    process.mmap(size).write()
    before = machine.clock
    process.fork()
    return machine.clock - before
