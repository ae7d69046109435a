"""The parts of a lab on a notebook's page, as a reader finds them, and what a reader does with them."""

from __future__ import annotations

import re
from typing import Any

from .jupyter import PATIENCE_MS, Notebook

# What the map says of pages, run by run, page by page: {process: {mapping: [[state, mappers], ...]}}, and the frames of
# the first page of each run, {process: {mapping: {page: frame}}}.
READ = """root => {
    const [pages, frames] = [{}, {}];
    for (const card of root.querySelectorAll('.cowlab-twin > li[data-process]')) {
        const [mappings, first] = [pages[card.dataset.process] = {}, frames[card.dataset.process] = {}];
        for (const mapping of card.querySelectorAll('li[data-mapping]:not([data-process])')) {
            const runs = [...mapping.querySelectorAll('li[data-start]')].map(run => run.dataset);
            const alike = run => Array(run.stop - run.start).fill([run.state, Number(run.mappers)]);
            mappings[mapping.dataset.mapping] = runs.flatMap(alike);
            first[mapping.dataset.mapping] = Object.fromEntries(runs.map(run => [run.start, run.frame]));
        }
    }
    return {pages, frames};
}"""
# The map of `root` has the processes, mappers and frames of a machine.
AGREES = """([root, machine]) => {
    const {pages, frames} = (READ)(root);
    const facts = Object.entries(machine).map(([process, mappings]) => [process, Object.entries(mappings)]);
    if (Object.keys(pages).sort().join() !== Object.keys(machine).sort().join()) return false;
    return facts.every(([process, mappings]) => mappings.every(([mapping, facts]) => {
        const shown = pages[process][mapping];
        return shown?.length === facts.length
            && facts.every(([mappers, frame], page) => shown[page][1] === mappers)
            && Object.entries(frames[process][mapping]).every(([page, frame]) =>
                frame === (facts[page][1] < 0 ? '' : String(facts[page][1])));
    }));
}""".replace("READ", READ)
# What the engine says, by its own account of page tables and frames: {process: {mapping: [[mappers, frame], ...]}}.
ENGINE = """
def seen(machine):
    from cowlab.engine import pagemap
    def facts(mapping):
        pages = pagemap.pages(mapping)
        return [[int(n), int(frame)] for n, frame in zip(pages.mappers, pages.frame)]
    return {p.name: {m.name: facts(m) for m in p.mappings.values()} for p in machine.processes}
"""
ASK_AGAIN_MS = 3_000
PLACE = "(root, [process, mapping, page]) => root.cowlab.where({process, mapping, page})"
PAINTED = "root => root.cowlab?.drawn > 0 && root.querySelector('.cowlab-twin > li[data-used]') !== null"


