"""What a drill is, and how the words for a number that was guessed are found."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from .. import Ask

LESSON = "drills"  # what is answered here is kept under this name, whichever lesson asks
Drill = Callable[[random.Random], Ask]
EXACT = 0.001  # a part of the answer, for counts


def explained(guess: float, right: float, rule: str, known: Iterable[tuple[float, str]], within: float = EXACT) -> str:
    """Why `guess` is right or not: `rule` says what is right, `known` has (number, what is wrong with exactly it)."""
    if math.isclose(guess, right, rel_tol=within):
        return f"Yes. {rule}"
    wrong = [why for number, why in known if math.isclose(guess, number, rel_tol=within, abs_tol=within)]
    return " ".join([*wrong[:1], rule])
