"""What kind of cycle it is: from rows alone, and from real objects."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import subprocess
import sys
import types
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from looking import garbage, look

from cyclefree import cycle_scope
from cyclefree._remedies.kinds import kinds
from cyclefree._remedies.ties import (
    CLASS,
    CONTAINER,
    EXCEPTION,
    FRAME,
    FUNCTION,
    INSTANCE,
    METHOD,
    SUSPENDED,
    TRACEBACK,
    sort_of,
)
from cyclefree._shapes import Blame, describe

CLASS_MADE = "a class made at run time"
TRACED = "exception ↔ traceback ↔ frame"
GENERATOR = "suspended generator or coroutine ↔ its own frame"
FRAMED = "a frame that its own local holds"
BOUND = "an instance that stores its own bound method"
RECURSIVE = "recursive closure"
CLOSES_OVER = "an instance that stores a function that closes over it"
HOLDS_ITSELF = "a container that holds itself"
ONE = "an instance that refers to itself"
SEVERAL = "instances that refer to each other"


# --- rows alone ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sorts", "targets", "expected"),
    [
        ([INSTANCE, INSTANCE], [[1], [0]], [SEVERAL]),
        ([INSTANCE], [[0]], [ONE]),
        ([INSTANCE, CONTAINER], [[1], [0]], [ONE]),
        ([INSTANCE, EXCEPTION], [[1], [0]], [SEVERAL]),
        ([EXCEPTION], [[0]], [ONE]),
        ([CONTAINER], [[0]], [HOLDS_ITSELF]),
        ([CONTAINER, CONTAINER], [[1], [0]], [HOLDS_ITSELF]),
        ([INSTANCE, CONTAINER], [[1, 0], [1, 0]], [ONE, HOLDS_ITSELF]),
        ([INSTANCE, METHOD], [[1], [0]], [BOUND]),
        ([INSTANCE, METHOD, INSTANCE], [[1, 2], [0], [0]], [BOUND, SEVERAL]),
        ([FUNCTION], [[0]], [RECURSIVE]),
        ([FUNCTION, FUNCTION], [[1], [0]], [RECURSIVE]),
        ([FUNCTION, CONTAINER], [[1], [0]], [RECURSIVE]),
        ([INSTANCE, FUNCTION], [[1], [0]], [CLOSES_OVER]),
        ([EXCEPTION, FUNCTION], [[1], [0]], [CLOSES_OVER]),
        ([INSTANCE, FUNCTION], [[1], [0, 1]], [RECURSIVE, CLOSES_OVER]),
        ([INSTANCE, CONTAINER, FUNCTION], [[1], [2], [0]], [CLOSES_OVER]),
        ([INSTANCE, FUNCTION, INSTANCE], [[1, 2], [0], [0]], [CLOSES_OVER, SEVERAL]),
        ([INSTANCE, FUNCTION, CONTAINER], [[1, 2], [0], [0, 2]], [CLOSES_OVER, ONE, HOLDS_ITSELF]),
        ([EXCEPTION, TRACEBACK, FRAME], [[1], [2], [0]], [TRACED]),
        ([TRACEBACK, FRAME], [[1], [0]], [TRACED]),
        ([FRAME], [[0]], [FRAMED]),
        ([FRAME, CONTAINER], [[1], [0]], [FRAMED]),
        ([EXCEPTION, TRACEBACK, FRAME, FRAME], [[1], [2], [0, 3], [3, 2]], [TRACED, FRAMED]),
        ([INSTANCE, SUSPENDED], [[1], [0]], [GENERATOR]),
        ([CLASS, CONTAINER], [[1], [0]], [CLASS_MADE]),
        ([CLASS, CONTAINER, INSTANCE], [[1], [0, 2], [0, 2]], [CLASS_MADE, ONE]),
    ],
)
def test_kinds_of_rows(sorts: list[int], targets: list[list[int]], expected: list[str]) -> None:
    """A component is called by each kind that explains a cycle which the ones before leave."""
    rows = [[(0, target) for target in row] for row in targets]
    assert list(kinds(rows, sorts)) == expected


def test_what_only_passes_is_not_named() -> None:
    """An exception on the way of a method's cycle makes no kind of its own."""
    rows = [[(0, 1)], [(1, 2)], [(2, 0)]]
    assert kinds(rows, [INSTANCE, METHOD, EXCEPTION]) == (BOUND,)


def test_long_rows_need_no_recursion() -> None:
    """A ring of 100,000 instances has one kind."""
    size = 100_000
    rows = [[(0, (at + 1) % size)] for at in range(size)]
    assert kinds(rows, [INSTANCE] * size) == (SEVERAL,)


# --- real objects --------------------------------------------------------------------------------


