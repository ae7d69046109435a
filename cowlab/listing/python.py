"""A trace as a Python program that builds the same machine with cowlab's own calls."""

from __future__ import annotations

import builtins
import errno
import keyword
import operator
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from .. import engine, trace
from ..units import PAGE_SIZE
from .steps import Counted, Loop, Names, Step, made_by, quoted, run, with_loops

WIDTH = 100
HEAD = "# The operations of a trace, as calls of cowlab. At the end `m` is the machine that a run of it leaves."


def as_python(x: trace.Trace) -> str:
    """A program that leaves a machine `m` equal (`Machine.state`) to the one on which the trace `x` was run through.

    What fails in the run, fails in the program, which then goes on; what a run leaves out (operations of processes that
    are dead) stands there as a comment. Raises ValueError if the trace is malformed.
    """
    checked = trace.validate(x)
    machine = trace.machine_of(checked)
    program = _Program()
    for part in with_loops(run(machine, checked["ops"])):
        program.add(part)
    settings = ", ".join(f"{name}={_literal(name, value)}" for name, value in checked["machine"].items())
    imports = ["from contextlib import suppress", ""] if program.suppresses else []
    imports += ["import cowlab", ""]
    return "\n".join([HEAD, "", *imports, f"m = cowlab.Machine({settings})", *program.lines]) + "\n"


class _Program:
    """The lines of a program, and the variables that its processes are in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.suppresses = False  # does any call fail?
        self.names = Names([*keyword.kwlist, *dir(builtins), "m", "n", "cowlab", "suppress"])
        self.variables: dict[tuple[str, str], str] = {}  # by what they hold, and a process's name or its prefix
        self.places: dict[str, tuple[str, int]] = {}  # processes that are in lists: the list, the index
        self.lists: dict[str, int] = {}  # the lengths

    def add(self, part: Step | Loop) -> None:
        """Write a step, or a loop; one whose processes are not together in a list, step by step."""
        if isinstance(part, Step):
            self.step(part)
        elif not self.loop(part):
            for step in part.steps:
                self.step(step)

    def step(self, step: Step) -> None:
        """Write one call, with a comment on what happens in it."""
        if step.left_out:
            self.lines.append(f"# {step.left_out}: such operations are left out.")
            return
        self.lines += [f"m.cgroup({quoted(path)})" for path in step.groups]
        if step.killed:
            self.lines.append(f"# In the next call the OOM killer kills {', '.join(map(quoted, step.killed))}.")
        lines = self.statement(step.op)
        if step.error:
            self.suppresses = True
            lines = [f"with suppress(cowlab.{type(step.error).__name__}):  # {_outcome(step.error)}", *_indented(lines)]
        self.lines += lines

    def statement(self, op: trace.Op, each: str = "", base: int | None = None) -> list[str]:
        """The call of one operation; the process that it makes goes into a variable.

        In the body of a loop, `each` is the variable of the loop's process, and `n` counts from `base`.
        """
        acts = "pid" in op and op["op"] != "spawn"
        call = _call(op, self.process(op["pid"], each) if acts else "", base)
        made = made_by(op)
        if made is not None:
            call[0] = f"{each if isinstance(made, Counted) else self.own_variable(made)} = {call[0]}"
        return call if op.get("passes", 1) == 1 else [f"for _ in range({op['passes']}):", *_indented(call)]

    def process(self, pid: str | Counted, each: str) -> str:
        """The expression for a living process."""
        if isinstance(pid, Counted):
            return each
        made, index = self.places.get(pid, ("", 0))
        return f"{made}[{index}]" if made else self.variable("process", pid)

    def own_variable(self, pid: str) -> str:
        """The variable that a process is put into by itself, whatever list one of its name was in."""
        self.places.pop(pid, None)
        return self.variable("process", pid)

    def variable(self, use: str, name: str) -> str:
        if (use, name) not in self.variables:
            self.variables[use, name] = self.names.new(name)
        return self.variables[use, name]

    # Loops

    def loop(self, loop: Loop) -> bool:
        """Write a loop, if its processes are all in one list, or all go into one. Was it written?"""
        counted = {op[field] for op in loop.body for field in ("pid", "child") if isinstance(op.get(field), Counted)}
        made = [op for op in loop.body if isinstance(made_by(op), Counted)]
        if len(counted) > 1 or (made and made != loop.body[:1]):
            return False
        name: Counted | None = next(iter(counted), None)
        processes = self.part_of_list(name, loop.rounds) if name and not made else ""
        if processes is None:
            return False
        base = _base(loop.body)
        each = self.variable("each", name.prefix or "process") if name else ""
        body = [line for op in loop.body for line in self.statement(op, each, base)]
        if name and made:
            self.make_list(name, loop.rounds, f"for n in range({base}, {name.first + loop.rounds})", body, each)
        else:
            self.lines += [f"{_header(processes, each, base, loop.rounds)}:", *_indented(body)]
        return True

    def make_list(self, name: Counted, rounds: int, header: str, body: list[str], each: str) -> None:
        """Write a loop that makes processes, and keep them in a list."""
        made = self.names.new(_plural(each))
        if len(body) == 1:
            self.lines.append(f"{made} = [{body[0].partition(' = ')[2]} {header}]")
        else:
            self.lines += [f"{made} = []", f"{header}:", *_indented([*body, f"{made}.append({each})"])]
        self.lists[made] = rounds
        self.places |= {name.at(index): (made, index) for index in range(rounds)}

    def part_of_list(self, name: Counted, rounds: int) -> str | None:
        """The expression for the processes of all rounds; None if they are not next to each other in one list."""
        made, first = self.places.get(name.at(0), ("", 0))
        if not made or any(self.places.get(name.at(n)) != (made, first + n) for n in range(rounds)):
            return None
        return made if rounds == self.lists[made] else f"{made}[{first}:{first + rounds}]"


def _header(processes: str, each: str, base: int | None, rounds: int) -> str:
    if processes:
        return f"for {each} in {processes}" if base is None else f"for n, {each} in enumerate({processes}, {base})"
    return f"for _ in range({rounds})" if base is None else f"for n in range({base}, {base + rounds})"


def _base(body: Sequence[trace.Op]) -> int | None:
    """Where a loop's `n` begins: at the number of the first name, else of the first value; None if it needs no `n`."""
    counted = [
        value
        for op in body
        for field, value in op.items()
        if isinstance(value, Counted) and (field != "pid" or op["op"] == "spawn")
    ]
    return min(counted, key=lambda each: each.prefix is None).first if counted else None


