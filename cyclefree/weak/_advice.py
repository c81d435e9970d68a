"""What to write instead, for a value that cannot be referred to weakly.

Nothing here runs the user's code: a value is judged by its type, and a type through the
descriptors of `type` itself, since a metaclass may override every attribute.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

__all__ = ["advice", "mro_of", "namespace_of", "plain_name", "type_name"]

_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_name = type.__dict__["__name__"].__get__
_flags = type.__dict__["__flags__"].__get__
_MADE_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE

_PLAIN = (int, str, float, bytes, bool, complex, type(None), range, slice, type(...))
_SUBCLASSABLE = (list, dict, bytearray, object)
_OF_VARIABLE_SIZE = (tuple, int, bytes)  # not even instances of a subclass can be referred to


def mro_of(cls: type) -> tuple[type, ...]:
    """Return the method resolution order without asking the metaclass."""
    return _mro(cls)  # type: ignore[no-any-return]


def namespace_of(cls: type) -> Mapping[str, Any]:
    """Return the class's own namespace as a read-only mapping."""
    return _namespace(cls)  # type: ignore[no-any-return]


def plain_name(cls: type) -> str:
    """Return the name without that of an enclosing class, as Python's own errors have it."""
    return str.__str__(_name(cls))


def type_name(cls: type) -> str:
    """Return the qualified name as its user sees it: `f.<locals>.Order` is `Order`."""
    return str.__str__(_qualname(cls)).rpartition("<locals>.")[2]


def advice(value: object) -> str:
    """Say why `weakref.ref(value)` raises `TypeError`, and what to write instead."""
    cls = type(value)
    name = type_name(cls)
    why = f"an object of type {name} has no support for weak references"
    if any(cls is plain for plain in _PLAIN):
        return f"{why}. A plain value is part of no cycle: keep it in an ordinary attribute"
    if cls is tuple:
        return (
            f"{why}. Keep it in an ordinary attribute, or refer weakly to the object that owns it"
        )
    if any(cls is each for each in _SUBCLASSABLE):
        return (
            f"{why}, but one of a subclass has: write `class My{name.title()}({name}): pass` and "
            "make it of that, or refer weakly to the object that owns it"
        )
    if issubclass(cls, weakref.ref):
        return f"{why}: it is itself a weak reference. Give the object that it refers to"
    if cls is weakref.ProxyType or cls is weakref.CallableProxyType:
        return f"{why}. Give the object itself, not a proxy of it"
    for base in _OF_VARIABLE_SIZE:
        if issubclass(cls, base):
            return (
                f"{why}, as all subclasses of {base.__name__}. Make {name} a class of its own, a "
                "dataclass for instance, or keep it in an ordinary attribute"
            )
    if not _flags(cls) & _MADE_IN_PYTHON:
        return f"{why}. Refer weakly to an object of yours that holds it"
    return f"{why}: its classes have __slots__ without '__weakref__'. {_slot_advice(cls)}"


def _slot_advice(cls: type) -> str:
    """Say how to give a class with slots the one that weak references need."""
    name = type_name(cls)
    for each in mro_of(cls):
        members = namespace_of(each)
        if "__attrs_attrs__" in members:
            return f"Write @attrs.define(weakref_slot=True) for {name}"
        if "__dataclass_fields__" in members and "__slots__" in members:
            return (
                f"Write @dataclass(slots=True, weakref_slot=True) for {name} (Python 3.11 and "
                "later), or give it a base class with __slots__ = ('__weakref__',)"
            )
    return f"Add '__weakref__' to the __slots__ of {name}"
