"""From garbage to the data of a report: cycles by shape, with one example named.

The objects come in alive and only strings and numbers leave: nothing here keeps an object
longer than the call to `describe`, runs its code, or hashes and compares it. The call may
happen inside a collector's "start" callback, so it takes no lock and starts no collection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from types import CellType, FrameType, TracebackType

from cyclefree._garbage import is_boundary
from cyclefree._graph import ObjectGraph, Sizes, Step, shortest_cycle
from cyclefree._labels import Label, Labels
from cyclefree._locals import SUSPENDABLE
from cyclefree._references import Namer, collapse_name, format_name
from cyclefree._remedies import Explained, Explainer, unexplained
from cyclefree._remedies.stores import allocated_at
from cyclefree.reports import (
    Cycle,
    CycleReport,
    ObjectSummary,
    Reference,
    most_frequent_first,
    ordered,
    sorted_edges,
)

EdgeKey = tuple[str, str, str]  # label of the source, collapsed name, label of the target

# References that frames have on some versions only: of one shape, whatever they hold.
_INNER = frozenset((".f_back", ".f_func"))

# Keyed by id: a metaclass may define __hash__.
_COLLAPSED_CONTAINERS = {
    id(list): collapse_name("item", 0),
    id(tuple): collapse_name("item", 0),
    id(deque): collapse_name("item", 0),
    id(set): collapse_name("member", None),
    id(frozenset): collapse_name("member", None),
}
_POSSIBLE_CARRIERS = frozenset({id(dict), id(tuple), id(CellType)})


@dataclass(frozen=True)
class Blame:
    """Which cycles to report.

    Attributes:
        only: Packages; a cycle counts when an object in it is defined in one of them.
        ignore: Fingerprints, or predicates on the finished `Cycle`.
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str | Callable[[Cycle], object], ...] = ()


def describe(
    objects: Sequence[object],
    blame: Blame,
    *,
    scope: str,
    live: bool = False,
    once: AbstractSet[int] = frozenset(),
) -> CycleReport:
    """Describe the cycles among objects, grouped by shape.

    Args:
        objects: All unreachable objects; with `live`, objects that may be reachable.
        blame: Which cycles to report; the others are counted in ``ignored``.
        scope: What was watched, for the title.
        live: Count the objects in cycles only, not what hangs off them, and do not go through
            modules, classes and module dictionaries.
        once: Ids of objects born while modules were imported.

    Returns:
        The report; without filters and `live` it counts each of the objects.
    """
    cycles, ignored = _Survey(objects, blame, live, once).cycles()
    # A user's predicate sees finished data, after the survey has let go of every object.
    listed: list[Cycle] = []
    for cycle in cycles:
        if any(callable(rule) and rule(cycle) for rule in blame.ignore):
            ignored += cycle.count
        else:
            listed.append(cycle)
    return CycleReport(
        scope=scope,
        objects=sum(cycle.size for cycle in listed),
        bytes=sum(cycle.bytes for cycle in listed),
        cycles=ordered(listed),
        ignored=ignored,
    )


class _Shape:
    """The cycles of one fingerprint, added up."""

    __slots__ = (
        "bytes",
        "components",
        "edges",
        "example",
        "fingerprint",
        "hanging",
        "members",
        "modules",
    )

    def __init__(self, fingerprint: str, example: list[int]) -> None:
        self.fingerprint = fingerprint
        self.example = example
        self.components: list[list[int]] = []
        self.bytes = 0
        self.edges: dict[EdgeKey, int] = {}
        self.members: dict[str, int] = {}
        self.hanging: dict[str, int] = {}
        self.modules: set[str] = set()


