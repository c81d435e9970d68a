"""Tests of the names of locals: right or said to be uncertain, against the interpreter's own."""

from __future__ import annotations

import ast
import asyncio
import collections
import configparser
import contextlib
import csv
import difflib
import email.message
import email.parser
import enum
import fractions
import gc
import gettext
import inspect
import ipaddress
import json
import random
import re
import shlex
import statistics
import string
import sys
import textwrap
import tokenize
import types
import typing
import urllib.parse
import xml.dom.minidom
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest

from cyclefree._references import Named, Namer, folded_references

Suspended = Generator[Any, Any, Any] | Coroutine[Any, Any, Any] | AsyncIterator[Any]
FRAME_OF = {"generator": "gi_frame", "coroutine": "cr_frame", "async_generator": "ag_frame"}


def contents(target: object) -> object:
    """Return what a local's reference leads to, through its cell if it has one."""
    if type(target) is types.CellType:
        try:
            return target.cell_contents
        except ValueError:
            return None
    return target


def compare(named: list[Named], frame: types.FrameType) -> tuple[int, int]:
    """Check names against f_locals, read only now; return how many were certain, uncertain."""
    true = dict(frame.f_locals)
    certain = uncertain = 0
    where = (frame.f_code.co_filename, frame.f_code.co_name, frame.f_lasti)
    for kind, detail, target in named:
        if kind == "local" and str(detail).startswith("one of "):
            uncertain += 1
            options = str(detail).removeprefix("one of ").split(", ")
            assert any(true.get(name) is contents(target) for name in options), (where, detail)
        elif kind == "local":
            certain += 1
            assert true.get(str(detail)) is contents(target), (where, detail)
    return certain, uncertain


def frames_of(error: BaseException) -> list[types.FrameType]:
    """Return the frames in the traceback, without the test's own."""
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame is not inspect.currentframe():
            found.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return found[1:]


def raised_by(function: Callable[..., object], *args: object) -> BaseException | None:
    """Call, and return the exception if there is one."""
    try:
        function(*args)
    except (Exception, SystemExit) as error:
        return error
    return None


def check_frames(error: BaseException, namer: Namer) -> tuple[int, int]:
    """Compare every frame of a traceback; return the numbers of certain and uncertain names."""
    certain = uncertain = 0
    for frame in frames_of(error):
        named = namer.references(frame)
        targets = collections.Counter(id(target) for _, _, target in named)
        assert targets == collections.Counter(map(id, gc.get_referents(frame)))
        a, b = compare(named, frame)
        certain += a
        uncertain += b
    return certain, uncertain


# --- functions of our own, each stopped where some locals are unbound ---------------------------


def in_handler(value: object) -> None:
    held = [value]
    try:
        int("x")
    except ValueError as problem:
        kept = [problem]
        raise KeyError(held, kept) from None


def after_handler(value: object) -> None:
    try:
        int("x")
    except ValueError as problem:
        kept = str(problem)
    later = [value, kept]
    raise KeyError(later)


def reraised(value: object) -> None:
    before = [value]
    try:
        inside = [before]
        int("x")
        never = inside
        print(never)
    except ValueError as problem:
        late = [problem]
        del late
        raise


def in_with(value: object) -> None:
    with contextlib.nullcontext([value]) as opened, contextlib.suppress(KeyError):
        inner = [opened]
        int(str(inner))


def in_finally(value: object) -> None:
    try:
        first = [value]
        int("x")
        print(first)
    finally:
        second = [value]
        print(end=str(second)[:0])


def with_cells(value: object, other: object) -> None:
    early = [value]

    def use() -> object:
        return value, early, late

    del early
    int(str(use.__name__) + str(other))
    late = early = [1]


def comprehended(value: object) -> None:
    item = [value]
    rows = [[item] for item in ([1], [2])]
    shown = [int(str(row)) for row in rows]
    print(shown, item)


def comprehended_unbound(value: object) -> None:
    rows = [[item, key] for key in ([1], [2]) for item in ([value],)]
    total = {str(key): int(str(key)) for key in rows}
    item = total
    key = item
    print(key)


