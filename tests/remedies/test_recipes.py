"""Recipes for the cycles of libraries: measured before and after the way round."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator

import pytest
import recipe_pairs_packages  # noqa: F401 - defines pairs
from recipe_pairs import Pair, all_pairs
from truth import saved_by_collector

from cyclefree import CycleReport, cycle_scope
from cyclefree._garbage import find_garbage
from cyclefree._graph import ObjectGraph, strongly_connected
from cyclefree._labels import Labels
from cyclefree._references import Namer
from cyclefree._remedies.recipes import PACKAGES, STANDARD, Recipe, recipe_for

RECIPES = (*STANDARD, *PACKAGES)
PAIRS = all_pairs()


def keys_of(recipe: Recipe) -> set[str]:
    """List how a pair may call a recipe."""
    same = [other for other in RECIPES if other.library == recipe.library]
    keys = {f"{recipe.library}:{recipe.types[0]}"} if recipe.types else {recipe.library}
    return keys | {recipe.library} if len(same) == 1 else keys


def recipe_of(pair: type[Pair]) -> Recipe:
    """Return the recipe that a pair measures."""
    return next(recipe for recipe in RECIPES if pair.key in keys_of(recipe))


def made(pair: type[Pair]) -> Pair:
    """Make a pair, or skip the test where it cannot run."""
    for package in pair.needs:
        pytest.importorskip(package)
    return pair()


def skip_unless_left(pair: type[Pair]) -> None:
    """Skip the test on a version that does not leave the cycle yet."""
    if sys.version_info < pair.since:
        pytest.skip(f"leaves a cycle since {pair.since}")


def left_until(pair: type[Pair]) -> tuple[int, ...]:
    """Return the first version that no longer leaves the cycle."""
    return pair.until or recipe_of(pair).until or (4,)


def found_in(report: CycleReport) -> list[Recipe | None]:
    """Find a recipe for each shape of a report."""
    return [
        recipe_for(
            cycle.modules,
            [name for name, _ in cycle.members],
            [summary.name for summary in cycle.objects if summary.name],
        )
        for cycle in report
    ]


@pytest.fixture
def collector_off() -> Iterator[None]:
    """Keep the collector off, and have nothing left for it before and after."""
    enabled = gc.isenabled()
    gc.disable()
    gc.collect()
    yield
    gc.collect()
    if enabled:
        gc.enable()


measuring = pytest.mark.usefixtures("collector_off")


def look(call: Callable[[], object], *, thorough: bool = False) -> CycleReport:
    """Return what a call leaves when caches have been filled."""
    call()
    call()
    gc.collect()
    with cycle_scope(thorough=thorough) as report:
        call()
        call()
    return report.report


def garbage_of(call: Callable[[], object]) -> list[object]:
    """Return the objects that two calls leave to the collector, unchanged by it."""
    call()
    gc.collect()
    first = len(gc.get_objects(generation=0))
    call()  # what the library keeps until its next call
    call()
    return find_garbage(gc.get_objects(generation=0)[first:])


@measuring
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_before(pair: type[Pair]) -> None:
    """Without the way round there is a cycle, for which this very recipe is found."""
    skip_unless_left(pair)
    recipe, case = recipe_of(pair), made(pair)
    report = look(case.before)
    if sys.version_info >= left_until(pair):
        assert recipe not in found_in(report), str(report)
        pytest.skip(f"leaves no cycle since {left_until(pair)}")
    assert recipe in found_in(report), str(report)


WITH_WAY_ROUND = [pair for pair in PAIRS if pair.after is not None]


@measuring
@pytest.mark.parametrize("pair", WITH_WAY_ROUND, ids=lambda pair: pair.__name__)
def test_after(pair: type[Pair]) -> None:
    """With the way round there is none, neither of new objects nor of those that it let go of."""
    case = made(pair)
    if sys.version_info < pair.since and pair.since == (3, 11):
        pytest.skip("uses what 3.11 brought")
    assert case.after is not None
    # What it lets go of is old, such as the last result of a parser that is reused: it takes a look
    # at the whole heap to see that, or the collector, when nothing else is left.
    report = look(case.after, thorough=bool(pair.leaves))
    keys = [keys_of(recipe) if recipe else set() for recipe in found_in(report)]
    assert all(found & pair.leaves for found in keys), str(report)
    if not pair.leaves:
        assert not saved_by_collector(case.after)


@measuring
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
def test_whole_component(pair: type[Pair]) -> None:
    """Told of all members, the same recipe is found; without what it lets go of, none is left."""
    skip_unless_left(pair)
    recipe, case = recipe_of(pair), made(pair)
    if sys.version_info >= left_until(pair):
        pytest.skip(f"leaves no cycle since {left_until(pair)}")
    graph = ObjectGraph(garbage_of(case.before))
    labels, namer = Labels(()), Namer()
    of_library = 0
    for component in graph.components():
        members = [graph.objects[index] for index in component]
        told = [labels.of(member) for member in members]
        names = [label.summary(member).name for label, member in zip(told, members, strict=True)]
        modules = [label.module for label in told if label.module]
        types = [label.shown for label in told]
        if recipe_for(modules, types, [name for name in names if name]) == recipe:
            of_library += 1
            left = left_of(members, recipe, namer) if recipe.lets_go else []
            del members, told
            assert not left
    assert of_library


def left_of(members: list[object], recipe: Recipe, namer: Namer) -> list[list[str]]:
    """List the cycles of a component that the way round would leave, as type names."""
    position = {id(member): index for index, member in enumerate(members)}
    successors = [
        [
            position[id(target)]
            for kind, detail, target in namer.folded_references(member)
            if id(target) in position and not (kind != "key" and detail in recipe.lets_go)
        ]
        for member in members
    ]
    return [
        [type(members[index]).__name__ for index in component]
        for component in strongly_connected(successors)
        if len(component) > 1 or component[0] in successors[component[0]]
    ]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: sorted(keys_of(recipe))[-1])
def test_every_recipe_has_a_pair(recipe: Recipe) -> None:
    """No recipe is told that is not measured; one without a way round says so."""
    pairs = [pair for pair in PAIRS if recipe_of(pair) == recipe]
    assert pairs
    nothing = recipe.text.startswith("nothing to change")
    assert all((pair.after is None) == nothing for pair in pairs)
    assert not (nothing and (recipe.lets_go or recipe.once))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: sorted(keys_of(recipe))[-1])
def test_texts(recipe: Recipe) -> None:
    """A recipe says in two lines at most what to do, and in one sentence why."""
    assert len(recipe.text) < 200
    assert recipe.text[-1] != "."
    assert recipe.text.count("`") % 2 == 0
    assert recipe.reason.endswith(".") and ". " not in recipe.reason


def test_no_two_recipes_for_the_same() -> None:
    """Each recipe can be the one that is found."""
    seen = [(recipe.library, recipe.types) for recipe in RECIPES]
    assert len(set(seen)) == len(seen)


def test_most_specific_wins() -> None:
    """The longest library prefix wins, then the recipe that asks for types."""
    by_types = recipe_for(["argparse"], ["HelpFormatter", "HelpFormatter._Section"], [])
    assert by_types is not None and by_types.types[0] == "HelpFormatter"
    plain = recipe_for(["argparse", "builtins"], ["_StoreAction", "_ArgumentGroup", "dict"], [])
    assert plain is not None and plain.library == "argparse" and not plain.types
    longer = recipe_for(["selectors", "xml.dom.minidom"], ["EpollSelector", "Document"], [])
    assert longer is not None and longer.library == "xml.dom.minidom"


def test_prefix_ends_at_a_dot() -> None:
    """`selectors` is not the library of `selectors_of_mine`."""
    assert recipe_for(["selectors_of_mine"], ["EpollSelector"], []) is None
    assert recipe_for(["xml.dom.minidom.more"], ["Document"], []) is not None


def test_frames_before_3_11() -> None:
    """A frame that knows only the last part of its function's name is recognised by that."""
    whole = recipe_for(["asyncio.taskgroups"], ["frame"], ["TaskGroup.__aexit__"])
    assert whole is not None
    assert recipe_for(["asyncio.taskgroups"], ["frame"], ["__aexit__"]) == whole
    assert recipe_for(["asyncio.taskgroups"], ["frame"], ["Other.__aexit__"]) is None


def test_unknown_library() -> None:
    """For a user's own module there is no recipe."""
    assert recipe_for(["shop.models", "builtins"], ["Order", "OrderLine", "list"], []) is None
    assert recipe_for([], [], []) is None
