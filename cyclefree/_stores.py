"""The line of the program that stored a reference, read from bytecode.

Nothing is run: for an attribute these are the methods of the class and its bases that store it, and
where they only store constants (`self.parent = None`), whatever else in the modules at hand does;
for a local, the line in its function. The code of a module itself is gone once it has run, so there
the source is compiled again, and not executed.
"""

from __future__ import annotations

import _tracemalloc  # the module in C: tracemalloc itself takes long to import
import dis
import gc
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import NamedTuple

from cyclefree._attributes import HEAP_TYPE, flags_of
from cyclefree._definitions import (
    field_line,
    module_file,
    module_of,
    mro_of,
    namespace_of,
    shown_path,
    type_name,
)

__all__ = ["Site", "Stores", "allocated_at", "local_sites", "shown_sites"]

_SOURCE_LIMIT = 2_000_000
_SOURCES_LIMIT = 30_000_000  # characters of source to search for a report
_WRAPPED = 64  # referents up to which an object in a class body is taken for a decorator's wrapper

# What puts an item into a container, by the name of its method.
_ADDING = frozenset(
    ("add", "append", "appendleft", "extend", "insert", "put", "push", "setdefault", "update")
)
_dict_offset = type.__dict__["__dictoffset__"].__get__
_MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT, from 3.11 on

