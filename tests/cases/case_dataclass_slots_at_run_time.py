"""A dataclass with slots made in a function: two classes, one of them discarded."""

import dataclasses

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/dataclasses.html"
KIND = "cycle"
EXPECT = {"types": ["type"], "edge_names": ["__mro__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    @dataclasses.dataclass(slots=True)
    class Point:
        x: int
        y: int = 0

    return Point(1).y
