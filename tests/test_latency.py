"""The benchmark of a real server: it runs, and counts and draws rightly; nothing asserts a time."""

from __future__ import annotations

import gc
import json
import random
import statistics
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import cyclefree
from cyclefree import CollectorError

pytest.importorskip("benchmarks", reason="run from the checkout: python -m pytest")

from benchmarks import latency, latency_server
from benchmarks.latency import Figures, Load, markdown, measure, picture, put
from benchmarks.latency_plot import percentile, svg
from benchmarks.latency_server import COLLECTORS, HANDLERS, Catalogue, Pauses, Stats

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"
TINY = Load(requests=9, rounds=1, warmup=2, objects=2_000, think=0.0)


def stats(longest: int = 0, freed: int = 0, cpu: list[int] | None = None) -> Stats:
    """Return what a server might say."""
    return {
        "heap": 1,
        "longest": longest,
        "longest_cpu": longest // 2,
        "total": 2 * longest,
        "collections": [3, 2, 1],
        "freed": freed,
        "cpu": cpu or [],
        "resident": 5_000_000,
        "frozen": None,
    }


def made_up() -> list[Figures]:
    """Return figures of every server, slow where the collector is on."""
    found = []
    for handler in HANDLERS:
        for collector in COLLECTORS:
            one = Figures(collector, handler)
            slow = 200_000_000 if collector == "on" else 1_000_000
            one.add(
                [500_000, 100_000, 700_000, 100_000, slow, 100_000], stats(slow, 7, [9, 400_000])
            )
            found.append(one)
    return found


# -- end to end --------------------------------------------------------------------------


def test_the_command_measures_real_servers_and_writes_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every server answers every request, and collects or not as it is run."""
    monkeypatch.setattr(latency, "QUICK", TINY)
    table, plot, samples = (tmp_path / name for name in ("table.md", "plot.svg", "samples.json"))
    arguments = ["--quick", "--requests", "8", "--think", "0.5", "--markdown", str(table)]
    assert latency.main([*arguments, "--svg", str(plot), "--json", str(samples)]) == 0

    document = json.loads(samples.read_text(encoding="utf-8"))
    assert document["schema"] == "cyclefree/latency/1"
    assert (document["load"]["requests"], document["load"]["think"]) == (8, 0.5)
    found = {(one["handler"], one["collector"]): one for one in document["figures"]}
    left_out = len(document["refused"])
    assert len(found) == len(HANDLERS) * (len(COLLECTORS) - left_out)
    for one in found.values():
        assert len(one["latencies"]) == len(one["empty"]) == len(one["cpu"]) == 8
        assert min(one["latencies"]) > 0
    for handler in HANDLERS:
        assert found[handler, "on"]["collections"][0] > 0
        assert found[handler, "on"]["frozen"] == []
        assert found[handler, "all"]["collections"] == [0, 0, 0]
        assert found[handler, "all"]["longest"] == [0]
        assert found[handler, "all"]["frozen"][0]["automatic_collections"] == 0
        assert found[handler, "checkpoints"]["frozen"][0]["automatic_collections"] == 0
        assert found[handler, "checkpoints"]["frozen"][0]["explicit_collections"] > 0
        if "full" not in document["refused"]:
            assert found[handler, "full"]["collections"][0] > 0
            assert found[handler, "full"]["collections"][2] == 0

    text = table.read_text(encoding="utf-8")
    assert text == capsys.readouterr().out
    assert text.count('| acyclic | defer="all", checkpoints |') == 2
    lines = ElementTree.parse(plot).getroot().findall(f".//{SVG}path[@class]")
    drawn = [line for line in lines if line.attrib["class"].startswith("line ")]
    assert len(drawn) == len(found)


@pytest.mark.parametrize("handler", HANDLERS)
def test_the_load_meets_full_collections_where_the_collector_is_on(handler: str) -> None:
    """The cache of answers makes old objects enough, and only the cyclic handler leaves cycles."""
    load = Load(requests=400, rounds=1, warmup=0, objects=2_000, think=0.0)
    with latency_server.served("on", handler, load.objects) as port:
        taken, said = latency.ask(port, handler, load)
    assert len(taken) == 2 * 400
    assert said["heap"] > load.objects
    assert said["collections"][2] > 0
    assert (said["freed"] > 0) == (handler == "cyclic")


def test_a_server_ends_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """When whoever started it has gone, the server ends by itself, while connections are open."""
    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def noted(*arguments: object, **options: object) -> subprocess.Popen[str]:
        started.append(real(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    with latency_server.served("all", "acyclic", 100) as port:
        connection = latency_server.Connection(port)
        assert connection.get("/empty") == b"{}"
        assert started[0].poll() is None
    assert started[0].returncode == 0
    with pytest.raises(OSError):  # closed, or reset, as systems differ
        connection.get("/empty")
    connection.close()


def test_a_server_that_does_not_start_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    """No port: the error says so, and the server's own words are shown."""
    with (
        pytest.raises(RuntimeError, match="did not start"),
        latency_server.served("off", "acyclic", 1),
    ):
        pass
    assert "invalid choice: 'off'" in capfd.readouterr().err


