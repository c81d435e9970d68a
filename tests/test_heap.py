"""Listing what is on the heap: other threads that build tuples do not notice."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from rings import Slot, ring

from cyclefree import _rollover, assert_no_cycles, cycle_scope, find_cycles
from cyclefree._garbage import find_garbage, settle
from cyclefree._heap import identities, identities_of, newest, objects_of, objects_since, whole_heap
from cyclefree._options import options
from cyclefree._watch import Watch


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No collection but those that a test asks for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def small_heap() -> Iterator[bool]:
    """Put older objects out of the way, so that a look at the whole heap is short, if possible."""
    if gc.get_freeze_count():  # CPython 3.12.1 froze some objects itself
        yield False
        return
    gc.freeze()
    yield True
    gc.unfreeze()


class Builder:
    """A thread in the middle of `tuple(items)`, with `first` items there and more to come."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.made: list[object] = []
        self._thread = threading.Thread(target=self._build)
        self._thread.start()
        assert self._begun.wait(10)

    def _items(self) -> Iterator[int]:
        yield from range(self._first)
        self._begun.set()
        self._go_on.wait(10)
        yield from range(self._first, 30)

    def _build(self) -> None:
        try:
            self.made.append(tuple(self._items()))
        except SystemError as error:
            self.made.append(error)

    def finish(self) -> None:
        """Let the thread finish its tuple, and wait until it has ended."""
        self._go_on.set()
        self._thread.join(10)


@contextmanager
def interrupted(moment: int, action: Callable[[], None]) -> Iterator[list[None]]:
    """Do `action` at a moment of a block, counted in calls and returns; yield whether it came."""
    left = [moment]
    came: list[None] = []

    def count(frame: FrameType, event: str, argument: object) -> None:
        left[0] -= 1
        if not left[0]:
            came.append(None)
            sys.setprofile(None)
            action()

    sys.setprofile(count)
    try:
        yield came
    finally:
        sys.setprofile(None)


def expect(found: int, expected: int) -> None:
    """Say that a look found what it should."""
    # On 3.10 a profile function makes every frame keep a copy of its locals, which so stay alive.
    assert found == expected or sys.version_info < (3, 11)


def clean() -> None:
    """Leave nothing."""
    with cycle_scope() as report:
        pass
    expect(report.objects, 0)


def survivor() -> None:
    """Leave what lives on, with a tuple."""
    with cycle_scope(live=True) as report:
        kept = [(Slot(), [()])]
    expect(report.objects, 0)
    del kept


def garbage() -> None:
    """Leave a cycle through a tuple, which is looked at again as other threads are there."""
    with cycle_scope() as report:
        slot = Slot()
        slot.other = (slot, [])
        del slot
    expect(report.objects, 3)


def collecting() -> None:
    """Collect inside, with what lives on and what does not."""
    with cycle_scope() as report:
        slot = Slot()
        slot.other = (slot, [])
        pair: tuple[list[object]] = ([],)
        ring(2)
        gc.collect(0)
        gc.collect(1)
        del slot
        pair[0].append(pair)
        del pair
    expect(report.objects, 7)


def stepping() -> None:
    """Collect in a generator, which works in steps."""
    found: list[int] = []

    @assert_no_cycles(action=lambda report: found.append(report.objects))
    def steps() -> Iterator[None]:
        slot = Slot()
        slot.other = (slot, [])
        gc.collect(0)
        yield
        ring(2)

    list(steps())
    expect(sum(found), 5)


def thorough() -> None:
    """Look at the whole heap when it begins and when it ends."""
    with cycle_scope(thorough=True) as report:
        slot = Slot()
        slot.other = (slot, [])
        del slot
        ring(2)
        gc.collect(0)
        ring(3)
    expect(report.objects, 8)


def whole() -> None:
    """Find the living cycles of the whole heap."""
    slot = Slot()
    slot.other = (slot,)
    expect(min(find_cycles().objects, 2), 2)
    slot.other = None


def making_room() -> None:
    """Move the young out of the way while a guard is open."""
    with cycle_scope() as report:
        ring(2)
        _rollover.make_room()
    expect(report.objects, 2)


LOOKS = (clean, survivor, garbage, collecting, stepping, thorough, whole, making_room)


