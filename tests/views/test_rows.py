"""The table of a lesson: every row has the columns of the first, and numbers stand to the right."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from cowlab.views import table


def row(**cells: object) -> dict[str, object]:
    return {"what": "a", "pages": 1, "size": "4 KiB"} | cells


class Cells(HTMLParser):
    """The text of each cell and its side, as a browser would take them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.tag, self.side = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag, self.side = tag, str(dict(attrs).get("style")).removeprefix("text-align:")

    def handle_data(self, data: str) -> None:
        self.found.append((self.tag, data, self.side))


def test_columns_are_aligned_numbers_to_the_right() -> None:
    rows = [row(), row(what="all of them", pages=1234567, size="1.5 GiB")]
    assert repr(table(rows)).splitlines() == [
        "what             pages     size",
        "a                    1    4 KiB",
        "all of them  1,234,567  1.5 GiB",
    ]


def test_a_page_has_the_same_cells_on_the_same_sides() -> None:
    html = table([row(what="<b> & c", pages=2000)])._repr_html_()
    assert Cells(html).found == [
        ("th", "what", "left"), ("th", "pages", "right"), ("th", "size", "right"),
        ("td", "<b> & c", "left"), ("td", "2,000", "right"), ("td", "4 KiB", "right"),
    ]  # fmt: skip


@pytest.mark.parametrize("number", ["7", "-2%", "1,234", "16.0 GiB", "1,803.8 s", "105 µs"])
def test_one_number_puts_its_column_to_the_right(number: str) -> None:
    assert table([{"it": "never"}, {"it": number}]).right == [True]


@pytest.mark.parametrize("words", ["14, independent", "1 have written", "1 + 1", "-", "", "worker 15", "200 or more"])
def test_words_with_a_number_in_them_stay_on_the_left(words: str) -> None:
    assert table([{"it": words}]).right == [False]


def test_whole_numbers_have_their_thousands_apart_and_truth_is_no_number() -> None:
    cells = {"int": 1000, "numpy": np.int64(1000), "float": 0.5, "bool": True, "none": None}
    assert table([cells]).lines == [["1,000", "1,000", "0.5", "True", "None"]]


def test_a_column_may_have_no_name() -> None:
    assert repr(table([{"": "mapped", "n": 12}])) == "         n\nmapped  12"
    assert '<th style="text-align:left"></th>' in table([{"": "mapped", "n": 12}])._repr_html_()


def test_rows_may_come_one_by_one() -> None:
    assert table({"n": n} for n in range(3)).lines == [["0"], ["1"], ["2"]]


def test_no_rows_and_other_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="give one row or more"):
        table([])
    with pytest.raises(ValueError, match=r"row 2 has the columns \['b'\], the first \['a'\]"):
        table([{"a": 1}, {"b": 1}])
    with pytest.raises(ValueError, match="row 2"):
        table([{"a": 1, "b": 2}, {"b": 2, "a": 1}])
