"""The look of memory: a colour, a texture and a word for each state of a page or of a frame.

Private memory is warm, shared memory is blue and darker the more share it, what is of the system is grey; red is what a
rule left broken. The colours stay apart for readers with red-green blindness, on a light page and on a dark one; where
two come near, their textures differ. `tests/views/test_palette.py` computes both.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

PAPER = "#fbfaf6"  # under pictures: they read the same on a light page, on a dark one, and in print
INK = "#1d2430"
QUIET = "#5a6270"  # secondary text: 5.9:1 on the paper
LINE = "#c9ccd3"  # between cells
RULE = "#868d99"  # around what is empty: 3.2:1 on the paper

_WHITE, _BLACK = "#ffffff", "#0b1016"  # text on a fill
_FAINT, _PALE = "#5a6270", "#a3aab6"  # the outline of what is empty, on a light page and on a dark one


@dataclass(frozen=True)
class Look:
    """How a state is drawn. Colours are "#rrggbb"; `light` and `dark` fill a cell on a light page and on a dark one."""

    word: str
    light: str
    dark: str
    text_light: str
    """Of text, textures and outlines on the fill."""
    text_dark: str
    mark: str
    """The texture in the browser: one of MARKS."""
    hatch: str
    """The texture on paper, as matplotlib names it."""


MARKS = {
    "none": "the fill alone",
    "outline": "a thin line around: there is nothing in the cell",
    "hatch": "dense diagonal lines: there is not even a cell",
    "stripe": "a few diagonal lines",
    "dots": "rows of dots",
    "ring": "one ring",
    "lines": "horizontal lines",
    "grid": "horizontal and vertical lines",
    "cross": "a cross from corner to corner",
    "border": "a thick line around, inside the cell",
    "bang": "!",
    "question": "?",
    "notequal": "≠",
}

# States, the numbers that stand for them in records of pages.
HOLE, UNTOUCHED, PRIVATE, TWO, MORE, ZERO, FILE, TABLE, SWAPPED, COPIED, LEAKED, DANGLING, WRONG, FREE = range(14)
SHARED, DIFFERS = 14, 15

STATES = (
    Look("not mapped", "#eceef1", "#2a2d33", _FAINT, _PALE, "hatch", "xxxx"),
    Look("untouched", "#ffffff", "#16181c", _FAINT, _PALE, "outline", ""),
    Look("private", "#b94c10", "#e17234", _WHITE, _BLACK, "none", ""),
    Look("shared by 2", "#3479bb", "#67acf0", _WHITE, _BLACK, "stripe", "///"),
    Look("shared by more", "#0a4275", "#2c70b6", _WHITE, _WHITE, "dots", ".."),
    Look("zero page", "#3f96a6", "#80d1db", _BLACK, _BLACK, "ring", "oo"),
    Look("file or shared memory", "#0b6848", "#4baf84", _WHITE, _BLACK, "grid", "++"),
    Look("page table", "#6e7176", "#95979f", _WHITE, _BLACK, "lines", "---"),
    Look("swapped out", "#864d81", "#a27cb2", _WHITE, _BLACK, "cross", "xx"),
    Look("just copied", "#b98306", "#f2c14e", _BLACK, _BLACK, "border", "||"),
    Look("leaked: nobody maps it", "#a8203a", "#ff707b", _WHITE, _BLACK, "bang", "\\\\\\"),
    Look("dangling: maps a free frame", "#e24686", "#ff8ebe", _BLACK, _BLACK, "question", "*"),
    Look("wrong count of mappers", "#741a1a", "#db455a", _WHITE, _BLACK, "notequal", "|||"),
    Look("free", "#ffffff", "#16181c", _FAINT, _PALE, "outline", ""),
    Look("shared", "#0063ac", "#3d8be6", _WHITE, _BLACK, "none", ""),
    # Not a fill but an outline in two tones, one of which shows on any fill.
    Look("differs from the other side", "#0b1016", "#ffffff", _WHITE, _BLACK, "outline", ""),
)
"""The look of each state."""

EMPTY = (HOLE, UNTOUCHED, FREE)
"""States without memory: drawn as an outline."""


def look_for_browser() -> list[dict[str, str]]:
    """What the map in the browser draws with: all of each Look but `hatch`."""
    looks = [asdict(look) for look in STATES]
    for look in looks:
        del look["hatch"]
    return looks
