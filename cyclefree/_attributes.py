"""What the attributes of an instance are called, whether or not it has a dictionary.

An instance whose dictionary exists refers to that alone. One that keeps its values inline (3.11+)
shows the values without a name: candidates for names come from ever wider places (`names_in_class`
and so on) and are tried one by one. What the rooms that name references share, `Claims` above
all, stands here as well, since `_c_members` and `_references` import from this one.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cached_property
from types import FunctionType
from typing import Any

from cyclefree._definitions import (
    mro_of,
    names_in_class,
    names_in_modules,
    names_nearby,
    namespace_of,
)

Named = tuple[str, object, object]
"""A reference: kind, detail, target."""

MISSING = object()
HEAP_TYPE = 1 << 9
# Py_TPFLAGSMANAGED_DICT: instances may keep their attributes without a dictionary (3.11+; on 3.10
# the bit is never set).
MANAGED_DICT = 1 << 4

flags_of = type.__dict__["__flags__"].__get__
_read_attribute = object.__getattribute__

# Where candidates for names come from, from the nearest on.
_STAGES: tuple[Callable[[type], dict[str, None]], ...] = (
    names_in_class,
    names_in_modules,
    names_nearby,
)
# Instances without a name found, after which no further names are tried for their class.
_GIVE_UP = 3


class Claims:
    """The referents of one object, each waiting for its name."""

    __slots__ = ("left", "named", "referents")

    def __init__(self, referents: list[object]) -> None:
        self.referents = referents
        self.named: list[Named] = []
        left: dict[int, int] = {}
        for referent in referents:
            key = id(referent)
            left[key] = left.get(key, 0) + 1
        self.left = left

    def claim(self, kind: str, detail: object, target: object) -> bool:
        """Name one reference to `target`, unless there is none left."""
        key = id(target)
        count = self.left.get(key)
        if not count:
            return False
        self.named.append((kind, detail, target))
        if count == 1:
            del self.left[key]
        else:
            self.left[key] = count - 1
        return True

    def remaining(self) -> list[object]:
        """Return the referents without a name, in the order of get_referents."""
        left = dict(self.left)
        found = []
        for referent in self.referents:
            if left.get(id(referent)):
                left[id(referent)] -= 1
                found.append(referent)
        return found


class Attributes:
    """What is known of one class: how its instances keep attributes, and which names worked."""

    __slots__ = ("_cls", "_failures", "_has_dict", "_known", "_plain", "_stage", "_tried", "inline")

    def __init__(self, cls: type) -> None:
        order = mro_of(cls)
        flags = flags_of(cls)
        self._cls = cls
        self.inline = bool(flags & HEAP_TYPE and flags & MANAGED_DICT)
        self._has_dict = any("__dict__" in namespace_of(base) for base in order)
        # `object.__getattribute__` in the first place and no `__getattr__` anywhere: then getattr
        # with a default does the same as object.__getattribute__, without raising.
        first = next((b for b in order if "__getattribute__" in namespace_of(b)), None)
        self._plain = first is object and not any("__getattr__" in namespace_of(b) for b in order)
        self._known: list[str] = []  # names that were right before
        # Every candidate so far, and whether it shadows a class attribute.
        self._tried: dict[str, bool] = {}
        self._stage = 0
        self._failures = 0

    def name(self, source: object, claims: Claims) -> None:
        """Name the attributes of an instance of the class."""
        if not self._has_dict:
            return
        if not self.inline:
            self._claim_dict(source, claims)
            return
        if len(claims.left) == 1 and self._claim_dict(source, claims):
            return
        if any(type(r) is dict for r in claims.remaining()) and _claim_shared(source, claims):
            return
        for name in self._known:
            claims.claim("attr", name, self._read(source, name))
        if claims.left and self._failures < _GIVE_UP:
            self._find_names(source, claims)
        if claims.left and not self._claim_dict(source, claims, sure=True):
            self._claim_cached(claims)

    def _claim_cached(self, claims: Claims) -> None:
        """Name the one reference that is left after the one cached property of the class.

        By elimination: to read it would compute it, where the instance does not have it yet.
        """
        bases = map(namespace_of, mro_of(self._cls))
        cached = {n for base in bases for n, v in base.items() if type(v) is cached_property}
        if len(cached) == len(claims.left) == 1:
            claims.claim("attr", cached.pop(), claims.remaining()[0])

    def _claim_dict(self, source: object, claims: Claims, sure: bool = False) -> bool:
        """Claim the one remaining exact dictionary as `__dict__` if it is that.

        Or a dictionary of the user's own type, as in `self.__dict__ = self`.
        """
        remaining = claims.remaining()
        found: list[Any] = [r for r in remaining if type(r) is dict]
        if not found:
            found = [r for r in remaining if issubclass(type(r), dict)]
            sure = True
        elif not self.inline and len(found) == 1:
            return claims.claim("attr", "__dict__", found[0])
        for own in found:
            agreed = agrees(source, own)
            if agreed or (sure and agreed is None and len(claims.left) == 1):
                return claims.claim("attr", "__dict__", own)
        return False

    def _find_names(self, source: object, claims: Claims) -> None:
        """Try further names on an instance, from ever wider places."""
        before = len(claims.left)
        known = frozenset(self._known)
        inherited = self._try(source, [n for n in self._tried if n not in known], claims)
        # Only what the collector tracks is worth a search beyond the class.
        while claims.left and (self._stage == 0 or any(map(gc.is_tracked, claims.remaining()))):
            fresh = self._widen()
            if not fresh:
                break
            inherited += self._try(source, fresh, claims)
        # The class has the very same value under these names: right only if no other name is.
        for name in inherited:
            claims.claim("attr", name, self._read(source, name))
        if len(claims.left) == before:
            self._failures += 1

    def _try(self, source: object, names: list[str], claims: Claims) -> list[str]:
        """Claim by each name; return those whose value the class has under the same name."""
        inherited = []
        for name in names:
            if not claims.left:
                break
            value = self._read(source, name)
            if self._tried[name] and value is _class_attribute(self._cls, name):
                inherited.append(name)
            elif claims.claim("attr", name, value):
                self._known.append(name)
        return inherited

    def _read(self, obj: object, name: str) -> object:
        """Read an attribute that `_is_readable` allows, running nothing of the user's."""
        if self._plain:
            return getattr(obj, name, MISSING)
        try:
            return _read_attribute(obj, name)
        except AttributeError:
            return MISSING

    def _widen(self) -> list[str]:
        """Return further candidate names from the next, wider place; [] when there is none."""
        while self._stage < len(_STAGES):
            found = _STAGES[self._stage](self._cls)
            self._stage += 1
            fresh = [n for n in found if n not in self._tried and _is_readable(self._cls, n)]
            for name in fresh:
                self._tried[name] = _class_attribute(self._cls, name) is not MISSING
            if fresh:
                return fresh
        return []


