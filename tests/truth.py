"""What CPython's own collector says, for tests to compare with."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cyclefree import CycleReport
from cyclefree._definitions import type_name


@contextmanager
def collector_off() -> Iterator[None]:
    """Run a block with the collector off and nothing left for it to find; put its state back."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        collect_all()
        yield
        collect_all()
    finally:
        if enabled:
            gc.enable()


def collect_all() -> None:
    """Collect until nothing is found: finalizers may leave more."""
    for _ in range(5):
        if not gc.collect():
            return


def saved_by_collector(call: Callable[[], object]) -> Counter[str]:
    """Return the types, with their numbers, by which `gc.garbage` grows under `DEBUG_SAVEALL`.

    The collector should be off, and have nothing pending.
    """
    flags = gc.get_debug()
    before = len(gc.garbage)
    gc.set_debug(flags | gc.DEBUG_SAVEALL)
    try:
        call()
        gc.collect()
        types = Counter(map(type_name, map(type, gc.garbage[before:])))
    finally:
        del gc.garbage[before:]
        gc.set_debug(flags)
    collect_all()
    return types


def types_in(report: CycleReport) -> Counter[str]:
    """Return the types, with their numbers, of everything in a report."""
    types: Counter[str] = Counter()
    for cycle in report:
        for name, number in (*cycle.members, *cycle.hanging):
            types[name] += number
    return types


@contextmanager
def collected() -> Iterator[list[int]]:
    """Collect before a block; list how many objects each collection in it frees, and one after it.

    The truth about a block in which collections run: there, what `DEBUG_SAVEALL` saves would hold
    on to more.
    """
    freed: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            freed.append(info["collected"] + info["uncollectable"])

    collect_all()
    gc.callbacks.append(note)
    try:
        yield freed
        gc.collect()
    finally:
        gc.callbacks.remove(note)
