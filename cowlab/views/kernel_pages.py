"""What this machine's kernel says of a trace's pages, in the states of the map, beside what the model says.

A kernel tells less than the model (Documentation/admin-guide/mm/pagemap.rst). Of a page it says that it has an entry,
whether this process alone maps its frame, whether it is in swap, and whether the frame belongs to a file or to shared
memory. Not told without privileges:

- by how many processes a page is shared, as frame numbers are hidden, and with them /proc/kpagecount;
- the zero page from a shared anonymous page: both have an entry, and are neither exclusive nor of a file. smaps knows
  how many pages of a region are which (the zero page counts in no Rss), but not which ones;
- an untouched page from a hole: neither has an entry. Where a region is as large as the model says (Size in smaps), its
  holes are taken to be the model's.

So the model's states are reduced to what a kernel can tell before the two are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import linux, trace
from ..arguments import whole
from ..engine import Machine, Process
from ..engine.stores.words import arange, bincount
from ..readable import Readable
from ..units import PAGE_SIZE, count, format_pages
from . import pages
from .palette import COPIED, DIFFERS, FILE, HOLE, MORE, PRIVATE, SHARED, SWAPPED, TWO, UNTOUCHED, ZERO

if TYPE_CHECKING:
    from .memory_map import Scene

Codes = NDArray[np.uint8]
Marks = NDArray[np.bool_]

MOST_PAGES = 1 << 21  # 8 GiB mapped: each page is looked at, on either side
PAGE_KIB = PAGE_SIZE // 1024


# States of pages ----------------------------------------------------------------------------------------------------


def kernel_codes(flags: NDArray[np.uint8], holes: Marks | None = None) -> Codes:
    """The states of pages with these flags (MAPPED, EXCLUSIVE, ... of `cowlab.linux`); `holes` are those not mapped."""
    codes = np.full(len(flags), UNTOUCHED, np.uint8)
    mapped = flags & linux.MAPPED != 0
    codes[mapped] = SHARED
    codes[mapped & (flags & linux.EXCLUSIVE != 0)] = PRIVATE
    codes[mapped & (flags & linux.FILE != 0)] = FILE
    codes[flags & linux.SWAPPED != 0] = SWAPPED
    if holes is not None:
        codes[holes & (flags == 0)] = HOLE
    return codes


def model_as_kernel_sees(codes: Codes) -> Codes:
    """The model's states as far as a kernel tells them apart.

    Who was just copied is private; by how many a page is shared is not told, nor the zero page from other shared ones.
    States that no kernel has (a dangling entry, a wrong count) stay, and differ from all that it says.
    """
    return _REDUCED[codes]


_REDUCED = np.arange(pages.CODES, dtype=np.uint8)
_REDUCED[[TWO, MORE, ZERO]] = SHARED
_REDUCED[COPIED] = PRIVATE


def differences(model_codes: Codes, kernel_codes: Codes) -> Marks:
    """Of which pages the kernel says something else than the model. Raises ValueError if these are not as many."""
    if model_codes.shape != kernel_codes.shape:
        raise ValueError(
            f"{len(model_codes)} pages of the model and {len(kernel_codes)} of the kernel are not the same region"
        )
    return np.asarray(model_as_kernel_sees(model_codes) != kernel_codes, np.bool_)


# A trace on both sides ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """One region in smaps, in KiB. `swap` counts private pages that are swapped out."""

    rss: int = 0
    pss: int = 0
    private: int = 0
    swap: int = 0


TITLES = ("Rss", "Pss", "Private", "Swap")


@dataclass(frozen=True)
class Region:
    """One region of a process, as one side has it. `codes` are empty if the kernel did not run: nothing to compare."""

    kind: str
    codes: Codes
    figures: Figures


Side = dict[str, dict[str, Region]]
"""{process: {region: what is there}}."""


@dataclass(frozen=True)
class KernelRun(Readable):
    """The first `position` operations of a trace, on this machine's kernel and on the model."""

    position: int
    model: Side
    kernel: Side
    reason: str | None = None
    """Why the kernel could not run it; None if it did."""
    release: str = ""
    """Of the kernel, as in 6.18.1."""
    parents: dict[str, str] = field(default_factory=dict)
    """Who forked whom: {child: parent}."""

    def places(self) -> list[tuple[str, str]]:
        """(process, region) of all that one side has, or both."""
        sides = (self.model, self.kernel)
        return list(dict.fromkeys((name, region) for side in sides for name in side for region in side[name]))

    def differs(self, process: str, region: str) -> Marks:
        """Which pages of a region differ: all, if one side does not have it. None do where the kernel did not run."""
        ours, theirs = (side.get(process, {}).get(region) for side in (self.model, self.kernel))
        if ours and theirs and len(ours.codes) == len(theirs.codes):
            return differences(ours.codes, theirs.codes)
        longest = max(len(side.codes) for side in (ours, theirs) if side)
        return np.full(longest, self.reason is None, np.bool_)

    @property
    def agrees(self) -> bool:
        """Did the kernel run it, and say of every page and figure what the model says?"""
        return self.reason is None and not any(row.marked for block in _blocks(self) for row in block.rows)

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        if self.reason:
            return self.reason
        marks = [self.differs(*place) for place in self.places()]
        total, differ = sum(map(len, marks)), sum(int(mark.sum()) for mark in marks)
        if self.agrees:
            return f"Linux {self.release} says of all {total:,} pages, and of their figures, what the model says."
        figures = sum(pair[0] != pair[1] for place in self.places() for pair in _pairs(self, *place))
        number = count(figures, "figure", "figures")
        return f"≠ Linux {self.release} differs from the model in {differ:,} of {total:,} pages and {number}."

    def __repr__(self) -> str:
        return as_text(self)

    def forms(self) -> dict[str, Any]:
        """As text, and as a table."""
        return {"text/plain": as_text(self), "text/html": f"<p>{escape(self.headline)}</p>{as_html(self)}"}


