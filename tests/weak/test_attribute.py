"""`weak_attribute`: reads and writes, where the reference is kept, what is refused."""

from __future__ import annotations

import copy
import gc
import threading
import types
import weakref
from collections import deque
from typing import Any

import pytest
from weak_lines import Order, OrderLine, SlotLine, every_line

from cyclefree import assert_no_cycles, weak_attribute

# --- reading and writing --------------------------------------------------------------------------


@every_line
def test_holds_nothing_alive(line_class: Any) -> None:
    """The object is read while somebody holds it, and None from the moment it is gone."""
    order = Order()
    line = line_class(order)
    watch = weakref.ref(order)
    assert line.order is order
    del order
    assert watch() is None
    assert line.order is None


@every_line
def test_takes_a_cycle_out(line_class: Any) -> None:
    """An order and its lines are freed without the collector."""

    @assert_no_cycles
    def load() -> int:
        order = Order()
        order.lines += [line_class(order), line_class(order)]
        assert all(line.order is order for line in order.lines)
        return order.total()

    assert load() == 2


@every_line
def test_setting_again_and_none(line_class: Any) -> None:
    """The last value counts; None is a value."""
    first, second = Order(), Order()
    line = line_class(first)
    line.order = second
    assert line.order is second
    line.order = None
    assert line.order is None


@every_line
def test_deleted_or_never_set_is_an_ordinary_attribute_error(line_class: Any) -> None:
    """Without a value the error is the one of any attribute, in words and in fields."""

    class Twin:
        pass

    Twin.__name__ = Twin.__qualname__ = line_class.__name__
    order = Order()
    line = line_class(order)
    del line.order
    fresh = line_class.__new__(line_class)
    for holder, read in ((line, getattr), (fresh, getattr), (line, delattr), (fresh, delattr)):
        with pytest.raises(AttributeError) as caught:
            read(holder, "order")
        with pytest.raises(AttributeError) as ordinary:
            getattr(Twin(), "order")  # noqa: B009
        assert str(caught.value) == str(ordinary.value)
        if read is getattr:
            assert (caught.value.name, caught.value.obj) == ("order", holder)
    assert not hasattr(fresh, "order")
    fresh.order = order
    assert fresh.order is order


class Untouchable:
    """Raises whatever is asked of it."""

    def _refuse(self, *_: object) -> Any:
        raise AssertionError("user code was run")

    __eq__ = __ne__ = __hash__ = __bool__ = __len__ = __repr__ = __str__ = _refuse  # type: ignore
    __getattr__ = __setattr__ = __call__ = __get__ = _refuse


@every_line
def test_asks_nothing_of_the_value(line_class: Any) -> None:
    """No code of the object's class runs: no comparison, no hash, no truth."""
    value = Untouchable()
    line = line_class(value)
    assert line.order is value
    line.order = value
    assert copy.copy(line).order is value
    del line.order


def test_keeps_neither_holder_nor_class_alive() -> None:
    """An instance goes by itself, a class made at run time with the next collection."""

    def make() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        class Line:
            order = weak_attribute[Order]()

        line, order = Line(), Order()
        line.order = order
        return weakref.ref(line), weakref.ref(Line)

    line, cls = make()
    assert line() is None
    gc.collect()
    assert cls() is None


def test_read_while_the_object_dies_in_another_thread() -> None:
    """A read gives a whole object or None, never anything else and never an error."""
    line = OrderLine(None)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            order = line.order
            if order is not None and (type(order) is not Order or order.lines != []):
                wrong.append(order)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3000):
        order = Order()
        line.order = order
        del order
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert line.order is None


# --- where the reference is kept ------------------------------------------------------------------


def test_kept_in_the_dictionary_under_a_private_name() -> None:
    """Nothing but one entry is added to an instance; a slot has no dictionary to add to."""
    order = Order()
    assert list(vars(OrderLine(order))) == ["_weak_order", "item"]
    assert not hasattr(SlotLine(order), "__dict__")


def test_inherited_redefined_and_mixed_in() -> None:
    """Subclasses share it, may define it again, and a mixin without storage uses its user's."""

    class Named(OrderLine):
        pass

    class Again(OrderLine):
        order = weak_attribute()

    class Mixin:
        __slots__ = ()
        order = weak_attribute()
        maker = weak_attribute()

    class Mixed(Mixin):
        pass

    order, other = Order(), Order()
    for cls in (Named, Again):
        line = cls(order)
        assert line.order is order
        OrderLine.order.__set__(line, other)
        assert line.order is other
    mixed = Mixed()
    mixed.order, mixed.maker = order, other
    assert (mixed.order, mixed.maker) == (order, other)
    del order
    assert (mixed.order, mixed.maker) == (None, other)


