"""What the collector did while it was deferred, as frozen data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from cyclefree._from_json import read_document, read_record

__all__ = ["GCStats"]

SCHEMA = "cyclefree/gc-stats/1"

Signed = int


@dataclass(frozen=True)
class GCStats:
    """What happened while a `gc_frozen` was open.

    All figures are of the whole process, as the collector is: what other threads did meanwhile is
    in them.

    Attributes:
        automatic_collections: Collections that the interpreter started by itself, because a
            threshold was passed.
        explicit_collections: Collections that somebody asked for: the program, a library, or
            `checkpoint()`.
        pause_ns: Nanoseconds that all of them took, from the first callback to the last.
        net_objects: Containers that were made less those that were freed: an estimate, see
            `cyclefree.net_objects`.
        rss_growth: Bytes by which the resident memory has grown; None where ``max_rss`` did not
            ask for it.
        exceeded: How often a budget was found exceeded: automatic collections that came because
            ``max_net_objects`` was used up, and checkpoints and exits that found more than a budget
            allows.
    """

    automatic_collections: int = 0
    explicit_collections: int = 0
    pause_ns: int = 0
    net_objects: Signed = 0
    rss_growth: Signed | None = None
    exceeded: int = 0

    def to_json(self) -> str:
        """Return the figures as one line of JSON.

        Returns:
            JSON text that `from_json` turns into an equal object.
        """
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> GCStats:
        """Read figures that `to_json` wrote.

        Keys that this version does not know are passed over.

        Args:
            text: The JSON text.

        Returns:
            The figures.

        Raises:
            ValueError: The text is no JSON, or holds something else; the message says what is
                wrong, where, and what was expected.
        """
        data = read_document(text, "stats", SCHEMA)
        stats: GCStats = read_record(cls, data, "stats", {})
        return stats

    @classmethod
    def merge(cls, *stats: GCStats) -> GCStats:
        """Add figures up, of several scopes or processes.

        Args:
            *stats: Any number; none gives zeros.

        Returns:
            The sums; ``rss_growth`` is that of those that have one, None where none has.
        """
        grown = [one.rss_growth for one in stats if one.rss_growth is not None]
        return cls(
            sum(one.automatic_collections for one in stats),
            sum(one.explicit_collections for one in stats),
            sum(one.pause_ns for one in stats),
            sum(one.net_objects for one in stats),
            sum(grown) if grown else None,
            sum(one.exceeded for one in stats),
        )
