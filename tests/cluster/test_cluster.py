"""Nodes and pods: the figures of Kubernetes' documentation, and who dies as the machine computes it."""

import contextlib
import doctest
import random
import time

import pytest

import cowlab
from cowlab.cluster import Container, Node, Pod, Refused, eviction_order, leak, node, oom_score_adj, pod, qos

MiB = 1 << 20
GiB = 1 << 30
EXAMPLE = {"system_reserved": "1 GiB", "kube_reserved": "1 GiB", "system_uses": "1 GiB"}


def example(**arguments):
    """A 10 GiB node, of which 2 GiB are reserved and the system uses 1."""
    return Node("10 GiB", **EXAMPLE, **arguments)


def with_three_pods(limit="8 GiB", **arguments):
    """Two pods are steady at 0.3 GiB; the third is to leak."""
    made = example(**arguments)
    for name in ("steady 1", "steady 2"):
        made.admit(Pod(name, request="2 GiB", limit=limit, uses="0.3 GiB"))
    return made, made.admit(Pod("leaky", request="2 GiB", limit=limit))


def kinds(of, *wanted):
    return [(event.kind, event.pod) for event in of.events if event.kind in wanted]


# ---- what a pod is


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        # Kubernetes documentation, "Pod Quality of Service Classes": (request, limit) of each container
        ([("200 MiB", "200 MiB")], "Guaranteed"),
        ([("200 MiB", "200 MiB"), ("1 GiB", "1 GiB")], "Guaranteed"),
        ([(None, "200 MiB")], "Guaranteed"),  # the limit is the request too
        ([("100 MiB", "200 MiB")], "Burstable"),
        ([("100 MiB", None)], "Burstable"),
        ([("200 MiB", "200 MiB"), (None, None)], "Burstable"),
        ([(None, None), ("100 MiB", None)], "Burstable"),
        ([("0 B", "200 MiB")], "Burstable"),
        ([(None, None)], "BestEffort"),
        ([(None, None), (None, None)], "BestEffort"),
        ([("0 B", None)], "BestEffort"),
    ],
)
def test_qos_follows_from_requests_and_limits(containers, expected):
    parts = [Container(f"c{i}", *sizes) for i, sizes in enumerate(containers)]
    assert qos(Pod("p", containers=parts)) == expected


@pytest.mark.parametrize(
    ("request_", "limit", "capacity", "adj"),
    [
        ("2 GiB", "8 GiB", "10 GiB", 800),
        ("4 GiB", None, "10 GiB", 600),
        ("64 MiB", None, "10 GiB", 994),
        (1, None, "10 GiB", 999),  # 1000 would be that of BestEffort
        ("10 MiB", None, "10 GiB", 999),  # 1000 * 10 / 10240 is 0 in integers
        ("11 MiB", None, "10 GiB", 999),
        ("21 MiB", None, "10 GiB", 998),
        ("9.99 GiB", None, "10 GiB", 3),
        ("10 GiB", None, "10 GiB", 3),
        ("20 GiB", None, "10 GiB", 3),
        ("2 GiB", "2 GiB", "10 GiB", -997),
        (None, "2 GiB", "10 GiB", -997),
        (None, None, "10 GiB", 1000),
    ],
)
def test_oom_score_adj_is_the_kubelets(request_, limit, capacity, adj):
    assert oom_score_adj(Pod("p", request_, limit), capacity) == adj


def test_the_adj_of_a_container_goes_by_its_own_request():
    two = Pod("p", containers=[Container("a", request="1 GiB"), Container("b", request="5 GiB")])
    assert [oom_score_adj(two, "10 GiB", each) for each in two.containers] == [900, 500]
    assert oom_score_adj(two, "10 GiB") == 900
    assert oom_score_adj(Pod("dns", priority=pod.NODE_CRITICAL), "10 GiB") == -997


def test_a_pod_sums_up_its_containers():
    both = Pod("p", containers=[Container("a", "1 GiB", "2 GiB"), Container("b", "1 GiB", "3 GiB")])
    assert (both.request, both.limit) == (2 * GiB, 5 * GiB)
    assert Pod("p", containers=[Container("a", "1 GiB", "2 GiB"), Container("b")]).limit is None


