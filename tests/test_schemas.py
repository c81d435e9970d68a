"""The JSON Schemas in docs/: they describe what is written, all of it and nothing else."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from test_baseline import baselines
from test_reports import example_cycle, example_report, quick, reports
from test_stats import some_stats

from cyclefree import GCStats, cycle_scope, gc_frozen
from cyclefree.baseline import SCHEMA as BASELINE
from cyclefree.baseline import Baseline, BaselineEntry
from cyclefree.reports import (
    METHODS,
    SCHEMA,
    Cycle,
    CycleReport,
    Edge,
    ObjectSummary,
    Reference,
    Remedy,
)
from cyclefree.stats import SCHEMA as STATS

ROOT = Path(__file__).resolve().parent.parent
RECORDS = {cls.__name__: cls for cls in (Reference, ObjectSummary, Edge, Remedy, Cycle)}


def load(name: str) -> Any:
    """Read a schema of docs/."""
    return json.loads((ROOT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8"))


report_schema = load("cycle-report")
baseline_schema = load("baseline")
stats_schema = load("gc-stats")
report_validator = Draft202012Validator(report_schema)
baseline_validator = Draft202012Validator(baseline_schema)
stats_validator = Draft202012Validator(stats_schema)
SCHEMAS = [report_schema, baseline_schema, stats_schema]


def parts(schema: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each object's schema in a schema, with a name."""
    yield place or "top", schema
    yield from schema.get("$defs", {}).items()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_schemas_are_schemas(schema: Any) -> None:
    """They are valid in draft 2020-12, which they name."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_field_is_described(schema: Any) -> None:
    """A field without a sentence about it is no documentation; no unknown field is let in."""
    for name, part in parts(schema):
        assert part["description"].endswith("."), name
        for field, value in part.get("properties", {}).items():
            assert value["description"].endswith("."), f"{name}.{field}"
        if part["type"] == "object":
            assert part["additionalProperties"] is False, name


# --- the schema and the dataclasses ---------------------------------------------------------------


def expected(declared: str) -> dict[str, Any]:
    """Say what the schema of a field must be, from the type that its dataclass declares."""
    plain: dict[str, dict[str, Any]] = {
        "str": {"type": "string"},
        "int": {"type": "integer", "minimum": 0},
        "Signed": {"type": "integer"},
        "Signed | None": {"type": ["integer", "null"]},
        "bool": {"type": "boolean"},
        "str | None": {"type": ["string", "null"]},
        "Counts": {"type": "array", "items": {"$ref": "#/$defs/Count"}},
    }
    if declared in plain:
        return plain[declared]
    if declared.endswith(" | None"):
        return {"anyOf": [expected(declared.removesuffix(" | None")), {"type": "null"}]}
    if declared.startswith("tuple["):
        item = declared.removeprefix("tuple[").removesuffix(", ...]")
        return {"type": "array", "items": expected(item)}
    assert declared in RECORDS, f"say here what JSON a field of type {declared} becomes"
    return {"$ref": f"#/$defs/{declared}"}


def structure(properties: dict[str, Any]) -> dict[str, Any]:
    """Leave out of the fields' schemas what their types do not tell."""
    beside = ("description", "enum", "pattern")
    return {
        name: {key: part for key, part in value.items() if key not in beside}
        for name, value in properties.items()
    }


@pytest.mark.parametrize("cls", [CycleReport, *RECORDS.values()], ids=lambda cls: cls.__name__)
def test_the_schema_has_the_fields_of_the_dataclasses(cls: type) -> None:
    """A field added to a report, or changed, must be added to docs/cycle-report.schema.json."""
    part = dict(report_schema if cls is CycleReport else report_schema["$defs"][cls.__name__])
    properties = dict(part["properties"])
    if cls is CycleReport:
        assert properties.pop("schema")["const"] == SCHEMA
        assert properties["method"]["enum"] == list(METHODS)
    fields = {field.name: expected(str(field.type)) for field in dataclasses.fields(cls)}
    assert structure(properties) == fields
    assert set(part["required"]) == set(part["properties"])


def test_the_schema_describes_no_other_record() -> None:
    """Nothing stays in the schema that reports no longer have."""
    assert set(report_schema["$defs"]) == {*RECORDS, "Count"}
    assert set(baseline_schema["$defs"]) == {"BaselineEntry"}


