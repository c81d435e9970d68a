"""The same number as the collector, for ordinary code with cycles and without."""

from __future__ import annotations

import argparse
import asyncio
import collections
import concurrent.futures
import configparser
import dataclasses
import gc
import io
import json
import logging
import pickle
import re
import sqlite3
import subprocess
import sys
import unittest.mock
import xml.dom.minidom
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from truth import collect_all, collected, collector_off, saved_by_collector, types_in

from cyclefree import (
    CyclefreeWarning,
    CycleReport,
    CyclesFoundError,
    assert_no_cycles,
    cycle_scope,
)

Workload = Callable[[], object]

WITH_CYCLES: list[Workload] = []
CLEAN: list[Workload] = []


def cycles(function: Workload) -> Workload:
    """Register a workload that leaves cycles."""
    WITH_CYCLES.append(function)
    return function


def clean(function: Workload) -> Workload:
    """Register a workload that leaves none."""
    CLEAN.append(function)
    return function


# -- ordinary code that leaves cycles --------------------------------------------------------


@cycles
def empty_class() -> None:
    class Empty:
        pass


@cycles
def dataclass() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 0

    Point(1)


@cycles
def namedtuple() -> None:
    collections.namedtuple("Point", "x y")(1, 2)


@cycles
def recursive_closure() -> int:
    def walk(depth: int) -> int:
        return walk(depth - 1) if depth else 0

    return walk(3)


@cycles
def exception_in_a_local() -> None:
    err = None
    try:
        raise ValueError("kept")
    except ValueError as e:
        err = e


@cycles
def json_with_indent() -> str:
    return json.dumps({"a": [1, 2, {"b": None}]}, indent=2)


@cycles
def argparse_parser() -> object:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="x")
    return parser.parse_args([]).name


@cycles
def configparser_read() -> str:
    parser = configparser.ConfigParser()
    parser.read_string("[section]\nkey = value\n")
    return parser["section"]["key"]


@cycles
def minidom_without_unlink() -> str:
    document = xml.dom.minidom.parseString("<a><b>text</b></a>")
    return document.documentElement.tagName


def _fail() -> None:
    raise LookupError("no such thing")


@cycles
def exception_of_a_future() -> None:
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    try:
        _fail()
    except LookupError as error:
        future.set_exception(error)
    try:
        future.result()
    except LookupError:
        pass


async def _failing() -> None:
    await asyncio.sleep(0)
    _fail()


async def _main() -> None:
    task = asyncio.ensure_future(_failing())
    try:
        await task
    except LookupError:
        pass


@cycles
def asyncio_task_that_raises() -> None:
    asyncio.run(_main())


@cycles
def mock() -> None:
    unittest.mock.Mock().method(1)


# -- ordinary code that leaves none ----------------------------------------------------------


@clean
def logging_info() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("cyclefree.test")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        logger.info("hello %s", "world")
    finally:
        logger.removeHandler(handler)
        handler.close()


@clean
def element_tree() -> str | None:
    return xml.etree.ElementTree.fromstring("<a><b>text</b></a>").findtext("b")


@clean
def regular_expression() -> list[str]:
    return re.findall(r"(\w+)=", "a=1 b=2")


@clean
def sqlite() -> list[object]:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("create table t (x)")
        connection.executemany("insert into t values (?)", [(1,), (2,)])
        return connection.execute("select * from t").fetchall()
    finally:
        connection.close()


@clean
def pickle_both_ways() -> object:
    return pickle.loads(pickle.dumps({"a": [1, (2, 3)], "b": {4}}))


async def _nothing() -> int:
    await asyncio.sleep(0)
    return 1


@clean
def asyncio_run() -> int:
    return asyncio.run(_nothing())


async def _gathered() -> list[int]:
    return await asyncio.gather(_nothing(), _nothing())


@clean
def asyncio_gather() -> list[int]:
    return asyncio.run(_gathered())


async def _timed() -> int:
    return await asyncio.wait_for(_nothing(), 60)


@clean
def asyncio_wait_for() -> int:
    return asyncio.run(_timed())


