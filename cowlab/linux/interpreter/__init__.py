"""Real processes that run a trace for `cowlab.linux`.

    cowlab.linux ── pipes ──► conductor ── socket ──► process A ── fork ──► process B
    (notebook)                    └─ reads /proc/PID/smaps and pagemap of A and B after every operation

`conductor.py`, `process.py` and `observe.py` run in a fresh interpreter, so that the notebook itself is never forked;
they need the standard library and numpy, and nothing else of cowlab.
"""
