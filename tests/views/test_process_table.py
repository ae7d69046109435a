"""The table of measures: the same figures in every form, the sum that lies beside what is in use, two machines."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cowlab import Machine, scenarios
from cowlab.views import ProcessTable
from cowlab.views.process_table import COLUMNS, as_html, as_text, measure
from helpers.machines import after


def three(**settings) -> Machine:
    machine = Machine(**settings)
    parent = machine.spawn("parent")
    parent.mmap("128 KiB", name="heap").write()
    parent.fork("child 1")
    parent.fork("child 2")["heap"].write(0, 8)
    return machine


def cells(line: str) -> list[str]:
    """The cells of a line of the text; columns are two spaces apart at least."""
    return re.split(r"\s{2,}", line.strip())


def test_the_text_has_each_process_the_sums_and_what_is_in_use() -> None:
    lines = repr(ProcessTable(three())).splitlines()
    assert lines[0].split() == ["VSZ", "RSS", "PSS", "USS", "minor", "major", "oom_score"]
    assert cells(lines[3]) == ["child 2", "128 KiB", "128 KiB", "64.0 KiB", "32 KiB", "8", "0", "666"]
    assert cells(lines[4]) == ["added up (3)", "384 KiB", "384 KiB", "160 KiB", "32 KiB", "40", "0"]
    assert cells(lines[5]) == ["really in use", "196 KiB = 160 KiB data + 36 KiB page tables"]
    assert lines[6] == "Do not add up RSS: 384 KiB count shared pages again for each process."
    assert lines[7] == "PSS can be added up: it gives the 160 KiB of data in use."


def test_the_html_has_the_same_cells() -> None:
    bundle = ProcessTable(three())._repr_mimebundle_()
    for cell in ("384 KiB", "160 KiB", "really in use", "196 KiB = 160 KiB data + 36 KiB page tables", "666"):
        assert cell in bundle["text/html"]
        assert cell in bundle["text/plain"]


def test_the_figures_are_the_machines() -> None:
    machine = after(scenarios.paging())
    (process,), (row,) = machine.processes, measure(machine).rows
    assert process.swap
    swap_pss = sum(fields["SwapPss"] for fields in process.smaps().values()) * 1024
    figures = [process.vsz, process.rss, process.pss, process.uss, process.swap, swap_pss]
    figures += [process.minor_faults, process.major_faults, process.oom_score]
    assert [row.values[column.name] for column in COLUMNS] == figures
    assert measure(machine).data + measure(machine).page_tables == (machine.frames.total - machine.frames.free) * 4096


def test_columns_for_swap_stand_where_there_is_swap() -> None:
    assert "SwapPss" not in repr(ProcessTable(three()))
    assert repr(ProcessTable(three(swap="1 MiB"))).splitlines()[0].split()[4:6] == ["swap", "SwapPss"]


def test_processes_with_equal_figures_share_a_line() -> None:
    machine = three()
    machine["parent"].fork("child 3")["heap"].write(0, 8)
    for number in range(4, 7):
        machine["parent"].fork(f"child {number}")
    titles = [cells(line)[0] for line in repr(ProcessTable(machine)).splitlines()[1:6]]
    assert titles == ["parent", "child 1", "child 2 to child 3, each", "child 4 to child 6, each", "added up (7)"]


def test_a_sum_that_lies_is_struck_out_and_one_that_does_not_is_not() -> None:
    struck = re.findall(r"<del[^>]*>(.*?)</del>", ProcessTable(three()).html())
    assert struck == ["384 KiB"]
    alone = Machine()
    alone.spawn().mmap("1 MiB").write()
    assert "<del" not in ProcessTable(alone).html()
    assert "Do not add up" not in repr(ProcessTable(alone))


def test_swapped_pages_that_are_shared_are_counted_once_in_swap_pss() -> None:
    machine = three(swap="1 MiB")
    group = machine.cgroup("/a")
    parent = machine.spawn("p", cgroup=group)
    parent.mmap("64 KiB").write()
    parent.fork("c")
    group.high = 0
    measures = measure(machine)
    assert measures.total("swap") == 2 * measures.total("SwapPss") == 128 * 1024
    assert len(re.findall("<del", as_html(measures))) == 2


@pytest.mark.parametrize("mappers", [3, 7, 101])
def test_the_rounding_of_pss_is_not_taken_for_pages_without_a_mapper(mappers) -> None:
    machine = Machine()
    parent = machine.spawn("parent")
    parent.mmap("8 MiB").write()
    for _ in range(mappers - 1):
        parent.fork()
    assert "it gives the 8 MiB of data in use" in repr(ProcessTable(machine))


def test_a_file_that_nobody_maps_is_told() -> None:
    machine = three()
    reader = machine.spawn("reader")
    reader.mmap("8 KiB", "file-private", "file", "r")
    reader.exit()
    assert "8 KiB of data more are in memory, and no process maps them" in repr(ProcessTable(machine))


# Two machines -----------------------------------------------------------------------------------------------------


def test_two_machines_are_side_by_side_and_differences_marked() -> None:
    table = ProcessTable()
    table.show(three(), three(copy_on_write=False), labels=("copy on write", "eager"))
    lines = repr(table).splitlines()
    first, second = cells(lines[1]), cells(lines[2])
    assert (first[0], second[0]) == ("parent (copy on write)", "parent (eager)")
    marked = {column for column, cell in zip(lines[0].split(), second[1:], strict=True) if cell.startswith("≠")}
    one, other = measure(table.machine).rows[0], measure(table.other).rows[0]
    assert marked == {name for name in one.values if one.values[name] != other.values[name]} == {"PSS", "USS"}
    assert table.html().count("≠") == repr(table).count("≠")


def test_equal_machines_have_no_mark_but_in_the_note() -> None:
    assert as_text(three(), three()).count("≠") == 1


def test_a_process_that_one_machine_lacks_differs_in_every_column() -> None:
    more = three()
    more.spawn("more")
    for one, other in ((three(), more), (more, three())):
        table = ProcessTable(follow=False)
        table.show(one, other, labels=("a", "b"))
        line = next(line for line in repr(table).splitlines() if line.startswith("more (b)"))
        assert line.count("≠") == 7
        assert "–" in repr(table)


def test_both_machines_are_followed() -> None:
    one, other, table = three(), three(), ProcessTable()
    table.show(one, other)
    for machine in (one, other):
        before = repr(table)
        machine["child 1"]["heap"].write(0, 1)
        assert repr(table) != before


def test_of_measures_that_know_less_only_what_both_know_is_compared() -> None:
    known = measure(three())
    rows = tuple(replace(row, values={"RSS": row.values["RSS"], "PSS": 0}) for row in known.rows)
    table = ProcessTable()
    table.show(three(), replace(known, rows=rows, columns=("RSS", "PSS")), labels=("model", "kernel"))
    assert repr(table).splitlines()[0].split() == ["RSS", "PSS"]


# HTML -------------------------------------------------------------------------------------------------------------


def test_heads_have_scope_and_columns_a_tooltip() -> None:
    html = ProcessTable(three(swap="1 MiB")).html()
    assert html.count('scope="col"') == len(COLUMNS) + 1
    assert html.count('scope="row"') == 5
    for column in COLUMNS:
        assert column.help.endswith(".")
        assert f'title="{column.help}"' in html.replace("&#x27;", "'")
    assert "<caption>" in html


def test_names_are_text_in_html() -> None:
    machine = Machine()
    machine.spawn("<b>&")
    assert "&lt;b&gt;&amp;" in ProcessTable(machine)._repr_mimebundle_()["text/html"]


def test_it_keeps_up_with_its_machine_or_stays_as_it_was_made() -> None:
    machine = three()
    moving, still = ProcessTable(machine), ProcessTable(machine, follow=False)
    before = repr(still)
    machine["child 2"].exit()
    assert repr(still) == before == as_text(three())
    assert repr(moving) == repr(ProcessTable(machine)) != before


def test_a_machine_without_processes_has_a_table_too() -> None:
    assert "added up (0)" in repr(ProcessTable(Machine()))
