"""The weak parts mean to mypy and pyright what they do; skipped where these are not installed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from weak_typed import Node, Order, OrderLine, callbacks

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = Path(__file__).with_name("weak_typed.py")


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip where the tool is not there."""
    missing = importlib.util.find_spec(tool) is None
    return pytest.mark.skipif(missing, reason=f"{tool} is not installed")


def run(*command: str) -> str:
    """Return what a tool says; fail when it finds something."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs("mypy")
def test_mypy(tmp_path: Path) -> None:
    """mypy, strict, finds the errors that are marked in the sample and no other."""
    out = run("mypy", "--strict", "--cache-dir", str(tmp_path), str(SAMPLE))
    assert "no issues found in 1 source file" in out


@needs("pyright")
def test_pyright(tmp_path: Path) -> None:
    """So does pyright."""
    settings = {
        "include": [SAMPLE.name],
        "extraPaths": [str(ROOT)],
        "pythonVersion": "3.10",
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    shutil.copy(SAMPLE, tmp_path)
    out = run("pyright", "--stats", "--pythonpath", sys.executable, "-p", str(tmp_path))
    assert "0 errors" in out and "Total files checked: 1" in " ".join(out.split())


def test_the_sample_means_at_run_time_what_it_says() -> None:
    """The spellings that the sample types are those that work."""
    order = Order()
    node = Node("a", Node("gone"), owner=order)
    line = OrderLine()
    line.annotated = line.with_type = line.in_full = line.untyped = order
    assert node.owner is line.annotated is line.with_type is line.in_full is line.untyped is order
    assert node.parent is None and node.second is None
    with pytest.raises(TypeError):
        callbacks(order, line)
