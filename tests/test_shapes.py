"""From garbage to the data of a report: grouping, fingerprints, rings, filters."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import tracemalloc
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from looking import garbage, look

from cyclefree import cycle_scope
from cyclefree._shapes import Blame, describe
from cyclefree.reports import Cycle, Edge

# A loaded machine is no failure.
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


class Order:
    def __init__(self, lines: int = 1) -> None:
        self.lines = [OrderLine(self) for _ in range(lines)]


class OrderLine:
    def __init__(self, order: Order) -> None:
        self.order = order


class Node:
    """A node that may refer to anything."""

    def __init__(self, **links: object) -> None:
        for name, target in links.items():
            setattr(self, name, target)


class Slotted:
    __slots__ = ("__weakref__", "data", "other")


def only_cycle(make: Callable[[], object], **options: Any) -> Cycle:
    """Describe what a call makes; it must be of one shape."""
    (cycle,) = look(make, **options)
    return cycle


def steps(cycle: Cycle) -> list[str]:
    """Write the ring as types and names."""
    return [
        f"{cycle.objects[r.source].type_name} {r.name} {cycle.objects[r.target].type_name}"
        for r in cycle.references
    ]


def chain(size: int) -> list[Node]:
    """Make a doubly linked list."""
    nodes = [Node() for _ in range(size)]
    for first, second in itertools.pairwise(nodes):
        first.next, second.prev = second, first  # type: ignore[attr-defined]
    return nodes


# --- counting ----------------------------------------------------------------------------------


def test_everything_is_counted() -> None:
    """Without filters the report has each object given, in a cycle or hanging off one."""

    def make() -> Order:
        order = Order(3)
        order.notes = [[], {}, ["text"]]  # type: ignore[attr-defined]
        return order

    with garbage(make) as objects:
        report = describe(objects, Blame(), scope="make()")
        (cycle,) = report
        assert report.objects == cycle.size == len(objects)
        assert report.bytes == cycle.bytes == sum(map(sys.getsizeof, objects))
    assert dict(cycle.members)["OrderLine"] == 3
    assert dict(cycle.members)["list"] == 1
    assert dict(cycle.hanging)["list"] == 3
    assert report.scope == "make()"


def test_nothing_is_nothing() -> None:
    """Objects without a cycle, or none at all, give an empty report."""
    assert not describe([], Blame(), scope="f()")
    assert not describe([[], [[]], {}], Blame(), scope="f()")


def test_equal_components_are_one_shape() -> None:
    """Cycles of one shape are one entry with their number; numbers are over all of them."""
    cycle = only_cycle(lambda: deque(Order(lines) for lines in (2, 1, 3)))
    assert cycle.count == 3
    assert dict(cycle.members)["OrderLine"] == 6
    assert cycle.edges == (
        Edge("Order", ".lines", "list", 3),
        Edge("OrderLine", ".order", "Order", 6),
        Edge("list", "[*]", "OrderLine", 6),
    )


def test_shapes_come_by_size() -> None:
    """The shape with most objects comes first."""
    report = look(lambda: [self_held() for _ in range(2)] + [Order(9)])
    assert [cycle.count for cycle in report] == [1, 2]


def self_held() -> list[object]:
    """Make a list that holds itself."""
    held: list[object] = []
    held.append(held)
    return held


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Draw the targets of each of up to 12 nodes."""
    size = draw(st.integers(1, 12))
    row = st.lists(st.integers(0, size - 1), max_size=3, unique=True)
    return draw(st.lists(row, min_size=size, max_size=size))


def make_graph(rows: list[list[int]]) -> list[Slotted]:
    """Make nodes that refer to each other as told."""
    nodes = [Slotted() for _ in rows]
    for node, row in zip(nodes, rows, strict=True):
        node.data = [nodes[target] for target in row]
    return nodes


