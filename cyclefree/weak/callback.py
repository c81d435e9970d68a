"""A callback that does not keep alive the object whose method it calls."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, final, overload

from cyclefree.weak._advice import advice, mro_of, namespace_of, type_name

__all__ = ["WeakCallback"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
Q = ParamSpec("Q")
S = TypeVar("S")

_NAMED = (
    FunctionType,
    BuiltinFunctionType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)


class _Signature:
    """The signature of a callback, for `inspect`, is that of what it calls."""

    def __get__(self, callback: WeakCallback[..., Any] | None, owner: object = None) -> Any:
        if callback is None:  # the class has its own
            return None
        import inspect  # when asked: it is costly

        return inspect.signature(callback.__call__)


@final
class WeakCallback(Generic[P, R_co]):
    """Hold a bound method without keeping its object alive; call it as the method itself.

    For lists of listeners. A bound method in such a list keeps its object alive as long as the
    list, and closes a cycle when the object holds the list in turn.

    >>> class Window:
    ...     def on_close(self, reason):
    ...         return f"closed: {reason}"
    >>> window = Window()
    >>> listeners = [WeakCallback(window.on_close)]
    >>> [listener("Ctrl-W") for listener in listeners]
    ['closed: Ctrl-W']
    >>> del window                     # freed at once
    >>> listeners[0].alive, listeners[0]("Ctrl-W")
    (False, None)

    What is held weakly is the object of a bound method: also of one written in C whose object can
    be referred to weakly, `WeakCallback(a_set.add)`, and the class of a class method. The method's
    function is held strongly.

    A function, a class or another callable is held strongly, with all that it refers to: a
    `lambda` or nested function that uses `self` keeps it alive, as it does everywhere, and so does
    `functools.partial(function, self)`. `weak_function=True` holds it weakly, which a lambda
    survives only where somebody else holds it. A partial of a bound method is a TypeError: write
    `partial(WeakCallback(self.on_close), reason)`.

    **Equality** is by target, never by the `==` of the objects: the same function, of the same
    object. It outlives the object, and the hash never changes. So a list of listeners, or a set,
    forgets one with `listeners.remove(WeakCallback(window.on_close))`. A WeakCallback does not
    equal the method itself.

    **Copies** of a callback are the callback itself. A deep copy of the list that is made together
    with the listening object, and after it, calls the new object. Pickling is a TypeError.

    **Threads and tasks.** Calling holds the object until the call returns. In `if callback.alive:
    callback()` another thread may free it in between: call, and look at what comes back. A method
    that is a coroutine function gives a coroutine, which holds its object; once dead there is None,
    which cannot be awaited: `when_dead="raise"` is better there.

    **Cost.** A call took 0.5 to 0.9 times as long as `weakref.WeakMethod(method)()()`, with keyword
    arguments 0.7 to 1.15 times; 0.12 to 0.25 µs more than the bound method itself. With
    `weak_function`, and once it is dead, 0.4 µs more (CPython 3.10 to 3.13, a shared machine with
    2 cores, the best of 150 interleaved rounds: trust the ratios).

    Args:
        function: a bound method, function or other callable.
        weak_function: hold also a callable that is no bound method weakly.
        when_dead: what calling does once the object is gone: `"none"` returns None, `"raise"`
            raises `ReferenceError`. The equality of two callbacks does not depend on it.

    Raises:
        TypeError: what is given cannot be called, or cannot be held weakly.
        ValueError: `when_dead` is something else.
    """

    # Bound method: _ref is its object, _function takes that first. Weak function: _ref alone.
    # Strong one: _function alone.
    __slots__ = ("__weakref__", "_function", "_hash", "_raises", "_ref")

    __signature__ = _Signature()

    _function: Callable[..., Any] | None
    _hash: int
    _raises: bool
    _ref: weakref.ref[Any] | None

    @overload
    def __new__(
        cls,
        function: Callable[Q, S],
        /,
        *,
        weak_function: bool = ...,
        when_dead: Literal["none"] = ...,
    ) -> WeakCallback[Q, S | None]: ...

    @overload
    def __new__(
        cls, function: Callable[Q, S], /, *, weak_function: bool = ..., when_dead: Literal["raise"]
    ) -> WeakCallback[Q, S]: ...

    def __new__(
        cls,
        function: Callable[..., Any],
        /,
        *,
        weak_function: bool = False,
        when_dead: Literal["none", "raise"] = "none",
    ) -> WeakCallback[Any, Any]:
        """Make one that calls `function`."""
        if when_dead not in ("none", "raise"):
            raise ValueError(f'when_dead is "none" or "raise", not {when_dead!r}')
        self = object.__new__(cls)
        self._raises = when_dead == "raise"
        given: Any = function
        if type(given) is WeakCallback:
            self._ref, self._function, self._hash = given._ref, given._function, given._hash
            return self
        bound = _taken_apart(given)
        if bound is not None:
            # Of one object there is one plain `weakref.ref`, which all callbacks of it share: two
            # are equal as long as this one is the same, also after the object's death.
            # tests/weak/test_callback.py::test_equality_outlives_the_object
            self._ref = _reference(bound[0], given)
            self._function = bound[1]
            self._hash = hash((id(self._ref), id(self._function)))
            return self
        _refuse_what_cannot_be_called(given)
        if weak_function:
            self._ref, self._function = _reference(given, given), None
        else:
            _refuse_partial_of_method(given)
            self._ref, self._function = None, given
        self._hash = hash(id(given))
        return self

    if TYPE_CHECKING:

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
            """Call the method or function; what happens once it is gone, `when_dead` says."""
            raise NotImplementedError

    else:
        # A call gets what this returns, and CPython hands the arguments on to it in C. A function
        # with *args and **kwargs packs and unpacks them in between: a call with keywords, or with
        # three arguments, then took 1.3 to 1.7 times as long as `WeakMethod(method)()()`.
        @property
        def __call__(self):
            """What is called: the method or function; once it is gone, what `when_dead` says."""
            ref = self._ref
            if ref is None:
                return self._function
            try:
                return MethodType(self._function, ref())
            except TypeError:  # one of them is None
                pass
            return self._no_method(ref)

    def _no_method(self, ref: weakref.ref[Any]) -> Callable[..., Any]:
        """Return what to call when it is no living method."""
        target = ref() if self._function is None else None
        if target is not None:
            return target  # type: ignore[no-any-return]
        return functools.partial(_refuse_dead, self) if self._raises else _nothing

    @property
    def alive(self) -> bool:
        """Whether there still is something to call; always true of what is held strongly."""
        return self._ref is None or self._ref() is not None

    def __eq__(self, other: object) -> bool:
        if type(other) is not WeakCallback:
            return NotImplemented
        if self._ref is other._ref and self._ref is not None:
            return self._function is other._function
        mine = self._plain()
        return mine is not None and mine is other._plain()

    def __hash__(self) -> int:
        return self._hash

    def _plain(self) -> Any:
        """Return what is called when it is no bound method; None of a method or a dead one."""
        if self._ref is None:
            return self._function
        return self._ref() if self._function is None else None

    def __repr__(self) -> str:
        called = self._plain() if self._function is None else self._function
        name = "a function" if called is None else _callable_name(called)
        return f"<WeakCallback of {name}, {'alive' if self.alive else 'dead'}>"

    def __copy__(self) -> WeakCallback[P, R_co]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> WeakCallback[P, R_co]:
        target = None if self._ref is None or self._function is None else self._ref()
        copied = None if target is None else memo.get(id(target))
        if copied is None:
            return self
        new: WeakCallback[P, R_co] = object.__new__(WeakCallback)
        new._ref, new._function = weakref.ref(copied), self._function
        new._raises, new._hash = self._raises, hash((id(new._ref), id(new._function)))
        return new

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            f"{self!r} cannot be pickled: a reference to a living object means nothing in another "
            "process. Leave the listeners out in __getstate__, and let them subscribe again"
        )


def _nothing(*_: object, **__: object) -> None:
    """Be called in the place of what is dead."""


def _refuse_dead(callback: WeakCallback[..., Any], *_: object, **__: object) -> None:
    """Raise in the place of what is dead."""
    raise ReferenceError(
        f"{callback!r}: what it would call is gone, because nobody else held it. Remove the "
        'callback, ask .alive, or make it with when_dead="none"'
    )


def _taken_apart(function: object) -> tuple[Any, Callable[..., Any]] | None:
    """Return a bound method's object and what to call with it; None for what is no bound method."""
    if type(function) is MethodType:
        return function.__self__, function.__func__
    if type(function) is BuiltinFunctionType or type(function) is MethodWrapperType:
        owner = function.__self__
        cls = type(owner)
        if owner is None or issubclass(cls, (ModuleType, type)):
            return None  # a function of a module, or a class method in C
        for each in mro_of(cls):
            unbound: Any = namespace_of(each).get(function.__name__)
            in_c = type(unbound) is MethodDescriptorType or type(unbound) is WrapperDescriptorType
            # Whether it is the same C function of the same object: no `__eq__` of theirs is asked.
            if in_c and unbound.__get__(owner, cls) == function:
                return owner, unbound
    return None


