"""The simplest things for a collector to free."""

from __future__ import annotations

from typing import Any


class Slot:
    """An instance that is one object on every version."""

    __slots__ = ("__weakref__", "other")

    other: Any


def ring(length: int = 1) -> None:
    """Leave `length` objects that only the collector can free."""
    first = last = Slot()
    for _ in range(length - 1):
        last.other = Slot()
        last = last.other
    last.other = first
