"""A trace as a program that a person could have written: with cowlab's own calls, or in C for a real Linux.

from cowlab import listing, scenarios
print(listing.as_python(scenarios.fork_sharing()))
print(listing.as_c(scenarios.fork_sharing()))

They take any trace that `cowlab.replay` takes.
"""

from .c import as_c
from .python import as_python

__all__ = ["as_c", "as_python"]
