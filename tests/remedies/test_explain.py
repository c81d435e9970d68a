"""The remedy of each shape: applied to the program as its text says, no cycle is left."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import remedy_programs
from applying import applied
from remedy_programs import PROGRAMS, Program

from cyclefree import Cycle, CycleReport, assert_no_cycles, cycle_scope
from cyclefree._definitions import module_of

# A warning that pytest records holds the coroutine that was never awaited, and so all it keeps.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")

# What is to be done for each object one by one is done by nobody here: the text is tested.
BY_HAND = {
    "dictionary_that_everybody_shares": (
        "Option.config.clear() when done with it: nothing else holds the Option in it"
    ),
    "named_tuples_that_know_their_parent": (
        "Tree.children.clear() when done with it: nothing else holds the Tree in it"
    ),
    "namespace_of_exec": (
        "call .clear() on the dictionary that exec() got as globals, when done with it"
    ),
    "wrapper_that_counts": (
        "in counted():  keep what is now wrapper.attribute in a local that wrapper() declares "
        "nonlocal"
    ),
    "ring_with_a_sentinel": (
        "set Link.next to None when done with it: nothing else holds what it leads to\n"
        "in class Link:  prev = weak_attribute()"
    ),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's own, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("program_"):
            del sys.modules[name]


def loaded(place: Path, name: str, source: str) -> ModuleType:
    """Write a program down and import it, as `program_NAME`."""
    path = place / f"program_{name}.py"
    path.write_text(source, encoding="utf-8")
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def looked_at(module: ModuleType) -> CycleReport:
    """Watch one call of `run`, the second, as the first one warms caches up."""
    assert module.run(), "the program doesn't work"
    gc.collect()
    with cycle_scope() as report:
        module.run()
    gc.collect()
    return report.report


def the_cycle(report: CycleReport, program: Program) -> Cycle:
    """Return the shape that the program was written for."""
    (cycle,) = [c for c in report if c.remedy and c.remedy.reference == program.reference]
    return cycle


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if p.name not in BY_HAND], ids=lambda program: program.name
)
def test_the_remedy_applied_leaves_no_cycle(program: Program, place: Path) -> None:
    """What the text says, done to the program and nothing else, makes the guard pass."""
    report = looked_at(loaded(place, program.name, program.source))
    assert report, "the program has no fault"
    texts = []
    for cycle in report:
        assert cycle.remedy is not None
        assert cycle.remedy.proven, cycle.remedy
        assert cycle.remedy.reason.startswith("checked: no cycle of this shape remains")
        texts.append(cycle.remedy.text)
    cycle = the_cycle(report, program)
    assert cycle.kind == program.kind

    mended = loaded(place, f"{program.name}_mended", applied(program.source, "\n".join(texts)))
    assert mended.run(), "the remedy broke the program"
    gc.collect()
    assert_no_cycles(mended.run)()
    gc.collect()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_report_keeps_nothing_alive(program: Program, place: Path) -> None:
    """When the program's own collection has run, no object of its classes is left."""
    module = loaded(place, program.name, program.source)
    report = looked_at(module)
    gc.collect()
    assert not [o for o in gc.get_objects() if module_of(type(o)) == module.__name__]
    assert report


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS if p.name in BY_HAND], ids=lambda program: program.name
)
def test_what_has_no_other_owner_is_let_go_of(program: Program, place: Path) -> None:
    """Where a weak reference would let an object die at once, the text says so and what to do."""
    cycle = the_cycle(looked_at(loaded(place, program.name, program.source)), program)
    assert cycle.kind == program.kind
    assert cycle.remedy is not None
    assert cycle.remedy.proven
    places = re.sub(r"  \(stored at [^)]*(\)[^)]*)?\)", "", cycle.remedy.text)
    assert places == BY_HAND[program.name]


# --- texts ---------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parent / "golden"
# What the standard library's classes look like, and where they are, changes with its version.
VERSIONED = {
    "async_generator_of_its_owner",  # 3.11 does not know whether it has begun
    "context_manager_that_is_kept",
    "enum_in_a_function",
    "future_waited_for",
    "handlers_of_two_sorts",
    "inherited_method_of_a_library",
    "partial_of_own_method",
    "task_that_failed",
    "timer_that_never_ran",
    "timer_with_its_owner_as_argument",
}


def golden(report: CycleReport) -> str:
    """Return the text without sizes, and without the dictionaries and frames that 3.10 has more."""
    title, *lines = str(report).split("\n")
    title = re.sub(r"\d+ objects? \([\d,]+ bytes\)", "N objects (N bytes)", title)
    title = re.sub(r"^\w+\(\) line \d+", "run()", title)
    for at, line in enumerate(lines):
        if line.startswith("    in the cycle: "):
            line = re.sub(r"\d+ dict, |, \d+ dict", "", line)
            suspended = "generator" in line or "coroutine" in line
            lines[at] = re.sub(r", \d+ frame", "", line) if suspended else line
    return "\n".join([title, *lines]) + "\n"


@pytest.mark.parametrize(
    "program",
    [program for program in PROGRAMS if program.name not in VERSIONED],
    ids=lambda program: program.name,
)
def test_the_text_is_the_same_on_every_python(program: Program, place: Path) -> None:
    """What is written of each kind, with fingerprints and lines; CYCLEFREE_GOLDEN=1 writes it."""
    text = golden(looked_at(loaded(place, program.name, program.source)))
    path = GOLDEN / f"{program.name}.txt"
    if os.environ.get("CYCLEFREE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert not re.search(r"0x[0-9a-f]{6}", text), "an address"
    assert str(place) not in text, "an absolute path"


def test_every_kind_has_a_golden_text() -> None:
    """No kind is without a program, and no golden text without one."""
    with_text = [program for program in PROGRAMS if program.name not in VERSIONED]
    named = {kind for program in with_text for kind in program.kind.split(" + ")}
    assert named == {
        value
        for name, value in vars(remedy_programs).items()
        if name.isupper() and isinstance(value, str)
    }
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {program.name for program in with_text}
