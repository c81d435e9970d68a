"""Changes of data: attributes made weak, containers that hold weakly."""

from __future__ import annotations

import re
import sys
from functools import partial
from types import MemberDescriptorType
from typing import Any

from cyclefree._definitions import derives, mro_of, namespace_of, type_name, weakref_offset
from cyclefree._remedies.change import EACH, Change, Sites, View, slots_needed
from cyclefree._remedies.ties import CONTAINER, EXCEPTION, FRAME, INSTANCE, TRACEBACK, Tie

__all__ = ["attribute", "entry", "let_go_text"]

# Names that tell which way ownership goes, where ages and containers don't.
_BACK = frozenset(
    [
        *("ancestor", "back", "caller", "container", "controller", "enclosing", "holder", "host"),
        *("manager", "master", "outer", "owner", "parent", "parents", "predecessor", "prev"),
        *("previous", "root", "up"),
    ]
)
_FORTH = frozenset(
    [
        *("child", "children", "first", "head", "items", "last", "left", "members", "next"),
        *("nodes", "right", "successor", "tail"),
    ]
)
_TO_OWNER = 5
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def attribute(view: View, tie: Tie, targets: set[int]) -> Change | None:
    """Make an attribute weak, or keep less in it."""
    name = str(tie.detail)
    owner = tie.owner
    if owner is None:
        return None
    library = view.is_librarys(tie)
    sites = partial(view.attribute_sites, tie)
    cost = EACH + view.library_cost * library
    if name == "__dict__":
        text = (
            f"in class {type_name(owner)}:  __getattr__ and __setattr__ that read and write the "
            "items, in place of self.__dict__ = self"
        )
        return Change(cost, "leave this out", text, sites, library=library)
    if name.startswith("__") and name.endswith("__"):
        return None
    if targets <= {EXCEPTION, TRACEBACK, FRAME}:
        return Change(
            cost + 60 - 30 * (EXCEPTION not in targets),
            "keep its text instead",
            _text_kept(tie.reference, targets),
            sites,
            library=library,
        )
    if targets != {INSTANCE}:
        return None
    kinds = view.weakly_held(tie)
    if kinds is None or (view.would_die(tie) and _direction(tie, name) != _TO_OWNER):
        is_fixed = derives(type(view.objects[tie.source]), tuple)  # the field of a named tuple
        return None if is_fixed else _let_go(view, tie, cost, library)
    if library and view.is_passed_in(tie):
        return _passed_in(view, tie, sites)
    if view.is_library_class(owner):
        text = f"store weakref.proxy(…) in {tie.reference}"
    else:
        text = _weak_attribute(owner, type(view.objects[tie.source]), name, kinds[0])
    text += slots_needed(kinds)
    cost += _direction(tie, name)
    return Change(cost, "make this one weak", text, sites, weak=True, library=library)


def _let_go(view: View, tie: Tie, cost: int, library: bool) -> Change:
    """Let go of what has no other owner, as it would die at once when it were held weakly."""
    theirs = all(view.is_library(target) for target in tie.targets.values())
    return Change(
        # A task, a timer: its user knows when it is done. What is one's own mostly lives on.
        cost=cost + (55 if theirs else 280),
        advice="let go of this when done",
        text=let_go_text(tie),
        sites=partial(view.attribute_sites, tie),
        library=library,
    )


def let_go_text(tie: Tie) -> str:
    """Say how to let go of what an attribute leads to."""
    return f"set {tie.reference} to None when done with it: nothing else holds what it leads to"


def _passed_in(view: View, tie: Tie, sites: Sites) -> Change:
    """Pass a proxy to a library in place of an object of the reader's."""
    given = _types_of_targets(view, tie)
    text = f"pass weakref.proxy(…) of the {given} in place of it, where {tie.reference} gets it"
    return Change(EACH + 45, "pass a weak proxy", text, sites, weak=True)


