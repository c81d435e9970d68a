"""Tests of the names of references: exact, right, and without a trace."""

from __future__ import annotations

import collections
import contextvars
import functools
import gc
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from specimens import Order, Slotted, annotated, folded_names, ids, outer, raised

from cyclefree._references import (
    Namer,
    carrier,
    collapse_name,
    folded_references,
    format_name,
    references,
)


class SlottedAndDict(Slotted):
    """Slots in the base, a dictionary here."""

    def __init__(self, item: object) -> None:
        super().__init__(item)
        self.extra = (item,)


class Point(NamedTuple):
    """A namedtuple."""

    x: object
    y: object


class Members(list):  # type: ignore[type-arg]
    """A list with attributes of its own."""

    def __init__(self, item: object) -> None:
        super().__init__([item])
        self.owner = [item]


def suspended(item: object) -> Iterator[object]:
    """Yield with a local bound."""
    held = [item]
    yield held


def every_kind() -> dict[str, object]:
    """Return one object of every kind that is named."""
    item = ["item"]
    order = Order(item)
    materialised = Order(item)
    vars(materialised)
    function = outer(item)
    with_dict = outer(item)
    with_dict.__dict__["note"] = item
    cached = functools.lru_cache(maxsize=2)(lambda value: [value])
    cached(1)
    unbounded = functools.lru_cache(maxsize=None)(lambda value: [value])
    unbounded(1)
    error = raised(item)
    variable: contextvars.ContextVar[object] = contextvars.ContextVar("variable", default=item)
    token = variable.set([item])
    ordered = collections.OrderedDict(a=item, b=[item])
    ordered.note = item  # type: ignore[attr-defined]
    default = collections.defaultdict(list, {1: item, "a": item})
    generator = suspended(item)
    next(generator)
    referent = Slotted(item)
    return {
        "instance": order,
        "materialised": materialised,
        "slots": referent,
        "slots and dict": SlottedAndDict(item),
        "list": [item, item, 1],
        "tuple": (item, None),
        "dict": {"a": item, "b": item},
        "dict with keys": {1: item, ("a",): order, "a": 1},
        "dict of instance": vars(materialised),
        "set": {1, "a"},
        "frozenset": frozenset({1, "a"}),
        "deque": collections.deque([item, order]),
        "ordered": ordered,
        "default": default,
        "namedtuple": Point(item, order),
        "list with attributes": Members(item),
        "function": function,
        "function with parts": annotated,
        "function with dict": with_dict,
        "cell": function.__closure__[0],  # type: ignore[index]
        "method": order.__init__,  # type: ignore[misc]
        "builtin method": item.append,
        "method wrapper": item.__len__,
        "class": Order,
        "property": property(function),
        "staticmethod": staticmethod(function),
        "classmethod": classmethod(function),
        "cached_property": functools.cached_property(function),
        "partial": functools.partial(function, item, key=item),
        "cache": cached,
        "unbounded cache": unbounded,
        "proxy of namespace": types.MappingProxyType({"a": item}),
        "member": Slotted.__dict__["item"],
        "namespace": types.SimpleNamespace(a=item),
        "error": error,
        "traceback": error.__traceback__,
        "frame": error.__traceback__.tb_frame,  # type: ignore[union-attr]
        "generator": generator,
        "map": map(function, [item]),
        "zip": zip([item], [item], strict=True),
        "enumerate": enumerate([item]),
        "reversed": reversed([item]),
        "iterator": iter([item]),
        "items": {"a": item}.items(),
        "context": contextvars.copy_context(),
        "variable": variable,
        "token": token,
        "alias": list[int],
        "slice": slice(item, order),
        "module": types.ModuleType("module"),
        "thread local": threading.local(),
    }


KINDS = every_kind()


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_the_referents(kind: str) -> None:
    """The targets are the referents, each as often as gc.get_referents shows it."""
    source = KINDS[kind]
    assert ids([target for _, _, target in references(source)]) == ids(gc.get_referents(source))


@pytest.mark.parametrize("kind", KINDS)
def test_every_container_has_a_name(kind: str) -> None:
    """No reference to anything that the collector tracks stays unnamed."""
    unnamed = [n for n in references(KINDS[kind]) if n[0] == "unnamed" and gc.is_tracked(n[2])]
    assert unnamed == []


@pytest.mark.parametrize("kind", KINDS)
def test_looking_changes_nothing(kind: str) -> None:
    """The referents are the same after naming and folding: no dictionary was made on the way."""
    source = KINDS[kind]
    before = ids(gc.get_referents(source))
    folded_references(source)
    assert ids(gc.get_referents(source)) == before


