"""What a lesson asks: predictions to commit to before the experiment, and questions whose answers explain.

    Prediction(
        "How much is in use after the fork?",
        {"twice as much": "Only if fork copied.", "as much as before": "Fork shares the pages."},
        answer=lambda: "twice as much" if run_the_engine() > 1.5 else "as much as before",
    )

The engine says which answer is right: it runs when the reader commits, and not before. Nothing is revealed until then,
and a lesson goes on without a commitment. Without a front end a question is its text.

`Estimate` asks for a number, `pages.PagePrediction` for a page of a map; a `Question` may be answered again.
`Drawn(make)` asks again with other numbers. What a reader answers is kept in their own file: see `progress.py`.
"""

from .ask import Ask, Outcome
from .choices import Prediction, Question, Quiz
from .drawn import Drawn
from .estimate import Estimate

__all__ = [
    "Ask",
    "Drawn",
    "Estimate",
    "Outcome",
    "Prediction",
    "Question",
    "Quiz",
]
