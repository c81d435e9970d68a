"""Warnings that point at the user's line, not at ours."""

from __future__ import annotations

import os
import sys
import warnings

from cyclefree.errors import CyclefreeWarning

__all__ = ["warn_caller"]

_HERE = os.path.join(os.path.dirname(__file__), "")
"""The folder that holds the library's code."""


def warn_caller(text: str) -> None:
    """Give a `CyclefreeWarning` on the line that called into the library."""
    warnings.warn(text, CyclefreeWarning, stacklevel=_frames_of_ours())


def _frames_of_ours() -> int:
    """Count the frames from `warnings.warn` to the guarded call or block, as `stacklevel` counts.

    Not a fixed number: sampling puts a frame in between
    (tests/test_warn.py::test_a_warning_points_to_the_call).
    """
    level = 1
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_HERE) and frame.f_back is not None:
        level += 1
        frame = frame.f_back
    return level
