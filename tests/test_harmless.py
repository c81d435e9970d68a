"""It only looks: nothing of the user's runs, changes or is kept, nor does the collector change."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import warnings
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType, new_class
from typing import Any

import pytest
from rings import Slot, ring

from cyclefree import (
    CyclefreeWarning,
    CyclesFoundError,
    assert_no_cycles,
    cycle_scope,
    find_cycles,
)

# --- user code that must not run ------------------------------------------------------------------

_armed: list[None] = []
_calls: list[str] = []

_METHODS = [
    "__repr__",
    "__str__",
    "__format__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__hash__",
    "__bool__",
    "__len__",
    "__iter__",
    "__next__",
    "__contains__",
    "__getitem__",
    "__getattr__",
    "__getattribute__",
    "__sizeof__",
    "__dir__",
    "__reduce__",
    "__reduce_ex__",
    "__call__",
    "__index__",
    "__int__",
    "__length_hint__",
    "__fspath__",
    "__instancecheck__",
    "__subclasscheck__",
    "__get__",
    "__enter__",
    "__exit__",
    "__del__",
    "keys",
    "values",
    "items",
    "get",
    "copy",
]
_META_METHODS = [
    "__repr__",
    "__str__",
    "__eq__",
    "__ne__",
    "__hash__",
    "__bool__",
    "__len__",
    "__iter__",
    "__getattr__",
    "__getattribute__",
    "__instancecheck__",
    "__subclasscheck__",
    "__dir__",
    "__sizeof__",
    "mro",
    "__or__",
]


def _trap(owner: str, name: str, base: type) -> Callable[..., Any]:
    """Make a method that complains when armed, and otherwise does what `base` does."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _armed:
            _calls.append(f"{owner}.{name}")
            raise RuntimeError(f"{owner}.{name} was called")
        if name == "__getattr__":
            raise AttributeError(*args)
        inherited = getattr(base, name, None)
        if inherited is None:
            return None
        return inherited(self, *args, **kwargs)

    return method


def _class_trap(owner: str) -> property:
    """Make a `__class__` that complains when armed."""

    def lie(self: object) -> type:
        if _armed:
            _calls.append(f"{owner}.__class__")
            raise RuntimeError(f"{owner}.__class__ was asked for")
        return type(self)

    return property(lie)


TouchyMeta = type(
    "TouchyMeta", (type,), {name: _trap("metaclass", name, type) for name in _META_METHODS}
)


def touchy(base: type, **more: Any) -> Any:
    """Make a subclass of `base` whose every method complains when armed."""
    name = f"Touchy{base.__name__.title()}"
    methods = {m: _trap(name, m, base) for m in _METHODS if m != "__call__" or base is object}
    if base is not object:  # a container that can't be iterated can't be filled either
        for unwanted in ("__iter__", "__next__", "__get__", "__call__"):
            if hasattr(base, unwanted):
                methods[unwanted] = _trap(name, unwanted, base)
            else:
                methods.pop(unwanted, None)
    methods["__class__"] = _class_trap(name)
    methods.update(more)
    return new_class(name, (base,), {"metaclass": TouchyMeta}, lambda ns: ns.update(methods))


Touchy = touchy(object)
TouchySlots = touchy(object, __slots__=("other", "__weakref__"))
TouchyList = touchy(list)
TouchyDict = touchy(dict)
TouchyOrdered = touchy(OrderedDict)
TouchyDefault = touchy(defaultdict)
TouchyTuple = touchy(tuple)
TouchySet = touchy(set)
TouchyFrozenset = touchy(frozenset)
TouchyDeque = touchy(deque)
TouchyInt = touchy(int)
TouchyStr = touchy(str)
TouchyError = touchy(Exception)
TouchyModule = touchy(ModuleType)


class Descriptor:
    """A descriptor whose `__get__` counts."""

    def __get__(self, instance: object, owner: type) -> object:
        if _armed:
            _calls.append("Descriptor.__get__")
            raise RuntimeError("Descriptor.__get__ was called")
        return self


