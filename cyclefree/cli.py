"""The command line: `python -m cyclefree run [options] script.py ARGS… | -m MODULE … | -c CODE …`.

The report goes to standard error, so that a program whose standard output is read by another one
stays usable under the audit; `--json -` puts the report's data on standard output.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TextIO

from cyclefree._arguments import Command, parse
from cyclefree._budget import DEFAULT_BUDGET
from cyclefree.audit import AuditResult, audit
from cyclefree.baseline import Baseline, Comparison, check_writable
from cyclefree.errors import CyclefreeError
from cyclefree.render.text import format_report
from cyclefree.reports import Cycle
from cyclefree.stats import GCStats

__all__ = ["main"]

SAFE, NOT_SAFE, WRONG_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: what follows the program's name; None: those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    errors = sys.stderr  # the program may put another one in its place
    try:
        command = parse(given)
        if command.answer is not None:
            print(command.answer.rstrip("\n"))
            return SAFE
        assert command.program is not None
        known = _open_baseline(command)
        file = _open_json(command.json)
        progress = _Progress(errors) if not command.quiet and errors.isatty() else None
        try:
            result = audit(
                command.program, only=command.only, progress=progress, gc_off=command.gc_off
            )
        finally:
            if progress is not None:
                progress.clear()
    except CyclefreeError as error:
        print(f"cyclefree: {error}", file=errors)
        return WRONG_USAGE
    _flush_output()
    failure = None
    changes = None
    if known is not None:
        result, changes, failure = known.judge(result)
    if file is not None:
        _write_json(file, result)
    lines = [] if command.quiet else _report_lines(result, command.limit, errors, changes)
    if result.gc_off is not None:
        lines.append(_gc_off_line(result.gc_off))
    lines += _verdict_lines(result, changes)
    if failure is not None:
        lines.append(f"cyclefree: {failure}")
    print("\n".join(lines), file=errors, flush=True)
    return result.exit_status if failure is None else result.status or WRONG_USAGE


# --- the baseline -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Changes:
    """What a run is compared with, and what came of it.

    Attributes:
        name: of the file, as it was given.
        found: the comparison with the file as it was before the program ran.
        written: the number of entries in the file, where it was written anew.
    """

    name: str
    found: Comparison
    written: int | None = None


@dataclass(frozen=True)
class _Known:
    """The baseline of this run; `path` is absolute, as the program may change the directory."""

    name: str
    path: str
    baseline: Baseline
    update: bool

    def judge(self, result: AuditResult) -> tuple[AuditResult, _Changes, CyclefreeError | None]:
        """Compare a result with the baseline; write it, if asked to, and compare with the new one.

        Returns:
            The result with the comparison that decides; what has changed; why it can't be written.
        """
        report, only, complete = result.report, result.only, result.complete
        found = self.baseline.compare(report, only=only, complete=complete)
        compared = replace(result, comparison=found)
        if not self.update:
            return compared, _Changes(self.name, found), None
        updated = self.baseline.updated(report, only=only, complete=complete)
        try:
            updated.save(self.path)
        except CyclefreeError as error:
            return compared, _Changes(self.name, found), error
        compared = replace(result, comparison=updated.compare(report, only=only, complete=complete))
        return compared, _Changes(self.name, found, len(updated.entries)), None


def _open_baseline(command: Command) -> _Known | None:
    """Read the baseline before the program runs, and make sure that it can be written."""
    if command.baseline is None:
        return None
    path = os.path.abspath(command.baseline)
    if command.json is not None and os.path.realpath(command.json) == os.path.realpath(path):
        raise CyclefreeError(
            f"--json and --baseline both name {command.baseline!r}; give each its own file"
        )
    if command.update:
        check_writable(path)
    is_first = command.update and not os.path.lexists(path)
    baseline = Baseline() if is_first else Baseline.load(command.baseline)
    return _Known(command.baseline, path, baseline, command.update)


def _baseline_lines(changes: _Changes, limit: int) -> list[str]:
    """One line for each known shape, with its reason, and for each that is gone."""
    found, lines = changes.found, []
    if found.known:
        lines.append(f"known, in {changes.name}:")
        for cycle, entry in found.known[:limit]:
            lines.append(f"  {cycle.count:,} of these   {entry}")
        if len(found.known) > limit:
            lines.append(f"  and {_number(found.known[limit:], 'more shape')}")
    if found.gone:
        if changes.written is None:
            lines.append("known, but gone; run with --update-baseline to drop them:")
        else:
            lines.append(f"known, but gone; dropped from {changes.name}:")
        lines += [f"  {entry}" for entry in found.gone]
    if found.unseen:
        lines.append("known, and not seen; this run can't tell whether they are gone:")
        lines += [f"  {entry}" for entry in found.unseen[:limit]]
        if len(found.unseen) > limit:
            lines.append(f"  and {_number(found.unseen[limit:], 'more shape')}")
    return [*lines, ""] if lines else []


# --- output -------------------------------------------------------------------------------------


def _open_json(name: str | None) -> str | None:
    """Make sure, before the program runs for an hour, that its report can be written.

    Returns:
        The absolute path, as the program may change the working directory; "-" for standard output.
    """
    if name is None or name == "-":
        return name
    path = os.path.abspath(name)
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise CyclefreeError(
            f"can't write the report to {name!r}: {error.strerror}; give --json a file in a folder "
            "that exists and that you may write to"
        ) from None
    return path


def _write_json(path: str, result: AuditResult) -> None:
    if path == "-":
        print(result.to_json(), flush=True)
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(result.to_json() + "\n")


def _flush_output() -> None:
    """Have the program's own output out before the report, as both may go to one terminal."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()


