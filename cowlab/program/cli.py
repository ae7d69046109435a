"""The `cowlab` command: reads its arguments and hands over; a part is imported only when asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..__about__ import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return _run(parser, options)
    except KeyboardInterrupt:
        return 130  # what a shell reports of a program ended by Ctrl-C
    except BrokenPipeError:
        return _reader_has_left()


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.command is None:
        from . import launch

        return launch.main(options.into, options.port, options.browser)
    if options.command == "lecture":
        from . import lecture

        return lecture.main(options.lesson, options.theme, options.into, options.port, options.browser)
    if options.into is not None or options.port is not None or not options.browser:
        parser.error(f"--into, --port and --no-browser open the course, not `cowlab {options.command}`")
    if options.command == "tour":
        from . import tour

        tour.main(sys.stdout)
        return 0
    if options.command == "calibrate":
        from ..linux import calibrate

        return calibrate.main(options)
    if options.command == "practice":
        from ..course import practice

        return practice.main(options.lesson, options.seed, options.answer)
    if options.command == "check":
        from . import check

        return check.main()
    from ..linux import verify

    return int(verify.main(traces=options.traces, seed=options.seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cowlab",
        description="Opens the course in JupyterLab. Ctrl-C ends it.",
    )
    parser.add_argument("--version", action="version", version=f"cowlab {__version__}")
    parser.set_defaults(port=None, browser=True, into=None)
    _add_serving(parser)
    commands = parser.add_subparsers(dest="command", metavar="[tour | practice | check | lecture | verify | calibrate]")
    commands.add_parser("tour", help="the worked examples of the course, in this terminal")
    practice = commands.add_parser("practice", help="questions with numbers drawn from a seed, in this terminal")
    practice.add_argument("lesson", nargs="?", help="the number of a lesson, such as 05; without it: what there is")
    practice.add_argument("--seed", type=int, default=0, metavar="S", help="draw other numbers (default: 0)")
    practice.add_argument("--answer", action="store_true", help="show the answers, with what others get wrong")
    commands.add_parser("check", help="whether all that the course needs is installed here")
    lecture = commands.add_parser("lecture", help="a lesson as slides in which the labs are alive")
    lecture.add_argument("lesson", help="the number of a lesson, such as 03")
    lecture.add_argument("--theme", choices=("light", "dark"), default="light", help="of the slides (default: light)")
    _add_serving(lecture)
    verify = commands.add_parser("verify", help="compare the model with this machine's own kernel")
    verify.add_argument("--traces", type=_positive, default=200, metavar="N", help="how many (default: 200)")
    verify.add_argument("--seed", type=int, default=0, metavar="S", help="draw other traces (default: 0)")
    calibrate = commands.add_parser("calibrate", help="measure what forks and faults take on this machine")
    calibrate.add_argument("--save", type=Path, metavar="FILE", help="write the costs to this file, as JSON")
    return parser


def _add_serving(parser: argparse.ArgumentParser) -> None:
    """The options of what serves pages. Without a value they say nothing, so that those before a command count."""
    silent = argparse.SUPPRESS
    parser.add_argument(
        "--port", type=_port, default=silent, help="the port to serve on (otherwise a free one is chosen)"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", default=silent, help="print the address only"
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        default=silent,
        help="copy the lessons to this folder and open them there (installed without the repository: "
        "./cowlab-course); lessons that you changed are never overwritten",
    )


def _port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 1 up, not {text!r}")


def _reader_has_left() -> int:
    """End as other programs do in `cowlab tour | head`: quietly, and not with success."""
    # Python flushes stdout once more when it exits; that must not fail a second time.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
