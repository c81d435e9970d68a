"""Tests of where things are defined and what they are called."""

from __future__ import annotations

import enum
import importlib.util
import os
import sys
import types
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cyclefree._definitions import (
    defined_at,
    module_of,
    names_in_class,
    names_in_modules,
    names_nearby,
    package_of,
    type_name,
)

HERE = os.path.relpath(__file__) if not os.path.relpath(__file__).startswith("..") else __file__
LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


def line_of(text: str) -> str:
    """Return this file's only line that starts with the text, as `path:line`."""
    (number,) = [n for n, line in enumerate(LINES, 1) if line.strip().startswith(text)]
    return f"{HERE}:{number}"


class Outer:
    class Inner:
        """Stand inside another class."""

        def method(self) -> None:
            """Do nothing."""


@dataclass
class Decorated:
    field: int = 1


class Colour(enum.Enum):
    RED = 1


def make() -> type:
    class Local:
        def method(self) -> None:
            """Do nothing."""

    return Local


def generate() -> Iterator[object]:
    yield sys._getframe()


async def coroutine() -> None:
    """Do nothing."""


async def generate_later() -> AsyncIterator[int]:
    yield 1


def test_type_names() -> None:
    """A class is called as its user sees it, without the function that made it."""
    assert type_name(Outer.Inner) == "Outer.Inner"
    assert type_name(make()) == "Local"
    assert type_name(dict) == "dict"
    assert type_name(type("Strange", (), {"__qualname__": "a.<locals>.b.<locals>.C.D"})) == "C.D"


def test_module_of() -> None:
    """The module is the class's own word, None when it is not a string."""
    assert module_of(Outer) == __name__
    assert module_of(dict) == "builtins"
    assert module_of(type("Lying", (), {"__module__": 3})) is None
    assert module_of(type("Silent", (), {"__module__": None})) is None


def test_classes_are_found() -> None:
    """A class, and an instance of it, is where its definition starts."""
    assert defined_at(Outer) == line_of("class Outer")
    assert defined_at(Outer()) == line_of("class Outer")
    assert defined_at(Outer.Inner) == line_of("class Inner")
    assert defined_at(make()) == line_of("class Local")
    assert defined_at(Colour.RED) == line_of("class Colour")
    assert defined_at(Decorated()) == line_of("@dataclass")


def test_code_is_found() -> None:
    """Functions, methods, frames, generators and coroutines are where their code starts."""
    assert defined_at(make) == line_of("def make")
    assert defined_at(Outer.Inner().method) == defined_at(Outer.Inner.method)
    generator = generate()
    assert defined_at(generator) == line_of("def generate()")
    assert defined_at(next(generator)) == line_of("def generate()")
    waiting = coroutine()
    assert defined_at(waiting) == line_of("async def coroutine")
    waiting.close()
    assert defined_at(generate_later()) == line_of("async def generate_later")


def test_c_types_are_nowhere() -> None:
    """What C code defines has no place."""
    assert defined_at(dict) is None
    assert defined_at([]) is None
    assert defined_at(len) is None


def test_unknown_line_is_not_guessed() -> None:
    """A class that its file does not define has the file alone."""
    made = type("Nowhere", (), {"__module__": __name__})
    assert defined_at(made) == HERE
    assert defined_at(type("Lost", (), {"__module__": "no.such.module"})) is None


def load(path: Path, name: str) -> types.ModuleType:
    """Import a file under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_two_definitions_of_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two classes of one name, a method's line tells which it is; else the file alone."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shop.py"
    path.write_text(
        "if 0:\n    class Order:\n        def go(self): pass\n"
        "else:\n    class Order:\n        def go(self): pass\n"
        "if 1:\n    class Bare: pass\nelse:\n    class Bare: pass\n"
    )
    name = "shop_of_test_definitions"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    module: Any = load(path, name)
    assert defined_at(module.Order) == "shop.py:5"
    if sys.version_info >= (3, 13):  # there the class knows its line
        assert defined_at(module.Bare) == "shop.py:8"
    else:
        assert defined_at(module.Bare) == "shop.py"


def test_broken_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that can no longer be read or parsed gives the file alone."""
    path = tmp_path / "gone.py"
    path.write_text("class Gone: pass\n")
    name = "gone_of_test_definitions"
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    module: Any = load(path, name)
    path.write_text("class Gone(:\n")
    line = ":1" if sys.version_info >= (3, 13) else ""
    assert defined_at(module.Gone) == str(path) + line


def test_generator_package() -> None:
    """A function, frame, generator, coroutine, class, instance or module tells its package."""
    generator = generate()
    frame = next(generator)
    waiting = coroutine()
    for obj in (
        make,
        frame,
        generator,
        waiting,
        generate_later(),
        Outer,
        Outer(),
        Outer().__init__,
    ):
        if type(obj) is not types.MethodWrapperType:
            assert package_of(obj) == __name__
    waiting.close()
    assert package_of(os) == "os"
    assert package_of([]) == "builtins"


def test_class_names_find_what_the_code_uses() -> None:
    """Names come from code, constants, wrappers and slots of the class; from its module beyond."""

    class Rich:
        __slots__ = ("slot",)

        def plain(self) -> object:
            return self.read_by_plain  # type: ignore[attr-defined]

        @property
        def wrapped(self) -> object:
            return getattr(self, "read_by_string")  # noqa: B009

        @staticmethod
        def static(obj: Any) -> None:
            def inner() -> None:
                obj.set_by_inner = 1

            inner()

    names = names_in_class(Rich)
    assert {"slot", "read_by_plain", "read_by_string", "set_by_inner"} <= set(names)
    assert "only_in_this_module" not in names
    assert "only_in_this_module" in names_in_modules(Rich)
    assert len(names_nearby(Rich, limit=100)) < len(names_nearby(Rich, limit=2_000))


def uses_a_name(obj: Any) -> None:
    """Set an attribute that nothing else here mentions."""
    obj.only_in_this_module = 1
