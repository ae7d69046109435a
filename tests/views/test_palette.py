"""The palette: every number that it promises is computed from its colours.

Contrast is that of WCAG 2.2. Distance is CIEDE2000 (Sharma, Wu and Dalal 2005); 10 is about four times what is just
seen side by side. Red-green blindness is simulated as in Machado, Oliveira and Fernandes (2009), at full severity.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from matplotlib.hatch import get_path

from cowlab.views import palette
from cowlab.views.palette import EMPTY, INK, MARKS, PAPER, QUIET, RULE, STATES, Look, look_for_browser

SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
PAGES = {"light": ("#ffffff", "#f7f7f7", PAPER), "dark": ("#111111", "#212121")}  # JupyterLab's grounds, and paper
FILLS = [look for state, look in enumerate(STATES) if state not in EMPTY and state != palette.DIFFERS]


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(colour) @ TO_XYZ[1]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: str) -> np.ndarray:
    """CIE L*a*b*, white at D65."""
    x = TO_XYZ @ np.clip(SIGHT[sight] @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """CIEDE2000."""
    light, a, b = np.transpose([one, other])
    seventh = np.hypot(a, b).mean() ** 7
    a = a * (1.5 - 0.5 * np.sqrt(seventh / (seventh + 25**7)))
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    turn = (hue[1] - hue[0] + 180) % 360 - 180
    middle, mean, mean_hue = light.mean(), chroma.mean(), np.radians(hue[0] + turn / 2)
    wave = 1 - 0.17 * np.cos(mean_hue - np.radians(30)) + 0.24 * np.cos(2 * mean_hue)
    wave += 0.32 * np.cos(3 * mean_hue + np.radians(6)) - 0.2 * np.cos(4 * mean_hue - np.radians(63))
    by_light = (light[1] - light[0]) / (1 + 0.015 * (middle - 50) ** 2 / np.sqrt(20 + (middle - 50) ** 2))
    by_chroma = (chroma[1] - chroma[0]) / (1 + 0.045 * mean)
    by_hue = 2 * np.sqrt(chroma.prod()) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * mean * wave)
    blue = np.radians(60 * np.exp(-(((np.degrees(mean_hue) % 360 - 275) / 25) ** 2)))
    rotation = -2 * np.sqrt(mean**7 / (mean**7 + 25**7)) * np.sin(blue)
    return float(np.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue))


@pytest.mark.parametrize(
    ("one", "other", "published"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ],
)
def test_the_distance_is_that_of_its_paper(one, other, published: float) -> None:
    assert distance(np.array(one), np.array(other)) == pytest.approx(published, abs=1e-4)


def test_there_is_a_look_for_each_state_and_its_number_is_its_place() -> None:
    words = {palette.HOLE: "not mapped", palette.TWO: "shared by 2", palette.TABLE: "page table", palette.FREE: "free"}
    assert len(STATES) == 16
    assert {state: STATES[state].word for state in words} == words
    assert len({look.word for look in STATES}) == 16


@pytest.mark.parametrize(("look", "theme"), list(product(FILLS, PAGES)), ids=str)
def test_memory_stands_out_from_the_page_three_to_one(look: Look, theme: str) -> None:
    assert min(contrast(getattr(look, theme), page) for page in PAGES[theme]) >= 3


@pytest.mark.parametrize(("state", "theme"), list(product(EMPTY, PAGES)))
def test_the_outline_of_what_is_empty_stands_out_three_to_one(state: int, theme: str) -> None:
    grounds = (*PAGES[theme], getattr(STATES[state], theme))
    assert min(contrast(getattr(STATES[state], f"text_{theme}"), ground) for ground in grounds) >= 3


@pytest.mark.parametrize(("look", "theme"), list(product(STATES, PAGES)), ids=str)
def test_text_and_textures_stand_out_from_the_fill(look: Look, theme: str) -> None:
    assert contrast(getattr(look, theme), getattr(look, f"text_{theme}")) >= 4.5


def test_text_and_rules_stand_out_from_the_paper() -> None:
    assert min(contrast(INK, PAPER), contrast(QUIET, PAPER)) >= 4.5
    assert contrast(RULE, PAPER) >= 3


@pytest.mark.parametrize(("theme", "sight"), list(product(PAGES, SIGHT)))
def test_states_are_apart_or_have_other_textures(theme: str, sight: str) -> None:
    near = []
    for one, other in combinations(FILLS, 2):
        apart = distance(*(lab(getattr(look, theme), sight) for look in (one, other)))
        textures_differ = one.mark != other.mark and one.hatch != other.hatch
        if apart < (8 if textures_differ else 10):
            near.append((one.word, other.word, round(apart, 1)))
    assert not near


@pytest.mark.parametrize("theme", PAGES)
def test_states_of_one_map_are_apart_by_colour_alone_with_and_without_deuteranopia(theme: str) -> None:
    """`shared` is no state beside `shared by 2`: it is what a kernel says that does not tell by how many."""
    looks = [look for look in FILLS if look.word != "shared"]
    for sight in ("normal", "deuteranopia"):
        colours = [lab(getattr(look, theme), sight) for look in looks]
        assert min(distance(one, other) for one, other in combinations(colours, 2)) >= 10


def test_shared_memory_is_darker_the_more_share_it() -> None:
    for theme in PAGES:
        two, more = (lab(getattr(STATES[state], theme), "normal")[0] for state in (palette.TWO, palette.MORE))
        assert two > more + 15


def test_the_browser_gets_all_looks_with_marks_that_it_knows() -> None:
    sent = look_for_browser()
    assert [set(look) for look in sent] == [{"word", "light", "dark", "text_light", "text_dark", "mark"}] * 16
    assert {look["mark"] for look in sent} <= set(MARKS)
    assert sent[palette.PRIVATE]["light"] == STATES[palette.PRIVATE].light


@pytest.mark.parametrize("look", STATES, ids=lambda look: look.word)
def test_textures_on_paper_are_ones_that_matplotlib_draws(look: Look) -> None:
    assert (len(get_path(look.hatch, 6).vertices) > 0) == bool(look.hatch)
