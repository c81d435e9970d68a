"""References as a programmer would change them: what belongs together, and what it is called."""

from __future__ import annotations

import functools
import sys
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from cyclefree._labels import Labels
from cyclefree._references import Namer
from cyclefree._remedies.stores import Stores
from cyclefree._remedies.ties import CONTAINER, FRAME, FUNCTION, INSTANCE, SUSPENDED, Tie, Ties


class Base:
    def __init__(self, parent: object = None) -> None:
        self.parent = parent


class Left(Base):
    """A class whose base stores the attribute."""


class Right(Base):
    """Another one."""


class Node:
    def __init__(self) -> None:
        self.child: Any = [self]
        self.other: Any = (self,)


class Table(dict):  # type: ignore[type-arg]
    """A dictionary of the user's."""


class Named(list):  # type: ignore[type-arg]
    """A list of the user's, with attributes."""


class Found:
    """The ties of some objects, as if these were one component."""

    def __init__(self, *objects: object) -> None:
        labels = Labels(())
        namer = Namer()
        position = {id(obj): at for at, obj in enumerate(objects)}
        self.named = {
            at: [
                (kind, detail, position[id(target)])
                for kind, detail, target in namer.folded_references(obj)
                if id(target) in position
            ]
            for at, obj in enumerate(objects)
        }
        self.ties = Ties(objects, list(map(labels.of, objects)), Stores(), [])
        self.rows, self.order = self.ties.rows(self.named)

    @property
    def names(self) -> list[str]:
        """What the ties are called, in alphabetical order."""
        return sorted(tie.reference for tie in self.ties.all)

    def __getitem__(self, name: str) -> Tie:
        (tie,) = (tie for tie in self.ties.all if tie.reference == name)
        return tie


def test_attributes_of_one_class_are_one_tie() -> None:
    """All references by one attribute of one class are one tie, whatever they lead to."""
    first, second = Node(), Node()
    first.child, second.child = second, []
    found = Found(first, second, second.child)
    assert found.names == ["Node.child"]
    tie = found["Node.child"]
    assert (tie.kind, tie.detail, tie.owner, tie.count) == ("attr", "child", Node, 2)
    assert set(tie.targets.values()) == {1, 2}
    assert found.rows == [[(0, 1)], [(0, 2)], []]


def test_the_class_that_stores_it_owns_it() -> None:
    """Instances of two classes whose base stores an attribute have one tie, named by the base."""
    left = Left()
    right = Right(left)
    left.parent = right
    found = Found(left, right)
    assert found.names == ["Base.parent"]
    assert found["Base.parent"].owner is Base
    assert found["Base.parent"].count == 2


def test_older_targets_are_counted() -> None:
    """Whoever refers to something older was made for it: how many do is known."""
    first, second, third = Base(), Base(), Base()
    second.parent, third.parent = first, second
    first.parent = third
    tie = Found(first, second, third)["Base.parent"]
    assert (tie.count, tie.older) == (3, 2)


def test_containers_are_known_by_who_holds_them() -> None:
    """Entries of two containers of one type are two ties where two attributes hold them."""
    node, more = Node(), Node()
    found = Found(node, node.child, node.other, more, more.child)
    assert found.names == [
        "Node.child",
        "Node.other",
        "list item of Node.child",
        "tuple item of Node.other",
    ]
    assert found["list item of Node.child"].count == 2
    assert found["list item of Node.child"].holder is found["Node.child"]
    assert found["list item of Node.child"].detail is None


def test_nested_containers() -> None:
    """However deep it is nested, a container is known by who holds the outermost one."""
    node = Node()
    inner = {"key": {node}, (node,): node}
    node.child = deque([defaultdict(list, inner)])
    table = node.child[0]
    found = Found(node, node.child, table, table["key"], next(k for k in table if k != "key"))
    assert found.names == [
        "Node.child",
        "defaultdict key in Node.child",
        "defaultdict value ['key'] in Node.child",
        "defaultdict value in Node.child",
        "deque item of Node.child",
        "set member in Node.child",
        "tuple item in Node.child",
    ]


def test_containers_alone_are_their_own() -> None:
    """A container that nothing but containers holds is its own holder."""
    row: list[Any] = []
    row.append(row)
    found = Found(row)
    assert found.names == ["list item of itself"]
    assert found["list item of itself"].holder is None
    assert found.ties.sort(0) == CONTAINER


def test_holders_come_before_what_they_hold() -> None:
    """The order of the rows is from the outside in, wherever the containers stand in memory."""
    node = Node()
    node.other = node.child
    found = Found(node.child, node)
    assert found.order == [1, 0]
    assert found.rows[0][0][1] == 1
    assert found.names == ["Node.child", "Node.other", "list item of Node.child"]


