"""A typing.NamedTuple made in a function."""

import typing

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/typing.html#typing.NamedTuple"
KIND = "cycle"
EXPECT = {"types": ["type"], "edge_names": ["__mro__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    class Point(typing.NamedTuple):
        x: int
        y: int = 0

    return Point(1).y
