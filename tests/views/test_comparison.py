"""The comparison with the kernel: equal, recorded where the kernel cannot run, and loud when the two disagree."""

from __future__ import annotations

import json
import re

import pytest

from cowlab import Machine, linux, scenarios, trace
from cowlab.engine.rules import faults
from cowlab.views import Comparison, Disagreement
from cowlab.views.kernel_outcome import RECORDED, record

SMALL = scenarios.fork_sharing.small()


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*args: object, **values: object) -> None:
        raise linux.Unavailable("This Python runs in a browser, which has no Linux kernel to ask.")

    monkeypatch.setattr(linux, "run", unavailable)


@pytest.fixture
def live() -> None:
    if reason := linux.available():
        pytest.skip(f"Linux: {reason}")


def broken_replay(**rules):
    """A model with a rule of its own."""
    return lambda x: [trace.observe(machine, op) for machine in [Machine(**x["machine"], **rules)] for op in x["ops"]]


def child_takes_the_frame(page) -> None:
    """Wrong: the writer writes into the shared frame."""
    if page.present and not page.writable:
        page.count_minor()
        page.reuse()
        page.set_dirty()
    else:
        faults.on_write(page)


@pytest.mark.usefixtures("live")
def test_every_observation_of_this_kernel_equals_the_models() -> None:
    comparison = Comparison(SMALL)
    assert comparison.outcome.not_here is None
    assert repr(comparison) == f"{comparison.observations} of {comparison.observations} observations equal the model's"
    assert comparison.observations >= 100


@pytest.mark.usefixtures("no_kernel")
def test_where_no_kernel_runs_a_recorded_result_says_of_which_kernel_and_day() -> None:
    comparison = Comparison(SMALL)
    verdict, origin, why = repr(comparison).splitlines()
    assert verdict == "200 of 200 observations equal the model's"
    assert re.fullmatch(r"Recorded on another machine: Linux 6\.\S+, 20\d\d-\d\d-\d\d", origin)
    assert why == "Not run here: This Python runs in a browser, which has no Linux kernel to ask."
    assert comparison._repr_mimebundle_()["image/png"]


@pytest.mark.usefixtures("no_kernel")
def test_a_trace_that_cannot_run_and_was_not_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no result of it was recorded.*browser"):
        Comparison(scenarios.fork_sharing(children=7))


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize(
    "rules",
    [{"on_write": child_takes_the_frame}, {"on_fork": lambda page, child: child.adopt(page.entry)}],
    ids=["a write that does not copy", "a fork that leaves pages writable"],
)
def test_a_model_with_one_rule_broken_fails_and_prints_the_first_differences(rules) -> None:
    with pytest.raises(Disagreement) as failure:
        Comparison(SMALL, replay=broken_replay(**rules))
    message = str(failure.value)
    assert "disagree in" in message
    assert "operation 6 (child 1 writes pages 0 to 511 of heap): " in message
    assert "model" in message.splitlines()[1]
    assert len(message.splitlines()) <= 6


@pytest.mark.usefixtures("live")
def test_a_model_with_one_rule_broken_fails_against_this_kernel_too() -> None:
    with pytest.raises(Disagreement, match="disagree"):
        Comparison(SMALL, replay=broken_replay(on_write=child_takes_the_frame))


def test_what_was_recorded_is_what_the_model_says() -> None:
    for path in RECORDED.glob("*.json"):
        kept = json.loads(path.read_text())
        assert trace.replay(kept["trace"]) == kept["entries"]


@pytest.mark.usefixtures("live")
def test_a_result_can_be_recorded_anew(tmp_path) -> None:
    kept = json.loads(record(scenarios.fork_sharing, tmp_path).read_text())
    assert kept["trace"] == SMALL
    assert len(kept["timings"]) == len(SMALL["ops"])
