"""The lab in a real JupyterLab and a real Chromium: from a control's change to the pixel, and what that takes.

    python benchmarks/views.py [--moves 40] [--only NAME ...] [--json FILE]

Starts JupyterLab with the course's websocket, and opens a notebook for each lab. A control is moved with an arrow key,
and the next move waits until nothing more is sent. "pixel" is from the key's event to the end of the first frame that
begins after the map was drawn: it has the new picture. "drawn" is to the end of the drawing itself, and "painting"
the drawing alone. "bytes" are those that the kernel's websocket brought until the pixel, "in all" those until it was
quiet, with the tables below the map. The figures in Python are of the same moves in this process, beside matplotlib,
which draws the same cells as one picture without axes, and sends nothing anywhere. Targets are printed beside the
figures, and nothing fails.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cowlab import scenarios
from cowlab.scenarios import Range, Scenario, scenario
from cowlab.views import Lab
from cowlab.views.memory_map import Scene, Sent, scene_of
from cowlab.views.palette import STATES
from cowlab.views.playback import Playback

CHILDREN = 50
PAGES = 76_800  # 300 MiB
QUIET_MS = 400  # without a message: the move before is over
PAN_FRAMES = 120
REPO = Path(__file__).parents[1]
SLIDER = '.cowlab-slider label:has(> :text-is("written (%)")) input'

WATCH = """map => {
    const moves = (window.moves = []);
    addEventListener("keydown", (event) => moves.push({ key: event.timeStamp }), true);
    map.addEventListener("cowlab:drawn", ({ detail }) => {
        const move = moves.at(-1);
        if (!move || move.drawn) return;
        Object.assign(move, { drawn: performance.now() - move.key, paint: map.cowlab.paintMs, seq: detail.seq });
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();  // its message comes when the frame has been made
            port1.onmessage = () => (move.pixel = performance.now() - move.key);
            port2.postMessage(0);
        });
    });
}"""
MOVED = "() => window.moves.at(-1)?.pixel"
PAN = """async (map, frames) => {
    const stage = map.querySelector(".cowlab-stage");
    const { left, top, width, height } = stage.getBoundingClientRect();
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    const page = () => map.cowlab.where({ process: "parent", mapping: "heap", page: 0 });
    const before = page();
    const began = await frame();
    let now = began;
    const paints = [];
    for (let i = 0; i < frames; i++) {
        const [x, y] = [left + width / 2 + 60 * Math.sin(i / 9), top + height / 2 + 40 * Math.cos(i / 9)];
        stage.dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, clientX: x, clientY: y, bubbles: true }));
        now = await frame();
        paints.push(map.cowlab.paintMs);
    }
    const paint = paints.sort((a, b) => a - b)[frames >> 1];
    const moved = Math.hypot(page().x - before.x, page().y - before.y);
    return { fps: (1000 * frames) / (now - began), paint, moved };
}"""


# What is moved --------------------------------------------------------------------------------------------------


@scenario(small={})
def scattered(
    written_percent: Annotated[int, Range(0, 100, unit="%", help="the part that each child writes, in no order")] = 20,
) -> dict[str, Any]:
    """300 MiB and 50 children, as `benchmarks/vs_kernel.py` has them: each writes pages of its own choice."""
    made = scenarios.zygote(tabs=CHILDREN, written_percent=0)
    count = PAGES * written_percent // 100
    for number, order in enumerate(_orders(), 1):
        chosen = {"pages": order[:count], "value": number + 1}
        made["ops"].append({"op": "write", "pid": f"tab {number}", "region": "heap", **chosen})
    return made


def _orders(kept: list[list[int]] = []) -> list[list[int]]:  # noqa: B006  # drawn once
    """An order of the pages for each child."""
    if not kept:
        kept += [np.random.default_rng(number).permutation(PAGES).tolist() for number in range(CHILDREN)]
    return kept


@dataclass(frozen=True)
class Case:
    """A lab: the scenario, where its controls start, and what its changes may take, in milliseconds."""

    scenario: Scenario[...]
    values: dict[str, Any]
    target: float = 50


CASES = {
    "fork_sharing, 128 KiB": Case(scenarios.fork_sharing, {"written_percent": 25}),
    "fork_sharing, 98,304 pages": Case(
        scenarios.fork_sharing, {"size": "64 MiB", "children": 5, "written_percent": 25}
    ),
    "zygote, 300 MiB x 50": Case(scenarios.zygote, {"written_percent": 11}),
    "batch_explosion, 2 GiB x 100": Case(scenarios.batch_explosion, {"written_percent": 50}),
    "scattered, 300 MiB x 50": Case(scattered, {"written_percent": 1}, target=200),
}
PANNED = {"1,024": ("1 MiB", 3), "10,240": ("4 MiB", 9), "98,304": ("64 MiB", 5)}  # pages: size and children


def lab_of(name: str) -> Lab:
    """The lab of a case; a notebook calls this."""
    return Lab(CASES[name].scenario, **CASES[name].values)


def panned(name: str) -> Lab:
    """A lab with so many pages."""
    size, children = PANNED[name]
    return Lab(scenarios.fork_sharing, size=size, children=children)


# The server and the browser -------------------------------------------------------------------------------------


class Traffic:
    """What the kernel's websocket of a page has carried."""

    def __init__(self, page: Any) -> None:
        self.received = self.messages = self.sent = 0
        self.last = time.monotonic()
        page.on("websocket", lambda socket: "/channels" in socket.url and self._follow(socket))

    def _follow(self, socket: Any) -> None:
        socket.on("framereceived", self._count)
        socket.on("framesent", self._count_sent)

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)
        self.messages += 1
        self.last = time.monotonic()

    def _count_sent(self, payload: str | bytes) -> None:
        self.sent += len(payload)
        self.last = time.monotonic()

    def wait_until_quiet(self, page: Any) -> None:
        while time.monotonic() - self.last < QUIET_MS / 1000:
            page.wait_for_timeout(20)  # Playwright counts messages only while it waits


