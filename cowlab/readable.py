"""What is shown is shown to everybody: a widget where one can run, else its text or its picture."""

from __future__ import annotations

from typing import Any


class Readable:
    """Gives Jupyter a widget, and `forms` to those who run none: in a terminal, on paper, in a saved notebook.

    It comes first among the bases of a widget.
    """

    def forms(self) -> dict[str, Any]:
        """What is shown without a widget, by MIME type."""
        return {"text/plain": repr(self)}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """What Jupyter asks for: the widget, if this is one, and the other forms. anywidget adds metadata."""
        of_widget = getattr(super(), "_repr_mimebundle_", None)
        made = of_widget(**kwargs) if of_widget else None
        if isinstance(made, tuple):
            data, metadata = made
            return {**data, **self.forms()}, metadata
        return {**(made or {}), **self.forms()}
