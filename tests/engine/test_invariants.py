"""What holds whatever happens: of every random history, and of what follows it."""

from collections import Counter
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import cowlab

PAGE = 4096
ANONYMOUS = ("private", "noreserve")

seeds = st.integers(0, 2**64 - 1)
quick = settings(deadline=None, max_examples=40)


def play(m, dice, steps, kinds=("private", "noreserve", "shared", "file-private", "file-shared")):
    """A random history on `m`: a few processes that map, touch, fork, unmap, protect and exit."""
    if not m.processes:
        m.spawn()
    for _ in range(steps):
        process = dice.choice(m.processes)
        call = dice.choice([mmap, touch, touch, touch, touch, change, fork, end])
        with suppress(cowlab.SegmentationFault, cowlab.OutOfMemory):  # what must hold, holds then too
            call(m, dice, process, kinds)


def mmap(m, dice, process, kinds):
    if len(process.mappings) < 4:
        process.mmap(
            dice.choice([1, 16, 33, 512, 600, 1100]) * PAGE,
            kind=dice.choice(kinds),
            populate=dice.random() < 0.2,
        )


def touch(m, dice, process, kinds):
    mapping, pages = somewhere(dice, process)
    if mapping and dice.random() < 0.7:
        mapping.write(*pages, value=dice.getrandbits(64))
    elif mapping:
        mapping.read(*pages)


def change(m, dice, process, kinds):
    mapping, pages = somewhere(dice, process)
    if mapping:
        call = dice.choice(["munmap", "dontneed", "dontneed", "protect", "protect"])
        getattr(mapping, call)(*(["rw" if dice.random() < 0.7 else "r"] if call == "protect" else []), *pages)


def fork(m, dice, process, kinds):
    if len(m.processes) < 6:
        process.fork()


def end(m, dice, process, kinds):
    if len(m.processes) > 1:
        process.exit()


def somewhere(dice, process):
    if not process.mappings:
        return None, ()
    mapping = dice.choice(list(process.mappings.values()))
    start, stop = sorted(dice.randrange(mapping.pages + 1) for _ in range(2))
    return mapping, (start, stop) if start < stop else ()


def machine_with_history(seed, frames=6000, **arguments):
    dice = Random(seed)
    m = cowlab.Machine(frames * PAGE, page_tables=dice.random() < 0.5)
    play(m, dice, 40, **arguments)
    return m, dice


def each_mapping(m):
    return [mapping for process in m.processes for mapping in process.mappings.values()]


# ---- frames


@quick
@given(seeds)
def test_the_map_count_of_a_frame_is_the_number_of_entries_that_map_it(seed):
    """A frame mapped by n entries is counted n times by 1/n: the sum is the number of frames."""
    m, _ = machine_with_history(seed, kinds=ANONYMOUS)
    counts = Counter(count for mapping in each_mapping(m) for count in mapping.mapcounts().tolist() if count)
    frames = sum(Fraction(entries, count) for count, entries in counts.items())
    assert frames == m.meminfo()["AnonPages"] // 4


@quick
@given(seeds)
def test_no_anonymous_frame_is_without_a_mapper(seed):
    m, _ = machine_with_history(seed, kinds=ANONYMOUS)
    for mapping in each_mapping(m):
        mapping.dontneed()
    assert m.meminfo()["AnonPages"] == 0


@quick
@given(seeds)
def test_free_data_and_page_tables_make_up_ram(seed):
    m, _ = machine_with_history(seed)
    info = m.meminfo()
    tables = info["PageTables"] if m.page_tables else 0
    assert info["MemFree"] + info["AnonPages"] + info["Cached"] + tables == info["MemTotal"]
    assert info["PageTables"] * 1024 == sum(process.page_tables for process in m.processes)


@quick
@given(seeds)
def test_when_all_are_gone_only_the_files_are_in_memory(seed):
    m, _ = machine_with_history(seed)
    for process in m.processes:
        process.exit()
    info = m.meminfo()
    assert (info["AnonPages"], info["Shmem"], info["PageTables"], info["Committed_AS"]) == (0, 0, 0, 0)
    assert info["MemFree"] + info["Cached"] == info["MemTotal"]


# ---- Pss


