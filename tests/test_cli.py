"""The command line: options, wrong usage, what is printed where, exit statuses."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import cyclefree.cli
from cyclefree.audit import AuditResult, Program
from cyclefree.baseline import Baseline, BaselineEntry
from cyclefree.cli import main
from cyclefree.reports import Cycle, CycleReport
from cyclefree.stats import GCStats

ROOT = Path(__file__).resolve().parent.parent

RING = Cycle(
    count=1,
    kind=None,
    fingerprint="c3c4b619",
    objects=(),
    references=(),
    edges=(),
    members=(("Order", 1),),
    hanging=(),
    bytes=48,
)
SMALL = replace(RING, fingerprint="00000001", count=2, members=(("Item", 3),), bytes=1_200)
ONCE = replace(RING, fingerprint="00000002", members=(("type", 126),), bytes=9_000, once=True)


class Asked:
    """Stands in for `audit`: remembers what it was asked and returns a prepared result."""

    def __init__(self) -> None:
        self.program: Program | None = None
        self.only: Sequence[str] = ()
        self.progress: object = None
        self.gc_off = False
        self.result = AuditResult("app.py", 0, CycleReport("app.py", 0, 0, ()))

    def __call__(
        self, program: Program, *, only: Sequence[str], progress: object, gc_off: bool
    ) -> AuditResult:
        self.program, self.only, self.progress = program, tuple(only), progress
        self.gc_off = gc_off
        return replace(self.result, only=tuple(only))

    def leaves(self, *cycles: Cycle, status: int = 0, looks: int = 0) -> None:
        """Have the program leave these cycles."""
        objects = sum(cycle.size for cycle in cycles)
        size = sum(cycle.bytes for cycle in cycles)
        report = CycleReport("app.py", objects, size, cycles)
        self.result = AuditResult("app.py", status, report, looks)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """No program is run: what would be run is remembered."""
    stand_in = Asked()
    monkeypatch.setattr(cyclefree.cli, "audit", stand_in)
    return stand_in


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["app.py"], Program("script", "app.py")),
        (["app.py", "--quiet", "-m", "x"], Program("script", "app.py", ("--quiet", "-m", "x"))),
        (["-m", "shop"], Program("module", "shop")),
        (["-mshop", "--json"], Program("module", "shop", ("--json",))),
        (["-m", "shop", "-c", "--", "x"], Program("module", "shop", ("-c", "--", "x"))),
        (["-c", "x = 1", "--limit"], Program("code", "x = 1", ("--limit",))),
        (["-cx = 1"], Program("code", "x = 1")),
        (["--", "-odd.py", "--"], Program("script", "-odd.py", ("--",))),
        (["--limit", "3", "--only=shop", "app.py", "-h"], Program("script", "app.py", ("-h",))),
    ],
)
def test_what_follows_the_program_is_the_programs(
    words: list[str], program: Program, asked: Asked
) -> None:
    """Options of ours end where the program begins, whatever its own words look like."""
    assert main(["run", *words]) == 0
    assert asked.program == program


def test_options_reach_the_audit(asked: Asked) -> None:
    """`--only` may be given several times, joined with "=" or not."""
    main(["run", "--only", "shop", "--only=store.net", "--quiet", "app.py"])
    assert asked.only == ("shop", "store.net")
    assert not asked.gc_off
    main(["run", "--quiet", "--gc-off", "app.py"])
    assert asked.gc_off


def test_what_the_collector_did_is_told(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """One line before the verdict, without what is not known or has not happened."""
    stats = GCStats(1, 2, 3_400_000, 5_000, 6 * 2**20, 3)
    asked.result = replace(asked.result, gc_off=stats)
    main(["run", "--quiet", "--gc-off", "app.py"])
    assert capsys.readouterr().err.splitlines()[0] == (
        "without the collector: 1 automatic collection, 2 explicit ones, 3.4 ms of pauses, "
        "about 5,000 objects more than before, 6.0 MiB more memory, "
        "the budget of 1,000,000 objects used up 3 times"
    )
    asked.result = replace(asked.result, gc_off=GCStats(explicit_collections=1, net_objects=9))
    main(["run", "--quiet", "--gc-off", "app.py"])
    assert capsys.readouterr().err.splitlines()[0] == (
        "without the collector: 0 automatic collections, 1 explicit one, 0.0 ms of pauses, "
        "about 9 objects more than before"
    )


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        ([], ["no command given", "`run`", "usage:"]),
        (["app.py"], ["unknown command 'app.py'", "python -m cyclefree run app.py"]),
        (["run"], ["no program given", "-m MODULE", "usage:"]),
        (["run", "--quiet"], ["no program given"]),
        (["run", "-m"], ["-m needs the name of a module"]),
        (["run", "-c"], ["-c needs the code"]),
        (["run", "-"], ["standard input", "give a script"]),
        (["run", "--fast", "app.py"], ["unknown option --fast", "--only", "come after its name"]),
        (["run", "-q", "app.py"], ["unknown option -q"]),
        (["run", "--limit"], ["--limit needs a number"]),
        (["run", "--limit", "many", "app.py"], ["whole number from 1 up", "'many'"]),
        (["run", "--limit=0", "app.py"], ["whole number from 1 up", "'0'"]),
        (["run", "--only", "", "app.py"], ["--only needs a package"]),
        (["run", "--only", "shop/models.py", "app.py"], ["dotted name", "'shop/models.py'"]),
        (["run", "--json"], ["--json needs a file"]),
        (["run", "--baseline"], ["--baseline needs a file"]),
        (["run", "--baseline=-", "app.py"], ["--baseline takes a file", "not a stream"]),
        (["run", "--update-baseline", "app.py"], ["add --baseline FILE"]),
        (
            ["run", "--baseline", "no/cycles.json", "app.py"],
            ["no baseline 'no/cycles.json'", "--baseline no/cycles.json --update-baseline"],
        ),
        (
            ["run", "--update-baseline", "--baseline", "no/cycles.json", "app.py"],
            ["can't write the baseline", "no/cycles.json", "a folder that exists"],
        ),
        (["run", "--json=x", "--baseline", "./x", "app.py"], ["both name './x'", "its own file"]),
        (["run", "--json", "no/such/folder/x.json", "app.py"], ["no/such/folder", "folder that"]),
    ],
)
def test_wrong_usage_says_what_and_how_to_mend_it(
    words: list[str], messages: list[str], asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wrong command line gets one message on standard error, status 2, and nothing is run."""
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cyclefree: ")
    for message in messages:
        assert message in printed.err
    assert asked.program is None


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (("no_such_script.py",), ["can't open file 'no_such_script.py'", "check the path"]),
        (("-m", "no_such_module"), ["No module named no_such_module", "check the name"]),
        (("-m", "no_such_module.part"), ["no_such_module.part", "check the name"]),
        (("-m", "json"), ["json.__main__", "cannot be directly executed"]),
        (("empty",), ["can't find '__main__' module"]),
    ],
)
def test_programs_that_are_not_there_are_wrong_usage(
    words: tuple[str, ...], messages: list[str], tmp_path: Path
) -> None:
    """A missing script or module gets one clear message, no traceback and no verdict."""
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "cyclefree", "run", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    for message in messages:
        assert message in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"], ["run", "--quiet", "-h"]])
