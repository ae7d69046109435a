"""Links between the files of the course: which of them lead nowhere, in any folder that holds them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

_LINK = re.compile(r"""\]\(([^)\s]+)\)|\b(?:href|src)=["']([^"']+)["']""")
_FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
_ELSEWHERE = re.compile(r"[a-z]+:")


def dead(file: Path) -> list[str]:
    """The links of a page or notebook that lead to no file, or to a heading that the file does not have."""
    links = [link for link in links_of(file) if not _ELSEWHERE.match(link)]
    return [link for link in links if not _leads_somewhere(file, link)]


def links_of(file: Path) -> list[str]:
    """All of them, as they stand there."""
    return [one or other for one, other in _LINK.findall(_FENCE.sub("", _text(file)))]


def _text(file: Path) -> str:
    """What is read as Markdown: a page, or a notebook's text and what its cells put out as text with links."""
    if file.suffix != ".ipynb":
        return file.read_text(encoding="utf-8")
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    texts = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    shown = [output["data"] for cell in cells for output in cell.get("outputs", []) if "data" in output]
    texts += [data[kind] for data in shown for kind in ("text/markdown", "text/html") if kind in data]
    return "\n\n".join("".join(text) for text in texts)


def _leads_somewhere(file: Path, link: str) -> bool:
    name, _, heading = unquote(link).partition("#")
    target = file.parent / name if name else file
    return target.exists() and (not heading or heading in _headings(target))


def _headings(file: Path) -> set[str]:
    """The headings of a page as JupyterLab's links name them."""
    titles = re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", _text(file)), re.M)
    return {re.sub("[`*]", "", title).replace(" ", "-") for title in titles}
