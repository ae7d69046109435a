"""A pod that was admitted: its processes and groups on the node's machine."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine import Machine, Mapping, Process, ProcessKilled
from ..engine.rules.cgroup import Group
from ..units import PAGE_SIZE, pages_in, parse_size
from . import kubelet
from .pod import Container, Pod, Qos, oom_score_adj, qos

ARENA = (64 << 20) // PAGE_SIZE
"""Pages that a program maps at least when it needs memory: 64 MiB, as glibc does (malloc/arena.c, HEAP_MAX_SIZE)."""
_CODES = {"OOMKilled": 137, "Error": 137, "Completed": 0}  # 128 + SIGKILL; Docker's and Kubernetes' exit codes
_STATES: dict[str, kubelet.ContainerState] = {"oom-killed": "OOMKilled", "killed": "Error", "exited": "Completed"}


class Heap:
    """The memory that one process takes, more and more of it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._mapping: Mapping | None = None
        self._left = 0  # pages of the last mapping that were not touched
        self._maps = 0

    def grow(self, pages: int) -> None:
        """Write to `pages` pages more, as far as the process lives."""
        while pages and self.process.alive:
            if self._mapping is None or not self._left:
                self._left = max(pages, ARENA)
                self._maps += 1
                self._mapping = self.process.mmap(self._left * PAGE_SIZE, name=f"heap {self._maps}")
            take = min(pages, self._left)
            start = self._mapping.pages - self._left
            self._left -= take
            pages -= take
            if self.process.alive:  # it may have been evicted after mmap
                try:
                    self._mapping.write(start, start + take)
                except ProcessKilled:
                    return


