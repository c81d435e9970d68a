"""One collector for all: `gc_frozen` in overlapping threads, tasks and generators, and forks."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from test_thresholds import GUARD, OWN, Thresholds, assert_idle, at_each_step

from cyclefree import _thresholds, gc_frozen
from cyclefree._counters import LARGEST
from cyclefree._frozen_scope import FrozenCall, FrozenScope

DEFERRED = (1_000_000, LARGEST, LARGEST)


@pytest.fixture(autouse=True)
def application() -> Iterator[None]:
    """Give each test thresholds of its own, which must be there in the end."""
    before = gc.get_threshold()
    gc.set_threshold(*OWN)
    yield
    left = gc.get_threshold()
    gc.set_threshold(*before)
    assert left == OWN
    assert_idle()


def deferred(budget: int) -> Thresholds:
    """Return the thresholds that a budget alone asks for."""
    return (budget, LARGEST, LARGEST)


# -- threads ---------------------------------------------------------------------------------


class Worker:
    """A thread that does what it is told, one thing after the other."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        """The thread's number."""
        assert self._thread.ident is not None
        return self._thread.ident

    def do(self, order: Callable[[], object]) -> None:
        """Have something done, wait for it, and raise what it raised."""
        self._orders.put(order)
        answer = self._answers.get()
        if answer is not None:
            raise answer

    def end(self) -> None:
        """Let the thread end."""
        self._orders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                order()
                self._answers.put(None)
            except BaseException as error:
                self._answers.put(error)
            del order


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Give a thread."""
    made = Worker()
    yield made
    made.end()


def test_overlapping_threads_restore_what_was_there(worker: Worker) -> None:
    """First in is not last out; each order of two exits ends with the application's thresholds."""
    for first_leaves_first in (True, False):
        mine, other = gc_frozen(), gc_frozen(max_net_objects=5_000)
        mine.enter()
        worker.do(other.enter)
        assert gc.get_threshold() == deferred(5_000)
        if first_leaves_first:
            mine.leave(failed=False)
            assert gc.get_threshold() == deferred(5_000)
            worker.do(lambda: other.leave(failed=False))
        else:
            worker.do(lambda: other.leave(failed=False))
            assert gc.get_threshold() == DEFERRED
            mine.leave(failed=False)
        assert gc.get_threshold() == OWN


def test_an_entry_may_be_left_by_another_thread(worker: Worker) -> None:
    """As frameworks do that begin a block in one thread of a pool and end it in another."""
    guard = gc_frozen()
    worker.do(guard.enter)
    assert gc.get_threshold() == DEFERRED
    guard.leave(failed=False)
    assert gc.get_threshold() == OWN
    assert guard._blocks == {}


def test_a_guard_that_has_given_up_defers_again_at_its_next_beginning(worker: Worker) -> None:
    """With `on_exceed="restore"` it gives up until then, for all threads that are in it."""
    guard = gc_frozen(max_net_objects=1_000, on_exceed="restore")
    with guard:
        kept: list[list[object]] = [[] for _ in range(1_500)]
        guard.checkpoint()
        assert gc.get_threshold() == OWN
        with guard:
            assert gc.get_threshold() == OWN
        worker.do(guard.enter)
        assert gc.get_threshold() == OWN
        worker.do(lambda: guard.leave(failed=False))
    del kept
    for _ in range(2):
        guard.enter()
        worker.do(guard.enter)
        guard.leave(failed=False)
        assert gc.get_threshold() == deferred(1_000)
        worker.do(lambda: guard.leave(failed=False))
        assert gc.get_threshold() == OWN


def test_a_call_that_fails_ends_its_own_entry_only() -> None:
    """A guard's `on_exit` waits for the last one, also after a generator that has raised."""
    guard = gc_frozen(on_exit="young")

    @guard
    def numbers() -> Iterator[int]:
        yield 1
        raise KeyError("in the end")

    @guard
    def fails() -> None:
        raise KeyError("at once")

    gc.collect()
    with guard:
        with pytest.raises(KeyError):
            list(numbers())
        with pytest.raises(KeyError):
            fails()
        assert gc.get_threshold() == DEFERRED
        assert guard.stats.explicit_collections == 0
    assert guard.stats.explicit_collections == 1


