"""The server that `latency` measures: a WSGI application with a large living heap.

`python -m benchmarks.latency_server COLLECTOR HANDLER [--objects N]` is one process of its own. It
builds its heap, writes one line of JSON with its port, serves over keep-alive connections (wsgiref,
a thread for each connection), and ends when its standard input does, so that no server outlives
the one who started it. `served` starts one, and `Connection` is the client's end of a connection.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import socket
import subprocess
import sys
import threading
from _thread import get_ident
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from socketserver import ThreadingMixIn
from time import perf_counter_ns, thread_time_ns
from typing import Any, TypedDict
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from cyclefree import FrozenScope, gc_frozen
from cyclefree._memory import can_tell_resident, resident

__all__ = [
    "COLLECTORS",
    "HANDLERS",
    "Catalogue",
    "Connection",
    "Pauses",
    "Stats",
    "guard",
    "main",
    "served",
]

_ROOT = Path(__file__).resolve().parent.parent
_MODULE = "benchmarks.latency_server"

COLLECTORS = {
    "on": "collector on",
    "full": 'defer="full"',
    "all": 'defer="all"',
    "checkpoints": 'defer="all", checkpoints',
}
"""Ways to run, and what they are called in tables and plots."""

HANDLERS = ("acyclic", "cyclic")

_KEPT = 64
"""Answers whose rows stay in the cache: long enough for the collector to count them as old."""

_PAGE = 60
"""Rows in the body of an answer."""

_ROWS = gc.get_threshold()[0] * 3 // 7
"""Rows of a request, three containers each: 1.3 times as many as the young threshold allows (700,
on CPython 3.13 it is 2,000), so that each request meets a young collection where they are on."""


class Stats(TypedDict):
    """What a server says at the end, under `/stats`.

    Times are in nanoseconds, `resident` is in bytes (None where it can't be told), `heap` is the
    number of containers before the first request, `cpu` the time of the serving thread for each
    request to a handler, and `frozen` the `GCStats` of the guard, None where there is none.
    """

    heap: int
    longest: int
    longest_cpu: int
    total: int
    collections: list[int]
    freed: int
    cpu: list[int]
    resident: int | None
    frozen: dict[str, int | None] | None


class Pauses:
    """The collector's pauses, for `gc.callbacks`.

    Attributes:
        longest: nanoseconds from a collection's first to its last callback, of the longest one.
        longest_cpu: the most nanoseconds that one took of its thread's CPU time, in which other
            processes on the machine do not count.
        total: nanoseconds of all of them.
        collections: how many there were of each generation.
        freed: objects that they found unreachable.
    """

    def __init__(self) -> None:
        self.longest = self.longest_cpu = self.total = self.freed = 0
        self._began = self._began_cpu = 0
        self.collections = [0, 0, 0]

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Count one."""
        if phase == "start":
            self._began, self._began_cpu = perf_counter_ns(), thread_time_ns()
            return
        took = perf_counter_ns() - self._began
        self.longest = max(self.longest, took)
        self.longest_cpu = max(self.longest_cpu, thread_time_ns() - self._began_cpu)
        self.total += took
        self.collections[info["generation"]] += 1
        self.freed += info["collected"]


class Product:
    """A product of the catalogue: two containers, with its list of sizes, on every Python."""

    __slots__ = ("name", "sizes")

    def __init__(self, name: str, sizes: list[int]) -> None:
        self.name = name
        self.sizes = sizes


class Node:
    """A row in a tree whose nodes know their parents: with its children, two containers."""

    __slots__ = ("children", "parent", "row")

    def __init__(self, row: dict[str, object], parent: Node | None) -> None:
        self.row = row
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)


Row = dict[str, object]


