"""Step inside one access: each question and each action of the rule that handles it, as it really runs.

The rule (faults.py's, or a learner's own) gets a `WatchedPage`, which notes what it is asked and told, and the line
that asks. Around the rule come what the processor does (the trap, the retry), the kernel's look at the area, and what
happens where frames lack.

>>> import cowlab
>>> machine = cowlab.Machine(ram="64 MiB")
>>> heap = machine.spawn().mmap("16 KiB", name="heap")
>>> [decision.kind for decision in decisions(heap, 0)]                          # doctest: +NORMALIZE_WHITESPACE
['trap', 'area', 'writable', 'shared', 'present', 'swapped', 'need_table', 'need_family', 'backing', 'count_minor',
 'need_frame', 'take_frame', 'charge', 'zero_frame', 'map', 'retry']
>>> [(decision.kind, decision.answer) for decision in until(heap, 1, 2)]        # stopped in the middle of a fault
[('trap', True), ('area', True), ('writable', False)]
"""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable, Iterator
from collections.abc import Mapping as Map
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType, FunctionType
from typing import Any, NamedTuple

from ...arguments import is_whole
from ..errors import Error
from ..kinds import NoFreeFrame
from ..mapping import Mapping
from ..rules.page import Faults, Page, Tally
from ..stores import frames as fr
from ..stores.page_cache import Backing
from .snapshot import Place, Sight, first_line, line_with, place_of, see

PROCESSOR = Place("the processor", 0, "", "")


@dataclass(frozen=True)
class Decision:
    """One question or action: its name (`kind`), the answer or result, and where the rule asks it.

    `kind` is a name of `Page`, or one of "trap", "area", "charge", "no_free_frame", "again", "retry", "error".
    `arguments` are by name; `page` is the page it concerns, seen `before` and `after`. What is done to an `entry` (an
    argument of that name) is seen `before` with that entry.
    """

    kind: str
    answer: Any
    function: str
    number: int
    line: str
    file: str
    page: int
    arguments: Map[str, Any]
    before: Sight
    after: Sight


class Charged(NamedTuple):
    """A group that pays for a page: its path, the pages that it has now, and its `max` in pages."""

    group: str
    usage: int
    limit: int | None


class Lack(NamedTuple):
    """Frames that a rule needs and cannot have: on the machine ("/"), in a group, or None: memory.high is met."""

    frames: int
    group: str | None


class Reclaimed(NamedTuple):
    """What was done about a lack: frames that are free now and were not, and processes that had to die."""

    frames: int
    killed: tuple[str, ...]


class Cost(NamedTuple):
    """What an access cost: its faults, and nanoseconds of the machine's clock."""

    faults: Faults
    ns: int


class Paused(BaseException):
    """The access stops here. Not an Exception: a rule's own `except Exception` must let it through."""


def decisions(mapping: Mapping, page: int, write: bool = True, value: int | None = None) -> list[Decision]:
    """Write (or read) one page, as mapping.write(page, value=value) does, and say how it was decided.

    An error of the model, such as a segmentation fault, is the last decision ("error"); others are raised.
    """
    watch = _Watch(mapping, page, write, value)
    watch.run(Mapping.write if write else Mapping.read)
    return watch.decisions


def until(mapping: Mapping, page: int, k: int, write: bool = True, value: int | None = None) -> list[Decision]:
    """As `decisions`, but stop after decision `k` (from 0); the decisions up to there.

    The machine is left in the middle of a fault: look at it, then throw it away. Raises ValueError if there is no
    such decision.
    """
    if not is_whole(k, 0):
        raise ValueError(f"k={k!r} is not the number of a decision: they are counted from 0")
    watch = _Watch(mapping, page, write, value, last=k)
    try:  # without what follows a call: the machine's check and kswapd would find it half done
        watch.run(inspect.unwrap(Mapping.write if write else Mapping.read))
    except Paused:
        return watch.decisions
    raise ValueError(f"k={k}: this access has {len(watch.decisions)} decisions, counted from 0")


