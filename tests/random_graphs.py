"""Properties of random graphs, checked by tests/test_truth_random.py.

Each example collects the whole heap several times, so they run in a process of their own, where all
that importing has left is frozen: `python random_graphs.py PROPERTY`.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from truth import collect_all, collected

from cyclefree import CycleReport, _thresholds, assert_no_cycles, cycle_scope


class Plain:
    """Has a dictionary and weak references."""


class Slotted:
    """Has neither."""

    __slots__ = ("first", "second")


class SlottedWeak:
    """Has slots, and weak references."""

    __slots__ = ("__weakref__", "first", "second")


def made(kind: str, earlier: list[Any]) -> Any:
    """Make a node; what can't be changed later refers to the last of the earlier ones."""
    last = earlier[-1] if earlier else None
    if kind == "tuple":
        return (*earlier[-2:], [])
    if kind == "closure":
        cell = last
        return lambda: cell
    if kind == "bound method":
        return MethodType(len, last if last is not None else Plain())
    classes: dict[str, Any] = {
        "instance": Plain,
        "slots": Slotted,
        "slots, weak": SlottedWeak,
        "list": list,
        "dict": dict,
        "set": set,
    }
    return classes[kind]()


KINDS = (
    *("instance", "slots", "slots, weak", "list", "dict", "set"),
    *("tuple", "closure", "bound method"),
)
WEAK_KINDS = ("instance", "slots, weak", "closure", "bound method", "set")


def link(source: Any, target: Any) -> None:
    """Let `source` refer to `target`, where it can."""
    kind = type(source)
    if kind is Plain:
        setattr(source, f"to{id(target) % 5}", target)
    elif kind in (Slotted, SlottedWeak):
        setattr(source, ("first", "second")[id(target) // 16 % 2], target)
    elif kind is list:
        source.append(target)
    elif kind is dict:
        source[len(source)] = target
    elif kind is set and type(target) in (Plain, Slotted, SlottedWeak, FunctionType):
        source.add(target)
    elif kind is FunctionType:
        source.__closure__[0].cell_contents = target


@dataclass(frozen=True)
class Plan:
    """A graph to build: its nodes, its references, what stays held, how much of it is older."""

    kinds: tuple[str, ...]
    links: tuple[tuple[int, int], ...]
    held: tuple[int, ...]
    older: int

    def make(self, count: int, earlier: list[Any]) -> list[Any]:
        """Return `earlier` and the nodes up to number `count`."""
        nodes = list(earlier)
        for kind in self.kinds[len(nodes) : count]:
            nodes.append(made(kind, nodes))
        return nodes

    def run(self, outside: list[Any]) -> None:
        """Do it all: the older nodes come in `outside`, what stays held is in it afterwards."""
        nodes = self.make(len(self.kinds), outside)
        for source, target in self.links:
            link(nodes[source], nodes[target])
        outside[:] = [nodes[index] for index in self.held]

    def steps(self, outside: list[Any]) -> Iterator[None]:
        """Do the same, with a pause after each node and each reference."""
        nodes: list[Any] = list(outside)
        for kind in self.kinds[len(nodes) :]:
            nodes.append(made(kind, nodes))
            yield
        for source, target in self.links:
            link(nodes[source], nodes[target])
            yield
        outside[:] = [nodes[index] for index in self.held]
        del nodes
        yield


@st.composite
def plans(
    draw: st.DrawFn, *, older: bool = False, kinds: tuple[str, ...] = KINDS, size: int = 10
) -> Plan:
    """Draw a plan."""
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=size))
    number = st.integers(0, len(chosen) - 1)
    return Plan(
        tuple(chosen),
        tuple(draw(st.lists(st.tuples(number, number), max_size=2 * size))),
        tuple(draw(st.lists(number, max_size=2))),
        draw(st.integers(0, len(chosen))) if older else 0,
    )


