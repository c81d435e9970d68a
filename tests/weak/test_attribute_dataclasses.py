"""`weak_attribute` as a field of dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest
from weak_lines import DataLine, Node, Order

from cyclefree import weak_attribute


@dataclasses.dataclass(frozen=True)
class FrozenNode:
    name: str
    parent: FrozenNode | None = dataclasses.field(
        default=weak_attribute(), compare=False, repr=False, kw_only=True
    )


def test_a_dataclass_field_is_none_by_default() -> None:
    """The field may be left out, given by position, by name, and as None."""
    root = Node("root")
    assert root.parent is None
    assert [Node("a", root).parent, Node("a", parent=root).parent] == [root, root]
    assert Node("a", None).parent is None
    assert repr(Node("a", root)).endswith("Node(name='a', parent=Node(name='root', parent=None))")
    lost = Node("lost", Node("gone"))
    assert lost.parent is None


def test_what_dataclasses_make_of_it() -> None:
    """`==`, `replace` and `asdict` follow the reference as that of any field."""
    root = Node("root")
    leaf = Node("leaf", root)
    twin = Node("root")
    assert leaf == Node("leaf", twin)
    assert leaf != Node("leaf", None)
    moved = dataclasses.replace(leaf, name="moved")
    assert (moved.name, moved.parent) == ("moved", root)
    parent = {"name": "root", "parent": None, "children": []}
    assert dataclasses.asdict(leaf) == {"name": "leaf", "parent": parent, "children": []}


def test_a_frozen_dataclass_and_field_options() -> None:
    """`frozen`, `kw_only` and `field(default=...)` work; assignment stays forbidden."""
    root = FrozenNode("root")
    leaf = FrozenNode("leaf", parent=root)
    assert leaf.parent is root and root.parent is None
    assert leaf == FrozenNode("leaf") and hash(leaf) == hash(FrozenNode("leaf"))
    assert repr(leaf) == "FrozenNode(name='leaf')"
    with pytest.raises(dataclasses.FrozenInstanceError):
        leaf.parent = None  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del leaf.parent
    del root
    assert leaf.parent is None


def test_a_dataclass_inherits_the_field() -> None:
    """A subclass has the parameter and the default of its base."""

    @dataclasses.dataclass
    class Tagged(Node):
        tag: str = ""

    root = Node("root")
    assert Tagged("a", root, tag="x").parent is root
    assert Tagged("a").parent is None
    assert Tagged("a") == Tagged("a")


def test_dataclass_with_slots_is_refused() -> None:
    """`slots=True` would make the field strong: a TypeError when the class is made."""
    for default in (weak_attribute, lambda: dataclasses.field(default=weak_attribute())):

        class Leaf:
            parent: Node | None = default()

        with pytest.raises(TypeError, match=r"slots=True.*'parent'.*slot='_parent'"):
            dataclasses.dataclass(slots=True)(Leaf)
        again = type("Again", (), {"parent": default(), "__annotations__": {"parent": "Node"}})
        assert dataclasses.dataclass(again)().parent is None  # type: ignore[call-overload]


def test_dataclass_with_slots_as_the_error_says() -> None:
    """Without the annotation, and with a field for the slot, a slotted dataclass has one."""

    @dataclasses.dataclass(slots=True)
    class Leaf:
        name: str
        _parent: object = dataclasses.field(init=False, repr=False, compare=False)
        parent = weak_attribute["Node"](slot="_parent")

    @dataclasses.dataclass(slots=True)
    class Other:
        _parent: object = dataclasses.field(init=False, repr=False, compare=False)
        parent: ClassVar[Any] = weak_attribute(slot="_parent")

    root = Node("root")
    for leaf in (Leaf("leaf"), Other()):
        assert not hasattr(leaf, "__dict__")
        leaf.parent = root  # type: ignore[attr-defined]
        assert leaf.parent is root  # type: ignore[attr-defined]
        leaf.parent = Node("gone")  # type: ignore[attr-defined]
        assert leaf.parent is None  # type: ignore[attr-defined]
    assert Leaf("leaf") == Leaf("leaf")


def test_slots_of_a_subclass_alone_are_the_documented_limit() -> None:
    """A slotted subclass of a dataclass turns the field strong, and nothing can tell us."""

    @dataclasses.dataclass(slots=True)
    class Slotted(DataLine):
        pass

    line = Slotted(Order())
    assert type(line.order) is Order