class Described:
    """Instances whose attributes hide and are hidden by descriptors."""

    shadowed = Descriptor()
    lazy = Descriptor()

    @property
    def computed(self) -> object:
        """Complain when armed."""
        if _armed:
            _calls.append("property")
            raise RuntimeError("a property was read")
        return None


def _instances() -> list[object]:
    """A cycle of touchy instances, with and without a dictionary."""
    a, b, c = Touchy(), TouchySlots(), Described()
    a.other, b.other, c.shadowed = b, c, a
    return [a]


def _containers() -> list[object]:
    """Cycles through touchy containers of every kind."""
    made: list[object] = []
    for kind in (TouchyList, TouchyDeque):
        ring = kind()
        ring.append(ring)
        made.append(ring)
    for kind in (TouchyDict, TouchyOrdered, TouchyDefault):
        table = kind()
        table[TouchyInt(3)] = table
        table[TouchyStr("name")] = Touchy()
        made.append(table)
    inner: list[object] = []
    inner.append(TouchyTuple((inner, 1)))
    node = Touchy()
    node.group = TouchySet([node])
    node.frozen = TouchyFrozenset([node])
    return [*made, inner, node]


def _keys() -> list[object]:
    """Plain dictionaries with touchy keys, one of which looks like a module's entry."""
    node = Touchy()
    table: dict[object, object] = {node: 1, TouchyInt(5): node, TouchyStr("key"): 2, (node, 1): 3}
    node.table = table
    return [table]


def _values() -> list[object]:
    """Numbers, strings, exceptions, modules that are in a cycle by their attributes."""
    made = [TouchyInt(7), TouchyStr("text"), TouchyError("oops"), TouchyModule("touchy")]
    for value in made:
        value.itself = value
        value.partner = Touchy()
    return made


def _frames() -> list[object]:
    """An exception that its own frame holds, with touchy locals."""
    local = Touchy()
    try:
        raise TouchyError(local)
    except TouchyError as error:
        kept = error
    return [kept]


def _suspended() -> list[object]:
    """A generator that holds itself, and touchy objects on its stack."""

    def work(box: list[object]) -> Iterator[object]:
        held = Touchy()
        pair = ((yield TouchyTuple((held, 1))), Touchy())
        yield from pair

    box: list[object] = [Touchy()]
    generator = work(box)
    box.append(generator)
    next(generator)
    return [generator]


def _classes() -> list[object]:
    """A class with touchy names, and an instance of it."""
    made = new_class("Made", (), {"metaclass": TouchyMeta})
    made.__module__ = TouchyStr("somewhere")
    made.__qualname__ = TouchyStr("Made")
    made.__firstlineno__ = Touchy()
    made.__doc__ = Touchy()
    return [made()]


def _functions() -> list[object]:
    """Closures and bound methods over touchy objects."""
    held = Touchy()

    def walk(default: object = held) -> object:
        return walk, held

    walk.__module__ = TouchyStr("somewhere")
    walk.note = held  # type: ignore[attr-defined]
    held.walk = walk
    held.bound = TouchyList().append
    return [walk]


TOUCHY = [
    *(_instances, _containers, _keys, _values, _frames, _suspended, _classes, _functions),
]


@pytest.fixture
def untouched() -> Iterator[None]:
    """Fail when armed user code ran; and disarm."""
    _calls.clear()
    gc.disable()  # after the look a collection may come, and it runs `__del__`
    yield
    gc.enable()
    _armed.clear()
    calls = sorted(set(_calls))
    _calls.clear()
    gc.collect()
    assert calls == []


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("make", TOUCHY)
def test_no_user_code_runs_for_garbage(
    untouched: None, make: Callable[[], list[object]], live: bool
) -> None:
    """What lies in garbage is judged and described without a call of its methods."""
    with cycle_scope(live=live) as report:
        make()
        _armed.append(None)
    text = str(report)
    _armed.clear()
    assert report.objects > 0
    assert "that only the cyclic gc can free" in text


