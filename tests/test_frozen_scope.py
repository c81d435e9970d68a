"""The guard that `gc_frozen` makes: blocks, decorated calls, the net below it, and its exits."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import itertools
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest
from rings import Slot, ring
from test_counters import hooks, runs
from test_decorate import (
    ASYNC_OPERATIONS,
    BODIES,
    KINDS,
    OPERATIONS,
    Step,
    behaviour,
    by_hand,
    coroutine,
    generator,
    old_coroutine,
    plain,
    stream,
)
from test_decorate import _stream_of as stream_of
from test_period import Clock, Memory, clock, collected, memory, old_garbage

from cyclefree import (
    BudgetExceededError,
    CyclefreeError,
    CyclefreeWarning,
    FrozenScope,
    GCStats,
    ReportNotReadyError,
    _period,
    assert_no_cycles,
    cycle_scope,
    gc_frozen,
)
from cyclefree._counters import LARGEST

__all__ = ["clock", "collected", "memory"]  # fixtures

USUAL = (700, 10, 10)
OFF = (1_000_000, LARGEST, LARGEST)


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Give each test the usual thresholds and an empty generation 0, with the collector on."""
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*USUAL)
    yield
    assert gc.get_threshold() == USUAL
    gc.set_threshold(*before)


# --- blocks ---------------------------------------------------------------------------------------


def test_a_block() -> None:
    """Inside no automatic collection runs, after it the collector is as it was."""
    with gc_frozen() as frozen:
        assert gc.get_threshold() == OFF
        ran = runs()
        kept = [Slot() for _ in range(20_000)]
        assert runs() == ran
        assert gc.isenabled()
    assert gc.get_threshold() == USUAL
    assert isinstance(frozen, FrozenScope)
    assert frozen.stats.automatic_collections == frozen.stats.explicit_collections == 0
    assert 20_000 <= frozen.stats.net_objects <= 20_080
    del kept


def test_an_async_block() -> None:
    """The same with `async with`, also while something is awaited inside."""

    async def main() -> GCStats:
        async with gc_frozen() as frozen:
            assert gc.get_threshold() == OFF
            await asyncio.sleep(0)
            assert gc.get_threshold() == OFF
        assert gc.get_threshold() == USUAL
        with pytest.raises(KeyError):
            async with frozen:
                raise KeyError
        return frozen.stats

    stats = asyncio.run(main())
    assert stats.automatic_collections == 0


def test_one_guard_again_and_again() -> None:
    """Entered one after the other, in itself, and by an exit stack: the figures are of all."""
    guard = gc_frozen()
    kept = []
    with guard as first, guard as second, ExitStack() as stack:
        assert first is second is stack.enter_context(guard) is guard
        kept += [Slot() for _ in range(500)]
        with guard:
            kept += [Slot() for _ in range(500)]
        assert gc.get_threshold() == OFF
    assert gc.get_threshold() == USUAL
    kept += [Slot() for _ in range(200)]
    with guard:
        kept += [Slot() for _ in range(500)]
        assert 1_450 <= guard.stats.net_objects <= 1_600
    assert 1_450 <= guard.stats.net_objects <= 1_600


def test_an_exception_passes_untouched() -> None:
    """An exit adds nothing to it and does not take its place, even beyond a budget."""
    for on_exceed in ("collect", "restore", "warn", "raise"):
        error = KeyError("mine")
        kept = []
        with (
            pytest.raises(KeyError) as caught,
            gc_frozen(max_net_objects=1_000, on_exceed=on_exceed),
        ):
            kept += [Slot() for _ in range(1_500)]
            raise error
        assert caught.value is error
        assert error.__context__ is None
        error.__traceback__ = None
        assert gc.get_threshold() == USUAL
        assert hooks() == 0


# --- what the application does inside -------------------------------------------------------------


