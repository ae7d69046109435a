"""The lab: controls from the signature, steps there and back, touching pages, two sides, words for what fails."""

from __future__ import annotations

import asyncio
import base64
import json
import random

import pytest

from cowlab import goals, scenarios
from cowlab.views import Lab
from cowlab.views.job import Job
from helpers.machines import after
from helpers.marks import every_scenario, needs_linux

PNG = b"\x89PNG\r\n"


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios.fork_sharing)


# Controls -------------------------------------------------------------------------------------------------------


def test_each_parameter_has_a_control_with_its_default_range_and_help(lab: Lab) -> None:
    assert lab.values == {"size": "128 KiB", "children": 3, "written_percent": 25, "copy_on_write": True}
    children = lab.controls["children"]
    assert (children.input.options[0], children.input.options[-1]) == (0, 50)
    assert "how often the parent forks" in children.note.value


def test_a_lab_starts_at_the_end_of_its_operations(lab: Lab) -> None:
    assert lab.position == len(lab.operations) == 9
    assert lab.operations == scenarios.fork_sharing()["ops"]


def test_values_may_be_given_at_the_start() -> None:
    assert len(Lab(scenarios.zygote, size="16 MiB", tabs=5).machine.processes) == 6


@every_scenario
def test_every_control_moved_through_its_range_gives_the_state_of_a_fresh_run(scenario) -> None:
    lab = Lab(scenario, **scenario._small)
    for name, control in lab.controls.items():
        values, before = control.parameter.values, control.value
        stops = {
            scenarios.Range: lambda v: sorted({v.low, (v.low + v.high) // 2 // v.step * v.step, v.high}),
            scenarios.Size: lambda v: v.stops[:4],
        }
        for value in stops.get(type(values), lambda v: [False, True])(values):
            control.show(value)  # what a hand on the control does
            if 'role="alert"' not in control.note.value:
                made = scenario(**lab.values)
                assert lab.values[name] == value
                assert lab.operations == made["ops"]
                assert lab.position == len(made["ops"])
                assert lab.machine.state() == after(made).state()
        control.show(before)


def test_what_a_scenario_says_against_a_control_stands_beside_it_and_the_machine_stays(lab: Lab, monkeypatch) -> None:
    def refuse(**values):
        raise ValueError("children and size do not go together: take fewer")

    before = lab.machine.state()
    monkeypatch.setattr(lab, "scenario", refuse)
    lab.controls["children"].input.value = 9
    assert "take fewer" in lab.controls["children"].note.value
    assert lab.machine.state() == before
    monkeypatch.undo()
    lab.controls["children"].input.value = 8
    assert "take fewer" not in lab.controls["children"].note.value
    assert len(lab.machine.processes) == 9


def test_a_wrong_value_is_refused_and_changes_nothing(lab: Lab) -> None:
    with pytest.raises(ValueError, match="from 0 to 50"):
        lab.set(children=51)
    with pytest.raises(TypeError, match="tabs"):
        lab.set(tabs=3)
    assert lab.values["children"] == 3
    assert lab.position == 9


# There and back -------------------------------------------------------------------------------------------------


def test_back_and_forth_gives_equal_states(lab: Lab) -> None:
    states = []
    for position in range(len(lab.operations) + 1):
        lab.go(position)
        states.append(lab.machine.state())
    for position in reversed(range(len(lab.operations))):
        lab.back()
        assert lab.position == position
        assert lab.machine.state() == states[position]
    for state in states[1:]:
        lab.step()
        assert lab.machine.state() == state


def test_back_at_the_start_and_step_at_the_end_stay(lab: Lab) -> None:
    lab.step()
    assert lab.position == 9
    lab.go(0)
    lab.back()
    assert lab.position == 0


@pytest.mark.parametrize("position", [-1, 10, 1.0, True, "2"])
def test_a_position_that_is_not_there_is_refused(lab: Lab, position) -> None:
    with pytest.raises(ValueError, match="from 0 to 9"):
        lab.go(position)
    assert lab.position == 9


def test_the_bar_moves_it_and_says_where_it_is(lab: Lab) -> None:
    lab.scrub._receive(None, {"type": "go", "to": 4}, [])
    assert (lab.position, lab.scrub.position, lab.scrub.total) == (4, 4, 9)
    assert lab.scrub.where == "After operation 4 of 9: parent forks child 1."
    lab.scrub._receive(None, {"type": "go", "to": 99}, [])
    assert lab.position == 9


def test_refused_operations_are_said_in_words_and_the_others_go_on(lab: Lab) -> None:
    lab.set(size="2 GiB", children=20, copy_on_write=False)
    assert "refused" in lab.message
    assert "RAM are free" in lab.message
    assert lab.scrub.error == lab.message
    assert lab.position == len(lab.operations)
    assert lab.machine.state() == after(lab.trace).state()
    lab.set(children=1)
    assert not lab.message
    assert not lab.scrub.error


def test_a_lab_goes_on_after_a_kill() -> None:
    lab = Lab(scenarios.oom_victim)
    assert lab.position == len(lab.operations)
    assert "service" not in [process.name for process in lab.machine.processes]
    assert "Killed, for memory was gone: service" in lab.description


def test_an_operation_of_a_dead_process_is_skipped_and_says_so() -> None:
    lab = Lab(scenarios.oom_victim, leak="256 MiB", rounds=8)
    skipped = "service writes page 0 of state (skipped, for service is dead)."
    assert lab._where() == f"After operation 28 of 28: {skipped}"
    assert lab.scrub.where in lab.description
    lab.step()
    assert lab.sides[0].said() == "service writes page 0 of state: skipped, for service is dead."
    assert not lab.message  # the death itself is told, not what follows from it
    while "service" not in [process.name for process in lab.machine.processes]:
        assert (lab._where().endswith("(skipped, for service is dead).")) == (lab.sides[0].skipped != "")
        lab.back()
    assert "skipped" not in lab._where()
    assert lab._where().startswith("After operation 20 of 28: leaker maps leak 6,")


def test_a_click_on_a_process_that_died_meanwhile_is_skipped() -> None:
    lab = Lab(scenarios.oom_victim, leak="256 MiB", rounds=8)
    assert lab.write("service", "state", 1) == "service writes page 1 of state: skipped, for service is dead."


def test_an_operation_of_a_process_that_never_came_to_be_says_that() -> None:
    lab = Lab(scenarios.fork_sharing, size="2 GiB", children=20, copy_on_write=False)
    assert "writes pages 0 to 131,071 of heap (skipped, for child 20 never came to be)." in lab._where()
    assert "In all 14 operations failed. 14 operations were skipped: the process was dead, or never" in lab.message


def test_of_two_sides_it_says_on_which_the_operation_was_skipped() -> None:
    lab = Lab(scenarios.oom_victim, compare={"service_adj": [0, -1000]}, leak="256 MiB", rounds=8)
    assert lab._where().endswith("service writes page 0 of state (service adj: 0: skipped, for service is dead).")
    assert [side.skipped for side in lab.sides] == ["skipped, for service is dead", ""]


# Touching pages -------------------------------------------------------------------------------------------------


def test_a_click_writes_and_going_back_undoes_it(lab: Lab) -> None:
    before = lab.machine.state()
    said = lab.write("child 1", "heap", 20)
    assert said == "child 1 writes page 20 of heap: 1 page copied."
    assert (lab.position, len(lab.operations)) == (10, 10)
    lab.back()
    assert lab.machine.state() == before


def test_a_click_in_the_past_drops_what_followed(lab: Lab) -> None:
    lab.go(4)
    lab.fork("child 1")
    assert len(lab.operations) == 5
    assert [process.name for process in lab.machine.processes] == ["parent", "child 1", "child 2"]


def test_a_click_that_means_nothing_says_so_and_changes_nothing(lab: Lab) -> None:
    before = lab.machine.state()
    with pytest.raises(ValueError, match="is not alive"):
        lab.write("nobody", "heap", 0)
    with pytest.raises(ValueError, match="outside the region"):
        lab.write("parent", "heap", 32)
    assert lab.machine.state() == before
    assert lab.position == 9


@pytest.mark.parametrize("seed", range(50))
def test_random_clicks_back_and_forward_give_equal_states_and_so_does_the_shown_code(seed: int) -> None:
    rng = random.Random(seed)
    lab = Lab(scenarios.fork_sharing, size="64 KiB", children=rng.randint(0, 3))
    for _ in range(rng.randint(5, 15)):
        names = [process.name for process in lab.machine.processes]
        kind = rng.choice(["write", "write", "read", "fork", "exit", "back", "go"])
        if kind == "back":
            lab.back()
        elif kind == "go":
            lab.go(rng.randint(0, len(lab.operations)))
        elif kind in ("fork", "exit") and names:
            getattr(lab, kind)(rng.choice(names))
        elif kind in ("write", "read") and names:
            name, start = rng.choice(names), rng.randrange(16)
            if "heap" in lab.machine[name].mappings:
                getattr(lab, kind)(name, "heap", start, rng.randint(start + 1, 16))
    last, end = len(lab.operations), lab.position
    there = lab.machine.state()
    for position in [rng.randint(0, last) for _ in range(6)]:
        lab.go(position)
        assert lab.machine.state() == after(lab.trace).state()
    lab.go(end)
    assert lab.machine.state() == there
    lab.tabs.code.draw()
    shown: dict = {}
    exec(lab.tabs.code._text.value, shown)
    assert shown["m"].state() == there


# Two sides ------------------------------------------------------------------------------------------------------


def test_two_values_side_by_side_under_one_bar() -> None:
    lab = Lab(scenarios.fork_sharing, compare={"copy_on_write": [True, False]})
    assert "copy_on_write" not in lab.controls
    shared, eager = lab.machines
    assert shared.meminfo()["AnonPages"] < eager.meminfo()["AnonPages"]
    lab.go(3)
    assert lab.machines[0].state()["processes"] == lab.machines[1].state()["processes"]
    lab.go(4)
    lab.write("child 1", "heap", 0)
    assert [len(side.playback.operations) for side in lab.sides] == [5, 5]
    assert "copy on write: True:" in lab.description
    assert base64.b64decode(lab._repr_mimebundle_()["image/png"]).startswith(PNG)


@pytest.mark.parametrize("compare", [{"tabs": [1, 2]}, {"children": [1]}, {"children": "12"}, "kernels", {}])
def test_what_cannot_be_compared_is_refused(compare) -> None:
    with pytest.raises(ValueError, match="compare="):
        Lab(scenarios.fork_sharing, compare=compare)


# Goals, traces, errors ------------------------------------------------------------------------------------------


def test_a_goal_is_judged_on_the_state_whatever_the_way() -> None:
    lab = Lab(scenarios.oom_victim, goal=goals.alive("service"))
    assert 'data-status="lost"' in lab._aim.value
    lab.set(service_adj=-1000)
    assert 'data-status="reached"' in lab._aim.value
    assert goals.alive("service").text in lab._aim.value


def test_a_trace_is_saved_opened_and_edited(lab: Lab, tmp_path) -> None:
    lab.write("child 2", "heap", 31)
    lab.save_trace(tmp_path / "kept.json")
    there = lab.machine.state()
    other = Lab(scenarios.fork_sharing)
    other.open_trace(tmp_path / "kept.json")
    assert other.machine.state() == there
    code = other.tabs.code
    code._language.value = "trace"
    edited = json.loads(code._text.value)
    edited["ops"] = edited["ops"][:3]
    code._run_text(json.dumps(edited))
    assert len(other.machine.processes) == 1
    code._run_text('{"ops": [{"op": "jump"}]}')
    assert "operation 0 of the trace" in code._said.value
    assert len(other.machine.processes) == 1


def test_without_a_front_end_it_is_a_picture_and_its_description(lab: Lab) -> None:
    bundle = lab._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "After operation 9 of 9: child 3 writes pages 0 to 7 of heap." in bundle["text/plain"]


def test_the_description_is_the_same_each_time_and_has_no_address(lab: Lab) -> None:
    assert lab.description == Lab(scenarios.fork_sharing).description
    assert "0x" not in lab.description + repr(lab) + repr(lab.controls["size"])


# Long work ------------------------------------------------------------------------------------------------------


@pytest.mark.outside_browsers
def test_long_work_goes_in_slices_and_the_newest_value_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cowlab.views.lab.FIRST_SLICE", 0.0)
    monkeypatch.setattr("cowlab.views.lab.SLICE", 0.0)

    async def moved() -> Lab:
        lab = Lab(scenarios.fork_sharing)
        for children in (10, 20, 30):
            lab.controls["children"].input.value = children
            assert "Running" in lab.scrub.busy
        while lab._job.running:
            await asyncio.sleep(0)
        return lab

    lab = asyncio.run(moved())
    assert len(lab.machine.processes) == 31
    assert lab.position == len(lab.operations) == 63
    assert not lab.scrub.busy


@pytest.mark.outside_browsers
def test_long_work_can_be_cancelled_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cowlab.views.lab.FIRST_SLICE", 0.0)
    monkeypatch.setattr("cowlab.views.lab.SLICE", 0.0)

    async def cancelled() -> Lab:
        lab = Lab(scenarios.fork_sharing)
        lab.controls["children"].input.value = 30
        await asyncio.sleep(0)
        lab.scrub._receive(None, {"type": "cancel"}, [])
        return lab

    lab = asyncio.run(cancelled())
    assert 0 < lab.position < len(lab.operations)
    assert lab.machine.state() == after(lab.trace).state()
    assert not lab.scrub.busy


@pytest.mark.outside_browsers
def test_a_job_takes_the_place_of_the_one_before_it() -> None:
    done: list[str] = []

    def work(name: str):
        for _ in range(3):
            done.append(name)
            yield

    async def two() -> None:
        job = Job()
        job.start(work("first"))
        job.start(work("second"))
        while job.running:
            await asyncio.sleep(0)

    asyncio.run(two())
    assert done == ["first", "second", "second", "second"]


@needs_linux
def test_the_model_and_this_machines_kernel_side_by_side() -> None:
    lab = Lab(scenarios.fork_sharing, compare="kernel", size="64 KiB", children=2)
    lab.write("child 1", "heap", 9)
    lab._later.now()  # in a notebook, when the learner pauses
    assert lab._kernel._run.position == lab.position == 8
    assert lab._kernel._run.agrees
    assert "says of all 48 pages" in lab._kernel._said.value
    kernel = lab._kernel._kernel.scene
    assert [card["id"] for card in kernel.cards] == ["parent", "child 1", "child 2"]


def test_what_the_kernel_cannot_do_is_said_beside_the_model() -> None:
    lab = Lab(scenarios.cgroup_isolation, compare="kernel", **scenarios.cgroup_isolation._small)
    lab._later.now()
    assert 'role="alert"' in lab._kernel._said.value
    assert lab._kernel._maps.layout.display == "none"


def test_what_one_side_cannot_do_is_done_on_neither() -> None:
    lab = Lab(scenarios.fork_sharing, compare={"children": [3, 1]})
    before = [machine.state() for machine in lab.machines]
    with pytest.raises(ValueError, match="is not alive"):
        lab.write("child 3", "heap", 0)  # the second side has no third child
    assert [machine.state() for machine in lab.machines] == before
    assert [len(side.playback.operations) for side in lab.sides] == [9, 5]