def oracle(rows: list[list[int]]) -> tuple[int, int, int]:
    """Count components, nodes in them, and nodes that they reach, the slow way."""
    size = range(len(rows))
    reach = [[target in rows[source] for target in size] for source in size]
    for middle, source, target in itertools.product(size, repeat=3):
        if reach[source][middle] and reach[middle][target]:
            reach[source][target] = True
    inside = [i for i in size if reach[i][i]]
    components = {tuple(j for j in inside if reach[i][j] and reach[j][i]) for i in inside}
    reached = [j for j in size if not reach[j][j] and any(reach[i][j] for i in inside)]
    return len(components), len(inside), len(reached)


@quick
@given(graphs())
def test_components_equal_oracle(rows: list[list[int]]) -> None:
    """Cycles, objects in them and objects hanging off them are those of a naive search."""
    nodes = make_graph(rows)
    report = describe([*nodes, *(node.data for node in nodes)], Blame(), scope="f()")
    for node in nodes:
        node.data.clear()
    counts = (
        sum(cycle.count for cycle in report),
        sum(dict(cycle.members).get("Slotted", 0) for cycle in report),
        sum(dict(cycle.hanging).get("Slotted", 0) for cycle in report),
    )
    assert counts == oracle(rows)


# --- fingerprints ------------------------------------------------------------------------------


def test_fingerprint_is_independent_of_counts() -> None:
    """An order has the shape of an order, whatever the number of its lines."""
    prints = {only_cycle(lambda n=n: Order(n)).fingerprint for n in (1, 2, 30)}  # type: ignore[misc]
    assert len(prints) == 1


def test_fingerprint_of_linked_lists() -> None:
    """A doubly linked list of 3 nodes and one of 5,000 have the same shape."""
    prints = {only_cycle(lambda n=n: chain(n)[0]).fingerprint for n in (3, 5_000)}  # type: ignore[misc]
    assert len(prints) == 1


def test_fingerprint_is_independent_of_keys_and_positions() -> None:
    """Under which key, or where in a list, does not matter."""

    def make(key: object, position: int) -> Node:
        node = Node(table={}, row=[None] * position)
        node.table[key] = node  # type: ignore[attr-defined]
        node.row.append(node)  # type: ignore[attr-defined]
        return node

    first = only_cycle(lambda: make("a", 0))
    second = only_cycle(lambda: make((1, "b"), 7))
    assert first.fingerprint == second.fingerprint


def test_fingerprint_depends_on_attribute_names() -> None:
    """Another attribute is another shape."""

    def make(name: str) -> Node:
        node = Node()
        setattr(node, name, node)
        return node

    prints = {only_cycle(lambda n=n: make(n)).fingerprint for n in ("parent", "owner")}  # type: ignore[misc]
    assert len(prints) == 2


def test_fingerprint_depends_on_classes_and_functions() -> None:
    """Cycles of other classes, or closures of another function, are other shapes."""

    def one() -> object:
        def walk() -> object:
            return walk

        return walk

    def two() -> object:
        def walk() -> object:
            return walk

        return walk

    assert len(look(lambda: [one(), two()])) == 2

    def both() -> None:
        slotted, node = Slotted(), Node()
        slotted.other = slotted
        node.other = node  # type: ignore[attr-defined]

    assert len(look(both)) == 2


FOREIGN = """
import gc, sys
sys.path[:0] = {path!r}
from looking import garbage
from test_shapes import Order, chain
from cyclefree import cycle_scope
from cyclefree._garbage import find_garbage
from cyclefree._shapes import Blame, describe
for make in (Order, lambda: chain(4)[0]):
    with garbage(make) as objects:
        print(*(c.fingerprint for c in describe(objects, Blame(), scope="f()")))
"""


def test_fingerprint_in_another_process() -> None:
    """Other processes with other hash seeds give the same fingerprints."""
    here = __file__.rpartition("/")[0]
    outputs = set()
    for seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", FOREIGN.format(path=[here])],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert all(len(line) == 8 for line in outputs.pop().split())


# --- rings -------------------------------------------------------------------------------------


