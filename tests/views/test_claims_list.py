"""The list of a lesson's claims: complete, linked one by one, and in its saved text the same on every machine."""

from __future__ import annotations

import platform
from urllib.parse import unquote, urlsplit

import pytest
from test_pieces import Page

import cowlab
from cowlab.course import claims, report
from cowlab.views import Claims

LESSON = "01_fork_sharing"
CLAIMS = claims.claims_of(LESSON)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's environment says, a report is a mail to nobody."""
    monkeypatch.setattr(report, "recipient", lambda: "")


def links(shown: Claims) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in Page(shown.value).elements if tag == "a"]


def test_every_claim_stands_in_it_with_its_figure_and_its_source() -> None:
    shown = Claims(LESSON)
    page = Page(shown.value)
    for text in (page.text, repr(shown)):
        assert f"{len(CLAIMS)} figures of this lesson, computed by cowlab {cowlab.__version__}" in text
        for claim in CLAIMS:
            assert claim.name in text
            assert claim.sentence in text
    assert page.text.lower().count("source: the model") == repr(shown).lower().count("source: the model") == len(CLAIMS)


def test_it_is_folded_up_until_it_is_opened() -> None:
    elements = Page(Claims(LESSON).value).elements
    assert ("details", {"class": "cowlab-claims"}) in elements  # not open
    assert "summary" in [tag for tag, _ in elements]


def test_each_link_reports_its_own_claim_and_says_so() -> None:
    for claim, link in zip(CLAIMS, links(Claims(LESSON)), strict=True):
        assert link["aria-label"] == f"report a mistake in: {claim.name}"
        query = unquote(urlsplit(str(link["href"])).query)
        assert query.startswith(f"subject=Mistake in {claim.name} ({LESSON})&body=")
        assert claim.sentence in query
        assert report.computed_by() in query


def test_links_leave_the_notebook_where_it_is() -> None:
    for link in links(Claims(LESSON)):
        assert (link["target"], link["rel"]) == ("_blank", "noopener noreferrer")


def test_it_says_that_nothing_is_sent_and_what_a_report_tells() -> None:
    text = Page(Claims(LESSON).value).text
    assert report.note("") in text
    assert report.computed_by() in text


def test_its_text_is_the_same_on_every_machine_and_wherever_reports_go(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Claims(LESSON)._repr_mimebundle_()
    monkeypatch.setattr(report, "recipient", lambda: "https://example.org/issues/new")
    monkeypatch.setattr(platform, "release", lambda: "7.0.1-elsewhere")
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.1")
    there = Claims(LESSON)
    assert "7.0.1-elsewhere" in there.value and "3.99.1" in there.value
    assert there._repr_mimebundle_()["text/plain"] == here["text/plain"]
    assert here.keys() == {"text/plain", "application/vnd.jupyter.widget-view+json"}


def test_what_stands_in_a_claim_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claims.Claim("odd", 'Less than <b>{}</b> & "more".', lambda: 3, source="<a> & co")
    monkeypatch.setattr("cowlab.views.claims_list.claims_of", lambda lesson: [claim])
    page = Page(Claims("any").value)
    assert 'Less than <b>3</b> & "more".' in page.text
    assert "source: <a> & co" in page.text
    assert [tag for tag, _ in page.elements].count("a") == 1


def test_a_lesson_without_claims_is_an_error_that_names_those_with_some() -> None:
    with pytest.raises(ValueError, match="no lesson '01' has claims: there are 01_fork_sharing, "):
        Claims("01")


def test_a_claim_reads_as_a_sentence_with_single_spaces() -> None:
    claim = claims.Claim("row", "Of a row: {}.", lambda: 7, "{:>4} of  8", beside="mode 0: {}")
    assert claim.text == "   7 of  8"
    assert claim.shown == "mode 0:    7 of  8"
    assert claim.sentence == "Of a row: 7 of 8."