def conditional(value: object) -> None:
    if value:
        first = [1]
    else:
        second = [2]
    if not value:
        print(second, end="\b")
    third = [3]
    int("x")
    print(first, third)


def looped(value: object) -> None:
    for number in ([1], [2]):
        for other in ([3],):
            last = [number, other]
        del other
    while value:
        int("x")
    print(last)


def deleted(value: object) -> None:
    first, second, third = [1], [2], [value]
    del second
    int("x")
    print(first, third)


OWN = [
    *(in_handler, after_handler, reraised, in_with, in_finally, comprehended),
    *(comprehended_unbound, looped, deleted),
]


@pytest.mark.parametrize("function", OWN, ids=lambda function: function.__name__)
def test_unbound_locals(function: Callable[[object], None]) -> None:
    """Every local of a frame with unbound slots has its own name."""
    error = raised_by(function, [1])
    assert error is not None
    namer = Namer()
    frame = frames_of(error)[0]
    named = namer.references(frame)
    assert not [n for n in named if n[0] == "unnamed"]
    assert compare(named, frame) == (len(frame.f_locals), 0)


def test_uncertain_local() -> None:
    """Where the code alone cannot tell which of two names is bound, the text says so."""
    error = raised_by(conditional, [1])
    assert error is not None
    (frame,) = frames_of(error)
    found = [detail for kind, detail, _ in Namer().references(frame) if kind == "local"]
    either = ["first"] if sys.version_info >= (3, 13) else ["one of first, second"]
    assert found == ["value", *either, "third"]


def test_cells_of_a_frame() -> None:
    """A cell is a local under its variable's name, and folding shows what is in it."""
    value = [1]
    error = raised_by(with_cells, value, "x")
    assert error is not None
    (frame,) = frames_of(error)
    found = {detail: target for kind, detail, target in folded_references(frame) if kind == "local"}
    assert found["value"] is value
    assert "early" not in found
    assert "late" not in found
    assert set(found) == {"value", "other", "use"}


def test_exception_kept_in_a_local() -> None:
    """The classic cycle: the local that keeps the exception is named."""

    def keep() -> BaseException:
        error = None
        payload = [1]
        try:
            int("x")
        except ValueError as caught:
            error = caught
        assert error is not None and payload
        return error

    error = keep()
    assert error.__traceback__ is not None
    frame = error.__traceback__.tb_frame
    found = [(k, d) for k, d, target in Namer().references(frame) if target is error]
    assert found == [("local", "error")]


# --- the standard library, stopped wherever bad input stops it -----------------------------------

MODULES: tuple[Any, ...] = (
    *(ast, configparser, csv, difflib, email.message, email.parser, enum, fractions, gettext),
    *(inspect, ipaddress, json, re, shlex, statistics, string, textwrap, tokenize, typing),
    *(urllib.parse, xml.dom.minidom),
)
UNFIT = {"test", "main", "getsourcelines", "findsource", "getsource", "getfullargspec"}


def library_functions() -> list[types.FunctionType]:
    """Return the plain functions and methods of the modules."""
    found: list[types.FunctionType] = []
    for module in MODULES:
        for value in list(vars(module).values()):
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            for member in members:
                if (
                    isinstance(member, types.FunctionType)
                    and member.__module__ == module.__name__
                    and member.__name__ not in UNFIT
                ):
                    found.append(member)
    return found


class Anything:
    """An argument that goes a long way before it fails, and fails in the end."""

    def __init__(self, chance: random.Random, left: list[int]) -> None:
        self.__dict__.update(chance=chance, left=left)

    def spend(self, risk: float, error: Exception) -> None:
        self.left[0] -= 1
        if self.left[0] < 0 or self.chance.random() < risk:
            raise error

    def __getattr__(self, name: str) -> Anything:
        self.spend(1 if name.startswith("__") else 0.2, AttributeError(name))
        return Anything(self.chance, self.left)

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.spend(0.2, ValueError(args))
        each = [Anything(self.chance, self.left), 1, "ab", None, [1, "a"], ("a", 2)]
        return self.chance.choice(each)

    def __iter__(self) -> Iterator[object]:
        self.spend(0.1, TypeError())
        return iter(["a", 1, Anything(self.chance, self.left)][: self.chance.randrange(4)])

    def __len__(self) -> int:
        self.spend(0.1, TypeError())
        return self.chance.randrange(3)

    def __getitem__(self, key: object) -> Anything:
        self.spend(0.3, KeyError(key))
        return Anything(self.chance, self.left)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
