"""Builds on which looking does not work: real collections, behind a double of the self-test."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from rings import Slot, ring

from cyclefree import CyclefreeWarning, CyclesFoundError, _fallback, assert_no_cycles, cycle_scope
from cyclefree._options import options


@pytest.fixture
def without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the self-test has failed, in an application that has frozen its heap.

    Where nothing is frozen the fallback freezes and thaws, and thawing would not be undone where
    the interpreter has frozen objects of its own (3.12.1): that is tested in processes.
    """

    def fail() -> None:
        raise AssertionError("the application's frozen heap was touched")

    monkeypatch.setattr(_fallback, "_looking_works", False)
    monkeypatch.setattr(_fallback, "_warned", [None])
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 7)
    monkeypatch.setattr(gc, "freeze", fail)
    monkeypatch.setattr(gc, "unfreeze", fail)


USES: list[Any] = [
    lambda guard: guard(ring)(3),
    lambda guard: _block(guard),
    lambda guard: _run(guard(_wait)()),
    lambda guard: list(guard(_generate)()),
]


def _block(guard: Any) -> None:
    with guard:
        ring(3)


async def _wait() -> None:
    ring(3)


def _generate() -> Iterator[int]:
    yield 1
    ring(3)


def _run(coroutine: Any) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        pass


@pytest.mark.parametrize("use", USES)
def test_counts(without_looking: None, use: Any) -> None:
    """Every kind of guard counts what the collector counts, and says that it was the collector."""
    found: list[Any] = []
    use(assert_no_cycles(action=found.append))
    (report,) = found
    assert (report.objects, len(report), report.method) == (3, 1, "collector")
    with pytest.raises(CyclesFoundError):
        use(assert_no_cycles())


def test_clean_and_failed_calls(without_looking: None) -> None:
    """A clean call passes, and an exception passes without a collection."""
    assert assert_no_cycles(lambda: 5)() == 5
    with cycle_scope() as report, report_once():
        kept = Slot()
    assert (report.objects, report.method) == (0, "collector")

    def fail() -> None:
        slot = Slot()
        slot.other = slot
        references.append(weakref.ref(slot))
        raise KeyError("mine")

    references: list[Any] = []
    with pytest.raises(KeyError, match="mine"):
        assert_no_cycles(fail)()
    assert references[0]() is not None
    del kept


def report_once() -> Any:
    """Use the part of a watch that the audit uses around imports."""
    return _fallback.CollectorWatch("f()", options()).once()


def test_flags_and_garbage_are_put_back(without_looking: None) -> None:
    """The user's debug flags and what is in `gc.garbage` are as before."""
    mine = [Slot()]
    gc.garbage.extend(mine)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    try:
        with cycle_scope() as report:
            ring(4)
        assert gc.get_debug() == gc.DEBUG_UNCOLLECTABLE
        assert [id(o) for o in gc.garbage] == [id(o) for o in mine]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert report.objects == 4


def test_ending_twice(without_looking: None) -> None:
    """A watch that has ended stays so."""
    watch = _fallback.new_watch("f()", options(), stepped=True)
    watch.open()
    watch.enter()
    ring()
    watch.leave()
    assert watch.close().objects == 1
    watch.abandon()
    assert watch.finish()
    assert watch.looked == 1


def test_it_says_so_once(without_looking: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning in a process, at the first guard that is used."""
    monkeypatch.setattr(_fallback, "_warned", [])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            with cycle_scope():
                pass
    assert [warning.category for warning in caught] == [CyclefreeWarning]
    assert "free-threaded" in str(caught[0].message)


_PROGRAM = """
import gc, sys, warnings
warnings.simplefilter("ignore")
import cyclefree._fallback
from cyclefree import cycle_scope, assert_no_cycles
cyclefree._fallback._looking_works = False
class Slot:
    __slots__ = ("other",)
def ring():
    slot = Slot()
    slot.other = slot
gc.collect()
gc.unfreeze()  # 3.12.1 freezes some itself
if "frozen" in sys.argv:
    gc.freeze()
def generate():
    yield ring()
def used():
    with cycle_scope() as report:
        ring()
    list(cycle_scope(action=lambda report: counts.append(report.objects))(generate)())
    try:
        with cycle_scope():
            raise KeyError
    except KeyError:
        pass
    try:
        assert_no_cycles(lambda: sys.exit())()
    except SystemExit:
        pass
    return report.objects
counts = []
before = gc.get_freeze_count()
objects = [used() for _ in range(3)]
print(objects, counts, gc.get_freeze_count() == before, bool(before))
"""


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_heap_stays_frozen(frozen: bool) -> None:
    """What the application has frozen is frozen afterwards, and nothing else is."""
    command = [sys.executable, "-c", _PROGRAM, *["frozen"] * frozen]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.stdout == f"[1, 1, 1] [1, 1, 1] True {frozen}\n", done.stderr
