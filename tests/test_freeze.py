"""`gc_frozen` as it is called, and `gc_frozen(check=N)`: what it finds, and when."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest
from rings import Slot, ring
from test_counters import hooks
from test_decorate import Step, by_hand, plain
from test_frozen_scope import USUAL, thresholds

from cyclefree import (
    BudgetExceededError,
    CollectorError,
    CyclefreeWarning,
    CycleReport,
    FrozenScope,
    ReportNotReadyError,
    _fallback,
    _watch,
    freeze,
    gc_frozen,
    net_objects,
)
from cyclefree._thresholds import deferrals
from cyclefree._watch import Watch

__all__ = ["thresholds"]  # a fixture


def shapes(frozen: FrozenScope) -> dict[str, int]:
    """Say of each shape in a report how often it was found, by the class of its objects."""
    return {cycle.objects[0].type_name: cycle.count for cycle in frozen.report}


class Lone:
    """Something of a shape of its own."""

    __slots__ = ("me",)


def pair() -> None:
    """Leave two objects that only the collector can free."""
    ring(2)


def alone() -> None:
    """Leave one object that only the collector can free."""
    lone = Lone()
    lone.me = lone  # type: ignore[attr-defined]


# --- how it is called -----------------------------------------------------------------------------


def test_the_defaults_are_checked_where_something_else_is_given() -> None:
    """With nothing but defaults there is nothing to check; the way through is the same object's."""
    assert type(gc_frozen()) is FrozenScope
    assert type(gc_frozen(check=3)) is not FrozenScope
    assert isinstance(gc_frozen(check=3), FrozenScope)
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(gc_frozen).parameters.items()
    }
    assert defaults == {
        "function": None,
        "defer": "all",
        "max_net_objects": 1_000_000,
        "max_rss": None,
        "on_exceed": "collect",
        "on_exit": "none",
        "check": None,
    }


def test_a_function_and_options_at_once() -> None:
    """Both in one call is a decorated function."""
    seen: list[int] = []
    call: Any = gc_frozen
    call(lambda: seen.append(gc.get_threshold()[0]), max_net_objects=77)()
    assert seen == [77]


def test_another_interpreter_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under PyPy each way to make a guard is one clear error, and no attribute that is missing."""
    monkeypatch.setattr(sys.implementation, "name", "pypy")
    monkeypatch.setattr(freeze, "_is_cpython", False)
    ways: list[Callable[[], object]] = [
        gc_frozen,
        lambda: gc_frozen(print),
        lambda: gc_frozen(defer="full"),
        lambda: gc_frozen(check=5),
    ]
    for way in ways:
        with pytest.raises(CollectorError, match="this is pypy"):
            way()


def test_net_objects_goes_up_and_down() -> None:
    """Outside a scope it works as well, until the next collection."""
    gc.collect()
    gc.disable()
    before = net_objects()
    kept = [Slot() for _ in range(500)]
    assert 500 <= net_objects() - before <= 560
    del kept
    assert abs(net_objects() - before) <= 50
    gc.enable()


# --- what is found --------------------------------------------------------------------------------


def test_each_entry_is_looked_at() -> None:
    """With `check=1` what each block left is in the report, by shape."""
    frozen = gc_frozen(check=1)
    for _ in range(3):
        with frozen:
            pair()
    with frozen:
        alone()
    with frozen:
        kept = [Slot()]
    assert shapes(frozen) == {"Slot": 3, "Lone": 1}
    assert frozen.report.objects == 3 * 2 + 1
    assert isinstance(frozen.report, CycleReport)
    assert frozen.stats.automatic_collections == 0
    assert hooks() == 0
    del kept


def test_one_entry_in_so_many() -> None:
    """With `check=3` the first, fourth, seventh entry are looked at, whichever way they come."""
    frozen = gc_frozen(check=3)
    leave = frozen(pair)
    for number in range(7):
        if number % 2:
            leave()
        else:
            with frozen:
                pair()
    assert shapes(frozen) == {"Slot": 3}


def test_a_clean_entry_has_a_report() -> None:
    """That nothing was found is known as well."""
    with gc_frozen(check=1) as frozen:
        kept = [Slot()]
    assert not frozen.report
    assert frozen.report.objects == 0
    del kept


def test_a_report_that_is_not_ready() -> None:
    """Before the first entry has ended, and where it raised, there is none."""
    guard = gc_frozen(check=2)
    with pytest.raises(ReportNotReadyError, match="no entry has been looked at yet"):
        _ = guard.report
    with pytest.raises(KeyError), guard:
        with pytest.raises(ReportNotReadyError):
            _ = guard.report
        pair()
        raise KeyError
    with guard:  # the second one is not looked at
        pair()
    with pytest.raises(ReportNotReadyError, match="none is made of one that raises"):
        _ = guard.report
    with guard:
        pair()
    assert shapes(guard) == {"Slot": 1}


def test_nested_entries() -> None:
    """The inner block's cycles are the outer one's too, as both were looked at."""
    with gc_frozen(check=1) as frozen:
        alone()
        with frozen:
            pair()
    assert shapes(frozen) == {"Slot": 2, "Lone": 1}


def test_blocks_that_wait() -> None:
    """`async with`, and both kinds of exit stacks, look at what was left inside."""
    frozen = gc_frozen(check=1)

    async def main() -> None:
        async with frozen:
            pair()
            await asyncio.sleep(0)
        async with AsyncExitStack() as stack:
            assert await stack.enter_async_context(frozen) is frozen
            pair()

    asyncio.run(main())
    with ExitStack() as stack:
        stack.enter_context(frozen)
        alone()
    assert shapes(frozen) == {"Slot": 2, "Lone": 1}


def test_the_environment_switches_the_looks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `CYCLEFREE=off` nothing is looked at, and the collector is held off all the same."""
    monkeypatch.setenv("CYCLEFREE", "off")
    seen: list[int] = []

    @gc_frozen(check=1, max_net_objects=88)
    def call() -> None:
        seen.append(gc.get_threshold()[0])

    call()
    with gc_frozen(check=1) as frozen:
        seen.append(gc.get_threshold()[0])
        pair()
    with pytest.raises(ReportNotReadyError):
        _ = frozen.report
    monkeypatch.delenv("CYCLEFREE")
    with frozen:
        pair()
    assert shapes(frozen) == {"Slot": 1}
    assert seen == [88, 1_000_000]


