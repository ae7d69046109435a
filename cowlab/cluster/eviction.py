"""Whom the kubelet evicts where a node lacks memory.

Sources: Kubernetes documentation, "Node-pressure Eviction"; kubelet, pkg/kubelet/eviction (helpers.go).
"""

from __future__ import annotations

from collections.abc import Iterable

from .pod import CRITICAL
from .running import RunningPod


def eviction_order(runs: Iterable[RunningPod]) -> list[RunningPod]:
    """`runs`, the first to be evicted first (helpers.go, rankMemoryPressure): those that use more than they request;
    then the lower priority; then the larger use above the request. Of equals, the one admitted first.

    The QoS class has no say. Critical pods are left out: they are not evicted (eviction_manager.go, evictPod).
    """
    return sorted((run for run in runs if run.pod.priority < CRITICAL), key=_rank)


def _rank(run: RunningPod) -> tuple[bool, int, int]:
    over = run.working_set - run.pod.request
    return over <= 0, run.pod.priority, -over
