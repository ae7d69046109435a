"""A learner's rule runs in batches where it asks its page alone, and page by page where that is not sure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from random import Random

import pytest

import cowlab
from cowlab.engine import faults
from cowlab.engine.many.batchable import batched

Rule = Callable[[cowlab.Page], None]
calls = 0


def copied_out() -> Rule:
    """`on_write` and all that it calls, as a learner copies them into a notebook."""
    names: dict[str, object] = {}
    exec(inspect.getsource(faults).partition("import Page")[2], names)
    return names["on_write"]  # type: ignore[return-value]


def counting(page: cowlab.Page) -> None:
    global calls
    calls += 1
    faults.on_write(page)


def by_number(page: cowlab.Page) -> None:
    if page.number % 3 or page.writable:
        faults.on_write(page)
    else:
        page.need_table()
        page.need_family()
        page.count_minor()
        page.count_minor()
        page.map(page.zero_frame(), writable=True, dirty=True)


def by_mappers(page: cowlab.Page) -> None:
    if page.present and page.mappers < 3:
        page.count_minor()
    faults.on_write(page)


def by_another(page: cowlab.Page) -> None:
    counting(page)


def never_reuse(page: cowlab.Page) -> None:
    if page.present and not page.writable:
        page.need_family()
        page.count_minor()
        copy_page(page)
    else:
        on_write(page)


copy_page, on_write = faults.copy_page, faults.on_write


def drawing() -> Rule:
    dice = Random(7)

    def rule(page: cowlab.Page) -> None:
        if dice.random() < 0.5:
            page.count_minor()
        faults.on_write(page)

    return rule


def one_by_one(rule: Rule) -> Rule:
    return lambda page: rule(page)


def played(rule: Rule) -> cowlab.Machine:
    """Whole chunks, scattered pages, forks, values: all that a batch may be of."""
    machine = cowlab.Machine("64 MiB", on_write=rule)
    parent = machine.spawn("parent")
    heap = parent.mmap("5 MiB", name="heap")
    heap.write(0, 1100)
    child = parent.fork("child")
    child["heap"].write(100, 900, value=5)
    child.fork("grandchild")["heap"].write(pages=[3, 700, 5, 1200, 901])
    heap.write(pages=range(0, 1100, 7))
    child.exit()
    heap.write()
    return machine


RULES = [counting, by_number, by_mappers, by_another]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_that_tells_pages_apart_runs_page_by_page(rule: Rule) -> None:
    assert batched(rule) is None
    machine, single = played(rule), played(one_by_one(rule))
    assert (machine.state(), machine.log) == (single.state(), single.log)


def test_a_rule_that_draws_runs_page_by_page() -> None:
    machine, single = played(drawing()), played(one_by_one(drawing()))
    assert (machine.state(), machine.log) == (single.state(), single.log)


def test_a_rule_that_counts_is_called_for_each_page() -> None:
    global calls
    calls = 0
    cowlab.Machine(on_write=counting).spawn().mmap("4 MiB").write()
    assert calls == 1024


@pytest.mark.parametrize("rule", [copied_out(), faults.on_write, never_reuse], ids=["copied out", "own", "never reuse"])
def test_a_rule_that_asks_its_page_alone_runs_in_batches(rule: Rule) -> None:
    assert batched(rule) is not None
    machine, single = played(rule), played(one_by_one(rule))
    assert (machine.state(), machine.log) == (single.state(), single.log)


def test_a_function_that_means_something_else_by_now_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert batched(faults.on_write) is not None
    monkeypatch.setattr(faults, "write_missing", counting)
    assert batched(faults.on_write) is None


@pytest.mark.parametrize("name", ["on_read", "on_write", "on_fork", "on_unmap", "on_protect"])
def test_the_models_own_rules_run_in_batches(name: str) -> None:
    assert batched(getattr(faults, name)) is not None


def test_an_error_in_a_batch_leaves_what_it_leaves_page_by_page() -> None:
    def left(rule: Rule) -> tuple[object, object]:
        machine = cowlab.Machine("64 MiB", on_write=rule)
        heap = machine.spawn("p").mmap("4 MiB", name="heap")
        heap.read(600, 700)
        with pytest.raises(AttributeError):
            heap.write(0, 1024)
        return machine.state(), machine.log

    assert left(broken) == left(one_by_one(broken))


def broken(page: cowlab.Page) -> None:
    if page.present:
        page.no_such_thing()  # type: ignore[attr-defined]
    on_write(page)


# ---- rules that a batch could get wrong: each leaves what it leaves page by page


PAGE = 4096
Play = Callable[[cowlab.Machine], object]


def anonymous(machine: cowlab.Machine) -> object:
    return machine.spawn("p").mmap(32 * PAGE).write(0, 8)


def copied(machine: cowlab.Machine) -> object:
    heap = machine.spawn("p").mmap(32 * PAGE, name="h")
    heap.write(0, 8, value=5)
    heap.process.fork("c")
    return heap.write(0, 8), heap.values(0, 8).tolist()


def of_a_file(machine: cowlab.Machine) -> object:
    data = machine.spawn("p").mmap(32 * PAGE, kind="file-shared", file="f")
    return data.read(0, 20), data.write(20, 24), data.mapcounts().tolist()


def of_shared_memory(machine: cowlab.Machine) -> object:
    shared = machine.spawn("p").mmap(32 * PAGE, kind="shared")
    return shared.write(5), shared.write(6, 10), shared.write(3), shared.write(10, 14)


def protected(machine: cowlab.Machine) -> object:
    heap = machine.spawn("p", oom_score_adj=-1000).mmap(32 * PAGE)
    heap.write()
    heap.process.fork("c")
    heap.protect("r")
    return machine.frames.free


ODD: dict[str, tuple[str, Play]] = {
    "fork copies at once": (
        "def on_fork(page, child):\n"
        "    if page.anonymous: child.map(child.copy_of(page.frame), page.writable, page.dirty)\n"
        "    else: child.adopt(page.entry)",
        copied,
    ),
    "fork copies, frames lack": (
        "def on_fork(page, child):\n"
        "    if page.anonymous: child.map(child.copy_of(page.frame), page.writable, page.dirty)\n"
        "    else: child.adopt(page.entry)",
        protected,
    ),
    "protect copies, frames lack": (
        "def on_protect(page):\n"
        "    if page.anonymous and not page.exclusive:\n        copy_page(page)\n        page.set_writable(False)",
        protected,
    ),
    "no fault-around": (
        "def on_read(page):\n    if page.present: return\n"
        "    page.need_table()\n    page.map(page.backing_frame(), False, dirty=False)",
        of_a_file,
    ),
    "a write reads first": ("def on_write(page):\n    read(page)\n    write(page)", of_a_file),
    "a read writes": ("def on_read(page):\n    if not page.present: write(page)", of_a_file),
    "a frame as an entry": (
        "def on_write(page):\n    if page.present and not page.writable:\n"
        "        new = page.copy_of(page.frame)\n        page.drop(page.frame)\n        page.map(new, True, True)\n"
        "    else: write(page)",
        copied,
    ),
    "an entry as a frame": (
        "def on_write(page):\n    if page.present and not page.writable:\n"
        "        old = page.entry\n        new = page.copy_of(page.entry)\n"
        "        page.drop(old)\n        page.map(new, True, True)\n    else: write(page)",
        copied,
    ),
    "a frame that is wasted": (
        "def on_write(page):\n    page.need_table()\n    page.need_family()\n"
        "    page.map(page.zero_frame(), True, True)\n    page.unmap()\n    page.map(page.zero_frame(), True, True)",
        anonymous,
    ),
    "a frame of the object's": (
        "def on_write(page):\n    if page.backing.frame(3): page.count_minor()\n    write(page)",
        of_shared_memory,
    ),
    "a global that is no constant": (
        "S = {}\ndef on_write(page):\n    if S: page.count_minor()\n    write(page)",
        anonymous,
    ),
    "a frame as a flag": (
        "def on_write(page):\n    page.need_table()\n    page.need_family()\n"
        "    new = page.zero_frame()\n    page.map(new, True, new)",
        anonymous,
    ),
}


def written(text: str) -> dict[str, Rule]:
    """The rules that a learner's text defines, with the model's own at hand."""
    names = {name: rule for name, rule in vars(faults).items() if inspect.isfunction(rule)}
    exec("write, read = on_write, on_read\n" + text, names)
    return {name: rule for name, rule in names.items() if name[:3] == "on_" and rule is not getattr(faults, name)}


def outcome(play: Play, rules: dict[str, Rule]) -> object:
    """What it comes to, or the error, and all that can be told of the machine."""
    small = cowlab.Machine(40 * PAGE, page_tables=False, **rules)
    machine = small if play is protected else cowlab.Machine("64 MiB", **rules)
    try:
        result = play(machine)
    except Exception as error:
        result = type(error), str(error)
    return result, machine.vmstat(), machine.state(), machine.log


@pytest.mark.parametrize("name", ODD)
def test_an_odd_rule_leaves_what_it_leaves_page_by_page(name: str) -> None:
    text, play = ODD[name]
    assert outcome(play, written(text)) == outcome(
        play, {hook: lambda *pages, rule=rule: rule(*pages) for hook, rule in written(text).items()}
    )


def test_a_rule_whose_code_is_replaced_is_looked_at_anew() -> None:
    rule = written("def on_write(page):\n    write(page)")["on_write"]
    machine = cowlab.Machine("64 MiB", on_write=rule)
    heap = machine.spawn().mmap("64 KiB")
    assert heap.write(0, 8).minor == 8
    rule.__code__ = written("def on_write(page):\n    page.count_minor()\n    write(page)")["on_write"].__code__
    assert heap.write(8, 16).minor == 16
