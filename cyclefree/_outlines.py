"""What source files define where: classes, fields of dataclasses, functions.

Read from the file and never from the objects, for what these do not know: the line of a class
before 3.13, the qualified name of a function's code before 3.11.
"""

from __future__ import annotations

import os
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

__all__ = ["Outline", "attributes_in", "compiled_source", "outline_of", "source_of"]

_SOURCE_LIMIT = 4_000_000
_KEPT = 256
_SILENT: Any = ("ignore", None, Warning, None, 0)  # a filter as `warnings.filters` has them

_NAMELESS = {
    "Lambda": "<lambda>",
    "GeneratorExp": "<genexpr>",
    "ListComp": "<listcomp>",
    "SetComp": "<setcomp>",
    "DictComp": "<dictcomp>",
}

_FILES_KEPT = 2_000
_ATTRIBUTE = re.compile(r"\.([^\W\d]\w*)")

_attributes: dict[str, frozenset[str]] = {}
_outlines: dict[str, Outline] = {}


class Outline:
    """What a source file defines where."""

    __slots__ = ("classes", "fields", "functions", "nameless")

    def __init__(self) -> None:
        self.classes: dict[str, list[tuple[int, int]]] = {}  # first and last lines
        self.fields: dict[tuple[str, str], list[int]] = {}  # annotations in class bodies
        self.functions: dict[int, str] = {}  # qualified names by first line
        self.nameless: dict[tuple[int, str], str] = {}  # of lambdas and comprehensions, by both


def outline_of(path: str) -> Outline:
    """Return what a source file defines; empty where it can't be read."""
    found = _outlines.get(path)
    if found is not None:
        return found
    import ast  # here: few programs need a class's line, and every import of ours would pay

    found = Outline()
    tree = compiled_source(path, ast.PyCF_ONLY_AST)
    if tree is not None:
        _fill(found, tree)
    if len(_outlines) >= _KEPT:
        _outlines.clear()
    _outlines[path] = found
    return found


def source_of(path: str) -> str | None:
    """Read a source file; None where it can't be read or is too long to be a person's."""
    import tokenize  # here: see `outline_of`

    try:
        if os.path.getsize(path) > _SOURCE_LIMIT:
            return None
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, ValueError):
        return None


def attributes_in(path: str) -> frozenset[str]:
    """Return the names that stand after a dot in a source file; read once for each file."""
    found = _attributes.get(path)
    if found is None:
        if len(_attributes) >= _FILES_KEPT:
            _attributes.clear()
        found = _attributes[path] = frozenset(_ATTRIBUTE.findall(source_of(path) or ""))
    return found


def compiled_source(path: str, flags: int = 0) -> Any:
    """Compile a source file without running it or showing its warnings.

    Args:
        path: the file.
        flags: those of `compile`; ``ast.PyCF_ONLY_AST`` for the tree.

    Returns:
        The code or the tree; None where the file can't be read or compiled.
    """
    text = source_of(path)
    if text is None:
        return None
    # The program has shown the warnings of its source when it was imported; shown once more they
    # would run its `showwarning`. Not `catch_warnings`, which puts another list in place: if two
    # threads overlap, the wrong one can stay. test_warnings_are_not_shown guards it.
    filters: list[Any] = warnings.filters  # type: ignore[assignment]
    filters.insert(0, _SILENT)
    try:
        return compile(text, path, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    finally:
        filters.remove(_SILENT)


def _fill(outline: Outline, tree: ast.Module) -> None:
    import ast

    todo: list[tuple[ast.AST, str]] = [(tree, "")]
    while todo:
        node, prefix = todo.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            name = prefix + node.name
            if isinstance(node, ast.ClassDef):
                last = node.end_lineno or node.lineno
                outline.classes.setdefault(name, []).append((first, last))
                prefix = name + "."
                for part in node.body:
                    if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                        lines = outline.fields.setdefault((name, part.target.id), [])
                        lines.append(part.lineno)
            else:
                outline.functions[first] = name
                prefix = name + ".<locals>."
        elif type(node).__name__ in _NAMELESS:
            name = _NAMELESS[type(node).__name__]
            outline.nameless[node.lineno, name] = prefix + name  # type: ignore[attr-defined]
            prefix += f"{name}.<locals>."
        todo.extend((child, prefix) for child in ast.iter_child_nodes(node))
