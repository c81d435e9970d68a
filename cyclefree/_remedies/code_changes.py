"""Changes of code: locals deleted, functions lifted out, generators closed, classes made once."""

from __future__ import annotations

import sys
from functools import partial
from types import CodeType, MethodType
from typing import cast

from cyclefree._definitions import (
    code_of,
    module_of,
    package_of,
    parameter_count,
    shown_path,
    type_name,
    weakref_offset,
)
from cyclefree._remedies.change import EACH, Change, View, slots_needed
from cyclefree._remedies.stored_lines import is_bound_at_once, notes_only
from cyclefree._remedies.stores import Site, local_sites
from cyclefree._remedies.ties import EXCEPTION, FUNCTION, TRACEBACK, Tie

__all__ = ["closure", "local", "made_class", "method", "suspended", "traceback"]

_COROUTINE, _ASYNC_GENERATOR = 0x80, 0x200  # inspect.CO_COROUTINE, inspect.CO_ASYNC_GENERATOR

_NAMED = 4  # methods that a text names one by one

_method_self = MethodType.__dict__["__self__"].__get__


def method(view: View, tie: Tie) -> Change | None:
    """Hold a bound method weakly."""
    methods = [view.objects[target] for target in tie.targets.values()]
    bound = methods[0]
    if any(code_of(each) is None for each in methods):
        return _builtin_method(view, tie, bound)
    owner = tie.owner
    mine = owner is not None and not view.is_library_class(owner)
    sites = partial(view.attribute_sites if mine else view.entry_sites, tie)
    if mine and owner and all(_method_self(m) is view.objects[tie.source] for m in methods):
        text = (
            f"in class {type_name(owner)}:  self.{tie.detail} = WeakCallback(self.{_name(bound)})"
        )
    else:
        who = _called_by(sites(), methods)
        names = sorted(map(_name, methods))
        if len(methods) > _NAMED:
            text = (
                f"use WeakCallback({who}.method) in place of each {who}.method, the bound methods "
                f"of {_whose(bound)}: {', '.join(names)}"
            )
        else:
            text = "\n".join(
                f"use WeakCallback({who}.{_name(m)}) in place of {who}.{_name(m)}, the bound "
                f"method of {_whose(m)}"
                for m in sorted(methods, key=_name)
            )
    text += slots_needed([type(_method_self(m)) for m in methods])
    # Whose method it is: one that the reader's class inherits is kept by the reader.
    library = view.ownership.is_library(package_of(bound)) and all(
        view.is_library_class(type(_method_self(m))) for m in methods
    )
    return Change(
        cost=EACH + 10 + view.library_cost * library,
        advice="hold this method weakly",
        text=text,
        sites=sites,
        weak=True,
        library=library,
    )


def _called_by(sites: tuple[Site, ...], methods: list[object]) -> str:
    """Return what the object of the methods is called where they are stored."""
    classes = {_whose(method) for method in methods}
    inside = sites and all(site.function.rpartition(".")[0] in classes for site in sites)
    return "self" if inside else "x"


def _name(bound: object) -> str:
    code = code_of(bound)
    return code.co_name if code is not None else "method"


def _whose(bound: object) -> str:
    return type_name(type(_method_self(bound)))


def _builtin_method(view: View, tie: Tie, bound: object) -> Change | None:
    """Do without keeping a method of a builtin type."""
    if type(bound) is MethodType:  # of something that is no function: nobody knows its name
        return None
    library = view.is_librarys(tie)
    return Change(
        cost=EACH + 10 + view.library_cost * library,
        advice="leave this out",
        text=f"call x.{bound.__name__}() where you need it, and keep no method in {tie.reference}",  # type: ignore[attr-defined]
        sites=partial(view.attribute_sites if tie.owner else view.entry_sites, tie),
        library=library,
    )


