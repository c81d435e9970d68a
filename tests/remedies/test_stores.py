# ruff: noqa: B009, B010 (each way to store an attribute is used on purpose)
"""The line that stored a reference, told from bytecode: the same on each version of Python."""

from __future__ import annotations

import enum
import functools
import importlib.util
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cyclefree._remedies.stored_lines import attribute_lines, is_bound_at_once
from cyclefree._remedies.stores import Site, Stores, local_item_sites, local_sites, shown_sites

LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


def marked(mark: str) -> list[int]:
    """Return the lines of this file that end in a comment with the mark."""
    return [n for n, line in enumerate(LINES, 1) if line.endswith(f"# {mark}")]


def lines(sites: tuple[Site, ...]) -> list[int]:
    """Return the lines of places that are all in this file."""
    parts = [site.place.rpartition(":") for site in sites]
    assert all(path.endswith("test_stores.py") for path, _, _ in parts)
    return sorted(int(number) for _, _, number in parts)


def attribute(cls: type, name: str) -> tuple[type, list[int]]:
    """Return the class that stores an attribute and the lines where it does."""
    owner, sites = Stores().attribute(cls, name)
    return owner, lines(sites)


# --- attributes ----------------------------------------------------------------------------------


class Base:
    def __init__(self, owner: object) -> None:
        self.owner = owner  # base owner
        self.parent: Any = None

    def adopt(self, parent: object) -> None:
        self.parent = parent  # base parent


class Derived(Base):
    def __init__(self, owner: object) -> None:
        super().__init__(owner)
        self.table: dict[str, object] = {}  # derived table
        self.nothing = None  # derived nothing

    def move(self, parent: object) -> None:
        self.parent = parent  # derived parent


class Slotted:
    __slots__ = ("__hidden", "item")

    def __init__(self, item: object) -> None:
        self.item = item  # slotted item
        self.__hidden = item  # slotted hidden


@dataclass
class Field:
    number: int
    parent: Field | None = None
    stored: object = None  # field stored
    late: object = None

    def __post_init__(self) -> None:
        self.late = [self]  # field late


@dataclass
class DerivedField(Field):
    more: int = 0


class Foreign:
    """A class whose attributes others store."""

    by_function: object
    by_class: object
    by_module: object

    def __init__(self) -> None:
        self.by_function = None
        self.only_none = None  # foreign none


def connect(foreign: Foreign, other: object) -> None:
    """Store an attribute of another class."""
    foreign.by_function = other  # connect


class Friend:
    def greet(self, foreign: Foreign) -> None:
        foreign.by_class = self  # friend


SINGLE = Foreign()
SINGLE.by_module = SINGLE  # module code


class Ways:
    def each(self, n: Any, p: Any) -> Any:
        self.x = None  # constant
        self.x = self.y = None  # constant
        n.next.x = None  # constant
        n.items[0].x = 5  # constant
        n().x = "text"  # constant
        setattr(self, "x", None)  # constant
        self.__dict__["x"] = None  # constant
        self.x = p  # telling
        self.x = p if n else None  # telling
        self.x = None if n else p  # telling
        self.x = n or None  # telling
        self.x = f"a{n}"  # telling
        self.x = "a".join(n)  # telling
        self.x = (None, n)  # telling
        self.x = n and (n, None)  # telling
        self.x = lambda: 1  # telling
        self.x = [1, 2, 3]  # telling
        self.x = None is n  # telling
        self.x = self.y = n  # telling
        self.x += 1  # telling
        for self.x in n:  # telling
            pass
        with n as self.x:  # telling
            pass
        setattr(self, "x", n)  # telling
        setattr(  # a call over several lines: the line of the name
            self,
            "x",  # telling
            n,
        )
        object.__setattr__(self, "x", n)  # telling
        self.__dict__["x"] = n  # telling
        setattr(self, "y", "x")
        delattr(self, "x")
        found = self.__dict__["x"], "x", {"x": 1}["x"]
        found[0]["x"] = n
        return found, getattr(self, "x")


class Telling(Ways):
    """Each way to store what is no constant."""

    def each(self, n: Any, p: Any) -> Any:
        """Leave the base's own."""


class Constants:
    def clear(self) -> None:
        self.x = None  # only constant

    def put(self) -> None:
        setattr(self, "x", None)  # only constant


def tagged(tag: str) -> Callable[[Any], Any]:
    """Return a decorator that wraps a function twice."""

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return tag, function(*args)

        return functools.partialmethod(wrapper)

    return decorate


