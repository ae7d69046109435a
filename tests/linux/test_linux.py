"""The runner on a real kernel: what it reports, what it refuses, and that nothing of it stays behind."""

import gzip
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import cowlab
from cowlab import linux, trace
from cowlab.linux import host, verify
from helpers.marks import needs_linux
from helpers.operations import fork, leave, mmap, on, read, spawn, write
from helpers.paths import RECORDED

MIB = 1 << 20
PF_EXITING = 4  # include/linux/sched.h: a process that ends closes its files before it becomes a zombie


def agrees(ops):
    """Whether model and kernel say the same of `ops`."""
    with linux.Kernel() as kernel:
        _, found = verify.compare(ops, trace.replay, kernel)
    return found is None


# ---- what it reports


def recorded_traces():
    folder = RECORDED
    packed = [(folder / f"{name}.json.gz").read_bytes() for name in ("traces", "traces-v2")]
    return [recorded for data in packed for recorded in json.loads(gzip.decompress(data))["traces"]]


@needs_linux
def test_this_kernel_says_what_the_recorded_one_said():
    with linux.Kernel() as kernel:
        large_folios = kernel.file_window() > 16
        for recorded in recorded_traces()[::4]:
            if large_folios and linux.uses_file(recorded["ops"]):
                continue
            _, found = verify.compare(recorded["ops"], lambda _, recorded=recorded: recorded["expect"], kernel)
            assert found is None, recorded["seed"]


@needs_linux
def test_a_run_says_what_replay_says_and_where_and_how_long():
    ops = [spawn(), mmap(), write(0, 4, value=7), read(0, 16), fork("A", "B"), write(0, 1, pid="B", value=8)]
    run = linux.run(ops, expected=cowlab.replay(ops))
    assert run.entries == cowlab.replay(ops)
    assert run.kernel == os.uname().release
    assert len(run.date) == len("2026-11-24")
    assert len(run.timings) == len(ops)
    assert 0 < sum(run.timings) < run.seconds
    assert linux.replay({"version": 2, "machine": {"ram": "1 MiB"}, "ops": ops[:3]})[2]["minor"] == 4


@needs_linux
def test_a_write_in_the_child_makes_pages_exclusive_and_so_does_its_exit():
    ops = [spawn(), mmap(pages=8), write(0, 6), fork("A", "B"), write(0, 2, pid="B"), leave("B")]
    run = linux.run(ops, pages="each")
    own, shared = linux.MAPPED | linux.EXCLUSIVE, linux.MAPPED
    assert list(run.history[3]["B"]["heap"]) == [shared] * 6 + [0] * 2
    assert list(run.history[4]["B"]["heap"]) == [own] * 2 + [shared] * 4 + [0] * 2
    assert list(run.history[4]["A"]["heap"]) == [own] * 2 + [shared] * 4 + [0] * 2
    assert list(run.pages["A"]["heap"]) == [own] * 6 + [0] * 2
    assert "B" not in run.pages
    assert run.pages["A"]["heap"].dtype == np.uint8


@needs_linux
def test_zero_pages_shared_memory_and_holes_have_their_flags():
    ops = [spawn(), mmap(pages=4), read(0, 1), mmap("shm", 2, "shared"), write(0, 1, region="shm"), on("munmap", 2, 3)]
    pages = linux.run(ops).pages["A"]
    assert list(pages["heap"]) == [linux.MAPPED, 0, 0, 0]
    assert pages["shm"][0] & (linux.MAPPED | linux.FILE) == linux.MAPPED | linux.FILE
    assert pages["shm"][1] == 0


@needs_linux
def test_pages_are_looked_at_only_when_asked_for():
    run = linux.run([spawn(), mmap(), write(0, 1)], pages="none")
    assert run.pages == {}
    assert run.history == []


