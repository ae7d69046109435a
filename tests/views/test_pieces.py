"""The pieces beside the map: their figures are the machine's, they keep up with it, and all can be read as text."""

from __future__ import annotations

import asyncio
import base64
import inspect
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

import cowlab
from cowlab import Machine, OutOfMemory, engine, monitor, scenarios
from cowlab.engine.rules.page import Tally
from cowlab.views import EventLog, Gauges, GroupBoxes, ProcessTable, Timeline, words
from cowlab.views.event_log import MARKS, last_events
from cowlab.views.gauges import gauges
from cowlab.views.history import History, history, positions, sampling
from cowlab.views.piece import Soon
from cowlab.views.timeline import LOOKS, described, series
from helpers.machines import after

PIECES = [ProcessTable, Gauges, GroupBoxes, EventLog, Timeline]


@pytest.fixture
def machine() -> Machine:
    """A parent with a child that wrote a part, in a group with limits, on a machine with swap."""
    machine = Machine(ram="64 MiB", swap="16 MiB", overcommit="never")
    machine.cgroup("/pods", max="32 MiB")
    machine.cgroup("/pods/a", max="8 MiB", high="6 MiB", low="1 MiB", swap_max="2 MiB")
    parent = machine.spawn("parent", cgroup="/pods/a")
    parent.mmap("4 MiB", name="heap").write()
    parent.fork("child")["heap"].write(0, 2)
    return machine


class Page(HTMLParser):
    """A piece of HTML: its elements as (tag, attributes), its text; it fails where a tag is not closed."""

    VOID = ("br", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += "" if self.open and self.open[-1] == "style" else data

    def all(self, **attributes: str) -> list[dict[str, str | None]]:
        return [found for _, found in self.elements if attributes.items() <= found.items()]


def counting(piece) -> list[Machine]:
    """The machines that a piece draws from here on."""
    drawn = []
    plain = piece._soon.call
    piece._soon.call = lambda: (drawn.append(piece.machine), plain())
    return drawn


# What all have in common ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PIECES)
def test_a_piece_says_how_to_read_it_in_one_sentence(kind) -> None:
    assert kind.TITLE
    assert kind.HOW_TO_READ.endswith(".")
    head = Page(kind().children[0].value)
    assert kind.TITLE in head.text
    assert kind.HOW_TO_READ in head.text


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize("wrong", ["x", 3, [Machine()]], ids=["text", "number", "list"])
def test_what_is_no_machine_is_refused_with_what_to_give(kind, wrong) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} shows a machine.*give a cowlab.Machine"):
        kind(wrong)


@pytest.mark.parametrize("kind", PIECES)
def test_without_a_machine_it_says_so(kind) -> None:
    assert "no machine yet" in repr(kind())
    assert "no machine yet" in kind()._repr_mimebundle_()["text/plain"]


@pytest.mark.parametrize("kind", PIECES)
def test_its_forms_are_a_widget_text_and_a_picture_or_html(kind, machine) -> None:
    piece = kind(machine)
    bundle = piece._repr_mimebundle_()
    assert bundle["text/plain"] == piece.description == repr(piece)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert ("image/png" in bundle) != ("text/html" in bundle)
    assert "0x" not in repr(piece)


@pytest.mark.parametrize("kind", [ProcessTable, Gauges, GroupBoxes, EventLog])
def test_its_html_is_closed_and_escaped(kind) -> None:
    machine = Machine()
    machine.cgroup("/<b>")
    machine.spawn("<script>&", cgroup="/<b>")
    for html in (kind(machine).body.value, kind(machine)._repr_mimebundle_()["text/html"]):
        assert not {"script"} & {tag for tag, _ in Page(html).elements}


@pytest.mark.outside_browsers
@pytest.mark.parametrize("kind", PIECES)
def test_ten_thousand_writes_in_one_turn_of_a_loop_are_drawn_once(kind, machine) -> None:
    heap = machine["parent"]["heap"]

    async def cell() -> list[Machine]:
        piece = kind(machine)
        drawn = counting(piece)
        for number in range(10_000):
            heap.write(number % heap.pages)
        assert not drawn
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert piece.description == kind(machine).description or kind is Timeline
        return drawn

    assert len(asyncio.run(cell())) == 1


@pytest.mark.parametrize("kind", PIECES)
def test_without_a_loop_it_is_drawn_when_it_is_asked(kind, machine) -> None:
    piece = kind(machine)
    drawn, before = counting(piece), piece.description
    machine["child"]["heap"].write(0, 100)
    machine["child"]["heap"].write(100, 200)
    assert not drawn
    assert piece.description != before
    repr(piece), piece.description
    assert len(drawn) == 1


