"""The public names, what importing them needs, the state of a fresh machine, and the API used as it is documented."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cowlab

PAGE = 4096
ENGINE = Path(cowlab.engine.__file__).parent


PROCESS = (
    "mmap", "fork", "exit", "mappings", "smaps", "status", "rss", "pss", "uss", "vsz", "swap", "minor_faults",
    "major_faults", "copies", "reuses", "page_tables", "alive", "parent", "children", "exit_reason", "name",
)  # fmt: skip
MAPPING = (
    "name", "kind", "size", "pages", "read", "write", "values", "munmap", "dontneed", "protect", "mapcounts",
)  # fmt: skip


# ---- names


def test_the_public_names():
    assert set(cowlab.__all__) >= {
        "Error", "Event", "Faults", "Machine", "Mapping", "NoSuchProcess", "OutOfMemory", "Page", "Process",
        "SegmentationFault", "engine", "format_size", "linux", "pages_in", "replay", "trace", "units",
    }  # fmt: skip
    for name in cowlab.__all__:
        exec(f"from cowlab import {name}")
    assert cowlab.__version__


def test_what_lessons_show_is_that_of_the_views():
    assert [getattr(cowlab, name) for name in cowlab.VIEWS] == [getattr(cowlab.views, name) for name in cowlab.VIEWS]
    with pytest.raises(AttributeError, match="no attribute 'Lap'"):
        _ = cowlab.Lap


def test_what_a_process_and_a_mapping_offer():
    process = cowlab.Machine("1 MiB").spawn()
    for name in PROCESS:
        assert hasattr(process, name)
    mapping = process.mmap("4 KiB")
    for name in MAPPING:
        assert hasattr(mapping, name)


def test_every_public_class_and_method_says_what_it_does():
    for thing in (cowlab.Machine, cowlab.Process, cowlab.Mapping, cowlab.Event, cowlab.Faults, cowlab.replay):
        assert thing.__doc__
    for cls in (cowlab.Machine, cowlab.Process, cowlab.Mapping):
        for name, member in vars(cls).items():
            if not name.startswith("_") and (callable(member) or isinstance(member, property)):
                assert member.__doc__, f"{cls.__name__}.{name}"


# ---- what it needs


BLOCKED = ("jupyter", "jupyterlab", "notebook", "IPython", "ipywidgets", "anywidget", "traitlets", "matplotlib")


@pytest.mark.outside_browsers
def test_importing_cowlab_needs_neither_jupyter_nor_matplotlib():
    program = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import cowlab
from cowlab import linux, trace
heap = cowlab.Machine("1 MiB").spawn().mmap("4 KiB")
print(heap.write())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "Faults(minor=1, major=0, zeroed=1, copied=0, reused=0)\n", run.stderr


@pytest.mark.outside_browsers
def test_importing_cowlab_needs_no_module_that_a_browsers_python_lacks():
    program = """
import sys
lacking = ("fcntl", "resource", "termios", "multiprocessing", "curses", "pwd", "grp", "syslog", "_posixsubprocess")
before = set(sys.modules)
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in lacking:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
for name in lacking:
    sys.modules.pop(name, None)
import cowlab
print("imported")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "imported\n", run.stderr


