"""Orders and their lines, which refer back weakly: from a dictionary, slots and a dataclass."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cyclefree import weak_attribute


class Order:
    """Owns its lines."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def total(self) -> int:
        return len(self.lines)


class OrderLine:
    """Knows its order."""

    order = weak_attribute()

    def __init__(self, order: Any, item: str = "tea") -> None:
        self.order = order
        self.item = item


class SlotLine:
    """The same without a dictionary."""

    __slots__ = ("_order", "item")
    order = weak_attribute(slot="_order")

    def __init__(self, order: Any, item: str = "tea") -> None:
        self.order = order
        self.item = item


@dataclasses.dataclass
class DataLine:
    """The same as a dataclass."""

    order: Order | None = weak_attribute()  # noqa: RUF009
    item: str = "tea"


every_line = pytest.mark.parametrize("line_class", [OrderLine, SlotLine, DataLine])


@dataclasses.dataclass
class Node:
    """A node of a tree, which knows its parent."""

    name: str
    parent: Node | None = weak_attribute()  # noqa: RUF009
    children: list[Node] = dataclasses.field(default_factory=list, repr=False, compare=False)
