"""Who else ran: threads by their CPU clocks, tasks by what they wait for, blocks by their place."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cyclefree import _sharing
from cyclefree._sharing import Place, Tasks, Threads, others_exist

needs_clocks = pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="no CPU clock of a thread here"
)


@pytest.fixture
def helper() -> Iterator[tuple[threading.Thread, Callable[[], None]]]:
    """A thread that is blocked but for when it is told to work."""
    work, done, end = threading.Semaphore(0), threading.Semaphore(0), []

    def run() -> None:
        while True:
            work.acquire()
            if end:
                return
            sum(range(1_000))
            done.release()

    def make_it_run() -> None:
        work.release()
        done.acquire()
        until_blocked(thread)

    thread = threading.Thread(target=run, name="helper", daemon=True)
    thread.start()
    until_blocked(thread)
    yield thread, make_it_run
    end.append(True)
    work.release()
    thread.join()


def until_blocked(thread: threading.Thread) -> None:
    """Wait until the thread's CPU clock stands still."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    still = 0
    before = time.clock_gettime_ns(clock)
    while still < 5:
        time.sleep(0.002)
        now = time.clock_gettime_ns(clock)
        still = still + 1 if now == before else 0
        before = now


@needs_clocks
def test_a_blocked_thread_did_not_run(helper: tuple[threading.Thread, Callable[[], None]]) -> None:
    """A thread that waits uses no processor, however long; one that worked is named."""
    _, make_it_run = helper
    assert others_exist()
    threads = Threads()
    time.sleep(0.02)
    assert threads.that_ran() == set()
    make_it_run()
    assert threads.that_ran() == {"helper"}


@needs_clocks
def test_a_thread_that_has_ended_ran() -> None:
    """It was there at the beginning, and is not at the end: so it ran meanwhile."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    until_blocked(thread)
    threads = Threads()
    end.set()
    thread.join()
    assert len(threads.that_ran()) == 1


@needs_clocks
def test_a_thread_that_was_started_meanwhile_is_the_calls_own() -> None:
    """Nobody else ran, so the call has started it."""
    threads = Threads()
    thread = threading.Thread(target=lambda: sum(range(1_000)))
    thread.start()
    thread.join()
    assert threads.that_ran() == set()


@pytest.mark.parametrize("failing", [None, OSError])
def test_without_clocks_every_other_thread_may_have_run(
    helper: tuple[threading.Thread, Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    failing: type[Exception] | None,
) -> None:
    """Where the system does not tell, a thread that is there counts."""

    def fail(_: int) -> int:
        raise OSError

    monkeypatch.setattr(_sharing, "_cpu_clock_of", fail if failing else None)
    assert Threads().that_ran() == {"helper"}


def test_a_thread_without_a_name_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that `threading` does not know is told by its identity."""
    monkeypatch.setattr(_sharing, "_clocks", lambda: {12345: None})
    assert Threads().that_ran() == {"thread 12345"}


# --- places ------------------------------------------------------------------------------------


class Block:
    """Notes its place on entry, and on exit whether the block gave way."""

    def __enter__(self) -> Block:
        self.place = Place(sys._getframe(1))
        return self

    def __exit__(self, *_: object) -> None:
        self.gave_way = self.place.gave_way(sys._getframe(1))


async def _pause() -> None:
    await asyncio.sleep(0)


def test_a_plain_block_does_not_give_way() -> None:
    """In a function there is nobody to give way to; the place names function and line."""
    with Block() as block:
        line = sys._getframe().f_lineno - 1
    assert not block.gave_way
    assert not block.place.is_coroutine()
    assert str(block.place) == f"test_a_plain_block_does_not_give_way() line {line}"


def test_blocks_in_coroutines() -> None:
    """Only a block with an `await` in it gives way, not one beside it."""

    async def main() -> None:
        await _pause()
        with Block() as without:
            sum(range(3))
        await _pause()
        with Block() as with_await:
            await _pause()
        with Block() as with_loop:
            async for _ in stream():
                pass
        assert [without.gave_way, with_await.gave_way, with_loop.gave_way] == [False, True, True]
        assert without.place.is_coroutine()

    async def stream() -> Any:
        with Block() as block:
            yield 1
        assert block.gave_way

    asyncio.run(main())


def test_blocks_in_generators() -> None:
    """A `yield` and a `yield from` give way; a block that has been left early did so too."""
    seen: list[bool] = []

    def steps() -> Iterator[int]:
        with Block() as block:
            pass
        seen.append(block.gave_way)
        with Block() as block:
            yield 1
        seen.append(block.gave_way)
        with Block() as block:
            yield from [2]
        seen.append(block.gave_way)

    assert list(steps()) == [1, 2]
    assert seen == [False, True, True]


def test_places_in_one_frame() -> None:
    """Two blocks of one frame belong together; those of two calls of one function do not."""

    def place() -> Place:
        return Place(sys._getframe(1))

    def other() -> Place:
        return Place(sys._getframe())

    assert place().is_in_frame_of(place())
    assert not place().is_in_frame_of(other())
    assert place().thread == threading.get_ident()


# --- tasks -------------------------------------------------------------------------------------


def test_without_a_loop_there_are_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a loop, and in a program without asyncio, nobody else ran."""
    assert Tasks().that_ran() == set()
    monkeypatch.delitem(sys.modules, "asyncio")
    assert Tasks().that_ran() == set()


def test_tasks_that_made_a_step_are_named() -> None:
    """One that waits for the same as before did not run; one started meanwhile is no stranger."""

    async def main() -> None:
        never = asyncio.get_running_loop().create_future()
        gate = asyncio.Event()

        async def wait() -> None:
            await never

        async def work() -> None:
            await gate.wait()
            await never

        async def end() -> None:
            await gate.wait()

        asleep = asyncio.create_task(wait(), name="asleep")
        busy = asyncio.create_task(work(), name="busy")
        ending = asyncio.create_task(end(), name="ending")
        await _pause()
        fresh = asyncio.create_task(wait(), name="fresh")  # has not begun
        tasks = Tasks()
        gate.set()
        mine = asyncio.create_task(_pause(), name="mine")
        await mine
        await _pause()
        assert tasks.that_ran() == {"task busy", "task ending", "task fresh"}
        for task in (asleep, busy, fresh):
            task.cancel()
        await asyncio.gather(asleep, busy, fresh, ending, return_exceptions=True)

    asyncio.run(main())
