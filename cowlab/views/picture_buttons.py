"""Buttons that save a picture of the present moment on the reader's own machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget

from .pictures import FORMS, Form

HERE = Path(__file__).parent


class PictureButtons(anywidget.AnyWidget):
    """Two buttons: "Save as PNG" and "Save as SVG".

    `picture(form)` draws, and only when a button is pressed; `name()` is the name of the file without its ending.
    """

    _esm = HERE / "picture_buttons.js"
    _css = HERE / "picture_buttons.css"

    def __init__(self, picture: Callable[[Form], bytes], name: Callable[[], str]) -> None:
        super().__init__()
        self._picture, self._name = picture, name
        self.on_msg(self._receive)

    def __repr__(self) -> str:
        return "<PictureButtons>"

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        if message.get("type") == "save" and message.get("form") in FORMS:
            form = message["form"]
            told = {"form": form, "by": message.get("by"), "name": f"{self._name()}.{form}"}
            self.send(told, [self._picture(form)])
