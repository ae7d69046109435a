"""The operations of traces that are about groups, kills, swap and time: what they do, and what is refused."""

from __future__ import annotations

import json

import pytest

import cowlab
from cowlab import Machine, linux, replay, trace
from helpers.marks import needs_linux

SPAWN = {"op": "spawn", "pid": "A"}
MMAP = {"op": "mmap", "pid": "A", "region": "heap", "pages": 512, "kind": "private"}
WRITE = {"op": "write", "pid": "A", "region": "heap", "start": 0, "stop": 512, "value": 1}
READ = {"op": "read", "pid": "A", "region": "heap", "start": 0, "stop": 8}
LOOP = {"op": "loop", "pid": "A", "region": "heap", "start": 0, "stop": 512, "passes": 3, "access": "write"}
MIB = 1 << 20


def without_smaps(entries):
    return [{key: value for key, value in entry.items() if key not in ("smaps", "groups")} for entry in entries]


def small(*ops, ram="1 MiB", **machine):
    """A machine on which A's region does not fit."""
    return {"version": 2, "machine": {"ram": ram, "overcommit": "always", **machine}, "ops": list(ops)}


# Groups ---------------------------------------------------------------------------------------------------------


def test_pages_are_charged_to_the_group_of_the_process_that_makes_them() -> None:
    group = {"op": "group", "path": "/pods", "max": "8 MiB"}
    entries = replay([group, {**SPAWN, "group": "/pods"}, MMAP, WRITE, {"op": "attach", "pid": "A", "group": "/"}])
    last = entries[-1]["groups"]["/pods"]
    assert last["anon"] == 2 * MIB
    assert last["current"] == last["anon"] + last["pagetables"]


def test_a_group_at_its_limit_kills_and_the_replay_goes_on() -> None:
    ops = [{"op": "group", "path": "/a", "max": "1 MiB"}, {**SPAWN, "group": "/a"}, MMAP, WRITE, READ]
    entries = replay([*ops, {"op": "spawn", "pid": "B"}, {"op": "exit", "pid": "A"}])
    assert [entry.get("error") for entry in entries] == [None, None, None, "SIGKILL", "ESRCH", None, "ESRCH"]
    assert [entry.get("killed") for entry in entries] == [None, None, None, ["A"], None, None, None]
    assert entries[4]["minor"] == entries[4]["digest"] == 0
    assert 0 < entries[3]["minor"] < 512
    assert list(entries[-1]["smaps"]) == ["B"]


def test_a_plain_name_is_a_group_at_the_top_made_on_first_use() -> None:
    ops = [{**SPAWN, "group": "g0"}, {"op": "fork", "pid": "A", "child": "B", "group": "g1"}]
    ops += [{"op": "move", "pid": "A", "group": "g2"}, {"op": "attach", "pid": "B", "group": "/g3/inner"}]
    assert list(replay(ops)[-1]["groups"]) == ["/g0", "/g1", "/g2", "/g3", "/g3/inner"]


def test_limit_sets_what_it_is_given_and_kills_to_have_it() -> None:
    ops = [{**SPAWN, "group": "a"}, MMAP, WRITE]
    machine = trace.run(Machine(), ops)
    trace.run(machine, [{"op": "limit", "path": "a", "high": "4 MiB", "oom_group": True}])
    assert (machine.cgroups["/a"].high, machine.cgroups["/a"].max, machine.cgroups["/a"].oom_group) == (
        4 * MIB,
        None,
        True,
    )
    assert replay([*ops, {"op": "limit", "path": "/a", "max": MIB}])[-1]["killed"] == ["A"]


def test_a_group_with_processes_is_busy_and_an_empty_one_goes() -> None:
    ops = [
        {**SPAWN, "group": "a"},
        {"op": "remove", "path": "a"},
        {"op": "exit", "pid": "A"},
        {"op": "remove", "path": "a"},
    ]
    entries = replay([*ops, {"op": "group", "path": "a"}])
    assert [entry.get("error") for entry in entries] == [None, "EBUSY", None, None, None]


def test_a_group_whose_processes_were_all_killed_can_be_removed_and_named_again() -> None:
    ops = [{"op": "group", "path": "/a", "max": "1 MiB"}, {**SPAWN, "group": "/a"}, MMAP, WRITE]
    remove, limit = {"op": "remove", "path": "/a"}, {"op": "limit", "path": "/a", "max": None}
    entries = replay([*ops, remove, limit, remove, {"op": "group", "path": "/a/b"}])
    assert [entry["error"] for entry in entries[4:]] == [None, None, None, None]