@clean
def thread_pool() -> list[int]:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(abs, [-1, 2, -3]))


# -- the tests -------------------------------------------------------------------------------


def by_block(workload: Workload, *, thorough: bool = False) -> CycleReport:
    """Watch a workload as a `with` block."""
    with cycle_scope(thorough=thorough) as report:
        workload()
    return report.report


def by_decorator(workload: Workload) -> CycleReport:
    """Watch a workload as a decorated function."""
    reports = [CycleReport("nothing", 0, 0, ())]
    assert_no_cycles(action=reports.append)(workload)()
    return reports[-1]


WAYS: dict[str, Callable[[Workload], CycleReport]] = {
    "block": by_block,
    "decorator": by_decorator,
    "thorough block": lambda workload: by_block(workload, thorough=True),
}

CLEAN_FROM = {"json_with_indent": (3, 13)}


@pytest.mark.parametrize("workload", WITH_CYCLES, ids=lambda w: w.__name__)
def test_as_many_objects_as_the_collector_of_the_same_types(workload: Workload) -> None:
    """Each way to watch reports what the collector would have found, and names each edge."""
    workload()
    with collector_off():
        truth = saved_by_collector(workload)
        assert bool(truth) == (sys.version_info < CLEAN_FROM.get(workload.__name__, (4,)))
        for way, watch in WAYS.items():
            report = watch(workload)
            collect_all()
            assert (way, report.objects, types_in(report)) == (way, sum(truth.values()), truth)
            assert (report.method, report.shared_with) == ("trial deletion", ())
            names = [edge.name for cycle in report for edge in cycle.edges]
            names += [reference.name for cycle in report for reference in cycle.references]
            assert not [name for name in names if "unnamed" in name], str(report)


@pytest.mark.parametrize("workload", CLEAN, ids=lambda w: w.__name__)
def test_nothing_where_the_collector_finds_nothing(workload: Workload) -> None:
    """Block and decorator are silent about clean code."""
    workload()
    with collector_off():
        assert saved_by_collector(workload) == Counter()
        for watch in (by_block, by_decorator):
            report = watch(workload)
            assert (report.objects, report.method) == (0, "trial deletion"), str(report)


def test_nothing_in_the_whole_heap_where_the_collector_finds_nothing() -> None:
    """With `thorough` all of the clean code together leaves nothing."""

    def everything() -> None:
        for workload in CLEAN:
            workload()

    everything()
    with collector_off():
        assert saved_by_collector(everything) == Counter()
        report = by_block(everything, thorough=True)
    assert (report.objects, report.method) == (0, "trial deletion"), str(report)


def test_the_default_raises_what_the_collector_would_find() -> None:
    """Without options the decorator raises, with the same number in the error's report."""
    with collector_off():
        truth = saved_by_collector(empty_class)
        with pytest.raises(CyclesFoundError) as caught:
            assert_no_cycles(empty_class)()
    assert caught.value.report.objects == sum(truth.values())
    assert "Empty" in str(caught.value)


def test_looking_collects_nothing() -> None:
    """After the report the collector finds all that was reported."""
    with collector_off():
        with cycle_scope() as report:
            dataclass()
        assert gc.collect() == report.objects > 0


def test_the_last_object_that_was_born_counts() -> None:
    """The newest object is judged like the others: no list of ours holds it while we count."""

    def ring() -> None:
        first: list[object] = []
        first.append([first])

    with collector_off():
        assert by_decorator(ring).objects == by_block(ring).objects == 2


AFTER_ASYNCIO = """
import asyncio, gc
from cyclefree import cycle_scope, find_cycles

async def main():
    await asyncio.ensure_future(asyncio.sleep(0))

for _ in range(2):
    with cycle_scope(thorough=True) as report:
        asyncio.run(main())
find_cycles()
gc.collect()
print("objects:", report.objects)
"""


