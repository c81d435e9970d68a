"""Tests of the names of attributes, on instances with a dictionary and without."""

from __future__ import annotations

import gc
import sys

from specimens import Order, folded_names, ids

from cyclefree._references import folded_references


def test_instance_attributes() -> None:
    """Attributes are folded to their names, with or without an instance dictionary."""
    item = object()
    fresh, materialised = Order(item), Order(item)
    vars(materialised)
    for order in (fresh, materialised):
        assert folded_names(order, item) == [("attr", "item")]
        assert folded_names(order, order.lines) == [("attr", "lines")]


def test_attributes_set_from_outside() -> None:
    """A name that only the module's code uses, not the class's, is found as well."""

    class Bare:
        pass

    bare, other = Bare(), [1]
    bare.set_from_outside_only = other  # type: ignore[attr-defined]
    assert folded_names(bare, other) == [("attr", "set_from_outside_only")]


def test_same_object_under_two_names() -> None:
    """An object under two attributes has two names, and each is told once."""

    class Twice:
        def __init__(self, item: object) -> None:
            self.left = item
            self.right = item

    item = [1]
    assert sorted(folded_names(Twice(item), item)) == [("attr", "left"), ("attr", "right")]


def test_value_that_the_class_has_too() -> None:
    """An attribute is not taken for the class attribute with the same value."""
    shared = [1]

    class Shared:
        registry = shared

        def __init__(self) -> None:
            self.mine = shared

    assert folded_names(Shared(), shared) == [("attr", "mine")]


def test_attribute_that_looks_like_a_dict() -> None:
    """A dictionary stored in an attribute is not mistaken for the instance's own."""

    class Configured:
        def __init__(self, parent: object) -> None:
            self.parent = parent
            self.config = {"parent": parent}

    parent = [1]
    configured = Configured(parent)
    assert folded_names(configured, configured.config) == [("attr", "config")]
    assert folded_names(configured, parent) == [("attr", "parent")]


def test_no_dictionary_is_made() -> None:
    """On 3.11 and later an instance without a dictionary still has none after the look."""
    order = Order([1])
    before = gc.get_referents(order)
    sizes = sys.getsizeof(order)
    folded_references(order)
    assert ids(gc.get_referents(order)) == ids(before)
    assert sys.getsizeof(order) == sizes
    if sys.version_info >= (3, 11):
        assert not any(type(referent) is dict for referent in gc.get_referents(order))
