"""Budgets and figures of the time in which a `gc_frozen` is open, with clock and memory as told."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from rings import Slot, ring
from test_counters import hooks, runs

from cyclefree import (
    BudgetExceededError,
    CyclefreeWarning,
    FrozenScope,
    GCStats,
    _budget,
    _period,
    gc_frozen,
)
from cyclefree._collector import move_young_to_oldest

MIB = 2**20


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Give each test the usual thresholds and an empty generation 0, with the collector on."""
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


class Clock:
    """The time in nanoseconds, which passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class Memory:
    """The resident memory, as it is told."""

    def __init__(self) -> None:
        self.size = 100 * MIB
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.size


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let no time pass by itself, so that no checkpoint waits because of the one before."""
    made = Clock()
    monkeypatch.setattr(_period, "perf_counter_ns", made)
    monkeypatch.setattr(_period, "thread_time_ns", made)
    return made


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Let a test say how much memory the process has."""
    made = Memory()
    monkeypatch.setattr(_period, "resident", made)
    monkeypatch.setattr(_budget, "can_tell_resident", lambda: True)
    return made


@pytest.fixture
def collected() -> Iterator[list[int]]:
    """List the generations that are collected."""
    generations: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            generations.append(info["generation"])

    gc.callbacks.insert(0, note)
    yield generations
    gc.callbacks.remove(note)


def old_garbage(number: int) -> list[Any]:
    """Make rings that are alive until the list is cleared."""
    rings = []
    for _ in range(number):
        slot = Slot()
        slot.other = slot
        rings.append(slot)
    return rings


# --- the share of the time ------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "pause"), [(100, 1_000), (7, 3), (5_000, 40)])
def test_checkpoints_take_a_twentieth_of_the_time(clock: Clock, step: int, pause: int) -> None:
    """However often they are asked to, they collect for 5 % of the time, and all of those."""
    spent = 0

    def slow(phase: str, info: dict[str, int]) -> None:
        nonlocal spent
        if phase == "start":
            spent += pause
            clock.now += pause

    gc.callbacks.append(slow)
    try:
        with gc_frozen() as frozen:
            frozen.checkpoint(idle=True)
            assert spent == pause  # the first one need not wait
            for _ in range(2_000):
                clock.now += step
                before = spent
                frozen.checkpoint(idle=True)
                # What has been spent before this one is a twentieth of the time, at most.
                assert spent == before or before * 20 <= clock.now - pause
        assert spent <= clock.now / 20 + pause
        wait = max(19 * pause, step)  # nor does it wait longer than it has to
        assert spent // pause >= clock.now // (wait + pause + step)
    finally:
        gc.callbacks.remove(slow)


def test_the_share_counts_for_budgets_too(clock: Clock, collected: list[int]) -> None:
    """A budget that is exceeded all the time does not make each checkpoint a collection."""

    def slow(phase: str, info: dict[str, int]) -> None:
        clock.now += 50

    gc.callbacks.append(slow)
    kept: list[Any] = []
    try:
        with gc_frozen(max_net_objects=1_000_000) as frozen:
            frozen._bar = -1  # as if the budget were one object
            frozen.checkpoint()
            assert collected == [1]
            for _ in range(18):
                clock.now += 100
                frozen._bar = -1
                assert frozen.checkpoint() == 0
            assert collected == [1]
            clock.now += 100
            frozen._bar = -1
            frozen.checkpoint()
            assert collected == [1, 1]
            assert frozen.stats.exceeded == 2  # what was not acted on is the same as before
    finally:
        gc.callbacks.remove(slow)
    del kept


# --- the budget of objects ------------------------------------------------------------------------


def test_a_checkpoint_below_the_budget_does_nothing(collected: list[int]) -> None:
    """No collection, nothing counted."""
    with gc_frozen(max_net_objects=1_000) as frozen:
        kept = old_garbage(900)
        assert frozen.checkpoint() == 0
        assert collected == []
        assert frozen.stats.exceeded == 0
        assert 900 <= frozen.stats.net_objects <= 960
    kept.clear()


def test_beyond_the_budget_a_checkpoint_collects_what_was_born(
    clock: Clock, collected: list[int]
) -> None:
    """Also what the interpreter's own net has moved on meanwhile; it says how many it freed."""
    with gc_frozen(max_net_objects=1_000) as frozen:
        kept = old_garbage(1_200)
        assert collected == [0]  # the net
        kept.clear()
        clock.now += 1
        assert frozen.checkpoint() == 1_200
        assert collected == [0, 1]
        assert frozen.checkpoint() == 0
        assert collected == [0, 1]
        stats = frozen.stats
    assert (stats.automatic_collections, stats.explicit_collections) == (1, 1)
    assert stats.exceeded == 2  # by the net, and by the checkpoint
    assert abs(stats.net_objects) <= 50


