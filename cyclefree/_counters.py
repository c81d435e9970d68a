"""What the collector did while it was deferred: counted by a hook that is there only meanwhile.

The totals are one tuple, replaced at each collection: who wants to know what happened since a
moment remembers the tuple of that moment, which costs nothing, and compares
(tests/test_counters.py).
"""

from __future__ import annotations

import gc
from time import perf_counter_ns
from typing import NamedTuple

__all__ = ["LARGEST", "Totals", "mark_moved", "net_now", "on_collection"]

LARGEST = 2**31 - 1
"""The largest threshold that the collector takes: a C int."""


class Totals(NamedTuple):
    """What has been counted since cyclefree was imported.

    Attributes:
        automatic: collections that the interpreter started because a threshold was passed.
        explicit: all others.
        pause_ns: nanoseconds from a collection's first to its last callback.
        net: containers that left generation 0 by a collection, less those that it freed (objects).
        spent: automatic collections that came because a budget of ours was used up.
        moved: how often the young were moved to an older generation without a collection.
    """

    automatic: int = 0
    explicit: int = 0
    pause_ns: int = 0
    net: int = 0
    spent: int = 0
    moved: int = 0


totals = Totals()
"""What has been counted so far."""

_started: tuple[int, bool, bool, int] | None = None


def net_now() -> int:
    """Return the running estimate of containers that were made and not freed, in constant time.

    `gc.get_count()[0]` counts them since the last young collection; what earlier ones took over is
    in the totals. Only differences mean something.
    """
    return totals.net + gc.get_count()[0]


def on_collection(phase: str, info: dict[str, int]) -> None:
    """Count a collection; for `gc.callbacks`.

    The interpreter starts one itself only when more are young than the threshold allows, which is
    still to be seen when the callbacks run, on CPython 3.10 to 3.13
    (tests/test_counters.py::test_who_asked_for_a_collection).
    """
    global _started, totals
    if phase == "start":
        young = gc.get_count()[0]
        threshold, middle, full = gc.get_threshold()
        automatic = 0 < threshold < young and gc.isenabled()
        spent = automatic and middle == full == LARGEST
        _started = perf_counter_ns(), automatic, spent, young
    elif _started is not None:  # otherwise the hook was put in while a collection ran
        began, automatic, spent, young = _started
        _started = None
        totals = Totals(
            totals.automatic + automatic,
            totals.explicit + (not automatic),
            totals.pause_ns + perf_counter_ns() - began,
            totals.net + young - info["collected"],
            totals.spent + spent,
            totals.moved,
        )


def mark_moved() -> None:
    """Count in what is about to leave generation 0 without a collection."""
    global totals
    young = gc.get_count()[0]
    totals = totals._replace(net=totals.net + young, moved=totals.moved + 1)