# ---- admission


def test_allocatable_is_capacity_less_reserves_and_threshold():
    assert example().allocatable == (10240 - 2048 - 100) * MiB == 8092 * MiB
    documented = Node("32 GiB", kube_reserved="2 GiB", system_reserved="1 GiB", eviction="500 MiB")
    assert documented.allocatable == 32 * GiB - 3 * GiB - 500 * MiB  # "Reserve Compute Resources", about 28.5 GiB


def test_enforced_allocatable_leaves_out_the_threshold():
    made = example()
    assert made.kubepods.max == 8192 * MiB
    assert example(enforce_allocatable=False).kubepods.max is None


def test_a_pod_that_requests_8_gib_is_refused_by_100_mib():
    made = example()
    with pytest.raises(Refused) as refused:
        made.admit(Pod("large", request="8 GiB"))
    error = refused.value
    assert (error.asked, error.left, error.over) == (8192 * MiB, 8092 * MiB, 100 * MiB)
    assert isinstance(error, cowlab.Error)
    assert str(error) == (
        "pod 'large' requests 8192 MiB, and 8092 MiB are left: 100 MiB too much. The node has 10240 MiB - 2048 MiB "
        "reserved - 100 MiB eviction threshold = 8092 MiB allocatable, of which 0 pods request 0 MiB. Lower the "
        "request, or take a larger node"
    )
    assert made.pods == {} and kinds(made, "refuse") == [("refuse", "large")]
    made.admit(Pod("large", request="8092 MiB"))  # just fits


def test_requests_count_not_limits_nor_what_is_used():
    made, _ = with_three_pods()  # limits of 24 GiB
    with pytest.raises(Refused, match="1948 MiB are left: 100 MiB too much.* 3 pods request 6144 MiB"):
        made.admit(Pod("fourth", request="2 GiB"))
    made.admit(Pod("best effort"))  # requests nothing


def test_overcommitment_multiplies_allocatable():
    made = example(overcommit=1.5)
    for i in range(5):
        made.admit(Pod(f"pod {i}", request="2 GiB"))  # 12138 MiB may be requested: a sixth is too many
    with pytest.raises(Refused, match=r"1898 MiB are left: 150 MiB too much.*allocatable, times 1\.5, of which 5 pods"):
        made.admit(Pod("last", request="2 GiB"))
    assert made.requested == 10 * GiB > made.allocatable


def test_groups_and_adj_are_those_of_kubernetes():
    made = example()
    runs = [made.admit(p) for p in (Pod("g", "1 GiB", "1 GiB"), Pod("b", "1 GiB"), Pod("e"))]
    paths = ["/kubepods/pod-g", "/kubepods/burstable/pod-b", "/kubepods/besteffort/pod-e"]
    assert [run.group.path for run in runs] == paths
    assert [run.process.oom_score_adj for run in runs] == [-997, 900, 1000]
    assert [run.group.max for run in runs] == [GiB, None, None]
    assert made.system.oom_score_adj == -999 and made.system.cgroup.path == "/system"
    assert made.machine.account.mode == 1  # "always"


# ---- limits


def test_a_container_over_its_limit_dies_alone_at_its_own_limit():
    made, leaky = with_three_pods(enforce_allocatable=False)
    leak([leaky], "64 MiB")
    report = {row.pod: row for row in made.report()}
    assert [row.phase for row in report.values()] == ["Running", "Running", "OOMKilled"]
    row = report["leaky"]
    assert (row.reason, row.exit_code, row.oom_kills, row.usage) == ("OOMKilled", 137, 1, 0)
    assert row.limit_hit == "/kubepods/burstable/pod-leaky" and row.peak == 8 * GiB == row.limit
    assert leaky.group.events_local()["oom"] == 1 and made.kubepods.events_local()["oom"] == 0
    assert kinds(made, "oom_kill", "evict") == [("oom_kill", "leaky")]


def test_with_allocatable_enforced_it_dies_at_the_pods_group():
    made, leaky = with_three_pods(enforce_allocatable=True)
    leak([leaky], "64 MiB")
    assert [row.phase for row in made.report()] == ["Running", "Running", "OOMKilled"]
    assert leaky.limit_hit == "/kubepods"
    assert made.kubepods.events_local()["oom"] == 1 and leaky.group.events_local()["oom"] == 0
    assert leaky.group.events_local()["oom_kill"] == 1  # counted where the victim was
    steady = sum(made[name].usage for name in ("steady 1", "steady 2"))
    assert leaky.group.peak == 8 * GiB - steady


