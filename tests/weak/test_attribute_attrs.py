"""`weak_attribute` in classes of attrs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from weak_lines import Node

from cyclefree import weak_attribute

attrs: Any = pytest.importorskip("attrs")


def test_attrs_field_is_refused() -> None:
    """Attrs takes an annotated attribute out of the class: a TypeError when the class is made."""
    for slots in (True, False):
        for default in (weak_attribute, lambda: attrs.field(default=weak_attribute())):

            class Leaf:
                parent: Node | None = default()

            with pytest.raises(TypeError, match="Leave out its annotation"):
                attrs.define(slots=slots)(Leaf)


def test_attrs_as_the_error_says() -> None:
    """Without the annotation it works under attrs, with slots when it has one."""

    @attrs.define(slots=False)
    class Leaf:
        name: str
        parent = weak_attribute()

        def __init__(self, name: str, parent: Any = None) -> None:
            self.__attrs_init__(name)  # type: ignore[attr-defined]
            self.parent = parent

    @attrs.define
    class Slotted:
        name: str
        _parent: object = attrs.field(init=False, eq=False, repr=False)
        parent = weak_attribute(slot="_parent")

        def __init__(self, name: str, parent: Any = None) -> None:
            self.__attrs_init__(name)  # type: ignore[attr-defined]
            self.parent = parent

    @attrs.frozen
    class Frozen:
        _parent: object = attrs.field(init=False, eq=False, repr=False)
        parent = weak_attribute(slot="_parent")

    @attrs.define(weakref_slot=False)
    class Unweak:
        name: str = ""

    with pytest.raises(TypeError, match=r"@attrs.define\(weakref_slot=True\) for Unweak"):
        Leaf("leaf", Unweak())
    root = Node("root")
    classes: list[Any] = [Leaf, Slotted]
    for cls in classes:
        leaf = cls("leaf", root)
        assert leaf.parent is root
        assert leaf == cls("leaf") and "root" not in repr(leaf)
        lost = cls("lost", Node("gone"))
        assert lost.parent is None
        assert copy.copy(leaf).parent is root
        new_root, new_leaf = copy.deepcopy((root, leaf))
        assert new_leaf.parent is new_root is not root
    assert not hasattr(Slotted("leaf"), "__dict__")
    frozen = Frozen()
    object.__setattr__(frozen, "parent", root)
    assert frozen.parent is root
