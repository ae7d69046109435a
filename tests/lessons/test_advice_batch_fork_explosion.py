"""What the lesson "When workers over shared data explode" tells a reader to do, done literally on the model."""

from __future__ import annotations

import pytest

from cowlab import Machine, OutOfMemory, goals, scenarios, trace
from cowlab.course.questions import batch_fork_explosion as questions
from cowlab.course.questions.batch_fork_explosion import batch
from cowlab.scenarios.operations import filled
from cowlab.units import pages_in, parse_size
from cowlab.views import Lab
from helpers.labs import status
from helpers.machines import victims

ROOM = parse_size("64 GiB")


@pytest.fixture
def lab() -> Lab:
    """The lab of the night, as the lesson has it."""
    goal = goals.all_of(goals.nothing_killed(), goals.in_use_at_most("64 GiB"))
    return Lab(scenarios.batch_explosion, ram="64 GiB", goal=goal)


@pytest.fixture
def last() -> Lab:
    """The last lab of the lesson."""
    goal = goals.all_of(goals.nothing_killed(), goals.processes_in_memory(100, "worker", within="64 GiB", each="2 GiB"))
    return Lab(scenarios.batch_explosion, ram="64 GiB", written_percent=60, goal=goal)


def loader(ram: str = "64 GiB", kind: str = "private", **settings: object):
    process = Machine(ram=ram, **settings).spawn("loader")
    process.mmap("2 GiB", kind, name="data").write()
    return process


# ---- the goals


def test_the_goal_is_lost_at_the_start(lab: Lab) -> None:
    assert status(lab) == "lost"


@pytest.mark.parametrize("values", [{"written_percent": 30}, {"workers": 30}, {"data": "512 MiB"}])
def test_three_ways_reach_it(lab: Lab, values: dict) -> None:
    lab.set(**values)
    assert status(lab) == "reached"


@pytest.mark.parametrize(
    "values", [{"written_percent": 31}, {"workers": 31}, {"data": "1 GiB"}, {"swap": "8 GiB"}, {"swap": "64 GiB"}]
)
def test_too_little_of_a_way_does_not(lab: Lab, values: dict) -> None:
    lab.set(**values)
    assert status(lab) == "lost"


def test_with_more_ram_nobody_dies_and_the_goal_is_still_open(lab: Lab) -> None:
    lab.set(ram="256 GiB")
    assert victims(lab.machine) == []
    assert status(lab) == "open"


def test_the_last_goal_is_reached_by_writing_less_and_by_nothing_smaller(last: Lab) -> None:
    assert status(last) == "lost"
    last.set(written_percent=30)
    assert status(last) == "reached"
    last.set(workers=50)
    assert status(last) == "open"
    last.set(workers=100, data="1 GiB")
    assert status(last) == "open"


# ---- what prevents it


@pytest.mark.parametrize("at_once", [1, 10, 20, 30])
def test_fewer_at_a_time_fit_and_each_gives_back_what_it_copied(at_once: int) -> None:
    process = loader()
    before = process.machine.in_use
    for _ in range(0, 100, at_once):
        wave = [process.fork() for _ in range(at_once)]
        for worker in wave:
            worker["data"].write()
        for worker in wave:
            worker.exit()
        assert process.machine.in_use == before
    assert victims(process.machine) == []


def test_a_shared_mapping_is_promised_once_and_there_once_and_everybody_sees_it() -> None:
    process = loader(kind="shared")
    workers = [process.fork() for _ in range(100)]
    for worker in workers:
        worker["data"].write()
    meminfo = process.machine.meminfo()
    assert meminfo["Committed_AS"] == meminfo["Shmem"] == 2 * 2**20
    workers[0]["data"].write(5, value=77)
    assert workers[99]["data"].values(5, 6)[0] == process["data"].values(5, 6)[0] == 77


def test_what_is_written_before_the_fork_is_shared() -> None:
    process = loader()
    process["data"].write()  # once more: the change of form
    workers = [process.fork() for _ in range(100)]
    for worker in workers:
        worker["data"].read()
    assert process.machine.meminfo()["AnonPages"] == 2 * 2**20


def test_marks_in_memory_of_their_own_cost_the_marks_alone() -> None:
    process = loader()
    for _ in range(100):
        worker = process.fork()
        worker["data"].read()
        worker.mmap("20 MiB", name="marks").write()
    assert process.machine.meminfo()["AnonPages"] == 2 * 2**20 + 100 * 20 * 2**10


