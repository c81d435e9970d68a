"""What collections did while the collector was deferred, counted by a hook; and `net_objects`."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from rings import Slot, ring

from cyclefree import _counters, gc_frozen, net_objects
from cyclefree._collector import move_young_to_oldest
from cyclefree._counters import LARGEST, on_collection


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Give each test the usual thresholds and an empty generation 0, with the collector on."""
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def runs() -> int:
    """Return how many collections the interpreter itself has counted, of all generations."""
    return sum(generation["collections"] for generation in gc.get_stats())


def hooks() -> int:
    """Return how often our hook is in `gc.callbacks`."""
    return sum(hook is on_collection for hook in gc.callbacks)


# --- who asked ------------------------------------------------------------------------------------


def test_who_asked_for_a_collection() -> None:
    """Those that come by a threshold are automatic, those that the program runs are explicit."""
    with gc_frozen(max_net_objects=500) as frozen:
        before = runs()
        kept = [Slot() for _ in range(2_600)]
        assert runs() - before == frozen.stats.automatic_collections == 5
        assert frozen.stats.explicit_collections == 0
        for generation in (0, 1, 2):
            gc.collect(generation)
        assert frozen.stats.automatic_collections == 5
        assert frozen.stats.explicit_collections == runs() - before - 5 == 3
    assert len(kept) == 2_600


def test_automatic_ones_of_every_generation_are_told() -> None:
    """With full collections deferred, those of the first two come by themselves, and count."""
    gc.set_threshold(50, 3, 1_000)
    with gc_frozen(defer="full") as frozen:
        before = [generation["collections"] for generation in gc.get_stats()]
        kept = [Slot() for _ in range(2_000)]
        after = [generation["collections"] for generation in gc.get_stats()]
        stats = frozen.stats
    young, middle, full = (new - old for new, old in zip(after, before, strict=True))
    assert young > 20
    assert middle > 5
    assert full == 0
    assert (stats.automatic_collections, stats.explicit_collections) == (young + middle, 0)
    assert stats.exceeded == 0  # no budget of ours was used up
    del kept


def test_with_the_collector_switched_off_every_collection_is_explicit() -> None:
    """However many are young: by itself the interpreter would not have run."""
    with gc_frozen(max_net_objects=100) as frozen:
        gc.disable()
        try:
            kept = [Slot() for _ in range(1_000)]
            gc.collect(0)
        finally:
            gc.enable()
        assert frozen.stats.automatic_collections == 0
        assert frozen.stats.explicit_collections == 1
        del kept


def test_with_a_threshold_of_zero_every_collection_is_explicit() -> None:
    """That, too, means that there are no automatic ones."""
    gc.set_threshold(0, 10, 10)
    with gc_frozen() as frozen:
        kept = [Slot() for _ in range(1_000)]
        gc.collect(0)
    assert (frozen.stats.automatic_collections, frozen.stats.explicit_collections) == (0, 1)
    del kept


def test_which_automatic_collections_used_up_a_budget() -> None:
    """Those below our thresholds count as exceeding; with the application's own they do not."""
    with gc_frozen(max_net_objects=500) as frozen:
        kept = [Slot() for _ in range(1_100)]
        assert (frozen.stats.automatic_collections, frozen.stats.exceeded) == (2, 2)
        gc.set_threshold(100, 10, 10)  # by the application, which has it stay
        kept += [Slot() for _ in range(350)]
        stats = frozen.stats
        gc.set_threshold(500, LARGEST, LARGEST)
    assert stats.automatic_collections >= 5
    assert stats.exceeded == 2
    gc.set_threshold(700, 10, 10)
    del kept


# --- time -----------------------------------------------------------------------------------------


def test_pauses_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """From each collection's first callback to its last."""
    times = iter([1_000, 1_030, 5_000, 5_400])
    monkeypatch.setattr(_counters, "perf_counter_ns", lambda: next(times))
    with gc_frozen() as frozen:
        gc.collect(0)
        assert frozen.stats.pause_ns == 30
        gc.collect(1)
        assert frozen.stats.pause_ns == 430
    assert frozen.stats.pause_ns == 430


def test_pauses_are_real() -> None:
    """Each collection makes the pause grow; without one it stays."""
    with gc_frozen() as frozen:
        assert frozen.stats.pause_ns == 0
        gc.collect()
        first = frozen.stats.pause_ns
        assert first > 0
        assert frozen.stats.pause_ns == first
        gc.collect()
        assert frozen.stats.pause_ns > first


