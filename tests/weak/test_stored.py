"""What copies and pickles make of a weak attribute."""

from __future__ import annotations

import copy
import pickle
import random
import weakref
from typing import Any

import pytest
from weak_lines import Order, OrderLine, every_line

from cyclefree import assert_no_cycles, weak_attribute
from cyclefree.weak import _stored


@every_line
def test_copy(line_class: Any) -> None:
    """A copy refers to the same object, weakly, and on its own."""
    order = Order()
    line = line_class(order)
    twin = copy.copy(line)
    assert twin.order is order
    twin.order = None
    assert line.order is order
    stored = copy.copy(_stored.StoredRef(order))
    assert type(stored) is _stored.StoredRef and stored() is order


@every_line
def test_deep_copy(line_class: Any) -> None:
    """A deep copy refers to the new object when that is copied too, whichever comes first."""
    order = Order()
    order.lines = [line_class(order), line_class(order)]
    orders: list[Any] = [
        copy.deepcopy(order),
        *(copy.deepcopy((order, order.lines))[:1]),
        *(copy.deepcopy((order.lines, order))[1:]),
        *(copy.deepcopy([object(), order.lines[1], {"a": order.lines[0]}, order])[3:]),
    ]
    for new in orders:
        assert new is not order
        assert [line.order is new for line in new.lines] == [True, True]
    line = orders[2].lines[0]
    del new
    orders.clear()
    assert line.order is None


def test_a_copy_of_another_kind() -> None:
    """Where an order is copied to what cannot be referred to weakly, its lines keep the order."""

    class Registered(Order):
        def __deepcopy__(self, memo: dict[int, Any]) -> str:
            return "order 7"

    order = Registered()
    line = OrderLine(order)
    for copies in (copy.deepcopy([line, order]), copy.deepcopy([order, line])[::-1]):
        assert (copies[0].order, copies[1]) == (order, "order 7")


@every_line
def test_deep_copy_of_the_line_alone(line_class: Any) -> None:
    """Without its order, a line's copy refers to the same order, and copies nothing else."""
    order = Order()
    line = line_class(order)
    for new in (copy.deepcopy(line), *copy.deepcopy([line])):
        assert new.order is order
        again = copy.deepcopy((new, order))
        assert again[0].order is again[1] is not order
    lonely = line_class(Order())
    assert copy.deepcopy(lonely).order is None


def test_deep_copy_of_a_deep_copy_and_an_order_of_ones_own() -> None:
    """What came out of a copy copies as well; a class's own `__deepcopy__` is respected."""

    class Shared(Order):
        def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
            return self

    order, shared = Order(), Shared()
    both = [OrderLine(order), OrderLine(shared), order, shared]
    for _ in range(3):
        both = copy.deepcopy(both)
        assert both[0].order is both[2]
        assert both[1].order is both[3] is shared
        assert copy.copy(both[0]).order is both[2]
        assert pickle.loads(pickle.dumps(both[0])).order is None


def test_deep_copy_leaves_nothing_behind() -> None:
    """Neither the originals nor the copies are kept alive, and no cycle is made."""

    @assert_no_cycles
    def work() -> list[weakref.ref[Any]]:
        order = Order()
        lines = [OrderLine(order), OrderLine(order)]
        new_lines, new_order = copy.deepcopy((lines, order))
        alone = copy.deepcopy(lines)
        assert new_lines[0].order is new_order and alone[0].order is order
        return [weakref.ref(each) for each in (order, *lines, new_order, *new_lines, *alone)]

    assert [watch() for watch in work()] == [None] * 8


def test_deep_copy_of_random_graphs() -> None:
    """In any graph, each weak reference leads to the copy of its target, or to the target."""

    class Any_:
        link = weak_attribute()

        def __init__(self, number: int) -> None:
            self.number = number
            self.strong: list[Any_] = []
            self.link = None

    def reached(start: list[Any]) -> dict[int, Any]:
        found: dict[int, Any] = {}
        while start:
            node = start.pop()
            if node.number not in found:
                found[node.number] = node
                start += node.strong
        return found

    rng = random.Random(6)
    for _ in range(60):
        nodes = [Any_(number) for number in range(12)]
        for number, node in enumerate(nodes):
            # Strong references lead upward only: the graph must be free of cycles.
            node.strong = rng.sample(nodes[number + 1 :], min(2, len(nodes) - number - 1))
            node.link = rng.choice([*nodes, None])
        roots = rng.sample(nodes, 3)
        new = reached(copy.deepcopy(roots))
        assert new.keys() == reached(list(roots)).keys()
        for number, node in new.items():
            target = nodes[number].link
            expected = target if target is None else new.get(target.number, target)
            assert node.link is expected


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@every_line
def test_pickle_drops_the_reference(line_class: Any, protocol: int) -> None:
    """A line travels without its order; also inside of the order it reads None."""
    order = Order()
    order.lines.append(line_class(order, "rice"))
    new = pickle.loads(pickle.dumps(order.lines[0], protocol))
    assert (new.order, new.item) == (None, "rice")
    loaded = pickle.loads(pickle.dumps(order, protocol))
    assert loaded.lines[0].order is None
    loaded.lines[0].order = loaded
    assert loaded.lines[0].order is loaded


def test_pickles_keep_their_name_for_what_was_dropped() -> None:
    """Pickles of earlier releases name this function, so it may not move."""
    assert pickle.dumps(_stored.StoredRef(Order()), 0) == pickle.dumps(
        _stored.StoredRef(OrderLine), 0
    )
    assert b"ccyclefree.weak._stored\ndropped" in pickle.dumps(_stored.DEAD, 0)
