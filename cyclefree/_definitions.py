"""What a class, function or frame is called, where it is defined, and which names its code uses.

Everything here is read without running user code: class facts come through the descriptors of
`type` itself (a metaclass may override every attribute), and only exact strings are trusted.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
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
from typing import Any

from cyclefree._outlines import outline_of

_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__
weakref_offset = type.__dict__["__weakrefoffset__"].__get__
_code = FunctionType.__dict__["__code__"].__get__
_globals = FunctionType.__dict__["__globals__"].__get__
_module_members: Mapping[str, Any] = type.__dict__["__dict__"].__get__(ModuleType)
_module_dict = _module_members["__dict__"].__get__
_method_function = MethodType.__dict__["__func__"].__get__
_traceback_frame = TracebackType.__dict__["tb_frame"].__get__

_SUSPENDABLE: dict[int, str] = {
    id(GeneratorType): "gi_code",
    id(CoroutineType): "cr_code",
    id(AsyncGeneratorType): "ag_code",
}
_CELL = type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]

_NAME_LIMIT = 80
_VARARGS, _VARKEYWORDS = 0x4, 0x8  # inspect.CO_VARARGS, inspect.CO_VARKEYWORDS

_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
# As Python names it, and where it really is: an environment may link to it.
_STDLIB = tuple(
    os.path.dirname(find(os.__file__)) + os.sep for find in (os.path.abspath, os.path.realpath)
)


def mro_of(cls: type) -> tuple[type, ...]:
    """Return the method resolution order without asking the metaclass."""
    order = _mro(cls)
    return order if type(order) is tuple else ()


def derives(cls: type, base: type) -> bool:
    """Tell whether `base` is in the MRO, by identity: `in` would call a metaclass's `__eq__`."""
    return any(each is base for each in mro_of(cls))


def namespace_of(cls: type) -> Mapping[str, object]:
    """Return the class's own namespace as a read-only mapping."""
    return _namespace(cls)  # type: ignore[no-any-return]


def type_name(cls: type) -> str:
    """Return the qualified name as its user sees it: `f.<locals>.Order` is `Order`."""
    name = str.__str__(_qualname(cls))
    return name.rpartition("<locals>.")[2]


def module_of(cls: type) -> str | None:
    """Return the dotted module in which the class says that it was made."""
    try:
        name = _module(cls)
    except AttributeError:
        return None
    return name if type(name) is str else None


def code_of(obj: object) -> CodeType | None:
    """Return the code of a function, method, frame, traceback, generator or coroutine."""
    cls = type(obj)
    if cls is FunctionType:
        code = _code(obj)
    elif cls is FrameType:
        code = obj.f_code  # type: ignore[attr-defined]
    elif cls is CodeType:
        code = obj
    elif cls is MethodType:
        function = _method_function(obj)
        code = _code(function) if type(function) is FunctionType else None
    elif cls is TracebackType:
        code = _traceback_frame(obj).f_code
    elif id(cls) in _SUSPENDABLE:
        code = getattr(obj, _SUSPENDABLE[id(cls)])
    else:
        code = None
    return code if type(code) is CodeType else None


def parameter_count(code: CodeType) -> int:
    """Return how many of the code's locals are parameters, `*args` and `**kwargs` included."""
    count = code.co_argcount + code.co_kwonlyargcount
    return count + bool(code.co_flags & _VARARGS) + bool(code.co_flags & _VARKEYWORDS)


def package_of(obj: object) -> str | None:
    """Return the dotted module that the object's class, function or frame is defined in.

    For a function, frame, traceback, generator or coroutine it is the `__name__` of its globals,
    for a class or an instance the class's module, for a module its own name.
    """
    cls = type(obj)
    if cls is ModuleType:
        return _own_name(_module_dict(obj))
    if cls is MethodType:
        obj = _method_function(obj)
        cls = type(obj)
    if cls is TracebackType:
        obj = _traceback_frame(obj)
        cls = type(obj)
    if cls is FunctionType:
        return _own_name(_globals(obj))
    if cls is FrameType:
        return _own_name(obj.f_globals)  # type: ignore[attr-defined]
    if id(cls) in _SUSPENDABLE:
        # The frame must not be asked for (3.11+ would make one): its function is a referent, and
        # so is the frame itself where there is one. test_generator_package guards it.
        for referent in gc.get_referents(obj):
            if type(referent) is FrameType or type(referent) is FunctionType:
                return package_of(referent)
        return None
    if _is_class(cls):
        return module_of(obj)  # type: ignore[arg-type]
    return module_of(cls)


