"""`gc_frozen` against a model: whatever comes in which order, the application gets its collector.

The model knows nothing of how it is done. It holds what the application would have without us, and
what is open; from that follows what the thresholds have to be at each moment.
"""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from test_freeze_shared import Worker
from test_thresholds import OWN, Thresholds, assert_idle, expected, hooks

from cyclefree import GCStats, _collector, _thresholds, cycle_scope, gc_frozen
from cyclefree._counters import LARGEST
from cyclefree._frozen_scope import FrozenScope
from cyclefree._thresholds import BUDGET, FULL_ONLY
from cyclefree.cycles import CycleScope

GUARDS: tuple[Callable[[], FrozenScope], ...] = (
    gc_frozen,
    lambda: gc_frozen(max_net_objects=5_000),
    lambda: gc_frozen(max_net_objects=5_000, on_exit="young"),
    lambda: gc_frozen(max_net_objects=400_000),
    lambda: gc_frozen(defer="full"),
    lambda: gc_frozen(defer="full", on_exit="young"),
)

# None of these is a budget, ours or the largest: what is set to the same can't be told apart.
VALUES = st.one_of(
    st.tuples(st.sampled_from([0, 650, 700, 2_001, 300_000])),
    st.tuples(st.sampled_from([0, 650, 2_001]), st.sampled_from([0, 5, 11])),
    st.tuples(st.sampled_from([650, 2_001]), st.sampled_from([5, 11]), st.sampled_from([0, 7, 13])),
)

PLACES = st.sampled_from(["here", "thread", "task"])


@dataclass
class Entry:
    """A block that is open."""

    guard: FrozenScope
    place: str
    end: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    task: asyncio.Task[None] | None = None


