"""An attribute that refers to its object weakly: the back-reference of an owned object."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GenericAlias,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any, Generic, overload

from cyclefree.weak._advice import advice, mro_of, namespace_of, plain_name, type_name
from cyclefree.weak._stored import DEAD, StoredRef

__all__ = ["weak_attribute"]

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    _T = TypeVar("_T", default=Any)

    # `Any` is a base so that `parent: Node | None = weak_attribute()` is accepted as well.
    class _Descriptor(Generic[_T], Any):  # type: ignore[misc]
        """What type checkers see."""

        def __init__(self, *accessors: Callable[..., Any]) -> None: ...

else:
    _T = Any

    class _Descriptor(property):
        """What is there."""

        __class_getitem__ = classmethod(GenericAlias)


class weak_attribute(_Descriptor[_T]):
    """Make an attribute of a class that holds its object weakly and reads None once it is gone.

    For the reference from an owned object back to its owner, which otherwise closes a cycle:

    >>> class Order:
    ...     def __init__(self):
    ...         self.lines = []
    >>> class OrderLine:
    ...     order = weak_attribute()
    ...     def __init__(self, order):
    ...         self.order = order
    >>> order = Order()
    >>> order.lines.append(OrderLine(order))
    >>> line = order.lines[0]
    >>> line.order is order
    True
    >>> del order                       # freed at once, without the collector
    >>> print(line.order)
    None

    Somebody else must hold the object. Between two reads it may go: in `line.order.number` that is
    an AttributeError of None, so read once, into a local variable, and ask that whether it is None.

    An attribute that was never set, or was deleted, raises AttributeError as any other. None may
    be set, and is what is read then. A value that cannot be referred to weakly is a TypeError that
    says what to write instead, and so is a bound method, which would be gone at once.

    The reference is kept in the instance's `__dict__`, under `_weak_` and the attribute's name.
    Where there are only slots, name one of them:

    >>> class Leaf:
    ...     __slots__ = ("_branch",)
    ...     branch = weak_attribute(slot="_branch")

    **Types.** For mypy and pyright each of these reads `Order | None`: `order: Order | None =
    weak_attribute()`, `order = weak_attribute[Order]()`, also with the name in quotes.

    **Dataclasses.** An annotated one is a field whose default is None, `parent: Node | None =
    weak_attribute()`, also with `kw_only` and `frozen`; `field(default=weak_attribute(),
    compare=False)` takes the field's other options. A dataclass that compares, hashes, prints or
    `asdict`s its fields follows this one as it would an ordinary one. With
    `@dataclass(slots=True)` the field becomes a slot that holds its object *strongly*: that is a
    TypeError when the class is made, but cannot be seen when a subclass alone has `slots=True`.
    Leave out the annotation there, and name a slot. ruff's rule RUF009 wants to be told:
    `extend-immutable-calls = ["cyclefree.weak_attribute"]` in `[tool.ruff.lint.flake8-bugbear]`.

    **attrs** takes annotated attributes out of the class altogether, a TypeError too. Leave out the
    annotation: under `@attrs.define(slots=False)` that is all; under `@attrs.define` add a slot,
    `_parent: object = attrs.field(init=False, eq=False, repr=False)`, and name it.

    **Copies.** `copy.copy` refers to the same object. `copy.deepcopy` refers to the new object
    when that is copied in the same call, else to the same one. A pickle drops the reference:
    the attribute of the loaded object reads None.

    **Threads and tasks.** A read gives the object itself, held from then on, or None, in whatever
    thread. A read or write is one operation on the instance. No lock is taken, and nothing runs
    when the object dies.

    **Cost.** A read takes 1.05 to 1.15 times as long as that of a property with
    `return self._ref()` (CPython 3.10 to 3.13, the best of 150 interleaved rounds), a write 0.3 µs
    more than `self._ref = weakref.ref(order)`. Each holder has a reference of its own, of 72 to 80
    bytes. To be as fast, the descriptor is replaced in its class by a plain `property` when it is
    first set on an instance.

    Args:
        slot: the name of a slot to keep the reference in, or of another attribute than the usual
            one. As everywhere in a class, `__name` stands for `_Class__name`.
    """

    def __init__(self, *, slot: str | None = None) -> None:
        super().__init__(_nameless, _nameless, _nameless)
        self._name: str | None = None
        self._slot = slot

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type | None = None, /) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type | None = None, /) -> _T | None: ...
        def __get__(self, instance: object, owner: type | None = None, /) -> Any: ...
        def __set__(self, instance: object, value: _T | None, /) -> None: ...
        def __delete__(self, instance: object, /) -> None: ...

    else:

        @property
        def __class__(self):
            # dataclasses and attrs ask each default, by `isinstance`, whether it is a special one
            # of theirs. No other moment shows that they are about to take the attribute away.
            _refuse_to_be_replaced(sys._getframe(1))
            return weak_attribute

    def __set_name__(self, owner: type, name: str) -> None:
        if self._name not in (None, name):
            raise TypeError(
                f"one weak_attribute() cannot be both {self._name!r} and {name!r} of "
                f"{type_name(owner)}: write a weak_attribute() for each"
            )
        if self._slot == name:
            raise TypeError(
                f"weak_attribute(slot={name!r}) cannot be kept in a slot of its own name: "
                f"call the slot '_{name}'"
            )
        self._name = name
        storage = self._slot or f"_weak_{name}"
        if storage.startswith("__") and not storage.endswith("__"):
            storage = f"_{owner.__name__.lstrip('_')}{storage}"
        super().__init__(*_accessors(name, storage, self._slot is not None))

    def __repr__(self) -> str:
        return "weak_attribute()" if self._slot is None else f"weak_attribute(slot={self._slot!r})"


def _nameless(*_: object) -> Any:
    """Refuse to read, write or delete before the class has told the attribute its name."""
    raise TypeError(
        "this weak_attribute() does not know its name: it was put into a class that was made "
        "before. Write it in the body of the class, or call its __set_name__(cls, name)"
    )


# --- reading, writing, deleting -------------------------------------------------------------------


def _quick_reader(unset: Callable[[object], AttributeError]) -> Callable[[Any], Any]:
    """Return the getter: what one writes by hand, so that CPython 3.12 and later inline it."""

    def read(self: Any) -> Any:
        """The object that is referred to weakly; None once it is gone."""
        try:
            return self.STORAGE()
        except AttributeError:
            raise unset(self) from None

    return read


def _careful_reader(unset: Callable[[object], AttributeError]) -> Callable[[Any], Any]:
    """Return the getter for classes whose `__getattr__` may make up what is not there."""

    def read(self: Any) -> Any:
        """The object that is referred to weakly; None once it is gone."""
        try:
            stored = self.STORAGE
        except AttributeError:
            raise unset(self) from None
        if not issubclass(type(stored), StoredRef):
            raise unset(self)
        return stored()

    return read


def _renamed(code: CodeType, name: str) -> CodeType:
    """Return the code with another name for the attribute STORAGE, in the functions in it too."""
    return code.replace(
        co_names=tuple(name if each == "STORAGE" else each for each in code.co_names),
        co_consts=tuple(
            _renamed(each, name) if type(each) is CodeType else each for each in code.co_consts
        ),
    )


def _accessors(
    name: str, storage: str, is_slot: bool
) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None], Callable[[Any], None]]:
    """Return what to read, to write and to delete the attribute with."""

    def unset(self: object) -> AttributeError:
        return AttributeError(f"{plain_name(type(self))!r} object has no attribute {name!r}")

    # Not `setattr`: a frozen dataclass comes here by `object.__setattr__` itself.
    def write(self: Any, value: Any, store: Callable[..., Any] = object.__setattr__) -> None:
        ref = DEAD if value is None else _reference(self, name, value)
        try:
            store(self, storage, ref)
        except AttributeError:
            raise _no_storage(self, name, storage, is_slot) from None

    def first_write(self: Any, value: Any) -> None:
        store = _method_in_c(type(self), "__setattr__")
        write(self, value, store)
        if store is not object.__setattr__:
            return
        for cls in mro_of(type(self)):
            found = namespace_of(cls).get(name)
            if type(found) is weak_attribute and found.fget is careful:
                type.__setattr__(cls, name, property(reader_for(type(self)), write, delete))

    def delete(self: Any) -> None:
        try:
            _method_in_c(type(self), "__delattr__")(self, storage)
        except AttributeError:
            raise unset(self) from None

    def reader_for(cls: type) -> Callable[[Any], Any]:
        computed = any("__getattr__" in namespace_of(each) for each in mro_of(cls))
        return careful if computed else quick

    # The names go through a function's constants: CPython 3.13 inlines only what a `def` made.
    quick: Callable[[Any], Any]
    careful: Callable[[Any], Any]
    quick, careful = (
        FunctionType(_renamed(template.__code__, storage), globals())(unset)
        for template in (_quick_reader, _careful_reader)
    )
    return careful, first_write, delete


def _method_in_c(cls: type, name: str) -> Callable[..., Any]:
    """Return the method below all those in Python: it knows where instances keep attributes.

    It is `object`'s but for classes of classes, `threading.local` and the like, whose instances
    `object.__setattr__` refuses, or on 3.13 gives an attribute that nobody finds again.
    """
    found = (namespace_of(each).get(name) for each in mro_of(cls))
    return next(each for each in found if type(each) is WrapperDescriptorType)


def _reference(holder: object, name: str, value: Any) -> StoredRef[Any]:
    """Return a reference to the value, or raise `TypeError` that says what to write instead."""
    cls = type(value)
    if cls is weak_attribute:  # the default of a dataclass field
        return DEAD
    in_c = cls is MethodWrapperType or (cls is BuiltinFunctionType and _is_bound(value))
    if cls is MethodType or in_c:
        raise TypeError(
            f"{type_name(type(holder))}.{name} would be None at once: a bound method is made anew "
            "by each access, and nobody else holds it. Write WeakCallback(obj.method) into an "
            "ordinary attribute"
        )
    try:
        return StoredRef(value)
    except TypeError:
        raise TypeError(
            f"{type_name(type(holder))}.{name} is a weak_attribute(), and {advice(value)}"
        ) from None


def _is_bound(function: BuiltinFunctionType) -> bool:
    """Tell whether a function in C is a method of some object, not a function of a module."""
    owner = function.__self__
    return owner is not None and not issubclass(type(owner), ModuleType)


def _no_storage(holder: object, name: str, storage: str, is_slot: bool) -> TypeError:
    """Return the error for an instance that has no place for the reference."""
    owner = type_name(type(holder))
    if is_slot:
        return TypeError(
            f"{owner}.{name} is a weak_attribute(slot={storage!r}), but {owner} has no such slot "
            f"to write to: add {storage!r} to its __slots__"
        )
    return TypeError(
        f"{owner}.{name} has no place to keep its reference: {owner} has __slots__ and no "
        f"__dict__. Add a slot and name it: __slots__ = (..., '_{name}') and "
        f"{name} = weak_attribute(slot='_{name}')"
    )


def _refuse_to_be_replaced(frame: Any) -> None:
    """Raise TypeError where dataclasses or attrs are about to put something strong in our place.

    Args:
        frame: who asks for our class. Names of functions and locals: dataclasses of CPython 3.10 to
            3.13, attrs 21.4 to 26.1. Where they differ nothing is raised. Guarded by
            test_dataclass_with_slots_is_refused and test_attrs_field_is_refused (tests/weak).
    """
    asking = frame.f_globals.get("__name__"), frame.f_code.co_name
    if asking == ("attr._make", "_attrs_to_init_script"):
        raise TypeError(
            "attrs would put an ordinary, strong attribute in the place of this weak_attribute(). "
            "Leave out its annotation, so that it is no attrs field; with slots (the default of "
            "attrs.define) also add _name: object = attrs.field(init=False, eq=False, repr=False) "
            "and write weak_attribute(slot='_name')"
        )
    # "f" is bound once it is certain to be a field, not a ClassVar.
    is_field = asking == ("dataclasses", "_get_field") and "f" in frame.f_locals
    if is_field and frame.f_back.f_locals.get("slots"):
        name = frame.f_locals["a_name"]
        raise TypeError(
            f"@dataclass(slots=True) would put a strong slot in the place of the weak_attribute() "
            f"{name!r}. Leave out slots=True; or leave out the annotation of {name!r}, add a field "
            f"for its slot, _{name}: object = field(init=False, repr=False, compare=False), and "
            f"write {name} = weak_attribute(slot='_{name}')"
        )