class _Survey:
    """One look at a list of objects; holds them until it is dropped."""

    def __init__(
        self, objects: Iterable[object], blame: Blame, live: bool, once: AbstractSet[int]
    ) -> None:
        if live:
            objects = [o for o in objects if not is_boundary(o)]
        self._graph = ObjectGraph(objects)
        self._live = live
        self._once = once
        self._ignored = {rule for rule in blame.ignore if type(rule) is str}
        self._namer = Namer()
        self._labels_of = Labels(blame.only)
        self._labels: list[Label] = []
        self._components: list[list[int]] = []
        self._member_of = [-1] * len(self._graph.objects)
        self._fingerprints: dict[frozenset[EdgeKey], str] = {}
        self._attributes: dict[str, str] = {}

    def cycles(self) -> tuple[list[Cycle], int]:
        """Return the cycles by shape, and how many were ignored."""
        graph = self._graph
        self._components = graph.components()
        for number, component in enumerate(self._components):
            for index in component:
                self._member_of[index] = number
        self._labels = list(map(self._labels_of.of, graph.objects))
        self._explainer = Explainer(graph.objects, self._labels, self._labels_of.only)
        shapes: dict[tuple[str, bool], _Shape] = {}
        shape_of: list[_Shape | None] = []
        ignored = 0
        for component in self._components:
            shape = self._shape(component, shapes)
            shape_of.append(shape)
            ignored += shape is None
        self._add_up(shape_of)
        return [self._cycle(shape, once) for (_, once), shape in shapes.items()], ignored

    def _shape(self, component: list[int], shapes: dict[tuple[str, bool], _Shape]) -> _Shape | None:
        """Find the shape of a component and count its edges there; None when it is ignored."""
        labels, objects = self._labels, self._graph.objects
        if not any(labels[index].blamed for index in component):
            return None
        edges = self._edges(component)
        parts = frozenset(edges)
        fingerprint = self._fingerprints.get(parts)
        if fingerprint is None:
            fingerprint = self._fingerprints[parts] = _fingerprint(parts)
        if fingerprint in self._ignored:
            return None
        once = bool(self._once) and all(id(objects[index]) in self._once for index in component)
        shape = shapes.get((fingerprint, once))
        if shape is None:
            shape = shapes[fingerprint, once] = _Shape(fingerprint, component)
        elif len(component) < len(shape.example):
            shape.example = component
        shape.components.append(component)
        total = shape.edges
        for key, number in edges.items():
            total[key] = total.get(key, 0) + number
        return shape

    def _edges(self, component: list[int]) -> dict[EdgeKey, int]:
        """Count the folded references inside a component, by their collapsed names."""
        labels, member_of = self._labels, self._member_of
        number = member_of[component[0]]
        edges: dict[EdgeKey, int] = {}
        todo = self._starts(component)
        seen = set(todo)
        for index in todo:  # grows while it is walked
            source = labels[index].text
            for name, target in self._collapsed(index):
                if member_of[target] == number:
                    key = (source, name, labels[target].text)
                    edges[key] = edges.get(key, 0) + 1
                    if target not in seen:
                        seen.add(target)
                        todo.append(target)
        return edges

    def _starts(self, component: Sequence[int]) -> list[int]:
        """Choose the objects that are sure not to be carriers; they reach all the others."""
        objects = self._graph.objects
        sure = [i for i in component if not _may_carry(objects[i])]
        return sure or [i for i in component if type(objects[i]) is not CellType] or list(component)

    def _collapsed(self, index: int) -> list[tuple[str, int]]:
        """List (collapsed name, target) of an object's folded references inside the graph."""
        graph = self._graph
        source = graph.objects[index]
        name = _COLLAPSED_CONTAINERS.get(id(type(source)))
        if name is not None:
            row = graph.successors[index]
            if not any(type(graph.objects[target]) is CellType for target in row):
                return [(name, target) for target in row]
        found: list[tuple[str, int]] = []
        find, attributes = graph.position.get, self._attributes
        for kind, detail, target in self._namer.folded_references(source):
            position = find(id(target))
            if position is not None:
                if kind == "attr" and type(detail) is str:
                    name = attributes.get(detail)
                    if name is None:
                        name = attributes[detail] = collapse_name(kind, detail)
                else:
                    name = collapse_name(kind, detail)
                found.append((name, position))
        return found

    def _add_up(self, shape_of: list[_Shape | None]) -> None:
        """Add members, hanging objects and bytes to the shapes."""
        graph, labels, member_of = self._graph, self._labels, self._member_of
        owners = member_of if self._live else graph.hanging(self._components)
        size_of = Sizes().of
        for index, owner in enumerate(owners):
            shape = shape_of[owner] if owner >= 0 else None
            if shape is None:
                continue
            label = labels[index]
            shape.bytes += size_of(graph.objects[index])
            if member_of[index] < 0:
                shape.hanging[label.shown] = shape.hanging.get(label.shown, 0) + 1
            else:
                shape.members[label.shown] = shape.members.get(label.shown, 0) + 1
                if label.module is not None and _is_dotted_name(label.module):
                    shape.modules.add(label.module)

    def _cycle(self, shape: _Shape, once: bool) -> Cycle:
        objects, references, explained = self._example(shape)
        shown = self._labels_of.shown
        edges: dict[EdgeKey, int] = {}
        for (source, name, target), number in shape.edges.items():
            key = (shown[source], name, shown[target])
            edges[key] = edges.get(key, 0) + number
        return Cycle(
            count=len(shape.components),
            kind=explained.kind,
            fingerprint=shape.fingerprint,
            objects=objects,
            references=references,
            edges=sorted_edges(edges),
            members=most_frequent_first(shape.members),
            hanging=most_frequent_first(shape.hanging),
            bytes=shape.bytes,
            remedy=explained.remedy,
            modules=tuple(sorted(shape.modules)),
            once=once,
            live=self._live,
        )

    # --- the example -------------------------------------------------------------------

    def _example(
        self, shape: _Shape
    ) -> tuple[tuple[ObjectSummary, ...], tuple[Reference, ...], Explained]:
        """Describe one cycle: its ring, then one object of each further type; explain the shape."""
        labels = self._labels
        rows = self._named_rows(shape.example)
        order = sorted(rows, key=lambda index: (labels[index].rank, index))
        ring = self._ring(rows, order)
        others = [c for c in shape.components if c is not shape.example]
        try:
            explained = self._explainer.explain(rows, ring, map(self._named_rows, others))
        except Exception as error:
            # The cycle is there all the same, and who guards a call wants to know of it
            # (tests/test_shapes.py::test_a_shape_that_cannot_be_explained_is_reported).
            explained = unexplained(type(error).__name__, len(ring))
        shown = [source for source, _ in ring]
        types = {id(type(self._graph.objects[index])) for index in shown}
        references = tuple(
            [
                Reference(at, (at + 1) % len(ring), format_name(*rows[source][number][:2]), stored)
                for at, ((source, number), stored) in enumerate(
                    zip(ring, explained.stored_at, strict=True)
                )
            ]
        )
        for index in order:
            kind = id(type(self._graph.objects[index]))
            if kind not in types:
                types.add(kind)
                shown.append(index)
        objects = self._graph.objects
        summaries = []
        for index in shown:
            summary = labels[index].summary(objects[index])
            if type(objects[index]) is TracebackType and summary.defined_at is not None:
                # Where it was raised, and not where the function begins.
                path = summary.defined_at.rpartition(":")[0]
                place = f"{path}:{objects[index].tb_lineno}"  # type: ignore[attr-defined]
                summary = replace(summary, defined_at=place)
            made = allocated_at(objects[index])
            summaries.append(replace(summary, created_at=made) if made else summary)
        return tuple(summaries), references, explained

    def _named_rows(self, component: Sequence[int]) -> dict[int, list[tuple[str, object, int]]]:
        """Name the folded references among the objects of a component, in order of preference."""
        find, member_of = self._graph.position.get, self._member_of
        number = member_of[component[0]]
        rows: dict[int, list[tuple[str, object, int]]] = {}
        todo = self._starts(component)
        seen = set(todo)
        for index in todo:  # grows while it is walked
            row: list[tuple[str, object, int]] = []
            for kind, detail, target in self._namer.folded_references(self._graph.objects[index]):
                position = find(id(target), -1)
                if position >= 0 and member_of[position] == number:
                    row.append((kind, detail, position))
                    if position not in seen:
                        seen.add(position)
                        todo.append(position)
            row.sort(key=_preference)
            rows[index] = row
        return rows

    def _ring(self, rows: dict[int, list[tuple[str, object, int]]], order: list[int]) -> list[Step]:
        """Choose the ring to show: short, without classes if that can be, users' objects first."""
        plain = {i: [t for _, _, t in row] for i, row in rows.items()}
        instances = [i for i in order if not self._labels[i].is_class]
        ring = shortest_cycle({i: plain[i] for i in instances}, instances)
        ring = ring or shortest_cycle(plain, order)
        first = min(
            range(len(ring)),
            key=lambda at: (self._labels[ring[at][0]].rank, ring[at][0]),
            default=0,
        )
        return ring[first:] + ring[:first]


