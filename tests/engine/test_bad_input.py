"""Bad input: the documented error, a message that helps, and a machine that is as it was before."""

import errno

import numpy as np
import pytest

import cowlab

PAGE = 4096
NOT_SIZES = [
    None,
    1.5,
    True,
    object(),
    [1],
    b"1 MiB",
    "",
    " ",
    "MiB",
    "12",
    "-1",
    "-1 MiB",
    "1e3 MiB",
    "1,5 GiB",
    "1 MiB 2",
    "١ MiB",
    "nan MiB",
    -1,
    -PAGE,
]
NOT_SECONDS = [None, -1, -0.1, True, "1", float("nan"), float("inf"), 10**400, object()]
NOT_NUMBERS = [1.5, True, "3", object(), [1], b"1"]
NOT_NAMES = ["", 3, True, object(), b"x", ["x"]]
NOT_BOOLS = ["yes", 1, 0, None, object()]


def short(value):
    """A value as the name of a test case."""
    return repr(value).split(" at 0x")[0][:40]


class World:
    """A machine with something of everything on it."""

    def __init__(self):
        self.m = cowlab.Machine("4 MiB", check=True)
        self.p = self.m.spawn("p")
        self.heap = self.p.mmap(16 * PAGE, name="heap")
        self.heap.write(0, 4, value=7)
        self.holed = self.p.mmap(16 * PAGE, name="holed")
        self.holed.munmap(8, 10)
        self.readonly = self.p.mmap(16 * PAGE, name="readonly", prot="r")
        self.closed = self.p.mmap(16 * PAGE, name="closed", prot="")
        self.p.mmap(4 * PAGE, name="text", kind="file-private", file="known")
        self.child = self.p.fork("child")
        self.dead = self.p.fork("dead")
        self.dead_heap = self.dead["heap"]
        self.dead.exit()


@pytest.fixture
def w():
    return World()


def refused(w, error, words, call, *args, **kwargs):
    """The call raises `error`, its message has all `words`, and nothing has changed."""
    before, logged = w.m.state(), list(w.m.log)
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert message[0] != "[" and len(message) > 20  # a sentence, not "[Errno 12] ..."
    assert w.m.state() == before
    assert w.m.log == logged
    return caught.value


# ---- sizes


@pytest.mark.parametrize("size", NOT_SIZES, ids=short)
def test_a_malformed_size_is_refused_wherever_a_size_is_asked_for(w, size):
    for call in (w.p.mmap, cowlab.Machine, lambda size: cowlab.Machine(swap=size)):
        refused(w, ValueError, [repr(size)], call, size)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("300 MB", "300 MiB"), ("1 GB", "1 GiB"), ("4 kB", "4 KiB"), ("4K", "4 KiB"), ("2.5 T", "2.5 TiB")],
)
def test_decimal_units_are_refused_with_what_was_probably_meant(w, text, meant):
    refused(w, ValueError, [text, meant], w.p.mmap, text)


def test_an_unknown_unit_is_refused_with_those_there_are(w):
    refused(w, ValueError, ["furlongs", "KiB", "MiB", "GiB"], w.p.mmap, "3 furlongs")


def test_a_mapping_or_a_machine_of_nothing_is_refused(w):
    refused(w, ValueError, ["0"], w.p.mmap, 0)
    refused(w, ValueError, ["0"], cowlab.Machine, "0 B")


def test_a_mapping_larger_than_the_address_space_is_out_of_memory(w):
    before = w.m.state()
    for size in ("129 TiB", 2**80, 10**30):
        with pytest.raises(cowlab.OutOfMemory, match="address space"):
            w.p.mmap(size, kind="noreserve")
    assert w.m.state() == before


@pytest.mark.parametrize("ram", ["1 EiB", 2**80])
def test_ram_that_no_machine_can_have_is_refused(w, ram):
    refused(w, ValueError, ["ram", "PiB"], cowlab.Machine, ram)


# ---- arguments of Machine


@pytest.mark.parametrize("mode", [None, 3, -1, True, 1.0, "", "maybe", "Heuristic", object()], ids=short)
def test_an_unknown_overcommit_mode_is_refused(w, mode):
    refused(w, ValueError, ["heuristic", "always", "never"], cowlab.Machine, overcommit=mode)


@pytest.mark.parametrize("setting", ["overcommit_ratio", "overcommit_kbytes"])
@pytest.mark.parametrize("value", [None, -1, 1.5, True, "50", object()], ids=short)
def test_a_malformed_limit_is_refused(w, setting, value):
    refused(w, ValueError, [setting, repr(value)], cowlab.Machine, **{setting: value})


