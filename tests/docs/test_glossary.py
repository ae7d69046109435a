"""The glossary's names are true: the model has those in its column, and reports Linux's fields under Linux's names."""

from __future__ import annotations

import re

import pytest

import cowlab
from helpers.paths import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = [row for row in re.findall(r"^\|(.+)\|$", TEXT, re.M) if not row.startswith((" ---", " quantity "))]
CELLS = [[cell.strip() for cell in row.split(" | ")] for row in ROWS]
NAMES = sorted({name for cells in CELLS for name in re.findall(r"`([^`]+)`", cells[3])})
FIELDS = sorted({tuple(found) for cells in CELLS for found in re.findall(r"`(\w+)`[^`(]*\((\w+)\)", cells[1])})


@pytest.fixture(scope="module")
def there() -> dict:
    """What the glossary's names may speak of."""
    machine = cowlab.Machine(swap="1 GiB")
    group = machine.cgroup("/pod", max="64 MiB")
    process = machine.spawn("process", group)
    mapping = process.mmap("1 MiB", name="heap")
    faults = mapping.write()
    return {
        "machine": machine, "process": process, "mapping": mapping, "group": group, "faults": faults,
        "cowlab": cowlab, "Page": cowlab.Page,
    }  # fmt: skip


def test_each_line_has_its_five_columns_and_a_name_in_the_model() -> None:
    assert len(CELLS) > 30
    assert [cells[0] for cells in CELLS if len(cells) != 5 or "`" not in cells[3]] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_model_has_the_name(there: dict, name: str) -> None:
    known = cowlab.Page.__annotations__ | vars(cowlab.Page)
    if name.startswith("Page."):
        assert name.removeprefix("Page.") in known
    else:
        eval(name, {"__builtins__": {}}, there)  # raises if there is no such thing


@pytest.mark.parametrize(("field", "file"), FIELDS)
def test_a_field_of_linux_is_reported_by_that_name(there: dict, field: str, file: str) -> None:
    files = {
        "status": there["process"].status(),
        "smaps": there["process"].smaps()["heap"],
        "meminfo": there["machine"].meminfo(),
        "vmstat": there["machine"].vmstat(),
    }
    if file == "stat":  # /proc/PID/stat has numbers without names; the manual gives these two
        assert field in ("minflt", "majflt")
    else:
        assert field in files[file]


def test_measures_that_can_be_had_twice_are_equal(there: dict) -> None:
    process, status, machine = there["process"], there["process"].status(), there["machine"]
    assert (process.vsz, process.rss) == (status["VmSize"] * 1024, status["VmRSS"] * 1024)
    assert process.page_tables == status["VmPTE"] * 1024
    meminfo = machine.meminfo()
    in_use = machine.frames.used + machine.frames.tables
    assert in_use * 4 == meminfo["MemTotal"] - meminfo["MemFree"]
    assert machine.account.committed * 4 == meminfo["Committed_AS"]
