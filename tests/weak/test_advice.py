"""Values that cannot be referred to weakly: each error says what to write, and that works."""

from __future__ import annotations

import array
import dataclasses
import sys
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from weak_lines import Order, OrderLine, every_line


class WithSlots:
    __slots__ = ("a",)


class Pair(NamedTuple):
    a: int


class MyInt(int):
    pass


class LikeAttrs:
    """What `attrs.define(weakref_slot=False)` makes, as far as the advice looks."""

    __slots__ = ("a",)
    __attrs_attrs__ = ()


@dataclasses.dataclass
class DataWithSlots:
    __slots__ = ("a",)
    a: int


DEAD_END: list[tuple[Callable[[], Any], str]] = [
    (lambda: 3, "keep it in an ordinary attribute"),
    (lambda: "tea", "keep it in an ordinary attribute"),
    (lambda: True, "keep it in an ordinary attribute"),
    (lambda: (1,), "refer weakly to the object that owns it"),
    (lambda: [1], r"class MyList\(list\): pass"),
    (lambda: {}, r"class MyDict\(dict\): pass"),
    (object, r"class MyObject\(object\): pass"),
    (lambda: Pair(1), "Make Pair a class of its own"),
    (lambda: MyInt(1), "all subclasses of int"),
    (WithSlots, "Add '__weakref__' to the __slots__ of WithSlots"),
    (lambda: DataWithSlots(1), r"@dataclass\(slots=True, weakref_slot=True\)"),
    (LikeAttrs, r"@attrs.define\(weakref_slot=True\) for LikeAttrs"),
    (lambda: weakref.ref(Order), "Give the object that it refers to"),
    (lambda: weakref.proxy(Order), "Give the object itself, not a proxy"),
    (lambda: iter([]), "Refer weakly to an object of yours that holds it"),
]


@every_line
@pytest.mark.parametrize(("make", "advice"), DEAD_END)
def test_values_without_weak_references(
    line_class: Any, make: Callable[[], Any], advice: str
) -> None:
    """What cannot be referred to weakly is a TypeError that names the attribute and the way out."""
    with pytest.raises(TypeError, match=rf"{line_class.__name__}\.order is a .*{advice}"):
        line_class(make())
    line = line_class(None)
    with pytest.raises(TypeError):
        line.order = make()
    assert line.order is None


def test_the_advice_holds() -> None:
    """Each subclass and slot that the errors propose does support weak references."""

    class MyList(list[int]):
        pass

    class MyDict(dict[int, int]):
        pass

    class MyObject:
        pass

    class Slotted:
        __slots__ = ("__weakref__", "a")

    values: list[Any] = [MyList(), MyDict(), MyObject(), Slotted()]
    values += [set(), frozenset(), deque(), array.array("b"), print, Order, lambda: 1, Order.total]
    if sys.version_info >= (3, 11):
        values.append(dataclasses.make_dataclass("D", "a", slots=True, weakref_slot=True)(1))
    for value in values:
        assert OrderLine(value).order is value
