"""The guards and `find_cycles` as users see them: who is blamed, who is not, and what is told."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from rings import Slot, ring

from cyclefree import (
    CyclefreeWarning,
    CyclesFoundError,
    ReportNotReadyError,
    assert_no_cycles,
    cycle_scope,
    find_cycles,
)

# --- handles --------------------------------------------------------------------------------------


def test_a_handle_becomes_the_report() -> None:
    """Asked too early it says so; afterwards everything of the report can be asked of it."""
    with cycle_scope() as report:
        with pytest.raises(ReportNotReadyError, match=r"test_a_handle_becomes_the_report\(\) line"):
            report.objects  # noqa: B018
        ring(2)
    assert report.report is report.report
    assert report.objects == 2
    assert report
    assert len(report) == 1
    assert [cycle.count for cycle in report] == [1]
    assert str(report) == str(report.report)
    with pytest.raises(AttributeError):
        report._private  # noqa: B018
    with cycle_scope() as report:
        pass
    assert not report
    assert report.objects == 0


def test_a_block_that_raises_has_no_report() -> None:
    """Its exception passes, and the handle says why there is nothing."""
    with pytest.raises(KeyError), assert_no_cycles() as report:
        ring()
        raise KeyError
    with pytest.raises(ReportNotReadyError, match="none is made of a block that raises"):
        str(report)


def test_a_block_that_raises_for_cycles_has_its_report() -> None:
    """The handle and the exception have the same."""
    with pytest.raises(CyclesFoundError) as caught, assert_no_cycles() as report:
        ring()
    assert caught.value.report == report.report


def test_a_guard_is_entered_again_while_it_is_open() -> None:
    """Each entry has its own handle."""
    guard = cycle_scope()
    with guard as outer:
        ring(1)
        with guard as inner:
            ring(2)
    with guard as later:
        pass
    assert [report.objects for report in (outer, inner, later)] == [3, 2, 0]


def test_one_guard_open_in_two_threads() -> None:
    """A block's end finishes the handle of that block, whoever entered last."""
    guard = cycle_scope()
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    scopes: list[str] = []

    def first() -> None:
        with guard as report:
            first_in.set()
            second_in.wait()
        scopes.append(report.scope)
        first_out.set()

    def second() -> None:
        first_in.wait()
        with guard as report:
            second_in.set()
            first_out.wait()
        scopes.append(report.scope)

    run_together(first, second)
    assert [scope.split("(")[0] for scope in scopes] == ["first", "second"]


def test_one_guard_open_in_two_generators() -> None:
    """The same for blocks that are left in the order in which they were entered, in one thread."""
    guard = cycle_scope()
    done: list[Any] = []

    def steps(name: str, length: int) -> Iterator[None]:
        with guard as report:
            ring(length)
            yield
        done.append((name, report.report.objects >= length))

    first, second = steps("first", 1), steps("second", 2)
    next(first)
    next(second)
    assert list(first) == []
    assert list(second) == []
    assert done == [("first", True), ("second", True)]


def test_a_guard_that_cannot_open_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong on entry passes, and the guard can be used again."""
    guard = cycle_scope(thorough=True)
    with guard as outer:
        with monkeypatch.context() as patch:
            patch.setattr("cyclefree._watch.find_garbage", _fail)
            with pytest.raises(MemoryError), guard:
                pass
        ring(2)
    assert "Slot" in str(outer.report)
    assert guard._entered == []


def _fail(*_: object) -> None:
    raise MemoryError


def test_a_guard_on_an_exit_stack() -> None:
    """Entered and left by other code than the block's, it is found all the same."""
    guard = cycle_scope()
    with ExitStack() as stack:
        outer = stack.enter_context(guard)
        with guard as inner:
            ring(2)
        ring(1)
    assert (inner.objects, outer.objects) == (2, 3)


# --- the right one ------------------------------------------------------------------------------