def test_subclasses_of_containers() -> None:
    """What an instance of a user's own container holds is called by its class."""
    table, named = Table(), Named()
    table["named"], table[7] = named, table
    named.append(table)
    named.owner = table  # type: ignore[attr-defined]
    found = Found(table, named)
    assert found.names == ["Named.owner", "item of Named", "value of Table"]
    assert found["value of Table"].kind == "key"
    assert found["item of Named"].owner is None


def test_keys_of_the_users_are_not_kept() -> None:
    """A key that is no plain string is not in the tie, where it might be compared."""

    class Key(str):
        __slots__ = ()

    table = Table()
    table[Key("parent")] = table
    assert Found(table)["value of Table"].detail is None
    node = Node()
    node.__dict__ = {Key("up"): node}
    assert Found(node)["value of Node"].detail is None


def test_closures_and_locals() -> None:
    """Variables of functions and frames are called by them; two functions are two ties."""

    def walk() -> object:
        return walk, run, sys._getframe()

    def run() -> object:
        return walk

    frame: Any = walk()[2]  # type: ignore[index]
    found = Found(walk, run, frame)
    prefix = "test_closures_and_locals."
    assert f"closure variable 'run' of {prefix}walk()" in found.names
    assert f"closure variable 'walk' of {prefix}run()" in found.names
    assert found.ties.sort(0) == FUNCTION
    assert found.ties.sort(2) == FRAME

    def caught() -> Any:
        try:
            raise LookupError
        except LookupError as error:
            err = error
        return err

    error = caught()
    frame = error.__traceback__.tb_frame
    names = Found(error, error.__traceback__, frame).names
    assert names == [
        "LookupError.__traceback__",
        f"local 'err' of {prefix}caught()",
        "traceback.tb_frame",
    ]


def test_recursion_through_a_cache_is_a_functions() -> None:
    """What `functools.lru_cache` makes of a function counts as a function."""

    @functools.lru_cache
    def walk() -> object:
        return walk

    assert Found(walk).ties.sort(0) == FUNCTION


def test_classes_are_there_or_not() -> None:
    """All references to a class made at run time are one tie, whoever refers to it."""

    class Made:
        pass

    made = Made()
    Made.only = made  # type: ignore[attr-defined]
    found = Found(made, Made, Made.__mro__, [Made])
    assert found["class Made"].kind == "class"
    assert found["class Made"].count >= 3
    assert found["class Made"].detail is None
    assert "Made.only" in found.names
    assert "Made.__mro__" in found.names


def test_a_suspended_generator_is_one() -> None:
    """Everything that a suspended generator holds is one tie."""

    def steps(owner: object) -> Iterator[object]:
        again = [owner]
        yield again

    node = Node()
    node.child = steps(node)
    again = next(node.child)
    found = Found(node, node.child, again)
    name = "what test_a_suspended_generator_is_one.steps() holds"
    assert set(found.names) == {"Node.child", name, f"list item of {name}"}
    assert found.ties.sort(1) == SUSPENDED
    assert all(tie.detail is None for tie in found.ties.all if tie.reference == name)


def test_unnamed_references() -> None:
    """A reference without a name has a tie as well, by the class that it comes from."""
    named = {0: [("unnamed", "Node", 1)], 1: [("attr", "child", 0)]}
    objects = [Node(), Node()]
    labels = Labels(())
    ties = Ties(objects, list(map(labels.of, objects)), Stores(), [])
    ties.rows(named)
    assert sorted(tie.reference for tie in ties.all) == ["Node.child", "unnamed reference of Node"]


def test_attributes_of_functions() -> None:
    """An attribute of a function is called by the function, and no class owns it."""

    def helper() -> None:
        pass

    helper.again = helper  # type: ignore[attr-defined]
    found = Found(helper)
    assert found.names == ["test_attributes_of_functions.helper.again"]
    assert found.ties.all[0].owner is None


def test_two_components_share_ties() -> None:
    """The cycles of one shape have the same ties; types that lead elsewhere are added."""
    objects: list[Any] = [Base(), Base(), Left()]
    objects[0].parent, objects[1].parent = objects[0], objects[2]
    labels = Labels(())
    ties = Ties(objects, list(map(labels.of, objects)), Stores(), [])
    first, _ = ties.rows({0: [("attr", "parent", 0)]})
    second, order = ties.rows({2: [], 1: [("attr", "parent", 2)]})
    assert order == [1, 2]
    assert first == [[(0, 0)]]
    assert second == [[(0, 1)], []]
    assert set(ties.all[0].targets.values()) == {0, 2}
    assert ties.sort(0) == INSTANCE
