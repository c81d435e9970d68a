"""What `import cyclefree` costs, as whole processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from time import perf_counter

from benchmarks.table import Aim, Row
from benchmarks.timing import Contender, Plan, differences, interleave, ratios

__all__ = ["imports"]


def _clock() -> Callable[[], float]:
    """Return the CPU seconds of ended child processes; the wall clock where there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return perf_counter

    def clock() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    return clock


def _process(code: str, environment: dict[str, str]) -> Callable[[], object]:
    """Return a call that runs `code` in a process of its own."""

    def run() -> object:
        return subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=environment
        )

    return run


def imports(plan: Plan) -> Iterator[Row]:
    """Time whole processes that import nothing, cyclefree and objgraph, in turns.

    With the bytecode cached, as it is where a package is installed, whatever the environment says;
    the sample that warms up fills the cache.
    """
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        yield from _rows(plan, environment)


def _rows(plan: Plan, environment: dict[str, str]) -> Iterator[Row]:
    """Return the rows of `imports`, measured in `environment`."""
    programs = {
        name: _process(code, environment)
        for name, code in {
            "python -c pass": "pass",
            "import cyclefree": "import cyclefree",
            "import objgraph": "import objgraph",
        }.items()
    }
    failures = {}
    for name in list(programs):
        try:
            programs[name]()
        except subprocess.CalledProcessError as error:
            failures[name] = f"does not work here: exit status {error.returncode}"
            del programs[name]
    samples = interleave(
        {name: Contender(run, calls=1, clock=_clock()) for name, run in programs.items()},
        plan.processes,
        0.0,
    )
    bare = samples["python -c pass"]
    for name, taken in samples.items():
        milliseconds = [second * 1e3 for second in taken]
        yield Row("import", f"whole process: {name}", "ms", milliseconds, None, ratios(taken, bare))
    more = [second * 1e3 for second in differences(samples["import cyclefree"], bare)]
    yield Row("import", "import cyclefree, more than Python itself", "ms", more, aim=Aim(30.0))
    for name, failure in failures.items():
        yield Row("import", f"whole process: {name}", "ms", note=failure)
