"""The model of Linux memory: plain numpy, readable alone. Start with faults.py, then commit.py."""

from . import faults, mapping
from .commit import Account, Request, commit_policy
from .errors import Error, NoSuchProcess, OutOfMemory, SegmentationFault
from .machine import Event, Machine
from .mapping import Mapping
from .page import Faults, Page
from .process import Process

__all__ = [
    "Account",
    "Error",
    "Event",
    "Faults",
    "Machine",
    "Mapping",
    "NoSuchProcess",
    "OutOfMemory",
    "Page",
    "Process",
    "Request",
    "SegmentationFault",
    "commit_policy",
    "faults",
    "mapping",
]