def test_the_baselines_schema_has_the_fields_of_an_entry() -> None:
    """A field added to `BaselineEntry` must be added to docs/baseline.schema.json."""
    entry = baseline_schema["$defs"]["BaselineEntry"]
    fields = dataclasses.fields(BaselineEntry)
    assert structure(entry["properties"]) == {f.name: expected(str(f.type)) for f in fields}
    assert baseline_schema["properties"]["schema"]["const"] == BASELINE
    assert set(baseline_schema["properties"]) == {"schema", "cycles"}


def test_the_schema_of_the_figures_has_their_fields() -> None:
    """A field added to `GCStats` must be added to docs/gc-stats.schema.json."""
    properties = dict(stats_schema["properties"])
    assert properties.pop("schema") == {
        "description": "The kind and version of this document.",
        "const": STATS,
    }
    fields = {field.name: expected(str(field.type)) for field in dataclasses.fields(GCStats)}
    assert structure(properties) == fields
    assert set(stats_schema["required"]) == set(stats_schema["properties"])


# --- the schema and real documents ----------------------------------------------------------------


@quick
@given(reports())
def test_every_report_is_valid(report: CycleReport) -> None:
    """Whatever a report holds, its JSON is as the schema says."""
    report_validator.validate(json.loads(report.to_json()))


def test_a_real_report_is_valid() -> None:
    """Cycles of several kinds, with locals, closures, classes and hanging objects."""

    class Node:
        def __init__(self) -> None:
            self.others = [self]
            self.payload = ["hanging"]

    def closure() -> None:
        def walk() -> object:
            return walk

    def failure() -> None:
        try:
            raise ValueError
        except ValueError as error:
            kept = error

    with cycle_scope() as found:
        Node()
        closure()
        failure()
        type("Made", (), {})
    assert len(found.report) == 4
    report_validator.validate(json.loads(found.report.to_json()))


def test_the_audits_report_is_valid(tmp_path: Path) -> None:
    """What `--json` and `--baseline` write for the example is as the schemas say."""
    options = ["--quiet", "--json", tmp_path / "audit.json", "--update-baseline"]
    options += ["--baseline", tmp_path / "cycles.json"]
    done = subprocess.run(
        [sys.executable, "-m", "cyclefree", "run", *options, "examples/connections.py"],
        cwd=ROOT,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0
    data = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert len(data["report"]["cycles"]) >= 6
    report_validator.validate(data["report"])
    baseline = json.loads((tmp_path / "cycles.json").read_text(encoding="utf-8"))
    assert len(baseline["cycles"]) == data["recurring"]["shapes"]
    baseline_validator.validate(baseline)


REMEDY = Remedy("make it weak", "OrderLine.order", True, "it points back")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], "cyclefree/cycle-report/2"),
        (["scope"], None),
        (["objects"], -1),
        (["objects"], "3"),
        (["objects"], True),
        (["method"], "guess"),
        (["notes"], [1]),
        (["cycles"], {}),
        (["cycles", 0], 3),
        (["cycles", 0, "later"], 1),
        (["cycles", 0, "once"], 0),
        (["cycles", 0, "fingerprint"], "C3C4B619"),
        (["cycles", 0, "members", 0], ["Order"]),
        (["cycles", 0, "members", 0], ["Order", 1, 2]),
        (["cycles", 0, "members", 0], [1, "Order"]),
        (["cycles", 0, "references", 0, "target"], -1),
        (["cycles", 0, "objects", 0, "name"], False),
        (["cycles", 0, "edges", 0, "count"], 1.5),
        (["cycles", 0, "remedy"], []),
        (["cycles", 0, "remedy", "proven"], "yes"),
        (["cycles", 0, "remedy", "text"], None),
    ],
)
def test_changed_reports_are_refused(path: list[Any], value: object) -> None:
    """A wrong value anywhere is refused by the schema, at that place."""
    data = json.loads(example_report(example_cycle(remedy=REMEDY)).to_json())
    report_validator.validate(data)
    change(data, path, value)
    with pytest.raises(ValidationError) as caught:
        report_validator.validate(data)
    place = list(caught.value.absolute_path)
    assert place[: len(path)] == path[: len(place)]