@pytest.mark.parametrize("budget", [50_000, None])
def test_a_library_that_switches_the_collector_on_changes_nothing(budget: int | None) -> None:
    """`gc.enable()` inside brings no collection, and is still in force afterwards."""
    gc.disable()
    with gc_frozen(max_net_objects=budget):
        gc.enable()
        ran = runs()
        kept = [Slot() for _ in range(20_000)]
        assert runs() == ran
    assert gc.isenabled()
    del kept


def test_a_library_that_switches_the_collector_off_changes_nothing() -> None:
    """`gc.disable()` inside stays in force: it was the application's wish."""
    with gc_frozen(max_net_objects=5_000):
        gc.disable()
        assert gc.get_threshold() == (5_000, LARGEST, LARGEST)
    assert not gc.isenabled()
    assert gc.get_threshold() == USUAL
    gc.enable()


def test_without_a_budget_the_collector_is_really_off() -> None:
    """`max_net_objects=None` clears the flag, and sets it again where it was set."""
    with gc_frozen(max_net_objects=None):
        assert not gc.isenabled()
        with gc_frozen():
            assert gc.isenabled()  # somebody asks for a net
            assert gc.get_threshold() == OFF
        assert not gc.isenabled()
        with gc_frozen(defer="full", max_net_objects=None):
            assert not gc.isenabled()
    assert gc.isenabled()
    with gc_frozen(), gc_frozen(max_net_objects=None):
        assert gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    with gc_frozen(max_net_objects=None):
        pass
    assert not gc.isenabled()
    gc.enable()


def test_whose_the_cleared_flag_is_can_not_be_told() -> None:
    """What is documented: the application's own `gc.disable()` inside ends with the scope."""
    with gc_frozen(max_net_objects=None):
        gc.disable()
    assert gc.isenabled()


def test_really_off_stays_off_when_a_library_enables_the_collector() -> None:
    """The flag is set then, but no collection comes of it."""
    with gc_frozen(max_net_objects=None) as frozen:
        gc.enable()
        kept: list[list[object]] = [[] for _ in range(20_000)]
        assert frozen.stats.automatic_collections == 0
    del kept
    assert gc.isenabled()


def test_explicit_collections_go_on() -> None:
    """A program that collects itself can, and it is counted."""
    with gc_frozen() as frozen:
        ring(10)
        assert gc.collect() == 10
    assert frozen.stats.explicit_collections == 1


# --- the net --------------------------------------------------------------------------------------


def test_the_net_is_the_interpreter() -> None:
    """With a budget of 5,000 a young collection comes at each 5,000, and no sooner."""
    kept: list[Any] = [None] * 17_000
    came: list[int] = []
    with gc_frozen(max_net_objects=5_000) as frozen:
        already = gc.get_count()[0]
        seen = runs()
        for number in range(len(kept)):
            kept[number] = Slot()
            if runs() != seen:
                came.append(number + already)
                seen = runs()
        assert gc.get_threshold() == (5_000, LARGEST, LARGEST)
    assert len(came) == frozen.stats.automatic_collections == 3
    for times, moment in enumerate(came, 1):
        assert times * 4_950 <= moment <= times * 5_001
    assert frozen.stats.exceeded == 4  # and by the exit


def test_the_net_collects_the_young_only(collected: list[int]) -> None:
    """However often it comes, no older generation is its business."""
    with gc_frozen(max_net_objects=100):
        kept = [Slot() for _ in range(5_000)]
        assert len(collected) >= 45
        assert set(collected) == {0}
    del kept


def test_of_budgets_that_differ_the_smallest_holds() -> None:
    """While it is open; then the next one."""
    with gc_frozen(max_net_objects=30_000):
        with gc_frozen(max_net_objects=2_000):
            assert gc.get_threshold() == (2_000, LARGEST, LARGEST)
            with gc_frozen(max_net_objects=9_000):
                assert gc.get_threshold() == (2_000, LARGEST, LARGEST)
        assert gc.get_threshold() == (30_000, LARGEST, LARGEST)