def _report_lines(
    result: AuditResult, limit: int, stream: TextIO, changes: _Changes | None
) -> list[str]:
    """The report: the shapes in full, then the sums.

    Without a baseline every shape, those that recur first; with one, those that are not in it.
    """
    if changes is None:
        shown = replace(result.report, cycles=result.recurring + result.once)
    else:
        scope = f"{result.report.scope}, apart from what is known in {changes.name},"
        shown = replace(result.report, scope=scope, cycles=changes.found.new)
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    lines = ["", format_report(shown, limit=limit, colour=colour).rstrip("\n"), ""]
    if changes is not None:
        lines += _baseline_lines(changes, limit)
    if result.report.cycles:
        lines.append("never freed without the collector:")
        lines.append(f"  by the program as it ran: {_sum(result.recurring)}")
        lines.append(f"  once, by imports:         {_sum(result.once)}")
    if result.looks:
        lines.append(
            f"the collector's budget was used up {result.looks} "
            f"{'time' if result.looks == 1 else 'times'}; what had piled up was looked at each time"
        )
    return lines


def _verdict_lines(result: AuditResult, changes: _Changes | None) -> list[str]:
    """The verdict, and before it what limits it or the exit status."""
    lines = []
    if result.only:
        lines.append(
            f"judged: only cycles with an object defined in {', '.join(result.only)}; "
            f"other cycles not shown: {result.report.ignored:,}"
        )
    if result.status:
        lines.append(
            f"the program ended with status {result.status}: the exit status is the program's own"
        )
    if changes is not None and changes.written is not None:
        added = len({cycle.fingerprint for cycle in changes.found.new})
        lines.append(
            f"wrote {changes.name}: {changes.written:,} "
            f"{'shape' if changes.written == 1 else 'shapes'}, {added:,} added, "
            f"{len(changes.found.gone):,} dropped"
        )
    name = "the baseline" if changes is None else changes.name
    once = f" ({_sum(result.once, left=True)} once by imports)" if result.once else ""
    if result.verdict == "safe":
        lines.append(f"verdict: safe to run without the gc{once}")
    elif result.verdict == "known":
        objects, size = _size(result.recurring)
        lines.append(
            f"verdict: no new cycles: {_number(result.recurring, 'shape')}, "
            f"{'which is' if len(result.recurring) == 1 else 'all'} in {name} "
            f"({objects}, {size:,} bytes)"
        )
    elif result.verdict == "not safe":
        objects, size = _size(result.new)
        shapes = _number(result.new, "shape")
        if changes is None:
            left = f"the program leaves {shapes}"
        else:
            left = f"{shapes} that {'is' if len(result.new) == 1 else 'are'} not in {name}"
        lines.append(f"verdict: NOT safe to run without the gc: {left} ({objects}, {size:,} bytes)")
    else:
        lines.append(
            "verdict: cannot tell: the program froze its heap (gc.freeze), which hides objects; "
            "run it without that call"
        )
    return lines


def _gc_off_line(stats: GCStats) -> str:
    """Say what the collector did in a program that ran without it."""
    automatic, explicit = stats.automatic_collections, stats.explicit_collections
    parts = [
        f"{automatic:,} automatic {'collection' if automatic == 1 else 'collections'}",
        f"{explicit:,} explicit {'one' if explicit == 1 else 'ones'}",
        f"{stats.pause_ns / 1e6:,.1f} ms of pauses",
        f"about {stats.net_objects:,} objects more than before",
    ]
    if stats.rss_growth is not None:
        parts.append(f"{stats.rss_growth / 2**20:,.1f} MiB more memory")
    if stats.exceeded:
        times = "once" if stats.exceeded == 1 else f"{stats.exceeded:,} times"
        parts.append(f"the budget of {DEFAULT_BUDGET:,} objects used up {times}")
    return f"without the collector: {', '.join(parts)}"


def _number(items: Sequence[object], noun: str) -> str:
    return f"{len(items):,} {noun if len(items) == 1 else noun + 's'}"


def _size(cycles: Sequence[Cycle]) -> tuple[str, int]:
    objects = sum(cycle.size for cycle in cycles)
    return f"{objects:,} {'object' if objects == 1 else 'objects'}", sum(c.bytes for c in cycles)


def _sum(cycles: Sequence[Cycle], left: bool = False) -> str:
    """Say how many objects of how many shapes there are."""
    objects, size = _size(cycles)
    shapes = _number(cycles, "shape")
    if left:
        return f"{shapes}, {objects}, {'was' if len(cycles) == 1 else 'were'} left"
    return f"{objects} ({size:,} bytes) in {shapes}" if cycles else "none"


class _Progress:
    """One line on a terminal, rewritten at most ten times a second, first after one second.

    It is called from the collector's hook and from imports: a timer thread would be one more thread
    in the program, and a signal would interrupt its system calls.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.started = time.monotonic()
        self.due = self.started + 1.0
        self.width = 0

    def __call__(self, looks: int, found: int) -> None:
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + 0.1
        seconds = now - self.started
        self.write(f"cyclefree: {seconds:.0f} s, {looks} looks, {found:,} objects so far")

    def write(self, text: str) -> None:
        """Put a text in the place of the one before."""
        with suppress(OSError, ValueError):
            self.stream.write("\r" + text.ljust(self.width))
            self.stream.flush()
        self.width = len(text)

    def clear(self) -> None:
        """Take the line away, if there is one."""
        if self.width:
            self.write("")
            self.write("")