@pytest.mark.parametrize("first", [3, 10])  # 10 is what CPython makes room for: no place is free
@pytest.mark.parametrize("look", LOOKS)
def test_a_thread_that_builds_a_tuple_does_not_notice(
    look: Callable[[], None], first: int, small_heap: bool
) -> None:
    """Whenever in a look another thread goes on, its tuple is made, and the look is right."""
    if small_heap or look not in (thorough, whole):
        go_on_at_each_moment(look, first, small_heap)
        return
    # All that pytest and its plugins have would be looked at again and again, for minutes.
    call = f"t.go_on_at_each_moment(t.{look.__name__}, {first}, False)"
    code = f"import gc, test_heap as t; gc.disable(); {call}"
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=os.path.dirname(__file__), check=True, timeout=300)


def go_on_at_each_moment(look: Callable[[], None], first: int, small_heap: bool) -> None:
    """Let another thread go on in a look, at one moment of it after the other."""
    moment, came = 1, [None]
    while came:
        builder = Builder(first)
        with interrupted(moment, builder.finish) as came:
            look()
        builder.finish()
        assert builder.made == [tuple(range(30))], f"went on at event {moment}"
        # The beginning is where something could go wrong for a moment only.
        moment += 1 + moment // 16 if small_heap else 3 * moment
    assert moment > 20


# --- what is listed -----------------------------------------------------------------------------


class Pair(tuple[object, ...]):
    """A tuple that no C code resizes."""


@pytest.fixture
def builder() -> Iterator[Builder]:
    """Another thread, which waits while it builds a tuple."""
    builder = Builder(10)
    yield builder
    builder.finish()


@pytest.mark.usefixtures("builder")
def test_tuples_are_listed_as_numbers() -> None:
    """Where another thread is, everything stands in its place, and of tuples the identity."""
    made = [[], ([],), Pair(([],)), {"a": []}, ((), [])]
    objects, names, real = objects_of(0), identities_of(0), gc.get_objects(generation=0)
    of_made = [id(o) for o in real if id(o) in set(map(id, made))]
    assert of_made == list(map(id, made))
    size = len(objects)
    assert identities(objects) == names[:size] == list(map(id, real))[:size]
    assert [o is r for o, r in zip(objects, real, strict=False)] == [
        type(r) is not tuple for r in real[:size]
    ]


@pytest.mark.usefixtures("builder")
@pytest.mark.parametrize("moment", range(1, 12))
def test_what_is_young_since_a_mark(moment: int) -> None:
    """From the mark on, or all that is young; also when older objects die at any moment of it."""
    older = [[[]] for _ in range(10)]
    mark: list[object] = []
    items: list[object] = []
    pair = (items,)
    with interrupted(moment, older.clear):
        objects = objects_since(mark)
    names = identities(objects)
    at = names.index(id(mark))
    assert [name for name in names[at:] if name in {id(mark), id(items), id(pair)}] == [
        id(mark),
        id(items),
        id(pair),
    ]
    assert tuple not in set(map(type, objects))
    assert identities(objects_since([]))[0] != id(mark)


@pytest.mark.usefixtures("builder")
def test_without_the_mark_all_that_is_young_is_listed() -> None:
    """A collection has moved the mark, or there has never been one."""
    mark: list[object] = []
    gc.collect(0)
    young: list[object] = []
    for missing in (mark, None):
        assert id(young) in set(map(id, objects_since(missing)))


@pytest.mark.usefixtures("builder")
def test_the_whole_heap_is_listed_once() -> None:
    """All generations are in it, and nothing is there twice."""
    young: list[object] = []
    middle, old = [young], [young]
    gc.collect(0)
    gc.collect(1)
    middle = [old]
    gc.collect(0)
    young = [middle]
    names = identities(whole_heap())
    assert {id(young), id(middle), id(old)} <= set(names)
    assert len(names) == len(set(names))


def test_the_newest_objects() -> None:
    """What was made last, nothing when there are none, and nothing when asked for too many."""
    first: list[object] = []
    second: list[object] = []
    names = newest(2)
    assert names == [id(first), id(second)]
    second = []
    assert newest(1) == [id(second)]
    assert newest(0) == newest(1_000) == []


@pytest.mark.usefixtures("builder")
def test_settling_finds_every_tuple_that_is_referred_to() -> None:
    """Also tuples in tuples; in their place, and without a reference that stays."""
    mark: list[object] = []
    slot = Slot()
    slot.other = (((slot,), []), (slot,))
    held = ([],)
    objects = objects_of(0)
    names = identities(objects)
    start = names.index(id(mark)) + 1
    del objects[:start], names[:start]
    kinds = [slot, slot.other[0][0], slot.other[0][1], slot.other[0], slot.other[1], slot.other]
    expected = {id(o) for o in kinds}
    assert expected < set(names)
    assert id(held) in names
    del kinds, slot
    settle(objects)
    settled = list(map(id, objects))
    assert id(held) not in settled  # only this frame refers to it
    assert expected < set(settled)
    assert settled == [name for name in names if name in set(settled)]
    objects[:] = [o for o in objects if id(o) in expected]
    assert len(find_garbage(objects)) == len(expected)
    objects.clear()


