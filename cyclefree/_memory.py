"""The resident memory of this process, and sizes as people write them."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.util import find_spec

from cyclefree.errors import CyclefreeError

__all__ = ["can_tell_resident", "read_size", "resident"]

_STATM = "/proc/self/statm"

_UNITS: dict[str, int] = {
    "": 1,
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
}

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)


def read_size(text: str) -> int | None:
    """Return the bytes that `text` means: "512 MiB", "1.5 GB", "4096"; None where it means none.

    kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB of 1024; case does not matter.
    """
    match = _SIZE.fullmatch(text)
    if match is None or match[2].lower() not in _UNITS:
        return None
    try:
        return round(float(match[1]) * _UNITS[match[2].lower()])
    except OverflowError:  # hundreds of digits
        return None


def can_tell_resident() -> bool:
    """Whether `resident` works here: on Linux, and elsewhere where psutil is installed."""
    return os.path.exists(_STATM) or find_spec("psutil") is not None


def resident() -> int:
    """Return how many bytes of physical memory this process has now.

    About 10 microseconds, from `/proc/self/statm`; where there is no such file, psutil is asked.

    Raises:
        CyclefreeError: there is neither.
    """
    try:
        with open(_STATM, "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        psutil = import_module("psutil")
    except ImportError:
        raise CyclefreeError(
            "can't tell how much memory this process has: there is no /proc/self/statm here; "
            "install psutil, or leave max_rss out"
        ) from None
    return int(psutil.Process().memory_info().rss)