@needs_linux
@pytest.mark.parametrize(
    "access",
    [
        read(15, 17, region="small"),
        write(0, 1, region="readable"),
        read(3, 5),
        write(pages=[0, 4], value=1),
        read(pages=[4]),
    ],
    ids=["past the hole", "read-only", "into a hole", "list into a hole", "hole"],
)
def test_an_access_that_would_kill_is_not_made_and_says_efault(access):
    ops = [spawn(), mmap(pages=8), on("munmap", 4, 5), mmap("readable", 8, prot="r"), mmap("small", 32)]
    ops += [on("munmap", 16, 20, region="small"), access]
    entry = linux.run(ops).entries[-1]
    assert (entry["error"], entry["minor"], entry["major"]) == ("EFAULT", 0, 0)
    assert all(region["Rss"] == 0 for region in entry["smaps"]["A"].values())
    assert entry == cowlab.replay(ops)[-1]


@needs_linux
def test_a_refused_mapping_says_enomem_and_the_trace_goes_on():
    too_much = mmap("huge", 1 << 40)
    ops = [spawn(), too_much, {**too_much, "region": "more", "populate": True}, read(0, 1, region="huge")]
    ops += [mmap(), write(0, 2), on("munmap", 0, 1, region="huge"), on("dontneed", 0, 1, region="huge")]
    with linux.Kernel() as kernel:
        entries = kernel.run(ops).entries
    assert entries[1] == {"error": "ENOMEM", "smaps": {"A": {}}}
    assert entries[2] == {"error": "ENOMEM", "minor": 0, "major": 0, "smaps": {"A": {}}}
    assert entries[3]["error"] == "EFAULT"
    assert entries[5]["minor"] == 2
    assert [entry["error"] for entry in entries[6:]] == [None, "ENOMEM"]
    assert entries[-1]["smaps"]["A"]["heap"]["Rss"] == 8


@needs_linux
def test_a_child_outlives_its_parent_and_its_parents_parent():
    ops = [spawn(), mmap(), write(0, 16, value=5), fork("A", "B"), fork("B", "C"), leave("A"), leave("B")]
    ops += [read(0, 16, pid="C"), write(0, 16, pid="C"), fork("C", "D"), leave("C"), read(0, 1, pid="D"), leave("D")]
    assert agrees(ops)


@needs_linux
def test_empty_ranges_and_lists_of_pages_in_every_call():
    ops = [spawn(), mmap(pages=40), write(pages=[], value=1), read(3, 3), write(0, 40), on("munmap", 5, 5)]
    ops += [on("dontneed", pages=[30, 31, 7, 2]), on("protect", pages=[1, 2, 20], prot="r"), read(pages=[20, 1, 0])]
    ops += [on("munmap", pages=[9, 3, 4]), on("dontneed", 0, 12), on("protect", 8, 40, prot=""), on("munmap", pages=[])]
    assert agrees(ops)


@needs_linux
def test_huge_pages_are_off():
    entries = linux.replay([spawn(), mmap(pages=2048), write(0, 2048)])
    assert entries[2]["minor"] == 2048


@needs_linux
def test_a_long_list_of_pages_takes_no_fault_of_its_own():
    pages = np.random.default_rng(1).permutation(20_000).tolist()
    ops = [spawn(), mmap(pages=20_000), write(pages=pages, value=3), fork("A", "B"), read(pages=pages, pid="B")]
    assert agrees(ops)


@needs_linux
def test_numbers_of_numpy_will_do():
    pages = list(np.arange(3, 6))
    ops = [spawn(), mmap(pages=np.int64(8)), write(pages=pages, value=np.uint64(7)), read(3, 4)]
    assert linux.replay(ops)[-1]["digest"] == 7


@needs_linux
def test_one_read_fault_of_a_file_maps_a_window():
    if host.file_folder() is None:
        pytest.skip("no writable folder lies on ext4 or its like")
    assert linux.file_window() >= 16


@needs_linux
def test_the_file_of_a_trace_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "file_folder", lambda: tmp_path)
    entries = linux.replay([spawn(), mmap("f", 4, "file-shared"), read(1, 3, region="f"), write(0, 4, region="f")])
    assert entries[2]["digest"] == 1001 * 1000003 + 1002
    assert list(tmp_path.iterdir()) == []


# ---- what it refuses


@needs_linux
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([read(0, 1)], "operation 0"),
        ([spawn(), mmap(), write(0, 99)], "operation 2"),
        ({"version": 2, "machine": {"copy_on_write": False}, "ops": [spawn()]}, "always copies on write"),
    ],
)
def test_what_is_malformed_or_not_linux_is_refused_before_anything_starts(wrong, says, monkeypatch):
    monkeypatch.delattr(subprocess, "Popen")
    with pytest.raises(ValueError, match=says):
        linux.run(wrong)


