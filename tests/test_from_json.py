"""Reading frozen dataclasses back from JSON: what is wrong is said with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from cyclefree._from_json import read_record, wrong


@dataclass(frozen=True)
class Inner:
    """A record in a record."""

    name: str


@dataclass(frozen=True)
class Outer:
    """A record with a field of each type that there is."""

    text: str
    number: int
    flag: bool
    note: str | None
    inner: Inner | None
    many: tuple[Inner, ...]
    words: tuple[str, ...]
    counts: Counts  # type: ignore[name-defined]  # noqa: F821 (a name, and nothing else, is read)


RECORDS: dict[str, type] = {"Inner": Inner}
GOOD: dict[str, Any] = {
    "text": "a",
    "number": 0,
    "flag": True,
    "note": None,
    "inner": {"name": "i"},
    "many": [{"name": "a"}, {"name": "b"}],
    "words": ["x"],
    "counts": [["list", 2]],
}


def read(**changed: object) -> Outer:
    """Read a record with some of its values changed."""
    record: Outer = read_record(Outer, {**GOOD, **changed}, "outer", RECORDS)
    return record


def test_each_type_is_read() -> None:
    """Lists become tuples, objects become records, null stays where it is allowed."""
    assert read() == Outer(
        *("a", 0, True, None, Inner("i"), (Inner("a"), Inner("b")), ("x",), (("list", 2),))
    )
    assert read(note="n", inner=None, many=[], words=[], counts=[]) == Outer(
        *("a", 0, True, "n", None, (), (), ())
    )


def test_unknown_keys_are_passed_over() -> None:
    """What a later version has added is no error."""
    assert read(later=1) == read()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": None}, "outer.text should be a string, but is null"),
        ({"text": 1}, "outer.text should be a string, but is 1"),
        ({"number": True}, "outer.number should be a whole number, but is true"),
        ({"number": 1.0}, "outer.number should be a whole number, but is 1.0"),
        ({"number": -1}, "outer.number should be zero or more, but is -1"),
        ({"flag": 0}, "outer.flag should be true or false, but is 0"),
        ({"note": 5}, "outer.note should be a string, but is 5"),
        ({"inner": []}, "outer.inner should be an object, but is []"),
        ({"inner": {}}, "outer.inner.name is missing"),
        ({"inner": {"name": 3}}, "outer.inner.name should be a string, but is 3"),
        ({"many": {}}, "outer.many should be a list, but is {}"),
        ({"many": [{"name": "a"}, 1]}, "outer.many[1] should be an object, but is 1"),
        ({"words": ["a", None]}, "outer.words[1] should be a string, but is null"),
        ({"counts": [["a", 1], ["b"]]}, "outer.counts[1] should be a pair"),
        ({"counts": [["a", True]]}, "outer.counts[0] should be a pair"),
        ({"counts": [["a", -1]]}, "outer.counts[0] should be a pair"),
        ({"counts": [[1, 1]]}, "outer.counts[0] should be a pair"),
        ({"counts": ["ab"]}, "outer.counts[0] should be a pair"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(changed: dict[str, object], message: str) -> None:
    """A value of another type is refused: where it stands, what it should be, what it is."""
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        read(**changed)
    assert str(raised.value).endswith("pass what CycleReport.to_json() returned")


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_a_record_is_an_object(value: object) -> None:
    """Anything else than a JSON object is no record."""
    with pytest.raises(ValueError, match="outer should be an object"):
        read_record(Outer, value, "outer", RECORDS)


def test_a_missing_field_is_named() -> None:
    """A field without a value is refused, also one that the dataclass has a default for."""
    value = {key: one for key, one in GOOD.items() if key != "flag"}
    with pytest.raises(ValueError, match=r"outer\.flag is missing"):
        read_record(Outer, value, "outer", RECORDS)


def test_long_values_are_cut() -> None:
    """A message quotes 60 characters of what was found at most."""
    message = str(wrong("x", "a number", "y" * 1_000))
    assert "y" * 58 + "…;" in message
    assert len(message) < 200
    assert f'"{"y" * 58}"' in str(wrong("x", "a number", "y" * 58))