def run_together(*functions: Callable[[], object]) -> None:
    """Run the functions in a thread each, and wait for them."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("allocate", "threshold"), [(0, 700), (0, 200), (30, 700)])
def test_of_a_thousand_tasks_the_guilty_one_raises(allocate: int, threshold: int) -> None:
    """Exactly that one, with its objects exactly, however many collections happen meanwhile."""
    guilty = 617

    @assert_no_cycles
    async def handle(number: int) -> int:
        kept: Any = [Slot() for _ in range(allocate)]
        slot = Slot()
        await asyncio.sleep(0)
        slot.other = [slot, kept] if number == guilty else None
        await asyncio.sleep(0)
        passing = [[] for _ in range(allocate)]
        del slot, kept
        await asyncio.sleep(0)
        return len(passing)

    async def main() -> list[Any]:
        return await asyncio.gather(*map(handle, range(1_000)), return_exceptions=True)

    before = gc.get_threshold()
    gc.set_threshold(threshold, 10, 10)
    try:
        results = asyncio.run(main())
    finally:
        gc.set_threshold(*before)
    raised = {n: e for n, e in enumerate(results) if isinstance(e, BaseException)}
    assert list(raised) == [guilty]
    error = raised[guilty]
    assert isinstance(error, CyclesFoundError)
    assert error.report.objects == 3 + allocate  # slot, its list, the list of what was allocated
    assert error.report.shared_with == ()


def test_of_eight_threads_no_innocent_one_raises() -> None:
    """What a guilty thread leaves in the others' windows is shared, and only warns."""
    raised: list[int] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        @assert_no_cycles
        def handle() -> None:
            for _ in range(20):
                [Slot() for _ in range(100)]
                if number == 3:
                    ring()
                time.sleep(0)

        barrier.wait()
        for _ in range(3):
            try:
                handle()
            except CyclesFoundError:
                raised.append(number)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CyclefreeWarning)
        run_together(*[lambda number=n: work(number) for n in range(8)])  # type: ignore[misc]
    assert set(raised) <= {3}


@pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="no CPU clock of a thread here"
)
def test_in_a_threaded_but_serial_program_a_guard_raises() -> None:
    """Threads that are blocked share nothing."""
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)  # let them come to rest
    try:
        with pytest.raises(CyclesFoundError) as caught:
            assert_no_cycles(ring)()
        assert caught.value.report.shared_with == ()
        with pytest.raises(CyclesFoundError), assert_no_cycles():
            ring()
        with pytest.raises(CyclesFoundError):
            list(assert_no_cycles(_generate_ring)())
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _generate_ring() -> Iterator[int]:
    yield 1
    ring()
    yield 2


def test_a_thread_that_ran_meanwhile_is_named() -> None:
    """The report says with whom the window was shared, and a warning replaces the exception."""
    begin, done = threading.Event(), threading.Event()

    def other() -> None:
        begin.wait()
        ring(2)
        done.set()

    thread = threading.Thread(target=other, name="the other one")
    thread.start()

    @assert_no_cycles
    def work() -> None:
        begin.set()
        done.wait()
        thread.join(0.5)

    with pytest.warns(CyclefreeWarning) as caught:
        work()
    assert "left 2 objects" in str(caught[0].message)
    thread.join()


def test_threads_that_the_call_starts_are_its_own() -> None:
    """What they leave is the call's, and raises."""
    with pytest.raises(CyclesFoundError) as caught:
        assert_no_cycles(lambda: run_together(ring, ring))()
    assert caught.value.report.objects == 2
    assert caught.value.report.shared_with == ()


def test_interleaved_generators_each_report_their_own() -> None:
    """Windows of generators, of the block around them and of calls in between do not mix."""
    found: dict[str, int] = {}

    def guarded(name: str) -> Any:
        return assert_no_cycles(action=lambda report: found.update({name: report.objects}))

    def steps(length: int) -> Iterator[None]:
        for _ in range(3):
            ring(length)
            yield

    with cycle_scope() as around:
        first, second = guarded("first")(steps)(1), guarded("second")(steps)(10)
        for _ in range(4):
            next(first, None)
            guarded("call")(ring)(100)
            gc.collect(0)
            next(second, None)
        ring(1_000)
    assert found == {"first": 3, "second": 30, "call": 100}
    assert around.objects == 1_433


def test_nested_tasks_report_what_ran_in_them() -> None:
    """An outer coroutine counts the inner ones that it awaits, not the tasks that it starts."""
    found: dict[str, int] = {}

    def guarded(name: str) -> Any:
        return assert_no_cycles(action=lambda report: found.update({name: report.objects}))

    @guarded("inner")
    async def inner() -> None:
        ring(2)
        await asyncio.sleep(0)

    @guarded("task")
    async def task() -> None:
        ring(30)
        await asyncio.sleep(0)
        ring(30)

    @guarded("outer")
    async def outer() -> None:
        started = asyncio.ensure_future(task())
        ring(1)
        await inner()
        await started

    asyncio.run(outer())
    assert found == {"inner": 2, "task": 60, "outer": 3}


def test_async_generators_and_their_consumers() -> None:
    """What the consumer does between the items is not the generator's."""
    found: list[int] = []

    @assert_no_cycles(action=lambda report: found.append(report.objects))
    async def stream() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0)
            ring(2)
            yield number

    async def main() -> None:
        async for _ in stream():
            ring(100)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert found == [6]