def test_frames_of_the_standard_library(capsys: pytest.CaptureFixture[str]) -> None:
    """In hundreds of frames no local has a wrong name, and few an uncertain one."""
    chance = random.Random(5)
    namer = Namer()
    certain = uncertain = frames = 0
    plain: list[object] = [None, 0, -1, "abc", "", "a=b", b"xyz", [1, "a"], [], (), {}, {"a": 1}]
    for function in library_functions():
        for _ in range(2):
            count = function.__code__.co_argcount
            left = [200]
            args = [chance.choice([Anything(chance, left), *plain]) for _ in range(count)]
            error = raised_by(function, *args)
            while error is not None:
                frames += len(frames_of(error))
                a, b = check_frames(error, namer)
                certain += a
                uncertain += b
                error = error.__context__
    assert frames > 300
    assert certain > 1000
    assert uncertain < certain / 50


# --- generators, coroutines, async generators ----------------------------------------------------


def steps(value: object) -> Iterator[object]:
    first = [value]
    yield 1
    second = [first]
    yield 2
    del first
    yield 3
    for number in ([4], [5]):
        with contextlib.nullcontext([number]) as opened:
            yield opened, second


def in_except(value: object) -> Iterator[object]:
    try:
        int("x")
    except ValueError as problem:
        yield problem
        kept = [problem]
    yield kept
    yield value


def on_the_stack(value: object) -> Iterator[object]:
    held = [value]
    print(held, [value], (yield 1), end="\b")
    held.append((yield 2))
    later = [held]
    later.append([[1], (yield 3)])


def delegating(value: object) -> Iterator[object]:
    held = [value]
    yield held
    result = yield from steps(held)
    yield result


def closing(value: object) -> Iterator[object]:
    held = [value]
    yield lambda: (held, value, later)
    later = [1]
    yield [[row, held] for row in ([1], [2])]


GENERATORS = [steps, in_except, on_the_stack, delegating, closing]


def check_suspended(source: Suspended, with_frame: bool) -> tuple[int, int]:
    """Compare the names in a suspended generator or coroutine with its own frame's."""
    attribute = FRAME_OF[type(source).__name__]
    if with_frame:
        getattr(source, attribute)
    namer = Namer()
    named = namer.references(source)
    targets = collections.Counter(id(target) for _, _, target in named)
    assert targets == collections.Counter(map(id, gc.get_referents(source)))
    frames = [target for _, _, target in named if type(target) is types.FrameType]
    if not any(kind == "local" for kind, _, _ in named) and frames:
        named = namer.references(frames[0])  # on 3.10 the frame has the locals
    frame = getattr(source, attribute)
    return compare(named, frame) if frame is not None else (0, 0)


