"""Fixtures for every test; above all the one that proves that the collector was put back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest


def state() -> tuple[object, ...]:
    """Return everything about the collector that cyclefree may change and has to put back."""
    return (
        gc.isenabled(),
        gc.get_threshold(),
        gc.get_debug(),
        gc.get_freeze_count(),
        sys.getswitchinterval(),
        list(map(id, gc.garbage)),
        # Hypothesis adds a hook of its own when its first test runs, and keeps it.
        [id(hook) for hook in gc.callbacks if "hypothesis" not in hook.__module__],
    )


@pytest.fixture(autouse=True)
def collector_as_found() -> Iterator[None]:
    """Fail a test after which the collector is not as it was before it."""
    before = state()
    yield
    assert state() == before
