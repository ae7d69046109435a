"""Each key of the map's help, pressed on one map; and each way of the mouse and of fingers to move the picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import OpenLab
from .parts import Lab

Test = Callable[[Lab], None]
PRESSED: dict[str, Test] = {}  # by the row of the help


@pytest.fixture(scope="module")
def lab(open_lab: OpenLab) -> Lab:
    """A parent with 64 pages and two children, each of which has written its first 16."""
    return open_lab("scenarios.fork_sharing, size='256 KiB', children=2, written_percent=25", has_touch=True)


def of(row: str) -> Callable[[Test], Test]:
    """What is to be tested of a row of the help."""

    def keep(test: Test) -> Test:
        PRESSED[row] = test
        return test

    return keep


def press(lab: Lab, *keys: str) -> None:
    for key in keys:
        lab.page.keyboard.press(key)


def spoken(lab: Lab, text: str) -> None:
    """Wait until this is read out, for who sees no cursor."""
    lab.map.root.locator("[aria-live=polite]").filter(has_text=re.compile(f"^{text}")).wait_for(state="attached")


def test_the_help_has_these_keys_and_no_other(lab: Lab) -> None:
    keys = lab.map.root.locator(".cowlab-help section").filter(has_text="Keyboard").locator("dt")
    assert keys.all_text_contents() == list(PRESSED)


def to_the_first_page(lab: Lab) -> None:
    lab.map.stage.focus()
    press(lab, "Escape", *["PageUp"] * 5, "Home")
    spoken(lab, "page 0 of heap in parent: ")


@of("Arrows")
def arrows(lab: Lab) -> None:
    press(lab, "ArrowRight", "ArrowRight")
    spoken(lab, "page 2 of heap in parent: ")
    press(lab, "ArrowDown")
    spoken(lab, r"page (10|18|34) of heap in parent: ")  # rows have 8, 16 or 32 pages
    press(lab, "ArrowLeft", "ArrowUp")
    spoken(lab, "page 1 of heap in parent: ")


@of("[ and ]")
def mappings(lab: Lab) -> None:
    for key, place in {"]": "page 0 of heap in child 1", "PageDown": "page 0 of heap in child 2"}.items():
        press(lab, key)
        spoken(lab, place)
    press(lab, "]")
    spoken(lab, "frame 0: ")
    for key, place in {"[": "page 0 of heap in child 2", "PageUp": "page 0 of heap in child 1"}.items():
        press(lab, key)
        spoken(lab, place)


@of("Home, End")
def ends(lab: Lab) -> None:
    press(lab, "End")
    spoken(lab, "page 63 of heap in parent: ")
    press(lab, "Home")
    spoken(lab, "page 0 of heap in parent: ")


@of("Enter")
def write(lab: Lab) -> None:
    press(lab, "]", "End", "Enter")
    lab.map.says("child 1 writes page 63 of heap: 1 page copied.")
    lab.map.agrees()


@of("Space")
def read(lab: Lab) -> None:
    press(lab, "]", "End", "ArrowLeft", "Space")
    lab.map.says("child 1 reads page 62 of heap: no fault.")
    lab.map.agrees()


@of("Shift + arrows")
def select(lab: Lab) -> None:
    press(lab, "]", "End", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft")
    spoken(lab, "pages 60 to 62 of heap selected")
    press(lab, "Enter")
    lab.map.says("child 1 writes pages 60 to 62 of heap: 3 pages copied.")
    lab.map.agrees()


@of("F")
def fork(lab: Lab) -> None:
    press(lab, "]", "]", "f")
    lab.map.says("child 2 forks child 3.")
    lab.map.agrees()


@of("X")
def end(lab: Lab) -> None:
    press(lab, "]", "]", "]", "x")
    lab.map.says("child 3 exits.")
    lab.map.agrees()


@of("Z, S")
def back_and_forward(lab: Lab) -> None:
    press(lab, "z")
    lab.map.says("child 2 forks child 3.")
    lab.map.agrees()
    press(lab, "s")
    lab.map.says("child 3 exits.")
    lab.map.agrees()


@of("I")
def step_inside(lab: Lab) -> None:
    press(lab, "ArrowRight", "i")
    lab.map.inside.get_by_role("heading", name="parent writes page 1 of heap").wait_for()
    steps = lab.map.inside.locator("li")
    for key, at in {"ArrowRight": 1, "ArrowLeft": 0}.items():
        press(lab, key)
        steps.nth(at).and_(lab.map.inside.locator("[aria-current=step]")).wait_for()
    press(lab, "Escape")
    lab.map.inside.wait_for(state="hidden")


CELL = """root => {
    const [a, b] = [0, 1].map(page => root.cowlab.where({process: 'parent', mapping: 'heap', page}));
    return {width: b.x - a.x, x: a.x, y: a.y};
}"""


def cell(lab: Lab) -> Any:
    """The first cell: its width, and where its middle is in the window."""
    lab.map.place("parent", "heap", 0)
    return lab.map.root.evaluate(CELL)


def becomes(lab: Lab, width: float, tolerance: float = 0.6) -> None:
    """Wait until the first cell has this width, within what whole pixels allow."""
    close = f"(root, width) => Math.abs(({CELL})(root).width - width) < {tolerance}"
    lab.map.until(close, width)


@of("+, −, 0")
def zoom(lab: Lab) -> None:
    press(lab, "0")
    width = cell(lab)["width"]
    press(lab, "+", "+")
    becomes(lab, 2.25 * width, 1.2)
    press(lab, "-")
    becomes(lab, 1.5 * width)
    press(lab, "0")
    becomes(lab, width)


@of("?")
def show_help(lab: Lab) -> None:
    press(lab, "?")
    lab.map.root.get_by_role("heading", name="How to use the map").wait_for()
    press(lab, "Escape")
    lab.map.root.locator(".cowlab-help").wait_for(state="hidden")


@of("Escape")
def drop_the_selection(lab: Lab) -> None:
    press(lab, "]", "ArrowRight", "Shift+ArrowRight", "Escape", "Enter")
    lab.map.says("child 1 writes page 2 of heap: no fault.")


@pytest.mark.parametrize("row", PRESSED)
def test_the_key_does_what_the_help_says(lab: Lab, row: str) -> None:
    to_the_first_page(lab)
    PRESSED[row](lab)


# To move the picture and to zoom


@pytest.fixture
def whole(lab: Lab) -> Any:
    """The map shows all: its first cell."""
    to_the_first_page(lab)
    press(lab, "0")
    lab.page.mouse.move(0, 0)
    return cell(lab)


def beside(lab: Lab) -> tuple[float, float]:
    """A point of the picture where nothing is."""
    box = lab.map.stage.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] - 4


def moves(lab: Lab, before: Any, dx: float, dy: float) -> None:
    """Wait until the first cell is so far from where it was."""
    close = f"(root, [x, y]) => Math.hypot(({CELL})(root).x - x, ({CELL})(root).y - y) < 1.5"
    lab.map.until(close, [before["x"] + dx, before["y"] + dy])


def drag(lab: Lab, x: float, y: float, button: str = "left") -> None:
    """Forty px to the right and twenty up."""
    lab.page.mouse.move(x, y)
    lab.page.mouse.down(button=button)
    lab.page.mouse.move(x + 20, y - 10)
    lab.page.mouse.move(x + 40, y - 20)
    lab.page.mouse.up(button=button)


def test_the_wheel_zooms_where_it_points(lab: Lab, whole: Any) -> None:
    lab.page.mouse.move(whole["x"], whole["y"])
    lab.page.mouse.wheel(0, -400)
    becomes(lab, 1.9 * whole["width"], 1.2)  # e to the 0.64th
    moves(lab, whole, 0, 0)


def test_a_drag_beside_the_pages_moves_the_picture(lab: Lab, whole: Any) -> None:
    drag(lab, *beside(lab))
    moves(lab, whole, 40, -20)


def test_the_middle_button_moves_the_picture_from_a_page_too(lab: Lab, whole: Any) -> None:
    drag(lab, whole["x"], whole["y"], "middle")
    moves(lab, whole, 40, -20)


def test_a_drag_with_space_held_moves_the_picture_and_reads_nothing(lab: Lab, whole: Any) -> None:
    done = lab.notebook.ask("len(lab.operations)")
    lab.page.keyboard.down("Space")
    drag(lab, whole["x"], whole["y"])
    lab.page.keyboard.up("Space")
    moves(lab, whole, 40, -20)
    assert lab.notebook.ask("len(lab.operations)") == done


def test_two_fingers_move_the_picture_and_zoom_it(lab: Lab, whole: Any) -> None:
    x, y = whole["x"] + 60, whole["y"] + 30
    fingers = lab.page.context.new_cdp_session(lab.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (x - 30, y))
    touch("touchStart", (x - 30, y), (x + 30, y))
    touch("touchMove", (x - 60, y), (x + 60, y))
    touch("touchEnd")
    becomes(lab, 2 * whole["width"], 1.2)
    moves(lab, whole, -60, -30)
