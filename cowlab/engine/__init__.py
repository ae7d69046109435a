"""The model of Linux memory: plain numpy, readable alone. Start with faults.py, then commit.py."""

from . import faults, mapping, pagemap, procfs
from .cgroup import Group
from .commit import Account, Request, commit_policy
from .costs import Costs
from .errors import Deadlock, Error, GroupBusy, NoSuchProcess, OutOfMemory, ProcessKilled, SegmentationFault
from .evict import Candidates
from .machine import Event, Machine
from .mapping import Mapping
from .oom import Task, badness, oom_policy
from .page import Faults, Page
from .process import Process

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
    "badness",
    "commit_policy",
    "faults",
    "mapping",
    "oom_policy",
    "pagemap",
    "procfs",
]
