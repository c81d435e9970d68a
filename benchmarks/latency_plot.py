"""Latency by percentile as an SVG: both axes logarithmic, a panel a handler, a line a collector.

Readable in light and in dark surroundings: the picture has a ground of its own, and its colours go
with the reader's setting. Each line has its name at its end, so that no colour has to be looked up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from xml.sax.saxutils import escape

__all__ = ["percentile", "svg"]

Lines = Mapping[str, Sequence[float]]

_WIDTH = 780
_LEFT, _RIGHT = 62, 196
_TOP, _PANEL, _GAP, _BOTTOM = 74, 230, 56, 62
_LABELS = 16
_POINTS = 160

# Ground, ink, soft ink and grid, then the lines. Hue and lightness of these differ, also for those
# who see fewer colours (after Okabe and Ito).
_LIGHT = ("#ffffff", "#1f2328", "#59636e", "#d9dee3", "#c2410c", "#0072b2", "#00805e", "#a03c78")
_DARK = ("#14181d", "#e6edf3", "#9ba6b1", "#333b44", "#ff9a57", "#62b8f0", "#3ecf9f", "#ef9fce")
_LINES = len(_LIGHT) - 4

_SHAPES = """
text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; font-size: 12px; }
.title { font-size: 17px; font-weight: 600; }
.panel { font-size: 13px; font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.lead { fill: none; stroke-width: 1; }
"""

_TICKS = {2: "p50", 10: "p90", 100: "p99", 1_000: "p99.9", 10_000: "p99.99", 100_000: "p99.999"}
"""One request in so many takes at least as long as the percentile says."""


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest of `samples` that at least `percent` percent of them don't exceed.

    It is one of the samples, not a value between two of them: a latency that a request had.

    Args:
        samples: in ascending order, at least one.
        percent: above 0, at most 100.
    """
    # By the figure as it is written: in binary, 99.9 percent of 1,000 may be more than 999.
    rank = math.ceil(Fraction(str(percent)) * len(samples) / 100)
    return samples[max(rank, 1) - 1]


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis."""

    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        """Return the coordinate of `value`."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + share * (self.end - self.begin)


def svg(title: str, about: str, panels: Mapping[str, Lines]) -> str:
    """Return the picture.

    Args:
        title: of the whole.
        about: a line below it.
        panels: for each panel's title the lines by their names: samples in milliseconds, in any
            order.
    """
    lines = [samples for panel in panels.values() for samples in panel.values()]
    low, high = _range(lines)
    most = max(len(samples) for samples in lines)
    height = _TOP + len(panels) * (_PANEL + _GAP) - _GAP + _BOTTOM
    across = _Axis(2, max(most, 3), _LEFT, _WIDTH - _RIGHT)
    shapes = [_text(16, 28, title, "title"), _text(16, 48, about, "soft")]
    for number, (name, panel) in enumerate(panels.items()):
        top = _TOP + number * (_PANEL + _GAP)
        shapes += _panel(name, panel, across, _Axis(low, high, top + _PANEL, top + 12))
    shapes.append(
        _text((_LEFT + _WIDTH - _RIGHT) / 2, height - 16, "percentile of the requests", "middle")
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title about">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="about">{escape(about)}</desc>',
            f"<style>{_SHAPES}{_colours(_LIGHT)}",
            f"@media (prefers-color-scheme: dark) {{\n{_colours(_DARK)}}}</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="8"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _colours(colours: Sequence[str]) -> str:
    """Return the rules for one setting; not by variables, which some programs don't know."""
    ground, ink, soft, grid, *lines = colours
    return (
        f"text {{ fill: {ink}; }} .soft {{ fill: {soft}; }}\n"
        f".ground {{ fill: {ground}; }} .grid {{ stroke: {grid}; }}\n"
        + "".join(f".of{number} {{ stroke: {line}; }}\n" for number, line in enumerate(lines))
    )


def _text(x: float, y: float, words: str, kind: str, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{extra}>{escape(words)}</text>'


def _range(lines: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the ends of the axis of latencies: 1, 2 or 5 times a power of ten."""
    low = min(percentile(sorted(samples), 50) for samples in lines)
    high = max(max(samples) for samples in lines)
    steps = _steps(low / 10, high * 10)
    return (
        max(step for step in steps if step <= low),
        min(step for step in steps if step > high),
    )


def _steps(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten from `low` to `high`."""
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    steps = [float(f"{first}e{power}") for power in powers for first in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def _panel(name: str, lines: Lines, across: _Axis, up: _Axis) -> list[str]:
    """Return one panel: its grid, its lines, and their names."""
    shapes = [_text(_LEFT, up.end - 10, name, "panel")]
    for step in _steps(up.low, up.high):
        y = up.at(step)
        shapes.append(f'<path class="grid" d="M{across.begin:.1f} {y:.1f}H{across.end:.1f}"/>')
        shapes.append(_text(across.begin - 8, y + 4, f"{step:g}", "soft end"))
    for one_in, tick in _TICKS.items():
        if one_in <= across.high / 2:  # otherwise it would meet the last one, "max"
            x = across.at(one_in)
            shapes.append(f'<path class="grid" d="M{x:.1f} {up.end:.1f}V{up.begin:.1f}"/>')
            shapes.append(_text(x, up.begin + 18, tick, "soft middle"))
    middle = (up.begin + up.end) / 2
    shapes.append(_text(across.end, up.begin + 18, "max", "soft middle"))
    turned = f' transform="rotate(-90 18 {middle:.1f})"'
    shapes.append(_text(18, middle, "latency of a request, ms", "middle", turned))
    ordered = {label: sorted(samples) for label, samples in lines.items()}
    ends = {label: up.at(samples[-1]) for label, samples in ordered.items()}
    places = _apart(ends, up.end + 4, up.begin)
    for number, (label, samples) in enumerate(ordered.items()):
        colour = f"of{number % _LINES}"
        shapes.append(f'<path class="line {colour}" d="{_curve(samples, across, up)}"/>')
        x, place = across.at(len(samples)), places[label]
        lead = f"M{x + 2:.1f} {ends[label]:.1f}L{across.end + 14:.1f} {place:.1f}h8"
        shapes.append(f'<path class="lead {colour}" d="{lead}"/>')
        shapes.append(_text(across.end + 26, place + 4, label, "label"))
    return shapes


def _curve(samples: Sequence[float], across: _Axis, up: _Axis) -> str:
    """Return the path of one line: from the median to the longest, in even steps of the axis."""
    points = []
    for number in range(_POINTS):
        one_in = 2 * (max(len(samples), 2) / 2) ** (number / _POINTS)
        y = up.at(max(up.low, percentile(samples, 100 - 100 / one_in)))
        points.append(f"{across.at(one_in):.1f} {y:.1f}")
    points.append(f"{across.at(max(len(samples), 2)):.1f} {up.at(samples[-1]):.1f}")
    return "M" + "L".join(points)


def _apart(wanted: Mapping[str, float], top: float, bottom: float) -> dict[str, float]:
    """Return places for labels near those that are wanted, far enough from each other."""
    places: dict[str, float] = {}
    free = top
    left = len(wanted)
    for label, place in sorted(wanted.items(), key=lambda item: item[1]):
        left -= 1
        places[label] = max(free, min(place, bottom - left * _LABELS))
        free = places[label] + _LABELS
    return places
