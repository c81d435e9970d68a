"""What it costs to enter and leave `gc_frozen`, beside the least that a context manager can do.

The peers save the thresholds, set others and put the old ones back, and nothing else: nothing that
nests, overlaps over threads, counts, or survives a Ctrl-C.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import cyclefree
from benchmarks.table import Aim, Row, micro
from benchmarks.timing import Contender, Plan, Samples, differences, interleave, ratios
from benchmarks.workloads import heap, young

__all__ = ["frozen"]

_BUDGET = 1_000_000
_LARGEST = 2**31 - 1

_TIMES_MINIMAL = Aim(2.5)
_NESTED = Aim(1.0)
_FLAT = Aim(1.3)


class Minimal:
    """The peer: saves the thresholds, sets others, and puts the old ones back."""

    def __enter__(self) -> Minimal:
        self._saved = gc.get_threshold()
        gc.set_threshold(_BUDGET, _LARGEST, _LARGEST)
        return self

    def __exit__(self, *failure: object) -> None:
        gc.set_threshold(*self._saved)


@contextmanager
def _minimal() -> Iterator[None]:
    """Do as `Minimal` does, as most people write it."""
    saved = gc.get_threshold()
    gc.set_threshold(_BUDGET, _LARGEST, _LARGEST)
    try:
        yield
    finally:
        gc.set_threshold(*saved)


def _nothing() -> None:
    """Do what is in every block that is timed: nothing."""


_minimal_once = Minimal()
_guard = cyclefree.gc_frozen()
_outer = cyclefree.gc_frozen()
_decorated = cyclefree.gc_frozen(_nothing)


def _minimal_fresh() -> None:
    with Minimal():
        pass


def _minimal_reused() -> None:
    with _minimal_once:
        pass


def _minimal_generator() -> None:
    with _minimal():
        pass


def _minimal_around() -> None:
    with _minimal_once:
        _nothing()


def _fresh() -> None:
    with cyclefree.gc_frozen():
        pass


def _reused() -> None:
    with _guard:
        pass


def _reentered() -> None:
    with _outer:
        pass


def _checkpoint() -> None:
    _outer.checkpoint()


def _net_objects() -> None:
    cyclefree.net_objects()


_CONTEXTLIB = "peer: @contextlib.contextmanager"
_NESTED_REUSED = "nested: the open guard, entered again"

# Each with the peer that does as much: what is made anew for each entry, and what is not.
_ENTRIES: dict[str, tuple[Callable[[], object], str]] = {
    "with gc_frozen()": (_fresh, "peer: with Minimal()"),
    "with guard, made once": (_reused, "peer: with minimal, made once"),
    "@gc_frozen": (_decorated, "peer: with minimal in a function"),
}
_PEERS: dict[str, Callable[[], object]] = {
    "peer: with Minimal()": _minimal_fresh,
    "peer: with minimal, made once": _minimal_reused,
    "peer: with minimal in a function": _minimal_around,
    _CONTEXTLIB: _minimal_generator,
}
_INSIDE: dict[str, Callable[[], object]] = {
    _NESTED_REUSED: _reentered,
    "nested: with gc_frozen()": _fresh,
    "checkpoint() without a reason": _checkpoint,
    "net_objects()": _net_objects,
}
_OURS = (*_ENTRIES, *_INSIDE)

_EMPTY = "an empty call"

Taken = dict[int, dict[str, Samples]]
"""Seconds of each contender, by the size of the heap, less those of an empty call."""


def frozen(plan: Plan) -> Iterator[Row]:
    """Time entries and exits at a small and at a large heap in turns, each built anew."""
    sizes = (plan.heaps[0], plan.heaps[-1])
    taken: Taken = {objects: {} for objects in sizes}
    for _ in range(plan.heavy_rounds):
        for objects in sizes:
            with heap(objects):
                for name, seconds in _one_round(plan).items():
                    taken[objects].setdefault(name, []).extend(seconds)
    for objects in sizes:
        yield from _rows(f"gc_frozen, {objects:,} extra objects", taken[objects])
    yield from _flatness(taken, *sizes)


def _one_round(plan: Plan) -> dict[str, Samples]:
    """Return a sample of everything, the guard shut for what enters it, open for the rest."""
    prepare = young(0.5)
    outside = {_EMPTY: _nothing, **_PEERS, **{name: run for name, (run, _) in _ENTRIES.items()}}
    inside = {_EMPTY: _nothing, **_INSIDE}
    taken = _timed(outside, prepare, plan)
    with _outer:
        taken.update(_timed(inside, prepare, plan))
    return taken


def _timed(
    calls: Mapping[str, Callable[[], object]], prepare: Callable[[], object], plan: Plan
) -> dict[str, Samples]:
    """Return a sample of each call, less the empty one, which is left out."""
    samples = interleave(
        {name: Contender(call, prepare) for name, call in calls.items()}, 1, plan.batch_seconds
    )
    empty = samples.pop(_EMPTY)
    return {name: differences(seconds, empty) for name, seconds in samples.items()}


def _rows(measure: str, taken: Mapping[str, Samples]) -> Iterator[Row]:
    """Return what was timed at one size of the heap: the figures, then the ratios."""
    base = taken["peer: with minimal, made once"]
    for name in (*_PEERS, *_OURS):
        aim = _NESTED if name == _NESTED_REUSED else None
        yield Row(measure, name, "µs", micro(taken[name]), aim, ratios(taken[name], base))
    for name, (_, peer) in _ENTRIES.items():
        times = ratios(taken[name], taken[peer])
        yield Row(measure, f"{name} / {peer.removeprefix('peer: ')}", "×", times, _TIMES_MINIMAL)
    times = ratios(taken["with gc_frozen()"], taken[_CONTEXTLIB])
    yield Row(measure, f"with gc_frozen() / {_CONTEXTLIB.removeprefix('peer: ')}", "×", times)


def _flatness(taken: Taken, small: int, large: int) -> Iterator[Row]:
    """Return how much more each costs at the large heap."""
    for name in _OURS:
        case = f"{name}: {large:,} / {small:,} extra objects"
        times = ratios(taken[large][name], taken[small][name])
        yield Row("gc_frozen is flat in the heap", case, "×", times, _FLAT)
