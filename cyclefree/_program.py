"""Run a program as `python` would: what it sees, how it ends, what is printed when it fails."""

from __future__ import annotations

import builtins
import io
import linecache
import os
import pkgutil
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, SourceFileLoader, SourcelessFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, Literal

from cyclefree.errors import CyclefreeError

__all__ = ["Program", "end", "prepare", "wait_for_threads"]

INTERRUPTED = 130
"""Exit status of a program that Ctrl-C ended, as shells report it."""

Load = Callable[[], tuple[Callable[..., object], tuple[object, ...]]]
"""Reads and compiles a program; returns the function that runs it and the arguments for it."""


@dataclass(frozen=True)
class Program:
    """What to run, in the words of Python's own command line.

    Attributes:
        kind: `"script"` (a file, or a directory or zip archive with a `__main__.py`), `"module"`
            (`-m`) or `"code"` (`-c`).
        name: the path, the module's name, or the code itself.
        arguments: what the program finds in `sys.argv[1:]`.
    """

    kind: Literal["script", "module", "code"]
    name: str
    arguments: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How reports call it: `"app.py"`, `"-m json.tool"`, `"-c"`."""
        return {"script": self.name, "module": f"-m {self.name}", "code": "-c"}[self.kind]


# --- what the program sees ----------------------------------------------------------------------


def prepare(program: Program) -> Load:
    """Set `sys.argv`, `sys.path[0]` and `__main__` as Python does; return what loads the program.

    Guarded by tests/test_audit.py::test_the_program_sees_what_python_would_show_it.
    """
    if program.kind == "script":
        return _prepare_script(program)
    main = _fresh_main()
    if program.kind == "code":
        _set_arguments("-c", program.arguments, first_on_path="")
        return lambda: _load_code(program.name, main)
    _set_arguments("-m", program.arguments, first_on_path=os.getcwd())
    return lambda: _load_module(program.name)


def _prepare_script(program: Program) -> Load:
    """Prepare a script file, or a directory or archive with a `__main__.py`."""
    if not os.path.exists(program.name):
        raise CyclefreeError(
            f"can't open file {program.name!r}: there is no such file in {os.getcwd()}; "
            "check the path, or use -m for a module"
        )
    # Python itself joins without normalising: "./app.py" is "/srv/./app.py" in __file__.
    filename = os.path.join(os.getcwd(), program.name)
    if pkgutil.get_importer(program.name) is not None:
        _fresh_main()
        _set_arguments(program.name, program.arguments, first_on_path=filename, always=True)
        return lambda: _load_module("__main__")
    main = _fresh_main()
    loader = SourcelessFileLoader if filename.endswith(".pyc") else SourceFileLoader
    vars(main).update(__file__=filename, __cached__=None, __loader__=loader("__main__", filename))
    folder = os.path.dirname(os.path.realpath(filename))
    _set_arguments(program.name, program.arguments, first_on_path=folder)
    return lambda: _load_file(filename, main)


def _fresh_main() -> ModuleType:
    """Put a `__main__` in place that looks as it does when the interpreter has just started."""
    main = ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __loader__=BuiltinImporter)
    if sys.version_info < (3, 14):
        vars(main)["__annotations__"] = {}
    sys.modules["__main__"] = main
    return main


def _set_arguments(
    first: str, others: Sequence[str], *, first_on_path: str, always: bool = False
) -> None:
    """Set `sys.argv`, and replace the entry of `sys.path` that belongs to whoever started us.

    With `python -P` or `-I` there is no such entry, and no program but a directory gets one.
    """
    sys.argv[:] = [first, *others]
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[:1] = [first_on_path]
    elif always:
        sys.path.insert(0, first_on_path)


# --- loading it ---------------------------------------------------------------------------------


def _load_file(filename: str, main: ModuleType) -> tuple[Callable[..., object], tuple[object, ...]]:
    with io.open_code(filename) as stream:
        content = stream.read()  # once: the script may be a pipe
    code = pkgutil.read_code(io.BytesIO(content))
    if code is None:
        code = compile(content, filename, "exec", dont_inherit=True)
    return exec, (code, vars(main))


def _load_code(source: str, main: ModuleType) -> tuple[Callable[..., object], tuple[object, ...]]:
    if sys.version_info >= (3, 13):  # the lines of -c show in its tracebacks from 3.13 on
        lines = [line + "\n" for line in source.splitlines()]
        linecache.cache["<string>"] = (len(source), None, lines, "<string>")
    return exec, (compile(source, "<string>", "exec", dont_inherit=True), vars(main))


def _load_module(name: str) -> tuple[Callable[..., object], tuple[object, ...]]:
    """Leave the module to the function that the interpreter itself calls for `python -m`.

    So the tracebacks have the same lines of runpy in them, too.
    """
    return vars(runpy)["_run_module_as_main"], (name, name != "__main__")


# --- its end ------------------------------------------------------------------------------------


def end(error: BaseException, hidden: Collection[CodeType] = ()) -> int:
    """Do what Python does with an exception that nobody caught; return the exit status.

    Args:
        error: what ended the program; its traceback loses our frames.
        hidden: code whose frames are ours, besides the code of this file.

    Raises:
        CyclefreeError: the program is a module that is not there or can't be run.
    """
    _hide(error, hidden)
    if not issubclass(type(error), SystemExit):
        return _show(error)
    if type(error.__context__) is vars(runpy)["_Error"]:
        reason = str(error.__context__)
        raise CyclefreeError(f"{reason}; check the name and the environment") from None
    return _status_of_exit(error)


def _show(error: BaseException) -> int:
    """Have an uncaught exception shown, by the program's own hook if it has one."""
    _flush(sys.stdout)
    last = _set_last(error)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit as stop:
        return _status_of_exit(stop)
    except BaseException as second:
        _hide(second)
        print("Error in sys.excepthook:", file=sys.stderr)
        traceback.print_exception(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        traceback.print_exception(type(error), error, error.__traceback__)
    finally:
        for name, value in last.items():
            if vars(sys).get(name) is value:
                delattr(sys, name)
        last.clear()
    return INTERRUPTED if issubclass(type(error), KeyboardInterrupt) else 1


def _status_of_exit(error: Any) -> int:
    """Read a SystemExit as Python does: nothing is 0, a number itself, anything else is shown."""
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code)
    _flush(sys.stdout)
    if sys.stderr is not None:
        print(code, file=sys.stderr)
    return 1


