"""Measure one case in a process of its own: `python one_case.py CASE.py` prints JSON.

A case is a module with `run()`, sometimes `setup()` and `WARMUP`, and says in
`KIND` and `EXPECT` what is known of it.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from truth import collect_all, saved_by_collector, types_in

from cyclefree import CycleReport, assert_no_cycles, cycle_scope


def loaded(path: Path) -> ModuleType:
    """Import the case."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def freed(call: Callable[[], object]) -> int:
    """Count the objects that are gone after a collection, by whatever way.

    What was garbage before any finalizer ran: also what finalizers, weak-reference callbacks and
    closing generators have freed. `call` must leave nothing alive.
    """
    call()
    before = len(gc.get_objects())
    gc.collect()
    return before - len(gc.get_objects())


def by_block(call: Callable[[], object], *, thorough: bool = False) -> CycleReport:
    """Watch the case as a `with` block."""
    with cycle_scope(thorough=thorough) as report:
        call()
    return report.report


def by_decorator(call: Callable[[], object]) -> CycleReport:
    """Watch the case as a decorated function."""
    reports = [CycleReport("nothing", 0, 0, ())]
    assert_no_cycles(action=reports.append)(call)()
    return reports[-1]


def measure(module: ModuleType) -> dict[str, object]:
    """Return what the collector and what we say of the case."""
    run = module.run
    if hasattr(module, "setup"):
        module.setup()
    for _ in range(getattr(module, "WARMUP", 2)):
        run()
    gc.disable()
    collect_all()
    saved = saved_by_collector(run)
    freed(run)
    gone = freed(run)
    collect_all()
    reports = {}
    for way, watch in (
        ("block", by_block),
        ("decorator", by_decorator),
        ("thorough", lambda call: by_block(call, thorough=True)),
    ):
        reports[way] = watch(run)
        collect_all()
    shown = reports["block"]
    return {
        "kind": module.KIND,
        "expect": module.EXPECT,
        "saved": sum(saved.values()),
        "saved_types": saved,
        "freed": gone,
        "objects": {way: report.objects for way, report in reports.items()},
        "methods": sorted({report.method for report in reports.values()}),
        "shared_with": sorted({who for report in reports.values() for who in report.shared_with}),
        "types": types_in(shown),
        "members": sorted({name for cycle in shown for name, _ in cycle.members}),
        "names": sorted({edge.name for cycle in shown for edge in cycle.edges}),
        "text": str(shown),
    }


if __name__ == "__main__":
    result = measure(loaded(Path(sys.argv[1])))
    print("\n@@" + json.dumps(result), flush=True)
    os._exit(0)  # what the case has left running is not waited for
