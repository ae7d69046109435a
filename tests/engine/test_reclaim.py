"""Reclaim and swap: pages that go, what it costs to have them back, and that nothing is lost on the way."""

import random
from itertools import pairwise

import numpy as np
import pytest

import cowlab
from helpers.machines import used

KIB, MIB = 1024, 1 << 20
PAGE = 4096


def machine(pages, swap="4 MiB", **settings):
    """A machine of so many frames, of which page tables take none: figures that can be done in the head."""
    settings = {"overcommit": "always", "page_tables": False, "check": True} | settings
    return cowlab.Machine(pages * PAGE, swap=swap, **settings)


@pytest.fixture
def m():
    return machine(1024)


@pytest.fixture
def parent(m):
    """In a group of its own, so that all its pages can be sent out (swap_out)."""
    return m.spawn("parent", cgroup=m.cgroup("/g"))


def swap_out(m, path="/g"):
    """Send all pages of a group out: its limit is lowered to nothing, and lifted again."""
    group = m.cgroups[path]
    group.max = 0
    group.max = None
    assert group.current == 0


def heap_of(process, pages, value=1, kind="private", **file):
    heap = process.mmap(pages * PAGE, kind=kind, name="heap", **file)
    heap.write(value=value)
    return heap


def values(mapping):
    return set(mapping.values().tolist())


def slots(m):
    """Swap slots in use."""
    info = m.meminfo()
    return (info["SwapTotal"] - info["SwapFree"]) // 4


def count(m, *names):
    return [m.vmstat()[name] for name in names]


# ---- one process