class _Watch:
    """One access, and the decisions that it has met so far; `last` is the one to stop after."""

    def __init__(self, mapping: Mapping, page: int, write: bool, value: int | None, last: int | None = None) -> None:
        if isinstance(page, bool) or not hasattr(page, "__index__") or operator.index(page) < 0:
            raise ValueError(f"page={page!r} is not a page number: pages are whole numbers from 0")
        if value is not None and not write:
            raise ValueError(f"value={value!r}: a read stores nothing, leave it out")
        mapping.process.require_alive()
        self.mapping = mapping
        self.machine = mapping.process.machine
        self.page = operator.index(page)
        self.value = {"value": value} if write else {}
        self.write = write
        self.original = mapping.rules.on_write if write else mapping.rules.on_read
        self.last = last
        self.decisions: list[Decision] = []
        self.sight = self._first_sight()
        self.trapped = not _allowed(self.sight, write)
        self.place = PROCESSOR  # of what the rule asked last
        self.entered = False  # the rule, by now
        self.inside = False  # an action: what it asks itself is no decision of the rule
        self.charges: list[tuple[int, int]] = []  # frames that were taken and are not charged yet: word, pages
        self.lack: tuple[int, int] | None = None  # free frames, and OOM reports, when frames lacked

    # The access ---------------------------------------------------------------------------------------------------

    def run(self, call: Callable[..., Faults]) -> None:
        """Make the call, with the rule watched."""
        clock = self.machine.clock_ns
        self.add("trap", self.trapped)
        try:
            with self._rule_replaced():
                faults = call(self.mapping, self.page, **self.value)
        except Error as error:
            if not self.entered:
                self._look_at_area(False)
            self.add("error", error)
            return
        self.place = PROCESSOR
        self.add("retry", Cost(faults, self.machine.clock_ns - clock))

    @contextmanager
    def _rule_replaced(self) -> Iterator[None]:
        rules = self.mapping.rules
        watched = replace(rules, on_write=self._rule) if self.write else replace(rules, on_read=self._rule)
        self.mapping.rules = watched
        try:
            yield
        finally:
            self.mapping.rules = rules

    def _rule(self, page: Page) -> None:
        """The rule of the machine, on a page that is watched."""
        self._begin(page)
        watched = WatchedPage(page, self)
        try:
            with self._charges_kept():
                self.original(watched)
        except NoFreeFrame as lack:
            self.lack = self.machine.frames.free, len(self.machine.oom_reports)
            domain = self.machine.shortage._domain(lack.group, lack.frames)
            self.add("no_free_frame", Lack(lack.frames, domain.path if domain else None), watched)
            raise
        page.entry = watched.entry

    def _begin(self, page: Page) -> None:
        self.entered = True
        if self.lack is not None:
            free, reports = self.lack
            killed = [task.name for report in self.machine.oom_reports[reports:] for task in report.killed]
            self.place = first_line(self.original)
            self.add("again", Reclaimed(self.machine.frames.free - free, tuple(killed)), page)
        elif self.trapped:
            self._look_at_area(True)

    def _look_at_area(self, allowed: bool) -> None:
        """What Mapping._targets found, before the rule is asked."""
        missing = self.sight.prot is None
        function, text = (Mapping._targets, "first_hole") if missing else (Mapping._check_prot, "len(prot)")
        self.place = line_with(function, text)
        self.add("area", allowed)

    @contextmanager
    def _charges_kept(self) -> Iterator[None]:
        """Frames that are taken are charged one decision later, by `_pay`; what is freed is so at once."""
        frames = self.machine.frames
        charge = frames.charge
        frames.charge = lambda word, pages: self.charges.append((word, pages)) if pages > 0 else charge(word, pages)
        try:
            yield
        except Paused:
            self.charges.clear()
            raise
        finally:
            frames.charge = charge
            for word, pages in self.charges:  # of frames that the rule took by itself
                charge(word, pages)
            self.charges.clear()

    # What the rule asks -------------------------------------------------------------------------------------------

    def ask(self, caller: FrameType, page: WatchedPage, name: str, *args: Any, **kw: Any) -> Any:
        """Let the rule ask or do `name` at the line where `caller` stands; what comes of it."""
        run = QUESTIONS.get(name) or ACTIONS[name]
        nested = self.inside
        if nested and name not in PARTS:
            return run(page, *args, **kw)
        if not nested:
            self.place = place_of(caller)
        arguments = _arguments(run, page, args, kw)
        before = _sight(page, arguments.get("entry"))
        self.inside = True
        try:
            answer = run(page, *args, **kw)
            self.add(name, _plain(name, answer), page, before, arguments)
            self._pay(page)
        finally:
            self.inside = nested
        return answer

    def _pay(self, page: WatchedPage) -> None:
        """Charge the frames that were just taken."""
        while self.charges:
            word, pages = self.charges.pop(0)
            before = _sight(page)
            group = self.machine.cgroups.of(word)
            group.charge(word & fr.KIND, pages)
            self.add("charge", Charged(group.path, group.usage, group.limits["max"]), page, before)

    def add(
        self,
        kind: str,
        answer: object,
        page: Page | None = None,
        before: Sight | None = None,
        arguments: Map[str, Any] | None = None,
    ) -> None:
        """One decision more; without a page it is about the page of the access, as last seen."""
        after = self.sight if page is None else _sight(page)
        number = self.page if page is None else page.number
        if arguments is None:
            arguments = {"write": self.write, "trapped": self.trapped}
        self.decisions.append(Decision(kind, answer, *self.place, number, arguments, before or after, after))
        if number == self.page:
            self.sight = after
        if self.last is not None and len(self.decisions) > self.last:
            raise Paused

    def _first_sight(self) -> Sight:
        """The page before the access, which may lie outside every area."""
        mapping = self.mapping
        entry = mapping.table.at(self.page) if self.page < mapping.pages else 0
        return see(mapping, mapping.areas.at(self.page), entry, Tally())


