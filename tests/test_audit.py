"""The audit: programs run as `python` runs them, and the count is the collector's."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import signal
import subprocess
import sys
import textwrap
import time
import zipapp
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cyclefree.audit import AuditResult
from cyclefree.reports import Cycle, CycleReport

ROOT = Path(__file__).resolve().parent.parent
AUDIT = (sys.executable, "-m", "cyclefree", "run")

Done = subprocess.CompletedProcess[str]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def execute(words: Sequence[str], folder: Path, stdin: str = "", **environment: str) -> Done:
    """Run a command in `folder`, with this checkout's cyclefree importable."""
    return subprocess.run(
        words,
        cwd=folder,
        env={**ENVIRONMENT, **environment},
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )


def write(folder: Path, **sources: str) -> None:
    """Write modules into `folder`."""
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")


def audited(folder: Path, *words: str) -> dict[str, Any]:
    """Run a program under the audit and return its JSON."""
    done = execute([*AUDIT, "--quiet", "--json", "audit.json", *words], folder)
    assert done.returncode in (0, 1), done.stderr
    data: dict[str, Any] = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    return data


# --- as python runs it --------------------------------------------------------------------------

SHOW = """
import sys
for name, value in sorted(globals().copy().items()):
    shown = value if isinstance(value, (str, dict, type(None))) else type(value).__name__
    print(name, "=", shown)
spec = __spec__ and (__spec__.name, __spec__.origin)
print(sys.argv, repr(sys.path[0]), len(sys.path), spec)
print(sys.modules["__main__"].__dict__ is globals())
"""

PROGRAMS = {
    "script": ("show.py", "a", "--json", "-m"),
    "script given with dots": ("./folder/../show.py",),
    "script in a folder": ("folder/show.py", "x"),
    "script by absolute path": ("{folder}/show.py",),
    "script through a link": ("link.py",),
    "compiled script": ("compiled.pyc",),
    "folder with __main__": ("folder", "x"),
    "archive": ("app.pyz", "x"),
    "module": ("-m", "show", "x", "-c"),
    "module, joined": ("-mshow",),
    "module in a package": ("-m", "package.show"),
    "package": ("-m", "package", "x"),
    "code": ("-c", SHOW, "x", "--limit"),
    "code, joined": ("-cimport sys; print(sys.argv)", "x"),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the same program can be run in every way."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "folder").mkdir()
    (folder / "package").mkdir()
    write(folder, show=SHOW)
    write(folder / "folder", show=SHOW, __main__=SHOW)
    write(folder / "package", show=SHOW, __main__=SHOW, __init__="")
    zipapp.create_archive(folder / "folder", folder / "app.pyz")
    py_compile.compile(str(folder / "show.py"), str(folder / "compiled.pyc"))
    (folder / "link.py").symlink_to(Path("folder") / "show.py")
    return folder


@pytest.mark.parametrize("words", PROGRAMS.values(), ids=PROGRAMS)
def test_the_program_sees_what_python_would_show_it(words: tuple[str, ...], programs: Path) -> None:
    """`__main__`, `sys.argv` and `sys.path` are as without the audit, however it is started."""
    words = tuple(word.replace("{folder}", str(programs)) for word in words)
    plain = execute([sys.executable, *words], programs)
    done = execute([*AUDIT, *words], programs)
    assert plain.returncode == 0, plain.stderr
    assert done.stdout == plain.stdout
    assert done.returncode == 0, done.stderr


def test_a_safe_path_stays_safe(programs: Path) -> None:
    """With `python -I` neither the script's folder nor the current one is put on the path."""
    show = f"import sys; print([place for place in sys.path if place != {str(ROOT)!r}])"
    plain = execute([sys.executable, "-I", "-c", show], programs)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from cyclefree.cli import main; main()"
    done = execute([sys.executable, "-I", "-c", code, "run", "-c", show], programs)
    assert plain.stdout
    assert done.stdout == plain.stdout
    plain = execute([sys.executable, "-I", "folder"], programs)
    done = execute([sys.executable, "-I", "-c", code, "run", "folder"], programs)
    assert plain.returncode == done.returncode == 0
    shown = [text.partition("] ")[2].split()[0] for text in (plain.stdout, done.stdout)]
    assert shown[0] == shown[1]


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="there is no /dev/stdin")
def test_a_script_may_be_a_pipe(tmp_path: Path) -> None:
    """What can be read only once, such as a shell's process substitution, is run all the same."""
    done = execute([*AUDIT, "--quiet", "/dev/stdin", "x"], tmp_path, "import sys; print(sys.argv)")
    assert done.stdout == "['/dev/stdin', 'x']\n"
    assert done.returncode == 0


