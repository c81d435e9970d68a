"""A tree of dataclasses whose nodes know their parent."""

from __future__ import annotations

from dataclasses import dataclass, field

from cyclefree import weak_attribute


@dataclass
class Node:
    """A node of a menu."""

    name: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def add(self, name: str) -> Node:
        child = Node(name)
        child.parent = self
        self.children.append(child)
        return child


def faulty() -> int:
    menu = Node("menu")
    menu.add("file").add("open")
    return len(menu.children)


# --- mended: as the report says ---


@dataclass
class WeakNode:
    """The same node; `parent` keeps nothing alive."""

    name: str
    parent: WeakNode | None = weak_attribute()
    children: list[WeakNode] = field(default_factory=list)

    def add(self, name: str) -> WeakNode:
        child = WeakNode(name)
        child.parent = self
        self.children.append(child)
        return child


def mended() -> int:
    menu = WeakNode("menu")
    menu.add("file").add("open")
    return len(menu.children)