def closure(view: View, tie: Tie) -> Change:
    """Lift a recursive function out; close over a weak reference."""
    code = cast(CodeType, code_of(view.objects[tie.source]))  # only functions have closures
    called = view.called(tie.source, code)
    outer, _, inner = called.rpartition(".")
    outer = f"{outer}()" if outer else "the function around it"
    is_lambda = inner.startswith("<")
    weak = (held := view.weakly_held(tie)) is not None and all(map(weakref_offset, held))
    if weak:
        advice, cost = "close over this weakly", 30
        text = (
            f"in {outer}:  ref = weakref.ref({tie.detail}) before "
            f"{'the lambda' if is_lambda else f'{inner}()'} is made, and ref() in place of "
            f"{tie.detail} inside it"
        )
    elif notes_only(code, str(tie.detail)):
        advice, cost = "keep this elsewhere", 20
        text = (
            f"in {outer}:  keep what is now {tie.detail}.attribute in a local that {inner}() "
            "declares nonlocal"
        )
    elif is_lambda:
        advice, cost = "lift this function out", 20
        text = (
            f"make the lambda {tie.detail!r} a function at module level, and give it what it uses "
            "as arguments"
        )
    else:
        advice, cost = "lift this function out", 20
        together = _together(view, called)
        text = (
            f"lift {together} out of {outer} to module level, and give "
            f"{'them what they use' if ' and ' in together else 'it what it uses'} as arguments"
        )
    library = view.is_library(tie.source)
    return Change(
        cost=EACH + cost + view.library_cost * library,
        advice=advice,
        text=text,
        sites=lambda: (_start(code, called),),
        weak=weak,
        library=library,
    )


def _together(view: View, called: str) -> str:
    """Name a function and those beside it that close over functions: one alone isn't enough."""
    outer, _, name = called.rpartition(".")
    names = {name}
    for tie in view.ties.all:
        code = code_of(view.objects[tie.source])
        to_function = any(view.ties.sort(target) == FUNCTION for target in tie.targets.values())
        if tie.kind == "closure" and code is not None and to_function:
            beside, _, other = view.called(tie.source, code).rpartition(".")
            if beside == outer:  # a decorator's wrapper is elsewhere
                names.add(other)
    shown = [f"{each}()" for each in sorted(names) if not each.startswith("<")]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def local(view: View, tie: Tie, targets: set[int]) -> Change | None:
    """Delete a local at the end of its function."""
    code = code_of(view.objects[tie.source])
    name = str(tie.detail)
    # A module, a lambda or a comprehension has no place for it; "one of a, b" is not certain.
    if code is None or code.co_name.startswith("<") or not name.isidentifier():
        return None
    called = view.called(tie.source, code)
    cost = 0
    if not targets <= {EXCEPTION, TRACEBACK}:
        cost = 60 if name in code.co_varnames[: parameter_count(code)] else 40
    # What may not be bound there can't be deleted.
    ending = f"del {name}" if is_bound_at_once(code, name) else f"{name} = None"
    library = view.is_library(tie.source)
    # In a library's own cycle the traceback is what its user can still drop: cheaper than 60.
    return Change(
        cost=EACH + cost + (view.library_cost or 60) * library,
        advice="delete this local",
        text=f"in {called}():  try: …  finally: {ending}",
        sites=lambda: local_sites(code, name, called),
        library=library,
    )


def traceback(view: View, tie: Tie) -> Change:
    """Keep an exception without its traceback."""
    holders = [
        holder
        for holder in view.ties.all
        if tie.source in holder.targets.values() and _is_kept_by_reader(view, holder)
    ]
    if holders:  # the reader keeps it
        text = (
            "keep the exception without its traceback:  error.with_traceback(None), where it is "
            "handled for the last time"
        )
    else:
        caught = type_name(type(view.objects[tie.source]))
        text = f"where your code catches the {caught}:  error.__traceback__ = None"
    return Change(
        cost=EACH + (35 if holders or not view.users else 75),
        advice="drop this traceback",
        text=text,
        sites=lambda: view.kept_sites(holders[0]) if holders else (),
        library=not holders,
    )