def test_full_collections_alone(collected: list[int]) -> None:
    """With defer="full" young and middle ones go on as ever, and no full one runs; see without."""
    gc.set_threshold(50, 2, 2)
    heap = [Slot() for _ in range(200)]

    def work() -> set[int]:
        collected.clear()
        kept = []
        for _ in range(300):
            kept += [Slot() for _ in range(100)]
        return set(collected)

    with gc_frozen(defer="full") as frozen:
        assert gc.get_threshold() == (50, 2, LARGEST)
        assert work() == {0, 1}
        assert frozen.stats.automatic_collections == len(collected) > 400
    assert work() == {0, 1, 2}
    gc.set_threshold(*USUAL)
    del heap


def test_a_pending_collection_does_not_count_inside(collected: list[int]) -> None:
    """However few allocations are missing for one when a scope begins, none runs inside.

    From 3.12 on a collection is only asked for by the allocation that passes the threshold, and
    runs a little later: that must not be in the scope, nor be counted there.
    """
    guard = gc_frozen()
    young = []
    kept: list[Any] = []
    gc.set_threshold(2_000, 10, 10)
    for missing in range(40):
        del kept[:]
        gc.collect(0)
        kept += [Slot() for _ in range(2_000 - missing - gc.get_count()[0])]
        net = guard.stats.net_objects
        with guard:
            young.append(gc.get_count()[0])
            collected.clear()
            kept += [Slot() for _ in range(100)]
            assert collected == []
            assert 100 <= guard.stats.net_objects - net <= 180
    assert guard.stats.automatic_collections == guard.stats.explicit_collections == 0
    assert min(young) < 100 < 1_990 < max(young)  # before some of them it ran, before others not
    gc.set_threshold(*USUAL)


# --- decorated functions --------------------------------------------------------------------------

WAYS: list[Callable[[Any], Any]] = [
    gc_frozen,
    gc_frozen(),
    gc_frozen(max_net_objects=5_000, on_exceed="warn", on_exit="young"),
    gc_frozen(defer="full"),
    gc_frozen(check=1),
    gc_frozen(check=2),
]


@pytest.mark.parametrize("guard", WAYS)
@pytest.mark.parametrize("function", KINDS)
def test_the_kind_of_function_is_kept(
    function: Callable[..., Any], guard: Callable[[Any], Any]
) -> None:
    """What `inspect` says of the function, it says of the decorated one."""
    guarded = guard(function)
    asked = (
        *(inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction),
        *(inspect.isasyncgenfunction, inspect.isroutine, inspect.signature, inspect.getdoc),
    )
    assert [question(guarded) for question in asked] == [question(function) for question in asked]
    assert guarded.__wrapped__ is function
    assert (guarded.__name__, guarded.__qualname__) == (function.__name__, function.__qualname__)


@pytest.mark.parametrize("guard", WAYS)
def test_results_come_through(guard: Callable[[Any], Any]) -> None:
    """Each kind of function gives what it gives without a guard."""

    async def gather() -> list[str]:
        return [item async for item in guard(stream)(3, b="x")]

    async def wait() -> str:
        return str(await guard(old_coroutine)(2))

    for _ in range(2):
        assert guard(plain)(2) == "bb"
        assert by_hand(guard(coroutine)(2, b="c")) == "cc"
        assert list(guard(generator)(3)) == ["b"] * 3
        assert by_hand(gather()) == ["x"] * 3
        assert by_hand(wait()) == "bb"


@pytest.mark.parametrize("check", [None, 2])
@pytest.mark.parametrize("body", BODIES)
def test_generators_behave_as_without_a_guard(
    body: Callable[[list[str]], Any], check: int | None
) -> None:
    """Every sequence of operations gives the same, and leaves the collector as it was."""
    guarded = gc_frozen(check=check)(body)
    for operations in itertools.product(OPERATIONS, repeat=3):
        assert behaviour(guarded, operations) == behaviour(body, operations), operations
        assert gc.get_threshold() == USUAL
    bare = stream_of(body)
    guarded = gc_frozen(check=check)(bare)
    for operations in itertools.product(ASYNC_OPERATIONS, repeat=2):
        assert behaviour(guarded, operations, True) == behaviour(bare, operations, True), operations
        assert gc.get_threshold() == USUAL


