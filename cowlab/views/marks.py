"""A sheet to draw on: boxes with a texture, lines and text, in units of its own.

It collects what is drawn; `sheet_png` and `sheet_svg` make a picture of it, each in the order of `Sheet`'s lists.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib import font_manager
from PIL import ImageFont

from .palette import INK, Look

WIDTH = 1000  # of every picture, in its own units
SHARPNESS = 1.6  # pixels of a PNG for a unit
POINT = 100 / 72  # units for a point of type
RULE_WIDTH = 0.6  # of thin lines, in points
TEXTURE = "66"  # how much a texture covers of a box, in hexadecimal: seen at half the size, and calm
AREA_TEXTURE = "55"  # the same of a large area

Box = tuple[float, float, float, float]  # left, bottom, right, top
Corner = tuple[float, float]
Stroke = tuple[Corner, Corner]
Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Line:
    """A line of its own; `width` in points."""

    ends: Stroke
    width: float
    dashed: bool


@dataclass(frozen=True)
class Text:
    """A text, its middle at `y`; `ground` is the colour behind it, if it needs one."""

    x: float
    y: float
    text: str
    size: float
    colour: str
    bold: bool
    align: Align
    ground: str | None

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return font_of(self.size, self.bold)

    @property
    def anchor(self) -> str:
        """Which point of the text is at x and y, as Pillow names it."""
        return {"left": "lm", "center": "mm", "right": "rm"}[self.align]


class Sheet:
    """Collects marks. What comes first here lies below: areas, boxes, outlines, lines, thin lines, texts."""

    def __init__(self, bottom: float, top: float) -> None:
        self.bottom, self.top = bottom, top
        self.areas: list[tuple[Look, Sequence[Corner]]] = []
        self.boxes: dict[Look, list[Box]] = {}
        self.outlines: dict[tuple[str, float], list[Box]] = {}
        self.lines: list[Line] = []
        self.rules: list[Stroke] = []
        self.texts: list[Text] = []

    def area(self, look: Look, corners: Sequence[Corner]) -> None:
        """A large area in the colour and texture of `look`."""
        self.areas.append((look, corners))

    def fill(self, look: Look, *boxes: Box) -> None:
        """Boxes in the colour and texture of `look`."""
        self.boxes.setdefault(look, []).extend(boxes)

    def frame(self, box: Box, colour: str, width: float = 1.1) -> None:
        """The outline of a box, above fills; `width` in points."""
        self.outlines.setdefault((colour, width), []).append(box)

    def line(self, start: Corner, end: Corner, width: float, dashed: bool = False) -> None:
        """A line in ink; `width` in points."""
        self.lines.append(Line((start, end), width, dashed))

    def rule(self, strokes: Iterable[Stroke]) -> None:
        """Thin lines."""
        self.rules.extend(strokes)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 10,
        colour: str = INK,
        bold: bool = False,
        align: Align = "left",
        on: Look | None = None,
    ) -> None:
        """Text, its middle at `y`; `on` a look, whose texture must not run through the letters."""
        self.texts.append(Text(x, y, text, size, colour, bold, align, on.light if on else None))


@functools.cache
def font_of(size: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Matplotlib's own font, which is wherever matplotlib is, in the size that it has in a PNG."""
    weight = "bold" if bold else "normal"
    path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
    return ImageFont.truetype(path, round(size * POINT * SHARPNESS))


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is, in units."""
    return font_of(size, bold).getlength(text) / SHARPNESS


def corners(box: Box) -> Sequence[Corner]:
    """Of a box, around it."""
    left, bottom, right, top = box
    return [(left, bottom), (right, bottom), (right, top), (left, top)]
