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
