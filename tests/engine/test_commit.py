"""The account of promises: what is counted in Committed_AS, and when a promise is refused."""

import contextlib
import errno

import pytest

import cowlab

KIB, MIB, GIB = 1024, 1 << 20, 1 << 30
PAGE = 4096


def committed(m):
    """Committed_AS in MiB."""
    return m.meminfo()["Committed_AS"] / KIB


def refused(call, *args, **kwargs):
    with pytest.raises(cowlab.OutOfMemory) as error:
        call(*args, **kwargs)
    assert error.value.errno == errno.ENOMEM
    return str(error.value)


# ---- what is counted, in every mode


@pytest.fixture(params=["heuristic", "always"])
def m(request):
    return cowlab.Machine("1 GiB", overcommit=request.param, check=True)


@pytest.fixture
def p(m):
    return m.spawn("p")


@pytest.mark.parametrize(
    ("kind", "prot", "counted"),
    [
        ("private", "rw", 1024),
        ("private", "r", 0),
        ("private", "", 0),
        ("noreserve", "rw", 0),
        ("shared", "rw", 1024),
        ("shared", "r", 1024),
        ("shared", "", 1024),
        ("file-private", "rw", 1024),
        ("file-private", "r", 0),
        ("file-shared", "rw", 0),
    ],
)
def test_mmap_counts_what_may_be_written_and_has_no_file_to_go_to(m, p, kind, prot, counted):
    p.mmap("1 GiB", kind=kind, prot=prot)
    assert committed(m) == counted


def test_a_promise_needs_no_frame_and_a_touch_no_promise(m, p):
    heap = p.mmap("1 GiB")
    assert m.meminfo()["MemFree"] == m.meminfo()["MemTotal"]
    heap.write(0, 100)
    assert committed(m) == 1024


def test_fork_promises_again(m, p):
    p.mmap("1 GiB")
    p.fork()
    assert committed(m) == 2048


def test_fork_does_not_promise_again_what_is_shared_or_not_promised(m, p):
    p.mmap("1 GiB", kind="shared")
    p.mmap("1 GiB", kind="noreserve")
    p.mmap("1 GiB", prot="r")
    p.fork()
    assert committed(m) == 1024


def test_shared_memory_is_promised_until_its_last_page_is_unmapped(m, p):
    shm = p.mmap("1 GiB", kind="shared", name="shm")
    child = p.fork()
    shm.munmap()
    child["shm"].munmap(0, 1000)
    assert committed(m) == 1024
    child["shm"].munmap()
    assert committed(m) == 0


def test_protect_for_writing_promises_the_pages_it_changes(m, p):
    heap = p.mmap("1 GiB", prot="r")
    heap.protect("rw", 0, 256)
    assert committed(m) == 1


def test_protect_against_writing_gives_back_what_was_never_written(m, p):
    heap = p.mmap("1 GiB")
    heap.protect("r")
    assert committed(m) == 0


def test_protect_against_writing_keeps_the_promise_once_a_page_was_written(m, p):
    heap = p.mmap("1 GiB")
    heap.write(0)
    heap.protect("r")
    assert committed(m) == 1024
    heap.protect("rw")
    assert committed(m) == 1024


def test_protect_of_a_private_file_keeps_the_promise_always(m, p):
    text = p.mmap("1 GiB", kind="file-private")
    text.protect("r")
    assert committed(m) == 1024


def test_protect_never_promises_noreserve_or_shared_memory(m, p):
    for kind in ("noreserve", "file-shared"):
        p.mmap("1 GiB", kind=kind, prot="r", name=kind).protect("rw")
    assert committed(m) == 0


def test_dontneed_gives_frames_back_and_no_promise(m, p):
    heap = p.mmap("1 GiB")
    heap.write(0, 1000)
    heap.dontneed()
    assert committed(m) == 1024


def test_munmap_gives_the_promise_back_page_by_page(m, p):
    heap = p.mmap("1 GiB")
    heap.munmap(0, 256)
    assert committed(m) == 1023
    heap.munmap()
    assert committed(m) == 0


