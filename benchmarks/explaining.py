"""What it costs to explain one large cycle: kind, remedy and proof, linear in its references."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial

import cyclefree
from benchmarks.table import Aim, Row, micro
from benchmarks.timing import Contender, Plan, differences, interleave, ratios
from benchmarks.workloads import Node

__all__ = ["explaining"]

# Ten times the references may cost ten times the time, and half as much again: caches are small.
_LINEAR = Aim(1.5)


class _Tree:
    def __init__(self, parent: _Tree | None) -> None:
        self.parent = parent
        self.children: list[_Tree] = []


def _linked(number: int) -> int:
    """Make a doubly linked list; return its references."""
    before = Node(None)
    for _ in range(number - 1):
        node = Node(None)
        node.previous, before.next = before, node  # type: ignore[attr-defined]
        before = node
    return 2 * (number - 1)


def _tree(number: int) -> int:
    """Make a tree of threes whose nodes know their parents; return its references."""
    nodes = [_Tree(None)]
    for at in range(1, number // 2):  # a node and its list
        parent = nodes[(at - 1) // 3]
        node = _Tree(parent)
        parent.children.append(node)
        nodes.append(node)
    return 3 * len(nodes)


def _clique(number: int) -> int:
    """Make a clique of about so many references; return them."""
    peers = [Node([]) for _ in range(round(number**0.5))]
    for peer in peers:
        peer.value.extend(other for other in peers if other is not peer)  # type: ignore[attr-defined]
    return len(peers) ** 2


_SHAPES: dict[str, Callable[[int], int]] = {
    "doubly linked list": _linked,
    "tree with parents": _tree,
    "clique": _clique,
}


def _watched(make: Callable[[int], int], number: int) -> Callable[[], object]:
    def watched() -> object:
        with cyclefree.cycle_scope() as report:
            make(number)
        (cycle,) = report
        if cycle.count != 1 or cycle.remedy is None or not cycle.remedy.proven:
            raise AssertionError(f"one shape with a proven remedy was expected: {report}")
        return None

    return watched


def explaining(plan: Plan) -> Iterator[Row]:
    """Time one cycle of many objects, and ten times as many, with the work that makes it."""
    few, many = plan.explained
    for shape, make in _SHAPES.items():
        samples = interleave(
            {
                f"{kind} {number}": Contender(run, prepare=gc.collect, calls=1)
                for number in (few, many)
                for kind, run in (
                    ("bare", partial(make, number)),
                    ("watched", _watched(make, number)),
                )
            },
            plan.heavy_rounds,
            plan.batch_seconds,
        )
        gc.collect()
        each = {}
        for number in (few, many):
            watched, bare = samples[f"watched {number}"], samples[f"bare {number}"]
            references = make(number)
            gc.collect()
            each[number] = differences(watched, bare, references)
            yield Row(
                "explaining",
                f"{shape}, {references:,} references",
                "µs a reference",
                micro(each[number]),
                relative=ratios(watched, bare),
            )
        yield Row(
            "explaining",
            f"{shape}: a reference of the large one over one of the small one",
            "times",
            ratios(each[many], each[few]),
            _LINEAR,
        )
