"""A control for each parameter of a scenario: a slider or a check box, its unit, and one line of help."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets as widgets

from ..scenarios import Parameter, Range, Size
from ..units import parse_size
from .slider import Slider

WIDE = widgets.Layout(width="auto")
LABEL = {"description_width": "initial"}


class Control(widgets.VBox):
    """The control of one parameter, with its help below. `value` is the parameter's value."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        self.input = _input_for(parameter)
        self.note = widgets.HTML(layout=widgets.Layout(margin="-6px 0 0 4px"))
        self.complain("")
        super().__init__([self.input, self.note], layout=widgets.Layout(margin="0 0 4px 0"))

    def __repr__(self) -> str:
        return f"<Control {self.parameter.name} = {self.value!r}>"

    @property
    def value(self) -> Any:
        return self.input.value

    def complain(self, text: str) -> None:
        """Say beside the control what is wrong with its value; "" for nothing."""
        alert = f'<div role="alert" class="cowlab-alert">{escape(text)}</div>' if text else ""
        note = f'<div class="cowlab-note">{escape(self.parameter.help)}</div>{alert}'
        if self.note.value != note:
            self.note.value = note

    def show(self, value: Any) -> None:
        """Have the control say `value`, checked before; one between two stops becomes a stop of its own."""
        if isinstance(self.input, Slider) and value not in self.input.options:
            in_order = parse_size if isinstance(self.parameter.values, Size) else None
            self.input.options = sorted([*self.input.options, value], key=in_order)
        self.input.value = value


def title_of(parameter: Parameter) -> str:
    """The parameter's name as people say it, with its unit: "written_percent" is "written (%)"."""
    name = parameter.name.removesuffix("_percent").replace("_", " ")
    return name if parameter.unit in ("", name) else f"{name} ({parameter.unit})"


def _input_for(parameter: Parameter) -> Any:
    title, values = title_of(parameter), parameter.values
    if isinstance(values, Range):
        return Slider(range(values.low, values.high + 1, values.step), parameter.default, title)
    if isinstance(values, Size):
        return Slider(values.stops, parameter.default, title)
    return widgets.Checkbox(parameter.default, description=title, indent=True, style=LABEL, layout=WIDE)
