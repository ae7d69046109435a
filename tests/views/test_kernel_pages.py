"""The kernel's pages beside the model's: on this machine they are the same, and what is not the same is marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cowlab import linux, scenarios
from cowlab.linux import host
from cowlab.linux.random_trace import random_trace
from cowlab.views import kernel_pages
from cowlab.views.kernel_pages import as_html, as_text, differences, kernel_codes, model_as_kernel_sees, on_this_kernel
from helpers.marks import needs_linux
from helpers.operations import fork, mmap, on, spawn, write

HOLE, UNTOUCHED, PRIVATE, TWO, MORE, ZERO, FILE, SWAPPED, COPIED, SHARED = 0, 1, 2, 3, 4, 5, 6, 8, 9, 14


SMALL = [spawn(), mmap(), write(0, 8), on("read", 8, 12), fork("A", "B"), write(0, 2, pid="B"), on("munmap", 14, 16)]


# States of pages --------------------------------------------------------------------------------------------------


def test_flags_of_the_kernel_as_states():
    flags = np.array(
        [
            0,
            linux.MAPPED,
            linux.MAPPED | linux.EXCLUSIVE,
            linux.MAPPED | linux.FILE,
            linux.MAPPED | linux.FILE | linux.EXCLUSIVE,
            linux.SWAPPED,
        ],
        np.uint8,
    )
    assert kernel_codes(flags).tolist() == [UNTOUCHED, SHARED, PRIVATE, FILE, FILE, SWAPPED]
    assert kernel_codes(flags).dtype == np.uint8
    holes = np.array([True] * 6)  # a page with an entry is mapped, whatever is said of holes
    assert kernel_codes(flags, holes).tolist() == [HOLE, SHARED, PRIVATE, FILE, FILE, SWAPPED]


def test_the_model_as_far_as_a_kernel_tells():
    codes = np.array([HOLE, UNTOUCHED, PRIVATE, TWO, MORE, ZERO, FILE, SWAPPED, COPIED, 11, 12], np.uint8)
    assert model_as_kernel_sees(codes).tolist() == [0, 1, 2, 14, 14, 14, 6, 8, 2, 11, 12]
    assert codes.tolist()[3] == TWO  # the model's own stay


def test_differences_are_those_that_a_kernel_can_tell():
    model = np.array([TWO, MORE, ZERO, PRIVATE, TWO, UNTOUCHED, 11], np.uint8)
    kernel = np.array([SHARED, SHARED, SHARED, PRIVATE, PRIVATE, PRIVATE, SHARED], np.uint8)
    assert differences(model, kernel).tolist() == [False, False, False, False, True, True, True]
    with pytest.raises(ValueError, match="7 pages of the model and 3 of the kernel"):
        differences(model, kernel[:3])


@needs_linux
def test_the_kernel_does_not_tell_the_zero_page_from_a_shared_one():
    """What kernel_codes rests on. If a kernel tells them apart one day, its codes can too."""
    pages = linux.run([spawn(), mmap(pages=4), write(0, 1), on("read", 1, 2), fork("A", "B")]).pages["A"]["heap"]
    assert pages.tolist() == [linux.MAPPED, linux.MAPPED, 0, 0]


# This machine's kernel and the model ------------------------------------------------------------------------------


def assert_every_page_is_the_same(x, upto):
    run = on_this_kernel(x, upto)
    assert run.reason is None
    assert run.kernel.keys() == run.model.keys()
    for process, region in run.places():
        model, kernel = run.model[process][region], run.kernel[process][region]
        assert model_as_kernel_sees(model.codes).tolist() == kernel.codes.tolist(), (upto, process, region)
        assert model.figures == kernel.figures, (upto, process, region)
        assert model.kind == kernel.kind
    assert run.agrees
    return run


def positions(x):
    """The beginning, the end, and some between."""
    most = len(x["ops"])
    return sorted({0, 1, most // 4, most // 2, 3 * most // 4, most - 1, most})


@needs_linux
@pytest.mark.parametrize(
    "x",
    [
        scenarios.fork_sharing(size="1 MiB", children=3),
        scenarios.fork_sharing.small(),
        scenarios.zygote(size="1 MiB", tabs=4),
        scenarios.first_write(size="1 MiB"),
        scenarios.first_write.small(),
    ],
    ids=["fork_sharing", "fork_sharing, small", "zygote", "first_write", "first_write, small"],
)
def test_every_page_of_a_scenario_is_the_same_at_every_position(x):
    for upto in positions(x):
        assert_every_page_is_the_same(x, upto)


@needs_linux
def test_all_that_a_kernel_tells_occurs_and_is_the_same():
    x = [*SMALL, mmap("shm", 4, "shared"), write(0, 2, region="shm"), on("protect", 3, 5, prot="r")]
    run = assert_every_page_is_the_same(x, None)
    states = set(run.kernel["A"]["heap"].codes.tolist()) | set(run.kernel["A"]["shm"].codes.tolist())
    assert states == {HOLE, UNTOUCHED, PRIVATE, SHARED, FILE}
    assert run.kernel["A"]["heap"].codes.tolist() == [2] * 2 + [14] * 10 + [1] * 2 + [0] * 2
    assert run.model["A"]["heap"].codes.tolist() == [2] * 2 + [3] * 6 + [5] * 4 + [1] * 2 + [0] * 2


@needs_linux
def test_pages_of_files_are_the_same():
    if host.file_folder() is None or linux.file_window() > 16:
        pytest.skip(
            "this machine's page cache has large folios, or there is no place for a file: not as the model's Linux"
        )
    x = [
        spawn(),
        mmap("f", 40, "file-private"),
        on("read", 3, 4, region="f"),
        write(20, 22, region="f"),
        fork("A", "B"),
    ]
    run = assert_every_page_is_the_same([*x, write(20, 21, pid="B", region="f")], None)
    assert {FILE, PRIVATE, SHARED, UNTOUCHED} == set(run.kernel["B"]["f"].codes.tolist())


@needs_linux
@pytest.mark.parametrize("seed", range(12))
def test_every_page_of_a_random_trace_is_the_same(seed):
    ops = random_trace(seed, files=False)
    for upto in (len(ops) // 2, len(ops)):
        assert_every_page_is_the_same(ops, upto)


@needs_linux
def test_half_way_is_what_was_so_after_so_many_operations():
    run = on_this_kernel(SMALL, 4)
    assert run.position == 4
    assert list(run.kernel) == ["A"]
    assert run.kernel["A"]["heap"].codes.tolist() == [2] * 8 + [14] * 4 + [1] * 4
    assert on_this_kernel(SMALL, 5).parents == {"B": "A"}


# What differs is marked -------------------------------------------------------------------------------------------


@pytest.fixture
def differing(monkeypatch):
    """A run on a kernel that says of pages 0 and 1 of A that they are shared, and counts 8 KiB less as private."""
    real = linux.run

    def other(x):
        run = real(x)
        flags = run.pages["A"]["heap"].copy()
        flags[:2] = linux.MAPPED
        run.entries[-1]["smaps"]["A"]["heap"]["Private_Dirty"] -= 8
        return replace(run, pages={**run.pages, "A": {"heap": flags}})

    monkeypatch.setattr(linux, "run", other)
    return on_this_kernel(SMALL)


@needs_linux
def test_pages_and_figures_that_differ_are_found_and_said(differing):
    assert not differing.agrees
    assert np.flatnonzero(differing.differs("A", "heap")).tolist() == [0, 1]
    assert not differing.differs("B", "heap").any()
    assert differing.headline.startswith("≠ Linux ")
    assert differing.headline.endswith(" differs from the model in 2 of 32 pages and 1 figure.")
    head, _, first, second = as_text(differing).splitlines()
    assert head == differing.headline
    assert first.split() == ["A:", "heap", "32", "32", "20", "20", "8", "≠", "0", "0", "0", "≠", "2", "of", "16"]
    assert second.split() == ["B:", "heap", "32", "32", "20", "20", "8", "8", "0", "0", "none", "of", "16"]
    assert '<td>8</td><td class="differs">≠ 0</td>' in as_html(differing)
    assert '<td class="differs">≠ 2 of 16</td>' in as_html(differing)


@needs_linux
def test_the_map_marks_what_differs_and_claims_no_frames(differing):
    model, kernel = kernel_pages.scenes(differing)
    for scene in (model, kernel):
        assert [card["id"] for card in scene.cards] == ["A", "B"]
        assert scene.cards[1]["parent"] == "A"
        assert scene.grid is None
        first = scene.strips[0].records
        assert np.flatnonzero(first[:, 0] >> 8 & kernel_pages.pages.DIFFERENT).tolist() == [0, 1]
        assert (first[:, 1] == kernel_pages.pages.NO_FRAME).all()
    assert model.strips[0].codes.tolist() == [2] * 2 + [14] * 10 + [1] * 2 + [0] * 2
    assert kernel.strips[0].codes.tolist() == [14] * 12 + [1] * 2 + [0] * 2


@needs_linux
def test_a_map_of_many_pages_marks_the_cells_that_hold_one_that_differs(differing, monkeypatch):
    monkeypatch.setattr(kernel_pages.pages, "MOST_CELLS", 20)
    monkeypatch.setattr(kernel_pages.pages, "MOST_MIXED", 8)
    model, kernel = kernel_pages.scenes(differing)
    assert (model.scale, kernel.scale) == (4, 4)
    cells = kernel.strips[0].records
    assert cells.shape == (4, 16)
    assert cells[:, 15].tolist() == [1, 0, 0, 0]
    assert cells[:, SHARED].tolist() == [255, 255, 255, 0]
    assert model.strips[0].records[0, PRIVATE] in (127, 128)


@needs_linux
def test_what_only_one_side_has_differs_whole():
    """The model's machine is too small for B to live, the kernel's is not."""
    x = {"version": 2, "machine": {"ram": "256 KiB", "overcommit": "always"}, "ops": [spawn(), mmap(), write(0, 16)]}
    x["ops"] += [spawn("B"), mmap(pages=64, pid="B"), write(0, 64, pid="B")]
    run = on_this_kernel(x)
    assert list(run.model) == ["A"]
    assert list(run.kernel) == ["A", "B"]
    assert run.differs("B", "heap").all()
    assert "64 of 80 pages" in run.headline
    assert as_text(run).splitlines()[-1].split()[2:4] == ["–", "≠"]
    model, kernel = kernel_pages.scenes(run)
    assert (len(model.strips), len(kernel.strips)) == (1, 2)


@needs_linux
def test_processes_that_are_alike_share_a_line():
    run = on_this_kernel(scenarios.zygote(size="1 MiB", tabs=4))
    assert "zygote to tab 4, each: heap" in as_text(run)
    bundle = run._repr_mimebundle_()
    assert run.headline in bundle["text/html"]
    assert bundle["text/plain"] == repr(run)


@needs_linux
def test_names_are_text_in_html():
    assert "&lt;b&gt;: heap" in as_html(on_this_kernel([spawn("<b>"), mmap(pid="<b>")]))


# Where it cannot run ----------------------------------------------------------------------------------------------


@needs_linux
@pytest.mark.parametrize(
    ("x", "says"),
    [
        (scenarios.cgroup_isolation.small(), "Memory groups take privileges"),
        (scenarios.fork_sharing(copy_on_write=False), "always copies on write"),
        (
            [spawn(), mmap(pages=3 << 20, kind="noreserve"), write(0, 1)],
            "maps 12 GiB, more than the 8 GiB",
        ),
        ([spawn(), mmap(pages=300_000), write(0, 300_000)], "This trace takes 1.15 GiB"),
    ],
    ids=["groups", "no copy on write", "many pages", "much memory"],
)
def test_a_trace_that_the_kernel_cannot_run_has_a_reason_and_the_models_figures(x, says):
    run = on_this_kernel(x)
    assert says in run.reason
    assert run.headline == run.reason
    assert not run.agrees
    assert run.kernel == {}
    first = next(iter(run.model.values()))
    assert next(iter(first.values())).figures.rss > 0
    assert "≠" not in as_text(run) + as_html(run)
    assert as_text(run).splitlines()[2].split()[-1] == "–"


def test_where_there_is_no_linux_the_reason_says_so(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    run = on_this_kernel(SMALL)
    assert "not Linux" in run.reason
    assert run.model["A"]["heap"].figures == kernel_pages.Figures(rss=32, pss=20, private=8, swap=0)
    assert kernel_pages.scenes(run)[1].strips == []


@needs_linux
def test_a_crash_is_a_reason_too(monkeypatch):
    def crash(x):
        raise linux.Crashed("Process 'A' died during operation 2 (write). It said nothing.")

    monkeypatch.setattr(linux, "run", crash)
    assert "died during operation 2" in on_this_kernel(SMALL).reason


@pytest.mark.parametrize(
    ("x", "upto", "says"),
    [
        (SMALL, 8, "upto=8: give a number of operations from 0 to 7"),
        (SMALL, -1, "upto=-1"),
        (SMALL, True, "upto=True"),
        ([{"op": "jump"}], None, "operation 0"),
    ],
)
def test_what_means_nothing_is_refused(x, upto, says):
    with pytest.raises(ValueError, match=says):
        on_this_kernel(x, upto)
