"""Run CPython without its cyclic garbage collector: find reference cycles, and keep them out.

The rooms, from the ground up. Each imports only from those above it (tests/test_layers.py):

    errors      every exception and warning
    _from_json  frozen data read back, with errors that name the place
    reports     what was found, as frozen data: CycleReport, Cycle, Reference, ObjectSummary
    baseline    known shapes of cycles, each with the reason why it is still there
    render      from reports to text, and nothing else
    weak        weak_attribute, WeakCallback; stands beside all others and needs errors only
    _sharing    who else ran meanwhile
    _heap       the objects of a moment, listed so that other threads do not notice
    _collector  the only room that changes the collector's state, and puts it back
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
    _program, _arguments, audit, cli     python -m cyclefree run

Begin with `cycle_scope`:

>>> import cyclefree
>>> with cyclefree.cycle_scope() as report:
...     ring = []
...     ring.append(ring)
...     del ring
>>> report.objects
1
"""

from __future__ import annotations

from cyclefree.cycles import CycleHandle, CycleScope, assert_no_cycles, cycle_scope, find_cycles
from cyclefree.errors import (
    CollectorError,
    CyclefreeError,
    CyclefreeWarning,
    CyclesFoundError,
    ReportNotReadyError,
)
from cyclefree.reports import Cycle, CycleReport, Edge, ObjectSummary, Reference, Remedy
from cyclefree.weak import WeakCallback, weak_attribute

__all__ = [
    "CollectorError",
    "Cycle",
    "CycleHandle",
    "CycleReport",
    "CycleScope",
    "CyclefreeError",
    "CyclefreeWarning",
    "CyclesFoundError",
    "Edge",
    "ObjectSummary",
    "Reference",
    "Remedy",
    "ReportNotReadyError",
    "WeakCallback",
    "assert_no_cycles",
    "cycle_scope",
    "find_cycles",
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
