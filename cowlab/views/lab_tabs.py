"""What stands below the map: the processes, the machine, time, the log, the code, and this machine's own kernel."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, Protocol

import ipywidgets as widgets

from .. import listing, trace
from ..engine import Machine
from ..scenarios import Scenario
from ..trace import Trace
from .event_log import EventLog
from .gauges import Gauges
from .group_boxes import GroupBoxes
from .history import History, sampling
from .job import Job
from .kernel_view import KernelView
from .picture_buttons import PictureButtons
from .pictures import Form
from .process_table import ProcessTable
from .side import Side
from .timeline import Timeline

FULL = widgets.Layout(width="100%")


class AnyLab(Protocol):
    """What the tabs need of the lab that they are in."""

    scenario: Scenario[...]
    sides: list[Side]
    position: int

    @property
    def machine(self) -> Machine:
        """The machine that is shown."""

    @property
    def trace(self) -> dict[str, Any]:
        """The trace up to here."""

    def run(self, x: Trace) -> None:
        """Run another trace in this lab."""

    def picture(self, form: Form = "png") -> bytes:
        """What is shown, to keep."""


class Tabs(widgets.Tab):
    """The parts of a lab beside its map. Only the one that is open is drawn."""

    def __init__(self, lab: AnyLab) -> None:
        self.lab = lab
        self.processes, self.gauges = ProcessTable(follow=False), Gauges(follow=False)
        self.groups = GroupBoxes(follow=False)
        self.events, self.timeline = EventLog(follow=False), Timeline(follow=False)
        self.code, self.kernel = CodeTab(lab), KernelTab(lab)
        self._sampling = Job()
        self._past: tuple[list[Any], History] | None = None  # a trace's operations, and what was noted of them
        machine = widgets.VBox([self.gauges, self.groups], layout=FULL)
        tabs: dict[str, tuple[widgets.Widget, Callable[[], None]]] = {
            "Processes": (self.processes, self._draw_processes),
            "Machine": (machine, self._draw_machine),
            "Timeline": (self.timeline, self._draw_timeline),
            "Log": (self.events, lambda: self.events.show(lab.machine)),
            "Code and trace": (self.code, self.code.draw),
            "On your machine": (self.kernel, self.kernel.draw),
        }
        self._draws = [draw for _, draw in tabs.values()]
        super().__init__([part for part, _ in tabs.values()], titles=list(tabs), layout=FULL)
        self.selected_index = 0
        self.observe(lambda _: self.draw(), "selected_index")

    def __repr__(self) -> str:
        return f"<Tabs of a lab: {', '.join(self.titles)}>"

    def draw(self) -> None:
        """Draw the part that is open."""
        if self.selected_index is not None:
            self._draws[self.selected_index]()

    def _draw_processes(self) -> None:
        sides = self.lab.sides
        if len(sides) == 1:
            self.processes.show(sides[0].machine)
        else:
            self.processes.show(sides[0].machine, sides[1].machine, (sides[0].label, sides[1].label))

    def _draw_machine(self) -> None:
        self.gauges.show(self.lab.machine)
        self.groups.show(self.lab.machine)

    def _draw_timeline(self) -> None:
        made = self.lab.sides[0].playback.made
        if self._past and self._past[0] == made["ops"]:
            self.timeline.show(self.lab.machine, self._past[1], self.lab.position)
        else:
            self._sampling.start(self._sample(made))

    def _sample(self, made: dict[str, Any]) -> Iterator[object]:
        """Run the whole trace once more and note what each process has, in slices."""
        history = yield from sampling(made)
        self._past = list(made["ops"]), history
        self.timeline.show(self.lab.machine, history, self.lab.position)


class CodeTab(widgets.VBox):
    """The program that does what was clicked, and the trace itself: to save, to open, to edit and run again.

    Pictures are saved here too.
    """

    def __init__(self, lab: AnyLab) -> None:
        self.lab = lab
        self._language = widgets.ToggleButtons(options=["Python", "C", "trace"], tooltips=_TOOLTIPS)
        self._text = widgets.Textarea(layout=widgets.Layout(width="100%", height="22em"))
        self._text.add_class("cowlab-code")
        self._save = widgets.HTML()
        self._run = widgets.Button(description="Run this trace", tooltip="check the text, and run it in this lab")
        self._open = widgets.FileUpload(accept=".json", multiple=False, description="Open")
        self._said = widgets.HTML()
        self._language.observe(lambda _: self.draw(), "value")
        self._run.on_click(lambda _: self._run_text(self._text.value))
        self._open.observe(self._opened, "value")
        row = widgets.Layout(flex_flow="row wrap", grid_gap="4px")
        buttons = widgets.HBox([self._language, self._save, self._open, self._run], layout=row)
        pictures = PictureButtons(lab.picture, lambda: f"{lab.scenario.name}-operation-{lab.position}")
        super().__init__([buttons, pictures, self._said, self._text], layout=FULL)

    def __repr__(self) -> str:
        return f"<The code of a lab, in {self._language.value}>"

    def draw(self) -> None:
        """Show the program for the trace up to here."""
        language = self._language.value
        try:
            text = {"Python": listing.as_python, "C": listing.as_c, "trace": _as_json}[language](self.lab.trace)
        except ValueError as error:  # the kernel cannot do all that a trace can say
            text = f"/* {error} */"
        self._text.value, self._text.disabled = text, language != "trace"
        self._run.layout.display = "" if language == "trace" else "none"
        self._save.value = _download(text, f"{self.lab.scenario.name}.{_ENDINGS[language]}")

    def _run_text(self, text: str) -> None:
        try:
            self.lab.run(json.loads(text))
        except ValueError as error:
            self._say(f"Not run: {error}")
        else:
            self._say("")

    def _opened(self, change: object) -> None:
        for file in self._open.value:
            self._run_text(bytes(file.content).decode("utf-8", "replace"))

    def _say(self, text: str) -> None:
        self._said.value = f'<div role="alert" class="cowlab-alert">{escape(text)}</div>' if text else ""


class KernelTab(widgets.VBox):
    """The same operations on this machine's kernel, and both columns side by side."""

    def __init__(self, lab: AnyLab) -> None:
        self.lab = lab
        self._run = widgets.Button(description="Run on this machine", layout=widgets.Layout(width="auto"))
        self._view = KernelView(beside=True)
        self._run.on_click(lambda _: self._view.show(lab.trace))
        note = widgets.HTML(
            "Runs the operations up to here with real processes on this machine's kernel, and asks it the same."
        )
        super().__init__([widgets.HBox([self._run, note]), self._view], layout=FULL)

    def __repr__(self) -> str:
        return repr(self._view)

    def draw(self) -> None:
        """What is shown belongs to where it was asked for."""
        self._view.outdated(self.lab.trace)


def _as_json(x: Trace) -> str:
    """A trace as text, an operation a line."""
    checked = trace.validate(x)
    lines = ",\n  ".join(json.dumps(op) for op in checked["ops"])
    machine = json.dumps(checked["machine"])
    return f'{{"version": {checked["version"]}, "machine": {machine}, "ops": [\n  {lines}\n]}}\n'


def _download(text: str, name: str) -> str:
    data = base64.b64encode(text.encode()).decode()
    return f'<a class="cowlab-button" download="{escape(name)}" href="data:text/plain;base64,{data}">Save</a>'


_ENDINGS = {"Python": "py", "C": "c", "trace": "json"}
_TOOLTIPS = ["the same with cowlab, in Python", "the same on a real kernel, in C", "the operations as data"]