class WatchedPage(Page):
    """A page that tells `watch` each question and action of its rule."""

    __slots__ = ("watch",)

    def __init__(self, page: Page, watch: _Watch) -> None:
        super().__init__(page.mapping, page.area, page.number, page.tally)
        self.watch = watch

    def neighbours(self) -> list[tuple[Page, int]]:
        """The neighbours are watched as well."""
        return [(WatchedPage(near, self.watch), frame) for near, frame in super().neighbours()]


PARTS = ("need_frame", "take_frame")
"""Actions that are decisions also where they are a part of another one."""

QUESTIONS: dict[str, Callable[..., Any]] = {
    name: part.fget for name, part in vars(Page).items() if isinstance(part, property) and part.fget and name[0] != "_"
}
ACTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(WatchedPage, name)
    for name, part in vars(Page).items()
    if isinstance(part, FunctionType) and name[0] != "_"
}


def _watched(name: str) -> Callable[..., Any]:
    def ask(page: WatchedPage, *args: Any, **kw: Any) -> Any:
        return page.watch.ask(sys._getframe(1), page, name, *args, **kw)

    return ask


for _name in QUESTIONS:
    setattr(WatchedPage, _name, property(_watched(_name)))
for _name in ACTIONS:
    setattr(WatchedPage, _name, _watched(_name))


def _arguments(run: Callable[..., Any], page: Page, args: tuple[Any, ...], kw: dict[str, Any]) -> dict[str, Any]:
    """The arguments of run(page, ...) by name, without the page."""
    (_, *named) = inspect.signature(run).bind(page, *args, **kw).arguments.items()
    return dict(named)


def _sight(page: Page, entry: int | None = None) -> Sight:
    """The page as it is, or as it would be with `entry`."""
    return see(page.mapping, page.area, page.entry if entry is None else entry, page.tally)


def _allowed(sight: Sight, write: bool) -> bool:
    """Does the entry let the processor through? Where the area forbids every access, no entry does (PROT_NONE)."""
    return bool(sight.prot) and (sight.writable if write else sight.present)


def _plain(name: str, answer: Any) -> Any:
    """An answer as a value that does not change later."""
    if isinstance(answer, Backing):
        return "shared memory" if answer.name is None else f"file {answer.name!r}"
    return tuple(page.number for page, _ in answer) if name == "neighbours" else answer
