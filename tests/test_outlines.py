"""What source files define where, read from the file alone."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import pytest

from cyclefree import _outlines
from cyclefree._definitions import field_line, module_path, qualified_name
from cyclefree._outlines import compiled_source, outline_of

SOURCE = """\
import functools


@(lambda cls: cls)
class Order:
    number: int
    note: str = ""
    functools.strange: int = 1

    @property
    def lines(self):
        class Local:
            def method(self): ...
        def inner(): ...
        return inner

    class Inner:
        async def wait(self): ...


if True:
    def twice(): ...
else:
    def twice(): ...


class Again: ...
class Again: ...
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file with a bit of everything."""
    path = tmp_path / "shop.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_classes_have_first_and_last_lines(source: Path) -> None:
    """A class starts at its first decorator; of two of one name both are listed."""
    assert outline_of(str(source)).classes == {
        "Order": [(4, 18)],
        "Order.lines.<locals>.Local": [(12, 13)],
        "Order.Inner": [(17, 18)],
        "Again": [(28, 28), (27, 27)],
    }


def test_fields_are_annotations_of_names(source: Path) -> None:
    """Annotations in the body of a class are listed, those of attributes of others are not."""
    assert outline_of(str(source)).fields == {("Order", "number"): [6], ("Order", "note"): [7]}


def test_functions_have_qualified_names(source: Path) -> None:
    """A function has the name that CPython gives it, at the line of its first decorator."""
    assert outline_of(str(source)).functions == {
        10: "Order.lines",
        13: "Order.lines.<locals>.Local.method",
        14: "Order.lines.<locals>.inner",
        18: "Order.Inner.wait",
        22: "twice",
        24: "twice",
    }


def test_names_agree_with_the_interpreter(source: Path) -> None:
    """Each name listed is the qualified name that the compiler gives to the code at that line."""
    code = compiled_source(str(source))
    todo, found = [code], {}
    for each in todo:
        inner = [constant for constant in each.co_consts if type(constant) is type(code)]
        todo += inner
        found |= {
            each.co_firstlineno: each.co_qualname for each in inner if sys.version_info >= (3, 11)
        }
    for line, name in outline_of(str(source)).functions.items():
        assert found.get(line, name) == name


BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a directory": lambda path: path.mkdir(),
    "a syntax error": lambda path: path.write_text("def f(:\n"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a null": lambda path: path.write_bytes(b"x = 1\n\x00\n"),
    "an unknown encoding": lambda path: path.write_bytes(b"# coding: klingon\n"),
    "nested too deeply": lambda path: path.write_text("x = " + "(" * 50_000),
}


@pytest.mark.parametrize("what", BROKEN)
def test_unreadable_files_are_empty(tmp_path: Path, what: str) -> None:
    """What can't be read or compiled has no outline and no code, and nothing is raised."""
    path = tmp_path / "broken.py"
    BROKEN[what](path)
    outline = outline_of(str(path))
    assert not (outline.classes or outline.fields or outline.functions)
    assert compiled_source(str(path)) is None


def test_huge_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a limit a file is not read: it is data, or it would take seconds."""
    path = tmp_path / "huge.py"
    path.write_text("class Huge: ...\n")
    monkeypatch.setattr(_outlines, "_SOURCE_LIMIT", 10)
    assert compiled_source(str(path)) is None
    assert not outline_of(str(path)).classes


def test_encodings_are_followed(tmp_path: Path) -> None:
    """A file in another encoding is read as Python reads it."""
    path = tmp_path / "latin.py"
    path.write_bytes("# coding: latin-1\nclass Größe: ...\n".encode("latin-1"))
    assert outline_of(str(path)).classes == {"Größe": [(2, 2)]}


def test_outlines_are_kept(source: Path) -> None:
    """A file is read once: the outline that is kept is given again."""
    first = outline_of(str(source))
    source.unlink()
    assert outline_of(str(source)) is first


def test_kept_outlines_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many outlines are kept, whatever the number of files."""
    monkeypatch.setattr(_outlines, "_outlines", {})
    monkeypatch.setattr(_outlines, "_KEPT", 3)
    for number in range(8):
        outline_of(str(tmp_path / f"{number}.py"))
        assert len(_outlines._outlines) <= 3


WARNING = 'pattern = "\\d"\nassert (pattern, "always")\nx = 1 is 1\n'


