"""The command line taken apart: what `python -m cyclefree run …` may be followed by."""

from __future__ import annotations

from dataclasses import dataclass, field

from cyclefree._program import Program
from cyclefree.errors import CyclefreeError

__all__ = ["HELP", "USAGE", "Command", "parse"]

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
  --json FILE       also write the report and the verdict as JSON to FILE ("-": standard output)
  --only PKG        judge only cycles with an object that is defined in package PKG (repeatable)
  --limit N         show at most N shapes of cycle (default 10)
  --quiet           print the verdict only
  --gc-off          run it as gc_frozen() does, with a budget of 1,000,000 objects, and print what
                    the collector did
  --baseline FILE   fail only on shapes of cycle that are not in FILE; tell which of them are gone
  --update-baseline write the shapes of this run to the FILE of --baseline: new ones are added,
                    those gone are dropped, and the reasons that people wrote there are kept
  --version         print the version of cyclefree
  -h, --help        print this text

The report goes to standard error. Exit status: 0 safe, or with --baseline nothing new; 1 not safe;
2 wrong usage; a program that fails keeps its own status.
"""
)

_EXPECTED = {
    "--json": "a file",
    "--only": "a package",
    "--limit": "a number",
    "--baseline": "a file",
}


@dataclass
class Command:
    """A command line, taken apart."""

    program: Program | None = None
    json: str | None = None
    only: list[str] = field(default_factory=list)
    limit: int = 10
    quiet: bool = False
    baseline: str | None = None
    update: bool = False
    gc_off: bool = False
    answer: str | None = None  # --help, --version: what to print instead of running anything


def parse(arguments: list[str]) -> Command:
    """Take the command line apart.

    By hand: the first word that is not an option of ours starts the program's own words, which may
    look like options of ours (tests/test_cli.py::test_what_follows_the_program_is_the_programs).

    Args:
        arguments: what follows `python -m cyclefree`.

    Raises:
        CyclefreeError: the words can't mean anything; the message says which, and what would.
    """
    command = Command()
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
    _parse_run(command, arguments[1:])
    if command.answer is None and command.update and command.baseline is None:
        raise CyclefreeError(
            "--update-baseline needs to know which file to write: add --baseline FILE"
        )
    return command


def _parse_run(command: Command, words: list[str]) -> None:
    """Read our options up to the program, then the program."""
    while words:
        word = words.pop(0)
        option, is_joined, value = word.partition("=")
        if word in ("-h", "--help", "--version"):
            command.answer = HELP if word != "--version" else f"cyclefree {_version()}"
            return
        if word == "--quiet":
            command.quiet = True
        elif word == "--update-baseline":
            command.update = True
        elif word == "--gc-off":
            command.gc_off = True
        elif option in _EXPECTED:
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
            return
        elif word == "-":
            raise CyclefreeError(
                "can't read the program from standard input; give a script, -m MODULE or -c CODE"
            )
        elif word == "--" and words:
            continue_with = words.pop(0)
            command.program = Program("script", continue_with, tuple(words))
            return
        elif word.startswith("-"):
            raise CyclefreeError(
                f"unknown option {word}: options of `cyclefree run` are {', '.join(_EXPECTED)}, "
                "--update-baseline, --gc-off and --quiet; those of the program come after its name"
            )
        else:
            command.program = Program("script", word, tuple(words))
            return
    raise CyclefreeError(f"no program given; name a script, -m MODULE or -c CODE\n{USAGE}".rstrip())


def _set_option(command: Command, option: str, value: str) -> None:
    """Check one option's value and keep it."""
    if not value:
        raise CyclefreeError(f"{option} needs {_EXPECTED[option]} after it")
    if option == "--json":
        command.json = value
    elif option == "--baseline":
        if value == "-":
            raise CyclefreeError("--baseline takes a file that is kept, not a stream")
        command.baseline = value
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
