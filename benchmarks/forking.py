"""What a collection in a forked worker copies of its parent's heap, with and without `warmup`.

Each arm is a parent process of its own, all alike but for the one or two calls that are measured:
it imports the same modules, builds the same heap, collects, and forks four workers that are alive
at once. Their memory is that of `/proc/self/smaps_rollup`: `Private_Dirty` is what a worker has
written to and shares with nobody; `Pss` is that and its part of what it shares.

Nobody writes while it is read: the parent waits, and workers wait for each other at the gates.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import cyclefree
from benchmarks.table import Aim, Row
from benchmarks.timing import Plan, Samples, ratios
from benchmarks.workloads import Node

__all__ = ["ARMS", "forking", "parent"]

WORKERS = 4

_SMAPS = Path("/proc/self/smaps_rollup")
_IMPORTED = ("asyncio", "decimal", "email.message", "http.server", "logging", "xml.dom.minidom")
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Arm:
    """What is done in one parent and its workers.

    Attributes:
        warmed: whether the helpers of cyclefree are called where they are to be called.
        collects: whether each worker runs a full collection.
        reads: requests of each worker, each of which reads another record; 0 for all records.
    """

    warmed: bool
    collects: bool
    reads: int = 200


ARMS: dict[str, Arm] = {
    "plain fork": Arm(warmed=False, collects=False),
    "plain fork, gc.collect()": Arm(warmed=False, collects=True),
    "warmup()": Arm(warmed=True, collects=False),
    "warmup(), gc.collect()": Arm(warmed=True, collects=True),
    # What no freezing helps against: to read an object is to write its reference count.
    "warmup(), every record read": Arm(warmed=True, collects=False, reads=0),
}
_PLAIN, _PLAIN_COLLECTED, _WARMED, _WARMED_COLLECTED, _ = ARMS

Reading = Mapping[str, float]
"""What `smaps_rollup` says of one process, in MB (10**6 bytes)."""

Record = dict[str, object]


# -- in the parent process, and in its workers -----------------------------------------------


def parent(name: str, objects: int) -> None:
    """Be the parent of one arm: build, fork, and print what the workers read, as JSON.

    Args:
        name: which of `ARMS`.
        objects: containers to build before the fork, about.
    """
    arm = ARMS[name]
    for module in _IMPORTED:
        import_module(module)
    records = _heap(objects)
    if arm.warmed:
        cyclefree.warmup()
    else:
        gc.collect()  # as warmup() does: what is compared is freezing alone
    print(json.dumps(_forked(lambda gates: _work(records, arm, gates), arm.warmed)))


def _heap(objects: int) -> list[Record]:
    """Return records of four containers each: a dict, a list, an instance and a tuple."""
    made: list[Record] = []
    for number in range(objects // 4):
        tags = [f"tag {number}", number]
        made.append(
            {"name": f"item {number}", "tags": tags, "owner": Node(tags), "key": (number, tags)}
        )
    return made


class Gates:
    """Where workers wait for each other: each gate opens when the parent closes its end."""

    def __init__(self, number: int) -> None:
        self._gates = [os.pipe() for _ in range(number)]
        self._report, self._to_parent = os.pipe()

    def enter_worker(self) -> None:
        """Close the ends that are the parent's; for each worker, first thing."""
        for _, end in self._gates:
            os.close(end)

    def wait(self, gate: int) -> None:
        """Tell the parent that this worker has come to a gate, and wait until it opens."""
        self.send(b".")
        os.read(self._gates[gate][0], 1)

    def send(self, data: bytes) -> None:
        """Send a few bytes, which arrive in one piece, to the parent."""
        os.write(self._to_parent, data)

    def conduct(self, workers: int) -> list[str]:
        """Open each gate when all workers have come to it; return what they send in the end."""
        os.close(self._to_parent)  # now the end of all workers is the end of the pipe
        for _, end in self._gates:
            self._expect(workers)
            os.close(end)
        text = b""
        while more := os.read(self._report, 65536):
            text += more
        return text.decode().splitlines()

    def _expect(self, workers: int) -> None:
        """Wait until all workers have come to a gate."""
        while workers:
            come = len(os.read(self._report, workers))
            if not come:
                raise ChildProcessError("a worker has ended before its time")
            workers -= come


def _forked(work: Callable[[Gates], bytes], warmed: bool) -> list[list[Reading]]:
    """Fork the workers, let each of them `work`, and return what they send."""
    gates = Gates(3)
    pids = []
    for _ in range(WORKERS):
        if warmed:
            cyclefree.before_fork()
        pid = os.fork()
        if not pid:
            _be_worker(work, gates, warmed)
        pids.append(pid)
    lines = gates.conduct(WORKERS)
    for pid in pids:
        os.waitpid(pid, 0)
    return [json.loads(line) for line in lines]