# Calls ----------------------------------------------------------------------------------------------------------

_LIMITS = " ".join(engine.cgroup.LIMITS)
_CALLS = {
    # operation: what is called, the fields that are its arguments, those that are keywords (keyword=field)
    "spawn": ("m.spawn", "pid", "cgroup=group oom_score_adj"),
    "fork": ("{process}.fork", "child", "cgroup=group"),
    "mmap": ("{process}.mmap", "pages", "name=region kind prot populate file"),
    "load": ("{process}.load", "bytes", "relocated"),
    "exit": ("{process}.exit", "", ""),
    "kill": ("m.kill", "process", ""),
    "protect": ("{process}[{region}].protect", "prot start stop", "pages"),
    "file": ("m.file", "file", "cached"),
    "group": ("m.cgroup", "path", f"{_LIMITS} oom_group"),
    "limit": ("m.cgroups[{path}].set_limits", "", _LIMITS),
    "remove": ("m.cgroups[{path}].remove", "", ""),
    "attach": ("m.cgroups[{group}].attach", "process", ""),
    "move": ("m.cgroups[{group}].attach", "process", ""),
    "advance": ("m.advance", "seconds", ""),
}
_ACCESS = ("{{process}}[{{region}}].{}", "start stop", "pages value")
_SIZES = ("ram", "swap", "min_free", "bytes", "relocated", *engine.cgroup.LIMITS)
_USUAL = {"kind": "private", "prot": "rw", "populate": False}  # what mmap does without being told


def _call(op: trace.Op, process: str, base: int | None) -> list[str]:
    """The lines of one call of `process` (an expression); of a `loop` those of one pass."""
    op = trace.steps(op)[0]
    text = {field: _literal(field, value, base) for field, value in op.items() if field != "pages"}
    text |= {"process": process} if process else {}
    if op["op"] == "oom_score_adj":
        return [f"{process}.oom_score_adj = {text['adj']}"]
    if op["op"] == "mmap":
        text = {field: literal for field, literal in text.items() if op.get(field) != _USUAL.get(field, ...)}
        text["pages"] = quoted(_size(op["pages"] * PAGE_SIZE))
    elif "pages" in op:
        text["pages"] = _page_list(op["pages"])
    function, positional, keywords = _CALLS.get(op["op"], (_ACCESS[0].format(op["op"]), *_ACCESS[1:]))
    arguments = [text[field] for field in positional.split() if field in text]
    for name, _, field in (each.partition("=") for each in keywords.split()):
        arguments += [f"{name}={text[field or name]}"] if (field or name) in text else []
    lines = f"{function.format(**text)}({', '.join(arguments)})".split("\n")
    if op["op"] == "limit" and "oom_group" in op:
        return [f"m.cgroups[{text['path']}].oom_group = {text['oom_group']}", *lines]
    return lines


def _literal(field: str, value: Any, base: int | None = None) -> str:
    """`value` as Python's source; what counts up in a loop, by the loop's `n`, which counts from `base`."""
    if isinstance(value, Counted):
        ahead = value.first - (base or 0)
        n = f"n {'-' if ahead < 0 else '+'} {abs(ahead)}" if ahead else "n"
        if value.prefix is None:
            return n
        text = quoted(value.prefix.replace("{", "{{").replace("}", "}}"))
        return f"f{text[:-1]}{{{n}}}{text[-1]}"
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool | float):
        return repr(float(value) if isinstance(value, float) else value)  # float: a numpy one says so in its repr
    number = operator.index(value)
    return quoted(_size(number)) if field in _SIZES and number % 1024 == 0 else str(number)


def _size(size: int) -> str:
    """Exactly `size` bytes, whole KiB, in the largest unit that has no fraction."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if size and size % (1 << power) == 0:
            return f"{size >> power} {unit}"
    return f"{size >> 10} KiB"


def _page_list(pages: Sequence[int]) -> str:
    """Scattered pages: as a range where they are one, else wrapped."""
    numbers = [int(page) for page in pages]
    step = numbers[1] - numbers[0] if len(numbers) > 2 else 0
    if step and numbers == list(range(numbers[0], numbers[0] + step * len(numbers), step)):
        return str(range(numbers[0], numbers[-1] + (1 if step > 0 else -1), step))
    text = ", ".join(map(str, numbers))
    if len(text) <= WIDTH // 2:
        return f"[{text}]"
    return "\n".join(["[", *_indented(textwrap.wrap(text, WIDTH)), "]"])


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _outcome(error: engine.Error) -> str:
    """How a call ends that fails, in a few words."""
    if isinstance(error, OSError):
        return f"it fails: {errno.errorcode[error.errno or 0]}"
    return "its process dies" if isinstance(error, engine.ProcessKilled) else "memory is gone, and nobody may be killed"


def _plural(word: str) -> str:
    """More than one "tab" is "tabs"."""
    if word.endswith("child"):
        return f"{word}ren"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"
