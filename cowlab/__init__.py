"""cowlab: memory overcommit and copy-on-write, page by page.

import cowlab
machine = cowlab.Machine(ram="16 GiB")
zygote = machine.spawn("zygote")
heap = zygote.mmap("300 MiB", name="heap")
heap.write()
tab = zygote.fork("tab 1")
tab["heap"].write(0, 128)

In a notebook, what shows it: cowlab.Lab(cowlab.scenarios.zygote).
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
from .units import format_size, pages_in

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
    "format_size",
    "linux",
    "pages_in",
    "replay",
    "scenarios",
    "trace",
    "units",
]


VIEWS = ("Claims", "Comparison", "GroupBoxes", "Lab", "MemoryMap", "ProcessTable", "table")
"""What lessons show, of `cowlab.views`."""


def __getattr__(name: str) -> Any:
    """What is loaded when it is asked for, since not everybody has what it needs.

    `cowlab.linux` starts processes, which a browser's Python cannot; the views need Jupyter, which the model does not.
    """
    from importlib import import_module

    if name == "linux":
        return import_module(".linux", __name__)
    if name in VIEWS:
        return getattr(import_module(".views", __name__), name)
    raise AttributeError(f"module 'cowlab' has no attribute {name!r}")
