"""Stepping inside one fault: the rule that really runs, stopped at each decision, and told in sentences."""

from functools import partial
from pathlib import Path
from random import Random
from types import FunctionType

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from test_pressure_invariants import History

import cowlab
from cowlab.engine import mapping as mapping_module
from cowlab.engine.reports import stepping
from cowlab.engine.reports.stepping import decisions, until
from cowlab.engine.rules import faults
from cowlab.engine.rules.page import Page
from cowlab.views.fault_steps import SENTENCES, steps

PAGE = 4096
AROUND = {"trap", "area", "charge", "no_free_frame", "again", "retry", "error"}
"""Decisions that are none of `Page`'s."""


def machine(**arguments):
    return cowlab.Machine(ram="64 MiB", page_tables=False, check=True, **arguments)


def a_heap(m, name="parent", **arguments):
    return m.spawn(name, **arguments).mmap("64 KiB", name="heap")


def shared_page(**arguments):
    """A heap whose page 0 maps a frame that parent and child share; the child's."""
    m = machine(**arguments)
    heap = a_heap(m)
    heap.write(0, value=7)
    return heap.process.fork("child")["heap"]


def kinds(found):
    return [decision.kind for decision in found]


def told(mapping, page, **arguments):
    """The sentences of an access, by kind; of a kind that comes twice, the last."""
    found = decisions(mapping, page, **arguments)
    sentences = steps(found, mapping.process.name, mapping.name, page)
    return {decision.kind: step["answer"] for decision, step in zip(found, sentences, strict=True)}


# ---- the four kinds of write


def test_the_first_write_takes_a_frame_and_fills_it_with_zeros():
    heap = a_heap(machine())
    heap.write(1)  # the tables and the family are there
    found = decisions(heap, 0, value=5)
    assert kinds(found) == [
        "trap", "area", "writable", "shared", "present", "swapped", "need_table", "need_family", "backing",
        "count_minor", "need_frame", "take_frame", "charge", "zero_frame", "map", "retry",
    ]  # fmt: skip
    assert heap.values(0).tolist() == [5]
    assert found[-1].answer.faults == (1, 0, 1, 0, 0)
    assert [step["answer"] for step in steps(found, "parent", "heap", 0)][-6:] == [
        "Yes: 16,383 frames can be had.",
        "Frame 1 is free: it is taken.",
        "Group / pays for one page: 8 KiB in all.",
        "Frame 1 holds zeros.",
        "The entry now maps frame 1, writable.",
        "The store runs again, and succeeds. The fault cost: 1 minor fault, 1 frame zeroed; 1.7 µs.",
    ]


def test_a_write_to_a_shared_frame_copies_it():
    heap = shared_page()
    found = decisions(heap, 0)
    assert kinds(found) == [
        "trap", "area", "writable", "shared", "present", "need_family", "count_minor", "alone", "zero", "frame",
        "need_frame", "take_frame", "charge", "copy_of", "drop", "map", "retry",
    ]  # fmt: skip
    assert {decision.kind: decision.answer for decision in found}["alone"] is False
    assert heap.values(0).tolist() == [7]
    said = {d.kind: s["answer"] for d, s in zip(found, steps(found, "child", "heap", 0), strict=True)}
    assert said["trap"] == "No: the entry is read-only, so it traps into the kernel: a fault."
    assert said["area"] == "Yes: it is protected 'rw'."
    assert said["alone"] == "No: 2 entries map frame 0, so the write must not go there."
    assert said["copy_of"] == "Frame 0's content goes to frame 1."
    assert said["drop"] == "Frame 0 has 1 mapper left."
    assert said["map"] == "The entry now maps frame 1, writable."


def test_the_last_owner_takes_the_frame_over():
    child = shared_page()
    child.process.parent.exit()
    found = decisions(child, 0)
    assert kinds(found)[-4:] == ["alone", "reuse", "set_dirty", "retry"]
    assert found[-1].answer.faults == (1, 0, 0, 0, 1)
    said = steps(found, "child", "heap", 0)
    assert said[-4]["answer"] == "Yes: only this entry maps frame 0, nobody else can see it."
    assert said[-3]["answer"] == "Frame 0 stays and is exclusive now, the entry is writable. Nothing is copied."


