"""What the pieces beside the map draw with: a sheet that is written from the top downwards."""

from __future__ import annotations

from .marks import WIDTH, Sheet, text_width
from .palette import INK, QUIET

LEFT, RIGHT = 16, WIDTH - 16
MOST_ROWS = 60  # of processes, groups or events: more would be a picture that nobody can look at


class Scroll:
    """A sheet, and how far down it is written. It begins with the title of a piece and how to read it."""

    def __init__(self, title: str, how_to_read: str) -> None:
        self.sheet = Sheet(0, 0)
        self.y = 0.0
        self.skip(10)
        self.text(title, size=12, bold=True)
        self.text(how_to_read, colour=QUIET)
        self.skip(8)

    def skip(self, height: float) -> None:
        """Go down. The sheet is as long as it is written."""
        self.y -= height
        self.sheet.bottom = self.y

    def text(
        self, text: str, *, size: float = 10, colour: str = INK, bold: bool = False, edges: tuple[float, float] = (0, 0)
    ) -> None:
        """Write between `edges`, in as many lines as it takes."""
        left, right = edges if edges[1] else (LEFT, RIGHT)
        for line in wrapped(text, size, right - left, bold):
            self.sheet.write(left, self.y - size, line, size=size, colour=colour, bold=bold)
            self.skip(2 * size)

    def left_out(self, number: int) -> None:
        """Say how many more there are; nothing if there are none."""
        if number > 0:
            self.text(f"and {number:,} more, not drawn", colour=QUIET)


def wrapped(text: str, size: float, width: float, bold: bool = False) -> list[str]:
    """A text in lines that are no wider, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and text_width(longer, size, bold) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def shortened(text: str, size: float, width: float, bold: bool = False) -> str:
    """As much of a text as there is room for."""
    while text_width(text, size, bold) > width and len(text) > 1:
        text = text.rstrip("…")[:-1] + "…"
    return text
