"""Names of the locals of frames, generators and coroutines, without asking them.

Reading `frame.f_locals` caches a dictionary in the frame (before 3.13), `generator.gi_frame` makes
a frame (3.11+). So the names come from the order in which the interpreter visits the referents:
a few fields of the frame, then every slot that is bound, then the evaluation stack. Which slots
are bound is worked out from the bytecode: a small abstract interpretation follows, for each
instruction, the sets of slots that can be bound before it. Where two assignments of names remain
possible the name says so ("one of a, b"); it never guesses.
"""

from __future__ import annotations

import dis
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

from cyclefree._definitions import derives

_Named = tuple[str, object, object]
_Option = tuple[str, object]
State = tuple[int, int, str]
"""Slots certainly bound, slots possibly bound (bit sets), the evaluation stack."""

_Blocks = tuple[tuple[int, int], ...]
_Key = tuple[str, _Blocks]
_Edge = tuple[int, int, int, str, _Blocks]

_AFTER_310 = sys.version_info >= (3, 11)
_AFTER_312 = sys.version_info >= (3, 13)

LOCAL_CARRIERS = frozenset(map(id, (FrameType, GeneratorType, CoroutineType, AsyncGeneratorType)))

_PREFIX: dict[int, str] = {
    id(GeneratorType): "gi",
    id(CoroutineType): "cr",
    id(AsyncGeneratorType): "ag",
}
_OPTIMIZED = 0x1 | 0x2  # CO_OPTIMIZED | CO_NEWLOCALS: a function's code
_SUSPENDABLE = 0x20 | 0x80 | 0x200  # CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
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
    if _AFTER_310:
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
    states = flow.dead_at(frame.f_lasti, not _AFTER_310 and _is_running(frame))
    if not _AFTER_310 and flow.code.co_flags & _SUSPENDABLE:
        # On 3.10 the frame of a suspended generator shows its locals, and its stack, itself.
        states = states + flow.suspended_at(frame.f_lasti)
    return states


def _is_running(frame: FrameType) -> bool:
    """Tell whether a thread is executing the frame (3.10, where all frames are objects)."""
    for top in sys._current_frames().values():
        each: FrameType | None = top
        while each is not None:
            if each is frame:
                return True
            each = each.f_back
    return False


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
    if not _AFTER_310:
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
            names.insert(0, ("attr", "ag_hooks"))
            if at:
                names = [names[1], names[0]] if referents[0] is code else names
            elif len(referents) > 1 and referents[1] is code:
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


# --- which slots can be bound where ------------------------------------------------------------

_STATES_PER_PLACE = 48
_STEP_LIMIT = 40_000
_CODE_LIMIT = 30_000

