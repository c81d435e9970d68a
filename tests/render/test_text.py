"""The text of a report: golden texts, and what keeps them safe to print."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from orders import MENDED, ORDER, WEAK

from cyclefree.render.text import format_report
from cyclefree.reports import (
    Cycle,
    CycleReport,
    Edge,
    ObjectSummary,
    Reference,
    most_frequent_first,
    ordered,
)


def with_cycle(**changes: Any) -> Cycle:
    """Change the cycle of the design."""
    return dataclasses.replace(ORDER, **changes)


def report_of(*cycles: Cycle, **changes: Any) -> CycleReport:
    """Make a report of cycles."""
    report = CycleReport(
        "load_order()", sum(c.size for c in cycles), sum(c.bytes for c in cycles), ordered(cycles)
    )
    return dataclasses.replace(report, **changes)


def test_the_text_of_the_design() -> None:
    """Two instances that refer to each other: the text of the design, without its remedy."""
    assert (
        str(report_of(ORDER))
        == """\
load_order() left 6 objects (1,144 bytes) that only the cyclic gc can free

#1  2 of these   c3c4b619
    ┌▶ Order                    shop/models.py:8
    │    .lines                 list
    │    [0]
    │  OrderLine                shop/models.py:21
    │    .order
    └─ back to Order
    in the cycle: 2 Order, 2 OrderLine, 2 list"""
    )


def test_the_text_of_the_design_with_its_remedy() -> None:
    """The guilty reference is marked and has its line; below stands what to write, and why."""
    assert (
        str(report_of(MENDED))
        == """\
load_order() left 6 objects (1,144 bytes) that only the cyclic gc can free

