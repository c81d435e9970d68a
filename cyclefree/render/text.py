"""A cycle report as text for a terminal, a log or an exception's message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from cyclefree.render.lines import Line, coloured, printable
from cyclefree.reports import Counts, Cycle, CycleReport, ObjectSummary, Remedy

_MAX_EDGES = 12  # lines of "also in the cycle"; the report object has them all
_MAX_TYPES = 8  # types named in "in the cycle" and in "hanging off it"
_COLUMN = 32  # where the right column starts, at least
_WIDEST = 60  # beyond this a long name pushes its own line's right column only

_MAX_REPEATED = 10  # equal steps that a ring shows one by one
_ALSO = "also in the cycle: "

_RIGHT = 100  # where the text of a remedy is wrapped
_GUILTY = "◀─"

# What a class is made of by Python itself; the same for every class.
_PARTS_OF_CLASSES = frozenset((".__mro__", ".__dict__", ".__weakref__", ".__objclass__"))


def format_report(report: CycleReport, *, limit: int | None = None, colour: bool = False) -> str:
    """Write a report out.

    Args:
        report: The report.
        limit: How many shapes to write at most; None for all.
        colour: Whether to use colours, where `rich` is installed; plain text otherwise.

    Returns:
        Lines without a final newline; no addresses in them.

    Raises:
        ValueError: The limit is negative.

    Example:
        >>> print(format_report(CycleReport("load_order()", objects=0, bytes=0, cycles=())))
        load_order() left no reference cycles
    """
    if limit is not None and limit < 0:
        raise ValueError(f"limit must be zero or more shapes, or None for all; got {limit}")
    lines = [Line((_title(report), "title"))]
    shown = report.cycles if limit is None else report.cycles[:limit]
    for number, cycle in enumerate(shown, start=1):
        lines.append(Line())
        lines.extend(_shape(number, cycle))
    left = len(report.cycles) - len(shown)
    if left:
        lines += [Line(), Line((f"and {_number(left, 'more shape')}", ""))]
    footer = [Line((text, "")) for text in _footer(report)]
    if footer:
        lines += [Line(), *footer]
    return coloured(lines) if colour else "\n".join(line.plain().rstrip() for line in lines)


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _title(report: CycleReport) -> str:
    if not report.cycles:
        return f"{report.scope} left no reference cycles"
    live = [cycle for cycle in report.cycles if cycle.live]
    found = f"{_amount(live)} in cycles" if live else ""
    if len(live) == len(report.cycles):
        return f"{report.scope} found {found}"
    dead = [cycle for cycle in report.cycles if not cycle.live]
    title = f"{report.scope} left {_amount(dead)} that only the cyclic gc can free"
    return f"{title}, and {found} that are still reachable" if live else title


def _amount(cycles: Iterable[Cycle]) -> str:
    objects = memory = 0
    for cycle in cycles:
        objects += cycle.size
        memory += cycle.bytes
    return f"{_number(objects, 'object')} ({_number(memory, 'byte')})"


def _shape(number: int, cycle: Cycle) -> Iterator[Line]:
    """Yield the lines of one shape: heading, ring, other references, types, remedy."""
    line = Line((f"#{number}", "number"), (f"  {cycle.count:,} of these   ", ""))
    line.add(cycle.fingerprint, "name")
    facts = []
    if cycle.kind:
        facts.append(cycle.kind)
    if cycle.once:
        facts.append("once, while modules were imported")
    if cycle.live:
        facts.append("still reachable")
    for fact in facts:
        line.add(f"   {fact}", "")
    yield line
    yield from _ring(cycle)
    yield from _other_edges(cycle)
    types = f"in the cycle: {_types(cycle.members)}"
    if cycle.hanging:
        types += f"   hanging off it: {_types(cycle.hanging)}"
    yield Line((f"    {types}", ""))
    if cycle.once:
        yield Line(
            ("    fix: ", "fix"), ("not needed: what an import leaves once does not pile up", "")
        )
    elif cycle.remedy is not None:
        yield from _fix(cycle.remedy)


def _fix(remedy: Remedy) -> Iterator[Line]:
    """Yield what to change, and in parentheses why and whether that was checked."""
    changes = remedy.text.split("\n")
    reason = f"({remedy.reason})"
    if len(changes) == 1:
        changes = [f"{remedy.text}      {reason}"]
    else:
        changes.append(reason)
    intro = "    fix: "
    for change in changes:
        rest = " " * len("    fix: ")
        for text in wrap(
            change,
            _RIGHT,
            initial_indent=rest,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            yield Line((intro, "fix"), (text[len(rest) :], ""))
            intro = rest


# --- the ring --------------------------------------------------------------------------------

Row = tuple[str, str | None, str]  # left column, right column, style of the right column
Part = tuple[Row, ...]  # an object, the references that lead on to the next one


def _ring(cycle: Cycle) -> Iterator[Line]:
    """Yield the ring: an object, the references that lead on, the next object."""
    if not cycle.references:
        return
    rows = [row for part in _without_repeats(_parts(cycle)) for row in part]
    width = _width(left for left, _, _ in rows)
    first, place, style = rows[0]
    yield _row((first.replace("│ ", "┌▶", 1), place, style), width)
    for row in rows[1:]:
        yield _row(row, width)
    called = _called(cycle.objects[cycle.references[0].source])
    yield Line((f"    └─ back to {called}", ""))


def _row(row: Row, width: int) -> Line:
    """Put a place, a type or the guilty mark in the right column."""
    left, right, style = row
    if not right:
        return Line((left, ""))
    left = printable(left)
    name = left.lstrip(" │")
    line = Line((left[: len(left) - len(name)], ""))
    # What is to be changed is underlined, where there is colour.
    line.add(name, "guilty" if style == "advice" else "")
    line.add(" " * max(2, width - len(left)), "")
    line.add(right, style)
    return line


def _parts(cycle: Cycle) -> list[Part]:
    """List the steps from object to object; builtin containers are no objects of their own."""
    parts: list[Part] = []
    rows: list[Row] = []
    start = cycle.references[0].source
    marks = cycle.remedy.marks if cycle.remedy is not None else ()
    for at, reference in enumerate(cycle.references):
        source, target = cycle.objects[reference.source], cycle.objects[reference.target]
        if reference.source == start or not source.is_container:
            parts.append(tuple(rows))
            rows = [(f"    │  {_called(source)}", _places(source), "place")]
        facts = []
        if target.is_container and reference.target != start:
            made = f", made at {target.created_at}" if target.created_at else ""
            facts.append(f"{target.type_name}{made}")
        stored = f"stored at {reference.stored_at}" if reference.stored_at else ""
        if at in marks and cycle.remedy is not None:
            advice = f"{_GUILTY} {cycle.remedy.advice}"
            facts.append(f"{advice}: {stored}" if stored else advice)
        elif stored:
            facts.append(stored)
        style = "advice" if at in marks else "place"
        rows.append((f"    │    {reference.name}", "  ".join(facts) or None, style))
    return [*parts[1:], tuple(rows)]


def _places(summary: ObjectSummary) -> str | None:
    """Say where an object's class is defined and, where that is known, where it was made."""
    made = f"made at {summary.created_at}" if summary.created_at else None
    return ", ".join(filter(None, (summary.defined_at, made))) or None