@pytest.mark.parametrize("with_frame", [False, True])
@pytest.mark.parametrize("function", GENERATORS, ids=lambda function: function.__name__)
def test_suspended_generators(
    function: Callable[[object], Generator[Any, Any, Any]],
    with_frame: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At every stop the locals of a generator have their names, from its creation on."""
    generator = function([1])
    total = check_suspended(generator, with_frame)[0]
    assert total >= 1
    for _ in generator:
        certain, uncertain = check_suspended(generator, with_frame)
        assert certain + uncertain > 0
        total += certain
    assert total > 3
    assert check_suspended(generator, with_frame) == (0, 0)  # finished


def test_no_frame_is_made() -> None:
    """Looking at a suspended generator makes no frame object (3.11 and later)."""
    generator = steps([1])
    next(generator)
    before = collections.Counter(map(id, gc.get_referents(generator)))
    Namer().references(generator)
    assert collections.Counter(map(id, gc.get_referents(generator))) == before


def test_locals_are_not_cached() -> None:
    """After the look, a frame refers to nothing that it did not refer to before."""
    error = raised_by(deleted, [1])
    assert error is not None
    for frame in frames_of(error):
        before = collections.Counter(map(id, gc.get_referents(frame)))
        Namer().folded_references(frame)
        assert collections.Counter(map(id, gc.get_referents(frame))) == before


class Door:
    """An asynchronous context manager that waits."""

    async def __aenter__(self) -> list[int]:
        await asyncio.sleep(0)
        return [1]

    async def __aexit__(self, *args: object) -> None:
        left = [args]
        await asyncio.sleep(0)
        del left


async def numbers(value: object) -> AsyncIterator[object]:
    held = [value]
    yield held
    await asyncio.sleep(0)
    more = [held]
    yield more


async def visit(value: object, early: bool) -> None:
    held = [value]
    await asyncio.sleep(0)
    if early:
        extra = [held]
        del extra
    try:
        raise KeyError(held)
    except KeyError as problem:
        await asyncio.sleep(0)
        kept = [problem]
    async with Door() as opened:
        await asyncio.sleep(0)
    async for number in numbers(value):
        seen = [number, opened]
        await asyncio.sleep(0)
    rows = [number async for number in numbers(value)]
    print([kept, seen, rows], await asyncio.sleep(0), end="\b")


@pytest.mark.parametrize("with_frame", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_suspended_coroutines(
    early: bool, with_frame: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """At every await no local of a coroutine has a wrong name, nor in what it awaits."""
    coroutine = visit([1], early)
    stops = certain = 0
    with contextlib.suppress(StopIteration):
        while True:
            certain += check_suspended(coroutine, with_frame)[0]
            inner: Any = coroutine.cr_await
            while type(inner) is types.CoroutineType or type(inner) is types.AsyncGeneratorType:
                certain += check_suspended(inner, with_frame)[0]
                inner = inner.cr_await if hasattr(inner, "cr_await") else inner.ag_await
            stops += 1
            coroutine.send(None)
    assert stops > 8
    assert certain > 2 * stops


@pytest.mark.parametrize("with_frame", [False, True])
def test_suspended_async_generator(with_frame: bool) -> None:
    """The locals of an async generator are named at its yields."""

    async def main() -> None:
        generator = numbers([1])
        assert check_suspended(generator, with_frame)[0] == 1
        async for _ in generator:
            certain, uncertain = check_suspended(generator, with_frame)
            assert certain + uncertain >= 2

    asyncio.run(main())


def test_frames_of_a_failed_task() -> None:
    """The frames that a failed task's exception keeps have their locals named."""

    async def inner(value: object) -> None:
        held = [value]
        await asyncio.sleep(0)
        raise KeyError(held)

    async def main() -> BaseException:
        task = asyncio.ensure_future(inner([1]))
        await asyncio.wait([task])
        error = task.exception()
        assert error is not None
        return error

    error = asyncio.run(main())
    traceback = error.__traceback__
    assert traceback is not None
    named = Namer().references(traceback.tb_frame)
    found = {detail for kind, detail, _ in named if kind == "local"}
    assert found == {"value", "held"}


def test_module_and_class_frames() -> None:
    """The frame of a module or class body refers to its namespace as f_locals."""
    spaces: dict[str, object] = {"__name__": "made"}
    source = "class Body:\n    inside = [1]\n    int('x')\n"
    error = raised_by(exec, source, spaces)
    assert error is not None
    namer = Namer()
    module, body = frames_of(error)
    found = [t for k, d, t in namer.references(body) if (k, d) == ("attr", "f_locals")]
    assert len(found) == 1
    assert "inside" in found[0]  # type: ignore[operator]
    assert [d for _, d, t in namer.references(module) if t is spaces][:1] != []