def test_calls() -> None:
    """User code is never run: not descriptors, not overridden lookups, not a metaclass."""
    calls: list[str] = []

    def count(name: str, result: object = None) -> Callable[..., object]:
        return lambda *args: calls.append(name) or result

    class Meta(type):
        __hash__ = count("hash", 1)  # type: ignore[assignment]
        __eq__ = count("eq", False)  # type: ignore[assignment]
        __instancecheck__ = count("instancecheck", False)  # type: ignore[assignment]
        __mro__ = property(count("mro", ()))  # type: ignore[assignment]
        __name__ = property(count("name", "x"))  # type: ignore[assignment]
        __dict__ = property(count("dict", {}))  # type: ignore[assignment]

        def __getattribute__(cls, name: str) -> object:
            calls.append("metaclass " + name)
            return super().__getattribute__(name)

    get = count("get")
    read = types.new_class("Read", (), {}, lambda body: body.update(__get__=get))
    data = types.new_class("Data", (), {}, lambda body: body.update(__get__=get, __set__=get))

    class Hostile(metaclass=Meta):
        shy = read()
        own = data()
        __getattr__ = count("getattr")
        __eq__ = count("eq", True)  # type: ignore[assignment]
        __hash__ = count("hash", 1)  # type: ignore[assignment]
        __repr__ = count("repr", "")  # type: ignore[assignment]
        __len__ = count("len", 0)
        __iter__ = count("iter")
        __class__ = property(count("class", int))  # type: ignore[assignment]

        def __getattribute__(self, name: str) -> object:
            calls.append("getattribute " + name)
            return object.__getattribute__(self, name)

        def __init__(self) -> None:
            object.__setattr__(self, "lines", [self])
            object.__setattr__(self, "shy", (self,))

    hostile = Hostile()
    sources: list[object] = [hostile, Hostile, Meta, [hostile], (hostile,), {"a": hostile}]
    calls.clear()
    namer = Namer()
    for source in sources:
        namer.references(source)
        namer.folded_references(source)
        namer.references(source)
    assert calls == []
    assert ("attr", "lines") in [(k, d) for k, d, _ in namer.folded_references(hostile)]


def test_nothing_is_kept() -> None:
    """After the look the object dies with its last reference."""
    order = Order([1])
    watch = weakref.ref(order)
    namer = Namer()
    namer.folded_references(order)
    del order
    assert watch() is None


def test_closure_variables() -> None:
    """Function, closure and cell are folded into one edge."""
    item = [1]
    walk = outer(item)
    assert folded_names(walk, item) == [("closure", "item")]
    assert folded_names(walk, walk) == [("closure", "walk")]
    assert [n for n in folded_references(walk) if type(n[2]) is types.CellType] == []


def test_empty_carriers_vanish() -> None:
    """An empty cell and an empty dictionary carry nothing."""
    cell = types.CellType()
    assert references([cell]) == [("item", 0, cell)]
    assert folded_references([cell]) == []
    empty = types.ModuleType("empty")
    empty.__dict__.clear()
    assert [n for n in folded_references(empty) if type(n[2]) is dict] == []


def test_the_free_list_of_asyncio_is_left_alone() -> None:
    """Neither naming nor the wide search for names asks _asyncio of 3.12 for its free list.

    It would be freed twice, and the next collection would never end (python/cpython#122695).
    """
    script = """
import asyncio, gc, sys
async def main():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(future.set_result, None)
    await future
asyncio.run(main())
from cyclefree._references import Namer
namer = Namer()
namer.references(sys.modules["_asyncio"])
class Unnameable:
    pass
obj = Unnameable()
setattr(obj, "un" + "heard" * 2, [1])
sys.modules["__main__"].extra = sys.modules["_asyncio"]
namer.references(obj)
gc.collect()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)


def test_changed_meanwhile() -> None:
    """A container that changes during the look raises nothing."""
    stop = threading.Event()
    busy: dict[object, object] = {}

    def change() -> None:
        number = 0
        while not stop.is_set():
            busy[number] = number
            number += 1
            if number % 50 == 0:
                busy.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            references(busy)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("kind", "detail", "text", "collapsed"),
    [
        ("attr", "order", ".order", ".order"),
        ("item", 3, "[3]", "[*]"),
        ("key", "a", "['a']", "[*]"),
        ("key", ("a", 1), "[('a', 1)]", "[*]"),
        ("key", None, "[None]", "[*]"),
        ("key", Order(1), "[<Order>]", "[*]"),
        ("key", (Order(1),), "[<tuple>]", "[*]"),
        ("closure", "walk", "closure variable 'walk'", "closure variable 'walk'"),
        ("local", "err", "local 'err'", "local 'err'"),
        ("dictkey", None, "a key", "a key"),
        ("member", None, "a member", "a member"),
        ("stack", None, "stack value", "stack value"),
        ("unnamed", "Order", "unnamed reference", "unnamed reference"),
    ],
)
def test_texts(kind: str, detail: object, text: str, collapsed: str) -> None:
    """Every kind has its text, and one without what differs between two of a shape."""
    assert format_name(kind, detail) == text
    assert collapse_name(kind, detail) == collapsed


def test_long_keys_are_cut() -> None:
    """A key's text has at most 40 characters."""
    text = format_name("key", "x" * 100)
    assert len(text) == 42
    assert text.endswith("…]")


def test_huge_keys() -> None:
    """An integer with more digits than the interpreter prints is named by its type, or cut."""
    assert format_name("key", 10**100_000) in ("[<int>]", "[1" + "0" * 38 + "…]")


def test_carriers() -> None:
    """Dictionaries of instances, closures and cells carry; other dictionaries and tuples do not."""
    cell = types.CellType(1)
    assert carrier("attr", "__dict__", {})
    assert carrier("attr", "__closure__", ())
    assert carrier("item", 0, cell)
    assert not carrier("attr", "registry", {})
    assert not carrier("key", "__dict__", {})
    assert not carrier("attr", "__dict__", collections.OrderedDict())


def test_a_key_that_may_be_an_address_is_not_shown() -> None:
    """Dictionaries by identity are common, and texts show no addresses; other numbers stay."""
    assert format_name("key", 1 << 45) == "[<int>]"
    assert format_name("key", -(1 << 45)) == "[<int>]"
    assert format_name("key", 1_700_000_000) == "[1700000000]"