def test_a_write_through_a_writable_entry_is_no_fault():
    heap = a_heap(machine())
    heap.write(0)
    found = decisions(heap, 0)
    assert kinds(found) == ["trap", "writable", "set_dirty", "retry"]
    assert found[0].answer is False
    assert found[-1].answer == ((0, 0, 0, 0, 0), 0)
    said = steps(found, "parent", "heap", 0)
    assert said[0] == {
        "question": "parent writes page 0 of heap. Does the processor find an entry that allows it?",
        "answer": "Yes: the entry maps frame 0, writable. There is no fault, the kernel does not hear of it.",
        "line": "",
        "number": 0,
        "function": "the processor",
        "file": "",
    }
    assert said[-1]["answer"] == "The store goes through, without a fault."


# ---- reads, swap, files, groups


def test_a_read_of_an_untouched_page_maps_the_zero_page():
    said = told(a_heap(machine()), 3, write=False)
    assert said["map_zero"] == "The entry now maps the zero page, read-only."
    assert said["retry"] == "The load runs again, and succeeds. The fault cost: 1 minor fault; 700 ns."


def test_a_write_where_the_zero_page_is_mapped_says_so():
    heap = a_heap(machine())
    heap.read(0)
    said = told(heap, 0)
    assert said["alone"] == "No: the entry maps the zero page."
    assert said["drop"] == "The zero page does not count its mappers."


def swapped_out(m, group):
    """A heap whose page 0 is in swap, which a child names too; the child's."""
    heap = a_heap(m, cgroup=group)
    heap.write(0)
    child = heap.process.fork("child")["heap"]
    group.high = 0
    group.high = None
    return child


def test_a_page_comes_back_from_swap_and_then_from_the_swap_cache():
    m = machine(swap="1 MiB")
    child = swapped_out(m, m.cgroup("/a", max="32 MiB"))
    said = told(child, 0, write=False)
    assert said["trap"] == "No: the entry names swap slot 0, so it traps into the kernel: a fault."
    assert said["swapped_frame"] == "Slot 0 is read into frame 0. That waits for the disk, a major fault."
    assert said["charge"] == "Group /a pays for one page: 4 KiB of 32 MiB."
    assert said["map_swapped"] == "The entry now maps frame 0, read-only. Others hold the page too."
    assert said["retry"].startswith("The load runs again, and succeeds. The fault cost: 1 major fault; 1")
    said = told(child.process.parent["heap"], 0)
    assert said["swapped_frame"] == "Frame 0 has it already (swap cache): no disk is waited for, a minor fault."
    assert said["copy_of"] == "Frame 0's content goes to frame 1."


def test_a_read_of_a_file_maps_the_pages_around_it_too():
    m = machine()
    text = m.spawn().mmap("20 KiB", "file-private", name="text", file="lib")
    text.read(0, 1)
    text.dontneed(1, 5)
    found = decisions(text, 2, write=False)
    comes_along = [decision for decision in found if decision.page != 2]
    assert [(decision.kind, decision.page) for decision in comes_along] == [("map", 1), ("map", 3), ("map", 4)]
    said = steps(found, "process 1", "text", 2)
    assert said[kinds(found).index("neighbours")]["answer"] == "Pages 1, 3, 4."
    assert said[found.index(comes_along[0])]["question"] == "Page 1 comes along. Map the frame."
    assert said[kinds(found).index("backing_frame")]["answer"] == (
        "Frame 2 has it in memory: no disk is waited for, a minor fault."
    )
    assert text.rss == 5 * PAGE


def test_a_page_of_a_file_on_disk_is_a_major_fault_and_is_charged():
    m = machine()
    m.file("cold", cached=False)
    said = told(m.spawn().mmap("20 KiB", "file-shared", name="data", file="cold"), 2, write=False)
    assert said["backing_frame"] == "It is read from the disk into frame 0. That is a major fault."
    assert said["charge"] == "Group / pays for one page: 4 KiB in all."


def test_shared_memory_is_written_in_place():
    found = decisions(machine().spawn().mmap("20 KiB", "shared", name="shm"), 2)
    assert kinds(found)[-5:] == ["backing_frame", "charge", "map", "set_frame_dirty", "retry"]
    assert "copy_of" not in kinds(found)


# ---- errors


def test_a_write_against_the_protection_ends_in_a_segmentation_fault():
    heap = a_heap(machine())
    heap.write(0)
    heap.protect("r")
    found = decisions(heap, 0)
    assert [(decision.kind, decision.answer) for decision in found[:2]] == [("trap", True), ("area", False)]
    assert isinstance(found[2].answer, cowlab.SegmentationFault)
    assert found[1].line == "if len(prot) > len(area.prot):"
    said = steps(found, "parent", "heap", 0)
    assert said[1]["answer"] == "No: it is protected 'r'."
    assert said[2]["answer"].startswith("SegmentationFault: write to page 0 of 'heap'")


