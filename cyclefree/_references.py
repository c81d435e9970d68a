"""Names of references: `.order`, `['key']`, `[3]`, closure variable 'walk', local 'err'.

`references(source)` names exactly the objects that `gc.get_referents(source)` shows. It only
looks: no user code runs, no instance `__dict__` is made, no frame object either. Two rules make
that possible. A name is *proposed* (by a container's items, a C member, a slot, a name that the
class's code uses) and then *claimed* by identity against the referents, so that a wrong proposal
can name nothing. And a proposal's value is read only through C code that just reads.
"""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from types import (
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)

from cyclefree._collector import untraversable
from cyclefree._definitions import (
    code_of,
    defined_at,
    derives,
    module_of,
    mro_of,
    names_in_class,
    names_in_modules,
    names_nearby,
    namespace_of,
    package_of,
    type_name,
)
from cyclefree._locals import LOCAL_CARRIERS, Flows, name_locals

__all__ = [
    "Named",
    "Namer",
    "carrier",
    "collapse_name",
    "defined_at",
    "folded_references",
    "format_name",
    "module_of",
    "package_of",
    "references",
    "type_name",
]

Named = tuple[str, object, object]
"""A reference: kind, detail, target."""

_KEY_LIMIT = 40
_PLAIN_KEYS = frozenset(map(id, (str, int, bytes, bool, float, type(None))))
_MISSING = object()
_HEAP_TYPE = 1 << 9
# Py_TPFLAGS_MANAGED_DICT: instances may keep their attributes without a dictionary (3.11+; on 3.10
# the bit is never set).
_MANAGED_DICT = 1 << 4

_flags = type.__dict__["__flags__"].__get__
_plain_name = type.__dict__["__name__"].__get__
_module_dict = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]
_read_attribute = object.__getattribute__
_cell_contents = CellType.__dict__["cell_contents"].__get__
_closure = FunctionType.__dict__["__closure__"].__get__

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


def format_name(kind: str, detail: object) -> str:
    """Say a reference's name as texts show it.

    Args:
        kind: a kind of reference, as in `references`.
        detail: its detail.

    Returns:
        `.order`, `['key']`, `[3]`, `closure variable 'walk'`, `local 'err'`, `a key`, ...

    >>> format_name("attr", "order"), format_name("key", "id"), format_name("item", 3)
    ('.order', "['id']", '[3]')
    """
    if kind == "attr":
        return f".{detail}"
    if kind == "item":
        return f"[{detail}]"
    if kind == "key":
        return f"[{_format_key(detail)}]"
    if kind == "local":
        return f"local '{detail}'"
    if kind == "closure":
        return f"closure variable '{detail}'"
    return _FIXED_NAMES.get(kind, "unnamed reference")


_FIXED_NAMES = {"dictkey": "a key", "member": "a member", "stack": "stack value"}


def collapse_name(kind: str, detail: object) -> str:
    """Say a reference's name without what differs between two of one shape: indices and keys.

    >>> collapse_name("item", 3), collapse_name("key", "id"), collapse_name("attr", "order")
    ('[*]', '[*]', '.order')
    """
    return "[*]" if kind == "item" or kind == "key" else format_name(kind, detail)


def _format_key(key: object) -> str:
    if id(type(key)) in _PLAIN_KEYS or (
        type(key) is tuple and all(id(type(part)) in _PLAIN_KEYS for part in key)
    ):
        # A huge int has no repr (ValueError) and a long string needs none.
        if type(key) is str or type(key) is bytes:
            key = key[: _KEY_LIMIT + 1]
        try:
            text = repr(key)
        except ValueError:
            return "<int>"
        return text if len(text) <= _KEY_LIMIT else text[: _KEY_LIMIT - 1] + "…"
    return f"<{type_name(type(key))}>"