def test_a_failing_shutdown_of_threads_is_told_by_python(tmp_path: Path) -> None:
    """What goes wrong while threads are waited for is shown once; status and verdict stand."""
    write(
        tmp_path,
        program="import threading\nthreading._register_atexit(lambda: 1 / 0)\n",
    )
    plain = execute([sys.executable, "program.py"], tmp_path)
    done = execute([*AUDIT, "program.py"], tmp_path)
    assert done.returncode == plain.returncode == 0
    assert "ZeroDivisionError" in plain.stderr
    assert done.stderr.endswith("verdict: safe to run without the gc\n" + plain.stderr)


ENDINGS = {
    "falls off the end": "print('x')",
    "exit": "import sys; sys.exit()",
    "exit 0": "import sys; sys.exit(0)",
    "exit 3": "import sys; sys.exit(3)",
    "exit -1": "import sys; sys.exit(-1)",
    "exit True": "import sys; sys.exit(True)",
    "exit with a message": "import sys; print('out'); sys.exit('no such shop')",
    "exit with a tuple": "raise SystemExit(1, 2)",
    "a SystemExit of its own": "class Stop(SystemExit): code = 5\nraise Stop",
    "exception": "def f():\n    1 / 0\nf()\n",
    "chained exceptions": """
        def f():
            try:
                {}['x']
            except KeyError as error:
                raise ValueError('bad') from error
        try:
            f()
        except ValueError:
            raise RuntimeError('worse')
    """,
    "interrupt": "def f():\n    raise KeyboardInterrupt\nf()\n",
    "syntax error": "x = 1\nx = = 2\n",
    "own hook": """
        import sys, traceback
        def hook(kind, value, trace):
            print('hook', kind, value, len(traceback.extract_tb(trace)), sys.last_value is value)
        sys.excepthook = hook
        raise ValueError('bad')
    """,
    "hook that exits": """
        import sys
        sys.excepthook = lambda *_: sys.exit(7)
        raise ValueError('bad')
    """,
    "hook that fails": """
        import sys
        def hook(*_):
            raise TypeError('in the hook')
        sys.excepthook = hook
        raise ValueError('bad')
    """,
    "thread that fails": """
        import threading
        thread = threading.Thread(target=lambda: 1 / 0, name='worker')
        thread.start()
        thread.join()
        print('on')
    """,
    "missing module": "def f():\n    import no_such_module\nf()\n",
    "module that fails": "import failing",
    "module whose import fails": "import importing_nothing",
    "module with a syntax error": "import broken",
    "name that is not there": "from show import nothing",
    "finder that fails": """
        import sys
        class Finder:
            def find_spec(self, name, path=None, target=None):
                raise ValueError(name)
        sys.meta_path.insert(0, Finder())
        import anything
    """,
    "import that warns": "import warning",
    "exit handlers": """
        import atexit, sys
        atexit.register(lambda: print('last', sys.argv, __name__, sys.modules['__main__'].x))
        x = 1
        print('first')
    """,
    "exit at once": "import os, sys; print('x'); sys.stdout.flush(); os._exit(9)",
    "closed output": "import sys; sys.stdout.close()",
    "reads its input": "print(input() + input())",
}