def test_exit_and_kill_give_everything_back(m, p):
    p.mmap("1 GiB")
    p.mmap("1 GiB", kind="shared")
    child = p.fork()
    child.exit()
    assert committed(m) == 2048
    m.kill(p)
    assert committed(m) == 0


# ---- mode 0, "heuristic": one request is compared with RAM and swap, and nothing else


def heuristic(ram="1 GiB", **settings):
    return cowlab.Machine(ram, check=True, **settings)


def test_heuristic_grants_all_of_ram_and_refuses_one_page_more():
    p = heuristic().spawn()
    p.mmap("1 GiB")
    refused(p.mmap, GIB + PAGE)


def test_heuristic_does_not_look_at_what_is_promised_or_free():
    m = heuristic()
    p = m.spawn("p")
    p.mmap("512 MiB").write()
    for _ in range(8):
        p.mmap("1 GiB")
    assert committed(m) == 8 * 1024 + 512
    assert m.meminfo()["CommitLimit"] == 512 * KIB


def test_heuristic_counts_swap_as_memory():
    p = heuristic(swap="1 GiB").spawn()
    p.mmap("2 GiB")
    refused(p.mmap, 2 * GIB + PAGE)


@pytest.mark.parametrize("arguments", [{"kind": "noreserve"}, {"prot": "r"}, {"prot": ""}])
def test_heuristic_grants_any_size_that_is_not_promised(arguments):
    p = heuristic().spawn()
    p.mmap("2 GiB", **arguments)


def test_heuristic_refuses_too_much_shared_memory():
    p = heuristic().spawn()
    refused(p.mmap, "2 GiB", kind="shared")


