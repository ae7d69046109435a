"""The look of memory: a colour, a texture and a word for each state of a page.

The colours stay apart for readers with red-green blindness and in grey; the texture says the same without
colour. The paper is light, so that a picture reads the same on a light page, on a dark one, and in print.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "#fbfaf6"
INK = "#1d2430"
QUIET = "#5a6270"  # secondary text: 5.9:1 on the paper
LINE = "#c9ccd3"  # between cells
RULE = "#9aa1ad"  # around what is empty
LIGHT = "#ffffff55"  # textures


@dataclass(frozen=True)
class Look:
    """How a state of memory is drawn."""

    word: str
    fill: str
    hatch: str
    text: str


PRIVATE = Look("private", "#c2541a", "", "#ffffff")
BY_TWO = Look("shared by 2", "#3f86c8", "///", "#ffffff")
BY_MORE = Look("shared by more", "#174a7e", "..", "#ffffff")
TABLE = Look("page table", "#6c6f78", "---", "#ffffff")
FREE = Look("free, but taken if nothing were shared", PAPER, "", QUIET)
USED = Look("in use", INK, "", "#ffffff")

LEGEND = (PRIVATE, BY_TWO, BY_MORE, TABLE, FREE)


def look_of(mappers: int) -> Look:
    """The look of a page whose frame has so many mappers; FREE for a page without a frame."""
    return (FREE, PRIVATE, BY_TWO)[mappers] if mappers < 3 else BY_MORE
