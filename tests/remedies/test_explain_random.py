"""Random object graphs: without the references that the remedies name, nothing is left."""

from __future__ import annotations

import gc
from collections.abc import Collection

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cyclefree import cycle_scope
from cyclefree._remedies.feedback import find_cycle
from cyclefree._remedies.kinds import kinds


class Base:
    """What the graphs are made of: attributes, three containers and a kept method."""

    def __init__(self) -> None:
        self.items: list[object] = []
        self.table: dict[object, object] = {}
        self.peers: set[object] = set()

    def method(self) -> None:
        pass


class Red(Base):
    pass


class Green(Base):
    pass


class Blue(Base):
    pass


CLASSES = (Red, Green, Blue)
WAYS = ("left", "right", "parent", "items", "table", "peers", "callback")
WORDS = {"items": "list item", "table": "dict value", "peers": "set member"}
Edge = tuple[int, str, int]


def label(cls: type, way: str) -> str:
    """Return what a remedy calls the references of one way."""
    if way in WORDS:
        return f"{WORDS[way]} of Base.{way}"
    return f"{cls.__name__}.{way}"


def build(colours: list[int], edges: list[Edge], without: Collection[str] = ()) -> None:
    """Make the graph, but for the references named, and let go of it."""
    nodes = [CLASSES[colour]() for colour in colours]
    for source, way, target in edges:
        one, other = nodes[source % len(nodes)], nodes[target % len(nodes)]
        if label(type(one), way) in without:
            continue
        if way == "items":
            one.items.append(other)
        elif way == "table":
            one.table[target] = other
        elif way == "peers":
            one.peers.add(other)
        elif way == "callback":
            one.callback = other.method  # type: ignore[attr-defined]
        else:
            setattr(one, way, other)


graphs = st.tuples(
    st.lists(st.integers(0, 2), min_size=1, max_size=6),
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(WAYS), st.integers(0, 5)),
        min_size=1,
        max_size=14,
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs)
def test_without_what_the_remedies_name_no_cycle_is_left(
    graph: tuple[list[int], list[Edge]],
) -> None:
    """Every shape has a proven remedy; a graph built without those references has no cycle."""
    colours, edges = graph
    with cycle_scope() as report:
        build(colours, edges)
    gc.collect()
    named: set[str] = set()
    for cycle in report.report:
        assert cycle.kind
        assert cycle.remedy is not None
        assert cycle.remedy.proven, cycle.remedy
        assert cycle.remedy.reference is not None
        assert cycle.remedy.marks, "the ring shows a reference that is to be changed"
        named |= set(cycle.remedy.reference.split(", "))
    assert named <= {label(cls, way) for cls in CLASSES for way in WAYS}
    with cycle_scope() as mended:
        build(colours, edges, without=named)
    assert not mended.report, (named, str(mended.report))
    assert gc.collect() == 0


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=3),
        min_size=6,
        max_size=6,
    ),
    sorts=st.lists(st.integers(0, 8), min_size=6, max_size=6),
)
def test_every_cycle_has_a_kind(rows: list[list[tuple[int, int]]], sorts: list[int]) -> None:
    """Whatever objects of whatever sort refer to each other in a circle, the kind has a name."""
    assume(find_cycle(rows))
    assert kinds(rows, sorts)
