"""Lesson 4: what is promised, and what is refused."""

from __future__ import annotations

import random

from ...engine import Machine, OutOfMemory
from ...engine.rules.commit import MODES
from .. import Prediction
from .drill import LESSON


def granted_or_refused(rng: random.Random) -> Prediction:
    """A process asks for more memory in one of the three modes: does it get the promise?"""
    ram, mode = rng.choice([8, 16, 32]), rng.choice(list(MODES))
    if mode == "never":
        promised = rng.randrange(1, ram // 2 - 1)
        asked = max(1, ram // 2 - promised + rng.choice([-3, -1, 1, 3]))
    else:  # what is promised already may be anything: here more than there is
        promised, asked = ram + rng.randrange(1, 8), ram * rng.choice([2, 3, 5, 6]) // 4
    granted = _granted(ram, mode, promised, asked)
    rule = {
        "heuristic": "Mode 0 looks at one request alone, and refuses it if it exceeds RAM and swap by itself. What was "
        "promised before does not count.",
        "always": "Mode 1 refuses nothing.",
        "never": f"Mode 2 adds up what is promised. All promises together must stay below CommitLimit, here half of "
        f"RAM ({ram / 2:g} GiB), less a small reserve.",
    }[mode]
    return Prediction(
        f"A machine has {ram} GiB of RAM and no swap; vm.overcommit_memory is {MODES[mode]}, and overcommit_ratio is "
        f"50. {promised} GiB have been promised to other processes, which use nothing of it yet. A process "
        f"asks for {asked} GiB at once. What happens?",
        {
            "it is granted": f"Yes. {rule}" if granted else f"No, though nothing is in use yet. {rule}",
            "it is refused": f"No, though more is promised than there may be. {rule}" if granted else f"Yes. {rule}",
        },
        answer=lambda: "it is granted" if _granted(ram, mode, promised, asked) else "it is refused",
        lesson=LESSON,
    )


def _granted(ram: int, mode: str, promised: int, asked: int) -> bool:
    """Does a process get `asked` GiB, when others have `promised`? They got it in requests of 1 GiB."""
    machine = Machine(ram=f"{ram} GiB", overcommit=mode)
    for _ in range(promised):
        machine.spawn().mmap("1 GiB")
    try:
        machine.spawn().mmap(f"{asked} GiB")
    except OutOfMemory:
        return False
    return True
