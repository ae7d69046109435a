"""The questions of the lesson "What is promised". The engine works out each right answer when it is asked for."""

from __future__ import annotations

from typing import Any

from ...engine import Machine, OutOfMemory, Process, ProcessKilled
from ...units import format_size, pages_in, parse_size
from .. import Estimate, Prediction, Question, Quiz

LESSON = "overcommit"

MODES = {0: "mode 0, heuristic", 1: "mode 1, always", 2: "mode 2, never"}


def requests_beyond_ram(request: str = "12 GiB", requests: int = 5, ram: str = "16 GiB") -> Prediction:
    """A process asks for more than there is, in requests that would fit by themselves: which is refused?"""
    first_too_many = parse_size(ram) // parse_size(request) + 1
    return Prediction(
        f"A machine has {ram} and no swap, in mode 0. A process asks for {request}, {requests} times, and writes "
        "nothing. Which of its requests is the first to be refused?",
        {
            "request 1": f"{request} is less than {ram}: why should it be refused?",
            f"request {first_too_many}": f"That is where the sum is more than {ram}. But mode 0 does not add up. It "
            "looks at one request, and each of them would fit.",
            "none": "Yes: in mode 0 a request is refused only if it exceeds RAM and swap by itself. What was promised "
            "before does not count, and what is in use does not either.",
            "none, but the process is killed": "The killer comes when a page is written and no frame can be had. "
            "Nobody has written.",
        },
        answer=lambda: _first_refusal(request, requests, ram),
        lesson=LESSON,
    )


def granted_in_mode_2(request: str = "1 GiB", requests: int = 20, ram: str = "16 GiB") -> Estimate:
    """How many of the requests are granted if promises are limited?"""
    fit_ram, fit_limit = parse_size(ram) // parse_size(request), parse_size(ram) // 2 // parse_size(request)

    def explain(guess: float, answer: float) -> str:
        if guess == answer:
            return "Yes: the sum must stay below the limit, which is half of RAM here, and a little is kept back."
        if guess >= requests:
            return "That is so in modes 0 and 1. Mode 2 adds up what is promised, and refuses what would be too much."
        if guess == fit_ram:
            return f"That is as many as fit into {ram}. But the limit is not RAM: it is half of it, plus swap."
        if guess == fit_limit:
            return "Nearly. The sum must stay below the limit, and not reach it. A little is kept back as well."
        return f"The limit is half of RAM, plus swap: {format_size(parse_size(ram) // 2)} here. Add up the requests."

    return Estimate(
        f"The same machine ({ram}, no swap) in mode 2, with its usual settings. A process asks for {request}, "
        f"{requests} times, and writes nothing. How many of its requests are granted?",
        "requests",
        answer=lambda: granted(fresh_process(2, ram), request, requests),
        explain=explain,
        within=0.001,
        lesson=LESSON,
    )


def check_yourself() -> Quiz:
    """Questions at the end."""
    return Quiz(_snapshot(), _two_lines(), _which_mode(), _fork_in_mode_2(), _promises_in_a_container())


def _snapshot() -> Question:
    return Question(
        "A database holds 10 GiB in one mapping, on 16 GiB of RAM without swap, in mode 0. It forks a child to save a "
        "snapshot. An old page on the web says that mode 0 refuses this, for not enough is free. What happens?",
        {
            "the fork is refused": "No: so it was with an old rule, which looked at what is free. Today mode 0 "
            "compares each mapping with RAM and swap, and 10 GiB are less.",
            "the fork is granted": "Yes: the request is for 10 GiB, which is less than RAM. What is free does not "
            "count, and what is promised already does not either.",
            "the database is killed": "No: a fork takes page tables only. The danger comes later, if much is written "
            "before the child is done.",
        },
        answer=_fate_of_snapshot,
        lesson=LESSON,
    )


def _two_lines() -> Question:
    return Question(
        "On a machine in mode 0, Committed_AS is 40 GiB and CommitLimit is 8 GiB. What does that tell you?",
        {
            "the next request will be refused": "No: CommitLimit is shown in every mode, and limits in mode 2 alone.",
            "memory is nearly gone": "No: Committed_AS says what was promised. What is left says MemAvailable, another "
            "line of that file.",
            "more was promised than mode 2 would allow, and nothing else": "Yes: that is overcommit, and by itself it "
            "is neither an error nor a danger. Look at MemAvailable for what is left.",
        },
        answer=_meaning_of_two_lines,
        lesson=LESSON,
    )


def _which_mode() -> Question:
    return Question(
        "A control system runs programs that write all that they ask for. Each of them copes with a refused request: "
        "it goes on with less. None of them copes with being killed. In which mode does nobody die?",
        {
            MODES[
                0
            ]: "No: each request is small and is granted. The machine runs out at a write, and then somebody dies.",
            MODES[1]: "No: nothing is refused, so the machine runs out at a write, and then somebody dies.",
            MODES[2]: "Yes: promises end before memory does, and a refusal comes where the program can deal with it.",
        },
        answer=_mode_without_kills,
        lesson=LESSON,
    )


