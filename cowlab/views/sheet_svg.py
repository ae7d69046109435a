"""A sheet as an SVG: shapes that stay sharp at any size, text that can be searched and edited, and its description.

The order is that of the PNG, and so are the textures: matplotlib gives their outlines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from matplotlib.hatch import get_path
from matplotlib.path import Path

from .marks import (
    AREA_TEXTURE,
    POINT,
    RULE_WIDTH,
    SHARPNESS,
    TEXTURE,
    WIDTH,
    Corner,
    Line,
    Sheet,
    Stroke,
    Text,
    corners,
)
from .palette import INK, LINE, PAPER, Look

FONTS = "'DejaVu Sans', Verdana, Geneva, sans-serif"  # one of them is everywhere, and none is much wider
TILE = 100  # units that a texture repeats after: an inch, as matplotlib's
DASHES = (3.7, 1.6)  # lengths of a dash and a gap in widths of the line, as matplotlib's
ANCHORS = {"left": "start", "center": "middle", "right": "end"}
COMMANDS = {int(Path.MOVETO): "M", int(Path.LINETO): "L", int(Path.CURVE3): "Q", int(Path.CURVE4): "C"}


def svg(sheet: Sheet, description: str) -> bytes:
    """The sheet as an SVG. The first line of `description` is its title. Equal sheets give equal bytes."""
    height = _number(sheet.top - sheet.bottom)
    title = description.partition("\n")[0]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' role="img" xml:lang="en">',
        f"<title>{_escaped(title)}</title>",
        f"<desc>{_escaped(description)}</desc>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        *_Marks(sheet).lines(),
        "</svg>",
    ]
    return ("\n".join(lines) + "\n").encode()


class _Marks:
    """The marks of a sheet as elements: its y goes up, an SVG's goes down."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.textures: dict[tuple[str, str, str], str] = {}  # (hatch, colour, cover): its name

    def lines(self) -> list[str]:
        marks = [*self._fills(), *self._outlines(), *self._strokes(), *self._texts()]
        textures = [line for texture, name in self.textures.items() for line in _texture(name, *texture)]
        return ["<defs>", *textures, "</defs>", *marks] if textures else marks

    def _fills(self) -> Iterator[str]:
        yield '<g shape-rendering="crispEdges">'  # else the paper shines through between neighbours
        for look, shape in self.sheet.areas:
            yield from self._filled(look, [shape], AREA_TEXTURE)
        for look, boxes in self.sheet.boxes.items():
            yield from self._filled(look, map(corners, boxes), TEXTURE)
        yield "</g>"

    def _filled(self, look: Look, shapes: Iterable[Sequence[Corner]], cover: str) -> Iterator[str]:
        """The colour alone, then the texture: a program that knows no patterns still shows the colour."""
        outline = "".join(map(self._polygon, shapes))
        yield f'<path fill="{look.light}" d="{outline}"/>'
        if look.hatch:
            name = self.textures.setdefault((look.hatch, look.text_light, cover), f"texture{len(self.textures) + 1}")
            yield f'<path fill="url(#{name})" d="{outline}"/>'

    def _outlines(self) -> Iterator[str]:
        for (colour, width), boxes in self.sheet.outlines.items():
            outline = "".join(self._polygon(corners(box)) for box in boxes)
            yield f'<path{_pen(colour, width)} d="{outline}"/>'

    def _strokes(self) -> Iterator[str]:
        for line in self.sheet.lines:
            yield f'<path{_pen(INK, line.width)}{_dashes(line)} d="{self._stroke(line.ends)}"/>'
        if self.sheet.rules:
            yield f'<path{_pen(LINE, RULE_WIDTH)} d="{"".join(map(self._stroke, self.sheet.rules))}"/>'

    def _texts(self) -> Iterator[str]:
        yield f'<g font-family="{FONTS}">'
        for text in self.sheet.texts:
            if text.ground:
                yield self._ground(text)
            yield self._text(text)
        yield "</g>"

    def _ground(self, text: Text) -> str:
        """A box behind a text, as large as in the PNG."""
        left, above, right, below = text.font.getbbox(text.text, anchor=text.anchor)
        x, y = text.x + (left - 5) / SHARPNESS, self._down(text.y) + (above - 4) / SHARPNESS
        width, height = (right - left + 10) / SHARPNESS, (below - above + 8) / SHARPNESS
        sides = zip(("x", "y", "width", "height"), (x, y, width, height), strict=True)
        return f'<rect fill="{text.ground}" {" ".join(f"{name}={_quoted(side)}" for name, side in sides)}/>'

    def _text(self, text: Text) -> str:
        ascent, descent = text.font.getmetrics()
        baseline = self._down(text.y) + (ascent - descent) / 2 / SHARPNESS  # programs differ in what they call a middle
        anchor = "" if text.align == "left" else f' text-anchor="{ANCHORS[text.align]}"'
        weight = ' font-weight="bold"' if text.bold else ""
        return (
            f"<text x={_quoted(text.x)} y={_quoted(baseline)} font-size={_quoted(text.font.size / SHARPNESS)}{weight}"
            f'{anchor} fill="{text.colour}">{_escaped(text.text)}</text>'
        )

    def _polygon(self, shape: Sequence[Corner]) -> str:
        return f"M{'L'.join(map(self._place, shape))}Z"

    def _stroke(self, ends: Stroke) -> str:
        return f"M{'L'.join(map(self._place, ends))}"

    def _place(self, corner: Corner) -> str:
        return f"{_number(corner[0])} {_number(self._down(corner[1]))}"

    def _down(self, y: float) -> float:
        return self.sheet.top - y


def _pen(colour: str, width: float) -> str:
    return f' fill="none" stroke="{colour}" stroke-width={_quoted(width * POINT)}'


def _dashes(line: Line) -> str:
    if not line.dashed:
        return ""
    lengths = " ".join(_number(length * line.width * POINT) for length in DASHES)
    return f' stroke-dasharray="{lengths}"'


def _texture(name: str, hatch: str, colour: str, cover: str) -> list[str]:
    """A texture as a pattern; `cover` is how much of the fill it covers, in hexadecimal."""
    opacity = _number(int(cover, 16) / 255)
    steps = (_step(points, int(code)) for points, code in get_path(hatch).iter_segments(simplify=False))
    return [
        f'<pattern id="{name}" width="{TILE}" height="{TILE}" patternUnits="userSpaceOnUse">',
        f'<path fill="{colour}" fill-opacity="{opacity}" stroke="{colour}" stroke-opacity="{opacity}"'
        f' stroke-width={_quoted(POINT)} d="{"".join(steps)}"/>',
        "</pattern>",
    ]


def _step(points: Iterable[float], code: int) -> str:
    """A step of an outline in the unit square, with y upwards, on a tile; the points are x, y, x, y, ..."""
    if code == Path.CLOSEPOLY:
        return "Z"
    return COMMANDS[code] + " ".join(_number(TILE * (1 - p if n % 2 else p)) for n, p in enumerate(points))


def _number(x: float) -> str:
    return f"{round(float(x), 2) + 0.0:.7g}"  # adding 0.0 makes 0 of -0


def _quoted(x: float) -> str:
    return f'"{_number(x)}"'


def _escaped(text: str) -> str:
    """Text for XML, which has no place for control characters."""
    return escape(re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text), quote=False)
