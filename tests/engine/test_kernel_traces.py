"""The authority is the kernel: every trace recorded on Linux 6.18 (tests/kernel) agrees in every field."""

import gzip
import json

import pytest
import reference
from test_twins import page_by_page

import cowlab
from helpers.paths import RECORDED


def recordings(name):
    packed = (RECORDED / f"{name}.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))["traces"]


TRACES = [(name, trace) for name in ("traces", "traces-v2") for trace in recordings(name)]
each_trace = pytest.mark.parametrize(
    "recorded", [trace for _, trace in TRACES], ids=[f"{name}-{trace['seed']}" for name, trace in TRACES]
)


def assert_agrees(observed, recorded):
    """Fail with the first entry that differs, and with its fields that do."""
    entries = zip(recorded["ops"], observed, recorded["expect"], strict=True)
    for index, (op, seen, kernel) in enumerate(entries):
        if seen != kernel:
            lines = [
                f"{where}: {ours} here, {theirs} in the kernel" for where, ours, theirs in differences(seen, kernel)
            ]
            pytest.fail("\n".join([f"operation {index}, {op}", *lines]), pytrace=False)


def differences(seen, kernel, path=""):
    if isinstance(seen, dict) and isinstance(kernel, dict):
        for key in seen | kernel:
            yield from differences(seen.get(key, "nothing"), kernel.get(key, "nothing"), f"{path}/{key}")
    elif seen != kernel:
        yield path, seen, kernel


def test_all_recordings_are_here():
    assert [len(recordings(name)) for name in ("traces", "traces-v2")] == [115, 90]


@each_trace
def test_the_engine_agrees_with_the_kernel(recorded):
    assert_agrees(cowlab.replay(recorded["ops"]), recorded)


@each_trace
def test_the_engine_agrees_page_by_page_too(recorded):
    machine = page_by_page(check=False)
    assert_agrees([cowlab.trace.observe(machine, op) for op in recorded["ops"]], recorded)


@each_trace
def test_the_reference_agrees_with_the_kernel(recorded):
    assert_agrees(reference.replay(recorded["ops"]), recorded)
