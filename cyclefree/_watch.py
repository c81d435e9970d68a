"""A watch over one call, block, coroutine or program: opens a window, judges what was born in it.

*window -> new objects -> garbage -> report.* A watch looks when it ends, and before that whenever a
collection starts, as the evidence is gone afterwards: all open watches share one hook in
`gc.callbacks`, which reads generation 0 once for all of them. A collection that the interpreter
starts because a paused window has outgrown its budget is seen in the same way; that is the
roll-over.
"""

from __future__ import annotations

import gc
import os
from _thread import get_ident, interrupt_main
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from operator import is_

from cyclefree import _collector
from cyclefree._garbage import confirm, find_garbage, is_boundary
from cyclefree._graph import ObjectGraph
from cyclefree._options import Options
from cyclefree._sharing import Threads, others_exist
from cyclefree._verdict import Verdict
from cyclefree._window import PromotedWindow, SteppedWindow, Window, index, search
from cyclefree.reports import CycleReport

__all__ = ["Watch"]

_ROOMY = 2_000
"""Net objects in generation 0 from which on a program without a collector has it set aside."""

_MARKS_KEPT = 1_024
"""Marks of a stepped window that no collection has come by to resolve (two a step)."""

_FROZEN_NOTE = (
    "the mark of this window has gone without a look: gc.freeze() was called inside it, "
    "gc.callbacks was emptied, or the look at a collection was interrupted; what was born before "
    "that moment could not be looked at"
)


_open: dict[int, Watch] = {}
_hooked: list[None] = []


class Watch(Verdict):
    """One guarded call, from `open` to `finish` or `abandon`.

    Args:
        scope: what the report calls it; made a string only for a report.
        options: what to look for.
        stepped: whether it is a coroutine or a generator, which works in steps (`enter`, `leave`)
            between which others run. The collector is held off during a plain call only, and stays
            on in steps.

    A watch holds marks, numbers and finished reports, and no object of the program.
    """

    __slots__ = (
        "_before",
        "_imports",
        "_imports_depth",
        "_stepped",
        "_taken",
        "_thread",
        "_threads",
        "window",
    )

    def __init__(self, scope: object, options: Options, *, stepped: bool = False) -> None:
        super().__init__(scope, options)
        self._stepped = stepped
        self.window: Window = SteppedWindow() if stepped else PromotedWindow()
        self._imports: PromotedWindow | None = None
        self._imports_depth = 0
        self._taken: set[int] = set()
        self._before: set[int] = set()
        self._thread = 0
        self._threads: Threads | None = None

    # -- the course of a watch -----------------------------------------------------------

    def open(self) -> None:
        """Begin to watch; a plain call's only step begins with it."""
        if gc.get_count()[0] > _ROOMY and _collector.is_off():
            _make_room()
        self._thread = get_ident()
        _open[id(self)] = self  # before anything is changed, so that `abandon` undoes all of it
        _hook_on()
        if not self._stepped:
            _collector.pause(self)
        if self._options.thorough:
            self._before = set(map(id, find_garbage(gc.get_objects())))
        if not self._stepped:
            self.enter()

    def enter(self) -> None:
        """Begin a step."""
        if others_exist():
            self._threads = Threads()
        self.window.marks.append(
            []
        )  # `Window.step`, without the call: this is the way of each step

    def leave(self) -> None:
        """End a step."""
        self.window.marks.append([])
        if self._threads is not None:
            self.shared_with |= self._threads.that_ran()
            self._threads = None
        if len(self.window.marks) > _MARKS_KEPT:
            _absorb(0, [self], emptied=False)

    def finish(self, result: object = None) -> bool:
        """Look for the last time, and end the watch.

        Args:
            result: what the call returned: known to be alive.

        Returns:
            Whether there is something to tell; `report` has it.
        """
        try:
            self._look(result)
        finally:
            self.abandon()
        if self.window.lost:
            self.notes = (_FROZEN_NOTE,)
        return bool(self._findings or self.notes)

    def abandon(self) -> None:
        """End the watch without a look; everything is as it was before. May be called again."""
        if _open.pop(id(self), None) is None:
            return
        if not self._stepped:
            _collector.resume(self)
        if not _open:
            _hook_off()

    def close(self) -> CycleReport:
        """Look for the last time, end the watch, and return the report."""
        self.finish()
        return self.report()

    @contextmanager
    def once(self) -> Iterator[None]:
        """Take what is born inside for work that is done once, such as an import."""
        if self._imports is None:
            self._imports = PromotedWindow()
        self._imports_depth += 1
        if self._imports_depth == 1:
            self._imports.step()
        try:
            yield
        finally:
            self._imports_depth -= 1
            if not self._imports_depth:
                self._imports.step()

    # -- looking -------------------------------------------------------------------------

    def _look(self, result: object) -> None:
        """Judge what was born in the window and is still there."""
        thorough = self._options.thorough
        young = gc.get_objects(generation=0)
        marks = self.window.marks
        if not thorough and not self.window.has_promoted():
            tail = young[-len(marks) :]
            if len(tail) == len(marks) and all(map(is_, tail, marks)):
                return  # nothing was left between the marks: the way of nearly every guarded call
            del tail  # it holds an object that is about to be counted
        if self._threads is not None:  # a plain call: its step ends here
            self.shared_with |= self._threads.that_ran()
            self._threads = None
        find = search(list(map(id, young)))
        objects: list[object] = []
        for start, stop in self.window.ranges(len(young), find):
            objects += young[start:stop]
        imports = self._imports
        once: set[int] = set()
        if imports is not None:
            once = _identities(young, imports.ranges(len(young), find))
        del young
        if self.window.has_promoted():
            objects += self.window.recall(objects, 2)
        if imports is not None:
            once |= imports.promoted_identities()
        own = set(map(id, objects)) if thorough or self._options.live else set()
        if thorough:
            objects = gc.get_objects()
        self._judge(objects, own, once, result)

    def _judge(
        self, objects: list[object], own: set[int], once: set[int], result: object
    ) -> None:
        """Find the garbage among `objects` and keep it as data; `objects` is emptied.

        Args:
            objects: where to look; older objects may be among them, or join them.
            own: identities of those that were born in the window, where `thorough` or `live` needs them.
            once: identities of those that were born while modules were imported.
            result: what the call returned.
        """
        options = self._options
        threaded = others_exist()
        with _collector.undisturbed() if threaded else nullcontext():
            garbage = find_garbage(objects, result, follow=not options.thorough)
        trash = set(map(id, garbage))
        alive = []
        if options.live:
            alive = [o for o in objects if id(o) not in trash and not is_boundary(o)]
        objects.clear()  # from here on `garbage` alone holds what it holds: `confirm` counts
        if garbage and threaded:
            confirm(garbage)
        unwanted = self._before | self._taken
        if unwanted:
            garbage = [o for o in garbage if id(o) not in unwanted]
        if options.thorough and self._stepped:
            garbage = _blamed(garbage, own | self.window.promoted_identities())
        if garbage:
            self.take(garbage, once)
        if alive:
            graph = ObjectGraph([o for o in alive if not _is_ours(o)])
            alive = [graph.objects[index] for index in _in_cycles(graph, own)]
            self.take(alive, once, live=True)