def test_an_answer_that_is_an_error_is_no_measure(capfd: pytest.CaptureFixture[str]) -> None:
    """A handler that raises ends the run, as its latency would mean nothing."""
    with latency_server.served("on", "acyclic", 100) as port:
        connection = latency_server.Connection(port)
        with pytest.raises(ConnectionError, match="did not answer /acyclic"):
            connection.get("/acyclic?seven")
        connection.close()
    assert "seven" in capfd.readouterr().err


# -- the server's parts ------------------------------------------------------------------


def test_the_handlers_are_what_they_are_called() -> None:
    """As cyclefree sees it, one leaves nothing, and the other the page's nodes and their rows."""
    catalogue = Catalogue(1_000)
    for number in range(latency_server._KEPT + 1):
        assert len(json.loads(catalogue.acyclic(number))) == latency_server._PAGE
    with cyclefree.cycle_scope() as report:
        first = catalogue.acyclic(7)
    assert report.objects == 0
    with cyclefree.cycle_scope() as report:
        second = catalogue.cyclic(7)
    assert report.objects == 2 * latency_server._PAGE  # the rows themselves are in the cache
    assert first == second
    gc.collect()


def test_the_heap_has_as_many_containers_as_asked_for() -> None:
    """Products and orders are two containers each, all known to the collector."""
    catalogue = Catalogue(1_000)
    gc.collect()
    parts: list[object] = [*catalogue.products, *catalogue.orders]
    parts += [product.sizes for product in catalogue.products]
    parts += [order["sizes"] for order in catalogue.orders]
    assert len(parts) == 1_000
    assert all(map(gc.is_tracked, parts))


def test_pauses_are_counted_by_generation() -> None:
    """Each collection counts once, with its time and what it freed."""
    pauses = Pauses()
    gc.collect()
    gc.callbacks.append(pauses)
    try:
        ring: list[object] = []
        ring.append(ring)
        del ring
        gc.collect(2)
        gc.collect(0)
    finally:
        gc.callbacks.remove(pauses)
    assert pauses.collections[0] >= 1
    assert pauses.collections[2] == 1
    assert pauses.freed >= 1
    assert 0 < pauses.longest < pauses.total
    assert pauses.longest_cpu > 0


# -- figures -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3, 10, 999, 1_000, 1_001])
def test_percentiles_are_the_smallest_samples_that_cover_so_many(number: int) -> None:
    """They agree with a search by counting, and the 50th with `statistics.median_low`."""
    choose = random.Random(number)
    samples = sorted(choose.expovariate(1.0) for _ in range(number))
    for thousandth in (1, 250, 500, 900, 990, 999, 1_000):
        covering = (
            sample
            for sample in samples
            if 1_000 * sum(other <= sample for other in samples) >= thousandth * number
        )
        assert percentile(samples, thousandth / 10) == next(covering)
    assert percentile(samples, 50) == statistics.median_low(samples)
    assert percentile(samples, 100) == samples[-1]


