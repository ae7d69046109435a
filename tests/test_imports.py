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
    here = name if name in PACKAGES else name.rpartition(".")[0]
    own = {name, *rooms(name)}
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        for target in imported(node, here):
            yield target
            yield from set(rooms(target)) - own


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


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: {other for other in imports(name) if not other.startswith("cowlab.engine")} for name in FILES}
    graph = {name: others for name, others in graph.items() if not name.startswith("cowlab.engine")}
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