@pytest.mark.parametrize("make", TOUCHY)
def test_no_user_code_runs_for_survivors(untouched: None, make: Callable[[], list[object]]) -> None:
    """What survives is judged, and with `live` described, without a call of its methods."""
    with cycle_scope() as report:
        kept = make()
        _armed.append(None)
    _armed.clear()
    assert not report
    with cycle_scope(live=True) as report:
        kept = make()
        _armed.append(None)
    str(report)
    _armed.clear()
    assert all(cycle.live for cycle in report)
    del kept


@pytest.mark.parametrize("make", TOUCHY)
def test_no_user_code_runs_for_results(untouched: None, make: Callable[[], list[object]]) -> None:
    """What a guarded call returns is not asked anything."""

    @assert_no_cycles
    def work() -> object:
        made = make()
        _armed.append(None)
        return made[0] if len(made) == 1 else made

    result = work()
    _armed.clear()
    assert result is not None


@pytest.mark.parametrize("make", TOUCHY)
def test_no_user_code_runs_for_arguments(untouched: None, make: Callable[[], list[object]]) -> None:
    """What a guarded call is given, and closes a cycle through, is not asked anything."""
    found: list[Any] = []

    @assert_no_cycles(action=found.append)
    def work(given: object) -> None:
        _armed.append(None)
        loop = [given]
        loop.append(loop)  # type: ignore[arg-type]

    given = make()
    work(given)
    _armed.clear()
    assert [report.objects for report in found] == [1]


@pytest.mark.parametrize("make", TOUCHY)
def test_no_user_code_runs_in_find_cycles(
    untouched: None, make: Callable[[], list[object]]
) -> None:
    """`find_cycles` walks living objects without a call of their methods."""
    kept = make()
    _armed.append(None)
    report = find_cycles(*kept)
    str(report)
    _armed.clear()
    assert report or make in (_classes,)  # through its class alone an instance is in no cycle


def test_no_user_code_runs_when_a_collection_comes_by(untouched: None) -> None:
    """The look before a collection started inside the call runs none of their methods either."""
    with cycle_scope() as report:
        for make in TOUCHY:
            make()
        _armed.append(None)
        with cycle_scope():
            pass
        _take_marks_away()
        _armed.clear()
    assert report.objects > 0


def _take_marks_away() -> None:
    """Let the hook look, without a collection, which would run `__del__`."""
    (hook,) = [c for c in gc.callbacks if getattr(c, "__module__", "") == "cyclefree._rollover"]
    hook("start", {"generation": 2})


