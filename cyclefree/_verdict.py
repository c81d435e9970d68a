"""What a watch found, and what becomes of it: the part that every kind of watch shares."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from cyclefree._options import Options, without_ignored
from cyclefree._shapes import Blame, describe
from cyclefree._warn import warn_caller
from cyclefree.errors import CyclesFoundError
from cyclefree.reports import CycleReport

__all__ = ["Verdict"]


class Verdict:
    """Findings as plain data, and the report made of them.

    Args:
        scope: what the report calls the thing watched; made a string only for a report.
        options: what to look for, and what to do with it.
    """

    __slots__ = ("_findings", "_scope", "looked", "notes", "options", "shared_with")

    def __init__(self, scope: object, options: Options) -> None:
        self._scope = scope
        self.options = options
        self._findings: list[CycleReport] = []
        self.shared_with: set[str] = set()
        self.notes: tuple[str, ...] = ()
        self.looked = 0

    @property
    def found(self) -> int:
        """Objects in what has been found so far."""
        return sum(report.objects for report in self._findings)

    def take(
        self, objects: list[object], once: AbstractSet[int] = frozenset(), *, live: bool = False
    ) -> None:
        """Keep, as plain data, what was found in `objects`; `once` as for `describe`."""
        blame = Blame(only=self.options.only)
        report = describe(objects, blame, scope=str(self._scope), live=live, once=once)
        if report or report.ignored:
            self._findings.append(report)

    def method(self) -> str:
        """How it was found; see `CycleReport.method`."""
        return "inconclusive" if self.notes else "trial deletion"

    def report(self) -> CycleReport:
        """Return what was found, merged and without what `ignore` names."""
        scope = str(self._scope)
        report = CycleReport.merge(*self._findings, CycleReport(scope, 0, 0, ()))
        if self.options.ignore:
            report = without_ignored(report, self.options.ignore)
        return replace(
            report,
            scope=scope,
            shared_with=tuple(sorted(self.shared_with)),
            method=self.method(),
            notes=self.notes,
        )

    def deliver(self, report: CycleReport | None = None) -> None:
        """Do with the report what the option `action` says.

        Args:
            report: the report, where it has been made: the predicates of `ignore` run once.

        Raises:
            CyclesFoundError: `action` is "raise", there are cycles, and they are certainly this
                call's. What other threads or tasks may have left, and a look that could not see
                everything, only warn.
        """
        if report is None:
            report = self.report()
        inconclusive = report.method == "inconclusive"
        if not report and not inconclusive:
            return
        action = self.options.action
        if callable(action):
            action(report)
        elif action == "raise" and not report.shared_with and not inconclusive:
            raise CyclesFoundError(report)
        else:
            warn_caller(str(report))
