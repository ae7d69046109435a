"""One rule in two grains, in batches and page by page, and the independent reference.

The same random calls go to a machine that treats pages in batches, to one whose page rules are replaced by
wrappers of themselves (so that it runs page by page), and to reference.py. Results, errors and all that
can be seen of the three stay equal, also where memory runs out in the middle of a call.
"""

import errno
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from reference import Model, OutOfFrames, Refused

import cowlab
from cowlab.engine.reports.procfs import FIELDS
from cowlab.engine.rules import faults

PAGE = 4096
RULES = ("on_read", "on_write", "on_fork", "on_unmap", "on_protect")


def wrapped(name):
    """A rule that does what the original does: a machine with it runs page by page."""
    return lambda *pages: getattr(faults, name)(*pages)


def page_by_page(*replaced, **arguments):
    """A machine that treats every page by itself, for these rules (or all)."""
    return cowlab.Machine(**arguments, **{name: wrapped(name) for name in replaced or RULES})


seeds = st.integers(0, 2**64 - 1)
SMALL = [1, 15, 16, 33, 48, 100]
LARGE = [33, 512, 513, 600, 1030, 1536]
EDGES = [0, 1, 15, 16, 17, 33, 511, 512, 513, 600, 1023, 1024, 1025, 1536]
KINDS = ["private", "private", "private", "noreserve", "shared", "shared", "file-private", "file-shared"]
PRIVATE_AND_SHARED = ["private", "private", "noreserve", "shared"]
PROTS = {"rw": 5, "r": 2, "": 1}
CALLS = {"write": 14, "read": 5, "fork": 3, "exit": 3, "mmap": 2, "munmap": 1, "dontneed": 2, "protect": 4}


def draw(dice, weights):
    return draw_many(dice, weights, 1)[0]


def draw_many(dice, weights, count):
    return dice.choices(list(weights), list(weights.values()), k=count)


def some_pages(dice, length):
    """Some pages of a mapping of this length: None for all, a range, or a list."""
    how = dice.random()
    if how < 0.15:
        return None
    if how < 0.75:
        start, stop = sorted(dice.choice([*EDGES, dice.randrange(length + 1)]) % (length + 1) for _ in range(2))
        return (start, stop) if start < stop else (start % length, start % length + 1)
    if how < 0.85:
        return list(range(dice.randrange(length), length, dice.choice(EDGES[1:])))
    return dice.choices(range(length), k=dice.randint(1, 30))


class Three:
    """A machine that treats pages in batches, one that runs page by page, and the reference."""

    def __init__(
        self,
        frames=3_000,
        page_tables=True,
        swap=0,
        copy_on_write=True,
        replaced=RULES,
        reference=True,
        overcommit=0,
    ):
        arguments = {
            "ram": frames * PAGE,
            "swap": swap * PAGE,
            "page_tables": page_tables,
            "check": True,
            "copy_on_write": copy_on_write,
            "overcommit": overcommit,
        }
        self.fast = cowlab.Machine(**arguments)
        self.slow = page_by_page(*replaced, **arguments)
        promised = 10**6 if overcommit else swap  # the reference knows mode 0 alone
        self.model = Model(frames, page_tables, promised) if copy_on_write and reference else None
        for m in (self.fast, self.slow, self.model or self.fast):
            if "cold" not in m.files:
                m.file("cold", cached=False)

    def call(self, *call):
        """The same call in all three places: what it returns, and what can be seen afterwards."""
        result = outcome(on_machine, self.fast, *call)
        assert outcome(on_machine, self.slow, *call) == result
        seen = look(self.fast)
        assert look(self.slow) == seen
        assert [p.smaps() for p in self.slow.processes] == [p.smaps() for p in self.fast.processes]
        assert self.slow.pressure() == self.fast.pressure()
        assert list(map(str, self.slow.oom_reports)) == list(map(str, self.fast.oom_reports))
        for report in ("vmstat", "meminfo", "state"):
            assert getattr(self.slow, report)() == getattr(self.fast, report)()
        assert self.slow.log == self.fast.log
        if self.model:
            assert result == outcome(on_model, self.model, *call)
            assert look_at_model(self.model) == seen