def carrier(kind: str, detail: object, target: object) -> bool:
    """Tell whether the target only carries others, and is folded into the edge in texts."""
    cls = type(target)
    if cls is CellType:
        return True
    if kind != "attr":
        return False
    return (cls is dict and detail == "__dict__") or (cls is tuple and detail == "__closure__")


def references(source: object) -> list[Named]:
    """Name every reference that `gc.get_referents(source)` shows.

    Args:
        source: any object. Nothing of it is run, changed or kept.

    Returns:
        (kind, detail, target) for exactly those objects, in some order; kind "unnamed" with the
        target's type name where no name can be told. For many objects use one `Namer`.

    >>> references(["a"]), references({"k": 1})
    ([('item', 0, 'a')], [('key', 'k', 1)])
    """
    return Namer().references(source)


def folded_references(source: object) -> list[Named]:
    """Name the references with carriers (`__dict__`, closures, cells) replaced by what they carry.

    >>> def outer():
    ...     def walk(): return walk
    ...     return walk
    >>> walk = outer()
    >>> [detail for kind, detail, target in folded_references(walk) if target is walk]
    ['walk']
    """
    return Namer().folded_references(source)


class _Claims:
    """The referents of one object, each waiting for its name."""

    __slots__ = ("left", "named", "referents")

    def __init__(self, referents: list[object]) -> None:
        self.referents = referents
        self.named: list[Named] = []
        left: dict[int, int] = {}
        for referent in referents:
            key = id(referent)
            left[key] = left.get(key, 0) + 1
        self.left = left

    def claim(self, kind: str, detail: object, target: object) -> bool:
        """Name one reference to `target`, unless there is none left."""
        key = id(target)
        count = self.left.get(key)
        if not count:
            return False
        self.named.append((kind, detail, target))
        if count == 1:
            del self.left[key]
        else:
            self.left[key] = count - 1
        return True

    def remaining(self) -> list[object]:
        """Return the referents without a name, in the order of get_referents."""
        left = dict(self.left)
        found = []
        for referent in self.referents:
            if left.get(id(referent)):
                left[id(referent)] -= 1
                found.append(referent)
        return found


class _Plan:
    """What is known of one class: how to read its instances' attributes, and which names worked."""

    __slots__ = (
        "cls",
        "failures",
        "fields",
        "has_dict",
        "inline",
        "items",
        "known",
        "plain",
        "readers",
        "special",
        "stage",
        "tried",
    )

    def __init__(self, cls: type) -> None:
        order = mro_of(cls)
        self.cls = cls
        self.readers = tuple(_readers(order))
        self.special = _special_of(order)
        self.items = tuple(_ITEMS[id(base)] for base in order if id(base) in _ITEMS)
        flags = _flags(cls)
        self.inline = bool(flags & _HEAP_TYPE and flags & _MANAGED_DICT)
        self.has_dict = any("__dict__" in namespace_of(base) for base in order)
        self.fields = () if flags & _HEAP_TYPE and self.inline else _fields_of(order)
        # `object.__getattribute__` in the first place and no `__getattr__` anywhere: then getattr
        # with a default does the same as object.__getattribute__, without raising.
        first = next((b for b in order if "__getattribute__" in namespace_of(b)), None)
        self.plain = first is object and not any("__getattr__" in namespace_of(b) for b in order)
        self.known: list[str] = []  # names that were right before
        self.tried: dict[
            str, bool
        ] = {}  # every candidate so far: name -> shadows a class attribute
        self.stage = 0
        self.failures = 0

    def read(self, obj: object, name: str) -> object:
        """Read an attribute that `_is_readable` allows, running nothing of the user's."""
        if self.plain:
            return getattr(obj, name, _MISSING)
        try:
            return _read_attribute(obj, name)
        except AttributeError:
            return _MISSING

    def widen(self) -> list[str]:
        """Return further candidate names from the next, wider place; [] when there is none."""
        while self.stage < len(_STAGES):
            found = _STAGES[self.stage](self.cls)
            self.stage += 1
            fresh = [n for n in found if n not in self.tried and _is_readable(self.cls, n)]
            for name in fresh:
                self.tried[name] = _class_attribute(self.cls, name) is not _MISSING
            if fresh:
                return fresh
        return []


