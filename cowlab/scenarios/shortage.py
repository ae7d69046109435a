"""Memory is gone: who dies, who is spared, and what swapping does."""

from __future__ import annotations

from typing import Annotated, Any

from ..units import PAGE_SIZE, pages_in
from .definition import Range, Size, Switch, Trace, scenario
from .operations import Ops, filled, mmap, numbered, part, read, trace_of, write

ADJ = Range(-1000, 1000, step=100, help="oom_score_adj, in thousandths of memory; -1000: never chosen")


@scenario(small={"service": "32 MiB", "leak": "4 MiB", "rounds": 10, "ram": "1 GiB"})
def oom_victim(
    service: Annotated[
        str,
        Size(("32 MiB", "256 MiB", "1 GiB", "1.5 GiB", "2.5 GiB", "3 GiB"), help="what the service keeps in memory"),
    ] = "2.5 GiB",
    leak: Annotated[
        str, Size(("4 MiB", "16 MiB", "64 MiB", "256 MiB"), help="what the other process takes in each round")
    ] = "64 MiB",
    rounds: Annotated[int, Range(1, 100, unit="rounds", help="how often it does")] = 50,
    service_adj: Annotated[int, ADJ] = 0,
    leaker_adj: Annotated[int, ADJ] = 0,
    ram: Annotated[str, Size(("1 GiB", "2 GiB", "4 GiB", "8 GiB"), help="the machine's memory")] = "4 GiB",
) -> Trace:
    """A process leaks beside a service that holds its state in memory and works on it all the time.

    Shows: the OOM killer takes the largest, so the service dies for another's leak, and its state is lost; the
    oom_score_adj of either changes that.
    """
    ops = filled("service", "state", pages_in(service), oom_score_adj=service_adj)
    ops += [{"op": "spawn", "pid": "leaker", "oom_score_adj": leaker_adj}]
    for n, region in enumerate(numbered("leak", rounds)):
        ops += [mmap("leaker", region, pages_in(leak)), write("leaker", region, pages_in(leak), 1)]
        ops += [write("service", "state", 1, n)]
    return trace_of(ops, ram=ram)


@scenario(small={"ram": "128 MiB", "steady": "4 MiB", "leak": "8 MiB", "rounds": 15})
def cgroup_isolation(
    ram: Annotated[
        str, Size(("128 MiB", "1 GiB", "4 GiB", "10 GiB", "16 GiB", "64 GiB"), help="the node's memory")
    ] = "10 GiB",
    reserved_percent: Annotated[
        int,
        Range(1, 50, unit="%", help="what is reserved for the system, which uses half of it; a pod may have the rest"),
    ] = 20,
    steady_pods: Annotated[int, Range(0, 4, unit="pods", help="pods that take their memory once, and work on")] = 2,
    steady: Annotated[
        str, Size(("4 MiB", "16 MiB", "100 MiB", "300 MiB"), help="what each of these takes")
    ] = "300 MiB",
    leak: Annotated[
        str, Size(("8 MiB", "64 MiB", "256 MiB", "1 GiB"), help="what the leaking pod takes in each round")
    ] = "256 MiB",
    rounds: Annotated[int, Range(1, 100, unit="rounds", help="how often it does")] = 40,
    leakers: Annotated[
        int, Range(1, 50, unit="processes", help="processes of the leaking pod, which leak in turn")
    ] = 1,
    limited: Annotated[bool, Switch(help="off: the pods have no limit (memory.max)")] = True,
) -> Trace:
    """A node with a reserve for the system, pods in groups with limits, and one pod that leaks.

    Shows: the pod at its limit dies alone. Without limits the node's memory ends, and whoever is largest dies: where
    the leak is spread over many small processes, that is the system.
    """
    reserve = part(pages_in(ram), reserved_percent)
    limit = {"max": (pages_in(ram) - reserve) * PAGE_SIZE} if limited else {}
    names = numbered("steady", steady_pods)
    ops: Ops = [{"op": "group", "path": "/system", "min": reserve * PAGE_SIZE}]
    ops += filled("system", "data", reserve // 2, group="/system")
    ops += [{"op": "group", "path": "/pods"}]
    for name in names:
        ops += _pod(name, limit) + filled(name, "data", pages_in(steady), group=f"/pods/{name}")
    ops += _pod("leaky", limit)
    processes = numbered("leaky", leakers) if leakers > 1 else ["leaky"]
    ops += [{"op": "spawn", "pid": name, "group": "/pods/leaky"} for name in processes]
    for n in range(rounds):
        name = processes[n % len(processes)]
        ops += [mmap(name, f"leak {n + 1}", pages_in(leak)), write(name, f"leak {n + 1}", pages_in(leak), 1)]
        ops += [write(steady_name, "data", 1, n) for steady_name in names]
    return trace_of(ops, ram=ram)


def _pod(name: str, limit: dict[str, Any]) -> Ops:
    return [{"op": "group", "path": f"/pods/{name}", **limit}]


@scenario(small={"ram": "1 GiB", "swap": "0 B"})
def paging(
    heap: Annotated[
        str,
        Size(("12 MiB", "24 MiB", "32 MiB", "48 MiB"), help="memory of its own that the process works on"),
    ] = "24 MiB",
    file: Annotated[
        str, Size(("4 MiB", "8 MiB", "16 MiB", "32 MiB"), help="a file that it reads, which is in memory at first")
    ] = "16 MiB",
    passes: Annotated[int, Range(1, 10, unit="passes", help="how often it goes through all of it")] = 3,
    writing: Annotated[bool, Switch(help="off: it only reads its memory again")] = True,
    swappiness: Annotated[
        int, Range(0, 200, step=10, help="vm.swappiness: 0 takes file pages first, 200 takes anonymous ones first")
    ] = 60,
    ram: Annotated[str, Size(("32 MiB", "64 MiB", "256 MiB", "1 GiB"), help="the machine's memory")] = "32 MiB",
    swap: Annotated[str, Size(("0 B", "8 MiB", "64 MiB", "256 MiB"), help="the machine's swap space")] = "64 MiB",
) -> Trace:
    """A process goes through its memory and a file, over and over; together they are larger than RAM.

    Shows: with swap nobody dies, but each pass waits for the disk again (major faults: thrashing). Swappiness decides
    whether pages of the file or of the heap go first. Without swap only the file can give way, and a heap that does not
    fit ends in a kill.
    """
    pages, of_file = pages_in(heap), pages_in(file)
    ops: Ops = [{"op": "spawn", "pid": "process"}, mmap("process", "file", of_file, "file-private", prot="r")]
    ops += [read("process", "file", of_file), mmap("process", "heap", pages), write("process", "heap", pages, 1)]
    for number in range(passes):
        value = {"access": "write", "value": number + 2} if writing else {"access": "read"}
        ops += [_pass("heap", pages, **value), _pass("file", of_file, access="read")]
    return trace_of(ops, ram=ram, swap=swap, swappiness=swappiness, overcommit="always")


def _pass(region: str, pages: int, **access: Any) -> dict[str, Any]:
    return {"op": "loop", "pid": "process", "region": region, "start": 0, "stop": pages, "passes": 1, **access}