def _identities(young: Sequence[object], ranges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the identities of the objects in `ranges` of generation 0."""
    found: set[int] = set()
    for start, stop in ranges:
        found.update(map(id, young[start:stop]))
    return found


def _in_cycles(graph: ObjectGraph, own: set[int]) -> list[int]:
    """Return what is in a cycle with an object of `own` in it; the others were there before."""
    return [
        index
        for component in graph.components()
        if any(id(graph.objects[index]) in own for index in component)
        for index in component
    ]


def _is_ours(candidate: object) -> bool:
    """Whether `candidate` belongs to a watch itself."""
    return id(type(candidate)) in _OUR_TYPES


# By id: a metaclass may define __eq__ (tests/test_harmless.py::test_no_user_code_runs_for_survivors).
_OUR_TYPES = frozenset(map(id, (Watch, Threads, PromotedWindow, SteppedWindow)))


def _blamed(garbage: list[object], own: set[int]) -> list[object]:
    """Return the cycles in `garbage` that have an object of `own`, and what hangs off them."""
    if own.issuperset(map(id, garbage)):
        return garbage
    graph = ObjectGraph(garbage)
    frontier = _in_cycles(graph, own)
    reached = set(frontier)
    while frontier:
        nearby = {s for index in frontier for s in graph.successors[index]} - reached
        reached |= nearby
        frontier = list(nearby)
    return [garbage[index] for index in sorted(reached)]


# -- collections, seen from inside -----------------------------------------------------------


def _hook_on() -> None:
    """See to it that the hook is in `gc.callbacks`."""
    if not _hooked:
        _hooked.append(None)
        _collector.add_hook(_on_collection)


def _hook_off() -> None:
    """Take the hook out, unless another thread has opened a watch meanwhile."""
    while _hooked:
        _hooked.pop()
        _collector.remove_hook(_on_collection)
    if _open:
        _hook_on()


def _on_collection(phase: str, info: dict[str, int]) -> None:
    """Look before a collection takes the evidence away."""
    watches = list(_open.values())
    if phase != "start":
        for watch in watches:
            watch._taken.clear()  # freed by now: the numbers may come back as other objects
        return
    try:
        _absorb(info["generation"], watches, emptied=True)
    except BaseException as error:
        for watch in watches:
            watch.window.lost = True
            watch.window.restart()
        if not isinstance(error, KeyboardInterrupt):
            raise  # the interpreter prints it: an exception can't leave a collection
        # Ctrl-C would end there too, printed and forgotten; so it is sent again, to the program.
        interrupt_main()


def _after_fork_in_child() -> None:
    """End the watches of threads that the child of a fork does not have.

    Without this the collector would stay paused there for good
    (tests/test_watch.py::test_a_forked_child_is_not_left_paused).
    """
    for watch in list(_open.values()):
        if watch._thread != get_ident():
            watch.abandon()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork_in_child)


@dataclass
class _View:
    """What one window has at a look: stretches of generation 0, and promoted objects."""

    watch: Watch
    window: Window
    ranges: list[tuple[int, int]]
    recalled: set[int]


def _absorb(generation: int, watches: list[Watch], *, emptied: bool) -> None:
    """Look at what `watches` have in generations that are about to be collected.

    Args:
        generation: the oldest generation that is about to be collected.
        watches: whose windows to look at.
        emptied: whether generation 0 is about to be emptied; otherwise the look only turns marks
            into remembered objects.
    """
    young = gc.get_objects(generation=0)
    find = index(list(map(id, young)))
    views: list[_View] = []
    older: dict[int, object] = {}
    for watch in watches:
        for window in (watch.window, watch._imports):
            if window is None:
                continue
            ranges = window.ranges(len(young), find)
            recalled: list[object] = []
            if generation and window.has_promoted():
                own: list[object] = []
                for start, stop in ranges:  # a comprehension would put `young` in a cell, which
                    own += young[start:stop]  # is among the young on 3.10 and 3.11: a cycle
                recalled = window.recall(own, generation)
                del own
                older.update(zip(map(id, recalled), recalled, strict=True))
            views.append(_View(watch, window, ranges, set(map(id, recalled))))
            del recalled
    if any(watch._options.thorough for watch in watches):
        for number in range(1, generation + 1):
            objects_there = gc.get_objects(generation=number)
            older.update(zip(map(id, objects_there), objects_there, strict=True))
            del objects_there
    if older or any(view.ranges for view in views):
        born = len(young)
        young += older.values()
        older.clear()
        _digest(young, born, views, generation)
    if emptied or all(not view.window.is_running() for view in views):
        for view in views:
            view.window.restart()


def _digest(objects: list[object], born: int, views: list[_View], generation: int) -> None:
    """Tell the garbage among `objects`, hand each watch its share, and remember what survives.

    Args:
        objects: generation 0, then the older objects of all windows; this list alone holds them.
        born: how many of them are generation 0.
        views: the windows.
        generation: the oldest generation that is about to be collected.
    """
    threaded = others_exist()
    with _collector.undisturbed() if threaded else nullcontext():
        garbage = find_garbage(objects, follow=generation == 2)
    if garbage and threaded:
        confirm(garbage, also_held=1)
    trash = set(map(id, garbage))
    once: dict[int, set[int]] = {}
    shares: list[tuple[Watch, set[int]]] = []
    for view in views:
        own = [o for start, stop in view.ranges for o in objects[start:stop]]
        own += [o for o in objects[born:] if id(o) in view.recalled]
        identities = set(map(id, own))
        if view.watch._options.thorough:
            identities |= view.window.promoted_identities()  # also what nothing new leads to
        if view.window is view.watch.window:
            shares.append((view.watch, identities))
        else:
            once[id(view.watch)] = identities
        view.window.remember([o for o in own if id(o) not in trash], generation)
        del own
    del objects[:]
    for watch, identities in shares:
        watch.looked += 1
        if watch._options.thorough and not watch._stepped:
            identities = trash - watch._before
        watch._before -= trash
        if trash.isdisjoint(identities):
            continue
        share = _blamed([o for o in garbage if id(o) not in watch._taken], identities)
        watch.take(share, once.get(id(watch), set()))
        watch._taken.update(map(id, share))


def _make_room() -> None:
    """Move the young out of the way, in a program that runs without a collector.

    Nothing empties its generation 0, and each look reads all of it. All open watches look first, as
    they do before a collection
    (tests/test_watch.py::test_with_the_collector_off_a_look_stays_short).
    """
    if _collector.nothing_is_frozen():
        watches = list(_open.values())
        _absorb(0, watches, emptied=True)
        _collector.move_young_to_oldest()
        for watch in watches:
            watch.window.deepen()
            if watch._imports is not None:
                watch._imports.deepen()
            watch._taken.clear()
    else:
        _collector.promote_young()