def test_of_two_containers_only_the_one_over_its_limit_dies():
    made = example()
    both = made.admit(
        Pod("p", containers=[Container("a", "1 GiB", "2 GiB"), Container("b", "1 GiB", "2 GiB", uses="1 GiB")])
    )
    assert both.group.max == 4 * GiB and [group.path for group in both.group.children] == [
        "/kubepods/burstable/pod-p/a",
        "/kubepods/burstable/pod-p/b",
    ]
    assert both.grow("1 GiB", "a") and not both.grow("1 GiB", "a")
    assert [container.state for container in both.containers] == ["OOMKilled", "Running"]
    assert both.phase == "OOMKilled" and both.limit_hit == "/kubepods/burstable/pod-p/a"
    assert [process.name for process in both.processes] == ["p/b"]


def test_all_processes_of_a_container_die_together():
    run = example().admit(Pod("web", limit="1 GiB", processes=4))
    assert [process.name for process in run.processes] == ["web", "web.2", "web.3", "web.4"]
    assert not run.grow("1 GiB")
    assert run.processes == [] and run.group.events()["oom_kill"] == 4 and run.group.events()["oom_group_kill"] == 1


def test_or_one_alone_and_the_container_lives():
    run = example().admit(Pod("web", limit="1 GiB", processes=4, single_process_oom_kill=True))
    assert run.grow("1 GiB")
    assert run.phase == "Running" and run.reason == "" and run.exit_code is None
    assert run.group.events()["oom_kill"] == 1 and len(run.processes) == 3


def test_when_the_first_process_ends_the_others_are_killed():
    made = example()
    run = made.admit(Pod("web", processes=3, uses="30 MiB", restart_policy="OnFailure"))
    run.process.exit()
    assert run.processes == [] and (run.phase, run.reason, run.exit_code) == ("Succeeded", "Completed", 0)
    made.machine.advance(100)
    assert run.restarts == 0 and made.requested == 0


def test_a_process_that_is_killed_by_hand_ends_with_137_and_waits():
    made = example()
    run = made.admit(Pod("web"))
    made.machine.kill(run.process)
    assert (run.phase, run.reason, run.exit_code) == ("Waiting", "Error", 137)
    made.machine.advance(10)
    assert run.phase == "Running"


# ---- restarts


def test_a_killed_container_starts_again_after_a_back_off():
    made = example()
    run = made.admit(Pod("web", limit="1 GiB", uses="100 MiB"))
    gone = run.process
    assert not run.grow("1 GiB") and run.phase == "OOMKilled" and not run.grow("1 MiB")
    made.machine.advance(10)
    assert run.phase == "Running" and run.restarts == 1 and run.reason == "OOMKilled"  # as kubectl's "Last State"
    assert run.process is not gone and run.process.rss == 100 * MiB
    starts = []
    for _ in range(8):
        run.grow("1 GiB")
        ended, restarts = made.machine.clock, run.restarts
        while run.restarts == restarts:
            made.machine.advance(1)
        starts.append(made.machine.clock - ended)
    waits = [10, 20, 40, 80, 160, 300, 300, 300]
    assert all(wait <= took <= wait + 11 for took, wait in zip(starts, waits, strict=True)), starts


def test_a_container_that_ran_for_ten_minutes_starts_at_once_again():
    made = example()
    run = made.admit(Pod("web", limit="1 GiB"))
    for _ in range(2):
        run.grow("2 GiB")
        made.machine.advance(20)
    assert run.restarts == 2
    made.machine.advance(600)
    run.grow("2 GiB")
    made.machine.advance(10)
    assert run.restarts == 3


@pytest.mark.parametrize(("policy", "restarts"), [("Always", 1), ("OnFailure", 1), ("Never", 0)])
def test_restart_policies(policy, restarts):
    made = example()
    run = made.admit(Pod("web", limit="1 GiB", restart_policy=policy))
    run.grow("2 GiB")
    made.machine.advance(10)
    assert run.restarts == restarts and made.requested == restarts * GiB


