"""What a pod asks for, its QoS class, and the oom_score_adj that follows.

Sources: Kubernetes documentation, "Pod Quality of Service Classes" and "Node-pressure Eviction"; kubelet,
pkg/kubelet/qos/policy.go. The model has memory only: the class is that of a pod which asks for CPU as it asks for
memory.

>>> from cowlab.cluster import Pod, oom_score_adj, qos
>>> pod = Pod("web", request="2 GiB", limit="8 GiB")
>>> qos(pod), oom_score_adj(pod, "10 GiB")
('Burstable', 800)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..arguments import check_flag, is_whole, whole
from ..units import parse_size

Qos = Literal["Guaranteed", "Burstable", "BestEffort"]
Size = int | str

RESTART_POLICIES = ("Always", "OnFailure", "Never")
GUARANTEED_ADJ, BEST_EFFORT_ADJ, DAEMON_ADJ = -997, 1000, -999
"""policy.go: guaranteedOOMScoreAdj, besteffortOOMScoreAdj, KubeletOOMScoreAdj."""
NODE_CRITICAL = 2_000_001_000
"""The priority of the class system-node-critical (pkg/apis/scheduling): its pods get the adj of Guaranteed ones."""
CRITICAL = 2_000_000_000
"""From this priority on a pod is never evicted (pkg/kubelet/types/pod_update.go, IsCriticalPodBasedOnPriority)."""


class Container:
    """A program in a pod: `processes` processes that take `uses` bytes together when they start.

    `request` is what it is promised, 0 bytes without; `limit` its group's memory.max, None without. A limit without a
    request is the request too. `single_process_oom_kill=True` lets the kernel kill one process of it alone (kubelet's
    singleProcessOOMKill); else all die together (memory.oom.group, as the kubelet sets it since 1.28).
    """

    def __init__(
        self,
        name: str,
        request: Size | None = None,
        limit: Size | None = None,
        *,
        uses: Size = "0 B",
        processes: int = 1,
        single_process_oom_kill: bool = False,
    ) -> None:
        self.name = check_name("container", name)
        self.limit = None if limit is None else parse_size(limit, "limit")
        self.request = (self.limit or 0) if request is None else parse_size(request, "request")
        self.uses = parse_size(uses, "uses")
        if self.limit == 0:
            raise ValueError(f"container {name!r}: a limit of 0 bytes lets nothing start; give None for no limit")
        if self.limit is not None and self.request > self.limit:
            raise ValueError(f"container {name!r} requests {request!r}, more than its limit {limit!r}")
        check_flag("single_process_oom_kill", single_process_oom_kill)
        self.processes = whole("processes", processes, "a container has one process or more", least=1)
        self.single_process_oom_kill = single_process_oom_kill

    def __repr__(self) -> str:
        return f"<Container {self.name!r}: request {self.request} B, limit {self.limit} B>"


class Pod:
    """A pod: one container with the arguments given here, or several in `containers`.

    `request` and `limit` are bytes, summed over the containers; `limit` is None if one of them has none. Of two pods
    the one with the lower `priority` is evicted first. `restart_policy` is "Always", "OnFailure" or "Never".
    """

    def __init__(
        self,
        name: str,
        request: Size | None = None,
        limit: Size | None = None,
        *,
        uses: Size | None = None,
        processes: int | None = None,
        single_process_oom_kill: bool | None = None,
        priority: int = 0,
        restart_policy: str = "Always",
        containers: Sequence[Container] = (),
    ) -> None:
        self.name = check_name("pod", name)
        if not is_whole(priority):
            raise ValueError(f"priority={priority!r} is not a whole number")
        if restart_policy not in RESTART_POLICIES:
            raise ValueError(f"restart_policy={restart_policy!r}: it is one of {', '.join(RESTART_POLICIES)}")
        self.priority, self.restart_policy = priority, restart_policy
        of_one = (request, limit, uses, processes, single_process_oom_kill)
        if containers and any(argument is not None for argument in of_one):
            raise ValueError(f"pod {name!r}: with containers=, say request, limit and the like of each container")
        self.containers = _check_containers(name, containers) or (
            Container(
                name,
                request,
                limit,
                uses="0 B" if uses is None else uses,
                processes=1 if processes is None else processes,
                single_process_oom_kill=False if single_process_oom_kill is None else single_process_oom_kill,
            ),
        )
        limits = [container.limit for container in self.containers if container.limit is not None]
        self.request = sum(container.request for container in self.containers)
        self.limit = sum(limits) if len(limits) == len(self.containers) else None

    def __repr__(self) -> str:
        return f"<Pod {self.name!r}: {qos(self)}, request {self.request} B, limit {self.limit} B>"


def qos(pod: Pod) -> Qos:
    """The QoS class: Guaranteed if each container's request is its limit, BestEffort if nothing is asked for."""
    if all(container.limit is not None and container.request == container.limit for container in pod.containers):
        return "Guaranteed"
    if any(container.request or container.limit for container in pod.containers):
        return "Burstable"
    return "BestEffort"


def oom_score_adj(pod: Pod, capacity: Size, container: Container | None = None) -> int:
    """The oom_score_adj of the processes of `container` (else of the first) on a node with `capacity` bytes.

    Burstable: 1000 - 1000 * request / capacity (division of integers), at least 3 and at most 999 (policy.go,
    GetContainerOOMScoreAdjust; Kubernetes' pages print a floor of 2, that of an older Guaranteed adj of -998).
    """
    size = parse_size(capacity, "capacity")
    if not size:
        raise ValueError("capacity 0: a node has memory")
    of = qos(pod)
    if of == "Guaranteed" or pod.priority == NODE_CRITICAL:
        return GUARANTEED_ADJ
    if of == "BestEffort":
        return BEST_EFFORT_ADJ
    adj = 1000 - 1000 * (container or pod.containers[0]).request // size
    return min(max(adj, 1000 + GUARANTEED_ADJ), BEST_EFFORT_ADJ - 1)


def check_name(what: str, name: object) -> str:
    """`name`, if it can name a group of a pod or container."""
    if not isinstance(name, str) or not name.strip() or "/" in name:
        raise ValueError(f"{what} name {name!r}: give text without '/', such as 'web'")
    return name


def _check_containers(pod: str, containers: Sequence[Container]) -> tuple[Container, ...]:
    for container in containers:
        if not isinstance(container, Container):
            raise ValueError(f"pod {pod!r}: {container!r} is not a Container")
    names = [container.name for container in containers]
    if len(set(names)) < len(names):
        raise ValueError(f"pod {pod!r}: two containers have the same name in {', '.join(names)}")
    return tuple(containers)
