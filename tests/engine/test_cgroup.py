"""Groups of cgroup v2's memory controller: who is charged for a page, and what limits do (mm/memcontrol.c)."""

import errno

import pytest

import cowlab

KIB, MIB, GIB = 1024, 1 << 20, 1 << 30
PAGE = 4096
QUIET = {"low": 0, "high": 0, "max": 0, "oom": 0, "oom_kill": 0, "oom_group_kill": 0}


@pytest.fixture
def m():
    """Page tables take no frame, and so are charged to nobody: figures that can be done in the head."""
    return cowlab.Machine("4 MiB", swap="4 MiB", overcommit="always", page_tables=False, check=True)


def pages(size):
    assert size % PAGE == 0
    return size // PAGE


def current(*groups):
    """Pages charged to each of the groups."""
    return [pages(group.current) for group in groups]


def stat(group):
    """Pages by kind, without those that there are none of."""
    return {kind: pages(size) for kind, size in group.stat().items() if size}


def eat(m, n, name=None, kind="private", **where):
    """A process that has touched `n` pages."""
    process = m.spawn(name, **where)
    process.mmap(n * PAGE, kind=kind, name="heap").write()
    return process


# ---- who is charged


def test_a_page_is_charged_when_it_is_touched_and_uncharged_when_it_is_freed(m):
    a = m.cgroup("/a")
    heap = m.spawn(cgroup=a).mmap("400 KiB", name="heap")
    assert current(a) == [0]
    heap.write(0, 60)
    assert current(a) == [60]
    heap.dontneed(0, 10)
    assert current(a) == [50]
    heap.munmap(10, 20)
    assert current(a) == [40]
    heap.process.exit()
    assert current(a) == [0]


def test_the_zero_page_is_charged_to_nobody(m):
    a = m.cgroup("/a")
    m.spawn(cgroup=a).mmap("400 KiB").read()
    assert current(a, m.cgroups["/"]) == [0, 0]


def test_a_group_has_what_its_children_have(m):
    a, b, c = m.cgroup("/a"), m.cgroup("/a/b"), m.cgroup("/a/b/c")
    other = m.cgroup("/other")
    for n, group in ((1, None), (10, a), (100, b), (200, c), (300, other)):
        eat(m, n, cgroup=group)
    assert current(m.cgroups["/"], a, b, c, other) == [611, 310, 300, 200, 300]
    assert stat(a) == {"anon": 310}