@pytest.mark.parametrize("kind", PIECES)
def test_a_piece_that_does_not_follow_stays_as_it_was(kind, machine) -> None:
    piece = kind(machine, follow=False)
    before = piece.description
    machine["child"].exit()
    assert piece.description == before
    piece.show(machine)
    assert piece.description != before


@pytest.mark.parametrize("kind", PIECES)
def test_a_closed_piece_and_one_that_shows_another_machine_follow_no_longer(kind, machine) -> None:
    piece, other = kind(machine), Machine()
    piece.show(other)
    drawn = counting(piece)
    machine.spawn()
    repr(piece)
    assert not drawn
    other.spawn()
    repr(piece)
    assert drawn == [other]
    piece.close()
    other.spawn()
    repr(piece)
    assert drawn == [other]


@pytest.mark.outside_browsers
def test_soon_calls_in_each_loop_that_it_is_asked_in_even_after_one_that_ended_early() -> None:
    calls = []
    soon = Soon(lambda: calls.append(1))

    async def ask_and_leave() -> None:
        soon()
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    task = loop.create_task(ask_and_leave())
    loop.run_forever()
    loop.close()
    assert task.done()
    assert not calls

    async def ask() -> None:
        soon()
        await asyncio.sleep(0)

    asyncio.run(ask())
    asyncio.run(ask())
    assert len(calls) == 2


@pytest.mark.outside_browsers
def test_soon_that_was_made_up_for_or_cancelled_does_not_call_again() -> None:
    calls = []
    soon = Soon(lambda: calls.append(1))

    async def ask() -> None:
        soon()
        soon.now()
        await asyncio.sleep(0)
        soon()
        soon.cancel()
        await asyncio.sleep(0)

    asyncio.run(ask())
    assert len(calls) == 1


# Gauges ---------------------------------------------------------------------------------------------------------


def test_the_gauges_read_what_the_machine_says(machine) -> None:
    ram, committed, swap, pressure = gauges(machine)
    info = {field: kib * 1024 for field, kib in machine.meminfo().items()}
    assert ram.whole == info["MemTotal"]
    assert ram.whole - ram.filled == info["MemFree"]
    assert dict(ram.parts)["tables"] == info["PageTables"]
    assert (committed.filled, committed.limit) == (info["Committed_AS"], info["CommitLimit"])
    assert (swap.whole, swap.filled) == (info["SwapTotal"], info["SwapTotal"] - info["SwapFree"])
    assert pressure.filled == machine.pressure()["some"]["avg10"]


@pytest.mark.parametrize(("mode", "binds"), [("heuristic", False), ("always", False), ("never", True)])
def test_the_mode_is_said_and_whether_its_limit_binds(mode, binds) -> None:
    machine = Machine(overcommit=mode)
    committed = next(gauge for gauge in gauges(machine) if gauge.title == "Committed")
    assert committed.binds == binds
    assert ("does not bind" in committed.value) != binds
    assert mode in committed.value


def test_more_may_be_committed_than_the_limit_and_the_bar_still_holds_it() -> None:
    machine = Machine(ram="1 GiB", overcommit="always")
    machine.spawn().mmap("5 GiB")
    committed = next(gauge for gauge in gauges(machine) if gauge.title == "Committed")
    assert committed.whole == committed.filled == 5 << 30
    assert committed.limit == 1 << 29


def test_a_machine_without_swap_has_no_gauge_of_swap() -> None:
    assert "Swap" not in repr(Gauges(Machine()))
    assert "Swap" in repr(Gauges(Machine(swap="1 GiB")))


def test_pressure_is_read_after_waiting_for_swap() -> None:
    machine = after(scenarios.paging())
    total = machine.pressure()["some"]["total"]
    assert total
    assert f"{total / 1e6:,.3f} s in all" in repr(Gauges(machine))


def test_each_bar_is_a_meter_with_its_value_in_words(machine) -> None:
    meters = Page(Gauges(machine).html()).all(role="meter")
    assert [meter["aria-label"] for meter in meters] == ["RAM", "Committed", "Swap", "Pressure"]
    for meter, gauge in zip(meters, gauges(machine), strict=True):
        assert meter["aria-valuetext"] == gauge.value
        assert float(meter["aria-valuenow"]) == pytest.approx(gauge.filled, rel=1e-5)
        assert float(meter["aria-valuemin"]) <= float(meter["aria-valuenow"]) <= float(meter["aria-valuemax"])