def imports(path):
    """The modules that a file imports, relative ones with their dots; also those for type checking alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda path: path.name)
def test_the_engine_imports_nothing_from_cowlab_but_units_and_arguments(path):
    for module in imports(path):
        assert not module.startswith("cowlab")
        above = "." * (len(path.relative_to(ENGINE).parts) + 1)
        assert not module.startswith(above) or module.removeprefix(above) in ("units", "arguments")
        assert module.startswith(".") or module.split(".")[0] in {*sys.stdlib_module_names, "numpy"}


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda path: path.name)
def test_no_file_of_the_engine_is_longer_than_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_every_rule_fits_on_a_slide():
    """The text that students read: functions of faults.py are under 15 lines, docstrings not counted."""
    for node in ast.walk(ast.parse((ENGINE / "rules" / "faults.py").read_text())):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert body[-1].end_lineno - body[0].lineno + 1 < 15, node.name


# ---- the ground state


def test_a_machine_has_16_GiB_no_swap_and_the_heuristic():
    m = cowlab.Machine()
    info = m.meminfo()
    assert (info["MemTotal"], info["MemFree"], info["SwapTotal"]) == (16 << 20, 16 << 20, 0)
    m.spawn().mmap("16 GiB")
    with pytest.raises(cowlab.OutOfMemory):
        m.spawn().mmap((16 << 30) + 1)


def test_a_fresh_machine_holds_nothing():
    m = cowlab.Machine("1 GiB")
    info = m.meminfo()
    assert info["MemFree"] == info["MemTotal"] == 1 << 20
    assert (info["Committed_AS"], info["PageTables"], info["AnonPages"], info["Cached"]) == (0, 0, 0, 0)
    assert (m.processes, m.log, m.clock) == ([], [], 0)
    assert set(m.vmstat().values()) == {0}


def test_a_fresh_process_holds_nothing():
    m = cowlab.Machine("1 GiB")
    p = m.spawn()
    assert (p.rss, p.pss, p.uss, p.vsz, p.swap, p.page_tables) == (0,) * 6
    assert (p.minor_faults, p.major_faults, p.copies, p.reuses) == (0,) * 4
    assert (p.alive, p.exit_reason, p.smaps(), p.mappings, p.children) == (True, None, {}, {}, [])
    assert m.meminfo()["MemFree"] == m.meminfo()["MemTotal"]


def test_init_is_the_parent_of_what_is_spawned_and_is_not_listed():
    m = cowlab.Machine("1 GiB")
    p = m.spawn()
    assert m.processes == [p]
    assert p.parent is m.init
    assert m.init.rss == 0


def test_init_inherits_orphans():
    m = cowlab.Machine("1 GiB")
    parent = m.spawn()
    child = parent.fork()
    parent.exit()
    assert child.parent is m.init
    assert m.init.children == [child]


# ---- names that are made up


def test_names_are_made_up_where_not_given_and_are_unique():
    m = cowlab.Machine("1 GiB")
    processes = [m.spawn(), m.spawn(), m.spawn()]
    processes += [processes[0].fork(), processes[0].fork(), processes[0].fork().fork()]
    assert len({process.name for process in m.processes}) == len(m.processes) == 7
    mappings = [processes[0].mmap("4 KiB") for _ in range(3)]
    assert list(processes[0].mappings.values()) == mappings
    assert len(processes[0].mappings) == 3


def test_the_name_of_a_dead_process_is_free_again():
    m = cowlab.Machine("1 GiB")
    m.spawn("p").exit()
    assert m.spawn("p").alive


def test_processes_are_listed_in_the_order_in_which_they_were_made():
    m = cowlab.Machine("1 GiB")
    first, second = m.spawn("z"), m.spawn("a")
    child = first.fork("m")
    second.exit()
    assert m.processes == [first, child]


# ---- ranges


def test_a_call_takes_all_pages_one_page_a_range_or_scattered_pages():
    heap = cowlab.Machine("1 MiB").spawn().mmap(20 * PAGE)
    assert heap.write(7).minor == 1
    assert heap.write(0, 5).minor == 5
    assert heap.write(pages=[3, 9, 12, 18]).minor == 3  # page 3 was written before
    assert heap.write().minor == 20 - 9


def test_no_range_means_every_page_still_mapped():
    heap = cowlab.Machine("1 MiB").spawn().mmap(20 * PAGE)
    heap.munmap(5, 10)
    assert heap.write() == (15, 0, 15, 0, 0)
    assert len(heap.values()) == 15
    heap.protect("r")
    heap.dontneed()
    heap.munmap()
    assert heap.size == 0


def test_sizes_round_up_to_whole_pages():
    p = cowlab.Machine("1 GiB").spawn()
    assert (p.mmap(1).pages, p.mmap(4097).pages, p.mmap("0.5 MiB").pages) == (1, 2, 128)
    assert cowlab.Machine("10 KiB").meminfo()["MemTotal"] == 12


def test_values_are_64_bits_wide_and_a_write_without_one_keeps_what_was_there():
    heap = cowlab.Machine("1 MiB").spawn().mmap(4 * PAGE)
    heap.write(0, value=2**64 - 1)
    heap.write(1, value=0)
    heap.write()
    values = heap.values()
    assert values.dtype == np.uint64
    assert values.tolist() == [2**64 - 1, 0, 0, 0]


def test_values_are_in_the_order_asked_for():
    heap = cowlab.Machine("1 MiB").spawn().mmap(4 * PAGE)
    for page in range(4):
        heap.write(page, value=10 + page)
    assert heap.values(pages=[3, 0, 3]).tolist() == [13, 10, 13]


def test_looking_at_values_touches_nothing():
    m = cowlab.Machine("1 MiB")
    heap = m.spawn().mmap(4 * PAGE)
    before = m.state()
    heap.values()
    assert m.state() == before


# ---- the log


def test_an_event_is_one_calls_effect_of_one_kind():
    m = cowlab.Machine("1 GiB")
    parent = m.spawn("parent")
    heap = parent.mmap(600 * PAGE, name="heap")
    heap.write(0, 300)
    heap.write(100, 500)
    child = parent.fork("child")
    child["heap"].write(0, 512)
    child["heap"].write(pages=[520, 599, 510])
    heap.write(5)
    child.exit()
    assert [(e.kind, e.process, e.mapping, e.pages, e.count) for e in m.log if e.kind not in ("fork", "exit")] == [
        ("spawn", "parent", "", (0, 0), 1),
        ("mmap", "parent", "heap", (0, 600), 600),
        ("zero_fill", "parent", "heap", (0, 300), 300),
        ("zero_fill", "parent", "heap", (100, 500), 200),
        ("zero_fill", "child", "heap", (0, 512), 12),
        ("copy", "child", "heap", (0, 512), 500),
        ("zero_fill", "child", "heap", (510, 600), 2),
        ("reuse", "parent", "heap", (5, 6), 1),
    ]
    assert [(e.kind, e.process) for e in m.log if e.kind in ("fork", "exit")] == [("fork", "parent"), ("exit", "child")]


def test_events_carry_the_time_of_the_clock_and_cannot_be_changed():
    m = cowlab.Machine("1 GiB")
    m.advance(1.5)
    m.spawn()
    m.advance(2)
    m.spawn()
    assert [event.time for event in m.log] == [1.5, 3.5]
    with pytest.raises(AttributeError):
        m.log[0].time = 0


# ---- callbacks


def test_on_change_is_called_after_each_call_that_may_have_changed_something():
    m = cowlab.Machine("1 GiB")
    heap = m.spawn().mmap("1 MiB")
    told = []
    m.on_change(lambda machine: told.append(machine.meminfo()["MemFree"]))
    heap.write(0)
    heap.values()
    heap.munmap()
    assert told == [(1 << 20) - 4 * 4, 1 << 20]


# ---- replaced rules


def test_a_rule_can_be_replaced():
    """A machine on which the last owner copies too, as two other simulators have it."""

    def always_copy(page):
        if page.present and page.anonymous and not page.writable:
            page.frames.map(page.frame)  # as if somebody else mapped it
        cowlab.engine.rules.faults.on_write(page)

    parent = cowlab.Machine("1 GiB", on_write=always_copy).spawn()
    heap = parent.mmap("16 KiB")
    heap.write()
    parent.fork().exit()
    assert heap.write().copied == 4


def test_the_commit_policy_can_be_replaced():
    m = cowlab.Machine("1 GiB", commit_policy=lambda request: request.pages < 10)
    p = m.spawn()
    p.mmap(9 * PAGE)
    with pytest.raises(cowlab.OutOfMemory):
        p.mmap(10 * PAGE)


# ---- plain values


def plain(value):
    """Whether a value is made of Python's own numbers, text and containers alone."""
    if isinstance(value, dict):
        return all(plain(part) for pair in value.items() for part in pair)
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return type(value) in (int, float, str, bool, type(None))