def test_one_that_starts_beyond_its_limit_crashes_again_and_again():
    made = example()
    run = made.admit(Pod("web", limit="1 GiB", uses="2 GiB"))
    assert run.phase == "OOMKilled"
    for _ in range(20):
        made.machine.advance(10)
    assert run.restarts == 5  # after about 0, 10, 30, 70, 150 s
    assert run.phase == "OOMKilled" and run.group.events()["oom_kill"] == 6


# ---- eviction


def test_a_slow_leak_is_evicted_before_the_kernel_has_to_kill():
    made, leaky = with_three_pods(limit=None, enforce_allocatable=False)
    leak([leaky], "64 MiB", pause=10)
    assert (leaky.phase, leaky.reason, leaky.exit_code) == ("Failed", "Evicted", 137)
    assert kinds(made, "evict", "oom_kill") == [("evict", "leaky")]
    assert leaky.usage == 0 and made.machine.vmstat()["oom_kill"] == 0
    assert 0 < 10 * GiB - made.machine.cgroups["/"].peak < 100 * MiB
    made.machine.advance(1000)
    assert leaky.restarts == 0 and leaky.phase == "Failed"  # an evicted pod is not started again
    assert made.requested == 4 * GiB  # and what it requested is free


def test_a_fast_leak_is_killed_between_two_looks():
    made, leaky = with_three_pods(limit=None, enforce_allocatable=False)
    leak([leaky], "512 MiB", pause=0.1)
    assert made.machine.clock < 10 and kinds(made, "evict", "oom_kill") == [("oom_kill", "leaky")]
    assert leaky.limit_hit == "/" and made.machine.oom_reports[0].group == "/"
    assert [made[name].phase for name in ("steady 1", "steady 2")] == ["Running", "Running"]


def test_with_allocatable_enforced_the_threshold_holds_for_the_pods_group_too():
    made, leaky = with_three_pods(limit=None)
    leak([leaky], "64 MiB", pause=10)
    assert leaky.reason == "Evicted" and 8092 * MiB < made.kubepods.peak < 8192 * MiB
    assert "allocatableMemory.available is" in made.events[-1].message
    assert made.available == 10 * GiB - made.machine.cgroups["/"].current


def test_the_order_of_eviction():
    made = Node("10 GiB")
    pods = [
        Pod("guaranteed", "2 GiB", "2 GiB", uses="1 GiB"),
        Pod("within", "2 GiB", uses="0.5 GiB"),
        Pod("over by 1", "0.5 GiB", uses="1.5 GiB"),
        Pod("over by 2", "0.5 GiB", uses="2.5 GiB", priority=10),
        Pod("over by 0.2", "0.5 GiB", uses="0.7 GiB"),
        Pod("lowly", "0.1 GiB", uses="0.2 GiB", priority=-1),
        Pod("lowly within", "0.5 GiB", uses="0.2 GiB", priority=-1),
        Pod("critical", uses="0.1 GiB", priority=2_000_000_000),
    ]
    runs = [made.admit(each) for each in pods]
    assert [run.name for run in eviction_order(runs)] == [
        "lowly",  # use more than requested, by priority, then by how much
        "over by 1",
        "over by 0.2",
        "over by 2",
        "lowly within",  # use less
        "guaranteed",  # 1 GiB below its request; the class does not matter
        "within",  # 1.5 GiB below
    ]


def test_one_pod_is_evicted_a_look_until_memory_suffices():
    made = Node("10 GiB", eviction="3 GiB", enforce_allocatable=False)
    for name, used in (("a", "2.6 GiB"), ("b", "2.8 GiB"), ("c", "2.4 GiB"), ("d", "1.1 GiB")):
        made.admit(Pod(name, uses=used))
    assert made.available < 3 * GiB
    assert [event.pod for event in made.housekeeping()] == ["b"] and made.available > 3 * GiB
    assert made.housekeeping() == []
    made["d"].grow("1.5 GiB")
    made["c"].grow("1.5 GiB")
    made.machine.advance(60)
    assert kinds(made, "evict") == [("evict", "b"), ("evict", "c")]  # 3.9 GiB of c, 2.6 of the others
    assert [row.phase for row in made.report()] == ["Running", "Failed", "Failed", "Running"]


