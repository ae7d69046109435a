"""The course's rules: what an operator watches, from promises to what happens."""

from __future__ import annotations

from ..arguments import is_number
from ..engine.rules.cgroup import Group
from ..units import PAGE_SIZE, format_size, parse_size
from .rules import Rule, check_number
from .samples import Sample


def committed_rules(reserve: int | str) -> list[Rule]:
    """Committed_AS against the headroom, MemTotal - `reserve`: warn above 1.10 times it, page above 1.20 times.

    They are about promises, and fire on healthy fork trees too.
    """
    kept = parse_size(reserve, "reserve")

    def committed_to_headroom(sample: Sample) -> float:
        headroom = sample.total - kept
        if headroom <= 0:
            total = format_size(sample.total)
            raise ValueError(f"a reserve of {format_size(kept)} leaves nothing of {total}: keep less")
        return sample.committed / headroom

    warn = "More is promised than fits. See if it is used: MemAvailable, pressure. If not, forks may just share it."
    page = "Far more is promised than fits. If MemAvailable falls too, start nothing new and find who grows."
    return [
        Rule("committed above 1.10 x headroom", committed_to_headroom, 1.10, 1.05, severity="warn", advice=warn),
        Rule("committed above 1.20 x headroom", committed_to_headroom, 1.20, 1.15, severity="page", advice=page),
    ]


def sustained_paging(pages_per_second: float = 1000, for_seconds: float = 30) -> Rule:
    """Pages in and out, to disk and swap, without a break; clears at half as many.

    The first reading of a file counts too: `for_seconds` is there for that, and for a burst in which what nobody needs
    is swapped out. `Sample.refaults` has only the pages that were missed.
    """
    check_number("sustained_paging", "pages_per_second", pages_per_second, 0)

    def paging(sample: Sample) -> float:
        return (sample.page_in + sample.page_out) / PAGE_SIZE

    advice = "What is in use does not fit into RAM. Run less at once, or find the process with the most major faults."
    name = f"more than {pages_per_second:g} pages/s in and out"
    return Rule(name, paging, pages_per_second, pages_per_second / 2, for_seconds, "page", advice=advice)


def near_limit(group: Group | str, share: float = 0.9, for_seconds: float = 0) -> Rule:
    """A group uses more than `share` of its `max`; clears 0.05 below. Without a limit it is at 0.

    What is charged may be pages of files, which are dropped before anybody is killed: `Group.stat` says how much.
    """
    path = path_of(group)
    _check_share("near_limit", "share", share)

    def share_of_limit(sample: Sample) -> float:
        watched = sample.groups[path]
        return 0.0 if watched.max is None else watched.current / max(watched.max, 1)

    advice = f"Raise the limit of {path}, or find what grows in it: at its limit it reclaims pages, then kills."
    name = f"{path} above {share:.0%} of its limit"
    return Rule(name, share_of_limit, share, max(0, share - 0.05), for_seconds, advice=advice, groups=(path,))


def pressure_above(percent: float = 10, for_seconds: float = 10, group: Group | str | None = None) -> Rule:
    """Some process waited for memory for more than `percent` of the last 10 s (avg10); clears at half of it.

    On the whole machine, or in `group`.
    """
    check_number("pressure_above", "percent", percent, 0)
    path = None if group is None else path_of(group)

    def pressure(sample: Sample) -> float:
        return sample.some_avg10 if path is None else sample.groups[path].some_avg10

    where, groups = ("", ()) if path is None else (f" in {path}", (path,))
    advice = "Work waits for memory. Give it more, or run less of it at once; refaults and swap-ins say what is missed."
    name = f"pressure above {percent:g} %{where}"
    return Rule(name, pressure, percent, percent / 2, for_seconds, "page", advice=advice, groups=groups)


def working_set_above(share_of_ram: float = 0.9, for_seconds: float = 0) -> Rule:
    """More than this share of RAM is not available (MemAvailable): it could be had by swapping or killing only.

    Clears 0.05 below.
    """
    _check_share("working_set_above", "share_of_ram", share_of_ram)

    def share_in_use(sample: Sample) -> float:
        return 1 - sample.available / sample.total

    advice = "RAM is nearly used up. Stop or move something, before pages are swapped or a process is killed."
    name, clear = f"working set above {share_of_ram:.0%} of RAM", max(0, share_of_ram - 0.05)
    return Rule(name, share_in_use, share_of_ram, clear, for_seconds, advice=advice)


def path_of(group: Group | str) -> str:
    path = group.path if isinstance(group, Group) else group
    if not isinstance(path, str) or not path.startswith("/"):
        raise ValueError(f"group {group!r}: give one of machine.cgroups, or its path, such as '/pods/a'")
    return path


def _check_share(what: str, name: str, share: float) -> None:
    if not is_number(share) or not 0 < share <= 1:
        raise ValueError(f"{what}: {name}={share!r}; give a share, such as 0.9 for 90 %")
