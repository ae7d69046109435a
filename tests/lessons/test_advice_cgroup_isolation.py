"""What the lesson "Limits that contain a failure" advises, done literally on the model, and what it advises against."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

import cowlab
from cowlab import Machine, goals, scenarios, trace
from cowlab.course.questions import cgroup_isolation as questions


def leaky(names: list[str]) -> bool:
    return all(name.startswith("leaky") for name in names)


@pytest.mark.parametrize("leakers", range(1, 51))
def test_a_limit_that_fits_contains_the_leak_however_it_is_spread(leakers: int) -> None:
    victims = questions.killed(leakers=leakers, limited=True)
    assert victims
    assert leaky(victims)


@pytest.mark.parametrize("leakers", range(1, 51))
def test_without_limits_a_leak_of_many_hits_the_system_first(leakers: int) -> None:
    assert (questions.killed(leakers=leakers, limited=False)[0] == "system") == (leakers >= 11)


def test_limits_that_do_not_fit_contain_nothing() -> None:
    assert not leaky(questions.killed(leakers=16, limited=True, steady_pods=4))
    assert leaky(questions.killed(leakers=16, limited=True, steady_pods=4, reserved_percent=30))


def test_the_largest_limit_is_what_the_others_leave() -> None:
    limit = questions.largest_limit_that_contains()
    assert questions.who_dies_first(f"{limit} MiB").startswith("worker")
    assert questions.who_dies_first(f"{limit + 1} MiB") == "system"
    left = 10 * 1024 - questions._used_by_others() / 2**20
    assert left - 20 < limit < left  # page tables are not much


def test_two_limits_that_each_fit_but_not_together_contain_nothing() -> None:
    def victim(limit: str) -> str:
        machine = Machine(ram="10 GiB", overcommit="always")
        machine.spawn("cache").mmap("4 GiB").write()
        pods = [machine.spawn(name, machine.cgroup(f"/{name}", max=limit)) for name in ("one", "two")]
        questions.leak_in_turn(machine, pods)
        return machine.oom_reports[0].killed[0].name

    assert victim("5 GiB") == "cache"
    assert victim("2.9 GiB") in ("one", "two")


def test_a_floor_does_not_protect_from_the_killer() -> None:
    machine = Machine(ram="1 GiB", overcommit="always")
    machine.spawn("system", machine.cgroup("/system", min="700 MiB")).mmap("600 MiB").write()
    machine.spawn("other").mmap("500 MiB").write()
    assert machine.oom_reports[0].killed[0].name == "system"


def test_a_protected_system_moves_the_kill_to_a_pod() -> None:
    made = scenarios.cgroup_isolation(limited=False, leakers=50)
    machine = Machine(**made["machine"])
    for op in made["ops"]:
        trace.run_through(machine, [{**op, "oom_score_adj": -999} if op.get("pid") == "system" and op["op"] == "spawn"
                                    else op])  # fmt: skip
    assert goals.alive("system").judge(machine).status == "reached"
    assert machine.oom_reports[0].killed[0].name.startswith("steady")


def test_a_limit_that_comes_late_is_met_at_once() -> None:
    machine = Machine(ram="10 GiB")
    pod = machine.cgroup("/pod")
    for number in range(5):
        machine.spawn(f"worker {number}", pod).mmap("200 MiB").write()
    pod.max = "700 MiB"
    assert len(pod.processes) == 3
    assert pod.current <= 700 * 2**20


def test_high_buys_time_the_more_the_lower_it_is_and_kills_nobody() -> None:
    lives = [questions.seconds_to_live("512 MiB", high)[0] for high in (None, "480 MiB", "384 MiB", "256 MiB")]
    assert lives == sorted(lives)
    assert lives[0] < 1
    assert lives[-1] > 600
    assert questions.seconds_to_live(None, "256 MiB") == (math.inf, True)


def test_the_files_of_a_group_beyond_high_tell_that_it_is_slow_and_not_dead() -> None:
    machine = Machine(ram="10 GiB")
    group = machine.cgroup("/job", high="256 MiB")
    machine.spawn("job", group).mmap("300 MiB").write()
    assert group.events()["high"] > 0
    assert group.events()["oom_kill"] == 0
    assert group.current > group.high
    assert group.pressure()["some"]["avg10"] > 90


@pytest.mark.parametrize(
    ("at", "limit", "victim"),
    [("/team/leaky", "256 MiB", "/team/leaky"), ("/team", "800 MiB", "/team/quiet"), ("/", None, "/team/quiet")],
)
def test_the_files_tell_whose_limit_was_met_and_who_died(at: str, limit: str | None, victim: str) -> None:
    machine = Machine(ram="1 GiB", overcommit="always")
    groups = [machine.cgroup(path) for path in ("/team", "/team/quiet", "/team/leaky")]
    if limit:
        machine.cgroups[at].max = limit
    machine.spawn("quiet", "/team/quiet").mmap("600 MiB").write()
    with suppress(cowlab.ProcessKilled):
        machine.spawn("leaky", "/team/leaky").mmap("500 MiB").write()
    assert [group.path for group in groups if group.events_local()["oom"]] == ([at] if limit else [])
    assert [group.path for group in groups if group.events_local()["oom_kill"]] == [victim]
    assert groups[0].events()["oom_kill"] == 1  # counted upward


@pytest.mark.parametrize(("oom_group", "left"), [(False, 4), (True, 0)])
def test_oom_group_decides_whether_the_others_live(oom_group: bool, left: int) -> None:
    machine = Machine(ram="10 GiB")
    container = machine.cgroup("/container", max="1 GiB", oom_group=oom_group)
    questions.leak_in_turn(machine, [machine.spawn(f"worker {n}", container) for n in range(5)])
    assert len(machine.processes) == left


def test_a_protected_parent_outlives_a_group_that_dies_as_one() -> None:
    machine = Machine(ram="10 GiB")
    container = machine.cgroup("/container", max="1 GiB", oom_group=True)
    parent = machine.spawn("parent", container, oom_score_adj=-1000)
    questions.leak_in_turn(machine, [machine.spawn(f"worker {n}", container) for n in range(5)])
    assert machine.processes == [parent]


def test_oom_group_is_off_in_a_new_group() -> None:
    assert Machine().cgroup("/a").oom_group is False


def test_the_first_toucher_pays_as_long_as_the_pages_are_used() -> None:
    assert questions.charged_after_exit() == {"/a": 48 * 2**20, "/b": 16 * 2**20}


def test_the_pages_of_a_file_that_two_groups_share_are_charged_to_one() -> None:
    machine = Machine()
    first, second = machine.cgroup("/a"), machine.cgroup("/b")
    shared = [
        machine.spawn(group.path[1:], group).mmap("4 MiB", "file-shared", file="data") for group in (first, second)
    ]
    paid = first.stat()["file"], second.stat()["file"]
    assert sum(paid) == 4 * 2**20
    assert 0 in paid
    assert [heap.read().major for heap in shared] == [0, 0]


def test_a_limit_counts_no_promises() -> None:
    machine = Machine(ram="10 GiB", overcommit="never", overcommit_ratio=100)
    pod = machine.cgroup("/pod", max="64 MiB")
    greedy = machine.spawn("greedy", pod)
    for _ in range(9):
        greedy.mmap("1 GiB")
    assert pod.current == 0
    with pytest.raises(cowlab.OutOfMemory):
        machine.spawn("neighbour").mmap("1 GiB")


@pytest.mark.parametrize(
    ("guess", "reason"),
    [(7.82, "Yes."), (8, "nothing to the steady pods"), (9, "no room"), (6.8, "more than was asked")],
)
def test_a_wrong_limit_gets_the_reason_that_is_its_own(guess: float, reason: str) -> None:
    ask = questions.largest_limit()
    assert reason in ask._explain(guess, ask.answer)