def test_critical_pods_are_not_evicted():
    made = Node("10 GiB", enforce_allocatable=False)
    made.admit(Pod("critical", uses="9.95 GiB", priority=2_000_000_000))
    assert made.available < 100 * MiB and made.housekeeping() == []


def test_file_pages_do_not_count_as_used():
    made = example()
    run = made.admit(Pod("reader"))
    before = made.available
    run.process.mmap("1 GiB", kind="file-shared", file="data").read()
    tables = run.group.stat()["pagetables"]
    assert run.usage == GiB + tables and run.working_set == tables == before - made.available


# ---- without limits, to the end


def unlimited(pods, database="4 GiB", request="2 GiB", **arguments):
    made = example(**arguments)
    base = made.admit(Pod("database", request=request, uses=database, restart_policy="Never"))
    return made, base, [made.admit(each) for each in pods]


def workers(request=None):
    return [Pod(f"worker {i}", request=request, restart_policy="Never") for i in range(60)]


def test_one_fat_process_is_killed_itself():
    made, base, (fat,) = unlimited([Pod("fat", "2 GiB", restart_policy="Never")], enforce_allocatable=False)
    leak([fat], "64 MiB")
    assert kinds(made, "oom_kill", "evict") == [("oom_kill", "fat")]
    assert base.phase == "Running" and fat.group.peak > base.group.peak
    assert fat.limit_hit == "/"


def test_at_the_pods_group_the_database_is_larger_when_the_limit_is_met():
    made, base, (fat,) = unlimited([Pod("fat", "2 GiB", restart_policy="Never")], enforce_allocatable=True)
    leak([fat], "64 MiB")
    assert kinds(made, "oom_kill") == [("oom_kill", "database"), ("oom_kill", "fat")]
    assert base.limit_hit == fat.limit_hit == "/kubepods"


@pytest.mark.parametrize(("enforced", "limit"), [(False, "/"), (True, "/kubepods")])
def test_60_small_workers_get_the_database_killed_that_does_not_leak(enforced, limit):
    made, base, small = unlimited(workers(), request=None, enforce_allocatable=enforced)
    leak(small, "64 MiB")
    killed = [name for _, name in kinds(made, "oom_kill")]
    assert killed[0] == "database" and base.limit_hit == limit  # the largest, though no one's leak
    assert sorted(killed[1:]) == sorted(run.name for run in small)  # and it did not help: in the end each worker dies
    first = made.machine.oom_reports[0]
    largest = max(first.tasks, key=lambda task: task.rss)
    assert largest.name == "database" == first.killed[0].name
    assert max(task.rss for task in first.tasks if task.name.startswith("worker")) * 4096 < 150 * MiB


def test_a_database_that_requests_what_it_uses_outlives_60_workers():
    made, base, small = unlimited(workers("64 MiB"), request="4 GiB", enforce_allocatable=False)
    assert base.process.oom_score_adj == 600 and small[0].process.oom_score_adj == 994
    leak(small, "64 MiB")
    assert base.phase == "Running" and len(kinds(made, "oom_kill")) == 60


def test_60_workers_in_one_container_die_at_once_but_after_the_database():
    many = Pod("pool", processes=60, restart_policy="Never")
    made, _, (pool,) = unlimited([many], request=None, enforce_allocatable=False)
    leak([pool], "960 MiB")
    assert [name for _, name in kinds(made, "oom_kill")] == ["database", *["pool"] * 60]
    assert len({report.time for report in made.machine.oom_reports}) == 2


def test_a_killed_system_daemon_is_told_too():
    made = Node("1 GiB", system_uses="500 MiB", enforce_allocatable=False)
    pod_ = made.admit(Pod("guaranteed", "600 MiB", "600 MiB"))
    leak([pod_], "64 MiB")
    assert [(event.kind, event.pod) for event in made.events[1:]] == [("oom_kill", "guaranteed")]
    made.machine.oom_policy = lambda tasks: next(task for task in tasks if task.name == "system daemons")
    made.admit(Pod("second", uses="600 MiB"))
    last = made.events[-1]
    assert (last.pod, last.message) == ("", "process 'system daemons' was killed: the node's memory was gone")


