"""The still: it shows each state that there is, fits any machine, and its words are exact. Its looks were looked at."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cowlab import Machine, scenarios
from cowlab.views import pages
from cowlab.views.map_words import MOST_RUNS
from cowlab.views.marks import Sheet
from cowlab.views.palette import (
    DIFFERS,
    FILE,
    FREE,
    HOLE,
    INK,
    LEAKED,
    MORE,
    PRIVATE,
    STATES,
    SWAPPED,
    TWO,
    UNTOUCHED,
    ZERO,
)
from cowlab.views.sheet_png import png
from cowlab.views.still import in_words, still, still_pair
from cowlab.views.still_view import MOST_LINES, scale_for, views
from helpers.machines import after


def many_states() -> Machine:
    machine = Machine(ram="1 MiB")
    parent = machine.spawn("parent")
    heap = parent.mmap("160 KiB", name="heap")
    heap.write(0, 16)
    heap.read(16, 24)
    parent.mmap("32 KiB", kind="file-shared", name="data", file="data").read()
    child = parent.fork("child")
    child["heap"].write(0, 4)
    child["heap"].munmap(36)
    parent.fork("third")["heap"].write(2, 8)
    return machine


def size(sheet: Sheet) -> tuple[int, int]:
    return Image.open(io.BytesIO(png(sheet))).size


def colours(sheet: Sheet) -> dict[str, int]:
    """{colour: pixels}"""
    image = Image.open(io.BytesIO(png(sheet))).convert("RGB")
    return {"#{:02x}{:02x}{:02x}".format(*colour): n for n, colour in image.getcolors(1 << 24)}


# The picture ----------------------------------------------------------------------------------------------------


def test_each_state_that_there_is_has_its_colour() -> None:
    seen = colours(still(many_states(), table=False))
    for state in (HOLE, PRIVATE, TWO, MORE, ZERO, FILE):
        assert seen.get(STATES[state].light, 0) > 200, STATES[state].word
    assert not any(STATES[state].light in seen for state in (SWAPPED, LEAKED))


def test_pages_in_swap_and_pages_of_files_are_seen_among_thousands() -> None:
    seen = colours(still(after(scenarios.paging())))
    assert min(seen[STATES[state].light] for state in (SWAPPED, FILE, PRIVATE)) > 1000


def test_one_page_among_many_in_a_cell_is_seen() -> None:
    machine = Machine(ram="2 GiB")
    parent = machine.spawn("parent")
    parent.mmap("1 GiB", name="heap").write()
    parent.fork("child")["heap"].write(100_000)
    assert colours(still(machine))[STATES[PRIVATE].light] > 2 * 2 * 20  # one band in each process, and in the frames


def test_equal_machines_give_equal_pictures_and_others_do_not() -> None:
    assert png(still(after(scenarios.fork_sharing()))) == png(still(after(scenarios.fork_sharing())))
    assert png(still(after(scenarios.fork_sharing()))) != png(still(after(scenarios.fork_sharing(written_percent=50))))


def test_a_still_may_have_a_title_and_the_table_of_measures() -> None:
    machine = after(scenarios.fork_sharing())
    assert size(still(machine))[0] == 1600
    assert size(still(machine))[1] > size(still(machine, table=False))[1]
    assert png(still(machine, "After the fork")) != png(still(machine))


@pytest.mark.parametrize(
    "values",
    [
        {"size": "64 KiB", "children": 0},
        {"size": "64 KiB", "children": 50},
        {"size": "1 MiB", "children": 50},
        {"size": "300 MiB", "children": 50},
        {"size": "64 MiB", "children": 3, "written_percent": 1},
    ],
    ids=str,
)
def test_any_number_of_processes_and_pages_fits(values) -> None:
    sheet = still(after(scenarios.fork_sharing(**values)))
    assert size(sheet)[0] == 1600 and size(sheet)[1] < 1600
    assert colours(sheet)[STATES[PRIVATE].light] > 100


def test_two_pages_fit() -> None:
    machine = Machine(ram="64 KiB")
    machine.spawn("a").mmap("8 KiB", name="heap").write(0)
    (view,) = views([machine])
    assert view.blocks[0].mappings[0].shares.argmax(axis=1).tolist() == [PRIVATE, UNTOUCHED]
    assert STATES[PRIVATE].light in colours(still(machine))


def test_processes_that_are_too_many_to_draw_are_counted() -> None:
    machine = Machine(ram="16 MiB")
    for n in range(60):
        machine.spawn(f"process {n}").mmap("128 KiB", name="heap").write(0, n % 32 + 1)
    (view,) = views([machine])
    assert sum(len(block.names) for block in view.blocks) + view.hidden == 60
    assert sum(block.lines for block in view.blocks) <= MOST_LINES
    assert view.hidden == 60 - MOST_LINES


def test_processes_without_mappings_and_machines_without_processes_can_be_drawn() -> None:
    machine = Machine(ram="64 KiB")
    assert png(still(machine))
    machine.spawn("idle")
    assert png(still(machine)) != png(still(Machine(ram="64 KiB")))


def test_processes_that_look_the_same_are_one_block() -> None:
    (view,) = views([after(scenarios.fork_sharing(children=3))])
    assert [block.title for block in view.blocks] == ["parent", "child 1 to child 3"]


def test_small_machines_have_a_cell_for_each_page() -> None:
    (view,) = views([many_states()])
    assert (view.scale, view.frame_scale) == (1, 1)
    assert [cells.lines for cells in view.blocks[0].mappings] == [2, 1]


@pytest.mark.parametrize(
    ("lengths", "lines", "scale"),
    [([2], 24, 1), ([768], 24, 1), ([769], 24, 2), ([33] * 24, 24, 2), ([32] * 99, 24, 1)],
)
def test_a_cell_stands_for_as_few_pages_as_there_is_room_for(lengths: list[int], lines: int, scale: int) -> None:
    assert scale_for(lengths, lines) == scale


def test_a_frame_that_nobody_maps_any_more_is_free_in_its_place() -> None:
    machine = after(scenarios.fork_sharing(children=1, written_percent=100))
    machine["parent"].exit()
    (view,) = views([machine])
    states = view.frames.shares.argmax(axis=1)
    assert set(states.tolist()) == {FREE, PRIVATE}
    assert np.count_nonzero(states == PRIVATE) == 32


# A pair ---------------------------------------------------------------------------------------------------------


def test_a_pair_outlines_what_differs_and_only_that() -> None:
    one, other = after(scenarios.fork_sharing()), after(scenarios.fork_sharing(copy_on_write=False))
    marked, same = views([one, other])
    differs = marked.blocks[0].mappings[0].differs
    assert np.flatnonzero(differs).tolist() == list(range(8, 32))
    assert DIFFERS in marked.states and DIFFERS in same.states
    assert DIFFERS not in views([one, after(scenarios.fork_sharing())])[0].states


def test_pages_that_the_other_side_does_not_have_differ() -> None:
    few, many = views(
        [
            after(scenarios.fork_sharing(children=1, written_percent=0)),
            after(scenarios.fork_sharing(children=2, written_percent=0)),
        ]
    )
    assert few.blocks[0].mappings[0].differs.all()
    assert many.blocks[-1].mappings[0].differs.all()


def test_both_sides_of_a_pair_are_drawn_to_one_scale() -> None:
    small, large = views([after(scenarios.fork_sharing(size="64 KiB")), after(scenarios.fork_sharing(size="64 MiB"))])
    assert small.scale == large.scale > 1
    assert small.frame_scale == large.frame_scale > 1


def test_a_pair_as_a_picture() -> None:
    sheet = still_pair(
        [after(scenarios.fork_sharing()), after(scenarios.fork_sharing(copy_on_write=False))],
        ["copy on write", "copy at fork"],
    )
    assert size(sheet)[0] == 1600
    assert {STATES[PRIVATE].light, STATES[MORE].light, STATES[DIFFERS].light, INK} <= set(colours(sheet))


@pytest.mark.parametrize(("machines", "labels"), [(1, 2), (2, 1), (3, 3)])
def test_a_pair_has_two_machines_and_two_labels(machines: int, labels: int) -> None:
    with pytest.raises(ValueError, match=f"two machines and two labels, not {machines} and {labels}"):
        still_pair([Machine()] * machines, ["label"] * labels)


# The words ------------------------------------------------------------------------------------------------------


def test_every_page_and_every_frame_in_words() -> None:
    assert in_words(many_states()).splitlines() == [
        "3 processes: RSS adds up to 224 KiB; 136 KiB of data and 44 KiB of page tables are in use.",
        "parent: heap: pages 0 to 1 shared by 2, pages 2 to 3 private, pages 4 to 7 shared by 2, pages 8 to 15 shared "
        "by 3, pages 16 to 23 zero page, pages 24 to 39 untouched; "
        "data: pages 0 to 7 file or shared memory (1 mapper).",
        "child: heap: pages 0 to 3 private, pages 4 to 7 shared by 2, pages 8 to 15 shared by 3, pages 16 to 23 zero "
        "page, pages 24 to 35 untouched, page 36 not mapped, pages 37 to 39 untouched; data: pages 0 to 7 untouched.",
        "third: heap: pages 0 to 1 shared by 2, pages 2 to 7 private, pages 8 to 15 shared by 3, pages 16 to 23 zero "
        "page, pages 24 to 39 untouched; data: pages 0 to 7 untouched.",
        "Physical frames: 8 shared by 3, 6 shared by 2, 12 private, 8 file or shared memory, 11 page tables, 211 free.",
    ]


def test_large_processes_in_words_are_as_exact() -> None:
    assert in_words(after(scenarios.fork_sharing(size="300 MiB", children=50))).splitlines()[1:] == [
        "parent: heap: pages 0 to 19,199 private, pages 19,200 to 76,799 shared by 51.",
        "child 1 to child 50 (50 processes, alike): "
        "heap: pages 0 to 19,199 private, pages 19,200 to 76,799 shared by 51.",
        "Physical frames: 57,600 shared by 51, 979,200 private, 7,752 page tables, 3,149,752 free.",
    ]


@pytest.mark.parametrize("length", ["256 KiB", "600 MiB"])  # a record for each page, and stretches
def test_scattered_pages_are_counted_by_state(length: str) -> None:
    machine = Machine(ram="2 GiB")
    heap = machine.spawn("a").mmap(length, name="heap")
    heap.write(pages=np.arange(0, 2 * MOST_RUNS, 2))
    heap.munmap(40, 50)
    untouched = heap.pages - MOST_RUNS - 10
    counts = f"10 not mapped, {untouched:,} untouched, {MOST_RUNS} private"
    assert f"a: heap: of {heap.pages:,} pages {counts}." in in_words(machine)


def test_both_ways_to_look_at_pages_tell_the_same(monkeypatch) -> None:
    for machine in (many_states(), after(scenarios.paging()), after(scenarios.fork_sharing(size="2 MiB"))):
        page_by_page = in_words(machine)
        with monkeypatch.context() as patched:
            patched.setattr(pages, "MOST_CELLS", 0)
            assert in_words(machine) == page_by_page


def test_a_machine_without_processes_in_words() -> None:
    machine = Machine(ram="64 KiB")
    assert in_words(machine) == "No process is alive, and no memory is in use.\nPhysical frames: 16 free."
    machine.spawn("idle")
    assert "\nidle: nothing mapped.\n" in in_words(machine)