def test_ring_of_the_design() -> None:
    """The ring starts at the first user object and names every reference."""
    cycle = only_cycle(lambda: Order(2))
    assert steps(cycle) == [
        "Order .lines list",
        "list [0] OrderLine",
        "OrderLine .order Order",
    ]
    assert cycle.objects[0].module == __name__
    assert "test_shapes.py:" in str(cycle.objects[0].defined_at)


def test_ring_starts_at_the_users_object() -> None:
    """A ring found from a container is turned so that the user's class comes first."""
    cycle = only_cycle(lambda: Order(1).lines)
    assert cycle.objects[0].type_name == "Order"


def test_ring_is_short() -> None:
    """Of several rings a shortest one is shown."""

    def make() -> Node:
        nodes = [Node() for _ in range(5)]
        for at, node in enumerate(nodes):
            node.after = nodes[at - 1]  # type: ignore[attr-defined]
        nodes[2].back, nodes[3].zack = nodes[3], nodes[2]  # type: ignore[attr-defined]
        return nodes[0]

    assert steps(only_cycle(make)) == ["Node .back Node", "Node .after Node"]


def test_ring_without_classes_is_preferred() -> None:
    """Where instances hold each other, the ring does not lead through their class."""

    def make() -> object:
        class Made:
            pass

        made = Made()
        made.me = [made]  # type: ignore[attr-defined]
        Made.instance = made  # type: ignore[attr-defined]
        return made

    assert steps(only_cycle(make)) == ["Made .me list", "list [0] Made"]


def test_ring_of_a_class() -> None:
    """A class made at run time is in a cycle with its method resolution order."""

    def make() -> object:
        class Made:
            pass

        return Made

    assert steps(only_cycle(make)) == ["type .__mro__ tuple", "tuple [0] type"]


def test_ring_of_bound_method() -> None:
    """An instance that stores its own bound method."""

    class Button:
        def __init__(self) -> None:
            self.on_click = self.click

        def click(self) -> None:
            pass

    cycle = only_cycle(Button)
    assert steps(cycle) == ["Button .on_click method", "method .__self__ Button"]


def test_ring_of_recursive_closure() -> None:
    """A function that calls itself by a free variable: cells are folded into the reference."""

    def make() -> object:
        def walk(depth: int) -> int:
            return walk(depth - 1)

        return walk

    cycle = only_cycle(make)
    assert steps(cycle) == ["function closure variable 'walk' function"]
    assert dict(cycle.members) == {"cell": 1, "function": 1, "tuple": 1}


def test_ring_of_exception() -> None:
    """`err = e`: the exception, its traceback and the frame whose local it is."""

    def make() -> object:
        try:
            raise LookupError("no")
        except LookupError as error:
            err = error
        return err

    cycle = only_cycle(make)
    assert steps(cycle) == [
        "frame local 'err' LookupError",
        "LookupError .__traceback__ traceback",
        "traceback .tb_frame frame",
    ]
    assert dict(cycle.members) == {"LookupError": 1, "frame": 1, "traceback": 1}


@pytest.mark.parametrize(
    ("make", "ring"),
    [
        (lambda: self_held(), ["list [0] list"]),
        (lambda: keyed({}), ["dict ['me'] dict"]),
        (lambda: keyed(Node().__dict__), ["dict ['me'] dict"]),
        (lambda: Node(members=set()), None),
    ],
)
def test_ring_of_containers(make: Callable[[], object], ring: list[str] | None) -> None:
    """A container that holds itself is a ring of one; without a cycle there is none."""
    report = look(make)
    assert [steps(cycle) for cycle in report] == ([] if ring is None else [ring])


def keyed(table: dict[str, Any]) -> dict[str, Any]:
    """Make a dictionary hold itself."""
    table["me"] = table
    return table


def test_further_types_follow_the_ring() -> None:
    """After the ring's objects comes one of each further type that is in the cycle."""

    def make() -> Order:
        order = Order(3)
        order.buyers = [Node(order=order), Node(order=order)]  # type: ignore[attr-defined]
        return order

    cycle = only_cycle(make)
    names = [o.type_name for o in cycle.objects]
    assert names.count("Node") == 1
    assert names.count("Order") == names.count("OrderLine") == 1 or "Node" in names[:3]


