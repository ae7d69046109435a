"""Nodes and pods: who gets memory where many share a machine, and who loses it, computed page by page.

`pod.py` says what a pod asks for, `node.py` admits and runs it, `running.py` is a pod that runs, `eviction.py` says
whom the kubelet evicts, `kubelet.py` when it starts a container again. What is killed is decided by the kernel's rules
in `cowlab.engine`.
"""

from .eviction import eviction_order
from .kubelet import ContainerState
from .node import Node, NodeEvent, PodReport, Refused, leak
from .pod import Container, Pod, oom_score_adj, qos
from .running import RunningContainer, RunningPod

__all__ = [
    "Container",
    "ContainerState",
    "Node",
    "NodeEvent",
    "Pod",
    "PodReport",
    "Refused",
    "RunningContainer",
    "RunningPod",
    "eviction_order",
    "leak",
    "oom_score_adj",
    "qos",
]
