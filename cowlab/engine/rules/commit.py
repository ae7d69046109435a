"""Overcommit: what has been promised, and when a promise is refused.

A mapping of private writable memory is a promise that its pages can be written. The kernel keeps the sum in
Committed_AS, in every mode; the mode decides which requests it refuses
(mm/util.c, __vm_enough_memory; Documentation/mm/overcommit-accounting.rst).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...arguments import is_whole
from ...units import format_pages, pages_in

_MOST = 1 << 53
MODES = {"heuristic": 0, "always": 1, "never": 2}
_ADMIN_RESERVE_KIB, _USER_RESERVE_KIB = 8 * 1024, 128 * 1024  # mm/mmap.c, init_admin_reserve and init_user_reserve


@dataclass
class Account:
    """The commit account of a machine, in pages.

    `mode` is vm.overcommit_memory; `ratio` and `kbytes` are vm.overcommit_ratio and vm.overcommit_kbytes.
    """

    ram: int
    swap: int
    mode: int = 0
    ratio: int = 50
    kbytes: int = 0
    committed: int = 0

    @property
    def limit(self) -> int:
        """CommitLimit: shown in every mode, enforced in mode 2 (vm_commit_limit)."""
        own = self.kbytes // 4 if self.kbytes else self.ram * self.ratio // 100
        return own + self.swap

    @property
    def admin_reserve(self) -> int:
        """Pages that only a caller with CAP_SYS_ADMIN may promise."""
        return self._reserve(_ADMIN_RESERVE_KIB)

    @property
    def user_reserve(self) -> int:
        """Pages kept back from one process, at most: so that an administrator can still log in and kill it."""
        return self._reserve(_USER_RESERVE_KIB)

    def _reserve(self, most_kib: int) -> int:
        return min(self.ram * 4 // 32, most_kib) // 4


@dataclass(frozen=True)
class Request:
    """A promise that is asked for: `pages` more, by a process that has `total_vm` pages mapped."""

    account: Account
    pages: int
    total_vm: int


CommitPolicy = Callable[[Request], bool]


def commit_policy(request: Request) -> bool:
    """May `request` be granted? The rule of the account's mode. Callers have no CAP_SYS_ADMIN."""
    account = request.account
    if account.mode == MODES["always"]:
        return True
    if account.mode == MODES["heuristic"]:
        return request.pages <= account.ram + account.swap  # this one request: what is promised already does not count
    return account.committed + request.pages < allowed(request)


def allowed(request: Request) -> int:
    """What Committed_AS must stay below in mode 2, in pages, for the process that asks."""
    account = request.account
    return account.limit - account.admin_reserve - min(request.total_vm // 32, account.user_reserve)


def explain(request: Request) -> str:
    """Why `request` was refused, with the arithmetic."""
    account = request.account
    asked, committed = format_pages(request.pages), format_pages(account.committed)
    if account.mode == MODES["never"]:
        kept = account.limit - allowed(request)
        return (
            f"asked for {asked} with {committed} committed; together they must stay below "
            f"{format_pages(max(0, allowed(request)))}: the limit {format_pages(account.limit)} less reserves of "
            f"{format_pages(kept)}. Ask for less, or raise overcommit_ratio or swap"
        )
    return (
        f"asked for {asked} at once with {committed} committed; one request may not exceed the limit of RAM and "
        f"swap, {format_pages(account.ram + account.swap)}. Ask for less, or use overcommit='always'"
    )


def parse_mode(mode: object) -> int:
    """The number of an overcommit mode given as a name or a number."""
    if isinstance(mode, str) and mode in MODES:
        return MODES[mode]
    if is_whole(mode) and mode in MODES.values():
        return mode
    raise ValueError(f"overcommit {mode!r} is not a mode: use 'heuristic' (0), 'always' (1) or 'never' (2)")


def open_account(ram: int, swap: int | str, overcommit: object, ratio: object, kbytes: object) -> Account:
    """An account for `ram` pages of RAM, from the arguments of Machine."""
    for name, number in (("overcommit_ratio", ratio), ("overcommit_kbytes", kbytes)):
        if not is_whole(number, 0, _MOST):
            raise ValueError(f"{name} {number!r} is not a whole number from 0 to 2**53")
    assert isinstance(ratio, int) and isinstance(kbytes, int)
    if pages_in(swap, "swap") > _MOST:
        raise ValueError(f"swap {swap!r} is more than any machine has: use at most 2**53 pages")
    return Account(ram, pages_in(swap, "swap"), parse_mode(overcommit), ratio, kbytes)
