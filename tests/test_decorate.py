"""Guards as decorators: kind, behaviour and lifetimes stay as without a guard."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import itertools
import threading
import types
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import pytest
from rings import Slot

from cyclefree import CyclesFoundError, assert_no_cycles, cycle_scope
from cyclefree._decorate import decorate, one_of


def ring() -> None:
    """Leave one object that only the collector can free."""
    slot = Slot()
    slot.other = slot


def by_hand(awaitable: Awaitable[Any]) -> Any:
    """Run an awaitable without a loop."""
    iterator = awaitable.__await__()
    while True:
        try:
            next(iterator)
        except StopIteration as stop:
            return stop.value


class Step:
    """Something to await, once; gives back what is sent."""

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield "step")


# --- kinds ----------------------------------------------------------------------------------------


def plain(a: int, b: str = "b") -> str:
    """Say what a plain function says."""
    return b * a


async def coroutine(a: int, b: str = "b") -> str:
    """Wait once."""
    await Step()
    return b * a


def generator(a: int, b: str = "b") -> Iterator[str]:
    """Yield a few."""
    for _ in range(a):
        yield b


async def stream(a: int, b: str = "b") -> AsyncIterator[str]:
    """Yield a few, waiting."""
    for _ in range(a):
        await Step()
        yield b


@types.coroutine
def old_coroutine(a: int, b: str = "b") -> Generator[Any, Any, str]:
    """Wait once, the old way."""
    yield "step"
    return b * a


KINDS: list[Callable[..., Any]] = [plain, coroutine, generator, stream, old_coroutine]
GUARDS: list[Callable[[Any], Any]] = [
    assert_no_cycles,
    assert_no_cycles(thorough=False, action="warn"),
    assert_no_cycles(sample=2),
    cycle_scope,
]


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize("function", KINDS)
def test_the_kind_of_function_is_kept(
    function: Callable[..., Any], guard: Callable[[Any], Any]
) -> None:
    """What `inspect` says of the function, it says of the guarded one."""
    guarded = guard(function)
    asked = (
        *(inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction),
        *(inspect.isasyncgenfunction, inspect.isroutine, inspect.signature),
        *(asyncio.iscoroutinefunction, inspect.getdoc),
    )
    assert [question(guarded) for question in asked] == [question(function) for question in asked]
    assert guarded.__wrapped__ is function
    assert (guarded.__name__, guarded.__qualname__) == (function.__name__, function.__qualname__)
    assert guarded.__module__ == function.__module__
    for _ in range(2):  # with sampling, a watched call and one that is not
        made, expected = guarded(1), function(1)
        assert type(made) is type(expected)
        assert inspect.isawaitable(made) == inspect.isawaitable(expected)
        for left in (made, expected):
            if hasattr(left, "close"):
                left.close()


@pytest.mark.parametrize("guard", GUARDS)
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


# --- the same behaviour, operation by operation ------------------------------------------------


class Oops(Exception):
    """Thrown into bodies."""


def counting(log: list[str]) -> Generator[Any, Any, Any]:
    """Count what is sent."""
    try:
        for number in itertools.count():
            log.append(f"sent {(yield number)!r}")
    finally:
        log.append("finally")


def catching(log: list[str]) -> Generator[Any, Any, Any]:
    """Answer an exception with an item."""
    while True:
        try:
            yield "item"
        except Oops as error:
            log.append(f"{error!r} {error.__context__!r}")
            yield "caught"


def stubborn(log: list[str]) -> Generator[Any, Any, Any]:
    """Ignore a GeneratorExit."""
    try:
        yield 1
    except GeneratorExit:
        log.append("ignored")
        yield 2
    return 3


def graceful(log: list[str]) -> Generator[Any, Any, Any]:
    """Answer a GeneratorExit with a result."""
    try:
        yield 1
        yield 2
    except GeneratorExit:
        return "closed"
    return "ended"


def failing(log: list[str]) -> Generator[Any, Any, Any]:
    """Turn an exception into another."""
    try:
        yield 1
    except BaseException as error:
        raise KeyError("other") from error
    raise ValueError("after one")


def stopping(log: list[str]) -> Generator[Any, Any, Any]:
    """Raise a StopIteration, which Python turns into a RuntimeError."""
    yield 1
    raise StopIteration("mine")


def leaving(log: list[str]) -> Generator[Any, Any, Any]:
    """Raise GeneratorExit without being asked to."""
    yield 1
    raise GeneratorExit("mine")


def delegating(log: list[str]) -> Generator[Any, Any, Any]:
    """Leave the work to another."""
    log.append(f"got {(yield from graceful(log))!r}")
    return (yield from counting(log))


BODIES = [counting, catching, stubborn, graceful, failing, stopping, leaving, delegating]
OPERATIONS: list[tuple[str, Any]] = [
    ("send", None),
    ("send", "value"),
    ("throw", Oops),
    ("throw", GeneratorExit),
    ("close", None),
]


def outcome(operation: Callable[..., Any], *arguments: object) -> str:
    """Say what an operation gives: an item, or which exception with what in it."""
    try:
        return repr(operation(*arguments))
    except BaseException as error:
        cause = type(error.__cause__).__name__
        return f"{type(error).__name__}{error.args!r} from {cause}"


def behaviour(
    make: Callable[[list[str]], Any], operations: tuple[tuple[str, Any], ...], awaited: bool = False
) -> list[str]:
    """Do the operations on what `make` makes, and list what came of each."""
    log: list[str] = []
    made = make(log)
    for name, value in operations:
        arguments: tuple[object, ...] = () if name.endswith("close") else (value,)
        if name.endswith("throw"):
            arguments = (value("thrown"),)
        if awaited:
            log.append(outcome(lambda: by_hand(getattr(made, name)(*arguments))))
        else:
            log.append(outcome(getattr(made, name), *arguments))
    # Or some of them complain when they are dropped.
    outcome((lambda: by_hand(made.aclose())) if awaited else made.close)
    return log


@pytest.mark.parametrize("sample", [1, 2])
@pytest.mark.parametrize("body", BODIES)
def test_generators_behave_as_without_a_guard(
    body: Callable[[list[str]], Any], sample: int
) -> None:
    """Every sequence of up to four operations gives the same items, results and exceptions."""
    guarded = assert_no_cycles(sample=sample)(body)
    for length in range(1, 5):
        for operations in itertools.product(OPERATIONS, repeat=length):
            assert behaviour(guarded, operations) == behaviour(body, operations), operations


class Awaitable_:
    """Makes a generator something to await."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self.steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.steps


