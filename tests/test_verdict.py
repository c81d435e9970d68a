"""What becomes of a finding: raised, warned, handed on, or kept."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from rings import Slot

from cyclefree import CyclefreeWarning, CyclesFoundError, assert_no_cycles
from cyclefree._options import options
from cyclefree._verdict import Verdict
from cyclefree.reports import CycleReport


def ring() -> None:
    """Leave one object that only the collector can free."""
    slot = Slot()
    slot.other = slot


def verdict(**chosen: Any) -> Verdict:
    """Make a verdict with one finding."""
    made = Verdict("f()", options(**chosen))
    slot = Slot()
    slot.other = slot
    made.take([slot])
    slot.other = None
    return made


def test_findings_are_merged() -> None:
    """What several looks found is one report, and one entry where the shape is the same."""
    made = verdict()
    assert made.found == 1
    slot = Slot()
    slot.other = slot
    made.take([slot])
    slot.other = None
    assert made.found == 2
    report = made.report()
    assert [cycle.count for cycle in report] == [2]
    assert (report.scope, report.objects, report.method) == ("f()", 2, "trial deletion")


def test_raising() -> None:
    """By default the report is raised: an AssertionError, so that test runners count a failure."""
    with pytest.raises(AssertionError) as caught:
        verdict().deliver()
    assert isinstance(caught.value, CyclesFoundError)
    assert caught.value.report.objects == 1
    assert str(caught.value).startswith("f() left 1 object")


def test_warning() -> None:
    """With action="warn" the report is the warning's text."""
    with pytest.warns(CyclefreeWarning, match=r"^f\(\) left 1 object"):
        verdict(action="warn").deliver()


def test_handing_on() -> None:
    """A callable gets the report, shared or not."""
    got: list[CycleReport] = []
    made = verdict(action=got.append)
    made.deliver()
    made.shared_with.add("thread b")
    made.shared_with.add("thread a")
    made.deliver()
    assert [report.shared_with for report in got] == [(), ("thread a", "thread b")]


def test_what_is_shared_or_inconclusive_only_warns() -> None:
    """No innocent call raises for what another may have left, or what could not be looked at."""
    shared = verdict()
    shared.shared_with.add("task b")
    with pytest.warns(CyclefreeWarning):
        shared.deliver()
    blind = Verdict("f()", options())
    blind.notes = ("something was in the way",)
    assert blind.report().method == "inconclusive"
    with pytest.warns(CyclefreeWarning, match="something was in the way"):
        blind.deliver()


def test_nothing_to_say() -> None:
    """A verdict without findings, or with ignored ones only, is silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Verdict("f()", options()).deliver()
        verdict(ignore=lambda cycle: True).deliver()
        assert_no_cycles(only="some.other.package")(ring)()
        with assert_no_cycles(only="some.other.package") as report:
            ring()
    assert report.ignored == 1
    assert not report


def test_predicates_are_asked_once() -> None:
    """The user's predicate runs once for each shape, as a decorator and as a block."""
    asked: list[int] = []

    def rule(cycle: object) -> bool:
        asked.append(1)
        return False

    with pytest.raises(CyclesFoundError):
        assert_no_cycles(ignore=rule)(ring)()
    assert len(asked) == 1
    with pytest.raises(CyclesFoundError), assert_no_cycles(ignore=rule):
        ring()
    assert len(asked) == 2
