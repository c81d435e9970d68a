"""Trial deletion: which of these objects could only the cyclic collector free?

The collector's own algorithm (`update_refs`, `subtract_refs` and `move_unreachable` of CPython's
Modules/gcmodule.c) on any list of objects instead of a generation, and without freeing, finalizing
or changing anything: count the references among the objects and compare with their reference
counts; what has more is held from outside and alive, and so is all it reaches; the rest is garbage.
The answer is sound for *any* list: an object that is held from outside the list is never called
garbage, whatever is missing from it (tests/test_garbage.py compares it with `gc.collect()` on
random graphs).
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

from cyclefree._collector import untraversable
from cyclefree._heap import identities, objects_of, referents_of, whole_heap

__all__ = [
    "confirm",
    "find_garbage",
    "is_boundary",
    "settle",
    "settled_heap",
    "trial_deletion_works",
]

_CHUNK = 2_000
"""Objects for one `gc.get_referents` call: argument and answer stay in the caches."""

_OLDER_FLOOR = 128
"""Older objects that a look may follow, however little the call left behind (objects)."""

_OLDER_PER_SURVIVOR = 4
"""Older objects that a look may follow for each survivor, so that it costs what the call left."""

_LEAF_TYPES = frozenset(map(id, (FunctionType, BuiltinFunctionType, CodeType)))
_SIZED_TYPES = frozenset(map(id, (dict, list, tuple, set, frozenset, deque)))


def _references_held() -> int:
    """Count what `sys.getrefcount` says of an object that one list holds and nothing else."""
    probe: list[object] = [[]]
    return next(iter(list(map(sys.getrefcount, probe))))


_HELD = _references_held() if sys.implementation.name == "cpython" else 0


def settle(objects: list[object], *, follow: bool = False) -> None:
    """Put tuples in the place of their identities, in a list that `_heap.objects_of` made.

    A tuple is found by a reference from another object of the list; one to which none of them
    refers is left out. If it is finished it is held from outside, so all that it refers to is as
    well, and trial deletion takes it for that without the tuple
    (tests/test_garbage.py::test_random_graphs_agree_with_the_collector).

    Args:
        objects: the list.
        follow: append older objects to which young tuples that are left out refer, as the way that
            `find_garbage` follows may begin with one
            (tests/test_heap.py::test_a_new_tuple_alone_closes_a_cycle_of_older_objects).
    """
    left = dict.fromkeys([o for o in objects if type(o) is int], 0)
    if not left:
        return
    avoided = untraversable()
    others = [o for o in objects if type(o) is not int and o is not avoided]
    found = _walk(others, left)
    tuples = dict(zip(map(id, found), found, strict=True))
    settled = [tuples.get(o) if type(o) is int else o for o in objects]
    objects[:] = [o for o in settled if o is not None]
    if follow and left:
        seen = set(map(id, objects))
        for referent in filter(gc.is_tracked, referents_of(left)):
            if id(referent) not in seen and not _stops_here(referent, _OLDER_FLOOR):
                seen.add(id(referent))
                objects.append(referent)


def settled_heap() -> list[object]:
    """Return all objects that the collector knows; of the tuples those that `settle` finds.

    As for `whole_heap`, automatic collections should be paused.
    """
    objects = whole_heap()
    settle(objects)
    return objects


def find_garbage(
    objects: list[object], known_alive: object = None, *, follow: bool = False
) -> list[object]:
    """Return those of `objects` that only the cyclic collector could free.

    The caller must hold the objects by this one list: each further list, dictionary or variable of
    ours counts as a reference from outside and hides garbage silently
    (tests/test_garbage.py::test_a_second_list_hides_garbage).

    Args:
        objects: distinct objects that the collector tracks, in any order. With `follow` it may
            grow.
        known_alive: an object that the program itself holds, such as the result of the call. Where
            it is among the objects, all that it reaches is alive without counting, for half the
            cost.
        follow: append to `objects` older ones that they refer to, bounded by their number, and
            so find cycles that new objects close through older ones.

    Returns:
        The garbage, in the order of `objects`.
    """
    garbage, survivors = _split(objects, known_alive)
    if not follow or not (garbage or survivors):
        return garbage
    older = _older_objects(objects, garbage + survivors)
    if not older:
        return garbage
    objects += older
    del garbage, survivors, older  # they hold objects that are about to be counted
    return _split(objects, known_alive)[0]


def _split(
    objects: list[object], known_alive: object, held: int = _HELD
) -> tuple[list[object], list[object]]:
    """Return the garbage, and the survivors that are not known to be reached from `known_alive`."""
    left = dict(zip(map(id, objects), map(sys.getrefcount, objects), strict=True))
    suspects = objects
    if left.pop(id(untraversable()), None) is not None:
        suspects = [o for o in objects if id(o) in left]
    if left.pop(id(known_alive), None) is not None:
        _walk([known_alive], left)
        if not left:
            return [], []
        suspects = [o for o in objects if id(o) in left]
    for start in range(0, len(suspects), _CHUNK):
        for identity in map(id, gc.get_referents(*suspects[start : start + _CHUNK])):
            if identity in left:
                left[identity] -= 1
    survivors = [o for o in suspects if left[id(o)] > held]
    if survivors:
        for root in survivors:
            del left[id(root)]
        survivors += _walk(survivors, left)
    if not left:
        return [], survivors
    return [o for o in suspects if id(o) in left], survivors


def _walk(frontier: list[object], left: dict[int, int]) -> list[object]:
    """Take out of `left` all that `frontier` reaches through it; return these objects."""
    reached: list[object] = []
    pop = left.pop
    while frontier and left:
        found: list[object] = []
        for start in range(0, len(frontier), _CHUNK):
            referents = gc.get_referents(*frontier[start : start + _CHUNK])
            found += [o for o in referents if pop(id(o), None) is not None]
        reached += found
        frontier = found
    return reached


def _older_objects(objects: list[object], survivors: list[object]) -> list[object]:
    """Return what `survivors` lead to beyond `objects`, nearest first."""
    seen = set(map(id, objects))
    limit = max(_OLDER_FLOOR, _OLDER_PER_SURVIVOR * len(survivors))
    older: list[object] = []
    frontier = survivors
    while frontier and len(older) < limit:
        found: list[object] = []
        for start in range(0, len(frontier), _CHUNK):
            referents = gc.get_referents(*frontier[start : start + _CHUNK])
            for referent in filter(gc.is_tracked, referents):
                identity = id(referent)
                if identity in seen:
                    continue
                seen.add(identity)
                if not _stops_here(referent, limit):
                    found.append(referent)
        older += found[: limit - len(older)]
        frontier = found
    return older


def _stops_here(candidate: object, limit: int) -> bool:
    """Whether the way to older objects ends before `candidate`."""
    kind = id(type(candidate))
    if kind in _LEAF_TYPES or is_boundary(candidate):
        return True
    return kind in _SIZED_TYPES and len(candidate) > limit  # type: ignore[arg-type]


def is_boundary(candidate: object) -> bool:
    """Whether `candidate` is a module, a class or a module's dictionary.

    Through these everything is connected with everything: beyond them an instance would be in a
    cycle with whatever else its class is used for. Asks for no attribute of the object:
    `issubclass` on real types stays in C.
    """
    kind = type(candidate)
    if kind is dict:
        return "__name__" in candidate and (  # type: ignore[operator]
            "__spec__" in candidate or "__builtins__" in candidate  # type: ignore[operator]
        )
    return issubclass(kind, (type, ModuleType))


def confirm(
    garbage: list[object], *, also_held: int = 0, rounds: int = 2, wait: float = 0.002
) -> None:
    """Look again at `garbage`, in place, and keep what still is: true garbage cannot change.

    Needed where other threads run: an object that one of them rewires between our count of its
    references and our look at who holds them can seem to be held by nobody.

    Args:
        garbage: what `find_garbage` returned.
        also_held: how many further lists of ours hold all of it.
        rounds: how often to look.
        wait: seconds between the looks.
    """
    for _ in range(rounds):
        if not garbage:
            return
        time.sleep(wait)
        garbage[:] = _split(garbage, None, _HELD + also_held)[0]


class _Probe:
    """What the self-test makes a cycle of."""

    other: object


def trial_deletion_works() -> bool:
    """Whether this build keeps new objects in order, and whole reference counts (the self-test).

    A free-threaded build (3.13t and later) has no generations and splits its counts; there the
    answers would be wrong, and `_window` falls back on real collections. Decided by trying, not by
    version numbers.
    """
    mark: list[object] = []
    first, second, alive = _Probe(), _Probe(), _Probe()
    first.other, second.other, alive.other = second, first, [second]
    names = [id(first), id(second)]
    kept = id(alive)
    del alive.other, first, second
    young = objects_of(0)
    known = identities(young)
    if id(mark) not in known or id(mark) in identities(objects_of(1)):
        return False
    position = known.index(id(mark))
    born = young[position + 1 :]
    del young
    settle(born)
    order = [identity for identity in known[position + 1 :] if identity in {*names, kept}]
    garbage = [id(o) for o in find_garbage(born)]
    found = [identity for identity in garbage if identity in {*names, kept}]
    del born
    del alive
    return order == [*names, kept] and found == names
