"""Stub."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Stub."""

    library: str
    types: tuple[str, ...]
    text: str
    reason: str
    lets_go: tuple[str, ...]
    once: bool = False
    until: tuple[int, int] | None = None


def recipe_for(
    modules: Collection[str], types: Collection[str], names: Collection[str]
) -> Recipe | None:
    """Stub."""
    return None
