"""The lab: controls for a scenario's parameters, a map to touch, and a bar to go through its operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from .. import trace
from ..arguments import is_whole
from ..engine import Machine
from ..goals import Goal, Verdict
from ..scenarios import Scenario, parameters
from ..trace import Trace
from ..units import count
from . import words
from .controls import Control
from .job import FIRST_SLICE, SLICE, Job, Later
from .kernel_view import KernelView
from .lab_tabs import Tabs
from .map_words import in_words
from .marks import Sheet
from .memory_map import Message
from .pictures import Pictured
from .process_table import as_text
from .scrub_bar import ScrubBar
from .side import Side, both_scenes
from .still import still, still_pair

FULL = widgets.Layout(width="100%")
STYLE = f"<style>{(Path(__file__).parent / 'lab.css').read_text(encoding='utf-8')}</style>"
QUIET_FOR = 0.06
"""Seconds without a change after which what is costly is drawn: the map comes first."""


class Lab(Pictured, widgets.VBox):
    """A scenario to try out: change a parameter, touch pages, or go through its operations step by step.

        lab = Lab(scenarios.fork_sharing, children=2)
        lab.set(children=3)
        lab.back(); lab.step(); lab.go(4)
        lab.write("child 1", "heap", 3)
        lab.machine["child 1"].pss

    Values given by name are where the controls start. `compare=dict(copy_on_write=[True, False])` has two machines side
    by side, `compare="kernel"` the model and this machine's own kernel. `goal` is what the learner is to reach.
    `rules` replace rules of the machine: `rules=dict(on_write=mine)`. Where no front end runs, a lab is a picture and
    its description. An operation that is refused says so, and those after it go on.
    """

    def __init__(
        self,
        scenario: Scenario[...],
        *,
        compare: Mapping[str, Sequence[Any]] | str | None = None,
        goal: Goal | None = None,
        rules: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        self.scenario = scenario
        self.goal = goal
        self._kernel = KernelView() if compare == "kernel" else None
        pairs = _compared(scenario, compare)
        ready = self._draw_both if len(pairs) == 2 else None
        self.sides = [Side(label, fixed, self._act, rules, ready) for label, fixed in pairs]
        fixed = pairs[0][1]
        self.controls = {p.name: Control(p) for p in parameters(scenario) if p.name not in fixed}
        self.position = 0
        self._hints = 0
        self._quiet = False
        self._job, self._later = Job(), Later(self._draw_rest, QUIET_FOR)
        self._make_parts()
        super().__init__(self._parts(), layout=widgets.Layout(width="100%"))
        self.add_class("cowlab-lab")
        self.set(**values)

    # For programs -------------------------------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """The machine that is shown; the first of two."""
        return self.sides[0].machine

    @property
    def machines(self) -> list[Machine]:
        """Both machines of a comparison."""
        return [side.machine for side in self.sides]

    @property
    def operations(self) -> list[dict[str, Any]]:
        """The operations of the (first) machine's trace, what the learner did among them."""
        return self.sides[0].playback.operations

    @property
    def trace(self) -> dict[str, Any]:
        """The trace up to here, as `cowlab.replay` and `trace.save` take it."""
        made = self.sides[0].playback.made
        return {**made, "ops": made["ops"][: self.position]}

    @property
    def message(self) -> str:
        """What failed up to here, or ""."""
        return next((side.trouble for side in self.sides if side.trouble), "")

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say: {parameter: value}."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Change parameters, run the scenario with them, and show where it ends.

        Raises ValueError for a value out of its range, TypeError for an unknown parameter; then nothing has changed.
        """
        if fixed := set(values) & set(self.sides[0].fixed):
            raise TypeError(f"{min(fixed)} is compared: it has a value on each side")
        made = self._make({**self.values, **values})
        with self._not_listening():
            for name, value in values.items():
                self.controls[name].show(self.controls[name].parameter.check(value))
        self._load(made, wait=True)

    def step(self) -> None:
        """Run the next operation, if there is one."""
        self.go(min(self.position + 1, self._total()))

    def back(self) -> None:
        """Undo the last operation, if there is one: the ones before it are run again, which is exact."""
        self.go(max(0, self.position - 1))

    def go(self, position: int) -> None:
        """Show the machine after `position` operations. Raises ValueError if there are not so many."""
        if not is_whole(position, 0, self._total()):
            raise ValueError(f"go({position!r}): give a number of operations from 0 to {self._total()}")
        self._travel_to(position, wait=True)

    def write(self, process: str, mapping: str, start: int, stop: int | None = None) -> str:
        """Write pages, as a click does; a sentence on what came of it."""
        return self._do("write", process, mapping, start, stop)

    def read(self, process: str, mapping: str, start: int, stop: int | None = None) -> str:
        """Read pages, as a click with Shift does."""
        return self._do("read", process, mapping, start, stop)

    def fork(self, process: str) -> str:
        """Fork a process."""
        return self._do("fork", process)

    def exit(self, process: str) -> str:
        """End a process."""
        return self._do("exit", process)

    def save_trace(self, path: str | Path) -> None:
        """Write the trace up to here to a file."""
        trace.save(self.trace, path)

    def open_trace(self, path: str | Path) -> None:
        """Read a trace from a file and run it. Raises ValueError, and keeps what there was, if it is none."""
        self.run(trace.load(path))

    def run(self, x: Trace) -> None:
        """Run a trace of one's own in this lab. Raises ValueError, and keeps what there was, if it is malformed."""
        self._load([trace.validate(x)] * len(self.sides), wait=True)

    # Without a front end ------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"<Lab {self.scenario.name}: {settings}; {self.position} of {self._total()} operations>"

    @property
    def description(self) -> str:
        """All that the lab shows, in words and figures."""
        settings = ", ".join(f"{name} {value}" for name, value in self.values.items())
        lines = [f"Lab {self.scenario.name}: {settings}.", self._where()]
        if self.goal:
            lines.append(f"Goal: {self.goal.text} {self.goal.judge(self.machine, self._at_end()).message}")
        for side in self.sides:
            lines += [f"{side.label}:"] if side.label else []
            lines += [said for said in (side.trouble, side.deaths) if said]
            lines += [in_words(side.machine), as_text(side.machine)]
        return "\n".join(lines)

    def drawn(self) -> Sheet:
        """The map, and the table if there is room for it; of a comparison both maps."""
        if len(self.sides) == 1:
            return still(self.machine)
        return still_pair(self.machines, [side.label for side in self.sides])

    # Parts --------------------------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self.scrub = ScrubBar(lambda to: self._travel_to(to), self._cancel)
        self._aim = widgets.HTML(layout=FULL)
        self._hint = widgets.Button(description="Hint", tooltip="a hint that looks at the present state")
        self._hint.on_click(lambda _: self._give_hint())
        self.tabs = Tabs(self)
        for name, control in self.controls.items():
            control.input.observe(lambda change, name=name: self._turned(name), "value")

    def _parts(self) -> list[widgets.Widget]:
        grid = widgets.Layout(grid_template_columns="repeat(auto-fit, minmax(20em, 1fr))", grid_gap="0 1em")
        controls = widgets.GridBox(list(self.controls.values()), layout=grid)
        maps = [side.map for side in self.sides] + ([self._kernel] if self._kernel else [])
        columns = "minmax(0, 1fr)" if len(maps) == 1 else "repeat(2, minmax(0, 1fr))"
        shown = widgets.GridBox(maps, layout=widgets.Layout(grid_template_columns=columns, grid_gap="8px"))
        aim = [widgets.HBox([self._aim, self._hint])] if self.goal else []
        style = widgets.HTML(STYLE, layout=widgets.Layout(display="none"))
        return [style, *aim, controls, self.scrub, shown, self.tabs]

    # What the learner does ----------------------------------------------------------------------------------------

    def _turned(self, name: str) -> None:
        """A control was moved. What the scenario says against it stands beside it, and the machine stays as it was."""
        if self._quiet:
            return
        try:
            made = self._make(self.values)
        except ValueError as error:
            self.controls[name].complain(str(error))
            return
        self._load(made)

    def _act(self, side: Side, message: Message) -> str:
        """What was done on a map is done on both sides, so that they can be compared."""
        if message["op"] in ("back", "step"):
            by = 1 if message["op"] == "step" else -1
            self._travel_to(max(0, min(self._total(), self.position + by)), said=True)
            return ""
        for other in self.sides:  # where the bar was moved while a run was under way
            other.playback.go(min(self.position, len(other.playback.operations)))
        dropped = len(side.playback.operations) - self.position
        op = side.operation(message)
        for one in self.sides:  # all or none
            one.playback.check(op)
        said = [one.do(op) for one in self.sides][self.sides.index(side)]
        self.position = side.playback.position
        if dropped > 0:
            said += f" What followed is dropped: {count(dropped, 'operation', 'operations')}."
        self._draw(said, step=True)
        return ""

    def _do(self, op: str, process: str, mapping: str = "", start: int = 0, stop: int | None = None) -> str:
        place = {"process": process, "mapping": mapping, "start": start, "stop": start + 1 if stop is None else stop}
        self._act(self.sides[0], {"op": op, **place})
        return self.sides[0].said()

    def _give_hint(self) -> None:
        self._hints += 1
        self._draw_goal()

    def _cancel(self) -> None:
        self._job.cancel()
        self._arrive()

    @contextmanager
    def _not_listening(self) -> Iterator[None]:
        """Controls that change within are not the learner's doing."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    # Running ------------------------------------------------------------------------------------------------------

    def _make(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [self.scenario(**{**values, **side.fixed}) for side in self.sides]

    def _load(self, made: Sequence[Mapping[str, Any]], wait: bool = False) -> None:
        for control in self.controls.values():
            control.complain("")
        for side, x in zip(self.sides, made, strict=True):
            side.playback.load(x)
        self._hints = 0
        self._travel_to(self._total(), wait)

    def _travel_to(self, position: int, wait: bool = False, said: bool = False) -> None:
        self._job.start(self._travel(position, said or position == self.position + 1), wait)

    def _travel(self, position: int, step: bool) -> Iterator[None]:
        """Run to `position`, in slices; then show it."""
        ways = [(side.playback, min(position, len(side.playback.operations))) for side in self.sides]
        for playback, end in ways:
            playback.aim(end)
        seconds = FIRST_SLICE
        while sum(playback.run_towards(end, seconds) for playback, end in ways):  # each has its slice
            self.scrub.busy = f"Running: operation {ways[0][0].position:,} of {position:,}"
            yield
            seconds = SLICE
        self._arrive(position, step)

    def _arrive(self, position: int | None = None, step: bool = False) -> None:
        self.position = self.sides[0].playback.position if position is None else position
        self._draw(self.sides[0].said() if step else "", step)

    def _total(self) -> int:
        return max(len(side.playback.operations) for side in self.sides)

    def _at_end(self) -> bool:
        return self.position == self._total()

    # Drawing ------------------------------------------------------------------------------------------------------

    def _draw(self, said: str = "", step: bool = False) -> None:
        """The maps first; what is costly follows when the learner pauses."""
        if len(self.sides) == 1:
            self.sides[0].map.show(self.machine, said, step=step)
        else:
            self._draw_both(said, step)
        with self.scrub.hold_sync():
            self.scrub.total, self.scrub.position = self._total(), self.position
            self.scrub.where, self.scrub.error, self.scrub.busy = self._where(), self.message, ""
        self._draw_goal()
        self._later()

    def _draw_both(self, said: str = "", step: bool = False) -> None:
        """Both maps, with what differs marked on each."""
        if any(side.map.viewed for side in self.sides):
            scenes = both_scenes(*self.sides)
            for side, scene in zip(self.sides, scenes, strict=True):
                side.map.show(side.machine, said if side is self.sides[0] else "", step=step, scene=scene)
        else:
            for side in self.sides:
                side.map.show(side.machine)

    def _draw_rest(self) -> None:
        self.scrub.mark(self.sides[0].playback.marks())
        self.tabs.draw()
        if self._kernel:
            self._kernel.show(self.trace)

    def _draw_goal(self) -> None:
        if self.goal:
            verdict = self.goal.judge(self.machine, self._at_end(), self._hints)
            self._aim.value = _goal_html(self.goal, verdict)

    def _where(self) -> str:
        done, total = self.position, self._total()
        if not done:
            return f"Before the first of {count(total, 'operation', 'operations')}."
        operations = self.operations
        last = words.operation(operations[min(done, len(operations)) - 1])
        sides = [side for side in self.sides if side.skipped and side.playback.position == done]
        skips = "; ".join(f"{side.label}: {side.skipped}" if side.label else side.skipped for side in sides)
        return f"After operation {done:,} of {total:,}: {last}{f' ({skips})' if skips else ''}."


def _compared(
    scenario: Scenario[...], compare: Mapping[str, Sequence[Any]] | str | None
) -> list[tuple[str, dict[str, Any]]]:
    """(label, parameters that are fixed) of each side. Raises ValueError that says what can be compared."""
    if compare is None or compare == "kernel":
        return [("", {})]
    known = {parameter.name: parameter for parameter in parameters(scenario)}
    if not isinstance(compare, Mapping) or len(compare) != 1 or not set(compare) <= set(known):
        raise ValueError(
            f"compare={compare!r}: give one parameter with two values, such as {{'copy_on_write': [True, False]}}, "
            f"or 'kernel'; {scenario.name} has the parameters {', '.join(known)}"
        )
    ((name, values),) = compare.items()
    if isinstance(values, str) or len(values) != 2:
        raise ValueError(f"compare={compare!r}: give {name} two values")
    return [(f"{name.replace('_', ' ')}: {value}", {name: known[name].check(value)}) for value in values]


def _goal_html(goal: Goal, verdict: Verdict) -> str:
    signs = {"reached": "✔", "open": "○", "lost": "✘ Lost."}
    hint = f"<br><b>Hint.</b> {escape(verdict.hint)}" if verdict.hint else ""
    return (
        f'<div role="status" class="cowlab-goal" data-status="{verdict.status}"><b>Goal: {escape(goal.text)}</b> '
        f"<span>{signs[verdict.status]}</span> {escape(verdict.message)}{hint}</div>"
    )
