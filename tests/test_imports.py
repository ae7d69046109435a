"""Who imports whom: no circles, at run time or in types, and arrows between rooms that go one way."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cowlab

HERE = Path(cowlab.__file__).parent
FILES = {
    ".".join(("cowlab", *file.relative_to(HERE).with_suffix("").parts)).removesuffix(".__init__"): file
    for file in HERE.rglob("*.py")
}
PACKAGES = {name for name, file in FILES.items() if file.name == "__init__.py"}


def imports(name: str) -> Iterator[str]:
    """The modules of this package that a module imports, in functions and for types too, and the rooms they are in.

    Whoever imports `cowlab.views.lab` runs `cowlab.views` first; a module's own rooms are there already.
    """
    own = {name, *rooms(name)}
    for target in named(name, ast.parse(FILES[name].read_text(encoding="utf-8"))):
        yield target
        yield from set(rooms(target)) - own


def for_types(name: str) -> set[str]:
    """Those that it imports for types alone, under `if TYPE_CHECKING`."""
    blocks = [node for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))) if isinstance(node, ast.If)]
    return {
        target for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING" for target in named(name, *node.body)
    }


def named(name: str, *statements: ast.AST) -> Iterator[str]:
    """The modules that statements of the module `name` import, and the statements in them."""
    here = name if name in PACKAGES else name.rpartition(".")[0]
    for statement in statements:
        for node in ast.walk(statement):
            yield from imported(node, here)


def imported(node: ast.AST, here: str) -> Iterator[str]:
    """The modules that one statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in FILES)
    elif isinstance(node, ast.ImportFrom):
        base = here.split(".")[: len(here.split(".")) + 1 - node.level] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
        for alias in node.names:
            inside = f"{source}.{alias.name}"
            if found := inside if inside in FILES else source if source in FILES else None:
                yield found


def rooms(name: str) -> Iterator[str]:
    """The packages around a module."""
    while name := name.rpartition(".")[0]:
        yield name


KNOW_EACH_OTHER = {
    f"cowlab.engine.{name}"
    for name in (
        *("machine", "process", "mapping", "address_space", "calls", "rules.cgroup"),
        *("reports.procfs", "reports.state", "reports.checks"),
    )
}
"""What a user goes between (`machine.processes`, `process.cgroup`, `group.processes`, `mapping.process`), with the
calls on it and what a machine reports of itself. They name each other's types, and nothing else in the package does
the like: the rooms take whatever is of the kinds in kinds.py."""


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: set(imports(name)) for name in FILES}
    for name in KNOW_EACH_OTHER:
        graph[name] -= for_types(name) & KNOW_EACH_OTHER
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


LEVELS = (
    {"about", "arguments", "files", "moved", "readable", "units"},
    {"engine"},
    {"trace"},
    {"scenarios"},
    {"cluster", "goals", "linux", "listing", "monitor"},
    {"course", "program", "views"},
)
"""The rooms: each may use those above it and its neighbours."""


def level(name: str) -> int:
    """How far down a module is."""
    room = name.split(".")[1].strip("_")
    return next(number for number, rooms in enumerate(LEVELS) if room in rooms)


@pytest.mark.parametrize("name", sorted(set(FILES) - {"cowlab", "cowlab.__main__"}))
def test_arrows_between_rooms_go_one_way(name):
    assert [other for other in imports(name) if other == "cowlab" or level(other) > level(name)] == []


ENGINE = {
    "stores": {"stores"},
    "rules": {"stores", "rules"},
    "many": {"stores", "rules", "many"},
    "reports": {"stores", "rules", "many", "reports", "door"},
}
"""The rooms of the engine, and which each may use."""

SMALL = {"areas", "errors", "kinds", "tally"}
"""Files at the door that all rooms but the stores may use, as they may any file that uses nothing of the engine."""

ALSO = {
    ("rules.reclaim", "many.rmap"),  # reclaim takes many pages at once, from all that map them
    ("rules.reclaim", "many.page_out"),
    ("rules.replacement", "many.rmap"),
    ("rules.cgroup", "machine"),  # as types: see KNOW_EACH_OTHER
    ("rules.cgroup", "process"),
}


def used_in_engine(module: str) -> set[str]:
    """The modules of the engine that one of them imports, without the rooms around them."""
    found = set(imports(f"cowlab.engine.{module}")) - PACKAGES
    return {other.removeprefix("cowlab.engine.") for other in found if other.startswith("cowlab.engine.")}


def room_of(module: str) -> str:
    """The room of the engine that a module is in."""
    return module.partition(".")[0] if "." in module else "door"


@pytest.mark.parametrize("room", ENGINE)
def test_rooms_of_the_engine_use_those_below(room):
    modules = [name.removeprefix("cowlab.engine.") for name in FILES if name.startswith(f"cowlab.engine.{room}.")]
    arrows = {(module, other) for module in modules for other in used_in_engine(module)}
    wrong = {(module, other) for module, other in arrows if room_of(other) not in ENGINE[room]}
    if room != "stores":
        wrong = {(module, other) for module, other in wrong if other not in SMALL and used_in_engine(other)}
    assert wrong == {pair for pair in ALSO if room_of(pair[0]) == room}