_LEAVES = frozenset(
    [
        "RETURN_VALUE",
        "RETURN_CONST",
        "RAISE_VARARGS",
        "RERAISE",
        "JUMP_FORWARD",
        "JUMP_ABSOLUTE",
        "JUMP_BACKWARD",
        "JUMP_BACKWARD_NO_INTERRUPT",
    ]
)
_CANNOT_RAISE = frozenset(
    [
        "STORE_FAST",
        "STORE_FAST_STORE_FAST",
        "STORE_DEREF",
        "POP_TOP",
        "LOAD_CONST",
        "NOP",
        "SWAP",
        "COPY",
        "PUSH_NULL",
        "ROT_TWO",
        "ROT_THREE",
        "ROT_FOUR",
        "ROT_N",
        "DUP_TOP",
        "DUP_TOP_TWO",
        "LOAD_CLOSURE",
        "POP_BLOCK",
        "SETUP_FINALLY",
        "MAKE_CELL",
        "COPY_FREE_VARS",
        "JUMP_FORWARD",
        "EXTENDED_ARG",
        "PUSH_EXC_INFO",
        "POP_EXCEPT",
        "IS_OP",
        "END_FOR",
        "LOAD_FAST_AND_CLEAR",
        "CACHE",
    ]
)
_LOADS = frozenset(("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST"))
_ONLY_UNBOUND_RAISES = frozenset(("LOAD_FAST", "LOAD_FAST_CHECK", "DELETE_FAST"))
_STORES = frozenset(("STORE_FAST", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST"))
_ROTATIONS = {"ROT_THREE": 3, "ROT_FOUR": 4, "ROT_N": 0}


class Flow:
    """The states in which the frame of a code object can be before each of its instructions.

    The evaluation stack is followed only as far as it matters: "v" a value, "n" nothing (NULL),
    "?" either. Sets of states that grow too large are merged (`must` and `may` then differ).
    """

    __slots__ = ("_at", "_before", "_handlers", "_instructions", "cells", "code", "free", "slots")

    def __init__(self, code: CodeType) -> None:
        self.code = code
        own = code.co_varnames
        extra = code.co_cellvars
        if _AFTER_310:  # a parameter that is a cell stays in its own slot
            extra = tuple(name for name in extra if name not in own)
        self.slots = own + extra + code.co_freevars
        self.cells = sum(
            1 << slot
            for slot, name in enumerate(self.slots)
            if slot >= len(own) or (_AFTER_310 and name in code.co_cellvars)
        )
        first_free = len(self.slots) - len(code.co_freevars)
        self.free = (1 << len(self.slots)) - (1 << first_free)
        self._instructions: list[dis.Instruction] | None = None
        self._at: dict[int, int] = {}
        self._handlers = _exception_table(code) if _AFTER_310 else []
        self._before: list[dict[_Key, set[tuple[int, int]]]] = []

    def dead_at(self, offset: int, running: bool = False) -> list[State]:
        """Return the states of a frame that ended at the instruction; its stack is empty.

        Where the instruction has a handler, the frame ended by a re-raise in it, which sets the
        frame's last instruction back to where the exception came from, with names deleted
        meanwhile (`except E as err`). A frame that still runs (seen on 3.10) may be at it, too.
        """
        index = self._index(offset)
        if index is None:
            return [(0, (1 << len(self.slots)) - 1, "")]
        places = [] if self._opname(index) in _CANNOT_RAISE else self._reraised(index)
        if running or not places:
            places.append(self._before[index])
        return list(
            dict.fromkeys((a, b, "") for p in places for pairs in p.values() for a, b in pairs)
        )

    def suspended_at(self, offset: int) -> list[State]:
        """Return the states of a generator that is suspended at the instruction."""
        index = self._index(offset)
        if index is None or self._instructions is None:
            return []
        if self._instructions[index].opname == "RETURN_GENERATOR" or offset < 0:
            return self.created()
        if not _AFTER_310 and self._opname(index + 1) == "YIELD_FROM":
            index += 1
        return self._popped(index)

    def suspended(self, awaiting: bool) -> list[State]:
        """Return the states of a generator suspended at any `yield`, or at any `await`."""
        self._index(0)
        found: list[State] = []
        for index, instruction in enumerate(self._instructions or ()):
            if instruction.opname == "YIELD_VALUE" and self._awaits(index) is awaiting:
                found.extend(self._popped(index))
        return list(dict.fromkeys(found))

    def created(self) -> list[State]:
        """Return the state of a generator that has not run yet."""
        self._index(0)
        for index, instruction in enumerate(self._instructions or ()):
            if instruction.opname == "RETURN_GENERATOR":
                return [(a, b, "") for pairs in self._before[index].values() for a, b in pairs]
        return [(*self._first(), "")]

    def _awaits(self, index: int) -> bool:
        following = (self._instructions or [])[index + 1 : index + 2]
        return (
            bool(following) and following[0].opname == "RESUME" and (following[0].arg or 0) & 3 > 1
        )

    def _popped(self, index: int) -> list[State]:
        return [(a, b, key[0][:-1]) for key, pairs in self._before[index].items() for a, b in pairs]

    def _opname(self, index: int) -> str:
        instructions = self._instructions or []
        return instructions[index].opname if index < len(instructions) else ""

    def _index(self, offset: int) -> int | None:
        """Return the index of the instruction at the offset, having worked out the states."""
        if self._instructions is None:
            if len(self.code.co_code) > _CODE_LIMIT:
                return None
            self._instructions = list(dis.get_instructions(self.code))
            self._at = {ins.offset: i for i, ins in enumerate(self._instructions)}
            self._before = [{} for _ in self._instructions]
            if not self._spread(self._before, [(0, *self._first(), "", ())]):
                self._at = {}
                self._instructions = []
        # The offset may lie in the inline cache of a call (3.11+), past the instruction's own.
        offset = max(offset, 0)
        while offset > 0 and offset not in self._at:
            offset -= 2
        return self._at.get(offset)

    def _first(self) -> tuple[int, int]:
        code = self.code
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
        bound = (1 << count) - 1
        if not _AFTER_310:  # cells are there from the start, and a parameter's value moves into its
            for slot in range(count):
                if self.slots[slot] in code.co_cellvars:
                    bound &= ~(1 << slot)
            bound |= self.cells
        return bound, bound

    def _reraised(self, index: int) -> list[dict[_Key, set[tuple[int, int]]]]:
        """Return the states before re-raises by which an exception here can leave the frame."""
        instruction = (self._instructions or [])[index]
        starts = [
            edge
            for (stack, blocks), pairs in self._before[index].items()
            for must, may in pairs
            for edge in self._raised(instruction, must, may, stack, blocks)
        ]
        before: list[dict[_Key, set[tuple[int, int]]]] = [{} for _ in self._before]
        self._spread(before, starts)
        ends = []
        for states, ins in zip(before, self._instructions or [], strict=True):
            if ins.opname == "RERAISE" and ins.arg:
                ends.append({k: v for k, v in states.items() if not self._raised(ins, 0, 0, *k)})
        return [states for states in ends if states]

    def _spread(self, before: list[dict[_Key, set[tuple[int, int]]]], starts: list[_Edge]) -> bool:
        """Follow the code from the given states on; False when that takes too long."""
        todo = list(starts)
        steps = 0
        while todo:
            index, must, may, stack, blocks = todo.pop()
            if index >= len(before):
                continue
            pairs = before[index].setdefault((stack, blocks), set())
            if (must, may) in pairs:
                continue
            if len(pairs) >= _STATES_PER_PLACE or any(a != b for a, b in pairs if len(pairs) == 1):
                merged_must, merged_may = must, may
                for a, b in pairs:
                    merged_must &= a
                    merged_may |= b
                if pairs == {(merged_must, merged_may)}:
                    continue
                pairs.clear()
                must, may = merged_must, merged_may
            pairs.add((must, may))
            steps += 1
            if steps > _STEP_LIMIT:
                return False
            todo.extend(self._step(index, must, may, stack, blocks))
        return True

    def _step(self, index: int, must: int, may: int, stack: str, blocks: _Blocks) -> list[_Edge]:
        """Return where the instruction leads to, and in what state."""
        instructions = self._instructions or []
        ins = instructions[index]
        name = ins.opname
        edges = []
        if name not in _CANNOT_RAISE and not _is_certain(ins, must):
            edges.extend(self._raised(ins, must, may, stack, blocks))
        jumps = ins.opcode in dis.hasjrel or ins.opcode in dis.hasjabs
        if jumps and not name.startswith("SETUP_"):
            target = self._at[ins.argval]
            edges.append((target, must, may, _moved(ins, stack, jump=True), blocks))
        if name in _LEAVES:
            return edges
        if name in ("SETUP_FINALLY", "SETUP_WITH", "SETUP_ASYNC_WITH"):
            level = len(stack) - (name == "SETUP_ASYNC_WITH")
            blocks = (*blocks, (self._at[ins.argval], level))
        elif name in ("POP_BLOCK", "END_ASYNC_FOR") or (name == "POP_EXCEPT" and blocks):
            blocks = blocks[:-1]
        edges.extend(
            (index + 1, a, b, after, blocks)
            for a, b, after in _effects(ins, must, may, stack, self.free)
        )
        return edges

    def _raised(
        self, ins: dis.Instruction, must: int, may: int, stack: str, blocks: _Blocks
    ) -> list[_Edge]:
        """Return the handler that an exception at the instruction goes to, if there is one."""
        if _AFTER_310:
            for start, end, target, depth, pushes in self._handlers:
                if start <= ins.offset < end:
                    pushed = "vv" if pushes else "v"
                    return [(self._at[target], must, may, stack[:depth] + pushed, ())]
            return []
        while blocks:
            target, level = blocks[-1]
            blocks = blocks[:-1]
            if target >= 0:
                # The exception handled before goes first: often none, and then its parts are NULL.
                inside = (*blocks, (-1, level))
                return [(target, must, may, stack[:level] + "??vvvv", inside)]
        return []


def _is_certain(ins: dis.Instruction, must: int) -> bool:
    """Tell whether the instruction only reads or deletes a local that is certainly bound."""
    return ins.opname in _ONLY_UNBOUND_RAISES and bool(must >> (ins.arg or 0) & 1)


def _effects(ins: dis.Instruction, must: int, may: int, stack: str, free: int) -> Iterator[State]:
    """Yield the states after an instruction that has ended normally; none if it cannot."""
    name = ins.opname
    arg = ins.arg or 0
    if name in _LOADS:
        for slot in _slots_of(name, arg, loads=True):
            if not may >> slot & 1:
                return  # reading it raises
            must |= 1 << slot
    if name in _STORES:
        states = [(must, may)]
        for slot in _slots_of(name, arg, loads=False):
            token, stack = stack[-1:], stack[:-1]
            bit = 1 << slot
            after = []
            for a, b in states:
                if token != "n":
                    after.append((a | bit, b | bit))
                if token == "n" or token == "?":
                    after.append((a & ~bit, b & ~bit))
            states = after
        if name == "STORE_FAST_LOAD_FAST":
            stack += "v"
        yield from ((a, b, stack) for a, b in states)
        return
    if name == "LOAD_FAST_AND_CLEAR":
        bit = 1 << arg
        token = "v" if must & bit else "?" if may & bit else "n"
        yield must & ~bit, may & ~bit, stack + token
        return
    if name == "DELETE_FAST":
        bit = 1 << arg
        if may & bit:
            yield must & ~bit, may & ~bit, stack
        return
    if name == "MAKE_CELL":
        must |= 1 << arg
    elif name == "COPY_FREE_VARS":
        must |= free
    yield must, may | must, _moved(ins, stack, jump=False)


def _moved(ins: dis.Instruction, stack: str, jump: bool) -> str:
    """Return the evaluation stack after an instruction that does not touch the locals."""
    name = ins.opname
    arg = ins.arg or 0
    if name == "SWAP" or name == "ROT_TWO":
        other = len(stack) - (arg or 2)
        if other < 0:
            return stack
        return stack[:other] + stack[-1] + stack[other + 1 : -1] + stack[other]
    if name in _ROTATIONS:
        other = len(stack) - (_ROTATIONS[name] or arg)
        return stack[:other] + stack[-1:] + stack[other:-1] if other >= 0 else stack
    if name == "COPY":
        return stack + stack[-arg : len(stack) - arg + 1]
    if name == "PUSH_NULL":
        return stack + "n"
    if name == "RETURN_GENERATOR":  # what is sent first
        return stack + "v"
    if name == "LOAD_GLOBAL" and _AFTER_310 and arg & 1:
        return stack + ("vn" if _AFTER_312 else "nv")
    method = "v?" if _AFTER_312 else "?v"
    if name == "LOAD_METHOD" or (name == "LOAD_ATTR" and sys.version_info >= (3, 12) and arg & 1):
        return stack[:-1] + method
    if name == "LOAD_SUPER_ATTR":
        return stack[:-3] + (method if arg & 1 else "v")
    change = dis.stack_effect(ins.opcode, ins.arg, jump=jump)
    moved = stack + "v" * change if change >= 0 else stack[:change]
    return moved[:-1] + "v" if name.startswith("CALL") else moved


def _slots_of(name: str, arg: int, loads: bool) -> tuple[int, ...]:
    """Return the slots that a (combined) instruction reads or writes, in its order."""
    if name in ("LOAD_FAST_LOAD_FAST", "STORE_FAST_STORE_FAST"):
        return arg >> 4, arg & 15
    if name == "STORE_FAST_LOAD_FAST":
        return () if loads else (arg >> 4,)
    return (arg,)


def _exception_table(code: CodeType) -> list[tuple[int, int, int, int, bool]]:
    """Return (start, end, handler, stack depth, pushes the instruction) of 3.11+ in bytes."""
    table = iter(code.co_exceptiontable)  # type: ignore[attr-defined, unused-ignore]
    numbers: list[int] = []
    for byte in table:
        number = byte & 63
        while byte & 64:
            byte = next(table)
            number = number << 6 | byte & 63
        numbers.append(number)
    return [
        (start * 2, (start + length) * 2, target * 2, depth >> 1, bool(depth & 1))
        for start, length, target, depth in zip(*[iter(numbers)] * 4, strict=True)
    ]
