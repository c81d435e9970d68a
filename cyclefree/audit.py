"""Run a whole program as `python` would, and find the cycles that it leaves.

The program gets what it would get from the interpreter: a fresh `__main__`, its own `sys.argv` and
`sys.path[0]`, the same tracebacks, the same exit status. It is given the process for good: a second
program in the same process would meet the first one's modules and threads, so `audit` is for a
process of its own, as the command line makes one.

What is counted is what the program has let go of when it ends: after its non-daemon threads, which
Python waits for too, and before its `atexit` handlers, while the globals of all modules are alive.
"""

from __future__ import annotations

import importlib._bootstrap
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from threading import get_ident
from typing import Any, Literal

from cyclefree import _collector
from cyclefree._fallback import CollectorWatch, new_watch
from cyclefree._memory import can_tell_resident, resident
from cyclefree._options import options
from cyclefree._program import INTERRUPTED, Program, end, prepare, wait_for_threads
from cyclefree._watch import Watch
from cyclefree.baseline import Comparison
from cyclefree.freeze import gc_frozen
from cyclefree.reports import Cycle, CycleReport
from cyclefree.stats import GCStats

__all__ = ["AuditResult", "Program", "audit"]

AnyWatch = Watch | CollectorWatch
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class AuditResult:
    """What a program left, and whether it can do without the cyclic collector.

    Attributes:
        program: how the program was called, as `Program.label` gives it.
        status: the program's own exit status.
        report: every shape of cycle, those that imports left once included (`Cycle.once`).
        looks: how often the heap was looked at meanwhile because the paused collector's budget was
            used up.
        only: the packages to which the verdict is limited; none: everything counts.
        comparison: what is new and what is known, where there is a baseline: the verdict then
            rests on what is new.
        gc_off: what the collector did, where the program ran without it.
    """

    program: str
    status: int
    report: CycleReport
    looks: int = 0
    only: tuple[str, ...] = ()
    comparison: Comparison | None = None
    gc_off: GCStats | None = None

    @property
    def recurring(self) -> tuple[Cycle, ...]:
        """The shapes that the running program left: without a baseline they decide the verdict."""
        return tuple(cycle for cycle in self.report.cycles if not cycle.once)

    @property
    def once(self) -> tuple[Cycle, ...]:
        """The shapes that were left while modules were imported: they don't pile up."""
        return tuple(cycle for cycle in self.report.cycles if cycle.once)

    @property
    def new(self) -> tuple[Cycle, ...]:
        """The recurring shapes that are in no baseline: they decide the verdict."""
        return self.recurring if self.comparison is None else self.comparison.new

    @property
    def complete(self) -> bool:
        """Whether the program ran to its end, or to a Ctrl-C, which is how a server ends."""
        return self.status in (0, INTERRUPTED)

    @property
    def verdict(self) -> Literal["safe", "known", "not safe", "inconclusive"]:
        """Whether the program can run with the cyclic collector switched off.

        `"known"` where all that it left is in the baseline. `"inconclusive"` where objects were
        hidden from the look, by a `gc.freeze()` of the program, and nothing (with a baseline:
        nothing new) was found in the rest.
        """
        if self.new:
            return "not safe"
        if self.report.method == "inconclusive":
            return "inconclusive"
        return "known" if self.recurring else "safe"

    @property
    def exit_status(self) -> int:
        """0 safe or known, 1 not safe or inconclusive; a program that failed keeps its own."""
        return self.status or (0 if self.verdict in ("safe", "known") else 1)

    def to_json(self) -> str:
        """Return the verdict and the whole report as JSON."""
        data = {
            "schema": "cyclefree/audit/1",
            "program": self.program,
            "status": self.status,
            "verdict": self.verdict,
            "only": list(self.only),
            "looks": self.looks,
            "recurring": _totals(self.recurring),
            "once": _totals(self.once),
            **({} if self.comparison is None else {"baseline": _compared(self.comparison)}),
            **({} if self.gc_off is None else {"gc_off": json.loads(self.gc_off.to_json())}),
            "report": json.loads(self.report.to_json()),
        }
        return json.dumps(data, indent=2)


def _totals(cycles: Sequence[Cycle]) -> dict[str, int]:
    """Add up shapes, objects and bytes."""
    return {
        "shapes": len(cycles),
        "objects": sum(cycle.size for cycle in cycles),
        "bytes": sum(cycle.bytes for cycle in cycles),
    }


def _compared(comparison: Comparison) -> dict[str, object]:
    """List new shapes by fingerprint (the report has the rest), and the entries of the others."""
    return {
        "new": list(dict.fromkeys(cycle.fingerprint for cycle in comparison.new)),
        "known": [asdict(entry) for entry in dict.fromkeys(e for _, e in comparison.known)],
        "gone": [asdict(entry) for entry in comparison.gone],
        "unseen": [asdict(entry) for entry in comparison.unseen],
    }


