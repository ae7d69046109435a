"""A page that stands for many: a rule runs on it once, and what it did is then done to all of them (batches.py).

Pages that answer every question of a rule alike are treated alike, so one of them will do: not a real one, but a
`StandIn` that is what they all are (its *look*) and has no place of its own. What the rule does to it touches no
store; it is noted, and read off as an `Effect`. So a rule that raises has changed nothing, and the frames that a call
needs are known before it starts.

Frames have no numbers here: what differs from page to page is a `Handle`. It can be passed on to the page's actions;
a rule that asks more of it (is it 7? is it even?) makes the pages differ, and is run page by page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..areas import Area
from ..kinds import Mapping
from ..rules.page import Page, Tally
from ..stores import frames as fr
from ..stores.page_table import FLAGS, FRAME_SHIFT, PRESENT, SWAPPED

LOOK = fr.KIND | fr.EXCLUSIVE | fr.CACHED
"""What rules ask of a frame's word, beside the number of mappers: none, one, or more."""
MAPPERS, NAMED, BEHIND = 13, 15, 17
"""A look: flags of the entry (8 bits); LOOK of its frame (5), or of the frame in which the swap cache has it; mappers
of that frame (2); entries that name its slot (2); flags of what the file or shared object has."""


class Differs(Exception):
    """A rule asks what the pages that a stand-in stands for do not answer alike."""


class Handle(int):
    """The frame, or the entry, of each page: to be passed on. Its number says nothing."""

    def __bool__(self) -> bool:
        raise Differs("pages of a batch have frames of their own")


TAKEN = ("zero", "copy", "disk", "slot")
"""Origins of frames that were free."""


class Frame(Handle):
    """The frame of each page."""


class Entry(Handle):
    """The entry of each page."""


class Behind(NamedTuple):
    """What a rule may know of the file or shared object behind its page (page_cache.py has it whole)."""

    kind: int
    name: str | None


class Change(NamedTuple):
    """What becomes of one frame of each page: where it comes from, then how its word changes.

    `origin` is "" for the frame that the page maps before; "zero", "copy" (of frame number `source`): taken for
    `owner`; "memory", "disk": the file's or shared object's, in memory or brought in; "cache", "slot": swapped.
    """

    origin: str
    source: int
    owner: int
    mappers: int  # more
    exclusive: int  # the bit, as it is in the end
    dirty: int  # the bit, if it was set


class Effect(NamedTuple):
    """What a rule did to one page. `entry` names a frame by its place in `frames`."""

    entry: int
    frames: tuple[Change, ...]
    tally: tuple[int, ...]
    counts: tuple[int, int, int]  # pages that the mapping has more: anonymous, others, swapped out
    named: int  # entries that name its slot more
    table: bool  # needs page tables
    family: bool  # needs a family
    other: Effect | None  # of the child's page, at fork; of the neighbours, at a read

    @property
    def taken(self) -> int:
        """Frames that it takes."""
        return sum(change.origin in TAKEN for change in self.frames)


class Memory:
    """The frames that a stand-in, and its child's at fork, has to do with: words and origins, by handle."""

    def __init__(self, word: int) -> None:
        self.before, self.words, self.origins = [word], [word], [("", 0, 0)]

    def add(self, origin: str, word: int, source: int = 0, owner: int = 0) -> int:
        """One frame more; its handle."""
        self.before.append(word)
        self.words.append(word)
        self.origins.append((origin, source, owner))
        return Frame(len(self.words) - 1)

    def changes(self) -> tuple[Change, ...]:
        """What became of each."""
        steps = zip(self.origins, self.before, self.words, strict=True)
        return tuple(
            Change(*origin, (new >> fr.COUNT_SHIFT) - (old >> fr.COUNT_SHIFT), new & fr.EXCLUSIVE, new & fr.DIRTY)
            for origin, old, new in steps
        )

    @property
    def frees(self) -> bool:
        """Was the last mapper of an anonymous frame lost?"""
        pairs = zip(self.before, self.words, strict=True)
        return any(old >= fr.MAPPER and fr.is_free(new) for old, new in pairs)

    @property
    def wastes(self) -> bool:
        """Was a frame taken that nobody maps in the end?"""
        pairs = zip(self.origins, self.words, strict=True)
        return any(origin[0] in ("zero", "copy") and new < fr.MAPPER for origin, new in pairs)

    @property
    def touched(self) -> bool:
        """Has the frame changed that the page maps before?"""
        return self.before[0] != self.words[0]


