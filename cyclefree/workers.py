"""For processes that fork workers: share the warmed heap with them, and leave it shared.

A collection writes to the header of each object that it looks at, and so copies the pages that a
forked worker shares with its parent. What `gc.freeze()` has set aside no collection looks at: after
`warmup()` in the parent, a collection in a worker touches what the worker has made itself
(docs/forking.md has the figures, and how to measure them).
"""

from __future__ import annotations

import atexit
import gc
import sys

from cyclefree._collector import require_cpython
from cyclefree._options import shown

__all__ = ["after_fork_in_child", "before_fork", "warmup"]

_others_froze: bool | None = None
"""Whether objects were frozen that we did not freeze; None as long as we have frozen none."""
_frozen_then = 0
"""How many were frozen when we had frozen last."""

# CPython 3.12.0 and 3.12.1 begin with 375 frozen objects of their own.
_INTERPRETERS_OWN = 1_000 if (3, 12, 0) <= sys.version_info[:3] <= (3, 12, 1) else 0


def warmup(collect: bool = True, freeze: bool = True) -> int:
    """Collect, and set the present heap aside for good: once, after imports and set-up.

    Afterwards no collection looks at what was there, neither in this process nor in those that it
    forks: full collections cost what came after, and the pages of a forked worker stay shared. What
    is set aside and becomes part of a cycle is never freed; so call it when the program has loaded
    what it will keep.

    Nothing is thawed before the process exits. Then, in `atexit`, what was frozen here is thawed,
    so that the interpreter finds the heap as it would without us; where the application has frozen
    objects itself as well, which can't be told apart, all stays as it is.

    Args:
        collect: first run a full collection, so that no garbage is kept for good.
        freeze: set the heap aside (`gc.freeze`).

    Returns:
        The number of objects that were set aside. Counting takes some 30 ms for a million.

    Raises:
        TypeError: an argument is neither True nor False.
        CollectorError: the interpreter is not CPython.
    """
    for name, flag in (("collect", collect), ("freeze", freeze)):
        if type(flag) is not bool:
            raise TypeError(f"{name}= takes True or False, not {shown(flag)}")
    require_cpython()
    if collect:
        gc.collect()
    return _freeze() if freeze else 0


def before_fork() -> int:
    """Set aside what has been made since `warmup`; call it in the parent, right before a fork.

    Without a collection, which would leave holes that both processes fill and so copy. In a parent
    that forks again and again, the garbage of the time in between is kept for good.

    Returns:
        The number of objects that were set aside.

    Raises:
        CollectorError: the interpreter is not CPython.
    """
    require_cpython()
    return _freeze()


def after_fork_in_child() -> None:
    """Set aside what the fork itself has left; call it first in the child.

    What was made between `before_fork` in the parent and this call is shared as well. Where nothing
    was set aside in the parent, nothing is here. Locks and counters of cyclefree are put right in
    each forked child by themselves, also without this call.
    """
    if _others_froze is not None:
        _freeze()


def _freeze() -> int:
    """Freeze, remember how much, and see to it that it is thawed when the process exits."""
    global _others_froze, _frozen_then
    before = gc.get_freeze_count()
    gc.freeze()
    if _others_froze is None:
        _others_froze = before > _INTERPRETERS_OWN
        atexit.register(_thaw)
    elif before > _frozen_then:  # the application has, since we did last
        _others_froze = True
    _frozen_then = gc.get_freeze_count()
    return _frozen_then - before


def _thaw() -> None:
    """Thaw what we froze, unless the application has frozen objects, too.

    More can be frozen than we left only by the application; fewer are when some have been freed.
    """
    if not _others_froze and gc.get_freeze_count() <= _frozen_then:
        gc.unfreeze()
