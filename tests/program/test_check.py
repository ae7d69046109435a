"""`cowlab check`: it finds what is there, says how to get what is missing, and its status says whether all is well."""

from __future__ import annotations

import io
import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from cowlab.linux import host
from cowlab.program import check
from cowlab.program.check import Finding


def found(name: str) -> Finding:
    return next(finding for finding in check.look() if finding.name == name)


def test_all_that_the_course_needs_is_here_where_these_tests_run() -> None:
    stream = io.StringIO()
    assert check.main(stream) == 0
    lines = stream.getvalue().splitlines()
    assert lines[-1] == check.ALL_WELL
    assert re.fullmatch(rf"ok +numpy +{re.escape(metadata.version('numpy'))}", next(x for x in lines if "numpy" in x))


def test_it_looks_for_what_the_package_requires_and_not_for_what_its_developers_use() -> None:
    required = {re.match(r"[\w-]+", text)[0] for text in metadata.requires("cowlab") or [] if "extra" not in text}
    names = {finding.name for finding in check.look()}
    assert {"numpy", "jupyterlab", "ipywidgets", "anywidget"} <= required <= names
    assert "ruff" not in names


def test_a_package_that_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["cowlab-has-no-such-package>=1.2,<3"])
    stream = io.StringIO()
    assert check.main(stream) == 1
    assert re.search(r"^MISSING +cowlab-has-no-such-package +not installed$", stream.getvalue(), re.M)
    assert "-m pip install 'cowlab-has-no-such-package<3,>=1.2'" in stream.getvalue()
    assert check.ALL_WELL not in stream.getvalue()


def test_a_package_that_is_too_old_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=999"])
    finding = found("numpy")
    assert finding.verdict == "MISSING"
    assert finding.found == f"{metadata.version('numpy')}, where >=999 is needed"


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("4.2", ">=4.2,<5", True),
        ("4.10.1", ">=4.2,<5", True),
        ("4.1.9", ">=4.2,<5", False),
        ("5.0", ">=4.2,<5", False),
        ("5", "<5,>=4.2", False),
        ("8.1.5rc1", ">=8.1", True),
        ("3.11.0", ">=3.11", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, wanted: str, fits: bool) -> None:
    assert check._fits(version, SpecifierSet(wanted)) == fits


def test_widgets_that_jupyterlab_does_not_have_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *folders: [str(tmp_path)])
    assert found("widgets (anywidget)").verdict == "MISSING"
    (tmp_path / "anywidget").mkdir()
    assert found("widgets (anywidget)").verdict == "ok"
    assert "--force-reinstall jupyterlab_widgets" in check.verdict(check.look())


def test_a_kernel_that_cannot_be_asked_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "obstacle", lambda: "This is Darwin, not Linux.")
    finding = found("comparison with the kernel")
    assert (finding.verdict, finding.found) == ("not here", "This is Darwin, not Linux.")
    assert check.complete(check.look())


@pytest.mark.parametrize(
    ("text", "present", "said"),
    [
        ("SwapTotal:       2097152 kB\n", True, "2 GiB"),
        ("SwapTotal:             0 kB\n", False, "none"),
        (None, False, "no /proc"),
    ],
)
def test_swap_is_told_and_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, present: bool, said: str
) -> None:
    meminfo = tmp_path / "meminfo"
    if text is not None:
        meminfo.write_text(f"MemTotal: 8 kB\n{text}")
    monkeypatch.setattr(check, "MEMINFO", meminfo)
    finding = found("swap")
    assert finding.present == present
    assert said in finding.found
    assert not finding.needed


def test_the_table_has_its_columns_aligned() -> None:
    findings = [Finding("a", True, "1"), Finding("longer", False, "2", needed=False), Finding("b", False, "3")]
    assert check.lines(findings) == ["ok        a       1", "not here  longer  2", "MISSING   b       3"]


def test_slides_are_for_lecturers_and_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    finding = found("slides (voila)")
    assert (finding.present, finding.needed) == (False, False)
    assert "cowlab[teach]" in finding.found