class RunningContainer:
    """A container of a running pod. It lives as long as its first process does: when that ends, the others are killed
    (kernel/pid_namespace.c, zap_pid_ns_processes). Times are in seconds of the machine's clock."""

    def __init__(self, container: Container, name: str, adj: int, group: Group, machine: Machine) -> None:
        self.container = container
        self.name = name
        self.oom_score_adj = adj
        self.group = group
        self.machine = machine
        self.restarts = 0
        self.reason = ""
        self.exit_code: int | None = None
        self.limit_hit = ""
        self.started, self.ended, self.delay = 0.0, 0.0, 0.0
        self.heaps: list[Heap] = []

    def __repr__(self) -> str:
        return f"<RunningContainer {self.name!r}: {self.state}>"

    @property
    def process(self) -> Process:
        """Its first process: the one that runs, or ran last."""
        return self.heaps[0].process

    @property
    def state(self) -> kubelet.ContainerState:
        """What it does now, or how it ended."""
        process = self.process
        return "Running" if process.alive else _STATES[str(process.exit_reason)]

    def start(self) -> None:
        """Start its processes; they take what the container `uses`."""
        first = self.machine.spawn(self.name, cgroup=self.group, oom_score_adj=self.oom_score_adj)
        self.started = self.machine.clock
        self.heaps = [Heap(first)]
        for number in range(2, self.container.processes + 1):
            if not first.alive:
                return
            self.heaps.append(Heap(first.fork(f"{self.name}.{number}")))
        self.grow(self.container.uses)

    def grow(self, size: int) -> None:
        """Take `size` bytes more, in equal parts in each process that lives."""
        living = [heap for heap in self.heaps if heap.process.alive]
        for heap in living:
            heap.grow(pages_in(-(-size // len(living))))

    def end(self) -> None:
        """Note how it ended, and kill what is left of it."""
        self.reason = state = self.state
        self.exit_code = _CODES.get(state)
        self.ended = self.machine.clock
        if self.ended - self.started >= kubelet.FORGIVEN:
            self.delay = 0.0
        self.kill()

    def kill(self) -> None:
        """Kill all its processes."""
        for process in list(self.group.processes):
            if process.alive:
                self.machine.kill(process)


class RunningPod:
    """A pod on a node. Made by `Node.admit`."""

    def __init__(self, pod: Pod, machine: Machine, capacity: int, path: str, swap_max: dict[str, int]) -> None:
        self.pod = pod
        self.machine = machine
        self.capacity = capacity  # of the node
        self.evicted = False
        self.over = False  # has it ended for good?
        single = len(pod.containers) == 1
        if single:
            self.group = _make_group(machine, path, pod.containers[0], swap_max)
            self.containers = [self._container(pod.containers[0], self.group)]
        else:
            self.group = machine.cgroup(path, max=pod.limit)
            own = [_make_group(machine, f"{path}/{each.name}", each, swap_max) for each in pod.containers]
            self.containers = [self._container(*each) for each in zip(pod.containers, own, strict=True)]

    def __repr__(self) -> str:
        return f"<RunningPod {self.name!r}: {self.phase}, {self.usage // 2**20} MiB>"

    def _container(self, spec: Container, group: Group) -> RunningContainer:
        name = self.name if group is self.group else f"{self.name}/{spec.name}"
        adj = oom_score_adj(self.pod, self.capacity, spec)
        return RunningContainer(spec, name, adj, group, self.machine)

    # What it does -----------------------------------------------------------------------------------------------

    def grow(self, size: int | str, container: str | None = None) -> bool:
        """Let its first container, or `container`, take `size` bytes more; does that live afterwards?

        The bytes are spread over the container's processes. A container that does not run takes nothing.
        """
        grown, more = self._named(container), parse_size(size)
        process = grown.process
        grown.grow(more)
        return process.alive

    def _named(self, name: str | None) -> RunningContainer:
        for each in self.containers:
            if name is None or each.container.name == name:
                return each
        names = ", ".join(each.container.name for each in self.containers)
        raise ValueError(f"pod {self.name!r} has no container {name!r}: it has {names}")

    # What it is -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.pod.name

    @property
    def qos(self) -> Qos:
        """Its QoS class."""
        return qos(self.pod)

    @property
    def process(self) -> Process:
        """The first process of its first container: the one that runs, or ran last."""
        return self.containers[0].process

    @property
    def processes(self) -> list[Process]:
        """Its living processes, container by container, in the order in which they came."""
        return [process for group in self.groups() for process in group.processes]

    def groups(self) -> Iterator[Group]:
        """The pod's group, and those of its containers where they have their own."""
        yield self.group
        yield from self.group.children

    @property
    def phase(self) -> str:
        """ "Running", "OOMKilled", "Waiting" (ended otherwise, to be started again), "Succeeded" or "Failed".

        "OOMKilled" is what kubectl shows as the status while a killed container is not started again; the API's phase
        of such a pod, as of one that waits, is Running, or Failed where it is never started again.
        """
        if self.evicted:
            return "Failed"
        states = {container.state for container in self.containers}
        for state in ("OOMKilled", "Running"):
            if state in states:
                return state
        if not self.over:
            return "Waiting"
        return "Failed" if "Error" in states else "Succeeded"

    @property
    def reason(self) -> str:
        """Why it, or a container of it, ended last: "Evicted", "OOMKilled", "Error", "Completed"; "" if none has."""
        return "Evicted" if self.evicted else self._last().reason

    @property
    def exit_code(self) -> int | None:
        """The exit code of the container that ended last; 137 is 128 + SIGKILL."""
        return self._last().exit_code

    @property
    def limit_hit(self) -> str:
        """Whose limit had one of its processes killed last: a group's path; "/" is the node itself; "" if none was."""
        return next((each.limit_hit for each in self._by_end() if each.limit_hit), "")

    @property
    def restarts(self) -> int:
        """How often its containers were started again."""
        return sum(container.restarts for container in self.containers)

    @property
    def usage(self) -> int:
        """Bytes charged to its group (memory.current)."""
        return self.group.current

    @property
    def working_set(self) -> int:
        """Bytes that eviction goes by; see kubelet.working_set."""
        return kubelet.working_set(self.group)

    @property
    def stalled(self) -> float:
        """Seconds that its processes waited for memory (the total of memory.pressure)."""
        return self.group.pressure()["some"]["total"] / 1e6

    def _by_end(self) -> list[RunningContainer]:
        return sorted(self.containers, key=lambda container: container.ended, reverse=True)

    def _last(self) -> RunningContainer:
        return self._by_end()[0]


def _make_group(machine: Machine, path: str, container: Container, swap_max: dict[str, int]) -> Group:
    """The group of one container: its limit is memory.max, and all of it dies at once unless it says otherwise."""
    together = not container.single_process_oom_kill
    return machine.cgroup(path, max=container.limit, swap_max=swap_max.get(container.name), oom_group=together)
