"""What a learner sees: the lab, the table of processes, the comparison with the kernel."""

from .comparison import Comparison, Disagreement
from .lab import Lab
from .process_table import ProcessTable

__all__ = ["Comparison", "Disagreement", "Lab", "ProcessTable"]
