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
from dataclasses import dataclass, field, replace
from typing import TextIO

from cyclefree.audit import AuditResult, Program, audit
from cyclefree.errors import CyclefreeError
from cyclefree.render.text import format_report
from cyclefree.reports import Cycle

__all__ = ["main"]

SAFE, NOT_SAFE, WRONG_USAGE = 0, 1, 2

USAGE = """\
usage: python -m cyclefree run [options] script.py ARGS...
       python -m cyclefree run [options] -m MODULE ARGS...
       python -m cyclefree run [options] -c CODE ARGS...
"""

HELP = (
    USAGE
    + """
Run a program as python would, with the cyclic garbage collector held off, then say which reference
cycles it left and whether it is safe to run without that collector.

options (before the program; all that follows the program is its own):
  --json FILE   also write the report and the verdict as JSON to FILE ("-": standard output)
  --only PKG    judge only cycles with an object that is defined in package PKG (repeatable)
  --limit N     show at most N shapes of cycle (default 10)
  --quiet       print the verdict only
  --version     print the version of cyclefree
  -h, --help    print this text

The report goes to standard error. Exit status: 0 safe, 1 not safe, 2 wrong usage; a program that
fails keeps its own status.
"""
)


@dataclass
class _Command:
    """A command line, taken apart."""

    program: Program | None = None
    json: str | None = None
    only: list[str] = field(default_factory=list)
    limit: int = 10
    quiet: bool = False
    answer: str | None = None  # --help, --version: what to print instead of running anything


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: what follows the program's name; None: those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    errors = sys.stderr  # the program may put another one in its place
    try:
        command = _parse(given)
        if command.answer is not None:
            print(command.answer.rstrip("\n"))
            return SAFE
        assert command.program is not None
        file = _open_json(command.json)
        progress = _Progress(errors) if not command.quiet and errors.isatty() else None
        try:
            result = audit(command.program, only=command.only, progress=progress)
        finally:
            if progress is not None:
                progress.clear()
    except CyclefreeError as error:
        print(f"cyclefree: {error}", file=errors)
        return WRONG_USAGE
    _flush_output()
    if file is not None:
        _write_json(file, result)
    lines = [] if command.quiet else _report_lines(result, command.limit, errors)
    lines += _verdict_lines(result)
    print("\n".join(lines), file=errors, flush=True)
    return result.exit_status


# --- the command line ---------------------------------------------------------------------------


def _parse(arguments: list[str]) -> _Command:
    """Take the command line apart; raise CyclefreeError for what it cannot mean.

    By hand: the first word that is not an option of ours starts the program's own words, which may
    look like options of ours (tests/test_cli.py::test_what_follows_the_program_is_the_programs).
    """
    command = _Command()
    if not arguments or arguments[0] in ("-h", "--help"):
        command.answer = HELP
        if not arguments:
            raise CyclefreeError(f"no command given; the one there is, is `run`\n{USAGE}".rstrip())
        return command
    if arguments[0] == "--version":
        command.answer = f"cyclefree {_version()}"
        return command
    if arguments[0] != "run":
        raise CyclefreeError(
            f"unknown command {arguments[0]!r}: write `python -m cyclefree run {arguments[0]} …`"
            " to run a program\n" + USAGE.rstrip()
        )
    return _parse_run(command, arguments[1:])


def _parse_run(command: _Command, words: list[str]) -> _Command:
    """Read our options up to the program, then the program."""
    while words:
        word = words.pop(0)
        option, is_joined, value = word.partition("=")
        if word in ("-h", "--help", "--version"):
            command.answer = HELP if word != "--version" else f"cyclefree {_version()}"
            return command
        if word == "--quiet":
            command.quiet = True
        elif option in ("--json", "--only", "--limit"):
            if not is_joined:
                value = words.pop(0) if words else ""
            _set_option(command, option, value)
        elif word[:2] in ("-m", "-c"):
            name = word[2:] or (words.pop(0) if words else "")
            if not name:
                expected = "the name of a module" if word == "-m" else "the code to run"
                raise CyclefreeError(f"{word} needs {expected} after it")
            kind = "module" if word[:2] == "-m" else "code"
            command.program = Program(kind, name, tuple(words))  # type: ignore[arg-type]
            return command
        elif word == "-":
            raise CyclefreeError(
                "can't read the program from standard input; give a script, -m MODULE or -c CODE"
            )
        elif word == "--" and words:
            continue_with = words.pop(0)
            command.program = Program("script", continue_with, tuple(words))
            return command
        elif word.startswith("-"):
            raise CyclefreeError(
                f"unknown option {word}: options of `cyclefree run` are --json, --only, --limit "
                "and --quiet; those of the program come after its name"
            )
        else:
            command.program = Program("script", word, tuple(words))
            return command
    raise CyclefreeError(f"no program given; name a script, -m MODULE or -c CODE\n{USAGE}".rstrip())


def _set_option(command: _Command, option: str, value: str) -> None:
    """Check one option's value and keep it."""
    if not value:
        expected = {"--json": "a file", "--only": "a package", "--limit": "a number"}[option]
        raise CyclefreeError(f"{option} needs {expected} after it")
    if option == "--json":
        command.json = value
    elif option == "--only":
        if not all(part.isidentifier() for part in value.split(".")):
            raise CyclefreeError(
                f"--only takes the dotted name of a package, like shop.models, not {value!r}"
            )
        command.only.append(value)
    else:
        try:
            command.limit = int(value)
        except ValueError:
            command.limit = 0
        if command.limit < 1:
            raise CyclefreeError(f"--limit takes a whole number from 1 up, not {value!r}")


def _version() -> str:
    from importlib import metadata  # a large import, and what we import the program no longer does

    try:
        return metadata.version("cyclefree")
    except metadata.PackageNotFoundError:
        return "(not installed)"


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


def _report_lines(result: AuditResult, limit: int, stream: TextIO) -> list[str]:
    """The report: every shape, those that recur first, then the sums and the verdict."""
    shown = replace(result.report, cycles=result.recurring + result.once)
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    lines = ["", format_report(shown, limit=limit, colour=colour).rstrip("\n"), ""]
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


def _verdict_lines(result: AuditResult) -> list[str]:
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
    once = f" ({_sum(result.once, left=True)} once by imports)" if result.once else ""
    if result.verdict == "safe":
        lines.append(f"verdict: safe to run without the gc{once}")
    elif result.verdict == "not safe":
        shapes = len(result.recurring)
        left = f"the program leaves {shapes:,} {'shape' if shapes == 1 else 'shapes'}"
        objects, size = _size(result.recurring)
        lines.append(f"verdict: NOT safe to run without the gc: {left} ({objects}, {size:,} bytes)")
    else:
        lines.append(
            "verdict: cannot tell: the program froze its heap (gc.freeze), which hides objects; "
            "run it without that call"
        )
    return lines


def _size(cycles: Sequence[Cycle]) -> tuple[str, int]:
    objects = sum(cycle.size for cycle in cycles)
    return f"{objects:,} {'object' if objects == 1 else 'objects'}", sum(c.bytes for c in cycles)


def _sum(cycles: Sequence[Cycle], left: bool = False) -> str:
    """Say how many objects of how many shapes there are."""
    objects, size = _size(cycles)
    shapes = f"{len(cycles):,} {'shape' if len(cycles) == 1 else 'shapes'}"
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
