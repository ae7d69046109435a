"""The old names of modules: lessons that learners changed and kept, and installed commands, import by them.

They work for one version more. Whoever imports `cowlab.questions` is given `cowlab.course.questions`, the very same
module, and a DeprecationWarning.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

COURSE = ("claims", "contents", "practice", "progress", "questions", "report", "welcome")
PROGRAM = ("check", "cli", "launch", "lecture", "lesson_files", "tour")
LINUX = ("calibrate", "verify")
ENGINE = {
    "rules": ("cgroup", "commit", "faults", "oom", "page", "reclaim", "shortage"),
    "stores": ("chunks", "frames", "page_table", "swap"),
    "reports": ("checks", "costs", "pagemap", "pressure", "procfs", "state", "stepping"),
}
MOVED = {
    "cowlab.questions.drills": "cowlab.course.drills",
    **{f"cowlab.{name}": f"cowlab.course.{name}" for name in COURSE},
    **{f"cowlab.{name}": f"cowlab.program.{name}" for name in PROGRAM},
    **{f"cowlab.{name}": f"cowlab.linux.{name}" for name in LINUX},
    **{f"cowlab.engine.{name}": f"cowlab.engine.{room}.{name}" for room, names in ENGINE.items() for name in names},
}


class Forwarding(MetaPathFinder, Loader):
    """Imports a module under its new name, where it is asked for by its old one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the import system asks of each finder; None for names that did not move."""
        return spec_from_loader(fullname, self) if new_name(fullname) != fullname else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module that is meant in the place of the empty one that was made."""
        old, new = module.__name__, new_name(module.__name__)
        # As if it came from here and not from the lesson, which would show it among its outputs.
        warnings.warn(f"{old} is {new} now; the old name goes with the next version", DeprecationWarning, stacklevel=1)
        sys.modules[old] = import_module(new)


def new_name(name: str) -> str:
    """What a module is called now."""
    for old, new in MOVED.items():
        if name == old or name.startswith(f"{old}."):
            return new + name.removeprefix(old)
    return name


def forward() -> None:
    """Have the old names work. First in line: Python's own finder would load a module twice, once under each name."""
    sys.meta_path.insert(0, Forwarding())
