"""The lab: controls for a scenario's parameters, its operations one by one, and a picture of the machine they make."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import ipywidgets as widgets

from .. import trace
from ..engine import Error, Machine
from ..scenarios import Scenario, parameters
from . import words
from .controls import Control
from .observation import Memory, observe
from .plots import Picture
from .process_table import as_html, as_text

FULL = widgets.Layout(width="100%")


class Lab(widgets.VBox):
    """A scenario to try out: change a parameter, or go through its operations step by step.

        lab = Lab(scenarios.fork_sharing, children=2)
        lab.set(children=3)
        lab.back(); lab.step(); lab.go(4)
        lab.machine["child 1"].pss

    Values given by name are where the controls start. Where no front end runs, a lab is a picture and its description.
    An operation that the machine refuses (OutOfMemory) is said in words, and the lab stays where it came to.
    """

    def __init__(self, scenario: Scenario[...], **values: Any) -> None:
        self.scenario = scenario
        self.controls = {parameter.name: Control(parameter) for parameter in parameters(scenario)}
        self.operations: list[dict[str, Any]] = []
        self.machine = Machine()
        self.position = 0
        self.message = ""
        self._settings: dict[str, Any] = {}
        self._live, self._still = Picture(), Picture(table=True)
        self._quiet = False
        self._make_parts()
        super().__init__(self._parts(), layout=widgets.Layout(width="100%", max_width="1500px"))
        self.set(**values)

    # For programs -------------------------------------------------------------------------------------------------

    def set(self, **values: Any) -> None:
        """Change parameters, run the scenario with them, and show where it ends.

        Raises ValueError for a value out of its range, TypeError for an unknown parameter; then nothing has changed.
        """
        made = self.scenario(**{**self.values, **values})
        with self._not_listening():
            for name, value in values.items():
                self.controls[name].show(self.controls[name].parameter.check(value))
        self._load(made)

    @property
    def values(self) -> dict[str, Any]:
        """What the controls say: {parameter: value}."""
        return {name: control.value for name, control in self.controls.items()}

    def step(self) -> None:
        """Run the next operation, if there is one."""
        self._run(self.operations[self.position : self.position + 1])
        self._show()

    def back(self) -> None:
        """Undo the last operation, if there is one: the ones before it are run again, which is exact."""
        self.go(max(0, self.position - 1))

    def go(self, position: int) -> None:
        """Show the machine after `position` operations. Raises ValueError if there are not so many."""
        if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= len(self.operations):
            raise ValueError(f"go({position!r}): give a number of operations from 0 to {len(self.operations)}")
        if position < self.position or self.message:
            self._restart()
        self._run(self.operations[self.position : position])
        self._show()

    # Without a front end ------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"<Lab {self.scenario.name}: {settings}; {self.position} of {len(self.operations)} operations>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """The widget for a front end; the picture and its description for everybody else."""
        bundle = dict(super()._repr_mimebundle_(**kwargs) or {})
        bundle["text/plain"] = self.description
        bundle["image/png"] = base64.b64encode(self.picture()).decode()
        return bundle

    @property
    def description(self) -> str:
        """All that the lab shows, in words and figures."""
        settings = ", ".join(f"{name} {value}" for name, value in self.values.items())
        lines = [f"Lab {self.scenario.name}: {settings}.", self._where()]
        lines += [self.message] if self.message else []
        memory = self._observe()
        return "\n".join([*lines, words.picture(memory), as_text(memory)])

    def picture(self) -> bytes:
        """The picture and the table, as a PNG."""
        return self._still.png(self._observe())

    # Parts --------------------------------------------------------------------------------------------------------

    def _make_parts(self) -> None:
        self._image = widgets.Image(format="png", layout=FULL)
        self._table = widgets.HTML(layout=widgets.Layout(margin="4px 0 0 12px"))
        self._said = widgets.HTML()
        self._buttons = {
            name: widgets.Button(description=name, layout=widgets.Layout(width="7.5em")) for name in TRANSPORT
        }
        self._scrubber = widgets.IntSlider(
            description="operation", layout=widgets.Layout(flex="1 1 auto"), style={"description_width": "6em"}
        )
        for name, button in self._buttons.items():
            button.on_click(lambda _, act=TRANSPORT[name]: act(self))
        self._scrubber.observe(self._scrubbed, "value")
        for control in self.controls.values():
            control.input.observe(self._turned, "value")

    def _parts(self) -> list[widgets.Widget]:
        grid = widgets.Layout(grid_template_columns="repeat(auto-fit, minmax(34em, 1fr))", grid_gap="0 2em")
        controls = widgets.GridBox(list(self.controls.values()), layout=grid)
        transport = widgets.HBox([*self._buttons.values(), self._scrubber])
        return [controls, transport, self._said, self._image, self._table]

    # What happens -------------------------------------------------------------------------------------------------

    @contextmanager
    def _not_listening(self) -> Iterator[None]:
        """Controls that change within are not the learner's doing."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _turned(self, change: Any) -> None:
        """A control was moved. What the scenario says against it is shown, and the machine stays as it was."""
        if self._quiet:
            return
        try:
            made = self.scenario(**self.values)
        except ValueError as error:
            self.message = str(error)
            self._say()
        else:
            self._load(made)

    def _scrubbed(self, change: Any) -> None:
        if not self._quiet:
            self.go(change["new"])

    def _load(self, made: dict[str, Any]) -> None:
        self.operations, self._settings = made["ops"], made["machine"]
        self._restart()
        self._run(self.operations)
        self._show()

    def _restart(self) -> None:
        self.machine, self.position, self.message = Machine(**self._settings), 0, ""

    def _run(self, ops: list[dict[str, Any]]) -> None:
        """Apply operations up to the first that is refused; `message` says why."""
        self.message = ""
        for op in ops:
            try:
                trace.apply(self.machine, op)
            except Error as refused:
                self.message = f"{words.operation(op)}: refused. {refused}"
                return
            self.position += 1

    def _observe(self) -> Memory:
        """The machine now. A refused operation may have touched some of its pages, so then every page is looked at."""
        return observe(self.machine, None if self.message else self.operations[: self.position])

    def _show(self) -> None:
        memory = self._observe()
        with self._not_listening():
            self._scrubber.max = len(self.operations)
            self._scrubber.value = self.position
        self._say()
        self._image.value = self._live.png(memory)
        self._table.value = as_html(memory)

    def _say(self) -> None:
        error = f'<div role="alert" style="{ALERT}">{escape(self.message)}</div>' if self.message else ""
        self._said.value = f'<div role="status" style="font-size:1.1em">{escape(self._where())}</div>{error}'

    def _where(self) -> str:
        done, total = self.position, len(self.operations)
        if not done:
            return f"Before the first of {total} operations."
        return f"After operation {done} of {total}: {words.operation(self.operations[done - 1])}."


TRANSPORT = {
    "to start": lambda lab: lab.go(0),
    "back": Lab.back,
    "step": Lab.step,
    "to end": lambda lab: lab.go(len(lab.operations)),
}
ALERT = "border-left:4px solid #c2541a;padding:4px 10px;margin:4px 0;line-height:1.4"