def test_it_is_off_in_the_steps_and_not_in_between() -> None:
    """A coroutine or generator holds the collector off while it runs, not while it waits."""
    seen: list[int] = []

    def look() -> None:
        seen.append(gc.get_threshold()[0])

    @gc_frozen
    def call() -> None:
        look()

    @gc_frozen
    def generate() -> Iterator[int]:
        look()
        yield 1
        look()

    @gc_frozen()
    async def wait() -> None:
        look()
        await Step()
        look()

    @gc_frozen(max_net_objects=1_000_000)
    async def feed() -> AsyncIterator[int]:
        look()
        yield 1
        await Step()
        look()

    call()
    assert gc.get_threshold() == USUAL
    for _ in generate():
        assert gc.get_threshold() == USUAL
    waiting = wait().__await__()
    for _ in waiting:
        assert gc.get_threshold() == USUAL

    async def gather() -> None:
        async for _ in feed():
            assert gc.get_threshold() == USUAL

    for _ in gather().__await__():
        assert gc.get_threshold() == USUAL
    assert seen == [1_000_000] * 7
    assert gc.get_threshold() == USUAL


def test_methods_of_every_kind() -> None:
    """Above and below `staticmethod` and `classmethod`, under `property`, and bound methods."""

    class Service:
        @gc_frozen
        def method(self, number: int) -> tuple[Service, int, int]:
            """Document it."""
            return self, number, gc.get_threshold()[0]

        @gc_frozen(max_net_objects=2)
        @staticmethod
        def above_static() -> int:
            return gc.get_threshold()[0]

        @staticmethod
        @gc_frozen(max_net_objects=3)
        def below_static() -> int:
            return gc.get_threshold()[0]

        @gc_frozen(max_net_objects=4)
        @classmethod
        def above_class(cls) -> tuple[type, int]:
            return cls, gc.get_threshold()[0]

        @classmethod
        @gc_frozen(max_net_objects=5)
        def below_class(cls) -> tuple[type, int]:
            return cls, gc.get_threshold()[0]

        @property
        @gc_frozen(max_net_objects=6)
        def value(self) -> int:
            return gc.get_threshold()[0]

        @gc_frozen(max_net_objects=7)
        async def wait(self) -> int:
            await Step()
            return gc.get_threshold()[0]

    service = Service()
    assert service.method(1) == (service, 1, 1_000_000)
    assert inspect.getdoc(Service.method) == "Document it."
    assert str(inspect.signature(service.method)).startswith("(number: ")
    assert (service.above_static(), Service.below_static()) == (2, 3)
    assert (service.above_class(), Service.below_class()) == ((Service, 4), (Service, 5))
    assert isinstance(Service.__dict__["above_static"], staticmethod)
    assert isinstance(Service.__dict__["above_class"], classmethod)
    assert (service.value, by_hand(service.wait())) == (6, 7)
    assert gc_frozen(service.method)(4)[2] == 1_000_000
    assert gc_frozen(functools.partial(plain, 3))() == "bbb"
    assert gc_frozen(len)([1, 2]) == 2


def test_what_can_not_be_decorated() -> None:
    """A class, and what can't be called, are refused with and without options."""
    guards: list[Any] = [gc_frozen, gc_frozen(), gc_frozen(check=3)]
    for guard in guards:
        with pytest.raises(TypeError, match="Slot is a class; decorate its methods"):
            guard(Slot)
        with pytest.raises(TypeError, match=r"an object of type int that can't be called"):
            guard(5)


def test_one_guard_over_many_functions() -> None:
    """Its figures are of all their calls."""
    guard = gc_frozen()
    kept: list[Slot] = []

    @guard
    def first() -> None:
        kept.extend([Slot() for _ in range(400)])
        second()

    @guard
    def second() -> None:
        kept.extend([Slot() for _ in range(400)])
        gc.collect(0)

    first()
    second()
    assert guard.stats.explicit_collections == 2
    assert 1_150 <= guard.stats.net_objects <= 1_300


