"""`cowlab verify`: the traces it draws, how it compares, what it prints."""

import io
from collections import Counter

import pytest

from cowlab import linux, trace
from cowlab.linux import host, verify
from cowlab.linux.random_trace import FILE_PAGES, SIZES
from helpers.marks import needs_linux
from helpers.terminal import Terminal

DRAWN = [verify.random_trace(seed) for seed in range(300)]


# ---- the traces


def test_a_seed_stands_for_one_trace():
    assert verify.random_trace(7) == verify.random_trace(7)
    assert verify.random_trace(7) != verify.random_trace(8)


def test_every_trace_is_well_formed():
    for ops in DRAWN:
        trace.validate(ops)


def test_no_access_is_drawn_that_would_kill_the_process():
    for ops in DRAWN[:60]:
        for op, entry in zip(ops, trace.replay(ops), strict=True):
            if op["op"] in ("read", "write"):
                assert entry["error"] is None, op


def test_what_is_not_repeatable_is_not_drawn():
    kinds = {}
    for ops in DRAWN:
        for op in ops:
            if op["op"] == "mmap":
                kinds[op["region"]] = op["kind"]
                assert op.get("prot") != ""
                assert not op["kind"].startswith("file") or op["pages"] <= FILE_PAGES
            if op["op"] == "protect" and op["prot"] == "":
                assert kinds[op["region"]] not in ("shared", "file-shared")


def test_files_can_be_left_out():
    kinds = {op.get("kind") for seed in range(100) for op in verify.random_trace(seed, files=False)}
    assert kinds == {None, "private", "noreserve", "shared"}


def test_every_kind_of_operation_is_drawn_often():
    drawn = Counter()
    for ops in DRAWN:
        drawn.update(op["op"] for op in ops)
        drawn.update(op["kind"] for op in ops if "kind" in op)
        drawn.update(f"prot {op['prot']!r}" for op in ops if "prot" in op)
        drawn.update("list" for op in ops if isinstance(op.get("pages"), list))
        drawn.update("populate" for op in ops if op.get("populate"))
    kinds = ["private", "noreserve", "shared", "file-private", "file-shared"]
    more = ["spawn", "fork", "exit", "list", "populate", "prot ''", "prot 'r'", "prot 'rw'"]
    for what in [*kinds, *more, "read", "write", "mmap", "munmap", "dontneed", "protect"]:
        assert drawn[what] >= 50, what


def test_awkward_sizes_holes_and_forks_of_forks_are_drawn():
    sizes, generations, holes = set(), Counter(), 0
    for ops in DRAWN:
        generation = {}
        for op in ops:
            if op["op"] == "mmap":
                sizes.add(op["pages"])
            if op["op"] in ("spawn", "fork"):
                generation[op.get("child", op["pid"])] = generation.get(op["pid"], 0) + (op["op"] == "fork")
        generations.update(generation.values())
    for ops in DRAWN[:60]:
        holes += sum(entry.get("error") == "ENOMEM" for entry in trace.replay(ops))
    assert sizes >= set(SIZES)
    assert generations[3] >= 20
    assert holes >= 20


# ---- the comparison


def test_the_first_difference_is_told_by_its_path():
    entry = {"error": None, "minor": 2, "smaps": {"A": {"r0": {"Rss": 8, "Pss": 4}}}}
    other = {"error": None, "minor": 2, "smaps": {"A": {"r0": {"Rss": 8, "Pss": 8}}}}
    assert verify.difference([entry], [entry]) is None
    assert verify.difference([entry, entry], [entry, other]) == verify.Difference(1, "smaps.A.r0.Pss", 4, 8)
    gone = verify.difference([entry], [{**entry, "smaps": {}}])
    assert gone == verify.Difference(0, "smaps.A", entry["smaps"]["A"], None)
    assert verify.difference([entry], []).index == 0


@needs_linux
def test_the_model_agrees_with_this_kernel():
    report = verify.verify(traces=25, seed=1)
    assert (report.agreed, report.disagreed, report.left_out) == (25, 0, 0), report.text()


def miscount_copies(ops):
    """The model with one rule broken: a write after the first fork takes a fault less."""
    entries, forked = trace.replay(ops), False
    for op, entry in zip(ops, entries, strict=True):
        forked = forked or op["op"] == "fork"
        if forked and op["op"] == "write" and entry["minor"]:
            entry["minor"] -= 1
    return entries


