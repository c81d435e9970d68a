"""Find reference cycles: `assert_no_cycles`, `cycle_scope` and `find_cycles`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, Literal, ParamSpec, TypeVar, overload

from cyclefree._collector import require_cpython
from cyclefree._decorate import Session, decorate, one_of
from cyclefree._fallback import CollectorWatch, new_watch
from cyclefree._garbage import is_boundary, settled_heap
from cyclefree._options import Ignore, Options, options, shown
from cyclefree._shapes import Blame, describe
from cyclefree._sharing import Place, Tasks
from cyclefree._thresholds import pause, resume
from cyclefree._watch import Watch
from cyclefree.errors import ReportNotReadyError
from cyclefree.reports import Cycle, CycleReport

__all__ = ["CycleHandle", "CycleScope", "assert_no_cycles", "cycle_scope", "find_cycles"]

P = ParamSpec("P")
R = TypeVar("R")

_OFF_SWITCH = "CYCLEFREE"


class CycleHandle:
    """What `with cycle_scope() as report` binds: the report, as soon as the block has ended.

    Everything that a `CycleReport` has can be asked of the handle itself.
    """

    __slots__ = ("_make", "_report", "_scope")

    def __init__(self, scope: object) -> None:
        self._scope = scope
        # Set when the block has ended: called when somebody asks, as most have nothing to say.
        self._make: Callable[[], CycleReport] | None = None
        self._report: CycleReport | None = None

    @property
    def report(self) -> CycleReport:
        """The finished, frozen report.

        Raises:
            ReportNotReadyError: the block is still running, or ended by an exception.
        """
        if self._make is None:
            raise ReportNotReadyError(
                f"the report on {self._scope} is not there: it is made when the block ends, and "
                "none is made of a block that raises; ask for it after the 'with' block"
            )
        if self._report is None:
            self._report = self._make()
        return self._report

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.report, name)

    def __iter__(self) -> Iterator[Cycle]:
        return iter(self.report)

    def __len__(self) -> int:
        return len(self.report)

    def __bool__(self) -> bool:
        return bool(self.report)

    def __str__(self) -> str:
        return str(self.report)


_Entry = tuple[Watch | CollectorWatch | None, CycleHandle, Place, Tasks | None]
"""A block that has been begun: its watch (None: not looked at), and what its end is told by."""


class CycleScope:
    """A guard: a decorator for functions of every kind, and a context manager.

    Made by `assert_no_cycles` and `cycle_scope`, which say what it does. One guard can decorate
    many functions; as a context manager it may be entered again, also while it is open.
    """

    __slots__ = ("_entered", "_options", "_quiet")

    def __init__(self, chosen: Options, *, quiet: bool = False) -> None:
        self._options = chosen
        self._quiet = (
            quiet  # a block hands its report to whoever wrote the block, and need not say more
        )
        self._entered: list[_Entry] = []

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Return `function` with a check around each call; kind and signature stay."""
        name = checked_name(function)
        chosen = self._options
        if is_switched_off():
            return function
        require_cpython()
        skip = None
        if chosen.sample > 1:
            skip = one_of(chosen.sample)
        scope = f"{name}()"

        def begin(stepped: bool) -> Session:
            return new_watch(scope, chosen, stepped=stepped)

        return decorate(function, begin, skip)

    def __enter__(self) -> CycleHandle:
        return self.enter_in(sys._getframe(1))

    def enter_in(self, frame: FrameType, *, skip: object = False) -> CycleHandle:
        """Begin a block that is written in `frame`; to skip it is only to note that it began."""
        require_cpython()
        place = Place(frame)
        tasks = Tasks() if place.is_coroutine() else None
        watch = None if skip else new_watch(place, self._options)
        handle = CycleHandle(place)
        entry = (watch, handle, place, tasks)
        self._entered.append(entry)
        if watch is None:
            return handle
        try:
            watch.open()
        except BaseException:
            self._entered.remove(entry)
            watch.abandon()
            raise
        return handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave_from(sys._getframe(1), failed=error is not None)

    def leave_from(self, frame: FrameType, *, failed: bool) -> CycleHandle | None:
        """End the block that was begun in `frame`.

        Returns:
            Its handle, which has the report; None where the block was skipped, or has failed.
        """
        watch, handle, place, tasks = self._leaving(frame)
        if watch is None:
            return None
        if failed:
            watch.abandon()
            return None
        found = watch.finish()
        handle._make = watch.report
        if not found:
            return handle
        if place.gave_way(frame):
            consumer = {"the consumer of this generator"}
            watch.shared_with |= consumer if tasks is None else tasks.that_ran()
        if not self._quiet or handle.report.method == "inconclusive":
            watch.deliver(handle.report)
        return handle

    def _leaving(self, frame: FrameType) -> _Entry:
        """Take out the entry of the block that ends: others may be open by other threads and tasks.

        The last one that was entered in the same frame; where there is none, as under an
        `ExitStack`, in the same thread (tests/test_cycles.py::test_one_guard_open_in_two_threads).
        """
        if len(self._entered) == 1:
            return self._entered.pop()
        here = Place(frame)
        entered = self._entered[::-1]
        same_thread = [entry for entry in entered if entry[2].thread == here.thread]
        same_frame = [entry for entry in entered if entry[2].is_in_frame_of(here)]
        entry = (same_frame or same_thread or entered)[0]
        self._entered.remove(entry)
        return entry