def quick(examples: int) -> Any:
    """Return the settings: no deadline, as each example collects the whole heap."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes: by hand, when needed
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


# -- all born in the call --------------------------------------------------------------------


@quick(60)
@given(plans(size=14))
def new_objects(plan: Plan) -> None:
    """Among objects that are all new, block and decorator agree with the collector."""
    reports: list[CycleReport] = []
    guarded = assert_no_cycles(action=reports.append)(plan.run)
    for watch in ("block", "decorator"):
        outside: list[Any] = []
        reports.clear()
        with collected() as freed:
            if watch == "block":
                with cycle_scope() as handle:
                    plan.run(outside)
                reports.append(handle.report)
            else:
                guarded(outside)
        assert (watch, sum(report.objects for report in reports)) == (watch, sum(freed))


# -- closed through older objects ------------------------------------------------------------


def within_reach(garbage: list[object], older: set[int]) -> int:
    """Count what forward expansion can find: trial deletion over the new ones and what they reach.

    Older functions, through which everything is connected, are not followed.
    """
    leaves = (FunctionType, BuiltinFunctionType, CodeType)
    inside = {id(o): o for o in garbage if id(o) not in older or type(o) not in leaves}
    frontier = [o for o in garbage if id(o) not in older]
    reached = set(map(id, frontier))
    while frontier:
        found = [r for o in frontier for r in gc.get_referents(o) if id(r) in inside]
        frontier = [r for r in {id(r): r for r in found}.values() if id(r) not in reached]
        reached.update(map(id, frontier))
    frontier = [
        r for o in garbage if id(o) not in reached for r in gc.get_referents(o) if id(r) in reached
    ]
    while frontier:
        reached.difference_update(map(id, frontier))
        frontier = [r for o in frontier for r in gc.get_referents(o) if id(r) in reached]
    return len(reached)


@quick(60)
@given(plans(older=True, size=12), st.booleans())
@example(Plan(("list", "instance"), ((1, 1), (1, 0)), (), 1), False)
@example(Plan(("list", "instance"), ((1, 0), (0, 1)), (), 1), False)
def older_objects_thorough(plan: Plan, promoted: bool) -> None:
    """With `thorough` all is found that the call lets go of."""
    outside = plan.make(plan.older, [])
    with collected() as freed:
        if promoted:
            gc.collect(0)
        with cycle_scope(thorough=True) as report:
            plan.run(outside)
    assert report.objects == sum(freed)


@quick(60)
@given(plans(older=True, size=12), st.booleans())
@example(Plan(("list", "instance"), ((1, 1), (1, 0)), (), 1), False)
@example(Plan(("list", "instance"), ((1, 0), (0, 1)), (), 1), False)
def older_objects(plan: Plan, promoted: bool) -> None:
    """By default what the new objects lead to is found."""
    collect_all()
    outside = plan.make(plan.older, [])
    older = set(map(id, gc.get_objects(generation=0)))
    if promoted:
        gc.collect(0)
    with cycle_scope() as report:
        plan.run(outside)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        expected = within_reach(gc.garbage, older)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert report.objects == expected


# -- collections inside ----------------------------------------------------------------------


@quick(60)
@given(plans(size=8), plans(size=8), st.integers(0, 2), st.booleans())
def a_collection_inside(first: Plan, second: Plan, generation: int, thorough: bool) -> None:
    """What a collection inside the window frees counts, what it leaves is not counted twice."""
    outside: list[Any] = []
    with collected() as freed, cycle_scope(thorough=thorough) as report:
        first.run(outside)
        gc.collect(generation)
        second.run([])
        gc.collect(generation)
        for held in outside:
            link(held, outside[0])
        del outside[:]
        held = None  # the loop's own variable
    assert report.objects == sum(freed)


@quick(50)
@given(plans(size=8), st.integers(1, 60))
def a_window_that_rolls_over(plan: Plan, ballast: int) -> None:
    """A paused collector that runs when its budget is spent takes nothing away unseen."""
    before = gc.get_threshold()
    budget = _thresholds.BUDGET
    _thresholds.BUDGET = 201
    gc.set_threshold(100, 3, 3)
    gc.enable()
    try:
        with collected() as freed, cycle_scope() as report:
            held: list[list[Any]] = []
            for _ in range(5):
                outside: list[Any] = []
                plan.run(outside)
                held.append([outside, *([] for _ in range(ballast))])
                plan.run([])
            del held, outside
    finally:
        gc.disable()
        gc.set_threshold(*before)
        _thresholds.BUDGET = budget
    assert report.objects == sum(freed)


# -- windows in steps ------------------------------------------------------------------------


def watched(plan: Plan, between: list[int], *, thorough: bool) -> tuple[int, int]:
    """Return what the guard of a generator reports, and what the collector found.

    Args:
        plan: what the generator does in its steps.
        between: what happens after each: a collection of this generation, or others allocate.
        thorough: the option.
    """
    reports: list[CycleReport] = []
    guarded = assert_no_cycles(action=reports.append, thorough=thorough)(plan.steps)
    strangers: list[list[object]] = []
    outside: list[Any] = []
    with collected() as freed:
        for number, _ in enumerate(guarded(outside)):
            what = between[number % len(between)]
            if what < 3:
                gc.collect(what)
            strangers = [[] for _ in range(what)]
        del _
        outside.clear()
        strangers.clear()
        found = sum(freed)
        garbage = gc.collect()
    assert sum(freed) == found + garbage
    return sum(report.objects for report in reports), sum(freed)


between_steps = st.lists(st.integers(0, 9), min_size=1, max_size=6)


@quick(50)
@given(plans(size=8, kinds=WEAK_KINDS), between_steps)
@example(Plan(("instance",), ((0, 0),), (), 0), [1])
def steps(plan: Plan, between: list[int]) -> None:
    """A guarded generator reports what it left, whatever is collected between its steps."""
    reported, true = watched(Plan(plan.kinds, plan.links, (), 0), between, thorough=False)
    assert reported == true


@quick(50)
@given(plans(size=8), between_steps)
@example(Plan(("list",), ((0, 0),), (), 0), [2])
def steps_with_plain_containers(plan: Plan, between: list[int]) -> None:
    """With `thorough` also lists, dictionaries and tuples that nothing new leads to any more."""
    reported, true = watched(Plan(plan.kinds, plan.links, (), 0), between, thorough=True)
    assert reported == true


PROPERTIES = {
    check.__name__: check
    for check in (
        new_objects,
        older_objects_thorough,
        older_objects,
        a_collection_inside,
        a_window_that_rolls_over,
        steps,
        steps_with_plain_containers,
    )
}

if __name__ == "__main__":
    gc.disable()
    collect_all()
    gc.freeze()
    PROPERTIES[sys.argv[1]]()
