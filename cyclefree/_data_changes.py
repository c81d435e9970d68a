"""Changes of data: attributes made weak, containers that hold weakly."""

from __future__ import annotations

import re
from functools import partial

from cyclefree._change import EACH, Change, View
from cyclefree._definitions import derives, namespace_of, type_name
from cyclefree._stores import namespace_has_room
from cyclefree._ties import CONTAINER, EXCEPTION, FRAME, INSTANCE, TRACEBACK, Tie

__all__ = ["attribute", "entry", "is_readers"]

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

_weakref_offset = type.__dict__["__weakrefoffset__"].__get__


def attribute(view: View, tie: Tie, targets: set[int]) -> Change | None:
    """Make an attribute weak, or keep less in it."""
    name = str(tie.detail)
    owner = tie.owner
    if owner is None:
        return None
    library = not is_readers(view, tie)
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
    kinds = [type(view.objects[target]) for target in tie.targets.values()]
    if targets != {INSTANCE} or any(_carries(view, at) for at in tie.targets.values()):
        return None
    closed = [cls for cls in kinds if not _weakref_offset(cls)]
    if any(
        view.is_library_class(cls) or derives(cls, tuple) or derives(cls, int) for cls in closed
    ):
        return None
    if view.is_library_class(owner):
        text = f"store weakref.proxy(…) in {tie.reference}"
    else:
        text = _weak_attribute(owner, type(view.objects[tie.source]), name, kinds[0])
    for cls in closed:
        text += f', and "__weakref__" in the __slots__ of {type_name(cls)}'
    cost += _direction(tie, name)
    return Change(cost, "make this one weak", text, sites, weak=True, library=library)


def is_readers(view: View, tie: Tie) -> bool:
    """Whether an attribute is the reader's: of a class, or put into an object of a library."""
    if tie.owner is None:
        return False
    if not view.is_library_class(tie.owner):
        return True
    return any(not view.ownership.is_library(site.module) for site in view.attribute_sites(tie))


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


def _carries(view: View, position: int) -> bool:
    """Whether an object only carries others, as `functools.partial` does: it would die."""
    label = view.labels[position]
    return view.ownership.is_neutral(label.module, label.is_code)


def _weak_attribute(owner: type, source: type, name: str, target: type) -> str:
    """Write an attribute down as a weak one."""
    own = namespace_of(owner)
    intro = f"in class {type_name(owner)}:  "
    annotations = own.get("__annotations__") if "__dataclass_fields__" in own else None
    if type(annotations) is dict and name in annotations:
        if "__slots__" in own:  # made by dataclass(slots=True)
            return f"{intro}store weakref.ref(…) in {name}, as a slot of a dataclass can't be weak"
        return f"{intro}{name}: {type_name(target)} | None = weak_attribute()"
    if derives(source, tuple):
        return f"{intro}store weakref.ref(…) in {name}"
    if not namespace_has_room(source):
        return (
            f'{intro}"_{name}" in place of "{name}" in __slots__, and  '
            f'{name} = weak_attribute(slot="_{name}")'
        )
    return f"{intro}{name} = weak_attribute()"


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
    kinds = [type(view.objects[target]) for target in tie.targets.values()]
    if targets != {INSTANCE} or not all(map(_weakref_offset, kinds)):
        return None
    # Only what the reader's own attribute or local holds can be made another container.
    holder = tie.holder
    own = holder is not None and (holder.owner is not None or holder.kind == "local")
    if own and derives(container, dict) and tie.kind == "key":
        text = f"{role} = weakref.WeakValueDictionary()"
    elif own and derives(container, set):
        text = f"{role} = weakref.WeakSet()"
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
    if holder.kind == "attr" and holder.owner is not None:
        return not is_readers(view, holder)
    return (
        view.is_library(holder.source)
        if holder.holder is None
        else _is_held_by_library(view, holder)
    )