def _class_attribute(cls: type, name: str) -> object:
    """Return what the class has under the name, as attribute lookup would find it."""
    for base in mro_of(cls):
        value = namespace_of(base).get(name, MISSING)
        if value is not MISSING:
            return value
    return MISSING


def _is_readable(cls: type, name: str) -> bool:
    """Tell whether reading the attribute runs no code but the interpreter's own.

    When an instance lacks the attribute, the class's value is bound: harmless for a plain
    function, not for a user's descriptor. test_calls guards it.
    """
    value = _class_attribute(cls, name)
    if value is MISSING:
        return True
    kind = type(value)
    if kind is FunctionType or kind is staticmethod:
        return True
    return not any("__get__" in namespace_of(base) for base in mro_of(kind))


def agrees(source: object, own: dict[object, object]) -> bool | None:
    """Tell whether the attributes of `source` are the values of `own`; None: none can be read."""
    if not dict.__len__(own):  # its type may be the user's: nothing of that is called
        return None
    agreed = None
    try:
        entries = list(dict.items(own))
    except RuntimeError:
        return False
    for key, value in entries[:16]:
        if type(key) is str and _is_readable(type(source), key):
            try:
                if _read_attribute(source, key) is not value:
                    return False
            except AttributeError:
                return False
            agreed = True
    return agreed


def _claim_shared(source: object, claims: Claims) -> bool:
    """Name the values of an instance whose dictionary shares them (later 3.13), by its keys."""
    for own in claims.remaining():
        shared = type(own) is dict and own and not gc.get_referents(own)
        if type(own) is dict and shared and agrees(source, own):
            claims.claim("attr", "__dict__", own)
            for key, value in list(own.items()):
                claims.claim("attr", key, value)
            return True
    return False
