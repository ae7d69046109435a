"""A node: a machine that admits pods, watches over its memory, and tells what became of them.

What a pod may ask for is `allocatable`: capacity, less what is reserved for the system and for Kubernetes, less the
eviction threshold (Kubernetes documentation, "Reserve Compute Resources for System Daemons"). Pods are admitted
while their requests fit: a hard constraint, as in Borg and Kubernetes.

>>> from cowlab.cluster import Node, Pod, Refused
>>> node = Node("10 GiB", system_reserved="1 GiB", kube_reserved="1 GiB")
>>> node.allocatable // 2**20
8092
>>> try:
...     node.admit(Pod("large", request="8 GiB"))
... except Refused as refused:
...     refused.over // 2**20
100
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import check_flag, is_number
from ..engine import Error, Machine
from ..units import count, parse_size
from . import kubelet
from .eviction import eviction_order
from .pod import DAEMON_ADJ, Pod, Qos, Size, qos
from .running import RunningContainer, RunningPod

_PARENTS = {"Guaranteed": "/kubepods", "Burstable": "/kubepods/burstable", "BestEffort": "/kubepods/besteffort"}
_ENDS = ("oom_kill", "kill", "exit")


class Refused(Error):
    """A pod was not admitted: `asked` bytes were asked for, `left` were left, `over` is the difference."""

    def __init__(self, message: str, asked: int, left: int) -> None:
        super().__init__(message)
        self.asked, self.left, self.over = asked, left, asked - left


@dataclass(frozen=True)
class NodeEvent:
    """What happened to a pod (or to a system daemon: `pod` is ""), as `kubectl get events` shows it.

    `kind` is "admit", "refuse", "oom_kill", "restart", "evict" or "remove"; `time` is in seconds of the clock.
    """

    time: float
    kind: str
    pod: str
    message: str


@dataclass(frozen=True)
class PodReport:
    """One pod of `Node.report`; sizes in bytes, `stalled` in seconds, the rest as in RunningPod.

    `oom_kills` counts its processes that the kernel killed (memory.events).
    """

    pod: str
    qos: Qos
    oom_score_adj: int
    phase: str
    reason: str
    exit_code: int | None
    restarts: int
    request: int
    limit: int | None
    usage: int
    peak: int
    limit_hit: str
    oom_kills: int
    stalled: float


class Node:
    """A node with `capacity` of RAM.

    `system_reserved`, `kube_reserved` and `eviction` (the hard threshold of memory.available) are kept from pods.
    With `enforce_allocatable` the group of all pods, /kubepods, has a memory.max of capacity less the reserves; the
    threshold is not taken off there. `overcommit` is a factor on what all pods may request. The system's daemons are
    one process in /system that uses `system_uses`. Pods do not swap, as in Kubernetes, unless `limited_swap` gives
    Burstable ones their share (LimitedSwap). All else goes to the `machine`; its overcommit mode is "always", as the
    kubelet sets it (pkg/kubelet/cm, setupKernelTunables).

    The kubelet looks every 10 s of the machine's clock, between calls: a call that takes longer is not interrupted.
    """

    def __init__(
        self,
        capacity: Size,
        *,
        system_reserved: Size = "0 B",
        kube_reserved: Size = "0 B",
        eviction: Size = "100 MiB",
        enforce_allocatable: bool = True,
        overcommit: float = 1.0,
        system_uses: Size = "0 B",
        swap: Size = "0 B",
        limited_swap: bool = False,
        **machine: Any,
    ) -> None:
        self.capacity = parse_size(capacity, "capacity")
        self.reserved = parse_size(system_reserved, "system_reserved") + parse_size(kube_reserved, "kube_reserved")
        self.eviction = parse_size(eviction, "eviction")
        self.overcommit = _factor(overcommit)
        uses = parse_size(system_uses, "system_uses")
        self._check_sizes(uses)
        for name, flag in (("enforce_allocatable", enforce_allocatable), ("limited_swap", limited_swap)):
            check_flag(name, flag)
        self.swap, self.limited_swap = parse_size(swap, "swap"), limited_swap
        self.machine = Machine(ram=self.capacity, swap=swap, overcommit="always", **machine)
        self.events: list[NodeEvent] = []
        self.pods: dict[str, RunningPod] = {}
        self.requested = 0  # bytes that the pods request which have not ended for good
        enforced = self.capacity - self.reserved if enforce_allocatable else None
        self.kubepods = self.machine.cgroup("/kubepods", max=enforced)
        for path in ("/kubepods/burstable", "/kubepods/besteffort", "/system"):
            self.machine.cgroup(path)
        self.system = self.machine.spawn("system daemons", cgroup="/system", oom_score_adj=DAEMON_ADJ)
        if uses:
            self.system.mmap(uses, name="heap").write()
        self._by_process: dict[str, tuple[RunningPod, RunningContainer]] = {}  # by the name of the first process
        self._by_group: dict[str, tuple[RunningPod, RunningContainer]] = {}
        self._down: list[tuple[RunningPod, RunningContainer]] = []  # ended, to be started again
        self._seen = len(self.machine.log)
        self._reports = 0
        self._checks = self._due()  # looks that were due so far
        self._busy = False
        self.machine.on_change(self._look)

    def __repr__(self) -> str:
        pods = count(len(self.pods), "pod requests", "pods request")
        return f"<Node: {pods} {_mib(self.requested)} of {_mib(self.allocatable)}>"

    def __getitem__(self, name: str) -> RunningPod:
        """The pod of that name."""
        if name not in self.pods:
            raise KeyError(f"no pod {name!r} on this node; it has {', '.join(self.pods) or 'none'}")
        return self.pods[name]

    def _check_sizes(self, uses: int) -> None:
        kept = self.reserved + self.eviction
        if kept >= self.capacity:
            raise ValueError(
                f"a node of {_mib(self.capacity)} cannot keep {_mib(self.reserved)} reserved and {_mib(self.eviction)} "
                f"as the eviction threshold: nothing is left for pods"
            )
        if uses >= self.capacity:
            raise ValueError(f"the system uses {_mib(uses)}, and the node has {_mib(self.capacity)}: take a larger one")

    # Admission --------------------------------------------------------------------------------------------------

    @property
    def allocatable(self) -> int:
        """Bytes for pods: capacity, less the reserves and the eviction threshold."""
        return self.capacity - self.reserved - self.eviction

    def admit(self, pod: Pod) -> RunningPod:
        """Run `pod`, or raise Refused if its request does not fit beside the others' (the scheduler's NodeResourcesFit,
        which the kubelet repeats). Only requests count, not what is used, nor limits."""
        if not isinstance(pod, Pod):
            raise ValueError(f"admit({pod!r}): give a Pod")
        if pod.name in self.pods:
            raise ValueError(f"the node has a pod {pod.name!r}: take another name, or remove that one")
        self._check_process_names(pod)
        left = int(self.allocatable * self.overcommit) - self.requested
        if pod.request > left:
            message = self._why(pod, left)
            self._tell("refuse", pod.name, message)
            raise Refused(message, pod.request, left)
        run = RunningPod(
            pod, self.machine, self.capacity, f"{_PARENTS[qos(pod)]}/pod-{pod.name}", self._share_of_swap(pod)
        )
        self.pods[pod.name] = run
        self.requested += pod.request
        for container in run.containers:
            self._by_process[container.name] = self._by_group[container.group.path] = run, container
        self._tell("admit", pod.name, f"{run.qos}, requests {_mib(pod.request)} of {_mib(left)} that were left")
        for container in run.containers:
            container.start()
        return run

    def remove(self, run: RunningPod | str) -> None:
        """Delete a pod: its processes are killed, its groups removed, its name is free again."""
        name = run if isinstance(run, str) else run.name
        gone = self[name]
        if not isinstance(run, str) and gone is not run:
            raise ValueError(f"remove({run!r}): it was removed before")
        self._finish(gone)
        del self.pods[name]
        for container in gone.containers:
            del self._by_process[container.name], self._by_group[container.group.path]
            container.kill()
        for group in [*gone.group.children, gone.group]:
            group.remove()
        self._tell("remove", name, "deleted")

    def _check_process_names(self, pod: Pod) -> None:
        single = len(pod.containers) == 1
        for name in [pod.name] if single else [f"{pod.name}/{each.name}" for each in pod.containers]:
            try:
                self.machine[name]
            except KeyError:
                continue
            raise ValueError(f"a process {name!r} is alive on the node: take another name for the pod")

    def _why(self, pod: Pod, left: int) -> str:
        factor = "" if self.overcommit == 1 else f", times {self.overcommit:g}"
        pods = count(sum(not run.over for run in self.pods.values()), "pod requests", "pods request")
        return (
            f"pod {pod.name!r} requests {_mib(pod.request)}, and {_mib(max(left, 0))} are left: "
            f"{_mib(pod.request - left)} too much. "
            f"The node has {_mib(self.capacity)} - {_mib(self.reserved)} reserved - {_mib(self.eviction)} eviction "
            f"threshold = {_mib(self.allocatable)} allocatable{factor}, of which {pods} "
            f"{_mib(self.requested)}. Lower the request, or take a larger node"
        )

    def _share_of_swap(self, pod: Pod) -> dict[str, int]:
        """memory.swap.max of each container, if the node swaps: request / capacity of the swap, for containers of
        Burstable pods that may use more than they request; else nothing (Kubernetes documentation, "Swap memory
        management")."""
        if not self.swap:
            return {}
        swaps = self.limited_swap and qos(pod) == "Burstable"
        return {
            each.name: self.swap * each.request // self.capacity if swaps and each.request != each.limit else 0
            for each in pod.containers
        }

    # Watching ---------------------------------------------------------------------------------------------------

    @property
    def available(self) -> int:
        """memory.available: capacity less the working set of all that runs, in bytes."""
        return self.capacity - kubelet.working_set(self.machine.cgroups.root)

    @property
    def allocatable_available(self) -> int | None:
        """allocatableMemory.available: what /kubepods may have, less the working set of the pods, in bytes; None if it
        is not enforced. The kubelet holds it to the same threshold (helpers.go, addAllocatableThresholds)."""
        limit = self.kubepods.max
        return None if limit is None else limit - kubelet.working_set(self.kubepods)

    def housekeeping(self) -> list[NodeEvent]:
        """One look of the kubelet: if memory is short it evicts one pod, and it starts ended containers again; what it
        did. Happens by itself every 10 s of the machine's clock."""
        before, busy, self._busy = len(self.events), self._busy, True
        try:
            self._note_ends()
            self._evict_one()
            self._restart()
            self._note_ends()
        finally:
            self._busy = busy
        return self.events[before:]

    def _look(self, machine: Machine) -> None:
        """After each call on the machine."""
        if self._busy:
            return
        self._busy = True
        try:
            self._note_ends()
            while self._checks < self._due():
                self._checks += 1
                if not self.housekeeping():  # then those that were due meanwhile would have done nothing either
                    self._checks = self._due()
        finally:
            self._busy = False

    def _due(self) -> int:
        """Looks that are due by now, one every 10 s."""
        return int(self.machine.clock // kubelet.CHECK)

    def _note_ends(self) -> None:
        """Note which containers ended since the last look."""
        log = self.machine.log
        while self._seen < len(log):
            new, self._seen = log[self._seen :], len(log)
            if any(event.kind == "oom_kill" for event in new):
                self._note_kills()
            for event in new:
                if event.kind in _ENDS and event.process in self._by_process:
                    self._ended(*self._by_process[event.process])

    def _note_kills(self) -> None:
        reports = self.machine.oom_reports
        new, self._reports = reports[self._reports :], len(reports)
        for report in new:
            for task in report.killed:
                run, container = self._by_group.get(report.groups[task.name], (None, None))
                if container:
                    container.limit_hit = report.group
                whose = "the node's memory was gone" if report.group == "/" else f"{report.group} was at its limit"
                self._tell("oom_kill", run.name if run else "", f"process {task.name!r} was killed: {whose}")

    def _ended(self, run: RunningPod, container: RunningContainer) -> None:
        if container.process.alive or (run, container) in self._down or run.over:
            return
        container.end()
        if kubelet.restarts(run.pod.restart_policy, container.exit_code or 0):
            self._down.append((run, container))
        elif not run.processes:
            self._finish(run)

    def _finish(self, run: RunningPod) -> None:
        """It has ended for good: what it requested is free for others."""
        self.requested -= 0 if run.over else run.pod.request
        run.over = True
        self._down = [down for down in self._down if down[0] is not run]

    def _restart(self) -> None:
        """Start again what ended and has waited long enough."""
        due = [(run, each) for run, each in self._down if self.machine.clock >= each.ended + each.delay]
        for run, container in due:
            self._down.remove((run, container))
            container.delay = kubelet.next_delay(container.delay)
            container.restarts += 1
            self._tell("restart", run.name, f"container {container.container.name!r} is started again")
            container.start()

    def _evict_one(self) -> None:
        """Evict the first in order if memory is short (eviction_manager.go, synchronize: one pod a look)."""
        signals = {"memory.available": self.available, "allocatableMemory.available": self.allocatable_available}
        short = [f"{name} is {_mib(n)}" for name, n in signals.items() if n is not None and n < self.eviction]
        order = eviction_order(run for run in self.pods.values() if not run.over) if short else []
        if order:
            run = order[0]
            used = f"it used {_mib(run.working_set)} and requested {_mib(run.pod.request)}"
            self._tell("evict", run.name, f"{', '.join(short)}, below {_mib(self.eviction)}; {used}")
            run.evicted = True
            self._finish(run)
            for container in run.containers:
                container.kill()
                container.end()

    def _tell(self, kind: str, pod: str, message: str) -> None:
        self.events.append(NodeEvent(self.machine.clock, kind, pod, message))

    # What became of them ----------------------------------------------------------------------------------------

    def report(self) -> list[PodReport]:
        """What became of each pod, in the order in which they were admitted."""
        return [_report(run) for run in self.pods.values()]


def leak(runs: Sequence[RunningPod], step: Size, pause: float = 0.0) -> None:
    """Let each of `runs` take `step` more in turn, then `pause` seconds pass, until each was killed or evicted once."""
    more = parse_size(step, "step")
    if not more:
        raise ValueError("step 0: a leak takes something")
    leaking = [run for run in runs if run.process.alive]
    processes = {run.name: run.process for run in leaking}
    while leaking:
        for run in leaking:
            if run.process is processes[run.name]:
                run.grow(more)
        leaking[0].machine.advance(pause)
        leaking = [run for run in leaking if processes[run.name].alive]


def _report(run: RunningPod) -> PodReport:
    return PodReport(
        pod=run.name,
        qos=run.qos,
        oom_score_adj=run.containers[0].oom_score_adj,
        phase=run.phase,
        reason=run.reason,
        exit_code=run.exit_code,
        restarts=run.restarts,
        request=run.pod.request,
        limit=run.pod.limit,
        usage=run.usage,
        peak=run.group.peak,
        limit_hit=run.limit_hit,
        oom_kills=run.group.events()["oom_kill"],
        stalled=run.stalled,
    )


def _factor(overcommit: object) -> float:
    if not is_number(overcommit) or not 0 < overcommit < math.inf:
        raise ValueError(f"overcommit={overcommit!r}: give a factor above 0, such as 1.5, of what pods may request")
    return float(overcommit)


def _mib(size: int) -> str:
    return f"{size / 2**20:.2f}".rstrip("0").rstrip(".") + " MiB"
