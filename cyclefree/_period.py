"""The time in which a `gc_frozen` is open: its figures, its budgets, and what lies beyond them."""

from __future__ import annotations

import gc
from time import perf_counter_ns, thread_time_ns

from cyclefree import _counters
from cyclefree._budget import FreezeOptions
from cyclefree._counters import Totals, net_now
from cyclefree._memory import resident
from cyclefree._warn import warn_caller
from cyclefree.errors import BudgetExceededError
from cyclefree.stats import GCStats

__all__ = ["Period"]

_SHARE = 20
"""A checkpoint may collect for one part in so many of the time, that is five percent."""

_NOTHING = GCStats()


class Period:
    """One guard's times of being open, one after the other.

    Budgets are counted anew at each beginning; the figures are of all of them together.
    """

    _options: FreezeOptions
    # Defaults of the class: to set them for each guard would cost as much as the rest of it.
    _start: Totals | None = None
    _start_net = _bar = 0
    _resident = _resident_bar = 0
    _found = 0
    _given_up = False
    _past = _NOTHING
    _past_net = 0
    _not_before = 0
    _moved = 0  # of the totals, when all generations were collected last
    _full_net = 0  # net objects at that moment
    _all_next = False

    @property
    def stats(self) -> GCStats:
        """What has happened so far while this guard was open, all its times added up."""
        past = GCStats.merge(self._past, GCStats(net_objects=self._past_net, exceeded=self._found))
        start = self._start
        return past if start is None else GCStats.merge(past, self._since(start))

    def _begin_resident(self) -> None:
        """Note how much memory there is now, where that is asked for."""
        if self._options.max_rss is not None:
            self._resident = resident()
            self._resident_bar = self._resident + self._options.max_rss

    def _end(self) -> None:
        """Add what was counted to what is past."""
        self._given_up = False
        start, self._start = self._start, None
        if start is not None:  # otherwise ended by another thread's exit just now
            self._past = GCStats.merge(self._past, self._since(start))

    def _since(self, start: Totals) -> GCStats:
        """Return what has happened since `start`."""
        now = _counters.totals
        net = net_now() - self._start_net  # first: to read the memory makes objects
        growth = None
        if self._options.max_rss is not None:
            growth = resident() - self._resident
        return GCStats(
            now.automatic - start.automatic,
            now.explicit - start.explicit,
            now.pause_ns - start.pause_ns,
            net,
            growth,
            now.spent - start.spent,
        )

    # -- budgets -------------------------------------------------------------------------

    def _exceeded(self) -> str | None:
        """Say which budget is exceeded, if one is, and which options would allow for it."""
        net = net_now()
        if net > self._bar:
            return (
                f"about {net - self._start_net:,} objects have piled up in gc_frozen(), and "
                f"max_net_objects={self._options.max_net_objects:,}; find what piles up with "
                "cycle_scope(), call checkpoint(idle=True) where a pause does no harm, or raise "
                "the budget"
            )
        if self._has_grown():
            return (
                f"the memory of this process has grown by {resident() - self._resident:,} bytes in "
                f"gc_frozen(), and max_rss allows {self._options.max_rss:,}; find what piles up "
                "with cycle_scope(), or raise the budget"
            )
        return None

    def act(self, text: str) -> None:
        """Do what is to be done beyond a budget, other than to collect, and count it."""
        self._found += 1
        stats = self.stats
        self._raise_bars()
        if self._options.on_exceed == "restore":
            self._give_up()
        elif self._options.on_exceed == "warn":
            warn_caller(text)
        else:
            raise BudgetExceededError(text, stats)

    def _give_up(self) -> None:
        """Let the collector go on as without this guard, until its next beginning."""
        raise NotImplementedError

    def _collect(self, *, beyond: bool = False) -> int:
        """Collect what was born in this period, if collections have not taken too much time yet.

        The next one may come when this one's time is a twentieth of what has gone by since
        (tests/test_period.py::test_checkpoints_take_a_twentieth_of_the_time).

        Args:
            beyond: whether it is because a budget is exceeded, which is counted.

        Returns:
            The number of objects that the collector found.
        """
        began = thread_time_ns()  # what other processes take meanwhile is no time of ours
        if perf_counter_ns() < self._not_before:
            return 0
        self._found += beyond
        generation = self._options.generation
        moved = _counters.totals.moved
        if self._all_next or self._start is None or moved > max(self._start.moved, self._moved):
            generation = 2  # or a guard has moved the young to the oldest meanwhile
        freed = gc.collect(generation)
        if generation < 2 and self._has_grown():
            generation = 2
            freed += gc.collect()
        if generation == 2:
            self._moved = moved
            self._full_net = net_now()
        # What lives on is in the oldest generation from now on, and may become garbage there
        # (tests/test_period.py::test_what_outlives_a_checkpoint_is_collected_later).
        self._all_next = net_now() - max(self._full_net, self._start_net) > self._options.bar
        self._not_before = perf_counter_ns() + (_SHARE - 1) * (thread_time_ns() - began)
        self._raise_bars()
        return freed

    def _has_grown(self) -> bool:
        """Whether the process has more memory than `max_rss` allows."""
        return self._options.max_rss is not None and resident() > self._resident_bar

    def _raise_bars(self) -> None:
        """Allow for as much again, before the budget counts as exceeded once more."""
        self._bar = net_now() + self._options.bar
        if self._options.max_rss is not None:
            self._resident_bar = resident() + self._options.max_rss
