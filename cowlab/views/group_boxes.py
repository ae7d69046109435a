"""Groups (cgroups) as boxes in boxes: what each may have, what it has, what happened to it, and who is in it."""

from __future__ import annotations

from html import escape

from ..engine import Group
from ..units import format_size
from . import gauges
from .piece import Piece

NOTHING = "All processes are in the root group, which has no limits. Make a group with machine.cgroup('/a', max=...)."
STYLE = """<style>
.cowlab-groups [role=group] { border: 1px solid var(--jp-content-font-color2, #777); border-radius: 4px;
  padding: 6px 10px; margin: 6px 0 0 0; flex: 1 1 18em; min-width: 0; box-sizing: border-box; }
.cowlab-groups .inner { display: flex; flex-wrap: wrap; gap: 0 10px; align-items: flex-start; }
</style>"""


def facts(group: Group) -> list[str]:
    """What there is to say of a group, in short sentences without full stops."""
    return [_memory(group), *_limits(group), *_swap(group), *_events(group), _members(group)]


def _memory(group: Group) -> str:
    limit = group.max
    has = f"has {format_size(group.current)}{'' if limit is None else f' of {format_size(limit)} (max)'}"
    return f"{has}, at most so far {format_size(group.peak)}"


def _limits(group: Group) -> list[str]:
    """The limits other than `max`, as far as it has them."""
    meanings = {"high": "slowed down above", "low": "spared below", "min": "never reclaimed below"}
    sizes = {name: getattr(group, name) for name in meanings}
    return [f"{meanings[name]} {format_size(size)} ({name})" for name, size in sizes.items() if size is not None]


def _swap(group: Group) -> list[str]:
    if not group.machine.account.swap:
        return []
    most = group.swap_max
    return [f"swap {format_size(group.swap_current)}{'' if most is None else f' of {format_size(most)} (swap_max)'}"]


def _events(group: Group) -> list[str]:
    """What happened here and below, as memory.events counts it."""
    counts = [f"{name} {n:,}" for name, n in group.events().items() if n]
    return [f"events: {', '.join(counts)}"] if counts else []


def _members(group: Group) -> str:
    names = [process.name for process in group.processes]
    if len(names) > 4:
        names = [names[0], f"{len(names) - 2:,} more", names[-1]]
    return f"processes: {', '.join(names) or 'none'}"


def _bar(group: Group) -> str:
    """How much of its `max` a group has; nothing if it has none."""
    if group.max is None:
        return ""
    value = f"{format_size(group.current)} of {format_size(group.max)}"
    parts = (("data", float(min(group.current, group.max))),)
    return gauges.bar(gauges.Gauge(f"memory of group {group.path}", value, "", max(group.max, 1), parts))


def _box(group: Group) -> str:
    """A group with those below it inside."""
    lines = "".join(f"<div>{escape(fact)}</div>" for fact in facts(group))
    inner = "".join(_box(child) for child in group.children)
    path = escape(group.path)
    return (
        f'<div role="group" aria-label="group {path}"><b>{path}</b>{_bar(group)}{lines}'
        f'<div class="inner">{inner}</div></div>'
    )


def _lines(group: Group, depth: int = 0) -> list[str]:
    """The same as text, indented."""
    own = f"{'  ' * depth}{group.path}: {'; '.join(facts(group))}."
    return [own, *(line for child in group.children for line in _lines(child, depth + 1))]


class GroupBoxes(Piece):
    """The groups of a machine, nested as they are."""

    TITLE = "Groups"
    HOW_TO_READ = (
        "A box is a group. Its bar is full at memory.max: there pages are reclaimed, and then a process is killed."
    )

    def html(self) -> str:
        root = self._root
        boxes = _box(root) if root.children else f"<p>{escape(NOTHING)}</p>"
        return f'{gauges.STYLE}{STYLE}<div class="cowlab-groups">{boxes}</div>'

    def words(self) -> str:
        root = self._root
        return "\n".join(_lines(root)) if root.children else NOTHING

    @property
    def _root(self) -> Group:
        assert self.machine
        return self.machine.cgroups.root
