"""The lab: controls from the signature, steps there and back, words for what is refused, a picture for everybody."""

from __future__ import annotations

import base64
import time

import pytest

from cowlab import Machine, scenarios, trace
from cowlab.views import Lab

PNG = b"\x89PNG\r\n"


@pytest.fixture
def lab() -> Lab:
    return Lab(scenarios.fork_sharing)


def test_each_parameter_has_a_control_with_its_default_range_and_help(lab: Lab) -> None:
    assert lab.values == {"size": "128 KiB", "children": 3, "written_percent": 25, "copy_on_write": True}
    children = lab.controls["children"]
    assert (children.input.min, children.input.max) == (0, 50)
    assert "how often the parent forks" in children.children[1].value


def test_a_lab_starts_at_the_end_of_its_operations(lab: Lab) -> None:
    assert lab.position == len(lab.operations) == 9
    assert lab.operations == scenarios.fork_sharing()["ops"]


def test_values_may_be_given_at_the_start() -> None:
    assert len(Lab(scenarios.zygote, size="16 MiB", tabs=5).machine.processes) == 6


def test_a_control_that_is_moved_changes_the_machine_and_the_picture(lab: Lab) -> None:
    before = lab._image.value
    lab.controls["children"].input.value = 5
    assert len(lab.machine.processes) == 6
    assert lab._image.value != before
    assert "child 1 to child 5, each" in lab._table.value


@pytest.mark.parametrize("scenario", [scenarios.fork_sharing, scenarios.zygote], ids=lambda scenario: scenario.name)
def test_every_control_moved_through_its_range_gives_the_state_of_a_fresh_run(scenario) -> None:
    lab = Lab(scenario)
    for name, control in lab.controls.items():
        values = control.parameter.values
        stops = {scenarios.Range: lambda v: [v.low, v.high], scenarios.Size: lambda v: v.stops[:4]}
        for value in stops.get(type(values), lambda v: [False, True])(values):
            lab.set(**{name: value})
            made = scenario(**lab.values)
            fresh = trace.run(Machine(**made["machine"]), made["ops"])
            assert lab.machine.state() == fresh.state()
            assert not lab.message


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


def test_a_wrong_value_is_refused_and_changes_nothing(lab: Lab) -> None:
    with pytest.raises(ValueError, match="from 0 to 50"):
        lab.set(children=51)
    with pytest.raises(TypeError, match="tabs"):
        lab.set(tabs=3)
    assert lab.values["children"] == 3
    assert lab.position == 9


def test_a_refused_operation_is_said_in_words_and_the_lab_goes_on(lab: Lab) -> None:
    lab.set(size="2 GiB", children=20, copy_on_write=False)
    assert "refused" in lab.message
    assert "RAM are free" in lab.message
    assert 'role="alert"' in lab._said.value
    assert lab.position < len(lab.operations)
    lab.back()
    assert not lab.message
    lab.set(children=1)
    assert lab.position == len(lab.operations)
    assert 'role="alert"' not in lab._said.value


def test_the_buttons_and_the_scrubber_move_it(lab: Lab) -> None:
    lab._buttons["back"].click()
    assert (lab.position, lab._scrubber.value) == (8, 8)
    lab._scrubber.value = 2
    assert lab.position == 2
    lab._buttons["to end"].click()
    assert lab.position == 9


def test_without_a_front_end_it_is_a_picture_and_its_description(lab: Lab) -> None:
    bundle = lab._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    text = bundle["text/plain"]
    assert "After operation 9 of 9: child 3 writes pages 0 to 7 of heap." in text
    assert "Physical frames: 24 shared by 4, 32 private, 12 page tables" in text
    assert "added up (4)" in text


def test_the_description_is_the_same_each_time_and_has_no_address(lab: Lab) -> None:
    assert lab.description == Lab(scenarios.fork_sharing).description
    assert "0x" not in lab.description + repr(lab) + repr(lab.controls["size"])


def test_fifty_processes_of_300_mib_are_drawn_in_far_less_than_reading_each_page_takes(lab: Lab) -> None:
    lab.set(size="300 MiB", children=50)
    began = time.process_time()
    lab.controls["children"].input.value = 49
    assert time.process_time() - began < 1  # 0.1 s on a quiet machine
