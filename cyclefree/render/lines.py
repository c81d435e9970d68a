"""Lines of text with styles, and how they come to a terminal in colour."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Line", "coloured", "printable"]

_STYLES = {
    "title": "bold",
    "number": "bold",
    "name": "cyan",
    "place": "dim",
    "advice": "bold red",
    "guilty": "bold red underline",
    "fix": "bold green",
}


class Line:
    """One line: pieces of text, each with the name of a style, or "" for none.

    Args:
        pieces: text and style.
    """

    __slots__ = ("_pieces",)

    def __init__(self, *pieces: tuple[str, str]) -> None:
        self._pieces: list[tuple[str, str]] = []
        for text, style in pieces:
            self.add(text, style)

    def add(self, text: str, style: str) -> None:
        """Put a piece at the end; what would break the line is escaped."""
        self._pieces.append((printable(text), style))

    def plain(self) -> str:
        """Return the text alone."""
        return "".join(text for text, _ in self._pieces)

    def pieces(self) -> tuple[tuple[str, str], ...]:
        """Return text and style of each piece."""
        return tuple(self._pieces)


def printable(text: str) -> str:
    """Escape what would break the line or steer the terminal: class names may be any text."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def coloured(lines: Iterable[Line]) -> str:
    """Write lines out with the colours of a terminal, where `rich` is installed; else plain."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        return "\n".join(line.plain().rstrip() for line in lines)
    from io import StringIO

    console = Console(
        file=StringIO(), force_terminal=True, color_system="standard", no_color=False, width=10_000
    )
    written = []
    for line in lines:
        text = Text()
        for piece, style in line.pieces():
            text.append(piece, _STYLES.get(style, ""))
        text.rstrip()
        with console.capture() as capture:
            console.print(text, end="", soft_wrap=True, highlight=False)
        written.append(capture.get())
    return "\n".join(written)
