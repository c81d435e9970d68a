"""The graph of references among a given list of live objects.

Everything here is linear in objects and references and free of recursion: a list of a
million nodes is one component a million deep. Objects are known by their index in the
list; only `ObjectGraph.objects` refers to them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MethodDescriptorType
from typing import Any

Step = tuple[int, int]  # (object that refers, number of the reference in its row)


class ObjectGraph:
    """References among a given list of live objects.

    Attributes:
        objects: The objects, each once.
        position: The index of an object, by its id.
        successors: For each object the indices of those it refers to, as often as it does.
    """

    __slots__ = ("objects", "position", "successors")

    def __init__(self, objects: Iterable[object]) -> None:
        self.objects = list(objects)
        self.position = dict(zip(map(id, self.objects), range(len(self.objects)), strict=True))
        if len(self.position) < len(self.objects):
            self.objects = _each_once(self.objects)
            self.position = {id(o): index for index, o in enumerate(self.objects)}
        # The ids of what an object refers to are looked up in C; what is outside the list
        # (None, classes, numbers) is most of it, and falls out in one comprehension.
        find, referents = self.position.get, gc.get_referents
        self.successors: list[list[int]] = [
            [index for index in map(find, map(id, referents(o))) if index is not None]
            for o in self.objects
        ]

    def components(self) -> list[list[int]]:
        """Find the cycles: strongly connected components of more than one object, or self-held.

        Returns:
            Each component as its indices in ascending order; components by smallest index.
        """
        found = strongly_connected(self.successors)
        found = [c for c in found if len(c) > 1 or c[0] in self.successors[c[0]]]
        for component in found:
            component.sort()
        found.sort(key=lambda component: component[0])
        return found

    def hanging(self, components: Sequence[Sequence[int]]) -> list[int]:
        """Tell for each object which component it hangs off.

        Returns:
            The number of the first component that reaches the object without passing through
            another, -1 where none does; for members their own component.
        """
        owner = [-1] * len(self.objects)
        for number, component in enumerate(components):
            for index in component:
                owner[index] = number
        for number, component in enumerate(components):
            reached = list(component)
            for index in reached:  # grows while it is walked
                for target in self.successors[index]:
                    if owner[target] < 0:
                        owner[target] = number
                        reached.append(target)
        return owner

    def shortest_cycle(self, component: Sequence[int]) -> list[Step]:
        """Find a short cycle in a component by its raw references, see `shortest_cycle`."""
        return shortest_cycle({i: self.successors[i] for i in component}, component)


def _each_once(objects: list[object]) -> list[object]:
    """Drop what is in the list twice, comparing by identity alone."""
    return list({id(o): o for o in objects}.values())


def strongly_connected(successors: Sequence[Sequence[int]]) -> list[list[int]]:
    """Tarjan's algorithm in Pearce's form, with a stack of its own in place of recursion."""
    done = len(successors) + 1
    # 0: not seen; 1 to n: the lowest number known to be reachable; done: component closed.
    low = [0 if row else done for row in successors]  # what refers to nothing is in no cycle
    found: list[list[int]] = []
    waiting: list[int] = []  # finished, but their component is still open
    count = 0
    for root in range(len(successors)):
        if low[root]:
            continue
        count += 1
        low[root] = count
        path, numbers, rows = [root], [count], [iter(successors[root])]
        while path:
            index = path[-1]
            lowest = low[index]
            for target in rows[-1]:
                known = low[target]
                if not known:
                    count += 1
                    low[target] = count
                    path.append(target)
                    numbers.append(count)
                    rows.append(iter(successors[target]))
                    break
                if known < lowest:
                    lowest = low[index] = known
            else:
                del path[-1], rows[-1]
                number = numbers.pop()
                if lowest < number:
                    waiting.append(index)
                    if lowest < low[path[-1]]:
                        low[path[-1]] = lowest
                    continue
                component = [index]
                low[index] = done
                while waiting and number <= low[waiting[-1]] < done:
                    member = waiting.pop()
                    low[member] = done
                    component.append(member)
                found.append(component)
    return found


def shortest_cycle(rows: Mapping[int, Sequence[int]], order: Sequence[int]) -> list[Step]:
    """Find a shortest cycle, in about linear time.

    Cycles of one and two steps are found wherever they are. Longer ones are searched for
    breadth first from the objects of `order`, one after the other, until a budget of steps in
    proportion to the graph is spent: the result is a shortest cycle in a graph of a few
    dozen objects and a short one in a big one. The same rows and order give the same cycle.

    Args:
        rows: For each object the objects it refers to; others than these are passed over.
        order: The objects to start from, the preferred ones first.

    Returns:
        The steps of the ring, the first from the earliest start; empty if there is no cycle.
    """
    ring = _shortest_of_two(rows, order)
    if ring:
        return ring
    budget = 10_000 + 4 * sum(map(len, rows.values()))
    longest = len(rows)
    for start in order:
        found, spent = _ring_through(start, rows, longest)
        if found:
            ring, longest = found, len(found) - 1
        budget -= spent
        if budget < 0 or longest < 3:
            break
    return ring


def _shortest_of_two(rows: Mapping[int, Sequence[int]], order: Sequence[int]) -> list[Step]:
    """Find a cycle of one step, or else of two."""
    for source in order:
        if source in rows[source]:
            return [(source, rows[source].index(source))]
    pairs = {(source, target) for source in order for target in rows[source]}
    for source in order:
        for number, target in enumerate(rows[source]):
            if (target, source) in pairs:
                return [(source, number), (target, rows[target].index(source))]
    return []


def _ring_through(
    start: int, rows: Mapping[int, Sequence[int]], longest: int
) -> tuple[list[Step], int]:
    """Find the shortest cycle through one object, if it has at most `longest` steps."""
    came_from: dict[int, Step] = {}
    level, spent = [start], 0
    for _ in range(longest):
        following: list[int] = []
        for source in level:
            spent += 1 + len(rows[source])
            for number, target in enumerate(rows[source]):
                if target == start:
                    return _way_back(start, (source, number), came_from), spent
                if target not in came_from and target in rows:
                    came_from[target] = (source, number)
                    following.append(target)
        if not following:
            break
        level = following
    return [], spent


def _way_back(start: int, last: Step, came_from: dict[int, Step]) -> list[Step]:
    ring = [last]
    while ring[-1][0] != start:
        ring.append(came_from[ring[-1][0]])
    ring.reverse()
    return ring


# --- sizes ------------------------------------------------------------------------------

_mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
_namespace_of: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
_flags_of: Callable[[type], int] = type.__dict__["__flags__"].__get__

_HAVE_GC = 1 << 14
# Before 3.11 the bits had another meaning; 3.11 knows the first, 3.12 and later both.
_MANAGED_DICT_OR_WEAKREF = ((1 << 4) | (1 << 3)) if sys.version_info >= (3, 11) else 0


def size_of(obj: object) -> int:
    """Tell the size of an object in bytes, as `sys.getsizeof` does, without running its code.

    A `__sizeof__` written in Python is passed over for the one of C below it.
    """
    return Sizes().of(obj)


class Sizes:
    """`size_of` for many objects; remembers what it learned of their types.

    To be used while the objects are alive only: it knows types by their ids.
    """

    __slots__ = ("_measures",)

    def __init__(self) -> None:
        self._measures: dict[int, Callable[[object], int]] = {}

    def of(self, obj: object) -> int:
        """Tell the size of an object in bytes."""
        cls = type(obj)
        measure = self._measures.get(id(cls))
        if measure is None:
            measure = self._measures[id(cls)] = _measure_for(cls)
        return measure(obj)


def _measure_for(cls: type) -> Callable[[object], int]:
    """Choose how the instances of a class are measured."""
    overridden = False
    for base in _mro_of(cls):
        method = _namespace_of(base).get("__sizeof__")
        if method is None:
            continue
        # Only the method that C code defined for this very class: a class may also bind
        # its name to something else's.
        if (
            type(method) is MethodDescriptorType
            and method.__objclass__ is base
            and method.__name__ == "__sizeof__"
        ):
            if not overridden:
                return sys.getsizeof  # finds the same method, and no user code on the way
            return _OwnSize(method, _header_size(cls))
        overridden = True
    return _OwnSize(object.__dict__["__sizeof__"], _header_size(cls))


def _header_size(cls: type) -> int:
    """What `sys.getsizeof` adds: the collector's links, and the pointers before the object."""
    flags = _flags_of(cls)
    return (16 if flags & _HAVE_GC else 0) + (16 if flags & _MANAGED_DICT_OR_WEAKREF else 0)


class _OwnSize:
    """Measure by a given method of C, where a user's class hides it."""

    __slots__ = ("_header", "_method")

    def __init__(self, method: Callable[[object], int], header: int) -> None:
        self._method = method
        self._header = header

    def __call__(self, obj: object) -> int:
        return self._method(obj) + self._header
