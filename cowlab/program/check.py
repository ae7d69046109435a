"""`cowlab check`: whether all that the course needs is installed here, and what else this machine can do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..units import format_size

EXTENSIONS = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets", "anywidget": "anywidget"}
"""What JupyterLab needs to show widgets: {its extension: the package that brings it}."""
MEMINFO = Path("/proc/meminfo")
ALL_WELL = "All that the course needs is here."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. The course runs without what is not `needed`; `advice` says how to get it."""

    name: str
    present: bool
    found: str
    needed: bool = True
    advice: str = ""

    @property
    def verdict(self) -> str:
        """In a word or two."""
        return "ok" if self.present else "MISSING" if self.needed else "not here"


def main(stream: TextIO | None = None) -> int:
    """Print what was found; the exit status is 0 if all that the course needs is here."""
    findings = look()
    print("\n".join([*lines(findings), "", verdict(findings)]), file=stream or sys.stdout)
    return 0 if complete(findings) else 1


def look() -> list[Finding]:
    """All findings, what the course needs first."""
    return [_python(), *_packages(), *_extensions(), _kernel(), _swap(), _slides()]


def complete(findings: Sequence[Finding]) -> bool:
    """Is all that is needed there?"""
    return all(finding.present for finding in findings if finding.needed)


def lines(findings: Sequence[Finding]) -> list[str]:
    """The findings as a table in text."""
    width = max(len(finding.name) for finding in findings)
    return [f"{f.verdict:<9} {f.name:<{width}}  {f.found}".rstrip() for f in findings]


def verdict(findings: Sequence[Finding]) -> str:
    """What follows from the findings: the same wherever all that is needed is there."""
    missing = [finding for finding in findings if finding.needed and not finding.present]
    if not missing:
        return ALL_WELL
    return "\n".join(f"{finding.name}: {finding.found}. {finding.advice}" for finding in missing)


# What is looked for ---------------------------------------------------------------------------------------------------


def _python() -> Finding:
    wanted = metadata.metadata("cowlab")["Requires-Python"] or ">=3"
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "Python", _fits(version, SpecifierSet(wanted)), version, advice=f"Install Python {wanted}, and cowlab with it."
    )


def _packages() -> Iterator[Finding]:
    """What cowlab's own metadata says that it requires, but for what only tests and developers need."""
    for requirement in map(Requirement, metadata.requires("cowlab") or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement.name, requirement.specifier)


def _package(name: str, wanted: SpecifierSet) -> Finding:
    advice = f"Run: {Path(sys.executable).name} -m pip install '{name}{wanted}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", advice=advice)
    present = _fits(version, wanted)
    return Finding(name, present, version if present else f"{version}, where {wanted} is needed", advice=advice)


def _fits(version: str, wanted: SpecifierSet) -> bool:
    """Is `version` in the range `wanted`? A release candidate is what somebody chose to install."""
    return wanted.contains(version, prereleases=True)


def _extensions() -> Iterator[Finding]:
    """The parts of the widgets that run in JupyterLab. A browser's Python has them in its page, not in files."""
    if sys.platform == "emscripten" or find_spec("jupyter_core") is None:  # then JupyterLab is missing as a whole
        return
    from jupyter_core.paths import jupyter_path

    for extension, package in EXTENSIONS.items():
        present = any((Path(folder) / extension).is_dir() for folder in jupyter_path("labextensions"))
        found = "in JupyterLab" if present else "not in JupyterLab"
        advice = f"Run: {Path(sys.executable).name} -m pip install --force-reinstall {package}"
        yield Finding(f"widgets ({package})", present, found, advice=advice)


def _kernel() -> Finding:
    """Can traces run on this machine's kernel?"""
    from ..linux import host

    obstacle = host.obstacle()
    found = obstacle or "traces can run on this machine's kernel"
    return Finding("comparison with the kernel", obstacle is None, found, needed=False)


def _swap() -> Finding:
    """How much swap there is: it decides what a machine does when memory ends (lessons 06 and 08)."""
    found = re.search(r"^SwapTotal:\s*(\d+) kB", MEMINFO.read_text(), re.MULTILINE) if MEMINFO.exists() else None
    if found is None:
        return Finding("swap", False, "there is no /proc/meminfo to read it from", needed=False)
    size = int(found[1]) * 1024
    return Finding("swap", size > 0, format_size(size) if size else "this machine has none", needed=False)


def _slides() -> Finding:
    """Voilà, with which a lecturer shows a lesson as slides."""
    present = find_spec("voila") is not None
    found = metadata.version("voila") if present else "for lecturers: pip install 'cowlab[teach]'"
    return Finding("slides (voila)", present, found, needed=False)
