"""Which locals of a piece of code can be bound before each of its instructions.

A small abstract interpretation of the bytecode follows, from the first instruction on and into
the handlers of exceptions, the sets of slots that can be bound and what is on the evaluation
stack. Nothing is run, and no frame is looked at: that is for `_locals`, which asks for the states
in which a frame or generator may have stopped.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType

from cyclefree._definitions import parameter_count

State = tuple[int, int, str]
"""Slots certainly bound, slots possibly bound (bit sets), the evaluation stack."""

_Blocks = tuple[tuple[int, int], ...]
_Key = tuple[str, _Blocks]
_Edge = tuple[int, int, int, str, _Blocks]

AFTER_310 = sys.version_info >= (3, 11)
_AFTER_311 = sys.version_info >= (3, 12)
_AFTER_312 = sys.version_info >= (3, 13)

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
        if AFTER_310:  # a parameter that is a cell stays in its own slot
            extra = tuple(name for name in extra if name not in own)
        self.slots = own + extra + code.co_freevars
        self.cells = sum(
            1 << slot
            for slot, name in enumerate(self.slots)
            if slot >= len(own) or (AFTER_310 and name in code.co_cellvars)
        )
        first_free = len(self.slots) - len(code.co_freevars)
        self.free = (1 << len(self.slots)) - (1 << first_free)
        self._instructions: list[dis.Instruction] | None = None
        self._at: dict[int, int] = {}
        self._handlers = _exception_table(code) if AFTER_310 else []
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
        if not AFTER_310 and self._opname(index + 1) == "YIELD_FROM":
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
        count = parameter_count(self.code)
        bound = (1 << count) - 1
        if not AFTER_310:  # cells are there from the start, and a parameter's value moves into its
            for slot in range(count):
                if self.slots[slot] in self.code.co_cellvars:
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
        if AFTER_310:
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
    if name == "LOAD_GLOBAL" and AFTER_310 and arg & 1:
        return stack + ("vn" if _AFTER_312 else "nv")
    method = "v?" if _AFTER_312 else "?v"
    if name == "LOAD_METHOD" or (name == "LOAD_ATTR" and _AFTER_311 and arg & 1):
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