def _set_last(error: BaseException) -> dict[str, object]:
    """Set `sys.last_type` and its kin, which exception hooks read; return what was set."""
    last: dict[str, object] = {
        "last_type": type(error),
        "last_value": error,
        "last_traceback": error.__traceback__,
    }
    if sys.version_info >= (3, 12):
        last["last_exc"] = error
    for name, value in last.items():
        setattr(sys, name, value)
    return last


_traceback, _cause, _context = (
    vars(BaseException)[name] for name in ("__traceback__", "__cause__", "__context__")
)


def _hide(error: BaseException, hidden: Collection[CodeType] = ()) -> None:
    """Take our own frames out of the traceback of an exception and of those that led to it."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        shown = pending.pop()
        if shown is None or id(shown) in seen:
            continue
        seen.add(id(shown))
        # Through the base class: an exception of the program may have properties of these names.
        _traceback.__set__(shown, _without(_traceback.__get__(shown), hidden))
        pending += [_cause.__get__(shown), _context.__get__(shown)]


def _without(first: TracebackType | None, hidden: Collection[CodeType]) -> TracebackType | None:
    """Return a traceback without our frames; the links between the others change."""
    while first is not None and _is_ours(first, hidden):
        first = first.tb_next
    entry = first
    while entry is not None:
        while entry.tb_next is not None and _is_ours(entry.tb_next, hidden):
            entry.tb_next = entry.tb_next.tb_next
        entry = entry.tb_next
    return first


def _is_ours(entry: TracebackType, hidden: Collection[CodeType]) -> bool:
    code = entry.tb_frame.f_code
    return code.co_filename == end.__code__.co_filename or code in hidden


def _flush(stream: Any) -> None:
    """Flush what the program has printed, if it has left a stream that can be flushed."""
    with suppress(AttributeError, OSError, ValueError):
        stream.flush()


def wait_for_threads() -> None:
    """Wait for the program's non-daemon threads, as Python does first of all when it ends.

    Executors end their workers here too, so joining the threads one by one would wait for ever
    (tests/test_audit.py::test_threads_and_executors_are_waited_for). Python calls the same function
    at its own end: there it finds the work done, or meets an error again and tells of it.
    """
    shutdown: Callable[[], object] = vars(threading)["_shutdown"]
    try:
        shutdown()
    except KeyboardInterrupt as error:  # the wait is over, and Python won't begin it again
        _hide(error)
        print("Exception ignored on threading shutdown:", file=sys.stderr)
        traceback.print_exception(type(error), error, error.__traceback__)
    except BaseException:
        return  # test_a_failing_shutdown_of_threads_is_told_by_python
