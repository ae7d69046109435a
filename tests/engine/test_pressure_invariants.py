"""What holds of every random history on a machine that is short of memory, with groups, swap and the OOM killer."""

from contextlib import contextmanager, suppress
from random import Random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import cowlab
from cowlab.engine.rules.oom import Killer
from cowlab.engine.stores import frames as fr

PAGE = 4096
KINDS = ("private", "private", "noreserve", "shared", "file-private", "file-shared")
SMALL, LARGE = (1, 16, 33, 100), (33, 512, 600, 1100)

seeds = st.integers(0, 2**64 - 1)
quick = settings(deadline=None, max_examples=30)


class History:
    """Random calls on a small machine. `check=True`: the engine's own invariants hold after each of them."""

    def __init__(self, seed, steps=60):
        self.dice = dice = Random(seed)
        large = dice.random() < 0.3
        self.sizes = LARGE if large else SMALL
        frames = dice.randint(1500, 5000) if large else dice.randint(60, 300)
        self.m = cowlab.Machine(
            frames * PAGE,
            swap=dice.choice([0, frames // 4, 4 * frames]) * PAGE,
            overcommit="always",
            page_tables=dice.random() < 0.6,
            swappiness=dice.choice([0, 60, 60, 200]),
            min_free=dice.choice([0, 0, frames // 20]) * PAGE,
            check=True,
        )
        self.make_groups(frames)
        for _ in range(steps):
            self.step()

    def make_groups(self, frames):
        choice = self.dice.choice
        for path in ("/a", "/a/b", "/c")[: self.dice.randint(0, 3)]:
            limits = {
                "max": choice([None, frames // 3, frames // 6]),
                "high": choice([None, None, frames // 8]),
                "low": choice([None, frames // 10]),
                "min": choice([None, None, frames // 20]),
                "swap_max": choice([None, 0, frames // 8]),
            }
            sizes = {name: None if pages is None else pages * PAGE for name, pages in limits.items()}
            self.m.cgroup(path, **sizes, oom_group=self.dice.random() < 0.3)

    def step(self):
        m, dice = self.m, self.dice
        if not m.processes or (len(m.processes) < 3 and dice.random() < 0.2):
            m.spawn(cgroup=dice.choice(list(m.cgroups)), oom_score_adj=dice.choice([0, 0, 0, 300, -300, -1000]))
            return
        process = dice.choice(m.processes)
        call = dice.choice(
            [self.mmap, self.touch, self.touch, self.touch, self.touch, self.change, self.fork, self.exit, self.attach]
        )
        with suppress(cowlab.Error):  # what must hold, holds then too
            call(process)

    def mmap(self, process):
        if len(process.mappings) < 4:
            populate = self.dice.random() < 0.2
            process.mmap(self.dice.choice(self.sizes) * PAGE, self.dice.choice(KINDS), populate=populate)

    def touch(self, process):
        mapping, pages = self.somewhere(process)
        if mapping and self.dice.random() < 0.7:
            mapping.write(*pages, value=self.dice.getrandbits(64))
        elif mapping:
            mapping.read(*pages)

    def change(self, process):
        mapping, pages = self.somewhere(process)
        if mapping:
            call = self.dice.choice(["munmap", "dontneed", "protect"])
            getattr(mapping, call)(*([self.dice.choice(["rw", "r"])] if call == "protect" else []), *pages)

    def fork(self, process):
        if len(self.m.processes) < 6:
            process.fork()

    def exit(self, process):
        process.exit()

    def attach(self, process):
        self.m.cgroups[self.dice.choice(list(self.m.cgroups))].attach(process)

    def somewhere(self, process):
        if not process.mappings:
            return None, ()
        mapping = self.dice.choice(list(process.mappings.values()))
        start, stop = sorted(self.dice.randrange(mapping.pages + 1) for _ in range(2))
        return mapping, (start, stop) if start < stop else ()


@quick
@given(seeds)
def test_free_and_used_frames_make_up_ram_and_slots_the_swap_area(seed):
    m = History(seed).m
    info = m.meminfo()
    tables = info["PageTables"] if m.page_tables else 0
    assert info["MemFree"] + info["AnonPages"] + info["Cached"] + tables == info["MemTotal"]
    shared = sum(kib.get("Swap", 0) for p in m.processes for name, kib in p.smaps().items() if p[name].kind == "shared")
    swapped = sum(p.swap for p in m.processes) // 1024 + shared
    used = info["SwapTotal"] - info["SwapFree"]
    assert used <= swapped  # a slot that several name counts once
    assert (used == 0) == (swapped == 0)


@quick
@given(seeds)
def test_the_sum_of_swap_shares_is_what_the_slots_hold(seed):
    m = History(seed).m
    info = m.meminfo()
    if not info["SwapTotal"]:
        return
    shares = sum(smaps["SwapPss"] for p in m.processes for smaps in p.smaps().values())
    objects = {
        id(mapping.backing): mapping
        for p in m.processes
        for mapping in p.mappings.values()
        if mapping.kind == "shared" and mapping.size
    }
    held = sum(len(mapping.backing.swapped_pages()) for mapping in objects.values()) * 4
    areas = sum(len(mapping.areas) for p in m.processes for mapping in p.mappings.values())
    assert info["SwapTotal"] - info["SwapFree"] - held == pytest.approx(shares, abs=areas + 1)  # each is rounded down


@quick
@given(seeds)
def test_after_every_process_has_exited_nothing_private_is_left(seed):
    m = History(seed).m
    for process in m.processes:
        process.exit()
    info = m.meminfo()
    assert info["AnonPages"] == info["Shmem"] == info["PageTables"] == info["Committed_AS"] == 0
    assert info["SwapFree"] == info["SwapTotal"]
    assert info["MemFree"] + info["Cached"] == info["MemTotal"]
    for group in m.cgroups.values():
        assert (group.current, group.swap_current) == (group.stat()["file"], 0)


@quick
@given(seeds)
def test_the_same_history_gives_the_same_run(seed):
    first, second = History(seed).m, History(seed).m
    assert first.state() == second.state()
    assert first.log == second.log
    assert list(map(str, first.oom_reports)) == list(map(str, second.oom_reports))


@quick
@given(seeds)
def test_nobody_is_killed_while_memory_was_left_nor_outside_the_group_at_its_limit(seed):
    with watched_kills() as kills:
        History(seed)
    for report, left, outside in kills:
        assert left == 0, str(report)
        assert not outside, str(report)


@contextmanager
def watched_kills():
    """At each kill: the report, how much reclaim was still allowed to take, and victims outside the group."""
    kills = []
    kill = Killer.kill

    def watched(killer, domain, caller, asked, done):
        left = reclaimable(killer.machine, domain)
        members = set(killer.machine.processes if domain.parent is None else domain.members())
        report = kill(killer, domain, caller, asked, done)
        kills.append((report, left, [task.name for task in report.killed if task.process not in members]))
        return report

    Killer.kill = watched
    try:
        yield kills
    finally:
        Killer.kill = kill


def reclaimable(m, domain):
    """Pages charged to `domain` that Linux's rules let go, counted frame by frame from words and limits alone."""
    words = m.frames.words.get(np.arange(min(m.frames.total, len(m.frames.words) * 512)))
    total = 0
    for group in m.cgroups.values():
        below = list(group.upward())
        if domain not in below or any(each.usage <= (each.limits["min"] or 0) for each in below[: below.index(domain)]):
            continue
        mine = words[[m.cgroups.of(int(word)) is group for word in words]] if len(words) else words
        kinds = mine & fr.KIND
        total += int((kinds == fr.FILE).sum()) + int(((mine & fr.CACHED != 0) & (kinds == fr.ANON)).sum())
        swap = group.swap_room(m.swap.free) if domain.parent is None or m.swappiness else 0
        rest = int(((kinds == fr.ANON) & (mine & fr.CACHED == 0)).sum()) + int((kinds == fr.SHMEM).sum())
        total += min(rest, swap)
    return total