def test_swap_of_a_group_is_told_on_a_machine_with_swap() -> None:
    ops = [{"op": "group", "path": "/a", "max": "1 MiB"}, {**SPAWN, "group": "/a"}, MMAP, WRITE]
    last = replay(small(*ops, ram="64 MiB", swap="64 MiB"))[-1]
    assert last["error"] is None
    assert last["groups"]["/a"]["swap"] + last["groups"]["/a"]["anon"] >= 2 * MIB
    assert last["groups"]["/a"]["swap"] >= MIB


# Death ----------------------------------------------------------------------------------------------------------


def test_kill_ends_a_process_and_its_children_live_on() -> None:
    ops = [SPAWN, MMAP, WRITE, {"op": "fork", "pid": "A", "child": "B"}, {"op": "kill", "pid": "A"}]
    last = replay(ops)[-1]
    assert last["error"] is None
    assert last["smaps"]["B"]["heap"]["Private_Dirty"] == 2048


def test_where_nobody_may_be_killed_the_error_is_edeadlk() -> None:
    entries = replay(small({**SPAWN, "oom_score_adj": -1000}, MMAP, WRITE))
    assert entries[-1]["error"] == "EDEADLK"
    assert list(entries[-1]["smaps"]) == ["A"]


def test_oom_score_adj_decides_who_dies() -> None:
    ops = [SPAWN, {"op": "spawn", "pid": "B"}, MMAP]
    assert replay(small(*ops, WRITE))[-1]["killed"] == ["A"]
    last = replay(small(*ops, {"op": "oom_score_adj", "pid": "A", "adj": -1000}, WRITE))[-1]
    assert last["killed"] == ["B"]  # which has nothing to give
    assert last["error"] == "EDEADLK"


def test_run_through_goes_on_and_counts_what_was_skipped() -> None:
    other = [{**op, "pid": "B"} for op in (SPAWN, MMAP)]
    ops = [SPAWN, MMAP, WRITE, READ, {"op": "fork", "pid": "A", "child": "C"}, {"op": "exit", "pid": "C"}, *other]
    outcome = trace.run_through(Machine("1 MiB"), ops)
    assert (outcome.done, list(outcome.failed), outcome.skipped) == (4, [1, 2, 3, 7], 0)  # mode 0 refuses the mappings
    machine = Machine("1 MiB", overcommit="always")
    outcome = trace.run_through(machine, ops)
    assert isinstance(outcome.failed[2], cowlab.ProcessKilled)
    assert (outcome.done, outcome.skipped, [p.name for p in machine.processes]) == (4, 3, ["B"])


def test_run_ends_with_what_an_operation_raises() -> None:
    machine = Machine("1 MiB", overcommit="always")
    with pytest.raises(cowlab.ProcessKilled):
        trace.run(machine, [SPAWN, MMAP, WRITE, {"op": "spawn", "pid": "B"}])
    assert machine.processes == []


# Working sets, time, files ----------------------------------------------------------------------------------------


def test_a_loop_counts_its_faults_pass_by_pass() -> None:
    entry = replay([SPAWN, MMAP, LOOP])[-1]
    assert without_smaps([entry]) == [{"error": None, "minor": [512, 0, 0], "major": [0, 0, 0]}]


def test_a_working_set_that_does_not_fit_thrashes_in_every_pass() -> None:
    entry = replay(small(SPAWN, MMAP, WRITE, LOOP, swap="8 MiB"))[-1]
    assert entry["error"] is None
    assert all(major >= 256 for major in entry["major"])  # of 512 pages 256 have no frame


def test_a_loop_ends_where_its_process_dies_and_tells_the_pass() -> None:
    entry = replay(small(SPAWN, MMAP, LOOP))[-1]
    assert entry["error"] == "SIGKILL"
    assert len(entry["minor"]) == len(entry["major"]) == 1
    assert 0 < entry["minor"][0] < 512


def test_a_loop_that_cannot_begin_has_no_pass_or_an_empty_one() -> None:
    forbidden = [SPAWN, {**MMAP, "prot": "r"}, LOOP]
    assert without_smaps(replay(forbidden))[-1] == {"error": "EFAULT", "minor": [0], "major": [0]}
    ops = [*small(SPAWN, MMAP, WRITE)["ops"], LOOP]
    assert without_smaps(replay(small(*ops)))[-1] == {"error": "ESRCH", "minor": [], "major": []}


