"""What a look costs for each object that a call leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import cyclefree
from benchmarks.table import Aim, Row, micro
from benchmarks.timing import Contender, Plan, differences, interleave, ratios
from benchmarks.workloads import instances, records, settled

__all__ = ["survivors"]

_EACH = Aim(1.2)

_KINDS: dict[str, Callable[[int], Callable[[], object]]] = {
    "dicts with a list each": records,
    "instances in a chain": instances,
}


def _undisturbed(call: Callable[[], object]) -> Callable[[], object]:
    """Return `call` with the collector off, as a guard holds it off: the work alone."""

    def undisturbed() -> object:
        gc.disable()
        try:
            return call()
        finally:
            gc.enable()

    return undisturbed


def _in_block(call: Callable[[], object]) -> Callable[[], object]:
    """Return `call` in a block, whose guard does not know the result."""

    def block() -> object:
        with cyclefree.assert_no_cycles():
            result = call()
        return result

    return block


def survivors(plan: Plan) -> Iterator[Row]:
    """Time calls that return many objects, and share the guard's part out among them."""
    for kind, make in _KINDS.items():
        for number in plan.survivors:
            call = make(number)
            samples = interleave(
                {
                    name: Contender(run, prepare=settled, calls=max(1, 2_000 // number))
                    for name, run in {
                        "bare": call,
                        "held": _undisturbed(call),
                        "@assert_no_cycles": cyclefree.assert_no_cycles(call),
                        "with assert_no_cycles()": _in_block(call),
                    }.items()
                },
                plan.rounds,
                plan.batch_seconds,
            )
            for name in ("@assert_no_cycles", "with assert_no_cycles()"):
                taken = samples[name]
                case = f"{number:,} {kind}, {name}"
                more = differences(taken, samples["held"], number)
                yield Row(
                    "a survivor (more than without a collector; × the call as it is)",
                    case,
                    "µs each",
                    micro(more),
                    aim=_EACH,
                    relative=ratios(taken, samples["bare"]),
                )
