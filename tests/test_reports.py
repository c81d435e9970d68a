"""Reports: frozen data, JSON both ways, merging."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyclefree.reports import (
    METHODS,
    Cycle,
    CycleReport,
    Edge,
    ObjectSummary,
    Reference,
    Remedy,
    most_frequent_first,
    ordered,
    sorted_edges,
)

# A loaded machine is no failure.
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

numbers = st.integers(min_value=0, max_value=2**70)
texts = st.text(max_size=8)
names = st.sampled_from(["Order", "OrderLine", "list"])
optional_texts = st.none() | texts
counts = st.dictionaries(names, st.integers(1, 2**40)).map(most_frequent_first)
edges = st.dictionaries(st.tuples(names, names, names), st.integers(1, 9)).map(sorted_edges)
remedies = st.builds(Remedy, texts, optional_texts, st.booleans(), texts, advice=texts)


@st.composite
def cycles(draw: st.DrawFn) -> Cycle:
    """Draw a shape; few fingerprints, so that merging meets the same ones."""
    summaries = st.builds(ObjectSummary, names, optional_texts, optional_texts, optional_texts)
    objects = tuple(draw(st.lists(summaries, min_size=1, max_size=3)))
    indices = st.integers(0, len(objects) - 1)
    references = st.builds(Reference, indices, indices, texts, optional_texts)
    return Cycle(
        count=draw(numbers),
        kind=draw(optional_texts),
        fingerprint=draw(st.sampled_from(["c3c4b619", "3001a95d", "00000000"])),
        objects=objects,
        references=tuple(draw(st.lists(references, max_size=3))),
        edges=draw(edges),
        members=draw(counts),
        hanging=draw(counts),
        bytes=draw(numbers),
        remedy=draw(st.none() | remedies),
        modules=tuple(sorted(draw(st.sets(texts, max_size=2)))),
        once=draw(st.booleans()),
        live=draw(st.booleans()),
    )


@st.composite
def reports(draw: st.DrawFn) -> CycleReport:
    """Draw a report whose shapes are different and in order, as every finished report's are."""
    shapes = draw(
        st.lists(cycles(), max_size=3, unique_by=lambda c: (c.fingerprint, c.once, c.live))
    )
    return CycleReport(
        scope=draw(texts),
        objects=draw(numbers),
        bytes=draw(numbers),
        cycles=ordered(shapes),
        ignored=draw(numbers),
        shared_with=tuple(draw(st.lists(texts, max_size=2, unique=True))),
        method=draw(st.sampled_from(METHODS)),
        notes=tuple(draw(st.lists(texts, max_size=2, unique=True))),
    )


def example_cycle(**changes: Any) -> Cycle:
    """Make the shape of DESIGN section 3."""
    cycle = Cycle(
        count=2,
        kind=None,
        fingerprint="c3c4b619",
        objects=(
            ObjectSummary("Order", "shop.models", "shop/models.py:8"),
            ObjectSummary("list", "builtins", None),
            ObjectSummary("OrderLine", "shop.models", "shop/models.py:21"),
        ),
        references=(Reference(0, 1, ".lines"), Reference(1, 2, "[0]"), Reference(2, 0, ".order")),
        edges=(
            Edge("Order", ".lines", "list", 2),
            Edge("OrderLine", ".order", "Order", 2),
            Edge("list", "[*]", "OrderLine", 2),
        ),
        members=(("Order", 2), ("OrderLine", 2), ("list", 2)),
        hanging=(("dict", 3),),
        bytes=1144,
    )
    return dataclasses.replace(cycle, **changes)


def example_report(*shapes: Cycle) -> CycleReport:
    """Make a report of the given shapes."""
    return CycleReport(
        "load_order()", sum(c.size for c in shapes), sum(c.bytes for c in shapes), ordered(shapes)
    )


def counted(report: CycleReport) -> Any:
    """Everything of a report that merging adds up, without examples and texts."""
    shapes = {
        (c.fingerprint, c.once, c.live): (c.count, c.edges, c.members, c.hanging, c.bytes)
        for c in report.cycles
    }
    return (report.objects, report.bytes, report.ignored, report.method, shapes)


def test_counts_of_a_cycle() -> None:
    """A cycle tells the objects in it apart from those hanging off it."""
    cycle = example_cycle()
    assert (cycle.in_cycle, cycle.size) == (6, 9)