class Application(RuleBasedStateMachine):
    """A program that opens and closes guards, and does with the collector what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.before = (gc.isenabled(), gc.get_threshold(), _callbacks(), gc.get_freeze_count())
        self.frozen_seen = list(_collector._frozen_seen)
        self.worker = Worker()
        self.loop = asyncio.new_event_loop()
        self.guards = [make() for make in GUARDS]
        self.entries: list[Entry] = []
        self.looks: list[tuple[CycleScope, str]] = []
        # What the application would have without us:
        self.enabled = True
        self.thresholds: Thresholds = OWN
        self.is_frozen = False
        # When it was deferred last, what it had, and which of its thresholds it has set since:
        self.deferred_over: Thresholds = OWN
        self.set_since: set[int] = set()
        self.may_be_unpaused = False
        gc.enable()
        gc.set_threshold(*OWN)

    # -- guards --------------------------------------------------------------------------

    @initialize(number=st.integers(0, len(GUARDS) - 1))
    def begin_with_one(self, number: int) -> None:
        """Have a scope open from the beginning, as most orders that matter begin so."""
        self.enter(number, "here")

    @rule(number=st.integers(0, len(GUARDS) - 1), place=PLACES)
    def enter(self, number: int, place: str) -> None:
        """Enter a guard, which may be open already."""
        entry = Entry(self.guards[number], place)
        if place == "here":
            assert entry.guard.__enter__() is entry.guard
        elif place == "thread":
            self.worker.do(entry.guard.__enter__)
        else:
            entry.task = self.loop.create_task(_block(entry))
            self._run()
        self.entries.append(entry)
        self._has_deferred()

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), fails=st.booleans(), elsewhere=st.booleans())
    def leave(self, data: st.DataObject, fails: bool, elsewhere: bool) -> None:
        """Leave any of them, also with an exception, or in another thread than it was entered."""
        at = data.draw(st.integers(0, len(self.entries) - 1))
        self._leave(self.entries.pop(at), fails, elsewhere)

    def _leave(self, entry: Entry, fails: bool = False, elsewhere: bool = False) -> None:
        error = ValueError("of the block") if fails else None
        kind = ValueError if fails else None
        if entry.task is not None:
            entry.error = error
            entry.end.set()
            self._run()
            assert entry.task.done()
            assert entry.task.exception() is error
        elif (entry.place == "here") != elsewhere:
            entry.guard.__exit__(kind, error, None)
        else:
            self.worker.do(lambda: entry.guard.__exit__(kind, error, None))
        if not self.entries:
            self.may_be_unpaused = False

    @rule(number=st.integers(0, len(GUARDS) - 1), values=st.none() | VALUES, fails=st.booleans())
    def call(self, number: int, values: tuple[int, ...] | None, fails: bool) -> None:
        """Call a decorated function, in which the application may set thresholds, and may fail."""
        entry = Entry(self.guards[number], "here")

        def function() -> None:
            self.entries.append(entry)
            self._has_deferred()
            self.as_it_is_to_be()
            if values is not None:
                self.set_thresholds(values)
                self.as_it_is_to_be()
            if fails:
                raise KeyError(number)

        try:
            entry.guard(function)()
        except KeyError:
            assert fails
        self.entries.remove(entry)
        if not self.entries:
            self.may_be_unpaused = False

    @rule(place=st.sampled_from(["here", "thread"]))
    def begin_to_look(self, place: str) -> None:
        """Open a guard that looks for cycles, which pauses the collector."""
        look = cycle_scope()
        self._do(place, look.__enter__)
        self.looks.append((look, place))
        self.may_be_unpaused = False

    @precondition(lambda self: self.looks)
    @rule(data=st.data(), fails=st.booleans())
    def end_to_look(self, data: st.DataObject, fails: bool) -> None:
        """Close any of them."""
        self._end_to_look(data.draw(st.integers(0, len(self.looks) - 1)), fails)

    def _end_to_look(self, at: int, fails: bool = False) -> None:
        look, place = self.looks.pop(at)
        error = ValueError("of the block") if fails else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # gc.freeze() inside makes it inconclusive
            self._do(place, lambda: look.__exit__(type(error) if error else None, error, None))
        self.may_be_unpaused = False

    def _do(self, place: str, what: Callable[[], object]) -> None:
        if place == "here":
            what()
        else:
            self.worker.do(what)

    def _run(self) -> None:
        """Let all tasks run as far as they can."""
        for _ in range(3):
            self.loop.run_until_complete(asyncio.sleep(0))

    def _has_deferred(self) -> None:
        """A new beginning takes the place of what the application has set since the last one."""
        self.deferred_over = self.thresholds
        self.set_since = set()
        self.may_be_unpaused = False

    # -- the application -----------------------------------------------------------------

    @rule()
    def enable(self) -> None:
        """Call `gc.enable()`, as libraries do."""
        gc.enable()
        self.enabled = True

    @rule()
    def disable(self) -> None:
        """Call `gc.disable()`."""
        gc.disable()
        self.enabled = False

    @rule(values=VALUES)
    def set_thresholds(self, values: tuple[int, ...]) -> None:
        """Set one, two or all three of the thresholds."""
        gc.set_threshold(*values)
        first, second, third = (*values, *self.thresholds[len(values) :])
        self.thresholds = (first, second, third)
        self.set_since |= set(range(len(values)))
        self.may_be_unpaused = True

    @rule()
    def collect(self) -> None:
        """Collect, explicitly; not all, which is Hypothesis's, too."""
        gc.collect(1)

    @precondition(lambda self: not self.before[3])
    @rule()
    def freeze(self) -> None:
        """Set the heap aside; not where the interpreter has frozen objects, as on 3.12.1."""
        gc.freeze()
        self.is_frozen = True

    @precondition(lambda self: self.is_frozen)
    @rule()
    def unfreeze(self) -> None:
        """Thaw what was frozen, which must still be so."""
        assert gc.get_freeze_count() > 0
        gc.unfreeze()
        self.is_frozen = False

    @rule(keep=st.booleans(), number=st.sampled_from([100, 400, 1_500]))
    def allocate(self, keep: bool, number: int) -> None:
        """Make objects, to be kept or as garbage; below the budget no collection comes of it."""
        budgets = [entry.guard._options.young for entry in self.entries]
        smallest = min((budget for budget in budgets if budget != FULL_ONLY), default=0)
        is_ours = self.entries and not self.set_since and self.deferred_over[0] > 0
        if smallest and gc.get_count()[0] + 2 * number + 500 > smallest:
            gc.collect(0)  # what was made in between by others; the budget is counted from there
        before, stats = self._read()
        kept = []
        for _ in range(number):
            ring: list[Any] = []
            ring.append(ring if not keep else None)
            kept.append(ring if keep else None)
        del ring
        after, now = self._read()
        if is_ours:
            assert after[2] == before[2]
            if smallest:
                assert after == before
            for earlier, later in zip(stats, now, strict=True):
                new = later.automatic_collections - earlier.automatic_collections
                assert new == sum(after) - sum(before)

    def _read(self) -> tuple[list[int], list[GCStats]]:
        """Return how many collections there were, and the figures of all entries as of then."""
        while True:  # what is read is made of objects: with "full" a collection may come meanwhile
            collections = _collections()
            stats = [entry.guard.stats for entry in self.entries]
            if collections == _collections():
                return collections, stats

    # -- what has to be ------------------------------------------------------------------

    @invariant()
    def as_it_is_to_be(self) -> None:
        """The flag is the application's, and the thresholds are its own or as they are deferred."""
        assert gc.isenabled() == self.enabled
        assert hooks() == bool(self.entries)
        budgets = [entry.guard._options.young for entry in self.entries]
        if not budgets and not self.looks:
            assert gc.get_threshold() == self.thresholds
            assert_idle()
            return
        deferred = expected(self.deferred_over, budgets, 0) if budgets else self.thresholds
        wanted = [
            own if at in self.set_since else ours
            for at, (own, ours) in enumerate(zip(self.thresholds, deferred, strict=True))
        ]
        young, *older = gc.get_threshold()
        assert older == wanted[1:]
        allowed = {wanted[0]}
        if self.looks and 0 < wanted[0] < BUDGET and older != [LARGEST, LARGEST]:
            allowed = {BUDGET, wanted[0]} if self.may_be_unpaused else {BUDGET}
        assert young in allowed

    def teardown(self) -> None:
        """Leave all, the oldest first; then all is as the application would have it without us."""
        try:
            while self.looks:
                self._end_to_look(0)
                self.as_it_is_to_be()
            while self.entries:
                self._leave(self.entries.pop(0))
                self.as_it_is_to_be()
            assert gc.isenabled() == self.enabled
            assert gc.get_threshold() == self.thresholds
            assert _callbacks() == self.before[2]
            assert not any((*guard._blocks, *guard._calls) for guard in self.guards)
            assert all(guard._start is None for guard in self.guards)
            if self.is_frozen:
                self.unfreeze()
            assert gc.get_freeze_count() == self.before[3]
        finally:
            self._put_back()

    def _put_back(self) -> None:
        """End this run for the next one, whatever has become of it."""
        for entry in self.entries:
            entry.end.set()
        self._run()
        self.loop.close()
        self.worker.end()
        if self.is_frozen:
            gc.unfreeze()
        _thresholds._token.clear()
        for deferral in _thresholds.deferrals():
            _thresholds.undefer(deferral)
        _collector._frozen_seen[:] = self.frozen_seen
        (gc.enable if self.before[0] else gc.disable)()
        gc.set_threshold(*self.before[1])


async def _block(entry: Entry) -> None:
    """Be a block in a task, until it is to end."""
    async with entry.guard as frozen:
        assert frozen is entry.guard
        await entry.end.wait()
        if entry.error is not None:
            raise entry.error


def _callbacks() -> list[int]:
    """Return the identities of the callbacks; Hypothesis has one of its own."""
    return [id(hook) for hook in gc.callbacks if "hypothesis" not in hook.__module__]


def _collections() -> list[int]:
    """Return how many collections of each generation there were."""
    return [generation["collections"] for generation in gc.get_stats()]


TestApplication = Application.TestCase
TestApplication.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
