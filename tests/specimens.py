"""Objects for the tests of names, and the names that they are given."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from cyclefree._references import folded_references, references


def ids(objects: list[Any]) -> collections.Counter[int]:
    """Count objects by identity."""
    return collections.Counter(map(id, objects))


def names(source: object, target: object) -> list[tuple[str, object]]:
    """Return the names of the references from source to target."""
    return [(kind, detail) for kind, detail, found in references(source) if found is target]


def folded_names(source: object, target: object) -> list[tuple[str, object]]:
    """Return the folded names of the references from source to target."""
    return [(kind, detail) for kind, detail, found in folded_references(source) if found is target]


class Order:
    """An ordinary class."""

    kind = "order"

    def __init__(self, item: object) -> None:
        self.item = item
        self.lines = [item]
        self.count = 1


class Slotted:
    """A class with slots, one of them private and one never set."""

    __slots__ = ("__hidden", "item", "never")

    def __init__(self, item: object) -> None:
        self.item = item
        self.__hidden = [item]


def outer(item: object) -> Callable[[], object]:
    """Return a closure over the item and itself."""

    def walk() -> object:
        return item, walk

    return walk


def annotated(value: int = 1, *, extra: object = ()) -> int:
    """Have every part that a function can have."""
    return value


def raised(item: object) -> BaseException:
    """Return an exception with a traceback, a context and a cause."""
    try:
        try:
            raise KeyError(item)
        except KeyError as inner:
            raise ValueError(item) from inner
    except ValueError as error:
        return error