class Node:
    """A node that may refer to anything."""

    def __init__(self, **links: object) -> None:
        for name, target in links.items():
            setattr(self, name, target)

    def method(self) -> None:
        """Do nothing."""


class Slotted:
    __slots__ = ("other",)


def pair() -> None:
    """Let two instances refer to each other."""
    one, two = Node(), Node()
    one.other, two.back = two, one  # type: ignore[attr-defined]


def itself() -> None:
    """Let an instance hold itself in a list."""
    node = Node()
    node.all = [node]  # type: ignore[attr-defined]


def slots() -> None:
    """Let an instance without a dictionary refer to itself."""
    node = Slotted()
    node.other = node


def bound() -> None:
    """Store a bound method in its own instance."""
    node = Node()
    node.callback = node.method  # type: ignore[attr-defined]


def builtin_bound() -> None:
    """Store a bound method of a builtin type in its own instance."""

    class Stack(list):  # type: ignore[type-arg]
        pass

    stack: Any = Stack()
    stack.push = stack.append
    KEPT.append(Stack)


def partial_bound() -> None:
    """Store a bound method inside a partial."""
    node = Node()
    node.callback = functools.partial(node.method)  # type: ignore[attr-defined]


def traced() -> None:
    """Keep an exception in a local."""
    try:
        raise LookupError("no")
    except LookupError as error:
        kept = error
    assert kept


def only_traceback() -> None:
    """Keep a traceback in a local."""
    try:
        raise LookupError("no")
    except LookupError:
        kept = sys.exc_info()[2]
    assert kept


def framed() -> None:
    """Keep the own frame in a local."""
    frame = sys._getframe()
    assert frame


def recursive() -> None:
    """Make a function that calls itself."""

    def walk() -> object:
        return walk

    walk.__doc__ = None


def mutual() -> None:
    """Make two functions that call each other."""

    def one() -> object:
        return two

    def two() -> object:
        return one

    one.__doc__ = None


def recursive_lambda() -> None:
    """Make a lambda that calls itself."""
    walk: Callable[[], object] = lambda: walk
    walk.__doc__ = None


def closes_over() -> None:
    """Store a lambda in the instance that it closes over."""
    node = Node()
    node.callback = lambda: node  # type: ignore[attr-defined]


def made_class() -> None:
    """Make a class."""
    type("Made", (), {})


def made_class_with_instance() -> None:
    """Make a class with an instance of itself."""

    class Made:
        pass

    Made.instance = Made()  # type: ignore[attr-defined]


def holds_itself(container: Any) -> Callable[[], None]:
    """Return a function that lets a container of a type hold itself."""

    def make() -> None:
        held = container()
        if isinstance(held, dict):
            held["me"] = held
        else:
            held.append(held)

    make.__name__ = f"{container.__name__}_holds_itself"
    return make


def nested_tuple() -> None:
    """Put a tuple into its own list."""
    row: list[object] = []
    row.append((row,))


def generator() -> None:
    """Suspend a generator that holds itself by its owner."""

    def steps(owner: object) -> Iterator[object]:
        yield owner

    node = Node()
    node.steps = steps(node)  # type: ignore[attr-defined]
    next(node.steps)  # type: ignore[attr-defined]


def generator_not_started() -> None:
    """Leave a generator that was never started."""

    def steps(owner: object) -> Iterator[object]:
        yield owner

    node = Node()
    node.steps = steps(node)  # type: ignore[attr-defined]


def coroutine() -> None:
    """Leave a coroutine that waits for nothing."""

    @types.coroutine
    def pause() -> Iterator[None]:
        yield

    async def steps(owner: object) -> object:
        await pause()
        return owner

    node = Node()
    node.steps = steps(node)  # type: ignore[attr-defined]
    node.steps.send(None)  # type: ignore[attr-defined]


def async_generator() -> None:
    """Suspend an async generator."""

    async def steps(owner: object) -> AsyncIterator[object]:
        yield owner

    node = Node()
    node.steps = steps(node)  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        node.steps.__anext__().send(None)  # type: ignore[attr-defined]


KEPT: list[object] = []


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (pair, SEVERAL),
        (itself, ONE),
        (slots, ONE),
        (bound, BOUND),
        (builtin_bound, BOUND),
        (partial_bound, BOUND),
        (traced, TRACED),
        (only_traceback, TRACED),
        (framed, FRAMED),
        (recursive, RECURSIVE),
        (mutual, RECURSIVE),
        (recursive_lambda, RECURSIVE),
        (closes_over, CLOSES_OVER),
        (made_class, CLASS_MADE),
        (made_class_with_instance, CLASS_MADE),
        (holds_itself(list), HOLDS_ITSELF),
        (holds_itself(dict), HOLDS_ITSELF),
        (holds_itself(deque), HOLDS_ITSELF),
        (holds_itself(OrderedDict), HOLDS_ITSELF),
        (nested_tuple, HOLDS_ITSELF),
        (generator, GENERATOR),
        (generator_not_started, GENERATOR),
        (coroutine, GENERATOR),
        (async_generator, GENERATOR),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_kinds_of_objects(make: Callable[[], None], kind: str) -> None:
    """Each kind is told from what real code leaves."""
    with cycle_scope() as scope:
        make()
    KEPT.clear()
    (cycle,) = scope.report
    assert cycle.kind == kind


