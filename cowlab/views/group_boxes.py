"""Groups (cgroups) as boxes in boxes: what each may have, what it has, what happened to it, and who is in it."""

from __future__ import annotations

from html import escape

from ..engine import Group
from ..units import format_size
from . import gauges
from .marks import Sheet
from .palette import QUIET
from .piece import Piece
from .piece_sheet import LEFT, MOST_ROWS, RIGHT, Scroll

DEEPEST = 24  # from here on boxes are drawn one below the other, or none would have room
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


def _gauge(group: Group) -> gauges.Gauge | None:
    """How much of its `max` a group has; None if it has none."""
    if group.max is None:
        return None
    value = f"{format_size(group.current)} of {format_size(group.max)}"
    parts = (("data", float(min(group.current, group.max))),)
    return gauges.Gauge(f"memory of group {group.path}", value, "", max(group.max, 1), parts)


def _box(group: Group) -> str:
    """A group with those below it inside."""
    lines = "".join(f"<div>{escape(fact)}</div>" for fact in facts(group))
    inner = "".join(_box(child) for child in group.children)
    path, gauge = escape(group.path), _gauge(group)
    bar = gauges.bar(gauge) if gauge else ""
    return (
        f'<div role="group" aria-label="group {path}"><b>{path}</b>{bar}{lines}<div class="inner">{inner}</div></div>'
    )


def _lines(group: Group, depth: int = 0) -> list[str]:
    """The same as text, indented."""
    own = f"{'  ' * depth}{group.path}: {'; '.join(facts(group))}."
    return [own, *(line for child in group.children for line in _lines(child, depth + 1))]


def _draw_box(scroll: Scroll, group: Group, depth: int, room: int) -> int:
    """Draw a group with those below it inside, `room` boxes at most; how many were drawn."""
    indent = 14 * min(depth, DEEPEST)
    left, right, top = LEFT + indent, RIGHT - indent, scroll.y
    inside = (left + 10, right - 10)
    scroll.skip(4)
    scroll.text(group.path, bold=True, edges=inside)
    if gauge := _gauge(group):
        gauges.draw_bar(scroll.sheet, gauge, (inside[0], scroll.y - 16, inside[1], scroll.y))
        scroll.skip(18)
    for fact in facts(group):
        scroll.text(fact, edges=inside)
    drawn = 1
    scroll.skip(4)
    for child in group.children:
        if drawn < room:
            drawn += _draw_box(scroll, child, depth + 1, room - drawn)
    scroll.sheet.frame((left, scroll.y, right, top), QUIET)
    scroll.skip(6)
    return drawn


def _count(group: Group) -> int:
    """The groups from this one down."""
    return 1 + sum(map(_count, group.children))


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

    def sheet(self) -> Sheet:
        scroll, root = Scroll(self.TITLE, self.HOW_TO_READ), self._root
        if root.children:
            scroll.left_out(_count(root) - _draw_box(scroll, root, 0, MOST_ROWS))
        else:
            scroll.text(NOTHING)
        scroll.skip(8)
        return scroll.sheet

    @property
    def _root(self) -> Group:
        assert self.machine
        return self.machine.cgroups.root
