"""docs/gallery.md: its programs leave the cycles that it shows, and none once they are mended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_every_program_of_the_gallery_is_mended() -> None:
    """The script that makes the page runs each program and fails where one is not as it says."""
    answer = subprocess.run(
        [sys.executable, str(DOCS / "make_gallery.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("6 programs: ")


def test_the_page_shows_every_program_and_no_path_of_a_machine() -> None:
    """Each program's source is on the page, with a remedy, and nothing of where it was made."""
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for path in (DOCS / "gallery").glob("*.py"):
        title = path.read_text(encoding="utf-8").split('"""')[1].rstrip(".")
        assert f"## {title}\n" in text
    assert text.count("    fix: ") >= 6
    assert "/root" not in text and "/home" not in text and "site-packages" not in text
