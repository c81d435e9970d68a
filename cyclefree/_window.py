"""What was allocated since a moment: marks, steps, and what a collection has moved on.

New container objects are appended to generation 0 in order, on every default CPython build from
3.10 to 3.15. So a new empty list is a *mark*: what stands behind it in
`gc.get_objects(generation=0)` was born later and is still alive. No collection, no freeze and no
promotion is needed to know it
(tests/test_window.py::test_what_stands_behind_the_mark_is_what_was_born).
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Sequence
from itertools import compress

from cyclefree._collector import untraversable
from cyclefree._definitions import weakref_offset
from cyclefree._heap import identities, objects_of

__all__ = ["PromotedWindow", "SteppedWindow", "Window", "index", "search"]

_PRUNE_AT = 1_000


Find = Callable[[int, int], int]
"""Where in generation 0 an identity stands, from a position on; -1 where it does not."""


def search(identities: list[int]) -> Find:
    """Return a `Find` that reads on from the last mark: best for the few marks of one window."""

    def find(identity: int, start: int) -> int:
        try:
            return identities.index(identity, start)
        except ValueError:
            return -1

    return find


def index(identities: list[int]) -> Find:
    """Return a `Find` that has made an index first: best for the marks of many windows."""
    where = dict(zip(identities, range(len(identities)), strict=True))

    def find(identity: int, start: int) -> int:
        return where.get(identity, -1)

    return find


class Window:
    """The moments between which objects count as one call's own.

    A window is a row of steps: a plain call is one step, a coroutine or a generator has one for
    each time it is resumed. `marks` alternates between the mark of a step's beginning and that of
    its end; an odd number means that a step is running. A mark of None stands for the start of
    generation 0: what a collection that came in the middle of a step leaves us with, as it empties
    that generation.

    Attributes:
        marks: see above; lists that nobody else refers to, or None.
        lost: whether a mark has vanished without a collection being seen (a foreign `gc.freeze`).
        restarts: how many collections have been seen.
    """

    __slots__ = ("lost", "marks", "restarts")

    def __init__(self) -> None:
        self.marks: list[list[object] | None] = []
        self.lost = False
        self.restarts = 0

    def step(self) -> None:
        """Begin a step, or end the one that runs.

        On 3.10 and 3.11 the new list can itself start a collection, before it is a mark: the hook
        then finds this window as it was, and changes `marks` in place. Under a profiler one can
        start between the making of the list and its being a mark; the mark is then made again. One
        that comes after that, before the check, has seen it, and there is nothing to do
        (tests/test_watch.py::test_a_mark_is_made_again_after_a_collection).
        """
        marks = self.marks
        while True:
            restarts = self.restarts
            marks.append([])
            if self.restarts == restarts or not marks or marks[-1] is None:
                return
            marks.pop()

    def is_running(self) -> bool:
        """Whether a step has begun and not ended."""
        return len(self.marks) % 2 == 1

    def ranges(self, size: int, find: Find) -> list[tuple[int, int]]:
        """Return the stretches of generation 0 that were born in this window's steps.

        Args:
            size: number of objects in generation 0.
            find: tells where in it a mark stands.
        """
        marks = self.marks
        found: list[tuple[int, int]] = []
        at = 0
        for number in range(0, len(marks), 2):
            begin = marks[number]
            start = at
            if begin is not None:
                start = find(id(begin), at) + 1
                if not start:
                    self.lost = True
                    start = at
            stop = size
            if number + 1 < len(marks):
                stop = find(id(marks[number + 1]), start)
                if stop < 0:
                    self.lost = True
                    continue
            if start < stop:
                found.append((start, stop))
            at = stop
        return found

    def restart(self) -> None:
        """Forget the marks, because generation 0 is about to be emptied; a running step goes on."""
        self.restarts += 1
        self.marks[:] = [None] if self.is_running() else []

    def remember(self, survivors: Sequence[object], generation: int) -> None:
        """Keep track of own objects that a collection of `generation` is about to promote.

        Args:
            survivors: the objects, as `_heap.objects_of` lists them: tuples may be numbers.
            generation: the oldest that is collected.
        """
        raise NotImplementedError

    def recall(self, own: Sequence[object], generation: int) -> list[object]:
        """Return the promoted own objects that still live in generations 1 to `generation`.

        A window that does not know the generation of its objects may return older ones too. Tuples
        may be numbers, in `own` and in what is returned: see `_heap.objects_of`.
        """
        raise NotImplementedError

    def has_promoted(self) -> bool:
        """Whether a collection has moved own objects out of generation 0."""
        raise NotImplementedError

    def promoted_identities(self) -> set[int]:
        """Return the identities of the objects that were promoted; some may have died since."""
        raise NotImplementedError

    def deepen(self) -> None:
        """Take note that everything was moved to the oldest generation without a collection."""


class PromotedWindow(Window):
    """The window of a plain call or block, in which everything that is born is its own.

    Promoted objects are found again by identity, generation by generation. An address that was
    freed and used again belongs to an object that was born in the window too, so plain numbers are
    enough here.
    """

    __slots__ = ("_middle", "_oldest")

    def __init__(self) -> None:
        super().__init__()
        self._middle: set[int] = set()
        self._oldest: set[int] = set()

    def remember(self, survivors: Sequence[object], generation: int) -> None:
        # A look at a generation is a look at all of ours in it, so what was known of it is
        # replaced.
        remembered = set(identities(survivors))
        if generation == 0:
            self._middle |= remembered
        elif generation == 1:
            self._oldest |= remembered
            self._middle = set()
        else:
            self._oldest = remembered
            self._middle = set()

    def deepen(self) -> None:
        """Follow the objects that were moved to the oldest generation without a collection."""
        self._oldest |= self._middle
        self._middle = set()

    def recall(self, own: Sequence[object], generation: int) -> list[object]:
        found: list[object] = []
        for number, known in ((1, self._middle), (2, self._oldest)):
            if known and number <= generation:
                there = objects_of(number)
                found += compress(there, map(known.__contains__, identities(there)))
        return found

    def has_promoted(self) -> bool:
        return bool(self._middle or self._oldest)

    def promoted_identities(self) -> set[int]:
        return self._middle | self._oldest


class SteppedWindow(Window):
    """The window of a coroutine or a generator, between whose steps others allocate.

    An address alone could be a stranger's by the time it is looked at (99 times in 100, measured),
    so promoted objects are kept by weak reference; lists, dicts and tuples, which have none, by
    identity, and found again only where an object that is known to be ours refers to them. What is
    lost so is a cycle of such plain containers alone that closed after a collection; `thorough`
    finds it.
    """

    __slots__ = ("_plain", "_prune_at", "_references")

    def __init__(self) -> None:
        super().__init__()
        self._references: list[weakref.ref[object]] = []
        self._plain: set[int] = set()
        self._prune_at = _PRUNE_AT

    def remember(self, survivors: Sequence[object], generation: int) -> None:
        references, plain = self._references, self._plain
        for survivor in survivors:
            if weakref_offset(type(survivor)):
                references.append(weakref.ref(survivor))
            else:
                plain.update(identities((survivor,)))
        if len(references) + len(plain) > self._prune_at:
            self._prune()

    def _prune(self) -> None:
        """Drop what has died, so that a long-lived coroutine does not grow by what it once held."""
        self._references = [r for r in self._references if r() is not None]
        living = self.recall((), 2)
        self._plain = {id(o) for o in living if not weakref_offset(type(o))}
        self._prune_at = max(_PRUNE_AT, 2 * (len(self._references) + len(self._plain)))

    def recall(self, own: Sequence[object], generation: int) -> list[object]:
        if not generation:
            return []
        seen = set(identities(own))
        found: list[object] = []
        for reference in self._references:
            living = reference()
            if living is not None and id(living) not in seen:
                seen.add(id(living))
                found.append(living)
        plain = self._plain - seen
        tuples = {o for o in own if type(o) is int}  # own ones that may lead to plain ones
        avoided = untraversable()
        frontier: Iterable[object] = [o for o in (*own, *found) if o is not avoided]
        while plain and frontier:
            nearby = []
            for referent in gc.get_referents(*frontier):
                identity = id(referent)
                if identity in plain:
                    plain.discard(identity)
                    found.append(referent)
                    nearby.append(referent)
                elif identity in tuples:
                    tuples.discard(identity)
                    nearby.append(referent)
            frontier = nearby
        return found

    def has_promoted(self) -> bool:
        return bool(self._references or self._plain)

    def promoted_identities(self) -> set[int]:
        return self._plain | {id(r()) for r in self._references}