@pytest.mark.parametrize("flag", ["copy_on_write", "page_tables", "check"])
@pytest.mark.parametrize("value", NOT_BOOLS, ids=short)
def test_a_flag_is_true_or_false(w, flag, value):
    refused(w, ValueError, [flag], cowlab.Machine, **{flag: value})


@pytest.mark.parametrize("rule", ["on_read", "on_write", "on_fork", "on_unmap", "on_protect", "commit_policy"])
def test_a_rule_is_a_function(w, rule):
    refused(w, ValueError, [rule, "function"], cowlab.Machine, **{rule: 3})


def test_an_unknown_rule_is_refused_with_those_there_are(w):
    refused(w, TypeError, ["on_raed", "on_read"], cowlab.Machine, on_raed=print)


# ---- names


@pytest.mark.parametrize("name", NOT_NAMES, ids=short)
def test_a_name_is_text(w, name):
    refused(w, ValueError, [repr(name)], w.m.spawn, name)
    refused(w, ValueError, [repr(name)], w.p.fork, name)
    refused(w, ValueError, [repr(name)], w.p.mmap, PAGE, name=name)
    refused(w, ValueError, [repr(name)], w.p.mmap, PAGE, kind="file-private", file=name)
    refused(w, ValueError, [repr(name)], w.m.file, name)


def test_a_name_in_use_is_refused(w):
    refused(w, ValueError, ["'child'", "unique"], w.m.spawn, "child")
    refused(w, ValueError, ["'child'", "unique"], w.p.fork, "child")
    refused(w, ValueError, ["'heap'", "unique"], w.p.mmap, PAGE, name="heap")
    refused(w, ValueError, ["'known'", "exists"], w.m.file, "known")
    refused(w, ValueError, ["'init'"], w.m.spawn, "init")


def test_a_name_that_nothing_has_is_refused_with_those_there_are(w):
    refused(w, KeyError, ["'haep'", "heap", "holed"], lambda: w.p["haep"])
    refused(w, KeyError, ["heap"], lambda: w.p[0])


# ---- arguments of calls


@pytest.mark.parametrize("kind", [None, "", "anon", "Private", 1, object()], ids=short)
def test_an_unknown_kind_is_refused_with_those_there_are(w, kind):
    words = [repr(kind), "private", "shared", "noreserve", "file-private", "file-shared"]
    refused(w, ValueError, words, w.p.mmap, PAGE, kind=kind)


@pytest.mark.parametrize("prot", [None, "w", "rwx", "RW", 3, True, object()], ids=short)
def test_an_unknown_protection_is_refused_with_those_there_are(w, prot):
    words = [repr(prot), "'rw'", "'r'", "''"]
    refused(w, ValueError, words, w.p.mmap, PAGE, prot=prot)
    refused(w, ValueError, words, w.heap.protect, prot)


@pytest.mark.parametrize("value", NOT_BOOLS, ids=short)
def test_populate_and_cached_are_true_or_false(w, value):
    refused(w, ValueError, ["populate"], w.p.mmap, PAGE, populate=value)
    refused(w, ValueError, ["cached"], w.m.file, "new", cached=value)


def test_a_file_has_no_meaning_for_anonymous_memory(w):
    for kind in ("private", "noreserve", "shared"):
        refused(w, ValueError, ["file", kind], w.p.mmap, PAGE, kind=kind, file="known")


@pytest.mark.parametrize("seconds", NOT_SECONDS, ids=short)
def test_time_goes_forward_by_a_number_of_seconds(w, seconds):
    refused(w, ValueError, ["advance", "seconds"], w.m.advance, seconds)


@pytest.mark.parametrize("callback", [None, 3, "print"], ids=short)
def test_on_change_takes_a_function(w, callback):
    refused(w, ValueError, [repr(callback), "function"], w.m.on_change, callback)


def test_kill_takes_a_process_of_the_machine(w):
    stranger = cowlab.Machine("1 MiB").spawn("stranger")
    for not_one in (None, "p", 3, stranger, w.m.init, w.heap):
        refused(w, ValueError, ["process", "machine"], w.m.kill, not_one)


@pytest.mark.parametrize("value", [-1, 2**64, 1.5, True, "7", object(), [1], np.float64(3)], ids=short)
def test_a_value_is_a_whole_number_of_64_bits(w, value):
    refused(w, ValueError, ["value", "64"], w.heap.write, 0, value=value)


def test_init_holds_nothing(w):
    for call in (w.m.init.exit, w.m.init.fork, lambda: w.m.init.mmap(PAGE)):
        refused(w, ValueError, ["init"], call)


