"""Run CPython without its cyclic garbage collector: find reference cycles, and keep them out.

Begin with `cycle_scope`:

>>> import cyclefree
>>> with cyclefree.cycle_scope() as report:
...     ring = []
...     ring.append(ring)
...     del ring
>>> report.objects
1

The rooms, from the ground up. Each imports only from those above it (tests/test_layers.py):

    errors      every exception and warning
    _from_json  frozen data read back, with errors that name the place
    reports     what was found, as frozen data: CycleReport, Cycle, Reference, ObjectSummary
    stats       what the collector did meanwhile, as frozen data: GCStats
    baseline    known shapes of cycles, each with the reason why it is still there
    render      from reports to text, and nothing else
    weak        weak_attribute, WeakCallback; stands beside all others and needs errors only
    _sharing    who else ran meanwhile
    _heap       the objects of a moment, listed so that other threads do not notice
    _counters   what collections did while the collector was deferred
    _collector, _thresholds              the only rooms that change the collector's state, and put
                                         it back: who pauses it, who defers it
    _definitions, _outlines              where things are defined, and what they are called
    _bytecode, _locals                   which locals are bound where, and what they are called
    _attributes, _c_members, _references   what references are called
    _window                              what was born since a moment
    _garbage, _graph                     trial deletion; components and rings
    _labels                              what is told of an object apart from its identity
    _remedies                            kinds of cycles, and the smallest change that removes each
    _shapes                              from live garbage to the data of a report
    _options, _verdict, _watch, _fallback   one guarded call, from its first moment to its verdict
    _decorate                            guards as decorators, for functions of every kind
    cycles      assert_no_cycles, cycle_scope, find_cycles
    _memory, _budget, _period, _frozen_scope   the options, budgets and figures of gc_frozen
    freeze      gc_frozen, net_objects
    workers     warmup, before_fork, after_fork_in_child
    _program, _arguments, audit, cli     python -m cyclefree run
"""

from __future__ import annotations

from cyclefree.cycles import CycleHandle, CycleScope, assert_no_cycles, cycle_scope, find_cycles
from cyclefree.errors import (
    BudgetExceededError,
    CollectorError,
    CyclefreeError,
    CyclefreeWarning,
    CyclesFoundError,
    ReportNotReadyError,
)
from cyclefree.freeze import FrozenScope, gc_frozen, net_objects
from cyclefree.reports import Cycle, CycleReport, Edge, ObjectSummary, Reference, Remedy
from cyclefree.stats import GCStats
from cyclefree.weak import WeakCallback, weak_attribute
from cyclefree.workers import after_fork_in_child, before_fork, warmup

__all__ = [
    "BudgetExceededError",
    "CollectorError",
    "Cycle",
    "CycleHandle",
    "CycleReport",
    "CycleScope",
    "CyclefreeError",
    "CyclefreeWarning",
    "CyclesFoundError",
    "Edge",
    "FrozenScope",
    "GCStats",
    "ObjectSummary",
    "Reference",
    "Remedy",
    "ReportNotReadyError",
    "WeakCallback",
    "after_fork_in_child",
    "assert_no_cycles",
    "before_fork",
    "cycle_scope",
    "find_cycles",
    "gc_frozen",
    "net_objects",
    "warmup",
    "weak_attribute",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("cyclefree")
        except PackageNotFoundError:  # a checkout that is not installed
            return "0+unknown"
    raise AttributeError(f"module 'cyclefree' has no attribute {name!r}")