class Shared:
    """A guard that two threads share: this one moves, and the other one comes meanwhile."""

    def __init__(self, worker: Worker, kind: str, at_first: tuple[int, int], moves: str) -> None:
        self._worker = worker
        self._kind = kind
        self._at_first = at_first
        self._moves = moves.split(" | ")
        self._guard = gc_frozen()
        self._calls: dict[int, list[FrozenCall]] = {}
        self._has_come = False
        self.swapped = 0

    def prepare(self) -> Callable[[], object]:
        """Open as many entries of this thread and of the other as are open at first."""
        self._guard = gc_frozen()
        self._calls = {threading.get_ident(): [], self._worker.ident: []}
        self._has_come = False
        for _ in range(self._at_first[0]):
            self._move("enters")
        for _ in range(self._at_first[1]):
            self._worker.do(lambda: self._move("enters"))
        return lambda: self._move(self._moves[0])

    def _move(self, move: str) -> None:
        calls = self._calls[threading.get_ident()]
        if move == "enters":
            if self._kind == "block":
                self._guard.enter()
            else:
                calls.append(FrozenCall(self._guard, stepped=False))
                calls[-1].open()
        elif self._kind == "block":
            self._guard.leave(failed=False)
        else:
            calls.pop().finish()

    def come(self) -> None:
        """Have the other thread move."""
        self._has_come = True
        self._worker.do(lambda: self._move(self._moves[1]))

    def check(self) -> None:
        """The open entries are those of the threads that are in it, and all can be left."""
        if not self._has_come:
            self.come()
        mine, others = (
            number + (1 if move == "enters" else -1)
            for number, move in zip(self._at_first, self._moves, strict=True)
        )
        opened = _thresholds.deferrals()
        assert len(opened) == mine + others
        known = {**self._guard._blocks, **self._guard._calls}
        assert known.keys() == set(map(id, opened))
        threads = [entry[1] for entry in opened]
        self.swapped += threads.count(threading.get_ident()) != mine
        assert (self._guard._start is not None) == bool(opened)
        assert gc.get_threshold() == (DEFERRED if opened else OWN)
        for _ in range(mine):
            self._move("leaves")
        for _ in range(others):
            self._worker.do(lambda: self._move("leaves"))
        assert self._guard._blocks == self._guard._calls == {}
        assert self._guard._start is None
        assert_idle()


@pytest.mark.parametrize("kind", ["block", "call"])
def test_threads_that_share_a_guard_leave_their_own_entries(worker: Worker, kind: str) -> None:
    """Whichever moment the other thread comes at, none takes what is another one's."""
    for mine, others, moves in (
        (0, 0, "enters | enters"),
        (1, 0, "leaves | enters"),
        (0, 1, "enters | leaves"),
        (1, 1, "leaves | leaves"),
        (2, 1, "leaves | leaves"),
    ):
        shared = Shared(worker, kind, (mine, others), moves)
        assert at_each_step(shared.prepare, shared.come, shared.check, GUARD) > 10
        assert shared.swapped == 0


def test_a_guard_that_is_left_meanwhile_loses_no_entry(worker: Worker) -> None:
    """Who leaves what another thread has entered takes none that is just being made."""
    guard = gc_frozen()
    has_come: list[bool] = []

    def prepare() -> Callable[[], object]:
        has_come.clear()
        guard.enter()
        return guard.enter

    def come() -> None:
        has_come.append(True)
        worker.do(lambda: guard.leave(failed=False))

    def check() -> None:
        if not has_come:
            come()
        assert guard._blocks.keys() == set(map(id, _thresholds.deferrals()))
        assert len(guard._blocks) == 1
        guard.leave(failed=False)
        assert_idle()

    assert at_each_step(prepare, come, check, GUARD) > 10


# -- tasks -----------------------------------------------------------------------------------


