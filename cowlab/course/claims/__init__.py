"""What the lessons claim, in figures: each is an expression over a run of the model, with its rounding and its source.

A lesson shows what its code computes; a test fails where a lesson shows another figure than the claim gives.

>>> from cowlab.course import claims
>>> claims.text("explosion_after")
'202 GiB'
"""

from __future__ import annotations

from .definition import Claim, claims_of, find, lessons, text

__all__ = ["Claim", "claims_of", "find", "lessons", "text"]
