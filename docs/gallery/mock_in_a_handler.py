"""A Mock that stands in for a service, outside of tests."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import Mock


def faulty() -> int:
    service = Mock()
    service.price.return_value = 3
    return service.price("tea")


# --- mended: as the report says ---


def mended() -> int:
    service = SimpleNamespace(price=lambda item: 3)
    return service.price("tea")
