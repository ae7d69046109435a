"""What both listings start from: how each operation fares in a run, and which operations are alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import engine, trace

MOST_IN_A_ROUND, FEWEST_ROUNDS = 8, 4
_COUNTED = ("pid", "child", "region", "file", "path", "group", "value", "start", "stop")
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)", re.DOTALL)


class Step(NamedTuple):
    """One operation, and how it fared."""

    op: dict[str, Any]
    error: engine.Error | None = None
    killed: tuple[str, ...] = ()  # by the OOM killer meanwhile
    groups: tuple[str, ...] = ()  # made before, on their first use
    left_out: str = ""  # why a run makes no call at all


class Loop(NamedTuple):
    """Operations that come again and again; what differs, counts up by one a round."""

    body: list[dict[str, Any]]  # with `Counted` where they differ
    rounds: int
    steps: Sequence[Step]  # the same, one by one


@dataclass(frozen=True)
class Counted:
    """`first` in the first round, one more in each that follows; if it is text, after a `prefix`."""

    first: int
    prefix: str | None = None

    def at(self, number: int) -> Any:
        """Its value in round `number`, from 0."""
        return self.first + number if self.prefix is None else f"{self.prefix}{self.first + number}"


def made_by(op: trace.Op) -> Any:
    """The name of the process that the operation makes; None if it makes none."""
    return op["child"] if op["op"] == "fork" else op["pid"] if op["op"] == "spawn" else None


# Running --------------------------------------------------------------------------------------------------------


def run(machine: engine.Machine, ops: Sequence[trace.Op]) -> list[Step]:
    """Run operations through; those that are left out for one reason, until it may be gone, are one step."""
    steps: list[Step] = []
    known: set[str] = set()  # reasons
    for step in (follow(machine, op) for op in ops):
        if made_by(step.op) is not None and not step.left_out:
            known.discard(_dead(made_by(step.op)))
        if step.left_out not in known:
            steps.append(step)
        known |= {step.left_out} - {""}
    return steps


def follow(machine: engine.Machine, op: trace.Op) -> Step:
    """Run one operation as `trace.run_through` does, and say how it fared."""
    op = {**op, **{field: trace.group_path(op[field]) for field in ("path", "group") if field in op}}
    if reason := _no_call(machine, op):
        return Step(op, left_out=reason)
    groups = tuple(_missing_groups(machine, op))
    logged, error = len(machine.log), None
    try:
        trace.apply(machine, op)
    except engine.Error as raised:
        error = raised
    killed = tuple(event.process for event in machine.log[logged:] if event.kind == "oom_kill")
    return Step(op, error, killed, groups)


def _no_call(machine: engine.Machine, op: trace.Op) -> str:
    if "pid" not in op or op["op"] == "spawn":
        return ""
    living = next((process for process in machine.processes if process.name == op["pid"]), None)
    if living is None:
        return _dead(op["pid"])
    if op["op"] != "mmap" and "region" in op and op["region"] not in living.mappings:
        return f"Process {quoted(op['pid'])} has no {quoted(op['region'])}, whose mmap was refused"
    return ""


def _dead(pid: str) -> str:
    return f"Process {quoted(pid)} is not alive"


def _missing_groups(machine: engine.Machine, op: trace.Op) -> Iterator[str]:
    """The groups that the operation makes because they are not there, those above first."""
    path = op.get("path", op.get("group", "/"))
    names = path.strip("/").split("/")[: -1 if op["op"] == "group" else None]
    paths = ["/" + "/".join(names[: n + 1]) for n in range(len(names))]
    yield from (path for path in paths if path not in machine.cgroups)


# Alike operations -----------------------------------------------------------------------------------------------


def with_loops(steps: Sequence[Step]) -> Iterator[Step | Loop]:
    """The steps, alike ones that follow each other as loops: at each place the loop that covers most."""
    at = 0
    while at < len(steps):
        lengths = range(1, MOST_IN_A_ROUND + 1)
        rounds, length = max(((_rounds(steps, at, n), n) for n in lengths), key=lambda found: found[0] * found[1])
        if rounds < FEWEST_ROUNDS:
            yield steps[at]
            at += 1
            continue
        body = [_template(steps[at + n].op, steps[at + length + n].op) for n in range(length)]
        yield Loop(body, rounds, steps[at : at + length * rounds])
        at += length * rounds


def _rounds(steps: Sequence[Step], at: int, length: int) -> int:
    """How many rounds of `length` steps begin at `at`; 0 if too few for a loop."""
    end, differing = at, [_differing(steps, at + n, at + length + n) for n in range(length)]
    while end + length < len(steps):
        fields = differing[(end - at) % length]
        if fields is None or _differing(steps, end, end + length) != fields:
            break
        end += 1
    rounds = (end - at) // length + 1
    return rounds if rounds >= FEWEST_ROUNDS else 0


def _differing(steps: Sequence[Step], first: int, second: int) -> list[str] | None:
    """The fields that are one more in the second step; None if the two differ otherwise, or anything else happened."""
    if second >= len(steps):
        return None
    one, other = steps[first], steps[second]
    if any(step != Step(step.op) for step in (one, other)) or one.op.keys() != other.op.keys():
        return None
    fields = [field for field in one.op if one.op[field] != other.op[field]]
    alike = all(field in _COUNTED and _counted(one.op[field]).at(1) == other.op[field] for field in fields)
    return fields if alike else None


def _template(op: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    return {field: value if later[field] == value else _counted(value) for field, value in op.items()}


def _counted(value: Any) -> Counted:
    """`value` as what counts up from there; text without a number at its end never does."""
    if not isinstance(value, str):
        return Counted(int(value))
    numbered = _NUMBERED.fullmatch(value)
    return Counted(int(numbered[2]), numbered[1]) if numbered else Counted(0, value)


# Text of programs -----------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """`text` as a literal of Python, in double quotes where that takes no escapes."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


class Names:
    """Identifiers for things with any names: valid, and no two the same."""

    def __init__(self, taken: Iterator[str] | Sequence[str]) -> None:
        self.taken = set(taken)

    def new(self, wanted: str) -> str:
        """An identifier made of `wanted`, which may be any text."""
        plain = re.sub(r"[^0-9A-Za-z]+", "_", wanted).strip("_")
        plain = plain if plain and not plain[0].isdigit() else f"process_{plain}".strip("_")
        name, number = plain, 2
        while name in self.taken:
            name, number = f"{plain}_{number}", number + 1
        self.taken.add(name)
        return name
