"""Trial deletion: the collector's answer without the collector."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyclefree import _garbage
from cyclefree._garbage import (
    confirm,
    find_garbage,
    is_boundary,
    settle,
    trial_deletion_works,
)
from cyclefree._heap import identities, objects_of


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No collection but those that a test asks for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


class Node:
    """An instance with a dictionary."""


class Slot:
    """An instance without one."""

    __slots__ = ("__weakref__", "a", "b", "c")


def build(kinds: list[int], edges: list[tuple[int, int]], held: list[int]) -> list[object]:
    """Make a graph of objects; return those that are to be held."""
    made: list[object] = []
    for kind in kinds:
        box: list[object] = []
        made.append((box, {}, Node(), Slot(), deque(), (box,), closure(box), ((), ((box,),)))[kind])
        del box
    for number, (source, target) in enumerate(edges):
        put(made[source], made[target], number)
    return [made[index] for index in held]


def closure(box: list[object]) -> object:
    """Make a function that holds `box`."""
    return lambda: box


def put(holder: object, item: object, number: int) -> None:
    """Let `holder` refer to `item`."""
    if type(holder) is list or type(holder) is deque:
        holder.append(item)
    elif type(holder) is dict:
        holder[number] = item
    elif type(holder) is Node:
        setattr(holder, f"a{number}", item)
    elif type(holder) is Slot:
        setattr(holder, "abc"[number % 3], item)
    elif type(holder) is tuple:
        put(holder[-1], item, number)
    else:
        holder.__closure__[0].cell_contents.append(item)  # type: ignore[attr-defined]


@pytest.fixture(params=["alone", "with another thread"])
def company(request: pytest.FixtureRequest) -> Iterator[None]:
    """Another thread, which waits, or none: where there is one, tuples are found by references."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    if request.param != "alone":
        thread.start()
    yield
    stop.set()
    if request.param != "alone":
        thread.join()


@pytest.mark.usefixtures("company")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_random_graphs_agree_with_the_collector(data: st.DataObject) -> None:
    """The same objects as `gc.collect()` saves, for graphs of all kinds, some held from outside."""
    size = data.draw(st.integers(1, 12))
    places = st.integers(0, size - 1)
    kinds = data.draw(st.lists(st.integers(0, 7), min_size=size, max_size=size))
    edges = data.draw(st.lists(st.tuples(places, places), max_size=3 * size))
    held = data.draw(st.lists(places, max_size=2, unique=True))
    gc.collect()
    mark: list[object] = []
    kept = build(kinds, edges, held)
    objects = objects_of(0)
    del objects[: identities(objects).index(id(mark)) + 1]
    settle(objects)
    found = set(map(id, find_garbage(objects)))
    again = set(map(id, find_garbage(objects, kept)))
    objects.clear()
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    expected = set(map(id, gc.garbage))
    gc.garbage.clear()
    assert found == expected
    assert again == expected  # what is known to be alive is no different, only sooner done
    del kept


def test_a_second_list_hides_garbage() -> None:
    """Each further list that holds the candidates counts as a holder outside."""
    first: list[object] = []
    first.append(first)
    objects: list[object] = [first]
    del first
    assert len(find_garbage(objects)) == 1
    second = list(objects)
    assert find_garbage(objects) == []
    del second
    assert len(find_garbage(objects)) == 1


def test_more_objects_than_one_chunk() -> None:
    """A chain longer than what one request for referents takes is garbage, or alive, as a whole."""
    first = last = Slot()
    for _ in range(10_000):
        last.a = Slot()
        last = last.a
    last.a = first
    objects: list[object] = [o for o in gc.get_objects() if type(o) is Slot]
    assert find_garbage(objects) == []
    del first, last
    assert len(find_garbage(objects)) == 10_001
    objects.clear()


def test_new_objects_are_followed_to_older_ones() -> None:
    """A cycle that a new object closes through an older one is found when asked for."""
    older = Slot()
    wide = Slot()
    wide.a = [[] for _ in range(2_000)]
    new = Slot()
    new.a, older.a, new.b = older, new, wide
    objects: list[object] = [new]
    del new, older, wide
    assert find_garbage(objects) == []
    assert len(objects) == 1
    assert len(find_garbage(objects, follow=True)) >= 2
    assert len(objects) < 1_000  # and no further than its share


def test_following_stops_at_what_connects_everything() -> None:
    """Modules, classes, functions and module dictionaries end the way to older objects."""
    module = ModuleType("module")
    module.far = [Slot()]  # type: ignore[attr-defined]
    Local = type("Local", (), {"far": [Slot()]})
    slot = Slot()
    slot.a, slot.b, slot.c = module, Local, module.__dict__
    objects: list[object] = [slot]
    find_garbage(objects, follow=True)
    assert [type(o) for o in objects] == [Slot]
    objects.clear()


def test_boundaries() -> None:
    """A boundary is told without asking the object for an attribute."""

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            raise RuntimeError

    class Made(metaclass=Meta):
        @property
        def __class__(self) -> type:
            raise RuntimeError

    assert is_boundary(sys)
    assert is_boundary(int)
    assert is_boundary(Made)
    assert is_boundary(Meta)
    assert is_boundary(sys.modules[__name__].__dict__)
    assert not is_boundary(Made())
    assert not is_boundary({"__name__": "only"})
    assert not is_boundary({})


def test_asyncio_is_not_asked_for_its_referents() -> None:
    """CPython 3.12.0 to 3.12.5 hang in the next collection when it is (cpython#122695)."""
    code = """
import asyncio, gc
from cyclefree import cycle_scope
async def main():
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 1)
    await future
asyncio.run(main())
for _ in range(2):
    with cycle_scope(thorough=True, live=True) as report:
        pass
    gc.collect()
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "alive\n", done.stderr


def test_confirming_keeps_true_garbage() -> None:
    """What is garbage is so at each look; also when a second list of ours is declared."""
    ring: list[object] = []
    ring.append(ring)
    garbage: list[object] = [ring]
    del ring
    confirm(garbage, rounds=2, wait=0.0)
    assert len(garbage) == 1
    also = list(garbage)
    confirm(garbage, also_held=1, wait=0.0)
    assert len(garbage) == 1
    confirm(garbage, wait=0.0)  # not declared: it counts as a holder outside
    assert garbage == []
    confirm(garbage)
    also.clear()


def test_confirming_drops_what_somebody_holds() -> None:
    """A candidate that another thread turns out to hold is dropped."""
    held: list[object] = []
    held.append(held)
    garbage: list[object] = [held]
    confirm(garbage, wait=0.0)
    assert garbage == []
    held.clear()


def test_the_self_test_passes_here_also_with_other_threads() -> None:
    """Every build that the tests run on is one on which looking works."""
    assert trial_deletion_works()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: [[[]] for _ in iter(stop.is_set, True)])
    thread.start()
    try:
        assert trial_deletion_works()
    finally:
        stop.set()
        thread.join()


def test_the_self_test_fails_without_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that has no generations, or lists objects in no order, is recognised."""
    monkeypatch.setattr(_garbage, "objects_of", lambda generation: gc.get_objects())
    assert not trial_deletion_works()
    monkeypatch.setattr(_garbage, "objects_of", lambda generation: objects_of(generation)[::-1])
    assert not trial_deletion_works()
