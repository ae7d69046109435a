#!/usr/bin/env python3
"""Runs the README's first command until the course answers at the address it prints, then ends it."""

import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TO_INSTALL, TO_START, TO_END = 900, 60, 20  # seconds


def read_address(process: subprocess.Popen) -> str:
    """Pass the command's output on until it shows the address."""
    deadline = time.monotonic() + TO_INSTALL
    seen = ""
    while select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        if not (part := os.read(process.stdout.fileno(), 4096).decode(errors="replace")):
            sys.exit(f"start_check: the command ended with status {process.wait()} and printed no address")
        print(part, end="", flush=True)
        seen += part
        if found := re.search(r"(http://127\.0\.0\.1:\S+)\n", seen):
            return found[1]
    sys.exit(f"start_check: no address after {TO_INSTALL} s")


def fetch(address: str) -> str:
    """The page at the address, as soon as there is one."""
    deadline = time.monotonic() + TO_START
    while True:
        try:
            with urllib.request.urlopen(address, timeout=TO_START) as page:
                return page.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
        select.select([], [], [], 0.1)


def main() -> None:
    """Start, look, end."""
    command = subprocess.check_output([sys.executable, HERE / "readme_command.py", "1"], text=True)
    print(command, end="", flush=True)
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        page = fetch(read_address(process))
        os.killpg(process.pid, signal.SIGTERM)
        # The output ends when every process of the command has.
        rest = process.communicate(timeout=TO_END)[0].decode(errors="replace")
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    print(rest, end="")
    if "jupyter-config-data" not in page or "Traceback" in rest:
        sys.exit("start_check: the address did not show JupyterLab")
    print("start_check: the course answered at the printed address and ended when told to")


if __name__ == "__main__":
    main()
