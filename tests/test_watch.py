"""Watches: collections inside, roll-over, a collector that is off, foreign freezes, forks."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from rings import Slot, ring

from cyclefree import (
    CyclefreeWarning,
    CyclesFoundError,
    _rollover,
    _thresholds,
    assert_no_cycles,
    cycle_scope,
)
from cyclefree._options import options
from cyclefree._watch import Watch


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_call_that_collects_is_judged_before_the_collection(generation: int) -> None:
    """A collection inside takes nothing away, and what comes after it is found as well."""
    with cycle_scope() as report:
        ring(3)
        held = Slot()
        held.other = held
        gc.collect(generation)
        ring(4)
        gc.collect(generation)
        del held
    assert report.objects == 8
    assert report.method == "trial deletion"


@pytest.mark.parametrize("generations", [(0, 1), (1, 0), (0, 0, 1, 2), (2, 1, 0), (0, 1, 1, 2)])
def test_survivors_of_collections_are_found_when_they_become_garbage(
    generations: tuple[int, ...],
) -> None:
    """Whatever collections a promoted object went through, its cycle is found, once."""
    with cycle_scope() as report:
        held = Slot()
        held.other = [held]
        for generation in generations:
            gc.collect(generation)
        del held
        for generation in generations:
            gc.collect(generation)
    assert report.objects == 2
    with cycle_scope() as report:
        held = Slot()
        held.other = [held]
        for generation in generations:
            gc.collect(generation)
        del held
    assert report.objects == 2


def test_a_cycle_closed_after_a_collection() -> None:
    """Promoted and new objects together are one cycle."""
    with cycle_scope() as report:
        old = Slot()
        gc.collect(1)
        new = Slot()
        old.other, new.other = new, old
        del old, new
    assert report.objects == 2
    assert len(report) == 1


def test_a_long_window_rolls_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the budget spent a collection comes by itself; nothing is lost or counted twice."""
    monkeypatch.setattr(_thresholds, "BUDGET", 1_501)
    watch = Watch("f()", options())
    watch.open()
    kept = []
    for _ in range(600):
        ring(7)
        kept.append(Slot())
    for slot in kept:
        slot.other = kept
    del kept, slot
    report = watch.close()
    assert watch.looked >= 2
    assert report.objects == 600 * 7 + 600 + 1
    assert watch.found == report.objects


def test_a_collection_does_not_come_in_the_middle_of_a_look() -> None:
    """On 3.10 and 3.11 any allocation may start one: the look at a generator holds them off."""
    found: list[int] = []

    @assert_no_cycles(action=lambda report: found.append(report.objects))
    def steps() -> Iterator[int]:
        for number in range(40):
            ring(2)
            yield number

    before = gc.get_threshold()
    try:
        for threshold in range(90, 180):
            gc.collect()
            drained = [(number, number) for number in range(2_500)]  # the free list of pairs
            gc.set_threshold(threshold, 2, 2)
            assert len(list(steps())) == 40
            del drained
            assert gc.get_threshold() == (threshold, 2, 2)
    finally:
        gc.set_threshold(*before)
    assert found == [80] * 90


def test_a_long_generator_remembers_marks_no_longer_than_it_must() -> None:
    """Thousands of steps without a collection are looked at now and then."""
    found: list[Any] = []

    @assert_no_cycles(action=found.append)
    def steps() -> Iterator[int]:
        for number in range(3_000):
            if number % 1_000 == 7:
                ring()
            yield number

    gc.disable()
    try:
        assert len(list(steps())) == 3_000
    finally:
        gc.enable()
    assert [report.objects for report in found] == [3]


_OFF = """
import gc, sys
from cyclefree import assert_no_cycles, cycle_scope, CyclesFoundError
class Slot:
    __slots__ = ("other", "__weakref__")
def ring():
    slot = Slot()
    slot.other = slot
if "frozen" in sys.argv:
    gc.freeze()
    frozen = gc.get_freeze_count()
elif gc.get_freeze_count():
    gc.unfreeze()  # 3.12.1 freezes some itself
if "zero" in sys.argv:
    gc.set_threshold(0)
else:
    gc.disable()
heap = [[] for _ in range(300_000)]
outer = cycle_scope()
with outer as report:
    ring()
    more = [[] for _ in range(5_000)]
    sizes = []
    @assert_no_cycles
    def work():
        sizes.append(len(gc.get_objects(generation=0)))
    for _ in range(20):
        work()
    try:
        assert_no_cycles(ring)()
    except CyclesFoundError as error:
        inner = error.report.objects
print(max(sizes) < 3_000, inner, report.objects, sum(g["collections"] for g in gc.get_stats()[1:]))
if "frozen" in sys.argv:
    assert gc.get_freeze_count() == frozen
"""


@pytest.mark.parametrize("off", ["zero", "disabled"])
@pytest.mark.parametrize("frozen", [True, False])
def test_with_the_collector_off_a_look_stays_short(off: str, frozen: bool) -> None:
    """A heap in generation 0 is set aside, once; the verdicts stay right, in open watches too."""
    command = [sys.executable, "-c", _OFF, off, *["frozen"] * frozen]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    words = done.stdout.split()
    assert words[:3] == ["True", "1", "2"], done.stdout + done.stderr