#1  2 of these   c3c4b619   instances that refer to each other
    ┌▶ Order                    shop/models.py:8
    │    .lines                 list
    │    [0]
    │  OrderLine                shop/models.py:21
    │    .order                 ◀─ make this one weak: stored at shop/models.py:24, Line.__init__
    └─ back to Order
    in the cycle: 2 Order, 2 OrderLine, 2 list
    fix: in class OrderLine:  order = weak_attribute()      (checked: no cycle of this shape
         remains; Order must then be held by its user, or it dies with its last strong reference)"""
    )


def test_several_changes_stand_below_each_other() -> None:
    """Each change has its own line, and the reason comes after the last."""
    remedy = dataclasses.replace(WEAK, text="one change\nanother change", reason="checked")
    lines = format_report(report_of(with_cycle(remedy=remedy))).splitlines()
    assert lines[-3:] == ["    fix: one change", "         another change", "         (checked)"]


def test_a_mark_without_a_line() -> None:
    """Where nobody knows what stored the reference, it is marked all the same."""
    text = format_report(report_of(with_cycle(remedy=WEAK)))
    assert "    │    .order                 ◀─ make this one weak\n" in text


def test_a_container_that_is_marked_keeps_its_type() -> None:
    """The type of the container comes first, then what to do with the reference to it."""
    remedy = dataclasses.replace(WEAK, marks=(0,), advice="delete this local")
    text = format_report(report_of(with_cycle(remedy=remedy)))
    assert "    │    .lines                 list  ◀─ delete this local\n" in text


def test_where_objects_were_made() -> None:
    """What tracemalloc knows stands beside where the class is defined."""
    made = dataclasses.replace(ORDER.objects[0], created_at="shop/api.py:3")
    listed = dataclasses.replace(ORDER.objects[1], created_at="shop/models.py:10")
    objects = (made, listed, ORDER.objects[2])
    text = format_report(report_of(with_cycle(objects=objects)))
    assert "┌▶ Order                    shop/models.py:8, made at shop/api.py:3\n" in text
    assert ".lines                 list, made at shop/models.py:10\n" in text


def test_colour_underlines_what_is_to_be_changed() -> None:
    """With rich, the guilty reference is underlined and nothing else is."""
    pytest.importorskip("rich")
    lines = format_report(report_of(MENDED), colour=True).splitlines()
    underlined = [line for line in lines if re.search(r"\x1b\[(\d+;)*4(;\d+)*m", line)]
    assert len(underlined) == 1
    assert re.search(r"4(;\d+)*m\.order\x1b", underlined[0])


def test_parts_of_classes_are_not_listed() -> None:
    """What every class is made of says nothing about this one; it is in the data."""
    edges = (Edge("type", ".__mro__", "tuple", 1), Edge("type", ".rows", "list", 1))
    text = format_report(report_of(with_cycle(edges=edges)))
    assert "also in the cycle: type.rows → list" in text
    assert "__mro__" not in text


def test_no_cycles() -> None:
    """Nothing found is one line."""
    assert format_report(report_of()) == "load_order() left no reference cycles"


def test_once() -> None:
    """A shape from the imports says so."""
    lines = format_report(report_of(with_cycle(once=True, remedy=WEAK))).splitlines()
    assert lines[2] == "#1  2 of these   c3c4b619   once, while modules were imported"
    assert lines[-1] == "    fix: not needed: what an import leaves once does not pile up"


def test_live() -> None:
    """Cycles that are still reachable are found, not left."""
    lines = format_report(report_of(with_cycle(live=True))).splitlines()
    assert lines[0] == "load_order() found 6 objects (1,144 bytes) in cycles"
    assert lines[2] == "#1  2 of these   c3c4b619   still reachable"


def test_live_beside_garbage() -> None:
    """A report of both says how many there are of each."""
    title = format_report(report_of(ORDER, with_cycle(live=True))).splitlines()[0]
    assert title == (
        "load_order() left 6 objects (1,144 bytes) that only the cyclic gc can free, "
        "and 6 objects (1,144 bytes) in cycles that are still reachable"
    )


def test_kind_and_storing_line_have_their_places() -> None:
    """A kind and the line that stored a reference are shown where they are known."""
    references = (*ORDER.references[:2], Reference(2, 0, ".order", "shop/models.py:24"))
    cycle = with_cycle(kind="instances that refer to each other", references=references)
    lines = format_report(report_of(cycle)).splitlines()
    assert lines[2] == "#1  2 of these   c3c4b619   instances that refer to each other"
    assert lines[7] == "    │    .order                 stored at shop/models.py:24"


def test_one_object_is_singular() -> None:
    """Numbers and nouns agree."""
    cycle = with_cycle(members=(("list", 1),), bytes=1)
    title = format_report(report_of(cycle)).splitlines()[0]
    assert title == "load_order() left 1 object (1 byte) that only the cyclic gc can free"


def test_hanging_and_other_references() -> None:
    """What is beside the ring comes below it, with the places of types not shown yet."""
    cycle = with_cycle(
        objects=(*ORDER.objects, ObjectSummary("Invoice", "shop.bill", "shop/bill.py:5")),
        edges=(
            *ORDER.edges,
            Edge("Invoice", ".order", "Order", 1),
            Edge("set", "a member", "X", 1),
        ),
        hanging=(("dict", 1234),),
    )
    assert (
        format_report(report_of(cycle)).partition("back to Order\n")[2]
        == """\
    also in the cycle: Invoice.order → Order  shop/bill.py:5
                       set a member → X
    in the cycle: 2 Order, 2 OrderLine, 2 list   hanging off it: 1,234 dict"""
    )


def test_long_lists_are_cut() -> None:
    """Many references and many types are cut, and the rest is counted."""
    edges = tuple(Edge(f"T{n:02}", ".x", "Order", 1) for n in range(15))
    members = most_frequent_first({f"T{n:02}": 100 - n for n in range(10)})
    text = format_report(report_of(with_cycle(edges=edges, members=members)))
    assert "T11.x → Order\n                       and 3 more\n" in text
    assert text.endswith("93 T07 and 2 more types")


def test_limit() -> None:
    """With a limit the further shapes are counted only."""
    report = report_of(*(with_cycle(fingerprint=f"{n:08}") for n in range(3)))
    assert format_report(report, limit=3) == format_report(report)
    assert format_report(report, limit=2).endswith("\n\nand 1 more shape")
    text = format_report(report, limit=0)
    assert text.splitlines()[1:] == ["", "and 3 more shapes"]
    with pytest.raises(ValueError, match="limit must be zero or more"):
        format_report(report, limit=-1)


def test_footer() -> None:
    """What was ignored, who shared the window, and notes come last."""
    report = report_of(
        ignored=1, shared_with=("Thread-1", "task 'x'"), notes=("a",), method="inconclusive"
    )
    assert format_report(report).splitlines()[1:] == [
        "",
        "1 cycle ignored by the options only and ignore",
        "ran meanwhile and may have made these: Thread-1, task 'x'",
        "inconclusive: not everything could be looked at",
        "note: a",
    ]


def test_colour_changes_no_text() -> None:
    """Colours are extra: without their codes it is the same text."""
    report = report_of(ORDER, with_cycle(fingerprint="00000000", once=True))
    coloured = format_report(report, colour=True)
    assert "\033[" in coloured
    assert "\033" not in format_report(report)
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == format_report(report)


def test_names_cannot_steer_the_terminal() -> None:
    """Control characters in names, which may be any text, are escaped."""
    nasty = "A\n\033[2Jß"
    cycle = with_cycle(
        objects=tuple(ObjectSummary(nasty, nasty, nasty) for _ in range(3)),
        references=(Reference(0, 1, nasty), Reference(1, 2, nasty), Reference(2, 0, nasty)),
        edges=(Edge(nasty, nasty, nasty, 1), Edge("B", nasty, nasty, 1)),
        members=((nasty, 2),),
        hanging=((nasty, 2),),
        kind=nasty,
    )
    report = report_of(cycle, scope=nasty, notes=(nasty,), shared_with=(nasty,))
    text = format_report(report)
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text.splitlines()) == len(format_report(report, colour=True).splitlines())
    assert "\\x1b[2Jß" in text


def test_a_long_name_keeps_its_column_apart() -> None:
    """A name wider than the column still has two spaces before what stands right of it."""
    name = "Order" * 20
    cycle = with_cycle(objects=(ObjectSummary(name, "m", "m.py:1"), *ORDER.objects[1:]))
    assert f"┌▶ {name}  m.py:1\n" in format_report(report_of(cycle))


def ring_of(types: list[str]) -> Cycle:
    """Make a ring of instances that each refer to the next."""
    return with_cycle(
        objects=tuple(ObjectSummary(name, "m", None) for name in types),
        references=tuple(Reference(at, (at + 1) % len(types), ".next") for at in range(len(types))),
        edges=(),
    )


def test_a_long_ring_is_said_once() -> None:
    """A ring of many equal steps shows the step and how often it comes."""
    text = format_report(report_of(ring_of(["Head", *["Node"] * 5000])))
    assert (
        text.partition("c3c4b619\n")[2].partition("    in the")[0]
        == """\
    ┌▶ Head
    │    .next
    │  Node
    │    .next
    │  … this step 4,999 times more
    └─ back to Head
