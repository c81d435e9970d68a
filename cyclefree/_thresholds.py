"""Who holds the collector off, and what the application's own thresholds are meanwhile.

Two kinds of holders share the three thresholds. A guard *pauses*: for a look it holds young
collections off, for `BUDGET` objects at most. `gc_frozen` *defers*: for as long as a program likes
it has no automatic collection below its own budget, or no full one. Both nest and overlap over
threads and tasks; the last one out puts back what the application had.

Each of the three thresholds is looked at by itself, as `gc.set_threshold(5000)` sets the first and
leaves our other two: what is still ours goes back to what it was, what the application has set
meanwhile stays (tests/test_thresholds.py::test_each_threshold_goes_back_by_itself).

The enabled flag stays the application's, so a library that calls `gc.enable()` or `gc.disable()`
inside gets what it asked for and changes nothing about the pause
(tests/test_collector.py::test_enabled_flag_is_never_touched). The one exception is
`gc_frozen(max_net_objects=None)`, which asks for just that.

Nobody waits for a lock here. On CPython 3.10 and 3.11 a collection can start inside any allocation,
and the finalizers that it runs may enter a guard again, or wait for a thread that does: a lock held
at that moment would be a deadlock. Instead there is one token. Whoever has it puts the thresholds
right; whoever comes meanwhile has already noted what it wants, leaves a request and goes on, and
the token's owner puts them right again
(tests/test_thresholds.py::test_whoever_comes_meanwhile_is_served). A scope that begins meanwhile
gives way for a moment, which has an end also where the other one waits for it.
"""

from __future__ import annotations

import gc
import os
from _thread import get_ident
from time import sleep
from typing import Protocol

from cyclefree._collector import add_hook, remove_hook
from cyclefree._counters import LARGEST, on_collection

__all__ = [
    "BUDGET",
    "FULL_ONLY",
    "Deferral",
    "Scope",
    "defer",
    "deferrals",
    "is_off",
    "pause",
    "resume",
    "undefer",
]

BUDGET = 200_003
"""Net new containers after which a paused collector runs all the same (objects).

An odd number on purpose: it tells our threshold from one that the application sets meanwhile.
"""

Thresholds = tuple[int, int, int]


class Scope(Protocol):
    """What has been entered."""

    def forget(self, deferral: Deferral) -> None:
        """Take note that an entry has ended with its thread, in the child of a fork."""


Deferral = tuple[int, int, Scope]
"""One entry into `gc_frozen`: its budget (`FULL_ONLY`; `LARGEST`: really off), the thread that
entered, and the scope that was entered."""

FULL_ONLY = 0
"""Stands in the place of a budget where full collections alone are deferred."""

_token: dict[None, tuple[object, ...]] = {}
"""Who puts the thresholds right just now: nobody, or one call, and the thread that makes it."""
_requests: list[bool] = []
"""What those have left who came meanwhile: whether a deferral has begun."""

_pauses: dict[int, int] = {}
"""The thread of each open pause, by the holder's identity."""
_paused_over: int | None = None
"""The young threshold that a pause took the place of."""

_deferrals: dict[int, Deferral] = {}
_base: Thresholds = (0, 0, 0)
"""The application's thresholds, of which the deferrals took the place."""
_ours: tuple[Thresholds, ...] = ()
"""What the deferrals put there; several while one is being exchanged for another."""
_in_force: tuple[int, Thresholds] | None = None
"""The smallest open budget and the thresholds, where they are just as the deferrals want them."""
_switched_off = False
"""Whether we cleared the enabled flag."""
_hooked = False


def pause(holder: object) -> None:
    """Hold automatic collections off until `BUDGET` net containers have piled up.

    Noting the holder is the first thing done, so that a Ctrl-C at any later moment leaves what
    `resume` undoes.
    """
    _pauses[id(holder)] = get_ident()
    _settle(False)


def resume(holder: object) -> None:
    """End the holder's `pause`; the last one restores the threshold, if it is still ours."""
    _pauses.pop(id(holder), None)
    _settle(False)


