"""Pictures of views, to keep: as a PNG, or as an SVG, which stays sharp at any size."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Literal, get_args

from ..files import write_whole
from ..readable import Readable
from .marks import Sheet
from .sheet_png import png
from .sheet_svg import svg

Form = Literal["png", "svg"]
FORMS: tuple[Form, ...] = get_args(Form)


class Pictured(Readable):
    """A view that can be drawn on a sheet (`drawn`) and told in words (`description`)."""

    @property
    def description(self) -> str:
        """All that the view shows, in words and figures."""
        raise NotImplementedError(f"{type(self).__name__} has no textual twin: define description")

    def forms(self) -> dict[str, Any]:
        """The picture and its description, for readers that run no widgets."""
        return {"text/plain": self.description, "image/png": base64.b64encode(self.picture()).decode()}

    def drawn(self) -> Sheet:
        """The view as it is now, on a sheet."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is drawn: define drawn")

    def picture(self, form: Form = "png") -> bytes:
        """The view as it is now: a "png", 1600 pixels wide, or an "svg", with its description in it."""
        if form not in FORMS:
            raise ValueError(f"picture({form!r}): give 'png' or 'svg'")
        return png(self.drawn()) if form == "png" else svg(self.drawn(), self.description)

    def save_picture(self, path: str | Path) -> None:
        """Write the picture to a file, as its name ends: .png or .svg.

        Raises ValueError for another ending, FileNotFoundError where there is no such folder. The file is written
        whole or not at all.
        """
        save(self.picture(form_of(path)), path)


def form_of(path: str | Path) -> Form:
    """The form that the end of a file's name asks for."""
    for form in FORMS:
        if Path(path).suffix.lower() == f".{form}":
            return form
    raise ValueError(f"{str(path)!r}: give a name that ends in .png or .svg, as in 'moment.svg'")


def save(picture: bytes, path: str | Path) -> None:
    """Leave the old file or the new one, never half of one."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r}: make it first, or give another one")
    write_whole(path, picture)