def test_a_page_that_is_swapped_out_leaves_memory_and_keeps_its_content(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    assert (parent.rss, parent.pss, parent.uss, parent.swap) == (0, 0, 0, 16 * PAGE)
    assert (used(m), slots(m)) == (0, 16)
    row = parent.smaps()["heap"]
    assert (row["Rss"], row["Swap"], row["SwapPss"], row["Anonymous"]) == (0, 64, 64, 0)
    assert (parent.status()["VmSwap"], parent.status()["VmRSS"]) == (64, 0)
    assert values(heap) == {7}


def test_reading_it_is_a_major_fault_a_page_and_frees_the_slot(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    assert heap.read() == (0, 16, 0, 0, 0)
    assert (parent.rss, parent.swap, slots(m)) == (16 * PAGE, 0, 0)
    assert (parent.minor_faults, parent.major_faults) == (16, 16)
    assert values(heap) == {7}
    assert heap.read() == (0, 0, 0, 0, 0)


def test_writing_it_is_one_major_fault_too(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    assert heap.write(0, 8, value=9) == (0, 8, 0, 0, 0)
    assert heap.values().tolist() == [9] * 8 + [7] * 8
    assert heap.write(0, 8).minor == 0


def test_a_sole_owner_that_read_it_back_writes_without_a_fault_or_reuses(m, parent):
    heap = heap_of(parent, 16)
    swap_out(m)
    heap.read()
    faults = heap.write()
    assert (faults.major, faults.copied, faults.zeroed) == (0, 0, 0)


def test_contents_survive_page_by_page(m, parent):
    heap = heap_of(parent, 300)
    for page in range(300):
        heap.write(page, value=page * page)
    swap_out(m)
    assert heap.values().tolist() == [page * page for page in range(300)]
    heap.read(pages=range(299, 99, -1))
    swap_out(m)
    heap.write(pages=[5, 250], value=1)
    expected = [1 if page in (5, 250) else page * page for page in range(300)]
    assert heap.values().tolist() == expected
    heap.read()
    assert heap.values().tolist() == expected


def test_a_page_never_written_takes_no_slot(m, parent):
    heap = parent.mmap("64 KiB", name="heap")
    heap.read()
    swap_out(m)
    assert (slots(m), heap.read().major) == (0, 0)


def test_swapping_needs_no_promise_and_gives_none_back(m, parent):
    heap_of(parent, 16)
    before = m.meminfo()["Committed_AS"]
    swap_out(m)
    assert m.meminfo()["Committed_AS"] == before == 64


def test_page_tables_stay(m):
    m = cowlab.Machine("4 MiB", swap="4 MiB", check=True)
    group = m.cgroup("/g")
    p = m.spawn(cgroup=group)
    heap_of(p, 16)
    group.max = 3 * PAGE
    assert (p.rss, p.page_tables, group.current) == (0, 3 * PAGE, 3 * PAGE)


# ---- pages that several share


@pytest.fixture
def child(m, parent):
    heap_of(parent, 16, value=7)
    child = parent.fork("child")
    swap_out(m)
    return child


def test_a_shared_page_takes_one_slot_and_one_write(m, parent, child):
    assert (slots(m), *count(m, "pswpout")) == (16, 16)
    assert (parent.swap, child.swap) == (16 * PAGE, 16 * PAGE)
    for process in (parent, child):
        row = process.smaps()["heap"]
        assert (row["Swap"], row["SwapPss"]) == (64, 32)


def test_the_first_to_touch_it_reads_the_disk_and_the_others_find_it_in_the_swap_cache(m, parent, child):
    grandchild = child.fork()
    assert [p["heap"].read()[:2] for p in (child, parent, grandchild)] == [(0, 16), (16, 0), (16, 0)]
    assert count(m, "pswpin", "pgmajfault") == [16, 16]
    assert (used(m), slots(m)) == (16, 0)
    assert parent["heap"].mapcounts().tolist() == [3] * 16
    assert values(parent["heap"]) == values(child["heap"]) == {7}


def test_while_others_name_the_slot_it_is_held(m, parent, child):
    parent["heap"].read()
    assert slots(m) == 16
    child["heap"].read(0, 4)
    assert slots(m) == 12


def test_a_write_copies_while_others_name_the_slot(m, parent, child):
    parent["heap"].read()
    assert parent["heap"].mapcounts().tolist() == [1] * 16  # mapped once, and not alone
    assert parent["heap"].write(value=8) == (16, 0, 0, 16, 0)
    assert (values(parent["heap"]), values(child["heap"])) == ({8}, {7})
    assert child["heap"].read()[:2] == (16, 0)  # the old frames are in the swap cache still


def test_a_write_to_a_shared_swapped_page_reads_and_copies_in_one_fault(m, parent, child):
    assert child["heap"].write(value=8) == (0, 16, 0, 16, 0)
    assert (values(parent["heap"]), values(child["heap"])) == ({7}, {8})
    assert child["heap"].write().minor == 0
    assert parent["heap"].read()[:2] == (16, 0)


def test_the_last_one_named_by_the_slot_writes_in_place(m, parent, child):
    parent.exit()
    assert child["heap"].write(value=8) == (0, 16, 0, 0, 0)
    assert (used(m), slots(m)) == (16, 0)


def test_the_last_one_may_find_it_in_the_swap_cache_and_write_in_place(m, parent, child):
    parent["heap"].read()
    parent.exit()
    assert slots(m) == 16
    faults = child["heap"].write(value=8)
    assert (faults.major, faults.copied) == (0, 0)
    assert (used(m), slots(m), values(child["heap"])) == (16, 0, {8})


def test_once_all_have_it_back_a_write_copies_as_after_a_fork(m, parent, child):
    for process in (parent, child):
        process["heap"].read()
    assert parent["heap"].write(0, 8, value=8).copied == 8
    assert child["heap"].write(0, 8, value=9).reused == 8
    assert parent["heap"].values().tolist() == [8] * 8 + [7] * 8
    assert child["heap"].values().tolist() == [9] * 8 + [7] * 8


def test_a_page_in_the_swap_cache_goes_again_without_being_written(m, parent, child):
    parent["heap"].read()
    swap_out(m)
    assert count(m, "pswpout") == [16]
    assert (slots(m), parent.swap, child.swap) == (16, 16 * PAGE, 16 * PAGE)
    assert child["heap"].read()[:2] == (0, 16)
    assert parent["heap"].read()[:2] == (16, 0)
    assert values(parent["heap"]) == values(child["heap"]) == {7}


def test_fork_of_swapped_pages_shares_their_slots(m, parent):
    heap_of(parent, 16, value=7)
    swap_out(m)
    child = parent.fork()
    assert (slots(m), used(m), child.swap, child.minor_faults) == (16, 0, 16 * PAGE, 0)
    assert child["heap"].write(value=8) == (0, 16, 0, 16, 0)
    parent.exit()
    assert (slots(m), used(m), values(child["heap"])) == (0, 16, {8})


def test_fork_of_pages_some_in_memory_some_not(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    heap.write(0, 8, value=8)
    child = parent.fork()
    assert (child.rss, child.swap) == (8 * PAGE, 8 * PAGE)
    child["heap"].write(value=9)
    assert heap.values().tolist() == [8] * 8 + [7] * 8


def test_without_copy_on_write_a_fork_has_swapped_pages_of_its_own():
    m = machine(1024, copy_on_write=False)
    parent = m.spawn(cgroup=m.cgroup("/g"))
    heap_of(parent, 16, value=7)
    swap_out(m)
    child = parent.fork()
    child["heap"].write(0, 8, value=9)
    assert child["heap"].values().tolist() == [9] * 8 + [7] * 8
    assert values(parent["heap"]) == {7}


@pytest.mark.parametrize("first", ["parent", "child"])
def test_exit_frees_the_slots_with_the_last_one(m, parent, child, first):
    m[first].exit()
    assert slots(m) == 16
    m.processes[0].exit()
    assert (slots(m), used(m)) == (0, 0)


def test_a_killed_process_frees_its_slots(m, parent):
    heap_of(parent, 16)
    swap_out(m)
    m.kill(parent)
    assert slots(m) == 0


# ---- calls on pages that are swapped out


def test_dontneed_of_swapped_pages_frees_their_slots_and_reads_zero(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    heap.dontneed(0, 8)
    assert (slots(m), parent.swap) == (8, 8 * PAGE)
    assert heap.values().tolist() == [0] * 8 + [7] * 8
    assert heap.write(0, 8) == (8, 0, 8, 0, 0)


def test_munmap_of_swapped_pages_frees_their_slots(m, parent, child):
    parent["heap"].munmap(4, 12)
    assert (slots(m), parent.swap) == (16, 8 * PAGE)
    child["heap"].munmap(0, 8)
    assert slots(m) == 12  # of pages 4 to 7 nobody names the slot any more
    assert set(child["heap"].values(8, 16).tolist()) == {7}
    child["heap"].munmap()
    parent["heap"].munmap()
    assert slots(m) == 0


def test_a_protection_holds_for_pages_that_come_back(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    heap.protect("r")
    assert heap.read().major == 16
    with pytest.raises(cowlab.SegmentationFault):
        heap.write(0)
    assert values(heap) == {7}


def test_exclusive_use_survives_in_the_slot(m, parent):
    heap = heap_of(parent, 16, value=7)
    swap_out(m)
    heap.protect("r")
    heap.read()
    heap.protect("rw")
    assert heap.write() == (0, 0, 0, 0, 0)  # nobody else ever had it: mprotect makes it writable


def test_what_was_shared_at_a_fork_is_not_made_writable_by_protect(m, parent, child):
    child.exit()
    heap = parent["heap"]
    heap.protect("r")
    heap.read()
    heap.protect("rw")
    faults = heap.write()
    assert (faults.major, faults.copied) == (0, 0)


def test_populate_and_a_touch_over_a_mix_fault_for_what_is_missing_only(m, parent):
    heap = parent.mmap("64 KiB", name="heap")
    heap.write(0, 8, value=7)
    swap_out(m)
    heap.read(0, 4)
    assert heap.write() == (8, 4, 8, 0, 0)
    assert heap.values().tolist() == [7] * 8 + [0] * 8


def test_scattered_touches_of_swapped_pages(m, parent):
    heap = heap_of(parent, 700, value=7)
    swap_out(m)
    assert heap.read(pages=[600, 3, 600, 3, 5]) == (0, 3, 0, 0, 0)
    assert heap.write(pages=[600, 7, 601], value=8) == (0, 2, 0, 0, 0)
    assert heap.values(pages=[3, 600, 601, 7, 8]).tolist() == [7, 8, 8, 8, 7]
    assert slots(m) == 700 - 5


# ---- shared memory


@pytest.fixture
def shm(m, parent):
    return heap_of(parent, 16, value=7, kind="shared")


def test_shared_memory_is_swapped_with_its_object(m, parent, shm):
    child = parent.fork()
    child["heap"].read()
    swap_out(m)
    assert (slots(m), *count(m, "pswpout")) == (16, 16)
    assert (parent.rss, child.rss, m.meminfo()["Shmem"]) == (0, 0, 0)
    assert (parent.swap, child.swap, parent.status()["VmSwap"]) == (0, 0, 0)  # no process has the entries
    assert (parent.smaps()["heap"]["Swap"], parent.smaps()["heap"]["SwapPss"]) == (64, 0)
    assert values(shm) == values(child["heap"]) == {7}


def test_its_first_reader_waits_for_the_disk_and_the_others_do_not(m, parent, shm):
    child = parent.fork()
    swap_out(m)
    assert child["heap"].read() == (0, 16, 0, 0, 0)
    assert shm.read()[:2] == (1, 0)  # one fault maps the window of 16
    child["heap"].write(3, value=9)
    assert shm.values(3).tolist() == [9]
    assert (slots(m), used(m)) == (0, 16)


def test_a_write_to_swapped_shared_memory_is_seen_by_all(m, parent, shm):
    child = parent.fork()
    swap_out(m)
    assert child["heap"].write(0, 4, value=9)[:2] == (0, 4)
    assert shm.values().tolist() == [9] * 4 + [7] * 12


def test_slots_of_shared_memory_go_with_its_last_mapping(m, parent, shm):
    child = parent.fork()
    swap_out(m)
    parent.exit()
    assert slots(m) == 16
    child["heap"].munmap()
    assert slots(m) == 0


def test_dontneed_of_swapped_shared_memory_drops_nothing(m, shm):
    swap_out(m)
    shm.dontneed()
    assert (slots(m), values(shm)) == (16, {7})


def test_half_of_an_object_swapped(m, parent, shm):
    swap_out(m)
    shm.read(0, 8)
    child = parent.fork()
    assert child["heap"].read()[:2] == (1, 8)  # the fault at page 0 maps what is in memory; 8 pages are not
    assert values(child["heap"]) == {7}


# ---- files


def test_clean_file_pages_are_dropped_and_read_again(m, parent):
    text = parent.mmap("64 KiB", kind="file-private", file="text", name="text")
    text.read()
    swap_out(m)
    assert (parent.rss, m.meminfo()["Cached"], slots(m)) == (0, 0, 0)
    assert count(m, "pswpout", "pgpgout", "pgpgin") == [0, 0, 0]
    assert text.read() == (0, 16, 0, 0, 0)
    assert text.values().tolist() == list(range(1000, 1016))
    assert count(m, "pgpgin", "workingset_refault_file", "workingset_refault_anon", "pgmajfault") == [64, 16, 0, 16]


def test_a_first_read_from_disk_is_no_refault(m, parent):
    m.file("cold", cached=False)
    cold = parent.mmap("64 KiB", kind="file-shared", file="cold")
    assert cold.read() == (0, 16, 0, 0, 0)
    assert count(m, "workingset_refault_file", "pgpgin") == [0, 64]
    assert m.pressure()["some"]["total"] == 0
    swap_out(m)
    cold.read()
    assert count(m, "workingset_refault_file", "pgpgin") == [16, 128]
    assert m.pressure()["some"]["total"] > 0


def test_a_dirty_shared_file_is_written_back_and_not_swapped(m, parent):
    data = parent.mmap("64 KiB", kind="file-shared", file="data", name="data")
    data.read()
    data.write(0, 4, value=9)
    swap_out(m)
    assert slots(m) == 0
    assert count(m, "pgpgout", "pswpout") == [16, 0]
    assert data.values(0, 5).tolist() == [9, 9, 9, 9, 1004]
    assert data.read().major == 16
    assert data.values(0, 5).tolist() == [9, 9, 9, 9, 1004]
    swap_out(m)
    assert count(m, "pgpgout") == [16]  # it came back clean


def test_what_was_written_stays_on_disk_when_every_mapping_is_gone(m, parent):
    data = parent.mmap("64 KiB", kind="file-shared", file="data", name="data")
    data.write(3, value=9)
    parent.exit()
    swap_out(m)
    again = m.spawn().mmap("64 KiB", kind="file-private", file="data")
    assert again.values(2, 5).tolist() == [1002, 9, 1004]
    assert again.read(3).major == 1


def test_a_file_leaves_every_process_that_maps_it(m, parent):
    parent.mmap("64 KiB", kind="file-shared", file="data", name="data").read()
    others = [m.spawn(f"other {n}") for n in range(3)]
    for other, kind in zip(others, ("file-shared", "file-private", "file-private"), strict=True):
        other.mmap("64 KiB", kind=kind, file="data", name="data").read()
    swap_out(m)
    assert [p.rss for p in m.processes] == [0] * 4
    for p in m.processes:
        assert p["data"].values().tolist() == list(range(1000, 1016))
    assert others[1]["data"].read(0).major == 1
    assert others[0]["data"].read(0)[:2] == (1, 0)


def test_private_copies_of_a_file_go_to_swap_and_the_file_is_dropped(m, parent):
    text = parent.mmap("64 KiB", kind="file-private", file="text", name="text")
    text.read()
    text.write(0, 4, value=9)
    swap_out(m)
    assert (slots(m), parent.swap, parent.rss) == (4, 4 * PAGE, 0)
    assert text.values(2, 6).tolist() == [9, 9, 1004, 1005]
    assert text.read() == (0, 16, 0, 0, 0)
    assert count(m, "pswpin", "workingset_refault_file") == [4, 12]
    swap_out(m)
    text.dontneed(0, 2)
    assert (slots(m), text.values(1, 3).tolist()) == (2, [1001, 9])


@pytest.mark.parametrize("touched", [{"start": 0}, {"start": 0, "stop": 3}, {"pages": [2, 1]}])
def test_fault_around_maps_no_file_page_over_a_private_one_that_is_swapped_out(m, parent, touched):
    text = parent.mmap("64 KiB", kind="file-private", file="text", name="text")
    text.write(3, value=9)
    swap_out(m)
    m.spawn().mmap("64 KiB", kind="file-shared", file="text").read()  # the file is in the cache again
    assert text.read(**touched) == (1, 0, 0, 0, 0)
    assert text.values(2, 5).tolist() == [1002, 9, 1004]
    assert (text.rss, parent.swap) == (15 * PAGE, PAGE)
    assert text.read() == (0, 1, 0, 0, 0)


# ---- what goes


def pressed(swappiness, swap="4 MiB"):
    """256 file pages and 256 anonymous ones on a machine of 600, and then 200 more."""
    m = machine(600, swap=swap, swappiness=swappiness)
    p = m.spawn()
    p.mmap("1 MiB", kind="file-shared", name="file").read()
    p.mmap("1 MiB", name="anon").write(value=7)
    p["file"].read()
    p.mmap("800 KiB", name="more").write()
    gone = 256 - p["file"].rss // PAGE, p.swap // PAGE
    assert values(p["anon"]) == {7}
    assert sum(gone) >= 256 + 256 + 200 - 600
    return gone


def test_without_swap_only_files_are_dropped():
    assert pressed(60, swap=0)[1] == 0


def test_with_a_swappiness_of_0_files_go_as_long_as_there_are_any():
    assert pressed(0)[1] == 0


def test_with_a_swappiness_of_200_anonymous_pages_go_alone():
    assert pressed(200)[0] == 0


def test_in_between_both_go():
    file, anon = pressed(100)
    assert file > 0 and anon > 0


def test_the_more_swappiness_the_more_is_swapped():
    assert all(a[1] <= b[1] for a, b in pairwise(pressed(n) for n in (0, 20, 60, 100, 150, 200)))


def test_with_a_swappiness_of_0_the_machine_swaps_when_no_file_is_left_and_a_group_does_not():
    m = machine(100, swappiness=0)
    p = m.spawn()
    p.mmap(120 * PAGE).write()
    assert p.swap >= 20 * PAGE
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn(cgroup=m.cgroup("/g", max=10 * PAGE)).mmap(20 * PAGE).write()


def test_when_files_and_swap_are_used_up_somebody_dies():
    m = machine(600, swap=100 * PAGE)
    p = m.spawn()
    p.mmap("1 MiB", kind="file-shared").read()
    heap = p.mmap("4 MiB")
    with pytest.raises(cowlab.ProcessKilled):
        heap.write()
    assert m.oom_reports[0].done == 600 + 100
    assert (m.meminfo()["Cached"], slots(m)) == (0, 0)


@pytest.mark.parametrize("swappiness", [-1, 201, 60.0, "60", None, True])
def test_a_swappiness_that_means_nothing_is_refused(swappiness):
    with pytest.raises(ValueError, match="swappiness"):
        cowlab.Machine("1 MiB", swappiness=swappiness)


def test_what_was_used_lately_stays():
    m = machine(1024)
    p = m.spawn()
    hot, cold = p.mmap("400 KiB", name="hot"), p.mmap("2 MiB", name="cold")
    hot.write()
    cold.write()
    for _ in range(10):
        hot.read()
        p.mmap("200 KiB").write()
    assert (hot.rss, hot.read().major) == (hot.size, 0)
    assert cold.rss < cold.size


# ---- policies, against textbook strings


def frames_for(reference, frames, policy):
    """Page faults of a string of references, each a touch of that page, with so many frames."""
    m = machine(frames, evict_policy=policy)
    heap = m.spawn().mmap((max(reference) + 1) * PAGE)
    faults = 0
    for step, page in enumerate(reference):
        cost = heap.write(page, value=step)
        faults += cost.minor + cost.major
        last = {number: at for at, number in enumerate(reference[: step + 1])}
        assert heap.values(pages=list(last)).tolist() == list(last.values())
    return faults


def clock_faults(reference, frames):
    """Second chance in ten lines: slots in a ring, a bit each, a hand."""
    ring, used, hand, faults = [], [], 0, 0
    for page in reference:
        if page in ring:
            used[ring.index(page)] = True
            continue
        faults += 1
        if len(ring) < frames:
            ring.append(page)
            used.append(True)
            continue
        while used[hand]:
            used[hand] = False
            hand = (hand + 1) % frames
        ring[hand], used[hand] = page, True
        hand = (hand + 1) % frames
    return faults


BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
SILBERSCHATZ = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1]


@pytest.mark.parametrize(
    ("reference", "frames", "policy", "faults"),
    [
        (BELADY, 3, "fifo", 9),
        (BELADY, 4, "fifo", 10),  # Bélády's anomaly: more frames, more faults
        (BELADY, 3, "lru", 10),
        (BELADY, 4, "lru", 8),
        (SILBERSCHATZ, 3, "fifo", 15),
        (SILBERSCHATZ, 3, "lru", 12),
    ],
)
def test_textbook_strings(reference, frames, policy, faults):
    assert frames_for(reference, frames, policy) == faults


def fifo_faults(reference, frames):
    queue, faults = [], 0
    for page in reference:
        if page not in queue:
            faults += 1
            queue = [*queue, page][-frames:]
    return faults


def lru_faults(reference, frames):
    stack, faults = [], 0
    for page in reference:
        faults += page not in stack
        stack = [*(other for other in stack if other != page), page][-frames:]
    return faults


MODELS = {"fifo": fifo_faults, "lru": lru_faults, "clock": clock_faults}


@pytest.mark.parametrize("policy", MODELS)
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_random_strings_against_small_models(policy, frames):
    for seed in range(3):
        draw = random.Random(seed)
        reference = [min(draw.randrange(10), draw.randrange(10)) for _ in range(60)]
        assert frames_for(reference, frames, policy) == MODELS[policy](reference, frames)


@pytest.mark.parametrize("frames", [3, 4])
def test_clock_on_beladys_string(frames):
    assert frames_for(BELADY, frames, "clock") == clock_faults(BELADY, frames)


def test_random_eviction_draws_the_same_each_time_and_is_no_better_than_the_best():
    faults = frames_for(SILBERSCHATZ, 3, "random")
    assert faults == frames_for(SILBERSCHATZ, 3, "random")
    assert 9 <= faults <= len(SILBERSCHATZ)  # the optimum is 9


def test_a_policy_of_ones_own_sees_what_may_go():
    seen = []

    def policy(pages, wanted):
        seen.append((len(pages), wanted, pages.mappers.tolist(), pages.anonymous.tolist()))
        assert len(np.unique(pages.frame)) == len(pages)
        return pages.used.argsort()[-wanted:]  # the page used last

    m = machine(4, evict_policy=policy)
    p = m.spawn()
    p.mmap(PAGE, kind="file-shared", name="file").read()
    p.mmap(2 * PAGE, name="both").write()
    p.fork()
    p.mmap(2 * PAGE, name="own").write()
    assert seen == [(4, 1, [1, 2, 2, 1], [False, True, True, True])]
    assert p["own"].mapcounts().tolist() == [0, 1]


@pytest.mark.parametrize("answer", [[3], [-1], ["a"], [0.5], [[0]], None, 3])
def test_a_policy_whose_answer_means_nothing_is_told_so(answer):
    m = machine(3, evict_policy=lambda pages, wanted: answer)
    heap = m.spawn().mmap(4 * PAGE)
    with pytest.raises(ValueError, match="evict_policy"):
        heap.write(value=5)
    assert heap.values().tolist() == [5, 5, 5, 0]
    assert slots(m) == 0


def test_a_policy_that_lets_nothing_go_leaves_the_killer():
    m = machine(3, evict_policy=lambda pages, wanted: [])
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn().mmap(4 * PAGE).write()


@pytest.mark.parametrize("policy", ["mru", "", 3, ["lru"]])
def test_a_policy_that_is_none_is_refused(policy):
    with pytest.raises(ValueError, match="evict_policy"):
        cowlab.Machine("1 MiB", evict_policy=policy)


# ---- thrashing


@pytest.mark.parametrize("policy", ["lru", "fifo"])
def test_a_loop_over_one_page_more_than_memory_misses_every_time(policy):
    m = machine(16, evict_policy=policy)
    heap = m.spawn().mmap(17 * PAGE)
    heap.write()
    for _ in range(5):
        assert heap.read() == (0, 17, 0, 0, 0)


def test_a_loop_that_fits_misses_never_again():
    m = machine(16, evict_policy="lru")
    heap = m.spawn().mmap(16 * PAGE)
    heap.write()
    assert [heap.read() for _ in range(3)] == [(0, 0, 0, 0, 0)] * 3
    assert slots(m) == 0


def test_letting_the_newest_go_a_loop_misses_only_what_does_not_fit():
    m = machine(16, evict_policy=lambda pages, wanted: pages.used.argsort()[::-1][:wanted])
    heap = m.spawn().mmap(17 * PAGE)
    heap.write()
    assert all(heap.read().major <= 2 for _ in range(5))


@pytest.mark.parametrize("kind", ["private", "shared", "file-shared"])
def test_a_working_set_beyond_memory_thrashes(kind):
    m = machine(512, swap="8 MiB")
    m.file("file", cached=False)
    heap = m.spawn().mmap("4 MiB", kind=kind, **({"file": "file"} if kind.startswith("file") else {}))
    heap.write(value=3)
    for _ in range(3):
        before = m.clock
        faults = heap.read()
        assert 1024 - 512 <= faults.major <= 1024
        assert m.clock - before >= faults.major * cowlab.Costs().swap_in / 1e9
    assert values(heap) == {3}
    assert m.pressure()["some"]["total"] > 0


def test_two_processes_that_fit_alone_and_not_together():
    m = machine(512, swap="8 MiB")
    first, second = (m.spawn().mmap("1.5 MiB") for _ in range(2))
    for _ in range(3):
        first.write(value=1)
        second.write(value=2)
    assert first.process.major_faults >= 2 * (2 * 384 - 512) // 2
    assert (values(first), values(second)) == ({1}, {2})
    assert used(m) <= 512


# ---- watermarks


@pytest.mark.parametrize(
    ("pages", "min_free", "low", "high"),
    [
        (772808, 3879, 4848, 5817),  # a zone of a real machine: the gap is a quarter of min
        (262144, 600, 862, 1124),  # 1 GiB: the gap is a thousandth of memory, as that is more
    ],
)
def test_below_the_low_watermark_kswapd_reclaims_up_to_the_high_one(pages, min_free, low, high):
    m = machine(pages, min_free=min_free * PAGE, evict_policy="fifo", check=False)
    p = m.spawn()
    p.mmap((pages - low) * PAGE, kind="file-shared", file="data")
    assert m.meminfo()["MemFree"] == low * 4  # at the low watermark it sleeps on
    p.mmap((pages - low + 1) * PAGE, kind="file-shared", file="data")
    assert m.meminfo()["MemFree"] == high * 4
    assert m.pressure()["some"]["total"] == 0  # nobody waited for it


def test_kswapd_swaps_too_and_in_batches_may_free_a_little_more():
    m = machine(1024, min_free=40 * PAGE, swappiness=200)  # the gap is 10: low 50, high 60
    heap = m.spawn().mmap("4 MiB")
    heap.write(0, 980, value=7)
    assert 60 <= m.meminfo()["MemFree"] // 4 <= 60 + 1024 // 64
    assert slots(m) >= 60 - 44
    assert values(heap.process["mapping 1"]) == {7, 0}


def test_the_last_frames_are_kept_back():
    m = machine(100, swap=0, min_free=20 * PAGE)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn().mmap("1 MiB").write()
    assert m.oom_reports[0].done == 80


def test_without_min_free_every_frame_can_be_used_and_kswapd_never_wakes():
    m = machine(100)
    m.spawn().mmap(100 * PAGE).write()
    assert (m.meminfo()["MemFree"], slots(m)) == (0, 0)


@pytest.mark.parametrize("min_free", ["3 MiB", -1, "xx", None])
def test_a_min_free_that_means_nothing_is_refused(min_free):
    with pytest.raises(ValueError):
        cowlab.Machine("4 MiB", min_free=min_free)


# ---- counters


def test_counters_add_up(m, parent):
    heap = heap_of(parent, 100)
    swap_out(m)
    heap.read(0, 40)
    assert count(m, "pswpout", "pswpin", "pgpgout", "pgpgin") == [100, 40, 400, 160]
    assert count(m, "workingset_refault_anon", "pgmajfault", "pgfault", "pgsteal") == [40, 40, 140, 100]
    swap_out(m)
    assert count(m, "pswpout", "pswpin") == [140, 40]


def test_the_log_has_one_event_a_call(m, parent):
    heap = heap_of(parent, 100)
    swap_out(m)
    heap.read()
    events = [(event.kind, event.process, event.count) for event in m.log if event.kind.startswith("swap")]
    assert events[-1] == ("swap_in", "parent", 100)
    assert sum(n for kind, _, n in events if kind == "swap_out") == 100


def test_major_faults_take_the_time_of_the_device():
    costs = cowlab.Costs(swap_in=10**6, swap_out=0, fault=0)
    m = machine(100, costs=costs)
    p = m.spawn(cgroup=m.cgroup("/g"))
    heap_of(p, 50)
    swap_out(m)
    before = m.clock
    p["heap"].read()
    assert m.clock - before == pytest.approx(0.05)
    assert m.pressure()["some"]["total"] == 50_000


# ---- where other simulators went wrong


def test_4_a_shared_frame_that_is_evicted_leaves_every_process_that_maps_it(m, parent):
    heap_of(parent, 40, value=7)
    children = [parent.fork(f"child {n}") for n in range(3)]
    children[0]["heap"].write(0, 10, value=8)
    children[1].fork("grandchild")["heap"].write(5, 15, value=9)
    seen = {p.name: p["heap"].values().tolist() for p in m.processes}
    swap_out(m)
    assert [p.rss for p in m.processes] == [0] * 5
    stranger = m.spawn("stranger").mmap("4 MiB")
    stranger.write(value=666)  # takes every frame that there is
    assert {p.name: p["heap"].values().tolist() for p in m.processes if p.name in seen} == seen
    for name in seen:
        m[name]["heap"].read()
    assert {name: m[name]["heap"].values().tolist() for name in seen} == seen
    assert values(stranger) == {666}


def test_4_with_pages_of_a_process_that_is_not_in_the_group(m, parent):
    """The group pays for the frames, a process elsewhere maps them too."""
    heap_of(parent, 40, value=7)
    other = parent.fork("other", cgroup="/")
    parent.exit()
    swap_out(m)
    assert (other.rss, other.swap) == (0, 40 * PAGE)
    assert other["heap"].read().major == 40
    assert (values(other["heap"]), m.cgroups["/g"].current) == ({7}, 40 * PAGE)


@pytest.mark.parametrize("policy", ["fifo", "lru", "clock", "random", None])
@pytest.mark.parametrize("frames", [2, 3, 5])
def test_6_a_copy_without_a_free_frame_never_takes_its_own_source(policy, frames):
    m = machine(frames, evict_policy=policy)
    parent = m.spawn("parent")
    heap_of(parent, 1, value=1)
    child = parent.fork("child")
    other = m.spawn("other")
    other.mmap((frames - 1) * PAGE, name="rest").write(value=3)
    assert m.meminfo()["MemFree"] == 0
    assert child["heap"].write(value=2).copied == 1
    assert parent["heap"].values().tolist() == [1]
    assert child["heap"].values().tolist() == [2]
    assert values(other["rest"]) == {3}
    assert m.oom_reports == []


@pytest.mark.parametrize("policy", ["fifo", "lru", None])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("limit", ["ram", "max", "high"])
def test_6_a_copy_of_a_file_page_never_takes_its_own_source(limit, cached, policy):
    """A first write needs the page of the file, and beside it a frame for the copy."""
    m = machine(10 if limit == "ram" else 100, swap=0, evict_policy=policy)
    m.file("file", cached)
    m.spawn("reader").mmap(10 * PAGE, kind="file-shared", file="file").read()
    group = m.cgroup("/g", **({} if limit == "ram" else {limit: 10 * PAGE}))
    text = m.spawn("writer", cgroup=group).mmap(10 * PAGE, kind="file-private", file="file", name="text")
    m["reader"].exit()
    if limit == "ram":  # the tenth copy would leave no frame for the page that it is a copy of
        with pytest.raises(cowlab.ProcessKilled):
            text.write(value=7)
        assert m.oom_reports[0].done == 9
    else:  # the page of the file is charged to whoever read it first
        assert text.write(value=7).copied == 10
        assert values(text) == {7}


@pytest.mark.parametrize("policy", ["fifo", "lru", None])
def test_6_nor_does_it_when_the_group_pays_for_both(policy):
    def write(**limit):
        m = machine(100, swap=0, evict_policy=policy)
        m.file("file", cached=False)
        text = m.spawn(cgroup=m.cgroup("/g", **limit)).mmap(20 * PAGE, kind="file-private", file="file")
        text.write(value=7)
        return text

    assert values(write(high=10 * PAGE)) == {7}
    with pytest.raises(cowlab.ProcessKilled, match="after 9 pages"):
        write(max=10 * PAGE)


@pytest.mark.parametrize("pages", [1, 2])
def test_6_nor_does_it_where_two_groups_pay_and_one_limit_above_holds_for_both(pages):
    m = machine(100)
    top = m.cgroup("/g")
    parent = m.spawn("parent", cgroup=m.cgroup("/g/a"))
    heap_of(parent, 1, value=1)
    child = parent.fork("child", cgroup="/g")
    swap_out(m)
    top.max = pages * PAGE
    if pages == 2:  # the page that is read is charged to /g/a, the copy to /g
        assert child["heap"].write(value=2) == (0, 1, 0, 1, 0)
        assert (values(parent["heap"]), values(child["heap"])) == ({1}, {2})
    else:  # two frames are never to be had: of equals the parent is looked at last, and dies
        assert child["heap"].write(value=2).copied == 0
        assert (parent.exit_reason, values(child["heap"])) == ("oom-killed", {2})


@pytest.mark.parametrize("policy", ["fifo", "lru", "clock", "random", None])
def test_6_many_copies_on_a_machine_that_is_full(policy):
    m = machine(64, evict_policy=policy)
    parent = m.spawn("parent")
    heap_of(parent, 40, value=1)
    children = [parent.fork() for _ in range(3)]
    for n, child in enumerate(children):
        child["heap"].write(value=n + 2)
    assert [values(p["heap"]) for p in m.processes] == [{1}, {2}, {3}, {4}]
    assert used(m) + slots(m) >= 4 * 40


def test_a_page_that_lost_one_mapper_and_won_another_since_the_walk_leaves_the_right_ones():
    """A walk finds who maps a page; one unmaps it afterwards, and another maps it with the neighbours of a fault."""
    m = machine(1024, swap=0)
    a, b, c, d = (m.spawn(name) for name in "abcd")
    for p in (a, b):
        p.mmap("2 MiB", kind="file-shared", file="file", name="file").read()
    hog = c.mmap("3.5 MiB")
    hog.write(0, 513)
    a["file"].munmap()
    view = d.mmap("2 MiB", kind="file-shared", file="file")
    for page in range(16, 512, 16):
        view.read(page)
    hog.write(0, 800)
    assert view.values().tolist() == list(range(1000, 1512))


def test_a_page_that_was_unmapped_and_made_anew_since_the_walk():
    m = machine(1024)
    p = m.spawn()
    old, hog = p.mmap("2 MiB", name="old"), p.mmap("8 MiB", name="hog")
    old.write(value=1)
    hog.write(0, 520, value=2)
    old.munmap(0, 400)
    new = p.mmap("1.5 MiB", name="new")
    new.write(value=3)
    hog.write(0, 900, value=4)
    assert (set(old.values(400, 512).tolist()), values(new), set(hog.values(0, 900).tolist())) == ({1}, {3}, {4})


# ---- chunks: memory that goes 2 MiB at a time


@pytest.fixture
def large():
    """Large enough for reclaim to take whole leaf tables of pages."""
    return cowlab.Machine("256 MiB", swap="1 GiB", overcommit="always")


def test_contents_survive_in_large_ranges(large):
    p = large.spawn()
    heap = p.mmap("400 MiB", name="heap")
    for part in range(10):
        heap.write(part * 10240, (part + 1) * 10240, value=part + 1)
    heap.write(pages=range(5, 102400, 1000), value=99)
    expected = np.repeat(np.arange(1, 11, dtype=np.uint64), 10240)
    expected[5::1000] = 99
    assert (heap.values() == expected).all()
    assert p.rss + p.swap == 400 * MIB
    assert slots(large) == p.swap // PAGE
    heap.read()
    assert (heap.values() == expected).all()
    p.exit()
    assert (slots(large), used(large)) == (0, 0)


def test_a_fork_tree_larger_than_memory_keeps_everyones_contents(large):
    parent = large.spawn()
    parent.mmap("100 MiB", name="heap").write(value=1)
    children = [parent.fork() for _ in range(4)]
    for n, child in enumerate(children):
        child["heap"].write(n * 2560, 25600, value=n + 2)
    for n, child in enumerate(children):
        assert set(child["heap"].values(0, n * 2560).tolist()) <= {1}
        assert set(child["heap"].values(n * 2560, 25600).tolist()) == {n + 2}
    assert values(parent["heap"]) == {1}
    private = 25600 * 5 - 2560 * (1 + 2 + 3)  # pages, of which each is in memory, in a slot, or in both
    assert used(large) - large.meminfo()["PageTables"] // 4 + slots(large) >= private
    for p in large.processes:
        p["heap"].read()
    assert values(parent["heap"]) == {1}
    assert set(children[3]["heap"].values(3 * 2560, 25600).tolist()) == {5}
    for p in large.processes:
        p.exit()
    assert (slots(large), used(large)) == (0, 0)


# ---- at random


@pytest.mark.parametrize("policy", [None, "lru", "clock"])
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_in_a_random_history(seed, policy):
    """Small machine, much pressure, every content compared with a dictionary after each step."""
    draw = random.Random(seed)
    m = machine(48, swap="2 MiB", evict_policy=policy, swappiness=draw.choice([1, 60, 200]))
    groups = ["/", m.cgroup("/a", max=30 * PAGE).path, m.cgroup("/b", high=20 * PAGE).path]
    first = m.spawn("p0", cgroup=groups[1])
    first.mmap(24 * PAGE, name="heap")
    first.mmap(24 * PAGE, kind="shared", name="shm")
    first.mmap(24 * PAGE, kind="file-shared", file="file", name="file")
    held = {("p0", "heap", page): 0 for page in range(24)} | {("shm", page): 0 for page in range(24)}
    held |= {("file", page): 1000 + page for page in range(24)}

    def key(process, name, page):
        return (process.name, name, page) if name == "heap" else (name, page)

    for step in range(120):
        p, name = draw.choice(m.processes), draw.choice(["heap", "shm", "file"])
        start = draw.randrange(24)
        stop = draw.randrange(start + 1, 25)
        match draw.choice(["write", "write", "read", "fork", "exit", "dontneed", "attach", "squeeze"]):
            case "write":
                p[name].write(start, stop, value=step + 1)
                held.update({key(p, name, page): step + 1 for page in range(start, stop)})
            case "read":
                p[name].read(start, stop)
            case "fork" if len(m.processes) < 4:
                child = p.fork(f"p{step + 1}", cgroup=draw.choice(groups))
                held.update({key(child, "heap", page): held[key(p, "heap", page)] for page in range(24)})
            case "exit" if len(m.processes) > 1:
                p.exit()
            case "dontneed":
                p["heap"].dontneed(start, stop)
                held.update({key(p, "heap", page): 0 for page in range(start, stop)})
            case "attach":
                m.cgroups[draw.choice(groups)].attach(p)
            case "squeeze":
                m.cgroups["/a"].max = draw.randrange(10, 30) * PAGE
        for q in m.processes:
            for mapping in ("heap", "shm", "file"):
                assert q[mapping].values().tolist() == [held[key(q, mapping, page)] for page in range(24)]
    for p in m.processes:
        p.exit()
    assert slots(m) == 0
    assert used(m) == m.meminfo()["Cached"] // 4
