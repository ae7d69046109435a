"""A trace as something to go through, forwards and backwards: the operations, and the machine that they make."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import trace
from ..engine import Error, Event, Machine

Op = dict[str, Any]

SLOW = 0.02
"""Seconds: where running operations again takes longer, a snapshot is kept, so that it need not be done twice."""
MOST_SNAPSHOTS = 8
MARKED = {"fork": "fork", "copy": "copy", "refuse": "refusal", "alert": "alert", "oom_kill": "kill", "kill": "kill"}


@dataclass(frozen=True)
class Mark:
    """Something to find on the way: after which operation, of what kind, and whom it befell."""

    position: int
    kind: str
    process: str


class Playback:
    """Runs a trace's operations, to any position and back.

    Going back is exact: the operations before it are run again on a fresh machine, from the last snapshot where that
    takes long. An operation that fails is kept in `failed`, and the others go on, as processes would.
    `rules` replace rules of the machine (Machine(on_write=mine)); what they raise fails the operation, whatever it is.
    """

    def __init__(self, rules: Mapping[str, Any] | None = None) -> None:
        self.rules = dict(rules or {})
        self.load({"machine": {}, "ops": []})

    def load(self, made: Mapping[str, Any]) -> None:
        """Take a trace that was checked; the machine is fresh, before its first operation."""
        self.settings: dict[str, Any] = dict(made["machine"])
        self.operations: list[Op] = [dict(op) for op in made["ops"]]
        self._snapshots: dict[int, bytes] = {}
        self._furthest = 0  # the position up to which operations were run at least once
        self._restart()

    @property
    def made(self) -> dict[str, Any]:
        """The trace, with what was added to it."""
        return {"version": trace.VERSION, "machine": self.settings, "ops": self.operations}

    def go(self, position: int) -> None:
        """Be after `position` operations."""
        self.aim(position)
        while self.run_towards(position, SLOW):
            pass

    def aim(self, position: int) -> None:
        """Be somewhere from which `position` is reached by running operations: here, or at a snapshot before it."""
        if position >= self.position:
            return
        before = [at for at in self._snapshots if at <= position]
        if before:
            self._take_up(max(before))
        else:
            self._restart()

    def run_towards(self, position: int, seconds: float) -> bool:
        """Run operations for so long, or up to `position`. Is there more to run?"""
        began, again = time.perf_counter(), self.position < self._furthest
        while self.position < position:
            self._apply(self.operations[self.position])
            if time.perf_counter() - began >= seconds:
                break
        if again and not self.rules and time.perf_counter() - began >= SLOW:  # a learner's function cannot be kept
            self._keep()
        self._furthest = max(self._furthest, self.position)
        return self.position < position

    def check(self, op: Op) -> None:
        """Raise ValueError if `op` means nothing here."""
        trace.validate({**self.made, "ops": [*self.operations[: self.position], op]})

    def add(self, op: Op) -> Error | None:
        """Do one operation more, here, checked before: what came after this position is dropped. What it raised."""
        del self.operations[self.position :]
        self._snapshots = {at: kept for at, kept in self._snapshots.items() if at <= self.position}
        self.operations.append(dict(op))
        self._apply(op)
        self._furthest = self.position
        return self.failed.get(self.position - 1)

    def copy(self) -> Machine:
        """Another machine in the same state, to try something on."""
        if not self.rules:
            return copy_of(self.machine)
        again = Playback(self.rules)
        again.load({"machine": self.settings, "ops": self.operations[: self.position]})
        again.go(self.position)
        return again.machine

    def events(self, position: int) -> list[Event]:
        """What operation number `position` (from 1) did."""
        return self.machine.log[self._logged[position - 1] : self._logged[position]]

    def marks(self) -> list[Mark]:
        """Forks, copies, refusals, alerts and kills up to here, one of a kind for each operation."""
        found: dict[tuple[int, str], Mark] = {}
        for position in range(1, self.position + 1):
            for event in self.events(position):
                if kind := MARKED.get(event.kind):
                    found.setdefault((position, kind), Mark(position, kind, event.process))
        return sorted(found.values(), key=lambda mark: mark.position)

    def _apply(self, op: Op) -> None:
        try:
            trace.apply(self.machine, op)
        except Error as error:
            self.failed[self.position] = error
        except Exception as error:
            if not self.rules:
                raise
            self.failed[self.position] = Error(f"your rule raised {type(error).__name__}: {error}")
        self.position += 1
        self._logged.append(len(self.machine.log))

    def _restart(self) -> None:
        self.machine, self.position = Machine(**self.settings, **self.rules), 0
        self.failed: dict[int, Error] = {}
        self._logged = [0]

    def _keep(self) -> None:
        """Keep a snapshot of here; of many, every second one goes."""
        if len(self._snapshots) >= MOST_SNAPSHOTS:
            self._snapshots = {at: self._snapshots[at] for at in sorted(self._snapshots)[1::2]}
        kept = self.machine, self.position, self.failed, self._logged
        self._snapshots[self.position] = pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)

    def _take_up(self, position: int) -> None:
        self.machine, self.position, self.failed, self._logged = pickle.loads(self._snapshots[position])


def copy_of(machine: Machine) -> Machine:
    """Another machine in the same state; nobody follows it. A machine with a rule that cannot be pickled raises."""
    copied: Machine = pickle.loads(pickle.dumps(machine, pickle.HIGHEST_PROTOCOL))
    return copied
