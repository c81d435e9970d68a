"""The options that every guard takes, checked where the guard is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cyclefree.reports import Cycle, CycleReport

__all__ = ["Action", "Ignore", "Options", "options", "shown", "without_ignored"]

Ignore = str | Callable[[Cycle], object]
Action = Literal["raise", "warn"] | Callable[[CycleReport], object]


@dataclass(frozen=True)
class Options:
    """What a guard looks for, and what it does then: see `cyclefree.assert_no_cycles`."""

    only: tuple[str, ...] = ()
    ignore: tuple[Ignore, ...] = ()
    live: bool = False
    thorough: bool = False
    sample: int = 1
    action: Action = "raise"


def options(
    only: str | Iterable[str] | None = None,
    ignore: Ignore | Iterable[Ignore] = (),
    live: bool = False,
    thorough: bool = False,
    sample: int = 1,
    action: Action = "raise",
) -> Options:
    """Check the options of a guard and return them.

    Raises:
        TypeError: an option is of the wrong type; the message says which, and what it takes.
        ValueError: an option has a value that means nothing.
    """
    for name, flag in (("live", live), ("thorough", thorough)):
        if type(flag) is not bool:
            raise TypeError(f"{name}= takes True or False, not {shown(flag)}")
    if type(sample) is not int:
        raise TypeError(
            f"sample= takes a whole number, not {shown(sample)}: sample=100 checks one call of 100"
        )
    if sample < 1:
        raise ValueError(
            f"sample={sample} checks no call at all; use 1 for each call, N for one call of N"
        )
    if not callable(action):
        if not isinstance(action, str):
            raise TypeError(
                'action= takes "raise", "warn" or a callable that gets the report, '
                f"not {shown(action)}"
            )
        if action not in ("raise", "warn"):
            raise ValueError(
                f'action={action!r} is unknown; use "raise", "warn" or a callable that gets the '
                "report"
            )
    return Options(_packages(only), _rules(ignore), live, thorough, sample, action)


def _packages(only: object) -> tuple[str, ...]:
    """Return the names of packages in `only`."""
    if only is None:
        return ()
    if isinstance(only, str):
        names: tuple[object, ...] = (only,)
    elif isinstance(only, Iterable):
        names = tuple(only)
    else:
        names = (only,)
    for name in names:
        if not isinstance(name, str):
            hint = f"; write only={name.__name__!r}" if inspect.ismodule(name) else ""
            raise TypeError(f"only= takes package names such as 'shop', not {shown(name)}{hint}")
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(
                f"only={name!r} is no package name; write it as import does, such as 'shop.models'"
            )
    if not names:
        raise ValueError("only=() would blame nothing; leave it out to blame everything")
    return tuple(str(name) for name in names)


def _rules(ignore: object) -> tuple[Ignore, ...]:
    """Return the rules in `ignore`: fingerprints and predicates."""
    if isinstance(ignore, str) or callable(ignore):
        rules: tuple[object, ...] = (ignore,)
    elif isinstance(ignore, Iterable):
        rules = tuple(ignore)
    else:
        rules = (ignore,)
    checked: list[Ignore] = []
    for rule in rules:
        if isinstance(rule, str):
            if len(rule) != 8 or not set(rule) <= set("0123456789abcdef"):
                raise ValueError(
                    f"ignore={rule!r} is no fingerprint; take the eight digits behind "
                    "'#1  2 of these' in a report, or pass a function that gets a Cycle"
                )
        elif not callable(rule):
            raise TypeError(
                f"ignore= takes fingerprints or functions that get a Cycle, not {shown(rule)}"
            )
        checked.append(rule)
    return tuple(checked)


def shown(value: object) -> str:
    """Say what `value` is, without running its code unless it is plain."""
    if type(value) in (str, int, float, bool, bytes, type(None)):
        return repr(value)
    return f"an object of type {type(value).__name__}"


def without_ignored(report: CycleReport, rules: Sequence[Ignore]) -> CycleReport:
    """Return `report` without the shapes that `rules` name; they are counted as ignored.

    Done once, on the merged report, and not at each look: a predicate is the user's code, which
    must not run inside a collection, and should see the final counts.
    """
    kept = tuple(
        cycle
        for cycle in report
        if cycle.fingerprint not in rules
        and not any(rule(cycle) for rule in rules if not isinstance(rule, str))
    )
    return replace(
        report,
        cycles=kept,
        objects=sum(cycle.size for cycle in kept),
        bytes=sum(cycle.bytes for cycle in kept),
        ignored=report.ignored + sum(c.count for c in report) - sum(c.count for c in kept),
    )