def test_report_is_a_collection() -> None:
    """A report iterates over its shapes, has their number, and is true when there is one."""
    cycle = example_cycle()
    report = example_report(cycle)
    assert list(report) == [cycle]
    assert (len(report), bool(report)) == (1, True)
    assert not example_report()


def test_report_is_frozen() -> None:
    """No field of the data can be set."""
    cycle = example_cycle()
    for value in (example_report(), cycle, cycle.references[0], cycle.objects[0], cycle.edges[0]):
        name = dataclasses.fields(value)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, "other")


def test_order_of_shapes() -> None:
    """Shapes with most objects come first, then by fingerprint."""
    small = example_cycle(members=(("Order", 1),))
    late, early = example_cycle(fingerprint="ffffffff"), example_cycle(fingerprint="00000000")
    assert ordered([small, late, early]) == (early, late, small)


def test_str_is_the_text() -> None:
    """Printing a report prints its text."""
    assert str(example_report()) == "load_order() left no reference cycles"


def test_rendering_is_imported_when_asked_for() -> None:
    """Reports alone load no rendering."""
    code = "import cyclefree.reports, sys; print('cyclefree.render.text' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@quick
@given(reports())
def test_json_is_lossless(report: CycleReport) -> None:
    """A report read back from its JSON is equal to it."""
    assert CycleReport.from_json(report.to_json()) == report


@quick
@given(reports())
def test_pickle_is_lossless(report: CycleReport) -> None:
    """A report travels between processes by pickle."""
    assert pickle.loads(pickle.dumps(report)) == report


def test_json_names_its_schema() -> None:
    """The JSON is an object that says what it is."""
    assert json.loads(example_report().to_json())["schema"] == "cyclefree/cycle-report/1"


def test_json_passes_over_unknown_keys() -> None:
    """A key that a later version adds does not keep this one from reading."""
    data = json.loads(example_report(example_cycle()).to_json())
    data["later"] = data["cycles"][0]["later"] = 1
    assert CycleReport.from_json(json.dumps(data)) == example_report(example_cycle())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], "other/1", 'report.schema should be "cyclefree/cycle-report/1"'),
        (["scope"], None, "report.scope should be a string, but is null"),
        (["objects"], -1, "report.objects should be zero or more, but is -1"),
        (["objects"], True, "report.objects should be a whole number, but is true"),
        (["objects"], 1.0, "report.objects should be a whole number, but is 1.0"),
        (["cycles"], {}, "report.cycles should be a list"),
        (["cycles", 0], 3, r"report.cycles\[0\] should be an object, but is 3"),
        (["cycles", 0, "once"], 1, r"report.cycles\[0\].once should be true or false"),
        (["cycles", 0, "members", 0], ["Order"], r"members\[0\] should be a pair"),
        (["cycles", 0, "members", 0], ["Order", True], r"members\[0\] should be a pair"),
        (["cycles", 0, "references", 1, "target"], 9, r"references\[1\] should be a reference"),
        (["cycles", 0, "remedy"], [], r"report.cycles\[0\].remedy should be an object"),
        (["cycles", 0, "modules"], [1], r"modules\[0\] should be a string"),
        (["method"], "guess", 'report.method should be "trial deletion" or'),
        (["notes"], "x" * 200, "…"),
    ],
)
def test_wrong_json_values(path: list[Any], value: object, message: str) -> None:
    """A wrong value is refused with its place, what it should be, and what to do."""
    data = json.loads(example_report(example_cycle()).to_json())
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message) as caught:
        CycleReport.from_json(json.dumps(data))
    assert str(caught.value).endswith("pass what CycleReport.to_json() returned")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"text"', "{}", "[" * 100_000])
def test_other_json_is_refused(text: str) -> None:
    """Text that is no report, or no JSON at all, is one clear ValueError."""
    with pytest.raises(ValueError, match="not a cycle report") as caught:
        CycleReport.from_json(text)
    assert type(caught.value) is ValueError


def test_missing_field_is_named() -> None:
    """A missing field is told by its place."""
    data = json.loads(example_report(example_cycle()).to_json())
    del data["cycles"][0]["edges"][1]["count"]
    with pytest.raises(ValueError, match=r"report.cycles\[0\].edges\[1\].count is missing"):
        CycleReport.from_json(json.dumps(data))


@quick
@given(reports(), reports())
def test_merge_is_commutative(first: CycleReport, second: CycleReport) -> None:
    """The order in which reports are merged changes no number."""
    assert counted(CycleReport.merge(first, second)) == counted(CycleReport.merge(second, first))