_SETTERS = frozenset(("setattr", "__setattr__", "__dict__"))
_STORES_LOCAL = frozenset(
    ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST")
)


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

    Holds code objects and strings, no object of the program.

    Args:
        everywhere: lists the modules to search for what is stored nowhere else.
    """

    __slots__ = ("_codes", "_everywhere", "_left", "_modules", "_sites", "_texts")

    def __init__(self, everywhere: Callable[[], list[str]] = list) -> None:
        self._everywhere = everywhere
        self._texts: dict[str, str] = {}
        self._left = _SOURCES_LIMIT
        self._codes: dict[int, list[tuple[CodeType, str]]] = {}
        self._modules: dict[str, list[tuple[CodeType, str]]] = {}
        self._sites: dict[tuple[int, str], tuple[type, tuple[Site, ...]]] = {}

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
        key = (id(cls), name)
        known = self._sites.get(key)
        if known is None:
            known = self._sites[key] = self._find_attribute(cls, name, modules)
        return known

    def item(self, cls: type, name: str, modules: Iterable[str] = ()) -> tuple[Site, ...]:
        """Find where something is put into the container that an attribute holds."""
        for base in _python_classes(cls):
            sites = _each(
                module_of(base), self._class_codes(base), lambda code: _item_lines(code, name)
            )
            if sites:
                return sites
        for module in dict.fromkeys(filter(None, [module_of(cls), *modules])):
            sites = _each(module, self._module_codes(module), lambda code: _item_lines(code, name))
            if sites:
                return sites
        return self.attribute(cls, name, modules)[1]

    def mentions(self, module: str | None, text: str) -> tuple[Site, ...]:
        """Find where a module's code has a text as a constant: the name of a class it makes."""
        if module is None:
            return ()
        return _each(module, self._module_codes(module), lambda code: _constant_lines(code, text))

    def _find_attribute(
        self, cls: type, name: str, modules: Iterable[str]
    ) -> tuple[type, tuple[Site, ...]]:
        owner: type | None = None
        constants: tuple[Site, ...] = ()
        field: tuple[Site, ...] = ()
        for base in _python_classes(cls):
            sites = _each(
                module_of(base), self._class_codes(base), lambda code: _attribute_lines(code, name)
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
            for module in self._elsewhere(module_of(cls), f".{name}"):
                telling = self._telling(module, name)
                if telling:
                    return cls, telling
        return owner or cls, field or constants

    def _telling(self, module: str, name: str) -> tuple[Site, ...]:
        """Find where a module stores an attribute, unless it is a constant."""
        codes = self._module_codes(module)
        sites = _each(module, codes, lambda code: _attribute_lines(code, name, others=True))
        return tuple([site for site in sites if not site.constant])

    def _elsewhere(self, module: str | None, text: str) -> list[str]:
        """List modules in whose source a text is: of a module's package, then of the user."""
        package = f"{(module or '').partition('.')[0]}."
        near = [n for n in list(sys.modules) if type(n) is str and n.startswith(package)]
        found = []
        for name in dict.fromkeys([*near, *self._everywhere()]):
            source = self._texts.get(name)
            if source is None:
                source = self._texts[name] = self._read(name)
            if text in source:
                found.append(name)
        return found

    def _read(self, module: str) -> str:
        """Read a module's source, until all that was read is too much."""
        if self._left <= 0:
            return ""
        source = _source(module_file(module))
        self._left -= len(source)
        return source

    def _class_codes(self, cls: type) -> list[tuple[CodeType, str]]:
        """List the code of the functions in a class's body, nested ones too, and its name."""
        found = self._codes.get(id(cls))
        if found is None:
            found = []
            for function in _functions_of(cls):
                name = function.__qualname__.rpartition("<locals>.")[2]
                code = function.__code__
                if not code.co_filename.startswith("<string"):  # generated: nobody can look it up
                    found += _nested(code, name)
            self._codes[id(cls)] = found
        return found

    def _module_codes(self, module: str) -> list[tuple[CodeType, str]]:
        """List all code of a module, compiled again from its source."""
        found = self._modules.get(module)
        if found is None:
            found = []
            path = module_file(module)
            if path is not None:
                try:
                    code = compile(_source(path), path, "exec", dont_inherit=True)
                except (SyntaxError, ValueError, MemoryError, RecursionError):
                    pass
                else:
                    found = _nested(code, "")
            self._modules[module] = found
        return found


def local_sites(code: CodeType, name: str, function: str) -> tuple[Site, ...]:
    """Find where a function stores a local; the line of the function itself for a parameter."""
    instructions = _instructions(code)
    lines: dict[int, bool] = {}
    for at, (line, ins) in enumerate(instructions):
        if ins.opname not in _STORES_LOCAL or name not in _operands(ins):
            continue
        following = instructions[at + 1 : at + 2]
        # `except E as err:` deletes err in the end, by storing None first.
        if not (following and following[0][1].opname.startswith("DELETE_")):
            lines[line] = at > 0 and instructions[at - 1][1].opname == "LOAD_CONST"
    path = shown_path(code.co_filename)
    telling = [line for line, constant in lines.items() if not constant]
    places = telling or list(lines) or [code.co_firstlineno]
    return tuple([Site(f"{path}:{number}", function) for number in places])


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
        elif not issubclass(kind, type) and gc.is_tracked(value):
            if kind is dict or kind is tuple or kind is list:
                continue
            referents = gc.get_referents(value)
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
    return bool(_dict_offset(cls) or flags_of(cls) & _MANAGED_DICT)


def _source(path: str | None) -> str:
    """Read a source file; empty where it can't be read or is too long to be a person's."""
    if path is None:
        return ""
    try:
        with tokenize.open(path) as file:
            text = file.read(_SOURCE_LIMIT + 1)
    except (OSError, SyntaxError, ValueError):
        return ""
    return text if len(text) <= _SOURCE_LIMIT else ""


# --- bytecode --------------------------------------------------------------------------------

_Lines = Iterator[tuple[int, bool]]  # a line, and whether a constant is stored there


def _each(
    module: str | None,
    codes: Iterable[tuple[CodeType, str]],
    lines_of: Callable[[CodeType], _Lines],
) -> tuple[Site, ...]:
    found: dict[Site, None] = {}
    for code, function in codes:
        for line, constant in lines_of(code):
            place = f"{shown_path(code.co_filename)}:{line}"
            found[Site(place, function, module, constant)] = None
    return tuple(found)


def _instructions(code: CodeType) -> list[tuple[int, dis.Instruction]]:
    """List the instructions with their lines (`Instruction.starts_line` changed with 3.13)."""
    ranges = [(start, stop, line) for start, stop, line in code.co_lines() if line]
    found = []
    at = 0
    line = code.co_firstlineno
    for ins in dis.get_instructions(code):
        while at < len(ranges) and ranges[at][1] <= ins.offset:
            at += 1
        if at < len(ranges) and ranges[at][0] <= ins.offset:
            line = ranges[at][2]
        found.append((line, ins))
    return found


def _operands(ins: dis.Instruction) -> tuple[object, ...]:
    """Return what an instruction names; 3.13 has some that name two locals."""
    value = ins.argval
    return value if type(value) is tuple else (value,)


def _attribute_lines(code: CodeType, name: str, others: bool = False) -> _Lines:
    """Yield where code stores an attribute, also by `setattr` with its name.

    Args:
        code: the code.
        name: the attribute.
        others: pass over what methods store in their own object: it is of another class.
    """
    if name in code.co_names:
        instructions = _instructions(code)
        for at, (line, ins) in enumerate(instructions):
            if ins.opname == "STORE_ATTR" and ins.argval == name:
                # Before it stand what is stored and, pushed last, the object that gets it.
                owner = instructions[at - 1][1] if at else ins
                before = instructions[at - 2][1] if at > 1 else ins
                if not (others and _operands(owner)[-1] == "self"):
                    yield line, before.opname == "LOAD_CONST"
    elif name in code.co_consts and not _SETTERS.isdisjoint(code.co_names):
        setting: set[int] = set()
        for line, ins in _instructions(code):
            if ins.opname.startswith("LOAD_") and ins.argval in _SETTERS:
                setting.add(line)
            elif ins.opname == "LOAD_CONST" and ins.argval == name and line in setting:
                yield line, False


def _item_lines(code: CodeType, name: str) -> _Lines:
    """Yield where code puts something into the container that an attribute holds."""
    if name not in code.co_names:
        return
    reading: set[int] = set()
    for line, ins in _instructions(code):
        if ins.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if ins.argval == name:
                reading.add(line)
            elif line in reading and ins.argval in _ADDING:
                yield line, False
        elif ins.opname == "STORE_SUBSCR" and line in reading:
            yield line, False


def _constant_lines(code: CodeType, text: str) -> _Lines:
    """Yield where code has a string as a constant."""
    if text in code.co_consts:
        for line, ins in _instructions(code):
            if ins.opname == "LOAD_CONST" and ins.argval == text:
                yield line, True
