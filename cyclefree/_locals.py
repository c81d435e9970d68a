"""Names of the locals of frames, generators and coroutines, without asking them.

Reading `frame.f_locals` caches a dictionary in the frame (before 3.13), `generator.gi_frame` makes
a frame (3.11+). So the names come from the order in which the interpreter visits the referents:
a few fields of the frame, then every slot that is bound, then the evaluation stack. Which slots
are bound is worked out from the bytecode (`_bytecode`). Where two assignments of names remain
possible the name says so ("one of a, b"); it never guesses.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from types import (
    AsyncGeneratorType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
)

from cyclefree._bytecode import AFTER_310, Flow, State
from cyclefree._definitions import derives

_Named = tuple[str, object, object]
_Option = tuple[str, object]

LOCAL_CARRIERS = frozenset(map(id, (FrameType, GeneratorType, CoroutineType, AsyncGeneratorType)))

_PREFIX: dict[int, str] = {
    id(GeneratorType): "gi",
    id(CoroutineType): "cr",
    id(AsyncGeneratorType): "ag",
}
_OPTIMIZED = 0x1 | 0x2  # CO_OPTIMIZED | CO_NEWLOCALS: a function's code
SUSPENDABLE = 0x20 | 0x80 | 0x200  # CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_OPTIONS_SHOWN = 4
_STACK: _Option = ("stack", None)
_HANDLED: _Option = ("attr", "exc_info")


class Flows:
    """What has been worked out per code object, kept for one report."""

    __slots__ = ("_flows",)

    def __init__(self) -> None:
        self._flows: dict[int, Flow] = {}

    def of(self, code: CodeType) -> Flow:
        """Return the flow of a code object."""
        flow = self._flows.get(id(code))
        if flow is None:  # the flow holds the code, so that its id stays its own
            flow = self._flows[id(code)] = Flow(code)
        return flow


def name_locals(source: object, referents: Sequence[object], flows: Flows) -> Iterator[_Named]:
    """Name the referents of a frame, generator, coroutine or async generator, in their order."""
    if type(source) is FrameType:
        names = _name_frame(source, referents, flows)
    else:
        names = _name_suspended(source, referents, flows)
    for (kind, detail), referent in zip(names, referents, strict=True):
        if kind != "unnamed":
            yield kind, detail, referent


# --- frames --------------------------------------------------------------------------------------


def _name_frame(frame: FrameType, referents: Sequence[object], flows: Flows) -> list[_Option]:
    names: list[_Option] = []
    if referents and type(referents[0]) is FrameType:
        names.append(("attr", "f_back"))
    code = frame.f_code
    if AFTER_310:
        rest = len(names)
        trace = frame.f_trace
        if trace is not None and rest < len(referents) and referents[rest] is trace:
            names.append(("attr", "f_trace"))
        start = _after_code(names, referents, code)
        if start is None:  # a running frame, or one that its generator owns, shows no locals
            return names + [("unnamed", None)] * (len(referents) - len(names))
        flow = flows.of(code)
        values = referents[len(names) :]
        if len(values) == len(flow.slots):  # every slot is bound: nothing to work out
            return names + [("local", name) for name in flow.slots]
        return names + _align(_frame_states(frame, flow), flow, values)
    fields = (("f_code", code), ("f_builtins", frame.f_builtins), ("f_globals", frame.f_globals))
    for name, value in fields:
        if len(names) < len(referents) and referents[len(names)] is value:
            names.append(("attr", name))
    return names + _name_frame_310(frame, referents[len(names) :], flows.of(code))


def _after_code(names: list[_Option], referents: Sequence[object], code: CodeType) -> int | None:
    """Name what 3.11+ visits up to the code (f_locals, the function); None if there is no code."""
    start = len(names)
    at = next((i for i in range(start, len(referents)) if referents[i] is code), None)
    if at is None:
        return None
    for referent in referents[start:at]:
        if type(referent) is FrameType:
            names.append(("attr", "gi_frame"))
        elif referent is referents[at - 1] and type(referent) is FunctionType:
            names.append(("attr", "f_func"))
        else:
            names.append(("attr", "f_locals"))
    names.append(("attr", "f_code"))
    return at + 1


def _name_frame_310(frame: FrameType, values: Sequence[object], flow: Flow) -> list[_Option]:
    """Name the rest of a frame of 3.10: perhaps f_locals and f_trace, then slots and stack."""
    code = frame.f_code
    optimized = code.co_flags & _OPTIMIZED == _OPTIMIZED
    states = _frame_states(frame, flow)
    fields: list[_Option] = []
    trace = frame.f_trace
    if trace is not None:
        fields.append(("attr", "f_trace"))
    with_locals: list[_Option] = [("attr", "f_locals"), *fields]
    # f_locals is there for certain in a module's or class's frame; in a function's only once
    # somebody has asked for it: then the number of values does not fit without it.
    cached = bool(values) and _is_cached_locals(values[0], flow)
    for prefix in (fields, with_locals) if optimized and not cached else (with_locals, fields):
        if len(prefix) <= len(values):
            rest = values[len(prefix) :]
            if trace is not None and values[len(prefix) - 1] is not trace:
                continue
            if _fits(states, flow, rest):
                return prefix + _align(states, flow, rest)
    return [("unnamed", None)] * len(values)


def _is_cached_locals(value: object, flow: Flow) -> bool:
    """Tell whether a value is the dictionary that `f_locals` has cached, by its keys."""
    if type(value) is not dict or not value:
        return False
    return all(type(key) is str and key in flow.slots for key in list(value))


def _frame_states(frame: FrameType, flow: Flow) -> list[State]:
    """Return the states in which the frame may have stopped at its last instruction."""
    if sys.version_info >= (3, 13):
        known = _known_313(frame, flow)
        if known is not None:
            return [known]
    states = flow.dead_at(frame.f_lasti, not AFTER_310 and _is_running(frame))
    if not AFTER_310 and flow.code.co_flags & SUSPENDABLE:
        # On 3.10 the frame of a suspended generator shows its locals, and its stack, itself.
        states = states + flow.suspended_at(frame.f_lasti)
    return states


def _is_running(frame: FrameType) -> bool:
    """Tell whether a thread is executing the frame (3.10, where all frames are objects)."""
    each: FrameType | None = None
    top: FrameType | None = None
    try:
        for top in sys._current_frames().values():
            each = top
            while each is not None:
                if each is frame:
                    return True
                each = each.f_back
        return False
    finally:
        del each, top  # one of them is this very frame: a cycle, which would hold `frame` too


def _known_313(frame: FrameType, flow: Flow) -> State | None:
    """Ask the frame which locals are bound: since 3.13 that leaves no trace in it."""
    proxy: object = frame.f_locals
    if type(proxy) is dict or not frame.f_code.co_flags & 0x1:
        return None
    must = may = 0
    for slot, name in enumerate(flow.slots):
        bit = 1 << slot
        if flow.cells & bit:  # an empty cell is bound, and yet no local
            may |= bit
            must |= bit if name in proxy else 0  # type: ignore[operator]
        elif name in proxy:  # type: ignore[operator]
            must |= bit
            may |= bit
    return must, may, ""


# --- generators, coroutines, async generators ----------------------------------------------------


def _name_suspended(source: object, referents: Sequence[object], flows: Flows) -> list[_Option]:
    short = _PREFIX[id(type(source))]
    code: CodeType = getattr(source, short + "_code")
    names: list[_Option] = []
    if not AFTER_310:
        for referent in referents:
            if type(referent) is FrameType and not names:
                names.append(("attr", short + "_frame"))
            elif referent is code:
                names.append(("attr", short + "_code"))
            elif type(referent) is str and len(names) < 4:
                names.append(("attr", "__qualname__" if names[-1][1] == "__name__" else "__name__"))
            else:
                names.append(_HANDLED)
        return names
    if referents and referents[0] is code:  # 3.11 visits the generator's own code first
        names.append(("attr", short + "_code"))
    if type(source) is AsyncGeneratorType:  # its finalizer hook comes first
        at = len(names)
        if len(referents) > at and type(referents[at]) is not str:
            names.append(("attr", "ag_hooks"))
            if not at and len(referents) > 1 and referents[1] is code:
                names.append(("attr", short + "_code"))
    for name in ("__name__", "__qualname__"):
        if len(names) < len(referents) and type(referents[len(names)]) is str:
            names.append(("attr", name))
    if _after_code(names, referents, code) is None:  # running or finished
        return names + [_HANDLED] * (len(referents) - len(names))
    frame_at = next((i for i, n in enumerate(names) if n[1] == "gi_frame"), None)
    frame: object = None
    if frame_at is not None:
        names[frame_at] = ("attr", short + "_frame")
        frame = referents[frame_at]
    flow = flows.of(code)
    awaited = getattr(source, "gi_yieldfrom" if short == "gi" else short + "_await")
    states = _suspended_states(source, short, frame, flow, awaited is not None)
    return names + _align(states, flow, referents[len(names) :], True, awaited)


def _suspended_states(
    source: object, short: str, frame: object, flow: Flow, awaiting: bool
) -> list[State]:
    if type(frame) is FrameType:
        return flow.suspended_at(frame.f_lasti)
    suspended = None
    if short != "ag" or sys.version_info >= (3, 12):
        suspended = getattr(source, short + "_suspended")
    if suspended is False:
        return flow.created()
    states = flow.suspended(awaiting)
    if suspended is None and not awaiting:
        states = states + flow.created()
    return states


# --- from states to names ------------------------------------------------------------------------


def _fits(states: Sequence[State], flow: Flow, values: Sequence[object]) -> bool:
    return any(_options(state, flow, values) is not None for state in states)


def _align(
    states: Sequence[State],
    flow: Flow,
    values: Sequence[object],
    suffix: bool = False,
    awaited: object = None,
) -> list[_Option]:
    """Name the values: what all the states that fit agree on."""
    found: list[set[_Option]] = [set() for _ in values]
    for state in states:
        options = _options(state, flow, values, suffix, awaited)
        if options is not None:
            for mine, new in zip(found, options, strict=True):
                mine |= new
    return [_choose(options, flow) for options in found]


def _choose(options: set[_Option], flow: Flow) -> _Option:
    if len(options) == 1:
        return next(iter(options))
    if options and len(options) <= _OPTIONS_SHOWN and all(o[0] == "local" for o in options):
        names = {str(detail) for _, detail in options}
        return "local", "one of " + ", ".join(n for n in flow.slots if n in names)
    return "unnamed", None


def _options(
    state: State,
    flow: Flow,
    values: Sequence[object],
    suffix: bool = False,
    awaited: object = None,
) -> list[set[_Option]] | None:
    """Return for each value what it can be in this state; None if the state does not fit.

    A state is a sequence of places, each of which holds a value, may hold one, or holds none:
    the slots, the stack, and (generators) the exception being handled. An alignment gives the
    values in order to places in order. `ahead[p]` are the numbers of values that the places
    before p can have taken, `behind[p]` those that can be left for p and after.
    """
    must, may, stack = state
    places: list[tuple[_Option, bool, bool]] = []  # option, certain, is a cell
    for slot, name in enumerate(flow.slots):
        bit = 1 << slot
        if may & bit:
            places.append((("local", name), bool(must & bit), bool(flow.cells & bit)))
    for token in stack:
        if token != "n":
            places.append((_STACK, token == "v", False))
    top = len(places) - 1 if awaited is not None and stack else -1
    if suffix:
        places.append((_HANDLED, False, False))
    total = len(values)
    certain = sum(sure for _, sure, _ in places)
    if not certain <= total <= len(places):
        return None

    def takes(place: int, value: int) -> bool:
        option, _, cell = places[place]
        if place == top:
            return values[value] is awaited
        if cell:
            return type(values[value]) is CellType
        return option is not _HANDLED or _is_exception_or_none(values[value])

    ahead: list[set[int]] = [{0}]
    for place, (_, sure, _) in enumerate(places):
        before = ahead[-1]
        after = {v + 1 for v in before if v < total and takes(place, v)}
        ahead.append(after if sure else after | before)
    if total not in ahead[-1]:
        return None
    behind: list[set[int]] = [{total}]
    options: list[set[_Option]] = [set() for _ in values]
    for place in range(len(places) - 1, -1, -1):
        option, sure, _ = places[place]
        later = behind[-1]
        taken = {v - 1 for v in later if v > 0 and v - 1 in ahead[place] and takes(place, v - 1)}
        for value in taken:
            options[value].add(option)
        behind.append(taken if sure else taken | (later & ahead[place]))
    return options


def _is_exception_or_none(value: object) -> bool:
    return value is None or derives(type(value), BaseException)