def _types_of_targets(view: View, tie: Tie) -> str:
    """Name the types of what a tie leads to: "Engine or Wheel"."""
    names = [type_name(type(view.objects[target])) for target in tie.targets.values()]
    return " or ".join(dict.fromkeys(names))


def _text_kept(reference: str, targets: set[int]) -> str:
    """Say what to keep in place of what holds frames."""
    if EXCEPTION in targets:
        return (
            f"keep what you need of the exception in {reference}, such as str(error), or set it to "
            "None once it is handled"
        )
    if TRACEBACK in targets:
        return f"keep traceback.format_tb(…) in {reference}, and not the traceback"
    return f"keep what you need of the frame in {reference}, and not the frame"


def _direction(tie: Tie, name: str) -> int:
    """Tell how little an attribute looks like a back-reference: to an owner, or to the owned.

    Whoever refers to something older was made for it; names say what ages can't.
    """
    words = frozenset([word.lower() for word in _WORD.findall(name)])
    if words & _BACK:
        return _TO_OWNER
    if words & _FORTH:
        return 60
    return 15 if 2 * tie.older >= tie.count else 50


def _weak_attribute(owner: type, source: type, name: str, target: type) -> str:
    """Write an attribute down as a weak one."""
    own = namespace_of(owner)
    intro = f"in class {type_name(owner)}:  "
    fields = own.get("__dataclass_fields__")
    if "__attrs_attrs__" in own or derives(source, tuple):
        return f"{intro}store weakref.ref(…) in {name}"
    if type(fields) is dict and name in fields:
        if "__slots__" in own:  # made by dataclass(slots=True)
            return f"{intro}store weakref.ref(…) in {name}, as a slot of a dataclass can't be weak"
        if _has_arguments(fields[name]):
            return f"{intro}{name}: … = field(default=weak_attribute(), …), the rest as it is"
        text = f'{intro}{name}: "{type_name(target)} | None" = weak_attribute()'
        if _leads(fields, name):
            text += ", after the fields without a default, and pass it by its name"
        return text
    for base in mro_of(source):
        if type(namespace_of(base).get(name)) is MemberDescriptorType:
            name = _unmangled(base, name)
            slot = f"{name}_ref" if name.startswith("_") else f"_{name}"
            return (
                f'in class {type_name(base)}:  "{slot}" in place of "{name}" in __slots__, and  '
                f'{name} = weak_attribute(slot="{slot}")'
            )
    return f"{intro}{_unmangled(owner, name)} = weak_attribute()"


def _unmangled(cls: type, name: str) -> str:
    """Return a private attribute's name as the body of its class writes it."""
    prefix = f"_{type_name(cls).rpartition('.')[2].lstrip('_')}"
    return name.removeprefix(prefix) if name.startswith(prefix + "__") else name


def _has_arguments(field: Any) -> bool:
    """Whether a field of a dataclass was made by `field(...)` with more than a default."""
    if type(field) is not sys.modules["dataclasses"].Field:
        return False
    return not (field.repr and field.init and field.compare and field.hash is None)


def _leads(fields: dict[str, Any], name: str) -> bool:
    """Whether a field of a dataclass stands before one that has no default: it may have none."""
    dataclasses = sys.modules["dataclasses"]
    after = leads = False
    for key, field in fields.items():
        if after and type(field) is dataclasses.Field and field.init and not field.kw_only:
            leads = leads or field.default is field.default_factory  # both are MISSING
        after = after or key == name
    return leads