# --- decorated functions --------------------------------------------------------------------------


def leave_in_steps() -> Iterator[int]:
    """Leave a pair in each of two steps."""
    pair()
    yield 1
    pair()


async def leave_waiting() -> None:
    """Leave a pair before and after an await."""
    pair()
    await Step()
    pair()


async def leave_in_async_steps() -> AsyncIterator[int]:
    """Leave a pair before and after an item, and an await."""
    pair()
    yield 1
    await Step()
    pair()


def leave_at_once() -> None:
    """Leave two pairs."""
    pair()
    pair()


def items(made: Any) -> object:
    """Read an async generator to its end; what happens in between is not its own."""

    async def gather() -> None:
        async for _ in made:
            alone()

    return by_hand(gather())


def take(made: Any) -> None:
    """Read a generator to its end, likewise."""
    for _ in made:
        alone()


CALLS: list[tuple[Callable[[], Any], Callable[[Any], object]]] = [
    (leave_at_once, lambda made: made),
    (leave_in_steps, take),
    (leave_waiting, by_hand),
    (leave_in_async_steps, items),
]


@pytest.mark.parametrize(("function", "use"), CALLS)
def test_calls_of_every_kind(function: Callable[[], Any], use: Callable[[Any], object]) -> None:
    """What a call left is in the report, and what its consumer left in between is not."""
    guard = gc_frozen(check=2)
    guarded = guard(function)
    for _ in range(3):
        use(guarded())
    assert shapes(guard) == {"Slot": 4}
    assert gc.get_threshold() == USUAL
    assert hooks() == 0