def test_without_access_no_entry_lets_the_processor_read():
    heap = a_heap(machine())
    heap.write(0)
    heap.protect("")
    said = told(heap, 0, write=False)
    assert said["trap"] == "No: the area forbids every access, so it traps into the kernel: a fault."
    assert said["area"] == "No: it is protected against every access."


@pytest.mark.parametrize("page", [3, 16, 10**9])
def test_a_page_that_is_not_mapped_has_no_area(page):
    heap = a_heap(machine())
    heap.munmap(3)
    found = decisions(heap, page)
    assert kinds(found) == ["trap", "area", "error"]
    assert "first_hole" in found[1].line
    assert steps(found, "parent", "heap", page)[1]["answer"] == f"No: page {page:,} is not mapped."


def test_a_heap_that_was_unmapped_whole_has_no_area():
    heap = a_heap(machine())
    heap.write()
    heap.munmap()
    assert kinds(decisions(heap, 0)) == ["trap", "area", "error"]


def test_where_frames_lack_pages_are_reclaimed_and_the_rule_runs_again():
    m = machine(swap="1 MiB")
    group = m.cgroup("/a", max="16 KiB")
    heap = a_heap(m, cgroup=group)
    heap.write(0, 4)
    found = decisions(heap, 4)
    at = kinds(found).index("no_free_frame")
    assert kinds(found)[at - 1 : at + 2] == ["count_minor", "no_free_frame", "again"]
    assert kinds(found)[-6:] == ["need_frame", "take_frame", "charge", "zero_frame", "map", "retry"]
    assert found[at].answer == (1, "/a")
    assert found[at].line == "frame = page.zero_frame()"
    assert found[at + 1].line == "def on_write(page: Page) -> None:"
    said = steps(found, "parent", "heap", 4)
    assert said[at]["answer"] == (
        "No: 1 frame is needed, and group /a is at its limit. Pages of the group are reclaimed."
    )
    assert found[at + 1].answer == (1, ())
    assert said[at + 1]["answer"] == "1 frame is free that was not. on_write runs again, from its start."
    assert found[-1].answer.faults.minor == 1  # the fault that failed is not counted


def test_the_oom_killer_ends_another_process():
    m = cowlab.Machine(ram=8 * PAGE, overcommit="always", page_tables=False, check=True)
    victim, heap = a_heap(m, "victim"), a_heap(m)
    victim.write(0, 6)
    heap.write(0, 2)
    said = told(heap, 2)
    assert said["no_free_frame"] == "No: 1 frame is needed, and 0 can be had. Pages are reclaimed."
    assert said["again"] == (
        "6 frames are free that were not. The OOM killer ended victim. on_write runs again, from its start."
    )


def test_a_caller_that_is_killed_ends_there():
    m = cowlab.Machine(ram=8 * PAGE, overcommit="always", page_tables=False, check=True)
    heap = a_heap(m)
    heap.write(0, 8)
    found = decisions(heap, 8)
    assert kinds(found)[-2:] == ["no_free_frame", "error"]
    assert isinstance(found[-1].answer, cowlab.ProcessKilled)
    assert not heap.process.alive
    with pytest.raises(cowlab.NoSuchProcess):
        decisions(heap, 0)


# ---- a learner's own rule


def copy_whoever_else_maps(page):
    """A learner's rule that never takes a frame over."""
    if page.present and not page.zero and page.mappers >= 1:
        new = page.copy_of(page.frame)
        page.unmap()
        page.map(new, writable=True, dirty=True)
    else:
        faults.on_write(page)


def test_a_replaced_rule_is_watched_line_by_line():
    heap = shared_page(on_write=copy_whoever_else_maps)
    found = decisions(heap, 0)
    assert kinds(found) == [
        "trap", "area", "present", "zero", "mappers", "frame", "need_frame", "take_frame", "charge", "copy_of",
        "unmap", "map", "retry",
    ]  # fmt: skip
    assert {(d.function, d.file) for d in found[2:-1]} == {("copy_whoever_else_maps", "test_stepping.py")}
    assert found[-3].line == "page.unmap()"
    said = {d.kind: s["answer"] for d, s in zip(found, steps(found, "child", "heap", 0), strict=True)}
    assert said["mappers"] == "2 entries map frame 0."
    assert said["unmap"] == "The entry is empty. Frame 0 has 1 mapper left."