def defer(deferral: Deferral) -> None:
    """Defer automatic collections until `undefer`; the smallest open budget holds.

    The first one in and the last one out, which are nearly all, have ways of their own here, as
    every tenth of a microsecond counts that `gc_frozen` costs (`python -m benchmarks --only
    frozen`); `_put_right` does all that can happen.
    """
    global _base, _ours, _in_force, _hooked
    _deferrals[id(deferral)] = deferral
    young = deferral[0]
    if not _token:  # whoever takes it from here on sees this one, and what is in force stays so
        in_force = _in_force
        if (
            in_force is not None
            and (young == in_force[0] or 0 < in_force[0] < young)
            and gc.get_threshold() == in_force[1]
        ):
            return  # nothing changes; the last one out looks whether somebody came meanwhile
    try:
        if _token.setdefault(None, deferral) is not deferral:
            _requests.append(True)
            _give_way()
        else:
            if (
                _ours
                or _paused_over is not None
                or len(_deferrals) > 1
                or not FULL_ONLY < young < LARGEST
            ):
                _put_right(True)
            else:
                _base = gc.get_threshold()
                if not _hooked:
                    _hooked = True
                    gc.callbacks.append(on_collection)
                # Before they are there: a Ctrl-C in between must not make them the application's.
                if _base[0]:
                    wanted = (young, LARGEST, LARGEST)
                    _ours = (wanted,)
                    gc.set_threshold(young, LARGEST, LARGEST)
                    _in_force = young, wanted
                else:  # the application has switched the collector off
                    _ours = (_base,)
            _token.clear()
    except BaseException:
        _once_more(deferral, True)
        raise
    if _requests and not _token:
        _settle(False)


def undefer(deferral: Deferral) -> None:
    """End a `defer`; the last one restores the thresholds, those of them that are still ours."""
    global _ours, _in_force, _hooked
    me: tuple[object, ...] = ()
    try:
        if _deferrals.pop(id(deferral), None) is None:
            return
        if _deferrals:
            try:
                # Never `reversed`: when other threads change the dictionary, that iterator may read
                # past the end of its table (python/cpython#154709).
                if next(iter(_deferrals.values()))[0] == deferral[0]:
                    return  # another one asks for the same
            except (RuntimeError, StopIteration):  # another thread has just changed the dictionary
                pass
        me = (None, deferral[1])
        if _token.setdefault(None, me) is not me:
            _requests.append(False)
        else:
            if (
                _deferrals
                or _pauses
                or _switched_off
                or not _ours
                or gc.get_threshold() != _ours[0]
            ):
                _put_right(False)
            else:
                gc.set_threshold(*_base)
                _in_force = None
                _ours = ()
                if gc.callbacks and gc.callbacks[-1] is on_collection:
                    del gc.callbacks[-1]
                    _hooked = False
                else:
                    _unhook()
            _token.clear()
    except BaseException:
        _once_more(me, False)
        raise
    if _requests and not _token:
        _settle(False)


def is_off() -> bool:
    """Whether the young pile up without bound: no automatic collection, or a large budget."""
    if not gc.isenabled():
        return True
    threshold = gc.get_threshold()
    return threshold[0] == 0 or threshold[1:] == (LARGEST, LARGEST)


def _settle(entering: bool) -> None:
    """Put the thresholds right, or have it done by whoever is at it; then serve the requests.

    Args:
        entering: whether a deferral has begun, which also takes the place of what the application
            has set since the one before.
    """
    me = (None, get_ident())
    try:
        while True:
            if _token.setdefault(None, me) is not me:
                _requests.append(entering)
            else:
                served = len(_requests)
                entering = entering or True in _requests
                del _requests[:served]
                if _deferrals or _ours or _switched_off or _hooked:
                    _put_right(entering)
                else:
                    _put_pause_right()
                _token.clear()
            if _token or not _requests:  # who has it looks again when it is done
                return
            entering = False
    except BaseException:
        _once_more(me, entering)
        raise


def _once_more(me: object, entering: bool) -> None:
    """Do again what a Ctrl-C may have stopped halfway, and give the token back first.

    Whether it was taken is to be seen by whose it is, at whichever moment the Ctrl-C came
    (tests/test_thresholds.py::test_ctrl_c_loses_no_token).
    """
    if _token.get(None) is me:
        _token.clear()
    _settle(entering)


def _give_way() -> None:
    """Let the thread that has the token go on until it has seen the last request.

    It may be about to restore what has to stay for the one that comes now, which without this would
    run with the collector on until the other one's turn
    (tests/test_thresholds.py::test_no_collection_runs_inside_many_threads). For a quarter of a
    second at most, which is for a busy machine, as the other one may be waiting for this one; and
    not at all in the thread that has the token itself, in a finalizer.
    """
    for turn in range(200):
        owner = _token.get(None)
        if owner is None:
            if not _requests:
                return
            _settle(False)
        elif owner[1] == get_ident():
            return
        else:
            sleep(0.0001 if turn < 100 else 0.0023)


