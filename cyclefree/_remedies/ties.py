"""References as a programmer would change them: all `OrderLine.order`, all `dict value of M.users`.

A *tie* is what one change of the code removes in all cycles of a shape at once. Containers are
known by who holds them, methods by where they are kept, a class made at run time by itself: it is
there or not, whatever leads to it. A suspended generator lets go of everything or of nothing.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import _lru_cache_wrapper
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    MethodWrapperType,
    TracebackType,
)

from cyclefree._definitions import code_of, module_of, type_name
from cyclefree._labels import Label
from cyclefree._remedies.feedback import Rows
from cyclefree._remedies.libraries import CARRIERS
from cyclefree._remedies.stores import Stores

__all__ = [
    "CLASS",
    "CONTAINER",
    "EXCEPTION",
    "FRAME",
    "FUNCTION",
    "INSTANCE",
    "METHOD",
    "SUSPENDED",
    "TRACEBACK",
    "NamedRows",
    "Tie",
    "Ties",
    "sort_of",
]

NamedRows = Mapping[int, Sequence[tuple[str, object, int]]]
"""For each object of a component, by position, (kind, detail, position) of its references."""

CLASS, TRACEBACK, FRAME, EXCEPTION, SUSPENDED, METHOD, FUNCTION, CONTAINER, INSTANCE = range(9)
"""What an object is, as far as cycles and their remedies differ."""

# Keyed by id: a metaclass may define __hash__.
_SORTS: dict[int, int] = {
    id(TracebackType): TRACEBACK,
    id(FrameType): FRAME,
    id(GeneratorType): SUSPENDED,
    id(CoroutineType): SUSPENDED,
    id(AsyncGeneratorType): SUSPENDED,
    id(MethodType): METHOD,
    id(BuiltinMethodType): METHOD,
    id(MethodWrapperType): METHOD,
    id(FunctionType): FUNCTION,
    id(_lru_cache_wrapper): FUNCTION,
    id(list): CONTAINER,
    id(tuple): CONTAINER,
    id(dict): CONTAINER,
    id(set): CONTAINER,
    id(frozenset): CONTAINER,
    id(deque): CONTAINER,
    id(OrderedDict): CONTAINER,
    id(defaultdict): CONTAINER,
    id(Counter): CONTAINER,
}
_KEY_LIMIT = 40
_ENTRY_WORDS = {"item": "item", "key": "value", "dictkey": "key", "member": "member"}


def sort_of(obj: object) -> int:
    """Tell what an object is, without asking it."""
    cls = type(obj)
    sort = _SORTS.get(id(cls))
    if sort is not None:
        return sort
    if issubclass(cls, type):
        return CLASS
    return EXCEPTION if issubclass(cls, BaseException) else INSTANCE


class Tie:
    """All references that one change of the code would remove.

    Attributes:
        kind: kind of the references, as in `_references`; "class" for those to one class,
            "suspended" for those of one generator.
        detail: the attribute, local or variable.
        details: all of them, for the references of a generator; containers have those of what
            holds them.
        reference: what texts call it, ``"OrderLine.order"``.
        owner: the class that stores the attribute, for references of instances; else None.
        source: position of one object that refers.
        targets: positions of one object of each type referred to, of methods one for each code.
        count: how many references there are.
        older: how many of them go to an object that is older than the one that refers.
        reached: how many objects they lead to.
        owned: how many of these nothing else refers to, and whatever does is older: held weakly,
            they would be gone at once.
        holder: for the entries of a container, the tie by which it is held.
    """

    __slots__ = (
        "count",
        "detail",
        "details",
        "holder",
        "kind",
        "older",
        "owned",
        "owner",
        "reached",
        "reference",
        "source",
        "targets",
    )

    def __init__(self, kind: str, detail: object, reference: str, source: int) -> None:
        self.kind = kind
        self.detail = detail
        self.reference = reference
        self.owner: type | None = None
        self.source = source
        self.targets: dict[int, int] = {}
        self.count = 0
        self.older = 0
        self.reached = 0
        self.owned = 0
        self.holder: Tie | None = None
        self.details: set[str] = {detail} if type(detail) is str else set()


_Key = tuple[str, str]


class Ties:
    """The ties of all cycles of one shape.

    Args:
        objects: the live objects; positions are indices into them.
        labels: their labels.
        stores: tells which class stores an attribute.
        modules: whose code may store it, beside that of its class.
    """

    def __init__(
        self,
        objects: Sequence[object],
        labels: Sequence[Label],
        stores: Stores,
        modules: Sequence[str],
    ) -> None:
        self.all: list[Tie] = []
        self._objects = objects
        self._labels = labels
        self._stores = stores
        self._modules = modules
        self._numbers: dict[_Key, int] = {}
        self._alone = self._several = False  # whether there are containers only, and several
        self.nested: set[int] = set()  # containers in containers
        self._held_by: dict[int, int] = {}  # who holds a container, nested or not
        self._sorts: dict[int, int] = {}
        self._known: dict[tuple[int, str, str, bool], int] = {}

    def sort(self, position: int) -> int:
        """Tell what an object is, and remember it."""
        sort = self._sorts.get(position)
        if sort is None:
            sort = self._sorts[position] = sort_of(self._objects[position])
        return sort

    def rows(self, named: NamedRows) -> tuple[Rows, list[int]]:
        """Turn the named references of one component into rows of ties.

        Returns:
            Rows with targets as indices into the second list, which has the positions.
        """
        order = self._from_the_outside_in(named)
        index = {position: at for at, position in enumerate(order)}
        roles: dict[int, Tie] = {}
        self._alone = all(self.sort(position) == CONTAINER for position in named)
        self._several = len(named) > 1
        rows: list[list[tuple[int, int]]] = []
        for position in order:
            row: list[tuple[int, int]] = []
            for kind, detail, target in named[position]:
                number = self._number(position, kind, detail, target, roles)
                row.append((number, index[target]))
            rows.append(row)
        self._count_owned(rows, order)
        return rows, order

    def _count_owned(self, rows: Rows, order: Sequence[int]) -> None:
        """Count for each tie the objects it leads to, and those that only it keeps alive."""
        ways: dict[int, int] = {}  # the tie by which an object is reached, -1 for several
        older: dict[int, bool] = {}  # whether all that refer to it are older
        seen: set[tuple[int, int]] = set()
        sources: dict[int, set[int]] = {}
        for at, row in enumerate(rows):
            for _, target in row:
                sources.setdefault(target, set()).add(at)
        for at, row in enumerate(rows):
            age = order[at]
            if age in self._held_by:
                # What a container was made of may be older than itself, not than its holder. One
                # with several holders is nobody's, and was there before them: a dictionary is
                # known to the collector from its first entry on only.
                age = min(age, self._held_by[age]) if len(sources.get(at, ())) < 2 else -1
            for number, target in row:
                if target == at:
                    continue
                ways[target] = number if ways.get(target, number) == number else -1
                older[target] = older.get(target, True) and age < order[target]
                seen.add((number, target))
        for number, _ in seen:
            self.all[number].reached += 1
        for target, number in ways.items():
            if number >= 0 and older[target]:
                self.all[number].owned += 1

    def _from_the_outside_in(self, named: NamedRows) -> list[int]:
        """List the objects so that whoever holds a container comes before it, where that can be."""
        order = [position for position in named if self.sort(position) != CONTAINER]
        order.sort()
        seen = set(order)
        for position in order:  # grows while it is walked
            for _, _, target in named[position]:
                if target not in seen:
                    seen.add(target)
                    order.append(target)
        for position in sorted(named):  # containers alone
            if position not in seen:
                order.append(position)
        return order

    def _number(
        self, position: int, kind: str, detail: object, target: int, roles: dict[int, Tie]
    ) -> int:
        """Return the number of the tie that a reference belongs to."""
        sort, target_sort = self.sort(position), self.sort(target)
        number: int | None = None
        # Most references are alike: an attribute of one class that leads to instances.
        alike = sort != CONTAINER and target_sort != CLASS and type(detail) is str
        key = (
            (id(self._labels[position]), kind, str(detail), target_sort == METHOD)
            if alike
            else None
        )
        if key is not None:
            number = self._known.get(key)
        if number is None:
            number = self._new_number(position, kind, detail, target, roles)
            if key is not None:
                self._known[key] = number
        tie = self.all[number]
        if tie.kind == "suspended" and type(detail) is str:
            tie.details.add(detail)
        tie.count += 1
        tie.older += target < position
        referred = self._objects[target]
        code = code_of(referred) if target_sort == METHOD else None
        tie.targets.setdefault(id(code or type(referred)), target)
        if target_sort == CONTAINER and not self._alone:
            # However deep containers are nested, they belong to who holds the outermost one.
            nested = sort == CONTAINER and tie.holder is not None
            roles.setdefault(target, tie.holder if nested and tie.holder else tie)
            self._held_by.setdefault(target, self._held_by.get(position, position))
            if nested:
                self.nested.add(target)
        return number

    def _new_number(
        self, position: int, kind: str, detail: object, target: int, roles: dict[int, Tie]
    ) -> int:
        """Find the tie that a reference belongs to, or make it."""
        owner: type | None = None
        if self.sort(target) == CLASS:
            kind, text = "class", self._labels[target].text
            reference = f"class {type_name(self._objects[target])}"  # type: ignore[arg-type]
            detail = None
        elif self.sort(position) == SUSPENDED:
            kind, text = "suspended", self._labels[position].text
            reference = f"what {self._called(position)} holds"
            detail = None
        else:
            text, reference, owner = self._texts(position, kind, detail, roles)
            text += self._category(position, target)
            if self.sort(position) == CONTAINER:
                detail = self._record_key(position, kind, detail)
        number = self._numbers.get((kind, text))
        if number is None:
            number = self._numbers[kind, text] = len(self.all)
            # A key of the user's own type must not be there to be compared.
            tie = Tie(kind, detail if type(detail) is str else None, reference, position)
            tie.owner = owner
            tie.holder = roles.get(position)
            if tie.holder is not None:
                tie.details |= tie.holder.details
            self.all.append(tie)
        return number

    def _texts(
        self, position: int, kind: str, detail: object, roles: dict[int, Tie]
    ) -> tuple[str, str, type | None]:
        """Return the key and the name of a reference, and the class that stores it."""
        sort = self.sort(position)
        source = self._objects[position]
        if sort == CONTAINER:
            text = f"{type(source).__name__} {_ENTRY_WORDS.get(kind, kind)}"
            key = self._record_key(position, kind, detail)
            if key is not None:
                text += f" [{key!r}]"
            role = roles.get(position)
            if role is not None:
                text += f" {'in' if position in self.nested else 'of'} {role.reference}"
            elif key is None:
                text += " of itself"
            return text, text, None
        called = self._called(position)
        if kind == "local":
            text = f"local '{detail}' of {called}"
        elif kind == "closure":
            text = f"closure variable '{detail}' of {called}"
        elif kind == "attr" and type(detail) is str:
            owner: type | None = None
            if sort in (INSTANCE, EXCEPTION):
                owner = self._stores.attribute(type(source), detail, self._modules)[0]
                called = type_name(owner)
                # Not by its id: a class made in each call is another one in each cycle.
                label = f"{module_of(owner)}.{called}"
            elif sort == CLASS:
                called = type_name(source)  # type: ignore[arg-type]
                label = self._labels[position].text
            else:
                called = called.removesuffix("()")
                label = self._labels[position].text
            return f"{label}.{detail}", f"{called}.{detail}", owner
        elif kind in _ENTRY_WORDS:  # of a subclass of list, dict and so on
            text = f"{_ENTRY_WORDS[kind]} of {called}"
        else:
            text = f"unnamed reference of {called}"
        return f"{self._labels[position].text} {text}", text, None

    def _record_key(self, position: int, kind: str, detail: object) -> str | None:
        """Return the key of an entry where dictionaries are records, such as parsed JSON."""
        if kind != "key" or type(detail) is not str or len(detail) > _KEY_LIMIT:
            return None
        is_record = position in self.nested or (self._alone and self._several)
        return detail if is_record else None

    def _category(self, position: int, target: int) -> str:
        """Tell apart what one attribute or container holds and what needs changes of its own."""
        sort = self.sort(target)
        if sort == METHOD:
            return " method"
        carrier = sort == INSTANCE and module_of(type(self._objects[target])) in CARRIERS
        return " carrier" if carrier and self.sort(position) == CONTAINER else ""

    def _called(self, position: int) -> str:
        """Return what an object is called in the name of a reference: "Order", "load()"."""
        name = self._labels[position].summary(self._objects[position]).name
        sort = self.sort(position)
        if name and sort in (FRAME, FUNCTION, SUSPENDED):
            return f"{name}()"
        return self._labels[position].shown
