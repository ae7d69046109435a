"""The decisions inside one fault, in words: a question and its answer for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.reports.snapshot import Sight
from ..engine.reports.stepping import Decision
from ..units import count, format_pages
from .words import page_range

Answer = Callable[[Decision], str]


def steps(decisions: Sequence[Decision], process: str, mapping: str, page: int) -> list[dict[str, Any]]:
    """The decisions of an access to `page` of `mapping` in `process`, as the memory map shows them."""
    return [_step(decision, process, mapping, page) for decision in decisions]


def _step(decision: Decision, process: str, mapping: str, page: int) -> dict[str, Any]:
    question, answer = SENTENCES.get(decision.kind, (f"{decision.kind}?", _plain_answer))
    if decision.kind == "trap":
        verb = "writes" if decision.arguments["write"] else "reads"
        question = f"{process} {verb} page {page:,} of {mapping}. {question}"
    if decision.page != page:
        question = f"Page {decision.page:,} comes along. {question}"
    return {
        "question": question,
        "answer": answer(decision),
        "line": decision.line,
        "number": decision.number,
        "function": decision.function,
        "file": decision.file,
    }


def _plain_answer(d: Decision) -> str:
    """For what has no sentence of its own."""
    return "It is done." if d.answer is None else f"The answer is {d.answer!r}."


# What the processor and the kernel do around the rule -----------------------------------------------------------


def _trap(d: Decision) -> str:
    if d.answer:
        return f"No: {_why_trapped(d)}, so it traps into the kernel: a fault."
    also = ", writable" if d.arguments["write"] else ""
    return f"Yes: the entry maps {_mapped(d.before)}{also}. There is no fault, the kernel does not hear of it."


def _why_trapped(d: Decision) -> str:
    sight = d.before
    if sight.present:
        return "the area forbids every access" if not sight.prot else "the entry is read-only"
    return "the entry is empty" if sight.slot is None else f"the entry names swap slot {sight.slot:,}"


def _area(d: Decision) -> str:
    if d.before.prot is None:
        return f"No: page {d.page:,} is not mapped."
    protection = f"protected {d.before.prot!r}" if d.before.prot else "protected against every access"
    return f"{'Yes' if d.answer else 'No'}: it is {protection}."


def _charge(d: Decision) -> str:
    group, usage, limit = d.answer
    of = " in all" if limit is None else f" of {format_pages(limit)}"
    return f"Group {group} pays for one page: {format_pages(usage)}{of}."


def _no_free_frame(d: Decision) -> str:
    frames, group = d.answer
    needed = count(frames, "frame is needed", "frames are needed")
    if group is None:
        return f"Not at once: {needed}, and memory.high is met. Pages are reclaimed, or the process has to wait."
    if group == "/":
        return f"No: {needed}, and {d.after.free:,} can be had. Pages are reclaimed."
    return f"No: {needed}, and group {group} is at its limit. Pages of the group are reclaimed."


def _again(d: Decision) -> str:
    frames, killed = d.answer
    freed = f"{count(frames, 'frame is', 'frames are')} free that {'was' if frames == 1 else 'were'} not"
    what = freed if frames > 0 else "No frame more is free, but the page may be charged now"
    died = f" The OOM killer ended {', '.join(killed)}." if killed else ""
    return f"{what}.{died} {d.function} runs again, from its start."


def _retry(d: Decision) -> str:
    verb = "store" if d.arguments["write"] else "load"
    if not d.arguments["trapped"]:
        return f"The {verb} goes through, without a fault."
    faults, ns = d.answer
    parts = [
        (faults.minor, "minor fault", "minor faults"),
        (faults.major, "major fault", "major faults"),
        (faults.zeroed, "frame zeroed", "frames zeroed"),
        (faults.copied, "frame copied", "frames copied"),
        (faults.reused, "frame reused", "frames reused"),
    ]
    counted = ", ".join(count(*part) for part in parts if part[0]) or "nothing was counted"
    return f"The {verb} runs again, and succeeds. The fault cost: {counted}; {_time(ns)}."


def _error(d: Decision) -> str:
    return f"{type(d.answer).__name__}: {str(d.answer).rstrip('.')}."


# Questions of a rule --------------------------------------------------------------------------------------------


def _yes_no(yes: Callable[[Sight], str], no: Callable[[Sight], str]) -> Answer:
    """Yes or no, with the reason that was seen."""
    return lambda d: f"{'Yes' if d.answer else 'No'}: {(yes if d.answer else no)(d.before)}."


def _always(text: str) -> Callable[[Sight], str]:
    return lambda _: text


def _here(sight: Sight) -> str:
    """What the entry is."""
    return f"it maps {_mapped(sight)}" if sight.present else _named(sight)


def _with_permission(sight: Sight) -> str:
    return f"{_here(sight)}, {'writable' if sight.writable else 'read-only'}" if sight.present else _named(sight)


def _of_no_file(sight: Sight) -> str:
    return f"frame {sight.frame:,} belongs to no file and no shared object"


def _not_anonymous(sight: Sight) -> str:
    return _here(sight) if sight.frame is None else f"frame {sight.frame:,} belongs to {_owner(sight)}"


def _protection(sight: Sight) -> str:
    return f"it is protected {sight.prot!r}"


def _alone(d: Decision) -> str:
    sight = d.before
    if d.answer:
        return f"Yes: only this entry maps frame {sight.frame:,}, nobody else can see it."
    if sight.frame is None:
        return f"No: the entry maps {_mapped(sight)}." if sight.present else f"No: {_named(sight)}."
    if sight.kind != "anonymous":
        return f"No: frame {sight.frame:,} belongs to {_owner(sight)}, so the write must not go there."
    if sight.mappers > 1:
        return f"No: {sight.mappers:,} entries map frame {sight.frame:,}, so the write must not go there."
    return f"No: swap still holds frame {sight.frame:,} for others, so the write must not go there."


def _exclusive(d: Decision) -> str:
    if d.answer:
        return f"Yes: frame {d.before.frame:,} is marked so."
    return f"No: {_mapped(d.before)} is not marked so." if d.before.present else f"No: {_named(d.before)}."


def _frame(d: Decision) -> str:
    return f"It maps {_mapped(d.before)}." if d.before.present else f"No frame: {_named(d.before)}."


def _mappers(d: Decision) -> str:
    return f"{count(d.answer, 'entry maps', 'entries map')} {_mapped(d.before)}."


def _backing(d: Decision) -> str:
    return f"Yes: {d.answer}." if d.answer else "No: it is private anonymous memory."


def _cached_frame(d: Decision) -> str:
    return "No." if d.answer is None else f"Yes: in frame {d.answer:,}."


# Actions of a rule ----------------------------------------------------------------------------------------------


def _need_table(d: Decision) -> str:
    new = d.after.tables - d.before.tables
    return f"{count(new, 'table page is', 'table pages are')} made: {format_pages(new)}." if new else "It is there."


def _need_family(d: Decision) -> str:
    return "It has one." if d.before.family else "It gets one: it has private pages from here on."


def _need_frame(d: Decision) -> str:
    return f"Yes: {count(d.before.room, 'frame', 'frames')} can be had."


def _take_frame(d: Decision) -> str:
    return f"Frame {d.answer:,} is free: it is taken."


def _copy_of(d: Decision) -> str:
    return f"Frame {d.arguments['frame']:,}'s content goes to frame {d.answer:,}."


def _backing_frame(d: Decision) -> str:
    before, after = d.before.tally, d.after.tally
    if after.swap_in > before.swap_in:
        return f"Swap has it: it is read into frame {d.answer:,}. That waits for the disk, a major fault."
    if after.major > before.major:
        again = ", again: it was dropped from memory" if after.refault > before.refault else ""
        return f"It is read from the disk into frame {d.answer:,}{again}. That is a major fault."
    if after.zero_fill > before.zero_fill:
        return f"Nobody has touched it yet: frame {d.answer:,} is taken and filled with zeros. A minor fault."
    return f"Frame {d.answer:,} has it in memory: no disk is waited for, a minor fault."


def _swapped_frame(d: Decision) -> str:
    if d.after.tally.major > d.before.tally.major:
        return f"Slot {d.before.slot:,} is read into frame {d.answer:,}. That waits for the disk, a major fault."
    return f"Frame {d.answer:,} has it already (swap cache): no disk is waited for, a minor fault."


def _map_swapped(d: Decision) -> str:
    return _now(d) if d.after.exclusive else f"{_now(d)} Others hold the page too."


def _unmap(d: Decision) -> str:
    return f"The entry is empty. {_drop(d)}"


def _drop(d: Decision) -> str:
    sight, left = d.before, d.before.mappers - 1
    if sight.slot is not None:
        return f"Swap slot {sight.slot:,} is named by one entry less."
    if sight.frame is None:
        return "The zero page does not count its mappers." if sight.zero else "It mapped nothing."
    if left or sight.kind != "anonymous":
        return f"Frame {sight.frame:,} has {count(left, 'mapper', 'mappers')} left."
    if sight.cached:
        return f"Nobody maps frame {sight.frame:,} any more, the swap cache keeps it."
    return f"Nobody maps frame {sight.frame:,} any more: it is free."


def _reuse(d: Decision) -> str:
    return f"Frame {d.before.frame:,} stays and is exclusive now, the entry is writable. Nothing is copied."


def _set_writable(d: Decision) -> str:
    return f"The entry is {'writable' if d.after.writable else 'read-only'}."


def _clear_exclusive(d: Decision) -> str:
    return f"{_named_or_mapped(d.after)} is no longer marked as belonging to this process alone."


def _neighbours(d: Decision) -> str:
    if not d.answer:
        return "No page."
    return f"{'Page' if len(d.answer) == 1 else 'Pages'} {', '.join(f'{page:,}' for page in d.answer)}."


# Words for what is seen -----------------------------------------------------------------------------------------


def _mapped(sight: Sight) -> str:
    """What the entry maps."""
    if sight.zero:
        return "the zero page"
    return "nothing" if sight.frame is None else f"frame {sight.frame:,}"


def _named(sight: Sight) -> str:
    """What the entry is that maps nothing."""
    return "the entry is empty" if sight.slot is None else f"the entry names swap slot {sight.slot:,}"


def _named_or_mapped(sight: Sight) -> str:
    return f"Swap slot {sight.slot:,}" if sight.slot is not None else _mapped(sight).capitalize()


def _owner(sight: Sight) -> str:
    return "a file" if sight.kind == "file" else sight.kind


def _now(d: Decision) -> str:
    """What the entry is after a change."""
    if not d.after.present:
        return f"Now {_named(d.after)}."
    return f"The entry now maps {_mapped(d.after)}, {'writable' if d.after.writable else 'read-only'}."


def _time(ns: int) -> str:
    """Nanoseconds for people."""
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            return f"{ns / size:,.3g} {unit}"
    return f"{ns} ns"


SENTENCES: dict[str, tuple[str, Answer]] = {
    "trap": ("Does the processor find an entry that allows it?", _trap),
    "area": ("Does the area of the page allow it?", _area),
    "charge": ("Charge it.", _charge),
    "no_free_frame": ("Can the frames be had?", _no_free_frame),
    "again": ("Try again.", _again),
    "retry": ("Run the instruction.", _retry),
    "error": ("The access ends here.", _error),
    # Questions
    "present": ("Does the entry map something?", _yes_no(_here, _here)),
    "writable": ("May the entry be written?", _yes_no(_with_permission, _with_permission)),
    "dirty": (
        "Was the page written through this entry?",
        _yes_no(_always("the entry is dirty"), _always("the entry is clean")),
    ),
    "frame": ("Which frame does the entry map?", _frame),
    "zero": ("Does the entry map the zero page?", _yes_no(_always("nothing was written here yet"), _here)),
    "anonymous": ("Is the frame anonymous?", _yes_no(_of_no_file, _not_anonymous)),
    "mappers": ("How many entries map the frame?", _mappers),
    "exclusive": ("Does the frame belong to this process alone?", _exclusive),
    "swapped": ("Does the entry name a swap slot?", _yes_no(_here, _here)),
    "alone": ("Is the frame anonymous and mapped once?", _alone),
    "shared": (
        "Is the mapping shared?",
        _yes_no(_always("its processes write the same frames"), _always("it is private")),
    ),
    "backing": ("Is there a file or a shared object behind the mapping?", _backing),
    "shared_memory": (
        "Is a shared object behind the mapping?",
        _yes_no(_always("it is shared memory"), _always("a file is, or nothing")),
    ),
    "cached_frame": ("Does the file or shared object have the page in memory?", _cached_frame),
    "protected": ("Does the area forbid writing?", _yes_no(_protection, _protection)),
    # Actions
    "count_minor": ("Count the fault.", lambda _: "It is a minor one: no disk is waited for."),
    "need_table": ("Is there a page table for the entry?", _need_table),
    "need_family": ("Does the area have a family (anon_vma)?", _need_family),
    "need_frame": ("Can a frame be had?", _need_frame),
    "take_frame": ("Take a frame.", _take_frame),
    "zero_frame": ("Fill it with zeros.", lambda d: f"Frame {d.answer:,} holds zeros."),
    "copy_of": ("Copy.", _copy_of),
    "need_room_to_copy": ("Can the frames for the copy, and for the page of the file, be had?", _need_frame),
    "backing_frame": ("Get the page of the file or shared object.", _backing_frame),
    "swapped_frame": ("Get the page from swap.", _swapped_frame),
    "map_swapped": ("Map the frame.", _map_swapped),
    "map": ("Map the frame.", _now),
    "adopt": ("Take the entry over from another process.", _now),
    "map_zero": ("Map the zero page.", _now),
    "unmap": ("Clear the entry.", _unmap),
    "drop": ("Let the old frame go.", _drop),
    "reuse": ("Take the frame over in place.", _reuse),
    "set_writable": ("Change the entry's permission.", _set_writable),
    "set_dirty": ("Mark the entry dirty.", lambda _: "The entry says that the page was written."),
    "set_frame_dirty": ("Mark the frame dirty.", lambda d: f"Frame {d.after.frame:,} stays dirty without this entry."),
    "clear_exclusive": ("Clear the mark of one owner.", _clear_exclusive),
    "neighbours": ("Which pages around it are in memory and not mapped?", _neighbours),
    "window": ("Which pages around it does a read fault look at?", lambda d: f"{page_range(*d.answer).capitalize()}."),
}
"""Question and answer for each kind of decision."""