_STAGES: tuple[Callable[[type], dict[str, None]], ...] = (
    names_in_class,
    names_in_modules,
    names_nearby,
)
_GIVE_UP = 3

# Plans of static types, which live as long as the interpreter.
_STATIC_PLANS: dict[int, _Plan] = {}


class Namer:
    """Name references for one report, remembering per class and per code what it has learnt.

    It holds the classes and code objects that it has met: make one for a report and let it go.
    """

    __slots__ = ("_flows", "_plans")

    def __init__(self) -> None:
        self._plans: dict[int, _Plan] = {}
        self._flows = Flows()

    def references(self, source: object) -> list[Named]:
        """Name every reference that `gc.get_referents(source)` shows, as `references` does."""
        kind = type(source)
        direct = _EXACT.get(id(kind))
        if direct is not None:
            return direct(source)
        if id(kind) in LOCAL_CARRIERS:
            claims = _Claims(gc.get_referents(source))
            for name in name_locals(source, claims.referents, self._flows):
                claims.claim(*name)
            return _finish(claims)
        referents = gc.get_referents(source)
        if not referents:
            return []
        return self._by_plan(source, kind, referents)

    def folded_references(self, source: object) -> list[Named]:
        """Name the references with carriers replaced by what they carry."""
        folded: list[Named] = []
        for named in self.references(source):
            kind, detail, target = named
            if not carrier(kind, detail, target):
                folded.append(named)
            elif type(target) is dict:
                for entry in _references_of_dict(target):
                    if entry[0] == "key" and type(entry[1]) is str:
                        folded.append(("attr", entry[1], entry[2]))
                    else:
                        folded.append(entry)
            elif type(target) is tuple:
                folded.extend(_closure_variables(source, target))
            else:
                contents = _contents(target)
                if contents is not _MISSING:
                    if kind == "local":
                        folded.append((kind, detail, contents))
                    else:
                        folded.append(("attr", "cell_contents", contents))
        return folded

    def _by_plan(self, source: object, kind: type, referents: list[object]) -> list[Named]:
        plan = self._plan(kind)
        claims = _Claims(referents)
        for name, read in plan.readers:
            try:
                claims.claim("attr", name, read(source))
            except (AttributeError, TypeError, ValueError):
                continue
        for items in plan.items:
            try:
                for named in items(source):
                    claims.claim(*named)
            except RuntimeError:  # changed by another thread meanwhile
                pass
        claims.claim("attr", "__class__", kind)
        if claims.left and plan.special is not None:
            plan.special(source, claims)
        if claims.left and derives(kind, type):
            _name_class_parts(source, claims)
        if claims.left and plan.has_dict:
            self._name_attributes(source, plan, claims)
        if claims.left:
            _name_fields(plan, claims)
        return _finish(claims)

    def _plan(self, cls: type) -> _Plan:
        key = id(cls)
        plan = self._plans.get(key) or _STATIC_PLANS.get(key)
        if plan is None:
            plan = _Plan(cls)
            (self._plans if _flags(cls) & _HEAP_TYPE else _STATIC_PLANS)[key] = plan
        return plan

    def _name_attributes(self, source: object, plan: _Plan, claims: _Claims) -> None:
        """Name the attributes of an instance, whether or not it has a dictionary."""
        if not plan.inline:
            _claim_dict(source, plan, claims)
            return
        if len(claims.left) == 1 and _claim_dict(source, plan, claims):
            return
        if any(type(r) is dict for r in claims.remaining()) and _claim_shared(source, claims):
            return
        for name in plan.known:
            claims.claim("attr", name, plan.read(source, name))
        if claims.left and plan.failures < _GIVE_UP:
            self._find_names(source, plan, claims)
        if claims.left:
            _claim_dict(source, plan, claims, sure=True)

    def _find_names(self, source: object, plan: _Plan, claims: _Claims) -> None:
        """Try further names on an instance, from ever wider places."""
        before = len(claims.left)
        known = frozenset(plan.known)
        inherited = self._try(source, plan, [n for n in plan.tried if n not in known], claims)
        # Only what the collector tracks is worth a search beyond the class.
        while claims.left and (plan.stage == 0 or any(map(gc.is_tracked, claims.remaining()))):
            fresh = plan.widen()
            if not fresh:
                break
            inherited += self._try(source, plan, fresh, claims)
        # The class has the very same value under these names: right only if no other name is.
        for name in inherited:
            claims.claim("attr", name, plan.read(source, name))
        if len(claims.left) == before:
            plan.failures += 1

    def _try(self, source: object, plan: _Plan, names: list[str], claims: _Claims) -> list[str]:
        """Claim by each name; return those whose value the class has under the same name."""
        inherited = []
        for name in names:
            if not claims.left:
                break
            value = plan.read(source, name)
            if plan.tried[name] and value is _class_attribute(plan.cls, name):
                inherited.append(name)
            elif claims.claim("attr", name, value):
                plan.known.append(name)
        return inherited


