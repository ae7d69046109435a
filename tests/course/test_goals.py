"""Goals: reached, lost and open on machines that scenarios made, and hints that say what these machines are like."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cowlab
from cowlab import Machine, goals, scenarios
from cowlab.goals import Goal, Hint
from helpers.machines import after

MIB = 1 << 20


def status(goal, machine, finished=True):
    verdict = goal.judge(machine, finished)
    assert not verdict.broken
    return verdict.status


def all_hints(goal, machine, finished=True):
    """Every hint, asked for one by one."""
    found, level, more = [], 1, True
    while more:
        verdict = goal.judge(machine, finished, level)
        assert not verdict.broken
        found.append(verdict.hint)
        level, more = level + 1, verdict.more
    assert goal.judge(machine, finished, level).hint == found[-1]  # there is no further one
    return found


def leak(**values):
    """A service of 256 MiB beside a process that leaks, on a machine with 1 GiB."""
    return scenarios.oom_victim(**{"ram": "1 GiB", "service": "256 MiB", "leak": "64 MiB", "rounds": 20, **values})


def pods(**values):
    return scenarios.cgroup_isolation(**{"ram": "1 GiB", "steady": "16 MiB", "leak": "64 MiB", "rounds": 20, **values})


def workers(**values):
    return scenarios.batch_explosion(**{"data": "1 GiB", "workers": 30, "ram": "16 GiB", **values})


# Who lives, who dies ----------------------------------------------------------------------------------------------


def test_the_service_stays_alive_where_the_leak_dies_first():
    assert status(goals.alive("service"), after(leak())) == "reached"


def test_the_service_dies_of_anothers_leak():
    machine = after(leak(service="1 GiB", ram="2 GiB", leak="64 MiB"))
    verdict = goals.alive("service").judge(machine)
    assert verdict.status == "lost"
    assert (
        "The OOM killer took service when leaker needed more and all memory of the machine (2 GiB) was in use."
        in verdict.message
    )
    why, remedy = all_hints(goals.alive("service"), machine)
    assert "the highest badness, whoever asks. It saw, in pages: service 262,658, leaker" in why
    assert "put leaker in a group with a limit" in remedy


def test_half_way_the_service_is_not_yet_saved_and_the_hints_say_who_is_next():
    made = leak(service="1 GiB", ram="2 GiB", leak="64 MiB")
    machine, goal = after(made, 12), goals.alive("service")
    assert goal.judge(machine, finished=False).message == "So far so good."
    assert status(goal, machine, finished=False) == "open"
    general, figures, concrete = all_hints(goal, machine, finished=False)
    assert "If memory ended now, service would die" in general
    assert "service 262,658, leaker" in figures
    assert "leaker would die first" in concrete


def test_the_oom_score_adj_of_the_hint_is_just_enough():
    machine = after(leak(service="1 GiB", ram="2 GiB", leak="64 MiB"), 12)
    hint = all_hints(goals.alive("service"), machine, finished=False)[-1]
    adj = int(hint.split("oom_score_adj of ")[1].split(" ")[0])
    machine["service"].oom_score_adj = adj + 1
    assert goals.facts.next_victim(machine) == "service"
    machine["service"].oom_score_adj = adj
    assert goals.facts.next_victim(machine) == "leaker"
    assert "RAM are free; there is no swap." in goals.alive("service").judge(machine, finished=False).hint


def test_a_name_that_never_was_is_open_and_one_that_exited_is_lost():
    machine = Machine()
    machine.spawn("web")
    verdict = goals.alive("database").judge(machine)
    assert (verdict.status, verdict.hint) == ("open", "There is no process 'database' yet. Alive: web.")
    machine["web"].exit()
    assert "web has exited." in goals.alive("web").judge(machine).message
    machine.spawn("web")  # another of that name has not its state
    assert status(goals.alive("web"), machine) == "lost"


def test_nothing_killed():
    goal = goals.nothing_killed()
    assert status(goal, after(leak(rounds=5))) == "reached"
    assert status(goal, after(leak(rounds=5)), finished=False) == "open"
    machine = after(leak())
    assert status(goal, machine) == "lost"
    assert "1 GiB of 1 GiB were in use" in all_hints(goal, machine)[-1]
    assert goal.judge(Machine()).hint == "Nobody has touched a page yet."


def test_only_the_leaking_pod_is_killed_if_it_has_a_limit():
    goal = goals.only_killed("leaky")
    assert status(goal, after(pods(limited=True))) == "reached"
    # The system has 256 MiB, each of the leaking processes at most 40 MiB.
    machine = after(pods(limited=False, leakers=20, rounds=100, leak="8 MiB", reserved_percent=50))
    verdict = goal.judge(machine)
    assert verdict.status == "lost"
    assert "took system when" in verdict.message
    assert "Put leaky in a group with a limit (max)" in all_hints(goal, machine)[-1]


def test_nobody_is_killed_yet_and_the_hint_knows_the_limit():
    machine = after(pods(limited=True), 20)
    goal = goals.only_killed("leaky")
    assert status(goal, machine) == "open"
    first, _, last = all_hints(goal, machine)
    assert "Nobody has been killed." in first
    assert "Group /pods/leaky of leaky has" in last


def protected(**values):
    """Everybody has oom_score_adj -1000 as memory ends: nobody may be killed."""
    return after(leak(service_adj=-1000, leaker_adj=-1000, **values))


@pytest.mark.parametrize(
    "goal",
    [
        goals.alive("service"),
        goals.nothing_killed(),
        goals.all_of(goals.alive("service"), goals.no_refusal()),
        Goal("Anything.", lambda machine: True),
    ],
)
def test_no_goal_is_reached_on_a_machine_that_stopped(goal):
    machine = protected()
    assert machine["service"].alive  # the goals' own checks hold
    assert goal.reached(machine)
    verdict = goal.judge(machine)
    assert verdict.status == "lost"
    assert "leaker needed more, all memory of the machine (1 GiB) was in use, and nobody could be" in verdict.message
    assert "Linux panics" in verdict.message
    assert "give a process, such as leaker, an oom_score_adj above -1000" in verdict.hint
    assert goal.judge(machine, level=0).hint is None


def test_the_goal_is_reached_where_the_hint_for_a_stopped_machine_is_followed():
    assert status(goals.alive("service"), protected()) == "lost"
    assert status(goals.alive("service"), after(leak(service_adj=-1000, leaker_adj=-999))) == "reached"
    assert status(goals.alive("service"), protected(rounds=5)) == "reached"  # it writes less


def test_where_nobody_may_die_in_a_group_the_machine_goes_on():
    machine = Machine(ram="1 GiB")
    machine.spawn("service").mmap("100 MiB").write()
    stuck = machine.spawn("stuck", machine.cgroup("/pod", max="64 MiB"), oom_score_adj=-1000)
    with pytest.raises(cowlab.Deadlock):
        stuck.mmap("100 MiB").write()
    assert status(goals.alive("service"), machine) == "reached"


def test_a_name_stands_for_its_numbers_and_no_other_words():
    assert goals.facts.is_named("tab 12", "tab")
    assert goals.facts.is_named("zygote.3", "zygote")
    assert not goals.facts.is_named("table", "tab")


# What is in memory ------------------------------------------------------------------------------------------------


def tabs(**values):
    return scenarios.zygote(**{"size": "300 MiB", "tabs": 60, "written_percent": 3, **values})


def test_sixty_tabs_fit_if_they_share():
    goal = goals.processes_in_memory(60, "tab", within="1 GiB")
    machine = after(tabs())
    assert status(goal, machine) == "reached"
    assert status(goal, machine, finished=False) == "open"
    assert status(goals.processes_in_memory(60, "tab", "1 GiB", each="301 MiB"), machine) == "open"


def test_fewer_tabs_or_tabs_that_write_too_much_are_open_and_the_hints_have_the_figures():
    goal = goals.processes_in_memory(60, "tab", within="1 GiB")
    assert goal.judge(after(tabs(tabs=12))).hint == "12 of 60 processes 'tab' hold 4 KiB or more."
    machine = after(tabs(written_percent=11))
    assert status(goal, machine) == "open"
    excess, allowance = all_hints(goal, machine)
    assert "too much" in excess
    assert "33 MiB of its own on average" in allowance
    assert "11.5 MiB each would fit" in allowance  # (1024 - 300 - tables) / 60


def test_what_the_allowance_says_does_fit():
    """11.3 MiB each are within what the hint above allows, 11.6 MiB are beyond it."""
    goal = goals.processes_in_memory(60, "tab", within="1 GiB")
    zygote = after(tabs(tabs=60, written_percent=0))
    for size, expected in ((int(11.3 * 256), "reached"), (int(11.6 * 256), "open")):
        for number in range(1, 61):
            zygote[f"tab {number}"]["heap"].write(0, size)
        assert status(goal, zygote) == expected


def test_tabs_that_were_spawned_are_told_to_fork():
    machine = Machine(ram="2 GiB")
    for number in range(5):
        machine.spawn(f"tab {number}").mmap("100 MiB").write()
    hints = all_hints(goals.processes_in_memory(5, "tab", "300 MiB"), machine)
    assert any("spawned one by one" in hint for hint in hints)
    assert any("fork each tab from it" in hint for hint in hints)


def test_a_tab_that_the_killer_took_is_lost():
    machine = after({**tabs(written_percent=100), "machine": {"ram": "4 GiB"}})
    goal = goals.processes_in_memory(60, "tab", "1 GiB")
    assert goal.judge(machine).status == "lost"
    assert "The OOM killer took tab" in goal.judge(machine).message


def test_memory_in_use():
    goal = goals.in_use_at_most("2 GiB")
    assert status(goal, after(workers(written_percent=0))) == "reached"
    machine = after(workers(workers=10))
    assert status(goal, machine) == "open"
    _, largest, _ = all_hints(goal, machine)
    assert "its exit would give back 1 GiB" in largest
    for process in machine.processes[2:]:
        process.exit()
    machine["loader"].exit()
    assert status(goal, machine) == "reached"  # the way that one went does not matter
    assert status(goal, after(workers())) == "lost"
    assert goal.judge(Machine()).hint == "Nothing is in memory yet."


# Copies and promises ----------------------------------------------------------------------------------------------


def family(**values):
    return after(scenarios.fork_sharing(**{"size": "128 KiB", "children": 2, "written_percent": 25, **values}))


def test_copies():
    assert status(goals.copies_at_most(16), family()) == "reached"
    assert status(goals.copies_at_most(16), family(), finished=False) == "open"
    verdict = goals.copies_at_most(15).judge(family())
    assert verdict.status == "lost"
    assert (
        "16 pages have been copied, and 15 were allowed. The last: child 2 copied 8 pages of heap." in verdict.message
    )
    assert status(goals.copies_at_most(15), family(children=0)) == "open"
    so_far, sharers = all_hints(goals.copies_at_most(16), family(), finished=False)
    assert so_far == "Copies so far: 16 of 16."
    assert "Shared now: parent (96 KiB), child 1 (96 KiB), child 2 (96 KiB)" in sharers


def test_one_page_is_told_in_the_singular():
    machine = family(children=1, written_percent=0)
    machine["child 1"]["heap"].write(3)
    assert "1 page has been copied, and 0 were allowed. The last: child 1 copied 1 page of heap." in (
        goals.copies_at_most(0).judge(machine).message
    )
    assert goals.copies_at_most(1).text == "Fork, and let at most 1 page be copied."
    assert "child 1 copied 1 page of heap: others still mapped it. The frame it left has an owner less." in all_hints(
        goals.last_owner_reuses(), machine
    )
    machine["child 1"]["heap"].write(4)
    assert "2 pages have been copied, and 1 was allowed." in goals.copies_at_most(1).judge(machine).message


def test_one_process_is_told_in_the_singular():
    goal = goals.processes_in_memory(1, "tab", within="1 GiB")
    assert goal.text == "Have 1 process 'tab' alive, in at most 1 GiB of data and page tables."
    assert goal.judge(Machine()).hint == "0 of 1 process 'tab' hold 4 KiB or more."
    machine = Machine()
    machine.spawn("tab").mmap("4 KiB").write()
    goal = goals.processes_in_memory(2, "tab", within="1 GiB")
    assert goal.judge(machine).hint == "1 of 2 processes 'tab' holds 4 KiB or more."


def test_no_copy_at_all():
    machine = family(written_percent=0)
    assert status(goals.copies_at_most(0), machine) == "reached"
    machine["child 1"]["heap"].write(3)
    assert status(goals.copies_at_most(0), machine) == "lost"


def test_the_last_owner_reuses_whatever_made_it_the_last():
    goal = goals.last_owner_reuses("parent")
    machine = family(children=1)  # the child has copied pages 0 to 7
    assert status(goal, machine) == "open"
    machine["parent"]["heap"].write(0, 8)
    assert status(goal, machine) == "reached"
    machine = family(children=1, written_percent=0)
    machine["child 1"].exit()
    machine["parent"]["heap"].write(20)
    assert status(goal, machine) == "reached"


def test_who_copies_is_not_the_last_owner_and_who_ended_never_will_be():
    machine, goal = family(children=1, written_percent=0), goals.last_owner_reuses("parent")
    machine["parent"]["heap"].write(0, 4)
    hints = all_hints(goal, machine)
    assert "parent copied 4 pages of heap: others still mapped them. The frames it left have an owner less." in hints
    assert hints[-1] == "Let all others write the page, drop it, or exit. Then let parent write it."
    machine["child 1"]["heap"].write(0, 4)
    assert status(goals.last_owner_reuses(), machine) == "reached"
    machine["parent"].exit()
    assert "parent has ended" in goal.judge(machine).message
    assert status(goal, machine) == "lost"


def test_a_reuse_before_the_first_fork_counts_for_nothing():
    machine = Machine()
    heap = machine.spawn("parent").mmap("16 KiB")
    heap.write()
    heap.protect("r")
    heap.protect("rw")
    heap.write()
    assert status(goals.last_owner_reuses(), machine) == "open"
    assert "Nobody has forked yet" in goals.last_owner_reuses().judge(machine).hint


def test_refusals():
    goal = goals.no_refusal()
    assert status(goal, after(scenarios.overcommit(mode=1, request="24 GiB"))) == "reached"
    assert status(goal, Machine()) == "open"
    verdict = goal.judge(after(scenarios.overcommit(mode=0, request="24 GiB")), level=2)
    assert verdict.status == "lost"
    assert "process asked for 24 GiB for request 1, and was refused." in verdict.message
    assert "one request alone" in verdict.hint
    machine = after(scenarios.overcommit(mode=2, request="4 GiB", requests=3))
    assert status(goal, machine) == "lost"
    assert all_hints(goal, machine)[0] == "4 GiB are promised, of at most 8 GiB."


# Together ---------------------------------------------------------------------------------------------------------


def test_all_of_is_reached_lost_and_open_as_its_parts_are():
    both = goals.all_of(goals.alive("service"), goals.in_use_at_most("600 MiB"))
    assert both.text == f"Keep service alive. {goals.in_use_at_most('600 MiB').text}"
    assert status(both, after(leak(rounds=2))) == "reached"
    verdict = both.judge(after(leak(rounds=10)))
    assert verdict.status == "open"
    assert verdict.hint == f"Still open: {goals.in_use_at_most('600 MiB').text}"
    assert all("oom_score_adj" not in hint for hint in all_hints(both, after(leak(rounds=10))))  # that part is reached
    assert status(both, after(leak())) == "lost"  # the leaker was killed, and that made room


# Goals of one's own -----------------------------------------------------------------------------------------------


def three_pages():
    machine = Machine()
    machine.spawn("a").mmap("12 KiB").write()
    return machine


def test_a_goal_of_ones_own():
    goal = Goal(
        "Have 12 KiB in memory.",
        lambda machine: machine["a"].rss == 12 << 10,
        [Hint(lambda machine: True, "Write."), (lambda machine: True, lambda machine: f"{machine['a'].rss} bytes.")],
        lambda machine: None,
    )
    machine = three_pages()
    assert goal.judge(machine) == cowlab.goals.Verdict("reached", "Reached.")
    machine["a"]["mapping 1"].dontneed(0)
    first, second = goal.judge(machine), goal.judge(machine, level=2)
    assert (first.hint, first.more, second.hint, second.more) == ("Write.", True, "8192 bytes.", False)
    assert goal.judge(machine, level=0).hint is None


def raises(machine):
    return machine["database"].alive


def test_a_check_that_raises_says_which_where_and_what_and_leaves_the_lab_alone():
    machine = three_pages()
    before = machine.state()
    line = raises.__code__.co_firstlineno + 1
    verdict = Goal("Wrong.", raises).judge(machine)
    assert (verdict.status, verdict.broken) == ("open", True)
    assert f"its function 'reached', line {line}, raised KeyError" in verdict.message
    assert "no process 'database' is alive; alive are a" in verdict.message
    verdict = Goal("Wrong.", lambda machine: False, lost=raises).judge(machine)
    assert f"its function 'lost', line {line}, raised KeyError" in verdict.message
    verdict = goals.all_of(goals.nothing_killed(), Goal("Wrong.", raises)).judge(machine)
    assert f"line {line}, raised KeyError" in verdict.message
    assert machine.state() == before


def test_a_hint_that_fails_leaves_the_status_as_it_is():
    for hint, says in (
        (Hint(raises, "text"), "its function 'when', line"),
        (Hint(lambda machine: True, lambda machine: 1 / 0), "raised ZeroDivisionError: division by zero"),
        (Hint(lambda machine: True, lambda machine: None), "its function 'say' returned None instead of text"),
    ):
        verdict = Goal("Never.", lambda machine: False, [hint], lambda machine: "It is over.").judge(three_pages())
        assert (verdict.status, verdict.broken) == ("lost", True)
        assert says in verdict.hint


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_a_check_that_does_not_say_true_or_false(answer):
    verdict = Goal("Wrong.", lambda machine: answer).judge(three_pages())
    assert verdict.message.endswith(f"its function 'reached' returned {answer!r} instead of True or False.")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Goal("", bool), "say in a sentence"),
        (lambda: Goal("Text.", True), "reached=True: give a function"),
        (lambda: Goal("Text.", bool, lost="no"), "lost='no': give a function"),
        (lambda: Goal("Text.", bool, ["hint"]), "hint 'hint': give Hint"),
        (lambda: Goal("Text.", bool, [Hint(bool, 3)]), "`say` is a sentence"),
        (lambda: Goal("Text.", bool).judge(Machine(), level=-1), "level=-1: give 0"),
        (lambda: goals.all_of(), "give at least one"),
        (lambda: goals.alive(""), "name '' is not a name"),
        (lambda: goals.processes_in_memory(0), "0: give a whole number of 1 or more"),
        (lambda: goals.processes_in_memory(within="1 GB"), "did you mean '1 GiB'"),
        (lambda: goals.copies_at_most(-1), "-1: give a whole number of 0 or more"),
    ],
)
def test_what_means_nothing_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_it_needs_neither_jupyter_nor_matplotlib():
    program = """
import sys
for name in ("IPython", "ipywidgets", "anywidget", "matplotlib"):
    sys.modules[name] = None   # importing it fails
from cowlab import goals
print(goals.nothing_killed().text)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "The OOM killer kills nobody.\n"
