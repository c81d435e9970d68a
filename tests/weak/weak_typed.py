"""What mypy and pyright are to make of the weak parts; tests/weak/test_weak_typing.py runs them.

Each `type: ignore` is an error that both must find: an unneeded one is an error itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from typing_extensions import assert_type

from cyclefree import WeakCallback, weak_attribute


class Order:
    """Owns lines."""

    def on_line(self, line: OrderLine, *, quick: bool = False) -> int:
        """Listen."""
        return 1


class OrderLine:
    """Refers back, in each way to write it."""

    annotated: Order | None = weak_attribute()
    with_type = weak_attribute[Order]()
    in_quotes = weak_attribute["Invoice"](slot="_invoice")
    in_full: weak_attribute[Order] = weak_attribute()
    untyped = weak_attribute()


class Invoice:
    """Comes after."""


def attributes(line: OrderLine, order: Order, invoice: Invoice) -> None:
    """Read and write."""
    assert_type(line.annotated, Order | None)
    assert_type(line.with_type, Order | None)
    assert_type(line.in_quotes, Invoice | None)
    assert_type(line.in_full, Order | None)
    assert_type(line.untyped, Any | None)
    assert_type(OrderLine.with_type, weak_attribute[Order])
    line.annotated = line.with_type = line.in_full = order
    line.annotated = line.with_type = line.in_full = line.untyped = None
    line.in_quotes = invoice
    del line.with_type
    line.annotated = invoice  # type: ignore
    line.with_type = invoice  # type: ignore
    line.in_full = 3  # type: ignore
    line.with_type.on_line(line)  # type: ignore
    weak_attribute(slot=3)  # type: ignore


@dataclass
class Node:
    """Has fields that are weak."""

    name: str
    parent: Node | None = weak_attribute()  # noqa: RUF009
    owner: Order | None = field(default=weak_attribute(), compare=False, kw_only=True)
    second: weak_attribute[Node] = weak_attribute()  # noqa: RUF009


def dataclasses(node: Node, order: Order) -> None:
    """Make and read."""
    assert_type(Node("a").parent, Node | None)
    assert_type(node.owner, Order | None)
    assert_type(node.second, Node | None)
    Node("a", node, node, owner=order)
    Node("a", None, None, owner=None)
    Node("a", order)  # type: ignore
    Node("a", second=order)  # type: ignore


def callbacks(order: Order, line: OrderLine) -> None:
    """Call and keep."""
    callback = WeakCallback(order.on_line)
    assert_type(callback(line, quick=True), int | None)
    assert_type(callback.alive, bool)
    assert_type(WeakCallback(order.on_line, when_dead="raise")(line), int)
    assert_type(WeakCallback(len, weak_function=True)("abc"), int | None)
    partial(callback, line)()
    callback(3)  # type: ignore
    callback(line, slow=True)  # type: ignore
    callback()  # type: ignore
    WeakCallback(3)  # type: ignore
    WeakCallback(order.on_line, when_dead="ignore")  # type: ignore

    listeners: list[WeakCallback[[OrderLine], object]] = []
    listeners.append(WeakCallback(order.on_line))
    listeners.append(WeakCallback(order.on_line, when_dead="raise"))
    listeners.remove(WeakCallback(order.on_line))
    listeners.append(WeakCallback(len))  # type: ignore
    exact: list[WeakCallback[[OrderLine], int]] = []
    exact.append(WeakCallback(order.on_line, when_dead="raise"))
    exact.append(WeakCallback(order.on_line))  # type: ignore