def _finish(claims: _Claims) -> list[Named]:
    if claims.left:
        for referent in claims.remaining():
            claims.named.append(("unnamed", type_name(type(referent)), referent))
    return claims.named


# --- exact builtin containers --------------------------------------------------------------------


def _references_of_sequence(source: list[object] | tuple[object, ...]) -> list[Named]:
    return [("item", index, item) for index, item in enumerate(source)]


def _references_of_set(source: set[object] | frozenset[object]) -> list[Named]:
    try:
        return [("member", None, item) for item in source]
    except RuntimeError:
        claims = _Claims(gc.get_referents(source))
        return [("member", None, item) for item in claims.referents]


def _references_of_dict(source: dict[object, object]) -> list[Named]:
    referents = gc.get_referents(source)
    try:
        named: list[Named] = [("key", key, value) for key, value in source.items()]
    except RuntimeError:
        return _finish(_Claims(referents))
    # A dictionary whose keys are all strings shows no keys; an instance's dictionary that shares
    # the instance's inline values (3.13) shows nothing at all.
    if len(referents) == len(named):
        return named
    claims = _Claims(referents)
    for entry in named:
        claims.claim(*entry)
    for entry in named:
        claims.claim("dictkey", None, entry[1])
    return _finish(claims)


def _references_of_module(source: ModuleType) -> list[Named]:
    own = _module_dict(source)
    claims = _Claims([own] if source is untraversable() else gc.get_referents(source))
    claims.claim("attr", "__dict__", own)
    return _finish(claims)


_EXACT: dict[int, Callable[..., list[Named]]] = {
    id(list): _references_of_sequence,
    id(tuple): _references_of_sequence,
    id(set): _references_of_set,
    id(frozenset): _references_of_set,
    id(dict): _references_of_dict,
    id(ModuleType): _references_of_module,
}


def _items_of_list(source: list[object]) -> Iterator[Named]:
    return (("item", i, x) for i, x in enumerate(list.__iter__(source)))


def _items_of_tuple(source: tuple[object, ...]) -> Iterator[Named]:
    # The fields of a namedtuple are more telling than indices.
    fields = namespace_of(type(source)).get("_fields")
    if (
        type(fields) is tuple
        and len(fields) == tuple.__len__(source)
        and all(type(name) is str for name in fields)
    ):
        return (("attr", n, x) for n, x in zip(fields, tuple.__iter__(source), strict=True))
    return (("item", i, x) for i, x in enumerate(tuple.__iter__(source)))


