"""Names of references: `.order`, `['key']`, `[3]`, closure variable 'walk', local 'err'.

`references(source)` names exactly the objects that `gc.get_referents(source)` shows. It only
looks: no user code runs, no instance `__dict__` is made, no frame object either. Two rules make
that possible. A name is *proposed* (by a container's items here, by a C member or slot in
`_c_members`, by the names that the class's code uses in `_attributes`) and then *claimed* by
identity against the referents, so that a wrong proposal can name nothing. And a proposal's value
is read only through C code that just reads.
"""

from __future__ import annotations

import gc
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from types import CellType, FrameType, FunctionType, ModuleType

from cyclefree._attributes import HEAP_TYPE, MISSING, Attributes, Claims, Named, flags_of
from cyclefree._c_members import (
    fields_of,
    name_class_parts,
    name_fields,
    readers_of,
    special_of,
)
from cyclefree._collector import untraversable
from cyclefree._definitions import code_of, derives, mro_of, namespace_of, type_name
from cyclefree._locals import LOCAL_CARRIERS, Flows, name_locals

__all__ = [
    "Named",
    "Namer",
    "carrier",
    "collapse_name",
    "folded_references",
    "format_name",
    "references",
]

_KEY_LIMIT = 40
# Numbers from here on are identities of objects more often than not, and texts have none.
_LIKE_AN_ADDRESS = 1 << 40
_PLAIN_KEYS = frozenset(map(id, (str, int, bytes, bool, float, type(None))))

_FRAMES_OF_SUSPENDED = frozenset(("gi_frame", "cr_frame", "ag_frame"))

_module_dict = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]
_cell_contents = CellType.__dict__["cell_contents"].__get__


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
        elif type(key) is int and abs(key) > _LIKE_AN_ADDRESS:
            return "<int>"
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
    if cls is FrameType:  # 3.10: later a generator has its locals itself
        return detail in _FRAMES_OF_SUSPENDED
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


class _Plan:
    """What is known of one class: how to read what its instances refer to."""

    __slots__ = ("attributes", "fields", "items", "readers", "special")

    def __init__(self, cls: type) -> None:
        order = mro_of(cls)
        self.readers = tuple(readers_of(order))
        self.special = special_of(order)
        self.items = tuple(_ITEMS[id(base)] for base in order if id(base) in _ITEMS)
        self.attributes = Attributes(cls)
        self.fields = () if self.attributes.inline else fields_of(order)


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
            claims = Claims(gc.get_referents(source))
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
            elif type(target) is tuple and type(source) is not FunctionType:
                folded.append(named)  # what somebody calls __closure__ may hold anything
            elif type(target) is dict:
                for entry in _references_of_dict(target):
                    if entry[0] == "key" and type(entry[1]) is str:
                        folded.append(("attr", entry[1], entry[2]))
                    else:
                        folded.append(entry)
            elif type(target) is tuple:
                folded.extend(_closure_variables(source, target))
            elif type(target) is FrameType:
                folded += [n for n in self.folded_references(target) if n[0] != "attr"]
            else:
                contents = _contents(target)
                if contents is not MISSING:
                    if kind == "local":
                        folded.append((kind, detail, contents))
                    else:
                        folded.append(("attr", "cell_contents", contents))
        return folded

    def _by_plan(self, source: object, kind: type, referents: list[object]) -> list[Named]:
        plan = self._plan(kind)
        claims = Claims(referents)
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
            name_class_parts(source, claims)
        if claims.left:
            plan.attributes.name(source, claims)
        if claims.left:
            name_fields(plan.fields, claims)
        return _finish(claims)

    def _plan(self, cls: type) -> _Plan:
        key = id(cls)
        plan = self._plans.get(key) or _STATIC_PLANS.get(key)
        if plan is None:
            plan = _Plan(cls)
            (self._plans if flags_of(cls) & HEAP_TYPE else _STATIC_PLANS)[key] = plan
        return plan


def _finish(claims: Claims) -> list[Named]:
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
        return [("member", None, item) for item in gc.get_referents(source)]


def _references_of_dict(source: dict[object, object]) -> list[Named]:
    referents = gc.get_referents(source)
    try:
        named: list[Named] = [("key", key, value) for key, value in source.items()]
    except RuntimeError:
        return _finish(Claims(referents))
    # A dictionary whose keys are all strings shows no keys; an instance's dictionary that shares
    # the instance's inline values (3.13) shows nothing at all.
    if len(referents) == len(named):
        return named
    claims = Claims(referents)
    for entry in named:
        claims.claim(*entry)
    for entry in named:
        claims.claim("dictkey", None, entry[1])
    return _finish(claims)


def _references_of_module(source: ModuleType) -> list[Named]:
    own = _module_dict(source)
    claims = Claims([own] if source is untraversable() else gc.get_referents(source))
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


# --- closures and cells --------------------------------------------------------------------------


def _contents(cell: object) -> object:
    try:
        return _cell_contents(cell)
    except ValueError:
        return MISSING


def _closure_variables(function: object, cells: tuple[object, ...]) -> Iterator[Named]:
    code = code_of(function)
    names = code.co_freevars if code is not None else ()
    for index, cell in enumerate(cells):
        contents = _contents(cell)
        if contents is not MISSING:
            yield "closure", names[index] if index < len(names) else str(index), contents
