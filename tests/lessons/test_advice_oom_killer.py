"""What the lesson "Who dies" advises, done literally on the model, and what it advises against."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest

import cowlab
from cowlab import Machine, scenarios
from cowlab.course.questions import oom_killer as questions
from cowlab.engine.rules import oom
from helpers.machines import after, victims


def test_minus_1000_saves_the_service_and_the_leak_dies() -> None:
    assert victims(after(scenarios.oom_victim())) == ["service"]
    assert victims(after(scenarios.oom_victim(service_adj=-1000))) == ["leaker"]


def test_minus_1000_moves_the_kill_to_the_next_largest_whoever_leaks() -> None:
    assert questions.killed_in_turn() == ["database", "leaker"]
    assert questions.killed_in_turn(database=-1000) == ["web", "leaker"]


def test_minus_1000_for_everybody_kills_nobody_and_ends_in_a_deadlock() -> None:
    assert questions.killed_in_turn(database=-1000, web=-1000, leaker=-1000) == ["nobody"]


def test_a_protected_database_that_leaks_ends_everybody_else_and_then_the_machine() -> None:
    assert questions.killed_in_turn("database", database=-1000) == ["web", "leaker", "nobody"]


@pytest.mark.parametrize("adj", list(product([0, -500, -1000], repeat=2)))
def test_who_is_marked_to_die_first_dies_first_whatever_the_others_have(adj: tuple[int, int]) -> None:
    database, web = adj
    assert questions.killed_in_turn(leaker=1000, database=database, web=web) == ["leaker"]


def test_a_number_that_saves_the_service_no_longer_does_when_it_has_grown() -> None:
    adj = questions.first_adj_that_saves()
    assert victims(after(scenarios.oom_victim(service_adj=adj))) == ["leaker"]
    assert victims(after(scenarios.oom_victim(service_adj=adj + 1))) == ["service"]
    assert victims(after(scenarios.oom_victim(service_adj=adj, service="3 GiB"))) == ["service"]
    assert victims(after(scenarios.oom_victim(service_adj=-1000, service="3 GiB"))) == ["leaker"]


def test_a_thousandth_is_rounded_down_to_whole_pages() -> None:
    machine = Machine(ram="4 GiB")
    process = machine.spawn(oom_score_adj=1)
    assert oom.task_of(process, 1_048_576).badness == 1_048


def test_a_child_is_born_with_the_adjustment_and_may_put_it_back() -> None:
    database = Machine().spawn("database", oom_score_adj=-1000)
    worker = database.fork("worker")
    assert worker.oom_score_adj == -1000
    worker.oom_score_adj = 0
    assert (database.oom_score_adj, worker.oom_score_adj) == (-1000, 0)


@pytest.mark.parametrize(("adj", "victim"), [(0, "sleeper"), (472, "sleeper"), (473, "grower"), (1000, "grower")])
def test_in_a_group_an_adjustment_is_in_thousandths_of_its_limit(adj: int, victim: str) -> None:
    machine = Machine()
    group = machine.cgroup("/container", max="96 MiB")
    machine.spawn("sleeper", group).mmap("70 MiB").write()
    with suppress(cowlab.ProcessKilled):
        machine.spawn("grower", group, oom_score_adj=adj).mmap("60 MiB").write()
    assert [task.name for task in machine.oom_reports[0].killed] == [victim]
    assert machine.oom_reports[0].tasks[0].total == 96 * 256
    assert (group.events()["oom_kill"], machine.vmstat()["oom_kill"]) == (1, 1)


def test_a_limit_on_the_leak_needs_no_adjustment() -> None:
    machine = Machine(ram="4 GiB", overcommit="always")
    for name, size in questions.SERVICES.items():
        machine.spawn(name).mmap(size).write()
    leaker = machine.spawn("leaker", machine.cgroup("/leaker", max="256 MiB"))
    with pytest.raises(cowlab.ProcessKilled):
        leaker.mmap("1 GiB").write()
    assert {process.name for process in machine.processes} == set(questions.SERVICES)


def test_a_deadlock_says_what_to_do() -> None:
    machine = Machine(ram="64 MiB", overcommit="always")
    with pytest.raises(cowlab.Deadlock, match=r"Raise the limit, or let some process be killed\."):
        machine.spawn(oom_score_adj=-1000).mmap("100 MiB").write()


@pytest.mark.parametrize(("guess", "reason"), [(-253, "Yes."), (253, "sign"), (-1000, "Much less"), (-264712, "pages")])
def test_a_wrong_adjustment_gets_the_reason_that_is_its_own(guess: int, reason: str) -> None:
    ask = questions.highest_adj_that_saves()
    assert ask.answer == -253
    assert reason in ask._explain(guess, ask.answer)


@pytest.mark.parametrize(
    ("guess", "reason"),
    [(128176, "Yes."), (75776, "leaves out"), (75876, "as pages"), (83353, "of the process"), (23376, "sign")],
)
def test_a_wrong_badness_gets_the_reason_that_is_its_own(guess: int, reason: str) -> None:
    task = questions._task(rss=275, swap=20, ram=2, adj=100)
    assert task.badness == (275 + 20 + 1) * 256 + 100 * 524 == 128176
    assert reason in questions._about_badness(guess, task)
