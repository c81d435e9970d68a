"""Where warnings point: at the user's line that called into the library, and at none of ours."""

from __future__ import annotations

import gc
import sys
import warnings
from _thread import start_new_thread
from collections.abc import AsyncIterator, Callable, Iterator
from threading import Event
from typing import Any

import pytest
from rings import Slot, ring
from test_decorate import Step, by_hand

from cyclefree import CyclefreeWarning, FrozenScope, assert_no_cycles, cycle_scope, gc_frozen
from cyclefree._warn import warn_caller


def places(call: Callable[..., object], *arguments: object) -> list[tuple[str, int]]:
    """Call something and list the files and lines that its warnings point to."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments)
    assert {warning.category for warning in caught} <= {CyclefreeWarning}
    return [(warning.filename, warning.lineno) for warning in caught]


def here() -> int:
    """Return the line from which this is called."""
    return sys._getframe(1).f_lineno


def test_a_warning_points_to_the_call() -> None:
    """Whatever the way in, the warning's place is the user's line, not one of ours."""

    def generate() -> Iterator[int]:
        ring()
        yield 1

    async def wait() -> None:
        ring()

    def run(coroutine: Any) -> None:
        with pytest.raises(StopIteration):
            coroutine.send(None)

    def block(guard: Any) -> None:
        with guard(action="warn"):
            ring()

    calls: list[Callable[[Any, int], object]] = [
        lambda guard, n: guard(action="warn", sample=n)(ring)(),
        lambda guard, n: [None for _ in guard(action="warn", sample=n)(generate)()],
        lambda guard, n: run(guard(action="warn", sample=n)(wait)()),
        lambda guard, n: block(guard),
    ]
    for guard in (assert_no_cycles, cycle_scope):
        for sample in (1, 3):
            for call in calls:
                assert [name for name, _ in places(call, guard, sample)] == [__file__]


# --- gc_frozen ------------------------------------------------------------------------------------


def exceeding() -> FrozenScope:
    """Make a guard that says when 1,000 objects have piled up."""
    return gc_frozen(max_net_objects=1_000, on_exceed="warn")


@pytest.fixture
def kept() -> Iterator[list[Any]]:
    """Give a list to keep too much in."""
    made: list[Any] = []
    gc.collect()
    yield made
    made.clear()


def too_many(kept: list[Any]) -> None:
    """Keep more than `exceeding` allows."""
    kept += [Slot() for _ in range(1_200)]


def test_beyond_a_budget_a_checkpoint_points_to_itself(kept: list[Any]) -> None:
    """The line of `checkpoint()`, and of `every()`."""
    lines = []

    def call() -> None:
        with exceeding() as frozen:
            too_many(kept)
            lines.append(here() + 1)
            frozen.checkpoint()
            too_many(kept)
            lines.append(here() + 1)
            frozen.every(100)

    assert places(call) == [(__file__, line) for line in lines]


def test_beyond_a_budget_an_exit_points_to_its_block(kept: list[Any]) -> None:
    """The line of the `with`, where the interpreter is when a block ends."""
    lines = []

    def call() -> None:
        lines.append(here() + 1)
        with exceeding():
            too_many(kept)

    async def wait() -> None:
        lines.append(here() + 1)
        async with exceeding():
            too_many(kept)
            await Step()

    assert places(call) == [(__file__, lines[0])]
    assert places(lambda: by_hand(wait())) == [(__file__, lines[1])]


def test_a_block_that_is_looked_at_points_to_itself(kept: list[Any]) -> None:
    """With `check`, too, in both kinds of block."""
    guard = gc_frozen(max_net_objects=1_000, on_exceed="warn", check=1)
    lines = []

    def call() -> None:
        lines.append(here() + 1)
        with guard:
            too_many(kept)

    async def wait() -> None:
        lines.append(here() + 1)
        async with guard:
            too_many(kept)

    assert places(call) == [(__file__, lines[0])]
    assert places(lambda: by_hand(wait())) == [(__file__, lines[1])]


@pytest.mark.parametrize("check", [None, 1])
def test_beyond_a_budget_a_call_is_pointed_to(kept: list[Any], check: int | None) -> None:
    """The line that calls, iterates or awaits a decorated function."""

    def generate() -> Iterator[int]:
        too_many(kept)
        yield 1

    async def wait() -> None:
        await Step()
        too_many(kept)

    async def feed() -> AsyncIterator[int]:
        yield 1
        too_many(kept)

    async def gather(made: Any) -> None:
        async for _ in made:
            pass

    def decorated(function: Callable[..., Any]) -> Any:
        guard = gc_frozen(max_net_objects=1_000, on_exceed="warn", check=check)
        return guard(function)

    calls: list[Callable[[], object]] = [
        lambda: decorated(too_many)(kept),
        lambda: [None for _ in decorated(generate)()],
        lambda: [None for _ in decorated(wait)().__await__()],
        lambda: [None for _ in gather(decorated(feed)()).__await__()],
    ]
    for call in calls:
        ((name, _),) = places(call)
        assert name == __file__


def test_where_nobody_called() -> None:
    """A thread that begins in the library has no line of the user's, but its warning comes."""
    told = Event()

    def tell(*details: Any, **more: Any) -> None:
        told.set()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = tell
        start_new_thread(warn_caller, ("from nowhere",))
        assert told.wait(60)
