"""Options: every wrong one gets an error that says which, what, and how to mend it."""

from __future__ import annotations

import collections.abc
import re
import sys
from typing import Any

import pytest

from cyclefree import assert_no_cycles, cycle_scope
from cyclefree._options import Options, options, without_ignored
from cyclefree.reports import Cycle, CycleReport

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"live": 1}, TypeError, "live= takes True or False, not 1"),
    ({"live": None}, TypeError, "live= takes True or False, not None"),
    ({"thorough": "yes"}, TypeError, "thorough= takes True or False, not 'yes'"),
    ({"sample": 1.5}, TypeError, "sample= takes a whole number, not 1.5: sample=100 checks"),
    ({"sample": True}, TypeError, "sample= takes a whole number, not True"),
    ({"sample": "3"}, TypeError, "sample= takes a whole number, not '3'"),
    ({"sample": 0}, ValueError, "sample=0 checks no call at all; use 1 for each call"),
    ({"sample": -2}, ValueError, "sample=-2 checks no call at all"),
    ({"action": "raises"}, ValueError, 'action=\'raises\' is unknown; use "raise", "warn" or'),
    ({"action": None}, TypeError, 'action= takes "raise", "warn" or a callable'),
    ({"action": []}, TypeError, "not an object of type list"),
    ({"only": 3}, TypeError, "only= takes package names such as 'shop', not 3"),
    ({"only": ["shop", None]}, TypeError, "only= takes package names such as 'shop', not None"),
    ({"only": collections.abc}, TypeError, "write only='collections.abc'"),
    ({"only": ""}, ValueError, "only='' is no package name"),
    ({"only": "shop/models.py"}, ValueError, "write it as import does, such as 'shop.models'"),
    ({"only": "shop."}, ValueError, "only='shop.' is no package name"),
    ({"only": ()}, ValueError, "only=() would blame nothing; leave it out"),
    (
        {"ignore": "c3c4b61"},
        ValueError,
        "ignore='c3c4b61' is no fingerprint; take the eight digits",
    ),
    ({"ignore": "C3C4B619"}, ValueError, "is no fingerprint"),
    ({"ignore": 7}, TypeError, "ignore= takes fingerprints or functions that get a Cycle, not 7"),
    ({"ignore": [None]}, TypeError, "ignore= takes fingerprints or functions"),
]


@pytest.mark.parametrize(("wrong", "kind", "said"), WRONG)
def test_wrong_options(wrong: dict[str, Any], kind: type[Exception], said: str) -> None:
    """The same error by every way in, before anything is guarded."""
    for guard in (options, assert_no_cycles, cycle_scope):
        if guard is cycle_scope and "action" in wrong:
            continue  # which takes fewer, see below
        with pytest.raises(kind, match=re.escape(said)):
            guard(**wrong)


def test_wrong_options_are_shown_without_running_them() -> None:
    """A wrong value's own code does not run to say that it is wrong."""

    class Loud:
        def __repr__(self) -> str:
            raise RuntimeError

        __str__ = __bool__ = __eq__ = __repr__  # type: ignore[assignment]
        __hash__ = None  # type: ignore[assignment]

    for name in ("live", "thorough", "sample", "action", "only", "ignore"):
        with pytest.raises(TypeError, match="an object of type Loud"):
            options(**{name: Loud()})


def test_right_options() -> None:
    """One name or several, one rule or several, come out as tuples."""

    def rule(cycle: Cycle) -> bool:
        return False

    assert options() == Options((), (), False, False, 1, "raise")
    assert options(only="shop").only == ("shop",)
    assert options(only=["shop", "web.forms"]).only == ("shop", "web.forms")
    assert options(only=(name for name in ("a", "b"))).only == ("a", "b")
    assert options(ignore="c3c4b619").ignore == ("c3c4b619",)
    assert options(ignore=rule).ignore == (rule,)
    assert options(ignore={"c3c4b619"}).ignore == ("c3c4b619",)
    assert options(ignore=[rule, "00000000"]).ignore == (rule, "00000000")
    assert options(action=print).action is print
    assert options(sample=100, live=True, thorough=True, action="warn") == Options(
        (), (), True, True, 100, "warn"
    )


GUARDS: list[Any] = [assert_no_cycles, cycle_scope]


@pytest.mark.parametrize("guard", GUARDS)
def test_what_cannot_be_decorated(guard: Any) -> None:
    """A class and something that can't be called are told so, with what to do instead."""

    class Shop:
        pass

    for decorate in (guard, guard(sample=2)):
        with pytest.raises(TypeError, match="Shop is a class; decorate its methods"):
            decorate(Shop)
        for wrong in (3, "name", property(lambda self: 1), sys):
            with pytest.raises(
                TypeError, match=f"of type {type(wrong).__name__} that can't be called"
            ):
                decorate(wrong)


def test_cycle_scope_never_raises() -> None:
    """Asked to raise, or for what it does not know, it says what it takes and names what raises."""
    for wrong in ("raise", "raises", []):
        said = "cycle_scope .*use assert_no_cycles where cycles should be an error"
        with pytest.raises((ValueError, TypeError), match=said):
            cycle_scope(action=wrong)  # type: ignore[call-overload]


def cycle(fingerprint: str, count: int) -> Cycle:
    """Make a cycle of `count` times two objects of 10 bytes."""
    return Cycle(
        count=count,
        kind=None,
        fingerprint=fingerprint,
        objects=(),
        references=(),
        edges=(),
        members=(("Node", 2 * count),),
        hanging=(),
        bytes=20 * count,
    )


def test_what_is_ignored_is_counted() -> None:
    """Fingerprints and predicates take shapes out; objects, bytes and the number ignored follow."""
    report = CycleReport(
        "f()", 12, 120, (cycle("aaaaaaaa", 3), cycle("bbbbbbbb", 2), cycle("cccccccc", 1))
    )
    asked: list[str] = []

    def rule(each: Cycle) -> bool:
        asked.append(each.fingerprint)
        return each.count == 2

    left = without_ignored(report, ["aaaaaaaa", rule])
    assert [each.fingerprint for each in left] == ["cccccccc"]
    assert (left.objects, left.bytes, left.ignored) == (2, 20, 5)
    assert asked == ["bbbbbbbb", "cccccccc"]
    assert without_ignored(report, []) == report
