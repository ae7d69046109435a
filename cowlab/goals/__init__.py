"""Goals: what a lab asks for, checked on the state of the machine, whatever way the learner went.

>>> import cowlab
>>> from cowlab import goals
>>> goal = goals.only_killed("leaky")
>>> machine = cowlab.Machine(ram="1 GiB")
>>> leaky = machine.spawn("leaky", machine.cgroup("/pod", max="64 MiB"))
>>> print(goal.judge(machine).message)
Not reached yet.
>>> try:
...     leaky.mmap("100 MiB").write()
... except cowlab.ProcessKilled:
...     print(goal.judge(machine).status)
reached

A goal of one's own is a sentence and a function: `Goal("Map 1 GiB.", lambda machine: ...)`. Such a function looks at
the machine, and calls nothing that changes it. What has happened is part of the state: `machine.log` and
`machine.oom_reports` have it.
"""

from .amounts import in_use_at_most, processes_in_memory
from .definition import Goal, Hint, Verdict, all_of
from .promises import no_refusal
from .sharing import copies_at_most, last_owner_reuses
from .survival import alive, nothing_killed, only_killed

__all__ = [
    "Goal",
    "Hint",
    "Verdict",
    "alive",
    "all_of",
    "copies_at_most",
    "in_use_at_most",
    "last_owner_reuses",
    "no_refusal",
    "nothing_killed",
    "only_killed",
    "processes_in_memory",
]