def test_a_thousand_tasks_of_different_guards() -> None:
    """Each step runs under its own guard's budget, and between the steps nothing is deferred."""
    guards = [gc_frozen(), gc_frozen(max_net_objects=50_000), gc_frozen(defer="full")]
    wanted = [DEFERRED, deferred(50_000), (*OWN[:2], LARGEST)]
    wrong: list[object] = []

    def expect(thresholds: Thresholds) -> None:
        if gc.get_threshold() != thresholds:
            wrong.append((gc.get_threshold(), thresholds))

    async def work(number: int) -> int:
        for _ in range(3):
            expect(wanted[number % 3])
            await asyncio.sleep(0)
        expect(wanted[number % 3])
        if number % 50 == 0:
            raise KeyError(number)
        return number

    async def watch() -> None:
        while True:
            expect(OWN)
            await asyncio.sleep(0)

    async def main() -> list[int | BaseException]:
        watching = asyncio.create_task(watch())
        tasks = [asyncio.create_task(guards[number % 3](work)(number)) for number in range(1_000)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        watching.cancel()
        return results

    results = asyncio.run(main())
    assert wrong == []
    assert [type(result) for result in results] == [
        int if number % 50 else KeyError for number in range(1_000)
    ]
    for guard in guards:
        assert guard._blocks == guard._calls == {}
        assert guard._start is None
    assert guards[0].stats.automatic_collections == 0


def test_async_with_overlaps_over_tasks() -> None:
    """Blocks that stay open across an await overlap as threads' do, in any order of their ends."""
    for order in itertools.permutations(range(3)):
        seen: list[Thresholds] = []

        async def block(guard: FrozenScope, begun: asyncio.Event, end: asyncio.Event) -> None:
            async with guard as frozen:
                assert frozen is guard
                begun.set()
                await end.wait()

        async def main(order: tuple[int, ...] = order) -> None:
            shared = gc_frozen(max_net_objects=5_000)
            guards = [shared, gc_frozen(), shared]
            ends = [asyncio.Event() for _ in guards]
            tasks = []
            for guard, end in zip(guards, ends, strict=True):
                begun = asyncio.Event()
                tasks.append(asyncio.create_task(block(guard, begun, end)))
                await begun.wait()
            for number in order:
                seen.append(gc.get_threshold())
                ends[number].set()
                await tasks[number]
            assert shared.stats.automatic_collections == 0

        asyncio.run(main())
        last_of_shared = max(order.index(0), order.index(2))
        assert seen == [
            deferred(5_000) if at <= last_of_shared else DEFERRED for at in range(len(order))
        ]
        assert gc.get_threshold() == OWN


def test_a_cancelled_task_leaves() -> None:
    """In the middle of a block, and in the middle of a decorated coroutine."""
    guard = gc_frozen()
    forever = asyncio.sleep

    @guard
    async def decorated() -> None:
        async with guard:
            await forever(3600)

    async def main() -> None:
        task = asyncio.create_task(decorated())
        await asyncio.sleep(0)
        assert gc.get_threshold() == DEFERRED  # the block
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gc.get_threshold() == OWN

    asyncio.run(main())
    assert guard._blocks == guard._calls == {}


def test_a_guard_both_around_a_coroutine_and_in_it() -> None:
    """A block's exit does not take the entry of the step in which it runs."""
    guard = gc_frozen()
    seen: list[Thresholds] = []

    @guard
    async def both() -> None:
        await asyncio.sleep(0)
        async with guard:
            await asyncio.sleep(0)
        seen.append(gc.get_threshold())
        await asyncio.sleep(0)
        seen.append(gc.get_threshold())

    async def main() -> None:
        await asyncio.gather(both(), both(), both())

    asyncio.run(main())
    assert set(seen) == {DEFERRED}
    assert gc.get_threshold() == OWN
    assert guard._blocks == guard._calls == {}
    assert guard._start is None


def test_loops_in_many_threads_share_guards() -> None:
    """Steps of tasks in several loops at once: what is deferred is what is open, at last none."""
    interval = sys.getswitchinterval()
    guards = [gc_frozen(), gc_frozen(defer="full")]
    wrong: list[object] = []

    async def work(number: int) -> None:
        for _ in range(4):
            if gc.get_threshold()[2] != LARGEST:
                wrong.append(gc.get_threshold())
            await asyncio.sleep(0)
            async with guards[0]:
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(guards[number % 2](work)(number) for number in range(15)))

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    assert gc.get_threshold() == OWN
    for guard in guards:
        assert guard._blocks == guard._calls == {}
        assert guard._start is None


# -- generators ------------------------------------------------------------------------------


def test_a_suspended_generator_defers_nothing() -> None:
    """Only its steps do, whether it comes to its end, is closed, is thrown into, or raises."""
    guard = gc_frozen()
    seen: list[Thresholds] = []

    @guard
    def numbers(fails: bool = False) -> Generator[int, str, None]:
        try:
            for number in range(3):
                seen.append(gc.get_threshold())
                yield number
            if fails:
                raise KeyError("in the end")
        finally:
            seen.append(gc.get_threshold())

    for _ in numbers():
        assert gc.get_threshold() == OWN
    with pytest.raises(KeyError):
        for _ in numbers(fails=True):
            assert gc.get_threshold() == OWN
    with closing(numbers()) as opened:
        next(opened)
        assert gc.get_threshold() == OWN
        assert opened.send("more") == 1
    thrown = numbers()
    next(thrown)
    with pytest.raises(ValueError):
        thrown.throw(ValueError("from outside"))
    dropped = numbers()
    next(dropped)
    del dropped
    assert set(seen) == {DEFERRED}
    assert len(seen) == 4 + 4 + 3 + 2 + 2
    assert guard._blocks == guard._calls == {}


