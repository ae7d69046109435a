"""cowlab: memory overcommit and copy-on-write, page by page.

    import cowlab
    machine = cowlab.Machine(ram="16 GiB")
    zygote = machine.spawn("zygote")
    heap = zygote.mmap("300 MiB", name="heap")
    heap.write()
    tab = zygote.fork("tab 1")
    tab["heap"].write(0, 128)
"""

from . import engine, trace, units
from .__about__ import __version__
from .engine import (
    Error,
    Event,
    Faults,
    Machine,
    Mapping,
    NoSuchProcess,
    OutOfMemory,
    Page,
    Process,
    SegmentationFault,
)
from .trace import replay

__all__ = [
    "Error",
    "Event",
    "Faults",
    "Machine",
    "Mapping",
    "NoSuchProcess",
    "OutOfMemory",
    "Page",
    "Process",
    "SegmentationFault",
    "__version__",
    "engine",
    "linux",
    "replay",
    "trace",
    "units",
]
