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

    _given_up = False
    _steps = 0

    def __init__(self, chosen: FreezeOptions) -> None:
        self._options = chosen
        self._entries: list[Deferral] = []

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Return `function`, whose calls run without the collector; kind and signature stay.

        In a coroutine or a generator that is each of its steps, and not the time in between.
        """
        checked_name(function)
        return decorate(function, self._begin_call)

    def _begin_call(self, stepped: bool) -> Session:
        return FrozenCall(self, stepped)

    # -- entries -------------------------------------------------------------------------

    def enter(self) -> FrozenScope:
        """Begin one entry, of a block or of a decorated call's step."""
        chosen = self._options
        entry = (chosen.young, get_ident(), self)
        self._entries.append(entry)
        try:
            if self._start is None:
                defer(entry)
                self._start = totals = _counters.totals
                self._start_net = net = totals.net + gc.get_count()[0]
                self._bar = net + chosen.bar
                if not chosen.is_plain:
                    self._begin_resident()
            elif not self._given_up:
                defer(entry)
        except BaseException:  # Ctrl-C: nobody leaves what has not been entered
            self._recover(left=False)
            raise
        return self

    __enter__ = enter

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        text = self.leave(error is not None)
        if text is not None:
            self.act(text)

    def leave(self, failed: bool) -> str | None:
        """End one entry.

        Args:
            failed: whether an exception is on its way, which another one should not cover.

        Returns:
            Which budget is exceeded, where something other than a collection should come of it.
        """
        text = entry = None
        try:
            totals = _counters.totals
            net = totals.net + gc.get_count()[0]
            if net > self._bar or not self._options.is_plain:
                text = self._close(failed)
            entry = self._entries.pop()
            undefer(entry)
            if not self._entries:
                if totals is self._start and self._options.is_plain:  # nearly always
                    self._past_net += net - self._start_net
                    self._start = None
                else:
                    self._end()
        except BaseException:  # Ctrl-C, somewhere in between
            self._recover(left=entry is not None)
            raise
        return text

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
        text = None if failed else self._exceeded()
        if text is not None and self._options.on_exceed == "collect":
            self._collect(beyond=True)
            text = None
        # When the collector goes on: otherwise others have still asked for none.
        is_last = len(self._entries) == 1 and all(other[2] is self for other in deferrals())
        if is_last and self._options.exit_generation is not None:
            gc.collect(self._options.exit_generation)
        return text

    def _recover(self, left: bool) -> None:
        """End one entry after a Ctrl-C that came somewhere in the middle of beginning or ending it.

        Args:
            left: whether the entry has been taken out of the list, as far as is known.
        """
        known = set(map(id, self._entries))
        lost = [one for one in deferrals() if one[2] is self and id(one) not in known]
        if not (left or lost) and self._entries:
            lost = [self._entries.pop()]
        for deferral in lost:
            undefer(deferral)
        if not self._entries:
            self._end()

    def _give_up(self) -> None:
        """Let the collector go on as without this guard, until its next beginning."""
        self._given_up = True
        for deferral in deferrals():
            if deferral[2] is self:
                undefer(deferral)

    # -- in between ----------------------------------------------------------------------

    def checkpoint(self, idle: bool = False) -> int:
        """Collect here, where a pause does no harm, if a budget or `idle` says so.

        For loops: ``for request in queue: handle(request); frozen.checkpoint()``. Collects what was
        born since the guard began to be open, and the memory budget permitting no more: the cost is
        that of the objects that are young, about 60 nanoseconds each, not that of the heap. With
        ``defer="full"`` it has to be a full collection. All collections together take at most five
        percent of the time: when the last one was too short ago for that, there is none. Where no
        budget is exceeded and nobody is idle it costs half a microsecond (10 more with
        ``max_rss``).

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

    __slots__ = ("_scope", "_stepped", "_text")

    def __init__(self, scope: FrozenScope, stepped: bool) -> None:
        self._scope = scope
        self._stepped = stepped
        self._text: str | None = None

    def open(self) -> None:
        """Begin; a coroutine or generator is entered by its steps."""
        if not self._stepped:
            self._scope.enter()

    def enter(self) -> None:
        """Begin a step."""
        self._scope.enter()

    def leave(self) -> None:
        """End a step."""
        self._text = self._scope.leave(failed=False) or self._text

    def finish(self, result: object = None) -> bool:
        """End after the call has returned."""
        if not self._stepped:
            self._text = self._scope.leave(failed=False)
        return self._text is not None

    def abandon(self) -> None:
        """End because the call raised."""
        if not self._stepped:
            self._scope.leave(failed=True)

    def deliver(self) -> None:
        """Do what is to be done beyond a budget; may raise."""
        assert self._text is not None
        self._scope.act(self._text)