def test_a_component_of_several_kinds() -> None:
    """A bound method, a recursive closure and a pair of instances in one component are all told."""

    def make() -> None:
        one, two = Node(), Node()

        def walk() -> object:
            return walk, one

        one.other, two.back = two, one  # type: ignore[attr-defined]
        one.callback = one.method  # type: ignore[attr-defined]
        one.walk = walk  # type: ignore[attr-defined]

    (cycle,) = look(make)
    assert cycle.kind == " + ".join([BOUND, RECURSIVE, CLOSES_OVER, SEVERAL])


def test_an_exception_among_instances() -> None:
    """An instance that keeps an exception which knows the instance: both kinds are told."""

    def make() -> None:
        node = Node()
        try:
            raise LookupError(node)
        except LookupError as error:
            node.error = error  # type: ignore[attr-defined]

    (cycle,) = look(make)
    assert cycle.kind == f"{TRACED} + {SEVERAL}"


def test_a_library_is_named() -> None:
    """A cycle with nothing of the user's in it is its library's, which is named."""
    import xml.dom.minidom

    def make() -> None:
        xml.dom.minidom.parseString("<a/>")

    assert {cycle.kind for cycle in look(make)} == {"a library's own cycle (xml.dom)"}


def test_a_users_object_makes_it_the_users() -> None:
    """A cycle of library objects that a user's object is part of is the user's."""

    def make() -> None:
        loop = asyncio.new_event_loop()
        future: Any = loop.create_future()
        future.owner = Node(future=future)
        loop.close()

    kinds_found = {cycle.kind for cycle in look(make) if __name__ in cycle.modules}
    assert kinds_found == {SEVERAL}


def test_sorts() -> None:
    """What an object is, is told by its exact type, and for subclasses by what they are."""

    class Mine(list):  # type: ignore[type-arg]
        pass

    class Error(Exception):
        pass

    assert [sort_of(each) for each in ([], (), {}, set(), frozenset(), deque())] == [CONTAINER] * 6
    assert [sort_of(each) for each in (Mine(), Node(), object(), "text")] == [INSTANCE] * 4
    assert [sort_of(each) for each in (Error(), KeyError())] == [EXCEPTION] * 2
    assert [sort_of(each) for each in (Mine, type, int)] == [CLASS] * 3
    assert [sort_of(each) for each in (Node().method, [].append)] == [METHOD] * 2
    assert sort_of(sort_of) == FUNCTION
    assert sort_of(sys._getframe()) == FRAME


MAKERS: list[Callable[[], None]] = [
    *(pair, itself, slots, bound, builtin_bound, partial_bound, traced, only_traceback, framed),
    *(recursive, mutual, recursive_lambda, closes_over, made_class, made_class_with_instance),
    *(holds_itself(list), holds_itself(dict), holds_itself(deque), nested_tuple),
    *(generator, generator_not_started, coroutine, async_generator),
]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_explaining_leaves_nothing(make: Callable[[], None]) -> None:
    """Explaining a cycle makes no garbage, and the cycle's objects die as they would have."""
    with garbage(make) as objects:
        describe(objects, Blame(), scope="make()")  # what is made once, is made now
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            report = describe(objects, Blame(), scope="make()")
            assert report
            assert gc.collect() == 0
            assert gc.garbage == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
        counts = [sys.getrefcount(obj) for obj in objects]
        describe(objects, Blame(), scope="make()")
        assert [sys.getrefcount(obj) for obj in objects] == counts
    KEPT.clear()


FOREIGN = """
import sys
sys.path[:0] = [{path!r}, {path!r} + '/..']
from test_kinds import MAKERS
from looking import look
for make in MAKERS:
    for cycle in look(make):
        print(cycle.kind, cycle.fingerprint, cycle.remedy, cycle.references)
def mixed():
    for make in MAKERS:
        make()
print(look(mixed))
"""


def test_other_processes_say_the_same() -> None:
    """Whatever the hash seed, kinds, remedies and texts are the same."""
    here = os.path.dirname(__file__)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", FOREIGN.format(path=here)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    (output,) = outputs
    assert output.count("Remedy(") >= len(MAKERS)