@pytest.mark.parametrize(("function", "use"), CALLS)
def test_a_call_that_raises_has_no_report(
    function: Callable[[], Any], use: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exception passes, and nothing stays open."""

    def fail() -> None:
        raise KeyError("mine")

    guard = gc_frozen(check=1)
    monkeypatch.setitem(globals(), "pair", fail)
    with pytest.raises(KeyError, match="mine"):
        use(guard(function)())
    with pytest.raises(ReportNotReadyError):
        _ = guard.report
    assert deferrals() == []
    assert gc.get_threshold() == USUAL


def test_a_generator_that_is_closed_early() -> None:
    """No report of half a call."""
    guard = gc_frozen(check=1)
    steps = guard(leave_in_steps)()
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    with pytest.raises(ReportNotReadyError):
        _ = guard.report
    assert deferrals() == []


def test_methods() -> None:
    """The report names what was decorated by its shape, not by its kind."""

    class Service:
        @gc_frozen(check=1)
        def method(self) -> Service:
            ring(2)
            return self

        guard = gc_frozen(check=1)

        @guard
        @classmethod
        def named(cls) -> type:
            ring(2)
            return cls

    service = Service()
    assert service.method() is service
    assert Service.named() is Service
    assert shapes(Service.guard) == {"Slot": 1}
    assert Service.guard.report.scope.endswith("Service.named()")


def test_a_budget_beside_the_looks() -> None:
    """What is found is kept, and what exceeds a budget is told all the same."""
    kept: list[Slot] = []
    guard = gc_frozen(check=1, max_net_objects=1_000, on_exceed="raise")

    @guard
    def call() -> None:
        pair()
        kept.extend([Slot() for _ in range(1_200)])

    with pytest.raises(BudgetExceededError):
        call()
    assert shapes(guard) == {"Slot": 1}
    with pytest.raises(BudgetExceededError), guard:
        pair()
        kept.extend([Slot() for _ in range(1_200)])
    assert shapes(guard) == {"Slot": 2}
    assert gc.get_threshold() == USUAL


def test_nothing_is_said_but_what_could_not_be_seen() -> None:
    """Cycles are told by the report alone; a look that was prevented warns."""
    if gc.get_freeze_count():
        pytest.skip("this interpreter freezes objects itself; thawing would change that")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gc_frozen(check=1) as frozen:
            pair()
        frozen(pair)()
    with pytest.warns(CyclefreeWarning, match=r"gc\.freeze\(\) was called inside"), frozen:
        gc.freeze()
        gc.unfreeze()
    assert frozen.report.method == "inconclusive"


# --- whatever goes wrong --------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:coroutine 'leave_waiting' was never awaited")
@pytest.mark.parametrize("moment", ["open", "enter", "leave", "finish", "abandon"])
def test_a_look_that_fails_leaves_nothing_open(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a look is stopped by Ctrl-C, at whichever moment, the collector is back."""
    bare = getattr(Watch, moment)
    asked: list[str] = []

    def stopped(self: Watch, *arguments: object) -> object:
        asked.append(moment)
        if len(asked) > 1:  # what ends the watch after that goes through
            return bare(self, *arguments)
        raise KeyboardInterrupt

    def fail() -> None:
        raise KeyError

    monkeypatch.setattr(Watch, moment, stopped)
    with pytest.raises(KeyboardInterrupt):
        if moment == "open":
            with gc_frozen(check=1):
                pass
        elif moment == "abandon":
            gc_frozen(check=1)(fail)()
        else:
            by_hand(gc_frozen(check=1)(leave_waiting)())
    assert asked
    assert deferrals() == []
    assert hooks() == 0
    monkeypatch.undo()
    gc.collect()  # a watch that was not ended ends with its last user
    assert gc.get_threshold() == USUAL


def test_a_call_whose_look_can_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call is not made, and other entries of the guard stay open."""

    def stopped(self: Watch) -> None:
        raise KeyboardInterrupt

    guard = gc_frozen(check=1)
    with guard:
        with monkeypatch.context() as patched:
            patched.setattr(Watch, "open", stopped)
            with pytest.raises(KeyboardInterrupt):
                guard(pytest.fail)("called")
        assert len(deferrals()) == 1
        assert gc.get_threshold()[0] == 1_000_000


def test_looks_keep_nothing_alive() -> None:
    """Neither what a call was given and returned, nor what was found, and there is no cycle."""
    guard = gc_frozen(check=1)
    given = Slot()
    reference = weakref.ref(given)

    @guard
    def call(given: Slot) -> Slot:
        pair()
        return given

    result = call(given)
    with guard:
        pair()
    assert shapes(guard) == {"Slot": 2}
    gc.collect()
    gc.disable()
    try:
        del given, result
        assert reference() is None
        gone = weakref.ref(guard)
        del guard, call
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(("function", "use"), CALLS)
def test_builds_without_an_order_of_birth(
    function: Callable[[], Any], use: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a free-threaded build real collections count, and they count as explicit."""

    def fail() -> None:
        raise AssertionError("the application's frozen heap was touched")

    monkeypatch.setattr(_fallback, "_looking_works", False)
    monkeypatch.setattr(_fallback, "_warned", [None])
    monkeypatch.setattr(gc, "get_freeze_count", lambda: 7)
    monkeypatch.setattr(gc, "freeze", fail)
    monkeypatch.setattr(gc, "unfreeze", fail)
    monkeypatch.setitem(globals(), "alone", lambda: None)  # it can't be told apart here
    guard = gc_frozen(check=1)
    use(guard(function)())
    assert shapes(guard) == {"Slot": 2}
    with guard:
        pair()
    assert shapes(guard) == {"Slot": 3}
    assert guard.report.method == "collector"
    assert guard.stats.explicit_collections >= 2
    assert gc.get_threshold() == USUAL


def test_a_plain_call_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `check` no watch is made."""

    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("looked")

    monkeypatch.setattr(_watch.Watch, "__init__", fail)
    assert gc_frozen(plain)(2) == "bb"
    with gc_frozen(), gc_frozen(defer="full"):
        pass