# ---- swap


def test_pods_do_not_swap_unless_told_so():
    made = Node("2 GiB", swap="1 GiB")
    run = made.admit(Pod("p", "0.5 GiB", "1 GiB", uses="0.5 GiB"))
    assert run.group.swap_max == 0
    assert not run.grow("0.6 GiB") and run.group.swap_current == 0


def test_limited_swap_is_the_share_of_the_request():
    made = Node("4 GiB", swap="2 GiB", limited_swap=True)
    burstable = made.admit(Pod("b", "1 GiB", "1.5 GiB"))
    others = [made.admit(each) for each in (Pod("g", "1 GiB", "1 GiB"), Pod("e"))]
    assert burstable.group.swap_max == 0.5 * GiB
    assert [run.group.swap_max for run in others] == [0, 0]
    assert burstable.grow("1.8 GiB")  # 0.3 GiB more than its limit
    assert 0.3 * GiB < burstable.group.swap_current < 0.5 * GiB and burstable.stalled > 0
    assert [run.stalled for run in others] == [0, 0] and made.report()[0].stalled == burstable.stalled


# ---- the node as a whole


def test_a_removed_pod_leaves_room_and_its_name():
    made = example()
    run = made.admit(Pod("a", "8092 MiB", containers=(), uses="1 GiB"))
    made.remove(run)
    assert made.requested == 0 and made.kubepods.current == 0
    assert "/kubepods/burstable/pod-a" not in made.machine.cgroups
    with pytest.raises(ValueError, match="removed before|no pod"):
        made.remove(made.admit(Pod("a", "8092 MiB")) and run)
    made.remove("a")
    with pytest.raises(KeyError, match="no pod 'a' on this node; it has none"):
        made.remove("a")
    several = made.admit(Pod("b", containers=[Container("x", uses="1 MiB"), Container("y")]))
    made.remove(several)
    assert made.machine.processes == [made.system]


def test_a_restart_does_not_follow_a_removal():
    made = example()
    run = made.admit(Pod("a", limit="1 GiB"))
    run.grow("2 GiB")
    made.remove(run)
    made.machine.advance(100)
    assert run.restarts == 0


def random_pod(rng, number):
    request, limit = rng.choice([(None, None), ("8 MiB", None), ("8 MiB", "12 MiB"), (None, "10 MiB")])
    return Pod(
        f"p{number}",
        request,
        limit,
        uses=f"{rng.randrange(1, 60) * 128} KiB",
        restart_policy=rng.choice(["Always", "OnFailure", "Never"]),
        priority=rng.randrange(3),
        processes=rng.choice([1, 3]),
        single_process_oom_kill=rng.random() < 0.5,
    )


def random_step(made, rng, number):
    """One thing that may happen on a node."""
    choice = rng.randrange(10)
    runs = list(made.pods.values())
    if choice < 3 or not runs:
        with contextlib.suppress(Refused):
            made.admit(random_pod(rng, number))
    elif choice < 8:
        rng.choice(runs).grow(f"{rng.randrange(1, 40) * 128} KiB")
    elif choice == 8:
        made.machine.advance(rng.random() * 20)
    else:
        made.remove(rng.choice(runs))


@pytest.mark.parametrize("seed", range(6))
def test_invariants_hold_whatever_happens(seed):
    rng = random.Random(seed)
    arguments = {"swap": "8 MiB", "limited_swap": True} if seed % 2 else {}
    reserves = {"system_reserved": "8 MiB", "system_uses": "4 MiB", "eviction": "2 MiB"}
    made = Node("64 MiB", **reserves, **arguments, enforce_allocatable=seed % 3 > 0, check=True)
    for number in range(60):
        random_step(made, rng, number)
        machine = made.machine
        info = machine.meminfo()
        assert machine.cgroups["/"].current == (info["MemTotal"] - info["MemFree"]) * 1024
        assert made.kubepods.current <= (made.kubepods.max or made.capacity)
        assert made.kubepods.current == sum(run.usage for run in made.pods.values())
        live = [run for run in made.pods.values() if not run.over]
        assert made.requested == sum(run.pod.request for run in live) <= made.allocatable
        assert {p.name for p in machine.processes} <= {made.system.name, *(p.name for r in live for p in r.processes)}
        for run in made.pods.values():
            assert run.phase == "Failed" or not run.evicted
            assert run.phase != "Running" or run.processes
            assert run.group.max is None or run.usage <= run.group.max
        told = sum(event.kind == "oom_kill" for event in made.events)
        assert told == machine.vmstat()["oom_kill"] == sum(len(report.killed) for report in machine.oom_reports)