@needs_linux
def test_a_broken_rule_is_found_and_told():
    calls = []
    report = verify.verify(6, seed=10, progress=lambda *counts: calls.append(counts), model=miscount_copies)
    assert report.disagreed >= 1
    assert report.agreed + report.disagreed == 6
    first = report.first
    assert (first.path, first.op["op"], first.kernel - first.model) == ("minor", "write", 1)
    assert first.op == verify.random_trace(first.seed)[first.index]
    assert f"Again: cowlab verify --traces 1 --seed {first.seed}" in report.text()
    assert [call[0] for call in calls] == [1, 2, 3, 4, 5, 6]
    assert calls[-1][1:] == (6, report.disagreed)


@needs_linux
def test_files_are_left_out_where_the_page_cache_has_large_folios(monkeypatch):
    monkeypatch.setattr(linux.Kernel, "file_window", lambda kernel: 512)
    seen = []
    report = verify.verify(3, model=lambda ops: seen.append(ops) or trace.replay(ops))
    assert "large folios (one read fault maps 512 pages" in report.text()
    assert not any(linux.uses_file(ops) for ops in seen)


@needs_linux
def test_files_are_left_out_where_there_is_no_place_for_them(monkeypatch):
    monkeypatch.setattr(host, "file_folder", lambda: None)
    assert "no writable folder lies on ext4" in verify.verify(2).text()


@needs_linux
def test_what_the_kernel_does_not_say_twice_is_left_out(monkeypatch):
    answers = iter(range(1000))
    run = linux.Kernel.run

    def restless(kernel, ops, pages="end"):
        result = run(kernel, ops, pages)
        result.entries[0]["answer"] = next(answers)
        return result

    monkeypatch.setattr(linux.Kernel, "run", restless)
    monkeypatch.setattr(linux.Kernel, "file_window", lambda kernel: 16)
    report = verify.verify(2)
    assert (report.agreed, report.disagreed, report.left_out) == (0, 0, 2)
    assert "2 left out: the kernel itself did not answer them twice alike." in report.text()


@needs_linux
def test_a_major_fault_makes_it_run_again(monkeypatch):
    run, majors = linux.Kernel.run, iter([1, 0])

    def reclaimed(kernel, ops, pages="end"):
        result = run(kernel, ops, pages)
        result.entries[-1]["major"] = next(majors)
        return result

    monkeypatch.setattr(linux.Kernel, "run", reclaimed)
    ops = [{"op": "spawn", "pid": "A"}, {"op": "mmap", "pid": "A", "region": "r", "pages": 1, "kind": "private"}]
    ops.append({"op": "write", "pid": "A", "region": "r", "start": 0, "stop": 1, "value": 1})
    assert linux.run(ops).entries[-1]["major"] == 0


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="0 traces compare nothing"):
        verify.verify(0)


# ---- the command


@needs_linux
def test_a_pipe_gets_plain_lines_and_agreement_is_0():
    out = io.StringIO()
    assert verify.main(traces=10, seed=5, stream=out) == 0
    lines = out.getvalue().splitlines()
    assert lines[0] == "1/10 traces, 0 disagree"
    assert lines[9] == "10/10 traces, 0 disagree"
    assert lines[10].startswith("Linux ")
    assert "10 of 10 traces agree, 0 disagree" in lines[10]
    assert "(seed 5)" in lines[10]


@needs_linux
def test_a_terminal_gets_a_bar_and_disagreement_is_1(monkeypatch):
    report = verify.Report(3, 1, 0, "6.18", 2.0, 0, None, verify.Difference(2, "minor", 1, 2, {"op": "write"}, 3))

    def pretend(traces, seed, progress):
        for done in range(1, 5):
            progress(done, 4, done // 4)
        return report

    monkeypatch.setattr(verify, "verify", pretend)
    out = Terminal()
    assert verify.main(traces=4, seed=0, stream=out) == 1
    assert "\r███████░" in out.getvalue()
    assert f"{'█' * 30} 4/4 traces, 1 disagree\n" in out.getvalue()
    assert "minor: the model says 1, the kernel 2" in out.getvalue()


def test_where_it_cannot_run_it_says_why_and_returns_2(monkeypatch, capsys):
    monkeypatch.setattr("sys.platform", "darwin")
    assert verify.main(traces=3, seed=0) == 2
    assert "The model cannot be compared with a kernel here. This is " in capsys.readouterr().out


def test_without_a_seed_one_is_drawn(monkeypatch):
    asked = []
    report = verify.Report(1, 0, 0, "6.18", 2.0, 0, None, None)
    monkeypatch.setattr(verify, "verify", lambda traces, seed, progress: asked.append(seed) or report)
    for _ in range(2):
        assert verify.main(traces=1, stream=io.StringIO()) == 0
    assert asked[0] != asked[1]
