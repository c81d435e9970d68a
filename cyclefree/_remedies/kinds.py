"""What kind of cycle it is, told from the graph.

The kinds are looked for one after the other, from the one that explains most: a class brings cycles
of its own, a traceback ties frames to exceptions, and so on. What a kind explains is taken out
before the next is looked for, so that a component in which several are mixed is called by all of
them.
"""

from __future__ import annotations

from collections.abc import Sequence

from cyclefree._graph import strongly_connected
from cyclefree._remedies.feedback import Rows
from cyclefree._remedies.ties import (
    CLASS,
    CONTAINER,
    EXCEPTION,
    FRAME,
    FUNCTION,
    INSTANCE,
    METHOD,
    SUSPENDED,
    TRACEBACK,
)

__all__ = ["kinds"]

_BY_SORT = (
    (CLASS, "a class made at run time"),
    (TRACEBACK, "exception ↔ traceback ↔ frame"),
    (SUSPENDED, "suspended generator or coroutine ↔ its own frame"),
    (FRAME, "a frame that its own local holds"),
    (METHOD, "an instance that stores its own bound method"),
)
_RECURSIVE = "recursive closure"
_CLOSES_OVER = "an instance that stores a function that closes over it"
_CONTAINER = "a container that holds itself"
_ONE_INSTANCE = "an instance that refers to itself"
_INSTANCES = "instances that refer to each other"


def kinds(rows: Rows, sorts: Sequence[int]) -> tuple[str, ...]:
    """Name the kinds of cycle in a component.

    Args:
        rows: its references.
        sorts: what each of its objects is, as `ties.sort_of` says.

    Returns:
        One name or more, the kind that explains most first.
    """
    found: list[str] = []
    inside = set(range(len(rows)))
    for sort, name in _BY_SORT:
        if any(sorts[at] == sort for at in inside):
            found.append(name)
            inside = _in_cycles(rows, {at for at in inside if sorts[at] != sort})
    functions = {at for at in inside if sorts[at] == FUNCTION}
    containers = {at for at in inside if sorts[at] == CONTAINER}
    if functions:
        # Functions and what they close over are a recursion; with an instance among them they are
        # what it stores.
        if functions & _in_cycles(rows, functions | containers):
            found.append(_RECURSIVE)
        instances = {at for at in inside if sorts[at] in (INSTANCE, EXCEPTION)}
        if any(functions & part and instances & part for part in _components(rows, inside)):
            found.append(_CLOSES_OVER)
        inside = _in_cycles(rows, inside - functions)
    others = {at for at in inside if sorts[at] != CONTAINER}
    if others:
        found.append(_INSTANCES if len(others) > 1 else _ONE_INSTANCE)
    if _in_cycles(rows, inside - others):
        found.append(_CONTAINER)
    return tuple(found)


def _in_cycles(rows: Rows, inside: set[int]) -> set[int]:
    """Return those of the objects inside that are in a cycle of such objects."""
    return set().union(*_components(rows, inside))


def _components(rows: Rows, inside: set[int]) -> list[set[int]]:
    """List the objects inside that reach each other, where there is a cycle of them."""
    plain = [
        [target for _, target in row if target in inside] if at in inside else []
        for at, row in enumerate(rows)
    ]
    return [
        set(component)
        for component in strongly_connected(plain)
        if len(component) > 1 or component[0] in plain[component[0]]
    ]
