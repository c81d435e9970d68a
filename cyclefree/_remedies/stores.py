"""The line of the program that stored a reference, read from bytecode.

Nothing is run: for an attribute these are the methods of the class and its bases that store it, and
where they only store constants (`self.parent = None`), whatever else in the modules at hand does;
for a local, the line in its function. The code of a module itself is gone once it has run, so there
the source is compiled again, and not executed.
"""

from __future__ import annotations

import _tracemalloc  # the module in C: tracemalloc itself takes long to import
import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import NamedTuple

from cyclefree._attributes import HEAP_TYPE, MANAGED_DICT, flags_of
from cyclefree._definitions import (
    field_line,
    module_file,
    module_of,
    mro_of,
    namespace_of,
    shown_path,
    type_name,
)
from cyclefree._outlines import attributes_in, compiled_source
from cyclefree._remedies.stored_lines import (
    Lines,
    attribute_lines,
    constant_lines,
    item_lines,
    local_item_lines,
    local_lines,
)

__all__ = ["Site", "Stores", "allocated_at", "local_item_sites", "local_sites", "shown_sites"]

_GENERATED = ("<string", "<attrs")  # by dataclasses and attrs: nobody can look it up
_WRAPPED = 64  # referents up to which an object in a class body is taken for a decorator's wrapper

_dict_offset = type.__dict__["__dictoffset__"].__get__

# What holds no function of the class's own. A module that is asked for all it refers to breaks on
# 3.12 where it is `_asyncio`, see `_collector.untraversable`.
_NOT_ENTERED = (type, ModuleType, FrameType, dict, list, tuple)

# For the next report: compiling takes longer than all the rest. Code and strings of our own.
_MODULES_KEPT = 32
_compiled: dict[str, list[tuple[CodeType, str]]] = {}


class Site(NamedTuple):
    """A place in the program."""

    place: str  # "shop/models.py:24"
    function: str  # "OrderLine.__init__", empty for a module's own code
    module: str | None = None  # whose code it is
    constant: bool = False  # whether what is stored there is a constant, such as None

    def __str__(self) -> str:
        return f"{self.place}, {self.function}" if self.function else self.place


def shown_sites(sites: Iterable[Site]) -> str | None:
    """Say where something is stored: the first place, and how many more there are."""
    shown = list(dict.fromkeys(map(str, sites)))
    if not shown:
        return None
    more = f" (and at {len(shown) - 1} more places)" if len(shown) > 2 else ""
    return (" or ".join(shown) if len(shown) == 2 else shown[0]) + more


class Stores:
    """Where references are stored; remembers what it has read, so make one for a report.

    Holds classes and code, no other object of the program.

    Args:
        everywhere: lists the modules to search for what is stored nowhere else.
    """

    __slots__ = ("_codes", "_everywhere", "_sites")

    def __init__(self, everywhere: Callable[[], list[str]] = list) -> None:
        self._everywhere = everywhere
        self._codes: dict[int, list[tuple[CodeType, str]]] = {}
        self._sites: dict[tuple[int, str, tuple[str, ...]], tuple[type, tuple[Site, ...]]] = {}

    def attribute(
        self, cls: type, name: str, modules: Iterable[str] = ()
    ) -> tuple[type, tuple[Site, ...]]:
        """Find where instances of a class get an attribute.

        Args:
            cls: the class of the instances.
            name: the attribute.
            modules: further modules whose code may store it.

        Returns:
            The class of the MRO whose code stores it (where none does, the class itself), and the
            places, those that store a constant only where there are no others.
        """
        modules = tuple(modules)
        key = (id(cls), name, modules)
        known = self._sites.get(key)
        if known is None:
            known = self._sites[key] = self._find_attribute(cls, name, modules)
        return known

    def item(self, cls: type, name: str, modules: Iterable[str] = ()) -> tuple[Site, ...]:
        """Find where something is put into the container that an attribute holds."""
        for base in _python_classes(cls):
            sites = _each(
                module_of(base), self._class_codes(base), lambda code: item_lines(code, name)
            )
            if sites:
                return sites
        for module in dict.fromkeys(filter(None, [module_of(cls), *modules])):
            sites = _each(
                module, self._module_codes(module), lambda code: item_lines(code, name, False)
            )
            if sites:
                return sites
        return self.attribute(cls, name, modules)[1]

    def mentions(self, module: str | None, text: str) -> tuple[Site, ...]:
        """Find where a module's code has a text as a constant: the name of a class it makes."""
        if module is None:
            return ()
        return _each(module, self._module_codes(module), lambda code: constant_lines(code, text))

    def _find_attribute(
        self, cls: type, name: str, modules: Iterable[str]
    ) -> tuple[type, tuple[Site, ...]]:
        owner: type | None = None
        constants: tuple[Site, ...] = ()
        field: tuple[Site, ...] = ()
        for base in _python_classes(cls):
            sites = _each(
                module_of(base), self._class_codes(base), lambda code: attribute_lines(code, name)
            )
            telling = tuple([site for site in sites if not site.constant])
            if telling:
                return base, telling
            line = field_line(base, name)
            if line is not None and not field:  # a dataclass: its __init__ has no file
                field = (Site(line, f"field {type_name(base)}.{name}", module_of(base)),)
            if owner is None and (sites or field):
                owner, constants = base, sites
        for module in dict.fromkeys(filter(None, [module_of(cls), *modules])):
            telling = self._telling(module, name)
            if telling:
                return owner or cls, telling
        # Another module of its package did, or somebody else: a visitor into a library's tree.
        if owner is None and namespace_has_room(cls):
            for module in self._elsewhere(module_of(cls), name):
                telling = self._telling(module, name)
                if telling:
                    return cls, telling
        return owner or cls, field or constants

    def _telling(self, module: str, name: str) -> tuple[Site, ...]:
        """Find where a module stores an attribute, unless it is a constant."""
        codes = self._module_codes(module)
        sites = _each(module, codes, lambda code: attribute_lines(code, name, own=False))
        return tuple([site for site in sites if not site.constant])

    def _elsewhere(self, module: str | None, name: str) -> list[str]:
        """List modules in whose source an attribute is: of a module's package, then of the user."""
        package = f"{(module or '').partition('.')[0]}."
        near = [n for n in list(sys.modules) if type(n) is str and n.startswith(package)]
        found = []
        for other in dict.fromkeys([*near, *self._everywhere()]):
            path = module_file(other)
            if path is not None and name in attributes_in(path):
                found.append(other)
        return found

    def _class_codes(self, cls: type) -> list[tuple[CodeType, str]]:
        """List the code of the functions in a class's body, nested ones too, and its name."""
        found = self._codes.get(id(cls))
        if found is None:
            found = []
            for function in _functions_of(cls):
                # Not the name itself: it may be of a class derived from str.
                name = str.__str__(function.__qualname__).rpartition("<locals>.")[2]
                code = function.__code__
                if not code.co_filename.startswith(_GENERATED):
                    found += _nested(code, name)
            self._codes[id(cls)] = found
        return found

    def _module_codes(self, module: str) -> list[tuple[CodeType, str]]:
        """List all code of a module, compiled again from its source."""
        path = module_file(module)
        if path is None:
            return []
        found = _compiled.get(path)
        if found is None:
            code = compiled_source(path)
            if len(_compiled) >= _MODULES_KEPT:
                _compiled.clear()
            found = _compiled[path] = _nested(code, "") if code is not None else []
        return found


