"""Guards as decorators: one wrapper for each kind of function, which stays of that kind.

What is guarded, and what is said of it, is the session's business; here is only when to begin, when
a step runs, and when it has ended. The wrapper of a coroutine function is a native coroutine
function, that of a generator function a generator function, and so on: frameworks that ask
`inspect` get the same answer as for the function itself
(tests/test_decorate.py::test_the_kind_of_function_is_kept).

A wrapper that raises lets go of the arguments and the result first, so that the exception's
traceback does not keep them alive (tests/test_decorate.py::test_a_failure_keeps_nothing_alive).
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from itertools import chain, repeat
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["Session", "decorate", "one_of"]


class Session(Protocol):
    """What a guard does with one call."""

    def open(self) -> None:
        """Begin."""

    def enter(self) -> None:
        """Begin a step of a coroutine or a generator; a plain call has none."""

    def leave(self) -> None:
        """End a step."""

    def finish(self, result: object = None) -> bool:
        """End after the call has returned; return whether there is something to `deliver`."""
        ...

    def abandon(self) -> None:
        """End because the call raised, or was closed early."""

    def deliver(self) -> None:
        """Say what was found; may raise."""


Begin = Callable[[bool], Session]
"""Makes the session of one call; the argument says whether it works in steps."""


def decorate(
    function: Callable[P, R], begin: Begin, skip: Iterator[object] | None = None
) -> Callable[P, R]:
    """Return `function` with a session around each call.

    Args:
        function: a function, coroutine function, generator function, async generator function, or
            any other callable that is not a class; also a `staticmethod` or `classmethod`, which
            stays one.
        begin: makes the session of a call.
        skip: one item is taken for each call; when it is true, the call is made without a session.
    """
    if isinstance(function, (staticmethod, classmethod)):
        kind = type(function)
        return cast("Callable[P, R]", kind(decorate(function.__func__, begin, skip)))
    code = function
    if not inspect.isroutine(function) and not isinstance(function, functools.partial):
        code = type(function).__call__
    wrap: Callable[..., Callable[..., Any]] = _plain
    if inspect.iscoroutinefunction(code):
        wrap = _coroutine
    elif inspect.isasyncgenfunction(code):
        wrap = _async_generator
    elif inspect.isgeneratorfunction(code):
        wrap = _generator
    if skip is None:
        wrapper = wrap(function, begin)
    elif wrap in _SAMPLED:
        wrapper = _SAMPLED[wrap](function, wrap(function, begin), skip)
    else:
        wrapper = wrap(function, lambda stepped: _UNWATCHED if next(skip) else begin(stepped))
    if _flags(code) & inspect.CO_ITERABLE_COROUTINE:
        wrapper = types.coroutine(wrapper)
    return cast("Callable[P, R]", functools.update_wrapper(wrapper, cast("Any", function)))


def _flags(code: object) -> int:
    """Return the flags of a function's code, also behind a partial or a method."""
    while isinstance(code, (functools.partial, types.MethodType)):
        code = code.func if isinstance(code, functools.partial) else code.__func__
    return code.__code__.co_flags if isinstance(code, types.FunctionType) else 0


def one_of(number: int) -> Iterator[int]:
    """Return what to pass as `skip` so that one call of `number` has a session.

    0 for the first call, then `number - 1` times 1, and again, without end: all in C, so that a
    skipped call pays some 40 ns for it, and each item goes to one call also under threads.
    """
    return chain.from_iterable(map(chain, repeat((0,)), map(repeat, repeat(1), repeat(number - 1))))


def _plain(function: Callable[..., R], begin: Begin) -> Callable[..., R]:
    """Wrap a function that does its work when it is called."""

    def guarded(*args: Any, **kwargs: Any) -> R:
        session = begin(False)
        try:
            session.open()
            result = function(*args, **kwargs)
            del args, kwargs  # only the caller's hold on them counts in the look
        except BaseException:
            session.abandon()
            raise
        if session.finish(result):
            try:
                session.deliver()
            except BaseException:
                del result
                raise
        return result

    return guarded


