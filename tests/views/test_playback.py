"""Going through a trace: exact both ways, on after failures, with what the learner adds."""

from __future__ import annotations

import random

import pytest

from cowlab import Machine, OutOfMemory, scenarios, trace
from cowlab.views import playback
from cowlab.views.playback import Playback
from helpers.machines import after


def played(made) -> Playback:
    made_up = Playback()
    made_up.load(trace.validate(made))
    made_up.go(len(made["ops"]))
    return made_up


@pytest.mark.parametrize("name", ["fork_sharing", "cgroup_isolation", "oom_victim", "paging", "overcommit"])
def test_any_position_is_as_a_fresh_run_to_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "SLOW", 0.0)  # a snapshot at every turn
    made = getattr(scenarios, name).small()
    one = played(made)
    rng = random.Random(name)
    for position in [len(made["ops"]), *(rng.randint(0, len(made["ops"])) for _ in range(12)), 0]:
        one.go(position)
        assert one.position == position
        assert one.machine.state() == after(made, position).state()


def test_where_running_again_is_slow_snapshots_are_kept_and_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scenarios.fork_sharing(children=20)
    one = played(made)
    monkeypatch.setattr(playback, "SLOW", 0.0)
    one.go(30)  # from the start, with a snapshot after each slice
    kept = set(one._snapshots)
    assert kept
    assert len(kept) <= playback.MOST_SNAPSHOTS
    ran = []
    apply = one._apply
    monkeypatch.setattr(one, "_apply", lambda op: (ran.append(op), apply(op)))
    one.go(29)
    assert len(ran) == 29 - max(at for at in kept if at <= 29)
    assert one.machine.state() == after(made, 29).state()


def test_an_operation_that_is_refused_is_kept_and_the_others_go_on() -> None:
    made = scenarios.overcommit(mode=2, request="16 GiB", requests=2)
    one = played(made)
    assert one.position == len(made["ops"])
    assert next(type(error) for error in one.failed.values()) is OutOfMemory
    assert [mark.kind for mark in one.marks()].count("refusal") == 2


def test_what_is_added_takes_the_place_of_what_followed() -> None:
    made = scenarios.fork_sharing()
    one = played(made)
    one.go(4)
    error = one.add({"op": "write", "pid": "child 1", "region": "heap", "start": 2, "stop": 3, "value": 9})
    assert error is None
    assert (one.position, len(one.operations)) == (5, 5)
    assert one.machine["child 1"]["heap"].values(2)[0] == 9
    again = Machine(**one.made["machine"])
    trace.run_through(again, one.made["ops"])
    assert again.state() == one.machine.state()


def test_what_means_nothing_is_refused_and_changes_nothing() -> None:
    one = played(scenarios.fork_sharing())
    before = one.machine.state()
    with pytest.raises(ValueError, match="is not alive"):
        one.check({"op": "exit", "pid": "nobody"})
    assert one.machine.state() == before
    assert len(one.operations) == 9


def test_marks_say_where_forks_copies_and_kills_are() -> None:
    made = scenarios.oom_victim()
    marks = played(made).marks()
    kills = [mark for mark in marks if mark.kind == "kill"]
    assert [mark.process for mark in kills] == ["service"]
    position = kills[0].position
    assert "service" in [process.name for process in after(made, position - 1).processes]
    assert "service" not in [process.name for process in after(made, position).processes]
    assert {mark.kind for mark in played(scenarios.fork_sharing()).marks()} == {"fork", "copy"}


def test_a_copy_is_in_the_same_state_and_apart() -> None:
    one = played(scenarios.fork_sharing())
    before = one.machine.state()
    copied = one.copy()
    assert copied.state() == before
    copied["parent"].exit()
    assert one.machine.state() == before


def test_a_rule_of_ones_own_that_fails_is_a_failed_operation() -> None:
    one = Playback({"on_write": lambda page: page.nonsense})
    made = scenarios.fork_sharing(children=0)
    one.load(made)
    one.go(3)
    assert "your rule raised AttributeError" in str(one.failed[2])
    assert one.copy().state() == one.machine.state()


def test_a_snapshot_is_kept_after_20_ms_however_long_a_slice_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 10_000_000, 10))  # each look at the clock finds 10 ms more
    monkeypatch.setattr(playback.time, "perf_counter", lambda: next(now) / 1000)
    one = played(scenarios.fork_sharing())
    one.aim(6)
    while one.run_towards(6, seconds=1.0):
        pass
    assert list(one._snapshots) == [6]
