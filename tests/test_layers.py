"""The order of the layers: imports go downward only, and `import cyclefree` stays light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cyclefree"

# From the bottom up. A module may import from the layers below its own, and from its own as long as
# no two of them import each other. A new module must be given its place here.
LAYERS = (
    {"errors"},
    {"_from_json", "_warn"},
    {"reports", "stats"},
    {"baseline"},
    {"_counters"},
    {"_sharing", "_heap", "_collector"},
    {"_thresholds"},
    {"_outlines", "_definitions", "_window"},
    {"_bytecode", "_locals", "_attributes", "_c_members", "_references"},
    {"_graph", "_garbage"},
    {"_labels"},
    {"_remedies.recipes.recipe", "_remedies.recipes.standard", "_remedies.recipes.packages"},
    {"_remedies.recipes", "_remedies.libraries", "_remedies.feedback", "_remedies.stored_lines"},
    {"_remedies.stores", "_remedies.ties", "_remedies.kinds"},
    {"_remedies.change", "_remedies.data_changes", "_remedies.code_changes", "_remedies.changes"},
    {"_remedies.explain", "_remedies"},
    {"_shapes"},
    {"_options", "_verdict", "_rollover", "_watch", "_fallback"},
    {"_decorate"},
    {"cycles"},
    {"_memory", "_budget"},
    {"_period"},
    {"_frozen_scope"},
    {"freeze", "workers"},
    {"_program", "_arguments", "audit", "cli"},
    {"__init__", "__main__"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
for _name in ("render", "render.lines", "render.text"):
    LEVEL[_name] = LEVEL["reports"]  # beside the reports, see the test below
WEAK = ("weak", "weak._advice", "weak._stored", "weak.attribute", "weak.callback")
LEVEL.update(dict.fromkeys(WEAK, LEVEL["reports"]))  # beside them too, see the test below


def modules() -> dict[str, ast.Module]:
    """Parse every module of the package, under its name without `cyclefree.`."""
    parsed = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        parsed[".".join(parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return parsed


def is_type_checking(node: ast.AST) -> bool:
    """Whether this is `if TYPE_CHECKING:`, whose imports never happen."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(tree: ast.AST, deferred: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield the full name of each module imported, and whether only when a function runs."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, deferred) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer: write the full name"
            if node.module == "cyclefree":
                yield from ((f"cyclefree.{alias.name}", deferred) for alias in node.names)
            else:
                yield node.module or "", deferred
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from imports(node, deferred or is_function)


def own_imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield the modules of this package that are imported, without `cyclefree.`."""
    for name, deferred in imports(tree):
        if name.startswith("cyclefree."):
            yield name.removeprefix("cyclefree."), deferred


def test_every_module_has_a_layer() -> None:
    """Each module of the package stands in the table above."""
    assert set(modules()) <= set(LEVEL)


@pytest.mark.parametrize("name", [name for name in modules() if name != "__init__"])
def test_imports_go_downward(name: str) -> None:
    """A module imports from its own layer or from below; a report may ask for its text later."""
    for imported, deferred in own_imports(modules()[name]):
        if name == "reports" and imported.startswith("render") and deferred:
            continue
        assert LEVEL[imported] <= LEVEL[name], f"{name} imports {imported}, which stands above it"


def test_render_sees_reports_only() -> None:
    """Texts are made from reports and nothing else, wherever a report comes from."""
    for name, tree in modules().items():
        if name.startswith("render"):
            own = {imported for imported, _ in own_imports(tree)}
            assert all(part == "reports" or part.startswith("render") for part in own), name


def test_weak_needs_errors_only() -> None:
    """The parts to write code without cycles with work without what finds the cycles."""
    for name in WEAK:
        own = {imported for imported, _ in own_imports(modules()[name])}
        assert all(part == "errors" or part in WEAK for part in own), name


def test_no_two_modules_import_each_other() -> None:
    """The imports at module level have no cycle: following them downward ends."""
    needs = {
        name: {imported for imported, deferred in own_imports(tree) if not deferred}
        for name, tree in modules().items()
        if name != "__init__"
    }
    while needs:
        free = {name for name, imported in needs.items() if not imported & set(needs)}
        assert free, f"these import each other: {sorted(needs)}"
        for name in free:
            del needs[name]


def test_no_module_imports_a_third_party_package() -> None:
    """The package works with the standard library alone when it is imported."""
    allowed = set(sys.stdlib_module_names) | {"cyclefree"}
    for name, tree in modules().items():
        for imported, deferred in imports(tree):
            if not deferred:
                assert imported.partition(".")[0] in allowed, f"{name} imports {imported}"


def test_importing_cyclefree_loads_no_third_party_package() -> None:
    """What `import cyclefree` adds to `sys.modules` is the standard library's or its own."""
    code = (
        "import sys, json; before = set(sys.modules); import cyclefree;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    assert "cyclefree" in loaded
    assert loaded <= set(sys.stdlib_module_names) | {"cyclefree"}
