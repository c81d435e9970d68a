"""The latency of a real server, with the collector on and held off in three ways.

`python -m benchmarks.latency [--quick] [--requests N] [--svg FILE] [--json FILE]
[--markdown FILE]`. A server process (`latency_server`) has a million living objects; this process
is its client, over keep-alive connections on the loopback, and times each request. Each way to run
and each handler get a fresh server in every round, and each round begins with another one, so that
what disturbs the machine disturbs all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter_ns

from benchmarks.latency_plot import percentile, svg
from benchmarks.latency_server import COLLECTORS, HANDLERS, Connection, Stats, guard, served
from benchmarks.table import Aim, header
from cyclefree import CollectorError

__all__ = [
    "FULL",
    "QUICK",
    "Figures",
    "Load",
    "Promise",
    "ask",
    "main",
    "markdown",
    "measure",
    "picture",
    "promises",
    "put",
    "to_json",
]

_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MS = 1e6  # nanoseconds


@dataclass(frozen=True)
class Load:
    """How much to ask of the servers.

    Attributes:
        requests: measured ones, for each way to run and each handler, over all rounds; after each
            comes an empty one, whose latency is what everything else costs.
        rounds: fresh servers for each way to run and each handler; few enough that the cyclic
            handler uses up the budget of a million objects in each.
        warmup: requests before the first measured one, in each round.
        objects: living containers in the server.
        connections: that stay open and are used in turn.
        think: milliseconds from an answer to the next request.
    """

    requests: int = 16_000
    rounds: int = 4
    warmup: int = 40
    objects: int = 1_000_000
    connections: int = 4
    think: float = 1.0

    @property
    def each(self) -> int:
        """Measured requests in a round."""
        return -(-self.requests // self.rounds)


FULL = Load()
QUICK = Load(requests=600, rounds=2, warmup=4, objects=20_000, think=0.1)


@dataclass
class Figures:
    """What one way to run gave for one handler, over all rounds; times in milliseconds.

    Attributes:
        collector: how the server ran, a key of `COLLECTORS`.
        handler: what was asked for.
        latencies: of each request, as the client saw it.
        empty: of each empty request.
        cpu: of each request, the CPU time of the server's thread.
        longest: the longest pause of each round.
        longest_cpu: the most CPU time that a pause took in each round.
        pauses: all pauses of each round.
        collections: of each generation, over all rounds.
        freed: objects that collections freed, over all rounds.
        resident: bytes at the end of each round, where they can be told.
        frozen: the guard's own figures at the end of each round.
    """

    collector: str
    handler: str
    latencies: list[float] = field(default_factory=list)
    empty: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    longest: list[float] = field(default_factory=list)
    longest_cpu: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    collections: list[int] = field(default_factory=lambda: [0, 0, 0])
    freed: int = 0
    resident: list[int] = field(default_factory=list)
    frozen: list[dict[str, int | None]] = field(default_factory=list)

    def add(self, taken: Sequence[int], stats: Stats) -> None:
        """Add a round.

        Args:
            taken: nanoseconds as the client saw them, of measured and empty requests in turn.
            stats: what the server said at the end of these.
        """
        self.latencies += [nanoseconds / _MS for nanoseconds in taken[::2]]
        self.empty += [nanoseconds / _MS for nanoseconds in taken[1::2]]
        self.cpu += [nanoseconds / _MS for nanoseconds in stats["cpu"][-(len(taken) // 2) :]]
        self.longest.append(stats["longest"] / _MS)
        self.longest_cpu.append(stats["longest_cpu"] / _MS)
        self.pauses.append(stats["total"] / _MS)
        self.collections = [
            sum(both) for both in zip(self.collections, stats["collections"], strict=True)
        ]
        self.freed += stats["freed"]
        if stats["resident"] is not None:
            self.resident.append(stats["resident"])
        if stats["frozen"] is not None:
            self.frozen.append(stats["frozen"])

    def at(self, percent: float) -> float:
        """Return the latency that `percent` percent of the requests don't exceed."""
        return percentile(sorted(self.latencies), percent)


# -- the client --------------------------------------------------------------------------


