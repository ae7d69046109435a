"""What Linux's own test suites require, on the model: the Linux Test Project (LTP) and the kernel's selftests (KST).

A test is named after the one that it comes from. Memory is locked there to have it touched; here it is touched.
"""

import contextlib

import pytest

import cowlab

KIB, MIB, GIB = 1024, 1 << 20, 1 << 30
PAGE = 4096


def close(a, b, per_cent):
    """Both suites' measure of nearly equal."""
    return abs(a - b) <= (a + b) * per_cent / 100


def values(process, name="heap"):
    return process[name].values().tolist()


# ---- LTP mem/tunable/overcommit_memory: what is promised


@pytest.fixture
def never():
    """Mode 2, with some memory promised already; the process that asks."""
    m = cowlab.Machine("8 GiB", swap="2 GiB", overcommit="never", overcommit_ratio=50)
    m.spawn().mmap("1 GiB")
    return m.spawn("malloc")


def limit(m):
    return m.meminfo()["CommitLimit"] * KIB


def left(m):
    return limit(m) - m.meminfo()["Committed_AS"] * KIB


def test_ltp_overcommit_memory_mode_2_twice_what_is_left_is_refused(never):
    assert left(never.machine) == (4 + 2 - 1) * GIB
    with pytest.raises(cowlab.OutOfMemory):
        never.mmap(2 * left(never.machine))


def test_ltp_overcommit_memory_mode_2_as_much_as_the_limit_is_refused(never):
    with pytest.raises(cowlab.OutOfMemory):
        never.mmap(limit(never.machine))


