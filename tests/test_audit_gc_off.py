"""`run --gc-off`: a whole program without the collector, with its verdict and its counters."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from test_audit import AUDIT, audited, execute, write

import cyclefree.audit
from cyclefree import GCStats, _counters, _rollover, cycle_scope, gc_frozen

RINGS = """
    import gc

    class Node:
        pass

    def ring():
        first, second = Node(), Node()
        first.other, second.other = second, first

    for _ in range(100):
        ring()
    assert gc.isenabled()
    print(gc.get_threshold())
"""


def test_a_program_runs_without_the_collector(tmp_path: Path) -> None:
    """The thresholds are those of `gc_frozen`, the verdict is that of a run without the option."""
    write(tmp_path, rings=RINGS)
    done = execute([*AUDIT, "--gc-off", "rings.py"], tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout == "(1000000, 2147483647, 2147483647)\n"
    *_, counters, verdict = done.stderr.splitlines()
    assert counters.startswith("without the collector: 0 automatic collections, 0 explicit ones, ")
    assert verdict == execute([*AUDIT, "rings.py"], tmp_path).stderr.splitlines()[-1]


def test_the_counters_are_in_the_json(tmp_path: Path) -> None:
    """They read back as `GCStats`; a run without the option has none."""
    write(tmp_path, app="import gc\ngc.collect()\nkept = [[] for _ in range(5000)]\n")
    data: dict[str, Any] = audited(tmp_path, "--gc-off", "app.py")
    stats = GCStats.from_json(json.dumps(data["gc_off"]))
    assert (stats.automatic_collections, stats.explicit_collections, stats.exceeded) == (0, 1, 0)
    assert 4_900 < stats.net_objects < 20_000
    assert stats.pause_ns > 0
    assert data["verdict"] == "safe"
    assert "gc_off" not in audited(tmp_path, "app.py")


def test_a_budget_that_is_used_up_is_told(tmp_path: Path) -> None:
    """A million objects are collected once by the interpreter itself, and the line says so."""
    write(tmp_path, app="kept = [[] for _ in range(1_000_500)]\n")
    done = execute([*AUDIT, "--gc-off", "--quiet", "app.py"], tmp_path)
    assert done.returncode == 0, done.stderr
    counters, verdict = done.stderr.splitlines()
    assert counters.startswith("without the collector: 1 automatic collection, 0 explicit ones, ")
    assert counters.endswith(", the budget of 1,000,000 objects used up once")
    assert verdict == "verdict: safe to run without the gc"


def test_where_memory_cant_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is said of it, and all else is."""
    monkeypatch.setattr(cyclefree.audit, "can_tell_resident", lambda: False)
    before = gc.get_threshold()
    frozen = cyclefree.audit._Frozen()
    try:
        assert gc.get_threshold() != before
        gc.collect()
        stats = frozen.stats()
    finally:
        frozen.scope.leave(failed=True)
    assert gc.get_threshold() == before
    assert (stats.rss_growth, stats.explicit_collections) == (None, 1)


def test_looks_are_no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a guard does when a collection starts is done before its time is taken."""
    events: list[str] = []
    clock = _counters.perf_counter_ns

    look = _rollover.absorb

    def absorb(*arguments: Any, **options: Any) -> None:
        events.append("look")
        look(*arguments, **options)

    def perf_counter_ns() -> int:
        events.append("clock")
        return clock()

    monkeypatch.setattr(_rollover, "absorb", absorb)
    monkeypatch.setattr(_counters, "perf_counter_ns", perf_counter_ns)
    with gc_frozen(), cycle_scope():
        gc.collect()
    assert events == ["look", "clock", "clock"]
