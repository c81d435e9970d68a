"""Labels: what is told of an object apart from its identity.

Cycles are of one shape when the labels of their objects and the names of their references
are the same, so a label knows nothing of addresses, sizes and values.
"""

from __future__ import annotations

from collections import deque
from types import (
    AsyncGeneratorType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)

from cyclefree._definitions import (
    code_of,
    defined_at,
    module_of,
    package_of,
    qualified_name,
    type_name,
)
from cyclefree.reports import ObjectSummary

# Keyed by id: a metaclass may define __hash__.
_CONTAINERS = frozenset(map(id, (list, tuple, dict, set, frozenset, deque)))
# Two of these are of different shape when their code is another.
_NAMED_BY_CODE = frozenset(
    map(id, (FunctionType, FrameType, GeneratorType, CoroutineType, AsyncGeneratorType))
)
_WITH_CODE = _NAMED_BY_CODE | {id(MethodType), id(TracebackType)}
_HEAP_TYPE = 1 << 9

# Which object of a ring comes first: what users wrote, then what has their line numbers.
_INSTANCE, _CODE, _CLASS, _OTHER, _CONTAINER = range(5)


class Label:
    """What is told of an object apart from its identity; shared by all that are alike."""

    __slots__ = ("_summary", "blamed", "is_class", "is_code", "module", "rank", "shown", "text")

    def __init__(self, obj: object, text: str, rank: int, only: tuple[str, ...]) -> None:
        cls = type(obj)
        self.text = text
        self.shown = type_name(cls)
        self.module = package_of(obj)
        self.rank = rank
        # Not `type in mro`: that would ask the classes' metaclass for __eq__.
        self.is_class = issubclass(cls, type)
        self.is_code = self.is_class or id(cls) in _NAMED_BY_CODE
        self.blamed = not only or any(_is_in(self.module, package) for package in only)
        self._summary: ObjectSummary | None = None

    def summary(self, obj: object) -> ObjectSummary:
        """Summarize an object that has this label."""
        if self._summary is None:
            place = defined_at(obj)
            name = self._own_name(obj)
            self._summary = ObjectSummary(self.shown, module_of(type(obj)), place, name=name)
        return self._summary

    def _own_name(self, obj: object) -> str | None:
        """Return what a class, a function or running code is called itself."""
        if self.is_class:
            return type_name(obj)  # type: ignore[arg-type]
        if id(type(obj)) in _NAMED_BY_CODE:
            return _code_name(obj, code_of(obj)).replace("<locals>.", "") or None
        return None


def _is_in(module: str | None, package: str) -> bool:
    return module is not None and (module == package or module.startswith(package + "."))


class Labels:
    """Labels of objects; knows types, code and classes by id, so it lives no longer than they."""

    def __init__(self, only: tuple[str, ...]) -> None:
        self.only = only
        self.shown: dict[str, str] = {}  # the type name of a label, by the label's text
        self._by_type: dict[int, Label] = {}
        self._by_identity: dict[tuple[int, int], Label] = {}

    def of(self, obj: object) -> Label:
        cls = type(obj)
        label = self._by_type.get(id(cls))
        if label is not None:
            return label
        text = _type_text(cls)
        if id(cls) in _WITH_CODE:
            return self._of_code(obj, text)
        if cls is ModuleType or issubclass(cls, type):
            if cls is not ModuleType:
                text += f" {_type_text(obj)}"  # type: ignore[arg-type]
            return self._keep((id(cls), id(obj)), obj, text, _CLASS)
        rank = _OTHER
        if id(cls) in _CONTAINERS:
            rank = _CONTAINER
        elif module_of(cls) != "builtins" and type.__dict__["__flags__"].__get__(cls) & _HEAP_TYPE:
            rank = _INSTANCE  # made by a class statement, not static C data
        label = self._by_type[id(cls)] = self._new(obj, text, rank)
        return label

    def _of_code(self, obj: object, text: str) -> Label:
        code = code_of(obj)
        rank = _OTHER
        if id(type(obj)) in _NAMED_BY_CODE:
            rank = _CODE
            text += f" {_code_name(obj, code)}"
        return self._keep((id(type(obj)), id(code)), obj, text, rank)

    def _keep(self, key: tuple[int, int], obj: object, text: str, rank: int) -> Label:
        label = self._by_identity.get(key)
        if label is None:
            label = self._by_identity[key] = self._new(obj, text, rank)
        return label

    def _new(self, obj: object, text: str, rank: int) -> Label:
        label = Label(obj, text, rank, self.only)
        self.shown[text] = label.shown
        return label


def _code_name(obj: object, code: CodeType | None) -> str:
    """Name the code of a function, frame, generator or coroutine, qualified where that is known."""
    if code is None:
        return ""
    own = None if type(obj) is FrameType else obj.__qualname__  # type: ignore[attr-defined]
    return qualified_name(code, own if type(own) is str else code.co_name)


def _type_text(cls: type) -> str:
    module = module_of(cls)
    return type_name(cls) if module in (None, "builtins") else f"{module}.{type_name(cls)}"