def test_it_is_exceeded_again_only_after_as_much_again(clock: Clock, collected: list[int]) -> None:
    """What is still alive after a collection is no reason for another one."""
    with gc_frozen(max_net_objects=10_000, defer="full") as frozen:
        gc.set_threshold(0, 10, 10)  # the young stay, so that each collection is a checkpoint's
        kept = [Slot() for _ in range(10_100)]
        frozen.checkpoint()
        assert collected == [2]
        kept += [Slot() for _ in range(9_900)]
        frozen.checkpoint()
        assert collected == [2]
        kept += [Slot() for _ in range(200)]
        frozen.checkpoint()
        assert collected == [2, 2]
        assert frozen.stats.exceeded == 2
        gc.set_threshold(700, 10, 10)
    del kept


def test_a_new_beginning_has_a_new_budget(collected: list[int]) -> None:
    """What was kept while the guard was open before is not counted again; its figures are."""
    guard = gc_frozen(max_net_objects=1_000, on_exceed="raise")
    kept = []
    for _ in range(3):
        with guard:
            kept += [Slot() for _ in range(600)]
            guard.checkpoint()
        gc.collect(0)
    assert guard.stats.exceeded == 0
    assert 1_750 <= guard.stats.net_objects <= 1_900
    assert guard.stats.explicit_collections == 0  # those were in between


def test_without_a_budget_nothing_is_exceeded(collected: list[int]) -> None:
    """With `max_net_objects=None` a checkpoint collects only when somebody is idle."""
    with gc_frozen(max_net_objects=None, on_exceed="raise") as frozen:
        kept = old_garbage(30_000)
        kept.clear()
        assert frozen.checkpoint() == 0
        assert collected == []
        assert frozen.checkpoint(idle=True) == 30_000
        assert collected == [1]
    assert frozen.stats.exceeded == 0


# --- what then ------------------------------------------------------------------------------------


def test_idle_collects_what_is_young(clock: Clock, collected: list[int]) -> None:
    """Nothing that is older than the scope is looked at."""
    with gc_frozen() as frozen:
        ring(40)
        assert frozen.checkpoint(idle=True) == 40
        assert collected == [1]
        assert frozen.checkpoint(idle=True) == 0
        assert collected == [1, 1]
    assert frozen.stats.exceeded == 0


def test_idle_with_full_collections_deferred_is_a_full_one(
    clock: Clock, collected: list[int]
) -> None:
    """Young collections have moved the scope's objects on to the oldest generation."""
    with gc_frozen(defer="full") as frozen:
        kept = old_garbage(20)
        gc.collect(1)
        kept.clear()
        assert frozen.checkpoint(idle=True) == 20
    assert collected == [1, 2]


def test_what_a_guard_has_moved_is_reached(clock: Clock, collected: list[int]) -> None:
    """Where a look has moved the young to the oldest generation, a checkpoint goes there."""
    if gc.get_freeze_count():
        pytest.skip("this interpreter freezes objects itself; thawing would change that")
    with gc_frozen() as frozen:
        ring(50)
        move_young_to_oldest()
        assert frozen.checkpoint(idle=True) == 50
        ring(30)
        assert frozen.checkpoint(idle=True) == 30
        assert collected == [2, 1]  # one full collection has reached all that was moved
        ring(20)
        move_young_to_oldest()
        assert frozen.checkpoint(idle=True) == 20
    assert collected == [2, 1, 2]


def test_what_outlives_a_checkpoint_is_collected_later(clock: Clock, collected: list[int]) -> None:
    """When a collection of the young leaves more than the budget, the next one is of everything."""
    with gc_frozen(max_net_objects=10_000) as frozen:
        kept = old_garbage(9_000)
        frozen.checkpoint(idle=True)
        kept += old_garbage(1_500)
        frozen.checkpoint(idle=True)  # leaves 10,500 in the oldest generation
        kept.clear()
        assert frozen.checkpoint(idle=True) == 10_500
        frozen.checkpoint(idle=True)
        assert collected == [1, 1, 2, 1]


