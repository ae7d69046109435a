"""What each event costs in time: integer nanoseconds.

A figure is measured, or taken from a data sheet or manual, and says below which. The measured ones come from a virtual
machine with two processors (AMD EPYC, Linux 6.18, transparent huge pages off); at other times the same machine took up
to twice as long for a fault and four times for a fork. `cowlab.calibrate` measures them on the machine at hand.

>>> import cowlab
>>> machine = cowlab.Machine(costs=cowlab.Costs.on("network"))
>>> machine.costs.swap_in // 1000                   # microseconds that a page takes from a network disk
1000
>>> faults = machine.spawn().mmap("4 MiB").write()  # 1,024 pages, each zeroed
>>> round(machine.clock * 1e6) == round(1024 * machine.costs.zero / 1e3)
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from ...arguments import is_whole

EVENTS: dict[str, str] = {
    "fork": "fork of a process that has nothing to copy",
    "fork_table": "more for each page table that fork copies or makes",
    "fault": "minor fault that only maps a page",
    "zero": "minor fault that fills a new page with zeroes",
    "copy": "minor fault that copies a page (copy-on-write)",
    "reuse": "minor fault that finds itself the last owner of a page",
    "swap_in": "read of one page from the swap device",
    "swap_out": "write of one page to the swap device",
    "file_read": "read of one page of a file",
    "file_write": "write-back of one page of a file",
    "exec": "start and end of a program that does nothing",
    "load_page": "more for each page of a program read in from its file",
    "relocate": "more for each page of a program that is relocated",
}
"""Each figure of `Costs` in words."""

DEVICES: dict[str, dict[str, int]] = {
    # Reading: a random read of 4 KiB takes 85 to 115 µs on an Intel SSD DC P4500 (Lenovo's product guide of it) and
    # 92 to 150 µs on a Micron 9200 (its data sheet). Writing: nobody waits for one page, the kernel starts a write and
    # goes on (mm/vmscan.c, pageout; mm/page-writeback.c); what a page takes is its share of the sequential write rate,
    # 1.05 GB/s for the 2 TB P4500. A program is read sequentially, at 3.2 GB/s (same guide): 1.28 µs a page, and one
    # fault maps 16 pages (mm/memory.c, fault_around_bytes).
    "ssd": {"swap_in": 100_000, "swap_out": 3_900, "file_read": 100_000, "file_write": 3_900, "load_page": 1_320},
    # Reading: "single-digit milliseconds" (Amazon EBS user guide, gp3 volumes; Google Compute Engine, SSD persistent
    # disks): the low end. Writing and sequential reading: 125 MiB/s, what a gp3 volume gives unless more is paid for.
    "network": {
        "swap_in": 1_000_000,
        "swap_out": 31_250,
        "file_read": 1_000_000,
        "file_write": 31_250,
        "load_page": 31_290,
    },
}
"""What depends on the device, by its name: an NVMe SSD in the machine, or a volume of a cloud reached by network."""


@dataclass(frozen=True)
class Costs:
    """Nanoseconds that each event takes. `EVENTS` has them in words; a figure of 0 makes an event free."""

    fork: int = 47_000  # measured: a tiny process
    fork_table: int = 512 * 43  # measured: 11.4 ms/GiB, 43 ns for each of a table's 512 entries
    fault: int = 700  # measured: reading a page never written takes 0.4 of a zero fill (the shared zero page)
    zero: int = 1_700  # measured
    copy: int = 2_800  # measured: 2.6 to 3.0 µs
    reuse: int = 900  # measured: 0.8 to 1.0 µs
    swap_in: int = DEVICES["ssd"]["swap_in"]
    swap_out: int = DEVICES["ssd"]["swap_out"]
    file_read: int = DEVICES["ssd"]["file_read"]
    file_write: int = DEVICES["ssd"]["file_write"]
    exec: int = 600_000  # measured: posix_spawn of /bin/true until it has ended, 0.6 to 1.2 ms
    load_page: int = DEVICES["ssd"]["load_page"]
    # Chromium, docs/linux/zygote.md: relocating takes about 60 ms at 1 GHz and dirties 6 MB, which are 1,536 pages.
    # At 3 GHz that is 20 ms; the pages' copy faults are in it.
    relocate: int = 60_000_000 // 3 // 1_536

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not is_whole(value, 0):
                raise ValueError(f"{field.name}={value!r} is not a cost: give whole nanoseconds, 0 or more")

    @classmethod
    def on(cls, device: str) -> Self:
        """The costs with a swap device and files on `device`: "ssd" (as `Costs()`) or "network"."""
        if device not in DEVICES:
            raise ValueError(f"no device {device!r}: the devices are {', '.join(DEVICES)}")
        return cls(**DEVICES[device])

    def of_faults(
        self, minor: int, major_swap: int = 0, major_file: int = 0, zeroed: int = 0, copied: int = 0, reused: int = 0
    ) -> int:
        """Nanoseconds of page faults, given as counts.

        `minor`, `major_swap` and `major_file` count the faults; `zeroed`, `copied` and `reused` say what some of them
        did besides, minor or major alike. Such a fault costs its own figure, every other one `fault`; a major one costs
        the read of a page more.
        """
        work = zeroed * self.zero + copied * self.copy + reused * self.reuse
        reads = major_swap * self.swap_in + major_file * self.file_read
        # A page can be copied or zeroed without a fault (fork without copy-on-write): that is no fault less elsewhere.
        mapped_only = max(0, minor + major_swap + major_file - zeroed - copied - reused)
        return work + reads + mapped_only * self.fault

    def of_fork(self, tables: int, copied: int = 0) -> int:
        """Nanoseconds of a fork that copies or makes `tables` page tables (kernel/fork.c, dup_mmap).

        Without copy-on-write it also copies `copied` pages: each takes what a copying fault does, less the fault.
        """
        return self.fork + tables * self.fork_table + copied * max(0, self.copy - self.fault)

    def of_start(self, loaded_pages: int, relocated_pages: int) -> int:
        """Nanoseconds to start a program anew: read in so many pages of it, and relocate so many."""
        return self.exec + loaded_pages * self.load_page + relocated_pages * self.relocate

    def to_dict(self) -> dict[str, int]:
        """The figures by name, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, figures: Mapping[str, int]) -> Self:
        """Costs with these figures, as `to_dict` gives them; what is left out keeps its default."""
        for name in figures:
            if name not in EVENTS:
                raise ValueError(f"{name!r} is not a cost: the costs are {', '.join(EVENTS)}")
        return cls(**figures)