def test_a_thousand_pods_stay_quick():
    made = Node("1 TiB")
    began = time.perf_counter()
    runs = [made.admit(Pod(f"pod {i}", request="512 MiB", limit="1 GiB")) for i in range(1000)]
    assert time.perf_counter() - began < 2  # 0.25 s on a machine with two cores
    runs[500].grow("1 MiB")
    heap = runs[500].process["heap 1"]
    times = []
    for page in range(50):
        began = time.perf_counter()
        heap.write(1000 + page)
        times.append(time.perf_counter() - began)
    assert sorted(times)[25] < 0.001  # 0.02 ms
    made.machine.advance(1e15)  # looks that find nothing are not made one by one
    assert len(made.report()) == 1000


# ---- arguments that mean nothing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pod(""), "pod name '': give text without '/'"),
        (lambda: Pod("a/b"), "pod name 'a/b'"),
        (lambda: Pod(7), "pod name 7"),
        (lambda: Pod("p", request="2 GB"), "did you mean '2 GiB'"),
        (lambda: Pod("p", request=-1), "request -1 is negative"),
        (lambda: Pod("p", "2 GiB", "1 GiB"), "requests '2 GiB', more than its limit '1 GiB'"),
        (lambda: Pod("p", limit=0), "a limit of 0 bytes lets nothing start"),
        (lambda: Pod("p", priority=1.5), "priority=1.5 is not a whole number"),
        (lambda: Pod("p", restart_policy="always"), "it is one of Always, OnFailure, Never"),
        (lambda: Pod("p", processes=0), "a container has one process or more"),
        (lambda: Pod("p", single_process_oom_kill=1), "single_process_oom_kill=1 is not True or False"),
        (lambda: Pod("p", "1 GiB", containers=[Container("a")]), "say request, limit and the like of each container"),
        (lambda: Pod("p", containers=["a"]), "'a' is not a Container"),
        (lambda: Pod("p", containers=[Container("a"), Container("a")]), "two containers have the same name in a, a"),
        (lambda: oom_score_adj(Pod("p"), 0), "capacity 0: a node has memory"),
        (lambda: Node("1 GiB", system_reserved="1 GiB"), "cannot keep 1024 MiB reserved and 100 MiB as the eviction"),
        (lambda: Node("1 GiB", system_uses="2 GiB"), "the system uses 2048 MiB, and the node has 1024 MiB"),
        (lambda: Node("1 GiB", overcommit=0), "overcommit=0: give a factor above 0"),
        (lambda: Node("1 GiB", overcommit="always"), "overcommit='always': give a factor"),
        (lambda: Node("1 GiB", overcommit=float("nan")), "overcommit=nan"),
        (lambda: Node("1 GiB", enforce_allocatable="yes"), "enforce_allocatable='yes' is not True or False"),
        (lambda: Node("1 GiB").admit("web"), "admit('web'): give a Pod"),
        (lambda: leak([], 0), "step 0: a leak takes something"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert message in str(error.value)


def test_names_are_unique_on_a_node():
    made = example()
    run = made.admit(Pod("web"))
    with pytest.raises(ValueError, match="the node has a pod 'web': take another name, or remove that one"):
        made.admit(Pod("web"))
    with pytest.raises(ValueError, match="a process 'system daemons' is alive on the node"):
        made.admit(Pod("system daemons"))
    with pytest.raises(ValueError, match="pod 'web' has no container 'x': it has web"):
        run.grow(1, "x")
    assert list(made.pods) == ["web"] and "/kubepods/besteffort/pod-system daemons" not in made.machine.cgroups


def test_the_examples_in_the_text_hold():
    assert [doctest.testmod(module).failed for module in (node, pod)] == [0, 0]
