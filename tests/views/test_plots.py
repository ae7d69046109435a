"""The picture: what it holds is tested through its parts; how it looks was looked at."""

from __future__ import annotations

import io
from itertools import combinations

import pytest
from PIL import Image

from cowlab import Machine, scenarios, trace
from cowlab.views.observation import Memory, observe
from cowlab.views.palette import BY_MORE, BY_TWO, FREE, INK, PAPER, PRIVATE, QUIET, TABLE
from cowlab.views.plots import Picture, pages_in_a_cell

STATES = (PRIVATE, BY_TWO, BY_MORE, TABLE)


def memory_of(**values) -> Memory:
    made = scenarios.fork_sharing(**values)
    return observe(trace.run(Machine(**made["machine"]), made["ops"]), made["ops"])


def colours(png: bytes) -> set[tuple[int, ...]]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return {colour for count, colour in image.getcolors(1 << 24) if count > 200}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[n : n + 2], 16) for n in (1, 3, 5))


def luminance(colour: str) -> float:
    parts = [n / 255 for n in rgb(colour)]
    linear = [n / 12.92 if n <= 0.04045 else ((n + 0.055) / 1.055) ** 2.4 for n in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_picture_has_the_colours_of_the_states_that_are_there() -> None:
    seen = colours(Picture().png(memory_of(children=1, written_percent=50)))
    assert rgb(PRIVATE.fill) in seen
    assert rgb(BY_TWO.fill) in seen


def test_a_picture_drawn_again_is_the_same() -> None:
    picture, first, second = Picture(), memory_of(), memory_of(children=20)
    png = picture.png(first)
    assert picture.png(second) != png
    assert picture.png(first) == png


@pytest.mark.parametrize(("size", "pages"), [("64 KiB", 1), ("128 KiB", 1), ("256 KiB", 2), ("300 MiB", 2400)])
def test_a_cell_stands_for_so_many_pages(size: str, pages: int) -> None:
    assert pages_in_a_cell(memory_of(size=size)) == pages


@pytest.mark.parametrize("children", [0, 1, 7, 50])
def test_any_number_of_processes_can_be_drawn(children: int) -> None:
    assert Picture(table=True).png(memory_of(children=children))


def test_a_machine_without_processes_can_be_drawn() -> None:
    assert Picture(table=True).png(observe(Machine()))


@pytest.mark.parametrize("look", STATES, ids=lambda look: look.word)
def test_cells_stand_out_from_the_paper_three_to_one(look) -> None:
    assert contrast(look.fill, PAPER) >= 3


@pytest.mark.parametrize(
    ("text", "ground"),
    [(INK, PAPER), (QUIET, PAPER), (PRIVATE.text, PRIVATE.fill), (BY_MORE.text, BY_MORE.fill), (FREE.text, FREE.fill)],
)
def test_text_stands_out_from_its_ground(text: str, ground: str) -> None:
    assert contrast(text, ground) >= 4.5


def test_states_differ_in_texture_and_not_in_colour_alone() -> None:
    for one, other in combinations((*STATES, FREE), 2):
        assert one.hatch != other.hatch or contrast(one.fill, other.fill) >= 3
