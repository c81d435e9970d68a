"""Run without the collector: `gc_frozen` and `net_objects`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Literal, ParamSpec, TypeVar, overload

from cyclefree._budget import DEFAULT, DEFAULT_BUDGET, FreezeOptions, freeze_options
from cyclefree._collector import require_cpython
from cyclefree._counters import net_now
from cyclefree._decorate import Session, decorate, one_of
from cyclefree._fallback import CollectorWatch, new_watch
from cyclefree._frozen_scope import FrozenCall, FrozenScope
from cyclefree._options import options
from cyclefree._watch import Watch
from cyclefree.cycles import CycleScope, checked_name, is_switched_off
from cyclefree.errors import ReportNotReadyError
from cyclefree.reports import CycleReport

__all__ = ["FrozenScope", "gc_frozen", "net_objects"]

P = ParamSpec("P")
R = TypeVar("R")

# The defaults of `gc_frozen`; whatever is not these very objects is checked.
_ALL: Literal["all"] = "all"
_COLLECT: Literal["collect"] = "collect"
_NONE: Literal["none"] = "none"

_is_cpython = sys.implementation.name == "cpython"


class CheckedScope(FrozenScope):
    """A guard that looks for cycles at some of its entries: `gc_frozen(check=N)`."""

    def __init__(self, chosen: FreezeOptions, one_in: int) -> None:
        super().__init__(chosen)
        self._looks = CycleScope(options(action="warn"), quiet=True)
        self._skip = one_of(one_in)
        self._report: CycleReport | None = None

    @property
    def report(self) -> CycleReport:
        """As `FrozenScope.report`."""
        if self._report is None:
            raise ReportNotReadyError(
                "no entry has been looked at yet: the report is made when a block or call ends, "
                "and none is made of one that raises"
            )
        return self._report

    def keep(self, report: CycleReport) -> None:
        """Add what was found at one entry."""
        old = self._report
        self._report = report if old is None else CycleReport.merge(old, report)

    def is_skipped(self) -> bool:
        """Whether the next entry is none of those that are looked at."""
        return bool(next(self._skip)) or is_switched_off()

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """As `FrozenScope.__call__`."""
        name = f"{checked_name(function)}()"

        def begin(stepped: bool) -> Session:
            if self.is_skipped():
                return FrozenCall(self, stepped)
            return _CheckedCall(self, stepped, new_watch(name, options(), stepped=stepped))

        return decorate(function, begin)

    def __enter__(self, call: FrozenCall | None = None) -> FrozenScope:
        return self._begin_block(sys._getframe(1))

    async def __aenter__(self) -> FrozenScope:
        return self._begin_block(sys._getframe(1))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_block(sys._getframe(1), kind, error, traceback)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_block(sys._getframe(1), kind, error, traceback)

    def _begin_block(self, frame: FrameType) -> FrozenScope:
        """Enter, and look at the block that begins in `frame` if it is its turn."""
        self.enter()
        try:
            self._looks.enter_in(frame, skip=self.is_skipped())
        except BaseException:
            self.leave(failed=True)
            raise
        return self

    def _end_block(
        self,
        frame: FrameType,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep what was found in the block that ends in `frame`, and leave."""
        try:
            handle = self._looks.leave_from(frame, failed=error is not None)
            if handle is not None:
                self.keep(handle.report)
        finally:
            super().__exit__(kind, error, traceback)


class _CheckedCall(FrozenCall):
    """The session of a decorated call that is looked at."""

    __slots__ = ("_checked", "_watch")

    def __init__(self, scope: CheckedScope, stepped: bool, watch: Watch | CollectorWatch) -> None:
        super().__init__(scope, stepped)
        self._checked = scope
        self._watch = watch

    def open(self) -> None:
        """Begin, and watch."""
        super().open()
        self._watch.open()

    def enter(self) -> None:
        """Begin a step."""
        super().enter()
        try:
            self._watch.enter()
        except BaseException:  # Ctrl-C: nobody leaves what has not been entered
            super().leave()
            raise

    def leave(self) -> None:
        """End a step."""
        try:
            self._watch.leave()
        finally:
            super().leave()

    def finish(self, result: object = None) -> bool:
        """Look for the last time, and keep what was found."""
        try:
            self._watch.finish(result)
            self._checked.keep(self._watch.report())
        finally:
            told = super().finish(result)
        return told

    def abandon(self) -> None:
        """End because the call raised."""
        try:
            self._watch.abandon()
        finally:
            super().abandon()


def net_objects() -> int:
    """Return an estimate of the containers that were made and not freed, in constant time.

    Only differences mean something. They show what a piece of code leaves behind, cyclic garbage
    included, without a look at the heap, in about 0.15 microseconds:

    >>> with gc_frozen():
    ...     before = net_objects()
    ...     rings = [[] for _ in range(1000)]
    ...     for ring in rings:
    ...         ring.append(ring)
    ...     del ring, rings
    ...     left = net_objects() - before
    >>> left > 900
    True

    It is the collector's own counter of generation 0 (`gc.get_count()[0]`), and while a `gc_frozen`
    is open, also what collections have moved on and not freed. Objects are counted that the
    collector knows: containers and instances, not strings or numbers. What blurs it: lists, tuples,
    dictionaries and some others are taken from free lists, which may hold 80 of them, without being
    counted; a collection outside `gc_frozen`, and `gc.freeze()` anywhere, make it begin at zero;
    and other threads count as well.

    Returns:
        A number of objects that means nothing by itself.
    """
    return net_now()