def is_switched_off() -> bool:
    """Whether the environment asks for no checks: `CYCLEFREE=off`."""
    return os.environ.get(_OFF_SWITCH, "").lower() == "off"


def checked_name(function: object) -> str:
    """Return what a report calls `function`, or say why it can't be guarded."""
    if isinstance(function, type):
        raise TypeError(
            f"a guard decorates functions, and {function.__qualname__} is a class; decorate its "
            "methods, or use the guard as a context manager around its use"
        )
    if isinstance(function, (staticmethod, classmethod)):
        function = function.__func__
    if not callable(function):
        raise TypeError(
            f"a guard decorates functions, and this is an object of type {type(function).__name__} "
            "that can't be called; for a block write the guard behind 'with', as in 'with "
            "assert_no_cycles() as report:' or 'with gc_frozen() as frozen:'"
        )
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).replace("<locals>.", "")


@overload
def assert_no_cycles(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def assert_no_cycles(
    *,
    only: str | Iterable[str] | None = None,
    ignore: Ignore | Iterable[Ignore] = (),
    live: bool = False,
    thorough: bool = False,
    sample: int = 1,
    action: Literal["raise", "warn"] | Callable[[CycleReport], object] = "raise",
) -> CycleScope: ...


def assert_no_cycles(
    function: Callable[P, R] | None = None,
    /,
    *,
    only: str | Iterable[str] | None = None,
    ignore: Ignore | Iterable[Ignore] = (),
    live: bool = False,
    thorough: bool = False,
    sample: int = 1,
    action: Literal["raise", "warn"] | Callable[[CycleReport], object] = "raise",
) -> Callable[P, R] | CycleScope:
    """Raise when a call leaves objects that only the cyclic collector could free.

    A decorator for functions, methods, coroutine functions, generator functions and async generator
    functions, with or without options, and a context manager:

    >>> class Node:
    ...     pass
    >>> with assert_no_cycles():
    ...     node = Node()
    ...     node.next = Node()
    ...     del node
    >>> @assert_no_cycles(action=lambda report: print(report.objects, "object"))
    ... def load():
    ...     ring = []
    ...     ring.append(ring)
    >>> load()
    1 object

    It only looks: no collection runs, no finalizer, no weak-reference callback, and the cost is
    that of the objects that the call left behind, not of the heap. The collector does not run by
    itself during a plain call, until 200,003 net new containers have come together; it stays on in
    coroutines and generators, of which only their own steps count, so that of many concurrent tasks
    only the guilty one is blamed. When the call raises, its exception passes untouched and there is
    no verdict.

    Where another thread ran during the call, or another task during a block with an `await` in it,
    what was found may be theirs: the report says who in `shared_with`, and a warning takes the
    place of the exception.

    Args:
        function: what to guard; left out when there are options, and as a context manager.
        only: name of a package, or several: blame only cycles with an object in them whose class,
            function or frame is defined there.
        ignore: fingerprints of shapes that may be, or functions that get a `Cycle` and say so.
        live: also cycles among new objects that are still reachable.
        thorough: look at the whole heap, once at the beginning and once at the end, about 2
            microseconds an object; finds also old objects that the call let go of.
        sample: check one call of this many; the others pay under a microsecond. As a context
            manager it has no effect.
        action: "raise", "warn" (a `CyclefreeWarning`), or a callable that gets the report.

    Returns:
        The guarded function, or a guard. `CYCLEFREE=off` in the environment makes the decorator
        return the function itself.

    Raises:
        CyclesFoundError: by the guarded call or block, with the `CycleReport` in `.report`.
        TypeError: for a class, something that can't be called, or an option of the wrong type.
        ValueError: for an option with a value that means nothing.
        CollectorError: where the interpreter is not CPython.
    """
    guard = CycleScope(options(only, ignore, live, thorough, sample, action))
    return guard if function is None else guard(function)


@overload
def cycle_scope(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def cycle_scope(
    *,
    only: str | Iterable[str] | None = None,
    ignore: Ignore | Iterable[Ignore] = (),
    live: bool = False,
    thorough: bool = False,
    sample: int = 1,
    action: Literal["warn"] | Callable[[CycleReport], object] | None = None,
) -> CycleScope: ...


def cycle_scope(
    function: Callable[P, R] | None = None,
    /,
    *,
    only: str | Iterable[str] | None = None,
    ignore: Ignore | Iterable[Ignore] = (),
    live: bool = False,
    thorough: bool = False,
    sample: int = 1,
    action: Literal["warn"] | Callable[[CycleReport], object] | None = None,
) -> Callable[P, R] | CycleScope:
    """Report the objects that a block leaves and only the cyclic collector could free; never raise.

    >>> with cycle_scope() as report:
    ...     ring = []
    ...     ring.append(ring)
    ...     del ring
    >>> report.objects, [cycle.count for cycle in report]
    (1, [1])

    The same detection, options and cost as `assert_no_cycles`. The handle that the `with` statement
    binds becomes the report when the block has ended; asked before, it raises
    `ReportNotReadyError`. As a decorator, which has nowhere to hand its report, it warns.

    Args:
        function: what to watch; left out when there are options, and as a context manager.
        only: as for `assert_no_cycles`.
        ignore: as for `assert_no_cycles`.
        live: as for `assert_no_cycles`.
        thorough: as for `assert_no_cycles`.
        sample: as for `assert_no_cycles`.
        action: "warn", or a callable that gets the report; None warns as a decorator and is silent
            as a context manager.

    Returns:
        The watched function, or a guard.

    Raises:
        TypeError: for a class, something that can't be called, or an option of the wrong type.
        ValueError: for an option with a value that means nothing.
        CollectorError: where the interpreter is not CPython.
    """
    if action not in (None, "warn") and not callable(action):
        raise ValueError(
            f'cycle_scope takes action="warn" or a callable that gets the report, not '
            f"{shown(action)}; "
            "use assert_no_cycles where cycles should be an error"
        )
    chosen = options(only, ignore, live, thorough, sample, "warn" if action is None else action)
    guard = CycleScope(chosen, quiet=action is None)
    return guard if function is None else guard(function)


def find_cycles(*roots: object) -> CycleReport:
    """Return the cycles among living objects that `roots` reach; in the whole heap when there are
    none.

    >>> ring = []
    >>> ring.append(ring)
    >>> find_cycles(ring).objects
    1

    The search stops at modules, classes and module dictionaries, or every instance would be in a
    cycle through its class. Nothing is collected or changed. Takes about 5 microseconds an object
    that is reached; other threads may run meanwhile, and what they change may be seen half changed.

    Args:
        *roots: where to start; objects that the collector does not track have no references to
            follow.

    Returns:
        A report whose cycles are all marked `live`. `objects` counts the objects in the cycles.

    Raises:
        CollectorError: where the interpreter is not CPython.
    """
    require_cpython()
    objects = _reachable(roots) if roots else _heap()
    return describe(objects, Blame(), scope="find_cycles()", live=True)


def _heap() -> list[object]:
    """Return all objects that the collector tracks, boundaries left out."""
    holder = object()
    pause(holder)
    try:
        return [o for o in settled_heap() if not is_boundary(o)]
    finally:
        resume(holder)


def _reachable(roots: Iterable[object]) -> list[object]:
    """Return `roots` and the objects that they reach, as far as the boundaries."""
    found: list[object] = []
    seen: set[int] = set()
    nearby: Iterable[object] = roots
    while True:
        frontier = []
        for candidate in nearby:
            if id(candidate) not in seen:
                seen.add(id(candidate))
                if gc.is_tracked(candidate) and not is_boundary(candidate):
                    frontier.append(candidate)
        if not frontier:
            return found
        found += frontier
        nearby = gc.get_referents(*frontier)
