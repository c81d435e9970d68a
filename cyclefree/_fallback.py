"""Where new objects are not kept in order: real collections instead of looking.

A free-threaded build has no generations and splits its reference counts, so trial deletion would be
wrong there. Decided by a self-test, once, when cyclefree is first imported, and said once in a
warning.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cyclefree import _collector
from cyclefree._garbage import trial_deletion_works
from cyclefree._options import Options
from cyclefree._verdict import Verdict
from cyclefree._watch import Watch
from cyclefree.errors import CyclefreeWarning
from cyclefree.reports import CycleReport

__all__ = ["CollectorWatch", "looking_works", "new_watch"]

_looking_works = sys.implementation.name == "cpython" and trial_deletion_works()
_warned: list[None] = []


class CollectorWatch(Verdict):
    """A watch that sets the heap aside, and runs a real collection that saves what it finds.

    It changes what it watches: finalizers run, generators are closed, weak references are cleared.
    Each of its collections is one of the whole heap that is not frozen. What other threads and
    tasks leave meanwhile counts as the call's own; `live` needs a look and finds nothing here.
    """

    __slots__ = ("_frozen", "_open")

    def __init__(self, scope: object, options: Options) -> None:
        super().__init__(scope, options)
        self._frozen = False
        self._open = False

    def open(self) -> None:
        """Set the heap aside."""
        if not _warned:
            _warned.append(None)
            warnings.warn(
                "this build of CPython does not keep new objects in order (a free-threaded build "
                "does not), so cyclefree runs real collections here: finalizers run, and a check "
                "costs as much as a collection",
                CyclefreeWarning,
                stacklevel=4,
            )
        self._frozen = _collector.gather_old()
        self._open = True

    def enter(self) -> None:
        """Begin a step: nothing to do, the watch covers what happens between steps too."""

    def leave(self) -> None:
        """End a step."""

    def finish(self, result: object = None) -> bool:
        """Collect, keep what was found as data, and end the watch."""
        if self._open:
            self._open = False
            self.looked += 1
            garbage = _collector.collect_into_list(self._frozen)
            if garbage:
                self.take(garbage)
        return bool(self._findings)

    def abandon(self) -> None:
        """End the watch without a collection."""
        if self._open:
            self._open = False
            if self._frozen:
                _collector.thaw()

    def close(self) -> CycleReport:
        """End the watch and return the report."""
        self.finish()
        return self.report()

    @contextmanager
    def once(self) -> Iterator[None]:
        """Do nothing: without an order of birth, what an import left cannot be told apart."""
        yield

    def method(self) -> str:
        """How it was found; see `CycleReport.method`."""
        return "collector"


def looking_works() -> bool:
    """Whether new objects are kept in order here, in generations, so that looking at them works."""
    return _looking_works


def new_watch(scope: object, options: Options, *, stepped: bool = False) -> Watch | CollectorWatch:
    """Return the watch that works on this build."""
    if _looking_works:
        return Watch(scope, options, stepped=stepped)
    return CollectorWatch(scope, options)
