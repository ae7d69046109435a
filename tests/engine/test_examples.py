"""What Linux does, in small examples. Figures in KiB are those of /proc/PID/smaps, measured on Linux 6.18."""

import errno
from itertools import permutations

import pytest

import cowlab

KIB, MIB, GIB = 1024, 1 << 20, 1 << 30
PAGE = 4096
SHOWN = ("Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty")


@pytest.fixture
def m():
    return cowlab.Machine("64 MiB", overcommit="always", check=True)


@pytest.fixture
def parent(m):
    return m.spawn("parent")


def show(process, name="heap"):
    """The line of smaps that the examples talk about, without the fields that are 0."""
    row = process.smaps()[name]
    return {field: row[field] for field in SHOWN if row[field]}


def used(m):
    info = m.meminfo()
    return info["MemTotal"] - info["MemFree"]


# ---- A: first touch


def test_memory_that_was_asked_for_and_not_touched_takes_nothing(parent):
    parent.mmap("1 MiB", name="heap")
    assert show(parent) == {}
    assert parent.smaps()["heap"]["Size"] == 1024


def test_reading_fresh_memory_faults_and_takes_no_frame(parent):
    heap = parent.mmap("1 MiB", name="heap")
    assert heap.read() == (256, 0, 0, 0, 0)
    assert show(parent) == {}


def test_writing_after_reading_faults_again_and_takes_a_frame_a_page(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.read()
    assert heap.write() == (256, 0, 256, 0, 0)
    assert show(parent) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}


def test_writing_again_takes_no_fault(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write()
    assert heap.write() == (0, 0, 0, 0, 0)


def test_writing_first_takes_one_fault_a_page(parent):
    heap = parent.mmap("1 MiB", name="heap")
    assert heap.write() == (256, 0, 256, 0, 0)
    assert show(parent) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}


# ---- B: fork and copy on write


@pytest.fixture
def child(parent):
    parent.mmap("1 MiB", name="heap").write()
    return parent.fork("child")


def test_after_fork_both_map_the_same_frames(child):
    assert show(child) == {"Rss": 1024, "Pss": 512, "Shared_Dirty": 1024}
    assert show(child.parent) == show(child)


def test_fork_takes_frames_for_page_tables_only(m, parent):
    parent.mmap("1 MiB", name="heap").write()
    before = used(m)
    parent.fork()
    assert used(m) - before == 3 * 4  # one page of each level below the root


def test_fork_is_no_fault(child):
    assert (child.minor_faults, child.parent.minor_faults) == (0, 256)


def test_reading_shared_frames_is_free(child):
    assert child["heap"].read() == (0, 0, 0, 0, 0)


def test_the_writer_gets_the_copy_and_both_see_less_sharing(child):
    assert child["heap"].write(0, 64) == (64, 0, 0, 64, 0)
    after = {"Rss": 1024, "Pss": 640, "Shared_Dirty": 768, "Private_Dirty": 256}
    assert show(child) == after
    assert show(child.parent) == after


def test_the_parent_can_be_the_writer(child):
    assert child.parent["heap"].write(0, 64).copied == 64
    assert child.copies == 0


def test_the_last_owner_reuses_its_frame_with_one_fault(child):
    child["heap"].write(0, 64)
    before = child.smaps(), child.parent.smaps()
    assert child.parent["heap"].write(0, 64) == (64, 0, 0, 0, 64)
    assert (child.smaps(), child.parent.smaps()) == before


def test_after_the_child_is_gone_every_page_not_written_since_the_fork_faults_once(child):
    parent = child.parent
    child["heap"].write(0, 64)
    parent["heap"].write(0, 64)
    child.exit()
    assert show(parent) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}
    assert parent["heap"].write() == (192, 0, 0, 0, 192)
    assert parent["heap"].write() == (0, 0, 0, 0, 0)


# ---- D: what fork copies


def test_fork_leaves_out_memory_that_was_only_read(parent):
    parent.mmap("1 MiB", name="heap").read()
    child = parent.fork()
    assert child["heap"].read().minor == 256