def test_a_foreign_freeze_makes_a_report_inconclusive() -> None:
    """What a freeze hides could not be looked at: the report says so, and a guard warns."""
    code = """
import gc, warnings
from cyclefree import assert_no_cycles, cycle_scope
warnings.simplefilter("error")
def work():
    ring = []
    ring.append(ring)
    gc.freeze()
with cycle_scope(action=lambda report: None) as report:
    work()
print(report.method, "gc.freeze()" in report.notes[0])
try:
    assert_no_cycles(work)()
except Warning as warning:
    print(type(warning).__name__, "gc.freeze()" in str(warning))
gc.unfreeze()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "inconclusive True\nCyclefreeWarning True\n", done.stderr


def test_callbacks_that_were_emptied_are_noticed() -> None:
    """A collection that could not be seen is told as well."""
    saved = list(gc.callbacks)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with cycle_scope() as report:
                gc.callbacks.clear()
                gc.collect()
    finally:
        gc.callbacks[:] = saved
    assert report.method == "inconclusive"
    assert [warning.category for warning in caught] == [CyclefreeWarning]


def test_nested_watches_each_report_their_own() -> None:
    """The inner one what was left in it, the outer one all; also with collections in between."""
    with cycle_scope() as outer:
        ring(1)
        with cycle_scope() as first:
            ring(2)
        gc.collect()
        with cycle_scope() as second:
            ring(3)
            gc.collect()
            with cycle_scope() as third:
                pass
        ring(4)
    assert [report.objects for report in (first, second, third, outer)] == [2, 3, 0, 10]


def test_overlapping_watches() -> None:
    """Watches that neither nest nor follow each other."""
    first, second = Watch("first", options()), Watch("second", options())
    first.open()
    ring(1)
    second.open()
    ring(2)
    gc.collect()
    assert first.close().objects == 3
    ring(4)
    assert second.close().objects == 6
    assert _rollover._open == {}
    assert _rollover._hooked == []


def test_what_was_garbage_before_is_not_blamed() -> None:
    """Old garbage counts for nobody; with `thorough` what the call lets go of does."""
    gc.collect()
    gc.disable()
    try:
        ring(5)
        with cycle_scope(thorough=True) as report:
            ring(2)
        assert report.objects == 2
        old = [Slot()]
        old[0].other = old
        gc.collect()
        ring(5)
        with cycle_scope(thorough=True) as report:
            del old
        assert report.objects == 2
        with cycle_scope() as report:
            pass
        assert report.objects == 0
    finally:
        gc.enable()
        gc.collect()


def test_a_thorough_guard_on_a_generator_counts_its_own() -> None:
    """Lists alone that close on themselves after a collection are found, strangers' are not."""
    found: list[Any] = []

    @assert_no_cycles(thorough=True, action=found.append)
    def steps() -> Iterator[int]:
        held: list[Any] = []
        yield 1
        held.append(held)
        del held
        yield 2

    generator = steps()
    next(generator)
    gc.collect()
    ring(3)
    list(generator)
    assert [report.objects for report in found] == [1]


@pytest.mark.parametrize("stepped", [False, True])
def test_the_first_look_finds_nothing_of_ours(stepped: bool) -> None:
    """What the look itself makes is not set aside as garbage: an address is soon used again."""
    gc.collect()
    watch = Watch("f()", options(thorough=True), stepped=stepped)
    watch.open()
    assert watch.before == set()
    watch.abandon()


@pytest.mark.parametrize("thorough", [False, True])
def test_live_means_new_objects(thorough: bool) -> None:
    """Cycles of the living count when something new is in them, with `thorough` too."""
    old = Slot()
    old.other = old
    bridge = Slot()
    with cycle_scope(live=True, thorough=thorough) as report:
        new = Slot()
        new.other = [old, new]
        bridge.other = [bridge]
    assert [(cycle.live, cycle.count, cycle.size) for cycle in report] == [(True, 2, 4)]


def test_once_marks_what_imports_leave() -> None:
    """What is born inside `once` is told apart, nested and after a collection as well."""
    watch = Watch("f()", options())
    watch.open()
    ring(1)
    with watch.once():
        ring(2)
        with watch.once():
            ring(2)
        gc.collect()
        held = Slot()
        held.other = held
        gc.collect(1)
    ring(1)
    with watch.once():
        ring(3)
    del held
    report = watch.close()
    assert {(cycle.once, cycle.count, cycle.size) for cycle in report} >= {(False, 2, 2)}
    assert sum(cycle.size for cycle in report if cycle.once) == 8


def test_ending_twice_and_without_a_beginning() -> None:
    """Abandoning is safe at any time."""
    watch = Watch("f()", options())
    watch.abandon()
    watch.open()
    watch.abandon()
    watch.abandon()
    assert _rollover._open == {}


