"""The guard that `gc_frozen` makes: its entries, checkpoints in between, and decorated calls."""

from __future__ import annotations

import gc
from _thread import get_ident
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from cyclefree import _counters
from cyclefree._budget import FreezeOptions
from cyclefree._decorate import Session, decorate
from cyclefree._options import shown
from cyclefree._period import Period
from cyclefree._thresholds import Deferral, defer, deferrals, undefer
from cyclefree.cycles import checked_name
from cyclefree.errors import ReportNotReadyError
from cyclefree.reports import CycleReport

__all__ = ["FrozenCall", "FrozenScope"]

P = ParamSpec("P")
R = TypeVar("R")


class FrozenScope(Period):
    """A guard: a decorator for functions of every kind, and a context manager, also an async one.

    Made by `gc_frozen`, which says what it does. It is at the same time the handle that
    `with gc_frozen() as frozen` binds. One guard may decorate many functions and be entered again,
    also while it is open, by any thread or task: its figures are of all the time in which at least
    one entry was open, and its budgets are counted anew whenever there was none.
    """

    _steps = 0

    def __init__(self, chosen: FreezeOptions) -> None:
        self._options = chosen
        # What is open, by identity: a call ends its own, a block has nothing to remember it with.
        self._blocks: dict[int, Deferral] = {}
        self._calls: dict[int, Deferral] = {}

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Return `function`, whose calls run without the collector; kind and signature stay.

        In a coroutine or a generator that is each of its steps, and not the time in between.
        """
        checked_name(function)
        return decorate(function, self._begin_call)

    def _begin_call(self, stepped: bool) -> Session:
        return FrozenCall(self, stepped)

    # -- entries -------------------------------------------------------------------------

    def enter(self, call: FrozenCall | None = None) -> FrozenScope:
        """Begin one entry, of a block or of a decorated call's step.

        Args:
            call: is told what its entry is known by.
        """
        entry = None
        try:
            chosen = self._options
            entry = (chosen.young, get_ident(), self)
            if call is None:
                self._blocks[id(entry)] = entry
            else:
                call.entry = entry
                self._calls[id(entry)] = entry
            if self._start is not None:
                defer(entry)
            elif not self._given_up:
                defer(entry)
                totals = _counters.totals
                self._start_net = net = totals.net + gc.get_count()[0]
                self._bar = net + chosen.bar
                if not chosen.is_plain:
                    self._begin_resident()
                self._start = totals
            return self
        except BaseException:  # Ctrl-C: nobody leaves what has not been entered
            if entry is not None:
                self._drop(entry)
            raise

    __enter__ = enter

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        start = self._start
        text = self.leave(error is not None)
        if self._start is not start:
            # The bound method of __enter__ was counted when it began, and has been freed since
            # (tests/test_frozen_scope.py::test_a_clean_block_leaves_nothing_in_the_count).
            self._past_net += 1
        if text is not None:
            self.act(text)

    def leave(self, failed: bool, entry: Deferral | None = None) -> str | None:
        """End one entry.

        Args:
            failed: whether an exception is on its way, which another one should not cover.
            entry: that of a call, and nothing is done where it is not open; None for a block's.

        Returns:
            Which budget is exceeded, where something other than a collection should come of it.
        """
        try:
            text = None
            if entry is not None and id(entry) not in self._calls:
                return None
            totals = _counters.totals
            net = totals.net + gc.get_count()[0]
            if net > self._bar or not self._options.is_plain:
                text = self._close(failed)
            if entry is not None:
                self._calls.pop(id(entry), None)
            else:
                try:
                    entry = next(iter(self._blocks.values()))  # nearly always this thread's
                except (StopIteration, RuntimeError):  # another thread has just changed it
                    entry = self._take()
                else:
                    if entry[1] != get_ident() or self._blocks.pop(id(entry), None) is None:
                        entry = self._take()
                if entry is None:  # that of a thread that has ended by a fork, left by another one
                    return text
            is_last = not self._blocks and not self._calls
            if is_last:
                # Before the collector goes on: it would take the young out of the count
                # (tests/test_period.py::test_net_objects_at_the_exit_are_those_inside).
                if totals is self._start and self._options.is_plain:  # nearly always
                    self._past_net += net - self._start_net
                    self._start = None
                else:
                    self._end()
            undefer(entry)
            if is_last and (self._blocks or self._calls) and self._start is None:
                self.enter()  # for another thread, which came as it was about to end
                self.leave(failed=True)
            return text
        except BaseException:  # Ctrl-C, somewhere in between
            self._recover(entry)
            raise

    def _take(self) -> Deferral | None:
        """Take out one entry of this thread's blocks, or else any that is open.

        Another thread's is not touched while there is one of this thread: it may be just being
        made, not deferred yet (tests/test_freeze_shared.py::
        test_a_guard_that_is_left_meanwhile_loses_no_entry), and in the child of a fork those of
        this thread alone go on. None of this thread's is there where another one has entered.
        """
        here = get_ident()
        for entry in list(self._blocks.values()):
            if entry[1] == here and self._blocks.pop(id(entry), None) is not None:
                return entry
        return self._take_foreign()

    def _take_foreign(self) -> Deferral | None:
        """Take out an entry that another thread has made: one that is deferred, if there is one."""
        deferred = {id(entry) for entry in deferrals()}
        for entry in sorted(self._blocks.values(), key=lambda entry: id(entry) not in deferred):
            if self._blocks.pop(id(entry), None) is not None:
                return entry
        return None

    async def __aenter__(self) -> FrozenScope:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _close(self, failed: bool) -> str | None:
        """Do what an exit has to do where there is more than the thresholds; see `leave`."""
        text = None if failed or self._start is None else self._exceeded()
        if text is not None and self._options.on_exceed == "collect":
            self._collect(beyond=True)
            text = None
        # When the collector goes on: otherwise others have still asked for none.
        is_last = len(self._blocks) + len(self._calls) == 1
        is_last = is_last and not [d for d in deferrals() if d[2] is not self]
        if is_last and self._options.exit_generation is not None:
            gc.collect(self._options.exit_generation)
        return text

    def _recover(self, entry: Deferral | None) -> None:
        """End one entry after a Ctrl-C that came somewhere in the middle of ending it.

        Args:
            entry: the one that is being left, as far as it is known.
        """
        if entry is None:
            known = {*self._blocks, *self._calls}
            lost = [one for one in deferrals() if one[2] is self and id(one) not in known]
            for one in lost:
                self._blocks[id(one)] = one
            entry = self._take()
        if entry is not None:
            self._drop(entry)

    def _drop(self, entry: Deferral) -> None:
        """End one entry, however far it had begun or ended."""
        undefer(entry)
        self.forget(entry)

    def forget(self, deferral: Deferral) -> None:
        """Take note that an entry has ended, with its thread in the child of a fork."""
        self._blocks.pop(id(deferral), None)
        self._calls.pop(id(deferral), None)
        if not self._blocks and not self._calls:
            self._end()

    def _give_up(self) -> None:
        """Let the collector go on as without this guard, until its next beginning.

        From now on nothing is counted, as others may have no use for the hook.
        """
        self._end()
        self._given_up = bool(self._blocks or self._calls)
        for deferral in deferrals():
            if deferral[2] is self:
                undefer(deferral)

    # -- in between ----------------------------------------------------------------------

    def checkpoint(self, idle: bool = False) -> int:
        """Collect here, where a pause does no harm, if a budget or `idle` says so.

        For loops: ``for request in queue: handle(request); frozen.checkpoint()``. Collects what was
        born since the checkpoint before: the cost is that of the objects that are young, about 60
        nanoseconds for each that lives and 450 for each that is garbage, not that of the heap. It
        is a full collection with ``defer="full"``, after one of the young has left more than the
        budget, and where ``max_rss`` is still exceeded. The checkpoints of a guard take at most
        five percent of the time, by the CPU clock of their thread: when the last collection was too
        short ago for that, there is none. Where no budget is exceeded and nobody is idle a
        checkpoint costs half a microsecond (10 more with ``max_rss``).

        Args:
            idle: nothing waits now: collect also where no budget is exceeded.

        Returns:
            The number of objects that the collector found and freed; 0 where it did not run.

        Raises:
            BudgetExceededError: a budget is exceeded, with ``on_exceed="raise"``.
        """
        text = self._exceeded() if self._start is not None else None
        if text is not None:
            if self._options.on_exceed == "collect":
                return self._collect(beyond=True)
            self.act(text)
        return self._collect() if idle else 0

    def every(self, n: int) -> int:
        """Count a step, and at each `n`-th one collect as `checkpoint(idle=True)` does.

        For training loops: ``for batch in batches: train(batch); frozen.every(500)``.

        Args:
            n: steps from one collection to the next.

        Returns:
            The number of objects that the collector found and freed; 0 where it did not run.

        Raises:
            TypeError: `n` is no whole number.
            ValueError: `n` is less than 1.
            BudgetExceededError: a budget is exceeded, with ``on_exceed="raise"``.
        """
        if type(n) is not int:
            raise TypeError(f"every() takes a whole number of steps, not {shown(n)}")
        if n < 1:
            raise ValueError(f"every({n}) is no number of steps; every(500) collects at each 500th")
        self._steps += 1
        return self.checkpoint(idle=self._steps % n == 0)

    @property
    def report(self) -> CycleReport:
        """The cycles that ``check=N`` has found so far, in the entries that it looked at.

        Raises:
            ReportNotReadyError: no entry has been looked at to its end yet, or ``check`` was not
                given.
        """
        raise ReportNotReadyError(
            "gc_frozen() looks for cycles only when it is asked to: write gc_frozen(check=100) to "
            "look at one entry of 100"
        )


class FrozenCall:
    """The session of one decorated call."""

    __slots__ = ("_scope", "_stepped", "_text", "entry")

    def __init__(self, scope: FrozenScope, stepped: bool) -> None:
        self._scope = scope
        self._stepped = stepped
        self._text: str | None = None
        self.entry: Deferral | None = None

    def open(self) -> None:
        """Begin; a coroutine or generator is entered by its steps."""
        if not self._stepped:
            self._scope.enter(self)

    def enter(self) -> None:
        """Begin a step."""
        self._scope.enter(self)

    def leave(self) -> None:
        """End a step."""
        self._text = self._scope.leave(False, self.entry) or self._text

    def finish(self, result: object = None) -> bool:
        """End after the call has returned."""
        if not self._stepped:
            self._text = self._scope.leave(False, self.entry)
        return self._text is not None

    def abandon(self) -> None:
        """End because the call raised, or a Ctrl-C came, also where it has ended by then."""
        if self.entry is not None:
            self._scope.leave(True, self.entry)

    def deliver(self) -> None:
        """Do what is to be done beyond a budget; may raise."""
        assert self._text is not None
        self._scope.act(self._text)
