"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
RECORDED = ROOT / "tests" / "kernel"
"""What a real kernel answered."""