def helpers(folder: Path) -> None:
    """Write the modules that the programs above import."""
    write(
        folder,
        show=SHOW,
        failing="def f():\n    raise ValueError('at import')\nf()\n",
        importing_nothing="import show, no_such_module",
        broken="x = = 1\n",
        warning="import warnings\nwarnings.warn('soon gone', UserWarning, stacklevel=2)\n",
    )


@pytest.mark.parametrize("source", ENDINGS.values(), ids=ENDINGS)
def test_the_program_ends_as_under_python(source: str, tmp_path: Path) -> None:
    """Output, traceback and status are Python's, letter by letter; then comes the report."""
    helpers(tmp_path)
    write(tmp_path, program=source)
    plain = execute([sys.executable, "program.py"], tmp_path, stdin="a\nb\n")
    done = execute([*AUDIT, "program.py"], tmp_path, stdin="a\nb\n")
    assert done.stdout == plain.stdout
    assert done.stderr.startswith(plain.stderr)
    if plain.returncode == 0:
        assert done.returncode in (0, 1)
    else:
        assert done.returncode == (130 if plain.returncode == -signal.SIGINT else plain.returncode)
        assert ("verdict:" in done.stderr) == (plain.returncode != 9)


@pytest.mark.parametrize("name", ["module that fails", "missing module", "import that warns"])
def test_tracebacks_of_failing_imports_are_as_python_prints_them(name: str, tmp_path: Path) -> None:
    """The traceback that the program itself formats for a failing import shows nothing of ours."""
    helpers(tmp_path)
    body = textwrap.indent(textwrap.dedent(ENDINGS[name]), "    ")
    write(
        tmp_path,
        program="import traceback, warnings\nwarnings.simplefilter('error')\n"
        f"try:\n    pass\n{body}\n"
        "except Exception:\n    print(traceback.format_exc())\n    raise\n",
    )
    plain = execute([sys.executable, "program.py"], tmp_path)
    done = execute([*AUDIT, "program.py"], tmp_path)
    assert plain.returncode == 1
    assert plain.stdout
    assert done.stdout == plain.stdout
    assert done.stderr.startswith(plain.stderr)


def test_code_with_an_error_shows_as_under_python(tmp_path: Path) -> None:
    """`-c` prints the tracebacks that Python prints, with source lines where Python has them."""
    for code in ("def f():\n    1 / 0\nf()", "x = = 1", "import no_such_module"):
        plain = execute([sys.executable, "-c", code], tmp_path)
        done = execute([*AUDIT, "-c", code], tmp_path)
        assert done.returncode == plain.returncode == 1
        assert done.stderr.startswith(plain.stderr)


