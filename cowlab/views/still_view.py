"""What a still shows of a machine: cells of pages and frames, few enough to be drawn, and alike processes together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..engine import Machine
from ..engine.reports import pagemap
from ..engine.stores.words import arange, cumsum, flatnonzero
from . import pages
from .palette import DIFFERS, TABLE
from .process_table import Measures, measure

COLUMNS = 32  # cells in a line, as in the browser
MOST_LINES = 24  # of cells, for all processes
FRAME_LINES = 16  # of cells, for the frames
LEVELS = 16  # of a mixed cell: a state that occurs fills one at least, so that it is seen

Shares = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """The cells of one mapping, or of the frames.

    `shares`: (cells, 16), of each state, in LEVELS. `mappers`: of a page, where a cell is one. `differs`: from the
    other side of a pair.
    """

    name: str
    shares: Shares
    mappers: NDArray[np.int64]
    differs: NDArray[np.bool_]

    @property
    def lines(self) -> int:
        return -(-len(self.shares) // COLUMNS)

    @property
    def looks(self) -> NDArray[np.int64]:
        """All that is drawn of each cell, as one row of numbers."""
        return np.column_stack([self.shares, self.mappers, self.differs])


@dataclass(frozen=True)
class Block:
    """Processes that look the same, drawn once."""

    names: tuple[str, ...]
    parent: str
    mappings: tuple[Cells, ...]

    @property
    def title(self) -> str:
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}"

    @property
    def lines(self) -> int:
        return max(1, sum(cells.lines for cells in self.mappings))

    def like(self, other: Block) -> bool:
        """Whether both are drawn the same."""
        if (self.parent, len(self.mappings)) != (other.parent, len(other.mappings)):
            return False
        pairs = zip(self.mappings, other.mappings, strict=True)
        return all(one.name == two.name and np.array_equal(one.looks, two.looks) for one, two in pairs)


@dataclass(frozen=True)
class View:
    """What is drawn of a machine. `hidden` processes are left out, where there are too many."""

    measures: Measures
    blocks: tuple[Block, ...]
    hidden: int
    scale: int  # pages in a cell
    frames: Cells
    frame_scale: int  # frames in a cell

    @property
    def states(self) -> set[int]:
        """What the legend explains."""
        parts = [self.frames, *(cells for block in self.blocks for cells in block.mappings)]
        found = {state for cells in parts for state in flatnonzero(cells.shares.any(axis=0)).tolist()}
        found |= {DIFFERS} if any(cells.differs.any() for cells in parts) else set()
        return found | ({TABLE} if self.measures.page_tables else set())


def views(machines: Sequence[Machine]) -> list[View]:
    """A view of one machine, or those of two that are drawn to one scale, with what differs between them."""
    scale = max(scale_for(_lengths(machine), MOST_LINES) for machine in machines)
    shown = [max(COLUMNS, pagemap.frames_touched(machine)) for machine in machines]
    frame_scale = max(scale_for([frames], FRAME_LINES) for frames in shown)
    strips = [pages.strips(machine, scale) for machine in machines]
    found = []
    for number, machine in enumerate(machines):
        other = strips[1 - number] if len(machines) > 1 else None
        blocks = _blocks(machine, _cells_of(strips[number], other))
        kept = _kept(blocks)
        hidden = sum(len(block.names) for block in blocks[kept:])
        grid = pages.grid(machine, frame_scale, min(machine.frames.total, shown[number]))
        frames = _cells("", frame_scale, grid.records)
        found.append(View(measure(machine), tuple(blocks[:kept]), hidden, scale, frames, frame_scale))
    return found


def _lengths(machine: Machine) -> list[int]:
    return [mapping.pages for process in machine.processes for mapping in process.mappings.values()]


def scale_for(lengths: Sequence[int], lines: int) -> int:
    """The smallest power of two of pages in a cell that needs no more lines, or else no more than one for each."""
    scale = 1
    while max(lengths, default=0) > COLUMNS * scale and sum(-(-n // (COLUMNS * scale)) for n in lengths) > lines:
        scale *= 2
    return scale


def _cells_of(strips: Sequence[pages.Strip], others: Sequence[pages.Strip] | None) -> dict[str, list[Cells]]:
    """{process: the cells of its mappings}; `others` are the strips of the other side."""
    theirs = {(strip.process, strip.mapping): strip.records for strip in others or ()}
    found: dict[str, list[Cells]] = {}
    for strip in strips:
        cells = _cells(strip.mapping, strip.scale, strip.records)
        if others is not None:
            cells = replace(cells, differs=_differs(strip, theirs.get((strip.process, strip.mapping))))
        found.setdefault(strip.process, []).append(cells)
    return found


def _cells(name: str, scale: int, records: pages.Records) -> Cells:
    same = np.zeros(len(records), np.bool_)
    if scale > 1:
        return Cells(name, _levels(records.astype(np.int64)), np.zeros(len(records), np.int64), same)
    shares = np.zeros((len(records), pages.CODES), np.int64)
    shares[arange(len(records)), records[:, 0] & 255] = LEVELS
    return Cells(name, shares, records[:, 0].astype(np.int64) >> 16, same)


def _levels(shares: Shares) -> Shares:
    """Shares in 255ths as levels: each is rounded up, and the largest gives what that takes."""
    levels = -(-shares * LEVELS // 255)
    levels[arange(len(levels)), levels.argmax(axis=1)] += LEVELS - levels.sum(axis=1)
    return levels


def _differs(strip: pages.Strip, theirs: pages.Records | None) -> NDArray[np.bool_]:
    """Which cells have other states on the other side, or are not there."""
    differs = np.ones(len(strip.records), np.bool_)
    if theirs is not None:
        both = min(len(strip.records), len(theirs))
        changed = strip.records[:both] != theirs[:both]
        if strip.scale == 1:
            changed = (strip.records[:both, :1] ^ theirs[:both, :1]) & 255 != 0
        differs[:both] = changed.any(axis=1)
    return differs


def _blocks(machine: Machine, cells: dict[str, list[Cells]]) -> list[Block]:
    blocks: list[Block] = []
    for process in machine.processes:
        parent = process.parent.name if process.parent else ""
        block = Block((process.name,), parent, tuple(cells.get(process.name, ())))
        if blocks and blocks[-1].like(block):
            blocks[-1] = replace(block, names=blocks[-1].names + block.names)
        else:
            blocks.append(block)
    return blocks


def _kept(blocks: Sequence[Block]) -> int:
    """How many blocks there is room for: one at least."""
    lines = cumsum([block.lines for block in blocks])
    return max(1, int(np.searchsorted(lines, MOST_LINES, side="right")))