def test_rounds_add_up() -> None:
    """Measured and empty requests are told apart, the warming ones of the server left out."""
    one = Figures("full", "cyclic")
    one.add([5_000_000, 1_000_000], stats(longest=8_000_000, freed=2, cpu=[99, 4_000_000]))
    one.add([6_000_000, 2_000_000], stats(longest=3_000_000, freed=1, cpu=[99, 5_000_000]))
    assert (one.latencies, one.empty, one.cpu) == ([5.0, 6.0], [1.0, 2.0], [4.0, 5.0])
    assert (one.longest, one.pauses) == ([8.0, 3.0], [16.0, 6.0])
    assert (one.collections, one.freed) == ([6, 4, 2], 3)
    assert (one.at(50), one.at(99.9)) == (5.0, 6.0)


def test_each_round_begins_with_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are measured in every round, and none is always the first one."""
    order: list[tuple[str, str]] = []

    @contextmanager
    def served(collector: str, handler: str, objects: int) -> Iterator[int]:
        order.append((collector, handler))
        yield 0

    monkeypatch.setattr(latency, "served", served)
    monkeypatch.setattr(latency, "guard", lambda collector: None)
    monkeypatch.setattr(latency, "ask", lambda port, handler, load: ([1, 1], stats(cpu=[1])))
    figures, refused = measure(Load(requests=3, rounds=3))
    assert refused == {}
    rounds = [order[:8], order[8:16], order[16:]]
    assert len({tuple(sorted(one)) for one in rounds}) == 1
    assert len({one[0] for one in rounds}) == 3
    assert [len(one.latencies) for one in figures] == [3] * 8


def test_what_a_python_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused way to run is no line of the table, and the page says why."""

    def guard(collector: str) -> None:
        if collector == "full":
            raise CollectorError("no generations here")

    monkeypatch.setattr(latency, "guard", guard)
    monkeypatch.setattr(latency, "ask", lambda port, handler, load: ([1, 1], stats(cpu=[1])))
    monkeypatch.setattr(latency, "served", lambda *_: contextmanager(lambda: iter([0]))())
    figures, refused = measure(Load(requests=1, rounds=1))
    assert {one.collector for one in figures} == {"on", "all", "checkpoints"}
    text = markdown(figures, refused, TINY)
    assert 'defer="full" was left out: no generations here' in text
    assert '| defer="full" |' not in text


def test_the_tables_compare_with_the_same_runs_collector() -> None:
    """Ratios are those to the collector on, and the aims say what they were measured by."""
    text = markdown(made_up(), {}, TINY)
    assert "| acyclic | collector on | 3 | 0.70 | 200 | 200 | 200 |  | 0.40 | 0.10 |" in text
    assert '| cyclic | defer="all" | 3 | 0.70 | 1.00 | 1.00 | 1.00 | 200 × | 0.40 | 0.10 |' in text
    assert '| acyclic | defer="full" | 1.00 | 200 × | 0.50 | 0.67 | 3 / 2 / 1 | 7 | 5 |' in text
    assert '| longest pause ms: cyclic, defer="full" | met | 200 | 1.00 | ≤ 10 | 0.50 |' in text
    assert (
        '| p99.9 ms of acyclic bulk work: defer="all" | met | 200 | 1.00 | ≤ 1.5 | 0.40 |' in text
    )
    for table in text.split("\n\n")[1:]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_missed_aim_is_said_to_be_missed() -> None:
    """The bound is the issue's, and above it the table says so."""
    figures = made_up()
    for one in figures:
        if (one.collector, one.handler) == ("full", "cyclic"):
            one.longest.append(10.1)
    text = markdown(figures, {}, TINY)
    assert '| longest pause ms: cyclic, defer="full" | missed | 200 | 10.1 | ≤ 10 | 0.50 |' in text
    assert '| longest pause ms: acyclic, defer="full" | met |' in text