def test_half_a_collection_is_none() -> None:
    """A hook that was put in while a collection ran sees its end only, and counts nothing."""
    before = _counters.totals
    on_collection("stop", {"generation": 0, "collected": 7, "uncollectable": 0})
    assert _counters.totals == before


# --- the hook -------------------------------------------------------------------------------------


def test_the_hook_is_there_only_meanwhile() -> None:
    """Once while scopes are open, however many; a user's callback stays where it is."""

    def users(phase: str, info: dict[str, int]) -> None:
        """Do nothing."""

    assert hooks() == 0
    first, second = gc_frozen(), gc_frozen(max_net_objects=10_000)
    with first, first:
        assert hooks() == 1
        with second:
            assert hooks() == 1
            gc.callbacks.append(users)
        assert hooks() == 1
    assert hooks() == 0
    assert gc.callbacks.pop() is users
    gc.collect()
    assert first.stats.explicit_collections == 0
    for guard in (gc_frozen(defer="full"), gc_frozen(max_net_objects=None), gc_frozen(check=1)):
        with guard:
            assert hooks() == 1
        assert hooks() == 0


def test_the_hook_goes_after_an_exception() -> None:
    """An exception that leaves the scope leaves no hook."""
    with pytest.raises(KeyError), gc_frozen():
        raise KeyError
    assert hooks() == 0


# --- net objects ----------------------------------------------------------------------------------


def test_net_objects_counts_what_is_kept() -> None:
    """1,000 lists that are kept, and 1,000 rings that nobody frees, are 1,000 more each."""
    with gc_frozen():
        before = net_objects()
        kept: list[list[int]] = [[] for _ in range(1_000)]  # free lists hold up to 80
        assert 900 <= net_objects() - before <= 1_080
        del kept
        assert -50 <= net_objects() - before <= 150
        before = net_objects()
        for _ in range(500):
            ring(2)
        assert 1_000 <= net_objects() - before <= 1_080
        before = net_objects()
        temporary = sum(len([number]) for number in range(1_000))
        assert abs(net_objects() - before) <= 50
    assert temporary == 1_000


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_net_objects_over_collections(generation: int) -> None:
    """While a scope is open, what a collection frees is subtracted, and what it moves on is not."""
    with gc_frozen() as frozen:
        before = net_objects()
        kept = [Slot() for _ in range(1_000)]
        ring(300)
        assert 1_300 <= net_objects() - before <= 1_380
        gc.collect(generation)
        assert 1_000 <= net_objects() - before <= 1_080
        gc.collect(generation)
        assert 1_000 <= net_objects() - before <= 1_080
        assert 1_000 <= frozen.stats.net_objects <= 1_080
        kept.clear()
        # The young counter does not go below zero: what dies older than it is not seen.
        assert net_objects() - before <= 1_080


def test_net_objects_over_automatic_collections() -> None:
    """It goes on over the collections by which the interpreter keeps a budget."""
    with gc_frozen(max_net_objects=400) as frozen:
        ran, before = runs(), net_objects()
        kept = [Slot() for _ in range(3_000)]
        for _ in range(300):
            ring(2)
        assert frozen.stats.automatic_collections == runs() - ran >= 8
        gc.collect(1)
        assert 3_000 <= net_objects() - before <= 3_080
        del kept


def test_what_is_moved_without_a_collection_is_counted_on() -> None:
    """A guard that makes room takes nothing away from the estimate."""
    if gc.get_freeze_count():
        pytest.skip("this interpreter freezes objects itself; thawing would change that")
    with gc_frozen() as frozen:
        before = net_objects()
        moved = _counters.totals.moved
        kept = [Slot() for _ in range(1_000)]
        move_young_to_oldest()
        assert gc.get_count()[0] < 50
        assert 1_000 <= net_objects() - before <= 1_080
        assert _counters.totals.moved == moved + 1
        assert frozen.stats.explicit_collections == 0
        del kept


def test_the_totals_of_a_moment_cost_nothing_to_remember() -> None:
    """They are one tuple, replaced by each collection and by nothing else."""
    with gc_frozen():
        moment = _counters.totals
        kept = [Slot() for _ in range(100)]
        assert _counters.totals is moment
        gc.collect(0)
        assert _counters.totals is not moment
        assert _counters.totals.explicit == moment.explicit + 1
    last = _counters.totals
    gc.collect(0)
    assert _counters.totals is last  # no scope is open
    del kept