def test_an_error_in_a_call_passes_untouched() -> None:
    """The function's own exception comes out, and the collector is as it was."""

    @gc_frozen(max_net_objects=100, on_exceed="raise")
    def fail() -> None:
        kept.extend([Slot() for _ in range(200)])
        raise error

    kept: list[Slot] = []
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        fail()
    assert caught.value is error
    assert error.__context__ is None
    error.__traceback__ = None
    assert gc.get_threshold() == USUAL
    assert hooks() == 0


def test_a_beginning_that_fails_is_no_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the memory can't be read after all, that is the error, and other entries stay."""

    def unknown() -> int:
        raise CyclefreeError("can't tell")

    outer, guard_of_more = gc_frozen(max_net_objects=60_000), gc_frozen(max_net_objects=70_000)
    guard = gc_frozen(max_rss="1 GB")
    monkeypatch.setattr(_period, "resident", unknown)
    for attempt in (guard(plain), lambda _: guard.__enter__()):
        with outer:
            with pytest.raises(CyclefreeError, match="can't tell"):
                attempt(1)
            assert gc.get_threshold()[0] == 60_000
            with guard_of_more, pytest.raises(CyclefreeError, match="can't tell"):
                attempt(1)
            assert gc.get_threshold()[0] == 60_000
        assert hooks() == 0
        assert guard._blocks == guard._calls == outer._blocks == {}
        assert gc.get_threshold() == USUAL


# --- beyond a budget ------------------------------------------------------------------------------


def too_many(kept: list[Any]) -> Slot:
    """Keep more than a budget of 1,000 allows."""
    kept += [Slot() for _ in range(1_200)]
    return Slot()


async def too_many_later(kept: list[Any]) -> Slot:
    """As `too_many`, in a coroutine."""
    await Step()
    return too_many(kept)


def too_many_in_steps(kept: list[Any]) -> Iterator[int]:
    """As `too_many`, in a generator."""
    too_many(kept)
    yield 1


async def too_many_in_async_steps(kept: list[Any]) -> AsyncIterator[int]:
    """As `too_many`, in an async generator."""
    yield 1
    too_many(kept)


def items(made: Any) -> object:
    """Read an async generator to its end."""

    async def gather() -> None:
        async for _ in made:
            pass

    return by_hand(gather())


EXCEEDING: list[tuple[Callable[..., Any], Callable[[Any], object]]] = [
    (too_many, lambda made: made),
    (too_many_later, by_hand),
    (too_many_in_steps, list),
    (too_many_in_async_steps, items),
]


@pytest.mark.parametrize(("function", "use"), EXCEEDING)
def test_each_kind_of_call_tells(
    function: Callable[..., Any], use: Callable[[Any], object], clock: Clock
) -> None:
    """At the end of the call it warns, raises, collects or restores."""
    kept: list[Any] = []
    with pytest.warns(CyclefreeWarning, match="objects have piled up") as told:
        use(gc_frozen(max_net_objects=1_000, on_exceed="warn")(function)(kept))
    assert len(told) == 1
    with pytest.raises(BudgetExceededError, match="max_net_objects=1,000") as caught:
        use(gc_frozen(max_net_objects=1_000, on_exceed="raise")(function)(kept))
    assert caught.value.stats.exceeded == 2
    for on_exceed in ("collect", "restore"):
        guard = gc_frozen(max_net_objects=1_000, on_exceed=on_exceed)
        use(guard(function)(kept))
        assert guard.stats.exceeded == 2
        assert guard.stats.explicit_collections == (on_exceed == "collect")
        assert gc.get_threshold() == USUAL