def test_a_server_without_pauses_and_memory_has_no_ratio() -> None:
    """No pause at all is no number of times, and memory that can't be told is unknown."""
    figures = made_up()
    for one in figures:
        if one.collector == "all":
            one.longest, one.pauses, one.resident = [0.0], [0.0], []
            one.longest_cpu = [0.0]
    text = markdown(figures, {}, TINY)
    assert (
        '| acyclic | defer="all" | 0.00 | no pause | 0.00 | 0.00 | 3 / 2 / 1 | 7 | unknown |'
        in text
    )


# -- the plot ----------------------------------------------------------------------------


def test_the_plot_has_a_line_and_a_name_for_each_server() -> None:
    """It is well-formed, with title, axes with units, and every line's name beside its end."""
    root = ElementTree.fromstring(picture(made_up(), TINY))
    words = [text.text for text in root.iter(f"{SVG}text")]
    for label in COLLECTORS.values():
        assert words.count(label) == len(HANDLERS)
    for label in ("Latency of a request, by percentile", "percentile of the requests", "max"):
        assert label in words
    assert words.count("latency of a request, ms") == len(HANDLERS)
    assert {f"{handler} handler" for handler in HANDLERS} <= set(words)
    lines = [path for path in root.iter(f"{SVG}path") if path.attrib["class"].startswith("line")]
    assert len(lines) == len(COLLECTORS) * len(HANDLERS)
    style = root.findtext(f"{SVG}style", "")
    for number in range(len(COLLECTORS)):
        assert style.count(f".of{number} ") == 2  # in light surroundings and in dark ones
    assert "prefers-color-scheme: dark" in style


def test_names_stand_apart_and_lines_stay_in_their_panel() -> None:
    """Lines that end in one point have names that can be read, whatever these are."""
    same = [1.0, 2.0, 3.0]
    root = ElementTree.fromstring(
        svg("a < b", "c & d", {"one": {'"x" <y>': same, "b": same, "c": same, "d": [0.001, 900.0]}})
    )
    labels = [text for text in root.iter(f"{SVG}text") if text.attrib["class"] == "label"]
    assert {label.text for label in labels} == {'"x" <y>', "b", "c", "d"}
    heights = sorted(float(label.attrib["y"]) for label in labels)
    assert min(upper - lower for lower, upper in pairwise(heights)) >= 15.9
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for path in root.iter(f"{SVG}path"):
        if path.attrib["class"].startswith("line"):
            for point in path.attrib["d"][1:].split("L"):
                x, y = map(float, point.split())
                assert 0 < x < width
                assert 0 < y < height


# -- the page ----------------------------------------------------------------------------


def test_figures_go_between_the_marks_of_a_page(tmp_path: Path) -> None:
    """What people have written around them stays; a new file has the figures alone."""
    page = tmp_path / "page.md"
    put("figures", page)
    assert page.read_text(encoding="utf-8") == "figures\n"
    page.write_text(f"above\n{latency._BEGIN}\nold\n{latency._END}\nbelow\n", encoding="utf-8")
    put("new", page)
    assert page.read_text(encoding="utf-8") == (
        f"above\n{latency._BEGIN}\nnew\n{latency._END}\nbelow\n"
    )


def test_the_page_has_figures_of_every_server_and_no_path_of_a_machine() -> None:
    """docs/latency.md has marks, tables and the plot, and nothing of where they were made."""
    page = (DOCS / "latency.md").read_text(encoding="utf-8")
    plot = (DOCS / "latency.svg").read_text(encoding="utf-8")
    words = [text.text for text in ElementTree.fromstring(plot).iter(f"{SVG}text")]
    figures = page.partition(latency._BEGIN)[2].partition(latency._END)[0]
    assert "(latency.svg)" in page
    for handler in HANDLERS:
        for label in COLLECTORS.values():
            assert figures.count(f"| {handler} | {label} |") == 2
    assert set(COLLECTORS.values()) <= set(words)
    for text in (page, plot):
        assert "/root" not in text and "/home" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--requests", "0"], "--requests 0 leaves nothing to measure"),
        (["--think", "-1"], "--think -1 is no time to wait"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of usage says what is wrong before anything is measured."""
    with pytest.raises(SystemExit) as failure:
        latency.main(arguments)
    assert failure.value.code == 2
    assert words in capsys.readouterr().err
