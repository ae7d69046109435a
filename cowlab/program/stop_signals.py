"""What tells the course to end; the same before the server runs and while it does."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """The ways to say "end": Ctrl-C, `kill`, and closing the terminal unless that is ignored (`nohup`)."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals
