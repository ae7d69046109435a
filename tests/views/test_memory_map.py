"""The memory map's side of the talk with the browser: what it sends, and what it does when it is told."""

from __future__ import annotations

import asyncio
import base64

import numpy as np
import pytest

from cowlab import Machine
from cowlab.views import MemoryMap, pages
from cowlab.views.palette import COPIED, PRIVATE, TWO


class Browser:
    """What a browser would have, from the messages that a map sends."""

    def __init__(self, shown: MemoryMap) -> None:
        self.map = shown
        self.messages: list[dict] = []
        self.cells: dict[int, np.ndarray] = {}
        self.cards: list[dict] = []
        self.frames: dict = {}
        self.bytes = 0
        shown.send = self.receive  # the comm is the only part that is not there
        self.tell(type="ready")

    def tell(self, **message: object) -> dict:
        """Send what the browser would; the last answer."""
        self.map._receive(self.map, message, [])
        return self.messages[-1]

    def receive(self, message: dict, buffers: list[bytes] | None = None) -> None:
        self.messages.append(message)
        if message["type"] != "draw":
            return
        if message["full"]:
            self.cells, self.cards, self.frames = {}, [], {}
        self.cards = message["cards"] if message["cards"] is not None else self.cards
        self.frames = message["frames"] or self.frames
        sizes = {mapping["key"]: mapping["cells"] for card in self.cards for mapping in card["mappings"]}
        sizes[self.frames["key"]] = self.frames["cells"]
        self.bytes = sum(map(len, buffers or []))
        kind = np.uint32 if message["scale"] == 1 else np.uint8
        for patch in message["patches"]:
            new = np.frombuffer(buffers[patch["buffer"]], kind).reshape(patch["cells"], -1)
            old = self.cells.get(patch["key"])
            cells = np.zeros((sizes[patch["key"]], new.shape[1]), kind)
            if old is not None:
                cells[: len(old)] = old[: len(cells)]
            cells[patch["from"] : patch["from"] + patch["cells"]] = new
            self.cells[patch["key"]] = cells

    def has(self, process: str, mapping: str) -> np.ndarray:
        card = next(card for card in self.cards if card["id"] == process)
        key = next(one["key"] for one in card["mappings"] if one["name"] == mapping)
        return self.cells[key]


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    parent = machine.spawn("parent")
    parent.mmap("64 KiB", name="heap").write()
    parent.fork("child")
    return machine


def same(browser: Browser, machine: Machine) -> bool:
    """Does the browser have every page and frame as the machine has them (but for what is just copied)?"""
    strips = pages.strips(machine)
    found = [browser.has(strip.process, strip.mapping) for strip in strips]
    plain = [np.where(cells[:, :1] & 255 == COPIED, cells & ~np.uint32(255) | PRIVATE, cells) for cells in found]
    return all(
        (seen[:, 0] == strip.records[:, 0]).all() and (seen[:, 1] == strip.records[:, 1]).all()
        for seen, strip in zip(plain, strips, strict=True)
    )


def test_nothing_is_sent_before_a_browser_looks(machine: Machine) -> None:
    shown = MemoryMap(machine)
    shown.send = lambda *_: pytest.fail("nobody is there")
    machine["child"]["heap"].write(0)
    shown._soon.now()


def test_the_first_look_gets_everything_and_later_ones_what_changed(machine: Machine) -> None:
    shown = MemoryMap(machine)
    browser = Browser(shown)
    assert [card["id"] for card in browser.cards] == ["parent", "child"]
    assert (browser.has("child", "heap")[:, 0] & 255 == TWO).all()
    assert same(browser, machine)
    everything = browser.bytes
    machine["child"]["heap"].write(5)
    shown._soon.now()
    assert same(browser, machine)
    assert browser.bytes < everything / 5
    assert browser.messages[-1]["cards"] is None


def test_a_machine_of_which_hardly_anything_is_used_is_drawn() -> None:
    """Of frames there are so few that an eighth of them is none."""
    machine = Machine(ram="1 MiB")
    machine.spawn("you").mmap("64 KiB", name="heap").write(0, 4)
    browser = Browser(MemoryMap(machine))
    assert browser.frames["cells"] == 64
    assert (browser.has("you", "heap")[:, 0] & 255 == PRIVATE).sum() == 4


def test_a_click_writes_to_the_machine_and_says_what_came_of_it(machine: Machine) -> None:
    browser = Browser(MemoryMap(machine))
    answer = browser.tell(type="act", op="write", process="child", mapping="heap", start=3, stop=4)
    assert machine["child"].copies == 1
    assert answer["said"] == "child writes page 3 of heap: 1 page copied."
    (effect,) = answer["effects"]
    assert (effect["kind"], effect["page"], effect["process"]) == ("copy", 3, "child")
    assert effect["frame"] != effect["old"]
    assert browser.has("child", "heap")[3, 0] & 255 == COPIED
    assert answer["counters"]["copies"] == 1
    answer = browser.tell(type="act", op="write", process="parent", mapping="heap", start=3, stop=4)
    assert [effect["kind"] for effect in answer["effects"]] == ["reuse"]