def on_this_kernel(x: trace.Trace, upto: int | None = None) -> KernelRun:
    """Run the first `upto` operations of a trace (all, if None) on this kernel and on the model.

    Where the kernel cannot run them, `reason` says why, and the model's figures are there all the same. Raises
    ValueError for a malformed trace, or if it has not so many operations.
    """
    begun = _beginning(x, upto)
    machine = trace.machine_of(begun)
    trace.run_through(machine, begun["ops"])
    parents = {op["child"]: op["pid"] for op in begun["ops"] if op["op"] == "fork"}
    asked = _ask_kernel(begun, machine)
    if isinstance(asked, str):
        return KernelRun(len(begun["ops"]), _model_side(machine, codes=False), {}, asked, parents=parents)
    model = _model_side(machine)
    return KernelRun(len(begun["ops"]), model, _kernel_side(asked, begun["ops"], model), None, asked.kernel, parents)


def _beginning(x: trace.Trace, upto: int | None) -> dict[str, Any]:
    valid = trace.validate(x)
    most = len(valid["ops"])
    if upto is not None:
        upto = whole("upto", upto, f"give a number of operations from 0 to {most}", 0, most)
    return {**valid, "ops": valid["ops"][:upto]}


def _ask_kernel(x: dict[str, Any], machine: Machine) -> linux.Run | str:
    """What the kernel says of a trace that `machine` went through; or why it cannot."""
    mapped = sum(mapping.pages for process in machine.processes for mapping in process.mappings.values())
    if mapped > MOST_PAGES:
        return (
            f"This trace maps {format_pages(mapped)}, more than the {format_pages(MOST_PAGES)} that are looked at page "
            "by page. Run the scenario's small version: scenarios.NAME.small()."
        )
    try:
        return linux.run(x)
    except (linux.Unavailable, linux.TooLarge, linux.Crashed, ValueError) as reason:
        return str(reason)  # ValueError: well formed, and yet has no twin on a real kernel


def _model_side(machine: Machine, codes: bool = True) -> Side:
    strips = pages.strips(machine, scale=1) if codes else []
    found = {(strip.process, strip.mapping): strip.codes for strip in strips}
    return {process.name: dict(_model_regions(process, found)) for process in machine.processes}


def _model_regions(process: Process, found: dict[tuple[str, str], Codes]) -> Iterator[tuple[str, Region]]:
    nothing = np.zeros(0, np.uint8)
    for name, fields in process.smaps().items():
        mapping = process[name]
        figures = _figures(fields, mapping.swapped)
        yield name, Region(mapping.kind, found.get((process.name, name), nothing), figures)


