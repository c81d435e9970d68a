"""What instances of C types refer to: their members and slots, and the parts that no name shows.

Tables, read from the sources of CPython 3.10 to 3.13, say which getters only read, and in which
order a type visits fields that no Python attribute shows. A few types that need more than a table
(functions, futures, contexts, ...) have a function each.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import GetSetDescriptorType, MemberDescriptorType

from cyclefree._attributes import MISSING, Claims, agrees
from cyclefree._definitions import module_of, mro_of, namespace_of

_plain_name = type.__dict__["__name__"].__get__

# Getters in C that return what is stored and do nothing else (read in the sources of 3.10 to 3.13).
# Not here, because they create or run something: function.__annotations__, property.__name__,
# generator.gi_frame, frame.f_locals, any __dict__.
_GETTERS: dict[str, tuple[str, ...]] = {
    "BaseException": ("args", "__traceback__", "__context__", "__cause__"),
    "builtin_function_or_method": ("__self__",),
    "cell": ("cell_contents",),
    "function": ("__code__", "__defaults__", "__kwdefaults__", "__type_params__"),
    "traceback": ("tb_next",),
    "type": ("__mro__", "__bases__"),
    "Token": ("var", "old_value"),
    "Future": ("_loop", "_result", "_exception", "_source_traceback", "_cancel_message"),
    "Task": (
        *("_loop", "_result", "_exception", "_source_traceback", "_cancel_message"),
        *("_coro", "_fut_waiter"),
    ),
}

# Types whose fields no Python attribute shows: the fields in the order in which their tp_traverse
# visits them, trusted only when as many referents as fields remain.
_FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "map": (("iterators", "func"),),
    "filter": (("iterator", "func"),),
    "zip": (("iterators", "result"),),
    "enumerate": (("iterator", "result"),),
    "reversed": (("sequence",),),
    "iterator": (("sequence",),),
    "callable_iterator": (("callable", "sentinel"),),
    "list_iterator": (("sequence",),),
    "list_reverseiterator": (("sequence",),),
    "tuple_iterator": (("sequence",),),
    "str_iterator": (("sequence",),),
    "set_iterator": (("set",),),
    "dict_keys": (("mapping",),),
    "dict_values": (("mapping",),),
    "dict_items": (("mapping",),),
    "dict_keyiterator": (("mapping",),),
    "dict_valueiterator": (("mapping",),),
    "dict_itemiterator": (("mapping", "result"),),
    "mappingproxy": (("mapping",),),
    "method-wrapper": (("descriptor",),),
    "ProxyType": (("__callback__",),),
    "CallableProxyType": (("__callback__",),),
    "Context": (("variables",), ("variables", "previous")),
    "ContextVar": (("default",),),
    "Token": (("context",),),
    "types.GenericAlias": (("__parameters__",),),
    "GenericAlias": (("__parameters__",),),
    "types.UnionType": (("__parameters__",),),
    "property": (("__name__",),),
    "memoryview": (("buffer",),),
    "coroutine_wrapper": (("coroutine",),),
    "async_generator_asend": (("generator",), ("generator", "value")),
    "async_generator_athrow": (("generator", "arguments"),),
    "anext_awaitable": (("awaitable", "default"),),
}


def readers_of(order: tuple[type, ...]) -> Iterator[tuple[str, Callable[[object], object]]]:
    """Yield the names and getters of members (slots, C fields), and of the getters known safe."""
    for base in order:
        getters = _GETTERS.get(_plain_name(base), ())
        for name, value in list(namespace_of(base).items()):
            if type(name) is not str:
                continue
            if type(value) is MemberDescriptorType or (
                type(value) is GetSetDescriptorType
                and name in getters
                and value.__objclass__ is base  # a user's class may carry a stranger's descriptor
            ):
                yield name, value.__get__


def fields_of(order: tuple[type, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the fields that instances of a C class may show, in the order of a visit."""
    return _FIELDS.get(_plain_name(order[0]), ()) if order else ()


def name_fields(choices: tuple[tuple[str, ...], ...], claims: Claims) -> None:
    """Name by position what is left, by the choice with as many fields as there are referents."""
    remaining = claims.remaining()
    for fields in choices:
        if len(fields) == len(remaining):
            for name, target in zip(fields, remaining, strict=True):
                claims.claim("attr", name, target)
            return