def test_a_class_of_a_touchy_module_is_named(
    untouched: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class is named without asking an object of the user's in `sys.modules`."""
    cls = type("Lost", (), {"__module__": "touchy_module"})
    monkeypatch.setitem(sys.modules, "touchy_module", Touchy())
    with cycle_scope() as report:
        node = cls()
        node.itself = node
        del node
        _armed.append(None)
    shown = str(report)
    _armed.clear()
    assert "Lost" in shown


# --- finalizers and the rest of the evidence --------------------------------------------------


class Node:
    """A plain instance."""

    other: Any


def test_finalizers_have_not_run_when_the_report_is_ready() -> None:
    """`__del__`, weak-reference callbacks and `finally` blocks wait for the collector.

    It is off here: the program's own may come at any moment after the block, and sooner when the
    report has just been made.
    """
    ran: list[str] = []
    was_enabled = gc.isenabled()
    gc.disable()

    class Mortal(Node):
        def __del__(self) -> None:
            ran.append("__del__")

    def suspended(box: list[object]) -> Iterator[int]:
        try:
            yield 1
        finally:
            ran.append("finally")

    with cycle_scope() as report:
        node = Mortal()
        node.other = node
        reference = weakref.ref(node, lambda _: ran.append("callback"))
        box: list[object] = []
        generator = suspended(box)
        box.append(generator)
        next(generator)
        other = weakref.ref(generator)
        del node, box, generator
    assert report.objects >= 3
    assert len(report) == 2
    assert ran == []
    assert reference() is not None
    assert other() is not None
    gc.collect()
    if was_enabled:
        gc.enable()
    assert sorted(ran) == ["__del__", "callback", "finally"]


def _garbage_of_everything() -> None:
    """Leave cycles of many kinds, without finalizers."""
    node, partner = Node(), Node()
    node.other, partner.other = partner, node
    node.items = {"list": [node], "tuple": (partner,), "set": {node}}  # type: ignore[attr-defined]
    node.method = node.__init__  # type: ignore[misc]

    def walk() -> object:
        return walk

    class Local:
        shared = walk

    local = Local()
    local.itself = local  # type: ignore[attr-defined]
    try:
        raise ValueError(node)
    except ValueError as error:
        kept = error
    ring(5)


def test_the_collector_finds_as_many_as_without_a_look() -> None:
    """Looking makes and frees nothing: no `__dict__`, no frame object, no wrapper."""
    _garbage_of_everything()
    gc.collect()
    gc.disable()
    try:
        _garbage_of_everything()
        expected = gc.collect()
        with cycle_scope(live=True) as report:
            _garbage_of_everything()
        str(report)
        found = report.objects
        assert gc.collect() == expected
        assert found == expected
    finally:
        gc.enable()


def test_the_dictionary_of_an_instance_is_not_made() -> None:
    """What an instance refers to is the same after every kind of look."""
    with cycle_scope(live=True) as report:
        node = Node()
        node.other = [node]
        node.name = "x"  # type: ignore[attr-defined]
        untouched = Node()
        untouched.other = [untouched]
        untouched.name = "x"  # type: ignore[attr-defined]
        expected = sorted(type(referent).__name__ for referent in gc.get_referents(untouched))
    assert len(report) == 1
    assert find_cycles(node).objects in (
        2,
        3,
    )  # 3 where the dictionary was there from the start (3.10)
    assert sorted(type(referent).__name__ for referent in gc.get_referents(node)) == expected
    with cycle_scope() as report:
        node = Node()
        node.other = [node]
        node.name = "x"  # type: ignore[attr-defined]
        numbers = id(node)
        del node
    assert report.objects == (3 if "dict" in expected else 2)
    (again,) = [o for o in gc.get_objects() if id(o) == numbers]
    assert sorted(type(referent).__name__ for referent in gc.get_referents(again)) == expected


@pytest.mark.parametrize("live", [False, True])
def test_a_local_dies_with_its_name_after_a_look(live: bool) -> None:
    """Nothing caches the locals of the watched frame: `del x` frees x at once."""
    x = Node()
    with cycle_scope(live=live) as report:
        y = Node()
        y.other = x
        z = Node()
        z.other = z
        ring(3)
    assert report
    str(report)
    references = [weakref.ref(x), weakref.ref(y)]
    del x, y
    assert [reference() for reference in references] == [None, None]


def test_a_local_of_a_suspended_generator_dies_with_its_name() -> None:
    """Nothing caches the locals of a generator that was seen, either."""

    def work() -> Iterator[Any]:
        x = Node()
        yield weakref.ref(x)
        del x
        yield None

    with cycle_scope(live=True):
        generator = work()
        cage = [generator]
        cage.append(cage)  # type: ignore[arg-type]
        reference = next(generator)
    find_cycles(cage)
    next(generator)
    assert reference() is None


# --- the collector's state after every exit ----------------------------------------------------


async def _pause() -> None:
    await asyncio.sleep(0)


def _exit_normally() -> None:
    assert_no_cycles(lambda: [[]])()
    with cycle_scope():
        pass


def _exit_thoroughly() -> None:
    with assert_no_cycles(thorough=True, live=True):
        pass


def _exit_by_cycles() -> None:
    with pytest.raises(CyclesFoundError):
        assert_no_cycles(ring)()
    with pytest.raises(CyclesFoundError), assert_no_cycles():
        ring()


def _exit_by(error: type[BaseException]) -> Callable[[], None]:
    def fail() -> None:
        raise error

    def exit_by_exception() -> None:
        with pytest.raises(error):
            assert_no_cycles(fail)()
        with pytest.raises(error), cycle_scope(thorough=True):
            fail()

    return exit_by_exception


def _exit_by_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CyclefreeWarning):
            assert_no_cycles(action="warn")(ring)()


