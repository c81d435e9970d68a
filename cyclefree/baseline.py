"""Known shapes of cycles, each with the reason why it is still there: fail on new ones only.

A program that leaves forty shapes of cycles today cannot be clean tomorrow, but it can be kept from
getting worse: write the shapes down once, fail on whatever is not written down, and strike entries
off as they are mended. The file is meant for version control and for people: they write the
reasons. So it holds nothing that differs between two runs of the same program: no addresses, no
paths, no keys and indices, and *no counts*. A count follows the load and the length of the run, it
would be out of date when written, every update would change every entry, and the report of each run
has the real one.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from threading import get_ident

from cyclefree.errors import CyclefreeError
from cyclefree.render.lines import printable
from cyclefree.reports import Cycle, CycleReport

__all__ = ["SCHEMA", "Baseline", "BaselineEntry", "Comparison", "check_writable", "shape_line"]

SCHEMA = "cyclefree/baseline/1"

_MAX_STEPS = 12  # of a ring that one line shows; the fingerprint tells longer ones apart

_MEND = "mend the file by hand, take it back from version control, or delete it and write a new one"


@dataclass(frozen=True)
class BaselineEntry:
    """One shape of cycle that is known.

    Attributes:
        fingerprint: The eight digits by which reports name the shape: `Cycle.fingerprint`.
        shape: One line for people, as `shape_line` makes it; nothing is compared with it.
        modules: The modules in which the classes, functions and frames of the shape are defined,
            without "builtins": they tell whether a run with `only` could have seen it.
        reason: Why it is still there, in somebody's words; None until somebody says.

    Example:
        >>> print(BaselineEntry("7fa916f4", "Order.lines → OrderLine.order", reason="see #12"))
        7fa916f4   Order.lines → OrderLine.order   reason: see #12
    """

    fingerprint: str
    shape: str
    modules: tuple[str, ...] = ()
    reason: str | None = None

    def __str__(self) -> str:
        reason = " ".join((self.reason or "").split())
        told = f"reason: {reason}" if reason else "no reason given"
        return printable(f"{self.fingerprint}   {self.shape}   {told}")

    @classmethod
    def of(cls, cycle: Cycle) -> BaselineEntry:
        """Make the entry of a shape that has none yet; its reason is for a person to write."""
        modules = tuple(sorted(name for name in cycle.modules if name != "builtins"))
        return cls(cycle.fingerprint, shape_line(cycle), modules)


@dataclass(frozen=True)
class Comparison:
    """What a report has that a baseline has not, and the other way round.

    Attributes:
        new: The shapes that are not in the baseline, in the report's order.
        known: Those that are, each with its entry.
        gone: Entries whose shapes the run would have shown, and did not: they may be dropped.
        unseen: Entries of which the run can say nothing: see `Baseline.compare`.
    """

    new: tuple[Cycle, ...]
    known: tuple[tuple[Cycle, BaselineEntry], ...]
    gone: tuple[BaselineEntry, ...]
    unseen: tuple[BaselineEntry, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """The known shapes of cycles of one program or one test suite.

    Plain data, which may be used from any thread; every change makes a new one.

    Attributes:
        entries: The known shapes; `to_json` and `updated` sort them.

    Example:
        >>> from cyclefree import cycle_scope
        >>> class Node:
        ...     def __init__(self):
        ...         self.me = self
        >>> with cycle_scope() as found:
        ...     node = Node()
        ...     del node
        >>> baseline = Baseline().updated(found.report)
        >>> [entry.shape for entry in baseline.entries]
        ['Node.me']
        >>> baseline.compare(found.report).new
        ()
    """

    entries: tuple[BaselineEntry, ...] = ()

    def compare(
        self, report: CycleReport, *, only: Sequence[str] = (), complete: bool = True
    ) -> Comparison:
        """Tell new shapes from known ones, and say which known ones are gone.

        Shapes that imports leave once (`Cycle.once`) are passed over: they do not pile up, no
        verdict rests on them, and so none belongs into a baseline.

        Args:
            report: What a run left.
            only: The packages that the run was limited to: an entry that belongs to none of them
                could not be seen, and is not gone.
            complete: Whether the program ran to its end. One that failed did not do all that it
                does: what it did not show is not gone. Nor is it when the report is inconclusive.

        Returns:
            The comparison; each entry is in one of `known`, `gone` and `unseen`.
        """
        entries = {entry.fingerprint: entry for entry in self.entries}
        cycles = [cycle for cycle in report.cycles if not cycle.once]
        found = {cycle.fingerprint for cycle in cycles}
        complete = complete and report.method != "inconclusive"
        gone: list[BaselineEntry] = []
        unseen: list[BaselineEntry] = []
        for entry in self.entries:
            if entry.fingerprint not in found:
                (gone if complete and _is_judged(entry, only) else unseen).append(entry)
        return Comparison(
            new=tuple(c for c in cycles if c.fingerprint not in entries),
            known=tuple((c, entries[c.fingerprint]) for c in cycles if c.fingerprint in entries),
            gone=tuple(gone),
            unseen=tuple(unseen),
        )

    def updated(
        self, report: CycleReport, *, only: Sequence[str] = (), complete: bool = True
    ) -> Baseline:
        """Return the baseline that fits a report: new shapes added, those gone dropped.

        Entries that stay are kept as they are, with the reasons that people wrote; so are those of
        which the run can say nothing.

        Args:
            report: What a run left.
            only: As for `compare`.
            complete: As for `compare`.
        """
        compared = self.compare(report, only=only, complete=complete)
        entries = {cycle.fingerprint: BaselineEntry.of(cycle) for cycle in compared.new}
        entries |= {entry.fingerprint: entry for _, entry in compared.known}
        entries |= {entry.fingerprint: entry for entry in compared.unseen}
        return Baseline(_sorted(entries.values()))

    def to_json(self) -> str:
        """Return the text of the file: indented, sorted, the same for equal baselines.

        Sorted by the lines that people read, so that shapes of one class stand together.
        """
        data = {"schema": SCHEMA, "cycles": [asdict(entry) for entry in _sorted(self.entries)]}
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        # UTF-8 has no half of a surrogate pair, but JSON has: "\ud800" in a reason stays one.
        return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)

    @classmethod
    def from_json(cls, text: str) -> Baseline:
        """Read what `to_json` wrote and people may have edited.

        `modules` and `reason` may be missing. An unknown key is refused: it is somebody's slip, and
        passing over it would lose what they wrote at the next update.

        Raises:
            ValueError: The text is no JSON, or no baseline of this schema; the message says what is
                wrong, where, and how to mend it.
        """
        try:
            data: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            hint = ""
            if re.search(r"^(<<<<<<<|=======|>>>>>>>)", text, re.MULTILINE):
                hint = "it holds the marks of a merge conflict: settle it, or "
            why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ValueError(f"not a baseline: no JSON ({why}); {hint}{_MEND}") from None
        if type(data) is not dict or data.get("schema") != SCHEMA:
            found = data.get("schema") if type(data) is dict else data
            raise _wrong("schema", json.dumps(SCHEMA), found)
        _check_keys(data, {"schema", "cycles"}, "the file")
        listed = data.get("cycles")
        if type(listed) is not list:
            raise _wrong("cycles", "a list of entries", listed)
        entries = tuple(_entry(value, f"cycles[{at}]") for at, value in enumerate(listed))
        places: dict[str, int] = {}
        for at, entry in enumerate(entries):
            first = places.setdefault(entry.fingerprint, at)
            if first != at:
                raise ValueError(
                    f"not a baseline: cycles[{first}] and cycles[{at}] have the same fingerprint "
                    f'"{entry.fingerprint}"; delete one of them and keep the reason that holds'
                )
        return cls(entries)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baseline:
        """Read a baseline from a file.

        Raises:
            CyclefreeError: There is no such file, it can't be read, or it is no baseline; the
                message names the file, what is wrong, and how to mend it.
        """
        name = os.fspath(path)
        try:
            # utf-8-sig: some editors put a byte order mark in front.
            with open(path, encoding="utf-8-sig") as file:
                return cls.from_json(file.read())
        except FileNotFoundError:
            raise CyclefreeError(
                f"there is no baseline {name!r}; run once with --baseline {name} --update-baseline "
                "to write it, or check the path"
            ) from None
        except OSError as error:
            raise CyclefreeError(
                f"can't read the baseline {name!r}: {error.strerror}; give a file that you may read"
            ) from None
        except UnicodeDecodeError as error:
            raise CyclefreeError(
                f"{name}: not a baseline: no UTF-8 at byte {error.start}; {_MEND}"
            ) from None
        except ValueError as error:
            raise CyclefreeError(f"{name}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the baseline to a file: all of it, or nothing.

        A file that is there is replaced in one step, so that nobody reads half of one; it keeps its
        mode, and a symbolic link goes on to point to it.

        Raises:
            CyclefreeError: The file can't be written; what was there is untouched.
        """
        _write(path, self.to_json())