def local_sites(code: CodeType, name: str, function: str) -> tuple[Site, ...]:
    """Find where a function stores a local; the line of the function itself for a parameter."""
    lines = dict(local_lines(code, name))
    path = shown_path(code.co_filename)
    telling = [line for line, constant in lines.items() if not constant]
    places = telling or list(lines) or [code.co_firstlineno]
    return tuple([Site(f"{path}:{number}", function) for number in places])


def local_item_sites(code: CodeType, name: str, function: str) -> tuple[Site, ...]:
    """Find where a function puts something into the container that a local holds."""
    path = shown_path(code.co_filename)
    lines = dict.fromkeys(line for line, _ in local_item_lines(code, name))
    return tuple([Site(f"{path}:{line}", function) for line in lines])


def allocated_at(obj: object) -> str | None:
    """Return where an object was allocated, if tracemalloc traces and knows.

    On CPython 3.11 it knows nothing of instances of most classes (python/cpython#101430).
    """
    if not _tracemalloc.is_tracing():
        return None
    frames = _tracemalloc._get_object_traceback(obj)
    if not frames:
        return None
    path, line = frames[0]  # the most recent one
    return f"{shown_path(path)}:{line}"


def _python_classes(cls: type) -> list[type]:
    """List the classes of the MRO that a class statement made."""
    return [base for base in mro_of(cls) if flags_of(base) & HEAP_TYPE]


def _functions_of(cls: type) -> Iterator[FunctionType]:
    """Yield the functions in a class's body, also inside property, staticmethod and decorators."""
    todo: list[object] = list(namespace_of(cls).values())
    seen: set[int] = set()
    for value in todo:  # grows while it is walked
        if id(value) in seen or len(seen) > 2_000:
            continue
        seen.add(id(value))
        kind = type(value)
        if kind is FunctionType:
            yield value  # type: ignore[misc]
            todo += _wrapped(value)  # type: ignore[arg-type]
        elif not issubclass(kind, _NOT_ENTERED) and gc.is_tracked(value):
            referents = gc.get_referents(value)
            # Where attributes are not kept inline (3.10) they are in a dictionary.
            referents += gc.get_referents(*[each for each in referents if type(each) is dict])
            if len(referents) <= _WRAPPED:
                todo += referents


def _wrapped(function: FunctionType) -> list[FunctionType]:
    """Return the functions that a function closes over."""
    found = []
    for cell in function.__closure__ or ():
        try:
            contents = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if type(contents) is FunctionType:
            found.append(contents)
    return found


def _nested(code: CodeType, name: str) -> list[tuple[CodeType, str]]:
    """List a code object and those inside it, with names; lambdas count as their function."""
    found = [(code, name)]
    for inner, outer_name in found:  # grows while it is walked
        for constant in inner.co_consts:
            if type(constant) is CodeType:
                own = constant.co_name
                joined = outer_name if own.startswith("<") else f"{outer_name}.{own}".strip(".")
                found.append((constant, joined))
    return found


def namespace_has_room(cls: type) -> bool:
    """Whether instances of a class take attributes that it knows nothing of."""
    return bool(_dict_offset(cls) or flags_of(cls) & MANAGED_DICT)


def _each(
    module: str | None,
    codes: Iterable[tuple[CodeType, str]],
    lines_of: Callable[[CodeType], Lines],
) -> tuple[Site, ...]:
    found: dict[Site, None] = {}
    for code, function in codes:
        for line, constant in lines_of(code):
            place = f"{shown_path(code.co_filename)}:{line}"
            found[Site(place, function, module, constant)] = None
    return tuple(found)