def test_a_checkpoint_while_the_guard_is_not_open(clock: Clock, collected: list[int]) -> None:
    """Between its times of being open it collects everything, when somebody is idle."""
    guard = gc_frozen(max_net_objects=1)
    kept = old_garbage(60)
    assert guard.checkpoint() == 0
    assert collected == []
    kept.clear()
    assert guard.checkpoint(idle=True) == 60
    assert collected == [2]
    assert guard.stats == GCStats()


def exceed(guard: FrozenScope, kept: list[Any]) -> None:
    """Keep more than a budget of 1,000."""
    kept += [Slot() for _ in range(1_100)]
    guard.checkpoint()


def test_warning_beyond_a_budget(collected: list[int]) -> None:
    """A warning with what has piled up, what is allowed, and what to do; then as much again."""
    kept: list[Any] = []
    with gc_frozen(max_net_objects=1_000, on_exceed="warn") as frozen:
        with pytest.warns(CyclefreeWarning, match=r"^about 1,\d\d\d objects have piled up") as told:
            exceed(frozen, kept)
        text = str(told[0].message)
        assert "max_net_objects=1,000" in text
        assert "cycle_scope()" in text
        assert "checkpoint(idle=True)" in text
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frozen.checkpoint()
        with pytest.warns(CyclefreeWarning, match=r"^about 2,\d\d\d objects"):
            exceed(frozen, kept)
    assert set(collected) == {0}  # the net alone
    assert frozen.stats.exceeded == 4


def test_an_idle_checkpoint_warns_and_collects(clock: Clock, collected: list[int]) -> None:
    """One does not take the place of the other."""
    with gc_frozen(max_net_objects=1_000, on_exceed="warn") as frozen:
        kept = old_garbage(1_100)
        kept.clear()
        with pytest.warns(CyclefreeWarning):
            assert frozen.checkpoint(idle=True) == 1_100
    assert collected == [0, 1]


def test_raising_beyond_a_budget() -> None:
    """The error has the figures of that moment, and the scope goes on as it was."""
    kept: list[Any] = []
    with gc_frozen(max_net_objects=1_000, on_exceed="raise") as frozen:
        with pytest.raises(BudgetExceededError, match="objects have piled up in gc_frozen") as told:
            exceed(frozen, kept)
        assert told.value.stats.exceeded == 2
        assert 1_100 <= told.value.stats.net_objects <= 1_250
        assert str(told.value) == told.value.args[0]
        assert gc.get_threshold()[0] == 1_000
        frozen.checkpoint()
        with pytest.raises(BudgetExceededError):
            exceed(frozen, kept)


def test_restoring_beyond_a_budget() -> None:
    """The collector goes on as without the guard, at once; the other guards keep theirs."""
    kept: list[Any] = []
    with gc_frozen(max_net_objects=1_000, on_exceed="restore") as frozen:
        assert gc.get_threshold()[0] == 1_000
        exceed(frozen, kept)
        assert gc.get_threshold() == (700, 10, 10)
        assert hooks() == 0
        ran = runs()
        kept += [Slot() for _ in range(5_000)]
        assert runs() > ran + 5
        assert gc.get_threshold() == (700, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)
    with gc_frozen(max_net_objects=50_000):
        with gc_frozen(max_net_objects=1_000, on_exceed="restore") as frozen:
            exceed(frozen, kept)
            assert gc.get_threshold()[0] == 50_000
        assert gc.get_threshold()[0] == 50_000


def test_what_is_restored_is_no_longer_counted() -> None:
    """After "restore" the figures stay those of the time in which the collector was held off."""
    kept: list[Any] = []
    with gc_frozen(max_net_objects=1_000, on_exceed="restore") as frozen:
        exceed(frozen, kept)
        stats = frozen.stats
        kept += [Slot() for _ in range(5_000)]
        gc.collect()
        frozen.checkpoint()
        assert frozen.stats == stats
    assert frozen.stats == stats
    assert 1_080 <= stats.net_objects <= 1_180


def test_it_begins_anew_after_it_was_restored() -> None:
    """The next time that it is open, each of its entries holds the collector off again."""
    kept: list[Any] = []
    guard = gc_frozen(max_net_objects=1_000, on_exceed="restore")
    with guard:
        exceed(guard, kept)
        with guard:
            assert gc.get_threshold() == (700, 10, 10)
    guard.enter()
    guard.enter()
    guard.leave(failed=False)
    assert gc.get_threshold()[0] == 1_000
    guard.leave(failed=False)
    assert gc.get_threshold() == (700, 10, 10)


# --- the budget of memory -------------------------------------------------------------------------


