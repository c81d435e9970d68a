"""The benchmarks run, and their statistics are right; nothing here asserts a time."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cyclefree

benchmarks = pytest.importorskip("benchmarks", reason="run from the checkout: python -m pytest")

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import calls, findings, forking, frozen  # noqa: E402
from benchmarks.table import Aim, Row, header, markdown, to_json  # noqa: E402
from benchmarks.timing import (  # noqa: E402
    Contender,
    Plan,
    Quartiles,
    differences,
    interleave,
    quartiles,
    ratios,
)
from benchmarks.workloads import clean, instances, make_rings, records  # noqa: E402

TINY = Plan(
    rounds=2,
    batch_seconds=0.0001,
    heaps=(0, 10),
    flat=(10, 20),
    survivors=(4,),
    tasks=3,
    steps=40,
    cycles=5,
    explained=(20, 60),
    audit=200,
    processes=1,
)


@pytest.mark.parametrize("name", list(command.MEASURES))
def test_every_measure_runs(name: str) -> None:
    """Each measure gives rows, with samples or with the reason why there are none."""
    rows = command.run(TINY, [name])
    assert rows
    for row in rows:
        assert row.measure
        assert row.unit
        assert row.samples or row.note
        assert not row.relative or len(row.relative) == len(row.samples)
    assert [row.verdict for row in rows if row.aim and row.samples].count("") == 0


def test_the_aims_of_the_issue_are_all_there() -> None:
    """The full plan states the sizes for which something was promised."""
    assert {0, 100_000, 1_000_000} <= set(command.FULL.heaps)
    assert command.FULL.flat == (10_000, 1_000_000)
    assert command.FULL.survivors == (100, 10_000, 100_000)


def test_contenders_take_turns() -> None:
    """A B A B: each round has one sample of every contender, in the same order."""
    taken: list[str] = []
    samples = interleave(
        {
            "a": Contender(lambda: None, prepare=lambda: taken.append("a"), calls=2),
            "b": Contender(lambda: None, prepare=lambda: taken.append("b"), calls=2),
        },
        3,
        0.0,
    )
    assert taken == ["a", "b"] * 4  # one round to warm up
    assert [len(samples[name]) for name in ("a", "b")] == [3, 3]


def test_prepared_objects_live_as_long_as_the_sample() -> None:
    """What `prepare` returns is alive during the calls and dropped after them."""
    living: list[str] = []

    class Kept:
        def __del__(self) -> None:
            living.clear()

    def prepare() -> object:
        living.append("kept")
        return Kept()

    seen: list[int] = []
    interleave({"a": Contender(lambda: seen.append(len(living)), prepare, calls=2)}, 1, 0.0)
    assert seen == [1, 1, 1, 1]
    assert living == []


def test_quartiles_are_those_of_the_samples() -> None:
    """Median and quartiles agree with a calculation by hand; one sample is its own."""
    assert quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == Quartiles(2.0, 3.0, 4.0)
    assert quartiles([1.0, 2.0]) == Quartiles(1.25, 1.5, 1.75)
    assert quartiles([7.0]) == Quartiles(7.0, 7.0, 7.0)


def test_ratios_and_differences_go_pair_by_pair() -> None:
    """Each sample is compared with the base of its own round, not with the base's median."""
    assert ratios([2.0, 30.0], [1.0, 10.0]) == [2.0, 3.0]
    assert differences([2.0, 30.0], [1.0, 10.0], 4) == [0.25, 5.0]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_an_aim_is_met_or_missed_by_the_median() -> None:
    """The bound itself is met, in both directions, and no aim gives no verdict."""
    assert Row("m", "c", "µs", [1.0, 20.0, 90.0], Aim(20.0)).verdict == "met"
    assert Row("m", "c", "µs", [1.0, 20.1, 20.2], Aim(20.0)).verdict == "missed"
    assert Row("m", "c", "×", [4_999.0], Aim(5_000, at_least=True)).verdict == "missed"
    assert Row("m", "c", "×", [5_000.0], Aim(5_000, at_least=True)).verdict == "met"
    assert Row("m", "c", "µs", [1.0]).verdict == ""
    assert Row("m", "c", "µs", [], Aim(1.0), note="not here").verdict == ""