def _without_repeats(parts: list[Part]) -> Iterator[Part]:
    """Say once what a long ring repeats: a list of 100,000 nodes has one step, not as many."""
    at = 0
    while at < len(parts):
        for period in range(1, 5):
            unit = parts[at : at + period]
            end = at + period
            while parts[end : end + period] == unit:
                end += period
            times = (end - at) // period
            if times * period > _MAX_REPEATED:
                yield from unit
                steps = "this step" if period == 1 else f"these {period} steps"
                yield ((f"    │  … {steps} {times - 1:,} times more", None, ""),)
                at = end
                break
        else:
            yield parts[at]
            at += 1


def _called(summary: ObjectSummary) -> str:
    """Return "Order" for an instance, "function walk" or "type Row" for what has a name itself."""
    return f"{summary.type_name} {summary.name}" if summary.name else summary.type_name


def _width(lefts: Iterable[str]) -> int:
    longest = max((len(left) for left in lefts), default=0)
    return max(_COLUMN, min(longest + 2, _WIDEST))


# --- what is beside the ring -------------------------------------------------------------------


def _other_edges(cycle: Cycle) -> Iterator[Line]:
    """Yield the references that are not in the ring; a type's place with its first one."""
    objects = cycle.objects
    in_ring = {
        (objects[r.source].type_name, _collapsed(r.name), objects[r.target].type_name)
        for r in cycle.references
    }
    edges = [
        e
        for e in cycle.edges
        if (e.source, e.name, e.target) not in in_ring and e.name not in _PARTS_OF_CLASSES
    ]
    known = {objects[r.source].type_name for r in cycle.references}
    places = {o.type_name: o.defined_at for o in objects if o.type_name not in known}
    lefts = []
    for at, edge in enumerate(edges[:_MAX_EDGES]):
        name = edge.name if edge.name.startswith((".", "[")) else f" {edge.name}"
        intro = " " * len(_ALSO) if at else _ALSO
        lefts.append(f"    {intro}{edge.source}{name} → {edge.target}")
    width = _width(lefts)
    for left, edge in zip(lefts, edges, strict=False):
        yield _row((left, places.pop(edge.source, None), "place"), width)
    if len(edges) > _MAX_EDGES:
        yield Line((f"    {' ' * len(_ALSO)}and {len(edges) - _MAX_EDGES:,} more", ""))


def _collapsed(name: str) -> str:
    return "[*]" if name.startswith("[") else name


def _types(counts: Counts) -> str:
    text = ", ".join(f"{number:,} {name}" for name, number in counts[:_MAX_TYPES])
    left = len(counts) - _MAX_TYPES
    return f"{text} and {_number(left, 'more type')}" if left > 0 else text


def _footer(report: CycleReport) -> Iterator[str]:
    """Yield what there is to know beside the shapes."""
    if report.ignored:
        yield f"{_number(report.ignored, 'cycle')} ignored by the options only and ignore"
    if report.shared_with:
        yield f"ran meanwhile and may have made these: {', '.join(report.shared_with)}"
    if report.method == "inconclusive":
        yield "inconclusive: not everything could be looked at"
    for note in report.notes:
        yield f"note: {note}"
