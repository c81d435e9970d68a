"""The graph of references: components, what hangs off them, short cycles, sizes."""

from __future__ import annotations

import array
import collections
import decimal
import functools
import gc
import itertools
import sys
import types
import weakref
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyclefree._graph import ObjectGraph, Sizes, shortest_cycle, size_of

# A loaded machine is no failure.
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


class Node:
    """What the graphs here are made of."""

    __slots__ = ("__weakref__", "links")

    def __init__(self) -> None:
        self.links: list[Node] = []


def linked(rows: list[list[int]]) -> list[object]:
    """Make nodes that refer to each other as told, and their lists of links."""
    nodes = [Node() for _ in rows]
    for node, row in zip(nodes, rows, strict=True):
        node.links = [nodes[target] for target in row]
    return [*nodes, *(node.links for node in nodes)]


def untie(objects: list[object]) -> None:
    """Take the cycles apart, so that no test leaves garbage."""
    for obj in objects:
        if type(obj) is list:
            obj.clear()


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Draw the targets of each of up to 12 nodes."""
    size = draw(st.integers(1, 12))
    row = st.lists(st.integers(0, size - 1), max_size=3)
    return draw(st.lists(row, min_size=size, max_size=size))


def reachable(rows: list[list[int]]) -> list[list[bool]]:
    """Warshall's transitive closure: the naive oracle."""
    size = range(len(rows))
    reach = [[target in rows[source] for target in size] for source in size]
    for middle, source, target in itertools.product(size, repeat=3):
        if reach[source][middle] and reach[middle][target]:
            reach[source][target] = True
    return reach


def naive_components(rows: list[list[int]]) -> list[list[int]]:
    """Group what reaches each other."""
    reach = reachable(rows)
    groups = {
        tuple(j for j in range(len(rows)) if i == j or (reach[i][j] and reach[j][i]))
        for i in range(len(rows))
        if reach[i][i]
    }
    return sorted(map(list, groups))


def links_only(components: list[list[int]], nodes: int) -> list[list[int]]:
    """Drop the lists of links from components: the nodes alone."""
    return [[index for index in component if index < nodes] for component in components]


@quick
@given(graphs())
def test_components_equal_oracle(rows: list[list[int]]) -> None:
    """Components are the groups that reach each other, in order of their smallest index."""
    objects = linked(rows)
    found = ObjectGraph(objects).components()
    untie(objects)
    assert links_only(found, len(rows)) == naive_components(rows)


@quick
@given(graphs())
def test_hanging_equals_oracle(rows: list[list[int]]) -> None:
    """Each object outside belongs to a component that reaches it, and none is left out."""
    objects = linked(rows)
    graph = ObjectGraph(objects)
    components = graph.components()
    owners = graph.hanging(components)
    untie(objects)
    reach = reachable(rows)
    for index in range(len(rows)):
        inside = [n for n, c in enumerate(components) if index in c]
        reaching = [n for n, c in enumerate(components) if reach[c[0]][index]]
        if inside:
            assert owners[index] == inside[0]
        elif reaching:
            assert owners[index] in reaching
        else:
            assert owners[index] == -1


@quick
@given(graphs())
def test_shortest_cycle_equals_oracle(rows: list[list[int]]) -> None:
    """In a small graph the ring is one of the shortest, and its steps are references."""
    ring = shortest_cycle(dict(enumerate(rows)), range(len(rows)))
    sources = [source for source, _ in ring]
    targets = [rows[source][number] for source, number in ring]
    assert targets == sources[1:] + sources[:1]
    assert len(set(sources)) == len(ring)
    assert len(ring) == naive_shortest(rows)


def naive_shortest(rows: list[list[int]]) -> int:
    """Length of the shortest cycle by powers of the adjacency, 0 where there is none."""
    ends = [set(row) for row in rows]
    for length in range(1, len(rows) + 1):
        if any(start in reached for start, reached in enumerate(ends)):
            return length
        ends = [{target for middle in reached for target in rows[middle]} for reached in ends]
    return 0