def _exit_by_predicate() -> None:
    def fail(_: object) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        assert_no_cycles(ignore=fail)(ring)()
    with pytest.raises(KeyError):
        assert_no_cycles(action=fail)(ring)()
    with pytest.raises(KeyError), assert_no_cycles(ignore=fail):
        ring()


@assert_no_cycles
def _counting() -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        [[] for _ in range(3)]


def _exit_by_closing() -> None:
    generator = _counting()
    next(generator)
    generator.close()  # type: ignore[attr-defined]


def _exit_by_dropping() -> None:
    next(_counting())
    _counting()


@assert_no_cycles
async def _waiting(swallow: bool = False) -> int:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        if not swallow:
            raise
    return 3


def _exit_by_cancelling() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(_waiting())
        await _pause()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def _exit_by_swallowing_the_cancel() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(_waiting(swallow=True))
        await _pause()
        task.cancel()
        assert await task == 3

    asyncio.run(main())


def _exit_by_dropping_a_coroutine() -> None:
    coroutine = _waiting_by_hand()
    coroutine.send(None)
    del coroutine


class _Step:
    def __await__(self) -> Iterator[None]:
        yield


@assert_no_cycles
async def _waiting_by_hand() -> None:
    await _Step()
    await _Step()


@assert_no_cycles
async def _streaming() -> AsyncIterator[int]:
    try:
        yield 1
        await _pause()
        yield 2
    finally:
        await _pause()


def _exit_by_leaving_an_async_generator() -> None:
    async def main() -> None:
        async for _ in _streaming():
            break
        for _ in range(5):  # cut off by the end of the loop, asyncio's own tasks would leave cycles
            await _pause()
        stream = _streaming()
        await stream.__anext__()
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(main())


def _exit_by_dropping_an_async_generator_without_a_loop() -> None:
    @assert_no_cycles
    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await _Step()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(StopIteration):
            stream().__anext__().send(None)  # type: ignore[attr-defined]


EXITS: list[Callable[[], None]] = [
    *(_exit_normally, _exit_thoroughly, _exit_by_cycles),
    *(_exit_by(error) for error in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit)),
    *(_exit_by_warning, _exit_by_predicate, _exit_by_closing, _exit_by_dropping),
    *(_exit_by_cancelling, _exit_by_swallowing_the_cancel, _exit_by_dropping_a_coroutine),
    _exit_by_leaving_an_async_generator,
]


class Quarrelsome:
    """A collector's callback that can't be compared."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __call__(self, phase: str, info: object) -> None:
        """See a collection and say nothing."""


def state() -> list[object]:
    """What of the collector's state must be as before, with identities for objects."""
    return [
        gc.isenabled(),
        gc.get_threshold(),
        gc.get_debug(),
        [id(item) for item in gc.garbage],
        [id(callback) for callback in gc.callbacks],
        gc.get_freeze_count(),
        sys.getswitchinterval(),
    ]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("leave", EXITS)
def test_the_collector_is_as_before_after_every_exit(
    leave: Callable[[], None], enabled: bool
) -> None:
    """Flags, thresholds, the user's garbage and callbacks: all there, whatever the way out."""
    was_enabled, thresholds, debug = gc.isenabled(), gc.get_threshold(), gc.get_debug()
    callbacks = [Quarrelsome(), Quarrelsome()]
    gc.callbacks.extend(callbacks)
    gc.garbage.append(Quarrelsome())
    gc.set_threshold(611, 7, 9)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE)
    (gc.enable if enabled else gc.disable)()
    try:
        before = state()
        leave()
        assert state() == before
    finally:
        (gc.enable if was_enabled else gc.disable)()
        gc.set_debug(debug)
        gc.set_threshold(*thresholds)
        gc.garbage.pop()
        del gc.callbacks[-2:]


