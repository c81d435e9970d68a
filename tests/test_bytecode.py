"""Tests of the dataflow alone: which locals can be bound where, against the interpreter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import Any

import pytest

from cyclefree import _bytecode
from cyclefree._bytecode import Flow


def bits(flow: Flow, names: object) -> int:
    """Return the set of the names' slots."""
    return sum(1 << slot for slot, name in enumerate(flow.slots) if name in names)  # type: ignore[operator]


def stopped(function: Callable[[object], None]) -> FrameType:
    """Call the function, and return its frame when it has raised."""
    try:
        function([1])
    except Exception as error:
        traceback = error.__traceback__
        assert traceback is not None and traceback.tb_next is not None
        return traceback.tb_next.tb_frame
    raise AssertionError("it raises nothing")


def deleted(value: object) -> None:
    first, second, third = [1], [2], [value]
    del second
    int("x")
    print(first, third)


def not_reached(value: object) -> None:
    first = [value]
    int("x")
    second = [first]
    print(second)


def handled(value: object) -> None:
    try:
        inside = [value]
        int("x")
        never = inside
        print(never)
    except ValueError as problem:
        kept = [problem]
        raise KeyError(kept) from None


def in_with(value: object) -> None:
    with contextlib.nullcontext([value]) as opened:
        inner = [opened]
        int(str(inner))


def conditional(value: object) -> None:
    if value:
        first = [1]
    else:
        second = [2]
        print(second)
    int("x")
    print(first)


def looped(value: object) -> None:
    for number in ([1], [2]):
        last = [number]
    while value:
        int("x")
    print(last)


@pytest.mark.parametrize(
    "function",
    [deleted, not_reached, handled, in_with, conditional, looped],
    ids=lambda function: function.__name__,
)
def test_the_true_state_is_among_those_found(function: Callable[[object], None]) -> None:
    """What is bound in the frame of a function that raised is one of the states for its end."""
    frame = stopped(function)
    flow = Flow(frame.f_code)
    true = bits(flow, frame.f_locals)
    states = flow.dead_at(frame.f_lasti)
    assert any(must & ~true == 0 and true & ~may == 0 for must, may, _ in states)


@pytest.mark.parametrize("function", [deleted, not_reached])
def test_one_path_leaves_one_state(function: Callable[[object], None]) -> None:
    """Without branches exactly one state is found, and nothing in it is uncertain."""
    frame = stopped(function)
    flow = Flow(frame.f_code)
    true = bits(flow, frame.f_locals)
    assert flow.dead_at(frame.f_lasti) == [(true, true, "")]


def test_branches_leave_several_states() -> None:
    """Where paths with different names meet, each has its state."""
    frame = stopped(conditional)
    flow = Flow(frame.f_code)
    found = {may for _, may, _ in flow.dead_at(frame.f_lasti)}
    assert found == {bits(flow, ("value", "first")), bits(flow, ("value", "second"))}


def steps(value: object) -> Iterator[object]:
    first = [value]
    yield 1
    second = [first]
    yield second
    del first
    yield [second, (yield 3)]


def test_suspended_generator() -> None:
    """A generator that has not run has its parameters; at each yield it has what is bound there."""
    generator: Generator[Any, Any, Any] = steps([1])  # type: ignore[assignment]
    flow = Flow(generator.gi_code)
    created = bits(flow, ("value",))
    assert {state[:2] for state in flow.created()} == {(created, created)}
    anywhere = flow.suspended(awaiting=False)
    for _ in generator:
        frame = generator.gi_frame
        true = bits(flow, frame.f_locals)
        found = flow.suspended_at(frame.f_lasti)
        assert {state[:2] for state in found} == {(true, true)}
        assert set(found) <= set(anywhere)


@pytest.mark.parametrize("limit", ["_CODE_LIMIT", "_STEP_LIMIT"])
def test_code_that_takes_too_long(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limits nothing is known: every slot may be bound, no suspension is found."""
    monkeypatch.setattr(_bytecode, limit, 0)
    frame = stopped(deleted)
    flow = Flow(frame.f_code)
    assert flow.dead_at(frame.f_lasti) == [(0, (1 << len(flow.slots)) - 1, "")]
    assert flow.suspended_at(frame.f_lasti) == []
    assert flow.suspended(awaiting=False) == []
