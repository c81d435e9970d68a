"""Windows: what was born between marks, and what a collection has moved on."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from cyclefree._window import Find, PromotedWindow, SteppedWindow, Window, index, search


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No collection but those that a test asks for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Node:
    """Has a weak reference, and a list to refer by."""

    __slots__ = ("__weakref__", "items")

    def __init__(self) -> None:
        self.items: list[object] = []


FINDS: list[Callable[[list[int]], Find]] = [search, index]


def born(window: Window, find: Callable[[list[int]], Find] = search) -> list[int]:
    """Return the identities of what counts as the window's own."""
    young = gc.get_objects(generation=0)
    where = find(list(map(id, young)))
    return [id(o) for start, stop in window.ranges(len(young), where) for o in young[start:stop]]


@pytest.mark.parametrize("find", FINDS)
def test_what_stands_behind_the_mark_is_what_was_born(find: Callable[[list[int]], Find]) -> None:
    """New containers, in the order of their birth, and nothing older."""
    before = [[] for _ in range(3)]
    window = PromotedWindow()
    window.step()
    assert window.is_running()
    dead: list[object] = []
    first, second, third = Node(), {"a": Node()}, (Node(),)
    del dead
    names = [id(first), id(second), id(third)]
    found = born(window, find)
    assert [name for name in found if name in names] == names
    assert not set(map(id, before)) & set(found)
    window.step()
    later = Node()
    assert not window.is_running()
    assert id(later) not in born(window, find)
    assert [name for name in born(window, find) if name in names] == names


@pytest.mark.parametrize("find", FINDS)
def test_steps_leave_out_what_lies_between_them(find: Callable[[list[int]], Find]) -> None:
    """Strangers allocate between the steps and count for nothing."""
    window = SteppedWindow()
    own, strangers = [], []
    for _ in range(5):
        window.step()
        own.append(Node())
        window.step()
        strangers.append(Node())
    found = set(born(window, find))
    assert {id(o) for o in own} <= found
    assert not found & {id(o) for o in strangers}
    assert not window.lost


@pytest.mark.parametrize("find", FINDS)
def test_a_restart_in_the_middle_of_a_step_goes_on(find: Callable[[list[int]], Find]) -> None:
    """After generation 0 was emptied, all of it up to the end of the step is the window's own."""
    window = PromotedWindow()
    window.step()
    gc.collect(0)
    window.restart()
    assert window.marks == [None]
    node = Node()
    window.step()
    stranger = Node()
    found = born(window, find)
    assert id(node) in found
    assert id(stranger) not in found
    window.restart()
    assert window.marks == []
    assert born(window, find) == []


@pytest.mark.parametrize("find", FINDS)
@pytest.mark.parametrize("steps", [1, 2])
def test_a_mark_that_has_vanished_is_told(find: Callable[[list[int]], Find], steps: int) -> None:
    """A mark that is nowhere in generation 0 makes the window lost."""
    window = PromotedWindow()
    for _ in range(steps):
        window.step()
    gc.collect(0)
    born(window, find)
    assert window.lost


def test_promoted_objects_are_followed_by_generation() -> None:
    """A plain call's objects are found again in the generation to which they went."""
    window = PromotedWindow()
    node = Node()
    dying = Node()
    assert not window.has_promoted()
    window.remember([node, dying], 0)
    assert window.has_promoted()
    gc.collect(0)
    del dying
    assert window.recall((), 0) == []
    assert [id(o) for o in window.recall((), 1)] == [id(node)]
    gc.collect(1)
    window.remember([node], 1)
    assert window.recall((), 1) == []
    assert [id(o) for o in window.recall((), 2)] == [id(node)]
    gc.collect(2)
    window.remember([node], 2)
    assert window.promoted_identities() == {id(node)}


def test_deepening_follows_a_move_to_the_oldest_generation() -> None:
    """What is moved on without a collection is looked for where it went."""
    window = PromotedWindow()
    node = Node()
    window.remember([node], 0)
    gc.collect(1)  # to generation 2
    window.deepen()
    assert [id(o) for o in window.recall((), 2)] == [id(node)]
    stepped = SteppedWindow()
    stepped.remember([node], 0)
    stepped.deepen()
    assert [id(o) for o in stepped.recall((), 2)] == [id(node)]


def test_a_stepped_window_takes_no_stranger_for_its_own() -> None:
    """The address of what has died is used again at once, and does not count."""
    window = SteppedWindow()
    reused = 0
    for _ in range(50):
        own = Node()
        address = id(own)
        window.remember([own], 0)
        del own
        stranger = Node()
        reused += id(stranger) == address
        assert window.recall((), 2) == []
    assert reused


def test_plain_containers_are_found_through_objects_that_are_known() -> None:
    """Lists and dictionaries have no weak reference; they are reached from what has one."""
    window = SteppedWindow()
    node = Node()
    inner: list[object] = []
    alone: list[object] = []
    node.items.append(inner)
    window.remember([node, node.items, inner, alone], 0)
    assert {id(o) for o in window.recall((), 2)} == {id(node), id(node.items), id(inner)}
    assert window.recall((), 0) == []
    # From what is still young they are reached too, and what is young is not returned again.
    assert {id(o) for o in window.recall([node, [alone]], 2)} == {
        *(id(node.items), id(inner), id(alone)),
    }
    assert window.promoted_identities() >= {id(node), id(inner), id(alone)}


def test_a_long_lived_coroutine_does_not_grow_by_what_it_once_held() -> None:
    """What has died is dropped from the window's memory now and then."""
    window = SteppedWindow()
    kept = Node()
    window.remember([kept], 0)
    for _ in range(30):
        window.remember([Node() for _ in range(100)], 0)
        window.remember([[] for _ in range(100)], 0)
    assert len(window._references) + len(window._plain) <= 1_400
    assert id(kept) in {id(o) for o in window.recall((), 2)}
