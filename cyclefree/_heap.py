"""The objects of a moment, listed so that other threads do not notice.

`tuple(iterable)` fills a tuple that the collector knows already, and resizes it in place, which
CPython allows only while nobody else refers to the tuple. Once `gc.get_objects()` has put it into
a list, and the thread that fills it runs again, that thread's own call raises `SystemError: bad
argument to internal function` (python/cpython#59313, CPython up to 3.13). A half-built tuple can't
be told from a finished one that is full. But nothing refers to it, whereas every tuple that can be
in a cycle is referred to by an object of another kind. So where there are other threads, tuples
are listed as numbers, and those that matter are found again by the references to them
(`_garbage.settle`).

It has to be done before any other thread can run, which is between two instructions of Python at
the earliest. So what follows is endless iterators of C, made once: each `next()` of one is a single
call, from `gc.get_objects()` to a list without tuples
(tests/test_heap.py::test_a_thread_that_builds_a_tuple_does_not_notice).
"""

from __future__ import annotations

import gc
from collections.abc import Container, Iterable, Iterator
from itertools import compress, repeat, starmap
from operator import add, getitem, is_
from typing import Any

from cyclefree._sharing import others_exist

__all__ = [
    "identities",
    "identities_of",
    "newest",
    "objects_of",
    "objects_since",
    "referents_of",
    "whole_heap",
]

_TAILS = range(1, 9)
"""How many of the newest objects can be asked for: a mark or two for each of a few steps."""


_each: Any = map  # no type checker follows a map of maps


def _lists(generation: int) -> Iterator[list[object]]:
    """Yield `gc.get_objects(generation)` without end, each time as it is then."""
    return map(gc.get_objects, repeat(generation))


def _identities(lists: Iterator[list[object]]) -> Iterator[list[int]]:
    """Turn each list of objects into that of their identities."""
    return map(list, _each(map, repeat(id), lists))


def _without_tuples(lists: Iterator[list[object]]) -> Iterator[list[object]]:
    """Yield what is in `lists`, with its identity in place of each tuple.

    Each of the three uses of `lists` makes a new list. The later ones also have the earlier ones
    in them, but at their end, beyond where the first one ends.
    """
    pairs = _each(zip, lists, _each(map, repeat(id), lists))  # of an object: itself, its identity
    kinds = _each(map, repeat(type), lists)
    which = _each(map, repeat(is_), repeat(repeat(tuple)), kinds)  # False is 0, True is 1
    return map(list, _each(map, repeat(getitem), pairs, which))


def _newest_identities(count: int) -> Iterator[list[int]]:
    """Yield the identities of the newest objects without end."""
    return _identities(_each(getitem, _lists(0), repeat(slice(-count, None))))


_generations = [_without_tuples(_lists(number)) for number in range(3)]
_heaps = map(add, map(add, _generations[0], _generations[1]), _generations[2])
_generation_identities = [_identities(_lists(number)) for number in range(3)]
_newest = {count: _newest_identities(count) for count in _TAILS}


def objects_of(generation: int) -> list[object]:
    """List the objects of a generation, in the order of their birth.

    Returns:
        The objects; where other threads exist, tuples are in it as their identities, of type int:
        numbers are nothing that the collector knows, so nothing else in the list is one.
    """
    if others_exist():
        return next(_generations[generation])
    return gc.get_objects(generation=generation)


def objects_since(mark: object) -> list[object]:
    """List the young objects from `mark` on, as `objects_of` does, for where other threads exist.

    It saves the time for what is older. Its own iterators are made before it lists, so there
    should be a later mark to tell them apart.

    Returns:
        The objects, the first of which is `mark`; all young ones where that has gone, or where
        another thread has let go of older ones in between.
    """
    try:
        start = identities_of(0).index(id(mark))
    except ValueError:
        return objects_of(0)
    objects = next(_without_tuples(_each(getitem, _lists(0), repeat(slice(start, None)))))
    return objects if objects and objects[0] is mark else objects_of(0)


def whole_heap() -> list[object]:
    """List the objects of all generations as `objects_of` does.

    On 3.10 and 3.11 automatic collections should be paused, as one could start in the middle.
    """
    return next(_heaps) if others_exist() else gc.get_objects()


def identities_of(generation: int) -> list[int]:
    """List the identities of the objects of a generation, tuples like all others."""
    return next(_generation_identities[generation])


def newest(count: int) -> list[int]:
    """List the identities of the `count` newest objects; of none where `count` is not in `_TAILS`.

    Where other threads exist and 1,000 objects are young, 30 times as fast as `objects_of`.
    """
    return next(_newest[count]) if count in _newest else []


def referents_of(names: Container[int]) -> list[object]:
    """List what the young objects with these identities refer to, without holding them."""
    lists = _lists(0)
    chosen = _each(map, repeat(names.__contains__), _each(map, repeat(id), lists))
    return next(starmap(gc.get_referents, _each(compress, lists, chosen)))


def identities(objects: Iterable[object]) -> list[int]:
    """List the identities of what `objects_of` lists."""
    return [o if type(o) is int else id(o) for o in objects]