def _is_dotted_name(module: str) -> bool:
    """Tell a module's name from what templates put in its place, such as an address."""
    return all(map(str.isidentifier, module.split(".")))


def _may_carry(obj: object) -> bool:
    """Whether texts may fold an object into the reference that leads to it."""
    cls = type(obj)
    if cls is FrameType:  # of a generator, on 3.10
        return bool(obj.f_code.co_flags & SUSPENDABLE)  # type: ignore[attr-defined]
    return id(cls) in _POSSIBLE_CARRIERS


def _preference(reference: tuple[str, object, int]) -> tuple[bool, bool, str, str, int]:
    """Order references so that every CPython version shows the same ring.

    What the user wrote comes before what Python adds, and of that `__mro__` first: every class
    has one.
    """
    kind, detail, target = reference
    text = detail if type(detail) is str and kind != "key" else ""
    number = 0
    if kind == "item" and type(detail) is int:
        number = detail
    elif kind == "member":  # a set's own order comes from addresses
        number = target
    last = kind == "unnamed" or text.startswith("__")
    return (last, text != "__mro__", kind, text, number)


def _fingerprint(parts: Iterable[EdgeKey]) -> str:
    """Digest the set of edges: the same in every process, whatever its hash seed."""
    from hashlib import blake2s  # only a report needs it: OpenSSL takes a while to load

    text = "\x1e".join(sorted("\x1f".join(part) for part in parts if part[1] not in _INNER))
    return blake2s(text.encode("utf-8", "backslashreplace"), digest_size=4).hexdigest()