def test_a_look_at_the_whole_heap_leaves_the_free_list_of_asyncio_alone() -> None:
    """On 3.12.0 to 3.12.5 the collection after `gc.get_referents(_asyncio)` would never end."""
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n"
    source = (limited if sys.platform == "linux" else "") + AFTER_ASYNCIO
    child = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=300, check=False
    )
    assert (child.stdout, child.stderr) == ("objects: 0\n", "")


# -- programs that steer the collector themselves --------------------------------------------


class Node:
    """Something to make cycles of."""

    itself: Node
    other: object


def ring() -> None:
    """Leave one object in a cycle."""
    node = Node()
    node.itself = node


@pytest.mark.parametrize("generation", [0, 1, 2])
@pytest.mark.parametrize("thorough", [False, True])
def test_a_call_that_runs_the_collector(generation: int, thorough: bool) -> None:
    """What a collection inside the call frees is reported, and counted once."""

    def call() -> None:
        ring()
        gc.collect(generation)
        ring()
        gc.collect(generation)
        ring()

    reports: list[CycleReport] = []
    with collector_off(), collected() as freed:
        assert_no_cycles(action=reports.append, thorough=thorough)(call)()
    assert [report.objects for report in reports] == [sum(freed)]
    assert [cycle.count for cycle in reports[0]] == [3]


def test_a_look_makes_no_garbage_of_its_own() -> None:
    """The collection at whose start we looked finds the program's garbage and nothing of ours."""

    def steps() -> Iterator[None]:
        yield
        yield

    with collector_off(), collected() as freed:
        for _ in assert_no_cycles(steps)():
            gc.collect(0)
    assert sum(freed) == 0


OFF = """
import gc
gc.disable()
gc.collect()
{freeze}
heap = [[] for _ in range({size})]
from cyclefree import assert_no_cycles, CyclesFoundError
frozen = gc.get_freeze_count()

class Node:
    pass

kept = []

@assert_no_cycles
def clean(number):
    kept.append([number])

@assert_no_cycles
def guilty():
    node = Node()
    node.itself = node

found = longest = 0
for number in range(2000):
    clean(number)
    if number % 50 == 0:
        try:
            guilty()
        except CyclesFoundError as error:
            found += error.report.objects
        longest = max(longest, len(gc.get_objects(generation=0)))
print(found, longest < 20_000, gc.isenabled(), gc.get_freeze_count() == frozen, len(heap))
print(gc.collect() >= 40)
"""


@pytest.mark.parametrize(
    ("freeze", "size"),
    [("", 2_000_000), ("gc.freeze()", 200_000)],
    ids=["nothing frozen", "something frozen"],
)
def test_with_the_collector_off_and_a_large_generation_0(freeze: str, size: int) -> None:
    """Right answers, and after the first call no look has to read the heap."""
    source = OFF.format(freeze=freeze, size=size)
    child = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=600, check=False
    )
    objects = 40 if sys.version_info >= (3, 11) else 80  # and the dictionary of each
    assert (child.stdout, child.stderr) == (f"{objects} True False True {size}\nTrue\n", "")


def frozen_inside() -> None:
    """Leave a cycle, and freeze the heap as a pre-forking server does."""
    ring()
    gc.freeze()


def test_a_block_that_freezes_the_heap_is_inconclusive() -> None:
    """What was frozen can't be looked at: the report says so, and a warning says why."""
    frozen = gc.get_freeze_count()
    if frozen:
        pytest.skip("the interpreter itself has frozen objects, which can't be put back")
    try:
        with pytest.warns(CyclefreeWarning, match=r"gc\.freeze"), cycle_scope() as report:
            frozen_inside()
    finally:
        gc.unfreeze()
    assert report.method == "inconclusive"
    assert any("gc.freeze" in note for note in report.notes)


def test_a_call_that_freezes_the_heap_is_inconclusive() -> None:
    """The decorator warns where it would raise, as it can't know."""
    if gc.get_freeze_count():
        pytest.skip("the interpreter itself has frozen objects, which can't be put back")
    try:
        with pytest.warns(CyclefreeWarning, match=r"gc\.freeze"):
            assert_no_cycles(frozen_inside)()
    finally:
        gc.unfreeze()
