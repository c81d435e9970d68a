"""The command: `python -m benchmarks [--quick] [--only NAME] [--json FILE]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import (
    calls,
    coroutines,
    explaining,
    findings,
    forking,
    frozen,
    imports,
    survivors,
)
from benchmarks.table import Row, markdown, to_json
from benchmarks.timing import Plan

__all__ = ["FULL", "MEASURES", "QUICK", "main", "run"]

FULL = Plan()
QUICK = Plan(
    rounds=7,
    batch_seconds=0.003,
    heaps=(0, 10_000, 100_000),
    flat=(10_000, 300_000),
    survivors=(100, 10_000),
    tasks=200,
    steps=1_000,
    cycles=2_000,
    explained=(1_000, 10_000),
    audit=50_000,
    processes=7,
)

MEASURES: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "calls": calls.clean_calls,
    "flatness": calls.flatness,
    "young": calls.young_objects,
    "threads": calls.threads,
    "off": calls.collector_off,
    "sample": calls.sampled_calls,
    "survivors": survivors.survivors,
    "coroutines": coroutines.steps,
    "describe": findings.describing,
    "explain": explaining.explaining,
    "audit": findings.audit,
    "frozen": frozen.frozen,
    "forking": forking.forking,
    "imports": imports.imports,
}


def run(plan: Plan, names: Sequence[str], progress: bool = False) -> list[Row]:
    """Return the rows of the measures called `names`, one after the other."""
    rows: list[Row] = []
    for name in names:
        if progress:
            print(f"measuring {name} ...", file=sys.stderr)
        rows += MEASURES[name](plan)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status: 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: under a minute")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(MEASURES),
        help="this measure; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    chosen = parser.parse_args(arguments)
    plan = QUICK if chosen.quick else FULL
    rows = run(plan, chosen.only or list(MEASURES), progress=True)
    print(markdown(rows))
    if chosen.json is not None:
        chosen.json.write_text(to_json(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