@pytest.mark.parametrize(("function", "use"), EXCEEDING)
def test_a_failing_call_keeps_nothing_alive(
    function: Callable[..., Any], use: Callable[[Any], object]
) -> None:
    """A BudgetExceededError that is held, with its traceback, holds no argument and no result."""

    class Kept(list[Any]):
        """A list that can be referred to weakly."""

    given = Kept()
    reference = weakref.ref(given)
    before = {id(o) for o in gc.get_objects() if type(o) is Slot}
    errors: list[BudgetExceededError] = []
    guarded = gc_frozen(max_net_objects=1_000, on_exceed="raise")(function)
    try:
        use(guarded(given))
    except BudgetExceededError as error:
        errors.append(error)
    del given
    gc.collect()
    assert errors[0].__traceback__ is not None
    assert reference() is None
    assert [o for o in gc.get_objects() if type(o) is Slot and id(o) not in before] == []


def test_an_exit_collects_beyond_the_budget(collected: list[int]) -> None:
    """Without a checkpoint the exit does it; an exit within the budget does nothing."""
    with gc_frozen(max_net_objects=1_000) as frozen:
        kept = old_garbage(1_200)
        collected.clear()
        reference = weakref.ref(kept[0])
        kept.clear()
    assert collected == [1]
    assert reference() is None
    collected.clear()
    with frozen:
        kept = old_garbage(300)
    assert collected == []
    assert frozen.stats.exceeded == 2
    kept.clear()


def test_an_inner_exit_is_told_too() -> None:
    """At each exit the budget is looked at, and then as much again is allowed."""
    kept: list[Any] = []
    guard = gc_frozen(max_net_objects=1_000, on_exceed="raise")
    with guard:
        with pytest.raises(BudgetExceededError), guard:
            too_many(kept)
        assert gc.get_threshold()[0] == 1_000
    assert guard.stats.exceeded == 2
    with gc_frozen(max_net_objects=1_000, on_exceed="restore") as guard:
        with guard:
            too_many(kept)
        assert gc.get_threshold() == USUAL
        with guard:
            assert gc.get_threshold() == USUAL
    with pytest.warns(CyclefreeWarning):  # noqa: SIM117
        with gc_frozen(max_net_objects=1_000, on_exceed="warn") as guard:
            with guard:
                too_many(kept)
            assert gc.get_threshold()[0] == 1_000


# --- when the last one ends -----------------------------------------------------------------------


@pytest.mark.parametrize(("on_exit", "expected"), [("none", []), ("young", [0]), ("full", [2])])
def test_what_is_collected_when_the_last_scope_ends(
    on_exit: Any, expected: list[int], collected: list[int]
) -> None:
    """Each word means what it says, also after an exception, and is counted."""
    guard = gc_frozen(on_exit=on_exit)
    with guard:
        kept = [Slot() for _ in range(100)]
        assert collected == []
    assert collected == expected
    assert guard.stats.explicit_collections == len(expected)
    collected.clear()
    with pytest.raises(KeyError), guard:
        raise KeyError
    assert collected == expected
    collected.clear()
    guard(plain)(3)
    assert collected == expected
    del kept


def test_only_the_last_one_collects(collected: list[int]) -> None:
    """While another guard, or another entry of this one, is open, nothing is collected."""
    guard = gc_frozen(on_exit="full")
    with gc_frozen() as outer:
        with guard, guard, gc_frozen(on_exit="young"):
            pass
        assert collected == []
        with guard:
            outer_left = outer.leave(failed=False)  # as another thread's scope may overlap
            assert outer_left is None
            assert collected == []
        assert collected == [2]
        outer.enter()
    assert collected == [2]


def test_budget_and_exit_both(clock: Clock, collected: list[int]) -> None:
    """What `on_exceed` does at an exit comes first, and `on_exit` all the same."""
    with gc_frozen(max_net_objects=1_000, on_exit="young") as frozen:
        kept = [Slot() for _ in range(1_200)]
        collected.clear()
    assert collected == [1, 0]
    assert frozen.stats.explicit_collections == 2
    with (
        pytest.raises(BudgetExceededError),
        gc_frozen(max_net_objects=1_000, on_exceed="raise", on_exit="full"),
    ):
        too_many(kept)
        collected.clear()
    assert collected == [2]


