"""Who holds the collector off: pauses and deferrals in every order, at every moment, interrupted.

What only time decides elsewhere, a thread that comes in the middle or a Ctrl-C, comes here at each
single bytecode of what it meets, one after the other: see `at_each_step`.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import gc
import itertools
import os
import subprocess
import sys
import threading
from _thread import get_ident
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from cyclefree import _counters, _frozen_scope, _period, _thresholds, cycle_scope, gc_frozen
from cyclefree._counters import LARGEST
from cyclefree._frozen_scope import FrozenCall, FrozenScope
from cyclefree._thresholds import BUDGET, FULL_ONLY, Deferral, defer, pause, resume, undefer

OWN = (700, 11, 13)
"""The application's thresholds in these tests: no two of them alike."""

ROOM = (_thresholds.__file__,)
GUARD = (*ROOM, _frozen_scope.__file__, _period.__file__)

Thresholds = tuple[int, int, int]


# -- what is to be, and what is --------------------------------------------------------------


@pytest.fixture(autouse=True)
def application() -> Iterator[None]:
    """Give each test thresholds of its own, and prove that the room is empty after it."""
    before = gc.get_threshold()
    gc.set_threshold(*OWN)
    yield
    left = gc.get_threshold()
    try:
        assert_idle()
        assert left == OWN
    finally:  # a failure of one test is none of the next
        _thresholds._token.clear()
        _thresholds._pauses.clear()
        for deferral in _thresholds.deferrals():
            undefer(deferral)
        _thresholds._settle(False)
        gc.set_threshold(*before)


def assert_idle() -> None:
    """Nothing is open, and all that the room remembers is what it begins with."""
    assert _thresholds.deferrals() == []
    assert not _thresholds._pauses
    assert not _thresholds._token
    assert _thresholds._ours == ()
    assert _thresholds._in_force is None
    assert _thresholds._paused_over is None
    assert not _thresholds._switched_off
    assert not _thresholds._hooked
    assert hooks() == 0


def hooks() -> int:
    """Return how often the counting hook is in `gc.callbacks`."""
    return sum(hook is _counters.on_collection for hook in gc.callbacks)


def expected(base: Thresholds, budgets: list[int], pauses: int) -> Thresholds:
    """Return what the thresholds have to be; the rule in its simplest form."""
    found = base
    if base[0]:
        smallest = min((budget for budget in budgets if budget != FULL_ONLY), default=None)
        if smallest is not None:
            return (smallest, LARGEST, LARGEST)
        if budgets:
            found = (base[0], base[1], LARGEST)
        if pauses and base[0] < BUDGET:
            found = (BUDGET, *found[1:])
    return found


class Holder:
    """One that holds the collector off: a pause, or a deferral of some budget."""

    def __init__(self, budget: int | None) -> None:
        self.budget = budget
        self.is_open = False
        self._deferral: Deferral = (budget or 0, get_ident(), self)

    def begin(self) -> None:
        """Hold it off."""
        self.is_open = True
        if self.budget is None:
            pause(self)
        else:
            self._deferral = (self.budget, get_ident(), self)
            defer(self._deferral)

    def end(self) -> None:
        """Hold it off no more."""
        self.is_open = False
        if self.budget is None:
            resume(self)
        else:
            undefer(self._deferral)

    def forget(self, deferral: Deferral) -> None:
        """Be a scope; no test here forks while one of these is open."""


def assert_right(holders: list[Holder], base: Thresholds = OWN) -> None:
    """The thresholds, the flag and the hook are as the open holders want them together."""
    budgets = [h.budget for h in holders if h.is_open and h.budget is not None]
    pauses = sum(h.is_open and h.budget is None for h in holders)
    assert gc.get_threshold() == expected(base, budgets, pauses)
    smallest = min((budget for budget in budgets if budget != FULL_ONLY), default=0)
    assert gc.isenabled() == (smallest != LARGEST)
    assert hooks() == bool(budgets)
    assert not _thresholds._token


# -- coming in between -----------------------------------------------------------------------

