"""cowlab: memory overcommit and copy-on-write, page by page.

import cowlab
machine = cowlab.Machine(ram="16 GiB")
zygote = machine.spawn("zygote")
heap = zygote.mmap("300 MiB", name="heap")
heap.write()
tab = zygote.fork("tab 1")
tab["heap"].write(0, 128)
"""

from typing import TYPE_CHECKING, Any

from . import engine, moved, scenarios, trace, units
from .__about__ import __version__
from .engine import (
    Account,
    Candidates,
    Costs,
    Deadlock,
    Error,
    Event,
    Faults,
    Group,
    GroupBusy,
    Machine,
    Mapping,
    NoSuchProcess,
    OutOfMemory,
    Page,
    Process,
    ProcessKilled,
    Request,
    SegmentationFault,
    Task,
)
from .trace import replay

if TYPE_CHECKING:
    from . import linux

moved.forward()

__all__ = [
    "Account",
    "Candidates",
    "Costs",
    "Deadlock",
    "Error",
    "Event",
    "Faults",
    "Group",
    "GroupBusy",
    "Machine",
    "Mapping",
    "NoSuchProcess",
    "OutOfMemory",
    "Page",
    "Process",
    "ProcessKilled",
    "Request",
    "SegmentationFault",
    "Task",
    "__version__",
    "engine",
    "linux",
    "replay",
    "scenarios",
    "trace",
    "units",
]


def __getattr__(name: str) -> Any:
    """`cowlab.linux` is loaded when it is asked for: it starts processes, which a browser's Python cannot."""
    if name == "linux":
        from importlib import import_module

        return import_module(".linux", __name__)
    raise AttributeError(f"module 'cowlab' has no attribute {name!r}")