def _reference(target: Any, function: object) -> weakref.ref[Any]:
    """Return the weak reference, or raise `TypeError` that says what to write instead."""
    try:
        return weakref.ref(target)
    except TypeError:
        raise TypeError(
            f"WeakCallback() of {_callable_name(function)}: {advice(target)}; or write a function "
            "that calls it, which is held strongly"
        ) from None


def _refuse_what_cannot_be_called(function: object) -> None:
    """Raise TypeError for what is no callable, most often the result of a call."""
    if not callable(function):
        raise TypeError(
            f"WeakCallback() needs something to call, not an object of type "
            f"{type_name(type(function))}. Give the method itself, without (): "
            "WeakCallback(self.on_event)"
        )


def _refuse_partial_of_method(function: Any) -> None:
    """Raise TypeError for a partial of a bound method: it would keep the method's object alive."""
    inner = function
    while issubclass(type(inner), functools.partial):
        inner = functools.partial.__dict__["func"].__get__(inner)
    if inner is not function and _taken_apart(inner) is not None:
        name = _callable_name(inner)
        raise TypeError(
            f"WeakCallback() of a partial of the bound method {name} would keep its object alive. "
            "Write it the other way round: partial(WeakCallback(obj.method), ...)"
        )


def _callable_name(function: Any) -> str:
    """Return what a callable is called, without running code of its own."""
    cls = type(function)
    if cls is MethodType:
        return _callable_name(function.__func__)
    if issubclass(cls, type):
        return type_name(function)
    if any(cls is each for each in _NAMED):
        return str(function.__qualname__).rpartition("<locals>.")[2]
    return type_name(cls)