# ---- ranges


CALLS = {
    "read": lambda mapping: mapping.read,
    "write": lambda mapping: mapping.write,
    "values": lambda mapping: mapping.values,
    "munmap": lambda mapping: mapping.munmap,
    "dontneed": lambda mapping: mapping.dontneed,
    "protect": lambda mapping: lambda *args, **kwargs: mapping.protect("r", *args, **kwargs),
    "mapcounts": lambda mapping: mapping.mapcounts,
}
on_ranges = pytest.mark.parametrize("call", CALLS)
on_lists = pytest.mark.parametrize("call", [name for name in CALLS if name != "mapcounts"])
touching = pytest.mark.parametrize("call", ["read", "write", "values"])


@on_ranges
@pytest.mark.parametrize("number", NOT_NUMBERS, ids=short)
def test_a_page_number_is_a_whole_number(w, call, number):
    refused(w, ValueError, ["start", repr(number)], CALLS[call](w.heap), number)
    refused(w, ValueError, ["stop", repr(number)], CALLS[call](w.heap), 0, number)


@on_ranges
def test_a_page_number_is_not_negative(w, call):
    refused(w, ValueError, ["-1", "negative"], CALLS[call](w.heap), -1)
    refused(w, ValueError, ["-3", "negative"], CALLS[call](w.heap), 0, -3)
    refused(w, ValueError, ["negative"], CALLS[call](w.heap), -(2**70))


@on_ranges
def test_a_range_is_not_reversed(w, call):
    refused(w, ValueError, ["[5, 3)", "reversed"], CALLS[call](w.heap), 5, 3)


@on_lists
@pytest.mark.parametrize(
    "pages",
    [
        5,
        "12",
        [1.5],
        [None],
        ["1"],
        [True],
        [[1, 2]],
        [[1], [1, 2]],
        object(),
        np.array([1.5]),
        np.array([[1]]),
    ],
    ids=short,
)
def test_scattered_pages_are_a_sequence_of_page_numbers(w, call, pages):
    refused(w, ValueError, ["page", "page number"], CALLS[call](w.heap), pages=pages)


@on_lists
def test_scattered_pages_are_not_negative(w, call):
    refused(w, ValueError, ["-2", "negative"], CALLS[call](w.heap), pages=[3, -2])


@on_lists
def test_a_range_and_scattered_pages_together_are_refused(w, call):
    refused(w, ValueError, ["start", "pages"], CALLS[call](w.heap), 0, 4, pages=[1])


@touching
@pytest.mark.parametrize("where", [(16,), (0, 17), (15, 2**70), (2**70,), (2**63, 2**64)], ids=short)
def test_a_touch_beyond_the_mapping_is_a_segmentation_fault(w, call, where):
    error = refused(w, cowlab.SegmentationFault, ["'heap'", "'p'", "[0, 16)"], CALLS[call](w.heap), *where)
    assert error.errno == errno.EFAULT


@touching
@pytest.mark.parametrize("pages", [[16], [3, 2**40], [2**63 - 1], [2**70]], ids=short)
def test_a_scattered_touch_beyond_the_mapping_is_a_segmentation_fault(w, call, pages):
    error = refused(w, cowlab.SegmentationFault, ["'heap'", "[0, 16)"], CALLS[call](w.heap), pages=pages)
    assert error.errno == errno.EFAULT


@touching
@pytest.mark.parametrize("where", [{"start": 8}, {"start": 0, "stop": 16}, {"pages": [0, 9, 3]}], ids=short)
def test_a_touch_of_a_hole_is_a_segmentation_fault_before_a_page_is_touched(w, call, where):
    words = ["'holed'", "[0, 8)", "[10, 16)"]
    error = refused(w, cowlab.SegmentationFault, words, CALLS[call](w.holed), **where)
    assert error.errno == errno.EFAULT


@pytest.mark.parametrize("where", [{}, {"start": 3}, {"start": 0, "stop": 16}, {"pages": [3]}], ids=short)
def test_a_touch_against_the_protection_is_a_segmentation_fault(w, where):
    for call, name in ((w.readonly.write, "readonly"), (w.closed.write, "closed"), (w.closed.read, "closed")):
        words = [name, "protected", "protect("]
        error = refused(w, cowlab.SegmentationFault, words, call, **where)
        assert error.errno == errno.EFAULT


def test_a_write_is_checked_whole_before_a_page_is_touched(w):
    w.heap.protect("r", 12, 13)
    refused(w, cowlab.SegmentationFault, ["12"], w.heap.write, 8, 16)
    refused(w, cowlab.SegmentationFault, ["12"], w.heap.write, pages=[8, 9, 12])


