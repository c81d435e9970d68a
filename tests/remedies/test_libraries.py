"""Whose code it is: told from the file that a module was read from."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from cyclefree._remedies.libraries import Ownership, library_name

STDLIB = Path(os.__file__).resolve().parent


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | None], None]:
    """Give a function that makes a module look imported from a file."""

    def make(name: str, path: str | None) -> None:
        module = types.ModuleType(name)
        if path is not None:
            module.__file__ = path
        monkeypatch.setitem(sys.modules, name, module)

    return make


@pytest.mark.parametrize(
    "module",
    [
        "os",
        "sys",
        "builtins",
        "asyncio.tasks",
        "xml.dom.minidom",  # not imported here, and not needed for it
        "_asyncio",  # in C, in a file of its own or not
        "_thread",
        "_datetime",
        "pytest",
        "_pytest.fixtures",
        "cyclefree",
        "cyclefree._remedies.stores",
    ],
)
def test_libraries(module: str) -> None:
    """The standard library, installed packages and this one belong to libraries."""
    assert Ownership().is_library(module)


@pytest.mark.parametrize("module", ["__main__", __name__, "conftest", "not_imported.anywhere"])
def test_users(module: str) -> None:
    """The program itself, and what lies anywhere else, is the user's."""
    assert not Ownership().is_library(module)


def test_no_module_is_nobodys_library() -> None:
    """What says no module is taken for the user's: it can't be told to be a library's."""
    assert not Ownership().is_library(None)


@pytest.mark.parametrize(
    ("path", "library"),
    [
        ("/srv/app/shop/models.py", False),
        ("/srv/app/shop/fast.cpython-311-x86_64-linux-gnu.so", False),
        ("/srv/venv/lib/python3.11/site-packages/shop/models.py", True),
        ("/srv/venv/lib/python3.11/site-packages/shop.so", True),
        ("/usr/lib/python3/dist-packages/shop/models.py", True),
        ("/srv/site-packages.py", False),
        (str(STDLIB / "shop.py"), True),
        (str(STDLIB / "lib-dynload" / "_shop.so"), True),
        (str(STDLIB) + "-like/shop.py", False),
    ],
)
def test_the_file_decides(
    imported: Callable[[str, str | None], None], path: str, library: bool
) -> None:
    """Where a module's file lies tells whose it is, for source and compiled modules alike."""
    imported("shop", path)
    assert Ownership().is_library("shop") is library
    assert Ownership().is_library("shop.not_imported") is library


def test_a_users_module_may_be_called_as_one_of_python(
    imported: Callable[[str, str | None], None],
) -> None:
    """A module of the user's that hides one of the standard library is the user's."""
    imported("calendar", "/srv/app/calendar.py")
    assert not Ownership().is_library("calendar")


def test_links_are_followed(imported: Callable[[str, str | None], None], tmp_path: Path) -> None:
    """A package installed as a link to the user's own folder is the user's."""
    (tmp_path / "src").mkdir()
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (tmp_path / "src" / "shop.py").write_text("")
    (installed / "shop.py").symlink_to(tmp_path / "src" / "shop.py")
    imported("shop", str(installed / "shop.py"))
    assert not Ownership().is_library("shop")


def test_only_names_the_users_packages() -> None:
    """What `only` names is the user's, wherever it is installed; a longer name is not meant."""
    ownership = Ownership(("hypothesis", "xml.dom"))
    assert not ownership.is_library("hypothesis")
    assert not ownership.is_library("hypothesis.strategies")
    assert not ownership.is_library("xml.dom.minidom")
    assert ownership.is_library("xml.domestic")
    assert ownership.is_library("xml")
    assert ownership.is_library("os")


def test_what_was_looked_up_is_known(imported: Callable[[str, str | None], None]) -> None:
    """One report judges a module once, also when it is imported anew meanwhile."""
    ownership = Ownership()
    imported("shop", "/srv/app/shop.py")
    assert not ownership.is_library("shop")
    imported("shop", str(STDLIB / "shop.py"))
    assert not ownership.is_library("shop")
    assert Ownership().is_library("shop")


def test_carriers_are_neutral() -> None:
    """Containers, partials and the like are whoever's who filled them; their code is not."""
    ownership = Ownership()
    assert ownership.is_neutral("builtins", False)
    assert ownership.is_neutral("functools", False)
    assert ownership.is_neutral(None, False)
    assert not ownership.is_neutral("functools", True)
    assert not ownership.is_neutral("asyncio.tasks", False)
    assert not ownership.is_neutral(__name__, False)


@pytest.mark.parametrize(
    ("modules", "name"),
    [
        (["json"], "json"),
        (["json", "json"], "json"),
        (["xml.dom.minidom", "xml.dom.expatbuilder"], "xml.dom"),
        (["xml.dom.minidom", "xml.sax.handler"], "xml"),
        (["asyncio.tasks", "asyncio"], "asyncio"),
        (["flask.app", "werkzeug.local"], "flask and werkzeug"),
        (["c", "b.x", "a"], "a, b and c"),
        (["d", "c", "b", "a"], "a, b, c and others"),
    ],
)
def test_library_name(modules: list[str], name: str) -> None:
    """A library is called by what its modules share, several by their packages."""
    assert library_name(modules) == library_name(reversed(modules)) == name