def test_module_that_fails_shows_as_under_python(tmp_path: Path) -> None:
    """`-m` prints runpy's lines too, as Python does, and a failing package is not a wrong usage."""
    helpers(tmp_path)
    (tmp_path / "package").mkdir()
    write(tmp_path / "package", __init__="import failing", __main__="")
    for name in ("failing", "package", "importing_nothing"):
        plain = execute([sys.executable, "-m", name], tmp_path)
        done = execute([*AUDIT, "-m", name], tmp_path)
        assert done.returncode == plain.returncode == 1
        assert done.stderr.startswith(plain.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX")
def test_ctrl_c_ends_the_program_and_the_report_comes_all_the_same(tmp_path: Path) -> None:
    """An interrupted program ends with a traceback and status 130, and what it left is shown."""
    write(
        tmp_path,
        program="""
        import pathlib, time
        def work():
            ring = []
            ring.append(ring)
        work()
        pathlib.Path("ready").touch()
        time.sleep(60)
        """,
    )
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:  # in a background job Ctrl-C is ignored, and would be by the program too
        process = subprocess.Popen(
            [*AUDIT, "program.py"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    finally:
        signal.signal(signal.SIGINT, handler)
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in errors
    assert "cyclefree" not in errors.partition("KeyboardInterrupt")[0]
    assert "NOT safe" in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_does_not_report(tmp_path: Path) -> None:
    """A child that runs to the program's end leaves the report to its parent."""
    write(
        tmp_path,
        program="""
        import os, sys
        child = os.fork()
        if not child:
            sys.exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
    )
    done = execute([*AUDIT, "--quiet", "program.py"], tmp_path)
    assert done.stdout == "4\n"
    assert done.stderr.count("verdict") == 1


# --- what is counted ----------------------------------------------------------------------------


# The truth: the same program under `python` itself, the collector off from its start, and one
# collection at its end. `python` imports this when it starts, before the program. The modules that
# the audit needs are loaded first, because what they import the program no longer does. The
# collection comes after the threads have ended, with the module globals alive, like the audit's
# look; unlike that, it comes after the exit handlers of the program.
CONTROL = """
import atexit, gc, json, os
import cyclefree.cli

def count():
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    with open(os.environ["CONTROL_RESULT"], "w") as file:
        file.write(str(len(gc.garbage)))

while gc.collect():
    pass
gc.disable()
atexit.register(count)
"""


def truth(folder: Path, *words: str) -> int:
    """Count, without the audit, what the collector finds when the same program ends."""
    control = folder / "control"
    control.mkdir(exist_ok=True)
    write(control, sitecustomize=CONTROL)
    result = folder / "control.txt"
    done = execute(
        [sys.executable, *words],
        folder,
        PYTHONPATH=os.pathsep.join((str(control), str(ROOT))),
        CONTROL_RESULT=str(result),
    )
    assert done.returncode == 0, done.stderr
    return int(result.read_text(encoding="utf-8"))


def check_against_the_collector(folder: Path, *words: str) -> int:
    """Compare the audit's number with the collector's and return it."""
    data = audited(folder, *words)
    total: int = data["recurring"]["objects"] + data["once"]["objects"]
    assert total == data["report"]["objects"]
    assert total == truth(folder, *words)
    return total


FLASK = """
from flask import Flask, abort, jsonify

app = Flask(__name__)

@app.get("/shop/<int:number>")
def shop(number):
    if number > 3:
        abort(404)
    return jsonify(number=number)

@app.get("/fails")
def fails():
    raise KeyError("nothing here")

client = app.test_client()
for number in range(6):
    print(client.get(f"/shop/{number}", buffered=True).status_code)
app.config["PROPAGATE_EXCEPTIONS"] = False
app.logger.disabled = True
print(client.get("/fails", buffered=True).status_code)
"""

MANY = """
class Node:
    def __init__(self, number):
        self.number = [number]
        self.me = self

kept = []
for number in range(100_000):
    node = Node(number)
    left, right = [node], []
    left.append(right)
    right.append(left)
    if number % 5 == 0:
        kept.append(left)
print(len(kept))
"""


def test_json_tool_agrees_with_the_collector(tmp_path: Path) -> None:
    """`python -m json.tool` leaves its argument parser, as many objects as the collector finds."""
    (tmp_path / "data.json").write_text('{"shop": [1, 2, {"open": true}]}', encoding="utf-8")
    assert check_against_the_collector(tmp_path, "-m", "json.tool", "data.json") > 0


@pytest.mark.skipif(
    importlib.util.find_spec("test") is None
    or importlib.util.find_spec("test.test_bisect") is None,
    reason="this Python comes without the standard library's tests",
)
def test_unittest_agrees_with_the_collector(tmp_path: Path) -> None:
    """`python -m unittest` on a test of the standard library leaves what the collector finds."""
    assert check_against_the_collector(tmp_path, "-m", "unittest", "test.test_bisect") > 0


def test_flask_agrees_with_the_collector(tmp_path: Path) -> None:
    """A Flask application under its test client leaves what the collector finds.

    The answers are buffered: unbuffered ones are suspended generators, which a collection closes
    before it counts (see the next but one test).
    """
    pytest.importorskip("flask")
    write(tmp_path, shop=FLASK)
    assert check_against_the_collector(tmp_path, "shop.py") > 0


def test_half_a_million_objects_agree_with_the_collector(tmp_path: Path) -> None:
    """A run far beyond the budget is looked at in parts, and none is lost or doubled."""
    write(tmp_path, many=MANY)
    total = check_against_the_collector(tmp_path, "many.py")
    assert total > 300_000
    data = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert data["looks"] > 0


def test_suspended_generators_are_counted_as_they_are(tmp_path: Path) -> None:
    """The audit counts before generators are closed and finalizers run: afterwards none is left."""
    write(
        tmp_path,
        program="""
        class Stream:
            def __init__(self):
                self.parts = self.produce()
                next(self.parts)
            def produce(self):
                try:
                    yield 1
                finally:
                    print("closed")
            def __del__(self):
                print("deleted")
        for _ in range(3):
            Stream()
        """,
    )
    (cycle,) = audited(tmp_path, "program.py")["report"]["cycles"]
    members = dict(cycle["members"])
    assert (cycle["count"], members["Stream"], members["generator"]) == (3, 3, 3)


def test_no_frame_of_ours_is_counted(tmp_path: Path) -> None:
    """Frames that are garbage refer to their callers: those are the program's alone."""
    write(
        tmp_path,
        imported="""
        def fail():
            try:
                1 / 0
            except ZeroDivisionError as error:
                failure = error
        fail()
        """,
        program="import imported\nimported.fail()\n",
    )
    assert check_against_the_collector(tmp_path, "program.py") > 0
    assert check_against_the_collector(tmp_path, "-m", "program") > 0
    code = "import imported; imported.fail()"
    assert check_against_the_collector(tmp_path, "-c", code) > 0


def test_a_clean_program_is_safe(tmp_path: Path) -> None:
    """Where nothing is left, the verdict is safe; a cycle that is still alive does not count."""
    write(
        tmp_path,
        program="""
        alive = []
        alive.append(alive)
        """,
    )
    data = audited(tmp_path, "program.py")
    assert data["verdict"] == "safe"
    assert data["report"]["objects"] == 0


IMPORTING = """
{how}
class Order:
    def __init__(self):
        self.me = self
for _ in range({orders}):
    Order()
"""


@pytest.mark.parametrize(
    "how",
    [
        "import leaves_a_ring",
        "import importlib; importlib.import_module('leaves_a_ring')",
        "import imports_it",
        "import threading\nt = threading.Thread(target=__import__, args=('leaves_a_ring',))\n"
        "t.start()\nt.join()\ndel t",
        "try:\n    import leaves_a_ring_and_fails\nexcept ValueError:\n    pass",
    ],
    ids=["statement", "importlib", "nested", "thread", "failing"],
)
def test_cycles_of_imports_are_once(how: str, tmp_path: Path) -> None:
    """What is left while a module is imported is listed apart and does not decide."""
    ring = "ring = []\nring.append(ring)\ndel ring\n"
    write(
        tmp_path,
        leaves_a_ring=ring,
        imports_it="import leaves_a_ring",
        leaves_a_ring_and_fails=ring + "raise ValueError('at import')\n",
        clean=IMPORTING.format(how=how, orders=0),
        unclean=IMPORTING.format(how=how, orders=3),
    )
    clean = audited(tmp_path, "clean.py")
    assert clean["verdict"] == "safe"
    assert (clean["once"]["shapes"], clean["once"]["objects"]) == (1, 1)
    unclean = audited(tmp_path, "unclean.py")
    assert unclean["verdict"] == "not safe"
    assert unclean["once"]["objects"] == 1
    assert unclean["recurring"]["shapes"] == 1
    assert unclean["recurring"]["objects"] >= 3


def test_cycles_in_the_frames_of_an_uncaught_exception_are_found(tmp_path: Path) -> None:
    """The exception that ends the program is let go of before the look, and so are its frames."""
    write(
        tmp_path,
        program="""
        class Order:
            def __init__(self):
                self.me = self
        def main():
            order = Order()
            raise ValueError("bad")
        main()
        """,
    )
    done = execute([*AUDIT, "--json", "audit.json", "program.py"], tmp_path)
    data = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert (done.returncode, data["status"], data["verdict"]) == (1, 1, "not safe")
    (cycle,) = data["report"]["cycles"]
    assert dict(cycle["members"])["Order"] == 1
    assert "the program ended with status 1: the exit status is the program's own" in done.stderr


def test_threads_and_executors_are_waited_for(tmp_path: Path) -> None:
    """What non-daemon threads and forgotten executors leave when they end is part of the count."""
    write(
        tmp_path,
        program="""
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        class Order:
            def __init__(self):
                self.me = self
        def work():
            time.sleep(0.2)
            Order()
            print("worked")
        threading.Thread(target=work).start()
        executor = ThreadPoolExecutor(1)
        executor.submit(work)
        print("main ends")
        """,
    )
    data = audited(tmp_path, "program.py")
    counts = [dict(cycle["members"]).get("Order", 0) for cycle in data["report"]["cycles"]]
    assert sum(counts) == 2


def test_only_limits_the_verdict(tmp_path: Path) -> None:
    """With `--only` the cycles of other packages are counted as ignored and do not decide."""
    write(
        tmp_path,
        library="class Part:\n    def __init__(self):\n        self.me = self\n",
        program="import library\nlibrary.Part()\n",
    )
    assert audited(tmp_path, "program.py")["verdict"] == "not safe"
    assert audited(tmp_path, "--only", "library", "program.py")["verdict"] == "not safe"
    other = audited(tmp_path, "--only", "shop", "program.py")
    assert (other["verdict"], other["only"], other["report"]["ignored"]) == ("safe", ["shop"], 1)


def test_a_frozen_heap_is_inconclusive(tmp_path: Path) -> None:
    """A program that freezes its heap hides objects from the look: that is no proof of safety."""
    write(
        tmp_path,
        program="""
        import gc
        ring = []
        ring.append(ring)
        gc.freeze()
        del ring
        """,
    )
    done = execute([*AUDIT, "program.py"], tmp_path)
    assert done.returncode == 1
    assert "verdict: safe" not in done.stderr


# --- the result ---------------------------------------------------------------------------------

RING = Cycle(
    count=2,
    kind=None,
    fingerprint="c3c4b619",
    objects=(),
    references=(),
    edges=(),
    members=(("Order", 4),),
    hanging=(("list", 2),),
    bytes=600,
)
REPORT = CycleReport("app.py", 6, 600, (RING,))


def test_the_verdict_follows_from_what_recurs() -> None:
    """Shapes of imports don't decide, a failing program keeps its status, hidden is not safe."""
    found = AuditResult("app.py", 0, REPORT)
    once = replace(found, report=replace(REPORT, cycles=(replace(RING, once=True),)))
    hidden = replace(once, report=replace(once.report, method="inconclusive"))
    assert (found.verdict, found.exit_status) == ("not safe", 1)
    assert (once.verdict, once.exit_status) == ("safe", 0)
    assert (hidden.verdict, hidden.exit_status) == ("inconclusive", 1)
    assert replace(once, status=7).exit_status == 7
    assert replace(found, status=7).exit_status == 7


def test_json_holds_the_report_and_the_sums() -> None:
    """The report in the JSON reads back as the report, with verdict and sums beside it."""
    data = json.loads(AuditResult("app.py", 3, REPORT, looks=2, only=("shop",)).to_json())
    assert CycleReport.from_json(json.dumps(data.pop("report"))) == REPORT
    assert data == {
        "schema": "cyclefree/audit/1",
        "program": "app.py",
        "status": 3,
        "verdict": "not safe",
        "only": ["shop"],
        "looks": 2,
        "recurring": {"shapes": 1, "objects": 6, "bytes": 600},
        "once": {"shapes": 0, "objects": 0, "bytes": 0},
    }