@pytest.mark.parametrize("where", [(4, 17), (16,), (16, 2**70), (2**70,)], ids=short)
def test_dontneed_and_protect_beyond_the_mapping_are_over_a_hole(w, where):
    for call in (w.heap.dontneed, CALLS["protect"](w.heap)):
        with pytest.raises(cowlab.SegmentationFault, match="hole") as caught:
            call(*where)
        assert caught.value.errno == errno.ENOMEM


def test_dontneed_over_a_hole_drops_every_mapped_page_of_a_list(w):
    w.holed.write()
    with pytest.raises(cowlab.SegmentationFault, match="hole"):
        w.holed.dontneed(pages=[3, 9, 12])
    assert w.holed.mapcounts().tolist() == [1] * 3 + [0] + [1] * 4 + [0, 0] + [1] * 2 + [0] + [1] * 3


@pytest.mark.parametrize("where", [(16,), (16, 2**70), (2**70,)], ids=short)
def test_munmap_beyond_the_mapping_succeeds_and_does_nothing(w, where):
    before = w.m.state()
    w.heap.munmap(*where)
    assert w.m.state() == before


def test_munmap_of_more_than_the_mapping_unmaps_all_of_it(w):
    w.heap.munmap(0, 2**70)
    assert w.heap.size == 0


@pytest.mark.parametrize("where", [(16,), (0, 17), (0, 2**70), (2**70,)], ids=short)
def test_map_counts_beyond_the_mapping_are_a_segmentation_fault(w, where):
    refused(w, cowlab.SegmentationFault, ["'heap'", "[0, 16)"], w.heap.mapcounts, *where)


@on_ranges
def test_an_empty_range_does_nothing(w, call):
    before = w.m.state()
    CALLS[call](w.heap)(5, 5)
    if call != "mapcounts":
        CALLS[call](w.heap)(pages=[])
    assert w.m.state() == before


@on_lists
@pytest.mark.parametrize(
    "pages",
    [(3, 4), range(3, 5), np.array([3, 4]), np.array([3, 4], np.uint8), iter([3, 4]), [np.int64(3), 4]],
    ids=short,
)
def test_any_integer_sequence_will_do(w, call, pages):
    CALLS[call](w.heap)(pages=pages)


# ---- dead processes


def test_a_call_on_a_dead_process_says_so(w):
    calls = [
        w.dead.fork,
        w.dead.exit,
        lambda: w.dead.mmap(PAGE),
        lambda: w.m.kill(w.dead),
        lambda: w.dead["heap"],
        *(make(w.dead_heap) for make in CALLS.values()),
    ]
    for call in calls:
        error = refused(w, cowlab.NoSuchProcess, ["'dead'", "exited"], call)
        assert error.errno == errno.ESRCH
        assert isinstance(error, ProcessLookupError)


def test_a_dead_process_still_answers_and_holds_nothing(w):
    w.child["heap"].write()
    counters = w.child.minor_faults, w.child.copies, w.child.reuses
    w.m.kill(w.child)
    assert (w.child.name, w.child.alive, w.child.parent.name) == ("child", False, "p")
    assert (w.child.exit_reason, w.dead.exit_reason) == ("killed", "exited")
    assert (w.child.minor_faults, w.child.copies, w.child.reuses) == counters
    assert (w.child.rss, w.child.pss, w.child.uss, w.child.vsz, w.child.swap, w.child.page_tables) == (0,) * 6
    assert (w.child.smaps(), w.child.mappings, w.child.children) == ({}, {}, [])
    assert repr(w.child)


# ---- the errors


def test_errors_with_an_errno_are_os_errors(w):
    numbers = {
        cowlab.OutOfMemory: errno.ENOMEM,
        cowlab.SegmentationFault: errno.EFAULT,
        cowlab.NoSuchProcess: errno.ESRCH,
    }
    for error, number in numbers.items():
        assert issubclass(error, cowlab.Error)
        assert issubclass(error, OSError)
        assert str(error(number, "a sentence")) == "a sentence"


# ---- a touch that runs out of memory


def test_a_touch_that_finds_no_memory_says_who_died_and_how_far_it_got():
    m = cowlab.Machine("64 KiB")
    heap = m.spawn("p").mmap("64 KiB", name="heap")
    with pytest.raises(cowlab.ProcessKilled) as caught:
        heap.write()
    for word in ("'p'", "64 KiB", "after 13 pages"):
        assert word in str(caught.value)


