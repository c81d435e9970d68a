"""Rows of figures, their aims, and the Markdown and JSON made of them."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.timing import Samples, quartiles

__all__ = ["Aim", "Row", "header", "markdown", "micro", "to_json"]


@dataclass(frozen=True)
class Aim:
    """What a figure should be.

    Attributes:
        bound: in the unit of the row.
        at_least: whether more is better; otherwise less is.
    """

    bound: float
    at_least: bool = False

    def is_met(self, figure: float) -> bool:
        """Whether `figure` is as it should be."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {_number(self.bound)}"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        measure: the group that it belongs to.
        case: what was measured.
        unit: of the samples and of the aim.
        samples: every single one.
        aim: what the median should be, or None where nothing was promised.
        relative: samples as multiples of the base, pair by pair.
        note: what else there is to say; where there are no samples, why.
    """

    measure: str
    case: str
    unit: str
    samples: Sequence[float] = ()
    aim: Aim | None = None
    relative: Sequence[float] = ()
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say "met" or "missed", or nothing without an aim or samples."""
        if self.aim is None or not self.samples:
            return ""
        return "met" if self.aim.is_met(quartiles(self.samples).median) else "missed"


def micro(seconds: Iterable[float]) -> Samples:
    """Return seconds as microseconds."""
    return [second * 1e6 for second in seconds]


def _number(figure: float) -> str:
    """Return `figure` with about three digits that count."""
    size = abs(figure)
    if size >= 100:
        return f"{figure:,.0f}"
    digits = 3 if size < 1 else 2 if size < 10 else 1
    text = f"{figure:.{digits}f}"
    return text.rstrip("0").rstrip(".")


def _spread(samples: Sequence[float]) -> str:
    """Return "median (quartile to quartile)"."""
    if not samples:
        return ""
    found = quartiles(samples)
    return f"{_number(found.median)} ({_number(found.low)} to {_number(found.high)})"


def header() -> dict[str, str | int]:
    """Return what the figures depend on, without anything that names the machine."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 0,
    }


def markdown(rows: Sequence[Row]) -> str:
    """Return the header line and a Markdown table; figures are medians with their quartiles."""
    about = header()
    lines = [
        f"{about['python']}, {about['platform']}, {about['cores']} cores. "
        "Medians and quartiles; ratios and differences pair by pair.",
        "",
        "| measure | case | figure | unit | × base | aim | |",
        "|---|---|---|---|---|---|---|",
    ]
    shown = ""
    for row in rows:
        measure = row.measure if row.measure != shown else ""
        shown = row.measure
        case = f"{row.case} ({row.note})" if row.note else row.case
        cells = (
            measure,
            case,
            _spread(row.samples) or "none",
            row.unit,
            _spread(row.relative),
            str(row.aim) if row.aim else "",
            row.verdict,
        )
        lines.append("| " + " | ".join(cells) + " |")
    aimed = [row for row in rows if row.verdict]
    missed = [row for row in aimed if row.verdict == "missed"]
    lines += ["", f"{len(aimed) - len(missed)} of {len(aimed)} aims met."]
    return "\n".join(lines)


def to_json(rows: Sequence[Row]) -> str:
    """Return everything that was measured, every sample included."""
    document = {
        "schema": "cyclefree/benchmarks/1",
        **header(),
        "build": sys.version.split("[")[0].strip(),
        "rows": [
            {
                "measure": row.measure,
                "case": row.case,
                "unit": row.unit,
                "samples": list(row.samples),
                "relative": list(row.relative),
                "aim": str(row.aim) if row.aim else None,
                "verdict": row.verdict or None,
                "note": row.note,
            }
            for row in rows
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