def _fork_in_mode_2() -> Question:
    return Question(
        "A machine has 16 GiB, no swap, and mode 2 with its usual settings. One process holds 6 GiB, and nearly 10 "
        "GiB are free. It forks. What happens?",
        {
            "the fork is granted: no page is copied": "No: no page is copied, that is so. But the child may write all "
            "of its pages, so the kernel promises 6 GiB more. In mode 2 all promises together have a limit, and it is "
            "below 12 GiB.",
            "the fork is granted, and the child is killed when it writes": "No: that is mode 0 or 1. In mode 2 the "
            "promise itself is refused.",
            "the fork is refused, with memory free": "Yes: a fork promises the parent's memory a second time, and "
            "what is free is not asked.",
        },
        answer=_fate_of_fork_in_mode_2,
        lesson=LESSON,
    )


def _promises_in_a_container() -> Question:
    return Question(
        "A container has a limit (memory.max) of 1 GiB. A process in it maps 10 GiB, and writes 100 MiB of that. By "
        "how much does Committed_AS of the host grow?",
        {
            "100 MiB": "No: that is what is charged to the container. Committed_AS counts what was promised.",
            "1 GiB": "No: the limit holds for pages that are touched. It says nothing about promises, and "
            "Committed_AS knows no containers.",
            "10 GiB": "Yes: all that was promised. A limit does not protect the host's account of promises.",
        },
        answer=_promised_in_a_container,
        lesson=LESSON,
    )


# What the engine says -------------------------------------------------------------------------------------------------


def granted(process: Process, request: str, requests: int) -> int:
    """How many of so many requests are granted."""
    count = 0
    for _ in range(requests):
        try:
            process.mmap(request)
        except OutOfMemory:
            continue
        count += 1
    return count


def fresh_process(mode: int = 0, ram: str = "16 GiB", **settings: Any) -> Process:
    """A fresh process, alone on a machine in that mode."""
    return Machine(ram=ram, overcommit=mode, **settings).spawn("process")


def _first_refusal(request: str, requests: int, ram: str) -> str:
    process = fresh_process(ram=ram)
    for number in range(1, requests + 1):
        try:
            process.mmap(request)
        except OutOfMemory:
            return f"request {number}"
    return "none" if process.alive else "none, but the process is killed"


def _fate_of_snapshot() -> str:
    database = fresh_process()
    database.mmap("10 GiB", name="cache").write()
    try:
        database.fork("snapshot")
    except OutOfMemory:
        return "the fork is refused"
    return "the fork is granted" if database.alive else "the database is killed"


def _meaning_of_two_lines() -> str:
    """A machine that shows these two, asked for more, and asked what is left."""
    process = fresh_process()
    for _ in range(4):
        process.mmap("10 GiB").write(0, 1000)
    meminfo = process.machine.meminfo()
    assert (meminfo["Committed_AS"] >> 20, meminfo["CommitLimit"] >> 20) == (40, 8)
    if not granted(process, "1 GiB", 1):
        return "the next request will be refused"
    nearly_gone = meminfo["MemAvailable"] < meminfo["MemTotal"] // 10
    return "memory is nearly gone" if nearly_gone else "more was promised than mode 2 would allow, and nothing else"


def _mode_without_kills() -> str:
    (mode,) = [mode for mode in MODES if not _kills(mode)]
    return MODES[mode]


def _kills(mode: int) -> bool:
    """Is anybody killed where 20 programs each ask for 1 GiB, and write it if it is granted?"""
    machine = Machine(ram="16 GiB", overcommit=mode)
    for number in range(20):
        program = machine.spawn(f"program {number}")
        if granted(program, "1 GiB", 1):
            try:
                program["mapping 1"].write()
            except ProcessKilled:
                return True
    return bool(machine.oom_reports)


def _fate_of_fork_in_mode_2() -> str:
    process = fresh_process(2)
    process.mmap("6 GiB", name="heap").write()
    try:
        child = process.fork("child")
    except OutOfMemory:
        return "the fork is refused, with memory free"
    try:
        child["heap"].write()
    except ProcessKilled:
        return "the fork is granted, and the child is killed when it writes"
    return "the fork is granted: no page is copied"


def _promised_in_a_container() -> str:
    machine = Machine(ram="16 GiB")
    before = machine.meminfo()["Committed_AS"]
    process = machine.spawn("process", machine.cgroup("/container", max="1 GiB"))
    process.mmap("10 GiB").write(0, pages_in("100 MiB"))
    return format_size((machine.meminfo()["Committed_AS"] - before) * 1024)