def _kernel_side(run: linux.Run, ops: Sequence[trace.Op], model: Side) -> Side:
    kinds = _kinds(ops)
    smaps = run.entries[-1]["smaps"] if run.entries else {}
    return {
        name: {
            region: _kernel_region(kinds[name][region], flags, smaps[name][region], model.get(name, {}).get(region))
            for region, flags in regions.items()
        }
        for name, regions in run.pages.items()
    }


def _kernel_region(kind: str, flags: NDArray[np.uint8], fields: dict[str, int], model: Region | None) -> Region:
    holes = None
    if model and fields["Size"] == PAGE_KIB * np.count_nonzero(model.codes != HOLE):
        holes = model.codes == HOLE
    swapped = int(np.count_nonzero(flags & linux.SWAPPED))
    return Region(kind, kernel_codes(flags, holes), _figures(fields, swapped))


def _figures(fields: dict[str, int], swapped: int) -> Figures:
    private = fields["Private_Clean"] + fields["Private_Dirty"]
    return Figures(fields["Rss"], fields["Pss"], private, swapped * PAGE_KIB)


def _kinds(ops: Sequence[trace.Op]) -> dict[str, dict[str, str]]:
    """{process: {region: its kind}}, of the dead too."""
    kinds: dict[str, dict[str, str]] = {}
    for op in ops:
        if op["op"] == "spawn":
            kinds[op["pid"]] = {}
        elif op["op"] == "fork":
            kinds[op["child"]] = dict(kinds[op["pid"]])
        elif op["op"] == "mmap":
            kinds[op["pid"]][op["region"]] = op["kind"]
    return kinds


# Both side by side --------------------------------------------------------------------------------------------------

Pair = tuple[str, str]
"""What the model says, and the kernel."""


@dataclass(frozen=True)
class Row:
    """A region: (model, kernel) of each figure, and how many of its pages differ."""

    region: str
    pairs: tuple[Pair, ...]
    differ: int
    pages: int

    @property
    def marked(self) -> bool:
        return self.differ > 0 or any(model != kernel for model, kernel in self.pairs)


