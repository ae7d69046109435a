"""The kubelet's rules: what it counts as used, and when it starts a container again.

Sources: Kubernetes documentation, "Node-pressure Eviction" and "Pod Lifecycle"; kubelet, pkg/kubelet/eviction
(eviction_manager.go, helpers.go). A pod's status is simplified; see `RunningPod.phase`.
"""

from __future__ import annotations

from typing import Literal

from ..engine.rules.cgroup import Group

ContainerState = Literal["Running", "OOMKilled", "Error", "Completed"]

CHECK = 10.0
"""Seconds between two looks at the node's memory (eviction monitoring interval)."""
FIRST_DELAY, LONGEST_DELAY, FORGIVEN = 10.0, 300.0, 600.0
"""Back-off of restarts in seconds: the first restart is immediate, the second waits 10 s, each later one twice as long,
up to 300 s; a container that ran for 600 s starts over."""


def working_set(group: Group) -> int:
    """Bytes that are charged to `group`, less inactive_file.

    The model keeps no list of active pages: all pages of files count as inactive, as in Linux until a second use.
    """
    stat = group.stat()
    return group.current - (stat["file"] - stat["shmem"])


def next_delay(delay: float) -> float:
    """The back-off before the restart that follows one that had to wait for `delay` seconds."""
    return min(max(2 * delay, FIRST_DELAY), LONGEST_DELAY)


def restarts(policy: str, exit_code: int) -> bool:
    """Does a container that ended with `exit_code` start again?"""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