def test_a_replaced_rule_that_calls_the_models_own_is_watched_in_both_files():
    found = decisions(a_heap(machine(on_write=copy_whoever_else_maps)), 0)
    assert {d.file for d in found} == {"", "mapping.py", "test_stepping.py", "faults.py"}


def test_a_rule_that_drops_after_it_maps_is_told_about_the_frame_that_it_drops():
    def maps_first(page):
        if not page.present:
            faults.on_write(page)
            return
        old = page.entry
        page.map(page.copy_of(page.frame), writable=True, dirty=True)
        page.drop(old)

    assert told(shared_page(on_write=maps_first), 0)["drop"] == "Frame 0 has 1 mapper left."


def test_a_rule_that_leaves_the_entry_read_only_ends_in_an_error():
    m = machine(on_write=lambda page: page.count_minor())
    found = decisions(a_heap(m), 0)
    assert kinds(found) == ["trap", "area", "count_minor", "error"]
    assert "the same fault again" in str(found[-1].answer)


def test_a_mistake_in_a_rule_is_raised():
    heap = a_heap(machine(on_write=lambda page: page.mappers_of))
    with pytest.raises(AttributeError):
        decisions(heap, 0)


def test_a_rule_that_catches_every_exception_is_stopped_all_the_same():
    def stubborn(page):
        try:
            faults.on_write(page)
        except Exception:
            faults.on_write(page)

    heap = a_heap(machine(on_write=stubborn))
    assert kinds(until(heap, 0, 2)) == ["trap", "area", "writable"]


def test_a_rule_that_is_no_function_runs_again_too():
    m = machine(swap="1 MiB", on_write=partial(faults.on_write))
    heap = a_heap(m, cgroup=m.cgroup("/a", max="16 KiB"))
    heap.write(0, 4)
    assert [d.function for d in decisions(heap, 4) if d.kind == "again"] == ["partial"]


# ---- in the middle


def middle(kind):
    """A machine that stopped at the decision of that kind, in a copy; the child's heap."""
    k = kinds(decisions(shared_page(), 0)).index(kind)
    heap = shared_page()
    assert until(heap, 0, k)[-1].kind == kind
    return heap


def test_the_copy_happens_one_decision_after_the_other():
    seen = {}
    for kind in ("need_frame", "take_frame", "charge", "copy_of", "drop", "map", "retry"):
        heap = middle(kind)
        m = heap.process.machine
        entry = heap.table.at(0)
        seen[kind] = (
            m.frames.used,
            m.cgroups.root.usage,
            m.frames.values.at(1),
            m.frames.mapcount(0),
            entry >> 8,
            m.frames.mapcount(1),
        )
    assert seen == {
        "need_frame": (1, 1, 0, 2, 0, 0),
        "take_frame": (2, 1, 0, 2, 0, 0),
        "charge": (2, 2, 0, 2, 0, 0),
        "copy_of": (2, 2, 7, 2, 0, 0),
        "drop": (2, 2, 7, 1, 0, 0),
        "map": (2, 2, 7, 1, 1, 1),
        "retry": (2, 2, 7, 1, 1, 1),
    }


def test_what_was_replaced_for_the_watch_is_put_back():
    heap = shared_page()
    rules, charge = heap.rules, heap.frames.charge
    decisions(heap, 5)
    assert (heap.rules, heap.frames.charge) == (rules, charge)
    until(heap, 0, 11)
    assert (heap.rules, heap.frames.charge) == (rules, charge)


def test_a_stop_beyond_the_last_decision_is_an_error():
    with pytest.raises(ValueError, match="17 decisions"):
        until(shared_page(), 0, 17)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda heap: decisions(heap, -1), "not a page number"),
        (lambda heap: decisions(heap, None), "not a page number"),
        (lambda heap: decisions(heap, True), "not a page number"),
        (lambda heap: decisions(heap, 0, value=-3), "64 bits"),
        (lambda heap: decisions(heap, 0, write=False, value=3), "a read stores nothing"),
        (lambda heap: until(heap, 0, -1), "counted from 0"),
        (lambda heap: until(heap, 0, "alone"), "counted from 0"),
    ],
)
def test_what_means_nothing_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call(a_heap(machine()))


# ---- every name has its sentence, every line is the one that runs


def test_every_question_and_action_of_a_page_has_a_sentence():
    public = {
        name
        for name, part in vars(Page).items()
        if not name.startswith("_") and isinstance(part, property | FunctionType)
    }
    data = set(Page.__slots__)
    assert public == {name for name in vars(Page) if not name.startswith("_")} - data
    assert set(SENTENCES) == public | AROUND
    assert set(stepping.QUESTIONS) | set(stepping.ACTIONS) == public