# --- the line of a shape ------------------------------------------------------------------------


def shape_line(cycle: Cycle) -> str:
    """Show the ring of a shape on one line.

    Keys and indices are `[*]`, containers are left out between other objects, and a step that comes
    again is said once: a list of 7 nodes and one of 9 are one shape, and one line. Nothing in it
    would steer a terminal.

    Example:
        >>> from cyclefree.reports import ObjectSummary, Reference
        >>> objects = [ObjectSummary(name, module, None) for name, module in
        ...            [("Order", "shop"), ("list", "builtins"), ("OrderLine", "shop")]]
        >>> ring = (Reference(0, 1, ".lines"), Reference(1, 2, "[0]"), Reference(2, 0, ".order"))
        >>> shape_line(Cycle(1, None, "7fa916f4", tuple(objects), ring, (), (), (), 200))
        'Order.lines → OrderLine.order'
    """
    if not cycle.references:
        return printable(", ".join(sorted(name for name, _ in cycle.members)) or "unnamed objects")
    start = cycle.references[0].source
    folded = not cycle.objects[start].is_container
    steps: dict[str, None] = {}
    for reference in cycle.references:
        source = cycle.objects[reference.source]
        if folded and source.is_container:
            continue
        called = f"{source.type_name} {source.name}" if source.name else source.type_name
        name = "[*]" if reference.name.startswith("[") else reference.name
        steps[called + (name if name.startswith((".", "[")) else f" {name}")] = None
    shown = list(steps)[:_MAX_STEPS]
    if len(steps) > len(shown):
        shown.append(f"… ({len(steps) - len(shown):,} more)")
    return printable(" → ".join(shown))


