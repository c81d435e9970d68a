"""Fingerprints: the same shape has the same one everywhere, two shapes have two."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from remedy_programs import PROGRAMS

from cyclefree import CycleReport, cycle_scope

ROOT = Path(__file__).parent.parent.parent

VARIED = """
import sys
sys.path.insert(0, {root!r})
from cyclefree import cycle_scope

class Registry:
    def __init__(self):
        self.entries = {{}}
        self.members = set()
        self.log = []

class Entry:
    def __init__(self, registry, key):
        self.registry = registry
        registry.entries[key] = self
        registry.members.add(self)
        registry.log.append(self)

padding = [object() for _ in range({padding})]
with cycle_scope() as report:
    for _ in range({registries}):
        registry = Registry()
        registry.log.extend(range({offset}))
        for number in range({entries}):
            Entry(registry, {prefix!r} + str(number))
        del registry
print(*[cycle.fingerprint for cycle in report])
"""


def varied(seed: str, **parts: object) -> str:
    """Run the program above in a process of its own and return the fingerprints it prints."""
    code = VARIED.format(root=str(ROOT), **parts)
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def test_counts_keys_positions_and_hash_seeds_do_not_matter() -> None:
    """Another process, other addresses, more objects, other keys, other indices: one shape."""
    found = {
        varied("0", padding=0, registries=1, offset=0, entries=1, prefix="a"),
        varied("1", padding=999, registries=1, offset=7, entries=3, prefix="key "),
        varied("2", padding=5, registries=20, offset=1, entries=2, prefix="é"),
    }
    assert len(found) == 1
    assert len(found.pop()) == 8, "one shape, eight digits"


def test_no_two_programs_share_a_fingerprint() -> None:
    """Each of the golden texts has fingerprints of its own."""
    seen: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / "golden").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                fingerprint = line.split()[4]
                assert seen.setdefault(fingerprint, path.stem) == path.stem
    assert len(seen) >= len(PROGRAMS) - 10


class Node:
    """What the cycles below are made of."""


def ring(*names: str) -> None:
    """Leave a ring of nodes, each referring to the next by its name."""
    nodes = [Node() for _ in names]
    for at, name in enumerate(names):
        setattr(nodes[at], name, nodes[(at + 1) % len(nodes)])


def fingerprints(*names: str) -> list[str]:
    with cycle_scope() as report:
        ring(*names)
    return [cycle.fingerprint for cycle in report]


def test_another_name_is_another_shape() -> None:
    """A ring through `.next` is not one through `.left`, nor one that also goes through it."""
    shapes = [
        fingerprints("next", "next"),
        fingerprints("left", "left"),
        fingerprints("next", "left"),
    ]
    assert all(len(shape) == 1 for shape in shapes)
    assert len({shape[0] for shape in shapes}) == 3


def test_another_class_is_another_shape() -> None:
    """The same names in two classes are two shapes, of two modules as well."""

    class Other:
        pass

    with cycle_scope() as report:
        ring("next", "next")
        first, second = Other(), Other()
        first.next, second.next = second, first  # type: ignore[attr-defined]
        del first, second
    assert len({cycle.fingerprint for cycle in report}) == 2


@pytest.mark.parametrize("times", [1, 5])
def test_ignore_takes_a_fingerprint(times: int) -> None:
    """A shape that is named is left out, however many there are of it, and counted."""
    (shape,) = fingerprints("next", "next")
    with cycle_scope(ignore=(shape,)) as report:
        for _ in range(times):
            ring("next", "next")
    assert not report.report
    assert report.report.ignored == times


def test_reports_of_two_processes_merge_by_shape() -> None:
    """What two processes saw of one shape is one entry, with the remedy that both have proven."""
    reports: list[CycleReport] = []
    for times in (1, 2):
        with cycle_scope() as report:
            for _ in range(times):
                ring("next", "previous")
        reports.append(CycleReport.from_json(report.report.to_json()))
    (cycle,) = CycleReport.merge(*reports)
    assert cycle.count == 3
    assert cycle.remedy is not None
    assert cycle.remedy.proven


def test_a_remedy_that_another_look_could_not_prove_is_no_longer_proven() -> None:
    """Merged with a look that found another remedy, a shape's remedy is only an example's."""
    with cycle_scope() as report:
        ring("next", "previous")
    (cycle,) = report.report
    assert cycle.remedy is not None
    unproven = replace(cycle, remedy=replace(cycle.remedy, proven=False))
    other = replace(report.report, cycles=(unproven,))
    (merged,) = CycleReport.merge(report.report, other)
    assert merged.remedy is not None
    assert not merged.remedy.proven
    assert "checked on the example" in merged.remedy.reason