def test_a_loop_may_read_and_go_through_a_list_of_pages() -> None:
    reads = {**LOOP, "access": "read", "pages": [9, 3]}
    del reads["start"], reads["stop"]
    assert replay([SPAWN, MMAP, reads])[-1]["minor"] == [2, 0, 0]
    assert [faults.minor for faults in trace.apply(trace.run(Machine(), [SPAWN, MMAP]), reads)] == [2, 0, 0]


def test_advance_and_load_take_time_and_no_memory() -> None:
    machine = trace.run(Machine(), [SPAWN, {"op": "advance", "seconds": 2.5}])
    assert machine.clock == pytest.approx(2.5)
    trace.run(machine, [{"op": "load", "pid": "A", "bytes": "120 MiB", "relocated": "6 MiB"}])
    costs = machine.costs
    assert machine.clock == pytest.approx(2.5 + costs.of_start(30_720, 1_536) / 1e9)
    assert machine.frames.used == 0


def test_the_pages_of_a_file_that_is_not_cached_are_major_faults() -> None:
    mmap = {**MMAP, "kind": "file-private", "prot": "r", "file": "data", "pages": 8}
    cold = [{"op": "file", "file": "data", "cached": False}, SPAWN, mmap, READ]
    assert replay(cold)[-1]["major"] > 0
    assert replay(cold[1:])[-1]["major"] == 0


def test_machine_settings_may_name_what_reclaim_does() -> None:
    machine = {"min_free": "64 KiB", "swappiness": 200, "swap": "1 MiB", "evict_policy": "fifo"}
    try:
        trace.validate({"machine": machine, "ops": []})
    except ValueError as error:
        pytest.fail(str(error))
    with pytest.raises(ValueError, match="name of a policy"):
        trace.validate({"machine": {"evict_policy": print}, "ops": []})


# What is refused ------------------------------------------------------------------------------------------------

BAD = [
    {"op": "group", "path": "/a/b"},
    {"op": "group", "path": "/"},
    {"op": "group", "path": "/g"},
    {"op": "group", "path": "/h/"},
    {"op": "group", "path": "/h", "max": "1 GB"},
    {"op": "group", "path": "/h", "oom_group": 1},
    {"op": "group", "path": "/h", "swap": 1},
    {"op": "limit", "path": "/h", "max": 1},
    {"op": "limit", "path": "/", "max": 1},
    {"op": "remove", "path": "/h"},
    {"op": "attach", "pid": "B", "group": "/g"},
    {"op": "attach", "pid": "A", "group": 3},
    {"op": "attach", "pid": "A"},
    {"op": "spawn", "pid": "B", "oom_score_adj": 1001},
    {"op": "spawn", "pid": "B", "group": ""},
    {"op": "oom_score_adj", "pid": "A", "adj": 1.5},
    {"op": "kill", "pid": "B"},
    {"op": "advance", "seconds": -1},
    {"op": "advance", "seconds": "1"},
    {"op": "load", "pid": "A", "bytes": "1 MB"},
    {"op": "file", "file": "data", "cached": 1},
    {"op": "file", "file": "file", "cached": True},
    {**MMAP, "region": "other", "file": "data"},
    {**LOOP, "passes": 0},
    {**LOOP, "access": "touch"},
    {**LOOP, "access": "read", "value": 1},
    {**LOOP, "stop": 513},
]


@pytest.mark.parametrize("op", BAD, ids=str)
def test_what_means_nothing_is_refused_with_its_index(op) -> None:
    file = {**MMAP, "region": "code", "kind": "file-private"}
    with pytest.raises(ValueError, match="operation 4 of the trace"):
        replay([SPAWN, MMAP, {"op": "group", "path": "g"}, file, op])


def test_a_killed_process_is_gone_for_what_follows_as_one_that_exits_is() -> None:
    with pytest.raises(ValueError, match="operation 2 .*not alive"):
        replay([SPAWN, {"op": "kill", "pid": "A"}, MMAP])


def test_more_groups_than_a_machine_has_are_refused() -> None:
    most = cowlab.engine.rules.cgroup.MOST_GROUPS - 1
    ops = [{"op": "group", "path": f"g{n}"} for n in range(most)]
    trace.run(Machine(), ops)
    with pytest.raises(ValueError, match=f"operation {most} .*at most {most} groups"):
        trace.validate([*ops, {"op": "group", "path": "one more"}])


