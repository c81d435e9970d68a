"""The options of `gc_frozen`, checked where the guard is made."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from cyclefree import _fallback
from cyclefree._counters import LARGEST
from cyclefree._memory import can_tell_resident, read_size
from cyclefree._options import shown
from cyclefree._thresholds import FULL_ONLY
from cyclefree.errors import CollectorError

__all__ = ["DEFAULT", "DEFAULT_BUDGET", "FreezeOptions", "freeze_options"]

DEFAULT_BUDGET = 1_000_000
"""Net containers: some 100 MB of small ones. A collection of so many young ones takes about 60 ms
where they live on, and 450 ms where they are all garbage (docs/latency.md)."""

_DEFER = {
    "all": "no automatic collection below the budget",
    "full": "young collections go on, full ones wait",
}
_ON_EXCEED = {
    "collect": "collect at the next checkpoint or exit",
    "restore": "let the collector go on as without gc_frozen",
    "warn": "give a CyclefreeWarning",
    "raise": "raise a BudgetExceededError",
}
_ON_EXIT = {"none": "no collection", "young": "collect the young", "full": "collect everything"}
_GENERATIONS = {"none": None, "young": 0, "full": 2}


@dataclass(frozen=True)
class FreezeOptions:
    """What a `gc_frozen` does: see there.

    Attributes:
        young: the budget as `_thresholds` takes it.
        max_net_objects: the budget, or None for none.
        max_rss: bytes of growth, or None for none.
        on_exceed: what to do beyond a budget.
        exit_generation: what to collect when the last scope ends; None for nothing.
        check: look for cycles at one entry of so many; None for none.
        bar: the budget as a number, a very large one where there is none.
        is_plain: whether an exit that exceeds no `max_net_objects` has nothing more to do.
    """

    young: int = DEFAULT_BUDGET
    max_net_objects: int | None = DEFAULT_BUDGET
    max_rss: int | None = None
    on_exceed: str = "collect"
    exit_generation: int | None = None
    check: int | None = None
    bar: int = field(init=False)
    is_plain: bool = field(init=False)

    def __post_init__(self) -> None:
        bar = sys.maxsize if self.max_net_objects is None else self.max_net_objects
        object.__setattr__(self, "bar", bar)
        is_plain = self.max_rss is None and self.exit_generation is None
        object.__setattr__(self, "is_plain", is_plain)

    @property
    def generation(self) -> int:
        """What a checkpoint has to collect to reach all that was born meanwhile.

        With full collections deferred alone, young ones have moved it on to the oldest generation;
        with all deferred it is in the first two, whose collection costs nothing for older objects.
        The second one of CPython 3.14.0 to 3.14.4 may find nothing.
        """
        return 2 if self.young == FULL_ONLY or is_incremental() else 1


DEFAULT = FreezeOptions()


def is_incremental() -> bool:
    """Whether this is a CPython whose old generation is collected bit by bit, 3.14.0 to 3.14.4."""
    return (3, 14) <= sys.version_info[:3] < (3, 14, 5)


def freeze_options(
    defer: object,
    max_net_objects: object,
    max_rss: object,
    on_exceed: object,
    on_exit: object,
    check: object,
) -> FreezeOptions:
    """Check the options of `gc_frozen` and return them.

    Raises:
        TypeError: an option is of the wrong type; the message says which, and what it takes.
        ValueError: an option has a value that means nothing.
        CollectorError: this interpreter has no full collections that could be deferred.
    """
    defer = _word("defer", defer, _DEFER)
    on_exceed = _word("on_exceed", on_exceed, _ON_EXCEED)
    on_exit = _word("on_exit", on_exit, _ON_EXIT)
    budget = _budget(max_net_objects)
    young = LARGEST if budget is None else budget
    if defer == "full":
        _require_full_collections()
        young = FULL_ONLY
    return FreezeOptions(
        young, budget, _growth(max_rss), on_exceed, _GENERATIONS[on_exit], _one_of(check)
    )


def _word(name: str, value: object, meanings: dict[str, str]) -> str:
    """Return a value that is one of a few words."""
    if type(value) is str and value in meanings:
        return value
    known = ", ".join(f'"{word}" ({meaning})' for word, meaning in meanings.items())
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{name}= takes one of {known}, not {shown(value)}")


def _one_of(value: object) -> int | None:
    """Return the number of entries of which one is looked at."""
    if value is None:
        return None
    if type(value) is not int:
        raise TypeError(
            f"check= takes a whole number or None, not {shown(value)}: check=100 looks for cycles "
            "at one entry of 100"
        )
    if value < 1:
        raise ValueError(
            f"check={value} looks at no entry at all; use 1 for each, N for one of N, or leave it "
            "out"
        )
    return value


def _budget(value: object) -> int | None:
    """Return the number of net objects that may pile up."""
    if value is None:
        return None
    if type(value) is not int:
        raise TypeError(
            f"max_net_objects= takes a whole number or None, not {shown(value)}: with 1_000_000 "
            "that many containers may pile up before a collection"
        )
    if not 0 < value < LARGEST:
        raise ValueError(
            f"max_net_objects={value} is no budget: it takes 1 to {LARGEST - 1:,} objects, or None "
            "for no automatic collection at all"
        )
    return value


def _growth(value: object) -> int | None:
    """Return the bytes by which the resident memory may grow."""
    if value is None:
        return None
    if type(value) not in (int, str):
        raise TypeError(
            f'max_rss= takes bytes or a text such as "512 MiB", not {shown(value)}; it is the '
            "growth that is allowed, not the size"
        )
    size = value if isinstance(value, int) else read_size(str(value))
    if size is None or size <= 0:
        raise ValueError(
            f"max_rss={value!r} is no amount of memory; write it as "
            '"512 MiB", "1.5 GB" or a number of bytes'
        )
    if not can_tell_resident():
        raise CollectorError(
            "max_rss= needs to know how much memory this process has, and there is no "
            "/proc/self/statm here; install psutil, or use max_net_objects= alone"
        )
    return size


def _require_full_collections() -> None:
    """Refuse to defer what this interpreter does not have."""
    if not _fallback.looking_works():
        raise CollectorError(
            'defer="full" needs a collector with generations, and this build of CPython (a '
            "free-threaded build) collects the whole heap each time; use "
            'defer="all"'
        )
    if is_incremental():
        raise CollectorError(
            'defer="full" needs a collector with full collections, and CPython 3.14.0 to 3.14.4 '
            'collects the old generation bit by bit; use defer="all", or CPython 3.14.5'
        )