_NEVER = {"NOP", "SETUP_FINALLY", "RETURN_VALUE", "RETURN_CONST"}
"""Here no interpreter looks for signals, and no `try` is in force: the NOP that begins one, and the
return from its middle."""

_SHARED = {"LOAD_GLOBAL", "STORE_GLOBAL", "LOAD_ATTR", "STORE_ATTR", "LOAD_METHOD", "FOR_ITER"}
_SHARED |= {"BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "CALL_FUNCTION_EX", "CALL"}
_SHARED |= {"CALL_FUNCTION", "CALL_METHOD", "CALL_FUNCTION_KW", "CALL_KW", "GET_ITER"}
"""What reads or writes something that others see; who comes before another one comes before the
next of these."""

_ALL = frozenset(number for name, number in dis.opmap.items() if name not in _NEVER)
_THESE = frozenset(number for name, number in dis.opmap.items() if name in _SHARED)


def at_each_step(
    prepare: Callable[[], Callable[[], object]],
    come: Callable[[], object],
    check: Callable[[], object],
    files: tuple[str, ...] = ROOM,
) -> int:
    """Run something again and again, and come in between at one bytecode after the other.

    Args:
        prepare: sets the scene, and returns what to run.
        come: is called in the middle; what it raises comes out of the bytecode, as a Ctrl-C does.
        check: looks at what has become of it, and clears up.
        files: where the code is written into which to come.

    Returns:
        The number of moments.
    """
    steps = Steps(come, files)
    for moment in itertools.count():
        place = steps.run(prepare(), moment)
        try:
            check()
        except BaseException as error:
            raise AssertionError(f"after coming in between at {place}") from error
        if not place:
            return moment
    raise AssertionError("unreachable")


class Steps:
    """Counts bytecodes and the beginnings of functions, and comes in between at one of them."""

    def __init__(self, come: Callable[[], object], files: tuple[str, ...]) -> None:
        self._come = come
        self._files = files
        self._codes = _ALL if come is interrupt else _THESE
        self._left = 0
        self._place = ""

    def run(self, run: Callable[[], object], moment: int) -> str:
        """Run, and come in between at one moment; return where that was, "" if it ended before."""
        self._left = moment
        self._place = ""
        try:
            with self._told():
                run()
        except KeyboardInterrupt:
            assert self._place
        return self._place

    def _begins(self, frame: FrameType) -> None:
        caller = frame.f_back
        # What is called from outside has not begun, and nobody can help what comes before it.
        if caller is not None and caller.f_code.co_filename in self._files:
            self._pass(frame, "beginning")

    def _steps(self, frame: FrameType, offset: int) -> None:
        if _bytes(frame.f_code)[offset] in self._codes:
            self._pass(frame, f"byte {offset}")

    def _pass(self, frame: FrameType, where: str) -> None:
        self._left -= 1
        if self._left == -1:
            self._place = f"{frame.f_code.co_name}, line {frame.f_lineno}, {where}"
            self._come()

    if sys.version_info >= (3, 12):
        # There a trace that asks for bytecodes is told of them or not as earlier traces have it
        # (python/cpython#114480), and makes all that runs later tell of them.

        @contextlib.contextmanager
        def _told(self) -> Iterator[None]:
            events, tool = sys.monitoring.events, sys.monitoring.DEBUGGER_ID
            both = events.PY_START | events.INSTRUCTION
            thread = get_ident()

            def on_start(code: CodeType, offset: int) -> None:
                if get_ident() == thread:
                    self._begins(sys._getframe(1))

            def on_instruction(code: CodeType, offset: int) -> None:
                if get_ident() == thread:
                    self._steps(sys._getframe(1), offset)

            sys.monitoring.use_tool_id(tool, __name__)
            try:
                sys.monitoring.register_callback(tool, events.PY_START, on_start)
                sys.monitoring.register_callback(tool, events.INSTRUCTION, on_instruction)
                for code in _codes(self._files):
                    sys.monitoring.set_local_events(tool, code, both)
                yield
            finally:
                for code in _codes(self._files):
                    sys.monitoring.set_local_events(tool, code, 0)
                sys.monitoring.register_callback(tool, events.PY_START, None)
                sys.monitoring.register_callback(tool, events.INSTRUCTION, None)
                sys.monitoring.free_tool_id(tool)

    else:

        @contextlib.contextmanager
        def _told(self) -> Iterator[None]:
            before = sys.gettrace()
            sys.settrace(self._trace)
            try:
                yield
            finally:
                sys.settrace(before)

        def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
            if frame.f_code.co_filename not in self._files:
                return None
            frame.f_trace_opcodes = True
            self._begins(frame)
            return self._step

        def _step(self, frame: FrameType, event: str, argument: object) -> Any:
            if event == "opcode":
                self._steps(frame, frame.f_lasti)
            return self._step


@functools.cache
def _bytes(code: CodeType) -> bytes:
    return code.co_code  # made anew each time that it is asked for


@functools.cache
def _codes(files: tuple[str, ...]) -> list[CodeType]:
    """Return the code of all functions that are written in some files."""
    left = [one.__code__ for one in gc.get_objects() if type(one) is FunctionType]
    found: dict[int, CodeType] = {}
    while left:
        code = left.pop()
        if code.co_filename in files and id(code) not in found:
            found[id(code)] = code
            left.extend(part for part in code.co_consts if type(part) is CodeType)
    return list(found.values())


def interrupt() -> None:
    """Come as a Ctrl-C."""
    raise KeyboardInterrupt


# -- each by itself, in every order ----------------------------------------------------------

KINDS = {
    "pause": None,
    "another pause": None,
    "5,000": 5_000,
    "10,000": 10_000,
    "full": FULL_ONLY,
    "off": LARGEST,
    "1,000,000": 1_000_000,
}


@pytest.mark.parametrize("base", [OWN, (0, 11, 13), (300_000, 11, 13), (700, 11, LARGEST)])
def test_all_orders_of_exit(base: Thresholds) -> None:
    """Of any three that nest or overlap, what is open holds, and the last one out restores."""
    gc.set_threshold(*base)
    for kinds in itertools.permutations(KINDS.values(), 3):
        for order in itertools.permutations(range(3)):
            holders = [Holder(kind) for kind in kinds]
            for holder in holders:
                holder.begin()
                assert_right(holders, base)
            for number in order:
                holders[number].end()
                assert_right(holders, base)
    gc.set_threshold(*OWN)


@pytest.mark.parametrize("budget", [5_000, FULL_ONLY, LARGEST])
@pytest.mark.parametrize("values", [(901,), (901, 17), (901, 17, 19), (0,), (300_000,)])
def test_each_threshold_goes_back_by_itself(budget: int, values: tuple[int, ...]) -> None:
    """`gc.set_threshold(5000)` sets the first; the other two go back to the application's."""
    holder, inner = Holder(budget), Holder(None)
    after = (*values, *OWN[len(values) :])
    holder.begin()
    gc.set_threshold(*values)
    now = gc.get_threshold()
    assert now[: len(values)] == values
    with cycle_scope():
        pass
    assert gc.get_threshold() == now
    holder.end()
    assert gc.get_threshold() == after
    gc.set_threshold(*OWN)


@pytest.mark.parametrize("budget", [5_000, FULL_ONLY])
def test_what_the_application_sets_holds_until_the_next_one_begins(budget: int) -> None:
    """An end leaves it alone, a new beginning defers again over what the application has now."""
    holders = [Holder(budget), Holder(10_000), Holder(budget), Holder(budget)]
    for holder in holders[:3]:
        holder.begin()
    gc.set_threshold(901, 17)
    for holder in holders[:2]:
        holder.end()
        assert gc.get_threshold() == (901, 17, LARGEST)
    holders[3].begin()
    assert_right(holders, (901, 17, 13))
    holders[3].end()
    holders[2].end()
    assert gc.get_threshold() == (901, 17, 13)
    gc.set_threshold(*OWN)


def test_switched_off_by_the_threshold_stays_off() -> None:
    """An application whose young threshold is 0 gets no collection from us, and none later."""
    gc.set_threshold(0)
    holders = [Holder(5_000), Holder(FULL_ONLY), Holder(None)]
    for holder in holders:
        holder.begin()
        assert gc.get_threshold() == (0, *OWN[1:])
    gc.set_threshold(901)  # on again, in the middle
    holders[1].end()
    assert gc.get_threshold()[1:] == OWN[1:]
    holders[2].end()
    assert gc.get_threshold() == (901, *OWN[1:])
    holders[0].end()
    assert gc.get_threshold() == (901, *OWN[1:])
    gc.set_threshold(*OWN)


def test_really_off_is_the_enabled_flag() -> None:
    """Without a budget the flag is cleared; any budget beside it brings the net back."""
    off, other, budget = Holder(LARGEST), Holder(LARGEST), Holder(5_000)
    holders = [off, other, budget]
    for holder in (off, other, budget):
        holder.begin()
        assert_right(holders)
    for holder in (budget, off, other):
        holder.end()
        assert_right(holders)


def test_a_library_that_enables_meanwhile_is_left_alone() -> None:
    """Where the flag is ours and a library sets it, no collection comes, and all goes back."""
    off, budget = Holder(LARGEST), Holder(5_000)
    off.begin()
    gc.enable()
    assert gc.isenabled()
    assert gc.get_threshold() == (LARGEST, LARGEST, LARGEST)
    budget.begin()
    assert gc.isenabled()
    budget.end()
    off.end()
    assert gc.isenabled()


def test_a_flag_that_was_cleared_before_stays_cleared() -> None:
    """Who has called `gc.disable()` finds it so, also after a scope without a budget."""
    gc.disable()
    try:
        for budget in (LARGEST, 5_000, FULL_ONLY):
            holder = Holder(budget)
            holder.begin()
            assert not gc.isenabled()
            holder.end()
            assert not gc.isenabled()
    finally:
        gc.enable()


def test_ending_twice_ends_once() -> None:
    """A second end of the same pause or deferral takes nothing from the others."""
    for budget in (None, 5_000):
        first, second = Holder(budget), Holder(budget)
        first.begin()
        second.begin()
        first.end()
        first.end()
        assert_right([first, second])
        second.end()


# -- whoever comes meanwhile -----------------------------------------------------------------


class Scene:
    """Holders, of which some are open at first, one moves, and another one comes meanwhile."""

    def __init__(self, at_first: str, moving: str, coming: str = "") -> None:
        self.names = (at_first, moving, coming)
        self.holders: list[Holder] = []
        self.has_come = False

    def prepare(self) -> Callable[[], object]:
        """Open those that are open at first, and return what the one that moves does."""
        self.has_come = False
        self.holders = []
        for name in self.names:
            holder = Holder(KINDS[name.rpartition(" ")[0]]) if name else None
            self.holders.append(holder or Holder(None))
            if holder is not None and not name.endswith(" begins"):
                holder.begin()
        return self.move(1)

    def move(self, number: int) -> Callable[[], object]:
        """Return what one of them does."""
        holder = self.holders[number]
        return holder.begin if self.names[number].endswith(" begins") else holder.end

    def come(self) -> None:
        """Do the other one's move."""
        self.has_come = True
        self.move(2)()

    def come_as_thread(self) -> None:
        """Do it in another thread, and wait for it: a lock would be waited for without end."""
        thread = threading.Thread(target=self.come)
        thread.start()
        thread.join()

    def check(self) -> None:
        """All is as the open ones want it; afterwards, nothing is left."""
        if not self.has_come:
            self.move(2)()
        assert_right(self.holders)
        for holder in self.holders:
            if holder.is_open:
                holder.end()
                assert_right(self.holders)
        assert_idle()

    def end_all(self, base: Thresholds) -> None:
        """End what is open, and find the application's thresholds as it has set them meanwhile."""
        for holder in self.holders:
            if holder.is_open:
                holder.end()
        assert gc.get_threshold() == base
        gc.set_threshold(*OWN)
        assert_idle()


MOVES = ["pause begins", "pause ends", "5,000 begins", "5,000 ends", "full begins", "full ends"]
OFF_MOVES = ["off begins", "off ends"]


@pytest.mark.parametrize("at_first", ["", "pause stays", "10,000 stays", "full stays"])
def test_whoever_comes_meanwhile_is_served(at_first: str) -> None:
    """At whichever bytecode another one comes, in the end the thresholds are as both want them."""
    more = ["10,000 begins", "10,000 ends"]
    comings = ["pause begins", "5,000 begins", "full ends", *more] if at_first else [*MOVES, *more]
    for moving, coming in itertools.product(MOVES, comings):
        scene = Scene(at_first, moving, coming)
        assert at_each_step(scene.prepare, scene.come, scene.check) > 10


def test_whoever_comes_meanwhile_without_a_budget_is_served() -> None:
    """The same where the enabled flag is cleared and set."""
    for moves in itertools.product(OFF_MOVES, ["5,000 begins", "5,000 ends", *OFF_MOVES]):
        for moving, coming in itertools.permutations(moves):
            scene = Scene("", moving, coming)
            assert at_each_step(scene.prepare, scene.come, scene.check) > 10


@pytest.mark.parametrize("moving", ["pause begins", "pause ends", "5,000 begins", "full ends"])
def test_whoever_begins_meanwhile_defers_over_what_the_application_has_set(moving: str) -> None:
    """Also where another move that leaves the application's thresholds alone is under way."""
    scene = Scene("full stays", moving, "10,000 begins")
    now = (901, 17, 13)

    def prepare() -> Callable[[], object]:
        run = scene.prepare()
        gc.set_threshold(*now[:2])
        return run

    def check() -> None:
        if not scene.has_come:
            scene.come()
        assert_right(scene.holders, now)
        scene.end_all(now)

    assert at_each_step(prepare, scene.come, check) > 10


@pytest.mark.parametrize("coming", ["pause begins", "pause ends", "full begins"])
def test_what_an_earlier_scope_was_over_does_not_come_back(coming: str) -> None:
    """Even for an application whose own full threshold is the largest one, as ours is."""
    scene = Scene("", "5,000 begins", coming)
    now = (700, 11, LARGEST)

    def prepare() -> Callable[[], object]:
        earlier = Holder(5_000)
        gc.set_threshold(901, 17, 19)
        earlier.begin()
        earlier.end()
        gc.set_threshold(*now)
        return scene.prepare()

    def check() -> None:
        scene.end_all(now)

    assert at_each_step(prepare, scene.come, check) > 10


def test_nobody_waits_for_a_thread_that_is_at_it() -> None:
    """Another thread that comes at any moment goes through without a lock, and is served."""
    for moving, coming in [("5,000 begins", "full begins"), ("pause ends", "10,000 begins")]:
        scene = Scene("", moving, coming)
        assert at_each_step(scene.prepare, scene.come_as_thread, scene.check) > 10


def test_what_the_application_sets_meanwhile_is_not_taken_for_ours() -> None:
    """Whatever becomes of a value that is set in the middle of a move, it is that or the former."""
    for kind in ("pause", "5,000", "full"):
        for move in ("begins", "ends"):
            scene = Scene("", f"{kind} {move}")

            def prepare(scene: Scene = scene) -> Callable[[], object]:
                gc.set_threshold(*OWN)
                return scene.prepare()

            def check(scene: Scene = scene) -> None:
                scene.holders[1].end()
                assert gc.get_threshold()[0] in (OWN[0], 901)
                assert gc.get_threshold()[1:] == OWN[1:]
                assert_idle()

            at_each_step(prepare, lambda: gc.set_threshold(901), check)
    gc.set_threshold(*OWN)


def test_no_collection_runs_inside_many_threads() -> None:
    """However threads overlap: none inside a scope, the application's thresholds in the end."""
    inside: set[tuple[int, int]] = set()
    violations: list[object] = []

    def look(phase: str, info: dict[str, int]) -> None:
        # Another thread may begin a scope while this one is on its way here: the collection is one
        # of those inside only if it would start now as well.
        before = set(inside)
        allowed = gc.get_threshold()[info["generation"]]
        is_due = gc.get_count()[info["generation"]] > allowed
        if phase == "start" and is_due and before & inside:
            violations.append((info, allowed, _thresholds.deferrals()))

    shared = gc_frozen()
    makers: list[Callable[[], FrozenScope]] = [
        gc_frozen,
        lambda: shared,
        lambda: gc_frozen(max_net_objects=500_000),
    ]

    def work(number: int) -> None:
        for turn in range(120):
            holder = [1]
            if turn % 3 == 0:
                pause(holder)
            with makers[(number + turn) % 3]():
                inside.add((number, turn))
                kept: list[list[object]] = [[] for _ in range(30)]
                with shared:
                    kept += [[] for _ in range(10)]
                inside.discard((number, turn))
            del kept
            kept = [[] for _ in range(60)]  # the collector runs here
            resume(holder)

    own, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(40, 3, 3)
    sys.setswitchinterval(1e-6)
    gc.callbacks.append(look)
    try:
        before = gc.get_stats()[0]["collections"]
        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = gc.get_stats()[0]["collections"]
        assert gc.get_threshold() == (40, 3, 3)
    finally:
        gc.callbacks.remove(look)
        sys.setswitchinterval(interval)
        gc.set_threshold(*own)
    assert violations == []
    assert after > before  # otherwise nothing has been proven


# -- Ctrl-C ----------------------------------------------------------------------------------


@pytest.mark.parametrize("at_first", ["", "pause stays", "10,000 stays", "full stays", "off stays"])
@pytest.mark.parametrize("moving", [*MOVES, *OFF_MOVES])
def test_ctrl_c_loses_no_token(at_first: str, moving: str) -> None:
    """After a Ctrl-C at any bytecode of a move, and its end, all is right at once."""
    scene = Scene(at_first, moving)

    def check() -> None:
        scene.holders[1].end()  # as whoever has begun does in its `finally`
        assert_right(scene.holders)
        scene.holders[0].end()
        assert_idle()

    assert at_each_step(scene.prepare, interrupt, check) > 10


@pytest.mark.parametrize("moving", MOVES[:4])
def test_ctrl_c_takes_no_token_from_another_thread(
    moving: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another thread is at it, it stays at it, and sees what the interrupted one wanted."""
    scene = Scene("", moving)
    other = (None, 1)
    monkeypatch.setattr(_thresholds, "_give_way", lambda: None)  # it would be a hundred times

    def prepare() -> Callable[[], object]:
        run = scene.prepare()
        _thresholds._token[None] = other
        return run

    def check() -> None:
        assert _thresholds._token == {None: other}
        scene.holders[1].end()
        assert _thresholds._token == {None: other}
        _thresholds._token.clear()  # the other one is done, and looks for requests
        if _thresholds._requests:
            _thresholds._settle(False)
        assert_idle()

    assert at_each_step(prepare, interrupt, check) > 5


class Guarded:
    """A guard around a block or a call, also where it or another one is open already."""

    def __init__(self, how: str, where: str, **options: Any) -> None:
        self._how = how
        self._where = where
        self._options = options
        self._guard = self._outer = gc_frozen()
        self.unhelped = 0

    def prepare(self) -> Callable[[], object]:
        """Make a guard, and return what is done with it."""
        self._guard = gc_frozen(**self._options)
        self._outer = gc_frozen(max_net_objects=10_000) if self._where == "another" else self._guard
        if self._where != "alone":
            self._outer.enter()
        how: Callable[[], object] = getattr(self, self._how)
        return how

    def block(self) -> None:
        """Be in it."""
        with self._guard:
            pass

    def entry(self) -> None:
        """Enter it and leave it, as a block does without `__exit__`."""
        self._guard.enter()
        self._guard.leave(failed=False)

    def call(self) -> None:
        """Make a call, as a decorator does: it abandons whatever has not come to its end."""
        session = FrozenCall(self._guard, stepped=False)
        try:
            session.open()
            session.finish()
        except BaseException:
            session.abandon()
            raise

    def steps(self) -> None:
        """Make a step, as a decorator does."""
        session = FrozenCall(self._guard, stepped=True)
        try:
            session.open()
            session.enter()
            try:
                pass
            finally:
                session.leave()
            session.finish()
        except BaseException:
            session.abandon()
            raise

    def check(self) -> None:
        """Only the outer one is open; when it ends, too, nothing is left."""
        outer = self._where != "alone"
        if self._how == "block" and len(_thresholds.deferrals()) > outer:
            self.unhelped += 1
            self._guard.leave(failed=False)
        if outer:
            assert _thresholds.deferrals() == list(self._outer._blocks.values())
            assert len(self._outer._blocks) == 1
            assert gc.get_threshold() == (self._outer._options.young, LARGEST, LARGEST)
            self._outer.leave(failed=False)
        assert self._guard._blocks == self._guard._calls == {}
        assert self._guard._start is None
        assert abs(self._guard.stats.net_objects) < 1_000
        assert gc.get_threshold() == OWN
        assert_idle()


OPTIONS: tuple[dict[str, Any], ...] = ({}, {"on_exit": "young"}, {"max_net_objects": 5_000})


@pytest.mark.parametrize("where", ["alone", "itself", "another"])
@pytest.mark.parametrize("how", ["entry", "call", "steps"])
def test_ctrl_c_leaves_no_guard_open(how: str, where: str) -> None:
    """A Ctrl-C at any bytecode of a guard's beginning and end ends the entry, and no other one."""
    for options in OPTIONS[: 1 if where == "another" else 3]:
        guarded = Guarded(how, where, **options)
        assert at_each_step(guarded.prepare, interrupt, guarded.check, GUARD) > 50


@pytest.mark.parametrize("where", ["alone", "itself", "another"])
def test_ctrl_c_as_an_exit_begins_is_the_only_one_that_leaves_a_block_open(where: str) -> None:
    """A few bytecodes, before which `with` has given all up; the next exit ends what is left."""
    guarded = Guarded("block", where)
    assert at_each_step(guarded.prepare, interrupt, guarded.check, GUARD) > 50
    assert guarded.unhelped < 12


# -- forks -----------------------------------------------------------------------------------

FORKED = """
import gc, os, sys, threading, warnings
warnings.simplefilter("ignore")  # of a fork where threads are
from cyclefree import gc_frozen, _thresholds
from cyclefree._thresholds import pause
OWN = (700, 11, 13)
gc.set_threshold(*OWN)
inside, end = threading.Barrier(3), threading.Event()
def others_scope():
    with gc_frozen(max_net_objects=5_000):
        inside.wait()
        end.wait()
def others_pause():
    pause("for good")
    inside.wait()
    end.wait()
threads = [threading.Thread(target=work) for work in (others_scope, others_pause)]
for thread in threads:
    thread.start()
inside.wait()

def report(*found):
    print(*found, flush=True)

def child(own_scope):
    report(gc.get_threshold(), len(_thresholds.deferrals()), bool(_thresholds._token))
    if own_scope is not None:
        own_scope.__exit__(None, None, None)
        report(gc.get_threshold(), own_scope.stats.automatic_collections)
    with gc_frozen():
        report(gc.get_threshold())
    report(gc.get_threshold(), gc.callbacks)
    os._exit(0)

def fork(own_scope):
    sys.stdout.flush()
    number = os.fork()
    if not number:
        child(own_scope)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0

fork(None)
with gc_frozen(defer="full") as full:
    fork(full)
with gc_frozen(max_net_objects=10_000) as smaller:
    _thresholds._token[None] = (None, threads[0].ident)  # it is just at it
    fork(smaller)
    _thresholds._token.clear()
end.set()
for thread in threads:
    thread.join()
_thresholds.resume("for good")
report(gc.get_threshold(), gc.callbacks)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_keeps_what_its_thread_deferred() -> None:
    """The scopes and pauses of other threads end in the child, and its own ends when it leaves."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=300
    )
    own, deferred = "(700, 11, 13)", "(1000000, 2147483647, 2147483647)"
    assert done.stdout.splitlines() == [
        f"{own} 0 False",
        deferred,
        f"{own} []",
        "(700, 11, 2147483647) 1 False",
        f"{own} 0",
        deferred,
        f"{own} []",
        "(10000, 2147483647, 2147483647) 1 False",
        f"{own} 0",
        deferred,
        f"{own} []",
        f"{own} []",
    ], done.stderr
    assert done.stderr == ""