def test_warnings_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source with warnings is compiled without showing them, and the filters stay as they were.

    `showwarning` belongs to the program, and "error" would make the source look broken.
    """
    path = tmp_path / "warns.py"
    path.write_text(WARNING)
    shown: list[object] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(warnings, "showwarning", lambda *parts: shown.append(parts))
        before, filters = warnings.filters, list(warnings.filters)
        with pytest.raises(SyntaxError):
            compile(WARNING, "control", "exec")
        assert compiled_source(str(path)) is not None
        outline_of(str(path))
        assert warnings.filters is before
        assert list(warnings.filters) == filters
        warnings.simplefilter("always")
        assert compiled_source(str(path)) is not None
    assert shown == []


def test_reading_makes_no_garbage(source: Path) -> None:
    """The tree and the code of a file die without the collector."""
    compiled_source(str(source))
    outline_of(str(source))
    path = source.with_name("second.py")
    path.write_text(SOURCE, encoding="utf-8")
    gc.collect()
    gc.disable()
    try:
        outline_of(str(path))
        compiled_source(str(path))
        assert gc.collect() == 0
    finally:
        gc.enable()


# --- what _definitions makes of it ---------------------------------------------------------------


@dataclass
class Noted:
    """A class with a field."""

    parent: Noted | None = None


def test_field_lines() -> None:
    """The line of a dataclass's field is that of its annotation; other classes have none."""
    from specimens import Order as Plain

    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    number = 1 + lines.index("    parent: Noted | None = None")
    place = field_line(Noted, "parent")
    assert place is not None
    assert place.endswith(f"test_outlines.py:{number}")
    assert field_line(Noted, "other") is None
    assert field_line(Plain, "item") is None
    assert field_line(make_dataclass("Made", ["x"]), "x") is None


def test_qualified_names_come_from_the_source(source: Path) -> None:
    """Where code doesn't know its qualified name (3.10) the outline does, else what is given."""
    namespace: dict[str, Any] = {}
    exec(compile(SOURCE, str(source), "exec"), namespace)
    lines = namespace["Order"].__dict__["lines"].fget.__code__
    inner = namespace["Order"]().lines.__code__
    assert qualified_name(lines, "other") == "Order.lines"
    assert qualified_name(inner, "other") == "Order.lines.<locals>.inner"

    class Nameless:
        """Stand for code of 3.10."""

        def __init__(self, filename: str, line: int, name: str) -> None:
            self.co_filename, self.co_firstlineno, self.co_name = filename, line, name

    old: Any = Nameless
    assert qualified_name(old(str(source), 14, "inner"), "x") == "Order.lines.<locals>.inner"
    assert qualified_name(old(str(source), 14, "edited"), "x") == "x"
    assert qualified_name(old(str(source), 15, "inner"), "x") == "x"
    assert qualified_name(old("<string>", 14, "inner"), "x") == "x"


def test_module_paths() -> None:
    """A module's file is known, that of a module of a class of its own too, without asking it."""
    import types

    class Lazy(types.ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError("the module was asked")

    lazy = Lazy("lazy_one")
    types.ModuleType.__dict__["__dict__"].__get__(lazy)["__file__"] = "/somewhere/lazy.so"  # type: ignore[index]
    sys.modules["lazy_one"] = lazy
    sys.modules["no_module"] = object()  # type: ignore[assignment]
    try:
        assert module_path("lazy_one") == "/somewhere/lazy.so"
        assert module_path("no_module") is None
    finally:
        del sys.modules["lazy_one"], sys.modules["no_module"]
    assert module_path("os") == os.__file__
    assert module_path("sys") is None
    assert module_path("not imported") is None
    assert module_path(None) is None


def test_lambdas_and_comprehensions_have_qualified_names(source: Path) -> None:
    """Before 3.11 their code knows no more than that it is one: the function around is told."""
    source.write_text(
        "def outer():\n"
        "    call = lambda: (yield)\n"
        "    rows = [each for each in ()]\n"
        "    return (one for one in call)\n",
        encoding="utf-8",
    )
    assert outline_of(str(source)).nameless == {
        (2, "<lambda>"): "outer.<locals>.<lambda>",
        (3, "<listcomp>"): "outer.<locals>.<listcomp>",
        (4, "<genexpr>"): "outer.<locals>.<genexpr>",
    }
