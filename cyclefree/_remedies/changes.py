"""What can be done about a tie: which change, what it costs, and how it is written down.

A change is offered only where it is honest: a list can't be held weakly, a generator held weakly
dies at once, a local can be deleted in the reader's own function and not in a library's.
"""

from __future__ import annotations

from cyclefree._remedies.change import Change, View
from cyclefree._remedies.code_changes import (
    closure,
    local,
    made_class,
    method,
    suspended,
    traceback,
)
from cyclefree._remedies.data_changes import attribute, entry
from cyclefree._remedies.ties import CONTAINER, EXCEPTION, METHOD, Tie

__all__ = ["change_for"]


def change_for(view: View, tie: Tie) -> Change | None:
    """Return the change that removes a tie, None where there is none."""
    if tie.kind == "class":
        return made_class(view, tie)
    if tie.kind == "suspended":
        return suspended(view, tie)
    sort = view.ties.sort(tie.source)
    targets = {view.ties.sort(target) for target in tie.targets.values()}
    if tie.kind == "local":
        return local(view, tie, targets)
    if targets == {METHOD}:
        return method(view, tie)
    if tie.kind == "closure":
        return closure(view, tie)
    if sort == EXCEPTION and tie.detail == "__traceback__":
        return traceback(view, tie)
    if sort == CONTAINER or tie.kind in ("key", "item", "member"):
        return entry(view, tie, targets)
    return attribute(view, tie, targets) if tie.kind == "attr" else None
