"""A trace as a program: the Python one ends with the same machine, the C one gives this kernel's same figures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given

import cowlab
from cowlab import listing, scenarios
from cowlab.linux.random_trace import random_trace
from cowlab.trace.checking import Checker
from helpers.machines import after
from helpers.marks import every_scenario, needs_linux

SPAWN = {"op": "spawn", "pid": "A"}
MMAP = {"op": "mmap", "pid": "A", "region": "heap", "pages": 512, "kind": "private"}
WRITE = {"op": "write", "pid": "A", "region": "heap", "start": 0, "stop": 512, "value": 1}


def check(x) -> str:
    """The Python program of a trace, which gives the same machine."""
    text = listing.as_python(x)
    namespace: dict = {}
    exec(compile(text, "listing", "exec"), namespace)
    assert namespace["m"].state() == after(x).state(), text
    return text


def body(x) -> list[str]:
    """The lines of the program after the machine is made."""
    lines = check(x).splitlines()
    return lines[next(n for n, line in enumerate(lines) if line.startswith("m = ")) + 1 :]


# Python: the same machine ---------------------------------------------------------------------------------------


@every_scenario
def test_the_program_of_a_scenario_gives_the_same_machine(scenario) -> None:
    check(scenario.small())
    check(scenario())


@pytest.mark.parametrize(
    "made",
    [
        scenarios.zygote(size="16 MiB", tabs=5, code_percent=40),
        scenarios.batch_explosion(data="128 MiB", workers=12, ram="16 GiB", in_rounds=True),
        scenarios.batch_explosion(data="1 GiB", workers=30, ram="16 GiB"),  # with kills
        scenarios.overcommit(mode=2, requests=6),  # with refusals
        scenarios.cgroup_isolation(leakers=6, limited=False),
        scenarios.headroom(independent=True, processes=20),
        scenarios.paging(swap="0 B"),
        scenarios.bursty(correlated=True, ticks=5),
    ],
    ids=lambda made: str(len(made["ops"])),
)
def test_the_program_of_a_scenario_in_trouble_does_too(made) -> None:
    check(made)


@pytest.mark.parametrize("made", [scenarios.zygote(), scenarios.oom_victim(), scenarios.cgroup_isolation()])
def test_a_fresh_interpreter_runs_it(made) -> None:
    program = listing.as_python(made) + "print(m.state())\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == f"{after(made).state()}\n"


def test_it_loads_no_jupyter_and_no_matplotlib() -> None:
    program = "import sys, cowlab.listing; print({'IPython', 'ipywidgets', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


NAMES = ("A", "child 1", "for", "m", "n", "list", 'x"y', "it's {n}", "naïve\n2", "tab 7", "tabs", "cowlab", "*/", "1")
KINDS = ("private", "private", "noreserve", "shared", "file-private", "file-shared")


class Dice(Random):
    """Draws operations, most of which mean something after others; some are refused, some kill."""

    def op(self, names: list[str]) -> dict:
        """One operation of any kind."""
        name, other, group = self.choice(names), self.choice(names), self.choice(("/", "g0", "/g0/in", "g1"))
        maybe_group = {"group": group} if self.random() < 0.2 else {}
        limits = {self.choice(("max", "high", "low")): self.choice((None, 40960, 400_000, "1 MiB"))}
        region = {"pid": name, "region": self.choice(("r1", "r2", "code"))}
        kind = self.choice(KINDS)
        mapped = {"kind": kind, "prot": self.choice(("rw", "rw", "r")), "populate": self.random() < 0.2}
        file = {"file": self.choice(("f1", "f2"))} if kind.startswith("file") else {}
        return self.choices(
            [
                {"op": "spawn", "pid": name, **maybe_group, "oom_score_adj": self.choice((0, 0, 300, -1000))},
                {"op": "fork", "pid": name, "child": other, **maybe_group},
                {"op": "mmap", **region, **mapped, **file, "pages": self.choice((1, 16, 60, 600))},
                {"op": "write", **region, **self.pages(), "value": self.choice((0, 7, 2**64 - 1))},
                {"op": "read", **region, **self.pages()},
                {"op": self.choice(("munmap", "dontneed")), **region, **self.pages()},
                {"op": "protect", **region, **self.pages(), "prot": self.choice(("rw", "r", ""))},
                {"op": "loop", **region, **self.pages(), "passes": self.randint(1, 3), "access": "write"},
                {"op": self.choice(("exit", "kill")), "pid": name},
                {"op": "load", "pid": name, "bytes": self.choice((5000, "1 MiB"))},
                {"op": "file", "file": "f1", "cached": False},
                {"op": "group", "path": group, **limits, "oom_group": self.random() < 0.5},
                {"op": "limit", "path": group, **limits, **({"oom_group": True} if self.random() < 0.3 else {})},
                {"op": "remove", "path": group},
                {"op": self.choice(("attach", "move")), "pid": name, "group": group},
                {"op": "oom_score_adj", "pid": name, "adj": self.randint(-1000, 1000)},
                {"op": "advance", "seconds": self.choice((1, 0.25))},
            ],
            [6, 8, 10, 16, 6, 4, 4, 3, 2, 1, 1, 1, 2, 1, 1, 1, 1],
        )[0]

    def pages(self) -> dict:
        """A range or a list."""
        if self.random() < 0.3:
            return {"pages": self.choices(range(16), k=self.choice((0, 1, 3, 40)))}
        start, stop = sorted(self.choices((0, 1, 8, 16, 60, 600), k=2))
        return {"start": start, "stop": stop}

    def alike(self, names: list[str]) -> list[dict]:
        """Operations that a loop may stand for, perhaps with one missing or another."""
        parent, shift, count = self.choice(names), self.randint(0, 3), self.randint(3, 7)
        tabs = [f"tab {number}" for number in range(5, 5 + count)]
        write = {"op": "write", "region": self.choice(("r1", "r2")), "start": 0, "stop": 8}
        ops = [{"op": "fork", "pid": parent, "child": tab} for tab in tabs]
        ops += [{**write, "pid": tab, "value": n * self.choice((0, 1)) + shift} for n, tab in enumerate(tabs)]
        ops += [{"op": "mmap", "pid": parent, "region": f"r{n}", "pages": 2, "kind": "private"} for n in range(2, 9)]
        del ops[self.randrange(len(ops)) : self.choice((len(ops), 0))]
        return ops


def drawn(seed: int, length: int = 100) -> dict:
    """A well-formed trace that goes as `seed` says."""
    dice = Dice(seed)
    names = dice.sample(NAMES, 5)
    machine = {
        "ram": dice.choice((50, 80, 2000)) * 4096,
        "overcommit": dice.choice(("heuristic", "always", "always", "never")),
    }
    machine |= {"swap": dice.choice((0, 0, 409_600)), "copy_on_write": dice.random() < 0.8}
    checker, ops = Checker(), []
    start = [{"op": "spawn", "pid": names[0]}, {**MMAP, "pid": names[0], "region": "r1", "pages": 60}]
    for n in range(length):
        for op in start if n == 0 else dice.alike(names) if dice.random() < 0.03 else [dice.op(names)]:
            try:
                checker.check(op)
            except ValueError:
                continue  # it means nothing here
            ops.append(op)
    return {"version": 2, "machine": machine, "ops": ops}


@given(seed=st.integers(0, 2**64 - 1))
def test_the_program_of_any_trace_gives_the_same_machine(seed) -> None:
    check(drawn(seed))


@given(seed=st.integers(0, 2**32))
def test_the_program_of_a_trace_that_kernels_run_gives_the_same_machine(seed) -> None:
    check(random_trace(seed))


def test_the_traces_drawn_have_kills_refusals_groups_made_on_the_way_and_loops() -> None:
    texts = "".join(listing.as_python(drawn(seed)) for seed in range(60))
    for sign in (
        "OOM killer kills",
        "suppress(cowlab.OutOfMemory)",
        "suppress(cowlab.ProcessKilled)",
        "suppress(cowlab.Deadlock)",
        "suppress(cowlab.GroupBusy)",
        "suppress(cowlab.SegmentationFault)",
        'm.cgroup("/g0")\n',
        "is not alive",
        "whose mmap was refused",
        ".fork(f",
        " in enumerate(",
        "for _ in range(",
        "for n in range(",
    ):
        assert sign in texts, sign


# Python: as a person would write it -----------------------------------------------------------------------------


def test_forks_and_writes_that_are_alike_are_a_list_and_a_loop() -> None:
    assert listing.as_python(scenarios.zygote()).splitlines() == [
        "# The operations of a trace, as calls of cowlab. At the end `m` is the machine that a run of it leaves.",
        "",
        "import cowlab",
        "",
        'm = cowlab.Machine(ram="64 GiB", copy_on_write=True)',
        'zygote = m.spawn("zygote")',
        'zygote.load("120 MiB", relocated="6 MiB")',
        'zygote.mmap("300 MiB", name="heap")',
        'zygote["heap"].write(0, 76800, value=1)',
        'tabs = [zygote.fork(f"tab {n}") for n in range(1, 51)]',
        "for n, tab in enumerate(tabs, 2):",
        '    tab["heap"].write(0, 8448, value=n)',
    ]


def test_few_operations_are_written_out() -> None:
    assert body(scenarios.fork_sharing()) == [
        'parent = m.spawn("parent")',
        'parent.mmap("128 KiB", name="heap")',
        'parent["heap"].write(0, 32, value=1)',
        'child_1 = parent.fork("child 1")',
        'child_2 = parent.fork("child 2")',
        'child_3 = parent.fork("child 3")',
        'child_1["heap"].write(0, 8, value=2)',
        'child_2["heap"].write(0, 8, value=3)',
        'child_3["heap"].write(0, 8, value=4)',
    ]


def test_the_same_write_of_each_is_a_loop_without_a_counter() -> None:
    forks = [{"op": "fork", "pid": "A", "child": f"tab {n}"} for n in range(1, 6)]
    writes = [{**WRITE, "pid": f"tab {n}"} for n in range(1, 6)]
    assert body([SPAWN, MMAP, *forks, *writes, *writes[:4]])[2:] == [
        'tabs = [A.fork(f"tab {n}") for n in range(1, 6)]',
        "for tab in tabs:",
        '    tab["heap"].write(0, 512, value=1)',
        "for tab in tabs[0:4]:",
        '    tab["heap"].write(0, 512, value=1)',
    ]


def test_rounds_of_several_operations_are_one_loop() -> None:
    assert body(scenarios.oom_victim.small())[4:] == [
        "for n in range(1, 11):",
        '    leaker.mmap("4 MiB", name=f"leak {n}")',
        '    leaker[f"leak {n}"].write(0, 1024, value=1)',
        '    service["state"].write(0, 1, value=n - 1)',
    ]


def test_a_working_set_gone_through_again_is_a_loop() -> None:
    loop = {"op": "loop", "pid": "A", "region": "heap", "start": 0, "stop": 9, "passes": 3, "access": "read"}
    assert body([SPAWN, MMAP, loop, {**loop, "passes": 1}])[2:] == [
        "for _ in range(3):",
        '    A["heap"].read(0, 9)',
        'A["heap"].read(0, 9)',
    ]


def test_a_refusal_and_what_hangs_on_it() -> None:
    large = {**MMAP, "region": "large", "pages": 1 << 30}
    assert body([SPAWN, large, {**WRITE, "region": "large"}, {**WRITE, "region": "large"}]) == [
        'A = m.spawn("A")',
        "with suppress(cowlab.OutOfMemory):  # it fails: ENOMEM",
        '    A.mmap("4 TiB", name="large")',
        '# Process "A" has no "large", whose mmap was refused: such operations are left out.',
    ]


def test_a_kill_and_what_the_dead_would_have_done() -> None:
    small = {
        "machine": {"ram": "1 MiB", "overcommit": "always"},
        "ops": [SPAWN, MMAP, WRITE, WRITE, WRITE, {**SPAWN, "pid": "B"}],
    }
    assert body(small)[2:] == [
        '# In the next call the OOM killer kills "A".',
        "with suppress(cowlab.ProcessKilled):  # its process dies",
        '    A["heap"].write(0, 512, value=1)',
        '# Process "A" is not alive: such operations are left out.',
        'B = m.spawn("B")',
    ]


def test_names_become_identifiers_that_clash_with_nothing() -> None:
    lines = body([{**SPAWN, "pid": name} for name in ("class", "m", "a b", "a-b", "a_b", "2nd", "list", "é")])
    variables = [line.partition(" = ")[0] for line in lines]
    assert variables == ["class_2", "m_2", "a_b", "a_b_2", "a_b_3", "process_2nd", "list_2", "process"]


def test_scattered_pages_are_wrapped_and_regular_ones_are_a_range() -> None:
    scattered = [n * n % 509 for n in range(90)]
    writes = [
        {"op": "write", "pid": "A", "region": "heap", "pages": pages, "value": 1}
        for pages in (scattered, list(range(0, 99, 3)))
    ]
    lines = body([SPAWN, MMAP, *writes])
    assert max(map(len, lines)) <= 110
    assert lines[2:4] == ['A["heap"].write(pages=[', "    " + ", ".join(map(str, scattered[:23])) + ","]
    assert lines[-2:] == ["], value=1)", 'A["heap"].write(pages=range(0, 97, 3), value=1)']


def test_a_trace_that_is_malformed_is_refused() -> None:
    for listed in (listing.as_python, listing.as_c):
        with pytest.raises(ValueError, match="operation 0 of the trace"):
            listed([MMAP])


# C --------------------------------------------------------------------------------------------------------------

COMPILER = shutil.which("cc")
needs_cc = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler (cc): install gcc")


@pytest.fixture
def run_c(tmp_path):
    """Compiles the program of a trace, without warnings, and runs it: what it prints."""

    def run(x) -> str:
        source, program = tmp_path / "trace.c", tmp_path / "trace"
        source.write_text(listing.as_c(x), encoding="utf-8")
        flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror"]
        compiled = subprocess.run([COMPILER, *flags, source, "-o", program], capture_output=True, text=True)
        assert compiled.returncode == 0, compiled.stderr
        ended = subprocess.run([program], capture_output=True, text=True, timeout=120)
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    return run


def table(printed: str) -> dict:
    """{(process, region): (Rss, Pss, Private)} in KiB."""
    rows = [re.split(r" {2,}", line) for line in printed.partition("(KiB)\n")[2].splitlines()]
    return {(process, region): tuple(map(int, sizes)) for process, region, *sizes in rows}


def expected(x) -> dict:
    """The same of the model."""
    smaps = cowlab.replay(x)[-1]["smaps"]
    return {
        (process, region): (fields["Rss"], fields["Pss"], fields["Private_Clean"] + fields["Private_Dirty"])
        for process, regions in smaps.items()
        for region, fields in regions.items()
    }


@needs_linux
@needs_cc
@pytest.mark.parametrize(
    "made",
    [
        scenarios.fork_sharing(),
        scenarios.fork_sharing.small(),
        scenarios.zygote.small(),
        scenarios.zygote(size="16 MiB", tabs=4, code_percent=40),  # with a file
        scenarios.first_write.small(),
        scenarios.batch_explosion(data="16 MiB", workers=5, written_percent=60),
        scenarios.oom_victim.small(),
        scenarios.bursty.small(),
    ],
    ids=lambda made: made["ops"][0]["pid"],
)
def test_the_c_program_of_a_scenario_says_what_the_model_says(made, run_c) -> None:
    assert table(run_c(made)) == expected(made) != {}


@needs_linux
@needs_cc
@pytest.mark.parametrize("seed", range(12))
def test_the_c_program_of_a_random_trace_says_what_the_model_says(seed, run_c) -> None:
    made = random_trace(seed, files=False)
    assert table(run_c(made)) == expected(made)


@needs_linux
@needs_cc
def test_exit_kill_lists_loops_and_odd_names_in_c(run_c) -> None:
    odd = {"pid": 'x"\\ */ ??/', "region": "%s\n"}
    ops = [SPAWN, {**SPAWN, **odd, "oom_score_adj": 100}, MMAP, {**MMAP, **odd, "kind": "shared", "populate": True}]
    ops = [{key: value for key, value in op.items() if op["op"] != "spawn" or key != "region"} for op in ops]
    ops += [{"op": "fork", "pid": "A", "child": "B"}, {"op": "fork", "pid": "B", "child": "C"}]
    ops += [{"op": "loop", "pid": "C", "region": "heap", "start": 0, "stop": 50, "passes": 3, "access": "write"}]
    ops += [{"op": "kill", "pid": "B"}, {"op": "exit", "pid": "A"}, {"op": "spawn", "pid": "A"}, {**MMAP, "pages": 4}]
    ops += [{"op": "read", "pid": "A", "region": "heap", "pages": [3, 1]}, {"op": "advance", "seconds": 1}]
    ops += [{"op": "write", "pid": "C", "region": "heap", "pages": [500, 60, 7], "value": 2**64 - 1}]
    ops += [
        {"op": "dontneed", **odd, "pages": [1, 2, 3, 9, 8]},
        {"op": "dontneed", "pid": "C", "region": "heap", "start": 5, "stop": 5},
    ]
    printed = run_c(ops)
    rows = [line.split()[-3:] for line in printed.splitlines() if re.search(r"\d$", line)]
    assert [tuple(map(int, row)) for row in rows] == [expected(ops)[key] for key in expected(ops)]


@needs_linux
@needs_cc
def test_what_is_refused_is_said_and_the_c_program_goes_on(run_c) -> None:
    ops = [SPAWN, {**MMAP, "region": "vast", "pages": (1 << 35) + 1}, {**WRITE, "region": "vast"}, MMAP]
    ops += [{"op": "munmap", "pid": "A", "region": "heap", "start": 4, "stop": 8}]
    ops += [{"op": "protect", "pid": "A", "region": "heap", "pages": [2, 3, 4, 0], "prot": "r"}]
    ops += [WRITE, {**WRITE, "stop": 2}]  # over the hole; and on pages that stayed writable
    printed = run_c(ops)
    assert printed.splitlines()[:2] == ["A: mmap of vast refused: ENOMEM", "A: mprotect of heap refused: ENOMEM"]
    assert table(printed) == expected(ops)
    assert "/* Left out: write of heap by A, which SIGSEGV would kill for it. */" in listing.as_c(ops)


def test_the_steps_of_the_c_program_are_few_and_short() -> None:
    steps = listing.as_c(scenarios.zygote.small()).partition("static void run(void)\n{\n")[2].partition("}\n")[0]
    assert steps.splitlines() == [
        "    fork_child(Init, Zygote);",
        "    /* A program's start takes time; the memory that it takes is mapped and touched by steps of their own. */",
        "    map_region(Zygote, Heap, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);",
        "    write_pages(Zygote, Heap, 0, 4096, 1);",
        "    for (int n = 0; n < 8; n++)",
        "        fork_child(Zygote, Tab_1 + n);",
        "    for (int n = 0; n < 8; n++)",
        "        write_pages(Tab_1 + n, Heap, 0, 451, 2 + n);",
        "",
        "    report_heading();",
        "    for (int n = 0; n < 9; n++)",
        "        report(Zygote + n);",
    ]


@pytest.mark.parametrize(
    ("machine", "ops", "says"),
    [
        ({}, [{"op": "group", "path": "g"}], r"operation 0 \(group\) .*groups take privileges"),
        ({}, [{**SPAWN, "group": "g"}], r"operation 0 \(spawn\) .*groups take privileges"),
        ({}, [SPAWN, {"op": "oom_score_adj", "pid": "A", "adj": -1}], r"operation 1 .*below 0 takes privileges"),
        ({}, [{"op": "file", "file": "f", "cached": False}], "cannot be set for certain"),
        ({"copy_on_write": False}, [SPAWN], "copy_on_write=False .*always copies on write"),
        ({"overcommit": "never"}, [SPAWN], "overcommit='never' .*whole machine"),
        ({"swappiness": 100}, [SPAWN], "swappiness=100 .*whole machine"),
    ],
)
def test_what_no_ordinary_program_can_do_is_refused_with_the_reason(machine, ops, says) -> None:
    with pytest.raises(ValueError, match=says):
        listing.as_c({"machine": machine, "ops": ops})


def test_ram_and_swap_are_left_as_a_comment() -> None:
    text = listing.as_c({"machine": {"ram": "1 GiB", "swap": "64 MiB"}, "ops": [SPAWN]})
    assert "The model's machine has ram=1 GiB, swap=64 MiB; this one is as it is." in text
