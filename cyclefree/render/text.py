"""A cycle report as text for a terminal, a log or an exception's message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cyclefree.reports import Counts, Cycle, CycleReport, ObjectSummary

_MAX_EDGES = 12  # lines of "also in the cycle"; the report object has them all
_MAX_TYPES = 8  # types named in "in the cycle" and in "hanging off it"
_COLUMN = 32  # where the right column starts, at least
_WIDEST = 60  # beyond this a long name pushes its own line's right column only

_MAX_REPEATED = 10  # equal steps that a ring shows one by one
_ALSO = "also in the cycle: "

# The exact containers appear on the reference that leads to them, not as a step of their own.
_CONTAINERS = frozenset(
    {
        ("builtins", "dict"),
        ("builtins", "frozenset"),
        ("builtins", "list"),
        ("builtins", "set"),
        ("builtins", "tuple"),
        ("collections", "deque"),
    }
)

_BOLD, _DIM, _NAME, _RESET = "\033[1m", "\033[2m", "\033[36m", "\033[0m"


def format_report(report: CycleReport, *, limit: int | None = None, colour: bool = False) -> str:
    """Write a report out.

    Args:
        report: The report.
        limit: How many shapes to write at most; None for all.
        colour: Whether to use ANSI colours.

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
    paint = _Paint(colour)
    lines = [paint.bold(_title(report))]
    shown = report.cycles if limit is None else report.cycles[:limit]
    for number, cycle in enumerate(shown, start=1):
        lines.append("")
        lines.extend(_shape(number, cycle, paint))
    left = len(report.cycles) - len(shown)
    if left:
        lines += ["", f"and {_number(left, 'more shape')}"]
    footer = list(_footer(report))
    if footer:
        lines += ["", *footer]
    return "\n".join(line.rstrip() for line in lines)


class _Paint:
    """Colours, or none; makes every text from the program safe to print."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def bold(self, text: str) -> str:
        return self._paint(_BOLD, text)

    def dim(self, text: str) -> str:
        return self._paint(_DIM, text)

    def name(self, text: str) -> str:
        return self._paint(_NAME, text)

    def _paint(self, code: str, text: str) -> str:
        text = _printable(text)
        return f"{code}{text}{_RESET}" if self._colour and text.strip() else text

    def row(self, left: str, right: str | None, width: int) -> str:
        """Put a place or a type in the right column."""
        left = _printable(left)
        return left + " " * max(2, width - len(left)) + self.dim(right) if right else left


def _printable(text: str) -> str:
    """Escape what would break the line or steer the terminal: class names may be any text."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


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


def _shape(number: int, cycle: Cycle, paint: _Paint) -> Iterator[str]:
    """Yield the lines of one shape: heading, ring, other references, types."""
    facts = [paint.bold(f"#{number}"), f"{cycle.count:,} of these", paint.name(cycle.fingerprint)]
    if cycle.kind:
        facts.append(_printable(cycle.kind))
    if cycle.once:
        facts.append("once, while modules were imported")
    if cycle.live:
        facts.append("still reachable")
    yield f"{facts[0]}  {'   '.join(facts[1:])}"
    yield from _ring(cycle, paint)
    yield from _other_edges(cycle, paint)
    types = f"in the cycle: {_types(cycle.members)}"
    if cycle.hanging:
        types += f"   hanging off it: {_types(cycle.hanging)}"
    yield f"    {types}"


# --- the ring --------------------------------------------------------------------------------

Line = tuple[str, str | None]  # left column, right column
Part = tuple[Line, ...]  # an object, the references that lead on to the next one


def _ring(cycle: Cycle, paint: _Paint) -> Iterator[str]:
    """Yield the ring: an object, the references that lead on, the next object."""
    if not cycle.references:
        return
    lines = [line for part in _without_repeats(_parts(cycle)) for line in part]
    width = _width(left for left, _ in lines)
    first, place = lines[0]
    yield paint.row(first.replace("│ ", "┌▶", 1), place, width)
    for left, right in lines[1:]:
        yield paint.row(left, right, width)
    yield f"    └─ back to {_printable(_called(cycle.objects[cycle.references[0].source]))}"


def _parts(cycle: Cycle) -> list[Part]:
    """List the steps from object to object; builtin containers are no objects of their own."""
    parts: list[Part] = []
    lines: list[Line] = []
    start = cycle.references[0].source
    for reference in cycle.references:
        source, target = cycle.objects[reference.source], cycle.objects[reference.target]
        if reference.source == start or not _is_container(source):
            parts.append(tuple(lines))
            lines = [(f"    │  {_called(source)}", source.defined_at)]
        facts = []
        if _is_container(target) and reference.target != start:
            facts.append(target.type_name)
        if reference.stored_at:
            facts.append(f"stored at {reference.stored_at}")
        lines.append((f"    │    {reference.name}", ", ".join(facts) or None))
    return [*parts[1:], tuple(lines)]


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
                yield ((f"    │  … {steps} {times - 1:,} times more", None),)
                at = end
                break
        else:
            yield parts[at]
            at += 1


def _called(summary: ObjectSummary) -> str:
    """Return "Order" for an instance, "function walk" or "type Row" for what has a name itself."""
    return f"{summary.type_name} {summary.name}" if summary.name else summary.type_name


def _is_container(summary: ObjectSummary) -> bool:
    return (summary.module, summary.type_name) in _CONTAINERS


def _width(lefts: Iterable[str]) -> int:
    longest = max((len(left) for left in lefts), default=0)
    return max(_COLUMN, min(longest + 2, _WIDEST))


# --- what is beside the ring -------------------------------------------------------------------


def _other_edges(cycle: Cycle, paint: _Paint) -> Iterator[str]:
    """Yield the references that are not in the ring; a type's place with its first one."""
    objects = cycle.objects
    in_ring = {
        (objects[r.source].type_name, _collapsed(r.name), objects[r.target].type_name)
        for r in cycle.references
    }
    edges = [e for e in cycle.edges if (e.source, e.name, e.target) not in in_ring]
    known = {objects[r.source].type_name for r in cycle.references}
    places = {o.type_name: o.defined_at for o in objects if o.type_name not in known}
    lefts = []
    for at, edge in enumerate(edges[:_MAX_EDGES]):
        name = edge.name if edge.name.startswith((".", "[")) else f" {edge.name}"
        intro = " " * len(_ALSO) if at else _ALSO
        lefts.append(f"    {intro}{edge.source}{name} → {edge.target}")
    width = _width(lefts)
    for left, edge in zip(lefts, edges, strict=False):
        yield paint.row(left, places.pop(edge.source, None), width)
    if len(edges) > _MAX_EDGES:
        yield f"    {' ' * len(_ALSO)}and {len(edges) - _MAX_EDGES:,} more"


def _collapsed(name: str) -> str:
    return "[*]" if name.startswith("[") else name


def _types(counts: Counts) -> str:
    text = ", ".join(f"{number:,} {_printable(name)}" for name, number in counts[:_MAX_TYPES])
    left = len(counts) - _MAX_TYPES
    return f"{text} and {_number(left, 'more type')}" if left > 0 else text


def _footer(report: CycleReport) -> Iterator[str]:
    """Yield what there is to know beside the shapes."""
    if report.ignored:
        yield f"{_number(report.ignored, 'cycle')} ignored by the options only and ignore"
    if report.shared_with:
        yield f"ran meanwhile and may have made these: {_printable(', '.join(report.shared_with))}"
    if report.method == "inconclusive":
        yield "inconclusive: not everything could be looked at"
    for note in report.notes:
        yield f"note: {_printable(note)}"