# Elsewhere ------------------------------------------------------------------------------------------------------


def test_a_trace_with_all_operations_is_plain_data_and_can_be_saved(tmp_path) -> None:
    ops = [
        {"op": "group", "path": "g", "max": "1 GiB"},
        {"op": "file", "file": "f", "cached": True},
        {**SPAWN, "group": "g"},
    ]
    ops += [{"op": "load", "pid": "A", "bytes": 4096}, MMAP, LOOP, {"op": "oom_score_adj", "pid": "A", "adj": 5}]
    ops += [{"op": "limit", "path": "g", "high": 4096}, {"op": "attach", "pid": "A", "group": "/"}]
    ops += [{"op": "remove", "path": "g"}, {"op": "advance", "seconds": 1}, {"op": "kill", "pid": "A"}]
    trace.save(ops, tmp_path / "trace.json")
    loaded = trace.load(tmp_path / "trace.json")
    assert loaded["ops"] == ops
    assert json.loads(json.dumps(replay(loaded))) == replay(ops)


def test_peak_counts_what_a_killed_process_had() -> None:
    ops = [{"op": "group", "path": "/a", "max": "1 MiB"}, {**SPAWN, "group": "/a"}, MMAP, WRITE]
    assert trace.peak(ops) <= MIB
    assert trace.peak([SPAWN, MMAP, WRITE]) > 2 * MIB


@needs_linux
def test_the_real_kernel_does_what_is_harmless() -> None:
    ops = [{**SPAWN, "oom_score_adj": 300}, {"op": "load", "pid": "A", "bytes": "1 MiB"}, MMAP]
    ops += [{"op": "file", "file": "code", "cached": True}]
    ops += [{**MMAP, "region": "code", "pages": 600, "kind": "file-private", "prot": "r", "file": "code"}]
    ops += [{**LOOP, "access": "read", "stop": 50}, {**LOOP, "passes": 2}]
    ops += [{**LOOP, "region": "code", "access": "read"}, {**LOOP, "region": "code"}]
    ops += [{"op": "fork", "pid": "A", "child": "B"}, {"op": "fork", "pid": "B", "child": "C"}]
    ops += [{"op": "oom_score_adj", "pid": "B", "adj": 5}, {"op": "kill", "pid": "B"}, {"op": "advance", "seconds": 3}]
    ops += [{**WRITE, "pid": "C"}, {"op": "kill", "pid": "A"}, {**READ, "pid": "C"}]
    assert linux.replay(ops) == replay(ops)


@needs_linux
@pytest.mark.parametrize(
    ("op", "says"),
    [
        ({"op": "group", "path": "g"}, "groups take privileges"),
        ({"op": "spawn", "pid": "B", "group": "g"}, "groups take privileges"),
        ({"op": "spawn", "pid": "B", "oom_score_adj": -1}, "below 0 takes privileges"),
        ({"op": "oom_score_adj", "pid": "A", "adj": -5}, "below 0 takes privileges"),
        ({"op": "file", "file": "f", "cached": False}, "cannot be set for certain"),
    ],
    ids=str,
)
def test_the_real_kernel_is_not_asked_for_the_rest(op, says, monkeypatch) -> None:
    monkeypatch.setattr(linux.subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(ValueError, match=rf"operation 1 \({op['op']}\) has no twin .*{says}"):
        linux.run([SPAWN, op])


@needs_linux
def test_the_real_kernel_has_one_file_a_trace() -> None:
    files = [{**MMAP, "region": name, "kind": "file-private", "file": name} for name in ("one", "two")]
    with pytest.raises(ValueError, match="one file"):
        linux.run([SPAWN, *files])


def test_entries_have_the_recorded_fields_on_a_machine_with_swap_too():
    ops = [
        {"op": "spawn", "pid": "A"},
        {"op": "mmap", "pid": "A", "region": "r", "pages": 300, "kind": "private"},
        {"op": "write", "pid": "A", "region": "r", "start": 0, "stop": 300, "value": 1},
    ]
    entry = replay({"version": 2, "machine": {"ram": 200 * 4096, "swap": "4 MiB"}, "ops": ops})[-1]
    assert set(entry) == {"error", "minor", "major", "smaps"}
    assert list(entry["smaps"]["A"]["r"]) == [
        "Size", "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Anonymous"
    ]  # fmt: skip
    assert entry["smaps"]["A"]["r"]["Rss"] < 200 * 4
