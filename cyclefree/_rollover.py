"""Collections, seen from inside: what open watches look at before the evidence is taken away.

All open watches share one hook in `gc.callbacks`, which reads generation 0 once for all of them. It
is there only while a watch is open. It sees the collections that the program starts, those that the
interpreter starts while a coroutine is watched, and those for which a paused window has outgrown
its budget: that is the roll-over, which keeps a long watch from holding the collector off for good.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from _thread import get_ident, interrupt_main, start_new_thread
from contextlib import nullcontext
from dataclasses import dataclass

from cyclefree import _collector, _thresholds
from cyclefree._garbage import confirm, find_garbage, settle
from cyclefree._graph import ObjectGraph
from cyclefree._heap import identities, identities_of, objects_of
from cyclefree._options import Options
from cyclefree._sharing import others_exist
from cyclefree._verdict import Verdict
from cyclefree._window import PromotedWindow, SteppedWindow, Window, index

__all__ = ["Watched", "absorb", "blamed", "find_confirmed", "in_cycles", "make_room"]

_SOON = 0.05
"""Seconds after which a Ctrl-C that came in the middle of a look is sent again."""

_open: dict[int, weakref.ref[Watched]] = {}
_hooked: list[None] = []
_hooking = threading.RLock()
"""Held for a few steps, and never by the hook itself: a watch is in `_open` before the hook is
asked for, and out of it before the hook is let go. Re-entrant, as finalizers that open watches may
run in between (tests/test_watch.py::test_many_threads_open_and_close_watches)."""


class Watched(Verdict):
    """What a collection has to know of a watch.

    Held by whoever runs the guarded call, and here by a weak reference only: a coroutine that is
    dropped where nothing can finish it takes its watch with it
    (tests/test_harmless.py::test_an_async_generator_dropped_without_a_loop_leaves_no_hook).

    Attributes:
        stepped: whether the watch works in steps.
        window: what was born in it.
        imports: what was born in it while modules were imported, where that is asked for.
        before: identities of garbage that must not be told: it was there before, where `thorough`
            asks for that, or has been told and is still there.
        taken: identities of garbage that has been reported, and that a collection is about to free.
        thread: the thread that opened it; 0 when it is not open.
    """

    __slots__ = ("__weakref__", "before", "imports", "stepped", "taken", "thread", "window")

    def __init__(self, scope: object, options: Options, stepped: bool) -> None:
        super().__init__(scope, options)
        self.stepped = stepped
        self.window: Window = SteppedWindow() if stepped else PromotedWindow()
        self.imports: PromotedWindow | None = None
        self.before: set[int] = set()
        self.taken: set[int] = set()
        self.thread = 0

    def register(self) -> None:
        """Be there when a collection starts, and hold automatic ones off for a plain call."""
        self.thread = get_ident()
        _open[id(self)] = weakref.ref(self)  # first of all, so that `abandon` undoes the rest
        _hook_on()
        if not self.stepped:
            _thresholds.pause(self)

    def abandon(self) -> None:
        """End the watch without a look; everything is as it was before. May be called again."""
        if not self.thread:
            return
        self.thread = 0
        self.detach()
        _thresholds.resume(self)
        if not _open:
            _hook_off()

    def detach(self) -> None:
        """Let no collection look for this watch any more: its own last look has begun."""
        _open.pop(id(self), None)

    __del__ = abandon


def _open_watches() -> list[Watched]:
    """Return the open watches; copied in one step, as other threads open and close theirs."""
    return [watch for reference in list(_open.values()) if (watch := reference()) is not None]


def _hook_on() -> None:
    """See to it that the hook is in `gc.callbacks`."""
    with _hooking:
        if not _hooked:
            _hooked.append(None)
            # A look is no pause of the collector's, which others may be measuring
            # (tests/test_audit.py::test_looks_are_no_pauses).
            _collector.add_hook(_on_collection, first=True)


def _hook_off() -> None:
    """Take the hook out, unless another thread has opened a watch meanwhile."""
    with _hooking:
        if _hooked and not _open:
            _hooked.clear()
            _collector.remove_hook(_on_collection)


def _on_collection(phase: str, info: dict[str, int]) -> None:
    """Look before a collection takes the evidence away."""
    watches = _open_watches()
    if phase != "start":
        for watch in watches:
            watch.taken.clear()  # freed by now: the numbers may come back as other objects
        return
    try:
        absorb(info["generation"], watches, emptied=True, freed=True)
    except BaseException as error:
        for watch in watches:
            watch.window.lost = True
            watch.window.restart()
        if not issubclass(type(error), KeyboardInterrupt):
            raise  # the interpreter prints it: an exception can't leave a collection
        # Ctrl-C would end there too, printed and forgotten; so it is sent again, to the program: a
        # little later, as now it would arrive in this function again, or in another such hook.
        start_new_thread(_interrupt_soon, ())


def _interrupt_soon() -> None:
    """Send Ctrl-C to the main thread when the collection that swallowed it should be over."""
    time.sleep(_SOON)
    interrupt_main()


def _after_fork_in_child() -> None:
    """End the watches of threads that the child of a fork does not have.

    Without this the collector would stay paused there for good
    (tests/test_watch.py::test_a_forked_child_is_not_left_paused).
    """
    global _hooking
    _hooking = threading.RLock()  # another thread may have held it when the parent forked
    for watch in _open_watches():
        if watch.thread != get_ident():
            watch.abandon()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


def find_confirmed(
    objects: list[object], known_alive: object = None, *, follow: bool
) -> list[object]:
    """As `find_garbage`, and look again at what was found where other threads are."""
    threaded = others_exist()
    with _collector.undisturbed() if threaded else nullcontext():
        garbage = find_garbage(objects, known_alive, follow=follow)
    if garbage and threaded:
        confirm(garbage, also_held=1)  # by `objects`
    return garbage


def in_cycles(graph: ObjectGraph, own: set[int]) -> list[int]:
    """Return what is in a cycle with an object of `own` in it; the others were there before."""
    return [
        index
        for component in graph.components()
        if any(id(graph.objects[index]) in own for index in component)
        for index in component
    ]


def blamed(garbage: list[object], own: set[int]) -> list[object]:
    """Return the cycles in `garbage` that have an object of `own`, and what hangs off them."""
    if own.issuperset(map(id, garbage)):
        return garbage
    graph = ObjectGraph(garbage)
    frontier = in_cycles(graph, own)
    reached = set(frontier)
    while frontier:
        nearby = {s for index in frontier for s in graph.successors[index]} - reached
        reached |= nearby
        frontier = list(nearby)
    return [garbage[index] for index in sorted(reached)]


@dataclass
class _View:
    """What one window has at a look: stretches of generation 0, and promoted objects."""

    watch: Watched
    window: Window
    ranges: list[tuple[int, int]]
    recalled: set[int]


def absorb(generation: int, watches: list[Watched], *, emptied: bool, freed: bool) -> None:
    """Look at what `watches` have in generations that are about to be collected.

    Args:
        generation: the oldest generation that is about to be collected.
        watches: whose windows to look at.
        emptied: whether generation 0 is about to be emptied; otherwise the look only turns marks
            into remembered objects.
        freed: whether the garbage is about to be freed; otherwise it must not be told again.
    """
    if not watches:
        return
    young = objects_of(0)
    find = index(list(map(id, young)))
    views: list[_View] = []
    older: dict[int, object] = {}
    for watch in watches:
        watch.looked += 1
        for window in (watch.window, watch.imports):
            if window is None:
                continue
            if not (
                window.marks or watch.options.thorough or (generation and window.has_promoted())
            ):
                window.restart()  # of a thousand waiting tasks most have nothing to look at
                continue
            ranges = window.ranges(len(young), find)
            recalled: list[object] = []
            if generation and window.has_promoted():
                own: list[object] = []
                for start, stop in ranges:  # a comprehension would put `young` in a cell, which
                    own += young[start:stop]  # is among the young on 3.10 and 3.11: a cycle
                recalled = window.recall(own, generation)
                del own
                older.update(zip(identities(recalled), recalled, strict=True))
            views.append(_View(watch, window, ranges, set(identities(recalled))))
            del recalled
    if generation == 1 and older:
        # What is older is not collected now, and would be counted again later. Asked once for all
        # windows: with a thousand tasks open the answer is the most expensive part of a look.
        middle = set(identities_of(1))
        for identity in older.keys() - middle:
            del older[identity]
        for view in views:
            view.recalled &= middle
    if any(watch.options.thorough for watch in watches):
        for number in range(1, generation + 1):
            objects_there = objects_of(number)
            older.update(zip(identities(objects_there), objects_there, strict=True))
            del objects_there
    if older or any(view.ranges for view in views):
        young += older.values()
        older.clear()
        _digest(young, views, generation, freed)
    if emptied or all(not view.window.is_running() for view in views):
        for view in views:
            view.window.restart()


def _digest(objects: list[object], views: list[_View], generation: int, freed: bool) -> None:
    """Tell the garbage among `objects`, hand each watch its share, and remember what survives.

    Args:
        objects: generation 0, then the older objects of all windows, as `_heap.objects_of` lists
            them; this list alone holds them.
        views: the windows.
        generation: the oldest generation that is about to be collected.
        freed: whether the garbage is about to be freed.
    """
    names = identities(objects)
    settle(objects, follow=generation == 2)
    garbage = find_confirmed(objects, follow=generation == 2)
    trash = set(map(id, garbage))
    known = dict(zip(map(id, objects), objects, strict=True))
    once: dict[int, set[int]] = {}
    shares: list[tuple[Watched, set[int]]] = []
    for view in views:
        own = [name for start, stop in view.ranges for name in names[start:stop]]
        own += view.recalled
        owned = set(own)
        if view.watch.options.thorough:
            owned |= view.window.promoted_identities()  # also what nothing new leads to
        if view.window is view.watch.window:
            shares.append((view.watch, owned))
        else:
            once[id(view.watch)] = owned
        # What was not settled is a tuple that survives, and is remembered by its identity anyway.
        survivors = [known.get(name, name) for name in own if name not in trash]
        view.window.remember(survivors, generation)
        del survivors
    del objects[:], known
    for watch, owned in shares:
        if watch.options.thorough and not watch.stepped:
            owned = trash - watch.before
        if freed:
            watch.before -= trash
        if trash.isdisjoint(owned):
            continue
        share = blamed([o for o in garbage if id(o) not in watch.taken], owned)
        watch.take(share, once.get(id(watch), set()))
        (watch.taken if freed else watch.before).update(map(id, share))


def make_room() -> None:
    """Move the young out of the way, in a program that runs without a collector.

    Nothing empties its generation 0, and each look reads all of it. All open watches look first, as
    they do before a collection
    (tests/test_watch.py::test_with_the_collector_off_a_look_stays_short).
    """
    if _collector.nothing_is_frozen():
        watches = _open_watches()
        absorb(0, watches, emptied=True, freed=False)
        _collector.move_young_to_oldest()
        for watch in watches:
            watch.window.deepen()
            if watch.imports is not None:
                watch.imports.deepen()
    else:
        _collector.promote_young()
