"""Changes of data: attributes made weak, containers that hold weakly."""

from __future__ import annotations

import re
import sys
from functools import partial
from types import MemberDescriptorType
from typing import Any

from cyclefree._definitions import derives, mro_of, namespace_of, type_name
from cyclefree._remedies.change import EACH, Change, View, weakref_offset
from cyclefree._remedies.ties import CONTAINER, EXCEPTION, FRAME, TRACEBACK, Tie

__all__ = ["attribute", "entry"]

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
    kinds = view.weakly_held(tie)
    if kinds is None:
        return None
    if view.is_library_class(owner):
        text = f"store weakref.proxy(…) in {tie.reference}"
    else:
        text = _weak_attribute(owner, type(view.objects[tie.source]), name, kinds[0])
    for cls in kinds:
        if not weakref_offset(cls):
            text += f', and "__weakref__" in the __slots__ of {type_name(cls)}'
    cost += _direction(tie, name)
    return Change(cost, "make this one weak", text, sites, weak=True, library=library)


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
        return 5
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
        text = f"{intro}{name}: {type_name(target)} | None = weak_attribute()"
        return f"{text}, after the fields without a default" if _leads(fields, name) else text
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
    """Have a container hold its entries weakly, or let go of itself."""
    container = type(view.objects[tie.source])
    name = type_name(container)
    role = tie.reference.partition(" of ")[2]
    sites = partial(view.entry_sites, tie)
    if CONTAINER in targets or tie.kind == "dictkey":
        if derives(container, tuple) or derives(container, frozenset):
            return None
        text = f"take it out of {role} when done with it"
        if role == "itself":
            text = f"take the {name} out of itself, or call .clear() when done with it"
        library = _is_held_by_library(view, tie)
        cost = EACH + 80 + view.library_cost * library
        return Change(cost, "take this one out", text, sites, library=library)
    kinds = view.weakly_held(tie)
    if kinds is None or not all(map(weakref_offset, kinds)):
        return None
    # Only what the reader's own attribute or local holds can be made another container.
    holder = tie.holder
    own = holder is not None and (holder.owner is not None or holder.kind == "local")
    written = role
    if holder is not None and holder.kind == "local":
        frame = view.labels[holder.source].summary(view.objects[holder.source]).name
        written = f"in {frame}():  {holder.detail}"
    if own and derives(container, dict) and tie.kind == "key":
        text = f"{written} = weakref.WeakValueDictionary()"
    elif own and derives(container, set):
        text = f"{written} = weakref.WeakSet()"
    else:
        shown = " or ".join(dict.fromkeys(map(type_name, kinds)))
        where = role if own and not derives(container, tuple) else f"the {name}"
        text = f"put weakref.ref(…) of the {shown} into {where} in place of it"
    library = _is_held_by_library(view, tie)
    cost = EACH + (40 if derives(container, tuple) else 70) + view.library_cost * library
    return Change(cost, "hold these weakly", text, sites, weak=True, library=library)


def _is_held_by_library(view: View, tie: Tie) -> bool:
    """Whether the container that a tie is about is a library's."""
    holder = tie.holder
    if holder is None:
        return view.is_library(tie.source)
    if holder.holder is not None:
        return _is_held_by_library(view, holder)
    # What a partial was given is not its own.
    return view.is_library(holder.source) and (holder.kind != "attr" or view.is_librarys(holder))
