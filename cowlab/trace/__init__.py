"""Traces: operations as data. The model and the real kernel run the same trace and report the same observations.

A trace is a list of operations, or {"version": 2, "machine": {arguments of Machine}, "ops": [operations]}; each
operation is a dict, such as {"op": "write", "pid": "A", "region": "heap", "start": 0, "stop": 512, "value": 42}.

| op | fields (those with ? may be left out) |
| --- | --- |
| spawn | pid, group?, oom_score_adj? |
| fork | pid, child, group? |
| mmap | pid, region, pages, kind, prot?, populate?, file? |
| read | pid, region, and start, stop or pages |
| write | the same, value |
| munmap, dontneed | as read |
| protect | as read, prot |
| exit, kill | pid |
| loop | as read, passes, access ("read" or "write"), value? (1): a working set gone through `passes` times |
| load | pid, bytes, relocated?: the time that starting a program takes (Process.load) |
| file | file, cached: whether a file's pages are in memory when it is first mapped |
| group | path, max?, high?, low?, min?, swap_max?, oom_group?: makes a group, as mkdir |
| limit | the same: sets what is given |
| remove | path |
| attach, or move | pid, group |
| oom_score_adj | pid, adj |
| advance | seconds |

Sizes are bytes or text ("8 GiB"). A group's name without a slash before it means one at the top: "g0" is "/g0". A group
that no `group` made is made, with those above it, where a process first enters it.
"""

from .checking import validate
from .files import load, save
from .observing import digest, observe, replay
from .operations import VERSION, Entry, Op, Trace, group_path, steps
from .running import Outcome, apply, machine_after, machine_of, peak, run, run_through

__all__ = [
    "VERSION",
    "Entry",
    "Op",
    "Outcome",
    "Trace",
    "apply",
    "digest",
    "group_path",
    "load",
    "machine_after",
    "machine_of",
    "observe",
    "peak",
    "replay",
    "run",
    "run_through",
    "save",
    "steps",
    "validate",
]
