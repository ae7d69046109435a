"""What a lab says of operations that are refused, and of this machine's kernel."""

from __future__ import annotations

from helpers.marks import needs_linux

from .conftest import OpenLab
from .parts import Lab


def test_a_refused_operation_is_said_beside_the_bar_and_the_lab_goes_on(open_lab: OpenLab) -> None:
    lab = open_lab("scenarios.overcommit, mode=2, request='16 GiB', requests=1")
    said = lab.bar.error.inner_text()
    assert said.startswith("Operation 2: process maps request 1, 16 GiB (private): refused. ")
    lab.map.agrees()
    lab.map.stage.focus()
    lab.page.keyboard.press("f")
    lab.map.says("process forks child 1.")
    lab.map.agrees()
    lab.bar.button("To the start").click()
    lab.bar.error.wait_for(state="hidden")
    lab.bar.button("To the end").click()
    lab.bar.error.filter(has_text="refused").wait_for()


@needs_linux
def test_this_machines_kernel_says_the_same(lab: Lab) -> None:
    kernel = lab.tab("On your machine")
    kernel.get_by_role("button", name="Run on this machine").click()
    agrees = "says of all 64 pages, and of their figures, what the model says."
    kernel.get_by_role("status").filter(has_text=agrees).wait_for()
    for side in kernel.locator(".cowlab-map").all():
        side.locator(".cowlab-twin li[data-process='child 3'][data-state=private]").wait_for(state="attached")
    rows = kernel.locator("table").last.locator("tr").all_inner_texts()
    assert any("child 3" in row for row in rows)
