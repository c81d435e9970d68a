"""The smallest change that removes all cycles of one shape, proved on the captured graph.

References are collapsed to ties (`ties`), each tie has a change and its cost or none (`changes`),
and of all sets of ties without which no cycle is left the cheapest one is the remedy
(`feedback`). The search ends when every cycle of the shape has been looked through without these
ties and none was left; only then does a text say "checked".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cyclefree._labels import Label
from cyclefree._remedies.change import Change, View
from cyclefree._remedies.changes import change_for
from cyclefree._remedies.data_changes import let_go_text
from cyclefree._remedies.feedback import Rows, cheapest_cut, find_cycle
from cyclefree._remedies.kinds import kinds
from cyclefree._remedies.libraries import Ownership, library_name
from cyclefree._remedies.recipes import Recipe, recipe_for
from cyclefree._remedies.stores import Stores, shown_sites
from cyclefree._remedies.ties import METHOD, NamedRows, Tie, Ties
from cyclefree.reports import Remedy

__all__ = ["Explained", "Explainer", "unexplained"]

CHECKED = "checked: no cycle of this shape remains"

_NAMED = 3  # references of a library that its text names

Ring = Sequence[tuple[int, int]]
"""Steps of a ring: position of the object, number of the reference in its row."""


class Explained(NamedTuple):
    """What is said of one shape beside what it consists of."""

    kind: str | None
    remedy: Remedy
    stored_at: tuple[str | None, ...]  # for each reference of the ring


def unexplained(error: str, references: int) -> Explained:
    """Return what is said of a shape whose explanation failed: that it did, and how."""
    remedy = Remedy(
        text="none: cyclefree could not explain this shape",
        reference=None,
        proven=False,
        reason=f"{error} while it was explained, a fault of cyclefree: please report it",
    )
    return Explained(None, remedy, (None,) * references)


class Explainer:
    """Explains the shapes of one report; holds objects until it is dropped.

    Args:
        objects: the live objects.
        labels: their labels.
        only: the packages that the reader calls their own.
    """

    def __init__(
        self,
        objects: list[object],
        labels: list[Label],
        only: tuple[str, ...],
    ) -> None:
        self._objects = objects
        self._labels = labels
        self._ownership = Ownership(only)
        self._stores = Stores(self._ownership.modules)

    def explain(self, example: NamedRows, ring: Ring, others: Iterable[NamedRows]) -> Explained:
        """Name the kind of a shape, and find its remedy.

        Args:
            example: the named references of the example that is shown.
            ring: the ring that is shown of it.
            others: the named references of all other cycles of the shape.
        """
        modules = self._modules(example)
        ties = Ties(self._objects, self._labels, self._stores, modules)
        rows, order = ties.rows(example)
        numbers = _along(ring, rows, order)
        view = View(
            self._objects, self._labels, ties, self._stores, self._ownership, modules, order
        )
        if not view.users:  # but the reader may have put attributes into a library's objects
            view.users = any(view.is_readers(tie) for tie in ties.all if tie.kind == "attr")
        shape = _Shape(view, rows, order, numbers)
        graphs = [rows, *[ties.rows(other)[0] for other in others]]
        libraries = shape.libraries()
        if not view.users and libraries:
            kind = f"a library's own cycle ({library_name(libraries)})"
            return shape.explained(kind, shape.around(graphs))
        names = kinds(rows, [ties.sort(position) for position in order])
        return shape.explained(" + ".join(names), shape.remedy(graphs))

    def _modules(self, example: Iterable[int]) -> list[str]:
        """List the reader's modules that have to do with a cycle."""
        found = dict.fromkeys(self._labels[position].module for position in example)
        return [m for m in found if m is not None and not self._ownership.is_library(m)]


def _along(ring: Ring, rows: Rows, order: Sequence[int]) -> tuple[int, ...]:
    """Return the ties of a ring's references."""
    index = {position: at for at, position in enumerate(order)}
    return tuple([rows[index[position]][number][0] for position, number in ring])


