"""What happens when frames lack: reclaim, then the OOM killer; and how memory.high slows a process down.

A call that needs a frame looks at the machine first, then at its group and those above: the first without room is the
*domain* in which pages are reclaimed and, if that frees nothing, a process is killed (mm/page_alloc.c,
__alloc_pages_slowpath; mm/memcontrol.c, try_charge_memcg).
"""

from __future__ import annotations

import errno

from ...units import format_pages
from ..errors import Deadlock, OutOfMemory, ProcessKilled
from ..kinds import Group, Machine, NoFreeFrame, Process
from . import oom
from .oom import Killer
from .reclaim import Reclaim

BATCH = 64  # pages: MEMCG_CHARGE_BATCH, after so many charges a process over memory.high is looked at
SECOND = 10**9
SHORTEST, LONGEST = SECOND // 100, 2 * SECOND  # mem_cgroup_handle_over_high: no sleep up to 10 ms, none beyond 2 s


class Shortage:
    """What a machine does when frames lack.

    Watermarks (mm/page_alloc.c, __setup_per_zone_wmarks): below `low` pages are reclaimed in the background up to
    `high`; the last `min` frames are kept back.
    """

    def __init__(self, machine: Machine, min_free: int) -> None:
        self.machine = machine
        self.reclaim = Reclaim(machine)
        self.killer = Killer(machine)
        gap = max(min_free // 4, machine.frames.total * 10 // 10000) if min_free else 0
        self.min, self.low, self.high = min_free, min_free + gap, min_free + 2 * gap
        machine.frames.reserve = min_free

    def make_room(self, process: Process, lack: NoFreeFrame, done: int = 0) -> None:
        """Reclaim until frames can be had, or kill once; then the caller tries again.

        Raises ProcessKilled if the caller had to die, Deadlock if nobody may.
        """
        domain = self._exhausted(process, lack)
        if domain is None:
            self._slow_down(process, lack)
            return
        report = self.killer.kill(domain, process, lack.frames, done)
        if not report.killed:
            raise Deadlock(oom.nobody(report))
        if not process.alive:
            raise ProcessKilled(_killed(process, report))

    def reclaim_ahead(self, process: Process) -> bool:
        """For a call that will need more than can be had: reclaim one batch where it will lack. Did that help?"""
        domain = self._domain(process.space.group, max(0, process.space.room) + 1)
        if domain is None or not self._reclaim(domain, process, 1):
            return False
        domain.count_event("max")
        return True

    def try_room(self, process: Process, lack: NoFreeFrame) -> bool:
        """As make_room, for a call that is refused rather than have somebody killed: can the frames be had?"""
        if self._exhausted(process, lack) is not None:
            return False
        self._slow_down(process, lack)
        return True

    def make_room_for_tables(self, process: Process, lack: NoFreeFrame, what: str) -> None:
        """As make_room, for a system call: where nobody may be killed it is refused."""
        try:
            while self._domain(lack.group, lack.frames) is not None:
                self.make_room(process, lack)
        except Deadlock as error:
            message = f"{what}: {format_pages(lack.frames)} cannot be had. {error}"
            raise OutOfMemory(errno.ENOMEM, message) from None

    def enforce(self, group: Group) -> None:
        """The group's limits were set: over `high`, reclaim; over `max`, then kill, until it holds or nobody may be."""
        high, limit, init = group.limits["high"], group.limits["max"], self.machine.init
        while high is not None and group.usage > high and self._reclaim(group, init, group.usage - high):
            pass
        while limit is not None and group.usage > limit:
            over = group.usage - limit
            if not self._reclaim(group, init, over) and not self.killer.kill(group, init, over, 0).killed:
                return

    def balance(self) -> None:
        """What kswapd does after a call: below `low`, reclaim up to `high`, while the processes go on."""
        frames = self.machine.frames
        root, init = self.machine.cgroups.root, self.machine.init
        while frames.free < self.high and self._take(root, init, self.high - frames.free):
            pass

    def _exhausted(self, process: Process, lack: NoFreeFrame) -> Group | None:
        """Reclaim until the frames can be had: None; or the domain where they lack and nothing more can be taken."""
        while (domain := self._domain(lack.group, lack.frames)) is not None:
            domain.count_event("max")
            if not self._reclaim(domain, process, lack.frames):
                return domain
        return None

    def _domain(self, group: Group, pages: int) -> Group | None:
        """Where the pages lack: on the machine, or in a group from `group` upward whose limit is met."""
        frames = self.machine.frames
        if frames.free - frames.reserve < pages:
            return self.machine.cgroups.root
        for each in group.upward():
            limit = each.limits["max"]
            if limit is not None and each.usage + pages > limit:
                return each
        return None

    def _reclaim(self, domain: Group, process: Process, pages: int) -> int:
        """Direct reclaim: the caller waits for what is written. Pages freed."""
        out, costs = self.reclaim.page_out, self.machine.costs
        swapped, back = out.written, out.written_back
        freed = self._take(domain, process, pages)
        swapped, back = out.written - swapped, out.written_back - back
        self.machine.stall(process, swapped * costs.swap_out + back * costs.file_write)
        return freed

    def _take(self, domain: Group, process: Process, pages: int) -> int:
        out = self.reclaim.page_out
        before = out.written
        freed = self.reclaim.free(domain, pages)
        if out.written > before:
            self.machine.record("swap_out", process.name, "", (0, 0), out.written - before)
        return freed

    # memory.high ------------------------------------------------------------------------------------------------

    def settle(self, process: Process) -> None:
        """After a call charged much at once: groups over memory.high reclaim."""
        for group in process.space.group.upward():
            high = group.limits["high"]
            if high is not None and group.usage > high:
                group.count_event("high")
                self.enforce(group)

    def _slow_down(self, process: Process, lack: NoFreeFrame) -> None:
        """Groups over memory.high reclaim; where that does not do, the caller sleeps, for the worst, and goes on."""
        worst = 0
        for group in lack.group.upward():
            high = group.limits["high"]
            while high is not None and group.usage + lack.frames > high + group.overrun:
                group.count_event("high")
                if self._reclaim(group, process, lack.frames):
                    continue
                step = max(BATCH, high // 256)
                over = group.usage + lack.frames - high
                group.overrun = over + step
                worst = max(worst, _delay(over, high) * (step // BATCH))
        if worst:
            self.machine.stall(process, worst)
            self.machine.record("throttle", process.name, "", (0, 0), lack.frames)


def _delay(over: int, high: int) -> int:
    """Nanoseconds of sleep for 64 pages: 64 s x (overage / limit) squared (calculate_high_delay)."""
    ns = min(int(64 * SECOND * (over / max(high, 1)) ** 2), LONGEST)
    return ns if ns > SHORTEST else 0


def _killed(process: Process, report: oom.Report) -> str:
    where = "the machine's memory was gone" if report.group == "/" else f"group {report.group!r} was at its limit"
    return (
        f"{process.name!r} was killed by the OOM killer: {where} ({format_pages(report.limit)}) after {report.done} "
        f"pages of this call, and nothing could be reclaimed. See machine.oom_reports[-1]"
    )