class Wrapped:
    @property
    def value(self) -> object:
        return self._value

    @value.setter
    def value(self, value: object) -> None:
        self._value = value  # setter

    @classmethod
    def make(cls, part: object) -> Wrapped:
        made = cls()
        made.part = part  # type: ignore[attr-defined]  # classmethod
        return made

    @staticmethod
    def link(one: Any, two: Any) -> None:
        one.link_to = two  # staticmethod

    @tagged("tag")
    def decorated(self, other: object) -> None:
        self.other = other  # decorated

    @functools.cached_property
    def cached(self) -> object:
        self.by_cached = [self]  # cached_property
        return self

    def outer(self) -> Callable[[object], None]:
        def inner(value: object) -> None:
            self.by_inner = value  # nested

        apply: Any = lambda value: setattr(self, "by_lambda", value)  # lambda
        return apply or inner


def test_own_methods_and_bases() -> None:
    """The class of the MRO whose methods store an attribute is found, the nearest first."""
    assert attribute(Derived, "table") == (Derived, marked("derived table"))
    assert attribute(Derived, "owner") == (Base, marked("base owner"))
    assert attribute(Base, "parent") == (Base, marked("base parent"))
    assert attribute(Derived, "parent") == (Derived, marked("derived parent"))


def test_slots() -> None:
    """Slots are stored like other attributes, private ones under their mangled name."""
    assert attribute(Slotted, "item") == (Slotted, marked("slotted item"))
    assert attribute(Slotted, "_Slotted__hidden") == (Slotted, marked("slotted hidden"))


def test_fields_of_dataclasses() -> None:
    """Where the generated `__init__` stores a field its annotation is shown."""
    owner, (site,) = Stores().attribute(DerivedField, "stored")
    assert owner is Field
    assert lines((site,)) == marked("field stored")
    assert site.function == "field Field.stored"
    assert attribute(Field, "late") == (Field, marked("field late"))


def test_stored_by_others() -> None:
    """Where no method stores more than a constant the module's other code is looked through."""
    assert attribute(Foreign, "by_function") == (Foreign, marked("connect"))
    assert attribute(Foreign, "by_class") == (Foreign, marked("friend"))
    assert attribute(Foreign, "by_module") == (Foreign, marked("module code"))
    names = [
        Stores().attribute(Foreign, name)[1][0].function
        for name in ("by_function", "by_class", "by_module")
    ]
    assert names == ["connect", "Friend.greet", ""]


def test_constants_come_last() -> None:
    """Places that store a constant are shown where there are no others."""
    assert attribute(Foreign, "only_none") == (Foreign, marked("foreign none"))
    assert attribute(Derived, "nothing") == (Derived, marked("derived nothing"))
    assert attribute(Constants, "x") == (Constants, marked("only constant"))


def test_self_is_of_the_class_at_hand() -> None:
    """What other classes' methods store in `self`, or put into what it holds, is not taken."""

    class Unrelated:
        """A class that stores nothing; others of this module store `x`, `rows` and `table`."""

    assert attribute(Unrelated, "owner") == (Unrelated, [])
    assert attribute(Unrelated, "by_inner") == (Unrelated, [])
    assert Stores().item(Unrelated, "rows") == ()
    assert attribute(Unrelated, "by_class") == (Unrelated, marked("friend"))


def test_each_way_to_store() -> None:
    """What is stored is told from a constant for each kind of statement, on each version."""
    assert attribute(Ways, "x") == (Ways, marked("telling"))


def test_each_way_to_store_a_constant() -> None:
    """A constant is known as one, in whichever way it is stored."""
    found = [line for line, constant in attribute_lines(Ways.each.__code__, "x") if constant]
    assert found == marked("constant")


def test_wrapped_functions() -> None:
    """Functions are found inside properties, class and static methods, decorators and closures."""
    for name, mark in (
        ("_value", "setter"),
        ("part", "classmethod"),
        ("link_to", "staticmethod"),
        ("other", "decorated"),
        ("by_cached", "cached_property"),
        ("by_inner", "nested"),
        ("by_lambda", "lambda"),
    ):
        assert attribute(Wrapped, name) == (Wrapped, marked(mark)), name
    functions = {
        name: Stores().attribute(Wrapped, name)[1][0].function for name in ("by_inner", "by_lambda")
    }
    assert functions == {"by_inner": "Wrapped.outer.inner", "by_lambda": "Wrapped.outer"}