def name_class_parts(cls: object, claims: Claims) -> None:
    """Name the parts of a class that no attribute shows: its own dictionary."""
    for own in gc.get_referents(namespace_of(cls)):  # type: ignore[arg-type]
        claims.claim("attr", "__dict__", own)


def _name_function_parts(function: object, claims: Claims) -> None:
    """Tell a function's `__dict__` from its `__annotations__`; asking for either would make it."""
    for part in claims.remaining():
        if type(part) is tuple:  # annotations not asked for yet: names and types by turns
            claims.claim("attr", "__annotations__", part)
        elif type(part) is dict:
            own = agrees(function, part)
            claims.claim("attr", "__dict__" if own is not False else "__annotations__", part)
        elif type(part) is str:
            claims.claim("attr", "__qualname__", part)


def _name_cache_parts(wrapper: object, claims: Claims) -> None:
    """Name the parts of a function under `functools.lru_cache`."""
    for part in claims.remaining():
        if type(part) is dict and agrees(wrapper, part):
            claims.claim("attr", "__dict__", part)
            claims.claim("attr", "__wrapped__", part.get("__wrapped__"))
    for part in claims.remaining():
        claims.claim("attr", "cache", part)


def _name_future_parts(future: object, claims: Claims) -> None:
    """Name what a C future or task shows under no name, or only in a list made on demand."""
    callbacks = _future_callbacks(future)
    for entry in callbacks if type(callbacks) is list else ():
        for part in entry if type(entry) is tuple else ():
            claims.claim("attr", "_callbacks", part)
    for part in claims.remaining():
        name = _FUTURE_PARTS.get(_plain_name(type(part)))
        if name is not None:
            claims.claim("attr", name, part)


def _name_thread_local_parts(local: object, claims: Claims) -> None:
    """Name the parts of a `threading.local`: the values of each thread hang off its dummies."""
    for part in claims.remaining():
        name = _THREAD_LOCAL_PARTS.get(id(type(part)))
        if name is not None:
            claims.claim("attr", name, part)


def _name_context_parts(node: object, claims: Claims) -> None:
    """Name the entries of a context's tree; a node shows each value before its variable."""
    value: object = MISSING
    for part in claims.remaining():
        if type(part) is ContextVar and value is not MISSING:
            claims.claim("key", part, value)
            claims.claim("dictkey", None, part)
            value = MISSING
        elif _plain_name(type(part)).startswith("hamt"):
            claims.claim("attr", "node", part)
        else:
            value = part


_THREAD_LOCAL_PARTS = {id(tuple): "args", id(dict): "dummies", id(set): "watchdogs"}
_FUTURE_PARTS = {"Context": "_context", "list": "_callbacks", "str": "_name", "int": "_name"}


def _future_callbacks(future: object) -> object:
    """Read a future's callbacks with the getter of the C class, whatever a subclass defines."""
    for base in mro_of(type(future)):
        getter = namespace_of(base).get("_callbacks")
        if type(getter) is GetSetDescriptorType:
            try:
                return getter.__get__(future)
            except (RuntimeError, TypeError):  # not initialised, or a stranger's getter
                return None
    return None


def special_of(order: tuple[type, ...]) -> Callable[[object, Claims], None] | None:
    """Return what names the further parts of instances of some C class in the MRO."""
    for base in order:
        special = _SPECIAL.get((module_of(base) or "", _plain_name(base)))
        if special is not None:
            return special
    return None


_SPECIAL: dict[tuple[str, str], Callable[[object, Claims], None]] = {
    ("builtins", "function"): _name_function_parts,
    ("functools", "_lru_cache_wrapper"): _name_cache_parts,
    ("_asyncio", "Future"): _name_future_parts,
    ("_thread", "_local"): _name_thread_local_parts,
    ("builtins", "hamt"): _name_context_parts,
    ("builtins", "hamt_bitmap_node"): _name_context_parts,
    ("builtins", "hamt_array_node"): _name_context_parts,
    ("builtins", "hamt_collision_node"): _name_context_parts,
}