def test_an_unfinished_tuple_is_never_listed(builder: Builder) -> None:
    """It stands there as a number, and settling does not find it."""
    mine = [o for o in gc.get_objects() if type(o) is tuple and o[:10] == tuple(range(10))]
    unfinished = {id(o) for o in mine if len(o) == 10}
    del mine
    objects = whole_heap()
    assert unfinished & set(identities(objects))
    assert tuple not in set(map(type, objects))
    settle(objects)
    assert not unfinished & set(map(id, objects))
    builder.finish()
    assert builder.made == [tuple(range(30))]


# --- what becomes of tuples that are listed as numbers -----------------------------------------


@pytest.fixture(params=["alone", "with another thread"])
def company(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both with another thread and without, the answers are the same."""
    if request.param != "alone":
        request.getfixturevalue("builder")
    yield


def through_tuple() -> None:
    """Leave a cycle of three objects, one of them a tuple."""
    slot = Slot()
    slot.other = (slot, [])


def told(steps: Callable[[], Iterator[None]], *, thorough: bool = False) -> list[int]:
    """Run a generator under a guard; return the objects in its report, if there is one."""
    found: list[int] = []
    guard = assert_no_cycles(thorough=thorough, action=lambda report: found.append(report.objects))
    for _ in guard(steps)():
        pass
    return found


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("generation", [0, 1, 2])
def test_a_cycle_through_a_tuple_is_found_at_a_collection(generation: int) -> None:
    """As soon as a collection comes, as it takes the cycle away."""
    with cycle_scope() as report:
        through_tuple()
        gc.collect(generation)
        through_tuple()
    assert report.objects == 6


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("generations", [(0, 0), (0, 1), (1, 1), (1, 2), (0, 0, 1), (2, 2)])
def test_a_tuple_that_only_a_frame_held_is_remembered(generations: tuple[int, ...]) -> None:
    """At a collection nothing refers to it that can be seen; its cycle is found all the same."""
    with cycle_scope() as report:
        items: list[object] = []
        pair = (items,)
        for generation in generations[:-1]:
            gc.collect(generation)
        items.append(pair)
        del items, pair
        gc.collect(generations[-1])
    assert report.objects == 2


@pytest.mark.usefixtures("company")
@pytest.mark.parametrize("collect", [False, True])
def test_a_new_tuple_alone_closes_a_cycle_of_older_objects(collect: bool) -> None:
    """Nothing new refers to the tuple, and what it refers to leads to it."""
    older = [Slot(), Slot()]
    with cycle_scope() as report:
        older[0].other = (older[0],)
        older[1].other = (((), older[1]),)
        older.clear()
        if collect:
            gc.collect()
    assert report.objects == 5


@pytest.mark.usefixtures("company")
def test_a_generator_remembers_a_tuple_that_only_its_frame_held() -> None:
    """It is plain, so it is found again through what has a weak reference."""

    def steps() -> Iterator[None]:
        slot = Slot()
        pair = (slot,)
        gc.collect(0)
        yield
        slot.other = pair
        del slot, pair
        gc.collect(1)

    assert told(steps) == [2]


@pytest.mark.usefixtures("company")
def test_a_new_tuple_leads_a_generator_to_what_was_promoted() -> None:
    """From an object with a weak reference, by a new tuple, to a plain list of an earlier step."""

    def steps() -> Iterator[None]:
        slot, plain = Slot(), [0]
        gc.collect(0)
        yield
        slot.other = (plain,)
        plain[:] = [slot]  # type: ignore[list-item]
        del slot, plain
        gc.collect(1)

    assert told(steps) == [3]


@pytest.mark.usefixtures("company")
def test_a_generator_is_blamed_for_its_tuple() -> None:
    """The tuple alone is the generator's own in a cycle of which the rest was there before."""
    older = [Slot()]

    def steps() -> Iterator[None]:
        older[0].other = (older[0],)
        older.clear()
        yield

    assert told(steps, thorough=True) == [2]


@pytest.mark.usefixtures("company")
def test_what_imports_leave_through_a_tuple_is_apart() -> None:
    """Tuples are known, too, as born while modules were imported."""
    watch = Watch("f()", options())
    watch.open()
    with watch.once():
        through_tuple()
    through_tuple()
    assert sorted((cycle.once, cycle.count) for cycle in watch.close()) == [(False, 1), (True, 1)]