def test_nowhere() -> None:
    """An attribute that no code stores by its name has no place, and the class itself owns it."""
    assert attribute(Base, "unknown") == (Base, [])
    assert attribute(dict, "unknown") == (dict, [])
    assert Stores().attribute(Exception, "args") == (Exception, ())


def test_a_place_says_whose_code_it_is() -> None:
    """A place has its module, and reads as path, line and function."""
    (site,) = Stores().attribute(Base, "owner")[1]
    assert site.module == __name__
    assert str(site) == f"{site.place}, Base.__init__"
    assert str(site._replace(function="")) == site.place


def test_what_was_found_is_known() -> None:
    """A second question for one report has the same answer; other modules are another question."""
    stores = Stores()
    first = stores.attribute(Base, "owner", ["a"])
    assert stores.attribute(Base, "owner", ["a"]) is first
    with module("one_store", "def late(base):\n    base.stranger = base\n"):
        assert stores.attribute(Base, "stranger")[1] == ()
        (site,) = stores.attribute(Base, "stranger", ["one_store"])[1]
        assert (site.function, site.module) == ("late", "one_store")


# --- items ---------------------------------------------------------------------------------------


class Shop:
    def __init__(self) -> None:
        self.rows: list[object] = []  # rows
        self.table: dict[object, object] = {}
        self.members: set[object] = set()
        self.grouped: dict[object, list[object]] = {}
        self.others: list[object] = []

    def fill(self, item: object) -> None:
        self.rows.append(item)  # append
        self.members.add(item)  # add
        self.table["key"] = item  # subscript
        self.grouped.setdefault(item, []).append(item)  # setdefault
        self.others.append(self.rows[0])

    def empty(self) -> None:
        self.rows.clear()
        self.table.pop("key")
        del self.table["other"]
        print(self.grouped["a"])


class BigShop(Shop):
    """A shop whose base fills it."""


class Literal:
    def __init__(self) -> None:
        self.pair = [self, self]  # literal


class Passive:
    def __init__(self) -> None:
        self.entries: list[object] = []


def fill(passive: Passive) -> None:
    """Fill the container of another object."""
    passive.entries.extend([passive])  # filled from outside


@pytest.mark.parametrize(
    ("cls", "name", "mark"),
    [
        (Shop, "rows", "append"),
        (Shop, "members", "add"),
        (Shop, "table", "subscript"),
        (Shop, "grouped", "setdefault"),
        (BigShop, "rows", "append"),
        (Literal, "pair", "literal"),
        (Passive, "entries", "filled from outside"),
    ],
)
def test_items(cls: type, name: str, mark: str) -> None:
    """What puts something into a container is found, else where the container is stored."""
    assert lines(Stores().item(cls, name)) == marked(mark)


# --- locals --------------------------------------------------------------------------------------


def locals_of_all_kinds(parameter: Any, *rest: Any, key: Any = None, **others: Any) -> Any:
    """Store locals in each way there is."""
    a = b = None  # b
    a = parameter if key else None  # a
    a, c = rest, others  # a c
    try:
        a = c.missing  # a
    except ValueError as err:  # err
        print(err)
    except KeyError as err:  # err
        print(err)
    with parameter as opened:  # opened
        pass
    for each in rest:  # each
        d = each  # d
        e = d  # e
    f = None  # nothing
    f = "a" + parameter  # f
    f = f"{parameter}"  # f
    if (walrus := key) is not None:  # walrus
        print(walrus)
    match parameter:
        case [first, *_]:  # first
            print(first)
    import os as module  # module

    cell = parameter  # cell

    def inner() -> Any:
        nonlocal a
        a = cell
        return cell, a

    class Local: ...  # Local

    e: Any = None
    return a, b, d, e, f, inner, Local, module, opened


def marked_names(name: str) -> list[int]:
    """Return the lines of the function above that name a local in their comment."""
    first = locals_of_all_kinds.__code__.co_firstlineno
    return [
        n
        for n, line in enumerate(LINES[first : first + 45], first + 1)
        if name in line.partition("  # ")[2].split()
    ]


@pytest.mark.parametrize(
    "name",
    [*"abcdef", "err", "opened", "each", "walrus", "first", "module", "cell", "Local"],
)
def test_locals(name: str) -> None:
    """Each statement that stores a local is found, those of constants where there is no other."""
    sites = local_sites(locals_of_all_kinds.__code__, name, "f")
    assert lines(sites) == marked_names(name)
    assert {site.function for site in sites} == {"f"}