# Groups ---------------------------------------------------------------------------------------------------------


def test_only_root_processes_give_a_sentence_and_no_box() -> None:
    machine = Machine()
    machine.spawn()
    assert "root group" in repr(GroupBoxes(machine))
    assert not Page(GroupBoxes(machine).html()).all(role="group")


def test_boxes_are_named_after_groups_and_nested_as_they_are(machine) -> None:
    page = Page(GroupBoxes(machine).html())
    assert [box["aria-label"] for box in page.all(role="group")] == ["group /", "group /pods", "group /pods/a"]
    indents = [len(line) - len(line.lstrip()) for line in repr(GroupBoxes(machine)).splitlines()]
    assert indents == [0, 2, 4]


def test_a_box_has_the_figures_limits_and_processes_of_its_group(machine) -> None:
    group, line = machine.cgroups["/pods/a"], repr(GroupBoxes(machine)).splitlines()[-1]
    current, peak = map(cowlab.units.format_size, (group.current, group.peak))
    for text in (f"has {current} of 8 MiB (max)", f"at most so far {peak}", "6 MiB (high)", "1 MiB (low)"):
        assert text in line
    assert "of 2 MiB (swap_max)" in line
    assert "processes: parent, child" in line


def test_a_group_at_its_limit_shows_its_events() -> None:
    machine = Machine(ram="64 MiB")
    machine.cgroup("/a", max="4 MiB")
    process = machine.spawn("leaky", cgroup="/a")
    with pytest.raises(cowlab.ProcessKilled):
        process.mmap("8 MiB").write()
    events = machine.cgroups["/a"].events()
    assert events["oom_kill"] == 1
    line = repr(GroupBoxes(machine)).splitlines()[-1]
    assert f"max {events['max']}" in line
    assert "oom_kill 1" in line


# The log --------------------------------------------------------------------------------------------------------


def kinds_of_events() -> set[str]:
    """All kinds that the engine and the monitor record, from their source."""
    source = "".join(inspect.getsource(module) for module in MODULES)
    found = set(re.findall(r'record\(\s*(?:mapping, )?"(\w+)"', source))
    ends = set(re.findall(r'\.end\([^"\n]*"[\w-]+", "(\w+)"\)', source))
    return found | ends | {kind for kind, _ in Tally().effects()}


MODULES = (engine.calls, engine.cgroup, engine.machine, engine.oom, engine.process, engine.shortage, monitor.monitor)


def test_every_kind_of_event_has_words_and_a_letter() -> None:
    kinds = kinds_of_events()
    assert {"spawn", "copy", "exit", "oom_kill", "swap_out", "munmap", "alert", "refuse"} <= kinds
    assert kinds == set(words.EVENTS) == set(MARKS)


@pytest.mark.parametrize("kind", sorted(words.EVENTS))
def test_the_words_of_an_event_fit_any_range(kind) -> None:
    for pages, count in (((0, 0), 1), ((3, 4), 1), ((0, 8), 8), ((0, 100), 2)):
        sentence = words.event(engine.Event(0.0, kind, "child 1", "heap", pages, count))
        assert "{" not in sentence
        assert "child 1" in sentence or kind == "alert"


def test_a_copy_is_told_with_its_pages(machine) -> None:
    assert "child copies 2 pages of heap (pages 0 to 1)." in repr(EventLog(machine))
    machine["child"]["heap"].write(pages=[10, 20])
    assert "child copies 2 pages of heap (among pages 10 to 20)." in repr(EventLog(machine))


def test_the_newest_of_the_last_events_stands_last(machine) -> None:
    log = EventLog(machine, events=2)
    lines = repr(log).splitlines()
    assert len(lines) == 2
    assert lines[-1].startswith(f"{len(machine.log)}. [C]")
    items = [attributes for tag, attributes in Page(log.html()).elements if tag == "li"]
    assert [item["value"] for item in items] == [str(len(machine.log) - 1), str(len(machine.log))]


def test_a_refused_promise_is_in_the_log(machine) -> None:
    with pytest.raises(OutOfMemory):
        machine["parent"].mmap("1 GiB", name="much")
    assert "parent is refused 262,144 pages for much." in repr(EventLog(machine))


