"""The options of `gc_frozen`: every wrong one is refused where the guard is made."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from cyclefree import CollectorError, FrozenScope, _budget, _fallback, _memory, gc_frozen
from cyclefree._budget import DEFAULT, DEFAULT_BUDGET, FreezeOptions, freeze_options
from cyclefree._counters import LARGEST
from cyclefree._thresholds import FULL_ONLY

STANDARD: dict[str, Any] = {
    "defer": "all",
    "max_net_objects": DEFAULT_BUDGET,
    "max_rss": None,
    "on_exceed": "collect",
    "on_exit": "none",
    "check": None,
}


class Rude:
    """A value whose own code must not run to say that it is wrong."""

    def __repr__(self) -> str:
        raise RuntimeError("shown")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __hash__(self) -> int:
        raise RuntimeError("hashed")


class Word(str):
    """Text that is not plain."""


WORDS = ("defer", "on_exceed", "on_exit")
WRONG: list[tuple[str, object, type[Exception], str]] = [
    ("defer", "none", ValueError, 'defer= takes one of "all" (no automatic collection below'),
    ("defer", "ALL", ValueError, "\"full\" (young collections go on, full ones wait), not 'ALL'"),
    ("on_exceed", "ignore", ValueError, 'on_exceed= takes one of "collect" (collect at the next'),
    ("on_exceed", "", ValueError, "on_exceed= takes one of"),
    ("on_exit", "all", ValueError, 'on_exit= takes one of "none" (no collection), "young"'),
    *((name, None, TypeError, f"{name}= takes one of") for name in WORDS),
    *((name, True, TypeError, "not True") for name in WORDS),
    *((name, Rude(), TypeError, "not an object of type Rude") for name in WORDS),
    *((name, Word("of"), ValueError, "not an object of type Word") for name in WORDS),
    ("max_net_objects", 0, ValueError, "max_net_objects=0 is no budget: it takes 1 to"),
    ("max_net_objects", -5, ValueError, "max_net_objects=-5 is no budget"),
    ("max_net_objects", LARGEST, ValueError, "it takes 1 to 2,147,483,646 objects, or None"),
    ("max_net_objects", 10**30, ValueError, "is no budget"),
    ("max_net_objects", True, TypeError, "max_net_objects= takes a whole number or None, not True"),
    ("max_net_objects", 1e6, TypeError, "not 1000000.0: with 1_000_000"),
    ("max_net_objects", "5000", TypeError, "not '5000'"),
    ("max_net_objects", Rude(), TypeError, "not an object of type Rude"),
    ("max_rss", 0, ValueError, "max_rss=0 is no amount of memory; write it as"),
    ("max_rss", -1, ValueError, "max_rss=-1 is no amount of memory"),
    ("max_rss", "lots", ValueError, "max_rss='lots' is no amount of memory; write it as"),
    ("max_rss", "", ValueError, "max_rss='' is no amount of memory"),
    ("max_rss", "-5 MB", ValueError, "max_rss='-5 MB' is no amount of memory"),
    ("max_rss", "0.2 B", ValueError, "max_rss='0.2 B' is no amount of memory"),
    ("max_rss", "512 MiB/s", ValueError, "is no amount of memory"),
    ("max_rss", "9" * 400 + " TB", ValueError, "is no amount of memory"),
    ("max_rss", 1.5e9, TypeError, 'max_rss= takes bytes or a text such as "512 MiB", not 15'),
    ("max_rss", True, TypeError, "not True; it is the growth that is allowed, not the size"),
    ("max_rss", b"512 MiB", TypeError, "not b'512 MiB'"),
    ("max_rss", Rude(), TypeError, "not an object of type Rude"),
    ("max_rss", Word("5 MB"), TypeError, "not an object of type Word"),
    ("check", 0, ValueError, "check=0 looks at no entry at all; use 1 for each, N for one of N"),
    ("check", -3, ValueError, "check=-3 looks at no entry at all"),
    ("check", True, TypeError, "check= takes a whole number or None, not True"),
    ("check", 0.5, TypeError, "check= takes a whole number or None, not 0.5: check=100 looks for"),
    ("check", "always", TypeError, "not 'always'"),
    ("check", Rude(), TypeError, "not an object of type Rude"),
]


@pytest.mark.parametrize(("name", "value", "kind", "said"), WRONG)
def test_wrong_options(name: str, value: object, kind: type[Exception], said: str) -> None:
    """One error says which option is wrong, and what it takes, before anything is guarded."""
    wrong: dict[str, Any] = {name: value}
    for make in (
        lambda: freeze_options(**{**STANDARD, **wrong}),
        lambda: gc_frozen(**wrong),
        lambda: gc_frozen(print, **wrong),
    ):
        with pytest.raises(kind, match=re.escape(said)) as caught:
            make()
        assert type(caught.value) is kind
        assert caught.value.__context__ is None


def test_several_wrong_options_are_told_one_by_one() -> None:
    """The first wrong one is named, and no other."""
    with pytest.raises(ValueError, match=r"^defer=") as caught:
        gc_frozen(defer="some", max_net_objects=-1, on_exit="?")  # type: ignore[call-overload]
    assert "on_exit" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "bytes_"),
    [
        ("512 MiB", 512 * 2**20),
        ("1.5GB", 1_500_000_000),
        ("4096", 4096),
        (4096, 4096),
        (1, 1),
        (10**30, 10**30),
    ],
)
def test_sizes(size: int | str, bytes_: int) -> None:
    """The memory budget is bytes, or a text with a unit."""
    assert freeze_options(**{**STANDARD, "max_rss": size}).max_rss == bytes_
    gc_frozen(max_rss=size)


def test_the_defaults() -> None:
    """Without options a guard has the documented ones, and those given in full mean the same."""
    assert freeze_options(**STANDARD) == DEFAULT == FreezeOptions()
    assert (DEFAULT.young, DEFAULT.bar, DEFAULT.is_plain) == (1_000_000, 1_000_000, True)
    for guard in (gc_frozen(), gc_frozen(**STANDARD), gc_frozen(max_net_objects=int("1000000"))):
        assert type(guard) is FrozenScope
        assert guard._options == DEFAULT


def test_what_the_options_become() -> None:
    """Each option has its place in what the guard works with."""
    made = freeze_options("all", 5_000, "1 MB", "raise", "young", 100)
    assert (made.young, made.bar, made.max_rss) == (5_000, 5_000, 1_000_000)
    assert (made.on_exceed, made.exit_generation, made.check) == ("raise", 0, 100)
    assert not made.is_plain
    off = freeze_options("all", None, None, "collect", "full", None)
    assert (off.young, off.max_net_objects, off.exit_generation) == (LARGEST, None, 2)
    assert off.bar == sys.maxsize
    assert not off.is_plain
    assert freeze_options(**{**STANDARD, "max_net_objects": LARGEST - 1}).young == LARGEST - 1
    with pytest.raises(AttributeError):
        made.young = 1  # type: ignore[misc]


def test_full_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With defer="full" the budget is none of the interpreter's, and a checkpoint collects all."""
    monkeypatch.setattr(_budget, "is_incremental", lambda: False)
    full = freeze_options(**{**STANDARD, "defer": "full"})
    assert (full.young, full.bar, full.generation) == (FULL_ONLY, DEFAULT_BUDGET, 2)
    assert freeze_options(**{**STANDARD, "defer": "full", "max_net_objects": None}).young == 0
    assert DEFAULT.generation == 1
    monkeypatch.setattr(_budget, "is_incremental", lambda: True)
    assert DEFAULT.generation == 2


