"""A clean call under the guard: by heap, beside the peers, with threads, without a collector."""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cyclefree
from benchmarks.table import Aim, Row, micro
from benchmarks.timing import Contender, Plan, Samples, differences, interleave, ratios, sample
from benchmarks.workloads import clean, heap, young

__all__ = ["clean_calls", "collector_off", "flatness", "sampled_calls", "threads", "young_objects"]

_LONGEST = Aim(20.0)
_DECORATED = "@assert_no_cycles"
_NUMPY = "numpy.testing.assert_no_gc_cycles"
_REFCYCLE = "refcycle.cycles_created_by"

_guarded = cyclefree.assert_no_cycles(clean)
_guard = cyclefree.assert_no_cycles()


def _block() -> None:
    with cyclefree.assert_no_cycles():
        clean()


def _same_guard() -> None:
    with _guard:
        clean()


def _scope() -> None:
    with cyclefree.cycle_scope():
        clean()


_OURS: dict[str, Callable[[], object]] = {
    _DECORATED: _guarded,
    "with assert_no_cycles()": _block,
    "with guard, made once": _same_guard,
    "with cycle_scope()": _scope,
}


def _peers() -> tuple[dict[str, Callable[[], object]], dict[str, str]]:
    """Return the peers that work here as calls, and why the others do not."""
    calls: dict[str, Callable[[], object]] = {}
    failures: dict[str, str] = {}
    for name in (_NUMPY, _REFCYCLE):
        module, _, function = name.rpartition(".")
        try:
            check = getattr(importlib.import_module(module), function)
            check(clean)
        except Exception as error:  # a peer that does not work here is a line of the table
            failures[name] = f"does not work here: {type(error).__name__}: {error}"
            continue

        def call(check: Callable[..., object] = check) -> object:
            return check(clean)

        calls[name] = call
    return calls, failures


def clean_calls(plan: Plan) -> Iterator[Row]:
    """Time a clean call at each heap: bare, guarded in each way, and under the peers."""
    peers, failures = _peers()
    for objects in plan.heaps:
        measure = f"clean call, {objects:,} extra objects"
        with heap(objects):
            samples = interleave(
                {
                    name: Contender(call, prepare=young(0.5))
                    for name, call in {"bare call": clean, **_OURS, **peers}.items()
                },
                plan.heavy_rounds,
                plan.batch_seconds,
            )
        bare = samples["bare call"]
        for name, taken in samples.items():
            yield Row(
                measure,
                name,
                "µs",
                micro(taken),
                aim=_LONGEST if name in _OURS else None,
                relative=ratios(taken, bare),
            )
        for name in peers:
            largest = name == _NUMPY and objects == 1_000_000
            yield Row(
                measure,
                f"{name} / {_DECORATED}",
                "×",
                ratios(samples[name], samples[_DECORATED]),
                aim=Aim(5_000, at_least=True) if largest else None,
            )
        for name, failure in failures.items():
            yield Row(measure, name, "µs", note=failure)


def flatness(plan: Plan) -> Iterator[Row]:
    """Time a clean call at a small and at a large heap in turns, each built anew for its sample."""
    small, large = plan.flat
    taken: dict[str, dict[int, Samples]] = {name: {small: [], large: []} for name in _OURS}
    for _ in range(plan.heavy_rounds):
        for objects in plan.flat:
            with heap(objects):
                samples = interleave(
                    {name: Contender(call, prepare=young(0.5)) for name, call in _OURS.items()},
                    1,
                    plan.batch_seconds,
                )
            for name, (only,) in samples.items():
                taken[name][objects].append(only)
    for name, at in taken.items():
        yield Row(
            "flat in the heap",
            f"{name}: {large:,} / {small:,} extra objects",
            "×",
            ratios(at[large], at[small]),
            aim=Aim(1.3),
        )


def young_objects(plan: Plan) -> Iterator[Row]:
    """Time a clean call with generation 0 empty, half full and nearly full: each look reads it."""
    shares = {"empty": 0.0, "half full": 0.5, "nearly full": 0.95}
    for name, call in list(_OURS.items())[:2]:
        samples = interleave(
            {state: Contender(call, prepare=young(share)) for state, share in shares.items()},
            plan.rounds,
            plan.batch_seconds,
        )
        for state, taken in samples.items():
            yield Row(
                "clean call by generation 0",
                f"{name}, generation 0 {state}",
                "µs",
                micro(taken),
                aim=_LONGEST,
                relative=ratios(taken, samples["empty"]),
            )


@contextmanager
def _blocked_threads(number: int) -> Iterator[None]:
    """Keep `number` threads waiting."""
    stop = threading.Event()
    waiting = [threading.Thread(target=stop.wait) for _ in range(number)]
    for thread in waiting:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in waiting:
            thread.join()


def threads(plan: Plan) -> Iterator[Row]:
    """Time a clean call while other threads wait: the guard asks whether each of them ran."""
    for number in (0, 1, 10):
        with _blocked_threads(number):
            samples = interleave(
                {"bare": Contender(clean), "guarded": Contender(_guarded)},
                plan.rounds,
                plan.batch_seconds,
            )
        yield Row(
            "clean call, other threads waiting",
            f"{_DECORATED}, {number} threads",
            "µs",
            micro(samples["guarded"]),
            aim=_LONGEST if number <= 1 else None,
            relative=ratios(samples["guarded"], samples["bare"]),
        )


def collector_off(plan: Plan) -> Iterator[Row]:
    """Time a clean call in a program without a collector, all of it in generation 0."""
    objects = 2 * plan.heaps[-1]
    first: Samples = []
    later: Samples = []
    for _ in range(3):
        enabled = gc.isenabled()
        gc.disable()
        try:
            kept: list[object] = [[] for _ in range(objects)]
            first.append(sample(Contender(_guarded), 1))
            later += interleave(
                {"later": Contender(_guarded)}, max(1, plan.rounds // 3), plan.batch_seconds
            )["later"]
            del kept
        finally:
            if enabled:
                gc.enable()
        gc.collect()
    measure = f"clean call, collector off, {objects:,} objects in generation 0"
    yield Row(measure, f"{_DECORATED}, the first call", "µs", micro(first))
    yield Row(measure, f"{_DECORATED}, later calls", "µs", micro(later), aim=_LONGEST)


def sampled_calls(plan: Plan) -> Iterator[Row]:
    """Time the calls that `sample=1000` leaves out."""
    sampled = cyclefree.assert_no_cycles(sample=1000)(clean)
    samples = interleave(
        {
            "bare": Contender(clean, calls=999),
            # The call that is checked is made outside the measured time.
            "skipped": Contender(sampled, prepare=sampled, calls=999),
        },
        4 * plan.rounds,
        plan.batch_seconds,
    )
    yield Row(
        "sample=1000",
        "a skipped call costs more by",
        "µs",
        micro(differences(samples["skipped"], samples["bare"])),
        aim=Aim(0.2),
        relative=ratios(samples["skipped"], samples["bare"]),
    )
