"""Lines with styles: plain, in colour, and safe for a terminal whatever they say."""

from __future__ import annotations

import sys

import pytest

from cyclefree.render.lines import Line, coloured, printable
from cyclefree.render.text import format_report
from cyclefree.reports import Cycle, CycleReport, ObjectSummary, Reference, Remedy

ESCAPE = "\x1b["


def styles(text: str) -> set[str]:
    """Return the codes of all the escape sequences in a text that set a style."""
    codes = [piece.partition("m")[0] for piece in text.split(ESCAPE)[1:]]
    return {code for joined in codes for code in joined.split(";")}


def styled(text: str, part: str) -> set[str]:
    """Return the codes that hold for a part of a text."""
    before, found, _ = text.partition(part)
    assert found, f"{part!r} is not in {text!r}"
    last = before.rpartition(ESCAPE)[2].partition("m")[0]
    return set(last.split(";"))


def without_codes(text: str) -> str:
    """Take the escape sequences out."""
    first, *others = text.split(ESCAPE)
    return first + "".join(piece.partition("m")[2] for piece in others)


def test_a_line_is_its_pieces() -> None:
    """A line gives its text, and its pieces with their styles."""
    line = Line(("  fix: ", "fix"), ("del err", ""))
    line.add("!", "advice")
    assert line.plain() == "  fix: del err!"
    assert line.pieces() == (("  fix: ", "fix"), ("del err", ""), ("!", "advice"))
    assert (Line().plain(), Line().pieces()) == ("", ())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Order.lines → ◀─ 'größe'", "Order.lines → ◀─ 'größe'"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202egnp.exe\u2028", "\\u202egnp.exe\\u2028"),
        ("\ud800", "\\ud800"),
        ("", ""),
    ],
)
def test_what_would_steer_the_terminal_is_escaped(text: str, shown: str) -> None:
    """Line breaks, escape sequences, writing directions and half characters come out as text."""
    assert printable(text) == shown
    assert Line((text, "name")).plain() == shown


def test_colour_with_rich() -> None:
    """Pieces come with the codes of their styles, spaces at the end without anything."""
    lines = [Line(("title", "title"), (" plain", "")), Line(), Line(("x", "guilty"), ("   ", ""))]
    text = coloured(lines)
    assert without_codes(text) == "title plain\n\nx"
    assert styled(text, "title") == {"1"}
    assert styled(text, " plain") == {"0"}
    assert styled(text, "x") == {"1", "4", "31"}


def test_no_colour_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `rich` is not installed the same lines come out plain."""
    for name in ("rich", "rich.console", "rich.text"):
        monkeypatch.setitem(sys.modules, name, None)
    assert coloured([Line(("fix:", "fix"), ("  ", "")), Line(("b", "guilty"))]) == "fix:\nb"


def test_markup_and_emoji_of_rich_are_text() -> None:
    """What `rich` would take for markup or for an emoji is shown as it stands."""
    hostile = "[bold]dict['key'][/bold] :smile: [link=http://example.com]"
    assert coloured([Line((hostile, ""))]) == hostile


def test_long_lines_are_not_broken() -> None:
    """A line wider than any terminal stays one line."""
    assert coloured([Line(("x" * 20_000, ""))]) == "x" * 20_000


def test_colour_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is colour is for the caller to say: here NO_COLOR and TERM change nothing."""
    wanted = coloured([Line(("x", "guilty"))])
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "3")
    assert coloured([Line(("x", "guilty"))]) == wanted


def report() -> CycleReport:
    """Return a report with one cycle, whose second reference is to be changed."""
    cycle = Cycle(
        count=2,
        kind="instances that refer to each other",
        fingerprint="c3c4b619",
        objects=(
            ObjectSummary("Order", "shop.models", "shop/models.py:8"),
            ObjectSummary("OrderLine", "shop.models", "shop/models.py:21"),
        ),
        references=(
            Reference(0, 1, ".line"),
            Reference(1, 0, ".order", "shop/models.py:24, OrderLine.__init__"),
        ),
        edges=(),
        members=(("Order", 2), ("OrderLine", 2)),
        hanging=(),
        bytes=100,
        remedy=Remedy(
            "in class OrderLine:  order = weak_attribute()",
            "OrderLine.order",
            proven=True,
            reason="checked",
            marks=(1,),
            advice="make this one weak",
        ),
    )
    return CycleReport("load_order()", objects=4, bytes=100, cycles=(cycle,))


def test_the_guilty_reference_is_underlined() -> None:
    """In colour the reference to change is underlined, and nothing else is."""
    text = format_report(report(), colour=True)
    assert "4" in styled(text, ".order")
    assert text.count(f"{ESCAPE}1;4;31m") == 1
    assert "4" not in styled(text, ".line")
    assert "4" not in styled(text, "◀─ make this one weak")
    assert without_codes(text) == format_report(report())


def test_plain_text_has_no_codes() -> None:
    """Without colour there is no escape sequence."""
    assert styles(format_report(report())) == set()