def _items_of_dict(source: dict[object, object]) -> Iterator[Named]:
    entries = list(dict.items(source))
    for key, value in entries:
        yield "key", key, value
    for key, _ in entries:
        yield "dictkey", None, key
    if derives(type(source), OrderedDict):
        for key, _ in entries:  # its linked list refers to the keys once more
            yield "dictkey", None, key


def _items_of_deque(source: deque[object]) -> Iterator[Named]:
    return (("item", i, x) for i, x in enumerate(deque.__iter__(source)))


def _items_of_set(source: set[object]) -> Iterator[Named]:
    return (("member", None, x) for x in set.__iter__(source))


def _items_of_frozenset(source: frozenset[object]) -> Iterator[Named]:
    return (("member", None, x) for x in frozenset.__iter__(source))


_ITEMS: dict[int, Callable[..., Iterable[Named]]] = {
    id(list): _items_of_list,
    id(tuple): _items_of_tuple,
    id(dict): _items_of_dict,
    id(deque): _items_of_deque,
    id(set): _items_of_set,
    id(frozenset): _items_of_frozenset,
}


# --- members of C types, slots -------------------------------------------------------------------


def _readers(order: tuple[type, ...]) -> Iterator[tuple[str, Callable[[object], object]]]:
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


def _fields_of(order: tuple[type, ...]) -> tuple[tuple[str, ...], ...]:
    return _FIELDS.get(_plain_name(order[0]), ()) if order else ()


def _name_fields(plan: _Plan, claims: _Claims) -> None:
    remaining = claims.remaining()
    for fields in plan.fields:
        if len(fields) == len(remaining):
            for name, target in zip(fields, remaining, strict=True):
                claims.claim("attr", name, target)
            return


def _name_class_parts(cls: object, claims: _Claims) -> None:
    """Name the parts of a class that no attribute shows: its own dictionary."""
    for own in gc.get_referents(namespace_of(cls)):  # type: ignore[arg-type]
        claims.claim("attr", "__dict__", own)


def _name_function_parts(function: object, claims: _Claims) -> None:
    """Tell a function's `__dict__` from its `__annotations__`; asking for either would make it."""
    for part in claims.remaining():
        if type(part) is tuple:  # annotations not asked for yet: names and types by turns
            claims.claim("attr", "__annotations__", part)
        elif type(part) is dict:
            own = _agrees(function, part, object.__getattribute__)
            claims.claim("attr", "__dict__" if own is not False else "__annotations__", part)
        elif type(part) is str:
            claims.claim("attr", "__qualname__", part)


def _name_cache_parts(wrapper: object, claims: _Claims) -> None:
    """Name the parts of a function under `functools.lru_cache`."""
    for part in claims.remaining():
        if type(part) is dict and _agrees(wrapper, part, _read_attribute):
            claims.claim("attr", "__dict__", part)
            claims.claim("attr", "__wrapped__", part.get("__wrapped__"))
    for part in claims.remaining():
        claims.claim("attr", "cache", part)


def _name_future_parts(future: object, claims: _Claims) -> None:
    """Name what a C future or task shows under no name, or only in a list made on demand."""
    callbacks = _future_callbacks(future)
    for entry in callbacks if type(callbacks) is list else ():
        for part in entry if type(entry) is tuple else ():
            claims.claim("attr", "_callbacks", part)
    for part in claims.remaining():
        name = _FUTURE_PARTS.get(_plain_name(type(part)))
        if name is not None:
            claims.claim("attr", name, part)


def _name_thread_local_parts(local: object, claims: _Claims) -> None:
    """Name the parts of a `threading.local`: the values of each thread hang off its dummies."""
    for part in claims.remaining():
        name = _THREAD_LOCAL_PARTS.get(id(type(part)))
        if name is not None:
            claims.claim("attr", name, part)


def _name_context_parts(node: object, claims: _Claims) -> None:
    """Name the entries of a context's tree; a node shows each value before its variable."""
    value: object = _MISSING
    for part in claims.remaining():
        if type(part) is ContextVar and value is not _MISSING:
            claims.claim("key", part, value)
            claims.claim("dictkey", None, part)
            value = _MISSING
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