def test_keys_read_fork_and_exit(machine: Machine) -> None:
    browser = Browser(MemoryMap(machine))
    assert "no fault" in browser.tell(type="act", op="read", process="child", mapping="heap", start=0, stop=16)["said"]
    browser.tell(type="act", op="fork", process="child", mapping="heap", start=0, stop=1)
    assert [card["id"] for card in browser.cards] == ["parent", "child", "child 1"]
    browser.tell(type="act", op="exit", process="child", mapping="heap", start=0, stop=1)
    assert [card["id"] for card in browser.cards] == ["parent", "child 1"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"op": "write", "process": "nobody", "mapping": "heap", "start": 0, "stop": 1}, "no process 'nobody'"),
        ({"op": "write", "process": "child", "mapping": "heap", "start": 0, "stop": 99}, "is not mapped"),
        ({"op": "jump", "process": "child", "mapping": "heap", "start": 0, "stop": 1}, "this map has no 'jump'"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_lost(machine: Machine, message: dict, says: str) -> None:
    before = machine.state()
    answer = Browser(MemoryMap(machine)).tell(type="act", **message)
    assert answer["type"] == "say"
    assert answer["error"]
    assert says in answer["text"]
    assert machine.state() == before


def test_a_page_and_a_frame_in_words(machine: Machine) -> None:
    machine["child"]["heap"].write(2, value=7)
    browser = Browser(MemoryMap(machine))
    own = browser.tell(type="look", process="child", mapping="heap", page=2)["text"]
    assert own.splitlines()[0] == "child, heap, page 2"
    assert "mapped by 1" in own
    assert "holds 7" in own
    assert "entry writable, dirty" in own
    assert "mapped by 2: parent, child" in browser.tell(type="look", process="child", mapping="heap", page=0)["text"]
    assert "child, heap, page 1" in browser.tell(type="frame", frame=1)["text"]
    assert browser.tell(type="frame", frame=4000)["text"].endswith("free")
    assert browser.tell(type="frame", frame=1 << 40)["error"]


def test_above_100_000_pages_a_cell_is_many_and_opens() -> None:
    machine = Machine()
    heap = machine.spawn("a").mmap("1 GiB", name="heap")
    heap.write(0, 100)
    browser = Browser(MemoryMap(machine))
    scale = browser.messages[-1]["scale"]
    assert scale > 1
    cells = browser.has("a", "heap")
    assert cells[:, PRIVATE].astype(bool).sum() == -(-100 // scale)
    key = browser.cards[0]["mappings"][0]["key"]
    sent: list = []
    browser.map.send = lambda message, buffers=None: sent.append((message, buffers))
    browser.tell(type="open", key=key, start=64, stop=128)
    message, (records,) = sent[-1]
    codes = np.frombuffer(records, np.uint32).reshape(-1, 2)[:, 0] & 255
    assert (message["start"], message["cells"]) == (64, 64)
    assert (codes == PRIVATE).sum() == 36


def test_inside_a_fault_the_machine_stands_still_and_the_end_is_a_plain_write(machine: Machine) -> None:
    plain = Machine()
    parent = plain.spawn("parent")
    parent.mmap("64 KiB", name="heap").write()
    parent.fork("child")["heap"].write(4, value=len(plain.log) + 1)
    browser = Browser(MemoryMap(machine))
    before = machine.state()
    browser.tell(type="inside", process="child", mapping="heap", page=4)
    told = next(message for message in reversed(browser.messages) if message["type"] == "inside")
    functions = {step["function"] for step in told["steps"]}
    assert {"on_write", "write_protected", "copy_page"} <= functions
    taken = next(n for n, step in enumerate(told["steps"]) if "Take a frame" in step["question"])
    used = browser.frames["used"]
    browser.tell(type="inside_go", at=taken)
    assert browser.frames["used"] == used + 1
    assert browser.has("child", "heap")[4, 0] & 255 == TWO
    assert machine.state() == before
    browser.tell(type="inside_end")
    assert machine["child"].copies == 1
    assert machine.state() == plain.state()


@pytest.mark.outside_browsers
def test_many_changes_in_one_turn_of_the_loop_are_drawn_once(machine: Machine) -> None:
    async def busy() -> int:
        browser = Browser(MemoryMap(machine))
        before = len(browser.messages)
        for page in range(16):
            machine["child"]["heap"].write(page)
        await asyncio.sleep(0)
        assert same(browser, machine)
        return len(browser.messages) - before

    assert asyncio.run(busy()) == 1


def test_without_a_front_end_it_is_a_picture_and_its_words(machine: Machine) -> None:
    data, _ = MemoryMap(machine)._repr_mimebundle_()
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "child: heap: pages 0 to 15 shared by 2." in data["text/plain"]
    assert "no machine yet" in repr(MemoryMap())


@pytest.mark.parametrize("thing", ["machine", 3, None])
def test_what_is_no_machine_is_refused(thing) -> None:
    with pytest.raises(TypeError, match=r"give a cowlab\.Machine"):
        MemoryMap().show(thing)


def test_a_machine_that_moves_on_ends_the_look_inside(machine: Machine) -> None:
    shown = MemoryMap(machine)
    browser = Browser(shown)
    browser.tell(type="inside", process="child", mapping="heap", page=4)
    machine["child"].exit()
    shown._soon.now()
    assert {"type": "inside", "steps": []} in browser.messages
    browser.tell(type="inside_end")
    assert [process.name for process in machine.processes] == ["parent"]
    assert not any(message["type"] == "say" for message in browser.messages)
