"""One recipe: a cycle that a library makes, and what its caller can do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What a caller can do about a reference cycle that lies inside a library.

    Each was measured with `cycle_scope` on 3.10 to 3.13, and the tests measure it again: without
    the way round the cycle is there, with it there is none.

    Attributes:
        library: Dotted module prefix that the cycle's classes, functions or frames live in.
        types: Names of types, classes, functions or frames of which at least one is in the cycle,
            qualified and without ``<locals>``; ``*`` and ``?`` match as in file names. Empty: any.
        text: What to write, imperative, one or two lines. Where nothing helps from the caller's
            side it begins with ``nothing to change`` and says what limits the damage.
        reason: Why the library makes this cycle, in one sentence.
        lets_go: Names of the attributes, locals and closure variables that the way round empties:
            without these references no cycle is left. Empty when the way round makes the objects
            fewer, or avoids the call.
        once: Whether the way round is to make the object once and reuse it.
        until: First Python version that no longer leaves the cycle, where there is one.
    """

    library: str
    types: tuple[str, ...]
    text: str
    reason: str
    lets_go: tuple[str, ...] = ()
    once: bool = False
    until: tuple[int, int] | None = None
