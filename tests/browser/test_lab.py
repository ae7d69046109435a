"""One lab in a real JupyterLab: controls, map, bar, tabs and engine say the same, whatever the reader does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cowlab.units import format_size
from helpers.paths import ROOT

from .jupyter import DARK, LIGHT
from .parts import Lab

STATE = "lab.machine.state()"


def press(lab: Lab, *keys: str) -> None:
    for key in keys:
        lab.page.keyboard.press(key)


def entry(lab: Lab, process: str, page: int) -> list[int]:
    """[mappers, frame] of a page of the heap, as the engine says."""
    return lab.notebook.ask(f"seen(lab.machine)[{process!r}]['heap'][{page}]")


# Controls


def test_a_slider_moved_by_key_gives_other_cards(lab: Lab) -> None:
    lab.slider("children").focus()
    press(lab, "ArrowRight", "ArrowRight")
    lab.bar.says("After operation 13 of 13: child 5 writes pages 0 to 3 of heap")
    lab.map.agrees()
    assert lab.map.processes() == ["parent", "child 1", "child 2", "child 3", "child 4", "child 5"]


def test_of_fifty_rapid_moves_the_last_stays_on_the_screen(lab: Lab) -> None:
    lab.slider("children").focus()
    press(lab, "Home", *["ArrowRight"] * 50)
    lab.bar.says("After operation 103 of 103: child 50 writes")
    lab.map.until("root => root.querySelectorAll('.cowlab-twin > li[data-process]').length === 51")
    assert lab.notebook.ask("len(lab.machine.processes)") == 51


# Mouse


def test_a_click_on_a_page_writes_it_and_map_table_and_engine_agree(lab: Lab) -> None:
    lab.tab("Processes")
    before = entry(lab, "parent", 9)
    lab.map.click("child 1", "heap", 9)
    lab.map.says("child 1 writes page 9 of heap: 1 page copied.")
    lab.map.agrees()
    assert lab.map.pages("child 1")[9] == ["just copied", 1]
    assert lab.map.pages("parent")[9] == ["shared by more", 3]
    assert entry(lab, "parent", 9) == [3, before[1]] != entry(lab, "child 1", 9)
    pss = lab.notebook.ask("lab.machine['child 1'].pss")
    lab.notebook.until("pss => document.body.innerText.includes(pss)", format_size(pss))
    assert lab.figure("child 1", "PSS") == format_size(pss)


def test_a_click_with_shift_reads(lab: Lab) -> None:
    lab.map.click("child 2", "heap", 12, shift=True)
    lab.map.says("child 2 reads page 12 of heap: no fault.")
    assert lab.notebook.ask("lab.operations[-1]['op']") == "read"
    lab.map.agrees()


def test_a_drag_writes_a_range(lab: Lab) -> None:
    lab.map.drag("parent", "heap", 8, 12)
    lab.map.says("parent writes pages 8 to 11 of heap: 4 pages copied.")
    lab.map.agrees()
    assert [mappers for _, mappers in lab.map.pages("parent")[8:12]] == [1, 1, 1, 1]


def test_pointing_at_a_page_says_what_it_is(lab: Lab) -> None:
    mappers, frame = entry(lab, "child 3", 10)
    lab.page.mouse.move(*lab.map.place("child 3", "heap", 10))
    tip = lab.map.root.locator(".cowlab-tip")
    tip.filter(has_text=f"frame {frame}, mapped by {mappers}: parent, child 1, child 2, child 3").wait_for()
    lab.page.mouse.move(0, 0)
    tip.wait_for(state="hidden")


# Keyboard


def test_by_keyboard_alone_each_act_is_one_sentence(lab: Lab) -> None:
    lab.map.button("Help").focus()
    press(lab, "Tab")
    assert lab.map.stage.evaluate("stage => stage === document.activeElement")
    acts = {
        ("Home", "]", "ArrowRight", "ArrowRight", "Enter"): "child 1 writes page 2 of heap: no fault.",
        ("End", "ArrowLeft", "Enter"): "child 1 writes page 14 of heap: 1 page copied.",
        ("Space",): "child 1 reads page 14 of heap: no fault.",
        ("f",): "child 1 forks child 4.",
        ("Shift+ArrowLeft", "Shift+ArrowLeft", "Enter"): "child 1 writes pages 12 to 14 of heap: 3 pages copied.",
        ("x",): "child 1 exits.",
        ("z",): "child 1 writes pages 12 to 14 of heap: 3 pages copied.",
        ("s",): "child 1 exits.",
    }
    press(lab, "PageUp", "PageUp", "PageUp", "PageUp", "PageUp")
    for keys, sentence in acts.items():
        press(lab, *keys)
        lab.map.says(sentence)
        lab.map.agrees()


# The bar


def test_one_operation_back_and_on(lab: Lab) -> None:
    lab.bar.button("One operation back").press("Enter")
    lab.bar.says("After operation 8 of 9: child 2 writes")
    lab.map.agrees()
    assert lab.map.pages("child 3")[0] == ["shared by 2", 2]
    lab.bar.button("One operation on").press("Enter")
    lab.bar.says("After operation 9 of 9: child 3 writes")
    lab.map.agrees()


def test_the_line_is_scrubbed_by_key(lab: Lab) -> None:
    lab.bar.line.focus()
    for key, where in {
        "Home": "Before the first of 9 operations",
        "ArrowRight": "After operation 1 of 9: parent starts",
        "End": "After operation 9 of 9: child 3 writes",
        "ArrowLeft": "After operation 8 of 9: child 2 writes",
    }.items():
        press(lab, key)
        lab.bar.says(where)
        lab.map.agrees()


def test_play_goes_to_the_end(lab: Lab) -> None:
    lab.bar.line.focus()
    press(lab, "End", "ArrowLeft", "ArrowLeft")
    lab.bar.says("After operation 7 of 9")
    lab.bar.button("Play").click()
    lab.bar.says("After operation 9 of 9")
    lab.map.agrees()
    lab.bar.button("Play").wait_for()  # no longer "Pause"


def test_the_marks_on_the_line_lead_to_what_happened(lab: Lab) -> None:
    lab.bar.root.locator(".cowlab-mark-copy").first.click()
    lab.bar.says("After operation 7 of 9: child 1 writes")
    lab.map.agrees()


# Inside a fault


def test_a_fault_is_stepped_through_line_by_line_and_then_made(lab: Lab) -> None:
    lab.map.click("child 1", "heap", 9)
    lab.map.says("child 1 writes page 9 of heap: 1 page copied.")
    written, operations = lab.notebook.ask(STATE), lab.notebook.ask("lab.operations")
    lab.set(children=3)
    press(lab, "i")  # the cursor is where the click was
    inside = lab.map.inside
    inside.get_by_role("heading", name="child 1 writes page 9 of heap").wait_for()
    assert_lines_are_of_the_engine(inside)
    current = inside.locator("li[aria-current=step]")
    questions = inside.locator(".cowlab-question").all_inner_texts()
    for question in questions[1:]:
        inside.get_by_role("button", name="Next").press("Enter")
        current.filter(has_text=question).wait_for()
    assert inside.get_by_role("button", name="Next").is_disabled()
    inside.get_by_role("button", name="Back").press("Enter")
    current.filter(has_text=questions[-2]).wait_for()
    press(lab, "Escape")
    inside.wait_for(state="hidden")
    lab.map.says("child 1 writes page 9 of heap: 1 page copied.")
    lab.map.agrees()
    assert (lab.notebook.ask(STATE), lab.notebook.ask("lab.operations")) == (written, operations)


CODE = "inside => [...inside.querySelectorAll('code')].map(code => [...code.childNodes].map(part => part.textContent))"


def assert_lines_are_of_the_engine(inside: Any) -> None:
    """The lines of code are the lines of the engine's files that have the numbers shown, most of them in faults.py."""
    shown = [(place, line) for place, line in inside.evaluate(CODE) if line]
    assert sum(place.startswith("faults.py:") for place, _ in shown) >= 3
    for place, line in shown:
        file, number, function = re.fullmatch(r"(\w+\.py):(\d+) (\w+)", place).groups()
        before = next((ROOT / "cowlab" / "engine").rglob(file)).read_text(encoding="utf-8").splitlines()[: int(number)]
        assert before[-1].strip() == line
        assert any(f"def {function}(" in other for other in before)


