"""The interpreter's collector: what else changes its state than the thresholds, and puts it back.

This room and `_thresholds` are the only ones that do. Nothing here takes a lock, for the reason
that is told there.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cyclefree._counters import mark_moved
from cyclefree._heap import objects_of
from cyclefree.errors import CollectorError

__all__ = [
    "add_hook",
    "collect_into_list",
    "gather_old",
    "move_young_to_oldest",
    "nothing_is_frozen",
    "promote_young",
    "remove_hook",
    "require_cpython",
    "thaw",
    "undisturbed",
    "untraversable",
]

_SWITCH_INTERVAL = 0.1
"""Seconds for which a look asks other threads to wait. Not more: it stalls them."""

_ROUNDING = 1e-5
"""Seconds: the interpreter keeps microseconds, and gives 0.099999 for 0.1 back."""

_looks: list[None] = []
_frozen_seen: list[None] = []
_saved_intervals: list[float] = []

Hook = Callable[[str, dict[str, int]], None]


def require_cpython() -> None:
    """Raise `CollectorError` where the interpreter is not CPython."""
    name = sys.implementation.name
    if name != "cpython":
        raise CollectorError(
            f"cyclefree reads CPython's cyclic collector, and this is {name}, which has none like "
            "it; run the check under CPython 3.10 or later, or set CYCLEFREE=off to make the "
            "decorators return the functions themselves"
        )


def add_hook(hook: Hook, *, first: bool = False) -> None:
    """Let `hook` see each collection start; it is taken out again by `remove_hook`.

    Args:
        hook: what to call.
        first: before the hooks that are there, whose time measurements it must not be part of.
    """
    if first:
        gc.callbacks.insert(0, hook)
    else:
        gc.callbacks.append(hook)


def remove_hook(hook: Hook) -> None:
    """Take one `hook` out of `gc.callbacks`; `list.remove` would call a user's `__eq__`."""
    callbacks = gc.callbacks
    if callbacks and callbacks[-1] is hook:  # nearly always
        del callbacks[-1]
        return
    for index in range(len(callbacks) - 1, -1, -1):
        if callbacks[index] is hook:
            del callbacks[index]
            return


def nothing_is_frozen() -> bool:
    """Whether the permanent generation is empty, so that thawing changes nothing.

    Constant time where it is empty. Counting a large one is O(frozen), so once something was found
    there it is not counted again.
    """
    if not _frozen_seen and gc.get_freeze_count():
        _frozen_seen.append(None)
    return not _frozen_seen


def move_young_to_oldest() -> None:
    """Move all objects to the oldest generation without collecting, in constant time.

    Only where `nothing_is_frozen`, as thawing would let the application's own frozen objects go.
    """
    mark_moved()
    gc.freeze()
    gc.unfreeze()


def promote_young() -> None:
    """Move generation 0 to generation 1, for where something is frozen.

    That may be the application's heap, or the
    375 objects that CPython 3.12.1 freezes itself.

    A young collection, while a list holds every object that it looks at, or all but the tuples: it
    finds nothing to free and runs no finalizer
    (tests/test_collector.py::test_promoting_the_young_frees_nothing_and_thaws_nothing).
    """
    held = objects_of(0)
    gc.collect(0)
    del held


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ask the interpreter not to switch threads during a short look.

    Overlapping looks share one saved value; the last one out restores it, where it is still ours.
    """
    _looks.append(None)
    now = sys.getswitchinterval()
    if now < _SWITCH_INTERVAL - _ROUNDING:
        _saved_intervals[:] = [now]
        sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        yield
    finally:
        _looks.pop()
        if not _looks:
            _restore_interval()


def _restore_interval() -> None:
    """Put the switch interval back, where it is still ours."""
    try:
        saved = _saved_intervals.pop()
    except IndexError:  # not lengthened, or another thread has just put it back
        return
    if abs(sys.getswitchinterval() - _SWITCH_INTERVAL) < _ROUNDING:
        sys.setswitchinterval(saved)


def gather_old() -> bool:
    """Set the present heap aside for a fallback collection; return whether it was frozen for that.

    Only for builds on which trial deletion does not work. What the application froze itself must
    stay frozen, so there the garbage that was there is collected instead.
    """
    if gc.get_freeze_count():
        gc.collect()
        return False
    gc.freeze()
    return True


def collect_into_list(thaw: bool) -> list[object]:
    """Run a real collection that saves what it finds, and return that; the flags are put back.

    Args:
        thaw: undo the freeze of `gather_old`.
    """
    flags = gc.get_debug()
    before = len(gc.garbage)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        found = gc.garbage[before:]
    finally:
        gc.set_debug(flags)
        del gc.garbage[before:]
        if thaw:
            gc.unfreeze()
    return found


_FREES_TWICE = (3, 12) <= sys.version_info < (3, 12, 6)


def untraversable() -> object:
    """Return the module whose references must not be asked for, None where there is none.

    On CPython 3.12.0 to 3.12.5 the traversal of `_asyncio` shows the objects of its free list;
    `gc.get_referents` then frees them again, and the next collection never ends (gh-122695,
    tests/test_truth.py::test_a_look_at_the_whole_heap_leaves_the_free_list_of_asyncio_alone).
    """
    return sys.modules.get("_asyncio") if _FREES_TWICE else None


def thaw() -> None:
    """Undo the freeze of `gather_old`."""
    gc.unfreeze()
