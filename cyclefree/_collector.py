"""The interpreter's collector: the only room that changes its state, and who puts it back.

Pausing is done with the young threshold and never with `gc.disable()`: the enabled flag stays the
application's, so a library that calls `gc.enable()` or `gc.disable()` inside a guarded call gets
what it asked for, and the threshold is at the same time the bound on how long the collector may be
held off (tests/test_collector.py::test_enabled_flag_is_never_touched).

Nothing here takes a lock. On CPython 3.10 and 3.11 a collection can start inside any allocation,
and the finalizers that it runs may enter a guard again: a lock held at that moment would be a
deadlock. Each function is therefore made of steps that the interpreter does in one piece, in an
order in which an interruption between two of them leaves at worst an unpaused window, which the
hook of `_watch` handles anyway
(tests/test_collector.py::test_threads_leave_the_thresholds_as_they_were).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cyclefree._heap import objects_of
from cyclefree.errors import CollectorError

__all__ = [
    "BUDGET",
    "add_hook",
    "collect_into_list",
    "gather_old",
    "is_off",
    "move_young_to_oldest",
    "nothing_is_frozen",
    "pause",
    "promote_young",
    "remove_hook",
    "require_cpython",
    "resume",
    "thaw",
    "undisturbed",
    "untraversable",
]

BUDGET = 200_003
"""Net new containers after which a paused collector runs all the same (objects).

An odd number on purpose: it tells our threshold from one that the application sets meanwhile.
"""

_SWITCH_INTERVAL = 0.1
"""Seconds for which a look asks other threads to wait. Not more: it stalls them."""

_ROUNDING = 1e-5
"""Seconds: the interpreter keeps microseconds, and gives 0.099999 for 0.1 back."""

_pauses: dict[int, None] = {}
_saved_thresholds: list[tuple[int, int, int]] = []
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


def pause(holder: object) -> None:
    """Hold automatic collections off until `BUDGET` net containers have piled up.

    Pauses nest and overlap over threads: the last `resume` puts the thresholds back. Noting the
    holder is the first thing done, so that a Ctrl-C at any later moment leaves what `resume`
    undoes.
    """
    _pauses[id(holder)] = None
    now = gc.get_threshold()
    if 0 < now[0] < BUDGET:  # 0 means off; a larger one is the application's own, longer pause
        _saved_thresholds[:] = [now]
        gc.set_threshold(BUDGET, now[1], now[2])


def resume(holder: object) -> None:
    """End the holder's `pause`; the last one restores the thresholds, if they are still ours."""
    _pauses.pop(id(holder), None)
    if _pauses:
        return
    try:
        saved = _saved_thresholds.pop()
    except IndexError:  # never lowered, or another thread's exit has put them back just now
        return
    if gc.get_threshold()[0] == BUDGET:
        gc.set_threshold(*saved)


def is_off() -> bool:
    """Whether the application has switched automatic collection off."""
    return not gc.isenabled() or gc.get_threshold()[0] == 0


def add_hook(hook: Hook) -> None:
    """Let `hook` see each collection start; it is taken out again by `remove_hook`."""
    gc.callbacks.append(hook)


def remove_hook(hook: Hook) -> None:
    """Take one `hook` out of `gc.callbacks`; `list.remove` would call a user's `__eq__`."""
    callbacks = gc.callbacks
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