class Course:
    """A JupyterLab on a folder of its own and a Chromium, as the tests in a browser have them."""

    def __init__(self, playwright: Any, folder: Path) -> None:
        from tests.browser import jupyter  # of this repository, which is no package

        self._jupyter, self._folder = jupyter, folder
        self._server = jupyter.JupyterLab(folder)
        self._chromium = playwright.chromium.launch(executable_path=jupyter.CHROMIUM, args=jupyter.QUIET)

    def close(self) -> None:
        self._chromium.close()
        self._server.close()

    @contextmanager
    def lab(self, call: str) -> Iterator[tuple[Any, Any, Traffic]]:
        """A page with the lab that `call` of this file makes, once it is quiet: the page, the map, and the traffic."""
        name = re.sub(r"\W+", "_", call) + ".ipynb"
        self._jupyter.write_notebook(self._folder / name, [f"from benchmarks import views\nviews.{call}"])
        page = self._chromium.new_page(viewport={"width": 1400, "height": 1000})
        traffic = Traffic(page)
        self._jupyter.Notebook(page, self._server.address(name)).run_all()
        shown = page.wait_for_selector(".cowlab-map")
        page.wait_for_function("map => map.cowlab.drawn > 0", arg=shown)
        traffic.wait_until_quiet(page)
        yield page, shown, traffic
        page.close()


# Measuring ------------------------------------------------------------------------------------------------------


@dataclass
class Moves:
    """Of each move of a control: milliseconds to the pixel and to the end of drawing, bytes, messages."""

    case: str
    target: float
    pixel: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    paint: list[float] = field(default_factory=list)
    bytes_until_drawn: list[float] = field(default_factory=list)
    bytes_received: list[float] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)


def measure_moves(course: Course, name: str, moves: int) -> Moves:
    """Move the control up and then down again, a step at a time."""
    found = Moves(name, CASES[name].target)
    with course.lab(f"lab_of({name!r})") as (page, shown, traffic):
        shown.evaluate(WATCH)
        page.locator(SLIDER).focus()
        for number in range(moves + 2):
            key = "ArrowRight" if number <= moves // 2 else "ArrowLeft"
            before = traffic.received, traffic.messages
            page.keyboard.press(key)
            page.wait_for_function(MOVED)
            at_pixel = traffic.received
            traffic.wait_until_quiet(page)
            if number >= 2:  # the first ones pay for what is set up once
                move = page.evaluate("() => window.moves.at(-1)")
                for what in ("pixel", "drawn", "paint"):
                    getattr(found, what).append(move[what])
                found.bytes_until_drawn.append(at_pixel - before[0])
                found.bytes_received.append(traffic.received - before[0])
                found.messages.append(traffic.messages - before[1])
    return found


@dataclass
class Pan:
    """Panning a map: frames a second, and the milliseconds of drawing one."""

    pages: str
    fps: float
    paint: float


def measure_pan(course: Course, name: str) -> Pan:
    """Drag the map with the middle button, a step each frame."""
    with course.lab(f"panned({name!r})") as (page, shown, _):
        shown.scroll_into_view_if_needed()
        box = shown.query_selector(".cowlab-stage").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down(button="middle")
        shown.evaluate(PAN, 10)
        panned = shown.evaluate(PAN, PAN_FRAMES)
        page.mouse.up(button="middle")
    assert panned["moved"] > 10, "the map did not move while it was dragged"
    return Pan(name, panned["fps"], panned["paint"])


@dataclass
class Parts:
    """Milliseconds of the parts of a change in Python, medians; and of matplotlib's picture of the same cells."""

    case: str
    run: list[float] = field(default_factory=list)
    look: list[float] = field(default_factory=list)
    message: list[float] = field(default_factory=list)
    matplotlib: list[float] = field(default_factory=list)


