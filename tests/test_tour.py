"""The tour's figures, read off what it prints, against the arithmetic that the lessons teach."""

import io
import re

from cowlab import tour


def printed() -> str:
    stream = io.StringIO()
    tour.main(stream)
    return stream.getvalue()


def test_the_tour_is_plain_text_when_piped() -> None:
    assert printed().isascii()


def test_blocks_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    stream = Terminal()
    tour.main(stream)
    assert "█" in stream.getvalue()


def test_a_zygote_of_300_mib_and_50_tabs() -> None:
    lines, faults = tour.zygote("#")
    text = "\n".join(lines)
    assert re.search(r"50 tabs forked +14\.9 GiB +300 MiB +30\.3 MiB", text)
    assert re.search(r"50 processes, no fork +14\.6 GiB +14\.6 GiB", text)
    savings = float(re.search(r"use (\S+) times less", text)[1])
    assert savings > 7
    assert faults == 76_800 + 50 * 8_448  # the zygote's pages, and 11% of them, rounded up, in each tab


def test_workers_promise_at_the_fork_and_use_at_the_write() -> None:
    text = "\n".join(tour.explosion("#")[0])
    assert re.search(r"data set loaded +2 GiB +2 GiB", text)
    assert re.search(r"100 workers forked +202 GiB +2 GiB", text)
    assert re.search(r"each wrote every page +202 GiB +202 GiB", text)


def test_on_64_gib_ram_ends_while_a_worker_writes() -> None:
    text = "\n".join(tour.explosion_without_room("#")[0])
    # 64 GiB less 405 MiB of page tables: the data set, 30 workers' copies, and a part of the next
    assert "30 workers wrote all of their data; worker 31" in text
