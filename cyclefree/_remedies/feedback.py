"""The cheapest set of labels without which a graph has no cycle.

A *row* lists what one object refers to as pairs (label, target): all references that one change of
the code would remove have the same label. This is the minimum feedback arc set with labels in the
place of arcs, and is solved by implicit hitting sets (Moreno-Centeno and Karp, "The implicit
hitting set approach to solve combinatorial optimization problems", 2013): take the cheapest labels
that hit every cycle known so far, look for a cycle that they miss, add it to the known ones, and so
on until there is none. Few cycles need to be known before that, however many there are, and what
remains in the end has been searched as a whole: that is the proof.

Nothing here knows of live objects; everything is linear in the rows for each cycle that is learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["Rows", "cheapest_cut", "find_cycle"]

Rows = Sequence[Sequence[tuple[int, int]]]
"""For each object (label, target) of its references."""

_EXACT_LABELS = 20
"""Labels up to which the set is the cheapest there is; beyond, the one that greed finds."""

_ROUNDS = 200
"""Cycles to learn before labels are only added. 20 labels on 90 random references needed up to 55;
a clique with a label for each reference needs as many as it has pairs."""

_Cycles = list[frozenset[int]]


def cheapest_cut(graphs: Sequence[Rows], costs: Mapping[int, int]) -> frozenset[int] | None:
    """Choose labels without which none of the graphs has a cycle.

    Args:
        graphs: the graphs, all of which the same labels have to free of cycles.
        costs: what it costs to take a label out; labels that are not here stay.

    Returns:
        The cheapest such set, exactly so where at most 20 labels and 200 cycles have to be known;
        None when there is a cycle of labels that stay.
    """
    known: _Cycles = []
    cut: frozenset[int] = frozenset()
    at = clean = 0  # graphs are asked in turns; done when all were clean with the same cut
    while clean < len(graphs):
        ring = find_cycle(graphs[at], cut)
        if not ring:
            clean += 1
            at = (at + 1) % len(graphs)
            continue
        choice = frozenset([label for label in ring if label in costs])
        if not choice:
            return None
        if len(known) < _ROUNDS:
            known.append(choice)
            cut = _hitting(known, costs)
        else:
            cut |= {min(choice, key=lambda label: (costs[label], label))}
        clean = 0
    return cut


def find_cycle(rows: Rows, without: frozenset[int] = frozenset()) -> list[int]:
    """Find a cycle among the references whose label is not in `without`.

    Returns:
        The labels of its references in order; empty when there is none.
    """
    state = bytearray(len(rows))  # 1: on the path, 2: leads to no cycle
    for root in range(len(rows)):
        if state[root]:
            continue
        state[root] = 1
        path, labels, todo = [root], [-1], [iter(rows[root])]
        while path:
            for label, target in todo[-1]:
                if label in without or state[target] == 2:
                    continue
                if state[target]:
                    return [*labels[path.index(target) + 1 :], label]
                state[target] = 1
                path.append(target)
                labels.append(label)
                todo.append(iter(rows[target]))
                break
            else:
                state[path.pop()] = 2
                labels.pop()
                todo.pop()
    return []


def _hitting(known: _Cycles, costs: Mapping[int, int]) -> frozenset[int]:
    """Choose labels of which at least one is in each known cycle, cheaply."""
    labels = frozenset().union(*known)
    needed = [c for c in set(known) if not any(other < c for other in known)]
    if len(labels) > _EXACT_LABELS:
        return _greedy(needed, costs)
    # A branch for each label of the first cycle that is not hit; cheapest first, so that a branch
    # that costs as much as the best one is cut off.
    best = _greedy(needed, costs)
    limit = sum(costs[label] for label in best)
    todo: list[tuple[int, frozenset[int], frozenset[int]]] = [(0, frozenset(), frozenset())]
    while todo:
        spent, taken, refused = todo.pop()
        if spent >= limit:  # the limit has come down meanwhile
            continue
        open_ones = [c - refused for c in needed if not c & taken]
        if not open_ones:
            best, limit = taken, spent
            continue
        smallest = min(open_ones, key=lambda c: (len(c), sorted(c)))
        order = sorted(smallest, key=lambda label: (costs[label], label))
        branches = []
        for number, label in enumerate(order):
            if spent + costs[label] < limit:
                # What an earlier branch has tried need not be tried again here.
                left_out = refused.union(order[:number])
                branches.append((spent + costs[label], taken | {label}, left_out))
        todo += reversed(branches)
    return best


def _greedy(needed: _Cycles, costs: Mapping[int, int]) -> frozenset[int]:
    """Take the label that hits most cycles for its cost, until all are hit."""
    taken: set[int] = set()
    left = needed
    while left:
        hits: dict[int, int] = {}
        for cycle in left:
            for label in cycle:
                hits[label] = hits.get(label, 0) + 1
        # min over (cost per hit, label): the same in every process
        chosen = min(hits, key=lambda label: (costs[label] / hits[label], label))
        taken.add(chosen)
        left = [cycle for cycle in left if chosen not in cycle]
    return frozenset(taken)
