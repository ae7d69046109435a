"""What this machine allows: whether traces can run here, how much memory they may take, where their file may lie."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..units import PAGE_SIZE, format_size

GIB = 1 << 30
FIXED_LIMIT = GIB
FIRST_KERNEL = (5, 3)  # pidfd_open; MAP_FIXED_NOREPLACE is older (4.17)

SWITCH = "COWLAB_KERNEL"
"""An environment variable: "off" keeps all traces from this machine's kernel, as on a machine that many share."""

FILE_SYSTEMS = ("ext4", "ext3", "ext2", "xfs", "btrfs", "overlay")
"""Where a shared file's page is mapped clean and read-only until written (page_mkwrite). Not so on tmpfs.

An overlay hands its mappings to the file system beneath it, in containers nearly always one of the others.
"""


# ---- can it run here? ------------------------------------------------------------------------------------------------


def obstacle() -> str | None:
    """Why traces cannot run here, in a sentence; None if they can."""
    if sys.platform == "emscripten":
        return "This Python runs in a browser, which has no Linux kernel to ask."
    if sys.platform != "linux":
        return f"This is {platform.system() or sys.platform}, not Linux: use a Linux machine, a container or WSL 2."
    if (switch := os.environ.get(SWITCH, "on")) not in ("", "on"):  # who mistypes "off" does not mean "on"
        return f"The kernel is not asked on this machine: {SWITCH} is set to {switch!r}."
    return _kernel_obstacle() or _python_obstacle()


def _kernel_obstacle() -> str | None:
    release = platform.release()
    if kernel_version(release) < FIRST_KERNEL:
        return f"Linux {release} is too old: it takes 5.3 or later (pidfd_open, MAP_FIXED_NOREPLACE)."
    if (page := os.sysconf("SC_PAGE_SIZE")) != PAGE_SIZE:
        return f"Pages of memory are {format_size(page)} here; the model's are {format_size(PAGE_SIZE)}."
    for name in ("smaps", "pagemap", "oom_score_adj"):
        if not os.access(f"/proc/self/{name}", os.R_OK):
            return f"This kernel gives no /proc/PID/{name} to read."
    with open("/proc/self/smaps", "rb", buffering=0) as smaps:
        if b"\nPss:" not in smaps.read(4096):  # the first mapping
            return "This kernel's /proc/PID/smaps has no Pss, so sharing cannot be seen."
    return None


def _python_obstacle() -> str | None:
    if sys.maxsize < 1 << 32:
        return "This is a 32-bit Python: its address space has no room for the regions of a trace."
    if not sys.executable:
        return "This Python does not know its own program (sys.executable), so no second one can be started."
    if not hasattr(os, "pidfd_open"):
        return "This Python was built without pidfd_open: use the one of python.org, uv or your distribution."
    return None


def kernel_version(release: str) -> tuple[int, ...]:
    """The first two numbers of a release such as "6.18.1-generic"."""
    numbers = release.split("-")[0].split(".")[:2]
    return tuple(int("".join(filter(str.isdigit, number)) or 0) for number in numbers)


# ---- how much memory may it take? ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """How many bytes a trace may take, and which rule says so."""

    size: int
    reason: str


def memory_limit(root: Path = Path("/")) -> Limit:
    """The smallest of 1 GiB, a quarter of MemAvailable, and a quarter of the room in this process's memory groups."""
    available = mem_available(root)
    limits = [
        Limit(FIXED_LIMIT, f"{format_size(FIXED_LIMIT)}, which no trace may exceed"),
        Limit(available // 4, f"a quarter of the {format_size(available)} that this machine has available"),
    ]
    for group, room in group_rooms(root):
        limits.append(Limit(room // 4, f"a quarter of the {format_size(room)} left in the memory group {group}"))
    return min(limits, key=lambda limit: limit.size)


def mem_available(root: Path) -> int:
    """MemAvailable of /proc/meminfo, in bytes."""
    lines = (root / "proc/meminfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


@dataclass(frozen=True)
class GroupFiles:
    """How one version of cgroups names a group's limit, its use, and the file cache that gives way first."""

    limit: str
    used: str
    cache: str


V1 = GroupFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = GroupFiles("memory.max", "memory.current", "inactive_file")


def group_rooms(root: Path) -> Iterator[tuple[str, int]]:
    """(path, bytes of room) of each memory group that this process is in and that has a limit, from it upwards."""
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield from _rooms_upwards(root, path, "memory", V1)
        elif not controllers:
            yield from _rooms_upwards(root, path, None, V2)


def _rooms_upwards(root: Path, path: str, controller: str | None, files: GroupFiles) -> Iterator[tuple[str, int]]:
    for mount in mounts(root):
        wanted = controller in mount.options if controller else mount.kind == "cgroup2"
        if not wanted or not mount.kind.startswith("cgroup"):
            continue
        top = root / mount.point.lstrip("/")
        folder = top / os.path.relpath(path, mount.shows)  # a container's mount may show a subtree only
        while folder == top or top in folder.parents:
            if (folder / files.limit).exists():  # the topmost group has none
                room = _room(folder, files)
                if room is not None:
                    yield str(folder), room
            folder = folder.parent


def _room(folder: Path, files: GroupFiles) -> int | None:
    """Bytes that may still be charged to a group; None if it has no limit."""
    limit = (folder / files.limit).read_text().strip()
    if limit == "max" or int(limit) >= 1 << 60:  # version 1 says "no limit" with a huge number
        return None
    used = int((folder / files.used).read_text())
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return max(0, int(limit) - used + int(stat[files.cache]))


# ---- where may its file lie? -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mount:
    """A line of /proc/self/mountinfo."""

    shows: str  # the folder of the file system that is seen there
    point: str
    kind: str
    options: tuple[str, ...]


def mounts(root: Path = Path("/")) -> list[Mount]:
    """What is mounted, in the order of mounting."""
    found = []
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        shows, point = (field.replace("\\040", " ") for field in before.split()[3:5])
        kind, _, options = after.split(" ", 2)
        found.append(Mount(shows, point, kind, tuple(options.split(","))))
    return found


def file_system_of(folder: Path) -> str:
    """The kind of file system that `folder` lies on."""
    path = folder.resolve()
    holders = [mount for mount in mounts() if path.is_relative_to(mount.point)]
    return max(reversed(holders), key=lambda mount: len(mount.point)).kind  # of equals, the one mounted last


def file_folder() -> Path | None:
    """A writable folder on a file system that treats mapped files as the model does; None if there is none."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd(), Path.home()]
    for folder in candidates:
        if os.access(folder, os.W_OK | os.X_OK) and file_system_of(folder) in FILE_SYSTEMS:
            return folder
    return None