def test_growth_of_memory(clock: Clock, memory: Memory, collected: list[int]) -> None:
    """Beyond it a checkpoint collects what is young, and if that does not help, all."""
    with gc_frozen(max_rss="10 MiB") as frozen:
        memory.size += 10 * MIB
        assert frozen.checkpoint() == 0
        assert collected == []
        memory.size += 1
        frozen.checkpoint()
        assert collected == [1, 2]
        frozen.checkpoint()
        assert collected == [1, 2]  # as much again is allowed
        memory.size += 10 * MIB + 1
        frozen.checkpoint()
        assert collected == [1, 2, 1, 2]
        assert frozen.stats.exceeded == 2
        assert frozen.stats.rss_growth == 20 * MIB + 2
    assert frozen.stats.rss_growth == 20 * MIB + 2
    memory.size = 0
    assert frozen.stats.rss_growth == 20 * MIB + 2


def test_growth_that_a_young_collection_undoes(
    clock: Clock, memory: Memory, collected: list[int]
) -> None:
    """No full one comes after a young one that was enough."""

    class Big(Slot):
        def __del__(self) -> None:
            memory.size -= 50 * MIB

    with gc_frozen(max_rss="10 MiB") as frozen:
        big = Big()
        big.other = big
        memory.size += 50 * MIB
        del big
        assert frozen.checkpoint() == 1
    assert collected == [1]
    assert frozen.stats.rss_growth == 0


@pytest.mark.parametrize("on_exceed", ["warn", "raise"])
def test_growth_is_told(memory: Memory, on_exceed: Any) -> None:
    """With the bytes, and the budget that they exceed, at a checkpoint and at the exit."""
    said = r"has grown by 11,000,000 bytes in gc_frozen\(\), and max_rss allows 10,000,000;"

    def told() -> Any:
        if on_exceed == "warn":
            return pytest.warns(CyclefreeWarning, match=said)
        return pytest.raises(BudgetExceededError, match=said)

    with gc_frozen(max_rss="10 MB", on_exceed=on_exceed) as frozen:
        memory.size += 11_000_000
        with told():
            frozen.checkpoint()
        frozen.checkpoint()
    with told(), gc_frozen(max_rss=10_000_000, on_exceed=on_exceed):
        memory.size += 11_000_000


def test_each_beginning_starts_from_the_memory_there_is(memory: Memory) -> None:
    """Growth in between is not the guard's; its own is added up."""
    guard = gc_frozen(max_rss="10 MiB", on_exceed="raise")
    for _ in range(3):
        memory.size += 500 * MIB
        with guard, guard:
            memory.size += 6 * MIB
    assert guard.stats.rss_growth == 18 * MIB
    memory.size -= 900 * MIB
    with guard:
        memory.size -= MIB
        assert guard.stats.rss_growth == 17 * MIB


def test_memory_is_read_only_where_that_is_asked_for(memory: Memory) -> None:
    """Without `max_rss` no checkpoint, exit or figure reads it."""
    with gc_frozen(max_net_objects=10) as frozen:
        frozen.checkpoint(idle=True)
        assert frozen.stats.rss_growth is None
    assert frozen.stats.rss_growth is None
    assert memory.asked == 0


# --- figures --------------------------------------------------------------------------------------


def test_net_objects_at_the_exit_are_those_inside() -> None:
    """The collector that goes on at the exit takes nothing away, whatever the exit has to do."""
    for options in ({}, {"max_rss": "1 TB"}, {"max_net_objects": 4_000}, {"defer": "full"}):
        kept = []
        with gc_frozen(**options) as frozen:
            gc.collect(0)
            kept += [Slot() for _ in range(5_000)]
            inside = frozen.stats
        for _ in range(3):
            gc.collect()
        assert 5_000 <= inside.net_objects <= 5_080
        assert inside.net_objects - 50 <= frozen.stats.net_objects <= inside.net_objects + 80
        del kept


def test_the_figures_keep_nothing_alive(memory: Memory) -> None:
    """Neither a guard nor its figures, its errors or warnings hold an object of the program."""
    mine = Slot()
    reference = weakref.ref(mine)
    guard = gc_frozen(max_rss="1 MiB", on_exceed="raise")
    with pytest.raises(BudgetExceededError) as told, guard:
        memory.size += 2 * MIB
    stats = guard.stats
    del mine
    assert reference() is None
    assert told.value.stats == stats
    gone = weakref.ref(guard)
    told = None  # type: ignore[assignment]
    gc.disable()
    try:
        del guard
        assert gone() is None  # and there is no cycle in it
    finally:
        gc.enable()
