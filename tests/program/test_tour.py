"""The tour's figures, read off what it prints, against the arithmetic that the lessons teach."""

import io
import re

from cowlab.program import tour
from helpers.terminal import Terminal


def printed() -> str:
    stream = io.StringIO()
    tour.main(stream)
    return stream.getvalue()


def found(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of a pattern that the text must have."""
    match = re.search(pattern, text)
    assert match, f"{pattern!r} is not in:\n{text}"
    return match.groups()


def test_the_tour_is_plain_text_when_piped_and_fits_a_terminal() -> None:
    text = printed()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    assert text.rstrip().splitlines()[-1].startswith("72,7")  # million page faults


def test_blocks_on_a_terminal() -> None:
    stream = Terminal()
    tour.main(stream)
    assert "█" in stream.getvalue()


def test_a_zygote_of_300_mib_and_50_tabs() -> None:
    lines, faults = tour.zygote("#")
    text = "\n".join(lines)
    found(r"50 tabs forked +14\.9 GiB +300 MiB +30\.3 MiB", text)
    found(r"50 processes, no fork +14\.6 GiB +14\.6 GiB", text)
    (savings,) = found(r"use (\S+) times less", text)
    assert float(savings) > 7
    assert faults == 76_800 + 50 * 8_448  # the zygote's pages, and 11% of them, rounded up, in each tab


def test_code_is_shared_without_a_zygote_too_so_the_honest_saving_is_smaller() -> None:
    text = "\n".join(tour.zygote("#")[0])
    (popular,) = found(r"use (\S+) times less", text)
    with_zygote, alone, honest = found(r"share that too: (\S+) GiB instead of (\S+) GiB, (\S+) times less", text)
    # 120 MiB once; 180 MiB and 11% of it for each of 50 tabs, or 180 MiB for each of 50 processes; and page tables
    assert 120 + 180 + 50 * 19.8 < float(with_zygote) * 1024 < 120 + 180 + 50 * 19.8 + 50
    assert 120 + 50 * 180 < float(alone) * 1024 < 120 + 50 * 180 + 50
    assert float(honest) < float(popular)


def test_a_start_from_the_zygote_takes_a_fraction_of_one_from_scratch() -> None:
    text = "\n".join(tour.zygote("#")[0])
    scratch, *sizes = found(r"scratch takes (\d+) ms: (.+) are loaded, (.+) relocated, (.+) written", text)
    zygote, copied = found(r"from the zygote takes (\d+) ms: page tables are copied, and (.+) of pages", text)
    assert [*sizes, copied] == ["120 MiB", "6 MiB", "300 MiB", "33 MiB"]
    assert 5 * int(zygote) < int(scratch)


def test_the_leaking_pod_dies_alone() -> None:
    lines, faults = tour.leaking_pod("#")
    text = "\n".join(lines)
    assert faults > 2_000_000  # 8 GiB of them
    found(r"/system +1\.00 GiB +1\.00 GiB +none +none +####\n", text)  # half of what is reserved
    found(r"/pods/steady 1 +301 MiB +301 MiB +8 GiB +none", text)
    found(r"/pods/leaky +0 B +8 GiB +8 GiB +max 1, oom 1, oom_kill 1", text)
    found(r"leaky died, .* when group /pods/leaky was at its limit of 8 GiB", text)
    found(r"Alive are system, steady 1, steady 2: the node never had more than 9\.59 GiB of 10 GiB", text)


def test_workers_promise_at_the_fork_and_use_at_the_write() -> None:
    text = "\n".join(tour.explosion("#")[0])
    found(r"data set loaded +2 GiB +2 GiB", text)
    found(r"100 workers forked +202 GiB +2 GiB", text)
    found(r"each wrote every page +202 GiB +202 GiB", text)


def test_on_64_gib_the_youngest_die_first_though_they_have_written_nothing() -> None:
    text = "\n".join(tour.explosion_without_room("#")[0])
    # 64 GiB less 405 MiB of page tables: the data set, 30 workers' copies, and a part of the next
    found(r"30 workers wrote all of their data", text)
    # of each: 2 GiB resident; 1,024 leaf tables, and 3 above them for the GiBs that it touches
    found(r"worker 100 +2 GiB +4\.01 MiB +525,315 pages <- killed first", text)
    found(r"101 of 101 were equal", text)
    found(r"freed 4\.01 MiB, .* 70 workers died for one write", text)
    found(r"after the kills +62 GiB +62 GiB", text)  # the loader and 30 workers