@dataclass(frozen=True)
class Block:
    """The rows of one process, or of several in a row that are alike."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} to {self.names[-1]}, each"


def _pairs(run: KernelRun, process: str, region: str) -> tuple[Pair, ...]:
    def cells(side: Side) -> list[str]:
        found = side.get(process, {}).get(region)
        if found is None:
            return ["–"] * len(TITLES)
        return [f"{kib:,}" for kib in (found.figures.rss, found.figures.pss, found.figures.private, found.figures.swap)]

    return tuple(zip(cells(run.model), cells(run.kernel), strict=True))


def _blocks(run: KernelRun) -> list[Block]:
    rows: dict[str, list[Row]] = {}
    for process, region in run.places():
        differ = run.differs(process, region)
        row = Row(region, _pairs(run, process, region), int(differ.sum()), len(differ))
        rows.setdefault(process, []).append(row)
    blocks: list[Block] = []
    for process, found in rows.items():
        if blocks and blocks[-1].rows == tuple(found):
            blocks[-1] = Block((*blocks[-1].names, process), tuple(found))
        else:
            blocks.append(Block((process,), tuple(found)))
    return blocks


def _difference(row: Row, ran: bool) -> str:
    if not ran:
        return "–"
    return f"≠ {row.differ:,} of {row.pages:,}" if row.differ else f"none of {row.pages:,}"


def as_text(run: KernelRun) -> str:
    """The outcome, and both sides' figures in columns."""
    ran = run.reason is None
    lines = [["KiB", *(f"{side} {title}" for title in TITLES for side in ("model", "kernel")), "pages that differ"]]
    for block in _blocks(run):
        for row in block.rows:
            cells = [text for pair in row.pairs for text in (pair[0], _marked(pair, ran))]
            lines.append([f"{block.title}: {row.region}", *cells, _difference(row, ran)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(f"{cell:{'>' if n else '<'}{widths[n]}}" for n, cell in enumerate(line)) for line in lines]
    return "\n".join([run.headline, *table])


def _marked(pair: Pair, ran: bool) -> str:
    return f"≠ {pair[1]}" if ran and pair[0] != pair[1] else pair[1]


def as_html(run: KernelRun) -> str:
    """Both sides' figures as a table, in the page's own colours."""
    ran = run.reason is None
    heads = "".join(f'<th scope="colgroup" colspan="2">{title}</th>' for title in TITLES)
    sides = '<th scope="col">model</th><th scope="col">kernel</th>' * len(TITLES)
    body = "".join(_html_block(block, ran) for block in _blocks(run))
    return (
        f'{STYLE}<div class="cowlab-scroll"><table class="cowlab-both"><caption>{NOTE}</caption>'
        f'<thead><tr><th scope="col" rowspan="2">process: region</th>{heads}<th scope="col" rowspan="2">pages that '
        f"differ</th></tr><tr>{sides}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _html_block(block: Block, ran: bool) -> str:
    lines = []
    for row in block.rows:
        cells = "".join(
            f"<td>{pair[0]}</td><td{_class(ran and pair[0] != pair[1])}>{_marked(pair, ran)}</td>" for pair in row.pairs
        )
        title = f'<th scope="row">{escape(block.title)}: {escape(row.region)}</th>'
        lines.append(f"<tr>{title}{cells}<td{_class(row.differ > 0)}>{_difference(row, ran)}</td></tr>")
    return "".join(lines)


def _class(differs: bool) -> str:
    return ' class="differs"' if differs else ""


NOTE = "Figures in KiB, from smaps. A kernel says that a page is shared, not by how many; the zero page is shared, too."
STYLE = """<style>
.cowlab-scroll { overflow-x: auto; max-width: 100%; }
.cowlab-both { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 1.05em; }
.cowlab-both caption { caption-side: bottom; text-align: left; padding-top: 6px; }
.cowlab-both th, .cowlab-both td { padding: 3px 10px; text-align: right; white-space: nowrap; }
.cowlab-both th:first-child { text-align: left; font-weight: inherit; }
.cowlab-both tbody { border-top: 1px solid var(--jp-border-color2, #8888); }
.cowlab-both .differs { font-weight: 700; outline: 2px solid currentColor; outline-offset: -2px; }
</style>"""


# On the map ---------------------------------------------------------------------------------------------------------


def scenes(run: KernelRun) -> tuple[Scene, Scene]:
    """What the map shows of the model, as a kernel would tell it, and of the kernel; differences are marked."""
    from .memory_map import Scene  # here, so that figures and text need no widgets

    scale = pages.scale_of(max(_pages_in(run.model), _pages_in(run.kernel)))
    model, kernel = (Scene(_cards(run, side), _strips(run, side, scale), None) for side in (run.model, run.kernel))
    return model, kernel


def _pages_in(side: Side) -> int:
    return sum(len(region.codes) for regions in side.values() for region in regions.values())


def _cards(run: KernelRun, side: Side) -> list[dict[str, Any]]:
    parents = {name: run.parents.get(name, "") for name in side}
    return [
        {"id": name, "title": name, "note": "", "parent": parent if parent in side else "", "group": "/"}
        for name, parent in parents.items()
    ]


def _strips(run: KernelRun, side: Side, scale: int) -> list[pages.Strip]:
    strips = []
    for process, regions in side.items():
        for name, region in regions.items():
            codes, differ = model_as_kernel_sees(region.codes), run.differs(process, name)[: len(region.codes)]
            records = _single(codes, differ) if scale == 1 else _mixed(codes, differ, scale)
            strips.append(pages.Strip(process, name, region.kind, len(codes), scale, records))
    return strips


def _single(codes: Codes, differ: Marks) -> pages.Records:
    """A cell a page. The frames are not known, and of mappers only whether it is one."""
    alone = codes == PRIVATE
    flags = differ * pages.DIFFERENT | alone * pages.EXCLUSIVE
    records = np.full((len(codes), 2), pages.NO_FRAME, np.uint32)
    records[:, 0] = codes | flags << 8 | alone.astype(np.uint32) << 16
    return records


def _mixed(codes: Codes, differ: Marks, scale: int) -> pages.Records:
    """A cell for `scale` pages: the share of each state; the last byte marks cells with a page that differs."""
    cell = arange(len(codes)) // scale
    cells = -(-len(codes) // scale)
    counts = bincount(cell * pages.CODES + codes, minlength=cells * pages.CODES).reshape(-1, pages.CODES)
    shares = pages.shares_of(counts)
    shares[np.unique(cell[differ]), DIFFERS] = 1
    return shares