def test_one_written_page_makes_fork_copy_the_zero_pages_too(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.read()
    heap.write(0)
    child = parent.fork()
    assert child["heap"].read().minor == 0
    assert show(child) == {"Rss": 4, "Pss": 2, "Shared_Dirty": 4}


# ---- E: shared memory


@pytest.fixture
def shm(parent):
    return parent.mmap("1 MiB", kind="shared", name="shm")


def test_a_shared_page_made_by_a_read_is_clean_and_its_later_write_is_free(parent, shm):
    assert shm.read(0) == (1, 0, 1, 0, 0)
    assert show(parent, "shm") == {"Rss": 4, "Pss": 4, "Private_Clean": 4}
    assert shm.write(0) == (0, 0, 0, 0, 0)
    assert shm.write().minor == 255
    assert show(parent, "shm") == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}


def test_shared_memory_is_not_copied_at_fork_but_mapped_again_in_windows_of_16(parent, shm):
    shm.write()
    child = parent.fork()
    assert show(child, "shm") == {}
    child["shm"].read(0)
    assert show(child, "shm")["Rss"] == 64
    assert child["shm"].read().minor == 15
    assert show(child, "shm") == {"Rss": 1024, "Pss": 512, "Shared_Dirty": 1024}
    assert child["shm"].write().minor == 0


def test_shared_memory_outlives_the_process_that_wrote_it(m, parent, shm):
    shm.write(value=7)
    child = parent.fork()
    parent.exit()
    assert set(child["shm"].values()) == {7}
    child.exit()
    assert used(m) == 0


# ---- F: files


def test_a_cached_file_is_read_with_one_fault_for_16_pages(parent):
    text = parent.mmap("1 MiB", kind="file-private", name="text")
    assert text.read() == (16, 0, 0, 0, 0)
    assert show(parent, "text") == {"Rss": 1024, "Pss": 1024, "Private_Clean": 1024}


def test_a_private_file_never_written_is_not_copied_at_fork(parent):
    parent.mmap("1 MiB", kind="file-private", name="text").read()
    assert show(parent.fork(), "text") == {}


def test_writing_a_private_file_turns_file_pages_into_anonymous_ones(parent):
    text = parent.mmap("1 MiB", kind="file-private", name="text")
    text.read()
    assert text.write(0, 64) == (64, 0, 0, 64, 0)
    status = parent.status()
    assert (status["RssAnon"], status["RssFile"]) == (256, 768)
    assert show(parent, "text") == {"Rss": 1024, "Pss": 1024, "Private_Clean": 768, "Private_Dirty": 256}


def test_once_written_a_private_file_is_copied_whole_at_fork(parent):
    text = parent.mmap("1 MiB", kind="file-private", name="text")
    text.read()
    text.write(0, 64)
    expected = {"Rss": 1024, "Pss": 512, "Shared_Clean": 768, "Shared_Dirty": 256}
    assert show(parent.fork(), "text") == expected


def test_writing_a_private_file_first_maps_no_file_page(parent):
    text = parent.mmap("1 MiB", kind="file-private", name="text")
    assert text.write() == (256, 0, 0, 256, 0)
    status = parent.status()
    assert (status["RssAnon"], status["RssFile"]) == (1024, 0)


def test_the_first_write_to_each_page_of_a_shared_file_faults(parent):
    data = parent.mmap("1 MiB", kind="file-shared", name="data")
    data.read()
    assert data.write() == (256, 0, 0, 0, 0)
    assert show(parent, "data")["Private_Dirty"] == 1024
    assert data.write().minor == 0


def test_a_write_to_a_shared_file_is_seen_by_every_mapping_of_it(parent):
    writer = parent.mmap("1 MiB", kind="file-shared", file="log", name="writer")
    reader = parent.mmap("1 MiB", kind="file-private", file="log", name="reader")
    writer.write(3, value=99)
    assert reader.values(2, 5).tolist() == [1002, 99, 1004]


def test_dontneed_loses_a_private_copy_and_shows_the_file_again(parent):
    text = parent.mmap("1 MiB", kind="file-private", name="text")
    text.write(5, value=1)
    text.dontneed()
    assert text.values(5).tolist() == [1005]


