"""The same number and the same names as measured, on cases that are typical of public bug reports.

Those in tests/cases are ours; `../shared/corpus` is a larger collection beside the repository.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
OURS = sorted((HERE / "cases").glob("case_*.py"))
CORPUS = HERE.parent.parent / "shared" / "corpus" / "cases"
THEIRS = sorted(CORPUS.glob("case_*.py"))

# Where the collector saves less than was garbage: first it runs finalizers and closes generators.
WITH_FINALIZERS = {"flask_view_exception"}


def header(path: Path) -> dict[str, Any]:
    """Return the constants of a case without importing it."""
    constants: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id.isupper():
                try:
                    constants[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    continue
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                names = [name.id for name in target.elts if isinstance(name, ast.Name)]
                constants.update(zip(names, ast.literal_eval(node.value), strict=True))
    return constants


def missing(requirement: str) -> bool:
    """Whether a requirement, "name" or "name==version", is not installed."""
    name, _, version = requirement.partition("==")
    try:
        installed = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return bool(version) and installed != version


@cache
def measured(path: Path) -> dict[str, Any]:
    """Run a case in a process of its own, or skip the test where it does not apply."""
    constants = header(path)
    if not constants["MIN_PY"] <= sys.version_info[:2] <= constants["MAX_PY"]:
        pytest.skip(f"for Python {constants['MIN_PY']} to {constants['MAX_PY']}")
    absent = [name for name in constants["REQUIRES"] if missing(name)]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}")
    child = subprocess.run(
        [sys.executable, str(HERE / "one_case.py"), str(path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = [line for line in child.stdout.splitlines() if line.startswith("@@")]
    assert found, child.stderr[-2000:]
    result: dict[str, Any] = json.loads(found[0][2:])
    return result


def has_finalizers(path: Path) -> bool:
    """Whether finalizers, callbacks or suspended generators are in the garbage of the case."""
    expect = header(path).get("EXPECT", {})
    return bool(expect.get("finalizers")) or path.stem[len("case_") :] in WITH_FINALIZERS


def name_of(path: Path) -> str:
    """Return how a test calls the case."""
    return path.stem[len("case_") :]


def is_named(edge: str, names: list[str]) -> bool:
    """Whether the report has the reference that a case calls `edge`."""
    if edge.startswith("f_locals:"):
        return f"local {edge[len('f_locals:') :]!r}" in names
    if edge in ("__closure__", "cell_contents"):
        return any(name.startswith("closure variable") for name in names)
    return f".{edge}" in names


def check_names(result: dict[str, Any]) -> None:
    """Compare types and references with what is known of the case."""
    expect = result["expect"]
    text = result["text"]
    assert not set(expect.get("types", ())) - set(result["members"]), text
    absent = [edge for edge in expect.get("edge_names", ()) if not is_named(edge, result["names"])]
    assert not absent, text
    assert "unnamed reference" not in result["names"], text


def check_number(result: dict[str, Any], *, finalizers: bool) -> None:
    """Compare the number, and the types where the collector can tell, with the truth."""
    true = result["freed"] if finalizers else result["saved"]
    assert set(result["objects"].values()) == {true}, (result["objects"], true, result["text"])
    assert result["methods"] == ["trial deletion"]
    assert result["shared_with"] == []
    if not finalizers:
        assert result["types"] == result["saved_types"]
    assert bool(true) == (result["kind"] == "cycle")


PLAIN = [path for path in (*OURS, *THEIRS) if not has_finalizers(path)]
FINALIZED = [path for path in (*OURS, *THEIRS) if has_finalizers(path)]
CYCLES = [path for path in (*OURS, *THEIRS) if header(path)["KIND"] == "cycle"]


@pytest.mark.parametrize("path", PLAIN, ids=name_of)
def test_as_many_objects_as_the_collector(path: Path) -> None:
    """A case leaves what `gc.garbage` grows by under `DEBUG_SAVEALL`; a clean one, nothing."""
    check_number(measured(path), finalizers=False)


@pytest.mark.parametrize("path", FINALIZED, ids=name_of)
def test_as_many_objects_as_there_were_before_finalizers_ran(path: Path) -> None:
    """Where the collector's own number is changed by what it runs, ours is that of before."""
    check_number(measured(path), finalizers=True)


@pytest.mark.parametrize("path", CYCLES, ids=name_of)
def test_types_and_references_are_named(path: Path) -> None:
    """The report has the types and references that make the cycle, each with its name."""
    check_names(measured(path))


def test_the_corpus_is_here() -> None:
    """Say so where the cases of the corpus are not among those above."""
    if not CORPUS.is_dir():
        pytest.skip("there is no ../shared/corpus/cases beside the repository")
    assert THEIRS