@needs_linux
def test_a_trace_that_is_too_large_is_refused_before_anything_starts(monkeypatch):
    monkeypatch.delattr(subprocess, "Popen")
    monkeypatch.setattr(trace, "peak", lambda x: 3 << 30)
    with pytest.raises(linux.TooLarge, match=r"takes 3 GiB .* may take .*: .*small version: scenarios\.NAME\.small"):
        linux.run([spawn()])


@needs_linux
def test_the_model_counts_what_a_trace_takes():
    with pytest.raises(linux.TooLarge, match=r"takes 2\.00 GiB"):
        linux.run([spawn(), mmap(pages=1 << 19, populate=True)])
    assert linux.run([spawn(), mmap(pages=1 << 19, kind="noreserve"), write(0, 1)]).entries[-1]["minor"] == 1


def fake_machine(root, meminfo_kib, cgroup, mountinfo, groups):
    """A tree of /proc and /sys/fs/cgroup files."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {meminfo_kib} kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    (root / "proc/self/mountinfo").write_text(mountinfo)
    for folder, files in groups.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (root / folder / name).write_text(f"{text}\n")
    return root


V2_MOUNT = "30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1_MOUNT = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"


def test_one_gib_is_the_most(tmp_path):
    root = fake_machine(tmp_path, 100 << 20, "0::/\n", V2_MOUNT, {"sys/fs/cgroup": {}})
    assert host.memory_limit(root) == host.Limit(1 << 30, "1 GiB, which no trace may exceed")


def test_a_quarter_of_what_the_machine_has_available(tmp_path):
    limit = host.memory_limit(fake_machine(tmp_path, 2 << 20, "0::/\n", V2_MOUNT, {"sys/fs/cgroup": {}}))
    assert limit.size == 512 * MIB
    assert "a quarter of the 2 GiB that this machine has available" in limit.reason


def test_the_smallest_room_of_a_group_or_one_above_it(tmp_path):
    group = {"memory.max": 800 * MIB, "memory.current": 700 * MIB, "memory.stat": "anon 5\ninactive_file 104857600"}
    above = {"memory.max": 1000 * MIB, "memory.current": 960 * MIB, "memory.stat": "inactive_file 0"}
    free = {"memory.max": "max", "memory.current": 5, "memory.stat": "inactive_file 0"}
    groups = {"sys/fs/cgroup/a/b/c": free, "sys/fs/cgroup/a/b": group, "sys/fs/cgroup/a": above}
    root = fake_machine(tmp_path, 90 << 20, "0::/a/b/c\n", V2_MOUNT, groups)
    rooms = dict(host.group_rooms(root))
    assert [rooms[str(root / "sys/fs/cgroup" / name)] for name in ("a/b", "a")] == [200 * MIB, 40 * MIB]
    limit = host.memory_limit(root)
    assert limit.size == 10 * MIB
    assert "left in the memory group" in limit.reason


def test_version_1_groups_as_a_container_sees_them(tmp_path):
    files = {"memory.limit_in_bytes": 100 * MIB, "memory.usage_in_bytes": 20 * MIB}
    files["memory.stat"] = "total_inactive_file 0"
    cgroup = "5:cpu:/docker/abc\n4:memory:/docker/abc\n0::/\n"
    root = fake_machine(tmp_path, 90 << 20, cgroup, V1_MOUNT, {"sys/fs/cgroup/memory": files})
    assert host.memory_limit(root).size == 20 * MIB


def test_a_version_1_group_without_a_limit(tmp_path):
    files = {"memory.limit_in_bytes": 9223372036854771712, "memory.usage_in_bytes": 0, "memory.stat": ""}
    root = fake_machine(tmp_path, 90 << 20, "4:memory:/docker/abc\n", V1_MOUNT, {"sys/fs/cgroup/memory": files})
    assert list(host.group_rooms(root)) == []


@needs_linux
def test_files_lie_on_a_file_system_like_ext4_or_nowhere(monkeypatch):
    trace_with_file = [spawn(), mmap("f", 1, "file-private")]
    monkeypatch.setattr(host, "file_system_of", lambda folder: "tmpfs")
    with pytest.raises(linux.Unavailable, match="no folder to write a file in that lies on one of ext4"):
        linux.run(trace_with_file)
    assert linux.replay([spawn(), mmap()])[1]["error"] is None


@needs_linux
def test_the_file_system_is_that_of_the_longest_and_last_mount(monkeypatch, tmp_path):
    lines = [("/", "overlay"), (str(tmp_path.parent), "xfs"), (str(tmp_path), "ext4"), (str(tmp_path), "tmpfs")]
    monkeypatch.setattr(host, "mounts", lambda: [host.Mount("/", point, kind, ()) for point, kind in lines])
    assert host.file_system_of(tmp_path) == "tmpfs"
    assert host.file_system_of(tmp_path.parent) == "xfs"


# ---- where it cannot run


@pytest.mark.parametrize(
    ("platform", "says"),
    [("emscripten", "browser"), ("darwin", "not Linux"), ("win32", "not Linux: use a Linux machine")],
)
def test_another_platform_is_told_why(platform, says, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert says in linux.available()
    with pytest.raises(linux.Unavailable, match=says):
        linux.run([spawn()])
    with pytest.raises(linux.Unavailable, match=says):
        linux.file_window()


@needs_linux
@pytest.mark.parametrize("switch", ["off", "OFF", "0"])
def test_it_can_be_switched_off(switch, monkeypatch):
    monkeypatch.setenv("COWLAB_KERNEL", switch)
    assert linux.available() == f"The kernel is not asked on this machine: COWLAB_KERNEL is set to {switch!r}."
    with pytest.raises(linux.Unavailable, match="COWLAB_KERNEL"):
        linux.run([spawn()])
    with pytest.raises(linux.Unavailable, match="COWLAB_KERNEL"), linux.Kernel():
        pass


@needs_linux
@pytest.mark.parametrize("switch", ["on", ""])
def test_it_can_be_left_on(switch, monkeypatch):
    monkeypatch.setenv("COWLAB_KERNEL", switch)
    assert linux.available() is None


@needs_linux
def test_another_linux_is_told_why(monkeypatch):
    monkeypatch.setattr("platform.release", lambda: "4.4.0")
    assert linux.available() == "Linux 4.4.0 is too old: it takes 5.3 or later (pidfd_open, MAP_FIXED_NOREPLACE)."
    monkeypatch.undo()
    monkeypatch.setattr(os, "sysconf", lambda name: 16384)
    assert linux.available() == "Pages of memory are 16 KiB here; the model's are 4 KiB."
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda path, mode: "pagemap" not in path)
    assert linux.available() == "This kernel gives no /proc/PID/pagemap to read."
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "")
    assert "sys.executable" in linux.available()


@pytest.mark.parametrize("release", ["6.18.44-fc", "5.3", "6.8.0-45-generic", "6.6.87.2-microsoft-WSL2", "7.0rc1"])
def test_releases_that_will_do(release):
    assert host.kernel_version(release) >= host.FIRST_KERNEL


def test_importing_it_needs_neither_linux_nor_jupyter():
    program = """
