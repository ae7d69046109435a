"""Reports of mistakes: what a link carries, read back from it, and where it leads under each setting."""

from __future__ import annotations

import platform
from email.message import Message
from importlib import metadata
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest

import cowlab
from cowlab.course import claims, report
from cowlab.course.report import SETTING, Report

AWKWARD = Report("Mistake in a&b (50%)?", 'What is wrong:\n\n"5 + 5 = 10 µs" & more; see #7 <here>')
TRACKER = "https://example.org/course/issues/new"
BAD = [
    "nobody", "ada@", "@example.org", "ada lovelace@example.org", "ada@example.org, bob@example.org", "mailto:",
    "https://", "https:///issues", "https://[example", "https://example.org/a b", "ftp://example.org/issues",
    "file:///etc/passwd", "javascript:alert(1)", "example.org/issues",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's environment nor what is installed says where reports go."""
    monkeypatch.delenv(SETTING, raising=False)
    publish(monkeypatch)


def publish(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Have the installed package name these addresses."""
    named = Message()
    for address in addresses:
        named["Project-URL"] = address
    monkeypatch.setattr(metadata, "metadata", lambda name: named)


def opened(link: str) -> tuple[str, Report]:
    """What a mail program makes of a link: the recipient, and the report."""
    parts = urlsplit(link)
    fields = dict(field.split("=") for field in parts.query.split("&"))
    assert parts.scheme == "mailto"
    assert "+" not in parts.query  # which is no space in a mail
    body = unquote(fields["body"])
    assert "\n" not in body.replace("\r\n", "")
    return unquote(parts.path), Report(unquote(fields["subject"]), body.replace("\r\n", "\n"))


# What a report says -----------------------------------------------------------------------------------------------


def test_a_report_names_the_claim_with_its_figure_the_lesson_and_the_versions() -> None:
    claim = claims.find("crowd_rss")
    made = report.of_claim("01_fork_sharing", claim.name, claim.sentence, claim.source)
    assert made.title == "Mistake in crowd_rss (01_fork_sharing)"
    assert "The claim crowd_rss of the lesson 01_fork_sharing:" in made.body
    assert "The RSS of 300 MiB and 50 children adds up to 15 GiB." in made.body
    assert "Source: the model" in made.body
    for version in (f"cowlab {cowlab.__version__}", f"Python {platform.python_version()}", platform.release()):
        assert version in made.body


# The link ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["", "ada@example.org", "ada+course=1%@example.org"])
def test_a_mail_is_read_back_as_it_was_written(to: str) -> None:
    assert opened(report.link(to, AWKWARD)) == (to, AWKWARD)


@pytest.mark.parametrize("claim", claims.claims_of("08_headroom_and_alerts")[-4:-2], ids=lambda claim: claim.name)
def test_a_claim_is_read_back_from_a_form(claim: claims.Claim) -> None:
    made = report.of_claim("08_headroom_and_alerts", claim.name, claim.sentence, claim.source)
    link = urlsplit(report.link(TRACKER, made))
    assert (link.scheme, link.netloc, link.path) == ("https", "example.org", "/course/issues/new")
    assert parse_qs(link.query, strict_parsing=True) == {"title": [made.title], "body": [made.body]}


def test_a_form_keeps_what_its_address_asks_for_already() -> None:
    link = urlsplit(report.link(f"{TRACKER}?labels=lesson%20text&template=", AWKWARD))
    asked = parse_qsl(link.query, keep_blank_values=True)
    assert asked[:2] == [("labels", "lesson text"), ("template", "")]
    assert asked[2:] == [("title", AWKWARD.title), ("body", AWKWARD.body)]


@pytest.mark.parametrize("page", ["https://example.org/course/issues", "https://example.org/course/issues/"])
def test_the_list_of_issues_leads_to_the_page_for_a_new_one(page: str) -> None:
    assert urlsplit(report.link(page, AWKWARD)).path == "/course/issues/new"


# Where it leads ---------------------------------------------------------------------------------------------------


def test_where_nobody_said_where_it_is_a_mail_without_recipient() -> None:
    assert report.recipient() == ""
    assert opened(report.link("", AWKWARD))[0] == ""


def test_not_installed_it_is_a_mail_without_recipient(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Message:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", missing)
    assert report.recipient() == ""


@pytest.mark.parametrize("label", ["Issues", "issues"])
def test_the_package_may_name_its_tracker(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    publish(monkeypatch, "Homepage, https://example.org", f"{label}, https://example.org/cowlab/issues")
    assert report.recipient() == "https://example.org/cowlab/issues"


@pytest.mark.parametrize(
    ("setting", "to"),
    [
        ("ada@example.org", "ada@example.org"),
        (" mailto:ada@example.org ", "ada@example.org"),
        (TRACKER, TRACKER),
        ("http://tracker:8080/new?labels=cowlab", "http://tracker:8080/new?labels=cowlab"),
    ],
)
def test_a_teacher_says_where_whatever_the_package_names(
    monkeypatch: pytest.MonkeyPatch, setting: str, to: str
) -> None:
    publish(monkeypatch, "Issues, https://example.org/cowlab/issues")
    monkeypatch.setenv(SETTING, setting)
    assert report.recipient() == to


def test_a_setting_that_is_empty_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, " ")
    assert report.recipient() == ""


@pytest.mark.parametrize("setting", BAD)
def test_a_setting_that_is_no_address_is_an_error_that_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv(SETTING, setting)
    with pytest.raises(ValueError) as error:
        report.recipient()
    assert str(error.value).startswith(f"COWLAB_REPORT_TO is {setting!r}, and reports cannot go there: give a mail")


# What the reader is told ------------------------------------------------------------------------------------------


def test_the_reader_is_told_where_a_report_goes_and_what_is_sent_when() -> None:
    assert report.note("").endswith("Address it to whoever gave you this course. Nothing is sent until you send it.")
    assert "a mail to ada@example.org" in report.note("ada@example.org")
    assert report.note("ada@example.org").endswith("Nothing is sent until you send it.")
    assert report.note(TRACKER).startswith("Nothing is sent before you open a link. It opens a form at example.org")