def defined_at(obj: object) -> str | None:
    """Return where the object's code or class starts, as `shop/models.py:8`.

    A function, method, frame, traceback, generator or coroutine: the first line of its code.
    A class, or an instance's class: the line where its definition starts (its first decorator,
    as for functions), or the file alone when the line cannot be told for certain. None for what
    C code defines. Paths under the current directory are relative to it.
    """
    code = code_of(obj)
    if code is not None:
        return f"{shown_path(code.co_filename)}:{code.co_firstlineno}"
    cls = type(obj)
    if id(cls) in _SUSPENDABLE:
        return None
    if cls is ModuleType:
        path = module_file(_own_name(_module_dict(obj)))
        return None if path is None else shown_path(path)
    return _class_defined_at(obj if _is_class(cls) else cls)  # type: ignore[arg-type]


def _class_defined_at(cls: type) -> str | None:
    if not _is_heap_type(cls):
        return None
    own = list(_own_functions(cls))
    path = module_file(module_of(cls))
    if path is None:
        files = {code.co_filename for code in own if not code.co_filename.startswith("<")}
        if len(files) != 1:
            return None
        path = files.pop()
    line = namespace_of(cls).get("__firstlineno__")  # 3.13
    if type(line) is int:
        return f"{shown_path(path)}:{line}"
    ranges = outline_of(path).classes.get(str.__str__(_qualname(cls)), [])
    # Two definitions of one name, or a file edited since its import: a method's line decides.
    lines = [code.co_firstlineno for code in own if code.co_filename == path]
    fitting = [first for first, last in ranges if all(first <= n <= last for n in lines)]
    if len(fitting) == 1:
        return f"{shown_path(path)}:{fitting[0]}"
    return shown_path(path)


def _own_functions(cls: type) -> Iterator[CodeType]:
    """Yield the code of the functions that the body of this very class defined."""
    prefix = str.__str__(_qualname(cls)) + "."
    for value in list(namespace_of(cls).values()):
        if type(value) is FunctionType:
            name = str.__str__(value.__qualname__)  # it may be of a class derived from str
            if name.startswith(prefix) and name == prefix + _code(value).co_name:
                yield _code(value)


def field_line(cls: type, name: str) -> str | None:
    """Return where the body of a dataclass, or attrs class, annotates a field: `models.py:9`."""
    own = namespace_of(cls)
    path = module_file(module_of(cls))
    if path is None or not ("__dataclass_fields__" in own or "__attrs_attrs__" in own):
        return None
    outline = outline_of(path)
    ranges = outline.classes.get(str.__str__(_qualname(cls)), [])
    lines = outline.fields.get((str.__str__(_qualname(cls)), name), [])
    if len(ranges) == 1 and len(lines) == 1:
        return f"{shown_path(path)}:{lines[0]}"
    return None


def qualified_name(code: CodeType, otherwise: str) -> str:
    """Return the qualified name of a function's code; before 3.11 its source tells it.

    Args:
        code: the code.
        otherwise: what to return where neither knows it.
    """
    name = getattr(code, "co_qualname", None)
    if type(name) is str:
        return name
    if code.co_filename.startswith("<"):
        return otherwise
    outline = outline_of(code.co_filename)
    known = outline.nameless.get((code.co_firstlineno, code.co_name), "")
    known = known or outline.functions.get(code.co_firstlineno, "")
    return known if known.rpartition(".")[2] == code.co_name else otherwise


def module_file(name: str | None) -> str | None:
    """Return the source file of a module that is imported."""
    path = module_path(name)
    return path if path is not None and path.endswith(".py") else None


def module_path(name: str | None) -> str | None:
    """Return the file of a module that is imported, also of one in C."""
    module = sys.modules.get(name) if name is not None else None
    if not derives(type(module), ModuleType):  # a lazy module is of a class of its own
        return None
    path = _module_dict(module).get("__file__")
    return path if type(path) is str else None


def shown_path(path: str) -> str:
    """Return a path as texts show it, without what only this machine has.

    A library's file is shown from where it is installed (`flask/app.py`), others from the current
    directory where they lie under it.
    """
    if path.startswith("<"):
        return path
    installed = path_in_library(path)
    if installed is not None:
        return installed
    try:
        here = os.getcwd().rstrip(os.sep) + os.sep
    except OSError:
        return path
    whole = os.path.join(here, path)
    return whole[len(here) :] if whole.startswith(here) else path