class Twins(RuleBasedStateMachine):
    """Plenty of memory."""

    frames = 3_000, 3_000
    sizes = SMALL
    swap = 0, 4096
    all_kinds = KINDS
    files = "cached", "cached", "cold"
    copy_on_write = reference = True
    adj = (-1000,)  # nobody may be killed: the reference has no killer

    def __init__(self):
        super().__init__()
        self.steps = 0

    @initialize(seed=seeds)
    def build(self, seed):
        dice = self.dice(seed)
        self.three = Three(
            frames=dice.randint(*self.frames),
            page_tables=dice.random() < 0.5,
            swap=dice.choice(self.swap),
            reference=self.reference,
            copy_on_write=self.copy_on_write,
            replaced=dice.choice([RULES, dice.sample(RULES, dice.randint(1, 5))]),
        )
        self.kinds = dice.sample(self.all_kinds, dice.randint(1, 4))  # fewer kinds in a play: more of each happens
        self.prots = dice.choice([["rw"], draw_many(dice, PROTS, 3)])
        self.groups(dice)
        self.spawn(dice)

    def groups(self, dice):
        """Groups to make before the first process."""

    def spawn(self, dice):
        name = self.name("p")
        self.everywhere("spawn", name, dice.choice(self.adj))
        self.mmap(dice, name)

    @rule(seed=seeds)
    def step(self, seed):
        """One random call."""
        dice = self.dice(seed)
        if not self.three.fast.processes:
            self.spawn(dice)
            return
        verb = draw(dice, CALLS)
        process = dice.choice(self.three.fast.processes)
        living = len(self.three.fast.processes)
        mappings = list(process.mappings.values())
        if verb == "mmap" and len(mappings) < 4:
            self.mmap(dice, process.name)
        elif living == 1 or (verb == "fork" and living < 5):
            self.everywhere("fork", process.name, self.name("p"))
        elif verb == "exit":
            self.everywhere("exit", process.name)
        elif mappings and verb not in ("mmap", "fork"):
            mapping = dice.choice(mappings)
            extra = {"write": [dice.choice([None, dice.getrandbits(64)])], "protect": [draw(dice, PROTS)]}
            pages = some_pages(dice, mapping.pages)
            if isinstance(pages, list) and verb == "protect":
                pages = pages[0], pages[0] + 1
            self.everywhere(verb, process.name, mapping.name, pages, *extra.get(verb, []))

    def mmap(self, dice, pid):
        size, kind, prot = dice.choice(self.sizes), dice.choice(self.kinds), dice.choice(self.prots)
        populate, file = dice.random() < 0.2, dice.choice(self.files)
        self.everywhere("mmap", pid, self.name("r"), size, kind, prot, populate, file)

    def dice(self, seed):
        """Dice of this step alone; hypothesis likes to repeat its seeds."""
        self.steps += 1
        return Random(f"{seed} {self.steps}")

    def name(self, letter):
        return f"{letter}{self.steps}"

    def everywhere(self, *call):
        note(call)
        self.three.call(*call)


def mapped(region):
    """The pages of a region of the reference that are still mapped."""
    return [page for piece in region.pieces for page in range(piece.start, piece.stop)]


# ---- one call on a machine, and on the reference


def outcome(call, *arguments):
    """What a call returns, or the name of the errno that it fails with."""
    try:
        return call(*arguments)
    except cowlab.Deadlock:
        return "ENOMEM"  # as the reference says it
    except cowlab.ProcessKilled:
        return "killed"
    except cowlab.Error as error:
        return errno.errorcode[error.errno]
    except OutOfFrames:
        return "ENOMEM"
    except Refused as refusal:
        return str(refusal)


