"""The table of measures: the same figures in every form, and the sum that lies beside what is in use."""

from __future__ import annotations

from cowlab import Machine
from cowlab.views import ProcessTable


def three() -> Machine:
    machine = Machine()
    parent = machine.spawn("parent")
    parent.mmap("128 KiB", name="heap").write()
    parent.fork("child 1")
    parent.fork("child 2")["heap"].write(0, 8)
    return machine


def test_the_text_has_each_process_the_sums_and_what_is_in_use() -> None:
    lines = repr(ProcessTable(three())).splitlines()
    assert lines[0].split() == ["VSZ", "RSS", "PSS", "USS"]
    assert " ".join(lines[3].split()) == "child 2 128 KiB 128 KiB 64.0 KiB 32 KiB"
    assert " ".join(lines[4].split()) == "added up (3) 384 KiB 384 KiB 160 KiB 32 KiB"
    assert " ".join(lines[5].split()) == "really in use 196 KiB = 160 KiB data + 36 KiB page tables"


def test_the_html_has_the_same_cells() -> None:
    bundle = ProcessTable(three())._repr_mimebundle_()
    for cell in ("384 KiB", "160 KiB", "really in use", "196 KiB = 160 KiB data + 36 KiB page tables"):
        assert cell in bundle["text/html"]
        assert cell in bundle["text/plain"]


def test_names_are_text_in_html() -> None:
    machine = Machine()
    machine.spawn("<b>&")
    assert "&lt;b&gt;&amp;" in ProcessTable(machine)._repr_mimebundle_()["text/html"]


def test_it_stays_what_it_was_when_it_was_made() -> None:
    machine = three()
    table = ProcessTable(machine)
    before = repr(table)
    machine["child 2"].exit()
    assert repr(table) == before


def test_a_machine_without_processes_has_a_table_too() -> None:
    assert "added up (0)" in repr(ProcessTable(Machine()))
