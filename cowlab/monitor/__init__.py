"""Watch a machine: what it uses over simulated time, as numpy arrays, and alerts by rules that say what to do.

    from cowlab.monitor import Monitor, Rule, committed_rules

    def used_share(sample):
        return sample.used / sample.total

    full = Rule("nearly full", used_share, above=0.9, clear=0.8, for_seconds=10, advice="Look for the largest process.")
    with Monitor(machine, every=1.0, rules=[full, *committed_rules("2 GiB")]) as monitor:
        ...                        # use the machine; its clock moves with what calls cost, and by machine.advance
    monitor.series["used"]         # bytes, one entry for each of monitor.series["time"]
    for alert in monitor.alerts:
        print(alert)

A monitor sees what an operator of a real machine sees (meminfo, vmstat, pressure, RSS, groups), and nothing else.

An alert on promises (`committed_rules`) is about what may happen. Processes that forked from one share their memory,
and each has the whole of it promised again: such a tree can fire it with next to nothing in use. Rules on what does
happen (`working_set_above`, `pressure_above`, `sustained_paging`) are quiet then. Compare them before acting.
"""

from .monitor import Monitor
from .rules import Alert, Rule, RuleError
from .samples import GroupSample, Sample
from .standard_rules import committed_rules, near_limit, pressure_above, sustained_paging, working_set_above

__all__ = [
    "Alert",
    "GroupSample",
    "Monitor",
    "Rule",
    "RuleError",
    "Sample",
    "committed_rules",
    "near_limit",
    "pressure_above",
    "sustained_paging",
    "working_set_above",
]
