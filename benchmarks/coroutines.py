"""What a guard costs a coroutine: a step, a short call, and a thousand tasks in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator

import cyclefree
from benchmarks.table import Aim, Row, micro
from benchmarks.timing import Contender, Plan, differences, interleave, ratios
from benchmarks.workloads import clean

__all__ = ["steps"]

_STEP = Aim(3.0)

Body = Callable[[int], Awaitable[None]]


async def _work(number: int) -> None:
    """Give way to the loop `number` times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def _short() -> int:
    """Return at once: what is measured is the beginning and the end of a guard."""
    return clean()


def _numbers(number: int) -> Generator[int, None, None]:
    """Yield `number` times."""
    yield from range(number)


_guarded_work = cyclefree.assert_no_cycles(_work)
_guarded_short = cyclefree.assert_no_cycles(_short)
_guarded_numbers = cyclefree.assert_no_cycles(_numbers)


def _by_hand(number: int, body: Callable[[int], object]) -> Callable[[], None]:
    """Return a call that drives one coroutine without a loop around it."""

    def run() -> None:
        coroutine = body(number)
        send = coroutine.send  # type: ignore[attr-defined]
        try:
            while True:
                send(None)
        except StopIteration:
            pass

    return run


def _in_loop(loop: asyncio.AbstractEventLoop, number: int, body: Body) -> Callable[[], None]:
    """Return a call that runs one coroutine of `number` steps in `loop`."""

    def run() -> None:
        loop.run_until_complete(body(number))

    return run


def _many(
    loop: asyncio.AbstractEventLoop, tasks: int, number: int, body: Body
) -> Callable[[], None]:
    """Return a call that runs `tasks` coroutines of `number` steps at once."""

    async def gather() -> None:
        await asyncio.gather(*[body(number) for _ in range(tasks)])

    def run() -> None:
        loop.run_until_complete(gather())

    return run


def _calls(
    loop: asyncio.AbstractEventLoop, number: int, call: Callable[[], Awaitable[int]]
) -> Callable[[], None]:
    """Return a call that awaits `call` `number` times."""

    async def repeat() -> None:
        for _ in range(number):
            await call()

    def run() -> None:
        loop.run_until_complete(repeat())

    return run


def _consume(number: int, body: Callable[[int], Generator[int, None, None]]) -> Callable[[], None]:
    """Return a call that takes all items of a generator."""

    def run() -> None:
        for _ in body(number):
            pass

    return run


def steps(plan: Plan) -> Iterator[Row]:
    """Time coroutines and generators, and share the guard's part out among their steps."""
    loop = asyncio.new_event_loop()
    short = max(1, plan.steps // 40)
    number = plan.steps
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object], int, str]] = {
        f"one coroutine of {number:,} steps, driven by hand": (
            _by_hand(number, _work),
            _by_hand(number, _guarded_work),
            number,
            "µs a step",
        ),
        f"one task of {number:,} steps": (
            _in_loop(loop, number, _work),
            _in_loop(loop, number, _guarded_work),
            number,
            "µs a step",
        ),
        f"{plan.tasks:,} tasks in flight, {short} steps each": (
            _many(loop, plan.tasks, short, _work),
            _many(loop, plan.tasks, short, _guarded_work),
            plan.tasks * short,
            "µs a step",
        ),
        f"{plan.tasks:,} tasks in flight, 1 step each": (
            _many(loop, plan.tasks, 1, _work),
            _many(loop, plan.tasks, 1, _guarded_work),
            plan.tasks,
            "µs a task",
        ),
        "a generator's item": (
            _consume(number, _numbers),
            _consume(number, _guarded_numbers),
            number,
            "µs a step",
        ),
        "a short coroutine's call": (
            _calls(loop, 100, _short),
            _calls(loop, 100, _guarded_short),
            100,
            "µs a call",
        ),
    }
    try:
        for case, (bare, guarded, among, unit) in pairs.items():
            samples = interleave(
                {"bare": Contender(bare), "guarded": Contender(guarded)},
                plan.rounds if among <= plan.steps else plan.heavy_rounds,
                plan.batch_seconds,
            )
            yield Row(
                "coroutines",
                case,
                unit,
                micro(differences(samples["guarded"], samples["bare"], among)),
                aim=_STEP if unit == "µs a step" else None,
                relative=ratios(samples["guarded"], samples["bare"]),
            )
    finally:
        loop.close()
