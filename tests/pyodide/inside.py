"""What run.mjs runs in a browser's Python: pytest, which fails if fewer tests pass than are expected."""

import asyncio
import os
import sys

sys.dont_write_bytecode = True  # the folders are the caller's
sys.path[:0] = ["/cowlab", "/site"]
os.chdir("/cowlab")
asyncio._set_running_loop(None)  # node's own loop waits while this runs: for a lab there is none, as in any script

import numpy as np  # noqa: E402
import pytest  # noqa: E402


class Passed:
    """Counts the tests that passed."""

    def __init__(self) -> None:
        self.count = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.count += report.when == "call" and report.passed


def main(arguments: list[str], least: int) -> int:
    """pytest's exit status, or 1 if fewer tests passed than `least`."""
    print(
        f"Python {sys.version.split()[0]} on {sys.platform}, numpy {np.__version__}, its integers: {np.arange(1).dtype}"
    )
    passed = Passed()
    # Files that are open and deleted, by which pytest would capture output, have no size here.
    fixed = ["--capture=sys", "-p", "no:cacheprovider"]
    status = int(pytest.main([*fixed, *arguments], [passed]))
    if passed.count < least:
        print(f"{passed.count} tests passed, fewer than the {least} that are expected (scripts/pyodide)")
    return status or int(passed.count < least)
