"""Marks of tests: where they run, and what they run for."""

from __future__ import annotations

import pytest

from cowlab import linux, scenarios

needs_linux = pytest.mark.skipif(linux.available() is not None, reason=f"needs Linux: {linux.available()}")

SCENARIOS = [each for name in scenarios.__all__ if isinstance(each := getattr(scenarios, name), scenarios.Scenario)]
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