@pytest.mark.parametrize("name", ["parameter", "rest", "key", "others", "not there"])
def test_parameters_are_at_the_function(name: str) -> None:
    """What nothing stores came with the call: the function's own line."""
    code = locals_of_all_kinds.__code__
    assert lines(local_sites(code, name, "f")) == [code.co_firstlineno]


def test_instructions_for_two_locals() -> None:
    """Where one instruction stores and loads, or stores twice (3.13), what it stores counts."""
    text = "def f(p):\n    other = 1\n    d = p; e = other\n    g, h = p\n    return d, e, g, h\n"
    namespace: dict[str, Any] = {}
    exec(compile(text, "test_stores.py", "exec"), namespace)
    code = namespace["f"].__code__
    assert [lines(local_sites(code, name, "f")) for name in ("d", "e", "g", "h", "other")] == [
        *([3], [3], [4], [4], [2])
    ]


def test_locals_of_a_module() -> None:
    """A name of a module's own code is a local there."""
    code = compile("import a\nerr = a\nb = err\n", "test_stores.py", "exec")
    assert lines(local_sites(code, "err", "")) == [2]


# --- modules and their source --------------------------------------------------------------------


@contextmanager
def module(name: str, text: str, path: str | None = None) -> Iterator[types.ModuleType]:
    """Give an imported module that says it was read from a file."""
    made = types.ModuleType(name)
    made.__file__ = path or f"/nowhere/{name}.py"
    sys.modules[name] = made
    try:
        if path is None:
            import tempfile

            with tempfile.TemporaryDirectory() as folder:
                made.__file__ = str(Path(folder, f"{name}.py"))
                Path(made.__file__).write_text(text, encoding="utf-8")
                exec(compile("", made.__file__, "exec"), made.__dict__)
                yield made
        else:
            yield made
    finally:
        del sys.modules[name]


def test_a_source_that_is_no_python() -> None:
    """From a source that can't be compiled any more nothing is told, and nothing is raised."""
    with module("broken_store", "def f(:\n"):
        assert Stores().attribute(Base, "zzz", ["broken_store"]) == (Base, ())
        assert Stores().mentions("broken_store", "Made") == ()


def test_a_missing_source() -> None:
    """A module whose file is gone, or is no source, has no places."""
    with module("gone_store", "", path="/nowhere/gone_store.py"):
        assert Stores().attribute(Base, "zzz", ["gone_store"]) == (Base, ())
    with module("c_store", "", path="/nowhere/c_store.so"):
        assert Stores().attribute(Base, "zzz", ["c_store"]) == (Base, ())
    assert Stores().mentions("not imported", "Made") == ()
    assert Stores().mentions(None, "Made") == ()


GENERATED = """
class Made:
    def __init__(self, owner):
        self.owner = owner
"""


@pytest.mark.parametrize("filename", ["<string>", "<attrs generated init Made>"])
def test_generated_code(filename: str) -> None:
    """Code without a file is not shown: nobody could look it up."""
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec(compile(GENERATED, filename, "exec"), namespace)
    assert Stores().attribute(namespace["Made"], "owner") == (namespace["Made"], ())


def test_fields_of_attrs() -> None:
    """The generated methods of an attrs class are not shown; its annotations are."""
    attrs: Any = pytest.importorskip("attrs")
    text = "import attrs\n\n@attrs.define\nclass Node:\n    up: object = None\n"
    with module("attrs_store", text) as made:
        exec(compile(text, str(made.__file__), "exec"), made.__dict__)
        owner, (site,) = Stores().attribute(made.Node, "up")
    assert attrs.has(owner)
    assert site.place.endswith("attrs_store.py:5")
    assert site.function == "field Node.up"


def test_mentions() -> None:
    """Where a module's code has a name as a constant is found, whether in a call or in a class."""
    text = "def make():\n    return type('Made', (), {})\n\ndef other():\n    class Made: ...\n"
    with module("mention_store", text):
        found = Stores().mentions("mention_store", "Made")
    assert [(s.place.rpartition(":")[2], s.function) for s in found[:2]] == [
        ("2", "make"),
        ("5", "other"),
    ]


def test_source_is_not_run(tmp_path: Path) -> None:
    """A module's source is compiled and never executed."""
    with module("run_store", "raise SystemExit\ndef f(x):\n    x.zzz = x\n"):
        assert len(Stores().attribute(Base, "zzz", ["run_store"])[1]) == 1


