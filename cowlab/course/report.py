"""Reports of mistakes: what a report says, and a link that opens it, filled in, where reports are wanted.

Nothing is sent from here: the link opens a mail, or the form of an issue tracker, which the reader sends or does not.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ..__about__ import __version__

SETTING = "COWLAB_REPORT_TO"
"""The environment variable that says where reports go."""
LABEL = "issues"
"""What the package's metadata call the address of its issue tracker; case does not count."""
_MAIL = re.compile(r"[^\s@<>,;:?&/]+@[^\s@<>,;:?&/]+")


@dataclass(frozen=True)
class Report:
    """What a reader starts from, to tell of a mistake in one claim."""

    title: str
    body: str


def of_claim(lesson: str, name: str, sentence: str, source: str) -> Report:
    """A report on a claim of a lesson, with room for what is wrong. `sentence` has the figure."""
    lines = [
        "What is wrong, or unclear:",
        "",
        "",
        f"The claim {name} of the lesson {lesson}:",
        sentence,
        f"Source: {source}",
        "",
        computed_by(),
    ]
    return Report(f"Mistake in {name} ({lesson})", "\n".join(lines))


def computed_by() -> str:
    """The versions that a figure depends on, if it should depend on any: cowlab's, Python's and the kernel's."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"cowlab {__version__}, Python {platform.python_version()}, {system}"


# Where a report goes --------------------------------------------------------------------------------------------------


def recipient() -> str:
    """A mail address, the address of a tracker's page for new issues, or "" if nobody said where reports go.

    COWLAB_REPORT_TO comes first, then "Issues" in the metadata of the installed package. Raises ValueError for what
    is no such address.
    """
    if named := os.environ.get(SETTING, "").strip():
        return _checked(named, SETTING)
    return _checked(published, "the address of issues in cowlab's metadata") if (published := _published()) else ""


def link(to: str, report: Report) -> str:
    """The address that opens the report, filled in, at a recipient as `recipient` gives it."""
    if _is_page(to):
        return _form(urlsplit(to), report)
    body = report.body.replace("\n", "\r\n")  # as RFC 6068 has line breaks
    return f"mailto:{quote(to, safe='@')}?subject={quote(report.title, safe='')}&body={quote(body, safe='')}"


def note(to: str) -> str:
    """What a link does at that recipient, and that nothing is sent before, in sentences for the reader."""
    if _is_page(to):
        host = urlsplit(to).netloc
        return (
            f"Nothing is sent before you open a link. It opens a form at {host}, filled in, and {host} gets the text "
            "with that. It becomes a report when you send it."
        )
    mail = f"a mail to {to}" if to else "a mail"
    whom = "" if to else " Address it to whoever gave you this course."
    return f"A link opens {mail} in your own mail program, filled in.{whom} Nothing is sent until you send it."


def _published() -> str:
    """The address of issues that the installed package names; "" if it names none."""
    try:
        addresses = metadata.metadata("cowlab").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        return ""
    pairs = [address.partition(",") for address in addresses]
    return next((address.strip() for label, _, address in pairs if label.strip().lower() == LABEL), "")


def _checked(value: str, named: str) -> str:
    """The address in `value`, of which `named` says where it stands."""
    mail = value.removeprefix("mailto:")
    if _MAIL.fullmatch(mail):
        return mail
    if _is_page(value) and not re.search(r"\s", value) and _host(value):
        return value
    raise ValueError(
        f"{named} is {value!r}, and reports cannot go there: give a mail address (teacher@example.org) or the address "
        "of a tracker's page for new issues (https://example.org/course/issues/new)"
    )


def _is_page(value: str) -> bool:
    return value.startswith(("https://", "http://"))


def _host(value: str) -> str:
    """The host in the address of a page; "" if there is none, or what stands there cannot be one."""
    try:
        return urlsplit(value).hostname or ""
    except ValueError:
        return ""


def _form(page: SplitResult, report: Report) -> str:
    """The page for a new issue with title and body filled in; of a tracker's list, the page for new ones beside it."""
    path = page.path.rstrip("/")
    path = f"{path}/new" if path.endswith("/issues") else page.path
    query = [*parse_qsl(page.query, keep_blank_values=True), ("title", report.title), ("body", report.body)]
    return urlunsplit(page._replace(path=path, query=urlencode(query, quote_via=quote)))
