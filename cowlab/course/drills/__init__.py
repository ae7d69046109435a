"""Questions for endless practice: their numbers are drawn, and the engine works out the answers.

A drill is a function of a random generator that makes a question; `BY_LESSON` says to which lesson each belongs.
"""

from __future__ import annotations

from .drill import EXACT, Drill
from .explosions import gib_after_writes
from .groups import charged_to, dies_of_a_leak
from .killer import victim
from .nodes import children_until_the_alert, pods_admitted
from .production import copied_during_a_snapshot, data_of_workers
from .promises import granted_or_refused
from .writes import copied_page, faults_of_an_order
from .zygotes import saved_beside_code, saved_by_a_zygote

BY_LESSON: dict[str, list[Drill]] = {
    "02": [faults_of_an_order, copied_page],
    "03": [saved_by_a_zygote, saved_beside_code],
    "04": [granted_or_refused],
    "05": [gib_after_writes],
    "06": [victim],
    "07": [dies_of_a_leak, charged_to],
    "08": [pods_admitted, children_until_the_alert],
    "09": [copied_during_a_snapshot, data_of_workers],
}
"""{number of a lesson: its drills}."""

__all__ = ["BY_LESSON", "EXACT", "Drill", *(drill.__name__ for drills in BY_LESSON.values() for drill in drills)]