def test_what_is_reported_is_plain_python():
    m = cowlab.Machine("1 GiB")
    p = m.spawn()
    heap = p.mmap("6 MiB")
    results = [heap.read(0, 700), heap.write(pages=np.array([3, 900])), heap.write()]
    child = p.fork()
    results.append(child[heap.name].write(5, 1200))
    heap.dontneed(0, 1024)
    heap.munmap(100, 600)
    for process in (p, child):
        results += [process.smaps(), process.status(), process.rss, process.pss, process.uss, process.vsz]
        results += [process.swap, process.page_tables, process.minor_faults, process.copies, process.reuses]
    results += [m.meminfo(), m.vmstat(), heap.size, heap.pages, m.clock]
    results += [tuple(vars(event).values()) for event in m.log]
    for result in results:
        assert plain(result), result
    json.dumps(cowlab.replay([{"op": "spawn", "pid": "A"}]))


def test_faults_is_a_named_tuple():
    assert cowlab.Faults._fields == ("minor", "major", "zeroed", "copied", "reused")


# ---- comparing machines


def test_equal_machines_have_equal_state_whatever_frames_they_took():
    first, second = cowlab.Machine("1 GiB"), cowlab.Machine("1 GiB")
    second.spawn("other").mmap("1 MiB").write(0, 100)
    second["other"].exit()
    for m in (first, second):
        m.spawn("p").mmap("6 MiB", name="heap")
    first["p"]["heap"].write(value=3)
    for page in reversed(range(1536)):
        second["p"]["heap"].write(page, value=3)
    assert without_vmstat(first.state()) == without_vmstat(second.state())


