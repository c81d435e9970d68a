"""Processes that fork workers: what is set aside for them, and how such a process ends."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from cyclefree import CollectorError, after_fork_in_child, before_fork, warmup

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

_BEGINNING = """
import atexit, gc, os, sys, weakref
class Slot:
    __slots__ = ("__weakref__", "other")
def ring():
    slot = Slot()
    slot.other = slot
    return weakref.ref(slot)
def kept(number, _all=[]):
    _all.extend([Slot() for _ in range(number)])
def say(*words):
    print(*words, flush=True)
# Registered first, so called last.
atexit.register(lambda: say("at exit", gc.get_freeze_count()))
own = gc.get_freeze_count()  # 3.12.0 and 3.12.1 freeze some themselves
from cyclefree import *
"""


def run(program: str) -> list[str]:
    """Run a program in a process of its own and return the lines that it writes."""
    done = subprocess.run(
        [sys.executable, "-c", _BEGINNING + program], capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def test_warmup_sets_the_heap_aside_until_the_process_ends() -> None:
    """It says how many; nothing of ours thaws it before the exit, which finds it as without us."""
    first, counted, later, last = run("""
reference = ring()
number = warmup()
say(number, gc.get_freeze_count() - own, reference() is None, len(gc.get_objects()) < 500)
frozen = gc.get_freeze_count()
def used():
    with gc_frozen(on_exit="full", max_net_objects=2_000) as scope, assert_no_cycles():
        pass
    kept(5_000)
    with gc_frozen(on_exit="young", check=1) as scope:
        kept(5_000)
        scope.checkpoint(idle=True)
    with cycle_scope(thorough=True), gc_frozen(max_net_objects=None):
        kept(1)
    find_cycles(scope)
    gc.collect()
used()
say(0 <= frozen - gc.get_freeze_count() < 100)
say(warmup() >= 10_000, gc.get_freeze_count() > number + 10_000)
""")
    number, frozen, collected, small = first.split()
    assert int(number) == int(frozen) > 1_000
    assert (collected, small) == ("True", "True")
    assert counted == "True"
    assert later == "True True"
    assert last == "at exit 0"


def test_what_warmup_can_be_told_to_leave_out() -> None:
    """Without `collect` garbage is set aside, too; without `freeze` nothing is."""
    lines = run("""
reference = ring()
say(warmup(freeze=False), gc.get_freeze_count() - own, reference() is None)
reference = ring()
say(warmup(collect=False, freeze=False), reference() is None)
say(warmup(collect=False) > 1_000, reference() is None)
gc.collect()
say(reference() is None)
""")
    assert lines == ["0 0 True", "0 False", "True False", "False", "at exit 0"]


def test_nothing_is_thawed_where_nothing_was_set_aside() -> None:
    """What only the application has frozen is none of our business."""
    *_, last = run("""
gc.freeze()
warmup(freeze=False)
after_fork_in_child()
""")
    assert int(last.split()[-1]) > 1_000


@pytest.mark.parametrize(
    "program",
    [
        "gc.freeze()\nwarmup()",
        "gc.freeze()\nwarmup()\nbefore_fork()",
        "warmup()\nkept(3_000)\ngc.freeze()",
        "warmup()\nkept(3_000)\ngc.freeze()\nbefore_fork()",
        "warmup()\nkept(300)\ngc.freeze()\nkept(300)\nwarmup()\nbefore_fork()",
    ],
)
def test_what_the_application_has_frozen_stays_frozen(program: str) -> None:
    """Before us, after us or in between: it can't be told apart, so all stays as it is."""
    (last,) = run(program)
    assert int(last.split()[-1]) > 1_000


def test_before_a_fork_nothing_is_collected() -> None:
    """What has been made since is set aside as it is, garbage included."""
    lines = run("""
collections = []
gc.callbacks.append(lambda phase, info: collections.append(info["generation"]))
say(before_fork() > 1_000)
kept(5_000)
reference = ring()
gc.disable()
say(5_001 <= before_fork() <= 5_100, before_fork() <= 10, gc.get_count()[0] < 10)
say([generation for generation in collections if generation], reference() is None)
gc.callbacks.clear()
""")
    assert lines == ["True", "True True True", "[] False", "at exit 0"]


@needs_fork
def test_after_a_fork() -> None:
    """The child sets aside what came in between; a worker that ends as programs do ends well."""
    lines = run("""
def fork(work):
    pid = os.fork()
    if not pid:
        work()
        sys.exit()
    assert os.waitpid(pid, 0)[1] == 0
def nothing_yet():
    kept(2_000)
    after_fork_in_child()
    say("child", gc.get_freeze_count() - own)
def begin():
    kept(2_000)
    before = gc.get_freeze_count()
    after_fork_in_child()
    say("child", 2_000 <= gc.get_freeze_count() - before <= 2_100)
def frozen_by_the_application():
    kept(3_000)
    gc.freeze()
    before_fork()
fork(nothing_yet)
warmup()
before = before_fork()
fork(begin)
fork(lambda: None)
fork(frozen_by_the_application)
say("parent", gc.get_freeze_count() > 1_000)
""")
    assert lines[0] == "child 0"
    assert re.fullmatch(r"at exit (0|375)", lines[1])
    assert lines[2:5] == ["child True", "at exit 0", "at exit 0"]
    assert int(lines[5].split()[-1]) > 1_000  # so it stays, in that child
    assert lines[6:] == ["parent True", "at exit 0"]


_ENDING = """
class Loud:
    def __init__(self, name):
        self.name = name
        self.me = self
    def __del__(self):
        print("end of", self.name, flush=True)
first = Loud("first")
second = Loud("second")
third = Loud("third")
third.me = None
module = sys
{0}
fourth = Loud("fourth")
del second
"""


@pytest.mark.parametrize("ours", ["warmup()\nbefore_fork()", "warmup(collect=False)"])
def test_the_end_is_as_without_us(ours: str) -> None:
    """Finalizers of what module globals hold run, cyclic or not, and in the same order.

    Among cyclic garbage the order is that in which the collector has the objects, which is another
    one after `gc.freeze()` without a collection before it.
    """
    without, ending = run(_ENDING.format("")), run(_ENDING.format(ours))
    assert len(without) == 5
    if "collect=False" in ours:
        without, ending = sorted(without), sorted(ending)
    assert [line for line in ending if "exit" not in line] == [
        line for line in without if "exit" not in line
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"collect": 1}, "collect= takes True or False, not 1"),
        ({"freeze": None}, "freeze= takes True or False, not None"),
        ({"collect": "yes"}, "collect= takes True or False, not 'yes'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], said: str) -> None:
    """They are refused before anything is collected or frozen."""
    before = gc.get_stats()
    with pytest.raises(TypeError, match=said):
        warmup(**arguments)
    assert gc.get_stats() == before


def test_another_interpreter_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no collector of CPython's there is nothing to set aside."""
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    for function in (warmup, before_fork):
        with pytest.raises(CollectorError, match="this is pypy"):
            function()
    after_fork_in_child()  # nothing was set aside in the parent
