"""Look at the garbage that a call leaves, without a guard around it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cyclefree._garbage import find_garbage
from cyclefree._shapes import Blame, describe
from cyclefree.reports import CycleReport


@contextmanager
def garbage(make: Callable[[], object]) -> Iterator[list[object]]:
    """Give the garbage that a call leaves, and collect it afterwards."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    mark: list[object] = []
    try:
        make()
        young = gc.get_objects(generation=0)
        position = next(at for at, obj in enumerate(young) if obj is mark)
        del young[: position + 1]
        objects = find_garbage(young)
        del young
        yield objects
    finally:
        objects.clear()
        if enabled:
            gc.enable()
        gc.collect()


def look(make: Callable[[], object], **options: Any) -> CycleReport:
    """Describe what a call makes."""
    blame = Blame(options.pop("only", ()), options.pop("ignore", ()))
    with garbage(make) as objects:
        return describe(objects, blame, scope="make()", **options)
