"""A sheet as a PNG.

Matplotlib draws the boxes and the lines, a collection for each look. Pillow, which matplotlib brings, sets the text:
matplotlib (3.11) took 100 of the 130 ms of such a picture for its letters, Pillow takes 3.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from .marks import AREA_TEXTURE, RULE_WIDTH, SHARPNESS, TEXTURE, WIDTH, Corner, Sheet, Text, corners
from .palette import INK, LINE, PAPER, Look


class Paper:
    """What sheets are drawn on: a figure, which takes a while to make, and can be used again."""

    def __init__(self) -> None:
        self._figure = Figure(facecolor=PAPER, dpi=100 * SHARPNESS)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()

    def png(self, sheet: Sheet, fast: bool = False) -> bytes:
        """The sheet as an opaque PNG; `fast` packs it in a tenth of the time into four times the bytes."""
        self._clear(sheet)
        self._put(sheet)
        canvas = FigureCanvasAgg(self._figure)
        canvas.draw()
        drawn = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
        image = drawn.convert("RGB")
        pen = ImageDraw.Draw(image)
        for text in sheet.texts:
            _set_text(pen, text, sheet.top)
        buffer = io.BytesIO()
        packing = {"compress_level": 1, "compress_type": zlib.Z_RLE} if fast else {"optimize": True}
        image.save(buffer, "png", **packing)
        return buffer.getvalue()

    def _clear(self, sheet: Sheet) -> None:
        for mark in list(self._axes.collections):
            mark.remove()
        self._axes.set(xlim=(0, WIDTH), ylim=(sheet.bottom, sheet.top))
        self._figure.set_size_inches(WIDTH / 100, (sheet.top - sheet.bottom) / 100)

    def _put(self, sheet: Sheet) -> None:
        add = self._axes.add_collection
        for look, shape in sheet.areas:
            add(_filled([shape], look, AREA_TEXTURE))
        for look, boxes in sheet.boxes.items():
            add(_filled([corners(box) for box in boxes], look, TEXTURE))
        for (colour, width), boxes in sheet.outlines.items():
            shapes = [corners(box) for box in boxes]
            add(PolyCollection(shapes, facecolor="none", edgecolor=colour, linewidth=width))
        for line in sheet.lines:
            style = "dashed" if line.dashed else "solid"
            add(LineCollection([line.ends], colors=INK, linewidths=line.width, linestyles=style))
        add(LineCollection(sheet.rules, colors=LINE, linewidths=RULE_WIDTH))


def png(sheet: Sheet) -> bytes:
    """The sheet as an opaque PNG."""
    return Paper().png(sheet)


def _filled(shapes: Sequence[Sequence[Corner]], look: Look, texture: str) -> PolyCollection:
    edge = f"{look.text_light}{texture}" if look.hatch else "none"
    return PolyCollection(shapes, facecolor=look.light, edgecolor=edge, hatch=look.hatch or None, linewidth=0)


def _set_text(pen: ImageDraw.ImageDraw, text: Text, top: float) -> None:
    place = (text.x * SHARPNESS, (top - text.y) * SHARPNESS)
    if text.ground:
        left, above, right, below = pen.textbbox(place, text.text, font=text.font, anchor=text.anchor)
        pen.rectangle((left - 5, above - 4, right + 5, below + 4), fill=text.ground)
    pen.text(place, text.text, font=text.font, fill=text.colour, anchor=text.anchor)