def test_a_cached_file_takes_its_frames_at_its_first_mmap_and_keeps_them(m, parent):
    parent.mmap("1 MiB", kind="file-private", file="data")
    assert (used(m), m.meminfo()["Cached"]) == (1024, 1024)
    parent.mmap("1.5 MiB", kind="file-shared", file="data")  # a file is as long as its longest mapping
    parent.fork().mmap("1 MiB", kind="file-shared", file="data")
    assert (used(m), m.meminfo()["Cached"]) == (1536, 1536)
    parent.exit()
    assert m.meminfo()["Cached"] == 1536


def test_a_file_that_does_not_fit_into_ram_is_refused_and_nothing_changes(m, parent):
    before = m.state()
    with pytest.raises(cowlab.OutOfMemory, match="file"):
        parent.mmap("65 MiB", kind="file-shared", file="data")
    assert m.state() == before


def test_a_file_on_disk_takes_frames_as_it_is_touched_each_by_a_major_fault(m, parent):
    m.file("cold", cached=False)
    cold = parent.mmap("1 MiB", kind="file-private", file="cold", name="cold")
    assert used(m) == 0
    assert cold.read(0, 3) == (0, 3, 0, 0, 0)
    assert cold.write(2) == (1, 0, 0, 1, 0)
    assert cold.write(5) == (0, 1, 0, 1, 0)
    assert m.meminfo()["Cached"] == 4 * 4
    assert (parent.minor_faults, parent.major_faults) == (1, 4)
    assert (m.vmstat()["pgfault"], m.vmstat()["pgmajfault"]) == (5, 4)


# ---- G: populate


def test_populate_of_read_only_anonymous_memory_maps_the_zero_page(parent):
    parent.mmap("1 MiB", name="heap", prot="r", populate=True)
    assert (parent.minor_faults, parent.rss) == (256, 0)


def test_populate_of_shared_memory_makes_clean_pages_and_later_writes_are_free(parent):
    shm = parent.mmap("1 MiB", kind="shared", name="shm", populate=True)
    assert parent.minor_faults == 256
    assert show(parent, "shm") == {"Rss": 1024, "Pss": 1024, "Private_Clean": 1024}
    assert shm.write().minor == 0


def test_populate_of_private_memory_writes_every_page(parent):
    heap = parent.mmap("1 MiB", name="heap", populate=True)
    assert show(parent) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}
    assert heap.write().minor == 0


# ---- H: protect


