"""What the lesson "What a zygote saves" claims, in figures."""

from __future__ import annotations

from ...engine import Machine
from ...units import format_size
from ..questions.zygote_savings import (
    WRITTEN_PERCENT,
    from_scratch,
    from_zygote,
    saved,
    start_times,
    tabs_from_scratch_until_a_kill,
    tabs_until_a_kill,
)
from .definition import Claim

SIZE, TABS = "300 MiB", 50
CHROMIUM = 'Chromium, "Zygote Process", docs/linux/zygote.md, 2017: the time of a relocation; the rest is the model'
CHROMIUM_SAVES = 8 * 10**6
"""Bytes a process, up to, that Chromium's zygote saves: the same page."""


def _data(machine: Machine) -> float:
    """GiB, without page tables."""
    meminfo = machine.meminfo()
    return (meminfo["AnonPages"] + meminfo["Cached"]) / 2**20


def _scratch(size: str = SIZE, code_percent: int = 0) -> Machine:
    return from_scratch(size, TABS, code_percent)


def _zygote(size: str = SIZE, code_percent: int = 0, written_percent: int = WRITTEN_PERCENT) -> Machine:
    return from_zygote(size, TABS, written_percent, code_percent)


def _less(size: str = SIZE, code_percent: int = 0) -> float:
    """How many times less is in use with a zygote."""
    return _scratch(size, code_percent).in_use / _zygote(size, code_percent).in_use


def _start(part: int, code_percent: int) -> float:
    """Milliseconds, from scratch (0) or from the zygote (1)."""
    return start_times(WRITTEN_PERCENT, code_percent)[part]


def _about() -> str:
    """Both, with one digit that counts, where a fifth is code."""
    scratch, zygote = (float(f"{time:.1g}") for time in start_times(WRITTEN_PERCENT, 20))
    return f"{scratch:.0f} to {zygote:.0f}"


def _popular_saving() -> float:
    """Bytes a tab that the popular example saves."""
    return (_scratch().in_use - _zygote().in_use) / TABS


CLAIMS = [
    Claim(
        "fit_from_scratch",
        "Of tabs of 300 MiB from scratch, {} into 4 GiB.",
        tabs_from_scratch_until_a_kill,
        "{} tabs fit",
    ),
    Claim("fit_from_zygote", "From a zygote, {} into 4 GiB.", tabs_until_a_kill, "{} tabs fit"),
    Claim(
        "zygote_scratch", "50 tabs of 300 MiB from scratch have {} of data.", lambda: _data(_scratch()), "{:.1f} GiB"
    ),
    Claim(
        "zygote_forked", "Right after the forks there are {}.", lambda: _data(_zygote(written_percent=0)), "{:.1f} GiB"
    ),
    Claim("zygote_written", "After the writes {} are in use.", lambda: format_size(_zygote().in_use)),
    Claim("zygote_less", "That is {} times less than from scratch.", _less, "{:.1f}"),
    Claim("zygote_saved", "A zygote saves {} of the memory.", lambda: saved(_scratch(), _zygote()), "{:.0%}"),
    Claim(
        "zygote_less_2_gib",
        "With tabs of 2 GiB it is {} times less.",
        lambda: _less("2 GiB"),
        "{:.1f}",
        beside="13.2 GiB {}",
    ),
    Claim(
        "zygote_melted",
        "Tabs that write everything save {}.",
        lambda: saved(_scratch(), _zygote(written_percent=100)),
        "{:.0%}",
    ),
    Claim("zygote_honest", "With 40% code {} are in use.", lambda: format_size(_zygote(code_percent=40).in_use)),
    Claim("zygote_honest_scratch", "From scratch it is {}.", lambda: format_size(_scratch(code_percent=40).in_use)),
    Claim("zygote_honest_less", "That is {} times less.", lambda: _less(code_percent=40), "{:.1f}"),
    Claim(
        "chromium_saves",
        "By its own page Chromium saves up to {} a process.",
        lambda: format_size(CHROMIUM_SAVES),
        source=CHROMIUM,
    ),
    Claim(
        "chromium_differs",
        "The popular example saves {} as much a tab.",
        lambda: _popular_saving() / CHROMIUM_SAVES,
        "{:.0f} times",
        CHROMIUM,
    ),
    Claim("start_scratch", "A start from scratch takes {}.", lambda: _start(0, 0), "{:.0f} ms", CHROMIUM),
    Claim("start_zygote", "One from the zygote takes {}.", lambda: _start(1, 0), "{:.0f} ms", CHROMIUM),
    Claim("start_scratch_code", "With 40% code it takes {}.", lambda: _start(0, 40), "{:.0f} ms", CHROMIUM),
    Claim("start_zygote_code", "And from the zygote {}.", lambda: _start(1, 40), "{:.0f} ms", CHROMIUM),
    Claim(
        "start_about",
        "With a fifth of it code that is about {} ms, to one digit.",
        _about,
        "{}",
        CHROMIUM,
        "20% 166 ms 22 ms {}",
    ),
]