def without_vmstat(state):
    """Two machines with another past have counted other faults, and their clocks and peaks differ."""
    groups = {path: {**group, "peak": None} for path, group in state["groups"].items()}
    return {**{key: part for key, part in state.items() if key not in ("vmstat", "clock")}, "groups": groups}


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["p"]["heap"].write(9, value=4),
        lambda m: m["p"]["heap"].read(20),
        lambda m: m["p"]["heap"].dontneed(3),
        lambda m: m["p"]["heap"].munmap(30),
        lambda m: m["p"]["heap"].protect("r", 2),
        lambda m: m["p"].mmap("4 KiB"),
        lambda m: m["p"].fork().exit(),
        lambda m: m.spawn(),
        lambda m: m.advance(1),
        lambda m: m["p"].mmap("4 KiB").munmap(),
    ],
)
def test_a_difference_that_can_be_told_shows_in_the_state(change):
    m = cowlab.Machine("1 GiB")
    m.spawn("p").mmap("128 KiB", name="heap").write(0, 10)
    before = m.state()
    change(m)
    assert m.state() != before


# ---- the API as the design has it


def test_the_public_api_as_documented():
    m = cowlab.Machine(ram="16 GiB", swap="0 B", overcommit="heuristic", overcommit_ratio=50)
    zygote = m.spawn("zygote")
    heap = zygote.mmap("300 MiB", kind="private", name="heap", prot="rw", populate=False)
    assert heap.write(7) == (1, 0, 1, 0, 0)
    assert heap.write(0, 512).zeroed == 511
    assert heap.write(pages=[3, 9, 12], value=42).minor == 0
    assert heap.write().minor == 76_800 - 512
    assert heap.read(0, 512).minor == 0
    assert heap.values(0, 512).tolist() == [42 if page in (3, 9, 12) else 0 for page in range(512)]
    tab = zygote.fork("tab 1")
    assert tab["heap"].write(0, 128).copied == 128
    assert tab["heap"].dontneed(0, 64) is None
    assert tab["heap"].munmap(0, 64) is None
    assert tab["heap"].protect("r", 0, 0) is None
    assert (tab.vsz, tab.rss) == ((76_800 - 64) * PAGE, (76_800 - 64) * PAGE)
    assert (tab.uss, tab.swap, tab.minor_faults, tab.major_faults) == (64 * PAGE, 0, 128, 0)
    assert (tab.copies, tab.reuses) == (128, 0)
    assert tab.uss < tab.pss < tab.rss
    assert tab.smaps()["heap"]["Size"] == (76_800 - 64) * 4
    assert m.meminfo()["Committed_AS"] == (76_800 + 76_800 - 64) * 4
    assert m.vmstat()["pgfault"] == 76_800 + 128
    assert (m.processes, tab.parent, zygote.children) == ([zygote, tab], zygote, [tab])
    assert [event.kind for event in m.log][-3:] == ["copy", "dontneed", "munmap"]
    m.kill(tab)
    assert (tab.alive, tab.rss) == (False, 0)
    zygote.exit()
    assert m.meminfo()["MemFree"] == m.meminfo()["MemTotal"]


def test_a_trace_runs_on_a_machine_of_its_own():
    ops = [
        {"op": "spawn", "pid": "A"},
        {"op": "mmap", "pid": "A", "region": "r", "pages": 4, "kind": "private"},
        {"op": "write", "pid": "A", "region": "r", "start": 0, "stop": 2, "value": 5},
        {"op": "fork", "pid": "A", "child": "B"},
        {"op": "read", "pid": "B", "region": "r", "pages": [1, 0, 3]},
        {"op": "exit", "pid": "A"},
    ]
    entries = cowlab.replay({"version": 2, "machine": {"ram": "1 MiB", "copy_on_write": True}, "ops": ops})
    assert entries[0] == {"smaps": {"A": {}}}
    assert entries[4]["digest"] == (5 * 1000003 + 5) * 1000003 % 2**64
    assert (entries[4]["minor"], entries[4]["major"], entries[4]["error"]) == (1, 0, None)
    assert list(entries[5]) == ["smaps"]
    machine = cowlab.trace.run(cowlab.Machine("1 MiB"), ops)
    assert [process.name for process in machine.processes] == ["B"]
    assert cowlab.replay(ops) == cowlab.replay({"ops": ops})
