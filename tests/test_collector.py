"""The only room that changes the collector's state: what it changes, and that it puts it back."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
from rings import Slot

from cyclefree import (
    CollectorError,
    _collector,
    _thresholds,
    assert_no_cycles,
    cycle_scope,
    find_cycles,
)


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Give each test the usual thresholds, whatever the interpreter's are."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_enabled_flag_is_never_touched() -> None:
    """Who switches the collector on or off inside a call finds it so afterwards."""
    assert gc.isenabled()
    assert_no_cycles(gc.disable)()
    assert not gc.isenabled()
    with cycle_scope():
        assert not gc.isenabled()
    assert_no_cycles(gc.enable)()
    assert gc.isenabled()


def test_a_pause_holds_collections_off_until_the_budget_is_spent() -> None:
    """The young threshold is raised, and the other two stay."""
    holder: list[object] = []
    _thresholds.pause(holder)
    try:
        assert gc.get_threshold() == (_thresholds.BUDGET, 10, 10)
        before = gc.get_stats()[0]["collections"]
        kept = [[] for _ in range(5_000)]
        assert gc.get_stats()[0]["collections"] == before
    finally:
        _thresholds.resume(holder)
    _thresholds.resume(holder)  # nothing is left to undo
    assert gc.get_threshold() == (700, 10, 10)
    del kept


def test_pauses_nest() -> None:
    """Only the last one out restores."""
    first, second, third = [1], [2], [3]
    for holder in (first, second, third):
        _thresholds.pause(holder)
    for holder in (first, third):
        _thresholds.resume(holder)
        assert gc.get_threshold()[0] == _thresholds.BUDGET
    _thresholds.resume(second)
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize(
    "own", [(0, 10, 10), (_thresholds.BUDGET + 1, 5, 5), (_thresholds.BUDGET, 10, 10)]
)
def test_a_threshold_that_is_off_or_larger_is_left_alone(own: tuple[int, int, int]) -> None:
    """The application's own, longer pause stays its own."""
    gc.set_threshold(*own)
    with cycle_scope():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_what_the_call_sets_stays_set() -> None:
    """A call that sets the thresholds, before or after an inner pause, gets what it asked for."""
    with cycle_scope():
        gc.set_threshold(555, 5, 5)
        with cycle_scope():
            assert gc.get_threshold() == (_thresholds.BUDGET, 5, 5)
    assert gc.get_threshold() == (555, 5, 5)
    with cycle_scope():
        gc.set_threshold(444, 4, 4)
    assert gc.get_threshold() == (444, 4, 4)


def test_threads_leave_the_thresholds_as_they_were() -> None:
    """However the pauses of many threads overlap, the last one out restores."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for _ in range(300):
            holder = [1]
            _thresholds.pause(holder)
            with _collector.undisturbed():
                pass
            _thresholds.resume(holder)

    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(700, 10, 10)
        sys.setswitchinterval(interval)


def test_a_look_asks_not_to_be_interrupted_and_no_longer() -> None:
    """The switch interval is raised while one of several looks runs; a larger one is kept."""
    interval = sys.getswitchinterval()
    with _collector.undisturbed(), _collector.undisturbed():
        assert sys.getswitchinterval() == pytest.approx(0.1)
    assert sys.getswitchinterval() == interval
    with _collector.undisturbed():
        sys.setswitchinterval(0.02)  # somebody else's wish, meanwhile
    assert sys.getswitchinterval() == pytest.approx(0.02)
    sys.setswitchinterval(0.5)
    with _collector.undisturbed():
        assert sys.getswitchinterval() == 0.5
    assert sys.getswitchinterval() == 0.5
    sys.setswitchinterval(interval)


def test_promoting_the_young_frees_nothing_and_thaws_nothing() -> None:
    """Garbage goes to the next generation unharmed, and no finalizer runs."""
    finalized: list[int] = []

    class Mortal(Slot):
        def __del__(self) -> None:
            finalized.append(1)

    gc.collect()
    frozen = gc.get_freeze_count()
    node = Mortal()
    node.other = node
    reference = weakref.ref(node)
    number = id(node)
    del node
    _collector.promote_young()
    assert reference() is not None
    assert finalized == []
    assert number not in map(id, gc.get_objects(generation=0))
    assert number in map(id, gc.get_objects(generation=1))
    assert gc.get_freeze_count() == frozen
    gc.collect()
    assert finalized == [1]


def test_moving_the_young_collects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Freezing and thawing moves garbage to the oldest generation and leaves it there."""
    if gc.get_freeze_count():
        pytest.skip("this interpreter freezes objects itself; thawing would change that")
    node = Slot()
    node.other = node
    reference = weakref.ref(node)
    number = id(node)
    del node
    gc.disable()
    try:
        _collector.move_young_to_oldest()
        assert number in map(id, gc.get_objects(generation=2))
        assert reference() is not None
        assert gc.get_freeze_count() == 0
    finally:
        gc.enable()


def test_a_frozen_heap_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting is linear, so what was once seen frozen is not counted again."""
    counts: list[int] = []

    def count() -> int:
        counts.append(1)
        return 375

    monkeypatch.setattr(_collector, "_frozen_seen", [])
    monkeypatch.setattr(gc, "get_freeze_count", count)
    assert not _collector.nothing_is_frozen()
    assert not _collector.nothing_is_frozen()
    assert counts == [1]


def test_hooks_are_found_by_identity() -> None:
    """A user's callback that can't be compared is passed over; a removed one is not missed."""

    class Quarrelsome:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("compared")

        __hash__ = None  # type: ignore[assignment]

        def __call__(self, phase: str, info: object) -> None:
            """Do nothing."""

    def hook(phase: str, info: dict[str, int]) -> None:
        """Do nothing."""

    users = Quarrelsome()
    _collector.add_hook(hook)
    gc.callbacks.append(users)
    try:
        _collector.remove_hook(hook)
        assert gc.callbacks[-1] is users
        _collector.remove_hook(hook)
        assert gc.callbacks[-1] is users
    finally:
        del gc.callbacks[-1]


def test_another_interpreter_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under PyPy there is one clear error with a way out, and no silent pass."""
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    said = "this is pypy.*CPython 3.10.*CYCLEFREE=off"
    with pytest.raises(CollectorError, match=said):
        assert_no_cycles(print)
    with pytest.raises(CollectorError, match=said):
        cycle_scope()(print)
    with pytest.raises(CollectorError, match=said), cycle_scope():
        pass
    with pytest.raises(CollectorError, match=said):
        find_cycles()
    monkeypatch.setenv("CYCLEFREE", "off")
    assert assert_no_cycles(print) is print


def test_a_saving_collection_puts_everything_back() -> None:
    """Debug flags and the user's garbage are as before, and only what was found is returned."""
    gc.collect()
    mine = Slot()
    gc.garbage.append(mine)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    try:
        node = Slot()
        node.other = node
        number = id(node)
        del node
        found = _collector.collect_into_list(thaw=False)
        assert [id(o) for o in found] == [number]
        assert gc.get_debug() == gc.DEBUG_UNCOLLECTABLE
        assert [id(item) for item in gc.garbage] == [id(mine)]
        found[0].other = None  # type: ignore[attr-defined]
    finally:
        gc.set_debug(0)
        gc.garbage.pop()


def test_what_the_application_froze_is_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a frozen heap the old garbage is collected instead, as thawing would undo the freeze."""
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 5)
    node = Slot()
    node.other = node
    reference = weakref.ref(node)
    del node
    assert not _collector.gather_old()
    assert reference() is None