def test_a_page_that_is_asked_everything_answers_in_a_sentence_of_its_own():
    def asks_everything(page):
        for name in stepping.QUESTIONS:
            getattr(page, name)
        page.window()
        faults.on_write(page)
        page.set_frame_dirty()
        page.clear_exclusive()
        page.reuse()
        page.need_room_to_copy()
        entry = page.entry
        page.adopt(entry)
        page.drop(entry)

    heap = shared_page(on_write=asks_everything)
    found = decisions(heap, 0)
    assert set(stepping.QUESTIONS) <= set(kinds(found))
    said = {d.kind: s["answer"] for d, s in zip(found, steps(found, "child", "heap", 0), strict=True)}
    assert said["window"] == "Pages 0 to 15."
    assert said["exclusive"] == "No: frame 0 is not marked so."
    assert said["clear_exclusive"] == "Frame 1 is no longer marked as belonging to this process alone."
    assert said["adopt"] == "The entry now maps frame 1, writable."
    assert said["drop"] == "Frame 1 has 1 mapper left."


def test_a_question_without_a_sentence_gets_a_plain_one(monkeypatch):
    monkeypatch.delitem(SENTENCES, "alone")
    found = decisions(shared_page(), 0)
    step = steps(found, "child", "heap", 0)[kinds(found).index("alone")]
    assert (step["question"], step["answer"]) == ("alone?", "The answer is False.")


FILES = {
    Path(module.__file__).name: Path(module.__file__).read_text(encoding="utf-8").splitlines()
    for module in (faults, mapping_module)
}

# ---- random histories


def a_page(m, dice):
    """A mapping of a living process, a page of it (or one beyond), and whether and what to write."""
    mappings = [mapping for process in m.processes for mapping in process.mappings.values()]
    if not mappings:
        return None
    mapping = dice.choice(mappings)
    write = dice.random() < 0.7
    value = dice.getrandbits(64) if write and dice.random() < 0.7 else None
    return mapping, dice.randrange(mapping.pages + 1), write, value


def plainly(mapping, page, write, value):
    """The error of the call itself, or None."""
    try:
        if write:
            mapping.write(page, value=value)
        else:
            mapping.read(page)
    except cowlab.Error as error:
        return str(error)
    return None


def all_seen(m):
    """All that two machines must have in common."""
    contents = [mapping.values().tolist() for p in m.processes for mapping in p.mappings.values() if mapping.size]
    ages = m.frames.ages.get(np.arange(min(m.frames.total, len(m.frames.words) * 512)))
    return m.state(), m.log, m.clock_ns, m.frames.now, ages.tolist(), contents, list(map(str, m.oom_reports))


@settings(max_examples=40)
@given(st.integers(0, 2**64 - 1), st.integers(0, 80))
def test_the_machine_is_as_after_the_call_itself(seed, length):
    watched, plain = History(seed, length).m, History(seed, length).m
    for turn in range(12):
        there, here = (a_page(m, Random(f"{seed} {turn}")) for m in (watched, plain))
        if not there or not here:
            return
        error = plainly(*here)
        mapping, page, *_ = there
        found = decisions(*there)
        assert (str(found[-1].answer) if error else None) == error
        assert found[-1].kind == ("error" if error else "retry")
        assert all_seen(watched) == all_seen(plain)
        check_sentences(found, mapping, page)


def check_sentences(found, mapping, page):
    for decision, step in zip(found, steps(found, mapping.process.name, mapping.name, page), strict=True):
        assert step["question"].endswith(("?", "."))
        assert step["answer"].endswith(".")
        assert "None" not in step["answer"]
        if decision.number:
            assert FILES[decision.file][decision.number - 1].strip() == decision.line


@settings(max_examples=20)
@given(st.integers(0, 2**64 - 1), st.integers(0, 60))
def test_it_stops_where_it_is_told_to(seed, length):
    there = a_page(History(seed, length).m, Random(seed))
    if not there:
        return
    whole = decisions(*there)
    for k in sorted({0, 1, 2, len(whole) // 2, len(whole) - 2, len(whole) - 1} & set(range(len(whole)))):
        mapping, page, write, value = a_page(History(seed, length).m, Random(seed))
        part = until(mapping, page, k, write, value)
        assert list(map(repr, part)) == list(map(repr, whole[: k + 1]))