def test_help_is_printed(
    words: list[str], asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help goes to standard output, names every option, and runs nothing."""
    assert main(words) == 0
    printed = capsys.readouterr().out
    for option in ("--json", "--only", "--limit", "--quiet", "-m MODULE", "-c CODE"):
        assert option in printed
    for option in ("--baseline FILE", "--update-baseline", "--gc-off"):
        assert option in printed
    assert asked.program is None


def test_version_is_printed(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` says the version, before or after `run`."""
    assert main(["--version"]) == main(["run", "--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith("cyclefree ")


# --- output -------------------------------------------------------------------------------------


def test_the_report_goes_to_standard_error(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output is the program's alone; sums and verdict close the report."""
    asked.leaves(ONCE, SMALL, RING, looks=1)
    assert main(["run", "app.py"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "used up 1 time;" in printed.err
    lines = printed.err.splitlines()
    assert "  by the program as it ran: 4 objects (1,248 bytes) in 2 shapes" in lines
    assert "  once, by imports:         126 objects (9,000 bytes) in 1 shape" in lines
    assert lines[-1] == (
        "verdict: NOT safe to run without the gc: the program leaves 2 shapes "
        "(4 objects, 1,248 bytes)"
    )


def test_shapes_that_recur_come_first(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """What decides the verdict is not pushed out of a limited list by what imports left."""
    asked.leaves(ONCE, RING)
    main(["run", "--limit", "1", "app.py"])
    printed = capsys.readouterr().err
    assert RING.fingerprint in printed
    assert ONCE.fingerprint not in printed


def test_quiet_prints_the_verdict_only(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """`--quiet` leaves one line, and the exit status."""
    asked.leaves(ONCE)
    assert main(["run", "--quiet", "app.py"]) == 0
    assert capsys.readouterr().err == (
        "verdict: safe to run without the gc (1 shape, 126 objects, was left once by imports)\n"
    )
    asked.leaves(RING)
    assert main(["run", "--quiet", "app.py"]) == 1
    assert capsys.readouterr().err == (
        "verdict: NOT safe to run without the gc: the program leaves 1 shape (1 object, 48 bytes)\n"
    )


def test_a_failing_program_keeps_its_status(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is the program's own when that is not 0, and the report says so."""
    asked.leaves(RING, status=7)
    assert main(["run", "app.py"]) == 7
    printed = capsys.readouterr().err
    assert "the program ended with status 7: the exit status is the program's own" in printed
    assert "NOT safe" in printed


def test_only_is_said(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """A verdict on some packages only says on which, and how much it left out."""
    asked.result = AuditResult("app.py", 0, CycleReport("app.py", 0, 0, (), ignored=1_200))
    assert main(["run", "--quiet", "--only", "shop", "app.py"]) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "judged: only cycles with an object defined in shop; other cycles not shown: 1,200"
    )
    assert second == "verdict: safe to run without the gc"


def test_inconclusive_is_not_safe(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """Hidden objects leave no verdict, say why, and don't exit with 0."""
    report = CycleReport("app.py", 0, 0, (), method="inconclusive")
    asked.result = AuditResult("app.py", 0, report)
    assert main(["run", "--quiet", "app.py"]) == 1
    assert "cannot tell" in capsys.readouterr().err


def test_json_goes_to_a_file(asked: Asked, tmp_path: Path) -> None:
    """`--json FILE` writes the report with the verdict beside it, over what was there before."""
    asked.leaves(RING)
    file = tmp_path / "audit.json"
    file.write_text("x" * 10_000, encoding="utf-8")
    assert main(["run", "--json", str(file), "app.py"]) == 1
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["verdict"] == "not safe"
    assert CycleReport.from_json(json.dumps(data["report"])) == asked.result.report


def test_json_goes_to_standard_output(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json -` is for pipes: the data on standard output, the text on standard error."""
    asked.leaves(RING)
    main(["run", "--json=-", "app.py"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["recurring"] == {"shapes": 1, "objects": 1, "bytes": 48}
    assert "verdict:" in printed.err


# --- the baseline -------------------------------------------------------------------------------

KNOWN = BaselineEntry(RING.fingerprint, "Order.line → Line.order", ("shop",), "see issue 12")
GONE = BaselineEntry("0badcafe", "Node.next", ("shop",), "too old")


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A baseline that knows `RING` and a shape that no program here leaves."""
    file = tmp_path / "cycles.json"
    Baseline((GONE, KNOWN)).save(file)
    return file


def test_known_shapes_do_not_fail(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is in the baseline gets a line with its reason, what is gone another; status 0."""
    asked.leaves(RING, ONCE)
    before = known.read_bytes()
    assert main(["run", "--baseline", str(known), "app.py"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == f"app.py, apart from what is known in {known}, left no reference cycles"
    at = lines.index(f"known, in {known}:")
    assert lines[at + 1 : at + 4] == [
        f"  1 of these   {KNOWN}",
        "known, but gone; run with --update-baseline to drop them:",
        f"  {GONE}",
    ]
    assert lines[-1] == (
        f"verdict: no new cycles: 1 shape, which is in {known} (1 object, 48 bytes)"
    )
    assert known.read_bytes() == before


def test_new_shapes_fail(asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shape that is not in the baseline is shown in full, alone, and decides the verdict."""
    asked.leaves(ONCE, RING, SMALL)
    assert main(["run", "--baseline", str(known), "app.py"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].endswith("left 3 objects (1,200 bytes) that only the cyclic gc can free")
    assert [line for line in lines if line.startswith("#")] == [f"#1  2 of these   {'00000001'}"]
    assert "  by the program as it ran: 4 objects (1,248 bytes) in 2 shapes" in lines
    assert lines[-1] == (
        f"verdict: NOT safe to run without the gc: 1 shape that is not in {known} "
        "(3 objects, 1,200 bytes)"
    )


def test_the_baseline_is_asked_before_the_verdict_safe(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that leaves nothing any more is safe, and is told which entries can go."""
    assert main(["run", "--baseline", str(known), "app.py"]) == 0
    printed = capsys.readouterr().err
    assert str(GONE) in printed
    assert str(KNOWN) in printed
    assert printed.endswith("verdict: safe to run without the gc\n")


def test_update_writes_what_is_there_now(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New shapes are added (and shown), those gone dropped (and told), reasons kept; status 0."""
    asked.leaves(ONCE, RING, SMALL)
    command = ["run", "--baseline", str(known), "--update-baseline", "app.py"]
    assert main(command) == 0
    printed = capsys.readouterr().err
    assert "#1  2 of these   00000001" in printed
    assert f"known, but gone; dropped from {known}:\n  {GONE}\n" in printed
    assert printed.splitlines()[-2:] == [
        f"wrote {known}: 2 shapes, 1 added, 1 dropped",
        f"verdict: no new cycles: 2 shapes, all in {known} (4 objects, 1,248 bytes)",
    ]
    assert Baseline.load(known).entries == (BaselineEntry(SMALL.fingerprint, "Item"), KNOWN)
    written = known.read_bytes()
    assert main(command) == 0
    assert known.read_bytes() == written


def test_update_makes_the_file(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first baseline is written where there is none; `--quiet` tells it in two lines."""
    asked.leaves(RING)
    file = tmp_path / "new.json"
    assert main(["run", "--quiet", f"--baseline={file}", "--update-baseline", "app.py"]) == 0
    assert capsys.readouterr().err == (
        f"wrote {file}: 1 shape, 1 added, 0 dropped\n"
        f"verdict: no new cycles: 1 shape, which is in {file} (1 object, 48 bytes)\n"
    )
    assert main(["run", "--baseline", str(file), "app.py"]) == 0


def test_a_failing_program_drops_no_entry(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that failed keeps its status; what it did not show stays in the file."""
    asked.leaves(SMALL, status=7)
    assert main(["run", "--baseline", str(known), "--update-baseline", "app.py"]) == 7
    printed = capsys.readouterr().err
    assert f"can't tell whether they are gone:\n  {GONE}\n  {KNOWN}\n" in printed
    assert "3 shapes, 1 added, 0 dropped" in printed
    assert {GONE, KNOWN} < set(Baseline.load(known).entries)


def test_ctrl_c_ends_a_server(asked: Asked, known: Path) -> None:
    """A program that is ended by Ctrl-C, as servers are, is no failed one: entries are dropped."""
    asked.leaves(RING, status=130)
    assert main(["run", "--baseline", str(known), "--update-baseline", "app.py"]) == 130
    assert Baseline.load(known).entries == (KNOWN,)


def test_other_packages_keep_their_entries(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--only store`, what is known of `shop` is neither gone nor dropped."""
    before = known.read_bytes()
    options = ["--baseline", str(known), "--update-baseline", "--only", "store"]
    assert main(["run", *options, "app.py"]) == 0
    assert "this run can't tell whether they are gone" in capsys.readouterr().err
    assert known.read_bytes() == before


def test_inconclusive_with_a_baseline(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known shapes alone are no pass when objects were hidden, not even after an update."""
    report = CycleReport("app.py", 1, 48, (RING,), method="inconclusive")
    asked.result = AuditResult("app.py", 0, report)
    assert main(["run", "--baseline", str(known), "app.py"]) == 1
    assert main(["run", "--baseline", str(known), "--update-baseline", "app.py"]) == 1
    assert capsys.readouterr().err.count("verdict: cannot tell") == 2
    assert set(Baseline.load(known).entries) == {GONE, KNOWN}


def test_long_lists_of_known_shapes_are_cut(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--limit` holds for known shapes too; those that are gone are all told."""
    shapes = [replace(RING, fingerprint=f"{n:08x}") for n in range(5)]
    file = tmp_path / "cycles.json"
    asked.leaves(*shapes[:4])
    gone = tuple(replace(GONE, fingerprint=f"0bad000{n}") for n in range(4))
    Baseline(tuple(map(BaselineEntry.of, shapes)) + gone).save(file)
    assert main(["run", "--limit", "3", "--baseline", str(file), "app.py"]) == 0
    printed = capsys.readouterr().err
    assert printed.count("1 of these") == 3
    assert "  and 1 more shape\n" in printed
    assert printed.count("too old") == 4


def test_json_has_the_comparison(asked: Asked, known: Path, tmp_path: Path) -> None:
    """The data tells new, known and gone; without a baseline there is none."""
    asked.leaves(RING, SMALL)
    file = tmp_path / "audit.json"
    assert main(["run", "--json", str(file), "--baseline", str(known), "app.py"]) == 1
    data = json.loads(file.read_text(encoding="utf-8"))
    assert data["verdict"] == "not safe"
    assert data["baseline"]["new"] == [SMALL.fingerprint]
    assert [entry["reason"] for entry in data["baseline"]["known"]] == ["see issue 12"]
    assert [entry["fingerprint"] for entry in data["baseline"]["gone"]] == ["0badcafe"]
    assert data["baseline"]["unseen"] == []
    asked.leaves(RING)
    assert main(["run", "--json", str(file), "--baseline", str(known), "app.py"]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["verdict"] == "known"
    assert main(["run", "--json", str(file), "app.py"]) == 1
    assert "baseline" not in json.loads(file.read_text(encoding="utf-8"))


def test_a_bad_baseline_is_told_before_the_program_runs(
    asked: Asked, known: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that can't be read as a baseline is wrong usage, and is not overwritten."""
    known.write_text("{", encoding="utf-8")
    for update in ([], ["--update-baseline"]):
        assert main(["run", "--baseline", str(known), *update, "app.py"]) == 2
        assert f"cyclefree: {known}: not a baseline" in capsys.readouterr().err
    assert asked.program is None
    assert known.read_text(encoding="utf-8") == "{"


def test_a_baseline_that_can_no_longer_be_written(
    asked: Asked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The report of an hour is not lost when the folder has gone meanwhile; status 2."""
    folder = tmp_path / "folder"
    folder.mkdir()

    def program(*_: object, **__: object) -> AuditResult:
        folder.rmdir()
        return asked.result

    asked.leaves(RING)
    monkeypatch.setattr(cyclefree.cli, "audit", program)
    options = ["--baseline", str(folder / "cycles.json"), "--update-baseline"]
    assert main(["run", *options, "app.py"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("verdict: NOT safe") for line in lines)
    assert lines[-1].startswith("cyclefree: can't write the baseline")


def test_the_baseline_is_where_it_was_before_the_program_ran(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its directory does not take the file with it."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def program(*_: object, **__: object) -> AuditResult:
        os.chdir("elsewhere")
        return asked.result

    monkeypatch.setattr(cyclefree.cli, "audit", program)
    assert main(["run", "--baseline", "cycles.json", "--update-baseline", "app.py"]) == 0
    assert (tmp_path / "cycles.json").exists()


def test_the_way_of_docs_baseline(tmp_path: Path) -> None:
    """The page on adopting holds: its program, its commands one after the other, what they show."""
    page = (ROOT / "docs" / "baseline.md").read_text(encoding="utf-8")
    app, baseline = tmp_path / "app.py", tmp_path / "cycles.json"
    commands = 0
    for kind, text in re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        if kind == "python":
            app.write_text(text, encoding="utf-8")
        elif kind == "diff":
            old, new = re.findall(r"^[-+](.*)", text, re.MULTILINE)
            source = app.read_text(encoding="utf-8")
            assert source.count(old) == 1
            app.write_text(source.replace(old, new), encoding="utf-8")
        elif kind == "json":  # the entry as it was written, but for the reason added by hand
            edited = json.loads(text)
            data = json.loads(baseline.read_text(encoding="utf-8"))
            at = data["cycles"].index({**edited, "reason": None})
            data["cycles"][at] = edited
            baseline.write_text(json.dumps(data), encoding="utf-8")
        elif kind == "console":
            commands += 1
            command, _, shown = text.partition("\n")
            printed = without_sizes(printed_by(command.removeprefix("$ python "), tmp_path))
            for part in without_sizes(shown).split("…\n"):
                assert part in printed
    assert commands == 5


def printed_by(words: str, folder: Path) -> str:
    """Run Python in a folder and return what it prints to standard error."""
    done = subprocess.run(
        [sys.executable, *words.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    return done.stderr


def without_sizes(text: str) -> str:
    """Leave out how many objects and bytes: instances have dictionaries on some versions."""
    return re.sub(r"\([\d,]+ objects, [\d,]+ bytes\)", "(sizes)", text)


# --- while it runs ------------------------------------------------------------------------------


def test_no_progress_where_nobody_watches(asked: Asked) -> None:
    """Standard error that is not a terminal gets no progress line."""
    main(["run", "app.py"])
    assert asked.progress is None


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_goes_away(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a second the line appears, is rewritten at most ten times a second, and is cleared."""
    terminal = Terminal()
    clock = [100.0]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(cyclefree.cli.time, "monotonic", lambda: clock[0])

    def program(
        program: Program, *, only: Sequence[str], progress: object, gc_off: bool
    ) -> AuditResult:
        assert callable(progress)
        for moment, found in ((100.9, 1), (101.5, 22), (101.55, 333), (103.0, 4)):
            clock[0] = moment
            progress(2, found)
        return asked.result

    monkeypatch.setattr(cyclefree.cli, "audit", program)
    main(["run", "app.py"])
    drawn, _, report = terminal.getvalue().rpartition("\r")
    first, second, blank = drawn.split("\r")[1:]
    assert first == "cyclefree: 2 s, 2 looks, 22 objects so far"
    assert second.rstrip() == "cyclefree: 3 s, 2 looks, 4 objects so far"
    assert len(second) == len(first)
    assert not blank.strip()
    assert "verdict:" in report


@pytest.mark.skipif(sys.version_info < (3, 11), reason="instance dictionaries count on 3.10")
def test_the_readmes_first_cycle_is_real(tmp_path: Path) -> None:
    """The README's code gives the README's report; only the sizes differ between versions."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    code = next(text for kind, text in blocks if kind == "python")
    shown = next(text for kind, text in blocks if "CyclesFoundError: load_order()" in text)
    (tmp_path / "shop.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "shop.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 1
    printed = re.sub(r"\(\d+ bytes\)", "(N bytes)", done.stderr)
    assert printed.rstrip().endswith(re.sub(r"\(\d+ bytes\)", "(N bytes)", shown).rstrip())


def test_the_example_shows_its_cycles() -> None:
    """The README's main command shows every kind of cycle in the example and exits with 1."""
    done = subprocess.run(
        [sys.executable, "-m", "cyclefree", "run", "examples/connections.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stdout.endswith("served 21 requests, 0 connections still open\n")
    for part in (
        "Connection",
        ".session",
        "Upload",
        ".on_complete",
        "local 'failure'",
        "closure variable 'walk'",
        ".__mro__",
        ".parts",
    ):
        assert part in done.stderr
    assert "NOT safe" in done.stderr
