"""A trace as a C program that does it on a real Linux."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import pairwise
from typing import Any

from .. import engine, trace
from ..units import format_size
from .steps import Counted, Loop, Names, Step, follow, with_loops

FILE_PAGES = 600  # at least: what the files of recorded traces have
WIDTH = 100
_PROT = {"rw": "PROT_READ | PROT_WRITE", "r": "PROT_READ", "": "PROT_NONE"}
_FLAGS = {
    "private": "MAP_PRIVATE | MAP_ANONYMOUS",
    "noreserve": "MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE",
    "shared": "MAP_SHARED | MAP_ANONYMOUS",
    "file-private": "MAP_PRIVATE",
    "file-shared": "MAP_SHARED",
}
_CALLS = {
    # operation: the function, and which fields are its arguments
    "spawn": ("fork_child", "pid child"),
    "fork": ("fork_child", "pid child"),
    "mmap": ("map_region", "pid region pages prot kind file"),
    "munmap": ("unmap_pages", "pid region start stop"),
    "dontneed": ("drop_pages", "pid region start stop"),
    "protect": ("protect_pages", "pid region start stop prot"),
    "exit": ("exit_process", "pid"),
    "kill": ("kill_process", "pid"),
    "oom_score_adj": ("set_oom_score_adj", "pid adj"),
    "report": ("report", "pid"),
}
_NOTHING = {
    "load": "A program's start takes time; the memory that it takes is mapped and touched by steps of their own.",
    "advance": "Time passes by itself.",
    "file": "The file has just been written: its pages are in memory.",
}
_USUAL = {
    "copy_on_write": (True,),
    "overcommit": ("heuristic", 0),
    "overcommit_ratio": (50,),
    "overcommit_kbytes": (0,),
    "min_free": (0, "0 B"),
    "swappiness": (60,),
    "evict_policy": (None,),
}
HEAD = """\
/* What a trace says, done by real processes on Linux.{notes}
 *
 *     cc -std=gnu11 -O1 -Wall -Wextra trace.c -o trace && ./trace
 *
 * All processes go through one list of steps (`run`, below), each from where it was born. A step belongs to one
 * process: that waits for its turn, does the step, and lets the next one be done. The others go past it.
 * At the end each process that lives says what it has, then all exit. */