def test_pages_that_were_never_shared_are_writable_again_without_a_fault(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write()
    heap.protect("r")
    heap.protect("rw")
    assert heap.write().minor == 0


def test_protect_does_not_end_copy_on_write(child):
    heap = child.parent["heap"]
    heap.protect("r")
    heap.protect("rw")
    assert heap.write().copied == 256


def test_exclusive_use_does_not_come_back_by_itself(child):
    heap = child.parent["heap"]
    child.exit()
    for reused in (256, 0):
        heap.protect("r")
        heap.protect("rw")
        assert heap.write() == (reused, 0, 0, 0, reused)


def test_taking_all_rights_away_keeps_the_pages(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write()
    before = show(parent)
    heap.protect("")
    assert show(parent) == before


def test_dontneed_gives_frames_back_and_the_next_read_finds_zero(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write(value=9)
    heap.dontneed(0, 64)
    assert parent.rss == 768 * KIB
    assert heap.values(63, 65).tolist() == [0, 9]


# ---- holes


def test_munmap_of_a_hole_succeeds(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.munmap(10, 20)
    heap.munmap(0, 30)
    assert heap.size == 226 * PAGE


def test_dontneed_drops_the_pages_on_both_sides_of_a_hole_and_says_ENOMEM(parent):
    heap = parent.mmap(40 * PAGE, name="heap")
    heap.write()
    heap.munmap(10, 20)
    with pytest.raises(cowlab.SegmentationFault) as error:
        heap.dontneed(5, 25)
    assert error.value.errno == errno.ENOMEM
    assert parent.rss == 20 * PAGE


def test_protect_stops_at_a_hole_and_says_ENOMEM(parent):
    heap = parent.mmap(40 * PAGE, name="heap")
    heap.munmap(10, 20)
    with pytest.raises(cowlab.SegmentationFault) as error:
        heap.protect("r", 5, 25)
    assert error.value.errno == errno.ENOMEM
    heap.write(20, 25)
    with pytest.raises(cowlab.SegmentationFault):
        heap.write(5)


def test_a_mapping_wholly_unmapped_keeps_its_name_through_fork(parent):
    parent.mmap("1 MiB", name="heap").munmap()
    child = parent.fork()
    assert (parent["heap"].size, child["heap"].size) == (0, 0)
    assert (parent.vsz, parent.smaps()) == (0, {})


# ---- K: page tables


def test_one_page_in_every_2_MiB_of_1_GiB_costs_a_leaf_table_each(parent):
    heap = parent.mmap("1 GiB", name="heap")
    heap.write(pages=range(0, 262144, 512))
    assert parent.page_tables == (512 + 1 + 1) * PAGE  # leaves, one PMD page, one PUD page
    assert parent.status()["VmPTE"] == 2056
    heap.munmap()
    assert parent.page_tables == 0


def test_where_the_512_GiB_hold_a_mapping_already_no_PUD_page_is_needed(parent):
    parent.mmap("1 MiB", name="small").write(0)
    before = parent.page_tables
    parent.mmap("1 GiB", name="heap").write(pages=range(0, 262144, 512))
    assert parent.page_tables - before == 2052 * KIB


def growth(process, call, *args):
    """By how many pages the page tables grow at a call."""
    before = process.page_tables
    call(*args)
    return (process.page_tables - before) // PAGE


@pytest.mark.parametrize(
    ("pages", "start", "stop", "freed"),
    [
        (1024, 0, 512, 1),
        (1024, 0, 256, 0),
        (1024, 256, 768, 0),
        (100, 0, 100, 0),
        (600, 0, 600, 1),
        (2048, 100, 1900, 2),
    ],
)
def test_dontneed_frees_a_leaf_table_whose_2_MiB_it_covers(parent, pages, start, stop, freed):
    heap = parent.mmap(pages * PAGE, name="heap")
    heap.write()
    assert growth(parent, heap.dontneed, start, stop) == -freed


def test_dontneed_frees_no_table_that_two_areas_share(parent):
    heap = parent.mmap("2 MiB", name="heap")
    heap.write()
    heap.protect("r", 256, 512)
    assert growth(parent, heap.dontneed) == 0


def test_dontneed_never_frees_the_upper_tables():
    parent = cowlab.Machine("4 GiB").spawn()
    heap = parent.mmap("2 GiB", name="heap")
    heap.write()
    assert growth(parent, heap.dontneed) == -1024
    assert growth(parent, heap.munmap, 0, GIB // PAGE) == -1
    assert growth(parent, heap.munmap) == -2


@pytest.mark.parametrize(
    ("cuts", "freed"),
    [([(0, 256), (256, 512)], [0, 1]), ([(256, 768), (0, 256), (768, 1024)], [0, 1, 3]), ([(0, 100)], [0])],
)
def test_munmap_frees_a_table_with_the_last_area_in_its_range(parent, cuts, freed):
    heap = parent.mmap("4 MiB", name="heap")
    heap.write()
    assert [-growth(parent, heap.munmap, *cut) for cut in cuts] == freed


def test_a_table_left_empty_is_copied_by_fork_too(parent):
    heap = parent.mmap("2 MiB", name="heap")
    heap.write(0, 10)
    heap.dontneed(0, 10)
    assert parent.fork().page_tables == 3 * PAGE


def test_an_upper_table_left_alone_is_copied_by_fork_too(parent):
    heap = parent.mmap("2 GiB", name="heap")
    heap.write(0)
    heap.munmap(0, GIB // PAGE)
    assert (parent.page_tables, parent.fork().page_tables) == (PAGE, PAGE)


def test_fork_makes_no_table_for_what_it_does_not_copy(parent):
    parent.mmap("2 MiB", kind="shared").write()
    parent.mmap("2 MiB", kind="file-private").read()
    parent.mmap("2 MiB").read()
    assert parent.fork().page_tables == 0


def test_a_mapping_beyond_512_GiB_has_upper_tables_of_its_own():
    parent = cowlab.Machine("1 GiB").spawn()
    big = parent.mmap("600 GiB", kind="noreserve", name="big")
    pages = (0, 512 * GIB // PAGE, 513 * GIB // PAGE)
    assert [growth(parent, big.write, page) for page in pages] == [3, 3, 2]
    assert growth(parent, big.munmap) == -8


def test_a_child_maps_on_where_its_parents_mappings_end():
    parent = cowlab.Machine("1 GiB").spawn()
    parent.mmap("512 GiB", kind="noreserve").write(0)
    child = parent.fork()
    assert growth(child, child.mmap("4 KiB").write) == 3  # an upper table too: it lies beyond 512 GiB


def test_page_tables_are_in_no_rss(parent):
    parent.mmap("1 MiB", name="heap").write()
    assert (parent.rss, parent.pss, parent.uss, parent.vsz) == (MIB, MIB, MIB, MIB)


def test_without_table_frames_tables_are_counted_and_cost_nothing():
    m = cowlab.Machine("64 KiB", page_tables=False)
    parent = m.spawn()
    parent.mmap("64 KiB").write()
    assert parent.page_tables == 3 * PAGE
    assert m.meminfo()["MemFree"] == 0


# ---- where other simulators went wrong


def test_1_a_child_that_exits_without_writing_leaves_frames_mapped_once(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write()
    parent.fork().exit()
    assert set(heap.mapcounts()) == {1}
    assert heap.write() == (256, 0, 0, 0, 256)


def test_2_the_last_owner_writes_without_a_copy(m, child):
    child["heap"].write()
    before = used(m)
    assert child.parent["heap"].write().copied == 0
    assert used(m) == before


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_3_no_order_of_exits_frees_a_frame_too_early_or_leaks_one(m, parent, order):
    heap = parent.mmap(10 * PAGE, name="heap")
    heap.write(value=1)
    child = parent.fork()
    child["heap"].write(0, value=2)
    grandchild = child.fork()
    grandchild["heap"].write(1, value=3)
    sibling = parent.fork()
    family = [parent, child, grandchild, sibling]
    seen = {process: process["heap"].values().tolist() for process in family}
    for place, index in enumerate(order):
        family[index].exit()
        for other in order[place + 1 :]:
            assert family[other]["heap"].values().tolist() == seen[family[other]]
            assert family[other].rss == 10 * PAGE
    assert used(m) == 0


def test_3_a_child_that_took_one_copy_exits_and_the_parent_keeps_its_own(m, child):
    before = used(m)
    child["heap"].write(0)
    assert used(m) == before + 4
    child.exit()
    assert show(child.parent) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}


def test_5_a_write_against_the_protection_is_a_segmentation_fault(parent):
    heap = parent.mmap("1 MiB", name="heap")
    heap.write()
    heap.protect("r")
    with pytest.raises(cowlab.SegmentationFault):
        heap.write(0)
    with pytest.raises(cowlab.SegmentationFault):
        parent.mmap("1 MiB", prot="r").write(0)


def test_5_a_page_that_is_read_only_by_copy_on_write_is_none(child):
    assert child["heap"].write(0).copied == 1


def test_6_a_copy_without_a_free_frame_keeps_its_source_and_loses_nothing():
    m = cowlab.Machine("64 KiB", page_tables=False, check=True)
    parent = m.spawn(oom_score_adj=-1000)
    parent.mmap("40 KiB", name="heap").write(value=1)
    child = parent.fork()
    with pytest.raises(cowlab.Deadlock):
        child["heap"].write(value=2)
    assert child["heap"].values().tolist() == [2] * 6 + [1] * 4
    assert parent["heap"].values().tolist() == [1] * 10
    assert child["heap"].mapcounts().tolist() == [1] * 6 + [2] * 4


def test_7_300_children_on_one_page_overflow_no_count():
    parent = cowlab.Machine("64 MiB").spawn()
    heap = parent.mmap(PAGE, name="heap")
    heap.write(value=5)
    children = [parent.fork() for _ in range(300)]
    assert heap.mapcounts().tolist() == [301]
    for child in children:
        child.exit()
    assert heap.mapcounts().tolist() == [1]
    assert heap.values().tolist() == [5]


def test_8_mappings_made_between_forks_and_a_fork_of_a_fork_of_a_fork(m, parent):
    parent.mmap(PAGE, name="first").write(value=1)
    parent.fork()
    parent.mmap(PAGE, name="second").write(value=2)
    child = parent.fork()
    child.mmap(PAGE, name="third").write(value=3)
    last = child.fork().fork()
    assert [last[name].values()[0] for name in ("first", "second", "third")] == [1, 2, 3]
    assert [last[name].mapcounts()[0] for name in ("first", "second", "third")] == [5, 4, 3]
    last["second"].write(value=9)
    assert parent["second"].values()[0] == child["second"].values()[0] == 2


# ---- the sizes that real systems have


def test_a_zygote_of_300_MiB_with_50_tabs_uses_300_MiB_of_data_and_30_of_page_tables():
    m = cowlab.Machine("16 GiB")
    zygote = m.spawn("zygote")
    heap = zygote.mmap("300 MiB", name="heap")
    heap.write()
    tabs = [zygote.fork() for _ in range(50)]
    info = m.meminfo()
    assert zygote.page_tables == tabs[0].page_tables == 152 * PAGE  # 150 leaves, one PMD page, one PUD page
    assert info["PageTables"] == 51 * 152 * 4
    assert used(m) - info["PageTables"] == 300 * KIB
    assert sum(process.rss for process in m.processes) == 51 * 300 * MIB
    assert sum(process.pss for process in m.processes) == pytest.approx(300 * MIB, rel=0.001)


def test_100_workers_over_2_GiB_promise_202_GiB_at_the_forks_and_use_them_at_the_writes():
    m = cowlab.Machine("256 GiB")
    parent = m.spawn()
    parent.mmap("2 GiB", name="data").write()
    workers = [parent.fork() for _ in range(100)]
    tables = 101 * (1024 + 2 + 1) * 4
    assert m.meminfo()["Committed_AS"] == 202 * MIB
    assert m.meminfo()["PageTables"] == tables
    assert used(m) - tables == 2 * MIB
    for worker in workers:
        assert worker["data"].write() == (524288, 0, 0, 524288, 0)
    assert used(m) - tables == 202 * MIB


def test_the_same_on_64_GiB_ends_in_kills_and_the_first_to_die_had_written_nothing():
    m = cowlab.Machine("64 GiB")
    parent = m.spawn()
    parent.mmap("2 GiB", name="data").write()
    workers = [parent.fork(f"worker {n}") for n in range(1, 101)]
    for worker in workers[:30]:
        worker["data"].write()
    assert m.vmstat()["oom_kill"] == 0
    with pytest.raises(cowlab.ProcessKilled):  # in the end it is the latest of those that are left
        workers[30]["data"].write()
    killed = [event.process for event in m.log if event.kind == "oom_kill"]
    assert killed[:3] == ["worker 100", "worker 99", "worker 98"]  # all have equal points: the later ones go first
    assert m.meminfo()["MemFree"] >= 0


# ---- copying at fork instead


def test_without_copy_on_write_every_child_takes_all_its_frames_at_fork():
    m = cowlab.Machine("16 MiB", copy_on_write=False, check=True)
    parent = m.spawn()
    parent.mmap("1 MiB", name="heap").write(value=1)
    before = used(m)
    child = parent.fork()
    assert used(m) - before == 1024 + 3 * 4
    assert child["heap"].write().minor == 0
    assert show(child) == {"Rss": 1024, "Pss": 1024, "Private_Dirty": 1024}


def test_an_eager_fork_that_does_not_fit_changes_nothing():
    m = cowlab.Machine("16 MiB", copy_on_write=False, check=True)
    parent = m.spawn()
    parent.mmap("9 MiB", name="heap").write()
    before = m.state()
    with pytest.raises(cowlab.OutOfMemory):
        parent.fork()
    assert m.state() == before
    assert m.processes == [parent]
