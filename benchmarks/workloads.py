"""What is measured: heaps, clean calls, calls that return much, calls that leave cycles."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = [
    "Node",
    "chain_of_six",
    "clean",
    "heap",
    "instances",
    "make_rings",
    "records",
    "settled",
    "young",
]


class Node:
    """An instance with a dictionary of attributes, as most are."""

    def __init__(self, value: object) -> None:
        self.value = value


def clean() -> int:
    """Make a few objects and leave none: a short call of a program that has no cycles."""
    first = Node([1, 2, 3])
    second = Node({"first": first})
    return 1 + (first is not second)


def records(survivors: int) -> Callable[[], object]:
    """Return a call that returns `survivors` containers: a list of dicts with a list each."""

    def call() -> object:
        return [{"number": number, "tags": [number]} for number in range(survivors // 2)]

    return call


def instances(survivors: int) -> Callable[[], object]:
    """Return a call that returns `survivors` containers: instances that refer to each other.

    Each refers to the one before it, so that none is reached in one step from the result alone.
    """

    def call() -> object:
        before = None
        made = []
        for _ in range(survivors):
            before = Node(before)
            made.append(before)
        return made

    return call


def make_rings(number: int) -> None:
    """Leave `number` cycles of two instances."""
    for _ in range(number):
        first = Node(None)
        first.value = Node(first)


def chain_of_six(number: int, every: int) -> list[object]:
    """Return `number` living objects; leave a cycle of six objects with every `every`th of them."""
    made: list[object] = []
    for position in range(number):
        made.append(Node(position))
        if position % every == 0:
            last = first = Node(None)
            for _ in range(4):
                last = Node(last)
            first.value = [last]
    return made


@contextmanager
def heap(objects: int) -> Iterator[None]:
    """Keep `objects` more containers alive, in the oldest generation and not frozen."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        kept: list[object] = []
        for number in range(objects // 2):
            kept.append(Node([number]))
    finally:
        if enabled:
            gc.enable()
    gc.collect()
    try:
        yield
    finally:
        del kept


def young(share: float) -> Callable[[], object]:
    """Return what fills generation 0 to `share` of its threshold, as in a program that runs."""
    number = int(gc.get_threshold()[0] * share)

    def prepare() -> object:
        gc.collect(0)
        return [[] for _ in range(number)]

    return prepare


def settled() -> None:
    """Empty the younger generations, so that one sample's objects are not the next one's young."""
    gc.collect(1)