def ask(port: int, handler: str, load: Load) -> tuple[list[int], Stats]:
    """Send one round's requests, one at a time over the connections in turn.

    Returns:
        The nanoseconds from sending each request to the last byte of its answer, measured and empty
        ones in turn, and what the server says at the end.
    """
    taken: list[int] = []
    with ExitStack() as stack:
        connections = []
        for _ in range(load.connections):
            connections.append(Connection(port))
            stack.callback(connections[-1].close)
        for number in range(load.warmup + load.each):
            connection = connections[number % load.connections]
            for path in (f"/{handler}?{number}", "/empty"):
                began = perf_counter_ns()
                connection.get(path)
                taken.append(perf_counter_ns() - began)
                time.sleep(load.think / 1e3)
        # Over the last connection: its thread has noted the last request by now.
        stats: Stats = json.loads(connection.get("/stats"))
    return taken[2 * load.warmup :], stats


def measure(load: Load, progress: bool = False) -> tuple[list[Figures], dict[str, str]]:
    """Measure all ways to run with all handlers, in rotated rounds.

    Returns:
        The figures, and of each way to run that this Python does not have, why.
    """
    refused: dict[str, str] = {}
    for collector in COLLECTORS:
        try:
            guard(collector)
        except CollectorError as error:
            refused[collector] = str(error)
    figures = [
        Figures(collector, handler)
        for handler in HANDLERS
        for collector in COLLECTORS
        if collector not in refused
    ]
    for number in range(load.rounds):
        first = number % len(figures)
        for one in figures[first:] + figures[:first]:
            if progress:
                print(f"round {number + 1}: {one.handler}, {one.collector} ...", file=sys.stderr)
            with served(one.collector, one.handler, load.objects) as port:
                one.add(*ask(port, one.handler, load))
    return figures, refused


# -- what comes of it --------------------------------------------------------------------