def audit(
    program: Program,
    *,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    gc_off: bool = False,
) -> AuditResult:
    """Run `program` in this process with the collector held off, and say which cycles it left.

    The program's threads are waited for as Python waits for them when it ends; its `atexit`
    handlers run when the process does end. `sys.argv`, `sys.path` and `__main__` stay the
    program's. Call it from the main thread, once in a process.

    Args:
        program: what to run.
        only: names of packages; only cycles with an object that is defined in one of them count.
        progress: called now and then with the number of looks so far and of the objects found.
        gc_off: run it as `gc_frozen()` does, and say what the collector did meanwhile. Otherwise
            the collector is held off as for any guard: with a fifth of the budget, and a look
            whenever that is used up.

    Returns:
        The program's exit status and the cycles that it left. A program that raises does not make
        `audit` raise: the traceback is printed as Python prints it and the status is 1 (130 for
        Ctrl-C).

    Raises:
        CyclefreeError: there is no such script or module, or it can't be run as a program.
    """
    load = prepare(program)
    watch = new_watch(program.label, options(only=tuple(only) or None, thorough=True))
    process = os.getpid()
    ended_by: BaseException | None = None
    frozen = _Frozen() if gc_off else None
    watch.open()
    try:
        with _imports_marked(watch, progress):
            # The program is called from this frame, which is still running when the look is taken:
            # a frame of ours that had ended would be counted with the frames of the program that
            # refer to it as their caller (test_no_frame_of_ours_is_counted).
            try:
                function, arguments = load()
                function(*arguments)
            except BaseException as error:
                ended_by = error
            status = 0 if ended_by is None else end(ended_by, hidden=(audit.__code__,))
            # It holds the program's frames, and so everything in their cycles, alive
            # (test_cycles_in_the_frames_of_an_uncaught_exception_are_found).
            ended_by = None
            wait_for_threads()
        if os.getpid() != process:  # a fork of the program: its parent reports
            raise SystemExit(status)
        _tell(progress, watch)
        stats = None if frozen is None else frozen.stats()
        report = watch.close()
    finally:
        ended_by = None
        watch.abandon()
        if frozen is not None:
            frozen.scope.leave(failed=True)
    return AuditResult(program.label, status, report, watch.looked, tuple(only), gc_off=stats)


class _Frozen:
    """The `gc_frozen` around a whole program, whose memory is read where it can be."""

    def __init__(self) -> None:
        self.scope = gc_frozen()
        self.before = resident() if can_tell_resident() else None
        self.scope.enter()

    def stats(self) -> GCStats:
        """Return what has happened so far."""
        growth = None if self.before is None else resident() - self.before
        return replace(self.scope.stats, rss_growth=growth)


def _tell(progress: Progress | None, watch: AnyWatch) -> None:
    if progress is not None:
        progress(watch.looked, watch.found)


# --- imports ------------------------------------------------------------------------------------


class _ImportLock:
    """Stand in for the context manager that holds the lock on a module while it is imported.

    importlib looks it up by name for each module that is not in `sys.modules` yet (CPython 3.10 to
    3.13; guarded by tests/test_audit.py::test_cycles_of_imports_are_once). Unlike a wrapper around
    the import it adds no frame, neither to tracebacks nor to what is counted. Only the outermost
    import of each thread opens a window; those inside it belong to it.

    Args:
        original: what it stands in for.
        watch: gets the windows.
        importing: the threads that are importing now.
        progress: told after each import.
        name: of the module.
    """

    def __init__(
        self,
        original: Callable[[str], AbstractContextManager[None]],
        watch: AnyWatch,
        importing: set[int],
        progress: Progress | None,
        name: str,
    ) -> None:
        self.name = name
        self.lock = original(name)
        self.watch = watch
        self.importing = importing
        self.progress = progress
        self.window: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        self.lock.__enter__()
        if get_ident() not in self.importing and self.name not in sys.modules:
            self.importing.add(get_ident())
            self.window = self.watch.once()
            self.window.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self.window is not None:
            self.window.__exit__(None, None, None)
            self.window = None
            self.importing.discard(get_ident())
            _tell(self.progress, self.watch)
        self.lock.__exit__(*error)


@contextmanager
def _imports_marked(watch: AnyWatch, progress: Progress | None) -> Iterator[None]:
    """Mark what imports leave as left once, and tell of the progress after each collection."""
    importlib_itself: Any = importlib._bootstrap
    original = importlib_itself._ModuleLockManager
    ours = partial(_ImportLock, original, watch, set(), progress)

    def after_collection(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            _tell(progress, watch)

    importlib_itself._ModuleLockManager = ours
    _collector.add_hook(after_collection)
    try:
        yield
    finally:
        _collector.remove_hook(after_collection)
        if importlib_itself._ModuleLockManager is ours:
            importlib_itself._ModuleLockManager = original