def test_a_suspended_async_generator_defers_nothing() -> None:
    """Nor while it waits itself, or when it is left early."""
    guard = gc_frozen(max_net_objects=5_000)
    seen: list[Thresholds] = []

    @guard
    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(3):
                seen.append(gc.get_threshold())
                await asyncio.sleep(0)
                seen.append(gc.get_threshold())
                yield number
        finally:
            seen.append(gc.get_threshold())

    async def watch() -> None:
        while True:
            assert gc.get_threshold() == OWN
            await asyncio.sleep(0)

    async def main() -> None:
        watching = asyncio.create_task(watch())
        async for _ in numbers():
            assert gc.get_threshold() == OWN
        early: Any = numbers()
        await early.__anext__()
        await early.aclose()
        assert not watching.done()
        watching.cancel()

    asyncio.run(main())
    assert set(seen) == {deferred(5_000)}
    assert len(seen) == 7 + 3
    assert guard._blocks == guard._calls == {}


def test_generators_of_one_guard_are_stepped_in_turns_by_threads(worker: Worker) -> None:
    """A generator may go on in another thread than the one that began it."""
    guard = gc_frozen()
    seen: list[Thresholds] = []

    @guard
    def numbers() -> Iterator[int]:
        while True:
            seen.append(gc.get_threshold())
            yield len(seen)

    first, second = numbers(), numbers()
    for _ in range(3):
        next(first)
        worker.do(partial(next, first))
        with guard:
            worker.do(partial(next, second))
            next(second)
        assert gc.get_threshold() == OWN
    assert set(seen) == {DEFERRED}
    assert guard._blocks == guard._calls == {}
    assert guard._start is None


# -- forks -----------------------------------------------------------------------------------

FORKED = """
import gc, os, sys, threading, warnings
warnings.simplefilter("ignore")  # of a fork where threads are
from cyclefree import gc_frozen
OWN = (700, 11, 13)
gc.set_threshold(*OWN)
shared = gc_frozen(max_net_objects=5_000)
others = gc_frozen(defer="full")

def inside(work):
    begun, end = threading.Event(), threading.Event()
    def run():
        work(begun, end)
    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    return thread, end

def in_shared(begun, end):
    with shared:
        begun.set()
        end.wait()

@others
def in_a_call(begun, end):
    begun.set()
    end.wait()

def show(*found):
    print(*found, flush=True)

def open_now(guard):
    return len(guard._blocks) + len(guard._calls)

def fork(child):
    sys.stdout.flush()
    number = os.fork()
    if not number:
        try:
            child()
        except BaseException as error:
            show("failed", repr(error))
        os._exit(0)
    os.waitpid(number, 0)

def after():
    show(gc.get_threshold(), gc.callbacks)
    for guard in (shared, others):
        gc.collect()
        before = guard.stats
        with guard:
            kept = [[] for _ in range(400)]
        stats = guard.stats
        del kept
        made = stats.net_objects - before.net_objects
        show(open_now(guard), 300 < made < 500, stats.automatic_collections, stats.exceeded)
    show(gc.get_threshold())

def in_the_block():  # the block of the thread that forks goes on in the child, and ends there
    show(gc.get_threshold(), open_now(shared), open_now(others))

threads = [inside(in_shared), inside(in_a_call)]
show("in no scope")
fork(after)
show("in a block of the shared guard")
with shared:
    fork(lambda: (in_the_block(), shared.__exit__(None, None, None), after()))
show("entered before, left by others")
with shared:
    extra = inside(in_shared)  # the latest entry is another thread's
    threads[0][1].set()
    threads[0][0].join()
    fork(lambda: (in_the_block(), shared.__exit__(None, None, None), after()))
extra[1].set()
extra[0].join()
threads[1][1].set()
threads[1][0].join()
show(open_now(shared), open_now(others), gc.get_threshold(), gc.callbacks)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_goes_on_with_the_entries_of_its_thread() -> None:
    """Those of other threads end in the child, and its own where it leaves; figures stay sane."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=300
    )
    own = "(700, 11, 13)"
    after = [f"{own} []", "0 True 0 0", "0 True 0 0", own]
    assert done.stdout.splitlines() == [
        "in no scope",
        *after,
        "in a block of the shared guard",
        "(5000, 2147483647, 2147483647) 1 0",
        *after,
        "entered before, left by others",
        "(5000, 2147483647, 2147483647) 1 0",
        *after,
        f"0 0 {own} []",
    ], done.stdout + done.stderr
    assert done.stderr == ""
