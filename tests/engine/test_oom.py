"""The OOM killer: whom it kills (mm/oom_kill.c), what that frees, and what the call that lacked memory sees of it."""

import errno

import pytest

import cowlab
from cowlab.engine import Task, badness, oom_policy
from helpers.machines import used, victims

KIB, MIB, GIB = 1024, 1 << 20, 1 << 30
PAGE = 4096
NEVER = -1000


def tables(pages):
    """Page tables of one mapping of so many pages, all touched: leaves, middle tables, one upper table."""
    return -(-pages // 512) + -(-pages // 512**2) + 1


def accounted(m):
    """Frames that processes, the page cache and page tables have, where nothing is shared between processes."""
    info = m.meminfo()
    return (info["AnonPages"] + info["Cached"] + m.page_tables * info["PageTables"]) // 4


def task_of(report, name):
    return next(task for task in report.tasks if task.name == name)


def eat(m, name, pages, **where):
    """A process that has so many pages."""
    process = m.spawn(name, **where)
    if pages:
        process.mmap(pages * PAGE, name="heap").write()
    return process


def flat(pages, **settings):
    """A machine of so many frames, of which page tables take none: figures that can be done in the head."""
    return cowlab.Machine(pages * PAGE, overcommit="always", page_tables=False, check=True, **settings)


# ---- badness: whom it takes


def test_badness_adds_up_what_a_process_has_and_its_adjustment_in_thousandths():
    plain = Task(None, "a", vsz=10**6, rss=5000, swap=300, page_tables=20, oom_score_adj=0, total=100_999)
    assert badness(plain) == plain.badness == 5320
    adjusted = Task(None, "a", vsz=10**6, rss=5000, swap=300, page_tables=20, oom_score_adj=-60, total=100_999)
    assert badness(adjusted) == 5320 - 60 * 100  # a thousandth of memory is a whole number of pages


def test_oom_score_as_it_was_measured():
    m = cowlab.Machine(6170914 * PAGE)
    p = m.spawn()
    p.mmap(131472 * PAGE).write()  # 257 leaves, a middle and an upper table
    for _ in range(4):
        p.mmap(PAGE).write()  # a leaf and a middle table each
    assert (p.rss // PAGE, p.page_tables // PAGE) == (131476, 267)
    scores = {}
    for adj in (0, 100, 500, 1000):
        p.oom_score_adj = adj
        scores[adj] = p.oom_score
    assert scores == {0: 680, 100: 747, 500: 1014, 1000: 1347}


def test_oom_score_divides_as_C_does_and_stays_from_0_to_2000():
    m = cowlab.Machine(6170914 * PAGE)
    p = m.spawn(oom_score_adj=-500)
    p.mmap(131472 * PAGE).write()
    assert -479 < (131472 + 259 - 500 * 6170) * 1000 / 6170914 < -478
    assert p.oom_score == (1000 - 478) * 2 // 3  # towards 0
    p.oom_score_adj = -999
    assert p.oom_score == (1000 - 977) * 2 // 3
    p.oom_score_adj = NEVER
    assert p.oom_score == 0


def test_a_process_that_has_nothing_scores_in_the_middle_and_a_dead_one_nothing():
    p = cowlab.Machine("1 GiB").spawn()
    assert p.oom_score == 666
    p.exit()
    assert p.oom_score == 0


@pytest.mark.parametrize("adj", [-1001, 1001, 1.5, "0", None, True])
def test_an_adjustment_that_means_nothing_is_refused(adj):
    m = cowlab.Machine("1 MiB")
    p = m.spawn()
    before = m.state()
    with pytest.raises(ValueError, match="oom_score_adj"):
        p.oom_score_adj = adj
    with pytest.raises(ValueError, match="oom_score_adj"):
        m.spawn(oom_score_adj=adj)
    assert m.state() == before


def test_fork_inherits_the_adjustment():
    p = cowlab.Machine("1 MiB").spawn(oom_score_adj=300)
    child = p.fork()
    child.oom_score_adj = 5
    assert (p.oom_score_adj, child.oom_score_adj, child.fork().oom_score_adj) == (300, 5, 5)


def test_the_largest_dies_and_not_whoever_asked():
    m = flat(100)
    large, small = eat(m, "large", 60), m.spawn("small")
    assert small.mmap(70 * PAGE).write().zeroed == 70
    assert (large.exit_reason, small.alive) == ("oom-killed", True)


def test_of_equals_the_one_made_last_dies():
    m = flat(100)
    for name in ("first", "second", "third"):
        eat(m, name, 30)
    m.spawn("small").mmap(20 * PAGE).write()
    assert victims(m) == ["third"]


def test_age_does_not_count_nor_does_what_is_mapped_and_not_touched():
    m = flat(100)
    m.spawn("promised").mmap("1 GiB").write(0)
    eat(m, "old", 50)
    m.advance(10**6)
    eat(m, "new", 45)
    m.spawn("small").mmap(20 * PAGE).write()
    assert victims(m) == ["old"]


def test_page_tables_count():
    m = cowlab.Machine(100 * PAGE, overcommit="always")
    sparse = m.spawn("sparse")
    sparse.mmap("40 MiB").write(pages=range(0, 20 * 512, 512))  # 20 pages, 22 tables
    eat(m, "dense", 35)  # 35 pages, 3 tables
    m.spawn("small").mmap(18 * PAGE).write()
    assert victims(m) == ["sparse"]
    assert [task.badness for task in m.oom_reports[0].tasks] == [42, 38, 20]  # all of the 100 frames


def test_what_is_swapped_out_counts():
    m = flat(100, swap=100 * PAGE)
    asleep = eat(m, "asleep", 110)
    awake = m.spawn("awake")
    assert awake.mmap(95 * PAGE).write().zeroed == 95
    assert not asleep.alive
    task = task_of(m.oom_reports[0], "asleep")
    assert (task.rss + task.swap, task.badness) == (110, 110 + 3)
    assert task.total == 200
    assert task.swap > 0


def test_shared_pages_count_in_full_for_every_sharer_and_are_not_freed():
    m = flat(100)
    parent = eat(m, "parent", 60)
    parent.fork("child")
    stranger = m.spawn("stranger")
    stranger.mmap(41 * PAGE).write(0, 40)
    stranger["mapping 1"].write(40)
    assert victims(m) == ["child", "parent"]  # the child's end frees no frame
    assert [report.done for report in m.oom_reports] == [0, 0]


def test_the_adjustment_is_a_share_of_RAM_and_swap():
    m = flat(1000, swap=1000 * PAGE, swappiness=0)
    m.spawn("favoured", oom_score_adj=-100).mmap(900 * PAGE).write()
    eat(m, "other", 800)
    m.spawn("small").mmap(310 * PAGE).write()
    tasks = {task.name: task.badness for task in m.oom_reports[0].tasks}
    assert tasks["favoured"] == 900 + 2 + 2 - 100 * 2
    assert tasks["other"] == 800 + 2 + 2
    assert victims(m) == ["other"]


def test_a_negative_badness_can_still_be_the_worst():
    m = flat(1000)
    m.spawn("a", oom_score_adj=-900).mmap(600 * PAGE).write()
    m.spawn("b", oom_score_adj=-999).mmap(390 * PAGE).write()
    m.spawn("small", oom_score_adj=-999).mmap(20 * PAGE).write()
    assert victims(m) == ["a"]
    assert task_of(m.oom_reports[0], "a").badness == 600 + 4 - 900


def test_minus_1000_is_never_chosen():
    m = flat(100)
    eat(m, "protected", 90, oom_score_adj=NEVER)
    eat(m, "small", 6)
    p = m.spawn("caller")
    p.mmap(10 * PAGE).write()
    assert victims(m) == ["small"]
    with pytest.raises(cowlab.ProcessKilled):
        p.mmap(10 * PAGE).write()
    assert [process.name for process in m.processes] == ["protected"]


# ---- the call that lacked memory


@pytest.mark.parametrize("page_tables", [True, False])
def test_a_range_write_stops_at_the_very_page_that_finds_no_frame_and_goes_on_after_the_kill(page_tables):
    m = cowlab.Machine(1024 * PAGE, overcommit="always", page_tables=page_tables, check=True)
    eat(m, "victim", 600)  # and 4 tables
    caller = m.spawn("caller")
    heap = caller.mmap(900 * PAGE)
    faults = heap.write(value=7)
    report = m.oom_reports[0]
    taken = 4 + 3 if page_tables else 0  # the victim's tables, and the three that the caller's first page needs
    assert victims(m) == ["victim"]
    assert (report.done, report.asked) == (1024 - 600 - taken, 1)
    assert (report.usage, report.limit) == (1024, 1024)
    assert faults == (900, 0, 900, 0, 0)
    assert caller.minor_faults == 900
    assert set(heap.values().tolist()) == {7}
    assert used(m) == accounted(m) == 900 + (4 if page_tables else 0)


def test_where_a_page_table_is_what_lacks_the_report_says_how_many_frames():
    m = cowlab.Machine(600 * PAGE, overcommit="always", check=True)
    eat(m, "victim", 300)  # and 3 tables
    m.spawn("caller").mmap(PAGE * 294).write()  # 3 tables, 294 pages: all 600 frames
    m.processes[1].mmap(PAGE).write()
    assert (m.oom_reports[0].asked, m.oom_reports[0].done) == (2, 0)  # a leaf and a middle table, before any page
    assert victims(m) == ["victim"]


def test_a_caller_that_is_the_largest_itself_is_killed():
    m = flat(100)
    eat(m, "small", 30)
    caller = m.spawn("caller")
    heap = caller.mmap(200 * PAGE)
    with pytest.raises(cowlab.ProcessKilled, match="'caller' was killed by the OOM killer.*after 70 pages"):
        heap.write()
    assert (caller.alive, caller.exit_reason) == (False, "oom-killed")
    assert (caller.minor_faults, caller.rss, caller.vsz) == (70, 0, 0)
    assert m.oom_reports[0].done == 70
    assert used(m) == 30
    assert m.vmstat()["oom_kill"] == 1
    assert [(event.process, event.count) for event in m.log if event.kind == "oom_kill"] == [("caller", 70)]
    with pytest.raises(cowlab.NoSuchProcess, match="was killed by the OOM killer"):
        heap.read(0)


def test_children_of_a_victim_go_to_init():
    m = flat(100)
    parent = m.spawn("parent")
    child = parent.fork("child")
    parent.mmap(90 * PAGE).write()
    child.mmap(20 * PAGE).write()
    assert victims(m) == ["parent"]
    assert child.parent is m.init


@pytest.mark.parametrize("start", [0, 1, 100])
def test_scattered_and_partial_writes_are_exact_too(start):
    m = flat(1024)
    eat(m, "victim", 600)
    heap = m.spawn("caller").mmap("8 MiB")
    numbers = [*range(start, 1600, 2)][:500]
    heap.write(pages=numbers, value=3)
    assert m.oom_reports[0].done == 424
    assert set(heap.values(pages=numbers).tolist()) == {3}
    assert heap.values(pages=[n + 1 for n in numbers]).tolist() == [0] * 500
    assert used(m) == 500


def test_copies_lack_frames_like_first_touches():
    m = flat(100)
    parent = eat(m, "parent", 40)
    child = parent.fork("child")
    eat(m, "victim", 50)
    assert child["heap"].write(value=2).copied == 40
    assert m.oom_reports[0].done == 10
    assert victims(m) == ["victim"]
    assert (set(child["heap"].values().tolist()), set(parent["heap"].values().tolist())) == ({2}, {0})


def test_a_read_of_shared_memory_can_lack_a_frame_and_kill():
    m = flat(100)
    eat(m, "victim", 90)
    assert m.spawn("caller").mmap(20 * PAGE, kind="shared").read().zeroed == 20
    assert victims(m) == ["victim"]


def test_reading_the_zero_page_kills_nobody():
    m = flat(100)
    eat(m, "full", 100)
    m.spawn("caller").mmap("1 MiB").read()
    assert m.oom_reports == []


def test_if_nobody_may_be_killed_it_is_a_deadlock_and_what_was_touched_stays():
    m = flat(100)
    eat(m, "protected", 60, oom_score_adj=NEVER)
    caller = m.spawn("caller", oom_score_adj=NEVER)
    heap = caller.mmap(50 * PAGE)
    with pytest.raises(cowlab.Deadlock, match="no process may be killed") as error:
        heap.write(value=9)
    report = m.oom_reports[-1]
    assert (report.killed, report.done, report.asked) == ((), 40, 1)
    assert str(report) in str(error.value)
    assert "Out of memory and no killable processes" in str(report)
    assert caller.alive
    assert (caller.rss, caller.minor_faults) == (40 * PAGE, 40)
    assert heap.values().tolist() == [9] * 40 + [0] * 10
    assert used(m) == accounted(m) == 100
    m.kill(m["protected"])
    assert heap.write().zeroed == 10  # once there is memory, the call works


def test_populate_ignores_a_deadlock_as_mmap_does():
    m = flat(100)
    p = m.spawn(oom_score_adj=NEVER)
    heap = p.mmap(120 * PAGE, populate=True)
    assert (p.alive, heap.rss) == (True, 100 * PAGE)


def test_populate_can_be_the_end_of_its_caller():
    m = flat(100)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn("caller").mmap(120 * PAGE, populate=True)
    assert (victims(m), used(m)) == (["caller"], 0)


# ---- fork


def test_fork_kills_for_the_page_tables_that_it_needs():
    m = cowlab.Machine(1000 * PAGE, overcommit="always", check=True)
    parent = eat(m, "parent", 200)  # and 3 tables
    eat(m, "large", 793)  # and 4 tables: all 1000 frames
    assert m.meminfo()["MemFree"] == 0
    child = parent.fork("child")
    assert victims(m) == ["large"]
    assert m.oom_reports[0].asked == 3
    assert child.rss == 200 * PAGE
    assert used(m) == 200 + 2 * 3


def test_fork_can_be_the_end_of_its_caller():
    m = cowlab.Machine(1000 * PAGE, overcommit="always", check=True)
    parent = eat(m, "parent", 995)  # and 4 tables
    with pytest.raises(cowlab.ProcessKilled):
        parent.fork("child")
    assert (m.processes, used(m)) == ([], 0)


def test_a_fork_whose_tables_cannot_be_had_is_refused_and_has_changed_nothing():
    m = cowlab.Machine(1000 * PAGE, overcommit="always", check=True)
    parent = eat(m, "parent", 995, oom_score_adj=NEVER)
    before = m.state()
    with pytest.raises(cowlab.OutOfMemory) as error:
        parent.fork("child")
    assert error.value.errno == errno.ENOMEM
    after = m.state()
    for part in ("frames", "account", "processes", "contents"):
        assert after[part] == before[part]


def test_a_fork_whose_promise_is_refused_kills_nobody():
    m = cowlab.Machine("1 MiB", check=True)  # heuristic: no request may be larger than RAM
    parent = m.spawn("parent")
    heap = parent.mmap("1.5 MiB", prot="r")
    heap.protect("rw", 0, 200)
    heap.protect("rw", 200, 384)  # one area now, which a fork would have to promise again
    heap.write(0)
    bystander = m.spawn("bystander")
    bystander.mmap("1 MiB").write(0, 249)
    assert m.meminfo()["MemFree"] == 0
    with pytest.raises(cowlab.OutOfMemory):
        parent.fork()
    assert (bystander.alive, m.oom_reports) == (True, [])


@pytest.mark.parametrize("limited", [False, True])
def test_an_eager_fork_that_does_not_fit_is_refused_and_kills_nobody(limited):
    m = cowlab.Machine("16 MiB", copy_on_write=False, check=True)
    eat(m, "bystander", 256)
    parent = m.spawn("parent", cgroup=m.cgroup("/g", max="9 MiB") if limited else None)
    parent.mmap("5 MiB" if limited else "9 MiB").write()
    before = m.state()
    with pytest.raises(cowlab.OutOfMemory):
        parent.fork()
    assert m.state() == before
    assert m.oom_reports == []


# ---- limits of groups


def test_the_sleeper_dies_for_the_allocator():
    """Measured on a real kernel: limit 96 MiB, one that sleeps on 70 MiB, one that grows to 60 MiB."""
    m = cowlab.Machine("1 GiB", check=True)
    group = m.cgroup("/g", max="96 MiB")
    sleeper = eat(m, "sleeper", 70 * 256, cgroup=group)
    allocator = m.spawn("allocator", cgroup=group)
    assert allocator.mmap("60 MiB").write().zeroed == 60 * 256
    assert (sleeper.exit_reason, allocator.alive) == ("oom-killed", True)
    report = m.oom_reports[0]
    assert task_of(report, "sleeper").badness == 17920 + tables(17920) == 17957
    assert task_of(report, "allocator").badness == 24576 - 17957
    assert group.current == (15360 + tables(15360)) * PAGE


def test_no_kill_outside_the_group_that_met_its_limit():
    m = flat(10_000)
    eat(m, "huge", 5000, oom_score_adj=1000)
    m.cgroup("/pods")
    sibling = eat(m, "sibling", 2000, cgroup=m.cgroup("/pods/b", max=2000 * PAGE))
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn("caller", cgroup=m.cgroup("/pods/a", max=100 * PAGE)).mmap(200 * PAGE).write()
    assert victims(m) == ["caller"]
    assert [task.name for task in m.oom_reports[0].tasks] == ["caller"]
    assert sibling.alive


def test_a_limit_above_is_met_by_the_sum_and_any_process_below_it_may_die():
    m = flat(10_000)
    m.cgroup("/pods", max=100 * PAGE)
    large = eat(m, "large", 70, cgroup=m.cgroup("/pods/a"))
    small = m.spawn("small", cgroup=m.cgroup("/pods/b", max=90 * PAGE))
    small.mmap(40 * PAGE).write()
    assert (large.alive, small.alive) == (False, True)
    assert (m.oom_reports[0].group, m.oom_reports[0].limit, m.oom_reports[0].done) == ("/pods", 100, 30)


def test_in_a_group_points_are_measured_by_its_limit_and_the_swap_that_it_may_have():
    def total(swap, swap_max):
        m = cowlab.Machine("1 GiB", swap=swap, overcommit="always")
        group = m.cgroup("/g", max="100 MiB", swap_max=swap_max)
        with pytest.raises(cowlab.ProcessKilled):
            m.spawn("caller", cgroup=group).mmap("300 MiB").write()
        return m.oom_reports[0].tasks[0].total

    assert total("0 B", None) == 25600
    assert total("50 MiB", None) == 25600 + 12800
    assert total("50 MiB", "10 MiB") == 25600 + 2560
    assert total("50 MiB", "60 MiB") == 25600 + 12800


def test_without_swappiness_swap_does_not_count_for_a_group():
    m = cowlab.Machine("1 GiB", swap="50 MiB", swappiness=0)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn("caller", cgroup=m.cgroup("/g", max="100 MiB")).mmap("300 MiB").write()
    assert m.oom_reports[0].tasks[0].total == 25600


def test_oom_score_is_measured_by_the_machine_wherever_the_process_is():
    m = cowlab.Machine("1 GiB")
    inside = eat(m, "inside", 1000, cgroup=m.cgroup("/g", max="8 MiB"))
    assert inside.oom_score == eat(m, "outside", 1000).oom_score


def test_the_order_of_equals_in_groups_is_that_of_the_groups():
    m = flat(1000)
    top = m.cgroup("/g", max=90 * PAGE)
    a, b = m.cgroup("/g/a"), m.cgroup("/g/b")
    for name, group in (("in b", b), ("in a", a), ("on top", top)):  # the killer looks on top first, then in a, in b
        eat(m, name, 28, cgroup=group)
    m.spawn("small", cgroup=top).mmap(10 * PAGE).write()
    assert [task.name for task in m.oom_reports[0].tasks] == ["on top", "small", "in a", "in b"]
    assert victims(m) == ["in b"]


def test_within_a_group_equals_go_by_who_came_last():
    m = flat(1000)
    group = m.cgroup("/g", max=85 * PAGE)
    first = m.spawn("first")
    eat(m, "second", 30, cgroup=group)
    group.attach(first)
    first.mmap(30 * PAGE).write()
    eat(m, "small", 26, cgroup=group)
    assert victims(m) == ["first"]


def test_attaching_a_process_where_it_is_changes_nothing():
    m = flat(1000)
    group = m.cgroup("/g", max=70 * PAGE)
    first, _ = eat(m, "first", 30, cgroup=group), eat(m, "second", 30, cgroup=group)
    group.attach(first)
    eat(m, "small", 11, cgroup=group)
    assert victims(m) == ["second"]


# ---- groups that die as one


def family(m, path, oom_group, sizes, **limits):
    group = m.cgroup(path, oom_group=oom_group, **limits)
    for n, size in enumerate(sizes):
        eat(m, f"{path} {n}", size, cgroup=group)
    return group


def test_a_group_that_is_to_die_as_one_does():
    m = flat(1000)
    group = family(m, "/g", True, [30, 10, 0], max=50 * PAGE)
    spared = m.spawn("spared", cgroup=group, oom_score_adj=NEVER)
    with pytest.raises(cowlab.ProcessKilled):
        m["/g 2"].mmap(20 * PAGE).write()
    assert victims(m) == ["/g 0", "/g 1", "/g 2"]
    assert group.processes == [spared]
    events = {"low": 0, "high": 0, "max": 1, "oom": 1, "oom_kill": 3, "oom_group_kill": 1}
    assert group.events() == group.events_local() == events


def test_the_highest_such_group_below_the_limit_that_was_met_dies():
    m = flat(1000)
    m.cgroup("/pods", max=100 * PAGE, oom_group=False)
    family(m, "/pods/job", True, [10])
    family(m, "/pods/job/a", True, [60])
    family(m, "/pods/job/b", False, [5])
    family(m, "/pods/other", True, [5])
    m.spawn("caller", cgroup="/pods").mmap(30 * PAGE).write()
    assert victims(m) == ["/pods/job/a 0", "/pods/job 0", "/pods/job/b 0"]
    assert m.cgroups["/pods/job"].events_local()["oom_group_kill"] == 1
    assert m.cgroups["/pods/job/a"].events()["oom_group_kill"] == 0
    assert m["/pods/other 0"].alive


def test_a_group_above_the_limit_that_was_met_is_not_asked():
    m = flat(1000)
    outer = family(m, "/outer", True, [10])
    family(m, "/outer/inner", False, [30, 15], max=50 * PAGE)
    m["/outer/inner 1"].mmap(10 * PAGE).write()
    assert victims(m) == ["/outer/inner 0"]
    assert outer.events()["oom_group_kill"] == 0


def test_a_kill_for_the_whole_machine_takes_such_a_group_too():
    m = flat(100)
    family(m, "/g", True, [50, 10])
    eat(m, "outside", 30)
    m["outside"].mmap(20 * PAGE).write()
    assert victims(m) == ["/g 0", "/g 1"]
    assert m.cgroups["/g"].events() == {"low": 0, "high": 0, "max": 0, "oom": 0, "oom_kill": 2, "oom_group_kill": 1}


# ---- policies of one's own


def test_a_policy_sees_the_tasks_and_chooses():
    seen = []

    def smallest(tasks):
        seen.append([(task.name, task.rss, task.swap, task.vsz, task.oom_score_adj, task.total) for task in tasks])
        return min(tasks, key=lambda task: task.rss)

    m = flat(100, oom_policy=smallest)
    eat(m, "large", 60)
    eat(m, "small", 10, oom_score_adj=7)
    m.spawn("caller").mmap(35 * PAGE).write()
    assert victims(m) == ["small"]
    assert seen == [[("large", 60, 0, 60, 0, 100), ("small", 10, 0, 10, 7, 100), ("caller", 30, 0, 35, 0, 100)]]


def test_a_policy_that_chooses_nobody_makes_a_deadlock():
    m = flat(100, oom_policy=lambda tasks: None)
    heap = m.spawn("caller").mmap(200 * PAGE)
    with pytest.raises(cowlab.Deadlock):
        heap.write()
    assert heap.rss == 100 * PAGE


@pytest.mark.parametrize(
    "answer",
    [
        lambda tasks: "caller",
        lambda tasks: 0,
        lambda tasks: tasks[0].process,
        lambda tasks: list(tasks),
        lambda tasks: Task(None, "stranger", 1, 1, 0, 0, 0, 100),
    ],
)
def test_a_policy_that_answers_what_it_was_not_given_is_told_so(answer):
    m = flat(100, oom_policy=answer)
    caller = m.spawn("caller")
    heap = caller.mmap(200 * PAGE)
    with pytest.raises(ValueError, match="oom_policy returned .*: return one of the tasks it was given, or None"):
        heap.write(value=4)
    assert (caller.alive, heap.rss, used(m)) == (True, 100 * PAGE, 100)
    assert heap.values(0, 101).tolist() == [4] * 100 + [0]


def test_oom_score_is_never_below_0():
    m = flat(1000)
    scores = {adj: m.spawn(f"small{adj}", oom_score_adj=adj).oom_score for adj in (NEVER, -999, -998, 0, 1000)}
    assert scores == {NEVER: 0, -999: 0, -998: 1, 0: 666, 1000: 1333}


def test_an_error_in_a_policy_comes_through():
    def broken(tasks):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flat(100, oom_policy=broken).spawn().mmap(200 * PAGE).write()


@pytest.mark.parametrize("policy", [3, "oldest", [oom_policy]])
def test_a_policy_is_a_function(policy):
    with pytest.raises(ValueError, match="oom_policy"):
        cowlab.Machine("1 MiB", oom_policy=policy)


# ---- what is told


def test_the_kill_log_reads_as_the_kernels_does():
    m = cowlab.Machine("1 GiB", swap="1 GiB", overcommit="always")
    m.cgroup("/pods", max="4 MiB", swap_max=0)
    m.cgroup("/pods/a")
    eat(m, "victim", 600, cgroup="/pods/a", oom_score_adj=10)
    m.spawn("caller", cgroup="/pods").mmap("8 MiB").write(0, 500)
    text = str(m.oom_reports[0])
    for line in (
        "caller invoked oom-killer",
        "usage 4096 kB, limit 4096 kB",
        "Tasks state (memory values in pages):",
        "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/pods,task_memcg=/pods/a,task=victim",
        "Memory cgroup out of memory: Killed process victim total-vm:2400kB, rss:2400kB, swap:0kB, pgtables:16kB "
        "oom_score_adj:10",
    ):
        assert line in text
    rows = {line.split()[2]: line.split()[3:] for line in text.splitlines() if line.split()[2] in ("victim", "caller")}
    assert rows["victim"] == ["600", "600", "0", "4", "10", str(600 + 4 + 10 * 1)]  # a thousandth of 1024 pages is 1
    assert text.splitlines()[0].startswith(f"[{m.oom_reports[0].time:12.6f}] ")


def test_the_log_of_the_machine_names_the_whole_machine():
    m = flat(100)
    eat(m, "victim", 90)
    m.spawn("caller").mmap(20 * PAGE).write()
    text = str(m.oom_reports[0])
    assert "oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/,task=victim" in text
    assert "] Out of memory: Killed process victim total-vm:360kB, rss:360kB" in text


def test_a_report_says_how_full_the_machine_or_the_group_was():
    m = cowlab.Machine("1 MiB", overcommit="always", check=True)
    eat(m, "victim", 200)
    m.spawn("caller").mmap("1 MiB").write(0, 100)
    machine = m.oom_reports[0]
    assert (machine.usage, machine.limit) == (256, 256)  # page tables among them
    assert machine.lines()[1] == "the machine: usage 1024 kB, limit 1024 kB"
    n = flat(100)
    n.cgroup("/pods", max=40 * PAGE)
    eat(n, "elsewhere", 50)
    eat(n, "victim", 30, cgroup="/pods")
    n.spawn("caller", cgroup="/pods").mmap(20 * PAGE).write()
    group = n.oom_reports[0]
    assert (group.usage, group.limit) == (40, 40)
    assert group.lines()[1] == "group /pods: usage 160 kB, limit 160 kB"


def test_a_report_says_what_the_victim_had_in_swap():
    m = flat(100, swap=50 * PAGE)
    eat(m, "victim", 120)
    m.spawn("caller").mmap(60 * PAGE).write()
    task = task_of(m.oom_reports[0], "victim")
    assert task.swap == 50
    assert f"rss:{task.rss * 4}kB, swap:200kB, pgtables:" in str(m.oom_reports[0])


def test_a_group_that_may_have_nothing_is_reported_with_the_limit_0():
    m = flat(100)
    m.cgroup("/none", max=0)
    with pytest.raises(cowlab.ProcessKilled):
        m.spawn("caller", cgroup="/none").mmap(PAGE).write()
    assert (m.oom_reports[0].usage, m.oom_reports[0].limit) == (0, 0)


def test_a_deadlock_says_whose_memory_it_is_that_is_in_use():
    m = flat(100)
    with pytest.raises(cowlab.Deadlock, match="all memory of the machine \\(400 KiB\\) is in use"):
        eat(m, "protected", 101, oom_score_adj=NEVER)
    n = flat(100)
    n.cgroup("/pods", max=40 * PAGE)
    with pytest.raises(cowlab.Deadlock, match="all memory of group '/pods' \\(160 KiB\\) is in use"):
        eat(n, "protected", 41, cgroup="/pods", oom_score_adj=NEVER)


def test_reports_are_in_order_and_the_list_is_ones_own():
    m = flat(100)
    eat(m, "a", 60)
    eat(m, "b", 70)
    with pytest.raises(cowlab.ProcessKilled):
        eat(m, "c", 101)
    m.oom_reports.clear()
    assert victims(m) == ["a", "b", "c"]
    assert [report.time for report in m.oom_reports] == sorted(report.time for report in m.oom_reports)
    assert m.vmstat()["oom_kill"] == 3


# ---- two stories in full


def test_a_stateful_service_dies_for_anothers_leak_and_an_adjustment_moves_the_kill():
    def story(adj):
        m = cowlab.Machine("10 GiB", overcommit="always")
        eat(m, "database", 6 * GIB // PAGE, oom_score_adj=adj)
        leak = m.spawn("leak")
        try:
            leak.mmap("5 GiB").write()
        except cowlab.ProcessKilled:
            assert leak.exit_reason == "oom-killed"
        return victims(m)

    ram, database = 10 * GIB // PAGE, 6 * GIB // PAGE + tables(6 * GIB // PAGE)
    leak = ram - database  # what it has when memory is gone, with its page tables
    assert database > leak
    assert story(0) == ["database"]
    assert story(NEVER) == ["leak"]
    assert database - 202 * (ram // 1000) > leak > database - 203 * (ram // 1000)
    assert (story(-202), story(-203)) == (["database"], ["leak"])


class Enough(Exception):
    """Three kills are."""


def test_the_first_three_kills_of_100_workers_over_2_GiB_on_64_GiB():
    """The memory map of the explosion: every process has the same badness, so that the last made dies, an idle one,
    and its death frees nothing but its page tables."""

    def three(tasks):
        if len(m.oom_reports) == 3:
            raise Enough
        return oom_policy(tasks)

    m = cowlab.Machine("64 GiB", oom_policy=three)
    parent = m.spawn("parent")
    parent.mmap("2 GiB", name="data").write()
    workers = [parent.fork(f"worker {n}") for n in range(1, 101)]
    data, mine = 2 * GIB // PAGE, 1024 + 2 + 1
    free = 64 * GIB // PAGE - data - 101 * mine
    done, rest = divmod(free, data)
    assert (done, rest) == (30, 420561)
    for worker in workers[:done]:
        worker["data"].write()
    with pytest.raises(Enough):
        workers[done]["data"].write()
    assert victims(m) == ["worker 100", "worker 99", "worker 98"]
    for n, report in enumerate(m.oom_reports):
        assert (report.caller, report.asked, report.done) == ("worker 31", 1, rest + n * mine)
        assert report.usage == report.limit == 64 * GIB // PAGE
        assert len(report.tasks) == 101 - n
        assert {task.badness for task in report.tasks} == {data + mine}
        assert (report.killed[0].rss, report.killed[0].page_tables) == (data, mine)


def test_the_explosion_to_its_end_at_a_64th_of_the_size():
    m = cowlab.Machine("1 GiB")
    parent = m.spawn("parent")
    parent.mmap("32 MiB", name="data").write()
    workers = [parent.fork(f"worker {n}") for n in range(1, 101)]
    for worker in workers[:30]:
        worker["data"].write()
    with pytest.raises(cowlab.ProcessKilled):
        workers[30]["data"].write()
    assert victims(m) == [f"worker {n}" for n in range(100, 30, -1)]  # the 69 idle ones, then the one that asked
    assert [process.name for process in m.processes] == ["parent", *(f"worker {n}" for n in range(1, 31))]
    free = 1 * GIB // PAGE - 8192 - 101 * 18 - 30 * 8192
    assert [report.done for report in m.oom_reports] == [free + 18 * n for n in range(70)]
    assert used(m) == 31 * (8192 + 18)
