"""Nodes with slots that know the next and the previous one."""

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/weakref.html"
KIND = "cycle"
EXPECT = {"types": ["Node"], "edge_names": ["next", "previous"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Node:
    __slots__ = ("next", "previous")


def run():
    first, second = Node(), Node()
    first.next, second.previous = second, first