def test_memory_at_the_exit(memory: Memory, clock: Clock, collected: list[int]) -> None:
    """The memory budget is looked at there, too."""
    with gc_frozen(max_rss="1 MiB") as frozen:
        memory.size += 2**21
    assert collected == [1, 2]
    assert frozen.stats.rss_growth == 2**21


# --- in between -----------------------------------------------------------------------------------


def test_steps(clock: Clock, collected: list[int]) -> None:
    """`every(n)` collects at each n-th step and says what it freed."""
    freed = []
    with gc_frozen() as frozen:
        for _ in range(10):
            ring(5)
            clock.now += 1
            freed.append(frozen.every(3))
    assert freed == [0, 0, 15, 0, 0, 15, 0, 0, 15, 0]
    assert collected == [1, 1, 1]


def test_steps_beyond_a_budget() -> None:
    """A step looks at the budget as a checkpoint does."""
    kept: list[Any] = []
    with gc_frozen(max_net_objects=1_000, on_exceed="raise") as frozen:
        frozen.every(1_000)
        too_many(kept)
        with pytest.raises(BudgetExceededError):
            frozen.every(1_000)


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (0, ValueError, r"every\(0\) is no number of steps; every\(500\) collects at each 500th"),
        (-1, ValueError, r"every\(-1\) is no number"),
        (True, TypeError, r"every\(\) takes a whole number of steps, not True"),
        (2.0, TypeError, r"not 2\.0"),
        ("5", TypeError, "not '5'"),
        (None, TypeError, "not None"),
    ],
)
def test_wrong_numbers_of_steps(number: Any, kind: type[Exception], said: str) -> None:
    """One clear error, and the step is not counted."""
    guard = gc_frozen()
    with pytest.raises(kind, match=said):
        guard.every(number)
    assert guard._steps == 0


def test_there_is_no_report_that_was_not_asked_for() -> None:
    """Without `check` the error says how to ask."""
    with gc_frozen() as frozen:
        pass
    with pytest.raises(ReportNotReadyError, match=r"write gc_frozen\(check=100\)"):
        _ = frozen.report


# --- with guards inside ---------------------------------------------------------------------------


def test_guards_inside_stay_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 100,000 young objects the first guard moves them aside; the net still counts them."""
    from cyclefree import _heap, _watch

    sizes: list[int] = []

    def objects_of(number: int) -> list[object]:
        listed = _heap.objects_of(number)
        sizes.append(len(listed))
        return listed

    monkeypatch.setattr(_watch, "objects_of", objects_of)
    checked = assert_no_cycles(plain)
    with gc_frozen(on_exceed="raise") as frozen:
        heap = [Slot() for _ in range(100_000)]
        checked(1)
        first = gc.get_count()[0]
        assert first < 100
        for _ in range(200):
            checked(1)
            heap.append(Slot())
        with cycle_scope() as report:
            ring(3)
        assert report.objects == 3
        assert 100_000 <= frozen.stats.net_objects <= 102_000
    assert len(sizes) > 200
    assert max(sizes) < 1_500
    assert frozen.stats.automatic_collections == 0
    del heap


def test_what_guards_moved_is_within_the_reach_of_a_checkpoint(clock: Clock) -> None:
    """Garbage that a guard has moved aside is freed all the same."""
    checked = assert_no_cycles(plain)
    with gc_frozen() as frozen:
        for _ in range(1_500):
            ring(2)
        checked(1)
        assert gc.get_count()[0] < 100
        assert frozen.checkpoint(idle=True) >= 3_000


def test_a_guard_around_has_its_own_budget() -> None:
    """A frozen scope inside a checked call, and the other way round, put back what they found."""

    @assert_no_cycles
    def call() -> None:
        paused = gc.get_threshold()
        with gc_frozen():
            assert gc.get_threshold() == OFF
        assert gc.get_threshold() == paused

    call()
    assert gc.get_threshold() == USUAL


# --- many times -----------------------------------------------------------------------------------

_MANY = """
import gc, sys
from cyclefree import gc_frozen
guard = gc_frozen()
@gc_frozen
def call():
    pass
