"""Lessons of 0.1 that learners changed and kept: what they import is still there, under the names of then."""

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from cowlab import moved

IMPORTS = {
    "00_welcome": [
        "from cowlab.welcome import Installation, LessonList, ProgressTable",
        "import cowlab",
        "from cowlab.views import MemoryMap",
    ],
    "01_fork_sharing": [
        "from cowlab.questions import fork_sharing as questions",
        "import cowlab",
        "from cowlab import scenarios, trace",
        "from cowlab.engine import faults",
        "from cowlab.units import format_size",
        "from cowlab.views import Claims, Comparison, Lab, ProcessTable",
    ],
    "02_first_write_copy": [
        "from cowlab.questions import first_write_copy as questions",
        "import cowlab",
        "from cowlab import goals, scenarios",
        "from cowlab.engine import costs, faults, pagemap, stepping",
        "from cowlab.units import format_size",
        "from cowlab.views import Claims, Comparison, Lab",
        "from cowlab.views.fault_steps import steps",
    ],
    "03_zygote_savings": [
        "from cowlab.questions import zygote_savings as questions",
        "import cowlab",
        "from cowlab import goals, scenarios, trace",
        "from cowlab.engine import costs",
        "from cowlab.scenarios.operations import part",
        "from cowlab.scenarios.sharing import LOADED_PERCENT, RELOCATED_PERCENT, started",
        "from cowlab.units import format_size, pages_in",
        "from cowlab.views import Claims, Comparison, Lab, ProcessTable",
    ],
    "04_overcommit": [
        "from cowlab.questions import overcommit as questions",
        "import cowlab",
        "from cowlab import goals, linux, scenarios, trace",
        "from cowlab.engine import Account, Request, commit",
        "from cowlab.units import format_size, pages_in",
        "from cowlab.views import Claims, Comparison, Lab",
    ],
    "05_batch_fork_explosion": [
        "from cowlab.questions import batch_fork_explosion as questions",
        "import cowlab",
        "from cowlab import goals, linux, scenarios, trace",
        "from cowlab.engine import faults, oom",
        "from cowlab.engine.process import Process",
        "from cowlab.scenarios.operations import filled",
        "from cowlab.units import format_size, pages_in, parse_size",
        "from cowlab.views import Claims, Comparison, Lab",
    ],
    "06_oom_killer": [
        "from cowlab.questions import oom_killer as questions",
        "import cowlab",
        "from cowlab import goals, scenarios, trace",
        "from cowlab.course import Drawn",
        "from cowlab.engine import oom",
        "from cowlab.goals import facts",
        "from cowlab.units import format_size",
        "from cowlab.views import Claims, Comparison, Lab, ProcessTable",
    ],
    "07_cgroup_isolation": [
        "from cowlab.questions import cgroup_isolation as questions",
        "import cowlab",
        "from cowlab import goals, scenarios, trace",
        "from cowlab.engine import oom, shortage",
        "from cowlab.units import count, format_size",
        "from cowlab.views import Claims, GroupBoxes, Lab",
    ],
    "08_headroom_and_alerts": [
        "from cowlab.questions import headroom_and_alerts as questions",
        "import cowlab",
        "from cowlab import Costs, goals, scenarios, trace",
        "from cowlab.cluster import Node, Pod, Refused",
        "from cowlab.monitor import Monitor, committed_rules, pressure_above, sustained_paging, working_set_above",
        "from cowlab.units import format_size",
        "from cowlab.views import Claims, Comparison, Lab",
    ],
    "09_in_production": [
        "from cowlab.claims.lesson_09_in_production import RATIOS, RECORDED",
        "from cowlab.questions import in_production as questions",
        "import cowlab",
        "from cowlab import claims, goals, linux, scenarios",
        "from cowlab.engine import faults",
        "from cowlab.units import format_size",
        "from cowlab.views import Claims, Comparison, Lab",
    ],
}
"""All imports of this package in the cells of each lesson, as they were when the rooms moved."""


@pytest.mark.parametrize("lesson", IMPORTS)
def test_the_imports_of_a_lesson_of_then_work_and_say_nothing(lesson):
    # A lesson's cells are __main__, whose DeprecationWarnings Jupyter shows.
    shown = subprocess.run(
        [sys.executable, "-c", "\n".join(IMPORTS[lesson])], capture_output=True, text=True, timeout=60
    )
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("old", moved.MOVED)
def test_an_old_name_gives_the_module_itself(old, monkeypatch):
    for name in [name for name in sys.modules if name == old]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.warns(DeprecationWarning, match=f"{old} is {moved.MOVED[old]} now"):
        found = import_module(old)
    assert found is import_module(moved.MOVED[old])
    assert found.__spec__.name == moved.MOVED[old]


def test_what_did_not_move_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert import_module("cowlab.goals").__name__ == "cowlab.goals"
    with pytest.raises(ModuleNotFoundError, match="cowlab.nothing"):
        import_module("cowlab.nothing")