def _put_pause_right() -> None:
    """Put the young threshold right where guards alone hold the collector off."""
    global _paused_over
    now = gc.get_threshold()
    if _pauses:
        if 0 < now[0] < BUDGET:  # 0 means off; a larger one is the application's own, longer pause
            _paused_over = now[0]
            gc.set_threshold(BUDGET, now[1], now[2])
    elif _paused_over is not None:
        if now[0] == BUDGET:
            gc.set_threshold(_paused_over, now[1], now[2])
        _paused_over = None


def _put_right(entering: bool) -> None:
    """Put thresholds, enabled flag and hook right while something is deferred, or just after."""
    global _base, _ours, _in_force, _paused_over
    now = gc.get_threshold()
    found = now if _paused_over is None or now[0] != BUDGET else (_paused_over, now[1], now[2])
    is_deferring = bool(_deferrals)  # it may change meanwhile, and then there is a request
    entering = entering or not _ours  # noted by another thread, whose request is still to come
    if entering or not is_deferring:
        _base = _choose(found, _base, found)
    wanted = ours = _base
    if is_deferring:
        _hook()
        wanted = ours = _wanted(_base)
        # Before they are there: a Ctrl-C in between must not make them the application's own.
        # Again in between, they may still be any of those before.
        _ours = (ours, *_ours)
        if not entering:  # what the application has set meanwhile stays
            wanted = _choose(found, ours, found)
    is_paused = bool(_pauses) and 0 < wanted[0] < BUDGET and wanted[1:] != (LARGEST, LARGEST)
    if is_paused:
        _paused_over = wanted[0]
        wanted = (BUDGET, wanted[1], wanted[2])
    if wanted != now:
        gc.set_threshold(*wanted)
    if not is_paused:
        _paused_over = None
    _switch()
    _ours = (ours,) if is_deferring else ()
    _in_force = None
    if not is_deferring:
        _unhook()
    elif wanted == ours and not _switched_off:
        _in_force = _least(), ours


def _choose(found: Thresholds, ours: Thresholds, theirs: Thresholds) -> Thresholds:
    """Return for each threshold the one of `ours` where what is found is ours, else of `theirs`."""
    if not _ours:
        return theirs
    chosen = [
        mine if now in known else other
        for now, known, mine, other in zip(
            found, zip(*_ours, strict=True), ours, theirs, strict=True
        )
    ]
    return (chosen[0], chosen[1], chosen[2])


def _least() -> int:
    """Return the smallest open budget, `FULL_ONLY` where there is none."""
    budgets = [deferral[0] for deferral in deferrals() if deferral[0] != FULL_ONLY]
    return min(budgets, default=FULL_ONLY)


def _wanted(base: Thresholds) -> Thresholds:
    """Return what the open deferrals together make of the application's thresholds."""
    if not base[0]:  # the application has switched the collector off by its threshold
        return base
    least = _least()
    if least == FULL_ONLY:
        return (base[0], base[1], LARGEST)
    return (least, LARGEST, LARGEST)


def _switch() -> None:
    """Clear the enabled flag while all that is open asks for no collection at all."""
    global _switched_off
    if _least() == LARGEST:
        if gc.isenabled():
            _switched_off = True
            gc.disable()
    elif _switched_off:
        if not gc.isenabled():
            gc.enable()
        _switched_off = False


def _hook() -> None:
    """See to it that collections are counted."""
    global _hooked
    if not _hooked:
        _hooked = True
        add_hook(on_collection)


def _unhook() -> None:
    """Count collections no more."""
    global _hooked
    if _hooked:
        remove_hook(on_collection)
        _hooked = False


def deferrals() -> list[Deferral]:
    """Return what is open now."""
    return list(_deferrals.values())


def _on_fork_in_child() -> None:
    """End what threads deferred, or paused, that the child of a fork does not have.

    Guarded by tests/test_thresholds.py::test_a_forked_child_keeps_what_its_thread_deferred.
    """
    _token.clear()  # another thread may have had it when the parent forked
    here = get_ident()
    for deferral in deferrals():
        if deferral[1] != here:
            del _deferrals[id(deferral)]
            deferral[2].forget(deferral)
    for holder, thread in list(_pauses.items()):
        if thread != here:
            del _pauses[holder]
    _settle(False)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_on_fork_in_child)