def test_the_table_shows_figure_aim_and_verdict() -> None:
    """A row shows the median with quartiles beside the aim, and a row without samples says why."""
    rows = [
        Row("call", "guarded", "µs", [9.0, 10.0, 11.0], Aim(20.0), [2.0, 3.0, 4.0]),
        Row("call", "peer", "µs", note="does not work here"),
        Row("ratio", "peer / ours", "×", [6_000.0], Aim(5_000, at_least=True)),
        Row("ratio", "import", "×", [2.0], Aim(1.5)),
    ]
    text = markdown(rows)
    assert "| call | guarded | 10 (9.5 to 10.5) | µs | 3 (2.5 to 3.5) | ≤ 20 | met |" in text
    assert "|  | peer (does not work here) | none | µs |  |  |  |" in text
    assert "| ratio | peer / ours | 6,000 (6,000 to 6,000) | × |  | ≥ 5,000 | met |" in text
    assert text.endswith("2 of 3 aims met.")
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_the_header_names_no_machine() -> None:
    """Python, platform and cores are there, and neither the host's name nor a path."""
    import platform

    about = header()
    assert set(about) == {"python", "platform", "cores"}
    shown = markdown([]) + to_json([])
    assert platform.python_version() in shown
    assert platform.node() == "" or platform.node() not in shown
    assert str(Path.cwd()) not in shown


