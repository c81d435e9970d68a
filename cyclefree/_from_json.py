"""Read frozen dataclasses back from JSON, strictly: what is wrong is said with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

__all__ = ["read_document", "read_record", "wrong"]

_KINDS = {"report": ("cycle report", "CycleReport"), "stats": ("record of GCStats", "GCStats")}
"""What a document is called by its root, and which class writes it."""


def read_document(text: str, root: str, schema: str) -> object:
    """Parse a document and check that it is of the schema.

    Args:
        text: the JSON text.
        root: what its root is called in messages, `"report"` or `"stats"`.
        schema: what its key `"schema"` should say.

    Raises:
        ValueError: the text is no JSON, or of another schema.
    """
    try:
        data: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise _not_one(root, f"the text is no JSON ({error})") from None
    except RecursionError:
        raise _not_one(root, "the JSON is nested too deeply") from None
    found = data.get("schema") if type(data) is dict else data
    if found != schema:
        raise wrong(f"{root}.schema", json.dumps(schema), found)
    return data


def wrong(place: str, expected: str, value: object) -> ValueError:
    """Return the error for a value that is not what it should be."""
    found = json.dumps(value)
    if len(found) > 60:
        found = found[:59] + "…"
    return _not_one(place, f"{place} should be {expected}, but is {found}")


def _not_one(place: str, why: str) -> ValueError:
    """Return the error that says what a document is not, why, and what to pass instead."""
    kind, writer = _KINDS.get(place.partition(".")[0], _KINDS["report"])
    return ValueError(f"not a {kind}: {why}; pass what {writer}.to_json() returned")


def read_record(cls: type, value: object, place: str, records: Mapping[str, type]) -> Any:
    """Build a dataclass from a JSON object, field by field; keys that it has not are passed over.

    Args:
        cls: the dataclass.
        value: the JSON value.
        place: where in the document it stands, for messages.
        records: the dataclasses that fields may declare, by name.

    Raises:
        ValueError: a field is missing or of another type; the message says which.
    """
    if type(value) is not dict:
        raise wrong(place, "an object", value)
    values: dict[str, object] = {}
    for field in fields(cls):
        if field.name not in value:
            raise _not_one(place, f"{place}.{field.name} is missing")
        values[field.name] = _read(
            str(field.type), value[field.name], f"{place}.{field.name}", records
        )
    return cls(**values)


def _read(declared: str, value: object, place: str, records: Mapping[str, type]) -> object:
    """Check one JSON value against the declared type of its field, and convert it."""
    if declared.endswith(" | None"):
        return (
            None
            if value is None
            else _read(declared.removesuffix(" | None"), value, place, records)
        )
    if declared in records:
        return read_record(records[declared], value, place, records)
    if declared.startswith("tuple["):
        if type(value) is not list:
            raise wrong(place, "a list", value)
        item = declared.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(
            _read(item, one, f"{place}[{index}]", records) for index, one in enumerate(value)
        )
    if declared == "Counts":
        return _read("tuple[pair, ...]", value, place, records)
    if declared == "pair":
        return _read_pair(value, place)
    # type() and not isinstance: to Python, true is a number too.
    if type(value) is not _PLAIN[declared][0]:
        raise wrong(place, _PLAIN[declared][1], value)
    if declared == "int" and type(value) is int and value < 0:
        raise wrong(place, "zero or more", value)
    return value


def _read_pair(value: object, place: str) -> tuple[str, int]:
    match value:
        case [str(name), int(number)] if type(number) is int and number >= 0:
            return (name, number)
    raise wrong(place, "a pair [type name, number]", value)


_PLAIN: dict[str, tuple[type, str]] = {
    "str": (str, "a string"),
    "int": (int, "a whole number"),
    "Signed": (int, "a whole number"),
    "bool": (bool, "true or false"),
}
