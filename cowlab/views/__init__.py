"""What a learner sees: the lab, and its parts, which can be used alone on any machine."""

from .claims_list import Claims
from .comparison import Comparison, Disagreement
from .event_log import EventLog
from .gauges import Gauges
from .group_boxes import GroupBoxes
from .lab import Lab
from .memory_map import MemoryMap
from .process_table import ProcessTable
from .rows import table
from .timeline import Timeline

__all__ = [
    "Claims",
    "Comparison",
    "Disagreement",
    "EventLog",
    "Gauges",
    "GroupBoxes",
    "Lab",
    "MemoryMap",
    "ProcessTable",
    "Timeline",
    "table",
]
