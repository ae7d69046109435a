"""What the lesson "Headroom and alerts" claims, in figures."""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import NamedTuple

from ... import scenarios, trace
from ...cluster import Node, Pod, Refused
from ...engine import Costs, Machine, Process, ProcessKilled
from ...monitor import Monitor, committed_rules, pressure_above, sustained_paging, working_set_above
from ...units import PAGE_SIZE, format_size
from ..questions.headroom_and_alerts import first_kill, later_faults, two_nodes
from .definition import Claim

RESERVE = "512 MiB"
IDLE, BUSY = ("256 MiB", 10), ("72 MiB", 100)
"""The heaps of two jobs, and how many per cent of them each works on."""

DEVICES = "cowlab/engine/reports/costs.py: Lenovo, product guide of the Intel SSD DC P4500; Amazon, EBS user guide"


# Promises and alerts --------------------------------------------------------------------------------------------------


def _watched(processes: int) -> Monitor:
    """A healthy fork tree of so many processes, a minute of it."""
    made = scenarios.headroom(processes=processes)
    machine = trace.machine_of(made)
    monitor = Monitor(machine, rules=committed_rules(RESERVE))
    trace.run(machine, made["ops"])
    machine.advance(60)
    return monitor


def _fires_at(severity: str) -> float:
    """The ratio of promises to headroom at the first tree that fires this alert."""
    for processes in range(2, 101):
        alerts = [alert for alert in _watched(processes).alerts if alert.severity == severity]
        if alerts:
            return alerts[0].value
    raise AssertionError(f"no tree fires an alert of severity {severity}")


def _used_by_tree(processes: int) -> float:
    """GiB in use."""
    return float(_watched(processes).series["used"].max()) / 2**30