def test_a_deadlock_says_what_was_needed_and_shows_the_tasks():
    m = cowlab.Machine("64 KiB")
    heap = m.spawn("p", oom_score_adj=-1000).mmap("64 KiB", name="heap")
    with pytest.raises(cowlab.Deadlock) as caught:
        heap.write()
    for word in ("'p'", "64 KiB", "oom_score_adj", "no killable processes"):
        assert word in str(caught.value)
    assert heap.rss == 13 * PAGE


# ---- traces


SPAWN = {"op": "spawn", "pid": "A"}
MMAP = {"op": "mmap", "pid": "A", "region": "r", "pages": 8, "kind": "private"}
WRITE = {"op": "write", "pid": "A", "region": "r", "start": 0, "stop": 8, "value": 1}
READ = {"op": "read", "pid": "A", "region": "r"}
NEW = {**MMAP, "region": "s"}
BAD_OPS = [
    None,
    3,
    "spawn",
    [],
    {},
    {"op": None},
    {"op": "frok", "pid": "A"},
    {"op": "spawn"},
    {"op": "spawn", "pid": 3},
    {"op": "spawn", "pid": ""},
    SPAWN,
    {**SPAWN, "pid": "B", "color": 1},
    {"op": "fork", "pid": "A"},
    {"op": "fork", "pid": "A", "child": "A"},
    {"op": "fork", "pid": "Z", "child": "B"},
    {"op": "exit", "pid": "Z"},
    MMAP,
    {**MMAP, "region": 5},
    {**NEW, "pages": 0},
    {**NEW, "pages": -1},
    {**NEW, "pages": "8"},
    {**NEW, "pages": 1.0},
    {**NEW, "pages": True},
    {**NEW, "kind": "anon"},
    {**NEW, "kind": None},
    {**NEW, "prot": "x"},
    {**NEW, "populate": "yes"},
    {**WRITE, "region": "s"},
    {**WRITE, "pid": "Z"},
    {**WRITE, "start": -1},
    {**WRITE, "stop": 9},
    {**WRITE, "start": 5, "stop": 3},
    {**WRITE, "start": "0"},
    {**WRITE, "start": None},
    {**WRITE, "stop": 2**70},
    {**WRITE, "value": -1},
    {**WRITE, "value": 2**64},
    {**WRITE, "value": "1"},
    {**WRITE, "value": None},
    {**WRITE, "pages": [1]},
    {**READ, "op": "write", "value": 1},
    READ,
    {**READ, "pages": [8]},
    {**READ, "pages": [-1]},
    {**READ, "pages": 3},
    {**READ, "pages": "01"},
    {**READ, "pages": [1.0]},
    {**READ, "op": "munmap"},
    {**READ, "op": "dontneed", "start": 0},
    {**READ, "op": "protect", "start": 0, "stop": 8},
    {**READ, "op": "protect", "start": 0, "stop": 8, "prot": "x"},
]


@pytest.mark.parametrize("op", BAD_OPS, ids=short)
def test_a_malformed_operation_is_refused_with_its_index(op):
    with pytest.raises(ValueError, match="operation 3 of the trace"):
        cowlab.replay([SPAWN, MMAP, WRITE, op, WRITE])


@pytest.mark.parametrize(
    "x",
    [
        None,
        3,
        "spawn",
        b"",
        {"op": "spawn"},
        {"version": 2},
        {"version": 3, "ops": []},
        {"version": "2", "ops": []},
        {"ops": "spawn"},
        {"ops": None},
        {"machine": [], "ops": []},
        {"machine": {"rma": "1 GiB"}, "ops": []},
        {"machine": {"ram": "1 GB"}, "ops": []},
        {"machine": {"overcommit": 7}, "ops": []},
        {"ops": [], "color": 1},
    ],
    ids=short,
)
def test_what_is_no_trace_is_refused(x):
    with pytest.raises(ValueError) as caught:
        cowlab.replay(x)
    assert len(str(caught.value)) > 20


def test_a_malformed_trace_is_refused_before_its_first_operation(monkeypatch):
    started = []
    monkeypatch.setattr(cowlab.trace, "observe", lambda machine, op: started.append(op))
    with pytest.raises(ValueError):
        cowlab.replay([SPAWN, MMAP, {"op": "frok"}])
    assert started == []


def test_what_the_machine_refuses_is_an_entry_with_the_name_of_the_errno():
    ops = [
        SPAWN,
        {**MMAP, "prot": "r"},
        WRITE,
        {**NEW, "pages": 2**24},
        {**READ, "region": "s", "pages": [0]},
    ]
    assert [entry.get("error") for entry in cowlab.replay(ops)] == [None, None, "EFAULT", "ENOMEM", "EFAULT"]
