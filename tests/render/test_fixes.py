"""The text of remedies: marks at the ring, the fix below it, long rings said once."""

from __future__ import annotations

import dataclasses

import pytest
from orders import MENDED, ORDER, WEAK

from cyclefree.render.text import format_report
from cyclefree.reports import Cycle, CycleReport, Edge, ObjectSummary, Reference

REMEDY = dataclasses.replace(WEAK, reason="checked: no cycle of this shape remains")
CYCLE = dataclasses.replace(
    MENDED,
    references=(
        *ORDER.references[:2],
        Reference(2, 0, ".order", "shop/models.py:24, OrderLine.__init__"),
    ),
    edges=(),
    remedy=REMEDY,
)


def text_of(cycle: Cycle) -> list[str]:
    """Return the lines of a report of one shape, from the ring on."""
    report = CycleReport("load_order()", cycle.size, cycle.bytes, (cycle,))
    return format_report(report).split("\n")[3:]


def changed(**changes: object) -> Cycle:
    """Return the cycle with a remedy that is changed."""
    return dataclasses.replace(CYCLE, remedy=dataclasses.replace(REMEDY, **changes))  # type: ignore[arg-type]


def fix_of(cycle: Cycle) -> list[str]:
    """Return the lines of the fix."""
    lines = text_of(cycle)
    return lines[next(at for at, line in enumerate(lines) if line.startswith("    fix: ")) :]


def test_the_reference_to_change_is_marked() -> None:
    """The mark, the advice and the place stand at the reference; the fix has its reason."""
    assert text_of(CYCLE) == [
        "    ┌▶ Order                    shop/models.py:8",
        "    │    .lines                 list",
        "    │    [0]",
        "    │  OrderLine                shop/models.py:21",
        "    │    .order                 ◀─ make this one weak: stored at shop/models.py:24, "
        "OrderLine.__init__",
        "    └─ back to Order",
        "    in the cycle: 2 Order, 2 OrderLine, 2 list",
        "    fix: in class OrderLine:  order = weak_attribute()      (checked: no cycle of this "
        "shape",
        "         remains)",
    ]


def test_marks_without_a_place_and_places_without_a_mark() -> None:
    """A mark needs no place, and a reference that is known where it was stored needs no mark."""
    lines = text_of(changed(marks=(0, 1)))
    assert lines[1] == "    │    .lines                 list  ◀─ make this one weak"
    assert lines[2] == "    │    [0]                    ◀─ make this one weak"
    assert lines[4].endswith("  stored at shop/models.py:24, OrderLine.__init__")
    assert "◀─" not in lines[4]


def test_no_remedy_no_fix() -> None:
    """Without a remedy there is no fix and no mark."""
    text = "\n".join(text_of(dataclasses.replace(CYCLE, remedy=None)))
    assert "fix:" not in text
    assert "◀─" not in text


def test_several_changes_have_a_line_each() -> None:
    """Of several changes each has its line, and the reason stands below them."""
    assert fix_of(changed(text="do this\nand that", reason="checked")) == [
        "    fix: do this",
        "         and that",
        "         (checked)",
    ]


@pytest.mark.parametrize("width", [150, 3])
def test_long_fixes_are_wrapped(width: int) -> None:
    """Lines end before column 100; a word that is longer has a line of its own, unbroken."""
    word = "x" * width
    lines = fix_of(changed(text=" ".join([word] * 40), reason="a-long-reason because"))
    assert " ".join(line[9:].strip() for line in lines).count(word) == 40
    for line in lines:
        assert len(line) <= 100 or line.strip().removeprefix("fix: ") == word
    assert all(line.startswith("         ") for line in lines[1:])


@pytest.mark.parametrize("period", [1, 2, 3, 4])
def test_long_rings_say_once_what_repeats(period: int) -> None:
    """What a ring repeats more than ten times is said once, with the number of times."""
    steps = 12 * period
    objects = tuple(
        ObjectSummary(f"Node{at % period}", "shop", f"shop.py:{at % period}") for at in range(steps)
    )
    references = tuple(
        Reference(at, (at + 1) % steps, f".next{at % period}") for at in range(steps)
    )
    cycle = dataclasses.replace(CYCLE, objects=objects, references=references, remedy=None)
    lines = text_of(cycle)
    assert len(lines) == 2 * period + 3
    what = "this step" if period == 1 else f"these {period} steps"
    assert lines[2 * period] == f"    │  … {what} 11 times more"
    assert lines[0].startswith("    ┌▶ Node0")


def test_short_and_irregular_rings_are_shown_whole() -> None:
    """Ten equal steps, or steps that never repeat, are shown one by one."""
    for steps, kinds in ((10, 1), (30, 30), (24, 5)):
        objects = tuple(ObjectSummary(f"Node{at % kinds}", "shop", None) for at in range(steps))
        references = tuple(Reference(at, (at + 1) % steps, ".next") for at in range(steps))
        cycle = dataclasses.replace(CYCLE, objects=objects, references=references, remedy=None)
        assert len(text_of(cycle)) == 2 * steps + 2


def test_long_rings_of_containers() -> None:
    """A ring of lists alone starts at one of them and is said once as well."""
    size = 50
    objects = (ObjectSummary("list", "builtins", None),) * size
    references = tuple(Reference(at, (at + 1) % size, "[0]") for at in range(size))
    cycle = dataclasses.replace(CYCLE, objects=objects, references=references, remedy=None)
    assert text_of(cycle)[-2] == "    └─ back to list"


def test_what_python_makes_is_left_out() -> None:
    """What every class has by itself is not listed beside the ring; the rest is."""
    names = (".__mro__", ".__dict__", ".__weakref__", ".__objclass__", ".registry")
    edges = tuple(Edge("type", name, "tuple", 1) for name in names)
    lines = text_of(dataclasses.replace(CYCLE, edges=edges))
    assert [line for line in lines if "type." in line] == [
        "    also in the cycle: type.registry → tuple"
    ]


def test_hostile_remedies_stay_in_their_line() -> None:
    """A class that is called like an escape sequence steers no terminal from the fix either."""
    lines = fix_of(changed(text="in class \x1b[2J:  x", reason="\u202eno", advice="\x07"))
    text = "\n".join(lines)
    assert "\\x1b[2J" in text
    assert "\\u202eno" in text
    assert not {"\x1b", "\x07", "\u202e"} & set("\n".join(text_of(changed(advice="\x07"))) + text)