def _write_more(children: list[Process], percent: int) -> None:
    for child in children:
        with suppress(ProcessKilled):
            if child.alive:
                child["heap"].write(0, child["heap"].pages * percent // 100)


def _seconds_before(rule: str, swap: str = "0 B", pause: float = 60) -> float:
    """How long before the first kill an alert fires, as fifty workers write more after each pause."""
    machine = Machine(ram="4 GiB", swap=swap)
    rules = [*committed_rules(RESERVE), working_set_above(0.8), pressure_above(), sustained_paging(1000, 2)]
    monitor = Monitor(machine, rules=rules)
    zygote = machine.spawn("zygote")
    zygote.mmap("300 MiB", name="heap").write()
    children = [zygote.fork() for _ in range(50)]
    for percent in range(0, 102, 2):
        _write_more(children, percent)
        machine.advance(pause)
        if machine.oom_reports:
            break
    kill = next(event.time for event in machine.log if event.kind == "oom_kill")
    return kill - next(alert.time for alert in monitor.alerts if alert.rule == rule)


# Paging, bursts, admission --------------------------------------------------------------------------------------------


def _paging_rate() -> float:
    """Pages a second at which the alert fires, on a network disk."""
    made = scenarios.paging(heap="48 MiB", passes=1)
    machine = trace.machine_of(made, costs=Costs.on("network"))
    monitor = Monitor(machine, rules=[sustained_paging()])
    trace.run(machine, made["ops"][:-2] + 3 * made["ops"][-2:])
    return float(monitor.alerts[0].value)


class Work(NamedTuple):
    """A minute of a job that goes through a part of its heap again and again."""

    swapped: str
    read_back: float
    """Pages a second."""
    waits: float
    """Per cent of the time."""


@functools.cache  # several claims are about one job, which takes seconds
def _working(heap: str, percent: int) -> Work:
    machine = Machine(ram="64 MiB", swap="256 MiB", overcommit="always")
    job = machine.spawn("job").mmap(heap)
    job.write()
    job.read(0, job.pages * percent // 100)
    monitor = Monitor(machine)
    for _ in range(60):
        job.read(0, job.pages * percent // 100)
        machine.advance(1)
    memory = machine.meminfo()
    return Work(
        swapped=format_size((memory["SwapTotal"] - memory["SwapFree"]) * 1024),
        read_back=float(monitor.series["swap_in"].mean()) / PAGE_SIZE,
        waits=float(monitor.series["stalled"].mean()),
    )


def _wait(device: str) -> float:
    """Microseconds a touch, over a pass through more than fits."""
    made = scenarios.paging(heap="48 MiB", file="4 MiB", passes=1)
    machine = trace.machine_of(made, costs=Costs.on(device))
    trace.run(machine, made["ops"][:-2])
    before = machine.clock
    trace.run(machine, made["ops"][-2:])
    pages: int = sum(op["stop"] for op in made["ops"][-2:])
    return (machine.clock - before) / pages * 1e6


def _refusal() -> str:
    """What the node that is full of requests says, in its first sentence."""
    try:
        two_nodes()["the first"].admit(Pod("new", request="1 GiB"))
    except Refused as refused:
        return str(refused).partition(". ")[0]
    raise AssertionError("the node took a pod beyond what may be requested")


def _admitted(factor: float) -> tuple[int, int]:
    """Pods admitted, and pods alive once each took what it requested."""
    node = Node("10 GiB", system_reserved="1 GiB", kube_reserved="924 MiB", overcommit=factor)
    pods = []
    with suppress(Refused):
        for number in range(1, 100):
            pods.append(node.admit(Pod(f"pod {number}", request="1 GiB", uses="100 MiB", restart_policy="Never")))
    for pod in pods:
        pod.grow("900 MiB")
        node.machine.advance(10)
    return len(pods), sum(pod.phase == "Running" for pod in pods)


def _said_of(factor: float) -> str:
    return "{} pods are admitted, {} are alive".format(*_admitted(factor))


def _later_faults() -> int | str:
    faults = later_faults("1 GiB", "heuristic")
    return "no end of" if faults is None else faults


WORKING_SET = "working set above 80% of RAM"
PAGING = "more than 1000 pages/s in and out"

CLAIMS = [
    Claim("warns_at", "A healthy fork tree warns at {} of the headroom.", lambda: _fires_at("warn"), "{:.2f}"),
    Claim("pages_at", "It wakes somebody at {} of the headroom.", lambda: _fires_at("page"), "{:.2f}"),
    Claim("tree_in_use", "Then {} are in use.", lambda: _used_by_tree(15), "{:.2f} GiB"),
    Claim("tree_of_51", "Of 51 processes that share, {} are in use.", lambda: _used_by_tree(51), "{:.2f} GiB"),
    Claim(
        "use_warns",
        "Without swap, the alert on use rings {} before the first kill.",
        lambda: _seconds_before(WORKING_SET) / 60,
        "{:.1f} minutes",
        beside="{} " + WORKING_SET,
    ),
    Claim(
        "paging_warns",
        "With swap, the alert on paging rings {} before it.",
        lambda: _seconds_before(PAGING, "1 GiB") / 60,
        "{:.1f} minutes",
        beside="{} " + PAGING,
    ),
    Claim(
        "use_warns_late",
        "Where they write more each second and not each minute, the alert on use leaves {}.",
        lambda: _seconds_before(WORKING_SET, pause=1),
        "{:.1f} s",
        beside="2.00% {}",
    ),
    Claim(
        "sustained",
        "On a network disk, the alert on sustained paging fires at {} pages/s.",
        _paging_rate,
        "{:.0f}",
        DEVICES,
        beside="in and out, at {}",
    ),
    Claim(
        "idle_swap",
        "A job that works on a tenth of its heap has {} in swap and reads nothing back.",
        lambda: _working(*IDLE).swapped,
        beside="256 MiB 10% {} 0 0% nothing",
    ),
    Claim("busy_swap", "One that works on all has {} in swap.", lambda: _working(*BUSY).swapped),
    Claim("read_back", "It reads back {} pages/s.", lambda: _working(*BUSY).read_back, "{:,.0f}", DEVICES),
    Claim("waits", "It waits {} of the time.", lambda: _working(*BUSY).waits, "{:.0f}%", DEVICES, beside="6,284 {}"),
    Claim("swap_on_ssd", "With swap on an SSD a pass costs {} a touch.", lambda: _wait("ssd"), "{:.0f} µs", DEVICES),
    Claim(
        "swap_on_network",
        "With swap on a network disk it costs {} a touch.",
        lambda: _wait("network"),
        "{:,.0f} µs",
        DEVICES,
    ),
    Claim("steady_factor", "Steady jobs are killed at a factor of {}.", lambda: first_kill(bursts=False), "{}%"),
    Claim("apart_factor", "Jobs with bursts of their own at a factor of {}.", first_kill, "{}%"),
    Claim(
        "together_factor",
        "Jobs whose bursts meet at a factor of {}.",
        lambda: first_kill(correlated=True),
        "{}%",
        beside="bursts that meet {}",
    ),
    Claim("refusal", "The idle node refuses: {}.", _refusal),
    Claim("admitted_1", "At a factor of 1, {}.", lambda: _said_of(1.0)),
    Claim("admitted_2", "At a factor of 2, {}.", lambda: _said_of(2.0)),
    Claim("cold_memory", "With swap a job has {} later.", _later_faults, "{} major faults"),
]
