"""The examples in docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import cowlab

MODULES = [
    module.name
    for module in pkgutil.walk_packages(cowlab.__path__, "cowlab.")
    if not module.name.startswith(("cowlab.linux.interpreter", "cowlab.__main__", "cowlab.views"))
]
WITH_EXAMPLES = ("cgroup", "costs", "evict", "oom", "pressure", "reclaim", "swap")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    if name.startswith("cowlab.engine.") and name.rpartition(".")[2] in WITH_EXAMPLES:
        assert result.attempted > 2
