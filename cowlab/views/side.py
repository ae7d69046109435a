"""One side of a lab: a playback, its map, and what the learner does there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..engine import Error, Machine, NoSuchProcess, ProcessKilled
from ..units import count
from . import pages, words
from .memory_map import MemoryMap, Message, Scene, mark_differences, operation_of, scene_of
from .playback import Playback

ACTIONS = ("write", "read", "fork", "exit", "back", "step", "inside")
ENDS = ("exit", "kill", "oom_kill")


class Side:
    """A machine with its operations and its map. `label` names it where there are two."""

    def __init__(
        self,
        label: str,
        fixed: Mapping[str, Any],
        act: Callable[[Side, Message], str],
        rules: Mapping[str, Any] | None = None,
        ready: Callable[[], None] | None = None,
    ) -> None:
        self.label = label
        self.fixed = dict(fixed)  # the parameters that this side has for its own
        self.playback = Playback(rules)
        self.map = MemoryMap(
            follow=False,
            act=lambda message: act(self, message),
            copy=self.playback.copy,
            ready=ready,
            actions=ACTIONS,
            title=label,
        )

    def __repr__(self) -> str:
        return f"<Side {self.label or 'of a lab'}: {self.playback.position} operations>"

    @property
    def machine(self) -> Machine:
        return self.playback.machine

    @property
    def failure(self) -> str:
        """Why the last operation did not do what it says; "" if it did."""
        playback = self.playback
        error = playback.failed.get(playback.position - 1)
        return self._told(playback.operations[playback.position - 1], error) if error else ""

    @property
    def skipped(self) -> str:
        """Why the last operation was not even tried; "" if it was."""
        playback = self.playback
        if not isinstance(playback.failed.get(playback.position - 1), NoSuchProcess):
            return ""
        return skip(playback.operations[playback.position - 1], self.machine)

    @property
    def trouble(self) -> str:
        """What failed so far, in words: the first failure, and how many there are; "" for none."""
        playback = self.playback
        failed = {n: e for n, e in playback.failed.items() if n < playback.position}
        tried = {n: e for n, e in failed.items() if not isinstance(e, NoSuchProcess)}
        if not tried:
            return ""  # operations are skipped for what happened to others: their processes' deaths are told
        first = min(tried)
        more = f" In all {len(tried):,} operations failed." if len(tried) > 1 else ""
        if skips := len(failed) - len(tried):
            were = count(skips, "operation was", "operations were")
            more += f" {were} skipped: the process was dead, or never came to be."
        return f"Operation {first + 1:,}: {self._told(playback.operations[first], tried[first])}{more}"

    @property
    def deaths(self) -> str:
        """Whom the OOM killer took, in a sentence; "" for nobody."""
        killed = [event.process for event in self.machine.log if event.kind == "oom_kill"]
        return f"Killed, for memory was gone: {', '.join(killed)}." if killed else ""

    def operation(self, message: Message) -> Message:
        """The operation that a click or a key on this side's map means."""
        return operation_of(message, self.machine, self.playback.position + 1)

    def do(self, op: Message) -> str:
        """Do an operation, checked before; a sentence on what came of it."""
        error = self.playback.add(op)
        if error:
            return self._told(op, error)
        return words.happened(op, self.playback.events(self.playback.position))

    def said(self) -> str:
        """The last operation in a sentence."""
        playback = self.playback
        if not playback.position:
            return "Nothing has happened yet."
        op = playback.operations[playback.position - 1]
        return self.failure or words.happened(op, playback.events(playback.position))

    def scene(self, scale: int | None = None) -> Scene:
        return scene_of(self.machine, scale, self.map.shown)

    def _told(self, op: Message, error: Error) -> str:
        """One sentence on an operation that failed."""
        if isinstance(error, NoSuchProcess):
            return f"{words.operation(op)}: {skip(op, self.machine)}."
        return refusal(op, error)


def skip(op: Message, machine: Machine) -> str:
    """Why an operation was skipped: its process is not there."""
    ended = any(event.kind in ENDS and event.process == op["pid"] for event in machine.log)
    return f"skipped, for {op['pid']} {'is dead' if ended else 'never came to be'}"


def refusal(op: Message, error: Error) -> str:
    """One sentence on an operation that was tried and failed."""
    verb = "killed on the way" if isinstance(error, ProcessKilled) else "refused"
    text = error.strerror if isinstance(error, OSError) else str(error)
    return f"{words.operation(op)}: {verb}. {text}{'' if str(text).endswith('.') else '.'}"


def both_scenes(first: Side, second: Side) -> tuple[Scene, Scene]:
    """The scenes of two sides, at one scale, with their differences marked."""
    scale = max(pages.scale_for(side.machine) for side in (first, second))
    one, two = first.scene(scale), second.scene(scale)
    mark_differences(one, two)
    mark_differences(two, one)
    return one, two