def _generator(
    function: Callable[..., Generator[Any, Any, R] | Coroutine[Any, Any, R]], begin: Begin
) -> Callable[..., Generator[Any, Any, R]]:
    """Wrap a generator function; what its consumer does between the steps is not its own.

    All passes through in both directions, `GeneratorExit` too: `throw` may bring it as well as
    `close`. It goes by way of a list, so that a waiting wrapper keeps nothing alive that passed.
    """

    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, R]:
        session = begin(True)
        body = function(*args, **kwargs)
        del args, kwargs
        box: list[Any] = [None]
        error: BaseException | None = None
        closing = False
        try:
            session.open()
            while True:
                session.enter()
                try:
                    if error is None:
                        box.append(body.send(box.pop()))
                    else:
                        box.append(body.throw(error))
                except StopIteration as stop:
                    result = cast("R", stop.value)
                    break
                finally:
                    error = None  # its traceback refers to this frame: kept, it would be a cycle
                    session.leave()
                try:
                    box.append((yield box.pop()))
                except BaseException as thrown:
                    error = thrown
                    closing = issubclass(type(thrown), GeneratorExit)  # never asks `__class__`
        except BaseException:
            session.abandon()
            raise
        finally:
            del body
        if closing:
            session.abandon()
        elif session.finish(result):
            try:
                session.deliver()
            except BaseException:
                del result
                raise
        return result

    return guarded


def _coroutine(
    function: Callable[..., Coroutine[Any, Any, R]], begin: Begin
) -> Callable[..., Coroutine[Any, Any, R]]:
    """Wrap a coroutine function; each of its steps is a step of the session."""
    steps = _generator(function, begin)

    async def guarded(*args: Any, **kwargs: Any) -> R:
        running = _Awaitable(steps(*args, **kwargs))
        del args, kwargs
        return await running

    return guarded


def _async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Wrap an async generator function."""

    async def guarded(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        session = begin(True)
        generator = function(*args, **kwargs)
        del args, kwargs
        steps = _generator(_itself, _Part(session).begin)
        # As in `_generator`: each awaitable and each item passes through the list.
        box: list[Any] = [generator.__anext__()]
        closing = False
        try:
            session.open()
            while True:
                try:
                    box.append(await _Awaitable(steps(box.pop())))
                except StopAsyncIteration:
                    break
                try:
                    box.append(generator.asend((yield box.pop())))
                except BaseException as thrown:
                    if issubclass(type(thrown), GeneratorExit):
                        closing = True
                        # At once: where there is no loop, what comes now may be cut off.
                        # test_an_async_generator_dropped_without_a_loop_leaves_no_hook
                        session.abandon()
                    box.append(generator.athrow(thrown))
        except BaseException:
            session.abandon()
            raise
        finally:
            del generator
        if not closing and session.finish():
            session.deliver()

    return guarded


def _itself(step: Coroutine[Any, Any, R]) -> Coroutine[Any, Any, R]:
    """Return the awaitable of one step of an async generator, to be driven as a generator."""
    return step


class _Part:
    """The session of one item of an async generator: its steps are those of the whole."""

    def __init__(self, whole: Session) -> None:
        self.enter = whole.enter
        self.leave = whole.leave

    def begin(self, stepped: bool) -> Session:
        """Be the session."""
        return self

    def open(self) -> None:
        """Do nothing: the whole is open."""

    abandon = deliver = open

    def finish(self, result: object = None) -> bool:
        """Say that there is nothing to tell yet."""
        return False


class _Awaitable(Generic[R]):
    """Makes a generator of steps something to await."""

    __slots__ = ("_steps",)

    def __init__(self, steps: Generator[Any, Any, R]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, R]:
        return self._steps


def _sampled_plain(
    function: Callable[..., Any], guarded: Callable[..., Any], skip: Iterator[object]
) -> Callable[..., Any]:
    """Choose between the function itself and its guarded form at each call."""

    def sampled(*args: Any, **kwargs: Any) -> Any:
        if next(skip):
            return function(*args, **kwargs)
        return guarded(*args, **kwargs)

    return sampled


def _sampled_coroutine(
    function: Callable[..., Any], guarded: Callable[..., Any], skip: Iterator[object]
) -> Callable[..., Any]:
    """As `_sampled_plain`, for a coroutine function."""

    async def sampled(*args: Any, **kwargs: Any) -> Any:
        running = (function if next(skip) else guarded)(*args, **kwargs)
        del args, kwargs
        return await running

    return sampled


_SAMPLED: dict[Callable[..., Any], Callable[..., Callable[..., Any]]] = {
    _plain: _sampled_plain,
    _coroutine: _sampled_coroutine,
}


class _Unwatched:
    """The session of a call that sampling leaves out, for generators: to delegate is not exact."""

    def open(self) -> None:
        """Do nothing."""

    enter = leave = abandon = deliver = open

    def finish(self, result: object = None) -> bool:
        """Say that nothing was found."""
        return False


_UNWATCHED = _Unwatched()
