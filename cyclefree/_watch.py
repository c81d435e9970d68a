"""A watch over one call, block, coroutine or program: opens a window, judges what was born in it.

*window -> new objects -> garbage -> report.* A watch looks when it ends, and before that whenever a
collection starts, as the evidence is gone afterwards (`_rollover`).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import is_

from cyclefree import _thresholds
from cyclefree._garbage import find_garbage, is_boundary, settle, settled_heap
from cyclefree._graph import ObjectGraph
from cyclefree._heap import identities, newest, objects_of, objects_since, whole_heap
from cyclefree._options import Options
from cyclefree._rollover import Watched, absorb, blamed, find_confirmed, in_cycles, make_room
from cyclefree._sharing import Threads, others_exist
from cyclefree._window import PromotedWindow, SteppedWindow, search
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


class Watch(Watched):
    """One guarded call, from `open` to `finish` or `abandon`.

    Args:
        scope: what the report calls it; made a string only for a report.
        options: what to look for.
        stepped: whether it is a coroutine or a generator, which works in steps (`enter`, `leave`)
            between which others run. The collector is held off during a plain call only, and stays
            on in steps.

    A watch holds marks, numbers and finished reports, and no object of the program.
    """

    __slots__ = ("_imports_depth", "_threads")

    def __init__(self, scope: object, options: Options, *, stepped: bool = False) -> None:
        super().__init__(scope, options, stepped)
        self._imports_depth = 0
        self._threads: Threads | None = None

    # -- the course of a watch -----------------------------------------------------------

    def open(self) -> None:
        """Begin to watch; a plain call's only step begins with it."""
        if gc.get_count()[0] > _ROOMY and _thresholds.is_off():
            make_room()
        self.register()
        if self.options.thorough:
            # Until all has been looked at: what `resume` lets go of would seem to be garbage
            # (tests/test_watch.py::test_the_first_look_finds_nothing_of_ours).
            _thresholds.pause(self)
            try:
                self.before = set(map(id, find_garbage(settled_heap())))
            finally:
                if self.stepped:
                    _thresholds.resume(self)
        if not self.stepped:
            self.enter()

    def enter(self) -> None:
        """Begin a step."""
        if others_exist():
            self._threads = Threads()
        self.window.step()

    def leave(self) -> None:
        """End a step."""
        self.window.step()
        if self._threads is not None:
            self.shared_with |= self._threads.that_ran()
            self._threads = None
        if len(self.window.marks) > _MARKS_KEPT:
            _thresholds.pause(self)
            try:
                absorb(0, [self], emptied=False, freed=False)
            finally:
                _thresholds.resume(self)

    def finish(self, result: object = None) -> bool:
        """Look for the last time, and end the watch.

        Args:
            result: what the call returned: known to be alive.

        Returns:
            Whether there is something to tell; `report` has it.
        """
        if self.stepped:
            _thresholds.pause(self)  # a collection in the middle of the look would change the marks
        try:
            self._look(result)
        finally:
            self.abandon()
        if self.window.lost:
            self.notes = (_FROZEN_NOTE,)
        return bool(self._findings or self.notes)

    def close(self) -> CycleReport:
        """Look for the last time, end the watch, and return the report."""
        self.finish()
        return self.report()

    @contextmanager
    def once(self) -> Iterator[None]:
        """Take what is born inside for work that is done once, such as an import."""
        if self.imports is None:
            self.imports = PromotedWindow()
        self._imports_depth += 1
        if self._imports_depth == 1:
            self.imports.step()
        try:
            yield
        finally:
            self._imports_depth -= 1
            if not self._imports_depth:
                self.imports.step()

    # -- looking -------------------------------------------------------------------------

    def _look(self, result: object) -> None:
        """Judge what was born in the window and is still there."""
        thorough = self.options.thorough
        short = not thorough and others_exist()
        if short:
            if self._nothing_is_left():
                self.detach()
                return
            if self.window.is_running():
                self.window.step()  # what is made for the look is not the call's own
        while True:  # until no collection comes between the marks and the objects
            looked = self.looked
            marks = self.window.marks
            young = objects_since(marks[0]) if short and marks else objects_of(0)
            heap = whole_heap() if thorough else []
            if self.looked == looked:
                break
            del young, heap
        self.detach()
        window = self.window
        if not thorough and not window.has_promoted():
            tail = young[-len(window.marks) :]
            if len(tail) == len(window.marks) and all(map(is_, tail, window.marks)):
                return  # nothing was left between the marks: the way of nearly every guarded call
            del tail  # it holds an object that is about to be counted
        if self._threads is not None:  # a plain call: its step ends here
            self.shared_with |= self._threads.that_ran()
            self._threads = None
        find = search(list(map(id, young)))
        objects: list[object] = []
        for start, stop in window.ranges(len(young), find):
            objects += young[start:stop]
        once: set[int] = set()
        if self.imports is not None:
            once = _identities(young, self.imports.ranges(len(young), find))
            once |= self.imports.promoted_identities()
        young.clear()  # `heap` has this list too: one alone may hold what is about to be counted
        if window.has_promoted():
            objects += window.recall(objects, 2)
        own = set(identities(objects)) if thorough or self.options.live else set()
        if thorough:
            objects = heap
        del young, heap
        settle(objects, follow=not thorough)
        self._judge(objects, own, once, result)

    def _nothing_is_left(self) -> bool:
        """Whether the newest objects are this window's marks, as after nearly every guarded call.

        Holds no object: for where other threads exist, and much faster there than `objects_of`.
        """
        window = self.window
        if window.has_promoted():
            return False
        return newest(len(window.marks)) == list(map(id, window.marks))

    def _judge(self, objects: list[object], own: set[int], once: set[int], result: object) -> None:
        """Find the garbage among `objects` and keep it as data; `objects` is emptied.

        Args:
            objects: where to look; older objects may be among them, or join them.
            own: identities of what was born in the window, where `thorough` or `live` needs them.
            once: identities of those that were born while modules were imported.
            result: what the call returned.
        """
        options = self.options
        garbage = find_confirmed(objects, result, follow=not options.thorough)
        alive = []
        if options.live:
            trash = set(map(id, garbage))
            alive = [o for o in objects if id(o) not in trash and not is_boundary(o)]
        objects.clear()
        unwanted = self.before | self.taken
        if unwanted:
            garbage = [o for o in garbage if id(o) not in unwanted]
        if options.thorough and self.stepped:
            garbage = blamed(garbage, own | self.window.promoted_identities())
        if garbage:
            self.take(garbage, once)
        if alive:
            graph = ObjectGraph([o for o in alive if not _is_ours(o)])
            alive = [graph.objects[index] for index in in_cycles(graph, own)]
            self.take(alive, once, live=True)


def _identities(young: Sequence[object], ranges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the identities of the objects in `ranges` of generation 0."""
    found: set[int] = set()
    for start, stop in ranges:
        found.update(identities(young[start:stop]))
    return found


def _is_ours(candidate: object) -> bool:
    """Whether `candidate` belongs to a watch itself."""
    return id(type(candidate)) in _OUR_TYPES


# By id: a metaclass may define __eq__
# (tests/test_harmless.py::test_no_user_code_runs_for_survivors).
_OUR_TYPES = frozenset(map(id, (Watch, Threads, PromotedWindow, SteppedWindow)))