@quick
@given(reports(), reports(), reports())
def test_merge_is_associative(a: CycleReport, b: CycleReport, c: CycleReport) -> None:
    """Merging in parts gives the same numbers as merging at once."""
    at_once = counted(CycleReport.merge(a, b, c))
    assert counted(CycleReport.merge(CycleReport.merge(a, b), c)) == at_once
    assert counted(CycleReport.merge(a, CycleReport.merge(b, c))) == at_once


@quick
@given(reports())
def test_merge_of_one(report: CycleReport) -> None:
    """One report merged is that report."""
    assert CycleReport.merge(report) == report


def test_merge_adds_one_shape_up() -> None:
    """The same shape from two reports is one entry with the numbers added."""
    other = example_cycle(count=1, members=(("OrderLine", 3), ("Order", 1)), modules=("shop",))
    merged = CycleReport.merge(example_report(example_cycle()), example_report(other))
    (cycle,) = merged.cycles
    assert cycle.count == 3
    assert cycle.members == (("OrderLine", 5), ("Order", 3), ("list", 2))
    assert cycle.hanging == (("dict", 6),)
    assert cycle.bytes == merged.bytes == 2288
    assert cycle.edges[0] == Edge("Order", ".lines", "list", 4)
    assert cycle.modules == ("shop",)
    assert merged.objects == merged.cycles[0].size == 16


def test_merge_keeps_once_and_live_apart() -> None:
    """What was born during imports, or is still reachable, is another entry."""
    shapes = [example_cycle(), example_cycle(once=True), example_cycle(live=True)]
    merged = CycleReport.merge(*map(example_report, shapes))
    assert len(merged) == 3


def test_merge_joins_scopes_and_notes() -> None:
    """Scopes are named while they are few; notes and threads are listed once."""
    parts = [CycleReport(f"f{n}()", 0, 0, (), notes=("same",)) for n in range(5)]
    assert CycleReport.merge(parts[0], parts[0]).scope == "f0()"
    assert CycleReport.merge(*parts[:3]).scope == "f0() + f1() + f2()"
    assert CycleReport.merge(*parts).scope == "f0() + 4 other scopes"
    assert CycleReport.merge(*parts).notes == ("same",)


def remedy(**changes: Any) -> Remedy:
    """Make the remedy of DESIGN section 3."""
    made = Remedy(
        text="in class OrderLine:  order = weak_attribute()",
        reference="OrderLine.order",
        proven=True,
        reason="checked: no cycle of this shape remains",
        marks=(2,),
        advice="make this one weak",
    )
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize(
    ("remedies", "proven"),
    [
        ([remedy()], True),
        ([remedy(), remedy(text="in other words", marks=())], True),
        ([remedy(), remedy(), remedy(reference="Order.lines")], False),
        ([remedy(), remedy(proven=False)], False),
        ([remedy(), None], False),
        ([remedy(proven=False), remedy()], False),
    ],
)
def test_merge_proves_what_each_look_has_proven(
    remedies: list[Remedy | None], proven: bool
) -> None:
    """The first remedy is kept; it is proven for all where each look has proven the same one."""
    parts = [example_report(example_cycle(remedy=each)) for each in remedies]
    (cycle,) = CycleReport.merge(*parts).cycles
    first = remedies[0]
    assert first is not None
    assert cycle.remedy is not None
    assert cycle.remedy.proven is proven
    if proven == first.proven:
        assert cycle.remedy == first
    else:
        assert "another change" in cycle.remedy.reason
        assert cycle.remedy.text == first.text


def test_merge_makes_no_remedy_up() -> None:
    """Where the first look has no remedy the entry has none."""
    parts = [example_report(example_cycle(remedy=each)) for each in (None, remedy())]
    assert CycleReport.merge(*parts).cycles[0].remedy is None


@pytest.mark.parametrize(("marks", "good"), [((), True), ((0, 2), True), ((3,), False)])
def test_marks_are_references_of_the_ring(marks: tuple[int, ...], good: bool) -> None:
    """A mark at a reference that is not there is refused: no text could show it."""
    report = example_report(example_cycle(remedy=remedy(marks=marks)))
    if good:
        assert CycleReport.from_json(report.to_json()) == report
    else:
        with pytest.raises(ValueError, match=r"cycles\[0\]\.remedy\.marks should be indices of 3"):
            CycleReport.from_json(report.to_json())


def test_merge_of_nothing_is_refused() -> None:
    """Merging no report is an error that says what to pass."""
    with pytest.raises(ValueError, match="pass one CycleReport or more"):
        CycleReport.merge()