def on_machine(m, verb, pid, *arguments):
    process = next((process for process in m.processes if process.name == pid), None)
    if verb == "spawn":
        m.spawn(pid, oom_score_adj=arguments[0] if arguments else -1000)
    elif verb == "group":
        m.cgroup(pid, **arguments[0])
    elif verb == "attach":
        m.cgroups[arguments[0]].attach(process)
    elif verb == "fork":
        process.fork(*arguments)
    elif verb == "exit":
        process.exit()
    elif verb == "mmap":
        name, pages, kind, prot, populate, file = arguments
        file = file if kind.startswith("file") else None
        process.mmap(pages * PAGE, kind=kind, name=name, prot=prot, populate=populate, file=file)
    else:
        return on_mapping(process[arguments[0]], verb, *arguments[1:])
    return None


def on_mapping(mapping, verb, pages, *rest):
    where = {"pages": pages} if isinstance(pages, list) else dict(zip(("start", "stop"), pages or (), strict=False))
    extra = {"write": "value", "protect": "prot"}.get(verb)
    return getattr(mapping, verb)(**where, **({extra: rest[0]} if extra else {}))


def on_model(model, verb, pid, *arguments):
    if verb == "spawn":
        model.spawn(pid)
        return None
    if verb in ("fork", "exit", "mmap"):
        getattr(model, verb)(pid, *arguments)
        return None
    name, pages, *rest = arguments
    region = model.processes[pid].regions[name]
    if verb in ("read", "write"):
        before = model.done.copy()
        where = mapped(region) if pages is None else pages if isinstance(pages, list) else range(*pages)
        getattr(model, verb)(pid, name, where, *rest)
        done = model.done - before
        return done["minor"], done["major"], done["zeroed"], done["copied"], done["reused"]
    call = getattr(model, verb)
    if isinstance(pages, list):
        return on_stretches(lambda *stretch: call(pid, name, *stretch), pages)
    whole = {"over_holes": True} if pages is None and verb != "munmap" else {}
    return call(pid, name, *(pages or (0, region.pages)), *rest, **whole)


def on_stretches(call, pages):
    """A call on a list of pages: on each stretch of pages that follow each other. A hole shows at the end."""
    hole = None
    while pages:
        length = next((n for n in range(1, len(pages)) if pages[n] != pages[0] + n), len(pages))
        try:
            call(pages[0], pages[0] + length)
        except Refused as refusal:
            hole = refusal
        pages = pages[length:]
    if hole:
        raise hole


# ---- what is compared


