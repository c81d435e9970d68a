"""Lines of code that store something, read from bytecode; nothing is run."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType

from cyclefree._definitions import parameter_count

__all__ = [
    "Lines",
    "attribute_lines",
    "constant_lines",
    "is_bound_at_once",
    "item_lines",
    "local_item_lines",
    "local_lines",
    "notes_only",
]

_ATTRIBUTE_USES = frozenset(("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "COPY", "DUP_TOP"))


# What puts an item into a container, by the name of its method.
_ADDING = frozenset(
    ("add", "append", "appendleft", "extend", "insert", "put", "push", "setdefault", "update")
)
_SETTERS = frozenset(("setattr", "__setattr__"))
_STORES_LOCAL = frozenset(
    ("STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST")
)
_CALLS = ("CALL", "PRECALL")
_COPIES = frozenset(("COPY", "DUP_TOP"))
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))

Lines = Iterator[tuple[int, bool]]
"""Lines, and whether a constant is stored there."""

_Instructions = list[tuple[int, dis.Instruction]]


def _instructions(code: CodeType) -> _Instructions:
    """List the instructions with their lines (`Instruction.starts_line` changed with 3.13)."""
    ranges = [(start, stop, line) for start, stop, line in code.co_lines() if line]
    found = []
    at = 0
    line = code.co_firstlineno
    for ins in dis.get_instructions(code):
        if ins.opname == "EXTENDED_ARG":  # the next instruction has its argument whole
            continue
        while at < len(ranges) and ranges[at][1] <= ins.offset:
            at += 1
        if at < len(ranges) and ranges[at][0] <= ins.offset:
            line = ranges[at][2]
        found.append((line, ins))
    return found


def local_lines(code: CodeType, name: str) -> Lines:
    """Yield where a function stores a local, once for each line."""
    instructions = _instructions(code)
    lines: dict[int, bool] = {}
    for at, (line, ins) in enumerate(instructions):
        if ins.opname not in _STORES_LOCAL or name not in _stored(ins):
            continue
        # `except E as err:` deletes err in the end, by storing None first. (No code ends in a
        # store, so there is an instruction after this one.)
        if not instructions[at + 1][1].opname.startswith("DELETE_"):
            lines[line] = lines.get(line, True) and _is_constant(instructions, at, 0)
    yield from lines.items()


def _stored(ins: dis.Instruction) -> tuple[object, ...]:
    """Return the locals that an instruction stores; 3.13 has some that name two."""
    value = ins.argval
    if type(value) is not tuple:
        return (value,)
    return value[:1] if ins.opname == "STORE_FAST_LOAD_FAST" else value


def _is_constant(instructions: _Instructions, at: int, above: int) -> bool:
    """Tell whether what an instruction stores is a constant, whichever way the code came there.

    Args:
        instructions: those of the code.
        at: index of the one that stores.
        above: how many values lie on what is stored: the object that gets it, a key.
    """
    height = 0
    following = at
    operands = None if above else at  # what pushes the values above starts here
    for start in range(at - 1, -1, -1):  # pragma: no branch (something has pushed it)
        ins = instructions[start][1]
        if instructions[following][1].is_jump_target or ins.opcode in _JUMPS:
            break
        height += dis.stack_effect(ins.opcode, ins.arg)
        if height > above:
            if ins.opname in _COPIES:  # `a = b = None`: all but the last store a copy
                ins = instructions[start - 1][1]
            elif following != operands and instructions[following][1].opname not in _COPIES:
                break
            return ins.opname == "LOAD_CONST"
        if height == above and operands is None:
            operands = start
        following = start
    return False


def _of_self(instructions: _Instructions, at: int) -> bool:
    """Whether an instruction works on the local `self`, or on what is not known (`x.rows += y`)."""
    before = at - 2 if instructions[at - 1][1].argval == "__dict__" else at - 1
    return _loads(instructions, before, "self") or (
        instructions[before][1].opname in ("SWAP", "ROT_TWO")
    )


def attribute_lines(code: CodeType, name: str, own: bool = True) -> Lines:
    """Yield where code stores an attribute, also by `setattr` or `__dict__` with its name.

    Args:
        code: the code.
        name: the attribute.
        own: whether the code is of the class; where not, `self` is another class's object.
    """
    if name not in code.co_names and name not in code.co_consts:
        return
    instructions = _instructions(code)
    setting = False  # after `setattr` has been loaded, before its result is dropped
    for at, (line, ins) in enumerate(instructions):
        opname, value = ins.opname, ins.argval
        if not own and _of_self(instructions, at):
            continue
        if opname == "STORE_ATTR" and value == name:
            yield line, _is_constant(instructions, at, 1)
        elif opname == "LOAD_CONST" and value == name:
            following = instructions[at + 1][1].opname
            if setting and not following.startswith(_CALLS):  # not what is stored, the last one
                yield line, following == "LOAD_CONST"
            elif following == "STORE_SUBSCR" and instructions[at - 1][1].argval == "__dict__":
                yield line, _is_constant(instructions, at + 1, 2)
        elif opname == "POP_TOP":
            setting = False
        elif opname.startswith("LOAD_") and value in _SETTERS:
            setting = True


def item_lines(code: CodeType, name: str, own: bool = True) -> Lines:
    """Yield where code puts something into the container that an attribute holds."""
    if name not in code.co_names:
        return
    reading: set[int] = set()
    instructions = _instructions(code)
    for at, (line, ins) in enumerate(instructions):
        if ins.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if ins.argval == name and (own or not _of_self(instructions, at)):
                reading.add(line)
            elif line in reading and ins.argval in _ADDING:
                yield line, False
        elif ins.opname == "STORE_SUBSCR" and line in reading:
            yield line, False


def local_item_lines(code: CodeType, name: str) -> Lines:
    """Yield where a function puts something into the container that a local holds."""
    instructions = _instructions(code)
    for at, (line, ins) in enumerate(instructions):
        if ins.opname in ("LOAD_ATTR", "LOAD_METHOD") and ins.argval in _ADDING:
            if _loads(instructions, at - 1, name):
                yield line, False
        elif ins.opname == "STORE_SUBSCR" and _loads(instructions, at - 2, name):  # below the key
            yield line, False


def _loads(instructions: _Instructions, at: int, name: str) -> bool:
    """Whether an instruction loads a local, as the last of those that it loads."""
    ins = instructions[at][1]
    names = ins.argval if type(ins.argval) is tuple else (ins.argval,)  # 3.13 loads two at once
    return ins.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) and names[-1] == name


def is_bound_at_once(code: CodeType, name: str) -> bool:
    """Whether a local is bound whatever happens: a parameter, or `name = None` at the top."""
    if name in code.co_varnames[: parameter_count(code)]:
        return True
    instructions = _instructions(code)
    for at, (_, ins) in enumerate(instructions):
        if ins.opcode in _JUMPS or ins.is_jump_target:
            return False
        if ins.opname in _STORES_LOCAL and name in _stored(ins):
            return _is_constant(instructions, at, 0)
    return False


def notes_only(code: CodeType, name: str) -> bool:
    """Whether a function uses a variable around it for attributes only: `wrapper.calls += 1`."""
    instructions = _instructions(code)
    uses = [
        instructions[at + 1][1].opname
        for at, (_, ins) in enumerate(instructions[:-1])
        if ins.opname == "LOAD_DEREF" and ins.argval == name
    ]
    return bool(uses) and all(use in _ATTRIBUTE_USES for use in uses)


def constant_lines(code: CodeType, text: str) -> Lines:
    """Yield where code has a string as a constant."""
    if text in code.co_consts:
        for line, ins in _instructions(code):
            if ins.opname == "LOAD_CONST" and ins.argval == text:
                yield line, True