# --- what classes may hold -----------------------------------------------------------------------


class Refusing:
    """An object that must not be asked for anything."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"asked for {name}")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    def __hash__(self) -> int:
        raise AssertionError("hashed")


class Name(str):
    """A string that must not be asked for anything."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


def test_anything_may_be_in_a_class() -> None:
    """Objects, modules, frames, empty cells and strange names in a class are passed over."""

    def empty() -> object:
        return later

    names = [f"n{n}" for n in range(100)]
    wide: Any = type("Wide", (), {"__slots__": names})()
    for name in names:
        setattr(wide, name, [wide])

    namespace: dict[str, Any] = {
        "refusing": Refusing(),
        "module": sys,
        "frame": sys._getframe(),
        "empty": empty,
        "number": 10**20,
        "table": {"key": [Refusing()]},
        "wide": wide,
        "colour": enum.Enum("Colour", ["RED"]),
    }
    namespace["set"] = lambda self, value: setattr(self, "found", value)
    namespace["set"].__qualname__ = Name("Held.set")
    held = type("Held", (), namespace)
    sites = Stores().attribute(held, "found")[1]
    assert [site.function for site in sites] == ["Held.set"]
    later = held


def test_big_classes_are_bounded() -> None:
    """Of an object in a class that leads to thousands only the nearest are looked at."""
    link: Any = None
    for _ in range(5_000):
        link = Slotted(link)
    held = type("Held", (), {"link": link})
    assert Stores().attribute(held, "zzz") == (held, ())


def test_long_functions() -> None:
    """Where operands need a prefix (more than 255 names) stores are found as well."""
    many = "\n".join(f"    v{n} = self.n{n}" for n in range(300))
    text = f"def f(self, x):\n{many}\n    self.order = None\n    self.order = x\n    last = x\n"
    namespace: dict[str, Any] = {}
    exec(compile(text, "test_stores.py", "exec"), namespace)
    held = type("Held", (), {"f": namespace["f"], "__module__": "nowhere"})
    assert attribute(held, "order") == (held, [303])
    assert lines(local_sites(namespace["f"].__code__, "last", "f")) == [304]


# --- how places are shown ------------------------------------------------------------------------


def test_shown_sites() -> None:
    """One place is shown, two are, of more the first and their number; equal ones once."""
    one, two, three = (Site(f"a.py:{n}", "f") for n in (1, 2, 3))
    assert shown_sites([]) is None
    assert shown_sites([one, one._replace(constant=True)]) == "a.py:1, f"
    assert shown_sites([one, two]) == "a.py:1, f or a.py:2, f"
    assert shown_sites(iter([one, two, three])) == "a.py:1, f (and at 2 more places)"


def test_nothing_is_kept() -> None:
    """Stores let go of every class when they are dropped."""
    spec = importlib.util.spec_from_loader("kept", None)
    assert spec is not None
    held = type("Held", (), {})
    stores = Stores()
    stores.attribute(held, "x")
    ref = weakref.ref(held)
    del held
    stores = Stores()
    assert stores.attribute(Base, "owner")
    import gc

    gc.collect()  # a class is in cycles of its own
    assert ref() is None


def test_a_local_that_is_bound_whatever_happens() -> None:
    """A parameter is, and what is set to a constant at the top; what a branch sets is not."""

    def function(given: object, *rest: object, key: object = None, **others: object) -> object:
        first = None
        if given:
            second = given
        third = len(rest)
        return first, second, third, key, others

    code = function.__code__
    bound = {name: is_bound_at_once(code, name) for name in code.co_varnames}
    assert bound == {
        "given": True,
        "rest": True,
        "key": True,
        "others": True,
        "first": True,
        "second": False,
        "third": False,
    }
    assert not is_bound_at_once(code, "unknown")


def test_what_is_put_into_the_container_of_a_local() -> None:
    """By a method that adds, or by subscription; reading is not told."""

    def function() -> object:
        errors: list[object] = []
        table: dict[object, object] = {}
        errors.append(1)  # first error
        errors.copy()
        if errors:
            errors.insert(0, table)  # second error
        table["a"] = errors  # entry
        return errors[0]

    code = function.__code__
    errors = lines(local_item_sites(code, "errors", "function"))
    assert errors == marked("first error") + marked("second error")
    assert lines(local_item_sites(code, "table", "function")) == marked("entry")