def _special_of(order: tuple[type, ...]) -> Callable[[object, _Claims], None] | None:
    """Return what names the further parts of instances of some C class in the MRO."""
    for base in order:
        special = _SPECIAL.get((module_of(base) or "", _plain_name(base)))
        if special is not None:
            return special
    return None


_SPECIAL: dict[tuple[str, str], Callable[[object, _Claims], None]] = {
    ("builtins", "function"): _name_function_parts,
    ("functools", "_lru_cache_wrapper"): _name_cache_parts,
    ("_asyncio", "Future"): _name_future_parts,
    ("_thread", "_local"): _name_thread_local_parts,
    ("builtins", "hamt"): _name_context_parts,
    ("builtins", "hamt_bitmap_node"): _name_context_parts,
    ("builtins", "hamt_array_node"): _name_context_parts,
    ("builtins", "hamt_collision_node"): _name_context_parts,
}


# --- the dictionary of an instance ---------------------------------------------------------------


def _class_attribute(cls: type, name: str) -> object:
    """Return what the class has under the name, as attribute lookup would find it."""
    for base in mro_of(cls):
        value = namespace_of(base).get(name, _MISSING)
        if value is not _MISSING:
            return value
    return _MISSING


def _is_readable(cls: type, name: str) -> bool:
    """Tell whether reading the attribute runs no code but the interpreter's own.

    When an instance lacks the attribute, the class's value is bound: harmless for a plain
    function, not for a user's descriptor. test_descriptors_are_not_called guards it.
    """
    value = _class_attribute(cls, name)
    if value is _MISSING:
        return True
    kind = type(value)
    if kind is FunctionType or kind is staticmethod:
        return True
    return not any("__get__" in namespace_of(base) for base in mro_of(kind))


def _agrees(
    source: object, own: dict[object, object], read: Callable[[object, str], object]
) -> bool | None:
    """Tell whether the attributes of `source` are the values of `own`; None when it is empty."""
    if not own:
        return None
    agreed = False
    try:
        entries = list(own.items())
    except RuntimeError:
        return False
    for key, value in entries[:16]:
        if type(key) is str and _is_readable(type(source), key):
            try:
                if read(source, key) is not value:
                    return False
            except AttributeError:
                return False
            agreed = True
    return agreed


def _claim_dict(source: object, plan: _Plan, claims: _Claims, sure: bool = False) -> bool:
    """Claim the one remaining exact dictionary as `__dict__` if it is that."""
    found = [r for r in claims.remaining() if type(r) is dict]
    if not found:
        return False
    if not plan.inline and len(found) == 1:
        return claims.claim("attr", "__dict__", found[0])
    for own in found:
        agreed = _agrees(source, own, _read_attribute)
        if agreed or (sure and agreed is None and len(claims.left) == 1):
            return claims.claim("attr", "__dict__", own)
    return False


def _claim_shared(source: object, claims: _Claims) -> bool:
    """Name the values of an instance whose dictionary shares them (later 3.13), by its keys."""
    for own in claims.remaining():
        shared = type(own) is dict and own and not gc.get_referents(own)
        if type(own) is dict and shared and _agrees(source, own, _read_attribute):
            claims.claim("attr", "__dict__", own)
            for key, value in list(own.items()):
                claims.claim("attr", key, value)
            return True
    return False


def _contents(cell: object) -> object:
    try:
        return _cell_contents(cell)
    except ValueError:
        return _MISSING


def _closure_variables(function: object, cells: tuple[object, ...]) -> Iterator[Named]:
    code = code_of(function)
    names = code.co_freevars if code is not None else ()
    for index, cell in enumerate(cells):
        contents = _contents(cell)
        if contents is not _MISSING:
            yield "closure", names[index] if index < len(names) else str(index), contents
