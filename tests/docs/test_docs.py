"""What the documents promise: commands of one line, tables that leave nothing out."""

import re

import pytest

from helpers.paths import ROOT


def shell_fences():
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def test_the_first_two_commands_of_the_readme_are_one_line_each():
    start, test = shell_fences()[:2]
    assert start.count("\n") == test.count("\n") == 1
    assert start.endswith("cowlab\n")
    assert test.endswith("pytest\n")


def test_the_two_commands_are_on_the_first_screen():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    end_of_second = readme.index(shell_fences()[1]) + len(shell_fences()[1])
    assert readme[:end_of_second].count("\n") <= 30


# ---- docs/trust.md and docs/design.md against what is there


TRUST = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
RULES = {"faults", "commit", "reclaim", "oom", "cgroup", "shortage", "swap", "costs", "pressure"}
ENGINE = sorted(path.stem for path in (ROOT / "cowlab" / "engine").rglob("*.py") if path.stem != "__init__")


def rows_of_cases():
    """The rows of trust.md about Linux's own suites: numbers of cases, and what the last column says."""
    return [(row[0].split(", "), row[1]) for row in re.findall(r"^\| (T\d\d[^|]*) \|.*\| ([^|]*) \|$", TRUST, re.M)]


@pytest.mark.parametrize("module", sorted(RULES))
def test_trust_has_the_rules_of_each_module(module):
    assert module in ENGINE
    assert f"`{module}.py`" in TRUST


def test_design_names_every_file_of_the_engine():
    table = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("## One form")[0]
    assert [module for module in ENGINE if f"`{module}.py`" not in table] == []


def test_trust_names_every_test_of_linuxs_suites_and_no_other():
    suites = (ROOT / "tests" / "engine" / "test_linux_suites.py").read_text(encoding="utf-8")
    written = re.findall(r"^def (test_\w+)", suites, re.M)
    named = [test for _, last in rows_of_cases() for test in re.findall(r"`(test_\w+)`", last) if "/" not in test]
    assert sorted(named) == sorted(written)


def test_trust_tells_of_each_case_once_and_counts_them():
    numbers = [number for row, _ in rows_of_cases() for number in row]
    assert sorted(set(numbers)) == sorted(numbers)
    assert f"for {len(numbers)} cases" in TRUST


def test_the_files_that_trust_names_exist():
    named = set(re.findall(r"`((?:tests|benchmarks|docs)/[\w./]+)`", TRUST))
    assert [name for name in named if not (ROOT / name).exists()] == []