@pytest.mark.parametrize(
    ("version", "incremental"),
    [
        ((3, 10, 0), False),
        ((3, 13, 12), False),
        ((3, 14, 0), True),
        ((3, 14, 4), True),
        ((3, 14, 5), False),
        ((3, 15, 0), False),
    ],
)
def test_which_versions_collect_bit_by_bit(
    version: tuple[int, int, int], incremental: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPython 3.14.0 to 3.14.4 have no full collections to defer, and say so."""
    double = SimpleNamespace(version_info=(*version, "final", 0), maxsize=sys.maxsize)
    monkeypatch.setattr(_budget, "sys", double)
    assert _budget.is_incremental() is incremental
    gc_frozen(on_exit="young")
    if incremental:
        with pytest.raises(CollectorError, match=r'bit by bit; use defer="all", or CPython 3.14.5'):
            gc_frozen(defer="full")
    else:
        assert gc_frozen(defer="full")._options.young == FULL_ONLY


def test_a_free_threaded_build_has_no_full_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without generations defer="full" is refused, and the rest works."""
    monkeypatch.setattr(_fallback, "_looking_works", False)
    with pytest.raises(CollectorError, match=r'free-threaded build.*; use defer="all"$'):
        gc_frozen(defer="full")
    assert gc_frozen(max_net_objects=5)._options.young == 5


def test_no_memory_budget_where_the_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc and psutil max_rss is refused where the guard is made; wrong ones still are."""
    monkeypatch.setattr(_memory, "_STATM", "/nowhere/statm")
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(CollectorError, match="install psutil, or use max_net_objects= alone"):
        gc_frozen(max_rss="512 MiB")
    with pytest.raises(ValueError, match="no amount of memory"):
        gc_frozen(max_rss="lots")
    gc_frozen(max_net_objects=5)