"""


def as_c(x: trace.Trace) -> str:
    """A C program (gnu11) for Linux that does what the trace `x` says, with processes and memory of its own.

    It prints, for each process that lives at the end and each of its regions, Rss, Pss and what is private, in KiB. It
    says what the kernel refuses, and goes on; if a fork fails it ends with a message. The comment at its top says how
    much memory it takes. Raises ValueError if the trace is malformed, or has what a program without privileges cannot
    do or set: groups, an oom_score_adj below 0, a file that is not cached, settings of the machine.
    """
    checked = trace.validate(x)
    _check_settings(checked["machine"])
    for index, op in enumerate(checked["ops"]):
        if reason := _cannot(op):
            raise ValueError(f"operation {index} ({op['op']}) cannot be done by a C program: {reason}")
    steps = _Steps()
    for op in checked["ops"]:
        steps.add(op)
    machine = ", ".join(f"{name}={value}" for name, value in checked["machine"].items())
    notes = f"\n * It takes up to {format_size(trace.peak(x))} of memory."
    notes += f"\n * The model's machine has {_safe(machine)}; this one is as it is." if machine else ""
    return HEAD.format(notes=notes) + _program(steps)


def _check_settings(machine: dict[str, Any]) -> None:
    """Raise ValueError for settings that an ordinary program cannot make. RAM and swap are as they are."""
    for name, value in machine.items():
        if name in _USUAL and value not in _USUAL[name]:
            why = "Linux always copies on write" if name == "copy_on_write" else "it is a setting of the whole machine"
            raise ValueError(f"{name}={value!r} cannot be had by a C program: {why}; use as_python")


def _cannot(op: trace.Op) -> str | None:
    """Why a program without privileges cannot do the operation; None if it can."""
    if op["op"] in ("group", "limit", "remove", "attach", "move") or "group" in op:
        return "groups take privileges; use as_python"
    if min(op.get("adj", 0), op.get("oom_score_adj", 0)) < 0:
        return "an oom_score_adj below 0 takes privileges; use as_python"
    if op["op"] == "file" and not op["cached"]:
        return "whether a file is in memory cannot be set for certain; use as_python"
    return None


class _Steps:
    """The steps of a program, which name processes and regions by number; and the tables of these."""

    def __init__(self) -> None:
        self.machine = engine.Machine(ram="1 PiB", overcommit="always")  # to know what fails where memory is plenty
        self.processes, self.regions = ["init"], list[str]()  # what they are called
        self.living: dict[str, int] = {}
        self.region_numbers: dict[str, int] = {}
        self.files: dict[str, int] = {}  # name: pages
        self.most_pages = 1  # of a region
        self.lists: list[list[int]] = []
        self.steps: list[Step] = []
        self.comments = set[str]()

    def add(self, op: trace.Op) -> None:
        """Add the steps of one operation."""
        if op["op"] in _NOTHING:
            self.comment(_NOTHING[op["op"]])
        for part in _ranges(op):
            fared = follow(self.machine, part)
            if fared.left_out:
                self.comment(f"{fared.left_out}: such steps are left out.")
            elif isinstance(fared.error, OSError) and fared.error.errno == errno.EFAULT:
                self.comment(f"Left out: {op['op']} of {op['region']} by {op['pid']}, which SIGSEGV would kill for it.")
            elif op["op"] not in _NOTHING:
                self.steps.append(fared._replace(op=self.numbered(part)))
                if op["op"] == "mmap" and not fared.error:
                    self.most_pages = max(self.most_pages, op["pages"])
                if op.get("oom_score_adj"):
                    self.add({"op": "oom_score_adj", "pid": op["pid"], "adj": op["oom_score_adj"]})
            if fared.error and op["op"] == "protect":
                break  # what comes after a hole is not protected

    def comment(self, text: str) -> None:
        """A comment, if it is not there already."""
        if text not in self.comments:
            self.comments.add(text)
            self.steps.append(Step({}, left_out=text))

    def numbered(self, op: trace.Op) -> dict[str, Any]:
        """An operation with numbers instead of names, and the text of arguments that are not numbers."""
        step = dict(op)
        if "region" in op:
            step["region"] = self.region_numbers.setdefault(op["region"], len(self.region_numbers))
            self.regions = list(self.region_numbers)
        if op["op"] in ("spawn", "fork"):
            step["pid"] = self.living[op["pid"]] if op["op"] == "fork" else 0
            step["child"] = self.living[op.get("child", op["pid"])] = len(self.processes)
            self.processes.append(op.get("child", op["pid"]))
        else:
            step["pid"] = self.living[op["pid"]]
        if op["op"] in ("exit", "kill"):
            del self.living[op["pid"]]
        if op["op"] == "mmap":
            step |= {"prot": op.get("prot", "rw"), "file": self.file(op)}
            step["kind"] = _FLAGS[op["kind"]] + " | MAP_POPULATE" * op.get("populate", False)
        elif "pages" in op:
            self.lists.append([int(page) for page in op["pages"]])
            step["pages"] = f"list_{len(self.lists)}, {len(op['pages'])}"
        if "prot" in step:
            step["prot"] = _PROT[step["prot"]]
        return step

    def file(self, op: trace.Op) -> str:
        """The expression for the file that is mapped; -1 for none."""
        if not op["kind"].startswith("file"):
            return "-1"
        name = op.get("file", "file")
        self.files[name] = max(self.files.get(name, FILE_PAGES), op["pages"])
        return f"file[{list(self.files).index(name)}]"


def _ranges(op: trace.Op) -> Iterator[trace.Op]:
    """munmap, madvise and mprotect take ranges: one operation for each in a list of pages."""
    if op["op"] not in ("munmap", "dontneed", "protect"):
        yield op
        return
    if "pages" not in op:
        yield from [op] if op["start"] < op["stop"] else []
        return
    pages = [int(page) for page in op["pages"]]
    ends = [n for n, (page, following) in enumerate(pairwise(pages), 1) if following != page + 1]
    for first, last in pairwise([0, *ends, len(pages)] if pages else []):
        rest = {field: value for field, value in op.items() if field != "pages"}
        yield {**rest, "start": pages[first], "stop": pages[last - 1] + 1}


# Text -----------------------------------------------------------------------------------------------------------


def _program(steps: _Steps) -> str:
    """The program: the parts of program.c that its steps need, the tables, the steps, and `main`."""
    names = Names(["Init", "Processes", "Regions"])
    processes = ["Init", *map(names.new, map(_capital, steps.processes[1:]))]
    enums = {"pid": processes, "child": processes, "region": [names.new(_capital(each)) for each in steps.regions]}
    reports = [Step({"op": "report", "pid": number}) for number in steps.living.values()] if steps.regions else []
    body = [line for part in with_loops(steps.steps) for line in _lines(part, enums)]
    body += ["", "report_heading();"] if reports else []
    body += [line for part in with_loops(reports) for line in _lines(part, enums)]
    run = "\n".join(["static void run(void)", "{", *(f"    {line}".rstrip() for line in body), "}"])
    lists = [_table(f"static const int list_{n}[] =", map(str, pages)) for n, pages in enumerate(steps.lists, 1)]
    *parts, main = (files(__package__) / "program.c").read_text(encoding="utf-8").split("\n\n")
    opened = [f"    file[{number}] = new_file({pages});\n" for number, pages in enumerate(steps.files.values())]
    chosen = [*lists, run, main.replace("    @FILES@\n", "".join(opened))]
    for part in reversed(parts):  # each uses those before it
        name = re.search(r"^static [\w *]*?(\w+)[(\[]", part, re.MULTILINE)
        if not name or re.search(rf"\b{name[1]}[(\[]", "\n".join(chosen)):
            chosen.insert(0, part)
    space = (steps.most_pages >> 18) + 1  # GiB: more than the largest region
    return "\n\n".join(chosen).replace("@SPACE@", str(space)).replace("@TABLES@", _tables(steps, enums))


def _tables(steps: _Steps, enums: dict[str, list[str]]) -> str:
    tables = [
        _table("enum", [*enums["pid"], "Processes"]),
        _table("static const char *const process_names[] =", map(_string, steps.processes)),
    ]
    if steps.regions:
        columns = ["process", *steps.processes], ["region", *steps.regions]
        first, second = (max(map(len, column)) for column in columns)
        tables += [
            _table("enum", [*enums["region"], "Regions"]),
            _table("static const char *const region_names[] =", map(_string, steps.regions)),
            f'#define COLUMNS "%-{first}s  %-{second}s"',
        ]
    return "\n".join([*tables, f"static int file[{len(steps.files)}];"] if steps.files else tables)


def _table(what: str, entries: Iterable[str]) -> str:
    """A table in braces, on several lines if it is long."""
    lines, rest = [""], list(entries)
    for number, entry in enumerate(rest, 1):
        text = f"{entry}, " if number < len(rest) else entry
        lines = [*lines, text] if len(lines[-1] + text) > WIDTH else [*lines[:-1], lines[-1] + text]
    if len(lines) == 1:
        return f"{what} {{{lines[0]}}};"
    return "\n".join([f"{what} {{", *(f"    {line}".rstrip() for line in lines), "};"])


def _lines(part: Step | Loop, enums: dict[str, list[str]]) -> list[str]:
    """The lines of a step or a loop."""
    if isinstance(part, Loop):
        lines = [line for op in part.body for line in _call(op, enums)]
        return _for("n", part.rounds, lines)
    if part.left_out:
        return [f"/* {_safe(part.left_out)} */"]
    lines = _call(part.op, enums)
    lines[-1] += " /* the kernel refuses: ENOMEM */" if part.error else ""
    return lines


def _call(op: trace.Op, enums: dict[str, list[str]]) -> list[str]:
    kind = op.get("access", op["op"])
    if kind in ("read", "write"):
        where, value = ("pages", "list") if "pages" in op else ("start stop", "pages"), " value" * (kind == "write")
        function, fields = f"{kind}_{where[1]}", f"pid region {where[0]}{value}"
    else:
        function, fields = _CALLS[kind]
    arguments = [_argument(op.get(field, 1), enums.get(field)) for field in fields.split()]
    call = [f"{function}({', '.join(arguments)});"]
    return _for("pass", op["passes"], call) if op.get("passes", 1) > 1 else call


def _argument(value: Any, names: list[str] | None) -> str:
    """A number, the name of one, or text as it is; what counts up in a loop, by the loop's `n`, which counts from 0."""
    if isinstance(value, Counted):
        first = _argument(value.first, names)
        return "n" if first == "0" else f"{first} + n"
    if isinstance(value, str):
        return value
    return names[value] if names else f"{int(value)}{'u' if value >> 63 else ''}"


def _for(counter: str, rounds: int, lines: list[str]) -> list[str]:
    header, body = f"for (int {counter} = 0; {counter} < {rounds}; {counter}++)", [f"    {line}" for line in lines]
    return [header, *body] if len(lines) == 1 else [f"{header} {{", *body, "}"]


def _capital(name: str) -> str:
    """Names of things begin with a capital: no keyword, function or macro of C does so, and goes on in lower case."""
    return f"{name[:1].upper()}{name[1:].lower()}"


def _string(text: str) -> str:
    """A literal of C. What is no plain character is written as its bytes, in octal."""
    plain = [c if c.isprintable() and c not in '"\\?' else _octal(c) for c in text]
    return f'"{"".join(plain)}"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "replace"))


def _safe(text: str) -> str:
    """`text` for a comment, which it must not end."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown.replace("*/", "* /").replace("/*", "/ *")
