"""What tests ask of a machine."""

from __future__ import annotations

from typing import Any

from cowlab import Machine, trace


def after(made: Any, upto: int | None = None) -> Machine:
    """The machine after a trace, or after its first operations, whatever was refused and whoever died."""
    checked = trace.validate(made)
    machine = Machine(**checked["machine"])
    trace.run_through(machine, checked["ops"][:upto])
    return machine


def used(machine: Machine) -> int:
    """Frames in use."""
    info = machine.meminfo()
    return (info["MemTotal"] - info["MemFree"]) // 4


def data(machine: Machine) -> int:
    """Bytes of data in memory."""
    return machine.meminfo()["AnonPages"] * 1024


def promised(machine: Machine) -> int:
    """Bytes."""
    return machine.meminfo()["Committed_AS"] * 1024


def count(machine: Machine, kind: str) -> int:
    """How many events of a kind there were."""
    return sum(event.kind == kind for event in machine.log)


def kills(machine: Machine) -> int:
    """How many the OOM killer killed."""
    return count(machine, "oom_kill")


def victims(machine: Machine) -> list[str]:
    """Whom the OOM killer killed, in turn."""
    return [task.name for report in machine.oom_reports for task in report.killed]
