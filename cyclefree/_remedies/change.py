"""A change that removes a tie, and what is known to whoever looks for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CodeType
from typing import NamedTuple

from cyclefree._definitions import code_of, module_of, namespace_of, type_name, weakref_offset
from cyclefree._labels import Label
from cyclefree._remedies.libraries import Ownership
from cyclefree._remedies.stores import Site, Stores, local_item_sites, local_sites
from cyclefree._remedies.ties import INSTANCE, METHOD, TRACEBACK, Tie, Ties

__all__ = ["EACH", "LIBRARY", "Change", "Sites", "View", "slots_needed"]

EACH = 20
"""Cost of any change: fewer changes are better, but three back-references weakened are better than
a container that no longer owns what is in it."""

LIBRARY = 5_000
"""Cost of a change in code that isn't the reader's: only where there is no other. Not asked for
where nothing is the reader's, so that the library's own back-references are still told."""


_item_size = type.__dict__["__itemsize__"].__get__

Sites = Callable[[], tuple[Site, ...]]
"""Finds where a reference is stored; called for the changes that are chosen only."""


class Change(NamedTuple):
    """What to do about one tie."""

    cost: int
    advice: str  # what is written at the reference: "make this one weak"
    text: str  # the code to write, or what to do
    sites: Sites
    weak: bool = False  # whether what it leads to then needs another owner
    library: bool = False  # whether it isn't the reader's code


class View:
    """One shape, as those see it who look for changes.

    Attributes:
        objects: the live objects; positions are indices into them.
        labels: their labels.
        ties: the ties of the shape.
        stores: tells where a reference is stored.
        ownership: tells the reader's modules from those of libraries.
        modules: the reader's modules that have to do with it.
        users: whether anything in the shape is the reader's.
    """

    def __init__(
        self,
        objects: Sequence[object],
        labels: Sequence[Label],
        ties: Ties,
        stores: Stores,
        ownership: Ownership,
        modules: Sequence[str],
        positions: Sequence[int],
    ) -> None:
        self.objects = objects
        self.labels = labels
        self.ties = ties
        self.stores = stores
        self.ownership = ownership
        self.modules = modules
        self.users = any(self.is_users(position) for position in positions)

    @property
    def library_cost(self) -> int:
        """What is added for a change in code that isn't the reader's."""
        return LIBRARY if self.users else 0

    def is_library(self, position: int) -> bool:
        """Whether an object's class, function or frame belongs to a library."""
        label = self.labels[position]
        if self.ownership.is_neutral(label.module, label.is_code):
            return False
        return self.ownership.is_library(label.module)

    def is_users(self, position: int) -> bool:
        """Whether an object's class, function or frame belongs to the reader."""
        label = self.labels[position]
        if self.ownership.is_neutral(label.module, label.is_code):
            return False
        if self.ties.sort(position) in (TRACEBACK, METHOD):
            return False  # they only tell where a call went
        return not self.ownership.is_library(label.module)

    def called(self, position: int, code: CodeType) -> str:
        """Return what a function, frame or generator is called."""
        return self.labels[position].summary(self.objects[position]).name or code.co_name

    def is_library_class(self, cls: type) -> bool:
        """Whether a class is a library's."""
        return self.ownership.is_library(module_of(cls))

    def is_librarys(self, tie: Tie) -> bool:
        """Whether a library alone stores the attribute that a tie is about."""
        if tie.owner is None or not self.is_library_class(tie.owner):
            return False
        return not self.attribute_sites(tie)  # users put attributes into its objects, too

    def is_readers(self, tie: Tie) -> bool:
        """Whether an attribute is of the reader's class, or put into an object of a library."""
        return tie.owner is not None and not self.is_librarys(tie)

    def would_die(self, tie: Tie) -> bool:
        """Whether most of what a tie leads to has no other owner, and was made for this one."""
        return 2 * tie.owned > tie.reached

    def is_passed_in(self, tie: Tie) -> bool:
        """Whether a library keeps the reader's own objects there, which it was given.

        Not what the reader put into a list of the library's own: it may be its only holder.
        """
        holder = tie.holder
        given = holder is None or tie.source < holder.source  # older than who holds it
        return given and all(self.is_users(target) for target in tie.targets.values())

    def weakly_held(self, tie: Tie) -> list[type] | None:
        """List the classes that a tie leads to, which need a slot for weak references at most.

        Returns:
            None where there is another object among them, one that only carries others, as
            `functools.partial` does (it would die), or one that no weak reference can be made to.
        """
        classes: list[type] = []
        for target in tie.targets.values():
            label, cls = self.labels[target], type(self.objects[target])
            if self.ties.sort(target) != INSTANCE or self.ownership.is_neutral(
                label.module, label.is_code
            ):
                return None
            # Of varying size (from tuple, int, bytes) it can't have that slot.
            if not weakref_offset(cls) and (self.is_library_class(cls) or _item_size(cls)):
                return None
            classes.append(cls)
        return classes

    def attribute_sites(self, tie: Tie) -> tuple[Site, ...]:
        """Find where the attribute that a tie is about is stored."""
        source = type(self.objects[tie.source])
        return self._to_edit(self.stores.attribute(source, str(tie.detail), self.modules)[1])

    def kept_sites(self, tie: Tie) -> tuple[Site, ...]:
        """Find where the reader's code keeps what a tie leads to."""
        if tie.kind == "attr":
            return self.attribute_sites(tie)
        code = code_of(self.objects[tie.source])
        if tie.kind == "local" and code is not None:
            return local_sites(code, str(tie.detail), self.called(tie.source, code))
        return self.entry_sites(tie)

    def entry_sites(self, tie: Tie) -> tuple[Site, ...]:
        """Find where something is put into the container that a tie is about."""
        holder = tie.holder
        if holder is None:
            return ()
        code = code_of(self.objects[holder.source])
        if holder.kind == "local" and code is not None:
            function = self.called(holder.source, code)
            return local_item_sites(code, str(holder.detail), function)
        if holder.owner is None:
            return ()
        source = type(self.objects[holder.source])
        return self._to_edit(self.stores.item(source, str(holder.detail), self.modules))

    def _to_edit(self, sites: tuple[Site, ...]) -> tuple[Site, ...]:
        """Leave out the places in libraries, where nobody can change anything."""
        return tuple([site for site in sites if not self.ownership.is_library(site.module)])


def slots_needed(kinds: list[type]) -> str:
    """Say which classes need a slot for weak references."""
    text = ""
    for cls in kinds:
        if not weakref_offset(cls):
            if "__dataclass_fields__" in namespace_of(cls):
                text += f", and @dataclass(slots=True, weakref_slot=True) for {type_name(cls)}"
            else:
                text += f', and "__weakref__" in the __slots__ of {type_name(cls)}'
    return text