class Catalogue:
    """The application: `objects` living containers, and a cache of the rows of recent answers.

    A fifth of the heap are products, the rest are orders, each of which refers to a product
    somewhere else in memory, as in a program that has run for a while.
    """

    def __init__(self, objects: int) -> None:
        choose = random.Random(4).choice
        self.products = [Product(f"product {n}", [n, n + 1]) for n in range(max(1, objects // 10))]
        self.orders = [
            {"id": n, "product": choose(self.products), "sizes": [n]}
            for n in range(objects * 2 // 5)
        ]
        self.recent: deque[list[Row]] = deque(maxlen=_KEPT)

    def acyclic(self, number: int) -> bytes:
        """Make the rows, keep them in the cache, and return a page of them."""
        rows = self._rows(number)
        return json.dumps(rows[:_PAGE]).encode()

    def cyclic(self, number: int) -> bytes:
        """Do the same by way of a tree of the page, whose nodes only the collector can free."""
        nodes: list[Node] = []
        for position, row in enumerate(self._rows(number)[:_PAGE]):
            nodes.append(Node(row, nodes[(position - 1) // 2] if position else None))
        return json.dumps([node.row for node in nodes]).encode()

    def _rows(self, number: int) -> list[Row]:
        """Return the rows of request `number`, and forget those of the oldest one in the cache."""
        products = self.products
        rows: list[Row] = [
            {
                "id": n,
                "product": products[(number + n) % len(products)].name,
                "sizes": [n, number],
                "prices": [number],
            }
            for n in range(_ROWS)
        ]
        self.recent.append(rows)
        return rows

    def warm(self, handler: str) -> None:
        """Fill the cache."""
        for number in range(_KEPT):
            getattr(self, handler)(number)


def guard(collector: str) -> FrozenScope | None:
    """Return what a server runs under, None where the collector stays on.

    Raises:
        CollectorError: this Python has no such thing.
    """
    if collector == "on":
        return None
    return gc_frozen(defer="full" if collector == "full" else "all")


class _Answer(ServerHandler):
    """wsgiref's, over connections that stay open."""

    http_version = "1.1"


class _Requests(WSGIRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        """Serve until the client closes."""
        while self._serve():
            self.server.answered()

    def _serve(self) -> bool:
        """Serve one request; say whether the connection stays."""
        self.raw_requestline = self.rfile.readline(1 << 16)
        began = thread_time_ns()
        self.server.busy.add(get_ident())
        try:
            if not self.raw_requestline or not self.parse_request():
                return False
            output: Any = self.wfile
            answer = _Answer(self.rfile, output, self.get_stderr(), self.get_environ())
            answer.request_handler = self  # type: ignore[attr-defined]
            answer.run(self.server.respond)
            self.wfile.flush()
        finally:
            self.server.busy.discard(get_ident())
        if self.path[1:].partition("?")[0] in HANDLERS:
            self.server.cpu.append(thread_time_ns() - began)
        return not self.close_connection

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write no log."""


class _Server(ThreadingMixIn, WSGIServer):
    """The server, on a free port of the loopback."""

    daemon_threads = True

    def __init__(
        self, catalogue: Catalogue, frozen: FrozenScope | None, checkpoints: bool, heap: int
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.busy: set[int] = set()
        self.cpu = array("q")
        self.pauses = Pauses()
        self._catalogue = catalogue
        self._frozen = frozen
        self._checkpoints = checkpoints
        self._heap = heap

    def answered(self) -> None:
        """Let the guard collect where nobody waits for an answer."""
        if self._checkpoints and self._frozen is not None:
            self._frozen.checkpoint(idle=not self.busy)

    def respond(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Answer a request, as WSGI has it: `/acyclic?7`, `/cyclic?7`, `/empty`, `/stats`."""
        name = environ["PATH_INFO"][1:]
        if name in HANDLERS:
            body = getattr(self._catalogue, name)(int(environ["QUERY_STRING"]))
        else:
            body = json.dumps(self._stats()).encode() if name == "stats" else b"{}"
        head = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response("200 OK", head)
        return [body]

    def _stats(self) -> Stats:
        pauses = self.pauses
        return {
            "heap": self._heap,
            "longest": pauses.longest,
            "longest_cpu": pauses.longest_cpu,
            "total": pauses.total,
            "collections": pauses.collections,
            "freed": pauses.freed,
            "cpu": self.cpu.tolist(),
            "resident": resident() if can_tell_resident() else None,
            "frozen": None if self._frozen is None else asdict(self._frozen.stats),
        }


def _end_with_the_input() -> None:
    """End the process when whoever started it has closed its standard input, or is gone.

    At once: to free a million objects one by one would take a second.
    """
    sys.stdin.read()
    os._exit(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the heap and serve; does not return."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency_server")
    parser.add_argument("collector", choices=list(COLLECTORS))
    parser.add_argument("handler", choices=HANDLERS, help="for what the cache is filled")
    parser.add_argument("--objects", type=int, default=1_000_000, help="living containers")
    chosen = parser.parse_args(arguments)
    threading.Thread(target=_end_with_the_input, daemon=True).start()

    gc.disable()  # while the heap is built, to save time
    catalogue = Catalogue(chosen.objects)
    catalogue.warm(chosen.handler)
    gc.enable()
    gc.collect()  # all is old now, and the collector knows how much
    frozen = guard(chosen.collector)
    checkpoints = chosen.collector == "checkpoints"
    server = _Server(catalogue, frozen, checkpoints, len(gc.get_objects()))
    with ExitStack() as stack:
        if frozen is not None:
            stack.enter_context(frozen)
        gc.callbacks.append(server.pauses)
        print(json.dumps({"port": server.server_port}), flush=True)
        server.serve_forever()


class Connection:
    """A keep-alive connection: as little of HTTP as the measure needs, to add little to it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def get(self, path: str) -> bytes:
        """Return the body of the answer.

        Raises:
            ConnectionError: the server closed the connection, or did not answer with 200.
        """
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"the server did not answer {path}: {head!r}")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        parts = [body]
        missing = length - len(body)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        return b"".join(parts)

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 16)
        if not received:
            raise ConnectionError("the server closed the connection; its error is above")
        return received


@contextmanager
def served(collector: str, handler: str, objects: int) -> Iterator[int]:
    """Run a server, and yield its port when it is ready."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", _MODULE, collector, handler, "--objects", str(objects)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:  # its end closes the server's input, at which the server ends
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start; its error is above")
        yield int(json.loads(line)["port"])


if __name__ == "__main__":
    main()