def test_slots_of_base_classes_and_private_ones() -> None:
    """The slot may be a base class's, and a name with two underscores is the class's own."""

    class Base:
        __slots__ = ("_order",)

    class Line(Base):
        __slots__ = ("__buyer",)
        order = weak_attribute(slot="_order")
        buyer = weak_attribute(slot="__buyer")

    order = Order()
    line = Line()
    line.order = line.buyer = order
    assert line.order is line.buyer is order
    assert line._Line__buyer() is order  # type: ignore[attr-defined]


def test_no_place_to_keep_it_says_what_to_write() -> None:
    """Slots without a dictionary are a TypeError that spells out the slot."""

    class Bare:
        __slots__ = ("item",)
        order = weak_attribute()

    class Misspelt:
        __slots__ = ("_ordre",)
        order = weak_attribute(slot="_order")

    with pytest.raises(TypeError, match=r"Bare\.order has no place .*weak_attribute\(slot='_order"):
        Bare().order = Order()
    with pytest.raises(TypeError, match=r"Misspelt has no such slot .*'_order' to its __slots__"):
        Misspelt().order = Order()
    assert not hasattr(Bare(), "order")


def test_what_stores_attributes_in_its_own_way() -> None:
    """`threading.local`, modules and classes of classes keep it where they keep the others."""

    class Local(threading.local):
        order = weak_attribute()

    class Module(types.ModuleType):
        order = weak_attribute()

    class Meta(type):
        order = weak_attribute()

    order = Order()
    for holder in (Local(), Module("m"), Meta("Made", (), {})):
        for _ in range(2):
            holder.order = order  # type: ignore[attr-defined]
            assert holder.order is order  # type: ignore[attr-defined]
            del holder.order  # type: ignore[attr-defined]
            assert not hasattr(holder, "order")


def test_set_without_the_users_setattr_and_read_past_getattr() -> None:
    """A class's `__setattr__` is asked once, and what its `__getattr__` makes up is not called."""
    asked = []

    class Remote:
        order = weak_attribute()

        def __setattr__(self, name: str, value: object) -> None:
            asked.append(name)
            super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Any:
            if name == "order":
                raise AttributeError("no order there")
            return lambda: asked.append(f"called {name}")

    remote, order = Remote(), Order()
    for _ in range(2):
        with pytest.raises(AttributeError, match="no order there"):
            remote.order  # noqa: B018
        remote.order = order
        assert remote.order is order
        del remote.order
    assert asked == ["order", "order"]


def test_the_name_is_needed_and_only_one() -> None:
    """A descriptor that was never told its name says so, one with two names is refused."""

    class Late:
        pass

    Late.order = late = weak_attribute()  # type: ignore[attr-defined]
    for use in (lambda: Late().order, lambda: setattr(Late(), "order", None)):  # type: ignore
        with pytest.raises(TypeError, match="__set_name__"):
            use()
    late.__set_name__(Late, "order")
    order = Order()
    holder = Late()
    holder.order = order  # type: ignore[attr-defined]
    assert holder.order is order  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="both 'order' and 'buyer' of Late"):
        late.__set_name__(Late, "buyer")
    with pytest.raises(TypeError, match="call the slot '_order'"):
        weak_attribute(slot="order").__set_name__(Late, "order")


def test_on_the_class_it_is_a_property() -> None:
    """What a class has is a property throughout, at last a plain one; help() tells of it."""

    class Line:
        order = weak_attribute(slot="_kept")

    assert isinstance(Line.order, property) and type(Line.order) is weak_attribute
    assert repr(Line.order) == "weak_attribute(slot='_kept')"
    doc = Line.order.__doc__
    line = Line()
    line.order = None
    assert type(vars(Line)["order"]) is property
    assert Line.order.__doc__ == doc is not None
    assert repr(weak_attribute()) == "weak_attribute()"


def test_a_bound_method_is_refused() -> None:
    """A method, in Python or in C, would be gone at once: the error names WeakCallback."""
    for method in (Order().total, Order().__str__, deque().append, [].append):
        with pytest.raises(TypeError, match=r"OrderLine\.order would be None.*WeakCallback"):
            OrderLine(method)