"""
    )
    text = format_report(report_of(ring_of(["A", "B"] * 50)))
    assert "… these 2 steps 49 times more\n" in text


def test_a_short_ring_is_never_abridged() -> None:
    """Ten equal steps are shown one by one."""
    text = format_report(report_of(ring_of(["Node"] * 10)))
    assert text.count(".next\n") == 10


def test_a_ring_of_containers() -> None:
    """Only the first container of a ring of nothing else stands as an object."""
    cycle = with_cycle(
        objects=(ObjectSummary("list", "builtins", None), ObjectSummary("dict", "builtins", None)),
        references=(Reference(0, 1, "[0]"), Reference(1, 0, "['parent']")),
        edges=(),
    )
    assert """
    ┌▶ list
    │    [0]                    dict
    │    ['parent']
    └─ back to list
""" in format_report(report_of(cycle))


def test_a_users_class_named_list_is_an_object() -> None:
    """Only exact builtin containers stand on the reference."""
    objects = (ORDER.objects[0], ObjectSummary("list", "shop", "shop/a.py:1"), ORDER.objects[2])
    assert "    │  list                     shop/a.py:1\n" in format_report(
        report_of(with_cycle(objects=objects))
    )


def test_a_cycle_without_a_ring() -> None:
    """Where no ring could be named, the types are shown all the same."""
    text = format_report(report_of(with_cycle(objects=(), references=(), edges=())))
    assert text.splitlines()[2:] == [
        "#1  2 of these   c3c4b619",
        "    in the cycle: 2 Order, 2 OrderLine, 2 list",
    ]
