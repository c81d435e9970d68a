"""Interleaved timing: A B A B ..., so that what disturbs the machine disturbs all alike.

Short work is timed by the CPU clock of the thread, where that is fine enough, so that other
processes on the machine do not count; whole processes by the CPU clock of child processes.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import get_clock_info, perf_counter, thread_time

__all__ = [
    "Contender",
    "Plan",
    "Quartiles",
    "Samples",
    "differences",
    "interleave",
    "quartiles",
    "ratios",
    "sample",
]

Samples = list[float]

_MOST_CALLS = 50_000

_clock = thread_time if get_clock_info("thread_time").resolution < 1e-6 else perf_counter


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        rounds: samples of each contender.
        batch_seconds: how long one sample of a short call is to take.
        heaps: extra living objects at which a clean call is timed.
        flat: the small and the large heap whose ratio says whether the cost is flat.
        survivors: how many objects the calls return.
        tasks: tasks in flight at once.
        steps: steps of the one long coroutine; the many tasks make a fortieth each.
        cycles: small cycles to describe.
        explained: sizes of one large cycle to explain.
        audit: objects made in the audit-like scope.
        processes: samples of each import, a process each.
    """

    rounds: int = 21
    batch_seconds: float = 0.01
    heaps: tuple[int, ...] = (0, 10_000, 100_000, 1_000_000)
    flat: tuple[int, int] = (10_000, 1_000_000)
    survivors: tuple[int, ...] = (100, 10_000, 100_000)
    tasks: int = 1_000
    steps: int = 2_000
    cycles: int = 10_000
    explained: tuple[int, int] = (10_000, 100_000)
    audit: int = 500_000
    processes: int = 21

    @property
    def heavy_rounds(self) -> int:
        """Samples of each contender where one of them takes a good part of a second."""
        return max(3, self.rounds // 2)


@dataclass(frozen=True)
class Contender:
    """Something to time.

    Attributes:
        run: one call.
        prepare: called before each sample, outside the measured time. What it returns is kept alive
            until the sample is taken.
        calls: calls in a sample; None for as many as fill the plan's `batch_seconds`.
        clock: what to time it by, in seconds; None for the CPU clock of this thread.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] | None = None
    calls: int | None = None
    clock: Callable[[], float] | None = None


def interleave(
    contenders: Mapping[str, Contender], rounds: int, batch_seconds: float
) -> dict[str, Samples]:
    """Return `rounds` samples of each contender, in seconds a call, taken in turns.

    A first sample of each is taken to warm up and thrown away.
    """
    calls = {}
    for name, contender in contenders.items():
        calls[name] = contender.calls or _calls_for(contender, batch_seconds)
        sample(contender, calls[name])
    samples: dict[str, Samples] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            samples[name].append(sample(contender, calls[name]))
    return samples


def _calls_for(contender: Contender, batch_seconds: float) -> int:
    """Return how many calls take about `batch_seconds`."""
    calls = 1
    while calls < _MOST_CALLS:
        seconds = sample(contender, calls)
        if calls * seconds >= batch_seconds / 2:
            return max(1, min(_MOST_CALLS, round(batch_seconds / seconds)))
        calls *= 4
    return _MOST_CALLS


def sample(contender: Contender, calls: int) -> float:
    """Return the seconds that a call takes, over `calls` calls."""
    kept = contender.prepare() if contender.prepare is not None else None
    run = contender.run
    clock = contender.clock or _clock
    if calls == 1:
        begin = clock()
        result = run()  # what it returns is dropped outside the measured time
        seconds = clock() - begin
        del result
    else:
        begin = clock()
        for _ in repeat(None, calls):
            run()
        seconds = clock() - begin
    del kept
    return seconds / calls


@dataclass(frozen=True)
class Quartiles:
    """The middle of some samples, and the range of their middle half."""

    low: float
    median: float
    high: float


def quartiles(samples: Sequence[float]) -> Quartiles:
    """Return median and quartiles, of any number of samples from one on."""
    if len(samples) == 1:
        return Quartiles(samples[0], samples[0], samples[0])
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Quartiles(low, median, high)


def ratios(samples: Sequence[float], base: Sequence[float]) -> Samples:
    """Return how many times `base` each sample is, pair by pair, as a pair met one machine."""
    return [taken / reference for taken, reference in zip(samples, base, strict=True)]


def differences(samples: Sequence[float], base: Sequence[float], among: float = 1.0) -> Samples:
    """Return how much more than `base` each sample is, pair by pair, divided by `among`."""
    return [(taken - reference) / among for taken, reference in zip(samples, base, strict=True)]
