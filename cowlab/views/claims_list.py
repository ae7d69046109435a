"""The claims of a lesson: each figure computed now, with its source and a link to report a mistake.

    Claims("01_fork_sharing")

Its text is the same on every machine. The links, which carry the versions of this one, are in the widget alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from ..__about__ import __version__
from ..course import report
from ..course.claims import Claim, claims_of
from ..readable import Readable
from .piece import STYLE

LINK = "report a mistake"
CLAIMS_STYLE = """<style>
.cowlab-claims { line-height: 1.4; }
.cowlab-claims summary { cursor: pointer; font-weight: 600; }
.cowlab-claims ul { margin: 6px 0; padding-left: 1.5em; max-width: 60em; }
.cowlab-claims li { margin: 0 0 6px 0; overflow-wrap: anywhere; }
.cowlab-claims a { color: var(--jp-content-link-color, LinkText); text-decoration: underline; white-space: nowrap; }
.cowlab-claims a:focus-visible, .cowlab-claims summary:focus-visible {
  outline: 3px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
</style>"""


@dataclass(frozen=True)
class Said:
    """A claim as it is shown, its figure computed."""

    name: str
    sentence: str
    source: str

    @classmethod
    def now(cls, claim: Claim) -> Said:
        return cls(claim.name, claim.sentence, claim.source)


class Claims(Readable, widgets.HTML):
    """Every claim of a lesson, such as "01_fork_sharing", folded up until the reader opens it.

    Raises ValueError for a lesson without claims, and for a COWLAB_REPORT_TO to which no report can go.
    """

    def __init__(self, lesson: str) -> None:
        self.lesson = lesson
        self.said = [Said.now(claim) for claim in claims_of(lesson)]
        super().__init__(self._html(report.recipient()), layout=widgets.Layout(width="100%"))
        self.add_class("cowlab-piece")

    @property
    def title(self) -> str:
        """What the list holds, and the version that its figures are of."""
        return f"{len(self.said)} figures of this lesson, computed by cowlab {__version__}"

    @property
    def text(self) -> str:
        """The same in words, for readers that run no widgets."""
        head = f"{self.title}. To report a mistake, give the name of the figure and this version."
        return "\n".join([head, "", *(f"{said.name}: {said.sentence} (Source: {said.source})" for said in self.said)])

    def __repr__(self) -> str:
        return self.text

    def forms(self) -> dict[str, Any]:
        """The claims as text."""
        return {"text/plain": self.text}

    def _html(self, to: str) -> str:
        told = f"{report.note(to)} A report tells of the figure, its lesson, and {report.computed_by()}."
        items = "".join(self._item(said, to) for said in self.said)
        return (
            f'{STYLE}{CLAIMS_STYLE}<details class="cowlab-claims"><summary>{escape(self.title)}</summary>'
            f'<p class="cowlab-quiet">{escape(told)}</p><ul>{items}</ul></details>'
        )

    def _item(self, said: Said, to: str) -> str:
        """One claim with its link, into a tab of its own: else a browser asks whether to leave the notebook."""
        address = report.link(to, report.of_claim(self.lesson, said.name, said.sentence, said.source))
        return (
            f'<li>{escape(said.sentence)} <span class="cowlab-quiet"><code>{escape(said.name)}</code>, '
            f"source: {escape(said.source)}</span> "
            f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer" '
            f'aria-label="{LINK} in: {escape(said.name)}">{LINK}</a></li>'
        )