def test_a_report_without_one_of_its_fields_is_refused() -> None:
    """Each key of a report and of its first cycle, and so on, has to be there."""
    text = example_report(example_cycle(remedy=REMEDY)).to_json()
    places: tuple[list[Any], ...] = (
        [],
        ["cycles", 0],
        *(["cycles", 0, name, 0] for name in ("objects", "references", "edges")),
        ["cycles", 0, "remedy"],
    )
    for path in places:
        for key in find(json.loads(text), path):
            data = json.loads(text)
            del find(data, path)[key]
            assert not report_validator.is_valid(data), (path, key)


@quick
@given(baselines)
def test_every_baseline_is_valid(baseline: Baseline) -> None:
    """Whatever people write into it, a baseline's JSON is as the schema says."""
    baseline_validator.validate(json.loads(baseline.to_json()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], "cyclefree/baseline/2"),
        (["more"], 1),
        (["cycles"], None),
        (["cycles", 0], "0badcafe"),
        (["cycles", 0, "fingerprint"], "0badcafe0"),
        (["cycles", 0, "fingerprint"], None),
        (["cycles", 0, "shape"], 1),
        (["cycles", 0, "modules"], [None]),
        (["cycles", 0, "reason"], 3),
        (["cycles", 0, "raeson"], "x"),
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(path: list[Any], value: object) -> None:
    """What an editor underlines by the schema is what the command line refuses."""
    data = json.loads(Baseline((BaselineEntry("0badcafe", "Node.next"),)).to_json())
    change(data, path, value)
    assert not baseline_validator.is_valid(data)
    with pytest.raises(ValueError, match="not a baseline"):
        Baseline.from_json(json.dumps(data))


def test_the_schema_and_the_reader_require_the_same() -> None:
    """`modules` and `reason` may be missing, the other keys may not."""
    text = Baseline((BaselineEntry("0badcafe", "Node.next"),)).to_json()
    for path in ([], ["cycles", 0]):
        for key in find(json.loads(text), path):
            data = json.loads(text)
            del find(data, path)[key]
            assert baseline_validator.is_valid(data) == (key in ("modules", "reason"))
            if key in ("modules", "reason"):
                assert Baseline.from_json(json.dumps(data)) == Baseline.from_json(text)
            else:
                with pytest.raises(ValueError, match="not a baseline"):
                    Baseline.from_json(json.dumps(data))


@quick
@given(some_stats)
def test_every_record_of_figures_is_valid(stats: GCStats) -> None:
    """Whatever was counted, its JSON is as the schema says."""
    stats_validator.validate(json.loads(stats.to_json()))


def test_the_figures_of_a_real_scope_are_valid() -> None:
    """With and without a memory budget."""
    with gc_frozen() as plain, gc_frozen(max_rss="1 GB") as measured:
        plain.checkpoint(idle=True)
    for frozen in (plain, measured):
        stats_validator.validate(json.loads(frozen.stats.to_json()))
    assert measured.stats.rss_growth is not None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "cyclefree/gc-stats/2"),
        ("automatic_collections", -1),
        ("explicit_collections", "3"),
        ("pause_ns", 1.5),
        ("net_objects", None),
        ("rss_growth", "1 MB"),
        ("exceeded", True),
    ],
)
def test_changed_figures_are_refused(key: str, value: object) -> None:
    """What the schema refuses, the reader refuses; a missing key both."""
    data = json.loads(GCStats(net_objects=-1, rss_growth=-1).to_json())
    stats_validator.validate(data)
    without = {name: one for name, one in data.items() if name != key}
    for wrong in ({**data, key: value}, without):
        assert not stats_validator.is_valid(wrong)
        with pytest.raises(ValueError, match="not a record of GCStats"):
            GCStats.from_json(json.dumps(wrong))


def find(data: Any, path: list[Any]) -> Any:
    """Follow a path of keys and indices."""
    for step in path:
        data = data[step]
    return data


def change(data: Any, path: list[Any], value: object) -> None:
    """Put a value at a path of keys and indices."""
    find(data, path[:-1])[path[-1]] = value