def look(m):
    """What can be seen of a machine and of the reference alike."""
    info = m.meminfo()
    return {
        "smaps": {
            p.name: {name: {field: kib[field] for field in FIELDS} for name, kib in p.smaps().items()}
            for p in m.processes
        },
        "counters": {p.name: (p.minor_faults, p.major_faults, p.copies, p.reuses) for p in m.processes},
        "page tables": {p.name: p.page_tables // PAGE for p in m.processes},
        "contents": {
            (p.name, name): (mapping.values().tolist(), mapping.mapcounts().tolist())
            for p in m.processes
            for name, mapping in p.mappings.items()
        },
        "committed": info["Committed_AS"] // 4,
        "free": info["MemFree"] // 4,
        "done": [sum(e.count for e in m.log if e.kind == kind) for kind in ("zero_fill", "copy", "reuse")],
    }


def look_at_model(model):
    counters = ("minor", "major", "copied", "reused")
    return {
        "smaps": model.smaps(),
        "counters": {pid: tuple(p.done[kind] for kind in counters) for pid, p in model.processes.items()},
        "page tables": {pid: len(process.tables) for pid, process in model.processes.items()},
        "contents": {
            (pid, name): (
                model.values(pid, name, mapped(region)),
                model.mapcounts(pid, name, range(region.pages)),
            )
            for pid, process in model.processes.items()
            for name, region in process.regions.items()
        },
        "committed": model.committed,
        "free": model.frames - model.used,
        "done": [model.done[kind] for kind in ("zeroed", "copied", "reused")],
    }


# ---- the plays


class LargeTwins(Twins):
    """Regions of whole chunks of 512 pages, which a batch treats at once."""

    frames = 20_000, 20_000
    sizes = LARGE


class ScarceTwins(Twins):
    """Memory that runs out in the middle of calls."""

    frames = 20, 200
    swap = (0,)
    all_kinds = PRIVATE_AND_SHARED  # pages of files could be reclaimed, which the reference does not know


class ScarceLargeTwins(ScarceTwins):
    frames = 100, 2_500
    sizes = LARGE


class PressureTwins(Twins):
    """Reclaim, swap, groups with limits, and the OOM killer, without the reference."""

    frames = 60, 300
    swap = 0, 40, 300, 3000
    reference = False
    adj = -1000, -200, 0, 0, 300

    def groups(self, dice):
        limits = {
            "max": [None, 40, 150],
            "high": [None, None, 60],
            "low": [None, 20],
            "min": [None, None, 10],
            "swap_max": [None, 0, 30],
        }
        for path in ("/a", "/a/b", "/c")[: dice.randint(0, 3)]:
            chosen = {name: dice.choice(pages) for name, pages in limits.items()}
            sizes = {name: None if n is None else n * PAGE * self.scale for name, n in chosen.items()}
            self.everywhere("group", path, {**sizes, "oom_group": dice.random() < 0.3})

    scale = 1

    @rule(seed=seeds)
    def attach(self, seed):
        dice = self.dice(seed)
        if self.three.fast.processes:
            process, group = dice.choice(self.three.fast.processes), dice.choice(list(self.three.fast.cgroups))
            self.everywhere("attach", process.name, group)


class LargePressureTwins(PressureTwins):
    frames = 1_500, 6_000
    swap = 0, 1000, 6_000
    sizes = LARGE
    scale = 20


class EagerTwins(Twins):
    """Machines that copy at fork. The reference does not know that."""

    frames = 2_000, 12_000
    sizes = LARGE
    copy_on_write = False


# A failure prints its calls and is not shrunk: that takes minutes, and the calls can be cut by hand.
def play(plays, steps):
    return settings(
        deadline=None,
        max_examples=plays,
        stateful_step_count=steps,
        phases=[Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


TestTwins = Twins.TestCase
TestLargeTwins = LargeTwins.TestCase
TestScarceTwins = ScarceTwins.TestCase
TestScarceLargeTwins = ScarceLargeTwins.TestCase
TestPressureTwins = PressureTwins.TestCase
TestLargePressureTwins = LargePressureTwins.TestCase
TestEagerTwins = EagerTwins.TestCase
TestTwins.settings = TestScarceTwins.settings = TestPressureTwins.settings = play(25, 40)
TestLargeTwins.settings = TestScarceLargeTwins.settings = TestEagerTwins.settings = play(10, 40)
TestLargePressureTwins.settings = play(10, 40)


# ---- cases that random calls seldom meet


CASES = {
    "a shared page read in a read-only area may be written once that is writable": [
        ("mmap", "p", "r", 1100, "shared", "r", False, None),
        ("read", "p", "r", None),
        ("protect", "p", "r", (5, 700), "rw"),
        ("write", "p", "r", (5, 700), 1),
    ],
    "the order of scattered reads decides how many faults a window takes": [
        ("mmap", "p", "r", 48, "shared", "rw", False, None),
        ("write", "p", "r", [6, 22, 38], 1),
        ("fork", "p", "child"),
        ("read", "child", "r", [5, 6, 22, 21]),
        ("read", "child", "r", [38, 37, 36]),
    ],
    "of two neighbours the right one gives its family": [
        ("mmap", "p", "r", 5, "private", "rw", False, None),
        ("protect", "p", "r", (1, 2), "r"),
        ("write", "p", "r", (0, 1), 1),
        ("write", "p", "r", (2, 5), 1),
        ("protect", "p", "r", (0, 1), "r"),
        ("protect", "p", "r", (2, 5), "r"),
        ("protect", "p", "r", (1, 2), "rw"),
        ("write", "p", "r", (1, 2), 1),
        ("protect", "p", "r", (0, 1), "rw"),
        ("protect", "p", "r", (2, 5), "rw"),
        ("fork", "p", "a"),
        ("fork", "p", "b"),
    ],
}
NO_TABLE = [
    ("mmap", "p", "r", 5, "private", "rw", False, None),
    ("write", "p", "r", None, 1),
    ("mmap", "p", "s", 16, "private", "rw", False, None),
    ("write", "p", "s", (3, 4), 1),  # finds no frame
    ("protect", "p", "s", None, "r"),  # an area without a family gives its promise back
]


@pytest.mark.parametrize("calls", CASES.values(), ids=CASES)
def test_a_case_that_random_calls_seldom_meet(calls):
    three = Three()
    for call in [("spawn", "p"), *calls]:
        three.call(*call)


@pytest.mark.parametrize(("frames", "promised"), [(9, 5), (10, 21)])
def test_an_area_whose_write_found_no_frame_has_a_family_if_it_got_its_tables(frames, promised):
    three = Three(frames, overcommit=1)
    for call in [("spawn", "p"), *NO_TABLE]:
        three.call(*call)
    assert look(three.fast)["committed"] == promised


def test_scattered_pages_are_touched_in_their_order_until_memory_runs_out():
    three = Three(frames=3, page_tables=False, overcommit=1)
    for call in [
        ("spawn", "p"),
        ("mmap", "p", "r", 40, "private", "rw", False, None),
        ("munmap", "p", "r", (16, 17)),
        ("write", "p", "r", [30, 3, 31, 4], 1),
    ]:
        three.call(*call)
    assert three.fast["p"]["r"].mapcounts().nonzero()[0].tolist() == [3, 30, 31]


@pytest.mark.parametrize("verb", ["read", "write"])
@pytest.mark.parametrize("kind", ["private", "shared", "file-private", "file-shared"])
def test_whole_chunks_of_pages_find_frames_where_only_single_ones_are_free(kind, verb):
    three = Three(frames=1200, page_tables=False, overcommit=1, reference=(kind, verb) != ("file-private", "write"))
    for call in [
        ("spawn", "p"),
        ("mmap", "p", "r", 1100, "private", "rw", False, None),
        ("write", "p", "r", None, 1),
        ("dontneed", "p", "r", list(range(0, 1100, 2))),
        ("mmap", "p", "s", 512, kind, "rw", False, "cached"),
        (verb, "p", "s", None, *([7] if verb == "write" else [])),
        ("fork", "p", "child"),
    ]:
        three.call(*call)


@pytest.mark.parametrize("make", [cowlab.Machine, page_by_page])
def test_a_file_page_that_a_write_brings_in_counts_as_used_at_that_touch(make):
    m = make(ram=60 * PAGE, page_tables=False, overcommit="always", check=True)
    m.file("data", cached=False)
    p, q = (m.spawn(name).mmap(8 * PAGE, kind="file-private", name="data", file="data") for name in "pq")
    heap = p.process.mmap(64 * PAGE)
    heap.write(0, 8)
    q.read(5)
    heap.dontneed(0, 8)  # the lowest frames are free: of two pages of one age reclaim takes that of the lower frame
    p.write(0, 2)
    heap.write(8, 64)  # takes a page that is in memory: the one used longest ago
    assert m.vmstat()["pgsteal"] == 1
    assert q.mapcounts()[5] == 0


def test_pages_brought_in_by_a_write_go_in_the_same_order_however_they_came():
    seen = []
    for make in (cowlab.Machine, page_by_page):
        m = make(ram="8 MiB", page_tables=False, check=True)
        m.file("data", cached=False)
        p, q = (m.spawn(name).mmap("4 MiB", kind="file-private", name="data", file="data") for name in "pq")
        touched = [p.write(), q.read(), q.write(0, 700), p.read(), q.read()]
        assert m.vmstat()["pgsteal"]
        seen.append((touched, [r.mapcounts().tolist() for r in (p, q)], m.vmstat(), m.state(), m.log))
    assert seen[0] == seen[1]
