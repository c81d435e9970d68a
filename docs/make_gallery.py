"""Make docs/gallery.md: real cycles, what cyclefree writes of them, and the same code mended.

    python docs/make_gallery.py            write the page
    python docs/make_gallery.py --check    run everything, and write nothing

Each program of docs/gallery/ has a function `faulty` and, after a comment, what the report says to
do in a function `mended`. Each runs in a process of its own. The script fails when a faulty one
leaves no cycle, or a mended one still leaves the one that it was to mend.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "gallery"
PAGE = HERE / "gallery.md"
ORDER = (
    "dataclass_tree",
    "asyncio_task_error",
    "flask_request_error",
    "minidom_document",
    "argparse_parser",
    "mock_in_a_handler",
)
MENDED = "# --- mended: as the report says ---"

INTRODUCTION = """\
# A gallery of reference cycles

Six cycles that real programs leave, each with the code, what `cyclefree` writes of it, and the code
after the change that the text asks for. `python docs/make_gallery.py` makes the page: it runs every
program and fails when a mended one still leaves its cycle. These texts are from
{python}{versions}.
"""


def looked_at(name: str) -> dict[str, object]:
    """Run one program, in this process; return its texts and fingerprints as data."""
    import cyclefree  # not where the page is put together

    sys.path.insert(0, str(PROGRAMS))
    os.chdir(PROGRAMS)
    module = importlib.import_module(name)
    only = name if getattr(module, "ONLY_OWN", False) else None
    found: dict[str, object] = {}
    for what in ("faulty", "mended"):
        call = getattr(module, what)
        for _ in range(2):  # caches of the libraries fill up
            call()
            gc.collect()
        handle = cyclefree.assert_no_cycles(only=only, action=lambda report: None)
        with handle as watched:
            call()
        report = watched.report
        text = str(report).replace(report.scope, f"{what}()")
        found[what] = {"text": text, "shapes": [cycle.fingerprint for cycle in report]}
    return found


def in_a_process(name: str) -> dict[str, dict[str, object]]:
    """Run one program in a process of its own."""
    answer = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--one", name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise SystemExit(f"{name} failed:\n{answer.stderr}")
    result: dict[str, dict[str, object]] = json.loads(answer.stdout.splitlines()[-1])
    return result


def section(name: str) -> str:
    """Return the part of the page about one program; raise when it isn't as it should be."""
    found = in_a_process(name)
    if not found["faulty"]["shapes"]:
        raise SystemExit(f"{name}: faulty() leaves no cycle")
    if found["mended"]["shapes"]:
        raise SystemExit(f"{name}: mended() still leaves cycles:\n{found['mended']['text']}")
    source = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8")
    title, _, code = source.partition('"""\n')
    faulty, _, mended = code.partition(MENDED)
    title = title.removeprefix('"""').rstrip(".")
    return (
        f"## {title}\n\n```python\n{faulty.strip()}\n```\n\n"
        f"```text\n{found['faulty']['text']}\n```\n\n"
        f"With that change it leaves nothing to the collector:\n\n"
        f"```python\n{mended.strip()}\n```\n"
    )


def page() -> str:
    """Return the whole page."""
    from importlib.metadata import version

    head = INTRODUCTION.format(
        python=f"CPython {platform.python_version()}", versions=f" and Flask {version('flask')}"
    )
    return "\n".join([head, *map(section, ORDER)])


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--one", metavar="NAME", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(looked_at(chosen.one)))
        return
    text = page()
    if not chosen.check:
        PAGE.write_text(text, encoding="utf-8")
    print(f"{len(ORDER)} programs: each leaves its cycle, and none once it is mended")


if __name__ == "__main__":
    main()