def test_batches_of_one_swap_out_are_one_line() -> None:
    batch = [engine.Event(0.0, "swap_out", who, "", (0, 0), 32) for who in ("a", "a", "a", "b")]
    spawn = engine.Event(0.0, "spawn", "a", "", (0, 0), 1)
    found = last_events([spawn, *batch], 3)
    assert [(number, event.process, event.count) for number, event in found] == [
        (1, "a", 1),
        (2, "a", 96),
        (5, "b", 32),
    ]
    assert last_events([spawn, *batch], 2) == found[1:]


@pytest.mark.parametrize("events", [0, -1, "3", True])
def test_a_log_of_no_events_is_refused(events) -> None:
    with pytest.raises(ValueError, match="number of events"):
        EventLog(events=events)


# The timeline ---------------------------------------------------------------------------------------------------

RUNS = [
    scenarios.fork_sharing(children=20),
    scenarios.zygote(),
    scenarios.cgroup_isolation(),
    scenarios.oom_victim(),
    scenarios.paging(),
    scenarios.batch_explosion(),
]


@pytest.mark.parametrize("x", RUNS, ids=["fork_sharing", "zygote", "cgroup", "oom_victim", "paging", "batch"])
def test_the_areas_add_up_to_what_is_in_use_at_each_sample(x) -> None:
    past = history(x)
    total = sum(area.bytes for area in series(past))
    for number, sample in enumerate(past.samples):
        machine = after(x, sample.position)
        info = machine.meminfo()
        assert sample.data == sum(sample.pss.values()) + sample.elsewhere == (info["AnonPages"] + info["Cached"]) * 1024
        assert total[number] == sample.in_use == sample.data + info["PageTables"] * 1024
        for process in machine.processes:
            assert abs(sample.pss[process.name] - process.pss) < 4096


def test_without_files_the_pss_adds_up_to_the_data() -> None:
    for x in (RUNS[0], RUNS[1], RUNS[5]):  # of pages with up to 101 mappers, where each PSS is rounded
        assert [sample.elsewhere for sample in history(x).samples if sample.elsewhere] == []


def test_a_file_that_nobody_maps_is_somewhere() -> None:
    ops = [{"op": "spawn", "pid": "a"}, {"op": "mmap", "pid": "a", "region": "f", "pages": 8, "kind": "file-private"}]
    last = history([*ops, {"op": "exit", "pid": "a"}]).samples[-1]
    assert (last.data, last.elsewhere, last.pss) == (8 * 4096, 8 * 4096, {})


@pytest.mark.parametrize("x", RUNS, ids=["fork_sharing", "zygote", "cgroup", "oom_victim", "paging", "batch"])
@pytest.mark.parametrize("samples", [2, 7, 60, 1000])
def test_samples_are_as_many_as_asked_at_most_with_the_first_and_the_last(x, samples) -> None:
    past = history(x, samples)
    at = [sample.position for sample in past.samples]
    assert len(at) <= samples
    assert (at[0], at[-1]) == (0, len(x["ops"]))
    assert at == sorted(set(at))


def test_a_short_run_is_sampled_after_every_operation() -> None:
    assert positions(scenarios.fork_sharing()["ops"], 60) == set(range(10))


def test_a_kill_is_sampled_where_it_happens() -> None:
    past = history(scenarios.oom_victim())
    kill = next(moment for moment in past.moments if moment.kind == "kill")
    assert "kills service" in kill.text
    assert past.at(kill.position).position == kill.position


def test_the_run_goes_on_after_what_is_refused() -> None:
    machine = {"ram": "64 MiB", "overcommit": "never"}
    ops = [
        {"op": "spawn", "pid": "a"},
        {"op": "mmap", "pid": "a", "region": "much", "pages": 1 << 20, "kind": "private"},
        {"op": "write", "pid": "a", "region": "much", "start": 0, "stop": 1, "value": 1},
        {"op": "mmap", "pid": "a", "region": "heap", "pages": 4, "kind": "private"},
        {"op": "write", "pid": "a", "region": "heap", "start": 0, "stop": 4, "value": 1},
    ]
    past = history({"machine": machine, "ops": ops})
    assert past.samples[-1].pss == {"a": 4 * 4096}
    assert [(moment.position, moment.kind) for moment in past.moments] == [(2, "refuse"), (3, "refuse")]


def test_the_peak_is_found_between_samples() -> None:
    ops = [
        {"op": "spawn", "pid": "a"},
        {"op": "mmap", "pid": "a", "region": "heap", "pages": 64, "kind": "private"},
        {"op": "write", "pid": "a", "region": "heap", "start": 0, "stop": 64, "value": 1},
        {"op": "dontneed", "pid": "a", "region": "heap", "start": 0, "stop": 64},
    ]
    past = history(ops, 2)
    assert len(past.samples) == 2
    assert past.peak.position == 3
    assert past.peak.in_use >= 64 * 4096