def path_in_library(path: str) -> str | None:
    """Return the path of a library's file from where it is installed; None for other files."""
    for folder in _INSTALLED:
        _, found, after = path.rpartition(folder)
        if found:
            return after
    for prefix in _STDLIB:
        if path.startswith(prefix):
            return path[len(prefix) :]
    return None


def _own_name(namespace: Mapping[str, object]) -> str | None:
    name = dict.get(namespace, "__name__")  # type: ignore[call-overload]
    return name if type(name) is str else None


def _is_class(cls: type) -> bool:
    return cls is type or derives(cls, type)


def _is_heap_type(cls: type) -> bool:
    return bool(type.__dict__["__flags__"].__get__(cls) & 1 << 9)


# --- names that code uses: candidates for attributes whose dictionary does not exist ------------


def names_in_class(cls: type) -> dict[str, None]:
    """Return the names that the classes of the MRO, and the code in their bodies, mention."""
    names: dict[str, None] = {}
    for base in mro_of(cls):
        if not _is_heap_type(base):
            continue
        values = []
        for key, value in list(namespace_of(base).items()):
            _add_name(names, key)
            values.append(value)
            if key in ("__annotations__", "__dataclass_fields__") and type(value) is dict:
                for name in list(value):
                    _add_name(names, name)
        _names_reachable(names, values, limit=5_000, follow_any=False)
    return names


def names_in_modules(cls: type) -> dict[str, None]:
    """Return the names that the functions and classes of the MRO's modules mention."""
    names: dict[str, None] = {}
    for namespace in _module_namespaces(cls):
        values: list[object] = []
        for value in list(namespace.values()):
            values.append(value)
            if _is_class(type(value)):
                cls_found: Any = value
                if _is_heap_type(cls_found):
                    values.extend(list(namespace_of(cls_found).values()))
        _names_reachable(names, values, limit=20_000, follow_any=False)
    return names


def names_nearby(cls: type, limit: int = 20_000) -> dict[str, None]:
    """Return identifier-like strings among the `limit` objects nearest to the class."""
    names: dict[str, None] = {}
    starts: list[object] = [*mro_of(cls)[:-1], *_module_namespaces(cls)]
    _names_reachable(names, starts, limit=limit, follow_any=True)
    return names


def _module_namespaces(cls: type) -> list[dict[str, object]]:
    found: dict[int, dict[str, object]] = {}
    for base in mro_of(cls):
        module = sys.modules.get(module_of(base) or "") if _is_heap_type(base) else None
        if type(module) is ModuleType:
            namespace = _module_dict(module)
            found[id(namespace)] = namespace
    return list(found.values())


def _names_reachable(
    names: dict[str, None], starts: Iterable[object], limit: int, follow_any: bool
) -> None:
    """Add the names that code reachable from `starts` uses, breadth first, at most `limit` objects.

    Without `follow_any` only wrappers are entered (descriptors, cells, closures, partials): not
    modules, other classes, nor the globals of functions.
    """
    todo: list[object] = list(starts)
    seen = {id(todo)}
    position = 0
    while position < len(todo) and len(seen) < limit:
        obj = todo[position]
        position += 1
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        cls = type(obj)
        if cls is str:
            _add_name(names, obj)
        elif cls is FunctionType:
            _add_code_names(names, _code(obj))
            shut = () if follow_any else (id(_globals(obj)),)
            seen.update(shut)
            todo.extend(gc.get_referents(obj))
        elif derives(cls, ModuleType):
            # A module's own dictionary only: asking _asyncio of 3.12 for more breaks it, see
            # _collector.untraversable, and no name of ours is anywhere else.
            if follow_any:
                todo.append(_module_dict(obj))
        elif follow_any:
            todo.extend(gc.get_referents(obj))
        elif not _is_class(cls) and cls is not FrameType:
            # An instance of anything else (property, partial, cached_property, a decorator's
            # own object) may wrap a function; big containers are not followed.
            referents = gc.get_referents(obj)
            if len(referents) <= 64:
                todo.extend(referents)


def _add_code_names(names: dict[str, None], code: CodeType) -> None:
    todo: list[object] = [code]
    while todo:
        value = todo.pop()
        if type(value) is CodeType:
            for group in (value.co_names, value.co_varnames):
                for name in group:
                    _add_name(names, name)
            todo.extend(value.co_consts)
        elif type(value) is tuple or type(value) is frozenset:
            todo.extend(value)
        else:
            _add_name(names, value)


def _add_name(names: dict[str, None], name: object) -> None:
    if type(name) is str and len(name) <= _NAME_LIMIT and name.isidentifier():
        names[name] = None