def _is_kept_by_reader(view: View, tie: Tie) -> bool:
    """Whether the reader's code decides about what a tie leads to."""
    if tie.kind == "local":
        return view.is_users(tie.source)
    if tie.kind == "attr":
        chained = tie.detail in ("__context__", "__cause__")
        return not chained and tie.owner is not None and not view.is_library_class(tie.owner)
    holder = tie.holder
    return holder is not None and _is_kept_by_reader(view, holder)


def suspended(view: View, tie: Tie) -> Change:
    """Close a generator or coroutine, which lets go of all that it holds."""
    code = cast(CodeType, code_of(view.objects[tie.source]))  # no generator is without
    called = view.called(tie.source, code)
    held = [
        holder
        for holder in view.ties.all
        if holder.kind == "attr"
        and holder.owner
        and tie.source in holder.targets.values()
        and not view.is_librarys(holder)
    ]
    manager = _context_manager(view, tie)
    what = f"{held[0].reference}, the {_word(code)} {called}()," if held else f"{called}()"
    if manager is not None:  # closed, it would take that for an error
        text = f"leave {manager} when done with it:  call its __exit__(None, None, None)"
    elif held and not _has_begun(view.objects[tie.source]):
        # From 3.12 on `close` forgets nothing of what has not begun
        # (tests/remedies/test_explain.py, the program coroutine_that_is_kept).
        text = (
            f"set {held[0].reference} to None when done with it: the {_word(code)} {called}() "
            "has not begun"
        )
    elif code.co_flags & _COROUTINE:
        text = f"await {what} or call its close()"
    else:
        closing = "await its aclose()" if code.co_flags & _ASYNC_GENERATOR else "call its close()"
        text = f"{closing} when done with {what} or let it run to its end"
    library = view.is_library(tie.source)
    return Change(
        cost=EACH + 20 + view.library_cost * library,
        advice="close this",
        text=text,
        sites=lambda: view.attribute_sites(held[0]) if held else (_start(code, called),),
        library=library,
    )


def _has_begun(suspended: object) -> bool:
    """Whether a generator or coroutine has been resumed once; from 3.11 on without its frame."""
    for prefix in ("gi", "cr", "ag"):
        begun = getattr(suspended, f"{prefix}_suspended", None)  # 3.11; of async generators 3.12
        if begun is not None:
            return bool(begun)
        if sys.version_info < (3, 11):
            frame = getattr(suspended, f"{prefix}_frame", None)
            if frame is not None:
                return bool(frame.f_lasti >= 0)
    return True


def _context_manager(view: View, tie: Tie) -> str | None:
    """Return what holds the @contextmanager object that a generator belongs to."""
    for holder in view.ties.all:
        manager = view.objects[holder.source]
        if tie.source in holder.targets.values() and module_of(type(manager)) == "contextlib":
            owners = [t for t in view.ties.all if holder.source in t.targets.values()]
            mine = [t.reference for t in owners if t.kind == "attr" and view.is_readers(t)]
            return mine[0] if mine else "the context manager"
    return None


def made_class(view: View, tie: Tie) -> Change:
    """Make a class once."""
    position = next(iter(tie.targets.values()))
    cls: type = view.objects[position]  # type: ignore[assignment]
    name = type_name(cls)
    place = view.labels[position].summary(cls).defined_at

    def sites() -> tuple[Site, ...]:
        if place is not None and place.rpartition(":")[2].isdigit():
            return (Site(place, f"class {name}"),)
        return view.stores.mentions(module_of(cls), name)

    library = view.is_library_class(cls)
    return Change(
        cost=EACH + view.library_cost * library,
        advice="make this class once",
        text=f"make class {name} once, at import: at module level and not in each call",
        sites=sites,
        library=library,
    )


def _start(code: CodeType, called: str) -> Site:
    return Site(f"{shown_path(code.co_filename)}:{code.co_firstlineno}", called)


def _word(code: CodeType) -> str:
    if code.co_flags & _ASYNC_GENERATOR:
        return "async generator"
    return "coroutine" if code.co_flags & _COROUTINE else "generator"
