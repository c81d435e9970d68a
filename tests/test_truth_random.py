"""Random graphs: what is reported is what the collector then finds, each time."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
import random_graphs
from truth import collected

from cyclefree import CycleReport, assert_no_cycles


@pytest.mark.parametrize("name", random_graphs.PROPERTIES)
def test_the_same_as_the_collector(name: str) -> None:
    """The property holds for all random graphs that Hypothesis tries."""
    child = subprocess.run(
        [sys.executable, random_graphs.__file__, name],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-4000:]


def test_a_cycle_through_an_older_object_collected_inside() -> None:
    """A full collection inside the call takes no such cycle away unseen either."""
    older = [random_graphs.Plain()]

    def call() -> None:
        node = random_graphs.Plain()
        node.older = older.pop()
        node.older.node = node
        del node
        gc.collect()

    reports: list[CycleReport] = []
    with collected() as freed:
        assert_no_cycles(action=reports.append)(call)()
    assert [report.objects for report in reports] == [sum(freed)]
    assert sum(freed) >= 2