def _is_judged(entry: BaselineEntry, only: Sequence[str]) -> bool:
    """Whether a run that was limited to the packages `only` would have shown this shape."""
    if not only:
        return True
    return any(
        module == package or module.startswith(package + ".")
        for module in entry.modules
        for package in only
    )


def _sorted(entries: Iterable[BaselineEntry]) -> tuple[BaselineEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.shape, entry.fingerprint)))


# --- reading ------------------------------------------------------------------------------------


def _entry(value: object, place: str) -> BaselineEntry:
    """Check one entry, which a person may have written."""
    if type(value) is not dict:
        raise _wrong(place, "an object", value)
    fingerprint, shape = value.get("fingerprint"), value.get("shape")
    if type(fingerprint) is not str or not re.fullmatch("[0-9a-f]{8}", fingerprint):
        raise _wrong(f"{place}.fingerprint", "the eight digits that a report shows", fingerprint)
    place += f' ("{fingerprint}")'  # easier to find in a long file than its number
    if type(shape) is not str:
        raise _wrong(f"{place}.shape", "a string", shape)
    modules, reason = value.get("modules", []), value.get("reason")
    if type(modules) is not list or not all(type(name) is str for name in modules):
        raise _wrong(f"{place}.modules", "a list of strings", modules)
    if reason is not None and type(reason) is not str:
        raise _wrong(f"{place}.reason", "a string, or null for none", reason)
    _check_keys(value, {field.name for field in fields(BaselineEntry)}, place)
    return BaselineEntry(fingerprint, shape, tuple(modules), reason)


def _check_keys(value: dict[str, object], known: set[str], place: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise ValueError(
            f"not a baseline: {place} has the unknown key {json.dumps(unknown[0])}; "
            f"known are {', '.join(sorted(known))}"
        )


def _wrong(place: str, expected: str, value: object) -> ValueError:
    found = json.dumps(value)
    if len(found) > 60:
        found = found[:59] + "…"
    return ValueError(f"not a baseline: {place} should be {expected}, but is {found}; {_MEND}")


# --- writing ------------------------------------------------------------------------------------


def check_writable(path: str | os.PathLike[str]) -> None:
    """Make sure, before a program runs for an hour, that `save` will find its place.

    Raises:
        CyclefreeError: No file can be made there; the message says why and what to give instead.
    """
    _write(path, None)


def _write(path: str | os.PathLike[str], text: str | None) -> None:
    """Write a file beside `path` and move it there; without a text, only try."""
    target = os.path.realpath(path)
    # Not the module tempfile: importing it loads half a dozen others, and what they leave the
    # audited program would no longer leave itself.
    beside = f"{target}.{os.getpid()}-{get_ident()}.tmp"
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(None, "it is a directory")
        try:
            with open(beside, "w", encoding="utf-8", newline="\n") as file:
                file.write(text or "")
            if text is not None:
                with suppress(FileNotFoundError):
                    os.chmod(beside, stat.S_IMODE(os.stat(target).st_mode))
                os.replace(beside, target)
        finally:
            with suppress(FileNotFoundError):
                os.remove(beside)
    except OSError as error:
        raise CyclefreeError(
            f"can't write the baseline {os.fspath(path)!r}: {error.strerror}; "
            "give a file in a folder that exists and that you may write to"
        ) from None