class Map:
    """A memory map; `machine` is the expression that names its machine in the kernel."""

    def __init__(self, notebook: Notebook, root: Any, machine: str) -> None:
        self.notebook, self.root, self.machine = notebook, root, machine
        self.stage = root.locator(".cowlab-stage")
        self.status = root.locator(".cowlab-status")
        self.legend = root.locator(".cowlab-legend")
        self.inside = root.locator(".cowlab-inside")
        notebook.do(ENGINE)
        self.until(PAINTED)

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until condition(root, argument) holds."""
        handle = self.root.element_handle()
        self.notebook.until(f"([root, argument]) => ({condition})(root, argument)", [handle, argument])

    def button(self, name: str) -> Any:
        """A button of the map's tools, by what stands on it."""
        return self.root.locator(".cowlab-tools").get_by_role("button", name=name)

    def says(self, sentence: str) -> None:
        """Wait until the line below the picture is this sentence."""
        self.status.filter(has_text=re.compile(f"^{re.escape(sentence)}$")).wait_for()

    def place(self, process: str, mapping: str, page: int) -> tuple[float, float]:
        """Where the middle of a page's cell is in the window; the picture is scrolled there first."""
        self.stage.scroll_into_view_if_needed()
        self.until("(root, place) => root.cowlab.where(place)", {"process": process, "mapping": mapping, "page": page})
        found = self.root.evaluate(PLACE, [process, mapping, page])
        return found["x"], found["y"]

    def click(self, process: str, mapping: str, page: int, *, shift: bool = False) -> None:
        mouse, keyboard = self.notebook.page.mouse, self.notebook.page.keyboard
        where = self.place(process, mapping, page)
        if shift:
            keyboard.down("Shift")
        mouse.click(*where)
        if shift:
            keyboard.up("Shift")

    def drag(self, process: str, mapping: str, start: int, stop: int) -> None:
        """Press on the first page, move over the others, let go on the last."""
        mouse = self.notebook.page.mouse
        mouse.move(*self.place(process, mapping, start))
        mouse.down()
        for page in range(start + 1, stop):
            mouse.move(*self.place(process, mapping, page))
        mouse.up()

    def pages(self, process: str, mapping: str = "heap") -> list[list[Any]]:
        """[state, mappers] of each page, as the map says."""
        return self.root.evaluate(READ)["pages"][process][mapping]

    def processes(self) -> list[str]:
        return list(self.root.evaluate(READ)["pages"])

    def agrees(self) -> None:
        """Wait until the map has each process, the mappers of each page, and the frames, as the engine has them now.

        The engine is asked again and again: what was done last may reach it after the first question.
        """
        handle, condition = self.root.element_handle(), f"({AGREES})"
        for _ in range(PATIENCE_MS // ASK_AGAIN_MS):
            machine = self.notebook.ask(f"seen({self.machine})")
            if self.notebook.within(ASK_AGAIN_MS, condition, [handle, machine]):
                return
        raise AssertionError(f"after {PATIENCE_MS} ms the map still differs from the engine")


class Bar:
    """The bar under which a trace is played."""

    def __init__(self, notebook: Notebook, root: Any) -> None:
        self.root = root
        self.line = root.get_by_role("slider", name="operation")
        self.where = root.get_by_role("status")
        self.error = root.get_by_role("alert")

    def button(self, name: str) -> Any:
        return self.root.get_by_role("button", name=name, exact=True)

    def says(self, begin: str) -> None:
        """Wait until the bar says where one is."""
        self.where.filter(has_text=re.compile(f"^{re.escape(begin)}")).wait_for()


class Lab:
    """A lab on a notebook's page; `name` names it in the kernel."""

    def __init__(self, notebook: Notebook, name: str = "lab") -> None:
        self.notebook, self.page, self.name = notebook, notebook.page, name
        self.root = notebook.scroll_to(".cowlab-lab")
        self.bar = Bar(notebook, self.root.locator(".cowlab-scrub"))
        maps = self.root.locator(":scope > .widget-gridbox > * > .cowlab-map")  # not those within the tabs
        count = notebook.ask(f"len({name}.sides)")
        self.maps = [Map(notebook, maps.nth(side), f"{name}.sides[{side}].machine") for side in range(count)]
        self.map = self.maps[0]

    def set(self, **values: Any) -> None:
        """Start anew from these values, as a line of the notebook does, and see it on the screen."""
        self.notebook.do(f"{self.name}.set(**{values!r})")
        self.map.agrees()

    def slider(self, name: str) -> Any:
        """A parameter's slider."""
        return self.root.get_by_role("slider", name=name, exact=True)

    def tab(self, title: str) -> Any:
        """Open one of the tabs below; its panel."""
        self.root.get_by_role("tab", name=title, exact=True).click()
        return self.root.locator(".widget-tab-contents > :not(.lm-mod-hidden)")

    def figure(self, process: str, column: str) -> str:
        """A figure of the table of processes, as it stands there."""
        row = self.root.locator(".cowlab-table tr").filter(has=self.page.locator(f'th:text-is("{process}")'))
        heads = self.root.locator(".cowlab-table thead th").all_inner_texts()
        return row.locator("th, td").nth(heads.index(column)).inner_text()