def test_the_first_to_touch_a_shared_page_pays_for_it(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    first = eat(m, 64, kind="shared", cgroup=a)
    second = first.fork(cgroup=b)
    second["heap"].read()
    assert second.rss == 64 * PAGE
    assert current(a, b) == [64, 0]
    assert stat(a) == {"file": 64, "shmem": 64}


def test_each_shared_page_has_a_first_toucher_of_its_own(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    first = m.spawn(cgroup=a)
    shm = first.mmap("256 KiB", kind="shared", name="shm")
    second = first.fork(cgroup=b)
    shm.write(0, 10)
    second["shm"].write()
    assert current(a, b) == [10, 54]


def test_a_shared_page_stays_charged_when_its_first_toucher_is_gone(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    first = eat(m, 64, kind="shared", cgroup=a)
    second = first.fork(cgroup=b)
    second["heap"].read()
    first.exit()
    assert current(a, b) == [64, 0]
    second.exit()
    assert current(a, b) == [0, 0]


def test_a_cached_file_is_charged_to_whoever_maps_it_first(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    for group in (a, b):
        m.spawn(cgroup=group).mmap(32 * PAGE, kind="file-shared", file="data").read()
    assert current(a, b) == [32, 0]
    assert stat(a) == {"file": 32}


def test_a_file_on_disk_is_charged_page_by_page_to_whoever_reads_it_in(m):
    m.file("data", cached=False)
    a, b = m.cgroup("/a"), m.cgroup("/b")
    ours, theirs = (m.spawn(cgroup=g).mmap(32 * PAGE, kind="file-shared", file="data") for g in (a, b))
    ours.read(0, 8)
    theirs.read(0, 32)
    assert current(a, b) == [8, 24]


def test_fork_charges_nothing_and_a_copy_is_charged_to_the_copier(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    parent = eat(m, 100, cgroup=a)
    child = parent.fork(cgroup=b)
    assert current(a, b) == [100, 0]
    child["heap"].write(0, 30)
    assert current(a, b) == [100, 30]
    parent["heap"].write(40, 60)
    assert current(a, b) == [120, 30]  # the parent copied: the old frames, which are the child's now, stay a's


def test_the_child_is_in_its_parents_group_unless_one_is_named(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    parent = m.spawn(cgroup="/a")
    assert (parent.fork().cgroup, parent.fork(cgroup=b).cgroup, parent.fork(cgroup="/b").cgroup) == (a, b, b)
    assert (len(a.processes), len(b.processes)) == (2, 2)
    assert m.spawn().cgroup is m.cgroups["/"]


def test_reuse_by_the_last_owner_charges_nothing(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    parent = eat(m, 100, cgroup=a)
    child = parent.fork(cgroup=b)
    parent.exit()
    assert child["heap"].write().reused == 100
    assert current(a, b) == [100, 0]
    assert a.processes == []


def test_attaching_moves_no_charge_and_later_pages_go_to_the_new_group(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    p = eat(m, 100, cgroup=a)
    b.attach(p)
    assert (p.cgroup, a.processes, b.processes) == (b, [], [p])
    assert current(a, b) == [100, 0]
    p.mmap(10 * PAGE).write()
    assert current(a, b) == [100, 10]
    p["heap"].dontneed(0, 50)
    assert current(a, b) == [50, 10]
    p.exit()
    assert current(a, b) == [0, 0]


def test_page_tables_are_charged_like_data():
    m = cowlab.Machine("1 GiB", check=True)
    a = m.cgroup("/a")
    p = m.spawn(cgroup=a)
    p.mmap("40 MiB", name="heap").write(pages=range(0, 20 * 512, 512))
    assert stat(a) == {"anon": 20, "pagetables": 20 + 1 + 1}
    assert current(a) == [42]
    p["heap"].munmap()
    assert current(a) == [0]


def test_the_page_tables_of_a_child_are_charged_to_the_group_that_forks():
    m = cowlab.Machine("1 GiB", check=True)
    a, b = m.cgroup("/a"), m.cgroup("/b")
    child = eat(m, 600, cgroup=a).fork(cgroup=b)
    assert (stat(a), stat(b)) == ({"anon": 600, "pagetables": 2 * 4}, {})
    child["heap"].write(0, 5)
    assert (stat(a), stat(b)) == ({"anon": 600, "pagetables": 2 * 4}, {"anon": 5})
    child.exit()
    assert (stat(a), stat(b)) == ({"anon": 600, "pagetables": 4}, {})


def test_without_copy_on_write_the_copies_of_a_fork_are_charged_to_one_of_the_two_groups_once():
    m = cowlab.Machine("16 MiB", copy_on_write=False, page_tables=False, check=True)
    a, b = m.cgroup("/a"), m.cgroup("/b")
    eat(m, 100, cgroup=a).fork(cgroup=b)
    assert sum(current(a, b)) == 200


def test_peak_is_the_most_that_ever_was_here_and_below(m):
    a, b, c = m.cgroup("/a"), m.cgroup("/a/b"), m.cgroup("/a/c")
    eat(m, 100, cgroup=b).exit()
    eat(m, 80, cgroup=c)
    eat(m, 10, cgroup=b)
    assert [pages(group.peak) for group in (a, b, c)] == [100, 100, 80]
    eat(m, 30, cgroup=b)
    assert pages(a.peak) == 120


# ---- the tree


def test_groups_are_found_by_path_and_know_their_children(m):
    a = m.cgroup("/a")
    b, c = m.cgroup("/a/b"), m.cgroup("/a/c")
    assert list(m.cgroups) == ["/", "/a", "/a/b", "/a/c"]
    assert (m.cgroups["/a/b"], a.children, b.children, b.parent) == (b, [b, c], [], a)
    assert (a.path, a.current, a.peak, a.max, a.high, a.low, a.min, a.swap_max, a.oom_group) == (
        "/a", 0, 0, None, None, None, None, None, False,
    )  # fmt: skip
    assert a.events() == a.events_local() == QUIET


def test_limits_are_set_as_text_or_bytes_and_rounded_up_to_pages(m):
    a = m.cgroup("/a", max="1 MiB", high=5000, low="0 B", min=PAGE, swap_max="1 GiB", oom_group=True)
    assert (a.max, a.high, a.low, a.min, a.swap_max, a.oom_group) == (MIB, 2 * PAGE, 0, PAGE, GIB, True)
    a.max, a.high, a.oom_group = None, "12 KiB", False
    assert (a.max, a.high, a.oom_group) == (None, 3 * PAGE, False)


@pytest.mark.parametrize("inside", ["process", "group"])
def test_a_group_that_holds_something_cannot_be_removed(m, inside):
    a = m.cgroup("/a")
    if inside == "process":
        m.spawn("p", cgroup=a)
    else:
        m.cgroup("/a/b")
    before = m.state()
    with pytest.raises(cowlab.GroupBusy, match="'/a' holds (p|/a/b): move or remove") as error:
        a.remove()
    assert error.value.errno == errno.EBUSY
    assert isinstance(error.value, OSError)
    assert m.state() == before


def test_a_removed_group_hands_what_is_still_charged_to_its_parent(m):
    top, a, b = m.cgroup("/top"), m.cgroup("/top/a"), m.cgroup("/b")
    p = eat(m, 100, cgroup=a)
    b.attach(p)
    a.remove()
    assert list(m.cgroups) == ["/", "/top", "/b"]
    assert current(top, b) == [100, 0]
    p["heap"].dontneed(0, 40)
    assert current(top, b) == [60, 0]
    new = m.cgroup("/top/a")
    assert current(new, top) == [0, 60]
    p.exit()
    assert current(top, new, m.cgroups["/"]) == [0, 0, 0]


def test_what_was_handed_on_is_handed_on_again(m):
    m.cgroup("/top")
    m.cgroup("/top/a")
    b = m.cgroup("/top/a/b")
    p = eat(m, 100, cgroup=b)
    m.cgroups["/"].attach(p)
    b.remove()
    m.cgroups["/top/a"].remove()
    assert current(m.cgroups["/top"]) == [100]
    m.cgroups["/top"].remove()
    assert current(m.cgroups["/"]) == [100]
    p.exit()
    assert current(m.cgroups["/"]) == [0]


def test_page_tables_and_swapped_pages_are_handed_on_too():
    m = cowlab.Machine("4 MiB", swap="4 MiB", check=True)
    top, a = m.cgroup("/top"), m.cgroup("/top/a")
    p = eat(m, 100, cgroup=a)
    a.max = 13 * PAGE  # 3 page tables, 10 pages; 90 are swapped out
    assert (pages(a.current), pages(a.swap_current)) == (13, 90)
    m.cgroups["/"].attach(p)
    a.remove()
    assert (pages(top.current), pages(top.swap_current)) == (13, 90)
    p["heap"].read()
    assert (pages(top.current), pages(top.swap_current)) == (103, 0)
    p.exit()
    assert current(top) == [0]


def test_a_group_that_was_removed_is_no_use(m):
    a = m.cgroup("/a")
    a.remove()
    p = m.spawn()
    for use in (a.remove, lambda: a.attach(p), lambda: a.set_limits(max=1), lambda: m.spawn(cgroup=a)):
        with pytest.raises(ValueError):
            use()
    assert m.processes == [p]


def test_1000_groups():
    m = cowlab.Machine("1 GiB")
    top = m.cgroup("/top")
    groups = [m.cgroup(f"/top/{n}", max="1 MiB") for n in range(1000)]
    processes = [eat(m, n % 7 + 1, cgroup=group) for n, group in enumerate(groups)]
    assert current(*groups) == [n % 7 + 1 + 3 for n in range(1000)]
    assert current(top) == [sum(current(*groups))]
    with pytest.raises(cowlab.ProcessKilled):
        processes[500].mmap("2 MiB").write()
    assert sum(not process.alive for process in processes) == 1
    for process in m.processes:
        process.exit()
    for group in groups:
        group.remove()
    assert (current(top), top.children) == ([0], [])
    groups = [m.cgroup(f"/top/{n}") for n in range(1000)]
    assert sum(current(*groups)) == 0


# ---- max


@pytest.mark.parametrize("page_tables", [True, False])
def test_a_limit_may_be_reached_and_not_exceeded(page_tables):
    m = cowlab.Machine("4 MiB", page_tables=page_tables, check=True)
    n = 103 if page_tables else 100
    a = m.cgroup("/a", max=n * PAGE)
    heap = m.spawn(cgroup=a).mmap(101 * PAGE)
    heap.write(0, 100)
    assert (a.current, a.peak) == (a.max, a.max)
    assert a.events() == QUIET
    with pytest.raises(cowlab.ProcessKilled):
        heap.write(100)
    assert a.peak == n * PAGE
    assert a.events() == QUIET | {"max": 1, "oom": 1, "oom_kill": 1}


def test_at_its_limit_a_group_swaps_its_own_pages_and_no_others(m):
    a = m.cgroup("/a", max=50 * PAGE)
    bystander = eat(m, 300)
    p = eat(m, 80, cgroup=a)
    assert (pages(p.rss), pages(p.swap), pages(bystander.swap)) == (50, 30, 0)
    assert (pages(a.current), pages(a.swap_current), pages(a.peak)) == (50, 30, 50)
    assert a.events()["max"] > 0
    assert a.events()["oom"] == 0


def test_a_limit_above_holds_for_all_below_together(m):
    m.cgroup("/a", max=50 * PAGE)
    b, c = m.cgroup("/a/b", max=40 * PAGE), m.cgroup("/a/c")
    eat(m, 30, cgroup=b)
    eat(m, 40, cgroup=c)
    assert sum(current(b, c)) == pages(m.cgroups["/a"].current) == 50
    assert b.events()["max"] == c.events()["max"] == 0  # it is /a's limit that was met
    assert m.cgroups["/a"].events_local()["max"] > 0


def test_pages_of_others_do_not_count_against_a_limit(m):
    a, b = m.cgroup("/a"), m.cgroup("/b", max=10 * PAGE)
    child = eat(m, 100, cgroup=a).fork(cgroup=b)
    child["heap"].read()
    child["heap"].write(0, 10)
    assert (pages(child.rss), current(b)) == (100, [10])
    assert b.events() == QUIET


def test_a_process_that_comes_from_elsewhere_brings_no_charge_and_so_meets_no_limit(m):
    b = m.cgroup("/b", max=10 * PAGE)
    b.attach(eat(m, 100))
    assert (current(b), b.events()) == ([0], QUIET)


def test_lowering_a_limit_reclaims_down_to_it(m):
    a = m.cgroup("/a")
    p = eat(m, 100, cgroup=a)
    a.max = 40 * PAGE
    assert (pages(p.rss), pages(p.swap), p.alive) == (40, 60, True)
    assert current(a) == [40]
    assert a.events()["oom"] == 0


def test_lowering_a_limit_drops_files_first_and_kills_when_that_does_not_do():
    m = cowlab.Machine("4 MiB", page_tables=False, check=True)
    a = m.cgroup("/a")
    small, large = eat(m, 30, "small", cgroup=a), eat(m, 50, "large", cgroup=a)
    m.spawn("reader", cgroup=a).mmap(40 * PAGE, kind="file-shared").read()
    a.max = 100 * PAGE
    assert (current(a), stat(a)) == ([100], {"anon": 80, "file": 20})
    assert a.events()["oom"] == 0
    a.max = 60 * PAGE
    assert (large.exit_reason, small.alive) == ("oom-killed", True)
    assert stat(a)["anon"] == 30
    assert a.events()["oom_kill"] == 1
    assert a.current <= a.max


def test_a_limit_sticks_also_where_nobody_may_be_killed():
    m = cowlab.Machine("4 MiB", page_tables=False, check=True)
    a = m.cgroup("/a")
    p = eat(m, 50, cgroup=a, oom_score_adj=-1000)
    a.max = 20 * PAGE
    assert (pages(a.current), pages(a.max), p.alive) == (50, 20, True)
    with pytest.raises(cowlab.Deadlock):
        p.mmap(PAGE).write()
    p["heap"].dontneed(0, 31)
    p.mmap(PAGE).write()
    assert current(a) == [20]


def test_above_a_limit_that_sticks_what_needs_no_frame_still_works():
    m = cowlab.Machine("4 MiB", page_tables=False, check=True)
    a = m.cgroup("/a")
    p = eat(m, 50, cgroup=a, oom_score_adj=-1000)
    a.max = 20 * PAGE
    p.mmap(PAGE).read(0)  # the zero page
    p["heap"].write(0)
    p.fork()
    assert current(a) == [50]


def test_raising_a_limit_changes_nothing_at_once(m):
    a = m.cgroup("/a", max=40 * PAGE)
    p = eat(m, 100, cgroup=a)
    a.max = None
    assert (pages(p.rss), pages(p.swap)) == (40, 60)
    p["heap"].read()
    assert (pages(p.rss), pages(p.swap)) == (100, 0)


def test_a_cached_file_that_does_not_fit_into_the_limit_is_refused():
    m = cowlab.Machine("4 MiB", page_tables=False, check=True)
    a = m.cgroup("/a", max=20 * PAGE)
    p = m.spawn(cgroup=a)
    with pytest.raises(cowlab.OutOfMemory):
        p.mmap(30 * PAGE, kind="file-shared")
    assert (p.alive, p.vsz, m.meminfo()["Committed_AS"]) == (True, 0, 0)
    m.file("disk", cached=False)
    p.mmap(30 * PAGE, kind="file-shared", file="disk").read()  # page by page it goes through
    assert (current(a), p.alive) == ([20], True)


# ---- swap_max


def test_when_a_group_may_swap_no_more_it_meets_the_killer(m):
    a = m.cgroup("/a", max=20 * PAGE, swap_max=10 * PAGE)
    p = eat(m, 30, cgroup=a)
    assert (pages(a.current), pages(a.swap_current)) == (20, 10)
    with pytest.raises(cowlab.ProcessKilled):
        p.mmap(PAGE).write()
    assert (a.current, a.swap_current, m.meminfo()["SwapFree"]) == (0, 0, 4 * KIB)


def test_a_swap_limit_above_holds_for_all_below_together(m):
    a = m.cgroup("/a", max=20 * PAGE, swap_max=10 * PAGE)
    b, c = m.cgroup("/a/b"), m.cgroup("/a/c", swap_max=100 * PAGE)
    eat(m, 15, cgroup=b)
    eat(m, 15, cgroup=c)
    assert pages(a.swap_current) == pages(b.swap_current) + pages(c.swap_current) == 10
    assert a.events()["oom"] == 0


def test_without_swap_only_files_go(m):
    a = m.cgroup("/a", max=50 * PAGE, swap_max=0)
    file = m.spawn(cgroup=a).mmap(30 * PAGE, kind="file-shared")
    file.read()
    p = eat(m, 45, cgroup=a)
    assert p.alive
    assert (pages(p.rss), p.swap, a.swap_current) == (45, 0, 0)
    assert stat(a) == {"anon": 45, "file": 5}


def test_the_machine_swaps_nothing_of_a_group_that_may_not_swap(m):
    a = m.cgroup("/a", swap_max=0)
    inside = eat(m, 500, cgroup=a)
    outside = eat(m, 700)
    assert (pages(inside.rss), inside.swap) == (500, 0)
    assert pages(outside.swap) >= 500 + 700 - 1024


def test_a_swapped_page_comes_back_to_the_group_that_it_was_charged_to(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    p = eat(m, 20, cgroup=a)
    a.max = 0
    assert (current(a), pages(a.swap_current)) == ([0], 20)
    a.max = None
    b.attach(p)
    p["heap"].read()
    assert (current(a, b), a.swap_current) == ([20, 0], 0)


def test_lowering_the_swap_limit_brings_nothing_back(m):
    a = m.cgroup("/a", max=20 * PAGE)
    eat(m, 30, cgroup=a)
    a.swap_max = 0
    assert pages(a.swap_current) == 10


# ---- high


def delays(high, over):
    """Seconds of sleep, by the rule: 64 s times the square of the overage for each 64 pages; up to 10 ms none, no more
    than 2 s at once. Over the batches that end at 64, 128, ... pages above `high`; and over those that begin there."""
    steps = [64 * (64 * k / high) ** 2 for k in range(over // 64 + 1)]
    steps = [min(step, 2) if step > 0.01 else 0 for step in steps]
    return sum(steps[:-1]), sum(steps[1:])


@pytest.mark.parametrize(("high", "over"), [(64, 640), (640, 640), (7680, 640), (7680, 1024), (7680, 64)])
def test_above_high_a_process_goes_on_and_sleeps_the_longer_the_farther(high, over):
    m = cowlab.Machine("64 MiB", page_tables=False)
    a = m.cgroup("/a", high=high * PAGE)
    p = m.spawn(cgroup=a)
    heap = p.mmap("64 MiB")
    heap.write(0, high)
    assert (a.events(), a.pressure()["some"]["total"]) == (QUIET, 0)
    began = m.clock
    assert heap.write(high, high + over).zeroed == over
    at_least, at_most = delays(high, over)
    slept = a.pressure()["some"]["total"] / 1e6
    assert at_least - 0.001 <= slept <= at_most + 0.001
    assert m.clock - began == pytest.approx(slept + over * cowlab.Costs().zero / 1e9, abs=1e-3)
    assert p.alive
    assert a.current == (high + over) * PAGE
    assert a.events() == a.events_local() == QUIET | {"high": a.events()["high"]}
    assert a.events()["high"] > 0


def test_the_sleep_is_the_same_for_large_groups():
    m = cowlab.Machine("4 GiB", page_tables=False)
    high = 2 * GIB // PAGE
    a = m.cgroup("/a", high="2 GiB")
    m.spawn(cgroup=a).mmap("4 GiB").write(0, high + high // 10)
    assert a.pressure()["some"]["total"] / 1e6 == pytest.approx(sum(delays(high, high // 10)) / 2, rel=0.1)


def test_ten_per_cent_above_high_costs_64_pages_about_639_ms():
    m = cowlab.Machine("64 MiB", page_tables=False)
    a = m.cgroup("/a", high=6400 * PAGE)
    heap = m.spawn(cgroup=a).mmap("64 MiB")
    heap.write(0, 6400 + 608)
    before = a.pressure()["some"]["total"]
    heap.write(7008, 7008 + 64)
    assert (a.pressure()["some"]["total"] - before) / 1000 == pytest.approx(639, rel=0.25)  # from 578 to 704 within it


def test_of_several_groups_above_high_the_worst_counts_alone():
    def slept(paths):
        m = cowlab.Machine("64 MiB", page_tables=False)
        for path in ("/a", "/a/b"):
            m.cgroup(path, high=640 * PAGE if path in paths else None)
        m.spawn(cgroup="/a/b").mmap("64 MiB").write(0, 1280)
        return m.cgroups["/"].pressure()["some"]["total"]

    assert slept(["/a", "/a/b"]) == pytest.approx(slept(["/a"]), rel=0.01)
    assert slept(["/a/b"]) == slept(["/a"]) > 0


def test_the_first_page_above_high_counts_also_after_a_new_limit():
    m = cowlab.Machine("4 MiB", overcommit="always", page_tables=False)
    a = m.cgroup("/a", high=50 * PAGE)
    heap = m.spawn(cgroup=a).mmap("1 MiB")
    heap.write(0, 50)
    assert a.events()["high"] == 0
    heap.write(50)
    assert a.events()["high"] == 1
    a.high = 51 * PAGE
    heap.write(51)
    assert a.events()["high"] == 2


def test_a_high_of_0_is_met_again_only_after_all_is_given_back():
    m = cowlab.Machine("4 MiB", overcommit="always", page_tables=False)
    a = m.cgroup("/a", high=0)
    heap = m.spawn(cgroup=a).mmap("1 MiB")
    heap.write(0, 2)
    before = a.events()["high"]
    heap.dontneed(1, 2)
    heap.write(1)
    assert a.events()["high"] == before
    heap.dontneed(0, 2)
    heap.write(0)
    assert a.events()["high"] == before + 1


def test_back_at_high_the_next_page_counts_again():
    m = cowlab.Machine("4 MiB", overcommit="always", page_tables=False)
    a = m.cgroup("/a", high=50 * PAGE)
    heap = m.spawn(cgroup=a).mmap("1 MiB")
    heap.write(0, 60)
    before = a.events()["high"]
    heap.dontneed(50, 60)
    heap.write(50)
    assert a.events()["high"] == before + 1


def test_where_pages_can_be_reclaimed_high_holds_without_sleep(m):
    a = m.cgroup("/a", high=50 * PAGE)
    p = eat(m, 100, cgroup=a)
    assert (pages(p.rss), pages(p.swap), current(a)) == (50, 50, [50])
    assert a.events()["high"] > 0
    assert [event for event in m.log if event.kind == "throttle"] == []


def test_high_far_below_what_is_used_never_kills():
    m = cowlab.Machine("4 MiB", page_tables=False)
    a = m.cgroup("/a", high=PAGE)
    p = eat(m, 1000, cgroup=a)
    assert (p.alive, current(a), m.oom_reports) == (True, [1000], [])
    assert a.events()["oom"] == 0
    throttled = [event for event in m.log if event.kind == "throttle"]
    assert throttled[0].process == p.name
    assert a.pressure()["some"]["total"] == pytest.approx(2e6 * 1000 / 64, rel=0.1)  # 2 s for each 64 pages


def test_a_high_of_zero_is_legal_too():
    m = cowlab.Machine("4 MiB", page_tables=False)
    a = m.cgroup("/a", high=0)
    assert eat(m, 200, cgroup=a).alive
    assert a.events()["high"] > 0


@pytest.mark.parametrize("high", range(6))
def test_a_call_that_needs_several_frames_at_once_passes_high_too(high):
    m = cowlab.Machine("4 MiB", swap="4 MiB", check=True)
    a = m.cgroup("/a", high=high * PAGE)
    p = m.spawn(cgroup=a)
    p.mmap(PAGE, name="heap").write(value=7)  # three page tables, and then a page
    child = p.fork()  # three tables more
    child["heap"].write(value=8)  # may have to read the page and to copy it
    assert (p["heap"].values()[0], child["heap"].values()[0]) == (7, 8)
    assert a.events()["high"] > 0
    assert a.stat()["pagetables"] == 6 * PAGE


def test_high_and_max_each_do_their_part():
    m = cowlab.Machine("4 MiB", page_tables=False)
    a = m.cgroup("/a", high=50 * PAGE, max=100 * PAGE)
    with pytest.raises(cowlab.ProcessKilled):
        eat(m, 101, cgroup=a)
    assert a.peak == a.max
    assert all(a.events()[event] > 0 for event in ("high", "max", "oom", "oom_kill"))


def test_back_below_high_the_next_crossing_starts_anew():
    m = cowlab.Machine("64 MiB", page_tables=False)
    a = m.cgroup("/a", high=640 * PAGE)
    heap = m.spawn(cgroup=a).mmap("64 MiB")
    slept = []
    for _ in range(2):
        before = a.pressure()["some"]["total"]
        heap.write(0, 1280)
        slept.append(a.pressure()["some"]["total"] - before)
        heap.dontneed()
    assert slept[0] == pytest.approx(slept[1], rel=0.01)
    assert slept[0] > 0


def test_lowering_high_reclaims_down_to_it_and_kills_nobody(m):
    a = m.cgroup("/a")
    p = eat(m, 100, cgroup=a)
    a.high = 40 * PAGE
    assert (current(a), pages(p.swap), p.alive) == ([40], 60, True)
    a.swap_max = 0
    a.high = 10 * PAGE
    assert (current(a), p.alive) == ([40], True)


def test_a_cached_file_mapped_beyond_high_counts_as_an_event(m):
    a = m.cgroup("/a", high=32 * PAGE)
    m.spawn(cgroup=a).mmap(64 * PAGE, kind="file-shared")
    assert a.events()["high"] > 0
    assert a.current <= 36 * PAGE


def test_pressure_is_felt_in_the_group_and_above_and_nowhere_else():
    m = cowlab.Machine("4 MiB", page_tables=False)
    m.cgroup("/a")
    b, c = m.cgroup("/a/b", high=50 * PAGE), m.cgroup("/a/c")
    eat(m, 200, cgroup=b)
    totals = [group.pressure()["some"]["total"] for group in (m.cgroups["/"], m.cgroups["/a"], b, c)]
    assert totals[0] == totals[1] == totals[2] > 0
    assert totals[3] == 0
    assert m.pressure() == m.cgroups["/"].pressure()


# ---- protection: min and low


@pytest.mark.parametrize("limit", ["min", "low"])
def test_what_is_protected_stays_while_others_have_something(m, limit):
    a = m.cgroup("/a", **{limit: 300 * PAGE})
    protected = eat(m, 300, cgroup=a)
    other = eat(m, 900)
    assert (pages(protected.rss), protected.swap) == (300, 0)
    assert pages(other.swap) >= 300 + 900 - 1024
    assert a.events() == QUIET


@pytest.mark.parametrize("limit", ["min", "low"])
def test_what_a_group_has_beyond_its_protection_is_taken(m, limit):
    a = m.cgroup("/a", **{limit: 300 * PAGE})
    protected = eat(m, 500, cgroup=a)
    eat(m, 700)
    assert 300 <= pages(protected.rss) < 500
    assert a.events()["low"] == 0


def test_below_min_nothing_is_reclaimed_rather_somebody_dies(m):
    a, b = m.cgroup("/a", min=600 * PAGE), m.cgroup("/b", min=600 * PAGE)
    large, caller = eat(m, 600, cgroup=a), m.spawn(cgroup=b)
    caller.mmap(500 * PAGE).write()
    assert (large.exit_reason, pages(caller.rss)) == ("oom-killed", 500)
    assert m.meminfo()["SwapFree"] == m.meminfo()["SwapTotal"]


def test_below_low_pages_are_reclaimed_before_anybody_dies(m):
    a, b = m.cgroup("/a", low=600 * PAGE), m.cgroup("/b", low=600 * PAGE)
    large, caller = eat(m, 600, cgroup=a), m.spawn(cgroup=b)
    caller.mmap(500 * PAGE).write()
    assert large.alive
    assert pages(large.swap + caller.swap) >= 1100 - 1024
    assert a.events()["low"] + b.events()["low"] > 0
    assert m.oom_reports == []


def test_a_group_is_not_protected_from_its_own_limit(m):
    a = m.cgroup("/a", min=50 * PAGE, max=50 * PAGE)
    p = eat(m, 80, cgroup=a)
    assert (pages(p.rss), pages(p.swap)) == (50, 30)


def test_within_a_group_at_its_limit_the_children_protected_stay(m):
    m.cgroup("/a", max=100 * PAGE)
    b, c = m.cgroup("/a/b", min=60 * PAGE), m.cgroup("/a/c")
    protected, other = eat(m, 60, cgroup=b), eat(m, 70, cgroup=c)
    assert (pages(protected.rss), pages(other.rss)) == (60, 40)


def test_a_floor_holds_whatever_the_parent_has(m):
    """Simplified: Linux shares a parent's protection out among its children, and one without any gives none."""
    m.cgroup("/a")  # protects nothing
    protected = eat(m, 300, cgroup=m.cgroup("/a/b", min=300 * PAGE))
    other = eat(m, 900)
    assert pages(protected.rss) == 300
    assert pages(other.swap) > 0


def test_a_floor_holds_for_all_children_together(m):
    a = m.cgroup("/a", min=300 * PAGE)
    for path in ("/a/b", "/a/c"):
        eat(m, 200, cgroup=m.cgroup(path))
    eat(m, 1000)
    assert pages(a.current) == 300


def test_a_swap_limit_holds_for_all_children_together(m):
    a = m.cgroup("/a", swap_max=20 * PAGE)
    for path in ("/a/b", "/a/c"):
        eat(m, 200, cgroup=m.cgroup(path))
    eat(m, 1000)
    assert pages(a.swap_current) == 20


def test_a_shared_page_that_comes_back_from_swap_is_charged_where_it_was(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    maker = m.spawn(cgroup=a)
    maker.mmap(10 * PAGE, kind="shared", name="shm").write(value=7)
    other = maker.fork(cgroup=b)
    a.high = 0
    a.high = None
    assert (pages(a.swap_current), pages(a.current)) == (10, 0)
    assert other["shm"].read().major == 10
    assert (pages(a.current), pages(b.current), a.swap_current) == (10, 0, 0)
    assert other["shm"].values().tolist() == [7] * 10


# ---- events


def test_events_count_here_and_above_and_the_local_ones_only_here(m):
    a, b, c = m.cgroup("/a"), m.cgroup("/a/b", max=10 * PAGE, swap_max=0), m.cgroup("/a/b/c")
    other = m.cgroup("/other")
    with pytest.raises(cowlab.ProcessKilled):
        eat(m, 20, cgroup=c)
    assert b.events() == a.events() == QUIET | {"max": 1, "oom": 1, "oom_kill": 1}
    assert b.events_local() == QUIET | {"max": 1, "oom": 1}  # it is b's limit that was met
    assert c.events() == c.events_local() == QUIET | {"oom_kill": 1}  # and a process of c that died
    assert a.events_local() == other.events() == QUIET


def test_a_kill_for_the_whole_machine_counts_in_the_group_of_the_victim():
    m = cowlab.Machine("4 MiB", overcommit="always", page_tables=False)
    a = m.cgroup("/a")
    eat(m, 1000, cgroup=a)
    eat(m, 30)
    assert a.events() == QUIET | {"oom_kill": 1}


def test_what_is_returned_is_a_copy(m):
    a = m.cgroup("/a")
    for answer in (a.events(), a.events_local(), a.stat()):
        answer.clear()
    assert a.events() == a.events_local() == QUIET
    assert set(a.stat()) == {"anon", "file", "shmem", "pagetables"}


# ---- what means nothing


@pytest.mark.parametrize("path", ["", "/", "a", "/a/", "//a", "/a//b", "/missing/b", "/taken", 3, None, ["/a"]])
def test_a_path_that_cannot_be_made_is_refused(m, path):
    m.cgroup("/taken")
    before = m.state()
    with pytest.raises(ValueError):
        m.cgroup(path)
    assert m.state() == before


@pytest.mark.parametrize("limit", ["max", "high", "low", "min", "swap_max"])
@pytest.mark.parametrize("size", [-1, "1.0", "1xx", "xx", "", 1.5, True, "30 MB", [1]])
def test_a_limit_that_means_nothing_is_refused(m, limit, size):
    a = m.cgroup("/a", max="1 MiB")
    eat(m, 10, cgroup=a)
    before = m.state()
    with pytest.raises(ValueError):
        setattr(a, limit, size)
    with pytest.raises(ValueError):
        m.cgroup("/b", **{limit: size})
    assert m.state() == before


def test_one_bad_limit_sets_none_of_those_given_with_it(m):
    a = m.cgroup("/a")
    eat(m, 100, cgroup=a)
    with pytest.raises(ValueError):
        a.set_limits(max=10 * PAGE, high="much")
    with pytest.raises(ValueError, match="no limit 'maximum'"):
        a.set_limits(maximum=10)
    assert (a.max, current(a)) == (None, [100])


@pytest.mark.parametrize("on", [1, 0, None, "yes"])
def test_oom_group_is_true_or_false(m, on):
    a = m.cgroup("/a")
    with pytest.raises(ValueError, match="oom_group"):
        a.oom_group = on
    with pytest.raises(ValueError, match="oom_group"):
        m.cgroup("/b", oom_group=on)
    assert (a.oom_group, list(m.cgroups)) == (False, ["/", "/a"])


def test_the_root_has_no_limits_and_stays(m):
    root = m.cgroups["/"]
    for call in (lambda: root.set_limits(max="1 MiB"), root.remove):
        with pytest.raises(ValueError, match="the root group"):
            call()
    with pytest.raises(ValueError, match="the root group"):
        root.high = 5


@pytest.mark.parametrize("where", ["/missing", "a", 3, b"/a"])
def test_a_group_that_does_not_exist_takes_no_process(m, where):
    p = m.spawn("p")
    before = m.state()
    for call in (m.spawn, p.fork):
        with pytest.raises(ValueError, match="none of this machine"):
            call(cgroup=where)
    assert m.state() == before


def test_groups_and_processes_of_another_machine_are_refused(m):
    other = cowlab.Machine("1 MiB")
    a, stranger = m.cgroup("/a"), other.spawn()
    other.cgroup("/a")
    with pytest.raises(ValueError):
        other.spawn(cgroup=a)
    for process in (stranger, m.init, "p", None):
        with pytest.raises(ValueError):
            a.attach(process)
    assert (a.processes, stranger.cgroup) == ([], other.cgroups["/"])


def test_a_dead_process_cannot_be_attached(m):
    p = m.spawn()
    p.exit()
    with pytest.raises(cowlab.NoSuchProcess):
        m.cgroup("/a").attach(p)
    assert m.cgroups["/a"].processes == []


def test_the_root_counts_kills_of_the_whole_machine_and_no_oom_of_its_own():
    m = cowlab.Machine("400 KiB", overcommit="always", page_tables=False)
    eat(m, 60, "victim")
    eat(m, 50, "caller")
    root = m.cgroups["/"]
    assert root.events() == root.events_local() == QUIET | {"oom_kill": 1}


# ---- what others see of it


def test_whoever_watches_the_machine_hears_of_limits_moves_and_removals(m):
    a, b = m.cgroup("/a"), m.cgroup("/b")
    process = m.spawn("p", cgroup=a)
    seen = []
    m.on_change(lambda machine: seen.append((process.cgroup.path, a.max, "/b" in machine.cgroups)))
    a.set_limits(max=PAGE)
    a.set_limits(max=None)
    m.cgroups["/"].attach(process)
    b.remove()
    assert seen == [("/a", PAGE, True), ("/a", None, True), ("/", None, True), ("/", None, False)]


def test_a_move_stands_in_the_log(m):
    a = m.cgroup("/a")
    process = m.spawn("p")
    a.attach(process)
    a.attach(process)  # is there already
    (event,) = [event for event in m.log if event.kind == "attach"]
    assert (event.process, event.mapping, event.pages, event.count) == ("p", "", (0, 0), 1)


def test_a_removed_group_and_the_root_take_no_oom_group(m):
    a = m.cgroup("/a")
    a.remove()
    with pytest.raises(ValueError, match="'/a' was removed"):
        a.oom_group = True
    with pytest.raises(ValueError, match="'/a' was removed"):
        a.remove()
    with pytest.raises(ValueError, match="the root group has no limits"):
        m.cgroups["/"].oom_group = True