def test_the_command_prints_the_table_and_writes_every_sample(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`--quick --only NAME --json FILE` prints Markdown and writes the samples behind it."""
    monkeypatch.setattr(command, "QUICK", TINY)
    target = tmp_path / "samples.json"
    status = command.main(["--quick", "--only", "sample", "--json", str(target)])
    printed = capsys.readouterr().out
    document = json.loads(target.read_text(encoding="utf-8"))
    assert status == 0
    assert "| sample=1000 | a skipped call costs more by |" in printed
    assert document["schema"] == "cyclefree/benchmarks/1"
    (row,) = document["rows"]
    assert row["measure"] == "sample=1000"
    assert len(row["samples"]) == 4 * TINY.rounds
    assert row["aim"] == "≤ 0.2"


def test_an_unknown_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name is an error of usage that lists the right ones."""
    with pytest.raises(SystemExit) as failure:
        command.main(["--only", "nothing"])
    assert failure.value.code == 2
    assert "survivors" in capsys.readouterr().err


def test_a_peer_that_does_not_work_is_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a peer is missing or broken, the rest is measured, and the table says which and why."""

    def broken(name: str) -> object:
        raise ImportError(f"no {name} for this Python")

    monkeypatch.setattr(calls.importlib, "import_module", broken)
    rows = list(calls.clean_calls(TINY))
    notes = {row.case: row.note for row in rows if not row.samples}
    assert set(notes) == {
        "numpy.testing.assert_no_gc_cycles",
        "refcycle.cycles_created_by",
    }
    assert "ImportError: no refcycle for this Python" in notes["refcycle.cycles_created_by"]
    assert any(row.case == "@assert_no_cycles" and row.samples for row in rows)


def test_the_workloads_are_what_they_say() -> None:
    """The calls return as many containers as asked for, and the clean call leaves none."""
    for make in (records, instances):
        result = make(100)()
        assert sum(map(gc.is_tracked, _reached(result))) == 100
    gc.collect()
    assert clean() == 2
    assert gc.collect() == 0


def _reached(result: object) -> Iterator[object]:
    """Yield the instances, dicts and lists that `result` is made of, itself left out."""
    assert isinstance(result, list)
    for item in result:
        yield item
        if type(item) is dict:
            yield from (value for value in item.values() if gc.is_tracked(value))


def test_a_look_that_finds_the_wrong_number_gives_no_figure() -> None:
    """The measures that leave cycles check what was found before they report a time."""
    with cyclefree.cycle_scope() as report:
        make_rings(3)
    findings._expect(report, 3)
    with pytest.raises(AssertionError, match="found 3 cycles, and 4 were left"):
        findings._expect(report, 4)


def test_forked_memory_needs_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody tells what a process shares, the table has a line that says so."""
    monkeypatch.setattr(forking, "_SMAPS", Path("no/such/file"))
    (row,) = forking.forking(TINY)
    assert row.samples == ()
    assert "Linux" in row.note


def test_forked_memory_is_read_as_the_kernel_writes_it() -> None:
    """Sizes are in kB of 1,024 bytes, and MB here are 10**6 bytes."""
    rollup = b"5651-7ffd ---p 00:00 0 [rollup]\nPss:        500 kB\nPrivate_Dirty:   1000 kB\n"
    assert forking._read(rollup) == {"Pss": 0.512, "Private_Dirty": 1.024}


def test_the_aim_of_forking_is_the_warmed_worker_that_collects() -> None:
    """Each arm's figures are its own; collected / not collected goes pair by pair."""
    sizes = dict(zip(forking.ARMS, (10.0, 60.0, 10.0, 11.0, 50.0), strict=True))
    taken = {
        name: [[{"Private_Dirty": 8.0, "Pss": 30.0}, {"Private_Dirty": size, "Pss": size + 20}]]
        for name, size in sizes.items()
    }
    rows = list(forking._rows("m", taken))
    private = {
        row.case: row.samples for row in rows if row.measure.endswith("private dirty of each")
    }
    added = {row.case: row.samples for row in rows if "added" in row.measure}
    assert private == {name: [size] for name, size in sizes.items()}
    assert added == {"plain fork, gc.collect()": [52.0], "warmup(), gc.collect()": [3.0]}
    (aimed,) = [row for row in rows if row.aim]
    assert (aimed.case, aimed.samples, aimed.verdict) == ("warmup()", [1.1], "met")
    assert [row.samples for row in rows if row.case == "plain fork" and row.unit == "×"] == [[6.0]]


def test_the_arms_of_forking_differ_in_one_thing() -> None:
    """What is compared with each other was done alike but for what is compared."""
    plain, plain_collected, warmed, warmed_collected, read = forking.ARMS.values()
    assert vars(plain_collected) == {**vars(plain), "collects": True}
    assert vars(warmed) == {**vars(plain), "warmed": True}
    assert vars(warmed_collected) == {**vars(warmed), "collects": True}
    assert vars(read) == {**vars(warmed), "reads": 0}


def test_the_peers_of_gc_frozen_do_what_it_does() -> None:
    """Each peer sets the thresholds as ours does while it is open, and puts them back."""
    before = gc.get_threshold()
    for guard in (frozen.Minimal(), frozen._minimal(), cyclefree.gc_frozen()):
        with guard:
            assert gc.get_threshold() == (1_000_000, 2**31 - 1, 2**31 - 1)
        assert gc.get_threshold() == before


def test_gc_frozen_is_timed_at_an_empty_and_at_a_large_heap() -> None:
    """The full plan has both, and every aim of the issue is a row."""
    assert (command.FULL.heaps[0], command.FULL.heaps[-1]) == (0, 1_000_000)
    taken = {name: [1e-6] for name in (*frozen._PEERS, *frozen._OURS)}
    aims = [str(row.aim) for row in frozen._rows("m", taken) if row.aim]
    assert aims == ["≤ 1", "≤ 2.5", "≤ 2.5", "≤ 2.5"]
    flat = list(frozen._flatness({0: taken, 9: taken}, 0, 9))
    assert [row.samples for row in flat] == [[1.0]] * len(frozen._OURS)


def test_the_commands_of_the_pages_are_measures() -> None:
    """A page that shows how to measure its figures names a measure that exists."""
    pages = (Path(__file__).parents[1] / "docs").glob("*.md")
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    named = {
        page: re.findall(r"python -m benchmarks --only (\w+)", text) for page, text in texts.items()
    }
    assert named["forking.md"] == ["forking"]
    assert {name for names in named.values() for name in names} <= set(command.MEASURES)
