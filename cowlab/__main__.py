"""`python -m cowlab` is the `cowlab` command."""

import sys

from .program.cli import main

if __name__ == "__main__":
    sys.exit(main())
