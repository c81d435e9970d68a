"""What source files define where: classes, fields of dataclasses, functions.

Read from the file and never from the objects, for what these do not know: the line of a class
before 3.13, the qualified name of a function's code before 3.11.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

__all__ = ["Outline", "outline_of"]

_SOURCE_LIMIT = 4_000_000
_KEPT = 256

_outlines: dict[str, Outline] = {}


class Outline:
    """What a source file defines where."""

    __slots__ = ("classes", "fields", "functions")

    def __init__(self) -> None:
        self.classes: dict[str, list[tuple[int, int]]] = {}  # first and last lines
        self.fields: dict[tuple[str, str], list[int]] = {}  # annotations in class bodies
        self.functions: dict[int, str] = {}  # qualified names by first line


def outline_of(path: str) -> Outline:
    """Return what a source file defines; empty where it can't be read."""
    found = _outlines.get(path)
    if found is not None:
        return found
    import ast  # here: few programs need a class's line, and every import of ours would pay
    import tokenize

    found = Outline()
    try:
        if os.path.getsize(path) <= _SOURCE_LIMIT:
            with tokenize.open(path) as file:
                _fill(found, ast.parse(file.read()))
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        found = Outline()
    if len(_outlines) >= _KEPT:
        _outlines.clear()
    _outlines[path] = found
    return found


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
        todo.extend((child, prefix) for child in ast.iter_child_nodes(node))