def test_finish_makes_the_write_that_was_looked_into(lab: Lab) -> None:
    lab.map.button("Step inside a fault").click()
    lab.map.click("child 2", "heap", 5)
    lab.map.inside.get_by_role("button", name="Finish").click()
    lab.map.inside.wait_for(state="hidden")
    lab.map.says("child 2 writes page 5 of heap: 1 page copied.")
    lab.map.agrees()


# Motion and colour

# How often the map paints itself in the second after the next draw.
COUNT_PAINTS = """root => {
    window.paints = null;
    root.addEventListener('cowlab:drawn', () => {
        let count = 0;  // of times that the map says how long it painted
        Object.defineProperty(root.cowlab, 'paintMs', {set: () => count++, configurable: true});
        setTimeout(() => window.paints = count, 1000);
    }, {once: true});
}"""


@pytest.fixture
def reduced_motion(lab: Lab) -> Iterator[None]:
    lab.page.emulate_media(reduced_motion="reduce")
    yield
    lab.page.emulate_media(reduced_motion="no-preference")


def paints_after_a_copy(lab: Lab) -> int:
    lab.map.click("child 1", "heap", 9)
    lab.map.agrees()
    lab.map.root.evaluate(COUNT_PAINTS)
    press(lab, "ArrowRight", "Enter")
    lab.notebook.until("window.paints !== null")
    return lab.page.evaluate("window.paints")


def test_a_copy_moves_on_the_screen(lab: Lab) -> None:
    assert paints_after_a_copy(lab) > 4


@pytest.mark.usefixtures("reduced_motion")
def test_where_motion_is_unwelcome_nothing_moves(lab: Lab) -> None:
    assert paints_after_a_copy(lab) <= 2


PAPER = """root => {
    const canvas = root.querySelector('.cowlab-stage canvas');
    return [...canvas.getContext('2d').getImageData(2, 2, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture
def dark(lab: Lab) -> Iterator[None]:
    lab.notebook.theme(DARK)
    yield
    lab.notebook.theme(LIGHT)


@pytest.mark.usefixtures("dark")
def test_on_a_dark_page_the_map_is_dark(lab: Lab) -> None:
    lab.map.until(f"root => ({PAPER})(root).every(tone => tone < 60)")
    ink = lab.map.root.evaluate("root => getComputedStyle(root).color")
    assert all(int(tone) > 200 for tone in re.findall(r"\d+", ink)[:3])


def test_on_a_light_page_the_map_is_light(lab: Lab) -> None:
    lab.map.until(f"root => ({PAPER})(root).every(tone => tone > 240)")
