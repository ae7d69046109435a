"""The model of Linux memory: plain numpy, readable alone. Start with rules/faults.py, then rules/commit.py.

Rooms: `rules`, what the kernel decides; `stores`, where the words of pages, frames and slots are kept; `many`, how one
rule is applied to millions of pages; `reports`, what can be seen of it all. The system calls stand at the door:
`Machine`, `Process`, `Mapping`.
"""

from . import mapping
from .errors import Deadlock, Error, GroupBusy, NoSuchProcess, OutOfMemory, ProcessKilled, SegmentationFault
from .machine import Event, Machine
from .mapping import Mapping
from .process import Process
from .reports import costs, pagemap, procfs, stepping
from .reports.costs import Costs
from .rules import cgroup, commit, faults, oom, shortage
from .rules.cgroup import Group
from .rules.commit import Account, Request, commit_policy
from .rules.oom import Task, badness, oom_policy
from .rules.page import Page
from .rules.replacement import Candidates
from .tally import Faults

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
    "cgroup",
    "commit",
    "commit_policy",
    "costs",
    "faults",
    "mapping",
    "oom",
    "oom_policy",
    "pagemap",
    "procfs",
    "shortage",
    "stepping",
]
