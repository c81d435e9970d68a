"""What it costs when there is something to tell: many cycles, and an audit of a program."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import cyclefree
from benchmarks.table import Row, micro
from benchmarks.timing import Contender, Plan, differences, interleave, ratios
from benchmarks.workloads import chain_of_six, make_rings

__all__ = ["audit", "describing"]

_EVERY = 100


def describing(plan: Plan) -> Iterator[Row]:
    """Time a block that leaves many cycles of one shape, and share the guard's part out."""
    number = plan.cycles

    def bare() -> None:
        make_rings(number)

    def watched() -> None:
        with cyclefree.cycle_scope() as report:
            make_rings(number)
        _expect(report, number)

    samples = interleave(
        {
            "bare": Contender(bare, prepare=gc.collect, calls=1),
            "watched": Contender(watched, prepare=gc.collect, calls=1),
        },
        plan.heavy_rounds,
        plan.batch_seconds,
    )
    yield Row(
        "describing",
        f"{number:,} cycles of two instances",
        "µs a cycle",
        micro(differences(samples["watched"], samples["bare"], number)),
        relative=ratios(samples["watched"], samples["bare"]),
    )


def audit(plan: Plan) -> Iterator[Row]:
    """Time a long scope, which rolls over, around many objects and a few cycles."""
    number = plan.audit
    cycles = -(-number // _EVERY)

    def bare() -> object:
        return chain_of_six(number, _EVERY)

    def watched() -> object:
        with cyclefree.cycle_scope() as report:
            made = chain_of_six(number, _EVERY)
        _expect(report, cycles)
        return made

    samples = interleave(
        {
            "bare": Contender(bare, prepare=gc.collect, calls=1),
            "watched": Contender(watched, prepare=gc.collect, calls=1),
        },
        max(3, plan.rounds // 4),
        plan.batch_seconds,
    )
    yield Row(
        "an audit",
        f"{number:,} living objects and {cycles:,} cycles of six",
        "µs an object",
        micro(differences(samples["watched"], samples["bare"], number + 6 * cycles)),
        relative=ratios(samples["watched"], samples["bare"]),
    )


def _expect(report: Iterable[cyclefree.Cycle], made: int) -> None:
    """Refuse a figure of a look that did not find what was there."""
    found = sum(cycle.count for cycle in report)
    if found != made:
        raise AssertionError(f"the scope found {found:,} cycles, and {made:,} were left")