def test_the_smallest_cycle_is_the_example() -> None:
    """Of the cycles of one shape the one with the fewest objects is shown."""

    def make() -> list[object]:
        rings: list[object] = []
        for size in (7, 4, 9):
            nodes = [Node() for _ in range(size)]
            for at, node in enumerate(nodes):
                node.after = nodes[at - 1]  # type: ignore[attr-defined]
            rings.append(nodes[0])
        return rings

    cycle = only_cycle(make)
    assert cycle.count == 3
    assert len(cycle.references) == 4


# --- options -----------------------------------------------------------------------------------


def test_only_blames_a_package() -> None:
    """With `only` a cycle counts when an object in it is defined in that package."""
    assert look(Order, only=(__name__,)).objects > 0
    report = look(lambda: [Order(), Order()], only=("shop", __name__[:-1]))
    assert (len(report), report.objects, report.ignored) == (0, 0, 2)


def test_only_includes_subpackages() -> None:
    """`only="a"` includes `a.b`, and not `ab`."""
    made = type("Made", (), {"__module__": "shop.models"})

    def make() -> object:
        instance: Any = made()
        instance.me = instance
        return instance

    assert look(make, only=("shop",))
    assert look(make, only=("shop.models",))
    assert not look(make, only=("sho",))
    assert not look(make, only=("shop.models.order",))
    assert only_cycle(make).modules[-1] == "shop.models"


def test_hanging_objects_are_not_blamed() -> None:
    """A package is not to blame for what only hangs off another's cycle."""

    def make() -> list[object]:
        held = self_held()
        held.append(Node())
        return held

    assert look(make, only=(__name__,)).ignored == 1


def test_ignore_by_fingerprint_and_predicate() -> None:
    """A fingerprint or a predicate on the finished cycle leaves its cycles out, and counts them."""
    fingerprint = only_cycle(Order).fingerprint
    make = lambda: [Order(), Order(), self_held()]
    by_print = look(make, ignore=(fingerprint,))
    by_rule = look(make, ignore=(lambda cycle: cycle.count == 2,))
    for report in (by_print, by_rule):
        assert report.ignored == 2
        assert [cycle.members for cycle in report] == [(("list", 1),)]
        assert report.objects == 1


def test_once_needs_all_objects() -> None:
    """A cycle is from the imports when all its objects are; both kinds are listed apart."""
    with garbage(lambda: [Order(), Order(), Order()]) as objects:
        # As the collector keeps them: an order's objects one after the other.
        size = len(objects) // 3
        once = {*map(id, objects[: size + 1])}
        report = describe(objects, Blame(), scope="f()", once=once)
    assert {cycle.once: cycle.count for cycle in report} == {True: 1, False: 2}
    assert len({cycle.fingerprint for cycle in report}) == 1


def test_live_counts_cycles_only() -> None:
    """Of living objects those in cycles count, and nothing hangs off them."""

    def make() -> Order:
        order = Order(1)
        order.notes = [[], [], []]  # type: ignore[attr-defined]
        return order

    cycle = only_cycle(make, live=True)
    assert cycle.live
    assert cycle.hanging == ()
    assert dict(cycle.members)["list"] == 1


def test_live_does_not_go_through_classes() -> None:
    """A living instance is not in a cycle because its class can be reached."""
    Node.registry = Node()  # type: ignore[attr-defined]
    try:
        objects = [Node, Node.registry, Node.__dict__, globals(), sys.modules[__name__]]  # type: ignore[attr-defined]
        assert not describe(objects, Blame(), scope="f()", live=True)
    finally:
        del Node.registry  # type: ignore[attr-defined]


# --- it only looks -----------------------------------------------------------------------------


