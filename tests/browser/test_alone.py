"""The pieces of a lab in a notebook without one: each keeps up with its machine, whatever a cell does to it."""

from __future__ import annotations

from .conftest import Open
from .parts import Map

MAKE = """\
from cowlab import Machine
from cowlab.views import EventLog, Gauges, MemoryMap, ProcessTable, Timeline
m = Machine(ram="64 MiB")
parent = m.spawn("parent")
heap = parent.mmap("64 KiB", name="heap")
for piece in (MemoryMap(m), ProcessTable(m), Gauges(m), Timeline(m), EventLog(m)):
    display(piece)"""
CHANGE = """\
heap.write()
child = parent.fork("child")
child["heap"].write(3)"""
# Fonts and lines apart, the picture is another.
PICTURE = "document.querySelector('.cowlab-piece img').src"


def test_a_later_cell_changes_the_machine_and_all_pieces_follow(open_cells: Open) -> None:
    notebook = open_cells(MAKE, CHANGE, viewport={"width": 1280, "height": 2400})
    page = notebook.page
    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    notebook.do("pass")
    memory_map = Map(notebook, page.locator(".cowlab-map"), "m")
    memory_map.agrees()
    pieces = page.locator(".cowlab-piece")
    before = pieces.all_inner_texts()
    notebook.until("document.querySelector('.cowlab-piece img')?.complete")
    timeline = page.evaluate(PICTURE)
    page.keyboard.press("Shift+Enter")
    notebook.do("pass")
    memory_map.agrees()
    assert memory_map.pages("child")[3] == ["private", 1]
    page.locator(".cowlab-table").get_by_text("child").wait_for()
    notebook.until(f"before => {PICTURE} !== before", timeline)
    table, gauges, _, log = [pieces.nth(n).inner_text() for n in range(4)]
    assert "68 KiB" in table  # 17 frames, of which the parent maps 16
    assert gauges != before[1]
    assert "child copies 1 page of heap" in log
