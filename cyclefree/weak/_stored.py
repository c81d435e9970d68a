"""The weak reference that stands in an instance, and what copies and pickles make of it."""

from __future__ import annotations

import sys
import weakref
from typing import Any, TypeVar

__all__ = ["DEAD", "StoredRef", "dropped"]

T = TypeVar("T")


class StoredRef(weakref.ref[T]):
    """A `weakref.ref` that may be copied, deep-copied and pickled with the object it stands in.

    A copy refers to the same object. A deep copy refers to the copy of that object when it is
    copied too, in whatever order, and to the same object otherwise. A pickle drops the reference:
    what is loaded reads as dead.
    """

    __slots__ = ()

    def __copy__(self) -> StoredRef[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> StoredRef[T]:
        target = self()
        if target is None:
            return self
        if id(target) in memo:
            return _reference_to(memo[id(target)]) or self
        later = _LaterRef(target)
        _Seen.of(memo).waiting.setdefault(id(target), []).append(later)
        return later

    def __reduce__(self) -> tuple[Any, ...]:
        return dropped, ()


class _LaterRef(StoredRef[T]):
    """A reference in a deep copy whose target had not been copied when its holder was."""

    __slots__ = ("copied",)

    copied: StoredRef[T] | None

    def __init__(self, _: T) -> None:
        self.copied = None

    def __call__(self) -> T | None:
        copied = self.copied
        return super().__call__() if copied is None else copied()


class _Seen(list[Any]):
    """The originals of one deep copy, which `copy` keeps alive in its memo, and who waits for one.

    `copy.deepcopy` appends each object that it has copied to a list at `memo[id(memo)]`. Nothing
    else tells that an object was copied after those that refer to it. Were this to change, such a
    reference would keep the object it had: tests/weak/test_stored.py::test_deep_copy.
    """

    __slots__ = ("waiting",)

    def __init__(self, seen: list[Any]) -> None:
        super().__init__(seen)
        self.waiting: dict[int, list[_LaterRef[Any]]] = {}

    @classmethod
    def of(cls, memo: dict[int, Any]) -> _Seen:
        """Return the list of this memo, made one of these when it is not yet."""
        seen = memo.get(id(memo), [])
        if type(seen) is not cls:
            seen = memo[id(memo)] = cls(seen)
        return seen

    def append(self, original: Any) -> None:
        """Take note that an object has been copied."""
        super().append(original)
        waiting = self.waiting.pop(id(original), ())
        if waiting:
            # From the frame of `copy._keep_alive`: a memo kept in here would be a cycle with it.
            memo = sys._getframe(1).f_locals.get("memo", {})
            copied = _reference_to(memo.get(id(original)))
            for later in waiting:
                if later() is original:
                    later.copied = copied


def _reference_to(copied: T) -> StoredRef[T] | None:
    """Return a reference to a copy; None where an object is copied to something of another kind."""
    try:
        return StoredRef(copied)
    except TypeError:
        return None


class _Nobody:
    """What a dead reference referred to."""

    __slots__ = ("__weakref__",)


DEAD: StoredRef[Any] = StoredRef(_Nobody())
"""The reference of an attribute that was set to None."""


def dropped() -> StoredRef[Any]:
    """Return what a pickled reference is loaded as. Pickles name this function: it stays here."""
    return DEAD