def test_nothing_is_kept() -> None:
    """When `describe` has returned, the objects die as if it had not looked."""
    watched: list[weakref.ref[Node]] = []

    def make() -> None:
        watched.extend(weakref.ref(node) for node in chain(50))

    with garbage(make) as objects:
        report = describe(objects, Blame(), scope="f()")
    assert [ref() for ref in watched] == [None] * 50
    assert report.objects >= 50


def test_looking_makes_no_garbage() -> None:
    """The survey's own objects die without the collector."""
    with garbage(lambda: Order(3)) as objects:
        describe(objects, Blame(), scope="f()")  # what is made once, is made now
        gc.collect()
        enabled = gc.isenabled()
        gc.disable()
        try:
            describe(objects, Blame(), scope="f()")
            assert gc.collect() == 0
        finally:
            if enabled:
                gc.enable()


def test_no_user_code_runs() -> None:
    """Objects whose every method raises are described all the same."""

    def refuse(*_: object) -> Any:
        raise AssertionError("user code was run")

    methods = "repr str eq hash getattr getattribute len bool sizeof iter contains dir format"
    namespace = {f"__{name}__": refuse for name in methods.split()}
    namespace["__class__"] = property(refuse)  # type: ignore[assignment]
    meta = type("Meta", (type,), {"__hash__": refuse, "__eq__": refuse, "__repr__": refuse})
    hostile = meta("Hostile", (), namespace)
    key_class = type("Key", (), {"__repr__": refuse, "__eq__": refuse})
    key_class.__hash__ = lambda self: 7  # type: ignore[assignment]

    def make() -> object:
        node = object.__new__(hostile)
        object.__setattr__(node, "table", {key_class(): [node]})
        return node

    with garbage(make) as objects:
        key_class.__hash__ = refuse  # type: ignore[assignment]
        report = describe(objects, Blame(), scope="f()")
    assert steps(report.cycles[0]) == [
        "Hostile .table dict",
        "dict [<Key>] list",
        "list [0] Hostile",
    ]


def test_instance_dictionaries_are_not_made() -> None:
    """Looking at an instance does not make its `__dict__` (3.11 and later keep values inline)."""
    with garbage(lambda: Order(2)) as objects:
        before = gc.get_referents(*objects)
        count = len(before)
        del before
        describe(objects, Blame(), scope="f()")
        assert len(gc.get_referents(*objects)) == count


def test_where_an_object_was_made_is_told_when_tracemalloc_traces() -> None:
    """The line that made a container is in the report's data and in its text."""
    tracemalloc.start()
    try:
        with cycle_scope() as report:
            ring: deque[object] = deque()  # lists and dicts that are used again keep no trace
            line = sys._getframe().f_lineno - 1
            ring.append(ring)
            del ring
    finally:
        tracemalloc.stop()
    (made,) = {summary.created_at for cycle in report for summary in cycle.objects}
    assert made is not None
    assert made.endswith(f"test_shapes.py:{line}")
    assert f"made at {made}" in str(report.report)


def test_a_module_without_a_name_is_left_out() -> None:
    """Templates give their functions a module with an address in it: no report names that."""
    namespace = {"__name__": "memory:0x7fd05737dc50"}
    exec("def outer():\n    def walk(): return walk\n    return walk", namespace)
    outer: Any = namespace["outer"]
    with cycle_scope() as report:
        outer()
    (cycle,) = report.report
    assert "memory:0x7fd05737dc50" not in cycle.modules


def test_a_shape_that_cannot_be_explained_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in explaining costs the remedy and not the report, and says whose fault it is."""

    def fail(*_: object) -> None:
        raise LookupError("at random")

    monkeypatch.setattr("cyclefree._remedies.explain.kinds", fail)
    cycle = only_cycle(lambda: chain(2)[0])
    assert cycle.kind is None
    assert cycle.remedy is not None
    assert not cycle.remedy.proven
    assert "LookupError" in cycle.remedy.reason
    assert "fix: none: cyclefree could not explain this shape" in str(look(lambda: chain(2)[0]))