def test_heuristic_refuses_protect_of_too_much_at_once_and_grants_the_halves():
    m = heuristic()
    p = m.spawn("p")
    heap = p.mmap("2 GiB", prot="r")
    refused(heap.protect, "rw")
    heap.protect("rw", 0, GIB // PAGE)
    heap.protect("rw", GIB // PAGE, 2 * GIB // PAGE)
    assert committed(m) == 2048


def test_heuristic_checks_fork_area_by_area():
    m = heuristic()
    p = m.spawn("p")
    p.mmap("1 GiB")
    p.mmap("1 GiB")
    p.fork()
    assert committed(m) == 4096


def test_heuristic_refuses_fork_of_one_area_larger_than_memory():
    p = heuristic().spawn()
    heap = p.mmap(GIB + PAGE, prot="r", name="heap")
    heap.protect("rw", 0, 1)
    heap.protect("rw", 1, GIB // PAGE + 1)  # the two areas are now one
    refused(p.fork)
    heap.protect("r", 1, 2)  # never touched: two areas again, and a page given back
    p.fork()


# ---- mode 1, "always"


def test_always_grants_everything_and_still_counts():
    m = cowlab.Machine("1 GiB", overcommit="always")
    p = m.spawn()
    for size in (512 * MIB, GIB, 2 * GIB, 1024 * GIB):
        p.mmap(size)
    assert committed(m) == 512 + 1024 + 2048 + 1024 * 1024
    p.fork()


# ---- mode 2, "never"
# On 1 GiB the limit is 131072 pages. 2048 of them (8 MiB) are the administrator's; a process leaves another
# 1/32 of what it has mapped, at most 32 MiB (1/32 of RAM), so that a shell can still be started.


def never(ram="1 GiB", check=True, **settings):
    return cowlab.Machine(ram, overcommit="never", check=check, **settings)


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({}, 512 * KIB),
        ({"swap": "1 GiB"}, 1536 * KIB),
        ({"overcommit_ratio": 80}, 838860),
        ({"overcommit_ratio": 0}, 0),
        ({"overcommit_kbytes": 1000}, 1000),
        ({"overcommit_kbytes": 1000, "swap": "4 KiB"}, 1004),
    ],
)
def test_the_limit_is_a_share_of_ram_or_a_size_plus_swap(settings, limit):
    m = never(**settings)
    assert m.meminfo()["CommitLimit"] == limit


def test_never_leaves_the_administrators_reserve_and_one_page():
    p = never().spawn()
    refused(p.mmap, (131072 - 2048) * PAGE)  # strictly less is asked for
    p.mmap((131072 - 2048 - 1) * PAGE)


def test_never_leaves_the_users_reserve_of_a_32nd_of_what_is_mapped():
    p = never().spawn()
    p.mmap(3200 * PAGE, prot="r")
    refused(p.mmap, (131072 - 2048 - 100) * PAGE)
    p.mmap((131072 - 2048 - 100 - 1) * PAGE)


def test_the_users_reserve_is_at_most_a_32nd_of_ram():
    p = never(check=False).spawn()
    p.mmap("1 TiB", prot="r")
    refused(p.mmap, (131072 - 2048 - 8192) * PAGE)
    p.mmap((131072 - 2048 - 8192 - 1) * PAGE)


def test_on_a_large_machine_the_reserves_are_8_and_128_MiB():
    p = never("64 GiB", check=False).spawn()
    p.mmap("1 TiB", prot="r")
    allowed = 32 * GIB - 8 * MIB - 128 * MIB
    refused(p.mmap, allowed)
    p.mmap(allowed - PAGE)


def test_on_a_small_machine_the_administrators_reserve_is_a_32nd_of_ram():
    p = never("64 MiB").spawn()
    refused(p.mmap, 32 * MIB - 2 * MIB)
    p.mmap(32 * MIB - 2 * MIB - PAGE)


def test_never_counts_what_others_were_promised():
    m = never()
    p = m.spawn("p")
    p.mmap("400 MiB")
    refused(m.spawn().mmap, "200 MiB")


def test_never_refuses_the_fork_that_does_not_fit():
    m = never()
    p = m.spawn("p")
    p.mmap("300 MiB")
    refused(p.fork)
    assert m.processes == [p]


def test_never_adds_up_the_areas_of_a_fork():
    m = never()
    p = m.spawn("p")
    for _ in range(3):
        p.mmap("100 MiB")
    refused(p.fork)
    assert committed(m) == 300


def test_never_checks_protect():
    p = never().spawn()
    heap = p.mmap("600 MiB", prot="r")
    refused(heap.protect, "rw")
    heap.protect("rw", 0, 1000)


@pytest.mark.parametrize(("mode", "counted"), [("heuristic", 0), ("always", 0), ("never", 100)])
def test_noreserve_is_ignored_by_never_alone(mode, counted):
    m = cowlab.Machine("1 GiB", overcommit=mode)
    p = m.spawn()
    p.mmap("100 MiB", kind="noreserve")
    assert committed(m) == counted
    p.fork()
    assert committed(m) == 2 * counted


def test_never_does_not_limit_what_is_not_promised():
    p = never().spawn()
    p.mmap("2 GiB", prot="r")


@pytest.mark.parametrize(("number", "name"), [(0, "heuristic"), (1, "always"), (2, "never")])
def test_the_modes_have_linux_numbers_too(number, name):
    by_number, by_name = cowlab.Machine("1 GiB", overcommit=number), cowlab.Machine("1 GiB", overcommit=name)
    for m in (by_number, by_name):
        p = m.spawn("p")
        p.mmap("400 MiB", kind="noreserve", name="a")
        with contextlib.suppress(cowlab.OutOfMemory):
            p.mmap("2 GiB", name="b")
    assert by_number.state() == by_name.state()


# ---- cases of the Linux Test Project (overcommit_memory)


def test_T01_never_refuses_twice_what_is_left():
    m = never()
    p = m.spawn("p")
    left = m.meminfo()["CommitLimit"] - m.meminfo()["Committed_AS"]
    refused(p.mmap, 2 * left * KIB)


def test_T02_never_refuses_the_whole_limit():
    m = never()
    p = m.spawn("p")
    refused(p.mmap, m.meminfo()["CommitLimit"] * KIB)


def test_T03_never_grants_half_of_what_is_left():
    m = never()
    p = m.spawn("p")
    p.mmap(m.meminfo()["CommitLimit"] * KIB // 2)


def test_T04_heuristic_grants_half_of_what_is_free():
    m = heuristic(swap="512 MiB")
    p = m.spawn("p")
    p.mmap((m.meminfo()["MemFree"] + m.meminfo()["SwapFree"]) * KIB // 2)


def test_T05_heuristic_refuses_twice_ram_and_swap():
    m = heuristic(swap="512 MiB")
    p = m.spawn("p")
    refused(p.mmap, 2 * (m.meminfo()["MemTotal"] + m.meminfo()["SwapTotal"]) * KIB)


def test_T06_always_grants_half_once_and_twice_ram_and_swap():
    m = cowlab.Machine("1 GiB", swap="512 MiB", overcommit="always")
    total = m.meminfo()["MemTotal"] + m.meminfo()["SwapTotal"]
    for size in (total // 2, total, 2 * total):
        m.spawn().mmap(size * KIB)


# ---- a refusal


def test_a_refusal_changes_nothing_but_the_log():
    m = never()
    p = m.spawn("p")
    p.mmap("300 MiB", name="heap").write(0, 10)
    rest = p.mmap("900 MiB", prot="r", name="rest")
    before, logged = m.state(), len(m.log)
    refused(p.mmap, "1 GiB")
    refused(p.fork)
    refused(rest.protect, "rw")
    assert m.state() == before
    assert [event.kind for event in m.log[logged:]] == ["refuse"] * 3
    assert {event.process for event in m.log[logged:]} == {"p"}


@pytest.mark.parametrize("where", [{}, {"pages": [5, 6, *range(2000, 12000)]}])
def test_protect_of_several_areas_is_refused_whole(where):
    m = never("64 MiB")
    heap = m.spawn().mmap("48 MiB", prot="r")
    heap.munmap(100, 200)
    before = m.state()
    refused(heap.protect, "rw", **where)
    assert m.state() == before


def test_a_refused_mmap_leaves_its_name_free():
    p = never().spawn()
    refused(p.mmap, "1 GiB", name="heap")
    assert p.mappings == {}
    p.mmap("1 MiB", name="heap")


def test_the_message_has_what_was_asked_what_is_promised_and_the_limit():
    p = never().spawn()
    p.mmap("256 MiB")
    message = refused(p.mmap, "384 MiB")
    for figure in ("384 MiB", "256 MiB", "512 MiB"):
        assert figure in message


def test_the_message_of_the_heuristic_has_what_was_asked_and_what_the_machine_has():
    p = heuristic().spawn()
    message = refused(p.mmap, "3 GiB")
    assert "3 GiB" in message
    assert "1 GiB" in message


# ---- what a refusal says


def told(machine, size):
    with pytest.raises(cowlab.OutOfMemory) as error:
        machine.spawn("p").mmap(size)
    return " ".join(str(error.value).split())


def test_a_refusal_in_mode_2_says_the_limit_the_reserve_and_what_is_left_below_it():
    said = told(cowlab.Machine("1 GiB", overcommit="never"), "600 MiB")
    assert "asked for 600 MiB with 0 B committed; together they must stay below 504 MiB" in said
    assert "the limit 512 MiB less reserves of 8 MiB" in said


def test_a_reserve_larger_than_the_limit_leaves_nothing():
    said = told(cowlab.Machine("4 MiB", overcommit="never", overcommit_kbytes=4), "8 KiB")
    assert "must stay below 0 B: the limit 4 KiB" in said


def test_a_refusal_in_mode_0_says_ram_and_swap_together():
    said = told(cowlab.Machine("1 GiB", swap="512 MiB"), "2 GiB")
    assert "one request may not exceed the limit of RAM and swap, 1.50 GiB" in said


def test_swap_has_a_largest_size():
    most = 2**53 * 4096
    assert cowlab.Machine("1 MiB", swap=most).meminfo()["SwapTotal"] == most // 1024
    with pytest.raises(ValueError, match="more than any machine has: use at most"):
        cowlab.Machine("1 MiB", swap=most + 4096)