def measure_parts(name: str, moves: int) -> Parts:
    """The same moves without a browser."""
    found, case, playback, sent, shown = Parts(name), CASES[name], Playback(), Sent(), 0
    for number in range(moves):
        values = {**case.values, "written_percent": case.values["written_percent"] + number % 20}
        start = time.perf_counter()
        made = case.scenario(**values)
        playback.load(made)
        playback.go(len(made["ops"]))
        run = time.perf_counter()
        scene = scene_of(playback.machine, None, shown)
        look = time.perf_counter()
        json.dumps(sent.update(scene, "", [])[0])
        message = time.perf_counter()
        with_matplotlib(scene)
        shown = scene.grid.shown if scene.grid else 0
        for times, begin, end in (
            (found.run, start, run),
            (found.look, run, look),
            (found.message, look, message),
            (found.matplotlib, message, time.perf_counter()),
        ):
            times.append((end - begin) * 1000)
    return found


def with_matplotlib(scene: Scene) -> bytes:
    """The cells of a scene as one picture, a colour for each state, as PNG. Of a mix the largest part counts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    records = [strip.records for strip in scene.strips] + ([scene.grid.records] if scene.grid else [])
    states = [cells[:, 0] & 255 if scene.scale == 1 else cells.argmax(axis=1) for cells in records]
    flat = np.concatenate(states).astype(np.uint8)
    width = 32 * -(-int(len(flat) ** 0.5) // 32)
    cells = np.full(width * -(-len(flat) // width), len(STATES) - 1, np.uint8)
    cells[: len(flat)] = flat
    figure = Figure(figsize=(13, 4.2), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    colours = ListedColormap([look.light for look in STATES])
    axes.imshow(cells.reshape(-1, width), cmap=colours, vmin=0, vmax=len(STATES) - 1, interpolation="nearest")
    figure.savefig(buffer := io.BytesIO(), format="png")
    return buffer.getvalue()


# Together -------------------------------------------------------------------------------------------------------


def percentile(amounts: list[float], percent: int) -> float:
    return float(np.percentile(amounts, percent))


def report_moves(rows: list[Moves]) -> str:
    heads = ("pixel 50%", "pixel 95%", "drawn 50%", "drawn 95%", "painting", "bytes", "in all", "messages")
    lines = [f"{'one move of a control (ms)':32}" + "".join(f"{head:>11}" for head in heads) + "  target for 95%"]
    for row in rows:
        met = "met" if percentile(row.pixel, 95) <= row.target else "MISSED"
        times = [percentile(what, percent) for what in (row.pixel, row.drawn) for percent in (50, 95)]
        figures = "".join(f"{ms:>11.1f}" for ms in (*times, statistics.median(row.paint)))
        counts = (row.bytes_until_drawn, row.bytes_received, row.messages)
        figures += "".join(f"{statistics.median(count):>11,.0f}" for count in counts)
        lines.append(f"{row.case:32}{figures}  {row.target:g} ms: {met}")
    return "\n".join(lines)


def report_parts(rows: list[Parts]) -> str:
    heads = ("run", "look", "message", "together", "matplotlib")
    lines = [f"{'the same in Python (ms, medians)':32}" + "".join(f"{head:>11}" for head in heads)]
    for row in rows:
        ms = [statistics.median(times) for times in (row.run, row.look, row.message)]
        figures = "".join(f"{each:>11.1f}" for each in (*ms, sum(ms), statistics.median(row.matplotlib)))
        lines.append(f"{row.case:32}{figures}")
    return "\n".join(lines)


def report_pans(rows: list[Pan]) -> str:
    lines = [f"{'panning':32}{'frames a second':>20}{'ms a drawing':>20}"]
    return "\n".join(lines + [f"{row.pages + ' pages':32}{row.fps:>20.1f}{row.paint:>20.1f}" for row in rows])


def in_the_browser(names: list[str], moves: int) -> tuple[list[Moves], list[Pan]]:
    """Moves and pans, each in a notebook of its own."""
    from playwright.sync_api import sync_playwright

    sys.path.append(str(REPO))
    with tempfile.TemporaryDirectory(prefix="cowlab-") as folder, sync_playwright() as playwright:
        course = Course(playwright, Path(folder))
        try:
            return [measure_moves(course, name, moves) for name in names], [measure_pan(course, n) for n in PANNED]
        finally:
            course.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    moves, pans = in_the_browser(arguments.only, arguments.moves)
    parts = [measure_parts(name, arguments.moves) for name in arguments.only]
    print(report_moves(moves), report_parts(parts), report_pans(pans), sep="\n\n")
    if arguments.json:
        rows = {"moves": moves, "parts": parts, "pans": pans}
        arguments.json.write_text(json.dumps({k: [asdict(row) for row in v] for k, v in rows.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
