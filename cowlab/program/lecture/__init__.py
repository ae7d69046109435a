"""`cowlab lecture 03`: a lesson as slides in which the labs are alive.

Voilà runs the notebook on the course's own server; the template in this folder makes slides of it. What is on which
slide stands in the notebook's slide metadata, as JupyterLab's "Property Inspector" shows and changes it:
`metadata.slideshow.slide_type` of a cell is "slide" or "subslide" where one begins, "skip" for what is run and not
shown, and nothing where a cell belongs to the slide before. `metadata.slideshow.notes` is what the speaker is told.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from functools import partial
from pathlib import Path

from ...course.contents import LESSON
from .. import launch
from ..lesson_files import CourseError

TEMPLATES = Path(__file__).parent
TEMPLATE = "cowlab"  # in nbconvert/templates of this folder, where Voilà looks too


def main(
    lesson: str,
    theme: str = "light",
    into: Path | None = None,
    port: int | None = None,
    browser: bool = True,
) -> int:
    """Open a lesson as slides and serve it until Ctrl-C or SIGTERM; return the exit status."""
    # Where Jupyter looks for templates, before its own places.
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(TEMPLATES), os.environ.get("JUPYTER_PATH")]))
    return launch.open_page(partial(_slides, lesson), into, port, browser, options(theme))


def options(theme: str) -> dict[str, object]:
    """What the course's server needs beside its own options."""
    return {
        "ServerApp.jpserver_extensions": "{'jupyterlab': True, 'voila.server_extension': True}",
        "VoilaConfiguration.template": TEMPLATE,
        "VoilaConfiguration.theme": theme,
        # The code is there, folded; and where it fails, the lecturer sees why.
        "VoilaConfiguration.strip_sources": False,
        "VoilaConfiguration.show_tracebacks": True,
        # The first slide is there at once; what comes out of the cells follows as they run.
        "VoilaConfiguration.progressive_rendering": True,
    }


def _slides(lesson: str, folder: Path) -> str:
    """The page of a lesson's slides; `lesson` is its number, as in 3 or 03."""
    if importlib.util.find_spec("voila") is None:
        raise CourseError(
            "lectures need Voilà: run `python -m pip install 'cowlab[teach]'` (in a clone: -e '.[teach]')"
        )
    _quieten()
    lessons = launch.lessons_in(folder)
    if not lessons.is_dir():
        raise CourseError(f"there are no lessons in {folder}: name another folder with --into")
    files = {match[1]: path for path in lessons.iterdir() if (match := LESSON.fullmatch(path.name))}
    found = files.get(lesson.zfill(2))
    if found is None:
        raise CourseError(f"there is no lesson {lesson!r} in {lessons}: there are {', '.join(sorted(files))}")
    return f"/voila/render/{launch.page_of(found, folder)}"


def _quieten() -> None:
    """Voilà has warnings shown of how it declares its own settings, about which a lecturer can do nothing."""
    importlib.import_module("voila")  # sets its filter as it is imported
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="traitlets")