import sys
for name in ("resource", "fcntl", "IPython", "jupyterlab", "ipywidgets", "anywidget", "matplotlib"):
    sys.modules[name] = None   # importing it fails
sys.platform = "emscripten"
import cowlab.linux, cowlab.verify
print(cowlab.linux.available())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "This Python runs in a browser, which has no Linux kernel to ask.\n"


# ---- that nothing of it stays, and nothing of it does harm

# Takes many seconds, nearly all of them while two processes live.
SLOW = [spawn(), mmap(pages=50_000), write(0, 50_000), fork("A", "B"), *[write(0, 50_000, pid=p) for p in "AB" * 200]]


def members(group):
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, its_group, _, _, _, flags = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:7]
            except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
                continue
            if int(its_group) == group and state not in "ZX" and not int(flags) & PF_EXITING:
                found.append(int(entry.name))
    return found


def wait_for_end(pids, seconds=20):
    """Whether all of these processes end in time."""
    poll = select.poll()
    handles = []
    for pid in pids:
        try:
            handles.append(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
        poll.register(handles[-1], select.POLLIN)
    ended = set()
    while len(ended) < len(handles):
        ready = poll.poll(seconds * 1000)
        if not ready:
            return False
        for handle, _ in ready:
            ended.add(handle)
            poll.unregister(handle)
    return True


def when_running(kernel, count, action):
    """A thread that does `action(pids)` once `count` processes run a trace beside their conductor."""

    def watch():
        while len(found := members(kernel._process.pid)) < count + 1:
            pass
        action(sorted(set(found) - {kernel._process.pid}))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@needs_linux
def test_nothing_runs_after_the_block_whether_it_ends_well_or_not():
    with linux.Kernel() as kernel:
        kernel.run([spawn(), mmap(), write(0, 1), fork("A", "B")])
        assert members(kernel._process.pid) == [kernel._process.pid]
    assert members(kernel._process.pid) == []
    with pytest.raises(ZeroDivisionError), linux.Kernel() as kernel:
        print(1 / 0)
    assert members(kernel._process.pid) == []


@needs_linux
def test_an_interrupt_ends_every_process_at_once():
    main, kernel = threading.main_thread().ident, linux.Kernel()

    def run():
        with kernel:
            when_running(kernel, 2, lambda pids: signal.pthread_kill(main, signal.SIGINT))
            kernel.run(SLOW)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert members(kernel._process.pid) == []


@needs_linux
def test_every_process_dies_with_the_caller():
    program = f"""
from cowlab import linux
with linux.Kernel() as kernel:
    print(kernel._process.pid, flush=True)
    kernel.run({SLOW!r})
"""
    caller = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    group = int(caller.stdout.readline())
    while len(running := members(group)) < 3:
        assert caller.poll() is None
    caller.kill()
    caller.wait()
    caller.stdout.close()
    assert wait_for_end(running)
    assert members(group) == []


@needs_linux
def test_a_killed_process_is_an_error_that_names_it_and_the_operation():
    with linux.Kernel() as kernel:
        thread = when_running(kernel, 2, lambda pids: os.kill(pids[-1], signal.SIGKILL))
        with pytest.raises(linux.Crashed, match=r"Process 'B' died during operation \d+ \(\w+\)\. It said nothing"):
            kernel.run(SLOW)
        thread.join()
        assert members(kernel._process.pid) == [kernel._process.pid]
        assert kernel.run([spawn(), mmap(), write(0, 3)]).entries[-1]["minor"] == 3


@needs_linux
def test_a_killed_conductor_is_an_error_and_leaves_no_process():
    with linux.Kernel() as kernel:
        when_running(kernel, 2, lambda pids: os.kill(kernel._process.pid, signal.SIGKILL))
        with pytest.raises(linux.Crashed, match="The interpreter that ran the trace ended"):
            kernel.run(SLOW)
    assert wait_for_end(members(kernel._process.pid))  # they die by a signal of their own, a moment later
    assert issubclass(linux.Crashed, cowlab.Error)


@needs_linux
def test_a_fault_of_its_own_is_shown():
    with linux.Kernel() as kernel, pytest.raises(linux.Crashed, match="KeyError: 'no such kind'"):
        kernel.run([spawn(), mmap(kind="no such kind")])


@needs_linux
def test_its_processes_are_the_first_to_be_killed_and_have_a_limit():
    seen = {}

    def look(pids):
        for pid in pids:
            limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
            space = next(line.split()[3] for line in limits if line.startswith("Max address space"))
            seen[pid] = (Path(f"/proc/{pid}/oom_score_adj").read_text().strip(), int(space))
        os.kill(pids[-1], signal.SIGKILL)

    with linux.Kernel() as kernel:
        thread = when_running(kernel, 2, look)
        with pytest.raises(linux.Crashed):
            kernel.run(SLOW)
        thread.join()
    assert list(seen.values()) == [("1000", 50_000 * 4096 + (1 << 30))] * 2


@needs_linux
def test_the_caller_is_never_forked(monkeypatch):
    monkeypatch.setattr(os, "fork", None)
    assert linux.replay([spawn(), mmap(), fork("A", "B")])[-1]["error"] is None