def test_sampling_goes_in_slices_and_says_how_far_it_is() -> None:
    x = scenarios.oom_victim()
    ends = []

    def to_the_end():
        ends.append((yield from sampling(x)))

    progress = list(to_the_end())
    assert ends == [history(x)]
    assert isinstance(ends[0], History)
    assert progress == sorted(progress)
    assert progress[-1] == (len(x["ops"]), len(x["ops"]))
    assert len(progress) >= len(x["ops"])


def test_a_loop_is_sampled_pass_by_pass() -> None:
    loop = {"op": "loop", "pid": "a", "region": "heap", "start": 0, "stop": 4, "passes": 50, "access": "write"}
    ops = [{"op": "spawn", "pid": "a"}, {"op": "mmap", "pid": "a", "region": "heap", "pages": 4, "kind": "private"}]
    assert len(list(sampling([*ops, loop]))) >= 50


@pytest.mark.parametrize("samples", [1, 0, "60", 2.0, True])
def test_a_number_of_samples_that_means_nothing_is_refused(samples) -> None:
    with pytest.raises(ValueError, match="2 or more"):
        history([], samples)


def test_a_malformed_trace_is_refused() -> None:
    with pytest.raises(ValueError, match="operation 0"):
        history([{"op": "fly"}])


def test_of_many_processes_the_largest_have_areas_and_the_others_share_one() -> None:
    past = history(scenarios.batch_explosion())
    names = [area.name for area in series(past)]
    assert len(names) == len(LOOKS) + 2
    assert names[-2:] == ["94 others", "page tables"]


def test_the_description_has_the_areas_limits_and_moments() -> None:
    past = history(scenarios.cgroup_isolation.small())
    text = described(past, past.operations)
    for part in ("system: 12.8 MiB.", "page tables:", "RAM 128 MiB", "max of /pods/leaky", "kill (1 operation): "):
        assert part in text


@pytest.mark.parametrize("over", ["operations", "time"])
@pytest.mark.parametrize("x", [*RUNS, []], ids=["fork", "zygote", "cgroup", "oom", "paging", "batch", "empty"])
def test_it_is_drawn_with_the_colours_of_its_areas(x, over) -> None:
    past, piece = history(x), Timeline(over=over, follow=False)
    piece.show(Machine(), past)
    picture = Image.open(io.BytesIO(base64.b64decode(piece._repr_mimebundle_()["image/png"])))
    seen = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
    for area in series(past):
        assert tuple(int(area.look.light[n : n + 2], 16) for n in (1, 3, 5)) in seen
    assert piece._image.value.startswith(f'<img alt="{cowlab.units.format_size(past.samples[-1].in_use)} in use')


def test_the_line_stands_at_the_position() -> None:
    past, piece, machine = history(scenarios.fork_sharing()), Timeline(follow=False), Machine()
    pictures = set()
    for position in range(past.operations + 1):
        piece.show(machine, past, position)
        pictures.add(piece.picture())
        assert f"after operation {position}" in piece.description
    assert len(pictures) == past.operations + 1


def test_alone_it_writes_down_what_its_machine_does() -> None:
    machine = Machine()
    timeline = Timeline(machine)
    heap = machine.spawn("a").mmap("1 MiB", name="heap")
    assert "a: 0 B." in timeline.description
    heap.write()
    assert "a: 1 MiB." in timeline.description
    machine["a"].fork("b")
    assert "a: 512 KiB." in timeline.description
    assert [sample.position for sample in timeline.history.samples] == [0, 1, 2, 3]
    assert [(moment.kind, moment.position) for moment in timeline.history.moments] == [("fork", 3)]


def test_alone_it_keeps_a_bounded_number_of_samples_with_the_first_and_the_newest() -> None:
    machine = Machine()
    timeline, process = Timeline(machine), machine.spawn("a")
    heap = process.mmap("4 MiB", name="heap")
    for number in range(600):
        heap.write(number)
        timeline._write_down()
    samples = timeline.history.samples
    assert len(samples) <= 241
    assert samples[0].position == 0
    assert samples[-1].pss["a"] == 600 * 4096


@pytest.mark.parametrize("wrong", [{"over": "pages"}, {"over": None}])
def test_an_axis_that_there_is_not_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="'operations' or 'time'"):
        Timeline(**wrong)


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(TypeError, match="history"):
        Timeline().show(Machine(), [1, 2])
