"""Who else ran while a window was open: other threads, other tasks.

The interpreter has one heap, so what another thread allocates while a guarded call runs cannot be
told from what the call allocated. It matters only when the other thread really ran, and that the
operating system knows: the CPU clock of a blocked thread stands still
(tests/test_sharing.py::test_a_blocked_thread_did_not_run).
"""

from __future__ import annotations

import _thread
import dis
import sys
import threading
import time
from types import CodeType, FrameType

__all__ = ["Place", "Tasks", "Threads", "others_exist"]

_cpu_clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on macOS and Windows

_SUSPENDING = frozenset({"YIELD_VALUE", "YIELD_FROM", "SEND"})

_COROUTINE_FLAGS = 0x80 | 0x200  # inspect.CO_COROUTINE, inspect.CO_ASYNC_GENERATOR
_GENERATOR_FLAG = 0x20  # inspect.CO_GENERATOR


others_exist = _thread._count
"""How many Python threads there are beside the main one: 0 is common, and takes some 20 ns."""


def _clocks() -> dict[int, int | None]:
    """Return the CPU nanoseconds of every thread but this one, None where there is no such clock.

    `map` keeps listing and asking in one piece under the GIL: asking for the clock of a thread that
    has ended in between is undefined, says pthread_getcpuclockid(3).
    """
    threads = sys._current_exceptions()  # its keys are all threads; it makes no frame objects
    threads.pop(_thread.get_ident(), None)
    if _cpu_clock_of is None:
        return dict.fromkeys(threads)
    try:
        clocks = list(map(time.clock_gettime_ns, map(_cpu_clock_of, threads)))
    except OSError:
        return dict.fromkeys(threads)
    return dict(zip(threads, clocks, strict=True))


class Threads:
    """The other threads at the beginning of a step, to be compared at its end."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = _clocks()

    def that_ran(self) -> set[str]:
        """Return the names of the threads that used the processor meanwhile.

        A thread that was not there before was started meanwhile. Where no other thread ran, the
        call itself has started it, and what it left is the call's own; so only those count that
        were there before, including those that have ended since.
        """
        now = _clocks()
        ran = {
            identity
            for identity, clock in self._before.items()
            if clock is None or now.get(identity) != clock
        }
        if not ran:
            return set()
        names = {thread.ident: thread.name for thread in threading._active.copy().values()}  # type: ignore[attr-defined]
        return {names.get(identity) or f"thread {identity}" for identity in ran}


class Place:
    """Where a `with` block begins: enough to say so, and to know whether it gave way to others.

    Keeps the code object and some numbers, never the frame.
    """

    __slots__ = ("_code", "_first", "_frame", "thread")

    def __init__(self, frame: FrameType) -> None:
        self._code: CodeType = frame.f_code
        self._first = frame.f_lasti
        self._frame = id(frame)
        self.thread = _thread.get_ident()

    def __str__(self) -> str:
        line = 0
        for start, stop, number in self._code.co_lines():
            if start <= self._first < stop and number:
                line = number
        return f"{self._code.co_name}() line {line}" if line else f"{self._code.co_name}()"

    def gave_way(self, frame: FrameType) -> bool:
        """Whether the block, now left in `frame`, has an `await` or a `yield` in it.

        Only then can tasks, or the consumer of a generator, have run between its first line and its
        last.
        """
        code = self._code
        if frame.f_code is not code or not code.co_flags & (_COROUTINE_FLAGS | _GENERATOR_FLAG):
            return False
        last = frame.f_lasti
        return any(
            self._first < instruction.offset < last
            for instruction in dis.get_instructions(code)
            if instruction.opname in _SUSPENDING
        )

    def is_in_frame_of(self, other: Place) -> bool:
        """Whether both are in the same frame."""
        return self._frame == other._frame and self._code is other._code

    def is_coroutine(self) -> bool:
        """Whether the block stands in a coroutine or an async generator."""
        return bool(self._code.co_flags & _COROUTINE_FLAGS)


class Tasks:
    """The running loop's other tasks at the beginning of a block, to be compared at its end."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before = _other_tasks()

    def that_ran(self) -> set[str]:
        """Return the names of the tasks that were there and have made a step meanwhile.

        A task that still waits for the same future has not run. One that was started meanwhile was
        started by the block, or by a task that is named anyway.
        """
        now = _other_tasks()
        return {
            f"task {name}"
            for identity, (name, waits_for) in self._before.items()
            if not waits_for or now.get(identity) != (name, waits_for)
        }


def _other_tasks() -> dict[int, tuple[str, int]]:
    """Return name and awaited future (by identity, 0 for none) of each other unfinished task."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return {}
    try:
        current = asyncio.current_task()
        tasks = asyncio.all_tasks()
    except RuntimeError:  # no running loop
        return {}
    found = {}
    for task in tasks:
        if task is not current:
            waits_for = getattr(task, "_fut_waiter", None)
            found[id(task)] = (task.get_name(), 0 if waits_for is None else id(waits_for))
    return found
