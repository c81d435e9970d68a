"""What a look found, as frozen data: strings and numbers, nothing alive.

A report keeps none of the program's objects alive. It can be pickled, sent to another
process, stored as JSON and merged with others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace

from cyclefree._from_json import read_document, read_record, wrong

SCHEMA = "cyclefree/cycle-report/1"

# From the most to the least certain; a merged report is as certain as its worst part.
METHODS = ("trial deletion", "collector", "inconclusive")

_CONTAINERS = frozenset(
    [
        *(("builtins", name) for name in ("dict", "frozenset", "list", "set", "tuple")),
        ("collections", "deque"),
    ]
)

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Reference:
    """One reference of a ring.

    Attributes:
        source: Index of the object that refers, in the cycle's ``objects``.
        target: Index of the object referred to.
        name: How the source holds the target: ``".order"``, ``"['key']"``, ``"[3]"``,
            ``"closure variable 'walk'"``, ``"local 'err'"``.
        stored_at: Where the reference was stored (``"shop/models.py:24"``), if known.
    """

    source: int
    target: int
    name: str
    stored_at: str | None = None


@dataclass(frozen=True)
class ObjectSummary:
    """What is told of one object of a cycle.

    Attributes:
        type_name: The name of its class, ``"Order"`` or ``"Outer.Inner"``.
        module: The module of that class.
        defined_at: Where the class, function or frame is defined, ``"shop/models.py:8"``.
        created_at: Where the object was allocated, when tracemalloc was tracing.
        name: The own name of a class, function, frame, generator or coroutine.
    """

    type_name: str
    module: str | None
    defined_at: str | None
    created_at: str | None = None
    name: str | None = None

    @property
    def is_container(self) -> bool:
        """Whether it is exactly a builtin container, which texts fold into the reference to it."""
        return (self.module, self.type_name) in _CONTAINERS


@dataclass(frozen=True)
class Edge:
    """All references of one name between two types inside the cycles of one shape.

    Attributes:
        source: Type name of the objects that refer.
        name: The name of the reference; keys and indices are ``"[*]"``.
        target: Type name of the objects referred to.
        count: How many such references there are.
    """

    source: str
    name: str
    target: str
    count: int


@dataclass(frozen=True)
class Remedy:
    """The smallest change that removes the cycles of one shape.

    Attributes:
        text: What to do, in words or code.
        reference: The reference to change, ``"OrderLine.order"``; None when there is no one.
        proven: Whether the captured graph had no cycle of this shape without it.
        reason: Why this reference, or why nothing could be proven.
        marks: Which references of the example's ring are to be changed, by index.
        advice: What to do with them, in a few words: ``"make this one weak"``.
    """

    text: str
    reference: str | None
    proven: bool
    reason: str
    marks: tuple[int, ...] = ()
    advice: str = ""


@dataclass(frozen=True)
class Cycle:
    """All cycles of one shape.

    Attributes:
        count: How many cycles have this shape.
        kind: What kind of cycle it is, in words, where known.
        fingerprint: Eight hexadecimal digits that stay the same from run to run.
        objects: One example: the objects of its ring, in order, then one object of each
            further type that is in the cycle.
        references: The ring of the example, by indices into ``objects``.
        edges: All references inside the cycles, added up by name.
        members: Type name and number of the objects *in* the cycles, most frequent first.
        hanging: The same for the objects that are kept alive by the cycles only.
        bytes: Memory of members and hanging objects, in bytes, as `sys.getsizeof` counts.
        remedy: How to remove the cycle, where known.
        modules: The modules in which the classes, functions and frames in it are defined.
        once: Whether these cycles were born while modules were imported.
        live: Whether these cycles are still reachable from the program.
    """

    count: int
    kind: str | None
    fingerprint: str
    objects: tuple[ObjectSummary, ...]
    references: tuple[Reference, ...]
    edges: tuple[Edge, ...]
    members: Counts
    hanging: Counts
    bytes: int
    remedy: Remedy | None = None
    modules: tuple[str, ...] = ()
    once: bool = False
    live: bool = False

    @property
    def in_cycle(self) -> int:
        """The number of objects that are in the cycles themselves."""
        return sum(number for _, number in self.members)

    @property
    def size(self) -> int:
        """The number of objects in the cycles and hanging off them."""
        return self.in_cycle + sum(number for _, number in self.hanging)


@dataclass(frozen=True)
class CycleReport:
    """The cycles that a scope left, by shape.

    Iterating gives the shapes, those with most objects first; the report is true when
    there is one. It holds strings and numbers only and may be used from any thread.

    Attributes:
        scope: What was watched, ``"load_order()"``.
        objects: How many objects are in the cycles listed or hang off them.
        bytes: Their memory in bytes, as `sys.getsizeof` counts.
        cycles: The shapes, most objects first.
        ignored: How many cycles the options ``only`` and ``ignore`` left out.
        shared_with: Threads or tasks that ran meanwhile and may have made these cycles.
        method: ``"trial deletion"``, ``"collector"`` or ``"inconclusive"``.
        notes: What else there is to know about this look, one sentence each.

    Example:
        >>> report = CycleReport("load_order()", objects=0, bytes=0, cycles=())
        >>> bool(report)
        False
        >>> CycleReport.from_json(report.to_json()) == report
        True
    """

    scope: str
    objects: int
    bytes: int
    cycles: tuple[Cycle, ...]
    ignored: int = 0
    shared_with: tuple[str, ...] = ()
    method: str = "trial deletion"
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Cycle]:
        return iter(self.cycles)

    def __len__(self) -> int:
        return len(self.cycles)

    def __bool__(self) -> bool:
        return bool(self.cycles)

    def __str__(self) -> str:
        # The one upward import: reports know no rendering until they are asked for text.
        from cyclefree.render.text import format_report

        return format_report(self)

    def to_json(self) -> str:
        """Return the whole report as one line of JSON.

        Returns:
            JSON text that `from_json` turns into an equal report.
        """
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> CycleReport:
        """Read a report that `to_json` wrote.

        Keys that this version does not know are passed over.

        Args:
            text: The JSON text.

        Returns:
            The report.

        Raises:
            ValueError: The text is no JSON, or no cycle report of this schema; the message
                says what is wrong, where, and what was expected.
        """
        data = read_document(text, "report", SCHEMA)
        report: CycleReport = read_record(cls, data, "report", _RECORDS)
        if report.method not in METHODS:
            raise wrong("report.method", " or ".join(map(json.dumps, METHODS)), report.method)
        _check_indices(report)
        return report

    @classmethod
    def merge(cls, *reports: CycleReport) -> CycleReport:
        """Add reports up: the same shape becomes one entry.

        Entries are the same when fingerprint, ``once`` and ``live`` are; the example shown is
        that of the first. The order of the reports does not change any number.

        Args:
            *reports: One report or more, from this process or others.

        Returns:
            A new report with the numbers added; its method is the least certain one.

        Raises:
            ValueError: No report was given.
        """
        if not reports:
            raise ValueError("merge() got no report; pass one CycleReport or more")
        shapes: dict[tuple[str, bool, bool], list[Cycle]] = {}
        for report in reports:
            for cycle in report.cycles:
                key = (cycle.fingerprint, cycle.once, cycle.live)
                shapes.setdefault(key, []).append(cycle)
        return cls(
            scope=_joined_scopes(report.scope for report in reports),
            objects=sum(report.objects for report in reports),
            bytes=sum(report.bytes for report in reports),
            cycles=ordered(_added(cycles) for cycles in shapes.values()),
            ignored=sum(report.ignored for report in reports),
            shared_with=_union(report.shared_with for report in reports),
            method=max((report.method for report in reports), key=METHODS.index),
            notes=_union(report.notes for report in reports),
        )


def ordered(cycles: Iterable[Cycle]) -> tuple[Cycle, ...]:
    """Sort shapes by importance: most objects first, then by fingerprint."""
    return tuple(sorted(cycles, key=lambda c: (-c.size, c.fingerprint, c.once, c.live)))


def most_frequent_first(numbers: dict[str, int]) -> Counts:
    """Turn numbers by type name into pairs, most frequent first, then by name."""
    return tuple(sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0])))


def sorted_edges(numbers: dict[tuple[str, str, str], int]) -> tuple[Edge, ...]:
    """Turn numbers by (source, name, target) into edges, sorted by these names."""
    return tuple(Edge(*key, count) for key, count in sorted(numbers.items()))


def _added(cycles: list[Cycle]) -> Cycle:
    """Add up entries of one shape; the first gives the example."""
    first = cycles[0]
    if len(cycles) == 1:
        return first
    edges: dict[tuple[str, str, str], int] = {}
    for edge in (edge for cycle in cycles for edge in cycle.edges):
        key = (edge.source, edge.name, edge.target)
        edges[key] = edges.get(key, 0) + edge.count
    return replace(
        first,
        count=sum(cycle.count for cycle in cycles),
        edges=sorted_edges(edges),
        members=_added_counts(cycle.members for cycle in cycles),
        hanging=_added_counts(cycle.hanging for cycle in cycles),
        bytes=sum(cycle.bytes for cycle in cycles),
        remedy=_one_remedy([cycle.remedy for cycle in cycles]),
        modules=tuple(sorted({name for cycle in cycles for name in cycle.modules})),
    )


def _one_remedy(remedies: list[Remedy | None]) -> Remedy | None:
    """Keep the first remedy; it is proven for all where each look has proven the same one."""
    first = remedies[0]
    if first is None:
        return None
    same = all(r is not None and r.proven and r.reference == first.reference for r in remedies)
    if first.proven and not same:
        reason = "checked on the example, but other cycles of this shape need another change"
        return replace(first, proven=False, reason=reason)
    return first


def _added_counts(parts: Iterable[Counts]) -> Counts:
    numbers: dict[str, int] = {}
    for name, number in (pair for part in parts for pair in part):
        numbers[name] = numbers.get(name, 0) + number
    return most_frequent_first(numbers)


def _union(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for part in parts for text in part))


def _joined_scopes(scopes: Iterable[str]) -> str:
    """Name the scopes while they are few, else count them."""
    different = list(dict.fromkeys(scopes))
    if len(different) <= 3:
        return " + ".join(different)
    return f"{different[0]} + {len(different) - 1} other scopes"


_RECORDS: dict[str, type] = {
    cls.__name__: cls for cls in (Reference, ObjectSummary, Edge, Remedy, Cycle)
}


def _check_indices(report: CycleReport) -> None:
    """Refuse references to objects that are not there: no rendering could show them."""
    for number, cycle in enumerate(report.cycles):
        for position, reference in enumerate(cycle.references):
            if max(reference.source, reference.target) >= len(cycle.objects):
                raise wrong(
                    f"report.cycles[{number}].references[{position}]",
                    f"a reference among {len(cycle.objects)} objects",
                    asdict(reference),
                )
        marks = cycle.remedy.marks if cycle.remedy is not None else ()
        if any(mark >= len(cycle.references) for mark in marks):
            raise wrong(
                f"report.cycles[{number}].remedy.marks",
                f"indices of {len(cycle.references)} references",
                marks,
            )