@overload
def gc_frozen(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def gc_frozen(
    *,
    defer: Literal["all", "full"] = "all",
    max_net_objects: int | None = DEFAULT_BUDGET,
    max_rss: int | str | None = None,
    on_exceed: Literal["collect", "restore", "warn", "raise"] = "collect",
    on_exit: Literal["none", "young", "full"] = "none",
    check: int | None = None,
) -> FrozenScope: ...


def gc_frozen(
    function: Callable[P, R] | None = None,
    /,
    *,
    defer: Literal["all", "full"] = _ALL,
    max_net_objects: int | None = DEFAULT_BUDGET,
    max_rss: int | str | None = None,
    on_exceed: Literal["collect", "restore", "warn", "raise"] = _COLLECT,
    on_exit: Literal["none", "young", "full"] = _NONE,
    check: int | None = None,
) -> Callable[P, R] | FrozenScope:
    """Run without the cyclic collector, with a budget as a safety net.

    A context manager, with `with` and `async with`, and a decorator for functions, coroutine
    functions, generator functions and async generator functions, with or without options:

    >>> with gc_frozen() as frozen:
    ...     records = [{"number": number} for number in range(100_000)]
    >>> frozen.stats.automatic_collections
    0

    "Off" is a young threshold that ordinary work never reaches, and older thresholds at their
    maximum. The enabled flag stays the application's, so a library that calls `gc.enable()` inside
    does not bring the collector back, and the net is the interpreter itself: when more than
    `max_net_objects` containers have piled up, it runs one young collection, and another one at
    each further so many. Thresholds that the application sets inside stay. The state is the
    process's and reference-counted: of scopes that nest and overlap over threads and tasks, the
    first in saves the thresholds and the last out restores them; of their budgets the smallest
    holds. Nothing is frozen in the sense of `gc.freeze()`, and nothing thawed. A decorated
    coroutine or generator counts in its steps only, not while it is suspended.

    Without the collector, reference cycles are freed by nobody until the scope ends. Use it where
    `assert_no_cycles` holds, and `check` to be told when that changes; a program that still leaves
    cycles is better off with ``defer="full"``.

    After a scope that leaves a million living objects, the first allocation pays for one young
    collection of 55 to 75 ms, unless `on_exit` has paid for it. A million that are garbage take
    about 450 ms to free, whenever it is done.

    Where no `with` can be written, as in the hooks of a server, `frozen.enter()` begins and
    `frozen.leave(failed=False)` ends.

    Args:
        function: what to run without the collector; left out when there are options, and as a
            context manager.
        defer: "all": no automatic collection below the budget. "full": young collections go on,
            only full ones wait; pauses of 250 ms at a million objects become 2 to 8.
        max_net_objects: the budget, in containers made and not freed since the guard began to be
            open, as `net_objects` estimates them. None: no budget. With ``defer="all"`` that
            is really off, by `gc.disable()`: then there is no net, a `gc.disable()` by the
            application inside can't be told from ours and ends with the scope, and a library's
            `gc.enable()` switches the flag on again (no collection comes of it, as the thresholds
            are at their maximum, too).
        max_rss: a budget for the growth of the process's resident memory, in bytes or as a text
            such as "512 MiB"; read at `checkpoint()` and at exits only. On Linux, and elsewhere
            where psutil is installed.
        on_exceed: what to do at the next checkpoint or exit when a budget is exceeded. "collect"
            what was born meanwhile; "restore": let the collector go on until the scope ends;
            "warn" (a `CyclefreeWarning`); "raise" (a `BudgetExceededError`). Then as much again is
            allowed.
        on_exit: what to collect when the last open scope ends: nothing, the "young", or everything
            ("full").
        check: look for cycles, as `cycle_scope` does, at one entry of this many; `frozen.report`
            keeps what was found. None: never.

    Returns:
        The function, as it was but without the collector, or a guard. The guard, which is also what
        `with` binds, has `stats` (a `GCStats`), `checkpoint()`, `every(n)` and `report`.

    Raises:
        TypeError: for a class, something that can't be called, or an option of the wrong type.
        ValueError: for an option with a value that means nothing.
        CollectorError: where the interpreter is not CPython, where ``defer="full"`` means nothing
            (free-threaded builds, CPython 3.14.0 to 3.14.4), and for `max_rss` where the memory
            can't be read.
    """
    if (
        function is None
        and check is None
        and max_rss is None
        and max_net_objects is DEFAULT_BUDGET
        # By identity: another object's `__eq__` is not ours to run.
        and defer is _ALL
        and on_exceed is _COLLECT
        and on_exit is _NONE
        and _is_cpython
    ):
        return FrozenScope(DEFAULT)  # nothing to be checked: a microsecond counts here
    require_cpython()
    chosen = freeze_options(defer, max_net_objects, max_rss, on_exceed, on_exit, check)
    guard = FrozenScope(chosen) if chosen.check is None else CheckedScope(chosen, chosen.check)
    return guard if function is None else guard(function)
