"""The map's script is built from modules, and nobody who installs cowlab needs what builds it."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "cowlab" / "views" / "map"
BUILT = ROOT / "cowlab" / "views" / "memory_map.js"


def test_the_built_file_says_where_to_change_it_and_holds_every_module():
    first, *lines = BUILT.read_text(encoding="utf-8").splitlines()
    assert first.startswith("// Built from cowlab/views/map/ by `scripts/map build`")
    held = {line.rpartition("/")[2] for line in lines if line.startswith("// cowlab/views/map/")}
    assert held == {path.name for path in MODULES.glob("*.js")}


def test_the_tools_have_exact_versions_and_no_list_of_addresses():
    made = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in made
    assert [
        version for version in made["devDependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ] == []
    assert "package-lock=false" in (ROOT / ".npmrc").read_text(encoding="utf-8").split()


def test_the_wheel_has_the_built_file_and_not_its_modules(unpacked_wheel):
    views = unpacked_wheel / "cowlab" / "views"
    assert (views / BUILT.name).read_bytes() == BUILT.read_bytes()
    assert not (views / MODULES.name).exists()
