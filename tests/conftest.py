"""Settings of the whole test run."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from helpers.paths import ROOT

# With COWLAB_CI=1 a skip is a failure, except for one of these reasons: a check that should run must not
# fall out unnoticed. Elsewhere (no Linux, no Chromium, ...) tests skip and say why.
IN_CI = os.environ.get("COWLAB_CI") == "1"
ALLOWED_IN_CI = [] if sys.platform == "linux" else [r"\bLinux\b"]
if os.environ.get("COWLAB_CI_MAY_SKIP"):
    ALLOWED_IN_CI.append(os.environ["COWLAB_CI_MAY_SKIP"])

# Time limits for one example say more about the machine than about the code.
settings.register_profile("everywhere", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "everywhere"))

# A process more saves less and less, and makes anew what tests of one process share.
MOST_PROCESSES = 4


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run all tests in several processes where pytest-xdist is installed; `-n 0` runs them in one."""
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    in_worker = hasattr(config, "workerinput")
    if everything and not in_worker and config.pluginmanager.hasplugin("xdist") and config.option.numprocesses is None:
        config.option.numprocesses = "logical"
        config.option.maxprocesses = config.option.maxprocesses or MOST_PROCESSES
        config.option.dist, config.option.loadscopereorder = "loadfile", False


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Asked by pytest-xdist, which helpers.spread takes as well."""
    from helpers.spread import ByFile

    return ByFile(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests are spread, begin with those that take longest."""
    if hasattr(config, "workerinput"):
        from helpers.spread import longest_first

        items.sort(key=lambda item: longest_first(item.nodeid))


@pytest.fixture(scope="session")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is installed, without the repository."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """In CI, turn the report of a skipped test into a failure."""
    report = yield
    return _failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """In CI, turn the report of a skipped file into an error."""
    report = yield
    return _failed_if_skipped(report)


def _failed_if_skipped(report):
    expected_to_fail = hasattr(report, "wasxfail")
    if IN_CI and report.skipped and not expected_to_fail:
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(re.search(allowed, reason) for allowed in ALLOWED_IN_CI):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, where it should run: {reason}"
    return report
