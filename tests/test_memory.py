"""The resident memory, and sizes as people write them."""

from __future__ import annotations

import mmap
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cyclefree import CyclefreeError, _memory
from cyclefree._memory import can_tell_resident, read_size, resident

on_linux = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096 b", 4096),
        ("512 MiB", 512 * 2**20),
        ("512mib", 512 * 2**20),
        ("  1.5GB\n", 1_500_000_000),
        (".5 kB", 500),
        ("2 KB", 2_000),
        ("2 KiB", 2_048),
        ("3 TB", 3 * 10**12),
        ("3 TiB", 3 * 2**40),
        ("1 GiB", 2**30),
        ("0.0004 kB", 0),
        ("٣ MB", 3_000_000),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """Powers of 1000 and of 1024, with and without a space, in any case."""
    assert read_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "lots",
            "MB",
            "-1 MB",
            "+1 MB",
            "1 MB 2",
            "1,5 GB",
            "1_000",
            "1.",
            "1e6",
            "0x10",
        ),
        *("512 Mb/s", "512 MBB", "512 PB", "512 M", "nan", "inf", "1 ſb", "9" * 400),
    ],
)
def test_other_texts_mean_no_size(text: str) -> None:
    """What is no size is None: the caller says what is wrong with it."""
    assert read_size(text) is None


@on_linux
def test_the_memory_that_is_really_used() -> None:
    """Sixteen million bytes that are written to are seen to come."""
    assert can_tell_resident()
    before = resident()
    assert before > 2**20
    with mmap.mmap(-1, 16_000_000) as kept:  # bytes might get pages that have been there
        kept.write(b"x" * 16_000_000)
        assert resident() - before > 12_000_000


@on_linux
def test_it_is_the_number_of_the_system() -> None:
    """The figure is `VmRSS`, in bytes, but for what the reading itself changes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    assert abs(resident() - int(line.split()[1]) * 1024) < 4_000_000


def test_without_proc_psutil_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On other systems psutil knows."""
    asked: list[str] = []

    class Process:
        def memory_info(self) -> Any:
            asked.append("memory")
            return SimpleNamespace(rss=123_456)

    double = ModuleType("psutil")
    double.__spec__ = ModuleSpec("psutil", None)
    double.Process = Process  # type: ignore[attr-defined]
    monkeypatch.setattr(_memory, "_STATM", str(tmp_path / "statm"))
    monkeypatch.setitem(sys.modules, "psutil", double)
    assert can_tell_resident()
    assert resident() == 123_456
    assert asked == ["memory"]


def test_without_either_there_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody knows: the error says what to install, or to leave out."""
    monkeypatch.setattr(_memory, "_STATM", str(tmp_path / "statm"))
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert not can_tell_resident()
    with pytest.raises(CyclefreeError, match="install psutil, or leave max_rss out") as caught:
        resident()
    assert caught.value.__suppress_context__


def test_the_figure_of_proc_is_in_pages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second number of `statm`, in pages of the system's size."""
    statm = tmp_path / "statm"
    statm.write_text("9000 12 5 1 0 800 0\n", encoding="ascii")
    monkeypatch.setattr(_memory, "_STATM", str(statm))
    assert can_tell_resident()
    assert resident() == 12 * os.sysconf("SC_PAGE_SIZE")