class _Shape:
    """One shape while it is explained."""

    def __init__(
        self,
        view: View,
        rows: Rows,
        order: Sequence[int],
        ring: tuple[int, ...],
    ) -> None:
        self._view = view
        self._ties = view.ties
        self._rows = rows
        self._order = order
        self._ring = ring
        self._known: dict[int, Change | None] = {}

    def change(self, number: int) -> Change | None:
        """Return the change for a tie."""
        if number not in self._known:
            self._known[number] = change_for(self._view, self._ties.all[number])
        return self._known[number]

    def explained(self, kind: str, remedy: Remedy) -> Explained:
        """Add where the references of the ring are stored, for those that are to be changed."""
        stored: list[str | None] = [None] * len(self._ring)
        for at in remedy.marks:
            change = self.change(self._ring[at]) or self.change(self._ring[at + 1 - len(stored)])
            if change is not None and not change.library:  # nobody will go there
                stored[at] = shown_sites(change.sites())
        return Explained(kind, remedy, tuple(stored))

    def remedy(self, graphs: Sequence[Rows]) -> Remedy:
        """Find the cheapest changes without which no cycle of the shape is left."""
        cut = self._cheapest(graphs)
        if cut is None:
            return self._none()
        self._let_go_of_the_owned(cut)
        order = sorted(cut, key=lambda n: (n not in self._ring, self._ties.all[n].reference))
        chosen = [(number, change) for number in order if (change := self.change(number))]
        if all(change.library for _, change in chosen):
            return self._in_library([n for n, _ in chosen], graphs)
        # Who catches an exception can drop its traceback, whatever library keeps it.
        tracebacks = {n for n in cut if self._ties.all[n].detail == "__traceback__"}
        mine = [(n, change) for n, change in chosen if not change.library or n in tracebacks]
        own = frozenset([n for n, _ in mine])
        theirs = [self._ties.all[n] for n in order if n not in own]
        text = "\n".join(dict.fromkeys(self._written(number, change) for number, change in mine))
        reason, proven = CHECKED, not theirs
        if theirs:
            recipe = self._recipe()
            if recipe is None:
                are = "is" if len(theirs) == 1 else "are"
                reason = f"not enough by itself: {_some(theirs)} {are} a library's"
            else:
                text += f"\n{recipe.text}"
                proven = self._frees(recipe, graphs, own)
                reason = recipe.reason.rstrip(".") + (f"; {CHECKED}" if proven else "")
        owners = self._to_be_owned(cut)
        if owners:
            they = "it dies with its" if len(owners) == 1 else "they die with their"
            reason += (
                f"; {' and '.join(owners)} must then be held by its user, or {they} last strong "
                "reference"
            )
        return Remedy(
            text=text,
            reference=", ".join(self._ties.all[number].reference for number, _ in mine),
            proven=proven,
            reason=reason,
            marks=self._marks(own),
            advice=self._advice(own),
        )

    def _let_go_of_the_owned(self, cut: frozenset[int]) -> None:
        """Let go of what two weak references together would let die, such as `prev` and `next`.

        Each tie is judged by itself at first; with all of the cut gone, an object may have no owner
        left. Then what leads to it from an older object, and from no younger one, was its owner.
        """
        ways: dict[int, dict[int, bool]] = {}  # for each object the ties, and whether all are older
        for at, row in enumerate(self._rows):
            for number, target in row:
                if target != at:
                    older = ways.setdefault(target, {})
                    is_older = self._order[at] < self._order[target]
                    older[number] = older.get(number, True) and is_older
        orphaned: dict[int, int] = {}
        for older in ways.values():
            if cut.issuperset(older) and len(older) > 1:
                for number in older:
                    orphaned[number] = orphaned.get(number, 0) + older[number]
        for number, count in orphaned.items():
            tie, change = self._ties.all[number], self.change(number)
            is_owner = 2 * count > tie.reached and tie.kind == "attr" and tie.owner is not None
            if is_owner and change is not None and change.weak:
                self._known[number] = change._replace(
                    advice="let go of this when done", text=let_go_text(tie), weak=False
                )

    def around(self, graphs: Sequence[Rows]) -> Remedy:
        """Find the way round a cycle that has nothing of the reader's in it."""
        return self._in_library(sorted(self._cheapest(graphs) or ()), graphs)

    def _cheapest(self, graphs: Sequence[Rows]) -> frozenset[int] | None:
        costs = {}
        for number in range(len(self._ties.all)):
            change = self.change(number)
            if change is not None:
                costs[number] = change.cost
        return cheapest_cut(graphs, costs)

    def _written(self, number: int, change: Change) -> str:
        """Write one change down, with its place where the ring doesn't show it."""
        text = change.text
        if number not in self._ring:
            place = shown_sites(change.sites())
            if place is not None:
                text += f"  (stored at {place})"
        return text

    def _to_be_owned(self, cut: frozenset[int]) -> list[str]:
        """Name the types of objects that nothing in the cycle holds strongly any more."""
        weak = {number for number in cut if (change := self.change(number)) and change.weak}
        held: set[int] = set()
        loose: set[int] = set()
        methods = {at for at, p in enumerate(self._order) if self._ties.sort(p) == METHOD}
        for at, row in enumerate(self._rows):
            for number, target in row:
                if number in weak and target in methods:
                    # Held weakly, a method holds its instance no longer.
                    loose.update(owner for _, owner in self._rows[target] if owner != at)
                elif number in weak:
                    loose.add(target)
                elif number not in cut and at not in methods:
                    held.add(target)
        labels = self._view.labels
        return sorted({labels[self._order[at]].shown for at in loose - held})

    def _marks(self, cut: frozenset[int]) -> tuple[int, ...]:
        """Return which references of the ring are to be changed.

        A generator is closed, and not what it holds changed: what leads to it is marked.
        """
        size = len(self._ring)
        marks = [
            (at - (self._ties.all[number].kind == "suspended")) % size
            for at, number in enumerate(self._ring)
            if number in cut
        ]
        return tuple(sorted(set(marks)))

    def _advice(self, cut: frozenset[int]) -> str:
        for number in self._ring:
            change = self.change(number)
            if number in cut and change is not None:
                return change.advice
        return ""

    # --- what is not the reader's ----------------------------------------------------------

    def libraries(self) -> set[str]:
        """Return the modules of libraries whose classes and functions are in the cycle."""
        return self._modules(at for at in self._order if self._view.is_library(at))

    def _modules(self, positions: Iterable[int]) -> set[str]:
        return {self._view.labels[position].module or "" for position in positions} - {""}

    def _in_library(self, cut: Sequence[int], graphs: Sequence[Rows]) -> Remedy:
        """Say how to get round references that the reader can't change."""
        theirs = [self._ties.all[number] for number in cut]
        reference = ", ".join(tie.reference for tie in theirs) or None
        library = library_name(self.libraries() or self._modules(self._order))
        marks = self._marks(frozenset(cut))
        advice = f"closes the cycle, inside {library}" if marks else ""
        recipe = self._recipe()
        if recipe is not None:
            proven = self._frees(recipe, graphs)
            reason = recipe.reason.rstrip(".") + (f"; {CHECKED}" if proven else "")
            return Remedy(recipe.text, reference, proven, reason, marks, advice)
        if cut and all(tie.detail == "__traceback__" for tie in theirs):
            caught = sorted({tie.reference.partition(".")[0] for tie in theirs})
            text = f"where your code catches the {' or '.join(caught)}:  error.__traceback__ = None"
            return Remedy(
                text,
                reference,
                proven=True,
                reason=CHECKED,
                marks=marks,
                advice="drop this traceback",
            )
        what = "no reference to change" if self._view.users else "nothing"
        text = (
            f"{library} makes this cycle, and {what} in it is yours: make what it belongs to once "
            "and reuse it where you can, or tell its authors"
        )
        reason = f"closed by {_some(theirs)}" if theirs else "no single cause found"
        return Remedy(text, reference, False, reason, marks, advice)

    def _recipe(self) -> Recipe | None:
        """Find the known way round a cycle of a library."""
        types: set[str] = set()
        names: set[str] = set()  # of functions and classes themselves
        for position in self._order:
            label = self._view.labels[position]
            types.add(label.shown)
            names.add(label.summary(self._view.objects[position]).name or "")
        names.discard("")
        return recipe_for(self._modules(self._order), types | names, names)

    def _frees(
        self, recipe: Recipe, graphs: Sequence[Rows], own: frozenset[int] = frozenset()
    ) -> bool:
        """Whether no cycle is left without what a recipe has the library let go of."""
        wanted = frozenset(recipe.lets_go)
        gone = frozenset(
            [
                number
                for number, tie in enumerate(self._ties.all)
                if not wanted.isdisjoint(tie.details) and not self._view.is_users(tie.source)
            ]
        )
        return bool(gone) and not any(find_cycle(rows, gone | own) for rows in graphs)

    def _none(self) -> Remedy:
        return Remedy(
            text="none can be told from the graph alone",
            reference=None,
            proven=False,
            reason=(
                "each change that could be proposed leaves a cycle of references that no code of "
                "yours holds by name; see the references listed above"
            ),
        )


def _some(ties: Sequence[Tie]) -> str:
    """Name a few ties."""
    names = [tie.reference for tie in ties[:_NAMED]]
    more = f" and {len(ties) - _NAMED} more" if len(ties) > _NAMED else ""
    return ", ".join(names) + more
