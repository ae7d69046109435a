"""The errors of the model.

    Error
    ├── OutOfMemory        (OSError, ENOMEM)              a refused promise, or a file or fork that does not fit
    ├── SegmentationFault  (OSError, EFAULT or ENOMEM)    outside a mapping, or against its protection
    ├── NoSuchProcess      (ProcessLookupError, ESRCH)    a call on a dead process
    ├── GroupBusy          (OSError, EBUSY)               a group that holds processes or groups cannot be removed
    ├── ProcessKilled                                     the caller died in an OOM kill
    └── Deadlock                                          memory is gone and nobody may be killed

An argument that means nothing (a negative range, an unknown kind, a malformed size, a name in use) is a ValueError.
"""

from __future__ import annotations


class Error(Exception):
    """Base of the model's own errors."""


class _SystemCallError(Error, OSError):
    """An error that a system call would report by errno: built from (errno, sentence)."""

    def __str__(self) -> str:
        return str(self.strerror)


class OutOfMemory(_SystemCallError):
    """ENOMEM: the kernel refused a promise (mmap, protect, fork), or what mmap or fork need does not fit into RAM."""


class SegmentationFault(_SystemCallError):
    """EFAULT: an access outside a mapping or against its protection. ENOMEM: a call over a hole."""


class NoSuchProcess(_SystemCallError, ProcessLookupError):
    """ESRCH: a call on a process that has exited or was killed."""


class GroupBusy(_SystemCallError, ValueError):
    """EBUSY: a group that holds processes or groups cannot be removed."""


class ProcessKilled(Error):
    """The caller died in an OOM kill, as its victim or with its group. What it had touched is free again."""


class Deadlock(Error):
    """Memory is gone and nobody may be killed: Linux panics, or, in a group, lets the fault try for ever."""