@quick
@given(seeds)
def test_pss_is_each_page_divided_by_its_mappers_in_fixed_point(seed):
    m, _ = machine_with_history(seed)
    for process in m.processes:
        counts = [c for mapping in process.mappings.values() for c in mapping.mapcounts().tolist() if c]
        assert process.pss == sum((PAGE << 12) // count for count in counts) >> 12


@quick
@given(seeds)
def test_the_pss_of_all_mappers_is_the_frame_but_for_rounding(seed):
    """A frame with n mappers gives n × floor(2^24 / n) in all; all Pss together is what the frames give."""
    m, _ = machine_with_history(seed, kinds=ANONYMOUS)
    counts = Counter(c for mapping in each_mapping(m) for c in mapping.mapcounts().tolist() if c)
    fixed_point = sum(entries // count * (count * (2**24 // count)) for count, entries in counts.items())
    lost = fixed_point / 2**12 - sum(process.pss for process in m.processes)
    assert 0 <= lost < len(m.processes)


@quick
@given(seeds)
def test_rss_is_clean_and_dirty_shared_and_private(seed):
    m, _ = machine_with_history(seed)
    for process in m.processes:
        for row in process.smaps().values():
            parts = ("Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty")
            assert row["Rss"] == sum(row[part] for part in parts)
        assert process.rss == 1024 * sum(row["Rss"] for row in process.smaps().values())
        assert process.uss <= process.pss <= process.rss <= process.vsz


# ---- values


@quick
@given(seeds)
def test_what_is_written_after_a_fork_stays_private_and_is_shared_through_shared_memory(seed):
    dice = Random(seed)
    m = cowlab.Machine("64 MiB")
    first = m.spawn()
    pages = dice.choice([3, 40, 600, 1100])
    first.mmap(pages * PAGE, name="own")
    first.mmap(pages * PAGE, name="ours", kind="shared")
    own, ours = {first: [0] * pages}, [0] * pages
    for _ in range(25):
        process = dice.choice(list(own))
        start, stop = sorted(dice.randrange(pages + 1) for _ in range(2))
        value, name = dice.getrandbits(64), dice.choice(["own", "own", "ours"])
        process[name].write(start, stop, value=value)
        (own[process] if name == "own" else ours)[start:stop] = [value] * (stop - start)
        if dice.random() < 0.3 and len(own) < 6:
            own[process.fork()] = list(own[process])
        elif dice.random() < 0.1 and len(own) > 1:
            process.exit()
            del own[process]
    for process, expected in own.items():
        assert process["own"].values().tolist() == expected
        assert process["ours"].values().tolist() == ours


# ---- fork, then exit of the child


@quick
@given(seeds)
def test_fork_and_exit_of_the_child_leave_no_trace_but_write_protection(seed):
    m, dice = machine_with_history(seed)
    parent = dice.choice(m.processes)
    before = everything(m)
    try:
        child = parent.fork()
    except cowlab.OutOfMemory:
        return
    child.exit()
    assert everything(m) == before


def everything(m):
    """Map counts, frames in use, smaps, the account."""
    counts = [mapping.mapcounts().tolist() for mapping in each_mapping(m)]
    return counts, m.meminfo(), [process.smaps() for process in m.processes]


@quick
@given(seeds)
def test_after_fork_and_exit_the_next_write_to_each_anonymous_page_faults_and_reuses(seed):
    m, dice = machine_with_history(seed, frames=60_000, kinds=("private",))
    parent = dice.choice(m.processes)
    for mapping in parent.mappings.values():
        mapping.protect("rw")
        mapping.write()
    parent.fork().exit()
    for mapping in parent.mappings.values():
        pages = mapping.size // PAGE
        assert mapping.write() == (pages, 0, 0, 0, pages)


# ---- order


@quick
@given(seeds)
def test_the_order_of_disjoint_writes_does_not_matter(seed):
    first, second = (writable_machine(seed) for _ in range(2))
    dice = Random(seed)
    writes = disjoint_writes(first, dice)
    for process, name, start, stop, value in writes:
        first[process][name].write(start, stop, value=value)
    for process, name, start, stop, value in dice.sample(writes, len(writes)):
        second[process][name].write(start, stop, value=value)
    assert first.state() == second.state()


def writable_machine(seed):
    m, _ = machine_with_history(seed, frames=60_000, kinds=("private", "shared"))
    for mapping in each_mapping(m):
        mapping.protect("rw")
    return m


def disjoint_writes(m, dice):
    """Ranges of mapped pages, no page number twice, each in all mappings of one process."""
    cuts = sorted(dice.sample(range(1101), 12))
    return [
        (process.name, mapping.name, start, stop, dice.getrandbits(64))
        for start, stop in pairwise(cuts)
        for process in [dice.choice(m.processes)]
        for mapping in process.mappings.values()
        if mapping.size == mapping.pages * PAGE and stop <= mapping.pages
    ]


# ---- checks of the machine itself


def test_a_checked_machine_finds_a_broken_rule():
    """Machine(check=True) is the judge in other tests; here it is on trial."""

    def steal(page, child):
        cowlab.engine.rules.faults.on_fork(page, child)
        page.set_writable(True)

    parent = cowlab.Machine("1 MiB", check=True, on_fork=steal).spawn()
    parent.mmap("16 KiB").write()
    with pytest.raises(AssertionError):
        parent.fork()