def _shown(figure: float) -> str:
    """Return a figure with two or three digits that count."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def _times(base: float, figure: float) -> str:
    """Return how many times `figure` the `base` is."""
    return f"{_shown(base / figure)} ×" if figure else "no pause"


def _table(heads: str, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table: two columns of text, and figures."""
    names = heads.split(", ")
    return [
        "| " + " | ".join(names) + " |",
        "|---|---|" + "---:|" * (len(names) - 2),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _latency_rows(figures: Sequence[Figures]) -> Iterator[list[str]]:
    for one in figures:
        base = _on(figures, one.handler)
        yield [
            one.handler,
            COLLECTORS[one.collector],
            f"{len(one.latencies):,}",
            *(_shown(one.at(percent)) for percent in (50, 99, 99.9, 100)),
            "" if one is base else _times(base.at(99.9), one.at(99.9)),
            _shown(percentile(sorted(one.cpu), 99.9)),
            _shown(percentile(sorted(one.empty), 99.9)),
        ]


def _pause_rows(figures: Sequence[Figures]) -> Iterator[list[str]]:
    for one in figures:
        base = _on(figures, one.handler)
        resident = f"{statistics.median(one.resident) / 1e6:,.0f}" if one.resident else "unknown"
        yield [
            one.handler,
            COLLECTORS[one.collector],
            _shown(max(one.longest)),
            "" if one is base else _times(max(base.longest), max(one.longest)),
            _shown(max(one.longest_cpu)),
            _shown(sum(one.pauses) / len(one.latencies)),
            " / ".join(f"{number:,}" for number in one.collections),
            f"{one.freed:,}",
            resident,
        ]


def _promise_rows(figures: Sequence[Figures]) -> Iterator[list[str]]:
    for one in promises(figures):
        shown = (_shown(one.on), _shown(one.here), str(one.aim), _shown(one.cpu))
        yield [one.text, one.verdict, *shown]


def _on(figures: Sequence[Figures], handler: str) -> Figures:
    """Return what the same run gave with the collector on."""
    return next(one for one in figures if one.collector == "on" and one.handler == handler)


@dataclass(frozen=True)
class Promise:
    """What was promised of a figure, in milliseconds.

    Attributes:
        text: which figure it is.
        on: the figure with the collector on.
        here: the figure.
        cpu: what the server's CPU clock says of it.
        aim: what `here` should be.
    """

    text: str
    on: float
    here: float
    cpu: float
    aim: Aim

    @property
    def verdict(self) -> str:
        """Say "met" or "missed", by the clock on the wall."""
        return "met" if self.aim.is_met(self.here) else "missed"


def promises(figures: Sequence[Figures]) -> Iterator[Promise]:
    """Yield what the library promises, each with what came of it."""
    for one in figures:
        base = _on(figures, one.handler)
        how = COLLECTORS[one.collector]
        if one.collector == "full":
            text = f"longest pause ms: {one.handler}, {how}"
            on, here, cpu = (max(of) for of in (base.longest, one.longest, one.longest_cpu))
            yield Promise(text, on, here, cpu, Aim(10.0))
        elif one is not base and one.handler == "acyclic":
            text = f"p99.9 ms of acyclic bulk work: {how}"
            cpu = percentile(sorted(one.cpu), 99.9)
            # "About 1 ms": what rounds to it.
            yield Promise(text, base.at(99.9), one.at(99.9), cpu, Aim(1.5))


def markdown(figures: Sequence[Figures], refused: dict[str, str], load: Load) -> str:
    """Return the tables: latencies, pauses, and whether the aims were met."""
    about = header()
    lines = [
        f"{about['python']}, {about['platform']}, {about['cores']} cores; {load.objects:,} living "
        f"containers, {load.rounds} rounds, {load.connections} connections, "
        f"{load.think:g} ms from an answer to the next request.",
        "",
        *_table(
            "handler, server, requests, p50 ms, p99 ms, p99.9 ms, max ms, p99.9: on / this, "
            "p99.9 ms of CPU, p99.9 ms of an empty request",
            list(_latency_rows(figures)),
        ),
        "",
        *_table(
            "handler, server, longest pause ms, on / this, longest ms of CPU, pauses ms a request, "
            "collections young / middle / full, objects freed, RSS at the end MB",
            list(_pause_rows(figures)),
        ),
        "",
        *_table("aim, , collector on, here, bound, here of CPU", list(_promise_rows(figures))),
    ]
    lines += [f"\n{COLLECTORS[name]} was left out: {why}" for name, why in refused.items()]
    return "\n".join(lines)


def picture(figures: Sequence[Figures], load: Load) -> str:
    """Return the plot, an SVG."""
    return svg(
        "Latency of a request, by percentile",
        f"A server with {load.objects:,} living containers on {header()['python']}; "
        f"{len(figures[0].latencies):,} requests a line; both axes logarithmic",
        {
            f"{handler} handler": {
                COLLECTORS[one.collector]: one.latencies
                for one in figures
                if one.handler == handler
            }
            for handler in HANDLERS
        },
    )


def to_json(figures: Sequence[Figures], refused: dict[str, str], load: Load) -> str:
    """Return everything that was measured, every request included; times in milliseconds."""
    document = {
        "schema": "cyclefree/latency/1",
        **header(),
        "load": asdict(load),
        "refused": refused,
        "figures": [asdict(one) for one in figures],
        "aims": [
            {**asdict(one), "aim": str(one.aim), "verdict": one.verdict}
            for one in promises(figures)
        ],
    }
    return json.dumps(document) + "\n"


def put(text: str, page: Path) -> None:
    """Write `text` to `page`; where the page has marks for the figures, between these."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    before, begin, rest = old.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if begin and end:
        text = f"{before}{_BEGIN}\n{text}\n{_END}{after}"
    else:
        text += "\n"
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and return the exit status: 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small heap and few requests")
    parser.add_argument("--requests", type=int, metavar="N", help="of each line of the table")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the plot to FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every request to FILE")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the tables to FILE, or into its marks"
    )
    parser.add_argument("--think", type=float, metavar="MS", help="from answer to next request")
    chosen = parser.parse_args(arguments)
    load = QUICK if chosen.quick else FULL
    if chosen.requests is not None:
        if chosen.requests < 1:
            parser.error(f"--requests {chosen.requests} leaves nothing to measure; use 1 or more")
        load = replace(load, requests=chosen.requests)
    if chosen.think is not None:
        if chosen.think < 0:
            parser.error(f"--think {chosen.think:g} is no time to wait; use 0 or more milliseconds")
        load = replace(load, think=chosen.think)
    figures, refused = measure(load, progress=True)
    text = markdown(figures, refused, load)
    print(text)
    if chosen.svg is not None:
        chosen.svg.write_text(picture(figures, load), encoding="utf-8")
    if chosen.json is not None:
        chosen.json.write_text(to_json(figures, refused, load), encoding="utf-8")
    if chosen.markdown is not None:
        put(text, chosen.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