def test_ltp_overcommit_memory_mode_2_half_of_what_is_left_is_granted(never):
    never.mmap(left(never.machine) // 2)


def test_ltp_overcommit_memory_mode_0_half_of_what_is_free_is_granted():
    m = cowlab.Machine("8 GiB", swap="2 GiB", overcommit=0)
    m.spawn().mmap("3 GiB").write()
    info = m.meminfo()
    m.spawn().mmap((info["MemFree"] + info["SwapFree"]) * KIB // 2)


def test_ltp_overcommit_memory_mode_0_twice_RAM_and_swap_is_refused():
    p = cowlab.Machine("8 GiB", swap="2 GiB", overcommit=0).spawn()
    with pytest.raises(cowlab.OutOfMemory):
        p.mmap("20 GiB")


def test_ltp_overcommit_memory_mode_1_grants_all():
    p = cowlab.Machine("8 GiB", swap="2 GiB", overcommit=1).spawn()
    for size in ("5 GiB", "10 GiB", "20 GiB"):
        p.mmap(size)


# ---- LTP mem/oom: who dies of it


def eat(process, size="3 GiB"):
    """oom01: map `size` and write every page, again and again; how that ends."""
    with contextlib.suppress(cowlab.Error):
        while True:
            process.mmap(size).write()
    return process.exit_reason or "ENOMEM"


@pytest.fixture
def eater(request):
    """The child of a test program that protects itself, as LTP's library does."""
    m = cowlab.Machine("8 GiB", overcommit=request.param)
    test = m.spawn("test", oom_score_adj=-1000)
    child = test.fork("child")
    child.oom_score_adj = 0
    return child


@pytest.mark.parametrize("eater", ["never"], indirect=True)
def test_ltp_oom01_mode_2_ends_with_ENOMEM_and_kills_nobody(eater):
    assert eat(eater) == "ENOMEM"
    assert eater.machine.vmstat()["oom_kill"] == 0


@pytest.mark.parametrize("eater", ["heuristic"], indirect=True)
def test_ltp_oom01_mode_0_ends_in_one_way_or_the_other(eater):
    assert eat(eater) in ("ENOMEM", "oom-killed")
    assert eater.parent.alive


@pytest.mark.parametrize("eater", ["always"], indirect=True)
@pytest.mark.parametrize("touch_at_once", [False, True])
def test_ltp_oom01_mode_1_ends_with_a_kill_that_spares_the_parent(eater, touch_at_once):
    with contextlib.suppress(cowlab.ProcessKilled):
        while True:
            heap = eater.mmap("3 GiB", populate=touch_at_once)
            heap.write()
    assert eater.exit_reason == "oom-killed"
    assert [p.name for p in eater.machine.processes] == ["test"]


@pytest.mark.parametrize("lite", [False, True])
def test_ltp_oom03_memory_max_of_1_GiB_kills_the_child_and_not_the_test(lite):
    m = cowlab.Machine("8 GiB", swap="2 GiB", overcommit="always")
    group = m.cgroup("/oom", max="1 GiB", swap_max="1 MiB" if lite else None)
    test = m.spawn("test", oom_score_adj=-1000)
    child = test.fork("child")
    child.oom_score_adj = 0
    group.attach(child)
    if lite:
        with pytest.raises(cowlab.ProcessKilled):
            child.mmap(2 * GIB + MIB).write()
    else:
        eat(child)
    assert child.exit_reason == "oom-killed"
    assert test.alive


# ---- KST mm/cow: copy on write


@pytest.fixture
def p():
    return cowlab.Machine("64 MiB", check=True).spawn("parent")


def test_kselftest_cow_basic_after_fork_the_child_sees_the_old_bytes(p):
    p.mmap(PAGE, name="heap").write(value=0x11)
    child = p.fork()
    p["heap"].write(value=0xFF)
    assert (values(child), values(p)) == ([0x11], [0xFF])


def test_kselftest_cow_basic_zeropage_the_second_mapping_stays_zero(p):
    first, second = p.mmap(PAGE), p.mmap(PAGE)
    first.read()
    second.read()
    first.write(value=0xFF)
    assert second.values().tolist() == [0]


@pytest.mark.parametrize("other", ["file-shared", "file-private"])
def test_kselftest_cow_basic_memfd_and_tmpfile_the_other_view_is_unchanged(p, other):
    private = p.mmap(PAGE, kind="file-private", file="tmpfile")
    view = p.mmap(PAGE, kind=other, file="tmpfile")
    private.read()
    view.read()
    before = view.values().tolist()
    private.write(value=0xFF)
    assert view.values().tolist() == before
    assert private.values().tolist() == [0xFF]


# ---- LTP syscalls: mmap, mprotect, munmap, madvise


def test_ltp_mmap12_populate_of_a_private_file_leaves_every_page_present(p):
    heap = p.mmap("1 MiB", kind="file-private", populate=True)
    assert p.rss == 256 * PAGE
    assert heap.values().tolist() == list(range(1000, 1256))
    assert heap.write().minor == 0


def test_ltp_mprotect03_a_child_that_writes_a_read_only_shared_file_gets_SIGSEGV(p):
    p.mmap(PAGE, kind="file-shared", name="heap").write()
    p["heap"].protect("r")
    child = p.fork()
    with pytest.raises(cowlab.SegmentationFault):
        child["heap"].write()


def test_ltp_mprotect04_a_write_without_rights_gets_SIGSEGV(p):
    heap = p.mmap(PAGE)
    heap.write()
    heap.protect("")
    with pytest.raises(cowlab.SegmentationFault):
        heap.write()


@pytest.mark.parametrize("unmapped", [(0, 3), (1, 3)])
def test_ltp_munmap01_a_touch_of_what_was_unmapped_gets_SIGSEGV(p, unmapped):
    p.mmap(3 * PAGE, kind="file-shared", name="heap").write()
    p["heap"].munmap(*unmapped)
    child = p.fork()
    for touch in (child["heap"].read, child["heap"].write):
        with pytest.raises(cowlab.SegmentationFault):
            touch(unmapped[0])


def test_ltp_madvise03_after_dontneed_private_memory_reads_zero(p):
    heap = p.mmap("64 KiB")
    heap.write(value=1)
    heap.dontneed()
    heap.read()
    assert set(heap.values().tolist()) == {0}


# ---- KST cgroup/test_memcontrol


def test_kselftest_memcontrol_current_and_peak():
    m = cowlab.Machine("1 GiB")
    group = m.cgroup("/memcg_test")
    assert (group.current, group.peak) == (0, 0)
    allocator = m.spawn(cgroup=group)
    allocator.mmap(50 * MIB).write()
    assert group.current >= 50 * MIB
    assert close(50 * MIB, group.current, 3)
    assert close(group.stat()["anon"], group.current, 3)
    allocator.exit()
    assert group.peak >= 50 * MIB
    assert group.current < 50 * MIB
    m.file("cache", cached=False)
    m.spawn(cgroup=group).mmap(50 * MIB, kind="file-shared", file="cache").read()
    assert group.current >= 50 * MIB
    assert close(group.stat()["file"], group.current, 10)


@pytest.fixture
def high():
    m = cowlab.Machine("1 GiB", swap="1 GiB")
    return m.cgroup("/memcg_test", high=30 * MIB, swap_max=0)


def nobody_was_killed(group):
    return group.events()["oom"] == group.events()["oom_kill"] == group.machine.vmstat()["oom_kill"] == 0


def test_kselftest_memcontrol_test_memcg_high_lets_anonymous_memory_pass(high):
    heap = high.machine.spawn(cgroup=high).mmap(31 * MIB)
    assert heap.write().zeroed == 31 * MIB // PAGE
    assert high.current >= 31 * MIB
    assert high.events()["high"] > 0
    assert nobody_was_killed(high)


def test_kselftest_memcontrol_test_memcg_high_holds_the_page_cache(high):
    high.machine.file("cache", cached=False)
    cache = high.machine.spawn(cgroup=high).mmap(50 * MIB, kind="file-shared", file="cache")
    assert cache.read().major >= 50 * MIB // PAGE // 16
    assert high.current < 30 * MIB or close(high.current, 30 * MIB, 5)
    assert high.events()["high"] > 0
    assert nobody_was_killed(high)


def test_kselftest_memcontrol_test_memcg_oom_events():
    m = cowlab.Machine("1 GiB", swap="1 GiB")
    group = m.cgroup("/memcg_test", max=30 * MIB, swap_max=0)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn(cgroup=group).mmap(100 * MIB).write()
    assert group.processes == []
    assert (group.events()["oom"], group.events()["oom_kill"]) == (1, 1)


def test_kselftest_memcontrol_test_memcg_oom_group_leaf_events():
    m = cowlab.Machine("1 GiB", swap="1 GiB")
    parent = m.cgroup("/parent")
    child = m.cgroup("/parent/child", max=50 * MIB, swap_max=0, oom_group=True)
    outside = m.spawn("outside", cgroup=parent)
    outside.mmap(60 * MIB).write()
    for name in ("small 1", "small 2"):
        m.spawn(name, cgroup=child).mmap(MIB).write()
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn("large", cgroup=child).mmap(100 * MIB).write()
    assert m.processes == [outside]
    assert child.processes == []
    assert child.events()["oom_kill"] > 0
    assert parent.events()["oom_kill"] > 0
    assert parent.events_local()["oom_kill"] == 0


# ---- LTP controllers/memcg


@pytest.mark.parametrize("kind", ["private", "shared"])
def test_ltp_memcg_control_whoever_eats_more_than_the_topmost_limit_is_killed(kind):
    m = cowlab.Machine("1 GiB", swap="1 GiB")
    m.cgroup("/top", max="10 MiB", swap_max=0)
    m.cgroup("/top/middle")
    p = m.spawn(cgroup=m.cgroup("/top/middle/leaf"))
    with pytest.raises(cowlab.ProcessKilled):
        p.mmap("11 MiB", kind=kind).write()
    assert p.exit_reason == "oom-killed"
    assert m.cgroups["/top"].current == 0


@pytest.mark.parametrize("kind", ["private", "shared"])
@pytest.mark.parametrize(("limit", "touched"), [(1, 2), (0, 1)])
@pytest.mark.parametrize("page_tables", [False, True])
def test_ltp_memcg_limit_in_bytes_one_page_more_than_the_limit_kills(kind, limit, touched, page_tables):
    m = cowlab.Machine("1 GiB", page_tables=page_tables, check=True)
    p = m.spawn(cgroup=m.cgroup("/ltp", max=limit * PAGE))
    with pytest.raises(cowlab.ProcessKilled):
        p.mmap(touched * PAGE, kind=kind).write()
    assert p.exit_reason == "oom-killed"


@pytest.mark.parametrize("kind", ["private", "shared"])
def test_ltp_memcg_failcnt_counts_what_met_the_limit(kind):
    m = cowlab.Machine("1 GiB")
    group = m.cgroup("/ltp", max=PAGE)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn(cgroup=group).mmap(2 * PAGE, kind=kind).write()
    assert group.events()["max"] > 0


@pytest.mark.parametrize(("kind", "anon", "shmem"), [("private", 65, 0), ("noreserve", 65, 0), ("shared", 0, 65)])
def test_ltp_memcg_stat_rss_private_memory_is_anon_and_shared_memory_is_not(kind, anon, shmem):
    m = cowlab.Machine("1 GiB", check=True)
    group = m.cgroup("/ltp")
    heap = m.spawn(cgroup=group).mmap(65 * PAGE, kind=kind)
    heap.write()
    assert (group.stat()["anon"], group.stat()["shmem"]) == (anon * PAGE, shmem * PAGE)
    assert group.stat()["file"] == shmem * PAGE  # "file" has shared memory in it, as Linux has
    heap.munmap()
    assert set(group.stat().values()) == {0}


def test_ltp_memcg_move_charge_at_immigrate_disabled_leaves_the_charge_where_it_was():
    m = cowlab.Machine("1 GiB", check=True)
    a, b = m.cgroup("/a"), m.cgroup("/b")
    p = m.spawn(cgroup=a)
    p.mmap(100 * PAGE).write()
    b.attach(p)
    assert (a.stat()["anon"], b.stat()["anon"]) == (100 * PAGE, 0)
    assert b.current == 0


def test_ltp_memcg_max_usage_in_bytes_the_peak_stays():
    m = cowlab.Machine("1 GiB")
    group = m.cgroup("/ltp")
    heap = m.spawn(cgroup=group).mmap(1024 * PAGE)
    heap.write()
    heap.munmap()
    assert group.current == 0
    assert group.peak == (1024 + 2 + 2) * PAGE  # two leaves, a middle and an upper table


# ---- LTP mem/swapping


def test_ltp_swapping01_a_third_more_than_what_is_available_swaps_about_that_third():
    m = cowlab.Machine("1 GiB", swap="1 GiB")
    available = m.meminfo()["MemAvailable"] * KIB
    p = m.spawn()
    p.mmap(available * 13 // 10).write()
    assert p.alive
    assert p.swap <= available  # what LTP asks for
    assert 0.3 * available <= p.swap <= 0.32 * available  # what it says is ideal; page tables and a batch more
