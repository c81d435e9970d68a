"""Every exception and warning of cyclefree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclefree.reports import CycleReport
    from cyclefree.stats import GCStats

__all__ = [
    "BudgetExceededError",
    "CollectorError",
    "CyclefreeError",
    "CyclefreeWarning",
    "CyclesFoundError",
    "ReportNotReadyError",
]


class CyclefreeError(Exception):
    """Base of every exception that cyclefree raises for a reason of its own.

    Wrong arguments are `TypeError` and `ValueError`, as everywhere in Python.
    """


class CyclesFoundError(CyclefreeError, AssertionError):
    """Say that a guarded call left objects that only the cyclic collector could free.

    An `AssertionError`, so that test runners show it as a failure and not as an error.

    Attributes:
        report: the `CycleReport` that explains what was found; plain data, it keeps no object
            alive.
    """

    def __init__(self, report: CycleReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


class BudgetExceededError(CyclefreeError):
    """Say that more has piled up in a `gc_frozen` than its budget allows, as it was asked to.

    Attributes:
        stats: the `GCStats` of the moment at which it was found.
    """

    def __init__(self, message: str, stats: GCStats) -> None:
        super().__init__(message, stats)
        self.stats = stats

    def __str__(self) -> str:
        return str(self.args[0])


class ReportNotReadyError(CyclefreeError):
    """Say that a report was asked for while its block was still running."""


class CollectorError(CyclefreeError, RuntimeError):
    """Say that this interpreter has no cyclic collector that cyclefree can work with."""


class CyclefreeWarning(UserWarning):
    """Tell of cycles that nobody can be blamed for, of a look that stayed inconclusive, or of a
    budget that is exceeded.
    """