def _be_worker(work: Callable[[Gates], bytes], gates: Gates, warmed: bool) -> NoReturn:
    """Work, send the result, and end without any teardown."""
    status = 1
    try:
        if warmed:
            cyclefree.after_fork_in_child()
        gates.enter_worker()
        gates.send(work(gates))
        status = 0
    except BaseException as error:  # a worker must never go on as if it were the parent
        print(f"worker: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def _work(records: Sequence[Record], arm: Arm, gates: Gates) -> bytes:
    """Answer some requests, collect or not, and return the readings before and after."""
    gates.wait(0)  # until all are forked: a parent that forks writes, too
    requests = arm.reads or len(records)
    size = 0
    for request in range(requests):
        record = records[request * len(records) // requests]
        answer = {"request": request, "body": json.dumps([record["name"], record["tags"]])}
        size += len(json.dumps(answer))
    full = _full_collections()
    before = _SMAPS.read_bytes()
    if arm.collects:
        gc.collect()
    gates.wait(1)  # until all have collected
    after = _SMAPS.read_bytes()
    gates.wait(2)  # until all have read: what a worker shares changes when another one ends
    if _full_collections() - full != arm.collects or not size:
        raise AssertionError("the collector ran where it should not have, or the other way round")
    return json.dumps([_read(before), _read(after)]).encode() + b"\n"


def _full_collections() -> int:
    """Return how many full collections there have been."""
    return int(gc.get_stats()[2]["collections"])


def _read(rollup: bytes) -> Reading:
    """Return the fields of a `smaps_rollup` that are used here, in MB."""
    fields = dict(line.split(":") for line in rollup.decode().splitlines()[1:])
    return {
        name: int(fields[name].removesuffix("kB")) * 1024 / 1e6 for name in ("Private_Dirty", "Pss")
    }


# -- in the process that measures ------------------------------------------------------------


def forking(plan: Plan) -> Iterator[Row]:
    """Read the memory of forked workers: plain or warmed, with a collection or without."""
    objects = min(400_000, plan.heaps[-1])
    measure = f"{WORKERS} forked workers, {objects:,} objects in the parent"
    if not (hasattr(os, "fork") and _SMAPS.exists()):
        yield Row(measure, "private memory", "MB", note=f"needs os.fork() and {_SMAPS}: Linux")
        return
    taken: dict[str, list[list[Reading]]] = {name: [] for name in ARMS}
    for _ in range(max(1, plan.processes // 7)):
        for name in ARMS:
            taken[name] += _arm(name, objects)
    yield from _rows(measure, taken)


def _arm(name: str, objects: int) -> list[list[Reading]]:
    """Return the readings of each worker of one parent, before and after."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from benchmarks.forking import parent; parent({name!r}, {objects})",
        ],
        env={
            **os.environ,
            "PYTHONHASHSEED": "0",  # the same heap in every arm
            "PYTHONPATH": os.pathsep.join(
                [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        },
        stdout=subprocess.PIPE,
        check=True,
    )
    readings: list[list[Reading]] = json.loads(done.stdout)
    if len(readings) != WORKERS:
        raise AssertionError(f"{len(readings)} of {WORKERS} workers of {name!r} have answered")
    return readings


def _rows(measure: str, taken: Mapping[str, Sequence[Sequence[Reading]]]) -> Iterator[Row]:
    """Return the table's rows, given the readings of each arm's workers."""
    private: dict[str, Samples] = {}
    grown: dict[str, Samples] = {}
    proportional: dict[str, Samples] = {}
    for name, workers in taken.items():
        private[name] = [after["Private_Dirty"] for _, after in workers]
        proportional[name] = [after["Pss"] for _, after in workers]
        grown[name] = [
            after["Private_Dirty"] - before["Private_Dirty"] for before, after in workers
        ]
    for title, samples_of in (
        (f"{measure}: private dirty of each", private),
        ("of which gc.collect() added", grown),
        ("Pss of each", proportional),
    ):
        for name, samples in samples_of.items():
            if samples_of is not grown:
                yield Row(title, name, "MB", samples, None, ratios(samples, samples_of[_PLAIN]))
            elif ARMS[name].collects:
                yield Row(title, name, "MB", samples)
    for kind, collected, base, aim in (
        ("plain fork", _PLAIN_COLLECTED, _PLAIN, None),
        ("warmup()", _WARMED_COLLECTED, _WARMED, Aim(1.2)),
    ):
        yield Row(
            "private dirty, collected / not collected",
            kind,
            "×",
            ratios(private[collected], private[base]),
            aim,
        )
