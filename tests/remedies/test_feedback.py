"""The cheapest labels without which graphs have no cycle, against a search of all sets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyclefree._remedies.feedback import Rows, cheapest_cut, find_cycle

# A loaded machine is no failure.
quick = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def graphs(draw: st.DrawFn, labels: int = 7) -> Rows:
    """Draw (label, target) of the references of each of up to 7 objects."""
    size = draw(st.integers(1, 7))
    reference = st.tuples(st.integers(0, labels - 1), st.integers(0, size - 1))
    return draw(st.lists(st.lists(reference, max_size=3), min_size=size, max_size=size))


def costs_of(labels: int = 7) -> st.SearchStrategy[dict[int, int]]:
    """Draw what some of the labels cost; the others stay."""
    return st.dictionaries(st.integers(0, labels - 1), st.integers(1, 30))


def is_cyclic(rows: Rows, without: frozenset[int]) -> bool:
    """Tell whether a graph has a cycle, the slow way: take away what refers to nothing left."""
    left = set(range(len(rows)))
    while left:
        ends = {
            at
            for at in left
            if not any(target in left for label, target in rows[at] if label not in without)
        }
        if not ends:
            return True
        left -= ends
    return False


def brute_force(several: Sequence[Rows], costs: Mapping[int, int]) -> int | None:
    """Return the cost of the cheapest set of labels among all sets; None when there is none."""
    prices = [
        sum(costs[label] for label in chosen)
        for number in range(len(costs) + 1)
        for chosen in itertools.combinations(costs, number)
        if not any(is_cyclic(rows, frozenset(chosen)) for rows in several)
    ]
    return min(prices, default=None)


@quick
@given(st.lists(graphs(), max_size=3), costs_of())
def test_no_set_is_cheaper(several: list[Rows], costs: dict[int, int]) -> None:
    """The cut frees all graphs of cycles, no cut is cheaper; None exactly when there is none."""
    cut = cheapest_cut(several, costs)
    best = brute_force(several, costs)
    if cut is None:
        assert best is None
    else:
        assert cut <= set(costs)
        assert not any(is_cyclic(rows, cut) for rows in several)
        assert sum(costs[label] for label in cut) == best


@quick
@given(st.lists(graphs(), min_size=1, max_size=3), costs_of())
def test_none_is_left_to_chance(several: list[Rows], costs: dict[int, int]) -> None:
    """The same graphs and costs, in whatever order the costs are kept, give the same cut."""
    cut = cheapest_cut(several, costs)
    other_way = dict(sorted(costs.items(), reverse=True))
    assert cheapest_cut([[list(row) for row in rows] for rows in several], other_way) == cut


@quick
@given(graphs(), st.frozensets(st.integers(0, 6)))
def test_find_cycle_finds_one(rows: Rows, without: frozenset[int]) -> None:
    """A cycle is found exactly when there is one, and its labels do lead around in order."""
    ring = find_cycle(rows, without)
    assert bool(ring) == is_cyclic(rows, without)
    assert without.isdisjoint(ring)
    places = {(start, start) for start in range(len(rows))}  # where it started, where it is
    for step in ring:
        places = {
            (start, target) for start, at in places for label, target in rows[at] if label == step
        }
    assert not ring or any(start == at for start, at in places)


@quick
@given(graphs(labels=40), costs_of(labels=40))
def test_many_labels_are_cut_all_the_same(rows: Rows, costs: dict[int, int]) -> None:
    """With more labels than are tried one by one the graph is freed of cycles as well."""
    cut = cheapest_cut([rows], costs)
    stay = frozenset(costs)
    if cut is None:
        assert is_cyclic(rows, stay)
    else:
        assert cut <= stay
        assert not is_cyclic(rows, cut)


def clique(size: int) -> Rows:
    """Let everything refer to everything else, each reference with a label of its own."""
    return [
        [(source * size + target, target) for target in range(size) if target != source]
        for source in range(size)
    ]


@pytest.mark.parametrize("size", [2, 6, 12, 30])
def test_a_clique_is_cut(size: int) -> None:
    """A clique needs one label of each pair; 30 objects are beyond what is learnt one by one."""
    rows = clique(size)
    cut = cheapest_cut([rows], dict.fromkeys(range(size * size), 1))
    assert cut is not None
    assert not is_cyclic(rows, cut)
    assert len(cut) == size * (size - 1) // 2


def test_a_cheap_pair_is_better_than_a_dear_one() -> None:
    """Two labels are taken where together they cost less than the one that is in all cycles."""
    rows: Rows = [[(0, 1)], [(1, 0), (2, 2)], [(0, 1)]]
    assert cheapest_cut([rows], {0: 9, 1: 4, 2: 4}) == {1, 2}
    assert cheapest_cut([rows], {0: 7, 1: 4, 2: 4}) == {0}
    assert cheapest_cut([rows], {1: 4, 2: 4}) == {1, 2}
    # Greed takes 1 first, and then has to pay for 2 as well.
    assert cheapest_cut([[[(0, 1)], [(1, 0), (2, 0)]]], {0: 8, 1: 3, 2: 9}) == {0}
    # Here what comes last in the search was put off while the best set known was still dearer.
    assert cheapest_cut([[[(4, 1)], [(1, 0), (0, 0)]]], {0: 9, 1: 4, 4: 8}) == {4}


def test_labels_that_stay_decide() -> None:
    """One cycle of labels that stay is enough for None, whatever the rest could do."""
    assert cheapest_cut([[[(0, 0)]], [[(1, 1)], [(2, 0)]]], {0: 1}) is None
    assert cheapest_cut([[[(0, 0)]], [[(1, 1)], [(2, 0)]]], {0: 1, 2: 5}) == {0, 2}


def test_nothing_needs_nothing() -> None:
    """Without a graph, or without a cycle, nothing has to go."""
    assert cheapest_cut([], {0: 1}) == frozenset()
    assert cheapest_cut([[], [[(0, 1)], []]], {0: 1}) == frozenset()
    assert find_cycle([]) == []


def test_long_chains_need_no_recursion() -> None:
    """A doubly linked list of 100,000 objects is searched, with one label or many in the ring."""
    size = 100_000
    rows = [
        [(0, at + 1)] * (at + 1 < size) + [(1, at - 1)] * (at > 0)  # next, previous
        for at in range(size)
    ]
    assert cheapest_cut([rows], {0: 3, 1: 2}) == {1}
    ring = [[(at % 3, (at + 1) % size)] for at in range(size)]
    assert len(find_cycle(ring)) == size
    assert cheapest_cut([ring], {0: 3, 1: 2, 2: 2}) == {1}