def check_frozen() -> None:
    """Run all exits with a frozen heap; called by the test below, in a process of its own."""
    gc.freeze()
    before = state()
    for leave in EXITS:
        leave()
        assert state() == before, leave
    gc.disable()
    kept = [[] for _ in range(3_000)]  # enough for the young to be set aside
    before = state()
    for leave in EXITS:
        leave()
        assert state() == before, leave
    del kept
    assert gc.get_freeze_count() > 10_000
    print("as before")


def test_a_frozen_heap_stays_frozen() -> None:
    """What the application froze is frozen after every exit, the collector on or off."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_harmless as t; t.check_frozen()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout == "as before\n", done.stderr


def test_an_async_generator_dropped_without_a_loop_leaves_no_hook(
    recwarn: pytest.WarningsRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python can't await its `finally`, and says so; the watch is over all the same."""
    said: list[object] = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda arguments: said.append(type(arguments.exc_value))
    )
    before = state()
    _exit_by_dropping_an_async_generator_without_a_loop()
    gc.collect()
    assert state() == before
    assert said == [RuntimeError]


# --- what is kept, and what is left behind ------------------------------------------------------


@pytest.mark.parametrize(
    ("leave", "rings"),
    [
        (
            leave,
            {"_exit_by_cycles": 2, "_exit_by_warning": 1, "_exit_by_predicate": 3}.get(
                leave.__name__, 0
            ),
        )
        for leave in EXITS
    ],
)
def test_the_librarys_own_use_leaves_no_garbage(leave: Callable[[], None], rings: int) -> None:
    """After any exit the collector finds the user's objects and none of ours."""
    leave()
    gc.collect()
    gc.disable()
    try:
        leave()
        assert gc.collect() == rings
    finally:
        gc.enable()


def test_reports_leave_no_garbage() -> None:
    """Describing, printing, merging and converting a report leaves nothing for the collector."""

    def use() -> None:
        with cycle_scope(live=True) as handle:
            ring(2)
            kept = Slot()
            kept.other = kept
        report = handle.report
        str(report)
        type(report).from_json(report.to_json())
        type(report).merge(report, report)
        find_cycles(kept)
        kept.other = None
        with pytest.raises(AttributeError):
            handle.nothing_like_it  # noqa: B018
        try:
            with assert_no_cycles():
                ring(2)
        except CyclesFoundError as error:
            str(error)

    use()
    gc.collect()
    use()
    assert gc.collect() == 4


def test_guard_handle_report_and_error_keep_nothing_alive() -> None:
    """All that is handed out may be held for ever, and no object of the user's with it."""
    guard = assert_no_cycles(live=True)
    x = Node()
    with pytest.raises(CyclesFoundError) as caught, guard as handle:
        x.other = x
        y = Node()
        y.other = x
        x.third = y  # type: ignore[attr-defined]
    references = [weakref.ref(x), weakref.ref(y)]
    assert handle.report
    error = caught.value
    del caught, x, y
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert error.report.objects  # held until here, with its traceback
    del handle, guard


# --- the program's own collections --------------------------------------------------------------

_PROGRAM = """
import gc, sys
from cyclefree import assert_no_cycles, cycle_scope

kept = []
def work(number):
    passing = [[number] for _ in range(30)]
    kept.append([[[number]] for _ in range(6)])
    return len(passing)

if sys.argv[1] == "guarded":
    work = assert_no_cycles(work)
gc.collect()
before = [generation["collections"] for generation in gc.get_stats()]
for number in range(10_000):
    work(number)
print(*[generation["collections"] - b for generation, b in zip(gc.get_stats(), before)])
"""


def test_the_program_collects_as_often_as_without_a_guard() -> None:
    """10,000 guarded calls leave the automatic collections of every generation within 5 %."""
    counts = []
    for mode in ("bare", "guarded"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, mode], capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        counts.append([int(word) for word in done.stdout.split()])
    bare, guarded = counts
    assert bare[0] > 40
    for ours, theirs in zip(guarded, bare, strict=True):
        assert abs(ours - theirs) <= max(1, 0.05 * theirs), counts
