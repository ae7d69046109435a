"""The learner's own kernel: its pages on the same map, beside the model's, with the differences marked."""

from __future__ import annotations

import asyncio
import copy
from html import escape
from typing import Any

import ipywidgets as widgets

from .job import running_loop
from .kernel_pages import KernelRun, as_html, as_text, on_this_kernel, scenes
from .memory_map import MemoryMap

FULL = widgets.Layout(width="100%")


class KernelView(widgets.VBox):
    """Runs a trace on this machine's kernel and shows what the kernel says of every page. `beside` the model's map."""

    def __init__(self, beside: bool = False) -> None:
        self._model = MemoryMap(follow=False, actions=[], title="the model, as far as a kernel tells", height=300)
        self._kernel = MemoryMap(follow=False, actions=[], title="this machine's kernel", height=300 if beside else 420)
        self._said, self._table = widgets.HTML(), widgets.HTML(layout=FULL)
        self._asked: dict[str, Any] | None = None
        self._run: KernelRun | None = None
        maps = [self._model, self._kernel] if beside else [self._kernel]
        columns = f"repeat({len(maps)}, minmax(0, 1fr))"
        self._maps = widgets.GridBox(maps, layout=widgets.Layout(grid_template_columns=columns, grid_gap="8px"))
        self._maps.layout.display = "none"  # until there is something to see
        super().__init__([self._said, self._maps, self._table], layout=FULL)

    def __repr__(self) -> str:
        return as_text(self._run) if self._run else "<Nothing was run on this machine's kernel yet>"

    def show(self, x: dict[str, Any]) -> None:
        """Run trace `x` on the kernel, beside the notebook's work where an event loop runs, and show it."""
        self._asked = copy.deepcopy(x)
        self._said.value = '<div role="status">Running on this machine …</div>'
        if loop := running_loop():
            self._task = loop.create_task(self._ask(self._asked))
        else:
            self._came(on_this_kernel(self._asked))

    def outdated(self, x: dict[str, Any]) -> None:
        """Say so if what is shown is not of trace `x`."""
        if self._run and self._asked != x:
            self._said.value = '<div role="status">The lab has moved on since: run again.</div>'

    async def _ask(self, x: dict[str, Any]) -> None:
        run = await asyncio.to_thread(on_this_kernel, x)
        if x is self._asked:  # else a newer question is under way
            self._came(run)

    def _came(self, run: KernelRun) -> None:
        self._run = run
        self._maps.layout.display = "none" if run.reason else ""
        if run.reason:
            self._said.value = f'<div role="alert" class="cowlab-alert">{escape(run.reason)}</div>'
            self._table.value = ""
            return
        self._said.value = f'<div role="status">{escape(run.headline)}</div>'
        self._table.value = as_html(run)
        model, kernel = scenes(run)
        self._model.draw(model)
        self._kernel.draw(kernel)