def test_a_block_across_an_await_names_the_tasks_that_ran() -> None:
    """Alone it raises; with another task that made steps it warns and names it."""

    async def alone() -> None:
        with assert_no_cycles():
            await asyncio.sleep(0)
            ring()

    with pytest.raises(CyclesFoundError):
        asyncio.run(alone())

    async def accompanied() -> Any:
        async def other() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        task = asyncio.create_task(other(), name="busy")
        sleeper = asyncio.create_task(asyncio.sleep(60), name="asleep")
        await asyncio.sleep(0)
        with assert_no_cycles() as report:
            await asyncio.sleep(0)
            ring()
        await task
        sleeper.cancel()
        with pytest.raises(CyclesFoundError), assert_no_cycles():
            ring()  # no await in this block: nobody else could run
        return report

    with pytest.warns(CyclefreeWarning):
        report = asyncio.run(accompanied())
    assert report.shared_with == ("task busy",)


def test_a_block_across_a_yield_is_shared_with_the_consumer() -> None:
    """What the consumer leaves while the block waits can't be told apart."""

    def steps() -> Iterator[int]:
        with assert_no_cycles():
            yield 1

    with pytest.warns(CyclefreeWarning, match="left 3 objects"):
        for _ in steps():
            ring(3)


# --- options, end to end ------------------------------------------------------------------------


def test_only_blames_a_package() -> None:
    """Cycles of others are counted as ignored."""
    with pytest.raises(CyclesFoundError):
        assert_no_cycles(only=Slot.__module__)(ring)()
    with cycle_scope(only="json") as report:
        ring()
    assert (len(report), report.ignored) == (0, 1)


def test_ignore_takes_fingerprints_and_predicates() -> None:
    """What a report shows as fingerprint makes the next one silent."""
    with cycle_scope() as report:
        ring()
    fingerprint = next(iter(report)).fingerprint
    assert_no_cycles(ignore=fingerprint)(ring)()
    assert_no_cycles(ignore=lambda cycle: cycle.count == 1)(ring)()
    with pytest.raises(CyclesFoundError):
        assert_no_cycles(ignore=[lambda cycle: cycle.count == 2])(ring)()


def test_live_also_tells_of_cycles_that_are_held() -> None:
    """They are marked, and are not what "only the cyclic gc can free"."""
    with cycle_scope(live=True) as report:
        ring()
        held = Slot()
        held.other = [held]
    assert sorted((cycle.live, cycle.size) for cycle in report) == [(False, 1), (True, 2)]
    with pytest.raises(CyclesFoundError):
        assert_no_cycles(live=True)(_held_ring)()
    assert assert_no_cycles(_held_ring)()


def _held_ring() -> Slot:
    slot = Slot()
    slot.other = [slot]
    return slot


def test_the_environment_switches_the_decorators_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """With CYCLEFREE=off they return the function itself, and still say what is wrong."""
    for value in ("off", "OFF"):
        monkeypatch.setenv("CYCLEFREE", value)
        assert assert_no_cycles(ring) is ring
        assert cycle_scope(sample=3)(ring) is ring
        with pytest.raises(TypeError):
            assert_no_cycles(Slot)
    monkeypatch.setenv("CYCLEFREE", "on")
    assert assert_no_cycles(ring) is not ring


def test_cycle_scope_as_a_decorator_warns() -> None:
    """It has nowhere to hand its report; with an action, the action gets it."""
    with pytest.warns(CyclefreeWarning, match=r"ring\(\) left 1 object"):
        cycle_scope(ring)()
    found: list[Any] = []
    cycle_scope(action=found.append)(ring)()
    with cycle_scope(action=found.append):
        ring()
    with cycle_scope(action=found.append):
        pass
    assert [report.objects for report in found] == [1, 1]


# --- find_cycles --------------------------------------------------------------------------------


def test_find_cycles_from_roots() -> None:
    """What the roots reach, and nothing else."""
    held, other = _held_ring(), _held_ring()
    report = find_cycles({"key": (held,)})
    assert [(cycle.live, cycle.size) for cycle in report] == [(True, 2)]
    assert find_cycles(held, other).objects == 4
    assert not find_cycles(3, "text", None, ())
    assert not find_cycles(Slot(), sys_module())
    assert gc.collect() >= 0


def sys_module() -> object:
    """Return a module, through which everything would be reached."""
    import sys

    return sys


def test_find_cycles_in_the_whole_heap() -> None:
    """Without roots every living cycle but those through classes and modules is listed."""
    held = _held_ring()
    report = find_cycles()
    assert any("Slot" in dict(cycle.members) for cycle in report)
    assert not any("module" in dict(cycle.members) for cycle in report)
    del held


def test_help_and_version_need_no_installation() -> None:
    """`help(cyclefree)` reads in a checkout, and `__version__` is there either way."""
    import pydoc

    import cyclefree

    assert cyclefree.__version__[0].isdigit()
    assert "find reference cycles" in pydoc.plain(pydoc.render_doc(cyclefree))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = cyclefree.nothing