@pytest.mark.parametrize("body", BODIES)
def test_coroutines_behave_as_without_a_guard(body: Callable[[list[str]], Any]) -> None:
    """The same for a coroutine, whatever its awaitable does."""

    async def bare(log: list[str]) -> Any:
        try:
            return await Awaitable_(body(log))
        except Oops:
            log.append("caught outside")
            return await Awaitable_(body(log))

    guarded = assert_no_cycles(bare)
    for operations in itertools.product(OPERATIONS, repeat=3):
        assert behaviour(guarded, operations) == behaviour(bare, operations), operations


def _stream_of(body: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    """Make an async generator function of a generator function; it waits in between."""

    async def bare(log: list[str]) -> AsyncIterator[Any]:
        steps = body(log)
        try:
            item = next(steps)
            while True:
                await Step()
                try:
                    sent = yield item
                except BaseException as error:
                    item = steps.throw(error)
                else:
                    item = steps.send(sent)
        except StopIteration as stop:
            log.append(f"result {stop.value!r}")

    return bare


ASYNC_OPERATIONS: list[tuple[str, Any]] = [
    ("asend", None),
    ("asend", "value"),
    ("athrow", Oops),
    ("athrow", GeneratorExit),
    ("aclose", None),
]


@pytest.mark.parametrize("sample", [1, 2])
@pytest.mark.parametrize("body", BODIES)
def test_async_generators_behave_as_without_a_guard(
    body: Callable[[list[str]], Any], sample: int
) -> None:
    """Every sequence of `asend`, `athrow` and `aclose` gives the same."""
    bare = _stream_of(body)
    guarded = assert_no_cycles(sample=sample)(bare)
    for length in range(1, 4):
        for operations in itertools.product(ASYNC_OPERATIONS, repeat=length):
            assert behaviour(guarded, operations, True) == behaviour(bare, operations, True), (
                operations
            )


def test_an_exception_in_the_middle_of_an_await_reaches_an_async_generator() -> None:
    """What is thrown while the body waits arrives where it waits."""

    async def bare(log: list[str]) -> AsyncIterator[int]:
        for _ in range(2):
            try:
                await Step()
            except Oops as error:
                log.append(f"awaiting: {error!r}")
                await Step()
            yield 1

    for make in (bare, assert_no_cycles(bare)):
        log: list[str] = []
        made = make(log)
        step = made.__anext__()
        assert step.send(None) == "step"  # type: ignore[attr-defined]
        assert step.throw(Oops("thrown")) == "step"  # type: ignore[attr-defined]
        with pytest.raises(StopIteration):
            step.send(None)  # type: ignore[attr-defined]
        assert log == ["awaiting: Oops('thrown')"]


def test_context_variables_are_those_of_the_caller() -> None:
    """What a body sets is seen where it is seen without a guard."""
    variable = contextvars.ContextVar("variable", default=0)

    @assert_no_cycles
    async def work(number: int) -> int:
        variable.set(number)
        await asyncio.sleep(0)
        return variable.get()

    async def main() -> tuple[list[int], int]:
        results = await asyncio.gather(*map(work, range(5)))  # tasks: each has a context of its own
        assert variable.get() == 0
        await work(7)  # no task: the caller's own
        return list(results), variable.get()

    assert asyncio.run(main()) == ([0, 1, 2, 3, 4], 7)

    @assert_no_cycles
    def steps() -> Iterator[int]:
        while True:
            variable.set(variable.get() + 1)
            yield variable.get()

    run = steps()
    assert contextvars.Context().run(next, run) == 1
    assert contextvars.Context().run(next, run) == 1


def test_cancelling_a_task() -> None:
    """A cancelled task is cancelled, one that swallows it goes on; the message comes through."""

    @assert_no_cycles
    async def work(swallow: bool) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            if not swallow:
                raise
            await asyncio.sleep(0)
            return f"swallowed {error.args}"
        return "slept"

    async def main() -> None:
        task = asyncio.ensure_future(work(False))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        task = asyncio.ensure_future(work(True))
        await asyncio.sleep(0)
        task.cancel("why")
        assert await task == "swallowed ('why',)"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(work(False), 0.001)

    asyncio.run(main())


@pytest.mark.parametrize("function", KINDS)
def test_an_exception_passes_untouched(function: Callable[..., Any]) -> None:
    """The same object, without a context that the guard has added."""
    error = Oops("mine")
    source = inspect.iscoroutinefunction(function), inspect.isasyncgenfunction(function)

    def fail(*_: object) -> Any:
        raise error

    async def fail_later() -> None:
        await Step()
        raise error

    async def fail_streaming() -> AsyncIterator[int]:
        raise error
        yield 1

    def fail_generating() -> Iterator[int]:
        raise error
        yield 1

    bodies: dict[tuple[bool, bool], Callable[..., Any]] = {
        (True, False): fail_later,
        (False, True): fail_streaming,
        (False, False): fail if function is plain else fail_generating,
    }
    guarded = assert_no_cycles(bodies[source])
    with pytest.raises(Oops) as caught:
        if source == (True, False):
            by_hand(guarded())
        elif source == (False, True):
            by_hand(guarded().__anext__())
        elif function is plain:
            guarded()
        else:
            next(guarded())
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None
    error.__traceback__ = None


# --- all that can be decorated -------------------------------------------------------------------


def test_methods_of_every_kind() -> None:
    """Above and below `staticmethod` and `classmethod`, under `property`, and bound methods."""

    class Service:
        @assert_no_cycles
        def method(self, number: int) -> tuple[Service, int]:
            """Document it."""
            return self, number

        @assert_no_cycles
        @staticmethod
        def above_static(number: int) -> int:
            return number

        @staticmethod
        @assert_no_cycles
        def below_static(number: int) -> int:
            return number

        @assert_no_cycles
        @classmethod
        def above_class(cls, number: int) -> tuple[type, int]:
            return cls, number

        @classmethod
        @assert_no_cycles(sample=2)
        def below_class(cls, number: int) -> tuple[type, int]:
            return cls, number

        @property
        @assert_no_cycles
        def value(self) -> int:
            return 5

        @assert_no_cycles
        async def wait(self) -> Service:
            await Step()
            return self

    service = Service()
    assert service.method(1) == (service, 1)
    assert inspect.getdoc(Service.method) == "Document it."
    assert service.above_static(2) == Service.below_static(2) == 2
    assert service.above_class(3) == Service.below_class(3) == (Service, 3)
    assert isinstance(Service.__dict__["above_static"], staticmethod)
    assert isinstance(Service.__dict__["above_class"], classmethod)
    assert service.value == 5
    assert by_hand(service.wait()) is service
    assert assert_no_cycles(service.method)(4) == (service, 4)


def test_partials_and_callable_instances() -> None:
    """Other callables are guarded by what their call does."""

    class Plain:
        def __call__(self, number: int) -> int:
            return number

    class Waiting:
        async def __call__(self, number: int) -> int:
            await Step()
            return number

    class Generating:
        def __call__(self, number: int) -> Iterator[int]:
            yield number

    assert assert_no_cycles(Plain())(1) == 1
    waiting = assert_no_cycles(Waiting())
    assert inspect.iscoroutinefunction(waiting)
    assert by_hand(waiting(2)) == 2
    generating = assert_no_cycles(Generating())
    assert inspect.isgeneratorfunction(generating)
    assert list(generating(3)) == [3]
    part = assert_no_cycles(functools.partial(coroutine, 2))
    assert inspect.iscoroutinefunction(part)
    assert by_hand(part(b="z")) == "zz"
    assert assert_no_cycles(functools.partial(plain, 3))() == "bbb"
    assert assert_no_cycles(len)([1, 2]) == 2
    assert assert_no_cycles(functools.lru_cache(plain))(2) == "bb"

    class Leaving:
        def __call__(self) -> None:
            ring()

    with pytest.raises(CyclesFoundError, match=r"Leaving\(\) left 1 object"):
        assert_no_cycles(Leaving())()


def test_a_recursive_function() -> None:
    """Each level of a guarded recursion judges what was born below it."""
    found: list[int] = []

    @assert_no_cycles(action=lambda report: found.append(report.objects))
    def descend(depth: int) -> int:
        ring()
        return descend(depth - 1) + 1 if depth else 0

    assert descend(3) == 3
    assert found == [1, 2, 3, 4]


def test_wrong_arguments_are_told_as_by_the_function() -> None:
    """A wrong call raises the function's own TypeError."""
    with pytest.raises(TypeError, match=r"^plain\(\) missing 1 required positional argument: 'a'$"):
        assert_no_cycles(plain)()
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        by_hand(assert_no_cycles(coroutine)(1, c=2))


def test_guards_on_guards() -> None:
    """A guard around a guarded function changes nothing but who tells first."""
    found: list[str] = []
    inner = assert_no_cycles(action=lambda report: found.append("inner"))(ring)
    outer = assert_no_cycles(action=lambda report: found.append("outer"))(inner)
    outer()
    assert found == ["inner", "outer"]


def test_no_attribute_of_a_decorator_is_lost() -> None:
    """What is set on the function is set on the guarded one."""

    def function() -> None:
        """Do nothing."""

    function.note = ["x"]  # type: ignore[attr-defined]
    assert assert_no_cycles(function).note is function.note  # type: ignore[attr-defined]


# --- sampling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 7])
def test_one_call_of_many_is_checked(number: int) -> None:
    """Of 42 calls exactly 42/N are watched, the first among them, for every kind of function."""
    bodies: list[tuple[Callable[..., Any], Callable[[Any], Any]]] = [
        (plain, lambda made: made),
        (coroutine, by_hand),
        (generator, list),
        (stream, lambda made: [by_hand(made.__anext__())]),
    ]
    for function, use in bodies:
        begun: list[int] = []

        class Session:
            """Counts."""

            def open(self) -> None:
                begun.append(at)

            def enter(self) -> None:
                """Do nothing."""

            leave = abandon = deliver = enter

            def finish(self, result: object = None) -> bool:
                """Find nothing."""
                return False

        skip = one_of(number) if number > 1 else None
        guarded = decorate(function, lambda stepped: Session(), skip)
        for at in range(42):  # noqa: B007
            use(guarded(1))
        assert begun == list(range(0, 42, number))


def test_sampling_is_exact_under_threads() -> None:
    """Eight threads with 500 calls each: one call of eight is checked, not one more or less."""
    skip = one_of(8)
    seen: list[list[int]] = [[] for _ in range(8)]

    def work(mine: list[int]) -> None:
        for _ in range(500):
            mine.append(next(skip))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(mine.count(0) for mine in seen) == 500
    assert sum(map(len, seen)) == 4_000


def test_a_skipped_call_leaves_its_cycles_alone() -> None:
    """Sampling finds the cycle in the calls that it checks, and only there."""
    guarded = assert_no_cycles(sample=3)(ring)
    raised = []
    for _ in range(7):
        try:
            guarded()
        except CyclesFoundError:
            raised.append(True)
        else:
            raised.append(False)
    assert raised == [True, False, False, True, False, False, True]


# --- what is kept alive ---------------------------------------------------------------------------


async def _coroutine_that_leaves(given: object) -> Slot:
    await Step()
    ring()
    return Slot()


def _generator_that_leaves(given: object) -> Generator[Any, Any, Slot]:
    yield
    ring()
    return Slot()


async def _stream_that_leaves(given: object) -> AsyncIterator[object]:
    yield Slot()
    ring()


def _plain_that_leaves(given: object) -> Slot:
    ring()
    return Slot()


def _all_items(made: Any) -> object:
    async def gather() -> None:
        async for item in made:
            del item

    return by_hand(gather())


@pytest.mark.parametrize(
    ("function", "use"),
    [
        (_plain_that_leaves, lambda made: made),
        (_coroutine_that_leaves, by_hand),
        (_generator_that_leaves, list),
        (_stream_that_leaves, _all_items),
    ],
)
def test_a_failure_keeps_nothing_alive(
    function: Callable[..., Any], use: Callable[[Any], object]
) -> None:
    """A CyclesFoundError that is held, with its traceback, holds neither arguments nor result."""
    given = Slot()
    reference = weakref.ref(given)
    before = {id(o) for o in gc.get_objects() if type(o) is Slot}
    kept: list[CyclesFoundError] = []

    guarded: Callable[..., Any] = assert_no_cycles(function)
    try:
        use(guarded(given))
    except CyclesFoundError as error:
        kept.append(error)
    del given
    gc.collect()
    assert kept[0].__traceback__ is not None
    assert reference() is None
    assert [o for o in gc.get_objects() if type(o) is Slot and id(o) not in before] == []


def test_arguments_die_as_early_as_without_a_guard() -> None:
    """A coroutine or generator that lets go of what it was given lets it go, guarded too."""

    async def wait(given: object) -> None:
        del given
        await Step()

    def generate(given: object) -> Iterator[None]:
        del given
        yield

    async def stream(given: object) -> AsyncIterator[None]:
        del given
        yield

    for sample in (1, 2):
        for function in (wait, generate, stream):
            guarded: Callable[..., Any] = assert_no_cycles(sample=sample)(function)
            for _ in range(2):
                given = Slot()
                reference = weakref.ref(given)
                running = guarded(given)
                if function is stream:
                    by_hand(running.__anext__())
                else:
                    running.send(None)
                del given
                assert reference() is None, function
                if function is not stream:
                    running.close()


def test_suspended_wrappers_keep_nothing_that_passed() -> None:
    """Items, sent values and thrown exceptions die while the generator waits."""

    def generate() -> Generator[Any, Any, None]:
        while True:
            try:
                yield Slot()
            except Oops:
                pass

    async def stream() -> AsyncIterator[Any]:
        while True:
            try:
                yield Slot()
            except Oops:
                pass

    class Dying(Oops):
        pass

    for function in (generate, stream):
        run: Any = assert_no_cycles(function)()

        def do(name: str, *values: object) -> Any:
            if function is generate:
                return getattr(run, name)(*values)
            return by_hand(getattr(run, "a" + name)(*values))

        references = [weakref.ref(do("send", None))]
        sent = Slot()
        references += [weakref.ref(sent), weakref.ref(do("send", sent))]
        del sent
        thrown = Dying()
        references += [weakref.ref(thrown), weakref.ref(do("throw", thrown))]
        del thrown
        assert [reference() for reference in references] == [None] * 5, function
        do("close")


def test_a_stream_dropped_after_an_exception_leaves_no_cycle() -> None:
    """The wrapper of an async generator is in no cycle with what was thrown into it."""

    @assert_no_cycles
    async def stream() -> AsyncIterator[int]:
        while True:
            try:
                yield 1
            except Oops:
                pass

    def use() -> None:
        run: Any = stream()
        by_hand(run.asend(None))
        by_hand(run.athrow(Oops()))
        del run

    use()
    gc.collect()
    use()
    assert gc.collect() == 0


def test_an_object_that_the_call_was_given_dies_before_the_look() -> None:
    """The wrapper's own hold on the arguments hides no cycle: only the caller's counts."""
    found: list[int] = []

    @assert_no_cycles(action=lambda report: found.append(report.objects))
    def work(box: list[object]) -> None:
        slot = Slot()
        slot.other = box
        box.append(slot)

    arguments = [[]]  # the caller holds the list `arguments`, and lets go of what was in it
    work(arguments.pop())
    held: list[object] = []
    work(held)
    if found:  # 3.10 keeps arguments on the caller's stack until the call is over
        assert found == [2]
