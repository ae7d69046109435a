"""The memory map: every page of every process and every physical frame, to look at and to touch.

The browser (map/, built into memory_map.js) draws what it is sent and sends back what the learner does; all rules are
here. Pages travel as binary records (pages.py), and only those that changed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from .. import trace
from ..engine import Error, Machine
from ..engine.reports import pagemap
from ..engine.stores.words import flatnonzero
from . import pages, words
from .inside import Inside
from .map_words import in_words
from .marks import Sheet
from .palette import COPIED, DIFFERS, look_for_browser
from .pictures import Pictured
from .piece import Soon
from .playback import copy_of
from .still import still

HERE = Path(__file__).parent
ACTIONS = ("write", "read", "fork", "exit", "inside")
MOST_EFFECTS = 64  # are sent; the browser shows a few of them
FRAMES_KEY = 0
SPARE = 32  # free frames that are shown after the last one in use

Message = dict[str, Any]


@dataclass
class Scene:
    """All that a map shows of a machine at one moment."""

    cards: list[Message]
    strips: list[pages.Strip]
    grid: pages.Grid | None
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def scale(self) -> int:
        return self.strips[0].scale if self.strips else 1


def scene_of(machine: Machine, scale: int | None = None, shown: int = 0, midway: bool = False) -> Scene:
    """A machine as it is now; at least the first `shown` frames are in the grid.

    `midway` in a fault a frame may be taken and not yet mapped, which is no fault of the rules.
    """
    scale = scale or pages.scale_for(machine)
    touched = pagemap.frames_touched(machine)
    shown = min(machine.frames.total, max(shown, _with_room(touched, scale)))
    strips, grid = pages.strips(machine, scale, midway), pages.grid(machine, scale, shown, midway)
    return Scene(_cards(machine), strips, grid, _counters(machine))


def _with_room(touched: int, scale: int) -> int:
    """Frames to show where so many were touched: an eighth more at most, so that the grid seldom grows and moves."""
    step = 1 << max(5, touched.bit_length() - 4)  # 32 frames at least
    return -(-touched // step) * step + SPARE * scale


def mark_differences(scene: Scene, other: Scene) -> None:
    """Mark the cells of `scene` that are not the same in `other`: another state, or nothing there at all."""
    theirs = {(strip.process, strip.mapping): strip.records for strip in other.strips}
    for strip in scene.strips:
        same = theirs.get((strip.process, strip.mapping))
        if strip.scale == 1:
            codes = strip.records[:, 0] & 255
            differ = np.ones(len(codes), np.bool_)
            if same is not None:
                shared = min(len(codes), len(same))
                differ[:shared] = codes[:shared] != (same[:shared, 0] & 255)
            strip.records[differ, 0] |= np.uint32(pages.DIFFERENT << 8)
        else:
            differ = np.ones(len(strip.records), np.bool_)
            if same is not None and same.shape == strip.records.shape:
                differ = (strip.records != same)[:, :DIFFERS].any(axis=1)
            strip.records[differ, DIFFERS] = 1


class MemoryMap(Pictured, anywidget.AnyWidget):
    """A map of `machine`: point at a page to see its frame, click to write to it.

        MemoryMap(machine)

    With `follow` it keeps up with the machine. `act(message)` is told what the learner does, and returns a sentence
    on what came of it; without one, the map does it to its machine. `copy` gives a machine in the same state, for a
    look inside a fault. `ready` is called when a browser shows the map, and draws it. `actions` are those that the
    learner has.
    """

    _esm = HERE / "memory_map.js"
    _css = HERE / "memory_map.css"
    look: traitlets.List[Any] = traitlets.List().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    actions: traitlets.List[str] = traitlets.List().tag(sync=True)
    speed = traitlets.Int(450).tag(sync=True)
    height = traitlets.Int(420).tag(sync=True)

    def __init__(
        self,
        machine: Machine | None = None,
        *,
        follow: bool = True,
        act: Callable[[Message], str] | None = None,
        copy: Callable[[], Machine] | None = None,
        ready: Callable[[], None] | None = None,
        actions: Sequence[str] = ACTIONS,
        **traits: Any,
    ) -> None:
        super().__init__(look=look_for_browser(), actions=list(actions), **traits)
        self.machine: Machine | None = None
        self.follow = follow
        self.scene: Scene | None = None
        self._act = act or self._do
        self._copy = copy or self._pickled
        self._draw_first = ready or self._draw_last
        self._inside: Inside | None = None
        self._unfollow: Callable[[], None] | None = None
        self._soon = Soon(self._redraw)
        self._sent = Sent()
        self.viewed = False  # until a browser shows it, nothing is sent
        self._shown = 0
        self.on_msg(self._receive)
        if machine is not None:
            self.show(machine)

    @property
    def shown(self) -> int:
        """Frames that the grid has had room for so far: it does not shrink."""
        return self._shown

    # For programs ---------------------------------------------------------------------------------------------------

    def show(self, machine: Machine, said: str = "", *, step: bool = False, scene: Scene | None = None) -> None:
        """Draw `machine` as it is now. `said` is read out; after a `step`, what it copied is marked and moves.

        Raises TypeError for what is not a machine. `scene` is the machine's, if it was made already.
        """
        self._take(machine)
        self._soon.cancel()
        if self._inside:  # that was of the machine before
            self._leave_inside()
        if self.viewed:
            self.draw(scene or scene_of(machine, shown=self._shown), said, step)

    def draw(self, scene: Scene, said: str = "", step: bool = False) -> None:
        """Send what of `scene` the browser does not have yet."""
        effects = _effects(self.scene, scene) if step and self.scene else []
        self.scene = scene
        self._shown = scene.grid.shown if scene.grid else 0
        self.send(*self._sent.update(scene, said, effects))

    def close(self) -> None:
        """Leave the page, and follow the machine no longer."""
        if self._unfollow:
            self._unfollow()
        super().close()

    # Without a front end --------------------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        """All that the map shows, in words."""
        if self.machine is None:
            return "Memory map: no machine yet. Give one with show(machine)."
        return in_words(self.machine)

    def drawn(self) -> Sheet:
        if self.machine is None:
            raise ValueError("the map shows no machine yet: give one with show(machine)")
        return still(self.machine, self.title)

    def __repr__(self) -> str:
        return self.description

    def forms(self) -> dict[str, Any]:
        """Words, and a picture where there is a machine."""
        return super().forms() if self.machine else {"text/plain": self.description}

    # What the browser says ------------------------------------------------------------------------------------------

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        answer = _ANSWERS.get(message.get("type")) if isinstance(message, dict) else None
        if answer:
            try:
                answer(self, message)
            except (Error, ValueError, KeyError) as error:
                self.say(str(error.args[0] if isinstance(error, KeyError) else error), error=True)

    def say(self, text: str, error: bool = False) -> None:
        """Have a sentence read out and shown under the map."""
        self.send({"type": "say", "text": text, "error": error})

    def _ready(self, message: Message) -> None:
        self.viewed, self._sent = True, Sent()
        self._draw_first()

    def _draw_last(self) -> None:
        """Draw what was drawn last, or the machine."""
        if self.scene is not None:
            self.draw(self.scene)
        elif self.machine is not None:
            self.show(self.machine)

    def _acted(self, message: Message) -> None:
        if message.get("op") not in self.actions:
            raise ValueError(f"this map has no {message.get('op')!r}: it has {', '.join(self.actions)}")
        said = self._act(message)
        if said:
            self.say(said)

    def _look(self, message: Message) -> None:
        """Say what a page is, with what it holds."""
        if self.machine is not None:
            process, mapping, page = (message[key] for key in ("process", "mapping", "page"))
            text = words.page(self.machine[process][mapping], int(page))
            self.send({"type": "look", "process": process, "mapping": mapping, "page": page, "text": text})

    def _look_at_frame(self, message: Message) -> None:
        """Say what a frame holds, and for whom."""
        if self.machine is not None:
            frame = int(message["frame"])
            self.send({"type": "look", "frame": frame, "text": words.frame(self.machine, frame)})

    def _open(self, message: Message) -> None:
        """Send the pages of a cell that stands for many."""
        key, start, stop = (int(message[name]) for name in ("key", "start", "stop"))
        process, mapping = self._sent.owner(key)
        if self.machine is not None:
            seen = self.machine[process][mapping]
            records = pages.window(seen, start, min(stop, seen.pages))
            told = {"type": "pages", "key": key, "start": start, "cells": len(records), "buffer": 0}
            self.send(told, [records.tobytes()])

    def _step_inside(self, message: Message) -> None:
        """Show the first decision of the fault that a write to this page would take."""
        self._inside = Inside(self._copy, str(message["process"]), str(message["mapping"]), int(message["page"]))
        self._show_inside(0)

    def _inside_go(self, message: Message) -> None:
        if self._inside:
            self._show_inside(int(message["at"]))

    def _inside_end(self, message: Message) -> None:
        """Do the write as a whole."""
        if self._inside:
            place = self._inside.place
            self._leave_inside()
            self._acted({"type": "act", "op": "write", **place})

    def _leave_inside(self) -> None:
        self._inside = None
        self.send({"type": "inside", "steps": []})

    def _show_inside(self, at: int) -> None:
        assert self._inside
        at = max(0, min(at, len(self._inside.steps) - 1))
        machine = self._inside.until(at)
        self.send({"type": "inside", "steps": self._inside.steps, "at": at, "title": self._inside.title})
        self.draw(scene_of(machine, pages.scale_for(machine), self._shown, midway=True))

    def _pickled(self) -> Machine:
        assert self.machine is not None
        try:
            return copy_of(self.machine)
        except (AttributeError, pickle.PicklingError) as error:  # a function that was made within another
            raise ValueError("this machine has a rule that cannot be copied: define it with def, by itself") from error

    def _do(self, message: Message) -> str:
        """Do to the machine what the learner did to the map."""
        assert self.machine is not None
        op = operation_of(message, self.machine, len(self.machine.log) + 1)
        done = len(self.machine.log)
        trace.apply(self.machine, op)
        said = words.happened(op, self.machine.log[done:])
        self._soon.cancel()
        self.show(self.machine, said, step=True)
        return ""

    def _take(self, machine: Machine) -> None:
        if not isinstance(machine, Machine):
            raise TypeError(f"MemoryMap shows a machine, not {machine!r}: give a cowlab.Machine, as in MemoryMap(m)")
        if machine is not self.machine:
            if self._unfollow:
                self._unfollow()
            self.machine = machine
            self._unfollow = machine.on_change(lambda _: self._soon()) if self.follow else None

    def _redraw(self) -> None:
        if self.machine is not None:
            self.show(self.machine)


_ANSWERS: dict[Any, Callable[[MemoryMap, Message], None]] = {
    "ready": MemoryMap._ready,
    "act": MemoryMap._acted,
    "look": MemoryMap._look,
    "frame": MemoryMap._look_at_frame,
    "open": MemoryMap._open,
    "inside": MemoryMap._step_inside,
    "inside_go": MemoryMap._inside_go,
    "inside_end": MemoryMap._inside_end,
}


def operation_of(message: Message, machine: Machine, value: int) -> Message:
    """The trace operation that a click or a key means; a write stores `value`."""
    kind, pid = message["op"], str(message["process"])
    if kind == "fork":
        taken = {process.name for process in machine.processes} | {event.process for event in machine.log}
        number = next(n for n in range(1, len(taken) + 2) if f"child {n}" not in taken)
        return {"op": "fork", "pid": pid, "child": f"child {number}"}
    if kind == "exit":
        return {"op": "exit", "pid": pid}
    start, stop = int(message["start"]), int(message["stop"])
    op = {"op": kind, "pid": pid, "region": str(message["mapping"]), "start": start, "stop": stop}
    return {**op, "value": value} if kind == "write" else op


# What is sent -------------------------------------------------------------------------------------------------------


class Sent:
    """What the browser has, so that only the rest is sent."""

    def __init__(self) -> None:
        self.seq = 0
        self._cards: list[Message] | None = None
        self._frames: Message | None = None
        self._scale = 0
        self._keys: dict[tuple[str, str], int] = {}
        self._records: dict[int, pages.Records] = {}

    def owner(self, key: int) -> tuple[str, str]:
        """The process and the mapping that have this key. Raises KeyError."""
        for owner, known in self._keys.items():
            if known == key:
                return owner
        raise KeyError("that mapping is no longer on the map")

    def update(self, scene: Scene, said: str, effects: list[Message]) -> tuple[Message, list[bytes]]:
        """The message that brings the browser to `scene`, and its buffers."""
        self.seq += 1
        full = self._scale != scene.scale
        if full:
            self._cards, self._frames, self._scale, self._records = None, None, scene.scale, {}
        patches: list[Message] = []
        buffers: list[bytes] = []
        live = {FRAMES_KEY}
        for strip in scene.strips:
            key = self._keys.setdefault((strip.process, strip.mapping), len(self._keys) + 1)
            live.add(key)
            self._patch(key, strip.records, patches, buffers)
        if scene.grid:
            self._patch(FRAMES_KEY, scene.grid.records, patches, buffers)
        self._records = {key: kept for key, kept in self._records.items() if key in live}
        message = {
            "type": "draw",
            "seq": self.seq,
            "full": full,
            "scale": scene.scale,
            "cards": self._changed_cards(scene),
            "frames": self._changed_frames(scene.grid),
            "patches": patches,
            "effects": effects,
            "counters": scene.counters,
            "said": said,
        }
        return message, buffers

    def _patch(self, key: int, records: pages.Records, patches: list[Message], buffers: list[bytes]) -> None:
        for first, last in pages.changed(self._records.get(key), records):
            patches.append({"key": key, "from": first, "cells": last - first, "buffer": len(buffers)})
            buffers.append(records[first:last].tobytes())
        self._records[key] = records

    def _changed_cards(self, scene: Scene) -> list[Message] | None:
        strips: dict[str, list[Message]] = {}
        for strip in scene.strips:
            key = self._keys[strip.process, strip.mapping]
            told = {"key": key, "name": strip.mapping, "kind": strip.kind, "pages": strip.pages}
            strips.setdefault(strip.process, []).append({**told, "cells": len(strip.records)})
        cards = [{**card, "mappings": strips.get(card["id"], [])} for card in scene.cards]
        if cards == self._cards:
            return None
        self._cards = cards
        return cards

    def _changed_frames(self, grid: pages.Grid | None) -> Message | None:
        if grid is None:
            return None
        told = {name: getattr(grid, name) for name in ("shown", "used", "tables", "free", "total")}
        frames = {"key": FRAMES_KEY, "cells": len(grid.records), **told}
        if frames == self._frames:
            return None
        self._frames = frames
        return frames


def _cards(machine: Machine) -> list[Message]:
    return [
        {
            "id": process.name,
            "title": process.name,
            "note": "" if process.cgroup.path == "/" else process.cgroup.path,
            "parent": process.parent.name if process.parent and process.parent is not machine.init else "",
            "group": process.cgroup.path,
        }
        for process in machine.processes
    ]


def _counters(machine: Machine) -> dict[str, int]:
    counts = machine.vmstat()
    found = {
        "minor faults": counts["pgfault"] - counts["pgmajfault"],
        "copies": sum(event.count for event in machine.log if event.kind == "copy"),
        "frames in use": machine.frames.used + machine.frames.tables,
    }
    return {**found, "major faults": counts["pgmajfault"]} if counts["pgmajfault"] else found


def _effects(before: Scene, now: Scene) -> list[Message]:
    """What the last operation did to pages, told from their entries before and after; marks what it copied."""
    if before.scale != 1 or now.scale != 1:
        return []
    old = {(strip.process, strip.mapping): strip.records for strip in before.strips}
    effects: list[Message] = []
    for number, strip in enumerate(now.strips):
        was = old.get((strip.process, strip.mapping))
        if was is not None and len(was) == len(strip.records):
            found, copied = _strip_effects(strip, was)
            effects += found
            if len(copied):
                records = strip.records.copy()
                records[copied, 0] = records[copied, 0] & ~np.uint32(255) | COPIED
                now.strips[number] = replace(strip, records=records)
    return effects[:MOST_EFFECTS]


def _strip_effects(strip: pages.Strip, was: pages.Records) -> tuple[list[Message], np.ndarray]:
    moved = flatnonzero(was[:, 1] != strip.records[:, 1])
    old, new = was[moved, 1], strip.records[moved, 1]
    copied = moved[(old != pages.NO_FRAME) & (new != pages.NO_FRAME)]
    filled = moved[(old == pages.NO_FRAME) & (new != pages.NO_FRAME)]
    same = (was[:, 1] == strip.records[:, 1]) & (was[:, 1] != pages.NO_FRAME)
    taken = same & ((~was[:, 0] & strip.records[:, 0]) >> 8 & pages.WRITABLE).astype(np.bool_)
    kinds = (("copy", copied), ("zero_fill", filled), ("reuse", flatnonzero(taken)))
    effects = [
        {
            "kind": kind,
            "process": strip.process,
            "mapping": strip.mapping,
            "page": int(page),
            "old": -1 if was[page, 1] == pages.NO_FRAME else int(was[page, 1]),
            "frame": int(strip.records[page, 1]),
        }
        for kind, numbers in kinds
        for page in numbers[:MOST_EFFECTS]
    ]
    return effects, copied