@gc_frozen(max_net_objects=5_000, check=10**9)
def checked():
    pass
def once():
    with gc_frozen():
        pass
    with guard, guard:
        pass
    call()
    checked()
def many(number):
    for _ in range(number):
        once()
many(1_000)
gc.collect()
blocks, objects = sys.getallocatedblocks(), len(gc.get_objects())
many(40_000)
gc.collect()
print(sys.getallocatedblocks() - blocks, len(gc.get_objects()) - objects, gc.callbacks)
"""


def test_entries_leave_no_growth() -> None:
    """After 200,000 entries of every kind there are as many blocks of memory as before."""
    done = subprocess.run(
        [sys.executable, "-c", _MANY], capture_output=True, text=True, timeout=600, check=True
    )
    blocks, objects, *rest = done.stdout.split()
    assert int(blocks) < 100
    assert int(objects) < 10
    assert rest == ["[]"]


_PROGRAM = """
import gc, sys
from collections import deque
from cyclefree import gc_frozen
class Slot:
    __slots__ = ("other",)
recent = deque(maxlen=3_000)
def handle(number):
    for _ in range(15):
        slot = Slot()
        slot.other = slot
    for _ in range(15):
        recent.append(Slot())
if "block" in sys.argv:
    bare = handle
    def handle(number):
        with gc_frozen():
            bare(number)
elif "guard" in sys.argv:
    bare, guard = handle, gc_frozen()
    def handle(number):
        with guard:
            bare(number)
elif "decorator" in sys.argv:
    handle = gc_frozen(handle)
gc.collect()
gc.set_threshold(400, 5, 5)
before = [generation["collections"] for generation in gc.get_stats()]
for number in range(15_000):
    handle(number)
print(*(g["collections"] - b for g, b in zip(gc.get_stats(), before)))
"""


def test_the_program_collects_as_often_as_without_us() -> None:
    """Around calls that allocate a twelfth of the threshold, every generation has its turn."""

    def run(way: str) -> list[int]:
        command = [sys.executable, "-c", _PROGRAM, way]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
        return [int(number) for number in done.stdout.split()]

    alone = run("alone")
    assert alone[2] >= 10  # or there is nothing to compare
    for way in ("block", "guard", "decorator"):
        counted = run(way)
        for without, with_us in zip(alone, counted, strict=True):
            assert abs(with_us - without) <= without / 20, (way, alone, counted)


def test_a_call_keeps_nothing_alive() -> None:
    """What a call was given and returned dies with its last user, while the guard lives on."""
    guard = gc_frozen()
    guarded = guard(lambda given: given)
    given = Slot()
    reference = weakref.ref(given)
    with guard:
        result = guarded(given)
    stats = guard.stats
    gc.disable()
    try:
        del given, result
        assert reference() is None
        gone = weakref.ref(guard)
        del guard, guarded
        assert gone() is None
    finally:
        gc.enable()
    assert stats.automatic_collections == 0


def test_async_exit_stacks() -> None:
    """An `AsyncExitStack` enters and leaves it as `async with` does."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            frozen = await stack.enter_async_context(gc_frozen())
            assert gc.get_threshold() == OFF
            assert frozen.checkpoint() == 0
        assert gc.get_threshold() == USUAL

    asyncio.run(main())


@pytest.mark.parametrize("how", ["block", "call"])
def test_a_clean_block_leaves_nothing_in_the_count(how: str) -> None:
    """A thousand times leave no more than one: nothing adds up that is not the program's."""
    guard = gc_frozen()

    @guard
    def call() -> None:
        """Leave nothing."""

    tracing = sys.gettrace()
    sys.settrace(None)  # whoever traces, as coverage does, makes objects of frames
    try:
        for _ in range(1_000):
            if how == "call":
                call()
            else:
                with guard:
                    pass
    finally:
        sys.settrace(tracing)
    assert abs(guard.stats.net_objects) <= 20
