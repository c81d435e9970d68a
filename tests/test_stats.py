"""`GCStats`: JSON both ways, sums, and errors that name the place."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_reports import quick

from cyclefree import GCStats
from cyclefree.stats import SCHEMA

COUNTS = st.integers(0, 2**70)
SIGNED = st.integers(-(2**70), 2**70)
some_stats = st.builds(GCStats, COUNTS, COUNTS, COUNTS, SIGNED, st.none() | SIGNED, COUNTS)
EXAMPLE = GCStats(3, 2, 1_500_000, -40, 8_192, 1)


@quick
@given(some_stats)
def test_json_both_ways(stats: GCStats) -> None:
    """What `to_json` writes, on one line, `from_json` reads as an equal object."""
    text = stats.to_json()
    assert "\n" not in text
    assert json.loads(text) == {"schema": SCHEMA, **dataclasses.asdict(stats)}
    assert GCStats.from_json(text) == stats


def test_the_fields_are_those_of_the_contract() -> None:
    """Nothing has happened at first; the names are those of the public data."""
    assert dataclasses.asdict(GCStats()) == {
        "automatic_collections": 0,
        "explicit_collections": 0,
        "pause_ns": 0,
        "net_objects": 0,
        "rss_growth": None,
        "exceeded": 0,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        EXAMPLE.exceeded = 5  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(EXAMPLE)) == EXAMPLE
    assert len({EXAMPLE, GCStats.from_json(EXAMPLE.to_json())}) == 1


def test_keys_of_a_later_version_are_passed_over() -> None:
    """A file of a newer cyclefree with more in it can still be read."""
    data = {**json.loads(EXAMPLE.to_json()), "later": [1]}
    assert GCStats.from_json(json.dumps(data)) == EXAMPLE


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"schema": "cyclefree/gc-stats/2"}, 'stats.schema should be "cyclefree/gc-stats/1", but'),
        ({"schema": None}, "but is null"),
        ({"automatic_collections": -1}, "stats.automatic_collections should be zero or more"),
        ({"explicit_collections": True}, "stats.explicit_collections should be a whole number"),
        ({"pause_ns": 1.5}, "stats.pause_ns should be a whole number, but is 1.5"),
        ({"net_objects": "3"}, 'stats.net_objects should be a whole number, but is "3"'),
        ({"net_objects": None}, "stats.net_objects should be a whole number, but is null"),
        ({"rss_growth": False}, "stats.rss_growth should be a whole number, but is false"),
        ({"exceeded": [1]}, "stats.exceeded should be a whole number, but is [1]"),
    ],
)
def test_wrong_values_are_told_with_their_place(changed: dict[str, Any], said: str) -> None:
    """The message says what it is not, where, what was expected, and what to pass."""
    text = json.dumps({**json.loads(EXAMPLE.to_json()), **changed})
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        GCStats.from_json(text)
    assert str(caught.value).startswith("not a record of GCStats: ")
    assert str(caught.value).endswith("; pass what GCStats.to_json() returned")


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(GCStats)])
def test_no_field_may_be_missing(field: str) -> None:
    """A document without one of its fields is refused."""
    data = json.loads(EXAMPLE.to_json())
    del data[field]
    with pytest.raises(ValueError, match=rf"stats\.{field} is missing"):
        GCStats.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[1", "no", '{"schema": }', "[" * 100_000, "3", "[]"])
def test_what_is_no_record_of_figures(text: str) -> None:
    """No JSON, and JSON of another kind, are told apart from figures."""
    with pytest.raises(ValueError, match="not a record of GCStats"):
        GCStats.from_json(text)


@quick
@given(st.lists(some_stats, max_size=5))
def test_sums(several: list[GCStats]) -> None:
    """Each field is added up; memory only of those that have looked at it."""
    merged = GCStats.merge(*several)
    for field in dataclasses.fields(GCStats):
        values = [getattr(one, field.name) for one in several]
        known = [value for value in values if value is not None]
        nothing = None if field.name == "rss_growth" else 0
        assert getattr(merged, field.name) == (sum(known) if known else nothing)
    assert GCStats.merge(GCStats.merge(*several[:2]), *several[2:]) == merged


def test_memory_that_has_not_grown_is_not_unknown() -> None:
    """A growth of zero is a figure; None is none."""
    assert GCStats.merge(GCStats(rss_growth=0), GCStats()).rss_growth == 0
    assert GCStats.merge(GCStats(rss_growth=5), GCStats(rss_growth=-5)).rss_growth == 0
    assert GCStats.merge(GCStats(), GCStats()).rss_growth is None
    assert GCStats.merge() == GCStats()