def entry(view: View, tie: Tie, targets: set[int]) -> Change | None:
    """Have a container hold its entries weakly, or let go of them."""
    container = type(view.objects[tie.source])
    name = type_name(container)
    holder = tie.holder
    role = holder.reference if holder is not None else "itself"
    sites = partial(view.entry_sites, tie)
    library = _is_held_by_library(view, tie)
    cost = EACH + view.library_cost * library
    frozen = derives(container, tuple) or derives(container, frozenset)
    if type(tie.detail) is str:  # dictionaries that are records
        back = _direction(tie, tie.detail) == _TO_OWNER
        text = f"don't store it under the key {tie.detail!r}, or delete that key when done"
        return Change(cost + (15 if back else 80), "leave this out", text, sites, library=library)
    if targets <= {EXCEPTION, TRACEBACK, FRAME}:
        text = _text_kept(role, targets)
        return Change(cost + 60, "keep its text instead", text, sites, library=library)
    if holder is not None and holder.detail == "__globals__":
        text = "call .clear() on the dictionary that exec() got as globals, when done with it"
        return Change(cost + 80, "clear this when done", text, sites, library=library)
    if CONTAINER in targets or (tie.kind == "dictkey" and targets != {INSTANCE}):
        if frozen:
            return None
        inner = type_name(type(view.objects[next(iter(tie.targets.values()))]))
        text = f"take the {inner} out of {role} when done with it"
        if holder is None:
            text = f"take the {name} out of itself, or call .clear() when done with it"
        return Change(cost + 80, "take this one out", text, sites, library=library)
    kinds = view.weakly_held(tie)
    shown = _types_of_targets(view, tie)
    if kinds is None or (view.would_die(tie) and not frozen):
        if frozen or targets != {INSTANCE}:
            return None
        text = (
            f"{_written(view, tie)}.clear() when done with it: nothing else holds the {shown} in it"
        )
        if holder is None:
            text = f"take the {shown} out of the {name} when done with it"
        return Change(cost + 280, "let go of these when done", text, sites, library=library)
    if library and view.is_passed_in(tie):
        return _passed_in(view, tie, sites)
    text = _weak_entries(view, tie, shown) + slots_needed(kinds)
    cost += 40 if frozen else 70
    return Change(cost, "hold these weakly", text, sites, weak=True, library=library)


def _written(view: View, tie: Tie) -> str:
    """Write down the container that a tie is about: "Order.lines", "in load():  cache"."""
    holder = tie.holder
    if holder is None:
        return "itself"
    if holder.kind != "local":
        return holder.reference
    frame = view.labels[holder.source].summary(view.objects[holder.source]).name
    return f"in {frame}():  {holder.detail}"


def _weak_entries(view: View, tie: Tie, shown: str) -> str:
    """Write a container that holds weakly down, or what to put into it."""
    source = view.objects[tie.source]
    container, holder = type(source), tie.holder
    name = type_name(container)
    if holder is None or tie.source in view.ties.nested:
        return f"put weakref.ref(…) of the {shown} into the {name} in place of it"
    written = _written(view, tie)
    # Only what the reader's own attribute or local holds can be made another container, and only
    # where everything in it can be held weakly.
    mine = holder.kind == "local" or not (holder.owner and view.is_library_class(holder.owner))
    weak, entries = _weak_container(source, tie.kind)
    if mine and weak and all(weakref_offset(type(each)) for each in entries):
        return f"{written} = weakref.{weak}()"
    where = holder.reference if mine and not derives(container, tuple) else f"the {name}"
    return f"put weakref.ref(…) of the {shown} into {where} in place of it"


def _weak_container(source: object, kind: str) -> tuple[str, list[object]]:
    """Return the weak container to use in the place of one, and what it would refer to weakly."""
    container = type(source)
    if derives(container, dict) and kind == "key":
        return "WeakValueDictionary", list(dict.values(source))  # type: ignore[arg-type]
    if kind == "dictkey":
        return "WeakKeyDictionary", list(dict.keys(source))  # type: ignore[arg-type]
    if derives(container, set):
        return "WeakSet", list(set.__iter__(source))  # type: ignore[arg-type]
    return "", []


def _is_held_by_library(view: View, tie: Tie) -> bool:
    """Whether the container that a tie is about is a library's."""
    holder = tie.holder
    if holder is None:
        return view.is_library(tie.source)
    if holder.holder is not None:
        return _is_held_by_library(view, holder)
    # What a partial was given is not its own.
    return view.is_library(holder.source) and (holder.kind != "attr" or view.is_librarys(holder))
