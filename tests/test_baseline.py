"""Known shapes of cycles: comparing, updating, the file."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyclefree import cycle_scope
from cyclefree.baseline import SCHEMA, Baseline, BaselineEntry, check_writable, shape_line
from cyclefree.errors import CyclefreeError
from cyclefree.reports import Cycle, CycleReport, ObjectSummary, Reference

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

RING = Cycle(
    count=1,
    kind=None,
    fingerprint="c3c4b619",
    objects=(ObjectSummary("Order", "shop.models", None), ObjectSummary("Line", "shop", None)),
    references=(Reference(0, 1, ".line"), Reference(1, 0, ".order")),
    edges=(),
    members=(("Line", 1), ("Order", 1)),
    hanging=(),
    bytes=48,
    modules=("builtins", "shop", "shop.models"),
)
OTHER = replace(RING, fingerprint="00000001", modules=("store",))
ONCE = replace(RING, fingerprint="00000002", once=True)
LIVE = replace(RING, live=True)

KNOWN = BaselineEntry("c3c4b619", "Order.line → Line.order", ("shop",), "see issue 12")
GONE = BaselineEntry("0badcafe", "Node.next", ("shop.lists",), "too old")


def report(*cycles: Cycle, method: str = "trial deletion") -> CycleReport:
    """Make a report of the given shapes."""
    return CycleReport("app.py", 0, 0, cycles, method=method)


# --- comparing ----------------------------------------------------------------------------------


def test_new_known_and_gone() -> None:
    """Each shape of the report and each entry of the baseline goes to its place."""
    compared = Baseline((GONE, KNOWN)).compare(report(OTHER, RING))
    assert compared.new == (OTHER,)
    assert compared.known == ((RING, KNOWN),)
    assert compared.gone == (GONE,)
    assert compared.unseen == ()


def test_what_imports_leave_is_no_business_of_a_baseline() -> None:
    """A shape that imports leave once is neither new nor added, and does not keep an entry."""
    entry = replace(KNOWN, fingerprint=ONCE.fingerprint)
    assert Baseline().compare(report(ONCE)).new == ()
    assert Baseline((entry,)).compare(report(ONCE)).gone == (entry,)
    assert Baseline().updated(report(ONCE)).entries == ()


def test_cycles_that_are_still_reachable_have_the_same_entry() -> None:
    """A shape that a report lists twice, as garbage and as living, is one entry."""
    assert len(Baseline().updated(report(RING, LIVE)).entries) == 1
    compared = Baseline((KNOWN,)).compare(report(RING, LIVE))
    assert compared.known == ((RING, KNOWN), (LIVE, KNOWN))


@pytest.mark.parametrize(
    ("only", "is_gone"),
    [
        (("shop",), True),
        (("shop.lists",), True),
        (("store", "shop"), True),
        (("shop.models",), False),
        (("sho",), False),
        (("shop.lists.deep",), False),
    ],
)
def test_what_only_leaves_out_is_not_gone(only: tuple[str, ...], is_gone: bool) -> None:
    """An entry that belongs to none of the packages asked for is unseen, and stays."""
    compared = Baseline((GONE,)).compare(report(), only=only)
    assert (compared.gone, compared.unseen) == (((GONE,), ()) if is_gone else ((), (GONE,)))
    updated = Baseline((GONE,)).updated(report(), only=only)
    assert updated.entries == (() if is_gone else (GONE,))


@pytest.mark.parametrize(
    ("found", "complete"), [(report(), False), (report(method="inconclusive"), True)]
)
def test_half_a_run_drops_nothing(found: CycleReport, complete: bool) -> None:
    """What a failed or inconclusive run did not show may be there all the same."""
    compared = Baseline((GONE,)).compare(found, complete=complete)
    assert (compared.gone, compared.unseen) == ((), (GONE,))
    assert Baseline((GONE,)).updated(found, complete=complete).entries == (GONE,)


# --- updating -----------------------------------------------------------------------------------


def test_update_keeps_reasons_adds_and_drops() -> None:
    """Entries still there stay as people left them, new ones get no reason, those gone go."""
    edited = replace(KNOWN, shape="orders and their lines")
    updated = Baseline((GONE, edited)).updated(report(RING, OTHER))
    added = BaselineEntry("00000001", "Order.line → Line.order", ("store",))
    assert updated.entries == (added, edited)
    assert updated.compare(report(RING, OTHER)).new == ()


def test_update_with_the_same_shapes_changes_no_byte() -> None:
    """Counts, sizes, keys and the order of a report leave no trace in the file."""
    before = Baseline().updated(report(RING, OTHER))
    more = replace(RING, count=99, bytes=10_000, members=(("Line", 99), ("Order", 99)))
    assert before.updated(report(OTHER, more)).to_json() == before.to_json()


def test_a_real_cycle_comes_gets_known_and_goes() -> None:
    """The way of one shape: new, then known in another run with other numbers, then gone."""

    class Node:
        def __init__(self) -> None:
            self.others = {"me": self}

    with cycle_scope() as first:
        Node()
    with cycle_scope() as second:
        for _ in range(3):
            Node()
    with cycle_scope() as third:
        pass
    baseline = Baseline().updated(first.report)
    (entry,) = baseline.entries
    assert (entry.shape, entry.modules) == ("Node.others", (__name__,))
    compared = baseline.compare(second.report)
    assert (compared.new, [cycle.count for cycle, _ in compared.known]) == ((), [3])
    assert baseline.compare(third.report).gone == (entry,)


# --- the line of a shape ------------------------------------------------------------------------


def ring(*steps: tuple[str, str, str]) -> Cycle:
    """Make a cycle from (type, its module, the reference to the next one)."""
    objects = tuple(ObjectSummary(name, module, None) for name, module, _ in steps)
    references = tuple(
        Reference(at, (at + 1) % len(steps), name) for at, (_, _, name) in enumerate(steps)
    )
    return replace(RING, objects=objects, references=references)


@pytest.mark.parametrize(
    ("cycle", "line"),
    [
        (RING, "Order.line → Line.order"),
        (
            ring(("Order", "shop", ".lines"), ("list", "builtins", "[7]"), ("Line", "shop", ".o")),
            "Order.lines → Line.o",
        ),
        (ring(("list", "builtins", "[12]")), "list[*]"),
        (ring(("list", "builtins", "[0]"), ("dict", "builtins", "['k']")), "list[*] → dict[*]"),
        (ring(("Box", "shop", "['10.0.0.1']")), "Box[*]"),
        (ring(("Node", "shop", ".next"), ("Node", "shop", ".next")), "Node.next"),
        (ring(("Odd", "shop", "unnamed reference")), "Odd unnamed reference"),
        (ring(("A\x1b[31m\n", "shop", ".b")), "A\\x1b[31m\\n.b"),
        (replace(RING, references=()), "Line, Order"),
        (replace(RING, references=(), members=()), "unnamed objects"),
    ],
)
def test_the_line_of_a_shape(cycle: Cycle, line: str) -> None:
    """The ring without what differs from run to run; containers between objects are left out."""
    assert shape_line(cycle) == line


def test_what_has_a_name_is_shown_with_it() -> None:
    """A function, frame or class is known by its own name."""
    walk = ObjectSummary("function", "builtins", None, name="walk")
    cycle = replace(RING, objects=(walk,), references=(Reference(0, 0, "closure variable 'walk'"),))
    assert shape_line(cycle) == "function walk closure variable 'walk'"


def test_long_rings_have_short_lines() -> None:
    """A ring of many different steps is cut; one of 100,000 equal steps is one step."""
    line = shape_line(ring(*[(f"T{n}", "shop", ".next") for n in range(1_500)]))
    assert line.endswith("T11.next → … (1,488 more)")
    assert shape_line(ring(*[("Node", "shop", ".next")] * 100_000)) == "Node.next"


def test_an_entry_is_one_harmless_line() -> None:
    """Line breaks in a reason are folded, and what steers a terminal is escaped."""
    assert str(replace(KNOWN, reason="first,\n  second\x1b[0m")) == (
        "c3c4b619   Order.line → Line.order   reason: first, second\\x1b[0m"
    )
    assert str(replace(KNOWN, reason=" ")).endswith("   no reason given")


# --- the file -----------------------------------------------------------------------------------

texts = st.text(max_size=8) | st.sampled_from(["\ud800", "é→", '"\n', "\udfff!"])
entries = st.builds(
    BaselineEntry,
    st.integers(0, 2**32 - 1).map("{:08x}".format),
    texts,
    st.lists(texts, max_size=2).map(tuple),
    st.none() | texts,
)
baselines = st.lists(entries, max_size=4, unique_by=lambda entry: entry.fingerprint).map(
    lambda drawn: Baseline(tuple(sorted(drawn, key=lambda e: (e.shape, e.fingerprint))))
)


@quick
@given(baselines)
def test_json_is_lossless_and_can_be_encoded(baseline: Baseline) -> None:
    """Any names and reasons, lone surrogates too, come back equal from the bytes of the file."""
    stored = baseline.to_json().encode("utf-8")
    assert Baseline.from_json(stored.decode("utf-8")) == baseline


def test_the_text_of_the_file(tmp_path: Path) -> None:
    """The file is indented, sorted by line and fingerprint, readable, and ends with a newline."""
    twin = BaselineEntry("00000003", KNOWN.shape)
    Baseline((KNOWN, GONE, twin)).save(tmp_path / "cycles.json")
    assert (tmp_path / "cycles.json").read_bytes().decode("utf-8") == (
        """{
  "schema": "cyclefree/baseline/1",
  "cycles": [
    {
      "fingerprint": "0badcafe",
      "shape": "Node.next",
      "modules": [
        "shop.lists"
      ],
      "reason": "too old"
    },
    {
      "fingerprint": "00000003",
      "shape": "Order.line → Line.order",
      "modules": [],
      "reason": null
    },
    {
      "fingerprint": "c3c4b619",
      "shape": "Order.line → Line.order",
      "modules": [
        "shop"
      ],
      "reason": "see issue 12"
    }
  ]
}
"""
    )


def test_people_may_leave_out_what_they_do_not_know(tmp_path: Path) -> None:
    """An entry needs its fingerprint and a line; a byte order mark does no harm."""
    text = json.dumps({"schema": SCHEMA, "cycles": [{"fingerprint": "0badcafe", "shape": "x"}]})
    file = tmp_path / "cycles.json"
    file.write_text("\ufeff" + text, encoding="utf-8")
    assert Baseline.load(file).entries == (BaselineEntry("0badcafe", "x"),)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema"], "cyclefree/baseline/9", 'schema should be "cyclefree/baseline/1", but is "cy'),
        (["schema"], None, "schema should be"),
        (["cycles"], {}, "cycles should be a list of entries, but is {}"),
        (["cycles", 1], "0badcafe", r"cycles\[1\] should be an object"),
        (["cycles", 1, "fingerprint"], "0BADCAFE", r"cycles\[1\].fingerprint should be the eight"),
        (["cycles", 1, "fingerprint"], 12345678, r"cycles\[1\].fingerprint should be the eight"),
        (["cycles", 1, "shape"], None, r'cycles\[1\] \("c3c4b619"\).shape should be a string'),
        (["cycles", 1, "reason"], 3, r'\("c3c4b619"\).reason should be a string, or null .* is 3'),
        (["cycles", 1, "reason"], ["x" * 99], "…"),
        (["cycles", 1, "modules"], "shop", "modules should be a list of strings"),
        (["cycles", 1, "modules"], [1], "modules should be a list of strings"),
        (["cycles", 1, "raeson"], "x", r'\("c3c4b619"\) has the unknown key "raeson"; .*reason'),
        (["more"], 1, 'the file has the unknown key "more"; known are cycles, schema'),
        (["cycles", 1, "fingerprint"], "0badcafe", r"cycles\[0\] and cycles\[1\] have the same"),
    ],
)
def test_wrong_values_are_refused(
    path: list[Any], value: object, message: str, tmp_path: Path
) -> None:
    """A wrong value is told with the file, its place, what it should be, and what to do."""
    data = json.loads(Baseline((GONE, KNOWN)).to_json())
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        Baseline.from_json(json.dumps(data))
    file = tmp_path / "cycles.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CyclefreeError, match=message) as caught:
        Baseline.load(file)
    assert str(caught.value).startswith(f"{file}: not a baseline: ")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}", "[" * 100_000, "1" * 5_000])
def test_other_text_is_refused(text: str) -> None:
    """Text that is no baseline, or no JSON at all, is one clear ValueError that says what to do."""
    with pytest.raises(ValueError, match=r"^not a baseline: .*mend the file"):
        Baseline.from_json(text)


def test_merge_conflicts_are_called_by_their_name() -> None:
    """A file in version control gets conflicts; the message says so."""
    lines = Baseline((KNOWN,)).to_json().splitlines()
    lines[3:3] = ["<<<<<<< HEAD", "=======", ">>>>>>> main"]
    with pytest.raises(ValueError, match=r"line 4 .* marks of a merge conflict"):
        Baseline.from_json("\n".join(lines))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a directory and a file of bytes are one clear error each."""
    with pytest.raises(
        CyclefreeError, match=r"no baseline '.*none.json'; run once with --baseline"
    ):
        Baseline.load(tmp_path / "none.json")
    with pytest.raises(CyclefreeError, match=r"can't read the baseline"):
        Baseline.load(tmp_path)
    (tmp_path / "bytes").write_bytes(b'{"\xff')
    with pytest.raises(CyclefreeError, match=r"bytes: not a baseline: no UTF-8 at byte 2; mend"):
        Baseline.load(tmp_path / "bytes")


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is not there, or a directory, is told at the check and at the writing."""
    for path in (tmp_path / "none" / "cycles.json", tmp_path):
        for attempt in (Baseline().save, check_writable):
            with pytest.raises(CyclefreeError, match=r"can't write the baseline .*folder that"):
                attempt(path)
    assert list(tmp_path.iterdir()) == []


def test_the_check_leaves_nothing(tmp_path: Path) -> None:
    """Trying whether a file can be written neither makes one nor touches the one there."""
    check_writable(tmp_path / "cycles.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "cycles.json").write_text("kept", encoding="utf-8")
    check_writable(tmp_path / "cycles.json")
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == ["kept"]


def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there stays until the new file is complete, and no half of one is left over."""
    file = tmp_path / "cycles.json"
    Baseline((KNOWN,)).save(file)

    def fail(source: str, target: str) -> None:
        assert Baseline.load(source) == Baseline((GONE,))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(CyclefreeError, match="No space left on device"):
        Baseline((GONE,)).save(file)
    assert Baseline.load(file) == Baseline((KNOWN,))
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links as on Unix")
def test_a_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    """Replacing a file changes neither who may read it nor that it is reached by a link."""
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    Baseline().save(real)
    real.chmod(0o640)
    link.symlink_to(real)
    Baseline((KNOWN,)).save(link)
    assert link.is_symlink()
    assert Baseline.load(real) == Baseline((KNOWN,))
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