def test_weak_references_to_what_died_do_not_blame() -> None:
    """Promoted objects that died, and whose addresses strangers have now, are forgotten."""
    found: list[Any] = []

    @assert_no_cycles(action=found.append)
    def steps() -> Iterator[Any]:
        held = [Slot() for _ in range(50)]
        yield weakref.ref(held[0])
        held.clear()
        yield None

    generator = steps()
    reference = next(generator)
    gc.collect(0)
    next(generator)
    assert reference() is None
    strangers = [Slot() for _ in range(50)]
    for slot in strangers:
        slot.other = slot
    del strangers, slot
    gc.collect(0)
    assert list(generator) == []
    assert found == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_not_left_paused() -> None:
    """A child forked inside a call collects as the program does; other threads' pauses ended."""
    code = """
import gc, os, threading, sys, warnings
warnings.simplefilter("ignore")
from cyclefree import cycle_scope
gc.set_threshold(700, 10, 10)
inside, end = threading.Event(), threading.Event()
def other():
    with cycle_scope():
        inside.set()
        end.wait()
thread = threading.Thread(target=other)
thread.start()
inside.wait()
child = os.fork()
if not child:
    with cycle_scope() as report:
        ring = []
        ring.append(ring)
        del ring
    os._exit(report.objects == 1 and gc.get_threshold() == (700, 10, 10) and 7)
_, status = os.waitpid(child, 0)
end.set()
thread.join()
print(os.waitstatus_to_exitcode(status), gc.get_threshold())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "7 (700, 10, 10)\n", done.stderr


def test_many_threads_open_and_close_watches() -> None:
    """Whatever the order, the last one out leaves the collector as it was."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(60):
                assert_no_cycles(lambda: [[]])()
                with cycle_scope():
                    pass
        except CyclesFoundError as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
    assert _rollover._open == {}
    assert _rollover._hooked == []


@pytest.mark.parametrize("is_mark", [False, True])
def test_a_mark_is_made_again_after_a_collection(is_mark: bool) -> None:
    """A collection can start between a list and its being a mark, or before that is checked."""
    watch = Watch("f()", options(), stepped=True)
    watch.open()

    class Marks(list[Any]):
        collections = 0

        def append(self, mark: Any) -> None:
            if is_mark:
                super().append(mark)
            if self.collections:
                self.collections -= 1
                gc.collect()
            if not is_mark:
                super().append(mark)

    watch.window.marks = marks = Marks()
    for moment in (watch.enter, watch.leave):
        marks.collections = 1
        moment()
        assert marks.collections == 0
    assert not watch.finish()
    assert watch.report().method == "trial deletion"


@pytest.mark.parametrize("thorough", [False, True])
def test_what_was_told_and_not_freed_is_told_once(thorough: bool) -> None:
    """With the collector off a look frees nothing, and a later one counts nothing again."""

    @assert_no_cycles
    def clean() -> None:
        """Leave nothing; but the guard has generation 0 set aside when it has grown."""

    clean()
    gc.collect()
    gc.disable()
    try:
        kept = []
        with cycle_scope(thorough=thorough) as report:
            ring()
            for _ in range(3):
                kept.append([[number] for number in range(5_000)])
                clean()
                ring()
        assert report.objects == 4
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_look_at_a_collection_that_fails_is_told(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is inconclusive; an error is printed, and Ctrl-C is sent again to the program."""

    def fail(*arguments: object) -> None:
        raise error

    said: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: said.append(about.exc_type))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has none
    interrupted = False
    told = pytest.warns(CyclefreeWarning, match="the look at a collection was interrupted")
    with told, cycle_scope() as report:
        ring()
        with monkeypatch.context() as patch:
            patch.setattr(_rollover, "_digest", fail)
            try:
                gc.collect()
                for _ in range(1_000):  # the signal comes when the sender has had its turn
                    time.sleep(0.001)
                    if error is not KeyboardInterrupt:
                        break
            except KeyboardInterrupt:
                interrupted = True
    signal.signal(signal.SIGINT, handler)
    assert report.method == "inconclusive"
    assert interrupted == (error is KeyboardInterrupt), said
    assert said == ([] if interrupted else [RuntimeError])


def test_imports_are_followed_when_generation_0_is_set_aside() -> None:
    """With the collector off, what an import left stays known as left by an import."""
    gc.collect()
    gc.disable()
    try:
        watch = Watch("f()", options(thorough=True))
        watch.open()
        kept = []
        with watch.once():
            kept.append([[number] for number in range(5_000)])
            first = Slot()
            first.other = first
        with cycle_scope():
            """Enter a second watch: it finds generation 0 grown, and has it set aside."""
        kept.append(first.other)
        del first
        kept.pop()
        (cycle,) = watch.close()
        assert cycle.once
    finally:
        gc.enable()


def test_other_threads_during_a_collection() -> None:
    """What is found at a collection is looked at again where other threads are."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    time.sleep(0.05)  # until it waits: a thread that runs shares the window
    try:
        with cycle_scope() as report:
            ring(3)
            gc.collect()
    finally:
        done.set()
        thread.join()
    assert (report.objects, report.shared_with) == (3, ())