def test_components_are_in_order() -> None:
    """Components come by smallest index, members ascending."""
    objects = linked([[4], [3], [2], [1], [0], []])
    found = ObjectGraph(objects).components()
    untie(objects)
    assert links_only(found, 6) == [[0, 4], [1, 3], [2]]


def test_object_given_twice_counts_once() -> None:
    """An object that is twice in the list is one object of the graph."""
    objects = linked([[0], []])
    graph = ObjectGraph([*objects, *objects])
    untie(objects)
    assert len(graph.objects) == 4
    assert len(graph.components()) == 1


def test_references_out_of_the_list_are_not_followed() -> None:
    """A cycle that leads through an object outside the list is none."""
    objects = linked([[1], [0]])
    components = ObjectGraph([o for o in objects if type(o) is Node]).components()
    untie(objects)
    assert components == []


def test_first_component_that_reaches_owns() -> None:
    """What two components reach belongs to the first of them."""
    objects = linked([[0, 2], [1, 2], []])
    graph = ObjectGraph(objects)
    owners = graph.hanging(graph.components())
    untie(objects)
    assert owners[2] == 0


def test_a_component_keeps_what_hangs_off_it() -> None:
    """What only a second component holds is not given to a first that reaches that one."""
    objects = linked([[0, 1], [1, 2], []])
    graph = ObjectGraph(objects)
    owners = graph.hanging(graph.components())
    untie(objects)
    assert owners[:3] == [0, 1, 1]


def test_raw_shortest_cycle_of_a_component() -> None:
    """The graph's own search gives steps as (object, number of its reference)."""
    objects = linked([[1], [0]])
    graph = ObjectGraph(objects)
    (component,) = graph.components()
    ring = graph.shortest_cycle(component)
    sources = [source for source, _ in ring]
    targets = [graph.successors[source][number] for source, number in ring]
    untie(objects)
    assert sources == [0, 2, 1, 3]
    assert targets == [2, 1, 3, 0]


@pytest.mark.parametrize("step", [1, -1])
def test_a_deep_ring_needs_no_recursion(step: int) -> None:
    """A ring of 100,000 objects is one component; its shortest cycle is itself."""
    size = 100_000
    chain: list[list[object]] = [[] for _ in range(size)]
    for index, item in enumerate(chain):
        item.append(chain[(index + step) % size])
    graph = ObjectGraph(chain)
    (component,) = graph.components()
    ring = graph.shortest_cycle(component)
    untie(list(chain))
    assert len(component) == len(ring) == size


def test_a_clique_is_searched_in_linear_time() -> None:
    """In 300 objects that all refer to each other the search ends at the first pair."""
    size = 300
    clique: list[list[object]] = [[] for _ in range(size)]
    for item in clique:
        item.extend(other for other in clique if other is not item)
    graph = ObjectGraph(clique)
    (component,) = graph.components()
    ring = graph.shortest_cycle(component)
    untie(list(clique))
    assert (len(component), len(ring)) == (size, 2)


def test_long_cycles_are_searched_within_a_budget() -> None:
    """Where no short cycle ends the search, it looks at each reference a few times only."""

    class Counting(dict[int, list[int]]):
        looked = 0

        def __getitem__(self, key: int) -> list[int]:
            self.looked += 1
            return super().__getitem__(key)

    size = 20_000
    rows = Counting({index: [(index + 1) % size] for index in range(size)})
    assert len(shortest_cycle(rows, range(size))) == size
    assert rows.looked < 40 * size


def test_graph_makes_no_cycle_and_keeps_nothing() -> None:
    """When the graph is dropped, so are the objects, without the collector."""
    objects = linked([[1], []])
    watched = [weakref.ref(o) for o in objects if type(o) is Node]
    enabled = gc.isenabled()
    gc.disable()
    try:
        graph = ObjectGraph(objects)
        graph.hanging(graph.components())
        graph_dies = Canary()
        graph.objects.append(graph_dies)
        dead = weakref.ref(graph_dies)
        del graph, graph_dies, objects
        assert dead() is None
        assert [ref() for ref in watched] == [None, None]
    finally:
        if enabled:
            gc.enable()


