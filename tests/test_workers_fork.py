"""The helpers for workers in processes that really fork, and each example of docs/forking.md."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "forking.md").read_text(encoding="utf-8")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}

# --- memory ---------------------------------------------------------------------------------------

FORKING = """
import gc, json, os, sys
import cyclefree

def private():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty"))

warmed = sys.argv[1] == "warmed"
loaded = [{"number": number, "tags": [number]} for number in range(60_000)]
cyclefree.warmup() if warmed else gc.collect()
later = [{"number": number, "tags": [number]} for number in range(60_000)]
if warmed:
    cyclefree.before_fork()
if os.fork() == 0:
    if warmed:
        cyclefree.after_fork_in_child()
    counts = gc.get_count()
    own = []
    own.append(own)
    del own
    before = private()
    freed = gc.collect()
    grown = private() - before
    # Last, as to list objects is to write their reference counts.
    print(json.dumps([counts, freed, grown, len(gc.get_objects())]), flush=True)
    os._exit(0)
assert os.wait()[1] == 0
"""


def in_a_worker(kind: str) -> tuple[list[int], int, int, int]:
    """Return a forked worker's counts, what its collection freed and copied (kB), its objects."""
    counts, freed, grown, objects = json.loads(run("-c", FORKING, kind))
    return counts, freed, grown, objects


def run(*arguments: str, folder: Path = ROOT) -> str:
    """Return what a Python process of its own prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        timeout=300,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux 4.14")
def test_a_collection_in_a_worker_leaves_the_inherited_heap_alone() -> None:
    """It neither lists nor copies what the parent made, and frees the worker's own cycles."""
    counts, freed, grown, objects = in_a_worker("warmed")
    _, plain_freed, plain_grown, plain_objects = in_a_worker("plain")
    assert counts[0] < 100
    assert counts[1:] == [0, 0]
    assert freed >= 1
    assert plain_freed >= 1
    assert objects < 5_000
    assert plain_objects > 240_000
    assert plain_grown > 5_000  # kB; otherwise the next line says nothing
    assert grown < plain_grown / 5


LEAVING = """
import atexit, gc, os, sys
import cyclefree

def tell():
    print(os.getpid() == parent, gc.get_freeze_count(), flush=True)

parent = os.getpid()
atexit.register(tell)  # runs after what is registered later
cyclefree.warmup()
cyclefree.before_fork()
if os.fork() == 0:
    cyclefree.after_fork_in_child()
    sys.exit(0)
assert os.wait()[1] == 0
"""


def test_parent_and_worker_thaw_when_they_exit() -> None:
    """A worker that ends as Python programs end thaws its own heap, and the parent the parent's."""
    assert run("-c", LEAVING).splitlines() == ["False 0", "True 0"]


# --- the page ------------------------------------------------------------------------------------

EXAMPLES = dict(re.findall(r"^```python\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))

# The application tells with each answer what the collector sees in the process that gives it.
PROBE = """
import gc


def lookup(number, plain=lookup):
    return f"{plain(number)}; {len(gc.get_objects())} objects; {gc.get_threshold()}"
"""

ANSWER = re.compile(r"item (\d+); (\d+) objects; (\(.*\))")
BUDGETS = {
    "gunicorn_frozen.conf.py": 200_000,
    "pool.py": 1_000_000,
    "prefork.py": 1_000_000,
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with all that is on the page."""
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "app.py").write_text(EXAMPLES["app.py"] + PROBE, encoding="utf-8")
    return tmp_path


def check(answers: list[str], name: str, numbers: range) -> None:
    """Expect an answer for each number, from workers that look at nothing of the catalogue."""
    found = [match.groups() for match in map(ANSWER.fullmatch, answers) if match]
    assert [int(number) for number, _, _ in found] == list(numbers), answers
    for _, objects, thresholds in found:
        assert int(objects) < 20_000  # the catalogue has 200,000
        largest = 2**31 - 1
        wanted = (BUDGETS[name], largest, largest) if name in BUDGETS else None
        assert (thresholds == str(wanted)) == (name in BUDGETS)


def test_each_example_of_the_page_has_a_test() -> None:
    """Every block of Python on the page is a file that one of the tests below runs."""
    assert len(EXAMPLES) == PAGE.count("```python\n")
    assert set(EXAMPLES) == {"app.py", "preloaded.py", *SCRIPTS, *SERVERS}


SCRIPTS = {"pool.py": 4, "served.py": 4, "anywhere.py": 1}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_of_the_page(site: Path, name: str) -> None:
    """Each prints what its workers answer."""
    check(run(name, folder=site).splitlines(), name, range(SCRIPTS[name]))


def gunicorn(configuration: str) -> list[str]:
    """Return the arguments of Python that start gunicorn as the page configures it.

    The timeout is for workers that are still being forked when the test is over: they pass over
    the signal to end.
    """
    options = ["-c", configuration, "-b", "127.0.0.1:0", "--graceful-timeout", "1"]
    return ["-m", "gunicorn", *options, "app:application"]


SERVERS = {
    "gunicorn.conf.py": gunicorn("gunicorn.conf.py"),
    "gunicorn_frozen.conf.py": gunicorn("gunicorn_frozen.conf.py"),
    "prefork.py": ["prefork.py"],
}


@pytest.mark.parametrize("name", SERVERS)
def test_the_servers_of_the_page(site: Path, name: str) -> None:
    """Each answers requests, and its workers look at nothing of what the parent has loaded."""
    if "gunicorn" in SERVERS[name] and importlib.util.find_spec("gunicorn") is None:
        pytest.skip("gunicorn is not installed")
    with serving(SERVERS[name], site) as port:
        answers = []
        for number in range(4):
            with urlopen(f"http://127.0.0.1:{port}/{number}", timeout=30) as response:
                answers.append(response.read().decode())
    check(answers, name, range(4))


@contextmanager
def serving(arguments: list[str], folder: Path) -> Iterator[int]:
    """Run a server, yield the port that it tells, and end it with all its workers."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, "XDG_RUNTIME_DIR": str(folder)},  # where gunicorn puts a socket
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as server:
        try:
            assert server.stdout is not None
            yield port_told(server.stdout)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            said = last_words(server)
    assert "Traceback" not in said


def last_words(server: subprocess.Popen[str]) -> str:
    """Return what the server still says until it has ended."""
    try:
        return server.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        raise


def port_told(lines: IO[str]) -> int:
    """Read until the port is told."""
    told = []
    for line in lines:
        told.append(line)
        match = re.fullmatch(r"(?:.*Listening at: http://127\.0\.0\.1:)?(\d+)\b.*\n", line)
        if match:
            return int(match[1])
    raise AssertionError("".join(told))
