"""`WeakCallback`: what it holds and how, what it calls, when two are equal, what it refuses."""

from __future__ import annotations

import asyncio
import collections
import copy
import inspect
import pickle
import threading
import types
import weakref
from collections.abc import Callable
from functools import partial, partialmethod
from typing import Any

import pytest

from cyclefree import WeakCallback, assert_no_cycles


class Window:
    """Listens."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_event(self, /, *args: Any, **options: Any) -> str:
        self.seen.append((args, options))
        return "seen"

    def on_close(self) -> None:
        pass

    async def on_message(self, text: str) -> str:
        await asyncio.sleep(0)
        return text

    @classmethod
    def on_class(cls) -> type:
        return cls

    @staticmethod
    def on_static() -> str:
        return "static"

    early = partialmethod(on_event, "early")


class Hub:
    """Keeps listeners."""

    def __init__(self) -> None:
        self.listeners: list[WeakCallback[..., Any]] = []


class Widget:
    """Knows the hub and listens to it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        hub.listeners.append(WeakCallback(self.on_event))

    def on_event(self) -> str:
        return "seen"


def plain(number: int = 1) -> int:
    return number * 2


class Hostile:
    """Raises whatever is asked of it, but for calling its method."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("user code was run")

    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __repr__ = __str__ = _refuse  # type: ignore
    __getattr__ = __setattr__ = _refuse

    def on_event(self) -> str:
        return "called"


class HostileCallable(Hostile):
    """The same, to be called itself."""

    def __call__(self) -> str:
        return "called"


class HostileFunction(Hostile):
    """To be made a method."""

    def __call__(self, window: Window, when: str) -> str:
        return type(window).on_close.__name__


# --- what is held, and called ---------------------------------------------------------------------


def test_a_bound_method_does_not_keep_its_object_alive() -> None:
    """It is called while its object lives, with all arguments; afterwards nothing is."""
    window = Window()
    callback = WeakCallback(window.on_event)
    assert callback.alive
    assert callback(1, "two", three=3, self=4, args=5) == "seen"
    assert window.seen == [((1, "two"), {"three": 3, "self": 4, "args": 5})]
    watch = weakref.ref(window)
    del window
    assert watch() is None
    assert not callback.alive
    assert callback("again") is None


def test_dead_and_asked_to_raise() -> None:
    """`when_dead="raise"` makes a call of a dead one a ReferenceError that names the method."""
    window = Window()
    callback = WeakCallback(window.on_event, when_dead="raise")
    assert callback() == "seen"
    del window
    with pytest.raises(ReferenceError, match=r"Window\.on_event, dead>.*nobody else held it"):
        callback()


def test_an_exception_of_the_method_passes() -> None:
    """What the method raises comes through, and keeps the callback usable."""

    class Failing:
        def on_event(self) -> None:
            raise ReferenceError("its own")

    failing = Failing()
    callback = WeakCallback(failing.on_event)
    for _ in range(2):
        with pytest.raises(ReferenceError, match="its own"):
            callback()
    assert callback.alive


def test_listeners_that_hold_the_hub_make_no_cycle() -> None:
    """The pattern that leaks with bound methods is freed without the collector."""

    @assert_no_cycles
    def work() -> int:
        hub = Hub()
        widgets = [Widget(hub), Widget(hub)]
        return sum(listener() == "seen" for listener in hub.listeners) + len(widgets)

    assert work() == 4


def test_functions_are_held_strongly_unless_asked() -> None:
    """A lambda lives as long as the callback; with `weak_function` only while others hold it."""
    callback = WeakCallback(lambda: "called")
    assert callback.alive and callback() == "called"
    gone: WeakCallback[[], Any] = WeakCallback(lambda: "called", weak_function=True)
    assert not gone.alive and gone() is None
    with pytest.raises(ReferenceError, match="of a function, dead"):
        WeakCallback(lambda: "called", weak_function=True, when_dead="raise")()
    kept = WeakCallback(plain, weak_function=True)
    assert kept.alive and kept(4) == 8 and kept(number=5) == 10


def test_classes_and_callable_objects_are_held_as_functions_are() -> None:
    """Anything else that can be called is held strongly, weakly only when asked."""
    value = HostileCallable()
    for callback in (WeakCallback(value), WeakCallback(value, weak_function=True)):
        assert callback() == "called"
    strong, watch = WeakCallback(value), weakref.ref(value)
    del value, callback
    assert watch() is not None and strong() == "called"
    assert WeakCallback(dict)(a=1) == {"a": 1}
    assert WeakCallback(len)("abc") == 3
    assert WeakCallback(print, weak_function=True).alive


def test_class_methods_and_static_methods() -> None:
    """A class method holds its class weakly, a static method is a function."""
    assert WeakCallback(Window.on_class)() is Window
    assert WeakCallback(Window().on_static)() == "static"
    assert WeakCallback(dict.fromkeys)("a") == {"a": None}

    def subclass() -> WeakCallback[[], Any]:
        return WeakCallback(type("Made", (Window,), {}).on_class)

    assert subclass()() is not Window


def test_methods_written_in_c() -> None:
    """The object of a method in C is held weakly where that is possible."""

    class Numbers(collections.deque[int]):
        def append(self, number: int) -> None:  # type: ignore[override]
            super().append(-number)

        def bound(self) -> Callable[[int], None]:
            return super().append

    numbers = Numbers()
    callbacks: list[WeakCallback[..., Any]] = [
        WeakCallback(numbers.append),
        WeakCallback(numbers.bound()),
        WeakCallback(numbers.__len__),
        WeakCallback(numbers.popleft),
    ]
    assert [callback(*args) for callback, args in zip(callbacks, ((1,), (2,), (), ()), strict=True)]
    assert list(numbers) == [2]
    del numbers
    assert [callback.alive for callback in callbacks] == [False] * 4
    with pytest.raises(TypeError, match=r"list\.append: an object of type list has no support"):
        WeakCallback([].append)


def test_a_method_of_any_callable() -> None:
    """A method may be made of a callable object; its equality and hash are not asked."""
    window = Window()
    function = HostileFunction()
    callback = WeakCallback(types.MethodType(function, window))
    same = callback == WeakCallback(types.MethodType(function, window))
    other = callback == WeakCallback(types.MethodType(HostileFunction(), window))
    assert (callback("now"), same, other) == ("on_close", True, False)
    del window
    assert not callback.alive


def test_coroutine_functions() -> None:
    """Calling gives the coroutine, which holds its object until it ends."""
    window = Window()
    callback = WeakCallback(window.on_message, when_dead="raise")
    coroutine = callback("hello")
    del window
    assert callback.alive
    assert asyncio.run(coroutine) == "hello"
    del coroutine
    assert not callback.alive


def test_partials() -> None:
    """A partial of a bound method is refused; of a callback, and of a function, it works."""
    window = Window()
    for wrong in (partial(window.on_event, 1), partial(partial(window.on_event), a=1)):
        with pytest.raises(TypeError, match=r"Window\.on_event would .*partial\(WeakCallback\("):
            WeakCallback(wrong)
    with pytest.raises(TypeError, match=r"partial\(WeakCallback\("):
        WeakCallback(window.early)
    del wrong
    right = partial(WeakCallback(window.on_event), 1)
    assert WeakCallback(right)(a=2) == "seen"
    assert window.seen == [((1,), {"a": 2})]
    del window
    assert right() is None
    assert WeakCallback(partial(plain, 4))() == 8


def test_a_callback_of_a_callback_is_one_of_the_same_method() -> None:
    """Wrapping twice does no harm, and takes the second wish for what happens when dead."""
    window = Window()
    once = WeakCallback(window.on_event)
    twice = WeakCallback(once, when_dead="raise")
    assert twice == once and hash(twice) == hash(once) and twice() == "seen"
    del window
    assert not twice.alive
    with pytest.raises(ReferenceError):
        twice()


def test_calls_while_the_object_dies_in_another_thread() -> None:
    """A call reaches a whole object or none."""
    box: list[WeakCallback[..., Any]] = [WeakCallback(plain)]
    stop = threading.Event()
    wrong: list[object] = []

    def call() -> None:
        while not stop.is_set():
            answer = box[-1]()
            if answer not in ("seen", None, 2):
                wrong.append(answer)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3000):
        window = Window()
        box.append(WeakCallback(window.on_event))
        del window, box[0]
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == [] and not box[-1].alive


# --- equality -------------------------------------------------------------------------------------


def test_equality_is_by_target() -> None:
    """The same function of the same object is equal, whatever the options; all else is not."""
    one, two = Window(), Window()
    callback = WeakCallback(one.on_event)
    same = [WeakCallback(one.on_event), WeakCallback(one.on_event, when_dead="raise")]
    assert [callback == other and hash(callback) == hash(other) for other in same] == [True] * 2
    different: list[Any] = [
        WeakCallback(two.on_event),
        WeakCallback(one.on_close),
        WeakCallback(Window.on_event),
        WeakCallback(one.seen.__class__),
        one.on_event,
        None,
    ]
    assert [callback == other for other in different] == [False] * 6
    strong, weak = WeakCallback(plain), WeakCallback(plain, weak_function=True)
    assert strong == weak and hash(strong) == hash(weak) and weak == strong
    assert strong != WeakCallback(len) and strong != callback and weak != callback
    numbers: set[int] = set()
    assert WeakCallback(numbers.add) == WeakCallback(numbers.add) != WeakCallback(numbers.discard)
    assert WeakCallback(numbers.add) != WeakCallback(set[int]().add)


def test_lists_and_sets_of_listeners() -> None:
    """`list.remove`, `in` and sets find a callback by its method."""
    one, two = Window(), Window()
    listeners = [WeakCallback(two.on_event), WeakCallback(one.on_event), WeakCallback(plain)]
    listeners.remove(WeakCallback(one.on_event))
    assert listeners == [WeakCallback(two.on_event), WeakCallback(plain)]
    with pytest.raises(ValueError):
        listeners.remove(WeakCallback(one.on_event))
    unique = {WeakCallback(window.on_event) for window in (one, two, one, two)}
    assert len(unique) == 2 and WeakCallback(one.on_event) in unique
    unique.discard(WeakCallback(one.on_event))
    assert unique == {WeakCallback(two.on_event)}


def test_equality_outlives_the_object() -> None:
    """Hash and equality stay; an object that comes to the same address is another one."""
    window = Window()
    callbacks = [WeakCallback(window.on_event), WeakCallback(window.on_event)]
    other = WeakCallback(Window().on_event)
    hashes, members = list(map(hash, callbacks)), set(callbacks)
    del window
    assert list(map(hash, callbacks)) == hashes
    assert callbacks[0] == callbacks[1] and callbacks[0] in members and callbacks[0] != other
    for _ in range(200):
        newcomer = Window()
        assert WeakCallback(newcomer.on_event) not in members
    members.discard(callbacks[1])
    assert members == set()

    def nested() -> None:
        pass

    functions = [WeakCallback(nested, weak_function=True) for _ in range(2)]
    del nested
    assert functions[0] == functions[1] and not functions[0].alive
    assert functions[0] != WeakCallback(lambda: 1, weak_function=True)


def test_no_code_of_the_objects_runs() -> None:
    """Neither equality nor hash, truth or text of an object is asked for."""
    value, function = Hostile(), HostileCallable()
    callbacks: list[WeakCallback[[], Any]] = [
        WeakCallback(value.on_event),
        WeakCallback(function),
        WeakCallback(function, weak_function=True),
        WeakCallback(Hostile().on_event),
    ]
    assert [repr(callback) for callback in callbacks] == [
        "<WeakCallback of Hostile.on_event, alive>",
        "<WeakCallback of HostileCallable, alive>",
        "<WeakCallback of HostileCallable, alive>",
        "<WeakCallback of Hostile.on_event, dead>",
    ]
    assert len(set(callbacks)) == 3
    assert [callback == callbacks[1] for callback in callbacks] == [False, True, True, False]
    assert [callback() for callback in callbacks[:3]] == ["called"] * 3


def test_names_in_the_text() -> None:
    """Functions, classes and methods in C are called by their names, a dead one is nameless."""
    texts = {
        WeakCallback(plain): "plain, alive",
        WeakCallback(dict): "dict, alive",
        WeakCallback(len): "len, alive",
        WeakCallback(set[int]().add): "set.add, dead",
        WeakCallback(Window().__str__): "object.__str__, dead",
        WeakCallback(partial(plain)): "partial, alive",
        WeakCallback(lambda: 1, weak_function=True): "a function, dead",
    }
    assert [repr(callback) for callback in texts] == [
        f"<WeakCallback of {text}>" for text in texts.values()
    ]


# --- refusals, copies and pickles -----------------------------------------------------------------


def test_refusals_say_what_to_write() -> None:
    """What cannot be called or held, and an unknown option, are errors that name the way out."""

    class Slotted:
        __slots__ = ()

        def on_event(self) -> None:
            pass

        def __call__(self) -> None:
            pass

    with pytest.raises(TypeError, match=r"something to call, not an object of type str"):
        WeakCallback(Window().on_event())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"on_event: .*Add '__weakref__' to the __slots__ of Slot"):
        WeakCallback(Slotted().on_event)
    with pytest.raises(TypeError, match=r"of Slotted: .*Add '__weakref__'"):
        WeakCallback(Slotted(), weak_function=True)
    with pytest.raises(ValueError, match='"none" or "raise", not \'ignore\''):
        WeakCallback(plain, when_dead="ignore")  # type: ignore[call-overload]
    with pytest.raises(AttributeError):
        WeakCallback(plain).alive = False  # type: ignore[misc]


def test_copies_and_deep_copies() -> None:
    """A copy is the callback itself; in a deep copy of its object it calls the new one."""

    class Button(Hub):
        def __init__(self) -> None:
            super().__init__()
            self.clicks = 0
            self.listeners.append(WeakCallback(self.on_click, when_dead="raise"))

        def on_click(self) -> int:
            self.clicks += 1
            return self.clicks

    button = Button()
    callback = button.listeners[0]
    assert copy.copy(callback) is callback and copy.deepcopy(callback) is callback
    new = copy.deepcopy(button)
    assert new.listeners == [WeakCallback(new.on_click)] and new.listeners != button.listeners
    assert hash(new.listeners[0]) == hash(WeakCallback(new.on_click))
    assert [new.listeners[0](), new.listeners[0](), button.clicks] == [1, 2, 0]
    strong = WeakCallback(plain)
    assert copy.deepcopy([strong])[0] is strong
    del button
    assert copy.deepcopy(callback) is callback and not callback.alive
    del new.listeners[0]
    watch = weakref.ref(new)
    del new
    assert watch() is None


def test_pickling_is_refused() -> None:
    """A callback means nothing in another process, and says so."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match=r"plain, alive> cannot be pickled.*__getstate__"):
            pickle.dumps(WeakCallback(plain), protocol)


def test_signature() -> None:
    """`inspect.signature` gives what the method takes, and for the class what that takes."""
    window = Window()
    for function in (window.on_message, plain, Window.on_class):
        assert inspect.signature(WeakCallback(function)) == inspect.signature(function)
    callback = WeakCallback(window.on_event, when_dead="raise")
    del window, function
    assert callable(callback) and callable(callback.__call__)
    assert list(inspect.signature(WeakCallback).parameters)[1:] == ["weak_function", "when_dead"]


def test_subscripts_at_run_time() -> None:
    """Its types can be written where they are evaluated."""
    assert WeakCallback[[int], None].__origin__ is WeakCallback
    window = Window()
    assert WeakCallback[..., str](window.on_event)() == "seen"