@pytest.mark.parametrize(("limit", "dead"), [(None, True), ("48 GiB", False), ("32 GiB", False)])
def test_a_limit_for_the_batch_saves_the_bystander(limit: str | None, dead: bool) -> None:
    made = scenarios.batch_explosion(ram="64 GiB")
    group = {"op": "group", "path": "/batch"} | ({"max": limit} if limit else {})
    machine = Machine(ram="64 GiB")
    start = made["ops"][0] | {"group": "/batch"}
    trace.run_through(machine, [*filled("database", "cache", pages_in("8 GiB")), group, start, *made["ops"][1:]])
    assert ("database" in victims(machine)) is dead
    assert victims(machine)


@pytest.mark.parametrize("ratio", [30, 50, 90])
def test_in_mode_2_the_fork_fails_and_those_granted_end(ratio: int) -> None:
    process = loader(overcommit="never", overcommit_ratio=ratio)
    with pytest.raises(OutOfMemory):
        _ = [process.fork() for _ in range(100)]
    machine = process.machine
    assert machine.meminfo()["MemFree"] * 1024 > ROOM * 0.9  # it is not memory that has ended
    for worker in machine.processes[1:]:
        worker["data"].write()
    assert victims(machine) == []


# ---- what it says


@pytest.mark.parametrize("percent", [0, 5, 20, 30])
def test_the_formula_is_what_the_engine_counts(percent: int) -> None:
    data = batch(ram="64 GiB", written_percent=percent).meminfo()["AnonPages"] * 1024
    assert data == pytest.approx(parse_size("2 GiB") * (1 + percent), rel=1e-4)


def test_rss_adds_up_to_the_same_from_the_last_fork_to_the_end_and_pss_to_the_data() -> None:
    process = loader("256 GiB")
    machine = process.machine
    workers = [process.fork() for _ in range(100)]
    everything = sum(each.rss for each in machine.processes)
    for worker in workers[:10]:
        worker["data"].write()
        data = machine.meminfo()["AnonPages"] * 1024
        assert sum(each.rss for each in machine.processes) == everything
        assert sum(each.pss for each in machine.processes) == pytest.approx(data, rel=1e-5)  # smaps rounds down


def test_two_harmless_changes_multiply() -> None:
    """What ten workers add: with more data, with more of it written, and with both."""

    def added(data: str, percent: int) -> int:
        made = batch(data=data, workers=10, written_percent=percent, ram="64 GiB")
        return made.meminfo()["AnonPages"] * 1024 - parse_size(data)

    before = added("1 GiB", 20)
    assert added("2 GiB", 20) == pytest.approx(2 * before, rel=1e-3)
    assert added("1 GiB", 40) == pytest.approx(2 * before, rel=1e-3)
    assert added("2 GiB", 40) == pytest.approx(4 * before, rel=1e-3)


def test_swap_moves_the_end_by_the_workers_that_fit_into_it_and_takes_longer() -> None:
    in_memory = batch(ram="128 GiB", written_percent=50)
    swapping = batch(ram="64 GiB", swap="64 GiB", written_percent=50)
    assert victims(in_memory) == victims(swapping) == []
    assert swapping.clock > in_memory.clock
    saved = len(victims(batch(ram="64 GiB"))) - len(victims(batch(ram="64 GiB", swap="64 GiB")))
    assert saved == parse_size("64 GiB") // parse_size("2 GiB")


def test_who_asked_and_who_was_killed_and_how_little_that_gave_back() -> None:
    machine = batch(ram="64 GiB")
    first = machine.oom_reports[0]
    assert (first.caller, first.killed[0].name) == ("worker 31", "worker 100")
    assert victims(machine) == [f"worker {number}" for number in range(100, 30, -1)]


def test_each_question_has_an_answer_and_its_explanation_says_so() -> None:
    for ask in [questions.after_the_forks(), *questions.check_yourself().questions]:
        for choice, explanation in ask.choices.items():
            assert explanation.startswith("Yes") == (choice == ask.answer), ask.question


@pytest.mark.parametrize(
    ("guess", "said"), [(31, "Yes"), (100, "long before"), (60, "Too late"), (2, "more than that")]
)
def test_an_estimate_gets_the_words_for_it(guess: int, said: str) -> None:
    ask = questions.part_that_fails()
    ask.choose(guess)
    outcome = ask.commit()
    assert outcome
    assert said in outcome.explanation
    assert outcome.right == (said == "Yes")


def test_an_estimate_with_memory_for_all_has_no_answer_and_says_so() -> None:
    with pytest.raises(ValueError, match="less RAM or more workers"):
        _ = questions.part_that_fails(ram="256 GiB").answer