class StandIn(Page):
    """A page of `mapping` in `area` that looks like this; `memory` is shared with the parent's page at fork."""

    __slots__ = (
        "_around",
        "_asked_around",
        "_behind_it",
        "_in_memory",
        "_named_by",
        "_slot_frame",
        "counts",
        "family",
        "memory",
        "named",
        "table",
    )

    def __init__(
        self, mapping: Mapping, area: Area, look: int, memory: Memory | None = None, around: StandIn | bool = False
    ) -> None:
        flags = look & FLAGS
        word = look >> FRAME_SHIFT & LOOK | (look >> MAPPERS & 3) << fr.COUNT_SHIFT
        swapped = bool(flags & SWAPPED)
        self.mapping, self.area, self.tally = mapping, area, Tally()
        self.memory = memory or Memory(0 if swapped else word)
        self.entry = Entry(flags)
        self.counts, self.named, self.table, self.family = [0, 0, 0], 0, False, False
        self._behind_it = look >> BEHIND
        self._in_memory = self.memory.add("memory", self._kind) if self._behind_it & PRESENT else None
        self._named_by = look >> NAMED & 3
        self._slot_frame = self.memory.add("cache", word) if swapped and word else None
        self._asked_around = around is not False  # True: pages without neighbours
        self._around = around if isinstance(around, StandIn) else None

    def effect(self, other: Effect | None = None) -> Effect:
        """What was done to it."""
        return Effect(
            int(self.entry),
            self.memory.changes(),
            tuple(getattr(self.tally, name) for name in Tally.__slots__),
            (self.counts[0], self.counts[1], self.counts[2]),
            self.named,
            self.table,
            self.family,
            other,
        )

    @property
    def frame(self) -> int:
        if not self.present or self.zero:
            raise Differs("these pages map no frame")
        return Frame(self.entry >> FRAME_SHIFT)

    @property
    def backing(self) -> Behind | None:  # type: ignore[override]
        backing = self.mapping.backing
        return Behind(backing.kind, backing.name) if backing else None

    @property
    def cached_frame(self) -> int | None:
        return self._in_memory

    def need_table(self) -> None:
        self.table = True

    def need_family(self) -> None:
        self.family = True

    def need_room_to_copy(self) -> None:
        """What the effect takes is known before anything is done."""

    def drop(self, entry: int) -> None:
        super().drop(_known(entry, Entry))

    def adopt(self, entry: int) -> None:
        super().adopt(_known(entry, Entry))

    def neighbours(self) -> list[tuple[Page, int]]:
        """One more stand-in, for the neighbours of all of them; none where it is known that they have none."""
        if self._around is None:
            if self._asked_around:
                return []
            raise Differs("only a read was asked what is around its pages")
        frame = self._around.cached_frame
        assert frame is not None
        return [(self._around, frame)]

    # The stores ---------------------------------------------------------------------------------------------------

    @property
    def _kind(self) -> int:
        return self.backing.kind if self.backing else 0

    def _need(self, frames: int) -> None:
        pass

    def _need_read(self, slot: int, reads: int, copies: int) -> None:
        pass

    def _set(self, entry: int) -> None:
        self.entry = Entry(entry)

    def _count(self, anon: int = 0, other: int = 0, swapped: int = 0) -> None:
        self.counts = [n + more for n, more in zip(self.counts, (anon, other, swapped), strict=True)]

    def _word(self, frame: int) -> int:
        return self.memory.words[_known(frame)]

    def _put_word(self, frame: int, word: int) -> None:
        self.memory.words[_known(frame)] = word

    def _take(self, word: int) -> int:
        return self.memory.add("zero", word & ~fr.OWNER | fr.ANON, owner=word & fr.OWNER)

    def _copy_value(self, new: int, old: int) -> None:
        _, _, owner = self.memory.origins[_known(new)]
        self.memory.origins[new] = ("copy", _known(old), owner)

    def _map(self, frame: int) -> int:
        return self._add_mapper(frame, 1)

    def _unmap(self, frame: int, flags: int) -> None:
        self.memory.words[frame] |= flags
        self._add_mapper(Frame(frame), -1)

    def _add_mapper(self, frame: int, n: int) -> int:
        word = self._word(frame) + n * fr.MAPPER
        self._put_word(frame, word)
        anonymous = word & fr.KIND == fr.ANON
        self._count(anon=n * anonymous, other=n * (not anonymous))
        return word

    @property
    def _behind(self) -> int:
        return self._behind_it

    def _bring_in(self) -> int:
        self._in_memory = self.memory.add("disk", self._kind)
        return self._in_memory

    def _cached(self) -> int | None:
        return self._slot_frame

    def _named(self) -> int:
        return self._named_by

    def _read(self) -> int:
        self._slot_frame = self.memory.add("slot", fr.ANON | fr.DIRTY | fr.CACHED)
        return self._slot_frame

    def _name(self, slot: int) -> None:
        self.named += 1

    def _forget(self, slot: int) -> None:
        self.named -= 1
        if self._named_by + self.named == 0 and self._slot_frame is not None:
            self._put_word(self._slot_frame, self._word(self._slot_frame) & ~fr.CACHED)


def _known(number: int, kind: type[Handle] = Frame) -> int:
    """A frame or entry that a rule got from its page. One that it made up means a real frame, which is not here."""
    if not isinstance(number, kind):
        raise Differs(f"{number} is a number of the rule's own")
    return number


class Decision(NamedTuple):
    """The effect of a rule on a page of some look; does it change the entry, and the frame that it maps?"""

    effect: Effect
    enters: bool
    touches: bool


IDLE = Decision(Effect(0, (), (0,) * len(Tally.__slots__), (0, 0, 0), 0, False, False, None), False, False)
"""Nothing was done."""


def tried(rule: Callable[..., None], look: int, page: StandIn, *others: StandIn) -> Decision | None:
    """What `rule` does to `page` (and to its child's page), or None if its pages have to be treated one by one."""
    try:
        rule(page, *others)
    except Exception:  # nothing was touched; page by page the rule raises it again, where it belongs
        return None
    memory = page.memory
    other = others[0] if others else page._around
    effect = page.effect(other.effect() if other else None)
    if memory.wastes or (effect.taken and memory.frees):  # what is free then depends on the order of the pages
        return None
    return Decision(effect, effect.entry != look & FLAGS, memory.touched)