class Canary:
    """Something whose death can be seen."""


# --- sizes ----------------------------------------------------------------------------------


class Empty:
    pass


class Slotted:
    __slots__ = ("a", "b")


class SubList(list[int]):
    pass


class SubInt(int):
    pass


class SlottedDict(dict[str, int]):
    __slots__ = ("extra",)


Pair = collections.namedtuple("Pair", "a b")


def function() -> None:
    """Do nothing."""


def with_attributes() -> Empty:
    """Make an instance with inline attributes."""
    instance = Empty()
    instance.a = instance.b = 1  # type: ignore[attr-defined]
    return instance


def with_dict() -> Empty:
    """Make an instance whose dictionary has been asked for."""
    instance = with_attributes()
    assert instance.__dict__
    return instance


SIZED: list[Any] = [
    *(1, 2**100, 1.5, "text", "ä" * 9, b"bytes", None, True, (), (1, 2), [], [1] * 10),
    *({}, {"a": 1}, {1, 2}, frozenset({1}), range(3), slice(1), object(), type, Empty, Pair),
    *(Empty(), Slotted(), SubList([1, 2]), SubInt(3), SlottedDict(a=1), Pair(1, 2)),
    *(with_attributes(), with_dict(), function, function.__code__, Empty().__init__, sys),
    *(types.SimpleNamespace(a=1), collections.OrderedDict(a=1), collections.deque([1, 2])),
    *(collections.Counter("ab"), ValueError("x"), decimal.Decimal("1.5"), array.array("d", [1.0])),
    *(functools.partial(function), itertools.count(), iter([]), (x for x in ()), sys._getframe()),
    *(types.CellType(1), weakref.ref(Empty), memoryview(b"abc"), property(), map(str, ())),
]


@pytest.mark.parametrize("obj", SIZED, ids=[type(obj).__name__ for obj in SIZED])
def test_size_equals_getsizeof(obj: object) -> None:
    """Without a `__sizeof__` of the user's, the size is what Python says."""
    assert size_of(obj) == sys.getsizeof(obj)


def test_sizes_remember_types() -> None:
    """Measuring many objects gives each its own size, the same type or not."""
    sizes = Sizes()
    assert [sizes.of(obj) for obj in SIZED] == [sys.getsizeof(obj) for obj in SIZED]
    assert sizes.of([1] * 50) > sizes.of([])


def raising(self: object) -> int:
    """Stand in for a user's `__sizeof__`."""
    raise AssertionError("the user's code was run")


class Raising:
    __sizeof__ = raising


class RaisingList(list[int]):
    __sizeof__ = raising


class RaisingSlots:
    __slots__ = ("a",)
    __sizeof__ = raising


class RaisingInt(int):
    __sizeof__ = raising


class RaisingBelow(Raising):
    """The user's method is inherited."""


class Renamed(list[int]):
    """The name is bound to another method of C, which would change the list."""

    __sizeof__ = list.clear  # type: ignore[assignment]


class Plain:
    pass


class PlainList(list[int]):
    pass


class PlainSlots:
    __slots__ = ("a",)


class PlainInt(int):
    pass


@pytest.mark.parametrize(
    ("obj", "alike"),
    [
        (Raising(), Plain()),
        (RaisingBelow(), Plain()),
        (RaisingList([1, 2]), PlainList([1, 2])),
        (RaisingSlots(), PlainSlots()),
        (RaisingInt(5), PlainInt(5)),
        (Renamed([1, 2]), PlainList([1, 2])),
    ],
)
def test_a_users_sizeof_is_not_run(obj: object, alike: object) -> None:
    """An object whose class defines `__sizeof__` has the size that it would have without."""
    assert size_of(obj) == sys.getsizeof(alike)


def test_a_metaclass_is_not_asked() -> None:
    """Facts about a class are read without the attributes of its metaclass."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise AssertionError(f"the metaclass was asked for {name}")

    class Guarded(metaclass=Meta):
        __sizeof__ = raising

    assert size_of(Guarded()) == sys.getsizeof(Plain())
